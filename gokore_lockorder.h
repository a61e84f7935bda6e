// gokore_lockorder.h - v0.1.0 - MIT                       the order of locks: rules obeyed, cycles found before they hang
//
// WHAT     A checker in the manner of lockdep. An operator or a program declares in which order classes of locks are
//          taken; a lock taken against a rule is reported at its first acquisition. What no rule covers is learnt: the
//          checker keeps a graph of which lock was taken under which, and reports an acquisition that closes a cycle,
//          before any thread hangs. Threads that do hang are found, explained and, if a strategy says so, freed.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_lockorder.h"
//          and compile that file with -DGOKORE_LOCKORDER=1. gokore_mutex takes part by itself; foreign locks by three calls.
//
// NEEDS    gokore_atomic.h gokore_policy.h; link with -pthread.
//
// EXAMPLE
//      #include <pthread.h>
//      #include "gokore_lockorder.h"
//      static gokore_lock_class accounts = GOKORE_LOCK_CLASS_INIT("Accounts");
//      static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
//      int deposit(int *balance, int amount) {
//          if (gokore_lockorder_before(&lock, &accounts, GOKORE_LOCK_EXCLUSIVE) != GOKORE_OK) return -1;
//          pthread_mutex_lock(&lock);
//          gokore_lockorder_acquired(&lock, &accounts, GOKORE_LOCK_EXCLUSIVE);
//          *balance += amount;
//          gokore_lockorder_released(&lock);
//          pthread_mutex_unlock(&lock);
//          return *balance;
//      }
//
// OPTIONS  GOKORE_LOCKORDER     [impl]  0   1: locks are watched. With 0 the lock path has no instruction of the checker,
//                                           nothing is learnt, and only the rules can be asked (gokore_lockorder_check_names)
//          GOKORE_RULES         [impl]  the three chains of a network server: "name: First > Second > Third; name: ..."
//          GOKORE_POLICY        [impl]  0   1: the hold times of the class of service and of manifests are limits
//          GOKORE_ON_VIOLATION  [impl]  GOKORE_REPORT: report and go on; GOKORE_DENY: the lock call also fails with
//                                       GOKORE_ORDER or GOKORE_LIMIT; GOKORE_ABORT: the process aborts after the report
//
// CONCEPTS
//   Class        A name that many locks share. Rules speak of classes; locks of one class are one node of the graph, or one
//                per subclass. A lock without a class is a node of its own. Two gokore_lock_class objects of one name are
//                one class.
//   Rule         A chain of class names, first taken first. All rules together form one transitive order. Pairs come
//                from three origins; where they contradict, a manifest beats a call beats GOKORE_RULES. Classes that no
//                rule relates may nest either way, and are then learnt.
//   Learning     Each blocking acquisition adds an edge from every lock held to the lock wanted, and remembers what else was
//                held. An acquisition that closes a cycle is LOCK_INVERSION, once per pair. A try-lock adds no edge when
//                taken, but counts as held afterwards. A refused acquisition leaves no edge.
//   Mild         A cycle that can't hang is severity info and never refused, unless in strict mode: one that a single thread
//                has made, and one whose acquisitions share a lock (LOCK_GATED names it). A cycle in which every wait gives
//                up after a time is "bounded" in its message.
//   Readers      A recursive reader (SHARED_RECURSIVE) waits for writers only, so readers of such a lock close no cycle among
//                themselves. A plain reader (SHARED) also waits behind a waiting writer: it counts as an exclusive want.
//   Recursion    One's own lock again is LOCK_RECURSION, and the call returns GOKORE_DEADLOCK instead of hanging.
//   Deadlock     Threads that wait for each other now. Seen by the thread that blocks last where mutexes alone are involved,
//                by the watch (gokore_deadlock_watch_start) otherwise. Called a deadlock only when two looks, one after the
//                other, find each thread in the same wait: a slow holder is none, and a lock whose holder has ended is
//                LOCK_ORPHANED instead.
//                Who can end a wait: of a lock, who holds it; of a task, who runs it, or as long as it is queued the pool's
//                workers; of a group or a pool, each one that runs work of it; of a channel, of a semaphore, who has used the
//                other end before; of a wait group, who has done work of an earlier round of it and none yet of this one. Where
//                nobody is known there is no deadlock.
//   Limits       None that drops what was seen. When memory can't be had, one LOCK_TABLE report says so, and what is known
//                is kept. A search for a mild cycle's serious sister ends after 100000 steps.
//   Cost         A pair that this thread has seen before: one look at what it held in this place the last time, or into a
//                table of
//                its own; no shared cache line written. Memory: some 280 bytes per lock and 75 per edge (64-bit), kept until
//                the lock is destroyed; a class counts as one lock.

#ifndef GOKORE_LOCKORDER_H
#define GOKORE_LOCKORDER_H 100 // 0.1.0

#include "gokore_atomic.h"
#include "gokore_policy.h"
#if GOKORE_ATOMIC_H != 100 || GOKORE_POLICY_H != 100
#error "gokore_lockorder.h 0.1.0 needs gokore_atomic.h and gokore_policy.h 0.1.0: copy headers from one release"
#endif

#ifndef GOKORE_RULES
#define GOKORE_RULES                                                                                                \
    "network: NetworkWriter > AIDecision > EntityCache > RenderState > GUIUpdate; "                                 \
    "packet: PacketParser > SkillQueue > Inventory; "                                                               \
    "protocol: PacketParser > SessionManager > CryptoLayer > TrafficAnalyzer"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// >>classes
// A class of locks. Static or at least as long-lived as its locks; the name likewise: letters, digits, '_', '.', '-'.
typedef struct gokore_lock_class {
    const char *name;
    gokore_atomic_u32 id_; // 0 = not seen yet
    uint32_t reserved_;
} gokore_lock_class;
#define GOKORE_LOCK_CLASS_INIT(name) { (name), GOKORE_ATOMIC_INIT(0), 0 }

// Callbacks of one lock, for tests and metrics; each member optional. Called on the locking thread: acquired after the lock
// is taken, released before it is given up, wait after a wait of duration_ns, successful or not. Must outlive the lock.
typedef struct gokore_lock_observer {
    void (*acquired)(void *user, const void *lock, void *const *stack, size_t depth);
    void (*released)(void *user, const void *lock);
    void (*wait)(void *user, const void *lock, int64_t duration_ns);
    void *user;
} gokore_lock_observer;

// >>foreign locks
enum { GOKORE_LOCK_EXCLUSIVE, GOKORE_LOCK_SHARED, GOKORE_LOCK_SHARED_RECURSIVE, GOKORE_LOCK_RECURSIVE, GOKORE_LOCK_TRY = 8 };

// Before taking a lock: checks it against the rules and against what this thread holds. cls may be NULL. GOKORE_ORDER =
// refused (GOKORE_DENY), GOKORE_DEADLOCK = the thread holds it already; GOKORE_OK otherwise, and always for GOKORE_LOCK_TRY.
// Never blocks for longer than the checker's own bookkeeping. None of these three does anything with GOKORE_LOCKORDER 0.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_before(const void *lock, gokore_lock_class *cls, unsigned mode);
// After it was taken: the thread holds it.
GOKORE_API void gokore_lockorder_acquired(const void *lock, gokore_lock_class *cls, unsigned mode);
// Before it is released. Reports LOCK_NOT_HELD if this thread does not hold it.
GOKORE_API void gokore_lockorder_released(const void *lock);
// The lock is gone: an instance takes its edges with it, a class keeps them.
GOKORE_API void gokore_lockorder_destroyed(const void *lock);

// >>rules: these work in every build
// Adds a chain of n class names. GOKORE_ORDER, and a POLICY report naming both rules, if it contradicts a rule that was
// added by an earlier call; GOKORE_INVALID for a bad name or fewer than two; GOKORE_NO_MEMORY. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_add_rule(const char *name, const char *const *order, size_t n);
// While a lock of class from is held and none of class to, one of class cls may be taken against the rules, and is not counted
// against the locks taken after it. It stays in the learnt graph. Any thread; reported as LOCK_TABLE if there is no memory.
GOKORE_API void gokore_lockorder_exempt(const char *cls, const char *from, const char *to);
// A thread that holds locks of both classes for longer than max_hold_ns is reported (LOCK_HOLD_TIME). 0 = no limit again.
GOKORE_API void gokore_lockorder_pair_limit(const char *a, const char *b, int64_t max_hold_ns);
// The same for one class; NULL = every lock, in place of the class of service's limit. The least of all that apply counts.
GOKORE_API void gokore_lockorder_hold_limit(const char *cls, int64_t max_hold_ns);
// Locks of these two classes may be nested in any order: no rule and no cycle speaks of the pair. bless(x, x): two of x.
GOKORE_API void gokore_lockorder_bless(const char *a, const char *b);
// Takes the rules, exemptions, pair limits and, with GOKORE_POLICY, hold times of every LockPolicy of a set that is for this
// container, or for every one, in place of those of an earlier load; NULL = none. The set is not kept. GOKORE_ORDER, and a POLICY
// report naming both rules, if they contradict each other; GOKORE_NO_MEMORY; with these what was loaded before stays, whole.
// gokore_policy_apply does the same before it puts a set in force.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_load(const gokore_policy_set *set);
// Forgets everything added, loaded, set and learnt; GOKORE_RULES stay. For tests: no thread may hold a watched lock.
GOKORE_API void gokore_lockorder_reset(void);

enum { GOKORE_LOCKORDER_STRICT = 1, GOKORE_LOCKORDER_BY_INSTANCE = 2, GOKORE_LOCKORDER_BY_CLASS = 4 };
// STRICT: mild cycles are errors. BY_INSTANCE: each lock is a node of its own, also where it has a class. BY_CLASS: locks with a
// name and no class are of the class of that name. 0 = neither. Applies to acquisitions from now on.
GOKORE_API void gokore_lockorder_set_mode(unsigned flags);
// More locks held at once than this are LOCK_LIMIT: max_locks by the whole process, max_held by one thread. 0 = no limit. With
// GOKORE_POLICY max_locks is at first that of gokore_limit_locks, when the first lock is taken: the container's GOKORE_MAX_LOCKS.
GOKORE_API void gokore_lockorder_set_limits(uint32_t max_locks, uint32_t max_held);

typedef struct gokore_lock_verdict {
    bool ok;
    const char *held, *wanted, *rule; // the pair and the rule it breaks; held and wanted are the caller's strings
} gokore_lock_verdict;
// Would a thread that holds these classes be allowed to take the incoming one? GOKORE_OK or GOKORE_ORDER; out may be NULL.
// A name that no rule has is free.
GOKORE_API gokore_status gokore_lockorder_check_names(const char *const *held, size_t n, const char *incoming,
                                                      gokore_lock_verdict *out);

// >>questions
// Would taking the lock now be legal? GOKORE_OK, GOKORE_ORDER (rule or cycle), GOKORE_DEADLOCK (held already), GOKORE_LIMIT;
// GOKORE_OK for a lock not seen yet, GOKORE_UNSUPPORTED with GOKORE_LOCKORDER 0. Adds nothing, reports nothing.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_validate(const void *lock);
// The whole graph: GOKORE_OK, or GOKORE_ORDER if an edge breaks a rule or lies on a cycle.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_verify(void);
// The locks this thread holds, oldest first; returns how many.
GOKORE_API size_t gokore_lockorder_held(const void **out, size_t cap);
// Reports LOCK_WAIT_HELD if this thread holds a lock.
GOKORE_API void gokore_lockorder_assert_none_held(void);
// Until unpin, releasing the lock is LOCK_PINNED. The calling thread must hold it, else LOCK_NOT_HELD. Pins count.
GOKORE_API void gokore_lockorder_pin(const void *lock);
GOKORE_API void gokore_lockorder_unpin(const void *lock);
// Memory is about to be freed: the locks in it are gone. One that a thread still holds is LOCK_LEAKED.
GOKORE_API void gokore_lockorder_forget(const void *addr, size_t len);
// Calls fn for every lock seen, and every class that rules name (lock NULL), with its level: the longest way to it along rules
// and learnt edges, 0 = taken first. Locks on a cycle get a level all the same.
GOKORE_API void gokore_lockorder_levels(void (*fn)(void *user, const void *lock, const char *name, int level), void *user);
// In a report hook: the finding that is being reported, in full: each edge, its thread, its stack. GOKORE_EMPTY elsewhere.
GOKORE_API gokore_status gokore_lockorder_explain(gokore_writer writer);

// >>graph
typedef struct gokore_lock_node {
    uintptr_t address; // of the lock, or an address that stands for the class
    const char *name;
    int numa_node;     // -1 = unknown
    gokore_qos qos;
} gokore_lock_node;
typedef struct gokore_lock_edge {
    uintptr_t from, to; // to was taken while from was held
    uint64_t weight;    // how often
} gokore_lock_edge;
typedef struct gokore_lock_graph {
    gokore_lock_node *nodes;
    size_t node_count;
    gokore_lock_edge *edges;
    size_t edge_count;
} gokore_lock_graph;
// A copy of what was learnt, sorted by name. GOKORE_NO_MEMORY leaves *out empty.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_graph(gokore_lock_graph *out);
GOKORE_API void gokore_lock_graph_deinit(gokore_lock_graph *graph);
// Graphviz, mermaid and JSON ({"nodes":[{id,address,name,numa_node,qos}],"edges":[{from,to,weight}]}) of a graph. Edges that lie
// on a cycle are marked: red, dotted, and "cycle":true.
GOKORE_API gokore_status gokore_lock_graph_write_dot(const gokore_lock_graph *graph, gokore_writer writer);
GOKORE_API gokore_status gokore_lock_graph_write_mermaid(const gokore_lock_graph *graph, gokore_writer writer);
GOKORE_API gokore_status gokore_lock_graph_write_json(const gokore_lock_graph *graph, gokore_writer writer);

// >>deadlocks
#define GOKORE_DEADLOCK_MAX 16
// Threads and what they wait for, threads[i] for resources[i], which threads[i + 1] holds. Counts are full, also beyond the
// arrays.
typedef struct gokore_deadlock {
    const void *resources[GOKORE_DEADLOCK_MAX];
    const char *names[GOKORE_DEADLOCK_MAX];   // of the resources
    size_t resource_count;
    uint64_t threads[GOKORE_DEADLOCK_MAX];    // as gettid gives them
    size_t thread_count;
    void *const *stacks[GOKORE_DEADLOCK_MAX]; // of the threads, where they began to wait
    uint32_t stack_depths[GOKORE_DEADLOCK_MAX];
    int64_t duration_ns;                      // since the last of them began to wait
    const char *container;                    // container id, "" = none
    gokore_qos qos;
    uint64_t waits_[GOKORE_DEADLOCK_MAX];     // which wait of each thread
} gokore_deadlock;
// The cycles that were learnt, as deadlocks that could be. Returns their number.
GOKORE_API size_t gokore_deadlock_potential(gokore_deadlock *out, size_t cap);
// Who waits for whom now. Each deadlock is reported (LOCK_DEADLOCK) once, and told the cluster operator. Returns their number; 0
// with GOKORE_LOCKORDER 0.
GOKORE_API size_t gokore_deadlock_check(gokore_deadlock *out, size_t cap);
// A thread looks every interval_ns (<= 0: 5 ms) for deadlocks, resolves them, and reports locks held beyond their limit and locks
// whose holder has ended. GOKORE_BUSY if it runs already; GOKORE_UNSUPPORTED with GOKORE_LOCKORDER 0. A first hold limit starts
// it, too. Stop waits for it to end; harmless where none runs.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_deadlock_watch_start(int64_t interval_ns);
GOKORE_API void gokore_deadlock_watch_stop(void);

typedef enum gokore_resolve {
    GOKORE_RESOLVE_NONE = 0,      // nothing
    GOKORE_RESOLVE_REPORT,        // the report, which was made already
    GOKORE_RESOLVE_CANCEL_VICTIM, // the victim's wait returns GOKORE_DEADLOCK
    GOKORE_RESOLVE_NOTIFY,        // one more report, resource = target, for whoever listens
    GOKORE_RESOLVE_ABORT          // the process aborts
} gokore_resolve;
typedef struct gokore_resolution {
    gokore_resolve type;
    const char *target;        // whom to notify
    uint64_t victim;           // a thread of the deadlock; 0 = who blocked last among those whose waits can be given up
    int64_t timeout_ns;        // leave it for this long first: a younger deadlock is not touched
    gokore_retry_policy retry; // how the victim may try again; all-zero = the class's, filled in
} gokore_resolution;
typedef gokore_status gokore_deadlock_strategy(const gokore_deadlock *deadlock, gokore_resolution *out, void *user);
// Strategies are asked in the order of their names' first registration, until one returns GOKORE_OK. fn NULL removes the name.
// Called on the watching or the blocking thread, whose locks are not watched meanwhile. The name is copied. GOKORE_NO_MEMORY.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_deadlock_register_strategy(const char *name, gokore_deadlock_strategy *fn,
                                                                            void *user);
// Asks the strategies, and after them a provider that has an answer of its own (gokore_provider_set), and does what they say. A
// deadlock that is over is left alone (type NONE); out may be NULL. GOKORE_NOT_FOUND if nobody has an answer: then nobody is
// cancelled.
GOKORE_API gokore_status gokore_deadlock_resolve(const gokore_deadlock *deadlock, gokore_resolution *out);

// >>private shared part
// What a lock of ours keeps in 4 bytes: the number of its record, made at init for a name or an observer, or at its first
// watched acquisition. slot NULL = a foreign lock, found by its address.
enum { GOKORE_LOCK_TIMED_ = 16 }; // beside a mode: the wait ends by itself
typedef struct gokore_lock_identity_ {
    const void *lock;
    gokore_lock_class *cls;
    gokore_atomic_u32 *slot;
    uint32_t subclass;  // of this acquisition
    const void *outer;  // nested under this lock, which orders it among its kind; NULL = no
} gokore_lock_identity_;
GOKORE_API gokore_status gokore_lockorder_before_(gokore_lock_identity_ who, unsigned mode);
GOKORE_API void gokore_lockorder_acquired_(gokore_lock_identity_ who, unsigned mode);
GOKORE_API bool gokore_lockorder_released_(const void *lock); // false: this thread does not hold it
GOKORE_API bool gokore_lock_is_mine_(const void *lock);         // true where nothing is watched
GOKORE_API bool gokore_lock_is_held_here_(const void *lock);    // false where nothing is watched
// Name NULL and node -1 leave what is known.
GOKORE_API void gokore_lock_describe_(gokore_lock_identity_ who, const char *name, gokore_lock_observer *observer, int numa_node);
GOKORE_API void gokore_lock_rank_(gokore_lock_identity_ who, uint32_t rank); // locks with a rank are taken in rising order
GOKORE_API gokore_lock_observer *gokore_lock_observer_(uint32_t record);
GOKORE_API int gokore_lock_numa_node_(uint32_t record); // -1 = unknown
GOKORE_API void gokore_lock_forget_(const void *lock, uint32_t record);
GOKORE_API void gokore_lock_none_held_(const char *where); // reports LOCK_WAIT_HELD if this thread holds a lock
GOKORE_API void gokore_lock_none_but_(const void *lock, const char *where); // the same, but for this lock
GOKORE_API const char *gokore_lock_called_(const gokore_lock_class *cls, uint32_t record); // its own, or its class's; NULL = none
GOKORE_API void gokore_lock_title_(const void *lock, const gokore_lock_class *cls, uint32_t record, char *out, size_t cap);

// A thread that is about to sleep says for what, and says so when it goes on. Nothing of this runs with GOKORE_LOCKORDER 0.
// EXCLUSIVE, SHARED: a lock's, ended by those who hold it. PARTY: ended by those who have been at that end of the object before.
// PERMITS: a semaphore's: by those who hold permits, or, where a holder has asked for more, by those who have released some.
// ROUND: a wait group's: by those who have done work of an earlier round and none yet of this one: they are about to.
// ALL: ended once all have gone that are at that end of the object: one of them that can't go on is enough.
enum {
    GOKORE_WAIT_NONE_, GOKORE_WAIT_EXCLUSIVE_, GOKORE_WAIT_SHARED_, GOKORE_WAIT_SHARED_RECURSIVE_, // locks: these first
    GOKORE_WAIT_ALL_, GOKORE_WAIT_PARTY_, GOKORE_WAIT_PERMITS_, GOKORE_WAIT_ROUND_ // up to ALL one that is stuck is enough
};
typedef struct gokore_wait_end_of_ {
    const void *object;
    const char *name;
    uint32_t end;
} gokore_wait_end_of_;
typedef struct gokore_wait_ {
    const void *object;
    const char *name;          // NULL = the lock's, or the address; must live as long as the object
    uint32_t kind, end;        // end: of PARTY and ALL, which end's users can end it
    const void *instead;       // of these: while nobody is at that end, those at end 0 of this object can; NULL = nobody
    const gokore_wait_end_of_ *others; // of PARTY: more ends whose users can end it; read until gokore_wait_end_
    uint32_t other_count;
    int64_t deadline_ns;       // INT64_MAX = none: a wait that ends by itself is no part of a deadlock of such waits only
    gokore_atomic_u32 *state;  // the word it sleeps on: the wait is over once this is not idle; set to doomed for a victim
    uint32_t idle, doomed;
    bool passes_on;            // a lock that the next one gets when its holder's thread has ended
} gokore_wait_;
GOKORE_API void gokore_wait_begin_(const gokore_wait_ *wait);
GOKORE_API void gokore_wait_end_(void);
GOKORE_API void gokore_wait_party_(const void *object, uint32_t end); // this thread uses that end of it
GOKORE_API void gokore_wait_left_(const void *object, uint32_t end);  // it will no more
GOKORE_API void gokore_wait_enter_(const void *object, uint32_t end); // this thread is at that end until it has left as often
GOKORE_API void gokore_wait_leave_(const void *object, uint32_t end);
// a wait group's: a round begins, or this thread has done work of it
GOKORE_API void gokore_wait_round_(const void *object, bool begins);
GOKORE_API void gokore_wait_permits_(const void *object, bool taken); // this thread has taken permits, or gives some back
GOKORE_API void gokore_wait_strangers_(const void *object, int change); // so many more are at its end 0, and not to be known
GOKORE_API void gokore_wait_forget_(const void *object);              // the object is gone

#ifdef __cplusplus
}
#endif
#endif // GOKORE_LOCKORDER_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_LOCKORDER_IMPLEMENTED_)
#define GOKORE_LOCKORDER_IMPLEMENTED_
#include "gokore_atomic.h" // again: they may have been seen before the switch was set
#include "gokore_policy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
#include <dlfcn.h>
#endif
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <sys/syscall.h>
#endif

// >>tables: chunks that never move, so that a number is a stable address without a lock
#define GOKORE_CHUNKS_ 25
typedef struct gokore_chunks_ {
    gokore_atomic_ptr chunk[GOKORE_CHUNKS_]; // chunk k holds 64 << k items
    uint32_t count;                          // items handed out; item 0 is never used
} gokore_chunks_;

static void *gokore_chunk_item_(gokore_chunks_ *c, uint32_t i, size_t item_size) {
    uint32_t at = i + 64, k = 25 - (uint32_t)__builtin_clz(at);
    char *base = (char *)gokore_atomic_load_acquire(&c->chunk[k]); // pairs with the release in gokore_chunk_add_
    return base + (size_t)(at - (64u << k)) * item_size;
}

// The number of a new item, which is not set up yet, 0 if there is no memory.
static uint32_t gokore_chunk_add_(gokore_chunks_ *c, size_t item_size) {
    uint32_t i = c->count + 1, at = i + 64, k = 25 - (uint32_t)__builtin_clz(at);
    if (k >= GOKORE_CHUNKS_) return 0;
    if (!gokore_atomic_load_relaxed(&c->chunk[k])) { // relaxed: only the latch's holder stores it
        void *base = gokore_alloc_(NULL, ((size_t)64 << k) * item_size, GOKORE_CACHE_LINE);
        if (!base) return 0;
        gokore_atomic_store_release(&c->chunk[k], base); // pairs with the acquire in gokore_chunk_item_
    }
    c->count = i;
    return i;
}

// >>tables: a map from 64 bits to a number; read without a lock, written under the checker's latch
typedef struct gokore_lock_slot_ {
    gokore_atomic_u64 key;   // 0 = free; written once
    gokore_atomic_u32 value; // 0 = removed
} gokore_lock_slot_;
typedef struct gokore_lock_slots_ {
    struct gokore_lock_slots_ *outgrown; // still being read by somebody, perhaps; half as large each
    uint64_t mask;
    gokore_lock_slot_ slot[];
} gokore_lock_slots_;
typedef struct gokore_lock_map_ {
    gokore_atomic_ptr slots; // gokore_lock_slots_ *
    uint64_t used;
    bool shared;             // read without the latch: what it has outgrown stays
} gokore_lock_map_;

#ifndef GOKORE_LOCK_MAP_FIRST_
#define GOKORE_LOCK_MAP_FIRST_ 256 // slots of a map's first table, a power of two; the explorer has fewer
#endif

static uint64_t gokore_lock_hash_(uint64_t x) { // the finaliser of splitmix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static gokore_lock_slot_ *gokore_lock_slot_of_(gokore_lock_slots_ *t, uint64_t key) {
    for (uint64_t i = gokore_lock_hash_(key);; i++) {
        gokore_lock_slot_ *s = &t->slot[i & t->mask];
        uint64_t found = gokore_atomic_load_acquire(&s->key); // pairs with the release in gokore_lock_map_put_
        if (found == key || found == 0) return s;
    }
}

static uint32_t gokore_lock_map_get_(gokore_lock_map_ *map, uint64_t key) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_acquire(&map->slots); // pairs with gokore_lock_map_grow_
    if (!t) return 0;
    gokore_lock_slot_ *s = gokore_lock_slot_of_(t, key);
    if (gokore_atomic_load_relaxed(&s->key) != key) return 0; // relaxed: written once, seen by the acquire above
    return gokore_atomic_load_acquire(&s->value);             // pairs with the release in gokore_lock_map_put_
}

static uint64_t gokore_lock_map_live_(const gokore_lock_slots_ *t) {
    uint64_t live = 0;
    // relaxed: under the latch
    for (uint64_t i = 0; t && i <= t->mask; i++) live += gokore_atomic_load_relaxed(&t->slot[i].value) != 0;
    return live;
}

static bool gokore_lock_map_grow_(gokore_lock_map_ *map) {
    gokore_lock_slots_ *old = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: under the latch
    uint64_t size = GOKORE_LOCK_MAP_FIRST_, live = gokore_lock_map_live_(old);
    while (size < live * 3) size *= 2;
    size_t bytes = sizeof(gokore_lock_slots_) + (size_t)size * sizeof(gokore_lock_slot_);
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_alloc_zeroed_(NULL, bytes, GOKORE_CACHE_LINE);
    if (!t) return false;
    t->mask = size - 1;
    t->outgrown = map->shared ? old : NULL;
    map->used = 0;
    for (uint64_t i = 0; old && i <= old->mask; i++) {
        uint64_t key = gokore_atomic_load_relaxed(&old->slot[i].key); // relaxed: under the latch
        uint32_t value = gokore_atomic_load_relaxed(&old->slot[i].value);
        if (value == 0) continue;
        gokore_lock_slot_ *s = gokore_lock_slot_of_(t, key);
        gokore_atomic_store_relaxed(&s->value, value); // relaxed: published with the table
        gokore_atomic_store_relaxed(&s->key, key);
        map->used++;
    }
    gokore_atomic_store_release(&map->slots, t); // pairs with the acquire in gokore_lock_map_get_
    if (!map->shared) gokore_free_(NULL, old, 0);
    return true;
}

static bool gokore_lock_map_put_(gokore_lock_map_ *map, uint64_t key, uint32_t value) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: under the latch
    if (!t || map->used * 3 > t->mask * 2) {
        if (!gokore_lock_map_grow_(map) && (!t || map->used >= t->mask)) return false;
        t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots);
    }
    gokore_lock_slot_ *s = gokore_lock_slot_of_(t, key);
    gokore_atomic_store_release(&s->value, value); // pairs with the acquire of the value in gokore_lock_map_get_
    if (gokore_atomic_load_relaxed(&s->key) == 0) {
        gokore_atomic_store_release(&s->key, key); // pairs with the acquire in gokore_lock_slot_of_
        map->used++;
    }
    return true;
}

// Keeps the key, so that readers' probes go on past it; the next growth leaves it behind.
static void gokore_lock_map_remove_(gokore_lock_map_ *map, uint64_t key) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: under the latch
    if (t) gokore_atomic_store_release(&gokore_lock_slot_of_(t, key)->value, 0);             // pairs with gokore_lock_map_get_
}

// Forgets everything, its readers notwithstanding.
static void gokore_lock_map_forget_(gokore_lock_map_ *map) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed, and below: under the latch
    for (uint64_t i = 0; t && i <= t->mask; i++) gokore_atomic_store_relaxed(&t->slot[i].value, 0);
}

// Frees it; nobody may read meanwhile.
static void gokore_lock_map_clear_(gokore_lock_map_ *map) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: see above
    gokore_atomic_store_relaxed(&map->slots, NULL);
    for (gokore_lock_slots_ *older; t; t = older) {
        older = t->outgrown;
        gokore_free_(NULL, t, 0);
    }
    map->used = 0;
}

// >>names: kept once each, for as long as the process lives, because verdicts and reports point to them
typedef struct gokore_lock_name_ {
    struct gokore_lock_name_ *next;
    char text[];
} gokore_lock_name_;

// >>records and edges
#define GOKORE_NO_RULE_CLASS_ UINT32_MAX
typedef struct gokore_lock_record_ { // a lock, a class of locks, or a subclass
    const void *address;             // NULL for a class
    const char *name;                // NULL = unnamed; a lock's is its own copy, a class's is kept
    gokore_lock_observer *observer;
    uint64_t id;                     // its number and, above that, a count: never used again, also where the record is; 0 = free
    uint64_t part;                   // of the hash of those held, see gokore_held_hash_set_; 0 = not plain: has to be worked out
    uint64_t warm;                   // changes with id and part; see gokore_held_
    uint32_t cls;                    // the class's record, 0 = none; a class's own number
    uint32_t rule_class;             // a class's index in the order matrix, or GOKORE_NO_RULE_CLASS_
    uint32_t subclass, rank;
    uint32_t out, in, in_count;      // first edge from and to this node
    uint32_t next_free;
    uint32_t mark[2], queued[2], far; // of the last search: reached from the start and from the goal; edges to the goal
    uint32_t via;                    // the dependency by which the way comes here
    uint32_t level;
    int numa_node;                   // as described, -1 = unknown
    gokore_atomic_i32 page_node;     // where the memory is, -1 = unknown
    int64_t max_hold_ns;             // a class's; 0 = no limit
    bool is_class, foreign, shown, on_way;
    bool hashed;                     // so many edges lead here that they are found by by_edge
    gokore_atomic_bool seen;         // a thread has held it since the last reset; relaxed, a hint
    gokore_atomic_ptr owner;         // the thread that holds it exclusively, or was the last to; NULL = none, or readers
    gokore_atomic_u64 orphan;        // the thread that ended while it held it; 0 = none
} gokore_lock_record_;

// What was held at an acquisition: S. Joshi et al., "A Randomized Dynamic Program Analysis Technique for Detecting Real
// Deadlocks" (PLDI 2009), with the way each lock was held. Two acquisitions that share a lock can't wait at the same time.
enum { GOKORE_ITEM_SHARED_ = 1, GOKORE_ITEM_ID_ = 2 }; // an item: the lock's id * 2 + whether it was held shared
typedef struct gokore_lockset_ {
    uint32_t uses, count;
    uint64_t item[]; // rising
} gokore_lockset_;

// One way in which an edge was seen. lockdep's kinds of dependency: a lock held shared does not stop one that is wanted
// by a recursive reader.
enum { GOKORE_DEP_HELD_SHARED_ = 1, GOKORE_DEP_WANT_SHARED_ = 2, GOKORE_DEP_TIMED_ = 4, GOKORE_DEP_EXEMPT_ = 8 };
typedef struct gokore_lock_dep_ {
    uint32_t next, edge, kinds;
    uint32_t stack;         // where it was first seen
    uint32_t epoch;         // when its thread was last judged for it
    gokore_lockset_ *held;
    uint64_t thread;        // the one that made it; 0 = several have
} gokore_lock_dep_;

typedef struct gokore_lock_edge_ {
    uint32_t from, to, next_out, next_in, deps; // deps: also the next free edge
    bool closes;                                // a cycle that was told
    uint64_t weight;                            // of threads that have ended
    uint64_t shown;                             // with those of the living, while a graph is made
} gokore_lock_edge_;

enum { GOKORE_ORIGIN_COMPILED_, GOKORE_ORIGIN_CALLED_, GOKORE_ORIGIN_MANIFEST_, GOKORE_ORIGINS_ };
typedef struct gokore_lock_rule_ {
    struct gokore_lock_rule_ *next;
    const char *name;
    uint32_t count;
    uint32_t classes[]; // records, first taken first
} gokore_lock_rule_;

// What an operator says of classes beside their order: an exemption of a between b and c; a limit of a and b together; a and b
// blessed.
enum { GOKORE_CLAUSE_EXEMPT_, GOKORE_CLAUSE_LIMIT_, GOKORE_CLAUSE_BLESS_ };
typedef struct gokore_lock_clause_ {
    struct gokore_lock_clause_ *next;
    int kind, origin;
    uint32_t a, b, c;
    int64_t max_hold_ns;
} gokore_lock_clause_;

typedef struct gokore_kept_stack_ { // of a place in the program; never freed
    uint32_t depth, same;           // same: the next one with this hash
    void *const *frames;
} gokore_kept_stack_;

typedef struct gokore_lock_strategy_ {
    struct gokore_lock_strategy_ *next;
    const char *name;
    gokore_deadlock_strategy *fn;
    void *user;
} gokore_lock_strategy_;

static struct { // all of it under the latch, but for the tables' lock-free reads and what is atomic
    gokore_latch_ latch;
    gokore_chunks_ records, edges, deps, stacks, threads;
    gokore_lock_map_ by_address, by_edge, by_class, by_subclass, by_stack, told, deadlocks;
    gokore_lock_map_ rounds, strangers; // of a wait group: which it is; at an object's end 0: how many; by their addresses
    uint32_t free_record, free_edge, free_dep, mark;
    uint64_t last_id, edges_gone; // edges_gone: how many have been unlinked
    bool compiled_read;
    gokore_atomic_bool memory_told;
    gokore_atomic_u32 held_total; // counted while max_locks is set
    gokore_atomic_bool limited;   // max_locks has been set, or is being asked for
    uint32_t max_locks;           // what was found then: a reset returns to it
    gokore_lock_name_ *names;
    gokore_lock_rule_ *rules[GOKORE_ORIGINS_];
    gokore_lock_clause_ *clauses;
    int64_t max_hold_ns[GOKORE_ORIGINS_]; // of every lock; 0 = no limit
    uint32_t width;               // classes that rules name
    const char **order;           // [before * width + after] = the name of the rule that says so, or NULL
    gokore_lock_strategy_ *strategies;
} gokore_lockorder_ = { .by_address = { .shared = true }, .rounds = { .shared = true } };

static struct { // what every acquisition reads, alone on its cache line; written under the latch
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u32 epoch; // raised by whatever may change a verdict; not 0
    gokore_atomic_u32 mode;        // GOKORE_LOCKORDER_STRICT...
    gokore_atomic_u32 max_locks, max_held;
    gokore_atomic_bool timed;      // holds have limits: the clock is read
    gokore_atomic_bool exempts;    // there are exemptions
    gokore_atomic_bool unusual;    // any of these, or a mode that changes what a node is
    gokore_atomic_i64 shortest_ns; // of all limits on holds
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) char end;
} gokore_lock_settings_ = { .epoch = GOKORE_ATOMIC_INIT(1) };

static gokore_lock_record_ *gokore_lock_record_at_(uint32_t i) {
    return (gokore_lock_record_ *)gokore_chunk_item_(&gokore_lockorder_.records, i, sizeof(gokore_lock_record_));
}
static gokore_lock_edge_ *gokore_lock_edge_at_(uint32_t i) {
    return (gokore_lock_edge_ *)gokore_chunk_item_(&gokore_lockorder_.edges, i, sizeof(gokore_lock_edge_));
}
static gokore_lock_dep_ *gokore_lock_dep_at_(uint32_t i) {
    return (gokore_lock_dep_ *)gokore_chunk_item_(&gokore_lockorder_.deps, i, sizeof(gokore_lock_dep_));
}
// Ids, not numbers of records: a key of a lock that is gone fits no other. Never 0.
#define GOKORE_ID_NUMBER_BITS_ 28
static gokore_lock_record_ *gokore_lock_record_of_(uint64_t id) { // what is there now may be another
    return gokore_lock_record_at_((uint32_t)(id & ((1u << GOKORE_ID_NUMBER_BITS_) - 1)));
}
static uint64_t gokore_edge_key_(uint64_t from, uint64_t to) { return gokore_lock_hash_(from * 0x9e3779b97f4a7c15u + to) | 1; }
static uint64_t gokore_address_key_(const void *lock) { return (uint64_t)(uintptr_t)lock; }
static void gokore_verdicts_change_(void) { // pairs with before_
    (void)gokore_atomic_fetch_add_release(&gokore_lock_settings_.epoch, 1);
}

static void gokore_lock_out_of_memory_(void) {
    if (!gokore_atomic_exchange(&gokore_lockorder_.memory_told, true))
        gokore_reportf_(GOKORE_REPORT_LOCK_TABLE, NULL,
                        "no memory for the lock checker's tables: new locks and orders go unseen");
}

static char *gokore_lock_copy_(const char *text, size_t len) {
    char *copy = (char *)gokore_alloc_(NULL, len + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

static const char *gokore_rule_name_(const char *text, size_t len) {
    for (gokore_lock_name_ *n = gokore_lockorder_.names; n; n = n->next)
        if (strncmp(n->text, text, len) == 0 && n->text[len] == 0) return n->text;
    gokore_lock_name_ *n = (gokore_lock_name_ *)gokore_alloc_(NULL, sizeof *n + len + 1, sizeof(void *));
    if (!n) return NULL;
    memcpy(n->text, text, len);
    n->text[len] = 0;
    n->next = gokore_lockorder_.names;
    gokore_lockorder_.names = n;
    return n->text;
}

static uint32_t gokore_lock_record_new_(void) {
    uint32_t i = gokore_lockorder_.free_record;
    if (i)
        gokore_lockorder_.free_record = gokore_lock_record_at_(i)->next_free;
    else if (!((gokore_lockorder_.records.count + 1) >> GOKORE_ID_NUMBER_BITS_))
        i = gokore_chunk_add_(&gokore_lockorder_.records, sizeof(gokore_lock_record_));
    if (!i) return 0;
    uint64_t id = ++gokore_lockorder_.last_id << GOKORE_ID_NUMBER_BITS_ | i;
    *gokore_lock_record_at_(i) =
        (gokore_lock_record_) { .id = id, .rule_class = GOKORE_NO_RULE_CLASS_, .numa_node = -1,
                                .page_node = GOKORE_ATOMIC_INIT(-1) };
    return i;
}

static void gokore_lock_record_free_(uint32_t i) {
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    gokore_free_(NULL, (void *)(uintptr_t)r->name, 0); // its own copy
    *r = (gokore_lock_record_) { .next_free = gokore_lockorder_.free_record };
    gokore_lockorder_.free_record = i;
}

// >>classes, found by their names' hash
static uint64_t gokore_class_key_(const char *name, size_t len) {
    uint64_t x = len;
    for (size_t i = 0; i < len; i++) x = gokore_lock_hash_(x ^ (unsigned char)name[i]);
    return x | 1;
}

// The record of a class by its name, 0 = none; *key becomes where it is, or may be put.
static uint32_t gokore_lock_class_find_(const char *name, size_t len, uint64_t *key) {
    for (*key = gokore_class_key_(name, len);; *key += 2) { // another name's hash may be the same
        uint32_t i = gokore_lock_map_get_(&gokore_lockorder_.by_class, *key);
        if (!i || (strncmp(gokore_lock_record_at_(i)->name, name, len) == 0 && gokore_lock_record_at_(i)->name[len] == 0))
            return i;
    }
}

// The same, made at first use; 0 = no memory. A class is never forgotten.
static uint32_t gokore_lock_class_record_(const char *name, size_t len) {
    uint64_t key;
    uint32_t i = gokore_lock_class_find_(name, len, &key);
    if (i) return i;
    char *kept = gokore_lock_copy_(name, len);
    if (kept) i = gokore_lock_record_new_();
    if (i) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        r->name = kept;
        r->is_class = true;
        r->cls = i;
        if (gokore_lock_map_put_(&gokore_lockorder_.by_class, key, i)) return i;
        gokore_lock_record_free_(i);
        return 0;
    }
    gokore_free_(NULL, kept, len + 1);
    return 0;
}

// The node of a class's locks that are taken with this subclass, which is not 0; 0 = no memory.
static uint32_t gokore_lock_subclass_(uint32_t cls, uint32_t subclass) {
    uint64_t key = (uint64_t)cls << 32 | subclass;
    uint32_t i = gokore_lock_map_get_(&gokore_lockorder_.by_subclass, key);
    if (i) return i;
    char text[256];
    int len = snprintf(text, sizeof text, "%s/%u", gokore_lock_record_at_(cls)->name, subclass);
    char *kept = gokore_lock_copy_(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    if (kept) i = gokore_lock_record_new_();
    if (!i) {
        gokore_free_(NULL, kept, 0);
        return 0;
    }
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    r->name = kept;
    r->is_class = true;
    r->cls = cls;
    r->subclass = subclass;
    if (gokore_lock_map_put_(&gokore_lockorder_.by_subclass, key, i)) return i;
    gokore_lock_record_free_(i);
    return 0;
}

static uint32_t gokore_lock_class_of_(gokore_lock_class *cls) {
    uint32_t id = gokore_atomic_load_acquire(&cls->id_); // pairs with the release below
    if (id) return id;
    const char *name = cls->name ? cls->name : "?";
    id = gokore_lock_class_record_(name, strlen(name));
    gokore_atomic_store_release(&cls->id_, id); // pairs with the acquire above
    return id;
}

// >>stacks: each place in the program once
static const gokore_kept_stack_ *gokore_kept_stack_at_(uint32_t i) {
    static const gokore_kept_stack_ none = { 0, 0, NULL };
    return i ? (const gokore_kept_stack_ *)gokore_chunk_item_(&gokore_lockorder_.stacks, i, sizeof(gokore_kept_stack_)) : &none;
}

// The number of a stack like this one, under the latch; 0 if there is no memory.
static uint32_t gokore_stack_keep_(const gokore_stack_ *stack) {
    uint64_t key = stack->depth;
    size_t bytes = stack->depth * sizeof stack->frames[0];
    for (uint32_t i = 0; i < stack->depth; i++) key = gokore_lock_hash_(key ^ (uint64_t)(uintptr_t)stack->frames[i]);
    key |= 1;
    uint32_t first = gokore_lock_map_get_(&gokore_lockorder_.by_stack, key);
    for (uint32_t i = first; i; i = gokore_kept_stack_at_(i)->same) {
        const gokore_kept_stack_ *s = gokore_kept_stack_at_(i);
        if (s->depth == stack->depth && memcmp(s->frames, stack->frames, bytes) == 0) return i;
    }
    void **frames = (void **)gokore_alloc_(NULL, bytes + 1, sizeof(void *));
    uint32_t i = frames ? gokore_chunk_add_(&gokore_lockorder_.stacks, sizeof(gokore_kept_stack_)) : 0;
    if (!i || !gokore_lock_map_put_(&gokore_lockorder_.by_stack, key, i)) {
        gokore_free_(NULL, frames, bytes + 1);
        return 0;
    }
    memcpy(frames, stack->frames, bytes);
    gokore_kept_stack_ *s = (gokore_kept_stack_ *)gokore_chunk_item_(&gokore_lockorder_.stacks, i, sizeof *s);
    *s = (gokore_kept_stack_) { stack->depth, first, frames };
    return i;
}

// Where the program has called the library: frames further in are the library's own, and no part of a stack that is kept. Said by
// the functions that may learn, wait or report, in their own frames, before anything that is slow; where it does not lie on the
// stack, as in a call of one that does not say it, stacks begin further in.
static _Thread_local const void *gokore_called_from_;
#define GOKORE_CALLED_() ((void)(GOKORE_LOCKORDER && (gokore_called_from_ = GOKORE_RETURN_)))
#if GOKORE_LOCKORDER
#define GOKORE_ENTRY_ __attribute__((noinline)) // of these functions: whose caller is the program
#else
#define GOKORE_ENTRY_
#endif

static void gokore_stack_trim_to_caller_(gokore_stack_ *stack) {
    uint32_t i = 0;
    while (i < stack->depth && stack->frames[i] != gokore_called_from_) i++;
    if (i == stack->depth) return;
    stack->depth -= i;
    memmove(stack->frames, stack->frames + i, stack->depth * sizeof stack->frames[0]);
}

// What a thread has captured last. Unwinding takes a microsecond, and locks are often learnt in a loop: the stack is the same
// if it begins at the same frame and every return address still lies where it lay.
typedef struct gokore_trace_ {
    gokore_stack_ stack;
    uintptr_t at[GOKORE_STACK_MAX_]; // where the return address of each frame lies
    uint32_t first;                  // 1: that of the first frame is not known, because it is no return address
    const void *frame;               // NULL = they do not lie where they were looked for: nothing is kept
    uint32_t kept;                   // its number; 0 = none yet
} gokore_trace_;

#ifdef __EMSCRIPTEN__ // it has no unwinder
static void gokore_trace_capture_(gokore_trace_ *t) { t->stack.depth = t->kept = 0; }
#else
#if defined(__x86_64__)
#define GOKORE_RETURN_LIES_KNOWN_ 1 // at the word below the frame's canonical address
static uintptr_t gokore_return_lies_(struct _Unwind_Context *context) {
    return (uintptr_t)_Unwind_GetCFA(context) - sizeof(void *);
}
#else
#define GOKORE_RETURN_LIES_KNOWN_ 0
static uintptr_t gokore_return_lies_(struct _Unwind_Context *context) { return (void)context, 0; }
#endif

static _Unwind_Reason_Code gokore_trace_frame_(struct _Unwind_Context *context, void *user) {
    gokore_trace_ *t = (gokore_trace_ *)user;
    uintptr_t pc = _Unwind_GetIP(context);
    if (t->first && pc == (uintptr_t)gokore_called_from_) t->stack.depth = t->first = 0; // the frames so far are ours
    if (pc == 0 || t->stack.depth == GOKORE_STACK_MAX_) return _URC_END_OF_STACK;
    t->at[t->stack.depth] = gokore_return_lies_(context);
    memcpy(&t->stack.frames[t->stack.depth++], &pc, sizeof pc);
    return _URC_NO_REASON;
}

// The words may belong to other frames by now; the sanitizers must not mind.
__attribute__((noinline, no_sanitize_address, no_sanitize_thread)) static bool gokore_trace_lies_there_(const gokore_trace_ *t) {
    for (uint32_t i = t->first; i < t->stack.depth; i++) {
        void *word = *(void *volatile const *)t->at[i];
        if (word != t->stack.frames[i]) return false;
    }
    return t->stack.depth > t->first;
}

__attribute__((noinline)) static void gokore_trace_capture_(gokore_trace_ *t) {
    const void *frame = __builtin_frame_address(0);
    if (GOKORE_RETURN_LIES_KNOWN_ && t->frame == frame && gokore_trace_lies_there_(t)) return;
    t->stack.depth = 0;
    t->first = 1;
    t->kept = 0;
    (void)_Unwind_Backtrace(gokore_trace_frame_, t);
    t->frame = GOKORE_RETURN_LIES_KNOWN_ && gokore_trace_lies_there_(t) ? frame : NULL;
}
#endif

static uint32_t gokore_trace_keep_(gokore_trace_ *t) { // under the latch; 0 = no memory
    if (!t->kept) t->kept = gokore_stack_keep_(&t->stack);
    return t->kept;
}

// >>edges
static void gokore_lockset_drop_(gokore_lockset_ *set) {
    if (--set->uses == 0) gokore_free_(NULL, set, 0);
}

static void gokore_dep_free_(uint32_t d) {
    gokore_lock_dep_ *dep = gokore_lock_dep_at_(d);
    gokore_lockset_drop_(dep->held);
    dep->held = NULL;
    dep->next = gokore_lockorder_.free_dep;
    gokore_lockorder_.free_dep = d;
}

static void gokore_edge_unlink_(uint32_t e) {
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    gokore_lock_record_ *from = gokore_lock_record_at_(edge->from), *to = gokore_lock_record_at_(edge->to);
    uint32_t *at = &from->out;
    while (*at != e) at = &gokore_lock_edge_at_(*at)->next_out;
    *at = edge->next_out;
    at = &to->in;
    while (*at != e) at = &gokore_lock_edge_at_(*at)->next_in;
    *at = edge->next_in;
    to->in_count--;
    if (to->hashed) gokore_lock_map_remove_(&gokore_lockorder_.by_edge, gokore_edge_key_(from->id, to->id));
    gokore_lockorder_.edges_gone++;
    for (uint32_t d = edge->deps, next; d; d = next) {
        next = gokore_lock_dep_at_(d)->next;
        gokore_dep_free_(d);
    }
    edge->deps = gokore_lockorder_.free_edge;
    gokore_lockorder_.free_edge = e;
}

// Few edges lead to most nodes: those are looked through, one after the other. 0 = none, also if one of the two is gone.
static uint32_t gokore_edge_find_(uint64_t from, uint64_t to) {
    const gokore_lock_record_ *a = gokore_lock_record_of_(from), *b = gokore_lock_record_of_(to);
    if (a->id != from || b->id != to) return 0;
    if (b->hashed) return gokore_lock_map_get_(&gokore_lockorder_.by_edge, gokore_edge_key_(from, to));
    uint32_t e = b->in;
    while (e && gokore_lock_record_at_(gokore_lock_edge_at_(e)->from) != a) e = gokore_lock_edge_at_(e)->next_in;
    return e;
}

static uint64_t gokore_edge_key_of_(uint32_t e) {
    const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    return gokore_edge_key_(gokore_lock_record_at_(edge->from)->id, gokore_lock_record_at_(edge->to)->id);
}

// From now on those that lead to b are found by their keys. False = no memory: then they are looked through as before.
static bool gokore_edges_hash_(const gokore_lock_record_ *b) {
    bool ok = true;
    for (uint32_t e = b->in; e && ok; e = gokore_lock_edge_at_(e)->next_in)
        ok = gokore_lock_map_put_(&gokore_lockorder_.by_edge, gokore_edge_key_of_(e), e);
    for (uint32_t e = b->in; e && !ok; e = gokore_lock_edge_at_(e)->next_in)
        gokore_lock_map_remove_(&gokore_lockorder_.by_edge, gokore_edge_key_of_(e));
    return ok;
}

// The edge, made if it is not there, still without a dependency; 0 = no memory.
#define GOKORE_EDGES_WALKED_ 16
static uint32_t gokore_edge_make_(uint32_t from, uint32_t to) {
    gokore_lock_record_ *a = gokore_lock_record_at_(from), *b = gokore_lock_record_at_(to);
    uint32_t e = gokore_edge_find_(a->id, b->id);
    if (e) return e;
    e = gokore_lockorder_.free_edge;
    if (e)
        gokore_lockorder_.free_edge = gokore_lock_edge_at_(e)->deps;
    else
        e = gokore_chunk_add_(&gokore_lockorder_.edges, sizeof(gokore_lock_edge_));
    if (!e) return 0;
    *gokore_lock_edge_at_(e) = (gokore_lock_edge_) { .from = from, .to = to, .next_out = a->out, .next_in = b->in };
    a->out = e;
    b->in = e;
    b->in_count++;
    if (!b->hashed) {
        b->hashed = b->in_count >= GOKORE_EDGES_WALKED_ && gokore_edges_hash_(b);
        return e;
    }
    if (gokore_lock_map_put_(&gokore_lockorder_.by_edge, gokore_edge_key_(a->id, b->id), e)) return e;
    gokore_edge_unlink_(e);
    return 0;
}

// Of later sections.
static void gokore_lock_watch_wanted_(void);
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
static void gokore_lock_watch_forked_(void);
#endif
static void gokore_deadlock_look_(void);
static void gokore_lock_not_held_(const void *lock, const char *what);
static void gokore_lock_part_set_(uint32_t record);
static void gokore_settings_look_(void);
static void gokore_lent_max_locks_(uint32_t max_locks);

// >>locks
// A lock's record goes, and what was learnt of it if it is a node of its own.
static void gokore_lock_retire_(uint32_t i) {
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    gokore_lock_map_remove_(&gokore_lockorder_.by_address, gokore_address_key_(r->address));
    while (r->out) gokore_edge_unlink_(r->out);
    while (r->in) gokore_edge_unlink_(r->in);
    gokore_lock_record_free_(i);
}

// The record of a lock, made at first sight; 0 = no memory. Under the latch.
static uint32_t gokore_lock_instance_(gokore_lock_identity_ who) {
    uint32_t i = gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(who.lock));
    if (i && who.slot) gokore_lock_retire_(i); // the address was another lock's, which was never destroyed
    if (i && !who.slot) return i;
    i = gokore_lock_record_new_();
    if (!i) return 0;
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    r->address = who.lock;
    r->foreign = !who.slot;
    r->cls = who.cls ? gokore_lock_class_of_(who.cls) : 0;
    gokore_lock_part_set_(i);
    if (gokore_lock_map_put_(&gokore_lockorder_.by_address, gokore_address_key_(who.lock), i)) return i;
    gokore_lock_record_free_(i);
    return 0;
}

// The lock's record, made at first sight; 0 = no memory, told once.
static uint32_t gokore_lock_find_(gokore_lock_identity_ who) {
    uint32_t i = who.slot ? gokore_atomic_load_acquire(who.slot) // pairs with the release below
                          : gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(who.lock));
    if (i) return i;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    i = who.slot ? gokore_atomic_load_relaxed(who.slot) : 0; // relaxed: stored under the latch
    if (!i) i = gokore_lock_instance_(who);
    if (who.slot) gokore_atomic_store_release(who.slot, i); // pairs with the acquire above
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!i) gokore_lock_out_of_memory_();
    return i;
}

void gokore_lock_describe_(gokore_lock_identity_ who, const char *name, gokore_lock_observer *observer, int numa_node) {
    uint32_t i = gokore_lock_find_(who);
    if (!i) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    if (name && r->name && strcmp(name, r->name) == 0) name = NULL; // a foreign lock's is given at each call
    char *before = name ? (char *)(uintptr_t)r->name : NULL, *copy = name ? gokore_lock_copy_(name, strlen(name)) : NULL;
    if (name) r->name = copy;
    gokore_free_(NULL, before, 0);
    if (numa_node >= 0) r->numa_node = numa_node;
    r->observer = observer;
    // relaxed: latch
    bool by_name = !r->cls && copy && gokore_atomic_load_relaxed(&gokore_lock_settings_.mode) & GOKORE_LOCKORDER_BY_CLASS;
    if (by_name) r->cls = gokore_lock_class_record_(copy, strlen(copy));
    gokore_lock_part_set_(i);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (name && !copy) gokore_lock_out_of_memory_();
}

void gokore_lock_rank_(gokore_lock_identity_ who, uint32_t rank) {
    uint32_t i = GOKORE_LOCKORDER ? gokore_lock_find_(who) : 0;
    if (!i) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_record_at_(i)->rank = rank;
    gokore_lock_part_set_(i);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

gokore_lock_observer *gokore_lock_observer_(uint32_t record) { return record ? gokore_lock_record_at_(record)->observer : NULL; }

int gokore_lock_numa_node_(uint32_t record) { return record ? gokore_lock_record_at_(record)->numa_node : -1; }

void gokore_lock_forget_(const void *lock, uint32_t record) {
    if (!record) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    if (gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(lock)) == record) gokore_lock_retire_(record);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

static const char *gokore_node_title_(uint32_t node, char out[32]) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(node);
    if (r->name) return r->name;
    (void)snprintf(out, 32, "lock %p", r->address);
    return out;
}

const char *gokore_lock_called_(const gokore_lock_class *cls, uint32_t record) {
    return record && gokore_lock_record_at_(record)->name ? gokore_lock_record_at_(record)->name : cls ? cls->name : NULL;
}

void gokore_lock_title_(const void *lock, const gokore_lock_class *cls, uint32_t record, char *out, size_t cap) {
    const char *name = gokore_lock_called_(cls, record);
    if (name)
        (void)snprintf(out, cap, "%s", name);
    else
        (void)snprintf(out, cap, "lock %p", lock);
}

// >>rules
static bool gokore_rule_name_ok_(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", s[i])) return false;
    return len > 0;
}

static gokore_lock_rule_ *gokore_rule_new_(const char *name, size_t name_len, size_t n) {
    gokore_lock_rule_ *rule = (gokore_lock_rule_ *)gokore_alloc_zeroed_(NULL, sizeof *rule + n * sizeof rule->classes[0],
                                                                        sizeof(void *));
    const char *kept = rule ? gokore_rule_name_(name, name_len) : NULL;
    if (kept) {
        rule->name = kept;
        return rule;
    }
    gokore_free_(NULL, rule, 0);
    return NULL;
}

static bool gokore_rule_append_(gokore_lock_rule_ *rule, const char *cls, size_t len) {
    uint32_t i = gokore_lock_class_record_(cls, len);
    if (i) rule->classes[rule->count++] = i;
    return i != 0;
}

static void gokore_rules_free_(gokore_lock_rule_ *rules) {
    while (rules) {
        gokore_lock_rule_ *next = rules->next;
        gokore_free_(NULL, rules, 0);
        rules = next;
    }
}

// "name: A > B > C; ..." as GOKORE_RULES has it. A compile-time text: a part that can't be read is left out.
static void gokore_rules_read_compiled_(void) {
    if (gokore_lockorder_.compiled_read) return;
    gokore_lockorder_.compiled_read = true;
    gokore_lock_rule_ **end = &gokore_lockorder_.rules[GOKORE_ORIGIN_COMPILED_];
    for (const char *p = GOKORE_RULES; *p;) {
        size_t len = strcspn(p, ";"), head = strcspn(p, ":");
        gokore_lock_rule_ *rule = head < len ? gokore_rule_new_(p + strspn(p, " "), head - strspn(p, " "), len) : NULL;
        for (const char *c = p + head + 1; rule && c < p + len; c += strcspn(c, ">;") + (c[strcspn(c, ">;")] == '>')) {
            c += strspn(c, " ");
            size_t n = strcspn(c, " >;");
            if (!gokore_rule_name_ok_(c, n) || !gokore_rule_append_(rule, c, n)) break;
        }
        if (rule) {
            *end = rule;
            end = &rule->next;
        }
        p += len + (p[len] == ';');
    }
}

// Numbers the classes that rules name, from 0; returns how many.
static uint32_t gokore_rules_number_(const gokore_lock_rule_ *const rules[GOKORE_ORIGINS_]) {
    uint32_t width = 0;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) gokore_lock_record_at_(i)->rule_class = GOKORE_NO_RULE_CLASS_;
    for (int origin = 0; origin < GOKORE_ORIGINS_; origin++)
        for (const gokore_lock_rule_ *rule = rules[origin]; rule; rule = rule->next)
            for (uint32_t i = 0; i < rule->count; i++) {
                gokore_lock_record_ *cls = gokore_lock_record_at_(rule->classes[i]);
                if (cls->rule_class == GOKORE_NO_RULE_CLASS_) cls->rule_class = width++;
            }
    return width;
}

// Adds before > after and all that follows from it; false, with nothing added, if the opposite is known.
static bool gokore_order_add_(const char **order, uint32_t width, uint32_t before, uint32_t after, const char *rule) {
    if (before == after || order[after * width + before]) return false;
    if (order[before * width + after]) return true;
    for (uint32_t x = 0; x < width; x++) {
        if (x != before && !order[x * width + before]) continue;
        for (uint32_t y = 0; y < width; y++)
            if ((y == after || order[after * width + y]) && !order[x * width + y]) order[x * width + y] = rule;
    }
    return true;
}

// Adds the rules of one origin to the matrix. A pair whose opposite is known is left out, and told in clash (the rule that
// stands, the rule that does not) if it is not NULL.
static bool gokore_order_add_rules_(const char **order, uint32_t width, const gokore_lock_rule_ *rules, const char *clash[2]) {
    bool clean = true;
    for (; rules; rules = rules->next)
        for (uint32_t n = rules->count, i = 0; i < n * n; i++) { // each pair of the chain: a reversed one must not cut it
            if (i / n >= i % n) continue;
            uint32_t a = gokore_lock_record_at_(rules->classes[i / n])->rule_class;
            uint32_t b = gokore_lock_record_at_(rules->classes[i % n])->rule_class;
            if (gokore_order_add_(order, width, a, b, rules->name)) continue;
            clash[0] = a == b ? rules->name : order[b * width + a];
            clash[1] = rules->name;
            clean = false;
        }
    return clean;
}

static const char *gokore_order_rule_(uint32_t before, uint32_t after) { // the rule that wants these classes in this order
    if (!before || !after) return NULL;
    uint32_t a = gokore_lock_record_at_(before)->rule_class, b = gokore_lock_record_at_(after)->rule_class;
    if (a == GOKORE_NO_RULE_CLASS_ || b == GOKORE_NO_RULE_CLASS_ || !gokore_lockorder_.order) return NULL;
    return gokore_lockorder_.order[a * gokore_lockorder_.width + b];
}

// After a failed install, and after its rules are out of the lists again: the numbers that the matrix was made with.
static void gokore_rules_renumber_(void) {
    const gokore_lock_rule_ *all[GOKORE_ORIGINS_];
    for (int i = 0; i < GOKORE_ORIGINS_; i++) all[i] = gokore_lockorder_.rules[i];
    if (gokore_lockorder_.order) (void)gokore_rules_number_(all);
}

// Puts rules in place of those of one origin. On failure only the classes' numbers have changed, see above: GOKORE_ORDER if they
// contradict each other (clash names both), GOKORE_NO_MEMORY.
static gokore_status gokore_rules_install_(int origin, gokore_lock_rule_ *rules, const char *clash[2]) {
    const gokore_lock_rule_ *all[GOKORE_ORIGINS_];
    gokore_rules_read_compiled_();
    for (int i = 0; i < GOKORE_ORIGINS_; i++) all[i] = i == origin ? rules : gokore_lockorder_.rules[i];
    uint32_t width = gokore_rules_number_(all);
    size_t bytes = (size_t)width * width * sizeof(char *);
    const char **order = (const char **)gokore_alloc_zeroed_(NULL, bytes + 1, sizeof(char *));
    gokore_status status = order ? GOKORE_OK : GOKORE_NO_MEMORY;
    if (order && !gokore_order_add_rules_(order, width, rules, clash) && origin != GOKORE_ORIGIN_COMPILED_) status = GOKORE_ORDER;
    if (status != GOKORE_OK) {
        gokore_free_(NULL, order, bytes + 1);
        return status;
    }
    const char *weaker[2];
    memset(order, 0, bytes);
    for (int i = GOKORE_ORIGINS_; i-- > 0;) (void)gokore_order_add_rules_(order, width, all[i], weaker);
    gokore_free_(NULL, gokore_lockorder_.order, 0);
    gokore_lockorder_.order = order;
    gokore_lockorder_.width = width;
    gokore_lockorder_.rules[origin] = rules;
    gokore_verdicts_change_();
    return GOKORE_OK;
}

// The matrix of the compiled rules, if no call has made one yet.
static void gokore_rules_ready_(void) {
    const char *clash[2];
    if (!gokore_lockorder_.order) {
        gokore_rules_read_compiled_();
        (void)gokore_rules_install_(GOKORE_ORIGIN_COMPILED_, gokore_lockorder_.rules[GOKORE_ORIGIN_COMPILED_], clash);
    }
}

static gokore_lock_rule_ *gokore_rule_make_(const char *name, const char *const *order, size_t n) {
    gokore_lock_rule_ *rule = gokore_rule_new_(name, strlen(name), n);
    for (size_t i = 0; rule && i < n; i++)
        if (!gokore_rule_append_(rule, order[i], strlen(order[i]))) {
            gokore_free_(NULL, rule, 0);
            return NULL;
        }
    return rule;
}

static bool gokore_rule_valid_(const char *name, const char *const *order, size_t n) {
    bool ok = name && order && n >= 2;
    for (size_t i = 0; ok && i < n; i++) ok = order[i] && gokore_rule_name_ok_(order[i], strlen(order[i]));
    return ok;
}

gokore_status gokore_lockorder_add_rule(const char *name, const char *const *order, size_t n) {
    if (!gokore_rule_valid_(name, order, n)) return GOKORE_INVALID;
    const char *clash[2] = { "", "" };
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_rule_ *rule = gokore_rule_make_(name, order, n), *first = gokore_lockorder_.rules[GOKORE_ORIGIN_CALLED_];
    gokore_status status = GOKORE_NO_MEMORY;
    if (rule) {
        gokore_lock_rule_ **end = &first;
        while (*end) end = &(*end)->next;
        *end = rule;
        status = gokore_rules_install_(GOKORE_ORIGIN_CALLED_, first, clash);
        if (status != GOKORE_OK) {
            *end = NULL;
            gokore_free_(NULL, rule, 0);
            gokore_rules_renumber_();
        }
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (status == GOKORE_ORDER)
        gokore_reportf_(GOKORE_REPORT_POLICY, clash[1], "rule '%s' is refused: it contradicts rule '%s'", clash[1], clash[0]);
    return status;
}

// >>clauses
// Adds or replaces one in a list; false = no memory. Under the latch.
static bool gokore_clause_put_(gokore_lock_clause_ **list, int kind, int origin, const char *const names[3],
                               int64_t max_hold_ns) {
    uint32_t cls[3] = { 0 };
    for (int i = 0; i < 3 && names[i]; i++)
        if (!(cls[i] = gokore_lock_class_record_(names[i], strlen(names[i])))) return false;
    gokore_lock_clause_ *c = *list;
    while (c && !(c->kind == kind && c->origin == origin && c->a == cls[0] && c->b == cls[1] && c->c == cls[2])) c = c->next;
    if (!c) {
        c = (gokore_lock_clause_ *)gokore_alloc_zeroed_(NULL, sizeof *c, sizeof(void *));
        if (!c) return false;
        *c = (gokore_lock_clause_) { .next = *list, .kind = kind, .origin = origin, .a = cls[0], .b = cls[1], .c = cls[2] };
        *list = c;
    }
    c->max_hold_ns = max_hold_ns;
    return true;
}

static void gokore_clauses_drop_(gokore_lock_clause_ **list, int origin) {
    for (gokore_lock_clause_ **at = list, *c; (c = *at) != NULL;) {
        if (c->origin != origin) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        gokore_free_(NULL, c, 0);
    }
}

static bool gokore_clause_blessed_(uint32_t a, uint32_t b) {
    for (const gokore_lock_clause_ *c = gokore_lockorder_.clauses; c; c = c->next)
        if (c->kind == GOKORE_CLAUSE_BLESS_ && ((c->a == a && c->b == b) || (c->a == b && c->b == a))) return true;
    return false;
}

// May cls be taken against the rules by who holds these classes?
static bool gokore_clause_exempts_(uint32_t cls, const uint32_t *held, size_t n) {
    for (const gokore_lock_clause_ *c = gokore_lockorder_.clauses; c; c = c->next) {
        bool from = false, to = false;
        if (c->kind != GOKORE_CLAUSE_EXEMPT_ || c->a != cls) continue;
        for (size_t i = 0; i < n; i++) {
            from |= held[i] == c->b;
            to |= held[i] == c->c;
        }
        if (from && !to) return true;
    }
    return false;
}

// The limit of every lock, and who says so: the later origin counts. INT64_MAX = none.
static int64_t gokore_hold_limit_of_all_(const char **whose) {
    static const char *const names[] = { "the class of service", "the program", "the manifest" };
    int64_t limit_ns = INT64_MAX;
    for (int i = 0; i < GOKORE_ORIGINS_; i++)
        if (gokore_lockorder_.max_hold_ns[i] > 0) {
            limit_ns = gokore_lockorder_.max_hold_ns[i];
            *whose = names[i];
        }
    return limit_ns;
}

static void gokore_limit_least_(int64_t limit_ns, int64_t *least) {
    if (limit_ns > 0 && limit_ns < *least) *least = limit_ns;
}

// After clauses or limits have changed: is there any limit on holds? Under the latch.
static bool gokore_limits_set_(void) {
    int64_t least = INT64_MAX;
    bool exempts = false;
    const char *whose;
    gokore_limit_least_(gokore_hold_limit_of_all_(&whose), &least);
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++)
        gokore_limit_least_(gokore_lock_record_at_(i)->max_hold_ns, &least);
    for (const gokore_lock_clause_ *c = gokore_lockorder_.clauses; c; c = c->next) {
        gokore_limit_least_(c->max_hold_ns, &least);
        exempts |= c->kind == GOKORE_CLAUSE_EXEMPT_;
    }
    gokore_atomic_store_relaxed(&gokore_lock_settings_.exempts, exempts); // relaxed, all of these: for holds from now on
    gokore_atomic_store_relaxed(&gokore_lock_settings_.shortest_ns, least);
    gokore_atomic_store_relaxed(&gokore_lock_settings_.timed, least != INT64_MAX);
    gokore_settings_look_();
    return least != INT64_MAX;
}

static void gokore_settings_look_(void) { // after any setting has changed
    bool timed = gokore_atomic_load_relaxed(&gokore_lock_settings_.timed); // relaxed, all: from now on
    bool exempts = gokore_atomic_load_relaxed(&gokore_lock_settings_.exempts);
    bool limits = gokore_atomic_load_relaxed(&gokore_lock_settings_.max_locks) ||
                  gokore_atomic_load_relaxed(&gokore_lock_settings_.max_held);
    bool mode = gokore_atomic_load_relaxed(&gokore_lock_settings_.mode) & GOKORE_LOCKORDER_BY_INSTANCE;
    bool before = gokore_atomic_load_relaxed(&gokore_lock_settings_.unusual), now = timed || exempts || limits || mode;
    gokore_atomic_store_relaxed(&gokore_lock_settings_.unusual, now); // relaxed, all: from now on
    if (now != before) gokore_verdicts_change_();                     // no entry is warm any more
}

static void gokore_clause_say_(int kind, const char *a, const char *b, const char *c, int64_t max_hold_ns) {
    const char *const names[3] = { a, b, c };
    for (int i = 0; i < (kind == GOKORE_CLAUSE_EXEMPT_ ? 3 : 2); i++)
        if (!names[i] || !gokore_rule_name_ok_(names[i], strlen(names[i]))) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    bool ok = gokore_clause_put_(&gokore_lockorder_.clauses, kind, GOKORE_ORIGIN_CALLED_, names, max_hold_ns);
    bool limits = gokore_limits_set_();
    gokore_verdicts_change_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!ok) gokore_lock_out_of_memory_();
    if (limits) gokore_lock_watch_wanted_();
}

void gokore_lockorder_exempt(const char *cls, const char *from, const char *to) {
    gokore_clause_say_(GOKORE_CLAUSE_EXEMPT_, cls, from, to, 0);
}
void gokore_lockorder_bless(const char *a, const char *b) { gokore_clause_say_(GOKORE_CLAUSE_BLESS_, a, b, NULL, 0); }
void gokore_lockorder_pair_limit(const char *a, const char *b, int64_t max_hold_ns) {
    gokore_clause_say_(GOKORE_CLAUSE_LIMIT_, a, b, NULL, max_hold_ns > 0 ? max_hold_ns : 0);
}

void gokore_lockorder_hold_limit(const char *cls, int64_t max_hold_ns) {
    int64_t *limit = &gokore_lockorder_.max_hold_ns[GOKORE_ORIGIN_CALLED_];
    gokore_latch_lock_(&gokore_lockorder_.latch);
    uint32_t i = cls ? gokore_lock_class_record_(cls, strlen(cls)) : 0;
    if (i) limit = &gokore_lock_record_at_(i)->max_hold_ns;
    if (i || !cls) *limit = max_hold_ns > 0 ? max_hold_ns : 0;
    bool limits = gokore_limits_set_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (cls && !i) gokore_lock_out_of_memory_();
    if (limits) gokore_lock_watch_wanted_();
}

// The hold limit of the class of service, where limits are enforced.
static void gokore_limits_ready_(gokore_qos qos) {
    if (!GOKORE_LOCKORDER || !GOKORE_POLICY) return;
    gokore_lockorder_.max_hold_ns[GOKORE_ORIGIN_COMPILED_] = gokore_lock_policy_default(qos).max_hold_ns;
    (void)gokore_limits_set_();
}

// >>manifests
typedef struct gokore_lock_load_ { // what a set says, made before any of it counts
    gokore_lock_rule_ *rules, **end;
    gokore_lock_clause_ *clauses;
    int64_t max_hold_ns; // 0 = none
    gokore_qos qos;      // of the first policy
} gokore_lock_load_;

static bool gokore_load_rules_(gokore_lock_load_ *load, const gokore_lock_policy *policy) { // false = no memory, as the next
    for (size_t i = 0; i < policy->rule_count; i++) {
        *load->end = gokore_rule_make_(policy->rules[i].name, policy->rules[i].order, policy->rules[i].order_count);
        if (!*load->end) return false;
        load->end = &(*load->end)->next;
    }
    return true;
}

static bool gokore_load_clauses_(gokore_lock_load_ *load, const gokore_lock_policy *policy) {
    bool ok = true;
    for (size_t i = 0; ok && i < policy->exemption_count; i++) {
        const char *const names[3] = { policy->exemptions[i].lock_class, policy->exemptions[i].from, policy->exemptions[i].to };
        ok = gokore_clause_put_(&load->clauses, GOKORE_CLAUSE_EXEMPT_, GOKORE_ORIGIN_MANIFEST_, names, 0);
    }
    for (size_t i = 0; ok && i < policy->pair_limit_count; i++) {
        const char *const names[3] = { policy->pair_limits[i].a, policy->pair_limits[i].b, NULL };
        ok = gokore_clause_put_(&load->clauses, GOKORE_CLAUSE_LIMIT_, GOKORE_ORIGIN_MANIFEST_, names,
                                policy->pair_limits[i].max_hold_ns);
    }
    return ok;
}

static gokore_status gokore_load_make_(gokore_lock_load_ *load, const gokore_policy_set *set) {
    for (size_t i = 0; i < gokore_policy_set_count(set); i++) {
        const gokore_lock_policy *policy = gokore_policy_set_at(set, i)->lock;
        if (!policy || !gokore_lock_policy_is_ours_(policy)) continue;
        if (load->qos == GOKORE_QOS_DEFAULT) load->qos = policy->qos;
        bool less = policy->max_hold_ns > 0 && (load->max_hold_ns == 0 || policy->max_hold_ns < load->max_hold_ns);
        if (GOKORE_POLICY && less) load->max_hold_ns = policy->max_hold_ns;
        if (!gokore_load_rules_(load, policy) || !gokore_load_clauses_(load, policy)) return GOKORE_NO_MEMORY;
    }
    return GOKORE_OK;
}

static void gokore_load_install_(gokore_lock_load_ *load) { // but for its rules
    gokore_lock_clause_ **end = &load->clauses;
    gokore_clauses_drop_(&gokore_lockorder_.clauses, GOKORE_ORIGIN_MANIFEST_);
    while (*end) end = &(*end)->next;
    *end = gokore_lockorder_.clauses;
    gokore_lockorder_.clauses = load->clauses;
    gokore_lockorder_.max_hold_ns[GOKORE_ORIGIN_MANIFEST_] = load->max_hold_ns;
    gokore_limits_ready_(load->qos);
}

// publish, if it is not NULL, is called before another set can be taken.
static gokore_status gokore_lent_load_(const gokore_policy_set *set, void (*publish)(const gokore_policy_set *set)) {
    gokore_lock_load_ load = { .qos = GOKORE_QOS_DEFAULT };
    const char *clash[2] = { "", "" };
    load.end = &load.rules;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_rule_ *before = gokore_lockorder_.rules[GOKORE_ORIGIN_MANIFEST_];
    gokore_status status = gokore_load_make_(&load, set);
    if (status == GOKORE_OK) status = gokore_rules_install_(GOKORE_ORIGIN_MANIFEST_, load.rules, clash);
    gokore_rules_free_(status == GOKORE_OK ? before : load.rules);
    if (status == GOKORE_OK) {
        gokore_load_install_(&load);
        if (publish) publish(set);
    } else {
        gokore_clauses_drop_(&load.clauses, GOKORE_ORIGIN_MANIFEST_);
        gokore_rules_renumber_();
    }
    bool limits = gokore_limits_set_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (status == GOKORE_ORDER)
        gokore_reportf_(GOKORE_REPORT_POLICY, clash[1], "policies are refused: rule '%s' contradicts rule '%s'", clash[1],
                        clash[0]);
    if (limits && set) gokore_lock_watch_wanted_();
    return status;
}

gokore_status gokore_lockorder_load(const gokore_policy_set *set) {
    gokore_policy_identify_(set);
    return gokore_lent_load_(set, NULL);
}

gokore_status gokore_lockorder_check_names(const char *const *held, size_t n, const char *incoming, gokore_lock_verdict *out) {
    gokore_lock_verdict verdict = { .ok = true, .wanted = incoming };
    uint64_t key;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    uint32_t wanted = gokore_lock_class_find_(incoming, strlen(incoming), &key);
    for (const gokore_lock_clause_ *c = gokore_lockorder_.clauses; wanted && c; c = c->next) { // is it exempt here?
        bool from = false, to = false;
        if (c->kind != GOKORE_CLAUSE_EXEMPT_ || c->a != wanted) continue;
        for (size_t i = 0; i < n; i++) {
            uint32_t h = gokore_lock_class_find_(held[i], strlen(held[i]), &key);
            from |= h == c->b;
            to |= h == c->c;
        }
        if (from && !to) wanted = 0;
    }
    for (size_t i = 0; wanted && verdict.ok && i < n; i++) {
        uint32_t h = gokore_lock_class_find_(held[i], strlen(held[i]), &key);
        const char *rule = h && !gokore_clause_blessed_(h, wanted) ? gokore_order_rule_(wanted, h) : NULL;
        if (rule) verdict = (gokore_lock_verdict) { false, held[i], incoming, rule };
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (out) *out = verdict;
    return verdict.ok ? GOKORE_OK : GOKORE_ORDER;
}

// >>threads
// What a thread holds, what it has learnt, what it waits for. Its own entries are written by itself without a lock; the watch
// reads them under the checker's latch, under which tables move.
typedef struct gokore_held_ {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_ptr lock; // this line is all that a warm acquisition reads of it
    gokore_lock_record_ *at;     // the record; NULL = none
    uint64_t warm;               // the record's
    uint64_t hash, instances;    // of this entry and those below, see gokore_chain_
    struct gokore_chain_ *chain; // of a warm entry: what counts; NULL = it is the first one held
    // epoch: of the settings under which this entry may just be held again; 0 = it has to be looked at
    uint32_t record, epoch;
    bool exempt;
    gokore_atomic_u32 mode;      // of the acquisition, without GOKORE_LOCK_TRY
    gokore_atomic_u32 told;      // limits that the watch has told of
    uint32_t node, pins;
    gokore_atomic_i64 since_ns;  // 0 = no clock was read
    uint64_t id, node_id;        // of record and node: whether they are still the same
    const void *outer;
} gokore_held_;

// An entry stays when its lock is given up. Taken again in the same place it needs no more than a look: the entries below are the
// same, because who changes an entry makes the one above cold.

// What this thread has learnt at an acquisition under the same locks. The key hashes the nodes held and the one wanted, with
// their modes, like lockdep's chains: 64 bits, taken to be unique. ids, in the thread's own store: their number, the node wanted,
// the nodes held; 0 for a pair that was left out.
typedef struct gokore_chain_ {
    uint64_t key;             // 0 = free
    uint64_t instances;       // hash of the locks behind the classes held; 0 = they have varied
    gokore_atomic_u64 count;  // acquisitions; relaxed, written by this thread only
    uint32_t epoch;           // of the verdict
    uint32_t ids;
} gokore_chain_;

#define GOKORE_HELD_FIRST_ (GOKORE_LOCKORDER ? 16 : 1)
typedef struct gokore_lock_thread_ {
    uint64_t id;              // as gettid gives it; 0 = free
    uint32_t number, next_free;
    gokore_atomic_u32 count;  // of held
    uint32_t capacity;
    gokore_held_ *held;       // one before the first and one after the last never hold a lock
    gokore_chain_ *chains;
    uint64_t chain_mask, chain_used;
    uint64_t *ids;
    size_t ids_used, ids_capacity;
    uint64_t edges_gone;      // when its chains were last looked through
    gokore_trace_ trace;
    gokore_latch_ latch;      // of what follows
    gokore_wait_ wait;        // kind NONE = it waits for nothing
    gokore_atomic_bool waits; // a hint that it does
    uint64_t wait_number;     // of its waits
    int64_t wait_since_ns;
    uint32_t wait_stack;
    gokore_lock_map_ parties;
    gokore_held_ first[GOKORE_HELD_FIRST_ + 2];
} gokore_lock_thread_;

static _Thread_local gokore_lock_thread_ *gokore_mine_;
static _Thread_local uint32_t gokore_unseen_; // locks held by a thread that there was no memory for
static uint32_t gokore_thread_free_; // under the latch
static pthread_key_t gokore_thread_end_;
static pthread_once_t gokore_thread_once_ = PTHREAD_ONCE_INIT;

static gokore_lock_thread_ *gokore_lock_thread_at_(uint32_t i) {
    return (gokore_lock_thread_ *)gokore_chunk_item_(&gokore_lockorder_.threads, i, sizeof(gokore_lock_thread_));
}

static uint32_t gokore_held_count_(const gokore_lock_thread_ *t) { // relaxed: its own
    return t ? gokore_atomic_load_relaxed(&t->count) : 0;
}

static const void *gokore_held_lock_(const gokore_held_ *h) { return gokore_atomic_load_relaxed(&h->lock); } // relaxed: a look

static gokore_held_ *gokore_held_find_(const void *lock) {
    gokore_lock_thread_ *t = gokore_mine_;
    for (uint32_t i = gokore_held_count_(t); i-- > 0;)
        if (gokore_held_lock_(&t->held[i]) == lock) return &t->held[i];
    return NULL;
}

static void gokore_chain_fold_(gokore_lock_thread_ *t, gokore_chain_ *c) { // its count goes to the edges
    const uint64_t *ids = t->ids + c->ids;
    uint64_t count = gokore_atomic_load_relaxed(&c->count); // relaxed: the thread is at rest
    for (uint64_t i = 0; i < ids[0]; i++) {
        uint32_t e = ids[2 + i] ? gokore_edge_find_(ids[2 + i], ids[1]) : 0;
        if (e) gokore_lock_edge_at_(e)->weight += count;
    }
    gokore_atomic_store_relaxed(&c->count, 0);
}

static void gokore_held_cold_(gokore_lock_thread_ *t) { // the chains move
    for (uint32_t i = 0; i <= t->capacity; i++) t->held[i].epoch = 0;
}

static void gokore_chains_drop_(gokore_lock_thread_ *t) {
    for (uint64_t i = 0; t->chains && i <= t->chain_mask; i++)
        if (t->chains[i].key) gokore_chain_fold_(t, &t->chains[i]);
    gokore_free_(NULL, t->chains, 0);
    gokore_free_(NULL, t->ids, 0);
    t->chains = NULL;
    t->ids = NULL;
    t->chain_mask = t->chain_used = 0;
    t->ids_used = t->ids_capacity = 0;
}

static void gokore_thread_free_now_(gokore_lock_thread_ *t) { // under the latch
    gokore_chains_drop_(t);
    gokore_latch_lock_(&t->latch);
    gokore_lock_map_clear_(&t->parties);
    gokore_latch_unlock_(&t->latch);
    if (t->held != t->first + 1) gokore_free_(NULL, t->held - 1, 0);
    t->held = t->first + 1;
    t->capacity = GOKORE_HELD_FIRST_;
    gokore_held_cold_(t);
    t->id = 0;
    gokore_atomic_store_relaxed(&t->count, 0); // relaxed: under the latch
    t->next_free = gokore_thread_free_;
    gokore_thread_free_ = t->number;
}

// Runs when a thread ends, and again if it takes locks in a later destructor.
static void gokore_thread_ends_(void *arg) {
    gokore_lock_thread_ *t = (gokore_lock_thread_ *)arg;
    for (uint32_t i = 0; i < gokore_held_count_(t); i++) {
        gokore_held_ *h = &t->held[i];
        char title[64];
        gokore_lock_title_(gokore_held_lock_(h), NULL, h->record, title, sizeof title);
        gokore_reportf_(GOKORE_REPORT_LOCK_LEAKED, title, "thread %llu ends while it holds '%s'", (unsigned long long)t->id,
                        title);
    }
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 0; i < gokore_held_count_(t); i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(t->held[i].record);
        // relaxed: under the latch
        if (t->held[i].record && r->id == t->held[i].id) gokore_atomic_store_relaxed(&r->orphan, t->id);
    }
    gokore_thread_free_now_(t);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    gokore_mine_ = NULL;
}

#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
static void gokore_fork_prepare_(void) { gokore_latch_lock_(&gokore_lockorder_.latch); }
static void gokore_fork_parent_(void) { gokore_latch_unlock_(&gokore_lockorder_.latch); }

// In the child there is one thread only: the others hold nothing any more, and wait for nothing.
static void gokore_fork_child_(void) {
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) {
        gokore_lock_thread_ *t = gokore_lock_thread_at_(i);
        t->latch = (gokore_latch_) { GOKORE_ATOMIC_INIT(0) }; // its holder may be gone
        if (t == gokore_mine_)
            t->id = gokore_thread_id_();
        else if (t->id)
            gokore_thread_free_now_(t);
    }
    gokore_lock_watch_forked_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

static void gokore_fork_watched_(void) { (void)pthread_atfork(gokore_fork_prepare_, gokore_fork_parent_, gokore_fork_child_); }
#else
static void gokore_fork_watched_(void) {} // processes are not forked there
#endif

static void gokore_threads_prepare_(void) {
    (void)pthread_key_create(&gokore_thread_end_, gokore_thread_ends_);
    gokore_fork_watched_();
}

// Where limits are enforced, those of the container and of its class of service count from the first lock on. Without the latch:
// files are read for it.
static void gokore_limit_locks_ready_(void) {
    // relaxed: once
    if (!GOKORE_LOCKORDER || !GOKORE_POLICY || gokore_atomic_exchange_relaxed(&gokore_lockorder_.limited, true)) return;
    int64_t limit = gokore_limit_locks().value;
    gokore_lockorder_.max_locks = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
    if (limit > 0) gokore_lent_max_locks_(gokore_lockorder_.max_locks);
}

// This thread's state; NULL if there is no memory.
static gokore_lock_thread_ *gokore_lock_thread_new_(void) {
    static bool ready; // under the latch
    gokore_limit_locks_ready_();
    (void)pthread_once(&gokore_thread_once_, gokore_threads_prepare_);
    gokore_latch_lock_(&gokore_lockorder_.latch);
    if (!ready) gokore_limits_ready_(GOKORE_QOS_DEFAULT);
    ready = true;
    uint32_t i = gokore_thread_free_;
    bool fresh = i == 0;
    if (i)
        gokore_thread_free_ = gokore_lock_thread_at_(i)->next_free;
    else
        i = gokore_chunk_add_(&gokore_lockorder_.threads, sizeof(gokore_lock_thread_));
    gokore_lock_thread_ *t = i ? gokore_lock_thread_at_(i) : NULL;
    if (t) {
        if (fresh) memset(t, 0, sizeof *t);
        t->number = i;
        t->id = gokore_thread_id_();
        t->held = t->first + 1;
        t->capacity = GOKORE_HELD_FIRST_;
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!t) return NULL;
    (void)pthread_setspecific(gokore_thread_end_, t);
    return gokore_mine_ = t;
}

static bool gokore_held_grow_(gokore_lock_thread_ *t) {
    gokore_held_ *before = t->held;
    gokore_held_ *more = (gokore_held_ *)gokore_alloc_zeroed_(NULL, (2 * t->capacity + 2) * sizeof *more, GOKORE_CACHE_LINE);
    if (!more) return false;
    gokore_latch_lock_(&gokore_lockorder_.latch); // the watch may be reading
    memcpy(more + 1, before, t->capacity * sizeof *more);
    t->held = more + 1;
    t->capacity *= 2;
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (before != t->first + 1) gokore_free_(NULL, before - 1, 0);
    return true;
}

// >>chains
static gokore_chain_ *gokore_chain_slot_(const gokore_lock_thread_ *t, uint64_t key) {
    for (uint64_t i = key;; i++) {
        gokore_chain_ *c = &t->chains[i & t->chain_mask];
        if (c->key == key || c->key == 0) return c;
    }
}

static gokore_chain_ *gokore_chain_find_(const gokore_lock_thread_ *t, uint64_t key) {
    gokore_chain_ *c = t->chains ? gokore_chain_slot_(t, key) : NULL;
    return c && c->key ? c : NULL;
}

// Is every edge of it gone? Then it is not worth keeping.
static bool gokore_chain_is_dead_(const gokore_lock_thread_ *t, const gokore_chain_ *c) {
    const uint64_t *ids = t->ids + c->ids;
    if (c->key == 0) return true;
    for (uint64_t i = 0; i < ids[0] && t->edges_gone != gokore_lockorder_.edges_gone; i++)
        if (!ids[2 + i] || gokore_edge_find_(ids[2 + i], ids[1])) return false;
    return t->edges_gone != gokore_lockorder_.edges_gone;
}

// Room for one more chain of n ids: dead ones are left behind, the tables grown. Under the latch; false = no memory.
static bool gokore_chains_room_(gokore_lock_thread_ *t, size_t n) {
    if (t->chains && t->chain_used * 2 <= t->chain_mask && t->ids_used + n <= t->ids_capacity) return true;
    uint64_t live = 0, size = 64;
    size_t ids = n;
    for (uint64_t i = 0; t->chains && i <= t->chain_mask; i++) {
        gokore_chain_ *c = &t->chains[i];
        if (gokore_chain_is_dead_(t, c)) continue;
        live++;
        ids += (size_t)t->ids[c->ids] + 2;
    }
    while (size < live * 4) size *= 2;
    gokore_chain_ *chains = (gokore_chain_ *)gokore_alloc_zeroed_(NULL, (size_t)size * sizeof *chains, GOKORE_CACHE_LINE);
    uint64_t *store = (uint64_t *)gokore_alloc_(NULL, (2 * ids + 64) * sizeof *store, sizeof *store);
    if (!chains || !store) {
        gokore_free_(NULL, chains, 0);
        gokore_free_(NULL, store, 0);
        return false;
    }
    gokore_lock_thread_ moved = { .chains = chains, .chain_mask = size - 1 };
    for (uint64_t i = 0; t->chains && i <= t->chain_mask; i++) {
        const gokore_chain_ *c = &t->chains[i];
        if (gokore_chain_is_dead_(t, c)) continue;
        size_t count = (size_t)t->ids[c->ids] + 2;
        gokore_chain_ *to = gokore_chain_slot_(&moved, c->key);
        *to = *c;
        to->ids = (uint32_t)moved.ids_used;
        memcpy(store + moved.ids_used, t->ids + c->ids, count * sizeof *store);
        moved.ids_used += count;
    }
    gokore_free_(NULL, t->chains, 0);
    gokore_free_(NULL, t->ids, 0);
    t->chains = chains;
    t->chain_mask = size - 1;
    t->chain_used = live;
    t->ids = store;
    t->ids_used = moved.ids_used;
    t->ids_capacity = 2 * ids + 64;
    t->edges_gone = gokore_lockorder_.edges_gone;
    gokore_held_cold_(t);
    return true;
}

// >>hashes: of what is held, oldest first, each lock by its node and its mode
// The part of one lock: its node, its rank within a class, how it is wanted.
static uint64_t gokore_lock_part_(uint32_t record, uint32_t node, unsigned mode, const void *outer) {
    const gokore_lock_record_ *n = gokore_lock_record_at_(node ? node : 1);
    uint64_t how = (mode & (7 | GOKORE_LOCK_TIMED_)) + (uint64_t)(uintptr_t)outer * 64;
    uint64_t rank = record && node != record ? gokore_lock_record_at_(record)->rank : 0;
    return ((node ? n->id : 0) * 0x9e3779b97f4a7c15u ^ how) + rank;
}

// The key of the chain that taking this one would be, and the hash of those held once it is: the same but for timed waits.
static uint64_t gokore_chain_key_(const gokore_held_ *top, uint64_t part) {
    return gokore_lock_hash_((top ? top->hash : 0) + part) | 1;
}

// After an entry or one below it has changed.
static void gokore_held_hash_set_(gokore_held_ *h, const gokore_held_ *below) {
    h->epoch = h[1].epoch = 0;
    uint64_t exempt = h->exempt ? 32 : 0; // its own bit: outer counts from 64
    uint32_t mode = gokore_atomic_load_relaxed(&h->mode) & 7; // relaxed: its own
    h->hash = gokore_chain_key_(below, gokore_lock_part_(h->record, h->node, mode, h->outer) + exempt);
    h->instances = (below ? below->instances : 1) + (h->node != h->record ? gokore_lock_hash_(h->id) | 1 : 0);
}

// After a lock's class, rank or home has changed; under the latch.
static void gokore_lock_part_set_(uint32_t record) {
    gokore_lock_record_ *r = gokore_lock_record_at_(record);
    r->part = r->numa_node > 0 ? 0 : gokore_lock_part_(record, r->cls ? r->cls : record, GOKORE_LOCK_EXCLUSIVE, NULL);
    r->warm = gokore_lock_hash_(r->part + r->id * 0x9e3779b97f4a7c15u) | 1;
}

// >>an acquisition, and the pairs of it
typedef struct gokore_acquisition_ {
    gokore_lock_thread_ *thread;
    uint32_t record, node;   // wanted
    uint32_t epoch, judged;  // judged: the epoch, once no pair of it has anything more to tell; 0 before
    unsigned mode;
    const void *outer;
    bool exempt, strict;
    uint32_t classes_held;
    gokore_lockset_ *held;   // NULL = no memory
} gokore_acquisition_;

static bool gokore_mode_is_shared_(unsigned mode) {
    unsigned kind = mode & 7;
    return kind == GOKORE_LOCK_SHARED || kind == GOKORE_LOCK_SHARED_RECURSIVE;
}

static uint32_t gokore_held_mode_(const gokore_held_ *h) { return gokore_atomic_load_relaxed(&h->mode); } // relaxed: its own

// A plain reader's second lock may wait behind a writer, so a plain shared want stops at shared holds, too.
static uint32_t gokore_pair_kinds_(const gokore_acquisition_ *a, const gokore_held_ *h) {
    unsigned mode = a->mode;
    return (a->exempt || h->exempt ? GOKORE_DEP_EXEMPT_ : 0) |
           (gokore_mode_is_shared_(gokore_held_mode_(h)) ? GOKORE_DEP_HELD_SHARED_ : 0) |
           ((mode & 7) == GOKORE_LOCK_SHARED_RECURSIVE ? GOKORE_DEP_WANT_SHARED_ : 0) |
           (mode & GOKORE_LOCK_TIMED_ ? GOKORE_DEP_TIMED_ : 0);
}

static bool gokore_held_is_known_(const gokore_held_ *h) { // and its node has not been destroyed by another thread
    return h->node && gokore_lock_record_at_(h->node)->id == h->node_id;
}

// What is held, as a set; built once per acquisition that has something to learn.
static gokore_lockset_ *gokore_lockset_new_(const gokore_lock_thread_ *t, bool without_classed) {
    uint32_t n = gokore_held_count_(t);
    gokore_lockset_ *set = (gokore_lockset_ *)gokore_alloc_(NULL, sizeof *set + n * sizeof set->item[0], sizeof(uint64_t));
    if (!set) return NULL;
    *set = (gokore_lockset_) { .uses = 1 };
    for (uint32_t i = 0; i < n; i++) {
        const gokore_held_ *h = &t->held[i];
        bool classed = h->node != h->record, shared = gokore_mode_is_shared_(gokore_held_mode_(h));
        if (!gokore_held_is_known_(h) || (classed && without_classed)) continue;
        uint64_t item = h->id * GOKORE_ITEM_ID_ + (shared ? GOKORE_ITEM_SHARED_ : 0);
        uint32_t at = set->count++;
        for (; at > 0 && set->item[at - 1] > item; at--) set->item[at] = set->item[at - 1];
        set->item[at] = item;
    }
    return set;
}

// The id of a lock in both, held exclusively in one of them at least; 0 = none.
static uint64_t gokore_lockset_common_(const gokore_lockset_ *a, const gokore_lockset_ *b) {
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        uint64_t x = a->item[i] / GOKORE_ITEM_ID_, y = b->item[k] / GOKORE_ITEM_ID_;
        if (x == y && !(a->item[i] & b->item[k] & GOKORE_ITEM_SHARED_)) return x;
        i += x <= y;
        k += y <= x;
    }
    return 0;
}

// Does every lock of a stand in b, held as exclusively? Then whatever b's acquisition can hang with, a's can.
static bool gokore_lockset_within_(const gokore_lockset_ *a, const gokore_lockset_ *b) {
    uint32_t k = 0;
    if (a->count > b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        while (k < b->count && b->item[k] / GOKORE_ITEM_ID_ < a->item[i] / GOKORE_ITEM_ID_) k++;
        if (k == b->count || b->item[k] / GOKORE_ITEM_ID_ != a->item[i] / GOKORE_ITEM_ID_) return false;
        if (b->item[k] & ~a->item[i] & GOKORE_ITEM_SHARED_) return false;
    }
    return true;
}

// >>ways: from the lock wanted along learnt edges to a lock held
enum gokore_way_ { GOKORE_WAY_NONE_, GOKORE_WAY_GATED_, GOKORE_WAY_ALONE_, GOKORE_WAY_OPEN_ };
typedef struct gokore_search_ {
    uint32_t start, goal, mark, steps;
    gokore_lock_dep_ last; // the pair that would close the cycle, from goal to start
    bool strangers;        // some step may be another thread's
    bool shortest;         // only steps that come nearer
    bool gates, others;    // no lock in common between any two; another thread somewhere
} gokore_search_;

static void gokore_search_reach_(uint32_t node, int side, uint32_t mark, uint32_t *tail) {
    gokore_lock_record_ *r = gokore_lock_record_at_(node);
    if (r->mark[side] == mark) return;
    r->mark[side] = mark;
    r->queued[side] = 0;
    if (*tail) gokore_lock_record_at_(*tail)->queued[side] = node;
    *tail = node;
}

// Is there any way at all? From both ends in turns, so that it costs no more than the side that is sooner at its end.
static bool gokore_search_meets_(uint32_t start, uint32_t goal) {
    if (!gokore_lock_record_at_(start)->out || !gokore_lock_record_at_(goal)->in) return false;
    uint32_t mark = ++gokore_lockorder_.mark, tail[2] = { 0, 0 }, at[2] = { start, goal };
    gokore_search_reach_(start, 0, mark, &tail[0]);
    gokore_search_reach_(goal, 1, mark, &tail[1]);
    for (int side = 0; at[0] && at[1]; side = !side) {
        const gokore_lock_record_ *r = gokore_lock_record_at_(at[side]);
        for (uint32_t e = side ? r->in : r->out; e;) {
            const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            uint32_t next = side ? edge->from : edge->to;
            if (gokore_lock_record_at_(next)->mark[!side] == mark) return true;
            gokore_search_reach_(next, side, mark, &tail[side]);
            e = side ? edge->next_in : edge->next_out;
        }
        at[side] = r->queued[side];
    }
    return false;
}

// Marks all that lead to the goal, with their distance from it.
static void gokore_search_mark_(gokore_search_ *s) {
    uint32_t tail = 0;
    s->mark = ++gokore_lockorder_.mark;
    gokore_search_reach_(s->goal, 1, s->mark, &tail);
    gokore_lock_record_at_(s->goal)->far = 0;
    for (uint32_t at = s->goal; at; at = gokore_lock_record_at_(at)->queued[1])
        for (uint32_t e = gokore_lock_record_at_(at)->in; e; e = gokore_lock_edge_at_(e)->next_in) {
            const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            gokore_lock_record_ *from = gokore_lock_record_at_(edge->from);
            if (from->mark[1] != s->mark) from->far = gokore_lock_record_at_(at)->far + 1;
            gokore_search_reach_(edge->from, 1, s->mark, &tail);
            for (uint32_t d = edge->deps; d && !s->strangers; d = gokore_lock_dep_at_(d)->next)
                s->strangers = gokore_lock_dep_at_(d)->thread != s->last.thread;
        }
}

static uint32_t gokore_dep_from_(uint32_t d) { return gokore_lock_edge_at_(gokore_lock_dep_at_(d)->edge)->from; }
static uint32_t gokore_dep_to_(uint32_t d) { return gokore_lock_edge_at_(gokore_lock_dep_at_(d)->edge)->to; }

static uint32_t gokore_dep_first_(uint32_t e) { return e ? gokore_lock_edge_at_(e)->deps : 0; }
static uint32_t gokore_dep_next_(uint32_t d) { // of those that leave the same node
    const gokore_lock_dep_ *dep = gokore_lock_dep_at_(d);
    return dep->next ? dep->next : gokore_dep_first_(gokore_lock_edge_at_(dep->edge)->next_out);
}

// Does who wants by `in` have to wait for who holds by `out`?
static bool gokore_dep_blocks_(const gokore_lock_dep_ *in, const gokore_lock_dep_ *out) {
    return !(in->kinds & GOKORE_DEP_WANT_SHARED_ && out->kinds & GOKORE_DEP_HELD_SHARED_);
}

// May the way that has come to `at` go on by this dependency?
static bool gokore_search_allows_(const gokore_search_ *s, uint32_t at, uint32_t d) {
    const gokore_lock_dep_ *dep = gokore_lock_dep_at_(d);
    uint32_t to = gokore_dep_to_(d);
    const gokore_lock_record_ *r = gokore_lock_record_at_(to), *here = gokore_lock_record_at_(at);
    if (r->mark[1] != s->mark || r->on_way || (s->shortest && r->far + 1 != here->far)) return false;
    if (!gokore_dep_blocks_(at == s->start ? &s->last : gokore_lock_dep_at_(here->via), dep)) return false;
    if (to == s->goal && !gokore_dep_blocks_(dep, &s->last)) return false;
    bool others = dep->thread != s->last.thread;
    if (s->gates && gokore_lockset_common_(dep->held, s->last.held)) return false;
    for (uint32_t node = at; node != s->start; node = gokore_dep_from_(gokore_lock_record_at_(node)->via)) {
        const gokore_lock_dep_ *before = gokore_lock_dep_at_(gokore_lock_record_at_(node)->via);
        if (s->gates && gokore_lockset_common_(dep->held, before->held)) return false;
        others |= before->thread != s->last.thread;
    }
    return to != s->goal || !s->others || others;
}

// Depth first, each lock at most once. The way found is in the records' via, backwards from the goal.
static bool gokore_search_walk_(gokore_search_ *s) {
    uint32_t at = s->start, d = gokore_dep_first_(gokore_lock_record_at_(at)->out);
    bool found = false;
    gokore_lock_record_at_(at)->on_way = true;
    while (!found && s->steps > 0) {
        for (; d && s->steps > 0 && !gokore_search_allows_(s, at, d); s->steps--) d = gokore_dep_next_(d);
        if (s->steps == 0) break;
        s->steps--;
        if (!d && at == s->start) break;
        if (!d) { // nothing more from here: a step back
            gokore_lock_record_at_(at)->on_way = false;
            d = gokore_lock_record_at_(at)->via;
            at = gokore_dep_from_(d);
            d = gokore_dep_next_(d);
            continue;
        }
        at = gokore_dep_to_(d);
        gokore_lock_record_at_(at)->via = d;
        gokore_lock_record_at_(at)->on_way = at != s->goal;
        found = at == s->goal;
        d = gokore_dep_first_(gokore_lock_record_at_(at)->out);
    }
    for (; at != s->start; at = gokore_dep_from_(gokore_lock_record_at_(at)->via)) gokore_lock_record_at_(at)->on_way = false;
    gokore_lock_record_at_(s->start)->on_way = false;
    return found;
}

static bool gokore_search_find_(gokore_search_ *s, bool gates, bool others) {
    s->gates = gates;
    s->others = others;
    for (int shortest = 1; shortest >= 0; shortest--) {
        s->shortest = shortest;
        s->steps = 100000;
        if (gokore_search_walk_(s)) return true;
    }
    return false;
}

// The worst cycle that this pair closes.
static enum gokore_way_ gokore_search_worst_(gokore_search_ *s) {
    if (!gokore_search_meets_(s->start, s->goal)) return GOKORE_WAY_NONE_;
    gokore_search_mark_(s);
    if (s->strangers && gokore_search_find_(s, true, true)) return GOKORE_WAY_OPEN_;
    if (gokore_search_find_(s, true, false)) return GOKORE_WAY_ALONE_;
    return gokore_search_find_(s, false, false) ? GOKORE_WAY_GATED_ : GOKORE_WAY_NONE_;
}

// >>findings: written under the latch, told after it
#define GOKORE_STORY_MAX_ 24
typedef struct gokore_story_step_ { // one edge of a cycle
    char held[40], wanted[40];
    uint64_t thread;                // 0 = several
    uint32_t stack;
} gokore_story_step_;
typedef struct gokore_finding_ {
    gokore_report_id id;            // GOKORE_REPORT_NONE = nothing to tell
    gokore_severity severity;
    char message[512], resource[64];
    const gokore_stack_ *stack;
    uint32_t other;                 // a kept stack
    size_t step_count;              // full, also where the array is shorter
    gokore_story_step_ step[GOKORE_STORY_MAX_];
} gokore_finding_;
static _Thread_local const gokore_finding_ *gokore_finding_now_; // while it is told

static void gokore_finding_count_(gokore_report_id id) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    if (id == GOKORE_REPORT_LOCK_DEADLOCK) {
        if (i->deadlock) i->deadlock(i->user);
    } else if (i->lock_violation) {
        i->lock_violation(i->user, id);
    }
}

static gokore_status gokore_finding_tell_(gokore_finding_ *f, gokore_status denied) {
    if (GOKORE_METRICS) gokore_finding_count_(f->id);
    gokore_report report = { .id = f->id, .severity = f->severity, .message = f->message, .resource = f->resource };
    report.stack = f->stack->frames;
    report.stack_depth = f->stack->depth;
    report.other_stack = gokore_kept_stack_at_(f->other)->frames;
    report.other_stack_depth = gokore_kept_stack_at_(f->other)->depth;
    const gokore_finding_ *outer = gokore_finding_now_;
    gokore_finding_now_ = f;
    gokore_status status = gokore_violation_(&report, denied);
    gokore_finding_now_ = outer;
    return status;
}

static const char *gokore_pod_title_(void) { return gokore_report_pod_()[0] ? gokore_report_pod_() : "-"; }

// What every message ends with.
static void gokore_finding_place_(gokore_finding_ *f, size_t len) {
    if (len > sizeof f->message - 120) { // long names leave the end whole
        len = sizeof f->message - 120;
        memcpy(f->message + len - 4, "...'", 4);
    }
    (void)snprintf(f->message + len, sizeof f->message - len, " (numa:%d, pod:%.80s)", gokore_thread_node_(),
                   gokore_pod_title_());
}

static void gokore_finding_step_(gokore_finding_ *f, uint32_t held, uint32_t wanted, uint64_t thread, uint32_t stack) {
    char name[32];
    if (f->step_count < GOKORE_STORY_MAX_) {
        gokore_story_step_ *step = &f->step[f->step_count];
        (void)snprintf(step->held, sizeof step->held, "%s", gokore_node_title_(held, name));
        (void)snprintf(step->wanted, sizeof step->wanted, "%s", gokore_node_title_(wanted, name));
        step->thread = thread;
        step->stack = stack;
    }
    f->step_count++;
}

// Has this pair been told of in this way? If not, it has been now. No memory: it is not told, but that is.
enum { GOKORE_TOLD_ORDER_ = 1, GOKORE_TOLD_CYCLE_ = 2, GOKORE_TOLD_ALONE_ = 4, GOKORE_TOLD_GATED_ = 8 };
static bool gokore_told_(uint32_t from, uint32_t to, uint32_t kind) {
    uint64_t key = gokore_edge_key_(gokore_lock_record_at_(from)->id, gokore_lock_record_at_(to)->id);
    uint32_t told = gokore_lock_map_get_(&gokore_lockorder_.told, key);
    return (told & kind) || !gokore_lock_map_put_(&gokore_lockorder_.told, key, told | kind);
}

static void gokore_finding_begin_(gokore_finding_ *f, gokore_report_id id, const gokore_acquisition_ *a) {
    char name[32];
    f->id = id;
    f->severity = GOKORE_SEVERITY_ERROR;
    f->stack = &a->thread->trace.stack;
    f->other = 0;
    f->step_count = 0;
    (void)snprintf(f->resource, sizeof f->resource, "%s", gokore_node_title_(a->node, name));
}

static void gokore_finding_order_(gokore_finding_ *f, const gokore_acquisition_ *a, uint32_t held, const char *rule) {
    char h[32], w[32];
    const char *wanted = gokore_node_title_(a->node, w);
    gokore_finding_begin_(f, GOKORE_REPORT_LOCK_ORDER, a);
    int n = snprintf(f->message, sizeof f->message,
                     "lock order violation: '%s' taken while '%s' is held, rule '%s' wants '%s' first", wanted,
                     gokore_node_title_(held, h), rule, wanted);
    gokore_finding_step_(f, held, a->node, a->thread->id, 0);
    gokore_finding_place_(f, (size_t)n);
}

static void gokore_finding_twins_(gokore_finding_ *f, const gokore_acquisition_ *a) {
    char name[32];
    gokore_finding_begin_(f, GOKORE_REPORT_LOCK_INVERSION, a);
    int n = snprintf(f->message, sizeof f->message,
                     "lock order inversion: two locks of class '%s' held together, and nothing says which comes first",
                     gokore_node_title_(a->node, name));
    gokore_finding_step_(f, a->node, a->node, a->thread->id, 0);
    gokore_finding_place_(f, (size_t)n);
}

// " -> 'a' -> 'b'" from the lock wanted to the one held, cut in front where there is no room.
static const char *gokore_finding_path_(const gokore_search_ *s, char *path, size_t size) {
    char name[32];
    size_t at = size - 1;
    path[at] = 0;
    for (uint32_t node = s->goal; node != s->start; node = gokore_dep_from_(gokore_lock_record_at_(node)->via)) {
        const char *title = gokore_node_title_(node, name);
        size_t len = strlen(title) + 6;
        if (len + 7 > at) return (const char *)memcpy(path + (at - 7), " -> ...", 7);
        at -= len;
        memcpy(path + at, " -> '", 5);
        memcpy(path + at + 5, title, len - 6);
        path[at + len - 1] = '\'';
    }
    return path + at;
}

// The lock that two acquisitions of the way just found have in common.
static const char *gokore_search_gate_(const gokore_search_ *s, char out[32]) {
    for (uint32_t x = s->goal; x != s->start; x = gokore_dep_from_(gokore_lock_record_at_(x)->via)) {
        const gokore_lock_dep_ *a = gokore_lock_dep_at_(gokore_lock_record_at_(x)->via);
        uint64_t id = gokore_lockset_common_(a->held, s->last.held);
        for (uint32_t y = gokore_dep_from_(gokore_lock_record_at_(x)->via); !id && y != s->start;
             y = gokore_dep_from_(gokore_lock_record_at_(y)->via))
            id = gokore_lockset_common_(a->held, gokore_lock_dep_at_(gokore_lock_record_at_(y)->via)->held);
        for (uint32_t i = 1; id && i <= gokore_lockorder_.records.count; i++)
            if (gokore_lock_record_at_(i)->id == id) return gokore_node_title_(i, out);
    }
    return "a lock that is gone";
}

// The cycle held -> wanted -> ... -> held, as the search left it in the records' via.
static void gokore_finding_cycle_(gokore_finding_ *f, const gokore_acquisition_ *a, const gokore_search_ *s,
                                  enum gokore_way_ way) {
    char path[256], w[32], h[32], g[32], why[96] = "";
    bool bounded = s->last.kinds & GOKORE_DEP_TIMED_;
    gokore_finding_begin_(f, way == GOKORE_WAY_GATED_ ? GOKORE_REPORT_LOCK_GATED : GOKORE_REPORT_LOCK_INVERSION, a);
    if (way != GOKORE_WAY_OPEN_ && !a->strict) f->severity = GOKORE_SEVERITY_INFO;
    uint32_t first = 0;
    for (uint32_t node = s->goal; node != s->start; node = gokore_dep_from_(first)) {
        first = gokore_lock_record_at_(node)->via;
        const gokore_lock_dep_ *dep = gokore_lock_dep_at_(first);
        bounded = bounded && dep->kinds & GOKORE_DEP_TIMED_;
        gokore_finding_step_(f, gokore_dep_from_(first), node, dep->thread, dep->stack);
    }
    f->other = gokore_lock_dep_at_(first)->stack;
    gokore_finding_step_(f, s->goal, s->start, a->thread->id, 0);
    if (way == GOKORE_WAY_ALONE_) (void)snprintf(why, sizeof why, ", by this thread alone");
    if (way == GOKORE_WAY_GATED_) (void)snprintf(why, sizeof why, ", always under '%.60s'", gokore_search_gate_(s, g));
    int n = snprintf(f->message, sizeof f->message,
                     "lock order %s: '%.100s' taken while '%.100s' is held, but '%.100s'%s was seen before%s%s",
                     way == GOKORE_WAY_GATED_ ? "cycle" : "inversion", gokore_node_title_(s->start, w),
                     gokore_node_title_(s->goal, h),
                     gokore_node_title_(s->start, w), gokore_finding_path_(s, path, sizeof path), why,
                     bounded ? ", bounded: every wait of it gives up in time" : "");
    gokore_finding_place_(f, (size_t)n);
}

// >>judging
enum gokore_verdict_ { GOKORE_VERDICT_FINE_, GOKORE_VERDICT_MILD_, GOKORE_VERDICT_WRONG_ };

// What declared order a pair breaks, by name; NULL = none.
static const char *gokore_pair_rule_(const gokore_acquisition_ *a, const gokore_held_ *h) {
    const gokore_lock_record_ *held = gokore_lock_record_at_(h->record), *wanted = gokore_lock_record_at_(a->record);
    const char *rule = a->exempt || h->exempt ? NULL : gokore_order_rule_(wanted->cls, held->cls);
    if (rule) return rule;
    if (held->rank && wanted->rank && held->rank >= wanted->rank) return "ranks rise";
    const gokore_lock_record_ *x = gokore_lock_record_at_(h->node), *y = gokore_lock_record_at_(a->node);
    return x->is_class && y->is_class && x->cls == y->cls && x->subclass > y->subclass ? "subclasses rise" : NULL;
}

// Pairs that nothing is learnt of: nested under one outer lock, blessed, or with a lock that is gone.
static bool gokore_pair_is_free_(const gokore_acquisition_ *a, const gokore_held_ *h) {
    if (!gokore_held_is_known_(h)) return true;
    if (a->outer && (h->outer == a->outer || (h->node == a->node && gokore_held_lock_(h) != a->outer))) return true;
    uint32_t cls = gokore_lockorder_.clauses ? gokore_lock_record_at_(a->record)->cls : 0;
    return cls && gokore_clause_blessed_(gokore_lock_record_at_(h->record)->cls, cls);
}

// After a cycle is told: its other edges have been told with it.
static void gokore_search_tell_(const gokore_search_ *s, uint32_t kind) {
    for (uint32_t node = s->goal, from; node != s->start; node = from) {
        from = gokore_dep_from_(gokore_lock_record_at_(node)->via);
        (void)gokore_told_(from, node, kind);
    }
}

// Does this dependency say of the pair all that there is to say?
static bool gokore_dep_covers_(const gokore_lock_dep_ *dep, const gokore_acquisition_ *a, uint32_t kinds) {
    return (dep->kinds & kinds) == dep->kinds && gokore_lockset_within_(dep->held, a->held);
}

// By this thread, as it is now: what has come since has been judged with it.
static bool gokore_pair_was_judged_(const gokore_acquisition_ *a, const gokore_held_ *h) {
    uint32_t e = gokore_edge_find_(h->node_id, gokore_lock_record_at_(a->node)->id), kinds = gokore_pair_kinds_(a, h);
    for (uint32_t d = gokore_dep_first_(e); d; d = gokore_lock_dep_at_(d)->next) {
        const gokore_lock_dep_ *dep = gokore_lock_dep_at_(d);
        if (dep->epoch == a->epoch && dep->thread == a->thread->id && gokore_dep_covers_(dep, a, kinds)) return true;
    }
    return false;
}

// f NULL: tells nothing and remembers nothing.
static enum gokore_verdict_ gokore_pair_judge_(const gokore_acquisition_ *a, const gokore_held_ *h, gokore_finding_ *f) {
    static const uint32_t kinds[] = { 0, GOKORE_TOLD_GATED_, GOKORE_TOLD_ALONE_, GOKORE_TOLD_CYCLE_ };
    if (gokore_pair_is_free_(a, h) || (f && gokore_pair_was_judged_(a, h))) return GOKORE_VERDICT_FINE_;
    const char *rule = gokore_pair_rule_(a, h);
    if (rule) {
        if (f && !gokore_told_(h->node, a->node, GOKORE_TOLD_ORDER_)) gokore_finding_order_(f, a, h->node, rule);
        return GOKORE_VERDICT_WRONG_;
    }
    gokore_search_ s = { .start = a->node, .goal = h->node };
    s.last = (gokore_lock_dep_) { .kinds = gokore_pair_kinds_(a, h), .held = a->held, .thread = a->thread->id };
    if (h->node == a->node) { // two of one class
        if (!gokore_dep_blocks_(&s.last, &s.last)) return GOKORE_VERDICT_FINE_;
        if (f && !gokore_told_(h->node, a->node, GOKORE_TOLD_CYCLE_)) gokore_finding_twins_(f, a);
        return GOKORE_VERDICT_WRONG_;
    }
    enum gokore_way_ way = gokore_search_worst_(&s);
    if (way == GOKORE_WAY_NONE_) return GOKORE_VERDICT_FINE_;
    if (f && !gokore_told_(h->node, a->node, kinds[way])) {
        gokore_finding_cycle_(f, a, &s, way);
        gokore_search_tell_(&s, kinds[way]);
    }
    return way == GOKORE_WAY_OPEN_ || a->strict ? GOKORE_VERDICT_WRONG_ : GOKORE_VERDICT_MILD_;
}

// Judges all pairs, up to the first finding.
static enum gokore_verdict_ gokore_pairs_judge_(const gokore_acquisition_ *a, gokore_finding_ *f) {
    enum gokore_verdict_ worst = GOKORE_VERDICT_FINE_;
    for (uint32_t i = 0; i < gokore_held_count_(a->thread) && !(f && f->id); i++) {
        enum gokore_verdict_ one = gokore_pair_judge_(a, &a->thread->held[i], f);
        if (one > worst) worst = one;
    }
    return worst;
}

// >>learning
// Adds how the pair was seen, unless that says nothing new: the least of what was held counts. False = no memory.
static bool gokore_pair_learn_(gokore_acquisition_ *a, const gokore_held_ *h, bool *news) {
    uint32_t e = gokore_edge_make_(h->node, a->node), kinds = gokore_pair_kinds_(a, h);
    if (!e) return false;
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    for (uint32_t d = edge->deps; d; d = gokore_lock_dep_at_(d)->next) {
        gokore_lock_dep_ *dep = gokore_lock_dep_at_(d);
        if (!gokore_dep_covers_(dep, a, kinds)) continue;
        if (dep->thread == a->thread->id) dep->epoch = a->judged;
        if (dep->thread == 0 || dep->thread == a->thread->id) return true;
        if (dep->kinds != kinds || dep->held->count != a->held->count) continue;
        dep->thread = 0;
        return true;
    }
    uint32_t d = gokore_lockorder_.free_dep;
    if (d)
        gokore_lockorder_.free_dep = gokore_lock_dep_at_(d)->next;
    else
        d = gokore_chunk_add_(&gokore_lockorder_.deps, sizeof(gokore_lock_dep_));
    if (!d) {
        if (!edge->deps) gokore_edge_unlink_(e);
        return false;
    }
    uint32_t stack = gokore_trace_keep_(&a->thread->trace);
    *gokore_lock_dep_at_(d) = (gokore_lock_dep_) { edge->deps, e, kinds, stack, a->judged, a->held, a->thread->id };
    a->held->uses++;
    edge->deps = d;
    *news = true;
    return true;
}

static void gokore_pairs_weigh_(const gokore_acquisition_ *a) { // an acquisition that no chain counts
    for (uint32_t i = 0; i < gokore_held_count_(a->thread); i++) {
        uint32_t e = gokore_edge_find_(a->thread->held[i].node_id, gokore_lock_record_at_(a->node)->id);
        if (e) gokore_lock_edge_at_(e)->weight++;
    }
}

// All pairs of an acquisition that may go on, and, if that says nothing new, its chain, so that the next one like it is warm:
// many locks are taken together once and never again. Where those held vary behind their classes it has to be known from the
// first.
static bool gokore_pairs_learn_(gokore_acquisition_ *a, uint64_t key, uint64_t instances) {
    gokore_lock_thread_ *t = a->thread;
    uint32_t n = gokore_held_count_(t);
    bool ok = true, news = false;
    for (uint32_t i = 0; i < n; i++)
        if (!gokore_pair_is_free_(a, &t->held[i])) ok = gokore_pair_learn_(a, &t->held[i], &news) && ok;
    if (!ok) return false;
    gokore_chain_ *c = gokore_chain_find_(t, key);
    if (!c && news && instances == 1) {
        if (a->judged) gokore_pairs_weigh_(a);
        return true;
    }
    if (!c) {
        if (!gokore_chains_room_(t, n + 2)) return false;
        c = gokore_chain_slot_(t, key);
        *c = (gokore_chain_) { .key = key, .instances = instances, .ids = (uint32_t)t->ids_used };
        t->chain_used++;
        t->ids_used += n + 2;
        t->ids[c->ids] = n;
        t->ids[c->ids + 1] = gokore_lock_record_at_(a->node)->id;
    }
    for (uint32_t i = 0; i < n; i++) t->ids[c->ids + 2 + i] = gokore_pair_is_free_(a, &t->held[i]) ? 0 : t->held[i].node_id;
    if (c->instances != instances) c->instances = 0;
    c->epoch = a->epoch;
    return true;
}

static void gokore_chain_count_(gokore_chain_ *c) {
    gokore_atomic_store_relaxed(&c->count, gokore_atomic_load_relaxed(&c->count) + 1); // relaxed: its own
}

// What is refused is refused to all: an edge that a thread has made while it was only mild goes.
static void gokore_pairs_refuse_(const gokore_acquisition_ *a) {
    for (uint32_t i = 0; i < gokore_held_count_(a->thread); i++) {
        const gokore_held_ *h = &a->thread->held[i];
        if (gokore_pair_judge_(a, h, NULL) != GOKORE_VERDICT_WRONG_) continue;
        uint32_t e = gokore_edge_find_(h->node_id, gokore_lock_record_at_(a->node)->id);
        if (!e) continue;
        gokore_edge_unlink_(e);
        gokore_verdicts_change_();
    }
}

static void gokore_acquisition_exempt_(gokore_acquisition_ *a) {
    uint32_t cls = gokore_lock_record_at_(a->record)->cls, held[64], n = 0;
    for (uint32_t i = 0; cls && i < gokore_held_count_(a->thread) && n < 64; i++)
        if (gokore_held_is_known_(&a->thread->held[i])) held[n++] = gokore_lock_record_at_(a->thread->held[i].record)->cls;
    a->exempt = n > 0 && gokore_clause_exempts_(cls, held, n);
}

// The slow path: an acquisition under these locks that this thread has not made before, or that has to be judged again.
static gokore_status gokore_acquisition_learn_(gokore_acquisition_ *a, uint64_t key, uint64_t instances, bool varied) {
    gokore_finding_ f;
    bool refused = false, known = true;
    gokore_trace_capture_(&a->thread->trace);
    do {
        f.id = GOKORE_REPORT_NONE;
        gokore_latch_lock_(&gokore_lockorder_.latch);
        gokore_rules_ready_();
        a->epoch = gokore_atomic_load_relaxed(&gokore_lock_settings_.epoch); // relaxed: raised under the latch
        a->strict = gokore_atomic_load_relaxed(&gokore_lock_settings_.mode) & GOKORE_LOCKORDER_STRICT; // relaxed: likewise
        gokore_acquisition_exempt_(a);
        if (!a->held) a->held = gokore_lockset_new_(a->thread, varied);
        known = a->held != NULL;
        enum gokore_verdict_ verdict = known ? gokore_pairs_judge_(a, &f) : GOKORE_VERDICT_FINE_;
        refused = verdict == GOKORE_VERDICT_WRONG_ && GOKORE_ON_VIOLATION == GOKORE_DENY;
        a->judged = f.id == GOKORE_REPORT_NONE ? a->epoch : 0;
        if (known && refused && f.id == GOKORE_REPORT_NONE) gokore_pairs_refuse_(a);
        if (known && !refused && (GOKORE_ON_VIOLATION != GOKORE_DENY || f.id == GOKORE_REPORT_NONE))
            known = gokore_pairs_learn_(a, key, instances);
        if (a->held && f.id == GOKORE_REPORT_NONE) gokore_lockset_drop_(a->held);
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        if (f.id != GOKORE_REPORT_NONE) (void)gokore_finding_tell_(&f, GOKORE_ORDER);
    } while (f.id != GOKORE_REPORT_NONE);
    if (!known) gokore_lock_out_of_memory_();
    gokore_chain_ *c = known && !refused ? gokore_chain_find_(a->thread, key) : NULL;
    if (c) gokore_chain_count_(c);
    return refused ? GOKORE_ORDER : GOKORE_OK;
}

// >>holding
static const char *gokore_held_title_(const gokore_held_ *h, char *out, size_t cap) {
    bool known = gokore_lock_record_at_(h->record ? h->record : 1)->id == h->id;
    gokore_lock_title_(gokore_held_lock_(h), NULL, known ? h->record : 0, out, cap);
    return out;
}

// The node of a lock in the graph, as the mode has it. 0 = no memory.
static uint32_t gokore_lock_node_(uint32_t record, uint32_t subclass) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(record);
    unsigned mode = gokore_atomic_load_relaxed(&gokore_lock_settings_.mode); // relaxed: acquisitions from now on
    if (!r->cls || mode & GOKORE_LOCKORDER_BY_INSTANCE) return record;
    if (subclass == 0) return r->cls;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    uint32_t node = gokore_lock_subclass_(r->cls, subclass);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!node) gokore_lock_out_of_memory_();
    return node;
}

// An error without a second stack and without a story; resource and message are the caller's.
static void gokore_finding_start_(gokore_finding_ *f, gokore_report_id id, gokore_stack_ *stack) {
    f->id = id;
    f->severity = GOKORE_SEVERITY_ERROR;
    f->stack = stack;
    f->other = 0;
    f->step_count = 0;
}

// The lock is held by this thread already. A recursive lock may be; a second shared hold is reported and tried.
static gokore_status gokore_lock_again_(const gokore_held_ *held, gokore_lock_identity_ who, unsigned mode) {
    bool shared_before = gokore_mode_is_shared_(gokore_held_mode_(held));
    unsigned kind = mode & 7;
    if (kind == GOKORE_LOCK_RECURSIVE || (kind == GOKORE_LOCK_SHARED_RECURSIVE && shared_before)) return GOKORE_OK;
    gokore_finding_ f;
    gokore_stack_ stack;
    gokore_stack_capture_(&stack);
    gokore_stack_trim_to_caller_(&stack);
    gokore_finding_start_(&f, GOKORE_REPORT_LOCK_RECURSION, &stack);
    gokore_lock_title_(who.lock, who.cls, gokore_lock_find_(who), f.resource, sizeof f.resource);
    int n = snprintf(f.message, sizeof f.message, "lock recursion: '%s' taken by the thread that holds it", f.resource);
    gokore_finding_place_(&f, (size_t)n);
    (void)gokore_finding_tell_(&f, GOKORE_DEADLOCK);
    return kind == GOKORE_LOCK_SHARED && shared_before ? GOKORE_OK : GOKORE_DEADLOCK;
}

static gokore_status gokore_limit_tell_(const char *whose, uint32_t held, uint32_t limit) {
    gokore_finding_ f;
    gokore_stack_ stack;
    gokore_stack_capture_(&stack);
    gokore_stack_trim_to_caller_(&stack);
    gokore_finding_start_(&f, GOKORE_REPORT_LOCK_LIMIT, &stack);
    f.resource[0] = 0;
    int n = snprintf(f.message, sizeof f.message, "container lock limit exceeded (%u/%u), held by %s", held, limit, whose);
    gokore_finding_place_(&f, (size_t)n);
    return gokore_finding_tell_(&f, GOKORE_LIMIT);
}

static gokore_status gokore_limits_check_(const gokore_lock_thread_ *t, bool tell) {
    // relaxed: a setting
    uint32_t most = gokore_atomic_load_relaxed(&gokore_lock_settings_.max_held), mine = gokore_held_count_(t);
    if (most && mine >= most) return tell ? gokore_limit_tell_("this thread", mine, most) : GOKORE_LIMIT;
    most = gokore_atomic_load_relaxed(&gokore_lock_settings_.max_locks); // relaxed: a setting
    uint32_t all = gokore_atomic_load_relaxed(&gokore_lockorder_.held_total); // relaxed: a count
    if (most && all >= most) return tell ? gokore_limit_tell_("the process", all, most) : GOKORE_LIMIT;
    return GOKORE_OK;
}

static gokore_status gokore_nested_check_(gokore_lock_identity_ who) {
    if (gokore_held_find_(who.outer)) return GOKORE_OK;
    char title[64];
    gokore_lock_title_(who.lock, who.cls, gokore_lock_find_(who), title, sizeof title);
    gokore_reportf_(GOKORE_REPORT_LOCK_NOT_HELD, title, "'%s' nested under a lock that is not held", title);
    return GOKORE_ON_VIOLATION == GOKORE_DENY ? GOKORE_ORDER : GOKORE_OK;
}

gokore_status gokore_lockorder_before_(gokore_lock_identity_ who, unsigned mode) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return GOKORE_OK;
    gokore_lock_thread_ *t = gokore_mine_;
    uint32_t count = gokore_held_count_(t);
    const gokore_held_ *held = count && !(mode & GOKORE_LOCK_TRY) ? gokore_held_find_(who.lock) : NULL;
    if (held) return gokore_lock_again_(held, who, mode);
    gokore_status status = gokore_limits_check_(t, true);
    if (status == GOKORE_OK && who.outer) status = gokore_nested_check_(who);
    if (status != GOKORE_OK || count == 0 || (mode & GOKORE_LOCK_TRY)) return status;
    uint32_t record = gokore_lock_find_(who), node = record ? gokore_lock_node_(record, who.subclass) : 0;
    if (!node) return GOKORE_OK;
    const gokore_held_ *top = &t->held[count - 1];
    uint64_t key = gokore_chain_key_(top, gokore_lock_part_(record, node, mode, who.outer)), instances = top->instances;
    gokore_chain_ *c = gokore_chain_find_(t, key);
    bool varied = c && c->instances != instances;
    uint32_t epoch = gokore_atomic_load_acquire(&gokore_lock_settings_.epoch); // pairs with gokore_verdicts_change_
    if (c && c->epoch == epoch && (!varied || c->instances == 0)) {
        gokore_chain_count_(c);
        return GOKORE_OK;
    }
    gokore_acquisition_ a = { .thread = t, .record = record, .node = node, .mode = mode, .outer = who.outer };
    return gokore_acquisition_learn_(&a, key, instances, varied);
}

// Does the thread hold the lock? Under the checker's latch.
static bool gokore_held_by_(const gokore_lock_thread_ *t, const void *lock, bool exclusively) {
    uint32_t n = t->id ? gokore_atomic_load_acquire(&t->count) : 0; // pairs with the releases of push and drop
    for (uint32_t i = 0; i < n; i++)
        if (gokore_held_lock_(&t->held[i]) == lock && !(exclusively && gokore_mode_is_shared_(gokore_held_mode_(&t->held[i]))))
            return true;
    return false;
}

// >>hold times
#define GOKORE_REMOTE_HOLD_NS_ 1000000
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_ && defined(SYS_move_pages)
static int gokore_page_node_(const void *address) { // where the memory lies, -1 = unknown
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)4095);
    int node = -1;
    return syscall(SYS_move_pages, 0, 1ul, &page, NULL, &node, 0) == 0 && node >= 0 ? node : -1;
}
#else
static int gokore_page_node_(const void *address) { return (void)address, -1; }
#endif

// The least limit on this lock alone, and who says so; INT64_MAX = none. Under the latch.
static int64_t gokore_hold_limit_of_(uint32_t cls, const char **whose) {
    int64_t least = gokore_hold_limit_of_all_(whose);
    int64_t own = cls ? gokore_lock_record_at_(cls)->max_hold_ns : 0;
    if (own <= 0 || own >= least) return least;
    *whose = "its class";
    return own;
}

static uint32_t gokore_lock_known_(const void *lock) {
    return gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(lock));
}

// By its address, because the watch asks, too: only what is atomic in an entry may be read by others.
static uint32_t gokore_held_class_(const gokore_held_ *h) {
    uint32_t record = gokore_lock_known_(gokore_held_lock_(h));
    return record ? gokore_lock_record_at_(record)->cls : 0;
}

// The pair limit that this lock has broken together with another of the thread; NULL = none. *ns = for how long.
static const gokore_lock_clause_ *gokore_hold_pair_(const gokore_lock_thread_ *t, const gokore_held_ *h, int64_t now,
                                                    int64_t *ns) {
    uint32_t cls = gokore_held_class_(h);
    for (const gokore_lock_clause_ *c = gokore_lockorder_.clauses; cls && c; c = c->next) {
        if (c->kind != GOKORE_CLAUSE_LIMIT_ || c->max_hold_ns == 0 || (c->a != cls && c->b != cls)) continue;
        for (uint32_t i = 0; i < gokore_atomic_load_relaxed(&t->count); i++) { // relaxed: a look
            const gokore_held_ *other = &t->held[i];
            // relaxed: a look
            int64_t a = gokore_atomic_load_relaxed(&h->since_ns), b = gokore_atomic_load_relaxed(&other->since_ns);
            if (other == h || !b || gokore_held_class_(other) != (c->a == cls ? c->b : c->a)) continue;
            *ns = now - (a > b ? a : b);
            if (*ns > c->max_hold_ns) return c;
        }
    }
    return NULL;
}

// One report of a hold that is too long; told = what was said of it before, new bits are added. False: nothing to say. Under the
// latch; the text is for after it.
enum { GOKORE_HOLD_OWN_ = 1, GOKORE_HOLD_PAIR_ = 2 };
static bool gokore_hold_judge_(const gokore_lock_thread_ *t, const gokore_held_ *h, int64_t now, uint32_t *told,
                               const char *when, char text[256]) {
    const char *whose = "";
    char title[64];
    int64_t ns = now - gokore_atomic_load_relaxed(&h->since_ns), both = 0; // relaxed: a look
    int64_t limit = gokore_hold_limit_of_(gokore_held_class_(h), &whose);
    gokore_lock_title_(gokore_held_lock_(h), NULL, gokore_lock_known_(gokore_held_lock_(h)), title, sizeof title);
    if (ns > limit && !(*told & GOKORE_HOLD_OWN_)) {
        *told |= GOKORE_HOLD_OWN_;
        (void)snprintf(text, 256, "'%s' %s for %lld us by thread %llu: more than the %lld us of %s", title, when,
                       (long long)(ns / 1000),
                       (unsigned long long)t->id, (long long)(limit / 1000), whose);
        return true;
    }
    const gokore_lock_clause_ *pair = !(*told & GOKORE_HOLD_PAIR_) ? gokore_hold_pair_(t, h, now, &both) : NULL;
    if (!pair) return false;
    *told |= GOKORE_HOLD_PAIR_;
    (void)snprintf(text, 256, "'%s' and '%s' %s together for %lld us by thread %llu: more than the %lld us of the pair",
                   gokore_lock_record_at_(pair->a)->name, gokore_lock_record_at_(pair->b)->name, when, (long long)(both / 1000),
                   (unsigned long long)t->id, (long long)(pair->max_hold_ns / 1000));
    return true;
}

// When a hold that was timed ends.
static void gokore_hold_end_(const gokore_lock_thread_ *t, const gokore_held_ *h) {
    int64_t now = gokore_now_ns(), ns = now - gokore_atomic_load_relaxed(&h->since_ns); // relaxed: its own
    char text[256], title[64];
    uint32_t told = 0;
    for (bool more = ns >= gokore_atomic_load_relaxed(&gokore_lock_settings_.shortest_ns); more;) { // relaxed: a setting
        gokore_latch_lock_(&gokore_lockorder_.latch);
        more = gokore_hold_judge_(t, h, now, &told, "was held", text);
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        if (more) gokore_reportf_(GOKORE_REPORT_LOCK_HOLD_TIME, gokore_held_title_(h, title, sizeof title), "%s", text);
    }
    if (ns <= GOKORE_REMOTE_HOLD_NS_ || !h->record) return;
    gokore_lock_record_ *r = gokore_lock_record_at_(h->record);
    // relaxed: a fact
    int lies = r->numa_node > 0 ? r->numa_node : gokore_atomic_load_relaxed(&r->page_node), runs = gokore_thread_node_();
    if (lies < 0) {
        lies = gokore_page_node_(gokore_held_lock_(h));
        gokore_atomic_store_relaxed(&r->page_node, lies); // relaxed: whoever asks gets the same answer
    }
    if (lies >= 0 && runs >= 0 && lies != runs)
        gokore_reportf_(GOKORE_REPORT_LOCK_REMOTE_HOLD, gokore_held_title_(h, title, sizeof title),
                        "'%s' of node %d was held for %lld us by a thread on node %d", title, lies, (long long)(ns / 1000), runs);
}

// >>what a thread holds
static inline void gokore_lock_owner_set_(gokore_lock_record_ *r, gokore_lock_thread_ *t) {
    if (gokore_atomic_load_relaxed(&r->owner) == t) return; // relaxed: its own doing, or somebody else's
    gokore_atomic_store_release(&r->owner, t);              // pairs with gokore_wait_closes_: the thread's state is set up
}

static void gokore_held_push_(gokore_lock_thread_ *t, gokore_lock_identity_ who, unsigned mode) {
    uint32_t n = gokore_held_count_(t), record = gokore_lock_find_(who);
    uint32_t node = record ? gokore_lock_node_(record, who.subclass) : 0;
    gokore_held_ *h = &t->held[n], *below = n ? h - 1 : NULL;
    gokore_lock_record_ *r = record ? gokore_lock_record_at_(record) : NULL;
    bool timed = gokore_atomic_load_relaxed(&gokore_lock_settings_.timed) || (r && r->numa_node > 0); // relaxed: a setting
    h->record = record;
    h->at = r;
    h->node = node;
    h->id = r ? r->id : 0;
    h->node_id = node ? gokore_lock_record_at_(node)->id : 0;
    h->pins = 0;
    h->outer = who.outer;
    h->exempt = false;
    gokore_atomic_store_relaxed(&h->lock, (void *)(uintptr_t)who.lock); // relaxed, and below: the count publishes them
    gokore_atomic_store_relaxed(&h->mode, mode & ~(uint32_t)GOKORE_LOCK_TRY);
    gokore_atomic_store_relaxed(&h->told, 0);
    gokore_atomic_store_relaxed(&h->since_ns, timed ? gokore_now_ns() : 0);
    if (gokore_atomic_load_relaxed(&gokore_lock_settings_.exempts) && node) { // relaxed: a setting
        gokore_acquisition_ a = { .thread = t, .record = record };
        gokore_latch_lock_(&gokore_lockorder_.latch);
        gokore_acquisition_exempt_(&a);
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        h->exempt = a.exempt;
    }
    gokore_held_hash_set_(h, below);
    if (r && !gokore_atomic_load_relaxed(&r->seen)) gokore_atomic_store_relaxed(&r->seen, true);      // relaxed: a hint
    if (r) gokore_lock_owner_set_(r, gokore_mode_is_shared_(mode) ? NULL : t);
    if (r && gokore_atomic_load_relaxed(&r->orphan)) gokore_atomic_store_relaxed(&r->orphan, 0);      // relaxed: a hint
    if (node && node != record && !gokore_atomic_load_relaxed(&gokore_lock_record_at_(node)->seen))
        gokore_atomic_store_relaxed(&gokore_lock_record_at_(node)->seen, true);
    gokore_atomic_store_release(&t->count, n + 1); // pairs with the acquire in gokore_held_by_
}

void gokore_lockorder_acquired_(gokore_lock_identity_ who, unsigned mode) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return;
    gokore_lock_thread_ *t = gokore_mine_ ? gokore_mine_ : gokore_lock_thread_new_();
    if (!t || (gokore_held_count_(t) == t->capacity && !gokore_held_grow_(t))) {
        gokore_unseen_++;
        gokore_lock_out_of_memory_();
        return;
    }
    gokore_held_push_(t, who, mode);
    if (gokore_atomic_load_relaxed(&gokore_lock_settings_.max_locks)) // relaxed: a setting
        (void)gokore_atomic_fetch_add_relaxed(&gokore_lockorder_.held_total, 1); // relaxed: a count
}

static void gokore_held_copy_(gokore_held_ *to, const gokore_held_ *from) {
    to->record = from->record;
    to->at = from->at;
    to->node = from->node;
    to->pins = from->pins;
    to->exempt = from->exempt;
    to->id = from->id;
    to->node_id = from->node_id;
    to->outer = from->outer;
    gokore_atomic_store_relaxed(&to->lock, gokore_atomic_load_relaxed(&from->lock)); // relaxed, and below: the watch looks twice
    gokore_atomic_store_relaxed(&to->mode, gokore_atomic_load_relaxed(&from->mode));
    gokore_atomic_store_relaxed(&to->told, gokore_atomic_load_relaxed(&from->told));
    gokore_atomic_store_relaxed(&to->since_ns, gokore_atomic_load_relaxed(&from->since_ns));
}

static void gokore_held_drop_(gokore_lock_thread_ *t, gokore_held_ *h) {
    uint32_t n = gokore_held_count_(t) - 1;
    for (gokore_held_ *top = &t->held[n]; h < top; h++) {
        gokore_held_copy_(h, h + 1);
        gokore_held_hash_set_(h, h > t->held ? h - 1 : NULL);
    }
    gokore_atomic_store_release(&t->count, n); // pairs with the acquire in gokore_held_by_
}

bool gokore_lockorder_released_(const void *lock) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return true;
    gokore_lock_thread_ *t = gokore_mine_;
    gokore_held_ *h = gokore_held_find_(lock);
    if (!h && gokore_unseen_) return gokore_unseen_--, true; // one of those that there was no memory for
    if (!t || !h) return false;
    if (h->pins) {
        char title[64];
        gokore_reportf_(GOKORE_REPORT_LOCK_PINNED, gokore_held_title_(h, title, sizeof title),
                        "'%s' released while it is pinned", title);
    }
    if (gokore_atomic_load_relaxed(&h->since_ns)) gokore_hold_end_(t, h); // relaxed: its own
    gokore_held_drop_(t, h);
    if (gokore_atomic_load_relaxed(&gokore_lock_settings_.max_locks))
        (void)gokore_atomic_dec_if_positive(&gokore_lockorder_.held_total);
    return true;
}

// >>the warm path of our own mutex, in one look: an exclusive lock in the place where this thread has held it before, under
// the same locks. Our own mutex alone takes it; what differs takes the next, or the functions above.
// In a report hook, too: it says nothing.
static inline gokore_held_ *gokore_lock_again_is_(const void *lock, const gokore_atomic_u32 *slot, // NULL: no
                                                  gokore_lock_thread_ *t) {
    if (!t) return NULL;
    gokore_held_ *h = &t->held[gokore_atomic_load_relaxed(&t->count)];         // relaxed: its own
    uint32_t epoch = gokore_atomic_load_acquire(&gokore_lock_settings_.epoch); // pairs with gokore_verdicts_change_
    if (h->epoch != epoch || gokore_held_lock_(h) != lock) return NULL;
    return h->record == gokore_atomic_load_acquire(slot) && h->at->warm == h->warm ? h : NULL; // pairs with gokore_lock_find_
}

static inline void gokore_lock_again_held_(gokore_lock_thread_ *t, gokore_held_ *h) { // after it was taken
    gokore_lock_owner_set_(h->at, t);
    if (h->chain) gokore_chain_count_(h->chain);
    // pairs with the acquire in gokore_held_by_
    gokore_atomic_store_release(&t->count, gokore_atomic_load_relaxed(&t->count) + 1);
}

// >>the second look: nothing unusual, an exclusive lock seen before, under locks that this thread has taken it under before,
// but not as the last one in this place.
typedef struct gokore_warm_ {
    gokore_lock_thread_ *thread;
    gokore_held_ *held;   // where it goes
    gokore_chain_ *chain; // NULL: it is the first one held
    uint64_t hash;
    uint32_t epoch;
} gokore_warm_;

static inline bool gokore_lock_warms_(const void *lock, const gokore_atomic_u32 *slot, gokore_warm_ *w) {
    gokore_lock_thread_ *t = w->thread = gokore_mine_;
    // pairs with gokore_lock_find_
    uint32_t record = gokore_atomic_load_acquire(slot);
    // pairs with gokore_verdicts_change_
    w->epoch = gokore_atomic_load_acquire(&gokore_lock_settings_.epoch);
    if (!t || !record || gokore_atomic_load_relaxed(&gokore_lock_settings_.unusual)) return false; // relaxed: a setting
    const gokore_lock_record_ *r = gokore_lock_record_at_(record);
    uint32_t n = gokore_atomic_load_relaxed(&t->count); // relaxed: its own
    if (n == t->capacity || r->part == 0 || gokore_report_running_()) return false;
    w->held = &t->held[n];
    w->chain = NULL;
    w->hash = gokore_chain_key_(n ? &t->held[n - 1] : NULL, r->part);
    if (n == 0) return true;
    for (uint32_t i = 0; r->cls && i < n; i++) // without a class it would be a chain of its own
        if (gokore_held_lock_(&t->held[i]) == lock) return false;
    const gokore_chain_ *c = w->chain = gokore_chain_find_(t, w->hash);
    return c && c->epoch == w->epoch && (c->instances == 0 || c->instances == t->held[n - 1].instances);
}

// After it was taken.
static inline void gokore_lock_warmed_(const void *lock, const gokore_atomic_u32 *slot, const gokore_warm_ *w) {
    uint32_t record = gokore_atomic_load_relaxed(slot); // relaxed: seen above
    gokore_held_ *h = w->held;
    gokore_lock_record_ *r = h->at = gokore_lock_record_at_(record);
    bool first = h == w->thread->held;
    h->record = record;
    h->warm = r->warm;
    h->chain = w->chain;
    h->node = r->cls ? r->cls : record;
    h->id = r->id;
    h->node_id = r->cls ? gokore_lock_record_at_(r->cls)->id : r->id;
    h->pins = 0;
    h->outer = NULL;
    h->exempt = false;
    h->hash = w->hash;
    h->instances = (first ? 1 : h[-1].instances) + (r->cls ? gokore_lock_hash_(r->id) | 1 : 0);
    h->epoch = w->epoch;
    h[1].epoch = 0;
    gokore_atomic_store_relaxed(&h->lock, (void *)(uintptr_t)lock); // relaxed, and below: the count publishes them
    gokore_atomic_store_relaxed(&h->mode, GOKORE_LOCK_EXCLUSIVE);
    gokore_atomic_store_relaxed(&h->since_ns, 0);
    gokore_lock_again_held_(w->thread, h);
}

// Before it is given up; false: gokore_lockorder_released_ has to look.
static inline bool gokore_lock_cools_(const void *lock) {
    gokore_lock_thread_ *t = gokore_mine_;
    if (!t) return false;
    uint32_t n = gokore_atomic_load_relaxed(&t->count); // relaxed: its own
    const gokore_held_ *h = t->held + n - 1;            // of none, one that holds no lock
    if (gokore_held_lock_(h) != lock) return false;
    if (h->epoch != gokore_atomic_load_relaxed(&gokore_lock_settings_.epoch)) return false; // relaxed: settings
    gokore_atomic_store_release(&t->count, n - 1);      // pairs with the acquire in gokore_held_by_
    return true;
}

static inline void gokore_lock_cools_not_(void) { // it is not given up in this way after all: its entry is still there
    gokore_atomic_store_release(&gokore_mine_->count, gokore_atomic_load_relaxed(&gokore_mine_->count) + 1); // pairs likewise
}

bool gokore_lock_is_mine_(const void *lock) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return true;
    return gokore_unseen_ || gokore_held_find_(lock);
}

bool gokore_lock_is_held_here_(const void *lock) { return GOKORE_LOCKORDER && gokore_held_find_(lock); }

void gokore_lockorder_pin(const void *lock) {
    if (!GOKORE_LOCKORDER) return;
    gokore_held_ *h = gokore_held_find_(lock);
    if (h) h->epoch = 0;
    if (h)
        h->pins++;
    else if (!gokore_unseen_) // else it may be one of those that there was no memory for
        gokore_lock_not_held_(lock, "pinned");
}

void gokore_lockorder_unpin(const void *lock) {
    if (!GOKORE_LOCKORDER) return;
    gokore_held_ *h = gokore_held_find_(lock);
    if (h && h->pins)
        h->pins--;
    else if (h || !gokore_unseen_)
        gokore_lock_not_held_(lock, h ? "unpinned without a pin" : "unpinned");
}

// max_held NULL: it stays.
static void gokore_limits_put_(uint32_t max_locks, const uint32_t *max_held) {
    uint32_t total = 0;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++)
        // relaxed: a count
        if (gokore_lock_thread_at_(i)->id) total += gokore_atomic_load_relaxed(&gokore_lock_thread_at_(i)->count);
    gokore_atomic_store_relaxed(&gokore_lockorder_.held_total, total);   // relaxed: settings, from now on
    gokore_atomic_store_relaxed(&gokore_lockorder_.limited, true);
    gokore_atomic_store_relaxed(&gokore_lock_settings_.max_locks, max_locks);
    if (max_held) gokore_atomic_store_relaxed(&gokore_lock_settings_.max_held, *max_held);
    gokore_settings_look_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

void gokore_lockorder_set_limits(uint32_t max_locks, uint32_t max_held) { gokore_limits_put_(max_locks, &max_held); }
static void gokore_lent_max_locks_(uint32_t max_locks) { gokore_limits_put_(max_locks, NULL); }

void gokore_lockorder_set_mode(unsigned flags) {
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_atomic_store_relaxed(&gokore_lock_settings_.mode, flags); // relaxed: acquisitions from now on
    gokore_settings_look_();
    gokore_verdicts_change_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

// >>foreign locks
GOKORE_ENTRY_ gokore_status gokore_lockorder_before(const void *lock, gokore_lock_class *cls, unsigned mode) {
    GOKORE_CALLED_();
    return gokore_lockorder_before_((gokore_lock_identity_) { .lock = lock, .cls = cls }, mode);
}

void gokore_lockorder_acquired(const void *lock, gokore_lock_class *cls, unsigned mode) {
    gokore_lockorder_acquired_((gokore_lock_identity_) { .lock = lock, .cls = cls }, mode);
}

// The other thread that is seen to hold the lock; 0 = none.
static uint64_t gokore_lock_other_holder_(const void *lock) {
    uint64_t id = 0;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 1; !id && i <= gokore_lockorder_.threads.count; i++)
        if (gokore_lock_thread_at_(i) != gokore_mine_ && gokore_held_by_(gokore_lock_thread_at_(i), lock, false))
            id = gokore_lock_thread_at_(i)->id;
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return id;
}

static void gokore_lock_not_held_(const void *lock, const char *what) {
    char title[64];
    uint64_t holder = gokore_lock_other_holder_(lock);
    gokore_lock_title_(lock, NULL, gokore_lock_known_(lock), title, sizeof title);
    if (holder)
        gokore_reportf_(GOKORE_REPORT_LOCK_WRONG_THREAD, title, "'%s' %s by a thread that does not hold it: thread %llu does",
                        title, what,
                        (unsigned long long)holder);
    else
        gokore_reportf_(GOKORE_REPORT_LOCK_NOT_HELD, title, "'%s' %s by a thread that does not hold it", title, what);
}

void gokore_lockorder_released(const void *lock) {
    if (!gokore_lockorder_released_(lock)) gokore_lock_not_held_(lock, "released");
}

void gokore_lockorder_destroyed(const void *lock) {
    if (!GOKORE_LOCKORDER) return;
    uint32_t record = gokore_lock_known_(lock);
    bool mine = gokore_held_find_(lock);
    if (record && gokore_lock_record_at_(record)->foreign && (mine || gokore_lock_other_holder_(lock))) {
        char title[64];
        gokore_lock_title_(lock, NULL, record, title, sizeof title);
        gokore_reportf_(GOKORE_REPORT_LOCK_DESTROYED_HELD, title, "'%s' destroyed while it is held", title);
    }
    if (mine) (void)gokore_lockorder_released_(lock);
    gokore_lock_forget_(lock, record);
}

void gokore_lockorder_forget(const void *addr, size_t len) {
    uintptr_t begin = (uintptr_t)addr;
    uint32_t next = 1;
    for (bool more = GOKORE_LOCKORDER; more;) { // one at a time: reports are made without the latch
        uint32_t found = 0;
        gokore_latch_lock_(&gokore_lockorder_.latch);
        for (uint32_t i = next; !found && i <= gokore_lockorder_.records.count; i++) {
            const gokore_lock_record_ *r = gokore_lock_record_at_(i);
            if (r->id && r->address && (uintptr_t)r->address - begin < len) found = i;
        }
        const void *lock = found ? gokore_lock_record_at_(found)->address : NULL;
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        more = found != 0;
        next = found + 1;
        if (!more) break;
        bool mine = gokore_held_find_(lock);
        if (mine || gokore_lock_other_holder_(lock)) {
            char title[64];
            gokore_lock_title_(lock, NULL, found, title, sizeof title);
            gokore_reportf_(GOKORE_REPORT_LOCK_LEAKED, title, "memory of '%s' freed while it is held", title);
        }
        if (mine) (void)gokore_lockorder_released_(lock);
        gokore_lock_forget_(lock, found);
    }
}

// >>questions
gokore_status gokore_lockorder_validate(const void *lock) {
    if (!GOKORE_LOCKORDER) return GOKORE_UNSUPPORTED;
    if (gokore_held_find_(lock)) return GOKORE_DEADLOCK;
    gokore_lock_thread_ *t = gokore_mine_;
    if (gokore_limits_check_(t, false) != GOKORE_OK) return GOKORE_LIMIT;
    uint32_t record = gokore_lock_known_(lock);
    if (!record || gokore_held_count_(t) == 0) return GOKORE_OK;
    gokore_acquisition_ a = { .thread = t, .record = record, .node = gokore_lock_node_(record, 0) };
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    gokore_acquisition_exempt_(&a);
    a.strict = true; // mild cycles, too
    gokore_lockset_ none = { 1, 0 };
    gokore_lockset_ *set = gokore_lockset_new_(t, false);
    a.held = set ? set : &none;
    bool wrong = gokore_pairs_judge_(&a, NULL) == GOKORE_VERDICT_WRONG_;
    if (set) gokore_lockset_drop_(set);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return wrong ? GOKORE_ORDER : GOKORE_OK;
}

static bool gokore_edge_obeys_(const gokore_lock_edge_ *edge) {
    uint32_t from = gokore_lock_record_at_(edge->from)->cls, to = gokore_lock_record_at_(edge->to)->cls;
    if (!gokore_order_rule_(to, from) || gokore_clause_blessed_(from, to)) return true;
    for (uint32_t d = edge->deps; d; d = gokore_lock_dep_at_(d)->next)
        if (!(gokore_lock_dep_at_(d)->kinds & GOKORE_DEP_EXEMPT_)) return false;
    return true;
}

// The worst cycle through one of the edge's dependencies, left in *s.
static enum gokore_way_ gokore_edge_worst_(const gokore_lock_edge_ *edge, gokore_search_ *s) {
    enum gokore_way_ worst = GOKORE_WAY_NONE_;
    for (uint32_t d = edge->deps; d && worst != GOKORE_WAY_OPEN_; d = gokore_lock_dep_at_(d)->next) {
        gokore_search_ one = { .start = edge->to, .goal = edge->from, .last = *gokore_lock_dep_at_(d) };
        bool twins = edge->from == edge->to;
        enum gokore_way_ way = twins ? GOKORE_WAY_NONE_ : gokore_search_worst_(&one);
        if (twins && gokore_dep_blocks_(&one.last, &one.last)) way = GOKORE_WAY_OPEN_;
        if (way <= worst) continue;
        worst = way;
        *s = one;
    }
    return worst;
}

// A. B. Kahn, "Topological sorting of large networks" (1962): nodes without edges left to them go, until none is left or all
// that are left lie behind a cycle: far counts those edges, queued[0] links the nodes that can go. Returns how many are left.
static uint32_t gokore_edges_sort_(void) {
    uint32_t ready = 0, left = 0;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        r->far = 0;
        for (uint32_t e = r->in; e; e = gokore_lock_edge_at_(e)->next_in) r->far++;
        left += r->far > 0;
        if (r->far > 0 || !r->out) continue;
        r->queued[0] = ready;
        ready = i;
    }
    while (ready) {
        gokore_lock_record_ *r = gokore_lock_record_at_(ready);
        ready = r->queued[0];
        for (uint32_t e = r->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            gokore_lock_record_ *to = gokore_lock_record_at_(gokore_lock_edge_at_(e)->to);
            if (--to->far > 0) continue;
            left--;
            to->queued[0] = ready;
            ready = gokore_lock_edge_at_(e)->to;
        }
    }
    return left;
}

gokore_status gokore_lockorder_verify(void) {
    if (!GOKORE_LOCKORDER) return GOKORE_UNSUPPORTED;
    bool sound = true;
    gokore_search_ s;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    bool cyclic = gokore_edges_sort_() > 0;
    for (uint32_t i = 1; sound && i <= gokore_lockorder_.records.count; i++)
        for (uint32_t e = gokore_lock_record_at_(i)->out; sound && e; e = gokore_lock_edge_at_(e)->next_out) {
            const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            sound = gokore_edge_obeys_(edge) && !(cyclic && gokore_edge_worst_(edge, &s) != GOKORE_WAY_NONE_);
        }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return sound ? GOKORE_OK : GOKORE_ORDER;
}

size_t gokore_lockorder_held(const void **out, size_t cap) {
    uint32_t n = GOKORE_LOCKORDER ? gokore_held_count_(gokore_mine_) : 0;
    for (uint32_t i = 0; i < n && i < cap; i++) out[i] = gokore_held_lock_(&gokore_mine_->held[i]);
    return n;
}

void gokore_lock_none_but_(const void *lock, const char *where) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return;
    for (uint32_t i = gokore_held_count_(gokore_mine_); i-- > 0;) {
        gokore_held_ *h = &gokore_mine_->held[i];
        char title[64];
        if (gokore_held_lock_(h) == lock) continue;
        (void)gokore_held_title_(h, title, sizeof title);
        gokore_reportf_(GOKORE_REPORT_LOCK_WAIT_HELD, title, "'%s' is held %s", title, where);
        return;
    }
}

void gokore_lock_none_held_(const char *where) { gokore_lock_none_but_(NULL, where); }
void gokore_lockorder_assert_none_held(void) { gokore_lock_none_held_("where no lock may be"); }

// >>levels
typedef struct gokore_level_ {
    const void *lock;
    const char *name;
    uint32_t level;
} gokore_level_;

// The longest way to every node along edges and rules; Kahn's order as above, where a cycle blocks it any node of it goes.
static void gokore_levels_relax_(uint32_t i, uint32_t *left) { // i is done: those after it come after it
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    r->on_way = true;
    --*left;
    for (uint32_t e = r->out; e; e = gokore_lock_edge_at_(e)->next_out) {
        gokore_lock_record_ *to = gokore_lock_record_at_(gokore_lock_edge_at_(e)->to);
        if (!to->on_way && to->level <= r->level) to->level = r->level + 1;
        to->far--;
    }
    for (uint32_t k = 1; r->is_class && k <= gokore_lockorder_.records.count; k++) {
        gokore_lock_record_ *to = gokore_lock_record_at_(k);
        if (k == i || !to->is_class || !to->id || !gokore_order_rule_(r->cls, to->cls)) continue;
        if (!to->on_way && to->level <= r->level) to->level = r->level + 1;
        to->far--;
    }
}

static void gokore_levels_count_(uint32_t i) { // edges and rules that lead to a node
    gokore_lock_record_ *r = gokore_lock_record_at_(i);
    r->far = r->level = 0;
    r->on_way = false;
    for (uint32_t e = r->in; e; e = gokore_lock_edge_at_(e)->next_in) r->far++;
    for (uint32_t k = 1; r->is_class && k <= gokore_lockorder_.records.count; k++)
        if (k != i && gokore_lock_record_at_(k)->is_class && gokore_order_rule_(gokore_lock_record_at_(k)->cls, r->cls)) r->far++;
}

static void gokore_levels_set_(void) { // under the latch
    uint32_t n = gokore_lockorder_.records.count, left = 0;
    for (uint32_t i = 1; i <= n; i++) {
        if (!gokore_lock_record_at_(i)->id) continue;
        gokore_levels_count_(i);
        left++;
    }
    while (left > 0) {
        uint32_t before = left, least = 0;
        for (uint32_t i = 1; i <= n; i++) {
            gokore_lock_record_ *r = gokore_lock_record_at_(i);
            if (!r->id || r->on_way) continue;
            if (r->far == 0) gokore_levels_relax_(i, &left);
            if (!r->on_way && (!least || r->far < gokore_lock_record_at_(least)->far)) least = i;
        }
        if (left == before) gokore_levels_relax_(least, &left); // a cycle
    }
    for (uint32_t i = 1; i <= n; i++) gokore_lock_record_at_(i)->on_way = false;
}

void gokore_lockorder_levels(void (*fn)(void *user, const void *lock, const char *name, int level), void *user) {
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    gokore_levels_set_();
    size_t n = 0;
    gokore_level_ *out = (gokore_level_ *)gokore_alloc_zeroed_(NULL, (gokore_lockorder_.records.count + 1) * sizeof *out,
                                                               sizeof(void *));
    for (uint32_t i = 1; out && i <= gokore_lockorder_.records.count; i++) {
        const gokore_lock_record_ *r = gokore_lock_record_at_(i);
        char title[32];
        bool ruled = r->is_class && r->subclass == 0 && r->rule_class != GOKORE_NO_RULE_CLASS_;
        if (!r->id || (r->is_class ? !ruled : !gokore_atomic_load_relaxed(&r->seen))) continue; // relaxed: a hint
        uint32_t node = r->cls && !(r->out || r->in) ? r->cls : i;
        const char *name = gokore_node_title_(r->name ? i : node, title);
        name = gokore_rule_name_(name, strlen(name)); // a lock may be gone by the time it is told
        out[n++] = (gokore_level_) { r->address, name ? name : "", gokore_lock_record_at_(node)->level };
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!out) gokore_lock_out_of_memory_();
    for (size_t i = 0; i < n; i++) fn(user, out[i].lock, out[i].name, (int)out[i].level);
    gokore_free_(NULL, out, 0);
}

// >>explaining
// A function's name, or else its file's, and how far into it; false where neither is known.
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
// Where libc has dladdr: it is not asked for at link time.
extern int dladdr(const void *address, Dl_info *info) __attribute__((weak));

static bool gokore_symbol_of_(const char *at, const char **name, size_t *into) {
    Dl_info info = { 0 };
    if (!dladdr || dladdr(at, &info) == 0 || (!info.dli_sname && !info.dli_fname)) return false;
    *name = info.dli_sname ? info.dli_sname : info.dli_fname;
    *into = (size_t)(at - (const char *)(info.dli_sname ? info.dli_saddr : info.dli_fbase));
    return true;
}
#else
static bool gokore_symbol_of_(const char *at, const char **name, size_t *into) { return (void)at, (void)name, (void)into, false; }
#endif

static gokore_status gokore_write_stack_(gokore_writer w, void *const *frames, uint32_t depth) {
    gokore_status s = GOKORE_OK;
    for (uint32_t i = 0; i < depth && s == GOKORE_OK; i++) {
        const char *at = (const char *)frames[i] - 1, *name = NULL; // the call, not where it returns to
        size_t into = 0;
        bool known = gokore_symbol_of_(at, &name, &into);
        if (known && strncmp(name, "gokore_", 7) == 0 && i + 1 < depth) continue; // ours
        if (known)
            s = gokore_writef_(w, "        %s+0x%zx\n", name, into);
        else
            s = gokore_writef_(w, "        %p\n", frames[i]);
    }
    return s;
}

gokore_status gokore_lockorder_explain(gokore_writer w) {
    const gokore_finding_ *f = gokore_finding_now_;
    if (!f) return GOKORE_EMPTY;
    gokore_status s = gokore_writef_(w, "%s\n  thread %llu, numa node %d, pod %s\n", f->message,
                                     (unsigned long long)gokore_thread_id_(),
                                     gokore_thread_node_(), gokore_pod_title_());
    for (size_t i = 0; i < f->step_count && i < GOKORE_STORY_MAX_ && s == GOKORE_OK; i++) {
        const gokore_story_step_ *step = &f->step[i];
        const gokore_kept_stack_ *kept = gokore_kept_stack_at_(step->stack);
        s = gokore_writef_(w, "  holding '%s', '%s' was wanted", step->held, step->wanted);
        if (s == GOKORE_OK && step->thread) s = gokore_writef_(w, " by thread %llu at\n", (unsigned long long)step->thread);
        if (s == GOKORE_OK && !step->thread) s = gokore_write_(w, " by several threads, first at\n");
        if (s == GOKORE_OK && step->stack) s = gokore_write_stack_(w, kept->frames, kept->depth);
        if (s == GOKORE_OK && !step->stack) s = gokore_write_stack_(w, f->stack->frames, f->stack->depth);
    }
    if (s == GOKORE_OK && f->step_count > GOKORE_STORY_MAX_)
        s = gokore_writef_(w, "  and %zu more\n", f->step_count - GOKORE_STORY_MAX_);
    if (s == GOKORE_OK && f->step_count == 0) s = gokore_write_stack_(w, f->stack->frames, f->stack->depth);
    return s;
}

// >>waiting
// Which end of a semaphore: those who release, those who hold permits; of a wait group: those who do work.
enum { GOKORE_END_RELEASES_, GOKORE_END_HOLDS_, GOKORE_ENDS_, GOKORE_END_ROUNDS_ = 0 };

static uint64_t gokore_party_key_(const void *object, uint32_t end) {
    return gokore_lock_hash_((uint64_t)(uintptr_t)object ^ (uint64_t)end << 60) | 1;
}

// This thread is at that end so often more; 0: as often as said.
static void gokore_party_set_(const void *object, uint32_t end, uint32_t more, uint32_t value) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return;
    gokore_lock_thread_ *t = gokore_mine_ ? gokore_mine_ : gokore_lock_thread_new_();
    uint64_t key = gokore_party_key_(object, end);
    uint32_t before = t ? gokore_lock_map_get_(&t->parties, key) : 0;
    if (more) value = before + more;
    if (!t || before == value) return;
    gokore_latch_lock_(&t->latch);
    bool ok = gokore_lock_map_put_(&t->parties, key, value);
    gokore_latch_unlock_(&t->latch);
    if (!ok) gokore_lock_out_of_memory_();
}

void gokore_wait_party_(const void *object, uint32_t end) { gokore_party_set_(object, end, 0, 1); }
void gokore_wait_enter_(const void *object, uint32_t end) { gokore_party_set_(object, end, 1, 0); }

static void gokore_party_leave_(gokore_lock_thread_ *t, const void *object, uint32_t end, uint32_t times) { // 0 = for good
    uint64_t key = gokore_party_key_(object, end);
    gokore_latch_lock_(&t->latch);
    uint32_t before = gokore_lock_map_get_(&t->parties, key);
    if (before > times && times > 0)
        (void)gokore_lock_map_put_(&t->parties, key, before - times); // it is there: no memory is needed
    else if (before)
        gokore_lock_map_remove_(&t->parties, key);
    gokore_latch_unlock_(&t->latch);
}

void gokore_wait_leave_(const void *object, uint32_t end) {
    if (GOKORE_LOCKORDER && gokore_mine_ && !gokore_report_running_()) gokore_party_leave_(gokore_mine_, object, end, 1);
}

// Rounds are counted once somebody has done work, from 1.
static uint32_t gokore_round_of_(const void *object) {
    return gokore_lock_map_get_(&gokore_lockorder_.rounds, gokore_address_key_(object));
}

void gokore_wait_round_(const void *object, bool begins) {
    uint32_t round = GOKORE_LOCKORDER ? gokore_round_of_(object) : 0;
    bool ok = true;
    if (!GOKORE_LOCKORDER || (begins && !round)) return;
    if (begins || !round) {
        gokore_latch_lock_(&gokore_lockorder_.latch);
        round = gokore_round_of_(object) + 1;
        ok = gokore_lock_map_put_(&gokore_lockorder_.rounds, gokore_address_key_(object), round);
        gokore_latch_unlock_(&gokore_lockorder_.latch);
    }
    if (!ok) gokore_lock_out_of_memory_();
    if (ok && !begins) gokore_party_set_(object, GOKORE_END_ROUNDS_, 0, round);
}

void gokore_wait_left_(const void *object, uint32_t end) {
    if (GOKORE_LOCKORDER && gokore_mine_) gokore_party_leave_(gokore_mine_, object, end, 0);
}

void gokore_wait_permits_(const void *object, bool taken) {
    gokore_wait_party_(object, taken ? GOKORE_END_HOLDS_ : GOKORE_END_RELEASES_);
    if (!taken) gokore_wait_left_(object, GOKORE_END_HOLDS_);
}

// A pool says so when a worker of it is started or a cluster is joined. No memory: it is told, and they stay unknown.
void gokore_wait_strangers_(const void *object, int change) {
    if (!GOKORE_LOCKORDER) return;
    uint64_t key = gokore_address_key_(object);
    gokore_latch_lock_(&gokore_lockorder_.latch);
    uint32_t before = gokore_lock_map_get_(&gokore_lockorder_.strangers, key);
    bool ok = change < 0 && !before;
    if (!ok) ok = gokore_lock_map_put_(&gokore_lockorder_.strangers, key, before + (uint32_t)change);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!ok) gokore_lock_out_of_memory_();
}

void gokore_wait_forget_(const void *object) {
    if (!GOKORE_LOCKORDER) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_map_remove_(&gokore_lockorder_.strangers, gokore_address_key_(object));
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++)
        for (uint32_t end = 0; end < GOKORE_ENDS_; end++)
            if (gokore_lock_thread_at_(i)->id) gokore_party_leave_(gokore_lock_thread_at_(i), object, end, 0);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

static bool gokore_wait_goes_on_(const gokore_lock_thread_ *t) { // under its latch
    // relaxed: a look
    return t->wait.kind != GOKORE_WAIT_NONE_ && (!t->wait.state || gokore_atomic_load_relaxed(t->wait.state) == t->wait.idle);
}

// From lock to owner to the lock that it waits for, and so on: back to this thread? Mutexes only; without the checker's latch.
static bool gokore_wait_closes_(const gokore_lock_thread_ *me, const void *lock) {
    for (int steps = 0; steps < 64; steps++) {
        uint32_t record = gokore_lock_known_(lock);
        if (!record) return false;
        // pairs with owner_set_
        gokore_lock_thread_ *t = (gokore_lock_thread_ *)gokore_atomic_load_acquire(&gokore_lock_record_at_(record)->owner);
        if (!t) return false;
        if (t == me) return steps > 0;
        if (!gokore_atomic_load_relaxed(&t->waits)) return false; // relaxed: the fence in gokore_wait_begin_
        gokore_latch_lock_(&t->latch);
        bool waits = gokore_wait_goes_on_(t) && t->wait.kind == GOKORE_WAIT_EXCLUSIVE_;
        lock = t->wait.object;
        gokore_latch_unlock_(&t->latch);
        if (!waits) return false;
    }
    return false;
}

static void gokore_orphan_tell_(const void *lock) {
    uint32_t record = gokore_lock_known_(lock);
    uint64_t ended = record ? gokore_atomic_load_relaxed(&gokore_lock_record_at_(record)->orphan) : 0; // relaxed: a look
    if (!ended) return;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    uint64_t key = gokore_edge_key_(gokore_lock_record_at_(record)->id, ended);
    bool told = gokore_lock_map_get_(&gokore_lockorder_.told, key) || !gokore_lock_map_put_(&gokore_lockorder_.told, key, 1);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    char title[64];
    gokore_lock_title_(lock, NULL, record, title, sizeof title);
    if (!told)
        gokore_reportf_(GOKORE_REPORT_LOCK_ORPHANED, title, "'%s' is waited for, but thread %llu, which holds it, has ended",
                        title,
                        (unsigned long long)ended);
}

void gokore_wait_begin_(const gokore_wait_ *wait) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return;
    gokore_lock_thread_ *t = gokore_mine_ ? gokore_mine_ : gokore_lock_thread_new_();
    if (!t) return;
    gokore_trace_capture_(&t->trace);
    uint32_t kept = t->trace.kept;
    if (!kept) {
        gokore_latch_lock_(&gokore_lockorder_.latch);
        kept = gokore_trace_keep_(&t->trace);
        gokore_latch_unlock_(&gokore_lockorder_.latch);
    }
    gokore_latch_lock_(&t->latch);
    t->wait = *wait;
    t->wait_number++;
    t->wait_since_ns = gokore_now_ns();
    t->wait_stack = kept;
    gokore_latch_unlock_(&t->latch);
    gokore_atomic_store_relaxed(&t->waits, true); // relaxed: the fence
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with itself: of two that wait for each other one sees that the other owns and waits
    if (wait->kind >= GOKORE_WAIT_ALL_) return; // no lock
    if (!wait->passes_on) gokore_orphan_tell_(wait->object);
    if (wait->kind == GOKORE_WAIT_EXCLUSIVE_ && gokore_wait_closes_(t, wait->object)) gokore_deadlock_look_();
}

void gokore_wait_end_(void) {
    gokore_lock_thread_ *t = gokore_mine_;
    if (!GOKORE_LOCKORDER || gokore_report_running_() || !t) return;
    gokore_atomic_store(&t->waits, false);
    gokore_latch_lock_(&t->latch);
    t->wait.kind = GOKORE_WAIT_NONE_;
    gokore_latch_unlock_(&t->latch);
}

// >>deadlocks: E. G. Coffman et al., "System Deadlocks" (1971), with waits of two kinds. Who waits for a lock is stuck if one of
// those who hold it is; who waits for whoever uses an object's other end is stuck if all of those who ever have are.
typedef struct gokore_stuck_ {
    gokore_lock_thread_ *thread;
    gokore_wait_ wait;
    uint64_t number;
    int64_t since_ns;
    uint32_t stack, next;    // next: the one it waits for
    bool held;               // PERMITS: by others, who will give them back
    bool out;                // it can go on
    bool seen;
} gokore_stuck_;
typedef struct gokore_scene_ {
    gokore_stuck_ *stuck;
    uint32_t count;
} gokore_scene_;

static uint32_t gokore_thread_uses_(gokore_lock_thread_ *u, const void *object, uint32_t end) { // 0 = it does not
    gokore_latch_lock_(&u->latch);
    uint32_t uses = gokore_lock_map_get_(&u->parties, gokore_party_key_(object, end));
    gokore_latch_unlock_(&u->latch);
    return uses;
}

// Is the semaphore one that its takers give back? Not if one of them has come for more while it held some.
static bool gokore_permits_are_held_(const gokore_scene_ *scene, const void *object) {
    bool any = false;
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) {
        gokore_lock_thread_ *u = gokore_lock_thread_at_(i);
        if (!u->id || !gokore_thread_uses_(u, object, GOKORE_END_HOLDS_)) continue;
        any = true;
        for (uint32_t k = 0; k < scene->count; k++)
            if (scene->stuck[k].thread == u && scene->stuck[k].wait.object == object) return false;
    }
    return any;
}

static bool gokore_thread_ends_wait_(gokore_lock_thread_ *u, const gokore_scene_ *scene, uint32_t i) {
    const gokore_stuck_ *s = &scene->stuck[i];
    if (!u->id || (u == s->thread && s->wait.kind != GOKORE_WAIT_ALL_)) return false;
    if (s->wait.kind == GOKORE_WAIT_EXCLUSIVE_) return gokore_held_by_(u, s->wait.object, false);
    if (s->wait.kind == GOKORE_WAIT_PARTY_ || s->wait.kind == GOKORE_WAIT_ALL_)
        return gokore_thread_uses_(u, s->wait.object, s->wait.end);
    if (s->wait.kind == GOKORE_WAIT_ROUND_) {
        uint32_t round = gokore_thread_uses_(u, s->wait.object, GOKORE_END_ROUNDS_);
        return round && round != gokore_round_of_(s->wait.object);
    }
    if (s->wait.kind == GOKORE_WAIT_PERMITS_)
        return gokore_thread_uses_(u, s->wait.object, s->held ? GOKORE_END_HOLDS_ : GOKORE_END_RELEASES_);
    if (gokore_held_by_(u, s->wait.object, true)) return true;
    // a plain reader also waits behind a writer that waits
    for (uint32_t k = 0; k < scene->count && s->wait.kind == GOKORE_WAIT_SHARED_; k++)
        if (scene->stuck[k].thread == u && scene->stuck[k].wait.object == s->wait.object)
            return scene->stuck[k].wait.kind == GOKORE_WAIT_EXCLUSIVE_;
    return false;
}

static uint32_t gokore_strangers_(const void *object) {
    return gokore_lock_map_get_(&gokore_lockorder_.strangers, gokore_address_key_(object));
}

// Those who can end a wait, as far as is known of them.
typedef struct gokore_enders_ {
    uint32_t count, stuck;
    uint32_t next; // one that is stuck
} gokore_enders_;

static void gokore_enders_add_(gokore_enders_ *e, const gokore_scene_ *scene, const gokore_lock_thread_ *u) {
    uint32_t k = 0;
    while (k < scene->count && (scene->stuck[k].thread != u || scene->stuck[k].out)) k++;
    e->count++;
    if (k == scene->count) return;
    if (e->stuck++ == 0) e->next = k;
}

// Is this one still stuck?
static bool gokore_stuck_stays_(gokore_scene_ *scene, uint32_t i) {
    gokore_stuck_ *s = &scene->stuck[i];
    gokore_enders_ own = { 0 }, others = { 0 };
    for (uint32_t n = 1; n <= gokore_lockorder_.threads.count; n++) {
        gokore_lock_thread_ *u = gokore_lock_thread_at_(n);
        if (gokore_thread_ends_wait_(u, scene, i))
            gokore_enders_add_(&own, scene, u);
        else if (s->wait.instead && u->id && u != s->thread && gokore_thread_uses_(u, s->wait.instead, 0))
            gokore_enders_add_(&others, scene, u);
    }
    if (s->wait.kind == GOKORE_WAIT_PARTY_) own.count += gokore_strangers_(s->wait.object);
    if (s->wait.instead) others.count += gokore_strangers_(s->wait.instead);
    bool any = own.count && s->wait.kind < GOKORE_WAIT_PARTY_;
    const gokore_enders_ *e = own.count ? &own : &others;
    s->next = e->next;
    return e->stuck > 0 && (any || e->stuck == e->count);
}

static uint32_t gokore_thread_waits_(gokore_lock_thread_ *t) { // for so many objects
    if (!t->id || !gokore_atomic_load(&t->waits)) return 0;
    gokore_latch_lock_(&t->latch);
    uint32_t n = gokore_wait_goes_on_(t) ? 1 + t->wait.other_count : 0;
    gokore_latch_unlock_(&t->latch);
    return n;
}

// One entry for each end whose users can end the thread's wait. Who began to wait after the room was made may be left out: then
// it passes for one that can go on.
static void gokore_scene_add_(gokore_scene_ *scene, uint32_t room, gokore_lock_thread_ *t) {
    if (gokore_thread_waits_(t) == 0) return;
    gokore_latch_lock_(&t->latch);
    uint32_t n = gokore_wait_goes_on_(t) ? 1 + t->wait.other_count : 0;
    for (uint32_t i = 0; i < n && n <= room - scene->count; i++) {
        gokore_stuck_ *s = &scene->stuck[scene->count + i];
        *s = (gokore_stuck_) { .thread = t, .wait = t->wait, .number = t->wait_number, .since_ns = t->wait_since_ns,
                               .stack = t->wait_stack };
        const gokore_wait_end_of_ *other = i > 0 ? &t->wait.others[i - 1] : NULL;
        if (other) s->wait.object = other->object, s->wait.name = other->name, s->wait.end = other->end;
    }
    if (n <= room - scene->count) scene->count += n;
    gokore_latch_unlock_(&t->latch);
}

static void gokore_scene_free_(gokore_scene_ *scene, const gokore_lock_thread_ *t) { // it can go on, whatever it waits for
    for (uint32_t k = 0; k < scene->count; k++)
        if (scene->stuck[k].thread == t) scene->stuck[k].out = true;
}

// All threads that wait, and which of them can't go on. Under the latch; false = no memory.
static bool gokore_scene_set_(gokore_scene_ *scene) {
    uint32_t room = 1;
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) room += gokore_thread_waits_(gokore_lock_thread_at_(i));
    scene->count = 0;
    scene->stuck = (gokore_stuck_ *)gokore_alloc_zeroed_(NULL, room * sizeof *scene->stuck, sizeof(void *));
    if (!scene->stuck) return false;
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) gokore_scene_add_(scene, room, gokore_lock_thread_at_(i));
    for (uint32_t i = 0; i < scene->count; i++)
        scene->stuck[i].held = gokore_permits_are_held_(scene, scene->stuck[i].wait.object);
    for (bool changed = scene->count > 0; changed;) {
        changed = false;
        for (uint32_t i = 0; i < scene->count; i++) {
            if (scene->stuck[i].out || gokore_stuck_stays_(scene, i)) continue;
            gokore_scene_free_(scene, scene->stuck[i].thread);
            changed = true;
        }
    }
    return true;
}

// From one stuck thread to the cycle that it leads to: one of the cycle, or count if that has been seen or ends by itself.
static uint32_t gokore_scene_cycle_(gokore_scene_ *scene, uint32_t from) {
    uint32_t at = from;
    for (uint32_t i = 0; i < scene->count; i++) at = scene->stuck[at].next; // on the cycle by now
    bool bounded = true, seen = false;
    uint32_t first = at;
    do {
        bounded = bounded && scene->stuck[at].wait.deadline_ns != INT64_MAX;
        seen |= scene->stuck[at].seen;
        scene->stuck[at].seen = true;
        at = scene->stuck[at].next;
    } while (at != first);
    return seen || bounded ? scene->count : first;
}

static const char *gokore_wait_name_(const gokore_wait_ *w) { // kept as long as the process lives; "" = no memory
    char title[64];
    gokore_lock_title_(w->object, NULL, gokore_lock_known_(w->object), title, sizeof title);
    const char *said = w->name ? w->name : title, *name = gokore_rule_name_(said, strlen(said));
    return name ? name : "";
}

static void gokore_deadlock_fill_(gokore_deadlock *d, const gokore_scene_ *scene, uint32_t first) {
    int64_t last = 0;
    *d = (gokore_deadlock) { .container = (const char *)gokore_atomic_load_acquire(&gokore_report_container_),
                             .qos = (gokore_qos)GOKORE_QOS };
    uint32_t at = first;
    do {
        const gokore_stuck_ *s = &scene->stuck[at];
        size_t i = d->thread_count++;
        d->resource_count++;
        if (s->since_ns > last) last = s->since_ns;
        if (i < GOKORE_DEADLOCK_MAX) {
            d->resources[i] = s->wait.object;
            d->names[i] = gokore_wait_name_(&s->wait);
            d->threads[i] = s->thread->id;
            d->waits_[i] = s->number;
            d->stacks[i] = gokore_kept_stack_at_(s->stack)->frames;
            d->stack_depths[i] = gokore_kept_stack_at_(s->stack)->depth;
        }
        at = s->next;
    } while (at != first);
    d->duration_ns = gokore_now_ns() - last;
}

// The same threads in the same waits, wherever one begins.
static uint64_t gokore_deadlock_ticket_(const gokore_deadlock *d) {
    uint64_t sum = d->thread_count;
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++)
        sum += gokore_lock_hash_(d->threads[i] << 32 ^ d->waits_[i]);
    return gokore_lock_hash_(sum) | 1;
}

// The nth deadlock of a look.
static bool gokore_scene_nth_(gokore_scene_ *scene, size_t n, gokore_deadlock *out) {
    for (uint32_t i = 0; i < scene->count; i++) scene->stuck[i].seen = false;
    for (uint32_t i = 0; i < scene->count; i++) {
        uint32_t first = scene->stuck[i].out ? scene->count : gokore_scene_cycle_(scene, i);
        if (first == scene->count || n-- > 0) continue;
        gokore_deadlock_fill_(out, scene, first);
        return true;
    }
    return false;
}

// The nth deadlock that two looks agree about.
static bool gokore_deadlock_nth_(size_t n, gokore_deadlock *out) {
    gokore_scene_ first, second = { 0 };
    gokore_deadlock again;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    bool found = gokore_scene_set_(&first) && gokore_scene_nth_(&first, n, out), same = false;
    if (found) found = gokore_scene_set_(&second);
    for (size_t i = 0; found && !same && gokore_scene_nth_(&second, i, &again); i++)
        same = gokore_deadlock_ticket_(&again) == gokore_deadlock_ticket_(out);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    gokore_free_(NULL, first.stuck, 0);
    gokore_free_(NULL, second.stuck, 0);
    return found && same;
}

static void gokore_deadlock_tell_(const gokore_deadlock *d) {
    gokore_finding_ f;
    gokore_stack_ stack = { .depth = 0 };
    size_t len = 0;
    gokore_finding_start_(&f, GOKORE_REPORT_LOCK_DEADLOCK, &stack);
    (void)snprintf(f.resource, sizeof f.resource, "%s", d->names[0]);
    (void)snprintf(f.message, sizeof f.message, "deadlock of %zu threads:", d->thread_count);
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        len = strlen(f.message);
        if (len > 300) break;
        (void)snprintf(f.message + len, sizeof f.message - len, "%s thread %llu waits for '%.40s'", i ? "," : "",
                       (unsigned long long)d->threads[i], d->names[i]);
        if (i == 0) memcpy(stack.frames, d->stacks[i], (stack.depth = d->stack_depths[i]) * sizeof stack.frames[0]);
    }
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        gokore_stack_ where = { .depth = d->stack_depths[i] };
        if (where.depth) memcpy(where.frames, d->stacks[i], where.depth * sizeof where.frames[0]);
        size_t before = i ? i - 1 : (d->thread_count < GOKORE_DEADLOCK_MAX ? d->thread_count : GOKORE_DEADLOCK_MAX) - 1;
        gokore_story_step_ *step = &f.step[f.step_count++];
        (void)snprintf(step->held, sizeof step->held, "%s", d->names[before]);
        (void)snprintf(step->wanted, sizeof step->wanted, "%s", d->names[i]);
        step->thread = d->threads[i];
        step->stack = gokore_stack_keep_(&where);
    }
    if (f.step_count > 1) f.other = f.step[1].stack;
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    gokore_finding_place_(&f, strlen(f.message));
    (void)gokore_finding_tell_(&f, GOKORE_DEADLOCK);
}

// Reports it, unless it was reported before. True: it is new.
static bool gokore_deadlock_news_(const gokore_deadlock *d) {
    uint64_t ticket = gokore_deadlock_ticket_(d);
    gokore_latch_lock_(&gokore_lockorder_.latch);
    bool known = gokore_lock_map_get_(&gokore_lockorder_.deadlocks, ticket) ||
                 !gokore_lock_map_put_(&gokore_lockorder_.deadlocks, ticket, 1);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (known) return false;
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    gokore_deadlock_tell_(d);
    o->report_deadlock(o->user, d);
    return true;
}

size_t gokore_deadlock_check(gokore_deadlock *out, size_t cap) {
    size_t n = 0;
    gokore_deadlock d;
    for (; GOKORE_LOCKORDER && gokore_deadlock_nth_(n, &d); n++) {
        if (n < cap) out[n] = d;
        (void)gokore_deadlock_news_(&d);
    }
    return n;
}

// What the watch does, and a thread whose wait closes a cycle.
static void gokore_deadlock_look_(void) {
    gokore_deadlock d;
    for (size_t n = 0; gokore_deadlock_nth_(n, &d); n++) {
        (void)gokore_deadlock_news_(&d);
        (void)gokore_deadlock_resolve(&d, NULL);
    }
}

// >>resolving
gokore_status gokore_deadlock_register_strategy(const char *name, gokore_deadlock_strategy *fn, void *user) {
    gokore_status status = GOKORE_OK;
    if (!name || !name[0]) return GOKORE_INVALID;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_strategy_ **at = &gokore_lockorder_.strategies;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    if (!*at && fn) {
        gokore_lock_strategy_ *s = (gokore_lock_strategy_ *)gokore_alloc_zeroed_(NULL, sizeof *s, sizeof(void *));
        if (s) s->name = gokore_rule_name_(name, strlen(name));
        if (s && s->name) *at = s;
        if (s && !s->name) gokore_free_(NULL, s, sizeof *s);
        if (!*at) status = GOKORE_NO_MEMORY;
    }
    if (*at) { // never freed: it may be being asked
        (*at)->fn = fn;
        (*at)->user = user;
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return status;
}

static gokore_lock_thread_ *gokore_lock_thread_of_(uint64_t id) { // under the latch
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++)
        if (gokore_lock_thread_at_(i)->id == id) return gokore_lock_thread_at_(i);
    return NULL;
}

// Is each of its threads still in the same wait?
static bool gokore_deadlock_lasts_(const gokore_deadlock *d) {
    bool same = d->thread_count > 0;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; same && i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        gokore_lock_thread_ *t = gokore_lock_thread_of_(d->threads[i]);
        if (t) gokore_latch_lock_(&t->latch);
        same = t && t->wait_number == d->waits_[i] && gokore_wait_goes_on_(t);
        if (t) gokore_latch_unlock_(&t->latch);
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return same;
}

// The one that blocked last, by when their waits began; one whose wait can be given up, if there is any.
static uint64_t gokore_deadlock_last_(const gokore_deadlock *d) {
    uint64_t last = 0;
    int64_t since = INT64_MIN;
    bool can = false;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        gokore_lock_thread_ *t = gokore_lock_thread_of_(d->threads[i]);
        if (!t) continue;
        gokore_latch_lock_(&t->latch);
        bool this_can = t->wait.state && t->wait.doomed != t->wait.idle;
        if (this_can == can ? t->wait_since_ns >= since : this_can) {
            since = t->wait_since_ns;
            can = this_can;
            last = t->id;
        }
        gokore_latch_unlock_(&t->latch);
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return last;
}

static int64_t gokore_deadlock_age_(const gokore_deadlock *d) { // by now
    int64_t last = 0;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        const gokore_lock_thread_ *t = gokore_lock_thread_of_(d->threads[i]);
        if (t && t->wait_since_ns > last) last = t->wait_since_ns;
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return gokore_now_ns() - last;
}

// Ends the victim's wait, if it is still the one of this deadlock.
static void gokore_deadlock_cancel_(const gokore_deadlock *d, uint64_t victim) {
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; i < d->thread_count && i < GOKORE_DEADLOCK_MAX; i++) {
        gokore_lock_thread_ *t = d->threads[i] == victim ? gokore_lock_thread_of_(victim) : NULL;
        if (!t) continue;
        gokore_latch_lock_(&t->latch); // its wait can't end meanwhile, so the word is there
        bool waits = t->wait_number == d->waits_[i] && t->wait.kind != GOKORE_WAIT_NONE_ && t->wait.state;
        if (waits && gokore_atomic_cas_release(t->wait.state, t->wait.idle, t->wait.doomed)) // pairs with the sleeper's acquire
            GOKORE_SEAM_WAKE_(t->wait.state, 1);
        gokore_latch_unlock_(&t->latch);
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

static gokore_status gokore_strategies_ask_(const gokore_deadlock *d, gokore_resolution *r) {
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_lock_strategy_ *s = gokore_lockorder_.strategies;
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    while (s) {
        gokore_latch_lock_(&gokore_lockorder_.latch);
        gokore_deadlock_strategy *fn = s->fn;
        void *user = s->user;
        s = s->next;
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        *r = (gokore_resolution) { .type = GOKORE_RESOLVE_NONE };
        if (fn && fn(d, r, user) == GOKORE_OK) return GOKORE_OK;
    }
    const gokore_provider *p = gokore_provider_get();
    *r = (gokore_resolution) { .type = GOKORE_RESOLVE_NONE };
    if (p->resolve_deadlock == gokore_answer_resolve_) return GOKORE_NOT_FOUND; // it would ask us
    if (p->resolve_deadlock(p->user, d, r) == GOKORE_OK) return GOKORE_OK;
    *r = (gokore_resolution) { .type = GOKORE_RESOLVE_NONE };
    return GOKORE_NOT_FOUND;
}

gokore_status gokore_deadlock_resolve(const gokore_deadlock *d, gokore_resolution *out) {
    gokore_resolution r = { .type = GOKORE_RESOLVE_NONE };
    gokore_status status = GOKORE_OK;
    if (GOKORE_LOCKORDER && gokore_deadlock_lasts_(d)) status = gokore_strategies_ask_(d, &r);
    const gokore_retry_policy *own = &r.retry;
    if (!own->attempts && !own->backoff_base_ns && !own->max_wait_ns) r.retry = gokore_lock_policy_default(d->qos).retry;
    bool late = d->duration_ns < r.timeout_ns && gokore_deadlock_age_(d) < r.timeout_ns;
    if (r.type == GOKORE_RESOLVE_CANCEL_VICTIM && r.victim == 0) r.victim = gokore_deadlock_last_(d);
    if (r.type == GOKORE_RESOLVE_CANCEL_VICTIM && !late) gokore_deadlock_cancel_(d, r.victim);
    if (r.type == GOKORE_RESOLVE_NOTIFY && !late) {
        const char *target = r.target ? r.target : "";
        gokore_reportf_(GOKORE_REPORT_LOCK_DEADLOCK, target, "a deadlock of %zu threads, for '%s'", d->thread_count, target);
    }
    if (r.type == GOKORE_RESOLVE_ABORT && !late) abort();
    if (out) *out = r;
    return status;
}

static uintptr_t gokore_node_address_(uint32_t node) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(node);
    return (uintptr_t)(r->address ? r->address : (const void *)r);
}

// >>potential deadlocks
static const char *gokore_node_name_(uint32_t node) { // kept as long as the process lives; "" = no memory
    char title[32];
    const char *text = gokore_node_title_(node, title), *name = gokore_rule_name_(text, strlen(text));
    return name ? name : "";
}

static void gokore_potential_add_(gokore_deadlock *d, uint32_t held, uint32_t wanted, const gokore_lock_dep_ *dep) {
    size_t i = d->thread_count++;
    d->resource_count++;
    (void)held;
    if (i >= GOKORE_DEADLOCK_MAX) return;
    d->resources[i] = (const void *)gokore_node_address_(wanted);
    d->names[i] = gokore_node_name_(wanted);
    d->threads[i] = dep->thread;
    d->stacks[i] = gokore_kept_stack_at_(dep->stack)->frames;
    d->stack_depths[i] = gokore_kept_stack_at_(dep->stack)->depth;
}

// The cycle that this edge closes, if it could hang; its ticket is the same from whichever edge one begins.
static bool gokore_potential_of_(const gokore_lock_edge_ *edge, gokore_deadlock *d, uint64_t *ticket) {
    gokore_search_ s = { .start = 0 };
    if (gokore_edge_worst_(edge, &s) != GOKORE_WAY_OPEN_) return false;
    *d = (gokore_deadlock) { .container = "", .qos = (gokore_qos)GOKORE_QOS };
    gokore_potential_add_(d, edge->from, edge->to, &s.last);
    *ticket = gokore_edge_key_(gokore_lock_record_at_(edge->from)->id, gokore_lock_record_at_(edge->to)->id);
    for (uint32_t node = edge->from, from; edge->from != edge->to && node != edge->to; node = from) {
        const gokore_lock_dep_ *dep = gokore_lock_dep_at_(gokore_lock_record_at_(node)->via);
        from = gokore_dep_from_(gokore_lock_record_at_(node)->via);
        gokore_potential_add_(d, from, node, dep);
        *ticket += gokore_edge_key_(gokore_lock_record_at_(from)->id, gokore_lock_record_at_(node)->id);
    }
    return true;
}

size_t gokore_deadlock_potential(gokore_deadlock *out, size_t cap) {
    size_t n = 0;
    gokore_lock_map_ tickets = { 0 };
    gokore_latch_lock_(&gokore_lockorder_.latch);
    bool cyclic = GOKORE_LOCKORDER && gokore_edges_sort_() > 0;
    for (uint32_t i = 1; cyclic && i <= gokore_lockorder_.records.count; i++)
        for (uint32_t e = gokore_lock_record_at_(i)->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            gokore_deadlock d;
            uint64_t ticket;
            if (!gokore_potential_of_(gokore_lock_edge_at_(e), &d, &ticket)) continue;
            if (gokore_lock_map_get_(&tickets, ticket | 1) || !gokore_lock_map_put_(&tickets, ticket | 1, 1)) continue;
            if (n < cap) out[n] = d;
            n++;
        }
    gokore_lock_map_clear_(&tickets);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return n;
}

// >>the watch
static struct {
    gokore_latch_ latch;      // of starting and stopping
    gokore_thread_ thread;
    gokore_atomic_u32 stop;
    gokore_atomic_i64 interval_ns;
    bool runs, asked;         // asked: by gokore_deadlock_watch_start, not for a hold limit
} gokore_lock_watch_;

// Holds beyond their limit, told while they go on.
static void gokore_lock_watch_holds_(void) {
    char text[256], title[64];
    for (bool more = gokore_atomic_load_relaxed(&gokore_lock_settings_.timed); more;) { // relaxed: a setting
        more = false;
        int64_t now = gokore_now_ns();
        gokore_latch_lock_(&gokore_lockorder_.latch);
        for (uint32_t i = 1; !more && i <= gokore_lockorder_.threads.count; i++) {
            gokore_lock_thread_ *t = gokore_lock_thread_at_(i);
            uint32_t n = t->id ? gokore_atomic_load_acquire(&t->count) : 0; // pairs with the release in gokore_held_push_
            for (uint32_t k = 0; !more && k < n; k++) {
                gokore_held_ *h = &t->held[k];
                uint32_t told = gokore_atomic_load_relaxed(&h->told); // relaxed: the watch's own
                if (!gokore_atomic_load_relaxed(&h->since_ns)) continue; // relaxed: a look
                more = gokore_hold_judge_(t, h, now, &told, "is still held", text);
                gokore_atomic_store_relaxed(&h->told, told);
                if (more)
                    gokore_lock_title_(gokore_held_lock_(h), NULL, gokore_lock_known_(gokore_held_lock_(h)), title, sizeof title);
            }
        }
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        if (more) gokore_reportf_(GOKORE_REPORT_LOCK_HOLD_TIME, title, "%s", text);
    }
}

static void gokore_lock_watch_main_(void *arg) {
    (void)arg;
    gokore_thread_name_("gokore-watch");
    while (!gokore_atomic_load_acquire(&gokore_lock_watch_.stop)) { // pairs with the release in gokore_deadlock_watch_stop
        int64_t until = gokore_now_ns() + gokore_atomic_load_relaxed(&gokore_lock_watch_.interval_ns); // relaxed: a setting
        gokore_deadlock_look_();
        gokore_lock_watch_holds_();
        while (gokore_now_ns() < until && !gokore_atomic_load_acquire(&gokore_lock_watch_.stop)) // pairs likewise
            (void)GOKORE_SEAM_WAIT_(&gokore_lock_watch_.stop, 0, until);
    }
}

static gokore_status gokore_lock_watch_run_(int64_t interval_ns, bool asked) {
    gokore_latch_lock_(&gokore_lock_watch_.latch);
    gokore_status status = gokore_lock_watch_.runs && gokore_lock_watch_.asked && asked ? GOKORE_BUSY : GOKORE_OK;
    // relaxed: a setting
    if (status == GOKORE_OK && (asked || !gokore_lock_watch_.runs))
        gokore_atomic_store_relaxed(&gokore_lock_watch_.interval_ns, interval_ns);
    if (status == GOKORE_OK && !gokore_lock_watch_.runs) {
        gokore_atomic_store_relaxed(&gokore_lock_watch_.stop, 0); // relaxed: the thread's start publishes it
        status = GOKORE_SEAM_THREAD_START_(&gokore_lock_watch_.thread, gokore_lock_watch_main_, NULL, 0);
        gokore_lock_watch_.runs = status == GOKORE_OK;
    }
    if (status == GOKORE_OK && asked) gokore_lock_watch_.asked = true;
    gokore_latch_unlock_(&gokore_lock_watch_.latch);
    return status;
}

gokore_status gokore_deadlock_watch_start(int64_t interval_ns) {
    if (!GOKORE_LOCKORDER) return GOKORE_UNSUPPORTED;
    return gokore_lock_watch_run_(interval_ns > 0 ? interval_ns : 5000000, true);
}

void gokore_deadlock_watch_stop(void) {
    gokore_latch_lock_(&gokore_lock_watch_.latch);
    if (gokore_lock_watch_.runs) {
        gokore_atomic_store_release(&gokore_lock_watch_.stop, 1); // pairs with the acquires in gokore_lock_watch_main_
        GOKORE_SEAM_WAKE_(&gokore_lock_watch_.stop, 1);
        GOKORE_SEAM_THREAD_JOIN_(&gokore_lock_watch_.thread);
    }
    gokore_lock_watch_.runs = gokore_lock_watch_.asked = false;
    gokore_latch_unlock_(&gokore_lock_watch_.latch);
}

// A limit on holds is useless unless somebody looks while they go on.
static void gokore_lock_watch_wanted_(void) {
    // relaxed: a setting
    int64_t shortest = gokore_atomic_load_relaxed(&gokore_lock_settings_.shortest_ns), interval = shortest / 4;
    if (!GOKORE_LOCKORDER) return;
    if (interval < 1000000) interval = 1000000;
    if (interval > 5000000) interval = 5000000;
    if (gokore_lock_watch_run_(interval, false) != GOKORE_OK) gokore_lock_out_of_memory_();
}

#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
static void gokore_lock_watch_forked_(void) { // the child has no such thread
    gokore_lock_watch_.latch = (gokore_latch_) { GOKORE_ATOMIC_INIT(0) };
    gokore_lock_watch_.runs = gokore_lock_watch_.asked = false;
}
#endif

// >>reset
void gokore_lockorder_reset(void) {
    const char *clash[2];
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        while (r->out) gokore_edge_unlink_(r->out);
        r->max_hold_ns = 0;
        gokore_atomic_store_relaxed(&r->seen, false); // relaxed: a hint
    }
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) {
        gokore_lock_thread_ *t = gokore_lock_thread_at_(i);
        // relaxed: at rest
        for (uint64_t k = 0; t->chains && k <= t->chain_mask; k++) gokore_atomic_store_relaxed(&t->chains[k].count, 0);
    }
    for (int origin = GOKORE_ORIGIN_CALLED_; origin < GOKORE_ORIGINS_; origin++) {
        gokore_rules_free_(gokore_lockorder_.rules[origin]);
        gokore_lockorder_.rules[origin] = NULL;
        gokore_lockorder_.max_hold_ns[origin] = 0;
        gokore_clauses_drop_(&gokore_lockorder_.clauses, origin);
    }
    gokore_lock_map_forget_(&gokore_lockorder_.told);
    gokore_rules_read_compiled_();
    (void)gokore_rules_install_(GOKORE_ORIGIN_COMPILED_, gokore_lockorder_.rules[GOKORE_ORIGIN_COMPILED_], clash);
    gokore_atomic_store_relaxed(&gokore_lock_settings_.mode, 0); // relaxed: settings
    gokore_atomic_store_relaxed(&gokore_lock_settings_.max_locks, gokore_lockorder_.max_locks);
    gokore_atomic_store_relaxed(&gokore_lock_settings_.max_held, 0);
    gokore_limits_ready_(GOKORE_QOS_DEFAULT);
    (void)gokore_limits_set_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

// >>graph
static int gokore_lock_node_compare_(const void *a, const void *b) {
    const gokore_lock_node *x = (const gokore_lock_node *)a, *y = (const gokore_lock_node *)b;
    int names = strcmp(x->name, y->name);
    return names ? names : (x->address > y->address) - (x->address < y->address);
}

static int gokore_lock_edge_compare_(const void *a, const void *b) {
    const gokore_lock_edge *x = (const gokore_lock_edge *)a, *y = (const gokore_lock_edge *)b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

// Learnt of, or held: a lock that has a class, only where it is a node of its own.
static bool gokore_node_is_shown_(const gokore_lock_record_ *r) {
    // relaxed: latch
    bool alone = r->is_class || !r->cls || gokore_atomic_load_relaxed(&gokore_lock_settings_.mode) & GOKORE_LOCKORDER_BY_INSTANCE;
    // relaxed: a hint
    return r->id && (r->out || r->in || (alone && gokore_atomic_load_relaxed(&r->seen)));
}

// What every thread has counted, together.
static void gokore_edges_weigh_(void) {
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++)
        for (uint32_t e = gokore_lock_record_at_(i)->out; e; e = gokore_lock_edge_at_(e)->next_out)
            gokore_lock_edge_at_(e)->shown = gokore_lock_edge_at_(e)->weight;
    for (uint32_t i = 1; i <= gokore_lockorder_.threads.count; i++) {
        const gokore_lock_thread_ *t = gokore_lock_thread_at_(i);
        for (uint64_t k = 0; t->chains && k <= t->chain_mask; k++) {
            const gokore_chain_ *c = &t->chains[k];
            const uint64_t *ids = t->ids + c->ids;
            for (uint64_t n = 0; c->key && n < ids[0]; n++) {
                uint32_t e = ids[2 + n] ? gokore_edge_find_(ids[2 + n], ids[1]) : 0;
                if (e) gokore_lock_edge_at_(e)->shown += gokore_atomic_load_relaxed(&c->count); // relaxed: a count
            }
        }
    }
}

// Decides once which nodes are shown: a lock may be seen for the first time meanwhile.
static uint32_t gokore_nodes_choose_(void) {
    uint32_t shown = 0;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        r->shown = gokore_node_is_shown_(r);
        shown += r->shown;
    }
    return shown;
}

// Appends a node and its edges; its name goes to *names, which moves on.
static void gokore_lock_graph_node_(gokore_lock_graph *out, uint32_t node, char **names) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(node);
    char name[32];
    const char *title = gokore_node_title_(node, name);
    size_t len = strlen(title) + 1;
    gokore_lock_node n = { gokore_node_address_(node), (const char *)memcpy(*names, title, len), r->numa_node,
                           (gokore_qos)GOKORE_QOS };
    *names += len;
    out->nodes[out->node_count++] = n;
    for (uint32_t e = r->out; e; e = gokore_lock_edge_at_(e)->next_out) {
        const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
        gokore_lock_edge one = { gokore_node_address_(edge->from), gokore_node_address_(edge->to), edge->shown };
        out->edges[out->edge_count++] = one;
    }
}

static size_t gokore_lock_graph_bytes_(void) { // of the nodes, with their names behind them
    size_t bytes = 1;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        char name[32];
        if (gokore_lock_record_at_(i)->shown) bytes += sizeof(gokore_lock_node) + strlen(gokore_node_title_(i, name)) + 1;
    }
    return bytes;
}

// The place of each node by its address, to turn an edge's ends into numbers.
typedef struct gokore_graph_place_ {
    uintptr_t address;
    size_t index;
} gokore_graph_place_;

static int gokore_graph_place_compare_(const void *a, const void *b) {
    uintptr_t x = ((const gokore_graph_place_ *)a)->address, y = ((const gokore_graph_place_ *)b)->address;
    return (x > y) - (x < y);
}

static gokore_graph_place_ *gokore_graph_places_(const gokore_lock_graph *g) {
    gokore_graph_place_ *places = (gokore_graph_place_ *)gokore_alloc_(NULL, (g->node_count + 1) * sizeof *places,
                                                                       sizeof(void *));
    for (size_t i = 0; places && i < g->node_count; i++) places[i] = (gokore_graph_place_) { g->nodes[i].address, i };
    if (places) qsort(places, g->node_count, sizeof *places, gokore_graph_place_compare_);
    return places;
}

static size_t gokore_graph_index_(const gokore_lock_graph *g, const gokore_graph_place_ *places, uintptr_t address) {
    gokore_graph_place_ key = { address, 0 };
    const gokore_graph_place_ *found =
        (const gokore_graph_place_ *)bsearch(&key, places, g->node_count, sizeof *places, gokore_graph_place_compare_);
    return found ? found->index : g->node_count;
}

// Nodes by name, edges by their nodes.
static bool gokore_lock_graph_sort_(gokore_lock_graph *g) {
    qsort(g->nodes, g->node_count, sizeof *g->nodes, gokore_lock_node_compare_);
    gokore_graph_place_ *places = gokore_graph_places_(g);
    if (!places) return false;
    for (size_t i = 0; i < g->edge_count; i++) {
        g->edges[i].from = gokore_graph_index_(g, places, g->edges[i].from);
        g->edges[i].to = gokore_graph_index_(g, places, g->edges[i].to);
    }
    qsort(g->edges, g->edge_count, sizeof *g->edges, gokore_lock_edge_compare_);
    for (size_t i = 0; i < g->edge_count; i++) {
        g->edges[i].from = g->nodes[g->edges[i].from].address;
        g->edges[i].to = g->nodes[g->edges[i].to].address;
    }
    gokore_free_(NULL, places, 0);
    return true;
}

gokore_status gokore_lockorder_graph(gokore_lock_graph *out) {
    *out = (gokore_lock_graph) { 0 };
    gokore_latch_lock_(&gokore_lockorder_.latch);
    uint32_t records = gokore_lockorder_.records.count, edges = gokore_lockorder_.edges.count, shown = gokore_nodes_choose_();
    gokore_edges_weigh_();
    out->nodes = (gokore_lock_node *)gokore_alloc_(NULL, gokore_lock_graph_bytes_(), sizeof(void *));
    out->edges = (gokore_lock_edge *)gokore_alloc_(NULL, (edges + 1) * sizeof *out->edges, sizeof(uint64_t));
    bool ok = out->nodes && out->edges;
    char *names = ok ? (char *)(out->nodes + shown) : NULL;
    for (uint32_t i = 1; ok && i <= records; i++)
        if (gokore_lock_record_at_(i)->shown) gokore_lock_graph_node_(out, i, &names);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (ok) ok = gokore_lock_graph_sort_(out);
    if (!ok) gokore_lock_graph_deinit(out);
    return ok ? GOKORE_OK : GOKORE_NO_MEMORY;
}

void gokore_lock_graph_deinit(gokore_lock_graph *graph) {
    gokore_free_(NULL, graph->nodes, 0);
    gokore_free_(NULL, graph->edges, 0);
    *graph = (gokore_lock_graph) { 0 };
}


// A name inside double quotes; quote stands for a quote in it: \\" in DOT and JSON, an entity in mermaid.
static gokore_status gokore_write_quoted_(gokore_writer w, const char *text, const char *quote) {
    char out[512] = "\"";
    size_t n = 1;
    for (; *text && n + 8 < sizeof out; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\\') out[n++] = '\\';
        if (c == '"')
            n += (size_t)snprintf(out + n, 8, "%s", quote);
        else if (c < 0x20)
            n += (size_t)snprintf(out + n, 8, "\\u%04x", c);
        else
            out[n++] = (char)c;
    }
    out[n++] = '"';
    out[n] = 0;
    return gokore_write_(w, out);
}

// >>drawing
// A graph with its edges' ends as numbers of nodes, and which nodes lie on a common cycle.
typedef struct gokore_drawing_ {
    const gokore_lock_graph *graph;
    gokore_graph_place_ *places;
    size_t *memory, *from, *to, *part; // one allocation: edges, edges, nodes
} gokore_drawing_;

// R. E. Tarjan, "Depth-first search and linear graph algorithms" (1972), without recursion: the parts of a graph whose nodes
// reach each other, numbered in part. first[n]..first[n + 1] are the edges of node n, out[] their other ends.
typedef struct gokore_parts_ {
    const size_t *first, *out;
    size_t *index, *low, *stack, *trail, *next, *part; // index 0 = not seen; low of a node whose part is known: SIZE_MAX
    size_t depth, count, seen;
} gokore_parts_;

static void gokore_parts_enter_(gokore_parts_ *p, size_t n) {
    p->index[n] = p->low[n] = ++p->seen;
    p->next[n] = p->first[n];
    p->stack[p->depth++] = n;
}

static void gokore_parts_leave_(gokore_parts_ *p, size_t n) { // a part is complete if n was its first node
    if (p->low[n] != p->index[n]) return;
    for (size_t m = n + 1; m != n;) {
        m = p->stack[--p->depth];
        p->part[m] = p->count;
        p->low[m] = SIZE_MAX;
    }
    p->count++;
}

static void gokore_parts_walk_(gokore_parts_ *p, size_t root) {
    size_t deep = 0;
    gokore_parts_enter_(p, root);
    p->trail[deep++] = root;
    while (deep > 0) {
        size_t n = p->trail[deep - 1];
        if (p->next[n] == p->first[n + 1]) {
            deep--;
            gokore_parts_leave_(p, n);
            if (deep > 0 && p->low[n] < p->low[p->trail[deep - 1]]) p->low[p->trail[deep - 1]] = p->low[n];
            continue;
        }
        size_t m = p->out[p->next[n]++];
        if (p->index[m] == 0) {
            gokore_parts_enter_(p, m);
            p->trail[deep++] = m;
        } else if (p->low[m] != SIZE_MAX && p->index[m] < p->low[n]) {
            p->low[n] = p->index[m];
        }
    }
}

static bool gokore_drawing_parts_(gokore_drawing_ *d) {
    size_t nodes = d->graph->node_count, edges = d->graph->edge_count;
    size_t *memory = (size_t *)gokore_alloc_zeroed_(NULL, (6 * (nodes + 2) + edges + 1) * sizeof *memory, sizeof *memory);
    if (!memory) return false;
    size_t *first = memory, *out = memory + 6 * (nodes + 2);
    gokore_parts_ p = { .first = first, .out = out, .part = d->part };
    p.index = first + nodes + 2;
    p.low = p.index + nodes + 2;
    p.stack = p.low + nodes + 2;
    p.trail = p.stack + nodes + 2;
    p.next = p.trail + nodes + 2;
    for (size_t e = 0; e < edges; e++) first[d->from[e] + 1]++; // counted, summed, placed
    for (size_t n = 0; n < nodes + 1; n++) first[n + 1] += first[n];
    for (size_t n = 0; n < nodes; n++) p.next[n] = first[n];
    for (size_t e = 0; e < edges; e++) out[p.next[d->from[e]]++] = d->to[e];
    for (size_t n = 0; n < nodes; n++)
        if (p.index[n] == 0) gokore_parts_walk_(&p, n);
    gokore_free_(NULL, memory, 0);
    return true;
}

static void gokore_drawing_end_(gokore_drawing_ *d) {
    gokore_free_(NULL, d->places, 0);
    gokore_free_(NULL, d->memory, 0);
}

static bool gokore_drawing_begin_(gokore_drawing_ *d, const gokore_lock_graph *g) { // false = no memory
    *d = (gokore_drawing_) { .graph = g, .places = gokore_graph_places_(g) };
    d->memory = (size_t *)gokore_alloc_zeroed_(NULL, (2 * g->edge_count + g->node_count + 1) * sizeof(size_t), sizeof(size_t));
    bool ok = d->places && d->memory;
    d->from = d->memory;
    d->to = ok ? d->from + g->edge_count : NULL;
    d->part = ok ? d->to + g->edge_count : NULL;
    for (size_t e = 0; ok && e < g->edge_count; e++) {
        d->from[e] = gokore_graph_index_(g, d->places, g->edges[e].from);
        d->to[e] = gokore_graph_index_(g, d->places, g->edges[e].to);
    }
    if (ok) ok = gokore_drawing_parts_(d);
    if (!ok) gokore_drawing_end_(d);
    return ok;
}

static bool gokore_drawing_cycle_(const gokore_drawing_ *d, size_t e) { // does the edge lie on one?
    return d->from[e] < d->graph->node_count && d->part[d->from[e]] == d->part[d->to[e]];
}

gokore_status gokore_lock_graph_write_dot(const gokore_lock_graph *g, gokore_writer w) {
    gokore_drawing_ d;
    if (!gokore_drawing_begin_(&d, g)) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "digraph lock_order {\n    node [shape=box];\n");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        if ((s = gokore_writef_(w, "    n%zu [label=", i)) == GOKORE_OK &&
            (s = gokore_write_quoted_(w, g->nodes[i].name, "\\\"")) == GOKORE_OK)
            s = gokore_write_(w, "];\n");
    }
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "    n%zu -> n%zu [label=\"%llu\"%s];\n", d.from[i], d.to[i],
                           (unsigned long long)g->edges[i].weight,
                           gokore_drawing_cycle_(&d, i) ? " color=red" : "");
    gokore_drawing_end_(&d);
    return s == GOKORE_OK ? gokore_write_(w, "}\n") : s;
}

gokore_status gokore_lock_graph_write_mermaid(const gokore_lock_graph *g, gokore_writer w) {
    gokore_drawing_ d;
    if (!gokore_drawing_begin_(&d, g)) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "graph TD\n");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        if ((s = gokore_writef_(w, "    n%zu[", i)) == GOKORE_OK &&
            (s = gokore_write_quoted_(w, g->nodes[i].name, "#quot;")) == GOKORE_OK)
            s = gokore_write_(w, "]\n");
    }
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "    n%zu %s|%llu| n%zu\n", d.from[i], gokore_drawing_cycle_(&d, i) ? "-.->" : "-->",
                           (unsigned long long)g->edges[i].weight, d.to[i]);
    gokore_drawing_end_(&d);
    return s;
}

gokore_status gokore_lock_graph_write_json(const gokore_lock_graph *g, gokore_writer w) {
    static const char *const qos[] = { "", "Guaranteed", "Burstable", "BestEffort" };
    gokore_drawing_ d;
    if (!gokore_drawing_begin_(&d, g)) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "{\"nodes\":[");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        const gokore_lock_node *n = &g->nodes[i];
        s = gokore_writef_(w, "%s{\"id\":%zu,\"address\":\"0x%llx\",\"name\":", i ? "," : "", i, (unsigned long long)n->address);
        if (s == GOKORE_OK) s = gokore_write_quoted_(w, n->name, "\\\"");
        if (s == GOKORE_OK) s = gokore_writef_(w, ",\"numa_node\":%d,\"qos\":\"%s\"}", n->numa_node, qos[n->qos & 3]);
    }
    if (s == GOKORE_OK) s = gokore_write_(w, "],\"edges\":[");
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "%s{\"from\":%zu,\"to\":%zu,\"weight\":%llu%s}", i ? "," : "", d.from[i], d.to[i],
                           (unsigned long long)g->edges[i].weight, gokore_drawing_cycle_(&d, i) ? ",\"cycle\":true" : "");
    gokore_drawing_end_(&d);
    return s == GOKORE_OK ? gokore_write_(w, "]}\n") : s;
}

// >>lent to gokore_policy.h
static const gokore_lent_locks_ gokore_lent_locks_order_ = { gokore_lockorder_check_names, gokore_lent_max_locks_,
                                                             gokore_lockorder_levels,
                                                             gokore_deadlock_resolve, gokore_lent_load_ };
static const gokore_lent_locks_ *gokore_lent_locks_here_ = &gokore_lent_locks_order_;

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
