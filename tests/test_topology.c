// test_topology.c - the machine and the container: machines as files below a fake root, and the real one
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../gokore_topology.h"
#include "support/json.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- texts, files, environment

typedef struct text { char data[16384]; size_t len; } text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->data + t->len, sizeof t->data - t->len, format, args);
    va_end(args);
    if (n > 0) t->len += (size_t)n;
    if (t->len >= sizeof t->data) t->len = sizeof t->data - 1;
}

// Each case has a root of its own below the test's.
static const char *root_of(const char *id) {
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", test_root(), id);
    return path;
}

static void put_data(const char *id, const char *path, const void *data, size_t len) {
    char name[4096];
    (void)snprintf(name, sizeof name, "/%s%s", id, path);
    test_root_data(name, data, len);
}

static void put(const char *id, const char *path, const char *data) { put_data(id, path, data, strlen(data)); }

static void put_json(const char *id, const char *path, const json *value) {
    if (value && value->kind == JSON_STRING) put_data(id, path, value->text, value->len);
}

static const char *variables[16][2]; // the environment that the library sees
static char *environment(const char *name) {
    for (size_t i = 0; i < 16 && variables[i][0]; i++) {
        char *value;
        if (strcmp(variables[i][0], name) != 0) continue;
        memcpy(&value, &variables[i][1], sizeof value);
        return value;
    }
    return NULL;
}

static void clear_environment(void) { memset(variables, 0, sizeof variables); }

// ---- containers

static const char *class_name(gokore_qos qos) {
    static const char *const names[] = { "unknown", "guaranteed", "burstable", "besteffort" };
    return names[qos];
}

#define CPU_V1   "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n"
#define MEM_V1   "32 30 0:27 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"
#define MOUNT_V2 "25 21 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define HEX64    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UID_     "3f2a1b4c_5d6e_7f80_9a1b_2c3d4e5f6071"
#define UID      "3f2a1b4c-5d6e-7f80-9a1b-2c3d4e5f6071"

static const char *container_text(const char *id, const gokore_container *c) {
    static text t;
    t.len = 0;
    double quota = c->quota_den ? (double)c->quota_num / (double)c->quota_den : 0;
    add(&t, "%s: quota %.6f workers %u memory %.0f %s v%d", id, quota, c->workers, (double)c->memory_limit, class_name(c->qos),
        c->cgroup_version);
    if (c->pod_uid[0]) add(&t, " pod %s", c->pod_uid);
    if (c->container_id[0]) add(&t, " id %s", c->container_id);
    return t.data;
}

static gokore_container read_case(const char *id, unsigned cpus) {
    gokore_container c;
    gokore_container_desc desc = { root_of(id), cpus, environment };
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, &desc));
    CHECK_UINT(cpus, c.cpus);
    CHECK_UINT(c.workers, gokore_container_worker_count(&c, 0));
    CHECK_INT(-1, c.numa_node);
    CHECK(c.source[0] != 0);
    CHECK_INT(c.memory_limit != 0, c.memory_source[0] != 0);
    CHECK_INT(c.qos != GOKORE_QOS_DEFAULT, c.qos_source[0] != 0);
    return c;
}

static void container_case(const json *one) {
    const char *id = json_text(one, "id");
    const json *expect = json_get(one, "expect");
    put_json(id, "/proc/self/cgroup", json_get(one, "cgroup"));
    put_json(id, "/proc/self/mountinfo", json_get(one, "mountinfo"));
    put_json(id, "/proc/self/oom_score_adj", json_get(one, "oom"));
    char line[64];
    (void)snprintf(line, sizeof line, "MemTotal:       %.0f kB\nMemFree: 5 kB\n", json_number(one, "memtotal_kb", 0));
    if (json_get(one, "memtotal_kb")) put(id, "/proc/meminfo", line);
    const json *files = json_get(one, "files"), *env = json_get(one, "env");
    for (const json *f = files ? files->first : NULL; f; f = f->next) put_json(id, f->key, f);
    clear_environment();
    size_t n = 0;
    for (const json *e = env ? env->first : NULL; e && n < 15; e = e->next, n++) {
        variables[n][0] = e->key;
        variables[n][1] = e->text;
    }
    gokore_container c = read_case(id, (unsigned)json_number(one, "cpus", 1));
    text want = { .len = 0 };
    add(&want, "%s: quota %.6f workers %.0f memory %.0f %s v%.0f", id, json_number(expect, "quota", 0),
        json_number(expect, "workers", 0), json_number(expect, "mem", 0), json_text(expect, "qos"),
        json_number(expect, "version", 0));
    if (json_get(expect, "pod_uid")) add(&want, " pod %s", json_text(expect, "pod_uid"));
    if (json_get(expect, "container_id")) add(&want, " id %s", json_text(expect, "container_id"));
    CHECK_STR(want.data, container_text(id, &c));
}

TEST(container, example_cases) {
    test_reports_capture();
    json *cases = json_parse_file(test_data("container.json"));
    REQUIRE(cases && cases->len > 0);
    for (const json *one = cases->first; one; one = one->next) container_case(one);
    json_free(cases);
    clear_environment();
}

typedef struct container_row {
    const char *id, *cgroup, *mounts;
    const char *files[6][2], *env[6][2];
    const char *oom;
    const char *want; // what container_text says after the id
    unsigned warnings;
    bool approximate;
    const char *source; // a part of it
} container_row;

static const container_row container_rows[] = {
    { "one-field", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "150000" } },
      .want = "quota 1.500000 workers 2 memory 0 unknown v2", .source = "/sys/fs/cgroup/s/cpu.max:150000 100000" },
    { "only-max", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "max" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .source = "cpus:8" },
    { "half", "0::/s", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "50000 100000\n" } },
      .want = "quota 0.500000 workers 1 memory 0 unknown v2" },
    { "parent-tighter", "0::/p/leaf\n", MOUNT_V2,
      { { "/sys/fs/cgroup/p/cpu.max", "250000 100000\n" }, { "/sys/fs/cgroup/p/leaf/cpu.max", "400000 100000\n" },
        { "/sys/fs/cgroup/p/memory.max", "1048576\n" }, { "/sys/fs/cgroup/p/leaf/memory.max", "max\n" } },
      .want = "quota 2.500000 workers 3 memory 1048576 unknown v2", .source = "/sys/fs/cgroup/p/cpu.max:250000 100000" },
    // as doubles both are 1, as integers the leaf allows a second worker
    { "exact-leaf", "0::/p/s\n", MOUNT_V2,
      { { "/sys/fs/cgroup/p/s/cpu.max", "9007199254740993 9007199254740992\n" }, { "/sys/fs/cgroup/p/cpu.max", "1 1\n" } },
      .want = "quota 1.000000 workers 1 memory 0 unknown v2" },
    { "exact-only", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "9007199254740993 9007199254740992\n" } },
      .want = "quota 1.000000 workers 2 memory 0 unknown v2" },
    { "exact-thirds", "0::/p/s\n", MOUNT_V2,
      { { "/sys/fs/cgroup/p/s/cpu.max", "18446744073709551615 6148914691236517204\n" }, // a hair over 3
        { "/sys/fs/cgroup/p/cpu.max", "18446744073709551613 6148914691236517205\n" } }, // a hair under 3
      .want = "quota 3.000000 workers 3 memory 0 unknown v2", .source = "18446744073709551613" },
    { "root-limits", "0::/\n", MOUNT_V2,
      { { "/sys/fs/cgroup/cpu.max", "300000 100000\n" }, { "/sys/fs/cgroup/memory.max", "4096\n" } },
      .want = "quota 3.000000 workers 3 memory 4096 unknown v2", .source = "/sys/fs/cgroup/cpu.max" },
    { "no-mount", "0::/s\n", "22 1 8:1 / / rw - ext4 /dev/root rw\n", { { "/sys/fs/cgroup/s/cpu.max", "100000 100000\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v0" },
    { "no-mountinfo", "0::/s\n", NULL, { { "/sys/fs/cgroup/s/cpu.max", "100000 100000\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v0" },
    { "zero-quota", "0::/p/s\n", MOUNT_V2,
      { { "/sys/fs/cgroup/p/s/cpu.max", "0 100000\n" }, { "/sys/fs/cgroup/p/cpu.max", "100000 0\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 2 },
    { "malformed", "0::/a/b/c/d\n", MOUNT_V2,
      { { "/sys/fs/cgroup/a/cpu.max", "-1 100000\n" }, { "/sys/fs/cgroup/a/b/cpu.max", "" },
        { "/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000 7\n" },
        { "/sys/fs/cgroup/a/b/c/d/cpu.max", "99999999999999999999 100000\n" }, { "/sys/fs/cgroup/a/b/c/d/memory.max", "1M\n" },
        { "/sys/fs/cgroup/a/b/c/memory.max", "8192\n" } },
      .want = "quota 0.000000 workers 8 memory 8192 unknown v2", .warnings = 5 },
    { "maximum", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "maximum 100000\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 1 },
    { "max-garbage", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "max x\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 1 },
    // versions, controllers, mounts
    { "v1-unset", "3:cpu,cpuacct:/s\n", CPU_V1,
      { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "-1\n" }, { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_period_us", "100000\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v1" },
    { "v1-no-period", "3:cpu,cpuacct:/s\n", CPU_V1, { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "250000\n" } },
      .want = "quota 2.500000 workers 3 memory 0 unknown v1", .source = "cpu.cfs_quota_us:250000 100000" },
    { "v1-bad-period", "3:cpu,cpuacct:/s\n", CPU_V1,
      { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "250000\n" }, { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_period_us", "-1\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v1", .warnings = 1 },
    { "v1-hierarchical", "4:memory:/a/b\n3:cpu,cpuacct:/\n", CPU_V1 MEM_V1,
      { { "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n" },
        { "/sys/fs/cgroup/memory/a/b/memory.stat", "cache 0\nhierarchical_memory_limit 67108864\ntotal_cache 0\n" } },
      .want = "quota 0.000000 workers 8 memory 67108864 unknown v1" },
    { "v1-memory-alone", "4:memory:/a\n", MEM_V1, { { "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n" } },
      .want = "quota 0.000000 workers 8 memory 1048576 unknown v1" },
    { "v1-docker", "4:memory:/docker/" HEX64 "\n3:cpu,cpuacct:/docker/" HEX64 "\n",
      "31 30 0:26 /docker/" HEX64 " /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
      "32 30 0:27 /docker/" HEX64 " /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      { { "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n" }, { "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n" },
        { "/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n" } },
      .want = "quota 1.000000 workers 1 memory 268435456 unknown v1 id " HEX64 },
    { "hybrid-v1-cpu", "0::/s\n4:memory:/s\n3:cpuacct,cpu:/s\n",
      "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu\n" MEM_V1
      "40 30 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "300000\n" }, { "/sys/fs/cgroup/unified/s/cpu.max", "100000 100000\n" },
        { "/sys/fs/cgroup/unified/s/memory.max", "4096\n" } },
      .want = "quota 3.000000 workers 3 memory 0 unknown v1", .approximate = true },
    { "hybrid-v2-memory", "3:cpu,cpuacct:/s\n0::/u\n", CPU_V1 "40 30 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "200000\n" }, { "/sys/fs/cgroup/unified/u/memory.max", "8192\n" } },
      .want = "quota 2.000000 workers 2 memory 8192 unknown v1" },
    { "escaped-mount", "0::/r o/s\n", "25 21 0:22 /r\\040o /cg\\040a\\134b rw a:1 b:2 master:3 - cgroup2  rw\n",
      { { "/cg a\\b/s/cpu.max", "200000 100000\n" } }, .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "colon-in-path", "0::/a:b/c\n", MOUNT_V2, { { "/sys/fs/cgroup/a:b/c/cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "longest-root", "0::/a/b/c\n",
      "25 21 0:22 /a/b /one rw - cgroup2 c rw\n26 21 0:22 /a /two rw - cgroup2 c rw\n27 21 0:22 / /three rw - cgroup2 c rw\n"
      "28 21 0:22 /a/b/cc /four rw - cgroup2 c rw\n",
      { { "/one/c/cpu.max", "100000 100000\n" }, { "/two/b/c/cpu.max", "200000 100000\n" },
        { "/three/a/b/c/cpu.max", "300000 100000\n" }, { "/four/cpu.max", "400000 100000\n" } },
      .want = "quota 1.000000 workers 1 memory 0 unknown v2" },
    { "later-wins", "0::/s\n", MOUNT_V2 "26 21 0:22 / /later rw - cgroup2 c rw\n",
      { { "/sys/fs/cgroup/s/cpu.max", "100000 100000\n" }, { "/later/s/cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "no-prefix", "0::/ab/c\n", "25 21 0:22 /a /sys/fs/cgroup rw - cgroup2 c rw\n",
      { { "/sys/fs/cgroup/cpu.max", "200000 100000\n" } }, .want = "quota 2.000000 workers 2 memory 0 unknown v2", .approximate = true },
    { "dotdot", "0::/../x\n", MOUNT_V2, { { "/sys/fs/cgroup/cpu.max", "200000 100000\n" }, { "/sys/fs/x/cpu.max", "100000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2", .approximate = true },
    { "dots-in-name", "0::/..x/y..\n", MOUNT_V2, { { "/sys/fs/cgroup/..x/y../cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "deleted-parents", "0::/s/x/y (deleted)\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2", .approximate = true },
    { "mounted-at-root", "0::/s\n", "25 21 0:22 / / rw - cgroup2 c rw\n", { { "/s/cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "bad-lines", "x\n:\n0:\n5\n0::relative\n\n0::/s\n", "\n \n1 2 3\n1 2 3 /  /x rw -\n25 21 0:22 / /x rw cgroup2 c rw\n" MOUNT_V2,
      { { "/sys/fs/cgroup/s/cpu.max", "200000 100000\n" } }, .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    // memory
    { "memory-edge", "0::/a/b\n", MOUNT_V2,
      { { "/sys/fs/cgroup/a/b/memory.max", "9223372036854710271\n" }, { "/sys/fs/cgroup/a/memory.max", "68719476736\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "memory-below", "0::/a\n", MOUNT_V2, { { "/sys/fs/cgroup/a/memory.max", "68719476735\n" } },
      .want = "quota 0.000000 workers 8 memory 68719476735 unknown v2" },
    // service class and identity
    { "guaranteed", "0::/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" HEX64 ".scope\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2 pod " UID " id " HEX64, .approximate = true },
    { "cgroupfs", "0::/kubepods/burstable/pod" UID "/" HEX64 "\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2 pod " UID " id " HEX64, .approximate = true },
    { "cgroupfs-guaranteed", "0::/kubepods/pod" UID "/crio-" HEX64 "\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2 pod " UID " id " HEX64, .approximate = true },
    { "containerd-mix", "0::/system.slice/containerd.service/kubepods-besteffort-pod" UID_ ".slice:cri-containerd:" HEX64 "\n", MOUNT_V2,
      { { NULL, NULL } }, .want = "quota 0.000000 workers 8 memory 0 besteffort v2 pod " UID " id " HEX64, .approximate = true },
    { "v1-path-of-another-controller", "9:cpuset:/kubepods/besteffort/pod" UID "/" HEX64 "\n3:cpu,cpuacct:/\n", CPU_V1, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 besteffort v1 pod " UID " id " HEX64 },
    { "class-without-pod", "0::/kubepods.slice/kubepods-burstable.slice\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2", .approximate = true },
    { "no-pod-no-class", "0::/kubepods.slice\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .approximate = true },
    { "not-a-part", "0::/kubepodsx/burstable/pod" UID "/xkubepods-burstable.slice/besteffort/podman\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .approximate = true },
    { "inner-pod", "0::/kubepods/burstable/pod" UID "/" HEX64 "/kubelet/kubepods/podabc/docker-" HEX64 ".scope\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2 pod abc id " HEX64, .approximate = true },
    { "libpod", "0::/machine.slice/libpod-" HEX64 ".scope\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2 id " HEX64, .approximate = true },
    { "not-an-id", "0::/machine.slice/libpod-conmon-" HEX64 ".scope\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .approximate = true },
    { "id-too-long", "0::/docker/" HEX64 "a\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .approximate = true },
    { "env-bad-class", "0::/kubepods/besteffort/pod" UID "\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_QOS_CLASS", "Gold" } },
      .want = "quota 0.000000 workers 8 memory 0 besteffort v2 pod " UID, .approximate = true, .warnings = 1 },
    { "env-class-spelling", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_QOS_CLASS", "best-effort" } },
      .want = "quota 0.000000 workers 8 memory 0 besteffort v2" },
    { "env-beats-demands", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_QOS_CLASS", "Burstable" }, { "GOKORE_REQ_CPU", "1" }, { "GOKORE_LIM_CPU", "1" }, { "GOKORE_REQ_MEM", "1" },
        { "GOKORE_LIM_MEM", "1" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "path-beats-demands", "0::/kubepods/burstable/pod" UID "\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "1" }, { "GOKORE_LIM_CPU", "1" }, { "GOKORE_REQ_MEM", "1" }, { "GOKORE_LIM_MEM", "1" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2 pod " UID, .approximate = true },
    { "demands-equal", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "500m" }, { "GOKORE_LIM_CPU", "0.5" }, { "GOKORE_REQ_MEM", "1Gi" }, { "GOKORE_LIM_MEM", "1073741824" },
        { "KUBERNETES_SERVICE_HOST", "10.0.0.1" } },
      .oom = "1000\n", .want = "quota 0.000000 workers 8 memory 0 guaranteed v2" },
    { "demands-differ", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "500" }, { "GOKORE_LIM_CPU", "1000" }, { "GOKORE_REQ_MEM", "1" }, { "GOKORE_LIM_MEM", "1" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "demands-none", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "0" }, { "GOKORE_LIM_CPU", "64" }, { "GOKORE_REQ_MEM", "0" }, { "GOKORE_LIM_MEM", "1000000" } },
      .want = "quota 0.000000 workers 8 memory 0 besteffort v2" },
    { "demands-half-known", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "1" }, { "GOKORE_LIM_CPU", "1" }, { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "900",
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "demands-garbage", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "one" }, { "GOKORE_LIM_CPU", "1" }, { "GOKORE_REQ_MEM", "1" }, { "GOKORE_LIM_MEM", "1Q" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 2 },
    { "oom-997", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "-997\n",
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2" },
    { "oom-998", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "-998",
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2" },
    { "oom-2", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "2\n",
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "oom-999", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "999\n",
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "oom-1", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "1\n",
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "oom-elsewhere", "0::/\n", MOUNT_V2, { { NULL, NULL } }, .oom = "1000\n", .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "max-workers", "0::/s\n", MOUNT_V2, { { "/sys/fs/cgroup/s/cpu.max", "200000 100000\n" } }, { { "GOKORE_MAX_WORKERS", "5" } },
      .want = "quota 2.000000 workers 5 memory 0 unknown v2", .source = "GOKORE_MAX_WORKERS:5" },
    { "max-workers-0", "0::/s\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_MAX_WORKERS", "0" } },
      .want = "quota 0.000000 workers 1 memory 0 unknown v2", .approximate = true },
    { "max-workers-bad", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_MAX_WORKERS", "-3" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 1 },
    { "max-workers-text", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_MAX_WORKERS", "5 CPUs" }, { "GOKORE_MAX_LOCKS", "2147483648" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 2 },
    { "escapes-that-are-none", "0::/s\n",
      "20 21 0:22 / /m\\400 rw - cgroup2 c rw\n20 21 0:22 / /m\\089 rw - cgroup2 c rw\n20 21 0:22 / /m\\00x rw - cgroup2 c rw\n"
      "20 21 0:22 / /m\\/00 rw - cgroup2 c rw\n20 21 0:22 / /m\\0/0 rw - cgroup2 c rw\n20 21 0:22 / /m\\00/ rw - cgroup2 c rw\n"
      "20 21 0:22 / /m\\04 rw - cgroup2 c rw\n20 21 0:22 / relative rw - cgroup2 c rw\n20 21 0:22 relative /x rw - cgroup2 c rw\n"
      "20 21 0:22  /x rw - cgroup2 c rw\n20 21 0:22 /  rw - cgroup2 c rw\n25 21 0:22 / /m\\8 rw - cgroup2 c rw\n",
      { { "/m\\8/s/cpu.max", "200000 100000\n" }, { "/m/s/cpu.max", "100000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2" },
    { "max-and-more", "0::/a/b\n", MOUNT_V2,
      { { "/sys/fs/cgroup/a/b/cpu.max", "max 100000 7\n" }, { "/sys/fs/cgroup/a/cpu.max", "max\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 1 },
    { "v1-negative", "3:cpu,cpuacct:/s\n", CPU_V1, { { "/sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "-2\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v1", .warnings = 1 },
    { "equal-limits", "0::/a/b\n", MOUNT_V2,
      { { "/sys/fs/cgroup/a/b/memory.max", "4096\n" }, { "/sys/fs/cgroup/a/memory.max", "4096\n" },
        { "/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n" }, { "/sys/fs/cgroup/a/cpu.max", "100000 50000\n" },
        { "/sys/fs/cgroup/cpu.max", "250000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 4096 unknown v2", .source = "/sys/fs/cgroup/a/b/cpu.max" },
    { "halves", "0::/a/b\n", MOUNT_V2,
      { { "/sys/fs/cgroup/a/b/cpu.max", "250000 100000\n" }, { "/sys/fs/cgroup/a/cpu.max", "200000 100000\n" } },
      .want = "quota 2.000000 workers 2 memory 0 unknown v2", .source = "/sys/fs/cgroup/a/cpu.max" },
    { "no-uid", "0::/kubepods/burstable/pod/" HEX64 "\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2 id " HEX64, .approximate = true },
    { "uid-too-long", "0::/kubepods/burstable/pod" HEX64 HEX64 "\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2", .approximate = true },
    { "uid-of-other-letters", "0::/kubepods/burstable/podAF09-xyz\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2", .approximate = true },
    { "uid-in-capitals", "0::/kubepods/burstable/podAF09\n", MOUNT_V2, { { NULL, NULL } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2 pod AF09", .approximate = true },
    { "env-class-underscore", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_QOS_CLASS", " BEST_EFFORT " } },
      .want = "quota 0.000000 workers 8 memory 0 besteffort v2" },
    { "env-class-long", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_QOS_CLASS", "guaranteed and much more than that" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 1 },
    { "env-pod-uid", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "POD_UID", " " UID "\n" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2 pod " UID },
    { "demands-with-units", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "1.5" }, { "GOKORE_LIM_CPU", "1500m" }, { "GOKORE_REQ_MEM", "2K" }, { "GOKORE_LIM_MEM", "2k" } },
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2" },
    { "demands-of-binary-units", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "2" }, { "GOKORE_LIM_CPU", "2.000" }, { "GOKORE_REQ_MEM", "2Ki" }, { "GOKORE_LIM_MEM", "2k" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "demands-that-are-none", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "1Mx" }, { "GOKORE_LIM_CPU", "1Mib" }, { "GOKORE_REQ_MEM", "18446744073709551615E" },
        { "GOKORE_LIM_MEM", "1.x" }, { "GOKORE_LIM_MEMORY", "1i" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2", .warnings = 5 },
    { "demands-of-memory-differ", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "GOKORE_REQ_MEM", "1" }, { "GOKORE_LIM_MEM", "2" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "demands-of-memory-equal", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_MEM", "2" }, { "GOKORE_LIM_MEM", "2" }, { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "x",
      .want = "quota 0.000000 workers 8 memory 0 guaranteed v2" },
    { "demands-of-memory-none", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_MEM", "0" }, { "GOKORE_LIM_MEM", "2" }, { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "1001",
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "demands-of-cpu-only-requested", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "1" }, { "GOKORE_LIM_CPU", "1" }, { "GOKORE_REQ_MEM", "0" }, { "GOKORE_LIM_MEM", "8" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "demands-of-memory-only-requested", "0::/\n", MOUNT_V2, { { NULL, NULL } },
      { { "GOKORE_REQ_CPU", "0" }, { "GOKORE_LIM_CPU", "8" }, { "GOKORE_REQ_MEM", "8" }, { "GOKORE_LIM_MEM", "8" } },
      .want = "quota 0.000000 workers 8 memory 0 burstable v2" },
    { "oom-none", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } },
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "oom-max", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "max\n",
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "oom-two-numbers", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "1000 1\n",
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
    { "oom-996", "0::/\n", MOUNT_V2, { { NULL, NULL } }, { { "KUBERNETES_SERVICE_HOST", "h" } }, .oom = "-996\n",
      .want = "quota 0.000000 workers 8 memory 0 unknown v2" },
};

TEST(container, more_cases) {
    for (size_t i = 0; i < sizeof container_rows / sizeof container_rows[0]; i++) {
        const container_row *row = &container_rows[i];
        if (row->cgroup) put(row->id, "/proc/self/cgroup", row->cgroup);
        if (row->mounts) put(row->id, "/proc/self/mountinfo", row->mounts);
        if (row->oom) put(row->id, "/proc/self/oom_score_adj", row->oom);
        put(row->id, "/proc/meminfo", "MemTotal:       67108864 kB\n");
        char directory[256];
        (void)snprintf(directory, sizeof directory, "/%s/sys/fs/cgroup", row->id);
        test_root_directory(directory);
        for (size_t j = 0; j < 6 && row->files[j][0]; j++) put(row->id, row->files[j][0], row->files[j][1]);
        clear_environment();
        for (size_t j = 0; j < 6 && row->env[j][0]; j++) memcpy(variables[j], row->env[j], sizeof variables[j]);
        test_reports_capture();
        gokore_container c = read_case(row->id, 8);
        text want = { .len = 0 };
        add(&want, "%s: %s", row->id, row->want);
        CHECK_STR(want.data, container_text(row->id, &c));
        if (row->source) CHECK_CONTAINS(row->source, c.source);
        want.len = 0;
        add(&want, "%s: warnings %u reports %u approximate %d", row->id, row->warnings, row->warnings, row->approximate);
        text got = { .len = 0 };
        add(&got, "%s: warnings %u reports %zu approximate %d", row->id, c.warnings, test_reports_count(GOKORE_REPORT_TOPOLOGY),
            c.approximate);
        CHECK_STR(want.data, got.data);
    }
    clear_environment();
}

TEST(container, a_warning_names_the_file) {
    put("w", "/proc/self/cgroup", "0::/s\n");
    put("w", "/proc/self/mountinfo", MOUNT_V2);
    put("w", "/sys/fs/cgroup/s/cpu.max", "12abc 100000\n");
    test_reports_capture();
    gokore_container c = read_case("w", 4);
    CHECK_UINT(1, c.warnings);
    const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
    REQUIRE(report != NULL);
    CHECK_STR("/sys/fs/cgroup/s/cpu.max", report->resource);
    CHECK_CONTAINS("/sys/fs/cgroup/s/cpu.max", report->message);
}

TEST(container, names_come_from_the_environment_or_a_file) {
    static const char file[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
    static const struct { const char *id, *file, *env, *want; } rows[] = {
        { "none", NULL, NULL, "" },           { "file", "shop\n", NULL, "shop" },   { "both", "shop\n", "bank", "bank" },
        { "blank", "a b", NULL, "" },         { "bad", "caf\xc3\xa9", NULL, "" }, { "control", "a\x7f", NULL, "" },
        { "empty", "\n", " ", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].file) put(rows[i].id, file, rows[i].file);
        clear_environment();
        if (rows[i].env) variables[0][0] = "POD_NAMESPACE", variables[0][1] = rows[i].env;
        gokore_container c = read_case(rows[i].id, 4);
        CHECK_STR(rows[i].want, c.namespace_name);
    }
    clear_environment();
    static char name[1000];
    memset(name, 'a', sizeof name - 1);
    variables[0][0] = "GOKORE_NAMESPACE", variables[0][1] = name;
    variables[1][0] = "GOKORE_POD_UID", variables[1][1] = name;
    gokore_container c = read_case("long", 4);
    CHECK_STR("", c.namespace_name);
    CHECK_UINT(sizeof c.pod_uid - 1, strlen(c.pod_uid)); // cut
    clear_environment();
}

TEST(container, a_value_that_is_too_long_is_a_warning) {
    static char zeros[70000];
    memset(zeros, '0', sizeof zeros - 1);
    put("z", "/proc/self/cgroup", "0::/s\n");
    put("z", "/proc/self/mountinfo", MOUNT_V2);
    put("z", "/sys/fs/cgroup/s/memory.max", zeros);
    test_reports_capture();
    gokore_container c = read_case("z", 4);
    CHECK_UINT(1, c.warnings);
    CHECK_UINT(0, c.memory_limit);
    const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
    CHECK_CONTAINS("memory.max: too long", report ? report->message : "no report");
}

TEST(container, weight_and_other_figures) {
    put("v2", "/proc/self/cgroup", "0::/s\n");
    put("v2", "/proc/self/mountinfo", MOUNT_V2);
    put("v2", "/sys/fs/cgroup/s/cpu.weight", "79\n");
    put("v2", "/sys/fs/cgroup/s/memory.max", "4194304\n");
    put("v2", "/sys/fs/cgroup/s/memory.high", "3145728\n");
    put("v2", "/sys/fs/cgroup/memory.high", "2097152\n");
    put("v2", "/sys/fs/cgroup/s/memory.current", "1048576\n");
    put("v2", "/var/run/secrets/kubernetes.io/serviceaccount/namespace", "games");
    variables[0][0] = "GOKORE_MAX_LOCKS", variables[0][1] = "100";
    gokore_container c = read_case("v2", 4);
    CHECK_UINT(79, c.cpu_weight);
    CHECK_UINT(4194304, c.memory_limit);
    CHECK_UINT(2097152, c.memory_high);
    CHECK_UINT(1048576, c.memory_current);
    CHECK_UINT(100, c.max_locks);
    CHECK_STR("games", c.namespace_name);
    CHECK_CONTAINS("/sys/fs/cgroup/s/memory.max:4194304", c.memory_source);
    CHECK_INT(300, gokore_container_reclaim_percent(&c, -1));

    put("v1", "/proc/self/cgroup", "3:cpu,cpuacct:/s\n");
    put("v1", "/proc/self/mountinfo", CPU_V1);
    put("v1", "/sys/fs/cgroup/cpu,cpuacct/s/cpu.shares", "1024\n");
    variables[1][0] = "POD_NAMESPACE", variables[1][1] = "tools";
    variables[2][0] = "POD_UID", variables[2][1] = UID;
    c = read_case("v1", 4);
    CHECK_UINT(1024, c.cpu_weight);
    CHECK_UINT(4, c.workers);
    CHECK_STR("tools", c.namespace_name);
    CHECK_STR(UID, c.pod_uid);
    clear_environment();
}

TEST(container, workers_for_a_base) {
    gokore_container c = { .cpus = 8, .quota_num = 250000, .quota_den = 100000 };
    CHECK_UINT(3, gokore_container_worker_count(&c, 0));
    CHECK_UINT(2, gokore_container_worker_count(&c, 2));
    CHECK_UINT(3, gokore_container_worker_count(&c, 3));
    CHECK_UINT(3, gokore_container_worker_count(&c, 100));
    c.max_workers = 5;
    CHECK_UINT(5, gokore_container_worker_count(&c, 0));
    CHECK_UINT(5, gokore_container_worker_count(&c, 100));
    CHECK_UINT(4, gokore_container_worker_count(&c, 4));
    c = (gokore_container) { .cpus = 1 };
    CHECK_UINT(1, gokore_container_worker_count(&c, UINT32_MAX));
    c = (gokore_container) { 0 };
    CHECK(gokore_container_worker_count(&c, 0) >= 1);
    CHECK_UINT(1, gokore_container_worker_count(&c, 1));
    CHECK(gokore_container_worker_count(NULL, 0) >= 1);
    c = (gokore_container) { .cpus = 4, .quota_num = UINT64_MAX, .quota_den = 1 };
    CHECK_UINT(4, gokore_container_worker_count(&c, 0));
}

TEST(container, max_workers_is_read_through_getenv_fn) {
    variables[0][0] = "GOKORE_MAX_WORKERS", variables[0][1] = "3";
    gokore_container c = read_case("none", 16);
    CHECK_UINT(3, gokore_container_worker_count(&c, 0));
    CHECK_UINT(3, gokore_container_worker_count(&c, 9));
    CHECK_UINT(2, gokore_container_worker_count(&c, 2));
    CHECK_INT(0, setenv("GOKORE_MAX_WORKERS", "7", 1));
    gokore_container_desc desc = { root_of("none"), 16, NULL };
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, &desc));
    CHECK_UINT(7, c.workers);
    clear_environment();
}

TEST(container, reclaim_percent) {
    gokore_container c = { .memory_limit = 1000, .memory_current = 500 };
    CHECK_INT(100, gokore_container_reclaim_percent(&c, 0.5));
    CHECK_INT(400, gokore_container_reclaim_percent(&c, 0));
    CHECK_INT(400, gokore_container_reclaim_percent(&c, 0.2));
    CHECK_INT(25, gokore_container_reclaim_percent(&c, 0.8));
    CHECK_INT(25, gokore_container_reclaim_percent(&c, 1e300));
    CHECK_INT(100, gokore_container_reclaim_percent(&c, -1));
    CHECK_INT(100, gokore_container_reclaim_percent(&c, (double)NAN));
    CHECK_INT(100, gokore_container_reclaim_percent(NULL, -1));
    CHECK_INT(100, gokore_container_reclaim_percent(NULL, 0.5));
    gokore_container unlimited = { .memory_current = 500 };
    CHECK_INT(100, gokore_container_reclaim_percent(&unlimited, -1));
    int last = 400;
    for (int i = 0; i <= 100; i++) {
        int percent = gokore_container_reclaim_percent(&c, i / 100.0);
        CHECK(percent <= last && percent >= 25);
        last = percent;
    }
}

TEST(container, misuse_and_missing_root) {
    gokore_container c;
    CHECK_STATUS(GOKORE_INVALID, gokore_container_read(NULL, NULL));
    c = read_case("not/there", 4);
    CHECK_STR("not/there: quota 0.000000 workers 4 memory 0 unknown v0", container_text("not/there", &c));
    CHECK_UINT(0, c.warnings);
    gokore_container_desc desc = { root_of("not/there"), 0, NULL };
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, &desc));
    CHECK(c.cpus >= 1 && c.workers >= 1);
}

TEST(container, long_lines) {
    size_t size = 1u << 20;
    char *overlay = (char *)malloc(size + 1024);
    REQUIRE(overlay != NULL);
    size_t n = (size_t)sprintf(overlay, "50 22 0:50 / /var rw - overlay overlay rw,lowerdir=");
    while (n < size) overlay[n] = n % 100 ? 'l' : ':', n++;
    n += (size_t)sprintf(overlay + n, "\n" MOUNT_V2);
    put_data("long", "/proc/self/mountinfo", overlay, n);
    put("long", "/proc/self/cgroup", "0::/s\n");
    put("long", "/sys/fs/cgroup/s/cpu.max", "200000 100000\n");
    gokore_container c = read_case("long", 8);
    CHECK_STR("long: quota 2.000000 workers 2 memory 0 unknown v2", container_text("long", &c));

    // a path of 1 MiB that can't exist: the mount point is what is left
    n = (size_t)sprintf(overlay, "0::");
    while (n < size) overlay[n] = n % 2 ? '/' : 'a', n++;
    put_data("deep", "/proc/self/cgroup", overlay, n);
    put("deep", "/proc/self/mountinfo", MOUNT_V2);
    put("deep", "/sys/fs/cgroup/cpu.max", "300000 100000\n");
    c = read_case("deep", 8);
    CHECK_STR("deep: quota 3.000000 workers 3 memory 0 unknown v2", container_text("deep", &c));
    CHECK(c.approximate);

    // and a mount point of 1 MiB
    n = (size_t)sprintf(overlay, "25 21 0:22 / ");
    while (n < size) overlay[n] = n % 2 ? '/' : 'a', n++;
    overlay[13] = '/';
    n += (size_t)sprintf(overlay + n, " rw - cgroup2 c rw\n");
    put_data("point", "/proc/self/mountinfo", overlay, n);
    put("point", "/proc/self/cgroup", "0::/s\n");
    c = read_case("point", 8);
    CHECK_UINT(8, c.workers);

    test_reports_capture();
    memset(overlay, '1', size);
    put_data("number", "/sys/fs/cgroup/s/cpu.max", overlay, size);
    put("number", "/proc/self/mountinfo", MOUNT_V2);
    put("number", "/proc/self/cgroup", "0::/s\n");
    c = read_case("number", 8);
    CHECK_UINT(8, c.workers);
    CHECK_UINT(1, c.warnings);
    free(overlay);
}

static void break_bytes(char *data, size_t *len, size_t cap, uint64_t *rng) {
    static const char likely[] = "0123456789 /:.,-\n\\\tabcmx\0";
    unsigned changes = (unsigned)(test_random(rng) % 8) + 1;
    while (changes--) {
        size_t at = *len ? test_random(rng) % *len : 0;
        char c = test_random(rng) % 4 ? likely[test_random(rng) % (sizeof likely - 1)] : (char)(test_random(rng) & 0xff);
        switch (test_random(rng) % 4) {
        case 0:
            if (*len) data[at] = c;
            break;
        case 1:
            if (*len) memmove(data + at, data + at + 1, --*len - at);
            break;
        case 2:
            if (*len < cap) {
                memmove(data + at + 1, data + at, *len - at);
                data[at] = c;
                ++*len;
            }
            break;
        default: *len = test_random(rng) % 8 ? *len : at;
        }
    }
}

static void put_broken(const char *id, const char *path, const char *content, uint64_t *rng) {
    char data[4096];
    size_t len = strlen(content);
    memcpy(data, content, len);
    if (test_random(rng) % 3) break_bytes(data, &len, sizeof data, rng);
    put_data(id, path, data, len);
}

TEST(container, any_content_is_survived) {
    uint64_t rng = test_seed();
    for (int round = 0; round < 50; round++) {
        char id[32]; // a directory of its own: rewriting files is slow
        (void)snprintf(id, sizeof id, "r%d", round);
        test_reports_capture();
        bool v2 = test_random(&rng) % 2;
        put_broken(id, "/proc/self/cgroup",
                   v2 ? "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/crio-" HEX64 ".scope\n"
                      : "4:memory:/a/b\n3:cpu,cpuacct:/kubepods/besteffort/pod" UID "/" HEX64 "\n0::/\n",
                   &rng);
        put_broken(id, "/proc/self/mountinfo", MOUNT_V2 CPU_V1 MEM_V1, &rng);
        put_broken(id, "/proc/self/oom_score_adj", "-997\n", &rng);
        put_broken(id, "/proc/meminfo", "MemTotal:       67108864 kB\n", &rng);
        put_broken(id, "/sys/fs/cgroup/kubepods.slice/cpu.max", "250000 100000\n", &rng);
        put_broken(id, "/sys/fs/cgroup/kubepods.slice/memory.max", "1048576\n", &rng);
        put_broken(id, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n", &rng);
        put_broken(id, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n", &rng);
        put_broken(id, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n", &rng);
        put_broken(id, "/sys/fs/cgroup/memory/a/memory.stat", "a 0\nhierarchical_memory_limit 4096\n", &rng);
        put_broken(id, "/proc/pressure/memory", "some avg10=1.50 avg60=0 avg300=0 total=0\nfull avg10=0.50 total=0\n", &rng);
        variables[0][0] = "KUBERNETES_SERVICE_HOST", variables[0][1] = "h";
        gokore_container c = read_case(id, 8);
        CHECK(c.workers >= 1 && c.workers <= 8);
        CHECK_UINT(c.warnings, test_reports_count(GOKORE_REPORT_TOPOLOGY));
        gokore_pressure p;
        gokore_status st = gokore_container_pressure(root_of(id), &p);
        CHECK(st == GOKORE_OK || st == GOKORE_UNSUPPORTED);
    }
    clear_environment();
}

TEST(container, the_real_one) {
    gokore_container c, again;
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK(c.cpus >= 1);
    CHECK(c.workers >= 1);
    CHECK(c.numa_node >= -1);
    gokore_container_desc desc = { "", 0, NULL };
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&again, &desc));
    CHECK_UINT(c.workers, again.workers);
    CHECK_STR(c.source, again.source);
    test_note("%u workers (%s), cgroup v%d, memory limit %llu, qos %s", c.workers, c.source, c.cgroup_version,
              (unsigned long long)c.memory_limit, class_name(c.qos));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    unsigned workers = strstr(gokore_config(), "PLATFORM=LINUX") ? 1 : again.workers; // elsewhere affinity is not known
    if (sched_setaffinity(0, sizeof one, &one) == 0) CHECK_UINT(workers, gokore_container_worker_count(NULL, 0));
}

// ---- pressure

TEST(pressure, of_the_group_and_of_the_machine) {
    gokore_pressure p;
    CHECK_STATUS(GOKORE_INVALID, gokore_container_pressure(NULL, NULL));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_container_pressure(root_of("none"), &p));
    put("m", "/proc/pressure/cpu", "some avg10=99.25 avg60=0.00 avg300=0.00 total=1\n");
    put("m", "/proc/pressure/memory", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=3.05 avg60=0.00 avg300=0.00 total=2\n");
    put("m", "/proc/pressure/io", "some avg10=0.00 avg60=5.00 avg300=0.00 total=1\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=2\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("m"), &p));
    CHECK(fabs(p.cpu_some_avg10 - 99.25) < 1e-9 && p.cpu_full_avg10 == 0);
    CHECK(fabs(p.memory_some_avg10 - 12.5) < 1e-9 && fabs(p.memory_full_avg10 - 3.05) < 1e-9);
    CHECK(p.io_some_avg10 == 0 && fabs(p.io_full_avg10 - 0.1) < 1e-9);
    CHECK_INT(GOKORE_PRESSURE_MEDIUM, p.level);
    put("m", "/proc/self/cgroup", "0::/s\n");
    put("m", "/proc/self/mountinfo", MOUNT_V2);
    put("m", "/sys/fs/cgroup/s/memory.pressure", "some avg10=60.00 avg60=0.00 total=1\nfull avg10=50.00 avg60=0.00 total=2\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("m"), &p));
    CHECK_INT(GOKORE_PRESSURE_CRITICAL, p.level);
    CHECK(fabs(p.cpu_some_avg10 - 99.25) < 1e-9);
    gokore_status st = gokore_container_pressure(NULL, &p);
    CHECK(st == GOKORE_OK || st == GOKORE_UNSUPPORTED);
    static const char *const none[] = { "", "full avg10=1.00\n", "some\n", "some avg60=1\n", "some avg10=\n", "some avg10=x\n",
                                        "some avg10=101\n", "some avg10=99999999999999999999\n", "something avg10=1\n" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        put("n", "/proc/pressure/memory", none[i]);
        CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_container_pressure(root_of("n"), &p));
    }
    put("n", "/proc/pressure/memory", "some avg10=7.5.5\n"); // no total, and no full
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("n"), &p));
    CHECK(fabs(p.memory_some_avg10 - 7.5) < 1e-9 && p.memory_full_avg10 == 0);
    put("n", "/proc/pressure/memory", "some avg10=7x\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("n"), &p));
    CHECK(p.memory_some_avg10 == 7);
}

TEST(pressure, levels) {
    static const struct { const char *some, *full; gokore_pressure_level level; } rows[] = {
        { "0.00", "0.00", GOKORE_PRESSURE_NONE },    { "0.99", "0.99", GOKORE_PRESSURE_NONE },
        { "1.00", "0.00", GOKORE_PRESSURE_LOW },     { "10.00", "9.99", GOKORE_PRESSURE_MEDIUM },
        { "25.00", "0.00", GOKORE_PRESSURE_HIGH },   { "11.00", "10.00", GOKORE_PRESSURE_HIGH },
        { "50.00", "0.00", GOKORE_PRESSURE_CRITICAL }, { "100.00", "100.00", GOKORE_PRESSURE_CRITICAL },
        { "30.00", "25.00", GOKORE_PRESSURE_CRITICAL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "some avg10=%s total=0\nfull avg10=%s total=0\n", rows[i].some, rows[i].full);
        put("l", "/proc/pressure/memory", line);
        gokore_pressure p;
        REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("l"), &p));
        CHECK_INT(rows[i].level, p.level);
    }
}

TEST(pressure, throttled_periods_of_all_groups_count) {
    gokore_pressure p;
    put("v2", "/proc/self/cgroup", "0::/pod/leaf\n");
    put("v2", "/proc/self/mountinfo", MOUNT_V2);
    put("v2", "/sys/fs/cgroup/pod/leaf/cpu.stat", "usage_usec 9\nnr_periods 100\nnr_throttled 7\nthrottled_usec 2500\n");
    put("v2", "/sys/fs/cgroup/pod/cpu.stat", "usage_usec 9\nnr_periods 120\nnr_throttled 3\nthrottled_usec 500\n");
    put("v2", "/sys/fs/cgroup/cpu.stat", "usage_usec 9\n");
    put("v2", "/sys/fs/cgroup/pod/leaf/memory.pressure", "some avg10=0.00 total=1\nfull avg10=0.00 total=0\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("v2"), &p));
    CHECK_UINT(120, p.cpu_periods);
    CHECK_UINT(10, p.cpu_throttled_periods);
    CHECK_UINT(3000000, p.cpu_throttled_ns);
    CHECK_INT(GOKORE_PRESSURE_NONE, p.quota_level);
    put("v2", "/sys/fs/cgroup/pod/leaf/cpu.stat", "nr_periods x\nnr_throttled 7 kg\nthrottled_usec 18446744073709551615\n");
    put("v2", "/sys/fs/cgroup/pod/cpu.stat", "nr_periods:9\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("v2"), &p));
    CHECK_UINT(0, p.cpu_periods);
    CHECK_UINT(UINT64_MAX, p.cpu_throttled_ns);

    put("v1", "/proc/self/cgroup", "3:cpu,cpuacct:/s\n");
    put("v1", "/proc/self/mountinfo", CPU_V1);
    put("v1", "/sys/fs/cgroup/cpu,cpuacct/s/cpu.stat", "nr_periods 5\nnr_throttled 4\nthrottled_time 123456789\n");
    put("v1", "/proc/pressure/memory", "some avg10=0.00 total=1\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_container_pressure(root_of("v1"), &p));
    CHECK_UINT(5, p.cpu_periods);
    CHECK_UINT(4, p.cpu_throttled_periods);
    CHECK_UINT(123456789, p.cpu_throttled_ns);
}

// What a watch told last; `told` counts, `seen` has bit n for level n of the memory and bit 8 + n for the quota's.
typedef struct watched {
    gokore_atomic_u32 told, seen, level, quota_level, workers, limit;
    gokore_atomic_bool wrong;
} watched;

static void watch_pressure(int node, const gokore_pressure *p, void *user) {
    watched *w = (watched *)user;
    if (node != -1 || gokore_pressure_watch_level() != p->level) gokore_atomic_store(&w->wrong, true);
    gokore_atomic_store(&w->level, (uint32_t)p->level);
    gokore_atomic_store(&w->quota_level, (uint32_t)p->quota_level);
    gokore_atomic_fetch_or(&w->seen, 1u << p->level | 256u << p->quota_level);
    gokore_atomic_add(&w->told, 1);
    gokore_atomic_notify_all(&w->told);
}

static void watch_limits(const gokore_container *c, void *user) {
    watched *w = (watched *)user;
    if (c->workers != gokore_container_worker_count(c, 0)) gokore_atomic_store(&w->wrong, true);
    gokore_atomic_store(&w->workers, c->workers);
    gokore_atomic_store(&w->limit, (uint32_t)c->memory_limit);
    gokore_atomic_add(&w->told, 1);
    gokore_atomic_notify_all(&w->told);
}

// Waits until one of a watch's figures is this; the end of the test's time limit is the only other way out.
static void wait_for(watched *w, const gokore_atomic_u32 *figure, uint32_t want) {
    for (;;) {
        uint32_t told = gokore_atomic_load(&w->told);
        if (gokore_atomic_load(figure) == want) return;
        gokore_atomic_wait(&w->told, told);
    }
}

static void put_pressure(const char *id, const char *some, unsigned long long total) {
    char line[128];
    (void)snprintf(line, sizeof line, "some avg10=%s avg60=0.00 avg300=0.00 total=%llu\nfull avg10=0.00 total=0\n", some, total);
    put(id, "/sys/fs/cgroup/s/memory.pressure", line);
}

static void put_throttled(const char *id, unsigned periods, unsigned throttled) {
    char line[128];
    (void)snprintf(line, sizeof line, "nr_periods %u\nnr_throttled %u\nthrottled_usec 5\n", periods, throttled);
    put(id, "/sys/fs/cgroup/s/cpu.stat", line);
}

static gokore_pressure_watch_desc watched_root(const char *id) {
    static char kept[4096];
    put(id, "/proc/self/cgroup", "0::/s\n");
    put(id, "/proc/self/mountinfo", MOUNT_V2);
    (void)snprintf(kept, sizeof kept, "%s", root_of(id));
    return (gokore_pressure_watch_desc) { .container = { kept, 8, environment }, .interval_ns = 1000000 };
}

TEST(pressure, a_watch_tells_of_each_change) {
    watched w = { 0 };
    gokore_pressure_watch_desc desc = watched_root("w");
    put_pressure("w", "12.00", 5);
    put_throttled("w", 100, 50);
    CHECK_INT(GOKORE_PRESSURE_NONE, gokore_pressure_watch_level());
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(watch_pressure, &w, &desc));
    CHECK(!gokore_pressure_watch_is_triggered()); // files of a fake root are left as they are
    CHECK_STATUS(GOKORE_BUSY, gokore_pressure_watch_start(watch_pressure, &w, &desc));
    wait_for(&w, &w.level, GOKORE_PRESSURE_MEDIUM);
    CHECK_INT(GOKORE_PRESSURE_MEDIUM, gokore_pressure_watch_level());
    put_pressure("w", "0.50", 5);
    wait_for(&w, &w.level, GOKORE_PRESSURE_NONE);
    put_pressure("w", "77.00", 5);
    wait_for(&w, &w.level, GOKORE_PRESSURE_CRITICAL);
    gokore_pressure_watch_stop();
    CHECK_INT(GOKORE_PRESSURE_NONE, gokore_pressure_watch_level());
    uint32_t told = gokore_atomic_load(&w.told);
    put_pressure("w", "1.00", 5);
    gokore_pressure_watch_stop(); // twice is harmless
    CHECK_UINT(told, gokore_atomic_load(&w.told));
    CHECK_UINT(GOKORE_PRESSURE_NONE, gokore_atomic_load(&w.quota_level)); // what was throttled before counts for nothing
    CHECK(!gokore_atomic_load(&w.wrong));
}

static bool has_seen(const watched *w, uint32_t bits) { return (gokore_atomic_load(&w->seen) & bits) != 0; }

TEST(pressure, a_watch_obeys_the_total_before_the_average) {
    watched w = { 0 };
    gokore_pressure_watch_desc desc = watched_root("total");
    put_pressure("total", "0.00", 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(watch_pressure, &w, &desc));
    unsigned long long total = 0;
    while (!has_seen(&w, 1u << GOKORE_PRESSURE_CRITICAL)) { // until no look fell on a file that was half written
        uint32_t told = gokore_atomic_load(&w.told);
        put_pressure("total", "0.00", total += 1000000000000); // more than all of any time since the last look
        gokore_status st = gokore_atomic_wait_until(&w.told, told, gokore_now_ns() + 5000000);
        CHECK(st == GOKORE_OK || st == GOKORE_TIMEOUT);
    }
    wait_for(&w, &w.level, GOKORE_PRESSURE_NONE); // and nothing more
    gokore_pressure_watch_stop();
}

TEST(pressure, a_watch_tells_when_the_quota_is_used_up) {
    watched w = { 0 };
    gokore_pressure_watch_desc desc = watched_root("quota");
    put_throttled("quota", 100, 100);
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(watch_pressure, &w, &desc));
    unsigned periods = 100, throttled = 100;
    while (!has_seen(&w, 256u << GOKORE_PRESSURE_HIGH)) { // a third of the periods, until a look fell between
        uint32_t told = gokore_atomic_load(&w.told);
        put_throttled("quota", periods += 3, ++throttled);
        gokore_status st = gokore_atomic_wait_until(&w.told, told, gokore_now_ns() + 5000000);
        CHECK(st == GOKORE_OK || st == GOKORE_TIMEOUT);
    }
    wait_for(&w, &w.quota_level, GOKORE_PRESSURE_NONE); // nothing new
    CHECK_UINT(GOKORE_PRESSURE_NONE, gokore_atomic_load(&w.level));
    gokore_pressure_watch_stop();
    CHECK(!gokore_atomic_load(&w.wrong));
}

TEST(pressure, a_watch_follows_the_limits) {
    watched w = { 0 };
    gokore_pressure_watch_desc desc = watched_root("limits");
    desc.limits_fn = watch_limits;
    put("limits", "/sys/fs/cgroup/s/cpu.max", "200000 100000\n");
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(NULL, &w, &desc));
    put("limits", "/sys/fs/cgroup/s/cpu.max", "350000 100000\n");
    wait_for(&w, &w.workers, 4);
    put("limits", "/sys/fs/cgroup/s/memory.max", "1048576\n");
    wait_for(&w, &w.limit, 1048576);
    put("limits", "/sys/fs/cgroup/s/cpu.max", "max\n");
    wait_for(&w, &w.workers, 8);
    gokore_pressure_watch_stop();
    CHECK(!gokore_atomic_load(&w.wrong));
}

TEST(pressure, a_watch_needs_something_to_watch) {
    gokore_pressure_watch_desc desc = watched_root("nothing");
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_pressure_watch_start(watch_pressure, NULL, &desc));
    desc.interval_ns = -1;
    CHECK_STATUS(GOKORE_INVALID, gokore_pressure_watch_start(watch_pressure, NULL, &desc));
    gokore_pressure_watch_stop();
    desc = (gokore_pressure_watch_desc) { .interval_ns = INT64_MAX, .limits_fn = watch_limits, .polls_only = true };
    watched w = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(NULL, &w, &desc)); // looks once, and is stopped all the same
    gokore_pressure_watch_stop();
}

static void watch_the_machine(void *arg) {
    watched w = { 0 };
    gokore_status st = gokore_pressure_watch_start(watch_pressure, &w, NULL);
    CHECK(st == GOKORE_OK || st == GOKORE_UNSUPPORTED);
    bool triggered = gokore_pressure_watch_is_triggered();
    if (arg && *(bool *)arg) CHECK(!triggered);
    test_note("watch %s, %s", gokore_status_name(st), triggered ? "the kernel wakes it" : "it polls");
    gokore_pressure_watch_stop();
    CHECK(!gokore_pressure_watch_is_triggered());
    CHECK(!gokore_atomic_load(&w.wrong));
}

TEST(pressure, a_watch_of_the_machine_starts_and_stops) {
    for (int i = 0; i < 3; i++) watch_the_machine(NULL);
}

// ThreadSanitizer ends a program that starts threads in a child forked beside other threads.
#if defined(__SANITIZE_THREAD__)
#define CHILD_MAY_START_THREADS false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILD_MAY_START_THREADS false
#endif
#endif
#ifndef CHILD_MAY_START_THREADS
#define CHILD_MAY_START_THREADS true
#endif

static void watch_after_fork(void *arg) {
    watched w = { 0 };
    gokore_pressure_watch_stop(); // the parent's thread is not here to be waited for
    if (!CHILD_MAY_START_THREADS) return;
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(watch_pressure, &w, (const gokore_pressure_watch_desc *)arg));
    wait_for(&w, &w.level, GOKORE_PRESSURE_MEDIUM);
    gokore_pressure_watch_stop();
}

TEST(pressure, a_forked_child_has_no_watch_and_may_start_one) {
    watched w = { 0 };
    char out[4096];
    gokore_pressure_watch_desc desc = watched_root("fork");
    put_pressure("fork", "12.00", 5);
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(watch_pressure, &w, &desc));
    wait_for(&w, &w.level, GOKORE_PRESSURE_MEDIUM);
    int status = test_in_child(watch_after_fork, &desc, out, sizeof out);
    if (status != 0) test_note("%s", out);
    CHECK_INT(0, status);
    CHECK_INT(GOKORE_PRESSURE_MEDIUM, gokore_pressure_watch_level());
    gokore_pressure_watch_stop();
}

TEST(container, refreshing_follows_limits_and_affinity) {
    put("f", "/proc/self/cgroup", "0::/kubepods/burstable/pod" UID "\n");
    put("f", "/proc/self/mountinfo", MOUNT_V2);
    put("f", "/sys/fs/cgroup/kubepods/burstable/pod" UID "/cpu.max", "200000 100000\n");
    variables[0][0] = "GOKORE_MAX_LOCKS", variables[0][1] = "17";
    gokore_container c = read_case("f", 8);
    clear_environment();
    gokore_container_desc desc = { root_of("f"), 8, environment };
    bool changed = true;
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
    CHECK(!changed);
    put("f", "/sys/fs/cgroup/kubepods/burstable/pod" UID "/cpu.max", "450000 100000\n");
    put("f", "/sys/fs/cgroup/kubepods/memory.max", "65536\n");
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
    CHECK(changed);
    CHECK_STR("f: quota 4.500000 workers 5 memory 65536 burstable v2 pod " UID, container_text("f", &c));
    CHECK_CONTAINS("cpu.max:450000 100000", c.source);
    CHECK_UINT(17, c.max_locks);
    desc.cpus = 3; // as if the affinity had changed
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
    CHECK(changed);
    CHECK_UINT(3, c.workers);
    put("f", "/proc/self/cgroup", "0::/kubepods/besteffort/pod" UID "\n"); // moved; the class stays
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, NULL));
    CHECK_STR("f: quota 0.000000 workers 3 memory 65536 burstable v2 pod " UID, container_text("f", &c));
    test_reports_capture();
    put("f", "/sys/fs/cgroup/kubepods/cpu.max", "garbage\n");
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, NULL));
    CHECK_UINT(1, c.warnings); // counted, and not reported once more each time
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STATUS(GOKORE_INVALID, gokore_container_refresh(NULL, &desc, &changed));
}

TEST(container, refreshing_tells_of_each_figure) {
    static const struct { const char *file, *text; unsigned cpus; } steps[] = {
        { "cpu.max", "200000 50000\n", 4 },  { "cpu.max", "400000 100000\n", 4 }, { "cpu.max", "400000 50000\n", 9 },
        { "memory.max", "8192\n", 9 },       { "memory.high", "4096\n", 9 },      { "cpu.max", "400000 50000\n", 10 },
        { "cpu.max", "400000 40000\n", 10 },
    };
    put("e", "/proc/self/cgroup", "0::/s\n");
    put("e", "/proc/self/mountinfo", MOUNT_V2);
    put("e", "/sys/fs/cgroup/s/cpu.max", "100000 50000\n");
    gokore_container c = read_case("e", 4);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char path[64];
        gokore_container_desc desc = { root_of("e"), steps[i].cpus, environment };
        bool changed = false;
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup/s/%s", steps[i].file);
        put("e", path, steps[i].text);
        CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
        if (!changed) test_note("step %zu", i);
        CHECK(changed);
        CHECK_STATUS(GOKORE_OK, gokore_container_refresh(&c, &desc, &changed));
        CHECK(!changed);
    }
    CHECK_UINT(10, c.workers);
}

static void narrow_affinity(void *arg) {
    gokore_container *c = (gokore_container *)arg;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    bool changed = false, more = c->cpus > 1;
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK_STATUS(GOKORE_OK, gokore_container_refresh(c, NULL, &changed));
    CHECK_INT(more, changed);
    CHECK_UINT(1, c->cpus);
    CHECK_UINT(c->max_workers ? c->max_workers : 1, c->workers);
}

TEST(container, refreshing_follows_the_threads_affinity) {
    test_only_with("PLATFORM=LINUX");
    gokore_container c;
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    test_on_thread(narrow_affinity, &c);
}

// ---- topology

static bool numa_is_off(void) { return strstr(gokore_config(), "NUMA=0") != NULL; }

static void add_ids(text *t, const int *ids, size_t n) {
    for (size_t i = 0; i < n; i++) add(t, i ? ",%d" : "%d", ids[i]);
}

#define IDS 70000
static int ids[IDS], other_ids[IDS];

// All that a topology answers, as one line; from[0] is the first node with CPUs.
static const char *topology_text(const char *id, const gokore_topology *t) {
    static text out;
    int from = -1;
    out.len = 0;
    add(&out, "%s:", id);
    size_t n = gokore_topology_node_ids(t, ids, IDS);
    CHECK_UINT(n, gokore_topology_node_count(t));
    for (size_t i = 0; i < n; i++) {
        size_t cpus = gokore_topology_cpus(t, ids[i], other_ids, IDS);
        add(&out, " %d[", ids[i]);
        add_ids(&out, other_ids, cpus);
        add(&out, "]");
        if (cpus && from < 0) from = ids[i];
    }
    add(&out, " dist");
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) add(&out, "%s%d", j ? " " : " / ", gokore_topology_distance(t, ids[i], ids[j]));
    add(&out, " mem");
    for (size_t i = 0; i < n; i++)
        if (gokore_topology_is_memory_usable(t, ids[i])) add(&out, " %d", ids[i]);
    add(&out, " order ");
    n = gokore_topology_nearest(t, from, ids, IDS);
    CHECK_UINT(n, gokore_topology_nearest(t, from, NULL, 0));
    add_ids(&out, ids, n);
    add(&out, " warnings %zu", gokore_topology_warnings(t, NULL, 0));
    return out.data;
}

static void expected_text(text *out, const char *id, const json *expect) {
    add(out, "%s:", id);
    const json *nodes = json_get(expect, "nodes"), *rows = json_get(expect, "dist"), *mem = json_get(expect, "mem_nodes");
    const json *order = json_get(expect, "order_from_first");
    for (const json *node = nodes->first; node; node = node->next) {
        add(out, " %s[", node->key);
        for (const json *cpu = node->first; cpu; cpu = cpu->next) add(out, cpu == node->first ? "%.0f" : ",%.0f", cpu->number);
        add(out, "]");
    }
    add(out, " dist");
    for (const json *row = rows->first; row; row = row->next)
        for (const json *d = row->first; d; d = d->next) add(out, "%s%.0f", d == row->first ? " / " : " ", d->number);
    add(out, " mem");
    for (const json *node = mem->first; node; node = node->next) add(out, " %.0f", node->number);
    add(out, " order ");
    for (const json *node = order->first; node; node = node->next) add(out, node == order->first ? "%.0f" : ",%.0f", node->number);
    add(out, " warnings %.0f", json_number(expect, "warnings", 0));
}

static void put_node(const char *id, const char *node, const char *file, const char *data, size_t len) {
    char path[256];
    (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%s/%s", node, file);
    put_data(id, path, data, len);
}

static void put_node_memory(const char *id, const char *node, double kb) {
    char line[256];
    int n = snprintf(line, sizeof line, "Node %s MemTotal:       %.0f kB\nNode %s MemFree:        0 kB\n", node, kb, node);
    put_node(id, node, "meminfo", line, (size_t)n);
}

// A list of ids in a case: null, [0, 1], or "0-1" (single ids and ranges).
static size_t ids_of(const json *list, int *out) {
    size_t n = 0;
    for (const json *j = list && list->kind == JSON_ARRAY ? list->first : NULL; j; j = j->next) out[n++] = (int)j->number;
    const char *p = list && list->kind == JSON_STRING ? list->text : "";
    while (*p) {
        char *end;
        long first = strtol(p, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (; first <= last; first++) out[n++] = (int)first;
        p = *end == ',' ? end + 1 : "";
    }
    return n;
}

// What hwloc reads beside the lists, so that it knows the machine too where they are as the kernel writes them: CPU
// directories, and maps of the nodes' CPUs. Nothing is written for builds that never ask hwloc.
static bool hwloc_is_asked(void) { return strstr(gokore_config(), "HWLOC=1") != NULL; }

static bool is_plain_list(const char *list) {
    if (!list) return false;
    const char *p = list;
    while (*p && *p != '\n') {
        size_t digits = strspn(p, "0123456789"), more = p[digits] == '-' ? strspn(p + digits + 1, "0123456789") : digits;
        if (!digits || !more || (p[digits] == '-' && atol(p) > atol(p + digits + 1))) return false;
        p += p[digits] == '-' ? digits + 1 + more : digits;
        if (*p && !strchr(",\n", *p)) return false;
        if (*p == ',') p++;
    }
    return true;
}

static bool is_plain_row(const char *distances, size_t nodes) {
    size_t columns = 0;
    for (const char *p = distances ? distances : ""; *(p += strspn(p, " \n")); p += strcspn(p, " \n")) columns++;
    return !distances || columns == nodes;
}

static void put_map(const char *id, const char *path, const int *cpus, size_t n) {
    uint32_t words[128] = { 0 };
    char line[128 * 9 + 2];
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        if (cpus[i] < 4096) words[cpus[i] / 32] |= 1u << cpus[i] % 32;
    for (size_t i = 128; i-- > 0;) len += (size_t)snprintf(line + len, sizeof line - len, i ? "%08x," : "%08x\n", words[i]);
    put_data(id, path, line, len);
}

static size_t plain_ids(const char *list, int *out) {
    union { const char *in; char *out; } both = { list };
    json value = { .kind = JSON_STRING, .text = both.out };
    return ids_of(&value, out);
}

static void put_cpus(const char *id, const char *online) {
    static int cpus[4096];
    size_t n = hwloc_is_asked() && is_plain_list(online) ? plain_ids(online, cpus) : 0;
    for (size_t i = 0; i < n; i++) {
        char path[256], number[16];
        (void)snprintf(number, sizeof number, "%d\n", cpus[i]);
        (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings", cpus[i]);
        put_map(id, path, &cpus[i], 1);
        (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", cpus[i]);
        put(id, path, number);
        (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/online", cpus[i]);
        put(id, path, "1\n");
    }
}

static void put_node_map(const char *id, const char *node, const char *list) {
    static int cpus[4096];
    char path[256];
    (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%s/cpumap", node);
    if (hwloc_is_asked()) put_map(id, path, cpus, plain_ids(list, cpus));
}

static size_t by_hwloc, by_files; // trees that a build with hwloc was told by it, or not

static void count_source(const gokore_topology *t) { ++*(strcmp(gokore_topology_source(t), "hwloc") ? &by_files : &by_hwloc); }

static void check_sources(void) {
    if (!hwloc_is_asked()) return;
    test_note("%zu trees told by hwloc, %zu by their files", by_hwloc, by_files);
    CHECK(by_hwloc > 4);
}

static void build_tree(const json *one, const char *id) {
    static const struct { const char *key, *path; } lists[] = {
        { "cpu_online", "/sys/devices/system/cpu/online" },         { "online", "/sys/devices/system/node/online" },
        { "possible", "/sys/devices/system/node/possible" },        { "has_cpu", "/sys/devices/system/node/has_cpu" },
        { "has_memory", "/sys/devices/system/node/has_memory" },
    };
    text online = { .len = 0 };
    const json *nodes = json_get(one, "nodes"), *raw = json_get(one, "raw");
    for (const json *node = nodes ? nodes->first : NULL; node; node = node->next) {
        add(&online, node == nodes->first ? "%s" : ",%s", node->key);
        for (const json *f = node->first; f; f = f->next) {
            if (strcmp(f->key, "mem_kb") == 0)
                put_node_memory(id, node->key, f->number);
            else if (f->kind == JSON_STRING)
                put_node(id, node->key, f->key, f->text, f->len);
        }
    }
    bool plain = true;
    for (const json *node = nodes ? nodes->first : NULL; node; node = node->next)
        plain &= is_plain_list(json_text(node, "cpulist")) && is_plain_row(json_text(node, "distance"), nodes->len);
    for (const json *node = nodes ? nodes->first : NULL; node && plain; node = node->next)
        put_node_map(id, node->key, json_text(node, "cpulist"));
    if (plain) put_cpus(id, json_text(one, "cpu_online"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *value = json_text(one, lists[i].key);
        if (value && strcmp(value, "auto") != 0) put(id, lists[i].path, value);
        if (value && strcmp(value, "auto") == 0 && online.len) put(id, lists[i].path, online.data);
    }
    for (const json *f = raw ? raw->first : NULL; f; f = f->next) put_json(id, f->key, f);
}

static void topology_case(const json *one) {
    static int cpus[4096], nodes[4096];
    const char *id = json_text(one, "id");
    const json *expect = json_get(one, "expect");
    build_tree(one, id);
    gokore_topology_desc desc = { .root = root_of(id) };
    if (json_get(one, "allowed_cpus")) {
        desc.allowed_cpus = cpus;
        desc.allowed_cpu_count = ids_of(json_get(one, "allowed_cpus"), cpus);
    }
    if (json_get(one, "allowed_mems")) {
        desc.allowed_nodes = nodes;
        desc.allowed_node_count = ids_of(json_get(one, "allowed_mems"), nodes);
    }
    test_reports_capture();
    gokore_topology *t;
    gokore_status st = gokore_topology_create(&t, &desc);
    if (json_text(expect, "error")) {
        CHECK_STATUS(GOKORE_PARSE, st);
        CHECK_PTR(NULL, t);
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
        const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
        CHECK_CONTAINS(json_text(expect, "error"), report ? report->message : "no report");
        return;
    }
    CHECK_STATUS(GOKORE_OK, st);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    text want = { .len = 0 };
    expected_text(&want, id, expect);
    CHECK_STR(want.data, topology_text(id, t));
    count_source(t);
    const json *sources = json_get(expect, "mem_for"); // where a node's memory comes from
    for (const json *j = sources ? sources->first : NULL; j; j = j->next) {
        size_t n = gokore_topology_nearest(t, atoi(j->key), ids, IDS), i = 0;
        while (i < n && !gokore_topology_is_memory_usable(t, ids[i])) i++;
        CHECK_INT((int)j->number, i < n ? ids[i] : -1);
    }
    gokore_topology_destroy(t);
}

TEST(topology, example_cases) {
    test_only_with("NUMA=1");
    json *cases = json_parse_file(test_data("numa.json"));
    REQUIRE(cases && cases->len > 0);
    for (const json *one = cases->first; one; one = one->next) topology_case(one);
    json_free(cases);
    check_sources();
}

typedef struct node_row { const char *id, *cpulist, *cpumap, *distance; int mem_kb; /* -1: no meminfo */ } node_row;
typedef struct topology_row {
    const char *id, *cpu_online;
    node_row nodes[5];
    const char *online, *possible, *has_memory;
    const int *allowed_cpus, *allowed_nodes; // end with -1
    const char *want, *hwloc; // hwloc: what it makes of it, where it is less strict
} topology_row;

static const int no_ids[] = { -1 }, cpus_0_1[] = { 0, 1, 99, -1 }, nodes_1[] = { 1, 77, -1 };
static const topology_row topology_rows[] = {
    { "one-node", "0-3\n", { { "0", "0-3\n", NULL, "10\n", 100 } }, "0\n", "0\n", "0\n",
      .want = "0[0,1,2,3] dist / 10 mem 0 order 0 warnings 0" },
    { "no-online-file", "0-1", { { "0", "0", NULL, "10 20", 1 }, { "5", "1", NULL, "20 10", 1 } },
      .want = "0[0] 5[1] dist / 10 20 / 20 10 mem 0 5 order 0,5 warnings 0" },
    { "offline-node", "0-1", { { "0", "0-1", NULL, "10", 1 }, { "1", "2-3", NULL, "10", 1 } }, "0",
      .want = "0[0,1] dist / 10 mem 0 order 0 warnings 0" },
    { "online-without-directory", "0-1", { { "0", "0", NULL, "10 15 30", 1 }, { "2", "1", NULL, "30 15 10", 1 } }, "0-2",
      .want = "0[0] 2[1] dist / 10 30 / 30 10 mem 0 2 order 0,2 warnings 0" },
    { "none-online", "0-1", { { "3", "0-1", NULL, "10", 1 } }, "0", .want = "0[0,1] dist / 10 mem 0 order 0 warnings 1" },
    { "offline-cpus", "0,2-3", { { "0", "0-1", NULL, "10 20", 1 }, { "1", "2-3", NULL, "20 10", 1 } },
      .want = "0[0] 1[2,3] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "no-cpu-online-file", NULL, { { "0", "0-1", NULL, "10 20", 1 }, { "1", "2-3", NULL, "20 10", 1 } },
      .want = "0[0,1] 1[2,3] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "cpumap", "0-39", { { "0", NULL, "000000ff,00000003\n", "10 20", 1 }, { "1", NULL, "fc\n", "20 10", 1 } },
      .want = "0[0,1,32,33,34,35,36,37,38,39] 1[2,3,4,5,6,7] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "list-before-map", "0-3", { { "0", "0-3", "1", "10", 1 } }, .want = "0[0,1,2,3] dist / 10 mem 0 order 0 warnings 0" },
    { "neither-list-nor-map", "0-1", { { "0", "0-1", NULL, "10 20", 1 }, { "1", NULL, NULL, "20 10", 1 } },
      .want = "0[0,1] 1[] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "strides", "0-15", { { "0", "0-15:1/4", NULL, "10 20", 1 }, { "1", " 1-3 , 5-7:2/2 ,9-15:3/4\n", NULL, "20 10", 1 } },
      .want = "0[0,4,8,12] 1[1,2,3,5,6,7,9,10,11,13,14,15] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "possible-columns", "0-1", { { "1", "0", NULL, "15 10 20 21", 1 }, { "3", "1", NULL, "22 30 31 10", 1 } }, "1,3", "0-3",
      .want = "1[0] 3[1] dist / 10 21 / 30 10 mem 1 3 order 1,3 warnings 0" },
    { "asymmetric", "0-2",
      { { "0", "0", NULL, "10 30 20", 1 }, { "1", "1", NULL, "12 10 11", 1 }, { "2", "2", NULL, "40 50 10", 1 } },
      .want = "0[0] 1[1] 2[2] dist / 10 30 20 / 12 10 11 / 40 50 10 mem 0 1 2 order 0,2,1 warnings 0" },
    { "distance-garbage", "0-1", { { "0", "0", NULL, "10 x", 1 }, { "1", "1", NULL, "21 10", 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "distance-small", "0-1", { { "0", "0", NULL, "10 9", 1 }, { "1", "1", NULL, "21 10", 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "distance-diagonal", "0-1", { { "0", "0", NULL, "10 21", 1 }, { "1", "1", NULL, "21 11", 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "distance-large", "0-1", { { "0", "0", NULL, "10 256", 1 }, { "1", "1", NULL, "21 10", 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "distance-one-missing", "0-1", { { "0", "0", NULL, "10 30", 1 }, { "1", "1", NULL, NULL, 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "all-at-ten", "0-1", { { "0", "0", NULL, "10 10", 1 }, { "1", "1", NULL, "10 10", 1 } },
      .want = "0[0] 1[1] dist / 10 10 / 10 10 mem 0 1 order 0,1 warnings 0" },
    { "partial-overlap", "0-5", { { "0", "0-3", NULL, "10 20", 1 }, { "1", "2-5", NULL, "20 10", 1 } },
      .want = "0[0,1,2,3] 1[4,5] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "same-and-memory-only", "0-3",
      { { "0", "", NULL, "10 20 30", 1 }, { "1", "0-3", NULL, "20 10 10", 0 }, { "2", "0-3", NULL, "30 10 10", 1 } },
      .want = "0[] 1[0,1,2,3] dist / 10 20 / 20 10 mem 0 1 order 1,0 warnings 1" },
    { "no-meminfo", "0-1", { { "0", "0", NULL, "10 20", -1 }, { "1", "1", NULL, "20 10", -1 } }, "0-1", NULL, "1",
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 1 order 0,1 warnings 0" },
    { "cpu-less-and-memory-less", "0", { { "0", "0", NULL, "10 20 15", 1 }, { "1", "", NULL, "20 10 20", 0 }, { "2", "", NULL, "15 20 10", 5 } },
      .want = "0[0] 1[] 2[] dist / 10 20 15 / 20 10 20 / 15 20 10 mem 0 2 order 0,2 warnings 0" },
    { "allowed-cpus", "0-3", { { "0", "0-1", NULL, "10 20", 1 }, { "1", "2-3", NULL, "20 10", 1 } }, .allowed_cpus = cpus_0_1,
      .want = "0[0,1] 1[] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "allowed-cpus-and-nodes", "0-3",
      { { "0", "0-1", NULL, "10 20 30", 1 }, { "1", "2-3", NULL, "20 10 30", 1 }, { "2", "", NULL, "30 30 10", 1 } },
      .allowed_cpus = cpus_0_1, .allowed_nodes = nodes_1,
      .want = "0[0,1] 1[] 2[] dist / 10 20 30 / 20 10 30 / 30 30 10 mem 1 order 0,1 warnings 0" },
    { "nothing-allowed", "0-1", { { "0", "0-1", NULL, "10", 1 } }, .allowed_cpus = no_ids, .allowed_nodes = no_ids,
      .want = "0[] dist / 10 mem order  warnings 0" },
    { "high-ids", "0-1", { { "7", "0", NULL, "10 40", 1 }, { "1023", "1", NULL, "40 10", 1 }, { "1024", "2", NULL, "10", 1 } }, "7,1023",
      "0-1023", .want = "7[0] 1023[1] dist / 10 40 / 40 10 mem 7 1023 order 7,1023 warnings 1" },
    { "names-that-are-none", "0-1",
      { { "0", "0-1", NULL, "10", 1 }, { "01", "0", NULL, "10", 1 }, { "1x", "0", NULL, "10", 1 }, { "", "0", NULL, "10", 1 },
        { "s", "0", NULL, "10", 1 } },
      .want = "0[0,1] dist / 10 mem 0 order 0 warnings 0" },
    { "possible-without-a-node", "0-1", { { "0", "0", NULL, "10 20 30", 1 }, { "1", "1", NULL, "20 10 30", 1 } }, "0-1", "0,2-3",
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "columns-of-nobody", "0-1", { { "0", "0", NULL, "10 20 30 40", 1 }, { "1", "1", NULL, "20 10 30 40", 1 } }, "0-1", "0-2",
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1" },
    { "distance-with-letters", "0-1", { { "0", "0", NULL, "10 20x", 1 }, { "1", "1", NULL, "20 10", 1 } },
      .want = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 1",
      .hwloc = "0[0] 1[1] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "map-in-capitals", "0-7", { { "0", NULL, "000000CF", "10 20", 1 }, { "1", NULL, "30", "20 10", 1 } },
      .want = "0[0,1,2,3,6,7] 1[4,5] dist / 10 20 / 20 10 mem 0 1 order 0,1 warnings 0" },
    { "unreachable-both-ways", "0-1", { { "0", "0", NULL, "10 255", 1 }, { "1", "1", NULL, "20 10", 1 } },
      .want = "0[0] 1[1] dist / 10 255 / 20 10 mem 0 1 order 0 warnings 0" },
};

static size_t count_ids(const int *list) {
    size_t n = 0;
    while (list && list[n] >= 0) n++;
    return n;
}

TEST(topology, more_cases) {
    test_only_with("NUMA=1");
    for (size_t i = 0; i < sizeof topology_rows / sizeof topology_rows[0]; i++) {
        const topology_row *row = &topology_rows[i];
        if (row->cpu_online) put(row->id, "/sys/devices/system/cpu/online", row->cpu_online);
        bool plain = true;
        size_t count = 0;
        while (count < 5 && row->nodes[count].id) count++;
        for (const node_row *node = row->nodes; node < row->nodes + count; node++)
            plain &= is_plain_list(node->cpulist) && !node->cpumap && is_plain_row(node->distance, count);
        if (plain) put_cpus(row->id, row->cpu_online);
        for (const node_row *node = row->nodes; node < row->nodes + 5 && node->id; node++) {
            char directory[256];
            (void)snprintf(directory, sizeof directory, "/%s/sys/devices/system/node/node%s", row->id, node->id);
            test_root_directory(directory);
            if (node->cpulist) put_node(row->id, node->id, "cpulist", node->cpulist, strlen(node->cpulist));
            if (plain) put_node_map(row->id, node->id, node->cpulist);
            if (node->cpumap) put_node(row->id, node->id, "cpumap", node->cpumap, strlen(node->cpumap));
            if (node->distance) put_node(row->id, node->id, "distance", node->distance, strlen(node->distance));
            if (node->mem_kb >= 0) put_node_memory(row->id, node->id, node->mem_kb);
        }
        if (row->online) put(row->id, "/sys/devices/system/node/online", row->online);
        if (row->possible) put(row->id, "/sys/devices/system/node/possible", row->possible);
        if (row->has_memory) put(row->id, "/sys/devices/system/node/has_memory", row->has_memory);
        gokore_topology_desc desc = { .root = root_of(row->id), .allowed_cpus = row->allowed_cpus, .allowed_nodes = row->allowed_nodes };
        desc.allowed_cpu_count = count_ids(row->allowed_cpus);
        desc.allowed_node_count = count_ids(row->allowed_nodes);
        test_reports_capture();
        gokore_topology *t;
        CHECK_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
        text want = { .len = 0 };
        bool by_it = strcmp(gokore_topology_source(t), "hwloc") == 0;
        add(&want, "%s: %s", row->id, by_it && row->hwloc ? row->hwloc : row->want);
        CHECK_STR(want.data, topology_text(row->id, t));
        count_source(t);
        const char *warning;
        if (gokore_topology_warnings(t, &warning, 1)) CHECK(strlen(warning) > 10);
        gokore_topology_destroy(t);
    }
    check_sources();
}

// A machine of two nodes; the file is then replaced by a broken one.
static void put_two_nodes(const char *id) {
    put(id, "/sys/devices/system/cpu/online", "0-3\n");
    put(id, "/sys/devices/system/node/online", "0-1\n");
    put(id, "/sys/devices/system/node/possible", "0-1\n");
    put(id, "/sys/devices/system/node/has_memory", "0-1\n");
    for (int i = 0; i < 2; i++) {
        const char *node = i ? "1" : "0";
        put_node(id, node, "cpulist", i ? "2-3\n" : "0-1\n", 4);
        put_node(id, node, "distance", i ? "21 10\n" : "10 21\n", 6);
        put_node_memory(id, node, 1024);
    }
}

TEST(topology, a_broken_list_names_its_file) {
    test_only_with("NUMA=1");
    static const char *const files[] = { "/sys/devices/system/cpu/online", "/sys/devices/system/node/online",
                                         "/sys/devices/system/node/possible", "/sys/devices/system/node/has_memory",
                                         "/sys/devices/system/node/node1/cpulist" };
    static const char *const texts[] = { "3-1", "0-", "-3", "x", "0,,1", "0,", ",", "0 1", "0-1:", "0-3:1", "0-3:1/", "0-3:1/0",
                                         "0-3:3/2", "0:1/2", "1.5", "0-1-2", "0-99999999999999999999", "70000", "+1", "0x1", "0-3:x/2", "0-3:1/x", "0-3:1/2x", "0-3:1:2", "0:" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (size_t j = 0; j < (i == 4 ? sizeof texts / sizeof texts[0] : 2); j++) {
            char id[32];
            (void)snprintf(id, sizeof id, "broken%zu_%zu", i, j);
            put_two_nodes(id);
            put(id, files[i], texts[j]);
            gokore_topology_desc desc = { .root = root_of(id) };
            gokore_topology *t = (gokore_topology *)1;
            test_reports_capture();
            CHECK_STATUS(GOKORE_PARSE, gokore_topology_create(&t, &desc));
            CHECK_PTR(NULL, t);
            CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
            const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
            REQUIRE(report != NULL);
            CHECK_STR(files[i], report->resource);
            CHECK_CONTAINS(files[i], report->message);
        }
    }
}

TEST(topology, a_list_that_is_too_long_is_refused) {
    test_only_with("NUMA=1");
    static char zeros[70000];
    memset(zeros, '0', sizeof zeros - 1);
    put_two_nodes("long");
    put_node("long", "1", "cpulist", zeros, sizeof zeros - 1);
    gokore_topology_desc desc = { .root = root_of("long") };
    gokore_topology *t;
    test_reports_capture();
    CHECK_STATUS(GOKORE_PARSE, gokore_topology_create(&t, &desc));
    const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
    CHECK_CONTAINS("node1/cpulist: too long for a list of ids", report ? report->message : "no report");
}

TEST(topology, only_so_many_warnings_are_kept) {
    test_only_with("NUMA=1");
    put("warn", "/sys/devices/system/cpu/online", "0-3\n");
    for (int i = 0; i < 20; i++) { // nodes without a list of CPUs
        char node[8];
        (void)snprintf(node, sizeof node, "%d", i);
        put_node("warn", node, "meminfo", "MemFree: 1 kB\n", 14);
    }
    gokore_topology_desc desc = { .root = root_of("warn") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    const char *warnings[32];
    size_t count = gokore_topology_warnings(t, warnings, 32);
    CHECK(count >= 10 && count <= 32);
    CHECK_UINT(count, gokore_topology_warnings(t, NULL, 32));
    CHECK_UINT(count, gokore_topology_warnings(t, warnings, 1));
    CHECK_CONTAINS("node", warnings[0]);
    gokore_topology_destroy(t);
}

TEST(topology, where_the_thread_runs_by_another_machines_description) {
    test_only_with("NUMA=1");
    static const int cpus[] = { -5, 70000, 60000 }, nodes[] = { 40 };
    for (int count = 1; count <= 2; count++) {
        const char *id = count == 1 ? "one" : "other-two";
        put(id, "/sys/devices/system/cpu/online", "60000-60001\n");
        put_node(id, "40", "cpulist", "60000\n", 6);
        put_node(id, "40", "meminfo", "MemTotal: 18446744073709551615 kB\n", 34);
        if (count == 2) put_node(id, "41", "cpulist", "60001\n", 6);
        gokore_topology_desc desc = { root_of(id), cpus, 3, nodes, 1, { NULL, NULL, NULL } };
        gokore_topology *t;
        REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
        CHECK_INT(count == 1 ? 40 : -1, gokore_topology_current_node(t));
        int out[2] = { -7, -7 };
        CHECK_UINT(count, gokore_topology_node_ids(t, out, 1));
        CHECK_UINT(count, gokore_topology_node_ids(t, NULL, 2));
        CHECK_INT(40, out[0]);
        CHECK_INT(-7, out[1]);
        CHECK_UINT(1, gokore_topology_allowed_nodes(t, out, 2));
        CHECK_UINT(1, gokore_topology_allowed_cpus(t, out, 0));
        CHECK_UINT(1, gokore_topology_allowed_cpus(t, NULL, 2));
        CHECK_INT(40, out[0]);
        CHECK(gokore_topology_node_memory(t, 40) == UINT64_MAX);
        gokore_topology_destroy(t);
    }
    gokore_topology *none;
    gokore_topology_desc half = { .root = root_of("one"), .allowed_node_count = 1 };
    CHECK_STATUS(GOKORE_INVALID, gokore_topology_create(&none, &half));
}

TEST(topology, a_list_that_repeats_itself_is_refused_soon) {
    test_only_with("NUMA=1");
    static char list[60000];
    size_t n = 0;
    while (n + 16 < sizeof list) n += (size_t)snprintf(list + n, sizeof list - n, n ? ",0-65535:1/2" : "0-65535:1/2");
    put_two_nodes("again");
    put_node("again", "0", "cpulist", "0-1,0,1,0-1,1\n", 13); // the same again is none the worse
    gokore_topology_desc desc = { .root = root_of("again") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_UINT(2, gokore_topology_cpus(t, 0, NULL, 0));
    gokore_topology_destroy(t);
    put_node("again", "0", "cpulist", list, n);
    test_reports_capture();
    CHECK_STATUS(GOKORE_PARSE, gokore_topology_create(&t, &desc));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_TOPOLOGY));
}

TEST(topology, a_broken_map_names_its_file) {
    test_only_with("NUMA=1");
    put("map", "/sys/devices/system/cpu/online", "0-3\n");
    static char wide[9 * 2049 + 1], endless[70000];
    for (size_t i = 0; i < 2049; i++) memcpy(wide + 9 * i, ",00000001", 9); // the first is CPU 65536
    memset(endless, '0', sizeof endless - 1);
    const char *const maps[] = { "", ",", "g", "G", "@", "1,,1", "123456789", "1 2", wide + 1, endless };
    for (size_t j = 0; j < sizeof maps / sizeof maps[0]; j++) {
        put_node("map", "1", "cpumap", maps[j], strlen(maps[j]));
        gokore_topology_desc desc = { .root = root_of("map") };
        gokore_topology *t;
        test_reports_capture();
        CHECK_STATUS(GOKORE_PARSE, gokore_topology_create(&t, &desc));
        const test_report *report = test_reports_find(GOKORE_REPORT_TOPOLOGY);
        CHECK_CONTAINS("node1/cpumap", report ? report->message : "no report");
    }
}

TEST(topology, questions_about_what_is_not_there) {
    test_only_with("NUMA=1");
    put_two_nodes("two");
    gokore_topology_desc desc = { .root = root_of("two") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK(gokore_topology_has_node(t, 0) && gokore_topology_has_node(t, 1));
    static const int absent[] = { -1, 2, 1023, 1024, 65536, -2147483647 - 1, 2147483647 };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        int node = absent[i];
        CHECK(!gokore_topology_has_node(t, node));
        CHECK_INT(-1, gokore_topology_distance(t, node, 0));
        CHECK_INT(-1, gokore_topology_distance(t, 0, node));
        CHECK_UINT(0, gokore_topology_cpus(t, node, ids, IDS));
        CHECK_UINT(0, gokore_topology_node_memory(t, node));
        CHECK(!gokore_topology_is_memory_usable(t, node));
        CHECK_UINT(0, gokore_topology_nearest(t, node, ids, IDS));
        CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_node(t, node));
    }
    CHECK_UINT(1024 * 1024, gokore_topology_node_memory(t, 1));
    CHECK_UINT(2, gokore_topology_allowed_nodes(t, ids, IDS));
    CHECK_UINT(4, gokore_topology_allowed_cpus(t, ids, IDS));
    ids[0] = ids[1] = -7;
    CHECK_UINT(2, gokore_topology_node_ids(t, ids, 1)); // full count, at most cap written
    CHECK_INT(0, ids[0]);
    CHECK_INT(-7, ids[1]);
    CHECK_UINT(2, gokore_topology_nearest(t, 1, ids, 1));
    CHECK_INT(1, ids[0]);
    CHECK_INT(-7, ids[1]);
    CHECK_UINT(2, gokore_topology_cpus(t, 1, NULL, 0));
    CHECK_CONTAINS("/sys/devices/system/node", gokore_topology_source(t));
    int node = gokore_topology_current_node(t);
    CHECK(node == -1 || gokore_topology_has_node(t, node));
    gokore_topology_destroy(t);
    gokore_topology_destroy(NULL);
}

TEST(topology, a_file_for_each_cpu_tells_where_there_is_no_list) {
    test_only_with("NUMA=1");
    static const char *const nodes[] = { "0", "1" };
    for (int i = 0; i < 2; i++) {
        put_node("old", nodes[i], "cpulist", i ? "2-3\n" : "0-1\n", 4);
        put_node("old", nodes[i], "distance", i ? "21 10\n" : "10 21\n", 6);
        put_node_memory("old", nodes[i], 1024);
    }
    put("old", "/sys/devices/system/cpu/cpu1/online", "0\n");
    put("old", "/sys/devices/system/cpu/cpu3/online", "1\n");
    gokore_topology_desc desc = { .root = root_of("old") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_STR("old: 0[0] 1[2,3] dist / 10 21 / 21 10 mem 0 1 order 0,1 warnings 0", topology_text("old", t));
    gokore_topology_destroy(t);
}

TEST(topology, memory_of_merged_nodes_is_added) {
    test_only_with("NUMA=1");
    put_two_nodes("merged");
    put_node("merged", "1", "cpulist", "0-1\n", 4);
    gokore_topology_desc desc = { .root = root_of("merged") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_UINT(1, gokore_topology_node_count(t));
    CHECK_UINT(2 * 1024 * 1024, gokore_topology_node_memory(t, 0));
    CHECK_UINT(4, gokore_topology_allowed_cpus(t, NULL, 0)); // two of them in no node
    gokore_topology_destroy(t);
}

TEST(topology, an_empty_root_is_one_node) {
    gokore_topology *t;
    gokore_topology_desc desc = { .root = root_of("not/there") };
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_UINT(1, gokore_topology_node_count(t));
    CHECK_UINT(numa_is_off() ? 0 : 1, gokore_topology_warnings(t, NULL, 0));
    CHECK_INT(10, gokore_topology_distance(t, 0, 0));
    CHECK(gokore_topology_cpus(t, 0, NULL, 0) >= 1);
    CHECK(gokore_topology_is_memory_usable(t, 0));
    gokore_topology_destroy(t);
    put("bare", "/sys/devices/system/cpu/online", "0-2\n");
    put("bare", "/proc/meminfo", "MemTotal: 64 kB\n");
    desc.root = root_of("bare");
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_UINT(3, gokore_topology_cpus(t, 0, NULL, 0));
    CHECK_UINT(65536, gokore_topology_node_memory(t, 0));
    gokore_topology_destroy(t);
    CHECK_STATUS(GOKORE_INVALID, gokore_topology_create(NULL, NULL));
    desc.allowed_cpu_count = 1;
    CHECK_STATUS(GOKORE_INVALID, gokore_topology_create(&t, &desc));
    CHECK_PTR(NULL, t);
}

TEST(topology, many_nodes) {
    test_only_with("NUMA=1");
    static char row[256 * 4];
    size_t count = 256; // ids are 3, 7, ..., 1023
    for (size_t i = 0; i < count; i++) {
        char node[16], list[16];
        (void)snprintf(node, sizeof node, "%zu", i * 4 + 3);
        (void)snprintf(list, sizeof list, "%zu\n", i * 8);
        size_t n = 0;
        for (size_t j = 0; j < count; j++)
            n += (size_t)snprintf(row + n, sizeof row - n, j ? " %zu" : "%zu", i == j ? 10 : 11 + (i > j ? i - j : j - i) % 80);
        put_node("many", node, "distance", row, n);
        put_node("many", node, "cpulist", list, strlen(list));
    }
    gokore_topology_desc desc = { .root = root_of("many") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_UINT(count, gokore_topology_node_count(t));
    CHECK_UINT(0, gokore_topology_warnings(t, NULL, 0));
    REQUIRE(gokore_topology_nearest(t, 511, ids, IDS) == count);
    CHECK_INT(511, ids[0]);
    for (size_t i = 1; i + 1 < count; i++) {
        int a = gokore_topology_distance(t, 511, ids[i]), b = gokore_topology_distance(t, 511, ids[i + 1]);
        REQUIRE(a < b || (a == b && ids[i] < ids[i + 1]));
    }
    CHECK_UINT(1, gokore_topology_cpus(t, 1023, ids, IDS));
    CHECK_INT(255 * 8, ids[0]);
    gokore_topology_destroy(t);
}

TEST(topology, any_content_is_survived) {
    test_only_with("NUMA=1");
    uint64_t rng = test_seed();
    for (int round = 0; round < 50; round++) {
        char id[32];
        (void)snprintf(id, sizeof id, "r%d", round);
        test_reports_capture();
        put_broken(id, "/sys/devices/system/cpu/online", "0-3\n", &rng);
        put_broken(id, "/sys/devices/system/node/online", "0-1\n", &rng);
        put_broken(id, "/sys/devices/system/node/possible", "0-3\n", &rng);
        put_broken(id, "/sys/devices/system/node/has_memory", "0-1\n", &rng);
        put_broken(id, "/sys/devices/system/node/node0/cpulist", "0-1\n", &rng);
        put_broken(id, "/sys/devices/system/node/node1/cpulist", "2-3:1/2\n", &rng);
        put_broken(id, "/sys/devices/system/node/node0/distance", "10 20\n", &rng);
        put_broken(id, "/sys/devices/system/node/node1/distance", "20 10\n", &rng);
        put_broken(id, "/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       1024 kB\n", &rng);
        put_broken(id, "/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       1024 kB\n", &rng);
        gokore_topology_desc desc = { .root = root_of(id) };
        gokore_topology *t;
        gokore_status st = gokore_topology_create(&t, &desc);
        CHECK_UINT(st == GOKORE_OK ? 0 : 1, test_reports_count(GOKORE_REPORT_NONE));
        CHECK(st == GOKORE_OK || (st == GOKORE_PARSE && !t));
        if (st != GOKORE_OK) continue;
        size_t n = gokore_topology_node_ids(t, ids, IDS), cpus = 0;
        CHECK(n >= 1);
        for (size_t i = 0; i < n; i++) {
            CHECK_INT(10, gokore_topology_distance(t, ids[i], ids[i]));
            cpus += gokore_topology_cpus(t, ids[i], other_ids, IDS);
        }
        CHECK(cpus <= gokore_topology_allowed_cpus(t, NULL, 0));
        gokore_topology_destroy(t);
    }
}

TEST(topology, a_failing_allocator_leaks_nothing) {
    put_two_nodes("alloc");
    test_allocator memory = { .fail_from = 0 };
    gokore_topology_desc desc = { .root = root_of("alloc"), .allocator = test_allocator_hooks(&memory) };
    gokore_topology *t = NULL;
    gokore_status st = GOKORE_NO_MEMORY;
    uint64_t n = 0;
    while (st != GOKORE_OK && n++ < 100) {
        memory = (test_allocator) { .fail_from = n };
        st = gokore_topology_create(&t, &desc);
        if (st == GOKORE_OK) break;
        CHECK_STATUS(GOKORE_NO_MEMORY, st);
        CHECK_PTR(NULL, t);
        CHECK_INT(0, gokore_atomic_load(&memory.live_blocks));
        CHECK_INT(0, gokore_atomic_load(&memory.live_bytes));
    }
    REQUIRE_STATUS(GOKORE_OK, st);
    CHECK(n > 4);
    gokore_topology_destroy(t);
    CHECK_INT(0, gokore_atomic_load(&memory.live_blocks));
    CHECK_INT(0, gokore_atomic_load(&memory.live_bytes));
    // an error path with everything allocated
    put("alloc", "/sys/devices/system/node/node1/cpulist", "broken");
    memory = (test_allocator) { .fail_from = 0 };
    test_reports_capture();
    CHECK_STATUS(numa_is_off() ? GOKORE_OK : GOKORE_PARSE, gokore_topology_create(&t, &desc));
    gokore_topology_destroy(t);
    CHECK_INT(0, gokore_atomic_load(&memory.live_blocks));
}

// ---- the real machine

static void look_at_default(void *arg) { *(const gokore_topology **)arg = gokore_topology_default(); }

TEST(machine, default_topology) {
    const gokore_topology *t = NULL;
    test_on_thread(look_at_default, &t);
    REQUIRE(t != NULL);
    CHECK_PTR(t, gokore_topology_default());
    CHECK(gokore_topology_node_count(t) >= 1);
    CHECK(gokore_topology_allowed_cpus(t, NULL, 0) >= 1);
    CHECK(gokore_topology_allowed_nodes(t, ids, IDS) >= 1);
    CHECK(gokore_topology_is_memory_usable(t, ids[0]));
    int node = gokore_topology_current_node(NULL);
    CHECK(gokore_topology_has_node(NULL, node));
    CHECK_UINT(gokore_topology_node_count(t), gokore_topology_node_count(NULL));
    gokore_topology *mine;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&mine, NULL));
    CHECK_UINT(gokore_topology_node_count(t), gokore_topology_node_count(mine));
    gokore_topology_destroy(mine);
    union { const gokore_topology *in; gokore_topology *out; } same = { t };
    gokore_topology_destroy(same.out); // left alone
    CHECK(gokore_topology_node_count(NULL) >= 1);
    test_note("%zu nodes from %s", gokore_topology_node_count(t), gokore_topology_source(t));
}

TEST(machine, elsewhere_than_on_linux_nothing_is_pinned_or_bound) {
    test_only_with("PLATFORM=POSIX");
    int node = gokore_topology_current_node(NULL);
    static char data[8192];
    CHECK(node == -1 || gokore_topology_has_node(NULL, node));
    REQUIRE(gokore_topology_allowed_nodes(NULL, &node, 1) > 0);
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_pin_thread_to_node(NULL, node));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_pin_thread_to_cpu(0));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_cpu(-1));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_memory_bind(data, sizeof data, node));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_memory_migrate(data, sizeof data, node));
    CHECK_UINT(2, gokore_numa_refusals());
    void *p = gokore_numa_alloc(10000, node); // where it is first touched
    REQUIRE(p != NULL);
    memset(p, 1, 10000);
    gokore_numa_free(p, 10000);
}

TEST(machine, pinning) {
    test_only_with("PLATFORM=LINUX");
    int node = gokore_topology_current_node(NULL);
    size_t n = gokore_topology_cpus(NULL, node, ids, IDS);
    CHECK_STATUS(GOKORE_OK, gokore_pin_thread_to_node(NULL, node));
    cpu_set_t set;
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    CHECK_INT((int)n, CPU_COUNT(&set));
    CHECK_STATUS(GOKORE_OK, gokore_pin_thread_to_cpu(ids[0]));
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    CHECK_INT(1, CPU_COUNT(&set));
    CHECK(CPU_ISSET((size_t)ids[0], &set));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_cpu(-1));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_cpu(65535));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_cpu(2147483647));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_node(NULL, -1));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pin_thread_to_node(NULL, 1022));
    if (numa_is_off()) return;
    put_two_nodes("cpuless");
    put_node("cpuless", "1", "cpulist", "\n", 1);
    gokore_topology_desc desc = { .root = root_of("cpuless") };
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    CHECK_STATUS(GOKORE_INVALID, gokore_pin_thread_to_node(t, 1));
    gokore_topology_destroy(t);
}

static void check_numa_memory(size_t size, int node) {
    unsigned char *p = (unsigned char *)gokore_numa_alloc(size, node);
    REQUIRE(p != NULL);
    CHECK_UINT(0, (uintptr_t)p % 16);
    for (size_t i = 0; i < size; i++)
        if (p[i]) CHECK_UINT(0, p[i]);
    memset(p, 0xa5, size);
    gokore_numa_free(p, size);
}

TEST(machine, numa_memory) {
    int node = gokore_topology_current_node(NULL);
    static const size_t sizes[] = { 1, 16, 4095, 4096, 4097, 1u << 20 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) check_numa_memory(sizes[i], node);
    CHECK_PTR(NULL, gokore_numa_alloc(0, node));
    CHECK_PTR(NULL, gokore_numa_alloc(SIZE_MAX, node));
    CHECK_PTR(NULL, gokore_numa_alloc(64, -1));
    CHECK_PTR(NULL, gokore_numa_alloc(64, 1022));
    gokore_numa_free(NULL, 64);
}

TEST(machine, binding_and_migrating) {
    int node = gokore_topology_current_node(NULL);
    size_t size = 1u << 20;
    char *p = (char *)gokore_numa_alloc(size, node);
    REQUIRE(p != NULL);
    memset(p, 1, size);
    uint64_t refused = gokore_numa_refusals();
    gokore_status st = gokore_memory_bind(p + 100, 5000, node);
    CHECK(st == GOKORE_OK || st == GOKORE_DENIED || st == GOKORE_UNSUPPORTED);
    gokore_status moved = gokore_memory_migrate(p, size, node);
    CHECK(moved == GOKORE_OK || moved == GOKORE_DENIED || moved == GOKORE_UNSUPPORTED || moved == GOKORE_BUSY);
    if (!numa_is_off()) CHECK_INT(st != GOKORE_OK, gokore_numa_refusals() > refused);
    test_note("bind %s, migrate %s", gokore_status_name(st), gokore_status_name(moved));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_memory_bind(p, size, 1022));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_memory_bind(p, size, -1));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_memory_migrate(p, size, 1022));
    CHECK_STATUS(GOKORE_INVALID, gokore_memory_bind(NULL, 1, node));
    CHECK_STATUS(GOKORE_INVALID, gokore_memory_bind(p, SIZE_MAX - 5, node));
    CHECK_STATUS(GOKORE_INVALID, gokore_memory_migrate(p, SIZE_MAX, node));
    gokore_status nothing = gokore_memory_bind(NULL, 0, node);
    CHECK_STATUS(numa_is_off() ? GOKORE_UNSUPPORTED : GOKORE_OK, nothing);
    for (size_t i = 0; i < size; i++)
        if (p[i] != 1) CHECK_INT(1, p[i]);
    gokore_numa_free(p, size);
}

// From now on the kernel refuses these calls to this process, as a container's seccomp profile would. False: no seccomp here.
static bool refuse_calls(const long *calls, size_t count, unsigned error) {
    struct sock_filter filter[16] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
    size_t n = 1;
    for (size_t i = 0; i < count; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], (uint8_t)(count - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
    struct sock_fprog program = { (unsigned short)n, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return true;
    test_note("no seccomp here");
    return false;
}

static const struct refusal { unsigned error; gokore_status status; } refusals[] = { { EPERM, GOKORE_DENIED }, { ENOSYS, GOKORE_UNSUPPORTED } };

static void refuse_placement(void *arg) {
    const struct refusal *refusal = (const struct refusal *)arg;
    static const long calls[] = { SYS_mbind, SYS_move_pages, SYS_get_mempolicy };
    if (!refuse_calls(calls, 3, refusal->error)) return;
    test_reports_capture();
    uint64_t before = gokore_numa_refusals();
    int node = gokore_topology_current_node(NULL);
    CHECK(gokore_topology_is_memory_usable(NULL, node));
    char *p = (char *)gokore_numa_alloc(100000, node);
    REQUIRE(p != NULL);
    memset(p, 1, 100000);
    CHECK_UINT(before + 1, gokore_numa_refusals());
    CHECK_STATUS(refusal->status, gokore_memory_bind(p, 100000, node));
    CHECK_STATUS(refusal->status, gokore_memory_migrate(p, 4096, node));
    CHECK_UINT(before + 3, gokore_numa_refusals());
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_numa_free(p, 100000);
}

static void refuse_affinity(void *arg) {
    const struct refusal *refusal = (const struct refusal *)arg;
    static const long calls[] = { SYS_sched_setaffinity, SYS_sched_getaffinity };
    if (!refuse_calls(calls, 2, refusal->error)) return;
    test_reports_capture();
    gokore_topology *t;
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, NULL));
    int node = gokore_topology_current_node(t);
    REQUIRE(gokore_topology_cpus(t, node, ids, IDS) >= 1);
    CHECK_STATUS(refusal->status, gokore_pin_thread_to_node(t, node));
    CHECK_STATUS(refusal->status, gokore_pin_thread_to_cpu(ids[0]));
    gokore_container c;
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK(c.cpus >= 1 && c.workers >= 1);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_topology_destroy(t);
}

// Files can't be opened for reading and writing any more, which a trigger needs.
static void refuse_triggers(void *arg) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_RDWR, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    bool refused = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    (void)arg;
    if (!refused) test_note("no seccomp here");
    watch_the_machine(&refused);
}

static void check_in_child(void (*fn)(void *), void *arg) {
    char out[4096];
    int status = test_in_child(fn, arg, out, sizeof out);
    if (status != 0) test_note("%s", out);
    CHECK_INT(0, status);
}

TEST(machine, refused_placement_is_counted) {
    test_only_with("NUMA=1");
    test_only_with("PLATFORM=LINUX");
    for (size_t i = 0; i < 2; i++) {
        struct refusal refusal = refusals[i];
        check_in_child(refuse_placement, &refusal);
    }
}

TEST(machine, refused_affinity_leaves_all_cpus) {
    test_only_with("NUMA=1");
    test_only_with("PLATFORM=LINUX");
    for (size_t i = 0; i < 2; i++) {
        struct refusal refusal = refusals[i];
        check_in_child(refuse_affinity, &refusal);
    }
}

TEST(machine, a_watch_polls_where_triggers_are_refused) { check_in_child(refuse_triggers, NULL); }
