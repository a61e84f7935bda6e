// gokore_sync.h - v0.1.0 - MIT                                    waits that can end: contexts, and locks that give up
//
// WHAT     A context is cancelled, or expires, and with it every wait that was given it: a lock, a channel, a sleep. Mutex,
//          condition, reader-writer lock, once flag, wait group and semaphore have 16 bytes each, are valid when all-zero,
//          and can be waited for with a context. Locks take part in lock-order checking by themselves. A wait that is given
//          up has taken nothing, and no trace of the waiter is left.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_sync.h"
//
// NEEDS    gokore_atomic.h gokore_policy.h gokore_topology.h gokore_lockorder.h; link with -pthread.
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
// OPTIONS  GOKORE_SPIN_MAX      [impl]  400   pauses, between looks, before a lock's waiter sleeps
//          GOKORE_LOCKORDER     [impl]  0     1: gokore_mutex is watched, see gokore_lockorder.h
//          GOKORE_METRICS       [impl]  0     1: locks and semaphores tell the instrumenter, see gokore_policy.h, of the end of
//                                             every acquisition, and of how long a lock was held, up to 16 per thread at a time
//
// CONCEPTS
//   Time         int64_t nanoseconds; deadlines are absolute on the monotonic clock, INT64_MAX = none. Never early.
//   Contexts     A tree. Cancelling one cancels all below it; a child's deadline is never later than its parent's. The
//                first cause stays. Contexts live in the caller's memory and need no allocation and no helper thread.
//                NULL where a context is asked for means: never cancelled. Cancel from any thread, not from a signal
//                handler: it takes a lock (set a flag there, or cancel from a thread that waits in sigwait).
//   Waiting      One record per blocked call, on its own stack, in a queue: per object, first come first served. It sleeps on
//                a word of its own, which its waker changes, and on its context's, where the kernel can (futex_waitv); where
//                not, the context keeps a list of those who wait with it, and changes their words.
//   Fairness     A thread that comes to a free lock may take it ahead of those who sleep; a sleeper that has waited for
//                1 ms is handed the lock by the next unlock. So a waiter waits 1 ms, and one section per waiter ahead.
//                Semaphores are handed over always; readers that wait are let in together.
//   Inheritance  priority_inherit gives a mutex to the kernel once it is contended (FUTEX_LOCK_PI): its holder runs at the
//                priority of its most urgent waiter, and who waits with a context looks at it every millisecond. If its
//                holder's thread has ended, the next one gets it, and LOCK_LEAKED is reported. Where the system has no such
//                locks, init reports POLICY and the mutex is an ordinary one. Other mutexes don't notice a holder's end:
//                that needs the kernel's list of robust locks, which has one head per thread, and libc owns it.
//   Lock word    Every primitive has one; all changes but those to PARKED may be made without a latch.
//                LOCKED  bit 0   mutex, rwlock: set by the thread that takes it for itself, or by the unlocker that hands it
//                                over; cleared by its owner's unlock. Once flag: set by the runner, cleared with DONE set.
//                PARKED  bit 1   set by a waiter before it sleeps, under the queue's latch; cleared under the same latch
//                                when the queue is left empty. Keeps new readers and takers of permits out.
//                WATCHED bit 2   set and cleared by init and set_observer only: sends every call down the slow path
//                MODE    bit 3   set by init only: mutex: priority inheritance (LOCKED is unused then); rwlock: recursive
//                                readers. Once flag: DONE, set by the runner when the function has returned, never cleared.
//                COUNT   bit 4.. rwlock: readers, one more by a reader or by the unlocker that lets it in, one less by each
//                                read_unlock. Semaphore: permits, more by release, less by who takes them or by the release
//                                that serves a waiter. Wait group: work, by add and done.

#ifndef GOKORE_SYNC_H
#define GOKORE_SYNC_H 100 // 0.1.0

#include "gokore_atomic.h"
#include "gokore_policy.h"
#include "gokore_topology.h"
#include "gokore_lockorder.h"
#if GOKORE_ATOMIC_H != 100 || GOKORE_POLICY_H != 100 || GOKORE_TOPOLOGY_H != 100 || GOKORE_LOCKORDER_H != 100
#error "gokore_sync.h 0.1.0 needs the other headers of 0.1.0: copy headers from one release"
#endif

#ifndef GOKORE_SPIN_MAX
#define GOKORE_SPIN_MAX 400
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
    gokore_latch_ latch_;       // guards waiters_
    gokore_atomic_u32 waiting_; // calls that are not done with it
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

// >>what locks share
// The 16 bytes of every primitive below. All-zero is valid. Never copy or move one that is in use.
typedef struct gokore_sync_ {
    gokore_atomic_u32 word_;
    gokore_atomic_u32 record_; // its number in the lock checker; 0 = none yet
    gokore_lock_class *class_;
} gokore_sync_;
GOKORE_STATIC_ASSERT_(sizeof(gokore_sync_) <= 16, "a lock has at most 16 bytes in every configuration");
#define GOKORE_SYNC_INIT_(word, cls) { { GOKORE_ATOMIC_INIT(word), GOKORE_ATOMIC_INIT(0), (cls) } }

// >>mutex
// All-zero is unlocked. Not recursive.
typedef struct gokore_mutex { gokore_sync_ sync_; } gokore_mutex;
#define GOKORE_MUTEX_INIT            GOKORE_SYNC_INIT_(0, NULL)
#define GOKORE_MUTEX_INIT_CLASS(cls) GOKORE_SYNC_INIT_(0, cls)

typedef struct gokore_mutex_desc {
    gokore_lock_class *lock_class;  // default NULL: the lock is a class of its own
    uint32_t rank;                  // must be 0 in 0.1.0
    const char *name;               // default NULL: the class's name, or the address; copied
    gokore_lock_observer *observer; // default NULL
    int numa_node;                  // of its data: shown in the lock graph, and what mutex_lock_policy goes by; default 0
    bool priority_inherit;          // the holder runs at the priority of its most urgent waiter: see CONCEPTS
} gokore_mutex_desc;

// Sets up an unlocked mutex; reports LOCK_INIT_HELD if this thread is seen to hold it (with GOKORE_LOCKORDER). desc NULL = all
// defaults. A name, an observer or priority inheritance needs a few bytes of heap: if they can't be had, a report says so and
// the mutex works without.
GOKORE_API void gokore_mutex_init(gokore_mutex *m, const gokore_mutex_desc *desc);
// The mutex is gone. Reports LOCK_DESTROYED_HELD if somebody holds it.
GOKORE_API void gokore_mutex_deinit(gokore_mutex *m);

// Blocks until the mutex is held (GOKORE_OK, acquire) or the context is over (its status, even if the mutex is free). With
// GOKORE_LOCKORDER: GOKORE_DEADLOCK if this thread holds it, GOKORE_ORDER if refused. Anything but GOKORE_OK: not held.
GOKORE_INLINE_ GOKORE_NODISCARD gokore_status gokore_mutex_lock(gokore_mutex *m, gokore_context *ctx);
// The same for the lock checker's eyes. _rank: the second of two locks of one class, which subclass orders: rising. _nested:
// while the thread holds outer, which keeps locks of one class from being taken by two threads at once: then their order among
// themselves is free; LOCK_NOT_HELD if it does not.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_mutex_lock_rank(gokore_mutex *m, uint32_t subclass, gokore_context *ctx);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_mutex_lock_nested(gokore_mutex *m, const void *outer, gokore_context *ctx);
// 0: takes it if it is free, else GOKORE_BUSY, never blocks. Otherwise waits for up to timeout_ns, then GOKORE_TIMEOUT.
GOKORE_INLINE_ GOKORE_NODISCARD gokore_status gokore_mutex_try_lock(gokore_mutex *m, int64_t timeout_ns);
// As the policy in force says (its first LockPolicy; without one, the table of the compiled-in class): tries at once, then
// waits on the lock for each delay of the retry table, within its longest wait and the context. Where the policy's NUMA
// fallback is WAIT, a try from a CPU farther from numa_node than the allowed distance counts as busy. GOKORE_TIMEOUT when the
// tries are used up.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_mutex_lock_policy(gokore_mutex *m, gokore_context *ctx);
// Gives it up (release) and wakes a waiter. Does not touch the mutex once another may have it. Only the thread that holds it:
// LOCK_NOT_HELD if nobody does (then nothing happens), LOCK_WRONG_THREAD if it is seen to be another (with GOKORE_LOCKORDER;
// it is unlocked all the same).
GOKORE_INLINE_ void gokore_mutex_unlock(gokore_mutex *m);
// Does anybody hold it? Only a hint where others lock it.
GOKORE_API bool gokore_mutex_is_held(const gokore_mutex *m);
// Reports LOCK_NOT_HELD if nobody holds it, LOCK_WRONG_THREAD if another thread does (with GOKORE_LOCKORDER).
GOKORE_API void gokore_mutex_assert_held(gokore_mutex *m);
// Sets or, with NULL, removes the observer. Nobody may use the mutex meanwhile. Needs a few bytes of heap, as init does. The
// same for the other primitives: semaphores tell of every acquire and release, conditions and wait groups of waits only, a once
// flag of its run and of those who wait for it.
GOKORE_API void gokore_mutex_set_observer(gokore_mutex *m, gokore_lock_observer *observer);

// >>condition
// All-zero is a condition nobody waits for. One mutex at a time belongs to it.
typedef struct gokore_cond { gokore_sync_ sync_; } gokore_cond;
#define GOKORE_COND_INIT GOKORE_SYNC_INIT_(0, NULL)
// Gives up m, which the caller holds, and waits for a signal. Holds m on every return: GOKORE_OK after a signal, or the
// context's status when it is over first (at once, m kept, if it is over already). GOKORE_INVALID and LOCK_NOT_HELD if nobody
// holds m: then nothing happens. Never returns without a cause, but look at what you wait for again: others may have run
// between. A signal that chose this waiter counts even if the context ends meanwhile. Locks held besides m are LOCK_WAIT_HELD.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_cond_wait(gokore_cond *c, gokore_mutex *m, gokore_context *ctx);
// Wakes the one who waits longest, or all. No system call when nobody waits. What was changed under the mutex before the call
// is seen by those woken; the mutex need not be held. Does not touch the condition once the last one has been woken.
GOKORE_API void gokore_cond_signal(gokore_cond *c);
GOKORE_API void gokore_cond_broadcast(gokore_cond *c);
GOKORE_API void gokore_cond_set_observer(gokore_cond *c, gokore_lock_observer *observer);

// >>reader-writer lock
// All-zero is unlocked. Readers share it, up to 2^28 - 1 at a time. Who comes while others wait gets in line, so neither side
// starves: the last reader's unlock serves the first in line, a writer's lets in all readers that wait if one is first.
typedef struct gokore_rwlock { gokore_sync_ sync_; } gokore_rwlock;
#define GOKORE_RWLOCK_INIT            GOKORE_SYNC_INIT_(0, NULL)
#define GOKORE_RWLOCK_INIT_CLASS(cls) GOKORE_SYNC_INIT_(0, cls)
typedef struct gokore_rwlock_desc {
    gokore_lock_class *lock_class;
    uint32_t rank;
    const char *name;
    gokore_lock_observer *observer;
    int numa_node;          // these five as in gokore_mutex_desc
    bool recursive_readers; // a thread may read-lock it again while it reads, even if a writer waits; costs a look at thread storage
} gokore_rwlock_desc;
GOKORE_API void gokore_rwlock_init(gokore_rwlock *rw, const gokore_rwlock_desc *desc);
GOKORE_API void gokore_rwlock_deinit(gokore_rwlock *rw); // reports LOCK_DESTROYED_HELD if somebody holds it
// As gokore_mutex_lock. Read and write locks of one thread exclude each other: GOKORE_DEADLOCK with GOKORE_LOCKORDER. Without
// recursive_readers a second read lock of one thread may wait for a writer that waits for the first: with GOKORE_LOCKORDER
// it is reported as LOCK_RECURSION, and tried.
GOKORE_INLINE_ GOKORE_NODISCARD gokore_status gokore_rwlock_read_lock(gokore_rwlock *rw, gokore_context *ctx);
GOKORE_INLINE_ GOKORE_NODISCARD gokore_status gokore_rwlock_write_lock(gokore_rwlock *rw, gokore_context *ctx);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_rwlock_try_read_lock(gokore_rwlock *rw, int64_t timeout_ns); // as gokore_mutex_try_lock
GOKORE_API GOKORE_NODISCARD gokore_status gokore_rwlock_try_write_lock(gokore_rwlock *rw, int64_t timeout_ns);
// As gokore_mutex_unlock. With recursive_readers, a read lock is given up by the thread that took it.
GOKORE_INLINE_ void gokore_rwlock_read_unlock(gokore_rwlock *rw);
GOKORE_INLINE_ void gokore_rwlock_write_unlock(gokore_rwlock *rw);
GOKORE_API void gokore_rwlock_set_observer(gokore_rwlock *rw, gokore_lock_observer *observer);

// >>once
// All-zero: not run yet.
typedef struct gokore_once_flag { gokore_sync_ sync_; } gokore_once_flag;
#define GOKORE_ONCE_INIT GOKORE_SYNC_INIT_(0, NULL)
// The first caller runs fn(user); the others wait until it has returned and see what it did (acquire). Called again from
// inside fn: LOCK_RECURSION, and it returns. fn must return.
GOKORE_API void gokore_once(gokore_once_flag *once, void (*fn)(void *user), void *user);
GOKORE_API void gokore_once_set_observer(gokore_once_flag *once, gokore_lock_observer *observer);

// >>wait group
// A count of what is still to do, 0 to 2^28 - 1; all-zero is none. May be used again once the count was 0.
typedef struct gokore_waitgroup { gokore_sync_ sync_; } gokore_waitgroup;
#define GOKORE_WAITGROUP_INIT GOKORE_SYNC_INIT_(0, NULL)
GOKORE_API void gokore_waitgroup_add(gokore_waitgroup *w, uint32_t n); // SYNC_COUNT, and nothing added, beyond the most
// One less (release); the last one wakes all who wait, and does not touch the wait group afterwards. SYNC_COUNT at 0 already.
GOKORE_API void gokore_waitgroup_done(gokore_waitgroup *w);
// Blocks until the count is 0 (GOKORE_OK, acquire), the context is over, or this wait is chosen to end a deadlock
// (GOKORE_DEADLOCK). Locks held meanwhile are LOCK_WAIT_HELD. Who can end it is known of threads that have done work of an
// earlier round, from the count's leaving 0 to its return there, and none yet of this one.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_waitgroup_wait(gokore_waitgroup *w, gokore_context *ctx);
GOKORE_API void gokore_waitgroup_set_observer(gokore_waitgroup *w, gokore_lock_observer *observer);

// >>semaphore
// Permits, 0 to 2^28 - 1; all-zero has none. First come, first served, all or nothing: who asks for many is not passed by who
// asks for few.
typedef struct gokore_semaphore { gokore_sync_ sync_; } gokore_semaphore;
#define GOKORE_SEMAPHORE_INIT(permits) GOKORE_SYNC_INIT_((uint32_t)(permits) << 4, NULL)
#define GOKORE_SEMAPHORE_MAX           0x0fffffffu
// Blocks until n permits are taken at once (GOKORE_OK, acquire) or the context is over: then none are. GOKORE_INVALID for
// more than GOKORE_SEMAPHORE_MAX. n = 0 takes nothing and does not wait.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_semaphore_acquire(gokore_semaphore *s, uint32_t n, gokore_context *ctx);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_semaphore_try_acquire(gokore_semaphore *s, uint32_t n, int64_t timeout_ns); // 0: BUSY
// Gives n permits (release). Any thread. SYNC_COUNT, and none given, beyond the most.
GOKORE_API void gokore_semaphore_release(gokore_semaphore *s, uint32_t n);
GOKORE_API void gokore_semaphore_set_observer(gokore_semaphore *s, gokore_lock_observer *observer);

// >>foreign locks
// Function pointers around a lock that is not ours, so that it can be observed, order-checked and given up. Each returns 0 for
// done. try_lock may be NULL: then a wait can't be given up.
typedef struct gokore_locker {
    void *object;
    int (*lock)(void *object), (*try_lock)(void *object), (*unlock)(void *object);
    gokore_lock_class *lock_class;
    const char *name; // default NULL: the class's name, or the address
    gokore_lock_observer *observer;
} gokore_locker;
// As gokore_mutex_lock; GOKORE_SYSTEM if the foreign call fails, GOKORE_INVALID without lock or unlock. With a context and a
// try_lock, the lock is tried again and again, at most 1 ms apart, since a foreign lock can't be waited for with a context.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_locker_lock(const gokore_locker *l, gokore_context *ctx);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_locker_try_lock(const gokore_locker *l, int64_t timeout_ns); // GOKORE_UNSUPPORTED without try_lock
GOKORE_API void gokore_locker_unlock(const gokore_locker *l);
// Lockers of a pthread_mutex_t *, of the two sides of a pthread_rwlock_t *, and of a C11 mtx_t * (its functions fail where libc
// has no <threads.h>). Set lock_class, name and observer as you like.
GOKORE_API gokore_locker gokore_locker_of_pthread_mutex(void *mutex);
GOKORE_API gokore_locker gokore_locker_of_pthread_rwlock_read(void *rwlock);
GOKORE_API gokore_locker gokore_locker_of_pthread_rwlock_write(void *rwlock);
GOKORE_API gokore_locker gokore_locker_of_mtx(void *mtx);

// >>generic names
// gokore_lock(x, ctx) and gokore_unlock(x): mutex, rwlock (exclusive), semaphore (one permit), locker.
GOKORE_INLINE_ gokore_status gokore_semaphore_lock_(gokore_semaphore *s, gokore_context *ctx) { return gokore_semaphore_acquire(s, 1, ctx); }
GOKORE_INLINE_ void gokore_semaphore_unlock_(gokore_semaphore *s) { gokore_semaphore_release(s, 1); }
#ifndef __cplusplus
#define gokore_lock(x, ctx)                                                                                         \
    _Generic((x), gokore_mutex *: gokore_mutex_lock, gokore_rwlock *: gokore_rwlock_write_lock,                     \
             gokore_semaphore *: gokore_semaphore_lock_, gokore_locker *: gokore_locker_lock,                       \
             const gokore_locker *: gokore_locker_lock)((x), (ctx))
#define gokore_unlock(x)                                                                                            \
    _Generic((x), gokore_mutex *: gokore_mutex_unlock, gokore_rwlock *: gokore_rwlock_write_unlock,                 \
             gokore_semaphore *: gokore_semaphore_unlock_, gokore_locker *: gokore_locker_unlock,                   \
             const gokore_locker *: gokore_locker_unlock)(x)
#endif

// >>private shared part: the lock that nobody waits for
// The bits of the words: see the manual.
#define GOKORE_SYNC_LOCKED_  1u
#define GOKORE_SYNC_PARKED_  2u
#define GOKORE_SYNC_WATCHED_ 4u
#define GOKORE_SYNC_MODE_    8u  // mutex: priority inheritance; rwlock: recursive readers; once: done
#define GOKORE_SYNC_ONE_     16u // one of the count: readers, permits, work to do
#define GOKORE_SYNC_COUNT_   0xfffffff0u
// One CAS each way, in the caller: a call before it would cost as much as a third of it, since the CAS waits for the stores.
// What the library was built with is asked at run time, because the caller may be built with other options.
#define GOKORE_SYNC_UNTOLD_ (!GOKORE_LOCKORDER && !GOKORE_METRICS) // nobody is told of a lock that is free
#define GOKORE_SYNC_WATCHED_ONLY_ (GOKORE_LOCKORDER && !GOKORE_METRICS) // the checker only: its short ways do
GOKORE_DATA_ bool gokore_sync_inline_; // constant; false: every call goes to the library
GOKORE_INLINE_ bool gokore_sync_is_inline_(void) { return GOKORE_STATIC ? GOKORE_SYNC_UNTOLD_ : gokore_sync_inline_; }
// Live for sure, and no clock to be asked.
GOKORE_INLINE_ bool gokore_context_is_live_(gokore_context *ctx) {
    return !ctx || (gokore_atomic_load_relaxed(&ctx->status_) == GOKORE_OK && !ctx->deadline_ns_); // relaxed: no data behind it
}
GOKORE_API gokore_status gokore_mutex_lock_slow_(gokore_mutex *m, gokore_context *ctx);
GOKORE_API gokore_status gokore_mutex_try_lock_slow_(gokore_mutex *m, int64_t timeout_ns);
GOKORE_API void gokore_mutex_unlock_slow_(gokore_mutex *m);

GOKORE_INLINE_ bool gokore_mutex_grab_(gokore_mutex *m) {
    return GOKORE_LIKELY_(gokore_sync_is_inline_() &&
                          gokore_atomic_cas_acquire(&m->sync_.word_, 0, GOKORE_SYNC_LOCKED_)); // pairs with unlock
}
GOKORE_INLINE_ gokore_status gokore_mutex_lock(gokore_mutex *m, gokore_context *ctx) {
    return GOKORE_LIKELY_(gokore_context_is_live_(ctx)) && gokore_mutex_grab_(m) ? GOKORE_OK : gokore_mutex_lock_slow_(m, ctx);
}
GOKORE_INLINE_ gokore_status gokore_mutex_try_lock(gokore_mutex *m, int64_t timeout_ns) {
    return gokore_mutex_grab_(m) ? GOKORE_OK : gokore_mutex_try_lock_slow_(m, timeout_ns);
}
GOKORE_INLINE_ void gokore_mutex_unlock(gokore_mutex *m) {
    if (GOKORE_LIKELY_(gokore_sync_is_inline_() &&
                       gokore_atomic_cas_release(&m->sync_.word_, GOKORE_SYNC_LOCKED_, 0))) // pairs with lock
        return;
    gokore_mutex_unlock_slow_(m);
}

GOKORE_API gokore_status gokore_rwlock_read_lock_slow_(gokore_rwlock *rw, gokore_context *ctx);
GOKORE_API gokore_status gokore_rwlock_write_lock_slow_(gokore_rwlock *rw, gokore_context *ctx);
GOKORE_API void gokore_rwlock_read_unlock_slow_(gokore_rwlock *rw);
GOKORE_API void gokore_rwlock_write_unlock_slow_(gokore_rwlock *rw);
GOKORE_INLINE_ gokore_status gokore_rwlock_read_lock(gokore_rwlock *rw, gokore_context *ctx) {
    bool live = gokore_sync_is_inline_() && gokore_context_is_live_(ctx);
    if (GOKORE_LIKELY_(live && gokore_atomic_cas_acquire(&rw->sync_.word_, 0, GOKORE_SYNC_ONE_))) return GOKORE_OK; // pairs with write_unlock
    return gokore_rwlock_read_lock_slow_(rw, ctx);
}
GOKORE_INLINE_ void gokore_rwlock_read_unlock(gokore_rwlock *rw) {
    if (GOKORE_LIKELY_(gokore_sync_is_inline_() &&
                       gokore_atomic_cas_release(&rw->sync_.word_, GOKORE_SYNC_ONE_, 0))) // pairs with write_lock
        return;
    gokore_rwlock_read_unlock_slow_(rw);
}
GOKORE_INLINE_ gokore_status gokore_rwlock_write_lock(gokore_rwlock *rw, gokore_context *ctx) {
    bool free = gokore_sync_is_inline_() && gokore_context_is_live_(ctx);
    if (GOKORE_LIKELY_(free && gokore_atomic_cas_acquire(&rw->sync_.word_, 0, GOKORE_SYNC_LOCKED_))) return GOKORE_OK; // pairs with the unlocks
    return gokore_rwlock_write_lock_slow_(rw, ctx);
}
GOKORE_INLINE_ void gokore_rwlock_write_unlock(gokore_rwlock *rw) {
    if (GOKORE_LIKELY_(gokore_sync_is_inline_() &&
                       gokore_atomic_cas_release(&rw->sync_.word_, GOKORE_SYNC_LOCKED_, 0))) // pairs with the locks
        return;
    gokore_rwlock_write_unlock_slow_(rw);
}

// >>private shared part: waiting
// One blocked call. state_ is what its thread sleeps on: 0 = waiting, ASLEEP once it needs a kick, then WOKEN by the one who
// took it off its queue (stored under the queue's latch, so that a waiter who finds itself off the queue needs nothing more),
// or POKED because its context is over, or DOOMED because it was chosen to end a deadlock. These may become WOKEN, never the
// reverse. A call that waits in several queues at once has a record in each, whose owner_ is the record its thread sleeps on.
enum { GOKORE_WAITER_WAITING_, GOKORE_WAITER_WOKEN_, GOKORE_WAITER_POKED_, GOKORE_WAITER_ASLEEP_, GOKORE_WAITER_DOOMED_ };
typedef struct gokore_waiter_ {
    gokore_atomic_u32 state_;
    uint32_t answer_;                                  // what the waker says
    struct gokore_waiter_ *next_, *prev_;              // in the object's queue
    struct gokore_waiter_ *context_next_, *context_prev_; // context_prev_ is itself when its context has taken it off
    struct gokore_waiter_ *owner_;                     // NULL = itself
    const void *key_;                                  // whose queue
    const char *name_;                                 // its name for the lock checker; NULL = a lock's
    void *item_;                                       // a channel's: what to send, where to receive
    uint32_t need_, bars_;                             // a lock's: what is added to its word, which bits forbid it
    int64_t since_ns_;                                 // when the call began to wait
    uint32_t kind_, end_;                              // what the lock checker is told of it, see gokore_wait_; 0 = nothing
    const void *instead_;                              // likewise
    const gokore_wait_end_of_ *others_;                // likewise
    uint32_t other_count_;
    bool queued_;                                      // under the queue's latch
    bool steadfast_;                                   // can't be ended as a deadlock's victim
    bool sleeps_;                                      // at once: it has spun already, or it is likely to wait for long
} gokore_waiter_;
typedef struct gokore_wait_queue_ {
    gokore_waiter_ *head, *tail;
} gokore_wait_queue_;

GOKORE_API void gokore_wait_queue_push_(gokore_wait_queue_ *q, gokore_waiter_ *w, bool front);
GOKORE_API void gokore_wait_queue_remove_(gokore_wait_queue_ *q, gokore_waiter_ *w);
// Takes the first one off, which there must be, and marks it woken. Under the queue's latch.
GOKORE_API void gokore_wait_queue_wake_(gokore_wait_queue_ *q, uint32_t answer);
// After the latch: the sleeper is woken. w itself may be gone, so its word is passed.
GOKORE_API void gokore_waiter_kick_(gokore_atomic_u32 *state);
// Sleeps until woken (GOKORE_OK), until the context is over (its status) or the deadline (GOKORE_TIMEOUT), or until it is
// chosen to end a deadlock (GOKORE_DEADLOCK).
GOKORE_API gokore_status gokore_waiter_wait_(gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns);
GOKORE_API int64_t gokore_deadline_after_(int64_t timeout_ns); // now + timeout, saturating
GOKORE_API bool gokore_is_parallel_(void); // may this process use more than one CPU? As it was when first asked
// A wait group of somebody who tells the lock checker himself who is to do the work, while work is left. as: the waiter, but for
// its state.
GOKORE_API void gokore_waitgroup_less_(gokore_waitgroup *w);
GOKORE_API gokore_status gokore_waitgroup_wait_as_(gokore_waitgroup *w, gokore_context *ctx, const gokore_waiter_ *as);

#ifdef __cplusplus
}

// >>C++: the generic names as overloads
inline gokore_status gokore_lock(gokore_mutex *x, gokore_context *ctx) { return gokore_mutex_lock(x, ctx); }
inline gokore_status gokore_lock(gokore_rwlock *x, gokore_context *ctx) { return gokore_rwlock_write_lock(x, ctx); }
inline gokore_status gokore_lock(gokore_semaphore *x, gokore_context *ctx) { return gokore_semaphore_acquire(x, 1, ctx); }
inline gokore_status gokore_lock(const gokore_locker *x, gokore_context *ctx) { return gokore_locker_lock(x, ctx); }
inline void gokore_unlock(gokore_mutex *x) { gokore_mutex_unlock(x); }
inline void gokore_unlock(gokore_rwlock *x) { gokore_rwlock_write_unlock(x); }
inline void gokore_unlock(gokore_semaphore *x) { gokore_semaphore_release(x, 1); }
inline void gokore_unlock(const gokore_locker *x) { gokore_locker_unlock(x); }
#endif
#endif // GOKORE_SYNC_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_SYNC_IMPLEMENTED_)
#define GOKORE_SYNC_IMPLEMENTED_
#include "gokore_atomic.h" // again: they may have been seen before the switch was set
#include "gokore_policy.h"
#include "gokore_topology.h"
#include "gokore_lockorder.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <sched.h>
#endif
#if defined(__has_include) // C11's locks, where libc has them
#if __has_include(<threads.h>) && !defined(__STDC_NO_THREADS__)
#include <threads.h>
#define GOKORE_HAS_THREADS_H_ 1
#endif
#endif
#ifndef GOKORE_HAS_THREADS_H_
#define GOKORE_HAS_THREADS_H_ 0
#endif

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

void gokore_wait_queue_wake_(gokore_wait_queue_ *q, uint32_t answer) {
    gokore_waiter_ *w = q->head;
    gokore_wait_queue_remove_(q, w);
    gokore_waiter_woken_(w, answer);
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
        (void)gokore_atomic_fetch_add_relaxed(&ctx->waiting_, 1); // relaxed: a count
    }
    gokore_latch_unlock_(&ctx->latch_);
    return live;
}

// The same where it will sleep on the context's word as well. seq_cst, as in gokore_context_end_: either that sees that
// somebody waits, or this sees that the context is over.
static bool gokore_context_count_(gokore_context *ctx) {
    (void)gokore_atomic_fetch_add(&ctx->waiting_, 1);
    if (gokore_atomic_load(&ctx->status_) == GOKORE_OK) return true;
    (void)gokore_atomic_fetch_sub_release(&ctx->waiting_, 1); // pairs with gokore_context_deinit
    return false;
}

static void gokore_context_delist_(gokore_context *ctx, gokore_waiter_ *w) {
    gokore_latch_lock_(&ctx->latch_);
    if (w->context_prev_ != w) {
        *(w->context_prev_ ? &w->context_prev_->context_next_ : &ctx->waiters_) = w->context_next_;
        if (w->context_next_) w->context_next_->context_prev_ = w->context_prev_;
    }
    gokore_latch_unlock_(&ctx->latch_);
}

// The lock checker is told for what this thread is about to sleep.
static void gokore_waiter_tell_(gokore_waiter_ *w, int64_t deadline_ns) {
    gokore_wait_ wait = { .object = w->key_, .name = w->name_, .kind = w->kind_, .end = w->end_, .instead = w->instead_,
                          .others = w->others_,
                          .other_count = w->other_count_, .deadline_ns = deadline_ns, .state = &w->state_, .idle = GOKORE_WAITER_ASLEEP_,
                          .doomed = w->steadfast_ ? GOKORE_WAITER_ASLEEP_ : GOKORE_WAITER_DOOMED_ };
    gokore_wait_begin_(&wait);
}

static gokore_status gokore_waiter_sleep_on_two_(gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns) {
    const gokore_futex_two_ on = { { &w->state_, &ctx->status_ }, { GOKORE_WAITER_ASLEEP_, GOKORE_OK } };
    gokore_status why = GOKORE_SEAM_WAIT_TWO_(&on, deadline_ns);
    return why == GOKORE_OK ? gokore_context_status(ctx) : why;
}

#if !defined(GOKORE_SEAM_CPUS_) && GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
static uint32_t gokore_cpus_(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 2; // too many for the set
}
#define GOKORE_SEAM_CPUS_() gokore_cpus_() // that this process may use
#endif
#ifndef GOKORE_SEAM_CPUS_
#define GOKORE_SEAM_CPUS_() 2u // not known: whether looking pays will show
#endif

bool gokore_is_parallel_(void) {
    static gokore_atomic_u32 known;
    uint32_t cpus = gokore_atomic_load_relaxed(&known); // relaxed: whoever looks first finds the same
    if (cpus == 0) gokore_atomic_store_relaxed(&known, cpus = GOKORE_SEAM_CPUS_());
    return cpus > 1;
}

gokore_status gokore_waiter_wait_(gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns) {
    gokore_status why = gokore_context_status(ctx);
    if (why != GOKORE_OK) return why;
    const bool both = ctx && GOKORE_SEAM_HAS_WAIT_TWO_();
    if (ctx && !(both ? gokore_context_count_(ctx) : gokore_context_enlist_(ctx, w))) return gokore_context_status(ctx);
    if (ctx && gokore_context_deadline_ns(ctx) < deadline_ns) deadline_ns = gokore_context_deadline_ns(ctx);
    uint32_t state = GOKORE_WAITER_WAITING_;
    for (int i = 0; !w->sleeps_ && i < GOKORE_SPIN_MAX && state == GOKORE_WAITER_WAITING_; i++) {
        GOKORE_SEAM_PAUSE_();
        state = gokore_atomic_load_acquire(&w->state_); // pairs with the release in gokore_waiter_woken_
    }
    (void)gokore_atomic_cas_relaxed(&w->state_, GOKORE_WAITER_WAITING_, GOKORE_WAITER_ASLEEP_); // relaxed: no data behind it
    state = gokore_atomic_load_acquire(&w->state_); // pairs likewise
    bool told = GOKORE_LOCKORDER && w->kind_ && state == GOKORE_WAITER_ASLEEP_;
    if (told) gokore_waiter_tell_(w, deadline_ns);
    while (state == GOKORE_WAITER_ASLEEP_ && why == GOKORE_OK) {
        why = both ? gokore_waiter_sleep_on_two_(w, ctx, deadline_ns) : GOKORE_SEAM_WAIT_(&w->state_, GOKORE_WAITER_ASLEEP_, deadline_ns);
        state = gokore_atomic_load_acquire(&w->state_); // pairs likewise, and with gokore_deadlock_cancel_
    }
    if (told) gokore_wait_end_();
    if (ctx && !both && state != GOKORE_WAITER_POKED_) gokore_context_delist_(ctx, w);
    bool woken = state == GOKORE_WAITER_WOKEN_;
    gokore_status over = woken ? GOKORE_OK : gokore_context_status(ctx);
    if (ctx) (void)gokore_atomic_fetch_sub_release(&ctx->waiting_, 1); // pairs with gokore_context_deinit
    if (state == GOKORE_WAITER_DOOMED_) return GOKORE_DEADLOCK;
    return woken || over != GOKORE_OK ? over : why;
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

// Takes up to n waiters off the context's list and pokes them; how many have to be woken. A poked one may be gone at once.
static int gokore_context_poke_(gokore_context *ctx, gokore_atomic_u32 **sleepers, int n) {
    int count = 0;
    gokore_latch_lock_(&ctx->latch_);
    while (count < n && ctx->waiters_) {
        gokore_waiter_ *w = ctx->waiters_;
        ctx->waiters_ = w->context_next_;
        if (ctx->waiters_) ctx->waiters_->context_prev_ = NULL;
        w->context_prev_ = w;
        if (gokore_atomic_cas_release(&w->state_, GOKORE_WAITER_WAITING_, GOKORE_WAITER_POKED_)) continue; // pairs with gokore_waiter_wait_
        if (gokore_atomic_cas_release(&w->state_, GOKORE_WAITER_ASLEEP_, GOKORE_WAITER_POKED_))            // pairs likewise
            sleepers[count++] = &w->state_;
    }
    gokore_latch_unlock_(&ctx->latch_);
    return count;
}

// Ends one context and wakes those who wait with it, after its latch is free: the woken may need it.
static void gokore_context_end_(gokore_context *ctx) {
    enum { AT_ONCE = 16 };
    gokore_atomic_u32 *sleepers[AT_ONCE];
    if (gokore_context_status(ctx) != GOKORE_OK) return; // perhaps it expired and nobody looked: the first cause stays
    if (!gokore_atomic_cas(&ctx->status_, GOKORE_OK, GOKORE_CANCELED)) return; // pairs with gokore_context_status, gokore_context_count_
    if (gokore_atomic_load(&ctx->waiting_) && GOKORE_SEAM_HAS_WAIT_TWO_()) GOKORE_SEAM_WAKE_(&ctx->status_, INT_MAX);
    int count;
    do {
        count = gokore_context_poke_(ctx, sleepers, AT_ONCE);
        for (int i = 0; i < count; i++) gokore_waiter_kick_(sleepers[i]);
    } while (count == AT_ONCE);
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
    gokore_latch_unlock_(tree);
    if (gokore_atomic_load_acquire(&ctx->waiting_)) // pairs with gokore_waiter_wait_
        gokore_reportf_(GOKORE_REPORT_CONTEXT_BUSY, NULL, "context %p destroyed while threads wait with it", (void *)ctx);
}

gokore_status gokore_context_wait(gokore_context *ctx) {
    gokore_lock_none_held_("while its thread waits for a context");
    gokore_waiter_ w = { .key_ = ctx, .sleeps_ = true };
    gokore_status status;
    while ((status = gokore_context_status(ctx)) == GOKORE_OK) (void)gokore_waiter_wait_(&w, ctx, INT64_MAX);
    return status;
}

gokore_status gokore_sleep_ns(int64_t ns, gokore_context *ctx) {
    gokore_waiter_ w = { .key_ = ctx, .sleeps_ = true };
    int64_t until = gokore_deadline_after_(ns > 0 ? ns : 0);
    gokore_status status = gokore_context_status(ctx);
    while (status == GOKORE_OK && gokore_now_ns() < until) {
        (void)gokore_waiter_wait_(&w, ctx, until);
        status = gokore_context_status(ctx);
    }
    return status;
}

// >>queues of locks: WTF::Lock's scheme (F. Pizlo, "Locking in WebKit", 2016): the word in the object, the waiters in a table of
// queues hashed by its address. Deviations: hand-over is decided by how long the waiter has waited, not by a random timer;
// the table does not grow.
#if !GOKORE_STATIC
bool gokore_sync_inline_ = GOKORE_SYNC_UNTOLD_;
#endif
enum { GOKORE_SYNC_RETRY_, GOKORE_SYNC_HANDED_ }; // a waker's answer: try again; what was asked for is yours
#define GOKORE_SYNC_PATIENCE_NS_ 1000000          // a waiter that has waited for so long is handed the lock

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

// What serving leads to: those to wake once the latch is given up (under it, where there are too many), and whether more was
// given than had been taken.
typedef struct gokore_kicks_ {
    bool surplus;
    uint32_t count;
    gokore_atomic_u32 *at[32];
} gokore_kicks_;

// Takes w off its queue, with an answer. After the word was stored: w may then have its lock, and free it.
static void gokore_sync_wake_(gokore_bucket_ *b, gokore_waiter_ *w, uint32_t answer, gokore_kicks_ *kicks) {
    gokore_atomic_u32 *state = &w->state_;
    gokore_wait_queue_remove_(&b->queue, w);
    gokore_waiter_woken_(w, answer);
    if (kicks->count < sizeof kicks->at / sizeof kicks->at[0])
        kicks->at[kicks->count++] = state;
    else
        gokore_waiter_kick_(state);
}

static void gokore_sync_kick_(gokore_kicks_ *kicks) {
    for (uint32_t i = 0; i < kicks->count; i++) gokore_waiter_kick_(kicks->at[i]);
}

// What makes the kinds differ.
typedef struct gokore_sync_kind_ {
    const char *name;
    // Takes what w asks for, if the word, of which *v is a copy, permits; refreshes *v.
    bool (*take)(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w);
    // Under the queue's latch: gives back what the caller has (0: it has only left the line) and serves those in line.
    void (*serve)(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks);
    // Waits; NULL = in the line of the queue.
    gokore_status (*acquire)(gokore_sync_ *s, gokore_context *ctx, int64_t deadline_ns);
} gokore_sync_kind_;

// Adds w->need_, unless one of the bits w->bars_ is there.
static bool gokore_sync_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    while (!(*v & w->bars_) && *v <= UINT32_MAX - w->need_)
        if (gokore_atomic_compare_exchange_weak_acquire(&s->word_, v, *v + w->need_)) return true; // pairs with the serve functions
    return false;
}

// Looks rarely, and ever more so: each look takes the word's cache line from the owner, who enters many sections meanwhile if
// it is left alone (T. E. Anderson, "The performance of spin lock alternatives", 1990).
#define GOKORE_SYNC_REST_ 64 // pauses before the second look
static bool gokore_sync_spin_(gokore_sync_ *s, const gokore_sync_kind_ *kind, const gokore_waiter_ *w) {
    for (int left = GOKORE_SPIN_MAX, rest = GOKORE_SYNC_REST_;; rest *= 2) {
        uint32_t v = gokore_atomic_load_relaxed(&s->word_); // relaxed: taking decides
        if (kind->take(s, &v, w)) return true;
        if (left == 0 || (v & GOKORE_SYNC_PARKED_)) return false; // others sleep already: get in line
        if (rest > left) rest = left;
        left -= rest;
        for (int i = 0; i < rest; i++) GOKORE_SEAM_PAUSE_();
    }
}

// Gets in line, with PARKED set, unless it can be taken by now. True: it was taken.
static bool gokore_sync_park_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_waiter_ *w, bool front) {
    gokore_bucket_ *b = gokore_bucket_of_(s);
    gokore_latch_lock_(&b->latch);
    uint32_t v = gokore_atomic_load_relaxed(&s->word_); // relaxed: taking decides
    bool taken = kind->take(s, &v, w);
    while (!taken && !(v & GOKORE_SYNC_PARKED_)) {
        if (gokore_atomic_compare_exchange_weak_relaxed(&s->word_, &v, v | GOKORE_SYNC_PARKED_)) break; // relaxed: read under the latch
        taken = kind->take(s, &v, w);
    }
    if (!taken) {
        gokore_atomic_store_relaxed(&w->state_, GOKORE_WAITER_WAITING_); // relaxed: published by the latch
        gokore_wait_queue_push_(&b->queue, w, front);
    }
    gokore_latch_unlock_(&b->latch);
    return taken;
}

// Gives back and serves; the word is not touched after it says that others may have the object.
static void gokore_sync_release_(gokore_sync_ *s, const gokore_sync_kind_ *kind, uint32_t given) {
    gokore_kicks_ kicks;
    kicks.surplus = false;
    kicks.count = 0;
    gokore_bucket_ *b = gokore_bucket_of_(s);
    gokore_latch_lock_(&b->latch);
    kind->serve(s, b, given, &kicks);
    gokore_latch_unlock_(&b->latch);
    gokore_sync_kick_(&kicks);
    if (kicks.surplus) gokore_reportf_(GOKORE_REPORT_SYNC_COUNT, NULL, "%s %p is given more than was taken", kind->name, (void *)s);
}

// Leaves the line. False: a waker had picked this waiter already, and its answer counts.
static bool gokore_sync_leave_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_waiter_ *w) {
    gokore_kicks_ kicks;
    kicks.surplus = false;
    kicks.count = 0;
    gokore_bucket_ *b = gokore_bucket_of_(s);
    gokore_latch_lock_(&b->latch);
    bool left = w->queued_;
    if (left) {
        gokore_wait_queue_remove_(&b->queue, w);
        kind->serve(s, b, 0, &kicks);
    }
    gokore_latch_unlock_(&b->latch);
    gokore_sync_kick_(&kicks);
    return left;
}

static gokore_status gokore_sync_acquire_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_waiter_ *w, gokore_context *ctx, int64_t deadline_ns) {
    for (bool again = false;; again = true) {
        if ((again || !w->sleeps_) && gokore_sync_spin_(s, kind, w)) return GOKORE_OK;
        if (!again) w->since_ns_ = gokore_now_ns();
        w->sleeps_ = true;
        if (gokore_sync_park_(s, kind, w, again)) return GOKORE_OK;
        gokore_status status = gokore_waiter_wait_(w, ctx, deadline_ns);
        if (status != GOKORE_OK && gokore_sync_leave_(s, kind, w)) return status;
        if (w->answer_ == GOKORE_SYNC_HANDED_) return GOKORE_OK;
    }
}

// Parts of serve: the event is there that all wait for; a waiter has left.
static void gokore_sync_serve_all_(gokore_sync_ *s, gokore_bucket_ *b, gokore_kicks_ *kicks) {
    for (gokore_waiter_ *w = gokore_bucket_first_(b->queue.head, s), *next; w; w = next) {
        next = gokore_bucket_first_(w->next_, s);
        gokore_sync_wake_(b, w, GOKORE_SYNC_HANDED_, kicks);
    }
}

static void gokore_sync_serve_none_(gokore_sync_ *s, gokore_bucket_ *b) {
    if (!gokore_bucket_first_(b->queue.head, s))
        (void)gokore_atomic_fetch_and_relaxed(&s->word_, ~GOKORE_SYNC_PARKED_); // relaxed: under the latch
}

// >>what locks share: identity, observers, reports
// What a mutex with priority inheritance has besides: class_ then points here, plus 1.
typedef struct gokore_inherit_ {
    gokore_lock_class *cls;
    gokore_atomic_u32 owner; // the kernel's: thread id; bit 31: others wait; bit 30: the owner has ended
    gokore_atomic_u32 turn;  // carries release and acquire where the kernel hands over
} gokore_inherit_;

static gokore_inherit_ *gokore_sync_inherit_(const gokore_sync_ *s) { // NULL = no inheritance
    return (uintptr_t)s->class_ & 1 ? (gokore_inherit_ *)((uintptr_t)s->class_ - 1) : NULL;
}

static gokore_lock_identity_ gokore_sync_identity_(gokore_sync_ *s) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(s);
    return (gokore_lock_identity_) { .lock = s, .cls = inherit ? inherit->cls : s->class_, .slot = &s->record_ };
}

static void gokore_sync_report_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_report_id id, const char *what) {
    char title[64];
    gokore_lock_title_(s, gokore_sync_identity_(s).cls, gokore_atomic_load_acquire(&s->record_), title, sizeof title); // pairs with gokore_lock_find_
    gokore_reportf_(id, title, "%s '%s' %s", kind->name, title, what);
}

static gokore_lock_observer *gokore_sync_observer_(gokore_sync_ *s) {
    if (!(gokore_atomic_load_relaxed(&s->word_) & GOKORE_SYNC_WATCHED_)) return NULL; // relaxed: constant while in use
    return gokore_lock_observer_(gokore_atomic_load_acquire(&s->record_));             // pairs with gokore_lock_find_
}

static void gokore_sync_observe_(gokore_lock_observer *o, const void *lock, gokore_status status, int64_t waited_ns) {
    if (waited_ns > 0 && o->wait) o->wait(o->user, lock, waited_ns);
    if (status != GOKORE_OK || !o->acquired) return;
    gokore_stack_ stack;
    gokore_stack_capture_(&stack);
    o->acquired(o->user, lock, stack.frames, stack.depth);
}

// With GOKORE_METRICS: what this thread holds, and since when. What finds no place is not timed. Permits are nobody's: lock is
// NULL.
static _Thread_local struct {
    struct {
        const void *lock;
        int64_t since_ns;
    } at[GOKORE_METRICS ? 16 : 1];
    size_t count;
} gokore_holds_;

static void gokore_sync_tell_acquired_(const void *lock, const char *name, gokore_status status, int64_t waited_ns) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    if (i->lock_wait) i->lock_wait(i->user, name ? name : "", gokore_qos_current(), status, waited_ns);
    if (!lock || status != GOKORE_OK || gokore_holds_.count == sizeof gokore_holds_.at / sizeof gokore_holds_.at[0]) return;
    gokore_holds_.at[gokore_holds_.count].lock = lock;
    gokore_holds_.at[gokore_holds_.count++].since_ns = gokore_now_ns();
}

static void gokore_sync_tell_released_(const void *lock, const char *name) {
    size_t k = gokore_holds_.count;
    while (k && gokore_holds_.at[k - 1].lock != lock) k--;
    if (!k) return;
    const gokore_instrumenter *i = gokore_instrumenter_get();
    int64_t held_ns = gokore_now_ns() - gokore_holds_.at[k - 1].since_ns;
    for (gokore_holds_.count--; k <= gokore_holds_.count; k++) gokore_holds_.at[k - 1] = gokore_holds_.at[k];
    if (i->lock_held) i->lock_held(i->user, name ? name : "", held_ns);
}

static const char *gokore_sync_name_(gokore_sync_ *s) {
    return gokore_lock_called_(gokore_sync_identity_(s).cls, gokore_atomic_load_acquire(&s->record_)); // pairs with gokore_lock_find_
}

// The wait of what is no lock: conditions, wait groups, once flags.
static void gokore_sync_observe_wait_(gokore_sync_ *s, int64_t since_ns) {
    gokore_lock_observer *o = gokore_sync_observer_(s);
    if (o && o->wait) o->wait(o->user, s, gokore_now_ns() - since_ns);
}

static void gokore_sync_observe_release_(gokore_sync_ *s) {
    gokore_lock_observer *o = gokore_sync_observer_(s);
    if (o && o->released) o->released(o->user, s);
}

static void gokore_sync_set_observer_(gokore_sync_ *s, gokore_lock_observer *observer) {
    gokore_lock_describe_(gokore_sync_identity_(s), NULL, observer, -1);
    bool watched = observer && gokore_atomic_load_acquire(&s->record_); // pairs with gokore_lock_find_
    if (watched)
        (void)gokore_atomic_fetch_or_relaxed(&s->word_, GOKORE_SYNC_WATCHED_); // relaxed: nobody uses it meanwhile
    else
        (void)gokore_atomic_fetch_and_relaxed(&s->word_, ~GOKORE_SYNC_WATCHED_); // relaxed: likewise
}

// All-zero but the mode; the desc's five fields.
static void gokore_sync_init_(gokore_sync_ *s, const gokore_sync_kind_ *kind, const gokore_mutex_desc *desc) {
    if (gokore_lock_is_held_here_(s)) gokore_reportf_(GOKORE_REPORT_LOCK_INIT_HELD, NULL, "%s %p initialised while it is held", kind->name, (void *)s);
    gokore_lockorder_destroyed(s);
    memset(s, 0, sizeof *s);
    if (!desc) return;
    s->class_ = desc->lock_class;
    if (GOKORE_LOCKORDER || desc->name || desc->observer || desc->numa_node)
        gokore_lock_describe_(gokore_sync_identity_(s), desc->name, desc->observer, desc->numa_node);
    if (GOKORE_LOCKORDER && desc->rank) gokore_lock_rank_(gokore_sync_identity_(s), desc->rank);
    if (desc->observer) gokore_sync_set_observer_(s, desc->observer);
}

static void gokore_sync_deinit_(gokore_sync_ *s, const gokore_sync_kind_ *kind, bool held) {
    if (held) gokore_sync_report_(s, kind, GOKORE_REPORT_LOCK_DESTROYED_HELD, "destroyed while it is held");
    gokore_lockorder_destroyed(s);
    gokore_lock_forget_(s, gokore_atomic_load_acquire(&s->record_)); // pairs with gokore_lock_find_
    memset(s, 0, sizeof *s);
}

// Takes or waits. *waited_ns is measured for observers and metrics only.
static gokore_status gokore_sync_get_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_waiter_ *w, gokore_context *ctx,
                                      int64_t deadline_ns, unsigned mode, int64_t *waited_ns) {
    uint32_t v = gokore_atomic_load_relaxed(&s->word_); // relaxed: taking decides
    if (kind->take(s, &v, w)) return GOKORE_OK;
    if (mode & GOKORE_LOCK_TRY) return GOKORE_BUSY;
    bool watched = GOKORE_METRICS || v & GOKORE_SYNC_WATCHED_;
    if (watched) *waited_ns = -gokore_now_ns();
    gokore_status status = kind->acquire ? kind->acquire(s, ctx, deadline_ns) : gokore_sync_acquire_(s, kind, w, ctx, deadline_ns);
    if (watched) *waited_ns += gokore_now_ns();
    return status;
}

// Every lock call that is more than one CAS: the checker, which knows the lock as who, the context, the wait, the observer,
// the instrumenter. w says what is asked for.
static gokore_status gokore_sync_lock_as_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_lock_identity_ who, gokore_waiter_ *w,
                                          gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    int64_t waited_ns = 0;
    gokore_lock_observer *observer = NULL;
    gokore_status status = gokore_context_status(ctx);
    if (GOKORE_LOCKORDER && (deadline_ns != INT64_MAX || gokore_context_deadline_ns(ctx) != INT64_MAX)) mode |= GOKORE_LOCK_TIMED_;
    if (status == GOKORE_OK) status = gokore_lockorder_before_(who, mode);
    if (status == GOKORE_OK) {
        status = gokore_sync_get_(s, kind, w, ctx, deadline_ns, mode, &waited_ns);
        if (status == GOKORE_OK) gokore_lockorder_acquired_(who, mode);
        if (status != GOKORE_BUSY) observer = gokore_sync_observer_(s);
    }
    if (observer) gokore_sync_observe_(observer, s, status, waited_ns);
    if (GOKORE_METRICS) gokore_sync_tell_acquired_(s, gokore_sync_name_(s), status, waited_ns);
    return status;
}

static gokore_status gokore_sync_lock_(gokore_sync_ *s, const gokore_sync_kind_ *kind, gokore_waiter_ *w, gokore_context *ctx,
                                       int64_t deadline_ns, unsigned mode) {
    return gokore_sync_lock_as_(s, kind, gokore_sync_identity_(s), w, ctx, deadline_ns, mode);
}

static void gokore_sync_unlocked_(gokore_sync_ *s, const gokore_sync_kind_ *kind) { // before the word is
    if (GOKORE_METRICS) gokore_sync_tell_released_(s, gokore_sync_name_(s));
    gokore_sync_observe_release_(s);
    if (!gokore_lockorder_released_(s)) gokore_sync_report_(s, kind, GOKORE_REPORT_LOCK_WRONG_THREAD, "unlocked by a thread that does not hold it");
}

static void gokore_sync_not_held_(gokore_sync_ *s, const gokore_sync_kind_ *kind) {
    (void)gokore_lockorder_released_(s); // if another thread has unlocked it
    gokore_sync_report_(s, kind, GOKORE_REPORT_LOCK_NOT_HELD, "unlocked while nobody holds it");
}

// >>mutex
static void gokore_mutex_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    if (!given) {
        gokore_sync_serve_none_(s, b);
        return;
    }
    uint32_t rest = gokore_atomic_load_relaxed(&s->word_) & GOKORE_SYNC_WATCHED_; // relaxed: PARKED changes under the latch only
    gokore_waiter_ *w = gokore_bucket_first_(b->queue.head, s);
    bool handed = w && gokore_now_ns() - w->since_ns_ >= GOKORE_SYNC_PATIENCE_NS_;
    if (w && gokore_bucket_first_(w->next_, s)) rest |= GOKORE_SYNC_PARKED_;
    if (handed) rest |= GOKORE_SYNC_LOCKED_;
    gokore_atomic_store_release(&s->word_, rest); // pairs with the acquire in gokore_sync_take_
    if (w) gokore_sync_wake_(b, w, handed ? GOKORE_SYNC_HANDED_ : GOKORE_SYNC_RETRY_, kicks);
}

static const gokore_sync_kind_ gokore_mutex_kind_ = { "mutex", gokore_sync_take_, gokore_mutex_serve_, NULL };

#define GOKORE_WAITER_EXCLUSIVE_(s) \
    { .key_ = (s), .need_ = GOKORE_SYNC_LOCKED_, .bars_ = GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_COUNT_, .kind_ = GOKORE_WAIT_EXCLUSIVE_ }

// >>mutex: priority inheritance, by the kernel's futexes (futex(2), FUTEX_LOCK_PI)
#define GOKORE_INHERIT_THREAD_ 0x3fffffffu
#define GOKORE_INHERIT_DIED_   0x40000000u
#define GOKORE_INHERIT_LOOK_NS_ 1000000 // the kernel can't wait for a context too: how often it is looked at

static bool gokore_inherit_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(s);
    (void)v, (void)w;
    if (!gokore_atomic_cas_acquire(&inherit->owner, 0, (uint32_t)gokore_thread_id_())) return false; // pairs with unlock
    (void)gokore_atomic_load_acquire(&inherit->turn); // pairs with unlock
    return true;
}

// The owner's thread has ended without unlocking: its lock passes on, and somebody should know. The lock checker said so when
// the thread ended.
static void gokore_inherit_orphan_(gokore_sync_ *s) {
    if (GOKORE_LOCKORDER) return;
    char title[64];
    gokore_lock_title_(s, gokore_sync_identity_(s).cls, gokore_atomic_load_acquire(&s->record_), title, sizeof title); // pairs with gokore_lock_find_
    gokore_reportf_(GOKORE_REPORT_LOCK_LEAKED, title, "mutex '%s' passes on from a thread that ended while it held it", title);
}

// The kernel says that the owner has ended. Asked again under a latch: nobody else changes the word of one that has ended, so
// it still names it if it has not changed. Without the latch, it might name the next owner by now. As gokore_futex_lock_pi_.
static int gokore_inherit_adopt_(gokore_inherit_ *inherit, bool *orphan) {
    static gokore_latch_ latch;
    gokore_latch_lock_(&latch);
    uint32_t v = gokore_atomic_load_relaxed(&inherit->owner); // relaxed: turn orders
    int error = gokore_futex_lock_pi_(&inherit->owner, 1);    // long past: does not wait
    *orphan = error == ESRCH && gokore_atomic_cas_relaxed(&inherit->owner, v, (uint32_t)gokore_thread_id_()); // relaxed: likewise
    gokore_latch_unlock_(&latch);
    return *orphan ? 0 : error;
}

// The lock checker is told that this thread waits for a lock by other means than ours; *doomed becomes 1 if it should not any more,
// where somebody looks at it.
static void gokore_sync_wait_tell_(const void *lock, bool passes_on, gokore_context *ctx, int64_t deadline_ns, gokore_atomic_u32 *doomed) {
    if (gokore_context_deadline_ns(ctx) < deadline_ns) deadline_ns = gokore_context_deadline_ns(ctx);
    gokore_wait_ wait = { .object = lock, .kind = GOKORE_WAIT_EXCLUSIVE_, .deadline_ns = deadline_ns, .state = doomed, .doomed = 1,
                          .passes_on = passes_on };
    if (GOKORE_LOCKORDER) gokore_wait_begin_(&wait);
}

static gokore_status gokore_inherit_wait_(gokore_sync_ *s, gokore_context *ctx, int64_t deadline_ns, const gokore_atomic_u32 *doomed) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(s);
    bool looks = ctx || GOKORE_LOCKORDER;
    for (bool orphan = false;;) {
        gokore_status status = gokore_context_status(ctx);
        int64_t now = gokore_now_ns(), until = looks && deadline_ns - now > GOKORE_INHERIT_LOOK_NS_ ? now + GOKORE_INHERIT_LOOK_NS_ : deadline_ns;
        if (status == GOKORE_OK && now >= deadline_ns) status = GOKORE_TIMEOUT;
        if (gokore_atomic_load_acquire(doomed)) status = GOKORE_DEADLOCK; // pairs with gokore_deadlock_cancel_
        if (status != GOKORE_OK) return status;
        int error = gokore_futex_lock_pi_(&inherit->owner, until);
        if (error == ESRCH) error = gokore_inherit_adopt_(inherit, &orphan);
        if (error == EDEADLK) return GOKORE_DEADLOCK;
        if (error != 0 && error != EAGAIN && error != EINTR && error != ETIMEDOUT && error != ESRCH) return GOKORE_SYSTEM;
        if (error != 0) continue;
        (void)gokore_atomic_load_acquire(&inherit->turn); // pairs with unlock
        uint32_t v = gokore_atomic_fetch_and_relaxed(&inherit->owner, ~GOKORE_INHERIT_DIED_); // relaxed: this thread's lock
        if (orphan || (v & GOKORE_INHERIT_DIED_)) gokore_inherit_orphan_(s);
        return GOKORE_OK;
    }
}

static gokore_status gokore_inherit_acquire_(gokore_sync_ *s, gokore_context *ctx, int64_t deadline_ns) {
    gokore_atomic_u32 doomed = GOKORE_ATOMIC_INIT(0);
    gokore_sync_wait_tell_(s, true, ctx, deadline_ns, &doomed);
    gokore_status status = gokore_inherit_wait_(s, ctx, deadline_ns, &doomed);
    if (GOKORE_LOCKORDER) gokore_wait_end_();
    return status;
}

static const gokore_sync_kind_ gokore_inherit_kind_ = { "mutex", gokore_inherit_take_, NULL, gokore_inherit_acquire_ };

static void gokore_inherit_release_(gokore_mutex *m) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(&m->sync_);
    gokore_atomic_store_release(&inherit->turn, 0); // pairs with the acquires of the next owner
    if (gokore_atomic_cas_release(&inherit->owner, (uint32_t)gokore_thread_id_(), 0)) return; // pairs with gokore_inherit_take_
    if (gokore_futex_unlock_pi_(&inherit->owner) == EPERM)
        gokore_sync_report_(&m->sync_, &gokore_mutex_kind_, GOKORE_REPORT_LOCK_WRONG_THREAD, "is held by another thread and stays locked");
}

static void gokore_inherit_init_(gokore_mutex *m) {
    gokore_inherit_ *inherit = (gokore_inherit_ *)gokore_alloc_zeroed_(NULL, sizeof *inherit, sizeof(void *));
    const char *why = inherit ? NULL : "there is no memory";
    if (inherit && gokore_futex_unlock_pi_(&inherit->owner) == ENOSYS) why = "this system has none";
    if (why) {
        gokore_free_(NULL, inherit, 0);
        gokore_sync_report_(&m->sync_, &gokore_mutex_kind_, GOKORE_REPORT_POLICY, why);
        return;
    }
    inherit->cls = m->sync_.class_;
    m->sync_.class_ = (gokore_lock_class *)((uintptr_t)inherit + 1);
    (void)gokore_atomic_fetch_or_relaxed(&m->sync_.word_, GOKORE_SYNC_MODE_); // relaxed: nobody uses it yet
}

// >>mutex: locking
static const gokore_sync_kind_ *gokore_mutex_kind_of_(const gokore_mutex *m) {
    return gokore_atomic_load_relaxed(&m->sync_.word_) & GOKORE_SYNC_MODE_ ? &gokore_inherit_kind_ : &gokore_mutex_kind_; // relaxed: constant
}

static gokore_status gokore_mutex_acquire_(gokore_mutex *m, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    gokore_waiter_ w = GOKORE_WAITER_EXCLUSIVE_(m);
    return gokore_sync_lock_(&m->sync_, gokore_mutex_kind_of_(m), &w, ctx, deadline_ns, mode);
}

// The same for a mutex that is watched: false = not free, or the checker has more to do than look.
static inline bool gokore_mutex_lock_again_(gokore_mutex *m) {
    gokore_lock_thread_ *mine = gokore_mine_;
    gokore_held_ *held = gokore_lock_again_is_(m, &m->sync_.record_, mine);
    if (!held || !gokore_atomic_cas_acquire(&m->sync_.word_, 0, GOKORE_SYNC_LOCKED_)) return false; // pairs with unlock
    gokore_lock_again_held_(mine, held);
    return true;
}

static inline bool gokore_mutex_lock_watched_(gokore_mutex *m) {
    gokore_warm_ w;
    if (!gokore_lock_warms_(m, &m->sync_.record_, &w)) return false;
    if (!gokore_atomic_cas_acquire(&m->sync_.word_, 0, GOKORE_SYNC_LOCKED_)) return false; // pairs with unlock
    gokore_lock_warmed_(m, &m->sync_.record_, &w);
    return true;
}

__attribute__((noinline)) static gokore_status gokore_mutex_lock_slower_(gokore_mutex *m, gokore_context *ctx) {
    if (GOKORE_SYNC_WATCHED_ONLY_ && GOKORE_LIKELY_(gokore_context_is_live_(ctx)) && gokore_mutex_lock_watched_(m)) return GOKORE_OK;
    return gokore_mutex_acquire_(m, ctx, INT64_MAX, GOKORE_LOCK_EXCLUSIVE);
}

GOKORE_ENTRY_ gokore_status gokore_mutex_lock_slow_(gokore_mutex *m, gokore_context *ctx) {
    if (GOKORE_SYNC_WATCHED_ONLY_ && GOKORE_LIKELY_(gokore_context_is_live_(ctx)) && GOKORE_LIKELY_(gokore_mutex_lock_again_(m))) return GOKORE_OK;
    GOKORE_CALLED_();
    return gokore_mutex_lock_slower_(m, ctx);
}

// The same, with what only the checker has to know.
static gokore_status gokore_mutex_lock_as_(gokore_mutex *m, gokore_lock_identity_ who, gokore_context *ctx) {
    gokore_waiter_ w = GOKORE_WAITER_EXCLUSIVE_(m);
    return gokore_sync_lock_as_(&m->sync_, gokore_mutex_kind_of_(m), who, &w, ctx, INT64_MAX, GOKORE_LOCK_EXCLUSIVE);
}

GOKORE_ENTRY_ gokore_status gokore_mutex_lock_rank(gokore_mutex *m, uint32_t subclass, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_lock_identity_ who = gokore_sync_identity_(&m->sync_);
    who.subclass = subclass;
    return gokore_mutex_lock_as_(m, who, ctx);
}

GOKORE_ENTRY_ gokore_status gokore_mutex_lock_nested(gokore_mutex *m, const void *outer, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_lock_identity_ who = gokore_sync_identity_(&m->sync_);
    who.outer = outer;
    return gokore_mutex_lock_as_(m, who, ctx);
}

GOKORE_ENTRY_ gokore_status gokore_mutex_try_lock_slow_(gokore_mutex *m, int64_t timeout_ns) {
    GOKORE_CALLED_();
    if (timeout_ns <= 0) return gokore_mutex_acquire_(m, NULL, INT64_MAX, GOKORE_LOCK_TRY);
    return gokore_mutex_acquire_(m, NULL, gokore_deadline_after_(timeout_ns), GOKORE_LOCK_EXCLUSIVE);
}

__attribute__((noinline)) static void gokore_mutex_serve_next_(gokore_mutex *m) {
    gokore_sync_release_(&m->sync_, &gokore_mutex_kind_, GOKORE_SYNC_LOCKED_);
}

__attribute__((noinline)) static void gokore_mutex_unlock_slower_(gokore_mutex *m) {
    if (!gokore_mutex_is_held(m)) {
        gokore_sync_not_held_(&m->sync_, &gokore_mutex_kind_);
        return;
    }
    gokore_sync_unlocked_(&m->sync_, &gokore_mutex_kind_);
    if (gokore_mutex_kind_of_(m) == &gokore_inherit_kind_)
        gokore_inherit_release_(m);
    else if (!gokore_atomic_cas_release(&m->sync_.word_, GOKORE_SYNC_LOCKED_, 0)) // pairs with gokore_sync_take_
        gokore_mutex_serve_next_(m);
}

// The checker has let go of it, but the word is not as plain as that: somebody waits, or observers and inheritance are for the
// slow path.
__attribute__((noinline)) static void gokore_mutex_unlock_cooled_(gokore_mutex *m) {
    if ((gokore_atomic_load_relaxed(&m->sync_.word_) & ~GOKORE_SYNC_PARKED_) == GOKORE_SYNC_LOCKED_) { // relaxed: its own lock
        gokore_mutex_serve_next_(m);
        return;
    }
    gokore_lock_cools_not_();
    gokore_mutex_unlock_slower_(m);
}

// The word is not looked at before the CAS: the look would wait for the one before it.
void gokore_mutex_unlock_slow_(gokore_mutex *m) {
    if (!GOKORE_SYNC_WATCHED_ONLY_ || !GOKORE_LIKELY_(gokore_lock_cools_(m)))
        gokore_mutex_unlock_slower_(m);
    else if (!GOKORE_LIKELY_(gokore_atomic_cas_release(&m->sync_.word_, GOKORE_SYNC_LOCKED_, 0))) // pairs with gokore_sync_take_
        gokore_mutex_unlock_cooled_(m);
}

bool gokore_mutex_is_held(const gokore_mutex *m) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(&m->sync_);
    if (inherit) return gokore_atomic_load_relaxed(&inherit->owner) & GOKORE_INHERIT_THREAD_; // relaxed: a hint
    return gokore_atomic_load_relaxed(&m->sync_.word_) & GOKORE_SYNC_LOCKED_;                 // relaxed: likewise
}

void gokore_mutex_assert_held(gokore_mutex *m) {
    if (!gokore_mutex_is_held(m))
        gokore_sync_report_(&m->sync_, &gokore_mutex_kind_, GOKORE_REPORT_LOCK_NOT_HELD, "is not held where it must be");
    else if (!gokore_lock_is_mine_(m))
        gokore_sync_report_(&m->sync_, &gokore_mutex_kind_, GOKORE_REPORT_LOCK_WRONG_THREAD, "is held by another thread where this one must hold it");
}

void gokore_mutex_set_observer(gokore_mutex *m, gokore_lock_observer *observer) { gokore_sync_set_observer_(&m->sync_, observer); }

void gokore_mutex_init(gokore_mutex *m, const gokore_mutex_desc *desc) {
    gokore_sync_init_(&m->sync_, &gokore_mutex_kind_, desc);
    if (desc && desc->priority_inherit) gokore_inherit_init_(m);
}

void gokore_mutex_deinit(gokore_mutex *m) {
    gokore_inherit_ *inherit = gokore_sync_inherit_(&m->sync_);
    gokore_sync_deinit_(&m->sync_, &gokore_mutex_kind_, gokore_mutex_is_held(m));
    gokore_free_(NULL, inherit, 0);
}

// >>mutex: the policy in force
static void gokore_sync_tell_retry_(gokore_sync_ *s) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    const char *name = gokore_sync_name_(s);
    if (i->lock_retry) i->lock_retry(i->user, name ? name : "");
}

static gokore_lock_policy gokore_lock_policy_now_(void) {
    const gokore_lock_policy *policy = gokore_lock_policy_current();
    return policy ? *policy : gokore_lock_policy_default(gokore_qos_current());
}

// allowed_distance: 0 = the same node; up to 9 = so many different distances; above = the firmware's distance.
static bool gokore_numa_policy_allows_(const gokore_topology *topology, const gokore_numa_policy *numa, int from, int to) {
    int distance = gokore_topology_distance(topology, from, to), steps = 0, before = gokore_topology_distance(topology, from, from);
    if (from == to || distance < 0 || numa->allowed_distance >= 10) return from == to || (distance >= 0 && distance <= numa->allowed_distance);
    int nodes[64];
    size_t count = gokore_topology_nearest(topology, from, nodes, 64);
    for (size_t i = 0; i < count && i < 64; i++) { // nearest first
        int next = gokore_topology_distance(topology, from, nodes[i]);
        if (next > before && next <= distance) steps++, before = next;
    }
    return steps <= numa->allowed_distance;
}

// Is this thread farther from the lock's node than the policy allows, and should it wait until it is not?
static bool gokore_lock_is_too_far_(const gokore_numa_policy *numa, int node) {
    if (numa->fallback != GOKORE_NUMA_WAIT || !numa->has_allowed_distance || node < 0) return false;
    const gokore_topology *topology = gokore_topology_default();
    int here = gokore_topology_current_node(topology);
    return here >= 0 && !gokore_numa_policy_allows_(topology, numa, here, node);
}

GOKORE_ENTRY_ gokore_status gokore_mutex_lock_policy(gokore_mutex *m, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_lock_policy policy = gokore_lock_policy_now_();
    int node = gokore_lock_numa_node_(gokore_atomic_load_acquire(&m->sync_.record_)); // pairs with gokore_lock_find_
    int64_t until = policy.retry.max_wait_ns > 0 ? gokore_deadline_after_(policy.retry.max_wait_ns) : INT64_MAX;
    if (gokore_context_deadline_ns(ctx) < until) until = gokore_context_deadline_ns(ctx);
    for (unsigned attempt = 0;; attempt++) {
        bool far = gokore_lock_is_too_far_(&policy.numa, node);
        gokore_status status = gokore_context_status(ctx);
        if (status == GOKORE_OK) status = far ? GOKORE_BUSY : gokore_mutex_acquire_(m, ctx, INT64_MAX, GOKORE_LOCK_TRY);
        if (status != GOKORE_BUSY) return status;
        if (attempt >= policy.retry.attempts || gokore_now_ns() >= until) return GOKORE_TIMEOUT;
        if (GOKORE_METRICS) gokore_sync_tell_retry_(&m->sync_);
        int64_t next = gokore_deadline_after_(gokore_retry_delay_ns(&policy.retry, attempt, NULL));
        if (next > until) next = until;
        status = far ? gokore_sleep_ns(next - gokore_now_ns(), ctx) : gokore_mutex_acquire_(m, ctx, next, GOKORE_LOCK_EXCLUSIVE);
        if (status != GOKORE_TIMEOUT && !(far && status == GOKORE_OK)) return status;
    }
}

// >>condition
static bool gokore_cond_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    (void)s, (void)v, (void)w;
    return false; // a signal is for those who wait
}

// given = how many to wake.
static void gokore_cond_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    gokore_waiter_ *end = gokore_bucket_first_(b->queue.head, s), *more; // those before end are woken
    for (; end && given; given--) end = gokore_bucket_first_(end->next_, s);
    if (!end) (void)gokore_atomic_fetch_and_relaxed(&s->word_, ~GOKORE_SYNC_PARKED_); // relaxed: under the latch
    for (gokore_waiter_ *w = gokore_bucket_first_(b->queue.head, s); w != end; w = more) {
        more = gokore_bucket_first_(w->next_, s);
        gokore_sync_wake_(b, w, GOKORE_SYNC_HANDED_, kicks);
    }
}

static const gokore_sync_kind_ gokore_cond_kind_ = { "condition", gokore_cond_take_, gokore_cond_serve_, NULL };

// The mutex must be held on return, so what the checker thinks of it is only reported.
static void gokore_cond_relock_(gokore_mutex *m) {
    gokore_status refused = gokore_lockorder_before_(gokore_sync_identity_(&m->sync_), GOKORE_LOCK_EXCLUSIVE);
    (void)refused;
    gokore_waiter_ w = GOKORE_WAITER_EXCLUSIVE_(m);
    w.steadfast_ = true;
    w.sleeps_ = true; // if the lock is held it is by the one who woke this thread, perhaps on this very CPU
    int64_t waited_ns = 0;
    (void)gokore_sync_get_(&m->sync_, gokore_mutex_kind_of_(m), &w, NULL, INT64_MAX, 0, &waited_ns);
    gokore_lockorder_acquired_(gokore_sync_identity_(&m->sync_), GOKORE_LOCK_EXCLUSIVE);
    gokore_lock_observer *observer = gokore_sync_observer_(&m->sync_);
    if (observer) gokore_sync_observe_(observer, m, GOKORE_OK, waited_ns);
    if (GOKORE_METRICS) gokore_sync_tell_acquired_(m, gokore_sync_name_(&m->sync_), GOKORE_OK, waited_ns);
}

GOKORE_ENTRY_ gokore_status gokore_cond_wait(gokore_cond *c, gokore_mutex *m, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK) return status;
    if (!gokore_mutex_is_held(m)) {
        gokore_sync_report_(&m->sync_, &gokore_mutex_kind_, GOKORE_REPORT_LOCK_NOT_HELD, "is not held by the thread that waits for a condition");
        return GOKORE_INVALID;
    }
    gokore_waiter_ w = { .key_ = c, .sleeps_ = true, .since_ns_ = gokore_sync_observer_(&c->sync_) ? gokore_now_ns() : 0 };
    (void)gokore_sync_park_(&c->sync_, &gokore_cond_kind_, &w, false);
    gokore_mutex_unlock(m);
    gokore_lock_none_held_("while its thread waits for a condition");
    status = gokore_waiter_wait_(&w, ctx, INT64_MAX);
    if (status != GOKORE_OK && !gokore_sync_leave_(&c->sync_, &gokore_cond_kind_, &w)) status = GOKORE_OK;
    gokore_sync_observe_wait_(&c->sync_, w.since_ns_);
    gokore_cond_relock_(m);
    return status;
}

static void gokore_cond_wake_(gokore_cond *c, uint32_t count) {
    // acquire: a waiter that the caller knows of has set PARKED before it gave up the mutex
    if (gokore_atomic_load_acquire(&c->sync_.word_) & GOKORE_SYNC_PARKED_) gokore_sync_release_(&c->sync_, &gokore_cond_kind_, count);
}

void gokore_cond_signal(gokore_cond *c) { gokore_cond_wake_(c, 1); }
void gokore_cond_broadcast(gokore_cond *c) { gokore_cond_wake_(c, UINT32_MAX); }
void gokore_cond_set_observer(gokore_cond *c, gokore_lock_observer *observer) { gokore_sync_set_observer_(&c->sync_, observer); }

// >>reader-writer lock
static bool gokore_waiter_reads_(const gokore_waiter_ *w) { return w->need_ == GOKORE_SYNC_ONE_; }

// What the word becomes when the rest of it is given: all readers in line are let in when one of them is first, a writer when
// nobody has the lock, at once if its patience is over and by trying again otherwise. *first becomes NULL if nobody is served.
static uint32_t gokore_rwlock_next_(gokore_sync_ *s, uint32_t rest, gokore_waiter_ **first) {
    uint32_t readers = 0, writers = 0, open = rest & ~GOKORE_SYNC_PARKED_;
    gokore_waiter_ *head = *first;
    for (gokore_waiter_ *w = head; w; w = gokore_bucket_first_(w->next_, s)) *(gokore_waiter_reads_(w) ? &readers : &writers) += 1;
    if (!head) return open;
    if (gokore_waiter_reads_(head) && !(rest & GOKORE_SYNC_LOCKED_) && readers <= (GOKORE_SYNC_COUNT_ - (rest & GOKORE_SYNC_COUNT_)) / GOKORE_SYNC_ONE_)
        return open + readers * GOKORE_SYNC_ONE_ + (writers ? GOKORE_SYNC_PARKED_ : 0);
    if (rest & (GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_COUNT_)) {
        *first = NULL;
        return rest | GOKORE_SYNC_PARKED_;
    }
    bool handed = gokore_now_ns() - head->since_ns_ >= GOKORE_SYNC_PATIENCE_NS_;
    return open | (readers + writers > 1 ? GOKORE_SYNC_PARKED_ : 0) | (handed ? GOKORE_SYNC_LOCKED_ : 0);
}

static void gokore_rwlock_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    gokore_waiter_ *first, *more;
    uint32_t v = gokore_atomic_load_relaxed(&s->word_), next; // relaxed: the CAS decides
    do {
        if ((v & (GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_COUNT_)) < given) kicks->surplus = true, given = 0;
        first = gokore_bucket_first_(b->queue.head, s);
        next = gokore_rwlock_next_(s, v - given, &first);
    } while (!gokore_atomic_compare_exchange_weak_acq_rel(&s->word_, &v, next)); // pairs with gokore_sync_take_, other readers' release
    if (!first) return;
    if (!gokore_waiter_reads_(first)) {
        gokore_sync_wake_(b, first, next & GOKORE_SYNC_LOCKED_ ? GOKORE_SYNC_HANDED_ : GOKORE_SYNC_RETRY_, kicks);
        return;
    }
    for (gokore_waiter_ *w = first; w; w = more) {
        more = gokore_bucket_first_(w->next_, s);
        if (gokore_waiter_reads_(w)) gokore_sync_wake_(b, w, GOKORE_SYNC_HANDED_, kicks);
    }
}

static const gokore_sync_kind_ gokore_rwlock_kind_ = { "rwlock", gokore_sync_take_, gokore_rwlock_serve_, NULL };

// What this thread reads of the rwlocks with recursive readers. What finds no place is only counted: then every such lock may
// be read already, and is taken as if it were.
static _Thread_local struct {
    struct {
        const void *lock;
        uint32_t count;
    } at[8];
    uint32_t elsewhere;
} gokore_reads_;

static uint32_t *gokore_reads_of_(const void *lock) { // NULL = no place
    for (size_t i = 0; i < sizeof gokore_reads_.at / sizeof gokore_reads_.at[0]; i++)
        if (gokore_reads_.at[i].count && gokore_reads_.at[i].lock == lock) return &gokore_reads_.at[i].count;
    return NULL;
}

static void gokore_reads_add_(const void *lock) {
    uint32_t *count = gokore_reads_of_(lock);
    for (size_t i = 0; !count && i < sizeof gokore_reads_.at / sizeof gokore_reads_.at[0]; i++) {
        if (gokore_reads_.at[i].count) continue;
        gokore_reads_.at[i].lock = lock;
        count = &gokore_reads_.at[i].count;
    }
    *(count ? count : &gokore_reads_.elsewhere) += 1;
}

static void gokore_reads_remove_(const void *lock) {
    uint32_t *count = gokore_reads_of_(lock);
    if (!count) count = &gokore_reads_.elsewhere;
    if (*count) *count -= 1;
}

static gokore_status gokore_rwlock_read_slow_(gokore_rwlock *rw, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    bool recursive = gokore_atomic_load_relaxed(&rw->sync_.word_) & GOKORE_SYNC_MODE_; // relaxed: constant while in use
    bool passes = recursive && (gokore_reads_of_(rw) || gokore_reads_.elsewhere);
    gokore_waiter_ w = { .key_ = rw, .need_ = GOKORE_SYNC_ONE_, .bars_ = GOKORE_SYNC_LOCKED_ | (passes ? 0 : GOKORE_SYNC_PARKED_),
                         .kind_ = passes ? GOKORE_WAIT_SHARED_RECURSIVE_ : GOKORE_WAIT_SHARED_ };
    mode |= recursive ? GOKORE_LOCK_SHARED_RECURSIVE : GOKORE_LOCK_SHARED;
    gokore_status status = gokore_sync_lock_(&rw->sync_, &gokore_rwlock_kind_, &w, ctx, deadline_ns, mode);
    if (status == GOKORE_OK && recursive) gokore_reads_add_(rw);
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_rwlock_read_lock_slow_(gokore_rwlock *rw, gokore_context *ctx) {
    GOKORE_CALLED_();
    uint32_t v = gokore_atomic_load_relaxed(&rw->sync_.word_); // relaxed: the CAS decides
    if (GOKORE_SYNC_UNTOLD_ && !(v & ~GOKORE_SYNC_COUNT_) && v != GOKORE_SYNC_COUNT_ && gokore_context_is_live_(ctx) &&
        gokore_atomic_cas_acquire(&rw->sync_.word_, v, v + GOKORE_SYNC_ONE_)) // others read too; pairs with write_unlock
        return GOKORE_OK;
    return gokore_rwlock_read_slow_(rw, ctx, INT64_MAX, 0);
}

GOKORE_ENTRY_ gokore_status gokore_rwlock_try_read_lock(gokore_rwlock *rw, int64_t timeout_ns) {
    GOKORE_CALLED_();
    if (timeout_ns <= 0) return gokore_rwlock_read_slow_(rw, NULL, INT64_MAX, GOKORE_LOCK_TRY);
    return gokore_rwlock_read_slow_(rw, NULL, gokore_deadline_after_(timeout_ns), 0);
}

static gokore_status gokore_rwlock_write_slow_(gokore_rwlock *rw, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    gokore_waiter_ w = GOKORE_WAITER_EXCLUSIVE_(rw);
    return gokore_sync_lock_(&rw->sync_, &gokore_rwlock_kind_, &w, ctx, deadline_ns, mode);
}

GOKORE_ENTRY_ gokore_status gokore_rwlock_write_lock_slow_(gokore_rwlock *rw, gokore_context *ctx) {
    GOKORE_CALLED_();
    return gokore_rwlock_write_slow_(rw, ctx, INT64_MAX, GOKORE_LOCK_EXCLUSIVE);
}

GOKORE_ENTRY_ gokore_status gokore_rwlock_try_write_lock(gokore_rwlock *rw, int64_t timeout_ns) {
    GOKORE_CALLED_();
    if (timeout_ns <= 0) return gokore_rwlock_write_slow_(rw, NULL, INT64_MAX, GOKORE_LOCK_EXCLUSIVE | GOKORE_LOCK_TRY);
    return gokore_rwlock_write_slow_(rw, NULL, gokore_deadline_after_(timeout_ns), GOKORE_LOCK_EXCLUSIVE);
}

// Gives one hold back: by itself while others hold it too or nobody waits, under the latch otherwise.
static void gokore_rwlock_give_(gokore_rwlock *rw, uint32_t held) {
    uint32_t v = gokore_atomic_load_relaxed(&rw->sync_.word_); // relaxed: the CAS decides
    for (;;) {
        bool last = (v & (GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_COUNT_)) == held;
        if (last && (v & GOKORE_SYNC_PARKED_)) break;
        if (gokore_atomic_compare_exchange_weak_release(&rw->sync_.word_, &v, v - held)) return; // pairs with gokore_sync_take_
    }
    gokore_sync_release_(&rw->sync_, &gokore_rwlock_kind_, held);
}

void gokore_rwlock_read_unlock_slow_(gokore_rwlock *rw) {
    uint32_t v = gokore_atomic_load_relaxed(&rw->sync_.word_); // relaxed: this thread's own hold is in it
    if (!(v & GOKORE_SYNC_COUNT_)) {
        gokore_sync_not_held_(&rw->sync_, &gokore_rwlock_kind_);
        return;
    }
    if (v & GOKORE_SYNC_MODE_) gokore_reads_remove_(rw);
    if (!GOKORE_SYNC_UNTOLD_ || (v & GOKORE_SYNC_WATCHED_)) gokore_sync_unlocked_(&rw->sync_, &gokore_rwlock_kind_);
    gokore_rwlock_give_(rw, GOKORE_SYNC_ONE_);
}

void gokore_rwlock_write_unlock_slow_(gokore_rwlock *rw) {
    uint32_t v = gokore_atomic_load_relaxed(&rw->sync_.word_); // relaxed: likewise
    if (!(v & GOKORE_SYNC_LOCKED_)) {
        gokore_sync_not_held_(&rw->sync_, &gokore_rwlock_kind_);
        return;
    }
    if (!GOKORE_SYNC_UNTOLD_ || (v & GOKORE_SYNC_WATCHED_)) gokore_sync_unlocked_(&rw->sync_, &gokore_rwlock_kind_);
    gokore_rwlock_give_(rw, GOKORE_SYNC_LOCKED_);
}

void gokore_rwlock_set_observer(gokore_rwlock *rw, gokore_lock_observer *observer) { gokore_sync_set_observer_(&rw->sync_, observer); }

void gokore_rwlock_init(gokore_rwlock *rw, const gokore_rwlock_desc *desc) {
    gokore_mutex_desc shared = { 0 };
    if (desc) shared = (gokore_mutex_desc) { desc->lock_class, desc->rank, desc->name, desc->observer, desc->numa_node, false };
    gokore_sync_init_(&rw->sync_, &gokore_rwlock_kind_, desc ? &shared : NULL);
    if (desc && desc->recursive_readers)
        (void)gokore_atomic_fetch_or_relaxed(&rw->sync_.word_, GOKORE_SYNC_MODE_); // relaxed: nobody uses it yet
}

void gokore_rwlock_deinit(gokore_rwlock *rw) {
    uint32_t v = gokore_atomic_load_relaxed(&rw->sync_.word_); // relaxed: nobody else may use it
    gokore_sync_deinit_(&rw->sync_, &gokore_rwlock_kind_, v & (GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_COUNT_));
}

// >>once
static bool gokore_once_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    (void)s, (void)w;
    return *v & GOKORE_SYNC_MODE_;
}

static void gokore_once_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    if (!given) {
        gokore_sync_serve_none_(s, b);
        return;
    }
    uint32_t rest = gokore_atomic_load_relaxed(&s->word_) & GOKORE_SYNC_WATCHED_; // relaxed: only the runner changes the rest
    gokore_atomic_store_release(&s->word_, rest | GOKORE_SYNC_MODE_);             // pairs with the acquires in gokore_once
    gokore_sync_serve_all_(s, b, kicks);
}

static const gokore_sync_kind_ gokore_once_kind_ = { "once flag", gokore_once_take_, gokore_once_serve_, NULL };

typedef struct gokore_once_run_ {
    const void *once;
    const struct gokore_once_run_ *outer;
} gokore_once_run_;
static _Thread_local const gokore_once_run_ *gokore_once_running_; // of this thread, innermost first

static void gokore_once_run_here_(gokore_once_flag *once, void (*fn)(void *), void *user) {
    gokore_once_run_ run = { once, gokore_once_running_ };
    gokore_lock_observer *observer = gokore_sync_observer_(&once->sync_);
    if (observer) gokore_sync_observe_(observer, once, GOKORE_OK, 0);
    gokore_once_running_ = &run;
    gokore_wait_party_(once, 0);
    fn(user);
    gokore_wait_left_(once, 0);
    gokore_once_running_ = run.outer;
    gokore_sync_observe_release_(&once->sync_);
    gokore_sync_release_(&once->sync_, &gokore_once_kind_, GOKORE_SYNC_LOCKED_);
}

static void gokore_once_wait_(gokore_once_flag *once) {
    for (const gokore_once_run_ *run = gokore_once_running_; run; run = run->outer) {
        if (run->once != once) continue;
        gokore_sync_report_(&once->sync_, &gokore_once_kind_, GOKORE_REPORT_LOCK_RECURSION, "is called again by the function that it runs");
        return;
    }
    gokore_waiter_ w = { .key_ = once, .kind_ = GOKORE_WAIT_PARTY_, .steadfast_ = true };
    int64_t since_ns = gokore_now_ns();
    (void)gokore_sync_acquire_(&once->sync_, &gokore_once_kind_, &w, NULL, INT64_MAX);
    (void)gokore_atomic_load_acquire(&once->sync_.word_); // pairs with gokore_once_serve_
    gokore_sync_observe_wait_(&once->sync_, since_ns);
}

void gokore_once(gokore_once_flag *once, void (*fn)(void *), void *user) {
    uint32_t v = gokore_atomic_load_acquire(&once->sync_.word_); // pairs with gokore_once_serve_
    if (GOKORE_LIKELY_(v & GOKORE_SYNC_MODE_)) return;
    while (!(v & (GOKORE_SYNC_LOCKED_ | GOKORE_SYNC_MODE_)))
        if (gokore_atomic_compare_exchange_weak_acquire(&once->sync_.word_, &v, v | GOKORE_SYNC_LOCKED_)) { // pairs with set_observer's caller
            gokore_once_run_here_(once, fn, user);
            return;
        }
    gokore_once_wait_(once);
}

void gokore_once_set_observer(gokore_once_flag *once, gokore_lock_observer *observer) { gokore_sync_set_observer_(&once->sync_, observer); }

// >>wait group
static bool gokore_waitgroup_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    (void)s, (void)w;
    return !(*v & GOKORE_SYNC_COUNT_);
}

static void gokore_waitgroup_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    uint32_t v = gokore_atomic_load_relaxed(&s->word_), next; // relaxed: the CAS decides
    do {
        if ((v & GOKORE_SYNC_COUNT_) < given) kicks->surplus = true, given = 0;
        next = v - given;
        if (!(next & GOKORE_SYNC_COUNT_) || !gokore_bucket_first_(b->queue.head, s)) next &= ~GOKORE_SYNC_PARKED_;
    } while (!gokore_atomic_compare_exchange_weak_acq_rel(&s->word_, &v, next)); // pairs with the waiters and the others' done
    if (!(next & GOKORE_SYNC_COUNT_)) gokore_sync_serve_all_(s, b, kicks);
}

static const gokore_sync_kind_ gokore_waitgroup_kind_ = { "wait group", gokore_waitgroup_take_, gokore_waitgroup_serve_, NULL };

void gokore_waitgroup_add(gokore_waitgroup *w, uint32_t n) {
    uint32_t v = gokore_atomic_load_relaxed(&w->sync_.word_); // relaxed: the CAS decides
    if (GOKORE_LOCKORDER && !(v & GOKORE_SYNC_COUNT_)) gokore_wait_round_(w, true);
    do {
        if (n <= (GOKORE_SYNC_COUNT_ - (v & GOKORE_SYNC_COUNT_)) / GOKORE_SYNC_ONE_) continue;
        gokore_sync_report_(&w->sync_, &gokore_waitgroup_kind_, GOKORE_REPORT_SYNC_COUNT, "can't count so much work");
        return;
    } while (!gokore_atomic_compare_exchange_weak_relaxed(&w->sync_.word_, &v, v + n * GOKORE_SYNC_ONE_)); // relaxed: done releases
}

void gokore_waitgroup_less_(gokore_waitgroup *w) {
    uint32_t v = gokore_atomic_load_relaxed(&w->sync_.word_); // relaxed: the CAS decides
    for (;;) {
        if (!(v & GOKORE_SYNC_COUNT_)) {
            gokore_sync_report_(&w->sync_, &gokore_waitgroup_kind_, GOKORE_REPORT_SYNC_COUNT, "is done more often than work was added");
            return;
        }
        if ((v & GOKORE_SYNC_COUNT_) == GOKORE_SYNC_ONE_ && (v & GOKORE_SYNC_PARKED_)) break;
        if (gokore_atomic_compare_exchange_weak_release(&w->sync_.word_, &v, v - GOKORE_SYNC_ONE_)) return; // pairs with the waiters
    }
    gokore_sync_release_(&w->sync_, &gokore_waitgroup_kind_, GOKORE_SYNC_ONE_);
}

void gokore_waitgroup_done(gokore_waitgroup *w) {
    if (GOKORE_LOCKORDER) gokore_wait_round_(w, false);
    gokore_waitgroup_less_(w);
}

gokore_status gokore_waitgroup_wait_as_(gokore_waitgroup *w, gokore_context *ctx, const gokore_waiter_ *as) {
    gokore_lock_none_held_("while its thread waits for a wait group");
    gokore_waiter_ waiter = *as;
    int64_t since_ns = gokore_now_ns();
    gokore_status status = gokore_sync_acquire_(&w->sync_, &gokore_waitgroup_kind_, &waiter, ctx, INT64_MAX);
    (void)gokore_atomic_load_acquire(&w->sync_.word_); // pairs with done
    gokore_sync_observe_wait_(&w->sync_, since_ns);
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_waitgroup_wait(gokore_waitgroup *w, gokore_context *ctx) {
    GOKORE_CALLED_();
    gokore_status status = gokore_context_status(ctx);
    if (status != GOKORE_OK || !(gokore_atomic_load_acquire(&w->sync_.word_) & GOKORE_SYNC_COUNT_)) return status; // pairs with done
    return gokore_waitgroup_wait_as_(w, ctx, &(gokore_waiter_) { .key_ = w, .kind_ = GOKORE_WAIT_ROUND_ });
}

void gokore_waitgroup_set_observer(gokore_waitgroup *w, gokore_lock_observer *observer) { gokore_sync_set_observer_(&w->sync_, observer); }

// >>semaphore
static bool gokore_semaphore_take_(gokore_sync_ *s, uint32_t *v, const gokore_waiter_ *w) {
    while (!(*v & GOKORE_SYNC_PARKED_) && (*v & GOKORE_SYNC_COUNT_) >= w->need_)
        if (gokore_atomic_compare_exchange_weak_acquire(&s->word_, v, *v - w->need_)) return true; // pairs with release
    return false;
}

static void gokore_semaphore_serve_(gokore_sync_ *s, gokore_bucket_ *b, uint32_t given, gokore_kicks_ *kicks) {
    gokore_waiter_ *end, *more; // those before end are served
    uint32_t v = gokore_atomic_load_relaxed(&s->word_), next; // relaxed: the CAS decides
    do {
        if (given > GOKORE_SYNC_COUNT_ - (v & GOKORE_SYNC_COUNT_)) kicks->surplus = true, given = 0;
        next = (v & ~GOKORE_SYNC_PARKED_) + given;
        end = gokore_bucket_first_(b->queue.head, s);
        for (; end && end->need_ <= (next & GOKORE_SYNC_COUNT_); end = gokore_bucket_first_(end->next_, s)) next -= end->need_;
        if (end) next |= GOKORE_SYNC_PARKED_;
    } while (!gokore_atomic_compare_exchange_weak_acq_rel(&s->word_, &v, next)); // pairs with take, and others' releases
    for (gokore_waiter_ *w = gokore_bucket_first_(b->queue.head, s); w != end; w = more) {
        more = gokore_bucket_first_(w->next_, s);
        gokore_sync_wake_(b, w, GOKORE_SYNC_HANDED_, kicks);
    }
}

static const gokore_sync_kind_ gokore_semaphore_kind_ = { "semaphore", gokore_semaphore_take_, gokore_semaphore_serve_, NULL };

static gokore_status gokore_semaphore_acquire_slow_(gokore_semaphore *s, uint32_t n, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    gokore_status status = gokore_context_status(ctx);
    if (n > GOKORE_SEMAPHORE_MAX) status = GOKORE_INVALID;
    if (status != GOKORE_OK || n == 0) return status;
    gokore_waiter_ w = { .key_ = s, .need_ = n * GOKORE_SYNC_ONE_, .kind_ = GOKORE_WAIT_PERMITS_ };
    int64_t waited_ns = 0;
    status = gokore_sync_get_(&s->sync_, &gokore_semaphore_kind_, &w, ctx, deadline_ns, mode, &waited_ns);
    if (status == GOKORE_OK) gokore_wait_permits_(s, true);
    gokore_lock_observer *observer = gokore_sync_observer_(&s->sync_);
    if (observer && status != GOKORE_BUSY) gokore_sync_observe_(observer, s, status, waited_ns);
    if (GOKORE_METRICS) gokore_sync_tell_acquired_(NULL, gokore_sync_name_(&s->sync_), status, waited_ns);
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_semaphore_acquire(gokore_semaphore *s, uint32_t n, gokore_context *ctx) {
    uint32_t v = gokore_atomic_load_relaxed(&s->sync_.word_); // relaxed: the CAS decides
    if (GOKORE_SYNC_UNTOLD_ && n - 1 < GOKORE_SEMAPHORE_MAX && !(v & ~GOKORE_SYNC_COUNT_) && v >= n * GOKORE_SYNC_ONE_ && gokore_context_is_live_(ctx) &&
        gokore_atomic_cas_acquire(&s->sync_.word_, v, v - n * GOKORE_SYNC_ONE_)) // pairs with release
        return GOKORE_OK;
    GOKORE_CALLED_();
    return gokore_semaphore_acquire_slow_(s, n, ctx, INT64_MAX, 0);
}

GOKORE_ENTRY_ gokore_status gokore_semaphore_try_acquire(gokore_semaphore *s, uint32_t n, int64_t timeout_ns) {
    GOKORE_CALLED_();
    if (timeout_ns <= 0) return gokore_semaphore_acquire_slow_(s, n, NULL, INT64_MAX, GOKORE_LOCK_TRY);
    return gokore_semaphore_acquire_slow_(s, n, NULL, gokore_deadline_after_(timeout_ns), 0);
}

void gokore_semaphore_release(gokore_semaphore *s, uint32_t n) {
    if (n == 0) return;
    gokore_wait_permits_(s, false);
    gokore_sync_observe_release_(&s->sync_);
    uint32_t v = gokore_atomic_load_relaxed(&s->sync_.word_); // relaxed: the CAS decides
    do {
        if (n > (GOKORE_SYNC_COUNT_ - (v & GOKORE_SYNC_COUNT_)) / GOKORE_SYNC_ONE_) {
            gokore_sync_report_(&s->sync_, &gokore_semaphore_kind_, GOKORE_REPORT_SYNC_COUNT, "can't hold so many permits");
            return;
        }
        if (v & GOKORE_SYNC_PARKED_) {
            gokore_sync_release_(&s->sync_, &gokore_semaphore_kind_, n * GOKORE_SYNC_ONE_);
            return;
        }
    } while (!gokore_atomic_compare_exchange_weak_release(&s->sync_.word_, &v, v + n * GOKORE_SYNC_ONE_)); // pairs with take
}

void gokore_semaphore_set_observer(gokore_semaphore *s, gokore_lock_observer *observer) { gokore_sync_set_observer_(&s->sync_, observer); }

// >>foreign locks
// A try every so often, since only its owner's library can wait for a foreign lock.
static gokore_status gokore_locker_poll_(const gokore_locker *l, gokore_context *ctx, int64_t deadline_ns, const gokore_atomic_u32 *doomed) {
    for (int64_t pause_ns = 20000;; pause_ns = pause_ns < 500000 ? 2 * pause_ns : 1000000) {
        if (l->try_lock(l->object) == 0) return GOKORE_OK;
        if (gokore_atomic_load_acquire(doomed)) return GOKORE_DEADLOCK; // pairs with gokore_deadlock_cancel_
        int64_t left_ns = deadline_ns == INT64_MAX ? pause_ns : deadline_ns - gokore_now_ns();
        if (left_ns <= 0) return GOKORE_TIMEOUT;
        gokore_status status = gokore_sleep_ns(left_ns < pause_ns ? left_ns : pause_ns, ctx);
        if (status != GOKORE_OK) return status;
    }
}

static gokore_status gokore_locker_get_(const gokore_locker *l, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    gokore_atomic_u32 doomed = GOKORE_ATOMIC_INIT(0);
    bool polls = l->try_lock && (ctx || deadline_ns != INT64_MAX);
    gokore_status status = GOKORE_BUSY;
    if (l->try_lock && (GOKORE_LOCKORDER || mode & GOKORE_LOCK_TRY) && l->try_lock(l->object) == 0) return GOKORE_OK;
    if (mode & GOKORE_LOCK_TRY) return status;
    gokore_sync_wait_tell_(l->object, false, ctx, deadline_ns, polls ? &doomed : NULL); // who sits in another's library can't be freed
    if (polls)
        status = gokore_locker_poll_(l, ctx, deadline_ns, &doomed);
    else
        status = l->lock(l->object) == 0 ? GOKORE_OK : GOKORE_SYSTEM;
    if (GOKORE_LOCKORDER) gokore_wait_end_();
    return status;
}

static const char *gokore_locker_name_(const gokore_locker *l) { return l->name ? l->name : gokore_lock_called_(l->lock_class, 0); }

static gokore_status gokore_locker_take_(const gokore_locker *l, gokore_context *ctx, int64_t deadline_ns, unsigned mode) {
    if (!l->lock || !l->unlock) return GOKORE_INVALID;
    gokore_lock_identity_ who = { .lock = l->object, .cls = l->lock_class };
    gokore_status status = gokore_context_status(ctx);
    if (GOKORE_LOCKORDER && l->name) gokore_lock_describe_(who, l->name, NULL, -1);
    if (status == GOKORE_OK) status = gokore_lockorder_before_(who, mode);
    if (status != GOKORE_OK) return status;
    int64_t since_ns = l->observer || GOKORE_METRICS ? gokore_now_ns() : 0;
    status = gokore_locker_get_(l, ctx, deadline_ns, mode);
    if (status == GOKORE_OK) gokore_lockorder_acquired_(who, mode);
    if (l->observer && status != GOKORE_BUSY) gokore_sync_observe_(l->observer, l->object, status, gokore_now_ns() - since_ns);
    if (GOKORE_METRICS) gokore_sync_tell_acquired_(l->object, gokore_locker_name_(l), status, gokore_now_ns() - since_ns);
    return status;
}

GOKORE_ENTRY_ gokore_status gokore_locker_lock(const gokore_locker *l, gokore_context *ctx) {
    GOKORE_CALLED_();
    return gokore_locker_take_(l, ctx, INT64_MAX, GOKORE_LOCK_EXCLUSIVE);
}

GOKORE_ENTRY_ gokore_status gokore_locker_try_lock(const gokore_locker *l, int64_t timeout_ns) {
    GOKORE_CALLED_();
    if (!l->try_lock) return GOKORE_UNSUPPORTED;
    if (timeout_ns <= 0) return gokore_locker_take_(l, NULL, INT64_MAX, GOKORE_LOCK_EXCLUSIVE | GOKORE_LOCK_TRY);
    return gokore_locker_take_(l, NULL, gokore_deadline_after_(timeout_ns), GOKORE_LOCK_EXCLUSIVE);
}

void gokore_locker_unlock(const gokore_locker *l) {
    if (GOKORE_METRICS) gokore_sync_tell_released_(l->object, gokore_locker_name_(l));
    if (l->observer && l->observer->released) l->observer->released(l->observer->user, l->object);
    if (!gokore_lockorder_released_(l->object))
        gokore_reportf_(GOKORE_REPORT_LOCK_NOT_HELD, l->name, "foreign lock %p unlocked by a thread that does not hold it", l->object);
    if (l->unlock(l->object) != 0) gokore_reportf_(GOKORE_REPORT_LOCK_NOT_HELD, l->name, "foreign lock %p refuses to be unlocked", l->object);
}

#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
// A robust mutex whose holder has died is held by the caller, who should know.
static int gokore_pthread_mutex_got_(pthread_mutex_t *m, int rc) {
    if (rc != EOWNERDEAD) return rc;
    gokore_reportf_(GOKORE_REPORT_LOCK_LEAKED, NULL, "pthread_mutex_t %p passes on from a thread that ended while it held it", (void *)m);
    return pthread_mutex_consistent(m);
}
#else
static int gokore_pthread_mutex_got_(pthread_mutex_t *m, int rc) { return (void)m, rc; }
#endif
static int gokore_pthread_mutex_lock_(void *p) { return gokore_pthread_mutex_got_((pthread_mutex_t *)p, pthread_mutex_lock((pthread_mutex_t *)p)); }
static int gokore_pthread_mutex_try_lock_(void *p) {
    return gokore_pthread_mutex_got_((pthread_mutex_t *)p, pthread_mutex_trylock((pthread_mutex_t *)p));
}
static int gokore_pthread_mutex_unlock_(void *p) { return pthread_mutex_unlock((pthread_mutex_t *)p); }
static int gokore_pthread_rwlock_read_(void *p) { return pthread_rwlock_rdlock((pthread_rwlock_t *)p); }
static int gokore_pthread_rwlock_try_read_(void *p) { return pthread_rwlock_tryrdlock((pthread_rwlock_t *)p); }
static int gokore_pthread_rwlock_write_(void *p) { return pthread_rwlock_wrlock((pthread_rwlock_t *)p); }
static int gokore_pthread_rwlock_try_write_(void *p) { return pthread_rwlock_trywrlock((pthread_rwlock_t *)p); }
static int gokore_pthread_rwlock_unlock_(void *p) { return pthread_rwlock_unlock((pthread_rwlock_t *)p); }

gokore_locker gokore_locker_of_pthread_mutex(void *mutex) {
    return (gokore_locker) { mutex, gokore_pthread_mutex_lock_, gokore_pthread_mutex_try_lock_, gokore_pthread_mutex_unlock_, NULL, NULL, NULL };
}

gokore_locker gokore_locker_of_pthread_rwlock_read(void *rwlock) {
    return (gokore_locker) { rwlock, gokore_pthread_rwlock_read_, gokore_pthread_rwlock_try_read_, gokore_pthread_rwlock_unlock_, NULL, NULL, NULL };
}

gokore_locker gokore_locker_of_pthread_rwlock_write(void *rwlock) {
    return (gokore_locker) { rwlock, gokore_pthread_rwlock_write_, gokore_pthread_rwlock_try_write_, gokore_pthread_rwlock_unlock_, NULL, NULL, NULL };
}

#if GOKORE_HAS_THREADS_H_
static int gokore_mtx_lock_(void *p) { return mtx_lock((mtx_t *)p) != thrd_success; }
static int gokore_mtx_try_lock_(void *p) { return mtx_trylock((mtx_t *)p) != thrd_success; }
static int gokore_mtx_unlock_(void *p) { return mtx_unlock((mtx_t *)p) != thrd_success; }
#else
static int gokore_mtx_lock_(void *p) { return (void)p, ENOSYS; }
static int gokore_mtx_try_lock_(void *p) { return (void)p, ENOSYS; }
static int gokore_mtx_unlock_(void *p) { return (void)p, ENOSYS; }
#endif

gokore_locker gokore_locker_of_mtx(void *mtx) {
    return (gokore_locker) { mtx, gokore_mtx_lock_, gokore_mtx_try_lock_, gokore_mtx_unlock_, NULL, NULL, NULL };
}

// >>waits lent to gokore_policy.h
static gokore_status gokore_lent_wait_(gokore_context *ctx, int64_t deadline_ns, const gokore_lent_queue_ *queue, void *user) {
    gokore_waiter_ w = { .since_ns_ = gokore_now_ns() };
    if (queue) queue->begin(user, &w);
    gokore_status status = gokore_waiter_wait_(&w, ctx, deadline_ns);
    if (queue) queue->end(user, status);
    return status;
}

static void gokore_lent_wake_(gokore_waiter_ *w) {
    gokore_atomic_u32 *state = &w->state_;
    gokore_waiter_woken_(w, GOKORE_OK);
    gokore_waiter_kick_(state);
}

static const gokore_lent_waits_ gokore_lent_waits_sync_ = { gokore_context_status, gokore_context_deadline_ns, gokore_lent_wait_,
                                                            gokore_lent_wake_ };
static const gokore_lent_waits_ *gokore_lent_waits_here_ = &gokore_lent_waits_sync_;

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
