// tbb.cc - oneTBB: task groups in an arena of so many threads; what comes from outside goes to another, which has workers only
#include "pool.h"

#define TBB_PREVIEW_WAITING_FOR_WORKERS 1
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <memory>
#include <new>
#include <vector>

namespace {
std::unique_ptr<tbb::global_control> limit;
std::unique_ptr<tbb::task_arena> arena, outside;
tbb::task_scheduler_handle handle;

void begin(unsigned workers) {
    handle = tbb::task_scheduler_handle { tbb::attach {} };
    limit.reset(new tbb::global_control(tbb::global_control::max_allowed_parallelism, workers + 1));
    arena.reset(new tbb::task_arena(static_cast<int>(workers)));
    outside.reset(new tbb::task_arena(static_cast<int>(workers), 0));
}
void end() {
    outside.reset();
    arena.reset();
    limit.reset();
    if (!tbb::finalize(handle, std::nothrow)) abort();
}

uint64_t fib_task(int n) {
    if (n < 2) return static_cast<uint64_t>(n);
    uint64_t a = 0;
    tbb::task_group group;
    group.run([&a, n] { a = fib_task(n - 1); });
    uint64_t b = fib_task(n - 2);
    group.wait();
    return a + b;
}
uint64_t place(pool_board b) {
    uint64_t found[32], sum = b.columns == b.all;
    uint32_t spawned = 0;
    tbb::task_group group;
    for (uint32_t left = pool_free_columns(b); left != 0; left &= left - 1, spawned++) {
        uint64_t *out = &found[spawned];
        pool_board next = pool_placed(b, left & -left);
        group.run([out, next] { *out = place(next); });
    }
    group.wait();
    while (spawned > 0) sum += found[--spawned];
    return sum;
}
uint64_t walk(uint64_t node, uint32_t children) {
    if (children == 0) return 1;
    uint64_t some[TREE_FAN], nodes = 1;
    std::vector<uint64_t> many(children > TREE_FAN ? children : 0);
    uint64_t *found = children > TREE_FAN ? many.data() : some;
    tbb::task_group group;
    for (uint32_t i = 0; i < children; i++) {
        uint64_t child = pool_child(node, i), *out = &found[i];
        group.run([child, out] { *out = walk(child, pool_children(child)); });
    }
    group.wait();
    for (uint32_t i = 0; i < children; i++) nodes += found[i];
    return nodes;
}
void sort_task(int *v, size_t n) {
    if (n < SORT_CUT) return pool_sort_serial(v, n);
    size_t low = pool_part(v, n);
    tbb::task_group group;
    group.run([v, low] { sort_task(v, low); });
    sort_task(v + low, n - low);
    group.wait();
}
uint64_t fib(int n) {
    return arena->execute([n] { return fib_task(n); });
}
uint64_t queens(uint32_t n) {
    return arena->execute([n] { return place(pool_empty_board(n)); });
}
uint64_t tree(uint32_t width) {
    return arena->execute([width] { return walk(1, width); });
}
void sort(int *v, size_t n) {
    arena->execute([v, n] { sort_task(v, n); });
}
void range(size_t n, pool_range_fn *fn, void *arg) {
    arena->execute([=] {
        tbb::blocked_range<size_t> all(0, n);
        tbb::parallel_for(all, [=](const tbb::blocked_range<size_t> &r) { fn(r.begin(), r.end(), arg); });
    });
}
void inside(size_t n) {
    arena->execute([n] {
        tbb::task_group group;
        for (size_t i = 0; i < n; i++) group.run([] { pool_nothing(); });
        group.wait();
    });
}
void flood(size_t n) {
    for (size_t i = 0; i < n; i++) outside->enqueue([] { pool_tick(); });
}
void submit(pool_fn *fn, void *arg) {
    outside->enqueue([fn, arg] { fn(arg); });
}
} // namespace

extern "C" const pool_peer pool_tbb;
const pool_peer pool_tbb = { "tbb", false, begin, end, fib, queens, tree, sort, range, inside, nullptr, flood, submit, nullptr };
