// atomic.h - what the parts of bench_atomic.sh share
#ifndef BENCH_ATOMIC_H
#define BENCH_ATOMIC_H

#include "bench.h"

typedef struct bench_part { // one way to do the four operations, n times each
    const char *name;
    void (*run[4])(long n);
    void (*begin)(void);
} bench_part;

#endif
