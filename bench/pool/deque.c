// deque.c - goKore's deque alone: CPU ns for a push and a pop, in pairs and in batches, and for a steal; beside the published one
#define _GNU_SOURCE
#include "pool.h"
#include "../../gokore_pool.h"

#include <stdatomic.h>
#include <time.h>

// ---- the deque as N. Lê and others published it (PPoPP 2013), with a seq_cst fence, without growth. Not inlined, as goKore's.
typedef struct published {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) _Atomic int64_t top;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) _Atomic int64_t bottom;
    int64_t size; // a power of two
    void *_Atomic *slot;
} published;
static __attribute__((noinline)) bool published_push(published *d, void *item) {
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed), t = atomic_load_explicit(&d->top, memory_order_acquire);
    if (b - t > d->size - 1) return false;
    atomic_store_explicit(&d->slot[b & (d->size - 1)], item, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed);
    return true;
}
static __attribute__((noinline)) void *published_take(published *d) {
    int64_t b = atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
    atomic_store_explicit(&d->bottom, b, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    int64_t t = atomic_load_explicit(&d->top, memory_order_relaxed);
    void *item = t <= b ? atomic_load_explicit(&d->slot[b & (d->size - 1)], memory_order_relaxed) : NULL;
    if (t < b) return item;
    if (t == b && !atomic_compare_exchange_strong_explicit(&d->top, &t, t + 1, memory_order_seq_cst, memory_order_relaxed)) item = NULL;
    atomic_store_explicit(&d->bottom, b + 1, memory_order_relaxed);
    return item;
}

enum { ROUNDS = 31, N = 100000, BATCH = 256 };

static int64_t own_time_ns(void) { // of this thread, so that others' load counts little
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static void expect(bool right) {
    if (!right) abort();
}
static BENCH_ALIGNED double pairs(gokore_deque *d, void *item) {
    int64_t start = own_time_ns();
    for (int i = 0; i < N; i++) {
        expect(gokore_deque_push(d, item) == GOKORE_OK);
        expect(gokore_deque_pop(d) == item);
    }
    return (double)(own_time_ns() - start) / N;
}
static BENCH_ALIGNED double batches(gokore_deque *d, void *item) {
    int64_t start = own_time_ns();
    for (int i = 0; i < N / BATCH; i++) {
        for (int k = 0; k < BATCH; k++) expect(gokore_deque_push(d, item) == GOKORE_OK);
        for (int k = 0; k < BATCH; k++) expect(gokore_deque_pop(d) == item);
    }
    return (double)(own_time_ns() - start) / (N / BATCH * BATCH);
}
static BENCH_ALIGNED double steals(gokore_deque *d, void *item) {
    void *got = NULL;
    for (int i = 0; i < N; i++) expect(gokore_deque_push(d, item) == GOKORE_OK);
    int64_t start = own_time_ns();
    for (int i = 0; i < N; i++) expect(gokore_deque_steal(d, &got) == GOKORE_STEAL_SUCCESS);
    return (double)(own_time_ns() - start) / N;
}
static BENCH_ALIGNED double published_pairs(published *d) {
    int64_t start = own_time_ns();
    for (int i = 0; i < N; i++) {
        expect(published_push(d, d));
        expect(published_take(d) == d);
    }
    return (double)(own_time_ns() - start) / N;
}
static BENCH_ALIGNED double published_batches(published *d) {
    int64_t start = own_time_ns();
    for (int i = 0; i < N / BATCH; i++) {
        for (int k = 0; k < BATCH; k++) expect(published_push(d, d));
        for (int k = 0; k < BATCH; k++) expect(published_take(d) == d);
    }
    return (double)(own_time_ns() - start) / (N / BATCH * BATCH);
}

void pool_deque(pool_deque_figures *out) {
    static gokore_deque d;
    static published p = { .size = BATCH };
    static double ns[5][ROUNDS];
    p.slot = (void *_Atomic *)calloc(BATCH, sizeof *p.slot);
    expect(p.slot);
    expect(gokore_deque_init(&d, &(gokore_deque_desc) { .capacity = N }) == GOKORE_OK);
    for (int i = 0; i < ROUNDS; i++) {
        ns[0][i] = pairs(&d, &d);
        ns[1][i] = batches(&d, &d);
        ns[2][i] = steals(&d, &d);
        ns[3][i] = published_pairs(&p);
        ns[4][i] = published_batches(&p);
    }
    *out = (pool_deque_figures) { bench_median(ns[0], ROUNDS), bench_median(ns[1], ROUNDS), bench_median(ns[2], ROUNDS),
                                  bench_median(ns[3], ROUNDS), bench_median(ns[4], ROUNDS) };
    free(p.slot);
    gokore_deque_deinit(&d);
}
