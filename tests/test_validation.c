// test_validation.c - what GOKORE_ATOMIC_CHECKS and GOKORE_ATOMIC_COUNT see in a file that asks for them, whatever the
// implementation was built with; the order and alignment checks, the litmus tests
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#undef GOKORE_ATOMIC_CHECKS
#define GOKORE_ATOMIC_CHECKS 1
#undef GOKORE_ATOMIC_COUNT
#define GOKORE_ATOMIC_COUNT 1
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EIGHT(x) x x x x x x x x
#define NOINLINE __attribute__((noinline))
static void start(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg) { REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(out, fn, arg, 0)); }

// ---- alignment and order as data

TEST(check, alignment_of_every_size_at_every_offset) {
    static uint64_t room[20];
    const unsigned char *bytes = (const unsigned char *)room;
    test_reports_capture();
    size_t refused = 0;
    for (size_t size = 0; size <= 70; size++)
        for (size_t at = 0; at < 80; at++) {
            bool fits = (size == 1 || size == 2 || size == 4 || size == 8) && ((uintptr_t)(bytes + at) % size) == 0;
            CHECK_STATUS(fits ? GOKORE_OK : GOKORE_INVALID, gokore_atomic_check_alignment(bytes + at, size));
            refused += !fits;
        }
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_check_alignment(NULL, 4));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_check_alignment(NULL, 0));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_check_alignment(bytes, SIZE_MAX));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_check_alignment((const void *)UINTPTR_MAX, 8));
    CHECK_STATUS(GOKORE_OK, gokore_atomic_check_alignment((const void *)UINTPTR_MAX, 1));
    CHECK_UINT(refused + 4, test_reports_count(GOKORE_REPORT_ATOMIC_MISALIGNED));
    CHECK_UINT(refused + 4, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_ATOMIC_MISALIGNED)->severity);
}

TEST(check, order_of_every_operation) { // C11 7.17.4 and 7.17.7; columns: relaxed acquire release acq_rel seq_cst
    static const char *const allowed[] = {
        [GOKORE_ATOMIC_OP_LOAD] = "11001",      [GOKORE_ATOMIC_OP_STORE] = "10101",
        [GOKORE_ATOMIC_OP_EXCHANGE] = "11111",  [GOKORE_ATOMIC_OP_COMPARE_EXCHANGE] = "11111",
        [GOKORE_ATOMIC_OP_COMPARE_EXCHANGE_FAILURE] = "11001",
        [GOKORE_ATOMIC_OP_FETCH_ADD] = "11111", [GOKORE_ATOMIC_OP_FETCH_SUB] = "11111",
        [GOKORE_ATOMIC_OP_FETCH_AND] = "11111", [GOKORE_ATOMIC_OP_FETCH_OR] = "11111",
        [GOKORE_ATOMIC_OP_FETCH_XOR] = "11111", [GOKORE_ATOMIC_OP_FENCE] = "11111",
    };
    size_t refused = 0;
    test_reports_capture();
    for (int op = -3; op < 40; op++)
        for (int order = -3; order < 40; order++) {
            bool good = op >= 0 && op <= GOKORE_ATOMIC_OP_FENCE && order >= 0 && order < 5 && allowed[op][order] == '1';
            CHECK_STATUS(good ? GOKORE_OK : GOKORE_INVALID, gokore_atomic_check_order((gokore_atomic_op)op, (gokore_order)order));
            refused += !good;
            CHECK_UINT(refused, test_reports_count(GOKORE_REPORT_ATOMIC_ORDER));
        }
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_check_order((gokore_atomic_op)0x7fffffff, (gokore_order)0x7fffffff));
    CHECK_UINT(refused + 1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_ATOMIC_ORDER)->severity);
}

// ---- the memory model

#if defined(__riscv) && !defined(__clang__) && __GNUC__ < 14
#define PROMISED_LOCK_FREE 12 // libatomic's loops of lr and sc do 1 and 2 bytes, without a lock, but nothing promises it
#elif GOKORE_LOCKED_64
#define PROMISED_LOCK_FREE (__atomic_always_lock_free(8, NULL) ? 15 : 7)
#else
#define PROMISED_LOCK_FREE 15
#endif
TEST(memory_model, is_this_machines) {
    gokore_memory_info info;
    memset(&info, 0xff, sizeof info);
    gokore_memory_model(&info);
    CHECK_UINT(GOKORE_CACHE_LINE, info.cache_line);
    CHECK_UINT(PROMISED_LOCK_FREE, info.lock_free);
}
TEST(memory_model, litmus_tests_see_nothing_forbidden) {
    gokore_litmus seen;
    memset(&seen, 0xff, sizeof seen);
    CHECK_STATUS(GOKORE_OK, gokore_memory_model_litmus(&seen));
    CHECK(seen.runs >= 1000);
    CHECK_UINT(0, seen.message_passing + seen.load_buffering + seen.coherence);
    CHECK(seen.store_buffering_relaxed <= seen.runs && seen.message_passing_relaxed <= seen.runs && seen.load_buffering_relaxed <= seen.runs);
    if (getenv("TEST_EMULATED")) test_skip("store buffering: the emulator lets a seq_cst load pass an earlier seq_cst store now and then");
    CHECK_UINT(0, seen.store_buffering);
    CHECK_STATUS(GOKORE_OK, gokore_memory_model_check());
}

// ---- barrier violations: each kind, on a thread that remembers nothing, beside a control that is clean

static gokore_atomic_u32 tracked, flag, other;
static gokore_barrier_violation found[64];
static size_t news; // violations since the last look
static void look(void) {
    static size_t before;
    size_t now = gokore_barrier_violations(found, 64);
    news = now - before;
    memmove(found, found + (before < 64 ? before : 64), (before < 64 ? 64 - before : 0) * sizeof found[0]);
    before = now;
}
static void run_fresh(void (*fn)(void *)) { // news and found tell what fn was seen to do
    look();
    test_on_thread(fn, NULL);
    look();
}
#ifdef __EMSCRIPTEN__
static bool in_program(const void *caller) { return caller != NULL; }
static void needs_callers(void) { test_skip("Emscripten does not tell where an operation stands"); }
#else
extern const char __executable_start[], etext[];
static bool in_program(const void *caller) {
    uintptr_t at = (uintptr_t)caller;
    return at > (uintptr_t)__executable_start && at < (uintptr_t)etext;
}
static void needs_callers(void) {}
#endif

static void track_it(void) {
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("tracked", &tracked));
}
#define EXPECT_ONE(part, the_op, the_order, object)                                                                  \
    CHECK_UINT(1, news);                                                                                             \
    if (news == 1) {                                                                                                 \
        CHECK_CONTAINS(part, found[0].why);                                                                          \
        CHECK_INT(the_op, found[0].op);                                                                              \
        CHECK_INT(the_order, found[0].order);                                                                        \
        CHECK_PTR(object, found[0].address);                                                                         \
        CHECK(in_program(found[0].caller));                                                                          \
    }

static _Alignas(128) unsigned char line[256];
static NOINLINE void look_misaligned(void *arg) { (void)arg, gokore_atomic_look_(line + 2, 4, GOKORE_ATOMIC_OP_FETCH_XOR, __ATOMIC_ACQ_REL); }
static NOINLINE void look_crossing(void *arg) { (void)arg, gokore_atomic_look_(line + 60, 8, GOKORE_ATOMIC_OP_STORE, __ATOMIC_RELEASE); }
static NOINLINE void look_at_the_end(void *arg) { (void)arg, gokore_atomic_look_(line + 57, 4, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_ACQUIRE); }
static NOINLINE void look_aligned(void *arg) {
    (void)arg;
    for (size_t size = 1; size <= 8; size *= 2)
        for (size_t at = 0; at + size <= sizeof line; at += size) gokore_atomic_look_(line + at, size, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
}
TEST(barrier, misaligned_object) {
    test_reports_capture();
    run_fresh(look_aligned);
    CHECK_UINT(0, news);
    run_fresh(look_misaligned);
    EXPECT_ONE("not aligned", GOKORE_ATOMIC_OP_FETCH_XOR, GOKORE_ORDER_ACQ_REL, line + 2)
    run_fresh(look_crossing);
    EXPECT_ONE("crosses a cache line", GOKORE_ATOMIC_OP_STORE, GOKORE_ORDER_RELEASE, line + 60)
    run_fresh(look_at_the_end); // 57..60: inside its line
    EXPECT_ONE("not aligned", GOKORE_ATOMIC_OP_LOAD, GOKORE_ORDER_ACQUIRE, line + 57)
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_ATOMIC_MISALIGNED));
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_NONE));
    run_fresh(look_misaligned); // the same place
    CHECK_UINT(0, news);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(0, line[2] | line[60]); // only looked at
}

static void acquire_alone(void *arg) { (void)arg, gokore_atomic_fence_acquire(); }
static void acquire_after_store(void *arg) { (void)arg, gokore_atomic_store_relaxed(&other, 1), gokore_atomic_fence_acquire(); }
static void acquire_twice(void *arg) { (void)arg, (void)gokore_atomic_load_relaxed(&flag), gokore_atomic_fence_acquire(), gokore_atomic_fence_acquire(); }
static void acquire_after_reads(void *arg) {
    (void)arg;
    uint32_t expected = 99;
    (void)gokore_atomic_load_relaxed(&flag), gokore_atomic_fence_acquire();
    (void)gokore_atomic_exchange_relaxed(&flag, 0), gokore_atomic_fence_acquire();
    (void)gokore_atomic_fetch_add_relaxed(&flag, 0), gokore_atomic_fence_acquire();
    (void)gokore_atomic_fetch_max_relaxed(&flag, 0), gokore_atomic_fence_acquire();
    (void)gokore_atomic_bit_test_and_clear(&flag, 0), gokore_atomic_fence_acquire();
    (void)gokore_atomic_dec_if_positive(&flag), gokore_atomic_fence_acquire();
    CHECK(!gokore_atomic_compare_exchange_relaxed(&flag, &expected, 1));
    gokore_atomic_fence_acquire();
    gokore_atomic_wait(&flag, 7), gokore_atomic_fence_acquire();
    (void)gokore_atomic_load_relaxed(&flag), gokore_atomic_store_relaxed(&other, 0), gokore_atomic_fence_acquire();
    (void)gokore_atomic_load_relaxed(&flag), gokore_atomic_fence_release(), gokore_atomic_store_relaxed(&other, 0), gokore_atomic_fence_acquire();
}
static void fences_both_ways(void *arg) { // a full fence orders what is before and after
    (void)arg;
    EIGHT(gokore_atomic_fence();)
    EIGHT(gokore_atomic_fence_acq_rel();)
}
TEST(barrier, acquire_fence_with_nothing_read) {
    needs_callers();
    test_reports_capture();
    run_fresh(acquire_after_reads);
    CHECK_UINT(0, news);
    run_fresh(fences_both_ways);
    CHECK_UINT(0, news);
    run_fresh(acquire_alone);
    EXPECT_ONE("acquire fence", GOKORE_ATOMIC_OP_FENCE, GOKORE_ORDER_ACQUIRE, NULL)
    run_fresh(acquire_after_store);
    EXPECT_ONE("acquire fence", GOKORE_ATOMIC_OP_FENCE, GOKORE_ORDER_ACQUIRE, NULL)
    run_fresh(acquire_twice);
    EXPECT_ONE("acquire fence", GOKORE_ATOMIC_OP_FENCE, GOKORE_ORDER_ACQUIRE, NULL)
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_ATOMIC_BARRIER));
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(GOKORE_SEVERITY_WARNING, test_reports_find(GOKORE_REPORT_ATOMIC_BARRIER)->severity);
}

static void release_twice(void *arg) { (void)arg, gokore_atomic_fence_release(), gokore_atomic_fence_release(), gokore_atomic_store_relaxed(&flag, 1); }
static void release_read_release(void *arg) { (void)arg, gokore_atomic_fence_release(), (void)gokore_atomic_load(&flag), gokore_atomic_fence_release(); }
static void release_and_writes(void *arg) {
    (void)arg;
    gokore_atomic_fence_release(), gokore_atomic_store_relaxed(&flag, 1);
    gokore_atomic_fence_release(), gokore_atomic_store_relaxed(&flag, 2), gokore_atomic_store_relaxed(&other, 2);
    gokore_atomic_fence_release(), (void)gokore_atomic_fetch_or_relaxed(&flag, 2);
    gokore_atomic_fence_release(), (void)gokore_atomic_cas_relaxed(&flag, 2, 3);
    gokore_atomic_fence_release(), (void)gokore_atomic_inc_not_zero(&flag);
    gokore_atomic_fence_release();
}
TEST(barrier, two_release_fences) {
    needs_callers();
    test_reports_capture();
    run_fresh(release_and_writes);
    CHECK_UINT(0, news);
    run_fresh(release_twice);
    EXPECT_ONE("release fence", GOKORE_ATOMIC_OP_FENCE, GOKORE_ORDER_RELEASE, NULL)
    run_fresh(release_read_release);
    EXPECT_ONE("release fence", GOKORE_ATOMIC_OP_FENCE, GOKORE_ORDER_RELEASE, NULL)
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_ATOMIC_BARRIER));
}

static NOINLINE void publish_relaxed(void *arg) { (void)arg, gokore_atomic_store_relaxed(&tracked, 1), gokore_atomic_store_relaxed(&flag, 1); }
static NOINLINE void publish_by_exchange(void *arg) { (void)arg, gokore_atomic_store_relaxed(&tracked, 1), (void)gokore_atomic_exchange_relaxed(&flag, 1); }
static NOINLINE void store_tracked(void) { gokore_atomic_store_relaxed(&tracked, 1); }
static NOINLINE void store_flag(void) { gokore_atomic_store_relaxed(&flag, 1); }
static void publish_rightly(void *arg) {
    (void)arg;
    gokore_atomic_store_relaxed(&tracked, 1), gokore_atomic_store_release(&flag, 1), gokore_atomic_store_relaxed(&other, 1);
    gokore_atomic_store_relaxed(&tracked, 2), gokore_atomic_fence_release(), gokore_atomic_store_relaxed(&flag, 1);
    gokore_atomic_store_relaxed(&tracked, 2), gokore_atomic_fence(), gokore_atomic_store_relaxed(&flag, 1);
    gokore_atomic_store_relaxed(&tracked, 2), gokore_atomic_fence_acq_rel(), gokore_atomic_store_relaxed(&flag, 1);
    gokore_atomic_store_relaxed(&tracked, 3), gokore_atomic_store(&flag, 1), gokore_atomic_store_relaxed(&other, 1);
    gokore_atomic_store_relaxed(&tracked, 3), (void)gokore_atomic_fetch_add_acq_rel(&flag, 1), gokore_atomic_store_relaxed(&other, 1);
    gokore_atomic_store_relaxed(&tracked, 4), gokore_atomic_store_relaxed(&tracked, 5), (void)gokore_atomic_load(&flag);
}
static void publish_untracked(void *arg) { (void)arg, gokore_atomic_store_relaxed(&other, 1), gokore_atomic_store_relaxed(&flag, 1); }
TEST(barrier, tracked_object_published_without_release) {
    track_it();
    run_fresh(publish_rightly);
    CHECK_UINT(0, news);
    run_fresh(publish_untracked);
    CHECK_UINT(0, news);
    run_fresh(publish_relaxed); // op, order and caller are the second write's, address the object that it does not publish
    EXPECT_ONE("stored relaxed", GOKORE_ATOMIC_OP_STORE, GOKORE_ORDER_RELAXED, &tracked)
    CHECK_STR("tracked", test_reports_find(GOKORE_REPORT_ATOMIC_BARRIER)->resource);
    char both[64];
    (void)snprintf(both, sizeof both, "object %p", (void *)&tracked);
    CHECK_CONTAINS(both, test_reports_find(GOKORE_REPORT_ATOMIC_BARRIER)->message);
    (void)snprintf(both, sizeof both, "object %p", (void *)&flag);
    CHECK_CONTAINS(both, test_reports_find(GOKORE_REPORT_ATOMIC_BARRIER)->message);
    run_fresh(publish_by_exchange);
    EXPECT_ONE("stored relaxed", GOKORE_ATOMIC_OP_EXCHANGE, GOKORE_ORDER_RELAXED, &tracked)
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_ATOMIC_BARRIER));
    gokore_atomic_untrack(&tracked);
    run_fresh(publish_relaxed);
    CHECK_UINT(0, news);
}

// The place of a finding is the function that the operation stands in, as close as a test can tell.
static bool within(const void *caller, void (*fn)(void)) {
    uintptr_t at = (uintptr_t)caller, start_of = (uintptr_t)fn & ~(uintptr_t)1; // a Thumb function's address is odd
    return at > start_of && at - start_of < 1024;
}
static void publish_in_two_functions(void *arg) { (void)arg, store_tracked(), store_flag(); }
TEST(barrier, publication_stands_where_the_second_write_does) {
    needs_callers();
    track_it();
    run_fresh(publish_in_two_functions);
    EXPECT_ONE("stored relaxed", GOKORE_ATOMIC_OP_STORE, GOKORE_ORDER_RELAXED, &tracked)
    CHECK(within(found[0].caller, store_flag));
    char text[64];
    const char *message = test_reports_find(GOKORE_REPORT_ATOMIC_BARRIER)->message;
    (void)snprintf(text, sizeof text, ", at %p", found[0].caller);
    CHECK_CONTAINS(text, message);
    const char *first = strstr(message, "stored at ");
    void *stored_at = NULL;
    CHECK(first && sscanf(first, "stored at %p", &stored_at) == 1 && within(stored_at, store_tracked));
}

static void untrack_tracked(void *arg) { (void)arg, gokore_atomic_untrack(&tracked); }
static void publish_untracked_since(void *arg) { // by this thread, tracked again or not; by another one
    gokore_atomic_store_relaxed(&tracked, 1), gokore_atomic_untrack(&tracked), gokore_atomic_store_relaxed(&flag, 1);
    track_it();
    gokore_atomic_store_relaxed(&tracked, 1), gokore_atomic_untrack(&tracked);
    track_it();
    gokore_atomic_store_relaxed(&flag, 1), gokore_atomic_store_relaxed(&tracked, 1);
    test_on_thread(untrack_tracked, arg);
    gokore_atomic_store_relaxed(&flag, 1);
}
TEST(barrier, untracked_object_is_forgotten) {
    track_it();
    run_fresh(publish_untracked_since);
    CHECK_UINT(0, news);
}

static void track_another(void *arg) { // the library's own tables are no publication
    (void)arg;
    gokore_counter n = { 0 };
    gokore_atomic_store_relaxed(&tracked, 1);
    CHECK_STATUS(GOKORE_OK, gokore_atomic_track("another", &other));
    gokore_atomic_untrack(&other);
    gokore_counter_add(&n, 1);
    CHECK_UINT(0, gokore_atomic_op_count("another"));
}
TEST(barrier, library_is_not_taken_for_a_publisher) {
    track_it();
    run_fresh(track_another);
    CHECK_UINT(0, news);
}

static void refuse_many(void *arg) { // 80 places
    (void)arg;
    EIGHT(EIGHT(gokore_atomic_fence_acquire();))
    EIGHT(gokore_atomic_fence_acquire();)
    EIGHT(gokore_atomic_fence_acquire();)
}
TEST(barrier, list_keeps_64_counts_all_and_is_not_cleared) {
    needs_callers();
    gokore_barrier_violation list[100], again[100], one[2];
    test_reports_capture();
    CHECK_UINT(0, gokore_barrier_violations(NULL, 0));
    test_on_thread(refuse_many, NULL);
    memset(list, 0, sizeof list);
    memset(again, 0, sizeof again);
    memset(one, 0, sizeof one);
    CHECK_UINT(80, gokore_barrier_violations(list, 100));
    CHECK_UINT(80, gokore_barrier_violations(again, 100));
    CHECK_UINT(80, gokore_barrier_violations(NULL, 0));
    CHECK_UINT(80, gokore_barrier_violations(one, 1));
    CHECK(memcmp(list, again, sizeof list) == 0);
    CHECK(memcmp(list, one, sizeof one[0]) == 0);
    CHECK_PTR(NULL, one[1].caller); // not written beyond cap
    for (int i = 0; i < 64; i++) {
        CHECK(in_program(list[i].caller));
        for (int k = 0; k < i; k++) CHECK((uintptr_t)list[k].caller < (uintptr_t)list[i].caller); // oldest first, in straight code
    }
    CHECK_PTR(NULL, list[64].caller);
    CHECK_UINT(80, test_reports_count(GOKORE_REPORT_ATOMIC_BARRIER));
}
TEST(barrier, place_beyond_the_kept_ones_counts_once_too) {
    needs_callers();
    test_reports_capture();
    for (int i = 0; i < 3; i++) test_on_thread(refuse_many, NULL);
    CHECK_UINT(80, gokore_barrier_violations(NULL, 0));
    CHECK_UINT(80, test_reports_count(GOKORE_REPORT_ATOMIC_BARRIER));
}

TEST(barrier, place_counts_once_among_threads) {
    gokore_thread_ threads[8];
    test_reports_capture();
    for (int i = 0; i < 8; i++) start(&threads[i], acquire_alone, NULL);
    for (int i = 0; i < 8; i++) gokore_thread_join_(&threads[i]);
    CHECK_UINT(1, gokore_barrier_violations(NULL, 0));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

static gokore_atomic_u32 hook_calls;
static void use_atomics(const gokore_report *r, void *user) { // a hook that breaks the rules itself is not looked at
    (void)r, (void)user;
    (void)gokore_atomic_fetch_add(&hook_calls, 1);
    gokore_atomic_fence_acquire();
    gokore_atomic_fence_acquire();
    (void)gokore_barrier_violations(NULL, 0);
}
TEST(barrier, hook_may_use_atomics) {
    gokore_report_set(use_atomics, NULL);
    test_on_thread(acquire_alone, NULL);
    CHECK_UINT(1, gokore_atomic_load(&hook_calls));
    CHECK_UINT(1, gokore_barrier_violations(NULL, 0));
}

static void unknown_order(void *arg) { // an order that is none: whatever is thought of it, nothing breaks
    (void)arg;
    for (int order = -5; order < 50; order++) {
        gokore_atomic_look_(line, 4, GOKORE_ATOMIC_OP_STORE, order);
        gokore_atomic_look_(line, 4, (gokore_atomic_op)(order + 5), order);
    }
    gokore_atomic_look_(line, 0, GOKORE_ATOMIC_OP_LOAD, 0);
    gokore_atomic_look_(line + 1, 16, GOKORE_ATOMIC_OP_LOAD, 0);
}
TEST(barrier, nonsense_does_no_harm) {
    test_reports_capture();
    run_fresh(unknown_order);
}

// ---- counting: one call is one operation

static uint64_t count(const char *name) { return gokore_atomic_op_count(name); }
#define ONE(...)                                                                                                     \
    do {                                                                                                             \
        uint64_t before_ = count("x");                                                                               \
        (void)(__VA_ARGS__);                                                                                         \
        if (count("x") != before_ + 1) (void)test_check_uint(before_ + 1, count("x"), __FILE__, __LINE__, #__VA_ARGS__); \
    } while (0);
#define ONE_FETCH(op, X)  ONE(gokore_atomic_##op##X(&a, 1))
#define FETCHES(op)       ONE_FETCH(op, ) ONE_FETCH(op, _acquire) ONE_FETCH(op, _release) ONE_FETCH(op, _acq_rel) ONE_FETCH(op, _relaxed)
#define ONE_SWAP(X, T, u, v)                                                                                         \
    gokore_atomic_store(&a, u);                                                                                      \
    ONE(gokore_atomic_exchange##X(&a, u))                                                                            \
    ONE(gokore_atomic_cas##X(&a, u, v))                                                                              \
    ONE(gokore_atomic_cas##X(&a, u, v)) /* fails */                                                                  \
    expected = u;                                                                                                    \
    ONE(gokore_atomic_compare_exchange##X(&a, &expected, u)) /* fails */                                             \
    ONE(gokore_atomic_compare_exchange##X(&a, &expected, u))                                                         \
    expected = v;                                                                                                    \
    ONE(gokore_atomic_compare_exchange_weak##X(&a, &expected, u)) /* fails */                                        \
    ONE(gokore_atomic_compare_exchange_weak##X(&a, &expected, v))
#define SWAPS(T, u, v)                                                                                               \
    T expected;                                                                                                      \
    ONE(gokore_atomic_load(&a)) ONE(gokore_atomic_load_acquire(&a)) ONE(gokore_atomic_load_relaxed(&a))              \
    ONE(gokore_atomic_store(&a, u), 0) ONE(gokore_atomic_store_release(&a, u), 0) ONE(gokore_atomic_store_relaxed(&a, u), 0) \
    ONE_SWAP(, T, u, v) ONE_SWAP(_acquire, T, u, v) ONE_SWAP(_release, T, u, v) ONE_SWAP(_acq_rel, T, u, v) ONE_SWAP(_relaxed, T, u, v) \
    gokore_atomic_store(&a, u);                                                                                      \
    ONE(gokore_atomic_wait(&a, v), 0)                                                                                \
    ONE(gokore_atomic_wait_until(&a, v, 0) == GOKORE_OK)
#define INTEGERS(T)                                                                                                  \
    FETCHES(add) FETCHES(fetch_add) FETCHES(fetch_sub) FETCHES(fetch_nand) FETCHES(fetch_min) FETCHES(fetch_max)     \
    FETCHES(fetch_and) FETCHES(fetch_or) FETCHES(fetch_xor)                                                          \
    gokore_atomic_store(&a, 1);                                                                                      \
    ONE(gokore_atomic_add_unless(&a, 1, 1)) ONE(gokore_atomic_add_unless(&a, 1, 5))                                  \
    ONE(gokore_atomic_inc_not_zero(&a)) ONE(gokore_atomic_dec_if_positive(&a))                                       \
    gokore_atomic_store(&a, 0);                                                                                      \
    ONE(gokore_atomic_inc_not_zero(&a)) ONE(gokore_atomic_dec_if_positive(&a))                                       \
    ONE(gokore_atomic_bit_test_and_set(&a, 3)) ONE(gokore_atomic_bit_test_and_clear(&a, 3)) ONE(gokore_atomic_bit_test_and_flip(&a, 3))
#define COUNTED(short_name, T, body)                                                                                 \
    static NOINLINE void count_##short_name(void) {                                                                  \
        gokore_atomic_##short_name a = GOKORE_ATOMIC_INIT(0);                                                        \
        uint64_t ops = count("x");                                                                                   \
        (void)gokore_atomic_load(&a);                                                                                \
        CHECK_UINT(ops, count("x"));                                                                                 \
        REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("x", &a));                                                     \
        CHECK_UINT(ops, count("x"));                                                                                 \
        body                                                                                                         \
        gokore_atomic_untrack(&a);                                                                                   \
        ops = count("x");                                                                                            \
        (void)gokore_atomic_load(&a);                                                                                \
        CHECK_UINT(ops, count("x"));                                                                                 \
    }                                                                                                                \
    TEST(counting, short_name) {                                                                                     \
        test_reports_capture(); /* relaxed stores to tracked objects are suspicious */                               \
        CHECK_UINT(0, count("x"));                                                                                   \
        count_##short_name();                                                                                        \
        CHECK(count("x") > 40);                                                                                      \
    }
#define COUNTED_INTEGER(short_name, T) COUNTED(short_name, T, SWAPS(T, 1, 2) INTEGERS(T))
COUNTED_INTEGER(i8, int8_t)
COUNTED_INTEGER(u8, uint8_t)
COUNTED_INTEGER(i16, int16_t)
COUNTED_INTEGER(u16, uint16_t)
COUNTED_INTEGER(i32, int32_t)
COUNTED_INTEGER(u32, uint32_t)
COUNTED_INTEGER(i64, int64_t)
COUNTED_INTEGER(u64, uint64_t)
COUNTED_INTEGER(size, size_t)
COUNTED(bool, bool, SWAPS(bool, false, true) FETCHES(fetch_and) FETCHES(fetch_or) FETCHES(fetch_xor))
static char goals[2];
COUNTED(ptr, void *, SWAPS(void *, &goals[0], &goals[1]))

typedef struct listing {
    size_t n;
    char names[300][64];
    uint64_t counts[300];
} listing;
static void list_one(const char *name, uint64_t n, void *user) {
    listing *l = (listing *)user;
    CHECK_UINT(gokore_atomic_op_count(name), n); // the callback may use the library
    (void)snprintf(l->names[l->n], sizeof l->names[0], "%s", name);
    l->counts[l->n++] = n;
}
static listing list_all(void) {
    static listing l;
    memset(&l, 0, sizeof l);
    gokore_atomic_op_counts(list_one, &l);
    return l;
}

TEST(counting, names_and_refusals) {
    gokore_atomic_u32 a = GOKORE_ATOMIC_INIT(0), b = GOKORE_ATOMIC_INIT(0);
    char name[70], copied[] = "copied";
    memset(name, 'n', sizeof name);
    name[64] = 0;
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track(name, &a)); // 64 bytes
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track("", &a));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track(NULL, &a));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track("a", NULL));
    CHECK_UINT(0, list_all().n);
    name[63] = 0;
    CHECK_STATUS(GOKORE_OK, gokore_atomic_track(name, &a));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track("second name", &a)); // tracked already
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track(name, &a));
    CHECK_STATUS(GOKORE_INVALID, gokore_atomic_track(name, &b)); // the name is in use
    CHECK_STATUS(GOKORE_OK, gokore_atomic_track(copied, &b));
    copied[0] = 'C';
    (void)gokore_atomic_load(&b);
    (void)gokore_atomic_load(&a), (void)gokore_atomic_load(&a);
    CHECK_UINT(1, count("copied"));
    CHECK_UINT(0, count("Copied"));
    CHECK_UINT(0, count("never heard of"));
    CHECK_UINT(0, count(""));
    CHECK_UINT(2, count(name));
    gokore_atomic_untrack(NULL);
    gokore_atomic_untrack(&name);
    gokore_atomic_untrack(&b);
    gokore_atomic_untrack(&b);
    (void)gokore_atomic_load(&b);
    CHECK_UINT(1, count("copied")); // frozen
    gokore_atomic_untrack(&a);
    CHECK_STATUS(GOKORE_OK, gokore_atomic_track("copied", &a)); // another object goes on under the name
    (void)gokore_atomic_load(&a), (void)gokore_atomic_load(&b);
    CHECK_UINT(2, count("copied"));
    listing all = list_all();
    CHECK_UINT(2, all.n);
    CHECK_STR(name, all.names[0]);
    CHECK_STR("copied", all.names[1]);
    CHECK_UINT(2, all.counts[1]);
}

TEST(counting, takes_256_names_in_order) {
    static gokore_atomic_u16 many[257];
    char name[16];
    for (unsigned i = 0; i < 256; i++) {
        (void)snprintf(name, sizeof name, "n%u", (i * 37) % 256); // not in alphabetical order
        REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track(name, &many[i]));
    }
    CHECK_STATUS(GOKORE_LIMIT, gokore_atomic_track("one more", &many[256]));
    CHECK_STATUS(GOKORE_LIMIT, gokore_atomic_track("one more", &many[256]));
    for (unsigned i = 0; i < 257; i++)
        for (unsigned k = 0; k < i; k++) (void)gokore_atomic_add(&many[i], 1);
    listing all = list_all();
    CHECK_UINT(256, all.n);
    for (unsigned i = 0; i < 256; i++) {
        (void)snprintf(name, sizeof name, "n%u", (i * 37) % 256);
        CHECK_STR(name, all.names[i]);
        CHECK_UINT(i, all.counts[i]);
        CHECK_UINT(i, count(name));
    }
    CHECK_UINT(0, count("one more"));
    gokore_atomic_untrack(&many[3]);
    CHECK_STATUS(GOKORE_LIMIT, gokore_atomic_track("one more", &many[3])); // names stay
    (void)snprintf(name, sizeof name, "n%u", 3u * 37);
    CHECK_STATUS(GOKORE_OK, gokore_atomic_track(name, &many[256]));
    (void)gokore_atomic_load(&many[256]);
    CHECK_UINT(4, count(name));
}

TEST(counting, objects_that_share_a_slot) {
    enum { N = 6 };
    static gokore_atomic_u64 room[16384];
    gokore_atomic_u64 *same[N + 1];
    char name[N][16];
    int n = 0;
    for (int i = 0; i < 16384 && n <= N; i++)
        if (gokore_atomic_filter_(&room[i]) == gokore_atomic_filter_(&room[0])) same[n++] = &room[i];
    REQUIRE(n == N + 1);
    for (int i = 0; i < N; i++) {
        (void)snprintf(name[i], sizeof name[i], "s%d", i);
        REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track(name[i], same[i]));
    }
    uint64_t want[N] = { 0 };
    bool is[N];
    for (int i = 0; i < N; i++) is[i] = true;
    uint64_t state = test_seed();
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i <= N; i++) {
            (void)gokore_atomic_add(same[i], 1);
            if (i < N) want[i] += is[i];
        }
        for (int i = 0; i < N; i++) CHECK_UINT(want[i], count(name[i]));
        int k = (int)(test_random(&state) % N);
        if (is[k]) gokore_atomic_untrack(same[k]);
        else REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track(name[k], same[k]));
        is[k] = !is[k];
    }
}

enum { CHAIN = 4 };
static gokore_atomic_u64 chain_room[8192], *chain[CHAIN], *elsewhere;
static gokore_atomic_u32 chain_stop;
static void move_in_and_out(void *arg) { // the numbers of two names wander between the chains of two slots
    (void)arg;
    while (!gokore_atomic_load(&chain_stop))
        for (int i = 2; i < CHAIN; i++) {
            const char *name = i == 2 ? "m2" : "m3";
            CHECK_STATUS(GOKORE_OK, gokore_atomic_track(name, chain[i]));
            gokore_atomic_untrack(chain[i]);
            CHECK_STATUS(GOKORE_OK, gokore_atomic_track(name, elsewhere));
            gokore_atomic_untrack(elsewhere);
        }
}
static void count_in_chain(void *arg) {
    (void)arg;
    for (int i = 0; i < 20000; i++) (void)gokore_atomic_add(chain[0], 1), (void)gokore_atomic_add(chain[1], 1);
}
TEST(counting, loses_nothing_while_others_of_the_slot_come_and_go) {
    gokore_thread_ mover, threads[2];
    int n = 0;
    for (int i = 0; i < 8192 && n < CHAIN; i++)
        if (gokore_atomic_filter_(&chain_room[i]) == gokore_atomic_filter_(&chain_room[0])) chain[n++] = &chain_room[i];
    REQUIRE(n == CHAIN);
    elsewhere = &chain_room[1];
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("c0", chain[0]));
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("c1", chain[1]));
    start(&mover, move_in_and_out, NULL);
    for (int i = 0; i < 2; i++) start(&threads[i], count_in_chain, NULL);
    for (int i = 0; i < 2; i++) gokore_thread_join_(&threads[i]);
    gokore_atomic_store(&chain_stop, 1);
    gokore_thread_join_(&mover);
    CHECK_UINT(40000, count("c0"));
    CHECK_UINT(40000, count("c1"));
    CHECK_UINT(0, count("m2") + count("m3"));
}

static gokore_atomic_u32 shared[3];
#define COUNTS 2000
static void count_three(void *arg) {
    (void)arg;
    for (int i = 0; i < COUNTS; i++)
        for (int k = 0; k < 3; k++) (void)gokore_atomic_fetch_add_relaxed(&shared[k], 1);
}
static void track_shared(void) {
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("s0", &shared[0]));
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("s1", &shared[1]));
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("s2", &shared[2]));
}
TEST(counting, is_exact_while_threads_come_and_go) {
    gokore_thread_ threads[8];
    track_shared();
    uint64_t last = 0;
    for (int round = 1; round <= 10; round++) {
        for (int i = 0; i < 8; i++) start(&threads[i], count_three, NULL);
        for (int i = 0; i < 8; i++) {
            for (int k = 0; k < 20; k++) {
                uint64_t now = count("s1");
                CHECK(now >= last && now <= (uint64_t)round * 8 * COUNTS); // never goes back
                last = now;
            }
            gokore_thread_join_(&threads[i]);
        }
        CHECK_UINT(round * 8 * COUNTS, count("s0"));
        CHECK_UINT(round * 8 * COUNTS, count("s1"));
        CHECK_UINT(round * 8 * COUNTS, count("s2"));
    }
}

static pthread_key_t late_keys[2];
static void count_late(void *arg) { // a destructor of a thread that may have been collected already
    (void)arg;
    for (int i = 0; i < 10; i++) (void)gokore_atomic_add(&shared[0], 1);
}
static void *end_late(void *arg) {
    (void)pthread_setspecific(late_keys[0], &late_keys[0]);
    (void)pthread_setspecific(late_keys[1], &late_keys[1]);
    if (arg) (void)gokore_atomic_add(&shared[0], 1);
    pthread_exit(NULL);
}
TEST(counting, sees_operations_of_destructors) {
    pthread_t thread;
    REQUIRE(pthread_key_create(&late_keys[0], count_late) == 0);
    track_shared();
    (void)gokore_atomic_load(&shared[0]); // the library's key is made here, between the two
    REQUIRE(pthread_key_create(&late_keys[1], count_late) == 0);
    REQUIRE(pthread_create(&thread, NULL, end_late, &late_keys) == 0);
    (void)pthread_join(thread, NULL);
    CHECK_UINT(22, count("s0"));
    REQUIRE(pthread_create(&thread, NULL, end_late, NULL) == 0);
    (void)pthread_join(thread, NULL);
    CHECK_UINT(42, count("s0"));
}

static gokore_atomic_u32 stopping, coming;
static void track_and_untrack(void *arg) {
    (void)arg;
    while (!gokore_atomic_load(&stopping)) {
        CHECK_STATUS(GOKORE_OK, gokore_atomic_track("coming", &coming));
        (void)gokore_atomic_add(&coming, 1);
        gokore_atomic_untrack(&coming);
    }
}
static void no_look(const char *name, uint64_t n, void *user) {
    CHECK(name[0] == 's' || strcmp(name, "coming") == 0);
    CHECK(name[0] != 's' || n <= 2 * COUNTS);
    (void)user;
}
TEST(counting, names_are_listed_while_others_are_tracked_again) {
    gokore_thread_ tracker, threads[2];
    track_shared();
    start(&tracker, track_and_untrack, NULL);
    for (int i = 0; i < 2; i++) start(&threads[i], count_three, NULL);
    for (int i = 0; i < 300; i++) {
        gokore_atomic_op_counts(no_look, NULL);
        gokore_yield_();
    }
    for (int i = 0; i < 2; i++) gokore_thread_join_(&threads[i]);
    gokore_atomic_store(&stopping, 1);
    gokore_thread_join_(&tracker);
    for (int k = 0; k < 3; k++) CHECK_UINT(2 * COUNTS, count(k == 0 ? "s0" : k == 1 ? "s1" : "s2")); // no other one's count suffers
}

static void track_within(const char *name, uint64_t n, void *user) {
    (void)name, (void)n;
    ++*(int *)user;
    (void)!gokore_atomic_track("from within", &coming);
    gokore_atomic_untrack(&shared[2]);
}
TEST(counting, callback_may_track) {
    int calls = 0;
    track_shared();
    gokore_atomic_op_counts(track_within, &calls);
    CHECK(calls == 3 || calls == 4);
    CHECK_UINT(0, count("from within"));
    (void)gokore_atomic_load(&coming);
    CHECK_UINT(1, count("from within"));
}
