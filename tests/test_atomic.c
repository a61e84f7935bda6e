// test_atomic.c - gokore_atomic.h: every operation of every type against plain arithmetic, and the prelude
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// ---- operations: for random and extreme values, the generic name and the plain function do what a model does

#define ROUNDS 200
#define ORDERS(M, ...) M(__VA_ARGS__, ) M(__VA_ARGS__, _acquire) M(__VA_ARGS__, _release) M(__VA_ARGS__, _acq_rel) M(__VA_ARGS__, _relaxed)

static uint64_t value_of(uint64_t *state) { // often an extreme one
    static const uint64_t extremes[] = { 0, 1, 2, UINT64_MAX, UINT64_MAX - 1, 0x7f, 0x80, 0x7fff, 0x8000,
                                         0x7fffffff, 0x80000000, 0x7fffffffffffffff, 0x8000000000000000 };
    uint64_t x = test_random(state);
    return x % 3 == 0 ? extremes[(x >> 8) % (sizeof extremes / sizeof extremes[0])] : x;
}

static void tried(bool answered, bool stored, const char *call, int line) {
    if (!answered) (void)test_check(false, __FILE__, line, call);
    if (!stored) (void)test_check(false, call, line, "what is stored afterwards");
}
// Expects that the call answers `answer` and leaves `now`, from the value `old` each time.
#define TRY(T, call, answer, now)                                                                                    \
    gokore_atomic_store(&a, old);                                                                                    \
    answered = (answer) == (call);                                                                                   \
    tried(answered, (T)(now) == gokore_atomic_load(&a), #call, __LINE__);

#define TRY_EXCHANGE(N, T, X)                                                                                        \
    TRY(T, gokore_atomic_exchange##X(&a, v), old, v)                                                                 \
    TRY(T, N##_exchange##X(&a, v), old, v)
#define TRY_CAS(N, T, X)                                                                                             \
    TRY(T, gokore_atomic_cas##X(&a, old, v), true, v)                                                                \
    TRY(T, N##_cas##X(&a, old, v), true, v)                                                                          \
    TRY(T, gokore_atomic_cas##X(&a, other, v), other == old, other == old ? v : old)
#define TRY_COMPARE_EXCHANGE(N, T, X)                                                                                \
    TRY(T, (expected = old, gokore_atomic_compare_exchange##X(&a, &expected, v)), true, v)                           \
    TRY(T, (expected = old, N##_compare_exchange##X(&a, &expected, v)), true, v)                                     \
    CHECK(expected == old);                                                                                          \
    TRY(T, (expected = other, gokore_atomic_compare_exchange##X(&a, &expected, v)), other == old, other == old ? v : old) \
    CHECK(expected == old);                                                                                          \
    gokore_atomic_store(&a, old);                                                                                    \
    expected = other;                                                                                                \
    while (!gokore_atomic_compare_exchange_weak##X(&a, &expected, v)) CHECK(expected == old);                        \
    CHECK(gokore_atomic_load(&a) == v);                                                                              \
    gokore_atomic_store(&a, old);                                                                                    \
    expected = other;                                                                                                \
    while (!N##_compare_exchange_weak##X(&a, &expected, v)) CHECK(expected == old);                                  \
    CHECK(gokore_atomic_load(&a) == v);
#define TRY_FETCH(N, T, op, now, X)                                                                                  \
    TRY(T, gokore_atomic_##op##X(&a, v), old, now)                                                                   \
    TRY(T, N##_##op##X(&a, v), old, now)
#define TRY_ADD(N, T, X)                                                                                             \
    TRY(T, gokore_atomic_add##X(&a, v), (T)(O + V), O + V)                                                           \
    TRY(T, N##_add##X(&a, v), (T)(O + V), O + V)
#define TRY_STORE(N, T, X)                                                                                           \
    gokore_atomic_store##X(&a, v);                                                                                   \
    CHECK(gokore_atomic_load(&a) == v);                                                                              \
    N##_store##X(&a, old);                                                                                           \
    CHECK(gokore_atomic_load(&a) == old);
#define TRY_LOAD(N, T, X)                                                                                            \
    CHECK(gokore_atomic_load##X(&a) == old);                                                                         \
    CHECK(gokore_atomic_load##X(read_only) == old);                                                                  \
    CHECK(N##_load##X(read_only) == old);

#define SWAPS(N, T)                                                                                                  \
    TRY_STORE(N, T, ) TRY_STORE(N, T, _release) TRY_STORE(N, T, _relaxed)                                            \
    TRY_LOAD(N, T, ) TRY_LOAD(N, T, _acquire) TRY_LOAD(N, T, _relaxed)                                               \
    ORDERS(TRY_EXCHANGE, N, T)                                                                                       \
    ORDERS(TRY_CAS, N, T)                                                                                            \
    ORDERS(TRY_COMPARE_EXCHANGE, N, T)
#define LOGIC(N, T)                                                                                                  \
    ORDERS(TRY_FETCH, N, T, fetch_and, O & V)                                                                        \
    ORDERS(TRY_FETCH, N, T, fetch_or, O | V)                                                                         \
    ORDERS(TRY_FETCH, N, T, fetch_xor, O ^ V)

// One function per group keeps each small enough for a sanitizing compiler. O and V are old and v as 64 bits.
#define BEGIN(name, N, T, from)                                                                                      \
    static void name(uint64_t *state) {                                                                              \
        N a = GOKORE_ATOMIC_INIT(0);                                                                                 \
        const T old = (T)(from(state)), v = (T)(from(state)), other = (T)(from(state));                              \
        const uint64_t O = (uint64_t)old, V = (uint64_t)v;                                                           \
        const N *read_only = &a;                                                                                     \
        T expected = other;                                                                                          \
        bool answered;                                                                                               \
        (void)read_only, (void)O, (void)V, (void)expected;
#define END }
#define ROUND(name) name(&state);

#define TEST_INTEGER(short_name, T)                                                                                  \
    BEGIN(short_name##_swaps, gokore_atomic_##short_name, T, value_of) SWAPS(gokore_atomic_##short_name, T) END      \
    BEGIN(short_name##_logic, gokore_atomic_##short_name, T, value_of)                                               \
        LOGIC(gokore_atomic_##short_name, T)                                                                         \
        ORDERS(TRY_FETCH, gokore_atomic_##short_name, T, fetch_nand, ~(O & V))                                       \
    END                                                                                                              \
    BEGIN(short_name##_arithmetic, gokore_atomic_##short_name, T, value_of)                                          \
        ORDERS(TRY_FETCH, gokore_atomic_##short_name, T, fetch_add, O + V)                                           \
        ORDERS(TRY_FETCH, gokore_atomic_##short_name, T, fetch_sub, O - V)                                           \
        ORDERS(TRY_ADD, gokore_atomic_##short_name, T)                                                               \
    END                                                                                                              \
    BEGIN(short_name##_limits, gokore_atomic_##short_name, T, value_of)                                              \
        ORDERS(TRY_FETCH, gokore_atomic_##short_name, T, fetch_min, old < v ? old : v)                               \
        ORDERS(TRY_FETCH, gokore_atomic_##short_name, T, fetch_max, old > v ? old : v)                               \
    END                                                                                                              \
    TEST(atomic, short_name) {                                                                                       \
        uint64_t state = test_seed();                                                                                \
        static gokore_atomic_##short_name zeroed, five = GOKORE_ATOMIC_INIT(5);                                      \
        CHECK(gokore_atomic_load(&zeroed) == 0);                                                                     \
        CHECK(gokore_atomic_load(&five) == 5);                                                                       \
        CHECK_UINT(sizeof(T), sizeof zeroed);                                                                        \
        CHECK_UINT(sizeof(T), _Alignof(gokore_atomic_##short_name));                                                 \
        for (int i = 0; i < ROUNDS; i++) {                                                                           \
            ROUND(short_name##_swaps)                                                                                \
            ROUND(short_name##_logic)                                                                                \
            ROUND(short_name##_arithmetic)                                                                           \
            ROUND(short_name##_limits)                                                                               \
        }                                                                                                            \
    }

TEST_INTEGER(i8, int8_t)
TEST_INTEGER(u8, uint8_t)
TEST_INTEGER(i16, int16_t)
TEST_INTEGER(u16, uint16_t)
TEST_INTEGER(i32, int32_t)
TEST_INTEGER(u32, uint32_t)
TEST_INTEGER(i64, int64_t)
TEST_INTEGER(u64, uint64_t)
TEST_INTEGER(size, size_t)

static bool bit_of(uint64_t *state) { return test_random(state) & 1; }
BEGIN(bool_swaps, gokore_atomic_bool, bool, bit_of) SWAPS(gokore_atomic_bool, bool) END
BEGIN(bool_logic, gokore_atomic_bool, bool, bit_of) LOGIC(gokore_atomic_bool, bool) END
TEST(atomic, boolean) {
    uint64_t state = test_seed();
    static gokore_atomic_bool zeroed, yes = GOKORE_ATOMIC_INIT(true);
    CHECK(!gokore_atomic_load(&zeroed));
    CHECK(gokore_atomic_load(&yes));
    for (int i = 0; i < ROUNDS; i++) {
        ROUND(bool_swaps)
        ROUND(bool_logic)
    }
}

static uintptr_t address_of(uint64_t *state) { return (uintptr_t)value_of(state); }
static void ptr_swaps(uint64_t *state) {
    gokore_atomic_ptr a = GOKORE_ATOMIC_INIT(NULL);
    void *old = (void *)address_of(state), *v = (void *)address_of(state), *other = (void *)address_of(state), *expected;
    const gokore_atomic_ptr *read_only = &a;
    bool answered;
    SWAPS(gokore_atomic_ptr, void *)
}
TEST(atomic, pointer) {
    uint64_t state = test_seed();
    static int target;
    static gokore_atomic_ptr zeroed, set = GOKORE_ATOMIC_INIT(&target);
    CHECK_PTR(NULL, gokore_atomic_load(&zeroed));
    CHECK_PTR(&target, gokore_atomic_load(&set));
    for (int i = 0; i < ROUNDS; i++) ROUND(ptr_swaps)
}

// ---- conditional and bit operations: against the same model, every bit of every type

#define TRY_BOTH(N, T, op, args, answer, now)                                                                        \
    TRY(T, gokore_atomic_##op args, answer, now)                                                                     \
    TRY(T, N##_##op args, answer, now)
#define TEST_CONDITIONAL(short_name, T)                                                                              \
    BEGIN(short_name##_conditional, gokore_atomic_##short_name, T, value_of)                                         \
        TRY_BOTH(gokore_atomic_##short_name, T, add_unless, (&a, v, other), old != other, old == other ? O : O + V)  \
        TRY_BOTH(gokore_atomic_##short_name, T, add_unless, (&a, v, old), false, O)                                  \
        TRY_BOTH(gokore_atomic_##short_name, T, inc_not_zero, (&a), old != 0, old == 0 ? O : O + 1)                  \
        TRY_BOTH(gokore_atomic_##short_name, T, dec_if_positive, (&a), old > 0, old > 0 ? O - 1 : O)                 \
    END                                                                                                              \
    BEGIN(short_name##_bits, gokore_atomic_##short_name, T, value_of)                                                \
        for (unsigned bit = 0; bit < 8 * sizeof(T); bit++) {                                                         \
            const bool is = O >> bit & 1;                                                                            \
            const uint64_t M = (uint64_t)1 << bit;                                                                   \
            TRY_BOTH(gokore_atomic_##short_name, T, bit_test_and_set, (&a, bit), is, O | M)                          \
            TRY_BOTH(gokore_atomic_##short_name, T, bit_test_and_clear, (&a, bit), is, O & ~M)                       \
            TRY_BOTH(gokore_atomic_##short_name, T, bit_test_and_flip, (&a, bit), is, O ^ M)                         \
        }                                                                                                            \
    END                                                                                                              \
    TEST(conditional, short_name) {                                                                                  \
        uint64_t state = test_seed();                                                                                \
        for (int i = 0; i < ROUNDS; i++) {                                                                           \
            ROUND(short_name##_conditional)                                                                          \
            ROUND(short_name##_bits)                                                                                 \
        }                                                                                                            \
        gokore_atomic_##short_name a = GOKORE_ATOMIC_INIT(0);                                                        \
        const bool negative = (T)-1 < 1;                                                                             \
        const T highest = (T)(((uint64_t)1 << (8 * sizeof(T) - 1)) - 1);                                             \
        gokore_atomic_store(&a, (T)-1);                                                                              \
        CHECK(gokore_atomic_inc_not_zero(&a) && gokore_atomic_load(&a) == 0); /* wraps to 0, and stays there */       \
        CHECK(!gokore_atomic_inc_not_zero(&a) && gokore_atomic_load(&a) == 0);                                       \
        CHECK(!gokore_atomic_dec_if_positive(&a) && gokore_atomic_load(&a) == 0);                                    \
        gokore_atomic_store(&a, (T)-1);                                                                              \
        CHECK(gokore_atomic_dec_if_positive(&a) == !negative);                                                       \
        if (negative) {                                                                                              \
            gokore_atomic_store(&a, highest);                                                                        \
            CHECK(highest > 0 && gokore_atomic_add_unless(&a, 1, 0) && gokore_atomic_load(&a) < 1); /* wraps */       \
            CHECK(!gokore_atomic_dec_if_positive(&a));                                                               \
            gokore_atomic_store(&a, 0);                                                                              \
            CHECK(!gokore_atomic_bit_test_and_set(&a, 8 * sizeof(T) - 1) && gokore_atomic_load(&a) < 1);             \
            CHECK(gokore_atomic_bit_test_and_flip(&a, 8 * sizeof(T) - 1) && gokore_atomic_load(&a) == 0);            \
        }                                                                                                            \
    }
TEST_CONDITIONAL(i8, int8_t)
TEST_CONDITIONAL(u8, uint8_t)
TEST_CONDITIONAL(i16, int16_t)
TEST_CONDITIONAL(u16, uint16_t)
TEST_CONDITIONAL(i32, int32_t)
TEST_CONDITIONAL(u32, uint32_t)
TEST_CONDITIONAL(i64, int64_t)
TEST_CONDITIONAL(u64, uint64_t)
TEST_CONDITIONAL(size, size_t)

TEST(atomic, fences_and_relax_return) {
    gokore_atomic_fence();
    gokore_atomic_fence_acquire();
    gokore_atomic_fence_release();
    gokore_atomic_fence_acq_rel();
    gokore_cpu_relax();
}

TEST(atomic, arguments_are_evaluated_once) {
    gokore_atomic_u32 array[4] = { GOKORE_ATOMIC_INIT(0), GOKORE_ATOMIC_INIT(0) }, *p = array;
    uint32_t n = 5;
    gokore_atomic_store(p++, n++);
    CHECK_UINT(5, gokore_atomic_fetch_max(p - 1, n++) + gokore_atomic_load(p));
    CHECK_UINT(7, n);
    CHECK_PTR(array + 1, p);
    CHECK_UINT(6, gokore_atomic_load(&array[0]));
}

TEST(atomic, misaligned_address_is_reported_where_checks_are_on) {
    uint64_t room[2] = { 0, 0 };
    const char *bytes = (const char *)room;
    test_reports_capture();
    gokore_atomic_look_(bytes, 8, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    gokore_atomic_look_(bytes + 1, 1, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_atomic_look_(bytes + 1, 2, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    gokore_atomic_look_(bytes + 4, 8, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    CHECK_UINT(GOKORE_ATOMIC_CHECKS ? 2 : 0, test_reports_count(GOKORE_REPORT_ATOMIC_MISALIGNED));
    if (!GOKORE_ATOMIC_CHECKS) return;
    CHECK_CONTAINS("not aligned to its size", test_reports_find(GOKORE_REPORT_ATOMIC_MISALIGNED)->message);
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_ATOMIC_MISALIGNED)->severity);
}

// ---- threads

#define THREADS 4
static void on_threads(gokore_thread_fn_ *fn, void *arg) {
    gokore_thread_ threads[THREADS];
    for (int i = 0; i < THREADS; i++) REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&threads[i], fn, arg, 0));
    for (int i = 0; i < THREADS; i++) gokore_thread_join_(&threads[i]);
}

typedef struct tally {
    gokore_atomic_u8 u8;
    gokore_atomic_i16 i16;
    gokore_atomic_u32 u32, by_cas, highest;
    gokore_atomic_i64 i64;
    gokore_atomic_u64 bits;
    gokore_atomic_u32 tickets;
} tally;
#define STEPS 20000

static void count_up(void *arg) {
    tally *t = (tally *)arg;
    uint32_t me = gokore_atomic_fetch_add(&t->tickets, 1);
    for (uint32_t i = 0; i < STEPS; i++) {
        (void)gokore_atomic_fetch_add_relaxed(&t->u8, 1);
        (void)gokore_atomic_fetch_sub_acq_rel(&t->i16, 1);
        (void)gokore_atomic_add(&t->u32, 3);
        (void)gokore_atomic_add_release(&t->i64, -2);
        uint32_t seen = gokore_atomic_load_relaxed(&t->by_cas);
        while (!gokore_atomic_compare_exchange_weak_relaxed(&t->by_cas, &seen, seen + 1)) {}
        (void)gokore_atomic_fetch_max(&t->highest, i * THREADS + me);
        (void)gokore_atomic_fetch_xor(&t->bits, UINT64_C(1) << (me * 16 + i % 16));
    }
}

TEST(atomic, nothing_is_lost_between_threads) {
    tally t = { .u8 = GOKORE_ATOMIC_INIT(0) };
    on_threads(count_up, &t);
    const uint32_t all = THREADS * STEPS;
    CHECK_UINT((uint8_t)all, gokore_atomic_load(&t.u8));
    CHECK_INT((int16_t)(0u - all), gokore_atomic_load(&t.i16));
    CHECK_UINT(3 * all, gokore_atomic_load(&t.u32));
    CHECK_INT(-2 * (int64_t)all, gokore_atomic_load(&t.i64));
    CHECK_UINT(all, gokore_atomic_load(&t.by_cas));
    CHECK_UINT(all - 1, gokore_atomic_load(&t.highest));
    CHECK_UINT(0, gokore_atomic_load(&t.bits)); // each bit was flipped an even number of times
}

static struct {
    int payload[16];
    gokore_atomic_u32 ready;
} box;
static void publish(void *arg) {
    (void)arg;
    for (int i = 0; i < 16; i++) box.payload[i] = i * i;
    gokore_atomic_store_release(&box.ready, 1); // pairs with the acquire load below
}
TEST(atomic, release_publishes_to_acquire) {
    gokore_thread_ thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&thread, publish, NULL, 0));
    while (gokore_atomic_load_acquire(&box.ready) == 0) gokore_yield_(); // pairs with the release in publish
    for (int i = 0; i < 16; i++) CHECK_INT(i * i, box.payload[i]);
    gokore_thread_join_(&thread);
}

// ---- the examples of the header's manual

static gokore_atomic_u32 once_state;
static uint32_t once_prepared; // plain: published by the once flag
static gokore_atomic_u32 once_runs;
static void use_once(void *arg) {
    (void)arg;
    if (gokore_atomic_cas_acquire(&once_state, 0, 1)) {
        once_prepared += 42;
        (void)gokore_atomic_fetch_add(&once_runs, 1);
        gokore_atomic_store_release(&once_state, 2);
        gokore_atomic_notify_all(&once_state);
    } else {
        while (gokore_atomic_load_acquire(&once_state) != 2) gokore_atomic_wait(&once_state, 1);
    }
    CHECK_UINT(42, once_prepared);
}
TEST(manual, once_flag) {
    on_threads(use_once, NULL);
    CHECK_UINT(1, gokore_atomic_load(&once_runs));
}

static struct { gokore_atomic_u32 count, low, high, over; } sequence;
static void read_sequence(void *arg) {
    (void)arg;
    uint32_t n, x, y, last = 0;
    do {
        do {
            n = gokore_atomic_load_acquire(&sequence.count);
            x = gokore_atomic_load_relaxed(&sequence.low), y = gokore_atomic_load_relaxed(&sequence.high);
            gokore_atomic_fence_acquire();
        } while ((n & 1) || n != gokore_atomic_load_relaxed(&sequence.count));
        CHECK(y == ~x && x >= last);
        last = x;
    } while (!gokore_atomic_load(&sequence.over));
}
static void write_sequence(uint32_t x) {
    uint32_t n = gokore_atomic_load_relaxed(&sequence.count);
    gokore_atomic_store_relaxed(&sequence.count, n + 1), gokore_atomic_fence_release();
    gokore_atomic_store_relaxed(&sequence.low, x), gokore_atomic_store_relaxed(&sequence.high, ~x);
    gokore_atomic_store_release(&sequence.count, n + 2);
}
TEST(manual, sequence_lock) {
    gokore_thread_ readers[2];
    write_sequence(0);
    for (int i = 0; i < 2; i++) REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&readers[i], read_sequence, NULL, 0));
    for (uint32_t i = 1; i <= STEPS; i++) write_sequence(i);
    gokore_atomic_store(&sequence.over, 1);
    for (int i = 0; i < 2; i++) gokore_thread_join_(&readers[i]);
}

static gokore_latch_ latch;
static uint64_t guarded, guarded_copy;
static void count_latched(void *arg) {
    (void)arg;
    for (int i = 0; i < 50000; i++) {
        gokore_latch_lock_(&latch);
        CHECK(guarded == guarded_copy);
        guarded++;
        if (i % 1000 == 0) gokore_yield_(); // so that others come to sleep
        guarded_copy++;
        gokore_latch_unlock_(&latch);
    }
}
TEST(latch, excludes_threads) {
    on_threads(count_latched, NULL);
    CHECK_UINT(THREADS * 50000, guarded);
    CHECK_UINT(0, gokore_atomic_load(&latch.word_));
}

TEST(futex, wait_ends_at_the_deadline_or_at_once) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(1);
    int64_t start = gokore_now_ns();
    CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&word, 0, INT64_MAX)); // another value: does not sleep
    gokore_status st;
    while ((st = gokore_futex_wait_(&word, 1, start + 20000000)) == GOKORE_OK) {} // may wake without a reason
    CHECK_STATUS(GOKORE_TIMEOUT, st);
    CHECK(gokore_now_ns() >= start + 20000000);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_futex_wait_(&word, 1, -5));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_futex_wait_(&word, 1, 0));
}

static void set_and_wake(void *arg) {
    gokore_atomic_u32 *word = (gokore_atomic_u32 *)arg;
    (void)usleep(10000);
    gokore_atomic_store(word, 1);
    gokore_futex_wake_(word, INT_MAX);
}
TEST(futex, wake_wakes) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    gokore_thread_ thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&thread, set_and_wake, &word, 0));
    while (gokore_atomic_load(&word) == 0) CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&word, 0, INT64_MAX));
    gokore_thread_join_(&thread);
}

static void look_at_thread(void *arg) {
    *(uint64_t *)arg = gokore_thread_id_();
    CHECK_UINT(*(uint64_t *)arg, gokore_thread_id_());
}
TEST(thread, has_an_id_of_its_own) {
    gokore_thread_ thread;
    uint64_t id = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&thread, look_at_thread, &id, 256 * 1024));
    gokore_thread_join_(&thread);
    CHECK(id != 0 && id != gokore_thread_id_());
    CHECK(gokore_thread_node_() >= -1);
}
static void look_at_signals(void *arg) {
    sigset_t blocked;
    (void)arg;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGUSR1) == 1);
}
TEST(thread, takes_no_signals_that_others_send) {
    gokore_thread_ thread;
    sigset_t blocked;
    REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&thread, look_at_signals, NULL, 0));
    gokore_thread_join_(&thread);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    CHECK(sigismember(&blocked, SIGTERM) == 0); // the starter's own mask is as before
}
static void look_at_linux_thread(void *arg) {
    char name[32] = "";
    (void)arg;
    CHECK_UINT((uint64_t)syscall(SYS_gettid), gokore_thread_id_());
    gokore_thread_name_("a name that is too long");
    (void)prctl(PR_GET_NAME, name, 0, 0, 0);
    CHECK_STR("a name that is ", name);
}
TEST(thread, has_the_id_and_the_name_that_linux_shows) {
    test_only_with("PLATFORM=LINUX");
    gokore_thread_ thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&thread, look_at_linux_thread, NULL, 0));
    gokore_thread_join_(&thread);
    CHECK_UINT((uint64_t)getpid(), gokore_thread_id_()); // the main thread's id is the process's
}
TEST(thread, impossible_stack_size_is_invalid) {
    gokore_thread_ thread;
    CHECK_STATUS(GOKORE_INVALID, gokore_thread_start_(&thread, look_at_thread, NULL, 1));
}

// ---- reference counts and counters

static gokore_atomic_i32 tokens;
static gokore_atomic_u32 capped, wins[64];
static gokore_atomic_u64 flags;
static void take_and_put(void *arg) {
    (void)arg;
    for (int i = 0; i < STEPS; i++) {
        if (gokore_atomic_dec_if_positive(&tokens)) {
            CHECK(gokore_atomic_load(&tokens) >= 0);
            (void)gokore_atomic_fetch_add(&tokens, 1);
        }
        (void)gokore_atomic_add_unless(&capped, 1, STEPS);
    }
    for (unsigned bit = 0; bit < 64; bit++)
        if (!gokore_atomic_bit_test_and_set(&flags, bit)) (void)gokore_atomic_fetch_add(&wins[bit], 1);
}
TEST(conditional, holds_between_threads) {
    gokore_atomic_store(&tokens, 2);
    on_threads(take_and_put, NULL);
    CHECK_INT(2, gokore_atomic_load(&tokens));
    CHECK_UINT(STEPS, gokore_atomic_load(&capped));
    CHECK_UINT(UINT64_MAX, gokore_atomic_load(&flags));
    for (int i = 0; i < 64; i++) CHECK_UINT(1, gokore_atomic_load(&wins[i]));
}

static gokore_atomic_u32 gate, gate_gone;
static void leave_once(void *arg) { // inc_not_zero never brings back what reached zero
    (void)arg;
    for (int i = 0; i < 1000; i++)
        if (gokore_atomic_inc_not_zero(&gate)) {
            CHECK(gokore_atomic_load(&gate_gone) == 0);
            CHECK(gokore_atomic_dec_if_positive(&gate));
        } else {
            gokore_atomic_store(&gate_gone, 1);
        }
    if (gokore_atomic_dec_if_positive(&gate) && gokore_atomic_load(&gate) == 0) CHECK(!gokore_atomic_inc_not_zero(&gate));
}
TEST(conditional, zero_is_final_for_inc_not_zero) {
    gokore_atomic_store(&gate, THREADS);
    on_threads(leave_once, NULL);
    CHECK_UINT(0, gokore_atomic_load(&gate));
}

TEST(refcount, reaches_zero_once) {
    gokore_refcount r = { GOKORE_ATOMIC_INIT(0) };
    CHECK_UINT(0, gokore_refcount_read(&r));
    CHECK(!gokore_refcount_inc_not_zero(&r));
    CHECK_UINT(0, gokore_refcount_read(&r));
    gokore_refcount_init(&r, 1);
    gokore_refcount_inc(&r);
    CHECK(gokore_refcount_inc_not_zero(&r));
    CHECK_UINT(3, gokore_refcount_read(&r));
    CHECK(!gokore_refcount_dec(&r));
    CHECK(!gokore_refcount_dec(&r));
    CHECK(gokore_refcount_dec(&r));
    CHECK(!gokore_refcount_inc_not_zero(&r));
}

static void never_freed(gokore_refcount *r) { // saturated: whatever comes, it does not reach zero, silently
    for (int i = 0; i < 3000; i++) {
        CHECK(!gokore_refcount_dec(r));
        if (i % 3 == 0) CHECK(gokore_refcount_inc_not_zero(r));
        if (i % 5 == 0) gokore_refcount_inc(r);
        CHECK(gokore_refcount_read(r) > 0x7fffffffu);
    }
}
TEST(refcount, saturates_and_stays) {
    test_reports_capture();
    gokore_refcount r;
    gokore_refcount_init(&r, 0x7ffffffeu);
    gokore_refcount_inc(&r);
    CHECK_UINT(0x7fffffffu, gokore_refcount_read(&r));
    CHECK(!gokore_refcount_dec(&r)); // not yet saturated: goes down
    CHECK_UINT(0x7ffffffeu, gokore_refcount_read(&r));
    gokore_refcount_inc(&r);
    gokore_refcount_inc(&r);
    never_freed(&r);
    gokore_refcount_init(&r, 0x7fffffffu);
    CHECK(gokore_refcount_inc_not_zero(&r));
    never_freed(&r);
    gokore_refcount_init(&r, UINT32_MAX);
    gokore_refcount_inc(&r); // must not come round to zero
    never_freed(&r);
    gokore_refcount_init(&r, UINT32_MAX);
    CHECK(gokore_refcount_inc_not_zero(&r));
    never_freed(&r);
    gokore_refcount_init(&r, 0x80000000u);
    never_freed(&r);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(refcount, raised_from_zero_is_reported) {
    gokore_refcount r;
    test_reports_capture();
    gokore_refcount_init(&r, 0);
    gokore_refcount_inc(&r);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_REFCOUNT));
    CHECK_CONTAINS("raised from zero", test_reports_find(GOKORE_REPORT_REFCOUNT)->message);
    never_freed(&r);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}
static void drop_too_often(void *arg) {
    gokore_refcount *r = (gokore_refcount *)arg;
    test_reports_capture();
    gokore_refcount_init(r, 1);
    CHECK(gokore_refcount_dec(r));
    CHECK(!gokore_refcount_dec(r));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_REFCOUNT));
    CHECK_CONTAINS("once too often", test_reports_find(GOKORE_REPORT_REFCOUNT)->message);
    never_freed(r);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(refcount, surplus_drop_is_reported) {
    gokore_refcount r;
    drop_too_often(&r);
}

typedef struct shared_object {
    gokore_refcount references;
    gokore_atomic_u32 tickets;
    int fields[THREADS]; // plain: the last drop sees all of them
    gokore_atomic_u32 ended;
} shared_object;
#define OBJECTS 2000
static void drop_all(void *arg) {
    shared_object *objects = (shared_object *)arg;
    for (int i = 0; i < OBJECTS; i++) {
        shared_object *o = &objects[i];
        uint32_t me = gokore_atomic_fetch_add_relaxed(&o->tickets, 1);
        o->fields[me] = i + 1;
        if (i % 3 == 0) { // taken from a table meanwhile
            CHECK(gokore_refcount_inc_not_zero(&o->references));
            CHECK(!gokore_refcount_dec(&o->references));
        }
        if (!gokore_refcount_dec(&o->references)) continue;
        for (int k = 0; k < THREADS; k++) CHECK_INT(i + 1, o->fields[k]);
        memset(o->fields, 0, sizeof o->fields);
        (void)gokore_atomic_fetch_add_relaxed(&o->ended, 1);
    }
}
TEST(refcount, last_of_the_threads_sees_all_writes) {
    static shared_object objects[OBJECTS];
    for (int i = 0; i < OBJECTS; i++) gokore_refcount_init(&objects[i].references, THREADS);
    on_threads(drop_all, objects);
    for (int i = 0; i < OBJECTS; i++) CHECK_UINT(1, gokore_atomic_load(&objects[i].ended));
}

static void raise_much(void *arg) {
    gokore_refcount *r = (gokore_refcount *)arg;
    for (int i = 0; i < STEPS; i++) {
        gokore_refcount_inc(r);
        if (i % 2) CHECK(gokore_refcount_inc_not_zero(r));
        if (i % 8 == 0) CHECK(!gokore_refcount_dec(r));
    }
}
TEST(refcount, saturates_between_threads) {
    gokore_refcount r;
    test_reports_capture();
    gokore_refcount_init(&r, 0x7fffffffu - STEPS);
    on_threads(raise_much, &r);
    never_freed(&r);
    gokore_refcount_init(&r, UINT32_MAX - 2); // must not come round to zero, not for a moment
    on_threads(raise_much, &r);
    never_freed(&r);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

typedef struct summing {
    gokore_counter counter;
    gokore_atomic_u32 tickets, added;
} summing;
static void add_to_counter(void *arg) {
    summing *s = (summing *)arg;
    int64_t me = gokore_atomic_fetch_add(&s->tickets, 1);
    for (int64_t i = 1; i <= 5000; i++) gokore_counter_add(&s->counter, me % 2 ? -i * me : i * me);
    for (int64_t i = 0; i < 100; i++) {
        gokore_counter_add(&s->counter, INT64_MAX); // wraps there and back
        gokore_counter_add(&s->counter, -INT64_MAX);
    }
}
static void sum_with(int threads) {
    static summing s;
    gokore_thread_ handles[50];
    memset(&s, 0, sizeof s);
    CHECK_INT(0, gokore_counter_read(&s.counter));
    for (int i = 0; i < threads; i++) REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&handles[i], add_to_counter, &s, 0));
    for (int i = 0; i < threads; i++) gokore_thread_join_(&handles[i]);
    int64_t want = 0;
    for (int me = 0; me < threads; me++) want += (me % 2 ? -1 : 1) * (int64_t)me * 5000 * 5001 / 2;
    CHECK_INT(want, gokore_counter_read(&s.counter));
}
TEST(counter, sums_exactly) {
    sum_with(8);
    sum_with(50); // more than cells
    sum_with(1);
}
TEST(counter, goes_below_zero_and_wraps) {
    gokore_counter c;
    memset(&c, 0, sizeof c);
    gokore_counter_add(&c, -7);
    CHECK_INT(-7, gokore_counter_read(&c));
    gokore_counter_add(&c, INT64_MIN);
    CHECK_INT(INT64_MAX - 6, gokore_counter_read(&c));
    gokore_counter_add(&c, INT64_MIN);
    CHECK_INT(-7, gokore_counter_read(&c));
    CHECK_UINT(0, (uintptr_t)&c % 64);
}
static void add_once(void *arg) { gokore_counter_add((gokore_counter *)arg, 1); }
TEST(counter, sums_what_ended_threads_added) {
    static gokore_counter c;
    for (int i = 1; i <= 40; i++) {
        test_on_thread(add_once, &c);
        CHECK_INT(i, gokore_counter_read(&c)); // never less than what was added before
    }
}

// ---- status, version, options, clock

TEST(status, names_and_numbers_are_stable) {
    static const char *const names[] = { "OK",        "TIMEOUT", "CANCELED",  "CLOSED",      "FULL",     "EMPTY",
                                         "BUSY",      "INVALID", "NO_MEMORY", "LIMIT",       "ORDER",    "DEADLOCK",
                                         "DENIED",    "NOT_FOUND", "PARSE",   "UNSUPPORTED", "SHUTDOWN", "SYSTEM" };
    for (int i = 0; i < 18; i++) CHECK_STR(names[i], gokore_status_name((gokore_status)i));
    CHECK_INT(0, GOKORE_OK);
    CHECK_INT(17, GOKORE_SYSTEM);
    CHECK_STR("?", gokore_status_name((gokore_status)18));
    volatile int outside = -1;
    CHECK_STR("?", gokore_status_name((gokore_status)outside));
}

static bool config_has(const char *name, int value) {
    char word[64];
    int n = snprintf(word, sizeof word, "%s=%d", name, value);
    const char *at = gokore_config();
    while ((at = strstr(at, word)) != NULL) {
        bool begins = at == gokore_config() || at[-1] == ' ', ends = at[n] == ' ' || at[n] == 0;
        if (begins && ends) return true;
        at += n;
    }
    return false;
}

TEST(config, names_every_option_with_its_number) {
    CHECK_STR(GOKORE_VERSION, gokore_version());
    CHECK_CONTAINS("VERSION=" GOKORE_VERSION, gokore_config());
    CHECK(config_has("STATIC", GOKORE_STATIC)); // this file and the implementation are built with the same flags
    CHECK(config_has("CHECKS", GOKORE_CHECKS));
    CHECK(config_has("ATOMIC_CHECKS", GOKORE_ATOMIC_CHECKS));
    CHECK(config_has("ATOMIC_COUNT", GOKORE_ATOMIC_COUNT));
    CHECK(config_has("FUTEX", GOKORE_FUTEX));
    CHECK(config_has("LOCKORDER", GOKORE_LOCKORDER));
    CHECK(config_has("POLICY", GOKORE_POLICY));
    CHECK(config_has("ON_VIOLATION", GOKORE_ON_VIOLATION));
    CHECK(config_has("QOS", GOKORE_QOS));
    CHECK(config_has("METRICS", GOKORE_METRICS));
    CHECK(config_has("TRACE", GOKORE_TRACE));
    CHECK(config_has("NUMA", GOKORE_NUMA));
    CHECK(config_has("HWLOC", GOKORE_HWLOC));
}

TEST(clock, is_the_monotonic_one) {
    struct timespec t;
    int64_t before = gokore_now_ns();
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t between = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, after = gokore_now_ns();
    CHECK(before <= between);
    CHECK(between <= after);
}

// ---- reports

TEST(report, ids_are_stable) {
    static const char *const names[] = {
        "NONE",           "ASSERTION",       "ATOMIC_MISALIGNED", "ATOMIC_ORDER",     "ATOMIC_BARRIER",
        "REFCOUNT",       "LOCK_ORDER",      "LOCK_INVERSION",    "LOCK_RECURSION",   "LOCK_GATED",
        "LOCK_LIMIT",     "LOCK_HOLD_TIME",  "LOCK_NOT_HELD",     "LOCK_WRONG_THREAD", "LOCK_LEAKED",
        "LOCK_INIT_HELD", "LOCK_DESTROYED_HELD", "LOCK_WAIT_HELD", "LOCK_REMOTE_HOLD", "LOCK_DEADLOCK",
        "LOCK_TABLE",     "CONTEXT_BUSY",    "CHANNEL_BUSY",      "TASK_BUSY",        "POLICY",
        "TOPOLOGY",
        "SYNC_COUNT",
    };
    const int n = sizeof names / sizeof names[0];
    for (int i = 0; i < n; i++) CHECK_STR(names[i], gokore_report_id_name((gokore_report_id)i));
    CHECK(GOKORE_REPORT_COUNT_ >= n);
    for (int i = n; i < GOKORE_REPORT_COUNT_; i++) CHECK(strlen(gokore_report_id_name((gokore_report_id)i)) > 1);
    CHECK_STR("?", gokore_report_id_name(GOKORE_REPORT_COUNT_));
}

static int seen_calls;
static void look_at_report(const gokore_report *r, void *user) {
    CHECK_STR("told", (const char *)user);
    CHECK_INT(GOKORE_REPORT_LOCK_HOLD_TIME, r->id);
    CHECK_INT(GOKORE_SEVERITY_WARNING, r->severity);
    CHECK_STR("held for 7 ms", r->message);
    CHECK_STR("", r->resource); // none was given
    CHECK_STR("", r->container_id);
    CHECK_UINT(gokore_thread_id_(), r->thread);
    CHECK(r->numa_node >= -1);
    REQUIRE(r->stack_depth >= TEST_STACKS && r->stack_depth <= GOKORE_STACK_MAX_);
    for (uint32_t i = 0; i < r->stack_depth; i++) CHECK(r->stack[i] != NULL);
    CHECK_UINT(0, r->other_stack_depth);
    seen_calls++;
}
TEST(report, hook_gets_the_whole_record) {
    static char told[] = "told";
    gokore_report_set(look_at_report, told);
    gokore_reportf_(GOKORE_REPORT_LOCK_HOLD_TIME, NULL, "held for %d ms", 7);
    CHECK_INT(1, seen_calls);
}

static void name_container(const gokore_report *r, void *user) {
    CHECK_STR("c0ffee", r->container_id);
    ++*(int *)user;
}
TEST(report, carries_the_identity_of_the_container) {
    int calls = 0;
    CHECK_STR("", gokore_report_pod_());
    gokore_report_identity_("c0ffee", "pod-1");
    gokore_report_set(name_container, &calls);
    gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "x", "y");
    CHECK_INT(1, calls);
    CHECK_STR("pod-1", gokore_report_pod_());
}

static void report_again(const gokore_report *r, void *user) { // a hook may use the library, this library too
    int *depth = (int *)user;
    if (++*depth == 3) gokore_report_set(NULL, NULL);
    if (*depth < 3) gokore_reportf_(r->id, r->resource, "again");
}
TEST(report, hook_may_report_and_replace_itself) {
    int depth = 0;
    gokore_report_set(report_again, &depth);
    gokore_reportf_(GOKORE_REPORT_POLICY, "x", "first");
    CHECK_INT(3, depth);
}

static void report_one(void *arg) {
    gokore_report_set(NULL, NULL);
    gokore_reportf_(GOKORE_REPORT_LOCK_ORDER, (const char *)arg, "%s", "B was taken before A");
}
static void report_long(void *arg) {
    (void)arg;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    gokore_report_set(NULL, NULL);
    gokore_reportf_(GOKORE_REPORT_LOCK_ORDER, text, "%s", text);
}
TEST(report, default_hook_writes_one_line) {
    static char out[4096], lock[] = "lock B";
    CHECK_INT(0, test_in_child(report_one, lock, out, sizeof out));
    CHECK_STR("gokore: error: lock B: B was taken before A [LOCK_ORDER]\n", out);
    CHECK_INT(0, test_in_child(report_one, NULL, out, sizeof out));
    CHECK_STR("gokore: error: B was taken before A [LOCK_ORDER]\n", out);
    CHECK_INT(0, test_in_child(report_long, NULL, out, sizeof out));
    CHECK_PTR(out + strlen(out) - 1, strchr(out, '\n'));
}

static gokore_atomic_u64 reports_seen[2];
static void count_report(const gokore_report *r, void *user) {
    (void)r;
    (void)gokore_atomic_fetch_add((gokore_atomic_u64 *)user, 1);
}
static void report_and_replace(void *arg) {
    (void)arg;
    for (int i = 0; i < 200; i++) {
        gokore_report_set(count_report, &reports_seen[i % 2]);
        gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "x", "%d", i);
    }
}
TEST(report, hook_is_replaced_while_threads_report) {
    on_threads(report_and_replace, NULL);
    CHECK_UINT(THREADS * 200, gokore_atomic_load(&reports_seen[0]) + gokore_atomic_load(&reports_seen[1]));
}

static uint32_t capture_deep(int depth, gokore_stack_ *out) {
    volatile int keep = depth; // no tail call
    if (depth == 0) gokore_stack_capture_(out);
    return depth == 0 ? out->depth : capture_deep(depth - 1, out) + (uint32_t)(keep != depth);
}
TEST(report, stacks_are_cut_at_their_limit) {
    gokore_stack_ stack;
    CHECK(capture_deep(0, &stack) >= TEST_STACKS);
    CHECK(capture_deep(100, &stack) <= GOKORE_STACK_MAX_);
}

static gokore_status violate(gokore_report_id id) {
    gokore_report r = { .id = id, .severity = gokore_report_severity_(id), .message = "a violation" };
    return gokore_violation_(&r, GOKORE_LIMIT);
}
static void violate_in_child(void *arg) {
    test_reports_capture();
    CHECK_STATUS(GOKORE_OK, violate(GOKORE_REPORT_LOCK_GATED)); // info never aborts
    fprintf(stderr, "still here\n");
    gokore_report_set(NULL, NULL);
    CHECK_STATUS(GOKORE_LIMIT, violate(*(const gokore_report_id *)arg));
}
TEST(violation, is_only_reported_by_default) {
    test_only_with("ON_VIOLATION=0");
    test_reports_capture();
    CHECK_STATUS(GOKORE_OK, violate(GOKORE_REPORT_LOCK_LIMIT));
    CHECK_STATUS(GOKORE_OK, violate(GOKORE_REPORT_LOCK_GATED));
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(violation, is_denied_where_asked_for) {
    test_only_with("ON_VIOLATION=1");
    test_reports_capture();
    CHECK_STATUS(GOKORE_LIMIT, violate(GOKORE_REPORT_LOCK_LIMIT));
    CHECK_STATUS(GOKORE_OK, violate(GOKORE_REPORT_LOCK_GATED)); // info is never denied
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(violation, aborts_where_asked_for) {
    test_only_with("ON_VIOLATION=2");
    char out[1000];
    gokore_report_id id = GOKORE_REPORT_LOCK_LIMIT;
    (void)setenv("ASAN_OPTIONS", "handle_abort=0", 1);
    CHECK_INT(128 + SIGABRT, test_in_child(violate_in_child, &id, out, sizeof out));
    CHECK_CONTAINS("still here\ngokore: error: a violation [LOCK_LIMIT]\n", out); // the hook comes first
}

static void assert_false(void *arg) {
    gokore_report_set(NULL, NULL);
    GOKORE_ASSERT(arg == NULL);
    GOKORE_ASSERT(arg != NULL);
}
TEST(violation, failed_assertion_reports_and_aborts) {
    char out[1000];
    CHECK_INT(128 + SIGABRT, test_in_child(assert_false, NULL, out, sizeof out));
    CHECK_CONTAINS("gokore: fatal: ", out);
    CHECK_CONTAINS("arg != NULL [ASSERTION]\n", out);
}

// ---- allocator and writers

TEST(allocator, default_is_the_heap) {
    gokore_allocator none = { NULL, NULL, NULL };
    for (size_t align = 1; align <= 4096; align *= 2) {
        void *p = gokore_alloc_(&none, align + 3, align), *q = gokore_alloc_zeroed_(NULL, 100, align);
        REQUIRE(p && q);
        CHECK_UINT(0, (uintptr_t)p % align);
        CHECK_UINT(0, (uintptr_t)q % align);
        for (int i = 0; i < 100; i++) CHECK_INT(0, ((const char *)q)[i]);
        memset(p, 1, align + 3);
        gokore_free_(&none, p, align + 3);
        gokore_free_(NULL, q, 100);
    }
    gokore_free_(NULL, NULL, 0);
    CHECK_PTR(NULL, gokore_alloc_(NULL, SIZE_MAX / 2 + 1, 8));
}

TEST(allocator, hooks_get_every_call) {
    test_allocator a = { .fail_from = 3 };
    gokore_allocator hooks = test_allocator_hooks(&a);
    void *p = gokore_alloc_(&hooks, 40, 64), *q = gokore_alloc_zeroed_(&hooks, 24, 8);
    REQUIRE(p && q);
    CHECK_UINT(0, (uintptr_t)p % 64);
    for (int i = 0; i < 24; i++) CHECK_INT(0, ((const char *)q)[i]); // the test's allocator gives memory full of 0xa5
    CHECK_PTR(NULL, gokore_alloc_(&hooks, 1, 1));
    CHECK_PTR(NULL, gokore_alloc_zeroed_(&hooks, 1, 1));
    gokore_free_(&hooks, p, 40);
    gokore_free_(&hooks, q, 24);
    gokore_free_(&hooks, NULL, 5);
    CHECK_UINT(2, gokore_atomic_load(&a.frees));
    CHECK_INT(0, gokore_atomic_load(&a.live_bytes));
    gokore_allocator arena = hooks; // frees nothing by itself
    a.fail_from = 0;
    arena.free = NULL;
    p = gokore_alloc_(&arena, 8, 8);
    REQUIRE(p != NULL);
    gokore_free_(&arena, p, 8);
    CHECK_INT(1, gokore_atomic_load(&a.live_blocks));
    hooks.free(hooks.user, p, 8);
}

TEST(writer, buffer_is_cut_and_terminated) {
    char room[8] = "unused";
    gokore_buffer b = { room, sizeof room, 0 };
    gokore_writer w = gokore_writer_buffer(&b);
    CHECK_STATUS(GOKORE_OK, gokore_write_(w, "abc"));
    CHECK_STATUS(GOKORE_OK, gokore_writef_(w, "%d", 42));
    CHECK_STR("abc42", room);
    CHECK_STATUS(GOKORE_OK, gokore_write_(w, ""));
    CHECK_STATUS(GOKORE_OK, gokore_write_(w, "de"));
    CHECK_UINT(7, b.len);
    CHECK_STATUS(GOKORE_FULL, gokore_write_(w, "f"));
    CHECK_STR("abc42de", room);
    b.len = 6;
    CHECK_STATUS(GOKORE_FULL, gokore_write_(w, "xyz"));
    CHECK_STR("abc42dx", room);
    gokore_buffer one = { room, 1, 0 }, none = { NULL, 0, 0 };
    CHECK_STATUS(GOKORE_FULL, gokore_write_(gokore_writer_buffer(&one), "x"));
    CHECK_STR("", room);
    CHECK_STATUS(GOKORE_FULL, gokore_write_(gokore_writer_buffer(&none), "x"));
}

TEST(writer, file_and_its_failure) {
    char path[4096], line[64] = "";
    (void)snprintf(path, sizeof path, "%s/out", test_root());
    FILE *f = fopen(path, "w+");
    REQUIRE(f != NULL);
    CHECK_STATUS(GOKORE_OK, gokore_writef_(gokore_writer_file(f), "%s=%u\n", "x", 7u));
    rewind(f);
    CHECK_STR("x=7\n", fgets(line, sizeof line, f));
    (void)fclose(f);
    f = fopen(path, "r");
    REQUIRE(f != NULL);
    CHECK_STATUS(GOKORE_SYSTEM, gokore_write_(gokore_writer_file(f), "no"));
    (void)fclose(f);
}
