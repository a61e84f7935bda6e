// fuzz_container.c - libFuzzer target of what gokore_topology.h reads of containers: cgroups, mounts, limits, environment,
// pressure. Whatever the files hold, reading them succeeds, its answers keep their promises, and reading again gives the same.
#include "topology_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *fuzz_getenv(const char *name) {
    fuzz_section *s = fuzz_find(name);
    return s ? s->data : NULL;
}

static void check_container(const gokore_container *c, unsigned cpus) {
    fuzz_must(c->cpus == cpus, "cpus are an input");
    fuzz_must(c->workers >= 1 && (c->max_workers || c->workers <= cpus), "workers");
    fuzz_must(!c->max_workers || c->workers == c->max_workers, "GOKORE_MAX_WORKERS");
    fuzz_must((c->quota_num == 0) == (c->quota_den == 0), "a quota of 0");
    fuzz_must(gokore_container_worker_count(c, 0) == c->workers, "the count of workers");
    fuzz_must(gokore_container_worker_count(c, 2) <= 2, "the count of two workers");
    fuzz_must(c->cgroup_version >= 0 && c->cgroup_version <= 2, "the version");
    fuzz_must(c->qos >= GOKORE_QOS_DEFAULT && c->qos <= GOKORE_QOS_BEST_EFFORT, "the class");
    fuzz_must((c->qos != GOKORE_QOS_DEFAULT) == (c->qos_source[0] != 0), "the source of the class");
    fuzz_must((c->memory_limit != 0) == (c->memory_source[0] != 0), "the source of the memory limit");
    fuzz_must(c->source[0] != 0, "the source of workers");
    fuzz_must(strlen(c->container_id) == 0 || strlen(c->container_id) == 64, "the container's id");
    fuzz_must(strlen(c->pod_uid) < sizeof c->pod_uid && strlen(c->namespace_name) < sizeof c->namespace_name, "the names");
    int percent = gokore_container_reclaim_percent(c, -1);
    fuzz_must(percent >= 25 && percent <= 400, "the percent to reclaim");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned reports = 0;
    gokore_report_set(fuzz_quiet, &reports);
    fuzz_split(data, size);
    gokore_container_desc desc = { FUZZ_ROOT, 8, fuzz_getenv };
    gokore_container c, again;
    fuzz_must(gokore_container_read(&c, &desc) == GOKORE_OK, "reading failed");
    check_container(&c, 8);
    fuzz_must(reports == c.warnings, "a warning without a report, or a report without a warning");
    bool changed = true;
    again = c;
    fuzz_must(gokore_container_refresh(&again, &desc, &changed) == GOKORE_OK && !changed, "it changed by itself");
    check_container(&again, 8);
    gokore_pressure p;
    gokore_status st = gokore_container_pressure(FUZZ_ROOT, &p);
    fuzz_must(st == GOKORE_OK || st == GOKORE_UNSUPPORTED, "a status that is neither");
    fuzz_must(p.memory_some_avg10 >= 0 && p.memory_some_avg10 < 101 && p.level <= GOKORE_PRESSURE_CRITICAL, "the pressure");
    return 0;
}
