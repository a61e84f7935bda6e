// waiting.h - for tests of what blocks: threads, pauses that are not under test, and a way to know that a call waits
#ifndef TEST_WAITING_H
#define TEST_WAITING_H

#include "test.h"
#include "../../gokore_sync.h"

#include <pthread.h>
#include <time.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static inline void pause_ns(int64_t ns) { // not gokore_sleep_ns: that is under test
    struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
    while (nanosleep(&t, &t) != 0) {}
}
static inline void spin_ns(int64_t ns) {
    for (int64_t end = gokore_now_ns() + ns; gokore_now_ns() < end;) gokore_cpu_relax();
}

static inline pthread_t begin(void *(*fn)(void *), void *arg) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, fn, arg) == 0);
    return thread;
}
static inline void end(pthread_t thread) { REQUIRE(pthread_join(thread, NULL) == 0); }

// How many calls wait with this context now. A lock call shows up here when it stands in the lock's queue already.
static inline size_t waiting(gokore_context *ctx) {
    return gokore_atomic_load(&ctx->waiting_);
}
static inline void until_waiting(gokore_context *ctx, size_t n) {
    while (waiting(ctx) != n) pause_ns(20 * US);
}

#endif
