// lockorder.c - what a lock-order checker costs: the same three loads for every checker, chosen by PEER when compiled
//
//   pair     two locks nested, warm: ns per pair of lock and unlock, by CPU time
//   threads  the same by two threads on locks of their own: ns per pair and thread
//   window   131072 locks in a window of five: seconds of CPU time; with an argument, fewer locks
//   memory   bytes that the process has grown by per lock taken alone, and per edge of the window (four for each lock)
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#if defined(PEER_GOKORE)
#define GOKORE_IMPLEMENTATION
#include "../gokore_sync.h"
typedef gokore_mutex lock;
#define LOCK(m)   ((void)!gokore_mutex_lock((m), NULL))
#define UNLOCK(m) gokore_mutex_unlock(m)
#define BEGIN()
#elif defined(PEER_ABSL)
#include <absl/synchronization/mutex.h>
typedef absl::Mutex lock;
#define LOCK(m)   (m)->Lock()
#define UNLOCK(m) (m)->Unlock()
#define BEGIN()   absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kReport)
#else
#include <pthread.h>
typedef pthread_mutex_t lock; // plain, and for helgrind and ThreadSanitizer: all-zero is PTHREAD_MUTEX_INITIALIZER here
#define LOCK(m)   ((void)pthread_mutex_lock(m))
#define UNLOCK(m) ((void)pthread_mutex_unlock(m))
#define BEGIN()
#endif

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOCKS = 131072, WINDOW = 5 };
typedef struct work {
    char before[256]; // a thread's locks share no cache line with what another reads
    lock a, b;
    char apart[256];
    long rounds;
    double ns;
} work;
static work works[3];
static lock many[LOCKS], others[LOCKS];

static double cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *pairs(void *arg) {
    work *w = (work *)arg;
    for (int warm = 0; warm < 2; warm++) {
        double begin = cpu_ns();
        for (long i = 0; i < w->rounds; i++) {
            LOCK(&w->a);
            LOCK(&w->b);
            UNLOCK(&w->b);
            UNLOCK(&w->a);
        }
        w->ns = (cpu_ns() - begin) / (double)w->rounds;
    }
    return NULL;
}

static double window(int locks) {
    double begin = cpu_ns();
    for (int i = 0; i < locks; i++) {
        LOCK(&many[i]);
        if (i >= WINDOW - 1) UNLOCK(&many[i - (WINDOW - 1)]);
    }
    for (int i = locks - (WINDOW - 1); i < locks; i++) UNLOCK(&many[i]);
    return (cpu_ns() - begin) / 1e9;
}

static double resident(void) { // bytes, 0 where the system does not say
    long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
    if (f) (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void alone(int locks) {
    for (int i = 0; i < locks; i++) {
        LOCK(&others[i]);
        UNLOCK(&others[i]);
    }
}

int main(int argc, char **argv) {
    int locks = argc > 1 ? atoi(argv[1]) : LOCKS;
    long rounds = argc > 2 ? atol(argv[2]) : 1000000;
    pthread_t thread[2];
    if (locks < WINDOW || locks > LOCKS || rounds < 1) return 2;
    BEGIN();
    for (int i = 0; i < 3; i++) works[i].rounds = rounds;
    (void)pairs(&works[0]);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, pairs, &works[1 + i]) != 0) return 1;
    for (int i = 0; i < 2; i++) (void)pthread_join(thread[i], NULL);
    for (size_t i = 0; i < sizeof many; i += 1024) ((volatile char *)many)[i] = ((volatile char *)others)[i] = 0; // the locks themselves
    double before = resident(), seconds = window(locks), grown = resident() - before;
    before = resident();
    alone(locks);
    double lock_bytes = (resident() - before) / locks, edge_bytes = (grown / locks - lock_bytes) / (WINDOW - 1);
    printf("%.1f %.1f %.3f %.0f %.0f\n", works[0].ns, (works[1].ns + works[2].ns) / 2, seconds, lock_bytes, edge_bytes);
    return 0;
}
