// test_pool_edges.c - gokore_pool.h where it is seldom: no memory, hooks with members left out, coordinators that do nothing, groups
// and stealers misused, pools that are used from each other's workers
#include "support/seam.h"
static void *allocate(size_t size, size_t align);
#define GOKORE_SEAM_ALLOC_(size, align)                     allocate((size), (align))
#define GOKORE_SEAM_FREE_(p)                                gokore_heap_free_(p)
#define GOKORE_UNHEARD_(word)                               (void)0
#undef GOKORE_METRICS
#define GOKORE_METRICS 1
#define GOKORE_IMPLEMENTATION
#include "../gokore.h"

#include "support/test.h"

#include <sched.h>
#include <string.h>

static bool memory_out;
static void *allocate(size_t size, size_t align) {
    return __atomic_load_n(&memory_out, __ATOMIC_RELAXED) ? NULL : gokore_heap_alloc_(size, align);
}
static gokore_pool *pool_of(unsigned workers) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = workers }));
    return pool;
}
static gokore_atomic_u32 ran, cancelled;
static void count_run(gokore_worker *w, gokore_task *task) {
    (void)w, (void)task;
    (void)gokore_atomic_add(&ran, 1);
}
static void count_cancel(gokore_task *task, gokore_status why) {
    (void)task;
    CHECK(why != GOKORE_OK);
    (void)gokore_atomic_add(&cancelled, 1);
}
static void idle(gokore_pool *pool) { REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL)); }

// ---- hooks

static void spawn_and_join(gokore_worker *w, gokore_task *task) {
    gokore_task child = GOKORE_TASK_INIT(count_run);
    gokore_spawn(w, &child);
    gokore_join(w, &child);
    count_run(w, task);
}
static void use_pool(void) {
    gokore_pool *pool = pool_of(2);
    gokore_task t[20], late = GOKORE_TASK_INIT(count_run);
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    uint32_t before = gokore_atomic_load(&ran), cancels = gokore_atomic_load(&cancelled);
    for (int i = 0; i < 20; i++) {
        t[i] = (gokore_task)GOKORE_TASK_INIT(spawn_and_join);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &t[i], NULL));
    }
    late.on_cancel = count_cancel;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &late, &over));
    idle(pool);
    CHECK_UINT(before + 40, gokore_atomic_load(&ran));
    CHECK_UINT(cancels + 1, gokore_atomic_load(&cancelled));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 3));
    gokore_pool_destroy(pool);
    gokore_context_deinit(&over);
}
static gokore_atomic_u32 stolen;
static void steal_me(gokore_worker *w, gokore_task *task) {
    (void)gokore_atomic_add(&stolen, 1);
    count_run(w, task);
}
static void lend(gokore_worker *w, gokore_task *task) { // waits for a thief, without a call of the pool
    gokore_task child = GOKORE_TASK_INIT(steal_me);
    (void)task;
    gokore_spawn(w, &child);
    while (gokore_atomic_load(&stolen) == 0) (void)sched_yield();
    gokore_join(w, &child);
}
TEST(instrumenter, members_may_be_left_out) {
    gokore_instrumenter none = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&none));
    use_pool();
    gokore_pool *pool = pool_of(2);
    gokore_task t = GOKORE_TASK_INIT(lend);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    CHECK_UINT(1, gokore_atomic_load(&stolen));
    gokore_pool_destroy(pool);
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(NULL));
    use_pool();
}
static void see_end(void *user, gokore_pool *pool, gokore_worker *w, int64_t ran_ns) {
    (void)pool, (void)w;
    CHECK(ran_ns >= 0);
    (void)gokore_atomic_add((gokore_atomic_u32 *)user, 1);
}
TEST(observer, may_only_want_to_know_of_ends) {
    gokore_pool *pool = pool_of(2);
    gokore_atomic_u32 ends = GOKORE_ATOMIC_INIT(0);
    gokore_pool_observer o = { .task_end = see_end, .user = &ends }, nothing = { 0 };
    gokore_pool_set_observer(pool, &o);
    gokore_task t = GOKORE_TASK_INIT(count_run);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    idle(pool);
    CHECK_UINT(1, gokore_atomic_load(&ends));
    gokore_pool_set_observer(pool, &nothing);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    gokore_pool_set_observer(pool, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    idle(pool);
    CHECK_UINT(1, gokore_atomic_load(&ends));
    gokore_pool_destroy(pool);
}
TEST(observer, that_there_is_no_memory_for_is_told_and_nothing_changes) {
    gokore_pool *pool = pool_of(1);
    gokore_atomic_u32 ends = GOKORE_ATOMIC_INIT(0);
    gokore_pool_observer o = { .task_end = see_end, .user = &ends };
    test_reports_capture();
    __atomic_store_n(&memory_out, true, __ATOMIC_RELAXED);
    gokore_pool_set_observer(pool, &o);
    __atomic_store_n(&memory_out, false, __ATOMIC_RELAXED);
    gokore_task t = GOKORE_TASK_INIT(count_run);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    idle(pool);
    CHECK_UINT(gokore_atomic_load(&ends) == 0, test_reports_count(GOKORE_REPORT_NONE) > 0);
    gokore_pool_destroy(pool);
}

// ---- coordinators that leave everything out, or refuse

static gokore_status refuse_pool(void *user, gokore_pool *pool) { return (void)user, (void)pool, GOKORE_LIMIT; }
static void leave_pool(void *user, gokore_pool *pool) { (void)pool, ++*(unsigned *)user; }
TEST(coordinator, members_may_be_left_out_and_registering_may_be_refused) {
    unsigned left = 0;
    gokore_cluster_coordinator nothing = { 0 }, refusing = { .register_pool = refuse_pool };
    gokore_cluster_coordinator leaving = { .unregister_pool = leave_pool, .user = &left };
    gokore_pool *pool = pool_of(2);
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_coordinator(pool, &nothing));
    CHECK_PTR(&nothing, gokore_pool_coordinator(pool));
    gokore_task t[100];
    for (int i = 0; i < 100; i++) { // enough for pressure
        t[i] = (gokore_task)GOKORE_TASK_INIT(count_run);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &t[i], NULL));
    }
    idle(pool);
    CHECK_STATUS(GOKORE_LIMIT, gokore_pool_set_coordinator(pool, &refusing));
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_coordinator(pool, &leaving));
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_coordinator(pool, gokore_cluster_coordinator_default()));
    CHECK_UINT(1, left);
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_coordinator(pool, NULL));
    CHECK_PTR(NULL, gokore_pool_coordinator(pool));
    gokore_pool_destroy(pool);
}
TEST(coordinator, default_one_counts_the_workers_of_all_its_pools) {
    gokore_cluster_coordinator *c = gokore_cluster_coordinator_default();
    gokore_pool *a = pool_of(2), *b = pool_of(3);
    gokore_worker *w[4] = { NULL, NULL, NULL, NULL };
    CHECK_UINT(0, c->stealers(c->user, w, 4));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(a, c));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(b, c));
    CHECK_UINT(5, c->stealers(c->user, w, 3));
    CHECK(w[0] && w[1] && w[2] && !w[3]); // at most cap
    CHECK_UINT(5, c->stealers(c->user, NULL, 0));
    CHECK_UINT(3, gokore_pool_stealers(b, w, 1));
    CHECK_PTR(b, gokore_worker_pool(w[0]));
    gokore_pool_destroy(a);
    CHECK_UINT(3, c->stealers(c->user, w, 4));
    gokore_pool_destroy(b);
    CHECK_UINT(0, c->stealers(c->user, w, 4));
}

TEST(coordinator, default_one_is_left_by_a_pool_that_is_not_in_it_without_harm) {
    gokore_cluster_coordinator *c = gokore_cluster_coordinator_default();
    gokore_pool *in = pool_of(2), *out = pool_of(3);
    c->unregister_pool(c->user, out); // nobody is in it
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(in, c));
    c->unregister_pool(c->user, out);
    CHECK_UINT(2, c->stealers(c->user, NULL, 0));
    gokore_pool_destroy(in);
    gokore_pool_destroy(out);
    CHECK_UINT(0, c->stealers(c->user, NULL, 0));
}

// ---- groups and stealers

TEST(group, fails_by_a_reason_only_and_refuses_what_is_no_task) {
    gokore_pool *pool = pool_of(1);
    gokore_group g;
    gokore_group_init(&g, NULL);
    gokore_task t = GOKORE_TASK_INIT(count_run), none = GOKORE_TASK_INIT(NULL);
    gokore_group_fail(&g, GOKORE_OK);
    test_reports_capture();
    CHECK_STATUS(GOKORE_INVALID, gokore_group_submit(&g, pool, &none, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&g, pool, &t, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_group_wait(&g, NULL));
    gokore_group_fail(&g, GOKORE_CLOSED);
    gokore_group_fail(&g, GOKORE_LIMIT); // the first counts
    CHECK_STATUS(GOKORE_CLOSED, gokore_group_wait(&g, NULL));
    gokore_pool_destroy(pool);
}
TEST(stealing, by_hand_ends_with_its_context) {
    gokore_retry_policy often = { .attempts = 3, .steal_attempts = 1000, .backoff_base_ns = 1000000 };
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1, .retry = &often }));
    gokore_context over, soon;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    gokore_context_init_timeout(&soon, NULL, 3000000);
    gokore_task *out = NULL;
    CHECK_STATUS(GOKORE_CANCELED, gokore_pool_try_steal(pool, &over, &out));
    CHECK_PTR(NULL, out);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_try_steal(pool, &soon, &out));
    CHECK_PTR(NULL, out);
    gokore_context_deinit(&over);
    gokore_context_deinit(&soon);
    gokore_pool_destroy(pool);
}

// ---- schedulers, containers

TEST(scheduler, that_there_is_no_memory_for_is_none_and_reported) {
    test_reports_capture();
    __atomic_store_n(&memory_out, true, __ATOMIC_RELAXED);
    gokore_pool *pool = gokore_scheduler_pool("starved");
    gokore_mutex *lock = gokore_scheduler_lock("starved too");
    __atomic_store_n(&memory_out, false, __ATOMIC_RELAXED);
    CHECK_PTR(NULL, pool);
    CHECK_PTR(NULL, lock);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    lock = gokore_scheduler_lock("starved too");
    CHECK(lock != NULL); // later there is
    CHECK_PTR(lock, gokore_scheduler_lock("starved too"));
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}
static gokore_status no_container(void *user, gokore_container *out) { return (void)user, (void)out, GOKORE_SYSTEM; }
TEST(width, is_the_containers_where_the_provider_knows_none) {
    gokore_provider provider = { .container = no_container };
    gokore_pool *pool = NULL, *by_default = pool_of(0);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .provider = &provider }));
    CHECK_UINT(gokore_pool_worker_count(by_default), gokore_pool_worker_count(pool));
    gokore_pool_destroy(pool);
    provider.container = NULL; // nor can it be asked
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .provider = &provider }));
    CHECK_UINT(gokore_pool_worker_count(by_default), gokore_pool_worker_count(pool));
    gokore_pool_destroy(by_default);
    gokore_pool_destroy(pool);
}
static void apply(const char *text) {
    gokore_policy_set *set = NULL;
    if (text) REQUIRE_STATUS(GOKORE_OK, gokore_policy_load(&set, text, strlen(text), NULL, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
}
TEST(policy, in_force_says_what_pools_steal_from_afar) {
    static const char locks[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: a}\n"
                                "spec: {qosClass: BestEffort, hierarchyRules: [{name: r, order: [X, Z]}]}\n";
    static const char both[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: a}\n"
                               "spec: {qosClass: BestEffort, hierarchyRules: [{name: r, order: [X, Z]}]}\n---\n"
                               "apiVersion: orchestration.gokore.io/v1beta1\nkind: ConcurrencyPolicy\n"
                               "spec: {numa: {stealThreshold: 4}}\n";
    static const struct { const char *text; uint32_t threshold; } cases[] = { { NULL, 0 }, { locks, 0 }, { both, 4 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apply(cases[i].text);
        gokore_pool *pool = pool_of(1);
        CHECK_UINT(cases[i].threshold, gokore_atomic_load(&pool->steal_threshold));
        gokore_pool_destroy(pool);
    }
    apply(NULL);
}

// ---- pools within pools

static void use_and_destroy(gokore_worker *w, gokore_task *task) { // of another pool, on a worker
    gokore_pool *inner = NULL;
    gokore_task t[3], *all[3];
    (void)w, (void)task;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&inner, &(gokore_pool_desc) { .workers = 1, .queue_limit = 1 }));
    for (int i = 0; i < 3; i++) {
        t[i] = (gokore_task)GOKORE_TASK_INIT(count_run);
        all[i] = &t[i];
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(inner, &t[i], NULL)); // may have to wait: it is not this worker's pool
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(inner, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit_many(inner, all, 3, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(inner, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_submit(inner, &t[0], NULL));
    gokore_pool_destroy(inner);
}
TEST(within, a_task_another_pool_is_made_used_shut_down_and_destroyed) {
    gokore_pool *pool = pool_of(1);
    gokore_task t = GOKORE_TASK_INIT(use_and_destroy);
    uint32_t before = gokore_atomic_load(&ran);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t, NULL));
    CHECK_UINT(before + 6, gokore_atomic_load(&ran));
    gokore_pool_destroy(pool);
}
