// test_pool_torture.c - gokore_pool.h: whatever mix of submit, spawn, group, loop, cancel, scale, steal, shutdown and failure
// is thrown at it, each task runs exactly once or is cancelled exactly once, and the metrics say so.
//
// A seeded run is cut into episodes. Each has pools of its own, threads outside that throw tasks at them, and tasks that do
// the same from inside; every task has an entry in the episode's ledger. TORTURE_TASKS in the environment is how many tasks
// each test takes on: TORTURE_TASKS=10000000 build/plain/test_pool_torture --timeout 7200
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdbool.h>
#include <stdint.h>
static bool thread_is_refused(void);
static void wobble(void);
#define GOKORE_SEAM_LOAD_(p, order)                          (wobble(), __atomic_load_n((p), (order)))
#define GOKORE_SEAM_STORE_(p, v, order)                      (wobble(), __atomic_store_n((p), (v), (order)))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   (wobble(), __atomic_exchange_n((p), (v), (order)))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other) \
    (wobble(), __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), (other)))
#define GOKORE_SEAM_RMW_(op, p, v, order)              (wobble(), __atomic_##op((p), (v), (order)))
#define GOKORE_SEAM_FENCE_(order)                      __atomic_thread_fence(order)
#define GOKORE_SEAM_PAUSE_()                           gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns) gokore_futex_wait_((word), (expected), (deadline_ns))
#define GOKORE_SEAM_WAKE_(word, count)                 gokore_futex_wake_((word), (count))
#define GOKORE_SEAM_YIELD_()                           gokore_yield_()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size) \
    (thread_is_refused() ? GOKORE_SYSTEM : gokore_thread_start_((out), (fn), (arg), (stack_size)))
#define GOKORE_SEAM_THREAD_JOIN_(thread) gokore_thread_join_(thread)
#define GOKORE_SEAM_THREAD_ID_()         gokore_thread_number_()
#define GOKORE_SEAM_ALLOC_(size, align)  gokore_heap_alloc_((size), (align))
#define GOKORE_SEAM_FREE_(p)             gokore_heap_free_(p)
#define GOKORE_SEAM_NOW_()               gokore_clock_ns_()
#define GOKORE_IMPLEMENTATION
#include "../gokore_pool.h"

#include "support/waiting.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEFAULT_TASKS 100000
#endif
#elif defined(__SANITIZE_THREAD__)
#define DEFAULT_TASKS 100000
#endif
#ifndef DEFAULT_TASKS
#define DEFAULT_TASKS 500000
#endif

enum { POOLS = 2, CONTEXTS = 8, THREADS = 3, EPISODE_MOST = 10000, DEPTH_MOST = 5, BATCH_MOST = 16 };
enum { MEMBERS_MOST = 6, LOOP_MOST = 300, MANY_BRANCHES = 300, LEFT = 2 * MANY_BRANCHES };

// ---- what fails

static gokore_atomic_u32 refuse_threads; // one thread in so many can't be started; 0 = none
static gokore_atomic_u64 dice;

static uint64_t roll(void) { // for what belongs to no thread's own sequence
    uint64_t state = gokore_atomic_fetch_add(&dice, UINT64_C(0x9e3779b97f4a7c15));
    return test_random(&state);
}

static void wobble(void) { // others go on just before an atomic operation, now and then
    static _Thread_local uint32_t n;
    if (n == 0) n = (uint32_t)(uintptr_t)&n >> 4;
    n = n * 1664525 + 1013904223;
    if (n >> 24 == 0) (void)sched_yield();
}

static bool thread_is_refused(void) {
    uint32_t one_in = gokore_atomic_load(&refuse_threads);
    return one_in != 0 && roll() % one_in == 0;
}

typedef struct heap { // an allocator that fails now and then
    uint32_t one_in; // 0 = never
    gokore_atomic_i64 live_bytes;
    gokore_atomic_u64 refused;
} heap;

static void *heap_alloc(void *user, size_t size, size_t align) {
    heap *h = (heap *)user;
    void *p = NULL;
    if (h->one_in && roll() % h->one_in == 0) {
        (void)gokore_atomic_add(&h->refused, 1);
        return NULL;
    }
    if (posix_memalign(&p, align < sizeof p ? sizeof p : align, size) != 0) return NULL;
    (void)gokore_atomic_add(&h->live_bytes, (int64_t)size);
    return p;
}

static void heap_free(void *user, void *p, size_t size) {
    heap *h = (heap *)user;
    if (p) (void)gokore_atomic_add(&h->live_bytes, -(int64_t)size);
    free(p);
}

// ---- the oracle

typedef struct entry { // a task's: taken = its pool has taken it on
    gokore_atomic_u8 taken, ran, cancelled;
} entry;

typedef struct episode {
    gokore_pool *pools[POOLS];
    heap heaps[POOLS];
    gokore_context contexts[CONTEXTS];
    unsigned pool_count;
    bool groups, loops, ends; // tasks wait for groups; there are parallel loops; it may be shut down while threads throw
    gokore_atomic_u32 next, most;  // of the ledger
    gokore_atomic_bool ended;
    // What the metrics of all its pools must say together, but for the pieces of loops. calls: of submit_fn, taken on and run.
    // unsure: those which their caller got back unrun; they were refused or cancelled
    gokore_atomic_u64 submitted, spawned, executed, of_context, of_shutdown, calls, calls_ran, unsure;
    entry ledger[EPISODE_MOST];
} episode;

static void count(gokore_atomic_u64 *counter, uint64_t n) { (void)gokore_atomic_fetch_add(counter, n); }

// The first of n entries that nobody else has.
static bool claim(episode *e, uint32_t n, uint32_t *first) {
    do {
        *first = gokore_atomic_load(&e->next);
        if (gokore_atomic_load(&e->most) - *first < n) return false;
    } while (!gokore_atomic_cas(&e->next, *first, *first + n));
    return true;
}

static void mark(gokore_atomic_u8 *what) { CHECK_UINT(0, gokore_atomic_fetch_add(what, 1)); }

static void take(episode *e, uint32_t first, uint32_t n, bool taken) { // before they are handed over, and back
    for (uint32_t i = 0; i < n; i++) gokore_atomic_store(&e->ledger[first + i].taken, taken);
}

// ---- where something is done: outside, on a worker, or in a task that was stolen by a thread that is no worker, which must not
// wait for a worker, because one may wait for it

typedef struct place {
    episode *e;
    gokore_worker *worker;
    gokore_pool *pool;
    unsigned depth;
    bool outside;
    uint64_t random;
} place;

static void act(place *p);

static uint32_t below(place *p, uint32_t n) { return (uint32_t)(test_random(&p->random) >> 32) % n; }
static bool one_in(place *p, uint32_t n) { return below(p, n) == 0; }
static gokore_context *any_context(place *p) { return one_in(p, 2) ? NULL : &p->e->contexts[below(p, CONTEXTS)]; }

static place place_in(episode *e, gokore_worker *worker, unsigned depth, uint64_t random) {
    return (place) { e, worker, worker ? gokore_worker_pool(worker) : e->pools[random % e->pool_count], depth, false, random };
}

static void act_inside(place *p) {
    static const unsigned how_often[] = { 0, 0, 0, 0, 0, 1, 1, 3 };
    if (p->depth >= DEPTH_MOST) return;
    for (unsigned n = how_often[below(p, 8)]; n > 0; n--) act(p);
}

// ---- tasks that are submitted

typedef struct node {
    gokore_task task;
    episode *e;
    gokore_pool *pool;
    gokore_context *ctx;
    gokore_group *group;
    gokore_atomic_u32 *over, *failed; // of its group
    uint32_t id;
    unsigned depth;
    bool kept; // it is not on the heap, but its submitter's
    uint64_t random;
} node;

static bool again(node *n, place *p) { // submits it once more
    uint32_t id = 0;
    if (n->kept || n->group || !one_in(p, 16) || !claim(n->e, 1, &id)) return false;
    episode *e = n->e;
    n->id = id;
    n->random = test_random(&p->random);
    n->ctx = any_context(p);
    take(e, id, 1, true);
    gokore_status status = gokore_pool_submit(n->pool, &n->task, n->ctx);
    if (status == GOKORE_OK) {
        count(&e->submitted, 1);
        return true;
    }
    take(e, id, 1, false);
    return false;
}

static void node_run(gokore_worker *worker, gokore_task *task) {
    node *n = (node *)task, copy = *n;
    place here = place_in(copy.e, worker, copy.depth, copy.random);
    mark(&copy.e->ledger[copy.id].ran);
    count(&copy.e->executed, 1);
    bool early = !copy.kept && one_in(&here, 2), kept = copy.kept || (early && worker && again(n, &here));
    if (early && !kept) free(n);
    act_inside(&here);
    if (copy.group && one_in(&here, 8)) {
        (void)gokore_atomic_add(copy.failed, 1);
        gokore_group_fail(copy.group, GOKORE_DENIED);
    }
    if (copy.over) (void)gokore_atomic_add(copy.over, 1);
    if (!early && !kept && !(worker && again(n, &here))) free(n);
}

static void node_cancelled(gokore_task *task, gokore_status why) {
    node *n = (node *)task;
    episode *e = n->e;
    place here = { .e = e, .random = n->random };
    CHECK(why == GOKORE_CANCELED || why == GOKORE_TIMEOUT || why == GOKORE_SHUTDOWN);
    CHECK(why == GOKORE_SHUTDOWN ? e->ends : n->ctx || n->group);
    mark(&e->ledger[n->id].cancelled);
    count(why == GOKORE_SHUTDOWN ? &e->of_shutdown : &e->of_context, 1);
    if (n->failed) (void)gokore_atomic_add(n->failed, 1);
    if (n->over) (void)gokore_atomic_add(n->over, 1);
    if (!n->kept && !again(n, &here)) free(n);
}

static node node_of(place *p, uint32_t id) {
    node n = { .task = GOKORE_TASK_INIT(node_run), .e = p->e, .pool = p->pool, .id = id, .depth = p->depth + 1 };
    n.random = test_random(&p->random);
    n.task.on_cancel = node_cancelled;
    n.task.qos = (gokore_qos)below(p, 4);
    return n;
}

static node *node_new(place *p, uint32_t id, gokore_context *ctx) {
    node *n = (node *)malloc(sizeof *n);
    REQUIRE(n != NULL);
    *n = node_of(p, id);
    n->ctx = ctx;
    return n;
}

static bool settle(episode *e, uint32_t first, uint32_t n, gokore_status status) { // were they taken on?
    CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN || status == GOKORE_CANCELED || status == GOKORE_TIMEOUT);
    if (status == GOKORE_OK)
        count(&e->submitted, n);
    else
        take(e, first, n, false);
    return status == GOKORE_OK;
}

static void act_submit(place *p) {
    uint32_t id = 0;
    if (!claim(p->e, 1, &id)) return;
    gokore_context *ctx = any_context(p);
    node *n = node_new(p, id, ctx);
    take(p->e, id, 1, true);
    if (!settle(p->e, id, 1, gokore_pool_submit(p->pool, &n->task, ctx))) free(n);
}

static void act_submit_many(place *p) {
    uint32_t first = 0, n = 1 + below(p, BATCH_MOST);
    gokore_task *tasks[BATCH_MOST] = { NULL };
    if (!claim(p->e, n, &first)) return;
    gokore_context *ctx = any_context(p);
    for (uint32_t i = 0; i < n; i++) tasks[i] = &node_new(p, first + i, ctx)->task;
    take(p->e, first, n, true);
    if (settle(p->e, first, n, gokore_pool_submit_many(p->pool, tasks, n, ctx))) return;
    for (uint32_t i = 0; i < n; i++) free(tasks[i]);
}

typedef struct call {
    episode *e;
    entry *entry;
} call;

static void call_run(gokore_worker *worker, void *arg) {
    call *c = (call *)arg;
    (void)worker;
    mark(&c->entry->ran);
    gokore_atomic_store(&c->entry->taken, 1); // now: what is cancelled is not told
    count(&c->e->executed, 1);
    count(&c->e->calls_ran, 1);
}

static call calls[EPISODE_MOST]; // as the ledger

static void act_call(place *p) {
    uint32_t id = 0;
    if (!claim(p->e, 1, &id)) return;
    calls[id] = (call) { p->e, &p->e->ledger[id] };
    gokore_context *ctx = any_context(p);
    gokore_status status = gokore_pool_submit_fn(p->pool, call_run, &calls[id], ctx);
    if (status == GOKORE_NO_MEMORY) return;
    if (settle(p->e, id, 1, status)) count(&p->e->calls, 1);
}

static void act_run(place *p) { // on a worker, in place
    uint32_t id = 0;
    if (!claim(p->e, 1, &id)) return;
    node n = node_of(p, id);
    n.kept = true;
    n.ctx = any_context(p);
    take(p->e, id, 1, true);
    gokore_status status = gokore_pool_run(p->pool, &n.task, n.ctx);
    bool ran = gokore_atomic_load(&p->e->ledger[id].ran), cancelled = gokore_atomic_load(&p->e->ledger[id].cancelled);
    CHECK(ran == (status == GOKORE_OK) && !(ran && cancelled));
    if (ran || cancelled)
        count(p->worker ? &p->e->spawned : &p->e->submitted, 1);
    else
        take(p->e, id, 1, false);
}

// ---- groups, loops

static void act_group(place *p) {
    gokore_group group;
    gokore_atomic_u32 over = GOKORE_ATOMIC_INIT(0), failed = GOKORE_ATOMIC_INIT(0);
    uint32_t first = 0, n = 1 + below(p, MEMBERS_MOST), taken = 0;
    if (!claim(p->e, n, &first)) return;
    gokore_group_init(&group, &(gokore_group_desc) { .cancel_on_failure = one_in(p, 2) });
    for (uint32_t i = 0; i < n; i++) {
        gokore_context *ctx = any_context(p);
        node *member = node_new(p, first + i, ctx);
        member->group = &group;
        member->over = &over;
        member->failed = &failed;
        take(p->e, first + i, 1, true);
        bool ok = settle(p->e, first + i, 1, gokore_group_submit(&group, p->pool, &member->task, ctx));
        if (!ok) free(member);
        taken += ok;
    }
    gokore_status status = gokore_group_wait(&group, NULL);
    CHECK_UINT(taken, gokore_atomic_load(&over));
    CHECK((status == GOKORE_OK) == (gokore_atomic_load(&failed) == 0));
}

typedef struct loop {
    size_t longest;
    gokore_atomic_u32 pieces;
    gokore_atomic_u8 seen[LOOP_MOST];
} loop;

static void loop_piece(gokore_worker *worker, size_t begin, size_t end, void *user) {
    loop *l = (loop *)user;
    (void)worker;
    (void)gokore_atomic_add(&l->pieces, 1);
    CHECK(begin < end && end <= LOOP_MOST && end - begin <= l->longest);
    for (size_t i = begin; i < end; i++) mark(&l->seen[i]);
}

static void act_loop(place *p) {
    loop l;
    memset(&l, 0, sizeof l);
    size_t end = 1 + below(p, LOOP_MOST), grain = below(p, 20), seen = 0;
    l.longest = grain ? grain : LOOP_MOST;
    gokore_status status = gokore_parallel_for(p->pool, any_context(p), 0, end, grain, loop_piece, &l);
    for (size_t i = 0; i < LOOP_MOST; i++) seen += gokore_atomic_load(&l.seen[i]);
    CHECK(status == GOKORE_OK ? seen == end : seen <= end);
    bool ran = gokore_atomic_load(&l.pieces) != 0;
    if (p->worker) count(&p->e->spawned, 1);
    if (ran) count(&p->e->executed, 1);
    if (ran && !p->worker) count(&p->e->submitted, 1);
    if (!ran) count(&p->e->unsure, 1);
}

// ---- tasks that are spawned

typedef struct branch {
    gokore_task task;
    episode *e;
    uint32_t id;
    unsigned depth;
    uint64_t random;
} branch;

static void branch_run(gokore_worker *worker, gokore_task *task) {
    branch *b = (branch *)task;
    place here = place_in(b->e, worker, b->depth, b->random);
    mark(&b->e->ledger[b->id].ran);
    act_inside(&here);
}

static void branch_join(place *p, branch *b) {
    switch (below(p, 4)) {
    case 0: gokore_join_passive(p->worker, &b->task); break;
    case 1: GOKORE_JOIN(p->worker, branch_run, &b->task); break;
    default: gokore_join(p->worker, &b->task); break;
    }
    CHECK_UINT(1, gokore_atomic_load(&p->e->ledger[b->id].ran));
}

static void act_fork(place *p) {
    uint32_t first = 0, n = one_in(p, 64) ? MANY_BRANCHES : 1 + below(p, 4);
    if (!claim(p->e, n, &first)) return;
    branch *branches = (branch *)malloc(n * sizeof *branches);
    REQUIRE(branches != NULL);
    take(p->e, first, n, true);
    for (uint32_t i = 0; i < n; i++) {
        branches[i] = (branch) { .task = GOKORE_TASK_INIT(branch_run), .e = p->e, .id = first + i };
        branches[i].random = test_random(&p->random);
        branches[i].depth = n == MANY_BRANCHES ? DEPTH_MOST : p->depth + 1;
        gokore_spawn(p->worker, &branches[i].task);
    }
    if (p->worker) count(&p->e->spawned, n); // without a worker it has run at once, uncounted
    if (p->worker) count(&p->e->executed, n);
    if (p->depth < DEPTH_MOST) act_inside(p);
    while (n > 0) branch_join(p, &branches[--n]);
    free(branches);
}

typedef struct family { // a full binary tree of typed tasks; the children of i are 2i + 1 and 2i + 2
    episode *e;
    uint32_t first;
} family;

static void tree_count(gokore_worker *worker, family *f, uint64_t n) {
    if (worker) count(&f->e->spawned, n);
    if (worker) count(&f->e->executed, n);
}

static void tree_into_spawn(gokore_worker *worker, uint64_t *sum, family *f, uint32_t i, unsigned height);
static void tree_into_join(gokore_worker *worker);

GOKORE_TASK3(uint64_t, tree, family *, f, uint32_t, i, unsigned, height) {
    uint64_t sum = f->first + i, other = 0;
    mark(&f->e->ledger[f->first + i].ran);
    if (height == 0) return sum;
    tree_count(worker, f, 2);
    tree_spawn(worker, f, 2 * i + 1, height - 1);
    tree_into_spawn(worker, &other, f, 2 * i + 2, height - 1);
    tree_into_join(worker);
    return sum + tree_join(worker) + other;
}
GOKORE_VOID_TASK4(tree_into, uint64_t *, sum, family *, f, uint32_t, i, unsigned, height) {
    *sum = tree_call(worker, f, i, height);
}

static void act_tree(place *p) {
    unsigned height = below(p, 7);
    uint32_t n = (UINT32_C(2) << height) - 1;
    family f = { .e = p->e };
    uint64_t sum = 0;
    gokore_status status = GOKORE_OK;
    if (!claim(p->e, n, &f.first)) return;
    take(p->e, f.first, n, true);
    if (p->outside || (p->worker && one_in(p, 4))) {
        status = tree_run(p->pool, any_context(p), &sum, &f, 0, height);
        if (status == GOKORE_OK) count(&p->e->executed, 1);
        if (p->worker && status != GOKORE_OK) count(&p->e->of_context, 1);
        count(p->worker ? &p->e->spawned : status == GOKORE_OK ? &p->e->submitted : &p->e->unsure, 1);
    } else {
        sum = tree_call(p->worker, &f, 0, height);
    }
    if (status != GOKORE_OK) take(p->e, f.first, n, false);
    CHECK_UINT(status == GOKORE_OK ? (uint64_t)n * f.first + (uint64_t)n * (n - 1) / 2 : 0, sum);
}

// ---- what is done to pools

static gokore_status scaled(gokore_status status) { // refused for a good reason
    CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN || status == GOKORE_NO_MEMORY || status == GOKORE_SYSTEM);
    return status;
}

static void act_scale(place *p) { (void)scaled(gokore_pool_scale(p->pool, 1 + below(p, 5))); }

static void act_configure(place *p) {
    gokore_retry_policy retry = { .steal_attempts = below(p, 3), .backoff_base_ns = 1000 };
    gokore_concurrency_policy limits;
    memset(&limits, 0, sizeof limits);
    gokore_pool_desc desc = { .qos = (gokore_qos)below(p, 4), .workers = below(p, 5), .retry = &retry };
    if (one_in(p, 2)) desc.concurrency = &limits;
    (void)scaled(gokore_pool_set_config(p->pool, &desc));
}

static void act_steal(place *p) {
    gokore_task *task = NULL;
    gokore_status status = gokore_pool_try_steal(p->pool, any_context(p), &task);
    CHECK((status == GOKORE_OK) == (task != NULL));
    CHECK(status == GOKORE_OK || status == GOKORE_EMPTY || status == GOKORE_CANCELED || status == GOKORE_TIMEOUT);
    if (task) gokore_task_run(p->worker, task);
}

static void act_block(place *p) {
    gokore_worker_blocking_begin(p->worker);
    if (one_in(p, 8)) pause_ns(50 * US);
    gokore_worker_blocking_end(p->worker);
}

static void act_look(place *p) {
    gokore_pool_metrics m;
    gokore_pool_get_metrics(p->pool, &m);
    CHECK(m.worker_utilization >= 0 && m.worker_utilization <= 1);
}

static void act_wait_idle(place *p) { // a little
    gokore_context patience;
    gokore_context_init_timeout(&patience, NULL, (int64_t)below(p, 1000) * US);
    gokore_status status = gokore_pool_wait_idle(p->pool, &patience);
    CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
    gokore_context_deinit(&patience);
}

static void shut(episode *e, gokore_pool *pool, int64_t timeout_ns) {
    gokore_atomic_store(&e->ended, true);
    gokore_status status = gokore_pool_shutdown(pool, timeout_ns);
    CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    CHECK_UINT(0, m.queue_depth);
}

static void act_cluster(place *p) {
    gokore_cluster_coordinator *c = one_in(p, 4) ? NULL : gokore_cluster_coordinator_default();
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_coordinator(p->pool, c));
}

static void act_seldom(place *p) {
    switch (below(p, 16)) {
    case 0: case 1: act_scale(p); break;
    case 2: case 3: act_configure(p); break;
    case 4: case 5: gokore_context_cancel(&p->e->contexts[2 + below(p, CONTEXTS - 2)]); break;
    case 6: (void)gokore_pool_report_cross_node(p->pool, 1); break;
    case 7: (void)!gokore_pool_pin(p->pool, 0); break; // refused without NUMA
    case 8: case 9:
        if (p->outside) act_wait_idle(p);
        break;
    case 10: case 11:
        if (p->outside && p->e->pool_count > 1) act_cluster(p);
        break;
    case 12:
        if (p->outside && p->e->ends && one_in(p, 8)) shut(p->e, p->pool, (int64_t)below(p, 500) * US);
        break;
    default: act_look(p); break;
    }
}

static void act_on_worker(place *p) { // or outside
    switch (below(p, 8)) {
    case 0:
        if (p->outside || p->e->groups) act_group(p);
        break;
    case 1: case 2:
        if (p->e->loops) act_loop(p);
        break;
    case 3:
        if (p->worker) act_block(p);
        break;
    case 4: act_steal(p); break;
    case 5: act_submit_many(p); break;
    default: act_run(p); break;
    }
}

static void act(place *p) {
    bool free_to_wait = p->outside || p->worker;
    uint32_t what = below(p, 32);
    if (what == 0)
        act_seldom(p);
    else if (what < 8 && free_to_wait)
        act_on_worker(p);
    else if (what < 16 && !p->outside)
        act_fork(p);
    else if (what < 19)
        act_tree(p);
    else if (what < 22 && free_to_wait)
        act_call(p);
    else if (free_to_wait)
        act_submit(p);
}

// ---- an episode

typedef struct thrower {
    episode *e;
    uint64_t random;
    pthread_t thread;
} thrower;

static void *throw(void *arg) {
    thrower *t = (thrower *)arg;
    place p = { .e = t->e, .outside = true, .random = t->random };
    while (gokore_atomic_load(&t->e->most) - gokore_atomic_load(&t->e->next) > LEFT) {
        p.pool = t->e->pools[below(&p, t->e->pool_count)];
        act(&p);
        if (gokore_atomic_load(&t->e->ended) && one_in(&p, 32)) break; // it has been refused enough
    }
    return NULL;
}

typedef struct total {
    uint64_t episodes, tasks, ran, cancelled, refused, steals, memory_refused;
} total;

static gokore_pool *create(episode *e, unsigned i, uint64_t *random, bool failing) {
    gokore_retry_policy quick = { .steal_attempts = 1, .backoff_base_ns = 1000 };
    gokore_pool_desc desc = { .workers = 1 + (unsigned)(test_random(random) % 4), .retry = &quick };
    desc.qos = (gokore_qos)(test_random(random) % 4);
    if (e->pool_count == 1 && test_random(random) % 2) desc.queue_limit = 1 + test_random(random) % 64;
    e->heaps[i].one_in = failing ? 4 : 0;
    desc.allocator = (gokore_allocator) { heap_alloc, heap_free, &e->heaps[i] };
    for (;;) {
        gokore_pool *pool = NULL;
        gokore_status status = gokore_pool_create(&pool, &desc);
        if (status == GOKORE_OK) return pool;
        REQUIRE(failing && (status == GOKORE_NO_MEMORY || status == GOKORE_SYSTEM));
        CHECK_PTR(NULL, pool);
        CHECK_INT(0, gokore_atomic_load(&e->heaps[i].live_bytes));
    }
}

static void begin_episode(episode *e, uint64_t *random, unsigned pools, bool failing) {
    memset(e, 0, sizeof *e);
    e->pool_count = pools;
    e->groups = !failing; // who waits for one needs another worker to stand in
    e->loops = test_random(random) % 2;
    e->ends = test_random(random) % 2;
    gokore_atomic_store(&e->most, EPISODE_MOST / 4 + (uint32_t)(test_random(random) % (EPISODE_MOST * 3 / 4)));
    gokore_context_init(&e->contexts[0], NULL);
    gokore_context_cancel(&e->contexts[0]);
    gokore_context_init(&e->contexts[1], NULL);
    gokore_context_init_timeout(&e->contexts[2], NULL, (int64_t)(test_random(random) % 5000) * US);
    for (int i = 3; i < CONTEXTS; i++) gokore_context_init(&e->contexts[i], i % 2 ? &e->contexts[1] : NULL);
    gokore_atomic_store(&refuse_threads, failing ? 4 : 0);
    for (unsigned i = 0; i < pools; i++) e->pools[i] = create(e, i, random, failing);
}

static void check_pool(gokore_pool *pool, gokore_pool_metrics *sum) { // which is idle
    gokore_pool_metrics m;
    gokore_worker_metrics w;
    uint64_t executed = 0, attempts = 0, successes = 0;
    gokore_pool_get_metrics(pool, &m);
    CHECK_UINT(m.submitted + m.spawned, m.executed + m.context_cancels + m.shutdown_cancels);
    CHECK_UINT(0, m.queue_depth);
    for (unsigned i = 0; gokore_pool_worker_metrics(pool, i, &w) == GOKORE_OK; i++) {
        executed += w.executed;
        attempts += w.steal_attempts;
        successes += w.steal_successes;
    }
    CHECK(executed <= m.executed && successes <= m.steal_successes);
    CHECK(m.steal_successes <= m.steal_attempts && successes <= attempts);
    sum->submitted += m.submitted;
    sum->spawned += m.spawned;
    sum->executed += m.executed;
    sum->context_cancels += m.context_cancels;
    sum->shutdown_cancels += m.shutdown_cancels;
    sum->steal_successes += m.steal_successes;
}

static void check_metrics(episode *e, const gokore_pool_metrics *m) {
    uint64_t unsure = gokore_atomic_load(&e->unsure), pieces = m->spawned - gokore_atomic_load(&e->spawned);
    uint64_t of_context = gokore_atomic_load(&e->of_context), of_shutdown = gokore_atomic_load(&e->of_shutdown);
    uint64_t cancelled = of_context + of_shutdown + gokore_atomic_load(&e->calls) - gokore_atomic_load(&e->calls_ran);
    CHECK(m->context_cancels >= of_context && m->shutdown_cancels >= of_shutdown);
    CHECK(m->submitted - gokore_atomic_load(&e->submitted) <= unsure);
    CHECK(m->context_cancels + m->shutdown_cancels - cancelled <= unsure);
    CHECK(m->executed - gokore_atomic_load(&e->executed) - pieces <= (e->loops ? unsure : 0));
    if (!e->loops) CHECK_UINT(0, pieces);
    if (!e->ends) CHECK_UINT(0, m->shutdown_cancels);
}

static void check_ledger(episode *e, total *t) {
    for (uint32_t i = 0, n = gokore_atomic_load(&e->next); i < n; i++) {
        entry *x = &e->ledger[i];
        unsigned taken = gokore_atomic_load(&x->taken);
        unsigned ran = gokore_atomic_load(&x->ran), cancelled = gokore_atomic_load(&x->cancelled);
        CHECK(taken ? ran + cancelled == 1 : ran + cancelled == 0);
        t->tasks += taken;
        t->ran += ran;
        t->cancelled += cancelled;
        t->refused += !taken;
    }
}

// Shuts some down while threads throw tasks; others are destroyed in the middle of their work, or after it.
static void end_episode(episode *e, thrower *throwers, uint64_t *random, total *t) {
    gokore_pool_metrics sum;
    bool at_once = e->ends && test_random(random) % 4 == 0;
    memset(&sum, 0, sizeof sum);
    if (e->ends && !at_once) {
        uint32_t from = (uint32_t)(test_random(random) % (gokore_atomic_load(&e->most) - LEFT));
        while (gokore_atomic_load(&e->next) < from && !gokore_atomic_load(&e->ended)) pause_ns(50 * US);
        shut(e, e->pools[0], (int64_t)(test_random(random) % 2000) * US);
    }
    for (int i = 0; i < THREADS; i++) end(throwers[i].thread);
    for (unsigned i = 0; i < e->pool_count && !at_once; i++) REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(e->pools[i], NULL));
    for (unsigned i = 0; i < e->pool_count && !at_once; i++) shut(e, e->pools[i], INT64_MAX);
    for (unsigned i = 0; i < e->pool_count && !at_once; i++) check_pool(e->pools[i], &sum);
    if (!at_once) check_metrics(e, &sum);
    for (unsigned i = 0; i < e->pool_count; i++) gokore_pool_destroy(e->pools[i]);
    for (unsigned i = 0; i < e->pool_count; i++) CHECK_INT(0, gokore_atomic_load(&e->heaps[i].live_bytes));
    for (unsigned i = 0; i < e->pool_count; i++) t->memory_refused += gokore_atomic_load(&e->heaps[i].refused);
    for (int i = CONTEXTS - 1; i >= 0; i--) gokore_context_deinit(&e->contexts[i]);
    t->steals += sum.steal_successes;
    check_ledger(e, t);
}

static void torture(unsigned pools, bool failing) {
    static episode e;
    const char *asked = getenv("TORTURE_TASKS");
    uint64_t random = test_seed(), tasks = asked ? strtoull(asked, NULL, 10) : DEFAULT_TASKS;
    total t = { 0 };
    gokore_atomic_store(&dice, random);
    for (; t.tasks < tasks; t.episodes++) {
        thrower throwers[THREADS];
        begin_episode(&e, &random, pools, failing);
        for (int i = 0; i < THREADS; i++) throwers[i] = (thrower) { .e = &e, .random = test_random(&random) };
        for (int i = 0; i < THREADS; i++) throwers[i].thread = begin(throw, &throwers[i]);
        end_episode(&e, throwers, &random, &t);
    }
    CHECK_UINT(t.tasks, t.ran + t.cancelled);
    test_note("%llu tasks in %llu episodes: %llu ran, %llu were cancelled, %llu refused; %llu steals, %llu allocations refused",
              (unsigned long long)t.tasks, (unsigned long long)t.episodes, (unsigned long long)t.ran,
              (unsigned long long)t.cancelled, (unsigned long long)t.refused, (unsigned long long)t.steals, (unsigned long long)t.memory_refused);
}

TEST(torture, every_task_of_a_pool_runs_or_is_cancelled_once) { torture(1, false); }
TEST(torture, so_it_is_where_pools_take_tasks_from_each_other) { torture(2, false); }
TEST(torture, so_it_is_where_memory_and_threads_are_refused) { torture(1, true); }

// ---- what the above has found

typedef struct ending { // a task that blocks only when its pool is being destroyed
    gokore_task task, queued;
    gokore_atomic_bool begun, destroyed;
} ending;

static void ending_run(gokore_worker *worker, gokore_task *task) {
    ending *x = (ending *)task;
    gokore_atomic_store(&x->begun, true);
    while (!gokore_atomic_load(&x->destroyed)) pause_ns(20 * US);
    pause_ns(2 * MS); // destroy waits for this task by now
    gokore_worker_blocking_begin(worker);
    gokore_worker_blocking_end(worker);
}

static void ending_cancelled(gokore_task *task, gokore_status why) {
    CHECK_STATUS(GOKORE_SHUTDOWN, why);
    gokore_atomic_store(&((ending *)((char *)task - offsetof(ending, queued)))->destroyed, true);
}

TEST(ending, a_task_that_blocks_while_its_pool_is_destroyed_leaves_nothing_behind) {
    for (int i = 0; i < 10; i++) {
        heap h = { .one_in = 0 };
        ending x = { .task = GOKORE_TASK_INIT(ending_run), .queued = GOKORE_TASK_INIT(ending_run) };
        gokore_pool *pool = NULL;
        x.queued.on_cancel = ending_cancelled;
        gokore_pool_desc desc = { .workers = 1, .allocator = { heap_alloc, heap_free, &h } };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &x.task, NULL));
        while (!gokore_atomic_load(&x.begun)) pause_ns(20 * US);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &x.queued, NULL));
        gokore_pool_destroy(pool);
        CHECK_INT(0, gokore_atomic_load(&h.live_bytes));
    }
}
