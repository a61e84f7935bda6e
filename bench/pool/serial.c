// serial.c - no pool: plain calls
#include "pool.h"

static POOL_NOINLINE uint64_t fib(int n) { return n < 2 ? (uint64_t)n : fib(n - 1) + fib(n - 2); }
static POOL_NOINLINE uint64_t place(pool_board b) {
    uint64_t found = b.columns == b.all;
    for (uint32_t left = pool_free_columns(b); left != 0; left &= left - 1) found += place(pool_placed(b, left & -left));
    return found;
}
static uint64_t queens(uint32_t n) { return place(pool_empty_board(n)); }
static POOL_NOINLINE uint64_t walk(uint64_t node, uint32_t children) {
    uint64_t nodes = 1;
    for (uint32_t i = 0; i < children; i++) {
        uint64_t child = pool_child(node, i);
        nodes += walk(child, pool_children(child));
    }
    return nodes;
}
static uint64_t tree(uint32_t width) { return walk(1, width); }
static void range(size_t n, pool_range_fn *fn, void *arg) { fn(0, n, arg); }
static POOL_NOINLINE void nothing(void) { pool_nothing(); }
static void inside(size_t n) {
    while (n-- > 0) nothing();
}
static void begin(unsigned workers) { (void)workers; }
static void end(void) {}

const pool_peer pool_serial = { .name = "serial", .begin = begin, .end = end, .fib = fib, .queens = queens, .tree = tree,
                                .sort = pool_sort_serial, .range = range, .inside = inside };
