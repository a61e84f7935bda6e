// bench.h - what the benchmarks share
#ifndef BENCH_H
#define BENCH_H

#include "../gokore_atomic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BENCH_ALIGNED     __attribute__((aligned(64))) // so that where a loop happens to lie does not count
#define BENCH_JOIN_(a, b) a##b
#define BENCH_JOIN(a, b)  BENCH_JOIN_(a, b)

static inline int bench_by_value(const void *a, const void *b) {
    const double *x = (const double *)a, *y = (const double *)b;
    return (*x > *y) - (*x < *y);
}
static inline double bench_percentile(double *v, size_t n, unsigned percent) { // sorts v
    qsort(v, n, sizeof *v, bench_by_value);
    return v[(n - 1) * percent / 100];
}
static inline double bench_median(double *v, size_t n) { // sorts v
    qsort(v, n, sizeof *v, bench_by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

#endif
