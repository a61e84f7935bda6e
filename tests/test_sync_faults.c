// test_sync_faults.c - gokore_sync.h on a system that misbehaves: waits that end for no reason, clocks that jump, waiters that
// give up in the very moment in which they are served, kernels without the newer calls
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdbool.h>
#include <stdint.h>
static int64_t now_with_jumps(void);
static uint32_t disturb(void);
static bool jump_to(int64_t deadline_ns);
static bool linger(const void *p);
static void wake_slowly(void);
static _Atomic unsigned allocations;
#define GOKORE_SEAM_LOAD_(p, order)                          (linger(p) ? __atomic_load_n((p), (order)) : 0)
#define GOKORE_SEAM_STORE_(p, v, order)                      __atomic_store_n((p), (v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   __atomic_exchange_n((p), (v), (order))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other) __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), (other))
#define GOKORE_SEAM_RMW_(op, p, v, order)                    __atomic_##op((p), (v), (order))
#define GOKORE_SEAM_FENCE_(order)                            __atomic_thread_fence(order)
#define GOKORE_SEAM_PAUSE_()                                 gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)                                                              \
    wait_with_faults(&(gokore_futex_two_) { { (word), NULL }, { (expected), 0 } }, (deadline_ns))
#define GOKORE_SEAM_HAS_WAIT_TWO_()                          gokore_futex_has_two_()
#define GOKORE_SEAM_WAIT_TWO_(on, deadline_ns)               wait_with_faults((on), (deadline_ns))
#define GOKORE_SEAM_WAKE_(word, count)                       (gokore_futex_wake_((word), (count)), wake_slowly())
#define GOKORE_SEAM_YIELD_()                                 gokore_yield_()
#define GOKORE_SEAM_THREAD_ID_()                             gokore_thread_number_()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size)  gokore_thread_start_((out), (fn), (arg), (stack_size))
#define GOKORE_SEAM_THREAD_JOIN_(thread)                     gokore_thread_join_(thread)
#define GOKORE_SEAM_ALLOC_(size, align)                      ((void)allocations++, gokore_heap_alloc_((size), (align)))
#define GOKORE_SEAM_FREE_(p)                                 gokore_heap_free_(p)
#define GOKORE_SEAM_NOW_()                                   now_with_jumps()
#undef GOKORE_SPIN_MAX
#define GOKORE_SPIN_MAX 0 // every wait is a park
#include "../gokore_atomic.h"
static gokore_status wait_with_faults(const gokore_futex_two_ *on, int64_t deadline_ns);
#define GOKORE_IMPLEMENTATION
#include "../gokore_sync.h"

#include "support/waiting.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- the system

static int64_t jumped_ns;                     // how far the clock is ahead
static bool faults;
static _Thread_local bool gave_up;            // this thread's last wait was ended by a deadline that came by a jump
static _Thread_local uint64_t disturb_state;

static int64_t now_with_jumps(void) { return gokore_clock_ns_() + __atomic_load_n(&jumped_ns, __ATOMIC_SEQ_CST); }

static uint32_t disturb(void) {
    if (!disturb_state) disturb_state = test_seed() ^ (uint64_t)(uintptr_t)&disturb_state;
    return (uint32_t)(test_random(&disturb_state) >> 32);
}
static _Atomic(const void *) lingered; // who reads this is held up for a while
static bool linger(const void *p) {
    if (p && p == lingered) pause_ns((int64_t)(disturb() % 200) * US);
    return true;
}
static bool wide_awake; // waiters don't sleep, and go on before their waker does
static void wake_slowly(void) {
    if (__atomic_load_n(&wide_awake, __ATOMIC_RELAXED)) pause_ns(5 * MS);
}
static bool jump_to(int64_t deadline_ns) { // the clock never goes back
    int64_t before = __atomic_load_n(&jumped_ns, __ATOMIC_SEQ_CST), ahead = deadline_ns - gokore_clock_ns_();
    while (before < ahead && !__atomic_compare_exchange_n(&jumped_ns, &before, ahead, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    return true;
}
static gokore_status wait_for(const gokore_futex_two_ *on, int64_t deadline_ns) {
    return on->word[1] ? gokore_futex_wait_two_(on, deadline_ns) : gokore_futex_wait_(on->word[0], on->expected[0], deadline_ns);
}
static gokore_status wait_with_faults(const gokore_futex_two_ *on, int64_t deadline_ns) {
    gave_up = false;
    if (__atomic_load_n(&wide_awake, __ATOMIC_RELAXED)) return (void)sched_yield(), GOKORE_OK;
    uint32_t dice = __atomic_load_n(&faults, __ATOMIC_RELAXED) ? disturb() : 3;
    if ((dice & 3) == 0) return GOKORE_OK; // EINTR, EAGAIN, or no reason at all
    if (deadline_ns == INT64_MAX) return wait_for(on, deadline_ns);
    if ((dice & 3) == 1) {
        for (uint32_t n = dice >> 2 & 127; n > 0; n--) gokore_cpu_relax();
        gave_up = jump_to(deadline_ns);
        return GOKORE_TIMEOUT;
    }
    return wait_for(on, deadline_ns - __atomic_load_n(&jumped_ns, __ATOMIC_SEQ_CST));
}

// ---- giving up and being served at once

enum { OWNERS = 2, TAKERS = 2 };
static struct {
    gokore_mutex mutex;
    gokore_rwlock rwlock;
    gokore_semaphore semaphore;
    gokore_atomic_bool stop;
    gokore_atomic_u32 inside;                  // writers: 1 << 16 each, readers 1
    gokore_atomic_u64 tries, refused, collided; // collided: had given up, and was served
} arena;

static gokore_status take_mutex(int64_t patience_ns) { return gokore_mutex_try_lock(&arena.mutex, patience_ns); }
static gokore_status take_write(int64_t patience_ns) { return gokore_rwlock_try_write_lock(&arena.rwlock, patience_ns); }
static gokore_status take_read(int64_t patience_ns) { return gokore_rwlock_try_read_lock(&arena.rwlock, patience_ns); }
static gokore_status take_one(int64_t patience_ns) { return gokore_semaphore_try_acquire(&arena.semaphore, 1, patience_ns); }
static void give_mutex(void) { gokore_mutex_unlock(&arena.mutex); }
static void give_write(void) { gokore_rwlock_write_unlock(&arena.rwlock); }
static void give_read(void) { gokore_rwlock_read_unlock(&arena.rwlock); }
static void give_one(void) { gokore_semaphore_release(&arena.semaphore, 1); }
typedef struct side {
    gokore_status (*take)(int64_t patience_ns);
    void (*give)(void);
    uint32_t weight;
} side;
static const side mutex_side = { take_mutex, give_mutex, 1 << 16 };
static const side write_side = { take_write, give_write, 1 << 16 };
static const side read_side = { take_read, give_read, 1 };
static const side one_side = { take_one, give_one, 1 << 16 };

static void *compete(void *p) {
    const side *s = p;
    uint64_t tries = 0, refused = 0, collided = 0;
    while (!gokore_atomic_load_relaxed(&arena.stop)) {
        tries++;
        gave_up = false;
        gokore_status status = s->take(1 + (int64_t)(disturb() % 20000));
        if (status != GOKORE_OK) {
            REQUIRE(status == GOKORE_TIMEOUT);
            refused++;
            continue;
        }
        collided += gave_up;
        uint32_t others = gokore_atomic_fetch_add(&arena.inside, s->weight);
        CHECK_UINT(0, s->weight == 1 ? others >> 16 : others);
        if (disturb() % 4 == 0) (void)sched_yield(); // the others come, and wait
        for (uint32_t n = disturb() % 64; n > 0; n--) gokore_cpu_relax();
        (void)gokore_atomic_fetch_sub(&arena.inside, s->weight);
        s->give();
    }
    (void)gokore_atomic_fetch_add(&arena.tries, tries);
    (void)gokore_atomic_fetch_add(&arena.refused, refused);
    (void)gokore_atomic_fetch_add(&arena.collided, collided);
    return NULL;
}
// Until so many have given up, and some of them have been served all the same.
static void run_arena(const side *a, const side *b, uint64_t enough) {
    __atomic_store_n(&faults, true, __ATOMIC_RELAXED);
    uint64_t tries = 0, refused = 0, collided = 0;
    for (int round = 0; refused < enough || collided == 0; round++) {
        pthread_t t[OWNERS + TAKERS];
        gokore_atomic_store(&arena.stop, false);
        for (int i = 0; i < OWNERS + TAKERS; i++) t[i] = begin(compete, (void *)(uintptr_t)(i < OWNERS ? a : b));
        pause_ns(100 * MS);
        gokore_atomic_store(&arena.stop, true);
        for (int i = 0; i < OWNERS + TAKERS; i++) end(t[i]);
        tries = gokore_atomic_load(&arena.tries);
        refused = gokore_atomic_load(&arena.refused);
        collided = gokore_atomic_load(&arena.collided);
    }
    test_note("%llu tries, %llu gave up, %llu were served when they had given up", (unsigned long long)tries, (unsigned long long)refused,
              (unsigned long long)collided);
    CHECK_UINT(0, gokore_atomic_load(&arena.inside));
}
static uint64_t enough(uint64_t n) { // a million with TEST_SOAK set
    return getenv("TEST_SOAK") ? 50 * n : n;
}
TEST(faults, a_mutex_given_up_while_it_is_handed_over_is_held_or_not_and_nothing_between) {
    run_arena(&mutex_side, &mutex_side, enough(20000));
    CHECK_UINT(0, gokore_atomic_load(&arena.mutex.sync_.word_));
}
TEST(faults, an_rwlock_given_up_while_it_is_handed_over_is_held_or_not_and_nothing_between) {
    run_arena(&write_side, &read_side, enough(20000));
    CHECK_UINT(0, gokore_atomic_load(&arena.rwlock.sync_.word_));
}
TEST(faults, a_permit_given_up_while_it_is_handed_over_is_taken_or_not_and_nothing_between) {
    gokore_semaphore_release(&arena.semaphore, 1);
    run_arena(&one_side, &one_side, enough(20000));
    CHECK_UINT(16, gokore_atomic_load(&arena.semaphore.sync_.word_));
}

// ---- waits that end for no reason

static gokore_mutex quiet = GOKORE_MUTEX_INIT;
static gokore_cond bell = GOKORE_COND_INIT;
static void *ring(void *unused) {
    pause_ns(5 * MS);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&quiet, NULL));
    gokore_cond_signal(&bell);
    gokore_mutex_unlock(&quiet);
    return unused;
}
TEST(faults, a_wait_that_ends_for_no_reason_is_waited_on) {
    __atomic_store_n(&faults, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 20; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&quiet, NULL)); // first: it rings for who waits
        pthread_t t = begin(ring, NULL);
        CHECK_STATUS(GOKORE_OK, gokore_cond_wait(&bell, &quiet, NULL));
        gokore_mutex_unlock(&quiet);
        end(t);
    }
}
TEST(faults, a_deadline_counts_when_the_clock_says_so_and_not_before) {
    __atomic_store_n(&faults, true, __ATOMIC_RELAXED);
    gokore_mutex m = GOKORE_MUTEX_INIT;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    for (int i = 0; i < 200; i++) {
        gokore_context ctx;
        int64_t until = gokore_now_ns() + (int64_t)(disturb() % 3000000);
        gokore_context_init_deadline(&ctx, NULL, until);
        if (i % 2)
            CHECK_STATUS(GOKORE_TIMEOUT, gokore_sleep_ns(3600 * 1000 * MS, &ctx));
        else
            CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&ctx));
        CHECK(gokore_now_ns() >= until);
        gokore_context_deinit(&ctx);
    }
    gokore_mutex_unlock(&m);
}
TEST(faults, a_clock_that_jumps_ahead_ends_contexts_and_nothing_else) {
    gokore_context soon, never;
    gokore_context_init_timeout(&soon, NULL, 3600 * 1000 * MS);
    gokore_context_init(&never, NULL);
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&soon));
    (void)jump_to(gokore_now_ns() + 3601 * 1000 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&soon));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&never));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&quiet, &never));
    gokore_mutex_unlock(&quiet);
    gokore_context_deinit(&soon);
    gokore_context_deinit(&never);
}

// ---- signalled between giving up and leaving the line

static struct {
    gokore_mutex m;
    gokore_cond c;
    gokore_context ctx;
    gokore_status status;
} late;
static void *wait_for_late_signal(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&late.m, NULL));
    late.status = gokore_cond_wait(&late.c, &late.m, &late.ctx);
    gokore_mutex_unlock(&late.m);
    return unused;
}
TEST(late, signal_that_chose_a_waiter_counts_though_it_has_given_up) {
    gokore_kicks_ kicks = { 0 };
    gokore_bucket_ *b = gokore_bucket_of_(&late.c);
    pthread_t t = begin(wait_for_late_signal, NULL);
    until_waiting(&late.ctx, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&late.m, NULL)); // it has given up the mutex
    gokore_mutex_unlock(&late.m);
    gokore_latch_lock_(&b->latch);
    gokore_context_cancel(&late.ctx);
    while (gokore_atomic_load(&b->latch.word_) != 2) pause_ns(20 * US); // it wants to leave
    gokore_cond_serve_(&late.c.sync_, b, 1, &kicks);
    gokore_latch_unlock_(&b->latch);
    gokore_sync_kick_(&kicks);
    end(t);
    CHECK_STATUS(GOKORE_OK, late.status);
    CHECK_UINT(0, gokore_atomic_load(&late.c.sync_.word_));
    gokore_context_deinit(&late.ctx);
}

// ---- memory that is gone

enum { HEARERS = 33 }; // more than are woken after the latch is given up
static struct {
    gokore_cond *cond; // on a page of its own
    gokore_mutex m;
    bool rung;
    uint32_t hearers;
} gone;
static void *hear(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&gone.m, NULL));
    gone.hearers++;
    while (!gone.rung) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(gone.cond, &gone.m, NULL));
    bool last = --gone.hearers == 0;
    gokore_mutex_unlock(&gone.m);
    if (last) REQUIRE(munmap(gone.cond, (size_t)sysconf(_SC_PAGESIZE)) == 0);
    return unused;
}
TEST(gone, condition_may_be_freed_by_the_last_one_woken) {
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    gone.cond = page;
    __atomic_store_n(&wide_awake, true, __ATOMIC_RELAXED);
    pthread_t t[HEARERS];
    for (int i = 0; i < HEARERS; i++) t[i] = begin(hear, NULL);
    for (uint32_t there = 0; there < HEARERS; pause_ns(MS)) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&gone.m, NULL));
        there = gone.hearers;
        gone.rung = there == HEARERS;
        gokore_mutex_unlock(&gone.m);
    }
    gokore_cond_broadcast(gone.cond); // without the mutex
    for (int i = 0; i < HEARERS; i++) end(t[i]);
}

// ---- memory that is not asked for

static struct {
    gokore_mutex mutex;
    gokore_cond cond;
    gokore_rwlock rwlock;
    gokore_semaphore semaphore;
    gokore_waitgroup group;
    gokore_once_flag once;
    gokore_context root, other; // of the thread that waits
    bool said;
} all;
static void nothing(void *unused) { (void)unused; }
static void use_all(gokore_context *ctx) {
    gokore_context child;
    gokore_context_init_timeout(&child, ctx, 3600 * 1000 * MS);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&all.mutex, &child));
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&all.mutex, 0));
    all.said = true;
    gokore_cond_signal(&all.cond);
    gokore_mutex_unlock(&all.mutex);
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&all.rwlock, &child));
    gokore_rwlock_read_unlock(&all.rwlock);
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&all.rwlock, &child));
    gokore_rwlock_write_unlock(&all.rwlock);
    gokore_semaphore_release(&all.semaphore, 2); // one for each
    REQUIRE_STATUS(GOKORE_OK, gokore_semaphore_acquire(&all.semaphore, 1, &child));
    gokore_once(&all.once, nothing, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_sleep_ns(1, &child));
    gokore_context_cancel(&child);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&child));
    gokore_context_deinit(&child);
}
static void *wait_for_all(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&all.mutex, &all.other));
    while (!all.said) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(&all.cond, &all.mutex, &all.other));
    gokore_mutex_unlock(&all.mutex);
    REQUIRE_STATUS(GOKORE_OK, gokore_semaphore_acquire(&all.semaphore, 1, &all.other));
    gokore_waitgroup_done(&all.group);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&all.other));
    return unused;
}
static unsigned allocated_by_all(void) { // what threads wait for included
    unsigned before = allocations;
    all.said = false;
    gokore_context_init(&all.root, NULL);
    gokore_context_init(&all.other, &all.root);
    gokore_waitgroup_add(&all.group, 1);
    pthread_t t = begin(wait_for_all, NULL);
    until_waiting(&all.other, 1);
    use_all(&all.root);
    REQUIRE_STATUS(GOKORE_OK, gokore_waitgroup_wait(&all.group, &all.root));
    gokore_context_cancel(&all.root);
    end(t);
    gokore_context_deinit(&all.other);
    gokore_context_deinit(&all.root);
    return allocations - before;
}
TEST(memory, none_is_asked_for_by_any_primitive_waited_for_or_not) {
    if (GOKORE_LOCKORDER) test_skip("the lock checker keeps a table for each thread; test_lockorder.c looks at its warm path");
    for (int i = 0; i < 20; i++) CHECK_UINT(0, allocated_by_all());
    unsigned before = allocations; // and the count is one that counts
    gokore_mutex m;
    test_reports_capture(); // where there is no inheritance
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .priority_inherit = true });
    gokore_mutex_deinit(&m);
    CHECK(allocations > before);
}

// ---- owners that end

static gokore_mutex orphan;
static gokore_atomic_u32 adopters_inside;
static void *lock_and_end(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&orphan, NULL));
    return unused;
}
static void *adopt(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&orphan, NULL));
    CHECK_UINT(0, gokore_atomic_fetch_add(&adopters_inside, 1));
    pause_ns(300 * US);
    (void)gokore_atomic_fetch_sub(&adopters_inside, 1);
    gokore_mutex_unlock(&orphan);
    return unused;
}
TEST(inherit, lock_of_a_thread_that_ended_passes_on_to_one_at_a_time) {
    for (int round = 0; round < 50; round++) {
        test_reports_capture();
        gokore_mutex_init(&orphan, &(gokore_mutex_desc) { .priority_inherit = true });
        if (test_reports_count(GOKORE_REPORT_POLICY)) test_skip("this system has no locks with priority inheritance");
        end(begin(lock_and_end, NULL));
        lingered = &gokore_sync_inherit_(&orphan.sync_)->owner;
        pthread_t t[4];
        for (int i = 0; i < 4; i++) t[i] = begin(adopt, NULL);
        for (int i = 0; i < 4; i++) end(t[i]);
        lingered = NULL;
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE)); // it was leaked, once: the lock checker has seen the thread end
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_LEAKED));
        gokore_mutex_deinit(&orphan);
    }
}

// ---- kernels without newer calls: a filter answers ENOSYS

#define FUTEX_UNLOCK_PI 7
#define FUTEX_LOCK_PI2  13
#define FUTEX_WAITV     449 // a system call of its own
static bool filter(struct sock_filter *code, size_t n) { // for the threads that are started from here on, too
    struct sock_fprog program = { (unsigned short)n, code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
static bool refuse_futex(int op) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7f),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)op, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return filter(code, COUNT(code));
}
static bool refuse_futex_waitv(uint32_t error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAITV, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return filter(code, COUNT(code));
}
static gokore_mutex given_up; // held by the test
static void *wait_with(void *ctx) {
    gokore_status status = gokore_mutex_lock(&given_up, ctx);
    if (status == GOKORE_OK) gokore_mutex_unlock(&given_up);
    return (void *)(intptr_t)status;
}
static void give_up_in_each_way(void) {
    gokore_context ctx;
    void *status;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(&given_up, 0));
    gokore_context_init(&ctx, NULL);
    pthread_t waiter = begin(wait_with, &ctx);
    until_waiting(&ctx, 1);
    pause_ns(5 * MS);
    gokore_context_cancel(&ctx);
    REQUIRE(pthread_join(waiter, &status) == 0);
    CHECK_STATUS(GOKORE_CANCELED, (gokore_status)(intptr_t)status);
    gokore_context_deinit(&ctx);
    gokore_context_init_timeout(&ctx, NULL, 5 * MS);
    waiter = begin(wait_with, &ctx);
    REQUIRE(pthread_join(waiter, &status) == 0);
    CHECK_STATUS(GOKORE_TIMEOUT, (gokore_status)(intptr_t)status);
    CHECK(gokore_now_ns() >= gokore_context_deadline_ns(&ctx));
    gokore_context_deinit(&ctx);
    gokore_context_init(&ctx, NULL);
    waiter = begin(wait_with, &ctx);
    until_waiting(&ctx, 1);
    gokore_mutex_unlock(&given_up);
    REQUIRE(pthread_join(waiter, &status) == 0);
    CHECK_STATUS(GOKORE_OK, (gokore_status)(intptr_t)status);
    gokore_context_deinit(&ctx);
}
TEST(kernel, with_futex_waitv_waits_sleep_on_the_lock_and_the_context_at_once) {
    if (!gokore_futex_has_two_()) test_skip("this system has no futex_waitv");
    give_up_in_each_way();
    CHECK(gokore_futex_has_two_());
}
TEST(kernel, without_futex_waitv_a_context_keeps_a_list) {
    if (!refuse_futex_waitv(ENOSYS)) test_skip("this system has no filters for system calls");
    give_up_in_each_way();
    CHECK(!gokore_futex_has_two_());
}
TEST(kernel, whose_filter_forbids_futex_waitv_counts_as_one_without) {
    if (!refuse_futex_waitv(EPERM)) test_skip("this system has no filters for system calls");
    give_up_in_each_way();
    CHECK(!gokore_futex_has_two_());
}
TEST(kernel, that_loses_futex_waitv_while_it_runs_is_noticed) {
    if (!gokore_futex_has_two_()) test_skip("this system has no futex_waitv");
    if (!refuse_futex_waitv(ENOSYS)) test_skip("this system has no filters for system calls");
    give_up_in_each_way();
    CHECK(!gokore_futex_has_two_());
}
static void wait_3_ms(void *m) {
    int64_t until = gokore_now_ns() + 3 * MS;
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(m, 3 * MS));
    CHECK(gokore_now_ns() >= until);
}
TEST(kernel, without_monotonic_inheritance_deadlines_are_put_on_the_wall_clock) {
    gokore_mutex m;
    test_reports_capture();
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .priority_inherit = true });
    if (test_reports_count(GOKORE_REPORT_POLICY)) test_skip("this system has no locks with priority inheritance");
    if (!refuse_futex(FUTEX_LOCK_PI2)) test_skip("this system has no filters for system calls");
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    test_on_thread(wait_3_ms, &m);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
}
TEST(kernel, without_inheritance_the_mutex_is_an_ordinary_one_and_says_so) {
    if (!refuse_futex(FUTEX_UNLOCK_PI)) test_skip("this system has no filters for system calls");
    gokore_mutex m;
    test_reports_capture();
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "urgent", .priority_inherit = true });
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    CHECK_CONTAINS("urgent", test_reports_find(GOKORE_REPORT_POLICY)->message);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    test_on_thread(wait_3_ms, &m);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
}
