// uncontended.c - for tests/check/test_system_calls.sh: every primitive, N times (the argument), by a thread that meets nobody;
// with an odd N, one wait besides
#define GOKORE_IMPLEMENTATION
#include "../../gokore_sync.h"

#include <stdlib.h>

static gokore_mutex mutex;
static gokore_cond cond;
static gokore_rwlock rwlock;
static gokore_semaphore semaphore;
static gokore_waitgroup group;
static gokore_once_flag once;

static void make(void *user) { *(int *)user += 1; }

static int rounds(int n, gokore_context *ctx) {
    int made = 0, failed = 0;
    for (int i = 0; i < n; i++) {
        failed |= gokore_mutex_lock(&mutex, ctx) != GOKORE_OK;
        gokore_cond_signal(&cond);
        gokore_cond_broadcast(&cond);
        failed |= gokore_mutex_try_lock(&mutex, 0) == GOKORE_OK;
        gokore_mutex_unlock(&mutex);
        failed |= gokore_rwlock_read_lock(&rwlock, ctx) != GOKORE_OK;
        failed |= gokore_rwlock_try_write_lock(&rwlock, 0) == GOKORE_OK;
        gokore_rwlock_read_unlock(&rwlock);
        failed |= gokore_rwlock_write_lock(&rwlock, ctx) != GOKORE_OK;
        gokore_rwlock_write_unlock(&rwlock);
        gokore_semaphore_release(&semaphore, 3);
        failed |= gokore_semaphore_acquire(&semaphore, 3, ctx) != GOKORE_OK;
        gokore_once(&once, make, &made);
        gokore_waitgroup_add(&group, 1);
        gokore_waitgroup_done(&group);
        failed |= gokore_waitgroup_wait(&group, ctx) != GOKORE_OK;
    }
    return failed || made != 1;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 0;
    gokore_context root, child;
    gokore_context_init_timeout(&root, NULL, INT64_C(3600000000000));
    gokore_context_init(&child, &root);
    int failed = rounds(n, &child);
    if (n % 2) failed |= gokore_sleep_ns(1000000, &child) != GOKORE_OK;
    gokore_context_cancel(&root);
    gokore_context_deinit(&child);
    gokore_context_deinit(&root);
    return failed;
}
