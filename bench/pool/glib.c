// glib.c - GLib's GThreadPool, of threads of its own
#include "pool.h"

#include <glib.h>

typedef struct item { // what is pushed is a pointer
    pool_fn *fn;
    void *arg;
} item;
static GThreadPool *pool;
static unsigned width;
static GMutex lock;
static GCond none;
static size_t left;

static void done(void) {
    g_mutex_lock(&lock);
    if (--left == 0) g_cond_signal(&none);
    g_mutex_unlock(&lock);
}
static void expect(size_t n) {
    g_mutex_lock(&lock);
    left += n;
    g_mutex_unlock(&lock);
}
static void wait_for_all(void) {
    g_mutex_lock(&lock);
    while (left != 0) g_cond_wait(&none, &lock);
    g_mutex_unlock(&lock);
}
static void work(void *data, void *user) {
    item *i = (item *)data;
    (void)user;
    i->fn(i->arg);
}
static void put(item *i) {
    if (!g_thread_pool_push(pool, i, NULL)) abort();
}
static void begin(unsigned workers) {
    pool = g_thread_pool_new(work, NULL, (int)workers, TRUE, NULL);
    if (!pool) abort();
    width = workers;
}
static void end(void) { g_thread_pool_free(pool, FALSE, TRUE); }

typedef struct piece {
    item item;
    pool_range_fn *fn;
    void *arg;
    size_t from, to;
} piece;
static void piece_run(void *arg) {
    piece *p = (piece *)arg;
    p->fn(p->from, p->to, p->arg);
    done();
}
static void range(size_t n, pool_range_fn *fn, void *arg) {
    static piece pieces[4096];
    unsigned count = 4 * width;
    expect(count);
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (piece) { { piece_run, &pieces[i] }, fn, arg, pool_cut(n, count, i), pool_cut(n, count, i + 1) };
        put(&pieces[i].item);
    }
    wait_for_all();
}
static void tick(void *arg) {
    (void)arg;
    pool_tick();
}
static void flood(size_t n) {
    static item ticks = { tick, NULL };
    for (size_t i = 0; i < n; i++) put(&ticks);
}
static void nothing(void *arg) {
    (void)arg;
    pool_nothing();
}
static void last(void *arg) {
    (void)arg;
    done();
}
static void many(void *arg) {
    static item empty = { nothing, NULL }, ends = { last, NULL };
    size_t n = *(size_t *)arg;
    for (size_t i = 0; i < n; i++) put(&empty);
    put(&ends); // in order
}
static void inside(size_t n) {
    static item first;
    first = (item) { many, &n };
    expect(1);
    put(&first);
    wait_for_all();
}
static void submit(pool_fn *fn, void *arg) {
    static item one;
    one = (item) { fn, arg };
    put(&one);
}

const pool_peer pool_glib = { .name = "glib", .begin = begin, .end = end, .range = range, .inside = inside,
                              .flood = flood, .submit = submit };
