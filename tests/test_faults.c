// test_faults.c - every header on a system that refuses: each allocation and each thread start failing in turn, waits that the
// kernel ends with an error, no new threads, calls that containers forbid, tiny stacks, threads that stand still
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size) start_counted((out), (fn), (arg), (stack_size))
#include "support/seam.h"
static void *allocate_counted(size_t size, size_t align);
static void free_counted(void *p);
#define GOKORE_SEAM_HAS_WAIT_TWO_()                         gokore_futex_has_two_()
#define GOKORE_SEAM_WAIT_TWO_(on, deadline_ns)              gokore_futex_wait_two_((on), (deadline_ns))
#define GOKORE_SEAM_ALLOC_(size, align)                     allocate_counted((size), (align))
#define GOKORE_SEAM_FREE_(p)                                free_counted(p)
#include "../gokore_atomic.h"
static gokore_status start_counted(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg, size_t stack_size);
#define GOKORE_UNHEARD_(word) (void)0
#define GOKORE_IMPLEMENTATION
#include "../gokore.h"

#include "support/waiting.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

// ---- the system

static struct {
    _Atomic uint64_t allocations, starts; // asked for since the fault was set
    _Atomic int64_t live;                 // blocks
    _Atomic uint64_t nth_allocation, nth_start; // fails; 0 = none
    _Atomic bool once;                    // only that one, not all later ones too
} fault;

static bool fails(uint64_t n, uint64_t nth) { return nth && (fault.once ? n == nth : n >= nth); }
static bool refuse_allocation(void) { return fails(++fault.allocations, fault.nth_allocation); }
static bool refuse_thread(void) { return fails(++fault.starts, fault.nth_start); }
static void *allocate_counted(size_t size, size_t align) {
    void *p = refuse_allocation() ? NULL : gokore_heap_alloc_(size, align);
    fault.live += p != NULL;
    return p;
}
static void free_counted(void *p) {
    fault.live -= p != NULL;
    gokore_heap_free_(p);
}
static gokore_status start_counted(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg, size_t stack_size) {
    return refuse_thread() ? GOKORE_SYSTEM : gokore_thread_start_(out, fn, arg, stack_size);
}
static void set_fault(uint64_t allocation, uint64_t start, bool once) {
    fault.allocations = fault.starts = 0;
    fault.nth_allocation = allocation;
    fault.nth_start = start;
    fault.once = once;
}

// ---- what programs do, each a few of everything that allocates or starts threads; answers the first failure

static gokore_status first_of(gokore_status a, gokore_status b) { return a != GOKORE_OK ? a : b; }

static _Atomic unsigned ran;
static void count_run(gokore_worker *worker, void *arg) {
    (void)worker, (void)arg;
    ran++;
}
static void count_task(gokore_worker *worker, gokore_task *task) {
    (void)task;
    count_run(worker, NULL);
}
static void count_piece(gokore_worker *worker, size_t begin, size_t end, void *user) {
    (void)worker, (void)user;
    ran += (unsigned)(end - begin);
}
static gokore_status use_pool(void) {
    gokore_pool *p;
    gokore_status s = gokore_pool_create(&p, &(gokore_pool_desc) { .workers = 2 });
    if (s != GOKORE_OK) return CHECK_PTR(NULL, p), s;
    unsigned expected = 0;
    ran = 0;
    for (int i = 0; i < 4; i++) {
        gokore_status one = gokore_pool_submit_fn(p, count_run, NULL, NULL);
        expected += one == GOKORE_OK;
        s = first_of(s, one);
    }
    s = first_of(s, gokore_pool_scale(p, 4));
    CHECK(gokore_pool_worker_count(p) == (s == GOKORE_OK ? 4 : gokore_pool_worker_count(p)));
    gokore_group g = { 0 };
    gokore_task t[3] = { GOKORE_TASK_INIT(count_task), GOKORE_TASK_INIT(count_task), GOKORE_TASK_INIT(count_task) };
    for (int i = 0; i < 3; i++) { // never allocates
        CHECK_STATUS(GOKORE_OK, gokore_group_submit(&g, p, &t[i], NULL));
        expected++;
    }
    CHECK_STATUS(GOKORE_OK, gokore_group_wait(&g, NULL));
    gokore_status loop = gokore_parallel_for(p, NULL, 0, 100, 10, count_piece, NULL);
    expected += loop == GOKORE_OK ? 100 : 0;
    s = first_of(s, loop);
    s = first_of(s, gokore_pool_set_config(p, &(gokore_pool_desc) { .workers = 3 }));
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(p, INT64_MAX));
    CHECK_UINT(expected, ran);
    gokore_pool_destroy(p);
    return s;
}
static gokore_status use_deque(void) {
    gokore_deque d;
    gokore_status s = gokore_deque_init(&d, &(gokore_deque_desc) { .capacity = 2 });
    if (s != GOKORE_OK) return s;
    uintptr_t in = 0, out = 0;
    for (uintptr_t i = 1; i <= 40; i++) {
        gokore_status one = gokore_deque_push(&d, (void *)i); // NO_MEMORY: nothing is lost
        s = first_of(s, one);
        in += one == GOKORE_OK ? i : 0;
    }
    for (void *item; (item = gokore_deque_pop(&d)) != NULL;) out += (uintptr_t)item;
    CHECK_UINT(in, out);
    gokore_deque_deinit(&d);
    return s;
}
static gokore_status use_channel(void) {
    enum { CASES = 20 }; // more than stand on the stack
    gokore_channel *c = NULL, *after = NULL, *ticks = NULL;
    gokore_select_case cases[CASES];
    int got = 0, item = 7;
    size_t chosen = 0;
    gokore_status s = gokore_channel_create(&c, &(gokore_channel_desc) { .item_size = sizeof item, .capacity = 3 });
    s = first_of(s, gokore_channel_after(&after, 3600 * 1000 * MS));
    s = first_of(s, gokore_channel_ticker(&ticks, 3600 * 1000 * MS));
    for (size_t i = 0; i < CASES; i++) cases[i] = (gokore_select_case) { c, GOKORE_SELECT_RECV, &got };
    if (s == GOKORE_OK) {
        CHECK_STATUS(GOKORE_OK, gokore_channel_send(c, &item, NULL));
        s = gokore_channel_select(cases, CASES, NULL, &chosen);
        if (s == GOKORE_OK) CHECK_INT(7, got);
        else CHECK_UINT(1, gokore_channel_len(c)); // nothing was taken
    }
    gokore_channel_destroy(c);
    gokore_channel_destroy(after);
    gokore_channel_destroy(ticks);
    return s;
}
static gokore_status write_nowhere(void *user, const void *text, size_t len) {
    (void)text;
    *(size_t *)user += len;
    return GOKORE_OK;
}
static const char manifest[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: a}\n"
                               "spec: {qosClass: Burstable, hierarchyRules: [{name: r, order: [A, B, C]}]}\n";
static gokore_status use_policy(void) {
    gokore_policy_set *set = NULL;
    size_t written = 0;
    const gokore_writer out = { write_nowhere, &written };
    gokore_status s = gokore_policy_load(&set, manifest, sizeof manifest - 1, "a.yaml", NULL);
    if (s != GOKORE_OK) return CHECK_PTR(NULL, set), s;
    const gokore_policy *p = gokore_policy_set_at(set, 0);
    s = first_of(gokore_policy_write_yaml(p, out), gokore_policy_write_json(p, out));
    gokore_policy_set_destroy(set);
    return first_of(s, gokore_document_to_json(manifest, sizeof manifest - 1, "a.yaml", out, NULL));
}
static gokore_status use_topology(void) {
    gokore_topology *t = NULL;
    gokore_container c;
    gokore_status s = gokore_topology_create(&t, NULL);
    if (s != GOKORE_OK) CHECK_PTR(NULL, t);
    gokore_topology_destroy(t);
    s = first_of(s, gokore_container_read(&c, NULL));
    if (s == GOKORE_OK) CHECK(c.workers >= 1);
    return s;
}
static gokore_status use_pressure_watch(void) {
    gokore_status s = gokore_pressure_watch_start(NULL, NULL, &(gokore_pressure_watch_desc) { .interval_ns = MS });
    if (s == GOKORE_OK) gokore_pressure_watch_stop();
    return s == GOKORE_UNSUPPORTED ? GOKORE_OK : s;
}
static gokore_status use_deadlock_watch(void) {
    gokore_status s = gokore_deadlock_watch_start(MS);
    gokore_deadlock_watch_stop();
    return s == GOKORE_UNSUPPORTED ? GOKORE_OK : s;
}
static gokore_status use_policy_watch(void) {
    gokore_status s = gokore_policy_watch_start(test_data("policies/good-flow.yaml"), MS, NULL, NULL);
    gokore_policy_watch_stop();
    return s;
}
static gokore_status use_locks(void) { // only inheritance and the lock checker ask for memory: without it they do without
    gokore_mutex a = GOKORE_MUTEX_INIT, b;
    gokore_mutex_init(&b, &(gokore_mutex_desc) { .name = "b", .priority_inherit = true });
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&a, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&b, NULL));
    gokore_mutex_unlock(&b);
    gokore_mutex_unlock(&a);
    gokore_mutex_deinit(&b);
    gokore_mutex_deinit(&a);
    return GOKORE_OK;
}
static gokore_status use_litmus(void) {
    gokore_litmus seen;
    return gokore_memory_model_litmus(&seen);
}

// ---- every one of them failing in turn

static bool is_honest(gokore_status s) { return s == GOKORE_OK || s == GOKORE_NO_MEMORY || s == GOKORE_SYSTEM; }

// Fails the first, the second, ... until none is asked for any more. keeps: blocks that the library keeps for the process.
static uint64_t fail_each(gokore_status (*use)(void), bool threads, bool once, bool keeps) {
    uint64_t refusals = 0;
    for (uint64_t n = 1;; n++) {
        int64_t before = fault.live;
        set_fault(threads ? 0 : n, threads ? n : 0, once);
        gokore_status s = use();
        bool reached = (threads ? fault.starts : fault.allocations) >= n;
        set_fault(0, 0, false);
        CHECK(is_honest(s));
        if (!keeps) CHECK_INT(before, fault.live);
        if (!reached) return CHECK_STATUS(GOKORE_OK, s), refusals;
        refusals++;
        REQUIRE(n < 2000);
    }
}
static uint64_t fail_all_ways(gokore_status (*use)(void), bool keeps) {
    uint64_t n = 0;
    test_reports_capture(); // what is refused may be reported, too
    CHECK_STATUS(GOKORE_OK, use()); // what is made once for the process is there
    for (int way = 0; way < 4; way++) n += fail_each(use, way & 1, way & 2, keeps || GOKORE_LOCKORDER);
    CHECK_STATUS(GOKORE_OK, use());
    test_note("%llu refusals", (unsigned long long)n);
    return n;
}
TEST(refused, pools_tell_and_lose_nothing) { CHECK(fail_all_ways(use_pool, false) > 10); }
TEST(refused, deques_tell_and_lose_nothing) { CHECK(fail_all_ways(use_deque, false) > 5); }
TEST(refused, channels_tell_and_lose_nothing) { CHECK(fail_all_ways(use_channel, false) > 3); }
TEST(refused, policies_tell_and_lose_nothing) { CHECK(fail_all_ways(use_policy, false) > 3); }
TEST(refused, topologies_tell_and_lose_nothing) { CHECK(fail_all_ways(use_topology, false) > 1); }
TEST(refused, watches_of_pressure_tell_and_lose_nothing) { (void)fail_all_ways(use_pressure_watch, false); }
TEST(refused, watches_of_deadlocks_tell_and_lose_nothing) { (void)fail_all_ways(use_deadlock_watch, false); }
// Sets that were in force are kept for their readers.
TEST(refused, watches_of_policies_tell_and_lose_nothing) { CHECK(fail_all_ways(use_policy_watch, true) > 3); }
TEST(refused, litmus_tests_tell_and_lose_nothing) { // once each: they take long beside other load
    int64_t before = fault.live;
    set_fault(1, 0, false);
    CHECK_STATUS(GOKORE_NO_MEMORY, use_litmus());
    set_fault(0, 1, false);
    CHECK_STATUS(GOKORE_SYSTEM, use_litmus());
    set_fault(0, 0, false);
    if (!GOKORE_LOCKORDER) CHECK_INT(before, fault.live);
}
TEST(refused, locks_work_without_memory) { (void)fail_all_ways(use_locks, false); }
TEST(refused, locks_work_without_memory_from_the_first_one_on) { // what is made once for the process is not
    test_reports_capture();
    set_fault(1, 1, false);
    CHECK_STATUS(GOKORE_OK, use_locks());
    set_fault(0, 0, false);
}

// ---- the kernel refuses: filters answer with an error

static bool refuse_calls(const int *numbers, size_t n, int error) {
    for (size_t i = 0; i < n; i++) {
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { COUNT(code), code };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return false;
    }
    return true;
}
static bool refuse_waits(int error) { // the library's own: FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 9 | 128, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { COUNT(code), code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
enum { ROUNDS = 5 }; // who waits burns its time slice
static gokore_mutex turn_lock;
static gokore_cond turn_changed;
static int turn;
static gokore_channel *ferry;
static void *take_turns(void *p) {
    int me = (int)(intptr_t)p;
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&turn_lock, NULL));
        while (turn % 2 != me) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(&turn_changed, &turn_lock, NULL));
        turn++;
        gokore_mutex_unlock(&turn_lock);
        gokore_cond_broadcast(&turn_changed);
        int item = i;
        if (me) REQUIRE_STATUS(GOKORE_OK, gokore_channel_send(ferry, &item, NULL));
        else REQUIRE_STATUS(GOKORE_OK, gokore_channel_recv(ferry, &item, NULL));
        CHECK_INT(i, item);
    }
    return NULL;
}
static void waits_with(int error) {
    if (!GOKORE_FUTEX) test_skip("without futexes nobody waits by them");
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ferry, &(gokore_channel_desc) { .item_size = sizeof(int) }));
    if (!refuse_waits(error)) test_skip("this system has no filters for system calls");
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = begin(take_turns, (void *)(intptr_t)i);
    for (int i = 0; i < 2; i++) end(t[i]);
    CHECK_INT(2 * ROUNDS, turn);
    int64_t until = gokore_now_ns() + 2 * MS;
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&turn_lock, NULL));
    gokore_context ctx;
    gokore_context_init_deadline(&ctx, NULL, until);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&ctx)); // never early
    CHECK(gokore_now_ns() >= until);
    gokore_context_deinit(&ctx);
    gokore_mutex_unlock(&turn_lock);
    gokore_channel_destroy(ferry);
}
TEST(kernel, waits_that_always_end_by_a_signal_are_right_all_the_same) { waits_with(EINTR); }
TEST(kernel, waits_that_always_find_another_value_are_right_all_the_same) { waits_with(EAGAIN); }
TEST(kernel, waits_that_it_does_not_know_are_right_all_the_same) { waits_with(ENOSYS); }

GOKORE_TASK1(long, fib, int, n) {
    if (n < 2) return n;
    fib_spawn(worker, n - 1);
    long below = fib_call(worker, n - 2);
    return below + fib_join(worker);
}
static void compute(void) {
    gokore_pool *pool = NULL;
    long result = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 3 }));
    for (int round = 0; round < 20; round++) {
        REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &result, 16));
        CHECK_INT(987, result);
    }
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    CHECK_UINT(m.submitted + m.spawned, m.executed);
    gokore_pool_destroy(pool);
}
TEST(kernel, without_membarrier_owners_fence_and_the_pool_computes_the_same) {
    if (!refuse_calls((const int[]) { SYS_membarrier }, 1, ENOSYS)) test_skip("this system has no filters for system calls");
    compute();
}
TEST(kernel, that_forbids_membarrier_counts_as_one_without) {
    if (!refuse_calls((const int[]) { SYS_membarrier }, 1, EPERM)) test_skip("this system has no filters for system calls");
    compute();
}
TEST(kernel, without_new_threads_pools_and_watches_say_so) {
    if (SANITIZED) test_skip("LeakSanitizer starts a thread of its own");
    const int clones[] = {
        SYS_clone,
#ifdef SYS_clone3
        SYS_clone3,
#endif
    };
    if (!refuse_calls(clones, COUNT(clones), EAGAIN)) test_skip("this system has no filters for system calls");
    test_reports_capture();
    int64_t before = fault.live;
    gokore_pool *p;
    CHECK_STATUS(GOKORE_SYSTEM, gokore_pool_create(&p, &(gokore_pool_desc) { .workers = 2 }));
    CHECK_PTR(NULL, p);
    CHECK_STATUS(GOKORE_SYSTEM, use_policy_watch());
    CHECK_STATUS(GOKORE_SYSTEM, use_litmus());
    if (!GOKORE_LOCKORDER) CHECK_INT(before, fault.live);
}
TEST(kernel, what_containers_forbid_of_memory_and_processors_is_done_without) {
    const int forbidden[] = { SYS_mbind, SYS_set_mempolicy, SYS_get_mempolicy, SYS_move_pages, SYS_sched_setaffinity, SYS_getcpu };
    if (!refuse_calls(forbidden, COUNT(forbidden), EPERM)) test_skip("this system has no filters for system calls");
    test_reports_capture();
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, NULL));
    CHECK(gokore_topology_node_count(t) >= 1);
    gokore_topology_destroy(t);
    char *memory = gokore_numa_alloc(100000, 0);
    REQUIRE(memory != NULL);
    memset(memory, 1, 100000);
    gokore_numa_free(memory, 100000);
    CHECK_STATUS(GOKORE_OK, use_pool());
}

// ---- threads that stand still, wherever a signal found them

static _Atomic bool thawed, frozen;
static void freeze(int number) {
    (void)number;
    frozen = true;
    while (!thawed) pause_ns(100 * US);
}
static gokore_mutex held;
static gokore_atomic_u32 progress;
static void *hold(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&held, NULL));
    gokore_atomic_store(&progress, 1);
    while (!frozen) pause_ns(100 * US);
    gokore_mutex_unlock(&held);
    return unused;
}
static pthread_t frozen_holder(void) {
    struct sigaction action = { .sa_handler = freeze };
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t t = begin(hold, NULL);
    while (!gokore_atomic_load(&progress)) pause_ns(100 * US);
    REQUIRE(pthread_kill(t, SIGUSR1) == 0);
    while (!frozen) pause_ns(100 * US);
    return t;
}
TEST(frozen, owner_keeps_nobody_who_has_a_deadline_or_is_cancelled) {
    pthread_t t = frozen_holder();
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 3 * MS);
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&held, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(&held, 3 * MS));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(&held, &ctx));
    gokore_context_deinit(&ctx);
    thawed = true;
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&held, NULL));
    gokore_mutex_unlock(&held);
    end(t);
}
static void *wait_in_line(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&held, NULL));
    gokore_mutex_unlock(&held);
    return unused;
}
TEST(frozen, waiter_in_line_stops_nobody_for_good) {
    struct sigaction action = { .sa_handler = freeze };
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&held, NULL));
    pthread_t t = begin(wait_in_line, NULL);
    pause_ns(2 * MS); // perhaps in line, perhaps on its way
    REQUIRE(pthread_kill(t, SIGUSR1) == 0);
    while (!frozen) pause_ns(100 * US);
    gokore_mutex_unlock(&held);
    gokore_status s = gokore_mutex_try_lock(&held, 3 * MS); // who stands still may have been given it
    CHECK(s == GOKORE_OK || s == GOKORE_TIMEOUT);
    if (s == GOKORE_OK) gokore_mutex_unlock(&held);
    thawed = true;
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&held, NULL));
    gokore_mutex_unlock(&held);
    end(t);
}

// ---- tiny stacks

static void *use_everything(void *unused) {
    CHECK_STATUS(GOKORE_OK, use_locks());
    CHECK_STATUS(GOKORE_OK, use_deque());
    CHECK_STATUS(GOKORE_OK, use_channel());
    CHECK_STATUS(GOKORE_OK, use_pool());
    return unused;
}
TEST(stack, of_32_KiB_is_enough_for_locks_channels_and_pools) {
    if (SANITIZED) test_skip("a sanitizer needs more stack than the program");
    pthread_attr_t attributes;
    size_t size = PTHREAD_STACK_MIN > 32768 ? (size_t)PTHREAD_STACK_MIN : 32768;
    REQUIRE(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, size) == 0);
    pthread_t t;
    REQUIRE(pthread_create(&t, &attributes, use_everything, NULL) == 0);
    end(t);
    (void)pthread_attr_destroy(&attributes);
}
TEST(stack, of_32_KiB_is_enough_for_workers) {
    if (SANITIZED) test_skip("a sanitizer needs more stack than the program");
    gokore_pool *p;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&p, &(gokore_pool_desc) { .workers = 2, .stack_size = 32768 }));
    ran = 0;
    CHECK_STATUS(GOKORE_OK, gokore_parallel_for(p, NULL, 0, 1000, 10, count_piece, NULL));
    CHECK_UINT(1000, ran);
    gokore_pool_destroy(p);
}
