// facts.c - what gokore_topology.h says of machines, one line for each: facts [ROOT...]; without arguments this machine.
// tests/check/test_hwloc.sh compares the lines of a build that asks hwloc with those of one that reads the files itself.
#define GOKORE_IMPLEMENTATION
#include "../../gokore_topology.h"

#include <stdio.h>
#include <string.h>

static int ids[65536], cpus[65536];

static void print_ids(const int *list, size_t n) {
    for (size_t i = 0; i < n; i++) printf(i ? ",%d" : "%d", list[i]);
}

static void print_facts(const char *root, const gokore_topology *t) {
    printf("%s", root);
    size_t n = gokore_topology_node_ids(t, ids, 65536);
    for (size_t i = 0; i < n; i++) {
        printf(" %d[", ids[i]);
        print_ids(cpus, gokore_topology_cpus(t, ids[i], cpus, 65536));
        printf("]%llu", (unsigned long long)gokore_topology_node_memory(t, ids[i]));
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) printf("%s%d", j ? " " : " / ", gokore_topology_distance(t, ids[i], ids[j]));
    printf(" | %s\n", gokore_topology_source(t));
}

static int facts_of(const char *root) {
    gokore_topology *t;
    gokore_status st = gokore_topology_create(&t, &(gokore_topology_desc) { .root = root });
    if (st != GOKORE_OK) {
        printf("%s %s\n", root, gokore_status_name(st));
        return 1;
    }
    print_facts(root, t);
    gokore_topology_destroy(t);
    return 0;
}

int main(int argc, char **argv) {
    int failed = argc < 2 ? facts_of("") : 0;
    for (int i = 1; i < argc; i++) failed |= facts_of(argv[i]);
    return failed;
}
