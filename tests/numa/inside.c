// inside.c - runs inside the machine of four nodes that tests/numa/numa.sh boots, as root: suites nodes, v2, v1
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../../gokore_pool.h"
#include "../../gokore_topology.h"
#include "../support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- what the firmware says, see numa.sh

static const int distances[4][4] = { { 10, 16, 22, 28 }, { 16, 10, 28, 22 }, { 22, 28, 10, 16 }, { 28, 22, 16, 10 } };
static const int orders[4][4] = { { 0, 1, 2, 3 }, { 1, 0, 3, 2 }, { 2, 3, 0, 1 }, { 3, 2, 1, 0 } };

static unsigned here(void) { // the node that the calling thread runs on, by the kernel
    unsigned cpu = 99, node = 99;
    CHECK_INT(0, syscall(SYS_getcpu, &cpu, &node, NULL));
    return node;
}

static int node_of(void *page) { // where a page lies, by the kernel
    int where = -1;
    CHECK_INT(0, syscall(SYS_move_pages, 0, 1, &page, NULL, &where, 0));
    return where;
}

TEST(nodes, are_four_with_two_cpus_each) {
    int ids[8], cpus[8];
    REQUIRE(gokore_topology_node_ids(NULL, ids, 8) == 4);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(i, ids[i]);
        REQUIRE(gokore_topology_cpus(NULL, i, cpus, 8) == 2);
        CHECK_INT(2 * i, cpus[0]);
        CHECK_INT(2 * i + 1, cpus[1]);
        CHECK(gokore_topology_is_memory_usable(NULL, i));
        CHECK(gokore_topology_node_memory(NULL, i) > 100u << 20);
        CHECK(gokore_topology_node_memory(NULL, i) <= 256u << 20);
    }
    CHECK_UINT(0, gokore_topology_warnings(NULL, NULL, 0));
    CHECK_UINT(4, gokore_topology_allowed_nodes(NULL, NULL, 0));
    CHECK_UINT(8, gokore_topology_allowed_cpus(NULL, NULL, 0));
}

TEST(nodes, are_as_far_apart_as_the_firmware_says) {
    for (int i = 0; i < 4; i++) {
        int order[4];
        for (int j = 0; j < 4; j++) CHECK_INT(distances[i][j], gokore_topology_distance(NULL, i, j));
        REQUIRE(gokore_topology_nearest(NULL, i, order, 4) == 4);
        for (int j = 0; j < 4; j++) CHECK_INT(orders[i][j], order[j]);
    }
}

TEST(nodes, pinned_threads_run_on_their_node) {
    for (int i = 3; i >= 0; i--) {
        REQUIRE_STATUS(GOKORE_OK, gokore_pin_thread_to_node(NULL, i));
        CHECK_UINT(i, here());
        CHECK_INT(i, gokore_topology_current_node(NULL));
    }
    for (int cpu = 0; cpu < 8; cpu++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_pin_thread_to_cpu(cpu));
        CHECK_INT(cpu, sched_getcpu());
        CHECK_UINT(cpu / 2, here());
    }
}

TEST(nodes, memory_comes_from_the_node_that_was_asked_for) {
    REQUIRE_STATUS(GOKORE_OK, gokore_pin_thread_to_node(NULL, 0)); // far from most of it
    size_t size = 64 * 4096;
    for (int node = 0; node < 4; node++) {
        char *p = (char *)gokore_numa_alloc(size, node);
        REQUIRE(p != NULL);
        memset(p, 1, size);
        for (size_t at = 0; at < size; at += 4096) CHECK_INT(node, node_of(p + at));
        int other = 3 - node;
        REQUIRE_STATUS(GOKORE_OK, gokore_memory_migrate(p, size, other));
        for (size_t at = 0; at < size; at += 4096) CHECK_INT(other, node_of(p + at));
        gokore_numa_free(p, size);
    }
    CHECK_UINT(0, gokore_numa_refusals());
}

TEST(nodes, bound_memory_lands_where_it_was_bound) {
    size_t size = 16 * 4096;
    for (int node = 0; node < 4; node++) {
        char *p = (char *)gokore_numa_alloc(size, (node + 1) % 4);
        REQUIRE(p != NULL);
        REQUIRE_STATUS(GOKORE_OK, gokore_memory_bind(p, size, node)); // before it is touched
        memset(p, 1, size);
        for (size_t at = 0; at < size; at += 4096) CHECK_INT(node, node_of(p + at));
        gokore_numa_free(p, size);
    }
}

typedef struct visit {
    gokore_task task;
    gokore_atomic_u32 *elsewhere; // visits on another node than the worker's home, or than the one that was wanted
    int wanted;
} visit;

static void look_around(gokore_worker *worker, gokore_task *task) {
    visit *v = (visit *)task;
    unsigned node = here();
    if ((int)node != gokore_worker_node(worker) || (v->wanted >= 0 && (int)node != v->wanted)) gokore_atomic_add(v->elsewhere, 1);
}

static void check_pool(const gokore_pool_desc *desc, int wanted) {
    static visit visits[64];
    gokore_atomic_u32 elsewhere = GOKORE_ATOMIC_INIT(0);
    gokore_pool *pool;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, desc));
    for (size_t i = 0; i < 64; i++) {
        visits[i] = (visit) { GOKORE_TASK_INIT(look_around), &elsewhere, wanted };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &visits[i].task, NULL));
    }
    CHECK_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_pool_destroy(pool);
    CHECK_UINT(0, gokore_atomic_load(&elsewhere));
}

TEST(nodes, workers_stay_on_the_nodes_they_are_dealt_to) {
    for (int node = 0; node < 4; node++) {
        gokore_numa_policy only = { .required = true, .preferred_nodes = &node, .preferred_node_count = 1 };
        check_pool(&(gokore_pool_desc) { .workers = 3, .numa = only }, node);
    }
    check_pool(&(gokore_pool_desc) { .workers = 8, .pin = true }, -1);
}

// One task spawns many; whoever steals some is asked where it is. Where the policy lets them, others must come: each waits for one
// on another node.
static struct {
    int home, farthest;
    bool may_leave;
    gokore_atomic_bool left;
    gokore_atomic_u32 crossed, too_far;
} away;
typedef struct crossing {
    gokore_task task;
} crossing;

static void note_steal(gokore_worker *thief, gokore_task *task, void *user) {
    (void)task, (void)user;
    int far = distances[away.home][gokore_worker_node(thief)];
    if (far > 10) gokore_atomic_add(&away.crossed, 1);
    if (far > away.farthest) gokore_atomic_add(&away.too_far, 1);
}

static void cross(gokore_worker *worker, gokore_task *task) {
    (void)task;
    if (gokore_worker_node(worker) != away.home) gokore_atomic_store(&away.left, true);
    for (int i = 0; i < 1000 || (away.may_leave && !gokore_atomic_load(&away.left)); i++) (void)sched_yield();
}

static void spawn_all(gokore_worker *worker, gokore_task *task) {
    static crossing all[32];
    (void)task;
    away.home = gokore_worker_node(worker);
    CHECK_INT(away.home, node_of(worker)); // its stack of tasks begins in its node's memory
    for (int i = 0; i < 32; i++) {
        gokore_task_init(&all[i].task, cross);
        gokore_spawn(worker, &all[i].task);
    }
    for (int i = 32; i-- > 0;) gokore_join(worker, &all[i].task);
}

static void check_crossings(const gokore_numa_policy *numa, int farthest) {
    memset(&away, 0, sizeof away);
    away.farthest = farthest;
    away.may_leave = farthest > 10;
    gokore_pool *pool;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 8, .pin = true, .numa = *numa }));
    gokore_pool_on_steal(pool, note_steal, NULL);
    gokore_task root = GOKORE_TASK_INIT(spawn_all);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &root, NULL));
    gokore_pool_metrics m;
    CHECK_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_pool_get_metrics(pool, &m);
    CHECK_UINT(gokore_atomic_load(&away.crossed), m.numa_crossings);
    CHECK_UINT(0, gokore_atomic_load(&away.too_far));
    CHECK((m.numa_crossings > 0) == away.may_leave);
    test_note("farthest %d: %llu steals, %llu across nodes", farthest, (unsigned long long)m.steal_successes,
              (unsigned long long)m.numa_crossings);
    gokore_pool_destroy(pool);
}

TEST(nodes, tasks_cross_them_as_the_policy_says) {
    check_crossings(&(gokore_numa_policy) { .fallback = GOKORE_NUMA_WAIT }, 10);
    check_crossings(&(gokore_numa_policy) { .has_allowed_distance = true, .allowed_distance = 0 }, 10);
    check_crossings(&(gokore_numa_policy) { .has_allowed_distance = true, .allowed_distance = 16 }, 16);
    check_crossings(&(gokore_numa_policy) { .has_allowed_distance = true, .allowed_distance = 2 }, 22); // steps
    check_crossings(&(gokore_numa_policy) { .fallback = GOKORE_NUMA_STEAL }, 28);
}

// ---- files of the kernel

static bool put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (!ok) test_note("%s: %s: %s", path, text, strerror(errno));
    if (fd >= 0) (void)close(fd);
    CHECK(ok);
    return ok;
}

static void make_group(const char *path) { CHECK(mkdir(path, 0755) == 0 || errno == EEXIST); }

static void put_value(const char *group, const char *file, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", group, file);
    REQUIRE(put(path, text));
}

static void join(const char *group) {
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    put_value(group, "cgroup.procs", pid);
}

static void burn_until_throttled(uint64_t *ns) {
    gokore_pressure p;
    do {
        for (volatile int i = 0; i < 100000; i++) {}
        REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(NULL, &p));
    } while (p.cpu_throttled_periods == 0 || p.cpu_throttled_ns == 0);
    CHECK(p.cpu_periods >= p.cpu_throttled_periods);
    *ns = p.cpu_throttled_ns;
}

TEST(nodes, an_unplugged_cpu_is_no_longer_there) {
    REQUIRE(put("/sys/devices/system/cpu/cpu3/online", "0"));
    gokore_topology *t;
    int cpus[8];
    gokore_status st = gokore_topology_create(&t, NULL);
    CHECK(put("/sys/devices/system/cpu/cpu3/online", "1"));
    REQUIRE_STATUS(GOKORE_OK, st);
    CHECK_UINT(1, gokore_topology_cpus(t, 1, cpus, 8));
    CHECK_INT(2, cpus[0]);
    CHECK_UINT(7, gokore_topology_allowed_cpus(t, NULL, 0));
    gokore_topology_destroy(t);
}

// ---- version 2, mounted at /sys/fs/cgroup

#define V2 "/sys/fs/cgroup"

static void make_v2(void) {
    put_value(V2, "cgroup.subtree_control", "+cpu +memory +cpuset");
    make_group(V2 "/pod");
    put_value(V2 "/pod", "cgroup.subtree_control", "+cpu +memory +cpuset");
    make_group(V2 "/pod/leaf");
    put_value(V2 "/pod", "cpu.max", "250000 100000");
    put_value(V2 "/pod/leaf", "cpu.max", "400000 100000");
    put_value(V2 "/pod", "memory.max", "max");
    put_value(V2 "/pod/leaf", "memory.max", "134217728");
    put_value(V2 "/pod/leaf", "memory.high", "100663296");
    put_value(V2 "/pod/leaf", "cpu.weight", "42");
    put_value(V2 "/pod/leaf", "cpuset.cpus", "");
    put_value(V2 "/pod/leaf", "cpuset.mems", "");
    join(V2 "/pod/leaf");
}

TEST(v2, limits_are_those_that_were_made) {
    make_v2();
    gokore_container c;
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK_INT(2, c.cgroup_version);
    CHECK_UINT(5, c.quota_num * 2 / c.quota_den); // 2.5 CPUs, of the pod
    CHECK_UINT(3, c.workers);
    CHECK_STR(V2 "/pod/cpu.max:250000 100000", c.source);
    CHECK_UINT(134217728, c.memory_limit);
    CHECK_UINT(100663296, c.memory_high);
    CHECK(c.memory_current > 0 && c.memory_current < c.memory_limit);
    CHECK_UINT(42, c.cpu_weight);
    CHECK_UINT(0, c.warnings);
    CHECK(!c.approximate);
    bool changed = false;
    put_value(V2 "/pod/leaf", "cpu.max", "50000 100000");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_refresh(&c, NULL, &changed));
    CHECK(changed);
    CHECK_UINT(1, c.workers);
}

TEST(v2, cpusets_are_seen_by_affinity_and_memory_policy) {
    make_v2();
    put_value(V2 "/pod/leaf", "cpuset.cpus", "0-5");
    put_value(V2 "/pod/leaf", "cpuset.mems", "1-2");
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, NULL));
    int ids[8];
    CHECK_UINT(6, gokore_topology_allowed_cpus(t, NULL, 0));
    REQUIRE(gokore_topology_allowed_nodes(t, ids, 8) == 2);
    CHECK_INT(1, ids[0]);
    CHECK_INT(2, ids[1]);
    CHECK(!gokore_topology_is_memory_usable(t, 0));
    CHECK_UINT(0, gokore_topology_cpus(t, 3, NULL, 0));
    CHECK_UINT(3, gokore_topology_nearest(t, 0, ids, 8)); // node 3 has nothing that may be used
    CHECK_STATUS(GOKORE_INVALID, gokore_pin_thread_to_node(t, 3));
    gokore_topology_destroy(t);
    char *p = (char *)gokore_numa_alloc(4096, 0); // node 0 may not be used: the nearest, 1, gives it
    REQUIRE(p != NULL);
    *p = 1;
    CHECK_INT(1, node_of(p));
    gokore_numa_free(p, 4096);
    gokore_container c;
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK_UINT(6, c.cpus);
}

TEST(v2, a_used_up_quota_is_told) {
    make_v2();
    put_value(V2 "/pod/leaf", "cpu.max", "5000 100000");
    uint64_t ns = 0;
    burn_until_throttled(&ns);
    test_note("throttled for %llu ms", (unsigned long long)(ns / 1000000));
}

static gokore_atomic_u32 worst;

static void keep_worst(int node, const gokore_pressure *p, void *user) {
    (void)node, (void)user;
    gokore_atomic_fetch_max(&worst, (uint32_t)p->level);
    gokore_atomic_notify_all(&worst);
}

static void *fill_memory(void *arg) { // more than memory.high, again and again: the kernel lets the group wait, which is a stall
    char *p = (char *)arg;
    while (gokore_atomic_load(&worst) == 0) {
        for (size_t at = 0; at < 48u << 20 && gokore_atomic_load(&worst) == 0; at += 4096) p[at] = 1;
        CHECK_INT(0, madvise(p, 48u << 20, MADV_DONTNEED));
    }
    return NULL;
}

TEST(v2, a_trigger_wakes_the_watch_when_memory_stalls) {
    make_v2();
    put_value(V2 "/pod/leaf", "memory.high", "16777216");
    gokore_pressure_watch_desc desc = { .interval_ns = INT64_MAX }; // never by itself
    gokore_status st = gokore_pressure_watch_start(keep_worst, NULL, &desc);
    REQUIRE_STATUS(GOKORE_OK, st);
    CHECK(gokore_pressure_watch_is_triggered());
    char *p = (char *)gokore_numa_alloc(48u << 20, 0);
    REQUIRE(p != NULL);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, fill_memory, p) == 0);
    gokore_atomic_wait(&worst, 0);
    put_value(V2 "/pod/leaf", "memory.high", "max");
    CHECK_INT(0, pthread_join(thread, NULL));
    test_note("level %u", gokore_atomic_load(&worst));
    gokore_pressure_watch_stop();
    gokore_numa_free(p, 48u << 20);
}

TEST(v2, a_removed_group_leaves_the_watch_polling) {
    make_v2();
    make_group(V2 "/gone");
    join(V2 "/gone");
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(NULL, NULL, NULL));
    CHECK(gokore_pressure_watch_is_triggered());
    join(V2 "/pod/leaf");
    REQUIRE(rmdir(V2 "/gone") == 0);
    while (gokore_pressure_watch_is_triggered()) CHECK_INT(0, sched_yield());
    gokore_pressure_watch_stop();
}

// ---- version 1, mounted below /sys/fs/cgroup

#define CPU "/sys/fs/cgroup/cpu"
#define MEMORY "/sys/fs/cgroup/memory"

static void make_v1(void) {
    static const char *const groups[] = { CPU "/pod", CPU "/pod/leaf", MEMORY "/pod", MEMORY "/pod/leaf" };
    for (size_t i = 0; i < 4; i++) make_group(groups[i]);
    put_value(CPU "/pod", "cpu.cfs_quota_us", "250000");
    put_value(CPU "/pod/leaf", "cpu.cfs_quota_us", "200000");
    put_value(CPU "/pod/leaf", "cpu.shares", "512");
    put_value(MEMORY "/pod", "memory.limit_in_bytes", "134217728");
    join(CPU "/pod/leaf");
    join(MEMORY "/pod/leaf");
}

TEST(v1, limits_are_those_that_were_made) {
    make_v1();
    gokore_container c;
    gokore_container_desc desc = { .cpus = 8 }; // whatever this machine has
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, &desc));
    CHECK_INT(1, c.cgroup_version);
    CHECK_UINT(2, c.quota_num / c.quota_den);
    CHECK_UINT(2, c.workers);
    CHECK_STR(CPU "/pod/leaf/cpu.cfs_quota_us:200000 100000", c.source);
    CHECK_UINT(134217728, c.memory_limit); // of the group above
    CHECK(c.memory_current < c.memory_limit);
    CHECK_UINT(512, c.cpu_weight);
    CHECK_UINT(0, c.warnings);
    CHECK(!c.approximate);
    bool changed = false;
    put_value(CPU "/pod/leaf", "cpu.cfs_quota_us", "-1");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
    CHECK(changed);
    CHECK_UINT(3, c.workers); // the 2.5 of the group above
}

TEST(v1, a_used_up_quota_is_told) {
    make_v1();
    put_value(CPU "/pod/leaf", "cpu.cfs_quota_us", "5000");
    uint64_t ns = 0;
    burn_until_throttled(&ns);
    test_note("throttled for %llu ms", (unsigned long long)(ns / 1000000));
}
