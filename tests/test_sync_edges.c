// test_sync_edges.c - gokore_sync.h where it is seldom: weak CAS that fail, many waiters of one context, observers and instrumenters
// with members left out, misuse that is reported, a kernel that refuses locks with priority inheritance
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdbool.h>
#include <stdint.h>
static bool fails_weakly(void);
#define GOKORE_SEAM_LOAD_(p, order)                          __atomic_load_n((p), (order))
#define GOKORE_SEAM_STORE_(p, v, order)                      __atomic_store_n((p), (v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   __atomic_exchange_n((p), (v), (order))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other)                                                         \
    ((weak) && fails_weakly() ? (*(expected) = __atomic_load_n((p), __ATOMIC_SEQ_CST), false)                        \
                              : __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), (other)))
#define GOKORE_SEAM_RMW_(op, p, v, order)                    __atomic_##op((p), (v), (order))
#define GOKORE_SEAM_FENCE_(order)                            __atomic_thread_fence(order)
#define GOKORE_UNHEARD_(word)                                (void)0
#undef GOKORE_METRICS
#define GOKORE_METRICS 1
#define GOKORE_IMPLEMENTATION
#include "../gokore.h"

#include "support/waiting.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static _Atomic bool weakly; // every other weak CAS of a thread fails for nothing
static bool fails_weakly(void) {
    static _Thread_local unsigned n;
    return weakly && n++ % 2 == 0;
}

// ---- C11 lets a weak CAS fail for nothing: whatever is built on one does the same all the same

enum { THREADS = 4, ROUNDS = 300 };
static gokore_mutex guard;
static gokore_cond changed;
static gokore_rwlock shared;
static gokore_semaphore permits = GOKORE_SEMAPHORE_INIT(2);
static gokore_waitgroup all_done;
static gokore_once_flag first;
static unsigned guarded, written, ran_once, turn;
static _Atomic int inside;
static void run_once(void *user) { ran_once++, pause_ns(100 * US), *(int *)user += 1; }
static void *use_everything(void *number) {
    static int user;
    gokore_once(&first, run_once, &user);
    CHECK_UINT(1, ran_once);
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&guard, NULL));
        guarded++;
        while (i % 50 == 0 && turn % THREADS != (unsigned)(intptr_t)number) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(&changed, &guard, NULL));
        turn += i % 50 == 0;
        gokore_mutex_unlock(&guard);
        gokore_cond_broadcast(&changed);
        REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&shared, NULL));
        written++;
        gokore_rwlock_write_unlock(&shared);
        REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&shared, NULL));
        CHECK(written > 0);
        gokore_rwlock_read_unlock(&shared);
        REQUIRE_STATUS(GOKORE_OK, gokore_semaphore_acquire(&permits, 1 + (uint32_t)i % 2, NULL));
        CHECK(++inside <= 2);
        inside--;
        gokore_semaphore_release(&permits, 1 + (uint32_t)i % 2);
    }
    gokore_waitgroup_done(&all_done);
    return NULL;
}
TEST(weak_cas, that_fails_for_nothing_is_tried_again) {
    pthread_t t[THREADS];
    weakly = true;
    gokore_waitgroup_add(&all_done, THREADS);
    for (int i = 0; i < THREADS; i++) t[i] = begin(use_everything, (void *)(intptr_t)i);
    CHECK_STATUS(GOKORE_OK, gokore_waitgroup_wait(&all_done, NULL));
    for (int i = 0; i < THREADS; i++) end(t[i]);
    weakly = false;
    CHECK_UINT(THREADS * ROUNDS, guarded);
    CHECK_UINT(THREADS * ROUNDS, written);
    CHECK_UINT(THREADS * ROUNDS / 50, turn);
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_try_acquire(&permits, 2, 0));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&permits, 1, 0));
}

// ---- contexts

enum { CROWD = 40 };
static gokore_context everybodys;
static gokore_atomic_u32 ended;
static void *wait_for_the_end(void *permit) {
    gokore_status s = permit ? gokore_semaphore_acquire((gokore_semaphore *)permit, 1, &everybodys) : gokore_context_wait(&everybodys);
    CHECK_STATUS(GOKORE_CANCELED, s);
    (void)gokore_atomic_fetch_add(&ended, 1);
    return NULL;
}
TEST(context, cancel_wakes_any_number_of_waiters) {
    gokore_semaphore none = GOKORE_SEMAPHORE_INIT(0);
    pthread_t t[CROWD];
    gokore_context_init(&everybodys, NULL);
    for (int i = 0; i < CROWD; i++) t[i] = begin(wait_for_the_end, i % 4 ? &none : NULL);
    until_waiting(&everybodys, CROWD);
    pause_ns(2 * MS); // so that some sleep
    CHECK_UINT(0, gokore_atomic_load(&ended));
    gokore_context_cancel(&everybodys);
    gokore_context_cancel(&everybodys);
    for (int i = 0; i < CROWD; i++) end(t[i]);
    CHECK_UINT(CROWD, gokore_atomic_load(&ended));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&everybodys));
    gokore_context_deinit(&everybodys);
    gokore_semaphore_release(&none, 1); // nobody stands in line any more
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_try_acquire(&none, 1, 0));
}

// ---- once within once

static gokore_once_flag outer_flag, inner_flag;
static unsigned outer_runs, inner_runs;
static void run_outer(void *user);
static void run_inner(void *user) {
    (void)user;
    inner_runs++;
    gokore_once(&outer_flag, run_outer, NULL); // it runs already, below on this thread's stack
}
static void run_outer(void *user) {
    (void)user;
    outer_runs++;
    gokore_once(&inner_flag, run_inner, NULL);
}
TEST(once, called_again_from_another_ones_function_is_reported_and_returns) {
    test_reports_capture();
    gokore_once(&outer_flag, run_outer, NULL);
    CHECK_UINT(1, outer_runs);
    CHECK_UINT(1, inner_runs);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
    gokore_once(&outer_flag, run_outer, NULL);
    gokore_once(&inner_flag, run_inner, NULL);
    CHECK_UINT(2, outer_runs + inner_runs);
}

// ---- counts

TEST(semaphore, nothing_released_changes_nothing) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(1);
    test_reports_capture();
    gokore_semaphore_release(&s, 0);
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_try_acquire(&s, 1, 0));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&s, 0, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_semaphore_acquire(&s, UINT32_MAX, NULL));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
static void *acquire_two(void *s) {
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire((gokore_semaphore *)s, 2, &everybodys));
    return NULL;
}
TEST(semaphore, too_many_permits_are_not_given_while_somebody_waits) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(1);
    test_reports_capture();
    gokore_context_init(&everybodys, NULL);
    pthread_t t = begin(acquire_two, &s);
    until_waiting(&everybodys, 1);
    gokore_semaphore_release(&s, GOKORE_SEMAPHORE_MAX); // with the one that it has: one too many
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_SYNC_COUNT));
    CHECK_UINT(1, waiting(&everybodys));
    gokore_semaphore_release(&s, 1);
    end(t);
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    gokore_context_deinit(&everybodys);
}

// ---- observers and instrumenters with members left out

TEST(observer, without_members_is_none) {
    gokore_lock_observer nothing = { NULL, NULL, NULL, NULL };
    gokore_mutex m;
    gokore_rwlock rw;
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(1);
    gokore_cond c = GOKORE_COND_INIT;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .observer = &nothing });
    gokore_rwlock_init(&rw, &(gokore_rwlock_desc) { .observer = &nothing });
    gokore_semaphore_set_observer(&s, &nothing);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    gokore_context soon;
    gokore_context_init_timeout(&soon, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&c, &m, &soon));
    CHECK(gokore_mutex_is_held(&m));
    gokore_mutex_unlock(&m);
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_write_lock(&rw, 0));
    gokore_rwlock_read_unlock(&rw);
    REQUIRE_STATUS(GOKORE_OK, gokore_semaphore_acquire(&s, 1, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_semaphore_try_acquire(&s, 1, MS));
    gokore_semaphore_release(&s, 1);
    gokore_context_deinit(&soon);
    gokore_mutex_deinit(&m);
    gokore_rwlock_deinit(&rw);
}
static void use_locks(void) {
    gokore_mutex m = GOKORE_MUTEX_INIT, named;
    gokore_mutex_init(&named, &(gokore_mutex_desc) { .name = "named" });
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_policy(&named, NULL));
    gokore_mutex_unlock(&named);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&named);
}
static void keep_wait(void *user, const char *lock, gokore_qos qos, gokore_status result, int64_t waited_ns) {
    (void)qos, (void)waited_ns;
    CHECK_STATUS(GOKORE_OK, result);
    (void)strcat(strcat((char *)user, lock), ";");
}
static void keep_hold(void *user, const char *lock, int64_t held_ns) {
    CHECK(held_ns >= 0);
    (void)strcat(strcat(strcat((char *)user, "-"), lock), ";");
}
TEST(instrumenter, members_may_be_left_out) {
    char heard[200] = "";
    gokore_instrumenter i = { .user = heard };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&i));
    use_locks();
    CHECK_STR("", heard);
    i.lock_wait = keep_wait;
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&i));
    use_locks();
    CHECK_STR(";named;", heard); // a lock without a name has the empty one
    heard[0] = 0;
    i.lock_wait = NULL;
    i.lock_held = keep_hold;
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&i));
    use_locks();
    CHECK_STR("-named;-;", heard);
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(NULL));
}
static void *try_by_policy(void *m) {
    gokore_status s = gokore_mutex_lock_policy((gokore_mutex *)m, NULL);
    CHECK_STATUS(GOKORE_TIMEOUT, s);
    return NULL;
}
TEST(instrumenter, need_not_count_retries) {
    gokore_instrumenter i = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&i));
    gokore_mutex m = GOKORE_MUTEX_INIT;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    end(begin(try_by_policy, &m)); // the compiled-in class: two tries
    gokore_mutex_unlock(&m);
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(NULL));
}

// ---- foreign locks

static int yes(void *p) { return (void)p, 0; }
static int no(void *p) { return (void)p, 5; }
TEST(locker, without_lock_or_unlock_is_invalid) {
    gokore_locker no_lock = { .unlock = yes, .try_lock = yes }, no_unlock = { .lock = yes, .try_lock = yes };
    CHECK_STATUS(GOKORE_INVALID, gokore_lock(&no_lock, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_lock(&no_unlock, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_locker_try_lock(&no_unlock, 0));
}
TEST(locker, that_is_not_given_up_is_reported) {
    int object = 0;
    gokore_lock_observer nothing = { NULL, NULL, NULL, NULL };
    gokore_locker l = { .object = &object, .lock = yes, .try_lock = yes, .unlock = no, .name = "stubborn", .observer = &nothing };
    test_reports_capture();
    CHECK_STATUS(GOKORE_OK, gokore_lock(&l, NULL));
    gokore_unlock(&l);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_STR("stubborn", test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->resource);
    l.unlock = yes;
    gokore_unlock(&l); // nobody holds it
    CHECK_UINT(GOKORE_LOCKORDER ? 2 : 1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
}
TEST(locker, with_a_try_obeys_a_context_that_ends_while_it_polls) {
    int object = 0;
    gokore_locker busy = { .object = &object, .lock = yes, .try_lock = no, .unlock = yes };
    gokore_context soon, over;
    gokore_context_init_timeout(&soon, NULL, 3 * MS);
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_lock(&busy, &soon));
    CHECK_STATUS(GOKORE_CANCELED, gokore_lock(&busy, &over));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_locker_try_lock(&busy, MS));
    CHECK_STATUS(GOKORE_BUSY, gokore_locker_try_lock(&busy, 0));
    gokore_context_deinit(&soon);
    gokore_context_deinit(&over);
}

// ---- a kernel that refuses locks with priority inheritance once they are in use

static bool answer_waits_for_inheritance(int error) { // FUTEX_LOCK_PI and LOCK_PI2, private
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6 | 128, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 13 | 128, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { COUNT(code), code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
static gokore_mutex urgent;
static gokore_status expected;
static void *lock_urgent(void *error) {
    if (!answer_waits_for_inheritance((int)(intptr_t)error)) return (void *)1; // for this thread only
    gokore_status s = gokore_mutex_lock(&urgent, NULL);
    CHECK_STATUS(expected, s);
    if (s == GOKORE_OK) gokore_mutex_unlock(&urgent);
    return NULL;
}
static void inherit_or_skip(void) {
    test_reports_capture();
    gokore_mutex_init(&urgent, &(gokore_mutex_desc) { .name = "urgent", .priority_inherit = true });
    if (test_reports_count(GOKORE_REPORT_POLICY)) test_skip("this system has no locks with priority inheritance");
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&urgent, NULL));
}
static void urgent_with(int error, gokore_status status) {
    inherit_or_skip();
    expected = status;
    void *unfiltered = NULL;
    pthread_t t = begin(lock_urgent, (void *)(intptr_t)error);
    REQUIRE(pthread_join(t, &unfiltered) == 0);
    if (unfiltered) test_skip("this system has no filters for system calls");
    CHECK(gokore_mutex_is_held(&urgent));
    gokore_mutex_unlock(&urgent);
    CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(&urgent, 0)); // who failed left nothing behind
    gokore_mutex_unlock(&urgent);
    gokore_mutex_deinit(&urgent);
}
TEST(inherit, wait_that_the_kernel_refuses_is_a_status) { urgent_with(EPERM, GOKORE_SYSTEM); }
TEST(inherit, wait_that_the_kernel_calls_a_deadlock_is_one) { urgent_with(EDEADLK, GOKORE_DEADLOCK); }
static void *unlock_urgent(void *unused) { return gokore_mutex_unlock(&urgent), unused; }
TEST(inherit, unlock_by_another_thread_is_reported_and_the_lock_stays_held) {
    inherit_or_skip();
    test_reports_capture();
    end(begin(unlock_urgent, NULL));
    CHECK_UINT(GOKORE_LOCKORDER ? 2 : 1, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD)); // the second: it stays locked
    CHECK(gokore_mutex_is_held(&urgent));
    gokore_mutex_unlock(&urgent);
    CHECK(!gokore_mutex_is_held(&urgent));
    gokore_mutex_deinit(&urgent);
}
