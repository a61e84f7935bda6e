// test_pool_numa.c - gokore_pool.h on a machine of three nodes with processors and one without, which are files: where workers live,
// and what they may steal from each other's nodes
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"
#define GOKORE_IMPLEMENTATION
#include "../gokore_topology.h"
static const gokore_topology *machine(void);
static void *memory_on(size_t size, int node);
static void memory_back(void *p, size_t size);
#define gokore_topology_default machine // from here on
#define gokore_numa_alloc       memory_on
#define gokore_numa_free        memory_back
#include "../gokore.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
enum { NODES = 3, BARE = 3 }; // the fourth has memory only

static const int distances[4][4] = { { 10, 15, 25, 40 }, { 15, 10, 25, 40 }, { 25, 25, 10, 40 }, { 40, 40, 40, 10 } };
static gokore_topology *files;
static const gokore_topology *machine(void) {
    if (files) return files;
    char path[80], text[80];
    test_root_file("/sys/devices/system/node/online", "0-3\n");
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", i);
        (void)snprintf(text, sizeof text, i == BARE ? "\n" : "%d\n", i);
        test_root_file(path, text);
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/distance", i);
        const int *row = distances[i];
        (void)snprintf(text, sizeof text, "%d %d %d %d\n", row[0], row[1], row[2], row[3]);
        test_root_file(path, text);
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", i);
        (void)snprintf(text, sizeof text, "Node %d MemTotal: 1048576 kB\n", i);
        test_root_file(path, text);
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&files, &(gokore_topology_desc) { .root = test_root() }));
    return files;
}
static void *memory_on(size_t size, int node) { // of any node: there is only one
    CHECK(node >= 0 && node < NODES);
    return gokore_alloc_zeroed_(NULL, size, 4096);
}
static void memory_back(void *p, size_t size) { gokore_free_(NULL, p, size); }
static gokore_pool *pool_with(gokore_pool_desc desc) {
    gokore_pool *pool = NULL;
    test_reports_capture(); // processors that this machine lacks are no fault of the pool
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    return pool;
}
static gokore_pool_metrics metrics_of(gokore_pool *pool) {
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    return m;
}
static unsigned workers_on(gokore_pool *pool, int node) {
    gokore_worker *w[16];
    unsigned found = 0;
    size_t n = gokore_pool_stealers(pool, w, COUNT(w));
    for (size_t i = 0; i < n; i++) found += gokore_worker_node(w[i]) == node;
    return found;
}

// ---- where workers live

TEST(homes, are_dealt_to_all_nodes_with_processors) {
    gokore_pool *pool = pool_with((gokore_pool_desc) { .workers = 6, .pin = true });
    for (int node = 0; node < NODES; node++) CHECK_UINT(2, workers_on(pool, node));
    CHECK_STATUS(GOKORE_OK, gokore_pool_pin(pool, 2));
    CHECK_UINT(6, workers_on(pool, 2));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pool_pin(pool, BARE)); // no processors
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pool_pin(pool, 4));    // no such node
    CHECK_UINT(6, workers_on(pool, 2));
    gokore_pool_destroy(pool);
}
TEST(homes, are_the_preferred_nodes_wherever_they_are_said) {
    static const int first_two[] = { 0, 1 }, last[] = { 2 }, bare[] = { BARE };
    const gokore_numa_policy two = { .preferred_nodes = first_two, .preferred_node_count = 2 };
    gokore_pool *pool = pool_with((gokore_pool_desc) { .workers = 4, .numa = two });
    CHECK_UINT(2, workers_on(pool, 0));
    CHECK_UINT(2, workers_on(pool, 1));
    const gokore_pool_desc move = { .numa = { .preferred_nodes = last, .preferred_node_count = 1 } };
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &move));
    CHECK_UINT(4, workers_on(pool, 2));
    const gokore_pool_desc wider = { .workers = 5, .concurrency = &(gokore_concurrency_policy) { .cross_access_percent = 50 } };
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &wider));
    CHECK_UINT(5, workers_on(pool, 2));
    test_allocator a = { .fail_from = 0 };
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_set_config(pool, &(gokore_pool_desc) { .allocator = test_allocator_hooks(&a) }));
    gokore_pool_destroy(pool);
    gokore_pool *none = NULL;
    const gokore_numa_policy nowhere = { .required = true, .preferred_nodes = bare, .preferred_node_count = 1 };
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pool_create(&none, &(gokore_pool_desc) { .workers = 2, .numa = nowhere }));
    CHECK_PTR(NULL, none);
}
static gokore_numa_policy say_last(void *user) { return *(const gokore_numa_policy *)user; }
TEST(homes, may_be_the_providers_choice) {
    static const int last[] = { 2 }, first[] = { 0 };
    gokore_numa_policy policy = { .preferred_nodes = last, .preferred_node_count = 1 };
    gokore_provider provider = { .numa_policy = say_last, .user = &policy };
    gokore_pool *pool = pool_with((gokore_pool_desc) { .workers = 2, .provider = &provider });
    CHECK_UINT(2, workers_on(pool, 2));
    gokore_pool_destroy(pool);
    const gokore_numa_policy own = { .preferred_nodes = first, .preferred_node_count = 1 };
    pool = pool_with((gokore_pool_desc) { .workers = 2, .provider = &provider, .numa = own }); // what is said here counts
    CHECK_UINT(2, workers_on(pool, 0));
    gokore_pool_destroy(pool);
    pool = pool_with((gokore_pool_desc) { .workers = 3, .provider = &provider, .pin = true });
    CHECK_UINT(1, workers_on(pool, 2));
    gokore_pool_destroy(pool);
}

// ---- stealing across nodes: each worker is alone on its node

enum { CHILDREN = 6 };
typedef struct child {
    gokore_task task;
    int owner, runner; // nodes
    gokore_atomic_u32 *ran;
} child;
static void child_run(gokore_worker *w, gokore_task *task) {
    child *c = (child *)task;
    c->runner = gokore_worker_node(w);
    (void)gokore_atomic_add(c->ran, 1);
}
typedef struct parent {
    gokore_task task;
    child children[CHILDREN];
    unsigned count;
    bool must_be_taken; // it does nothing until another worker has run a child
    gokore_atomic_u32 ran;
} parent;
static void parent_run(gokore_worker *w, gokore_task *task) {
    parent *p = (parent *)task;
    for (unsigned i = 0; i < p->count; i++) {
        p->children[i] = (child) { .task = GOKORE_TASK_INIT(child_run), .owner = gokore_worker_node(w), .ran = &p->ran };
        gokore_spawn(w, &p->children[i].task);
    }
    while (p->must_be_taken && gokore_atomic_load(&p->ran) == 0) (void)sched_yield();
    if (!p->must_be_taken) (void)nanosleep(&(struct timespec) { 0, 500000 }, NULL); // time for a thief that may not
    for (unsigned i = p->count; i-- > 0;) gokore_join(w, &p->children[i].task);
}
// Runs a few parents; allowed[thief][victim] says which of the children may have run where.
static uint64_t run_parents(gokore_pool *pool, unsigned count, bool must_be_taken, const bool allowed[NODES][NODES]) {
    for (int round = 0; round < 6; round++) {
        parent p = { .task = GOKORE_TASK_INIT(parent_run), .count = count, .must_be_taken = must_be_taken };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &p.task, NULL));
        CHECK_UINT(count, gokore_atomic_load(&p.ran));
        for (unsigned i = 0; i < count; i++) CHECK(allowed[p.children[i].runner][p.children[i].owner]);
    }
    uint64_t crossings = metrics_of(pool).numa_crossings;
    gokore_pool_destroy(pool);
    return crossings;
}
static const bool everywhere[NODES][NODES] = { { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 } };
static const bool at_home[NODES][NODES] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
static int table_distance(void *user, int from, int to) { return (void)user, distances[from][to]; }
static const gokore_provider by_table = { .numa_distance = table_distance };
static gokore_pool *crossing_pool(gokore_numa_policy numa, const gokore_concurrency_policy *concurrency, const gokore_provider *provider) {
    return pool_with((gokore_pool_desc) { .workers = NODES, .pin = true, .numa = numa, .concurrency = concurrency,
                                            .provider = provider ? provider : &by_table });
}
TEST(crossing, any_node_may_be_helped_and_each_time_is_counted) {
    gokore_numa_policy any = { .fallback = GOKORE_NUMA_ANY_NODE };
    CHECK(run_parents(crossing_pool(any, NULL, NULL), CHILDREN, true, everywhere) >= 6);
}
TEST(crossing, is_not_where_the_policy_waits) {
    gokore_numa_policy wait = { .fallback = GOKORE_NUMA_WAIT };
    CHECK_UINT(0, run_parents(crossing_pool(wait, NULL, NULL), CHILDREN, false, at_home));
}
TEST(crossing, goes_as_many_steps_as_allowed) { // from node 2 both others are one step away, from them it is two
    static const bool one_step[NODES][NODES] = { { 1, 1, 0 }, { 1, 1, 0 }, { 1, 1, 1 } };
    for (int steps = 0; steps <= 2; steps++) {
        gokore_numa_policy near = { .fallback = GOKORE_NUMA_STEAL, .has_allowed_distance = true, .allowed_distance = steps };
        const bool (*allowed)[NODES] = steps == 0 ? at_home : steps == 1 ? one_step : everywhere;
        (void)run_parents(crossing_pool(near, NULL, NULL), CHILDREN, steps > 1, allowed);
    }
}
TEST(crossing, goes_as_far_as_allowed) {
    static const bool near[NODES][NODES] = { { 1, 1, 0 }, { 1, 1, 0 }, { 0, 0, 1 } };
    gokore_numa_policy fifteen = { .fallback = GOKORE_NUMA_STEAL, .has_allowed_distance = true, .allowed_distance = 15 };
    (void)run_parents(crossing_pool(fifteen, NULL, NULL), CHILDREN, false, near);
    fifteen.allowed_distance = 14;
    CHECK_UINT(0, run_parents(crossing_pool(fifteen, NULL, NULL), CHILDREN, false, at_home));
}
TEST(crossing, leaves_short_queues_and_more_than_its_share_alone) {
    gokore_numa_policy any = { .fallback = GOKORE_NUMA_ANY_NODE };
    gokore_concurrency_policy threshold = { .cross_access_percent = 100, .steal_threshold = CHILDREN };
    gokore_concurrency_policy share = { .cross_access_percent = 50 };
    CHECK_UINT(0, run_parents(crossing_pool(any, &threshold, NULL), CHILDREN - 1, false, at_home));
    CHECK_UINT(0, run_parents(crossing_pool(any, &share, NULL), CHILDREN, false, at_home)); // half of none
}
static int constant_distance(void *user, int from, int to) { return from == to ? 10 : *(int *)user; }
TEST(crossing, asks_the_provider_how_far_it_is) {
    gokore_numa_policy any = { .fallback = GOKORE_NUMA_ANY_NODE }, steal = { .has_allowed_distance = true, .allowed_distance = 200 };
    int distance = 255;
    gokore_provider provider = { .numa_distance = constant_distance, .user = &distance };
    CHECK_UINT(0, run_parents(crossing_pool(any, NULL, &provider), CHILDREN, false, at_home)); // unreachable
    distance = -1;                                                                             // not known: as far as can be
    CHECK_UINT(0, run_parents(crossing_pool(steal, NULL, &provider), CHILDREN, false, at_home));
    CHECK(run_parents(crossing_pool(any, NULL, &provider), CHILDREN, true, everywhere) >= 6);
}
