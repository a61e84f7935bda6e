// channel.h - what the tests of channels share: channels of numbers, and blocking calls on threads of their own
#ifndef TEST_CHANNEL_H
#define TEST_CHANNEL_H
#include "threads.h"
#include "../../gokore_channel.h"

#include <pthread.h>

static inline gokore_channel *channel_made(gokore_channel_desc desc) {
    gokore_channel *ch = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
    return ch;
}

static inline gokore_channel *channel_of(size_t item_size, size_t capacity) {
    return channel_made((gokore_channel_desc) { .item_size = item_size, .capacity = capacity });
}

static inline gokore_channel *channel_of_numbers(size_t capacity) { return channel_of(sizeof(uint64_t), capacity); }

static inline gokore_status put(gokore_channel *ch, uint64_t item) { return gokore_channel_try_send(ch, &item); }

// What try_recv gives: the item, or 1000000 + the status.
static inline uint64_t take(gokore_channel *ch) {
    uint64_t item = 0;
    gokore_status status = gokore_channel_try_recv(ch, &item);
    return status == GOKORE_OK ? item : 1000000 + (uint64_t)status;
}

// One blocking call on a thread of its own.
typedef struct call {
    gokore_channel *ch;
    gokore_context *ctx;
    bool sends;
    uint64_t item;
    gokore_status status;
    int64_t ended_ns;
    gokore_atomic_i64 tid;
    gokore_atomic_bool done;
    pthread_t thread;
} call;

static inline void *call_main(void *p) {
    call *c = (call *)p;
    gokore_atomic_store(&c->tid, thread_id());
    c->status = c->sends ? gokore_channel_send(c->ch, &c->item, c->ctx) : gokore_channel_recv(c->ch, &c->item, c->ctx);
    c->ended_ns = gokore_now_ns();
    gokore_atomic_store(&c->done, true);
    return NULL;
}

static inline void call_begin(call *c, gokore_channel *ch, gokore_context *ctx) { // of what is set in it otherwise
    c->ch = ch;
    c->ctx = ctx;
    REQUIRE(pthread_create(&c->thread, NULL, call_main, c) == 0);
}

static inline void call_sleeps(call *c, gokore_channel *ch, gokore_context *ctx) {
    call_begin(c, ch, ctx);
    await_asleep_in(&c->tid);
    CHECK(!gokore_atomic_load(&c->done));
}

static inline void sends(call *c, gokore_channel *ch, uint64_t item, gokore_context *ctx) { // and sleeps in it
    *c = (call) { .sends = true, .item = item };
    call_sleeps(c, ch, ctx);
}

static inline void receives(call *c, gokore_channel *ch, gokore_context *ctx) { // and sleeps in it
    *c = (call) { .item = 0 };
    call_sleeps(c, ch, ctx);
}

static inline gokore_status ended(call *c) {
    (void)pthread_join(c->thread, NULL);
    return c->status;
}

#endif
