// gokore_sync.h - v0.1.0 - MIT                                    waits that can end: contexts, and locks that give up
//
// WHAT     A context is cancelled, or expires, and with it every wait that was given it: a lock, a channel, a sleep. The
//          mutex is 16 bytes, takes part in lock-order checking by itself, and can be waited for with a context or a
//          timeout. When it gives up, it is not held, and no trace of the waiter is left.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_sync.h"
//
// NEEDS    gokore_atomic.h gokore_policy.h gokore_lockorder.h; link with -pthread.
//
// EXAMPLE
//      #include "gokore_sync.h"
//      static gokore_mutex lock = GOKORE_MUTEX_INIT;
//      static int balance;
//      gokore_status deposit(int amount) {
//          gokore_context patience;
//          gokore_context_init_timeout(&patience, NULL, 50000000);      // 50 ms
//          gokore_status status = gokore_mutex_lock(&lock, &patience);  // OK, TIMEOUT, ...
//          if (status == GOKORE_OK) {
//              balance += amount;
//              gokore_mutex_unlock(&lock);
//          }
//          gokore_context_deinit(&patience);
//          return status;
//      }
//
// OPTIONS  GOKORE_SPIN_MAX      [impl]  100   looks at a lock before its waiter sleeps
//          GOKORE_LOCKORDER     [impl]  0     1: gokore_mutex is watched, see gokore_lockorder.h
//
// CONCEPTS
//   Time         int64_t nanoseconds; deadlines are absolute on the monotonic clock, INT64_MAX = none. Never early.
//   Contexts     A tree. Cancelling one cancels all below it; a child's deadline is never later than its parent's. The
//                first cause stays. Contexts live in the caller's memory and need no allocation and no helper thread.
//                NULL where a context is asked for means: never cancelled. Cancel from any thread, not from a signal
//                handler: it takes a lock (set a flag there, or cancel from a thread that waits in sigwait).
//   Waiting      One record per blocked call, on its own stack, in a queue: per object, first come first served.
//   Fairness     A thread that comes to a free mutex may take it ahead of those who sleep; a sleeper that has waited for
//                1 ms is handed the lock by the next unlock. So a waiter waits 1 ms, and one section per waiter ahead.
//   Lock word    LOCKED  bit 0  set by the thread that takes the lock, or by the unlocker that hands it over; cleared by
//                               its owner's unlock
//                PARKED  bit 1  set by a waiter before it sleeps, under the queue's latch; cleared under the same latch
//                               when the queue is left empty
//                WATCHED bit 2  set and cleared by init and set_observer only: sends every call down the slow path

#ifndef GOKORE_SYNC_H
#define GOKORE_SYNC_H 100 // 0.1.0

#include "gokore_atomic.h"
#include "gokore_policy.h"
#include "gokore_lockorder.h"
#if GOKORE_ATOMIC_H != 100 || GOKORE_POLICY_H != 100 || GOKORE_LOCKORDER_H != 100
#error "gokore_sync.h 0.1.0 needs the other headers of 0.1.0: copy headers from one release"
#endif

#ifndef GOKORE_SPIN_MAX
#define GOKORE_SPIN_MAX 100
#endif
#if GOKORE_SPIN_MAX < 0 || GOKORE_SPIN_MAX > 1000000
#error "GOKORE_SPIN_MAX must be 0 to 1000000"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// >>context
// All-zero is a live context without parent and deadline. Never copy or move one that is in use.
typedef struct gokore_context {
    gokore_atomic_u32 status_; // a gokore_status: GOKORE_OK while live; set once
    uint32_t tree_;            // which latch guards the links of this tree
    int64_t deadline_ns_;      // 0 = none
    struct gokore_context *parent_, *child_, *next_, *prev_; // first child, siblings
    struct gokore_waiter_ *waiters_;
    gokore_latch_ latch_;      // guards waiters_
    uint32_t reserved_;
} gokore_context;

// Sets up a context below parent (NULL = a root). A child of a context that is over is over too. Any thread; parent must
// live until this one is set up, and may be deinited before or after it.
GOKORE_API void gokore_context_init(gokore_context *ctx, gokore_context *parent);
// The same with an absolute deadline; one that has passed, or is not positive, is over at once.
GOKORE_API void gokore_context_init_deadline(gokore_context *ctx, gokore_context *parent, int64_t deadline_ns);
// The same, timeout_ns from now. A timeout <= 0 is over at once.
GOKORE_API void gokore_context_init_timeout(gokore_context *ctx, gokore_context *parent, int64_t timeout_ns);
// Cancels it and everything below it and wakes all who wait with any of them. Any thread, any number of times; does nothing
// to a context that is over. Does not wait for the waiters.
GOKORE_API void gokore_context_cancel(gokore_context *ctx);
// GOKORE_OK, GOKORE_CANCELED or GOKORE_TIMEOUT; NULL is GOKORE_OK. What happened before the cancel is visible (acquire).
GOKORE_API gokore_status gokore_context_status(gokore_context *ctx);
// The nearest deadline of it and its ancestors, INT64_MAX = none.
GOKORE_API int64_t gokore_context_deadline_ns(const gokore_context *ctx);
// Blocks until it is over; returns why.
GOKORE_API gokore_status gokore_context_wait(gokore_context *ctx);
// Leaves the tree; its children become its parent's. Nobody may wait with it any more: reported as CONTEXT_BUSY.
GOKORE_API void gokore_context_deinit(gokore_context *ctx);

// Blocks for ns; GOKORE_OK after that time, or the context's status at once when it is over.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_sleep_ns(int64_t ns, gokore_context *ctx);

// >>mutex
// All-zero is unlocked. Not recursive. Never copy or move one that is in use.
typedef struct gokore_mutex {
    gokore_atomic_u32 word_;
    gokore_atomic_u32 record_; // its number in the lock checker; 0 = none yet
    gokore_lock_class *class_;
} gokore_mutex;
GOKORE_STATIC_ASSERT_(sizeof(gokore_mutex) <= 16, "a mutex has at most 16 bytes in every configuration");
#define GOKORE_MUTEX_INIT            { GOKORE_ATOMIC_INIT(0), GOKORE_ATOMIC_INIT(0), NULL }
#define GOKORE_MUTEX_INIT_CLASS(cls) { GOKORE_ATOMIC_INIT(0), GOKORE_ATOMIC_INIT(0), (cls) }

typedef struct gokore_mutex_desc {
    gokore_lock_class *lock_class;  // default NULL: the lock is a class of its own
    uint32_t rank;                  // must be 0 in 0.1.0
    const char *name;               // default NULL: the class's name, or the address; copied
    gokore_lock_observer *observer; // default NULL
    int numa_node;                  // shown in the lock graph; default 0
} gokore_mutex_desc;

// Sets up an unlocked mutex; reports LOCK_INIT_HELD if this thread is seen to hold it (with GOKORE_LOCKORDER). desc NULL = all defaults. A name or an observer needs a few bytes of heap: if they can't be had,
// a report says so and the mutex works without.
GOKORE_API void gokore_mutex_init(gokore_mutex *m, const gokore_mutex_desc *desc);
// The mutex is gone. Reports LOCK_DESTROYED_HELD if somebody holds it.
GOKORE_API void gokore_mutex_deinit(gokore_mutex *m);

// Blocks until the mutex is held (GOKORE_OK, acquire) or the context is over (its status, even if the mutex is free). With
// GOKORE_LOCKORDER: GOKORE_DEADLOCK if this thread holds it, GOKORE_ORDER if refused. Anything but GOKORE_OK: not held.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_mutex_lock(gokore_mutex *m, gokore_context *ctx);
// 0: takes it if it is free, else GOKORE_BUSY, never blocks. Otherwise waits for up to timeout_ns, then GOKORE_TIMEOUT.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_mutex_try_lock(gokore_mutex *m, int64_t timeout_ns);
// Gives it up (release) and wakes a waiter. Does not touch the mutex once another may have it. Only the thread that holds it:
// LOCK_NOT_HELD if nobody does (then nothing happens), LOCK_WRONG_THREAD if it is seen to be another (with GOKORE_LOCKORDER;
// it is unlocked all the same).
GOKORE_API void gokore_mutex_unlock(gokore_mutex *m);
// Does anybody hold it? Only a hint where others lock it.
GOKORE_API bool gokore_mutex_is_held(const gokore_mutex *m);
// Reports LOCK_NOT_HELD if nobody holds it, LOCK_WRONG_THREAD if another thread does (with GOKORE_LOCKORDER).
GOKORE_API void gokore_mutex_assert_held(gokore_mutex *m);
// Sets or, with NULL, removes the observer. Nobody may use the mutex meanwhile.
GOKORE_API void gokore_mutex_set_observer(gokore_mutex *m, gokore_lock_observer *observer);

// >>private shared part: waiting
// One blocked call. state_ is what its thread sleeps on: 0 = waiting, then WOKEN by the one who took it off its queue (stored
// under the queue's latch, so that a waiter who finds itself off the queue needs nothing more), or POKED because its context
// is over. POKED may become WOKEN, never the reverse.
enum { GOKORE_WAITER_WAITING_, GOKORE_WAITER_WOKEN_, GOKORE_WAITER_POKED_ };
typedef struct gokore_waiter_ {
    gokore_atomic_u32 state_;
    uint32_t answer_;                                  // what the waker says
    struct gokore_waiter_ *next_, *prev_;              // in the object's queue
    struct gokore_waiter_ *context_next_, *context_prev_;
    const void *key_;                                  // whose queue
    void *item_;                                       // a channel's: what to send, where to receive
    int64_t since_ns_;                                 // when the call began to wait
    bool queued_;                                      // under the queue's latch
} gokore_waiter_;
typedef struct gokore_wait_queue_ {
    gokore_waiter_ *head, *tail;
} gokore_wait_queue_;

GOKORE_API void gokore_wait_queue_push_(gokore_wait_queue_ *q, gokore_waiter_ *w, bool front);
GOKORE_API void gokore_wait_queue_remove_(gokore_wait_queue_ *q, gokore_waiter_ *w);
// Takes the first one off and marks it woken; NULL if there is none. Under the queue's latch.
GOKORE_API gokore_waiter_ *gokore_wait_queue_wake_(gokore_wait_queue_ *q, uint32_t answer);
// After the latch: the sleeper is woken. w itself may be gone, so its word is passed.
GOKORE_API void gokore_waiter_kick_(gokore_atomic_u32 *state);
// Sleeps until woken (GOKORE_OK), until the context is over (its status) or the deadline (GOKORE_TIMEOUT).
GOKORE_API gokore_status gokore_waiter_wait_(gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns);
GOKORE_API int64_t gokore_deadline_after_(int64_t timeout_ns); // now + timeout, saturating

#ifdef __cplusplus
}
#endif
#endif // GOKORE_SYNC_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_SYNC_IMPLEMENTED_)
#define GOKORE_SYNC_IMPLEMENTED_
#include "gokore_atomic.h" // again: they may have been seen before the switch was set
#include "gokore_policy.h"
#include "gokore_lockorder.h"

// >>time
int64_t gokore_deadline_after_(int64_t timeout_ns) {
    int64_t now = gokore_now_ns();
    return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

// >>waiting
static inline bool gokore_wait_queue_is_sound_(const gokore_wait_queue_ *q) {
    const gokore_waiter_ *before = NULL;
    for (const gokore_waiter_ *w = q->head; w; before = w, w = w->next_)
        if (w->prev_ != before || !w->queued_) return false;
    return q->tail == before;
}

void gokore_wait_queue_push_(gokore_wait_queue_ *q, gokore_waiter_ *w, bool front) {
    gokore_waiter_ *before = front ? NULL : q->tail, *after = front ? q->head : NULL;
    GOKORE_CHECK_(1, !w->queued_);
    GOKORE_CHECK_(2, gokore_wait_queue_is_sound_(q));
    w->prev_ = before;
    w->next_ = after;
    *(before ? &before->next_ : &q->head) = w;
    *(after ? &after->prev_ : &q->tail) = w;
    w->queued_ = true;
}

void gokore_wait_queue_remove_(gokore_wait_queue_ *q, gokore_waiter_ *w) {
    GOKORE_CHECK_(1, w->queued_);
    GOKORE_CHECK_(2, gokore_wait_queue_is_sound_(q));
    *(w->prev_ ? &w->prev_->next_ : &q->head) = w->next_;
    *(w->next_ ? &w->next_->prev_ : &q->tail) = w->prev_;
    w->queued_ = false;
}

static void gokore_waiter_woken_(gokore_waiter_ *w, uint32_t answer) {
    w->answer_ = answer;
    gokore_atomic_store_release(&w->state_, GOKORE_WAITER_WOKEN_); // pairs with the acquire in gokore_waiter_wait_
}

gokore_waiter_ *gokore_wait_queue_wake_(gokore_wait_queue_ *q, uint32_t answer) {
    gokore_waiter_ *w = q->head;
    if (!w) return NULL;
    gokore_wait_queue_remove_(q, w);
    gokore_waiter_woken_(w, answer);
    return w;
}

void gokore_waiter_kick_(gokore_atomic_u32 *state) { GOKORE_SEAM_WAKE_(state, 1); }

// False if the context is over already: then the waiter is not on its list.
static bool gokore_context_enlist_(gokore_context *ctx, gokore_waiter_ *w) {
    gokore_latch_lock_(&ctx->latch_);
    bool live = gokore_atomic_load_relaxed(&ctx->status_) == GOKORE_OK; // relaxed: who sets it takes the latch afterwards
    if (live) {
        w->context_prev_ = NULL;
        w->context_next_ = ctx->waiters_;
        if (ctx->waiters_) ctx->waiters_->context_prev_ = w;
        ctx->waiters_ = w;
    }
    gokore_latch_unlock_(&ctx->latch_);
    return live;
}

static void gokore_context_delist_(gokore_context *ctx, gokore_waiter_ *w) {
    gokore_latch_lock_(&ctx->latch_);
    *(w->context_prev_ ? &w->context_prev_->context_next_ : &ctx->waiters_) = w->context_next_;
    if (w->context_next_) w->context_next_->context_prev_ = w->context_prev_;
    gokore_latch_unlock_(&ctx->latch_);
}

gokore_status gokore_waiter_wait_(gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns) {
    gokore_status why = gokore_context_status(ctx);
    if (why != GOKORE_OK) return why;
    if (ctx && !gokore_context_enlist_(ctx, w)) return gokore_context_status(ctx);
    if (ctx && gokore_context_deadline_ns(ctx) < deadline_ns) deadline_ns = gokore_context_deadline_ns(ctx);
    uint32_t state = GOKORE_WAITER_WAITING_;
    for (int i = 0; i < GOKORE_SPIN_MAX && state == GOKORE_WAITER_WAITING_; i++) {
        GOKORE_SEAM_PAUSE_();
        state = gokore_atomic_load_acquire(&w->state_); // pairs with the release in gokore_waiter_woken_
    }
    while (state == GOKORE_WAITER_WAITING_ && why == GOKORE_OK) {
        why = GOKORE_SEAM_WAIT_(&w->state_, GOKORE_WAITER_WAITING_, deadline_ns);
        state = gokore_atomic_load_acquire(&w->state_); // pairs likewise
    }
    if (ctx) gokore_context_delist_(ctx, w);
    if (state == GOKORE_WAITER_WOKEN_) return GOKORE_OK;
    gokore_status over = gokore_context_status(ctx);
    return over != GOKORE_OK ? over : why;
}

// >>context
// Links of a tree are guarded by one of these, chosen by the root's address and inherited: it outlives every context.
static struct { GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ latch; } gokore_trees_[64];

static gokore_latch_ *gokore_context_tree_(const gokore_context *ctx) { return &gokore_trees_[ctx->tree_].latch; }

static void gokore_context_link_(gokore_context *ctx, gokore_context *parent) {
    ctx->parent_ = parent;
    ctx->prev_ = NULL;
    ctx->next_ = parent->child_;
    if (ctx->next_) ctx->next_->prev_ = ctx;
    parent->child_ = ctx;
}

void gokore_context_init_deadline(gokore_context *ctx, gokore_context *parent, int64_t deadline_ns) {
    *ctx = (gokore_context) { .tree_ = (uint32_t)((uint64_t)(uintptr_t)ctx * 0x9e3779b97f4a7c15u >> 58) }; // Fibonacci hashing
    if (deadline_ns != INT64_MAX) ctx->deadline_ns_ = deadline_ns > 0 ? deadline_ns : 1;
    if (parent) {
        ctx->tree_ = parent->tree_;
        gokore_latch_lock_(gokore_context_tree_(parent));
        if (parent->deadline_ns_ && (!ctx->deadline_ns_ || parent->deadline_ns_ < ctx->deadline_ns_)) ctx->deadline_ns_ = parent->deadline_ns_;
        gokore_context_link_(ctx, parent);
        gokore_atomic_store_relaxed(&ctx->status_, gokore_atomic_load_relaxed(&parent->status_)); // relaxed: under the latch
        gokore_latch_unlock_(gokore_context_tree_(parent));
    }
    (void)gokore_context_status(ctx);
}

void gokore_context_init(gokore_context *ctx, gokore_context *parent) { gokore_context_init_deadline(ctx, parent, INT64_MAX); }

void gokore_context_init_timeout(gokore_context *ctx, gokore_context *parent, int64_t timeout_ns) {
    gokore_context_init_deadline(ctx, parent, timeout_ns > 0 ? gokore_deadline_after_(timeout_ns) : 0);
}

int64_t gokore_context_deadline_ns(const gokore_context *ctx) { return ctx && ctx->deadline_ns_ ? ctx->deadline_ns_ : INT64_MAX; }

gokore_status gokore_context_status(gokore_context *ctx) {
    if (!ctx) return GOKORE_OK;
    uint32_t status = gokore_atomic_load_acquire(&ctx->status_); // pairs with the release in gokore_context_end_
    if (status != GOKORE_OK || !ctx->deadline_ns_ || gokore_now_ns() < ctx->deadline_ns_) return (gokore_status)status;
    (void)gokore_atomic_compare_exchange_acq_rel(&ctx->status_, &status, GOKORE_TIMEOUT); // pairs likewise: the first cause stays
    return status == GOKORE_OK ? GOKORE_TIMEOUT : (gokore_status)status;
}

// Ends one context and pokes those who wait with it.
static void gokore_context_end_(gokore_context *ctx) {
    if (gokore_context_status(ctx) != GOKORE_OK) return; // perhaps it expired and nobody looked: the first cause stays
    if (!gokore_atomic_cas_release(&ctx->status_, GOKORE_OK, GOKORE_CANCELED)) return; // pairs with gokore_context_status
    gokore_latch_lock_(&ctx->latch_);
    for (gokore_waiter_ *w = ctx->waiters_; w; w = w->context_next_)
        if (gokore_atomic_cas_release(&w->state_, GOKORE_WAITER_WAITING_, GOKORE_WAITER_POKED_)) // pairs with gokore_waiter_wait_
            gokore_waiter_kick_(&w->state_);
    gokore_latch_unlock_(&ctx->latch_);
}

void gokore_context_cancel(gokore_context *ctx) {
    gokore_latch_ *tree = gokore_context_tree_(ctx);
    gokore_latch_lock_(tree);
    for (gokore_context *at = ctx;;) { // the subtree, parents first
        gokore_context_end_(at);
        if (at->child_) {
            at = at->child_;
            continue;
        }
        while (at != ctx && !at->next_) at = at->parent_;
        if (at == ctx) break;
        at = at->next_;
    }
    gokore_latch_unlock_(tree);
}

void gokore_context_deinit(gokore_context *ctx) {
    gokore_latch_ *tree = gokore_context_tree_(ctx);
    gokore_latch_lock_(tree);
    gokore_context *parent = ctx->parent_;
    if (parent) {
        *(ctx->prev_ ? &ctx->prev_->next_ : &parent->child_) = ctx->next_;
        if (ctx->next_) ctx->next_->prev_ = ctx->prev_;
    }
    for (gokore_context *child = ctx->child_, *next; child; child = next) {
        next = child->next_;
        child->parent_ = child->next_ = child->prev_ = NULL;
        if (parent) gokore_context_link_(child, parent);
    }
    ctx->parent_ = ctx->child_ = ctx->next_ = ctx->prev_ = NULL;
    gokore_latch_lock_(&ctx->latch_);
    bool busy = ctx->waiters_ != NULL;
    gokore_latch_unlock_(&ctx->latch_);
    gokore_latch_unlock_(tree);
    if (busy) gokore_reportf_(GOKORE_REPORT_CONTEXT_BUSY, NULL, "context %p destroyed while threads wait with it", (void *)ctx);
}

gokore_status gokore_context_wait(gokore_context *ctx) {
    gokore_lock_none_held_("while its thread waits for a context");
    gokore_waiter_ w = { .key_ = ctx };
    gokore_status status;
    while ((status = gokore_context_status(ctx)) == GOKORE_OK) (void)gokore_waiter_wait_(&w, ctx, INT64_MAX);
    return status;
}

gokore_status gokore_sleep_ns(int64_t ns, gokore_context *ctx) {
    gokore_waiter_ w = { .key_ = ctx };
    int64_t until = gokore_deadline_after_(ns > 0 ? ns : 0);
    gokore_status status = gokore_context_status(ctx);
    while (status == GOKORE_OK && gokore_now_ns() < until) {
        (void)gokore_waiter_wait_(&w, ctx, until);
        status = gokore_context_status(ctx);
    }
    return status;
}

// >>mutex: WTF::Lock's scheme (F. Pizlo, "Locking in WebKit", 2016): the word in the object, the queue in a table of buckets
// hashed by its address. Deviation: hand-over is decided by how long the waiter has waited, not by a random timer.
enum { GOKORE_MUTEX_LOCKED_ = 1, GOKORE_MUTEX_PARKED_ = 2, GOKORE_MUTEX_WATCHED_ = 4 };
enum { GOKORE_MUTEX_RETRY_, GOKORE_MUTEX_HANDED_ };
#define GOKORE_MUTEX_PATIENCE_NS_ 1000000

typedef struct gokore_bucket_ {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_latch_ latch;
    gokore_wait_queue_ queue; // of many objects
} gokore_bucket_;
static gokore_bucket_ gokore_buckets_[256];

static gokore_bucket_ *gokore_bucket_of_(const void *key) {
    uint64_t x = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u; // Fibonacci hashing
    return &gokore_buckets_[x >> 56];
}

static gokore_waiter_ *gokore_bucket_first_(gokore_waiter_ *from, const void *key) {
    while (from && from->key_ != key) from = from->next_;
    return from;
}

// Takes the lock if it is free, whatever the other bits; false if it is held. v is refreshed.
static bool gokore_mutex_grab_(gokore_mutex *m, uint32_t *v) {
    while (!(*v & GOKORE_MUTEX_LOCKED_))
        if (gokore_atomic_compare_exchange_weak_acquire(&m->word_, v, *v | GOKORE_MUTEX_LOCKED_)) return true; // pairs with unlock
    return false;
}

static bool gokore_mutex_spin_(gokore_mutex *m) {
    for (int i = 0; i <= GOKORE_SPIN_MAX; i++) {
        uint32_t v = gokore_atomic_load_relaxed(&m->word_); // relaxed: the CAS decides
        if (gokore_mutex_grab_(m, &v)) return true;
        if (v & GOKORE_MUTEX_PARKED_) return false; // others sleep already: get in line
        GOKORE_SEAM_PAUSE_();
    }
    return false;
}

// Gets in line, with PARKED set, unless the lock is free by now and can be taken. True: it was taken.
static bool gokore_mutex_park_(gokore_mutex *m, gokore_waiter_ *w, bool front) {
    gokore_bucket_ *b = gokore_bucket_of_(m);
    gokore_latch_lock_(&b->latch);
    uint32_t v = gokore_atomic_load_relaxed(&m->word_); // relaxed: the CAS decides
    bool taken = gokore_mutex_grab_(m, &v);
    while (!taken && !(v & GOKORE_MUTEX_PARKED_)) {
        if (gokore_atomic_compare_exchange_weak_relaxed(&m->word_, &v, v | GOKORE_MUTEX_PARKED_)) break; // relaxed: read under the latch
        taken = gokore_mutex_grab_(m, &v);
    }
    if (!taken) {
        gokore_atomic_store_relaxed(&w->state_, GOKORE_WAITER_WAITING_); // relaxed: published by the latch
        gokore_wait_queue_push_(&b->queue, w, front);
    }
    gokore_latch_unlock_(&b->latch);
    return taken;
}

// Leaves the line. False: an unlock had picked this waiter already, and its answer counts.
static bool gokore_mutex_leave_(gokore_mutex *m, gokore_waiter_ *w) {
    gokore_bucket_ *b = gokore_bucket_of_(m);
    gokore_latch_lock_(&b->latch);
    bool left = w->queued_;
    if (left) {
        gokore_wait_queue_remove_(&b->queue, w);
        if (!gokore_bucket_first_(b->queue.head, m))
            (void)gokore_atomic_fetch_and_relaxed(&m->word_, ~(uint32_t)GOKORE_MUTEX_PARKED_); // relaxed: under the latch
    }
    gokore_latch_unlock_(&b->latch);
    return left;
}

static gokore_status gokore_mutex_acquire_(gokore_mutex *m, gokore_context *ctx, int64_t deadline_ns) {
    gokore_waiter_ w = { .key_ = m };
    for (bool again = false;; again = true) {
        if (gokore_mutex_spin_(m)) return GOKORE_OK;
        if (!again) w.since_ns_ = gokore_now_ns();
        if (gokore_mutex_park_(m, &w, again)) return GOKORE_OK;
        gokore_status status = gokore_waiter_wait_(&w, ctx, deadline_ns);
        if (status != GOKORE_OK && gokore_mutex_leave_(m, &w)) return status;
        if (w.answer_ == GOKORE_MUTEX_HANDED_) return GOKORE_OK; // LOCKED was left set for this thread
    }
}

// The rest of unlock: somebody may sleep. The word is not touched after it says that the lock is free.
static void gokore_mutex_release_(gokore_mutex *m) {
    gokore_bucket_ *b = gokore_bucket_of_(m);
    gokore_latch_lock_(&b->latch);
    uint32_t rest = gokore_atomic_load_relaxed(&m->word_) & GOKORE_MUTEX_WATCHED_; // relaxed: PARKED changes under the latch only
    gokore_waiter_ *w = gokore_bucket_first_(b->queue.head, m);
    bool handed = w && gokore_now_ns() - w->since_ns_ >= GOKORE_MUTEX_PATIENCE_NS_;
    gokore_atomic_u32 *sleeper = w ? &w->state_ : NULL;
    if (w && gokore_bucket_first_(w->next_, m)) rest |= GOKORE_MUTEX_PARKED_;
    if (handed) rest |= GOKORE_MUTEX_LOCKED_;
    gokore_atomic_store_release(&m->word_, rest); // pairs with the acquire in gokore_mutex_grab_
    if (w) {                                      // afterwards, so that who is handed the lock has seen this store: it may free it
        gokore_wait_queue_remove_(&b->queue, w);
        gokore_waiter_woken_(w, handed ? GOKORE_MUTEX_HANDED_ : GOKORE_MUTEX_RETRY_);
    }
    gokore_latch_unlock_(&b->latch);
    if (sleeper) gokore_waiter_kick_(sleeper);
}

static gokore_lock_identity_ gokore_mutex_identity_(gokore_mutex *m) { return (gokore_lock_identity_) { .lock = m, .cls = m->class_, .slot = &m->record_ }; }

static void gokore_mutex_report_(gokore_mutex *m, gokore_report_id id, const char *what) {
    char title[64];
    gokore_lock_title_(m, m->class_, gokore_atomic_load_acquire(&m->record_), title, sizeof title); // pairs with gokore_lock_find_
    gokore_reportf_(id, title, "mutex '%s' %s", title, what);
}

static gokore_lock_observer *gokore_mutex_observer_(gokore_mutex *m) {
    if (!(gokore_atomic_load_relaxed(&m->word_) & GOKORE_MUTEX_WATCHED_)) return NULL; // relaxed: constant while in use
    return gokore_lock_observer_(gokore_atomic_load_acquire(&m->record_));             // pairs with gokore_lock_find_
}

static void gokore_mutex_observe_(gokore_mutex *m, gokore_lock_observer *o, gokore_status status, int64_t waited_ns) {
    if (waited_ns > 0 && o->wait) o->wait(o->user, m, waited_ns);
    if (status != GOKORE_OK || !o->acquired) return;
    gokore_stack_ stack;
    gokore_stack_capture_(&stack);
    o->acquired(o->user, m, stack.frames, stack.depth);
}

// Every lock call that is more than one CAS: the checker, the context, the wait, the observer.
static gokore_status gokore_mutex_lock_slow_(gokore_mutex *m, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    gokore_status status = gokore_context_status(ctx);
    if (status == GOKORE_OK) status = gokore_lockorder_before_(gokore_mutex_identity_(m), mode);
    if (status != GOKORE_OK) return status;
    uint32_t v = gokore_atomic_load_relaxed(&m->word_); // relaxed: the CAS decides
    int64_t waited_ns = 0;
    if (!gokore_mutex_grab_(m, &v)) {
        if (mode & GOKORE_LOCK_TRY) return GOKORE_BUSY;
        gokore_lock_observer *watching = gokore_mutex_observer_(m);
        if (watching) waited_ns = -gokore_now_ns();
        status = gokore_mutex_acquire_(m, ctx, deadline_ns);
        if (watching) waited_ns += gokore_now_ns();
    }
    if (status == GOKORE_OK) gokore_lockorder_acquired_(gokore_mutex_identity_(m), mode);
    gokore_lock_observer *observer = gokore_mutex_observer_(m);
    if (observer) gokore_mutex_observe_(m, observer, status, waited_ns);
    return status;
}

gokore_status gokore_mutex_lock(gokore_mutex *m, gokore_context *ctx) {
    if (!GOKORE_LOCKORDER && !ctx && GOKORE_LIKELY_(gokore_atomic_cas_acquire(&m->word_, 0, GOKORE_MUTEX_LOCKED_))) // pairs with unlock
        return GOKORE_OK;
    return gokore_mutex_lock_slow_(m, ctx, INT64_MAX, GOKORE_LOCK_EXCLUSIVE);
}

gokore_status gokore_mutex_try_lock(gokore_mutex *m, int64_t timeout_ns) {
    if (timeout_ns <= 0) return gokore_mutex_lock_slow_(m, NULL, INT64_MAX, GOKORE_LOCK_TRY);
    return gokore_mutex_lock_slow_(m, NULL, gokore_deadline_after_(timeout_ns), GOKORE_LOCK_EXCLUSIVE);
}

static void gokore_mutex_unlock_slow_(gokore_mutex *m) {
    if (!gokore_mutex_is_held(m)) {
        (void)gokore_lockorder_released_(m); // if another thread has unlocked it
        gokore_mutex_report_(m, GOKORE_REPORT_LOCK_NOT_HELD, "unlocked while nobody holds it");
        return;
    }
    gokore_lock_observer *observer = gokore_mutex_observer_(m);
    if (observer && observer->released) observer->released(observer->user, m);
    if (!gokore_lockorder_released_(m)) gokore_mutex_report_(m, GOKORE_REPORT_LOCK_WRONG_THREAD, "unlocked by a thread that does not hold it");
    if (!gokore_atomic_cas_release(&m->word_, GOKORE_MUTEX_LOCKED_, 0)) gokore_mutex_release_(m); // pairs with gokore_mutex_grab_
}

void gokore_mutex_unlock(gokore_mutex *m) {
    if (!GOKORE_LOCKORDER && GOKORE_LIKELY_(gokore_atomic_cas_release(&m->word_, GOKORE_MUTEX_LOCKED_, 0))) return; // pairs with lock
    gokore_mutex_unlock_slow_(m);
}

bool gokore_mutex_is_held(const gokore_mutex *m) {
    return gokore_atomic_load_relaxed(&m->word_) & GOKORE_MUTEX_LOCKED_; // relaxed: a hint
}

void gokore_mutex_assert_held(gokore_mutex *m) {
    if (!gokore_mutex_is_held(m))
        gokore_mutex_report_(m, GOKORE_REPORT_LOCK_NOT_HELD, "is not held where it must be");
    else if (!gokore_lock_is_mine_(m))
        gokore_mutex_report_(m, GOKORE_REPORT_LOCK_WRONG_THREAD, "is held by another thread where this one must hold it");
}

void gokore_mutex_set_observer(gokore_mutex *m, gokore_lock_observer *observer) {
    gokore_lock_describe_(gokore_mutex_identity_(m), NULL, observer, -1);
    bool watched = observer && gokore_atomic_load_acquire(&m->record_); // pairs with gokore_lock_find_
    if (watched)
        (void)gokore_atomic_fetch_or_relaxed(&m->word_, GOKORE_MUTEX_WATCHED_); // relaxed: nobody uses the mutex meanwhile
    else
        (void)gokore_atomic_fetch_and_relaxed(&m->word_, ~(uint32_t)GOKORE_MUTEX_WATCHED_); // relaxed: likewise
}

void gokore_mutex_init(gokore_mutex *m, const gokore_mutex_desc *desc) {
    if (gokore_lock_is_held_here_(m)) gokore_reportf_(GOKORE_REPORT_LOCK_INIT_HELD, NULL, "mutex %p initialised while it is held", (void *)m);
    gokore_lockorder_destroyed(m);
    *m = (gokore_mutex)GOKORE_MUTEX_INIT;
    if (!desc) return;
    m->class_ = desc->lock_class;
    if (GOKORE_LOCKORDER || desc->name || desc->observer) gokore_lock_describe_(gokore_mutex_identity_(m), desc->name, desc->observer, desc->numa_node);
    if (desc->observer) gokore_mutex_set_observer(m, desc->observer);
}

void gokore_mutex_deinit(gokore_mutex *m) {
    if (gokore_mutex_is_held(m)) gokore_mutex_report_(m, GOKORE_REPORT_LOCK_DESTROYED_HELD, "destroyed while it is held");
    gokore_lockorder_destroyed(m);
    gokore_lock_forget_(m, gokore_atomic_load_acquire(&m->record_)); // pairs with gokore_lock_find_
    *m = (gokore_mutex)GOKORE_MUTEX_INIT;
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
