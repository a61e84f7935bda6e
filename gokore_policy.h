// gokore_policy.h - v0.1.0 - MIT                          what the operator allows: QoS, retry, NUMA, lock-order manifests
//
// WHAT     The limits that a program's locks and pools obey, as plain structs: a table per Kubernetes service class, and
//          manifests (YAML or JSON) that an operator writes in a cluster or in a file. Reading is strict: a text that
//          two readers would read differently, an unknown field, a limit out of range is refused with its line and
//          column, and nothing of the text takes effect.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore_policy.h"
//
// NEEDS    gokore_atomic.h; link with -pthread.
//
// EXAMPLE
//      #include <stdio.h>
//      #include "gokore_policy.h"
//      int use_policy(const char *path) {
//          gokore_diagnostic found[20];
//          gokore_diagnostics diags = { found, 20, 0 };
//          gokore_policy_set *set;
//          gokore_status status = gokore_policy_load_file(&set, path, &diags);
//          for (size_t i = 0; i < diags.count && i < diags.capacity; i++)
//              (void)gokore_diagnostic_write(&found[i], gokore_writer_file(stderr)); // policy.yaml:12:17: error: ...
//          if (status == GOKORE_OK) status = gokore_policy_apply(set);                // in force now, in every thread
//          gokore_policy_set_destroy(set);
//          return status == GOKORE_OK ? 0 : -1;
//      }
//
// OPTIONS  GOKORE_QOS     [impl]  GOKORE_QOS_BURSTABLE   the class that GOKORE_QOS_DEFAULT stands for
//          GOKORE_POLICY  [impl]  0                      reserved: limits are read and told, not enforced, in 0.1.0
//
// CLASSES  What a class gives where a manifest says nothing, and what a manifest may not exceed (*).
//                        hold*   wait*   retries*  steal retries*  first delay  NUMA
//          Guaranteed     none    500 ms  3         5               15 ms        required
//          Burstable      100 ms  200 ms  2         3               30 ms        preferred
//          BestEffort     50 ms   100 ms  1         1               50 ms        none
//          Retries follow a first try: delays are the first delay times 1, 2, 4, ...
//
// MANIFEST A text holds one or more documents of these two kinds. A field that is not named here is an error.
//   apiVersion: concurrency.gokore.io/v1alpha1
//   kind: LockPolicy
//   metadata:                       name (required), namespace, labels, annotations; the last two are checked, not kept
//   spec:
//     qosClass                      required: Guaranteed, Burstable or BestEffort
//     hierarchyRules                required: list of {name, order}; order lists lock classes, first taken first
//     maxHoldTime                   duration a lock may be held; absent = the class's
//     defaultTimeout                duration of a wait that names none; absent = retryPolicy.maxWaitTime
//     containerID                   text: the container this policy is meant for
//     fallbackStrategy              what numaAffinity.fallbackStrategy is where that is absent
//     numaAffinity
//       required                    true or false; Guaranteed must say true, BestEffort must not
//       preferredNodes              list of node numbers 0..1023, best first
//       allowedDistance             0 same node, 1..9 steps, 10..254 the firmware's distance; absent = no limit
//       fallbackStrategy            Steal, Wait or AnyNode: where tasks run when the home node is busy
//       qosOverride                 a class that counts instead of qosClass in NUMA decisions
//     retryPolicy                   absent = the class's; else the first three fields are required
//       attempts                    number of retries, 1..5 and not over the class's
//       backoffBase                 duration of the first delay
//       jitterPercent               0..100: a delay is shortened by up to this share of it
//       stealRetries                number 0..16, not over the class's
//       maxWaitTime                 duration all tries together may take, not over the class's; absent = the class's, or
//                                   defaultTimeout if that is shorter
//     exemptions                    list of {lockClass, from, to}: lockClass may be taken between from and to
//     pairLimits                    list of {a, b, maxHoldTime}: both classes together may be held so long
//   apiVersion: orchestration.gokore.io/v1beta1
//   kind: ConcurrencyPolicy         metadata may be absent here
//   spec:
//     numa
//       allowedCrossAccess          "0%".."100%": share of steals that may cross nodes; absent = 100%
//       stealThreshold              shortest queue, in tasks, that is stolen from across nodes; absent = 0
//     qosClassMapping               list of {priority, name, qosClass, numaExclusive}: priority 0 is the most urgent;
//                                   qosClass absent = by priority: 0 Guaranteed, 1 Burstable, else BestEffort
//   Durations are text: a whole number without leading zero and one of ns, us, ms, s, m ("500ms"). Names of policies
//   and lock classes are 1 to 253 of A-Z a-z 0-9 _ . - in any order.
//   Refused across documents: two policies of one kind, name and namespace; orders that together form a cycle.
//
// YAML     A name that ends in .json is read as JSON (RFC 8259, no key twice, lone surrogates refused), all else as YAML:
//   Accepted     UTF-8, a byte order mark at the start, LF or CRLF; documents with --- and ...; comments; block maps and
//                lists (also at their key's indent, and "- key: value"); flow maps and lists with a trailing comma; plain
//                scalars; 'single' and "double" quotes with every escape and folding; | and > scalars with + - and digit.
//   Typed        by the field. -?(0|[1-9][0-9]*) is an integer, true and false are booleans, null, ~ and nothing are
//                absence. In a text field a plain scalar is its text, a plain number too (not in JSON).
//   Refused      what readers disagree about, unless quoted: y, Yes, NO, on, Off, True, 0777, 0x1F, 0o17, 1_000, +1, .5
//   Refused      anchors, aliases, tags, directives, "? key", <<, empty keys, keys of several lines, keys that are not
//                text, a key twice, tabs as indentation, control characters, a CR alone, NEL, LS and PS unescaped, [a: b], {a}.
//   Limits       1 MiB of text, 256 documents, 65536 nodes, 64 levels, 64 KiB in a scalar, 1024 bytes in a key. Time is
//                linear in the text, and no input makes the reader recurse.
//   A text without a document is an error. A last line without its line end is a warning.
//
// CONCEPTS
//   Set          The policies of one text. Immutable; all pointers into it live as long as the set.
//   Diagnostic   One finding with code, place and path. The path leaves out "spec.": retryPolicy.attempts. A syntax error
//                ends the reading; of errors in fields up to 20 are told. Codes are stable, GOKORE-E-... refuses the text:
//                syntax  SYNTAX INDENT TAB QUOTE ESCAPE KEY DUPLICATE ANCHOR ALIAS TAG DIRECTIVE UTF8 CONTROL LINE LIMIT EMPTY
//                fields  UNKNOWN MISSING TYPE AMBIGUOUS RANGE VALUE NAME DURATION PERCENT DUPLICATE KIND CLASS ORDER; files  IO
//                GOKORE-W-NEWLINE is a warning.

#ifndef GOKORE_POLICY_H
#define GOKORE_POLICY_H 100 // 0.1.0

#include "gokore_atomic.h"
#if GOKORE_ATOMIC_H != 100
#error "gokore_policy.h 0.1.0 needs gokore_atomic.h 0.1.0: copy headers from one release"
#endif

#ifdef __cplusplus
extern "C" {
#endif

// >>classes
// "Guaranteed", "Burstable", "BestEffort"; "Default" for GOKORE_QOS_DEFAULT, "?" for a number that is none.
GOKORE_API const char *gokore_qos_name(gokore_qos qos);
// The class of one of the three names, spelt exactly so. GOKORE_NOT_FOUND: *out is GOKORE_QOS_DEFAULT.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_qos_parse(const char *name, gokore_qos *out);

// >>retry
// Zeroed: no retries. attempts counts retries after the first try.
typedef struct gokore_retry_policy {
    unsigned attempts;
    int64_t backoff_base_ns; // the delay after the first try; each later one is twice as long
    unsigned jitter_percent; // 0..100: a delay is shortened by a random part of up to this share of it
    int64_t max_wait_ns;     // no delay is longer, nor all tries together; 0 = no limit
    unsigned steal_attempts; // as attempts, for stealing tasks
} gokore_retry_policy;

// The delay before retry number attempt, 0 = the first: base * 2^attempt, at most max_wait_ns, less its jitter. Never
// overflows. rng is the caller's generator state, advanced; NULL uses a generator of this thread. Any thread, never blocks.
GOKORE_API int64_t gokore_retry_delay_ns(const gokore_retry_policy *policy, unsigned attempt, uint64_t *rng);

// >>NUMA
typedef enum gokore_numa_fallback {
    GOKORE_NUMA_STEAL = 0, // nodes within the allowed distance may take the work, nearest first
    GOKORE_NUMA_WAIT,      // only the home node's workers run it
    GOKORE_NUMA_ANY_NODE   // every reachable node may
} gokore_numa_fallback;

typedef struct gokore_numa_policy {
    bool required;              // without a usable preferred node nothing starts
    const int *preferred_nodes; // best first
    size_t preferred_node_count;
    bool has_allowed_distance;  // false = no limit
    int allowed_distance;       // 0 same node, 1..9 steps, 10..254 the firmware's distance
    gokore_numa_fallback fallback;
    gokore_qos qos_override;    // counts instead of the policy's class in NUMA decisions; GOKORE_QOS_DEFAULT = none
} gokore_numa_policy;

// >>lock policy
typedef struct gokore_hierarchy_rule {
    const char *name;
    const char *const *order; // lock classes, first taken first
    size_t order_count;       // at least 1; a rule of one class orders nothing
} gokore_hierarchy_rule;

// While from is held and to is not yet, lock_class may be taken against the rules.
typedef struct gokore_lock_exemption {
    const char *lock_class, *from, *to;
} gokore_lock_exemption;

// A thread that holds locks of both classes may do so for max_hold_ns.
typedef struct gokore_pair_limit {
    const char *a, *b;
    int64_t max_hold_ns;
} gokore_pair_limit;

// What one LockPolicy says, the gaps filled from its class. Absent texts are "", never NULL, in a loaded policy.
typedef struct gokore_lock_policy {
    const char *name, *namespace_name;
    gokore_qos qos;
    const char *container_id;
    int64_t max_hold_ns;        // 0 = no limit
    int64_t default_timeout_ns; // of a wait that names none; 0 = no limit
    gokore_retry_policy retry;
    gokore_numa_policy numa;
    const gokore_hierarchy_rule *rules;
    size_t rule_count;
    const gokore_lock_exemption *exemptions;
    size_t exemption_count;
    const gokore_pair_limit *pair_limits;
    size_t pair_limit_count;
} gokore_lock_policy;

// The table of a class, without rules; of the compiled-in class, GOKORE_QOS, for GOKORE_QOS_DEFAULT. The name is "".
GOKORE_API gokore_lock_policy gokore_lock_policy_default(gokore_qos qos);

// >>concurrency policy
typedef struct gokore_class_mapping {
    const char *name;
    int priority;        // 0 = most urgent
    gokore_qos qos;
    bool numa_exclusive; // the class's workers have their node's CPUs for themselves
} gokore_class_mapping;

typedef struct gokore_concurrency_policy {
    const char *name, *namespace_name;
    unsigned cross_access_percent; // 0..100: share of steals that may cross nodes
    unsigned steal_threshold;      // shortest queue that is stolen from across nodes
    const gokore_class_mapping *classes;
    size_t class_count;
} gokore_concurrency_policy;

// >>resources: what a class of containers is given; 0 = no limit
typedef struct gokore_resources {
    uint32_t cpu_millicores;
    uint64_t memory_bytes;
    uint32_t max_locks;   // held at once by the process
    uint32_t max_workers;
    gokore_qos qos;
    gokore_numa_policy numa;
    const gokore_lock_policy *lock; // NULL = gokore_lock_policy_default(qos)
} gokore_resources;
typedef struct gokore_qos_policy {
    gokore_resources guaranteed, burstable, best_effort;
} gokore_qos_policy;

// >>policies
typedef enum gokore_policy_kind { GOKORE_POLICY_NONE, GOKORE_POLICY_LOCK, GOKORE_POLICY_CONCURRENCY } gokore_policy_kind;
typedef struct gokore_policy {
    gokore_policy_kind kind;
    const gokore_lock_policy *lock;               // NULL unless kind is GOKORE_POLICY_LOCK
    const gokore_concurrency_policy *concurrency; // NULL unless kind is GOKORE_POLICY_CONCURRENCY
} gokore_policy;
typedef struct gokore_policy_set gokore_policy_set; // opaque

// >>diagnostics
typedef struct gokore_diagnostic {
    const char *code;      // stable, static: "GOKORE-E-UNKNOWN"
    int severity;          // a gokore_severity
    const char *file;      // the name or path that was given to the call; "" = none
    unsigned line, column; // from 1, the column in characters; 0 = none
    char path[128];        // "retryPolicy.attempts", "" = none
    char message[256];
} gokore_diagnostic;
// The caller's array; a call adds behind what is there. count goes on where the capacity is used up.
typedef struct gokore_diagnostics {
    gokore_diagnostic *items;
    size_t capacity;
    size_t count;
} gokore_diagnostics;

// One line, "file:line:col: error: path: text [code]"; what is absent is left out, control characters are escaped.
GOKORE_API gokore_status gokore_diagnostic_write(const gokore_diagnostic *diagnostic, gokore_writer writer);

// >>reading
// Reads a text of len bytes; name is for messages, and its ending chooses YAML or JSON (NULL: YAML). All or nothing:
// GOKORE_PARSE for anything wrong with the text. diagnostics may be NULL. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_load(gokore_policy_set **out, const char *text, size_t len, const char *name,
                                                             gokore_diagnostics *diagnostics);
// The same from a file. GOKORE_NOT_FOUND, GOKORE_DENIED or GOKORE_SYSTEM where it can't be read, with a diagnostic.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_load_file(gokore_policy_set **out, const char *path,
                                                                  gokore_diagnostics *diagnostics);
// The reader alone: each document of the text as one line of JSON. On failure nothing is written; the writer's status.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_document_to_json(const char *text, size_t len, const char *name, gokore_writer writer,
                                                                  gokore_diagnostics *diagnostics);

// >>sets
// Frees a set; a policy that is in force stays readable. NULL is allowed.
GOKORE_API void gokore_policy_set_destroy(gokore_policy_set *set);
GOKORE_API size_t gokore_policy_set_count(const gokore_policy_set *set);
// In the order of the text; NULL past the end.
GOKORE_API const gokore_policy *gokore_policy_set_at(const gokore_policy_set *set, size_t index);
// The first LockPolicy of this name ("name" or "namespace/name"), the first of all for NULL; NULL if there is none.
GOKORE_API const gokore_lock_policy *gokore_policy_set_lock_policy(const gokore_policy_set *set, const char *name);

// >>checking and writing
// Checks a policy that a program has made, by the rules of the loader. GOKORE_PARSE with diagnostics that have no place.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_validate(const gokore_policy *policy, gokore_diagnostics *diagnostics);
// A manifest of one document. What a set holds is read back equal. GOKORE_INVALID for a policy of no kind.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_write_json(const gokore_policy *policy, gokore_writer writer);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_write_yaml(const gokore_policy *policy, gokore_writer writer);

// >>the policy in force
// Puts a set in force for the process; NULL withdraws the one in force. The caller keeps its set and may destroy it. Sets
// that were in force are kept for their readers until the process ends. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_apply(const gokore_policy_set *set);
// The set in force, NULL = none; stays readable for good. Any thread, never blocks.
GOKORE_API const gokore_policy_set *gokore_policy_current(void);

// >>private shared part
GOKORE_API gokore_status gokore_policy_read_(gokore_policy_set **out, const char *text, size_t len, const char *name,
                                             const gokore_allocator *allocator, gokore_diagnostics *diagnostics);

#ifdef __cplusplus
}
#endif
#endif // GOKORE_POLICY_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_POLICY_IMPLEMENTED_)
#define GOKORE_POLICY_IMPLEMENTED_
#include "gokore_atomic.h" // again: it may have been seen before the switch was set

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// >>classes
static const char *const gokore_policy_qos_names_[] = { "Default", "Guaranteed", "Burstable", "BestEffort" };
static const char *const gokore_policy_fallback_names_[] = { "Steal", "Wait", "AnyNode" };

const char *gokore_qos_name(gokore_qos qos) {
    size_t i = (size_t)qos;
    return i < sizeof gokore_policy_qos_names_ / sizeof gokore_policy_qos_names_[0] ? gokore_policy_qos_names_[i] : "?";
}

gokore_status gokore_qos_parse(const char *name, gokore_qos *out) {
    *out = GOKORE_QOS_DEFAULT;
    for (int i = GOKORE_QOS_GUARANTEED; name && i <= GOKORE_QOS_BEST_EFFORT; i++) {
        if (strcmp(name, gokore_policy_qos_names_[i]) != 0) continue;
        *out = (gokore_qos)i;
        return GOKORE_OK;
    }
    return GOKORE_NOT_FOUND;
}

#define GOKORE_POLICY_MS_ INT64_C(1000000)
gokore_lock_policy gokore_lock_policy_default(gokore_qos qos) {
    static const struct { // the table of the manual, in the order of gokore_qos
        int64_t hold_ms, wait_ms, base_ms;
        unsigned attempts, steal_attempts;
        bool required;
        gokore_numa_fallback fallback;
    } rows[] = {
        { 0, 500, 15, 3, 5, true, GOKORE_NUMA_STEAL },
        { 100, 200, 30, 2, 3, false, GOKORE_NUMA_STEAL },
        { 50, 100, 50, 1, 1, false, GOKORE_NUMA_ANY_NODE },
    };
    if (qos < GOKORE_QOS_GUARANTEED || qos > GOKORE_QOS_BEST_EFFORT) qos = (gokore_qos)GOKORE_QOS;
    size_t i = (size_t)qos - 1;
    gokore_lock_policy p = { .name = "", .namespace_name = "", .qos = qos, .container_id = "" };
    p.max_hold_ns = rows[i].hold_ms * GOKORE_POLICY_MS_;
    p.default_timeout_ns = rows[i].wait_ms * GOKORE_POLICY_MS_;
    p.retry.attempts = rows[i].attempts;
    p.retry.backoff_base_ns = rows[i].base_ms * GOKORE_POLICY_MS_;
    p.retry.max_wait_ns = p.default_timeout_ns;
    p.retry.steal_attempts = rows[i].steal_attempts;
    p.numa.required = rows[i].required;
    p.numa.fallback = rows[i].fallback;
    return p;
}

// >>retry
static uint64_t gokore_policy_random_(uint64_t *rng) { // S. Vigna's splitmix64
    uint64_t x = *rng += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t *gokore_policy_thread_rng_(void) { // no two threads, and no two starts, begin alike
    static _Thread_local uint64_t rng;
    if (rng == 0) rng = (uint64_t)(uintptr_t)&rng ^ gokore_thread_id_() << 32 ^ (uint64_t)gokore_now_ns();
    return &rng;
}

int64_t gokore_retry_delay_ns(const gokore_retry_policy *policy, unsigned attempt, uint64_t *rng) {
    int64_t base = policy->backoff_base_ns;
    if (base <= 0) return 0;
    int64_t delay = attempt > 62 || base > INT64_MAX >> attempt ? INT64_MAX : base << attempt;
    if (policy->max_wait_ns > 0 && delay > policy->max_wait_ns) delay = policy->max_wait_ns;
    int64_t percent = policy->jitter_percent < 100 ? (int64_t)policy->jitter_percent : 100;
    int64_t most = delay / 100 * percent + delay % 100 * percent / 100;
    if (most == 0) return delay;
    uint64_t random = gokore_policy_random_(rng ? rng : gokore_policy_thread_rng_());
    return delay - (int64_t)(random % ((uint64_t)most + 1));
}

// >>arena: memory that is freed all at once
typedef struct gokore_doc_chunk_ {
    struct gokore_doc_chunk_ *next;
    size_t size, used; // with this head
} gokore_doc_chunk_;
typedef struct gokore_doc_arena_ {
    gokore_allocator allocator;
    gokore_doc_chunk_ *chunks;
    bool failed; // an allocation was refused: the caller answers GOKORE_NO_MEMORY
} gokore_doc_arena_;
#define GOKORE_DOC_HEAD_  ((sizeof(gokore_doc_chunk_) + 15) & ~(size_t)15)
#define GOKORE_DOC_CHUNK_ ((size_t)32768)

static void *gokore_doc_alloc_(gokore_doc_arena_ *arena, size_t size) {
    gokore_doc_chunk_ *chunk = arena->chunks;
    size = (size + 15) & ~(size_t)15;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = GOKORE_DOC_HEAD_ + size;
        if (room < GOKORE_DOC_CHUNK_) room = GOKORE_DOC_CHUNK_;
        chunk = (gokore_doc_chunk_ *)gokore_alloc_(&arena->allocator, room, 16);
        if (!chunk) {
            arena->failed = true;
            return NULL;
        }
        *chunk = (gokore_doc_chunk_) { arena->chunks, room, GOKORE_DOC_HEAD_ };
        arena->chunks = chunk;
    }
    void *p = (char *)chunk + chunk->used;
    chunk->used += size;
    return p;
}

static void *gokore_doc_alloc_zeroed_(gokore_doc_arena_ *arena, size_t count, size_t size) {
    void *p = gokore_doc_alloc_(arena, count * size);
    return p ? memset(p, 0, count * size) : NULL;
}

static char *gokore_doc_copy_(gokore_doc_arena_ *arena, const char *text, size_t len) {
    char *copy = (char *)gokore_doc_alloc_(arena, len + 1);
    if (!copy) return NULL;
    if (len) memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

static void gokore_doc_free_(gokore_doc_arena_ *arena) {
    for (gokore_doc_chunk_ *chunk = arena->chunks; chunk;) {
        gokore_doc_chunk_ *next = chunk->next;
        gokore_free_(&arena->allocator, chunk, chunk->size);
        chunk = next;
    }
    arena->chunks = NULL;
}

// >>output: small pieces gathered for a writer
typedef struct gokore_doc_out_ {
    gokore_writer writer;
    gokore_status status; // the first that was not OK
    size_t used;
    char text[512];
} gokore_doc_out_;

static void gokore_doc_flush_(gokore_doc_out_ *out) {
    if (out->used && out->status == GOKORE_OK) out->status = out->writer.write(out->writer.user, out->text, out->used);
    out->used = 0;
}

static void gokore_doc_put_(gokore_doc_out_ *out, const char *text, size_t len) {
    while (len) {
        if (out->used == sizeof out->text) gokore_doc_flush_(out);
        size_t n = sizeof out->text - out->used < len ? sizeof out->text - out->used : len;
        memcpy(out->text + out->used, text, n);
        out->used += n;
        text += n;
        len -= n;
    }
}

static void gokore_doc_puts_(gokore_doc_out_ *out, const char *text) { gokore_doc_put_(out, text, strlen(text)); }

// >>characters
// The length of the UTF-8 sequence at p and its character; 0 if it is none.
static size_t gokore_doc_utf8_(const char *p, size_t left, uint32_t *character) {
    const unsigned char *s = (const unsigned char *)p;
    uint32_t c = s[0];
    *character = c;
    if (c < 0x80) return 1;
    size_t n = c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || left < n) return 0;
    c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *character = c;
    bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
    return overlong || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

static size_t gokore_doc_encode_(uint32_t c, char out[4]) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    return n;
}

// Printable as YAML means it, and on a terminal: no controls, no line ends in disguise, nothing that turns the text around.
static bool gokore_doc_is_shown_(uint32_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
    if (c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff) return false;
    return !((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
}

static bool gokore_doc_is_blank_(char c) { return c == ' ' || c == '\t'; }
static bool gokore_doc_is_digit_(char c) { return c >= '0' && c <= '9'; }
static char gokore_doc_lower_(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

// Text for a person: characters that are not shown become \n, \u0085 or \xff. json: the inside of a JSON string.
static void gokore_doc_escape_(gokore_doc_out_ *out, const char *text, size_t len, bool json) {
    static const char shorts[] = "\nn\tt\rr\bb\ff";
    while (len) {
        uint32_t c;
        size_t n = gokore_doc_utf8_(text, len, &c);
        const char *s = c < 0x20 && n ? strchr(shorts, (int)c) : NULL;
        char coded[16];
        if (n == 0)
            (void)snprintf(coded, sizeof coded, "\\x%02x", (unsigned)(unsigned char)*text);
        else if (json && (c == '"' || c == '\\'))
            (void)snprintf(coded, sizeof coded, "\\%c", (int)c);
        else if (s && c)
            (void)snprintf(coded, sizeof coded, "\\%c", s[1]);
        else if (!gokore_doc_is_shown_(c))
            (void)snprintf(coded, sizeof coded, "\\u%04x", (unsigned)c);
        else
            coded[0] = 0;
        if (coded[0])
            gokore_doc_puts_(out, coded);
        else
            gokore_doc_put_(out, text, n);
        n = n ? n : 1;
        text += n;
        len -= n;
    }
}

// >>diagnostics
#define GOKORE_DOC_NOWHERE_    SIZE_MAX
#define GOKORE_DOC_ERRORS_MAX_ 20
typedef struct gokore_doc_sink_ { // where findings about one text go
    gokore_diagnostics *diagnostics;
    const char *file, *text;
    size_t len;
    unsigned errors;
} gokore_doc_sink_;

// A part of the text, short and in characters that are shown.
typedef struct gokore_doc_shown_ { char text[64]; } gokore_doc_shown_;
static gokore_doc_shown_ gokore_doc_show_(const char *text, size_t len) {
    gokore_doc_shown_ shown;
    gokore_buffer buffer = { shown.text, sizeof shown.text, 0 };
    gokore_doc_out_ out = { .writer = gokore_writer_buffer(&buffer) };
    size_t keep = len <= 40 ? len : 37;
    while (keep < len && keep > 34 && ((unsigned char)text[keep] & 0xc0) == 0x80) keep--;
    shown.text[0] = 0;
    gokore_doc_escape_(&out, text, keep, false);
    if (keep < len) gokore_doc_puts_(&out, "...");
    gokore_doc_flush_(&out);
    return shown;
}

static void gokore_doc_place_(const gokore_doc_sink_ *sink, size_t at, unsigned *line, unsigned *column) {
    size_t start = 0, i = sink->len >= 3 && memcmp(sink->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (at > sink->len) at = sink->len;
    *line = 1;
    for (start = i; i < at; i++) {
        if (sink->text[i] != '\n') continue;
        ++*line;
        start = i + 1;
    }
    *column = 1;
    for (i = start; i < at; i++) *column += ((unsigned char)sink->text[i] & 0xc0) != 0x80;
}

// Notes a finding; at is an offset in the text. Errors past the twentieth are neither counted nor kept.
static void gokore_doc_say_(gokore_doc_sink_ *sink, const char *code, size_t at, const char *path, const char *format,
                            va_list args) {
    bool warning = code[7] == 'W'; // GOKORE-W-...
    if (!warning && sink->errors >= GOKORE_DOC_ERRORS_MAX_) return;
    if (!warning) sink->errors++;
    gokore_diagnostics *list = sink->diagnostics;
    if (!list) return;
    size_t i = list->count++;
    if (i >= list->capacity || !list->items) return;
    gokore_diagnostic *d = &list->items[i];
    *d = (gokore_diagnostic) { .code = code, .file = sink->file };
    d->severity = warning ? GOKORE_SEVERITY_WARNING : GOKORE_SEVERITY_ERROR;
    if (at != GOKORE_DOC_NOWHERE_) gokore_doc_place_(sink, at, &d->line, &d->column);
    (void)snprintf(d->path, sizeof d->path, "%s", path);
    (void)vsnprintf(d->message, sizeof d->message, format, args);
}

gokore_status gokore_diagnostic_write(const gokore_diagnostic *diagnostic, gokore_writer writer) {
    static const char *const words[] = { "info", "warning", "error", "fatal" };
    gokore_doc_out_ out = { .writer = writer };
    char place[48] = "";
    if (diagnostic->line) (void)snprintf(place, sizeof place, "%u:%u: ", diagnostic->line, diagnostic->column);
    if (diagnostic->file && diagnostic->file[0]) {
        gokore_doc_escape_(&out, diagnostic->file, strlen(diagnostic->file), false);
        gokore_doc_puts_(&out, diagnostic->line ? ":" : ": ");
    }
    gokore_doc_puts_(&out, place);
    gokore_doc_puts_(&out, words[diagnostic->severity & 3]);
    gokore_doc_puts_(&out, ": ");
    if (diagnostic->path[0]) {
        gokore_doc_escape_(&out, diagnostic->path, strlen(diagnostic->path), false);
        gokore_doc_puts_(&out, ": ");
    }
    gokore_doc_escape_(&out, diagnostic->message, strlen(diagnostic->message), false);
    gokore_doc_puts_(&out, " [");
    gokore_doc_puts_(&out, diagnostic->code ? diagnostic->code : "?");
    gokore_doc_puts_(&out, "]\n");
    gokore_doc_flush_(&out);
    return out.status;
}

// >>documents: what both readers make
#define GOKORE_DOC_TEXT_MAX_      ((size_t)1 << 20)
#define GOKORE_DOC_NODES_MAX_     65536
#define GOKORE_DOC_DOCUMENTS_MAX_ 256
#define GOKORE_DOC_DEPTH_MAX_     64
#define GOKORE_DOC_SCALAR_MAX_    ((size_t)65536)
#define GOKORE_DOC_KEY_MAX_       1024

typedef enum gokore_doc_kind_ {
    GOKORE_DOC_PLAIN_, // a scalar whose type its text and its field decide; empty = null
    GOKORE_DOC_STRING_,
    GOKORE_DOC_MAP_,
    GOKORE_DOC_LIST_
} gokore_doc_kind_;

typedef struct gokore_doc_node_ {
    struct gokore_doc_node_ *parent, *next, *first, *last;
    const char *text, *key; // not terminated; key is NULL in a list
    uint32_t len, key_len;
    uint32_t at, key_at;    // offsets in the text
    uint32_t count;         // children
    int32_t indent;         // a block's column from 0, -1 for the list of documents
    gokore_doc_kind_ kind;
    bool flow;
} gokore_doc_node_;

typedef struct gokore_doc_reader_ {
    gokore_doc_sink_ *sink;
    gokore_doc_arena_ *arena;
    const char *text;
    size_t len, at;
    size_t line;            // offset of the line at which YAML reading is
    size_t tab;             // offset + 1 of a tab before the node at hand on this line, 0 = none
    gokore_doc_node_ *docs; // a list, one child for each document
    gokore_doc_node_ *cur;  // the open container
    bool pending;           // it waits for a value, in a map that of this key:
    const char *key;
    size_t key_len, key_at;
    unsigned depth;
    uint32_t nodes;
    char *scratch;          // a scalar being put together
    size_t scratch_len;
} gokore_doc_reader_;

static bool gokore_doc_fail_(gokore_doc_reader_ *r, const char *code, size_t at, const char *format, ...) GOKORE_PRINTF_(4);
static bool gokore_doc_fail_(gokore_doc_reader_ *r, const char *code, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    gokore_doc_say_(r->sink, code, at, "", format, args);
    va_end(args);
    return false;
}

static void gokore_doc_warn_(gokore_doc_reader_ *r, const char *code, size_t at, const char *text) {
    (void)gokore_doc_fail_(r, code, at, "%s", text);
}

// Adds a node to the open container, under the pending key of a map. NULL: a limit, said, or no memory.
static gokore_doc_node_ *gokore_doc_add_(gokore_doc_reader_ *r, gokore_doc_kind_ kind, size_t at) {
    if (r->nodes == GOKORE_DOC_NODES_MAX_) {
        (void)gokore_doc_fail_(r, "GOKORE-E-LIMIT", at, "more than %d values", GOKORE_DOC_NODES_MAX_);
        return NULL;
    }
    gokore_doc_node_ *n = (gokore_doc_node_ *)gokore_doc_alloc_zeroed_(r->arena, 1, sizeof *n);
    if (!n) return NULL;
    r->nodes++;
    n->kind = kind;
    n->at = n->key_at = (uint32_t)at;
    n->parent = r->cur;
    n->text = "";
    if (r->cur->kind == GOKORE_DOC_MAP_) {
        n->key = r->key;
        n->key_len = (uint32_t)r->key_len;
        n->key_at = (uint32_t)r->key_at;
    }
    if (r->cur->last)
        r->cur->last->next = n;
    else
        r->cur->first = n;
    r->cur->last = n;
    r->cur->count++;
    r->pending = false;
    return n;
}

static bool gokore_doc_add_scalar_(gokore_doc_reader_ *r, gokore_doc_kind_ kind, size_t at, const char *text, size_t len) {
    if (len > GOKORE_DOC_SCALAR_MAX_) return gokore_doc_fail_(r, "GOKORE-E-LIMIT", at, "a text of more than 64 KiB");
    gokore_doc_node_ *n = gokore_doc_add_(r, kind, at);
    if (!n) return false;
    n->text = text;
    n->len = (uint32_t)len;
    return true;
}

static bool gokore_doc_open_(gokore_doc_reader_ *r, gokore_doc_kind_ kind, size_t at, int32_t indent, bool flow) {
    if (r->depth == GOKORE_DOC_DEPTH_MAX_)
        return gokore_doc_fail_(r, "GOKORE-E-LIMIT", at, "nested deeper than %d levels", GOKORE_DOC_DEPTH_MAX_);
    gokore_doc_node_ *n = gokore_doc_add_(r, kind, at);
    if (!n) return false;
    n->indent = indent;
    n->flow = flow;
    r->cur = n;
    r->depth++;
    return true;
}

static int gokore_doc_compare_keys_(const void *left, const void *right) {
    const gokore_doc_node_ *a = *(gokore_doc_node_ *const *)left, *b = *(gokore_doc_node_ *const *)right;
    int order = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);
    if (order == 0) order = (a->key_len > b->key_len) - (a->key_len < b->key_len);
    return order ? order : (a->key_at > b->key_at) - (a->key_at < b->key_at);
}

static bool gokore_doc_unique_keys_(gokore_doc_reader_ *r, const gokore_doc_node_ *map) {
    if (map->count < 2) return true;
    gokore_doc_node_ **sorted = (gokore_doc_node_ **)gokore_doc_alloc_(r->arena, map->count * sizeof *sorted);
    if (!sorted) return false;
    size_t n = 0;
    for (gokore_doc_node_ *child = map->first; child; child = child->next) sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, gokore_doc_compare_keys_);
    const gokore_doc_node_ *twice = NULL, *before = NULL;
    for (size_t i = 1; i < n; i++) {
        const gokore_doc_node_ *a = sorted[i - 1], *b = sorted[i];
        if (a->key_len != b->key_len || memcmp(a->key, b->key, a->key_len) != 0) continue;
        if (twice && twice->key_at < b->key_at) continue;
        twice = b;
        before = a;
    }
    if (!twice) return true;
    unsigned line, column;
    gokore_doc_place_(r->sink, before->key_at, &line, &column);
    return gokore_doc_fail_(r, "GOKORE-E-DUPLICATE", twice->key_at, "key '%s' is there already, in line %u",
                            gokore_doc_show_(twice->key, twice->key_len).text, line);
}

static bool gokore_doc_close_(gokore_doc_reader_ *r) {
    gokore_doc_node_ *done = r->cur;
    r->cur = done->parent;
    r->depth--;
    r->pending = false;
    return done->kind != GOKORE_DOC_MAP_ || gokore_doc_unique_keys_(r, done);
}

// >>scalars under construction
static bool gokore_doc_scratch_(gokore_doc_reader_ *r) {
    r->scratch_len = 0;
    if (!r->scratch) r->scratch = (char *)gokore_doc_alloc_(r->arena, GOKORE_DOC_SCALAR_MAX_ + 1);
    return r->scratch != NULL;
}

static void gokore_doc_push_(gokore_doc_reader_ *r, const char *text, size_t len) { // past the limit only the length counts
    size_t room =
        GOKORE_DOC_SCALAR_MAX_ - (r->scratch_len < GOKORE_DOC_SCALAR_MAX_ ? r->scratch_len : GOKORE_DOC_SCALAR_MAX_);
    if (len <= room) memcpy(r->scratch + r->scratch_len, text, len);
    r->scratch_len += len;
}

static void gokore_doc_push_lines_(gokore_doc_reader_ *r, size_t count) {
    while (count--) gokore_doc_push_(r, "\n", 1);
}

static const char *gokore_doc_scratch_copy_(gokore_doc_reader_ *r, size_t at) {
    if (r->scratch_len <= GOKORE_DOC_SCALAR_MAX_) return gokore_doc_copy_(r->arena, r->scratch, r->scratch_len);
    (void)gokore_doc_fail_(r, "GOKORE-E-LIMIT", at, "a text of more than 64 KiB");
    return NULL;
}

static bool gokore_doc_hex_(gokore_doc_reader_ *r, size_t at, size_t digits, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = at + i < r->len ? gokore_doc_lower_(r->text[at + i]) : 0;
        if (!gokore_doc_is_digit_(c) && !(c >= 'a' && c <= 'f'))
            return gokore_doc_fail_(r, "GOKORE-E-ESCAPE", at - 2, "\\%c needs %u hexadecimal digits", (int)r->text[at - 1],
                                    (unsigned)digits);
        *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

// A \x, \u or \U escape at r->at, which is on its letter; \u may be the first half of a surrogate pair.
static bool gokore_doc_unicode_(gokore_doc_reader_ *r, size_t digits) {
    size_t from = r->at - 1;
    uint32_t c, low = 0;
    if (!gokore_doc_hex_(r, r->at + 1, digits, &c)) return false;
    r->at += 1 + digits;
    if (digits == 4 && c >= 0xd800 && c < 0xdc00 && r->at + 1 < r->len && r->text[r->at] == '\\' &&
        r->text[r->at + 1] == 'u') {
        if (!gokore_doc_hex_(r, r->at + 2, 4, &low)) return false;
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            r->at += 6;
        }
    }
    if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return gokore_doc_fail_(r, "GOKORE-E-ESCAPE", from,
                                "an escape that is no character: half of a surrogate pair, or past U+10FFFF");
    char coded[4];
    gokore_doc_push_(r, coded, gokore_doc_encode_(c, coded));
    return true;
}

// An escape, r->at on the character after the backslash. A folded line end is the YAML reader's.
static bool gokore_doc_unescape_(gokore_doc_reader_ *r, bool json) {
    static const struct { char letter; bool json; const char *text; size_t len; } simple[] = {
        { '"', true, "\"", 1 }, { '\\', true, "\\", 1 },   { '/', true, "/", 1 },           { 'b', true, "\b", 1 },
        { 'f', true, "\f", 1 }, { 'n', true, "\n", 1 },    { 'r', true, "\r", 1 },          { 't', true, "\t", 1 },
        { '0', false, "", 1 },  { 'a', false, "\a", 1 },   { 'v', false, "\v", 1 },         { 'e', false, "\x1b", 1 },
        { ' ', false, " ", 1 }, { '\t', false, "\t", 1 },  { 'N', false, "\xc2\x85", 2 },   { '_', false, "\xc2\xa0", 2 },
        { 'L', false, "\xe2\x80\xa8", 3 }, { 'P', false, "\xe2\x80\xa9", 3 },
    };
    char c = r->at < r->len ? r->text[r->at] : 0;
    if (c == 'u') return gokore_doc_unicode_(r, 4);
    if (!json && c == 'x') return gokore_doc_unicode_(r, 2);
    if (!json && c == 'U') return gokore_doc_unicode_(r, 8);
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
        if (simple[i].letter != c || (json && !simple[i].json)) continue;
        gokore_doc_push_(r, simple[i].text, simple[i].len);
        r->at++;
        return true;
    }
    return gokore_doc_fail_(r, "GOKORE-E-ESCAPE", r->at - 1, "an escape that does not exist");
}

// >>scalars: what a plain one is
typedef enum gokore_doc_type_ {
    GOKORE_DOC_IS_TEXT_,
    GOKORE_DOC_IS_NULL_,
    GOKORE_DOC_IS_TRUE_,
    GOKORE_DOC_IS_FALSE_,
    GOKORE_DOC_IS_INTEGER_,  // -?(0|[1-9][0-9]*), of any length
    GOKORE_DOC_IS_FLOAT_,    // another number of JSON
    GOKORE_DOC_IS_WORD_,     // a boolean to some readers
    GOKORE_DOC_IS_OCTAL_,    // a leading zero
    GOKORE_DOC_IS_NUMBER_    // a number to some readers
} gokore_doc_type_;

static size_t gokore_doc_digits_(const char *text, size_t len, size_t at) {
    size_t from = at;
    while (at < len && gokore_doc_is_digit_(text[at])) at++;
    return at - from;
}

// JSON's grammar of numbers.
static gokore_doc_type_ gokore_doc_json_number_(const char *text, size_t len) {
    size_t at = len && text[0] == '-', digits = gokore_doc_digits_(text, len, at);
    if (digits == 0 || (digits > 1 && text[at] == '0')) return GOKORE_DOC_IS_TEXT_;
    at += digits;
    if (at == len) return GOKORE_DOC_IS_INTEGER_;
    if (text[at] == '.') {
        digits = gokore_doc_digits_(text, len, at + 1);
        if (digits == 0) return GOKORE_DOC_IS_TEXT_;
        at += 1 + digits;
    }
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < len && (text[at] == '+' || text[at] == '-')) at++;
        digits = gokore_doc_digits_(text, len, at);
        if (digits == 0) return GOKORE_DOC_IS_TEXT_;
        at += digits;
    }
    return at == len ? GOKORE_DOC_IS_FLOAT_ : GOKORE_DOC_IS_TEXT_;
}

static bool gokore_doc_is_(const char *text, size_t len, const char *word) {
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static bool gokore_doc_is_one_of_(const char *text, size_t len, const char *words) { // words each end in a blank
    for (const char *end; (end = strchr(words, ' ')) != NULL; words = end + 1)
        if ((size_t)(end - words) == len && memcmp(text, words, len) == 0) return true;
    return false;
}

// The forms in which YAML 1.1, YAML 1.2 and Kubernetes see numbers and JSON does not.
static gokore_doc_type_ gokore_doc_odd_number_(const char *text, size_t len) {
    size_t at = len && (text[0] == '-' || text[0] == '+');
    text += at;
    len -= at;
    if (len == 0) return GOKORE_DOC_IS_TEXT_;
    if (gokore_doc_is_one_of_(text, len, ".inf .Inf .INF .nan .NaN .NAN ")) return GOKORE_DOC_IS_NUMBER_;
    const char *set = "0123456789_";
    char base = len > 2 && text[0] == '0' ? gokore_doc_lower_(text[1]) : 0;
    if (base == 'x') set = "0123456789abcdefABCDEF_";
    if (base == 'o') set = "01234567_";
    if (base == 'b') set = "01_";
    size_t skip = base == 'x' || base == 'o' || base == 'b' ? 2 : 0, i = skip, points = 0;
    if (!gokore_doc_is_digit_(text[0]) && !(text[0] == '.' && len > 1 && gokore_doc_is_digit_(text[1])))
        return GOKORE_DOC_IS_TEXT_;
    for (; i < len && text[i] && (strchr(set, text[i]) || (text[i] == '.' && points == 0 && !skip)); i++)
        points += text[i] == '.';
    if (i < len && !skip && (text[i] == 'e' || text[i] == 'E') && i + 1 < len) { // an exponent
        i++;
        if (text[i] == '+' || text[i] == '-') i++;
        size_t digits = gokore_doc_digits_(text, len, i);
        if (digits == 0) return GOKORE_DOC_IS_TEXT_;
        i += digits;
        points = 1;
    }
    if (i < len) return GOKORE_DOC_IS_TEXT_;
    return text[0] == '0' && len > 1 && !skip && points == 0 ? GOKORE_DOC_IS_OCTAL_ : GOKORE_DOC_IS_NUMBER_;
}

static gokore_doc_type_ gokore_doc_type_of_text_(const char *text, size_t len) {
    if (len == 0 || gokore_doc_is_one_of_(text, len, "~ null Null NULL ")) return GOKORE_DOC_IS_NULL_;
    if (gokore_doc_is_(text, len, "true")) return GOKORE_DOC_IS_TRUE_;
    if (gokore_doc_is_(text, len, "false")) return GOKORE_DOC_IS_FALSE_;
    if (gokore_doc_is_one_of_(text, len, "y Y yes Yes YES n N no No NO on On ON off Off OFF True TRUE False FALSE "))
        return GOKORE_DOC_IS_WORD_;
    gokore_doc_type_ number = gokore_doc_json_number_(text, len);
    return number != GOKORE_DOC_IS_TEXT_ ? number : gokore_doc_odd_number_(text, len);
}

static gokore_doc_type_ gokore_doc_type_of_(const gokore_doc_node_ *n) {
    return n->kind == GOKORE_DOC_PLAIN_ ? gokore_doc_type_of_text_(n->text, n->len) : GOKORE_DOC_IS_TEXT_;
}

// Why a plain scalar of one of the last three types is refused: "'0777' is ..."
static const char *gokore_doc_ambiguity_(gokore_doc_type_ type) {
    if (type == GOKORE_DOC_IS_WORD_) return "a boolean to some readers";
    if (type == GOKORE_DOC_IS_OCTAL_) return "octal to some readers, for its leading zero";
    return "a number to some readers, and not in plain decimal";
}

static bool gokore_doc_integer_(const char *text, size_t len, int64_t *out) { // false: more than 64 bits
    bool negative = len && text[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t i = negative; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (most - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

// >>JSON
static bool gokore_json_string_(gokore_doc_reader_ *r, const char **text, size_t *len) { // r->at on the opening quote
    size_t from = r->at++;
    if (!gokore_doc_scratch_(r)) return false;
    for (;;) {
        size_t run = r->at;
        while (run < r->len && r->text[run] != '"' && r->text[run] != '\\' && (unsigned char)r->text[run] >= 0x20) run++;
        gokore_doc_push_(r, r->text + r->at, run - r->at);
        r->at = run;
        if (run == r->len) return gokore_doc_fail_(r, "GOKORE-E-QUOTE", from, "a string without its closing quote");
        if (r->text[run] == '"') break;
        if (r->text[run] != '\\')
            return gokore_doc_fail_(r, "GOKORE-E-CONTROL", run, "a control character in a string: escape it");
        r->at++;
        if (!gokore_doc_unescape_(r, true)) return false;
    }
    r->at++;
    *len = r->scratch_len;
    *text = gokore_doc_scratch_copy_(r, from);
    return *text != NULL;
}

static bool gokore_json_literal_(gokore_doc_reader_ *r) {
    size_t from = r->at, at = from;
    while (at < r->len && r->text[at] && !strchr(" \t\r\n,:{}[]\"", r->text[at])) at++;
    const char *text = r->text + from;
    size_t len = at - from;
    bool known =
        gokore_doc_is_one_of_(text, len, "true false null ") || gokore_doc_json_number_(text, len) != GOKORE_DOC_IS_TEXT_;
    if (len == 0)
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", from,
                                from < r->len ? "a value is expected here" : "the text ends where a value is expected");
    if (!known)
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", from, "'%s' is no JSON value", gokore_doc_show_(text, len).text);
    r->at = at;
    return gokore_doc_add_scalar_(r, GOKORE_DOC_PLAIN_, from, text, len);
}

static bool gokore_json_value_(gokore_doc_reader_ *r) {
    char c = r->at < r->len ? r->text[r->at] : 0;
    size_t from = r->at;
    if (c == '{' || c == '[') {
        r->at++;
        return gokore_doc_open_(r, c == '{' ? GOKORE_DOC_MAP_ : GOKORE_DOC_LIST_, from, 0, true);
    }
    if (c != '"') return gokore_json_literal_(r);
    const char *text;
    size_t len;
    return gokore_json_string_(r, &text, &len) && gokore_doc_add_scalar_(r, GOKORE_DOC_STRING_, from, text, len);
}

static void gokore_json_gap_(gokore_doc_reader_ *r) {
    while (r->at < r->len && r->text[r->at] && strchr(" \t\r\n", r->text[r->at])) r->at++;
}

static bool gokore_json_key_(gokore_doc_reader_ *r) {
    if (r->at == r->len || r->text[r->at] != '"')
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "a key in double quotes is expected here");
    r->key_at = r->at;
    if (!gokore_json_string_(r, &r->key, &r->key_len)) return false;
    if (r->key_len > GOKORE_DOC_KEY_MAX_)
        return gokore_doc_fail_(r, "GOKORE-E-LIMIT", r->key_at, "a key of more than %d bytes", GOKORE_DOC_KEY_MAX_);
    gokore_json_gap_(r);
    if (r->at == r->len || r->text[r->at] != ':')
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "':' is expected after the key");
    r->at++;
    return true;
}

// One step: what the state allows at r->at. fresh = the container has just been opened, needs = a comma was read.
static bool gokore_json_step_(gokore_doc_reader_ *r, bool *fresh, bool *needs) {
    bool map = r->cur->kind == GOKORE_DOC_MAP_;
    char c = r->at < r->len ? r->text[r->at] : 0, close = map ? '}' : ']';
    if (c == close && !*needs) {
        r->at++;
        *fresh = false;
        return gokore_doc_close_(r);
    }
    if (!*fresh && !*needs) {
        if (c != ',') return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "',' or '%c' is expected here", (int)close);
        r->at++;
        *needs = true;
        return true;
    }
    const gokore_doc_node_ *before = r->cur;
    *needs = false;
    if (map) {
        if (!gokore_json_key_(r)) return false;
        gokore_json_gap_(r);
    }
    if (!gokore_json_value_(r)) return false;
    *fresh = r->cur != before;
    return true;
}

static bool gokore_json_read_(gokore_doc_reader_ *r) {
    bool fresh = true, needs = false;
    gokore_json_gap_(r);
    if (r->at == r->len) return gokore_doc_fail_(r, "GOKORE-E-EMPTY", r->at, "no document in the text");
    if (!gokore_json_value_(r)) return false;
    for (gokore_json_gap_(r); r->cur != r->docs; gokore_json_gap_(r))
        if (!gokore_json_step_(r, &fresh, &needs)) return false;
    if (r->at < r->len) return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "text after the end of the value");
    return true;
}

static bool gokore_json_check_(gokore_doc_reader_ *r) { // UTF-8 throughout
    uint32_t c;
    for (size_t at = r->at, n; at < r->len; at += n) {
        n = gokore_doc_utf8_(r->text + at, r->len - at, &c);
        if (n == 0) return gokore_doc_fail_(r, "GOKORE-E-UTF8", at, "a byte that is not UTF-8: 0x%02x", (unsigned)c);
    }
    return true;
}

// >>YAML: characters and lines
// Before reading: only characters that no two readers see differently.
static bool gokore_yaml_check_(gokore_doc_reader_ *r) {
    uint32_t c;
    for (size_t at = r->at, n; at < r->len; at += n) {
        n = gokore_doc_utf8_(r->text + at, r->len - at, &c);
        if (n == 0) return gokore_doc_fail_(r, "GOKORE-E-UTF8", at, "a byte that is not UTF-8: 0x%02x", (unsigned)c);
        if (c == '\r' && (at + 1 == r->len || r->text[at + 1] != '\n'))
            return gokore_doc_fail_(r, "GOKORE-E-LINE", at,
                                    "a carriage return without a line feed: a line end to some readers");
        if (c == '\t' || c == '\n' || c == '\r') continue;
        if (c == 0x85 || c == 0x2028 || c == 0x2029)
            return gokore_doc_fail_(r, "GOKORE-E-LINE", at,
                                    "U+%04X is a line end to some readers: write \\u%04x in double quotes", (unsigned)c,
                                    (unsigned)c);
        bool allowed = gokore_doc_is_shown_(c) || (c >= 0x202a && c <= 0x2069);
        if (!allowed)
            return gokore_doc_fail_(r, "GOKORE-E-CONTROL", at, "U+%04X is no character of YAML: escape it in double quotes",
                                    (unsigned)c);
    }
    return true;
}

// The end of the text is a line end.
static char gokore_yaml_char_(const gokore_doc_reader_ *r, size_t at) { return at < r->len ? r->text[at] : '\n'; }
static bool gokore_yaml_is_end_(const gokore_doc_reader_ *r, size_t at) {
    char c = gokore_yaml_char_(r, at);
    return c == '\n' || c == '\r'; // a CR is followed by an LF: checked
}
static bool gokore_yaml_is_gap_(const gokore_doc_reader_ *r, size_t at) {
    return gokore_doc_is_blank_(gokore_yaml_char_(r, at)) || gokore_yaml_is_end_(r, at);
}
static bool gokore_yaml_is_flow_sign_(char c) { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'; }

static void gokore_yaml_newline_(gokore_doc_reader_ *r) { // r->at is on a line end
    if (r->at < r->len && r->text[r->at] == '\r') r->at++;
    if (r->at < r->len) r->at++;
    r->line = r->at;
    r->tab = 0;
}

static void gokore_yaml_blanks_(gokore_doc_reader_ *r) {
    for (; gokore_doc_is_blank_(gokore_yaml_char_(r, r->at)); r->at++)
        if (r->text[r->at] == '\t') r->tab = r->at + 1;
}

static void gokore_yaml_to_end_(gokore_doc_reader_ *r) {
    while (!gokore_yaml_is_end_(r, r->at)) r->at++;
}

// "---" or "..." alone at the start of a line.
static bool gokore_yaml_is_marker_(const gokore_doc_reader_ *r, size_t at) {
    if (at != r->line || r->len - at < 3 || !gokore_yaml_is_gap_(r, at + 3)) return false;
    return memcmp(r->text + at, "---", 3) == 0 || memcmp(r->text + at, "...", 3) == 0;
}

// A comment, up to the line's end. r->at on its sign.
static bool gokore_yaml_comment_(gokore_doc_reader_ *r) {
    if (r->at != r->line && !gokore_doc_is_blank_(r->text[r->at - 1]))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "a blank is missing before '#'");
    gokore_yaml_to_end_(r);
    return true;
}

// After a value: nothing more on the line but a comment.
static bool gokore_yaml_end_line_(gokore_doc_reader_ *r) {
    gokore_yaml_blanks_(r);
    char c = gokore_yaml_char_(r, r->at);
    if (c == '#' && !gokore_yaml_comment_(r)) return false;
    if (c == ':' && gokore_yaml_is_gap_(r, r->at + 1))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "no key can be here: ':' follows what is a value");
    if (!gokore_yaml_is_end_(r, r->at))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "text after the end of the value");
    gokore_yaml_newline_(r);
    return true;
}

// From the start of a line to the next one with content, r->at on its first character. False: the end, a marker, or an error.
static bool gokore_yaml_next_line_(gokore_doc_reader_ *r, bool *failed) {
    *failed = false;
    while (r->at < r->len) {
        if (gokore_yaml_is_marker_(r, r->at)) return false;
        while (gokore_yaml_char_(r, r->at) == ' ') r->at++;
        size_t tab = r->at;
        gokore_yaml_blanks_(r);
        char c = gokore_yaml_char_(r, r->at);
        if (c == '#') gokore_yaml_to_end_(r);
        if (!gokore_yaml_is_end_(r, r->at)) {
            if (tab == r->at) return true;
            *failed = true;
            return gokore_doc_fail_(r, "GOKORE-E-TAB", tab, "a tab as indentation: use blanks");
        }
        if (r->at < r->len) gokore_yaml_newline_(r);
    }
    return false;
}

// Does a scalar go on below? From a line end, over empty lines (counted in *empty), to the first character of a line that
// is indented deeper than n. r moves there only if so.
static bool gokore_yaml_goes_on_(gokore_doc_reader_ *r, int32_t n, bool flow, size_t *empty) {
    gokore_doc_reader_ look = *r;
    for (*empty = 0;; ++*empty) {
        if (look.at >= look.len) return false;
        gokore_yaml_newline_(&look);
        if (look.at >= look.len || gokore_yaml_is_marker_(&look, look.at)) return false;
        while (gokore_yaml_char_(&look, look.at) == ' ') look.at++;
        int32_t indent = (int32_t)(look.at - look.line);
        gokore_yaml_blanks_(&look);
        if (gokore_yaml_is_end_(&look, look.at)) continue;
        char c = look.text[look.at];
        if (indent <= n || c == '#' || (flow && gokore_yaml_is_flow_sign_(c))) return false;
        char after = gokore_yaml_char_(&look, look.at + 1);
        if (flow && c == ':' && (gokore_yaml_is_gap_(&look, look.at + 1) || gokore_yaml_is_flow_sign_(after))) return false;
        r->at = look.at;
        r->line = look.line;
        return true;
    }
}

// >>YAML: scalars
typedef struct gokore_yaml_scalar_ {
    const char *text;
    size_t len, at;
    bool quoted, lines; // lines: it spans several
} gokore_yaml_scalar_;

// One line's part of a plain scalar: up to a comment, ": ", in flow also an indicator; without blanks at its end.
static size_t gokore_yaml_plain_line_(gokore_doc_reader_ *r, bool flow) {
    size_t from = r->at, end = from;
    for (; !gokore_yaml_is_end_(r, r->at); r->at++) {
        char c = r->text[r->at];
        if (gokore_doc_is_blank_(c)) continue;
        if (c == '#' && r->at > from && gokore_doc_is_blank_(r->text[r->at - 1])) break;
        if (c == ':' &&
            (gokore_yaml_is_gap_(r, r->at + 1) || (flow && gokore_yaml_is_flow_sign_(gokore_yaml_char_(r, r->at + 1)))))
            break;
        if (flow && gokore_yaml_is_flow_sign_(c)) break;
        end = r->at + 1;
    }
    return end - from;
}

static bool gokore_yaml_plain_start_(gokore_doc_reader_ *r, bool flow) { // may a plain scalar begin here?
    static const struct { char sign; const char *code, *why; } refused[] = {
        { '&', "GOKORE-E-ANCHOR", "anchors are not supported" },
        { '*', "GOKORE-E-ALIAS", "aliases are not supported" },
        { '!', "GOKORE-E-TAG", "tags are not supported" },
        { '%', "GOKORE-E-SYNTAX", "a text can't begin with '%': quote it" },
        { '@', "GOKORE-E-SYNTAX", "a text can't begin with '@': quote it" },
        { '`', "GOKORE-E-SYNTAX", "a text can't begin with '`': quote it" },
        { '|', "GOKORE-E-SYNTAX", "a block text can't be here" },
        { '>', "GOKORE-E-SYNTAX", "a block text can't be here" },
        { ',', "GOKORE-E-SYNTAX", "a value is expected before ','" },
        { ']', "GOKORE-E-SYNTAX", "']' without its '['" },
        { '}', "GOKORE-E-SYNTAX", "'}' without its '{'" },
        { '#', "GOKORE-E-SYNTAX", "a value is expected before the comment" },
    };
    char c = gokore_yaml_char_(r, r->at), after = gokore_yaml_char_(r, r->at + 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refused[i].sign == c) return gokore_doc_fail_(r, refused[i].code, r->at, "%s", refused[i].why);
    if (flow && c == '?')
        return gokore_doc_fail_(r, "GOKORE-E-KEY", r->at,
                                "keys after '?' are not supported: quote a text that begins with it");
    if (!gokore_yaml_is_gap_(r, r->at + 1) && !(flow && gokore_yaml_is_flow_sign_(after))) return true;
    if (c == '-')
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                "a list can't begin here: put it on lines of its own, or in []");
    if (c == '?') return gokore_doc_fail_(r, "GOKORE-E-KEY", r->at, "keys after '?' are not supported");
    if (c == ':') return gokore_doc_fail_(r, "GOKORE-E-KEY", r->at, "an empty key");
    return true;
}

// A line end inside quotes: folds it, and stops before the next line's text.
static bool gokore_yaml_fold_(gokore_doc_reader_ *r, const gokore_yaml_scalar_ *s, int32_t n, bool escaped) {
    for (size_t empty = 0;; empty++) {
        if (r->at >= r->len) return true; // the caller says that the quote is missing
        gokore_yaml_newline_(r);
        if (gokore_yaml_is_marker_(r, r->at))
            return gokore_doc_fail_(r, "GOKORE-E-QUOTE", s->at, "a quoted text that a document's end cuts off");
        while (gokore_yaml_char_(r, r->at) == ' ') r->at++;
        size_t indent = r->at;
        gokore_yaml_blanks_(r);
        if (gokore_yaml_is_end_(r, r->at) && r->at < r->len) continue;
        if (r->at < r->len && (int32_t)(indent - r->line) <= n)
            return gokore_doc_fail_(r, "GOKORE-E-INDENT", r->at,
                                    "a line of a quoted text must be indented deeper than what it belongs to");
        if (empty == 0 && !escaped) gokore_doc_push_(r, " ", 1);
        gokore_doc_push_lines_(r, empty);
        return true;
    }
}

static bool gokore_yaml_quoted_(gokore_doc_reader_ *r, gokore_yaml_scalar_ *s, int32_t n) {
    char quote = r->text[r->at++];
    size_t keep = 0; // blanks up to here are not folded away
    if (!gokore_doc_scratch_(r)) return false;
    for (;;) {
        size_t run = r->at;
        while (!gokore_yaml_is_end_(r, run) && r->text[run] != quote && (quote == '\'' || r->text[run] != '\\')) run++;
        gokore_doc_push_(r, r->text + r->at, run - r->at);
        r->at = run;
        if (run >= r->len) return gokore_doc_fail_(r, "GOKORE-E-QUOTE", s->at, "a quoted text without its closing quote");
        if (gokore_yaml_is_end_(r, run)) {
            while (r->scratch_len > keep && r->scratch_len <= GOKORE_DOC_SCALAR_MAX_ &&
                   gokore_doc_is_blank_(r->scratch[r->scratch_len - 1]))
                r->scratch_len--;
            s->lines = true;
            if (!gokore_yaml_fold_(r, s, n, false)) return false;
            keep = r->scratch_len;
        } else if (r->text[run] == '\\') {
            r->at++;
            bool folds = gokore_yaml_is_end_(r, r->at);
            s->lines = s->lines || folds;
            if (!(folds ? gokore_yaml_fold_(r, s, n, true) : gokore_doc_unescape_(r, false))) return false;
            keep = r->scratch_len;
        } else if (quote == '\'' && gokore_yaml_char_(r, run + 1) == '\'') {
            gokore_doc_push_(r, "'", 1);
            r->at += 2;
        } else {
            break;
        }
    }
    r->at++;
    s->len = r->scratch_len;
    s->text = gokore_doc_scratch_copy_(r, s->at);
    return s->text != NULL;
}

// A quoted scalar, or the first line of a plain one: what may turn out to be a key.
static bool gokore_yaml_scalar_start_(gokore_doc_reader_ *r, gokore_yaml_scalar_ *s, int32_t n, bool flow) {
    char c = gokore_yaml_char_(r, r->at);
    *s = (gokore_yaml_scalar_) { .text = r->text + r->at, .at = r->at, .quoted = c == '"' || c == '\'' };
    if (s->quoted) return gokore_yaml_quoted_(r, s, n);
    if (!gokore_yaml_plain_start_(r, flow)) return false;
    s->len = gokore_yaml_plain_line_(r, flow);
    return true;
}

// The further lines of a plain scalar.
static bool gokore_yaml_plain_rest_(gokore_doc_reader_ *r, gokore_yaml_scalar_ *s, int32_t n, bool flow) {
    size_t empty;
    if (s->quoted || !gokore_yaml_is_end_(r, r->at)) return true;
    while (gokore_yaml_is_end_(r, r->at) && gokore_yaml_goes_on_(r, n, flow, &empty)) {
        if (!s->lines) {
            if (!gokore_doc_scratch_(r)) return false;
            gokore_doc_push_(r, s->text, s->len);
        }
        s->lines = true;
        if (empty == 0) gokore_doc_push_(r, " ", 1);
        gokore_doc_push_lines_(r, empty);
        const char *part = r->text + r->at;
        gokore_doc_push_(r, part, gokore_yaml_plain_line_(r, flow));
        if (!flow && gokore_yaml_char_(r, r->at) == ':')
            return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                    "no key can be here: this line goes on with the text above it");
    }
    if (!s->lines) return true;
    s->len = r->scratch_len;
    s->text = gokore_doc_scratch_copy_(r, s->at);
    return s->text != NULL;
}

static bool gokore_yaml_add_scalar_(gokore_doc_reader_ *r, const gokore_yaml_scalar_ *s) {
    return gokore_doc_add_scalar_(r, s->quoted ? GOKORE_DOC_STRING_ : GOKORE_DOC_PLAIN_, s->at, s->text, s->len);
}

// The scalar is a key: is it one that every reader takes for the same text?
static bool gokore_yaml_take_key_(gokore_doc_reader_ *r, const gokore_yaml_scalar_ *s) {
    if (s->lines) return gokore_doc_fail_(r, "GOKORE-E-KEY", s->at, "a key must be on one line");
    if (s->len > GOKORE_DOC_KEY_MAX_)
        return gokore_doc_fail_(r, "GOKORE-E-LIMIT", s->at, "a key of more than %d bytes", GOKORE_DOC_KEY_MAX_);
    if (s->len == 0) return gokore_doc_fail_(r, "GOKORE-E-KEY", s->at, "an empty key");
    if (!s->quoted && gokore_doc_is_(s->text, s->len, "<<"))
        return gokore_doc_fail_(r, "GOKORE-E-KEY", s->at, "merge keys are not supported");
    if (!s->quoted && gokore_doc_type_of_text_(s->text, s->len) != GOKORE_DOC_IS_TEXT_)
        return gokore_doc_fail_(r, "GOKORE-E-KEY", s->at, "key '%s' is no text to some readers: quote it",
                                gokore_doc_show_(s->text, s->len).text);
    r->key = s->text;
    r->key_len = s->len;
    r->key_at = s->at;
    r->at++; // the ':'
    r->pending = true;
    return true;
}

static bool gokore_yaml_is_colon_(gokore_doc_reader_ *r, bool flow, bool quoted) { // skips blanks before it
    gokore_yaml_blanks_(r);
    if (gokore_yaml_char_(r, r->at) != ':') return false;
    return gokore_yaml_is_gap_(r, r->at + 1) ||
           (flow && (quoted || gokore_yaml_is_flow_sign_(gokore_yaml_char_(r, r->at + 1))));
}

// >>YAML: block scalars
// The indentation of the text below a header without a digit: that of its first line with text.
static bool gokore_yaml_block_indent_(gokore_doc_reader_ *r, int32_t n, int32_t *out) {
    int32_t most = 0;
    size_t widest = 0;
    for (size_t line = r->at, at; line < r->len; line = at + 1) {
        for (at = line; gokore_yaml_char_(r, at) == ' ';) at++;
        int32_t indent = (int32_t)(at - line);
        if (!gokore_yaml_is_end_(r, at)) {
            if (indent <= n && r->text[at] == '\t')
                return gokore_doc_fail_(r, "GOKORE-E-TAB", at, "a tab as indentation: use blanks");
            if (indent > n && most > indent)
                return gokore_doc_fail_(r, "GOKORE-E-INDENT", widest,
                                        "an empty line that is indented deeper than the text below it");
            *out = indent > n ? indent : most > n ? most : n + 1;
            return true;
        }
        if (indent > most) widest = line;
        if (indent > most) most = indent;
        if (gokore_yaml_char_(r, at) == '\r') at++;
    }
    *out = most > n ? most : n + 1;
    return true;
}

typedef struct gokore_yaml_block_ {
    bool folded;
    char chomp;     // '-', '+' or 0
    int32_t indent; // of its text
} gokore_yaml_block_;

static bool gokore_yaml_block_header_(gokore_doc_reader_ *r, int32_t n, gokore_yaml_block_ *b) {
    *b = (gokore_yaml_block_) { .folded = r->text[r->at++] == '>' };
    for (int i = 0; i < 2; i++) {
        char c = gokore_yaml_char_(r, r->at);
        if ((c == '-' || c == '+') && !b->chomp)
            b->chomp = c;
        else if (c >= '1' && c <= '9' && !b->indent)
            b->indent = (n > 0 ? n : 0) + (c - '0');
        else
            break;
        r->at++;
    }
    if (!gokore_yaml_is_gap_(r, r->at))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "after '|' or '>' only '+', '-' and a digit from 1 can be");
    if (!gokore_yaml_end_line_(r)) return false;
    return b->indent ? true : gokore_yaml_block_indent_(r, n, &b->indent);
}

static bool gokore_yaml_block_scalar_(gokore_doc_reader_ *r, int32_t n) {
    size_t from = r->at, empty = 0;
    gokore_yaml_block_ b;
    if (!gokore_yaml_block_header_(r, n, &b) || !gokore_doc_scratch_(r)) return false;
    bool broken = false, spaced = false; // a line end is due; the last line began with a blank
    while (r->at < r->len && !gokore_yaml_is_marker_(r, r->at)) {
        size_t at = r->at;
        while (gokore_yaml_char_(r, at) == ' ' && (int32_t)(at - r->line) < b.indent) at++;
        bool full = (int32_t)(at - r->line) == b.indent;
        if (!full && !gokore_yaml_is_end_(r, at)) break;
        r->at = at;
        if (gokore_yaml_is_end_(r, at)) {
            empty += r->at < r->len;
            gokore_yaml_newline_(r);
            continue;
        }
        bool blank = gokore_doc_is_blank_(r->text[at]);
        if (broken && b.folded && !spaced && !blank) {
            if (empty == 0) gokore_doc_push_(r, " ", 1);
        } else if (broken) {
            gokore_doc_push_(r, "\n", 1);
        }
        gokore_doc_push_lines_(r, empty);
        gokore_yaml_to_end_(r);
        gokore_doc_push_(r, r->text + at, r->at - at);
        empty = 0;
        spaced = blank;
        broken = r->at < r->len;
        gokore_yaml_newline_(r);
    }
    r->at = r->line;
    if (b.chomp != '-' && broken) gokore_doc_push_(r, "\n", 1);
    if (b.chomp == '+') gokore_doc_push_lines_(r, empty);
    const char *text = gokore_doc_scratch_copy_(r, from);
    return text && gokore_doc_add_scalar_(r, GOKORE_DOC_STRING_, from, text, r->scratch_len);
}

// >>YAML: flow
// Blanks, line ends and comments between the parts of a flow collection, whose lines are indented deeper than n.
static bool gokore_yaml_flow_gap_(gokore_doc_reader_ *r, int32_t n) {
    for (;;) {
        gokore_yaml_blanks_(r);
        if (gokore_yaml_char_(r, r->at) == '#' && !gokore_yaml_comment_(r)) return false;
        if (r->at >= r->len || !gokore_yaml_is_end_(r, r->at)) break;
        gokore_yaml_newline_(r);
        if (gokore_yaml_is_marker_(r, r->at))
            return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->cur->at, "a '%c' that a document's end cuts off",
                                    (int)r->text[r->cur->at]);
        size_t at = r->at;
        while (gokore_yaml_char_(r, at) == ' ') at++;
        int32_t indent = (int32_t)(at - r->line);
        while (gokore_doc_is_blank_(gokore_yaml_char_(r, at))) at++;
        if (indent <= n && at < r->len && !gokore_yaml_is_end_(r, at) && r->text[at] != '#')
            return gokore_doc_fail_(r, "GOKORE-E-INDENT", at,
                                    "a line inside [] or {} must be indented deeper than what it belongs to");
    }
    if (r->at < r->len) return true;
    return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->cur->at, "a '%c' without its closing bracket",
                            (int)r->text[r->cur->at]);
}

static bool gokore_yaml_flow_open_(gokore_doc_reader_ *r, int32_t n) {
    char c = r->text[r->at++];
    return gokore_doc_open_(r, c == '{' ? GOKORE_DOC_MAP_ : GOKORE_DOC_LIST_, r->at - 1, n, true);
}

static bool gokore_yaml_flow_value_(gokore_doc_reader_ *r, int32_t n) {
    char c = r->text[r->at];
    gokore_yaml_scalar_ s;
    if (c == '{' || c == '[') return gokore_yaml_flow_open_(r, n);
    if (r->cur->kind == GOKORE_DOC_MAP_ && (c == ',' || c == '}'))
        return gokore_doc_add_scalar_(r, GOKORE_DOC_PLAIN_, r->at, "", 0);
    if (!gokore_yaml_scalar_start_(r, &s, n, true) || !gokore_yaml_plain_rest_(r, &s, n, true)) return false;
    if (gokore_yaml_is_colon_(r, true, s.quoted)) {
        bool map = r->cur->kind == GOKORE_DOC_MAP_;
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                map ? "a second ':' in one entry" : "a key in a list: put {} around the pair");
    }
    return gokore_yaml_add_scalar_(r, &s);
}

static bool gokore_yaml_flow_key_(gokore_doc_reader_ *r, int32_t n) {
    gokore_yaml_scalar_ s;
    char c = r->text[r->at];
    if (c == '{' || c == '[') return gokore_doc_fail_(r, "GOKORE-E-KEY", r->at, "a key must be a text");
    if (!gokore_yaml_scalar_start_(r, &s, n, true) || (s.quoted && !gokore_yaml_flow_gap_(r, n)))
        return false; // as JSON allows
    if (gokore_yaml_is_colon_(r, true, s.quoted)) return gokore_yaml_take_key_(r, &s);
    const char *colon = s.quoted ? NULL : (const char *)memchr(s.text, ':', s.len);
    if (colon) return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", (size_t)(colon - r->text), "a blank is missing after ':'");
    return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", s.at, "a key without a value: ': ' is expected after it");
}

// A whole flow collection, r->at on its bracket.
static bool gokore_yaml_flow_(gokore_doc_reader_ *r, int32_t n) {
    const gokore_doc_node_ *outer = r->cur;
    bool fresh = true, needs = false; // as in gokore_json_step_
    if (!gokore_yaml_flow_open_(r, n)) return false;
    while (r->cur != outer) {
        bool map = r->cur->kind == GOKORE_DOC_MAP_;
        const gokore_doc_node_ *before = r->cur;
        if (!gokore_yaml_flow_gap_(r, n)) return false;
        char c = r->text[r->at], close = map ? '}' : ']';
        if (c == close) {
            r->at++;
            fresh = needs = false;
            if (!gokore_doc_close_(r)) return false;
        } else if (!fresh && !needs) {
            if (c != ',') return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "',' or '%c' is expected here", (int)close);
            r->at++;
            needs = true;
        } else {
            if (map && (!gokore_yaml_flow_key_(r, n) || !gokore_yaml_flow_gap_(r, n))) return false;
            if (!gokore_yaml_flow_value_(r, n)) return false;
            fresh = r->cur != before;
            needs = false;
        }
    }
    return true;
}

// >>YAML: blocks
static bool gokore_yaml_add_null_(gokore_doc_reader_ *r, size_t at) {
    return gokore_doc_add_scalar_(r, GOKORE_DOC_PLAIN_, at, "", 0);
}

static bool gokore_yaml_close_(gokore_doc_reader_ *r) {
    if (r->pending && !gokore_yaml_add_null_(r, r->key_at)) return false;
    return gokore_doc_close_(r);
}

// A value that begins in a line where no block collection can: after a key, or after "---".
static bool gokore_yaml_inline_(gokore_doc_reader_ *r, int32_t n) {
    char c = gokore_yaml_char_(r, r->at);
    gokore_yaml_scalar_ s;
    if (c == '|' || c == '>') return gokore_yaml_block_scalar_(r, n);
    if (c == '{' || c == '[') return gokore_yaml_flow_(r, n) && gokore_yaml_end_line_(r);
    if (!gokore_yaml_scalar_start_(r, &s, n, false)) return false;
    if (gokore_yaml_is_colon_(r, false, s.quoted))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                "no key can be here: put it on a line of its own, or quote the text");
    return gokore_yaml_plain_rest_(r, &s, n, false) && gokore_yaml_add_scalar_(r, &s) && gokore_yaml_end_line_(r);
}

// What follows "key:" or "---": a value on this line, or on lines below.
static bool gokore_yaml_after_key_(gokore_doc_reader_ *r) {
    size_t from = r->at;
    gokore_yaml_blanks_(r);
    if (!gokore_yaml_is_end_(r, r->at) && !(gokore_yaml_char_(r, r->at) == '#' && r->at > from))
        return gokore_yaml_inline_(r, r->cur->indent);
    return gokore_yaml_end_line_(r);
}

static bool gokore_yaml_no_tab_(gokore_doc_reader_ *r) { // before a block collection
    if (!r->tab) return true;
    return gokore_doc_fail_(r, "GOKORE-E-TAB", r->tab - 1, "a tab as indentation: use blanks");
}

// "key: value" in the open map.
static bool gokore_yaml_entry_(gokore_doc_reader_ *r) {
    gokore_yaml_scalar_ s;
    char c = gokore_yaml_char_(r, r->at);
    if (c == '{' || c == '[') return gokore_doc_fail_(r, "GOKORE-E-KEY", r->at, "a key must be a text");
    if (!gokore_yaml_scalar_start_(r, &s, r->cur->indent, false)) return false;
    if (gokore_yaml_is_colon_(r, false, s.quoted)) return gokore_yaml_take_key_(r, &s) && gokore_yaml_after_key_(r);
    if (s.quoted && gokore_yaml_char_(r, r->at) == ':')
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "a blank is missing after ':'");
    const char *colon = s.quoted ? NULL : (const char *)memchr(s.text, ':', s.len);
    if (colon) return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", (size_t)(colon - r->text), "a blank is missing after ':'");
    return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", s.at, "a key is expected here, with ': ' after it");
}

static bool gokore_yaml_is_dash_(const gokore_doc_reader_ *r) {
    return gokore_yaml_char_(r, r->at) == '-' && gokore_yaml_is_gap_(r, r->at + 1);
}

// A scalar that is not in an entry: a key opens a map here, else it is the value.
static bool gokore_yaml_scalar_or_map_(gokore_doc_reader_ *r) {
    int32_t column = (int32_t)(r->at - r->line), n = r->cur->indent;
    size_t tab = r->tab;
    gokore_yaml_scalar_ s;
    if (!gokore_yaml_scalar_start_(r, &s, n, false)) return false;
    if (gokore_yaml_is_colon_(r, false, s.quoted)) {
        r->tab = tab;
        return gokore_yaml_no_tab_(r) && gokore_doc_open_(r, GOKORE_DOC_MAP_, s.at, column, false) &&
               gokore_yaml_take_key_(r, &s) && gokore_yaml_after_key_(r);
    }
    const char *colon = s.quoted || r->cur != r->docs ? NULL : (const char *)memchr(s.text, ':', s.len);
    if (colon) return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", (size_t)(colon - r->text), "a blank is missing after ':'");
    return gokore_yaml_plain_rest_(r, &s, n, false) && gokore_yaml_add_scalar_(r, &s) && gokore_yaml_end_line_(r);
}

// The pending value of the open container, at r->at on a line of its own or after "- ".
static bool gokore_yaml_node_(gokore_doc_reader_ *r) {
    for (;;) {
        char c = gokore_yaml_char_(r, r->at);
        if (c == '|' || c == '>') return gokore_yaml_block_scalar_(r, r->cur->indent);
        if (c == '{' || c == '[') return gokore_yaml_flow_(r, r->cur->indent) && gokore_yaml_end_line_(r);
        if (!gokore_yaml_is_dash_(r)) return gokore_yaml_scalar_or_map_(r);
        // an item: of the open list if that is in this column, else of a list that begins here
        int32_t column = (int32_t)(r->at - r->line);
        bool goes_on = r->cur->kind == GOKORE_DOC_LIST_ && r->cur->indent == column && r->cur != r->docs;
        if (!goes_on && (!gokore_yaml_no_tab_(r) || !gokore_doc_open_(r, GOKORE_DOC_LIST_, r->at, column, false)))
            return false;
        r->key_at = r->at++;
        r->pending = true;
        size_t from = r->at;
        gokore_yaml_blanks_(r);
        if (gokore_yaml_is_end_(r, r->at) || (r->text[r->at] == '#' && r->at > from)) return gokore_yaml_end_line_(r);
    }
}

// A line with content: closes what it ends, and reads the value or entry that begins there.
static bool gokore_yaml_line_(gokore_doc_reader_ *r) {
    int32_t indent = (int32_t)(r->at - r->line);
    bool dash = gokore_yaml_is_dash_(r);
    while (r->cur != r->docs && r->cur->indent > indent)
        if (!gokore_yaml_close_(r)) return false;
    if (r->cur != r->docs && r->cur->kind == GOKORE_DOC_LIST_ && r->cur->indent == indent &&
        !dash) // it was at its key's indent
        if (!gokore_yaml_close_(r)) return false;
    if (r->cur == r->docs) {
        if (r->pending) return gokore_yaml_node_(r);
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                "the document has ended above: check the indentation, or begin a new one with ---");
    }
    if (r->cur->indent < indent) {
        if (r->pending) return gokore_yaml_node_(r);
        return gokore_doc_fail_(r, "GOKORE-E-INDENT", r->at, "this indentation fits nothing above");
    }
    if (r->cur->kind == GOKORE_DOC_MAP_ && dash) {
        if (r->pending) return gokore_yaml_node_(r);
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at, "a list item where a key is expected");
    }
    if (r->pending && !gokore_yaml_add_null_(r, r->key_at)) return false;
    return dash ? gokore_yaml_node_(r) : gokore_yaml_entry_(r);
}

static bool gokore_yaml_document_(gokore_doc_reader_ *r, bool marked) {
    size_t from = r->at;
    bool failed = false;
    r->pending = true;
    if (r->docs->count == GOKORE_DOC_DOCUMENTS_MAX_)
        return gokore_doc_fail_(r, "GOKORE-E-LIMIT", from, "more than %d documents", GOKORE_DOC_DOCUMENTS_MAX_);
    if (marked) {
        r->at += 3;
        if (!gokore_yaml_after_key_(r)) return false;
    }
    while (gokore_yaml_next_line_(r, &failed))
        if (!gokore_yaml_line_(r)) return false;
    if (failed) return false;
    while (r->cur != r->docs)
        if (!gokore_yaml_close_(r)) return false;
    return !r->pending || gokore_yaml_add_null_(r, from);
}

static bool gokore_yaml_read_(gokore_doc_reader_ *r) {
    bool failed = false;
    for (;;) {
        bool content = gokore_yaml_next_line_(r, &failed);
        if (failed) return false;
        if (!content && r->at >= r->len) break;
        if (!content && r->text[r->at] == '.') {
            r->at += 3;
            if (!gokore_yaml_end_line_(r)) return false;
            continue;
        }
        if (content && r->text[r->at] == '%' && r->at == r->line)
            return gokore_doc_fail_(r, "GOKORE-E-DIRECTIVE", r->at, "directives are not supported");
        if (content) r->at = r->line; // the document reads its own indentation
        if (!gokore_yaml_document_(r, !content)) return false;
    }
    if (r->docs->count == 0) return gokore_doc_fail_(r, "GOKORE-E-EMPTY", r->len, "no document in the text");
    if (r->text[r->len - 1] != '\n')
        gokore_doc_warn_(r, "GOKORE-W-NEWLINE", r->len, "the last line has no line end: is the text cut short?");
    return true;
}

// >>documents: reading a text
static bool gokore_doc_is_json_(const char *name) {
    size_t len = name ? strlen(name) : 0;
    return len >= 5 && memcmp(name + len - 5, ".json", 5) == 0;
}

// The list of documents, or NULL: the sink says why, or the arena has failed.
static gokore_doc_node_ *gokore_doc_read_(gokore_doc_sink_ *sink, gokore_doc_arena_ *arena) {
    gokore_doc_reader_ r = { .sink = sink, .arena = arena, .text = sink->text, .len = sink->len };
    if (r.len > GOKORE_DOC_TEXT_MAX_) {
        sink->len = 0; // the place is the start
        (void)gokore_doc_fail_(&r, "GOKORE-E-LIMIT", 0, "a text of more than 1 MiB");
        return NULL;
    }
    gokore_doc_node_ *docs = (gokore_doc_node_ *)gokore_doc_alloc_zeroed_(arena, 1, sizeof *docs);
    if (!docs) return NULL;
    docs->kind = GOKORE_DOC_LIST_;
    docs->indent = -1;
    docs->text = "";
    r.docs = r.cur = docs;
    if (r.len >= 3 && memcmp(r.text, "\xef\xbb\xbf", 3) == 0) r.at = r.line = 3;
    bool json = gokore_doc_is_json_(sink->file);
    bool done = json ? gokore_json_check_(&r) && gokore_json_read_(&r) : gokore_yaml_check_(&r) && gokore_yaml_read_(&r);
    return done ? docs : NULL;
}

// >>documents: JSON out
static bool gokore_doc_check_types_(gokore_doc_reader_ *r, bool json) { // every scalar means one thing only
    for (gokore_doc_node_ *n = r->docs->first; n && !json;) {
        gokore_doc_type_ type = gokore_doc_type_of_(n);
        int64_t value;
        if (type >= GOKORE_DOC_IS_WORD_)
            return gokore_doc_fail_(r, "GOKORE-E-AMBIGUOUS", n->at, "'%s' is %s: quote it, or write it plainly",
                                    gokore_doc_show_(n->text, n->len).text, gokore_doc_ambiguity_(type));
        if (type == GOKORE_DOC_IS_INTEGER_ && !gokore_doc_integer_(n->text, n->len, &value))
            return gokore_doc_fail_(r, "GOKORE-E-RANGE", n->at, "a number of more than 64 bits: quote it");
        if (n->first) {
            n = n->first;
            continue;
        }
        while (n && !n->next) n = n->parent;
        if (n) n = n->next;
    }
    return true;
}

static void gokore_doc_write_string_(gokore_doc_out_ *out, const char *text, size_t len) {
    gokore_doc_put_(out, "\"", 1);
    gokore_doc_escape_(out, text, len, true);
    gokore_doc_put_(out, "\"", 1);
}

static void gokore_doc_write_scalar_(gokore_doc_out_ *out, const gokore_doc_node_ *n) {
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    if (n->kind == GOKORE_DOC_MAP_ || n->kind == GOKORE_DOC_LIST_)
        gokore_doc_puts_(out, n->kind == GOKORE_DOC_MAP_ ? "{}" : "[]");
    else if (type == GOKORE_DOC_IS_TEXT_)
        gokore_doc_write_string_(out, n->text, n->len);
    else if (type == GOKORE_DOC_IS_NULL_)
        gokore_doc_puts_(out, "null");
    else
        gokore_doc_put_(out, n->text, n->len);
}

static void gokore_doc_write_json_(gokore_doc_out_ *out, const gokore_doc_node_ *root) {
    const gokore_doc_node_ *n = root;
    for (;;) {
        if (n != root && n->parent->kind == GOKORE_DOC_MAP_) {
            gokore_doc_write_string_(out, n->key, n->key_len);
            gokore_doc_put_(out, ":", 1);
        }
        if (n->first) {
            gokore_doc_put_(out, n->kind == GOKORE_DOC_MAP_ ? "{" : "[", 1);
            n = n->first;
            continue;
        }
        gokore_doc_write_scalar_(out, n);
        for (; n != root && !n->next; n = n->parent)
            gokore_doc_put_(out, n->parent->kind == GOKORE_DOC_MAP_ ? "}" : "]", 1);
        if (n == root) break;
        n = n->next;
        gokore_doc_put_(out, ",", 1);
    }
    gokore_doc_put_(out, "\n", 1);
}

gokore_status gokore_document_to_json(const char *text, size_t len, const char *name, gokore_writer writer,
                                      gokore_diagnostics *diagnostics) {
    if (!text && len) return GOKORE_INVALID;
    gokore_doc_sink_ sink = { diagnostics, name ? name : "", text ? text : "", len, 0 };
    gokore_doc_arena_ arena = { { NULL, NULL, NULL }, NULL, false };
    gokore_doc_out_ out = { .writer = writer };
    gokore_doc_node_ *docs = gokore_doc_read_(&sink, &arena);
    if (docs) {
        gokore_doc_reader_ r = { .sink = &sink, .docs = docs };
        if (!gokore_doc_check_types_(&r, gokore_doc_is_json_(name))) docs = NULL;
    }
    for (const gokore_doc_node_ *doc = docs ? docs->first : NULL; doc; doc = doc->next) gokore_doc_write_json_(&out, doc);
    gokore_doc_flush_(&out);
    bool failed = arena.failed;
    gokore_doc_free_(&arena);
    if (failed) return GOKORE_NO_MEMORY;
    return docs ? out.status : GOKORE_PARSE;
}

// >>schema: one table that reading, checking and writing follow
typedef enum gokore_policy_type_ {
    GOKORE_POLICY_CONST_,    // the text of field.text; no member
    GOKORE_POLICY_TEXT_,     // const char *
    GOKORE_POLICY_NAME_,     // const char *, of the characters of names
    GOKORE_POLICY_INT_,      // int or unsigned
    GOKORE_POLICY_BOOL_,     // bool
    GOKORE_POLICY_DURATION_, // int64_t
    GOKORE_POLICY_PERCENT_,  // unsigned, with a percent sign
    GOKORE_POLICY_QOS_,      // gokore_qos
    GOKORE_POLICY_FALLBACK_, // gokore_numa_fallback
    GOKORE_POLICY_OBJECT_,   // field.shape at the offset
    GOKORE_POLICY_INTS_,     // const int *, and size_t at other
    GOKORE_POLICY_NAMES_,    // const char *const *, and size_t at other
    GOKORE_POLICY_OBJECTS_,  // const field.shape *, and size_t at other
    GOKORE_POLICY_STRINGS_   // a map of texts, checked and not kept
} gokore_policy_type_;

enum {
    GOKORE_POLICY_REQUIRED_ = 1, // must be there
    GOKORE_POLICY_FLAGGED_ = 2,  // a bool at other says that it is there
    GOKORE_POLICY_SPEC_ = 4,     // paths leave its name out
    GOKORE_POLICY_OUTER_ = 8,    // numaAffinity.fallbackStrategy goes before it; not written
    GOKORE_POLICY_SPARSE_ = 16   // an object that is not written if nothing in it is set
};

struct gokore_policy_shape_;
typedef struct gokore_policy_field_ {
    const char *name; // on the wire
    gokore_policy_type_ type;
    unsigned flags;
    size_t offset, other;
    int least, most;  // of an integer, or of a list's length
    const struct gokore_policy_shape_ *shape;
    const char *text;
} gokore_policy_field_;
typedef struct gokore_policy_shape_ {
    const gokore_policy_field_ *fields;
    size_t count, size;
} gokore_policy_shape_;

#define GOKORE_POLICY_SHAPE_(fields, T) { (fields), sizeof(fields) / sizeof((fields)[0]), sizeof(T) }
#define GOKORE_POLICY_NODE_MAX_ 1023

static const gokore_policy_field_ gokore_policy_rule_fields_[] = {
    { .name = "name", .type = GOKORE_POLICY_TEXT_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_hierarchy_rule, name) },
    { .name = "order", .type = GOKORE_POLICY_NAMES_, .flags = GOKORE_POLICY_REQUIRED_, .least = 1,
      .offset = offsetof(gokore_hierarchy_rule, order), .other = offsetof(gokore_hierarchy_rule, order_count) },
};
static const gokore_policy_shape_ gokore_policy_rule_ = GOKORE_POLICY_SHAPE_(gokore_policy_rule_fields_, gokore_hierarchy_rule);

static const gokore_policy_field_ gokore_policy_exemption_fields_[] = {
    { .name = "lockClass",
      .type = GOKORE_POLICY_NAME_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_exemption, lock_class) },
    { .name = "from", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_lock_exemption, from) },
    { .name = "to", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_lock_exemption, to) },
};
static const gokore_policy_shape_ gokore_policy_exemption_ = GOKORE_POLICY_SHAPE_(gokore_policy_exemption_fields_, gokore_lock_exemption);

static const gokore_policy_field_ gokore_policy_pair_fields_[] = {
    { .name = "a", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_pair_limit, a) },
    { .name = "b", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_pair_limit, b) },
    { .name = "maxHoldTime",
      .type = GOKORE_POLICY_DURATION_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_pair_limit, max_hold_ns) },
};
static const gokore_policy_shape_ gokore_policy_pair_ = GOKORE_POLICY_SHAPE_(gokore_policy_pair_fields_, gokore_pair_limit);

static const gokore_policy_field_ gokore_policy_numa_fields_[] = {
    { .name = "required", .type = GOKORE_POLICY_BOOL_, .offset = offsetof(gokore_numa_policy, required) },
    { .name = "preferredNodes", .type = GOKORE_POLICY_INTS_, .least = 0, .most = GOKORE_POLICY_NODE_MAX_,
      .offset = offsetof(gokore_numa_policy, preferred_nodes), .other = offsetof(gokore_numa_policy, preferred_node_count) },
    { .name = "allowedDistance", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_FLAGGED_, .least = 0, .most = 254,
      .offset = offsetof(gokore_numa_policy, allowed_distance), .other = offsetof(gokore_numa_policy, has_allowed_distance) },
    { .name = "fallbackStrategy", .type = GOKORE_POLICY_FALLBACK_, .offset = offsetof(gokore_numa_policy, fallback) },
    { .name = "qosOverride", .type = GOKORE_POLICY_QOS_, .offset = offsetof(gokore_numa_policy, qos_override) },
};
static const gokore_policy_shape_ gokore_policy_numa_ = GOKORE_POLICY_SHAPE_(gokore_policy_numa_fields_, gokore_numa_policy);

static const gokore_policy_field_ gokore_policy_retry_fields_[] = {
    { .name = "attempts",
      .type = GOKORE_POLICY_INT_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .least = 1,
      .most = 5,
      .offset = offsetof(gokore_retry_policy, attempts) },
    { .name = "backoffBase",
      .type = GOKORE_POLICY_DURATION_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_retry_policy, backoff_base_ns) },
    { .name = "jitterPercent",
      .type = GOKORE_POLICY_INT_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .least = 0,
      .most = 100,
      .offset = offsetof(gokore_retry_policy, jitter_percent) },
    { .name = "stealRetries", .type = GOKORE_POLICY_INT_, .least = 0, .most = 16, .offset = offsetof(gokore_retry_policy, steal_attempts) },
    { .name = "maxWaitTime", .type = GOKORE_POLICY_DURATION_, .offset = offsetof(gokore_retry_policy, max_wait_ns) },
};
static const gokore_policy_shape_ gokore_policy_retry_ = GOKORE_POLICY_SHAPE_(gokore_policy_retry_fields_, gokore_retry_policy);

static const gokore_policy_field_ gokore_policy_lock_spec_fields_[] = {
    { .name = "qosClass", .type = GOKORE_POLICY_QOS_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_lock_policy, qos) },
    { .name = "containerID", .type = GOKORE_POLICY_TEXT_, .offset = offsetof(gokore_lock_policy, container_id) },
    { .name = "fallbackStrategy",
      .type = GOKORE_POLICY_FALLBACK_,
      .flags = GOKORE_POLICY_OUTER_,
      .offset = offsetof(gokore_lock_policy, numa.fallback) },
    { .name = "numaAffinity", .type = GOKORE_POLICY_OBJECT_, .shape = &gokore_policy_numa_, .offset = offsetof(gokore_lock_policy, numa) },
    { .name = "maxHoldTime", .type = GOKORE_POLICY_DURATION_, .offset = offsetof(gokore_lock_policy, max_hold_ns) },
    { .name = "defaultTimeout", .type = GOKORE_POLICY_DURATION_, .offset = offsetof(gokore_lock_policy, default_timeout_ns) },
    { .name = "retryPolicy",
      .type = GOKORE_POLICY_OBJECT_,
      .flags = GOKORE_POLICY_SPARSE_,
      .shape = &gokore_policy_retry_,
      .offset = offsetof(gokore_lock_policy, retry) },
    { .name = "hierarchyRules",
      .type = GOKORE_POLICY_OBJECTS_,
      .flags = GOKORE_POLICY_REQUIRED_,
      .shape = &gokore_policy_rule_,
      .offset = offsetof(gokore_lock_policy, rules),
      .other = offsetof(gokore_lock_policy, rule_count) },
    { .name = "exemptions",
      .type = GOKORE_POLICY_OBJECTS_,
      .shape = &gokore_policy_exemption_,
      .offset = offsetof(gokore_lock_policy, exemptions),
      .other = offsetof(gokore_lock_policy, exemption_count) },
    { .name = "pairLimits",
      .type = GOKORE_POLICY_OBJECTS_,
      .shape = &gokore_policy_pair_,
      .offset = offsetof(gokore_lock_policy, pair_limits),
      .other = offsetof(gokore_lock_policy, pair_limit_count) },
};
static const gokore_policy_shape_ gokore_policy_lock_spec_ = GOKORE_POLICY_SHAPE_(gokore_policy_lock_spec_fields_, gokore_lock_policy);

static const gokore_policy_field_ gokore_policy_mapping_fields_[] = {
    { .name = "priority", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_REQUIRED_, .least = 0, .most = 1000000,
      .offset = offsetof(gokore_class_mapping, priority) },
    { .name = "name", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_class_mapping, name) },
    { .name = "qosClass", .type = GOKORE_POLICY_QOS_, .offset = offsetof(gokore_class_mapping, qos) },
    { .name = "numaExclusive", .type = GOKORE_POLICY_BOOL_, .offset = offsetof(gokore_class_mapping, numa_exclusive) },
};
static const gokore_policy_shape_ gokore_policy_mapping_ = GOKORE_POLICY_SHAPE_(gokore_policy_mapping_fields_, gokore_class_mapping);

static const gokore_policy_field_ gokore_policy_share_fields_[] = {
    { .name = "allowedCrossAccess", .type = GOKORE_POLICY_PERCENT_, .offset = offsetof(gokore_concurrency_policy, cross_access_percent) },
    { .name = "stealThreshold",
      .type = GOKORE_POLICY_INT_,
      .least = 0,
      .most = INT_MAX,
      .offset = offsetof(gokore_concurrency_policy, steal_threshold) },
};
static const gokore_policy_shape_ gokore_policy_share_ = GOKORE_POLICY_SHAPE_(gokore_policy_share_fields_, gokore_concurrency_policy);

static const gokore_policy_field_ gokore_policy_concurrency_spec_fields_[] = {
    { .name = "numa", .type = GOKORE_POLICY_OBJECT_, .shape = &gokore_policy_share_, .offset = 0 },
    { .name = "qosClassMapping", .type = GOKORE_POLICY_OBJECTS_, .shape = &gokore_policy_mapping_,
      .offset = offsetof(gokore_concurrency_policy, classes), .other = offsetof(gokore_concurrency_policy, class_count) },
};
static const gokore_policy_shape_ gokore_policy_concurrency_spec_ =
    GOKORE_POLICY_SHAPE_(gokore_policy_concurrency_spec_fields_, gokore_concurrency_policy);

// Both kinds begin with their names, so that one shape serves both.
GOKORE_STATIC_ASSERT_(offsetof(gokore_lock_policy, name) == offsetof(gokore_concurrency_policy, name), "metadata has one shape");
GOKORE_STATIC_ASSERT_(offsetof(gokore_lock_policy, namespace_name) == offsetof(gokore_concurrency_policy, namespace_name),
                      "metadata has one shape");
static const gokore_policy_field_ gokore_policy_metadata_fields_[] = {
    { .name = "name", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_lock_policy, name) },
    { .name = "namespace", .type = GOKORE_POLICY_NAME_, .offset = offsetof(gokore_lock_policy, namespace_name) },
    { .name = "labels", .type = GOKORE_POLICY_STRINGS_ },
    { .name = "annotations", .type = GOKORE_POLICY_STRINGS_ },
};
static const gokore_policy_shape_ gokore_policy_metadata_ = GOKORE_POLICY_SHAPE_(gokore_policy_metadata_fields_, gokore_lock_policy);

static const gokore_policy_field_ gokore_policy_lock_fields_[] = {
    { .name = "apiVersion", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "concurrency.gokore.io/v1alpha1" },
    { .name = "kind", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "LockPolicy" },
    { .name = "metadata", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_REQUIRED_, .shape = &gokore_policy_metadata_ },
    { .name = "spec",
      .type = GOKORE_POLICY_OBJECT_,
      .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_SPEC_,
      .shape = &gokore_policy_lock_spec_ },
};
static const gokore_policy_field_ gokore_policy_concurrency_fields_[] = {
    { .name = "apiVersion", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "orchestration.gokore.io/v1beta1" },
    { .name = "kind", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "ConcurrencyPolicy" },
    { .name = "metadata", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_SPARSE_, .shape = &gokore_policy_metadata_ },
    { .name = "spec",
      .type = GOKORE_POLICY_OBJECT_,
      .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_SPEC_,
      .shape = &gokore_policy_concurrency_spec_ },
};
static const gokore_policy_shape_ gokore_policy_kinds_[] = { // by gokore_policy_kind
    { NULL, 0, 0 },
    GOKORE_POLICY_SHAPE_(gokore_policy_lock_fields_, gokore_lock_policy),
    GOKORE_POLICY_SHAPE_(gokore_policy_concurrency_fields_, gokore_concurrency_policy),
};

// Members by their place in a struct.
static int gokore_policy_get_int_(const char *base, size_t offset) {
    int value;
    memcpy(&value, base + offset, sizeof value);
    return value;
}
static size_t gokore_policy_get_size_(const char *base, size_t offset) {
    size_t value;
    memcpy(&value, base + offset, sizeof value);
    return value;
}
static int64_t gokore_policy_get_duration_(const char *base, size_t offset) {
    int64_t value;
    memcpy(&value, base + offset, sizeof value);
    return value;
}
static bool gokore_policy_get_bool_(const char *base, size_t offset) {
    bool value;
    memcpy(&value, base + offset, sizeof value);
    return value;
}
static const void *gokore_policy_get_pointer_(const char *base, size_t offset) {
    const void *value;
    memcpy(&value, base + offset, sizeof value);
    return value;
}
static unsigned gokore_policy_get_choice_(const gokore_policy_field_ *f, const char *base) { // an enum may be of any size
    gokore_qos qos;
    gokore_numa_fallback fallback;
    if (f->type == GOKORE_POLICY_QOS_) {
        memcpy(&qos, base + f->offset, sizeof qos);
        return (unsigned)qos;
    }
    memcpy(&fallback, base + f->offset, sizeof fallback);
    return (unsigned)fallback;
}
static void gokore_policy_set_choice_(const gokore_policy_field_ *f, char *base, unsigned value) {
    gokore_qos qos = (gokore_qos)value;
    gokore_numa_fallback fallback = (gokore_numa_fallback)value;
    if (f->type == GOKORE_POLICY_QOS_)
        memcpy(base + f->offset, &qos, sizeof qos);
    else
        memcpy(base + f->offset, &fallback, sizeof fallback);
}

// The words of an enumeration: the first of them stands for value *first.
static size_t gokore_policy_words_(gokore_policy_type_ type, const char *const **words, unsigned *first) {
    *first = type == GOKORE_POLICY_QOS_ ? (unsigned)GOKORE_QOS_GUARANTEED : 0;
    *words = type == GOKORE_POLICY_QOS_ ? gokore_policy_qos_names_ + 1 : gokore_policy_fallback_names_;
    return 3;
}

// Is a member as if it had not been given?
static bool gokore_policy_is_unset_(const gokore_policy_field_ *f, const char *base) {
    const char *text;
    switch (f->type) {
    case GOKORE_POLICY_TEXT_:
    case GOKORE_POLICY_NAME_:
        text = (const char *)gokore_policy_get_pointer_(base, f->offset);
        return !text || !text[0];
    case GOKORE_POLICY_INT_:
        return f->flags & GOKORE_POLICY_FLAGGED_ ? !gokore_policy_get_bool_(base, f->other) : gokore_policy_get_int_(base, f->offset) == 0;
    case GOKORE_POLICY_DURATION_: return gokore_policy_get_duration_(base, f->offset) == 0;
    case GOKORE_POLICY_QOS_: return gokore_policy_get_choice_(f, base) == 0;
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: return gokore_policy_get_size_(base, f->other) == 0;
    case GOKORE_POLICY_OBJECT_:
        for (size_t i = 0; i < f->shape->count; i++)
            if (!gokore_policy_is_unset_(&f->shape->fields[i], base + f->offset)) return false;
        return true;
    case GOKORE_POLICY_STRINGS_: return true;
    default: return false;
    }
}

// >>hints
// How many letters apart (insertions, losses, changes, swaps of neighbours), at most 99; case does not count.
static size_t gokore_policy_distance_(const char *a, size_t a_len, const char *b) {
    size_t b_len = strlen(b), rows[3][33];
    if (a_len > 32 || b_len > 32) return 99;
    for (size_t j = 0; j <= b_len; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = gokore_doc_lower_(a[i - 1]) == gokore_doc_lower_(b[j - 1]);
            size_t best = above[j - 1] + !same;
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && gokore_doc_lower_(a[i - 1]) == gokore_doc_lower_(b[j - 2]) &&
                           gokore_doc_lower_(a[i - 2]) == gokore_doc_lower_(b[j - 1]);
            if (swapped && higher[j - 2] + 1 < best) best = higher[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

static bool gokore_policy_contains_(const char *text, size_t len, const char *part, size_t part_len) {
    for (size_t at = 0; part_len && at + part_len <= len; at++) {
        size_t i = 0;
        while (i < part_len && gokore_doc_lower_(text[at + i]) == gokore_doc_lower_(part[i])) i++;
        if (i == part_len) return true;
    }
    return false;
}

// Keeps word as the best guess for text if it is close enough and closer than what is there.
static void gokore_policy_guess_(const char *text, size_t len, const char *word, const char **best, size_t *best_distance) {
    size_t distance = gokore_policy_distance_(text, len, word), word_len = strlen(word);
    size_t near = len / 3 < 3 ? len / 3 : 3;
    bool part = (len >= 3 && gokore_policy_contains_(word, word_len, text, len)) ||
                (word_len >= 4 && len <= 64 && gokore_policy_contains_(text, len, word, word_len));
    if (distance > near && part) distance = 4; // maxAttempts, rules
    if (distance > near && !part) return;
    if (*best && distance >= *best_distance) return;
    *best = word;
    *best_distance = distance;
}

typedef struct gokore_policy_hint_ { char text[80]; } gokore_policy_hint_; // " (did you mean 'x'?)", or ""
static gokore_policy_hint_ gokore_policy_hint_of_(const char *best) {
    gokore_policy_hint_ hint = { "" };
    if (best) (void)snprintf(hint.text, sizeof hint.text, " (did you mean '%s'?)", best);
    return hint;
}

static gokore_policy_hint_ gokore_policy_hint_field_(const gokore_policy_shape_ *shape, const char *text, size_t len) {
    const char *best = NULL;
    size_t distance = 0;
    for (size_t i = 0; i < shape->count; i++) gokore_policy_guess_(text, len, shape->fields[i].name, &best, &distance);
    return gokore_policy_hint_of_(best);
}

static gokore_policy_hint_ gokore_policy_hint_word_(const char *const *words, size_t count, const char *text, size_t len) {
    const char *best = NULL;
    size_t distance = 0;
    for (size_t i = 0; i < count; i++) gokore_policy_guess_(text, len, words[i], &best, &distance);
    return gokore_policy_hint_of_(best);
}

// >>values
static const struct { const char *name; int64_t ns; } gokore_policy_units_[] = { // longest first, as writing wants them
    { "m", 60 * INT64_C(1000000000) }, { "s", INT64_C(1000000000) }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
};

// [1-9][0-9]*(ns|us|ms|s|m). NULL = done, else what is wrong with it.
static const char *gokore_policy_duration_(const char *text, size_t len, int64_t *out) {
    size_t digits = gokore_doc_digits_(text, len, 0);
    int64_t number;
    if (len == 0) return "is empty";
    if (text[0] == '-') return "is negative";
    if (digits == 0) return "is no duration: write a whole number and a unit, as 500ms";
    if (digits == len) return "has no unit: write ns, us, ms, s or m behind it, as 500ms";
    if (text[digits] == '.') return "is not whole: write it in a smaller unit, as 1500ms";
    if (text[digits] == ' ') return "has a blank: write the unit at once after the number";
    if (text[0] == '0' && digits > 1) return "has a leading zero";
    if (!gokore_doc_integer_(text, digits, &number)) return "is too long";
    for (size_t i = 0; i < sizeof gokore_policy_units_ / sizeof gokore_policy_units_[0]; i++) {
        if (!gokore_doc_is_(text + digits, len - digits, gokore_policy_units_[i].name)) continue;
        if (number == 0) return "is zero: leave it out for no limit of its own";
        if (number > INT64_MAX / gokore_policy_units_[i].ns) return "is too long";
        *out = number * gokore_policy_units_[i].ns;
        return NULL;
    }
    if (gokore_doc_is_(text + digits, len - digits, "h") || gokore_doc_is_(text + digits, len - digits, "d"))
        return "has a unit that is not known: write it in minutes, as 60m";
    for (size_t i = digits; i < len; i++)
        if (gokore_doc_is_digit_(text[i])) return "has several parts: write one number and one unit, as 90s";
    return "has a unit that is not known: write ns, us, ms, s or m";
}

static const char *gokore_policy_percent_(const char *text, size_t len, unsigned *out) {
    size_t digits = gokore_doc_digits_(text, len, 0);
    int64_t number;
    if (digits == 0 || digits > 3) return "is no percentage: write a whole number from 0 to 100 and '%', as 15%";
    if (digits == len) return "has no percent sign: write '%' behind it, as 15%";
    if (len != digits + 1 || text[digits] != '%' || (text[0] == '0' && digits > 1))
        return "is no percentage: write a whole number from 0 to 100 and '%', as 15%";
    if (!gokore_doc_integer_(text, digits, &number) || number > 100) return "is more than 100%";
    *out = (unsigned)number;
    return NULL;
}

#define GOKORE_POLICY_NAME_MAX_ 253
// NULL = a name, else what is wrong with it. text: free text that only must be shown and not too long.
static const char *gokore_policy_name_(const char *name, size_t len, bool text) {
    if (len == 0) return "is empty";
    if (len > GOKORE_POLICY_NAME_MAX_) return "is longer than 253 bytes";
    uint32_t c;
    for (size_t at = 0, n; at < len; at += n) {
        n = gokore_doc_utf8_(name + at, len - at, &c);
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (n == 0 || !(letter || (text && gokore_doc_is_shown_(c))))
            return text ? "has a character that can't be shown" : "has a character that is none of A-Z a-z 0-9 _ . -";
    }
    return NULL;
}

// >>checks: findings with a path
typedef struct gokore_policy_checker_ {
    gokore_doc_sink_ *sink;
    gokore_doc_arena_ *kept; // what a set keeps
    gokore_doc_arena_ *work; // what is needed until the text is read
    bool json;
    size_t path_len;
    char path[128];
} gokore_policy_checker_;

static void gokore_policy_say_(gokore_policy_checker_ *c, const char *code, size_t at, const char *format, ...)
    GOKORE_PRINTF_(4);
static void gokore_policy_say_(gokore_policy_checker_ *c, const char *code, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    gokore_doc_say_(c->sink, code, at, c->path, format, args);
    va_end(args);
}

static bool gokore_policy_is_full_(const gokore_policy_checker_ *c) { return c->sink->errors >= GOKORE_DOC_ERRORS_MAX_; }

// Goes one step down, to a field or (name NULL) an item; the answer is what gokore_policy_up_ takes.
static size_t gokore_policy_down_(gokore_policy_checker_ *c, const char *name, size_t len, size_t index) {
    size_t before = c->path_len, room = sizeof c->path - before;
    int n;
    if (name)
        n = snprintf(c->path + before, room, "%s%.*s", before ? "." : "", (int)len, name);
    else
        n = snprintf(c->path + before, room, "[%zu]", index);
    c->path_len = n < 0 || (size_t)n >= room ? sizeof c->path - 1 : before + (size_t)n;
    return before;
}

static void gokore_policy_up_(gokore_policy_checker_ *c, size_t before) {
    c->path_len = before;
    c->path[before] = 0;
}

static const gokore_doc_node_ *gokore_doc_get_(const gokore_doc_node_ *map, const char *key) {
    for (const gokore_doc_node_ *n = map && map->kind == GOKORE_DOC_MAP_ ? map->first : NULL; n; n = n->next)
        if (gokore_doc_is_(n->key, n->key_len, key)) return gokore_doc_type_of_(n) == GOKORE_DOC_IS_NULL_ ? NULL : n;
    return NULL;
}

// An error in a field that may be two levels below a node (NULL: there is no text); it is placed at the nearest that exists.
static void gokore_policy_blame_(gokore_policy_checker_ *c, const gokore_doc_node_ *node, const char *field,
                                 const char *inner, const char *code, const char *text) {
    const gokore_doc_node_ *n = gokore_doc_get_(node, field), *below = inner ? gokore_doc_get_(n, inner) : NULL;
    size_t at = below ? below->at : n ? (inner ? n->key_at : n->at) : node ? node->key_at : GOKORE_DOC_NOWHERE_;
    size_t before = gokore_policy_down_(c, field, strlen(field), 0);
    if (inner) (void)gokore_policy_down_(c, inner, strlen(inner), 0);
    gokore_policy_say_(c, code, at, "%s", text);
    gokore_policy_up_(c, before);
}

// >>reading: values of one field; each stores what it read, or says what is wrong
typedef struct gokore_policy_found_ { char text[96]; } gokore_policy_found_; // "the boolean true", "a list"
static gokore_policy_found_ gokore_policy_found_of_(const gokore_doc_node_ *n) {
    gokore_policy_found_ found = { "" };
    const char *what = "the text";
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    if (type == GOKORE_DOC_IS_TRUE_ || type == GOKORE_DOC_IS_FALSE_) what = "the boolean";
    if (type == GOKORE_DOC_IS_INTEGER_ || type == GOKORE_DOC_IS_FLOAT_) what = "the number";
    if (n->kind == GOKORE_DOC_MAP_)
        (void)snprintf(found.text, sizeof found.text, "a map");
    else if (n->kind == GOKORE_DOC_LIST_)
        (void)snprintf(found.text, sizeof found.text, "a list");
    else if (type == GOKORE_DOC_IS_NULL_)
        (void)snprintf(found.text, sizeof found.text, "nothing");
    else
        (void)snprintf(found.text, sizeof found.text, "%s '%s'", what, gokore_doc_show_(n->text, n->len).text);
    return found;
}

static bool gokore_policy_expected_(gokore_policy_checker_ *c, const gokore_doc_node_ *n, const char *wanted,
                                    const char *advice) {
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    if (type >= GOKORE_DOC_IS_WORD_)
        gokore_policy_say_(c, "GOKORE-E-AMBIGUOUS", n->at, "%s is expected, and '%s' is %s%s", wanted,
                           gokore_doc_show_(n->text, n->len).text, gokore_doc_ambiguity_(type), advice);
    else
        gokore_policy_say_(c, "GOKORE-E-TYPE", n->at, "%s is expected, not %s%s", wanted, gokore_policy_found_of_(n).text,
                           advice);
    return false;
}

// A scalar that may stand for text: in YAML also one that would be a number elsewhere.
static bool gokore_policy_is_text_(gokore_policy_checker_ *c, const gokore_doc_node_ *n, const char *wanted,
                                   const char *advice) {
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    bool number = !c->json && (type == GOKORE_DOC_IS_INTEGER_ || type == GOKORE_DOC_IS_FLOAT_);
    bool scalar = n->kind == GOKORE_DOC_PLAIN_ || n->kind == GOKORE_DOC_STRING_;
    if (scalar && (type == GOKORE_DOC_IS_TEXT_ || number)) return true;
    return gokore_policy_expected_(c, n, wanted, scalar && type != GOKORE_DOC_IS_NULL_ ? advice : "");
}

// A copy of a text node for a member; NULL: said, or no memory.
static const char *gokore_policy_read_name_(gokore_policy_checker_ *c, const gokore_doc_node_ *n, bool text) {
    if (!gokore_policy_is_text_(c, n, "a text", ": quote it")) return NULL;
    const char *wrong = gokore_policy_name_(n->text, n->len, text);
    if (!wrong) return gokore_doc_copy_(c->kept, n->text, n->len);
    gokore_policy_say_(c, "GOKORE-E-NAME", n->at, "'%s' %s", gokore_doc_show_(n->text, n->len).text, wrong);
    return NULL;
}

static bool gokore_policy_read_int_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                    int *out) {
    int64_t value;
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    if (type == GOKORE_DOC_IS_FLOAT_) return gokore_policy_expected_(c, n, "a whole number in decimal digits", "");
    if (type != GOKORE_DOC_IS_INTEGER_) return gokore_policy_expected_(c, n, "a whole number", "");
    if (gokore_doc_integer_(n->text, n->len, &value) && value >= f->least && value <= f->most) {
        *out = (int)value;
        return true;
    }
    gokore_policy_say_(c, "GOKORE-E-RANGE", n->at, "%s is out of range: %d to %d", gokore_doc_show_(n->text, n->len).text,
                       f->least, f->most);
    return false;
}

static void gokore_policy_read_choice_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                       char *base) {
    const char *const *words;
    unsigned first;
    size_t count = gokore_policy_words_(f->type, &words, &first);
    if (!gokore_policy_is_text_(c, n, "a text", "")) return;
    for (size_t i = 0; i < count; i++) {
        if (!gokore_doc_is_(n->text, n->len, words[i])) continue;
        gokore_policy_set_choice_(f, base, first + (unsigned)i);
        return;
    }
    gokore_policy_say_(c, "GOKORE-E-VALUE", n->at, "'%s' is none of %s, %s, %s%s", gokore_doc_show_(n->text, n->len).text,
                       words[0], words[1], words[2], gokore_policy_hint_word_(words, count, n->text, n->len).text);
}

static void gokore_policy_read_fallback_(gokore_policy_checker_ *c, const gokore_policy_field_ *f,
                                         const gokore_doc_node_ *n, char *base) {
    gokore_numa_fallback before;
    memcpy(&before, base + f->offset, sizeof before);
    gokore_policy_read_choice_(c, f, n, base);
    if (!(f->flags & GOKORE_POLICY_OUTER_) || !gokore_doc_get_(gokore_doc_get_(n->parent, "numaAffinity"), f->name)) return;
    memcpy(base + f->offset, &before, sizeof before); // the inner one goes before it
}

static void gokore_policy_read_const_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n) {
    if (!gokore_policy_is_text_(c, n, "a text", "") || gokore_doc_is_(n->text, n->len, f->text)) return;
    gokore_policy_say_(c, "GOKORE-E-KIND", n->at, "'%s' is not %s", gokore_doc_show_(n->text, n->len).text, f->text);
}

// Durations and percentages: a text in a notation of its own.
static void gokore_policy_read_notation_(gokore_policy_checker_ *c, const gokore_policy_field_ *f,
                                         const gokore_doc_node_ *n, char *base) {
    bool duration = f->type == GOKORE_POLICY_DURATION_;
    int64_t ns = 0;
    unsigned percent = 0;
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    bool number = type == GOKORE_DOC_IS_INTEGER_ || type == GOKORE_DOC_IS_FLOAT_; // worth a better word than a type error
    if (!number && !gokore_policy_is_text_(c, n, duration ? "a duration such as 500ms" : "a percentage such as 15%", ""))
        return;
    const char *wrong =
        duration ? gokore_policy_duration_(n->text, n->len, &ns) : gokore_policy_percent_(n->text, n->len, &percent);
    if (wrong)
        gokore_policy_say_(c, duration ? "GOKORE-E-DURATION" : "GOKORE-E-PERCENT", n->at, "'%s' %s",
                           gokore_doc_show_(n->text, n->len).text, wrong);
    else if (duration)
        memcpy(base + f->offset, &ns, sizeof ns);
    else
        memcpy(base + f->offset, &percent, sizeof percent);
}

static void gokore_policy_read_bool_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                     char *base) {
    gokore_doc_type_ type = gokore_doc_type_of_(n);
    bool value = type == GOKORE_DOC_IS_TRUE_;
    if (value || type == GOKORE_DOC_IS_FALSE_)
        memcpy(base + f->offset, &value, sizeof value);
    else
        (void)gokore_policy_expected_(c, n, "true or false", "");
}

static void gokore_policy_read_strings_(gokore_policy_checker_ *c, const gokore_doc_node_ *n) {
    if (n->kind != GOKORE_DOC_MAP_) {
        (void)gokore_policy_expected_(c, n, "a map of texts", "");
        return;
    }
    for (const gokore_doc_node_ *child = n->first; child && !gokore_policy_is_full_(c); child = child->next) {
        size_t before = gokore_policy_down_(c, child->key, child->key_len, 0);
        gokore_doc_type_ type = gokore_doc_type_of_(child);
        if (child->kind > GOKORE_DOC_STRING_ || type != GOKORE_DOC_IS_TEXT_)
            (void)gokore_policy_expected_(c, child, "a text",
                                          child->kind == GOKORE_DOC_PLAIN_ && child->len ? ": quote it" : "");
        gokore_policy_up_(c, before);
    }
}

// >>reading: lists and objects
static void gokore_policy_read_object_(gokore_policy_checker_ *c, const gokore_policy_shape_ *shape,
                                       const gokore_doc_node_ *n, char *base);

static void gokore_policy_set_list_(const gokore_policy_field_ *f, char *base, const void *items, size_t count) {
    memcpy(base + f->offset, &items, sizeof items);
    memcpy(base + f->other, &count, sizeof count);
}

static void gokore_policy_read_item_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                     char *item, unsigned char *seen) {
    int value;
    if (f->type == GOKORE_POLICY_OBJECTS_) {
        gokore_policy_read_object_(c, f->shape, n, item);
    } else if (f->type == GOKORE_POLICY_NAMES_) {
        const char *name = gokore_policy_read_name_(c, n, false);
        memcpy(item, &name, sizeof name);
    } else if (gokore_policy_read_int_(c, f, n, &value)) {
        if (seen[value / 8] & 1u << value % 8)
            gokore_policy_say_(c, "GOKORE-E-DUPLICATE", n->at, "%d is there already", value);
        seen[value / 8] = (unsigned char)(seen[value / 8] | 1u << value % 8);
        memcpy(item, &value, sizeof value);
    }
}

static size_t gokore_policy_item_size_(const gokore_policy_field_ *f) {
    return f->type == GOKORE_POLICY_OBJECTS_ ? f->shape->size
           : f->type == GOKORE_POLICY_NAMES_ ? sizeof(char *)
                                             : sizeof(int);
}

static void gokore_policy_read_list_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                     char *base) {
    unsigned char seen[(GOKORE_POLICY_NODE_MAX_ + 8) / 8] = { 0 };
    size_t size = gokore_policy_item_size_(f), i = 0;
    if (n->kind != GOKORE_DOC_LIST_) {
        (void)gokore_policy_expected_(c, n, "a list", "");
        return;
    }
    if (n->count == 0) {
        if (f->type == GOKORE_POLICY_NAMES_)
            gokore_policy_say_(c, "GOKORE-E-RANGE", n->at, "an empty list: at least one name is needed");
        gokore_policy_set_list_(f, base, NULL, 0);
        return;
    }
    char *items = (char *)gokore_doc_alloc_zeroed_(c->kept, n->count, size);
    if (!items) return;
    for (const gokore_doc_node_ *child = n->first; child && !gokore_policy_is_full_(c); child = child->next, i++) {
        size_t before = gokore_policy_down_(c, NULL, 0, i);
        gokore_policy_read_item_(c, f, child, items + i * size, seen);
        gokore_policy_up_(c, before);
    }
    gokore_policy_set_list_(f, base, items, n->count);
}

static void gokore_policy_read_field_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const gokore_doc_node_ *n,
                                      char *base) {
    int value;
    bool yes = true;
    const char *text;
    switch (f->type) {
    case GOKORE_POLICY_CONST_: gokore_policy_read_const_(c, f, n); break;
    case GOKORE_POLICY_TEXT_:
    case GOKORE_POLICY_NAME_:
        text = gokore_policy_read_name_(c, n, f->type == GOKORE_POLICY_TEXT_);
        if (text) memcpy(base + f->offset, &text, sizeof text);
        break;
    case GOKORE_POLICY_INT_:
        if (!gokore_policy_read_int_(c, f, n, &value)) break;
        memcpy(base + f->offset, &value, sizeof value);
        if (f->flags & GOKORE_POLICY_FLAGGED_) memcpy(base + f->other, &yes, sizeof yes);
        break;
    case GOKORE_POLICY_BOOL_: gokore_policy_read_bool_(c, f, n, base); break;
    case GOKORE_POLICY_DURATION_:
    case GOKORE_POLICY_PERCENT_: gokore_policy_read_notation_(c, f, n, base); break;
    case GOKORE_POLICY_QOS_: gokore_policy_read_choice_(c, f, n, base); break;
    case GOKORE_POLICY_FALLBACK_: gokore_policy_read_fallback_(c, f, n, base); break;
    case GOKORE_POLICY_OBJECT_: gokore_policy_read_object_(c, f->shape, n, base + f->offset); break;
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: gokore_policy_read_list_(c, f, n, base); break;
    case GOKORE_POLICY_STRINGS_: gokore_policy_read_strings_(c, n); break;
    }
}

static void gokore_policy_read_key_(gokore_policy_checker_ *c, const gokore_policy_shape_ *shape, const gokore_doc_node_ *n,
                                    char *base, unsigned *seen) {
    size_t i = 0;
    while (i < shape->count && !gokore_doc_is_(n->key, n->key_len, shape->fields[i].name)) i++;
    bool spec = i < shape->count && (shape->fields[i].flags & GOKORE_POLICY_SPEC_) && n->kind == GOKORE_DOC_MAP_;
    size_t before = spec ? c->path_len : gokore_policy_down_(c, n->key, n->key_len, 0);
    if (i == shape->count) {
        gokore_policy_say_(c, "GOKORE-E-UNKNOWN", n->key_at, "unknown field%s",
                           gokore_policy_hint_field_(shape, n->key, n->key_len).text);
    } else if (gokore_doc_type_of_(n) != GOKORE_DOC_IS_NULL_) { // null is absence
        *seen |= 1u << i;
        gokore_policy_read_field_(c, &shape->fields[i], n, base);
    }
    gokore_policy_up_(c, before);
}

static void gokore_policy_read_object_(gokore_policy_checker_ *c, const gokore_policy_shape_ *shape,
                                       const gokore_doc_node_ *n, char *base) {
    unsigned seen = 0;
    if (n->kind != GOKORE_DOC_MAP_) {
        const char *colon = n->kind == GOKORE_DOC_PLAIN_ && n->len ? (const char *)memchr(n->text, ':', n->len) : NULL;
        (void)gokore_policy_expected_(c, n, "a map", colon ? ": a blank is missing after ':'" : "");
        return;
    }
    for (const gokore_doc_node_ *child = n->first; child && !gokore_policy_is_full_(c); child = child->next)
        gokore_policy_read_key_(c, shape, child, base, &seen);
    for (size_t i = 0; i < shape->count; i++) {
        if (!(shape->fields[i].flags & GOKORE_POLICY_REQUIRED_) || (seen & 1u << i)) continue;
        size_t before = gokore_policy_down_(c, shape->fields[i].name, strlen(shape->fields[i].name), 0);
        gokore_policy_say_(c, "GOKORE-E-MISSING", n->key_at, "a required field is missing");
        gokore_policy_up_(c, before);
    }
}

// >>checks: limits of the classes
static void gokore_policy_check_class_(gokore_policy_checker_ *c, const gokore_lock_policy *p,
                                       const gokore_doc_node_ *spec) {
    gokore_lock_policy most = gokore_lock_policy_default(p->qos);
    gokore_qos numa = p->numa.qos_override ? p->numa.qos_override : most.qos;
    char text[96];
    if (most.max_hold_ns && p->max_hold_ns > most.max_hold_ns) {
        (void)snprintf(text, sizeof text, "%s holds no lock longer than %d ms", gokore_qos_name(most.qos),
                       (int)(most.max_hold_ns / GOKORE_POLICY_MS_));
        gokore_policy_blame_(c, spec, "maxHoldTime", NULL, "GOKORE-E-CLASS", text);
    }
    if (numa == GOKORE_QOS_GUARANTEED && !p->numa.required)
        gokore_policy_blame_(c, spec, "numaAffinity", "required", "GOKORE-E-CLASS", "Guaranteed needs required: true");
    if (numa == GOKORE_QOS_BEST_EFFORT && p->numa.required)
        gokore_policy_blame_(c, spec, "numaAffinity", "required", "GOKORE-E-CLASS", "BestEffort can't require a node");
    if (p->retry.attempts > most.retry.attempts) {
        (void)snprintf(text, sizeof text, "%s retries %u times at most", gokore_qos_name(most.qos), most.retry.attempts);
        gokore_policy_blame_(c, spec, "retryPolicy", "attempts", "GOKORE-E-CLASS", text);
    }
    if (p->retry.steal_attempts > most.retry.steal_attempts) {
        (void)snprintf(text, sizeof text, "%s retries to steal %u times at most", gokore_qos_name(most.qos),
                       most.retry.steal_attempts);
        gokore_policy_blame_(c, spec, "retryPolicy", "stealRetries", "GOKORE-E-CLASS", text);
    }
    if (p->retry.max_wait_ns > most.retry.max_wait_ns) {
        (void)snprintf(text, sizeof text, "%s waits %d ms at most", gokore_qos_name(most.qos),
                       (int)(most.retry.max_wait_ns / GOKORE_POLICY_MS_));
        gokore_policy_blame_(c, spec, "retryPolicy", "maxWaitTime", "GOKORE-E-CLASS", text);
    }
}

// >>checks: names that are there twice
typedef struct gokore_policy_ref_ {
    const char *name;
    uint32_t index, id;
} gokore_policy_ref_;

static int gokore_policy_compare_refs_(const void *left, const void *right) {
    const gokore_policy_ref_ *a = (const gokore_policy_ref_ *)left, *b = (const gokore_policy_ref_ *)right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

// Says which items of a list have the name of an earlier one. items: structs of a size with the name at an offset.
static void gokore_policy_check_unique_(gokore_policy_checker_ *c, const gokore_doc_node_ *spec, const char *field,
                                        const char *items, size_t size, size_t offset, size_t count) {
    gokore_policy_ref_ *refs = count > 1 ? (gokore_policy_ref_ *)gokore_doc_alloc_(c->work, count * sizeof *refs) : NULL;
    if (!refs) return;
    for (size_t i = 0; i < count; i++)
        refs[i] =
            (gokore_policy_ref_) { (const char *)gokore_policy_get_pointer_(items + i * size, offset), (uint32_t)i, 0 };
    qsort(refs, count, sizeof *refs, gokore_policy_compare_refs_);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(refs[i - 1].name, refs[i].name) != 0) continue;
        const gokore_doc_node_ *list = gokore_doc_get_(spec, field), *item = list ? list->first : NULL;
        for (uint32_t k = 0; item && k < refs[i].index; k++) item = item->next;
        const gokore_doc_node_ *name = gokore_doc_get_(item, "name");
        size_t before = gokore_policy_down_(c, field, strlen(field), 0);
        (void)gokore_policy_down_(c, NULL, 0, refs[i].index);
        (void)gokore_policy_down_(c, "name", 4, 0);
        gokore_policy_say_(c, "GOKORE-E-DUPLICATE", name ? name->at : GOKORE_DOC_NOWHERE_, "'%s' is there already",
                           gokore_doc_show_(refs[i].name, strlen(refs[i].name)).text);
        gokore_policy_up_(c, before);
        if (gokore_policy_is_full_(c)) return;
    }
}

// What one policy must be beyond its fields. spec may be NULL.
static void gokore_policy_check_meaning_(gokore_policy_checker_ *c, const gokore_policy *p, const gokore_doc_node_ *spec) {
    if (p->kind == GOKORE_POLICY_LOCK) {
        gokore_policy_check_class_(c, p->lock, spec);
        gokore_policy_check_unique_(c, spec, "hierarchyRules", (const char *)p->lock->rules, sizeof(gokore_hierarchy_rule),
                                    offsetof(gokore_hierarchy_rule, name), p->lock->rule_count);
    } else if (p->kind == GOKORE_POLICY_CONCURRENCY) {
        gokore_policy_check_unique_(c, spec, "qosClassMapping", (const char *)p->concurrency->classes,
                                    sizeof(gokore_class_mapping), offsetof(gokore_class_mapping, name),
                                    p->concurrency->class_count);
    }
}

// >>checks: orders that together form a cycle
typedef struct gokore_policy_chain_ { // one rule
    const char *policy, *name;
    const gokore_doc_node_ *order; // its list of classes in the text, or NULL
    uint32_t first, count;         // its part of refs
    size_t at;
} gokore_policy_chain_;

typedef struct gokore_policy_graph_ {
    gokore_policy_checker_ *c;
    gokore_policy_chain_ *chains;
    uint32_t chain_count, ref_count, class_count;
    const char **names; // of classes
    uint32_t *ids;      // of each ref its class; each ref but a chain's last is an edge to the next ref
    uint32_t *chain_of; // of each ref
    uint32_t *start;    // of each class its first edge in edges; one more at the end
    uint32_t *edges;    // refs
    uint32_t *mark, *queue, *via; // room for searches, class_count each
} gokore_policy_graph_;

static uint32_t *gokore_policy_numbers_(gokore_policy_graph_ *g, size_t count) {
    return (uint32_t *)gokore_doc_alloc_zeroed_(g->c->work, count + 1, sizeof(uint32_t));
}

static bool gokore_policy_graph_classes_(gokore_policy_graph_ *g, gokore_policy_ref_ *refs) { // numbers them, by name
    g->names = (const char **)gokore_doc_alloc_(g->c->work, (g->ref_count + (size_t)1) * sizeof *g->names);
    g->ids = gokore_policy_numbers_(g, g->ref_count);
    if (!g->names || !g->ids) return false;
    qsort(refs, g->ref_count, sizeof *refs, gokore_policy_compare_refs_);
    for (uint32_t i = 0; i < g->ref_count; i++) {
        if (i == 0 || strcmp(refs[i - 1].name, refs[i].name) != 0) g->names[g->class_count++] = refs[i].name;
        g->ids[refs[i].index] = g->class_count - 1;
    }
    return true;
}

static bool gokore_policy_graph_edges_(gokore_policy_graph_ *g) {
    g->start = gokore_policy_numbers_(g, g->class_count);
    g->edges = gokore_policy_numbers_(g, g->ref_count);
    g->chain_of = gokore_policy_numbers_(g, g->ref_count);
    g->mark = gokore_policy_numbers_(g, g->class_count);
    g->queue = gokore_policy_numbers_(g, g->class_count);
    g->via = gokore_policy_numbers_(g, g->class_count);
    if (!g->start || !g->edges || !g->chain_of || !g->mark || !g->queue || !g->via) return false;
    for (uint32_t k = 0; k < g->chain_count; k++)
        for (uint32_t i = 0; i < g->chains[k].count; i++) g->chain_of[g->chains[k].first + i] = k;
    for (uint32_t i = 0; i + 1 < g->ref_count; i++)
        if (g->chain_of[i] == g->chain_of[i + 1]) g->start[g->ids[i] + 1]++;
    for (uint32_t v = 0; v < g->class_count; v++) g->start[v + 1] += g->start[v];
    for (uint32_t v = 0; v < g->class_count; v++) g->mark[v] = g->start[v];
    for (uint32_t i = 0; i + 1 < g->ref_count; i++)
        if (g->chain_of[i] == g->chain_of[i + 1]) g->edges[g->mark[g->ids[i]]++] = i;
    return true;
}

static bool gokore_policy_graph_fill_(gokore_policy_graph_ *g, const gokore_policy *policies,
                                      const gokore_doc_node_ *const *specs, size_t count) {
    size_t chains = 0, refs = 0;
    for (size_t i = 0; i < count; i++) {
        const gokore_lock_policy *p = policies[i].lock;
        for (size_t k = 0; p && k < p->rule_count; k++) refs += p->rules[k].order_count;
        chains += p ? p->rule_count : 0;
    }
    g->chains = (gokore_policy_chain_ *)gokore_doc_alloc_zeroed_(g->c->work, chains + 1, sizeof *g->chains);
    gokore_policy_ref_ *all = (gokore_policy_ref_ *)gokore_doc_alloc_zeroed_(g->c->work, refs + 1, sizeof *all);
    if (!g->chains || !all) return false;
    for (size_t i = 0; i < count; i++) {
        const gokore_lock_policy *p = policies[i].lock;
        const gokore_doc_node_ *list = specs ? gokore_doc_get_(specs[i], "hierarchyRules") : NULL,
                               *item = list ? list->first : NULL;
        for (size_t k = 0; p && k < p->rule_count; k++, item = item ? item->next : NULL) {
            const gokore_doc_node_ *order = gokore_doc_get_(item, "order");
            gokore_policy_chain_ *chain = &g->chains[g->chain_count++];
            *chain = (gokore_policy_chain_) {
                p->name, p->rules[k].name, order, g->ref_count, (uint32_t)p->rules[k].order_count, GOKORE_DOC_NOWHERE_
            };
            if (item) chain->at = item->at;
            for (size_t r = 0; r < p->rules[k].order_count; r++, g->ref_count++)
                all[g->ref_count] = (gokore_policy_ref_) { p->rules[k].order[r], g->ref_count, 0 };
        }
    }
    return gokore_policy_graph_classes_(g, all) && gokore_policy_graph_edges_(g);
}

// Can the first chains be obeyed together? A. B. Kahn's sorting: a class leaves when nothing is before it.
static bool gokore_policy_graph_is_sound_(gokore_policy_graph_ *g, uint32_t chains) {
    uint32_t refs = chains < g->chain_count ? g->chains[chains].first : g->ref_count, head = 0, tail = 0;
    memset(g->mark, 0, g->class_count * sizeof *g->mark);
    for (uint32_t i = 0; i + 1 < refs; i++)
        if (g->chain_of[i] == g->chain_of[i + 1]) g->mark[g->ids[i + 1]]++;
    for (uint32_t v = 0; v < g->class_count; v++)
        if (g->mark[v] == 0) g->queue[tail++] = v;
    while (head < tail) {
        uint32_t v = g->queue[head++];
        for (uint32_t e = g->start[v]; e < g->start[v + 1]; e++) {
            uint32_t to = g->ids[g->edges[e] + 1];
            if (g->edges[e] < refs && --g->mark[to] == 0) g->queue[tail++] = to;
        }
    }
    return tail == g->class_count;
}

// From the class of ref j of the last of the chains, by earlier chains, to a class that this chain has before j: that ref's
// place, or UINT32_MAX. pos: of each class of this chain its place + 1. mark: classes seen, none of which leads there.
static uint32_t gokore_policy_graph_back_(gokore_policy_graph_ *g, const gokore_policy_chain_ *chain, uint32_t j,
                                          const uint32_t *pos) {
    uint32_t head = 0, tail = 0, from = g->ids[chain->first + j];
    g->mark[from] = 1; // not seen before: a search that came here would have ended here
    g->queue[tail++] = from;
    while (head < tail) {
        uint32_t v = g->queue[head++];
        for (uint32_t e = g->start[v]; e < g->start[v + 1] && g->edges[e] < chain->first;
             e++) { // edges lie in the order of chains
            uint32_t to = g->ids[g->edges[e] + 1];
            if (g->mark[to]) continue;
            g->mark[to] = 1;
            g->via[to] = g->edges[e];
            if (pos[to] && pos[to] - 1 < j) return pos[to] - 1;
            g->queue[tail++] = to;
        }
    }
    return UINT32_MAX;
}

static void gokore_policy_graph_name_(gokore_policy_graph_ *g, const gokore_policy_chain_ *chain, char *out, size_t cap) {
    unsigned line = 0, column = 0;
    char place[24] = "";
    if (chain->at != GOKORE_DOC_NOWHERE_) gokore_doc_place_(g->c->sink, chain->at, &line, &column);
    if (line) (void)snprintf(place, sizeof place, " (line %u)", line);
    (void)snprintf(out, cap, "rule '%s' of '%s'%s", gokore_doc_show_(chain->name, strlen(chain->name)).text,
                   gokore_doc_show_(chain->policy, strlen(chain->policy)).text, place);
}

// The rules by which the last search came from one class to another, last step first: "rule 'a' of 'p' (line 3)".
static void gokore_policy_graph_path_(gokore_policy_graph_ *g, uint32_t from, uint32_t to, char *out, size_t cap) {
    uint32_t told = UINT32_MAX, count = 0;
    for (size_t len = 0; to != from && len < cap; to = g->ids[g->via[to]]) {
        uint32_t k = g->chain_of[g->via[to]];
        if (k == told) continue;
        told = k;
        char name[192];
        gokore_policy_graph_name_(g, &g->chains[k], name, sizeof name);
        int n = snprintf(out + len, cap - len, "%s%s", count ? " and " : "", count < 3 ? name : "others");
        len += n > 0 ? (size_t)n : 0;
        if (count++ == 3) return;
    }
}

// The chains before this one are sound, with it they are not: says why.
static void gokore_policy_graph_explain_(gokore_policy_graph_ *g, uint32_t k) {
    const gokore_policy_chain_ *chain = &g->chains[k];
    uint32_t *pos = gokore_policy_numbers_(g, g->class_count), i = UINT32_MAX, j = chain->count;
    if (!pos) return;
    for (uint32_t r = 0; r < chain->count; r++) pos[g->ids[chain->first + r]] = r + 1;
    memset(g->mark, 0, g->class_count * sizeof *g->mark);
    while (i == UINT32_MAX && j-- > 0) i = gokore_policy_graph_back_(g, chain, j, pos);
    if (i == UINT32_MAX) return; // not so
    uint32_t early = g->ids[chain->first + i], late = g->ids[chain->first + j];
    char others[200] = "", name[192];
    gokore_policy_graph_path_(g, late, early, others, sizeof others);
    gokore_policy_chain_ here = *chain;
    here.at = GOKORE_DOC_NOWHERE_; // the finding's own place says it
    gokore_policy_graph_name_(g, &here, name, sizeof name);
    gokore_doc_shown_ a = gokore_doc_show_(g->names[early], strlen(g->names[early])),
                      b = gokore_doc_show_(g->names[late], strlen(g->names[late]));
    const gokore_doc_node_ *item = chain->order ? chain->order->first : NULL;
    for (uint32_t r = 0; item && r < j; r++) item = item->next;
    size_t before = gokore_policy_down_(g->c, "hierarchyRules", 14, 0);
    gokore_policy_say_(g->c, "GOKORE-E-ORDER", item ? item->at : GOKORE_DOC_NOWHERE_,
                       "%s takes %s before %s, but %s before %s follows from %s", name, a.text, b.text, b.text, a.text,
                       others);
    gokore_policy_up_(g->c, before);
}

static bool gokore_policy_graph_twice_(gokore_policy_graph_ *g) { // a class twice in one rule
    bool found = false;
    memset(g->mark, 0, g->class_count * sizeof *g->mark);
    for (uint32_t i = 0; i < g->ref_count && !gokore_policy_is_full_(g->c); i++) {
        const gokore_policy_chain_ *chain = &g->chains[g->chain_of[i]];
        if (g->mark[g->ids[i]] == g->chain_of[i] + 1) {
            const gokore_doc_node_ *item = chain->order ? chain->order->first : NULL;
            for (uint32_t r = chain->first; item && r < i; r++) item = item->next;
            size_t before = gokore_policy_down_(g->c, "hierarchyRules", 14, 0);
            gokore_policy_say_(g->c, "GOKORE-E-ORDER", item ? item->at : GOKORE_DOC_NOWHERE_, "rule '%s' names %s twice",
                               gokore_doc_show_(chain->name, strlen(chain->name)).text,
                               gokore_doc_show_(g->names[g->ids[i]], strlen(g->names[g->ids[i]])).text);
            gokore_policy_up_(g->c, before);
            found = true;
        }
        g->mark[g->ids[i]] = g->chain_of[i] + 1;
    }
    return found;
}

// Can all rules of the policies be obeyed together?
static void gokore_policy_check_orders_(gokore_policy_checker_ *c, const gokore_policy *policies,
                                        const gokore_doc_node_ *const *specs, size_t count) {
    gokore_policy_graph_ g = { .c = c };
    if (!gokore_policy_graph_fill_(&g, policies, specs, count)) return;
    if (gokore_policy_graph_twice_(&g) || gokore_policy_graph_is_sound_(&g, g.chain_count)) return;
    uint32_t sound = 0, unsound = g.chain_count; // how many first chains are and are not
    while (unsound - sound > 1) {
        uint32_t middle = sound + (unsound - sound) / 2;
        if (gokore_policy_graph_is_sound_(&g, middle))
            sound = middle;
        else
            unsound = middle;
    }
    gokore_policy_graph_explain_(&g, sound);
}

// >>checks: policies that a program has made
static void gokore_policy_check_shape_(gokore_policy_checker_ *c, const gokore_policy_shape_ *shape, const char *base);

static void gokore_policy_check_text_(gokore_policy_checker_ *c, const char *name, bool text) {
    const char *wrong = name ? gokore_policy_name_(name, strlen(name), text) : "is empty";
    if (wrong)
        gokore_policy_say_(c, "GOKORE-E-NAME", GOKORE_DOC_NOWHERE_, "'%s' %s",
                           gokore_doc_show_(name ? name : "", name ? strlen(name) : 0).text, wrong);
}

static void gokore_policy_check_number_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, int value) {
    if (value < f->least || value > f->most)
        gokore_policy_say_(c, "GOKORE-E-RANGE", GOKORE_DOC_NOWHERE_, "%d is out of range: %d to %d", value, f->least,
                           f->most);
}

static void gokore_policy_check_list_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const char *base) {
    unsigned char seen[(GOKORE_POLICY_NODE_MAX_ + 8) / 8] = { 0 };
    const char *items = (const char *)gokore_policy_get_pointer_(base, f->offset);
    size_t count = gokore_policy_get_size_(base, f->other), size = gokore_policy_item_size_(f);
    if (count < (size_t)(f->type == GOKORE_POLICY_NAMES_) || (count && !items)) {
        gokore_policy_say_(c, "GOKORE-E-RANGE", GOKORE_DOC_NOWHERE_,
                           count ? "no list behind its length" : "an empty list: at least one name is needed");
        return;
    }
    for (size_t i = 0; i < count && !gokore_policy_is_full_(c); i++) {
        size_t before = gokore_policy_down_(c, NULL, 0, i);
        int value = f->type == GOKORE_POLICY_INTS_ ? gokore_policy_get_int_(items, i * size) : 0;
        if (f->type == GOKORE_POLICY_OBJECTS_) {
            gokore_policy_check_shape_(c, f->shape, items + i * size);
        } else if (f->type == GOKORE_POLICY_NAMES_) {
            gokore_policy_check_text_(c, (const char *)gokore_policy_get_pointer_(items, i * size), false);
        } else if (value < f->least || value > f->most) {
            gokore_policy_check_number_(c, f, value);
        } else {
            if (seen[value / 8] & 1u << value % 8)
                gokore_policy_say_(c, "GOKORE-E-DUPLICATE", GOKORE_DOC_NOWHERE_, "%d is there already", value);
            seen[value / 8] = (unsigned char)(seen[value / 8] | 1u << value % 8);
        }
        gokore_policy_up_(c, before);
    }
}

static void gokore_policy_check_field_(gokore_policy_checker_ *c, const gokore_policy_field_ *f, const char *base) {
    const char *const *words;
    unsigned first, choice;
    switch (f->type) {
    case GOKORE_POLICY_TEXT_:
    case GOKORE_POLICY_NAME_:
        gokore_policy_check_text_(c, (const char *)gokore_policy_get_pointer_(base, f->offset),
                                  f->type == GOKORE_POLICY_TEXT_);
        break;
    case GOKORE_POLICY_INT_: gokore_policy_check_number_(c, f, gokore_policy_get_int_(base, f->offset)); break;
    case GOKORE_POLICY_DURATION_:
        if (gokore_policy_get_duration_(base, f->offset) <= 0)
            gokore_policy_say_(c, "GOKORE-E-DURATION", GOKORE_DOC_NOWHERE_, "a duration must be longer than nothing");
        break;
    case GOKORE_POLICY_PERCENT_:
        if (gokore_policy_get_int_(base, f->offset) < 0 || gokore_policy_get_int_(base, f->offset) > 100)
            gokore_policy_say_(c, "GOKORE-E-PERCENT", GOKORE_DOC_NOWHERE_, "%u is more than 100%%",
                               (unsigned)gokore_policy_get_int_(base, f->offset));
        break;
    case GOKORE_POLICY_QOS_:
    case GOKORE_POLICY_FALLBACK_:
        choice = gokore_policy_get_choice_(f, base);
        if (choice >= gokore_policy_words_(f->type, &words, &first) + first)
            gokore_policy_say_(c, "GOKORE-E-VALUE", GOKORE_DOC_NOWHERE_, "%u is no value of its kind", choice);
        break;
    case GOKORE_POLICY_OBJECT_: gokore_policy_check_shape_(c, f->shape, base + f->offset); break;
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: gokore_policy_check_list_(c, f, base); break;
    default: break;
    }
}

// Members that are not set are absent: refused only where the table wants them, but a zero may be meant, as a class or a list.
static void gokore_policy_check_shape_(gokore_policy_checker_ *c, const gokore_policy_shape_ *shape, const char *base) {
    for (size_t i = 0; i < shape->count && !gokore_policy_is_full_(c); i++) {
        const gokore_policy_field_ *f = &shape->fields[i];
        bool wanted =
            (f->flags & GOKORE_POLICY_REQUIRED_) && f->type != GOKORE_POLICY_QOS_ && f->type != GOKORE_POLICY_OBJECTS_;
        bool sparse = (f->flags & GOKORE_POLICY_SPARSE_) || f->type != GOKORE_POLICY_OBJECT_;
        if ((f->flags & GOKORE_POLICY_OUTER_) || (!wanted && sparse && gokore_policy_is_unset_(f, base))) continue;
        size_t before = f->flags & GOKORE_POLICY_SPEC_ ? c->path_len : gokore_policy_down_(c, f->name, strlen(f->name), 0);
        gokore_policy_check_field_(c, f, base);
        gokore_policy_up_(c, before);
    }
}

static const char *gokore_policy_body_(const gokore_policy *p) { // the struct of its kind, NULL if there is none
    if (!p || (p->kind != GOKORE_POLICY_LOCK && p->kind != GOKORE_POLICY_CONCURRENCY)) return NULL;
    return p->kind == GOKORE_POLICY_LOCK ? (const char *)p->lock : (const char *)p->concurrency;
}

gokore_status gokore_policy_validate(const gokore_policy *policy, gokore_diagnostics *diagnostics) {
    const char *body = gokore_policy_body_(policy);
    if (!body) return GOKORE_INVALID;
    gokore_doc_sink_ sink = { diagnostics, "", "", 0, 0 };
    gokore_doc_arena_ work = { { NULL, NULL, NULL }, NULL, false };
    gokore_policy_checker_ c = { .sink = &sink, .work = &work };
    gokore_policy only = { policy->kind, NULL, NULL };
    if (policy->kind == GOKORE_POLICY_LOCK) only.lock = policy->lock;
    gokore_policy_check_shape_(&c, &gokore_policy_kinds_[policy->kind], body);
    if (sink.errors == 0) gokore_policy_check_meaning_(&c, policy, NULL);
    if (sink.errors == 0) gokore_policy_check_orders_(&c, &only, NULL, 1);
    bool failed = work.failed;
    gokore_doc_free_(&work);
    if (failed) return GOKORE_NO_MEMORY;
    return sink.errors ? GOKORE_PARSE : GOKORE_OK;
}

// >>sets
struct gokore_policy_set {
    gokore_doc_arena_ arena; // everything in it, and it itself
    gokore_policy *policies;
    size_t count;
    gokore_policy_set *kept; // the next in the list of those that were in force
    uint32_t owners;         // the caller, and the policy in force; under the latch
    bool applied;
};
static struct {
    gokore_latch_ latch;
    gokore_policy_set *kept; // every set that was in force, for its readers and for leak checkers
} gokore_policy_force_;
static gokore_atomic_ptr gokore_policy_now_; // gokore_policy_set *

// A set is made by us, and never const in itself.
static gokore_policy_set *gokore_policy_set_own_(const gokore_policy_set *set) {
    gokore_policy_set *own;
    memcpy(&own, &set, sizeof own);
    return own;
}

void gokore_policy_set_destroy(gokore_policy_set *set) {
    if (!set) return;
    gokore_latch_lock_(&gokore_policy_force_.latch);
    bool last = --set->owners == 0;
    gokore_latch_unlock_(&gokore_policy_force_.latch);
    if (!last) return;
    gokore_doc_arena_ arena = set->arena;
    gokore_doc_free_(&arena);
}

gokore_status gokore_policy_apply(const gokore_policy_set *set) {
    gokore_policy_set *own = gokore_policy_set_own_(set);
    gokore_latch_lock_(&gokore_policy_force_.latch);
    if (own && !own->applied) {
        own->applied = true;
        own->owners++;
        own->kept = gokore_policy_force_.kept;
        gokore_policy_force_.kept = own;
    }
    gokore_atomic_store_release(&gokore_policy_now_, own); // pairs with the acquire in gokore_policy_current
    gokore_latch_unlock_(&gokore_policy_force_.latch);
    return GOKORE_OK;
}

const gokore_policy_set *gokore_policy_current(void) {
    return (const gokore_policy_set *)gokore_atomic_load_acquire(
        &gokore_policy_now_); // pairs with the release in gokore_policy_apply
}

size_t gokore_policy_set_count(const gokore_policy_set *set) { return set ? set->count : 0; }

const gokore_policy *gokore_policy_set_at(const gokore_policy_set *set, size_t index) {
    return set && index < set->count ? &set->policies[index] : NULL;
}

const gokore_lock_policy *gokore_policy_set_lock_policy(const gokore_policy_set *set, const char *name) {
    const char *slash = name ? strchr(name, '/') : NULL;
    for (size_t i = 0; set && i < set->count; i++) {
        const gokore_lock_policy *p = set->policies[i].lock;
        if (!p) continue;
        if (slash && !gokore_doc_is_(name, (size_t)(slash - name), p->namespace_name)) continue;
        if (!name || strcmp(slash ? slash + 1 : name, p->name) == 0) return p;
    }
    return NULL;
}

// >>loading
// The kind of a document, from its field; NONE: said.
static gokore_policy_kind gokore_policy_read_kind_(gokore_policy_checker_ *c, const gokore_doc_node_ *doc) {
    const char *words[2] = { gokore_policy_lock_fields_[1].text, gokore_policy_concurrency_fields_[1].text };
    if (doc->kind != GOKORE_DOC_MAP_) {
        (void)gokore_policy_expected_(c, doc, "a map of apiVersion, kind, metadata and spec", "");
        return GOKORE_POLICY_NONE;
    }
    const gokore_doc_node_ *n = gokore_doc_get_(doc, "kind");
    size_t before = gokore_policy_down_(c, "kind", 4, 0);
    gokore_policy_kind kind = GOKORE_POLICY_NONE;
    if (!n)
        gokore_policy_say_(c, "GOKORE-E-MISSING", doc->at, "a required field is missing");
    else if (!gokore_policy_is_text_(c, n, "a text", "")) {
    } else if (gokore_doc_is_(n->text, n->len, words[0]))
        kind = GOKORE_POLICY_LOCK;
    else if (gokore_doc_is_(n->text, n->len, words[1]))
        kind = GOKORE_POLICY_CONCURRENCY;
    else
        gokore_policy_say_(c, "GOKORE-E-KIND", n->at, "'%s' is neither %s nor %s%s", gokore_doc_show_(n->text, n->len).text,
                           words[0], words[1], gokore_policy_hint_word_(words, 2, n->text, n->len).text);
    gokore_policy_up_(c, before);
    return kind;
}

// The class of a document before it is read, for its defaults; what is wrong with it is said when it is read.
static gokore_qos gokore_policy_peek_class_(const gokore_doc_node_ *spec) {
    const gokore_doc_node_ *n = gokore_doc_get_(spec, "qosClass");
    for (int i = GOKORE_QOS_GUARANTEED; n && i <= GOKORE_QOS_BEST_EFFORT; i++)
        if (gokore_doc_is_(n->text, n->len, gokore_policy_qos_names_[i])) return (gokore_qos)i;
    return GOKORE_QOS_BURSTABLE;
}

static bool gokore_policy_load_lock_(gokore_policy_checker_ *c, const gokore_doc_node_ *doc, gokore_policy *out) {
    gokore_lock_policy *p = (gokore_lock_policy *)gokore_doc_alloc_(c->kept, sizeof *p);
    const gokore_doc_node_ *spec = gokore_doc_get_(doc, "spec"), *retry = gokore_doc_get_(spec, "retryPolicy");
    if (!p) return false;
    *p = gokore_lock_policy_default(gokore_policy_peek_class_(spec));
    int64_t most = p->retry.max_wait_ns;
    p->numa.required = false; // must be said: Guaranteed without it is refused
    out->lock = p;
    gokore_policy_read_object_(c, &gokore_policy_kinds_[out->kind], doc, (char *)p);
    bool timeout = gokore_doc_get_(spec, "defaultTimeout") != NULL, wait = gokore_doc_get_(retry, "maxWaitTime") != NULL;
    if (!timeout) p->default_timeout_ns = p->retry.max_wait_ns;
    if (!wait && timeout && p->default_timeout_ns < most) p->retry.max_wait_ns = p->default_timeout_ns;
    return !c->kept->failed;
}

static bool gokore_policy_load_concurrency_(gokore_policy_checker_ *c, const gokore_doc_node_ *doc, gokore_policy *out) {
    gokore_concurrency_policy *p = (gokore_concurrency_policy *)gokore_doc_alloc_(c->kept, sizeof *p);
    if (!p) return false;
    *p = (gokore_concurrency_policy) { .name = "", .namespace_name = "", .cross_access_percent = 100 };
    out->concurrency = p;
    gokore_policy_read_object_(c, &gokore_policy_kinds_[out->kind], doc, (char *)p);
    gokore_class_mapping *classes;
    memcpy(&classes, &p->classes, sizeof classes); // ours: made by the call above
    for (size_t i = 0; i < p->class_count; i++) {
        if (classes[i].qos != GOKORE_QOS_DEFAULT) continue;
        classes[i].qos = classes[i].priority == 0   ? GOKORE_QOS_GUARANTEED
                         : classes[i].priority == 1 ? GOKORE_QOS_BURSTABLE
                                                    : GOKORE_QOS_BEST_EFFORT;
    }
    return !c->kept->failed;
}

static bool gokore_policy_load_document_(gokore_policy_checker_ *c, const gokore_doc_node_ *doc, gokore_policy *out) {
    unsigned before = c->sink->errors;
    out->kind = gokore_policy_read_kind_(c, doc);
    if (out->kind == GOKORE_POLICY_NONE) return true;
    bool done = out->kind == GOKORE_POLICY_LOCK ? gokore_policy_load_lock_(c, doc, out)
                                                : gokore_policy_load_concurrency_(c, doc, out);
    if (done && c->sink->errors == before) gokore_policy_check_meaning_(c, out, gokore_doc_get_(doc, "spec"));
    return done && !c->work->failed;
}

static void gokore_policy_check_names_(gokore_policy_checker_ *c, const gokore_policy_set *set,
                                       const gokore_doc_node_ *const *docs) {
    for (size_t i = 1; i < set->count; i++) {
        for (size_t k = 0; k < i && !gokore_policy_is_full_(c); k++) {
            const char *a = gokore_policy_body_(&set->policies[k]), *b = gokore_policy_body_(&set->policies[i]);
            size_t name = offsetof(gokore_lock_policy, name),
                   space = offsetof(gokore_lock_policy, namespace_name); // of both kinds
            if (set->policies[i].kind != set->policies[k].kind) continue;
            if (strcmp((const char *)gokore_policy_get_pointer_(a, name),
                       (const char *)gokore_policy_get_pointer_(b, name)) != 0)
                continue;
            if (strcmp((const char *)gokore_policy_get_pointer_(a, space),
                       (const char *)gokore_policy_get_pointer_(b, space)) != 0)
                continue;
            unsigned line, column;
            gokore_doc_place_(c->sink, docs[k]->at, &line, &column);
            char text[64];
            (void)snprintf(text, sizeof text, "a policy of this name is there already, in line %u", line);
            gokore_policy_blame_(c, docs[i], "metadata", "name", "GOKORE-E-DUPLICATE", text);
            break;
        }
    }
}

// Reads the documents into the set. False: no memory.
static bool gokore_policy_load_documents_(gokore_policy_checker_ *c, const gokore_doc_node_ *list, gokore_policy_set *set) {
    const gokore_doc_node_ **docs =
        (const gokore_doc_node_ **)gokore_doc_alloc_zeroed_(c->work, (size_t)2 * list->count + 1, sizeof *docs);
    const gokore_doc_node_ **specs = docs + list->count;
    set->policies = (gokore_policy *)gokore_doc_alloc_zeroed_(c->kept, list->count, sizeof *set->policies);
    if (!docs || !set->policies) return false;
    for (const gokore_doc_node_ *doc = list->first; doc && !gokore_policy_is_full_(c); doc = doc->next) {
        if (gokore_doc_type_of_(doc) == GOKORE_DOC_IS_NULL_) continue; // nothing between two markers
        docs[set->count] = doc;
        specs[set->count] = gokore_doc_get_(doc, "spec");
        if (!gokore_policy_load_document_(c, doc, &set->policies[set->count++])) return false;
    }
    if (set->count == 0) gokore_policy_say_(c, "GOKORE-E-EMPTY", c->sink->len, "no document in the text");
    if (c->sink->errors == 0) gokore_policy_check_names_(c, set, docs);
    if (c->sink->errors == 0) gokore_policy_check_orders_(c, set->policies, specs, set->count);
    return !c->work->failed && !c->kept->failed;
}

gokore_status gokore_policy_read_(gokore_policy_set **out, const char *text, size_t len, const char *name,
                                  const gokore_allocator *allocator, gokore_diagnostics *diagnostics) {
    gokore_doc_sink_ sink = { diagnostics, name ? name : "", text ? text : "", len, 0 };
    gokore_doc_arena_ work = { { NULL, NULL, NULL }, NULL, false }, kept = work;
    if (allocator) work.allocator = kept.allocator = *allocator;
    gokore_policy_checker_ c = { .sink = &sink, .kept = &kept, .work = &work, .json = gokore_doc_is_json_(name) };
    gokore_policy_set *set = NULL;
    *out = NULL;
    const gokore_doc_node_ *docs = gokore_doc_read_(&sink, &work);
    if (docs) set = (gokore_policy_set *)gokore_doc_alloc_zeroed_(&kept, 1, sizeof *set);
    bool done = set && gokore_policy_load_documents_(&c, docs, set);
    bool failed = work.failed || kept.failed;
    gokore_doc_free_(&work);
    if (!done || sink.errors) {
        gokore_doc_free_(&kept);
        return failed ? GOKORE_NO_MEMORY : GOKORE_PARSE;
    }
    set->owners = 1;
    set->arena = kept;
    *out = set;
    return GOKORE_OK;
}

gokore_status gokore_policy_load(gokore_policy_set **out, const char *text, size_t len, const char *name,
                                 gokore_diagnostics *diagnostics) {
    if (!out) return GOKORE_INVALID;
    *out = NULL;
    if (!text && len) return GOKORE_INVALID;
    return gokore_policy_read_(out, text, len, name, NULL, diagnostics);
}

static gokore_status gokore_policy_io_error_(const char *path, int number, gokore_diagnostics *diagnostics) {
    gokore_doc_sink_ sink = { diagnostics, path, "", 0, 0 };
    gokore_policy_checker_ c = { .sink = &sink };
    gokore_policy_say_(&c, "GOKORE-E-IO", GOKORE_DOC_NOWHERE_, "%s", strerror(number));
    if (number == ENOENT || number == ENOTDIR) return GOKORE_NOT_FOUND;
    if (number == ENOMEM) return GOKORE_NO_MEMORY;
    return number == EACCES || number == EPERM ? GOKORE_DENIED : GOKORE_SYSTEM;
}

gokore_status gokore_policy_load_file(gokore_policy_set **out, const char *path, gokore_diagnostics *diagnostics) {
    if (!out) return GOKORE_INVALID;
    *out = NULL;
    if (!path) return GOKORE_INVALID;
    size_t cap = GOKORE_DOC_TEXT_MAX_ + 1; // one more shows that it is too long
    FILE *file = fopen(path, GOKORE_READ_MODE_);
    if (!file) return gokore_policy_io_error_(path, errno, diagnostics);
    char *text = (char *)gokore_alloc_(NULL, cap, 16);
    errno = 0;
    size_t len = text ? fread(text, 1, cap, file) : 0;
    int error = !text ? ENOMEM : ferror(file) ? (errno ? errno : EIO) : 0;
    (void)fclose(file);
    gokore_status status =
        error ? gokore_policy_io_error_(path, error, diagnostics) : gokore_policy_load(out, text, len, path, diagnostics);
    gokore_free_(NULL, text, cap);
    return status;
}

// >>writing
typedef struct gokore_policy_out_ {
    gokore_doc_out_ out;
    bool yaml, first; // first: nothing stands before in this map, list, or line
    unsigned depth;
} gokore_policy_out_;

static void gokore_policy_line_(gokore_policy_out_ *o) { // YAML: a new line, indented, unless one has just begun
    if (!o->first) gokore_doc_puts_(&o->out, "\n");
    for (unsigned i = 0; i < o->depth && !o->first; i++) gokore_doc_puts_(&o->out, "  ");
    o->first = false;
}

static void gokore_policy_comma_(gokore_policy_out_ *o) {
    if (!o->first) gokore_doc_puts_(&o->out, ",");
    o->first = false;
}

static void gokore_policy_open_(gokore_policy_out_ *o, const char *bracket) {
    o->depth++;
    if (o->yaml) return;
    gokore_doc_puts_(&o->out, bracket);
    o->first = true;
}

static void gokore_policy_close_(gokore_policy_out_ *o, const char *bracket) {
    o->depth--;
    if (!o->yaml) gokore_doc_puts_(&o->out, bracket);
    o->first = false;
}

static void gokore_policy_key_(gokore_policy_out_ *o, const char *name) {
    if (o->yaml)
        gokore_policy_line_(o);
    else
        gokore_policy_comma_(o);
    gokore_doc_puts_(&o->out, o->yaml ? "" : "\"");
    gokore_doc_puts_(&o->out, name);
    gokore_doc_puts_(&o->out, o->yaml ? ":" : "\":");
}

// A value after its key or dash. text: it is one, and is quoted where a reader might take it for something else.
static void gokore_policy_value_(gokore_policy_out_ *o, const char *value, bool text) {
    if (o->yaml) gokore_doc_puts_(&o->out, " ");
    bool plain = (value[0] >= 'a' && value[0] <= 'z') || (value[0] >= 'A' && value[0] <= 'Z');
    for (const char *p = value; *p && plain; p++)
        plain = gokore_doc_is_digit_(*p) || (gokore_doc_lower_(*p) >= 'a' && gokore_doc_lower_(*p) <= 'z') ||
                strchr("_.-/", *p) != NULL;
    plain = plain && gokore_doc_type_of_text_(value, strlen(value)) == GOKORE_DOC_IS_TEXT_;
    if (text && !(o->yaml && plain))
        gokore_doc_write_string_(&o->out, value, strlen(value));
    else
        gokore_doc_puts_(&o->out, value);
}

static void gokore_policy_write_duration_(gokore_policy_out_ *o, int64_t ns) {
    char text[32];
    size_t i = 0;
    while (ns % gokore_policy_units_[i].ns != 0) i++; // the last is 1
    (void)snprintf(text, sizeof text, "%lld%s", (long long)(ns / gokore_policy_units_[i].ns), gokore_policy_units_[i].name);
    if (o->yaml)
        gokore_policy_value_(o, text, false);
    else
        gokore_policy_value_(o, text, true);
}

static void gokore_policy_write_int_(gokore_policy_out_ *o, int value) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", value);
    gokore_policy_value_(o, text, false);
}

static void gokore_policy_write_shape_(gokore_policy_out_ *o, const gokore_policy_shape_ *shape, const char *base);

static void gokore_policy_write_item_(gokore_policy_out_ *o, const gokore_policy_field_ *f, const char *item) {
    if (f->type == GOKORE_POLICY_INTS_) {
        gokore_policy_write_int_(o, gokore_policy_get_int_(item, 0));
    } else if (f->type == GOKORE_POLICY_NAMES_) {
        const char *name = (const char *)gokore_policy_get_pointer_(item, 0);
        gokore_policy_value_(o, name ? name : "", true);
    } else {
        gokore_policy_open_(o, "{");
        if (o->yaml) gokore_doc_puts_(&o->out, " ");
        o->first = true;
        gokore_policy_write_shape_(o, f->shape, item);
        gokore_policy_close_(o, "}");
    }
}

static void gokore_policy_write_list_(gokore_policy_out_ *o, const gokore_policy_field_ *f, const char *base) {
    const char *items = (const char *)gokore_policy_get_pointer_(base, f->offset);
    size_t count = items ? gokore_policy_get_size_(base, f->other) : 0, size = gokore_policy_item_size_(f);
    if (o->yaml && count == 0) {
        gokore_doc_puts_(&o->out, " []");
        return;
    }
    gokore_policy_open_(o, "[");
    for (size_t i = 0; i < count; i++) {
        if (o->yaml) {
            gokore_policy_line_(o);
            gokore_doc_puts_(&o->out, "-");
        } else {
            gokore_policy_comma_(o);
        }
        gokore_policy_write_item_(o, f, items + i * size);
    }
    gokore_policy_close_(o, "]");
}

static void gokore_policy_write_choice_(gokore_policy_out_ *o, const gokore_policy_field_ *f, const char *base) {
    const char *const *words;
    unsigned first, choice = gokore_policy_get_choice_(f, base);
    size_t count = gokore_policy_words_(f->type, &words, &first);
    if (f->type == GOKORE_POLICY_QOS_ && choice == GOKORE_QOS_DEFAULT) choice = GOKORE_QOS;
    gokore_policy_value_(o, choice - first < count ? words[choice - first] : "?", true);
}

static void gokore_policy_write_field_(gokore_policy_out_ *o, const gokore_policy_field_ *f, const char *base) {
    const char *text;
    char percent[16];
    gokore_policy_key_(o, f->name);
    switch (f->type) {
    case GOKORE_POLICY_CONST_: gokore_policy_value_(o, f->text, true); break;
    case GOKORE_POLICY_TEXT_:
    case GOKORE_POLICY_NAME_:
        text = (const char *)gokore_policy_get_pointer_(base, f->offset);
        gokore_policy_value_(o, text ? text : "", true);
        break;
    case GOKORE_POLICY_INT_: gokore_policy_write_int_(o, gokore_policy_get_int_(base, f->offset)); break;
    case GOKORE_POLICY_BOOL_:
        gokore_policy_value_(o, gokore_policy_get_bool_(base, f->offset) ? "true" : "false", false);
        break;
    case GOKORE_POLICY_DURATION_: gokore_policy_write_duration_(o, gokore_policy_get_duration_(base, f->offset)); break;
    case GOKORE_POLICY_PERCENT_:
        (void)snprintf(percent, sizeof percent, "%u%%", (unsigned)gokore_policy_get_int_(base, f->offset));
        gokore_policy_value_(o, percent, !o->yaml);
        break;
    case GOKORE_POLICY_QOS_:
    case GOKORE_POLICY_FALLBACK_: gokore_policy_write_choice_(o, f, base); break;
    case GOKORE_POLICY_OBJECT_:
        gokore_policy_open_(o, "{");
        gokore_policy_write_shape_(o, f->shape, base + f->offset);
        gokore_policy_close_(o, "}");
        break;
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: gokore_policy_write_list_(o, f, base); break;
    case GOKORE_POLICY_STRINGS_: break;
    }
}

static void gokore_policy_write_shape_(gokore_policy_out_ *o, const gokore_policy_shape_ *shape, const char *base) {
    for (size_t i = 0; i < shape->count; i++) {
        const gokore_policy_field_ *f = &shape->fields[i];
        bool always = (f->flags & GOKORE_POLICY_REQUIRED_) || f->type == GOKORE_POLICY_OBJECT_ ||
                      (f->type == GOKORE_POLICY_INT_ && !(f->flags & GOKORE_POLICY_FLAGGED_));
        if (f->flags & GOKORE_POLICY_OUTER_) continue;
        if ((!always || (f->flags & GOKORE_POLICY_SPARSE_)) && gokore_policy_is_unset_(f, base)) continue;
        gokore_policy_write_field_(o, f, base);
    }
}

static gokore_status gokore_policy_write_(const gokore_policy *policy, gokore_writer writer, bool yaml) {
    const char *body = gokore_policy_body_(policy);
    if (!body) return GOKORE_INVALID;
    gokore_policy_out_ o = { .out = { .writer = writer }, .yaml = yaml, .first = true };
    if (!yaml) gokore_doc_puts_(&o.out, "{");
    gokore_policy_write_shape_(&o, &gokore_policy_kinds_[policy->kind], body);
    gokore_doc_puts_(&o.out, yaml ? "\n" : "}\n");
    gokore_doc_flush_(&o.out);
    return o.out.status;
}

gokore_status gokore_policy_write_json(const gokore_policy *policy, gokore_writer writer) {
    return gokore_policy_write_(policy, writer, false);
}
gokore_status gokore_policy_write_yaml(const gokore_policy *policy, gokore_writer writer) {
    return gokore_policy_write_(policy, writer, true);
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
