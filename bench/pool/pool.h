// pool.h - what the parts of bench_pool.sh share: the work, and what each library's file gives
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "../bench.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void pool_fn(void *arg);
typedef void pool_range_fn(size_t begin, size_t end, void *arg);
typedef struct pool_peer { // what is NULL, it has not
    const char *name;
    bool stays;                     // its threads never end
    void (*begin)(unsigned workers);
    void (*end)(void);
    uint64_t (*fib)(int n);         // a task per call
    uint64_t (*queens)(uint32_t n); // a task per placement
    uint64_t (*tree)(uint32_t width); // a task per node
    void (*sort)(int *v, size_t n); // a task per part of SORT_CUT and more
    void (*range)(size_t n, pool_range_fn *fn, void *arg); // calls fn for pieces of [0, n)
    void (*inside)(size_t n);       // so many empty tasks from one task, until they have run
    void (*prepare)(size_t n);      // memory for so many, before the clock runs
    void (*flood)(size_t n);        // so many that call pool_tick, from outside
    void (*submit)(pool_fn *fn, void *arg); // one task, from outside
    void (*reap)(void);             // after tasks from outside have run
} pool_peer;

void pool_tick(void); // this task has run
// goKore's deque alone, medians in CPU ns: a push and a pop of one item, of 256 in a row, a steal; and the published deque's.
typedef struct pool_deque_figures {
    double pair, batch, steal, published_pair, published_batch;
} pool_deque_figures;
void pool_deque(pool_deque_figures *out);

#define POOL_NOINLINE __attribute__((noinline))
enum { SORT_CUT = 1000, TREE_FAN = 8, INSIDE_BATCH = 1000 };

static inline void pool_nothing(void) { __asm__ __volatile__(""); }

// ---- the work

// Placements of n queens, row by row: the columns that are taken, and the diagonals.
typedef struct pool_board {
    uint32_t all, columns, left, right;
} pool_board;
static inline pool_board pool_placed(pool_board b, uint32_t at) {
    pool_board next = { b.all, b.columns | at, (b.left | at) << 1, (b.right | at) >> 1 };
    return next;
}
static inline uint32_t pool_free_columns(pool_board b) { return b.all & ~(b.columns | b.left | b.right); }
static inline pool_board pool_empty_board(uint32_t n) {
    pool_board b = { (UINT32_C(1) << n) - 1, 0, 0, 0 };
    return b;
}

// A tree whose shape is known only when it is walked: each node has TREE_FAN children or, mostly, none; the root has width.
static inline uint64_t pool_mix(uint64_t x) { // splitmix64
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
static inline uint64_t pool_child(uint64_t node, uint32_t i) { // as dear as in the UTS benchmark
    return pool_mix(pool_mix(pool_mix(node ^ ((uint64_t)i << 32))));
}
static inline uint32_t pool_children(uint64_t node) { return node < UINT64_MAX / 1000 * 122 ? (uint32_t)TREE_FAN : 0; }

static inline size_t pool_part(int *v, size_t n) { // Hoare: the lower part's length
    int a = v[0], b = v[n / 2], c = v[n - 1];
    int pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
    size_t i = 0, j = n - 1;
    for (;; i++, j--) {
        while (v[i] < pivot) i++;
        while (v[j] > pivot) j--;
        if (i >= j) return i == 0 ? 1 : i;
        int t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}
static inline void pool_sort_serial(int *v, size_t n) {
    while (n > 16) {
        size_t low = pool_part(v, n);
        pool_sort_serial(v, low);
        v += low;
        n -= low;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            int t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
}

// For pools without loops: where piece i of so many begins.
static inline size_t pool_cut(size_t n, unsigned pieces, unsigned i) { return (size_t)((unsigned long long)n * i / pieces); }

#ifdef __cplusplus
}
#endif
#endif
