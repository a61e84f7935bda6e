// test_topology_alone.c - gokore_topology.h on a system that answers as it is told to: interrupted and failing reads, calls about
// CPUs, nodes and memory that are refused. An implementation of its own, whose system calls come here.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
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
    static char memory[8192];
    int node;
    REQUIRE(gokore_topology_allowed_nodes(NULL, &node, 1) >= 1);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        uint64_t before = gokore_numa_refusals();
        fake.bind_error = fake.move_error = answers[i].error;
        CHECK_STATUS(answers[i].status, gokore_memory_bind(memory, sizeof memory, node));
        CHECK_STATUS(answers[i].status, gokore_memory_migrate(memory, sizeof memory, node));
        CHECK_UINT(before + 2, gokore_numa_refusals());
    }
    fake.bind_error = 0;
    fake.move_error = ENOENT; // no page of it was touched
    CHECK_STATUS(GOKORE_OK, gokore_memory_bind(memory, sizeof memory, node));
    CHECK_STATUS(GOKORE_OK, gokore_memory_migrate(memory, sizeof memory, node));
    fake.mmap_error = ENOMEM;
    CHECK_PTR(NULL, gokore_numa_alloc(100, node));
}

TEST(system, pages_that_stay_say_why) {
    static char memory[300 * 4096];
    static const struct { int page; gokore_status status; } pages[] = {
        { 1, GOKORE_OK },        { -ENOENT, GOKORE_OK },    { -EFAULT, GOKORE_OK },          { -EACCES, GOKORE_DENIED },
        { -EPERM, GOKORE_DENIED }, { -EBUSY, GOKORE_BUSY }, { -ENOMEM, GOKORE_NO_MEMORY },
    };
    int node;
    REQUIRE(gokore_topology_allowed_nodes(NULL, &node, 1) >= 1);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        fake.page_status = pages[i].page;
        CHECK_STATUS(pages[i].status, gokore_memory_migrate(memory, sizeof memory, node));
    }
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
