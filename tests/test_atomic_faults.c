// test_atomic_faults.c - gokore_atomic.h where the machine and the system refuse: weak CAS that fail, a processor that breaks C11's
// order, no memory, no keys, no threads, no node, writes that a signal ends
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
static bool compare_exchange(void *p, void *expected, const void *v, size_t size, bool weak);
static enum { HEALTHY, NO_TOTAL_ORDER, NO_COHERENCE } machine;
static void look_broken(void *value, size_t size, int order);
static void *allocate(size_t size, size_t align);
#define GOKORE_SEAM_LOAD_(p, order)                                                                                  \
    __extension__({                                                                                                  \
        __typeof__(__atomic_load_n((p), (order))) seen_ = __atomic_load_n((p), (order));                             \
        look_broken(&seen_, sizeof seen_, (order));                                                                  \
        seen_;                                                                                                       \
    })
#define GOKORE_SEAM_STORE_(p, v, order)                      __atomic_store_n((p), (v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   __atomic_exchange_n((p), (v), (order))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other) compare_exchange((p), (expected), &(__typeof__(*(p))) { (v) }, sizeof *(p), (weak))
#define GOKORE_SEAM_RMW_(op, p, v, order)                    __atomic_##op((p), (v), (order))
#define GOKORE_SEAM_FENCE_(order)                            __atomic_thread_fence(order)
#define GOKORE_UNHEARD_(word)                                (void)0
#define GOKORE_SEAM_PAUSE_()                                 gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)       gokore_futex_wait_((word), (expected), (deadline_ns))
#define GOKORE_SEAM_WAKE_(word, count)                       gokore_futex_wake_((word), (count))
#define GOKORE_SEAM_YIELD_()                                 gokore_yield_()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size)  gokore_thread_start_((out), (fn), (arg), (stack_size))
#define GOKORE_SEAM_THREAD_JOIN_(thread)                     gokore_thread_join_(thread)
#define GOKORE_SEAM_THREAD_ID_()                             gokore_thread_number_()
#define GOKORE_SEAM_ALLOC_(size, align)                      allocate((size), (align))
#define GOKORE_SEAM_FREE_(p)                                 gokore_heap_free_(p)
#define GOKORE_SEAM_NOW_()                                   gokore_clock_ns_()
static bool pthreads_out; // what pthreads make needs memory, and there is none
#define pthread_attr_init(a)     (pthreads_out ? ENOMEM : pthread_attr_init(a))
#define pthread_key_create(k, f) (pthreads_out ? ENOMEM : pthread_key_create((k), (f)))
#define GOKORE_IMPLEMENTATION
#include "../gokore_atomic.h"

#include "support/test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool memory_out;
static void *allocate(size_t size, size_t align) { return memory_out ? NULL : gokore_heap_alloc_(size, align); }

static unsigned refusals; // of the weak CAS to come
static uint64_t step;     // what another thread adds to the object before such a CAS
#define CAS_OF(T)                                                                                                    \
    static bool cas_##T(T *p, T *expected, T v, bool refused) {                                                      \
        if (refused) *expected = __atomic_add_fetch(p, (T)step, __ATOMIC_SEQ_CST);                                   \
        return !refused && __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
    }
CAS_OF(uint8_t)
CAS_OF(uint16_t)
CAS_OF(uint32_t)
CAS_OF(uint64_t)
static bool compare_exchange(void *p, void *expected, const void *v, size_t size, bool weak) {
    bool refused = weak && refusals > 0;
    refusals -= refused;
    switch (size) {
    case 1: return cas_uint8_t((uint8_t *)p, (uint8_t *)expected, *(const uint8_t *)v, refused);
    case 2: return cas_uint16_t((uint16_t *)p, (uint16_t *)expected, *(const uint16_t *)v, refused);
    case 4: return cas_uint32_t((uint32_t *)p, (uint32_t *)expected, *(const uint32_t *)v, refused);
    default: return cas_uint64_t((uint64_t *)p, (uint64_t *)expected, *(const uint64_t *)v, refused);
    }
}

// ---- a weak CAS may fail for nothing, or because another thread was first: the operation is done once, on what is there then

#define CONTENDED_ORDER(N, T, X)                                                                                     \
    gokore_atomic_store(&a, 5), refusals = 2, step = 1;                                                              \
    CHECK_INT(7, N##_fetch_max##X(&a, 6));                                                                           \
    CHECK_INT(7, gokore_atomic_load(&a));                                                                            \
    refusals = 2;                                                                                                    \
    CHECK_INT(9, N##_fetch_max##X(&a, 20));                                                                          \
    CHECK_INT(20, gokore_atomic_load(&a));                                                                           \
    refusals = 2;                                                                                                    \
    CHECK_INT(22, N##_fetch_min##X(&a, 21));                                                                         \
    CHECK_INT(21, gokore_atomic_load(&a));                                                                           \
    refusals = 1, e = 21;                                                                                            \
    CHECK(!N##_compare_exchange_weak##X(&a, &e, 3));                                                                 \
    CHECK_INT(22, e);                                                                                                \
    CHECK(N##_compare_exchange_weak##X(&a, &e, 3));                                                                  \
    CHECK_INT(3, gokore_atomic_load(&a));
#define CONTENDED(short_name, T)                                                                                     \
    TEST(contended, short_name) {                                                                                    \
        gokore_atomic_##short_name a = GOKORE_ATOMIC_INIT(0);                                                        \
        T e = 0;                                                                                                     \
        CONTENDED_ORDER(gokore_atomic_##short_name, T, )                                                             \
        CONTENDED_ORDER(gokore_atomic_##short_name, T, _acquire)                                                     \
        CONTENDED_ORDER(gokore_atomic_##short_name, T, _release)                                                     \
        CONTENDED_ORDER(gokore_atomic_##short_name, T, _acq_rel)                                                     \
        CONTENDED_ORDER(gokore_atomic_##short_name, T, _relaxed)                                                     \
        gokore_atomic_store(&a, 5), refusals = 2;                                                                    \
        CHECK(gokore_atomic_add_unless(&a, 10, 9));                                                                \
        CHECK_INT(17, gokore_atomic_load(&a));                                                                       \
        gokore_atomic_store(&a, 5), refusals = 2;                                                                    \
        CHECK(!gokore_atomic_add_unless(&a, 10, 7));                                                                 \
        CHECK_INT(7, gokore_atomic_load(&a));                                                                        \
        gokore_atomic_store(&a, 5), refusals = 2;                                                                    \
        CHECK(gokore_atomic_dec_if_positive(&a));                                                                    \
        CHECK_INT(6, gokore_atomic_load(&a));                                                                        \
        gokore_atomic_store(&a, 1), refusals = 1, step = (uint64_t)-1;                                               \
        CHECK(!gokore_atomic_dec_if_positive(&a)); /* another thread took the last */                                \
        CHECK_INT(0, gokore_atomic_load(&a));                                                                        \
        gokore_atomic_store(&a, 1), refusals = 1;                                                                    \
        CHECK(!gokore_atomic_inc_not_zero(&a));                                                                      \
        CHECK_INT(0, gokore_atomic_load(&a));                                                                        \
    }
CONTENDED(i8, int8_t)
CONTENDED(u8, uint8_t)
CONTENDED(i16, int16_t)
CONTENDED(u16, uint16_t)
CONTENDED(i32, int32_t)
CONTENDED(u32, uint32_t)
CONTENDED(i64, int64_t)
CONTENDED(u64, uint64_t)
CONTENDED(size, size_t)

// ---- a machine that breaks C11's order is found, and one that doesn't is not

static _Thread_local uint32_t falling;
static void look_broken(void *value, size_t size, int order) {
    if (machine == NO_TOTAL_ORDER && order == __ATOMIC_SEQ_CST) memset(value, 0, size); // as if each store were seen too late
    if (machine == NO_COHERENCE && order == __ATOMIC_RELAXED && size == 4) {           // as if a later read saw an older value
        falling--;
        memcpy(value, &falling, 4);
    }
}
TEST(litmus, machine_without_a_total_order_is_found) {
    gokore_litmus seen;
    machine = NO_TOTAL_ORDER;
    gokore_status status = gokore_memory_model_litmus(&seen), check = gokore_memory_model_check();
    machine = HEALTHY;
    CHECK_STATUS(GOKORE_SYSTEM, status);
    CHECK_STATUS(GOKORE_SYSTEM, check);
    CHECK_UINT(seen.runs, seen.store_buffering);
    CHECK_UINT(0, seen.message_passing + seen.load_buffering + seen.coherence);
}
TEST(litmus, machine_without_coherence_is_found) {
    gokore_litmus seen;
    machine = NO_COHERENCE;
    gokore_status status = gokore_memory_model_litmus(&seen);
    machine = HEALTHY;
    CHECK_STATUS(GOKORE_SYSTEM, status);
    CHECK_UINT(seen.runs, seen.coherence);
    CHECK_UINT(0, seen.store_buffering + seen.load_buffering);
}
TEST(litmus, outcomes_are_told_apart) { // which of them C11 forbids (even) or leaves to relaxed operations (odd)
    gokore_litmus_state_ s;
    memset(&s, 0, sizeof s);
    for (uint32_t bits = 0; bits < 16; bits++) {
        uint32_t a = bits & 1, b = bits >> 1 & 1, b1 = bits >> 2 & 1;
        s.seen[0][0] = a, s.seen[1][0] = b, s.seen[1][1] = b1;
        for (int which = 0; which < 2; which++) CHECK_INT(!a && !b, gokore_litmus_weak_(&s, which));
        for (int which = 2; which < 4; which++) CHECK_INT(b && !b1, gokore_litmus_weak_(&s, which));
        for (int which = 4; which < 6; which++) CHECK_INT(a && b, gokore_litmus_weak_(&s, which));
    }
    static const uint32_t rows[][5] = { { 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 0 }, { 0, 2, 2, 4, 0 }, { 1, 0, 3, 4, 1 }, { 1, 3, 2, 4, 1 }, { 1, 2, 4, 3, 1 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memcpy(s.seen[1], rows[i], sizeof s.seen[1]);
        CHECK_INT(rows[i][4], gokore_litmus_weak_(&s, 6));
    }
}

// ---- no memory, no keys

static gokore_status keep_text(void *user, const void *data, size_t len) {
    char *out = (char *)user;
    REQUIRE(len < 2000);
    memcpy(out, data, len);
    out[len] = 0;
    return GOKORE_OK;
}
TEST(writef, of_any_length_writes_all_or_says_why_not) {
    char got[2000] = "untouched", text[1001];
    gokore_writer out = { keep_text, got };
    memset(text, 'x', 1000);
    text[1000] = 0;
    CHECK_STATUS(GOKORE_OK, gokore_writef_(out, "%s", text));
    CHECK_STR(text, got);
    text[511] = 0; // with its end just what the stack's buffer holds
    CHECK_STATUS(GOKORE_OK, gokore_writef_(out, "%s", text));
    CHECK_STR(text, got);
    CHECK_STATUS(GOKORE_OK, gokore_writef_(out, "%sy", text));
    CHECK_UINT(512, strlen(got));
    (void)strcpy(got, "untouched");
    memory_out = true;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_writef_(out, "%sy", text));
    CHECK_STR("untouched", got);
    CHECK_STATUS(GOKORE_OK, gokore_writef_(out, "%s", "short"));
    CHECK_STR("short", got);
    memory_out = false;
    static const wchar_t none[] = { 0x7fffffff, 0 }; // no character: libc can't write it
    CHECK_STATUS(GOKORE_SYSTEM, gokore_writef_(out, "%ls", none));
    CHECK_STR("short", got);
}

static unsigned lent;
static void *lend(void *user, size_t size, size_t align) {
    static _Alignas(64) unsigned char arena[256];
    (void)user, (void)align;
    lent++;
    return size <= sizeof arena ? memset(arena, 0xff, size) : NULL;
}
TEST(allocator, without_a_free_is_an_arena) {
    const gokore_allocator arena = { lend, NULL, NULL };
    unsigned char *p = (unsigned char *)gokore_alloc_zeroed_(&arena, 100, 8);
    REQUIRE(p != NULL);
    CHECK_UINT(1, lent);
    for (int i = 0; i < 100; i++) CHECK_INT(0, p[i]);
    gokore_free_(&arena, p, 100); // nothing to do
    CHECK_INT(0, p[0]);
    CHECK_PTR(NULL, gokore_alloc_zeroed_(&arena, 1000, 8));
    gokore_free_(&arena, NULL, 0);
}

static gokore_atomic_u32 counted;
static void count(void *n) {
    for (int i = 0; i < *(int *)n; i++) gokore_atomic_counted_(&counted);
}
TEST(counting, is_exact_where_there_are_no_keys_for_threads) {
    int n = 1000;
    REQUIRE_STATUS(GOKORE_OK, gokore_atomic_track("counted", &counted));
    pthreads_out = true;
    count(&n);
    pthreads_out = false;
    CHECK_UINT(1000, gokore_atomic_op_count("counted"));
    test_on_thread(count, &n); // now there is a key
    CHECK_UINT(2000, gokore_atomic_op_count("counted"));
    gokore_atomic_untrack(NULL); // none; the name's count stays
    gokore_atomic_untrack(&counted);
    count(&n);
    CHECK_UINT(2000, gokore_atomic_op_count("counted"));
}

// ---- what the checks find beyond their tables is still told

TEST(barrier, beyond_1024_places_is_told_again_rather_than_not_at_all) {
    static _Alignas(64) unsigned char room[8 * 1200];
    gokore_barrier_violation list[100];
    test_reports_capture();
    for (size_t i = 0; i < 1024; i++) gokore_atomic_checked_(room + 8 * i + 1, 8, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    CHECK_UINT(1024, gokore_barrier_violations(NULL, 0));
    for (size_t i = 0; i < 1024; i++) gokore_atomic_checked_(room + 8 * i + 1, 8, GOKORE_ATOMIC_OP_STORE, __ATOMIC_SEQ_CST);
    CHECK_UINT(2048, gokore_barrier_violations(list, 100)); // another operation is another place
    for (int again = 0; again < 2; again++) gokore_atomic_checked_(room + 8 * 1100 + 1, 8, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);
    CHECK_UINT(2050, gokore_barrier_violations(NULL, 0));
    CHECK_UINT(2050, test_reports_count(GOKORE_REPORT_ATOMIC_MISALIGNED));
    CHECK_PTR(room + 1, list[0].address);
    CHECK_PTR(room + 8 * 63 + 1, list[63].address);
}

// ---- threads and reports on a system that refuses

static void never(void *arg) { (void)arg, CHECK(false); }
TEST(thread, that_the_system_has_no_memory_for_is_not_started) {
    gokore_thread_ thread;
    pthreads_out = true;
    gokore_status status = gokore_thread_start_(&thread, never, NULL, 0);
    pthreads_out = false;
    CHECK_STATUS(GOKORE_SYSTEM, status);
    memory_out = true;
    status = gokore_thread_start_(&thread, never, NULL, 0);
    memory_out = false;
    CHECK_STATUS(GOKORE_NO_MEMORY, status);
}

static bool refuse_call(int number, int error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
static void keep_node(const gokore_report *r, void *user) { *(int *)user = r->numa_node; }
TEST(report, has_no_node_where_the_system_does_not_tell_it) {
    test_only_with("PLATFORM=LINUX");
    int node = 77;
    if (!refuse_call(SYS_getcpu, EPERM)) test_skip("this system has no filters for system calls");
    gokore_report_set(keep_node, &node);
    gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "x", "text");
    gokore_report_set(NULL, NULL);
    CHECK_INT(-1, node);
}

static void on_signal(int number) { (void)number; }
static gokore_atomic_u32 written;
static void report_into_a_full_pipe(void *unused) {
    (void)unused;
    gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "r", "%s", "whole");
    gokore_atomic_store(&written, 1);
}
static void *write_report(void *unused) { return report_into_a_full_pipe(unused), NULL; }
TEST(report, line_is_written_though_signals_end_the_write) {
    int ends[2], before = dup(STDERR_FILENO);
    char rest[8192] = "";
    REQUIRE(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    memset(rest, '.', 4096);
    size_t filled = 0;
    gokore_report_set(NULL, NULL);
    const struct sigaction action = { .sa_handler = on_signal }; // without SA_RESTART
    REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
    pthread_t t;
    long room = fcntl(ends[1], F_GETPIPE_SZ);
    for (; filled < (size_t)room; filled += 4096) REQUIRE(write(ends[1], rest, 4096) == 4096);
    REQUIRE(pthread_create(&t, NULL, write_report, NULL) == 0);
    for (int i = 0; i < 30; i++) {
        (void)usleep(1000);
        (void)pthread_kill(t, SIGALRM); // some of them in the middle of the write
    }
    CHECK_UINT(0, gokore_atomic_load(&written));
    for (size_t got = 0; got < filled; got += 4096) REQUIRE(read(ends[0], rest, 4096) == 4096);
    (void)pthread_join(t, NULL);
    memset(rest, 0, sizeof rest);
    REQUIRE(read(ends[0], rest, sizeof rest - 1) > 0);
    (void)dup2(before, STDERR_FILENO);
    CHECK_STR("gokore: warning: r: whole [TOPOLOGY]\n", rest);
}

static void unlock_a_free_latch(void *unused) {
    gokore_latch_ latch = { GOKORE_ATOMIC_INIT(0) };
    (void)unused;
    gokore_latch_unlock_(&latch);
}
TEST(latch, that_nobody_holds_is_not_unlocked) {
    static char out[4096];
    if (GOKORE_CHECKS < 1) test_skip("contract checks are off in this build");
    CHECK_INT(128 + SIGABRT, test_in_child(unlock_a_free_latch, NULL, out, sizeof out));
    CHECK_CONTAINS("[ASSERTION]", out);
}
