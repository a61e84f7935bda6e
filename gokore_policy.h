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
// OPTIONS  GOKORE_QOS        [impl]  GOKORE_QOS_BURSTABLE   the class that GOKORE_QOS_DEFAULT stands for
//          GOKORE_QOS_TABLE  [impl]  the table below        an X macro; where a class is known, its row is constants
//          GOKORE_METRICS    [impl]  0                      1: the metrics registry records; 0: it answers UNSUPPORTED
//          GOKORE_POLICY     [impl]  0                      1: locks and pools enforce the limits that are told here
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
//   metadata                        required map
//     name                          required name: of the policy
//     namespace                     name: of Kubernetes
//     labels                        map of texts: checked, not kept
//     annotations                   map of texts: checked, not kept
//   spec                            required map: What locks may do, in which order and for how long.
//     qosClass                      required Guaranteed, Burstable or BestEffort: the service class, as Kubernetes has it
//     containerID                   text: the container this policy is meant for; absent = every one
//     fallbackStrategy              Steal, Wait or AnyNode: what numaAffinity.fallbackStrategy is where that is absent
//     numaAffinity                  map: where memory and threads belong
//       required                    true or false: Guaranteed must say true, BestEffort must not
//       preferredNodes              list of numbers 0..1023: best first
//       allowedDistance             number 0..254: 0 same node, 1..9 steps, 10..254 the firmware's distance; absent = no
//                                   limit
//       fallbackStrategy            Steal, Wait or AnyNode: where tasks run when the home node is busy; absent = Steal
//       qosOverride                 Guaranteed, Burstable or BestEffort: counts instead of qosClass in NUMA decisions
//     maxHoldTime                   duration: that a lock may be held, not over the class's; absent = the class's
//     defaultTimeout                duration: of a wait that names none; absent = retryPolicy.maxWaitTime
//     retryPolicy                   map: what a lock that is busy does; absent = the class's
//       attempts                    required number 1..5: retries after the first try, not over the class's
//       backoffBase                 required duration: of the first delay, which then doubles
//       jitterPercent               required number 0..100: a delay is shortened by up to this share of it
//       stealRetries                number 0..16: not over the class's; absent = the class's
//       maxWaitTime                 duration: all tries together, not over the class's; absent = the shorter of the class's
//                                   and defaultTimeout
//     hierarchyRules                required list of: the order of lock classes
//       name                        required text: of the rule, for messages
//       order                       required list of names: lock classes, first taken first
//     exemptions                    list of: from that order
//       lockClass                   required name: may be taken, against the rules,
//       from                        required name: while this class is held
//       to                          required name: and this one is not yet
//     pairLimits                    list of: of two classes held together
//       a                           required name: a lock class
//       b                           required name: another
//       maxHoldTime                 required duration: that locks of both may be held together
//   apiVersion: orchestration.gokore.io/v1beta1
//   kind: ConcurrencyPolicy
//   metadata                        map
//     name                          required name: of the policy
//     namespace                     name: of Kubernetes
//     labels                        map of texts: checked, not kept
//     annotations                   map of texts: checked, not kept
//   spec                            required map: How work is shared between nodes and classes.
//     numa                          map: work that crosses nodes
//       allowedCrossAccess          "0%".."100%": share of steals that may cross nodes; absent = 100%
//       stealThreshold              number 0..2147483647: shortest queue, in tasks, that is stolen from across nodes; absent
//                                   = 0
//     qosClassMapping               list of: classes of work
//       priority                    required number 0..1000000: 0 is the most urgent
//       name                        required name: of the class
//       qosClass                    Guaranteed, Burstable or BestEffort: absent = by priority: 0 Guaranteed, 1 Burstable,
//                                   else BestEffort
//       numaExclusive               true or false: its workers have their node's CPUs for themselves
//   Durations are text: a whole number without leading zero and one of ns, us, ms, s, m ("500ms"). Names of policies
//   and lock classes are 1 to 253 of A-Z a-z 0-9 _ . - in any order. No list has more than 1024 items.
//   Refused across documents: two policies of one kind, name and namespace; orders that together form a cycle.
//
// JSON     A name that ends in .json is read as JSON (RFC 8259), all else as YAML. Lone surrogates are refused. A key may be
//          there twice: gokore_document_to_json writes both, and most readers take the last; a manifest with one is refused.
//
// YAML     The part of it on which readers agree:
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

// >>options
// What a class gives and allows: X(class, hold ms, wait ms, retries, steal retries, first delay ms, node required, fallback);
// times of 0 are no limit. All three, in this order.
#ifndef GOKORE_QOS_TABLE
#define GOKORE_QOS_TABLE(X)                                                                                                    \
    X(GUARANTEED, 0, 500, 3, 5, 15, true, STEAL)                                                                               \
    X(BURSTABLE, 100, 200, 2, 3, 30, false, STEAL)                                                                             \
    X(BEST_EFFORT, 50, 100, 1, 1, 50, false, ANY_NODE)
#endif

// >>classes
// "Guaranteed", "Burstable", "BestEffort"; "Default" for GOKORE_QOS_DEFAULT, "?" for a number that is none.
GOKORE_API const char *gokore_qos_name(gokore_qos qos);
// The class of one of the three names, spelt exactly so. GOKORE_NOT_FOUND: *out is GOKORE_QOS_DEFAULT.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_qos_parse(const char *name, gokore_qos *out);
// The class that counts now: what an adjustment asked for, else that of the first LockPolicy in force, else GOKORE_QOS. Never
// GOKORE_QOS_DEFAULT. Any thread, never blocks.
GOKORE_API gokore_qos gokore_qos_current(void);

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

typedef struct gokore_context gokore_context; // of gokore_sync.h
typedef gokore_status gokore_retry_fn(void *user);
typedef struct gokore_retry_result {
    unsigned attempts; // how often fn was called
    int64_t waited_ns; // time slept between the calls
} gokore_retry_result;
// Calls fn, and again after each delay as long as it answers GOKORE_BUSY, retries are left and max_wait_ns is not over. A
// delay that would end later is cut, and one last call follows. Returns fn's first other answer, GOKORE_TIMEOUT when all is
// used up, or the context's status at once (without a call if it was over before). ctx and result may be NULL. Any thread;
// blocks in fn and in the delays only.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_retry_run(const gokore_retry_policy *policy, gokore_retry_fn *fn, void *user,
                                                           gokore_context *ctx, gokore_retry_result *result);

// >>slots: a counted resource, such as the jobs a device takes at once
// Zeroed: none. Never copy or move one that is in use.
typedef struct gokore_slots {
    gokore_latch_ latch_;
    uint32_t total_, used_;
    uint32_t reserved_;
    struct gokore_slots_waiter_ *first_, *last_;
} gokore_slots;
GOKORE_API void gokore_slots_init(gokore_slots *slots, uint32_t total);
// Takes n slots, all or none, first come first served. GOKORE_LIMIT: there are not so many at all; else blocks until it has
// them (acquire) or the context is over (its status; nothing is taken).
GOKORE_API GOKORE_NODISCARD gokore_status gokore_slots_acquire(gokore_slots *slots, uint32_t n, gokore_context *ctx);
// The same at once, or GOKORE_BUSY; never goes before one who waits.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_slots_try_acquire(gokore_slots *slots, uint32_t n);
// Gives n back (release). More than are taken is a REFCOUNT report, and all are free. Any thread.
GOKORE_API void gokore_slots_release(gokore_slots *slots, uint32_t n);
// Any thread, any time. Fewer than are taken: those stay taken, and none is free until enough came back. Who waits for more
// than there are now gets GOKORE_LIMIT.
GOKORE_API void gokore_slots_set_total(gokore_slots *slots, uint32_t total);
GOKORE_API uint32_t gokore_slots_total(gokore_slots *slots);
GOKORE_API uint32_t gokore_slots_available(gokore_slots *slots); // a hint where others take some

// >>rate limiter: a token bucket, for bandwidth or calls per second
// Zeroed: no limit. Never copy or move one that is in use.
typedef struct gokore_rate_limiter {
    gokore_latch_ latch_;
    uint32_t reserved_;
    uint64_t rate_, burst_, part_; // tokens a second, most tokens kept, billionths of a token
    int64_t level_, at_ns_;        // tokens at that time; below 0: promised to those who wait
} gokore_rate_limiter;
// per_second tokens come in evenly, up to burst are kept; it starts full. per_second 0 = no limit, at most 10^10 is used.
GOKORE_API void gokore_rate_limiter_init(gokore_rate_limiter *limiter, uint64_t per_second, uint64_t burst);
// Takes n tokens, first come first served. GOKORE_LIMIT: more than the burst. GOKORE_TIMEOUT at once if the context's
// deadline comes before the tokens. Otherwise blocks until they are there, or the context is over: its status, and the
// tokens are given back.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_rate_limiter_acquire(gokore_rate_limiter *limiter, uint64_t n,
                                                                      gokore_context *ctx);
// The same at once, or GOKORE_BUSY.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_rate_limiter_try_acquire(gokore_rate_limiter *limiter, uint64_t n);
// Any thread, any time; who waits already waits as long as the old rate said.
GOKORE_API void gokore_rate_limiter_set_rate(gokore_rate_limiter *limiter, uint64_t per_second, uint64_t burst);

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
// The same from a file, or (not on Windows) from all *.yaml, *.yml and *.json of a directory in the order of their names,
// together one set: a ConfigMap's mount is read at one version of its ..data. GOKORE_NOT_FOUND, GOKORE_DENIED or GOKORE_SYSTEM
// (also for a directory without such files) where it can't be read, with a diagnostic.
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
// that were in force are kept for their readers until the process ends. Any thread; reads the container's files where a policy
// names a containerID. Where gokore_lockorder.h is compiled in, the set's lock rules count from then on, and GOKORE_ORDER or
// GOKORE_NO_MEMORY of gokore_lockorder_load mean that nothing has changed; GOKORE_OK otherwise.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_apply(const gokore_policy_set *set);
// The set in force, NULL = none; stays readable for good. Any thread, never blocks.
GOKORE_API const gokore_policy_set *gokore_policy_current(void);

// >>metrics: numbers for a monitoring system. With GOKORE_METRICS 0 nothing is recorded and these answer GOKORE_UNSUPPORTED.
typedef enum gokore_metric_type { GOKORE_METRIC_COUNTER, GOKORE_METRIC_GAUGE, GOKORE_METRIC_HISTOGRAM } gokore_metric_type;
typedef struct gokore_metric_desc {
    const char *name; // letters, digits, '_'; a counter's ends in _total, no other's does
    const char *help; // default NULL: none
    gokore_metric_type type;
    const char *const *labels; // name, value, name, value, ...
    size_t label_count;        // pairs
    const double *buckets;     // upper bounds of a histogram, ascending; default NULL: those of lock waits, in seconds
    size_t bucket_count;       // at most 64
} gokore_metric_desc;
typedef struct gokore_metric gokore_metric; // one series

// Makes a series, which lasts as long as the process; the desc's texts are copied. GOKORE_INVALID: a bad name or label, a name
// of another type or other buckets, a series that is there already, _total at a gauge or missing at a counter. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_metric_register(gokore_metric **out, const gokore_metric_desc *desc);
// Adds to a counter or a gauge. These three take no lock, do not allocate, may be called by any thread, also on NULL, and
// do nothing to a metric of another type.
GOKORE_API void gokore_metric_add(gokore_metric *metric, uint64_t n);
GOKORE_API void gokore_metric_set(gokore_metric *metric, double value);     // a gauge
GOKORE_API void gokore_metric_observe(gokore_metric *metric, double value); // a histogram; NaN is left out
// Every series in the text formats of Prometheus (text/plain; version=0.0.4) and of OpenMetrics
// (application/openmetrics-text; version=1.0.0). The writer may use the library. Any thread.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_metrics_write_prometheus(gokore_writer writer);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_metrics_write_openmetrics(gokore_writer writer);

// What locks, pools, channels and atomics tell about themselves. Each member may be NULL; called by any thread, while locks
// may be held: it must not block, nor take a lock of ours. Names live for the call only; "" = the object has none.
typedef struct gokore_instrumenter {
    void (*lock_wait)(void *user, const char *lock, gokore_qos qos, gokore_status result,
                      int64_t waited_ns);                             // the end of an acquisition
    void (*lock_held)(void *user, const char *lock, int64_t held_ns); // a release
    void (*lock_retry)(void *user, const char *lock);
    void (*lock_violation)(void *user, gokore_report_id kind);
    void (*deadlock)(void *user);
    void (*task_begin)(void *user, const char *pool);
    void (*task_end)(void *user, const char *pool, int64_t ran_ns);
    void (*task_cancel)(void *user, const char *pool, gokore_status why); // it was not run
    void (*steal)(void *user, const char *pool, bool crossed_nodes);
    void (*pool)(void *user, const char *pool, unsigned workers, size_t queued); // when either changed
    void (*channel)(void *user, const char *channel, bool is_send, gokore_status result, int64_t blocked_ns);
    void (*atomic_ops)(void *user, const char *op, uint64_t count);
    void *user;
} gokore_instrumenter;
// Replaces it for the process; it is copied. NULL = the default, which records in the registry (with GOKORE_METRICS 0: has no
// members). GOKORE_NO_MEMORY changes nothing. A call of the old one may still be running when this returns.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_instrumenter_set(const gokore_instrumenter *instrumenter);
// Never NULL; readable for good. Any thread, never blocks.
GOKORE_API const gokore_instrumenter *gokore_instrumenter_get(void);

// The LockPolicy that rules this process: the first in force whose containerID is absent or this container's; NULL = none.
// Any thread, never blocks.
GOKORE_API const gokore_lock_policy *gokore_lock_policy_current(void);

// Called after each change that was seen, with what loading it answered: GOKORE_OK and the set, which is in force and lives
// for the call; or a failure, and NULL. diagnostics live for the call too.
typedef void gokore_policy_watch_fn(gokore_status status, const gokore_policy_set *set, const gokore_diagnostics *diagnostics,
                                    void *user);
// Loads and applies path (as gokore_policy_load_file takes it) before it returns, and again whenever what it says has changed:
// a thread of its own does that, which reads it every interval_ns (0 = a second), and calls fn. What can't be used is reported
// (POLICY), fn is told, and what is in force stays; that is no failure of this call: GOKORE_OK. GOKORE_BUSY: there is a watch
// already; GOKORE_INVALID; GOKORE_NO_MEMORY.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_policy_watch_start(const char *path, int64_t interval_ns,
                                                                    gokore_policy_watch_fn *fn, void *user);
// Returns when fn is not running any more, unless fn itself calls it. What is in force stays. Twice is harmless.
GOKORE_API void gokore_policy_watch_stop(void);

// >>limits: the smallest of what several say, and who says it
typedef struct gokore_limit {
    int64_t value;    // 0 = none
    char source[128]; // "class Burstable", "policy ai-packet-priority", "pair A+B of ai-packet-priority", "adjustment",
} gokore_limit;       // "resources of Burstable", "container GOKORE_MAX_LOCKS"; "" = none
// How long a lock may be held, in ns: class, policy, and the pair limits of two lock classes held together (NULL = of none).
// policy NULL = the one that rules, or else the class's table. Any thread, never blocks.
GOKORE_API gokore_limit gokore_limit_hold_ns(const gokore_lock_policy *policy, const char *lock_class, const char *other);
// How long a lock may be waited for, all tries together, in ns.
GOKORE_API gokore_limit gokore_limit_wait_ns(const gokore_lock_policy *policy);
// Locks the process may hold at once, threads it may compute with, bytes it may use: resources of the class, adjustment,
// container. These three may read files.
GOKORE_API gokore_limit gokore_limit_locks(void);
GOKORE_API gokore_limit gokore_limit_workers(void);
GOKORE_API gokore_limit gokore_limit_memory_bytes(void);

// What each class of containers is given; nothing before the first call. Copied, but for what it points to, which must
// outlive the process's use of it. NULL = nothing again.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_qos_policy_set(const gokore_qos_policy *policy);
GOKORE_API gokore_qos_policy gokore_qos_policy_get(void);

// >>adjustments: what an operator changes in a running process
enum {
    GOKORE_ADJUST_CPU_SHARES = 1, // each says that the member below counts
    GOKORE_ADJUST_MEMORY = 2,
    GOKORE_ADJUST_GPU_SLOTS = 4,
    GOKORE_ADJUST_LOCK_LIMIT = 8,
    GOKORE_ADJUST_PRIORITY = 16,
    GOKORE_ADJUST_MIN_QOS = 32,
    GOKORE_ADJUST_WORKERS = 64,
    GOKORE_ADJUST_QOS = 128,
    GOKORE_ADJUST_NUMA = 256
};
typedef struct gokore_resource_adjustment {
    uint32_t fields;
    uint32_t cpu_shares;     // a request: no process raises its own; only targets can pass it on
    uint64_t memory_bytes;   // the limit that gokore_limit_memory_bytes tells
    uint32_t gpu_slots;      // the total of the slots that are targets
    uint32_t lock_limit;     // locks the process may hold at once, 0 = no limit
    const char *priority;    // a name of the ConcurrencyPolicy in force, or of a class: that class counts from now on
    gokore_qos min_qos;      // nothing is done if the class is weaker than this
    uint32_t workers;        // of every pool, 0 = what the container grants
    gokore_qos qos;          // this class counts from now on; GOKORE_QOS_DEFAULT = as before the first adjustment
    gokore_numa_policy numa; // of every pool; its first preferred node is where memory that is a target moves to
} gokore_resource_adjustment;

// Something alive that obeys adjustments. In the caller's memory from add to remove.
typedef struct gokore_resource_target {
    uint32_t fields; // what it obeys
    gokore_status (*apply)(struct gokore_resource_target *target,
                           const gokore_resource_adjustment *adjustment); // must not adjust, add, remove
    void *object;
    size_t size;
    struct gokore_resource_target *next_;
} gokore_resource_target;
GOKORE_API void gokore_resource_target_add(gokore_resource_target *target);
// Blocks while an adjustment is being applied. Unknown ones are left alone.
GOKORE_API void gokore_resource_target_remove(gokore_resource_target *target);
// Ready targets: the total of slots follows gpu_slots; memory moves to the preferred node.
GOKORE_API gokore_resource_target gokore_resource_target_slots(gokore_slots *slots);
GOKORE_API gokore_resource_target gokore_resource_target_memory(void *addr, size_t len);
// Applies an adjustment to all targets and limits. *applied (may be NULL): the fields that somebody obeyed. GOKORE_DENIED: the
// class is weaker than min_qos; GOKORE_NOT_FOUND: no such priority; GOKORE_INVALID; with these nothing is done. Otherwise the
// first status of a target that is not OK, or GOKORE_UNSUPPORTED if nobody obeys a field. Any thread; blocks as targets do.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_resources_adjust(const gokore_resource_adjustment *adjustment,
                                                                  uint32_t *applied);

// >>violations and their remedy
typedef struct gokore_qos_violation {
    const char *kind; // "hold", "remote-hold"; a label of gokore_qos_violations_total
    void *resource;   // the memory it is about, NULL = none
    size_t resource_size;
    gokore_qos qos;
    int64_t value, limit;
} gokore_qos_violation;
// Tells the provider. The default counts it and, with auto_remediate, moves the resource to the preferred node: the status of
// that, else GOKORE_OK. Any thread; may block as moving memory does.
GOKORE_API gokore_status gokore_qos_violation_report(const gokore_qos_violation *violation);
GOKORE_API void gokore_remediation_set(bool auto_remediate, int preferred_node); // default false

// >>provider: where policies come from and findings go to
typedef struct gokore_container gokore_container; // of gokore_topology.h
typedef struct gokore_deadlock gokore_deadlock;   // of gokore_lockorder.h, as the next two
typedef struct gokore_resolution gokore_resolution;
typedef struct gokore_lock_verdict gokore_lock_verdict;
typedef struct gokore_cluster_coordinator gokore_cluster_coordinator; // of gokore_pool.h

typedef struct gokore_topology_hints {
    int numa_node;                // where the calling thread runs, -1 = not known
    int preferred_nodes[64];      // nearest first
    size_t preferred_node_count;  // may exceed 64
    char zone[64], node_name[64]; // from GOKORE_ZONE and NODE_NAME, "" = not given
    gokore_numa_policy policy;
    const gokore_lock_policy *lock_policy; // NULL = none in force
} gokore_topology_hints;

// Each member may be NULL: then the built-in answer is used. Called by any thread.
typedef struct gokore_provider {
    gokore_retry_policy (*retry_policy)(void *user);
    gokore_numa_policy (*numa_policy)(void *user);
    gokore_lock_policy (*lock_policy)(void *user);
    gokore_qos (*qos)(void *user);
    gokore_qos_policy (*qos_policy)(void *user);
    gokore_status (*topology_hints)(void *user, gokore_topology_hints *out);
    gokore_status (*container)(void *user, gokore_container *out);
    int (*numa_distance)(void *user, int from, int to); // as gokore_topology_distance
    gokore_status (*migrate)(void *user, void *addr, size_t len, int node);
    void (*report_error)(void *user, const gokore_report *report);
    void (*report_deadlock)(void *user, const gokore_deadlock *deadlock);
    gokore_status (*resolve_deadlock)(void *user, const gokore_deadlock *deadlock, gokore_resolution *out);
    gokore_status (*report_violation)(void *user, const gokore_qos_violation *violation);
    void (*report_anomaly)(void *user, const char *metric, double value);
    gokore_status (*check_lock_order)(void *user, const char *const *held, size_t n, const char *incoming,
                                      gokore_lock_verdict *out);
    gokore_status (*check_policy)(void *user, const gokore_policy *policy, gokore_diagnostics *diagnostics);
    gokore_status (*apply_lock_policy)(void *user, const gokore_lock_policy *policy);
    gokore_status (*check_memory_model)(void *user);
    gokore_cluster_coordinator *(*coordinator)(void *user);
    const gokore_instrumenter *(*instrumenter)(void *user);
    void *user;
} gokore_provider;
// Replaces it for the process; it is copied. NULL = the built-in one. GOKORE_NO_MEMORY changes nothing.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_provider_set(const gokore_provider *provider);
// Every member set, so that it can just be called with the provider's user. Never NULL; readable for good. Any thread, never
// blocks.
// What the built-in answers need of headers that are not in the build is GOKORE_UNSUPPORTED, NULL or -1.
GOKORE_API const gokore_provider *gokore_provider_get(void);

// >>cluster operator
typedef struct gokore_numa_view {
    int node;                             // where the calling thread runs, -1 = not known
    int allowed_nodes[64], distances[64]; // of the process; from node
    size_t allowed_count;                 // may exceed 64
    int qos_weight[3];                    // by class, strongest first: the lowest priority number mapped to it, -1 = none
} gokore_numa_view;
typedef void gokore_lock_level_fn(void *user, const void *lock, const char *name, int level);

// Each member may be NULL: then the built-in one is used.
typedef struct gokore_cluster_operator {
    gokore_status (*register_lock_policy)(void *user, const gokore_lock_policy *policy); // checked, and in force from now on
    void (*report_deadlock)(void *user, const gokore_deadlock *deadlock);
    gokore_status (*node_affinity)(void *user, gokore_numa_view *out);
    gokore_status (*adjust_resources)(void *user, const gokore_resource_adjustment *adjustment);
    gokore_status (*lock_hierarchy)(void *user, gokore_lock_level_fn *fn, void *fn_user);
    gokore_qos (*qos)(void *user);
    void *user;
} gokore_cluster_operator;
// As for the provider; the built-in one acts on this process.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_cluster_operator_set(const gokore_cluster_operator *cluster_operator);
GOKORE_API const gokore_cluster_operator *gokore_cluster_operator_get(void);
GOKORE_API const gokore_cluster_operator *gokore_cluster_operator_default(void);

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
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#endif

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
typedef struct gokore_qos_row_ {
    int64_t hold_ns, wait_ns, base_ns;
    unsigned attempts, steal_attempts;
    bool required;
    gokore_numa_fallback fallback;
} gokore_qos_row_;
#define GOKORE_QOS_ROW_(name, hold, wait, retries, steals, base, node, other)                                                  \
    { (hold) * GOKORE_POLICY_MS_, (wait) * GOKORE_POLICY_MS_, (base) * GOKORE_POLICY_MS_, (retries), (steals), (node),               \
      GOKORE_NUMA_##other },

static inline gokore_qos gokore_qos_known_(gokore_qos qos) { // one of the three
    return qos < GOKORE_QOS_GUARANTEED || qos > GOKORE_QOS_BEST_EFFORT ? (gokore_qos)GOKORE_QOS : qos;
}

// A row of the table; of a class known at compile time it is constants.
GOKORE_INLINE_ gokore_qos_row_ gokore_qos_row_of_(gokore_qos qos) {
    static const gokore_qos_row_ rows[] = { GOKORE_QOS_TABLE(GOKORE_QOS_ROW_) };
    GOKORE_STATIC_ASSERT_(sizeof rows / sizeof rows[0] == 3, "GOKORE_QOS_TABLE has one row for each class");
    return rows[(size_t)gokore_qos_known_(qos) - 1];
}

gokore_lock_policy gokore_lock_policy_default(gokore_qos qos) {
    gokore_qos_row_ row = gokore_qos_row_of_(qos);
    gokore_lock_policy p = { .name = "", .namespace_name = "", .qos = gokore_qos_known_(qos), .container_id = "" };
    p.max_hold_ns = row.hold_ns;
    p.default_timeout_ns = row.wait_ns;
    p.retry.attempts = row.attempts;
    p.retry.backoff_base_ns = row.base_ns;
    p.retry.max_wait_ns = p.default_timeout_ns;
    p.retry.steal_attempts = row.steal_attempts;
    p.numa.required = row.required;
    p.numa.fallback = row.fallback;
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

// >>lent by the headers above, which include this one
// Each pointer is defined again, with its value, by the implementation that has what it points to; in a build without that
// it is NULL (C11 6.9.2, tentative definitions).
typedef struct gokore_waiter_ gokore_waiter_;
typedef struct gokore_lent_queue_ { // of whoever lets others wait
    void (*begin)(void *user, gokore_waiter_ *waiter);
    void (*end)(void *user, gokore_status status);
} gokore_lent_queue_;
typedef struct gokore_lent_waits_ { // by gokore_sync.h
    gokore_status (*status)(gokore_context *ctx);
    int64_t (*deadline_ns)(const gokore_context *ctx);
    // Calls begin with a waiter, sleeps until that is woken (GOKORE_OK), the context is over, or the deadline
    // (GOKORE_TIMEOUT), and calls end, after which nobody may know the waiter. queue may be NULL.
    gokore_status (*wait)(gokore_context *ctx, int64_t deadline_ns, const gokore_lent_queue_ *queue, void *user);
    void (*wake)(gokore_waiter_ *waiter); // by one who knows that it still waits
} gokore_lent_waits_;
static const gokore_lent_waits_ *gokore_lent_waits_here_;

typedef struct gokore_lent_container_ {
    uint32_t max_locks, workers;
    uint64_t memory_bytes;
    gokore_qos qos;
    int cgroup_version;
    char source[512], memory_source[512];
} gokore_lent_container_;
typedef struct gokore_lent_machine_ { // by gokore_topology.h
    int (*current_node)(void);
    size_t (*allowed_nodes)(int *out, size_t cap);
    size_t (*nearest)(int from, int *out, size_t cap);
    int (*distance)(int from, int to);
    gokore_status (*migrate)(void *addr, size_t len, int node);
    gokore_status (*container)(gokore_container *out);
    gokore_status (*container_facts)(gokore_lent_container_ *out);
} gokore_lent_machine_;
static const gokore_lent_machine_ *gokore_lent_machine_here_;

typedef struct gokore_lent_locks_ { // by gokore_lockorder.h; members may be NULL
    gokore_status (*check_names)(const char *const *held, size_t n, const char *incoming, gokore_lock_verdict *out);
    void (*set_max_locks)(uint32_t max_locks);
    void (*levels)(gokore_lock_level_fn *fn, void *user);
    gokore_status (*resolve)(const gokore_deadlock *deadlock, gokore_resolution *out);
    // Takes a set's rules and limits in place of the last one's, all or nothing, and calls publish before it can take another's.
    gokore_status (*load)(const gokore_policy_set *set, void (*publish)(const gokore_policy_set *set));
} gokore_lent_locks_;
static const gokore_lent_locks_ *gokore_lent_locks_here_;

static gokore_cluster_coordinator *(*gokore_lent_coordinator_)(void); // by gokore_pool.h

static int64_t gokore_policy_after_(int64_t now, int64_t ns) { return ns > INT64_MAX - now ? INT64_MAX : now + ns; }

static gokore_status gokore_policy_context_status_(gokore_context *ctx) {
    return ctx && gokore_lent_waits_here_ ? gokore_lent_waits_here_->status(ctx) : GOKORE_OK;
}

static int64_t gokore_policy_context_deadline_(const gokore_context *ctx) {
    return ctx && gokore_lent_waits_here_ ? gokore_lent_waits_here_->deadline_ns(ctx) : INT64_MAX;
}

// Sleeps until a time: GOKORE_TIMEOUT then, or earlier the context's status.
static gokore_status gokore_policy_sleep_(gokore_context *ctx, int64_t until_ns) {
    if (gokore_lent_waits_here_) return gokore_lent_waits_here_->wait(ctx, until_ns, NULL, NULL);
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    while (gokore_now_ns() < until_ns) (void)GOKORE_SEAM_WAIT_(&word, 0, until_ns);
    return GOKORE_TIMEOUT;
}

// >>retry: running
gokore_status gokore_retry_run(const gokore_retry_policy *policy, gokore_retry_fn *fn, void *user, gokore_context *ctx,
                               gokore_retry_result *result) {
    gokore_retry_result spent = { 0, 0 };
    gokore_status status = gokore_policy_context_status_(ctx);
    int64_t start = gokore_now_ns(), until = gokore_policy_context_deadline_(ctx);
    int64_t longest = policy->max_wait_ns > 0 ? gokore_policy_after_(start, policy->max_wait_ns) : INT64_MAX;
    if (longest < until) until = longest;
    bool last = policy->attempts == 0;
    while (status == GOKORE_OK) {
        status = fn(user);
        spent.attempts++;
        if (status != GOKORE_BUSY) break;
        status = GOKORE_TIMEOUT;
        if (last) break;
        int64_t before = gokore_now_ns(),
                wake = gokore_policy_after_(before, gokore_retry_delay_ns(policy, spent.attempts - 1, NULL));
        bool cut = wake >= until;
        status = gokore_policy_sleep_(ctx, cut ? until : wake);
        spent.waited_ns += gokore_now_ns() - before;
        last = cut || spent.attempts >= policy->attempts;
        if (status == GOKORE_TIMEOUT) status = GOKORE_OK; // the delay is over; a deadline allows its last call
    }
    if (result) *result = spent;
    return status;
}

// >>slots
typedef struct gokore_slots_waiter_ { // in the frame of the call that waits
    struct gokore_slots_waiter_ *next, *prev;
    gokore_slots *slots;
    gokore_waiter_ *waiter;  // NULL where nothing is lent:
    gokore_atomic_u32 woken; // then it sleeps on this
    uint32_t n;
    gokore_status answer; // GOKORE_BUSY while it is queued; under the latch
} gokore_slots_waiter_;

static bool gokore_slots_take_(gokore_slots *s, uint32_t n) { // are they free? Under the latch
    if (s->used_ > s->total_ || n > s->total_ - s->used_) return false;
    s->used_ += n;
    return true;
}

static void gokore_slots_unlink_(gokore_slots *s, gokore_slots_waiter_ *w, gokore_status answer) {
    *(w->prev ? &w->prev->next : &s->first_) = w->next;
    *(w->next ? &w->next->prev : &s->last_) = w->prev;
    w->answer = answer;
}

// Serves those who wait, in their order, as far as it goes. Under the latch, so that none of them is gone.
static void gokore_slots_serve_(gokore_slots *s) {
    for (gokore_slots_waiter_ *w = s->first_, *next; w; w = next) {
        next = w->next;
        bool never = w->n > s->total_;
        if (!never && !gokore_slots_take_(s, w->n)) return;
        gokore_slots_unlink_(s, w, never ? GOKORE_LIMIT : GOKORE_OK);
        if (w->waiter) {
            gokore_lent_waits_here_->wake(w->waiter);
        } else {
            gokore_atomic_store_release(&w->woken, 1); // pairs with the acquire in gokore_slots_park_
            GOKORE_SEAM_WAKE_(&w->woken, 1);
        }
    }
}

static void gokore_slots_enqueue_(void *user, gokore_waiter_ *waiter) {
    gokore_slots_waiter_ *w = (gokore_slots_waiter_ *)user;
    gokore_slots *s = w->slots;
    w->waiter = waiter;
    gokore_latch_lock_(&s->latch_);
    w->answer = GOKORE_BUSY;
    w->prev = s->last_;
    *(s->last_ ? &s->last_->next : &s->first_) = w;
    s->last_ = w;
    gokore_slots_serve_(s); // what came free since the first look
    gokore_latch_unlock_(&s->latch_);
}

// The waiter ends with the call that lent it: whoever still stands here leaves before that.
static void gokore_slots_leave_(void *user, gokore_status status) {
    gokore_slots_waiter_ *w = (gokore_slots_waiter_ *)user;
    gokore_slots *s = w->slots;
    gokore_latch_lock_(&s->latch_);
    if (w->answer == GOKORE_BUSY) { // the context was over first
        gokore_slots_unlink_(s, w, status);
        gokore_slots_serve_(s); // it may have stood before a smaller one
    }
    gokore_latch_unlock_(&s->latch_);
}

static const gokore_lent_queue_ gokore_slots_queue_ = { gokore_slots_enqueue_, gokore_slots_leave_ };

static void gokore_slots_park_(gokore_slots_waiter_ *w) {
    gokore_slots_enqueue_(w, NULL);
    while (gokore_atomic_load_acquire(&w->woken) == 0) // pairs with the release in gokore_slots_serve_
        (void)GOKORE_SEAM_WAIT_(&w->woken, 0, INT64_MAX);
}

void gokore_slots_init(gokore_slots *slots, uint32_t total) { *slots = (gokore_slots) { .total_ = total }; }

gokore_status gokore_slots_try_acquire(gokore_slots *slots, uint32_t n) {
    gokore_latch_lock_(&slots->latch_);
    bool never = n > slots->total_, done = !never && !slots->first_ && gokore_slots_take_(slots, n);
    gokore_latch_unlock_(&slots->latch_);
    return done ? GOKORE_OK : never ? GOKORE_LIMIT : GOKORE_BUSY;
}

gokore_status gokore_slots_acquire(gokore_slots *slots, uint32_t n, gokore_context *ctx) {
    gokore_status status = gokore_policy_context_status_(ctx);
    if (status == GOKORE_OK) status = gokore_slots_try_acquire(slots, n);
    if (status != GOKORE_BUSY) return status;
    gokore_slots_waiter_ w = { .slots = slots, .n = n };
    if (gokore_lent_waits_here_)
        (void)gokore_lent_waits_here_->wait(ctx, INT64_MAX, &gokore_slots_queue_, &w);
    else
        gokore_slots_park_(&w);
    return w.answer;
}

void gokore_slots_release(gokore_slots *slots, uint32_t n) {
    gokore_latch_lock_(&slots->latch_);
    bool wrong = n > slots->used_;
    slots->used_ = wrong ? 0 : slots->used_ - n;
    gokore_slots_serve_(slots);
    gokore_latch_unlock_(&slots->latch_);
    if (wrong)
        gokore_reportf_(GOKORE_REPORT_REFCOUNT, NULL, "slots %p: %u given back that were not all taken", (void *)slots,
                        (unsigned)n);
}

void gokore_slots_set_total(gokore_slots *slots, uint32_t total) {
    gokore_latch_lock_(&slots->latch_);
    slots->total_ = total;
    gokore_slots_serve_(slots);
    gokore_latch_unlock_(&slots->latch_);
}

uint32_t gokore_slots_total(gokore_slots *slots) {
    gokore_latch_lock_(&slots->latch_);
    uint32_t total = slots->total_;
    gokore_latch_unlock_(&slots->latch_);
    return total;
}

uint32_t gokore_slots_available(gokore_slots *slots) {
    gokore_latch_lock_(&slots->latch_);
    uint32_t left = slots->used_ < slots->total_ ? slots->total_ - slots->used_ : 0;
    gokore_latch_unlock_(&slots->latch_);
    return left;
}

// >>rate limiter: a token bucket in whole numbers that may go into debt, so that those who wait are served in their order
#define GOKORE_RATE_SECOND_ UINT64_C(1000000000)
#define GOKORE_RATE_MAX_    UINT64_C(10000000000) // times a second's nanoseconds it fits 64 bits

static void gokore_rate_refill_(gokore_rate_limiter *l, int64_t now) {
    if (now <= l->at_ns_) return;
    uint64_t passed = (uint64_t)(now - l->at_ns_), missing = (uint64_t)((int64_t)l->burst_ - l->level_);
    uint64_t seconds = passed / GOKORE_RATE_SECOND_, part = passed % GOKORE_RATE_SECOND_ * l->rate_ + l->part_;
    l->at_ns_ = now;
    bool full = seconds > missing / l->rate_ || seconds * l->rate_ + part / GOKORE_RATE_SECOND_ >= missing;
    l->part_ = full ? 0 : part % GOKORE_RATE_SECOND_;
    l->level_ = full ? (int64_t)l->burst_ : l->level_ + (int64_t)(seconds * l->rate_ + part / GOKORE_RATE_SECOND_);
}

static int64_t gokore_rate_wait_ns_(const gokore_rate_limiter *l, uint64_t debt) { // until so many tokens came in, rounded up
    uint64_t seconds = debt / l->rate_, rest = debt % l->rate_ * GOKORE_RATE_SECOND_;
    uint64_t ns = (rest > l->part_ ? rest - l->part_ : 0) / l->rate_ + 1;
    return seconds > (uint64_t)INT64_MAX / GOKORE_RATE_SECOND_ - 1 ? INT64_MAX : (int64_t)(seconds * GOKORE_RATE_SECOND_ + ns);
}

void gokore_rate_limiter_init(gokore_rate_limiter *limiter, uint64_t per_second, uint64_t burst) {
    *limiter = (gokore_rate_limiter) { 0 };
    gokore_rate_limiter_set_rate(limiter, per_second, burst);
    limiter->level_ = (int64_t)limiter->burst_;
}

void gokore_rate_limiter_set_rate(gokore_rate_limiter *limiter, uint64_t per_second, uint64_t burst) {
    int64_t now = gokore_now_ns(), most = INT64_MAX / 4;
    gokore_latch_lock_(&limiter->latch_);
    if (limiter->rate_) gokore_rate_refill_(limiter, now);
    limiter->rate_ = per_second < GOKORE_RATE_MAX_ ? per_second : GOKORE_RATE_MAX_;
    limiter->burst_ = burst < (uint64_t)most ? burst : (uint64_t)most;
    if (limiter->level_ > (int64_t)limiter->burst_) limiter->level_ = (int64_t)limiter->burst_;
    limiter->at_ns_ = now;
    limiter->part_ = 0;
    gokore_latch_unlock_(&limiter->latch_);
}

// Takes n tokens now (GOKORE_OK), promises them for a time not after until_ns (GOKORE_BUSY, *at_ns), or takes none.
static gokore_status gokore_rate_take_(gokore_rate_limiter *l, uint64_t n, int64_t until_ns, int64_t *at_ns) {
    int64_t now = gokore_now_ns(), least = INT64_MIN / 4;
    gokore_status status = GOKORE_OK;
    gokore_latch_lock_(&l->latch_);
    if (l->rate_ && n > l->burst_) {
        status = GOKORE_LIMIT;
    } else if (l->rate_) {
        gokore_rate_refill_(l, now);
        int64_t left = l->level_ - (int64_t)n;
        *at_ns = left < 0 ? gokore_policy_after_(now, gokore_rate_wait_ns_(l, (uint64_t)-left)) : now;
        if (left < 0) status = *at_ns > until_ns || left < least ? GOKORE_TIMEOUT : GOKORE_BUSY;
        if (status != GOKORE_TIMEOUT) l->level_ = left;
    }
    gokore_latch_unlock_(&l->latch_);
    return status;
}

gokore_status gokore_rate_limiter_try_acquire(gokore_rate_limiter *limiter, uint64_t n) {
    int64_t at;
    gokore_status status = gokore_rate_take_(limiter, n, INT64_MIN, &at); // no time is early enough
    return status == GOKORE_TIMEOUT ? GOKORE_BUSY : status;
}

gokore_status gokore_rate_limiter_acquire(gokore_rate_limiter *limiter, uint64_t n, gokore_context *ctx) {
    int64_t at = 0;
    gokore_status status = gokore_policy_context_status_(ctx);
    if (status != GOKORE_OK) return status;
    status = gokore_rate_take_(limiter, n, gokore_policy_context_deadline_(ctx), &at);
    if (status != GOKORE_BUSY) return status;
    status = gokore_policy_sleep_(ctx, at);
    if (status == GOKORE_TIMEOUT && gokore_now_ns() >= at) return GOKORE_OK;
    gokore_latch_lock_(&limiter->latch_);
    limiter->level_ += (int64_t)n;
    gokore_latch_unlock_(&limiter->latch_);
    return status;
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
#ifndef GOKORE_DOC_CHUNK_ // tests have each allocation by itself
#define GOKORE_DOC_CHUNK_ ((size_t)32768)
#endif

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
    *character = c; // where it is none, the byte
    if (c < 0x80) return 1;
    size_t n = c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || left < n) return 0;
    c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
    if (overlong || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    *character = c;
    return n;
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

static bool gokore_doc_ends_(const char *name, const char *end) {
    size_t len = strlen(name), n = strlen(end);
    return len > n && strcmp(name + len - n, end) == 0;
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
        const char *s = c < 0x20 ? strchr(shorts, (int)c) : NULL;
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

static unsigned gokore_doc_line_(const gokore_doc_sink_ *sink, size_t at) {
    unsigned line, column;
    gokore_doc_place_(sink, at, &line, &column);
    return line;
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

// The first key of a map that is there already; its node is the answer, and that of its first place *before. NULL: there is
// none, or no memory.
static const gokore_doc_node_ *gokore_doc_find_twice_(gokore_doc_arena_ *arena, const gokore_doc_node_ *map,
                                                      const gokore_doc_node_ **before) {
    if (map->count < 2) return NULL;
    gokore_doc_node_ **sorted = (gokore_doc_node_ **)gokore_doc_alloc_(arena, map->count * sizeof *sorted);
    if (!sorted) return NULL;
    size_t n = 0;
    for (gokore_doc_node_ *child = map->first; child; child = child->next) sorted[n++] = child;
    qsort(sorted, n, sizeof *sorted, gokore_doc_compare_keys_);
    const gokore_doc_node_ *twice = NULL;
    for (size_t i = 1; i < n; i++) {
        const gokore_doc_node_ *a = sorted[i - 1], *b = sorted[i];
        if (a->key_len != b->key_len || memcmp(a->key, b->key, a->key_len) != 0) continue;
        if (twice && twice->key_at < b->key_at) continue;
        twice = b;
        *before = a;
    }
    return twice;
}

static void gokore_doc_close_(gokore_doc_reader_ *r) {
    r->cur = r->cur->parent;
    r->depth--;
    r->pending = false;
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

// The forms in which YAML 1.1, YAML 1.2 and Kubernetes see numbers and JSON does not. len > 0.
static gokore_doc_type_ gokore_doc_odd_number_(const char *text, size_t len) {
    size_t at = text[0] == '-' || text[0] == '+';
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
    for (; i < len && (strchr(set, text[i]) || (text[i] == '.' && points == 0 && !skip)); i++)
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

static bool gokore_doc_integer_(const char *text, size_t len, int64_t *out) { // false: more than 64 bits; len > 0
    bool negative = text[0] == '-';
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
        gokore_doc_close_(r);
        return true;
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

// "---" or "..." alone. r->at is at the start of a line.
static bool gokore_yaml_is_marker_(const gokore_doc_reader_ *r) {
    if (r->len - r->at < 3 || !gokore_yaml_is_gap_(r, r->at + 3)) return false;
    return memcmp(r->text + r->at, "---", 3) == 0 || memcmp(r->text + r->at, "...", 3) == 0;
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
        if (gokore_yaml_is_marker_(r)) return false;
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
        if (look.at >= look.len || gokore_yaml_is_marker_(&look)) return false;
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
        if (c == '#' && gokore_doc_is_blank_(r->text[r->at - 1])) break; // never the first: see gokore_yaml_plain_start_
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
        if (gokore_yaml_is_marker_(r))
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

// After a scalar, blanks skipped: a ':' that ends a key. In flow a quoted key needs no blank behind it, and a plain one does
// not end at a ':' that is none.
static bool gokore_yaml_is_colon_(gokore_doc_reader_ *r, bool flow) {
    gokore_yaml_blanks_(r);
    return gokore_yaml_char_(r, r->at) == ':' && (flow || gokore_yaml_is_gap_(r, r->at + 1));
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

// The text ends within the line of blanks that r->at is in: some readers take a line end for granted there, some don't.
static bool gokore_yaml_is_torn_(const gokore_doc_reader_ *r) {
    size_t at = r->at;
    while (at < r->len && gokore_doc_is_blank_(r->text[at])) at++;
    return at == r->len;
}

static bool gokore_yaml_block_scalar_(gokore_doc_reader_ *r, int32_t n) {
    size_t from = r->at, empty = 0;
    gokore_yaml_block_ b;
    if (!gokore_yaml_block_header_(r, n, &b) || !gokore_doc_scratch_(r)) return false;
    bool broken = false, spaced = false; // a line end is due; the last line began with a blank
    while (r->at < r->len && !gokore_yaml_is_marker_(r)) {
        size_t at = r->at;
        if (gokore_yaml_is_torn_(r)) return gokore_doc_fail_(r, "GOKORE-E-LINE", at, "the text ends within a line of blanks");
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
        if (gokore_yaml_is_marker_(r))
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
    if (gokore_yaml_is_colon_(r, true)) {
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
    if (gokore_yaml_is_colon_(r, true)) return gokore_yaml_take_key_(r, &s);
    const char *colon = s.quoted ? NULL : (const char *)memchr(s.text, ':', s.len);
    if (colon) return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", (size_t)(colon - r->text), "a blank is missing after ':'");
    return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", s.at, "a key without a value: ': ' is expected after it");
}

// Closes a container whose last member is there.
static bool gokore_yaml_leave_(gokore_doc_reader_ *r) {
    const gokore_doc_node_ *done = r->cur, *before;
    gokore_doc_close_(r);
    const gokore_doc_node_ *twice = done->kind == GOKORE_DOC_MAP_ ? gokore_doc_find_twice_(r->arena, done, &before) : NULL;
    if (!twice) return !r->arena->failed;
    return gokore_doc_fail_(r, "GOKORE-E-DUPLICATE", twice->key_at, "key '%s' is there already, in line %u",
                            gokore_doc_show_(twice->key, twice->key_len).text, gokore_doc_line_(r->sink, before->key_at));
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
            if (!gokore_yaml_leave_(r)) return false;
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
    return gokore_yaml_leave_(r);
}

// A value that begins in a line where no block collection can: after a key, or after "---".
static bool gokore_yaml_inline_(gokore_doc_reader_ *r, int32_t n) {
    char c = gokore_yaml_char_(r, r->at);
    gokore_yaml_scalar_ s;
    if (c == '|' || c == '>') return gokore_yaml_block_scalar_(r, n);
    if (c == '{' || c == '[') return gokore_yaml_flow_(r, n) && gokore_yaml_end_line_(r);
    if (!gokore_yaml_scalar_start_(r, &s, n, false)) return false;
    if (gokore_yaml_is_colon_(r, false))
        return gokore_doc_fail_(r, "GOKORE-E-SYNTAX", r->at,
                                "no key can be here: put it on a line of its own, or quote the text");
    return gokore_yaml_plain_rest_(r, &s, n, false) && gokore_yaml_add_scalar_(r, &s) && gokore_yaml_end_line_(r);
}

// What follows "key:" or "---": a value on this line, or on lines below.
static bool gokore_yaml_after_key_(gokore_doc_reader_ *r) {
    gokore_yaml_blanks_(r);
    bool empty = gokore_yaml_is_end_(r, r->at) || r->text[r->at] == '#';
    return empty ? gokore_yaml_end_line_(r) : gokore_yaml_inline_(r, r->cur->indent);
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
    if (gokore_yaml_is_colon_(r, false)) return gokore_yaml_take_key_(r, &s) && gokore_yaml_after_key_(r);
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
    if (gokore_yaml_is_colon_(r, false)) {
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
        bool goes_on = r->cur->kind == GOKORE_DOC_LIST_ && r->cur->indent == column;
        if (!goes_on && (!gokore_yaml_no_tab_(r) || !gokore_doc_open_(r, GOKORE_DOC_LIST_, r->at, column, false)))
            return false;
        r->key_at = r->at++;
        r->pending = true;
        gokore_yaml_blanks_(r);
        if (gokore_yaml_is_end_(r, r->at) || r->text[r->at] == '#') return gokore_yaml_end_line_(r);
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
        r->at = r->line; // the document reads its own indentation
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

// >>schema: one table that reading, checking, writing, the manual above and the Kubernetes schema (tools/gokore.c) follow
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
    GOKORE_POLICY_SPARSE_ = 16,  // an object that is not written if nothing in it is set
    GOKORE_POLICY_KEY_ = 32      // no two items of the list have the same
};

struct gokore_policy_shape_;
typedef struct gokore_policy_field_ {
    const char *name; // on the wire
    gokore_policy_type_ type;
    unsigned flags;
    size_t offset, other;
    int least, most; // of an integer
    size_t fewest;   // items of a list; at most GOKORE_POLICY_ITEMS_MAX_
    const struct gokore_policy_shape_ *shape;
    const char *text;
    const char *about; // for manuals and schemas
} gokore_policy_field_;
typedef struct gokore_policy_shape_ {
    const gokore_policy_field_ *fields;
    size_t count, size;
} gokore_policy_shape_;

#define GOKORE_POLICY_SHAPE_(fields, T) { (fields), sizeof(fields) / sizeof((fields)[0]), sizeof(T) }
#define GOKORE_POLICY_NODE_MAX_ 1023
#define GOKORE_POLICY_ITEMS_MAX_ 1024

static const gokore_policy_field_ gokore_policy_rule_fields_[] = {
    { .name = "name", .type = GOKORE_POLICY_TEXT_, .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_KEY_,
      .offset = offsetof(gokore_hierarchy_rule, name), .about = "of the rule, for messages" },
    { .name = "order", .type = GOKORE_POLICY_NAMES_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_hierarchy_rule, order), .other = offsetof(gokore_hierarchy_rule, order_count), .fewest = 1,
      .about = "lock classes, first taken first" },
};
static const gokore_policy_shape_ gokore_policy_rule_ = GOKORE_POLICY_SHAPE_(gokore_policy_rule_fields_, gokore_hierarchy_rule);

static const gokore_policy_field_ gokore_policy_exemption_fields_[] = {
    { .name = "lockClass", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_exemption, lock_class), .about = "may be taken, against the rules," },
    { .name = "from", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_exemption, from), .about = "while this class is held" },
    { .name = "to", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_exemption, to), .about = "and this one is not yet" },
};
static const gokore_policy_shape_ gokore_policy_exemption_ = GOKORE_POLICY_SHAPE_(gokore_policy_exemption_fields_, gokore_lock_exemption);

static const gokore_policy_field_ gokore_policy_pair_fields_[] = {
    { .name = "a", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_pair_limit, a),
      .about = "a lock class" },
    { .name = "b", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_, .offset = offsetof(gokore_pair_limit, b),
      .about = "another" },
    { .name = "maxHoldTime", .type = GOKORE_POLICY_DURATION_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_pair_limit, max_hold_ns), .about = "that locks of both may be held together" },
};
static const gokore_policy_shape_ gokore_policy_pair_ = GOKORE_POLICY_SHAPE_(gokore_policy_pair_fields_, gokore_pair_limit);

static const gokore_policy_field_ gokore_policy_numa_fields_[] = {
    { .name = "required", .type = GOKORE_POLICY_BOOL_, .offset = offsetof(gokore_numa_policy, required),
      .about = "Guaranteed must say true, BestEffort must not" },
    { .name = "preferredNodes", .type = GOKORE_POLICY_INTS_, .offset = offsetof(gokore_numa_policy, preferred_nodes),
      .other = offsetof(gokore_numa_policy, preferred_node_count), .least = 0, .most = GOKORE_POLICY_NODE_MAX_,
      .about = "best first" },
    { .name = "allowedDistance", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_FLAGGED_,
      .offset = offsetof(gokore_numa_policy, allowed_distance),
      .other = offsetof(gokore_numa_policy, has_allowed_distance), .least = 0, .most = 254,
      .about = "0 same node, 1..9 steps, 10..254 the firmware's distance; absent = no limit" },
    { .name = "fallbackStrategy", .type = GOKORE_POLICY_FALLBACK_, .offset = offsetof(gokore_numa_policy, fallback),
      .about = "where tasks run when the home node is busy; absent = Steal" },
    { .name = "qosOverride", .type = GOKORE_POLICY_QOS_, .offset = offsetof(gokore_numa_policy, qos_override),
      .about = "counts instead of qosClass in NUMA decisions" },
};
static const gokore_policy_shape_ gokore_policy_numa_ = GOKORE_POLICY_SHAPE_(gokore_policy_numa_fields_, gokore_numa_policy);

static const gokore_policy_field_ gokore_policy_retry_fields_[] = {
    { .name = "attempts", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_retry_policy, attempts), .least = 1, .most = 5,
      .about = "retries after the first try, not over the class's" },
    { .name = "backoffBase", .type = GOKORE_POLICY_DURATION_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_retry_policy, backoff_base_ns), .about = "of the first delay, which then doubles" },
    { .name = "jitterPercent", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_retry_policy, jitter_percent), .least = 0, .most = 100,
      .about = "a delay is shortened by up to this share of it" },
    { .name = "stealRetries", .type = GOKORE_POLICY_INT_, .offset = offsetof(gokore_retry_policy, steal_attempts),
      .least = 0, .most = 16, .about = "not over the class's; absent = the class's" },
    { .name = "maxWaitTime", .type = GOKORE_POLICY_DURATION_, .offset = offsetof(gokore_retry_policy, max_wait_ns),
      .about = "all tries together, not over the class's; absent = the shorter of the class's and defaultTimeout" },
};
static const gokore_policy_shape_ gokore_policy_retry_ = GOKORE_POLICY_SHAPE_(gokore_policy_retry_fields_, gokore_retry_policy);

static const gokore_policy_field_ gokore_policy_lock_spec_fields_[] = {
    { .name = "qosClass", .type = GOKORE_POLICY_QOS_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_policy, qos), .about = "the service class, as Kubernetes has it" },
    { .name = "containerID", .type = GOKORE_POLICY_TEXT_, .offset = offsetof(gokore_lock_policy, container_id),
      .about = "the container this policy is meant for; absent = every one" },
    { .name = "fallbackStrategy", .type = GOKORE_POLICY_FALLBACK_, .flags = GOKORE_POLICY_OUTER_,
      .offset = offsetof(gokore_lock_policy, numa.fallback),
      .about = "what numaAffinity.fallbackStrategy is where that is absent" },
    { .name = "numaAffinity", .type = GOKORE_POLICY_OBJECT_, .offset = offsetof(gokore_lock_policy, numa),
      .shape = &gokore_policy_numa_, .about = "where memory and threads belong" },
    { .name = "maxHoldTime", .type = GOKORE_POLICY_DURATION_, .offset = offsetof(gokore_lock_policy, max_hold_ns),
      .about = "that a lock may be held, not over the class's; absent = the class's" },
    { .name = "defaultTimeout", .type = GOKORE_POLICY_DURATION_,
      .offset = offsetof(gokore_lock_policy, default_timeout_ns),
      .about = "of a wait that names none; absent = retryPolicy.maxWaitTime" },
    { .name = "retryPolicy", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_SPARSE_,
      .offset = offsetof(gokore_lock_policy, retry), .shape = &gokore_policy_retry_,
      .about = "what a lock that is busy does; absent = the class's" },
    { .name = "hierarchyRules", .type = GOKORE_POLICY_OBJECTS_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_policy, rules), .other = offsetof(gokore_lock_policy, rule_count),
      .shape = &gokore_policy_rule_, .about = "the order of lock classes" },
    { .name = "exemptions", .type = GOKORE_POLICY_OBJECTS_, .offset = offsetof(gokore_lock_policy, exemptions),
      .other = offsetof(gokore_lock_policy, exemption_count), .shape = &gokore_policy_exemption_,
      .about = "from that order" },
    { .name = "pairLimits", .type = GOKORE_POLICY_OBJECTS_, .offset = offsetof(gokore_lock_policy, pair_limits),
      .other = offsetof(gokore_lock_policy, pair_limit_count), .shape = &gokore_policy_pair_,
      .about = "of two classes held together" },
};
static const gokore_policy_shape_ gokore_policy_lock_spec_ = GOKORE_POLICY_SHAPE_(gokore_policy_lock_spec_fields_, gokore_lock_policy);

static const gokore_policy_field_ gokore_policy_mapping_fields_[] = {
    { .name = "priority", .type = GOKORE_POLICY_INT_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_class_mapping, priority), .least = 0, .most = 1000000, .about = "0 is the most urgent" },
    { .name = "name", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_KEY_,
      .offset = offsetof(gokore_class_mapping, name), .about = "of the class" },
    { .name = "qosClass", .type = GOKORE_POLICY_QOS_, .offset = offsetof(gokore_class_mapping, qos),
      .about = "absent = by priority: 0 Guaranteed, 1 Burstable, else BestEffort" },
    { .name = "numaExclusive", .type = GOKORE_POLICY_BOOL_, .offset = offsetof(gokore_class_mapping, numa_exclusive),
      .about = "its workers have their node's CPUs for themselves" },
};
static const gokore_policy_shape_ gokore_policy_mapping_ = GOKORE_POLICY_SHAPE_(gokore_policy_mapping_fields_, gokore_class_mapping);

static const gokore_policy_field_ gokore_policy_share_fields_[] = {
    { .name = "allowedCrossAccess", .type = GOKORE_POLICY_PERCENT_,
      .offset = offsetof(gokore_concurrency_policy, cross_access_percent),
      .about = "share of steals that may cross nodes; absent = 100%" },
    { .name = "stealThreshold", .type = GOKORE_POLICY_INT_, .offset = offsetof(gokore_concurrency_policy, steal_threshold),
      .least = 0, .most = INT_MAX, .about = "shortest queue, in tasks, that is stolen from across nodes; absent = 0" },
};
static const gokore_policy_shape_ gokore_policy_share_ = GOKORE_POLICY_SHAPE_(gokore_policy_share_fields_, gokore_concurrency_policy);

static const gokore_policy_field_ gokore_policy_concurrency_spec_fields_[] = {
    { .name = "numa", .type = GOKORE_POLICY_OBJECT_, .shape = &gokore_policy_share_, .about = "work that crosses nodes" },
    { .name = "qosClassMapping", .type = GOKORE_POLICY_OBJECTS_, .offset = offsetof(gokore_concurrency_policy, classes),
      .other = offsetof(gokore_concurrency_policy, class_count), .shape = &gokore_policy_mapping_,
      .about = "classes of work" },
};
static const gokore_policy_shape_ gokore_policy_concurrency_spec_ = GOKORE_POLICY_SHAPE_(gokore_policy_concurrency_spec_fields_, gokore_concurrency_policy);

// Both kinds begin with their names, so that one shape serves both.
GOKORE_STATIC_ASSERT_(offsetof(gokore_lock_policy, name) == offsetof(gokore_concurrency_policy, name), "metadata has one shape");
GOKORE_STATIC_ASSERT_(offsetof(gokore_lock_policy, namespace_name) == offsetof(gokore_concurrency_policy, namespace_name),
                      "metadata has one shape");
static const gokore_policy_field_ gokore_policy_metadata_fields_[] = {
    { .name = "name", .type = GOKORE_POLICY_NAME_, .flags = GOKORE_POLICY_REQUIRED_,
      .offset = offsetof(gokore_lock_policy, name), .about = "of the policy" },
    { .name = "namespace", .type = GOKORE_POLICY_NAME_, .offset = offsetof(gokore_lock_policy, namespace_name),
      .about = "of Kubernetes" },
    { .name = "labels", .type = GOKORE_POLICY_STRINGS_, .about = "checked, not kept" },
    { .name = "annotations", .type = GOKORE_POLICY_STRINGS_, .about = "checked, not kept" },
};
static const gokore_policy_shape_ gokore_policy_metadata_ = GOKORE_POLICY_SHAPE_(gokore_policy_metadata_fields_, gokore_lock_policy);

static const gokore_policy_field_ gokore_policy_lock_fields_[] = {
    { .name = "apiVersion", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "concurrency.gokore.io/v1alpha1" },
    { .name = "kind", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "LockPolicy" },
    { .name = "metadata", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_REQUIRED_, .shape = &gokore_policy_metadata_ },
    { .name = "spec", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_SPEC_,
      .shape = &gokore_policy_lock_spec_, .about = "What locks may do, in which order and for how long." },
};
static const gokore_policy_field_ gokore_policy_concurrency_fields_[] = {
    { .name = "apiVersion", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "orchestration.gokore.io/v1beta1" },
    { .name = "kind", .type = GOKORE_POLICY_CONST_, .flags = GOKORE_POLICY_REQUIRED_, .text = "ConcurrencyPolicy" },
    { .name = "metadata", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_SPARSE_, .shape = &gokore_policy_metadata_ },
    { .name = "spec", .type = GOKORE_POLICY_OBJECT_, .flags = GOKORE_POLICY_REQUIRED_ | GOKORE_POLICY_SPEC_,
      .shape = &gokore_policy_concurrency_spec_, .about = "How work is shared between nodes and classes." },
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

static bool gokore_policy_contains_(const char *text, size_t len, const char *part, size_t part_len) { // part_len > 0
    for (size_t at = 0; at + part_len <= len; at++) {
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

// A key twice: JSON's reader leaves it to us, YAML's has refused it.
static void gokore_policy_check_keys_(gokore_policy_checker_ *c, const gokore_doc_node_ *map) {
    const gokore_doc_node_ *before, *twice = c->json ? gokore_doc_find_twice_(c->work, map, &before) : NULL;
    if (!twice) return;
    size_t level = gokore_policy_down_(c, twice->key, twice->key_len, 0);
    gokore_policy_say_(c, "GOKORE-E-DUPLICATE", twice->key_at, "the key is there already, in line %u",
                       gokore_doc_line_(c->sink, before->key_at));
    gokore_policy_up_(c, level);
}

static void gokore_policy_read_strings_(gokore_policy_checker_ *c, const gokore_doc_node_ *n) {
    if (n->kind != GOKORE_DOC_MAP_) {
        (void)gokore_policy_expected_(c, n, "a map of texts", "");
        return;
    }
    gokore_policy_check_keys_(c, n);
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
    if (n->count < f->fewest) gokore_policy_say_(c, "GOKORE-E-RANGE", n->at, "an empty list: at least one name is needed");
    if (n->count > GOKORE_POLICY_ITEMS_MAX_)
        gokore_policy_say_(c, "GOKORE-E-RANGE", n->at, "a list of more than %d items", GOKORE_POLICY_ITEMS_MAX_);
    if (n->count == 0 || n->count > GOKORE_POLICY_ITEMS_MAX_) {
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
    gokore_policy_check_keys_(c, n);
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
    if (count < f->fewest || count > GOKORE_POLICY_ITEMS_MAX_ || (count && !items)) {
        gokore_policy_say_(c, "GOKORE-E-RANGE", GOKORE_DOC_NOWHERE_,
                           !count   ? "an empty list: at least one name is needed"
                           : !items ? "no list behind its length"
                                    : "a list of more than 1024 items");
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

// Policies for one container only: who this one is must be known before they are asked for.
static void gokore_policy_identify_(const gokore_policy_set *set) {
    gokore_lent_container_ c;
    bool named = false;
    for (size_t i = 0; set && i < set->count; i++)
        named = named || (set->policies[i].lock && set->policies[i].lock->container_id[0]);
    if (named && gokore_lent_machine_here_) (void)gokore_lent_machine_here_->container_facts(&c); // reports carry the id from then on
}

static void gokore_policy_publish_(const gokore_policy_set *set) {
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
}

gokore_status gokore_policy_apply(const gokore_policy_set *set) {
    const gokore_lent_locks_ *locks = gokore_lent_locks_here_;
    gokore_policy_identify_(set);
    if (locks && locks->load) return locks->load(set, gokore_policy_publish_);
    gokore_policy_publish_(set);
    return GOKORE_OK;
}

const gokore_policy_set *gokore_policy_current(void) {
    return (const gokore_policy_set *)gokore_atomic_load_acquire(
        &gokore_policy_now_); // pairs with the release in gokore_policy_publish_
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

// docs NULL: the policies come from several texts.
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
            char text[128];
            if (docs)
                (void)snprintf(text, sizeof text, "a policy of this name is there already, in line %u",
                               gokore_doc_line_(c->sink, docs[k]->at));
            else
                (void)snprintf(text, sizeof text, "'%s' is there in two files",
                               gokore_doc_show_((const char *)gokore_policy_get_pointer_(b, name),
                                                strlen((const char *)gokore_policy_get_pointer_(b, name)))
                                   .text);
            gokore_policy_blame_(c, docs ? docs[i] : NULL, "metadata", "name", "GOKORE-E-DUPLICATE", text);
            break;
        }
    }
}

// Reads the documents into the set. False: no memory.
static bool gokore_policy_load_documents_(gokore_policy_checker_ *c, const gokore_doc_node_ *list, gokore_policy_set *set) {
    const gokore_doc_node_ **docs =
        (const gokore_doc_node_ **)gokore_doc_alloc_zeroed_(c->work, (size_t)2 * list->count + 1, sizeof *docs);
    set->policies = (gokore_policy *)gokore_doc_alloc_zeroed_(c->kept, list->count, sizeof *set->policies);
    if (!docs || !set->policies) return false;
    const gokore_doc_node_ **specs = docs + list->count;
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

// >>files: the texts of a path, one, or those of a directory
#define GOKORE_FILES_MAX_ 256
typedef struct gokore_file_ {
    const char *name; // "a.yaml"; of a single file its path
    const char *path; // for messages; lasts as long as the process, but for a single file's
    const char *text;
    size_t len;
} gokore_file_;
typedef struct gokore_files_ {
    gokore_doc_arena_ arena;
    gokore_file_ *items;
    size_t count;
    int error; // errno, 0 = none; then path says of what
    const char *path;
} gokore_files_;

static int gokore_file_read_(gokore_files_ *files, gokore_file_ *file, FILE *stream) { // errno, 0 = done; closes it
    if (!stream) return errno ? errno : EIO;
    size_t cap = GOKORE_DOC_TEXT_MAX_ + 1; // one more shows that it is too long
    char *room = (char *)gokore_alloc_(NULL, cap, 16);
    errno = 0;
    file->len = room ? fread(room, 1, cap, stream) : 0;
    int error = !room ? ENOMEM : ferror(stream) ? (errno ? errno : EIO) : 0;
    if (!error) file->text = gokore_doc_copy_(&files->arena, room, file->len);
    if (!error && !file->text) error = ENOMEM;
    gokore_free_(NULL, room, cap);
    (void)fclose(stream);
    return error;
}

// >>platform: directories
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
typedef struct gokore_file_name_ { // paths that diagnostics have pointed to
    struct gokore_file_name_ *next;
    char text[];
} gokore_file_name_;
static struct {
    gokore_latch_ latch;
    gokore_file_name_ *first;
} gokore_file_names_;

static const char *gokore_file_path_(const char *directory, const char *name) {
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = (char *)gokore_alloc_(NULL, size, 1);
    if (!path) return name;
    (void)snprintf(path, size, "%s/%s", directory, name);
    gokore_latch_lock_(&gokore_file_names_.latch);
    gokore_file_name_ *n = gokore_file_names_.first;
    while (n && strcmp(n->text, path) != 0) n = n->next;
    if (!n && (n = (gokore_file_name_ *)gokore_alloc_(NULL, sizeof *n + size, 16)) != NULL) {
        memcpy(n->text, path, size);
        n->next = gokore_file_names_.first;
        gokore_file_names_.first = n;
    }
    gokore_latch_unlock_(&gokore_file_names_.latch);
    gokore_free_(NULL, path, size);
    return n ? n->text : name;
}

static bool gokore_file_is_manifest_(const char *name) {
    static const char *const ends[] = { ".yaml", ".yml", ".json" };
    for (size_t i = 0; i < 3; i++)
        if (name[0] != '.' && gokore_doc_ends_(name, ends[i])) return true;
    return false;
}

static int gokore_file_compare_(const void *left, const void *right) {
    return strcmp(((const gokore_file_ *)left)->name, ((const gokore_file_ *)right)->name);
}

// The manifests of an open directory, which it closes; errno, 0 = done.
static int gokore_files_list_(gokore_files_ *files, int fd) {
    DIR *directory = fdopendir(fd);
    if (!directory) return (void)close(fd), ENOMEM;
    int error = 0;
    for (struct dirent *entry; !error && (entry = readdir(directory)) != NULL;) {
        if (!gokore_file_is_manifest_(entry->d_name)) continue;
        const char *name = files->count < GOKORE_FILES_MAX_
                               ? gokore_doc_copy_(&files->arena, entry->d_name, strlen(entry->d_name))
                               : NULL;
        if (name)
            files->items[files->count++] = (gokore_file_) { .name = name };
        else
            error = files->count < GOKORE_FILES_MAX_ ? ENOMEM : E2BIG;
    }
    qsort(files->items, files->count, sizeof *files->items, gokore_file_compare_);
    for (size_t i = 0; i < files->count && !error; i++) {
        gokore_file_ *file = &files->items[i];
        file->path = gokore_file_path_(files->path, file->name);
        int at = openat(dirfd(directory), file->name, O_RDONLY | O_CLOEXEC);
        error = at < 0 ? errno : gokore_file_read_(files, file, fdopen(at, "r"));
        if (error) files->path = file->path;
    }
    (void)closedir(directory);
    return error;
}

// ENOTDIR: the path is no directory.
static int gokore_files_directory_(gokore_files_ *files, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) return errno;
    int data = openat(fd, "..data", O_RDONLY | O_CLOEXEC | O_DIRECTORY); // of a ConfigMap: one version, whatever is swapped meanwhile
    if (data >= 0) (void)close(fd);
    int error = gokore_files_list_(files, data >= 0 ? data : fd);
    return error || files->count ? error : EISDIR;
}
#else
static int gokore_files_directory_(gokore_files_ *files, const char *path) { // there is no ConfigMap to be mounted
    (void)files;
    (void)path;
    return ENOTDIR;
}
#endif

static int gokore_files_open_(gokore_files_ *files, const char *path) { // errno, 0 = done
    files->path = path;
    files->count = 0;
    files->items = (gokore_file_ *)gokore_doc_alloc_zeroed_(&files->arena, GOKORE_FILES_MAX_, sizeof *files->items);
    if (!files->items) return ENOMEM;
    int error = gokore_files_directory_(files, path);
    if (error != ENOTDIR) return error;
    files->items[files->count++] = (gokore_file_) { .name = path, .path = path };
    return gokore_file_read_(files, &files->items[0], fopen(path, GOKORE_READ_MODE_));
}

// Reads them all. A file that is gone while its directory is read may be a swap: it is tried again.
static void gokore_files_read_(gokore_files_ *files, const char *path) {
    *files = (gokore_files_) { .error = ENOENT };
    for (int i = 0; i < 3 && files->error == ENOENT; i++) {
        gokore_doc_free_(&files->arena);
        files->error = gokore_files_open_(files, path);
    }
}

static bool gokore_files_same_(const gokore_files_ *a, const gokore_files_ *b) {
    if (a->error != b->error || a->count != b->count) return false;
    for (size_t i = 0; !a->error && i < a->count; i++)
        if (strcmp(a->items[i].name, b->items[i].name) != 0 || a->items[i].len != b->items[i].len ||
            memcmp(a->items[i].text, b->items[i].text, a->items[i].len) != 0)
            return false;
    return true;
}

// >>files: one set of several
static void gokore_policy_join_(gokore_policy_set *into, gokore_policy_set *from) { // policies has room for all
    memcpy(into->policies + into->count, from->policies, from->count * sizeof *from->policies);
    into->count += from->count;
    gokore_doc_chunk_ **end = &into->arena.chunks;
    while (*end) end = &(*end)->next;
    *end = from->arena.chunks; // with from itself in it
}

static gokore_status gokore_policy_check_joined_(const gokore_policy_set *set, const char *path,
                                                 gokore_diagnostics *diagnostics) {
    gokore_doc_sink_ sink = { diagnostics, path, "", 0, 0 };
    gokore_doc_arena_ work = { { NULL, NULL, NULL }, NULL, false };
    gokore_policy_checker_ c = { .sink = &sink, .work = &work };
    gokore_policy_check_names_(&c, set, NULL);
    if (sink.errors == 0) gokore_policy_check_orders_(&c, set->policies, NULL, set->count);
    bool failed = work.failed;
    gokore_doc_free_(&work);
    return failed ? GOKORE_NO_MEMORY : sink.errors ? GOKORE_PARSE : GOKORE_OK;
}

static gokore_status gokore_files_load_(gokore_policy_set **out, const gokore_files_ *files, gokore_diagnostics *diagnostics) {
    *out = NULL;
    if (files->error) return gokore_policy_io_error_(files->path, files->error, diagnostics);
    if (files->count == 1)
        return gokore_policy_load(out, files->items[0].text, files->items[0].len, files->items[0].path, diagnostics);
    gokore_policy_set *parts[GOKORE_FILES_MAX_];
    gokore_status status = GOKORE_OK;
    size_t total = 0;
    for (size_t i = 0; i < files->count; i++) { // all of them, so that everything that is wrong is told
        const gokore_file_ *f = &files->items[i];
        gokore_status answer = gokore_policy_load(&parts[i], f->text, f->len, f->path, diagnostics);
        if (status == GOKORE_OK) status = answer;
        total += gokore_policy_set_count(parts[i]);
    }
    gokore_doc_arena_ arena = { { NULL, NULL, NULL }, NULL, false };
    gokore_policy_set *set = (gokore_policy_set *)gokore_doc_alloc_zeroed_(&arena, 1, sizeof *set);
    if (set) set->policies = (gokore_policy *)gokore_doc_alloc_zeroed_(&arena, total + 1, sizeof *set->policies);
    if (status == GOKORE_OK && arena.failed) status = GOKORE_NO_MEMORY;
    if (!arena.failed) set->arena = arena;
    for (size_t i = 0; i < files->count; i++) {
        if (status != GOKORE_OK)
            gokore_policy_set_destroy(parts[i]);
        else
            gokore_policy_join_(set, parts[i]);
    }
    if (status == GOKORE_OK) status = gokore_policy_check_joined_(set, files->path, diagnostics);
    if (status != GOKORE_OK) {
        if (!arena.failed) arena = set->arena;
        gokore_doc_free_(&arena);
        return status;
    }
    set->owners = 1;
    *out = set;
    return GOKORE_OK;
}

gokore_status gokore_policy_load_file(gokore_policy_set **out, const char *path, gokore_diagnostics *diagnostics) {
    if (!out) return GOKORE_INVALID;
    *out = NULL;
    if (!path) return GOKORE_INVALID;
    gokore_files_ files;
    gokore_files_read_(&files, path);
    gokore_status status = gokore_files_load_(out, &files, diagnostics);
    gokore_doc_free_(&files.arena);
    return status;
}

// >>watching a path. Its text is compared, not its times: nothing that is written twice within a clock's tick is missed, and
// a swapped link, a new file and a file in place are one case.
typedef struct gokore_watch_ {
    gokore_thread_ thread;
    gokore_atomic_u32 stop, looked, tid, owners;
    int64_t interval_ns;
    gokore_policy_watch_fn *fn;
    void *user;
    gokore_files_ seen;
    size_t size; // of this block
    char path[];
} gokore_watch_;
static struct {
    gokore_latch_ latch;
    gokore_watch_ *now;
} gokore_watching_;

static void gokore_watch_report_(const gokore_watch_ *w, gokore_status status, const gokore_diagnostics *d) {
    const gokore_diagnostic *first = NULL;
    for (size_t i = 0; i < d->count && i < d->capacity && !first; i++)
        if (d->items[i].severity >= GOKORE_SEVERITY_ERROR) first = &d->items[i];
    if (first)
        gokore_reportf_(GOKORE_REPORT_POLICY, w->path, "%s:%u:%u: %s%s%s [%s]; what is in force stays", first->file,
                        first->line, first->column, first->path, first->path[0] ? ": " : "", first->message, first->code);
    else
        gokore_reportf_(GOKORE_REPORT_POLICY, w->path, "%s; what is in force stays", gokore_status_name(status));
}

static void gokore_watch_look_(gokore_watch_ *w, bool first) {
    gokore_files_ files;
    gokore_files_read_(&files, w->path);
    bool same = !first && gokore_files_same_(&files, &w->seen);
    gokore_files_ old = same ? files : w->seen;
    if (!same) w->seen = files;
    gokore_doc_free_(&old.arena);
    if (same) return;
    gokore_diagnostic items[GOKORE_DOC_ERRORS_MAX_];
    gokore_diagnostics found = { items, GOKORE_DOC_ERRORS_MAX_, 0 };
    gokore_policy_set *set;
    gokore_status status = gokore_files_load_(&set, &w->seen, &found);
    if (status == GOKORE_OK) status = gokore_policy_apply(set);
    if (status != GOKORE_OK) gokore_watch_report_(w, status, &found);
    if (w->fn) w->fn(status, set, &found, w->user);
    gokore_policy_set_destroy(set);
}

static void gokore_watch_drop_(gokore_watch_ *w) { // by the call that started it, and by the one that joined it
    if (gokore_atomic_fetch_sub_acq_rel(&w->owners, 1) != 1) return; // acq_rel: the last one sees what the other did
    gokore_doc_free_(&w->seen.arena);
    gokore_free_(NULL, w, w->size);
}

static bool gokore_watch_is_mine_(gokore_watch_ *w) {                            // called by its callback?
    return gokore_atomic_load_relaxed(&w->tid) == (uint32_t)gokore_thread_id_(); // relaxed: only its own thread finds itself
}

static void gokore_watch_run_(void *arg) {
    gokore_watch_ *w = (gokore_watch_ *)arg;
    gokore_thread_name_("gokore-policy");
    gokore_atomic_store_relaxed(&w->tid, (uint32_t)gokore_thread_id_()); // relaxed: likewise
    gokore_watch_look_(w, true);
    gokore_atomic_store_release(&w->looked, 1); // pairs with the acquire in gokore_policy_watch_start
    GOKORE_SEAM_WAKE_(&w->looked, 1);
    while (gokore_atomic_load_acquire(&w->stop) == 0) { // pairs with the release in gokore_policy_watch_stop
        int64_t until = gokore_policy_after_(gokore_now_ns(), w->interval_ns);
        while (gokore_atomic_load_acquire(&w->stop) == 0 && gokore_now_ns() < until)
            (void)GOKORE_SEAM_WAIT_(&w->stop, 0, until);                             // likewise
        if (gokore_atomic_load_acquire(&w->stop) == 0) gokore_watch_look_(w, false); // likewise
    }
}

gokore_status gokore_policy_watch_start(const char *path, int64_t interval_ns, gokore_policy_watch_fn *fn, void *user) {
    if (!path || interval_ns < 0) return GOKORE_INVALID;
    size_t size = sizeof(gokore_watch_) + strlen(path) + 1;
    gokore_watch_ *w = (gokore_watch_ *)gokore_alloc_zeroed_(NULL, size, 16);
    if (!w) return GOKORE_NO_MEMORY;
    memcpy(w->path, path, strlen(path) + 1);
    w->size = size;
    w->interval_ns = interval_ns ? interval_ns : INT64_C(1000000000);
    w->fn = fn;
    w->user = user;
    gokore_atomic_store_relaxed(&w->owners, 2); // relaxed: before sharing
    gokore_latch_lock_(&gokore_watching_.latch);
    gokore_watch_ *ended = gokore_watching_.now; // by its own callback
    if (ended && (gokore_watch_is_mine_(ended) || gokore_atomic_load_acquire(&ended->stop) == 0))
        ended = NULL; // pairs with watch_stop
    if (ended) gokore_watching_.now = NULL;
    gokore_status status = gokore_watching_.now ? GOKORE_BUSY : GOKORE_SEAM_THREAD_START_(&w->thread, gokore_watch_run_, w, 0);
    if (status == GOKORE_OK) gokore_watching_.now = w;
    gokore_latch_unlock_(&gokore_watching_.latch);
    if (ended) GOKORE_SEAM_THREAD_JOIN_(&ended->thread);
    if (ended) gokore_watch_drop_(ended);
    if (status != GOKORE_OK) gokore_watch_drop_(w);
    while (status == GOKORE_OK && gokore_atomic_load_acquire(&w->looked) == 0) // pairs with the release in gokore_watch_run_
        (void)GOKORE_SEAM_WAIT_(&w->looked, 0, INT64_MAX);
    gokore_watch_drop_(w);
    return status;
}

void gokore_policy_watch_stop(void) {
    gokore_latch_lock_(&gokore_watching_.latch);
    gokore_watch_ *w = gokore_watching_.now;
    bool mine = w && gokore_watch_is_mine_(w);
    if (!mine) gokore_watching_.now = NULL;
    gokore_latch_unlock_(&gokore_watching_.latch);
    if (!w) return;
    gokore_atomic_store_release(&w->stop, 1); // pairs with the acquires in gokore_watch_run_
    GOKORE_SEAM_WAKE_(&w->stop, 1);
    if (mine) return; // the next start or stop joins it
    GOKORE_SEAM_THREAD_JOIN_(&w->thread);
    gokore_watch_drop_(w);
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

// >>published: structs that any thread reads while one replaces them
typedef struct gokore_published_ { // a copy behind it, GOKORE_CACHE_LINE bytes further
    struct gokore_published_ *next;
} gokore_published_;
static struct {
    gokore_latch_ latch;
    gokore_published_ *kept; // all that were ever published, for their readers and for leak checkers
} gokore_publications_;

// A copy of size bytes that lasts as long as the process, NULL: no memory.
static void *gokore_publish_copy_(const void *what, size_t size) {
    gokore_published_ *p = (gokore_published_ *)gokore_alloc_zeroed_(NULL, GOKORE_CACHE_LINE + size, GOKORE_CACHE_LINE);
    if (!p) return NULL;
    gokore_latch_lock_(&gokore_publications_.latch);
    p->next = gokore_publications_.kept;
    gokore_publications_.kept = p;
    gokore_latch_unlock_(&gokore_publications_.latch);
    void *copy = (char *)p + GOKORE_CACHE_LINE;
    if (what) memcpy(copy, what, size);
    return copy;
}

static gokore_status gokore_publish_(gokore_atomic_ptr *where, const void *what, size_t size) {
    void *copy = what ? gokore_publish_copy_(what, size) : NULL;
    if (what && !copy) return GOKORE_NO_MEMORY;
    gokore_atomic_store_release(where, copy); // pairs with the acquires of the readers
    return GOKORE_OK;
}

// >>metrics
#define GOKORE_METRIC_SHARDS_      16 // as gokore_counter has
#define GOKORE_METRIC_BUCKETS_MAX_ 64
#define GOKORE_METRIC_KEYED_MAX_   1000
static const double gokore_metric_lock_buckets_[] = {
    1e-06, 1e-05, 0.0001, 0.001, 0.005, 0.015, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0
};

typedef struct gokore_metric_family_ {
    gokore_atomic_ptr next, first; // families by name, series in the order they came
    const char *name, *help;
    size_t base; // length of the name without _total
    gokore_metric_type type;
    const double *buckets;
    size_t bucket_count;
} gokore_metric_family_;

struct gokore_metric {
    gokore_counter count;
    gokore_atomic_u64 bits; // of a gauge's double
    gokore_atomic_ptr next;
    gokore_metric_family_ *family;
    const char *labels;       // as they are written, sorted by name: a="x",b="y"
    const char *key;          // of those that were made as they were needed
    gokore_atomic_u64 *cells; // GOKORE_METRIC_SHARDS_ times: counts of the buckets, of what is above them, and the sum's bits
    size_t stride;
};

static struct {
    gokore_latch_ latch;
    gokore_atomic_ptr first; // families
    gokore_atomic_ptr keyed[1024];
    unsigned keyed_count; // at most GOKORE_METRIC_KEYED_MAX_, and that of what was dropped
    gokore_atomic_bool begun;
} gokore_metrics_;

static bool gokore_metric_is_name_(const char *text) {
    if (!text || !text[0] || gokore_doc_is_digit_(text[0])) return false;
    for (const char *p = text; *p; p++)
        if (!gokore_doc_is_digit_(*p) && *p != '_' && !(gokore_doc_lower_(*p) >= 'a' && gokore_doc_lower_(*p) <= 'z'))
            return false;
    return true;
}

static bool gokore_metric_desc_ok_(const gokore_metric_desc *d) {
    static const char *const kept[] = { "_bucket", "_count", "_sum", "_created" }; // suffixes of samples
    if ((unsigned)d->type > GOKORE_METRIC_HISTOGRAM || !gokore_metric_is_name_(d->name)) return false;
    if (gokore_doc_ends_(d->name, "_total") != (d->type == GOKORE_METRIC_COUNTER)) return false;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (gokore_doc_ends_(d->name, kept[i])) return false;
    if (d->label_count && !d->labels) return false;
    if (d->bucket_count > GOKORE_METRIC_BUCKETS_MAX_ ||
        (d->bucket_count && (!d->buckets || d->type != GOKORE_METRIC_HISTOGRAM)))
        return false;
    for (size_t i = 0; i < d->bucket_count; i++)
        if (!(d->buckets[i] - d->buckets[i] == 0) || (i && !(d->buckets[i] > d->buckets[i - 1])))
            return false; // no number, no order
    return true;
}

// \\ \" \n for label values; help keeps its quotes in the older format.
static void gokore_metric_escape_(gokore_doc_out_ *out, const char *text, bool quotes) {
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || (*p == '"' && quotes) || *p == '\n') gokore_doc_puts_(out, "\\");
        gokore_doc_put_(out, *p == '\n' ? "n" : p, 1);
    }
}

static gokore_status gokore_metric_collect_(void *user, const void *data, size_t len) { // into an arena, end to end
    char **at = (char **)user;
    if (*at) memcpy(*at, data, len);
    *at += len;
    return GOKORE_OK;
}

static bool gokore_metric_is_text_(const char *text) {
    uint32_t c;
    for (size_t left = text ? strlen(text) : 0, n; left; left -= n, text += n)
        if ((n = gokore_doc_utf8_(text, left, &c)) == 0) return false;
    return text != NULL;
}

// The labels as they are written, sorted by name, in memory that lasts; NULL: *status says why.
static const char *gokore_metric_labels_(const gokore_metric_desc *d, gokore_status *status) {
    size_t room = 1;
    *status = GOKORE_INVALID;
    for (size_t i = 0; i < d->label_count; i++) {
        const char *name = d->labels[2 * i], *value = d->labels[2 * i + 1];
        if (!gokore_metric_is_name_(name) || !gokore_metric_is_text_(value)) return NULL;
        if ((name[0] == '_' && name[1] == '_') || strcmp(name, "le") == 0 || strcmp(name, "quantile") == 0) return NULL;
        for (size_t k = 0; k < i; k++)
            if (strcmp(name, d->labels[2 * k]) == 0) return NULL;
        room += strlen(name) + 2 * strlen(value) + 4;
    }
    char *text = (char *)gokore_publish_copy_(NULL, room), *at = text;
    *status = text ? GOKORE_OK : GOKORE_NO_MEMORY;
    if (!text) return NULL;
    gokore_doc_out_ out = { .writer = { gokore_metric_collect_, &at } };
    for (const char *last = NULL; true;) {
        size_t least = d->label_count; // the first name after the last
        for (size_t i = 0; i < d->label_count; i++)
            if ((!last || strcmp(d->labels[2 * i], last) > 0) &&
                (least == d->label_count || strcmp(d->labels[2 * i], d->labels[2 * least]) < 0))
                least = i;
        if (least == d->label_count) break;
        if (last) gokore_doc_puts_(&out, ",");
        last = d->labels[2 * least];
        gokore_doc_puts_(&out, last);
        gokore_doc_puts_(&out, "=\"");
        gokore_metric_escape_(&out, d->labels[2 * least + 1], true);
        gokore_doc_puts_(&out, "\"");
    }
    gokore_doc_flush_(&out);
    *at = 0;
    return text;
}

static char *gokore_metric_copy_(const char *text) {
    size_t size = text ? strlen(text) + 1 : 1;
    return (char *)gokore_publish_copy_(text ? text : "", size);
}

static bool gokore_metric_fits_(const gokore_metric_family_ *f,
                                const gokore_metric_desc *d) { // may the family have this series?
    if (f->type != d->type || strcmp(f->name, d->name) != 0) return false;
    if (f->type != GOKORE_METRIC_HISTOGRAM) return true;
    size_t count = d->bucket_count ? d->bucket_count : sizeof gokore_metric_lock_buckets_ / sizeof(double);
    const double *buckets = d->bucket_count ? d->buckets : gokore_metric_lock_buckets_;
    return count == f->bucket_count && memcmp(buckets, f->buckets, count * sizeof *buckets) == 0;
}

// The family of a name, made if there is none. Under the latch.
static gokore_metric_family_ *gokore_metric_family_of_(const gokore_metric_desc *d, gokore_status *status) {
    size_t base = strlen(d->name) - (d->type == GOKORE_METRIC_COUNTER ? strlen("_total") : 0);
    gokore_atomic_ptr *link = &gokore_metrics_.first;
    gokore_metric_family_ *f = (gokore_metric_family_ *)gokore_atomic_load_relaxed(link); // relaxed: under the latch
    for (; f; link = &f->next, f = (gokore_metric_family_ *)gokore_atomic_load_relaxed(link)) {
        if (f->base == base && memcmp(f->name, d->name, base) == 0) {
            *status = gokore_metric_fits_(f, d) ? GOKORE_OK : GOKORE_INVALID;
            return *status == GOKORE_OK ? f : NULL;
        }
        if (strcmp(f->name, d->name) > 0) break;
    }
    for (gokore_metric_family_ *g = f; g;
         g = (gokore_metric_family_ *)gokore_atomic_load_relaxed(&g->next)) // x_total after x_a, x
        if (g->base == base && memcmp(g->name, d->name, base) == 0)
            return *status = GOKORE_INVALID, (gokore_metric_family_ *)NULL;
    *status = GOKORE_NO_MEMORY;
    gokore_metric_family_ *made = (gokore_metric_family_ *)gokore_publish_copy_(NULL, sizeof *made);
    if (!made || !(made->name = gokore_metric_copy_(d->name)) || !(made->help = gokore_metric_copy_(d->help))) return NULL;
    made->base = base;
    made->type = d->type;
    made->buckets = gokore_metric_lock_buckets_;
    made->bucket_count = sizeof gokore_metric_lock_buckets_ / sizeof(double);
    if (d->bucket_count) {
        made->buckets = (const double *)gokore_publish_copy_(d->buckets, d->bucket_count * sizeof(double));
        made->bucket_count = d->bucket_count;
        if (!made->buckets) return NULL;
    }
    gokore_atomic_store_relaxed(&made->next,
                                f); // relaxed: not seen before the next store, which pairs with the readers' acquires
    gokore_atomic_store_release(link, made);
    *status = GOKORE_OK;
    return made;
}

static gokore_status gokore_metric_make_(gokore_metric **out, const gokore_metric_desc *d,
                                         const char *labels) { // under the latch
    gokore_status status;
    gokore_metric_family_ *f = gokore_metric_family_of_(d, &status);
    if (!f) return status;
    gokore_atomic_ptr *link = &f->first;
    for (gokore_metric *m; (m = (gokore_metric *)gokore_atomic_load_relaxed(link)) != NULL;
         link = &m->next) // relaxed: under the latch
        if (strcmp(m->labels, labels) == 0) return GOKORE_INVALID;
    gokore_metric *m = (gokore_metric *)gokore_publish_copy_(NULL, sizeof *m);
    if (!m) return GOKORE_NO_MEMORY;
    m->family = f;
    m->labels = labels;
    if (f->type == GOKORE_METRIC_HISTOGRAM) {
        size_t line = GOKORE_CACHE_LINE / sizeof *m->cells;
        m->stride = (f->bucket_count + 2 + line - 1) / line * line;
        m->cells = (gokore_atomic_u64 *)gokore_publish_copy_(NULL, GOKORE_METRIC_SHARDS_ * m->stride * sizeof *m->cells);
        if (!m->cells) return GOKORE_NO_MEMORY;
    }
    gokore_atomic_store_release(link, m); // pairs with the acquire in gokore_metrics_write_
    *out = m;
    return GOKORE_OK;
}

gokore_status gokore_metric_register(gokore_metric **out, const gokore_metric_desc *desc) {
    *out = NULL;
    if (!GOKORE_METRICS) return GOKORE_UNSUPPORTED;
    if (!desc || !gokore_metric_desc_ok_(desc)) return GOKORE_INVALID;
    gokore_status status;
    const char *labels = gokore_metric_labels_(desc, &status);
    if (!labels) return status;
    gokore_latch_lock_(&gokore_metrics_.latch);
    status = gokore_metric_make_(out, desc, labels);
    gokore_latch_unlock_(&gokore_metrics_.latch);
    return status;
}

// >>metrics: recording
static double gokore_metric_double_(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void gokore_metric_add_double_(gokore_atomic_u64 *bits, double n) {
    uint64_t old = gokore_atomic_load_relaxed(bits), wanted; // relaxed, all: a number by itself
    do {
        double sum = gokore_metric_double_(old) + n;
        memcpy(&wanted, &sum, sizeof wanted);
    } while (!gokore_atomic_compare_exchange_weak_relaxed(bits, &old, wanted));
}

void gokore_metric_add(gokore_metric *metric, uint64_t n) {
    if (!metric) return;
    if (metric->family->type == GOKORE_METRIC_COUNTER) gokore_counter_add(&metric->count, (int64_t)n);
    if (metric->family->type == GOKORE_METRIC_GAUGE) gokore_metric_add_double_(&metric->bits, (double)n);
}

void gokore_metric_set(gokore_metric *metric, double value) {
    uint64_t bits;
    if (!metric || metric->family->type != GOKORE_METRIC_GAUGE) return;
    memcpy(&bits, &value, sizeof bits);
    gokore_atomic_store_relaxed(&metric->bits, bits); // relaxed: a number by itself
}

void gokore_metric_observe(gokore_metric *metric, double value) {
    if (!metric || metric->family->type != GOKORE_METRIC_HISTOGRAM || !(value == value)) return;
    const gokore_metric_family_ *f = metric->family;
    size_t low = 0, high = f->bucket_count; // the first bucket whose bound is not below the value
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->buckets[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    gokore_atomic_u64 *cells = metric->cells + gokore_thread_cell_() % GOKORE_METRIC_SHARDS_ * metric->stride;
    (void)gokore_atomic_fetch_add_relaxed(&cells[low], 1); // relaxed: a count
    gokore_metric_add_double_(&cells[f->bucket_count + 1], value);
}

// >>metrics: writing
// The shortest digits that read back as the value. bound: a whole number gets its .0, as OpenMetrics has it.
static void gokore_metric_number_(gokore_doc_out_ *out, double value, bool bound) {
    char text[40], *to = text;
    if (!(value - value == 0)) {
        gokore_doc_puts_(out, value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN");
        return;
    }
    double most = bound ? 1e6 : 1e15; // below it whole numbers have no exponent
    (void)snprintf(text, sizeof text, "%.0f", value > -most && value < most ? value : 0.0);
    for (int digits = 1; digits <= 17 && (strtod(text, NULL) < value || strtod(text, NULL) > value); digits++)
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
    bool whole = true;
    for (const char *p = text; *p; p++) { // the locale's decimal point, of one or more bytes, becomes a dot
        bool known = gokore_doc_is_digit_(*p) || strchr("+-e", *p);
        whole = whole && known && *p != 'e';
        if (known || to == text || to[-1] != '.') *to++ = known ? *p : '.';
    }
    *to = 0;
    gokore_doc_puts_(out, text);
    if (bound && whole) gokore_doc_puts_(out, ".0");
}

static void gokore_metric_head_(gokore_doc_out_ *out, const gokore_metric_family_ *f, bool open) {
    static const char *const types[] = { "counter", "gauge", "histogram" };
    size_t len = open ? f->base : strlen(f->name);
    const char *unit = strrchr(f->name, '_');
    if (f->type == GOKORE_METRIC_COUNTER && unit)
        for (unit--; unit > f->name && *unit != '_'; unit--) {}
    bool known = unit && *unit == '_' && (strncmp(unit, "_seconds", 8) == 0 || strncmp(unit, "_bytes", 6) == 0);
    gokore_doc_puts_(out, "# TYPE ");
    gokore_doc_put_(out, f->name, len);
    gokore_doc_puts_(out, " ");
    gokore_doc_puts_(out, types[f->type]);
    if (open && known) {
        gokore_doc_puts_(out, "\n# UNIT ");
        gokore_doc_put_(out, f->name, len);
        gokore_doc_puts_(out, unit[1] == 's' ? " seconds" : " bytes");
    }
    gokore_doc_puts_(out, "\n");
    if (!f->help[0]) return;
    gokore_doc_puts_(out, "# HELP ");
    gokore_doc_put_(out, f->name, len);
    gokore_doc_puts_(out, " ");
    gokore_metric_escape_(out, f->help, open);
    gokore_doc_puts_(out, "\n");
}

static void gokore_metric_sample_(gokore_doc_out_ *out, const gokore_metric *m, const char *suffix,
                                  const char *bound) { // up to its value
    gokore_doc_puts_(out, m->family->name);
    gokore_doc_puts_(out, suffix);
    if (m->labels[0] || bound) gokore_doc_puts_(out, "{");
    gokore_doc_puts_(out, m->labels);
    if (bound) gokore_doc_puts_(out, m->labels[0] ? ",le=\"" : "le=\"");
    if (bound) gokore_doc_puts_(out, bound);
    if (bound) gokore_doc_puts_(out, "\"");
    gokore_doc_puts_(out, m->labels[0] || bound ? "} " : " ");
}

static void gokore_metric_count_(gokore_doc_out_ *out, uint64_t n) {
    char text[32];
    (void)snprintf(text, sizeof text, "%llu\n", (unsigned long long)n);
    gokore_doc_puts_(out, text);
}

static void gokore_metric_histogram_(gokore_doc_out_ *out, const gokore_metric *m) {
    const gokore_metric_family_ *f = m->family;
    uint64_t count = 0;
    double sum = 0;
    for (size_t i = 0; i <= f->bucket_count; i++) {
        char bound[48];
        gokore_buffer buffer = { bound, sizeof bound, 0 };
        gokore_doc_out_ text = { .writer = gokore_writer_buffer(&buffer) };
        for (size_t k = 0; k < GOKORE_METRIC_SHARDS_; k++)
            count += gokore_atomic_load_relaxed(&m->cells[k * m->stride + i]); // relaxed: a count
        if (i < f->bucket_count)
            gokore_metric_number_(&text, f->buckets[i], true);
        else
            gokore_doc_puts_(&text, "+Inf");
        gokore_doc_flush_(&text);
        gokore_metric_sample_(out, m, "_bucket", bound);
        gokore_metric_count_(out, count);
    }
    for (size_t k = 0; k < GOKORE_METRIC_SHARDS_; k++)
        sum += gokore_metric_double_(
            gokore_atomic_load_relaxed(&m->cells[k * m->stride + f->bucket_count + 1])); // relaxed: likewise
    gokore_metric_sample_(out, m, "_sum", NULL);
    gokore_metric_number_(out, sum, false);
    gokore_doc_puts_(out, "\n");
    gokore_metric_sample_(out, m, "_count", NULL);
    gokore_metric_count_(out, count);
}

static void gokore_metrics_begin_(void);

static gokore_status gokore_metrics_write_(gokore_writer writer, bool open) {
    if (!GOKORE_METRICS) return GOKORE_UNSUPPORTED;
    gokore_metrics_begin_();
    gokore_doc_out_ out = { .writer = writer };
    gokore_metric_family_ *f = (gokore_metric_family_ *)gokore_atomic_load_acquire(&gokore_metrics_.first); // pairs with the
    for (; f && out.status == GOKORE_OK;
         f = (gokore_metric_family_ *)gokore_atomic_load_acquire(&f->next)) {      // releases where these
        gokore_metric *m = (gokore_metric *)gokore_atomic_load_acquire(&f->first); // were linked
        if (m) gokore_metric_head_(&out, f, open);
        for (; m; m = (gokore_metric *)gokore_atomic_load_acquire(&m->next)) {
            if (f->type == GOKORE_METRIC_HISTOGRAM) {
                gokore_metric_histogram_(&out, m);
                continue;
            }
            gokore_metric_sample_(&out, m, "", NULL);
            if (f->type == GOKORE_METRIC_COUNTER) {
                gokore_metric_count_(&out, (uint64_t)gokore_counter_read(&m->count));
                continue;
            }
            gokore_metric_number_(&out, gokore_metric_double_(gokore_atomic_load_relaxed(&m->bits)),
                                  false); // relaxed: a number
            gokore_doc_puts_(&out, "\n");
        }
    }
    if (open) gokore_doc_puts_(&out, "# EOF\n");
    gokore_doc_flush_(&out);
    return out.status;
}

gokore_status gokore_metrics_write_prometheus(gokore_writer writer) { return gokore_metrics_write_(writer, false); }
gokore_status gokore_metrics_write_openmetrics(gokore_writer writer) { return gokore_metrics_write_(writer, true); }

// >>metrics: those of the library, made as they are needed
typedef struct gokore_metric_kind_ {
    const char *name, *help;
    gokore_metric_type type;
    const char *labels[2];
} gokore_metric_kind_;
static const gokore_metric_kind_ gokore_metric_acquisitions_ = {
    "gokore_lock_acquisitions_total", "Lock calls by their result.", GOKORE_METRIC_COUNTER, { "lock", "result" }
};
static const gokore_metric_kind_ gokore_metric_lock_wait_ = {
    "gokore_lock_wait_seconds", "Time from a lock call to its end.", GOKORE_METRIC_HISTOGRAM, { "lock", "qos" }
};
static const gokore_metric_kind_ gokore_metric_lock_hold_ = {
    "gokore_lock_hold_seconds", "Time a lock was held.", GOKORE_METRIC_HISTOGRAM, { "lock", NULL }
};
static const gokore_metric_kind_ gokore_metric_retries_ = {
    "gokore_lock_retries_total", "Tries after the first one.", GOKORE_METRIC_COUNTER, { "lock", NULL }
};
static const gokore_metric_kind_ gokore_metric_violations_ = {
    "gokore_lock_violations_total", "Findings by their report id.", GOKORE_METRIC_COUNTER, { "kind", NULL }
};
static const gokore_metric_kind_ gokore_metric_deadlocks_ = {
    "gokore_lock_deadlocks_total", "Deadlocks found.", GOKORE_METRIC_COUNTER, { NULL, NULL }
};
static const gokore_metric_kind_ gokore_metric_tasks_ = {
    "gokore_pool_tasks_total", "Tasks by what became of them.", GOKORE_METRIC_COUNTER, { "pool", "result" }
};
static const gokore_metric_kind_ gokore_metric_running_ = {
    "gokore_pool_tasks_running", "Tasks that run now.", GOKORE_METRIC_GAUGE, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_task_ = {
    "gokore_pool_task_seconds", "Time tasks ran.", GOKORE_METRIC_HISTOGRAM, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_steals_ = {
    "gokore_pool_steals_total", "Tasks taken from another worker.", GOKORE_METRIC_COUNTER, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_crossings_ = {
    "gokore_pool_numa_crossings_total", "Tasks taken from another node.", GOKORE_METRIC_COUNTER, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_workers_ = {
    "gokore_pool_workers", "Threads of a pool.", GOKORE_METRIC_GAUGE, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_queue_ = {
    "gokore_pool_queue_depth", "Tasks that wait.", GOKORE_METRIC_GAUGE, { "pool", NULL }
};
static const gokore_metric_kind_ gokore_metric_sent_ = {
    "gokore_channel_sends_total", "Sends by their result.", GOKORE_METRIC_COUNTER, { "channel", "result" }
};
static const gokore_metric_kind_ gokore_metric_received_ = {
    "gokore_channel_receives_total", "Receives by their result.", GOKORE_METRIC_COUNTER, { "channel", "result" }
};
static const gokore_metric_kind_ gokore_metric_blocked_ = {
    "gokore_channel_blocked_seconds", "Time sends and receives were blocked.", GOKORE_METRIC_HISTOGRAM, { "channel", NULL }
};
static const gokore_metric_kind_ gokore_metric_atomic_ = {
    "gokore_atomic_ops_total", "Operations on tracked atomics.", GOKORE_METRIC_COUNTER, { "op", NULL }
};
static const gokore_metric_kind_ gokore_metric_dropped_ = {
    "gokore_metrics_dropped_total", "Records of series that were too many.", GOKORE_METRIC_COUNTER, { NULL, NULL }
};

static gokore_metric *gokore_metric_make_keyed_(gokore_atomic_ptr *slot, const gokore_metric_kind_ *kind, const char *a,
                                                const char *b, const char *key) {
    const char *labels[4] = { kind->labels[0], a, kind->labels[1], b };
    gokore_metric_desc desc = { .name = kind->name, .help = kind->help, .type = kind->type, .labels = labels };
    desc.label_count = (kind->labels[0] != NULL) + (size_t)(kind->labels[1] != NULL);
    gokore_status status;
    if (gokore_metrics_.keyed_count >= GOKORE_METRIC_KEYED_MAX_ && kind != &gokore_metric_dropped_) return NULL;
    const char *text = gokore_metric_labels_(&desc, &status), *copy = text ? gokore_metric_copy_(key) : NULL;
    gokore_metric *m = copy ? (gokore_metric *)gokore_atomic_load_relaxed(slot) : NULL; // relaxed: under the latch
    if (!copy || m) return m && strcmp(m->key, key) == 0 ? m : NULL;
    if (gokore_metric_make_(&m, &desc, text) != GOKORE_OK) return NULL;
    m->key = copy;
    gokore_metrics_.keyed_count++;
    gokore_atomic_store_release(slot, m); // pairs with the acquire in gokore_metric_of_
    return m;
}

// The series of a kind with these labels; NULL: there are too many. Takes the latch only where it is new.
static gokore_metric *gokore_metric_of_(const gokore_metric_kind_ *kind, const char *a, const char *b) {
    char key[256];
    size_t size = sizeof gokore_metrics_.keyed / sizeof gokore_metrics_.keyed[0];
    (void)snprintf(key, sizeof key, "%s/%.100s/%.40s", kind->name, a, b);
    uint64_t hash = UINT64_C(14695981039346656037); // FNV-1a
    for (const char *p = key; *p; p++) hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (size_t i = 0; i < size; i++) {
        gokore_atomic_ptr *slot = &gokore_metrics_.keyed[(size_t)(hash >> 20) % size];
        gokore_metric *m =
            (gokore_metric *)gokore_atomic_load_acquire(slot); // pairs with the release in gokore_metric_make_keyed_
        if (!m) {
            gokore_latch_lock_(&gokore_metrics_.latch);
            m = gokore_metric_make_keyed_(slot, kind, a, b, key);
            gokore_latch_unlock_(&gokore_metrics_.latch);
            if (m) return m;
            m = (gokore_metric *)gokore_atomic_load_acquire(slot); // taken by another meanwhile? pairs likewise
            if (!m) return NULL;
        }
        if (strcmp(m->key, key) == 0) return m;
        hash += (uint64_t)1 << 20;
    }
    return NULL;
}

static void gokore_metric_count_one_(const gokore_metric_kind_ *kind, const char *a, const char *b, uint64_t n) {
    gokore_metric *m = gokore_metric_of_(kind, a, b);
    gokore_metric_add(m ? m : gokore_metric_of_(&gokore_metric_dropped_, "", ""), m ? n : 1);
}

static const char *gokore_metric_result_(gokore_status status, char out[24]) { // "timeout"
    size_t i = 0;
    for (const char *p = gokore_status_name(status); *p && i < 23; p++) out[i++] = gokore_doc_lower_(*p);
    out[i] = 0;
    return out;
}

static void gokore_record_lock_wait_(void *user, const char *lock, gokore_qos qos, gokore_status result, int64_t waited_ns) {
    char text[24];
    (void)user;
    gokore_metric_count_one_(&gokore_metric_acquisitions_, lock, gokore_metric_result_(result, text), 1);
    gokore_metric_observe(gokore_metric_of_(&gokore_metric_lock_wait_, lock, gokore_qos_name(gokore_qos_known_(qos))),
                          (double)waited_ns / 1e9);
}
static void gokore_record_lock_held_(void *user, const char *lock, int64_t held_ns) {
    (void)user;
    gokore_metric_observe(gokore_metric_of_(&gokore_metric_lock_hold_, lock, ""), (double)held_ns / 1e9);
}
static void gokore_record_retry_(void *user, const char *lock) {
    (void)user;
    gokore_metric_count_one_(&gokore_metric_retries_, lock, "", 1);
}
static void gokore_record_violation_(void *user, gokore_report_id kind) {
    (void)user;
    gokore_metric_count_one_(&gokore_metric_violations_, gokore_report_id_name(kind), "", 1);
}
static void gokore_record_deadlock_(void *user) {
    (void)user;
    gokore_metric_count_one_(&gokore_metric_deadlocks_, "", "", 1);
}
static void gokore_record_task_begin_(void *user, const char *pool) {
    (void)user;
    gokore_metric_add(gokore_metric_of_(&gokore_metric_running_, pool, ""), 1);
}
static void gokore_record_task_end_(void *user, const char *pool, int64_t ran_ns) {
    gokore_metric *running = gokore_metric_of_(&gokore_metric_running_, pool, "");
    (void)user;
    if (running) gokore_metric_add_double_(&running->bits, -1);
    gokore_metric_count_one_(&gokore_metric_tasks_, pool, "ok", 1);
    gokore_metric_observe(gokore_metric_of_(&gokore_metric_task_, pool, ""), (double)ran_ns / 1e9);
}
static void gokore_record_task_cancel_(void *user, const char *pool, gokore_status why) {
    char text[24];
    (void)user;
    gokore_metric_count_one_(&gokore_metric_tasks_, pool, gokore_metric_result_(why, text), 1);
}
static void gokore_record_steal_(void *user, const char *pool, bool crossed_nodes) {
    (void)user;
    gokore_metric_count_one_(&gokore_metric_steals_, pool, "", 1);
    if (crossed_nodes) gokore_metric_count_one_(&gokore_metric_crossings_, pool, "", 1);
}
static void gokore_record_pool_(void *user, const char *pool, unsigned workers, size_t queued) {
    (void)user;
    gokore_metric_set(gokore_metric_of_(&gokore_metric_workers_, pool, ""), (double)workers);
    gokore_metric_set(gokore_metric_of_(&gokore_metric_queue_, pool, ""), (double)queued);
}
static void gokore_record_channel_(void *user, const char *channel, bool is_send, gokore_status result, int64_t blocked_ns) {
    char text[24];
    (void)user;
    gokore_metric_count_one_(is_send ? &gokore_metric_sent_ : &gokore_metric_received_, channel,
                             gokore_metric_result_(result, text), 1);
    gokore_metric_observe(gokore_metric_of_(&gokore_metric_blocked_, channel, ""), (double)blocked_ns / 1e9);
}
static void gokore_record_atomic_(void *user, const char *op, uint64_t count) {
    (void)user;
    gokore_metric_count_one_(&gokore_metric_atomic_, op, "", count);
}

static const gokore_instrumenter gokore_instrumenters_[2] = {
    // by GOKORE_METRICS
    { .user = NULL },
    { gokore_record_lock_wait_, gokore_record_lock_held_, gokore_record_retry_, gokore_record_violation_,
      gokore_record_deadlock_, gokore_record_task_begin_, gokore_record_task_end_, gokore_record_task_cancel_,
      gokore_record_steal_, gokore_record_pool_, gokore_record_channel_, gokore_record_atomic_, NULL },
};
static gokore_atomic_ptr gokore_instrumenter_now_; // NULL = the default

gokore_status gokore_instrumenter_set(const gokore_instrumenter *instrumenter) {
    return gokore_publish_(&gokore_instrumenter_now_, instrumenter, sizeof *instrumenter);
}

const gokore_instrumenter *gokore_instrumenter_get(void) {
    const gokore_instrumenter *now =
        (const gokore_instrumenter *)gokore_atomic_load_acquire(&gokore_instrumenter_now_); // pairs with gokore_publish_
    return now ? now : &gokore_instrumenters_[GOKORE_METRICS];
}

static void gokore_metrics_begin_(void) { // what is known of the process
    if (gokore_atomic_exchange(&gokore_metrics_.begun, true)) return;
    static const char *const labels[] = { "version", GOKORE_VERSION };
    gokore_metric_desc build = {
        .name = "gokore_build_info", .help = "The library.", .type = GOKORE_METRIC_GAUGE, .labels = labels, .label_count = 1
    };
    gokore_metric *m;
    gokore_lent_container_ c;
    if (gokore_metric_register(&m, &build) == GOKORE_OK) gokore_metric_set(m, 1);
    if (!gokore_lent_machine_here_ || gokore_lent_machine_here_->container_facts(&c) != GOKORE_OK) return;
    char version[8];
    (void)snprintf(version, sizeof version, "%d", c.cgroup_version);
    const char *facts[] = { "qos", c.qos ? gokore_qos_name(c.qos) : "", "cgroup_version", version, "source", c.source };
    gokore_metric_desc container = { .name = "gokore_container_info",
                                     .help = "What the container says.",
                                     .type = GOKORE_METRIC_GAUGE,
                                     .labels = facts,
                                     .label_count = 3 };
    if (gokore_metric_register(&m, &container) == GOKORE_OK) gokore_metric_set(m, 1);
}

// >>limits
static gokore_atomic_ptr gokore_adjusted_;       // const gokore_resource_adjustment *, NULL = none yet
static gokore_atomic_ptr gokore_qos_policy_now_; // const gokore_qos_policy *, NULL = nothing

static const gokore_resource_adjustment *gokore_adjustment_now_(uint32_t field) { // NULL: that field was never adjusted
    const gokore_resource_adjustment *a =
        (const gokore_resource_adjustment *)gokore_atomic_load_acquire(&gokore_adjusted_); // pairs with gokore_publish_
    return a && (a->fields & field) ? a : NULL;
}

// Meant for this container, or for every one.
static bool gokore_lock_policy_is_ours_(const gokore_lock_policy *p) {
    const char *here =
        (const char *)gokore_atomic_load_acquire(&gokore_report_container_); // pairs with gokore_report_identity_
    return !p->container_id[0] || (here && strcmp(p->container_id, here) == 0);
}

const gokore_lock_policy *gokore_lock_policy_current(void) {
    const gokore_policy_set *set = gokore_policy_current();
    for (size_t i = 0; set && i < set->count; i++) {
        const gokore_lock_policy *p = set->policies[i].lock;
        if (p && gokore_lock_policy_is_ours_(p)) return p;
    }
    return NULL;
}

gokore_qos gokore_qos_current(void) {
    const gokore_resource_adjustment *a = gokore_adjustment_now_(GOKORE_ADJUST_QOS);
    const gokore_lock_policy *p = a ? NULL : gokore_lock_policy_current();
    return gokore_qos_known_(a ? a->qos : p ? p->qos : GOKORE_QOS_DEFAULT);
}

static void gokore_limit_take_(gokore_limit *limit, int64_t value, const char *format, ...) GOKORE_PRINTF_(3);
static void gokore_limit_take_(gokore_limit *limit, int64_t value, const char *format, ...) { // if it is smaller
    if (value <= 0 || (limit->value && limit->value <= value)) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(limit->source, sizeof limit->source, format, args);
    va_end(args);
    limit->value = value;
}

static const char *gokore_limit_name_(const gokore_lock_policy *p) {
    return p->name && p->name[0] ? p->name : "without a name";
}

gokore_limit gokore_limit_hold_ns(const gokore_lock_policy *policy, const char *lock_class, const char *other) {
    gokore_limit limit = { 0, "" };
    const gokore_lock_policy *p = policy ? policy : gokore_lock_policy_current();
    gokore_qos qos = policy ? gokore_qos_known_(policy->qos) : gokore_qos_current();
    gokore_limit_take_(&limit, gokore_qos_row_of_(qos).hold_ns, "class %s", gokore_qos_name(qos));
    if (!p) return limit;
    gokore_limit_take_(&limit, p->max_hold_ns, "policy %.100s", gokore_limit_name_(p));
    for (size_t i = 0; lock_class && other && i < p->pair_limit_count; i++) {
        const gokore_pair_limit *pair = &p->pair_limits[i];
        bool same = strcmp(pair->a, lock_class) == 0 && strcmp(pair->b, other) == 0;
        if (same || (strcmp(pair->a, other) == 0 && strcmp(pair->b, lock_class) == 0))
            gokore_limit_take_(&limit, pair->max_hold_ns, "pair %.32s+%.32s of %.32s", pair->a, pair->b, gokore_limit_name_(p));
    }
    return limit;
}

gokore_limit gokore_limit_wait_ns(const gokore_lock_policy *policy) {
    gokore_limit limit = { 0, "" };
    const gokore_lock_policy *p = policy ? policy : gokore_lock_policy_current();
    gokore_qos qos = policy ? gokore_qos_known_(policy->qos) : gokore_qos_current();
    gokore_limit_take_(&limit, gokore_qos_row_of_(qos).wait_ns, "class %s", gokore_qos_name(qos));
    if (p) gokore_limit_take_(&limit, p->retry.max_wait_ns, "policy %.100s", gokore_limit_name_(p));
    return limit;
}

gokore_status gokore_qos_policy_set(const gokore_qos_policy *policy) {
    return gokore_publish_(&gokore_qos_policy_now_, policy, sizeof *policy);
}

gokore_qos_policy gokore_qos_policy_get(void) {
    gokore_qos_policy none = { .guaranteed = { .qos = GOKORE_QOS_GUARANTEED },
                               .burstable = { .qos = GOKORE_QOS_BURSTABLE },
                               .best_effort = { .qos = GOKORE_QOS_BEST_EFFORT } };
    const gokore_qos_policy *now =
        (const gokore_qos_policy *)gokore_atomic_load_acquire(&gokore_qos_policy_now_); // pairs with gokore_publish_
    return now ? *now : none;
}

static gokore_resources gokore_resources_now_(void) {
    gokore_qos_policy all = gokore_qos_policy_get();
    gokore_qos qos = gokore_qos_current();
    return qos == GOKORE_QOS_GUARANTEED ? all.guaranteed : qos == GOKORE_QOS_BURSTABLE ? all.burstable : all.best_effort;
}

static bool gokore_limit_container_(gokore_lent_container_ *out) {
    memset(out, 0, sizeof *out);
    return gokore_lent_machine_here_ && gokore_lent_machine_here_->container_facts(out) == GOKORE_OK;
}

gokore_limit gokore_limit_locks(void) {
    gokore_limit limit = { 0, "" };
    gokore_lent_container_ c = { 0 };
    const gokore_resource_adjustment *a = gokore_adjustment_now_(GOKORE_ADJUST_LOCK_LIMIT);
    gokore_limit_take_(&limit, gokore_resources_now_().max_locks, "resources of %s", gokore_qos_name(gokore_qos_current()));
    if (a) gokore_limit_take_(&limit, a->lock_limit, "adjustment");
    if (gokore_limit_container_(&c)) gokore_limit_take_(&limit, c.max_locks, "container GOKORE_MAX_LOCKS");
    return limit;
}

gokore_limit gokore_limit_workers(void) {
    gokore_limit limit = { 0, "" };
    gokore_lent_container_ c;
    const gokore_resource_adjustment *a = gokore_adjustment_now_(GOKORE_ADJUST_WORKERS);
    gokore_resources r = gokore_resources_now_();
    gokore_limit_take_(&limit, r.max_workers, "resources of %s", gokore_qos_name(gokore_qos_current()));
    gokore_limit_take_(&limit, r.cpu_millicores ? ((int64_t)r.cpu_millicores + 999) / 1000 : 0,
                       "resources of %s: %u millicores", gokore_qos_name(gokore_qos_current()), (unsigned)r.cpu_millicores);
    if (a) gokore_limit_take_(&limit, a->workers, "adjustment");
    if (gokore_limit_container_(&c)) gokore_limit_take_(&limit, c.workers, "container %.100s", c.source);
    return limit;
}

gokore_limit gokore_limit_memory_bytes(void) {
    gokore_limit limit = { 0, "" };
    gokore_lent_container_ c;
    int64_t most = INT64_MAX;
    const gokore_resource_adjustment *a = gokore_adjustment_now_(GOKORE_ADJUST_MEMORY);
    uint64_t given = gokore_resources_now_().memory_bytes;
    gokore_limit_take_(&limit, given > (uint64_t)most ? most : (int64_t)given, "resources of %s",
                       gokore_qos_name(gokore_qos_current()));
    if (a) gokore_limit_take_(&limit, a->memory_bytes > (uint64_t)most ? most : (int64_t)a->memory_bytes, "adjustment");
    if (gokore_limit_container_(&c)) gokore_limit_take_(&limit, (int64_t)c.memory_bytes, "container %.100s", c.memory_source);
    return limit;
}

// >>adjustments
static struct {
    gokore_latch_ latch; // held while targets apply
    gokore_resource_target *first;
} gokore_targets_;

void gokore_resource_target_add(gokore_resource_target *target) {
    gokore_latch_lock_(&gokore_targets_.latch);
    target->next_ = gokore_targets_.first;
    gokore_targets_.first = target;
    gokore_latch_unlock_(&gokore_targets_.latch);
}

void gokore_resource_target_remove(gokore_resource_target *target) {
    gokore_latch_lock_(&gokore_targets_.latch);
    gokore_resource_target **link = &gokore_targets_.first;
    while (*link && *link != target) link = &(*link)->next_;
    if (*link) *link = target->next_;
    gokore_latch_unlock_(&gokore_targets_.latch);
}

static gokore_status gokore_target_slots_(gokore_resource_target *target, const gokore_resource_adjustment *a) {
    gokore_slots_set_total((gokore_slots *)target->object, a->gpu_slots);
    return GOKORE_OK;
}

gokore_resource_target gokore_resource_target_slots(gokore_slots *slots) {
    return (gokore_resource_target) { .fields = GOKORE_ADJUST_GPU_SLOTS, .apply = gokore_target_slots_, .object = slots };
}

static gokore_status gokore_target_memory_(gokore_resource_target *target, const gokore_resource_adjustment *a) {
    if (!a->numa.preferred_node_count) return GOKORE_INVALID;
    const gokore_provider *p = gokore_provider_get();
    return p->migrate(p->user, target->object, target->size, a->numa.preferred_nodes[0]);
}

gokore_resource_target gokore_resource_target_memory(void *addr, size_t len) {
    return (
        gokore_resource_target) { .fields = GOKORE_ADJUST_NUMA, .apply = gokore_target_memory_, .object = addr, .size = len };
}

// The class of a priority's name; GOKORE_QOS_DEFAULT: nobody knows it.
static gokore_qos gokore_priority_class_(const char *name) {
    const gokore_policy_set *set = gokore_policy_current();
    gokore_qos qos = GOKORE_QOS_DEFAULT;
    for (size_t i = 0; set && name && i < set->count; i++) {
        const gokore_concurrency_policy *p = set->policies[i].concurrency;
        for (size_t k = 0; p && k < p->class_count; k++)
            if (strcmp(p->classes[k].name, name) == 0) return p->classes[k].qos;
    }
    (void)!gokore_qos_parse(name, &qos);
    return qos;
}

static gokore_status gokore_adjustment_check_(const gokore_resource_adjustment *a, gokore_qos *qos) {
    uint32_t known = GOKORE_ADJUST_NUMA * 2 - 1, fields = a->fields;
    *qos = a->qos;
    if (fields & ~known) return GOKORE_INVALID;
    if ((fields & GOKORE_ADJUST_MIN_QOS) && (unsigned)a->min_qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
    if ((fields & GOKORE_ADJUST_QOS) && (unsigned)a->qos > GOKORE_QOS_BEST_EFFORT) return GOKORE_INVALID;
    if ((fields & GOKORE_ADJUST_NUMA) && a->numa.preferred_node_count && !a->numa.preferred_nodes) return GOKORE_INVALID;
    if ((fields & GOKORE_ADJUST_MIN_QOS) && gokore_qos_current() > gokore_qos_known_(a->min_qos)) return GOKORE_DENIED;
    if (!(fields & GOKORE_ADJUST_PRIORITY)) return GOKORE_OK;
    gokore_qos named = gokore_priority_class_(a->priority);
    if (named == GOKORE_QOS_DEFAULT) return GOKORE_NOT_FOUND;
    if (!(fields & GOKORE_ADJUST_QOS)) *qos = named; // a class that is said goes before one that follows
    return GOKORE_OK;
}

// Keeps what later questions ask for: earlier adjustments with this one's fields over them. Under the latch of the targets.
static gokore_status gokore_adjustment_keep_(const gokore_resource_adjustment *a, gokore_qos qos) {
    gokore_resource_adjustment next = { 0 };
    const gokore_resource_adjustment *before =
        (const gokore_resource_adjustment *)gokore_atomic_load_acquire(&gokore_adjusted_); // pairs with gokore_publish_
    if (before) next = *before;
    next.fields |= a->fields & (GOKORE_ADJUST_MEMORY | GOKORE_ADJUST_LOCK_LIMIT | GOKORE_ADJUST_WORKERS);
    if (a->fields & GOKORE_ADJUST_MEMORY) next.memory_bytes = a->memory_bytes;
    if (a->fields & GOKORE_ADJUST_LOCK_LIMIT) next.lock_limit = a->lock_limit;
    if (a->fields & GOKORE_ADJUST_WORKERS) next.workers = a->workers;
    if (a->fields & (GOKORE_ADJUST_QOS | GOKORE_ADJUST_PRIORITY)) {
        next.qos = qos;
        next.fields = qos ? next.fields | GOKORE_ADJUST_QOS : next.fields & ~(uint32_t)GOKORE_ADJUST_QOS;
    }
    return gokore_publish_(&gokore_adjusted_, &next, sizeof next);
}

gokore_status gokore_resources_adjust(const gokore_resource_adjustment *adjustment, uint32_t *applied) {
    gokore_qos qos;
    uint32_t done = 0;
    if (applied) *applied = 0;
    if (!adjustment) return GOKORE_INVALID;
    gokore_latch_lock_(&gokore_targets_.latch);
    gokore_status status = gokore_adjustment_check_(adjustment, &qos), kept = GOKORE_OK;
    if (status == GOKORE_OK) status = kept = gokore_adjustment_keep_(adjustment, qos);
    bool go = status == GOKORE_OK;
    if (go)
        done = adjustment->fields & (GOKORE_ADJUST_MEMORY | GOKORE_ADJUST_PRIORITY | GOKORE_ADJUST_MIN_QOS | GOKORE_ADJUST_QOS);
    if (go && (adjustment->fields & GOKORE_ADJUST_LOCK_LIMIT) && gokore_lent_locks_here_ &&
        gokore_lent_locks_here_->set_max_locks) {
        gokore_lent_locks_here_->set_max_locks((uint32_t)gokore_limit_locks().value); // the smallest of all
        done |= GOKORE_ADJUST_LOCK_LIMIT;
    }
    for (gokore_resource_target *t = gokore_targets_.first; go && t; t = t->next_) {
        if (!(t->fields & adjustment->fields)) continue;
        gokore_status answer = t->apply(t, adjustment);
        if (answer == GOKORE_OK) done |= t->fields & adjustment->fields;
        if (status == GOKORE_OK) status = answer;
    }
    gokore_latch_unlock_(&gokore_targets_.latch);
    if (applied) *applied = done;
    return status == GOKORE_OK && done != adjustment->fields ? GOKORE_UNSUPPORTED : status;
}

// >>violations
static gokore_atomic_u64 gokore_remedy_; // 0 = none, else 2^32 + the node

void gokore_remediation_set(bool auto_remediate, int preferred_node) {
    gokore_atomic_store(&gokore_remedy_, auto_remediate ? (uint64_t)1 << 32 | (uint32_t)preferred_node : 0);
}

gokore_status gokore_qos_violation_report(const gokore_qos_violation *violation) {
    const gokore_provider *p = gokore_provider_get();
    return p->report_violation(p->user, violation);
}

// >>provider: the built-in answers
static gokore_lock_policy gokore_answer_lock_policy_(void *user) {
    const gokore_lock_policy *p = gokore_lock_policy_current();
    (void)user;
    return p ? *p : gokore_lock_policy_default(gokore_qos_current());
}
static gokore_retry_policy gokore_answer_retry_(void *user) { return gokore_answer_lock_policy_(user).retry; }
static gokore_numa_policy gokore_answer_numa_(void *user) { return gokore_answer_lock_policy_(user).numa; }
static gokore_qos gokore_answer_qos_(void *user) {
    (void)user;
    return gokore_qos_current();
}
static gokore_qos_policy gokore_answer_qos_policy_(void *user) {
    (void)user;
    return gokore_qos_policy_get();
}
static gokore_status gokore_answer_hints_(void *user, gokore_topology_hints *out) {
    const char *zone = getenv("GOKORE_ZONE"), *name = getenv("NODE_NAME");
    *out = (gokore_topology_hints) { .numa_node = -1 };
    (void)snprintf(out->zone, sizeof out->zone, "%s", zone ? zone : "");
    (void)snprintf(out->node_name, sizeof out->node_name, "%s", name ? name : "");
    out->policy = gokore_answer_numa_(user);
    out->lock_policy = gokore_lock_policy_current();
    if (!gokore_lent_machine_here_) return GOKORE_UNSUPPORTED;
    out->numa_node = gokore_lent_machine_here_->current_node();
    out->preferred_node_count = gokore_lent_machine_here_->nearest(out->numa_node, out->preferred_nodes, 64);
    return GOKORE_OK;
}
static gokore_status gokore_answer_container_(void *user, gokore_container *out) {
    (void)user;
    return gokore_lent_machine_here_ ? gokore_lent_machine_here_->container(out) : GOKORE_UNSUPPORTED;
}
static int gokore_answer_distance_(void *user, int from, int to) {
    (void)user;
    return gokore_lent_machine_here_ ? gokore_lent_machine_here_->distance(from, to) : -1;
}
static gokore_status gokore_answer_migrate_(void *user, void *addr, size_t len, int node) {
    (void)user;
    return gokore_lent_machine_here_ ? gokore_lent_machine_here_->migrate(addr, len, node) : GOKORE_UNSUPPORTED;
}
static void gokore_answer_error_(void *user, const gokore_report *report) { // the process's report hook
    gokore_report copy = *report;
    (void)user;
    gokore_report_emit_(&copy);
}
static void gokore_answer_deadlock_(void *user, const gokore_deadlock *deadlock) {
    const gokore_instrumenter *i = gokore_instrumenter_get();
    (void)user;
    (void)deadlock;
    if (i->deadlock) i->deadlock(i->user);
}
static gokore_status gokore_answer_resolve_(void *user, const gokore_deadlock *deadlock, gokore_resolution *out) {
    (void)user;
    bool known = gokore_lent_locks_here_ && gokore_lent_locks_here_->resolve;
    return known ? gokore_lent_locks_here_->resolve(deadlock, out) : GOKORE_UNSUPPORTED;
}
static const gokore_metric_kind_ gokore_metric_qos_ = {
    "gokore_qos_violations_total", "Limits of a class that were passed.", GOKORE_METRIC_COUNTER, { "kind", "qos" }
};
static gokore_status gokore_answer_violation_(void *user, const gokore_qos_violation *v) {
    uint64_t remedy = gokore_atomic_load(&gokore_remedy_);
    const gokore_provider *p = gokore_provider_get();
    (void)user;
    if (GOKORE_METRICS)
        gokore_metric_count_one_(&gokore_metric_qos_, v->kind ? v->kind : "", gokore_qos_name(gokore_qos_known_(v->qos)), 1);
    if (!remedy || !v->resource) return GOKORE_OK;
    return p->migrate(p->user, v->resource, v->resource_size, (int)(uint32_t)remedy);
}
static const gokore_metric_kind_ gokore_metric_anomaly_ = {
    "gokore_anomaly", "The last value of each anomaly.", GOKORE_METRIC_GAUGE, { "metric", NULL }
};
static void gokore_answer_anomaly_(void *user, const char *metric, double value) {
    (void)user;
    if (GOKORE_METRICS) gokore_metric_set(gokore_metric_of_(&gokore_metric_anomaly_, metric, ""), value);
}
static gokore_status gokore_answer_order_(void *user, const char *const *held, size_t n, const char *incoming,
                                          gokore_lock_verdict *out) {
    (void)user;
    bool known = gokore_lent_locks_here_ && gokore_lent_locks_here_->check_names;
    return known ? gokore_lent_locks_here_->check_names(held, n, incoming, out) : GOKORE_UNSUPPORTED;
}
static gokore_status gokore_answer_check_(void *user, const gokore_policy *policy, gokore_diagnostics *diagnostics) {
    (void)user;
    return gokore_policy_validate(policy, diagnostics);
}
static gokore_status gokore_answer_memory_(void *user) {
    (void)user;
    return gokore_memory_model_check();
}
static gokore_cluster_coordinator *gokore_answer_coordinator_(void *user) {
    (void)user;
    return gokore_lent_coordinator_ ? gokore_lent_coordinator_() : NULL;
}
static const gokore_instrumenter *gokore_answer_instrumenter_(void *user) {
    (void)user;
    return gokore_instrumenter_get();
}

typedef struct gokore_text_ { // grows as it is written
    char *data;
    size_t len, cap;
} gokore_text_;
static gokore_status gokore_text_write_(void *user, const void *data, size_t len) {
    gokore_text_ *t = (gokore_text_ *)user;
    if (t->cap - t->len < len) {
        size_t cap = t->cap * 2 + len;
        char *more = (char *)gokore_alloc_(NULL, cap, 1);
        if (!more) return GOKORE_NO_MEMORY;
        if (t->len) memcpy(more, t->data, t->len);
        gokore_free_(NULL, t->data, t->cap);
        t->data = more;
        t->cap = cap;
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    return GOKORE_OK;
}

// The set in force with this policy in it, in the place of the one that has its name, or behind the others.
static gokore_status gokore_answer_apply_(void *user, const gokore_lock_policy *policy) {
    gokore_text_ text = { NULL, 0, 0 };
    gokore_writer writer = { gokore_text_write_, &text };
    gokore_policy mine = { GOKORE_POLICY_LOCK, policy, NULL };
    const gokore_policy_set *now = gokore_policy_current();
    gokore_policy_set *next;
    bool placed = false;
    (void)user;
    gokore_status status = policy ? gokore_policy_validate(&mine, NULL) : GOKORE_INVALID;
    for (size_t i = 0; now && status == GOKORE_OK && i < now->count; i++) {
        const gokore_lock_policy *p = now->policies[i].lock;
        const char *space = policy->namespace_name ? policy->namespace_name : "";
        bool same = p && strcmp(p->name, policy->name) == 0 && strcmp(p->namespace_name, space) == 0;
        status = gokore_policy_write_yaml(same ? &mine : &now->policies[i], writer);
        if (status == GOKORE_OK) status = gokore_write_(writer, "---\n");
        placed = placed || same;
    }
    if (status == GOKORE_OK && !placed) status = gokore_policy_write_yaml(&mine, writer);
    if (status == GOKORE_OK) status = gokore_policy_load(&next, text.data, text.len, NULL, NULL);
    if (status == GOKORE_OK) {
        status = gokore_policy_apply(next);
        gokore_policy_set_destroy(next);
    }
    gokore_free_(NULL, text.data, text.cap);
    return status;
}

static const gokore_provider gokore_provider_default_ = {
    gokore_answer_retry_,       gokore_answer_numa_,         gokore_answer_lock_policy_,
    gokore_answer_qos_,         gokore_answer_qos_policy_,   gokore_answer_hints_,
    gokore_answer_container_,   gokore_answer_distance_,     gokore_answer_migrate_,
    gokore_answer_error_,       gokore_answer_deadlock_,     gokore_answer_resolve_,
    gokore_answer_violation_,   gokore_answer_anomaly_,      gokore_answer_order_,
    gokore_answer_check_,       gokore_answer_apply_,        gokore_answer_memory_,
    gokore_answer_coordinator_, gokore_answer_instrumenter_, NULL,
};

// A struct of functions and a user pointer at its end; those that are NULL are taken from another.
static void gokore_policy_fill_functions_(void *functions, const void *others, size_t size) {
    static const char none[sizeof(void (*)(void))] = { 0 };
    for (size_t at = 0; at + sizeof none + sizeof(void *) <= size; at += sizeof none)
        if (memcmp((char *)functions + at, none, sizeof none) == 0)
            memcpy((char *)functions + at, (const char *)others + at, sizeof none);
}

static gokore_atomic_ptr gokore_provider_now_, gokore_operator_now_; // NULL = the built-in one

gokore_status gokore_provider_set(const gokore_provider *provider) {
    gokore_provider full;
    if (!provider) return gokore_publish_(&gokore_provider_now_, NULL, 0);
    full = *provider;
    gokore_policy_fill_functions_(&full, &gokore_provider_default_, sizeof full);
    return gokore_publish_(&gokore_provider_now_, &full, sizeof full);
}

const gokore_provider *gokore_provider_get(void) {
    const gokore_provider *now =
        (const gokore_provider *)gokore_atomic_load_acquire(&gokore_provider_now_); // pairs with gokore_publish_
    return now ? now : &gokore_provider_default_;
}

// >>cluster operator: the built-in one
static gokore_status gokore_operator_register_(void *user, const gokore_lock_policy *policy) {
    const gokore_provider *p = gokore_provider_get();
    (void)user;
    return p->apply_lock_policy(p->user, policy);
}
static void gokore_operator_deadlock_(void *user, const gokore_deadlock *deadlock) {
    const gokore_provider *p = gokore_provider_get();
    (void)user;
    p->report_deadlock(p->user, deadlock);
}
static gokore_status gokore_operator_affinity_(void *user, gokore_numa_view *out) {
    const gokore_policy_set *set = gokore_policy_current();
    (void)user;
    *out = (gokore_numa_view) { .node = -1, .qos_weight = { -1, -1, -1 } };
    for (size_t i = 0; set && i < set->count; i++) {
        const gokore_concurrency_policy *p = set->policies[i].concurrency;
        for (size_t k = 0; p && k < p->class_count; k++) {
            int *weight = &out->qos_weight[(int)gokore_qos_known_(p->classes[k].qos) - 1];
            if (*weight < 0 || p->classes[k].priority < *weight) *weight = p->classes[k].priority;
        }
    }
    if (!gokore_lent_machine_here_) return GOKORE_UNSUPPORTED;
    out->node = gokore_lent_machine_here_->current_node();
    out->allowed_count = gokore_lent_machine_here_->allowed_nodes(out->allowed_nodes, 64);
    for (size_t i = 0; i < out->allowed_count && i < 64; i++)
        out->distances[i] = gokore_lent_machine_here_->distance(out->node, out->allowed_nodes[i]);
    return GOKORE_OK;
}
static gokore_status gokore_operator_adjust_(void *user, const gokore_resource_adjustment *adjustment) {
    (void)user;
    return gokore_resources_adjust(adjustment, NULL);
}
static gokore_status gokore_operator_levels_(void *user, gokore_lock_level_fn *fn, void *fn_user) {
    (void)user;
    if (!gokore_lent_locks_here_ || !gokore_lent_locks_here_->levels) return GOKORE_UNSUPPORTED;
    gokore_lent_locks_here_->levels(fn, fn_user);
    return GOKORE_OK;
}
static const gokore_cluster_operator gokore_operator_default_ = { gokore_operator_register_,
                                                                  gokore_operator_deadlock_,
                                                                  gokore_operator_affinity_,
                                                                  gokore_operator_adjust_,
                                                                  gokore_operator_levels_,
                                                                  gokore_answer_qos_,
                                                                  NULL };

const gokore_cluster_operator *gokore_cluster_operator_default(void) { return &gokore_operator_default_; }

gokore_status gokore_cluster_operator_set(const gokore_cluster_operator *cluster_operator) {
    gokore_cluster_operator full;
    if (!cluster_operator) return gokore_publish_(&gokore_operator_now_, NULL, 0);
    full = *cluster_operator;
    gokore_policy_fill_functions_(&full, &gokore_operator_default_, sizeof full);
    return gokore_publish_(&gokore_operator_now_, &full, sizeof full);
}

const gokore_cluster_operator *gokore_cluster_operator_get(void) {
    const gokore_cluster_operator *now =
        (const gokore_cluster_operator *)gokore_atomic_load_acquire(&gokore_operator_now_); // pairs with gokore_publish_
    return now ? now : &gokore_operator_default_;
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
