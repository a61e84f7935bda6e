// test_lockorder_joins.c - threads that wait for tasks, groups, pools and wait groups, of which the lock checker knows who is to
// do the work: what is a deadlock, what is none, and that the program goes on after one
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/watched.h"
#include "../gokore_channel.h"
#include "../gokore_pool.h"

#include <pthread.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// ---- a holder takes the lock, and then waits for work; the work wants the lock

typedef struct scene scene;
typedef struct work {
    gokore_task task; // the first member
    scene *of;
    gokore_status got; // of the lock
} work;
struct scene {
    unsigned workers;
    size_t queue_limit;
    gokore_status (*wait)(scene *);    // by the holder, with the lock
    void (*before)(scene *);           // by the holder, before it takes the lock
    void (*finish)(scene *);           // after all is over
    gokore_pool *pool;
    gokore_mutex lock;
    gokore_channel *pipe;
    gokore_group group;
    gokore_waitgroup count;
    work works[4];
    gokore_atomic_u32 held, running, wanted, stop, round;
    gokore_status waited;              // the holder's wait, the first time
    pthread_t holder, helper;
};

static void until(gokore_atomic_u32 *flag, uint32_t value) {
    while (gokore_atomic_load(flag) < value) sched_yield();
}

static void want(work *w) { // runs in the pool, or on another thread
    until(&w->of->held, 1);
    (void)gokore_atomic_add(&w->of->wanted, 1);
    w->got = gokore_mutex_lock(&w->of->lock, NULL);
    if (w->got == GOKORE_OK) gokore_mutex_unlock(&w->of->lock);
}
static void want_task(gokore_worker *worker, gokore_task *task) {
    (void)worker;
    (void)gokore_atomic_add(&((work *)task)->of->running, 1);
    want((work *)task);
}
static void busy_task(gokore_worker *worker, gokore_task *task) {
    (void)worker;
    (void)gokore_atomic_add(&((work *)task)->of->running, 1);
    until(&((work *)task)->of->stop, 1);
}
static gokore_task *task_of(scene *s, int i, gokore_task_fn *fn) {
    gokore_task_init(&s->works[i].task, fn);
    return &s->works[i].task;
}

static void *holder_main(void *arg) {
    scene *s = (scene *)arg;
    if (s->before) s->before(s);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&s->lock, NULL));
    gokore_atomic_store(&s->held, 1);
    s->waited = s->wait(s);
    gokore_mutex_unlock(&s->lock);
    if (s->finish) s->finish(s);
    return NULL;
}
static void scene_start(scene *s, const scene *as) {
    memset(s, 0, sizeof *s);
    s->workers = as->workers;
    s->queue_limit = as->queue_limit;
    s->wait = as->wait;
    s->before = as->before;
    s->finish = as->finish;
    for (size_t i = 0; i < COUNT(s->works); i++) s->works[i].of = s;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&s->pool, &(gokore_pool_desc) { .workers = s->workers, .queue_limit = s->queue_limit }));
    REQUIRE(pthread_create(&s->holder, NULL, holder_main, s) == 0);
}
static void scene_end(scene *s) {
    (void)pthread_join(s->holder, NULL);
    gokore_pool_destroy(s->pool);
}

// ---- the ways to wait

static gokore_status run_one(scene *s) { return gokore_pool_run(s->pool, task_of(s, 0, want_task), NULL); }
static void submit_first(scene *s) { // what is queued later stands behind it
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(s->pool, task_of(s, 1, want_task), NULL));
    until(&s->running, 1);
}
static void submit_busy(scene *s) {
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(s->pool, task_of(s, 2, busy_task), NULL));
    until(&s->running, 1);
}
static void submit_first_and_busy(scene *s) {
    submit_busy(s);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(s->pool, task_of(s, 1, want_task), NULL));
    until(&s->running, 2);
}
static gokore_status run_another(scene *s) {
    gokore_atomic_store(&s->stop, 1); // it is not busy itself
    return gokore_pool_run(s->pool, task_of(s, 0, busy_task), NULL);
}
static gokore_status run_busy(scene *s) { return gokore_pool_run(s->pool, task_of(s, 0, busy_task), NULL); }
static gokore_status wait_group(scene *s) { return gokore_group_wait(&s->group, NULL); }
static void group_of_one(scene *s) { REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s->group, s->pool, task_of(s, 0, want_task), NULL)); }
static void group_of_two(scene *s) {
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s->group, s->pool, task_of(s, 2, busy_task), NULL));
    group_of_one(s);
    until(&s->running, 2);
}
static void group_behind(scene *s) {
    submit_first(s);
    gokore_atomic_store(&s->stop, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s->group, s->pool, task_of(s, 2, busy_task), NULL));
}
static void group_of_busy(scene *s) {
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s->group, s->pool, task_of(s, 2, busy_task), NULL));
    until(&s->running, 1);
}
static void finish_group(scene *s) {
    gokore_atomic_store(&s->stop, 1);
    CHECK_STATUS(GOKORE_OK, gokore_group_wait(&s->group, NULL));
}
static gokore_status wait_idle(scene *s) { return gokore_pool_wait_idle(s->pool, NULL); }
static void fill_queue(scene *s) {
    submit_first(s);
    gokore_atomic_store(&s->stop, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(s->pool, task_of(s, 2, busy_task), NULL));
}
static gokore_status wait_for_room(scene *s) { return gokore_pool_submit(s->pool, task_of(s, 3, busy_task), NULL); }

// A thread that does the work of each round of a wait group, and wants the lock in the second.
static void *two_rounds(void *arg) {
    scene *s = (scene *)arg;
    gokore_waitgroup_done(&s->count);
    until(&s->round, 2);
    want(&s->works[0]);
    gokore_waitgroup_done(&s->count);
    return NULL;
}
static void first_round(scene *s) {
    gokore_waitgroup_add(&s->count, 1);
    REQUIRE(pthread_create(&s->helper, NULL, two_rounds, s) == 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_waitgroup_wait(&s->count, NULL));
    gokore_waitgroup_add(&s->count, 1);
    gokore_atomic_store(&s->round, 2);
}
static gokore_status wait_count(scene *s) { return gokore_waitgroup_wait(&s->count, NULL); }
static void finish_count(scene *s) {
    CHECK_STATUS(GOKORE_OK, gokore_waitgroup_wait(&s->count, NULL));
    (void)pthread_join(s->helper, NULL);
}

// The member of the group waits in a channel, and who sends there wants the lock.
static void receive_task(gokore_worker *worker, gokore_task *task) {
    int item = 0;
    (void)worker;
    (void)!gokore_channel_recv(((work *)task)->of->pipe, &item, NULL);
}
static void *send_late(void *arg) {
    scene *s = (scene *)arg;
    int item = 1;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_send(s->pipe, &item, NULL));
    want(&s->works[1]);
    (void)!gokore_channel_send(s->pipe, &item, NULL);
    return NULL;
}
static void group_and_channel(scene *s) {
    int item = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&s->pipe, &(gokore_channel_desc) { .item_size = sizeof(int), .capacity = 1 }));
    REQUIRE(pthread_create(&s->helper, NULL, send_late, s) == 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_recv(s->pipe, &item, NULL));
    gokore_group_init(&s->group, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s->group, s->pool, task_of(s, 0, receive_task), NULL));
}
static void finish_group_and_channel(scene *s) {
    finish_group(s);
    (void)pthread_join(s->helper, NULL);
    gokore_channel_destroy(s->pipe);
}

// The holder is a worker: it joins a task that another has stolen.
typedef struct parent {
    gokore_task task; // the first member
    scene *of;
} parent;
static void parent_task(gokore_worker *worker, gokore_task *task) {
    scene *s = ((parent *)task)->of;
    gokore_spawn(worker, task_of(s, 0, want_task));
    until(&s->running, 1); // stolen
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&s->lock, NULL));
    gokore_atomic_store(&s->held, 1);
    gokore_join(worker, &s->works[0].task);
    gokore_mutex_unlock(&s->lock);
}
static void passive_parent_task(gokore_worker *worker, gokore_task *task) {
    scene *s = ((parent *)task)->of;
    gokore_spawn(worker, task_of(s, 0, want_task));
    until(&s->running, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&s->lock, NULL));
    gokore_atomic_store(&s->held, 1);
    gokore_join_passive(worker, &s->works[0].task);
    gokore_mutex_unlock(&s->lock);
}

// ---- deadlocks

static const struct {
    const char *what;
    scene as;
    size_t threads; // in the cycle
} found[] = {
    { "a task that wants the lock", { .workers = 1, .wait = run_one }, 2 },
    { "a task behind one that wants it", { .workers = 1, .before = submit_first, .wait = run_another }, 2 },
    { "a group whose member wants it", { .workers = 2, .before = group_of_one, .wait = wait_group, .finish = finish_group }, 2 },
    { "a group of which one member wants it", { .workers = 2, .before = group_of_two, .wait = wait_group, .finish = finish_group }, 2 },
    { "a group behind a task that wants it", { .workers = 1, .before = group_behind, .wait = wait_group, .finish = finish_group }, 2 },
    { "an idle pool", { .workers = 2, .before = submit_first, .wait = wait_idle }, 2 },
    { "room in a pool's queue", { .workers = 1, .queue_limit = 1, .before = fill_queue, .wait = wait_for_room }, 2 },
    { "the second round of a wait group", { .workers = 1, .before = first_round, .wait = wait_count, .finish = finish_count }, 2 },
    { "a group, a channel and the lock", { .workers = 1, .before = group_and_channel, .wait = wait_group, .finish = finish_group_and_channel }, 3 },
};

static void resolve(scene *s, const gokore_deadlock *d) { // and let everybody finish
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(d, &r));
    CHECK_INT(GOKORE_RESOLVE_CANCEL_VICTIM, r.type);
    gokore_atomic_store(&s->stop, 1);
    scene_end(s);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
}

TEST(joins, of_work_that_wants_a_lock_which_the_waiter_holds_are_deadlocks_and_end) {
    watched();
    static scene s;
    for (size_t i = 0; i < COUNT(found); i++) {
        gokore_deadlock d;
        test_reports_capture();
        scene_start(&s, &found[i].as);
        CHECK_UINT(1, wait_for_deadlock(&d));
        if (d.thread_count != found[i].threads) test_note("%s: %zu threads", found[i].what, d.thread_count);
        CHECK_UINT(found[i].threads, d.thread_count);
        resolve(&s, &d);
        int dead = s.waited == GOKORE_DEADLOCK;
        for (size_t k = 0; k < COUNT(s.works); k++) dead += s.works[k].got == GOKORE_DEADLOCK;
        if (found[i].threads == 2) CHECK_INT(1, dead);
    }
}

static void join_on_a_worker(gokore_task_fn *fn) {
    static scene s;
    gokore_deadlock d;
    parent p = { .of = &s };
    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < COUNT(s.works); i++) s.works[i].of = &s;
    test_reports_capture();
    gokore_task_init(&p.task, fn);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&s.pool, &(gokore_pool_desc) { .workers = 2 }));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(s.pool, &p.task, NULL));
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(2, d.thread_count);
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(s.pool, NULL));
    CHECK_STATUS(GOKORE_DEADLOCK, s.works[0].got); // the join can't be given up: it was the lock's wait
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    gokore_pool_destroy(s.pool);
}
TEST(joins, of_a_stolen_task_that_wants_the_joiners_lock_are_deadlocks_and_the_thief_gives_up) {
    watched();
    join_on_a_worker(parent_task);
    join_on_a_worker(passive_parent_task);
}

TEST(joins, deadlocked_are_ended_by_the_watch) {
    watched();
    static scene s;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_watch_start(1000000));
    for (size_t i = 0; i < COUNT(found); i++) {
        test_reports_capture();
        scene_start(&s, &found[i].as);
        until(&s.wanted, 1);
        gokore_atomic_store(&s.stop, 1);
        scene_end(&s);
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    }
    gokore_deadlock_watch_stop();
}

static void member_waits(gokore_worker *worker, gokore_task *task) {
    scene *s = ((work *)task)->of;
    (void)worker;
    ((work *)task)->got = gokore_group_wait(&s->group, NULL);
}
TEST(joins, of_a_group_by_its_own_member_are_a_deadlock_of_one) {
    watched();
    static scene s;
    gokore_deadlock d;
    memset(&s, 0, sizeof s);
    s.works[0].of = &s;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&s.pool, &(gokore_pool_desc) { .workers = 2 }));
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&s.group, s.pool, task_of(&s, 0, member_waits), NULL));
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(1, d.thread_count);
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_STATUS(GOKORE_OK, gokore_group_wait(&s.group, NULL));
    CHECK_STATUS(GOKORE_DEADLOCK, s.works[0].got);
    gokore_pool_destroy(s.pool);
}

// ---- what is no deadlock

// Two do the work of one round: the quick one then wants the lock, the slow one takes its time.
static void *slow_part(void *arg) {
    scene *s = (scene *)arg;
    until(&s->stop, 1);
    gokore_waitgroup_done(&s->count);
    return NULL;
}
static void *quick_part(void *arg) {
    scene *s = (scene *)arg;
    pthread_t slow;
    REQUIRE(pthread_create(&slow, NULL, slow_part, s) == 0);
    gokore_waitgroup_done(&s->count);
    want(&s->works[0]);
    (void)pthread_join(slow, NULL);
    return NULL;
}
static void one_round(scene *s) {
    gokore_waitgroup_add(&s->count, 2);
    REQUIRE(pthread_create(&s->helper, NULL, quick_part, s) == 0);
}

static void join_a_cluster(scene *s) {
    static gokore_cluster_coordinator nobody; // it could take tasks, but does not
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(s->pool, &nobody));
    submit_first(s);
}
static gokore_status run_another_later(scene *s) { // gives way after all: nothing else would end it
    gokore_context ctx;
    gokore_atomic_store(&s->wanted, 2);
    gokore_context_init_timeout(&ctx, NULL, 50000000);
    gokore_status status = gokore_group_submit(&s->group, s->pool, task_of(s, 0, busy_task), NULL);
    if (status == GOKORE_OK) status = gokore_group_wait(&s->group, &ctx);
    gokore_context_deinit(&ctx);
    return status;
}
static void leave_the_cluster(scene *s) {
    finish_group(s);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(s->pool, NULL));
}

static const struct {
    const char *what;
    scene as;
    uint32_t wants; // so many want the lock before one looks
} none[] = {
    { "a task that takes its time", { .workers = 1, .wait = run_busy }, 0 },
    { "a task behind one that takes its time", { .workers = 1, .before = submit_busy, .wait = run_busy }, 0 },
    { "a task that another worker will take", { .workers = 2, .before = submit_first_and_busy, .wait = run_busy }, 1 },
    { "a task that another pool may take", { .workers = 1, .before = join_a_cluster, .wait = run_another_later, .finish = leave_the_cluster }, 1 },
    { "a group whose member takes its time, beside one that wants the lock",
      { .workers = 2, .before = group_of_busy, .wait = wait_group, .finish = finish_group }, 0 },
    { "a pool that is busy", { .workers = 2, .before = submit_busy, .wait = wait_idle }, 0 },
    { "the slow part of a round", { .workers = 1, .before = one_round, .wait = wait_count, .finish = finish_count }, 1 },
};

TEST(joins, of_work_that_takes_its_time_are_no_deadlocks) {
    watched();
    static scene s;
    for (size_t i = 0; i < COUNT(none); i++) {
        size_t n = 0;
        test_reports_capture();
        scene_start(&s, &none[i].as);
        until(&s.held, 1);
        until(&s.wanted, none[i].wants);
        for (int64_t end = gokore_now_ns() + 20000000; gokore_now_ns() < end;) n += gokore_deadlock_check(NULL, 0);
        if (n) test_note("%s", none[i].what);
        CHECK_UINT(0, n);
        gokore_atomic_store(&s.stop, 1);
        scene_end(&s);
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    }
}

// A pool is given up, and another lies at its address: who took tasks of the first is none of the second's.
TEST(joins, say_nothing_of_a_pool_that_is_gone) {
    watched();
    for (int i = 0; i < 3; i++) {
        static scene s;
        scene_start(&s, &(scene) { .workers = 1, .wait = run_busy });
        gokore_task *task = NULL;
        (void)!gokore_pool_try_steal(s.pool, NULL, &task);
        if (task) gokore_atomic_store(&s.stop, 1);
        if (task) gokore_task_run(NULL, task);
        gokore_atomic_store(&s.stop, 1);
        scene_end(&s);
        CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    }
}
