// channel.c - one shape of one peer, timed: channel PEER SHAPE ITEMS prints ns per item, of CPU time where there is
// one thread. bench_channel.sh compares.
// Shapes: one (a thread sends and receives), select (the same, received by a select of two), spsc, mpmc (2 and 2; capacity
// 1024 each), pingpong (two rendezvous, or the smallest queues that the peer has; ns per round trip).
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../gokore_channel.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifndef HAVE_CK
#define HAVE_CK 0
#endif
#ifndef HAVE_GLIB
#define HAVE_GLIB 0
#endif
#if HAVE_CK
#include <ck_ring.h>
#endif
#if HAVE_GLIB
#include <glib.h>
#endif

enum { CAPACITY = 1024 };
#define NOINLINE __attribute__((noinline))

// >>gokore
typedef gokore_channel gokore_queue;
static gokore_queue *gokore_make(size_t capacity) {
    gokore_channel *ch = NULL;
    if (gokore_channel_create(&ch, &(gokore_channel_desc) { .item_size = 8, .capacity = capacity }) != GOKORE_OK) abort();
    return ch;
}
static void gokore_put(gokore_queue *q, uint64_t v) {
    if (gokore_channel_send(q, &v, NULL) != GOKORE_OK) abort();
}
static uint64_t gokore_take(gokore_queue *q) {
    uint64_t v;
    if (gokore_channel_recv(q, &v, NULL) != GOKORE_OK) abort();
    return v;
}
static uint64_t gokore_take_either(gokore_queue *a, gokore_queue *b) {
    uint64_t v;
    size_t chosen;
    gokore_select_case cases[] = { { a, GOKORE_SELECT_RECV, &v }, { b, GOKORE_SELECT_RECV, &v } };
    if (gokore_channel_select(cases, 2, NULL, &chosen) != GOKORE_OK) abort();
    return v;
}

// >>ring: a mutex and two conditions
typedef struct ring_queue {
    pthread_mutex_t lock;
    pthread_cond_t room, items;
    size_t capacity, head, count;
    uint64_t item[];
} ring_queue;
static ring_queue *ring_make(size_t capacity) {
    if (capacity == 0) capacity = 1;
    ring_queue *q = (ring_queue *)calloc(1, sizeof *q + capacity * sizeof q->item[0]);
    if (!q) abort();
    q->capacity = capacity;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->room, NULL);
    pthread_cond_init(&q->items, NULL);
    return q;
}
static NOINLINE void ring_put(ring_queue *q, uint64_t v) {
    pthread_mutex_lock(&q->lock);
    while (q->count == q->capacity) pthread_cond_wait(&q->room, &q->lock);
    size_t at = q->head + q->count++;
    q->item[at < q->capacity ? at : at - q->capacity] = v;
    pthread_cond_signal(&q->items);
    pthread_mutex_unlock(&q->lock);
}
static NOINLINE uint64_t ring_take(ring_queue *q) {
    pthread_mutex_lock(&q->lock);
    while (q->count == 0) pthread_cond_wait(&q->items, &q->lock);
    uint64_t v = q->item[q->head];
    q->head = q->head + 1 < q->capacity ? q->head + 1 : 0;
    q->count--;
    pthread_cond_signal(&q->room);
    pthread_mutex_unlock(&q->lock);
    return v;
}
static uint64_t ring_take_either(ring_queue *a, ring_queue *b) { (void)a; (void)b; abort(); }

// >>ck_ring, by any number of threads; it does not block, so it yields
#if HAVE_CK
typedef struct ck_queue {
    ck_ring_t ring;
    ck_ring_buffer_t buffer[];
} ck_queue;
static ck_queue *ck_make(size_t capacity) {
    unsigned size = 4;
    while (size < capacity) size *= 2; // it holds one less
    ck_queue *q = (ck_queue *)calloc(1, sizeof *q + size * sizeof q->buffer[0]);
    if (!q) abort();
    ck_ring_init(&q->ring, size);
    return q;
}
static void ck_put(ck_queue *q, uint64_t v) {
    for (int i = 0; !ck_ring_enqueue_mpmc(&q->ring, q->buffer, (void *)(uintptr_t)(v + 1)); i++)
        if (i % 100 == 99) (void)sched_yield();
}
static uint64_t ck_take(ck_queue *q) {
    void *v;
    for (int i = 0; !ck_ring_dequeue_mpmc(&q->ring, q->buffer, &v); i++)
        if (i % 100 == 99) (void)sched_yield();
    return (uint64_t)(uintptr_t)v - 1;
}
static uint64_t ck_take_either(ck_queue *a, ck_queue *b) { (void)a; (void)b; abort(); }
#endif

// >>GAsyncQueue: no bound
#if HAVE_GLIB
typedef GAsyncQueue glib_queue;
static glib_queue *glib_make(size_t capacity) { (void)capacity; return g_async_queue_new(); }
static void glib_put(glib_queue *q, uint64_t v) { g_async_queue_push(q, (void *)(uintptr_t)(v + 1)); }
static uint64_t glib_take(glib_queue *q) { return (uint64_t)(uintptr_t)g_async_queue_pop(q) - 1; }
static uint64_t glib_take_either(glib_queue *a, glib_queue *b) { (void)a; (void)b; abort(); }
#endif

// >>one cell, for pingpong only: what a hop costs at least, asleep (futex) and awake (spin)
typedef struct futex_queue {
    uint32_t full;
    uint64_t item;
} futex_queue, spin_queue;
static futex_queue *futex_make(size_t capacity) {
    (void)capacity;
    futex_queue *q = (futex_queue *)aligned_alloc(64, 64);
    if (!q) abort();
    *q = (futex_queue) { 0, 0 };
    return q;
}
static spin_queue *spin_make(size_t capacity) { return futex_make(capacity); }
static void spin_put(spin_queue *q, uint64_t v) {
    q->item = v;
    __atomic_store_n(&q->full, 1, __ATOMIC_RELEASE);
}
static uint64_t spin_take(spin_queue *q) {
    for (int i = 1; !__atomic_load_n(&q->full, __ATOMIC_ACQUIRE); i++) {
        gokore_cpu_relax();
        if (i % 10000 == 0) (void)sched_yield();
    }
    uint64_t v = q->item;
    __atomic_store_n(&q->full, 0, __ATOMIC_RELAXED);
    return v;
}
static void futex_put(futex_queue *q, uint64_t v) {
    spin_put(q, v);
    (void)syscall(SYS_futex, &q->full, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static uint64_t futex_take(futex_queue *q) {
    while (!__atomic_load_n(&q->full, __ATOMIC_ACQUIRE)) (void)syscall(SYS_futex, &q->full, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    return spin_take(q);
}
static uint64_t futex_take_either(futex_queue *a, futex_queue *b) { (void)a; (void)b; abort(); }
static uint64_t spin_take_either(spin_queue *a, spin_queue *b) { (void)a; (void)b; abort(); }

// >>shapes, written out for each peer so that its calls are direct
typedef struct job {
    void *in, *out;
    uint64_t items, sum;
    pthread_t thread;
} job;
static int64_t begun_ns;

static int64_t clock_ns(bool cpu) { // a shape of one thread is measured in CPU time
    struct timespec t;
    (void)clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static bool is_single(const char *shape) { return strcmp(shape, "one") == 0 || strcmp(shape, "select") == 0; }

#define SHAPES(P)                                                                                                    \
    static void *P##_sender(void *p) {                                                                               \
        job *j = (job *)p;                                                                                           \
        for (uint64_t i = 0; i < j->items; i++) P##_put((P##_queue *)j->in, i);                                      \
        return NULL;                                                                                                 \
    }                                                                                                                \
    static void *P##_receiver(void *p) {                                                                             \
        job *j = (job *)p;                                                                                           \
        for (uint64_t i = 0; i < j->items; i++) j->sum += P##_take((P##_queue *)j->in);                              \
        return NULL;                                                                                                 \
    }                                                                                                                \
    static void *P##_echo(void *p) {                                                                                 \
        job *j = (job *)p;                                                                                           \
        for (uint64_t i = 0; i < j->items; i++) P##_put((P##_queue *)j->out, P##_take((P##_queue *)j->in));          \
        return NULL;                                                                                                 \
    }                                                                                                                \
    static uint64_t P##_run(const char *shape, uint64_t items) {                                                     \
        bool pair = strcmp(shape, "pingpong") == 0;                                                                  \
        P##_queue *a = P##_make(pair ? 0 : CAPACITY), *b = P##_make(pair ? 0 : CAPACITY);                            \
        uint64_t sum = 0, width = strcmp(shape, "mpmc") == 0 ? 2 : 1;                                                \
        job in[2], out[2];                                                                                           \
        for (int i = 0; i < 2; i++) in[i] = out[i] = (job) { .in = a, .out = b, .items = items / width };            \
        begun_ns = clock_ns(is_single(shape));                                                                       \
        if (strcmp(shape, "one") == 0) {                                                                             \
            for (uint64_t i = 0; i < items; i++) P##_put(a, i), sum += P##_take(a);                                  \
        } else if (strcmp(shape, "select") == 0) {                                                                   \
            for (uint64_t i = 0; i < items; i++) P##_put(i & 1 ? b : a, i), sum += P##_take_either(a, b);            \
        } else if (pair) {                                                                                           \
            (void)pthread_create(&in[0].thread, NULL, P##_echo, &in[0]);                                             \
            for (uint64_t i = 0; i < items; i++) P##_put(a, i), sum += P##_take(b);                                  \
            (void)pthread_join(in[0].thread, NULL);                                                                  \
        } else {                                                                                                     \
            for (uint64_t i = 0; i < width; i++) (void)pthread_create(&in[i].thread, NULL, P##_sender, &in[i]);      \
            for (uint64_t i = 0; i < width; i++) (void)pthread_create(&out[i].thread, NULL, P##_receiver, &out[i]);  \
            for (uint64_t i = 0; i < width; i++) (void)pthread_join(in[i].thread, NULL);                             \
            for (uint64_t i = 0; i < width; i++) (void)pthread_join(out[i].thread, NULL), sum += out[i].sum;         \
        }                                                                                                            \
        return sum;                                                                                                  \
    }
SHAPES(gokore)
SHAPES(ring)
SHAPES(futex)
SHAPES(spin)
#if HAVE_CK
SHAPES(ck)
#endif
#if HAVE_GLIB
SHAPES(glib)
#endif

static void *look_on(void *p) { // the monitor, a hundred times a second
    (void)p;
    for (;;) {
        struct timespec t = { 0, 10000000 };
        (void)gokore_channel_detect_stalls(NULL, 0, 1);
        (void)nanosleep(&t, NULL);
    }
    return NULL;
}

static void *sleep_on(void *p) {
    for (;;) (void)pause();
    return p;
}

static uint64_t monitored_run(const char *shape, uint64_t items) {
    pthread_t thread; // runs until the program ends
    if (pthread_create(&thread, NULL, look_on, NULL) != 0) abort();
    uint64_t sum = gokore_run(shape, items);
    return sum;
}

int main(int argc, char **argv) {
    static const struct { const char *name; uint64_t (*run)(const char *, uint64_t); } peers[] = {
        { "gokore", gokore_run }, { "monitored", monitored_run }, { "ring", ring_run }, { "futex", futex_run }, { "spin", spin_run },
#if HAVE_CK
        { "ck", ck_run },
#endif
#if HAVE_GLIB
        { "glib", glib_run },
#endif
    };
    pthread_t sleeper; // with one thread only glibc's mutexes do without their atomic operations, which no program with channels has
    if (pthread_create(&sleeper, NULL, sleep_on, NULL) != 0) return 1;
    for (size_t i = 0; argc == 4 && i < sizeof peers / sizeof peers[0]; i++) {
        uint64_t items = strtoull(argv[3], NULL, 10) & ~(uint64_t)1;
        if (strcmp(argv[1], peers[i].name) != 0) continue;
        uint64_t sum = peers[i].run(argv[2], items), half = items / 2, whole = items * (items - 1) / 2;
        int64_t ns = clock_ns(is_single(argv[2])) - begun_ns;
        if (sum != (strcmp(argv[2], "mpmc") == 0 ? half * (half - 1) : whole)) return 1;
        printf("%.2f\n", (double)ns / (double)items);
        return 0;
    }
    fprintf(stderr, "usage: channel PEER SHAPE ITEMS, and the peer must have been found when this was built\n");
    return 2;
}
