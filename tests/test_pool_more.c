// test_pool_more.c - gokore_pool.h: typed tasks, parallel for, groups, width, stealers, observers, clusters, odd endings
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"
#include "../gokore_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STORM_ROUNDS 3
#endif
#elif defined(__SANITIZE_THREAD__)
#define STORM_ROUNDS 3
#endif
#ifndef STORM_ROUNDS
#define STORM_ROUNDS 20
#endif
#define MS 1000000 // nanoseconds

static gokore_pool *pool_of(unsigned workers) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = workers }));
    return pool;
}

static void nap(void) { (void)nanosleep(&(struct timespec) { 0, MS / 2 }, NULL); }

static void await(gokore_atomic_u32 *count, uint32_t least) { // the test's time limit is the bound
    while (gokore_atomic_load(count) < least) nap();
}

static gokore_pool_metrics metrics_of(gokore_pool *pool) {
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    return m;
}

static void check_sums(gokore_pool *pool) { // of an idle pool
    gokore_pool_metrics m = metrics_of(pool);
    CHECK_UINT(m.submitted + m.spawned, m.executed + m.context_cancels + m.shutdown_cancels);
    CHECK_UINT(0, m.queue_depth);
    CHECK(m.steal_successes <= m.steal_attempts);
    CHECK(m.worker_utilization >= 0 && m.worker_utilization <= 1);
}

typedef struct job { // counts, and stays while it is held
    gokore_task task;
    gokore_atomic_u32 *begun, *ran, *cancelled;
    gokore_atomic_bool *held;
} job;

static void job_run(gokore_worker *worker, gokore_task *task) {
    job *j = (job *)task;
    (void)worker;
    if (j->begun) (void)gokore_atomic_add(j->begun, 1);
    while (j->held && gokore_atomic_load(j->held)) nap();
    (void)gokore_atomic_add(j->ran, 1);
}

static void job_cancelled(gokore_task *task, gokore_status why) {
    CHECK(why != GOKORE_OK);
    (void)gokore_atomic_add(((job *)task)->cancelled, 1);
}

static job job_of(gokore_atomic_u32 *ran, gokore_atomic_u32 *cancelled) {
    job j = { .task = GOKORE_TASK_INIT(job_run), .ran = ran, .cancelled = cancelled };
    j.task.on_cancel = job_cancelled;
    return j;
}

// ---- typed tasks

GOKORE_TASK0(int, seven) { return 7; }
GOKORE_TASK1(long, fib, int, n) {
    if (n < 2) return n;
    fib_spawn(worker, n - 1);
    long b = fib_call(worker, n - 2);
    return b + fib_join(worker);
}
GOKORE_TASK2(const char *, second, int, skipped, const char *, text) { return skipped ? text : ""; }
GOKORE_TASK6(double, sum6, int, f, long, task, double, result, char, w, short, t, float, i) {
    return (double)f + (double)task + result + (double)w + (double)t + (double)i;
}
GOKORE_VOID_TASK0(nothing) {}
GOKORE_VOID_TASK2(store, int *, p, int, value) { *p = value; }
GOKORE_TASK2(uint64_t, chain, unsigned, depth, uint64_t, x) { // each holds many spawns open: more than one chunk of frames
    uint64_t sum = x;
    if (depth == 0) return sum;
    for (unsigned i = 0; i < 300; i++) chain_spawn(worker, 0, i);
    sum += chain_call(worker, depth - 1, x);
    for (unsigned i = 0; i < 300; i++) sum += chain_join(worker);
    return sum;
}
GOKORE_VOID_TASK1(store_many, int *, cells) {
    for (int i = 0; i < 1000; i++) store_spawn(worker, &cells[i], i + 1);
    nothing_spawn(worker);
    nothing_join(worker);
    for (int i = 0; i < 1000; i++) store_join(worker);
}

TEST(typed, arguments_and_results_pass_through_calls_spawns_and_runs) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        long f = 0;
        int n = 0;
        const char *text = NULL;
        double d = 0;
        uint64_t sum = 0;
        REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 20));
        CHECK_INT(6765, f);
        REQUIRE_STATUS(GOKORE_OK, seven_run(pool, NULL, &n));
        CHECK_INT(7, n);
        REQUIRE_STATUS(GOKORE_OK, second_run(pool, NULL, &text, 1, "b"));
        CHECK_STR("b", text);
        REQUIRE_STATUS(GOKORE_OK, sum6_run(pool, NULL, &d, 1, 2, 3.5, 4, 5, 6.25f));
        CHECK(d > 21.74 && d < 21.76);
        REQUIRE_STATUS(GOKORE_OK, chain_run(pool, NULL, &sum, 12, 5));
        CHECK_UINT(12 * (299 * 300 / 2) + 5 * 13, sum);
        int cells[1000] = { 0 }, right = 0;
        REQUIRE_STATUS(GOKORE_OK, store_many_run(pool, NULL, cells));
        for (int i = 0; i < 1000; i++) right += cells[i] == i + 1;
        CHECK_INT(1000, right);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

typedef struct wide {
    uint64_t cells[20];
} wide;
GOKORE_TASK2(wide, widen, wide, w, uint64_t, add) { // neither arguments nor result fit into a slot
    if (add == 0) return w;
    widen_spawn(worker, w, add - 1);
    wide other = widen_call(worker, w, 0), mine = widen_join(worker);
    for (int i = 0; i < 20; i++) mine.cells[i] += other.cells[i];
    return mine;
}

TEST(typed, arguments_and_results_larger_than_a_slot_lie_beside_it) {
    gokore_pool *pool = pool_of(2);
    wide w, sum;
    for (int i = 0; i < 20; i++) w.cells[i] = (uint64_t)i;
    REQUIRE_STATUS(GOKORE_OK, widen_run(pool, NULL, &sum, w, 1000));
    for (int i = 0; i < 20; i++) CHECK_UINT(1001 * (uint64_t)i, sum.cells[i]);
    check_sums(pool);
    gokore_pool_destroy(pool);
}

GOKORE_TASK1(unsigned, deep, unsigned, depth) {
    if (depth == 0) return 0;
    deep_spawn(worker, depth - 1);
    nothing_spawn(worker);
    nothing_join(worker);
    return 1 + deep_join(worker);
}

TEST(typed, a_recursion_of_ten_thousand_spawns_fits_and_gives_its_memory_back) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 3, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    unsigned depth = 0;
    REQUIRE_STATUS(GOKORE_OK, deep_run(pool, NULL, &depth, 10000));
    CHECK_UINT(10000, depth);
    CHECK_UINT(20000, metrics_of(pool).spawned);
    check_sums(pool);
    gokore_pool_destroy(pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(typed, a_run_whose_context_is_over_leaves_the_result_alone) {
    gokore_pool *pool = pool_of(1);
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    long result = -5;
    CHECK_STATUS(GOKORE_CANCELED, fib_run(pool, &over, &result, 10));
    CHECK_INT(-5, result);
    gokore_context_deinit(&over);
    gokore_pool_destroy(pool);
}

TEST(typed, frames_come_from_the_c_heap_where_the_pools_allocator_has_no_more) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 2, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    a.fail_from = 1;
    uint64_t sum = 0;
    REQUIRE_STATUS(GOKORE_OK, chain_run(pool, NULL, &sum, 12, 5));
    CHECK_UINT(12 * (299 * 300 / 2) + 5 * 13, sum);
    wide w = { { 1, 2 } }, wider = { { 0 } };
    REQUIRE_STATUS(GOKORE_OK, widen_run(pool, NULL, &wider, w, 500)); // does not fit into slots
    CHECK_UINT(2 * 501, wider.cells[1]);
    gokore_pool_destroy(pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

GOKORE_TASK2(uint64_t, pile, wide, w, uint64_t, height) { // each leaves one below the next
    if (height == 0) return w.cells[1];
    widen_spawn(worker, w, 0);
    pile_spawn(worker, w, height - 1);
    uint64_t above = pile_join(worker);
    return above + widen_join(worker).cells[1];
}

TEST(typed, spawns_that_find_no_room_run_at_once_and_so_do_theirs) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 1, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    a.fail_from = 1; // no second chunk of slots
    uint64_t sum = 0;
    REQUIRE_STATUS(GOKORE_OK, pile_run(pool, NULL, &sum, (wide) { { 1, 2 } }, 300));
    CHECK_UINT(2 * 301, sum);
    CHECK_UINT(600, metrics_of(pool).spawned);
    check_sums(pool);
    gokore_pool_destroy(pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

typedef struct vast { // more than a chunk of frames
    unsigned char bytes[40000];
} vast;
GOKORE_TASK1(unsigned, ends_of, vast, v) { return v.bytes[0] + 1000u * v.bytes[sizeof v.bytes - 1]; }
static uint64_t spawn_wide(gokore_worker *worker, unsigned n) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) widen_spawn(worker, (wide) { { i } }, 0);
    for (unsigned i = 0; i < n; i++) sum += widen_join(worker).cells[0];
    return sum;
}
GOKORE_TASK1(bool, frames_are_kept, gokore_atomic_u64 *, calls) { // the allocator's
    enum { N = 150 };                                             // frames of more than one chunk and of less than two
    static const vast v = { { 7, [sizeof v.bytes - 1] = 9 } };
    bool right = spawn_wide(worker, N) == N * (N - 1) / 2;
    uint64_t before = gokore_atomic_load(calls);
    right = spawn_wide(worker, N) == N * (N - 1) / 2 && right;
    CHECK_UINT(before, gokore_atomic_load(calls)); // the second chunk was there
    for (int i = 0; i < 2; i++) {                  // it is too small for this one
        ends_of_spawn(worker, v);
        right = ends_of_join(worker) == 9007 && right;
    }
    CHECK(gokore_atomic_load(calls) > before);
    return spawn_wide(worker, N) == N * (N - 1) / 2 && right;
}
TEST(typed, frames_are_kept_for_the_next_spawns_and_replaced_by_larger_ones) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 1, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    bool right = false;
    REQUIRE_STATUS(GOKORE_OK, frames_are_kept_run(pool, NULL, &right, &a.calls));
    CHECK(right);
    check_sums(pool);
    gokore_pool_destroy(pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

// ---- joins

typedef struct tree {
    gokore_task task;
    int n;
    long result;
    bool passive;
} tree;

static void tree_run(gokore_worker *worker, gokore_task *task) {
    tree *t = (tree *)task;
    if (t->n < 2) {
        t->result = t->n;
        return;
    }
    tree a = { .task = GOKORE_TASK_INIT(tree_run), .n = t->n - 1, .passive = t->passive };
    tree b = { .task = GOKORE_TASK_INIT(tree_run), .n = t->n - 2, .passive = t->passive };
    gokore_spawn(worker, &a.task);
    tree_run(worker, &b.task);
    if (t->passive)
        gokore_join_passive(worker, &a.task);
    else
        GOKORE_JOIN(worker, tree_run, &a.task);
    t->result = a.result + b.result;
}

TEST(join, named_and_passive_joins_give_the_same_result) {
    for (unsigned workers = 1; workers <= 4; workers++) {
        gokore_pool *pool = pool_of(workers);
        for (int passive = 0; passive < 2; passive++) {
            tree t = { .task = GOKORE_TASK_INIT(tree_run), .n = 18, .passive = passive != 0 };
            REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &t.task, NULL));
            CHECK_INT(2584, t.result);
        }
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

typedef struct careless {
    gokore_task task;
    job *children;
    int n;
} careless;

static void careless_run(gokore_worker *worker, gokore_task *task) { // joins nothing
    careless *c = (careless *)task;
    for (int i = 0; i < c->n; i++) {
        gokore_spawn(worker, &c->children[i].task);
        nothing_spawn(worker);
    }
}

TEST(join, what_was_spawned_and_not_joined_has_run_when_its_spawner_has) {
    enum { N = 200 };
    static job children[N];
    gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        for (int i = 0; i < N; i++) children[i] = job_of(&ran, &none);
        careless c = { .task = GOKORE_TASK_INIT(careless_run), .children = children, .n = N };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &c.task, NULL));
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        CHECK_UINT(N * workers, gokore_atomic_load(&ran));
        CHECK_UINT(2 * N + 1, metrics_of(pool).executed);
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

typedef struct mixed {
    gokore_task task;
    job first, second;
    long result;
} mixed;

static void mixed_run(gokore_worker *worker, gokore_task *task) { // intrusive and typed ones, joined out of order
    mixed *m = (mixed *)task;
    gokore_spawn(worker, &m->first.task);
    fib_spawn(worker, 10);
    gokore_spawn(worker, &m->second.task);
    gokore_join(worker, &m->first.task);
    gokore_join(worker, &m->second.task);
    m->result = fib_join(worker);
}

TEST(join, out_of_order_joins_leave_typed_tasks_where_they_are) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
        test_reports_capture();
        mixed m = { .task = GOKORE_TASK_INIT(mixed_run), .first = job_of(&ran, &none), .second = job_of(&ran, &none) };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &m.task, NULL));
        CHECK_UINT(2, gokore_atomic_load(&ran));
        CHECK_INT(55, m.result);
        CHECK(test_reports_count(GOKORE_REPORT_TASK_BUSY) <= 1); // none, if a thief was faster
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

typedef struct passive_root {
    gokore_task task;
    job stolen, other;
    gokore_atomic_u32 *begun, *ran;
    gokore_atomic_bool *held;
    uint32_t other_ran_before;
} passive_root;

static void passive_root_run(gokore_worker *worker, gokore_task *task) {
    passive_root *r = (passive_root *)task;
    gokore_spawn(worker, &r->stolen.task);
    await(r->begun, 1); // the other worker has it
    gokore_atomic_store(r->held, false);
    gokore_join_passive(worker, &r->stolen.task);
    r->other_ran_before = gokore_atomic_load(r->other.ran);
}

TEST(join, a_passive_join_waits_for_a_thief) {
    gokore_pool *pool = pool_of(2);
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    for (int i = 0; i < 50; i++) {
        gokore_atomic_store(&begun, 0);
        gokore_atomic_store(&held, true);
        passive_root r = { .task = GOKORE_TASK_INIT(passive_root_run), .stolen = job_of(&ran, &none),
                          .other = job_of(&none, &none),
                           .begun = &begun, .ran = &ran, .held = &held };
        r.stolen.begun = &begun;
        r.stolen.held = &held;
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &r.task, NULL));
        CHECK_UINT((unsigned)i + 1, gokore_atomic_load(&ran));
    }
    gokore_pool_destroy(pool);
}

// ---- parallel for

typedef struct cover {
    gokore_atomic_u8 *seen;
    size_t begin, grain;
    gokore_context *cancels; // after a few calls
    gokore_atomic_u32 calls;
    gokore_pool *pool;       // for a loop inside
} cover;

static void cover_piece(gokore_worker *worker, size_t begin, size_t end, void *user) {
    cover *c = (cover *)user;
    CHECK(worker != NULL && begin < end);
    if (c->grain) CHECK(end - begin <= c->grain);
    for (size_t i = begin; i < end; i++) (void)gokore_atomic_fetch_add(&c->seen[i - c->begin], 1);
    if (gokore_atomic_add(&c->calls, 1) == 3 && c->cancels) gokore_context_cancel(c->cancels);
}

static void cover_inside(gokore_worker *worker, size_t begin, size_t end, void *user) {
    cover *c = (cover *)user;
    (void)worker;
    CHECK_STATUS(GOKORE_OK, gokore_parallel_for(c->pool, NULL, begin * 100, end * 100, 7, cover_piece, c));
}

static size_t cover_count(const cover *c, size_t n, uint8_t times) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += gokore_atomic_load(&c->seen[i]) == times;
    return count;
}

TEST(parallel_for, each_index_is_in_one_piece_whatever_the_grain) {
    enum { N = 20011 };
    static gokore_atomic_u8 seen[N];
    static const size_t grains[] = { 0, 1, 7, 1000, N, SIZE_MAX };
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        for (size_t i = 0; i < sizeof grains / sizeof grains[0]; i++) {
            memset(seen, 0, sizeof seen);
            cover c = { .seen = seen, .begin = 5, .grain = grains[i] };
            REQUIRE_STATUS(GOKORE_OK, gokore_parallel_for(pool, NULL, 5, 5 + N, grains[i], cover_piece, &c));
            CHECK_UINT(N, cover_count(&c, N, 1));
        }
        cover none = { .seen = seen };
        CHECK_STATUS(GOKORE_OK, gokore_parallel_for(pool, NULL, 9, 9, 0, cover_piece, &none));
        CHECK_STATUS(GOKORE_OK, gokore_parallel_for(pool, NULL, 9, 3, 0, cover_piece, &none));
        CHECK_UINT(0, gokore_atomic_load(&none.calls));
        CHECK_STATUS(GOKORE_INVALID, gokore_parallel_for(pool, NULL, 0, 3, 0, NULL, NULL));
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

TEST(parallel_for, loops_nest) {
    enum { N = 20000 };
    static gokore_atomic_u8 seen[N];
    for (unsigned workers = 1; workers <= 3; workers++) {
        memset(seen, 0, sizeof seen);
        gokore_pool *pool = pool_of(workers);
        cover c = { .seen = seen, .grain = 7, .pool = pool };
        REQUIRE_STATUS(GOKORE_OK, gokore_parallel_for(pool, NULL, 0, N / 100, 3, cover_inside, &c));
        CHECK_UINT(N, cover_count(&c, N, 1));
        gokore_pool_destroy(pool);
    }
}

TEST(parallel_for, a_cancelled_loop_begins_no_more_pieces_and_says_so) {
    enum { N = 100000 };
    static gokore_atomic_u8 seen[N];
    gokore_pool *pool = pool_of(2);
    gokore_context ctx;
    gokore_context_init(&ctx, NULL);
    cover c = { .seen = seen, .grain = 1, .cancels = &ctx };
    CHECK_STATUS(GOKORE_CANCELED, gokore_parallel_for(pool, &ctx, 0, N, 1, cover_piece, &c));
    CHECK(gokore_atomic_load(&c.calls) >= 3);
    CHECK_UINT(gokore_atomic_load(&c.calls), cover_count(&c, N, 1));
    CHECK_UINT(N - gokore_atomic_load(&c.calls), cover_count(&c, N, 0));
    gokore_atomic_store(&c.calls, 10);
    CHECK_STATUS(GOKORE_CANCELED, gokore_parallel_for(pool, &ctx, 0, N, 0, cover_piece, &c));
    CHECK_UINT(10, gokore_atomic_load(&c.calls));
    gokore_context_deinit(&ctx);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_parallel_for(pool, NULL, 0, N, 0, cover_piece, &c));
    gokore_pool_destroy(pool);
}

// ---- groups

typedef struct member {
    gokore_task task;
    gokore_group *group;
    gokore_pool *pool;
    gokore_atomic_u32 *ran, *cancelled;
    gokore_status fails;
    int children;
    gokore_context *seen;
} member;

static void member_cancelled(gokore_task *task, gokore_status why) {
    CHECK_STATUS(GOKORE_CANCELED, why);
    (void)gokore_atomic_add(((member *)task)->cancelled, 1);
}

static void member_run(gokore_worker *worker, gokore_task *task) {
    member *m = (member *)task;
    m->seen = gokore_worker_context(worker);
    if (m->fails) gokore_group_fail(m->group, m->fails);
    if (m->children) {
        gokore_group inner;
        gokore_group_init(&inner, NULL);
        member below[8];
        for (int i = 0; i < m->children; i++) {
            below[i] = (member) { .task = GOKORE_TASK_INIT(member_run), .group = &inner, .pool = m->pool, .ran = m->ran,
                                 .cancelled = m->cancelled };
            REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&inner, m->pool, &below[i].task, NULL));
        }
        CHECK_STATUS(GOKORE_OK, gokore_group_wait(&inner, NULL));
    }
    (void)gokore_atomic_add(m->ran, 1);
}

static member member_of(gokore_group *g, gokore_pool *pool, gokore_atomic_u32 *ran, gokore_atomic_u32 *cancelled) {
    member m = { .task = GOKORE_TASK_INIT(member_run), .group = g, .pool = pool, .ran = ran, .cancelled = cancelled };
    m.task.on_cancel = member_cancelled;
    return m;
}

TEST(group, a_wait_returns_when_all_members_have_run_also_on_a_worker) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0);
        gokore_group g;
        gokore_group_init(&g, NULL);
        CHECK_STATUS(GOKORE_OK, gokore_group_wait(&g, NULL));
        enum { N = 100 };
        member m[N];
        for (int i = 0; i < N; i++) {
            m[i] = member_of(&g, pool, &ran, &cancelled);
            m[i].children = 8;
            REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&g, pool, &m[i].task, NULL));
        }
        CHECK_STATUS(GOKORE_OK, gokore_group_wait(&g, NULL));
        CHECK_UINT(N * 9, gokore_atomic_load(&ran));
        CHECK_UINT(0, gokore_atomic_load(&cancelled));
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

TEST(group, the_first_failure_is_returned_and_cancels_what_has_not_started_if_asked) {
    for (int cancels = 0; cancels < 2; cancels++) {
        gokore_pool *pool = pool_of(1);
        gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0);
        gokore_group g;
        gokore_group_init(&g, &(gokore_group_desc) { .cancel_on_failure = cancels != 0 });
        member m[4];
        for (int round = 0; round < 2; round++) { // the group may be used again
            gokore_atomic_store(&ran, 0);
            gokore_atomic_store(&cancelled, 0);
            gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), first = GOKORE_ATOMIC_INIT(0);
            gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
            job holder = job_of(&first, &cancelled);
            holder.begun = &begun;
            holder.held = &held;
            REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &holder.task, NULL));
            await(&begun, 1);
            for (int i = 0; i < 4; i++) {
                m[i] = member_of(&g, pool, &ran, &cancelled);
                m[i].fails = i == 1 ? GOKORE_LIMIT : i == 2 ? GOKORE_PARSE : GOKORE_OK;
                REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&g, pool, &m[i].task, NULL));
            }
            gokore_context patience;
            gokore_context_init_timeout(&patience, NULL, MS);
            CHECK_STATUS(GOKORE_TIMEOUT, gokore_group_wait(&g, &patience));
            gokore_context_deinit(&patience);
            gokore_atomic_store(&held, false);
            CHECK_STATUS(GOKORE_LIMIT, gokore_group_wait(&g, NULL));
            CHECK_UINT(cancels ? 2 : 4, gokore_atomic_load(&ran));
            CHECK_UINT(cancels ? 2 : 0, gokore_atomic_load(&cancelled));
            CHECK_PTR(&g.context_, m[0].seen);
        }
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        check_sums(pool);
        gokore_pool_destroy(pool);
    }
}

TEST(group, a_member_that_is_refused_or_cancelled_does_not_keep_the_wait) {
    gokore_pool *pool = pool_of(1);
    gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0);
    gokore_group g;
    gokore_group_init(&g, NULL);
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    member m = member_of(&g, pool, &ran, &cancelled);
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&g, pool, &m.task, &over));
    CHECK_STATUS(GOKORE_CANCELED, gokore_group_wait(&g, NULL));
    CHECK_UINT(1, gokore_atomic_load(&cancelled));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_group_submit(&g, pool, &m.task, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_group_wait(&g, NULL));
    CHECK_UINT(0, gokore_atomic_load(&ran));
    gokore_context_deinit(&over);
    gokore_pool_destroy(pool);
}

// ---- width

static void occupy(gokore_pool *pool, job *jobs, unsigned n) {
    for (unsigned i = 0; i < n; i++) REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &jobs[i].task, NULL));
}

TEST(width, as_many_tasks_run_at_once_as_were_asked_for) {
    static const unsigned widths[] = { 1, 4, 2, 6, 1, 3 };
    gokore_pool *pool = pool_of(2);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        unsigned n = widths[i];
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, n));
        CHECK_UINT(n, gokore_pool_worker_count(pool));
        gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
        gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
        job jobs[8];
        for (unsigned k = 0; k < n + 2; k++) {
            jobs[k] = job_of(&ran, &none);
            jobs[k].begun = &begun;
            jobs[k].held = &held;
        }
        occupy(pool, jobs, n + 2);
        await(&begun, n);
        for (int k = 0; k < 10; k++) nap();
        CHECK_UINT(n, gokore_atomic_load(&begun));
        gokore_atomic_store(&held, false);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
        CHECK_UINT(n + 2, gokore_atomic_load(&ran));
        check_sums(pool);
    }
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_scale(pool, 1025));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 0));
    gokore_container c;
    REQUIRE_STATUS(GOKORE_OK, gokore_container_read(&c, NULL));
    CHECK_UINT(gokore_container_worker_count(&c, 0), gokore_pool_worker_count(pool));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_scale(pool, 2));
    gokore_pool_destroy(pool);
}

TEST(scale, follows_the_operator_as_long_as_the_pool_lives) {
    gokore_pool *a = pool_of(1), *b = pool_of(2), *over = pool_of(1);
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_WORKERS, .workers = 3 };
    uint32_t applied;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_shutdown(over, 0));
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, &applied));
    CHECK_UINT(GOKORE_ADJUST_WORKERS, applied);
    CHECK_UINT(3, gokore_pool_worker_count(a));
    CHECK_UINT(3, gokore_pool_worker_count(b));
    CHECK_UINT(1, gokore_pool_worker_count(over));
    gokore_pool_destroy(b);
    gokore_pool_destroy(over);
    to.workers = 2;
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    CHECK_STATUS(GOKORE_OK, o->adjust_resources(o->user, &to));
    CHECK_UINT(2, gokore_pool_worker_count(a));
    gokore_pool_destroy(a);
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_resources_adjust(&to, NULL));
}

TEST(scale, is_left_alone_where_the_operator_only_says_where_to_run) {
    test_only_with("NUMA=1");
    gokore_pool *pool = pool_of(2);
    int node = -1;
    uint32_t applied;
    REQUIRE(gokore_topology_node_ids(gokore_topology_default(), &node, 1) >= 1);
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_NUMA, .workers = 7,
                                      .numa = { .preferred_nodes = &node, .preferred_node_count = 1 } };
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, &applied));
    CHECK_UINT(GOKORE_ADJUST_NUMA, applied);
    CHECK_UINT(2, gokore_pool_worker_count(pool));
    gokore_worker *w[2] = { NULL, NULL };
    CHECK_UINT(2, gokore_pool_stealers(pool, w, 2));
    CHECK_INT(node, gokore_worker_node(w[0]));
    to.fields |= GOKORE_ADJUST_WORKERS; // both: what can't be started is not moved
    to.workers = 4096;
    CHECK_STATUS(GOKORE_INVALID, gokore_resources_adjust(&to, &applied));
    CHECK_UINT(2, gokore_pool_worker_count(pool));
    gokore_pool_destroy(pool);
}

TEST(width, a_worker_that_has_no_memory_leaves_the_width_as_it_was) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 1, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    for (uint64_t nth = 1; nth <= 6; nth++) {
        a.fail_from = gokore_atomic_load(&a.calls) + nth;
        CHECK_STATUS(GOKORE_NO_MEMORY, gokore_pool_scale(pool, 4 + (unsigned)nth));
        CHECK_UINT(1, gokore_pool_worker_count(pool));
        a.fail_from = 0;
        long f = 0;
        REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
        CHECK_INT(144, f);
    }
    gokore_pool_destroy(pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(width, a_thread_that_cannot_be_started_leaves_the_width_as_it_was) {
    gokore_pool *pool = pool_of(1);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &(gokore_pool_desc) { .stack_size = (size_t)1 << 60 }));
    CHECK(gokore_pool_scale(pool, 3) != GOKORE_OK);
    CHECK_UINT(1, gokore_pool_worker_count(pool));
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
    CHECK_INT(144, f);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &(gokore_pool_desc) { .stack_size = (size_t)1 << 20 }));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 3));
    CHECK_UINT(3, gokore_pool_worker_count(pool));
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
    CHECK_INT(144, f);
    gokore_pool_destroy(pool);
}

static gokore_status three_workers(void *user, gokore_container *out) {
    (void)user;
    *out = (gokore_container) { .cpus = 3, .workers = 3, .numa_node = -1 };
    return GOKORE_OK;
}
static gokore_retry_policy two_retries(void *user) {
    (void)user;
    return (gokore_retry_policy) { .steal_attempts = 2, .backoff_base_ns = 1000 };
}
static gokore_qos no_class(void *user) {
    (void)user;
    return (gokore_qos)99;
}

TEST(width, what_the_desc_leaves_open_its_provider_answers) {
    gokore_provider provider = { .container = three_workers, .retry_policy = two_retries };
    gokore_pool *pool = NULL;
    gokore_task *none = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .provider = &provider }));
    CHECK_UINT(3, gokore_pool_worker_count(pool));
    CHECK_STATUS(GOKORE_EMPTY, gokore_pool_try_steal(pool, NULL, &none));
    CHECK(metrics_of(pool).steal_attempts >= 3);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 1));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_scale(pool, 0));
    CHECK_UINT(3, gokore_pool_worker_count(pool));
    gokore_pool_destroy(pool);
    provider.qos = no_class;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_create(&pool, &(gokore_pool_desc) { .provider = &provider }));
    CHECK_PTR(NULL, pool);
}

static gokore_numa_policy nowhere(void *user) {
    static const int none = 4711;
    ++*(unsigned *)user;
    return (gokore_numa_policy) { .required = true, .preferred_nodes = &none, .preferred_node_count = 1 };
}
TEST(width, where_to_run_is_asked_of_the_provider_only_if_the_desc_leaves_it_open) {
    test_only_with("NUMA=1");
    unsigned asked = 0;
    gokore_provider provider = { .numa_policy = nowhere, .user = &asked };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 2, .provider = &provider, .numa = { .required = true } }; // any node will do
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    CHECK_UINT(0, asked);
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
    CHECK_INT(144, f);
    gokore_pool_destroy(pool);
    desc.numa.required = false;
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pool_create(&pool, &desc));
    CHECK_PTR(NULL, pool);
    CHECK_UINT(1, asked);
}

typedef struct blocker {
    gokore_task task;
    gokore_atomic_u32 *begun;
    gokore_atomic_bool *held;
} blocker;

static void blocker_run(gokore_worker *worker, gokore_task *task) {
    blocker *b = (blocker *)task;
    gokore_worker_blocking_begin(worker);
    gokore_worker_blocking_begin(worker);
    (void)gokore_atomic_add(b->begun, 1);
    while (gokore_atomic_load(b->held)) nap();
    gokore_worker_blocking_end(worker);
    gokore_worker_blocking_end(worker);
}

TEST(width, others_stand_in_for_workers_that_block) {
    gokore_pool *pool = pool_of(2);
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    blocker b[5];
    for (int i = 0; i < 5; i++) {
        b[i] = (blocker) { .task = GOKORE_TASK_INIT(blocker_run), .begun = &begun, .held = &held };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &b[i].task, NULL));
    }
    await(&begun, 5); // more than there are workers
    job j[10];
    for (int i = 0; i < 10; i++) j[i] = job_of(&ran, &none);
    occupy(pool, j, 10);
    await(&ran, 10);
    CHECK_UINT(2, gokore_pool_worker_count(pool));
    gokore_atomic_store(&held, false);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

TEST(width, set_config_takes_what_is_given_and_refuses_what_cannot_change) {
    gokore_pool *pool = pool_of(1);
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_set_config(pool, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_set_config(pool, &(gokore_pool_desc) { .name = "other", .workers = 3 }));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_set_config(pool, &(gokore_pool_desc) { .workers = 2000 }));
    test_allocator hooks = { .fail_from = 0 };
    gokore_pool_desc memory = { .allocator = { .free = test_allocator_hooks(&hooks).free }, .workers = 3 };
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_set_config(pool, &memory));
    static const int none = 4711;
    gokore_numa_policy there = { .required = true, .preferred_nodes = &none, .preferred_node_count = 1 };
    CHECK(gokore_pool_set_config(pool, &(gokore_pool_desc) { .workers = 3, .numa = there }) != GOKORE_OK); // then nothing of it counts
    CHECK_UINT(1, gokore_pool_worker_count(pool));
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &(gokore_pool_desc) { .workers = 3, .qos = GOKORE_QOS_GUARANTEED,
                                                                              .queue_limit = 7 }));
    CHECK_UINT(3, gokore_pool_worker_count(pool));
    CHECK_STATUS(GOKORE_OK, gokore_pool_set_config(pool, &(gokore_pool_desc) { .name = "gokore" }));
    CHECK_UINT(3, gokore_pool_worker_count(pool));
    gokore_pool_destroy(pool);
}

TEST(width, workers_move_to_the_node_they_are_pinned_to) {
    gokore_pool *pool = pool_of(2);
    int node = -1;
    REQUIRE(gokore_topology_node_ids(gokore_topology_default(), &node, 1) >= 1);
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_pool_pin(pool, 4711));
    CHECK_STATUS(GOKORE_OK, gokore_pool_pin(pool, node));
    gokore_worker *w[2] = { NULL, NULL };
    CHECK_UINT(2, gokore_pool_stealers(pool, w, 2));
    CHECK_INT(node, gokore_worker_node(w[0]));
    CHECK_INT(node, gokore_worker_node(w[1]));
    CHECK_UINT(1, gokore_worker_index(w[1]));
    CHECK_UINT(3, gokore_pool_report_cross_node(pool, 3));
    CHECK_UINT(5, gokore_pool_report_cross_node(pool, 2));
    CHECK_UINT(5, metrics_of(pool).numa_crossings);
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
    gokore_pool_destroy(pool);
}

// ---- back-pressure

TEST(queue, beyond_its_limit_submitting_waits_for_room_or_the_context) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1, .queue_limit = 4 }));
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    job holder = job_of(&ran, &none), j[200];
    holder.begun = &begun;
    holder.held = &held;
    occupy(pool, &holder, 1);
    await(&begun, 1);
    gokore_task *all[200];
    for (int i = 0; i < 200; i++) {
        j[i] = job_of(&ran, &none);
        all[i] = &j[i].task;
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, all, 4, NULL));
    gokore_context patience;
    gokore_context_init_timeout(&patience, NULL, 5 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_submit(pool, all[4], &patience));
    gokore_context_deinit(&patience);
    CHECK_UINT(4, metrics_of(pool).queue_depth);
    gokore_atomic_store(&held, false);
    for (int i = 4; i < 100; i++) REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, all[i], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, all + 100, 100, NULL)); // more than the limit: when it is empty
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK_UINT(201, gokore_atomic_load(&ran));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

static void *submit_later(void *p) {
    gokore_pool *pool = (gokore_pool *)p;
    static gokore_atomic_u32 ran;
    static job j;
    j = job_of(&ran, &ran);
    return gokore_pool_submit(pool, &j.task, NULL) == GOKORE_SHUTDOWN ? p : NULL;
}

TEST(queue, a_shutdown_sends_those_who_wait_for_room_away) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1, .queue_limit = 1 }));
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    job j[2] = { job_of(&ran, &cancelled), job_of(&ran, &cancelled) };
    j[0].begun = &begun;
    j[0].held = &held;
    occupy(pool, j, 1);
    await(&begun, 1);
    occupy(pool, j + 1, 1);
    pthread_t thread;
    void *refused = NULL;
    REQUIRE(pthread_create(&thread, NULL, submit_later, pool) == 0);
    for (int i = 0; i < 10; i++) nap();
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
    (void)pthread_join(thread, &refused);
    CHECK_PTR(pool, refused);
    gokore_atomic_store(&held, false);
    gokore_pool_destroy(pool);
    CHECK_UINT(1, gokore_atomic_load(&ran));
    CHECK_UINT(1, gokore_atomic_load(&cancelled));
}

// ---- stealers and observers

static void count_steal(gokore_worker *thief, gokore_task *task, void *user) {
    CHECK(thief == NULL && task != NULL);
    (void)gokore_atomic_add((gokore_atomic_u32 *)user, 1);
}

TEST(stealers, what_was_stolen_from_outside_belongs_to_its_pool_until_it_has_run) {
    gokore_retry_policy quick = { .steal_attempts = 2, .backoff_base_ns = 1000 };
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1, .retry = &quick }));
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0),
        steals = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    gokore_pool_on_steal(pool, count_steal, &steals);
    job holder = job_of(&ran, &cancelled), j = job_of(&ran, &cancelled), late = job_of(&ran, &cancelled);
    holder.begun = &begun;
    holder.held = &held;
    occupy(pool, &holder, 1);
    await(&begun, 1);
    gokore_task *got = &j.task, *got2 = NULL;
    CHECK_STATUS(GOKORE_EMPTY, gokore_pool_try_steal(pool, NULL, &got));
    CHECK_PTR(NULL, got);
    CHECK_UINT(3, metrics_of(pool).steal_attempts);
    occupy(pool, &j, 1);
    CHECK_STATUS(GOKORE_OK, gokore_pool_try_steal(pool, NULL, &got));
    CHECK_PTR(&j.task, got);
    CHECK_UINT(1, gokore_atomic_load(&steals));
    gokore_atomic_store(&held, false);
    await(&ran, 1);
    gokore_context patience, over;
    gokore_context_init_timeout(&patience, NULL, 5 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_wait_idle(pool, &patience));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_try_steal(pool, &patience, &got2));
    gokore_context_deinit(&patience);
    gokore_task_run(NULL, got);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK_UINT(2, gokore_atomic_load(&ran));
    gokore_context_init(&over, NULL); // cancelled between the steal and the run
    gokore_atomic_store(&held, true);
    gokore_atomic_store(&begun, 0);
    occupy(pool, &holder, 1);
    await(&begun, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &late.task, &over));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_try_steal(pool, NULL, &got));
    gokore_context_cancel(&over);
    gokore_task_run(NULL, got);
    CHECK_UINT(1, gokore_atomic_load(&cancelled));
    gokore_atomic_store(&held, false);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_context_deinit(&over);
    check_sums(pool);
    CHECK_UINT(1, metrics_of(pool).context_cancels);
    gokore_pool_destroy(pool);
}

typedef struct outsider {
    gokore_task task;
    long fib, chain;
    bool spawned, joined;
    gokore_worker *worker;
} outsider;

static void outsider_child_run(gokore_worker *worker, gokore_task *task) {
    outsider *o = (outsider *)task;
    o->worker = worker;
    o->spawned = true;
}

static void outsider_run(gokore_worker *worker, gokore_task *task) {
    outsider *o = (outsider *)task;
    outsider children[2] = { { .task = GOKORE_TASK_INIT(outsider_child_run) }, { .task = GOKORE_TASK_INIT(outsider_child_run) } };
    o->worker = worker;
    gokore_worker_blocking_begin(worker);
    gokore_worker_blocking_end(worker);
    o->fib = fib_call(worker, 15);
    o->chain = (long)chain_call(worker, 1000, 1);
    for (int i = 0; i < 2; i++) gokore_spawn(worker, &children[i].task);
    gokore_join_passive(worker, &children[1].task);
    gokore_join(worker, &children[0].task);
    o->joined = children[0].spawned && children[1].spawned && children[0].worker == worker && !gokore_worker_context(worker);
}

TEST(stealers, what_a_task_spawns_without_a_worker_runs_at_once) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1 }));
    outsider inside = { .task = GOKORE_TASK_INIT(outsider_run) }, outside = inside;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &inside.task, NULL));
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), cancelled = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    job holder = job_of(&ran, &cancelled);
    holder.begun = &begun;
    holder.held = &held;
    occupy(pool, &holder, 1);
    await(&begun, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &outside.task, NULL));
    gokore_task *got = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_try_steal(pool, NULL, &got));
    gokore_task_run(NULL, got);
    gokore_atomic_store(&held, false);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK(inside.joined && outside.joined && inside.worker && !outside.worker);
    CHECK_INT(610, outside.fib);
    CHECK_INT(inside.chain, outside.chain);
    check_sums(pool);
    gokore_pool_destroy(pool);
}

static void gives_run(gokore_worker *worker, gokore_task *task) { // runs one that no pool has made
    outsider *o = (outsider *)task;
    outsider made = { .task = GOKORE_TASK_INIT(outsider_child_run) };
    gokore_task_run(worker, &made.task);
    o->worker = worker;
    o->joined = made.spawned && made.worker == worker;
}

TEST(stealers, what_a_coordinator_has_made_runs_on_the_thread_that_was_given_it) {
    gokore_pool *pool = pool_of(1);
    outsider here = { .task = GOKORE_TASK_INIT(gives_run) }, there = here;
    gokore_task_run(NULL, &here.task);
    CHECK(here.joined && !here.worker);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &there.task, NULL));
    CHECK(there.joined && there.worker);
    gokore_pool_destroy(pool);
}

typedef struct watch {
    gokore_atomic_u32 began, ended;
    gokore_pool *pool;
} watch;

static void watch_begin(void *user, gokore_pool *pool, gokore_worker *worker, gokore_task *task) {
    watch *x = (watch *)user;
    CHECK(pool == x->pool && worker && task);
    (void)gokore_atomic_add(&x->began, 1);
}

static void watch_end(void *user, gokore_pool *pool, gokore_worker *worker, int64_t ran_ns) {
    watch *x = (watch *)user;
    CHECK(pool == x->pool && worker && ran_ns >= 0);
    (void)gokore_atomic_add(&x->ended, 1);
}

TEST(stealers, an_observer_sees_each_function_begin_and_end) {
    gokore_pool *pool = pool_of(2);
    watch x = { .pool = pool };
    gokore_pool_set_observer(pool, &(gokore_pool_observer) { watch_begin, watch_end, &x });
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 15));
    CHECK_INT(610, f);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK_UINT(metrics_of(pool).executed, gokore_atomic_load(&x.began));
    CHECK_UINT(metrics_of(pool).executed, gokore_atomic_load(&x.ended));
    gokore_pool_set_observer(pool, NULL);
    uint32_t before = gokore_atomic_load(&x.began);
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 15));
    CHECK_UINT(before, gokore_atomic_load(&x.began));
    gokore_pool_destroy(pool);
}

TEST(stealers, an_observer_may_want_to_know_of_ends_alone) {
    gokore_pool *pool = pool_of(2);
    watch x = { .pool = pool };
    gokore_pool_observer o = { .task_end = watch_end, .user = &x };
    gokore_pool_set_observer(pool, &o);
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 2));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    CHECK_UINT(0, gokore_atomic_load(&x.began));
    CHECK(gokore_atomic_load(&x.ended) >= 1);
    gokore_pool_set_observer(pool, NULL);
    gokore_pool_destroy(pool);
}

// ---- clusters and schedulers

static void any_steal(gokore_worker *thief, gokore_task *task, void *user) {
    CHECK(thief != NULL && task != NULL);
    (void)gokore_atomic_add((gokore_atomic_u32 *)user, 1);
}

TEST(cluster, an_idle_pool_runs_what_another_has_queued) {
    gokore_pool *busy = pool_of(1), *idle = pool_of(1);
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0),
        steals = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    gokore_pool_on_steal(idle, any_steal, &steals);
    job holder = job_of(&ran, &none), j[20];
    holder.begun = &begun;
    holder.held = &held;
    occupy(busy, &holder, 1);
    await(&begun, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(busy, gokore_cluster_coordinator_default()));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(idle, gokore_cluster_coordinator_default()));
    CHECK_PTR(gokore_cluster_coordinator_default(), gokore_pool_coordinator(idle));
    gokore_worker *all[4];
    CHECK_UINT(2, gokore_cluster_coordinator_default()->stealers(NULL, all, 4));
    for (int i = 0; i < 20; i++) j[i] = job_of(&ran, &none);
    occupy(busy, j, 20); // its only worker is held, so that all are run by the other pool
    while (gokore_atomic_load(&ran) < 20) {
        static job poke;
        poke = job_of(&none, &none);
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(idle, &poke.task, NULL)); // an awake worker looks around
    }
    CHECK_UINT(20, gokore_atomic_load(&steals));
    gokore_atomic_store(&held, false);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(busy, NULL));
    CHECK_UINT(21, metrics_of(busy).executed);
    check_sums(busy);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_set_coordinator(idle, NULL));
    CHECK_PTR(NULL, gokore_pool_coordinator(idle));
    CHECK_UINT(1, gokore_cluster_coordinator_default()->stealers(NULL, all, 4));
    gokore_pool_destroy(busy);
    CHECK_UINT(0, gokore_cluster_coordinator_default()->stealers(NULL, all, 4));
    check_sums(idle);
    gokore_pool_destroy(idle);
}

static gokore_status refuse(void *user, gokore_pool *pool) {
    (void)user, (void)pool;
    return GOKORE_DENIED;
}

TEST(cluster, the_built_in_provider_knows_the_default_coordinator) {
    const gokore_provider *p = gokore_provider_get();
    CHECK_PTR(gokore_cluster_coordinator_default(), p->coordinator(p->user));
}

TEST(cluster, a_coordinator_may_refuse_a_pool) {
    gokore_pool *pool = pool_of(1);
    gokore_cluster_coordinator c = { .register_pool = refuse };
    CHECK_STATUS(GOKORE_DENIED, gokore_pool_set_coordinator(pool, &c));
    CHECK_PTR(NULL, gokore_pool_coordinator(pool));
    gokore_pool_destroy(pool);
}

TEST(scheduler, the_same_name_gives_the_same_pool_and_lock) {
    gokore_pool *ai = gokore_scheduler_pool("AIDecision");
    REQUIRE(ai != NULL);
    CHECK_PTR(ai, gokore_scheduler_pool("AIDecision"));
    CHECK(ai != gokore_scheduler_pool("Render"));
    gokore_mutex *m = gokore_scheduler_lock("AIDecision");
    REQUIRE(m != NULL);
    CHECK_PTR(m, gokore_scheduler_lock("AIDecision"));
    CHECK(m != gokore_scheduler_lock("Render"));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL));
    gokore_mutex_unlock(m);
    long f = 0;
    REQUIRE_STATUS(GOKORE_OK, fib_run(ai, NULL, &f, 10));
    CHECK_INT(55, f);
}

// ---- odd endings

static void exits(gokore_worker *worker, gokore_task *task) {
    (void)worker, (void)task;
    pthread_exit(NULL);
}

TEST(endings, a_task_that_exits_its_thread_is_reported_and_its_worker_goes_on) {
    test_reports_capture();
    gokore_pool *pool = pool_of(2);
    for (int i = 0; i < 5; i++) {
        gokore_task t = GOKORE_TASK_INIT(exits);
        CHECK_STATUS(GOKORE_SYSTEM, gokore_pool_run(pool, &t, NULL));
        long f = 0;
        REQUIRE_STATUS(GOKORE_OK, fib_run(pool, NULL, &f, 12));
        CHECK_INT(144, f);
    }
    CHECK_UINT(5, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

TEST(endings, a_member_of_a_group_that_exits_its_thread_fails_the_group) {
    test_reports_capture();
    gokore_pool *pool = pool_of(2);
    gokore_group g;
    gokore_group_init(&g, NULL);
    gokore_task t = GOKORE_TASK_INIT(exits);
    REQUIRE_STATUS(GOKORE_OK, gokore_group_submit(&g, pool, &t, NULL));
    CHECK_STATUS(GOKORE_SYSTEM, gokore_group_wait(&g, NULL));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

typedef struct exiting {
    gokore_task task;
    gokore_atomic_u32 begun;
} exiting;

static void exiting_run(gokore_worker *worker, gokore_task *task) {
    (void)worker;
    gokore_atomic_store(&((exiting *)task)->begun, 1);
    pthread_exit(NULL);
}

static void lends_run(gokore_worker *worker, gokore_task *task) { // waits for a thief, without a call of the pool
    exiting *child = (exiting *)(void *)((job *)task)->begun;
    gokore_spawn(worker, &child->task);
    await(&child->begun, 1);
    gokore_join(worker, &child->task);
    (void)gokore_atomic_add(((job *)task)->ran, 1);
}

TEST(endings, a_stolen_task_that_exits_its_thread_is_joined_all_the_same) {
    test_reports_capture();
    gokore_pool *pool = pool_of(2);
    for (int i = 0; i < 5; i++) {
        gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
        exiting child = { .task = GOKORE_TASK_INIT(exiting_run) };
        job j = job_of(&ran, &none);
        j.task.fn = lends_run;
        j.begun = (gokore_atomic_u32 *)(void *)&child;
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &j.task, NULL));
        CHECK_UINT(1, gokore_atomic_load(&ran));
    }
    CHECK_UINT(5, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

// until the test lets it go; what it spawned is private at first
static void endless_run(gokore_worker *worker, gokore_task *task) {
    job *j = (job *)task;
    gokore_atomic_u32 none = GOKORE_ATOMIC_INIT(0);
    job children[5];
    for (int i = 0; i < 5; i++) {
        children[i] = job_of(j->ran, &none);
        gokore_spawn(worker, &children[i].task);
    }
    gokore_atomic_store(j->begun, 1);
    while (gokore_atomic_load(j->held)) {}
    for (int i = 5; i-- > 0;) gokore_join(worker, &children[i].task);
}

TEST(endings, a_task_that_runs_for_ever_keeps_only_its_worker) {
    gokore_pool *pool = pool_of(2);
    gokore_atomic_u32 begun = GOKORE_ATOMIC_INIT(0), ran = GOKORE_ATOMIC_INIT(0), none = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_bool held = GOKORE_ATOMIC_INIT(true);
    job endless = job_of(&ran, &none), j = job_of(&ran, &none);
    endless.task.fn = endless_run;
    endless.begun = &begun;
    endless.held = &held;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, &endless.task, NULL));
    await(&begun, 1);
    await(&ran, 5); // all that it spawned
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &j.task, NULL));
    CHECK_UINT(6, gokore_atomic_load(&ran));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, MS));
    gokore_atomic_store(&held, false);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    check_sums(pool);
    gokore_pool_destroy(pool);
}

TEST(endings, in_the_child_of_a_fork_a_pool_refuses_and_can_be_destroyed) {
    gokore_pool *pool = pool_of(2);
    gokore_atomic_u32 ran = GOKORE_ATOMIC_INIT(0);
    job j = job_of(&ran, &ran);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        gokore_task *got = NULL;
        bool ok = gokore_pool_submit(pool, &j.task, NULL) == GOKORE_SHUTDOWN &&
            gokore_pool_run(pool, &j.task, NULL) == GOKORE_SHUTDOWN &&
                  gokore_pool_wait_idle(pool, NULL) == GOKORE_SHUTDOWN && gokore_pool_shutdown(pool, 0) == GOKORE_SHUTDOWN &&
                  gokore_pool_scale(pool, 3) == GOKORE_SHUTDOWN && gokore_pool_try_steal(pool, NULL, &got) == GOKORE_EMPTY;
        gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_WORKERS, .workers = 3 };
        ok = ok && gokore_resources_adjust(&to, NULL) == GOKORE_OK && gokore_pool_worker_count(pool) == 2;
        gokore_pool_destroy(pool);
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_INT(0, status);
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, &j.task, NULL));
    CHECK_UINT(1, gokore_atomic_load(&ran));
    gokore_pool_destroy(pool);
}

// ---- everything at once, against an oracle

enum { STORM_TASKS = 20000, STORM_THREADS = 2, STORM_POOLS = 2, STORM_CONTEXTS = 4 };
typedef struct storm storm;
typedef struct storm_task {
    gokore_task task;
    storm *all;
    uint64_t state;
    gokore_atomic_u8 accepted, ran, cancelled;
} storm_task;
struct storm {
    gokore_pool *pools[STORM_POOLS];
    gokore_context contexts[STORM_CONTEXTS];
    gokore_group group;
    gokore_atomic_u32 next;
    gokore_atomic_u64 pieces, pieces_meant, calls;
    storm_task tasks[STORM_TASKS];
};

GOKORE_TASK2(unsigned, storm_tree, unsigned, depth, storm *, all) {
    (void)gokore_atomic_add(&all->calls, 1);
    if (depth == 0) return 1;
    storm_tree_spawn(worker, depth - 1, all);
    storm_tree_spawn(worker, depth - 1, all);
    unsigned sum = storm_tree_call(worker, depth - 1, all);
    sum += storm_tree_join(worker);
    return sum + storm_tree_join(worker);
}

static void storm_piece(gokore_worker *worker, size_t begin, size_t end, void *user) {
    (void)worker;
    (void)gokore_atomic_fetch_add(&((storm *)user)->pieces, end - begin);
}

static void storm_cancelled(gokore_task *task, gokore_status why) {
    CHECK(why == GOKORE_CANCELED || why == GOKORE_SHUTDOWN);
    CHECK_UINT(0, gokore_atomic_fetch_add(&((storm_task *)task)->cancelled, 1));
}

static void storm_submit(storm *all, uint64_t x);

static void storm_run(gokore_worker *worker, gokore_task *task) {
    storm_task *t = (storm_task *)task;
    storm *all = t->all;
    uint64_t x = test_random(&t->state);
    CHECK_UINT(0, gokore_atomic_fetch_add(&t->ran, 1));
    switch (worker ? x % 16 : 15) { // NULL: stolen by a thread that is no worker
    case 0: CHECK_UINT(27, storm_tree_call(worker, 3, all)); break;
    case 1:
        (void)gokore_atomic_fetch_add(&all->pieces_meant, 50);
        CHECK_STATUS(GOKORE_OK, gokore_parallel_for(gokore_worker_pool(worker), NULL, 0, 50, x >> 8 & 3, storm_piece, all));
        break;
    case 2: storm_submit(all, x >> 8), storm_submit(all, x >> 16); break;
    case 3:
        gokore_worker_blocking_begin(worker);
        if ((x >> 8) % 16 == 0) nap();
        gokore_worker_blocking_end(worker);
        break;
    case 4:
        if ((x >> 8) % 512 == 0) gokore_context_cancel(&all->contexts[(x >> 32) % STORM_CONTEXTS]);
        break;
    // refused while it shuts down
    case 5: (void)!gokore_pool_scale(gokore_worker_pool(worker), 1 + (unsigned)(x >> 8) % 4); break;
    default: break;
    }
}

static void storm_submit(storm *all, uint64_t x) {
    uint32_t i = gokore_atomic_fetch_add(&all->next, 1);
    if (i >= STORM_TASKS) return;
    storm_task *t = &all->tasks[i];
    *t = (storm_task) { .task = GOKORE_TASK_INIT(storm_run), .all = all, .state = x };
    t->task.on_cancel = storm_cancelled;
    t->task.qos = (gokore_qos)(x % 4);
    gokore_pool *pool = all->pools[(x >> 2) % STORM_POOLS];
    gokore_context *ctx = (x >> 4) % 4 ? NULL : &all->contexts[(x >> 6) % STORM_CONTEXTS];
    gokore_atomic_store(&t->accepted, 1); // before: it may have run when the call returns
    gokore_status status = (x >> 12) % 4 ? gokore_pool_submit(pool, &t->task, ctx) : gokore_group_submit(&all->group, pool,
                                                                                                         &t->task, ctx);
    CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN || status == GOKORE_CANCELED);
    if (status != GOKORE_OK) gokore_atomic_store(&t->accepted, 0);
}

typedef struct storm_thread {
    storm *all;
    uint64_t state;
    pthread_t thread;
} storm_thread;

static void *storm_outside(void *p) {
    storm_thread *s = (storm_thread *)p;
    storm *all = s->all;
    while (gokore_atomic_load(&all->next) < STORM_TASKS) {
        uint64_t x = test_random(&s->state);
        gokore_pool *pool = all->pools[(x >> 40) % STORM_POOLS];
        unsigned result = 0;
        switch (x % 64) {
        case 0: (void)!gokore_pool_scale(pool, 1 + (unsigned)(x >> 8) % 4); break;
        case 1: (void)!gokore_pool_set_coordinator(pool, (x >> 8) % 4 ? gokore_cluster_coordinator_default() : NULL); break;
        case 3:
            if (storm_tree_run(pool, NULL, &result, 3, all) == GOKORE_OK) CHECK_UINT(27, result);
            break;
        case 4: CHECK(metrics_of(pool).worker_utilization <= 1); break;
        default: storm_submit(all, x >> 8);
        }
    }
    return NULL;
}

static void storm_round(storm *all, uint64_t *state, uint64_t *ran, uint64_t *cancelled) {
    memset(all, 0, sizeof *all);
    gokore_retry_policy quick = { .steal_attempts = 2, .backoff_base_ns = 1000 };
    gokore_group_init(&all->group, NULL);
    for (int i = 0; i < STORM_CONTEXTS; i++) gokore_context_init(&all->contexts[i], NULL);
    for (int i = 0; i < STORM_POOLS; i++) {
        gokore_pool_desc desc = { .workers = 1 + (unsigned)test_random(state) % 3, .retry = &quick };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&all->pools[i], &desc));
    }
    storm_thread threads[STORM_THREADS];
    for (int i = 0; i < STORM_THREADS; i++) {
        threads[i] = (storm_thread) { .all = all, .state = test_random(state) };
        REQUIRE(pthread_create(&threads[i].thread, NULL, storm_outside, &threads[i]) == 0);
    }
    bool cut = test_random(state) % 2;
    if (cut) {
        nap();
        gokore_status status = gokore_pool_shutdown(all->pools[0], (int64_t)(test_random(state) % MS));
        CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
    }
    for (int i = 0; i < STORM_THREADS; i++) (void)pthread_join(threads[i].thread, NULL);
    gokore_status group = gokore_group_wait(&all->group, NULL);
    CHECK(group == GOKORE_OK || group == GOKORE_CANCELED || group == GOKORE_SHUTDOWN);
    for (int i = 0; i < STORM_POOLS; i++) CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(all->pools[i], INT64_MAX));
    // one may have run the other's
    for (int i = 0; i < STORM_POOLS; i++) REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(all->pools[i], NULL));
    for (int i = 0; i < STORM_POOLS; i++) check_sums(all->pools[i]);
    for (int i = 0; i < STORM_POOLS; i++) gokore_pool_destroy(all->pools[i]);
    for (int i = 0; i < STORM_TASKS; i++) {
        storm_task *t = &all->tasks[i];
        CHECK_UINT(gokore_atomic_load(&t->accepted), gokore_atomic_load(&t->ran) + gokore_atomic_load(&t->cancelled));
        *ran += gokore_atomic_load(&t->ran);
        *cancelled += gokore_atomic_load(&t->cancelled);
    }
    CHECK_UINT(gokore_atomic_load(&all->pieces_meant), gokore_atomic_load(&all->pieces));
    for (int i = 0; i < STORM_CONTEXTS; i++) gokore_context_deinit(&all->contexts[i]);
}

TEST(storm, every_task_runs_or_is_cancelled_once_through_scaling_stealing_clusters_groups_and_shutdown) {
    static storm all;
    uint64_t state = test_seed(), ran = 0, cancelled = 0;
    for (int i = 0; i < STORM_ROUNDS; i++) storm_round(&all, &state, &ran, &cancelled);
    CHECK(ran != 0 && cancelled != 0);
}
