// openmp.c - OpenMP's tasks and loops; its team has no way in from outside
#include "pool.h"

#include <omp.h>

static void begin(unsigned workers) { omp_set_num_threads((int)workers); }
static void end(void) {}

static uint64_t fib_task(int n) {
    uint64_t a, b;
    if (n < 2) return (uint64_t)n;
#pragma omp task shared(a) firstprivate(n) untied
    a = fib_task(n - 1);
    b = fib_task(n - 2);
#pragma omp taskwait
    return a + b;
}
static uint64_t place(pool_board b) {
    uint64_t found[32];
    uint64_t sum = b.columns == b.all;
    uint32_t spawned = 0;
    for (uint32_t left = pool_free_columns(b); left != 0; left &= left - 1, spawned++) {
        pool_board next = pool_placed(b, left & -left);
        uint64_t *out = &found[spawned];
#pragma omp task firstprivate(next, out) untied
        *out = place(next);
    }
#pragma omp taskwait
    while (spawned > 0) sum += found[--spawned];
    return sum;
}
static uint64_t walk(uint64_t node, uint32_t children) {
    uint64_t some[TREE_FAN], *found = some, nodes = 1;
    if (children > TREE_FAN) found = (uint64_t *)malloc(children * sizeof *found);
    if (!found) abort();
    for (uint32_t i = 0; i < children; i++) {
        uint64_t child = pool_child(node, i), *out = &found[i];
#pragma omp task firstprivate(child, out) untied
        *out = walk(child, pool_children(child));
    }
#pragma omp taskwait
    for (uint32_t i = 0; i < children; i++) nodes += found[i];
    if (found != some) free(found);
    return nodes;
}
static void sort_task(int *v, size_t n) {
    if (n < SORT_CUT) {
        pool_sort_serial(v, n);
        return;
    }
    size_t low = pool_part(v, n);
#pragma omp task firstprivate(v, low) untied
    sort_task(v, low);
    sort_task(v + low, n - low);
#pragma omp taskwait
}
static uint64_t fib(int n) {
    uint64_t result = 0;
#pragma omp parallel
#pragma omp single
    result = fib_task(n);
    return result;
}
static uint64_t queens(uint32_t n) {
    uint64_t result = 0;
#pragma omp parallel
#pragma omp single
    result = place(pool_empty_board(n));
    return result;
}
static uint64_t tree(uint32_t width) {
    uint64_t result = 0;
#pragma omp parallel
#pragma omp single
    result = walk(1, width);
    return result;
}
static void sort(int *v, size_t n) {
#pragma omp parallel
#pragma omp single
    sort_task(v, n);
}
static void range(size_t n, pool_range_fn *fn, void *arg) {
#pragma omp parallel
    {
        unsigned count = (unsigned)omp_get_num_threads(), i = (unsigned)omp_get_thread_num();
        fn(pool_cut(n, count, i), pool_cut(n, count, i + 1), arg);
    }
}
static void inside(size_t n) {
#pragma omp parallel
#pragma omp single
    for (size_t i = 0; i < n; i++) {
#pragma omp task
        pool_nothing();
    }
}

const pool_peer pool_openmp = { .name = "openmp", .stays = true, .begin = begin, .end = end, .fib = fib, .queens = queens,
                                .tree = tree, .sort = sort, .range = range, .inside = inside };
