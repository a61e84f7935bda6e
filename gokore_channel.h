// gokore_channel.h - v0.1.0 - MIT                                        bounded and rendezvous channels between threads
//
// WHAT     Go's channels for C threads: items of any size, many senders and receivers, first in first out, closed once,
//          select over sends and receives, timers, and every wait takes a context. Capacity 0 hands each item from sender
//          to receiver directly. A monitor counts, finds channels that stand still, and helps them on.
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
//          while ((status = gokore_recv(numbers, &n, ctx)) == GOKORE_OK) *sum += n;
//          return status;                                       // CLOSED once all is drained, or the context's
//      }
//
// OPTIONS  GOKORE_CHANNEL_SPIN_MAX  [impl]  2000  looks before a waiter sleeps, where looking has paid lately; 0 = none
//          GOKORE_METRICS           [impl]  0     1: every call is told to the instrumenter, see gokore_policy.h
//          GOKORE_LOCKORDER         [impl]  0     1: waiting in a channel while holding a lock is reported (LOCK_WAIT_HELD), and
//                                                 waits, also those of selects, take part in deadlock detection
//
// CONCEPTS
//   Items        Copied in and out by memcpy; nothing is allocated after create.
//   Order        First in first out, over all senders together. Waiting senders and receivers are served in line; who comes
//                while nobody waits is served at once.
//   Close        Ends sending. Receivers still get what is inside, then GOKORE_CLOSED; so do senders that were waiting.
//   Giving up    A send that fails has sent nothing; a receive that fails has taken nothing.
//   Threads      Any thread may call anything between create and destroy, but none of it from a signal handler. Only send, recv,
//                the two blocking selects, and destroy while others wait, block; all else takes a short latch at most. Who
//                knows that no call will begin any more may destroy the channel: calls on their way out are waited for.
//   Memory       What a thread did before a send has happened before the receive of that item returns (release, acquire); what
//                it did before a receive, before the send that waited for its room; and before a close, before CLOSED.
//   Waiting      A call without a context waits for ever, or as long as the channel's class allows (channel_apply_qos).
//                Before it sleeps a waiter looks for a while, if others run beside it and looking helped lately, and with 16
//                places or more lets other threads run first. Times are in nanoseconds, monotonic.
//   Deadlocks    With GOKORE_LOCKORDER=1 a wait counts as stuck once all threads that have used the other end before are stuck
//                (for a select: the other end of every case). A wait that is chosen to end a deadlock returns GOKORE_DEADLOCK.
//   Monitor      It asks nothing of sends and receives: they count by what they do anyway. A channel is judged from the
//                moment its first item came in, a sender began to wait, it was seen to be empty, or it was looked at.

#ifndef GOKORE_CHANNEL_H
#define GOKORE_CHANNEL_H 100 // 0.1.0

#include "gokore_sync.h"
#if GOKORE_SYNC_H != 100
#error "gokore_channel.h 0.1.0 needs gokore_sync.h 0.1.0: copy headers from one release"
#endif

#ifndef GOKORE_CHANNEL_SPIN_MAX
#define GOKORE_CHANNEL_SPIN_MAX 2000
#endif
#if GOKORE_CHANNEL_SPIN_MAX < 0 || GOKORE_CHANNEL_SPIN_MAX > 1000000
#error "GOKORE_CHANNEL_SPIN_MAX must be 0 to 1000000"
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
    void *storage;              // default NULL: from the allocator, once; else this memory, the channel's until destroy
    size_t storage_size;        // bytes there, at least gokore_channel_storage_size(item_size, capacity)
    const gokore_provider *provider; // default NULL; else its qos says, at create, how long calls without a context wait
} gokore_channel_desc;

// Makes an open, empty channel. GOKORE_NO_MEMORY, also for sizes that overflow and storage that is too small;
// GOKORE_INVALID for a provider whose class is none; then *out = NULL.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_create(gokore_channel **out, const gokore_channel_desc *desc);
// Bytes of storage that such a channel takes, at any alignment; 0 if the size overflows.
GOKORE_API size_t gokore_channel_storage_size(size_t item_size, size_t capacity);
// Closes it if it is open and frees it, items and all. Threads that still wait on it are reported (CHANNEL_BUSY), get
// GOKORE_CLOSED, and are waited for. NULL does nothing.
GOKORE_API void gokore_channel_destroy(gokore_channel *ch);

// Blocks until the item is inside, or with capacity 0 until a receiver has it. Otherwise nothing was sent: GOKORE_CLOSED; the
// context's status (GOKORE_CANCELED, GOKORE_TIMEOUT), also if it was over before; GOKORE_TIMEOUT without a context once the time
// of the channel's class is over; GOKORE_CANCELED by GOKORE_RECOVER_CANCEL_WAITERS; GOKORE_DEADLOCK. ctx must live until it returns.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_send(gokore_channel *ch, const void *item, gokore_context *ctx);
// Blocks until there is an item, and copies it to item; NULL throws it away. Otherwise nothing was taken, and *item is as it was:
// GOKORE_CLOSED when closed and drained, or as above.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_recv(gokore_channel *ch, void *item, gokore_context *ctx);
// The same without blocking: GOKORE_FULL (with capacity 0: no receiver waits) and GOKORE_EMPTY (no item, no sender waits) instead.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_try_send(gokore_channel *ch, const void *item);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_try_recv(gokore_channel *ch, void *item);
// Ends sending and wakes all who wait; they return GOKORE_CLOSED. Does not block. GOKORE_CLOSED if it was closed before.
GOKORE_API gokore_status gokore_channel_close(gokore_channel *ch);

// Items inside, 0 with capacity 0: a hint where others use it, though it was so at one moment. The capacity that create was given.
GOKORE_API size_t gokore_channel_len(gokore_channel *ch);
GOKORE_API size_t gokore_channel_capacity(const gokore_channel *ch);
// True once it was closed, and for ever (acquire); items may still be inside.
GOKORE_API bool gokore_channel_is_closed(gokore_channel *ch);

// >>select
typedef enum gokore_select_op { GOKORE_SELECT_RECV = 0, GOKORE_SELECT_SEND } gokore_select_op;
typedef struct gokore_select_case {
    gokore_channel *channel; // NULL = never ready
    gokore_select_op op;
    void *item;              // where to receive, NULL = nowhere, or what to send (then only read)
} gokore_select_case;
// Blocks until one of the cases can go on, and does that one: GOKORE_OK, or GOKORE_CLOSED if its channel is closed (for a
// receive: and drained), with its number in *chosen (chosen may be NULL). Otherwise no case was done, *chosen = n: the context's
// status, GOKORE_TIMEOUT once the shortest time of the channels' classes is over and ctx is NULL, GOKORE_DEADLOCK, GOKORE_INVALID
// for an op that is none. Without cases, or with NULL channels only, it waits for the context. Of several that are ready each has
// the same chance. The same channel may stand in several cases; a select never meets itself. Up to 16 cases take no memory; more
// borrow some from the heap until it returns, or GOKORE_NO_MEMORY.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_select(gokore_select_case *cases, size_t n, gokore_context *ctx, size_t *chosen);
// The same, but of several that are ready the first in the list.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_select_biased(gokore_select_case *cases, size_t n, gokore_context *ctx, size_t *chosen);
// The same as select without blocking: GOKORE_EMPTY if none is ready.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_try_select(gokore_select_case *cases, size_t n, size_t *chosen);

// >>timers
// A channel that gets one item, the time it was due (int64_t, monotonic ns), after delay_ns; at once if that is not positive.
// Otherwise a channel like any other, of capacity 1; no thread stands behind it: who looks at it finds the tick. The caller
// destroys it. GOKORE_NO_MEMORY; then *out = NULL.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_after(gokore_channel **out, int64_t delay_ns);
// The same every period_ns, counted from now. It holds one tick; while nobody takes it the later ones are left out.
// GOKORE_INVALID for a period that is not positive, or GOKORE_NO_MEMORY; then *out = NULL.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_ticker(gokore_channel **out, int64_t period_ns);

// >>monitor
typedef struct gokore_channel_metrics {
    size_t len, capacity;
    uint64_t sent, received;    // since create; sent = received + dropped + len
    int64_t blocked_ns;         // time that calls have spent waiting in line, all threads together
    double rate;                // items received per second since create
    uint64_t dropped;           // by GOKORE_RECOVER_DROP_OLDEST
    size_t senders, receivers;  // waiting now
    uint64_t sent_after_close;  // sends that found it closed
    uint64_t closed_again;      // closes that found it closed
    uint64_t closed_on_senders; // sends that were waiting when it was closed
} gokore_channel_metrics;
// One moment's values, taken together. Sends and receives wait for that moment.
GOKORE_API void gokore_channel_get_metrics(gokore_channel *ch, gokore_channel_metrics *out);
// GOKORE_OK: closed and drained. GOKORE_BUSY: items or waiters are left. GOKORE_INVALID: empty, but not closed.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_verify_closure(gokore_channel *ch);

typedef enum gokore_recovery_kind {
    GOKORE_RECOVER_REPORT = 0,    // reports CHANNEL_STALL
    GOKORE_RECOVER_DROP_OLDEST,   // throws the oldest item away; GOKORE_EMPTY if none is inside
    GOKORE_RECOVER_CLOSE,         // closes it; GOKORE_CLOSED if it was closed before
    GOKORE_RECOVER_CANCEL_WAITERS, // all who wait return GOKORE_CANCELED; their sends have sent nothing
    GOKORE_RECOVER_CALL           // calls call(ch, user), with nothing locked
} gokore_recovery_kind;
typedef struct gokore_recovery {
    gokore_recovery_kind kind;
    void (*call)(gokore_channel *ch, void *user);
    void *user;
} gokore_recovery;
typedef struct gokore_channel_policy {
    size_t min_capacity, max_capacity; // buffer rules; max_capacity 0 = no limit
    int64_t stall_ns;                  // how long a channel may stand still; default 0: 1 s
    gokore_recovery on_stall;          // what gokore_channel_recover_stalls does
} gokore_channel_policy;
// Copies the policy; NULL restores the default. GOKORE_INVALID for min over max, a negative time or a recovery that is none,
// GOKORE_LIMIT if the channel's capacity is outside the bounds; then the old one stays.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_set_policy(gokore_channel *ch, const gokore_channel_policy *policy);
// Would set_policy take it?
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_check_buffer_rules(gokore_channel *ch, const gokore_channel_policy *policy);
// From now on a call with ctx NULL gives up after the class's max wait (gokore_lock_policy_default), GOKORE_TIMEOUT.
// GOKORE_INVALID for a class that is none.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_apply_qos(gokore_channel *ch, gokore_qos qos);

typedef struct gokore_stall {
    gokore_channel *channel;
    const char *name;
    size_t len, capacity, senders, receivers; // senders and receivers that wait
    int64_t stalled_ns;                       // for so long at least nothing was received
} gokore_stall;
typedef void gokore_stall_fn(const gokore_stall *stall, void *user);
// All channels of the process, timers excepted, that hold threshold items or more and from which nothing was received for
// their policy's stall_ns; with threshold 0 also those at which senders wait. Calls the listener for each, on this thread,
// with nothing locked. Whoever destroys such a channel meanwhile waits until its listener has returned.
GOKORE_API size_t gokore_channel_detect_stalls(gokore_stall *out, size_t cap, size_t threshold);
// Calls fn for every stall that is found, from now on; NULL removes it. One for the process.
GOKORE_API void gokore_channel_set_stall_listener(gokore_stall_fn *fn, void *user);
// Does what action says, stalled or not; NULL: the channel's policy's on_stall. Returns what the action did, see there;
// GOKORE_INVALID for an action that is none. Does not block, unless the action's call does.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_handle_stall(gokore_channel *ch, const gokore_recovery *action);
// The same as detect_stalls, and after each call of the listener handle_stall with the channel's own policy's on_stall.
GOKORE_API size_t gokore_channel_recover_stalls(size_t threshold);
// What a policy does about a stall, checked. GOKORE_INVALID as in set_policy; then *out is a report.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_recovery_create(const gokore_channel_policy *policy, gokore_recovery *out);

// >>private shared part: what the macros below call
GOKORE_API gokore_status gokore_channel_create_typed_(gokore_channel **out, size_t item_size, size_t capacity, const char *name);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_send_sized_(gokore_channel *ch, const void *item, size_t size, gokore_context *ctx);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_channel_recv_sized_(gokore_channel *ch, void *item, size_t size, gokore_context *ctx);

// >>typed: GOKORE_CHANNEL_TYPE(numbers, int) makes the type numbers, a channel of int, and numbers_create(numbers **, capacity),
// _destroy, _send(ch, int, ctx), _recv(ch, int *, ctx), _try_send, _try_recv, _close, _len and _channel, the channel itself.
#define GOKORE_CHANNEL_TYPE(name, T)                                                                                 \
    typedef struct name name;                                                                                        \
    GOKORE_INLINE_ gokore_channel *name##_channel(name *ch) { return (gokore_channel *)(void *)ch; }                 \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status name##_create(name **out, size_t capacity) {                       \
        gokore_channel *ch = NULL;                                                                                   \
        gokore_status status = gokore_channel_create_typed_(&ch, sizeof(T), capacity, #name);                        \
        *out = (name *)(void *)ch;                                                                                   \
        return status;                                                                                               \
    }                                                                                                                \
    GOKORE_INLINE_ void name##_destroy(name *ch) { gokore_channel_destroy(name##_channel(ch)); }                     \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status name##_send(name *ch, T item, gokore_context *ctx) {               \
        return gokore_channel_send(name##_channel(ch), &item, ctx);                                                  \
    }                                                                                                                \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status name##_recv(name *ch, T *item, gokore_context *ctx) {              \
        return gokore_channel_recv(name##_channel(ch), item, ctx);                                                   \
    }                                                                                                                \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status name##_try_send(name *ch, T item) {                                \
        return gokore_channel_try_send(name##_channel(ch), &item);                                                   \
    }                                                                                                                \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status name##_try_recv(name *ch, T *item) {                               \
        return gokore_channel_try_recv(name##_channel(ch), item);                                                    \
    }                                                                                                                \
    GOKORE_INLINE_ gokore_status name##_close(name *ch) { return gokore_channel_close(name##_channel(ch)); }         \
    GOKORE_INLINE_ size_t name##_len(name *ch) { return gokore_channel_len(name##_channel(ch)); }

// gokore_send(ch, value, ctx) and gokore_recv(ch, &variable, ctx): GOKORE_INVALID if the type's size is not the item's.
#ifndef __cplusplus
#define gokore_send(ch, value, ctx) \
    gokore_channel_send_sized_((ch), &(struct { __typeof__(value) v_; }) { (value) }.v_, sizeof(value), (ctx))
#define gokore_recv(ch, to, ctx) gokore_channel_recv_sized_((ch), (to), sizeof *(to), (ctx))
#endif

#ifdef __cplusplus
}
template <typename T> GOKORE_NODISCARD inline gokore_status gokore_send(gokore_channel *ch, const T &value, gokore_context *ctx) {
    return gokore_channel_send_sized_(ch, &value, sizeof value, ctx);
}
template <typename T> GOKORE_NODISCARD inline gokore_status gokore_recv(gokore_channel *ch, T *to, gokore_context *ctx) {
    return gokore_channel_recv_sized_(ch, to, sizeof *to, ctx);
}
#endif
#endif // GOKORE_CHANNEL_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_CHANNEL_IMPLEMENTED_)
#define GOKORE_CHANNEL_IMPLEMENTED_
#include "gokore_sync.h" // again: it may have been seen before the switch was set

#include <string.h>
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <sys/resource.h>
#endif

// Two schemes in one. While nobody waits: D. Vyukov's bounded queue ("Bounded MPMC queue", 1024cores.net, 2010), each place
// with a stamp, positions with laps as in crossbeam-channel's array flavour so that any capacity will do. Deviation: bit 0
// of both positions is SLOW, and a position that has it is moved under the latch only. So whoever finds nothing to take, or
// no room, takes the latch, sets SLOW on both ends, and from there on it is Go's runtime/chan.go: a ring and two lines of
// waiters under one lock; an item goes straight from a waiting sender, or to a waiting receiver. Invariant under the latch
// with SLOW set: receivers wait only while nothing is inside and no sender waits; senders wait only while the ring is full.
// SLOW goes when nobody waits and something is inside; so the first item into an empty channel often comes under the latch,
// where the monitor notes the time. No wake-up is lost: who waits has set SLOW in the word that the other side must change.
enum { GOKORE_CHANNEL_SLOW_ = 1 };  // in a position: under the latch only
enum { GOKORE_CHANNEL_TAKEN_ = 1 }; // in a place's stamp: an item is in it
enum { GOKORE_CHANNEL_STALL_NS_ = 1000000000 };

// stamp == p: free for the sender at position p; p | TAKEN: full for the receiver at position p; then free for p + lap.
typedef struct gokore_channel_place_ {
    gokore_atomic_u64 stamp;
    unsigned char item[];
} gokore_channel_place_;

struct gokore_channel {
    size_t item_size, capacity, stride; // not changed after create, nor is what follows
    uint64_t ring;                      // places in a lap
    uint64_t lap;                       // what a lap adds to a position; a power of two
    unsigned lap_bits;
    bool latched;                       // SLOW always: nothing to copy, rendezvous, timer
    const char *name;
    gokore_allocator allocator;
    void *memory;                       // to be freed; NULL = the caller's
    size_t memory_size;
    int64_t created_ns;
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u64 tail; // position of the next item in
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u64 head; // position of the next item out
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ latch;    // guards what follows
    gokore_atomic_u32 closed;
    gokore_wait_queue_ senders, receivers;
    uint64_t handed, dropped;           // items that went past the ring; items thrown away
    uint64_t still_at;                  // what had left the ring or gone past it ...
    int64_t still_since_ns;             // ... since then at the latest; 0 = unknown
    uint64_t sent_after_close, closed_again, closed_on_senders;
    int64_t due_ns, period_ns;          // a timer's next tick, INT64_MAX = none
    bool timer;
    gokore_channel_policy policy;
    struct gokore_channel *older, *newer; // of all channels; under gokore_channels_.latch, as is number
    uint64_t number;
    gokore_atomic_i64 blocked_ns, max_wait_ns; // not guarded, nor is what follows; max_wait_ns 0 = none
    gokore_atomic_u32 inside;           // calls that wait or look on, until they let go of the channel
    gokore_atomic_u32 looks;            // that a wait may take
    gokore_atomic_u32 yields, until_yield, yield_apart; // likewise; waits without one: as left, as first
    gokore_atomic_u32 until_asked, apart; // waits until it is asked whether it is crowded here; and then until the next time
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) unsigned char places[];
};

// All channels, newest first, and who listens.
static struct {
    gokore_latch_ latch;
    gokore_channel *newest;
    uint64_t count;
    gokore_stall_fn *listener;
    void *user;
} gokore_channels_;

// >>places
static inline void gokore_channel_copy_(const gokore_channel *ch, void *to, const void *from) { // to NULL: thrown away
    if (ch->item_size == 8 && to)
        memcpy(to, from, 8); // one move
    else if (ch->item_size && to)
        memcpy(to, from, ch->item_size);
}

static inline gokore_channel_place_ *gokore_channel_place_of_(gokore_channel *ch, uint64_t position) {
    size_t index = (size_t)((position & (ch->lap - 1)) >> 1);
    return (gokore_channel_place_ *)(void *)(ch->places + index * ch->stride);
}

static inline uint64_t gokore_channel_next_(const gokore_channel *ch, uint64_t position) { // without SLOW
    uint64_t index = (position & (ch->lap - 1)) >> 1;
    return index + 1 < ch->ring ? position + 2 : (position & ~(ch->lap - 1)) + ch->lap;
}

static uint64_t gokore_channel_count_(const gokore_channel *ch, uint64_t position) { // items that passed this end
    return (position >> ch->lap_bits) * ch->ring + ((position & (ch->lap - 1)) >> 1);
}

static uint64_t gokore_channel_between_(const gokore_channel *ch, uint64_t tail, uint64_t head) {
    return gokore_channel_count_(ch, tail) - gokore_channel_count_(ch, head);
}

// >>without the latch
enum { GOKORE_CHANNEL_TRIES_ = 64 }; // looks at a place that another is about to leave
// Where items are copied it is not inlined: a compiler that sees a caller's variable would warn of the sizes it has not.
#define GOKORE_CHANNEL_COPIES_ static __attribute__((noinline))

// The usual case alone: it is not slow, and there is a free place. *tail = the end as it was seen.
static inline bool gokore_channel_pushed_(gokore_channel *ch, const void *item, uint64_t *tail) {
    *tail = gokore_atomic_load_relaxed(&ch->tail); // relaxed: the CAS decides
    if (*tail & GOKORE_CHANNEL_SLOW_) return false;
    gokore_channel_place_ *place = gokore_channel_place_of_(ch, *tail);
    if (gokore_atomic_load_acquire(&place->stamp) != *tail) return false; // pairs with the release in gokore_channel_pulled_
    uint64_t next = gokore_channel_next_(ch, *tail);
    if (!gokore_atomic_compare_exchange_weak_release(&ch->tail, tail, next)) return false; // pairs with the acquires of the ends
    gokore_channel_copy_(ch, place->item, item);
    gokore_atomic_store_release(&place->stamp, *tail | GOKORE_CHANNEL_TAKEN_); // pairs with the acquires of a stamp
    return true;
}

static inline bool gokore_channel_pulled_(gokore_channel *ch, void *item, uint64_t *head) {
    *head = gokore_atomic_load_relaxed(&ch->head); // relaxed: the CAS decides
    if (*head & GOKORE_CHANNEL_SLOW_) return false;
    gokore_channel_place_ *place = gokore_channel_place_of_(ch, *head);
    if (gokore_atomic_load_acquire(&place->stamp) != (*head | GOKORE_CHANNEL_TAKEN_)) return false; // pairs with gokore_channel_pushed_
    uint64_t next = gokore_channel_next_(ch, *head);
    if (!gokore_atomic_compare_exchange_weak_release(&ch->head, head, next)) return false; // pairs likewise
    gokore_channel_copy_(ch, item, place->item);
    gokore_atomic_store_release(&place->stamp, *head + ch->lap); // pairs with the acquires of a stamp
    return true;
}

// Sends: GOKORE_OK, GOKORE_FULL, or GOKORE_BUSY: only the latch can tell.
GOKORE_CHANNEL_COPIES_ gokore_status gokore_channel_push_(gokore_channel *ch, const void *item) {
    for (int tries = 0; tries < GOKORE_CHANNEL_TRIES_; tries++) {
        uint64_t tail;
        if (gokore_channel_pushed_(ch, item, &tail)) return GOKORE_OK;
        if (tail & GOKORE_CHANNEL_SLOW_) break;
        if (gokore_atomic_load_acquire(&ch->tail) != tail) continue; // head is what who moved tail knew, or newer
        uint64_t head = gokore_atomic_load_relaxed(&ch->head);       // relaxed: tail can't move while it is so far behind
        if (head & GOKORE_CHANNEL_SLOW_) continue;
        if (gokore_channel_between_(ch, tail, head) == ch->capacity) return GOKORE_FULL;
        GOKORE_SEAM_PAUSE_(); // a receiver is about to leave
    }
    return GOKORE_BUSY;
}

// Receives: GOKORE_OK, GOKORE_EMPTY (and open), or GOKORE_BUSY.
GOKORE_CHANNEL_COPIES_ gokore_status gokore_channel_pull_(gokore_channel *ch, void *item) {
    for (int tries = 0; tries < GOKORE_CHANNEL_TRIES_; tries++) {
        uint64_t head;
        if (gokore_channel_pulled_(ch, item, &head)) return GOKORE_OK;
        if (head & GOKORE_CHANNEL_SLOW_) break;
        if (gokore_atomic_load_acquire(&ch->head) != head) continue; // tail, and closed, are what who moved head knew, or newer
        uint64_t tail = gokore_atomic_load_relaxed(&ch->tail);       // relaxed: head can't move while it is here
        if ((tail & ~(uint64_t)GOKORE_CHANNEL_SLOW_) == head)
            return gokore_atomic_load_relaxed(&ch->closed) ? GOKORE_BUSY : GOKORE_EMPTY; // relaxed: likewise
        GOKORE_SEAM_PAUSE_(); // a sender is about to leave
    }
    return GOKORE_BUSY;
}

static inline gokore_status gokore_channel_fast_(gokore_channel *ch, bool sending, void *item) {
    return sending ? gokore_channel_push_(ch, item) : gokore_channel_pull_(ch, item);
}

// >>under the latch
static void gokore_channel_mark_(gokore_atomic_u64 *end) { // relaxed: what is in the ring is published by stamps
    if (!(gokore_atomic_load_relaxed(end) & GOKORE_CHANNEL_SLOW_)) (void)gokore_atomic_fetch_or_relaxed(end, (uint64_t)GOKORE_CHANNEL_SLOW_);
}

static uint64_t gokore_channel_position_(const gokore_atomic_u64 *end) { // relaxed: marked, so only the latch's holder moves it
    return gokore_atomic_load_relaxed(end) & ~(uint64_t)GOKORE_CHANNEL_SLOW_;
}

static uint64_t gokore_channel_inside_(gokore_channel *ch) {
    return gokore_channel_between_(ch, gokore_channel_position_(&ch->tail), gokore_channel_position_(&ch->head));
}

static uint64_t gokore_channel_gone_(gokore_channel *ch) { // items that left the ring or went past it
    return gokore_channel_count_(ch, gokore_channel_position_(&ch->head)) + ch->handed;
}

static void gokore_channel_still_(gokore_channel *ch, int64_t now) { // nothing is received from now on, so far
    ch->still_at = gokore_channel_gone_(ch);
    ch->still_since_ns = now;
}

// The place at an end, once who was there before has left it.
static gokore_channel_place_ *gokore_channel_settled_(gokore_channel *ch, uint64_t position, uint64_t stamp) {
    gokore_channel_place_ *place = gokore_channel_place_of_(ch, position);
    while (gokore_atomic_load_acquire(&place->stamp) != stamp) GOKORE_SEAM_YIELD_(); // pairs with the releases of a stamp
    return place;
}

static void gokore_channel_store_(gokore_channel *ch, const void *item) { // there is room
    uint64_t tail = gokore_channel_position_(&ch->tail);
    if (ch->item_size) {
        gokore_channel_place_ *place = gokore_channel_settled_(ch, tail, tail);
        gokore_channel_copy_(ch, place->item, item);
        gokore_atomic_store_release(&place->stamp, tail | GOKORE_CHANNEL_TAKEN_); // pairs with the acquires of a stamp
    }
    gokore_atomic_store_release(&ch->tail, gokore_channel_next_(ch, tail) | GOKORE_CHANNEL_SLOW_); // pairs with the acquires of the ends
}

static void gokore_channel_fetch_(gokore_channel *ch, void *item) { // there is one; NULL throws it away
    uint64_t head = gokore_channel_position_(&ch->head);
    if (ch->item_size) {
        gokore_channel_place_ *place = gokore_channel_settled_(ch, head, head | GOKORE_CHANNEL_TAKEN_);
        gokore_channel_copy_(ch, item, place->item);
        gokore_atomic_store_release(&place->stamp, head + ch->lap); // pairs with the acquires of a stamp
    }
    gokore_atomic_store_release(&ch->head, gokore_channel_next_(ch, head) | GOKORE_CHANNEL_SLOW_); // pairs likewise
}

// >>patience
// A wait looks before it sleeps, for as long as that has paid lately: each wait that ends while looking lengthens the next,
// each that does not shortens it; at most for as long as falling asleep and being woken would cost. Every so many waits it is
// asked whether threads are taken off their CPUs here: then nobody looks, and it is asked again after four times as many.
// Otherwise one wait looks for longer where none did, to notice that a partner runs beside it again; and so do the next ones
// after a sleeper that need not have slept: who woke it came soon, and while one side sleeps looking does not help the other.
enum { GOKORE_CHANNEL_LOOKS_FIRST_ = GOKORE_CHANNEL_SPIN_MAX / 32, GOKORE_CHANNEL_LOOKS_ = GOKORE_CHANNEL_SPIN_MAX / 8 };
enum { GOKORE_CHANNEL_ASK_FIRST_ = 64, GOKORE_CHANNEL_ASK_LAST_ = 65536, GOKORE_CHANNEL_PAUSES_ = 32 };

#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
static long gokore_channel_evictions_(void) { // how often this thread was taken off its CPU
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}
#else
static long gokore_channel_evictions_(void) { return 0; }
#endif

static bool gokore_channel_is_crowded_(void) { // was this thread taken off its CPU since it last asked?
    static _Thread_local long before;
    long evictions = gokore_channel_evictions_();
    bool crowded = evictions != before;
    before = evictions;
    return crowded;
}

static uint32_t gokore_channel_patience_(gokore_channel *ch) { // relaxed, here and below: hints
    if (GOKORE_CHANNEL_SPIN_MAX == 0 || !gokore_is_parallel_()) return 0;
    uint32_t looks = gokore_atomic_load_relaxed(&ch->looks), left = gokore_atomic_load_relaxed(&ch->until_asked);
    if (left > 0) {
        gokore_atomic_store_relaxed(&ch->until_asked, left - 1);
        return looks;
    }
    uint32_t apart = gokore_atomic_load_relaxed(&ch->apart), next = apart;
    bool crowded = gokore_channel_is_crowded_();
    if (crowded && apart < GOKORE_CHANNEL_ASK_LAST_) next = apart * 4;
    if (!crowded && apart > GOKORE_CHANNEL_ASK_FIRST_) next = looks ? apart / 2 : apart - apart / 8; // where nobody looks it says less
    if (next < GOKORE_CHANNEL_ASK_FIRST_) next = GOKORE_CHANNEL_ASK_FIRST_;
    if (crowded) gokore_atomic_store_relaxed(&ch->looks, 0);
    gokore_atomic_store_relaxed(&ch->apart, next);
    gokore_atomic_store_relaxed(&ch->until_asked, looks && !crowded ? (uint32_t)GOKORE_CHANNEL_ASK_FIRST_ : next);
    return crowded ? 0 : looks ? looks : GOKORE_CHANNEL_SPIN_MAX;
}

static void gokore_channel_learn_(gokore_channel *ch, bool served) {
    uint32_t looks = gokore_atomic_load_relaxed(&ch->looks), more = looks + looks / 2 + GOKORE_CHANNEL_LOOKS_FIRST_ / 2;
    uint32_t next = !served ? looks / 2 : more > GOKORE_CHANNEL_LOOKS_ ? GOKORE_CHANNEL_LOOKS_ : more;
    if (next == looks) return;
    gokore_atomic_store_relaxed(&ch->looks, next);
    if (looks == 0) gokore_atomic_store_relaxed(&ch->until_asked, (uint32_t)GOKORE_CHANNEL_ASK_FIRST_);
}

static void gokore_channel_heed_(gokore_channel *ch, int64_t since_ns) { // somebody who sleeps since then is being woken
    if (GOKORE_CHANNEL_SPIN_MAX == 0 || gokore_atomic_load_relaxed(&ch->apart) != GOKORE_CHANNEL_ASK_FIRST_) return;
    if (gokore_now_ns() - since_ns < (int64_t)GOKORE_CHANNEL_SPIN_MAX * 10) // a look takes about so long
        gokore_atomic_store_relaxed(&ch->looks, (uint32_t)GOKORE_CHANNEL_SPIN_MAX);
}

// Before it looks or sleeps a wait at a larger ring lets others run, more often where that has paid lately. Where the program's
// threads outnumber CPUs each then fills or drains the ring in its turn; to be woken for one item, and to take the CPU from who
// sends more, costs most of a switch per item. But where that took long other programs have run: then waits sleep at once, since
// who is woken goes before those; it is tried again after so many waits, and eight times as many each time that it took long.
enum { GOKORE_CHANNEL_YIELDS_ = 4, GOKORE_CHANNEL_YIELD_CAPACITY_ = 16, GOKORE_CHANNEL_YIELD_NS_ = 100000 };
enum { GOKORE_CHANNEL_YIELD_AGAIN_ = 256, GOKORE_CHANNEL_YIELD_AGAIN_LAST_ = 65536 };

// >>lines of waiters
// A select that was served elsewhere may still stand in the line.
static bool gokore_channel_is_waiting_(const gokore_waiter_ *w, const gokore_waiter_ *self) {
    if (!w->owner_) return true;
    return w->owner_ != self && gokore_atomic_load_relaxed(&w->owner_->state_) != GOKORE_WAITER_WOKEN_; // relaxed: the exchange decides
}

static size_t gokore_channel_waiting_(const gokore_wait_queue_ *line) {
    size_t n = 0;
    for (const gokore_waiter_ *w = line->head; w; w = w->next_) n += gokore_channel_is_waiting_(w, NULL);
    return n;
}

// Stores WOKEN. False: it was so before. *kick = the word if its thread sleeps.
static bool gokore_channel_wake_(gokore_channel *ch, gokore_waiter_ *w, gokore_atomic_u32 **kick) {
    int64_t since_ns = w->since_ns_; // w may be gone afterwards
    uint32_t was = gokore_atomic_exchange_acq_rel(&w->state_, GOKORE_WAITER_WOKEN_); // pairs with gokore_waiter_wait_ and gokore_channel_rest_
    if (was == GOKORE_WAITER_ASLEEP_) *kick = &w->state_;
    if (was == GOKORE_WAITER_ASLEEP_) gokore_channel_heed_(ch, since_ns);
    return was != GOKORE_WAITER_WOKEN_;
}

// The first in line that is not self's and can still be served; a select is off the line then, and only this call serves it.
static gokore_waiter_ *gokore_channel_first_(gokore_channel *ch, gokore_wait_queue_ *line, const gokore_waiter_ *self, gokore_atomic_u32 **kick) {
    for (gokore_waiter_ *w = line->head, *next; w; w = next) {
        next = w->next_;
        if (!w->owner_) return w;
        if (w->owner_ == self) continue;
        gokore_wait_queue_remove_(line, w);
        if (gokore_channel_wake_(ch, w->owner_, kick)) return w;
    }
    return NULL;
}

// Ends the call of the one that gokore_channel_first_ gave. A select looks at its answer only after it had this latch.
static void gokore_channel_serve_(gokore_channel *ch, gokore_wait_queue_ *line, gokore_waiter_ *w, gokore_status answer, gokore_atomic_u32 **kick) {
    if (w->owner_) {
        w->owner_->answer_ = answer;
        w->owner_->item_ = w; // which of its cases
        return;
    }
    gokore_wait_queue_remove_(line, w);
    w->answer_ = answer;
    (void)gokore_channel_wake_(ch, w, kick);
}

// All in line get the answer; kicked under the latch, on their way out.
static size_t gokore_channel_dismiss_(gokore_channel *ch, gokore_wait_queue_ *line, gokore_status answer) {
    size_t n = 0;
    gokore_atomic_u32 *kick = NULL;
    for (gokore_waiter_ *w; (w = gokore_channel_first_(ch, line, NULL, &kick)) != NULL; kick = NULL, n++) {
        gokore_channel_serve_(ch, line, w, answer, &kick);
        if (kick) gokore_waiter_kick_(kick);
    }
    return n;
}

// >>one step of a call, under the latch; self is the select that asks, *kick a word to wake after the latch
GOKORE_CHANNEL_COPIES_ gokore_status gokore_channel_put_(gokore_channel *ch, const void *item, const gokore_waiter_ *self, gokore_atomic_u32 **kick) {
    if (gokore_atomic_load_relaxed(&ch->closed)) { // relaxed: under the latch
        ch->sent_after_close++;
        return GOKORE_CLOSED;
    }
    gokore_waiter_ *receiver = gokore_channel_first_(ch, &ch->receivers, self, kick);
    if (receiver) {
        gokore_channel_copy_(ch, receiver->item_, item);
        gokore_channel_serve_(ch, &ch->receivers, receiver, GOKORE_OK, kick);
        ch->handed++;
        return GOKORE_OK;
    }
    uint64_t inside = gokore_channel_inside_(ch);
    if (inside >= ch->capacity) return GOKORE_FULL;
    if (inside == 0) gokore_channel_still_(ch, gokore_now_ns());
    gokore_channel_store_(ch, item);
    return GOKORE_OK;
}

GOKORE_CHANNEL_COPIES_ gokore_status gokore_channel_take_(gokore_channel *ch, void *item, const gokore_waiter_ *self, gokore_atomic_u32 **kick) {
    bool stored = gokore_channel_inside_(ch) > 0;
    if (stored) gokore_channel_fetch_(ch, item);
    gokore_waiter_ *sender = gokore_channel_first_(ch, &ch->senders, self, kick);
    if (!stored && !sender) return gokore_atomic_load_relaxed(&ch->closed) ? GOKORE_CLOSED : GOKORE_EMPTY; // relaxed: under the latch
    if (sender && stored) {
        gokore_channel_store_(ch, sender->item_);
    } else if (sender) {
        gokore_channel_copy_(ch, item, sender->item_);
        ch->handed++;
    }
    if (sender) gokore_channel_serve_(ch, &ch->senders, sender, GOKORE_OK, kick);
    return GOKORE_OK;
}

static gokore_status gokore_channel_step_(gokore_channel *ch, bool sending, void *item, const gokore_waiter_ *self, gokore_atomic_u32 **kick) {
    return sending ? gokore_channel_put_(ch, item, self, kick) : gokore_channel_take_(ch, item, self, kick);
}

// The tick that is due goes in, unless one is there already; those that nobody took are left out.
static void gokore_channel_tick_(gokore_channel *ch) {
    int64_t now = gokore_now_ns();
    if (now < ch->due_ns || gokore_atomic_load_relaxed(&ch->closed)) return; // relaxed: under the latch
    gokore_atomic_u32 *kick = NULL;
    (void)gokore_channel_put_(ch, &ch->due_ns, NULL, &kick); // FULL: left out
    if (kick) gokore_waiter_kick_(kick);
    int64_t next;
    bool last = !ch->period_ns || __builtin_add_overflow(now - (now - ch->due_ns) % ch->period_ns, ch->period_ns, &next);
    ch->due_ns = last ? INT64_MAX : next;
}

static void gokore_channel_enter_(gokore_channel *ch) {
    gokore_latch_lock_(&ch->latch);
    gokore_channel_mark_(&ch->tail);
    gokore_channel_mark_(&ch->head);
    if (ch->timer) gokore_channel_tick_(ch);
}

// Leaves it slow while somebody waits or it is empty; a closed one is slow for senders for ever.
static void gokore_channel_leave_(gokore_channel *ch, gokore_atomic_u32 *kick) {
    if (!ch->latched && !ch->senders.head && !ch->receivers.head && gokore_channel_inside_(ch) > 0) {
        uint64_t fast = ~(uint64_t)GOKORE_CHANNEL_SLOW_; // relaxed: what is in the ring is published by stamps
        if (!gokore_atomic_load_relaxed(&ch->closed)) (void)gokore_atomic_fetch_and_relaxed(&ch->tail, fast);
        (void)gokore_atomic_fetch_and_relaxed(&ch->head, fast);
    }
    gokore_latch_unlock_(&ch->latch);
    if (kick) gokore_waiter_kick_(kick);
}

// >>waiting
static void gokore_channel_none_held_(void) { gokore_lock_none_held_("while its thread waits in a channel"); }

static bool gokore_channel_must_wait_(gokore_status status) { return status == GOKORE_FULL || status == GOKORE_EMPTY; }

static uint32_t gokore_channel_yields_(gokore_channel *ch) { // how many this wait takes; relaxed, here and below: hints
    if (GOKORE_CHANNEL_SPIN_MAX == 0 || ch->latched || ch->capacity < GOKORE_CHANNEL_YIELD_CAPACITY_) return 0;
    uint32_t yields = gokore_atomic_load_relaxed(&ch->yields), left = gokore_atomic_load_relaxed(&ch->until_yield);
    if (left > 0) gokore_atomic_store_relaxed(&ch->until_yield, left - 1);
    return left > 0 ? 0 : yields;
}

static void gokore_channel_yielded_(gokore_channel *ch, uint32_t yields, bool served, bool late) {
    uint32_t next = served ? GOKORE_CHANNEL_YIELDS_ : yields > 1 ? yields / 2 : 1, apart = gokore_atomic_load_relaxed(&ch->yield_apart);
    if (next != yields) gokore_atomic_store_relaxed(&ch->yields, next);
    if (late) {
        gokore_atomic_store_relaxed(&ch->until_yield, apart);
        gokore_atomic_store_relaxed(&ch->yield_apart, apart < GOKORE_CHANNEL_YIELD_AGAIN_LAST_ ? apart * 8 : apart);
    } else if (apart > GOKORE_CHANNEL_YIELD_AGAIN_) {
        gokore_atomic_store_relaxed(&ch->yield_apart, apart / 2);
    }
}

// GOKORE_OK: the item is through. *told: the lock checker knows of the wait.
static gokore_status gokore_channel_step_aside_(gokore_channel *ch, bool sending, void *item, uint32_t yields, bool *told) {
    (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); // relaxed: a count; who gets the item may destroy the channel
    gokore_status status = gokore_channel_fast_(ch, sending, item);
    if (gokore_channel_must_wait_(status)) {
        gokore_channel_none_held_();
        *told = true;
    }
    int64_t until_ns = gokore_now_ns() + GOKORE_CHANNEL_YIELD_NS_;
    bool late = false;
    for (uint32_t i = 0; i < yields && !late && gokore_channel_must_wait_(status); i++) {
        GOKORE_SEAM_YIELD_();
        status = gokore_channel_fast_(ch, sending, item);
        late = gokore_now_ns() > until_ns;
    }
    if (*told) gokore_channel_yielded_(ch, yields, status == GOKORE_OK, late);
    (void)gokore_atomic_fetch_sub_release(&ch->inside, 1); // pairs with the acquire in gokore_channel_destroy
    return status;
}

// Looks whether the ring has an item, or room, by now, ever less often: who comes back later finds several, and has disturbed
// the other side less. *looks = what is left of them when the latch is needed.
static gokore_status gokore_channel_glance_(gokore_channel *ch, bool sending, void *item, uint32_t *looks, bool *told) {
    gokore_status status = GOKORE_BUSY;
    bool looked = false;
    (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); // relaxed: a count; who gets the item may destroy the channel
    for (uint32_t pauses = 1; *looks > 0; looked = *told = true) {
        status = gokore_channel_fast_(ch, sending, item);
        if (!gokore_channel_must_wait_(status)) break;
        if (!*told) gokore_channel_none_held_();
        if (pauses > *looks) pauses = *looks;
        for (uint32_t i = 0; i < pauses; i++) GOKORE_SEAM_PAUSE_();
        *looks -= pauses;
        if (pauses < GOKORE_CHANNEL_PAUSES_) pauses *= 2;
    }
    if (looked && status != GOKORE_BUSY) gokore_channel_learn_(ch, status == GOKORE_OK);
    (void)gokore_atomic_fetch_sub_release(&ch->inside, 1); // pairs with the acquire in gokore_channel_destroy
    return status;
}

static gokore_status gokore_channel_rest_(gokore_channel *ch, gokore_waiter_ *w, uint32_t looks, gokore_context *ctx, int64_t deadline_ns) {
    bool served = false;
    for (uint32_t i = 0; i < looks && !served; i++) {
        GOKORE_SEAM_PAUSE_();
        served = gokore_atomic_load_acquire(&w->state_) == GOKORE_WAITER_WOKEN_; // pairs with gokore_channel_wake_
    }
    if (looks && ch) gokore_channel_learn_(ch, served);
    return served ? GOKORE_OK : gokore_waiter_wait_(w, ctx, deadline_ns);
}

static int64_t gokore_channel_limit_(gokore_channel *ch, gokore_context *ctx) { // when a call must give up by its class
    int64_t max_wait_ns = ctx ? 0 : gokore_atomic_load_relaxed(&ch->max_wait_ns); // relaxed: a setting
    return max_wait_ns ? gokore_deadline_after_(max_wait_ns) : INT64_MAX;
}

// Whom the lock checker takes for able to end a wait: those who have been at the other end.
enum { GOKORE_CHANNEL_SENDS_, GOKORE_CHANNEL_RECEIVES_ };

static gokore_wait_queue_ *gokore_channel_line_(gokore_channel *ch, bool sending) { return sending ? &ch->senders : &ch->receivers; }

// Gets in line, under the latch.
static void gokore_channel_line_up_(gokore_channel *ch, bool sending, gokore_waiter_ *w) {
    gokore_wait_queue_ *line = gokore_channel_line_(ch, sending);
    if (sending && !line->head && (ch->still_at != gokore_channel_gone_(ch) || gokore_channel_inside_(ch) == 0))
        gokore_channel_still_(ch, w->since_ns_);
    gokore_wait_queue_push_(line, w, false);
    (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); // relaxed: under the latch
}

// The channel may be gone afterwards.
static void gokore_channel_let_go_(gokore_channel *ch, int64_t waited_ns) {
    (void)gokore_atomic_fetch_add_relaxed(&ch->blocked_ns, waited_ns); // relaxed: a sum
    (void)gokore_atomic_fetch_sub_release(&ch->inside, 1);             // pairs with the acquire in gokore_channel_destroy
}

// Called with the latch held, returns without it.
static gokore_status gokore_channel_wait_(gokore_channel *ch, bool sending, void *item, gokore_context *ctx, uint32_t looks, bool told) {
    gokore_waiter_ w = { .key_ = ch, .name_ = ch->name, .item_ = item, .since_ns_ = gokore_now_ns(), .sleeps_ = true,
                         .kind_ = GOKORE_WAIT_PARTY_, .end_ = sending ? GOKORE_CHANNEL_RECEIVES_ : GOKORE_CHANNEL_SENDS_ };
    gokore_channel_line_up_(ch, sending, &w);
    gokore_latch_unlock_(&ch->latch); // slow while somebody is in line
    if (!told) gokore_channel_none_held_();
    gokore_status status = gokore_channel_rest_(ch, &w, looks, ctx, gokore_channel_limit_(ch, ctx));
    if (status != GOKORE_OK) {
        gokore_channel_enter_(ch);
        if (w.queued_)
            gokore_wait_queue_remove_(gokore_channel_line_(ch, sending), &w);
        else
            status = GOKORE_OK; // served, even if the context ended meanwhile
        gokore_channel_leave_(ch, NULL);
    }
    if (status == GOKORE_OK) status = (gokore_status)w.answer_;
    gokore_channel_let_go_(ch, gokore_now_ns() - w.since_ns_);
    return status;
}

// What is left of a blocking call when the ring has not served it at once.
static gokore_status gokore_channel_block_(gokore_channel *ch, bool sending, void *item, gokore_context *ctx) {
    if (ch->timer) {
        gokore_select_case only = { ch, sending ? GOKORE_SELECT_SEND : GOKORE_SELECT_RECV, item };
        return gokore_channel_select_biased(&only, 1, ctx, NULL);
    }
    uint32_t yields = gokore_channel_yields_(ch);
    bool told = false;
    if (yields && gokore_channel_step_aside_(ch, sending, item, yields, &told) == GOKORE_OK) return GOKORE_OK;
    uint32_t looks = gokore_channel_patience_(ch);
    if (looks && !ch->latched && gokore_channel_glance_(ch, sending, item, &looks, &told) == GOKORE_OK) return GOKORE_OK;
    gokore_atomic_u32 *kick = NULL;
    gokore_channel_enter_(ch);
    gokore_status status = gokore_channel_step_(ch, sending, item, NULL, &kick);
    if (gokore_channel_must_wait_(status)) return gokore_channel_wait_(ch, sending, item, ctx, looks, told);
    gokore_channel_leave_(ch, kick);
    return status;
}

static gokore_status gokore_channel_try_(gokore_channel *ch, bool sending, void *item) {
    gokore_wait_party_(ch, sending ? GOKORE_CHANNEL_SENDS_ : GOKORE_CHANNEL_RECEIVES_);
    gokore_status status = gokore_channel_fast_(ch, sending, item);
    if (status != GOKORE_BUSY) return status;
    gokore_atomic_u32 *kick = NULL;
    gokore_channel_enter_(ch);
    status = gokore_channel_step_(ch, sending, item, NULL, &kick);
    gokore_channel_leave_(ch, kick);
    return status;
}

// >>create, destroy
static unsigned char *gokore_channel_aligned_(void *p) {
    return (unsigned char *)p + (GOKORE_CACHE_LINE - (uintptr_t)p % GOKORE_CACHE_LINE) % GOKORE_CACHE_LINE;
}

static bool gokore_channel_size_(size_t item_size, size_t capacity, size_t *stride, size_t *bytes) { // false: too large
    size_t places = 0;
    *stride = 0;
    if (item_size && capacity) {
        if (__builtin_add_overflow(item_size, sizeof(gokore_channel_place_) + 7, stride)) return false;
        *stride &= ~(size_t)7;
        if (__builtin_mul_overflow(*stride, capacity, &places)) return false;
    }
    return !__builtin_add_overflow(places, sizeof(gokore_channel), bytes);
}

size_t gokore_channel_storage_size(size_t item_size, size_t capacity) {
    size_t stride, bytes;
    if (!gokore_channel_size_(item_size, capacity, &stride, &bytes) || __builtin_add_overflow(bytes, GOKORE_CACHE_LINE - 1, &bytes)) return 0;
    return bytes;
}

static void gokore_channel_init_(gokore_channel *ch, const gokore_channel_desc *desc, size_t stride) {
    memset(ch, 0, sizeof *ch);
    ch->item_size = desc->item_size;
    ch->capacity = desc->capacity;
    ch->stride = stride;
    ch->latched = stride == 0;
    ch->ring = ch->latched ? (uint64_t)1 << 62 : desc->capacity; // without places it never wraps
    for (ch->lap_bits = 1; (uint64_t)1 << ch->lap_bits < ch->ring * 2;) ch->lap_bits++;
    ch->lap = (uint64_t)1 << ch->lap_bits;
    ch->name = desc->name ? desc->name : "channel";
    ch->allocator = desc->allocator;
    ch->created_ns = gokore_now_ns();
    ch->due_ns = INT64_MAX;
    for (uint64_t i = 0; !ch->latched && i < ch->ring; i++) // relaxed, as all here: nobody has it yet
        gokore_atomic_store_relaxed(&gokore_channel_place_of_(ch, 2 * i)->stamp, 2 * i);
    gokore_atomic_store_relaxed(&ch->tail, (uint64_t)GOKORE_CHANNEL_SLOW_);
    gokore_atomic_store_relaxed(&ch->head, (uint64_t)GOKORE_CHANNEL_SLOW_);
    gokore_atomic_store_relaxed(&ch->looks, (uint32_t)GOKORE_CHANNEL_LOOKS_FIRST_);
    gokore_atomic_store_relaxed(&ch->yields, (uint32_t)GOKORE_CHANNEL_YIELDS_);
    gokore_atomic_store_relaxed(&ch->yield_apart, (uint32_t)GOKORE_CHANNEL_YIELD_AGAIN_);
    gokore_atomic_store_relaxed(&ch->until_asked, (uint32_t)GOKORE_CHANNEL_ASK_FIRST_);
    gokore_atomic_store_relaxed(&ch->apart, (uint32_t)GOKORE_CHANNEL_ASK_FIRST_);
}

static void gokore_channel_enlist_(gokore_channel *ch) {
    gokore_latch_lock_(&gokore_channels_.latch);
    ch->number = ++gokore_channels_.count;
    ch->older = gokore_channels_.newest;
    if (ch->older) ch->older->newer = ch;
    gokore_channels_.newest = ch;
    gokore_latch_unlock_(&gokore_channels_.latch);
}

static void gokore_channel_delist_(gokore_channel *ch) {
    gokore_latch_lock_(&gokore_channels_.latch);
    *(ch->newer ? &ch->newer->older : &gokore_channels_.newest) = ch->older;
    if (ch->older) ch->older->newer = ch->newer;
    gokore_latch_unlock_(&gokore_channels_.latch);
}

gokore_status gokore_channel_create(gokore_channel **out, const gokore_channel_desc *desc) {
    *out = NULL;
    size_t stride, bytes;
    if (!gokore_channel_size_(desc->item_size, desc->capacity, &stride, &bytes)) return GOKORE_NO_MEMORY;
    void *memory = desc->storage;
    if (!memory) memory = gokore_alloc_(&desc->allocator, bytes, GOKORE_CACHE_LINE);
    else if (desc->storage_size < gokore_channel_storage_size(desc->item_size, desc->capacity)) return GOKORE_NO_MEMORY;
    if (!memory) return GOKORE_NO_MEMORY;
    gokore_channel *ch = (gokore_channel *)(void *)gokore_channel_aligned_(memory);
    gokore_channel_init_(ch, desc, stride);
    ch->memory = desc->storage ? NULL : memory;
    ch->memory_size = bytes;
    const gokore_provider *p = desc->provider;
    if (p && p->qos && gokore_channel_apply_qos(ch, p->qos(p->user)) != GOKORE_OK) {
        gokore_free_(&desc->allocator, ch->memory, bytes);
        return GOKORE_INVALID;
    }
    gokore_channel_enlist_(ch);
    *out = ch;
    return GOKORE_OK;
}

gokore_status gokore_channel_create_typed_(gokore_channel **out, size_t item_size, size_t capacity, const char *name) {
    gokore_channel_desc desc = { .item_size = item_size, .capacity = capacity, .name = name };
    return gokore_channel_create(out, &desc);
}

// Waits for those who are in the middle of a place: the other side may know already that the item is through.
static void gokore_channel_settle_(gokore_channel *ch) {
    uint64_t head = gokore_channel_position_(&ch->head), tail = gokore_channel_position_(&ch->tail), p = head;
    for (; p != tail; p = gokore_channel_next_(ch, p)) (void)gokore_channel_settled_(ch, p, p | GOKORE_CHANNEL_TAKEN_);
    for (; p != head + ch->lap; p = gokore_channel_next_(ch, p)) (void)gokore_channel_settled_(ch, p, p);
}

void gokore_channel_destroy(gokore_channel *ch) {
    if (!ch) return;
    gokore_wait_forget_(ch);
    gokore_channel_delist_(ch);
    gokore_channel_enter_(ch);
    bool busy = gokore_channel_waiting_(&ch->senders) || gokore_channel_waiting_(&ch->receivers);
    gokore_channel_leave_(ch, NULL);
    if (busy) gokore_reportf_(GOKORE_REPORT_CHANNEL_BUSY, ch->name, "channel '%s' destroyed while threads wait on it", ch->name);
    (void)gokore_channel_close(ch);
    while (gokore_atomic_load_acquire(&ch->inside)) GOKORE_SEAM_YIELD_(); // pairs with the release in gokore_channel_let_go_
    gokore_channel_enter_(ch);
    if (!ch->latched) gokore_channel_settle_(ch);
    gokore_allocator allocator = ch->allocator;
    gokore_free_(&allocator, ch->memory, ch->memory_size);
}

// >>instrumenter: with GOKORE_METRICS only. The channel is kept while it is told, though its last item may be through.
static void gokore_channel_keep_(gokore_channel *ch) { (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); } // relaxed: a count

static void gokore_channel_tell_result_(gokore_channel *ch, bool sending, gokore_status result, int64_t blocked_ns) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    if (i->channel) i->channel(i->user, ch->name, sending, result, blocked_ns);
    gokore_channel_let_go_(ch, 0);
}

static gokore_status gokore_channel_told_(gokore_channel *ch, bool sending, bool blocking, void *item, gokore_context *ctx) {
    int64_t since_ns = 0;
    gokore_channel_keep_(ch);
    gokore_status status = gokore_channel_try_(ch, sending, item);
    if (blocking && (status == GOKORE_FULL || status == GOKORE_EMPTY)) {
        since_ns = gokore_now_ns();
        status = gokore_channel_block_(ch, sending, item, ctx);
    }
    gokore_channel_tell_result_(ch, sending, status, since_ns ? gokore_now_ns() - since_ns : 0);
    return status;
}

// >>send, receive
// Not inlined, as above.
__attribute__((noinline)) gokore_status gokore_channel_send(gokore_channel *ch, const void *item, gokore_context *ctx) {
    uint64_t tail;
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK) return status;
    gokore_wait_party_(ch, GOKORE_CHANNEL_SENDS_);
    if (GOKORE_METRICS) return gokore_channel_told_(ch, true, true, (void *)(uintptr_t)item, ctx);
    if (GOKORE_LIKELY_(gokore_channel_pushed_(ch, item, &tail)) || gokore_channel_push_(ch, item) == GOKORE_OK) return GOKORE_OK;
    GOKORE_CALLED_();
    return gokore_channel_block_(ch, true, (void *)(uintptr_t)item, ctx); // only read
}

__attribute__((noinline)) gokore_status gokore_channel_recv(gokore_channel *ch, void *item, gokore_context *ctx) {
    uint64_t head;
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK) return status;
    gokore_wait_party_(ch, GOKORE_CHANNEL_RECEIVES_);
    if (GOKORE_METRICS) return gokore_channel_told_(ch, false, true, item, ctx);
    if (GOKORE_LIKELY_(gokore_channel_pulled_(ch, item, &head)) || gokore_channel_pull_(ch, item) == GOKORE_OK) return GOKORE_OK;
    GOKORE_CALLED_();
    return gokore_channel_block_(ch, false, item, ctx);
}

gokore_status gokore_channel_try_send(gokore_channel *ch, const void *item) {
    void *only_read = (void *)(uintptr_t)item;
    return GOKORE_METRICS ? gokore_channel_told_(ch, true, false, only_read, NULL) : gokore_channel_try_(ch, true, only_read);
}

gokore_status gokore_channel_try_recv(gokore_channel *ch, void *item) {
    gokore_status status = GOKORE_METRICS ? gokore_channel_told_(ch, false, false, item, NULL) : gokore_channel_try_(ch, false, item);
    if (status == GOKORE_EMPTY) gokore_channel_mark_(&ch->tail); // the next item is the first one: its time is to be noted
    return status;
}

gokore_status gokore_channel_send_sized_(gokore_channel *ch, const void *item, size_t size, gokore_context *ctx) {
    return size == ch->item_size ? gokore_channel_send(ch, item, ctx) : GOKORE_INVALID;
}

gokore_status gokore_channel_recv_sized_(gokore_channel *ch, void *item, size_t size, gokore_context *ctx) {
    return size == ch->item_size ? gokore_channel_recv(ch, item, ctx) : GOKORE_INVALID;
}

gokore_status gokore_channel_close(gokore_channel *ch) {
    gokore_channel_enter_(ch);
    gokore_status status = gokore_atomic_load_relaxed(&ch->closed) ? GOKORE_CLOSED : GOKORE_OK; // relaxed: under the latch
    if (status == GOKORE_CLOSED) ch->closed_again++;
    gokore_atomic_store_release(&ch->closed, 1); // pairs with gokore_channel_is_closed
    ch->closed_on_senders += gokore_channel_dismiss_(ch, &ch->senders, GOKORE_CLOSED);
    (void)gokore_channel_dismiss_(ch, &ch->receivers, GOKORE_CLOSED);
    gokore_channel_leave_(ch, NULL);
    return status;
}

size_t gokore_channel_len(gokore_channel *ch) {
    if (ch->timer) { // a tick may be due
        gokore_channel_enter_(ch);
        gokore_channel_leave_(ch, NULL);
    }
    uint64_t slow = GOKORE_CHANNEL_SLOW_, head = gokore_atomic_load_acquire(&ch->head), tail, before; // acquire: one after the other
    do {
        before = head;
        tail = gokore_atomic_load_acquire(&ch->tail);
        head = gokore_atomic_load_acquire(&ch->head);
    } while ((head | slow) != (before | slow));
    return (size_t)gokore_channel_between_(ch, tail & ~slow, head & ~slow);
}

size_t gokore_channel_capacity(const gokore_channel *ch) { return ch->capacity; }

bool gokore_channel_is_closed(gokore_channel *ch) { return gokore_atomic_load_acquire(&ch->closed) != 0; } // pairs with gokore_channel_close

// >>select: Go's runtime/select.go: a look at each, then all latches, taken by address, and one record per case in the lines
enum { GOKORE_SELECT_STACK_ = 16 };
typedef struct gokore_select_ {
    gokore_select_case *cases;
    size_t n;
    gokore_waiter_ root, *nodes; // what the thread sleeps on; case i's place in its channel's line
    gokore_wait_end_of_ *ends;   // of all channels, what the lock checker is told; n of them, with GOKORE_LOCKORDER only
    uint32_t *order;             // in which the cases are looked at
    uint32_t *by_address;        // the cases, sorted by channel
} gokore_select_;

static uint32_t gokore_select_random_(uint32_t below) { // D. Knuth's MMIX generator, the upper half
    static _Thread_local uint64_t state;
    if (state == 0) state = (uint64_t)(uintptr_t)&state ^ (uint64_t)gokore_now_ns();
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 32) * below >> 32);
}

static void gokore_select_shuffle_(gokore_select_ *s, bool biased) { // Fisher and Yates, inside out
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t j = biased || i == 0 ? i : gokore_select_random_(i + 1);
        s->order[i] = s->order[j];
        s->order[j] = i;
    }
}

static void gokore_select_sort_(gokore_select_ *s) { // D. Shell's
    for (uint32_t i = 0; i < s->n; i++) s->by_address[i] = i;
    for (size_t gap = s->n / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < s->n; i++) {
            uint32_t moved = s->by_address[i];
            size_t j = i;
            for (; j >= gap && (uintptr_t)s->cases[s->by_address[j - gap]].channel > (uintptr_t)s->cases[moved].channel; j -= gap)
                s->by_address[j] = s->by_address[j - gap];
            s->by_address[j] = moved;
        }
}

// The kth distinct channel by address, from *k on; NULL when there is none.
static gokore_channel *gokore_select_each_(const gokore_select_ *s, size_t *k) {
    for (; *k < s->n; ++*k) {
        gokore_channel *ch = s->cases[s->by_address[*k]].channel;
        if (ch && (*k == 0 || s->cases[s->by_address[*k - 1]].channel != ch)) {
            ++*k;
            return ch;
        }
    }
    return NULL;
}

static void gokore_select_enter_(gokore_select_ *s) {
    size_t k = 0;
    for (gokore_channel *ch; (ch = gokore_select_each_(s, &k)) != NULL;) gokore_channel_enter_(ch);
}

static void gokore_select_leave_(gokore_select_ *s) {
    size_t k = 0;
    for (gokore_channel *ch; (ch = gokore_select_each_(s, &k)) != NULL;) gokore_channel_leave_(ch, NULL);
}

// Looks at the cases one by one, or with all latches held. GOKORE_EMPTY: none could go on.
static gokore_status gokore_select_look_(gokore_select_ *s, bool latched, size_t *chosen, gokore_atomic_u32 **kick) {
    for (size_t k = 0; k < s->n; k++) {
        gokore_select_case *c = &s->cases[s->order[k]];
        bool sending = c->op == GOKORE_SELECT_SEND;
        if (!c->channel) continue;
        gokore_status status = latched ? gokore_channel_step_(c->channel, sending, c->item, &s->root, kick)
                                       : gokore_channel_try_(c->channel, sending, c->item);
        if (status != GOKORE_OK && status != GOKORE_CLOSED) continue;
        *chosen = s->order[k];
        return status;
    }
    return GOKORE_EMPTY;
}

// Whom the lock checker takes for able to end it: those who have been at the other end of any of the cases.
static void gokore_select_tell_(gokore_select_ *s) {
    uint32_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        gokore_channel *ch = s->cases[i].channel;
        uint32_t end = s->cases[i].op == GOKORE_SELECT_SEND ? GOKORE_CHANNEL_RECEIVES_ : GOKORE_CHANNEL_SENDS_;
        if (ch) s->ends[n++] = (gokore_wait_end_of_) { ch, ch->name, end };
    }
    if (n == 0) return;
    s->root.kind_ = GOKORE_WAIT_PARTY_;
    s->root.key_ = s->ends[0].object;
    s->root.name_ = s->ends[0].name;
    s->root.end_ = s->ends[0].end;
    s->root.others_ = s->ends + 1;
    s->root.other_count_ = n - 1;
}

static void gokore_select_line_up_(gokore_select_ *s) {
    s->root.since_ns_ = gokore_now_ns();
    if (GOKORE_LOCKORDER) gokore_select_tell_(s);
    for (size_t i = 0; i < s->n; i++) {
        gokore_select_case *c = &s->cases[i];
        s->nodes[i] = (gokore_waiter_) { .owner_ = &s->root, .key_ = c->channel, .item_ = c->item, .since_ns_ = s->root.since_ns_ };
        if (c->channel) gokore_channel_line_up_(c->channel, c->op == GOKORE_SELECT_SEND, &s->nodes[i]);
    }
}

static void gokore_select_step_out_(gokore_select_ *s) { // of the lines it is still in
    for (size_t i = 0; i < s->n; i++) {
        gokore_select_case *c = &s->cases[i];
        if (s->nodes[i].queued_) gokore_wait_queue_remove_(gokore_channel_line_(c->channel, c->op == GOKORE_SELECT_SEND), &s->nodes[i]);
    }
}

static void gokore_select_let_go_(gokore_select_ *s) {
    int64_t waited_ns = gokore_now_ns() - s->root.since_ns_;
    for (size_t i = 0; i < s->n; i++)
        if (s->cases[i].channel) gokore_channel_let_go_(s->cases[i].channel, waited_ns);
}

// When the next tick is due that a case may receive. Under the latches.
static int64_t gokore_select_due_(const gokore_select_ *s) {
    int64_t due_ns = INT64_MAX;
    for (size_t i = 0; i < s->n; i++)
        if (s->cases[i].channel && s->cases[i].channel->due_ns < due_ns) due_ns = s->cases[i].channel->due_ns;
    return due_ns;
}

static int64_t gokore_select_limit_(const gokore_select_ *s, gokore_context *ctx) {
    int64_t limit_ns = INT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        int64_t one = s->cases[i].channel ? gokore_channel_limit_(s->cases[i].channel, ctx) : INT64_MAX;
        if (one < limit_ns) limit_ns = one;
    }
    return limit_ns;
}

// Called with the latches held, returns without them.
static gokore_status gokore_select_wait_(gokore_select_ *s, gokore_context *ctx, size_t *chosen) {
    int64_t limit_ns = gokore_select_limit_(s, ctx);
    gokore_channel *any = s->n ? s->cases[s->by_address[s->n - 1]].channel : NULL;
    gokore_status status = GOKORE_OK;
    gokore_select_line_up_(s);
    for (bool first = true;; first = false) {
        int64_t due_ns = gokore_select_due_(s);
        gokore_select_leave_(s);
        if (first) gokore_channel_none_held_();
        status = gokore_channel_rest_(any, &s->root, any ? gokore_channel_patience_(any) : 0, ctx, due_ns < limit_ns ? due_ns : limit_ns);
        gokore_select_enter_(s); // and ticks
        if (gokore_atomic_load_acquire(&s->root.state_) == GOKORE_WAITER_WOKEN_) break; // pairs with gokore_channel_wake_
        if (status == GOKORE_DEADLOCK || gokore_context_status(ctx) != GOKORE_OK || gokore_now_ns() >= limit_ns) break;
    }
    gokore_select_step_out_(s);
    if (gokore_atomic_load_acquire(&s->root.state_) == GOKORE_WAITER_WOKEN_) { // pairs likewise
        status = (gokore_status)s->root.answer_;
        *chosen = (size_t)((gokore_waiter_ *)s->root.item_ - s->nodes);
    }
    gokore_select_leave_(s);
    gokore_select_let_go_(s);
    return status;
}

static gokore_status gokore_select_run_(gokore_select_ *s, gokore_context *ctx, bool biased, bool blocking, size_t *chosen) {
    gokore_atomic_u32 *kick = NULL;
    gokore_select_shuffle_(s, biased);
    gokore_status status = gokore_select_look_(s, false, chosen, &kick);
    if (status != GOKORE_EMPTY) return status;
    gokore_select_sort_(s);
    gokore_select_enter_(s);
    s->root = (gokore_waiter_) { .sleeps_ = true };
    status = gokore_select_look_(s, true, chosen, &kick);
    if (status == GOKORE_EMPTY && blocking) return gokore_select_wait_(s, ctx, chosen);
    gokore_select_leave_(s);
    if (kick) gokore_waiter_kick_(kick);
    return status;
}

// Finds room for the records: here, or on the heap.
static gokore_status gokore_select_begin_(gokore_select_case *cases, size_t n, gokore_context *ctx, bool biased, bool blocking, size_t *out) {
    gokore_waiter_ nodes[GOKORE_SELECT_STACK_];
    gokore_wait_end_of_ ends[GOKORE_SELECT_STACK_];
    uint32_t numbers[2 * GOKORE_SELECT_STACK_];
    gokore_select_ s = { .cases = cases, .n = n, .nodes = nodes, .ends = ends, .order = numbers, .by_address = numbers + GOKORE_SELECT_STACK_ };
    size_t chosen = n, each = sizeof *s.nodes + sizeof *s.ends + 2 * sizeof *s.order;
    void *memory = NULL;
    if (out) *out = n;
    gokore_status status = gokore_context_status(ctx);
    for (size_t i = 0; i < n; i++)
        if ((unsigned)cases[i].op > GOKORE_SELECT_SEND) return GOKORE_INVALID;
    if (status != GOKORE_OK) return status;
    if (n > GOKORE_SELECT_STACK_) {
        memory = n < UINT32_MAX / each ? gokore_alloc_(NULL, n * each, _Alignof(gokore_waiter_)) : NULL;
        if (!memory) return GOKORE_NO_MEMORY;
        s.nodes = (gokore_waiter_ *)memory;
        s.ends = (gokore_wait_end_of_ *)(void *)(s.nodes + n);
        s.order = (uint32_t *)(void *)(s.ends + n);
        s.by_address = s.order + n;
    }
    int64_t since_ns = GOKORE_METRICS ? gokore_now_ns() : 0;
    for (size_t i = 0; GOKORE_METRICS && i < n; i++)
        if (cases[i].channel) gokore_channel_keep_(cases[i].channel);
    status = gokore_select_run_(&s, ctx, biased, blocking, &chosen);
    for (size_t i = 0; GOKORE_METRICS && i < n; i++) // the chosen one is told, all are let go
        if (cases[i].channel && i == chosen)
            gokore_channel_tell_result_(cases[i].channel, cases[i].op == GOKORE_SELECT_SEND, status, gokore_now_ns() - since_ns);
        else if (cases[i].channel) gokore_channel_let_go_(cases[i].channel, 0);
    if (memory) gokore_free_(NULL, memory, n * each);
    if (out) *out = chosen;
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_channel_select(gokore_select_case *cases, size_t n, gokore_context *ctx, size_t *chosen) {
    GOKORE_CALLED_();
    return gokore_select_begin_(cases, n, ctx, false, true, chosen);
}

GOKORE_ENTRY_ gokore_status gokore_channel_select_biased(gokore_select_case *cases, size_t n, gokore_context *ctx, size_t *chosen) {
    GOKORE_CALLED_();
    return gokore_select_begin_(cases, n, ctx, true, true, chosen);
}

gokore_status gokore_channel_try_select(gokore_select_case *cases, size_t n, size_t *chosen) {
    return gokore_select_begin_(cases, n, NULL, false, false, chosen);
}

// >>timers
static gokore_status gokore_channel_timer_(gokore_channel **out, int64_t delay_ns, int64_t period_ns, const char *name) {
    gokore_status status = gokore_channel_create_typed_(out, sizeof(int64_t), 1, name);
    if (status != GOKORE_OK) return status;
    (*out)->timer = (*out)->latched = true;
    (*out)->period_ns = period_ns;
    (*out)->due_ns = gokore_deadline_after_(delay_ns > 0 ? delay_ns : 0);
    return GOKORE_OK;
}

gokore_status gokore_channel_after(gokore_channel **out, int64_t delay_ns) { return gokore_channel_timer_(out, delay_ns, 0, "after"); }

gokore_status gokore_channel_ticker(gokore_channel **out, int64_t period_ns) {
    *out = NULL;
    return period_ns > 0 ? gokore_channel_timer_(out, period_ns, period_ns, "ticker") : GOKORE_INVALID;
}

// >>monitor
void gokore_channel_get_metrics(gokore_channel *ch, gokore_channel_metrics *out) {
    gokore_channel_enter_(ch);
    uint64_t gone = gokore_channel_gone_(ch), len = gokore_channel_inside_(ch);
    *out = (gokore_channel_metrics) {
        .len = (size_t)len,
        .capacity = ch->capacity,
        .sent = gone + len,
        .received = gone - ch->dropped,
        .blocked_ns = gokore_atomic_load_relaxed(&ch->blocked_ns), // relaxed: a sum
        .dropped = ch->dropped,
        .senders = gokore_channel_waiting_(&ch->senders),
        .receivers = gokore_channel_waiting_(&ch->receivers),
        .sent_after_close = ch->sent_after_close,
        .closed_again = ch->closed_again,
        .closed_on_senders = ch->closed_on_senders,
    };
    int64_t age_ns = gokore_now_ns() - ch->created_ns;
    gokore_channel_leave_(ch, NULL);
    if (age_ns > 0) out->rate = (double)out->received * 1e9 / (double)age_ns;
}

gokore_status gokore_channel_verify_closure(gokore_channel *ch) {
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    if (m.len || m.senders || m.receivers) return GOKORE_BUSY;
    return gokore_channel_is_closed(ch) ? GOKORE_OK : GOKORE_INVALID;
}

static bool gokore_recovery_is_sound_(const gokore_recovery *r) {
    return (unsigned)r->kind <= GOKORE_RECOVER_CALL && (r->kind != GOKORE_RECOVER_CALL || r->call);
}

static bool gokore_channel_policy_is_sound_(const gokore_channel_policy *p) {
    return p->stall_ns >= 0 && (!p->max_capacity || p->min_capacity <= p->max_capacity) && gokore_recovery_is_sound_(&p->on_stall);
}

gokore_status gokore_channel_check_buffer_rules(gokore_channel *ch, const gokore_channel_policy *policy) {
    if (!policy) return GOKORE_OK;
    if (!gokore_channel_policy_is_sound_(policy)) return GOKORE_INVALID;
    bool fits = ch->capacity >= policy->min_capacity && (!policy->max_capacity || ch->capacity <= policy->max_capacity);
    return fits ? GOKORE_OK : GOKORE_LIMIT;
}

gokore_status gokore_channel_set_policy(gokore_channel *ch, const gokore_channel_policy *policy) {
    gokore_status status = gokore_channel_check_buffer_rules(ch, policy);
    if (status != GOKORE_OK) return status;
    gokore_channel_enter_(ch);
    ch->policy = policy ? *policy : (gokore_channel_policy) { .stall_ns = 0 };
    gokore_channel_leave_(ch, NULL);
    return GOKORE_OK;
}

gokore_status gokore_channel_apply_qos(gokore_channel *ch, gokore_qos qos) {
    if ((unsigned)qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
    gokore_atomic_store_relaxed(&ch->max_wait_ns, gokore_lock_policy_default(qos).retry.max_wait_ns); // relaxed: a setting
    return GOKORE_OK;
}

gokore_status gokore_channel_recovery_create(const gokore_channel_policy *policy, gokore_recovery *out) {
    bool sound = policy && gokore_channel_policy_is_sound_(policy);
    *out = sound ? policy->on_stall : (gokore_recovery) { .kind = GOKORE_RECOVER_REPORT };
    return sound ? GOKORE_OK : GOKORE_INVALID;
}

static gokore_status gokore_channel_drop_(gokore_channel *ch) {
    gokore_atomic_u32 *kick = NULL;
    gokore_channel_enter_(ch);
    bool any = gokore_channel_inside_(ch) > 0;
    if (any) {
        gokore_channel_fetch_(ch, NULL);
        ch->dropped++;
        gokore_waiter_ *sender = gokore_channel_first_(ch, &ch->senders, NULL, &kick);
        if (sender) gokore_channel_store_(ch, sender->item_);
        if (sender) gokore_channel_serve_(ch, &ch->senders, sender, GOKORE_OK, &kick);
    }
    gokore_channel_leave_(ch, kick);
    return any ? GOKORE_OK : GOKORE_EMPTY;
}

static gokore_status gokore_channel_cancel_(gokore_channel *ch) {
    gokore_channel_enter_(ch);
    (void)gokore_channel_dismiss_(ch, &ch->senders, GOKORE_CANCELED);
    (void)gokore_channel_dismiss_(ch, &ch->receivers, GOKORE_CANCELED);
    gokore_channel_leave_(ch, NULL);
    return GOKORE_OK;
}

static gokore_status gokore_channel_tell_(gokore_channel *ch) {
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    gokore_reportf_(GOKORE_REPORT_CHANNEL_STALL, ch->name, "channel '%s' stands still: %zu of %zu items inside, %zu senders and %zu receivers wait",
                    ch->name, m.len, m.capacity, m.senders, m.receivers);
    return GOKORE_OK;
}

gokore_status gokore_channel_handle_stall(gokore_channel *ch, const gokore_recovery *action) {
    gokore_recovery own = { .kind = GOKORE_RECOVER_REPORT };
    if (!action) {
        gokore_channel_enter_(ch);
        own = ch->policy.on_stall;
        gokore_channel_leave_(ch, NULL);
        action = &own;
    }
    if (!gokore_recovery_is_sound_(action)) return GOKORE_INVALID;
    switch (action->kind) {
    case GOKORE_RECOVER_DROP_OLDEST: return gokore_channel_drop_(ch);
    case GOKORE_RECOVER_CLOSE: return gokore_channel_close(ch);
    case GOKORE_RECOVER_CANCEL_WAITERS: return gokore_channel_cancel_(ch);
    case GOKORE_RECOVER_CALL: action->call(ch, action->user); return GOKORE_OK;
    case GOKORE_RECOVER_REPORT: break;
    }
    return gokore_channel_tell_(ch);
}

// Is it stalled? If it has moved since it was last judged, it is judged from now on.
static bool gokore_channel_judge_(gokore_channel *ch, size_t threshold, gokore_stall *out) {
    gokore_channel_enter_(ch);
    int64_t now = gokore_now_ns(), patience_ns = ch->policy.stall_ns ? ch->policy.stall_ns : GOKORE_CHANNEL_STALL_NS_;
    *out = (gokore_stall) { .channel = ch, .name = ch->name, .len = (size_t)gokore_channel_inside_(ch), .capacity = ch->capacity,
                            .senders = gokore_channel_waiting_(&ch->senders), .receivers = gokore_channel_waiting_(&ch->receivers) };
    bool held = out->len > 0 ? out->len >= threshold : threshold == 0 && out->senders > 0;
    if (ch->still_at != gokore_channel_gone_(ch)) gokore_channel_still_(ch, now);
    out->stalled_ns = now - ch->still_since_ns;
    gokore_channel_leave_(ch, NULL);
    return held && !ch->timer && out->stalled_ns >= patience_ns;
}

// The newest stalled channel of those older than number, kept from being destroyed. *number is its own then.
static gokore_channel *gokore_channel_stalled_(uint64_t *number, size_t threshold, gokore_stall *stall, gokore_stall_fn **fn, void **user) {
    gokore_latch_lock_(&gokore_channels_.latch);
    gokore_channel *ch = gokore_channels_.newest;
    while (ch && (ch->number >= *number || !gokore_channel_judge_(ch, threshold, stall))) ch = ch->older;
    if (ch) {
        *number = ch->number;
        (void)gokore_atomic_fetch_add_relaxed(&ch->inside, 1); // relaxed: destroy has to have this latch first
    }
    *fn = gokore_channels_.listener;
    *user = gokore_channels_.user;
    gokore_latch_unlock_(&gokore_channels_.latch);
    return ch;
}

static size_t gokore_channel_stalls_(gokore_stall *out, size_t cap, size_t threshold, bool recover) {
    size_t n = 0;
    uint64_t number = UINT64_MAX;
    gokore_stall stall;
    gokore_stall_fn *fn;
    void *user;
    for (gokore_channel *ch; (ch = gokore_channel_stalled_(&number, threshold, &stall, &fn, &user)) != NULL; n++) {
        if (n < cap) out[n] = stall;
        if (fn) fn(&stall, user);
        gokore_status done = recover ? gokore_channel_handle_stall(ch, NULL) : GOKORE_OK;
        (void)done; // whatever it came to, the next detection will tell
        gokore_channel_let_go_(ch, 0);
    }
    return n;
}

size_t gokore_channel_detect_stalls(gokore_stall *out, size_t cap, size_t threshold) { return gokore_channel_stalls_(out, cap, threshold, false); }

size_t gokore_channel_recover_stalls(size_t threshold) { return gokore_channel_stalls_(NULL, 0, threshold, true); }

void gokore_channel_set_stall_listener(gokore_stall_fn *fn, void *user) {
    gokore_latch_lock_(&gokore_channels_.latch);
    gokore_channels_.listener = fn;
    gokore_channels_.user = user;
    gokore_latch_unlock_(&gokore_channels_.latch);
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
