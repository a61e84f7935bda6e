// gokore.c - goKore's pool: typed tasks, intrusive tasks, and its deque alone
#include "pool.h"
#include "../../gokore_pool.h"

#include <string.h>

static gokore_pool *pool;
static void begin(unsigned workers) {
    if (gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = workers }) != GOKORE_OK) abort();
}
static void end(void) { gokore_pool_destroy(pool); }
static void run(gokore_task *task) {
    if (gokore_pool_run(pool, task, NULL) != GOKORE_OK) abort();
}

// ---- typed tasks
GOKORE_TASK1(uint64_t, fib, int, n) {
    if (n < 2) return (uint64_t)n;
    fib_spawn(worker, n - 1);
    uint64_t b = fib_call(worker, n - 2);
    return fib_join(worker) + b;
}
GOKORE_TASK1(uint64_t, place, pool_board, b) {
    uint64_t found = b.columns == b.all;
    uint32_t spawned = 0;
    for (uint32_t left = pool_free_columns(b); left != 0; left &= left - 1, spawned++)
        place_spawn(worker, pool_placed(b, left & -left));
    while (spawned-- > 0) found += place_join(worker);
    return found;
}
GOKORE_TASK2(uint64_t, walk, uint64_t, node, uint32_t, children) {
    uint64_t nodes = 1;
    for (uint32_t i = 0; i < children; i++) {
        uint64_t child = pool_child(node, i);
        walk_spawn(worker, child, pool_children(child));
    }
    for (uint32_t i = 0; i < children; i++) nodes += walk_join(worker);
    return nodes;
}
GOKORE_VOID_TASK2(sort, int *, v, size_t, n) {
    if (n < SORT_CUT) {
        pool_sort_serial(v, n);
        return;
    }
    size_t low = pool_part(v, n);
    sort_spawn(worker, v, low);
    sort_call(worker, v + low, n - low);
    sort_join(worker);
}
GOKORE_VOID_TASK0(nothing) { pool_nothing(); }
GOKORE_VOID_TASK1(many, size_t, n) {
    for (size_t done = 0; done < n; done += INSIDE_BATCH) {
        size_t batch = n - done < INSIDE_BATCH ? n - done : INSIDE_BATCH;
        for (size_t i = 0; i < batch; i++) nothing_spawn(worker);
        for (size_t i = 0; i < batch; i++) nothing_join(worker);
    }
}
static void must(gokore_status status) {
    if (status != GOKORE_OK) abort();
}
static uint64_t typed_fib(int n) {
    uint64_t result = 0;
    must(fib_run(pool, NULL, &result, n));
    return result;
}
static uint64_t typed_queens(uint32_t n) {
    uint64_t result = 0;
    must(place_run(pool, NULL, &result, pool_empty_board(n)));
    return result;
}
static uint64_t typed_tree(uint32_t children) {
    uint64_t result = 0;
    must(walk_run(pool, NULL, &result, 1, children));
    return result;
}
static void typed_sort(int *v, size_t n) { must(sort_run(pool, NULL, v, n)); }
static void typed_inside(size_t n) { must(many_run(pool, NULL, n)); }

// ---- intrusive tasks
typedef struct job { // number: what it is called with, then its result
    gokore_task task;
    uint64_t number;
    pool_board board;
    uint32_t children;
    int *v;
} job;
typedef struct fib_task {
    gokore_task task;
    uint64_t number; // then the result
} fib_task;
static void fib_job(gokore_worker *worker, gokore_task *task) {
    fib_task *f = (fib_task *)task;
    if (f->number < 2) return;
    fib_task a = { .task = GOKORE_TASK_INIT(fib_job), .number = f->number - 1 };
    fib_task b = { .task = GOKORE_TASK_INIT(fib_job), .number = f->number - 2 };
    gokore_spawn(worker, &a.task);
    fib_job(worker, &b.task);
    GOKORE_JOIN(worker, fib_job, &a.task);
    f->number = a.number + b.number;
}
static void place_job(gokore_worker *worker, gokore_task *task) {
    job *p = (job *)task, next[32];
    uint32_t spawned = 0;
    p->number = p->board.columns == p->board.all;
    for (uint32_t left = pool_free_columns(p->board); left != 0; left &= left - 1, spawned++) {
        next[spawned].task = (gokore_task)GOKORE_TASK_INIT(place_job);
        next[spawned].board = pool_placed(p->board, left & -left);
        gokore_spawn(worker, &next[spawned].task);
    }
    while (spawned-- > 0) {
        GOKORE_JOIN(worker, place_job, &next[spawned].task);
        p->number += next[spawned].number;
    }
}
static void walk_job(gokore_worker *worker, gokore_task *task);
static void walk_some(gokore_worker *worker, job *parent, job *children) {
    uint64_t nodes = 1;
    for (uint32_t i = 0; i < parent->children; i++) {
        children[i].task = (gokore_task)GOKORE_TASK_INIT(walk_job);
        children[i].number = pool_child(parent->number, i);
        children[i].children = pool_children(children[i].number);
        gokore_spawn(worker, &children[i].task);
    }
    for (uint32_t i = parent->children; i-- > 0;) {
        GOKORE_JOIN(worker, walk_job, &children[i].task);
        nodes += children[i].number;
    }
    parent->number = nodes;
}
static void walk_job(gokore_worker *worker, gokore_task *task) {
    job children[TREE_FAN], *parent = (job *)task;
    walk_some(worker, parent, children);
}
static void walk_root(gokore_worker *worker, gokore_task *task) {
    job *root = (job *)task, *children = (job *)malloc(root->children * sizeof *children);
    if (!children) abort();
    walk_some(worker, root, children);
    free(children);
}
static void sort_job(gokore_worker *worker, gokore_task *task) {
    job *s = (job *)task;
    if (s->number < SORT_CUT) {
        pool_sort_serial(s->v, s->number);
        return;
    }
    size_t low = pool_part(s->v, s->number);
    job lower = { .task = GOKORE_TASK_INIT(sort_job), .v = s->v, .number = low };
    job upper = { .task = GOKORE_TASK_INIT(sort_job), .v = s->v + low, .number = s->number - low };
    gokore_spawn(worker, &lower.task);
    sort_job(worker, &upper.task);
    GOKORE_JOIN(worker, sort_job, &lower.task);
}
static void nothing_job(gokore_worker *worker, gokore_task *task) {
    (void)worker, (void)task;
    pool_nothing();
}
static void many_job(gokore_worker *worker, gokore_task *task) {
    static gokore_task tasks[INSIDE_BATCH];
    size_t n = ((job *)task)->number;
    for (size_t done = 0; done < n; done += INSIDE_BATCH) {
        size_t batch = n - done < INSIDE_BATCH ? n - done : INSIDE_BATCH;
        for (size_t i = 0; i < batch; i++) {
            tasks[i] = (gokore_task)GOKORE_TASK_INIT(nothing_job);
            gokore_spawn(worker, &tasks[i]);
        }
        for (size_t i = batch; i-- > 0;) GOKORE_JOIN(worker, nothing_job, &tasks[i]);
    }
}
static uint64_t run_job(job j) {
    run(&j.task);
    return j.number;
}
static uint64_t intrusive_fib(int n) {
    fib_task f = { .task = GOKORE_TASK_INIT(fib_job), .number = (uint64_t)n };
    run(&f.task);
    return f.number;
}
static uint64_t intrusive_queens(uint32_t n) {
    return run_job((job) { .task = GOKORE_TASK_INIT(place_job), .board = pool_empty_board(n) });
}
static uint64_t intrusive_tree(uint32_t children) {
    return run_job((job) { .task = GOKORE_TASK_INIT(walk_root), .number = 1, .children = children });
}
static void intrusive_sort(int *v, size_t n) { (void)run_job((job) { .task = GOKORE_TASK_INIT(sort_job), .v = v, .number = n }); }
static void intrusive_inside(size_t n) { (void)run_job((job) { .task = GOKORE_TASK_INIT(many_job), .number = n }); }

// ---- loops, tasks from outside
typedef struct loop {
    pool_range_fn *fn;
    void *arg;
} loop;
static void loop_piece(gokore_worker *worker, size_t from, size_t to, void *user) {
    (void)worker;
    ((loop *)user)->fn(from, to, ((loop *)user)->arg);
}
static void range(size_t n, pool_range_fn *fn, void *arg) {
    loop l = { fn, arg };
    must(gokore_parallel_for(pool, NULL, 0, n, 0, loop_piece, &l));
}
static gokore_task *tasks;
static size_t room;
static void tick(gokore_worker *worker, gokore_task *task) {
    (void)worker, (void)task;
    pool_tick();
}
static void prepare(size_t n) {
    if (n > room) {
        free(tasks);
        tasks = (gokore_task *)malloc(n * sizeof *tasks);
        room = n;
    }
    if (!tasks) abort();
    for (size_t i = 0; i < n; i++) gokore_task_init(&tasks[i], tick);
}
static void flood(size_t n) {
    for (size_t i = 0; i < n; i++) must(gokore_pool_submit(pool, &tasks[i], NULL));
}
typedef struct single {
    gokore_task task;
    pool_fn *fn;
    void *arg;
} single;
static void single_run(gokore_worker *worker, gokore_task *task) {
    (void)worker;
    ((single *)task)->fn(((single *)task)->arg);
}
static void submit(pool_fn *fn, void *arg) {
    static single one;
    one = (single) { GOKORE_TASK_INIT(single_run), fn, arg };
    must(gokore_pool_submit(pool, &one.task, NULL));
}
static void reap(void) { must(gokore_pool_wait_idle(pool, NULL)); }

const pool_peer pool_gokore = { .name = "gokore", .begin = begin, .end = end, .fib = typed_fib, .queens = typed_queens,
                                .tree = typed_tree, .sort = typed_sort, .range = range, .inside = typed_inside,
                                .prepare = prepare, .flood = flood, .submit = submit, .reap = reap };
const pool_peer pool_intrusive = { .name = "intrusive", .begin = begin, .end = end, .fib = intrusive_fib,
                                   .queens = intrusive_queens, .tree = intrusive_tree, .sort = intrusive_sort,
                                   .inside = intrusive_inside };
