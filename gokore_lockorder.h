// gokore_lockorder.h - v0.1.0 - MIT                       the order of locks: rules obeyed, cycles found before they hang
//
// WHAT     A checker in the manner of lockdep. An operator or a program declares in which order classes of locks are
//          taken; a lock taken against a rule is reported at its first acquisition. What no rule covers is learnt: the
//          checker keeps a graph of which lock was taken under which, and reports an acquisition that closes a cycle,
//          before any thread hangs.
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
//          GOKORE_ON_VIOLATION  [impl]  GOKORE_REPORT: report and go on; GOKORE_DENY: the lock call also fails with
//                                       GOKORE_ORDER; GOKORE_ABORT: the process aborts after the report
//
// CONCEPTS
//   Class        A name that many locks share. Rules speak of classes; locks of one class are one node of the graph. A
//                lock without a class is a node of its own. Two gokore_lock_class objects of one name are one class.
//   Rule         A chain of class names, first taken first. All rules together form one transitive order. Pairs come
//                from three origins; where they contradict, a manifest beats a call beats GOKORE_RULES. Classes that no
//                rule relates may nest either way, and are then learnt.
//   Learning     Each blocking acquisition adds an edge from every lock held to the lock wanted. An edge that closes a
//                cycle is LOCK_INVERSION, once per pair. A cycle that one thread alone has made is severity info, and
//                never refused. A try-lock adds no edge when taken, but counts as held afterwards. A refused acquisition
//                leaves no edge. Not seen in 0.1.0: that a common lock keeps a cycle from happening, that readers admit
//                each other (they count as writers), and a lock that no thread has taken or initialised yet.
//   Recursion    One's own lock again is LOCK_RECURSION, and the call returns GOKORE_DEADLOCK instead of hanging.
//   Limits       A thread's first 256 held locks are watched. When memory for the graph can't be had, one LOCK_TABLE
//                report says so, and what is known is kept.

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
// Takes the hierarchy rules of every LockPolicy of a set, in place of those of an earlier load. The set is not kept.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_load(const gokore_policy_set *set);
// Forgets added and loaded rules and everything learnt; GOKORE_RULES stay. For tests: no thread may hold a watched lock.
GOKORE_API void gokore_lockorder_reset(void);

typedef struct gokore_lock_verdict {
    bool ok;
    const char *held, *wanted, *rule; // the pair and the rule it breaks; held and wanted are the caller's strings
} gokore_lock_verdict;
// Would a thread that holds these classes be allowed to take the incoming one? GOKORE_OK or GOKORE_ORDER; out may be NULL.
// A name that no rule has is free.
GOKORE_API gokore_status gokore_lockorder_check_names(const char *const *held, size_t n, const char *incoming, gokore_lock_verdict *out);

// >>questions
// Would taking the lock now be legal? GOKORE_OK, GOKORE_ORDER (rule or cycle), GOKORE_DEADLOCK (held already); GOKORE_OK for a
// lock not seen yet, GOKORE_UNSUPPORTED with GOKORE_LOCKORDER 0. Adds nothing, reports nothing.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_validate(const void *lock);
// The whole graph: GOKORE_OK, or GOKORE_ORDER if an edge breaks a rule or lies on a cycle.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_lockorder_verify(void);
// The locks this thread holds, oldest first; returns how many.
GOKORE_API size_t gokore_lockorder_held(const void **out, size_t cap);
// Reports LOCK_WAIT_HELD if this thread holds a lock.
GOKORE_API void gokore_lockorder_assert_none_held(void);

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
// Graphviz, mermaid and JSON ({"nodes":[{id,address,name,numa_node,qos}],"edges":[{from,to,weight}]}) of a graph.
GOKORE_API gokore_status gokore_lock_graph_write_dot(const gokore_lock_graph *graph, gokore_writer writer);
GOKORE_API gokore_status gokore_lock_graph_write_mermaid(const gokore_lock_graph *graph, gokore_writer writer);
GOKORE_API gokore_status gokore_lock_graph_write_json(const gokore_lock_graph *graph, gokore_writer writer);

// >>private shared part
// What a lock of ours keeps in 4 bytes: the number of its record, made at init for a name or an observer, or at its first
// watched acquisition. slot NULL = a foreign lock, found by its address.
typedef struct gokore_lock_identity_ {
    const void *lock;
    gokore_lock_class *cls;
    gokore_atomic_u32 *slot;
} gokore_lock_identity_;
GOKORE_API gokore_status gokore_lockorder_before_(gokore_lock_identity_ who, unsigned mode);
GOKORE_API void gokore_lockorder_acquired_(gokore_lock_identity_ who, unsigned mode);
GOKORE_API bool gokore_lockorder_released_(const void *lock); // false: this thread does not hold it
GOKORE_API bool gokore_lock_is_mine_(const void *lock);         // true where nothing is watched
GOKORE_API bool gokore_lock_is_held_here_(const void *lock);    // false where nothing is watched
// Name NULL and node -1 leave what is known.
GOKORE_API void gokore_lock_describe_(gokore_lock_identity_ who, const char *name, gokore_lock_observer *observer, int numa_node);
GOKORE_API gokore_lock_observer *gokore_lock_observer_(uint32_t record);
GOKORE_API int gokore_lock_numa_node_(uint32_t record); // -1 = unknown
GOKORE_API void gokore_lock_forget_(const void *lock, uint32_t record);
GOKORE_API void gokore_lock_none_held_(const char *where); // reports LOCK_WAIT_HELD if this thread holds a lock
GOKORE_API void gokore_lock_title_(const void *lock, const gokore_lock_class *cls, uint32_t record, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif // GOKORE_LOCKORDER_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_LOCKORDER_IMPLEMENTED_)
#define GOKORE_LOCKORDER_IMPLEMENTED_
#include "gokore_atomic.h" // again: they may have been seen before the switch was set
#include "gokore_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// The number of a new zeroed item, 0 if there is no memory.
static uint32_t gokore_chunk_add_(gokore_chunks_ *c, size_t item_size) {
    uint32_t i = c->count + 1, at = i + 64, k = 25 - (uint32_t)__builtin_clz(at);
    if (k >= GOKORE_CHUNKS_) return 0;
    if (!gokore_atomic_load_relaxed(&c->chunk[k])) { // relaxed: only the latch's holder stores it
        void *base = gokore_alloc_zeroed_(NULL, ((size_t)64 << k) * item_size, GOKORE_CACHE_LINE);
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
} gokore_lock_map_;

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
    for (uint64_t i = 0; t && i <= t->mask; i++) live += gokore_atomic_load_relaxed(&t->slot[i].value) != 0; // relaxed: under the latch
    return live;
}

static bool gokore_lock_map_grow_(gokore_lock_map_ *map) {
    gokore_lock_slots_ *old = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: under the latch
    uint64_t size = 256, live = gokore_lock_map_live_(old);
    while (size < live * 4) size *= 2;
    size_t bytes = sizeof(gokore_lock_slots_) + (size_t)size * sizeof(gokore_lock_slot_);
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_alloc_zeroed_(NULL, bytes, GOKORE_CACHE_LINE);
    if (!t) return false;
    t->mask = size - 1;
    t->outgrown = old;
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
    return true;
}

static bool gokore_lock_map_put_(gokore_lock_map_ *map, uint64_t key, uint32_t value) {
    gokore_lock_slots_ *t = (gokore_lock_slots_ *)gokore_atomic_load_relaxed(&map->slots); // relaxed: under the latch
    if (!t || map->used * 2 > t->mask) {
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

// >>names of rules: kept once each, for as long as the process lives, because verdicts point to them
typedef struct gokore_lock_name_ {
    struct gokore_lock_name_ *next;
    char text[];
} gokore_lock_name_;

// >>records and edges
#define GOKORE_NO_RULE_CLASS_ UINT32_MAX
typedef struct gokore_lock_record_ { // a lock, or a class of locks; a node of the graph if node is its own number
    const void *address;             // NULL for a class
    char *name;                      // ours; NULL = unnamed
    gokore_lock_observer *observer;
    uint32_t node;                   // the class's record for a lock that has one
    uint32_t rule_class;             // a class's index in the order matrix, or GOKORE_NO_RULE_CLASS_
    uint32_t out, in;                // first edge from and to this node
    uint32_t next_free;
    uint32_t mark[2], via[2], via_helped[2], queued[2]; // of the last search, see gokore_lock_path_
    int numa_node;
    bool is_class, shown, on_way;    // shown: in the graph that is being made; on_way: of gokore_lock_try_ways_
    gokore_atomic_bool seen;         // a thread has held it since the last reset; relaxed, a hint
} gokore_lock_record_;

// What is known of an edge. CYCLE and ORDER edges take the slow path each time; MILD ones have one thread's word only.
// STALE ones have to be judged again at the next acquisition; REFUSED ones no thread has taken yet.
enum { GOKORE_EDGE_ORDER_ = 1, GOKORE_EDGE_CYCLE_ = 2, GOKORE_EDGE_MILD_ = 4, GOKORE_EDGE_TOLD_ = 8, GOKORE_EDGE_REFUSED_ = 16, GOKORE_EDGE_STALE_ = 32 };
typedef struct gokore_lock_edge_ {
    uint32_t from, to, next_out, next_in, next_free;
    gokore_atomic_u32 flags;  // written under the latch, read without
    gokore_atomic_u64 weight;
    gokore_atomic_u64 thread; // the one that made it; 0 = several have
    gokore_stack_ stack;      // where it was first seen
} gokore_lock_edge_;

enum { GOKORE_ORIGIN_COMPILED_, GOKORE_ORIGIN_CALLED_, GOKORE_ORIGIN_MANIFEST_, GOKORE_ORIGINS_ };
typedef struct gokore_lock_rule_ {
    struct gokore_lock_rule_ *next;
    const char *name;
    uint32_t count;
    uint32_t classes[]; // records, first taken first
} gokore_lock_rule_;

static struct gokore_lockorder_state_ { // all of it under the latch, but for the tables' lock-free reads
    gokore_latch_ latch;
    gokore_chunks_ records, edges;
    gokore_lock_map_ by_address, by_edge;
    uint32_t free_record, free_edge, mark;
    bool compiled_read;
    gokore_atomic_bool memory_told;
    gokore_lock_name_ *names;
    gokore_lock_rule_ *rules[GOKORE_ORIGINS_];
    uint32_t width;      // classes that rules name
    const char **order;  // [before * width + after] = the name of the rule that says so, or NULL
} gokore_lockorder_;

static gokore_lock_record_ *gokore_lock_record_at_(uint32_t i) {
    return (gokore_lock_record_ *)gokore_chunk_item_(&gokore_lockorder_.records, i, sizeof(gokore_lock_record_));
}
static gokore_lock_edge_ *gokore_lock_edge_at_(uint32_t i) {
    return (gokore_lock_edge_ *)gokore_chunk_item_(&gokore_lockorder_.edges, i, sizeof(gokore_lock_edge_));
}
static uint64_t gokore_edge_key_(uint32_t from, uint32_t to) { return (uint64_t)from << 32 | to; }
static uint64_t gokore_address_key_(const void *lock) { return (uint64_t)(uintptr_t)lock; }

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
    else
        i = gokore_chunk_add_(&gokore_lockorder_.records, sizeof(gokore_lock_record_));
    if (i) *gokore_lock_record_at_(i) = (gokore_lock_record_) { .node = i, .rule_class = GOKORE_NO_RULE_CLASS_, .numa_node = -1 };
    return i;
}

static void gokore_lock_record_free_(uint32_t i) {
    gokore_free_(NULL, gokore_lock_record_at_(i)->name, 0);
    *gokore_lock_record_at_(i) = (gokore_lock_record_) { .next_free = gokore_lockorder_.free_record };
    gokore_lockorder_.free_record = i;
}

// The record of a class by its name; 0 = none.
static uint32_t gokore_lock_class_find_(const char *name, size_t len) {
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        const gokore_lock_record_ *r = gokore_lock_record_at_(i);
        if (r->is_class && strncmp(r->name, name, len) == 0 && r->name[len] == 0) return i;
    }
    return 0;
}

// The same, made at first use; 0 = no memory. A class is never forgotten.
static uint32_t gokore_lock_class_record_(const char *name, size_t len) {
    uint32_t i = gokore_lock_class_find_(name, len);
    char *kept = i ? NULL : gokore_lock_copy_(name, len);
    if (i || !kept) return i;
    i = gokore_lock_record_new_();
    if (!i) {
        gokore_free_(NULL, kept, len + 1);
        return 0;
    }
    gokore_lock_record_at_(i)->name = kept;
    gokore_lock_record_at_(i)->is_class = true;
    return i;
}

static uint32_t gokore_lock_class_of_(gokore_lock_class *cls) {
    uint32_t id = gokore_atomic_load_acquire(&cls->id_); // pairs with the release below
    if (id) return id;
    const char *name = cls->name ? cls->name : "?";
    id = gokore_lock_class_record_(name, strlen(name));
    gokore_atomic_store_release(&cls->id_, id); // pairs with the acquire above
    return id;
}

static void gokore_edge_unlink_(uint32_t e) {
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    uint32_t *at = &gokore_lock_record_at_(edge->from)->out;
    while (*at != e) at = &gokore_lock_edge_at_(*at)->next_out;
    *at = edge->next_out;
    at = &gokore_lock_record_at_(edge->to)->in;
    while (*at != e) at = &gokore_lock_edge_at_(*at)->next_in;
    *at = edge->next_in;
    gokore_lock_map_remove_(&gokore_lockorder_.by_edge, gokore_edge_key_(edge->from, edge->to));
    edge->next_free = gokore_lockorder_.free_edge;
    gokore_lockorder_.free_edge = e;
}

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
    uint32_t cls = who.cls ? gokore_lock_class_of_(who.cls) : 0;
    if (cls) r->node = cls;
    if (gokore_lock_map_put_(&gokore_lockorder_.by_address, gokore_address_key_(who.lock), i)) return i;
    gokore_lock_record_free_(i);
    return 0;
}

static void gokore_lock_out_of_memory_(void) {
    if (!gokore_atomic_exchange(&gokore_lockorder_.memory_told, true))
        gokore_reportf_(GOKORE_REPORT_LOCK_TABLE, NULL, "no memory for the lock checker's tables: new locks and orders go unseen");
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
    char *before = name ? r->name : NULL, *copy = name ? gokore_lock_copy_(name, strlen(name)) : NULL;
    if (name) r->name = copy;
    gokore_free_(NULL, before, 0);
    if (numa_node >= 0) r->numa_node = numa_node;
    r->observer = observer;
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (name && !copy) gokore_lock_out_of_memory_();
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

void gokore_lock_title_(const void *lock, const gokore_lock_class *cls, uint32_t record, char *out, size_t cap) {
    const char *name = record && gokore_lock_record_at_(record)->name ? gokore_lock_record_at_(record)->name : cls ? cls->name : NULL;
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
    gokore_lock_rule_ *rule = (gokore_lock_rule_ *)gokore_alloc_zeroed_(NULL, sizeof *rule + n * sizeof rule->classes[0], sizeof(void *));
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
            uint32_t a = gokore_lock_record_at_(rules->classes[i / n])->rule_class, b = gokore_lock_record_at_(rules->classes[i % n])->rule_class;
            if (gokore_order_add_(order, width, a, b, rules->name)) continue;
            clash[0] = a == b ? rules->name : order[b * width + a];
            clash[1] = rules->name;
            clean = false;
        }
    return clean;
}

static const char *gokore_order_rule_(uint32_t before, uint32_t after) { // the rule that wants these nodes in this order
    uint32_t a = gokore_lock_record_at_(before)->rule_class, b = gokore_lock_record_at_(after)->rule_class;
    if (a == GOKORE_NO_RULE_CLASS_ || b == GOKORE_NO_RULE_CLASS_ || !gokore_lockorder_.order) return NULL;
    return gokore_lockorder_.order[a * gokore_lockorder_.width + b];
}

// Every edge is judged anew after the rules have changed; what is wrong now is told at its next acquisition.
static void gokore_edges_judge_(void) {
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++)
        for (uint32_t e = gokore_lock_record_at_(i)->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            uint32_t flags = gokore_atomic_load_relaxed(&edge->flags); // relaxed: under the latch
            bool was = flags & GOKORE_EDGE_ORDER_, is = gokore_order_rule_(edge->to, edge->from) != NULL;
            if (was == is) continue;
            flags = (flags & GOKORE_EDGE_REFUSED_) | GOKORE_EDGE_STALE_ | (is ? GOKORE_EDGE_ORDER_ : 0);
            gokore_atomic_store_relaxed(&edge->flags, flags); // relaxed: a hint; the slow path looks again under the latch
        }
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
    gokore_edges_judge_();
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

gokore_status gokore_lockorder_load(const gokore_policy_set *set) {
    gokore_lock_rule_ *rules = NULL, **end = &rules;
    const char *clash[2] = { "", "" };
    gokore_status status = GOKORE_OK;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (size_t i = 0; set && i < gokore_policy_set_count(set); i++) {
        const gokore_lock_policy *policy = gokore_policy_set_at(set, i)->lock;
        for (size_t k = 0; policy && k < policy->rule_count && status == GOKORE_OK; k++) {
            *end = gokore_rule_make_(policy->rules[k].name, policy->rules[k].order, policy->rules[k].order_count);
            if (*end)
                end = &(*end)->next;
            else
                status = GOKORE_NO_MEMORY;
        }
    }
    gokore_lock_rule_ *before = gokore_lockorder_.rules[GOKORE_ORIGIN_MANIFEST_];
    if (status == GOKORE_OK) status = gokore_rules_install_(GOKORE_ORIGIN_MANIFEST_, rules, clash);
    gokore_rules_free_(status == GOKORE_OK ? before : rules);
    if (status != GOKORE_OK) gokore_rules_renumber_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (status == GOKORE_ORDER)
        gokore_reportf_(GOKORE_REPORT_POLICY, clash[1], "policies are refused: rule '%s' contradicts rule '%s'", clash[1], clash[0]);
    return status;
}

void gokore_lockorder_reset(void) {
    const char *clash[2];
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        while (r->out) gokore_edge_unlink_(r->out);
        gokore_atomic_store_relaxed(&r->seen, false);
    }
    for (int origin = GOKORE_ORIGIN_CALLED_; origin < GOKORE_ORIGINS_; origin++) {
        gokore_rules_free_(gokore_lockorder_.rules[origin]);
        gokore_lockorder_.rules[origin] = NULL;
    }
    gokore_rules_read_compiled_();
    (void)gokore_rules_install_(GOKORE_ORIGIN_COMPILED_, gokore_lockorder_.rules[GOKORE_ORIGIN_COMPILED_], clash);
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

gokore_status gokore_lockorder_check_names(const char *const *held, size_t n, const char *incoming, gokore_lock_verdict *out) {
    gokore_lock_verdict verdict = { .ok = true, .wanted = incoming };
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    uint32_t wanted = gokore_lock_class_find_(incoming, strlen(incoming));
    for (size_t i = 0; wanted && verdict.ok && i < n; i++) {
        uint32_t h = gokore_lock_class_find_(held[i], strlen(held[i]));
        const char *rule = h ? gokore_order_rule_(wanted, h) : NULL;
        if (rule) verdict = (gokore_lock_verdict) { false, held[i], incoming, rule };
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (out) *out = verdict;
    return verdict.ok ? GOKORE_OK : GOKORE_ORDER;
}

// >>what a thread holds
#define GOKORE_HELD_MAX_ (GOKORE_LOCKORDER ? 256 : 1)
typedef struct gokore_held_ {
    const void *lock;
    uint32_t node;
    unsigned mode;
} gokore_held_;
static _Thread_local struct {
    uint32_t count, beyond; // beyond: held, but not watched
    gokore_held_ held[GOKORE_HELD_MAX_];
} gokore_mine_;

static gokore_held_ *gokore_held_find_(const void *lock) {
    for (uint32_t i = gokore_mine_.count; i-- > 0;)
        if (gokore_mine_.held[i].lock == lock) return &gokore_mine_.held[i];
    return NULL;
}

// >>paths of learnt edges
// Edges from start to goal, kept in the records' via: a shortest way that some other thread has helped to make, or, where there
// is none, one of this thread's own edges only. Each lock at most once. Breadth first over (node, helped), the queue inside the records: 2 * node + helped.
enum gokore_path_ { GOKORE_PATH_NONE_, GOKORE_PATH_MINE_, GOKORE_PATH_HELPED_ };

// Does the way to this state come through the node already? A cycle goes through each lock once.
static bool gokore_lock_came_by_(uint32_t node, uint32_t at, unsigned helped) {
    while (at != node) {
        const gokore_lock_record_ *r = gokore_lock_record_at_(at);
        if (!r->via[helped]) return false; // the start
        at = gokore_lock_edge_at_(r->via[helped])->from;
        helped = r->via_helped[helped];
    }
    return true;
}

static void gokore_lock_reach_(uint32_t to, unsigned helped, uint32_t edge, unsigned before, uint32_t *tail) {
    gokore_lock_record_ *r = gokore_lock_record_at_(to);
    if (r->mark[helped] == gokore_lockorder_.mark) return;
    if (helped && gokore_lock_came_by_(to, gokore_lock_edge_at_(edge)->from, before)) return;
    r->mark[helped] = gokore_lockorder_.mark;
    r->via[helped] = edge;
    r->via_helped[helped] = before;
    r->queued[helped] = 0;
    if (*tail) gokore_lock_record_at_(*tail / 2)->queued[*tail % 2] = 2 * to + helped;
    *tail = 2 * to + helped;
}

// Where the shortest ways are all this thread's own, a longer one may not be: tries them all, depth first, each lock at most once,
// up to a number of steps beyond which the cycle passes for this thread's own. Leaves the way found in via[1].
static bool gokore_lock_try_ways_(uint32_t start, uint32_t goal, uint64_t me) {
    uint32_t node = start, e = gokore_lock_record_at_(start)->out, others = 0, steps = 100000;
    bool found = false;
    gokore_lock_record_at_(start)->on_way = true;
    while (!found && (e || node != start)) {
        if (!e) { // nothing more from here: a step back
            const gokore_lock_edge_ *back = gokore_lock_edge_at_(gokore_lock_record_at_(node)->via[1]);
            gokore_lock_record_at_(node)->on_way = false;
            others -= gokore_atomic_load_relaxed(&back->thread) != me; // relaxed: a hint, under the latch
            node = back->from;
            e = back->next_out;
            continue;
        }
        const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
        gokore_lock_record_ *to = gokore_lock_record_at_(edge->to);
        uint32_t other = gokore_atomic_load_relaxed(&edge->thread) != me; // relaxed: likewise
        found = edge->to == goal && others + other > 0;
        bool go = found || (edge->to != goal && !to->on_way && steps > 0);
        if (!go || (gokore_atomic_load_relaxed(&edge->flags) & GOKORE_EDGE_REFUSED_)) {
            found = false;
            e = edge->next_out;
            continue;
        }
        steps--;
        to->via[1] = e;
        to->via_helped[1] = node != start;
        to->on_way = true;
        others += other;
        node = edge->to;
        e = to->out;
    }
    for (; node != start; node = gokore_lock_edge_at_(gokore_lock_record_at_(node)->via[1])->from) gokore_lock_record_at_(node)->on_way = false;
    gokore_lock_record_at_(start)->on_way = false;
    return found;
}

static enum gokore_path_ gokore_lock_path_(uint32_t start, uint32_t goal) {
    uint32_t mark = ++gokore_lockorder_.mark, tail = 0;
    uint64_t me = gokore_thread_id_();
    gokore_lock_reach_(start, 0, 0, 0, &tail);
    for (uint32_t at = tail; at; at = gokore_lock_record_at_(at / 2)->queued[at % 2])
        for (uint32_t e = gokore_lock_record_at_(at / 2)->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            if (gokore_atomic_load_relaxed(&edge->flags) & GOKORE_EDGE_REFUSED_) continue; // relaxed: under the latch
            unsigned helped = at % 2 || gokore_atomic_load_relaxed(&edge->thread) != me;  // relaxed: a hint
            gokore_lock_reach_(edge->to, helped, e, at % 2, &tail);
            if (gokore_lock_record_at_(goal)->mark[1] == mark) return GOKORE_PATH_HELPED_;
        }
    if (gokore_lock_record_at_(goal)->mark[0] != mark) return GOKORE_PATH_NONE_;
    return gokore_lock_try_ways_(start, goal, me) ? GOKORE_PATH_HELPED_ : GOKORE_PATH_MINE_;
}

// One step back on the path just found: the edge that leads to *node, which becomes where it comes from.
static gokore_lock_edge_ *gokore_lock_step_back_(uint32_t *node, unsigned *helped) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(*node);
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(r->via[*helped]);
    *helped = r->via_helped[*helped];
    *node = edge->from;
    return edge;
}

// After a search that found only ways of this thread's own: marks the edges of all of them, so that another thread's coming is
// noticed on any. Backwards from the goal over what the search has reached; mark[1] and queued[1] are this walk's.
static void gokore_lock_mark_mild_(uint32_t goal) {
    uint32_t reached = gokore_lockorder_.mark, mark = ++gokore_lockorder_.mark, tail = goal;
    gokore_lock_record_at_(goal)->mark[1] = mark;
    gokore_lock_record_at_(goal)->queued[1] = 0;
    for (uint32_t node = goal; node; node = gokore_lock_record_at_(node)->queued[1])
        for (uint32_t e = gokore_lock_record_at_(node)->in; e; e = gokore_lock_edge_at_(e)->next_in) {
            gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            gokore_lock_record_ *from = gokore_lock_record_at_(edge->from);
            if (from->mark[0] != reached || (gokore_atomic_load_relaxed(&edge->flags) & GOKORE_EDGE_REFUSED_)) continue; // relaxed, here
            (void)gokore_atomic_fetch_or_relaxed(&edge->flags, GOKORE_EDGE_MILD_ | GOKORE_EDGE_TOLD_); // and below: under the latch
            if (from->mark[1] == mark) continue;
            from->mark[1] = mark;
            from->queued[1] = 0;
            gokore_lock_record_at_(tail)->queued[1] = edge->from;
            tail = edge->from;
        }
}

// After a cycle is told in earnest: its edges need no watching for other threads any more.
static void gokore_lock_unmark_(uint32_t start, uint32_t goal, enum gokore_path_ path) {
    unsigned helped = path == GOKORE_PATH_HELPED_;
    for (uint32_t node = goal; node != start || helped;)
        (void)gokore_atomic_fetch_and_relaxed(&gokore_lock_step_back_(&node, &helped)->flags, ~(uint32_t)GOKORE_EDGE_MILD_); // relaxed: latch
}

// >>findings: written under the latch, told after it
typedef struct gokore_finding_ {
    gokore_report_id id; // GOKORE_REPORT_NONE = nothing to tell
    gokore_severity severity;
    char message[512], resource[64];
    gokore_stack_ stack, other;
} gokore_finding_;

static gokore_status gokore_finding_tell_(gokore_finding_ *f, gokore_status denied) {
    gokore_report report = { .id = f->id, .severity = f->severity, .message = f->message, .resource = f->resource };
    report.stack = f->stack.frames;
    report.stack_depth = f->stack.depth;
    report.other_stack = f->other.frames;
    report.other_stack_depth = f->other.depth;
    return gokore_violation_(&report, denied);
}

static const char *gokore_pod_title_(void) { return gokore_report_pod_()[0] ? gokore_report_pod_() : "-"; }

static void gokore_finding_order_(gokore_finding_ *f, uint32_t held, uint32_t wanted) {
    char a[32], b[32];
    f->id = GOKORE_REPORT_LOCK_ORDER;
    f->severity = GOKORE_SEVERITY_ERROR;
    (void)snprintf(f->resource, sizeof f->resource, "%s", gokore_node_title_(wanted, b));
    (void)snprintf(f->message, sizeof f->message, "lock order violation: '%s' taken while '%s' is held, rule '%s' wants '%s' first (numa:%d, pod:%s)",
                   gokore_node_title_(wanted, b), gokore_node_title_(held, a), gokore_order_rule_(wanted, held),
                   gokore_node_title_(wanted, b), gokore_thread_node_(), gokore_pod_title_());
}

// The cycle held -> wanted -> ... -> held, as the search left it in the records' via.
static void gokore_finding_cycle_(gokore_finding_ *f, uint32_t held, uint32_t wanted, enum gokore_path_ way, bool one_thread) {
    char name[32], path[320];
    size_t at = sizeof path - 1;
    bool full = false;
    path[at] = 0;
    unsigned helped = way == GOKORE_PATH_HELPED_;
    for (uint32_t node = held; node != wanted || helped;) { // backwards from held to wanted
        const char *title = gokore_node_title_(node, name);
        size_t len = strlen(title) + 6;
        f->other = gokore_lock_step_back_(&node, &helped)->stack;
        if (len + 7 > at) full = true;
        if (full) continue;
        at -= len;
        memcpy(path + at, " -> '", 5);
        memcpy(path + at + 5, title, len - 6);
        path[at + len - 1] = '\'';
    }
    if (full) memcpy(path + (at -= 7), " -> ...", 7);
    char a[32], b[32];
    f->id = GOKORE_REPORT_LOCK_INVERSION;
    f->severity = one_thread ? GOKORE_SEVERITY_INFO : GOKORE_SEVERITY_ERROR;
    (void)snprintf(f->resource, sizeof f->resource, "%s", gokore_node_title_(wanted, b));
    (void)snprintf(f->message, sizeof f->message, "lock order inversion: '%s' taken while '%s' is held, but '%s'%s was seen before%s (numa:%d, pod:%s)",
                   gokore_node_title_(wanted, b), gokore_node_title_(held, a), gokore_node_title_(wanted, b), path + at,
                   one_thread ? ", by this thread alone" : "", gokore_thread_node_(), gokore_pod_title_());
}

static void gokore_finding_twins_(gokore_finding_ *f, uint32_t node) {
    char name[32];
    f->id = GOKORE_REPORT_LOCK_INVERSION;
    f->severity = GOKORE_SEVERITY_ERROR;
    (void)snprintf(f->resource, sizeof f->resource, "%s", gokore_node_title_(node, name));
    (void)snprintf(f->message, sizeof f->message, "lock order inversion: two locks of class '%s' held together, and nothing says which comes first (numa:%d, pod:%s)",
                   gokore_node_title_(node, name), gokore_thread_node_(), gokore_pod_title_());
}

// >>learning
static uint32_t gokore_edge_new_(uint32_t from, uint32_t to, const gokore_stack_ *stack) {
    uint32_t e = gokore_lockorder_.free_edge;
    if (e)
        gokore_lockorder_.free_edge = gokore_lock_edge_at_(e)->next_free;
    else
        e = gokore_chunk_add_(&gokore_lockorder_.edges, sizeof(gokore_lock_edge_));
    if (!e) return 0;
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    gokore_lock_record_ *a = gokore_lock_record_at_(from), *b = gokore_lock_record_at_(to);
    *edge = (gokore_lock_edge_) { .from = from, .to = to, .next_out = a->out, .next_in = b->in, .stack = *stack };
    gokore_atomic_store_relaxed(&edge->flags, GOKORE_EDGE_REFUSED_); // relaxed: published with the map; no way through until judged
    gokore_atomic_store_relaxed(&edge->thread, gokore_thread_id_()); // relaxed: published with the map
    a->out = e;
    b->in = e;
    if (gokore_lock_map_put_(&gokore_lockorder_.by_edge, gokore_edge_key_(from, to), e)) return e;
    gokore_edge_unlink_(e);
    return 0;
}

// Judges an edge for the first time, or again because other threads or other rules have come. Under the latch.
static void gokore_edge_judge_(uint32_t e, gokore_finding_ *f) {
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    uint64_t me = gokore_thread_id_();
    if (gokore_atomic_load_relaxed(&edge->thread) != me) gokore_atomic_store_relaxed(&edge->thread, 0); // relaxed: under the latch
    uint32_t flags = gokore_atomic_load_relaxed(&edge->flags) & ~(uint32_t)(GOKORE_EDGE_REFUSED_ | GOKORE_EDGE_STALE_);
    uint32_t told = flags & GOKORE_EDGE_TOLD_;
    bool mild = false;
    enum gokore_path_ path;
    if (gokore_order_rule_(edge->to, edge->from)) {
        flags |= GOKORE_EDGE_ORDER_;
        if (!told) gokore_finding_order_(f, edge->from, edge->to);
    } else if (edge->from == edge->to) {
        flags |= GOKORE_EDGE_CYCLE_;
        if (!told) gokore_finding_twins_(f, edge->to);
    } else if ((path = gokore_lock_path_(edge->to, edge->from)) != GOKORE_PATH_NONE_) {
        mild = path == GOKORE_PATH_MINE_ && gokore_atomic_load_relaxed(&edge->thread) == me; // relaxed: under the latch
        if (flags & GOKORE_EDGE_MILD_ && !mild) told = 0; // it was one thread's own business until now
        flags = mild ? flags | GOKORE_EDGE_CYCLE_ | GOKORE_EDGE_MILD_ : (flags | GOKORE_EDGE_CYCLE_) & ~(uint32_t)GOKORE_EDGE_MILD_;
        if (!told) gokore_finding_cycle_(f, edge->from, edge->to, path, mild);
        if (mild)
            gokore_lock_mark_mild_(edge->from);
        else
            gokore_lock_unmark_(edge->to, edge->from, path);
    } else {
        flags = 0;
    }
    if (flags) flags |= GOKORE_EDGE_TOLD_;
    if (GOKORE_ON_VIOLATION == GOKORE_DENY && flags && !mild) flags |= GOKORE_EDGE_REFUSED_;
    gokore_atomic_store_release(&edge->flags, flags); // pairs with the acquire in gokore_pair_check_
}

// The slow path of a pair: a new edge, or one that something is wrong with.
static gokore_status gokore_pair_learn_(uint32_t held, uint32_t wanted) {
    gokore_finding_ f;
    f.id = GOKORE_REPORT_NONE;
    f.other.depth = 0;
    gokore_stack_capture_(&f.stack);
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    if (gokore_lock_record_at_(held)->node != held) { // the held lock was destroyed by another thread
        gokore_latch_unlock_(&gokore_lockorder_.latch);
        return GOKORE_OK;
    }
    uint32_t e = gokore_lock_map_get_(&gokore_lockorder_.by_edge, gokore_edge_key_(held, wanted));
    if (!e) e = gokore_edge_new_(held, wanted, &f.stack);
    if (e) gokore_edge_judge_(e, &f);
    bool refused = e && (gokore_atomic_load_relaxed(&gokore_lock_edge_at_(e)->flags) & GOKORE_EDGE_REFUSED_); // relaxed: under the latch
    if (e && !refused) (void)gokore_atomic_fetch_add_relaxed(&gokore_lock_edge_at_(e)->weight, 1);            // relaxed: a count
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    if (!e) gokore_lock_out_of_memory_();
    if (f.id != GOKORE_REPORT_NONE) (void)gokore_finding_tell_(&f, GOKORE_ORDER);
    return refused ? GOKORE_ORDER : GOKORE_OK;
}

static gokore_status gokore_pair_check_(uint32_t held, uint32_t wanted) {
    uint32_t e = gokore_lock_map_get_(&gokore_lockorder_.by_edge, gokore_edge_key_(held, wanted));
    if (!e) return gokore_pair_learn_(held, wanted);
    gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
    if (gokore_atomic_load_acquire(&edge->flags) != 0) return gokore_pair_learn_(held, wanted); // pairs with gokore_edge_judge_
    uint64_t thread = gokore_atomic_load_relaxed(&edge->thread); // relaxed: only ever falls to 0
    if (thread != 0 && thread != gokore_thread_id_()) gokore_atomic_store_relaxed(&edge->thread, 0);
    (void)gokore_atomic_fetch_add_relaxed(&edge->weight, 1); // relaxed: a count
    return GOKORE_OK;
}

// A refused acquisition leaves no edge: what its other pairs have added is taken back. An edge of weight 0 was its own.
static void gokore_pairs_undo_(uint32_t wanted) {
    gokore_latch_lock_(&gokore_lockorder_.latch);
    for (uint32_t i = 0; i < gokore_mine_.count; i++) {
        uint32_t e = gokore_lock_map_get_(&gokore_lockorder_.by_edge, gokore_edge_key_(gokore_mine_.held[i].node, wanted));
        if (!e || (gokore_atomic_load_relaxed(&gokore_lock_edge_at_(e)->flags) & GOKORE_EDGE_REFUSED_)) continue; // relaxed: under the latch
        if (gokore_atomic_fetch_sub_relaxed(&gokore_lock_edge_at_(e)->weight, 1) == 1) gokore_edge_unlink_(e); // relaxed: a count
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
}

// The lock is held by this thread already. A recursive lock may be; a second shared hold is reported and tried.
static gokore_status gokore_lock_again_(const gokore_held_ *held, gokore_lock_identity_ who, unsigned mode) {
    bool shared_before = held->mode == GOKORE_LOCK_SHARED || held->mode == GOKORE_LOCK_SHARED_RECURSIVE;
    if (mode == GOKORE_LOCK_RECURSIVE || (mode == GOKORE_LOCK_SHARED_RECURSIVE && shared_before)) return GOKORE_OK;
    gokore_finding_ f;
    f.id = GOKORE_REPORT_LOCK_RECURSION;
    f.severity = GOKORE_SEVERITY_ERROR;
    f.other.depth = 0;
    gokore_stack_capture_(&f.stack);
    gokore_lock_title_(who.lock, who.cls, gokore_lock_find_(who), f.resource, sizeof f.resource);
    (void)snprintf(f.message, sizeof f.message, "lock recursion: '%s' taken by the thread that holds it (numa:%d, pod:%s)",
                   f.resource, gokore_thread_node_(), gokore_pod_title_());
    (void)gokore_finding_tell_(&f, GOKORE_DEADLOCK);
    return mode == GOKORE_LOCK_SHARED && shared_before ? GOKORE_OK : GOKORE_DEADLOCK;
}

gokore_status gokore_lockorder_before_(gokore_lock_identity_ who, unsigned mode) {
    if (!GOKORE_LOCKORDER || gokore_mine_.count == 0 || gokore_report_running_() || (mode & GOKORE_LOCK_TRY)) return GOKORE_OK;
    const gokore_held_ *held = gokore_held_find_(who.lock);
    if (held) return gokore_lock_again_(held, who, mode);
    uint32_t record = gokore_lock_find_(who);
    if (!record) return GOKORE_OK;
    uint32_t node = gokore_lock_record_at_(record)->node;
    gokore_status status = GOKORE_OK;
    for (uint32_t i = 0; i < gokore_mine_.count; i++) {
        if (!gokore_mine_.held[i].node) continue;
        gokore_status one = gokore_pair_check_(gokore_mine_.held[i].node, node);
        if (one != GOKORE_OK) status = one;
    }
    if (status != GOKORE_OK) gokore_pairs_undo_(node);
    return status;
}

void gokore_lockorder_acquired_(gokore_lock_identity_ who, unsigned mode) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return;
    if (gokore_mine_.count == GOKORE_HELD_MAX_) {
        if (gokore_mine_.beyond++ == 0)
            gokore_reportf_(GOKORE_REPORT_LOCK_TABLE, NULL, "a thread holds more than %d locks: the others go unseen", GOKORE_HELD_MAX_);
        return;
    }
    uint32_t record = gokore_lock_find_(who);
    uint32_t node = record ? gokore_lock_record_at_(record)->node : 0;
    gokore_atomic_bool *seen = node ? &gokore_lock_record_at_(node)->seen : NULL;
    if (seen && !gokore_atomic_load_relaxed(seen)) gokore_atomic_store_relaxed(seen, true);
    gokore_mine_.held[gokore_mine_.count++] = (gokore_held_) { who.lock, node, mode & ~(unsigned)GOKORE_LOCK_TRY };
}

bool gokore_lockorder_released_(const void *lock) {
    if (!GOKORE_LOCKORDER || gokore_report_running_()) return true;
    gokore_held_ *held = gokore_held_find_(lock);
    if (!held && gokore_mine_.beyond == 0) return false;
    if (!held) return gokore_mine_.beyond--, true; // one of those that are not watched
    memmove(held, held + 1, (size_t)(&gokore_mine_.held[gokore_mine_.count] - (held + 1)) * sizeof *held);
    gokore_mine_.count--;
    return true;
}

bool gokore_lock_is_mine_(const void *lock) {
    return !GOKORE_LOCKORDER || gokore_report_running_() || gokore_mine_.beyond || gokore_held_find_(lock);
}

bool gokore_lock_is_held_here_(const void *lock) { return GOKORE_LOCKORDER && gokore_held_find_(lock); }

// >>foreign locks
gokore_status gokore_lockorder_before(const void *lock, gokore_lock_class *cls, unsigned mode) {
    return gokore_lockorder_before_((gokore_lock_identity_) { lock, cls, NULL }, mode);
}

void gokore_lockorder_acquired(const void *lock, gokore_lock_class *cls, unsigned mode) {
    gokore_lockorder_acquired_((gokore_lock_identity_) { lock, cls, NULL }, mode);
}

void gokore_lockorder_released(const void *lock) {
    if (gokore_lockorder_released_(lock)) return;
    char title[64];
    gokore_lock_title_(lock, NULL, gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(lock)), title, sizeof title);
    gokore_reportf_(GOKORE_REPORT_LOCK_NOT_HELD, title, "'%s' released by a thread that does not hold it", title);
}

void gokore_lockorder_destroyed(const void *lock) {
    if (gokore_lock_is_held_here_(lock)) (void)gokore_lockorder_released_(lock);
    if (GOKORE_LOCKORDER) gokore_lock_forget_(lock, gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(lock)));
}

// >>questions
gokore_status gokore_lockorder_validate(const void *lock) {
    if (!GOKORE_LOCKORDER) return GOKORE_UNSUPPORTED;
    if (gokore_held_find_(lock)) return GOKORE_DEADLOCK;
    uint32_t record = gokore_lock_map_get_(&gokore_lockorder_.by_address, gokore_address_key_(lock));
    if (!record) return GOKORE_OK;
    gokore_status status = GOKORE_OK;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    uint32_t node = gokore_lock_record_at_(record)->node;
    for (uint32_t i = 0; i < gokore_mine_.count; i++) {
        uint32_t held = gokore_mine_.held[i].node;
        if (held && (held == node || gokore_order_rule_(node, held) || gokore_lock_path_(node, held) != GOKORE_PATH_NONE_))
            status = GOKORE_ORDER;
    }
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return status;
}

static bool gokore_edge_counts_(const gokore_lock_edge_ *edge) { // was it ever taken?
    return !(gokore_atomic_load_relaxed(&edge->flags) & GOKORE_EDGE_REFUSED_); // relaxed: under the latch
}

static bool gokore_edges_obey_(void) {
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++)
        for (uint32_t e = gokore_lock_record_at_(i)->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
            if (gokore_edge_counts_(edge) && gokore_order_rule_(edge->to, edge->from)) return false;
        }
    return true;
}

// A. B. Kahn, "Topological sorting of large networks" (1962): nodes without edges left to them go, until none is left or all
// that are left lie behind a cycle. via[0] counts the edges to a node, queued[0] links those that can go.
static bool gokore_edges_are_acyclic_(void) {
    uint32_t ready = 0, left = 0;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        r->via[0] = 0;
        for (uint32_t e = r->in; e; e = gokore_lock_edge_at_(e)->next_in) r->via[0] += gokore_edge_counts_(gokore_lock_edge_at_(e));
        left += r->via[0] > 0;
        if (r->via[0] > 0 || !r->out) continue;
        r->queued[0] = ready;
        ready = i;
    }
    while (ready) {
        gokore_lock_record_ *r = gokore_lock_record_at_(ready);
        ready = r->queued[0];
        for (uint32_t e = r->out; e; e = gokore_lock_edge_at_(e)->next_out) {
            gokore_lock_record_ *to = gokore_lock_record_at_(gokore_lock_edge_at_(e)->to);
            if (!gokore_edge_counts_(gokore_lock_edge_at_(e)) || --to->via[0] > 0) continue;
            left--;
            to->queued[0] = ready;
            ready = gokore_lock_edge_at_(e)->to;
        }
    }
    return left == 0;
}

gokore_status gokore_lockorder_verify(void) {
    if (!GOKORE_LOCKORDER) return GOKORE_UNSUPPORTED;
    gokore_latch_lock_(&gokore_lockorder_.latch);
    gokore_rules_ready_();
    bool sound = gokore_edges_obey_() && gokore_edges_are_acyclic_();
    gokore_latch_unlock_(&gokore_lockorder_.latch);
    return sound ? GOKORE_OK : GOKORE_ORDER;
}

size_t gokore_lockorder_held(const void **out, size_t cap) {
    for (uint32_t i = 0; i < gokore_mine_.count && i < cap; i++) out[i] = gokore_mine_.held[i].lock;
    return gokore_mine_.count;
}

void gokore_lock_none_held_(const char *where) {
    if (!GOKORE_LOCKORDER || gokore_mine_.count == 0 || gokore_report_running_()) return;
    char title[32];
    uint32_t node = gokore_mine_.held[gokore_mine_.count - 1].node;
    const char *name = node ? gokore_node_title_(node, title) : "a lock";
    gokore_reportf_(GOKORE_REPORT_LOCK_WAIT_HELD, name, "'%s' is held %s", name, where);
}

void gokore_lockorder_assert_none_held(void) { gokore_lock_none_held_("where no lock may be"); }

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

static uintptr_t gokore_node_address_(uint32_t node) {
    const gokore_lock_record_ *r = gokore_lock_record_at_(node);
    return (uintptr_t)(r->address ? r->address : (const void *)r);
}

// Decides once which nodes are shown: a lock may be seen for the first time meanwhile.
static uint32_t gokore_nodes_choose_(void) {
    uint32_t shown = 0;
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) {
        gokore_lock_record_ *r = gokore_lock_record_at_(i);
        r->shown = r->node == i && (r->out || r->in || gokore_atomic_load_relaxed(&r->seen));
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
    gokore_lock_node n = { gokore_node_address_(node), (const char *)memcpy(*names, title, len), r->numa_node, (gokore_qos)GOKORE_QOS };
    *names += len;
    out->nodes[out->node_count++] = n;
    for (uint32_t e = r->out; e; e = gokore_lock_edge_at_(e)->next_out) {
        const gokore_lock_edge_ *edge = gokore_lock_edge_at_(e);
        if (gokore_atomic_load_relaxed(&edge->flags) & GOKORE_EDGE_REFUSED_) continue; // relaxed: under the latch
        gokore_lock_edge one = { gokore_node_address_(edge->from), gokore_node_address_(edge->to), gokore_atomic_load_relaxed(&edge->weight) };
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
    gokore_graph_place_ *places = (gokore_graph_place_ *)gokore_alloc_(NULL, (g->node_count + 1) * sizeof *places, sizeof(void *));
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

gokore_status gokore_lock_graph_write_dot(const gokore_lock_graph *g, gokore_writer w) {
    gokore_graph_place_ *places = gokore_graph_places_(g);
    if (!places) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "digraph lock_order {\n    node [shape=box];\n");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        if ((s = gokore_writef_(w, "    n%zu [label=", i)) == GOKORE_OK && (s = gokore_write_quoted_(w, g->nodes[i].name, "\\\"")) == GOKORE_OK)
            s = gokore_write_(w, "];\n");
    }
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "    n%zu -> n%zu [label=\"%llu\"];\n", gokore_graph_index_(g, places, g->edges[i].from),
                           gokore_graph_index_(g, places, g->edges[i].to), (unsigned long long)g->edges[i].weight);
    gokore_free_(NULL, places, 0);
    return s == GOKORE_OK ? gokore_write_(w, "}\n") : s;
}

gokore_status gokore_lock_graph_write_mermaid(const gokore_lock_graph *g, gokore_writer w) {
    gokore_graph_place_ *places = gokore_graph_places_(g);
    if (!places) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "graph TD\n");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        if ((s = gokore_writef_(w, "    n%zu[", i)) == GOKORE_OK && (s = gokore_write_quoted_(w, g->nodes[i].name, "#quot;")) == GOKORE_OK)
            s = gokore_write_(w, "]\n");
    }
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "    n%zu -->|%llu| n%zu\n", gokore_graph_index_(g, places, g->edges[i].from),
                           (unsigned long long)g->edges[i].weight, gokore_graph_index_(g, places, g->edges[i].to));
    gokore_free_(NULL, places, 0);
    return s;
}

gokore_status gokore_lock_graph_write_json(const gokore_lock_graph *g, gokore_writer w) {
    static const char *const qos[] = { "", "Guaranteed", "Burstable", "BestEffort" };
    gokore_graph_place_ *places = gokore_graph_places_(g);
    if (!places) return GOKORE_NO_MEMORY;
    gokore_status s = gokore_write_(w, "{\"nodes\":[");
    for (size_t i = 0; i < g->node_count && s == GOKORE_OK; i++) {
        const gokore_lock_node *n = &g->nodes[i];
        s = gokore_writef_(w, "%s{\"id\":%zu,\"address\":\"0x%llx\",\"name\":", i ? "," : "", i, (unsigned long long)n->address);
        if (s == GOKORE_OK) s = gokore_write_quoted_(w, n->name, "\\\"");
        if (s == GOKORE_OK) s = gokore_writef_(w, ",\"numa_node\":%d,\"qos\":\"%s\"}", n->numa_node, qos[n->qos & 3]);
    }
    if (s == GOKORE_OK) s = gokore_write_(w, "],\"edges\":[");
    for (size_t i = 0; i < g->edge_count && s == GOKORE_OK; i++)
        s = gokore_writef_(w, "%s{\"from\":%zu,\"to\":%zu,\"weight\":%llu}", i ? "," : "", gokore_graph_index_(g, places, g->edges[i].from),
                           gokore_graph_index_(g, places, g->edges[i].to), (unsigned long long)g->edges[i].weight);
    gokore_free_(NULL, places, 0);
    return s == GOKORE_OK ? gokore_write_(w, "]}\n") : s;
}

// >>lent to gokore_policy.h
static const gokore_lent_locks_ gokore_lent_locks_order_ = { .check_names = gokore_lockorder_check_names };
static const gokore_lent_locks_ *gokore_lent_locks_here_ = &gokore_lent_locks_order_;

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
