// gokore_channel.h - v0.1.0 - MIT                                        bounded and rendezvous channels between threads
//
// WHAT     Go's channels for C threads: items of any size, many senders and receivers, first in first out, closed once,
//          and every wait takes a context. Capacity 0 hands each item from sender to receiver directly.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_channel.h"
//
// NEEDS    gokore_atomic.h gokore_policy.h gokore_topology.h gokore_lockorder.h gokore_sync.h; link with -pthread.
//
// EXAMPLE
//      #include "gokore_channel.h"
//      gokore_status add_up(gokore_channel *numbers, gokore_context *ctx, long *sum) {
//          int n;
//          gokore_status status;
//          *sum = 0;
//          while ((status = gokore_channel_recv(numbers, &n, ctx)) == GOKORE_OK) *sum += n;
//          return status;                                       // CLOSED once all is drained, or the context's
//      }
//
// OPTIONS  GOKORE_LOCKORDER     [impl]  0   1: waiting in a channel while holding a lock is reported (LOCK_WAIT_HELD)
//
// CONCEPTS
//   Items        Copied in and out by memcpy; nothing is allocated after create.
//   Order        First in first out, over all senders together. Waiting senders and receivers are served in line.
//   Close        Ends sending. Receivers still get what is inside, then GOKORE_CLOSED; so do senders that were waiting.
//   Giving up    A send that fails has sent nothing; a receive that fails has taken nothing.

#ifndef GOKORE_CHANNEL_H
#define GOKORE_CHANNEL_H 100 // 0.1.0

#include "gokore_sync.h"
#if GOKORE_SYNC_H != 100
#error "gokore_channel.h 0.1.0 needs gokore_sync.h 0.1.0: copy headers from one release"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// >>channel
typedef struct gokore_channel gokore_channel;

typedef struct gokore_channel_desc {
    size_t item_size;           // bytes of an item; 0 = items without content
    size_t capacity;            // default 0: rendezvous
    const char *name;           // default "channel"; must outlive the channel
    gokore_allocator allocator; // default: C heap
} gokore_channel_desc;

// Makes an open, empty channel. GOKORE_NO_MEMORY, also for sizes that overflow, and *out = NULL.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_create(gokore_channel **out, const gokore_channel_desc *desc);
// Closes it if it is open and frees it, items and all. Threads that still wait on it are reported (CHANNEL_BUSY), get
// GOKORE_CLOSED, and are waited for. NULL does nothing.
GOKORE_API void gokore_channel_destroy(gokore_channel *ch);

// Blocks until the item is inside, or with capacity 0 until a receiver has it. GOKORE_CLOSED, or the context's status.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_send(gokore_channel *ch, const void *item, gokore_context *ctx);
// Blocks until there is an item. GOKORE_CLOSED when closed and drained, or the context's status.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_recv(gokore_channel *ch, void *item, gokore_context *ctx);
// The same without blocking: GOKORE_FULL and GOKORE_EMPTY instead.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_try_send(gokore_channel *ch, const void *item);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_try_recv(gokore_channel *ch, void *item);
// Ends sending and wakes all who wait. GOKORE_CLOSED if it was closed before.
GOKORE_API gokore_status gokore_channel_close(gokore_channel *ch);

GOKORE_API size_t gokore_channel_len(gokore_channel *ch); // items inside; a hint where others use it
GOKORE_API size_t gokore_channel_capacity(const gokore_channel *ch);
GOKORE_API bool gokore_channel_is_closed(gokore_channel *ch);

typedef struct gokore_channel_metrics {
    size_t len, capacity;
    uint64_t sent, received; // since create
    int64_t blocked_ns;      // time that calls have spent waiting, all threads together
    double rate;             // items received per second since create
} gokore_channel_metrics;
GOKORE_API void gokore_channel_get_metrics(gokore_channel *ch, gokore_channel_metrics *out);

#ifdef __cplusplus
}
#endif
#endif // GOKORE_CHANNEL_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_CHANNEL_IMPLEMENTED_)
#define GOKORE_CHANNEL_IMPLEMENTED_
#include "gokore_sync.h" // again: it may have been seen before the switch was set

#include <string.h>

// The scheme of Go's runtime/chan.go: a ring and two lines of waiters under one lock; an item goes straight from a waiting
// sender, or to a waiting receiver. Invariant under the latch: receivers wait only while nothing is inside and no sender
// waits; senders wait only while the ring is full.
struct gokore_channel {
    gokore_latch_ latch;
    bool closed;
    size_t item_size, capacity, head, count; // head: the oldest item's place
    gokore_wait_queue_ senders, receivers;
    uint64_t sent, received;
    int64_t blocked_ns, created_ns;
    gokore_atomic_u32 inside; // calls that wait, until they let go of the channel
    const char *name;
    gokore_allocator allocator;
    size_t bytes;             // of this allocation
    GOKORE_ALIGNAS_(16) unsigned char ring[];
};

gokore_status gokore_channel_create(gokore_channel **out, const gokore_channel_desc *desc) {
    *out = NULL;
    size_t ring, bytes;
    if (__builtin_mul_overflow(desc->item_size, desc->capacity, &ring)) return GOKORE_NO_MEMORY;
    if (__builtin_add_overflow(ring, sizeof(gokore_channel), &bytes)) return GOKORE_NO_MEMORY;
    gokore_channel *ch = (gokore_channel *)gokore_alloc_(&desc->allocator, bytes, GOKORE_CACHE_LINE);
    if (!ch) return GOKORE_NO_MEMORY;
    memset(ch, 0, sizeof *ch);
    ch->item_size = desc->item_size;
    ch->capacity = desc->capacity;
    ch->name = desc->name ? desc->name : "channel";
    ch->allocator = desc->allocator;
    ch->bytes = bytes;
    ch->created_ns = gokore_now_ns();
    *out = ch;
    return GOKORE_OK;
}

static void gokore_channel_copy_(const gokore_channel *ch, void *to, const void *from) {
    if (ch->item_size) memcpy(to, from, ch->item_size);
}

static void *gokore_channel_place_(gokore_channel *ch, size_t i) { // of the ith item from the oldest
    size_t at = ch->head + i;
    return ch->ring + (at < ch->capacity ? at : at - ch->capacity) * ch->item_size;
}

// Sends if it can be done at once. *kick = the word of a receiver to wake after the latch.
static gokore_status gokore_channel_put_(gokore_channel *ch, const void *item, gokore_atomic_u32 **kick) {
    if (ch->closed) return GOKORE_CLOSED;
    gokore_waiter_ *receiver = ch->receivers.head;
    if (receiver) {
        *kick = &receiver->state_;
        gokore_channel_copy_(ch, receiver->item_, item);
        (void)gokore_wait_queue_wake_(&ch->receivers, GOKORE_OK);
        ch->received++;
    } else if (ch->count < ch->capacity) {
        gokore_channel_copy_(ch, gokore_channel_place_(ch, ch->count), item);
        ch->count++;
    } else {
        return GOKORE_FULL;
    }
    ch->sent++;
    return GOKORE_OK;
}

// Receives if it can be done at once. *kick = the word of a sender to wake after the latch.
static gokore_status gokore_channel_take_(gokore_channel *ch, void *item, gokore_atomic_u32 **kick) {
    gokore_waiter_ *sender = ch->senders.head;
    if (ch->count > 0) {
        gokore_channel_copy_(ch, item, gokore_channel_place_(ch, 0));
        ch->head = ch->head + 1 < ch->capacity ? ch->head + 1 : 0;
        ch->count--;
        if (sender) gokore_channel_copy_(ch, gokore_channel_place_(ch, ch->count++), sender->item_);
    } else if (sender) {
        gokore_channel_copy_(ch, item, sender->item_);
    } else {
        return ch->closed ? GOKORE_CLOSED : GOKORE_EMPTY;
    }
    if (sender) {
        *kick = &sender->state_;
        (void)gokore_wait_queue_wake_(&ch->senders, GOKORE_OK);
        ch->sent++;
    }
    ch->received++;
    return GOKORE_OK;
}

static void gokore_channel_leave_(gokore_channel *ch, gokore_atomic_u32 *kick) {
    gokore_latch_unlock_(&ch->latch);
    if (kick) gokore_waiter_kick_(kick);
}

// Gets in line and waits. Called with the latch held, returns without it.
static gokore_status gokore_channel_wait_(gokore_channel *ch, gokore_wait_queue_ *line, void *item, gokore_context *ctx) {
    gokore_waiter_ w = { .key_ = ch, .item_ = item, .since_ns_ = gokore_now_ns() };
    gokore_wait_queue_push_(line, &w, false);
    (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); // relaxed: under the latch
    gokore_latch_unlock_(&ch->latch);
    gokore_lock_none_held_("while its thread waits in a channel");
    gokore_status status = gokore_waiter_wait_(&w, ctx, INT64_MAX);
    gokore_latch_lock_(&ch->latch);
    if (w.queued_)
        gokore_wait_queue_remove_(line, &w);
    else
        status = (gokore_status)w.answer_; // served, even if the context ended meanwhile
    ch->blocked_ns += gokore_now_ns() - w.since_ns_;
    gokore_latch_unlock_(&ch->latch);
    (void)gokore_atomic_fetch_sub_release(&ch->inside, 1); // pairs with the acquire in gokore_channel_destroy
    return status;
}

gokore_status gokore_channel_send(gokore_channel *ch, const void *item, gokore_context *ctx) {
    gokore_atomic_u32 *kick = NULL;
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK) return status;
    gokore_latch_lock_(&ch->latch);
    status = gokore_channel_put_(ch, item, &kick);
    if (status == GOKORE_FULL) return gokore_channel_wait_(ch, &ch->senders, (void *)(uintptr_t)item, ctx); // only read
    gokore_channel_leave_(ch, kick);
    return status;
}

gokore_status gokore_channel_recv(gokore_channel *ch, void *item, gokore_context *ctx) {
    gokore_atomic_u32 *kick = NULL;
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK) return status;
    gokore_latch_lock_(&ch->latch);
    status = gokore_channel_take_(ch, item, &kick);
    if (status == GOKORE_EMPTY) return gokore_channel_wait_(ch, &ch->receivers, item, ctx);
    gokore_channel_leave_(ch, kick);
    return status;
}

gokore_status gokore_channel_try_send(gokore_channel *ch, const void *item) {
    gokore_atomic_u32 *kick = NULL;
    gokore_latch_lock_(&ch->latch);
    gokore_status status = gokore_channel_put_(ch, item, &kick);
    gokore_channel_leave_(ch, kick);
    return status;
}

gokore_status gokore_channel_try_recv(gokore_channel *ch, void *item) {
    gokore_atomic_u32 *kick = NULL;
    gokore_latch_lock_(&ch->latch);
    gokore_status status = gokore_channel_take_(ch, item, &kick);
    gokore_channel_leave_(ch, kick);
    return status;
}

static void gokore_channel_dismiss_(gokore_wait_queue_ *line) { // all in line get CLOSED; kicked under the latch, on their way out
    for (gokore_waiter_ *w = line->head; w; w = line->head) {
        gokore_atomic_u32 *state = &w->state_;
        (void)gokore_wait_queue_wake_(line, GOKORE_CLOSED);
        gokore_waiter_kick_(state);
    }
}

gokore_status gokore_channel_close(gokore_channel *ch) {
    gokore_latch_lock_(&ch->latch);
    gokore_status status = ch->closed ? GOKORE_CLOSED : GOKORE_OK;
    ch->closed = true;
    gokore_channel_dismiss_(&ch->senders);
    gokore_channel_dismiss_(&ch->receivers);
    gokore_latch_unlock_(&ch->latch);
    return status;
}

void gokore_channel_destroy(gokore_channel *ch) {
    if (!ch) return;
    gokore_latch_lock_(&ch->latch);
    bool busy = ch->senders.head || ch->receivers.head;
    gokore_latch_unlock_(&ch->latch);
    if (busy) gokore_reportf_(GOKORE_REPORT_CHANNEL_BUSY, ch->name, "channel '%s' destroyed while threads wait on it", ch->name);
    (void)gokore_channel_close(ch);
    while (gokore_atomic_load_acquire(&ch->inside)) GOKORE_SEAM_YIELD_(); // pairs with the release in gokore_channel_wait_
    gokore_allocator allocator = ch->allocator;
    gokore_free_(&allocator, ch, ch->bytes);
}

size_t gokore_channel_len(gokore_channel *ch) {
    gokore_latch_lock_(&ch->latch);
    size_t len = ch->count;
    gokore_latch_unlock_(&ch->latch);
    return len;
}

size_t gokore_channel_capacity(const gokore_channel *ch) { return ch->capacity; }

bool gokore_channel_is_closed(gokore_channel *ch) {
    gokore_latch_lock_(&ch->latch);
    bool closed = ch->closed;
    gokore_latch_unlock_(&ch->latch);
    return closed;
}

void gokore_channel_get_metrics(gokore_channel *ch, gokore_channel_metrics *out) {
    int64_t now = gokore_now_ns();
    gokore_latch_lock_(&ch->latch);
    *out = (gokore_channel_metrics) { ch->count, ch->capacity, ch->sent, ch->received, ch->blocked_ns, 0 };
    int64_t age = now - ch->created_ns;
    gokore_latch_unlock_(&ch->latch);
    if (age > 0) out->rate = (double)out->received * 1e9 / (double)age;
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
