// gokore_topology.h - v0.1.0 - MIT                             the machine and the container the process runs in
//
// WHAT     Which NUMA nodes there are, how far apart, with which CPUs and how much memory; putting threads and memory on
//          them; and what the container leaves of the machine: CPU quota, memory limit, service class, identity. The
//          number of threads a pool should have comes from here.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_topology.h"
//
// NEEDS    gokore_atomic.h gokore_policy.h; link with -pthread. Elsewhere than on Linux the machine is one node with all CPUs, there are no limits
//          of a container but those in the environment, and binding and pinning answer GOKORE_UNSUPPORTED.
//
// EXAMPLE
//      #include <stdio.h>
//      #include "gokore_topology.h"
//      int look_around(void) {
//          gokore_container c;
//          if (gokore_container_read(&c, NULL) != GOKORE_OK) return -1;
//          printf("%u workers, because of %s\n", gokore_container_worker_count(&c, 0), c.source);
//          const gokore_topology *t = gokore_topology_default();
//          int nodes[64];
//          size_t n = gokore_topology_nearest(t, gokore_topology_current_node(t), nodes, 64);
//          for (size_t i = 0; i < n && i < 64; i++)
//              printf("node %d: %zu CPUs\n", nodes[i], gokore_topology_cpus(t, nodes[i], NULL, 0));
//          return 0;
//      }
//
// OPTIONS  GOKORE_NUMA           [impl]  1   0: every machine is one node 0 with all CPUs; nothing is bound or migrated
//          GOKORE_HWLOC          [impl]  0   1: hwloc (2.0 or newer; link with -lhwloc) is asked for nodes, their CPUs, memory and
//                                            distances. Where it does not find the CPUs and nodes that are online, the
//                                            files tell.
//                                            A fake root is passed on in the environment, HWLOC_FSROOT, for that long.
//          GOKORE_WORKERS_ROUND  [impl]  GOKORE_ROUND_CEIL   a quota of 2.5 CPUs gives 3 workers; GOKORE_ROUND_FLOOR: 2
//          GOKORE_MIN_WORKERS    [impl]  1   no quota gives fewer workers than this; the CPUs still may
//          GOKORE_OVERSUBSCRIBE  [impl]  1   how many workers a caller may ask for per worker that the limits allow
//
// CONCEPTS
//   Topology     A description read once and never changed; read it again by making a new one. It lists the nodes that
//                are online, with the CPUs that are online and that the calling thread may use (sched_getaffinity). A
//                CPU belongs to one node. Nodes without CPUs are places for memory, nodes without memory (or whose
//                memory the process may not use) take theirs from the nearest node that has some.
//   Distance     As the firmware gives it: 10 is local, 255 can't be reached, from a to b is not always from b to a.
//                Where it says nothing usable: 10 and 20.
//   Warnings     What was odd and how it was read, as text. A file that can't be read at all is a report with the
//                file's name and a failed gokore_topology_create.
//   Placement    A node is a preference: a full node never makes an allocation fail. Where the system refuses to bind
//                memory (seccomp does in many containers), the memory stays usable, lands where it is first touched,
//                and gokore_numa_refusals() counts it.
//   Container    Limits come from cgroups v1, v2, or both, as the smallest of all levels from the process's group up
//                to the mount point. Nothing found is no error: the CPUs of the machine are the limit then.
//   QoS          Taken from the first that says something: GOKORE_QOS_CLASS; the cgroup's path; GOKORE_REQ_CPU,
//                GOKORE_LIM_CPU, GOKORE_REQ_MEM, GOKORE_LIM_MEM (requests and limits by the downward API, CPUs with
//                divisor 1m; REQUEST, LIMIT and MEMORY may be spelt out); oom_score_adj, inside Kubernetes.
//   Environment  GOKORE_MAX_WORKERS takes the place of what CPUs and quota allow; GOKORE_MAX_LOCKS; GOKORE_POD_UID or
//                POD_UID, GOKORE_NAMESPACE or POD_NAMESPACE where the cgroup's path tells no more.
//   Root         Every file is looked for below a root directory, so that odd machines can be test data. NULL and ""
//                are the real machine.

#ifndef GOKORE_TOPOLOGY_H
#define GOKORE_TOPOLOGY_H 100 // 0.1.0

#include "gokore_atomic.h"
#include "gokore_policy.h"
#if GOKORE_ATOMIC_H != 100 || GOKORE_POLICY_H != 100
#error "gokore_topology.h 0.1.0 needs gokore_atomic.h and gokore_policy.h 0.1.0: copy headers from one release"
#endif

// >>options
#define GOKORE_ROUND_CEIL  0
#define GOKORE_ROUND_FLOOR 1
#ifndef GOKORE_WORKERS_ROUND
#define GOKORE_WORKERS_ROUND GOKORE_ROUND_CEIL
#endif
#ifndef GOKORE_MIN_WORKERS
#define GOKORE_MIN_WORKERS 1
#endif
#ifndef GOKORE_OVERSUBSCRIBE
#define GOKORE_OVERSUBSCRIBE 1
#endif
#if GOKORE_WORKERS_ROUND != GOKORE_ROUND_CEIL && GOKORE_WORKERS_ROUND != GOKORE_ROUND_FLOOR
#error "GOKORE_WORKERS_ROUND must be GOKORE_ROUND_CEIL or GOKORE_ROUND_FLOOR"
#elif GOKORE_MIN_WORKERS < 1 || GOKORE_MIN_WORKERS > 65536
#error "GOKORE_MIN_WORKERS must be 1 to 65536"
#elif GOKORE_OVERSUBSCRIBE < 1 || GOKORE_OVERSUBSCRIBE > 1024
#error "GOKORE_OVERSUBSCRIBE must be 1 to 1024"
#endif
// An option that is a word instead of a number stops here.
GOKORE_STATIC_ASSERT_((GOKORE_WORKERS_ROUND) + (GOKORE_MIN_WORKERS) + (GOKORE_OVERSUBSCRIBE) >= 2, "options are numbers");

#ifdef __cplusplus
extern "C" {
#endif

// >>topology
typedef struct gokore_topology gokore_topology;

typedef struct gokore_topology_desc {
    const char *root;           // default NULL = the real machine; else a directory that holds sys/ and proc/
    const int *allowed_cpus;    // default NULL = the calling thread's affinity; below a fake root: all
    size_t allowed_cpu_count;   // ids that don't exist are ignored
    const int *allowed_nodes;   // whose memory may be used; default NULL = as the kernel says; below a fake root: all
    size_t allowed_node_count;
    gokore_allocator allocator; // default the C heap
} gokore_topology_desc;

// Reads the machine. desc may be NULL. PARSE: a file is not what it should be, and a report names it; INVALID, NO_MEMORY.
// Reads files, so it may block. The topology may be used by any number of threads.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_topology_create(gokore_topology **out, const gokore_topology_desc *desc);
// NULL and the default topology are left alone. No other thread may use the topology.
GOKORE_API void gokore_topology_destroy(gokore_topology *topology);
// The real machine, read at the first call with the affinity of the process's main thread; never NULL, lives as long as
// the process. Any thread; the first call may block. Every function below takes NULL for it.
GOKORE_API const gokore_topology *gokore_topology_default(void);

// The functions below never block; those that fill an array return the full count and write at most cap ids.
GOKORE_API size_t gokore_topology_node_count(const gokore_topology *topology);
// Ascending. Ids have holes and reach 1023.
GOKORE_API size_t gokore_topology_node_ids(const gokore_topology *topology, int *out, size_t cap);
GOKORE_API bool gokore_topology_has_node(const gokore_topology *topology, int node);
// 10 local, 255 unreachable, -1 no such node.
GOKORE_API int gokore_topology_distance(const gokore_topology *topology, int from, int to);
// The node's CPUs that may be used, ascending; 0 for a node without, or no such node.
GOKORE_API size_t gokore_topology_cpus(const gokore_topology *topology, int node, int *out, size_t cap);
// All the node's memory in bytes, 0 = none or not known.
GOKORE_API uint64_t gokore_topology_node_memory(const gokore_topology *topology, int node);
// The node has memory, and the process may use it.
GOKORE_API bool gokore_topology_is_memory_usable(const gokore_topology *topology, int node);
// The order to steal and allocate in: the node itself, then by distance, then by id. Left out: what can't be reached, and
// nodes with neither CPUs nor memory that may be used.
GOKORE_API size_t gokore_topology_nearest(const gokore_topology *topology, int from, int *out, size_t cap);
// The nodes whose memory the process is allowed to use, ascending.
GOKORE_API size_t gokore_topology_allowed_nodes(const gokore_topology *topology, int *out, size_t cap);
// The online CPUs that may be used, ascending, of all nodes and of none.
GOKORE_API size_t gokore_topology_allowed_cpus(const gokore_topology *topology, int *out, size_t cap);
// What was odd; the texts live as long as the topology.
GOKORE_API size_t gokore_topology_warnings(const gokore_topology *topology, const char **out, size_t cap);
// What the nodes were read from.
GOKORE_API const char *gokore_topology_source(const gokore_topology *topology);
// The node of the CPU that the calling thread runs on right now; -1 = none of this topology.
GOKORE_API int gokore_topology_current_node(const gokore_topology *topology);

// >>placement: acts on the real machine, whatever root the topology was read from
// The calling thread runs on the node's usable CPUs from now on. NOT_FOUND: no such node; INVALID: a node without usable
// CPUs; DENIED or UNSUPPORTED: the system refuses, the thread runs where it did. With GOKORE_NUMA=0 node 0 is OK and nothing
// is done.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pin_thread_to_node(const gokore_topology *topology, int node);
// The calling thread runs on this CPU only. NOT_FOUND: no such CPU, or the process may not use it; DENIED, UNSUPPORTED.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pin_thread_to_cpu(int cpu);
// Pages of this range that are touched from now on come from node (or, where that has no usable memory, from the nearest
// that has some) as long as it has room. Whole pages: what shares the first and the last page goes along. NOT_FOUND: no
// such node; DENIED or UNSUPPORTED: the system or GOKORE_NUMA=0 refuses, the memory is as good as before; INVALID.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_memory_bind(void *addr, size_t len, int node);
// Moves the pages that were already touched. The same answers, and BUSY: some pages could not be moved.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_memory_migrate(void *addr, size_t len, int node);
// Zeroed memory in pages of its own, preferably on node; where binding is refused it lands where it is first touched.
// NULL: no memory, size 0, no such node. Free it with the same size. Any thread.
GOKORE_API void *gokore_numa_alloc(size_t size, int node);
GOKORE_API void gokore_numa_free(void *p, size_t size);
// How often the system refused to bind or migrate since the process began.
GOKORE_API uint64_t gokore_numa_refusals(void);

// >>container
typedef struct gokore_container_desc {
    const char *root;                      // default NULL = the real machine
    unsigned cpus;                         // CPUs the process may use; default 0 = the calling thread's affinity
    char *(*getenv_fn)(const char *name);  // default NULL = getenv
} gokore_container_desc;

typedef struct gokore_container {
    uint64_t quota_num, quota_den; // CPU quota in CPUs as a fraction, 0/0 = none
    uint64_t cpu_weight;           // cpu.weight of v2, cpu.shares of v1, 0 = not known; no limit
    unsigned cpus;                 // CPUs the process may use
    unsigned workers;              // what gokore_container_worker_count(c, 0) answers
    unsigned max_workers;          // GOKORE_MAX_WORKERS, 0 = not given
    unsigned max_locks;            // GOKORE_MAX_LOCKS, 0 = no limit
    uint64_t memory_limit;         // bytes, 0 = none
    uint64_t memory_high;          // bytes above which the kernel slows the process down, 0 = none
    uint64_t memory_current;       // bytes used by the group, 0 = not known
    gokore_qos qos;                // GOKORE_QOS_DEFAULT = nothing says
    int cgroup_version;            // of the hierarchy that rules the CPU (if none does: the memory): 1, 2; 0 = none
    int numa_node;                 // the calling thread's, -1 = not known or not the real machine
    unsigned warnings;             // values that were ignored; each was a report of id TOPOLOGY
    bool approximate;              // the group's directory was not there: limits are those of a group above it
    char container_id[65];         // 64 hex digits, "" = none known
    char pod_uid[64];              // "" = none known
    char namespace_name[64];       // of Kubernetes, "" = none known
    char source[512];              // what decided workers, as file:value or name:value
    char memory_source[512];       // what decided memory_limit, "" = nothing
    char qos_source[64];           // what decided qos, "" = nothing
} gokore_container;

// Reads what the container allows. desc may be NULL. Missing files are no error; NO_MEMORY leaves cpus and workers right
// and the rest empty. After a read of the real machine, reports carry the container's id. Any thread; reads files.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_container_read(gokore_container *out, const gokore_container_desc *desc);
// Reads again what may change while the process runs: limits, usage, CPUs; class, ids and environment stay. changed (may be
// NULL): quota, CPUs, workers, or memory limits are not what they were. What is odd is counted in warnings and not reported
// again. Anything but OK leaves container as it was. Opens the files anew, so that a process moved to another group is
// followed. For a thread that may block, once a second or more seldom, not for each task. Any thread; reads files.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_container_refresh(gokore_container *container, const gokore_container_desc *desc,
                                                                   bool *changed);
// How many threads to compute with. base 0: min(cpus, quota rounded up). base > 0: at most base, at most
// GOKORE_OVERSUBSCRIBE times that. GOKORE_MAX_WORKERS, as it was at the read, takes the place of cpus and quota. At least
// 1. container NULL = the real machine, read now; else never blocks.
GOKORE_API unsigned gokore_container_worker_count(const gokore_container *container, unsigned base);
// How much memory to spend for speed (batch sizes, caches, free lists), in percent of what is usual: 100 when half of the
// memory limit is used, 400 at a fifth and below, 25 at four fifths and above. utilization 0..1 of the limit; negative =
// memory_current by memory_limit, and 100 where there is none.
GOKORE_API int gokore_container_reclaim_percent(const gokore_container *container, double utilization);

// >>pressure
typedef enum gokore_pressure_level {
    GOKORE_PRESSURE_NONE,
    GOKORE_PRESSURE_LOW,      // memory stalls some tasks 1 % of the last ten seconds or more
    GOKORE_PRESSURE_MEDIUM,   // 10 %
    GOKORE_PRESSURE_HIGH,     // 25 %, or all tasks 10 %
    GOKORE_PRESSURE_CRITICAL  // 50 %, or all tasks 25 %
} gokore_pressure_level;
typedef struct gokore_pressure { // percent of the last ten seconds in which some, or all, tasks waited for the resource
    gokore_pressure_level level; // by memory alone: CPU stalls can't be told from the container's own quota
    double cpu_some_avg10, cpu_full_avg10;
    double memory_some_avg10, memory_full_avg10;
    double io_some_avg10, io_full_avg10;
    gokore_pressure_level quota_level; // of the CPU periods since the watch's last look, how many the quota cut short, by the
                                       // same percents; NONE where there is no last look
    uint64_t cpu_periods;              // of the quota, since the group was made; 0 = no quota, or not known
    uint64_t cpu_throttled_periods;    // in which the quota was used up; of all groups up to the mount point
    uint64_t cpu_throttled_ns;         // for how long threads had to wait then
} gokore_pressure;

// Reads the kernel's pressure stall figures once, of the process's group, or else of the machine, and how often the CPU
// quota was used up. UNSUPPORTED: there are no stall figures; NO_MEMORY. root as in gokore_container_desc. Any thread; reads
// files.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_container_pressure(const char *root, gokore_pressure *out);

// Called on the watch's thread with no lock held: both may use the library, and must not start or stop the watch. node is
// -1, the whole container: the kernel tells of no single node.
typedef void gokore_pressure_fn(int node, const gokore_pressure *pressure, void *user);
typedef void gokore_container_fn(const gokore_container *container, void *user);
typedef struct gokore_pressure_watch_desc {
    gokore_container_desc container; // which one; its texts must live as long as the watch. cpus 0 = the main thread's affinity
    int64_t interval_ns;             // how often to look; default 0 = 2 s
    bool polls_only;                 // default false: where the kernel lets the process ask, it wakes the watch when memory
                                     // stalls begin, at the earliest two seconds after it last did
    gokore_container_fn *limits_fn;  // default NULL; told when gokore_container_refresh finds that something changed
} gokore_pressure_watch_desc;

// Starts the process's one watch, a thread that calls fn whenever level or quota_level is not what it was (NONE in the
// beginning). There, level also obeys the share of the time since the last look, which rises sooner than avg10. fn NULL:
// nothing is called, for gokore_pressure_watch_level. desc NULL = the defaults. BUSY: there is a watch; UNSUPPORTED: nothing
// to watch, that is no stall figures, no quota figures, no limits_fn; INVALID, NO_MEMORY, SYSTEM. Any thread; reads files.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pressure_watch_start(gokore_pressure_fn *fn, void *user,
                                                                      const gokore_pressure_watch_desc *desc);
// Ends the watch and waits for its thread; no call of fn after that. Harmless without a watch. A forked child has none, and may
// start its own. Any thread but the watch's.
GOKORE_API void gokore_pressure_watch_stop(void);
// What the watch found last; NONE without a watch. Any thread, never blocks.
GOKORE_API gokore_pressure_level gokore_pressure_watch_level(void);
// The kernel wakes the watch; false: it looks every interval_ns only, or there is none. Any thread, never blocks.
GOKORE_API bool gokore_pressure_watch_is_triggered(void);

#ifdef __cplusplus
}
#endif
#endif // GOKORE_TOPOLOGY_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_TOPOLOGY_IMPLEMENTED_)
#define GOKORE_TOPOLOGY_IMPLEMENTED_
#include "gokore_atomic.h"
#include "gokore_policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
#include <sys/mman.h>
#endif
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#endif
#if GOKORE_HWLOC
#include <hwloc.h>
#endif

// >>platform: files, pages, CPUs; what calls the kernel about CPUs and nodes comes after the sets
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
static int gokore_topology_open_(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }

static ptrdiff_t gokore_topology_read_(int fd, void *out, size_t cap) { return read(fd, out, cap); }

static size_t gokore_topology_page_(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static long gokore_topology_online_(void) { return sysconf(_SC_NPROCESSORS_ONLN); }

static void *gokore_numa_map_(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void gokore_numa_unmap_(void *p, size_t size) { (void)munmap(p, size); }
#else
static int gokore_topology_open_(const char *path) { return _open(path, _O_RDONLY | _O_BINARY | _O_NOINHERIT); }

static ptrdiff_t gokore_topology_read_(int fd, void *out, size_t cap) { return _read(fd, out, cap < 65536 ? (unsigned)cap : 65536); }

static size_t gokore_topology_page_(void) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

static long gokore_topology_online_(void) { return (long)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS); }

static void *gokore_numa_map_(size_t size) { return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }

static void gokore_numa_unmap_(void *p, size_t size) {
    (void)size;
    (void)VirtualFree(p, 0, MEM_RELEASE);
}
#endif

// >>files
#define GOKORE_TOPOLOGY_SMALL_ ((size_t)64 << 10) // most that one value or list may have
#define GOKORE_TOPOLOGY_LARGE_ ((size_t)64 << 20) // most that mountinfo may have: overlay lines alone reach 100 kB

typedef struct gokore_topology_text_ { // bytes with a terminator behind them
    char *data;
    size_t len, cap;
} gokore_topology_text_;

typedef struct gokore_topology_files_ { // the machine's files, below root
    const char *root;
    const gokore_allocator *allocator;
    gokore_topology_text_ path, text; // the last file's
} gokore_topology_files_;

static bool gokore_topology_reserve_(const gokore_allocator *allocator, gokore_topology_text_ *t, size_t len) {
    if (len < t->cap) return true;
    size_t cap = t->cap ? t->cap : 256;
    while (cap <= len) cap *= 2;
    char *data = (char *)gokore_alloc_(allocator, cap, sizeof(void *));
    if (!data) return false;
    if (t->data) memcpy(data, t->data, t->len);
    data[t->len] = 0;
    gokore_free_(allocator, t->data, t->cap);
    t->data = data;
    t->cap = cap;
    return true;
}

static bool gokore_topology_append_(const gokore_allocator *allocator, gokore_topology_text_ *t, const char *p, size_t len) {
    if (!gokore_topology_reserve_(allocator, t, t->len + len)) return false;
    memcpy(t->data + t->len, p, len);
    t->len += len;
    t->data[t->len] = 0;
    return true;
}

static void gokore_topology_release_(const gokore_allocator *allocator, gokore_topology_text_ *t) {
    gokore_free_(allocator, t->data, t->cap);
    *t = (gokore_topology_text_) { NULL, 0, 0 };
}

static void gokore_topology_close_(gokore_topology_files_ *f) {
    gokore_topology_release_(f->allocator, &f->path);
    gokore_topology_release_(f->allocator, &f->text);
}

// The name of the last file as the machine would call it, without the root.
static const char *gokore_topology_file_(const gokore_topology_files_ *f) { return f->path.data + strlen(f->root); }

static bool gokore_topology_name_(gokore_topology_files_ *f, const char *format, va_list args) {
    f->path.len = 0;
    if (!gokore_topology_append_(f->allocator, &f->path, f->root, strlen(f->root))) return false;
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    bool ok = n >= 0 && gokore_topology_reserve_(f->allocator, &f->path, f->path.len + (size_t)n);
    if (ok) {
        (void)vsnprintf(f->path.data + f->path.len, (size_t)n + 1, format, again);
        f->path.len += (size_t)n;
    }
    va_end(again);
    return ok;
}

static gokore_status gokore_topology_slurp_(gokore_topology_files_ *f, int fd, size_t most) {
    f->text.len = 0;
    for (;;) {
        size_t want = f->text.len + 4096;
        if (!gokore_topology_reserve_(f->allocator, &f->text, want)) return GOKORE_NO_MEMORY;
        ptrdiff_t n = gokore_topology_read_(fd, f->text.data + f->text.len, f->text.cap - f->text.len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return GOKORE_NOT_FOUND;
        f->text.len += (size_t)n;
        f->text.data[f->text.len] = 0;
        if (n == 0) return GOKORE_OK;
        if (f->text.len > most) return GOKORE_LIMIT;
    }
}

// Reads a whole file. NOT_FOUND: there is none to read; LIMIT: more than most bytes.
static GOKORE_PRINTF_(3) gokore_status gokore_topology_load_(gokore_topology_files_ *f, size_t most, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool named = gokore_topology_name_(f, format, args);
    va_end(args);
    if (!named) return GOKORE_NO_MEMORY;
    int fd;
    do fd = gokore_topology_open_(f->path.data);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return GOKORE_NOT_FOUND;
    gokore_status st = gokore_topology_slurp_(f, fd, most);
    (void)close(fd);
    return st;
}

static GOKORE_PRINTF_(2) gokore_status gokore_topology_directory_(gokore_topology_files_ *f, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool named = gokore_topology_name_(f, format, args);
    va_end(args);
    if (!named) return GOKORE_NO_MEMORY;
    struct stat info;
    return stat(f->path.data, &info) == 0 && S_ISDIR(info.st_mode) ? GOKORE_OK : GOKORE_NOT_FOUND;
}

// >>text
typedef struct gokore_topology_span_ { // a piece of a text; p NULL = no such piece
    const char *p;
    size_t len;
} gokore_topology_span_;

static bool gokore_topology_is_blank_(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == 0; }

static bool gokore_topology_is_digit_(char c) { return c >= '0' && c <= '9'; }

static gokore_topology_span_ gokore_topology_trim_(const char *p, size_t len) {
    while (len && gokore_topology_is_blank_(p[0])) p++, len--;
    while (len && gokore_topology_is_blank_(p[len - 1])) len--;
    return (gokore_topology_span_) { p, len };
}

static bool gokore_topology_is_(gokore_topology_span_ s, const char *text) {
    return s.p && s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static bool gokore_topology_starts_(gokore_topology_span_ s, const char *text) {
    size_t len = strlen(text);
    return s.len >= len && memcmp(s.p, text, len) == 0;
}

static bool gokore_topology_ends_(gokore_topology_span_ s, const char *text) {
    size_t len = strlen(text);
    return s.len >= len && memcmp(s.p + s.len - len, text, len) == 0;
}

// Takes the piece up to the separator off the front of rest. False once the last piece was taken.
static bool gokore_topology_cut_(gokore_topology_span_ *rest, char separator, gokore_topology_span_ *piece) {
    if (!rest->p) return false;
    const char *at = rest->len ? (const char *)memchr(rest->p, separator, rest->len) : NULL;
    *piece = *rest;
    if (!at) {
        *rest = (gokore_topology_span_) { NULL, 0 };
        return true;
    }
    piece->len = (size_t)(at - rest->p);
    *rest = (gokore_topology_span_) { at + 1, rest->len - piece->len - 1 };
    return true;
}

// Takes decimal digits off the front. False: none, or more than 64 bits; then the front is where it was.
static bool gokore_topology_number_(gokore_topology_span_ *s, uint64_t *out) {
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->len && gokore_topology_is_digit_(s->p[i]); i++) {
        uint64_t digit = (uint64_t)(s->p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    if (i == 0) return false;
    *out = v;
    s->p += i;
    s->len -= i;
    return true;
}

// The value of a line "MemTotal: 16 kB" or "key 16", in bytes.
static bool gokore_topology_field_(const gokore_topology_text_ *text, const char *key, uint64_t *out) {
    gokore_topology_span_ rest = { text->data, text->len }, line;
    while (gokore_topology_cut_(&rest, '\n', &line)) {
        const char *at = NULL;
        for (size_t i = 0; !at && i + strlen(key) <= line.len; i++)
            if (memcmp(line.p + i, key, strlen(key)) == 0 && (i == 0 || line.p[i - 1] == ' ')) at = line.p + i + strlen(key);
        if (!at || !gokore_topology_is_blank_(*at)) continue;
        gokore_topology_span_ value = gokore_topology_trim_(at, line.len - (size_t)(at - line.p));
        uint64_t v;
        if (!gokore_topology_number_(&value, &v)) return false;
        bool kilo = gokore_topology_is_(value, " kB");
        if (!kilo && value.len) return false;
        *out = !kilo ? v : v > UINT64_MAX / 1024 ? UINT64_MAX : v * 1024;
        return true;
    }
    return false;
}

// >>sets of ids, in the kernel's form
#define GOKORE_TOPOLOGY_CPUS_  65536 // ids are below
#define GOKORE_TOPOLOGY_NODES_ 1024
#define GOKORE_TOPOLOGY_WORD_  (sizeof(unsigned long) * 8)
typedef struct gokore_topology_set_ {
    unsigned long words[GOKORE_TOPOLOGY_CPUS_ / GOKORE_TOPOLOGY_WORD_];
} gokore_topology_set_;
#define GOKORE_TOPOLOGY_WORDS_ (sizeof(gokore_topology_set_) / sizeof(unsigned long))

static void gokore_topology_put_(gokore_topology_set_ *s, size_t id) {
    s->words[id / GOKORE_TOPOLOGY_WORD_] |= 1UL << id % GOKORE_TOPOLOGY_WORD_;
}

static bool gokore_topology_in_(const gokore_topology_set_ *s, size_t id) {
    return s->words[id / GOKORE_TOPOLOGY_WORD_] >> id % GOKORE_TOPOLOGY_WORD_ & 1;
}

// The first id at or after this one; GOKORE_TOPOLOGY_CPUS_ = none.
static size_t gokore_topology_next_(const gokore_topology_set_ *s, size_t id) {
    while (id < GOKORE_TOPOLOGY_CPUS_) {
        unsigned long word = s->words[id / GOKORE_TOPOLOGY_WORD_] >> id % GOKORE_TOPOLOGY_WORD_;
        if (word) return id + (size_t)__builtin_ctzl(word);
        id = (id / GOKORE_TOPOLOGY_WORD_ + 1) * GOKORE_TOPOLOGY_WORD_;
    }
    return GOKORE_TOPOLOGY_CPUS_;
}

static size_t gokore_topology_size_(const gokore_topology_set_ *s) {
    size_t n = 0;
    for (size_t i = 0; i < GOKORE_TOPOLOGY_WORDS_; i++) n += (size_t)__builtin_popcountl(s->words[i]);
    return n;
}

static void gokore_topology_keep_(gokore_topology_set_ *s, const gokore_topology_set_ *other) {
    for (size_t i = 0; i < GOKORE_TOPOLOGY_WORDS_; i++) s->words[i] &= other->words[i];
}

static void gokore_topology_join_(gokore_topology_set_ *s, const gokore_topology_set_ *other) {
    for (size_t i = 0; i < GOKORE_TOPOLOGY_WORDS_; i++) s->words[i] |= other->words[i];
}

static void gokore_topology_fill_(gokore_topology_set_ *s, const int *ids, size_t count) {
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0 && ids[i] < GOKORE_TOPOLOGY_CPUS_) gokore_topology_put_(s, (size_t)ids[i]);
}

// One item of a list: "3", "0-7", or "0-31:2/8", the first 2 of each 8. *left: how many ids may still be looked at.
static bool gokore_topology_item_(gokore_topology_span_ item, size_t limit, size_t *left, gokore_topology_set_ *set) {
    uint64_t first, last, used = 1, group = 1;
    item = gokore_topology_trim_(item.p, item.len);
    if (!gokore_topology_number_(&item, &first)) return false;
    last = first;
    if (item.len) {
        if (*item.p != '-') return false;
        item.p++, item.len--;
        if (!gokore_topology_number_(&item, &last) || last < first) return false;
    }
    if (item.len) {
        if (*item.p != ':') return false;
        item.p++, item.len--;
        if (!gokore_topology_number_(&item, &used) || !item.len || *item.p != '/') return false;
        item.p++, item.len--;
        if (!gokore_topology_number_(&item, &group) || group == 0 || used > group || item.len) return false;
    }
    if (last >= limit || last - first >= *left) return false;
    *left -= (size_t)(last - first + 1);
    for (uint64_t id = first; id <= last; id++)
        if ((id - first) % group < used) gokore_topology_put_(set, (size_t)id);
    return true;
}

// A list as the kernel writes it: "0-3,8". Blanks and NULs around items are dropped; empty is the empty set. Items may say the
// same, but not without end.
static bool gokore_topology_list_(const gokore_topology_text_ *text, size_t limit, gokore_topology_set_ *set) {
    memset(set, 0, sizeof *set);
    gokore_topology_span_ rest = gokore_topology_trim_(text->data, text->len), item;
    size_t left = 4 * limit;
    if (rest.len == 0) return true;
    while (gokore_topology_cut_(&rest, ',', &item))
        if (!gokore_topology_item_(item, limit, &left, set)) return false;
    return true;
}

static int gokore_topology_hex_(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A map as the kernel writes it: "00000000,000000ff", words of 32 bits, the highest first.
static bool gokore_topology_map_(const gokore_topology_text_ *text, gokore_topology_set_ *set) {
    memset(set, 0, sizeof *set);
    gokore_topology_span_ s = gokore_topology_trim_(text->data, text->len);
    size_t base = 0, digits = 0;
    for (; s.len; s.len--) {
        char c = s.p[s.len - 1];
        if (c == ',') {
            if (digits == 0) return false;
            base += 32;
            digits = 0;
            continue;
        }
        int v = gokore_topology_hex_(c);
        if (v < 0 || digits == 8) return false;
        for (size_t bit = 0; bit < 4; bit++) {
            size_t id = base + digits * 4 + bit;
            if (!(v >> bit & 1)) continue;
            if (id >= GOKORE_TOPOLOGY_CPUS_) return false;
            gokore_topology_put_(set, id);
        }
        digits++;
    }
    return digits > 0;
}

// >>platform: Linux. Where a machine has no such system call its number is -1, and the kernel says so.
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#define GOKORE_TOPOLOGY_SYSFS_    1
#define GOKORE_TOPOLOGY_CPUS_BY_  "affinity" // where a number of CPUs comes from
#if defined(SYS_mbind) && defined(SYS_move_pages) && defined(SYS_get_mempolicy)
#define GOKORE_NUMA_SYS_MBIND_         SYS_mbind
#define GOKORE_NUMA_SYS_MOVE_PAGES_    SYS_move_pages
#define GOKORE_NUMA_SYS_GET_MEMPOLICY_ SYS_get_mempolicy
#else
#define GOKORE_NUMA_SYS_MBIND_         (-1)
#define GOKORE_NUMA_SYS_MOVE_PAGES_    (-1)
#define GOKORE_NUMA_SYS_GET_MEMPOLICY_ (-1)
#endif
#define GOKORE_NUMA_PREFERRED_    1 // MPOL_PREFERRED: another node where this one is full
#define GOKORE_NUMA_MEMS_ALLOWED_ 4 // MPOL_F_MEMS_ALLOWED
#define GOKORE_NUMA_MOVE_         2 // MPOL_MF_MOVE

// The CPUs that thread may use (0 = the calling one). False: the system does not say.
static bool gokore_topology_affinity_(pid_t thread, gokore_topology_set_ *set) {
    memset(set, 0, sizeof *set);
    return syscall(SYS_sched_getaffinity, thread, sizeof set->words, set->words) > 0 && gokore_topology_size_(set) > 0;
}

static int gokore_topology_this_cpu_(void) { return sched_getcpu(); } // -1 = not known

static gokore_status gokore_numa_pin_(const gokore_topology_set_ *set) {
    if (syscall(SYS_sched_setaffinity, 0, sizeof set->words, set->words) == 0) return GOKORE_OK;
    if (errno == EINVAL) return GOKORE_NOT_FOUND;
    return errno == EPERM || errno == EACCES ? GOKORE_DENIED : errno == ENOSYS ? GOKORE_UNSUPPORTED : GOKORE_SYSTEM;
}

// The three answer 0 or an errno.
static int gokore_numa_mems_allowed_(gokore_topology_set_ *set) {
    return syscall(GOKORE_NUMA_SYS_GET_MEMPOLICY_, NULL, set->words, GOKORE_TOPOLOGY_NODES_ + 1UL, NULL, GOKORE_NUMA_MEMS_ALLOWED_) == 0 ? 0 : errno;
}

static int gokore_numa_mbind_(void *start, size_t size, const unsigned long *nodes) {
    return syscall(GOKORE_NUMA_SYS_MBIND_, start, size, GOKORE_NUMA_PREFERRED_, nodes, GOKORE_TOPOLOGY_NODES_ + 1UL, 0) == 0 ? 0 : errno;
}

static int gokore_numa_move_pages_(size_t count, void **pages, const int *nodes, int *where) {
    return syscall(GOKORE_NUMA_SYS_MOVE_PAGES_, 0, count, pages, nodes, where, GOKORE_NUMA_MOVE_) >= 0 ? 0 : errno;
}

// The kernel's pressure triggers, Documentation/accounting/psi.rst. 2 s is the only window that an unprivileged process may ask
// for; 20 ms of it are the one percent that GOKORE_PRESSURE_LOW begins with. -1: the kernel does not let us.
static int gokore_pressure_arm_at_(const char *path) {
    static const char trigger[] = "some 20000 2000000"; // the terminator goes along, the kernel wants it
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || write(fd, trigger, sizeof trigger) == (ssize_t)sizeof trigger) return fd;
    (void)close(fd);
    return -1;
}

static int gokore_pressure_bell_(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static void gokore_pressure_ring_(int bell) {
    uint64_t one = 1;
    ssize_t n = write(bell, &one, sizeof one); // nobody reads it: there is room for one
    (void)n;
}

// Until the trigger fires, the bell rings, or so many nanoseconds are over. False: the trigger's group is gone.
static bool gokore_pressure_poll_(int trigger, int bell, int64_t ns) {
    struct pollfd files[2] = { { trigger, POLLPRI, 0 }, { bell, POLLIN, 0 } };
    int64_t ms = (ns - 1) / 1000000 + 1;
    (void)poll(files, 2, ms > INT32_MAX ? INT32_MAX : (int)ms);
    return !(files[0].revents & (POLLERR | POLLNVAL));
}
#endif

// >>platform: everything else: no nodes, no affinity
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_LINUX_
#define GOKORE_TOPOLOGY_SYSFS_    0
#define GOKORE_TOPOLOGY_CPUS_BY_  "system"

static bool gokore_topology_affinity_(pid_t thread, gokore_topology_set_ *set) {
    (void)thread;
    memset(set, 0, sizeof *set);
    return false;
}

static int gokore_topology_this_cpu_(void) { return -1; }

static gokore_status gokore_numa_pin_(const gokore_topology_set_ *set) {
    (void)set;
    return GOKORE_UNSUPPORTED;
}

static int gokore_numa_mems_allowed_(gokore_topology_set_ *set) {
    (void)set;
    return ENOSYS;
}

static int gokore_pressure_arm_at_(const char *path) {
    (void)path;
    return -1;
}

static int gokore_pressure_bell_(void) { return -1; }

static void gokore_pressure_ring_(int bell) { (void)bell; }

static bool gokore_pressure_poll_(int trigger, int bell, int64_t ns) {
    (void)trigger, (void)bell, (void)ns;
    return false;
}

static int gokore_numa_mbind_(void *start, size_t size, const unsigned long *nodes) {
    (void)start, (void)size, (void)nodes;
    return ENOSYS;
}

static int gokore_numa_move_pages_(size_t count, void **pages, const int *nodes, int *where) {
    (void)count, (void)pages, (void)nodes, (void)where;
    return ENOSYS;
}
#endif

static bool gokore_topology_affinity_or_count_(pid_t thread, gokore_topology_set_ *set) {
    if (gokore_topology_affinity_(thread, set)) return true;
    long n = gokore_topology_online_();
    memset(set, 0, sizeof *set);
    gokore_topology_put_(set, 0);
    for (long i = 1; i < n && i < GOKORE_TOPOLOGY_CPUS_; i++) gokore_topology_put_(set, (size_t)i);
    return false;
}

// >>topology: its parts
#define GOKORE_TOPOLOGY_NONE_       0xffffu // no node
#define GOKORE_TOPOLOGY_FAR_        255     // no way there
#define GOKORE_TOPOLOGY_WARNINGS_   16
typedef struct gokore_topology_node_ {
    int id;
    bool allowed;    // its memory may be used
    bool has_memory;
    bool lists_cpus; // while reading
    uint64_t memory;
    size_t first, count; // of cpus
} gokore_topology_node_;

struct gokore_topology {
    gokore_allocator allocator;
    gokore_topology_node_ *nodes; // by id
    uint8_t *distances;           // rows: from
    int *cpus;                    // usable ones, node by node
    int *allowed_cpus;
    uint16_t *owners;             // by CPU id: index into nodes
    size_t node_count, node_room, distance_room, cpu_count, allowed_cpu_count, owner_count;
    const char *source;
    size_t warning_count;
    char warnings[GOKORE_TOPOLOGY_WARNINGS_][192];
};

typedef struct gokore_topology_build_ { // what is needed while reading
    gokore_topology_files_ files;
    gokore_topology *t;
    const gokore_topology_desc *desc;
    struct hwloc_topology *hwloc; // NULL = the files tell
    pid_t thread;                 // whose affinity counts
    bool real, knows_cpus, one_node;
    gokore_topology_set_ cpus, allowed, list, first, other, online, possible, allowed_nodes, with_memory;
    bool knows_possible, knows_memory;
    uint16_t owners[GOKORE_TOPOLOGY_CPUS_];
    int row[GOKORE_TOPOLOGY_NODES_];
} gokore_topology_build_;

static GOKORE_PRINTF_(2) void gokore_topology_warn_(gokore_topology *t, const char *format, ...) {
    if (t->warning_count == GOKORE_TOPOLOGY_WARNINGS_) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(t->warnings[t->warning_count++], sizeof t->warnings[0], format, args);
    va_end(args);
}

static gokore_status gokore_topology_broken_(const gokore_topology_build_ *b, const char *what) {
    const char *file = gokore_topology_file_(&b->files);
    gokore_reportf_(GOKORE_REPORT_TOPOLOGY, file, "%.300s: %s", file, what);
    return GOKORE_PARSE;
}

// A file that holds a list, if there is one: OK, NOT_FOUND, NO_MEMORY, or PARSE after a report.
static gokore_status gokore_topology_list_file_(gokore_topology_build_ *b, gokore_status loaded, size_t limit,
                                                gokore_topology_set_ *set) {
    if (loaded == GOKORE_LIMIT) return gokore_topology_broken_(b, "too long for a list of ids");
    if (loaded != GOKORE_OK) return loaded;
    if (!gokore_topology_list_(&b->files.text, limit, set)) return gokore_topology_broken_(b, "not a list of ids");
    return GOKORE_OK;
}

static gokore_status gokore_topology_optional_(gokore_status st, bool *found) {
    *found = st == GOKORE_OK;
    return st == GOKORE_NOT_FOUND ? GOKORE_OK : st;
}

// >>topology: hwloc
#if GOKORE_HWLOC
static void gokore_hwloc_set_(hwloc_const_bitmap_t from, size_t limit, gokore_topology_set_ *to) {
    memset(to, 0, sizeof *to);
    for (int id = -1; (id = hwloc_bitmap_next(from, id)) >= 0 && (size_t)id < limit;) gokore_topology_put_(to, (size_t)id);
}

// hwloc takes another root from the environment only.
static int gokore_hwloc_load_(hwloc_topology_t h, const char *root) {
    static gokore_latch_ latch;
    static char before[4096];
    if (!root[0]) return hwloc_topology_load(h);
    gokore_latch_lock_(&latch);
    const char *value = getenv("HWLOC_FSROOT");
    bool had = value && strlen(value) < sizeof before;
    if (had) memcpy(before, value, strlen(value) + 1);
    int rc = setenv("HWLOC_FSROOT", root, 1) == 0 ? hwloc_topology_load(h) : -1;
    if (had)
        (void)setenv("HWLOC_FSROOT", before, 1);
    else
        (void)unsetenv("HWLOC_FSROOT");
    gokore_latch_unlock_(&latch);
    return rc;
}

// hwloc aborts on an empty list of nodes, and complains on stderr where it does not find what it reads. b->list: the nodes
// that the files tell of.
static bool gokore_hwloc_may_(gokore_topology_build_ *b) {
    size_t first = b->knows_cpus ? gokore_topology_next_(&b->cpus, 0) : 0;
    if (!GOKORE_NUMA) return false;
    if (!GOKORE_TOPOLOGY_SYSFS_ && b->real) return true;
    if (gokore_topology_size_(&b->list) == 0) return false;
    return gokore_topology_directory_(&b->files, "/sys/devices/system/cpu/cpu%zu/topology", first) == GOKORE_OK;
}

// A node without CPUs gets those that are near, which is something else.
static bool gokore_hwloc_shares_(gokore_topology_build_ *b, hwloc_topology_t h) {
    memset(&b->other, 0, sizeof b->other);
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, o)) != NULL;) {
        gokore_hwloc_set_(o->cpuset, GOKORE_TOPOLOGY_CPUS_, &b->first);
        for (size_t i = 0; i < GOKORE_TOPOLOGY_WORDS_; i++)
            if (b->first.words[i] & b->other.words[i]) return true;
        gokore_topology_join_(&b->other, &b->first);
    }
    return false;
}

// hwloc always answers something; it knows the machine if it found the CPUs and the nodes that are online, each CPU in one of
// them. Where there are no files to tell of nodes, it is believed.
static bool gokore_hwloc_knows_(gokore_topology_build_ *b, hwloc_topology_t h) {
    bool files = gokore_topology_size_(&b->list) > 0;
    if (hwloc_get_root_obj(h)->total_memory == 0 || gokore_hwloc_shares_(b, h)) return false;
    gokore_hwloc_set_(hwloc_topology_get_topology_cpuset(h), GOKORE_TOPOLOGY_CPUS_, &b->first);
    gokore_hwloc_set_(hwloc_topology_get_topology_nodeset(h), GOKORE_TOPOLOGY_NODES_, &b->other);
    if (b->knows_cpus && memcmp(&b->first, &b->cpus, sizeof b->first) != 0) return false;
    if (files && memcmp(&b->other, &b->list, sizeof b->other) != 0) return false;
    b->cpus = b->first;
    b->list = b->other;
    b->knows_cpus = true;
    return true;
}

static void gokore_hwloc_open_(gokore_topology_build_ *b) {
    hwloc_topology_t h;
    if (!gokore_hwloc_may_(b) || hwloc_topology_init(&h) != 0) return;
    bool ok = hwloc_topology_set_flags(h, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) == 0;      // what is allowed is found out here
    (void)hwloc_topology_set_all_types_filter(h, HWLOC_TYPE_FILTER_KEEP_NONE);               // but CPUs, nodes, and groups of CPUs
    (void)hwloc_topology_set_type_filter(h, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE); // that share a node
    (void)hwloc_topology_set_components(h, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86"); // moves the thread over all CPUs
    if (ok && gokore_hwloc_load_(h, b->files.root) == 0 && gokore_hwloc_knows_(b, h)) {
        b->hwloc = h;
        b->t->source = "hwloc";
    } else {
        hwloc_topology_destroy(h);
    }
}

static void gokore_hwloc_close_(gokore_topology_build_ *b) {
    if (b->hwloc) hwloc_topology_destroy(b->hwloc);
}

static uint64_t gokore_hwloc_memory_(const gokore_topology_build_ *b, int id) {
    return hwloc_get_numanode_obj_by_os_index(b->hwloc, (unsigned)id)->attr->numanode.local_memory;
}

static void gokore_hwloc_node_cpus_(gokore_topology_build_ *b, int id) {
    gokore_hwloc_set_(hwloc_get_numanode_obj_by_os_index(b->hwloc, (unsigned)id)->cpuset, GOKORE_TOPOLOGY_CPUS_, &b->list);
}

// Fills row i of the distances from a matrix in which node j stands in column b->row[j].
static bool gokore_hwloc_row_(gokore_topology_build_ *b, size_t i, const struct hwloc_distances_s *d) {
    gokore_topology *t = b->t;
    for (size_t j = 0; j < t->node_count; j++) {
        hwloc_uint64_t v = d->values[(size_t)b->row[i] * d->nbobjs + (size_t)b->row[j]];
        if (v < 10 || v > GOKORE_TOPOLOGY_FAR_) return false;
        t->distances[i * t->node_count + j] = (uint8_t)v;
    }
    return t->distances[i * t->node_count + i] == 10;
}

static bool gokore_hwloc_distances_(gokore_topology_build_ *b) {
    gokore_topology *t = b->t;
    struct hwloc_distances_s *d = NULL;
    unsigned count = 1;
    if (hwloc_distances_get_by_name(b->hwloc, "NUMALatency", &count, &d, 0) != 0 || count == 0) return false;
    size_t found = 0;
    for (size_t j = 0; j < t->node_count; j++)
        for (unsigned k = 0; k < d->nbobjs; k++)
            if ((int)d->objs[k]->os_index == t->nodes[j].id) b->row[j] = (int)k, found++;
    bool usable = found == t->node_count;
    for (size_t i = 0; usable && i < t->node_count; i++) usable = gokore_hwloc_row_(b, i, d);
    hwloc_distances_release(b->hwloc, d);
    return usable;
}
#else
static void gokore_hwloc_open_(gokore_topology_build_ *b) { b->hwloc = NULL; }

static void gokore_hwloc_close_(gokore_topology_build_ *b) { (void)b; }

static uint64_t gokore_hwloc_memory_(const gokore_topology_build_ *b, int id) {
    (void)b, (void)id;
    return 0;
}

static void gokore_hwloc_node_cpus_(gokore_topology_build_ *b, int id) { (void)b, (void)id; }

static bool gokore_hwloc_distances_(gokore_topology_build_ *b) {
    (void)b;
    return false;
}
#endif

// >>topology: CPUs of the machine
static gokore_status gokore_topology_read_cpus_(gokore_topology_build_ *b) {
    gokore_status st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/cpu/online");
    st = gokore_topology_list_file_(b, st, GOKORE_TOPOLOGY_CPUS_, &b->cpus);
    st = gokore_topology_optional_(st, &b->knows_cpus);
    if (b->knows_cpus && gokore_topology_size_(&b->cpus) == 0) b->knows_cpus = false;
    if (b->desc->allowed_cpus)
        gokore_topology_fill_(&b->allowed, b->desc->allowed_cpus, b->desc->allowed_cpu_count);
    else if (!b->real || !gokore_topology_affinity_(b->thread, &b->allowed))
        memset(&b->allowed, 0xff, sizeof b->allowed);
    return st;
}

// >>topology: nodes
static void gokore_topology_found_(gokore_topology_build_ *b, const char *name) {
    gokore_topology_span_ digits = { name + 4, strlen(name) - 4 };
    uint64_t id;
    if (digits.len > 1 && *digits.p == '0') return;
    if (!gokore_topology_number_(&digits, &id) || digits.len) return;
    if (id < GOKORE_TOPOLOGY_NODES_)
        gokore_topology_put_(&b->list, (size_t)id);
    else
        gokore_topology_warn_(b->t, "%.40s: node ids end at %d, this one is ignored", name, GOKORE_TOPOLOGY_NODES_ - 1);
}

// The nodeN directories, into b->list.
static gokore_status gokore_topology_scan_(gokore_topology_build_ *b) {
    memset(&b->list, 0, sizeof b->list);
    gokore_status st = gokore_topology_directory_(&b->files, "/sys/devices/system/node");
    if (st != GOKORE_OK) return st == GOKORE_NOT_FOUND ? GOKORE_OK : st;
    DIR *directory = opendir(b->files.path.data);
    if (!directory) return GOKORE_OK;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (strncmp(entry->d_name, "node", 4) == 0) gokore_topology_found_(b, entry->d_name);
    (void)closedir(directory);
    for (size_t id = 0; (id = gokore_topology_next_(&b->list, id)) < GOKORE_TOPOLOGY_CPUS_; id++) {
        st = gokore_topology_directory_(&b->files, "/sys/devices/system/node/node%zu", id);
        if (st == GOKORE_NO_MEMORY) return st;
        if (st != GOKORE_OK) b->list.words[id / GOKORE_TOPOLOGY_WORD_] &= ~(1UL << id % GOKORE_TOPOLOGY_WORD_);
    }
    return GOKORE_OK;
}

static gokore_status gokore_topology_read_node_lists_(gokore_topology_build_ *b) {
    bool found = false;
    gokore_status st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/online");
    st = gokore_topology_list_file_(b, st, GOKORE_TOPOLOGY_NODES_, &b->online);
    st = gokore_topology_optional_(st, &found);
    if (st == GOKORE_OK && !found) b->online = b->list;
    if (st == GOKORE_OK) {
        st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/possible");
        st = gokore_topology_list_file_(b, st, GOKORE_TOPOLOGY_NODES_, &b->possible);
        st = gokore_topology_optional_(st, &b->knows_possible);
    }
    if (st == GOKORE_OK) {
        st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/has_memory");
        st = gokore_topology_list_file_(b, st, GOKORE_TOPOLOGY_NODES_, &b->with_memory);
        st = gokore_topology_optional_(st, &b->knows_memory);
    }
    return st;
}

// The nodes that are online, into b->list.
static gokore_status gokore_topology_find_nodes_(gokore_topology_build_ *b) {
    b->t->source = "sysfs:/sys/devices/system/node";
    gokore_status st = GOKORE_NUMA ? gokore_topology_scan_(b) : GOKORE_OK;
    if (st == GOKORE_OK && gokore_topology_size_(&b->list) > 0) {
        st = gokore_topology_read_node_lists_(b);
        gokore_topology_keep_(&b->list, &b->online);
    }
    if (st == GOKORE_OK) gokore_hwloc_open_(b);
    return st;
}

static gokore_status gokore_topology_read_nodes_(gokore_topology_build_ *b) {
    gokore_topology *t = b->t;
    gokore_status st = gokore_topology_find_nodes_(b);
    if (st != GOKORE_OK) return st;
    if (gokore_topology_size_(&b->list) == 0) {
        b->one_node = true;
        gokore_topology_put_(&b->list, 0);
        if (GOKORE_NUMA && (GOKORE_TOPOLOGY_SYSFS_ || !b->real))
            gokore_topology_warn_(t, "/sys/devices/system/node: no node there, all CPUs are one node 0");
        t->source = !GOKORE_NUMA ? "GOKORE_NUMA=0" : b->knows_cpus ? "sysfs:/sys/devices/system/cpu/online" : GOKORE_TOPOLOGY_CPUS_BY_;
    }
    t->node_room = t->node_count = gokore_topology_size_(&b->list);
    t->nodes = (gokore_topology_node_ *)gokore_alloc_zeroed_(&t->allocator, t->node_room * sizeof *t->nodes, sizeof(void *));
    if (!t->nodes) return GOKORE_NO_MEMORY;
    size_t id = 0;
    for (size_t i = 0; i < t->node_count; i++, id++) {
        id = gokore_topology_next_(&b->list, id);
        t->nodes[i].id = (int)id;
    }
    return GOKORE_OK;
}

// >>topology: memory
// The nodes whose memory the process may use, as the kernel says; false: it does not.
static bool gokore_topology_mems_(gokore_topology_build_ *b) {
    memset(&b->allowed_nodes, 0, sizeof b->allowed_nodes);
    if (gokore_numa_mems_allowed_(&b->allowed_nodes) == 0) return gokore_topology_size_(&b->allowed_nodes) > 0;
    if (gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/proc/self/status") != GOKORE_OK) return false;
    const char *at = strstr(b->files.text.data, "\nMems_allowed_list:");
    if (!at) return false;
    at += strlen("\nMems_allowed_list:");
    gokore_topology_text_ *text = &b->files.text;
    size_t len = strcspn(at, "\n");
    memmove(text->data, at, len);
    text->data[text->len = len] = 0;
    return gokore_topology_list_(text, GOKORE_TOPOLOGY_NODES_, &b->allowed_nodes) &&
           gokore_topology_size_(&b->allowed_nodes) > 0;
}

static gokore_status gokore_topology_read_node_memory_(gokore_topology_build_ *b, gokore_topology_node_ *node) {
    size_t id = (size_t)node->id;
    gokore_status st = b->one_node ? gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/proc/meminfo")
                                   : gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_,
                                                           "/sys/devices/system/node/node%zu/meminfo", id);
    if (st == GOKORE_NO_MEMORY) return st;
    bool known = st == GOKORE_OK && gokore_topology_field_(&b->files.text, "MemTotal:", &node->memory);
    if (!known && st != GOKORE_NOT_FOUND) gokore_topology_warn_(b->t, "%.120s: no MemTotal there", gokore_topology_file_(&b->files));
    node->has_memory = !known || node->memory > 0;
    if (!b->one_node && b->knows_memory && !gokore_topology_in_(&b->with_memory, id)) node->has_memory = false;
    return GOKORE_OK;
}

static gokore_status gokore_topology_read_memory_(gokore_topology_build_ *b) {
    if (b->desc->allowed_nodes)
        gokore_topology_fill_(&b->allowed_nodes, b->desc->allowed_nodes, b->desc->allowed_node_count);
    else if (!b->real || b->one_node || !gokore_topology_mems_(b))
        memset(&b->allowed_nodes, 0xff, sizeof b->allowed_nodes);
    gokore_status st = GOKORE_OK;
    for (size_t i = 0; st == GOKORE_OK && i < b->t->node_count; i++) {
        gokore_topology_node_ *node = &b->t->nodes[i];
        node->allowed = gokore_topology_in_(&b->allowed_nodes, (size_t)node->id);
        if (b->hwloc)
            node->memory = gokore_hwloc_memory_(b, node->id), node->has_memory = node->memory > 0;
        else
            st = gokore_topology_read_node_memory_(b, node);
    }
    return st;
}

// >>topology: CPUs of the nodes
static gokore_status gokore_topology_read_node_cpus_(gokore_topology_build_ *b, int id) {
    memset(&b->list, 0, sizeof b->list);
    if (b->hwloc) {
        gokore_hwloc_node_cpus_(b, id);
        return GOKORE_OK;
    }
    gokore_status st =
        gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/node%d/cpulist", id);
    st = gokore_topology_list_file_(b, st, GOKORE_TOPOLOGY_CPUS_, &b->list);
    if (st != GOKORE_NOT_FOUND) return st;
    st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/node%d/cpumap", id);
    if (st == GOKORE_LIMIT || (st == GOKORE_OK && !gokore_topology_map_(&b->files.text, &b->list)))
        return gokore_topology_broken_(b, "not a map of CPUs");
    if (st == GOKORE_NOT_FOUND) {
        gokore_topology_warn_(b->t, "node%d: neither cpulist nor cpumap there, taken for a node without CPUs", id);
        return GOKORE_OK;
    }
    return st;
}

// Takes those out of b->list that are offline, where old kernels have a file for each CPU only.
static gokore_status gokore_topology_drop_offline_(gokore_topology_build_ *b) {
    for (size_t cpu = 0; (cpu = gokore_topology_next_(&b->list, cpu)) < GOKORE_TOPOLOGY_CPUS_; cpu++) {
        gokore_status st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/cpu/cpu%zu/online", cpu);
        if (st == GOKORE_NO_MEMORY) return st;
        if (st == GOKORE_OK && b->files.text.data[0] == '0')
            b->list.words[cpu / GOKORE_TOPOLOGY_WORD_] &= ~(1UL << cpu % GOKORE_TOPOLOGY_WORD_);
    }
    return GOKORE_OK;
}

// All nodes that have CPUs have the same: the first of them is the machine, the others are dropped.
static void gokore_topology_merge_(gokore_topology *t) {
    size_t kept = 0, first = SIZE_MAX;
    for (size_t i = 0; i < t->node_count; i++) {
        gokore_topology_node_ *node = &t->nodes[i];
        if (!node->lists_cpus || first == SIZE_MAX) {
            if (node->lists_cpus) first = kept;
            t->nodes[kept++] = *node;
            continue;
        }
        uint64_t sum = t->nodes[first].memory + node->memory;
        t->nodes[first].memory = sum < node->memory ? UINT64_MAX : sum;
        t->nodes[first].allowed |= node->allowed;
        t->nodes[first].has_memory |= node->has_memory;
    }
    gokore_topology_warn_(t, "/sys/devices/system/node: %zu nodes list the same CPUs, taken for one node %d",
                          t->node_count - kept + 1, t->nodes[first].id);
    t->node_count = kept;
}

// Each CPU belongs to the node with the lowest id that lists it.
static gokore_status gokore_topology_assign_cpus_(gokore_topology_build_ *b) {
    gokore_topology *t = b->t;
    size_t listing = 0, shared = 0, shared_cpu = 0;
    bool same = true;
    memset(b->owners, 0xff, sizeof b->owners);
    for (size_t i = 0; i < t->node_count; i++) {
        gokore_status st = gokore_topology_read_node_cpus_(b, t->nodes[i].id);
        if (st == GOKORE_OK && !b->knows_cpus) st = gokore_topology_drop_offline_(b);
        if (st != GOKORE_OK) return st;
        if (gokore_topology_size_(&b->list) == 0) continue;
        t->nodes[i].lists_cpus = true;
        if (listing++ == 0) b->first = b->list;
        if (memcmp(&b->first, &b->list, sizeof b->first) != 0) same = false;
        if (b->knows_cpus)
            gokore_topology_keep_(&b->list, &b->cpus);
        else
            gokore_topology_join_(&b->cpus, &b->list);
        for (size_t cpu = 0; (cpu = gokore_topology_next_(&b->list, cpu)) < GOKORE_TOPOLOGY_CPUS_; cpu++) {
            if (b->owners[cpu] == GOKORE_TOPOLOGY_NONE_)
                b->owners[cpu] = (uint16_t)i;
            else if (shared++ == 0)
                shared_cpu = cpu;
        }
    }
    if (listing > 1 && same)
        gokore_topology_merge_(t);
    else if (shared)
        gokore_topology_warn_(t, "/sys/devices/system/node: several nodes list CPU %zu (%zu such), the lowest keeps it",
                              shared_cpu, shared);
    return GOKORE_OK;
}

static gokore_status gokore_topology_assign_all_cpus_(gokore_topology_build_ *b) {
    if (!b->knows_cpus) (void)gokore_topology_affinity_or_count_(b->thread, &b->cpus);
    memset(b->owners, 0xff, sizeof b->owners);
    for (size_t cpu = 0; (cpu = gokore_topology_next_(&b->cpus, cpu)) < GOKORE_TOPOLOGY_CPUS_; cpu++) b->owners[cpu] = 0;
    return GOKORE_OK;
}

// >>topology: distances
// Splits the row into b->row; 0 = not a row of distances.
static size_t gokore_topology_columns_(gokore_topology_build_ *b) {
    size_t n = 0;
    gokore_topology_span_ rest = gokore_topology_trim_(b->files.text.data, b->files.text.len);
    while (rest.len) {
        uint64_t v;
        if (!gokore_topology_number_(&rest, &v) || v < 10 || v > GOKORE_TOPOLOGY_FAR_) return 0;
        if (n == GOKORE_TOPOLOGY_NODES_ || (rest.len && !gokore_topology_is_blank_(*rest.p))) return 0;
        b->row[n++] = (int)v;
        rest = gokore_topology_trim_(rest.p, rest.len);
    }
    return n;
}

// Fills row i of the distances from b->row, whose columns are these ids.
static bool gokore_topology_place_(gokore_topology_build_ *b, size_t i, const gokore_topology_set_ *ids) {
    gokore_topology *t = b->t;
    size_t id = 0, column = 0;
    for (size_t j = 0; j < t->node_count; j++) {
        size_t wanted = (size_t)t->nodes[j].id;
        while ((id = gokore_topology_next_(ids, id)) < wanted) id++, column++;
        if (id != wanted) return false;
        t->distances[i * t->node_count + j] = (uint8_t)b->row[column];
    }
    return t->distances[i * t->node_count + i] == 10;
}

static gokore_status gokore_topology_read_row_(gokore_topology_build_ *b, size_t i, bool *usable) {
    gokore_status st = gokore_topology_load_(&b->files, GOKORE_TOPOLOGY_SMALL_, "/sys/devices/system/node/node%d/distance",
                                             b->t->nodes[i].id);
    *usable = false;
    if (st == GOKORE_NO_MEMORY) return st;
    size_t n = st == GOKORE_OK ? gokore_topology_columns_(b) : 0;
    if (n > 0 && n == gokore_topology_size_(&b->online))
        *usable = gokore_topology_place_(b, i, &b->online);
    else if (n > 0 && b->knows_possible && n == gokore_topology_size_(&b->possible))
        *usable = gokore_topology_place_(b, i, &b->possible);
    return GOKORE_OK;
}

static gokore_status gokore_topology_read_distances_(gokore_topology_build_ *b) {
    gokore_topology *t = b->t;
    size_t n = t->node_count;
    bool usable = true;
    t->distance_room = n * n;
    t->distances = (uint8_t *)gokore_alloc_zeroed_(&t->allocator, t->distance_room, sizeof(void *));
    if (!t->distances) return GOKORE_NO_MEMORY;
    if (b->hwloc) usable = n == 1 || gokore_hwloc_distances_(b);
    for (size_t i = 0; i < n && usable && !b->one_node && !b->hwloc; i++) {
        gokore_status st = gokore_topology_read_row_(b, i, &usable);
        if (st != GOKORE_OK) return st;
    }
    if (!usable)
        gokore_topology_warn_(t, "%.120s: no usable row of distances, 10 and 20 are taken",
                              b->hwloc ? t->source : gokore_topology_file_(&b->files));
    if (b->hwloc && n == 1) t->distances[0] = 10; // hwloc has none for one node
    if (!usable || b->one_node)
        for (size_t i = 0; i < n * n; i++) t->distances[i] = i % (n + 1) ? 20 : 10;
    return GOKORE_OK;
}

// >>topology: made and destroyed
static gokore_status gokore_topology_finish_(gokore_topology_build_ *b) {
    gokore_topology *t = b->t;
    gokore_topology_set_ *usable = &b->allowed;
    gokore_topology_keep_(usable, &b->cpus);
    size_t total = gokore_topology_size_(usable), end = 0;
    for (size_t cpu = 0; (cpu = gokore_topology_next_(&b->cpus, cpu)) < GOKORE_TOPOLOGY_CPUS_; cpu++) end = cpu + 1;
    t->cpus = (int *)gokore_alloc_zeroed_(&t->allocator, (total + 1) * sizeof(int), sizeof(void *));
    t->allowed_cpus = (int *)gokore_alloc_zeroed_(&t->allocator, (total + 1) * sizeof(int), sizeof(void *));
    t->owners = (uint16_t *)gokore_alloc_zeroed_(&t->allocator, (end + 1) * sizeof(uint16_t), sizeof(void *));
    t->allowed_cpu_count = total;
    t->owner_count = end;
    if (!t->cpus || !t->allowed_cpus || !t->owners) return GOKORE_NO_MEMORY;
    memcpy(t->owners, b->owners, end * sizeof *t->owners);
    size_t k = 0;
    for (size_t cpu = 0; (cpu = gokore_topology_next_(usable, cpu)) < end; cpu++) {
        t->allowed_cpus[k++] = (int)cpu;
        if (t->owners[cpu] != GOKORE_TOPOLOGY_NONE_) t->nodes[t->owners[cpu]].count++;
    }
    for (size_t i = 0, first = 0; i < t->node_count; first += t->nodes[i++].count) t->nodes[i].first = first;
    for (size_t i = 0; i < t->node_count; i++) t->nodes[i].count = 0;
    for (size_t i = 0; i < total; i++) {
        uint16_t owner = t->owners[t->allowed_cpus[i]];
        if (owner == GOKORE_TOPOLOGY_NONE_) continue;
        t->cpus[t->nodes[owner].first + t->nodes[owner].count++] = t->allowed_cpus[i];
    }
    return GOKORE_OK;
}

static void gokore_topology_discard_(gokore_topology *t) {
    gokore_allocator allocator = t->allocator;
    gokore_free_(&allocator, t->nodes, t->node_room * sizeof *t->nodes);
    gokore_free_(&allocator, t->distances, t->distance_room);
    gokore_free_(&allocator, t->cpus, (t->allowed_cpu_count + 1) * sizeof(int));
    gokore_free_(&allocator, t->allowed_cpus, (t->allowed_cpu_count + 1) * sizeof(int));
    gokore_free_(&allocator, t->owners, (t->owner_count + 1) * sizeof *t->owners);
    gokore_free_(&allocator, t, sizeof *t);
}

static gokore_status gokore_topology_build_all_(gokore_topology_build_ *b) {
    gokore_status st = gokore_topology_read_cpus_(b);
    if (st == GOKORE_OK) st = gokore_topology_read_nodes_(b);
    if (st == GOKORE_OK) st = gokore_topology_read_memory_(b);
    if (st == GOKORE_OK) st = b->one_node ? gokore_topology_assign_all_cpus_(b) : gokore_topology_assign_cpus_(b);
    if (st == GOKORE_OK) st = gokore_topology_read_distances_(b);
    if (st == GOKORE_OK) st = gokore_topology_finish_(b);
    return st;
}

static gokore_status gokore_topology_make_(gokore_topology **out, const gokore_topology_desc *desc, pid_t thread) {
    const gokore_allocator *allocator = &desc->allocator;
    gokore_topology *t = (gokore_topology *)gokore_alloc_zeroed_(allocator, sizeof *t, sizeof(void *));
    if (!t) return GOKORE_NO_MEMORY;
    t->allocator = *allocator;
    gokore_topology_build_ *b = (gokore_topology_build_ *)gokore_alloc_zeroed_(allocator, sizeof *b, sizeof(void *));
    gokore_status st = GOKORE_NO_MEMORY;
    if (b) {
        b->files.root = desc->root ? desc->root : "";
        b->files.allocator = allocator;
        b->t = t;
        b->desc = desc;
        b->thread = thread;
        b->real = b->files.root[0] == 0;
        st = gokore_topology_build_all_(b);
        gokore_hwloc_close_(b);
        gokore_topology_close_(&b->files);
        gokore_free_(allocator, b, sizeof *b);
    }
    if (st != GOKORE_OK) {
        gokore_topology_discard_(t);
        return st;
    }
    *out = t;
    return GOKORE_OK;
}

gokore_status gokore_topology_create(gokore_topology **out, const gokore_topology_desc *desc) {
    static const gokore_topology_desc defaults = { 0 };
    if (!out) return GOKORE_INVALID;
    *out = NULL;
    if (!desc) desc = &defaults;
    if (!desc->allowed_cpus && desc->allowed_cpu_count) return GOKORE_INVALID;
    if (!desc->allowed_nodes && desc->allowed_node_count) return GOKORE_INVALID;
    return gokore_topology_make_(out, desc, 0);
}

// >>topology: the default one
static struct { // where the real machine can't be read: one node, one CPU
    gokore_topology topology;
    gokore_topology_node_ node;
    uint8_t distance;
    int cpu;
    uint16_t owner;
} gokore_topology_least_ = {
    .topology = { .nodes = &gokore_topology_least_.node,
                  .distances = &gokore_topology_least_.distance,
                  .cpus = &gokore_topology_least_.cpu,
                  .allowed_cpus = &gokore_topology_least_.cpu,
                  .owners = &gokore_topology_least_.owner,
                  .node_count = 1,
                  .allowed_cpu_count = 1,
                  .owner_count = 1,
                  .source = "none",
                  .warning_count = 1,
                  .warnings = { "the machine's description can't be read, one CPU is assumed" } },
    .node = { .allowed = true, .has_memory = true, .count = 1 },
    .distance = 10,
};
static gokore_atomic_ptr gokore_topology_real_; // set once

const gokore_topology *gokore_topology_default(void) {
    static const gokore_topology_desc defaults = { 0 };
    // pairs with the exchange below: what it points to is complete
    gokore_topology *t = (gokore_topology *)gokore_atomic_load_acquire(&gokore_topology_real_);
    if (t) return t;
    // Without a lock, since reading may call the report hook, which may come here: the first to be done wins.
    gokore_status st = gokore_topology_make_(&t, &defaults, getpid());
    if (st == GOKORE_NO_MEMORY) return &gokore_topology_least_.topology; // may go better the next time
    if (st != GOKORE_OK) t = &gokore_topology_least_.topology;
    if (gokore_atomic_cas_acq_rel(&gokore_topology_real_, NULL, t)) return t; // pairs with all acquire loads of it
    if (t != &gokore_topology_least_.topology) gokore_topology_discard_(t);
    return (gokore_topology *)gokore_atomic_load_acquire(&gokore_topology_real_); // pairs with the winner's exchange
}

void gokore_topology_destroy(gokore_topology *topology) {
    if (!topology || topology == &gokore_topology_least_.topology) return;
    // relaxed has no partner: the address is only compared
    if (topology != gokore_atomic_load_relaxed(&gokore_topology_real_)) gokore_topology_discard_(topology);
}

// >>topology: questions
static const gokore_topology *gokore_topology_or_default_(const gokore_topology *t) {
    return t ? t : gokore_topology_default();
}

static const gokore_topology_node_ *gokore_topology_find_(const gokore_topology *t, int id) {
    size_t low = 0, high = t->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->nodes[middle].id == id) return &t->nodes[middle];
        if (t->nodes[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool gokore_topology_usable_(const gokore_topology_node_ *node) { return node->allowed && node->has_memory; }

static size_t gokore_topology_copy_(const int *ids, size_t count, int *out, size_t cap) {
    for (size_t i = 0; out && i < count && i < cap; i++) out[i] = ids[i];
    return count;
}

size_t gokore_topology_node_count(const gokore_topology *topology) {
    return gokore_topology_or_default_(topology)->node_count;
}

size_t gokore_topology_node_ids(const gokore_topology *topology, int *out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    for (size_t i = 0; out && i < t->node_count && i < cap; i++) out[i] = t->nodes[i].id;
    return t->node_count;
}

bool gokore_topology_has_node(const gokore_topology *topology, int node) {
    return gokore_topology_find_(gokore_topology_or_default_(topology), node) != NULL;
}

int gokore_topology_distance(const gokore_topology *topology, int from, int to) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    const gokore_topology_node_ *a = gokore_topology_find_(t, from), *b = gokore_topology_find_(t, to);
    return a && b ? t->distances[(size_t)(a - t->nodes) * t->node_count + (size_t)(b - t->nodes)] : -1;
}

size_t gokore_topology_cpus(const gokore_topology *topology, int node, int *out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    const gokore_topology_node_ *n = gokore_topology_find_(t, node);
    return n ? gokore_topology_copy_(t->cpus + n->first, n->count, out, cap) : 0;
}

uint64_t gokore_topology_node_memory(const gokore_topology *topology, int node) {
    const gokore_topology_node_ *n = gokore_topology_find_(gokore_topology_or_default_(topology), node);
    return n ? n->memory : 0;
}

bool gokore_topology_is_memory_usable(const gokore_topology *topology, int node) {
    const gokore_topology_node_ *n = gokore_topology_find_(gokore_topology_or_default_(topology), node);
    return n && gokore_topology_usable_(n);
}

// The node after the one of this key in the order of distance, then id; NULL = no more. A key is distance * 65536 + index.
static const gokore_topology_node_ *gokore_topology_after_(const gokore_topology *t, size_t from, size_t *key) {
    size_t best = SIZE_MAX;
    for (size_t j = 0; j < t->node_count; j++) {
        size_t distance = t->distances[from * t->node_count + j], k = distance * 65536 + j + 1;
        if (j != from && distance != GOKORE_TOPOLOGY_FAR_ && k > *key && k < best) best = k;
    }
    *key = best;
    return best == SIZE_MAX ? NULL : &t->nodes[best % 65536 - 1];
}

size_t gokore_topology_nearest(const gokore_topology *topology, int from, int *out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    const gokore_topology_node_ *n = gokore_topology_find_(t, from);
    if (!n) return 0;
    size_t count = 0, key = 0, self = (size_t)(n - t->nodes);
    do {
        if (count > 0 && n->count == 0 && !gokore_topology_usable_(n)) continue;
        if (out && count < cap) out[count] = n->id;
        count++;
    } while ((n = gokore_topology_after_(t, self, &key)) != NULL);
    return count;
}

size_t gokore_topology_allowed_nodes(const gokore_topology *topology, int *out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    size_t count = 0;
    for (size_t i = 0; i < t->node_count; i++) {
        if (!t->nodes[i].allowed) continue;
        if (out && count < cap) out[count] = t->nodes[i].id;
        count++;
    }
    return count;
}

size_t gokore_topology_allowed_cpus(const gokore_topology *topology, int *out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    return gokore_topology_copy_(t->allowed_cpus, t->allowed_cpu_count, out, cap);
}

size_t gokore_topology_warnings(const gokore_topology *topology, const char **out, size_t cap) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    for (size_t i = 0; out && i < t->warning_count && i < cap; i++) out[i] = t->warnings[i];
    return t->warning_count;
}

const char *gokore_topology_source(const gokore_topology *topology) { return gokore_topology_or_default_(topology)->source; }

int gokore_topology_current_node(const gokore_topology *topology) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    int cpu = gokore_topology_this_cpu_();
    if (cpu >= 0 && (size_t)cpu < t->owner_count && t->owners[cpu] != GOKORE_TOPOLOGY_NONE_)
        return t->nodes[t->owners[cpu]].id;
    int node = gokore_thread_node_();
    if (gokore_topology_find_(t, node)) return node;
    return t->node_count == 1 ? t->nodes[0].id : -1;
}

// >>placement
static gokore_atomic_u64 gokore_numa_refused_;

gokore_status gokore_pin_thread_to_node(const gokore_topology *topology, int node) {
    const gokore_topology *t = gokore_topology_or_default_(topology);
    const gokore_topology_node_ *n = gokore_topology_find_(t, node);
    if (!n) return GOKORE_NOT_FOUND;
    if (!GOKORE_NUMA) return GOKORE_OK;
    if (n->count == 0) return GOKORE_INVALID;
    gokore_topology_set_ set;
    gokore_topology_fill_(&set, t->cpus + n->first, n->count);
    return gokore_numa_pin_(&set);
}

gokore_status gokore_pin_thread_to_cpu(int cpu) {
    if (cpu < 0 || cpu >= GOKORE_TOPOLOGY_CPUS_) return GOKORE_NOT_FOUND;
    gokore_topology_set_ set;
    gokore_topology_fill_(&set, &cpu, 1);
    return gokore_numa_pin_(&set);
}

// The node that gives node its memory: itself, or the nearest one with usable memory. NULL = none does.
static const gokore_topology_node_ *gokore_numa_source_(const gokore_topology *t, const gokore_topology_node_ *node) {
    size_t self = (size_t)(node - t->nodes), key = 0;
    while (node && !gokore_topology_usable_(node)) node = gokore_topology_after_(t, self, &key);
    return node;
}

// What a call on memory may go on with: OK and *target, the pages from *start on, *size bytes of them.
static gokore_status gokore_numa_check_(void *addr, size_t len, int node, int *target, char **start, size_t *size) {
    const gokore_topology *t = gokore_topology_default();
    const gokore_topology_node_ *n = gokore_topology_find_(t, node);
    if (!n) return GOKORE_NOT_FOUND;
    size_t page = gokore_topology_page_(), before = (uintptr_t)addr & (page - 1);
    if ((!addr && len) || len > SIZE_MAX - 2 * page || (uintptr_t)addr > UINTPTR_MAX - len - page) return GOKORE_INVALID;
    if (!GOKORE_NUMA) return GOKORE_UNSUPPORTED;
    n = gokore_numa_source_(t, n);
    if (!n) return GOKORE_UNSUPPORTED;
    *target = n->id;
    *start = (char *)((uintptr_t)addr - before);
    *size = len ? (before + len + page - 1) & ~(page - 1) : 0;
    return GOKORE_OK;
}

static gokore_status gokore_numa_refuse_(int error) {
    gokore_atomic_fetch_add_relaxed(&gokore_numa_refused_, 1); // a statistic: orders nothing, has no partner
    if (error == EPERM || error == EACCES) return GOKORE_DENIED;
    if (error == ENOSYS || error == ENODEV) return GOKORE_UNSUPPORTED;
    if (error == EFAULT || error == EINVAL) return GOKORE_INVALID;
    return error == ENOMEM ? GOKORE_NO_MEMORY : GOKORE_SYSTEM;
}

gokore_status gokore_memory_bind(void *addr, size_t len, int node) {
    int target;
    char *start;
    size_t size;
    gokore_status st = gokore_numa_check_(addr, len, node, &target, &start, &size);
    if (st != GOKORE_OK || size == 0) return st;
    unsigned long nodes[GOKORE_TOPOLOGY_NODES_ / GOKORE_TOPOLOGY_WORD_] = { 0 };
    nodes[(size_t)target / GOKORE_TOPOLOGY_WORD_] = 1UL << (size_t)target % GOKORE_TOPOLOGY_WORD_;
    int error = gokore_numa_mbind_(start, size, nodes);
    return error ? gokore_numa_refuse_(error) : GOKORE_OK;
}

// Moves up to 64 pages.
static gokore_status gokore_numa_move_(char *start, size_t page, size_t count, int target) {
    void *pages[64];
    int nodes[64], where[64];
    for (size_t i = 0; i < count; i++) {
        pages[i] = start + i * page;
        nodes[i] = target;
        where[i] = target;
    }
    int error = gokore_numa_move_pages_(count, pages, nodes, where);
    if (error) return error == ENOENT ? GOKORE_OK : gokore_numa_refuse_(error); // ENOENT: no page was touched yet
    gokore_status st = GOKORE_OK;
    for (size_t i = 0; i < count; i++) {
        if (where[i] == target || where[i] == -ENOENT || where[i] == -EFAULT) continue; // there, or not touched yet
        st = where[i] == -EACCES || where[i] == -EPERM ? GOKORE_DENIED : where[i] == -ENOMEM ? GOKORE_NO_MEMORY : GOKORE_BUSY;
    }
    return st;
}

gokore_status gokore_memory_migrate(void *addr, size_t len, int node) {
    int target;
    char *start;
    size_t size, page = gokore_topology_page_();
    gokore_status st = gokore_numa_check_(addr, len, node, &target, &start, &size);
    if (st != GOKORE_OK) return st;
    for (size_t at = 0; at < size; at += 64 * page) {
        size_t count = (size - at) / page;
        gokore_status moved = gokore_numa_move_(start + at, page, count < 64 ? count : 64, target);
        if (moved == GOKORE_UNSUPPORTED || moved == GOKORE_INVALID || moved == GOKORE_SYSTEM) return moved;
        if (moved != GOKORE_OK) st = moved;
    }
    return st;
}

static size_t gokore_numa_room_(size_t size) {
    size_t page = gokore_topology_page_();
    return size > SIZE_MAX - page ? 0 : (size + page - 1) & ~(page - 1);
}

void *gokore_numa_alloc(size_t size, int node) {
    size_t room = gokore_numa_room_(size);
    if (room == 0 || !gokore_topology_has_node(NULL, node)) return NULL;
    void *p = gokore_numa_map_(room);
    if (!p) return NULL;
    gokore_status st = gokore_memory_bind(p, room, node);
    (void)st; // refused: first touch decides, and it was counted
    return p;
}

void gokore_numa_free(void *p, size_t size) {
    if (p) gokore_numa_unmap_(p, gokore_numa_room_(size));
}

uint64_t gokore_numa_refusals(void) {
    return gokore_atomic_load_relaxed(&gokore_numa_refused_); // a statistic: orders nothing, has no partner
}

// >>cgroups: where a controller's group is
typedef struct gokore_cgroup_ {
    int version;      // 0 = not found
    bool approximate; // a group above the one that was named
    size_t floor;     // where the mount point ends in dir
    gokore_topology_text_ dir;
} gokore_cgroup_;

typedef struct gokore_cgroup_reader_ {
    gokore_topology_files_ files;
    gokore_topology_text_ groups, mounts; // /proc/self/cgroup and mountinfo
    gokore_topology_text_ root, point;    // of the mount in hand
    gokore_container *out;
    char *(*getenv_fn)(const char *name);
    uint64_t mem_total; // 0 = not known
    const gokore_container *before; // NULL = the first time; else the environment is not read again, and nothing reported
    gokore_status status;
} gokore_cgroup_reader_;

typedef struct gokore_cgroup_mount_ { gokore_topology_span_ root, point, type, options; } gokore_cgroup_mount_;

static bool gokore_cgroup_has_(gokore_topology_span_ tokens, const char *token) {
    gokore_topology_span_ one;
    while (gokore_topology_cut_(&tokens, ',', &one))
        if (gokore_topology_is_(one, token)) return true;
    return false;
}

// A line of /proc/self/cgroup, "4:memory:/a/b", whose path may hold colons and blanks.
static bool gokore_cgroup_line_(gokore_topology_span_ line, gokore_topology_span_ *id, gokore_topology_span_ *controllers,
                                gokore_topology_span_ *path) {
    if (!gokore_topology_cut_(&line, ':', id) || !gokore_topology_cut_(&line, ':', controllers) || !line.p) return false;
    *path = line;
    if (gokore_topology_ends_(*path, " (deleted)")) path->len -= strlen(" (deleted)");
    return path->len > 0 && path->p[0] == '/';
}

// The path of the group that has this controller ("" = the v2 group); its version, 0 = none.
static int gokore_cgroup_path_(const gokore_cgroup_reader_ *r, const char *controller, gokore_topology_span_ *path) {
    gokore_topology_span_ rest = { r->groups.data, r->groups.len }, line, id, controllers, found;
    int version = 0;
    while (gokore_topology_cut_(&rest, '\n', &line)) {
        if (!gokore_cgroup_line_(line, &id, &controllers, &found)) continue;
        bool unified = controllers.len == 0 && gokore_topology_is_(id, "0");
        bool named = controllers.len > 0 && *controller && gokore_cgroup_has_(controllers, controller);
        if (!named && (!unified || version != 0)) continue;
        *path = found;
        version = named ? 1 : 2;
        if (named) break;
    }
    return version;
}

// A line of mountinfo: "25 21 0:22 ROOT POINT options optional... - TYPE source SUPER-OPTIONS".
static bool gokore_cgroup_mount_line_(gokore_topology_span_ line, gokore_cgroup_mount_ *m) {
    gokore_topology_span_ field;
    for (int i = 0; i < 3; i++)
        if (!gokore_topology_cut_(&line, ' ', &field)) return false;
    if (!gokore_topology_cut_(&line, ' ', &m->root) || !gokore_topology_cut_(&line, ' ', &m->point)) return false;
    if (!gokore_topology_cut_(&line, ' ', &field)) return false;
    do
        if (!gokore_topology_cut_(&line, ' ', &field)) return false;
    while (!gokore_topology_is_(field, "-"));
    if (!gokore_topology_cut_(&line, ' ', &m->type) || !gokore_topology_cut_(&line, ' ', &field)) return false;
    m->options = line;
    return m->root.len > 0 && m->root.p[0] == '/' && m->point.len > 0 && m->point.p[0] == '/';
}

static bool gokore_cgroup_is_octal_(const char *p) {
    return p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7';
}

// Copies a field of mountinfo, in which blanks and the like are written as \040.
static bool gokore_cgroup_unescape_(gokore_cgroup_reader_ *r, gokore_topology_span_ s, gokore_topology_text_ *out) {
    out->len = 0;
    if (!gokore_topology_reserve_(r->files.allocator, out, s.len)) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (s.len - i >= 4 && gokore_cgroup_is_octal_(s.p + i)) {
            c = (char)(unsigned char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + (s.p[i + 3] - '0'));
            i += 3;
        }
        out->data[out->len++] = c;
    }
    while (out->len && out->data[out->len - 1] == '/') out->len--; // "/" is "", so that paths can be put behind it
    out->data[out->len] = 0;
    return true;
}

// The mount's root holds the path: 1 + how many bytes of it; 0 = it does not.
static size_t gokore_cgroup_covers_(const gokore_topology_text_ *root, gokore_topology_span_ path) {
    if (root->len > path.len || memcmp(root->data, path.p, root->len) != 0) return 0;
    return root->len == path.len || path.p[root->len] == '/' ? root->len + 1 : 0;
}

static bool gokore_cgroup_climbs_(gokore_topology_span_ path) {
    gokore_topology_span_ part;
    while (gokore_topology_cut_(&path, '/', &part))
        if (gokore_topology_is_(part, "..")) return true;
    return false;
}

// The length of the directory above, not below floor.
static size_t gokore_cgroup_above_(const gokore_topology_text_ *dir, size_t len, size_t floor) {
    while (len > floor && dir->data[len - 1] != '/') len--;
    while (len > floor && dir->data[len - 1] == '/') len--;
    return len;
}

// Of the mounts of this kind, the one that shows most of the path; the later one of equals. Its point goes to cg->dir, and
// what is left of the path to *path.
static gokore_status gokore_cgroup_mounted_(gokore_cgroup_reader_ *r, const char *controller, int version, gokore_cgroup_ *cg,
                                            gokore_topology_span_ *path) {
    gokore_topology_span_ rest = { r->mounts.data, r->mounts.len }, line;
    gokore_cgroup_mount_ m;
    size_t best = 0;
    while (gokore_topology_cut_(&rest, '\n', &line)) {
        if (!gokore_cgroup_mount_line_(line, &m)) continue;
        if (!gokore_topology_is_(m.type, version == 1 ? "cgroup" : "cgroup2")) continue;
        if (version == 1 && !gokore_cgroup_has_(m.options, controller)) continue;
        if (!gokore_cgroup_unescape_(r, m.root, &r->root) || !gokore_cgroup_unescape_(r, m.point, &r->point))
            return GOKORE_NO_MEMORY;
        size_t covered = gokore_cgroup_covers_(&r->root, *path);
        if (covered < best) continue;
        best = covered;
        cg->version = version;
        cg->dir.len = 0;
        if (!gokore_topology_append_(r->files.allocator, &cg->dir, r->point.data, strlen(r->point.data))) return GOKORE_NO_MEMORY;
    }
    cg->approximate = best == 0;
    if (best) *path = (gokore_topology_span_) { path->p + best - 1, path->len - (best - 1) };
    return GOKORE_OK;
}

// Finds the group's directory, or the nearest one above it that is there, down to the mount point.
static gokore_status gokore_cgroup_find_(gokore_cgroup_reader_ *r, const char *controller, gokore_cgroup_ *cg) {
    gokore_topology_span_ path = { NULL, 0 };
    int version = gokore_cgroup_path_(r, controller, &path);
    if (version == 0 || !r->mounts.data) return GOKORE_OK;
    gokore_status st = gokore_cgroup_mounted_(r, controller, version, cg, &path);
    if (st != GOKORE_OK || cg->version == 0) return st;
    cg->floor = cg->dir.len;
    if (gokore_cgroup_climbs_(path)) {
        cg->approximate = true;
        return GOKORE_OK;
    }
    while (path.len && path.p[path.len - 1] == '/') path.len--;
    if (!gokore_topology_append_(r->files.allocator, &cg->dir, path.p, path.len)) return GOKORE_NO_MEMORY;
    cg->dir.len = strlen(cg->dir.data);
    while (cg->dir.len > cg->floor) {
        st = GOKORE_NOT_FOUND; // a name that is longer is none to the kernel
        if (cg->dir.len < 4096) st = gokore_topology_directory_(&r->files, "%.*s", (int)cg->dir.len, cg->dir.data);
        if (st != GOKORE_NOT_FOUND) return st;
        cg->dir.len = gokore_cgroup_above_(&cg->dir, cg->dir.len, cg->floor);
        cg->approximate = true;
    }
    return GOKORE_OK;
}

// >>cgroups: limits
static void gokore_container_warn_(gokore_cgroup_reader_ *r, const char *what) {
    const char *file = gokore_topology_file_(&r->files);
    r->out->warnings++;
    if (!r->before) gokore_reportf_(GOKORE_REPORT_TOPOLOGY, file, "%.300s: %s", file, what);
}

// A file of the group; false: there is none to read, or it is too long, which is a warning.
static bool gokore_cgroup_load_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len, const char *name) {
    gokore_status st = gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_, "%.*s/%s", (int)len, cg->dir.data, name);
    if (st == GOKORE_NO_MEMORY) r->status = st;
    if (st == GOKORE_LIMIT) gokore_container_warn_(r, "too long, ignored");
    return st == GOKORE_OK;
}

// a/b < c/d, exactly: whole parts first, then the same for the inverted remainders, as in Euclid's algorithm.
static bool gokore_cgroup_less_(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    for (;;) {
        uint64_t left = a / b, right = c / d;
        if (left != right) return left < right;
        a %= b;
        c %= d;
        if (c == 0) return false;
        if (a == 0) return true;
        uint64_t t = a; // a/b < c/d is d/c < b/a
        a = d;
        d = t;
        t = b;
        b = c;
        c = t;
    }
}

// >>cgroups: values
typedef enum gokore_cgroup_value_ {
    GOKORE_CGROUP_NUMBER_,
    GOKORE_CGROUP_NONE_,     // no file, or "max"
    GOKORE_CGROUP_NEGATIVE_, // "-1"
    GOKORE_CGROUP_BAD_
} gokore_cgroup_value_;

static gokore_topology_span_ gokore_cgroup_text_(const gokore_cgroup_reader_ *r) {
    return gokore_topology_trim_(r->files.text.data, r->files.text.len);
}

// Takes one value off the front, with the blanks behind it.
static gokore_cgroup_value_ gokore_cgroup_value_of_(gokore_topology_span_ *s, uint64_t *out) {
    gokore_cgroup_value_ kind = GOKORE_CGROUP_NUMBER_;
    if (gokore_topology_starts_(*s, "max")) {
        *s = (gokore_topology_span_) { s->p + 3, s->len - 3 };
        kind = GOKORE_CGROUP_NONE_;
    } else {
        if (gokore_topology_starts_(*s, "-")) {
            *s = (gokore_topology_span_) { s->p + 1, s->len - 1 };
            kind = GOKORE_CGROUP_NEGATIVE_;
        }
        if (!gokore_topology_number_(s, out)) return GOKORE_CGROUP_BAD_;
    }
    if (s->len && !gokore_topology_is_blank_(*s->p)) return GOKORE_CGROUP_BAD_;
    *s = gokore_topology_trim_(s->p, s->len);
    return kind;
}

// The one value of a file; a bad one is a warning.
static gokore_cgroup_value_ gokore_cgroup_value_in_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len,
                                                    const char *name, uint64_t *out) {
    unsigned before = r->out->warnings;
    if (!gokore_cgroup_load_(r, cg, len, name)) return r->out->warnings == before ? GOKORE_CGROUP_NONE_ : GOKORE_CGROUP_BAD_;
    gokore_topology_span_ s = gokore_cgroup_text_(r);
    gokore_cgroup_value_ kind = gokore_cgroup_value_of_(&s, out);
    if (kind != GOKORE_CGROUP_BAD_ && s.len == 0) return kind;
    gokore_container_warn_(r, "not a number, ignored");
    return GOKORE_CGROUP_BAD_;
}

// >>cgroups: CPU
static void gokore_cgroup_quota_is_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len, const char *name,
                                    uint64_t quota, uint64_t period) {
    gokore_container *c = r->out;
    if (quota == 0 || period == 0) {
        gokore_container_warn_(r, "a quota or period of 0, ignored");
        return;
    }
    if (c->quota_den && !gokore_cgroup_less_(quota, period, c->quota_num, c->quota_den)) return;
    c->quota_num = quota;
    c->quota_den = period;
    int dir = len > 400 ? 400 : (int)len;
    (void)snprintf(c->source, sizeof c->source, "%.*s/%s:%llu %llu", dir, cg->dir.data, name, (unsigned long long)quota,
                   (unsigned long long)period);
}

// cpu.max: "250000 100000", "max 100000", "250000" (of 100000).
static void gokore_cgroup_quota_v2_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len) {
    if (!gokore_cgroup_load_(r, cg, len, "cpu.max")) return;
    gokore_topology_span_ s = gokore_cgroup_text_(r);
    uint64_t quota = 0, period = 100000;
    gokore_cgroup_value_ first = gokore_cgroup_value_of_(&s, &quota), second = GOKORE_CGROUP_NUMBER_;
    if (first != GOKORE_CGROUP_BAD_ && s.len) second = gokore_cgroup_value_of_(&s, &period);
    if (first == GOKORE_CGROUP_NUMBER_ && second == GOKORE_CGROUP_NUMBER_ && s.len == 0)
        gokore_cgroup_quota_is_(r, cg, len, "cpu.max", quota, period);
    else if (first != GOKORE_CGROUP_NONE_ || second != GOKORE_CGROUP_NUMBER_ || s.len)
        gokore_container_warn_(r, "not a quota and a period, ignored");
}

static void gokore_cgroup_quota_v1_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len) {
    uint64_t quota = 0, period = 0;
    gokore_cgroup_value_ kind = gokore_cgroup_value_in_(r, cg, len, "cpu.cfs_quota_us", &quota);
    if (kind == GOKORE_CGROUP_NEGATIVE_ && quota != 1) gokore_container_warn_(r, "a negative quota, ignored");
    if (kind != GOKORE_CGROUP_NUMBER_) return;
    kind = gokore_cgroup_value_in_(r, cg, len, "cpu.cfs_period_us", &period);
    if (kind == GOKORE_CGROUP_BAD_) return;
    if (kind == GOKORE_CGROUP_NONE_) period = 100000;
    if (kind == GOKORE_CGROUP_NEGATIVE_) period = 0;
    gokore_cgroup_quota_is_(r, cg, len, "cpu.cfs_quota_us", quota, period);
}

static gokore_status gokore_container_read_cpu_(gokore_cgroup_reader_ *r) {
    gokore_cgroup_ cg = { 0 };
    gokore_status st = gokore_cgroup_find_(r, "cpu", &cg);
    for (size_t len = cg.dir.len; st == GOKORE_OK && cg.version; len = gokore_cgroup_above_(&cg.dir, len, cg.floor)) {
        if (cg.version == 1)
            gokore_cgroup_quota_v1_(r, &cg, len);
        else
            gokore_cgroup_quota_v2_(r, &cg, len);
        if (len <= cg.floor) break;
    }
    if (st == GOKORE_OK && cg.version) {
        const char *name = cg.version == 1 ? "cpu.shares" : "cpu.weight";
        uint64_t weight = 0;
        if (gokore_cgroup_value_in_(r, &cg, cg.dir.len, name, &weight) == GOKORE_CGROUP_NUMBER_) r->out->cpu_weight = weight;
        r->out->cgroup_version = cg.version;
        r->out->approximate |= cg.approximate;
    }
    gokore_topology_release_(r->files.allocator, &cg.dir);
    return st;
}

// >>cgroups: memory
// A limit of one level: kept if it is one (v1 writes "none" as the largest number of pages) and smaller.
static bool gokore_cgroup_limit_is_(const gokore_cgroup_reader_ *r, uint64_t v, uint64_t *least) {
    if (v == 0 || v >= ((uint64_t)1 << 63) - 65536 || (r->mem_total && v >= r->mem_total)) return false;
    if (*least && *least <= v) return false;
    *least = v;
    return true;
}

static void gokore_cgroup_limit_in_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, size_t len, const char *name) {
    gokore_container *c = r->out;
    uint64_t v = 0;
    bool known;
    if (strcmp(name, "memory.stat") == 0)
        known = gokore_cgroup_load_(r, cg, len, name) && gokore_topology_field_(&r->files.text, "hierarchical_memory_limit", &v);
    else
        known = gokore_cgroup_value_in_(r, cg, len, name, &v) == GOKORE_CGROUP_NUMBER_;
    if (!known || !gokore_cgroup_limit_is_(r, v, &c->memory_limit)) return;
    int dir = len > 400 ? 400 : (int)len;
    (void)snprintf(c->memory_source, sizeof c->memory_source, "%.*s/%s:%llu", dir, cg->dir.data, name, (unsigned long long)v);
}

static gokore_status gokore_container_read_memory_(gokore_cgroup_reader_ *r) {
    gokore_cgroup_ cg = { 0 };
    gokore_status st = gokore_cgroup_find_(r, "memory", &cg);
    for (size_t len = cg.dir.len; st == GOKORE_OK && cg.version; len = gokore_cgroup_above_(&cg.dir, len, cg.floor)) {
        uint64_t high = 0;
        gokore_cgroup_limit_in_(r, &cg, len, cg.version == 1 ? "memory.limit_in_bytes" : "memory.max");
        if (cg.version == 1)
            gokore_cgroup_limit_in_(r, &cg, len, "memory.stat");
        else if (gokore_cgroup_value_in_(r, &cg, len, "memory.high", &high) == GOKORE_CGROUP_NUMBER_)
            (void)gokore_cgroup_limit_is_(r, high, &r->out->memory_high);
        if (len <= cg.floor) break;
    }
    if (st == GOKORE_OK && cg.version) {
        const char *name = cg.version == 1 ? "memory.usage_in_bytes" : "memory.current";
        uint64_t used = 0;
        if (gokore_cgroup_value_in_(r, &cg, cg.dir.len, name, &used) == GOKORE_CGROUP_NUMBER_) r->out->memory_current = used;
        if (r->out->cgroup_version == 0) r->out->cgroup_version = cg.version;
        r->out->approximate |= cg.approximate;
    }
    gokore_topology_release_(r->files.allocator, &cg.dir);
    return st;
}

// >>container: who we are, by the cgroup's path
typedef struct gokore_container_pod_ { // what a path says
    gokore_qos qos;
    bool inside; // the last part was kubepods, or kubepods/CLASS
    gokore_topology_span_ uid;
} gokore_container_pod_;

static gokore_qos gokore_container_class_(gokore_topology_span_ s) {
    if (gokore_topology_is_(s, "burstable")) return GOKORE_QOS_BURSTABLE;
    return gokore_topology_is_(s, "besteffort") ? GOKORE_QOS_BEST_EFFORT : GOKORE_QOS_DEFAULT;
}

// "pod" and a uid: hex digits with dashes, or with underscores where systemd needs the dashes.
static bool gokore_container_uid_(gokore_topology_span_ s, gokore_topology_span_ *uid) {
    if (!gokore_topology_starts_(s, "pod") || s.len <= 3 || s.len - 3 >= sizeof((gokore_container *)0)->pod_uid) return false;
    for (size_t i = 3; i < s.len; i++)
        if (gokore_topology_hex_(s.p[i]) < 0 && s.p[i] != '-' && s.p[i] != '_') return false;
    *uid = (gokore_topology_span_) { s.p + 3, s.len - 3 };
    return true;
}

// [x-...]kubepods[-CLASS][-podUID].slice, the form of systemd.
static bool gokore_container_slice_(gokore_topology_span_ part, gokore_container_pod_ *out) {
    gokore_container_pod_ found = { GOKORE_QOS_DEFAULT, true, { NULL, 0 } };
    gokore_topology_span_ token, rest = { part.p, part.len - strlen(".slice") };
    do
        if (!gokore_topology_cut_(&rest, '-', &token)) return false;
    while (!gokore_topology_is_(token, "kubepods"));
    gokore_topology_span_ after = rest;
    if (gokore_topology_cut_(&after, '-', &token) && gokore_container_class_(token) != GOKORE_QOS_DEFAULT) {
        found.qos = gokore_container_class_(token);
        rest = after;
    }
    if (rest.p && !gokore_container_uid_(rest, &found.uid)) return false;
    *out = found;
    return true;
}

// The innermost pod of a path; only whole parts count.
static gokore_container_pod_ gokore_container_pod_of_(gokore_topology_span_ path) {
    gokore_container_pod_ pod = { GOKORE_QOS_DEFAULT, false, { NULL, 0 } };
    gokore_topology_span_ component, part;
    while (gokore_topology_cut_(&path, '/', &component)) {
        while (gokore_topology_cut_(&component, ':', &part)) {
            if (gokore_topology_ends_(part, ".slice") && gokore_container_slice_(part, &pod)) continue;
            if (gokore_topology_is_(part, "kubepods")) {
                pod = (gokore_container_pod_) { GOKORE_QOS_DEFAULT, true, { NULL, 0 } };
            } else if (pod.inside && !pod.uid.p && pod.qos == GOKORE_QOS_DEFAULT && gokore_container_class_(part)) {
                pod.qos = gokore_container_class_(part);
            } else {
                if (pod.inside && !pod.uid.p) (void)gokore_container_uid_(part, &pod.uid);
                pod.inside = false;
            }
        }
    }
    if (pod.uid.p && pod.qos == GOKORE_QOS_DEFAULT) pod.qos = GOKORE_QOS_GUARANTEED;
    return pod;
}

// 64 hex digits in the path's last component, as the runtimes write it.
static bool gokore_container_id_of_(gokore_topology_span_ path, gokore_topology_span_ *id) {
    static const char *const prefixes[] = { "cri-containerd-", "crio-", "docker-", "libpod-" };
    gokore_topology_span_ piece, last = { NULL, 0 };
    while (gokore_topology_cut_(&path, '/', &piece)) last = piece;
    path = last;
    while (gokore_topology_cut_(&path, ':', &piece)) last = piece;
    if (gokore_topology_ends_(last, ".scope")) last.len -= strlen(".scope");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        if (!gokore_topology_starts_(last, prefixes[i])) continue;
        last = (gokore_topology_span_) { last.p + len, last.len - len };
        break;
    }
    for (size_t i = 0; i < last.len; i++)
        if (gokore_topology_hex_(last.p[i]) < 0) return false;
    *id = last;
    return last.len == 64;
}

static void gokore_container_copy_(char *out, size_t cap, gokore_topology_span_ s) {
    size_t n = s.len < cap ? s.len : cap - 1;
    if (n) memcpy(out, s.p, n);
    out[n] = 0;
}

static void gokore_container_identify_(gokore_cgroup_reader_ *r) {
    gokore_container *c = r->out;
    gokore_topology_span_ rest = { r->groups.data, r->groups.len }, line, number, controllers, path, id;
    while (gokore_topology_cut_(&rest, '\n', &line)) {
        if (!gokore_cgroup_line_(line, &number, &controllers, &path)) continue;
        gokore_container_pod_ pod = gokore_container_pod_of_(path);
        if (c->qos == GOKORE_QOS_DEFAULT && pod.qos != GOKORE_QOS_DEFAULT) {
            c->qos = pod.qos;
            (void)snprintf(c->qos_source, sizeof c->qos_source, "/proc/self/cgroup");
        }
        if (!c->pod_uid[0] && pod.uid.p) gokore_container_copy_(c->pod_uid, sizeof c->pod_uid, pod.uid);
        if (!c->container_id[0] && gokore_container_id_of_(path, &id))
            gokore_container_copy_(c->container_id, sizeof c->container_id, id);
    }
    for (char *p = c->pod_uid; *p; p++)
        if (*p == '_') *p = '-';
}

// >>container: the environment
// The variable's value; NULL = not set, or empty.
static const char *gokore_container_env_(const gokore_cgroup_reader_ *r, const char *name) {
    const char *value = r->getenv_fn(name);
    return value && *value ? value : NULL;
}

static void gokore_container_env_warn_(gokore_cgroup_reader_ *r, const char *name, const char *what) {
    r->out->warnings++;
    if (!r->before) gokore_reportf_(GOKORE_REPORT_TOPOLOGY, name, "%s: %s, ignored", name, what);
}

static bool gokore_container_env_number_(gokore_cgroup_reader_ *r, const char *name, unsigned *out) {
    const char *value = gokore_container_env_(r, name);
    if (!value) return false;
    gokore_topology_span_ s = gokore_topology_trim_(value, strlen(value));
    uint64_t v;
    if (!gokore_topology_number_(&s, &v) || s.len || v > INT32_MAX) {
        gokore_container_env_warn_(r, name, "not a number");
        return false;
    }
    *out = (unsigned)v;
    return true;
}

static const char *gokore_container_env_either_(const gokore_cgroup_reader_ *r, const char *name, const char *other) {
    const char *value = gokore_container_env_(r, name);
    return value ? value : gokore_container_env_(r, other);
}

// A quantity of Kubernetes in thousandths: "2", "0.5", "500m", "1Gi".
static bool gokore_container_quantity_(const char *text, uint64_t *out) {
    gokore_topology_span_ s = gokore_topology_trim_(text, strlen(text));
    uint64_t whole, thousandths = 0, unit = 100, factor = 1;
    if (!gokore_topology_number_(&s, &whole)) return false;
    if (gokore_topology_starts_(s, ".")) {
        for (s.p++, s.len--; s.len && gokore_topology_is_digit_(*s.p); s.p++, s.len--, unit /= 10)
            thousandths += unit * (uint64_t)(*s.p - '0');
    }
    if (gokore_topology_is_(s, "m")) {
        *out = whole;
        return true;
    }
    static const char letters[] = "kMGTPE";
    if (s.len) {
        const char *at = strchr(letters, *s.p == 'K' ? 'k' : *s.p);
        bool binary = s.len == 2 && s.p[1] == 'i';
        if (!at || !*at || (s.len != 1 && !binary)) return false;
        for (const char *p = letters; p <= at; p++) factor *= binary ? 1024 : 1000;
    }
    if (whole >= UINT64_MAX / 1000 / factor) return false;
    *out = whole * factor * 1000 + thousandths * factor;
    return true;
}

typedef struct gokore_container_demand_ { // request and limit of one resource; known only if both are
    bool known;
    uint64_t request, limit;
} gokore_container_demand_;

// The first of these variables that is set and holds a quantity.
static bool gokore_container_env_quantity_(gokore_cgroup_reader_ *r, const char *const names[4], uint64_t *out) {
    for (int i = 0; i < 4 && names[i]; i++) {
        const char *value = gokore_container_env_(r, names[i]);
        if (!value) continue;
        if (gokore_container_quantity_(value, out)) return true;
        gokore_container_env_warn_(r, names[i], "not a quantity");
    }
    return false;
}

static gokore_container_demand_ gokore_container_demand_of_(gokore_cgroup_reader_ *r, bool memory) {
    static const char *const names[2][2][4] = {
        { { "GOKORE_REQ_CPU", "GOKORE_REQUEST_CPU", NULL, NULL }, { "GOKORE_LIM_CPU", "GOKORE_LIMIT_CPU", NULL, NULL } },
        { { "GOKORE_REQ_MEM", "GOKORE_REQ_MEMORY", "GOKORE_REQUEST_MEM", "GOKORE_REQUEST_MEMORY" },
          { "GOKORE_LIM_MEM", "GOKORE_LIM_MEMORY", "GOKORE_LIMIT_MEM", "GOKORE_LIMIT_MEMORY" } },
    };
    gokore_container_demand_ d = { false, 0, 0 };
    d.known = gokore_container_env_quantity_(r, names[memory][0], &d.request);
    if (!gokore_container_env_quantity_(r, names[memory][1], &d.limit)) d.known = false;
    return d;
}

// What requests and limits say. *sure: no other source can know better. Where a container has no limit the downward API
// gives the machine's size for it, so nothing requested means that there are no limits either.
static gokore_qos gokore_container_demands_(gokore_cgroup_reader_ *r, bool *sure) {
    gokore_container_demand_ cpu = gokore_container_demand_of_(r, false);
    gokore_container_demand_ mem = gokore_container_demand_of_(r, true);
    bool both = cpu.known && mem.known;
    *sure = true;
    if ((cpu.known && cpu.request && cpu.request != cpu.limit) || (mem.known && mem.request && mem.request != mem.limit))
        return GOKORE_QOS_BURSTABLE;
    if (both && !cpu.request && !mem.request) return GOKORE_QOS_BEST_EFFORT;
    if (both && (!cpu.request || !mem.request)) return GOKORE_QOS_BURSTABLE;
    *sure = both;
    bool equal = (cpu.known && cpu.request) || (mem.known && mem.request);
    return equal ? GOKORE_QOS_GUARANTEED : GOKORE_QOS_DEFAULT;
}

static gokore_qos gokore_container_class_named_(const char *text) {
    static const char *const names[] = { "guaranteed", "burstable", "besteffort" };
    static const gokore_qos classes[] = { GOKORE_QOS_GUARANTEED, GOKORE_QOS_BURSTABLE, GOKORE_QOS_BEST_EFFORT };
    gokore_topology_span_ s = gokore_topology_trim_(text, strlen(text));
    char word[16];
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < sizeof word - 1; i++)
        if (s.p[i] != '-' && s.p[i] != '_') word[n++] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    word[n] = 0;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(word, names[i]) == 0) return classes[i];
    return GOKORE_QOS_DEFAULT;
}

// What the kubelet's choice of oom_score_adj says.
static gokore_qos gokore_container_score_(gokore_cgroup_reader_ *r) {
    if (!gokore_container_env_(r, "KUBERNETES_SERVICE_HOST")) return GOKORE_QOS_DEFAULT;
    gokore_status st = gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_, "/proc/self/oom_score_adj");
    if (st == GOKORE_NO_MEMORY) r->status = st;
    if (st != GOKORE_OK) return GOKORE_QOS_DEFAULT;
    gokore_topology_span_ s = gokore_cgroup_text_(r);
    uint64_t v = 0;
    gokore_cgroup_value_ kind = gokore_cgroup_value_of_(&s, &v);
    if (s.len) return GOKORE_QOS_DEFAULT;
    if (kind == GOKORE_CGROUP_NEGATIVE_) return v == 997 || v == 998 ? GOKORE_QOS_GUARANTEED : GOKORE_QOS_DEFAULT;
    if (kind != GOKORE_CGROUP_NUMBER_ || v < 2 || v > 1000) return GOKORE_QOS_DEFAULT;
    return v == 1000 ? GOKORE_QOS_BEST_EFFORT : GOKORE_QOS_BURSTABLE;
}

static void gokore_container_read_qos_(gokore_cgroup_reader_ *r) { // the path was looked at before
    gokore_container *c = r->out;
    const char *named = gokore_container_env_(r, "GOKORE_QOS_CLASS"), *source = c->qos_source;
    gokore_qos qos = named ? gokore_container_class_named_(named) : GOKORE_QOS_DEFAULT;
    if (named && qos == GOKORE_QOS_DEFAULT) gokore_container_env_warn_(r, "GOKORE_QOS_CLASS", "no QoS class");
    if (qos != GOKORE_QOS_DEFAULT)
        source = "GOKORE_QOS_CLASS";
    else
        qos = c->qos;
    if (qos == GOKORE_QOS_DEFAULT) {
        bool sure;
        qos = gokore_container_demands_(r, &sure);
        source = "GOKORE_REQ_CPU and the like";
        gokore_qos score = qos == GOKORE_QOS_DEFAULT || !sure ? gokore_container_score_(r) : GOKORE_QOS_DEFAULT;
        if (score != GOKORE_QOS_DEFAULT) {
            qos = score;
            source = "/proc/self/oom_score_adj";
        }
    }
    c->qos = qos;
    if (qos != GOKORE_QOS_DEFAULT && source != c->qos_source) (void)snprintf(c->qos_source, sizeof c->qos_source, "%s", source);
}

static void gokore_container_read_maxima_(gokore_cgroup_reader_ *r) {
    unsigned value = 0;
    if (gokore_container_env_number_(r, "GOKORE_MAX_LOCKS", &value)) r->out->max_locks = value;
    if (gokore_container_env_number_(r, "GOKORE_MAX_WORKERS", &value)) r->out->max_workers = value ? value : 1;
}

static void gokore_container_read_names_(gokore_cgroup_reader_ *r) {
    gokore_container *c = r->out;
    const char *uid = c->pod_uid[0] ? NULL : gokore_container_env_either_(r, "GOKORE_POD_UID", "POD_UID");
    const char *name = gokore_container_env_either_(r, "GOKORE_NAMESPACE", "POD_NAMESPACE");
    if (uid) gokore_container_copy_(c->pod_uid, sizeof c->pod_uid, gokore_topology_trim_(uid, strlen(uid)));
    gokore_topology_span_ s = { NULL, 0 };
    if (name) {
        s = gokore_topology_trim_(name, strlen(name));
    } else {
        gokore_status st = gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_,
                                                 "/var/run/secrets/kubernetes.io/serviceaccount/namespace");
        if (st == GOKORE_NO_MEMORY) r->status = st;
        if (st == GOKORE_OK) s = gokore_cgroup_text_(r);
    }
    for (size_t i = 0; i < s.len; i++) // a DNS label, or nothing
        if (s.len >= sizeof c->namespace_name || s.p[i] <= ' ' || s.p[i] > '~') s.len = 0;
    gokore_container_copy_(c->namespace_name, sizeof c->namespace_name, s);
}

// >>container: workers
// What the limits allow, before any base.
static unsigned gokore_container_allowed_(const gokore_container *c) {
    uint64_t cpus = c->cpus ? c->cpus : 1;
    if (c->quota_den == 0) return (unsigned)cpus;
    uint64_t n = c->quota_num / c->quota_den;
    if (GOKORE_WORKERS_ROUND == GOKORE_ROUND_CEIL && c->quota_num % c->quota_den) n++;
    if (n < GOKORE_MIN_WORKERS) n = GOKORE_MIN_WORKERS;
    return (unsigned)(n < cpus ? n : cpus);
}

static unsigned gokore_container_cpus_(pid_t thread) { // 0 = the calling one
    gokore_topology_set_ set;
    (void)gokore_topology_affinity_or_count_(thread, &set);
    return (unsigned)gokore_topology_size_(&set);
}

unsigned gokore_container_worker_count(const gokore_container *container, unsigned base) {
    gokore_container c;
    if (container)
        c = *container;
    else if (gokore_container_read(&c, NULL) != GOKORE_OK)
        c.max_workers = 0;
    if (c.cpus == 0) c.cpus = gokore_container_cpus_(0);
    uint64_t n = gokore_container_allowed_(&c);
    if (base) n *= GOKORE_OVERSUBSCRIBE;
    if (c.max_workers) n = c.max_workers;
    if (base && base < n) n = base;
    return n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static void gokore_container_count_(gokore_container *c, bool given) {
    c->workers = gokore_container_worker_count(c, 0);
    if (c->max_workers)
        (void)snprintf(c->source, sizeof c->source, "GOKORE_MAX_WORKERS:%u", c->max_workers);
    else if (c->quota_den == 0 || c->workers == c->cpus)
        (void)snprintf(c->source, sizeof c->source, "%s:%u", given ? "cpus" : GOKORE_TOPOLOGY_CPUS_BY_, c->cpus);
}

// >>container: all of it
static gokore_status gokore_container_take_(gokore_cgroup_reader_ *r, const char *file, gokore_topology_text_ *out) {
    gokore_status st = gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_LARGE_, "%s", file);
    if (st == GOKORE_LIMIT) gokore_container_warn_(r, "too long, ignored");
    if (st == GOKORE_OK) {
        *out = r->files.text;
        r->files.text = (gokore_topology_text_) { NULL, 0, 0 };
    }
    return st == GOKORE_NO_MEMORY ? st : GOKORE_OK;
}

static gokore_status gokore_container_open_(gokore_cgroup_reader_ *r, const char *root) {
    r->files.root = root ? root : "";
    gokore_status st = gokore_container_take_(r, "/proc/self/cgroup", &r->groups);
    if (st == GOKORE_OK) st = gokore_container_take_(r, "/proc/self/mountinfo", &r->mounts);
    return st;
}

static void gokore_container_close_(gokore_cgroup_reader_ *r) {
    gokore_topology_close_(&r->files);
    gokore_topology_release_(r->files.allocator, &r->groups);
    gokore_topology_release_(r->files.allocator, &r->mounts);
    gokore_topology_release_(r->files.allocator, &r->root);
    gokore_topology_release_(r->files.allocator, &r->point);
}

// What stays as it was: who the container is, and what the environment said.
static void gokore_container_keep_(gokore_container *now, const gokore_container *before) {
    now->qos = before->qos;
    now->max_workers = before->max_workers;
    now->max_locks = before->max_locks;
    memcpy(now->container_id, before->container_id, sizeof now->container_id);
    memcpy(now->pod_uid, before->pod_uid, sizeof now->pod_uid);
    memcpy(now->namespace_name, before->namespace_name, sizeof now->namespace_name);
    memcpy(now->qos_source, before->qos_source, sizeof now->qos_source);
}

static gokore_status gokore_container_read_all_(gokore_cgroup_reader_ *r, const char *root) {
    gokore_status st = gokore_container_open_(r, root);
    if (st != GOKORE_OK) return st;
    st = gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_, "/proc/meminfo");
    if (st == GOKORE_NO_MEMORY) return st;
    if (st == GOKORE_OK && !gokore_topology_field_(&r->files.text, "MemTotal:", &r->mem_total)) r->mem_total = 0;
    st = gokore_container_read_cpu_(r);
    if (st == GOKORE_OK) st = gokore_container_read_memory_(r);
    if (st != GOKORE_OK) return st;
    if (r->before) {
        gokore_container_keep_(r->out, r->before);
    } else {
        gokore_container_identify_(r);
        gokore_container_read_qos_(r);
        gokore_container_read_names_(r);
        gokore_container_read_maxima_(r);
    }
    return r->status;
}

// Reports carry the container's id: the first that is found, kept as long as the process lives.
static void gokore_container_publish_(const gokore_container *c) {
    static struct {
        gokore_latch_ latch;
        char id[sizeof c->container_id], uid[sizeof c->pod_uid];
    } kept;
    gokore_latch_lock_(&kept.latch);
    bool fresh = (c->container_id[0] && !kept.id[0]) || (c->pod_uid[0] && !kept.uid[0]);
    if (c->container_id[0] && !kept.id[0]) memcpy(kept.id, c->container_id, sizeof kept.id);
    if (c->pod_uid[0] && !kept.uid[0]) memcpy(kept.uid, c->pod_uid, sizeof kept.uid);
    if (fresh) gokore_report_identity_(kept.id[0] ? kept.id : "", kept.uid[0] ? kept.uid : "");
    gokore_latch_unlock_(&kept.latch);
}

static gokore_status gokore_container_read_for_(gokore_container *out, const gokore_container_desc *desc, pid_t thread,
                                                const gokore_container *before) {
    bool real = !desc->root || !desc->root[0];
    unsigned cpus = desc->cpus ? desc->cpus : gokore_container_cpus_(thread);
    gokore_cgroup_reader_ r = { .out = out, .getenv_fn = desc->getenv_fn ? desc->getenv_fn : getenv, .before = before };
    memset(out, 0, sizeof *out);
    out->cpus = cpus;
    out->numa_node = real ? gokore_thread_node_() : -1;
    gokore_status st = gokore_container_read_all_(&r, desc->root);
    if (st == GOKORE_OK) {
        gokore_container_count_(out, desc->cpus > 0);
        if (real) gokore_container_publish_(out);
    } else {
        memset(out, 0, sizeof *out);
        out->cpus = out->workers = cpus;
        out->numa_node = -1;
    }
    gokore_container_close_(&r);
    return st;
}

gokore_status gokore_container_read(gokore_container *out, const gokore_container_desc *desc) {
    static const gokore_container_desc defaults = { 0 };
    return out ? gokore_container_read_for_(out, desc ? desc : &defaults, 0, NULL) : GOKORE_INVALID;
}

static bool gokore_container_differs_(const gokore_container *a, const gokore_container *b) {
    return a->quota_num != b->quota_num || a->quota_den != b->quota_den || a->cpus != b->cpus || a->workers != b->workers ||
           a->memory_limit != b->memory_limit || a->memory_high != b->memory_high;
}

static gokore_status gokore_container_again_(gokore_container *c, const gokore_container_desc *desc, pid_t thread, bool *changed) {
    gokore_container now;
    gokore_status st = gokore_container_read_for_(&now, desc, thread, c);
    *changed = false;
    if (st != GOKORE_OK) return st;
    *changed = gokore_container_differs_(&now, c);
    *c = now;
    return GOKORE_OK;
}

gokore_status gokore_container_refresh(gokore_container *container, const gokore_container_desc *desc, bool *changed) {
    static const gokore_container_desc defaults = { 0 };
    bool unused;
    if (!changed) changed = &unused;
    *changed = false;
    return container ? gokore_container_again_(container, desc ? desc : &defaults, 0, changed) : GOKORE_INVALID;
}

int gokore_container_reclaim_percent(const gokore_container *container, double utilization) {
    if (!(utilization >= 0)) { // negative, or no number at all
        if (!container || !container->memory_limit) return 100;
        utilization = (double)container->memory_current / (double)container->memory_limit;
    }
    if (utilization <= 0.2) return 400;
    if (utilization >= 0.8) return 25;
    return (int)(100 * (1 - utilization) / utilization + 0.5);
}

// >>pressure
typedef struct gokore_pressure_look_ { // one look at the figures
    gokore_pressure pressure;
    bool stalls;          // the kernel has stall figures
    uint64_t stalled_us;  // some tasks by memory, ever
    gokore_status status; // NO_MEMORY, or OK
} gokore_pressure_look_;

// What stands behind the key in the line that starts with this word: "some avg10=0.12 avg60=... total=345".
static bool gokore_pressure_field_(const gokore_topology_text_ *text, const char *word, const char *key, gokore_topology_span_ *out) {
    gokore_topology_span_ rest = { text->data, text->len }, line;
    while (gokore_topology_cut_(&rest, '\n', &line)) {
        if (!gokore_topology_cut_(&line, ' ', out) || !gokore_topology_is_(*out, word)) continue;
        while (gokore_topology_cut_(&line, ' ', out)) {
            if (!gokore_topology_starts_(*out, key)) continue;
            *out = (gokore_topology_span_) { out->p + strlen(key), out->len - strlen(key) };
            return true;
        }
    }
    return false;
}

static bool gokore_pressure_avg10_(const gokore_topology_text_ *text, const char *word, double *out) {
    gokore_topology_span_ s;
    uint64_t v;
    double scale = 0.1;
    if (!gokore_pressure_field_(text, word, "avg10=", &s) || !gokore_topology_number_(&s, &v) || v > 100) return false;
    *out = (double)v;
    if (gokore_topology_starts_(s, "."))
        for (size_t i = 1; i < s.len && gokore_topology_is_digit_(s.p[i]); i++, scale /= 10) *out += scale * (s.p[i] - '0');
    return true;
}

// Loads the stall figures of one resource, of the group or else of the machine; false: there are none.
static bool gokore_pressure_load_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, const char *resource, double *some) {
    for (int place = cg->version == 2 ? 0 : 1; place < 2; place++) {
        gokore_status st = place == 0 ? gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_, "%.*s/%s.pressure",
                                                              (int)cg->dir.len, cg->dir.data, resource)
                                      : gokore_topology_load_(&r->files, GOKORE_TOPOLOGY_SMALL_, "/proc/pressure/%s", resource);
        if (st == GOKORE_NO_MEMORY) r->status = st;
        if (st == GOKORE_OK && gokore_pressure_avg10_(&r->files.text, "some", some)) return true;
    }
    return false;
}

static bool gokore_pressure_of_(gokore_cgroup_reader_ *r, const gokore_cgroup_ *cg, const char *resource, double *some, double *full) {
    if (!gokore_pressure_load_(r, cg, resource, some)) return false;
    (void)gokore_pressure_avg10_(&r->files.text, "full", full); // older kernels have no such line for the CPU
    return true;
}

static gokore_pressure_level gokore_pressure_level_of_(double some, double full) {
    if (some >= 50 || full >= 25) return GOKORE_PRESSURE_CRITICAL;
    if (some >= 25 || full >= 10) return GOKORE_PRESSURE_HIGH;
    return some >= 10 ? GOKORE_PRESSURE_MEDIUM : some >= 1 ? GOKORE_PRESSURE_LOW : GOKORE_PRESSURE_NONE;
}

static void gokore_pressure_stalls_(gokore_cgroup_reader_ *r, gokore_pressure_look_ *look) {
    gokore_pressure *p = &look->pressure;
    gokore_cgroup_ cg = { 0 };
    gokore_status st = gokore_cgroup_find_(r, "", &cg);
    if (st == GOKORE_OK) {
        bool cpu = gokore_pressure_of_(r, &cg, "cpu", &p->cpu_some_avg10, &p->cpu_full_avg10);
        bool io = gokore_pressure_of_(r, &cg, "io", &p->io_some_avg10, &p->io_full_avg10);
        bool memory = gokore_pressure_of_(r, &cg, "memory", &p->memory_some_avg10, &p->memory_full_avg10);
        gokore_topology_span_ total;
        if (memory && gokore_pressure_field_(&r->files.text, "some", "total=", &total))
            (void)gokore_topology_number_(&total, &look->stalled_us);
        look->stalls = cpu || memory || io;
        p->level = gokore_pressure_level_of_(p->memory_some_avg10, p->memory_full_avg10);
    } else {
        r->status = st;
    }
    gokore_topology_release_(r->files.allocator, &cg.dir);
}

// How often the quota was used up: of every group from the process's own to the mount point, since any of them may be the one
// that has to wait.
static void gokore_pressure_throttled_(gokore_cgroup_reader_ *r, gokore_pressure *p) {
    gokore_cgroup_ cg = { 0 };
    gokore_status st = gokore_cgroup_find_(r, "cpu", &cg);
    if (st != GOKORE_OK) r->status = st;
    for (size_t len = cg.dir.len; st == GOKORE_OK && cg.version; len = gokore_cgroup_above_(&cg.dir, len, cg.floor)) {
        uint64_t periods = 0, throttled = 0, time = 0;
        if (gokore_cgroup_load_(r, &cg, len, "cpu.stat")) {
            (void)gokore_topology_field_(&r->files.text, "nr_periods", &periods);
            (void)gokore_topology_field_(&r->files.text, "nr_throttled", &throttled);
            if (!gokore_topology_field_(&r->files.text, "throttled_time", &time) && // version 1: nanoseconds
                gokore_topology_field_(&r->files.text, "throttled_usec", &time))
                time = time > UINT64_MAX / 1000 ? UINT64_MAX : time * 1000;
        }
        if (periods > p->cpu_periods) p->cpu_periods = periods;
        p->cpu_throttled_periods += throttled;
        p->cpu_throttled_ns += time;
        if (len <= cg.floor) break;
    }
    gokore_topology_release_(r->files.allocator, &cg.dir);
}

static void gokore_pressure_look_at_(const char *root, gokore_pressure_look_ *look) {
    static const gokore_container quiet; // what is odd in these files is no warning
    gokore_container unused = { 0 };
    gokore_cgroup_reader_ r = { .out = &unused, .before = &quiet };
    memset(look, 0, sizeof *look);
    r.status = gokore_container_open_(&r, root);
    if (r.status == GOKORE_OK) gokore_pressure_stalls_(&r, look);
    if (r.status == GOKORE_OK) gokore_pressure_throttled_(&r, &look->pressure);
    look->status = r.status;
    gokore_container_close_(&r);
}

gokore_status gokore_container_pressure(const char *root, gokore_pressure *out) {
    if (!out) return GOKORE_INVALID;
    gokore_pressure_look_ look;
    gokore_pressure_look_at_(root, &look);
    gokore_status st = look.status != GOKORE_OK ? look.status : look.stalls ? GOKORE_OK : GOKORE_UNSUPPORTED;
    if (st == GOKORE_OK)
        *out = look.pressure;
    else
        memset(out, 0, sizeof *out);
    return st;
}

// >>pressure: the watch
#define GOKORE_PRESSURE_WINDOW_US_ 2000000u // of the kernel's trigger

static struct gokore_pressure_watch_ {
    gokore_latch_ latch; // of start and stop; what is no atomic is the thread's while it runs
    bool running;
    pid_t process;             // that runs it: a forked child does not
    gokore_thread_ thread;
    gokore_atomic_u32 stop;    // 1 = end
    gokore_atomic_u32 level;   // a gokore_pressure_level
    gokore_atomic_i32 trigger; // 1 + the file that the kernel's trigger is armed on, 0 = none
    int bell;                  // ends gokore_pressure_poll_, -1 = none
    gokore_pressure_fn *fn;
    void *user;
    gokore_pressure_watch_desc desc;
    gokore_pressure_look_ look; // the last one
    int64_t looked_ns;
    gokore_container container;
} gokore_pressure_watch_;
static _Thread_local bool gokore_pressure_watching_; // this is the watch's thread

// Arms the trigger on the group's memory.pressure, or else the machine's; -1: the kernel does not let us.
static int gokore_pressure_arm_(void) {
    gokore_container unused = { 0 };
    gokore_cgroup_reader_ r = { .out = &unused };
    gokore_cgroup_ cg = { 0 };
    int fd = -1;
    gokore_status st = gokore_container_open_(&r, "");
    if (st == GOKORE_OK) st = gokore_cgroup_find_(&r, "", &cg);
    if (st == GOKORE_OK && cg.version == 2 && gokore_topology_append_(NULL, &cg.dir, "/memory.pressure", 16))
        fd = gokore_pressure_arm_at_(cg.dir.data);
    if (fd < 0) fd = gokore_pressure_arm_at_("/proc/pressure/memory");
    gokore_topology_release_(r.files.allocator, &cg.dir);
    gokore_container_close_(&r);
    return fd;
}

static void gokore_pressure_disarm_(struct gokore_pressure_watch_ *w) {
    int32_t fd = gokore_atomic_exchange(&w->trigger, 0) - 1;
    if (fd >= 0) (void)close(fd);
}

static void gokore_pressure_sleep_(struct gokore_pressure_watch_ *w) {
    int32_t trigger = gokore_atomic_load(&w->trigger) - 1;
    if (trigger < 0) {
        int64_t now = gokore_now_ns();
        bool endless = w->desc.interval_ns > INT64_MAX - now;
        (void)GOKORE_SEAM_WAIT_(&w->stop, 0, endless ? INT64_MAX : now + w->desc.interval_ns);
        return;
    }
    if (!gokore_pressure_poll_(trigger, w->bell, w->desc.interval_ns)) gokore_pressure_disarm_(w);
}

static uint64_t gokore_pressure_grown_(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

// What the figures say that have changed since the last look.
static void gokore_pressure_compare_(struct gokore_pressure_watch_ *w, gokore_pressure_look_ *look, int64_t now_ns) {
    gokore_pressure *p = &look->pressure;
    const gokore_pressure_look_ *last = &w->look;
    uint64_t periods = gokore_pressure_grown_(p->cpu_periods, last->pressure.cpu_periods);
    uint64_t throttled = gokore_pressure_grown_(p->cpu_throttled_periods, last->pressure.cpu_throttled_periods);
    if (periods) p->quota_level = gokore_pressure_level_of_(100.0 * (double)throttled / (double)periods, 0);
    if (!last->stalls || !look->stalls) return;
    // The total decides, not that the trigger fired: it may do so falsely right after it was armed.
    double stalled = (double)gokore_pressure_grown_(look->stalled_us, last->stalled_us);
    double passed = (double)(now_ns - w->looked_ns) / 1000;
    if (passed < GOKORE_PRESSURE_WINDOW_US_) passed = GOKORE_PRESSURE_WINDOW_US_; // less says too little
    gokore_pressure_level level = gokore_pressure_level_of_(100 * stalled / passed, 0);
    if (level > p->level) p->level = level;
}

static void gokore_pressure_turn_(struct gokore_pressure_watch_ *w) {
    gokore_pressure_look_ look;
    int64_t now = gokore_now_ns();
    gokore_pressure_look_at_(w->desc.container.root, &look);
    if (look.status != GOKORE_OK) return; // no memory for it: the next time
    gokore_pressure_compare_(w, &look, now);
    bool told = look.pressure.level != w->look.pressure.level || look.pressure.quota_level != w->look.pressure.quota_level;
    w->look = look;
    w->looked_ns = now;
    gokore_atomic_store(&w->level, (uint32_t)look.pressure.level);
    if (told && w->fn) w->fn(-1, &look.pressure, w->user);
    bool changed = false;
    if (!w->desc.limits_fn) return;
    gokore_status st = gokore_container_again_(&w->container, &w->desc.container, getpid(), &changed);
    if (st == GOKORE_OK && changed) w->desc.limits_fn(&w->container, w->user);
}

static void gokore_pressure_main_(void *arg) {
    struct gokore_pressure_watch_ *w = (struct gokore_pressure_watch_ *)arg;
    gokore_thread_name_("gokore-pressure");
    gokore_pressure_watching_ = true;
    while (!gokore_atomic_load(&w->stop)) {
        gokore_pressure_turn_(w);
        gokore_pressure_sleep_(w);
    }
}

// The first look: what is there to watch, and what the later ones are compared with.
static gokore_status gokore_pressure_begin_(struct gokore_pressure_watch_ *w) {
    const gokore_container_desc *container = &w->desc.container;
    gokore_pressure_look_at_(container->root, &w->look);
    w->looked_ns = gokore_now_ns();
    if (w->look.status != GOKORE_OK) return w->look.status;
    if (!w->look.stalls && !w->look.pressure.cpu_periods && !w->desc.limits_fn) return GOKORE_UNSUPPORTED;
    w->look.pressure.level = GOKORE_PRESSURE_NONE; // so that another one is told
    bool real = !container->root || !container->root[0];
    w->bell = gokore_pressure_bell_();
    if (w->bell >= 0 && real && w->look.stalls && !w->desc.polls_only)
        gokore_atomic_store(&w->trigger, gokore_pressure_arm_() + 1);
    gokore_atomic_store(&w->stop, 0);
    return GOKORE_SEAM_THREAD_START_(&w->thread, gokore_pressure_main_, w, 0);
}

static void gokore_pressure_end_(struct gokore_pressure_watch_ *w) {
    gokore_pressure_disarm_(w);
    if (w->bell >= 0) (void)close(w->bell);
    gokore_atomic_store(&w->level, GOKORE_PRESSURE_NONE);
}

static bool gokore_pressure_runs_(struct gokore_pressure_watch_ *w) {
    if (w->running && w->process != getpid()) {
        gokore_pressure_end_(w);
        w->running = false;
    }
    return w->running;
}

gokore_status gokore_pressure_watch_start(gokore_pressure_fn *fn, void *user, const gokore_pressure_watch_desc *desc) {
    static const gokore_pressure_watch_desc defaults = { 0 };
    struct gokore_pressure_watch_ *w = &gokore_pressure_watch_;
    if (!desc) desc = &defaults;
    if (desc->interval_ns < 0) return GOKORE_INVALID;
    if (gokore_pressure_watching_) return GOKORE_BUSY;
    gokore_container container = { 0 };
    gokore_status st = GOKORE_OK; // without the latch, since reading may call the report hook, which may come here
    if (desc->limits_fn) st = gokore_container_read_for_(&container, &desc->container, getpid(), NULL);
    if (st != GOKORE_OK) return st;
    gokore_latch_lock_(&w->latch);
    st = GOKORE_BUSY;
    if (!gokore_pressure_runs_(w)) {
        w->container = container;
        w->fn = fn;
        w->user = user;
        w->desc = *desc;
        w->bell = -1;
        w->process = getpid();
        if (w->desc.interval_ns == 0) w->desc.interval_ns = 2000000000;
        st = gokore_pressure_begin_(w);
        w->running = st == GOKORE_OK;
        if (!w->running) gokore_pressure_end_(w);
    }
    gokore_latch_unlock_(&w->latch);
    return st;
}

void gokore_pressure_watch_stop(void) {
    struct gokore_pressure_watch_ *w = &gokore_pressure_watch_;
    if (gokore_pressure_watching_) return;
    gokore_latch_lock_(&w->latch);
    if (gokore_pressure_runs_(w)) {
        gokore_atomic_store(&w->stop, 1);
        GOKORE_SEAM_WAKE_(&w->stop, 1);
        if (w->bell >= 0) gokore_pressure_ring_(w->bell);
        GOKORE_SEAM_THREAD_JOIN_(&w->thread);
        gokore_pressure_end_(w);
        w->running = false;
    }
    gokore_latch_unlock_(&w->latch);
}

gokore_pressure_level gokore_pressure_watch_level(void) {
    return (gokore_pressure_level)gokore_atomic_load(&gokore_pressure_watch_.level);
}

bool gokore_pressure_watch_is_triggered(void) { return gokore_atomic_load(&gokore_pressure_watch_.trigger) != 0; }

// >>lent to gokore_policy.h
static int gokore_lent_node_(void) { return gokore_topology_current_node(NULL); }
static size_t gokore_lent_allowed_(int *out, size_t cap) { return gokore_topology_allowed_nodes(NULL, out, cap); }
static size_t gokore_lent_nearest_(int from, int *out, size_t cap) { return gokore_topology_nearest(NULL, from, out, cap); }
static int gokore_lent_distance_(int from, int to) { return gokore_topology_distance(NULL, from, to); }
static gokore_status gokore_lent_read_(gokore_container *out) { return gokore_container_read(out, NULL); }

static gokore_status gokore_lent_facts_(gokore_lent_container_ *out) {
    gokore_container c;
    gokore_status status = gokore_container_read(&c, NULL);
    if (status != GOKORE_OK) return status;
    *out = (gokore_lent_container_) { c.max_locks, c.workers, c.memory_limit, c.qos, c.cgroup_version, "", "" };
    memcpy(out->source, c.source, sizeof out->source);
    memcpy(out->memory_source, c.memory_source, sizeof out->memory_source);
    return GOKORE_OK;
}

static const gokore_lent_machine_ gokore_lent_machine_topology_ = { gokore_lent_node_,        gokore_lent_allowed_, gokore_lent_nearest_, gokore_lent_distance_,
                                                                    gokore_memory_migrate, gokore_lent_read_,   gokore_lent_facts_ };
static const gokore_lent_machine_ *gokore_lent_machine_here_ = &gokore_lent_machine_topology_;

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
