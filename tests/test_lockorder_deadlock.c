// test_lockorder_deadlock.c - threads that wait for each other, locks held for too long, and what is said of both
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/watched.h"
#include "../gokore_channel.h"
#include "../gokore_sync.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// ---- threads that take one thing each, meet, and then want another's

enum { MOST = 4 };
typedef struct crowd crowd;
typedef struct member {
    crowd *of;
    int number;
    uint64_t id;
    gokore_status status; // of the second take
    pthread_t thread;
} member;
struct crowd {
    int count;
    gokore_status (*first)(member *), (*second)(member *);
    void (*drop_first)(member *), (*drop_second)(member *);
    gokore_atomic_u32 arrived, done;
    member members[MOST];
};

static void *crowd_thread(void *arg) {
    member *m = (member *)arg;
    crowd *c = m->of;
    m->id = (uint64_t)syscall(SYS_gettid);
    REQUIRE_STATUS(GOKORE_OK, c->first(m));
    (void)gokore_atomic_add(&c->arrived, 1);
    while (gokore_atomic_load(&c->arrived) < (uint32_t)c->count) sched_yield();
    m->status = c->second(m);
    if (m->status == GOKORE_OK) c->drop_second(m);
    c->drop_first(m);
    (void)gokore_atomic_add(&c->done, 1);
    return NULL;
}
static void crowd_start(crowd *c, int count) {
    c->count = count;
    for (int i = 0; i < count; i++) {
        c->members[i] = (member) { .of = c, .number = i };
        REQUIRE(pthread_create(&c->members[i].thread, NULL, crowd_thread, &c->members[i]) == 0);
    }
}
static void crowd_join(crowd *c) {
    for (int i = 0; i < c->count; i++) (void)pthread_join(c->members[i].thread, NULL);
}
static int crowd_count(const crowd *c, gokore_status status) {
    int n = 0;
    for (int i = 0; i < c->count; i++) n += c->members[i].status == status;
    return n;
}

// Ends a deadlock by hand and lets everybody finish.
static void resolve_and_join(crowd *c, const gokore_deadlock *d) {
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(d, &r));
    CHECK_INT(GOKORE_RESOLVE_CANCEL_VICTIM, r.type);
    crowd_join(c);
    CHECK_INT(1, crowd_count(c, GOKORE_DEADLOCK));
    CHECK_INT(c->count - 1, crowd_count(c, GOKORE_OK));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}

static gokore_mutex forks[MOST];
static gokore_status left(member *m) { return gokore_mutex_lock(&forks[m->number], NULL); }
static gokore_status right(member *m) { return gokore_mutex_lock(&forks[(m->number + 1) % m->of->count], NULL); }
static void put_left(member *m) { gokore_mutex_unlock(&forks[m->number]); }
static void put_right(member *m) { gokore_mutex_unlock(&forks[(m->number + 1) % m->of->count]); }

TEST(deadlock, of_mutexes_is_found_by_who_blocks_last_and_one_is_cancelled) {
    watched();
    static crowd c = { .first = left, .second = right, .drop_first = put_left, .drop_second = put_right };
    gokore_atomic_u32 asked = GOKORE_ATOMIC_INIT(0);
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, &asked));
    for (int n = 2; n <= MOST; n++) {
        test_reports_capture();
        gokore_atomic_store(&c.arrived, 0);
        crowd_start(&c, n);
        crowd_join(&c);
        CHECK_INT(1, crowd_count(&c, GOKORE_DEADLOCK));
        CHECK_INT(n - 1, crowd_count(&c, GOKORE_OK));
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
        CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    }
    CHECK(gokore_atomic_load(&asked) >= 3);
}

static void wait_until_told(void) { // the last to block looks, too, and may be a little later than we
    while (test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK) == 0) sched_yield();
    REQUIRE_STATUS(GOKORE_OK, gokore_sleep_ns(30000000, NULL)); // it asks the strategies after it has told
}
TEST(deadlock, names_its_threads_and_what_they_wait_for) { // cases S91; without a strategy nobody is cancelled
    watched();
    static crowd c = { .first = left, .second = right, .drop_first = put_left, .drop_second = put_right };
    gokore_deadlock d, again;
    crowd_start(&c, 3);
    CHECK_UINT(1, wait_for_deadlock(&d));
    wait_until_told();
    CHECK_UINT(3, d.thread_count);
    CHECK_UINT(3, d.resource_count);
    for (size_t i = 0; i < 3; i++) {
        member *m = NULL;
        for (int k = 0; k < 3; k++)
            if (c.members[k].id == d.threads[i]) m = &c.members[k];
        REQUIRE(m != NULL);
        CHECK_PTR(&forks[(m->number + 1) % 3], d.resources[i]);
        CHECK(d.stack_depths[i] > 0);
    }
    CHECK(d.duration_ns >= 0);
    CHECK_UINT(1, gokore_deadlock_check(&again, 1));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK)); // once
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_deadlock_resolve(&d, NULL));
    CHECK_INT(0, (int)gokore_atomic_load(&c.done));
    resolve_and_join(&c, &d);
    gokore_resolution r;
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r)); // it is over
    CHECK_INT(GOKORE_RESOLVE_NONE, r.type);
}

TEST(deadlock, is_found_and_resolved_by_the_watch) {
    watched();
    static crowd c = { .first = left, .second = right, .drop_first = put_left, .drop_second = put_right };
    gokore_deadlock d;
    crowd_start(&c, 2);
    (void)wait_for_deadlock(&d);
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_watch_start(1000000));
    CHECK_STATUS(GOKORE_BUSY, gokore_deadlock_watch_start(1000000));
    crowd_join(&c);
    gokore_deadlock_watch_stop();
    gokore_deadlock_watch_stop();
    CHECK_INT(1, crowd_count(&c, GOKORE_DEADLOCK));
}

static gokore_status decline(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)d, (void)out;
    (void)gokore_atomic_add((gokore_atomic_u32 *)user, 1);
    return GOKORE_NOT_FOUND;
}
static gokore_status pick_first(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)user;
    *out = (gokore_resolution) { .type = GOKORE_RESOLVE_CANCEL_VICTIM, .victim = d->threads[0] };
    return GOKORE_OK;
}
TEST(deadlock, strategies_are_asked_in_turn_and_choose_the_victim) {
    watched();
    static crowd c = { .first = left, .second = right, .drop_first = put_left, .drop_second = put_right };
    gokore_deadlock d;
    gokore_atomic_u32 declined = GOKORE_ATOMIC_INIT(0);
    gokore_resolution r;
    crowd_start(&c, 2);
    (void)wait_for_deadlock(&d);
    wait_until_told();
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("a", decline, &declined));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("b", cancel_one, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("b", NULL, NULL));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_deadlock_resolve(&d, &r));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("c", pick_first, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(d.threads[0], r.victim);
    CHECK_UINT(gokore_lock_policy_default(GOKORE_QOS_DEFAULT).retry.attempts, r.retry.attempts);
    CHECK_UINT(2, gokore_atomic_load(&declined));
    crowd_join(&c);
    for (int i = 0; i < 2; i++) CHECK_STATUS(c.members[i].id == d.threads[0] ? GOKORE_DEADLOCK : GOKORE_OK, c.members[i].status);
    CHECK_STATUS(GOKORE_INVALID, gokore_deadlock_register_strategy("", cancel_one, NULL));
}

// ---- other things to wait for

static gokore_rwlock books[2];
static gokore_status read_own(member *m) { return gokore_rwlock_read_lock(&books[m->number], NULL); }
static gokore_status write_other(member *m) { return gokore_rwlock_write_lock(&books[!m->number], NULL); }
static void close_own(member *m) { gokore_rwlock_read_unlock(&books[m->number]); }
static void close_other(member *m) { gokore_rwlock_write_unlock(&books[!m->number]); }
TEST(deadlock, of_rwlocks_is_found) {
    watched();
    static crowd c = { .first = read_own, .second = write_other, .drop_first = close_own, .drop_second = close_other };
    gokore_deadlock d;
    crowd_start(&c, 2);
    (void)wait_for_deadlock(&d);
    resolve_and_join(&c, &d);
}

static gokore_semaphore seats[2];
static gokore_status sit(member *m) { return gokore_semaphore_acquire(&seats[m->number], 1, NULL); }
static gokore_status sit_too(member *m) { return gokore_semaphore_acquire(&seats[!m->number], 1, NULL); }
static void stand(member *m) { gokore_semaphore_release(&seats[m->number], 1); }
static void stand_too(member *m) { gokore_semaphore_release(&seats[!m->number], 1); }
TEST(deadlock, of_semaphores_is_found) {
    watched();
    static crowd c = { .first = sit, .second = sit_too, .drop_first = stand, .drop_second = stand_too };
    gokore_deadlock d;
    gokore_semaphore_release(&seats[0], 1), gokore_semaphore_release(&seats[1], 1);
    crowd_start(&c, 2);
    (void)wait_for_deadlock(&d);
    resolve_and_join(&c, &d);
}

// One holds a mutex and waits for an item; the sender, known by an earlier one, wants the mutex first.
static gokore_channel *pipe_;
static gokore_mutex bench;
static gokore_status sender_or_mutex(member *m) {
    int item = 1;
    return m->number ? gokore_channel_send(pipe_, &item, NULL) : gokore_mutex_lock(&bench, NULL);
}
static gokore_status mutex_or_item(member *m) {
    int item;
    if (m->number) return gokore_mutex_lock(&bench, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_recv(pipe_, &item, NULL)); // the one that was sent
    return gokore_channel_recv(pipe_, &item, NULL);
}
static void give_bench(member *m) { if (m->number == 0) gokore_mutex_unlock(&bench); }
static void give_bench_too(member *m) { if (m->number == 1) gokore_mutex_unlock(&bench); }
TEST(deadlock, of_a_channel_and_a_mutex_is_found) {
    watched();
    static crowd c = { .first = sender_or_mutex, .second = mutex_or_item, .drop_first = give_bench, .drop_second = give_bench_too };
    gokore_deadlock d;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&pipe_, &(gokore_channel_desc) { .item_size = sizeof(int), .capacity = 1, .name = "pipe" }));
    crowd_start(&c, 2);
    (void)wait_for_deadlock(&d);
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    while (gokore_atomic_load(&c.done) == 0) sched_yield();
    (void)gokore_channel_close(pipe_); // if the sender was the victim, the receiver waits for nobody now
    crowd_join(&c);
    CHECK_INT(1, crowd_count(&c, GOKORE_DEADLOCK));
    gokore_channel_destroy(pipe_);
}

typedef struct lonely {
    gokore_channel *ch;
    gokore_atomic_bool started;
    gokore_status status;
} lonely;
static void *wait_alone(void *arg) {
    lonely *l = (lonely *)arg;
    int item;
    gokore_atomic_store(&l->started, true);
    l->status = gokore_channel_recv(l->ch, &item, NULL);
    return NULL;
}
TEST(deadlock, is_none_where_nobody_is_known_to_send) {
    watched();
    lonely l = { .status = GOKORE_OK };
    pthread_t thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&l.ch, &(gokore_channel_desc) { .item_size = sizeof(int) }));
    REQUIRE(pthread_create(&thread, NULL, wait_alone, &l) == 0);
    while (!gokore_atomic_load(&l.started)) sched_yield();
    for (int i = 0; i < 100; i++) {
        CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
        sched_yield();
    }
    (void)gokore_channel_close(l.ch);
    (void)pthread_join(thread, NULL);
    gokore_channel_destroy(l.ch);
}

// Workers take and never give back; the semaphore only tells them of work, which may always come.
static gokore_semaphore work;
static gokore_atomic_u32 worked;
static void *be_a_worker(void *arg) {
    (void)arg;
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_semaphore_acquire(&work, 1, NULL));
        (void)gokore_atomic_add(&worked, 1);
    }
    return NULL;
}
TEST(deadlock, is_none_where_workers_wait_for_work) {
    watched();
    pthread_t thread[2];
    for (size_t i = 0; i < 2; i++) REQUIRE(pthread_create(&thread[i], NULL, be_a_worker, NULL) == 0);
    gokore_semaphore_release(&work, 2);
    while (gokore_atomic_load(&worked) < 2) sched_yield();
    for (int i = 0; i < 200; i++) {
        CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
        sched_yield();
    }
    gokore_semaphore_release(&work, 2);
    for (size_t i = 0; i < 2; i++) (void)pthread_join(thread[i], NULL);
}

// ---- what is no deadlock

static gokore_status right_timed(member *m) { return gokore_mutex_try_lock(&forks[(m->number + 1) % m->of->count], 20000000); }
TEST(deadlock, is_none_where_every_wait_ends_by_itself) {
    watched();
    static crowd c = { .first = left, .second = right_timed, .drop_first = put_left, .drop_second = put_right };
    crowd_start(&c, 2);
    while (gokore_atomic_load(&c.done) < 2) CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    crowd_join(&c);
    CHECK_INT(0, crowd_count(&c, GOKORE_DEADLOCK));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}

static void *take_and_give(void *arg) {
    gokore_mutex *m = (gokore_mutex *)arg;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL));
    gokore_mutex_unlock(m);
    return NULL;
}
TEST(deadlock, is_not_a_holder_that_takes_its_time) { // case S97
    watched();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    pthread_t thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    REQUIRE(pthread_create(&thread, NULL, take_and_give, &m) == 0);
    for (int64_t until = gokore_now_ns() + 30000000; gokore_now_ns() < until;) CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    gokore_mutex_unlock(&m);
    (void)pthread_join(thread, NULL);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

static void *take_and_end(void *arg) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock((gokore_mutex *)arg, NULL));
    return NULL;
}
TEST(deadlock, is_not_a_lock_whose_holder_has_ended) { // case S99
    watched();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, take_and_end, &m) == 0);
    (void)pthread_join(thread, NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_LEAKED));
    for (int i = 0; i < 3; i++) CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(&m, 1000000));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORPHANED)); // once
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(deadlock, wait_that_is_cancelled_leaves_no_trace) { // case S31
    watched();
    gokore_mutex a = GOKORE_MUTEX_INIT;
    gokore_context ctx;
    pthread_t thread;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&a, NULL));
    REQUIRE(pthread_create(&thread, NULL, take_and_give, &a) == 0); // another waiter
    gokore_mutex b = GOKORE_MUTEX_INIT;
    gokore_context_init_timeout(&ctx, NULL, 1000000);
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&b, &ctx));
    gokore_mutex_unlock(&b);
    (void)gokore_context_wait(&ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(&b, &ctx));
    CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    gokore_mutex_unlock(&a);
    (void)pthread_join(thread, NULL);
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    gokore_context_deinit(&ctx);
}

TEST(deadlock, functions_say_so_where_nothing_is_watched) {
    test_only_with("LOCKORDER=0");
    gokore_deadlock d = { .thread_count = 0 };
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_deadlock_watch_start(0));
    gokore_deadlock_watch_stop();
    CHECK_UINT(0, gokore_deadlock_check(&d, 1));
    CHECK_UINT(0, gokore_deadlock_potential(&d, 1));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_lockorder_explain((gokore_writer) { NULL, NULL }));
}

// ---- potential deadlocks, and their explanation

static gokore_mutex net, disk;
static void *disk_first(void *arg) {
    (void)arg;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&disk, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&net, NULL));
    gokore_mutex_unlock(&net), gokore_mutex_unlock(&disk);
    return NULL;
}
static void invert(void) {
    pthread_t thread;
    gokore_mutex_init(&net, &(gokore_mutex_desc) { .name = "net" }), gokore_mutex_init(&disk, &(gokore_mutex_desc) { .name = "disk" });
    REQUIRE(pthread_create(&thread, NULL, disk_first, NULL) == 0);
    (void)pthread_join(thread, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&net, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&disk, NULL));
    gokore_mutex_unlock(&disk), gokore_mutex_unlock(&net);
}
TEST(potential, deadlocks_are_the_cycles_that_could_hang) {
    watched();
    gokore_deadlock d;
    CHECK_UINT(0, gokore_deadlock_potential(&d, 1));
    invert();
    CHECK_UINT(1, gokore_deadlock_potential(&d, 1));
    CHECK_UINT(2, d.resource_count);
    CHECK(d.resources[0] == &net || d.resources[0] == &disk);
    CHECK_STR(d.resources[0] == &net ? "net" : "disk", d.names[0]);
    CHECK(d.stack_depths[0] > 0 && d.stack_depths[1] > 0);
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
}

static char explained[8192];
static gokore_status explained_status;
static void explain(const gokore_report *r, void *user) {
    (void)r, (void)user;
    gokore_buffer b = { .data = explained, .cap = sizeof explained };
    explained_status = gokore_lockorder_explain(gokore_writer_buffer(&b));
}
TEST(explanation, tells_every_edge_with_its_thread_and_its_stack) {
    watched();
    gokore_report_set(explain, NULL);
    invert();
    CHECK_STATUS(GOKORE_OK, explained_status);
    CHECK_CONTAINS("holding 'net', 'disk' was wanted by thread", explained);
    CHECK_CONTAINS("holding 'disk', 'net' was wanted by thread", explained);
    CHECK_CONTAINS("numa node", explained);
    CHECK_CONTAINS("        ", explained); // a stack
    CHECK_STATUS(GOKORE_EMPTY, gokore_lockorder_explain((gokore_writer) { NULL, NULL }));
}

// ---- levels

typedef struct levels {
    int a, b, c, writer, gui;
} levels;
static gokore_mutex chain[3];
static void note_level(void *user, const void *lock, const char *name, int level) {
    levels *l = (levels *)user;
    if (lock == &chain[0]) l->a = level;
    if (lock == &chain[1]) l->b = level;
    if (lock == &chain[2]) l->c = level;
    if (!lock && strcmp(name, "NetworkWriter") == 0) l->writer = level;
    if (!lock && strcmp(name, "GUIUpdate") == 0) l->gui = level;
}
TEST(levels, are_the_longest_ways_along_rules_and_edges) {
    levels l = { -1, -1, -1, -1, -1 };
    for (int i = 0; i < 3; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&chain[i], NULL));
    for (int i = 0; i < 3; i++) gokore_mutex_unlock(&chain[i]);
    gokore_lockorder_levels(note_level, &l);
    CHECK_INT(0, l.writer);
    CHECK_INT(4, l.gui);
    bool watches = strstr(gokore_config(), "LOCKORDER=1") != NULL;
    CHECK_INT(watches ? 0 : -1, l.a);
    CHECK_INT(watches ? 1 : -1, l.b);
    CHECK_INT(watches ? 2 : -1, l.c);
}

// ---- holds

static void sleep_ms(int ms) { (void)!gokore_sleep_ns((int64_t)ms * 1000000, NULL); }
static gokore_lock_class net_class = GOKORE_LOCK_CLASS_INIT("Net"), ai_class = GOKORE_LOCK_CLASS_INIT("AI");

TEST(hold, that_is_too_long_is_told_while_it_lasts_and_at_its_end) { // case S83
    watched();
    gokore_mutex m = GOKORE_MUTEX_INIT_CLASS(&net_class);
    gokore_lockorder_hold_limit("Net", 5000000);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    while (test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME) == 0) sleep_ms(1); // the watch runs by itself
    CHECK_CONTAINS("is still held", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    CHECK_INT(GOKORE_SEVERITY_WARNING, test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->severity);
    gokore_deadlock_watch_stop();
}

TEST(hold, of_a_pair_has_a_limit_of_its_own) {
    watched();
    gokore_mutex net_lock = GOKORE_MUTEX_INIT_CLASS(&net_class), ai = GOKORE_MUTEX_INIT_CLASS(&ai_class);
    gokore_lockorder_pair_limit("Net", "AI", 2000000);
    gokore_deadlock_watch_stop();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&net_lock, NULL));
    sleep_ms(5);
    gokore_mutex_unlock(&net_lock); // alone it may be held
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&net_lock, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&ai, NULL));
    sleep_ms(5);
    gokore_mutex_unlock(&ai);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    CHECK_CONTAINS("'Net' and 'AI'", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
    gokore_mutex_unlock(&net_lock);
}

TEST(hold, limit_of_a_manifest_counts) {
    watched();
    test_only_with("POLICY=1");
    static const char text[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata:\n  name: p\nspec:\n"
                               "  qosClass: BestEffort\n  maxHoldTime: 3ms\n  hierarchyRules:\n    - name: r\n      order: [Net, AI]\n";
    gokore_policy_set *set = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_load(&set, text, sizeof text - 1, "p.yaml", NULL));
    gokore_lockorder_reset();
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(set));
    gokore_policy_set_destroy(set);
    gokore_deadlock_watch_stop();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    sleep_ms(5);
    gokore_mutex_unlock(&m);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME) == 1);
    CHECK_CONTAINS("3000 us of the manifest", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
}

TEST(hold, from_another_node_is_told_after_a_millisecond) {
    watched();
    unsigned cpu, node;
    if (syscall(SYS_getcpu, &cpu, &node, NULL) != 0) test_skip("the kernel does not say which node this is");
    gokore_mutex far;
    gokore_mutex_init(&far, &(gokore_mutex_desc) { .name = "far", .numa_node = 77 });
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&far, NULL));
    sleep_ms(3);
    gokore_mutex_unlock(&far);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_REMOTE_HOLD) == 1);
    CHECK_CONTAINS("'far' of node 77", test_reports_find(GOKORE_REPORT_LOCK_REMOTE_HOLD)->message);
}

// ---- locks that others wait for: the kernel's with priority inheritance, foreign ones

static gokore_mutex heirs[MOST];
static gokore_status left_heir(member *m) { return gokore_mutex_lock(&heirs[m->number], NULL); }
static gokore_status right_fork(member *m) { return gokore_mutex_lock(m->number ? &heirs[0] : &forks[1], NULL); }
static gokore_status heir_or_fork(member *m) { return m->number ? gokore_mutex_lock(&forks[1], NULL) : left_heir(m); }
static void put_heir_or_fork(member *m) { gokore_mutex_unlock(m->number ? &forks[1] : &heirs[0]); }
static void put_right_fork(member *m) { gokore_mutex_unlock(m->number ? &heirs[0] : &forks[1]); }

TEST(deadlock, with_a_mutex_that_inherits_priority_is_found_and_ended) {
    watched();
    test_only_with("PLATFORM=LINUX");
    gokore_deadlock d;
    static crowd c = { .first = heir_or_fork, .second = right_fork, .drop_first = put_heir_or_fork, .drop_second = put_right_fork };
    gokore_mutex_init(&heirs[0], &(gokore_mutex_desc) { .name = "heir", .priority_inherit = true });
    if (test_reports_count(GOKORE_REPORT_POLICY)) test_skip("this system has no priority inheritance");
    crowd_start(&c, 2);
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(2, d.thread_count);
    CHECK(d.resources[0] == &heirs[0] || d.resources[1] == &heirs[0]);
    resolve_and_join(&c, &d);
    gokore_mutex_deinit(&heirs[0]);
}

static pthread_mutex_t strange[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static gokore_context no_end; // a context lets a locker be tried, and so be freed
static gokore_status strange_first(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[m->number]);
    return gokore_locker_lock(&l, &no_end);
}
static gokore_status strange_second(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[1 - m->number]);
    return gokore_locker_lock(&l, &no_end);
}
static void put_strange_first(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[m->number]);
    gokore_locker_unlock(&l);
}
static void put_strange_second(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[1 - m->number]);
    gokore_locker_unlock(&l);
}
TEST(deadlock, of_foreign_lockers_is_found_and_ended_where_they_can_be_tried) {
    watched();
    gokore_deadlock d;
    static crowd c = { .first = strange_first, .second = strange_second, .drop_first = put_strange_first, .drop_second = put_strange_second };
    gokore_context_init(&no_end, NULL);
    crowd_start(&c, 2);
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(2, d.thread_count);
    resolve_and_join(&c, &d);
    gokore_context_deinit(&no_end);
}

// One waits inside the foreign library, and can't be freed: the other is.
static gokore_status strange_or_fork(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[0]);
    return m->number ? gokore_mutex_lock(&forks[0], NULL) : gokore_locker_lock(&l, NULL);
}
static gokore_status fork_or_strange(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[0]);
    return m->number ? gokore_locker_lock(&l, NULL) : gokore_mutex_lock(&forks[0], NULL);
}
static void put_strange_or_fork(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[0]);
    if (m->number)
        gokore_mutex_unlock(&forks[0]);
    else
        gokore_locker_unlock(&l);
}
static void put_fork_or_strange(member *m) {
    gokore_locker l = gokore_locker_of_pthread_mutex(&strange[0]);
    if (m->number)
        gokore_locker_unlock(&l);
    else
        gokore_mutex_unlock(&forks[0]);
}
static gokore_status cancel_who_wants_the_fork(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)user;
    out->type = GOKORE_RESOLVE_CANCEL_VICTIM;
    out->victim = d->threads[d->resources[0] == &forks[0] ? 0 : 1];
    return GOKORE_OK;
}
TEST(deadlock, with_a_foreign_locker_that_blocks_is_found_and_ended_by_the_other) {
    watched();
    static crowd c = { .first = strange_or_fork, .second = fork_or_strange, .drop_first = put_strange_or_fork, .drop_second = put_fork_or_strange };
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("fork", cancel_who_wants_the_fork, NULL));
    crowd_start(&c, 2);
    crowd_join(&c);
    CHECK_STATUS(GOKORE_DEADLOCK, c.members[0].status);
    CHECK_STATUS(GOKORE_OK, c.members[1].status);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}

// ---- fork

static void *hold_until_told(void *arg) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&net, NULL));
    (void)gokore_atomic_add((gokore_atomic_u32 *)arg, 1);
    while (gokore_atomic_load((gokore_atomic_u32 *)arg) < 2) sched_yield();
    gokore_mutex_unlock(&net);
    return NULL;
}
TEST(fork, leaves_the_child_with_what_its_own_thread_holds) { // case S89
    watched();
    gokore_atomic_u32 step = GOKORE_ATOMIC_INIT(0);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, hold_until_told, &step) == 0);
    while (gokore_atomic_load(&step) == 0) sched_yield();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&disk, NULL));
    pid_t child = fork();
    if (child == 0) {
        bool ok = gokore_lockorder_held(NULL, 0) == 1 && gokore_deadlock_check(NULL, 0) == 0;
        gokore_mutex_init(&net, NULL);
        ok = ok && gokore_mutex_lock(&net, NULL) == GOKORE_OK && gokore_lockorder_held(NULL, 0) == 2;
        gokore_deadlock_watch_stop(); // there is none here
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_INT(0, status);
    (void)gokore_atomic_add(&step, 1);
    (void)pthread_join(thread, NULL);
    gokore_mutex_unlock(&disk);
}
