// fuzz_topology.c - libFuzzer target of what gokore_topology.h reads of the machine: node and CPU lists, maps, distances. A tree
// makes a topology whose answers keep their promises, or one report and a failed call.
#include "topology_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ids[1024], order[1024], cpus[65536], all[65536];

static bool is_ascending(const int *list, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (list[i] <= list[i - 1]) return false;
    return true;
}

static void check_order(const gokore_topology *t, int from) {
    size_t n = gokore_topology_nearest(t, from, order, 1024);
    for (size_t i = 0; i < n; i++) {
        int d = gokore_topology_distance(t, from, order[i]);
        fuzz_must(d >= 10 && d < 255, "a distance in the order");
        fuzz_must(i != 0 || order[i] == from || gokore_topology_cpus(t, from, NULL, 0) == 0, "the order begins at home");
        if (i < 2) continue;
        int before = gokore_topology_distance(t, from, order[i - 1]);
        fuzz_must(before < d || (before == d && order[i - 1] < order[i]), "the order is by distance, then by id");
    }
}

static void check_topology(const gokore_topology *t) {
    size_t n = gokore_topology_node_ids(t, ids, 1024), total = 0;
    fuzz_must(n >= 1 && n <= 1024 && is_ascending(ids, n), "the nodes");
    size_t allowed = gokore_topology_allowed_cpus(t, all, 65536);
    fuzz_must(is_ascending(all, allowed), "the CPUs");
    for (size_t i = 0; i < n; i++) {
        size_t k = gokore_topology_cpus(t, ids[i], cpus, 65536);
        fuzz_must(is_ascending(cpus, k), "a node's CPUs");
        total += k;
        fuzz_must(gokore_topology_distance(t, ids[i], ids[i]) == 10, "a node is at home at 10");
        check_order(t, ids[i]);
    }
    fuzz_must(total <= allowed, "a CPU of two nodes");
    const char *warnings[16];
    size_t w = gokore_topology_warnings(t, warnings, 16);
    for (size_t i = 0; i < w && i < 16; i++) fuzz_must(strlen(warnings[i]) > 0, "an empty warning");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned reports = 0;
    gokore_report_set(fuzz_quiet, &reports);
    fuzz_split(data, size);
    gokore_topology *t;
    gokore_status st = gokore_topology_create(&t, &(gokore_topology_desc) { .root = FUZZ_ROOT });
    fuzz_must(st == GOKORE_OK || (st == GOKORE_PARSE && !t), "a status that is neither");
    fuzz_must(reports == (st == GOKORE_OK ? 0 : 1), "one report for what is broken, none else");
    if (st != GOKORE_OK) return 0;
    check_topology(t);
    gokore_topology_destroy(t);
    return 0;
}
