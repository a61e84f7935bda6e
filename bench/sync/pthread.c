// pthread.c - the C library's and the kernel's part of bench_sync.sh
#define _GNU_SOURCE
#include "sync.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#define EXTERN_C

#define ID        pthread
#define NAME      "pthread_mutex"
#define TYPE      pthread_mutex_t
#define LOCK(l)   pthread_mutex_lock(l)
#define UNLOCK(l) pthread_mutex_unlock(l)
#include "kind.h"

#define ID        pthread_try
#define NAME      " trylock"
#define TYPE      pthread_mutex_t
#define LOCK(l)   do { if (pthread_mutex_trylock(l)) abort(); } while (0)
#define UNLOCK(l) pthread_mutex_unlock(l)
#include "kind.h"

#define ID        pthread_read
#define NAME      "pthread_rwlock read"
#define TYPE      pthread_rwlock_t
#define LOCK(l)   pthread_rwlock_rdlock(l)
#define UNLOCK(l) pthread_rwlock_unlock(l)
#define READ
#include "kind.h"

#define ID        pthread_write
#define NAME      "pthread_rwlock write"
#define TYPE      pthread_rwlock_t
#define LOCK(l)   pthread_rwlock_wrlock(l)
#define UNLOCK(l) pthread_rwlock_unlock(l)
#include "kind.h"

static void post(void);
#define ID        pthread_semaphore
#define NAME      "sem_t"
#define TYPE      sem_t
#define LOCK(l)   sem_wait(l)
#define UNLOCK(l) sem_post(l)
#define BEGIN     post
#include "kind.h"
static void post(void) {
    if (sem_init(&pthread_semaphore_it.lock, 0, 1)) abort();
}

// What unlocked threads do: how even the machine itself is.
#define ID        nothing
#define NAME      "no lock"
#define TYPE      char
#define LOCK(l)   (void)(l)
#define UNLOCK(l) (void)(l)
#define READ
#include "kind.h"

static pthread_mutex_t blocked = PTHREAD_MUTEX_INITIALIZER;
static void hold(void) { pthread_mutex_lock(&blocked); }
static void release(void) { pthread_mutex_unlock(&blocked); }
static void pass(void) {
    hold();
    release();
}
extern const sync_hop sync_hop_pthread_unlock, sync_hop_futex, sync_hop_waitv;
const sync_hop sync_hop_pthread_unlock = { "pthread: unlock to mutex_lock", hold, pass, release, NULL, NULL };

static bool wait_clock(int64_t ns) {
    struct timespec t;
    int64_t at = gokore_now_ns() + ns;
    t.tv_sec = (time_t)(at / 1000000000);
    t.tv_nsec = (long)(at % 1000000000);
    return pthread_mutex_clocklock(&blocked, CLOCK_MONOTONIC, &t) == ETIMEDOUT;
}
extern const sync_timed sync_timed_pthread;
const sync_timed sync_timed_pthread = { "pthread_mutex_clocklock", hold, wait_clock, release };

static gokore_atomic_u32 words[2];
static void clear(void) { gokore_atomic_store(&words[1], 0); }
static void block_futex(void) {
    while (gokore_atomic_load(&words[1]) == 0) (void)syscall(SYS_futex, &words[1], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
static void end_futex(void) {
    gokore_atomic_store(&words[1], 1);
    (void)syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
const sync_hop sync_hop_futex = { "futex", clear, block_futex, end_futex, NULL, NULL };

static void block_waitv(void) {
    struct { uint64_t value, address; uint32_t flags, reserved; } on[2] = { // the kernel's futex_waitv: flags 2 = 32 bits, 128 = private
        { 0, (uint64_t)(uintptr_t)&words[0], 2 | 128, 0 },
        { 0, (uint64_t)(uintptr_t)&words[1], 2 | 128, 0 },
    };
    while (gokore_atomic_load(&words[1]) == 0) (void)syscall(449, on, 2, 0, NULL, CLOCK_MONOTONIC);
}
static bool has_waitv(void) { return syscall(449, NULL, 0, 0, NULL, CLOCK_MONOTONIC) == 0 || errno != ENOSYS; }
const sync_hop sync_hop_waitv = { "futex_waitv on two words", clear, block_waitv, end_futex, NULL, has_waitv };

#define ID         pthread
#define NAME       "pthread_cond"
#define MUTEX      pthread_mutex_t
#define COND       pthread_cond_t
#define LOCK(l)    pthread_mutex_lock(l)
#define UNLOCK(l)  pthread_mutex_unlock(l)
#define WAIT(c, l) pthread_cond_wait(c, l)
#define SIGNAL(c)  pthread_cond_signal(c)
#include "pong.h"
