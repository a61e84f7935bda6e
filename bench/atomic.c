// atomic.c - the loops that bench_atomic.sh times, compiled once for each PART: 1 raw builtins, 2 ours, 3 ours counted, 4 ours
// checked, 5 C11 atomic_*, 6 ck_pr (libck-dev), 8 ours compiled for counting, but not tracked; without PART the program around
// them. atomic.cc holds those of std::atomic, part 7.
// load is acquire, store release; fetch_add and cas are sequentially consistent.
#ifndef PART
#define PART 0
#endif
#if PART == 3 || PART == 8
#define GOKORE_ATOMIC_COUNT 1
#elif PART == 4
#define GOKORE_ATOMIC_CHECKS 1
#endif
#include "atomic.h"

#if PART
#define DO(n, ...)                                                                                                   \
    for (long i_ = 0; i_ < (n); i_++) {                                                                              \
        __VA_ARGS__;                                                                                                 \
        __asm__ __volatile__("" ::: "memory");                                                                       \
    }
#if PART == 1
static uint64_t x;
#define NAME      "builtin"
#define LOAD      (void)__atomic_load_n(&x, __ATOMIC_ACQUIRE)
#define STORE     __atomic_store_n(&x, 1, __ATOMIC_RELEASE)
#define FETCH_ADD (void)__atomic_fetch_add(&x, 1, __ATOMIC_SEQ_CST)
#define CAS       uint64_t old = 1; (void)__atomic_compare_exchange_n(&x, &old, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#elif PART <= 4 || PART == 8
static gokore_atomic_u64 x;
#define NAME      (PART == 2 ? "gokore" : PART == 3 ? "  counted" : PART == 4 ? "  checked" : "  not tracked")
#define LOAD      (void)gokore_atomic_load_acquire(&x)
#define STORE     gokore_atomic_store_release(&x, 1)
#define FETCH_ADD (void)gokore_atomic_fetch_add(&x, 1)
#define CAS       (void)gokore_atomic_cas(&x, 1, 1)
#elif PART == 5
#include <stdatomic.h>
static _Atomic(uint64_t) x;
#define NAME      "C11 atomic_*"
#define LOAD      (void)atomic_load_explicit(&x, memory_order_acquire)
#define STORE     atomic_store_explicit(&x, 1, memory_order_release)
#define FETCH_ADD (void)atomic_fetch_add(&x, 1)
#define CAS       uint64_t old = 1; (void)atomic_compare_exchange_strong(&x, &old, 1)
#elif PART == 6
#include <ck_pr.h>
static uint64_t x;
#define NAME      "ck_pr"
#define LOAD      (void)ck_pr_load_64(&x); ck_pr_fence_acquire()
#define STORE     ck_pr_fence_release(); ck_pr_store_64(&x, 1)
#define FETCH_ADD (void)ck_pr_faa_64(&x, 1)
#define CAS       (void)ck_pr_cas_64(&x, 1, 1)
#endif
static BENCH_ALIGNED void load(long n) { DO(n, LOAD) }
static BENCH_ALIGNED void store(long n) { DO(n, STORE) }
static BENCH_ALIGNED void fetch_add(long n) { DO(n, FETCH_ADD) }
static BENCH_ALIGNED void cas(long n) { STORE; DO(n, CAS) }
static void track(void) {
#if PART == 3
    if (gokore_atomic_track("x", &x) != GOKORE_OK) abort();
#endif
}
extern const bench_part BENCH_JOIN(bench_part_, PART);
const bench_part BENCH_JOIN(bench_part_, PART) = { NAME, { load, store, fetch_add, cas }, track };

#else // the program
extern const bench_part bench_part_1, bench_part_2, bench_part_3, bench_part_4, bench_part_5, bench_part_8;
extern const bench_part bench_part_6 __attribute__((weak)), bench_part_7 __attribute__((weak)); // where they could be built
enum { PARTS = 8, OPS = 4, ROUNDS = 31, N = 200000, CONTENDED_ROUNDS = 9, CONTENDED_N = 1000000, THREADS = 4 };

static void alone(void) {
    static double ns[PARTS][OPS][ROUNDS];
    const bench_part *parts[PARTS] = { &bench_part_1, &bench_part_2, &bench_part_3, &bench_part_8, &bench_part_4, &bench_part_5,
                                       &bench_part_6, &bench_part_7 };
    for (int p = 0; p < PARTS; p++)
        if (parts[p]) parts[p]->begin();
    for (int round = -3; round < ROUNDS; round++) // the first ones only warm up
        for (int op = 0; op < OPS; op++)
            for (int k = 0; k < PARTS; k++) {
                int p = (k + round + PARTS) % PARTS; // another one begins each time
                if (!parts[p]) continue;
                int64_t start = gokore_now_ns();
                parts[p]->run[op](N);
                if (round >= 0) ns[p][op][round] = (double)(gokore_now_ns() - start) / N;
            }
    printf("ns per operation on a 64-bit object of one thread, and its ratio to the builtin; medians of %d alternating rounds\n", ROUNDS);
    printf("%-14s%17s%17s%17s%17s\n", "", "load_acquire", "store_release", "fetch_add", "cas");
    double raw[OPS];
    for (int p = 0; p < PARTS; p++) {
        if (!parts[p]) continue;
        printf("%-14s", parts[p]->name);
        for (int op = 0; op < OPS; op++) {
            double m = bench_median(ns[p][op], ROUNDS);
            if (p == 0) raw[op] = m;
            printf("%9.2f  x%5.2f", m, m / raw[op]);
        }
        printf("\n");
    }
    if (!parts[6]) printf("skip ck_pr: no <ck_pr.h> (libck-dev)\n");
    if (!parts[7]) printf("skip std::atomic: no C++ compiler\n");
}

static struct { _Alignas(64) gokore_atomic_i64 one; gokore_counter counter; _Alignas(64) gokore_atomic_u32 ready; } contended;
static void add_to_one(void *arg) {
    (void)gokore_atomic_fetch_add(&contended.ready, 1);
    while (gokore_atomic_load(&contended.ready) < *(const uint32_t *)arg) gokore_yield_();
    for (int i = 0; i < CONTENDED_N; i++) (void)gokore_atomic_fetch_add_relaxed(&contended.one, 1);
}
static void add_to_counter(void *arg) {
    (void)gokore_atomic_fetch_add(&contended.ready, 1);
    while (gokore_atomic_load(&contended.ready) < *(const uint32_t *)arg) gokore_yield_();
    for (int i = 0; i < CONTENDED_N; i++) gokore_counter_add(&contended.counter, 1);
}
static double contend(gokore_thread_fn_ *fn, uint32_t threads) { // ns of the whole machine per addition
    gokore_thread_ handles[THREADS];
    gokore_atomic_store(&contended.ready, 0);
    int64_t start = gokore_now_ns();
    for (uint32_t i = 0; i < threads; i++)
        if (gokore_thread_start_(&handles[i], fn, &threads, 0) != GOKORE_OK) abort();
    for (uint32_t i = 0; i < threads; i++) gokore_thread_join_(&handles[i]);
    return (double)(gokore_now_ns() - start) / ((double)CONTENDED_N * threads);
}
static void together(void) {
    printf("ns per addition, of all threads together; medians of %d alternating rounds on %ld CPUs\n", CONTENDED_ROUNDS, sysconf(_SC_NPROCESSORS_ONLN));
    printf("%-14s%14s%14s%9s\n", "", "fetch_add", "counter_add", "ratio");
    for (uint32_t threads = 1; threads <= THREADS; threads *= 2) {
        double one[CONTENDED_ROUNDS], counter[CONTENDED_ROUNDS];
        for (int round = 0; round < CONTENDED_ROUNDS; round++) {
            one[round] = contend(add_to_one, threads);
            counter[round] = contend(add_to_counter, threads);
        }
        double a = bench_median(one, CONTENDED_ROUNDS), b = bench_median(counter, CONTENDED_ROUNDS);
        printf("%2u thread%-5s%14.2f%14.2f  x%6.2f\n", threads, threads > 1 ? "s" : "", a, b, b / a);
    }
}

int main(void) {
    alone();
    together();
    return 0;
}
#endif
