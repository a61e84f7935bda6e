// mutex.c - a queue of intrusive tasks under a mutex, with a condition; and a thread that waits for a semaphore, without a queue
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <semaphore.h>

typedef struct task {
    struct task *next;
    pool_fn *fn;
    void *arg;
} task;
static struct {
    pthread_mutex_t lock;
    pthread_cond_t some, none;
    task *head, *tail;
    size_t left; // not run to the end
    bool over;
    unsigned count;
    pthread_t threads[1024];
} pool;

static void must(int error) {
    if (error != 0) abort();
}
static void *work(void *arg) {
    (void)arg;
    must(pthread_mutex_lock(&pool.lock));
    for (;;) {
        while (!pool.head && !pool.over) must(pthread_cond_wait(&pool.some, &pool.lock));
        task *t = pool.head;
        if (!t) break;
        pool.head = t->next;
        must(pthread_mutex_unlock(&pool.lock));
        t->fn(t->arg);
        must(pthread_mutex_lock(&pool.lock));
        if (--pool.left == 0) must(pthread_cond_signal(&pool.none));
    }
    must(pthread_mutex_unlock(&pool.lock));
    return NULL;
}
static void begin(unsigned workers) {
    must(pthread_mutex_init(&pool.lock, NULL));
    must(pthread_cond_init(&pool.some, NULL));
    must(pthread_cond_init(&pool.none, NULL));
    pool.over = false;
    pool.count = workers;
    for (unsigned i = 0; i < workers; i++) must(pthread_create(&pool.threads[i], NULL, work, NULL));
}
static void end(void) {
    must(pthread_mutex_lock(&pool.lock));
    pool.over = true;
    must(pthread_cond_broadcast(&pool.some));
    must(pthread_mutex_unlock(&pool.lock));
    for (unsigned i = 0; i < pool.count; i++) must(pthread_join(pool.threads[i], NULL));
    must(pthread_cond_destroy(&pool.none));
    must(pthread_cond_destroy(&pool.some));
    must(pthread_mutex_destroy(&pool.lock));
}
static void put(task *t) {
    t->next = NULL;
    must(pthread_mutex_lock(&pool.lock));
    if (pool.head)
        pool.tail->next = t;
    else
        pool.head = t;
    pool.tail = t;
    pool.left++;
    must(pthread_cond_signal(&pool.some));
    must(pthread_mutex_unlock(&pool.lock));
}
static void reap(void) {
    must(pthread_mutex_lock(&pool.lock));
    while (pool.left != 0) must(pthread_cond_wait(&pool.none, &pool.lock));
    must(pthread_mutex_unlock(&pool.lock));
}

typedef struct piece {
    task task;
    pool_range_fn *fn;
    void *arg;
    size_t from, to;
} piece;
static void piece_run(void *arg) {
    piece *p = (piece *)arg;
    p->fn(p->from, p->to, p->arg);
}
static void range(size_t n, pool_range_fn *fn, void *arg) {
    static piece pieces[4096];
    unsigned count = 4 * pool.count;
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (piece) { { NULL, piece_run, &pieces[i] }, fn, arg, pool_cut(n, count, i), pool_cut(n, count, i + 1) };
        put(&pieces[i].task);
    }
    reap();
}

static task *tasks;
static size_t room;
static void tick(void *arg) {
    (void)arg;
    pool_tick();
}
static void prepare(size_t n) {
    if (n > room) {
        free(tasks);
        tasks = (task *)malloc(n * sizeof *tasks);
        room = n;
    }
    if (!tasks) abort();
    for (size_t i = 0; i < n; i++) tasks[i] = (task) { NULL, tick, NULL };
}
static void flood(size_t n) {
    for (size_t i = 0; i < n; i++) put(&tasks[i]);
}
static void nothing(void *arg) {
    (void)arg;
    pool_nothing();
}
static void many(void *arg) {
    size_t n = *(size_t *)arg;
    for (size_t i = 0; i < n; i++) {
        tasks[i] = (task) { NULL, nothing, NULL };
        put(&tasks[i]);
    }
}
static void inside(size_t n) {
    static task first;
    prepare(n);
    first = (task) { NULL, many, &n };
    put(&first);
    reap();
}
static void submit(pool_fn *fn, void *arg) {
    static task one;
    one = (task) { NULL, fn, arg };
    put(&one);
}
const pool_peer pool_mutex = { .name = "mutex", .begin = begin, .end = end, .range = range, .inside = inside, .prepare = prepare,
                               .flood = flood, .submit = submit, .reap = reap };

static struct {
    sem_t some, none;
    pool_fn *fn;
    void *arg;
    pthread_t thread;
} hand;
static void *wait_for_hand(void *arg) {
    for (;;) {
        while (sem_wait(&hand.some) != 0) {}
        if (!hand.fn) return arg;
        hand.fn(hand.arg);
        must(sem_post(&hand.none));
    }
}
static void hand_begin(unsigned workers) {
    (void)workers;
    must(sem_init(&hand.some, 0, 0));
    must(sem_init(&hand.none, 0, 0));
    must(pthread_create(&hand.thread, NULL, wait_for_hand, NULL));
}
static void hand_over(pool_fn *fn, void *arg) {
    hand.fn = fn;
    hand.arg = arg;
    must(sem_post(&hand.some));
}
static void hand_end(void) {
    hand_over(NULL, NULL);
    must(pthread_join(hand.thread, NULL));
    must(sem_destroy(&hand.none));
    must(sem_destroy(&hand.some));
}
static void hand_reap(void) {
    while (sem_wait(&hand.none) != 0) {}
}
const pool_peer pool_semaphore = { .name = "semaphore", .begin = hand_begin, .end = hand_end,
                                   .submit = hand_over, .reap = hand_reap };
