// test_sync_metrics.c - what locks tell the instrumenter, and what the metrics registry makes of it.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/waiting.h"

#include <stdio.h>
#include <string.h>

static struct told {
    unsigned by_status[32], held, retries, violations, deadlocks;
    int64_t waited_ns, held_ns;
    gokore_qos qos;
    gokore_report_id violation;
    char waited_for[32], held_name[32], retried[32];
} told;

static void tell_wait(void *user, const char *lock, gokore_qos qos, gokore_status result, int64_t waited_ns) {
    struct told *t = user;
    t->by_status[result]++;
    t->waited_ns = waited_ns;
    t->qos = qos;
    (void)snprintf(t->waited_for, sizeof t->waited_for, "%s", lock);
}
static void tell_held(void *user, const char *lock, int64_t held_ns) {
    struct told *t = user;
    t->held++;
    t->held_ns = held_ns;
    (void)snprintf(t->held_name, sizeof t->held_name, "%s", lock);
}
static void tell_retry(void *user, const char *lock) {
    struct told *t = user;
    t->retries++;
    (void)snprintf(t->retried, sizeof t->retried, "%s", lock);
}
static void tell_violation(void *user, gokore_report_id kind) {
    struct told *t = user;
    t->violations++;
    t->violation = kind;
}
static void tell_deadlock(void *user) { ((struct told *)user)->deadlocks++; }

static void listen(void) {
    test_only_with("METRICS=1");
    gokore_instrumenter ours = { .lock_wait = tell_wait, .lock_held = tell_held, .lock_retry = tell_retry,
                                 .lock_violation = tell_violation, .deadlock = tell_deadlock, .user = &told };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&ours));
}

static gokore_mutex *named(gokore_mutex *m, const char *name) {
    gokore_mutex_init(m, &(gokore_mutex_desc) { .name = name });
    return m;
}

static void *take_in_vain(void *p) { // what another thread is told of a lock that is held
    gokore_mutex *m = p;
    gokore_context ctx, over;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(m, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(m, &ctx));
    CHECK(told.waited_ns >= MS);
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_CANCELED, gokore_mutex_lock(m, &over));
    CHECK_INT(0, told.waited_ns);
    gokore_context_deinit(&ctx);
    gokore_context_deinit(&over);
    return NULL;
}

TEST(instrumenter, is_told_how_every_acquisition_of_a_mutex_ends) {
    gokore_mutex m;
    listen();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(named(&m, "accounts"), NULL));
    end(begin(take_in_vain, &m));
    CHECK_UINT(0, told.held);
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, told.held);
    CHECK_STR("accounts", told.held_name);
    CHECK_STR("accounts", told.waited_for);
    CHECK(told.held_ns >= 2 * MS);
    CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(&m, 0));
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, told.by_status[GOKORE_OK]);
    CHECK_UINT(1, told.by_status[GOKORE_BUSY]);
    CHECK_UINT(1, told.by_status[GOKORE_TIMEOUT]);
    CHECK_UINT(1, told.by_status[GOKORE_CANCELED]);
    CHECK_INT((int)gokore_qos_current(), (int)told.qos);
    gokore_mutex_deinit(&m);
}

TEST(instrumenter, is_told_of_both_sides_of_a_rwlock_and_of_foreign_locks) {
    gokore_rwlock rw;
    pthread_mutex_t foreign = PTHREAD_MUTEX_INITIALIZER;
    gokore_locker l = gokore_locker_of_pthread_mutex(&foreign);
    gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT("theirs");
    listen();
    gokore_rwlock_init(&rw, &(gokore_rwlock_desc) { .name = "map" });
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    gokore_rwlock_read_unlock(&rw);
    CHECK_UINT(1, told.held);
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&rw, NULL));
    gokore_rwlock_write_unlock(&rw);
    CHECK_UINT(2, told.held);
    CHECK_STR("map", told.held_name);
    REQUIRE_STATUS(GOKORE_OK, gokore_locker_lock(&l, NULL));
    CHECK_STR("", told.waited_for);
    gokore_locker_unlock(&l);
    l.lock_class = &cls;
    REQUIRE_STATUS(GOKORE_OK, gokore_locker_try_lock(&l, 0));
    gokore_locker_unlock(&l);
    CHECK_STR("theirs", told.held_name);
    CHECK_UINT(4, told.held);
    CHECK_UINT(4, told.by_status[GOKORE_OK]);
    gokore_rwlock_deinit(&rw);
}

TEST(instrumenter, is_told_that_permits_were_taken_and_not_that_they_are_held) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(2);
    listen();
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&s, 2, NULL));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    gokore_semaphore_release(&s, 2);
    CHECK_UINT(1, told.by_status[GOKORE_OK]);
    CHECK_UINT(1, told.by_status[GOKORE_BUSY]);
    CHECK_UINT(0, told.held);
}

TEST(instrumenter, times_sixteen_locks_of_a_thread_in_any_order_of_release) {
    static gokore_mutex m[20];
    listen();
    for (int i = 0; i < 20; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[i], NULL));
    for (int i = 0; i < 20; i++) gokore_mutex_unlock(&m[i * 7 % 20]);
    CHECK_UINT(16, told.held);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[0], NULL));
    gokore_mutex_unlock(&m[0]);
    CHECK_UINT(17, told.held);
    CHECK_UINT(21, told.by_status[GOKORE_OK]);
}

TEST(instrumenter, is_told_of_the_mutex_that_a_condition_gives_up_and_takes_again) {
    gokore_mutex m;
    gokore_cond c = GOKORE_COND_INIT;
    gokore_context ctx;
    listen();
    gokore_context_init_timeout(&ctx, NULL, MS);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(named(&m, "queue"), NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&c, &m, &ctx));
    CHECK_UINT(1, told.held);
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, told.held);
    CHECK_UINT(2, told.by_status[GOKORE_OK]);
    gokore_context_deinit(&ctx);
    gokore_mutex_deinit(&m);
}

static void *take_by_policy(void *p) {
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 20 * MS);
    CHECK(gokore_mutex_lock_policy(p, &ctx) != GOKORE_OK);
    gokore_context_deinit(&ctx);
    return NULL;
}

TEST(instrumenter, is_told_of_each_retry_of_lock_policy) {
    gokore_mutex m;
    listen();
    const gokore_lock_policy policy = gokore_lock_policy_default(gokore_qos_current());
    REQUIRE(policy.retry.attempts > 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(named(&m, "hot"), NULL));
    end(begin(take_by_policy, &m));
    gokore_mutex_unlock(&m);
    CHECK(told.retries >= 1 && told.retries <= policy.retry.attempts);
    CHECK_STR("hot", told.retried);
    gokore_mutex_deinit(&m);
}

static char text[1 << 16];

static bool says(const char *line) {
    gokore_buffer buffer = { text, sizeof text, 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_metrics_write_prometheus(gokore_writer_buffer(&buffer)));
    return strstr(text, line) != NULL;
}

TEST(registry, counts_acquisitions_and_times_waits_and_holds) {
    gokore_mutex m;
    test_only_with("METRICS=1");
    for (int i = 0; i < 3; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(i ? &m : named(&m, "accounts"), NULL));
        gokore_mutex_unlock(&m);
    }
    CHECK(says("\ngokore_lock_acquisitions_total{lock=\"accounts\",result=\"ok\"} 3\n"));
    CHECK(says("\ngokore_lock_hold_seconds_count{lock=\"accounts\"} 3\n"));
    CHECK(says("\ngokore_lock_wait_seconds_count{lock=\"accounts\",qos="));
    gokore_mutex_deinit(&m);
}

TEST(registry, counts_what_the_lock_checker_finds) {
    test_only_with("METRICS=1");
    test_only_with("LOCKORDER=1");
    test_reports_capture();
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT;
    for (int turn = 0; turn < 2; turn++) {
        CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(turn ? &b : &a, NULL));
        CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(turn ? &a : &b, NULL));
        gokore_mutex_unlock(&a);
        gokore_mutex_unlock(&b);
    }
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&a, NULL));
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_mutex_lock(&a, NULL));
    gokore_mutex_unlock(&a);
    CHECK(says("\ngokore_lock_violations_total{kind=\"LOCK_INVERSION\"} 1\n"));
    CHECK(says("\ngokore_lock_violations_total{kind=\"LOCK_RECURSION\"} 1\n"));
}
