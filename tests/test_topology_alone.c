// test_topology_alone.c - gokore_topology.h on a system that answers as it is told to: interrupted and failing reads, calls about
// CPUs, nodes and memory that are refused, memory that runs out. An implementation of its own, whose system calls come here.
#include "support/scarce.h"
#include "support/test.h"

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- the system; an error of 0 = the call is passed on

static struct {
    int open_error, read_error, write_error, mmap_error, directory_error, eventfd_error;
    unsigned interrupts; // so many opens and reads end with EINTR first
    int pin_error, affinity_error, allowed_error, bind_error, move_error;
    int page_status;     // of every page that is to be moved; 1 = it is there already
    int online;          // CPUs, 0 = ask
    int cpu;             // that this runs on, -2 = ask
    const char *path;    // only files whose names end so fail to be opened or read; NULL = all
    const char *root;    // where /proc is; NULL = where it is
    bool poll_error;     // what is waited for is gone
    bool shadowed;       // such a file was the last to be opened
} fake = { .page_status = 1, .cpu = -2 };

static bool fails(int error) {
    if (error) errno = error;
    return error != 0;
}
static bool is_interrupted(void) { return fake.interrupts && fake.interrupts-- ? fails(EINTR) : false; }

static int fake_open(const char *path, int flags) {
    size_t len = strlen(path), end = fake.path ? strlen(fake.path) : 0;
    fake.shadowed = !fake.path || (len >= end && strcmp(path + len - end, fake.path) == 0);
    char below[4096];
    if (fake.root && strncmp(path, "/proc/", 6) == 0) {
        (void)snprintf(below, sizeof below, "%s%s", fake.root, path);
        path = below;
    }
    return is_interrupted() || (fake.shadowed && fails(fake.open_error)) ? -1 : open(path, flags);
}
static ssize_t fake_read(int fd, void *out, size_t cap) {
    return is_interrupted() || (fake.shadowed && fails(fake.read_error)) ? -1 : read(fd, out, cap);
}
static ssize_t fake_write(int fd, const void *data, size_t len) { return fails(fake.write_error) ? -1 : write(fd, data, len); }
static void *fake_mmap(void *at, size_t len, int access, int flags, int fd, off_t from) {
    return fails(fake.mmap_error) ? MAP_FAILED : mmap(at, len, access, flags, fd, from);
}
static DIR *fake_opendir(const char *path) { return fails(fake.directory_error) ? NULL : opendir(path); }
static int fake_eventfd(unsigned count, int flags) { return fails(fake.eventfd_error) ? -1 : eventfd(count, flags); }
static long fake_sysconf(int name) { return name == _SC_NPROCESSORS_ONLN && fake.online ? fake.online : sysconf(name); }
static int fake_poll(struct pollfd *files, nfds_t count, int ms) {
    int n = poll(files, count, fake.poll_error ? 0 : ms);
    if (fake.poll_error) files[0].revents = POLLERR;
    return n;
}
static int fake_getcpu(void) { return fake.cpu == -2 ? sched_getcpu() : fake.cpu; }

static long move_pages(size_t count, const int *nodes, int *where) {
    for (size_t i = 0; i < count; i++) where[i] = fake.page_status == 1 ? nodes[i] : fake.page_status;
    return fails(fake.move_error) ? -1 : 0;
}

// The calls that the header makes by their numbers.
static long fake_syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_move_pages) return move_pages((size_t)b, (const int *)d, (int *)e);
    int error = number == SYS_sched_setaffinity   ? fake.pin_error
                : number == SYS_sched_getaffinity ? fake.affinity_error
                : number == SYS_get_mempolicy     ? fake.allowed_error
                : number == SYS_mbind             ? fake.bind_error
                                                  : 0;
    return fails(error) ? -1 : number == SYS_mbind ? 0 : syscall(number, a, b, c, d, e, f);
}

#define GOKORE_IMPLEMENTATION
#include "../gokore_policy.h"
#define open(path, flags)            fake_open((path), (flags))
#define read(fd, out, cap)           fake_read((fd), (out), (cap))
#define write(fd, data, len)         fake_write((fd), (data), (len))
#define mmap(at, len, a, f, fd, off) fake_mmap((at), (len), (a), (f), (fd), (off))
#define opendir(path)                fake_opendir(path)
#define eventfd(count, flags)        fake_eventfd((count), (flags))
#define poll(files, count, ms)       fake_poll((files), (count), (ms))
#define sysconf(name)                fake_sysconf(name)
#define sched_getcpu()               fake_getcpu()
#define as_longs(n, a, b, c, d, e, f, ...) \
    fake_syscall((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define syscall(...)                 as_longs(__VA_ARGS__, 0, 0, 0, 0)
#include "../gokore_topology.h"

// ---- files

static const char *root_of(const char *id) {
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", test_root(), id);
    return path;
}
static void put(const char *id, const char *path, const char *text) {
    char name[4096];
    (void)snprintf(name, sizeof name, "/%s%s", id, path);
    test_root_data(name, text, strlen(text));
}
static void put_machine(const char *id) {
    put(id, "/sys/devices/system/cpu/online", "0-3\n");
    put(id, "/sys/devices/system/node/node0/cpulist", "0-1\n");
    put(id, "/sys/devices/system/node/node0/distance", "10 20\n");
    put(id, "/sys/devices/system/node/node1/cpulist", "2-3\n");
    put(id, "/sys/devices/system/node/node1/distance", "20 10\n");
    put(id, "/proc/self/cgroup", "0::/s\n");
    put(id, "/proc/self/mountinfo", "25 21 0:22 / /cg rw - cgroup2 c rw\n");
    put(id, "/cg/s/cpu.max", "250000 100000\n");
}
static gokore_container read_container(const char *id) {
    gokore_container c;
    gokore_container_desc desc = { root_of(id), 8, NULL };
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, &desc));
    return c;
}
static gokore_topology *read_topology(const char *id) {
    gokore_topology *t = NULL;
    gokore_topology_desc desc = { .root = root_of(id) };
    CHECK_STATUS(GOKORE_OK, gokore_topology_create(&t, &desc));
    REQUIRE(t != NULL);
    return t;
}

TEST(files, interrupted_reading_goes_on) {
    put_machine("m");
    for (unsigned n = 1; n < 6; n++) {
        fake.interrupts = n;
        CHECK_UINT(3, read_container("m").workers);
        CHECK_UINT(0, fake.interrupts);
        fake.interrupts = n;
        gokore_topology *t = read_topology("m");
        CHECK_UINT(2, gokore_topology_node_count(t));
        CHECK_INT(20, gokore_topology_distance(t, 0, 1));
        gokore_topology_destroy(t);
    }
}

TEST(files, what_cannot_be_read_is_not_there) {
    put_machine("m");
    fake.path = "/cpu.max";
    fake.open_error = EACCES;
    CHECK_UINT(8, read_container("m").workers);
    fake.open_error = 0;
    fake.read_error = EIO;
    gokore_container c = read_container("m");
    CHECK_UINT(8, c.workers);
    CHECK_UINT(0, c.warnings);
    fake.path = "node1/distance";
    gokore_topology *t = read_topology("m");
    CHECK_UINT(2, gokore_topology_node_count(t));
    CHECK_UINT(1, gokore_topology_warnings(t, NULL, 0));
    gokore_topology_destroy(t);
    fake.read_error = 0;
    fake.directory_error = EMFILE;
    t = read_topology("m");
    CHECK_UINT(1, gokore_topology_node_count(t)); // no list of nodes: the machine is one
    CHECK_UINT(4, gokore_topology_cpus(t, 0, NULL, 0));
    gokore_topology_destroy(t);
}

// Calls fn with each allocation refused in turn, until it has all that it asks for: every answer but the last is NO_MEMORY, and
// nothing is left behind.
static void check_memory(const char *what, gokore_status (*fn)(void)) {
    gokore_status status = GOKORE_NO_MEMORY;
    uint64_t n = 1;
    for (; status == GOKORE_NO_MEMORY && n < 500; n++) {
        int64_t before = scarce.live;
        refuse_from(n);
        status = fn();
        refuse_from(0);
        CHECK_INT(before, scarce.live);
    }
    (void)test_check_status(GOKORE_OK, status, __FILE__, __LINE__, what);
    CHECK(n > 3);
}
static gokore_status make_topology(const char *root) {
    gokore_topology *t = NULL;
    gokore_topology_desc desc = { .root = root };
    gokore_status status = gokore_topology_create(&t, &desc);
    CHECK((t != NULL) == (status == GOKORE_OK));
    gokore_topology_destroy(t);
    return status;
}
static gokore_status make_fake_topology(void) { return make_topology(root_of("m")); }
static gokore_status make_real_topology(void) { return make_topology(""); }
static gokore_status read_fake_container(void) {
    gokore_container c;
    gokore_container_desc desc = { root_of("m"), 8, NULL };
    gokore_status status = gokore_container_read(&c, &desc);
    CHECK_UINT(status == GOKORE_OK ? 3 : 8, c.workers); // without memory the CPUs count
    return status;
}
static gokore_status refresh_fake_container(void) {
    gokore_container c = { .workers = 77 };
    gokore_container_desc desc = { root_of("m"), 8, NULL };
    bool changed = true;
    gokore_status status = gokore_container_refresh(&c, &desc, &changed);
    CHECK_INT(status == GOKORE_OK, changed);
    CHECK_UINT(status == GOKORE_OK ? 3 : 77, c.workers);
    return status;
}
static gokore_status read_fake_pressure(void) {
    gokore_pressure p;
    gokore_status status = gokore_container_pressure(root_of("m"), &p);
    CHECK(status == GOKORE_OK ? p.memory_some_avg10 > 1 : p.memory_some_avg10 == 0);
    return status;
}
static void ignore_limits(const gokore_container *c, void *user) {
    (void)c;
    (void)user;
}
static gokore_status watch_fake_limits(void) {
    static char root[4096]; // lives as long as the watch
    (void)snprintf(root, sizeof root, "%s", root_of("m"));
    gokore_pressure_watch_desc desc = { .container = { root, 8, NULL }, .interval_ns = 1000000, .limits_fn = ignore_limits };
    gokore_status status = gokore_pressure_watch_start(NULL, NULL, &desc);
    gokore_pressure_watch_stop();
    return status;
}

TEST(no_memory, is_told_and_nothing_is_left) {
    put_machine("m");
    put("m", "/proc/pressure/memory", "some avg10=1.50 total=0\n");
    put("m", "/proc/self/oom_score_adj", "1000\n");
    put("m", "/proc/meminfo", "MemTotal: 1000 kB\n");
    put("m", "/cg/s/memory.max", "4096\n");
    put("m", "/cg/s/cpu.stat", "nr_periods 1\n");
    put("m", "/var/run/secrets/kubernetes.io/serviceaccount/namespace", "shop\n");
    REQUIRE(setenv("KUBERNETES_SERVICE_HOST", "h", 1) == 0);
    check_memory("a topology of files", make_fake_topology);
    check_memory("a topology", make_real_topology);
    check_memory("a container", read_fake_container);
    check_memory("a container again", refresh_fake_container);
    check_memory("pressure", read_fake_pressure);
    check_memory("a watch", watch_fake_limits);
}

TEST(no_memory, the_machine_is_one_cpu_until_there_is_some) {
    refuse_from(1);
    const gokore_topology *least = gokore_topology_default();
    CHECK_UINT(1, gokore_topology_node_count(NULL));
    CHECK_UINT(1, gokore_topology_allowed_cpus(NULL, NULL, 0));
    CHECK_STR("none", gokore_topology_source(NULL));
    CHECK_UINT(1, gokore_topology_warnings(NULL, NULL, 0));
    CHECK(gokore_container_worker_count(NULL, 0) >= 1);
    gokore_container c;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_provider_get()->container(NULL, &c));
    CHECK_INT(0, gokore_limit_memory_bytes().value); // what is not known is no limit
    refuse_from(0);
    gokore_topology *mine;
    memcpy(&mine, &least, sizeof mine);
    gokore_topology_destroy(mine); // is nobody's
    CHECK(gokore_topology_default() != least);
    CHECK(strcmp("none", gokore_topology_source(NULL)) != 0);
}

TEST(no_memory, a_watch_waits_for_some) {
    put_machine("m");
    put("m", "/proc/pressure/memory", "some avg10=0.00 total=0\n");
    static char root[4096];
    (void)snprintf(root, sizeof root, "%s", root_of("m"));
    gokore_pressure_watch_desc desc = { .container = { root, 8, NULL }, .interval_ns = 100000 };
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(NULL, NULL, &desc));
    refuse_from(1);
    put("m", "/proc/pressure/memory", "some avg10=60.00 total=0\n");
    while (scarce.asked < 20) gokore_yield_(); // it looks, and has no memory
    CHECK_INT(GOKORE_PRESSURE_NONE, gokore_pressure_watch_level());
    refuse_from(0);
    while (gokore_pressure_watch_level() != GOKORE_PRESSURE_CRITICAL) gokore_yield_();
    gokore_pressure_watch_stop();
}

// ---- CPUs and nodes

TEST(system, without_affinity_all_cpus_count) {
    fake.affinity_error = ENOSYS;
    fake.online = 5;
    gokore_container c;
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK_UINT(5, c.cpus);
    fake.online = -1; // not even that
    CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK_UINT(1, c.cpus);
}

TEST(system, without_the_kernels_word_its_status_tells_of_memory) {
    gokore_topology *t[2];
    for (int i = 0; i < 2; i++) {
        fake.allowed_error = i ? EPERM : 0;
        REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t[i], NULL));
    }
    CHECK_UINT(gokore_topology_allowed_nodes(t[0], NULL, 0), gokore_topology_allowed_nodes(t[1], NULL, 0));
    gokore_topology_destroy(t[1]);
    fake.path = "/proc/self/status";
    fake.open_error = EACCES; // nobody says: all of them
    REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t[1], NULL));
    CHECK_UINT(gokore_topology_node_count(t[1]), gokore_topology_allowed_nodes(t[1], NULL, 0));
    gokore_topology_destroy(t[0]);
    gokore_topology_destroy(t[1]);
}

TEST(system, its_status_may_say_nothing_of_memory) {
    static const struct { const char *text; size_t nodes; } rows[] = {
        { "Name: x\nMems_allowed_list:\t0,1020\nThreads: 1\n", 1 }, { "Mems_allowed_list:\t0\n", 0 }, { "Name: x\nMems_allowed_list:\tx\n", 0 },
        { "Name: x\nMems_allowed_list:\t\n", 0 },               { "Name: x\n", 0 },
    };
    static char root[4096];
    (void)snprintf(root, sizeof root, "%s", root_of("s"));
    fake.allowed_error = ENOSYS;
    fake.root = root;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("s", "/proc/self/status", rows[i].text);
        gokore_topology *t;
        REQUIRE_STATUS(GOKORE_OK, gokore_topology_create(&t, NULL));
        size_t all = gokore_topology_node_count(t); // where nothing is said, all of them
        CHECK_UINT(rows[i].nodes ? rows[i].nodes : all, gokore_topology_allowed_nodes(t, NULL, 0));
        gokore_topology_destroy(t);
    }
}

static char told_id[128];
static void keep_id(const gokore_report *report, void *user) {
    (void)user;
    (void)snprintf(told_id, sizeof told_id, "%s", report->container_id);
}
#define HEX64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(system, reports_carry_the_first_id_that_is_found) {
    static const struct { const char *group, *id; } steps[] = {
        { "0::/\n", "" },
        { "0::/kubepods/burstable/pod12\n", "" },
        { "0::/docker/" HEX64 "\n", HEX64 },
        { "0::/docker/bbbbbbbbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", HEX64 },
        { "0::/kubepods/burstable/pod34\n", HEX64 },
        { "0::/\n", HEX64 },
    };
    static char root[4096];
    (void)snprintf(root, sizeof root, "%s", root_of("s"));
    fake.root = root;
    gokore_report_set(keep_id, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        put("s", "/proc/self/cgroup", steps[i].group);
        gokore_container c;
        CHECK_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
        gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "", "a report");
        CHECK_STR(steps[i].id, told_id);
    }
    gokore_report_set(NULL, NULL);
}

TEST(system, where_a_thread_runs_may_be_unknown) {
    put_machine("m");
    gokore_topology *t = read_topology("m");
    fake.cpu = 3;
    CHECK_INT(1, gokore_topology_current_node(t));
    int by_kernel = gokore_thread_node_();
    fake.cpu = -1;
    CHECK_INT(by_kernel == 0 || by_kernel == 1 ? by_kernel : -1, gokore_topology_current_node(t));
    fake.cpu = 77;
    CHECK_INT(by_kernel == 0 || by_kernel == 1 ? by_kernel : -1, gokore_topology_current_node(t));
    gokore_topology_destroy(t);
}

static const struct { int error; gokore_status status; } answers[] = {
    { EPERM, GOKORE_DENIED },       { EACCES, GOKORE_DENIED },   { ENOSYS, GOKORE_UNSUPPORTED }, { ENODEV, GOKORE_UNSUPPORTED },
    { EFAULT, GOKORE_INVALID },     { EINVAL, GOKORE_INVALID },  { ENOMEM, GOKORE_NO_MEMORY },   { EIO, GOKORE_SYSTEM },
};

TEST(system, refused_pinning_says_why) {
    static const struct { int error; gokore_status status; } pins[] = {
        { EPERM, GOKORE_DENIED }, { EACCES, GOKORE_DENIED }, { ENOSYS, GOKORE_UNSUPPORTED }, { EINVAL, GOKORE_NOT_FOUND }, { ESRCH, GOKORE_SYSTEM },
    };
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        fake.pin_error = pins[i].error;
        CHECK_STATUS(pins[i].status, gokore_pin_thread_to_cpu(0));
    }
}

TEST(system, refused_memory_says_why_and_is_counted) {
    static char block[8192];
    int node;
    REQUIRE(gokore_topology_allowed_nodes(NULL, &node, 1) >= 1);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        uint64_t before = gokore_numa_refusals();
        fake.bind_error = fake.move_error = answers[i].error;
        CHECK_STATUS(answers[i].status, gokore_memory_bind(block, sizeof block, node));
        CHECK_STATUS(answers[i].status, gokore_memory_migrate(block, sizeof block, node));
        CHECK_UINT(before + 2, gokore_numa_refusals());
    }
    fake.bind_error = 0;
    fake.move_error = ENOENT; // no page of it was touched
    CHECK_STATUS(GOKORE_OK, gokore_memory_bind(block, sizeof block, node));
    CHECK_STATUS(GOKORE_OK, gokore_memory_migrate(block, sizeof block, node));
    fake.mmap_error = ENOMEM;
    CHECK_PTR(NULL, gokore_numa_alloc(100, node));
}

TEST(system, pages_that_stay_say_why) {
    static char block[300 * 4096];
    static const struct { int page; gokore_status status; } pages[] = {
        { 1, GOKORE_OK },        { -ENOENT, GOKORE_OK },    { -EFAULT, GOKORE_OK },          { -EACCES, GOKORE_DENIED },
        { -EPERM, GOKORE_DENIED }, { -EBUSY, GOKORE_BUSY }, { -ENOMEM, GOKORE_NO_MEMORY },
    };
    int node;
    REQUIRE(gokore_topology_allowed_nodes(NULL, &node, 1) >= 1);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        fake.page_status = pages[i].page;
        CHECK_STATUS(pages[i].status, gokore_memory_migrate(block, sizeof block, node));
    }
}

static gokore_status from_within;
static gokore_atomic_u32 called;
static void start_within(int node, const gokore_pressure *p, void *user) {
    (void)node;
    (void)p;
    (void)user;
    from_within = gokore_pressure_watch_start(NULL, NULL, NULL);
    gokore_pressure_watch_stop(); // would wait for itself
    gokore_atomic_store(&called, 1);
}

TEST(system, a_watch_is_not_started_or_stopped_from_within) {
    put_machine("m");
    put("m", "/proc/pressure/memory", "some avg10=60.00 total=0\n");
    static char root[4096];
    (void)snprintf(root, sizeof root, "%s", root_of("m"));
    gokore_pressure_watch_desc desc = { .container = { root, 8, NULL }, .interval_ns = INT64_MAX };
    REQUIRE_STATUS(GOKORE_OK, gokore_pressure_watch_start(start_within, NULL, &desc));
    while (gokore_atomic_load(&called) == 0) gokore_yield_();
    CHECK_INT(GOKORE_PRESSURE_CRITICAL, gokore_pressure_watch_level());
    gokore_pressure_watch_stop();
    CHECK_STATUS(GOKORE_BUSY, from_within);
}

TEST(system, a_watch_goes_on_when_its_group_is_gone) {
    gokore_pressure_watch_desc desc = { .interval_ns = 1000000 };
    fake.poll_error = true;
    gokore_status status = gokore_pressure_watch_start(NULL, NULL, &desc);
    CHECK(status == GOKORE_OK || status == GOKORE_UNSUPPORTED);
    while (gokore_pressure_watch_is_triggered()) gokore_yield_();
    gokore_pressure_watch_stop();
}

TEST(system, a_watch_looks_where_it_cannot_be_woken) {
    gokore_pressure p;
    gokore_pressure_watch_desc desc = { .interval_ns = 1000000 };
    if (gokore_container_pressure(NULL, &p) != GOKORE_OK) test_note("no stall figures here");
    for (int i = 0; i < 2; i++) {
        fake.write_error = i ? 0 : EINVAL; // a window that only root may ask for
        fake.eventfd_error = i ? EMFILE : 0;
        gokore_status status = gokore_pressure_watch_start(NULL, NULL, &desc);
        CHECK(status == GOKORE_OK || status == GOKORE_UNSUPPORTED);
        CHECK(!gokore_pressure_watch_is_triggered());
        gokore_pressure_watch_stop();
    }
}
#else
TEST(system, is_linux) { test_only_with("PLATFORM=LINUX"); }
#endif
