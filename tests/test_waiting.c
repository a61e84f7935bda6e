// test_waiting.c - gokore_atomic_wait and notify, and counting without memory, on an implementation of their own: system calls
// are counted, threads are held up at the places where a wake-up could be lost, and allocations fail
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdbool.h>
#include <stdint.h>
static uint64_t waits_made, wakes_made; // calls of the futex's two halves
static bool memory_out;                 // allocations of the library fail
static void hold_up(void);
#define GOKORE_SEAM_LOAD_(p, order)                          __atomic_load_n((p), (order))
#define GOKORE_SEAM_STORE_(p, v, order)                      __atomic_store_n((p), (v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   __atomic_exchange_n((p), (v), (order))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other) __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), (other))
#define GOKORE_SEAM_RMW_(op, p, v, order)                    (hold_up(), __atomic_##op((p), (v), (order)))
#define GOKORE_SEAM_FENCE_(order)                            (hold_up(), __atomic_thread_fence(order), hold_up())
#define GOKORE_SEAM_PAUSE_()                                 gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)                                                               \
    (hold_up(), (void)__atomic_fetch_add(&waits_made, 1, __ATOMIC_RELAXED), gokore_futex_wait_((word), (expected), (deadline_ns)))
#define GOKORE_SEAM_WAKE_(word, count)                                                                               \
    (hold_up(), (void)__atomic_fetch_add(&wakes_made, 1, __ATOMIC_RELAXED), gokore_futex_wake_((word), (count)))
#define GOKORE_SEAM_YIELD_()                                 gokore_yield_()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size)  gokore_thread_start_((out), (fn), (arg), (stack_size))
#define GOKORE_SEAM_THREAD_JOIN_(thread)                     gokore_thread_join_(thread)
#define GOKORE_SEAM_THREAD_ID_()                             gokore_thread_number_()
#define GOKORE_SEAM_ALLOC_(size, align)                      (__atomic_load_n(&memory_out, __ATOMIC_RELAXED) ? NULL : gokore_heap_alloc_((size), (align)))
#define GOKORE_SEAM_FREE_(p)                                 gokore_heap_free_(p)
#define GOKORE_SEAM_NOW_()                                   gokore_clock_ns_()
#undef GOKORE_ATOMIC_COUNT
#define GOKORE_ATOMIC_COUNT 1
#define GOKORE_IMPLEMENTATION
#include "../gokore_atomic.h"

#include "support/test.h"

static uint64_t hold_seed; // 0: nobody is held up
static void hold_up(void) {
    static _Thread_local uint64_t state;
    uint64_t seed = __atomic_load_n(&hold_seed, __ATOMIC_RELAXED);
    if (!seed) return;
    if (!state) state = seed + (uintptr_t)&state;
    uint64_t x = test_random(&state) % 64;
    if (x < 8) (void)sched_yield();
    if (x == 9) (void)usleep(50);
}
static uint64_t wakes(void) { return __atomic_load_n(&wakes_made, __ATOMIC_RELAXED); }
static uint64_t waits(void) { return __atomic_load_n(&waits_made, __ATOMIC_RELAXED); }
static int64_t in_ms(int64_t ms) { return gokore_now_ns() + ms * 1000000; }
static void start(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg) { REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(out, fn, arg, 0)); }
static uint32_t sleepers_of(const void *object) {
    return gokore_atomic_load(&gokore_atomic_places_[gokore_atomic_place_(object)].sleepers);
}
static void until_asleep(const void *object, uint32_t n) { // counted as sleepers; in the kernel a little later
    for (int i = 0; sleepers_of(object) < n; i++) {
        REQUIRE(i < 20000);
        (void)usleep(500);
    }
    (void)usleep(3000);
}

// ---- every type: two threads hand one value to and fro, each sleeping for the other

#define TURNS 400
#define TEST_TYPE(short_name, N, T, A, B)                                                                            \
    static struct { N a; gokore_atomic_u32 lost; } short_name##_game;                                                \
    static void short_name##_other(void *arg) {                                                                      \
        (void)arg;                                                                                                   \
        for (int i = 0; i < TURNS; i++) {                                                                            \
            if (N##_wait_until(&short_name##_game.a, (T)(A), in_ms(20000)) != GOKORE_OK) (void)gokore_atomic_fetch_add(&short_name##_game.lost, 1); \
            CHECK(gokore_atomic_load(&short_name##_game.a) == (T)(B));                                               \
            gokore_atomic_store(&short_name##_game.a, (T)(A));                                                       \
            if (i % 2) gokore_atomic_notify_one(&short_name##_game.a);                                               \
            else N##_notify_all(&short_name##_game.a);                                                               \
        }                                                                                                            \
    }                                                                                                                \
    TEST(wait, short_name) {                                                                                         \
        gokore_thread_ other;                                                                                        \
        for (int held = 0; held < 2; held++) {                                                                       \
            __atomic_store_n(&hold_seed, held ? test_seed() | 1 : 0, __ATOMIC_RELAXED);                              \
            gokore_atomic_store(&short_name##_game.a, (T)(A));                                                       \
            start(&other, short_name##_other, NULL);                                                                 \
            for (int i = 0; i < TURNS; i++) {                                                                        \
                gokore_atomic_store(&short_name##_game.a, (T)(B));                                                   \
                gokore_atomic_notify_one(&short_name##_game.a);                                                      \
                const N *read_only = &short_name##_game.a;                                                           \
                if (i % 2) gokore_atomic_wait(read_only, (T)(B));                                                    \
                else CHECK_STATUS(GOKORE_OK, gokore_atomic_wait_until(&short_name##_game.a, (T)(B), in_ms(20000)));  \
                CHECK(gokore_atomic_load(read_only) == (T)(A));                                                      \
            }                                                                                                        \
            gokore_thread_join_(&other);                                                                             \
        }                                                                                                            \
        __atomic_store_n(&hold_seed, 0, __ATOMIC_RELAXED);                                                           \
        CHECK_UINT(0, gokore_atomic_load(&short_name##_game.lost));                                                  \
        CHECK_UINT(0, sleepers_of(&short_name##_game.a));                                                            \
    }                                                                                                                \
    TEST(wait, short_name##_deadline) {                                                                                \
        N a = GOKORE_ATOMIC_INIT((T)(A));                                                                            \
        static const int64_t past[] = { 0, 1, -1, INT64_MIN };                                                       \
        for (int i = 0; i < 4; i++) {                                                                                \
            CHECK_STATUS(GOKORE_TIMEOUT, gokore_atomic_wait_until(&a, (T)(A), past[i]));                             \
            CHECK_STATUS(GOKORE_OK, gokore_atomic_wait_until(&a, (T)(B), past[i])); /* the value comes first */       \
        }                                                                                                            \
        uint64_t before = waits();                                                                                   \
        gokore_atomic_wait(&a, (T)(B));                                                                              \
        CHECK_UINT(before, waits()); /* another value: no system call */                                             \
        for (int ms = 1; ms < 10; ms += 4) {                                                                         \
            int64_t at = in_ms(ms);                                                                                  \
            errno = 77;                                                                                              \
            CHECK_STATUS(GOKORE_TIMEOUT, N##_wait_until(&a, (T)(A), at));                                            \
            CHECK_INT(77, errno);                                                                                    \
            CHECK(gokore_now_ns() >= at);                                                                            \
        }                                                                                                            \
        CHECK_UINT(0, sleepers_of(&a));                                                                              \
    }                                                                                                                \
    TEST(wait, short_name##_notified_alone) { /* nobody waits: no system call */                                              \
        N a = GOKORE_ATOMIC_INIT((T)(A));                                                                            \
        for (int i = 0; i < 100; i++) {                                                                              \
            gokore_atomic_notify_one(&a);                                                                            \
            gokore_atomic_notify_all(&a);                                                                            \
        }                                                                                                            \
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_atomic_wait_until(&a, (T)(A), in_ms(1))); /* nor after somebody did */   \
        gokore_atomic_notify_one(&a);                                                                                \
        N##_notify_all(&a);                                                                                          \
        CHECK_UINT(0, wakes());                                                                                      \
    }
TEST_TYPE(boolean, gokore_atomic_bool, bool, true, false)
TEST_TYPE(i8, gokore_atomic_i8, int8_t, -1, -128)
TEST_TYPE(u8, gokore_atomic_u8, uint8_t, 255, 0)
TEST_TYPE(i16, gokore_atomic_i16, int16_t, -1, 255)
TEST_TYPE(u16, gokore_atomic_u16, uint16_t, 0xff00, 0xffff)
TEST_TYPE(i32, gokore_atomic_i32, int32_t, -1, INT32_MIN)
TEST_TYPE(u32, gokore_atomic_u32, uint32_t, UINT32_MAX, 0)
TEST_TYPE(i64, gokore_atomic_i64, int64_t, -1, (int64_t)UINT32_MAX)          // the same low half
TEST_TYPE(u64, gokore_atomic_u64, uint64_t, 1, (uint64_t)1 << 32 | 1)        // likewise
TEST_TYPE(size, gokore_atomic_size, size_t, SIZE_MAX, SIZE_MAX / 2)
static int targets[2];
TEST_TYPE(ptr, gokore_atomic_ptr, void *, &targets[0], &targets[1])

// ---- several waiters

#define WAITERS 6
static struct { gokore_atomic_u8 small; gokore_atomic_u32 word; gokore_atomic_u64 wide; } many;
static gokore_atomic_u32 back;
static void wait_small(void *arg) { (void)arg, gokore_atomic_wait(&many.small, 0), (void)gokore_atomic_fetch_add(&back, 1); }
static void wait_word(void *arg) { (void)arg, gokore_atomic_wait(&many.word, 0), (void)gokore_atomic_fetch_add(&back, 1); }
static void wait_wide(void *arg) { (void)arg, gokore_atomic_wait(&many.wide, 0), (void)gokore_atomic_fetch_add(&back, 1); }
static gokore_thread_ waiters[3][WAITERS];
static void all_wait(void) {
    for (int i = 0; i < WAITERS; i++) {
        start(&waiters[0][i], wait_small, NULL);
        start(&waiters[1][i], wait_word, NULL);
        start(&waiters[2][i], wait_wide, NULL);
    }
    until_asleep(&many.small, WAITERS);
    until_asleep(&many.word, WAITERS);
    until_asleep(&many.wide, WAITERS);
}
static void join_kind(int kind) {
    for (int i = 0; i < WAITERS; i++) gokore_thread_join_(&waiters[kind][i]);
}
TEST(waiters, notify_all_wakes_all) {
    all_wait();
    gokore_atomic_notify_all(&many.small); // nothing has changed: nobody comes back
    gokore_atomic_notify_all(&many.word);
    gokore_atomic_notify_all(&many.wide);
    (void)usleep(20000);
    CHECK_UINT(0, gokore_atomic_load(&back));
    gokore_atomic_store(&many.small, 1);
    gokore_atomic_notify_all(&many.small);
    join_kind(0);
    CHECK_UINT(WAITERS, gokore_atomic_load(&back));
    gokore_atomic_store(&many.word, 1);
    gokore_atomic_notify_all(&many.word);
    join_kind(1);
    CHECK_UINT(2 * WAITERS, gokore_atomic_load(&back));
    gokore_atomic_store(&many.wide, (uint64_t)1 << 63);
    gokore_atomic_notify_all(&many.wide);
    join_kind(2);
    CHECK_UINT(0, sleepers_of(&many.small) + sleepers_of(&many.word) + sleepers_of(&many.wide));
}
TEST(waiters, as_many_notify_one_wake_all) {
    all_wait();
    gokore_atomic_store(&many.small, 1);
    gokore_atomic_store(&many.word, 1);
    gokore_atomic_store(&many.wide, 1);
    for (int i = 0; i < WAITERS; i++) {
        gokore_atomic_notify_one(&many.small);
        gokore_atomic_notify_one(&many.word);
        gokore_atomic_notify_one(&many.wide);
    }
    for (int kind = 0; kind < 3; kind++) join_kind(kind);
}

// Objects that share a hash place: each notify reaches its own waiter, and nobody else comes back.
typedef struct sharer {
    int kind;
    void *object;
    gokore_atomic_u32 back;
    gokore_thread_ thread;
} sharer;
static void wait_as_sharer(void *arg) {
    sharer *s = (sharer *)arg;
    if (s->kind == 0) gokore_atomic_wait((gokore_atomic_u32 *)s->object, 0);
    if (s->kind == 1) gokore_atomic_wait((gokore_atomic_u64 *)s->object, 0);
    if (s->kind == 2) gokore_atomic_wait((gokore_atomic_i8 *)s->object, 0);
    gokore_atomic_store(&s->back, 1);
}
static void wake_sharer(sharer *s) {
    if (s->kind == 0) gokore_atomic_store((gokore_atomic_u32 *)s->object, 1), gokore_atomic_notify_one((gokore_atomic_u32 *)s->object);
    if (s->kind == 1) gokore_atomic_store((gokore_atomic_u64 *)s->object, 1), gokore_atomic_notify_one((gokore_atomic_u64 *)s->object);
    if (s->kind == 2) gokore_atomic_store((gokore_atomic_i8 *)s->object, -1), gokore_atomic_notify_one((gokore_atomic_i8 *)s->object);
    gokore_thread_join_(&s->thread);
}
TEST(waiters, objects_that_share_a_place_do_not_disturb_each_other) {
    enum { N = 9 };
    static gokore_atomic_u64 room[4096];
    static sharer all[N];
    int n = 0;
    for (int i = 0; i < 4096 && n < N; i++)
        if (gokore_atomic_place_(&room[i]) == gokore_atomic_place_(&room[0])) all[n].kind = n % 3, all[n++].object = &room[i];
    REQUIRE(n == N);
    for (int i = 0; i < N; i++) start(&all[i].thread, wait_as_sharer, &all[i]);
    until_asleep(&room[0], N);
    for (int i = 0; i < N; i++) {
        for (int k = i; k < N; k++) CHECK_UINT(0, gokore_atomic_load(&all[k].back));
        wake_sharer(&all[i]);
    }
    CHECK_UINT(0, sleepers_of(&room[0]));
}

static struct { gokore_atomic_u64 *awaited, *noisy; gokore_atomic_u32 *word, over; } storm;
static void notify_without_end(void *arg) {
    (void)arg;
    while (!gokore_atomic_load(&storm.over)) gokore_atomic_notify_all(storm.noisy), gokore_atomic_notify_one(storm.word);
}
TEST(waiters, deadline_holds_in_a_storm_of_notifies) { // of an object that shares the place; of the word itself, unchanged
    static gokore_atomic_u64 room[4096];
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    int at = 1;
    while (at < 4095 && gokore_atomic_place_(&room[at]) != gokore_atomic_place_(&room[0])) at++;
    storm.awaited = &room[0], storm.noisy = &room[at], storm.word = &word;
    gokore_thread_ thread;
    start(&thread, notify_without_end, NULL);
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_atomic_wait_until(storm.awaited, 0, i % 2 ? 1 : in_ms(1)));
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_atomic_wait_until(&word, 0, i % 2 ? 1 : in_ms(1)));
    }
    gokore_atomic_store(&storm.over, 1);
    gokore_thread_join_(&thread);
}

static void far_waiter(void *arg) {
    gokore_atomic_u32 *a = (gokore_atomic_u32 *)arg;
    static const int64_t seconds[] = { 0x80000001, 0xffffffff, 0x100000001, 0x1ffffffff, 9223372036 };
    for (int i = 0; i < 5; i++) CHECK_STATUS(GOKORE_OK, gokore_atomic_wait_until(a, (uint32_t)i, seconds[i] * 1000000000));
}
TEST(wait, far_deadline_is_not_cut) {
    gokore_atomic_u32 a = GOKORE_ATOMIC_INIT(0);
    gokore_thread_ thread;
    start(&thread, far_waiter, &a);
    for (uint32_t i = 1; i <= 5; i++) {
        (void)usleep(10000);
        gokore_atomic_store(&a, i);
        gokore_atomic_notify_all(&a);
    }
    gokore_thread_join_(&thread);
    CHECK(waits() < 1000); // slept, did not spin
}

static void on_signal(int number) { (void)number; }
static void *wait_through_signals(void *arg) {
    sharer *s = (sharer *)arg;
    wait_as_sharer(s);
    return NULL;
}
TEST(wait, goes_on_after_a_signal) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_u64 wide = GOKORE_ATOMIC_INIT(0);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; // no SA_RESTART
    (void)sigaction(SIGUSR1, &action, NULL);
    for (int kind = 0; kind < 2; kind++) {
        sharer s = { .kind = kind };
        if (kind) s.object = &wide;
        else s.object = &word;
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, wait_through_signals, &s) == 0);
        until_asleep(s.object, 1);
        for (int i = 0; i < 5; i++) {
            (void)pthread_kill(thread, SIGUSR1);
            (void)usleep(1000);
        }
        CHECK_UINT(0, gokore_atomic_load(&s.back));
        gokore_atomic_store(&word, 1), gokore_atomic_notify_one(&word);
        gokore_atomic_store(&wide, 1), gokore_atomic_notify_one(&wide);
        (void)pthread_join(thread, NULL);
        gokore_atomic_store(&word, 0), gokore_atomic_store(&wide, 0);
    }
}

TEST(waiters, sleep_instead_of_spinning) {
    gokore_atomic_store(&many.wide, 0);
    gokore_thread_ thread;
    start(&thread, wait_wide, NULL);
    until_asleep(&many.wide, 1);
    (void)usleep(30000);
    CHECK(waits() < 5);
    gokore_atomic_store(&many.wide, 1);
    gokore_atomic_notify_one(&many.wide);
    gokore_thread_join_(&thread);
    CHECK_UINT(1, wakes());
}

// ---- counting where memory is out

static gokore_atomic_u32 counted;
static void count_a_thousand(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++) (void)gokore_atomic_fetch_add_relaxed(&counted, 1);
}
static void *count_by_pthread(void *arg) { return count_a_thousand(arg), NULL; }
TEST(counting, is_exact_without_memory) {
    gokore_thread_ threads[4];
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("counted", &counted));
    CHECK_UINT(0, gokore_atomic_op_count("counted"));
    for (int i = 0; i < 2; i++) start(&threads[i], count_a_thousand, NULL);
    pthread_t poor[2];
    for (int i = 0; i < 2; i++) gokore_thread_join_(&threads[i]);
    CHECK_UINT(2000, gokore_atomic_op_count("counted"));
    __atomic_store_n(&memory_out, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&poor[i], NULL, count_by_pthread, NULL) == 0);
    for (int i = 0; i < 2; i++) (void)pthread_join(poor[i], NULL);
    CHECK_UINT(4000, gokore_atomic_op_count("counted"));
    count_a_thousand(NULL);
    CHECK_UINT(5000, gokore_atomic_op_count("counted"));
    __atomic_store_n(&memory_out, false, __ATOMIC_RELAXED);
    count_a_thousand(NULL); // from here with cells of its own
    CHECK_UINT(6000, gokore_atomic_op_count("counted"));
    CHECK_UINT(6000, gokore_atomic_load(&counted));
    CHECK_UINT(6001, gokore_atomic_op_count("counted"));
}

// One call is one operation, a wait that slept too.
TEST(counting, wait_and_notify_count_as_one) {
    gokore_atomic_u32 a = GOKORE_ATOMIC_INIT(7);
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("a", &a));
    gokore_atomic_wait(&a, 8);
    CHECK_UINT(1, gokore_atomic_op_count("a"));
    CHECK_STATUS(GOKORE_OK, gokore_atomic_wait_until(&a, 8, 0));
    CHECK_UINT(2, gokore_atomic_op_count("a"));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_atomic_wait_until(&a, 7, in_ms(2)));
    CHECK_UINT(3, gokore_atomic_op_count("a"));
    gokore_atomic_notify_one(&a);
    CHECK_UINT(4, gokore_atomic_op_count("a"));
    gokore_atomic_notify_all(&a);
    CHECK_UINT(5, gokore_atomic_op_count("a"));
}
