// race.c - for tests/check/test_races.sh: threads that share data under every primitive. Argument 1: one datum is under none; 2: two
// locks are taken in both orders. ANNOTATED: ThreadSanitizer is told of mutexes by their observers; it does without, and then sees
// only the atomics that they are made of.
#define _GNU_SOURCE
#define GOKORE_IMPLEMENTATION
#include "../../gokore_channel.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, ROUNDS = 100 };
static gokore_mutex mutex, outer, inner;
static gokore_cond cond;
static gokore_rwlock rwlock;
static gokore_semaphore semaphore = GOKORE_SEMAPHORE_INIT(1);
static gokore_waitgroup group;
static gokore_once_flag once;
static gokore_channel *channel;
static gokore_atomic_u32 published;
static int under_mutex, under_rwlock, under_semaphore, ready, made, sent, before_flag, fault, racy;

#if ANNOTATED
#include <sanitizer/tsan_interface.h>
static void annotate_acquired(void *unused, const void *lock, void *const *stack, size_t depth) {
    (void)unused, (void)stack, (void)depth;
    __tsan_mutex_pre_lock((void *)lock, 0);
    __tsan_mutex_post_lock((void *)lock, 0, 0);
}
static void annotate_released(void *unused, const void *lock) { // comes before others can have it
    (void)unused;
    __tsan_mutex_pre_unlock((void *)lock, 0);
    __tsan_mutex_post_unlock((void *)lock, 0);
}
static gokore_lock_observer annotations = { .acquired = annotate_acquired, .released = annotate_released };
static void annotate(gokore_mutex *m) {
    __tsan_mutex_create(m, 0);
    gokore_mutex_set_observer(m, &annotations);
}
#else
static void annotate(gokore_mutex *m) { (void)m; }
#endif

static void lock_both(gokore_mutex *a, gokore_mutex *b) {
    if (gokore_mutex_lock(a, NULL) != GOKORE_OK) return;
    if (gokore_mutex_lock(b, NULL) == GOKORE_OK) gokore_mutex_unlock(b);
    gokore_mutex_unlock(a);
}

static void make(void *user) { made = *(int *)user; }

static void round_of_locks(int *value) {
    gokore_context patience;
    gokore_context_init_timeout(&patience, NULL, INT64_C(60000000000));
    if (gokore_mutex_lock(&mutex, &patience) == GOKORE_OK) {
        under_mutex++;
        ready = 1;
        gokore_cond_signal(&cond);
        gokore_mutex_unlock(&mutex);
    }
    gokore_context_deinit(&patience);
    if (gokore_rwlock_read_lock(&rwlock, NULL) == GOKORE_OK) {
        if (under_rwlock < 0) puts("impossible");
        gokore_rwlock_read_unlock(&rwlock);
    }
    if (gokore_rwlock_write_lock(&rwlock, NULL) == GOKORE_OK) {
        under_rwlock++;
        gokore_rwlock_write_unlock(&rwlock);
    }
    if (gokore_semaphore_acquire(&semaphore, 1, NULL) == GOKORE_OK) {
        under_semaphore++;
        gokore_semaphore_release(&semaphore, 1);
    }
    gokore_once(&once, make, value);
    if (made != *value) puts("impossible");
}

static void *run(void *value) {
    for (int i = 0; i < ROUNDS; i++) round_of_locks(value);
    lock_both(&outer, &inner);
    if (fault == 1) racy++;
    gokore_waitgroup_done(&group);
    return NULL;
}

static void *receive(void *unused) {
    int *item;
    while (gokore_channel_recv(channel, &item, NULL) == GOKORE_OK) sent += *item;
    while (!gokore_atomic_load_acquire(&published)) gokore_cpu_relax();
    sent += before_flag;
    return unused;
}

int main(int argc, char **argv) {
    int value = 5, items[8];
    pthread_t thread[THREADS], receiver;
    fault = argc > 1 ? atoi(argv[1]) : 0;
    annotate(&mutex);
    annotate(&outer);
    annotate(&inner);
    if (gokore_channel_create(&channel, &(gokore_channel_desc) { .item_size = sizeof(int *), .capacity = 2 }) != GOKORE_OK) return 1;
    gokore_waitgroup_add(&group, THREADS);
    (void)pthread_create(&receiver, NULL, receive, NULL);
    for (int i = 0; i < THREADS; i++) (void)pthread_create(&thread[i], NULL, run, &value);
    for (int i = 0; i < 8; i++) {
        int *item = &items[i];
        items[i] = i;
        if (gokore_channel_send(channel, &item, NULL) != GOKORE_OK) return 1;
    }
    gokore_channel_close(channel);
    before_flag = 2;
    gokore_atomic_store_release(&published, 1);
    if (gokore_mutex_lock(&mutex, NULL) == GOKORE_OK) {
        while (!ready && gokore_cond_wait(&cond, &mutex, NULL) == GOKORE_OK) {}
        gokore_mutex_unlock(&mutex);
    }
    if (gokore_waitgroup_wait(&group, NULL) != GOKORE_OK) return 1;
    printf("%d %d %d\n", under_mutex, under_rwlock, under_semaphore);
    for (int i = 0; i < THREADS; i++) (void)pthread_join(thread[i], NULL);
    (void)pthread_join(receiver, NULL);
    if (fault == 2) lock_both(&inner, &outer); // they have ended: no deadlock comes of it
    printf("%d %d\n", sent, racy);
    gokore_channel_destroy(channel);
    return 0;
}
