// deque.c - goKore's deque alone: CPU ns for a push and a pop, in pairs and in batches, and for a steal
#define _GNU_SOURCE
#include "pool.h"
#include "../../gokore_pool.h"

#include <time.h>

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
static BENCH_ALIGNED double exchanges(void) {
    static gokore_atomic_u64 word;
    int64_t start = own_time_ns();
    for (int i = 0; i < N; i++) (void)gokore_atomic_exchange(&word, (uint64_t)i);
    return (double)(own_time_ns() - start) / N;
}

void pool_deque(double *pair, double *batch, double *steal, double *exchange) {
    static gokore_deque d;
    static double ns[4][ROUNDS];
    expect(gokore_deque_init(&d, &(gokore_deque_desc) { .capacity = N }) == GOKORE_OK);
    for (int i = 0; i < ROUNDS; i++) {
        ns[0][i] = pairs(&d, &d);
        ns[1][i] = batches(&d, &d);
        ns[2][i] = steals(&d, &d);
        ns[3][i] = exchanges();
    }
    *pair = bench_median(ns[0], ROUNDS);
    *batch = bench_median(ns[1], ROUNDS);
    *steal = bench_median(ns[2], ROUNDS);
    *exchange = bench_median(ns[3], ROUNDS);
    gokore_deque_deinit(&d);
}
