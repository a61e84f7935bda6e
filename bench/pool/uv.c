// uv.c - libuv's pool: tasks come from the loop's thread only, and their ends go back there
#define _GNU_SOURCE
#include "pool.h"

#include <uv.h>

static uv_loop_t loop;
static unsigned width;
typedef struct request {
    uv_work_t work;
    pool_fn *fn;
    pool_range_fn *piece;
    void *arg;
    size_t from, to;
} request;

static void work(uv_work_t *w) {
    request *r = (request *)w;
    r->fn(r->arg);
}
static void after(uv_work_t *w, int status) {
    (void)w;
    if (status != 0) abort();
}
static void put(request *r) {
    if (uv_queue_work(&loop, &r->work, work, after) != 0) abort();
}
static void reap(void) { (void)uv_run(&loop, UV_RUN_DEFAULT); }
static void begin(unsigned workers) { // before its threads start, which then stay
    char count[16];
    (void)snprintf(count, sizeof count, "%u", workers);
    if (setenv("UV_THREADPOOL_SIZE", count, 1) != 0 || uv_loop_init(&loop) != 0) abort();
    width = workers;
}
static void end(void) {
    reap();
    if (uv_loop_close(&loop) != 0) abort();
}
static void piece_work(uv_work_t *w) {
    request *r = (request *)w;
    r->piece(r->from, r->to, r->arg);
}
static void range(size_t n, pool_range_fn *fn, void *arg) {
    static request pieces[4096];
    unsigned count = 4 * width;
    for (unsigned i = 0; i < count; i++) {
        pieces[i].piece = fn;
        pieces[i].arg = arg;
        pieces[i].from = pool_cut(n, count, i);
        pieces[i].to = pool_cut(n, count, i + 1);
        if (uv_queue_work(&loop, &pieces[i].work, piece_work, after) != 0) abort();
    }
    reap();
}
static request *requests;
static size_t room;
static void tick(void *arg) {
    (void)arg;
    pool_tick();
}
static void prepare(size_t n) {
    if (n > room) {
        free(requests);
        requests = (request *)malloc(n * sizeof *requests);
        room = n;
    }
    if (!requests) abort();
    for (size_t i = 0; i < n; i++) requests[i].fn = tick;
}
static void flood(size_t n) {
    for (size_t i = 0; i < n; i++) put(&requests[i]);
}
static void submit(pool_fn *fn, void *arg) {
    static request one;
    one.fn = fn;
    one.arg = arg;
    put(&one);
}

const pool_peer pool_uv = { .name = "libuv", .stays = true, .begin = begin, .end = end, .range = range,
                            .prepare = prepare, .flood = flood, .submit = submit, .reap = reap };
