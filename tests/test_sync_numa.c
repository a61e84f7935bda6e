// test_sync_numa.c - gokore_mutex_lock_policy where the policy lets only threads near a lock's node take it, on a machine of files
// whose processors are all of node 0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"
#define GOKORE_IMPLEMENTATION
#include "../gokore_topology.h"
static const gokore_topology *machine(void);
#define gokore_topology_default machine // from here on
#include "../gokore.h"

#include <stdio.h>
#include <string.h>

static const gokore_topology *machine(void) {
    static gokore_topology *files;
    static const char *const distances[] = { "10 15 25\n", "15 10 25\n", "25 25 10\n" };
    if (files) return files;
    char path[80];
    test_root_file("/sys/devices/system/node/online", "0-2\n");
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", i);
        test_root_file(path, i == 0 ? "0-1023\n" : "\n");
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/distance", i);
        test_root_file(path, distances[i]);
        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", i);
        test_root_file(path, "Node 0 MemTotal: 1048576 kB\n");
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&files, &(gokore_topology_desc) { .root = test_root() }));
    return files;
}
static void apply(int allowed_distance, const char *fallback) {
    char text[600];
    gokore_policy_set *set = NULL;
    int n = snprintf(text, sizeof text, "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: test}\nspec:\n"
                     "  qosClass: Guaranteed\n  hierarchyRules: [{name: test, order: [First, Second]}]\n"
                     "  numaAffinity: {required: true, preferredNodes: [0], allowedDistance: %d, fallbackStrategy: %s}\n"
                     "  retryPolicy: {attempts: 1, backoffBase: 1ms, jitterPercent: 0}\n", allowed_distance, fallback);
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_load(&set, text, (size_t)n, "test.yaml", NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
}
static gokore_status lock_on(int node, gokore_context *ctx) {
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "placed", .numa_node = node });
    gokore_status s = gokore_mutex_lock_policy(&m, ctx);
    CHECK_INT(s == GOKORE_OK, gokore_mutex_is_held(&m)); // who is too far does not take even a free one
    if (s == GOKORE_OK) gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
    return s;
}
TEST(policy, locks_are_for_threads_that_are_near_enough) {
    static const struct { int allowed; gokore_status near, far; } rows[] = { // near: 15 away, the first step; far: 25, the second
        { 0, GOKORE_TIMEOUT, GOKORE_TIMEOUT }, { 1, GOKORE_OK, GOKORE_TIMEOUT },  { 2, GOKORE_OK, GOKORE_OK },
        { 14, GOKORE_TIMEOUT, GOKORE_TIMEOUT }, { 15, GOKORE_OK, GOKORE_TIMEOUT }, { 25, GOKORE_OK, GOKORE_OK },
    };
    test_reports_capture();
    if (gokore_topology_current_node(machine()) != 0) test_skip("more processors than the files know");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        apply(rows[i].allowed, "Wait");
        CHECK_STATUS(rows[i].near, lock_on(1, NULL));
        CHECK_STATUS(rows[i].far, lock_on(2, NULL));
        CHECK_STATUS(GOKORE_TIMEOUT, lock_on(7, NULL)); // no such node: as far as can be
    }
    apply(0, "Steal");
    CHECK_STATUS(GOKORE_OK, lock_on(2, NULL)); // does not wait to be near
}
TEST(policy, wait_to_be_near_ends_with_its_context) {
    gokore_context over, soon;
    test_reports_capture();
    if (gokore_topology_current_node(machine()) != 0) test_skip("more processors than the files know");
    apply(0, "Wait");
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    gokore_context_init_timeout(&soon, NULL, 100000);
    CHECK_STATUS(GOKORE_CANCELED, lock_on(1, &over));
    CHECK_STATUS(GOKORE_TIMEOUT, lock_on(1, &soon));
    gokore_context_deinit(&over);
    gokore_context_deinit(&soon);
}
