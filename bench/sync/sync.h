// sync.h - what the parts of bench_sync.sh share: each library's file defines its kinds by kind.h and pong.h
#ifndef BENCH_SYNC_H
#define BENCH_SYNC_H

#include "../bench.h"

#ifdef __cplusplus
extern "C" {
#endif

extern gokore_atomic_u32 sync_stop; // ends every work()
typedef struct sync_worker {        // one thread's share of a section that several threads enter
    int inside, outside;            // iterations with the lock held, and between
    uint64_t entered;
} sync_worker;
typedef struct sync_kind { // a lock, or a way to take one
    const char *name;
    size_t size;
    void (*pairs)(long n); // takes and gives it n times
    void (*work)(sync_worker *w);
    void (*begin)(void); // may be NULL
} sync_kind;
typedef struct sync_pong { // a condition variable: two threads wake each other n times
    const char *name;
    size_t size;
    void (*play)(int me, long n);
} sync_pong;
typedef struct sync_hop { // a blocked call that another thread ends
    const char *name;
    void (*begin)(void), (*block)(void), (*end)(void), (*finish)(void); // begin, end, finish by one thread, block by another
    bool (*usable)(void); // NULL: always
} sync_hop;
typedef struct sync_timed { // a wait for a lock that is held by another thread, for ns
    const char *name;
    void (*begin)(void);
    bool (*wait)(int64_t ns); // true: it expired
    void (*finish)(void);
} sync_timed;

static inline void sync_spend(int iterations) {
    for (int i = 0; i < iterations; i++) __asm__ __volatile__("");
}

#ifdef __cplusplus
}
#endif
#endif
