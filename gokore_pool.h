// gokore_pool.h - v0.1.0 - MIT                                      a Chase-Lev deque and a pool of workers that sleep
//
// WHAT     Tasks live in the caller's memory and run on a fixed set of workers. A worker pushes what it spawns on a deque of
//          its own and takes the youngest back; idle workers steal the oldest. Work from outside is queued in lanes by
//          service class. Each submission takes a context: a task whose context is over before it starts is not run. An idle
//          pool sleeps. By default there are as many workers as this container may use CPUs.
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
//
// CONCEPTS
//   Tasks        A gokore_task is a member of the caller's struct. A submitted task may be freed or submitted again from its
//                own function or on_cancel: the pool does not touch it afterwards. A spawned task belongs to the task that
//                spawned it, which joins it, last spawned first, before it returns.
//   Exactly once Each submitted task runs, or has on_cancel called, exactly once, whatever happens to context and pool.
//   Lanes        Guaranteed before Burstable before BestEffort; every 16th pick looks at one of the lower two first.
//   Blocking     A task that blocks keeps its worker. Waiting in a join runs other tasks meanwhile.
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
// The work. On a worker; the task may be gone when it returns.
typedef void gokore_task_fn(gokore_worker *worker, gokore_task *task);
// Called instead of the work: the context's status, or GOKORE_SHUTDOWN. On a worker, or on the thread that shuts down.
typedef void gokore_task_cancel_fn(gokore_task *task, gokore_status why);
struct gokore_task {
    gokore_task_fn *fn;
    gokore_task_cancel_fn *on_cancel; // may be NULL
    gokore_qos qos;                   // its lane; default 0: the pool's
    gokore_atomic_u32 state_;         // of a spawned task: 0 pending, 1 done, 2 pending and its joiner sleeps
    gokore_task *next_;               // in a lane
    gokore_context *context_;
    void *waiter_;                    // who waits in gokore_pool_run, or NULL; of a spawned task: its worker
};
#define GOKORE_TASK_INIT(fn) { (fn), NULL, GOKORE_QOS_DEFAULT, GOKORE_ATOMIC_INIT(0), NULL, NULL, NULL }
GOKORE_API void gokore_task_init(gokore_task *task, gokore_task_fn *fn);

// On a worker: puts a task up for stealing; it inherits the running task's context and always runs. Never fails: where the
// deque can't grow, the task runs at once.
GOKORE_API void gokore_spawn(gokore_worker *worker, gokore_task *task);
// On a worker: returns when the task has run; runs it itself if nobody stole it. Last spawned first: anything else is
// reported as TASK_BUSY, and works all the same. What the task wrote is visible.
GOKORE_API void gokore_join(gokore_worker *worker, gokore_task *task);

GOKORE_API unsigned gokore_worker_index(const gokore_worker *worker); // 0 to workers - 1
GOKORE_API int gokore_worker_node(const gokore_worker *worker);       // its home node, or where it runs now
GOKORE_API double gokore_worker_load(const gokore_worker *worker);    // what its deque holds, against its capacity: 0 to 1
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
} gokore_pool_desc;

// Starts the workers; desc NULL = defaults. If one can't be started, none is: GOKORE_NO_MEMORY, GOKORE_SYSTEM or
// GOKORE_INVALID, and *out is NULL.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_create(gokore_pool **out, const gokore_pool_desc *desc);
// Queues a task; never allocates, never blocks for long. ctx, which must outlive the task, may be NULL. GOKORE_SHUTDOWN: the
// pool takes no more work and the task is the caller's again. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit(gokore_pool *pool, gokore_task *task, gokore_context *ctx);
// The same for n tasks at once: all or none.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit_many(gokore_pool *pool, gokore_task *const *tasks, size_t n, gokore_context *ctx);
// Submits a function; the pool allocates the task. If the context ends first, the function is not called. GOKORE_NO_MEMORY.
typedef void gokore_pool_fn(gokore_worker *worker, void *arg);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_submit_fn(gokore_pool *pool, gokore_pool_fn *fn, void *arg, gokore_context *ctx);
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

typedef struct gokore_pool_metrics {
    double worker_utilization; // share of the workers' time not spent asleep or looking for work, since create
    uint64_t queue_depth;      // submitted and not started
    uint64_t steal_attempts, steal_successes;
    uint64_t context_cancels;  // tasks not run because their context was over
    uint64_t numa_crossings;   // tasks stolen from another node's worker
    uint64_t executed;         // functions run
} gokore_pool_metrics;
typedef struct gokore_worker_metrics {
    uint64_t executed, steal_attempts, steal_successes;
} gokore_worker_metrics;
// Any thread. Exact while the pool is idle; otherwise each number is at most a little old.
GOKORE_API void gokore_pool_get_metrics(gokore_pool *pool, gokore_pool_metrics *out);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_pool_worker_metrics(gokore_pool *pool, unsigned i, gokore_worker_metrics *out);
GOKORE_API unsigned gokore_pool_worker_count(const gokore_pool *pool);

#ifdef __cplusplus
}
#endif
#endif // GOKORE_POOL_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_POOL_IMPLEMENTED_)
#define GOKORE_POOL_IMPLEMENTED_
#include "gokore_sync.h" // again: they may have been seen before the switch was set
#include "gokore_topology.h"

#include <stdio.h>
#include <string.h>

// >>deque
// Why it is right on weak memory. The thief's reads of top_ and bottom_, the owner's claim of bottom_ (the exchange in pop), its
// read of top_ after that, and every CAS on top_ are seq_cst. In their single order either the owner's claim comes before the
// thief's read of bottom_, and the thief sees the item gone; or the thief's read of top_, which comes before its read of bottom_,
// precedes the owner's read of top_, and both meet at the item in a CAS on top_, which one wins. A thief that sees a push's
// bottom_ also sees its slot, and the array it lies in, which was published before. Lê, Pop, Cohen, Zappa Nardelli (PPoPP 2013)
// reach the same with two seq_cst fences; deviations: an exchange in place of store and fence, because clang makes an mfence of the latter; and the
// array is published with release, without which a thief may read an outgrown array's successor before it is filled.
typedef struct gokore_deque_array_ {
    struct gokore_deque_array_ *outgrown; // half the size; thieves may still read it
    int64_t capacity;                     // power of two
    gokore_atomic_ptr slot[];
} gokore_deque_array_;

static size_t gokore_deque_bytes_(int64_t capacity) {
    return sizeof(gokore_deque_array_) + (size_t)capacity * sizeof(gokore_atomic_ptr);
}

static gokore_deque_array_ *gokore_deque_array_new_(const gokore_deque *d, int64_t capacity) {
    gokore_deque_array_ *a = (gokore_deque_array_ *)gokore_alloc_(&d->allocator_, gokore_deque_bytes_(capacity), GOKORE_CACHE_LINE);
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
#define GOKORE_TASK_PENDING_  0
#define GOKORE_TASK_DONE_     1
#define GOKORE_TASK_AWAITED_  2

typedef struct gokore_lane_ {
    gokore_task *head, *tail;
} gokore_lane_;

struct gokore_worker {
    gokore_deque deque;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_pool *pool;
    unsigned index;
    int node; // -1 = not placed
    gokore_context *context;
    gokore_waiter_ rest; // what it sleeps on in a join
    uint64_t random;
    uint32_t picks;
    gokore_atomic_i64 busy_since_ns; // 0 = looking for work or asleep
    gokore_atomic_i64 busy_ns;       // the counters: written by the worker, read by all, relaxed
    gokore_atomic_u64 executed, steal_attempts, steal_successes, crossings, cancels;
    gokore_atomic_u64 spawned;  // release, these three; pair with the acquires under "sleeping and waking"
    gokore_atomic_u64 finished; // submitted and spawned tasks that have run, before anybody is told
    gokore_atomic_u64 left;     // the same, once they are not touched any more
    gokore_thread_ thread;
};

struct gokore_pool {
    gokore_latch_ latch; // guards the lanes and accepting
    bool accepting;
    gokore_lane_ lanes[GOKORE_LANES_];
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u64 queued; // in the lanes
    gokore_atomic_u64 submitted;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ sleep_latch; // guards the queues of sleepers
    gokore_atomic_u32 sleeping;    // workers in sleepers
    gokore_atomic_u32 joining;     // workers in joiners: they take spawned tasks only
    gokore_atomic_u32 idle_waiters;
    gokore_atomic_bool ending;     // workers leave once all is done
    gokore_wait_queue_ sleepers, joiners, waiting_for_idle;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) const char *name;
    gokore_qos qos;
    unsigned worker_count, started;
    gokore_atomic_u64 cancels; // by the thread that shuts down
    int64_t created_ns;
    gokore_allocator allocator;
    gokore_worker *workers;
};

static _Thread_local gokore_worker *gokore_worker_here_; // this thread's, if it is one

static void gokore_count_(gokore_atomic_u64 *counter) { // only its owner writes it
    gokore_atomic_store_relaxed(counter, gokore_atomic_load_relaxed(counter) + 1); // relaxed: a count
}

static void gokore_count_up_(gokore_atomic_u64 *counter) { // the same, and what was done before is seen by who reads it
    gokore_atomic_store_release(counter, gokore_atomic_load_relaxed(counter) + 1); // pairs with the sums of gokore_pool_is_idle_
}

void gokore_task_init(gokore_task *task, gokore_task_fn *fn) { *task = (gokore_task)GOKORE_TASK_INIT(fn); }

// >>running
static void gokore_task_complete_(gokore_waiter_ *waiter, gokore_status status) { // the waiter may be gone after it is marked
    gokore_atomic_u32 *state = &waiter->state_;
    waiter->answer_ = (uint32_t)status;
    gokore_atomic_store_release(state, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
    gokore_waiter_kick_(state);
}

static void gokore_task_cancel_(gokore_task *task, gokore_status why) {
    gokore_waiter_ *waiter = (gokore_waiter_ *)task->waiter_;
    if (task->on_cancel) task->on_cancel(task, why);
    if (waiter) gokore_task_complete_(waiter, why);
}

// A task from a lane: run, or cancelled because its context is over. It is not touched afterwards.
static void gokore_worker_run_submitted_(gokore_worker *w, gokore_task *task) {
    gokore_waiter_ *waiter = (gokore_waiter_ *)task->waiter_;
    gokore_context *outer = w->context;
    gokore_status status = gokore_context_status(task->context_);
    if (status == GOKORE_OK) {
        w->context = task->context_;
        task->fn(w, task);
        w->context = outer;
        gokore_count_(&w->executed);
        gokore_count_up_(&w->finished);
        if (waiter) gokore_task_complete_(waiter, GOKORE_OK);
    } else {
        gokore_count_(&w->cancels);
        if (task->on_cancel) task->on_cancel(task, status);
        gokore_count_up_(&w->finished);
        if (waiter) gokore_task_complete_(waiter, status);
    }
    gokore_count_up_(&w->left);
}

static void gokore_worker_rouse_(gokore_worker *w) { // if it sleeps in a join
    gokore_pool *p = w->pool;
    gokore_latch_lock_(&p->sleep_latch);
    bool sleeps = w->rest.queued_;
    if (sleeps) {
        gokore_wait_queue_remove_(&p->joiners, &w->rest);
        (void)gokore_atomic_fetch_sub_relaxed(&p->joining, 1);              // relaxed: under the latch
        gokore_atomic_store_release(&w->rest.state_, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
    }
    gokore_latch_unlock_(&p->sleep_latch);
    if (sleeps) gokore_waiter_kick_(&w->rest.state_);
}

// A spawned task, popped or stolen. Its joiner may free it as soon as it is marked done.
static void gokore_worker_run_spawned_(gokore_worker *w, gokore_task *task) {
    gokore_context *outer = w->context;
    w->context = task->context_;
    task->fn(w, task);
    w->context = outer;
    gokore_count_(&w->executed);
    gokore_count_up_(&w->finished);
    gokore_worker *owner = (gokore_worker *)task->waiter_;
    if (gokore_atomic_exchange_release(&task->state_, GOKORE_TASK_DONE_) == GOKORE_TASK_AWAITED_) // pairs with gokore_task_is_done_
        gokore_worker_rouse_(owner);
    gokore_count_up_(&w->left);
}

// >>sleeping and waking
// No wake-up is lost: a worker announces itself in sleeping and then looks once more; who brings work puts it down and then
// looks at sleeping. The seq_cst fence on both sides makes at least one of them see the other.
static void gokore_pool_wake_one_(gokore_pool *p, gokore_wait_queue_ *line, gokore_atomic_u32 *count) {
    if (gokore_atomic_load_relaxed(count) == 0) return; // relaxed: ordered by the caller's fence
    gokore_latch_lock_(&p->sleep_latch);
    gokore_waiter_ *sleeper = line->head;
    gokore_atomic_u32 *state = sleeper ? &sleeper->state_ : NULL;
    if (gokore_wait_queue_wake_(line, 0)) (void)gokore_atomic_fetch_sub_relaxed(count, 1); // relaxed: under the latch
    gokore_latch_unlock_(&p->sleep_latch);
    if (state) gokore_waiter_kick_(state);
}

static void gokore_pool_wake_(gokore_pool *p) { // for a task in a lane
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_worker_sleep_
    gokore_pool_wake_one_(p, &p->sleepers, &p->sleeping);
}

static void gokore_pool_wake_for_spawned_(gokore_pool *p) { // a sleeper may prefer a lane: a joiner is woken too
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fences in gokore_worker_sleep_ and gokore_join_sleep_
    gokore_pool_wake_one_(p, &p->sleepers, &p->sleeping);
    gokore_pool_wake_one_(p, &p->joiners, &p->joining);
}

static bool gokore_pool_has_spawned_(gokore_pool *p) {
    for (unsigned i = 0; i < p->worker_count; i++)
        if (gokore_deque_len(&p->workers[i].deque) != 0) return true;
    return false;
}

static bool gokore_pool_has_work_(gokore_pool *p) {
    return gokore_atomic_load_relaxed(&p->queued) != 0 || gokore_pool_has_spawned_(p); // relaxed: ordered by the caller's fence
}

static uint64_t gokore_pool_finished_(gokore_pool *p) {
    uint64_t sum = gokore_atomic_load_acquire(&p->cancels); // pairs with gokore_pool_cancel_queued_
    for (unsigned i = 0; i < p->worker_count; i++) sum += gokore_atomic_load_acquire(&p->workers[i].finished); // pairs with gokore_count_up_
    return sum;
}

static uint64_t gokore_pool_started_(gokore_pool *p) {
    uint64_t sum = gokore_atomic_load(&p->submitted);
    for (unsigned i = 0; i < p->worker_count; i++) sum += gokore_atomic_load_acquire(&p->workers[i].spawned); // pairs with gokore_count_up_
    return sum;
}

// Nothing queued and nothing running. Finished is read first: it never runs ahead of what was started.
static bool gokore_pool_is_idle_(gokore_pool *p) {
    uint64_t finished = gokore_pool_finished_(p);
    return finished == gokore_pool_started_(p);
}

// All of so many have run: waits until the workers let go of them, which is a matter of instructions.
static void gokore_pool_let_go_(gokore_pool *p, uint64_t finished) {
    for (;;) {
        uint64_t left = gokore_atomic_load_acquire(&p->cancels); // pairs with gokore_pool_cancel_queued_
        for (unsigned i = 0; i < p->worker_count; i++) left += gokore_atomic_load_acquire(&p->workers[i].left); // pairs with gokore_count_up_
        if (left >= finished) return;
        GOKORE_SEAM_YIELD_();
    }
}

static void gokore_pool_wake_all_(gokore_wait_queue_ *line) { // kicked under the latch, on their way out
    for (gokore_waiter_ *w = line->head; w; w = line->head) {
        gokore_atomic_u32 *state = &w->state_;
        (void)gokore_wait_queue_wake_(line, 0);
        gokore_waiter_kick_(state);
    }
}

// Called by whoever may have made the pool idle, after a fence: wakes those who wait for it, and at the end the workers.
static void gokore_pool_tell_idle_(gokore_pool *p) {
    bool ending = gokore_atomic_load(&p->ending);
    if ((gokore_atomic_load_relaxed(&p->idle_waiters) == 0 && !ending) || !gokore_pool_is_idle_(p)) return; // relaxed: after the fence
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
    int64_t now = gokore_now_ns();
    gokore_atomic_store_relaxed(&w->busy_since_ns, busy ? now : 0);
    if (!busy) gokore_atomic_store_relaxed(&w->busy_ns, gokore_atomic_load_relaxed(&w->busy_ns) + now - since);
}

static void gokore_worker_sleep_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    gokore_waiter_ me = { .key_ = p };
    gokore_latch_lock_(&p->sleep_latch);
    gokore_wait_queue_push_(&p->sleepers, &me, true); // the last to sleep is the warmest
    (void)gokore_atomic_fetch_add_relaxed(&p->sleeping, 1); // relaxed: ordered by the fence
    gokore_latch_unlock_(&p->sleep_latch);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wake_ and in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
    bool over = gokore_atomic_load(&p->ending) && gokore_pool_is_idle_(p);
    if (!over && !gokore_pool_has_work_(p)) {
        (void)gokore_waiter_wait_(&me, NULL, INT64_MAX);
        return;
    }
    gokore_latch_lock_(&p->sleep_latch);
    if (me.queued_) {
        gokore_wait_queue_remove_(&p->sleepers, &me);
        (void)gokore_atomic_fetch_sub_relaxed(&p->sleeping, 1); // relaxed: under the latch
    }
    gokore_latch_unlock_(&p->sleep_latch);
}

// >>finding work
static gokore_task *gokore_lane_pop_(gokore_lane_ *lane) {
    gokore_task *task = lane->head;
    if (task) lane->head = task->next_;
    return task;
}

// Highest first; every 16th pick begins with one of the lower two, in turn, so that each of them moves.
static int gokore_lane_at_(uint32_t pick, int i) {
    static const unsigned char orders[3][GOKORE_LANES_] = { { 0, 1, 2 }, { 1, 2, 0 }, { 2, 1, 0 } };
    return orders[pick % 16 == 15 ? 1 + pick / 16 % 2 : 0][i];
}

static gokore_task *gokore_pool_take_(gokore_pool *p, uint32_t pick) {
    if (gokore_atomic_load_relaxed(&p->queued) == 0) return NULL; // relaxed: who sleeps on it looks again after a fence
    gokore_task *task = NULL;
    gokore_latch_lock_(&p->latch);
    for (int i = 0; i < GOKORE_LANES_ && !task; i++) task = gokore_lane_pop_(&p->lanes[gokore_lane_at_(pick, i)]);
    if (task) (void)gokore_atomic_fetch_sub_relaxed(&p->queued, 1); // relaxed: under the latch
    gokore_latch_unlock_(&p->latch);
    return task;
}

static uint32_t gokore_worker_random_(gokore_worker *w, uint32_t below) { // xorshift64*
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)((w->random * 0x2545f4914f6cdd1du >> 32) * below >> 32);
}

// One round over the others' deques, from a random one on.
static gokore_task *gokore_worker_steal_(gokore_worker *w) {
    gokore_pool *p = w->pool;
    unsigned first = gokore_worker_random_(w, p->worker_count);
    for (unsigned i = 0; i < p->worker_count; i++) {
        gokore_worker *victim = &p->workers[(first + i) % p->worker_count];
        void *item;
        if (victim == w || gokore_deque_len(&victim->deque) == 0) continue;
        gokore_count_(&w->steal_attempts);
        if (gokore_deque_steal(&victim->deque, &item) != GOKORE_STEAL_SUCCESS) continue;
        gokore_count_(&w->steal_successes);
        if (victim->node != w->node) gokore_count_(&w->crossings);
        return (gokore_task *)item;
    }
    return NULL;
}

// Runs one task, whatever is nearest; false if there is none.
static bool gokore_worker_step_(gokore_worker *w) {
    gokore_task *task = (gokore_task *)gokore_deque_pop(&w->deque);
    if (!task && w->picks % 16 == 7) { // now and then the others first: lanes that never run dry must not keep them waiting
        task = gokore_worker_steal_(w);
        w->picks += task != NULL;
    }
    if (!task) {
        gokore_task *submitted = gokore_pool_take_(w->pool, w->picks);
        if (submitted) {
            w->picks++;
            gokore_worker_set_busy_(w, true);
            gokore_worker_run_submitted_(w, submitted);
            return true;
        }
        task = gokore_worker_steal_(w);
    }
    if (!task) return false;
    gokore_worker_set_busy_(w, true);
    gokore_worker_run_spawned_(w, task);
    return true;
}

static void gokore_worker_main_(void *arg) {
    gokore_worker *w = (gokore_worker *)arg;
    gokore_pool *p = w->pool;
    char name[16];
    (void)snprintf(name, sizeof name, "%.10s-%u", p->name, w->index % 10000);
    gokore_thread_name_(name);
    gokore_worker_here_ = w;
    for (unsigned idle = 0;;) {
        if (gokore_worker_step_(w)) {
            idle = 0;
        } else if (++idle < GOKORE_IDLE_ROUNDS_) {
            GOKORE_SEAM_PAUSE_();
        } else {
            gokore_worker_set_busy_(w, false);
            if (gokore_atomic_load(&p->ending) && gokore_pool_is_idle_(p)) break;
            gokore_worker_sleep_(w);
            idle = 0;
        }
    }
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fences in gokore_pool_wait_idle and gokore_worker_sleep_
    gokore_pool_tell_idle_(p);
}

// >>fork and join
static void gokore_worker_check_(const gokore_worker *w, const char *what) {
    if (GOKORE_CHECKS && gokore_worker_here_ != w)
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, w->pool->name, "%s called on a thread that is not worker %u", what, w->index);
}

void gokore_spawn(gokore_worker *w, gokore_task *task) {
    gokore_worker_check_(w, "gokore_spawn");
    task->context_ = w->context;
    task->waiter_ = w;
    gokore_atomic_store_relaxed(&task->state_, GOKORE_TASK_PENDING_); // relaxed: published by the push
    gokore_count_up_(&w->spawned);
    if (gokore_deque_push(&w->deque, task) == GOKORE_OK)
        gokore_pool_wake_for_spawned_(w->pool);
    else
        gokore_worker_run_spawned_(w, task);
}

static bool gokore_task_is_done_(gokore_task *task) {
    return gokore_atomic_load_acquire(&task->state_) == GOKORE_TASK_DONE_; // pairs with gokore_worker_run_spawned_
}

// Sleeps until the stolen task is done, or something was spawned anywhere: the joiner may be the only one who can take it.
static void gokore_join_sleep_(gokore_worker *w, gokore_task *task) {
    gokore_pool *p = w->pool;
    (void)gokore_atomic_cas(&task->state_, GOKORE_TASK_PENDING_, GOKORE_TASK_AWAITED_);
    gokore_latch_lock_(&p->sleep_latch);
    gokore_atomic_store_relaxed(&w->rest.state_, GOKORE_WAITER_WAITING_); // relaxed: under the latch
    gokore_wait_queue_push_(&p->joiners, &w->rest, true);
    (void)gokore_atomic_fetch_add_relaxed(&p->joining, 1); // relaxed: ordered by the fence
    gokore_latch_unlock_(&p->sleep_latch);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wake_for_spawned_
    if (!gokore_task_is_done_(task) && !gokore_pool_has_spawned_(p)) (void)gokore_waiter_wait_(&w->rest, NULL, INT64_MAX);
    gokore_latch_lock_(&p->sleep_latch);
    if (w->rest.queued_) {
        gokore_wait_queue_remove_(&p->joiners, &w->rest);
        (void)gokore_atomic_fetch_sub_relaxed(&p->joining, 1); // relaxed: under the latch
    }
    gokore_latch_unlock_(&p->sleep_latch);
}

// The task was stolen: works on what others have spawned until it is done.
static void gokore_join_stolen_(gokore_worker *w, gokore_task *task) {
    gokore_lock_none_held_("while its thread joins a stolen task, and may run others");
    bool slept = false;
    for (unsigned idle = 0; !gokore_task_is_done_(task);) {
        gokore_task *other = (gokore_task *)gokore_deque_pop(&w->deque);
        if (!other) other = gokore_worker_steal_(w);
        if (other) {
            gokore_worker_run_spawned_(w, other);
            idle = 0;
        } else if (++idle < GOKORE_IDLE_ROUNDS_) {
            GOKORE_SEAM_PAUSE_();
        } else {
            gokore_join_sleep_(w, task);
            slept = true;
        }
    }
    if (slept && gokore_pool_has_spawned_(w->pool)) gokore_pool_wake_for_spawned_(w->pool); // it may have been woken for that
}

void gokore_join(gokore_worker *w, gokore_task *task) {
    gokore_worker_check_(w, "gokore_join");
    gokore_task *mine = (gokore_task *)gokore_deque_pop(&w->deque);
    if (mine) gokore_worker_run_spawned_(w, mine);
    if (mine == task) return;
    if (mine && !gokore_task_is_done_(task))
        gokore_reportf_(GOKORE_REPORT_TASK_BUSY, w->pool->name, "task %p joined before one that was spawned after it", (void *)task);
    gokore_join_stolen_(w, task);
}

unsigned gokore_worker_index(const gokore_worker *worker) { return worker->index; }
int gokore_worker_node(const gokore_worker *worker) { return worker->node >= 0 ? worker->node : gokore_thread_node_(); }
gokore_pool *gokore_worker_pool(const gokore_worker *worker) { return worker->pool; }
gokore_context *gokore_worker_context(const gokore_worker *worker) { return worker->context; }

double gokore_worker_load(const gokore_worker *worker) {
    const gokore_deque_array_ *a = (const gokore_deque_array_ *)gokore_atomic_load_acquire(&worker->deque.array_); // pairs with grow
    return a ? (double)gokore_deque_len(&worker->deque) / (double)a->capacity : 0;
}

// >>creating
typedef struct gokore_pool_homes_ { // the nodes that workers are dealt to, in turn; count 0 = anywhere
    int nodes[64];
    size_t count;
} gokore_pool_homes_;

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

static void gokore_worker_begin_(void *arg) {
    gokore_worker *w = (gokore_worker *)arg;
    gokore_status pinned = w->node >= 0 ? gokore_pin_thread_to_node(gokore_topology_default(), w->node) : GOKORE_OK;
    (void)pinned; // refused: it runs where it may, and its home stays its home
    gokore_worker_main_(arg);
}

static gokore_status gokore_pool_start_workers_(gokore_pool *p, const gokore_pool_desc *desc) {
    gokore_pool_homes_ homes;
    gokore_status status = gokore_pool_find_homes_(desc, &homes);
    for (unsigned i = 0; i < p->worker_count && status == GOKORE_OK; i++) {
        gokore_worker *w = &p->workers[i];
        w->pool = p;
        w->index = i;
        w->node = homes.count ? homes.nodes[i % homes.count] : -1;
        w->random = (uint64_t)(uintptr_t)w | 1;
        status = gokore_deque_init(&w->deque, &(gokore_deque_desc) { 0, desc->allocator });
    }
    for (unsigned i = 0; i < p->worker_count && status == GOKORE_OK; i++) {
        status = GOKORE_SEAM_THREAD_START_(&p->workers[i].thread, gokore_worker_begin_, &p->workers[i], desc->stack_size);
        if (status == GOKORE_OK) p->started++;
    }
    return status;
}

static void gokore_pool_free_(gokore_pool *p) { // ends the workers that were started
    gokore_atomic_store(&p->ending, true);
    for (unsigned i = 0; i < p->started; i++) gokore_pool_wake_(p);
    for (unsigned i = 0; i < p->started; i++) GOKORE_SEAM_THREAD_JOIN_(&p->workers[i].thread);
    for (unsigned i = 0; i < p->worker_count; i++) gokore_deque_deinit(&p->workers[i].deque);
    gokore_allocator allocator = p->allocator;
    gokore_free_(&allocator, p->workers, p->worker_count * sizeof(gokore_worker));
    gokore_free_(&allocator, p, sizeof *p);
}

static unsigned gokore_pool_default_workers_(void) {
    gokore_container container;
    if (gokore_container_read(&container, NULL) != GOKORE_OK) return 1;
    unsigned count = gokore_container_worker_count(&container, 0);
    return count < GOKORE_WORKERS_MAX_ ? count : GOKORE_WORKERS_MAX_;
}

gokore_status gokore_pool_create(gokore_pool **out, const gokore_pool_desc *desc) {
    static const gokore_pool_desc defaults;
    *out = NULL;
    if (!desc) desc = &defaults;
    unsigned count = desc->workers ? desc->workers : gokore_pool_default_workers_();
    if (count > GOKORE_WORKERS_MAX_ || (unsigned)desc->qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
    gokore_pool *p = (gokore_pool *)gokore_alloc_zeroed_(&desc->allocator, sizeof *p, GOKORE_CACHE_LINE);
    if (!p) return GOKORE_NO_MEMORY;
    p->workers = (gokore_worker *)gokore_alloc_zeroed_(&desc->allocator, count * sizeof(gokore_worker), GOKORE_CACHE_LINE);
    if (!p->workers) {
        gokore_free_(&desc->allocator, p, sizeof *p);
        return GOKORE_NO_MEMORY;
    }
    p->allocator = desc->allocator;
    p->name = desc->name ? desc->name : "gokore";
    p->qos = desc->qos ? desc->qos : (gokore_qos)GOKORE_QOS;
    p->worker_count = count;
    p->accepting = true;
    p->created_ns = gokore_now_ns();
    gokore_status status = gokore_pool_start_workers_(p, desc);
    if (status == GOKORE_OK)
        *out = p;
    else
        gokore_pool_free_(p);
    return status;
}

// >>submitting
static void gokore_lane_push_(gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    gokore_qos qos = task->qos ? task->qos : p->qos;
    gokore_lane_ *lane = &p->lanes[((unsigned)qos - 1) % GOKORE_LANES_];
    task->context_ = ctx;
    task->next_ = NULL;
    if (lane->head)
        lane->tail->next_ = task;
    else
        lane->head = task;
    lane->tail = task;
}

static gokore_status gokore_pool_queue_(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    gokore_latch_lock_(&p->latch);
    bool accepting = p->accepting;
    if (accepting) {
        for (size_t i = 0; i < n; i++) gokore_lane_push_(p, tasks[i], ctx);
        (void)gokore_atomic_fetch_add(&p->submitted, n);
        (void)gokore_atomic_fetch_add_relaxed(&p->queued, n); // relaxed: ordered by the fence in gokore_pool_wake_
    }
    gokore_latch_unlock_(&p->latch);
    if (!accepting) return GOKORE_SHUTDOWN;
    for (size_t i = 0; i < n && i < p->worker_count; i++) gokore_pool_wake_(p);
    return GOKORE_OK;
}

gokore_status gokore_pool_submit(gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    return gokore_pool_submit_many(p, &task, 1, ctx);
}

gokore_status gokore_pool_submit_many(gokore_pool *p, gokore_task *const *tasks, size_t n, gokore_context *ctx) {
    for (size_t i = 0; i < n; i++) {
        if (!tasks[i] || !tasks[i]->fn || (unsigned)tasks[i]->qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
        tasks[i]->waiter_ = NULL;
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
    *call = (gokore_pool_call_) { .task = GOKORE_TASK_INIT(gokore_pool_call_run_), .fn = fn, .arg = arg, .allocator = p->allocator };
    call->task.on_cancel = gokore_pool_call_cancel_;
    gokore_status status = gokore_pool_submit(p, &call->task, ctx);
    if (status != GOKORE_OK) gokore_free_(&p->allocator, call, sizeof *call);
    return status;
}

static gokore_status gokore_pool_run_here_(gokore_worker *w, gokore_task *task, gokore_context *ctx) {
    gokore_context *outer = w->context;
    gokore_status status = gokore_context_status(ctx);
    if (status == GOKORE_OK) {
        w->context = ctx;
        task->fn(w, task);
        w->context = outer;
        gokore_count_(&w->executed);
    } else {
        gokore_count_(&w->cancels);
        if (task->on_cancel) task->on_cancel(task, status);
    }
    return status;
}

gokore_status gokore_pool_run(gokore_pool *p, gokore_task *task, gokore_context *ctx) {
    if (!task || !task->fn || (unsigned)task->qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
    gokore_worker *here = gokore_worker_here_;
    if (here && here->pool == p) return gokore_pool_run_here_(here, task, ctx);
    gokore_lock_none_held_("while its thread waits for a task");
    gokore_waiter_ me = { .key_ = task };
    task->waiter_ = &me;
    gokore_status status = gokore_pool_queue_(p, &task, 1, ctx);
    if (status != GOKORE_OK) return status;
    (void)gokore_waiter_wait_(&me, NULL, INT64_MAX);
    return (gokore_status)me.answer_;
}

// >>waiting, ending
gokore_status gokore_pool_wait_idle(gokore_pool *p, gokore_context *ctx) {
    if (gokore_worker_here_ && gokore_worker_here_->pool == p) return GOKORE_INVALID;
    gokore_lock_none_held_("while its thread waits for a pool");
    gokore_status status = GOKORE_OK;
    (void)gokore_atomic_fetch_add(&p->idle_waiters, 1);
    for (;;) {
        gokore_waiter_ me = { .key_ = p };
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
    gokore_latch_lock_(&p->latch);
    p->accepting = false;
    gokore_latch_unlock_(&p->latch);
}

static void gokore_pool_cancel_queued_(gokore_pool *p) {
    for (gokore_task *task = gokore_pool_take_(p, 0); task; task = gokore_pool_take_(p, 0)) {
        gokore_task_cancel_(task, GOKORE_SHUTDOWN);
        (void)gokore_atomic_fetch_add_release(&p->cancels, 1); // pairs with gokore_pool_is_idle_
    }
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_pool_wait_idle
    gokore_pool_tell_idle_(p);
}

gokore_status gokore_pool_shutdown(gokore_pool *p, int64_t timeout_ns) {
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
    gokore_pool_stop_accepting_(p);
    gokore_pool_cancel_queued_(p);
    gokore_pool_free_(p);
}

// >>metrics
void gokore_pool_get_metrics(gokore_pool *p, gokore_pool_metrics *out) {
    *out = (gokore_pool_metrics) { .queue_depth = gokore_atomic_load_relaxed(&p->queued) }; // relaxed, all here: counts
    int64_t busy = 0, now = gokore_now_ns(), age = now - p->created_ns;
    for (unsigned i = 0; i < p->worker_count; i++) {
        gokore_worker *w = &p->workers[i];
        int64_t since = gokore_atomic_load_relaxed(&w->busy_since_ns);
        busy += gokore_atomic_load_relaxed(&w->busy_ns) + (since && since < now ? now - since : 0);
        out->executed += gokore_atomic_load_relaxed(&w->executed);
        out->steal_attempts += gokore_atomic_load_relaxed(&w->steal_attempts);
        out->steal_successes += gokore_atomic_load_relaxed(&w->steal_successes);
        out->numa_crossings += gokore_atomic_load_relaxed(&w->crossings);
        out->context_cancels += gokore_atomic_load_relaxed(&w->cancels);
    }
    double share = age > 0 ? (double)busy / ((double)age * p->worker_count) : 0;
    out->worker_utilization = share < 1 ? share : 1; // the workers went on while the counts were read
}

gokore_status gokore_pool_worker_metrics(gokore_pool *p, unsigned i, gokore_worker_metrics *out) {
    if (i >= p->worker_count) return GOKORE_NOT_FOUND;
    gokore_worker *w = &p->workers[i];
    out->executed = gokore_atomic_load_relaxed(&w->executed); // relaxed: counts
    out->steal_attempts = gokore_atomic_load_relaxed(&w->steal_attempts);
    out->steal_successes = gokore_atomic_load_relaxed(&w->steal_successes);
    return GOKORE_OK;
}

unsigned gokore_pool_worker_count(const gokore_pool *p) { return p->worker_count; }

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
