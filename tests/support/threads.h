// threads.h - what tests with threads of their own share: how much less to do under a sanitizer, naps, and waiting until
// another thread sleeps. Include it before any libc header: it asks for GNU names.
#ifndef TEST_THREADS_H
#define TEST_THREADS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 10 // how much less the long tests do
#elif __has_feature(address_sanitizer)
#define SLOW 2
#endif
#elif defined(__SANITIZE_THREAD__)
#define SLOW 10
#elif defined(__SANITIZE_ADDRESS__)
#define SLOW 2
#endif
#ifndef SLOW
#define SLOW 1
#endif
#define MS 1000000 // nanoseconds

static inline void nap(long ns) {
    struct timespec t = { ns / 1000000000, ns % 1000000000 };
    (void)nanosleep(&t, NULL);
}

static inline void spin(uint64_t n) {
    for (volatile uint64_t i = 0; i < n; i++) {}
}

static inline int64_t thread_id(void) { return (int64_t)syscall(SYS_gettid); }

static inline bool looks_asleep(int64_t tid) {
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/self/task/%lld/stat", (long long)tid);
    FILE *f = fopen(path, "r");
    if (!f) return true; // no /proc: the naps must do
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = 0;
    const char *end = strrchr(text, ')');
    return end && end[1] && end[2] == 'S';
}

// Returns when that thread sleeps, or after a while.
static inline void await_asleep(int64_t tid) {
    for (int tries = 0, seen = 0; tries < 300 && seen < 5; tries++, nap(MS)) seen = looks_asleep(tid) ? seen + 1 : 0;
}

// Returns when the thread that stores its id there and then makes a blocking call sleeps in that call.
static inline void await_asleep_in(gokore_atomic_i64 *tid) {
    while (gokore_atomic_load(tid) == 0) nap(MS / 10);
    await_asleep(gokore_atomic_load(tid));
}

#endif
