// gokore_pool.h - v0.1.0 - MIT                                      a Chase-Lev deque and a pool of workers that sleep
//
// WHAT     Tasks live in the caller's memory and run on a set of workers. A worker puts what it spawns on a stack of its
//          own and takes the youngest back, without a fence while nobody asks; idle workers steal the oldest. Work from outside
//          is queued in lanes by service class, on the node it comes from. Each submission takes a context: a task whose context
//          is over before it starts is not run. An idle pool sleeps. By default there are as many workers as this container may
//          use CPUs.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_pool.h"
//
// NEEDS    gokore_atomic.h gokore_policy.h gokore_topology.h gokore_lockorder.h gokore_sync.h; link with -pthread.
//
// EXAMPLE
//      #include "gokore_pool.h"
//      typedef struct fib { gokore_task task; int n; long result; } fib;
//      static void fib_run(gokore_worker *worker, gokore_task *task) {
//          fib *f = (fib *)task;                                  // the task is the first member
//          if (f->n < 2) { f->result = f->n; return; }
//          fib a = { .task = GOKORE_TASK_INIT(fib_run), .n = f->n - 1 };
//          fib b = { .task = GOKORE_TASK_INIT(fib_run), .n = f->n - 2 };
//          gokore_spawn(worker, &a.task);                         // may be stolen
//          fib_run(worker, &b.task);
//          gokore_join(worker, &a.task);
//          f->result = a.result + b.result;
//      }
//      gokore_status fib_on(gokore_pool *pool, int n, long *result) {
//          fib f = { .task = GOKORE_TASK_INIT(fib_run), .n = n };
//          gokore_status status = gokore_pool_run(pool, &f.task, NULL);
//          *result = f.result;
//          return status;
//      }
//
// OPTIONS  GOKORE_NUMA          [impl]  1   0: workers are not placed by node
//          GOKORE_METRICS       [impl]  0   1: tasks, steals, workers and queues are told to the instrumenter, see gokore_policy.h
//
// CONCEPTS
//   Tasks        A gokore_task is a member of the caller's struct. A submitted task may be freed or submitted again from its
//                own function or on_cancel: the pool does not touch it afterwards. A spawned task belongs to the task that
//                spawned it, which joins it, last spawned first, before it returns.
//   Exactly once Each submitted task runs, or has on_cancel called, exactly once, whatever happens to context and pool.
//   Lanes        Guaranteed before Burstable before BestEffort; every 16th pick looks at one of the lower two first. In order
//                among what was submitted on one node; where workers are dealt to several, each node has lanes, and looks into
//                the others' when its own are empty.
//   Idle         One worker looks on for some 20 us before it sleeps; then nothing runs, and waking one is a system call.
//   Blocking     A task that blocks keeps its worker. Waiting in a join runs other tasks meanwhile, spawned or submitted. Pools
//                whose workers submit to each other's full queue (queue_limit) without a context can wait for each other for
//                ever: give a deadline.
//   pthread_exit A task that ends its thread is reported (TASK_BUSY), its waiter and group get GOKORE_SYSTEM, and its worker goes
//                on. So it is for the task that spawned it, if that joins it at that time. All that was spawned must have been
//                joined, and nothing else lie below on the thread's stack, stolen or run in place: else the process aborts.
//   For ever     A task that never returns keeps its worker. What it spawned others take, and what is queued they run; shutdown
//                returns GOKORE_TIMEOUT, and destroy waits for it for ever.
//   The stack    A worker that waits in a join takes from the thief it waits for, and from others while three quarters of its
//                thread's stack are free. A recursion that fits into those is never too deep.
//   Signals      Workers take none but those they raise themselves: SIGSEGV and the like, SIGABRT, SIGPROF.

#ifndef GOKORE_POOL_H
#define GOKORE_POOL_H 100 // 0.1.0

#include "gokore_sync.h"
#include "gokore_topology.h"
#if GOKORE_SYNC_H != 100 || GOKORE_TOPOLOGY_H != 100
#error "gokore_pool.h 0.1.0 needs gokore_sync.h and gokore_topology.h 0.1.0: copy headers from one release"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// >>deque
// D. Chase and Y. Lev, "Dynamic circular work-stealing deque", SPAA 2005. One owner pushes and pops at the bottom, any thread
// steals at the top. All-zero is an empty deque on the C heap.
typedef struct gokore_deque {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_i64 top_;    // next to steal; only ever grows
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_i64 bottom_; // one past the youngest; only the owner writes
    gokore_atomic_ptr array_;                                     // struct gokore_deque_array_ *
    gokore_allocator allocator_;
} gokore_deque;
typedef struct gokore_deque_desc {
    size_t capacity;            // default 256; rounded up to a power of two, at least 2
    gokore_allocator allocator; // default: C heap
} gokore_deque_desc;
typedef enum gokore_steal { GOKORE_STEAL_EMPTY, GOKORE_STEAL_SUCCESS, GOKORE_STEAL_RETRY } gokore_steal;

// Sets up an empty deque; desc NULL = defaults. GOKORE_NO_MEMORY; GOKORE_INVALID for a capacity beyond 2^30.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_deque_init(gokore_deque *d, const gokore_deque_desc *desc);
// Frees its memory, not what is inside. No other thread may use it any more.
GOKORE_API void gokore_deque_deinit(gokore_deque *d);
// Owner. Grows by doubling; GOKORE_NO_MEMORY if it can't, then nothing is lost. What was written before is visible to the thief.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_deque_push(gokore_deque *d, void *item);
// Owner. The youngest item, NULL if there is none.
GOKORE_API void *gokore_deque_pop(gokore_deque *d);
// Any thread. SUCCESS with the oldest item in *out, EMPTY, or RETRY: another took it meanwhile. Otherwise *out is NULL.
GOKORE_API gokore_steal gokore_deque_steal(gokore_deque *d, void **out);
// Any thread; a hint where others use it.
GOKORE_API size_t gokore_deque_len(const gokore_deque *d);

// >>tasks
typedef struct gokore_worker gokore_worker;
typedef struct gokore_pool gokore_pool;
typedef struct gokore_task gokore_task;
typedef struct gokore_group gokore_group;
// The work. On a worker; the task may be gone when it returns.
typedef void gokore_task_fn(gokore_worker *worker, gokore_task *task);
// Called instead of the work: the context's status, or GOKORE_SHUTDOWN. On a worker, or on the thread that shuts down.
typedef void gokore_task_cancel_fn(gokore_task *task, gokore_status why);
struct gokore_task {
    gokore_task_fn *fn;
    gokore_task_cancel_fn *on_cancel; // may be NULL
    gokore_qos qos;                   // its lane; default 0: the pool's
    gokore_atomic_u32 state_;         // 3 submitted; of a spawned task: 0 pending, 1 done, 2 pending and its joiner sleeps
    gokore_task *next_;               // in a lane
    gokore_context *context_;
    void *waiter_;                    // who waits in gokore_pool_run, or NULL; of a spawned task: its worker
    gokore_pool *pool_;               // of a submitted task
    gokore_group *group_;             // or NULL
};
#define GOKORE_TASK_INIT(fn) { (fn), NULL, GOKORE_QOS_DEFAULT, GOKORE_ATOMIC_INIT(0), NULL, NULL, NULL, NULL, NULL }
GOKORE_API void gokore_task_init(gokore_task *task, gokore_task_fn *fn);

// On a worker: puts a task up for stealing; it inherits the running task's context and always runs. Never fails: where the
// worker's stack of tasks can't grow, the task runs at once; so it does, without a context, where worker is NULL (see
// gokore_task_run).
GOKORE_INLINE_ void gokore_spawn(gokore_worker *worker, gokore_task *task);
// On a worker: returns when the task has run; runs it itself if nobody stole it. Last spawned first: anything else is
// reported as TASK_BUSY, and works all the same. What the task wrote is visible.
GOKORE_INLINE_ void gokore_join(gokore_worker *worker, gokore_task *task);
// The same with the function named, so that the compiler can inline it where the task was not stolen:
// GOKORE_JOIN(worker, fib_run, &a.task). fn must be the task's own.
#define GOKORE_JOIN(worker, fn, task) gokore_join_with_((worker), (fn), (task))
// The same, but it runs nothing that is not its own: where the task was stolen its worker sleeps until it has run, and another
// stands in. For a task that holds a lock which others may want.
GOKORE_API void gokore_join_passive(gokore_worker *worker, gokore_task *task);

// On a worker, around what blocks outside the library (a read, a foreign lock): another worker, started if need be, stands in
// meanwhile. May nest. Where no thread can be had, the pool is one short meanwhile. NULL: nothing happens.
GOKORE_API void gokore_worker_blocking_begin(gokore_worker *worker);
GOKORE_API void gokore_worker_blocking_end(gokore_worker *worker);

GOKORE_API unsigned gokore_worker_index(const gokore_worker *worker); // 0 to workers - 1; beyond for one that stands in
GOKORE_API int gokore_worker_node(const gokore_worker *worker);       // its home node, or where it runs now
// its spawned tasks that nobody took, against the room it has: 0 to 1
GOKORE_API double gokore_worker_load(const gokore_worker *worker);
GOKORE_API gokore_pool *gokore_worker_pool(const gokore_worker *worker);
GOKORE_API gokore_context *gokore_worker_context(const gokore_worker *worker); // of the running task; may be NULL

// >>pool
typedef struct gokore_pool_desc {
    const char *name;           // default "gokore"; must outlive the pool; its first 10 bytes name the threads
    unsigned workers;           // default 0: gokore_container_worker_count; at most 1024
    gokore_qos qos;             // lane of tasks that name none; default GOKORE_QOS
    gokore_numa_policy numa;    // preferred_nodes: workers are dealt to these, and kept on their CPUs; required: fail with
                                // GOKORE_NOT_FOUND if there are none, GOKORE_UNSUPPORTED with GOKORE_NUMA 0
    bool pin;                   // the same with all nodes, where none is preferred
    gokore_allocator allocator; // default: C heap
    size_t stack_size;          // of each worker; default 0: the system's
    size_t queue_limit;         // most tasks queued from outside; default 0: no limit. Submitting beyond it waits: see there
    const gokore_retry_policy *retry; // steal_attempts, backoff: of gokore_pool_try_steal, and of idle workers with a
                                      // coordinator; default NULL: the table of qos. Copied
    const gokore_concurrency_policy *concurrency; // share of steals that may cross nodes, shortest queue that is stolen from
                                // across nodes; default NULL: the policy in force, without one no limit. Copied
    const struct gokore_provider *provider; // its container, where workers is 0; qos, numa_policy and retry_policy, where nothing
                                // is said here; numa_distance. Members may be NULL. Copied; default NULL: the program's
                                // container and numa_distance
} gokore_pool_desc;

// Starts the workers; desc NULL = defaults. If one can't be started, none is: GOKORE_NO_MEMORY, GOKORE_SYSTEM or
// GOKORE_INVALID, and *out is NULL. From now on it obeys workers and numa of gokore_resources_adjust, see gokore_policy.h.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_create(gokore_pool **out, const gokore_pool_desc *desc);
// Queues a task; never allocates. ctx, which must outlive the task, may be NULL. Blocks only where queue_limit tasks are
// queued, until there is room or ctx is over (its status); never on a worker of this pool, which may exceed the limit.
// GOKORE_SHUTDOWN: the pool takes no more work. Anything but GOKORE_OK: the task is the caller's again. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit(gokore_pool *pool, gokore_task *task, gokore_context *ctx);
// The same for n tasks at once: all or none. More than queue_limit are taken when nothing is queued.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit_many(gokore_pool *pool, gokore_task *const *tasks, size_t n,
                                                                  gokore_context *ctx);
// Submits a function; the pool allocates the task. If the context ends first, the function is not called. GOKORE_NO_MEMORY.
typedef void gokore_pool_fn(gokore_worker *worker, void *arg);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit_fn(gokore_pool *pool, gokore_pool_fn *fn, void *arg,
                                                                gokore_context *ctx);
// Submits and waits until the task has run (GOKORE_OK) or was cancelled before it started (the context's status, or
// GOKORE_SHUTDOWN). On a worker of the same pool the task is run in place.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_run(gokore_pool *pool, gokore_task *task, gokore_context *ctx);
// Waits until nothing is queued and nothing runs, or the context is over. GOKORE_INVALID on a worker of the same pool.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_wait_idle(gokore_pool *pool, gokore_context *ctx);
// Takes no more work and drains. GOKORE_TIMEOUT after timeout_ns (INT64_MAX = none): what has not started by then is cancelled
// before this returns. GOKORE_INVALID on a worker of the same pool.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_shutdown(gokore_pool *pool, int64_t timeout_ns);
// Cancels what is queued (GOKORE_SHUTDOWN), waits for what runs, ends the workers, frees the pool. No other call on the pool may
// be under way. On one of its own workers: a TASK_BUSY report, and nothing happens. NULL is fine.
GOKORE_API void gokore_pool_destroy(gokore_pool *pool);

// From now on so many workers, 1 to 1024; 0: as many as this container may use CPUs now, read anew. A worker too many leaves
// when what it runs has ended; what it has spawned is taken over. If a thread can't be started (GOKORE_NO_MEMORY,
// GOKORE_SYSTEM) the width is what it was. GOKORE_SHUTDOWN after shutdown. Any thread, any time before destroy.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_scale(gokore_pool *pool, unsigned workers);
// Takes over workers, qos, queue_limit, stack_size (of workers started from now on), retry, concurrency, and numa where it
// prefers nodes (as pool_create: then every worker moves to its new home); a member that is zero leaves things as they are.
// GOKORE_INVALID, and nothing is changed, for impossible values, or for another name or allocator.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_set_config(gokore_pool *pool, const gokore_pool_desc *config);
// All workers move to this node's CPUs: those that run something, when that has ended. GOKORE_NOT_FOUND without such a node,
// GOKORE_UNSUPPORTED with GOKORE_NUMA 0.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_pin(gokore_pool *pool, int node);
// The caller counted n accesses to another node's memory; they are added to numa_crossings. Returns all that were reported.
GOKORE_API uint64_t gokore_pool_report_cross_node(gokore_pool *pool, uint64_t n);

// >>parallel for
// Called with pieces [begin, end) of the whole, each index in exactly one.
typedef void gokore_for_fn(gokore_worker *worker, size_t begin, size_t end, void *user);
// Calls fn for all of [begin, end), on the pool's workers at once, and returns when all has been done: GOKORE_OK. No piece is
// longer than grain; grain 0: as long as about 10 us take, and a loop that takes less than that one worker does alone. Where ctx
// is over, no new piece is begun: the context's status if any was left out. GOKORE_SHUTDOWN: nothing was done. begin >= end: no
// calls. Any thread; a worker of this pool takes part.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_parallel_for(gokore_pool *pool, gokore_context *ctx, size_t begin, size_t end,
                                                              size_t grain, gokore_for_fn *fn, void *user);

// >>groups
// Tasks that are waited for together, of any pools. All-zero is an empty group. May be used again after the wait.
struct gokore_group {
    gokore_waitgroup pending_;
    gokore_atomic_u32 status_; // the first failure
    bool cancel_on_failure_;
    gokore_atomic_ptr pool_;   // of all members, for the lock checker; NULL = there were none, itself = several
    gokore_context context_;   // of members that bring none
};
typedef struct gokore_group_desc {
    bool cancel_on_failure; // default false. true: after a failure, members that have not started are cancelled
                            // (GOKORE_CANCELED), and the context of running members that brought none is over
} gokore_group_desc;
GOKORE_API void gokore_group_init(gokore_group *group, const gokore_group_desc *desc); // desc NULL = defaults
// As gokore_pool_submit. A task without a context has the group's. On failure the group is as before.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_group_submit(gokore_group *group, gokore_pool *pool, gokore_task *task,
                                                              gokore_context *ctx);
// The group has failed; only the first why counts, GOKORE_OK never does. From a member's function, before it returns.
GOKORE_API void gokore_group_fail(gokore_group *group, gokore_status why);
// Waits until all members have run or were cancelled: the first failure, GOKORE_OK if there was none. A member that was cancelled
// failed with what on_cancel is told. If ctx is over first: its status, and the group goes on; likewise GOKORE_DEADLOCK, where
// this wait is chosen to end one. A worker helps meanwhile.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_group_wait(gokore_group *group, gokore_context *ctx);

// >>stealers and observers
// Takes a task of the pool for a thread that will run it with gokore_task_run: it belongs to the pool until it has run. If there
// is none, tries again as often as desc.retry says, with its delays; then GOKORE_EMPTY, or the context's status. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_try_steal(gokore_pool *pool, gokore_context *ctx, gokore_task **out);
// Runs what gokore_pool_try_steal or a coordinator gave, or cancels it if its context is over; tells its joiner, group and
// pool. worker: the calling thread's, NULL on a thread that is none; the task's function gets the same. What it spawns without a
// worker runs at once, on this thread and without a context; what asks a worker for its index, pool, node or load needs one.
GOKORE_API void gokore_task_run(gokore_worker *worker, gokore_task *task);
// Called on the thief, NULL for a thread that is no worker, after each steal, before the task runs. NULL removes it; calls that
// are under way may come to their end after that.
typedef void gokore_steal_fn(gokore_worker *thief, gokore_task *task, void *user);
GOKORE_API void gokore_pool_on_steal(gokore_pool *pool, gokore_steal_fn *fn, void *user);
// Its workers, for gokore_worker_load and the like; they live as long as the pool.
GOKORE_API size_t gokore_pool_stealers(gokore_pool *pool, gokore_worker **out, size_t cap);

// Around each function that runs; not for tasks that are cancelled. Members may be NULL. worker: NULL in gokore_task_run outside.
typedef struct gokore_pool_observer {
    void (*task_begin)(void *user, gokore_pool *pool, gokore_worker *worker, gokore_task *task);
    void (*task_end)(void *user, gokore_pool *pool, gokore_worker *worker, int64_t ran_ns);
    void *user;
} gokore_pool_observer;
// Copied; NULL removes it. Tasks that run keep the one they began with. Allocates; without memory a TASK_BUSY report, and
// nothing changes.
GOKORE_API void gokore_pool_set_observer(gokore_pool *pool, const gokore_pool_observer *observer);

// >>cluster
// What connects pools. Every member may be NULL. Must outlive the pools that use it, or gokore_pool_set_coordinator(pool, NULL).
typedef struct gokore_cluster_coordinator {
    gokore_status (*register_pool)(void *user, gokore_pool *pool); // anything but GOKORE_OK: set_coordinator fails with it
    void (*unregister_pool)(void *user, gokore_pool *pool);
    // A task for an idle worker of thief on this node (-1 = not known), or GOKORE_EMPTY; must not block beyond ctx (never NULL).
    gokore_status (*try_steal)(void *user, gokore_pool *thief, gokore_context *ctx, int node, gokore_task **out);
    // The pool's workers are busy and work is waiting: LOW from one queued task per worker on, MEDIUM 4, HIGH 16, CRITICAL 64.
    void (*report_pressure)(void *user, gokore_pool *pool, gokore_pressure_level level);
    size_t (*stealers)(void *user, gokore_worker **out, size_t cap); // of all registered pools
    void *user;
} gokore_cluster_coordinator;
// The one in this process: idle workers take what is queued in other registered pools, and pressure in one wakes a worker of
// another.
GOKORE_API gokore_cluster_coordinator *gokore_cluster_coordinator_default(void);
// Joins a cluster, after leaving the one before; NULL only leaves. When it returns, the one before is not called any more.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_set_coordinator(gokore_pool *pool, gokore_cluster_coordinator *coordinator);
GOKORE_API gokore_cluster_coordinator *gokore_pool_coordinator(gokore_pool *pool); // NULL = none

// >>schedulers
// A pool, and a lock, by name: made at the first call, the same ever after, kept until the program ends; NULL, and a TASK_BUSY
// report, if it can't be made. The pool has all defaults; the lock's class is the name. Don't destroy them.
GOKORE_API gokore_pool *gokore_scheduler_pool(const char *name);
GOKORE_API gokore_mutex *gokore_scheduler_lock(const char *name);

// >>metrics
typedef struct gokore_pool_metrics {
    double worker_utilization; // share of the workers' time not spent asleep or looking for work, since create
    uint64_t queue_depth;      // submitted and not started
    uint64_t steal_attempts, steal_successes;
    uint64_t context_cancels;  // tasks not run because their context was over
    uint64_t numa_crossings;   // tasks stolen from another node's worker
    uint64_t executed;         // functions run
    // tasks taken on; while idle: submitted + spawned == executed + context_cancels + shutdown_cancels
    uint64_t submitted, spawned;
    uint64_t shutdown_cancels;   // tasks not run because of shutdown or destroy
} gokore_pool_metrics;
typedef struct gokore_worker_metrics {
    uint64_t executed, steal_attempts, steal_successes;
} gokore_worker_metrics;
// Any thread. Exact while the pool is idle; otherwise each number is at most a little old.
GOKORE_API void gokore_pool_get_metrics(gokore_pool *pool, gokore_pool_metrics *out);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_worker_metrics(gokore_pool *pool, unsigned i, gokore_worker_metrics *out);
GOKORE_API unsigned gokore_pool_worker_count(const gokore_pool *pool); // the width asked for

// >>private shared part
// A place on a worker's stack of spawned tasks: the arguments of a typed task, then its result; or where an intrusive one is.
typedef struct gokore_slot_ {
    GOKORE_ALIGNAS_(64) gokore_task_fn *fn; // of a typed task; NULL for an intrusive one
    gokore_atomic_ptr thief;                // the worker that stole it, or who else did; NULL = nobody yet. For public slots
    // the intrusive task, NULL once it was joined out of order; or the arguments from here
    gokore_task *item;
    GOKORE_ALIGNAS_(64) gokore_task task;   // what thieves see of a typed one; set up when it becomes public
} gokore_slot_;
// What spawns and joins touch while nobody steals; the first member of a worker. Addresses are of slots.
typedef struct gokore_fork_ {
    gokore_atomic_ptr head;   // where the next slot is filled; only the owner writes it
    gokore_atomic_size limit; // slots from here on are the owner's alone; SIZE_MAX sends each join to gokore_join_begin_
    gokore_atomic_size stop;  // a spawn whose slot ends here or beyond calls gokore_spawned_; 0: each does
    gokore_atomic_u64 own;    // tasks that the owner took back
} gokore_fork_;
// Orders the owner's store of head before its load of limit or stop, for a thread between whose store of these and load of head
// is gokore_pool_heavy_fence_. The compiler's order is enough: where that fence can't make it the processor's, limit and
// stop send the owner to where a real fence is.
#ifndef GOKORE_SEAM_LIGHT_FENCE_
#define GOKORE_SEAM_LIGHT_FENCE_() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#endif
GOKORE_API GOKORE_COLD_ void gokore_spawned_(gokore_worker *worker);
GOKORE_API GOKORE_COLD_ void gokore_spawn_outside_(gokore_task *task);
GOKORE_API GOKORE_COLD_ bool gokore_join_begin_(gokore_worker *worker, gokore_task *task); // true: the caller runs it
GOKORE_API GOKORE_COLD_ gokore_slot_ *gokore_join_slot_(gokore_worker *worker); // the typed task on top, which has run

GOKORE_INLINE_ gokore_slot_ *gokore_fork_head_(gokore_fork_ *f) {
    return (gokore_slot_ *)gokore_atomic_load_relaxed(&f->head); // relaxed: the owner's own
}

GOKORE_INLINE_ void gokore_fork_push_(gokore_worker *worker, gokore_fork_ *f, gokore_slot_ *slot) {
    gokore_atomic_store_release(&f->head, slot + 1); // pairs with gokore_stack_top_index_
    GOKORE_SEAM_LIGHT_FENCE_();                      // pairs with gokore_pool_heavy_fence_
    if (!GOKORE_LIKELY_((size_t)(slot + 1) < gokore_atomic_load_relaxed(&f->stop))) gokore_spawned_(worker); // relaxed: the fence
}

// The slot on top, if it is the owner's alone; else NULL, and nothing has changed.
GOKORE_INLINE_ gokore_slot_ *gokore_fork_pop_(gokore_fork_ *f) {
    gokore_slot_ *slot = gokore_fork_head_(f) - 1;
    gokore_atomic_store_release(&f->head, slot); // pairs with gokore_stack_top_index_
    GOKORE_SEAM_LIGHT_FENCE_();                  // pairs with gokore_pool_heavy_fence_
    if (GOKORE_LIKELY_((size_t)slot >= gokore_atomic_load_relaxed(&f->limit))) return slot; // relaxed: the fence
    gokore_atomic_store_release(&f->head, slot + 1);
    return NULL;
}

GOKORE_INLINE_ void gokore_fork_count_(gokore_fork_ *f) {
    // relaxed: a count, published with what ends next
    gokore_atomic_store_relaxed(&f->own, gokore_atomic_load_relaxed(&f->own) + 1);
}

GOKORE_INLINE_ void gokore_spawn(gokore_worker *worker, gokore_task *task) {
    gokore_fork_ *f = (gokore_fork_ *)worker;
    if (!f) {
        gokore_spawn_outside_(task);
        return;
    }
    gokore_slot_ *slot = gokore_fork_head_(f);
    gokore_atomic_store_relaxed(&task->state_, 0); // relaxed: published with the slot
    slot->fn = NULL;
    slot->item = task;
    gokore_fork_push_(worker, f, slot);
}

GOKORE_INLINE_ bool gokore_join_pop_(gokore_worker *worker, gokore_task *task) { // true: the caller runs it
    gokore_fork_ *f = (gokore_fork_ *)worker;
    gokore_slot_ *slot = f ? gokore_fork_pop_(f) : NULL;
    if (!slot) return gokore_join_begin_(worker, task);
    if (!GOKORE_LIKELY_(!slot->fn && slot->item == task)) {
        gokore_atomic_store_release(&f->head, slot + 1); // as it was
        return gokore_join_begin_(worker, task);
    }
    gokore_fork_count_(f);
    return true;
}

GOKORE_INLINE_ void gokore_join(gokore_worker *worker, gokore_task *task) {
    if (gokore_join_pop_(worker, task)) task->fn(worker, task);
}

GOKORE_INLINE_ void gokore_join_with_(gokore_worker *worker, gokore_task_fn *fn, gokore_task *task) {
    if (gokore_join_pop_(worker, task)) fn(worker, task);
}

// Typed tasks that don't fit into a slot, and those of threads that are no workers, lie on a stack beside.
typedef struct gokore_shape_ {
    gokore_task_fn *fn;
    size_t size, in, in_size, task; // of the frame; where the arguments are and their size; where the task is
} gokore_shape_;
GOKORE_API GOKORE_COLD_ void gokore_frame_spawn_(gokore_worker *worker, const gokore_shape_ *shape, const void *in);
GOKORE_API GOKORE_COLD_ void *gokore_frame_join_(gokore_worker *worker, const gokore_shape_ *shape); // it holds the result
GOKORE_API GOKORE_COLD_ void gokore_frame_pop_(gokore_worker *worker, const gokore_shape_ *shape);

// >>typed tasks
// What GOKORE_TASKn makes, n the number of arguments: GOKORE_TASK1(long, fib, int, n) { ... } defines a task; worker is in scope
// in its body, and must not name an argument. Spawned arguments and results lie in the worker's stack of tasks; those of more
// than 40 bytes beside it.
//   void fib_spawn(gokore_worker *, int)     puts a call up for stealing. Never fails, unless the C heap does: then FATAL
//   long fib_join(gokore_worker *)           the result of the last spawn that was not joined, which must have been fib's:
//                                            looked at where GOKORE_CHECKS is 2
//   long fib_call(gokore_worker *, int)      a plain call
//   gokore_status fib_run(gokore_pool *, gokore_context *, long *result, int)    as gokore_pool_run; *result only with GOKORE_OK
// GOKORE_VOID_TASKn(name, T1, a1, ...) is the same without results.
#define GOKORE_OPEN_(...) __VA_ARGS__
#define GOKORE_TYPED_TASK_ static inline __attribute__((unused))
#define GOKORE_TYPED_PARTS_(name, OUT, FIELDS, PARAMS, STORE)                                                         \
    typedef struct name##_in_ { GOKORE_OPEN_ FIELDS } name##_in_;                                                     \
    typedef struct name##_frame_ { /* a gokore_slot_, if that is large enough */                                      \
        GOKORE_ALIGNAS_(64) gokore_task_fn *fn_;                                                                      \
        gokore_atomic_ptr thief_;                                                                                     \
        union { name##_in_ in_; OUT out_; } u_;                                                                       \
        GOKORE_ALIGNAS_(64) gokore_task task_;                                                                        \
    } name##_frame_;                                                                                                  \
    static void name##_task_(gokore_worker *gokore_w_, gokore_task *gokore_t_);                                       \
    static const gokore_shape_ name##_shape_ __attribute__((unused)) = { name##_task_, sizeof(name##_frame_),         \
        offsetof(name##_frame_, u_), sizeof(name##_in_), offsetof(name##_frame_, task_) };                            \
    GOKORE_TYPED_TASK_ bool name##_fits_(const gokore_worker *gokore_w_) {                                            \
        return gokore_w_ && sizeof(name##_frame_) == sizeof(gokore_slot_);                                            \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ void name##_spawn(gokore_worker *gokore_w_ GOKORE_OPEN_ PARAMS) {                              \
        if (GOKORE_LIKELY_(name##_fits_(gokore_w_))) {                                                                \
            gokore_slot_ *gokore_s_ = gokore_fork_head_((gokore_fork_ *)gokore_w_);                                   \
            name##_in_ *gokore_f_ = &((name##_frame_ *)(void *)gokore_s_)->u_.in_;                                    \
            (void)gokore_f_;                                                                                          \
            GOKORE_OPEN_ STORE                                                                                        \
            gokore_s_->fn = name##_task_;                                                                             \
            gokore_fork_push_(gokore_w_, (gokore_fork_ *)gokore_w_, gokore_s_);                                       \
        } else {                                                                                                      \
            name##_in_ gokore_i_, *gokore_f_ = &gokore_i_;                                                            \
            (void)gokore_f_;                                                                                          \
            GOKORE_OPEN_ STORE                                                                                        \
            gokore_frame_spawn_(gokore_w_, &name##_shape_, &gokore_i_);                                               \
        }                                                                                                             \
    }                                                                                                                 \
    /* the arguments of the last spawn, if the caller is to run it; else NULL */                                      \
    GOKORE_TYPED_TASK_ name##_in_ *name##_pop_(gokore_worker *gokore_w_) {                                            \
        gokore_slot_ *gokore_s_ = name##_fits_(gokore_w_) ? gokore_fork_pop_((gokore_fork_ *)gokore_w_) : NULL;       \
        if (!GOKORE_LIKELY_(gokore_s_)) return NULL;                                                                  \
        gokore_fork_count_((gokore_fork_ *)gokore_w_);                                                                \
        GOKORE_CHECK_(2, gokore_s_->fn == name##_task_); /* else another task was spawned after it, and not joined */ \
        return &((name##_frame_ *)(void *)gokore_s_)->u_.in_;                                                         \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ name##_frame_ *name##_of_(gokore_task *gokore_t_) {                                            \
        return (name##_frame_ *)(void *)((char *)gokore_t_ - offsetof(name##_frame_, task_));                         \
    }
#define GOKORE_TYPED_(R, name, FIELDS, USER, PARAMS, STORE, LOAD)                                                     \
    static R name##_call(gokore_worker *worker GOKORE_OPEN_ USER);                                                    \
    GOKORE_TYPED_PARTS_(name, R, FIELDS, PARAMS, STORE)                                                               \
    GOKORE_TYPED_TASK_ void name##_task_(gokore_worker *gokore_w_, gokore_task *gokore_t_) {                          \
        name##_frame_ *gokore_s_ = name##_of_(gokore_t_);                                                             \
        name##_in_ *gokore_f_ = &gokore_s_->u_.in_;                                                                   \
        (void)gokore_f_;                                                                                              \
        R gokore_r_ = name##_call(gokore_w_ GOKORE_OPEN_ LOAD);                                                       \
        gokore_s_->u_.out_ = gokore_r_;                                                                               \
    }                                                                                                                 \
    static GOKORE_COLD_ __attribute__((unused)) R name##_wait_(gokore_worker *gokore_w_) {                                        \
        if (name##_fits_(gokore_w_)) return ((name##_frame_ *)(void *)gokore_join_slot_(gokore_w_))->u_.out_;         \
        R gokore_r_ = ((name##_frame_ *)gokore_frame_join_(gokore_w_, &name##_shape_))->u_.out_;                      \
        gokore_frame_pop_(gokore_w_, &name##_shape_);                                                                 \
        return gokore_r_;                                                                                             \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ R name##_join(gokore_worker *gokore_w_) {                                                      \
        name##_in_ *gokore_f_ = name##_pop_(gokore_w_);                                                               \
        if (!GOKORE_LIKELY_(gokore_f_)) return name##_wait_(gokore_w_);                                               \
        return name##_call(gokore_w_ GOKORE_OPEN_ LOAD);                                                              \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ GOKORE_NODISCARD gokore_status name##_run(gokore_pool *gokore_p_, gokore_context *gokore_c_,   \
            R *gokore_r_ GOKORE_OPEN_ PARAMS) {                                                                       \
        name##_frame_ gokore_i_;                                                                                      \
        name##_in_ *gokore_f_ = &gokore_i_.u_.in_;                                                                    \
        (void)gokore_f_;                                                                                              \
        gokore_task_init(&gokore_i_.task_, name##_task_);                                                             \
        GOKORE_OPEN_ STORE                                                                                            \
        gokore_status gokore_s_ = gokore_pool_run(gokore_p_, &gokore_i_.task_, gokore_c_);                            \
        if (gokore_s_ == GOKORE_OK && gokore_r_) *gokore_r_ = gokore_i_.u_.out_;                                      \
        return gokore_s_;                                                                                             \
    }                                                                                                                 \
    static R name##_call(gokore_worker *worker __attribute__((unused)) GOKORE_OPEN_ USER)
#define GOKORE_TYPED_VOID_(name, FIELDS, USER, PARAMS, STORE, LOAD)                                                   \
    static void name##_call(gokore_worker *worker GOKORE_OPEN_ USER);                                                 \
    GOKORE_TYPED_PARTS_(name, char, FIELDS, PARAMS, STORE)                                                            \
    GOKORE_TYPED_TASK_ void name##_task_(gokore_worker *gokore_w_, gokore_task *gokore_t_) {                          \
        name##_in_ *gokore_f_ = &name##_of_(gokore_t_)->u_.in_;                                                       \
        (void)gokore_f_;                                                                                              \
        name##_call(gokore_w_ GOKORE_OPEN_ LOAD);                                                                     \
    }                                                                                                                 \
    static GOKORE_COLD_ __attribute__((unused)) void name##_wait_(gokore_worker *gokore_w_) {                                     \
        if (name##_fits_(gokore_w_)) {                                                                                \
            (void)gokore_join_slot_(gokore_w_);                                                                       \
        } else {                                                                                                      \
            (void)gokore_frame_join_(gokore_w_, &name##_shape_);                                                      \
            gokore_frame_pop_(gokore_w_, &name##_shape_);                                                             \
        }                                                                                                             \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ void name##_join(gokore_worker *gokore_w_) {                                                   \
        name##_in_ *gokore_f_ = name##_pop_(gokore_w_);                                                               \
        if (GOKORE_LIKELY_(gokore_f_))                                                                                \
            name##_call(gokore_w_ GOKORE_OPEN_ LOAD);                                                                 \
        else                                                                                                          \
            name##_wait_(gokore_w_);                                                                                  \
    }                                                                                                                 \
    GOKORE_TYPED_TASK_ GOKORE_NODISCARD gokore_status name##_run(gokore_pool *gokore_p_, gokore_context *gokore_c_    \
            GOKORE_OPEN_ PARAMS) {                                                                                    \
        name##_frame_ gokore_i_;                                                                                      \
        name##_in_ *gokore_f_ = &gokore_i_.u_.in_;                                                                    \
        (void)gokore_f_;                                                                                              \
        gokore_task_init(&gokore_i_.task_, name##_task_);                                                             \
        GOKORE_OPEN_ STORE                                                                                            \
        return gokore_pool_run(gokore_p_, &gokore_i_.task_, gokore_c_);                                               \
    }                                                                                                                 \
    static void name##_call(gokore_worker *worker __attribute__((unused)) GOKORE_OPEN_ USER)
#define GOKORE_TASK0(R, name)                                                                                         \
    GOKORE_TYPED_(R, name, (char gokore_0_;), (), (), (), ())
#define GOKORE_TASK1(R, name, T1, a1)                                                                                 \
    GOKORE_TYPED_(R, name, (T1 gokore_1_;), (, T1 a1), (, T1 gokore_1_),                                              \
        (gokore_f_->gokore_1_ = gokore_1_;), (, gokore_f_->gokore_1_))
#define GOKORE_TASK2(R, name, T1, a1, T2, a2)                                                                         \
    GOKORE_TYPED_(R, name, (T1 gokore_1_; T2 gokore_2_;), (, T1 a1, T2 a2), (, T1 gokore_1_, T2 gokore_2_),           \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_;), (, gokore_f_->gokore_1_, gokore_f_->gokore_2_))
#define GOKORE_TASK3(R, name, T1, a1, T2, a2, T3, a3)                                                                 \
    GOKORE_TYPED_(R, name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_;), (, T1 a1, T2 a2, T3 a3), (, T1 gokore_1_,     \
            T2 gokore_2_, T3 gokore_3_),                                                                              \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;), (,   \
            gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_))
#define GOKORE_TASK4(R, name, T1, a1, T2, a2, T3, a3, T4, a4)                                                         \
    GOKORE_TYPED_(R, name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_;), (, T1 a1, T2 a2, T3 a3, T4 a4), (, \
            T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_),                                                  \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_;), (, gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_,  \
            gokore_f_->gokore_4_))
#define GOKORE_TASK5(R, name, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5)                                                 \
    GOKORE_TYPED_(R, name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_; T5 gokore_5_;), (, T1 a1, T2 a2, T3 a3, \
            T4 a4, T5 a5), (, T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_, T5 gokore_5_),                  \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_; gokore_f_->gokore_5_ = gokore_5_;), (, gokore_f_->gokore_1_,            \
            gokore_f_->gokore_2_, gokore_f_->gokore_3_, gokore_f_->gokore_4_, gokore_f_->gokore_5_))
#define GOKORE_TASK6(R, name, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6)                                         \
    GOKORE_TYPED_(R, name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_; T5 gokore_5_; T6 gokore_6_;), (, T1 a1, \
            T2 a2, T3 a3, T4 a4, T5 a5, T6 a6), (, T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_, T5 gokore_5_, \
            T6 gokore_6_),                                                                                            \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_; gokore_f_->gokore_5_ = gokore_5_; gokore_f_->gokore_6_ = gokore_6_;), (, \
            gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_, gokore_f_->gokore_4_, gokore_f_->gokore_5_, \
            gokore_f_->gokore_6_))
#define GOKORE_VOID_TASK0(name)                                                                                       \
    GOKORE_TYPED_VOID_(name, (char gokore_0_;), (), (), (), ())
#define GOKORE_VOID_TASK1(name, T1, a1)                                                                               \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_;), (, T1 a1), (, T1 gokore_1_),                                            \
        (gokore_f_->gokore_1_ = gokore_1_;), (, gokore_f_->gokore_1_))
#define GOKORE_VOID_TASK2(name, T1, a1, T2, a2)                                                                       \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_; T2 gokore_2_;), (, T1 a1, T2 a2), (, T1 gokore_1_, T2 gokore_2_),         \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_;), (, gokore_f_->gokore_1_, gokore_f_->gokore_2_))
#define GOKORE_VOID_TASK3(name, T1, a1, T2, a2, T3, a3)                                                               \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_;), (, T1 a1, T2 a2, T3 a3), (, T1 gokore_1_,   \
            T2 gokore_2_, T3 gokore_3_),                                                                              \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;), (,   \
            gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_))
#define GOKORE_VOID_TASK4(name, T1, a1, T2, a2, T3, a3, T4, a4)                                                       \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_;), (, T1 a1, T2 a2, T3 a3, T4 a4), (, \
            T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_),                                                  \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_;), (, gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_,  \
            gokore_f_->gokore_4_))
#define GOKORE_VOID_TASK5(name, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5)                                               \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_; T5 gokore_5_;), (, T1 a1, T2 a2, \
            T3 a3, T4 a4, T5 a5), (, T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_, T5 gokore_5_),           \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_; gokore_f_->gokore_5_ = gokore_5_;), (, gokore_f_->gokore_1_,            \
            gokore_f_->gokore_2_, gokore_f_->gokore_3_, gokore_f_->gokore_4_, gokore_f_->gokore_5_))
#define GOKORE_VOID_TASK6(name, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6)                                       \
    GOKORE_TYPED_VOID_(name, (T1 gokore_1_; T2 gokore_2_; T3 gokore_3_; T4 gokore_4_; T5 gokore_5_; T6 gokore_6_;), (, \
            T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6), (, T1 gokore_1_, T2 gokore_2_, T3 gokore_3_, T4 gokore_4_,     \
            T5 gokore_5_, T6 gokore_6_),                                                                              \
        (gokore_f_->gokore_1_ = gokore_1_; gokore_f_->gokore_2_ = gokore_2_; gokore_f_->gokore_3_ = gokore_3_;        \
            gokore_f_->gokore_4_ = gokore_4_; gokore_f_->gokore_5_ = gokore_5_; gokore_f_->gokore_6_ = gokore_6_;), (, \
            gokore_f_->gokore_1_, gokore_f_->gokore_2_, gokore_f_->gokore_3_, gokore_f_->gokore_4_, gokore_f_->gokore_5_, \
            gokore_f_->gokore_6_))

#ifdef __cplusplus
}
#endif
#endif // GOKORE_POOL_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_POOL_IMPLEMENTED_)
#define GOKORE_POOL_IMPLEMENTED_
#include "gokore_sync.h" // again: they may have been seen before the switch was set
#include "gokore_topology.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <sys/syscall.h>
#include <unistd.h>
#endif

// >>deque
// Why it is right on weak memory. The thief's reads of top_ and bottom_, the owner's claim of bottom_ (the exchange in pop), its
// read of top_ after that, and every CAS on top_ are seq_cst. In their single order either the owner's claim comes before the
// thief's read of bottom_, and the thief sees the item gone; or the thief's read of top_, which comes before its read of bottom_,
// precedes the owner's read of top_, and both meet at the item in a CAS on top_, which one wins. A thief that sees a push's
// bottom_ also sees its slot, and the array it lies in, which was published before. Lê, Pop, Cohen, Zappa Nardelli (PPoPP 2013)
// reach the same with two seq_cst fences; deviations: an exchange in place of store and fence, because clang makes an mfence of
// the latter; and the array is published with release, without which a thief may read an outgrown array's successor before it is
// filled.
typedef struct gokore_deque_array_ {
    struct gokore_deque_array_ *outgrown; // half the size; thieves may still read it
    int64_t capacity;                     // power of two
    gokore_atomic_ptr slot[];
} gokore_deque_array_;

static size_t gokore_deque_bytes_(int64_t capacity) {
    return sizeof(gokore_deque_array_) + (size_t)capacity * sizeof(gokore_atomic_ptr);
}

static gokore_deque_array_ *gokore_deque_array_new_(const gokore_deque *d, int64_t capacity) {
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_alloc_(&d->allocator_, gokore_deque_bytes_(capacity),
                                                                  GOKORE_CACHE_LINE);
    if (!a) return NULL;
    a->outgrown = NULL;
    a->capacity = capacity;
    return a;
}

static gokore_atomic_ptr *gokore_deque_slot_(gokore_deque_array_ *a, int64_t i) { return &a->slot[i & (a->capacity - 1)]; }

gokore_status gokore_deque_init(gokore_deque *d, const gokore_deque_desc *desc) {
    static const gokore_deque_desc defaults;
    if (!desc) desc = &defaults;
    memset(d, 0, sizeof *d);
    d->allocator_ = desc->allocator;
    if (desc->capacity > (size_t)1 << 30) return GOKORE_INVALID;
    int64_t capacity = 2;
    while (capacity < (int64_t)(desc->capacity ? desc->capacity : 256)) capacity *= 2;
    gokore_deque_array_ *a = gokore_deque_array_new_(d, capacity);
    gokore_atomic_store_release(&d->array_, a); // pairs with the acquire in gokore_deque_steal
    return a ? GOKORE_OK : GOKORE_NO_MEMORY;
}

void gokore_deque_deinit(gokore_deque *d) {
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_atomic_load_relaxed(&d->array_); // relaxed: nobody else is left
    while (a) {
        gokore_deque_array_ *older = a->outgrown;
        gokore_free_(&d->allocator_, a, gokore_deque_bytes_(a->capacity));
        a = older;
    }
    gokore_atomic_store_relaxed(&d->array_, NULL); // relaxed: likewise
}

static gokore_deque_array_ *gokore_deque_grow_(gokore_deque *d, gokore_deque_array_ *old, int64_t top, int64_t bottom) {
    gokore_deque_array_ *a = gokore_deque_array_new_(d, old ? old->capacity * 2 : 256);
    if (!a) return NULL;
    a->outgrown = old;
    for (int64_t i = top; i < bottom; i++) // relaxed: published with the array
        gokore_atomic_store_relaxed(gokore_deque_slot_(a, i), gokore_atomic_load_relaxed(gokore_deque_slot_(old, i)));
    gokore_atomic_store_release(&d->array_, a); // pairs with the acquire in gokore_deque_steal
    return a;
}

gokore_status gokore_deque_push(gokore_deque *d, void *item) {
    int64_t b = gokore_atomic_load_relaxed(&d->bottom_); // relaxed: the owner's own
    int64_t t = gokore_atomic_load_acquire(&d->top_);    // pairs with the thief's CAS: its read of the slot is over
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_atomic_load_relaxed(&d->array_); // relaxed: the owner's own
    if (!a || b - t >= a->capacity) a = gokore_deque_grow_(d, a, t, b);
    if (!a) return GOKORE_NO_MEMORY;
    gokore_atomic_store_relaxed(gokore_deque_slot_(a, b), item); // relaxed: published with bottom_
    gokore_atomic_store_release(&d->bottom_, b + 1);             // pairs with the load in gokore_deque_steal
    return GOKORE_OK;
}

void *gokore_deque_pop(gokore_deque *d) {
    int64_t b = gokore_atomic_load_relaxed(&d->bottom_) - 1;      // relaxed: the owner's own
    if (gokore_atomic_load_relaxed(&d->top_) > b) return NULL;    // relaxed: top_ only grows, so this is certain
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_atomic_load_relaxed(&d->array_); // relaxed: the owner's own
    (void)gokore_atomic_exchange(&d->bottom_, b);
    int64_t t = gokore_atomic_load(&d->top_);
    void *item = NULL;
    if (t <= b) {
        item = gokore_atomic_load_relaxed(gokore_deque_slot_(a, b)); // relaxed: the owner wrote it
        if (t < b) return item;
        if (!gokore_atomic_cas(&d->top_, t, t + 1)) item = NULL; // the last one: a thief was first
    }
    gokore_atomic_store_release(&d->bottom_, b + 1); // pairs with the load in gokore_deque_steal
    return item;
}

gokore_steal gokore_deque_steal(gokore_deque *d, void **out) {
    *out = NULL;
    int64_t t = gokore_atomic_load(&d->top_);
    int64_t b = gokore_atomic_load(&d->bottom_); // acquires what push released
    if (t >= b) return GOKORE_STEAL_EMPTY;
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_atomic_load_acquire(&d->array_); // pairs with gokore_deque_grow_
    void *item = gokore_atomic_load_relaxed(gokore_deque_slot_(a, t)); // relaxed: counts only if the CAS says it is still ours
    if (!gokore_atomic_cas(&d->top_, t, t + 1)) return GOKORE_STEAL_RETRY;
    *out = item;
    return GOKORE_STEAL_SUCCESS;
}

size_t gokore_deque_len(const gokore_deque *d) {
    int64_t b = gokore_atomic_load_relaxed(&d->bottom_), t = gokore_atomic_load_relaxed(&d->top_); // relaxed: a hint
    return b > t ? (size_t)(b - t) : 0;
}

// >>pool
#define GOKORE_LANES_         3
#define GOKORE_WORKERS_MAX_   1024
#ifndef GOKORE_IDLE_ROUNDS_ // looks for work before a worker sleeps; the explorer has fewer
#define GOKORE_IDLE_ROUNDS_   64
#endif
#ifndef GOKORE_WATCH_NS_ // how long one of the idle workers looks on; the explorer's looks once
#define GOKORE_WATCH_NS_      20000
#endif
#define GOKORE_WATCH_NONE_    0
#define GOKORE_WATCHES_       1
#define GOKORE_WATCH_TOLD_    2 // of one task: who stops watching looks for it, or tells another
#define GOKORE_TASK_PENDING_  0
#define GOKORE_TASK_DONE_     1
#define GOKORE_TASK_AWAITED_  2

#define GOKORE_TASK_SUBMITTED_ 3
#define GOKORE_TASK_INLINE_   4          // a spawned task that ran at its spawn
#ifndef GOKORE_STACK_FIRST_ // slots of a worker's first chunk, a power of two; the explorer has fewer
#define GOKORE_STACK_FIRST_   64u
#endif
#define GOKORE_LEVELS_        25         // chunks of a worker's stack of tasks
#define GOKORE_STACK_KEEP_NS_ 1000000000 // that are not needed any more
#define GOKORE_CLUSTER_PATIENCE_NS_ 100000000
#define GOKORE_GROUP_NAP_NS_  1000000    // of a worker for which none can stand in

// What was submitted on one node: its workers look here first. M. Michael, M. Scott, "Simple, fast, and practical non-blocking
// and blocking concurrent queue algorithms", PODC 1996, the one with two locks, so that who submits and who takes seldom meet.
// Deviation: no dummy; who finds nothing at out's end moves all of in's end there, holding both latches, out's first.
typedef struct gokore_lane_in_ { // in a line of its own: who takes from another lane looks at the count only
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_task *head;
    gokore_task *tail;
    gokore_atomic_u64 came; // ever. Counts are written under the end's latch; read without they are hints
} gokore_lane_in_;
typedef struct gokore_lane_out_ {
    gokore_task *head;
    gokore_atomic_u64 moved, went;
} gokore_lane_out_;
typedef struct gokore_inbox_ {
    gokore_lane_in_ in[GOKORE_LANES_];
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ in_latch;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ out_latch;
    gokore_lane_out_ out[GOKORE_LANES_];
} gokore_inbox_;

typedef struct gokore_frames_ gokore_frames_;

// What happened to a pool's tasks: on one of its workers, which alone writes these, or on all other threads together.
typedef struct gokore_tally_ {
    gokore_atomic_u64 executed, cancels, steal_attempts, steal_successes, crossings; // relaxed: counts
    // spawned tasks that were stolen. Release, these three; pair with the acquires under "sleeping and waking"
    gokore_atomic_u64 taken;
    gokore_atomic_u64 finished; // submitted and stolen tasks that have run, before anybody is told
    gokore_atomic_u64 left;     // the same, once they are not touched any more
    gokore_atomic_u64 given;    // spawned tasks that somebody else took, and that have been joined
} gokore_tally_;

typedef struct gokore_hooks_ { // never changed, replaced
    gokore_pool_observer observer;
    gokore_steal_fn *steal;
    void *steal_user;
    struct gokore_hooks_ *older;
} gokore_hooks_;

typedef struct gokore_bottom_ { // the task at the bottom of a worker's stack: who is told if it ends its thread
    gokore_pool *pool;
    gokore_task *spawned; // NULL for a submitted one
    gokore_waiter_ *waiter;
    gokore_group *group;
} gokore_bottom_;

struct gokore_worker {
    gokore_fork_ fork; // the first member
    // tail: slots below have been stolen; split: slots from here on are private
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u64 shared;
    gokore_atomic_u32 asked; // somebody looked here in vain
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ gate; // guards split, level, limits and chunks. Stealing does without
    bool asymmetric;           // limit and stop are fork's too; otherwise fork's send all to where a fence is
    uint32_t level;            // the chunk in which head is
    uint32_t base;             // split is not lowered below: slots there were spawned with another context
    gokore_atomic_size limit, stop;
    gokore_atomic_ptr chunks[GOKORE_LEVELS_]; // gokore_slot_ *
    bool on_heap[GOKORE_LEVELS_];             // not of the pool's allocator
    int64_t grown_ns;                         // when level was raised last, 0 = nothing lies above
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_pool *pool;
    gokore_atomic_ptr context; // gokore_context *; changes while its private part is empty
    uintptr_t stack_top;       // of its thread
    gokore_atomic_bool active; // looks for work or runs it, with all that it may spawn
    gokore_tally_ tally;
    unsigned index;
    gokore_atomic_i32 node;  // -1 = not placed
    int born;                // the node in whose memory this and its first chunk lie, -1 = any
    int pinned;              // the node it was last pinned to
    gokore_waiter_ rest;     // what it sleeps on in a join
    bool passive;            // in a join that helps nobody; under sleep_latch
    bool alive, started;     // under scale_latch: it runs, or is about to; its thread is to be joined
    uint32_t nested;         // functions on its stack that it took up: submitted, stolen, run in place
    uint32_t blocking;       // calls of gokore_worker_blocking_begin that are open
    uint64_t random;
    uint32_t picks;
    gokore_bottom_ bottom;
    gokore_frames_ *frames;          // of typed tasks
    gokore_atomic_i64 busy_since_ns; // 0 = looking for work or asleep
    gokore_atomic_i64 busy_ns;       // these four: written by the worker, read by all, relaxed
    gokore_atomic_i64 lives_since_ns; // 0 = it has no thread
    gokore_atomic_i64 lived_ns;
    gokore_thread_ thread;
};

typedef struct gokore_pool_homes_ { // the nodes that workers are dealt to, in turn; count 0 = anywhere
    int nodes[64];
    size_t count;
} gokore_pool_homes_;

struct gokore_pool {
    gokore_inbox_ *inboxes[64];    // one for each of these nodes, in its memory; or one for all
    unsigned inbox_count;
    gokore_pool_homes_ inbox_nodes;
    gokore_atomic_bool accepting;  // read under an inbox's in_latch; once it is false, each of them is held
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ sleep_latch; // guards the queues of sleepers
    gokore_atomic_u32 watch;       // see gokore_worker_watches_
    gokore_atomic_u32 sleeping;    // workers in sleepers
    gokore_atomic_u32 joining;     // workers in joiners
    gokore_atomic_u32 idle_waiters;
    gokore_atomic_bool ending;     // workers leave once all is done
    gokore_wait_queue_ sleepers, joiners, waiting_for_idle;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) const char *name;
    gokore_atomic_u32 qos;
    gokore_atomic_u64 cancels;     // by the thread that shuts down
    gokore_atomic_u64 reported;    // gokore_pool_report_cross_node
    gokore_allocator allocator;
    uint32_t forks;                // how often this process had forked when it was created
    gokore_latch_ room_latch;      // guards room, and submissions where there is a limit
    gokore_atomic_size queue_limit; // 0 = none
    gokore_wait_queue_ room;       // who waits for it
    gokore_latch_ tell_latch;      // one word to the instrumenter at a time
    gokore_latch_ config_latch;    // guards retry, homes' changes and hooks' replacement
    gokore_retry_policy retry;
    gokore_atomic_ptr hooks;       // const gokore_hooks_ *, NULL = none
    gokore_atomic_u32 cross_percent, steal_threshold;
    gokore_atomic_i32 numa_fallback, numa_distance; // of gokore_numa_policy; -1 = any distance
    gokore_atomic_ptr coordinator; // gokore_cluster_coordinator *
    gokore_atomic_u32 coordinating; // threads that are in one of its calls
    gokore_latch_ cluster_latch;   // one change of coordinator at a time
    gokore_pool *cluster_next;     // under the cluster's latch
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_tally_ outside;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ scale_latch; // guards what follows, and who is alive
    gokore_atomic_u32 width;       // workers asked for
    unsigned blocked;              // workers that block, and have others stand in
    size_t stack_size;
    gokore_atomic_size help_bytes; // of a thread's stack, beyond which it runs no strangers while it waits
    bool asymmetric;               // see gokore_pool_heavy_fence_
    gokore_provider provider;      // numa_distance is set
    gokore_resource_target resources; // what it obeys of an operator's adjustments
    gokore_pool_homes_ homes;
    gokore_atomic_u32 target;      // workers of this index and beyond leave; changes under scale_latch
    gokore_atomic_u32 slots;       // workers there have ever been; release, pairs with gokore_pool_slots_
    gokore_worker *workers[GOKORE_WORKERS_MAX_];
};

static _Thread_local gokore_worker *gokore_worker_here_; // this thread's, if it is one

static void gokore_count_(gokore_atomic_u64 *counter) { // only its owner writes it
    gokore_atomic_store_relaxed(counter, gokore_atomic_load_relaxed(counter) + 1); // relaxed: a count
}

static void gokore_count_up_(gokore_atomic_u64 *counter) { // the same, and what was done before is seen by who reads it
    gokore_atomic_store_release(counter, gokore_atomic_load_relaxed(counter) + 1); // pairs with the sums of gokore_pool_is_idle_
}

static void gokore_count_add_(gokore_atomic_u64 *counter, bool shared) { // gokore_count_, of a tally that others may write too
    if (shared)
        (void)gokore_atomic_fetch_add_relaxed(counter, 1); // relaxed: a count
    else
        gokore_count_(counter);
}

static void gokore_count_up_add_(gokore_atomic_u64 *counter, bool shared) {
    if (shared)
        (void)gokore_atomic_fetch_add_release(counter, 1); // pairs with the sums of gokore_pool_is_idle_
    else
        gokore_count_up_(counter);
}

static gokore_tally_ *gokore_tally_of_(gokore_worker *w, gokore_pool *p) { return w && w->pool == p ? &w->tally : &p->outside; }

// pairs with gokore_worker_new_
static unsigned gokore_pool_slots_(gokore_pool *p) { return gokore_atomic_load_acquire(&p->slots); }

void gokore_task_init(gokore_task *task, gokore_task_fn *fn) { *task = (gokore_task)GOKORE_TASK_INIT(fn); }

// In the child of a fork there are no workers, and latches may be held for ever: its pools only refuse, and can be destroyed.
static gokore_atomic_u32 gokore_forks_; // in this process and its ancestors
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
static void gokore_pool_fork_prepare_(void) {}
#else
// relaxed: a child has one thread
static void gokore_pool_fork_count_(void) { (void)gokore_atomic_fetch_add_relaxed(&gokore_forks_, 1); }
static void gokore_pool_fork_prepare_(void) { (void)pthread_atfork(NULL, NULL, gokore_pool_fork_count_); }
#endif
static bool gokore_pool_is_forked_(const gokore_pool *p) {
    return p->forks != gokore_atomic_load_relaxed(&gokore_forks_); // relaxed: likewise
}

// >>memory of a node
static bool gokore_pool_is_placed_(const gokore_pool *p) { // on several nodes, from the start, and in memory of our own choice
    return p->inbox_nodes.count > 1 && !p->allocator.alloc;
}

static void *gokore_pool_alloc_on_(gokore_pool *p, int node, size_t size) { // zeroed
    if (gokore_pool_is_placed_(p) && node >= 0) return gokore_numa_alloc(size, node);
    return gokore_alloc_zeroed_(&p->allocator, size, GOKORE_CACHE_LINE);
}

static void gokore_pool_free_on_(gokore_pool *p, int node, void *memory, size_t size) {
    gokore_allocator allocator = p->allocator;
    if (gokore_pool_is_placed_(p) && node >= 0)
        gokore_numa_free(memory, size);
    else if (memory)
        gokore_free_(&allocator, memory, size);
}

// >>the stack of spawned tasks
// K. Faxen, "Wool - a work stealing library", CAN 2008: tasks lie in the deque itself, and a join takes back the top. T. van
// Dijk, J. van de Pol, "Lace: non-blocking split deque", MuCoCoS 2014: thieves take from a public part, by a CAS on one word
// that holds its two ends, and the owner's part above is private, until a spawn finds that somebody has asked. Deviations: a
// thief that gets no answer opens the private part itself, as in "The implementation of the Cilk-5 multithreaded language"
// (PLDI 1998): it holds the gate, sends the owner's joins there (limit), and reads head after a fence that is the owner's too;
// the stack grows, in chunks.
//
// Why no slot is taken twice. Below split, tail goes up by one CAS for each steal, and the owner's own CAS
// (gokore_stack_take_) is on the same word. From split on only the owner takes, except that split is raised: by the owner, or
// by who holds the gate. That one stores SIZE_MAX to limit, then heavy-fences, then loads head; the owner stores head, then
// light-fences, then loads limit. Either the owner finds SIZE_MAX, and waits at the gate, or its lower head is seen, and the
// slot is not made public. A thief reads a slot after its CAS, which acquires what was released when it became public; the
// owner fills it again after the thief said that it has run, or, for an intrusive one, that it has read it.
#if !defined(GOKORE_SEAM_MEMBARRIER_) && GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_ && defined(SYS_membarrier)
#define GOKORE_MEMBARRIER_EXPEDITED_ 8 // MEMBARRIER_CMD_PRIVATE_EXPEDITED, and what announces it, since Linux 4.14
#define GOKORE_MEMBARRIER_REGISTER_  16
static bool gokore_membarrier_begin_(void) { return syscall(SYS_membarrier, GOKORE_MEMBARRIER_REGISTER_, 0) == 0; }
static void gokore_membarrier_(void) { (void)syscall(SYS_membarrier, GOKORE_MEMBARRIER_EXPEDITED_, 0); }
#define GOKORE_SEAM_MEMBARRIER_BEGIN_() gokore_membarrier_begin_() // may GOKORE_SEAM_MEMBARRIER_ be used?
#define GOKORE_SEAM_MEMBARRIER_()       gokore_membarrier_()       // a fence in all threads of this process
#endif
#ifndef GOKORE_SEAM_MEMBARRIER_
#define GOKORE_SEAM_MEMBARRIER_BEGIN_() false
#define GOKORE_SEAM_MEMBARRIER_()       ((void)0)
#endif

// A seq_cst fence here, and in each owner that is between its store of head and its load of limit or stop. A worker that is not
// active makes one when it becomes so.
static void gokore_pool_heavy_fence_(gokore_pool *p) {
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the light fences, and with gokore_worker_set_busy_
    bool active = false;
    for (unsigned i = 0, n = gokore_pool_slots_(p); p->asymmetric && i < n && !active; i++)
        active = p->workers[i] != gokore_worker_here_ &&
                 gokore_atomic_load_acquire(&p->workers[i]->active); // pairs with gokore_worker_set_busy_: it has ended what it did
    if (active) GOKORE_SEAM_MEMBARRIER_();
}

static uint32_t gokore_shared_tail_(uint64_t shared) { return (uint32_t)shared; }
static uint32_t gokore_shared_split_(uint64_t shared) { return (uint32_t)(shared >> 32); }
static uint64_t gokore_shared_of_(uint32_t tail, uint32_t split) { return (uint64_t)split << 32 | tail; }

static uint32_t gokore_level_of_(uint32_t i) {
    return i < GOKORE_STACK_FIRST_ ? 0 : 32 - (uint32_t)__builtin_clz(i / GOKORE_STACK_FIRST_);
}
static uint32_t gokore_level_first_(uint32_t level) { return level ? GOKORE_STACK_FIRST_ << (level - 1) : 0; }
static uint32_t gokore_level_size_(uint32_t level) { return level ? GOKORE_STACK_FIRST_ << (level - 1) : GOKORE_STACK_FIRST_; }
// one to spare
static size_t gokore_level_bytes_(uint32_t level) { return ((size_t)gokore_level_size_(level) + 1) * sizeof(gokore_slot_); }

static gokore_slot_ *gokore_stack_chunk_(const gokore_worker *w, uint32_t level) {
    return (gokore_slot_ *)gokore_atomic_load_relaxed(&w->chunks[level]); // relaxed: published with head, and with split
}

static gokore_slot_ *gokore_stack_slot_(const gokore_worker *w, uint32_t i) {
    uint32_t level = gokore_level_of_(i);
    return gokore_stack_chunk_(w, level) + (i - gokore_level_first_(level));
}

static uint32_t gokore_stack_index_in_(const gokore_worker *w, uint32_t level, const gokore_slot_ *head) {
    return gokore_level_first_(level) + (uint32_t)(head - gokore_stack_chunk_(w, level));
}

static uint32_t gokore_stack_depth_(gokore_worker *w) { // the owner
    return gokore_stack_index_in_(w, w->level, gokore_fork_head_(&w->fork));
}

// Any thread; a hint, unless it holds the gate and has fenced. A slot to spare does not count.
static uint32_t gokore_stack_top_index_(const gokore_worker *w) {
    const gokore_slot_ *head = (const gokore_slot_ *)gokore_atomic_load_acquire(&w->fork.head); // pairs with gokore_fork_push_
    for (uint32_t level = 0; level < GOKORE_LEVELS_; level++) {
        const gokore_slot_ *chunk = gokore_stack_chunk_(w, level);
        uintptr_t size = gokore_level_size_(level), in = ((uintptr_t)head - (uintptr_t)chunk) / sizeof(gokore_slot_);
        if (chunk && (uintptr_t)head >= (uintptr_t)chunk && in <= size + 1)
            return gokore_level_first_(level) + (uint32_t)(in < size ? in : size);
    }
    return 0;
}

static uint64_t gokore_stack_shared_(const gokore_worker *w) {
    return gokore_atomic_load_acquire(&w->shared); // pairs with gokore_stack_show_
}

static bool gokore_stack_is_public_(const gokore_worker *w) { // is there something to steal? A hint
    uint64_t seen = gokore_stack_shared_(w);
    return gokore_shared_tail_(seen) < gokore_shared_split_(seen);
}

static bool gokore_stack_is_private_(const gokore_worker *w) { // is there something that could be made public? A hint
    return gokore_shared_split_(gokore_stack_shared_(w)) < gokore_stack_top_index_(w);
}

static uint32_t gokore_stack_len_(const gokore_worker *w) { // what nobody took; a hint
    uint32_t tail = gokore_shared_tail_(gokore_stack_shared_(w)), top = gokore_stack_top_index_(w);
    return top > tail ? top - tail : 0;
}

static void gokore_stack_set_limit_(gokore_worker *w, size_t limit) { // relaxed, these two: ordered by the fences, or the gate
    gokore_atomic_store_relaxed(&w->limit, limit);
    if (w->asymmetric) gokore_atomic_store_relaxed(&w->fork.limit, limit);
}

static void gokore_stack_set_stop_(gokore_worker *w, size_t stop) {
    gokore_atomic_store_relaxed(&w->stop, stop);
    if (w->asymmetric) gokore_atomic_store_relaxed(&w->fork.stop, stop);
}

static bool gokore_hooks_observe_(const gokore_hooks_ *hooks) { // is somebody told of each task?
    return GOKORE_METRICS || (hooks && (hooks->observer.task_begin || hooks->observer.task_end));
}

static bool gokore_pool_is_observed_(const gokore_pool *p) { // an observer may come a task too late
    return gokore_hooks_observe_((const gokore_hooks_ *)gokore_atomic_load_acquire(&p->hooks)); // pairs with gokore_pool_hook_
}

// Under the gate: what the owner may do alone. While somebody sleeps each spawn is to wake; while somebody observes, or with
// GOKORE_METRICS, each join tells.
static void gokore_stack_reckon_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    const gokore_slot_ *chunk = gokore_stack_chunk_(w, w->level);
    uint32_t first = gokore_level_first_(w->level), split = gokore_shared_split_(gokore_stack_shared_(w));
    bool observed = gokore_pool_is_observed_(p);
    // relaxed: the gate
    bool hungry = gokore_atomic_load_relaxed(&p->sleeping) != 0 || gokore_atomic_load_relaxed(&p->joining) != 0;
    gokore_stack_set_limit_(w, observed ? SIZE_MAX : (size_t)(chunk + (split > first ? split - first : 0)));
    gokore_stack_set_stop_(w, hungry ? 0 : (size_t)(chunk + gokore_level_size_(w->level) + 1));
}

static gokore_context *gokore_worker_context_(const gokore_worker *w) {
    return (gokore_context *)gokore_atomic_load_relaxed(&w->context); // relaxed: the owner's own, or published with head
}

static gokore_task *gokore_slot_task_(gokore_worker *w, gokore_slot_ *slot) { // set up for whoever runs it
    gokore_task *task = slot->fn ? &slot->task : slot->item;
    if (slot->fn) gokore_task_init(task, slot->fn);
    task->context_ = gokore_worker_context_(w);
    task->waiter_ = w;
    return task;
}

// Under the gate: slots below split become public.
static void gokore_stack_show_(gokore_worker *w, uint32_t split) {
    uint64_t seen = gokore_stack_shared_(w);
    for (uint32_t i = gokore_shared_split_(seen); i < split; i++) {
        gokore_slot_ *slot = gokore_stack_slot_(w, i);
        (void)gokore_slot_task_(w, slot);
        gokore_atomic_store_relaxed(&slot->thief, NULL); // relaxed: published with split
    }
    while (!gokore_atomic_compare_exchange_release(&w->shared, &seen, // pairs with gokore_stack_steal_
                                                   gokore_shared_of_(gokore_shared_tail_(seen), split))) {}
}

static void gokore_stack_show_all_(gokore_worker *w) { // the owner
    uint32_t depth = gokore_stack_depth_(w);
    if (gokore_shared_split_(gokore_stack_shared_(w)) >= depth) return; // only the owner lowers it
    gokore_latch_lock_(&w->gate);
    gokore_stack_show_(w, depth);
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
}

// Any thread: makes the private part public without the owner, which may be at anything.
static void gokore_stack_open_(gokore_worker *w) {
    gokore_latch_lock_(&w->gate);
    gokore_stack_set_limit_(w, SIZE_MAX);
    gokore_pool_heavy_fence_(w->pool); // pairs with the light fence in gokore_fork_pop_
    uint32_t top = gokore_stack_top_index_(w);
    if (top > gokore_shared_split_(gokore_stack_shared_(w))) gokore_stack_show_(w, top);
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
}

// The oldest public task, or NULL, also if another was faster. thief is NULL outside the pool. Counted before the owner can know.
static gokore_task *gokore_stack_steal_(gokore_worker *victim, gokore_worker *thief) {
    gokore_pool *p = victim->pool;
    uint64_t seen = gokore_stack_shared_(victim);
    if (gokore_shared_tail_(seen) >= gokore_shared_split_(seen)) return NULL;
    if (!gokore_atomic_cas_acquire(&victim->shared, seen, seen + 1)) return NULL; // pairs with gokore_stack_show_
    gokore_slot_ *slot = gokore_stack_slot_(victim, gokore_shared_tail_(seen));
    gokore_task *task = slot->fn ? &slot->task : slot->item;
    gokore_count_up_add_(thief ? &thief->tally.taken : &p->outside.taken, !thief);
    gokore_atomic_store_release(&slot->thief, thief ? (void *)thief : (void *)p); // pairs with gokore_slot_thief_
    return task;
}

// pairs with gokore_stack_steal_
static void *gokore_slot_thief_(const gokore_slot_ *slot) { return gokore_atomic_load_acquire(&slot->thief); }

// The owner: the next chunk. typed: the C heap must have it where the pool's allocator has not.
static bool gokore_stack_grow_(gokore_worker *w, bool typed) {
    uint32_t level = w->level + 1;
    if (level == GOKORE_LEVELS_) return false;
    if (gokore_stack_chunk_(w, level)) return true;
    void *chunk = gokore_alloc_(&w->pool->allocator, gokore_level_bytes_(level), 64);
    w->on_heap[level] = !chunk && typed;
    if (w->on_heap[level]) chunk = gokore_alloc_(NULL, gokore_level_bytes_(level), 64);
    gokore_atomic_store_relaxed(&w->chunks[level], chunk); // relaxed: published with head, and with split
    return chunk != NULL;
}

static void gokore_stack_free_(gokore_worker *w, uint32_t level) {
    gokore_allocator allocator = w->pool->allocator;
    void *chunk = gokore_stack_chunk_(w, level);
    if (chunk && level == 0)
        gokore_pool_free_on_(w->pool, w->born, chunk, gokore_level_bytes_(0));
    else if (chunk)
        gokore_free_(w->on_heap[level] ? NULL : &allocator, chunk, gokore_level_bytes_(level));
    gokore_atomic_store_relaxed(&w->chunks[level], NULL); // relaxed: it holds no task
}

// The owner, under the gate: slot i is the next to be filled.
static void gokore_stack_cut_(gokore_worker *w, uint32_t i) {
    uint32_t level = gokore_level_of_(i);
    w->level = level;
    gokore_atomic_store_release(&w->fork.head, gokore_stack_slot_(w, i)); // pairs with gokore_stack_top_index_
}

// The owner: takes the top off, unless it was stolen. There is one.
static bool gokore_stack_take_(gokore_worker *w) {
    gokore_latch_lock_(&w->gate);
    uint32_t i = gokore_stack_depth_(w) - 1;
    uint64_t seen = gokore_stack_shared_(w);
    bool own = i >= gokore_shared_split_(seen);
    while (!own && i >= gokore_shared_tail_(seen)) { // public: half of these become private again
        uint32_t tail = gokore_shared_tail_(seen), split = tail + (i + 1 - tail) / 2;
        own = gokore_atomic_compare_exchange_acquire(&w->shared, &seen, // acquire: as gokore_stack_shared_
                                                     gokore_shared_of_(tail, split > w->base ? split : w->base));
    }
    if (own) gokore_stack_cut_(w, i);
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
    return own;
}

// The owner: takes off the top, which was stolen, and which the thief is done with.
static void gokore_stack_drop_(gokore_worker *w) {
    gokore_latch_lock_(&w->gate);
    uint32_t i = gokore_stack_depth_(w) - 1;
    // nothing is public: no thief writes it. Pairs with gokore_stack_shared_
    gokore_atomic_store_release(&w->shared, gokore_shared_of_(i, i));
    gokore_stack_cut_(w, i);
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
    gokore_count_(&w->tally.given);
}

static gokore_slot_ *gokore_stack_top_(gokore_worker *w) { // the owner; NULL if it is empty
    gokore_slot_ *slot = NULL;
    for (uint32_t depth = gokore_stack_depth_(w); !slot && depth > 0; depth = gokore_stack_depth_(w)) {
        slot = gokore_stack_slot_(w, depth - 1);
        if (slot->fn || slot->item) break;
        gokore_stack_drop_(w); // joined out of order
        slot = NULL;
    }
    return slot;
}

// A private slot that was filled beyond the chunk's end moves to the next chunk, if there is one.
static bool gokore_stack_spill_(gokore_worker *w) {
    gokore_slot_ *end = gokore_stack_chunk_(w, w->level) + gokore_level_size_(w->level);
    if (gokore_fork_head_(&w->fork) <= end) return true;
    bool typed = end->fn != NULL;
    if (!gokore_stack_grow_(w, typed)) {
        GOKORE_ASSERT(!typed && "no memory for the arguments of a spawned task");
        return false;
    }
    gokore_latch_lock_(&w->gate);
    gokore_slot_ *slot = gokore_stack_chunk_(w, ++w->level);
    w->grown_ns = gokore_now_ns();
    memcpy((void *)slot, (const void *)end, offsetof(gokore_slot_, task));
    gokore_atomic_store_release(&w->fork.head, slot + 1); // pairs with gokore_stack_top_index_
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
    return true;
}

// The owner, before it sleeps: returns the chunks that it has not needed for a while.
static void gokore_stack_trim_(gokore_worker *w) {
    if (w->grown_ns == 0 || gokore_now_ns() - w->grown_ns < GOKORE_STACK_KEEP_NS_) return;
    for (uint32_t level = w->level + 1; level < GOKORE_LEVELS_; level++) gokore_stack_free_(w, level);
    w->grown_ns = 0;
}

static void gokore_stack_deinit_(gokore_worker *w) {
    for (uint32_t level = 0; level < GOKORE_LEVELS_; level++) gokore_stack_free_(w, level);
}

static gokore_status gokore_stack_init_(gokore_worker *w) {
    w->asymmetric = w->pool->asymmetric;
    void *chunk = gokore_pool_alloc_on_(w->pool, w->born, gokore_level_bytes_(0));
    if (!chunk) return GOKORE_NO_MEMORY;
    gokore_atomic_store_relaxed(&w->chunks[0], chunk);             // relaxed: published with head
    gokore_atomic_store_release(&w->fork.head, chunk);              // pairs with gokore_stack_top_index_
    gokore_atomic_store_relaxed(&w->fork.limit, (size_t)SIZE_MAX); // relaxed: published with the worker
    gokore_stack_reckon_(w);
    return GOKORE_OK;
}

// >>running
static void gokore_worker_clear_(gokore_worker *w, uint32_t depth);

static void gokore_worker_call_told_(gokore_worker *w, gokore_pool *p, gokore_task *task, const gokore_hooks_ *hooks) {
    static const gokore_pool_observer nobody;
    const gokore_pool_observer *o = hooks ? &hooks->observer : &nobody;
    const gokore_instrumenter *i = gokore_instrumenter_get();
    int64_t began = gokore_now_ns();
    if (o->task_begin) o->task_begin(o->user, p, w, task);
    if (GOKORE_METRICS && i->task_begin) i->task_begin(i->user, p->name);
    task->fn(w, task);
    int64_t ran_ns = gokore_now_ns() - began;
    if (o->task_end) o->task_end(o->user, p, w, ran_ns);
    if (GOKORE_METRICS && i->task_end) i->task_end(i->user, p->name, ran_ns);
}

static void gokore_worker_call_(gokore_worker *w, gokore_pool *p, gokore_task *task) {
    const gokore_hooks_ *hooks = (const gokore_hooks_ *)gokore_atomic_load_acquire(&p->hooks); // pairs with gokore_pool_hook_
    if (GOKORE_LIKELY_(!gokore_hooks_observe_(hooks)))
        task->fn(w, task);
    else
        gokore_worker_call_told_(w, p, task, hooks);
}

// The instrumenter, with GOKORE_METRICS only.
static void gokore_pool_tell_cancel_(gokore_pool *p, gokore_status why) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    if (i->task_cancel) i->task_cancel(i->user, p->name, why);
}

static void gokore_pool_count_steal_(gokore_pool *p, bool crossed) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    if (i->steal) i->steal(i->user, p->name, crossed);
}

static uint64_t gokore_inbox_queued_(const gokore_inbox_ *in, int lane) { // a hint, unless a fence orders it
    uint64_t came = gokore_atomic_load_relaxed(&in->in[lane].came), went = gokore_atomic_load_relaxed(&in->out[lane].went);
    return came > went ? came - went : 0;
}

static uint64_t gokore_pool_queued_(const gokore_pool *p) { // likewise
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->inbox_count; i++)
        for (int k = 0; k < GOKORE_LANES_; k++) sum += gokore_inbox_queued_(p->inboxes[i], k);
    return sum;
}

static void gokore_pool_tell_size_(gokore_pool *p) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    gokore_latch_lock_(&p->tell_latch); // so that the last word is true
    size_t queued = (size_t)gokore_pool_queued_(p);
    if (i->pool) i->pool(i->user, p->name, gokore_atomic_load_relaxed(&p->width), queued); // relaxed: a count
    gokore_latch_unlock_(&p->tell_latch);
}

static void gokore_pool_tell_idle_(gokore_pool *p);

// The last touch of a task and its pool. A worker of the pool tells of idleness when it goes to sleep; others do it here.
static void gokore_tally_leave_(gokore_pool *p, gokore_tally_ *tally) {
    if (tally != &p->outside) {
        gokore_count_up_(&tally->left);
        return;
    }
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
    (void)gokore_atomic_fetch_add_release(&tally->left, 1); // pairs with gokore_pool_let_go_
}

// What the lock checker knows of who can end a wait: for a task, who runs it, or while nobody does, who takes tasks of its
// pool; for a group, all that run members of it; for a pool that is to be idle, its workers, and others that run tasks of
// it. A pool's strangers: a cluster, and workers that have just been started.
enum { GOKORE_END_TAKES_, GOKORE_END_RUNS_ };

static void gokore_work_begins_(const void *task, gokore_group *group) { // on this thread
    if (GOKORE_LOCKORDER && task) gokore_wait_enter_(task, 0);
    if (GOKORE_LOCKORDER && group) gokore_wait_enter_(&group->pending_, GOKORE_END_RUNS_);
}

static void gokore_work_ends_(const void *task, gokore_group *group) {
    if (GOKORE_LOCKORDER && task) gokore_wait_leave_(task, 0);
    if (GOKORE_LOCKORDER && group) gokore_wait_leave_(&group->pending_, GOKORE_END_RUNS_);
}

static void gokore_group_leave_(gokore_group *group, gokore_status status) {
    if (status != GOKORE_OK) gokore_group_fail(group, status);
    gokore_waitgroup_less_(&group->pending_);
}

static gokore_status gokore_submitted_status_(const gokore_task *task) { // may it start?
    gokore_status status = gokore_context_status(task->context_);
    if (status == GOKORE_OK && task->group_) status = gokore_context_status(&task->group_->context_);
    return status;
}
static void gokore_task_complete_(gokore_waiter_ *waiter, gokore_status status) { // the waiter may be gone after it is marked
    gokore_atomic_u32 *state = &waiter->state_;
    waiter->answer_ = (uint32_t)status;
    gokore_atomic_store_release(state, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
    gokore_waiter_kick_(state);
}

static void gokore_task_cancel_(gokore_task *task, gokore_status why) {
    gokore_waiter_ *waiter = (gokore_waiter_ *)task->waiter_;
    gokore_group *group = task->group_;
    if (task->on_cancel) task->on_cancel(task, why);
    if (group) gokore_group_leave_(group, why);
    if (waiter) gokore_task_complete_(waiter, why);
}

// What a worker was at before it took up another task.
typedef struct gokore_entry_ {
    gokore_context *context;
    uint32_t base, depth;
} gokore_entry_;

static void gokore_worker_enter_(gokore_worker *w, gokore_entry_ *e, gokore_context *ctx, const gokore_bottom_ *bottom) {
    *e = (gokore_entry_) { gokore_worker_context_(w), w->base, gokore_stack_depth_(w) };
    if (w->nested++ == 0) w->bottom = *bottom;
    if (ctx == e->context) return;
    gokore_stack_show_all_(w);
    w->base = e->depth;
    gokore_atomic_store_relaxed(&w->context, ctx); // relaxed: published with head
}

static void gokore_worker_leave_(gokore_worker *w, const gokore_entry_ *e) {
    if (gokore_stack_depth_(w) != e->depth) gokore_worker_clear_(w, e->depth);
    gokore_atomic_store_relaxed(&w->context, e->context); // relaxed: as above
    w->base = e->base;
    w->nested--;
}

// A task from a lane of p: run, or cancelled because its context is over. It is not touched afterwards. w is NULL, or of another
// pool, for a stolen one.
static void gokore_worker_run_submitted_(gokore_worker *w, gokore_pool *p, gokore_task *task) {
    gokore_waiter_ *waiter = (gokore_waiter_ *)task->waiter_;
    gokore_group *group = task->group_;
    gokore_tally_ *tally = gokore_tally_of_(w, p);
    bool shared = tally == &p->outside;
    gokore_status status = gokore_submitted_status_(task);
    gokore_entry_ entry;
    gokore_work_begins_(waiter ? waiter->key_ : NULL, group);
    if (GOKORE_LOCKORDER && shared) gokore_wait_enter_(p, GOKORE_END_RUNS_);
    if (w) gokore_worker_enter_(w, &entry, status == GOKORE_OK ? task->context_ : gokore_worker_context_(w),
                                &(gokore_bottom_) { p, NULL, waiter, group });
    if (status == GOKORE_OK) {
        gokore_worker_call_(w, p, task);
        gokore_count_add_(&tally->executed, shared);
    } else {
        gokore_count_add_(&tally->cancels, shared);
        if (GOKORE_METRICS) gokore_pool_tell_cancel_(p, status);
        if (task->on_cancel) task->on_cancel(task, status);
    }
    if (w) gokore_worker_leave_(w, &entry);
    gokore_work_ends_(waiter ? waiter->key_ : NULL, group);
    if (GOKORE_LOCKORDER && shared) gokore_wait_leave_(p, GOKORE_END_RUNS_);
    gokore_count_up_add_(&tally->finished, shared);
    if (group) gokore_group_leave_(group, status);
    if (waiter) gokore_task_complete_(waiter, status);
    gokore_tally_leave_(p, tally);
}

static void gokore_worker_rouse_(gokore_worker *w) { // if it sleeps in a join
    gokore_pool *p = w->pool;
    gokore_latch_lock_(&p->sleep_latch);
    bool sleeps = w->rest.queued_ || w->passive;
    if (w->rest.queued_) {
        gokore_wait_queue_remove_(&p->joiners, &w->rest);
        (void)gokore_atomic_fetch_sub_relaxed(&p->joining, 1); // relaxed: under the latch
    }
    // pairs with the acquire in gokore_waiter_wait_
    if (sleeps) gokore_atomic_store_release(&w->rest.state_, GOKORE_WAITER_WOKEN_);
    gokore_latch_unlock_(&p->sleep_latch);
    if (sleeps) gokore_waiter_kick_(&w->rest.state_);
}

// A stolen task. Its joiner may free it as soon as it is marked done.
static void gokore_worker_run_spawned_(gokore_worker *w, gokore_task *task) {
    gokore_worker *owner = (gokore_worker *)task->waiter_;
    gokore_pool *p = owner->pool;
    gokore_tally_ *tally = gokore_tally_of_(w, p);
    bool shared = tally == &p->outside;
    gokore_entry_ entry;
    gokore_work_begins_(task, NULL);
    if (w) gokore_worker_enter_(w, &entry, task->context_, &(gokore_bottom_) { p, task, NULL, NULL });
    gokore_worker_call_(w, p, task);
    if (w) gokore_worker_leave_(w, &entry);
    gokore_work_ends_(task, NULL);
    gokore_count_add_(&tally->executed, shared);
    gokore_count_up_add_(&tally->finished, shared);
    // pairs with gokore_task_is_done_
    if (gokore_atomic_exchange_release(&task->state_, GOKORE_TASK_DONE_) == GOKORE_TASK_AWAITED_)
        gokore_worker_rouse_(owner);
    gokore_tally_leave_(p, tally);
}

void gokore_task_run(gokore_worker *w, gokore_task *task) {
    if (gokore_atomic_load_relaxed(&task->state_) == GOKORE_TASK_SUBMITTED_) { // relaxed: it came with the task
        gokore_worker_run_submitted_(w, task->pool_, task);
    } else if (task->waiter_) {
        gokore_worker_run_spawned_(w, task);
    } else { // a coordinator made it
        task->fn(w, task);
        if (w) gokore_fork_count_(&w->fork);
    }
}

// >>what the policy allows
static int gokore_pool_distance_(const gokore_pool *p, int from, int to) {
    return p->provider.numa_distance(p->provider.user, from, to);
}

// How many of the distances that there are from this node lie below this one.
static int gokore_numa_steps_(const gokore_pool *p, const gokore_topology *t, int from, int distance) {
    int ids[64], steps = 0;
    size_t n = gokore_topology_node_ids(t, ids, 64);
    for (int below = 10; below < distance; steps++) {
        int next = distance;
        for (size_t i = 0; i < n && i < 64; i++) {
            int d = gokore_pool_distance_(p, from, ids[i]);
            if (d > below && d < next) next = d;
        }
        below = next;
    }
    return steps;
}

// What the policy says about a steal over this distance: 10 to 254 as the firmware has it, never 255.
static bool gokore_worker_may_cross_(const gokore_worker *w, const gokore_worker *victim, int distance) {
    const gokore_pool *p = w->pool;
    // relaxed: settings
    int fallback = gokore_atomic_load_relaxed(&p->numa_fallback), allowed = gokore_atomic_load_relaxed(&p->numa_distance);
    uint64_t crossed = gokore_atomic_load_relaxed(&w->tally.crossings);
    uint64_t stole = gokore_atomic_load_relaxed(&w->tally.steal_successes);
    if (fallback == GOKORE_NUMA_WAIT || distance >= 255) return false;
    if (fallback == GOKORE_NUMA_STEAL && allowed >= 0) {
        int node = gokore_atomic_load_relaxed(&w->node);
        int far = allowed < 10 ? gokore_numa_steps_(p, gokore_topology_default(), node, distance) : distance;
        if (far > allowed) return false;
    }
    if (gokore_stack_len_(victim) < gokore_atomic_load_relaxed(&p->steal_threshold)) return false; // relaxed: a setting
    return (crossed + 1) * 100 <= (stole + 1) * gokore_atomic_load_relaxed(&p->cross_percent); // relaxed: likewise
}

// By the pool's provider; 0 = the same node, or not known.
static int gokore_worker_distance_(const gokore_worker *w, const gokore_worker *victim) {
    int from = gokore_atomic_load_relaxed(&w->node), to = gokore_atomic_load_relaxed(&victim->node); // relaxed: hints
    if (from == to || from < 0 || to < 0) return 0;
    int distance = gokore_pool_distance_(w->pool, from, to);
    return distance < 10 ? 254 : distance;
}

static bool gokore_worker_may_steal_(const gokore_worker *w, const gokore_worker *victim) {
    int far = gokore_worker_distance_(w, victim);
    return far == 0 || gokore_worker_may_cross_(w, victim, far);
}

// >>sleeping and waking
// No wake-up is lost: a worker announces itself in sleeping and then looks once more; who brings work puts it down and then
// looks at sleeping. The seq_cst fence on both sides makes at least one of them see the other.

static bool gokore_worker_is_surplus_(const gokore_worker *w) { return w->index >= gokore_atomic_load(&w->pool->target); }

// owner: for what it spawned, which not everybody may steal; NULL = for a lane, where no surplus worker takes anything.
static bool gokore_worker_may_take_(const gokore_worker *w, const gokore_worker *owner) {
    return owner ? gokore_worker_may_steal_(w, owner) : !gokore_worker_is_surplus_(w);
}

static bool gokore_pool_wake_one_(gokore_pool *p, gokore_wait_queue_ *line, gokore_atomic_u32 *count,
                                  const gokore_worker *owner) {
    if (gokore_atomic_load_relaxed(count) == 0) return false; // relaxed: ordered by the caller's fence
    gokore_latch_lock_(&p->sleep_latch);
    gokore_waiter_ *sleeper = line->head;
    while (sleeper && !gokore_worker_may_take_((const gokore_worker *)sleeper->item_, owner)) sleeper = sleeper->next_;
    gokore_atomic_u32 *state = sleeper ? &sleeper->state_ : NULL;
    if (sleeper) {
        gokore_wait_queue_remove_(line, sleeper);
        (void)gokore_atomic_fetch_sub_relaxed(count, 1);          // relaxed: under the latch
        gokore_atomic_store_release(state, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
    }
    gokore_latch_unlock_(&p->sleep_latch);
    if (state) gokore_waiter_kick_(state);
    return state != NULL;
}

// For a task in a lane. The watcher, if there is one, is told of one; a joiner takes it where no worker sleeps.
static void gokore_pool_wake_(gokore_pool *p) {
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_pool_stop_all_ and gokore_worker_watches_
    if (gokore_atomic_load_relaxed(&p->watch) == GOKORE_WATCHES_ && // relaxed: the fence
        gokore_atomic_cas(&p->watch, GOKORE_WATCHES_, GOKORE_WATCH_TOLD_))
        return;
    if (gokore_pool_wake_one_(p, &p->sleepers, &p->sleeping, NULL)) return;
    (void)gokore_pool_wake_one_(p, &p->joiners, &p->joining, NULL);
}

// a sleeper may prefer a lane: a joiner too
static void gokore_pool_wake_for_spawned_(gokore_pool *p, const gokore_worker *owner) {
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_pool_stop_all_
    (void)gokore_pool_wake_one_(p, &p->sleepers, &p->sleeping, owner);
    (void)gokore_pool_wake_one_(p, &p->joiners, &p->joining, owner);
}

// Spawned and not taken, as far as the policy lets w have it; w NULL = anybody.
static bool gokore_pool_has_spawned_(gokore_pool *p, const gokore_worker *w) {
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++) {
        const gokore_worker *victim = p->workers[i];
        bool some = victim != w && (gokore_stack_is_public_(victim) || gokore_stack_is_private_(victim));
        if (some && (!w || gokore_worker_may_steal_(w, victim))) return true;
    }
    return false;
}

static bool gokore_pool_has_work_(gokore_pool *p, const gokore_worker *w) {
    // ordered by the caller's fence
    return (gokore_pool_queued_(p) != 0 && (!w || !gokore_worker_is_surplus_(w))) || gokore_pool_has_spawned_(p, w);
}

// Who has announced that it sleeps: each spawn from now on finds it, or is seen when it looks once more.
static void gokore_pool_stop_all_(gokore_pool *p) {
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_worker_begin_: a new worker is seen here, or sees who sleeps
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++) {
        gokore_worker *w = p->workers[i];
        gokore_latch_lock_(&w->gate); // who holds it may have looked before
        gokore_stack_set_stop_(w, 0);
        gokore_latch_unlock_(&w->gate);
    }
    gokore_pool_heavy_fence_(p); // pairs with the light fence in gokore_fork_push_
}

static void gokore_pool_open_(gokore_pool *p, const gokore_worker *thief) { // where owners did not answer
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++) {
        gokore_worker *w = p->workers[i];
        if (w == gokore_worker_here_ || gokore_stack_is_public_(w) || !gokore_stack_is_private_(w)) continue;
        if (!thief || gokore_worker_may_steal_(thief, w)) gokore_stack_open_(w);
    }
}

static uint64_t gokore_pool_finished_(gokore_pool *p) {
    uint64_t sum = gokore_atomic_load_acquire(&p->cancels);  // pairs with gokore_pool_cancel_queued_
    sum += gokore_atomic_load_acquire(&p->outside.finished); // pairs with gokore_count_up_add_
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++)
        sum += gokore_atomic_load_acquire(&p->workers[i]->tally.finished); // pairs with gokore_count_up_
    return sum;
}

static uint64_t gokore_pool_submitted_(const gokore_pool *p) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->inbox_count; i++) // relaxed: who has run a task had the latches after its submitter
        for (int k = 0; k < GOKORE_LANES_; k++) sum += gokore_atomic_load_relaxed(&p->inboxes[i]->in[k].came);
    return sum;
}

static uint64_t gokore_pool_started_(gokore_pool *p) {
    uint64_t sum = gokore_pool_submitted_(p) + gokore_atomic_load_acquire(&p->outside.taken); // pairs with gokore_count_up_add_
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++)
        sum += gokore_atomic_load_acquire(&p->workers[i]->tally.taken); // pairs with gokore_count_up_
    return sum;
}

// Nothing queued and nothing running. Finished is read first: it never runs ahead of what was started. What was spawned and not
// stolen is part of the task that spawned it, which has not finished before.
static bool gokore_pool_is_idle_(gokore_pool *p) {
    uint64_t finished = gokore_pool_finished_(p);
    return finished == gokore_pool_started_(p);
}

// All of so many have run: waits until the workers let go of them, which is a matter of instructions.
static void gokore_pool_let_go_(gokore_pool *p, uint64_t finished) {
    for (;;) {
        uint64_t left = gokore_atomic_load_acquire(&p->cancels); // pairs with gokore_pool_cancel_queued_
        left += gokore_atomic_load_acquire(&p->outside.left);    // pairs with gokore_count_up_add_
        for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++)
            left += gokore_atomic_load_acquire(&p->workers[i]->tally.left); // pairs with gokore_count_up_
        if (left >= finished) return;
        GOKORE_SEAM_YIELD_();
    }
}

static void gokore_pool_wake_all_(gokore_wait_queue_ *line) { // kicked under the latch, on their way out
    for (gokore_waiter_ *w = line->head; w; w = line->head) {
        gokore_atomic_u32 *state = &w->state_;
        gokore_wait_queue_wake_(line, 0);
        gokore_waiter_kick_(state);
    }
}

// Called by whoever may have made the pool idle, after a fence: wakes those who wait for it, and at the end the workers.
static void gokore_pool_tell_idle_(gokore_pool *p) {
    bool ending = gokore_atomic_load(&p->ending);
    // relaxed: after the fence
    if ((gokore_atomic_load_relaxed(&p->idle_waiters) == 0 && !ending) || !gokore_pool_is_idle_(p)) return;
    gokore_latch_lock_(&p->sleep_latch);
    gokore_pool_wake_all_(&p->waiting_for_idle);
    if (ending) {
        gokore_pool_wake_all_(&p->sleepers);
        gokore_atomic_store_relaxed(&p->sleeping, 0); // relaxed: under the latch
    }
    gokore_latch_unlock_(&p->sleep_latch);
}

static void gokore_worker_set_busy_(gokore_worker *w, bool busy) {
    int64_t since = gokore_atomic_load_relaxed(&w->busy_since_ns); // relaxed, all here: counts
    if ((since != 0) == busy) return;
    gokore_atomic_store(&w->active, busy);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_pool_heavy_fence_
    int64_t now = gokore_now_ns();
    gokore_atomic_store_relaxed(&w->busy_since_ns, busy ? now : 0);
    if (!busy) gokore_atomic_store_relaxed(&w->busy_ns, gokore_atomic_load_relaxed(&w->busy_ns) + now - since);
}

static void gokore_worker_sleep_(gokore_worker *w, int64_t deadline_ns) {
    gokore_pool *p = w->pool;
    gokore_waiter_ me = { .key_ = p, .item_ = w };
    gokore_latch_lock_(&p->sleep_latch);
    gokore_wait_queue_push_(&p->sleepers, &me, true); // the last to sleep is the warmest
    (void)gokore_atomic_fetch_add_relaxed(&p->sleeping, 1); // relaxed: ordered by the fence
    gokore_latch_unlock_(&p->sleep_latch);
    gokore_pool_stop_all_(p); // its fence pairs with those in gokore_pool_wake_ and in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
    bool over = (gokore_atomic_load(&p->ending) && gokore_pool_is_idle_(p)) || gokore_worker_is_surplus_(w);
    if (!over && !gokore_pool_has_work_(p, w)) {
        if (gokore_waiter_wait_(&me, NULL, deadline_ns) == GOKORE_OK) return;
    }
    gokore_latch_lock_(&p->sleep_latch);
    if (me.queued_) {
        gokore_wait_queue_remove_(&p->sleepers, &me);
        (void)gokore_atomic_fetch_sub_relaxed(&p->sleeping, 1); // relaxed: under the latch
    }
    gokore_latch_unlock_(&p->sleep_latch);
    if (!over) gokore_pool_open_(p, w);
}

static void gokore_pool_wake_surplus_(gokore_pool *p) { // those that are to leave; kicked under the latch, on their way out
    gokore_latch_lock_(&p->sleep_latch);
    for (gokore_waiter_ *sleeper = p->sleepers.head, *next; sleeper; sleeper = next) {
        next = sleeper->next_;
        if (!gokore_worker_is_surplus_((gokore_worker *)sleeper->item_)) continue;
        gokore_atomic_u32 *state = &sleeper->state_;
        gokore_wait_queue_remove_(&p->sleepers, sleeper);
        (void)gokore_atomic_fetch_sub_relaxed(&p->sleeping, 1);  // relaxed: under the latch
        gokore_atomic_store_release(state, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
        gokore_waiter_kick_(state);
    }
    gokore_latch_unlock_(&p->sleep_latch);
}

// >>finding work
// Highest first; every 16th pick begins with one of the lower two, in turn, so that each of them moves.
static int gokore_lane_at_(uint32_t pick, int i) {
    static const unsigned char orders[3][GOKORE_LANES_] = { { 0, 1, 2 }, { 1, 2, 0 }, { 2, 1, 0 } };
    return orders[pick % 16 == 15 ? 1 + pick / 16 % 2 : 0][i];
}

static void gokore_inbox_shift_(gokore_inbox_ *in, int lane) { // under out_latch: all that came in meanwhile
    gokore_latch_lock_(&in->in_latch);
    in->out[lane].head = in->in[lane].head;
    in->in[lane].head = NULL;
    gokore_atomic_store_relaxed(&in->out[lane].moved, gokore_atomic_load_relaxed(&in->in[lane].came)); // relaxed, both: latches
    gokore_latch_unlock_(&in->in_latch);
}

static bool gokore_inbox_has_(const gokore_inbox_ *in, int lane) { // a hint; in's end is looked at only where out's has nothing
    uint64_t went = gokore_atomic_load_relaxed(&in->out[lane].went), moved = gokore_atomic_load_relaxed(&in->out[lane].moved);
    return went != moved || went != gokore_atomic_load_relaxed(&in->in[lane].came);
}

// w, unless it is NULL, is not one too many: what is submitted after the pool was made smaller is not for it.
static gokore_task *gokore_inbox_take_(gokore_inbox_ *in, int lane, const gokore_worker *w) {
    gokore_lane_out_ *out = &in->out[lane];
    if (!gokore_inbox_has_(in, lane)) return NULL; // who sleeps on it looks again after a fence
    gokore_latch_lock_(&in->out_latch);
    if (!out->head) gokore_inbox_shift_(in, lane);
    gokore_task *task = w && gokore_worker_is_surplus_(w) ? NULL : out->head;
    if (task) {
        out->head = task->next_;
        gokore_atomic_store_relaxed(&out->went, gokore_atomic_load_relaxed(&out->went) + 1); // relaxed, both: the latch
    }
    gokore_latch_unlock_(&in->out_latch);
    return task;
}

static unsigned gokore_pool_inbox_(const gokore_pool *p, int node) { // where this node looks first
    for (unsigned i = 0; i < p->inbox_count; i++)
        if (p->inbox_nodes.nodes[i] == node) return i;
    return 0;
}

static void gokore_pool_make_room_(gokore_pool *p) { // something was taken
    gokore_latch_lock_(&p->room_latch);
    gokore_waiter_ *waiting = p->room.head;
    gokore_atomic_u32 *state = waiting ? &waiting->state_ : NULL;
    if (state) gokore_wait_queue_wake_(&p->room, 0);
    gokore_latch_unlock_(&p->room_latch);
    if (state) gokore_waiter_kick_(state);
}

static gokore_task *gokore_pool_take_(gokore_pool *p, gokore_worker *w, uint32_t pick) { // w NULL: for anybody
    gokore_task *task = NULL;
    unsigned first = w ? gokore_pool_inbox_(p, gokore_atomic_load_relaxed(&w->node)) : 0; // relaxed: a setting
    for (int i = 0; i < GOKORE_LANES_ && !task; i++) {
        int lane = gokore_lane_at_(pick, i);
        for (unsigned k = 0; k < p->inbox_count && !task; k++) {
            gokore_inbox_ *in = p->inboxes[(first + k) % p->inbox_count];
            task = gokore_inbox_take_(in, lane, w);
        }
    }
    if (task && gokore_atomic_load_relaxed(&p->queue_limit)) gokore_pool_make_room_(p); // relaxed: a setting
    if (GOKORE_METRICS && task) gokore_pool_tell_size_(p);
    return task;
}

static uint32_t gokore_worker_random_(gokore_worker *w, uint32_t below) { // xorshift64*
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)((w->random * 0x2545f4914f6cdd1du >> 32) * below >> 32);
}

static void gokore_pool_tell_steal_(gokore_pool *p, gokore_worker *thief, gokore_task *task, bool crossed) {
    if (GOKORE_METRICS) gokore_pool_count_steal_(p, crossed);
    const gokore_hooks_ *hooks = (const gokore_hooks_ *)gokore_atomic_load_acquire(&p->hooks); // pairs with gokore_pool_hook_
    if (hooks && hooks->steal) hooks->steal(thief, task, hooks->steal_user);
}

static void gokore_stack_ask_(gokore_worker *w) { // its next spawn is to make something public
    if (gokore_atomic_load_relaxed(&w->asked)) return;    // relaxed, these: hints; in the end gokore_stack_open_ does without
    gokore_atomic_store_relaxed(&w->asked, 1);
    gokore_stack_set_stop_(w, 0);
}

// what is public, if the policy allows
static gokore_task *gokore_worker_steal_from_(gokore_worker *w, gokore_worker *victim, int far) {
    if (far > 0 && !gokore_worker_may_cross_(w, victim, far)) return NULL;
    if (!gokore_stack_is_public_(victim)) {
        gokore_stack_ask_(victim);
        return NULL;
    }
    gokore_count_(&w->tally.steal_attempts);
    gokore_task *task = gokore_stack_steal_(victim, w);
    if (!task) return NULL;
    gokore_count_(&w->tally.steal_successes);
    if (far > 0) gokore_count_(&w->tally.crossings);
    gokore_pool_tell_steal_(w->pool, w, task, far > 0);
    return task;
}

// One round over the workers at this distance, from a random one on. *next becomes the next larger distance there is.
static gokore_task *gokore_worker_steal_at_(gokore_worker *w, int distance, int *next) {
    gokore_pool *p = w->pool;
    unsigned n = gokore_pool_slots_(p), first = gokore_worker_random_(w, n);
    gokore_task *task = NULL;
    for (unsigned i = 0; i < n && !task; i++) {
        gokore_worker *victim = p->workers[(first + i) % n];
        int far = gokore_worker_distance_(w, victim);
        if (far > distance && far < *next) *next = far;
        if (victim != w && far == distance) task = gokore_worker_steal_from_(w, victim, far);
    }
    return task;
}

static gokore_task *gokore_worker_steal_(gokore_worker *w) { // nearest first
    gokore_task *task = NULL;
    for (int distance = 0, next = 256; !task && distance < 256; distance = next, next = 256)
        task = gokore_worker_steal_at_(w, distance, &next);
    return task;
}

static gokore_task *gokore_cluster_steal_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    gokore_task *task = NULL;
    if (!gokore_atomic_load_relaxed(&p->coordinator)) return NULL; // relaxed: asked again below
    (void)gokore_atomic_fetch_add(&p->coordinating, 1); // seq_cst, as the next: gokore_pool_join_cluster_ waits for it
    gokore_cluster_coordinator *c = (gokore_cluster_coordinator *)gokore_atomic_load(&p->coordinator);
    if (c && c->try_steal) {
        gokore_context patience;
        gokore_context_init_timeout(&patience, NULL, GOKORE_CLUSTER_PATIENCE_NS_);
        gokore_count_(&w->tally.steal_attempts);
        if (c->try_steal(c->user, p, &patience, gokore_worker_node(w), &task) != GOKORE_OK) task = NULL;
        gokore_context_deinit(&patience);
    }
    (void)gokore_atomic_fetch_sub_release(&p->coordinating, 1); // pairs with gokore_pool_join_cluster_
    if (!task) return NULL;
    gokore_count_(&w->tally.steal_successes);
    gokore_pool_tell_steal_(p, w, task, false);
    return task;
}

// A task of any kind for somebody else; tried counts the calls.
static gokore_task *gokore_pool_give_(gokore_pool *p, uint64_t tried) {
    gokore_task *task = gokore_pool_take_(p, NULL, (uint32_t)tried);
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n && !task; i++) {
        gokore_worker *w = p->workers[i];
        task = gokore_stack_steal_(w, NULL);
        if (!task && gokore_atomic_load_relaxed(&w->active)) gokore_stack_ask_(w); // relaxed: a hint
    }
    return task;
}

static gokore_task *gokore_worker_take_(gokore_worker *w) { // from a lane
    gokore_task *task = gokore_pool_take_(w->pool, w, w->picks);
    w->picks += task != NULL;
    return task;
}

static gokore_task *gokore_worker_find_(gokore_worker *w) { // whatever is nearest
    gokore_task *task = NULL;
    if (w->picks % 16 == 7) { // now and then the others first: lanes that never run dry must not keep them waiting
        task = gokore_worker_steal_(w);
        w->picks += task != NULL;
    }
    if (!task) {
        task = gokore_worker_take_(w);
    }
    if (!task) task = gokore_worker_steal_(w);
    return task ? task : gokore_cluster_steal_(w);
}

static bool gokore_worker_step_(gokore_worker *w) { // runs one task; false if there is none
    gokore_task *task = gokore_worker_find_(w);
    if (!task) return false;
    gokore_worker_set_busy_(w, true);
    gokore_task_run(w, task);
    return true;
}

// One idle worker, and only one, looks on for a while before it sleeps: what comes next then needs no system call, and no idle
// CPU. Not where there is one CPU. What it was told of, and did not take, is left to another.
static bool gokore_worker_watches_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    gokore_task *task = NULL;
    if (!gokore_is_parallel_() || !gokore_atomic_cas(&p->watch, GOKORE_WATCH_NONE_, GOKORE_WATCHES_)) return false;
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
    int64_t end = gokore_now_ns() + GOKORE_WATCH_NS_;
    do {
        GOKORE_SEAM_PAUSE_();
        task = gokore_worker_find_(w);
    } while (!task && gokore_now_ns() < end && !gokore_worker_is_surplus_(w) && !gokore_atomic_load(&p->ending));
    // pairs with gokore_pool_wake_
    bool told = gokore_atomic_exchange(&p->watch, GOKORE_WATCH_NONE_) == GOKORE_WATCH_TOLD_;
    if (told && task && gokore_pool_queued_(p) != 0) gokore_pool_wake_(p);
    if (!task) return told; // if it slept now, it could take another's wake-up, too
    gokore_worker_set_busy_(w, true);
    gokore_task_run(w, task);
    return true;
}

// >>a worker's life
// One beyond the width leaves, unless the width changes meanwhile.
static bool gokore_worker_leaves_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    if (w->index < gokore_atomic_load_relaxed(&p->target)) return false; // relaxed: asked again below
    gokore_latch_lock_(&p->scale_latch);
    bool leaves = gokore_worker_is_surplus_(w);
    if (leaves) w->alive = false;
    gokore_latch_unlock_(&p->scale_latch);
    return leaves;
}

static void gokore_worker_settle_(gokore_worker *w) { // on its node
    int node = gokore_atomic_load_relaxed(&w->node); // relaxed: a setting
    if (node == w->pinned) return;
    gokore_status pinned = gokore_pin_thread_to_node(gokore_topology_default(), node);
    (void)pinned; // refused: it runs where it may, and its home stays its home
    w->pinned = node;
}

// How long to sleep before asking the cluster once more: the delays of the retry table, then for ever.
static int64_t gokore_worker_patience_(gokore_worker *w, unsigned *tries) {
    gokore_pool *p = w->pool;
    if (!gokore_atomic_load_relaxed(&p->coordinator)) return INT64_MAX; // relaxed: a hint
    gokore_latch_lock_(&p->config_latch);
    gokore_retry_policy retry = p->retry;
    gokore_latch_unlock_(&p->config_latch);
    if (*tries >= retry.steal_attempts) return INT64_MAX;
    return gokore_deadline_after_(gokore_retry_delay_ns(&retry, (*tries)++, &w->random));
}

static void gokore_worker_set_living_(gokore_worker *w, bool lives) {
    int64_t now = gokore_now_ns(), since = gokore_atomic_load_relaxed(&w->lives_since_ns); // relaxed, all here: counts
    gokore_atomic_store_relaxed(&w->lives_since_ns, lives ? now : 0);
    if (!lives) gokore_atomic_store_relaxed(&w->lived_ns, gokore_atomic_load_relaxed(&w->lived_ns) + now - since);
}

static void gokore_worker_main_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    for (unsigned idle = 0, tries = 0; !gokore_worker_leaves_(w);) {
        gokore_worker_settle_(w);
        if (gokore_worker_step_(w)) {
            idle = tries = 0;
        } else if (++idle < GOKORE_IDLE_ROUNDS_) {
            GOKORE_SEAM_PAUSE_();
        } else {
            gokore_worker_set_busy_(w, false);
            gokore_stack_trim_(w);
            if (gokore_atomic_load(&p->ending) && gokore_pool_is_idle_(p)) break;
            if (!gokore_worker_watches_(w)) gokore_worker_sleep_(w, gokore_worker_patience_(w, &tries));
            idle = 0;
        }
    }
    gokore_worker_set_busy_(w, false);
    gokore_worker_set_living_(w, false);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fences in gokore_pool_wait_idle and gokore_worker_sleep_
    gokore_pool_tell_idle_(p);
    if (gokore_pool_has_work_(p, NULL)) gokore_pool_wake_(p); // it may have been woken for that
}

static void gokore_worker_loop_(gokore_worker *w);

// The thread ends inside a task, by pthread_exit: the worker goes on from here. Where other tasks lie below that one, on the
// same stack, they can't go on, nor can those who wait for them.
static void gokore_worker_ended_(void *arg) {
    gokore_worker *w = (gokore_worker *)arg;
    gokore_bottom_ bottom = w->bottom;
    if (w->nested == 0) return; // called again, on the way out, for a thread that a task had ended before
    gokore_tally_ *tally = gokore_tally_of_(w, bottom.pool);
    bool shared = tally != &w->tally;
    gokore_reportf_(GOKORE_REPORT_TASK_BUSY, w->pool->name, "a task ended the thread of worker %u", w->index);
    if (w->nested != 1 || gokore_stack_depth_(w) != 0) abort();
    w->nested = 0;
    w->base = 0;
    gokore_atomic_store_relaxed(&w->context, NULL); // relaxed: published with head
    gokore_count_add_(&tally->executed, shared);
    gokore_count_up_add_(&tally->finished, shared);
    gokore_work_ends_(bottom.waiter ? bottom.waiter->key_ : bottom.spawned, bottom.group);
    if (bottom.group) gokore_group_leave_(bottom.group, GOKORE_SYSTEM);
    if (bottom.waiter) gokore_task_complete_(bottom.waiter, GOKORE_SYSTEM);
    gokore_pool *p = bottom.pool;
    if (bottom.spawned && gokore_atomic_exchange_release(&bottom.spawned->state_, GOKORE_TASK_DONE_) == GOKORE_TASK_AWAITED_)
        gokore_worker_rouse_((gokore_worker *)bottom.spawned->waiter_);
    gokore_tally_leave_(p, tally);
    gokore_worker_loop_(w);
}

static void gokore_worker_loop_(gokore_worker *w) {
    pthread_cleanup_push(gokore_worker_ended_, w);
    gokore_worker_main_(w);
    pthread_cleanup_pop(0);
}

static void gokore_worker_begin_(void *arg) {
    gokore_worker *w = (gokore_worker *)arg;
    char name[16];
    (void)snprintf(name, sizeof name, "%.10s-%u", w->pool->name, w->index % 10000);
    gokore_thread_name_(name);
    gokore_worker_here_ = w;
    w->pinned = -1;
    w->stack_top = (uintptr_t)__builtin_frame_address(0);
    gokore_wait_party_(w->pool, GOKORE_END_TAKES_);
    gokore_wait_party_(w->pool, GOKORE_END_RUNS_);
    gokore_wait_strangers_(w->pool, -1);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_pool_stop_all_ and gokore_pool_hook_
    gokore_latch_lock_(&w->gate);
    gokore_stack_reckon_(w);
    gokore_latch_unlock_(&w->gate);
    gokore_worker_set_living_(w, true);
    gokore_worker_loop_(w);
}

// >>fork and join
static void gokore_worker_check_(const gokore_worker *w, const char *what) {
    if (GOKORE_CHECKS && gokore_worker_here_ != w)
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, w->pool->name, "%s called on a thread that is not worker %u", what, w->index);
}

// On a thread that is no worker, below gokore_task_run(NULL, ...): nobody could steal it.
void gokore_spawn_outside_(gokore_task *task) {
    task->context_ = NULL;
    task->waiter_ = NULL;
    task->fn(NULL, task);
    gokore_atomic_store_relaxed(&task->state_, GOKORE_TASK_INLINE_); // relaxed: the same thread joins it
}

// A spawn that somebody waits for, or that does not fit.
void gokore_spawned_(gokore_worker *w) {
    if (!w->asymmetric) {
        GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with gokore_pool_heavy_fence_
        if ((size_t)gokore_fork_head_(&w->fork) < gokore_atomic_load_relaxed(&w->stop)) return; // relaxed: the fence
    }
    gokore_worker_check_(w, "gokore_spawn");
    if (!gokore_stack_spill_(w)) {
        gokore_slot_ *slot = gokore_fork_head_(&w->fork) - 1;
        gokore_task *task = slot->item;                   // what it spawns may lie in the same slot
        gokore_atomic_store_release(&w->fork.head, slot); // pairs with gokore_stack_top_index_
        gokore_fork_count_(&w->fork);
        gokore_worker_call_(w, w->pool, task);
        gokore_atomic_store_relaxed(&task->state_, GOKORE_TASK_INLINE_); // relaxed: the same thread joins it
        return;
    }
    gokore_latch_lock_(&w->gate);
    if (gokore_atomic_load_relaxed(&w->stop) == 0) { // relaxed: the gate
        uint32_t depth = gokore_stack_depth_(w), split = gokore_shared_split_(gokore_stack_shared_(w));
        gokore_stack_show_(w, split + (depth - split + 1) / 2);
        gokore_atomic_store_relaxed(&w->asked, 0); // relaxed: a hint
        gokore_stack_reckon_(w);
    }
    gokore_latch_unlock_(&w->gate);
    gokore_pool_wake_for_spawned_(w->pool, w);
}

static bool gokore_task_is_done_(gokore_task *task) {
    uint32_t state = gokore_atomic_load_acquire(&task->state_); // pairs with gokore_worker_run_spawned_
    return state == GOKORE_TASK_DONE_ || state == GOKORE_TASK_INLINE_;
}

// Sleeps until the stolen task is done, or something was spawned or submitted: the joiner may be the only one who can take it.
static void gokore_join_sleep_(gokore_worker *w, gokore_task *task) {
    gokore_pool *p = w->pool;
    (void)gokore_atomic_cas(&task->state_, GOKORE_TASK_PENDING_, GOKORE_TASK_AWAITED_);
    gokore_latch_lock_(&p->sleep_latch);
    gokore_atomic_store_relaxed(&w->rest.state_, GOKORE_WAITER_WAITING_); // relaxed: under the latch
    gokore_wait_queue_push_(&p->joiners, &w->rest, true);
    (void)gokore_atomic_fetch_add_relaxed(&p->joining, 1); // relaxed: ordered by the fence
    gokore_latch_unlock_(&p->sleep_latch);
    gokore_pool_stop_all_(p); // its fence pairs with that in gokore_pool_wake_for_spawned_
    bool done = gokore_task_is_done_(task);
    if (!done && !gokore_pool_has_work_(p, w)) (void)gokore_waiter_wait_(&w->rest, NULL, INT64_MAX);
    gokore_latch_lock_(&p->sleep_latch);
    if (w->rest.queued_) {
        gokore_wait_queue_remove_(&p->joiners, &w->rest);
        (void)gokore_atomic_fetch_sub_relaxed(&p->joining, 1); // relaxed: under the latch
    }
    gokore_latch_unlock_(&p->sleep_latch);
    if (!done) gokore_pool_open_(p, w);
}

// Sleeps until the stolen task is done, whatever is spawned; another worker stands in.
static void gokore_join_rest_(gokore_worker *w, gokore_task *task) {
    gokore_pool *p = w->pool;
    (void)gokore_atomic_cas(&task->state_, GOKORE_TASK_PENDING_, GOKORE_TASK_AWAITED_);
    gokore_latch_lock_(&p->sleep_latch); // who finds it AWAITED takes this latch after marking it done: before this, or after
    gokore_atomic_store_relaxed(&w->rest.state_, GOKORE_WAITER_WAITING_); // relaxed: under the latch
    w->passive = true;
    gokore_latch_unlock_(&p->sleep_latch);
    if (!gokore_task_is_done_(task)) {
        gokore_worker_blocking_begin(w); // what is queued may be what the task waits for
        (void)gokore_waiter_wait_(&w->rest, NULL, INT64_MAX);
        gokore_worker_blocking_end(w);
    }
    gokore_latch_lock_(&p->sleep_latch);
    w->passive = false;
    gokore_latch_unlock_(&p->sleep_latch);
}

static bool gokore_worker_has_room_(const gokore_worker *w) { // on its thread's stack, for strangers
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t used = here < w->stack_top ? w->stack_top - here : here - w->stack_top;
    return used < gokore_atomic_load_relaxed(&w->pool->help_bytes); // relaxed: a setting
}

// D. Wagner, B. Calder, "Leapfrogging", PPoPP 1993: who waits takes from the thief, whose tasks are those it waits for.
// Deviation: then from anybody, as long as most of the thread's stack is free. slot is NULL where the thief is not known.
static gokore_task *gokore_join_find_(gokore_worker *w, const gokore_slot_ *slot) {
    gokore_worker *thief = slot ? (gokore_worker *)gokore_slot_thief_(slot) : NULL;
    gokore_task *task = NULL;
    if (thief && thief != w && (void *)thief != (void *)w->pool)
        task = gokore_worker_steal_from_(w, thief, gokore_worker_distance_(w, thief));
    if (!task && gokore_worker_has_room_(w)) task = gokore_worker_steal_(w);
    return task || !gokore_worker_has_room_(w) ? task : gokore_worker_take_(w);
}

// The lock checker: this thread waits for whoever runs the task, when it sleeps; it can't give up. Until told once more.
static bool gokore_join_tell_(gokore_worker *w, gokore_task *task) {
    gokore_wait_ wait = { .object = task, .name = "task", .kind = GOKORE_WAIT_PARTY_, .deadline_ns = INT64_MAX,
                          .state = &w->rest.state_, .idle = GOKORE_WAITER_ASLEEP_, .doomed = GOKORE_WAITER_ASLEEP_ };
    gokore_wait_begin_(&wait);
    return true;
}

static void gokore_join_told_(bool *told) {
    if (*told) gokore_wait_end_();
    *told = false;
}

// The task was stolen: works on what others have spawned or submitted until it is done.
static void gokore_join_stolen_(gokore_worker *w, const gokore_slot_ *slot, gokore_task *task) {
    gokore_lock_none_held_("while its thread joins a stolen task, and may run others");
    bool slept = false, told = false;
    for (unsigned idle = 0; !gokore_task_is_done_(task);) {
        gokore_task *other = gokore_join_find_(w, slot);
        if (other) {
            gokore_join_told_(&told);
            gokore_task_run(w, other);
            idle = 0;
        } else if (++idle < GOKORE_IDLE_ROUNDS_) {
            GOKORE_SEAM_PAUSE_();
        } else if (GOKORE_LOCKORDER && !told) {
            told = gokore_join_tell_(w, task);
        } else if (gokore_worker_has_room_(w)) {
            gokore_join_sleep_(w, task);
            slept = true;
        } else {
            gokore_join_rest_(w, task);
        }
    }
    gokore_join_told_(&told);
    // it may have been woken for that
    if (slept && gokore_pool_has_spawned_(w->pool, NULL)) gokore_pool_wake_for_spawned_(w->pool, NULL);
    if (slept && gokore_pool_queued_(w->pool) != 0) gokore_pool_wake_(w->pool);
}

static void gokore_join_wait_(gokore_worker *w, const gokore_slot_ *slot, gokore_task *task, bool passive) {
    if (!passive && !gokore_task_is_done_(task)) gokore_join_stolen_(w, slot, task);
    for (int i = 0; i < GOKORE_IDLE_ROUNDS_ && !gokore_task_is_done_(task); i++) GOKORE_SEAM_PAUSE_();
    bool told = GOKORE_LOCKORDER && !gokore_task_is_done_(task) && gokore_join_tell_(w, task);
    while (!gokore_task_is_done_(task)) gokore_join_rest_(w, task);
    gokore_join_told_(&told);
}

// The task is not on top: what lies there becomes public, and is run, the oldest first, by whoever comes. Its slot, if it has
// one, is marked: gokore_stack_top_ takes it off.
static void gokore_join_below_(gokore_worker *w, gokore_task *task, bool passive) {
    if (!gokore_task_is_done_(task))
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, w->pool->name, "task %p joined before one that was spawned after it",
                        (void *)task);
    gokore_stack_show_all_(w);
    for (gokore_task *oldest = NULL; !gokore_task_is_done_(task) && (oldest = gokore_stack_steal_(w, w)) != NULL;)
        gokore_worker_run_spawned_(w, oldest);
    gokore_join_wait_(w, NULL, task, passive);
    for (uint32_t i = gokore_stack_depth_(w); i-- > 0;) {
        gokore_slot_ *slot = gokore_stack_slot_(w, i);
        if (slot->fn || slot->item != task) continue;
        slot->item = NULL;
        return;
    }
}

static bool gokore_join_slow_(gokore_worker *w, gokore_task *task, bool passive) {
    if (gokore_atomic_load_relaxed(&task->state_) == GOKORE_TASK_INLINE_) return false; // relaxed: this thread's own
    gokore_slot_ *slot = gokore_stack_top_(w);
    if (!slot || slot->fn || slot->item != task) {
        gokore_join_below_(w, task, passive);
        return false;
    }
    if (!gokore_stack_take_(w)) {
        gokore_join_wait_(w, slot, task, passive);
        gokore_stack_drop_(w);
        return false;
    }
    gokore_fork_count_(&w->fork);
    if (!gokore_pool_is_observed_(w->pool)) return true;
    gokore_worker_call_(w, w->pool, task);
    return false;
}

// A fence where the light one is none, then as gokore_fork_pop_.
static bool gokore_join_fenced_(gokore_worker *w) {
    gokore_slot_ *slot = gokore_fork_head_(&w->fork) - 1;
    if (w->asymmetric) return false;
    gokore_atomic_store_release(&w->fork.head, slot); // pairs with gokore_stack_top_index_
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST);             // pairs with gokore_pool_heavy_fence_
    if ((size_t)slot >= gokore_atomic_load_relaxed(&w->limit)) return true; // relaxed: the fence
    gokore_atomic_store_release(&w->fork.head, slot + 1);
    return false;
}

bool gokore_join_begin_(gokore_worker *w, gokore_task *task) {
    if (!w) {
        GOKORE_ASSERT(gokore_task_is_done_(task) && "joined without a worker, spawned on one");
        return false;
    }
    if (gokore_join_fenced_(w)) {
        gokore_slot_ *slot = gokore_fork_head_(&w->fork);
        if (!slot->fn && slot->item == task) {
            gokore_fork_count_(&w->fork);
            return true;
        }
        gokore_atomic_store_release(&w->fork.head, slot + 1); // as it was
    }
    gokore_worker_check_(w, "gokore_join");
    return gokore_join_slow_(w, task, false);
}

gokore_slot_ *gokore_join_slot_(gokore_worker *w) {
    bool mine = gokore_join_fenced_(w);
    if (!mine) gokore_worker_check_(w, "a join");
    gokore_slot_ *slot = mine ? gokore_fork_head_(&w->fork) : gokore_stack_top_(w);
    GOKORE_ASSERT(slot && slot->fn && "joined without a spawn, or after an intrusive one");
    if (!mine && !gokore_stack_take_(w)) {
        gokore_join_wait_(w, slot, &slot->task, false);
        gokore_stack_drop_(w);
        return slot;
    }
    gokore_fork_count_(&w->fork);
    gokore_worker_call_(w, w->pool, gokore_slot_task_(w, slot));
    return slot;
}

void gokore_join_passive(gokore_worker *w, gokore_task *task) {
    if (!w) {
        (void)gokore_join_begin_(w, task);
        return;
    }
    gokore_worker_check_(w, "gokore_join_passive");
    if (gokore_join_slow_(w, task, true)) task->fn(w, task);
}

// What a task spawned and did not join, on its return: is run, or left to the thief.
static void gokore_worker_clear_(gokore_worker *w, uint32_t depth) {
    while (gokore_stack_depth_(w) > depth) {
        gokore_slot_ *slot = gokore_stack_top_(w);
        if (!slot || gokore_stack_depth_(w) <= depth) return;
        if (gokore_stack_take_(w)) {
            gokore_fork_count_(&w->fork);
            gokore_worker_call_(w, w->pool, gokore_slot_task_(w, slot));
            continue;
        }
        while (!gokore_slot_thief_(slot)) GOKORE_SEAM_PAUSE_();
        if (slot->fn) gokore_join_wait_(w, slot, &slot->task, false);
        gokore_stack_drop_(w);
    }
}

unsigned gokore_worker_index(const gokore_worker *worker) { return worker->index; }
gokore_pool *gokore_worker_pool(const gokore_worker *worker) { return worker->pool; }
gokore_context *gokore_worker_context(const gokore_worker *worker) { return worker ? gokore_worker_context_(worker) : NULL; }

int gokore_worker_node(const gokore_worker *worker) {
    int node = gokore_atomic_load_relaxed(&worker->node); // relaxed: a setting
    return node >= 0 ? node : gokore_thread_node_();
}

double gokore_worker_load(const gokore_worker *worker) {
    uint32_t room = 0;
    for (uint32_t level = 0; level < GOKORE_LEVELS_; level++)
        if (gokore_stack_chunk_(worker, level)) room += gokore_level_size_(level);
    double load = room ? (double)gokore_stack_len_(worker) / (double)room : 0;
    return load < 1 ? load : 1; // it may have grown meanwhile
}

// >>typed tasks
// Arguments and results of typed tasks that are too large for a slot lie on a stack of each worker's own, in chunks.
typedef struct gokore_frames_ {
    struct gokore_frames_ *below, *above; // at most one empty chunk is kept above
    gokore_allocator allocator;
    size_t used, size; // bytes behind the header
} gokore_frames_;
#define GOKORE_FRAMES_HEAD_  ((sizeof(gokore_frames_) + GOKORE_CACHE_LINE - 1) / GOKORE_CACHE_LINE * GOKORE_CACHE_LINE)
#define GOKORE_FRAMES_BYTES_ ((size_t)32768)

static _Thread_local gokore_frames_ *gokore_frames_here_; // of a thread that is no worker; NULL between its tasks

static gokore_frames_ **gokore_frames_of_(gokore_worker *w) { return w ? &w->frames : &gokore_frames_here_; }

static size_t gokore_frame_bytes_(size_t size) { return (size + GOKORE_CACHE_LINE - 1) / GOKORE_CACHE_LINE * GOKORE_CACHE_LINE; }

static void gokore_frames_free_(gokore_frames_ *f) {
    if (!f) return;
    gokore_allocator allocator = f->allocator;
    gokore_free_(&allocator, f, GOKORE_FRAMES_HEAD_ + f->size);
}

// A spawn can't fail: where the pool's allocator has no memory the C heap must have it.
static gokore_frames_ *gokore_frames_new_(const gokore_worker *w, size_t least) {
    size_t size = least > GOKORE_FRAMES_BYTES_ ? least : GOKORE_FRAMES_BYTES_;
    gokore_allocator allocator = { 0 };
    if (w) allocator = w->pool->allocator;
    gokore_frames_ *f = (gokore_frames_ *)gokore_alloc_(&allocator, GOKORE_FRAMES_HEAD_ + size, GOKORE_CACHE_LINE);
    if (!f) {
        memset(&allocator, 0, sizeof allocator);
        f = (gokore_frames_ *)gokore_alloc_(&allocator, GOKORE_FRAMES_HEAD_ + size, GOKORE_CACHE_LINE);
    }
    GOKORE_ASSERT(f && "no memory for the arguments of a spawned task");
    *f = (gokore_frames_) { NULL, NULL, allocator, 0, size };
    return f;
}

static gokore_frames_ *gokore_frames_grow_(gokore_worker *w, size_t bytes) {
    gokore_frames_ **top = gokore_frames_of_(w), *f = *top, *above = f ? f->above : NULL;
    if (!above || above->size < bytes) {
        gokore_frames_free_(above);
        above = gokore_frames_new_(w, bytes);
        above->below = f;
        if (f) f->above = above;
    }
    return *top = above;
}

void gokore_frame_spawn_(gokore_worker *w, const gokore_shape_ *shape, const void *in) {
    size_t bytes = gokore_frame_bytes_(shape->size);
    gokore_frames_ *f = *gokore_frames_of_(w);
    if (!f || f->size - f->used < bytes) f = gokore_frames_grow_(w, bytes);
    char *frame = (char *)f + GOKORE_FRAMES_HEAD_ + f->used;
    f->used += bytes;
    memcpy(frame + shape->in, in, shape->in_size);
    gokore_task *task = (gokore_task *)(void *)(frame + shape->task);
    gokore_task_init(task, shape->fn);
    gokore_spawn(w, task);
}

void *gokore_frame_join_(gokore_worker *w, const gokore_shape_ *shape) {
    gokore_frames_ *f = *gokore_frames_of_(w);
    size_t bytes = gokore_frame_bytes_(shape->size);
    GOKORE_ASSERT(f && f->used >= bytes); // else there was no spawn to join
    char *frame = (char *)f + GOKORE_FRAMES_HEAD_ + f->used - bytes;
    gokore_join_with_(w, shape->fn, (gokore_task *)(void *)(frame + shape->task));
    return frame;
}

void gokore_frame_pop_(gokore_worker *w, const gokore_shape_ *shape) {
    gokore_frames_ **top = gokore_frames_of_(w), *f = *top;
    f->used -= gokore_frame_bytes_(shape->size);
    if (f->used != 0 || (w && !f->below)) return; // a worker keeps its first chunk
    gokore_frames_free_(f->above);
    f->above = NULL;
    *top = f->below;
    if (!*top) gokore_frames_free_(f);
}

static void gokore_frames_deinit_(gokore_worker *w) {
    for (gokore_frames_ *f = w->frames, *below; f; f = below) {
        below = f->below;
        gokore_frames_free_(f->above);
        f->above = NULL;
        if (below) below->above = NULL;
        gokore_frames_free_(f);
    }
}

// >>width
static gokore_status gokore_worker_new_(gokore_pool *p, unsigned i) {
    int node = p->homes.count ? p->homes.nodes[i % p->homes.count] : -1;
    gokore_worker *w = (gokore_worker *)gokore_pool_alloc_on_(p, node, sizeof *w);
    if (!w) return GOKORE_NO_MEMORY;
    w->pool = p;
    w->index = i;
    w->born = node;
    gokore_atomic_store_relaxed(&w->node, node); // relaxed: published with slots
    w->random = (uint64_t)(uintptr_t)w | 1;
    w->rest.item_ = w;
    gokore_status status = gokore_stack_init_(w);
    if (status != GOKORE_OK) {
        gokore_pool_free_on_(p, node, w, sizeof *w);
        return status;
    }
    p->workers[i] = w;
    gokore_atomic_store_release(&p->slots, i + 1); // pairs with gokore_pool_slots_
    return GOKORE_OK;
}

static gokore_status gokore_worker_start_(gokore_pool *p, unsigned i) { // unless it is there; under scale_latch
    gokore_status status = i < gokore_pool_slots_(p) ? GOKORE_OK : gokore_worker_new_(p, i);
    if (status != GOKORE_OK) return status;
    gokore_worker *w = p->workers[i];
    if (w->alive) return GOKORE_OK;
    if (w->started) GOKORE_SEAM_THREAD_JOIN_(&w->thread); // it is on its way out, and needs no latch that is held here
    gokore_wait_strangers_(p, 1);
    status = GOKORE_SEAM_THREAD_START_(&w->thread, gokore_worker_begin_, w, p->stack_size);
    w->alive = w->started = status == GOKORE_OK;
    if (!w->alive) gokore_wait_strangers_(p, -1);
    return status;
}

// Takes width and stand-ins into account; where a thread can't be started nothing changes. Under scale_latch.
static gokore_status gokore_pool_set_target_(gokore_pool *p, unsigned width, unsigned blocked) {
    unsigned before = gokore_atomic_load_relaxed(&p->target); // relaxed: under the latch
    unsigned target = width + blocked < GOKORE_WORKERS_MAX_ ? width + blocked : GOKORE_WORKERS_MAX_;
    gokore_status status = GOKORE_OK;
    if (gokore_atomic_load(&p->ending)) return GOKORE_SHUTDOWN;
    gokore_atomic_store(&p->target, target);
    for (unsigned i = 0; i < target && status == GOKORE_OK; i++) status = gokore_worker_start_(p, i);
    if (status != GOKORE_OK) gokore_atomic_store(&p->target, before);
    return status;
}

static int gokore_pool_builtin_distance_(void *user, int from, int to) {
    (void)user;
    return gokore_topology_distance(gokore_topology_default(), from, to);
}

static unsigned gokore_pool_default_workers_(const gokore_provider *provider) {
    gokore_container container;
    gokore_status status = GOKORE_UNSUPPORTED;
    if (provider->container) status = provider->container(provider->user, &container);
    if (status != GOKORE_OK) status = gokore_container_read(&container, NULL);
    if (status != GOKORE_OK) return 1;
    unsigned count = gokore_container_worker_count(&container, 0);
    return count < GOKORE_WORKERS_MAX_ ? count : GOKORE_WORKERS_MAX_;
}

gokore_status gokore_pool_scale(gokore_pool *p, unsigned workers) {
    if (workers > GOKORE_WORKERS_MAX_) return GOKORE_INVALID;
    if (gokore_pool_is_forked_(p) || !gokore_atomic_load(&p->accepting)) return GOKORE_SHUTDOWN;
    unsigned width = workers ? workers : gokore_pool_default_workers_(&p->provider);
    gokore_latch_lock_(&p->scale_latch);
    gokore_status status = gokore_pool_set_target_(p, width, p->blocked);
    if (status == GOKORE_OK) gokore_atomic_store_relaxed(&p->width, width); // relaxed: a setting
    gokore_latch_unlock_(&p->scale_latch);
    gokore_pool_wake_surplus_(p); // also those that were started before one that could not be
    if (GOKORE_METRICS) gokore_pool_tell_size_(p);
    return status;
}

unsigned gokore_pool_worker_count(const gokore_pool *p) {
    return gokore_atomic_load_relaxed(&p->width); // relaxed: a setting
}

static gokore_status gokore_worker_block_(gokore_worker *w) { // anything but GOKORE_OK: nobody stands in
    gokore_pool *p = w->pool;
    gokore_latch_lock_(&p->scale_latch);
    if (w->blocking++ == 0) p->blocked++;
    gokore_status started = gokore_pool_set_target_(p, gokore_pool_worker_count(p), p->blocked);
    gokore_latch_unlock_(&p->scale_latch);
    return started;
}

void gokore_worker_blocking_begin(gokore_worker *w) {
    if (!w) return;
    gokore_worker_check_(w, "gokore_worker_blocking_begin");
    if (w->blocking != 0) { // who stands in is there
        w->blocking++;
        return;
    }
    gokore_status started = gokore_worker_block_(w);
    (void)started; // refused: one worker fewer meanwhile
}

void gokore_worker_blocking_end(gokore_worker *w) {
    if (!w) return;
    gokore_worker_check_(w, "gokore_worker_blocking_end");
    gokore_pool *p = w->pool;
    GOKORE_ASSERT(w->blocking != 0);
    if (--w->blocking != 0) return;
    gokore_latch_lock_(&p->scale_latch);
    gokore_status fewer = gokore_pool_set_target_(p, gokore_pool_worker_count(p), --p->blocked);
    (void)fewer; // one that could not be started before still can't be
    gokore_latch_unlock_(&p->scale_latch);
    gokore_pool_wake_surplus_(p);
}

// >>creating
static gokore_status gokore_pool_find_homes_(const gokore_pool_desc *desc, gokore_pool_homes_ *homes) {
    homes->count = 0;
    if (!desc->pin && desc->numa.preferred_node_count == 0 && !desc->numa.required) return GOKORE_OK;
    if (!GOKORE_NUMA) return desc->numa.required ? GOKORE_UNSUPPORTED : GOKORE_OK;
    const gokore_topology *t = gokore_topology_default();
    int ids[64];
    size_t n = t ? gokore_topology_node_ids(t, ids, 64) : 0;
    for (size_t i = 0; i < n && i < 64; i++) {
        bool wanted = desc->numa.preferred_node_count == 0;
        for (size_t k = 0; k < desc->numa.preferred_node_count; k++) wanted |= desc->numa.preferred_nodes[k] == ids[i];
        if (wanted && gokore_topology_cpus(t, ids[i], NULL, 0) > 0) homes->nodes[homes->count++] = ids[i];
    }
    return homes->count == 0 && desc->numa.required ? GOKORE_NOT_FOUND : GOKORE_OK;
}

static int gokore_pool_inbox_node_(const gokore_pool *p, unsigned i) {
    return p->inbox_nodes.count ? p->inbox_nodes.nodes[i] : -1;
}

static gokore_status gokore_pool_make_inboxes_(gokore_pool *p) {
    p->inbox_nodes = p->homes;
    for (size_t i = 0; i < (p->homes.count ? p->homes.count : 1); i++) {
        p->inboxes[i] = (gokore_inbox_ *)gokore_pool_alloc_on_(p, gokore_pool_inbox_node_(p, (unsigned)i), sizeof(gokore_inbox_));
        if (!p->inboxes[i]) return GOKORE_NO_MEMORY;
        p->inbox_count++;
    }
    return GOKORE_OK;
}

static void gokore_pool_free_(gokore_pool *p) { // ends the workers
    bool forked = gokore_pool_is_forked_(p);
    if (!forked) gokore_latch_lock_(&p->scale_latch); // a task that blocks now finds no stand-in any more
    gokore_atomic_store(&p->ending, true);
    unsigned slots = gokore_pool_slots_(p);
    if (!forked) gokore_latch_unlock_(&p->scale_latch);
    if (!forked) gokore_pool_wake_surplus_(p);
    for (unsigned i = 0; i < slots && !forked; i++) gokore_pool_wake_(p);
    for (unsigned i = 0; i < slots; i++) {
        if (p->workers[i]->started && !forked) GOKORE_SEAM_THREAD_JOIN_(&p->workers[i]->thread);
    }
    if (!forked) gokore_pool_let_go_(p, gokore_pool_finished_(p)); // threads that had stolen from it
    gokore_wait_forget_(p);
    gokore_allocator allocator = p->allocator;
    for (unsigned i = 0; i < slots; i++) {
        gokore_stack_deinit_(p->workers[i]);
        gokore_frames_deinit_(p->workers[i]);
        gokore_pool_free_on_(p, p->workers[i]->born, p->workers[i], sizeof(gokore_worker));
    }
    for (unsigned i = 0; i < p->inbox_count; i++)
        gokore_pool_free_on_(p, gokore_pool_inbox_node_(p, i), p->inboxes[i], sizeof(gokore_inbox_));
    // relaxed: nobody is left
    for (gokore_hooks_ *h = (gokore_hooks_ *)gokore_atomic_load_relaxed(&p->hooks), *older; h; h = older) {
        older = h->older;
        gokore_free_(&allocator, h, sizeof *h);
    }
    gokore_free_(&allocator, p, sizeof *p);
}

static bool gokore_pool_desc_is_sound_(const gokore_pool_desc *desc) {
    return desc->workers <= GOKORE_WORKERS_MAX_ && (unsigned)desc->qos <= GOKORE_QOS_BEST_EFFORT;
}

static const gokore_concurrency_policy *gokore_pool_policy_(void) { // the one in force, or NULL
    const gokore_policy_set *set = gokore_policy_current();
    for (size_t i = 0, n = set ? gokore_policy_set_count(set) : 0; i < n; i++) {
        const gokore_policy *policy = gokore_policy_set_at(set, i);
        if (policy->kind == GOKORE_POLICY_CONCURRENCY) return policy->concurrency;
    }
    return NULL;
}

static void gokore_pool_obey_(gokore_pool *p, const gokore_concurrency_policy *policy) { // relaxed, all here: settings
    gokore_atomic_store_relaxed(&p->cross_percent, policy ? policy->cross_access_percent : 100);
    gokore_atomic_store_relaxed(&p->steal_threshold, policy ? policy->steal_threshold : 0);
}

static void gokore_pool_obey_numa_(gokore_pool *p, const gokore_numa_policy *numa) { // relaxed, as above
    gokore_atomic_store_relaxed(&p->numa_fallback, (int)numa->fallback);
    gokore_atomic_store_relaxed(&p->numa_distance, numa->has_allowed_distance ? numa->allowed_distance : -1);
}

static size_t gokore_pool_stack_bytes_(size_t asked) {
    pthread_attr_t attr;
    size_t bytes = asked;
    if (bytes || pthread_attr_init(&attr) != 0) return bytes ? bytes : 131072;
    if (pthread_attr_getstacksize(&attr, &bytes) != 0 || bytes == 0) bytes = 131072; // the smallest default there is
    (void)pthread_attr_destroy(&attr);
    return bytes;
}

static gokore_provider gokore_pool_provider_(const gokore_pool_desc *desc) {
    const gokore_provider *program = gokore_provider_get();
    gokore_provider mine = { .numa_distance = program->numa_distance, .container = program->container, .user = program->user };
    if (!desc->provider) return mine;
    mine = *desc->provider;
    if (!mine.numa_distance) mine.numa_distance = gokore_pool_builtin_distance_;
    return mine;
}

// What the desc leaves open and its provider answers.
static gokore_pool_desc gokore_pool_complete_(const gokore_pool_desc *desc, const gokore_provider *provider,
                                              gokore_retry_policy *retry) {
    gokore_pool_desc full = *desc;
    if (!full.qos && provider->qos) full.qos = provider->qos(provider->user);
    if (provider->numa_policy && !full.pin && full.numa.preferred_node_count == 0 && !full.numa.required)
        full.numa = provider->numa_policy(provider->user);
    *retry = provider->retry_policy ? provider->retry_policy(provider->user) : gokore_lock_policy_default(full.qos).retry;
    if (!full.retry) full.retry = retry;
    return full;
}

static void gokore_pool_set_up_(gokore_pool *p, const gokore_pool_desc *desc) {
    p->allocator = desc->allocator;
    p->name = desc->name ? desc->name : "gokore";
    gokore_atomic_store_relaxed(&p->qos, desc->qos ? (uint32_t)desc->qos : GOKORE_QOS); // relaxed: published with the threads
    gokore_atomic_store_relaxed(&p->accepting, true); // relaxed: published with the pool
    p->stack_size = desc->stack_size;
    // relaxed: published with the threads
    gokore_atomic_store_relaxed(&p->help_bytes, gokore_pool_stack_bytes_(desc->stack_size) / 4);
    p->asymmetric = GOKORE_SEAM_MEMBARRIER_BEGIN_();
    gokore_atomic_store_relaxed(&p->queue_limit, desc->queue_limit); // relaxed: likewise
    p->retry = *desc->retry;
    p->forks = gokore_atomic_load_relaxed(&gokore_forks_); // relaxed: changes in the child of a fork only
    gokore_pool_obey_(p, desc->concurrency ? desc->concurrency : gokore_pool_policy_());
    gokore_pool_obey_numa_(p, &desc->numa);
}

static gokore_status gokore_pool_adjust_(gokore_resource_target *target, const gokore_resource_adjustment *a) {
    gokore_pool *p = (gokore_pool *)target->object;
    if (gokore_pool_is_forked_(p) || !gokore_atomic_load(&p->accepting)) return GOKORE_OK; // it has an end before it
    gokore_pool_desc config = { .numa = a->numa };
    gokore_status status = a->fields & GOKORE_ADJUST_WORKERS ? gokore_pool_scale(p, a->workers) : GOKORE_OK;
    return status == GOKORE_OK && a->fields & GOKORE_ADJUST_NUMA ? gokore_pool_set_config(p, &config) : status;
}

gokore_status gokore_pool_create(gokore_pool **out, const gokore_pool_desc *desc) {
    static const gokore_pool_desc defaults;
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    *out = NULL;
    if (!desc) desc = &defaults;
    if (!gokore_pool_desc_is_sound_(desc)) return GOKORE_INVALID;
    (void)pthread_once(&prepared, gokore_pool_fork_prepare_);
    gokore_provider provider = gokore_pool_provider_(desc);
    gokore_retry_policy retry;
    gokore_pool_desc full = gokore_pool_complete_(desc, &provider, &retry);
    if (!gokore_pool_desc_is_sound_(&full)) return GOKORE_INVALID; // the provider's class
    unsigned count = desc->workers ? desc->workers : gokore_pool_default_workers_(&provider);
    gokore_pool *p = (gokore_pool *)gokore_alloc_zeroed_(&desc->allocator, sizeof *p, GOKORE_CACHE_LINE);
    if (!p) return GOKORE_NO_MEMORY;
    p->provider = provider;
    gokore_pool_set_up_(p, &full);
    gokore_status status = gokore_pool_find_homes_(&full, &p->homes);
    if (status == GOKORE_OK) status = gokore_pool_make_inboxes_(p);
    gokore_latch_lock_(&p->scale_latch);
    if (status == GOKORE_OK) status = gokore_pool_set_target_(p, count, 0);
    gokore_atomic_store_relaxed(&p->width, count); // relaxed: a setting
    gokore_latch_unlock_(&p->scale_latch);
    if (status != GOKORE_OK) {
        gokore_pool_free_(p);
        return status;
    }
    p->resources = (gokore_resource_target) { .fields = GOKORE_ADJUST_WORKERS | GOKORE_ADJUST_NUMA, .apply = gokore_pool_adjust_,
                                              .object = p };
    gokore_resource_target_add(&p->resources);
    if (GOKORE_METRICS) gokore_pool_tell_size_(p);
    *out = p;
    return GOKORE_OK;
}

// >>configuring
static void gokore_pool_move_(gokore_pool *p, const gokore_pool_homes_ *homes) { // the workers follow when they look next
    gokore_latch_lock_(&p->scale_latch);
    p->homes = *homes;
    for (unsigned i = 0; i < gokore_pool_slots_(p); i++)
        gokore_atomic_store_relaxed(&p->workers[i]->node, homes->nodes[i % homes->count]); // relaxed: a setting
    gokore_latch_unlock_(&p->scale_latch);
    for (unsigned i = 0; i < gokore_pool_slots_(p); i++) gokore_pool_wake_(p);
}

gokore_status gokore_pool_pin(gokore_pool *p, int node) {
    if (!GOKORE_NUMA) return GOKORE_UNSUPPORTED;
    const gokore_topology *t = gokore_topology_default();
    if (!t || !gokore_topology_has_node(t, node) || gokore_topology_cpus(t, node, NULL, 0) == 0) return GOKORE_NOT_FOUND;
    gokore_pool_move_(p, &(gokore_pool_homes_) { { node }, 1 });
    return GOKORE_OK;
}

uint64_t gokore_pool_report_cross_node(gokore_pool *p, uint64_t n) {
    return gokore_atomic_fetch_add_relaxed(&p->reported, n) + n; // relaxed: a count
}

static void gokore_pool_pass_inboxes_(gokore_pool *p) { // who submits or takes from now on sees what was stored before
    for (unsigned i = 0; i < p->inbox_count; i++) {
        gokore_latch_lock_(&p->inboxes[i]->out_latch);
        gokore_latch_lock_(&p->inboxes[i]->in_latch);
        gokore_latch_unlock_(&p->inboxes[i]->in_latch);
        gokore_latch_unlock_(&p->inboxes[i]->out_latch);
    }
}

static void gokore_pool_wake_submitters_(gokore_pool *p) { // they look again; kicked under the latch, on their way out
    gokore_latch_lock_(&p->room_latch);
    gokore_pool_wake_all_(&p->room);
    gokore_latch_unlock_(&p->room_latch);
}

gokore_status gokore_pool_set_config(gokore_pool *p, const gokore_pool_desc *config) {
    gokore_pool_homes_ homes = { { 0 }, 0 };
    if (!config || !gokore_pool_desc_is_sound_(config)) return GOKORE_INVALID;
    if (config->allocator.alloc || config->allocator.free) return GOKORE_INVALID;
    if (config->name && strcmp(config->name, p->name) != 0) return GOKORE_INVALID;
    gokore_status status = gokore_pool_find_homes_(config, &homes);
    if (status == GOKORE_OK && config->workers) status = gokore_pool_scale(p, config->workers);
    if (status != GOKORE_OK) return status;
    if (config->qos) gokore_atomic_store_relaxed(&p->qos, (uint32_t)config->qos); // relaxed: a setting
    if (config->concurrency) gokore_pool_obey_(p, config->concurrency);
    if (homes.count) gokore_pool_obey_numa_(p, &config->numa);
    if (homes.count) gokore_pool_move_(p, &homes);
    gokore_latch_lock_(&p->config_latch);
    if (config->retry) p->retry = *config->retry;
    gokore_latch_unlock_(&p->config_latch);
    gokore_latch_lock_(&p->scale_latch);
    if (config->stack_size) p->stack_size = config->stack_size;
    gokore_latch_unlock_(&p->scale_latch);
    if (config->queue_limit) gokore_atomic_store(&p->queue_limit, config->queue_limit);
    gokore_pool_pass_inboxes_(p); // who does not make room yet has taken before: submitters that look again see it
    gokore_pool_wake_submitters_(p);
    return GOKORE_OK;
}

// >>submitting
static void gokore_inbox_push_(gokore_pool *p, gokore_inbox_ *in, gokore_task *task, gokore_context *ctx) { // under in_latch
    unsigned qos = task->qos ? (unsigned)task->qos : gokore_atomic_load_relaxed(&p->qos); // relaxed: a setting
    gokore_lane_in_ *lane = &in->in[(qos - 1) % GOKORE_LANES_];
    task->context_ = ctx;
    task->pool_ = p;
    gokore_atomic_store_relaxed(&task->state_, GOKORE_TASK_SUBMITTED_); // relaxed: published with the lane
    task->next_ = NULL;
    if (lane->head)
        lane->tail->next_ = task;
    else
        lane->head = task;
    lane->tail = task;
    // relaxed: ordered by the latch, and by the fence in gokore_pool_wake_
    gokore_atomic_store_relaxed(&lane->came, gokore_atomic_load_relaxed(&lane->came) + 1);
}

static gokore_status gokore_pool_put_(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    gokore_inbox_ *in = p->inboxes[p->inbox_count > 1 ? gokore_pool_inbox_(p, gokore_thread_node_()) : 0];
    gokore_latch_lock_(&in->in_latch);
    bool accepting = gokore_atomic_load_relaxed(&p->accepting); // relaxed: the latch, see gokore_pool_stop_accepting_
    for (size_t i = 0; accepting && i < n; i++) gokore_inbox_push_(p, in, tasks[i], ctx);
    gokore_latch_unlock_(&in->in_latch);
    return accepting ? GOKORE_OK : GOKORE_SHUTDOWN;
}

// Work is waiting and nobody is free: the cluster is told, each time the queue has doubled.
static void gokore_pool_press_(gokore_pool *p) {
    uint64_t queued = gokore_pool_queued_(p), width = gokore_atomic_load_relaxed(&p->target); // relaxed: hints
    // relaxed: likewise
    if (queued < width || (queued & (queued - 1)) != 0 || gokore_atomic_load_relaxed(&p->sleeping) != 0) return;
    gokore_pressure_level level = queued < 4 * width    ? GOKORE_PRESSURE_LOW
                                  : queued < 16 * width ? GOKORE_PRESSURE_MEDIUM
                                  : queued < 64 * width ? GOKORE_PRESSURE_HIGH
                                                        : GOKORE_PRESSURE_CRITICAL;
    (void)gokore_atomic_fetch_add(&p->coordinating, 1); // as in gokore_cluster_steal_
    gokore_cluster_coordinator *c = (gokore_cluster_coordinator *)gokore_atomic_load(&p->coordinator);
    if (c && c->report_pressure) c->report_pressure(c->user, p, level);
    (void)gokore_atomic_fetch_sub_release(&p->coordinating, 1); // pairs with gokore_pool_join_cluster_
}

// Under the latch: is there no room for n more?
static bool gokore_pool_is_full_(gokore_pool *p, size_t n, bool first_in_line) {
    uint64_t queued = gokore_pool_queued_(p);
    uint64_t limit = gokore_atomic_load(&p->queue_limit);
    if (limit == 0 || !gokore_atomic_load(&p->accepting)) return false;
    return (queued != 0 && queued + n > limit) || (p->room.head && !first_in_line);
}

static gokore_status gokore_pool_wait_for_room_(gokore_pool *p, gokore_waiter_ *me, gokore_context *ctx) {
    gokore_status status = gokore_waiter_wait_(me, ctx, INT64_MAX);
    if (status == GOKORE_OK) return GOKORE_OK;
    gokore_latch_lock_(&p->room_latch);
    bool woken = !me->queued_;
    if (!woken) gokore_wait_queue_remove_(&p->room, me);
    gokore_latch_unlock_(&p->room_latch);
    if (woken) gokore_pool_wake_submitters_(p); // the room is somebody else's
    return status;
}

static gokore_status gokore_pool_put_in_turn_(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    for (bool waited = false;; waited = true) {
        gokore_waiter_ me = { .key_ = p, .name_ = "room in a pool", .kind_ = GOKORE_WAIT_PARTY_, .end_ = GOKORE_END_TAKES_ };
        gokore_status status = GOKORE_OK;
        gokore_latch_lock_(&p->room_latch);
        bool full = gokore_pool_is_full_(p, n, waited);
        if (full)
            gokore_wait_queue_push_(&p->room, &me, waited);
        else
            status = gokore_pool_put_(p, tasks, n, ctx);
        gokore_latch_unlock_(&p->room_latch);
        if (full) status = gokore_pool_wait_for_room_(p, &me, ctx);
        if (!full || status != GOKORE_OK) return status;
    }
}

static gokore_status gokore_pool_queue_(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    if (gokore_pool_is_forked_(p)) return GOKORE_SHUTDOWN;
    bool ours = gokore_worker_here_ && gokore_worker_here_->pool == p; // which can't wait for itself
    bool limited = !ours && gokore_atomic_load_relaxed(&p->queue_limit) != 0; // relaxed: a setting
    gokore_status status = limited ? gokore_pool_put_in_turn_(p, tasks, n, ctx) : gokore_pool_put_(p, tasks, n, ctx);
    if (status != GOKORE_OK) return status;
    if (GOKORE_METRICS) gokore_pool_tell_size_(p);
    for (size_t i = 0; i < n && i < gokore_atomic_load_relaxed(&p->target); i++) gokore_pool_wake_(p); // relaxed: a hint
    if (gokore_atomic_load_relaxed(&p->coordinator)) gokore_pool_press_(p); // relaxed: asked again there
    return GOKORE_OK;
}

static bool gokore_task_is_sound_(const gokore_task *task) {
    return task && task->fn && (unsigned)task->qos <= GOKORE_QOS_BEST_EFFORT;
}

gokore_status gokore_pool_submit(gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    return gokore_pool_submit_many(p, &task, 1, ctx);
}

gokore_status gokore_pool_submit_many(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    for (size_t i = 0; i < n; i++) {
        if (!gokore_task_is_sound_(tasks[i])) return GOKORE_INVALID;
        tasks[i]->waiter_ = NULL;
        tasks[i]->group_ = NULL;
    }
    return gokore_pool_queue_(p, tasks, n, ctx);
}

typedef struct gokore_pool_call_ {
    gokore_task task;
    gokore_pool_fn *fn;
    void *arg;
    gokore_allocator allocator;
} gokore_pool_call_;

static void gokore_pool_call_cancel_(gokore_task *task, gokore_status why) {
    gokore_pool_call_ *call = (gokore_pool_call_ *)task;
    gokore_allocator allocator = call->allocator;
    (void)why;
    gokore_free_(&allocator, call, sizeof *call);
}

static void gokore_pool_call_run_(gokore_worker *worker, gokore_task *task) {
    gokore_pool_call_ call = *(gokore_pool_call_ *)task;
    gokore_free_(&call.allocator, task, sizeof call);
    call.fn(worker, call.arg);
}

gokore_status gokore_pool_submit_fn(gokore_pool *p, gokore_pool_fn *fn, void *arg, gokore_context *ctx) {
    gokore_pool_call_ *call = (gokore_pool_call_ *)gokore_alloc_(&p->allocator, sizeof *call, sizeof(void *));
    if (!call) return GOKORE_NO_MEMORY;
    *call = (gokore_pool_call_) { .task = GOKORE_TASK_INIT(gokore_pool_call_run_), .fn = fn, .arg = arg,
                                 .allocator = p->allocator };
    call->task.on_cancel = gokore_pool_call_cancel_;
    gokore_status status = gokore_pool_submit(p, &call->task, ctx);
    if (status != GOKORE_OK) gokore_free_(&p->allocator, call, sizeof *call);
    return status;
}

static gokore_status gokore_pool_run_here_(gokore_worker *w, gokore_task *task, gokore_context *ctx) {
    gokore_status status = gokore_context_status(ctx);
    if (status == GOKORE_OK) {
        gokore_entry_ entry;
        gokore_worker_enter_(w, &entry, ctx, &(gokore_bottom_) { w->pool, NULL, NULL, NULL });
        gokore_worker_call_(w, w->pool, task);
        gokore_worker_leave_(w, &entry);
        gokore_fork_count_(&w->fork);
    } else {
        gokore_count_(&w->tally.given);
        gokore_count_(&w->tally.cancels);
        if (GOKORE_METRICS) gokore_pool_tell_cancel_(w->pool, status);
        if (task->on_cancel) task->on_cancel(task, status);
    }
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_pool_run(gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    GOKORE_CALLED_();
    if (!gokore_task_is_sound_(task)) return GOKORE_INVALID;
    gokore_worker *here = gokore_worker_here_;
    if (here && here->pool == p) return gokore_pool_run_here_(here, task, ctx);
    gokore_lock_none_held_("while its thread waits for a task");
    gokore_waiter_ me = { .key_ = task, .name_ = "task", .kind_ = GOKORE_WAIT_PARTY_, .instead_ = p, .steadfast_ = true };
    task->waiter_ = &me;
    task->group_ = NULL;
    gokore_status status = gokore_pool_queue_(p, &task, 1, ctx);
    if (status != GOKORE_OK) return status;
    (void)gokore_waiter_wait_(&me, NULL, INT64_MAX);
    return (gokore_status)me.answer_;
}

// >>parallel for
// A. Tzannes, G. Caragea, R. Barua, U. Vishkin, "Lazy binary-splitting", PPoPP 2010: a worker halves what is left when its
// stack is empty, because then somebody is hungry, and otherwise works off a piece. Deviation: the piece's length is found by
// the clock, for all workers, and nothing is halved before a piece has taken long enough to be worth another's wake-up.
#define GOKORE_FOR_PIECE_NS_ 10000
typedef struct gokore_for_ {
    gokore_for_fn *fn;
    void *user;
    gokore_context *ctx;
    bool by_clock;
    gokore_atomic_size length; // of a piece. Relaxed, it and ripe: hints
    gokore_atomic_bool ripe;   // may it be halved?
    gokore_atomic_u32 status;  // why pieces were left out
} gokore_for_;
typedef struct gokore_for_part_ {
    gokore_task task;
    gokore_for_ *whole;
    size_t begin, end;
} gokore_for_part_;

// A piece takes a quarter to all of the time meant. One that was cut short tells less.
static void gokore_for_learn_(gokore_for_ *whole, size_t length, int64_t took_ns) {
    size_t now = gokore_atomic_load_relaxed(&whole->length);
    if (took_ns >= GOKORE_FOR_PIECE_NS_ / 4) gokore_atomic_store_relaxed(&whole->ripe, true);
    if (took_ns > GOKORE_FOR_PIECE_NS_ && length > 1 && length / 2 < now) gokore_atomic_store_relaxed(&whole->length, length / 2);
    if (took_ns < GOKORE_FOR_PIECE_NS_ / 4 && length > now / 4 && length <= SIZE_MAX / 4)
        gokore_atomic_store_relaxed(&whole->length, length * 4);
}

static void gokore_for_piece_(gokore_worker *w, gokore_for_ *whole, size_t begin, size_t end) {
    if (!whole->by_clock) {
        whole->fn(w, begin, end, whole->user);
        return;
    }
    int64_t began = gokore_now_ns();
    whole->fn(w, begin, end, whole->user);
    gokore_for_learn_(whole, end - begin, gokore_now_ns() - began);
}

static void gokore_for_work_(gokore_worker *w, gokore_for_ *whole, size_t begin, size_t end);

static void gokore_for_part_run_(gokore_worker *w, gokore_task *task) {
    gokore_for_part_ *part = (gokore_for_part_ *)task;
    gokore_for_work_(w, part->whole, part->begin, part->end);
}

static void gokore_for_halve_(gokore_worker *w, gokore_for_ *whole, size_t begin, size_t end) {
    size_t middle = begin + (end - begin) / 2;
    gokore_for_part_ upper = { .task = GOKORE_TASK_INIT(gokore_for_part_run_), .whole = whole, .begin = middle, .end = end };
    gokore_spawn(w, &upper.task);
    gokore_for_work_(w, whole, begin, middle);
    gokore_join(w, &upper.task);
}

static void gokore_for_work_(gokore_worker *w, gokore_for_ *whole, size_t begin, size_t end) {
    while (begin < end) {
        gokore_status status = gokore_context_status(whole->ctx);
        if (status != GOKORE_OK) {
            gokore_atomic_store_relaxed(&whole->status, (uint32_t)status); // relaxed: published by the join
            return;
        }
        size_t left = end - begin, length = gokore_atomic_load_relaxed(&whole->length), piece = left < length ? left : length;
        if (left > length && w && gokore_atomic_load_relaxed(&whole->ripe) && gokore_stack_len_(w) == 0) {
            gokore_for_halve_(w, whole, begin, end);
            return;
        }
        gokore_for_piece_(w, whole, begin, begin + piece);
        begin += piece;
    }
}

gokore_status gokore_parallel_for(gokore_pool *p, gokore_context *ctx, size_t begin, size_t end, size_t grain, gokore_for_fn *fn,
                                  void *user) {
    if (begin >= end) return GOKORE_OK;
    if (!fn) return GOKORE_INVALID;
    gokore_for_ whole = { .fn = fn, .user = user, .ctx = ctx, .by_clock = grain == 0,
                          .length = GOKORE_ATOMIC_INIT(grain ? grain : 1), .ripe = GOKORE_ATOMIC_INIT(grain != 0) };
    gokore_for_part_ all = { .task = GOKORE_TASK_INIT(gokore_for_part_run_), .whole = &whole, .begin = begin, .end = end };
    gokore_status status = gokore_pool_run(p, &all.task, ctx);
    // relaxed: all has been joined
    return status != GOKORE_OK ? status : (gokore_status)gokore_atomic_load_relaxed(&whole.status);
}

// >>groups
void gokore_group_init(gokore_group *g, const gokore_group_desc *desc) {
    memset(g, 0, sizeof *g);
    g->cancel_on_failure_ = desc && desc->cancel_on_failure;
}

void gokore_group_fail(gokore_group *g, gokore_status why) {
    if (why == GOKORE_OK) return;
    (void)gokore_atomic_cas_relaxed(&g->status_, GOKORE_OK, (uint32_t)why); // relaxed: published by gokore_waitgroup_done
    if (g->cancel_on_failure_) gokore_context_cancel(&g->context_);
}

gokore_status gokore_group_submit(gokore_group *g, gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    if (!gokore_task_is_sound_(task)) return GOKORE_INVALID;
    task->waiter_ = NULL;
    task->group_ = g;
    gokore_waitgroup_add(&g->pending_, 1);
    void *only = NULL;
    if (GOKORE_LOCKORDER && !gokore_atomic_compare_exchange_relaxed(&g->pool_, &only, p) && only != p) // relaxed: a note
        gokore_atomic_store_relaxed(&g->pool_, g);
    gokore_status status = gokore_pool_queue_(p, &task, 1, ctx ? ctx : &g->context_);
    if (status != GOKORE_OK) gokore_waitgroup_less_(&g->pending_);
    return status;
}

static bool gokore_group_is_done_(gokore_group *g) {
    return (gokore_atomic_load_acquire(&g->pending_.sync_.word_) & GOKORE_SYNC_COUNT_) == 0; // pairs with gokore_waitgroup_done
}

static gokore_status gokore_group_sleep_(gokore_group *g, gokore_context *ctx) {
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK || gokore_group_is_done_(g)) return status;
    const void *pool = gokore_atomic_load_relaxed(&g->pool_); // relaxed: a note. It may be gone, but for its address
    const gokore_waiter_ as = { .key_ = &g->pending_, .name_ = "group", .kind_ = GOKORE_WAIT_ALL_, .end_ = GOKORE_END_RUNS_,
                                .instead_ = pool != g ? pool : NULL };
    return gokore_waitgroup_wait_as_(&g->pending_, ctx, &as);
}

static gokore_status gokore_group_nap_(gokore_group *g, gokore_context *ctx) {
    gokore_context nap;
    gokore_context_init_timeout(&nap, ctx, GOKORE_GROUP_NAP_NS_);
    gokore_status status = gokore_group_sleep_(g, &nap);
    gokore_context_deinit(&nap);
    return status;
}

// On a worker: runs whatever is there; where nothing is, another worker stands in while this one sleeps. If none can be had this
// one looks now and then, however deep its stack is.
static gokore_status gokore_group_help_(gokore_worker *w, gokore_group *g, gokore_context *ctx) {
    bool alone = false;
    for (;;) {
        for (unsigned idle = 0; idle < GOKORE_IDLE_ROUNDS_ && (alone || gokore_worker_has_room_(w));) {
            gokore_status status = gokore_group_is_done_(g) ? GOKORE_OK : gokore_context_status(ctx);
            if (status != GOKORE_OK || gokore_group_is_done_(g)) return status;
            idle = gokore_worker_step_(w) ? 0 : idle + 1;
            GOKORE_SEAM_PAUSE_();
        }
        alone = gokore_worker_block_(w) != GOKORE_OK;
        gokore_status status = alone ? gokore_group_nap_(g, ctx) : gokore_group_sleep_(g, ctx);
        gokore_worker_blocking_end(w);
        if (!alone || status == GOKORE_OK || status == GOKORE_DEADLOCK) return status;
    }
}

GOKORE_ENTRY_ gokore_status gokore_group_wait(gokore_group *g, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_worker *w = gokore_worker_here_;
    gokore_status status = w ? gokore_group_help_(w, g, ctx) : gokore_group_sleep_(g, ctx);
    if (status != GOKORE_OK) return status;
    if (GOKORE_LOCKORDER) gokore_atomic_store_relaxed(&g->pool_, NULL); // relaxed: likewise
    gokore_status failure = (gokore_status)gokore_atomic_exchange_relaxed(&g->status_, GOKORE_OK); // relaxed: ordered by the wait
    if (failure != GOKORE_OK && g->cancel_on_failure_) gokore_context_init(&g->context_, NULL);
    return failure;
}

// >>stealers and observers
gokore_status gokore_pool_try_steal(gokore_pool *p, gokore_context *ctx, gokore_task **out) {
    gokore_worker *w = gokore_worker_here_;
    gokore_tally_ *tally = gokore_tally_of_(w, p);
    bool shared = tally == &p->outside;
    *out = NULL;
    if (gokore_pool_is_forked_(p)) return GOKORE_EMPTY;
    gokore_wait_party_(p, GOKORE_END_TAKES_);
    gokore_latch_lock_(&p->config_latch);
    gokore_retry_policy retry = p->retry;
    gokore_latch_unlock_(&p->config_latch);
    for (unsigned tries = 0;; tries++) {
        gokore_status status = gokore_context_status(ctx);
        if (status != GOKORE_OK) return status;
        gokore_count_add_(&tally->steal_attempts, shared);
        *out = gokore_pool_give_(p, gokore_atomic_load_relaxed(&tally->steal_attempts)); // relaxed: a count
        if (!*out && gokore_pool_has_spawned_(p, NULL)) {
            gokore_pool_open_(p, NULL);
            *out = gokore_pool_give_(p, tries);
        }
        if (*out || tries == retry.steal_attempts) break;
        status = gokore_sleep_ns(gokore_retry_delay_ns(&retry, tries, NULL), ctx);
        if (status != GOKORE_OK) return status;
    }
    if (!*out) return GOKORE_EMPTY;
    gokore_count_add_(&tally->steal_successes, shared);
    gokore_pool_tell_steal_(p, w, *out, false);
    return GOKORE_OK;
}

size_t gokore_pool_stealers(gokore_pool *p, gokore_worker **out, size_t cap) {
    size_t n = gokore_pool_worker_count(p);
    for (size_t i = 0; i < n && i < cap; i++) out[i] = p->workers[i];
    return n;
}

// Replaces the hooks by a changed copy; those before live as long as the pool, because workers may be in them.
static void gokore_pool_hook_(gokore_pool *p, const gokore_pool_observer *observer, gokore_steal_fn *const *steal,
                              void *steal_user) {
    gokore_hooks_ *h = (gokore_hooks_ *)gokore_alloc_zeroed_(&p->allocator, sizeof *h, sizeof(void *));
    if (!h) {
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, p->name, "pool '%s': no memory for an observer", p->name);
        return;
    }
    gokore_latch_lock_(&p->config_latch);
    gokore_hooks_ *older = (gokore_hooks_ *)gokore_atomic_load_relaxed(&p->hooks); // relaxed: under the latch
    if (older) *h = *older;
    h->older = older;
    if (observer) h->observer = *observer;
    if (steal) h->steal = *steal;
    if (steal) h->steal_user = steal_user;
    gokore_atomic_store_release(&p->hooks, h); // pairs with the acquires in gokore_worker_call_ and gokore_pool_tell_steal_
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST);      // pairs with gokore_worker_begin_
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++) {
        gokore_latch_lock_(&p->workers[i]->gate);
        gokore_stack_reckon_(p->workers[i]);
        gokore_latch_unlock_(&p->workers[i]->gate);
    }
    gokore_latch_unlock_(&p->config_latch);
}

void gokore_pool_set_observer(gokore_pool *p, const gokore_pool_observer *observer) {
    static const gokore_pool_observer none;
    gokore_pool_hook_(p, observer ? observer : &none, NULL, NULL);
}

void gokore_pool_on_steal(gokore_pool *p, gokore_steal_fn *fn, void *user) { gokore_pool_hook_(p, NULL, &fn, user); }

// >>cluster
static struct {
    gokore_latch_ latch;
    gokore_pool *first;
} gokore_cluster_; // the pools in this process's coordinator

static gokore_status gokore_cluster_register_(void *user, gokore_pool *p) {
    (void)user;
    gokore_latch_lock_(&gokore_cluster_.latch);
    p->cluster_next = gokore_cluster_.first;
    gokore_cluster_.first = p;
    gokore_latch_unlock_(&gokore_cluster_.latch);
    return GOKORE_OK;
}

static void gokore_cluster_unregister_(void *user, gokore_pool *p) {
    (void)user;
    gokore_latch_lock_(&gokore_cluster_.latch);
    gokore_pool **link = &gokore_cluster_.first;
    while (*link && *link != p) link = &(*link)->cluster_next;
    if (*link) *link = p->cluster_next;
    gokore_latch_unlock_(&gokore_cluster_.latch);
}

static gokore_status gokore_cluster_try_steal_(void *user, gokore_pool *thief, gokore_context *ctx, int node, gokore_task **out) {
    (void)user, (void)ctx, (void)node;
    *out = NULL;
    gokore_latch_lock_(&gokore_cluster_.latch);
    for (gokore_pool *p = gokore_cluster_.first; p && !*out; p = p->cluster_next)
        if (p != thief) *out = gokore_pool_give_(p, gokore_pool_submitted_(p));
    gokore_latch_unlock_(&gokore_cluster_.latch);
    return *out ? GOKORE_OK : GOKORE_EMPTY;
}

static void gokore_cluster_report_pressure_(void *user, gokore_pool *pressed, gokore_pressure_level level) {
    (void)user, (void)level;
    gokore_latch_lock_(&gokore_cluster_.latch);
    gokore_pool *p = gokore_cluster_.first;
    while (p && (p == pressed || gokore_atomic_load_relaxed(&p->sleeping) == 0)) p = p->cluster_next; // relaxed: a hint
    if (p) gokore_pool_wake_(p);
    gokore_latch_unlock_(&gokore_cluster_.latch);
}

static size_t gokore_cluster_stealers_(void *user, gokore_worker **out, size_t cap) {
    size_t n = 0;
    (void)user;
    gokore_latch_lock_(&gokore_cluster_.latch);
    for (gokore_pool *p = gokore_cluster_.first; p; p = p->cluster_next)
        n += gokore_pool_stealers(p, n < cap ? out + n : NULL, n < cap ? cap - n : 0);
    gokore_latch_unlock_(&gokore_cluster_.latch);
    return n;
}

gokore_cluster_coordinator *gokore_cluster_coordinator_default(void) {
    static gokore_cluster_coordinator local = { gokore_cluster_register_,        gokore_cluster_unregister_,
                                               gokore_cluster_try_steal_,
                                                gokore_cluster_report_pressure_, gokore_cluster_stealers_,   NULL };
    return &local;
}

static gokore_cluster_coordinator *(*gokore_lent_coordinator_)(void) = gokore_cluster_coordinator_default; // to gokore_policy.h

static gokore_status gokore_pool_join_cluster_(gokore_pool *p, gokore_cluster_coordinator *c) {
    gokore_cluster_coordinator *before = (gokore_cluster_coordinator *)gokore_atomic_exchange(&p->coordinator, NULL);
    while (before && gokore_atomic_load(&p->coordinating) != 0) GOKORE_SEAM_YIELD_();
    if (before && before->unregister_pool) before->unregister_pool(before->user, p);
    if (before) gokore_wait_strangers_(p, -1);
    gokore_status status = c && c->register_pool ? c->register_pool(c->user, p) : GOKORE_OK;
    if (c && status == GOKORE_OK) gokore_wait_strangers_(p, 1);
    if (status == GOKORE_OK) gokore_atomic_store(&p->coordinator, c);
    return status;
}

gokore_status gokore_pool_set_coordinator(gokore_pool *p, gokore_cluster_coordinator *c) {
    gokore_latch_lock_(&p->cluster_latch);
    gokore_status status = gokore_pool_join_cluster_(p, c);
    gokore_latch_unlock_(&p->cluster_latch);
    if (status == GOKORE_OK && c) gokore_pool_wake_(p); // it may look there
    return status;
}

gokore_cluster_coordinator *gokore_pool_coordinator(gokore_pool *p) {
    return (gokore_cluster_coordinator *)gokore_atomic_load_acquire(&p->coordinator); // pairs with gokore_pool_set_coordinator
}

// >>schedulers
typedef struct gokore_scheduler_ {
    struct gokore_scheduler_ *next;
    gokore_pool *pool; // NULL until it is asked for
    gokore_lock_class lock_class;
    gokore_mutex lock;
    char name[];
} gokore_scheduler_;
static struct {
    gokore_latch_ latch;
    gokore_scheduler_ *first;
} gokore_schedulers_;

static gokore_scheduler_ *gokore_scheduler_of_(const char *name) { // under the latch; NULL without memory
    gokore_scheduler_ *s = gokore_schedulers_.first;
    while (s && strcmp(s->name, name) != 0) s = s->next;
    if (s) return s;
    size_t length = strlen(name) + 1;
    s = (gokore_scheduler_ *)gokore_alloc_zeroed_(NULL, sizeof *s + length, GOKORE_CACHE_LINE);
    if (!s) return NULL;
    memcpy(s->name, name, length);
    s->lock_class = (gokore_lock_class)GOKORE_LOCK_CLASS_INIT(s->name);
    gokore_mutex_init(&s->lock, &(gokore_mutex_desc) { .lock_class = &s->lock_class });
    s->next = gokore_schedulers_.first;
    return gokore_schedulers_.first = s;
}

gokore_pool *gokore_scheduler_pool(const char *name) {
    gokore_latch_lock_(&gokore_schedulers_.latch);
    gokore_scheduler_ *s = gokore_scheduler_of_(name);
    gokore_status status = s ? GOKORE_OK : GOKORE_NO_MEMORY;
    if (s && !s->pool) status = gokore_pool_create(&s->pool, &(gokore_pool_desc) { .name = s->name });
    gokore_pool *pool = s ? s->pool : NULL;
    gokore_latch_unlock_(&gokore_schedulers_.latch);
    if (!pool) gokore_reportf_(GOKORE_REPORT_TASK_BUSY, name, "no scheduler '%s': %s", name, gokore_status_name(status));
    return pool;
}

gokore_mutex *gokore_scheduler_lock(const char *name) {
    gokore_latch_lock_(&gokore_schedulers_.latch);
    gokore_scheduler_ *s = gokore_scheduler_of_(name);
    gokore_latch_unlock_(&gokore_schedulers_.latch);
    if (!s) gokore_reportf_(GOKORE_REPORT_TASK_BUSY, name, "no scheduler '%s': no memory", name);
    return s ? &s->lock : NULL;
}

// >>waiting, ending
GOKORE_ENTRY_ gokore_status gokore_pool_wait_idle(gokore_pool *p, gokore_context *ctx) {
    GOKORE_CALLED_();
    if (gokore_pool_is_forked_(p)) return GOKORE_SHUTDOWN;
    if (gokore_worker_here_ && gokore_worker_here_->pool == p) return GOKORE_INVALID;
    gokore_lock_none_held_("while its thread waits for a pool");
    gokore_status status = GOKORE_OK;
    (void)gokore_atomic_fetch_add(&p->idle_waiters, 1);
    for (;;) {
        gokore_waiter_ me = { .key_ = p, .name_ = "idle pool", .kind_ = GOKORE_WAIT_ALL_, .end_ = GOKORE_END_RUNS_ };
        gokore_latch_lock_(&p->sleep_latch);
        gokore_wait_queue_push_(&p->waiting_for_idle, &me, false);
        gokore_latch_unlock_(&p->sleep_latch);
        GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_worker_sleep_
        uint64_t finished = gokore_pool_finished_(p);
        bool idle = finished == gokore_pool_started_(p);
        if (idle) gokore_pool_let_go_(p, finished);
        if (!idle) status = gokore_waiter_wait_(&me, ctx, INT64_MAX);
        gokore_latch_lock_(&p->sleep_latch);
        if (me.queued_) gokore_wait_queue_remove_(&p->waiting_for_idle, &me);
        gokore_latch_unlock_(&p->sleep_latch);
        if (idle || status != GOKORE_OK) break;
    }
    (void)gokore_atomic_fetch_sub(&p->idle_waiters, 1);
    return status;
}

static void gokore_pool_stop_accepting_(gokore_pool *p) {
    gokore_atomic_store(&p->accepting, false);
    gokore_pool_pass_inboxes_(p);
    gokore_pool_wake_submitters_(p);
}

static void gokore_pool_cancel_queued_(gokore_pool *p) {
    for (gokore_task *task = gokore_pool_take_(p, NULL, 0); task; task = gokore_pool_take_(p, NULL, 0)) {
        if (GOKORE_METRICS) gokore_pool_tell_cancel_(p, GOKORE_SHUTDOWN);
        gokore_task_cancel_(task, GOKORE_SHUTDOWN);
        (void)gokore_atomic_fetch_add_release(&p->cancels, 1); // pairs with gokore_pool_is_idle_
    }
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
}

gokore_status gokore_pool_shutdown(gokore_pool *p, int64_t timeout_ns) {
    if (gokore_pool_is_forked_(p)) return GOKORE_SHUTDOWN;
    if (gokore_worker_here_ && gokore_worker_here_->pool == p) return GOKORE_INVALID;
    gokore_pool_stop_accepting_(p);
    gokore_context patience;
    gokore_context_init_deadline(&patience, NULL, timeout_ns > 0 ? gokore_deadline_after_(timeout_ns) : 0);
    gokore_status status = gokore_pool_wait_idle(p, &patience);
    gokore_context_deinit(&patience);
    if (status != GOKORE_OK) gokore_pool_cancel_queued_(p);
    return status;
}

void gokore_pool_destroy(gokore_pool *p) {
    if (!p) return;
    if (gokore_worker_here_ && gokore_worker_here_->pool == p) {
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, p->name, "pool '%s' destroyed by one of its own tasks: it lives on", p->name);
        return;
    }
    gokore_resource_target_remove(&p->resources);
    if (gokore_pool_is_forked_(p)) { // its tasks are the parent's
        gokore_pool_free_(p);
        return;
    }
    gokore_status left = gokore_pool_set_coordinator(p, NULL);
    (void)left; // leaving can't fail
    gokore_pool_stop_accepting_(p);
    gokore_pool_cancel_queued_(p);
    gokore_pool_free_(p);
}

// >>metrics
static void gokore_tally_read_(const gokore_tally_ *t, gokore_pool_metrics *out) { // relaxed, all here: counts
    out->executed += gokore_atomic_load_relaxed(&t->executed);
    out->steal_attempts += gokore_atomic_load_relaxed(&t->steal_attempts);
    out->steal_successes += gokore_atomic_load_relaxed(&t->steal_successes);
    out->numa_crossings += gokore_atomic_load_relaxed(&t->crossings);
    out->context_cancels += gokore_atomic_load_relaxed(&t->cancels);
    out->spawned += gokore_atomic_load_relaxed(&t->given);
}

static void gokore_worker_read_(const gokore_worker *w, gokore_pool_metrics *out) {
    uint64_t own = gokore_atomic_load_relaxed(&w->fork.own); // relaxed: a count
    gokore_tally_read_(&w->tally, out);
    out->executed += own;
    out->spawned += own + gokore_stack_top_index_(w);
}

void gokore_pool_get_metrics(gokore_pool *p, gokore_pool_metrics *out) {
    *out = (gokore_pool_metrics) { .queue_depth = gokore_pool_queued_(p), // relaxed, all here: counts
                                   .submitted = gokore_pool_submitted_(p),
                                   .shutdown_cancels = gokore_atomic_load_relaxed(&p->cancels),
                                   .numa_crossings = gokore_atomic_load_relaxed(&p->reported) };
    int64_t busy = 0, lived = 0, now = gokore_now_ns();
    for (unsigned i = 0, n = gokore_pool_slots_(p); i < n; i++) {
        gokore_worker *w = p->workers[i];
        int64_t since = gokore_atomic_load_relaxed(&w->busy_since_ns), born = gokore_atomic_load_relaxed(&w->lives_since_ns);
        busy += gokore_atomic_load_relaxed(&w->busy_ns) + (since && since < now ? now - since : 0);
        lived += gokore_atomic_load_relaxed(&w->lived_ns) + (born && born < now ? now - born : 0);
        gokore_worker_read_(w, out);
    }
    gokore_tally_read_(&p->outside, out);
    double share = lived > 0 ? (double)busy / (double)lived : 0;
    out->worker_utilization = share < 1 ? share : 1; // the workers went on while the counts were read
}

gokore_status gokore_pool_worker_metrics(gokore_pool *p, unsigned i, gokore_worker_metrics *out) {
    gokore_pool_metrics m = { .executed = 0 };
    *out = (gokore_worker_metrics) { .executed = 0 };
    if (i >= gokore_pool_slots_(p)) return GOKORE_NOT_FOUND;
    gokore_worker_read_(p->workers[i], &m);
    *out = (gokore_worker_metrics) { m.executed, m.steal_attempts, m.steal_successes };
    return GOKORE_OK;
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
