// test_pool_metrics.c - what pools tell the instrumenter, and what the metrics registry makes of it.
#include "support/test.h"
#include "../gokore_pool.h"

#include <stdio.h>
#include <string.h>

static struct told {
    gokore_atomic_u64 begun, ended, cancelled, steals;
    gokore_atomic_u64 workers, queued_most;
    gokore_atomic_i64 ran_ns;
    gokore_atomic_bool named;
} told;

static void heard(const char *pool) {
    if (strcmp(pool, "jobs") == 0) gokore_atomic_store(&told.named, true);
}
static void tell_begin(void *user, const char *pool) {
    (void)user;
    heard(pool);
    (void)gokore_atomic_fetch_add(&told.begun, 1);
}
static void tell_end(void *user, const char *pool, int64_t ran_ns) {
    (void)user, (void)pool;
    (void)gokore_atomic_fetch_add(&told.ended, 1);
    (void)gokore_atomic_fetch_add(&told.ran_ns, ran_ns);
}
static void tell_cancel(void *user, const char *pool, gokore_status why) {
    (void)user, (void)pool;
    if (why == GOKORE_CANCELED) (void)gokore_atomic_fetch_add(&told.cancelled, 1);
}
static void tell_steal(void *user, const char *pool, bool crossed_nodes) {
    (void)user, (void)pool, (void)crossed_nodes;
    (void)gokore_atomic_fetch_add(&told.steals, 1);
}
static void tell_pool(void *user, const char *pool, unsigned workers, size_t queued) {
    (void)user, (void)pool;
    gokore_atomic_store(&told.workers, workers);
    (void)gokore_atomic_fetch_max(&told.queued_most, queued);
}
static void listen(void) {
    test_only_with("METRICS=1");
    gokore_instrumenter ours = { .task_begin = tell_begin, .task_end = tell_end, .task_cancel = tell_cancel, .steal = tell_steal, .pool = tell_pool };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&ours));
}
static gokore_pool *pool_of(unsigned workers) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = workers, .name = "jobs" }));
    return pool;
}

static void nothing(gokore_worker *w, gokore_task *t) { (void)w, (void)t; }
static void spawn_two(gokore_worker *w, gokore_task *t) {
    (void)t;
    gokore_task a = GOKORE_TASK_INIT(nothing), b = GOKORE_TASK_INIT(nothing);
    gokore_spawn(w, &a);
    gokore_spawn(w, &b);
    gokore_join(w, &b);
    gokore_join(w, &a);
}
GOKORE_TASK1(int, fib, int, n) {
    if (n < 2) return n;
    fib_spawn(worker, n - 1);
    int below = fib_call(worker, n - 2);
    return below + fib_join(worker);
}

TEST(instrumenter, is_told_of_each_task_as_often_as_the_metrics_say) {
    int result = 0;
    listen();
    gokore_pool *pool = pool_of(2);
    CHECK_UINT(2, gokore_atomic_load(&told.workers));
    gokore_task t = GOKORE_TASK_INIT(spawn_two);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &result, 12));
    CHECK_INT(144, result);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    CHECK_UINT(m.executed, gokore_atomic_load(&told.begun));
    CHECK_UINT(m.executed, gokore_atomic_load(&told.ended));
    CHECK_UINT(m.steal_successes, gokore_atomic_load(&told.steals));
    CHECK(gokore_atomic_load(&told.named) && gokore_atomic_load(&told.ran_ns) >= 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 3));
    CHECK_UINT(3, gokore_atomic_load(&told.workers));
    gokore_pool_destroy(pool);
}

TEST(instrumenter, is_told_of_tasks_that_do_not_run_and_of_the_queue) {
    gokore_context over;
    gokore_task t[3];
    listen();
    gokore_pool *pool = pool_of(1);
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    gokore_task *all[3];
    for (int i = 0; i < 3; i++) {
        gokore_task_init(&t[i], nothing);
        all[i] = &t[i];
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, all, 3, &over));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK_UINT(3, gokore_atomic_load(&told.cancelled));
    CHECK_UINT(0, gokore_atomic_load(&told.begun));
    CHECK(gokore_atomic_load(&told.queued_most) <= 3);
    gokore_pool_destroy(pool);
    gokore_context_deinit(&over);
}

static char text[1 << 16];

TEST(registry, counts_tasks_and_shows_workers_and_queue) {
    test_only_with("METRICS=1");
    gokore_pool *pool = pool_of(2);
    for (int i = 0; i < 5; i++) {
        gokore_task t = GOKORE_TASK_INIT(nothing);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_buffer buffer = { text, sizeof text, 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_metrics_write_prometheus(gokore_writer_buffer(&buffer)));
    CHECK_CONTAINS("\ngokore_pool_tasks_total{pool=\"jobs\",result=\"ok\"} 5\n", text);
    CHECK_CONTAINS("\ngokore_pool_workers{pool=\"jobs\"} 2\n", text);
    CHECK_CONTAINS("\ngokore_pool_queue_depth{pool=\"jobs\"} 0\n", text);
    gokore_pool_destroy(pool);
}
