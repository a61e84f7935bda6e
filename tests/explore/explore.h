// explore.h - scenarios for the explorer. A scenario is a small program over the library's real code; the explorer runs it
// under one schedule after the other: which thread goes next, which of the values that C11 allows a load sees, whether a
// sleeper wakes spuriously or late, how the clock moves. See tests/README.md.
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct explore_limits { // what depth-first search may do per run; 0 = none of it
    int bound;            // deviations of all kinds together: preemptions (switches away from a thread that could go on), and
    int stale;            // loads that don't see the newest value
    int spurious;         // wake-ups and failures of a weak CAS without a cause
    int expiries;         // deadlines that come while somebody could run
    int jumps;            // reads of the clock that find jump_ns more than was
    int64_t jump_ns;      // default 1 ms
    int steps;            // operations until a run counts as one that never ends; default 5000
    bool two_words;       // threads can sleep on two words at once, as with futex_waitv
    bool no_membarrier;   // the kernel has none: fences instead
    bool leaks;           // memory may be left: the library keeps it
    const char *outcomes; // every outcome there must be, and no other; separated by blanks
    const char *fails;    // the explorer must find a failure that contains this text
} explore_limits;

typedef struct explore_scenario {
    const char *name;
    void (*body)(void);
    explore_limits limits;
    struct explore_scenario *next;
    long runs; // so far
    double seconds;
} explore_scenario;
void explore_add(explore_scenario *scenario);

// SCENARIO(mutex, a_cancelled_waiter_leaves_nothing, .bound = 3) { ... } runs as thread 0. Static objects are as the
// program began in every run.
#define SCENARIO(suite, name, ...)                                                                                  \
    static void suite##_##name(void);                                                                               \
    static explore_scenario suite##_##name##_ = { #suite "." #name, suite##_##name, { __VA_ARGS__ }, 0, 0, 0 };     \
    __attribute__((constructor)) static void suite##_##name##_add(void) { explore_add(&suite##_##name##_); }        \
    static void suite##_##name(void)

#define CHECK(x) explore_check((x), __FILE__, __LINE__, #x)
void explore_check(bool holds, const char *file, int line, const char *text);

typedef void explore_fn(void *arg);
void explore_go(explore_fn *fn, void *arg); // starts thread 1, 2, ...; at most 7
void explore_join(void);                    // all of them
void explore_outcome(const char *format, ...) __attribute__((format(printf, 1, 2))); // of this run, see limits.outcomes
void explore_name(const void *object, const char *name); // for traces; globals have theirs
void explore_reported(const char *id, const char *message);

#ifdef GOKORE_ATOMIC_H // included before: a report of the library is a failure
static void explore_report(const gokore_report *report, void *user) {
    (void)user;
    explore_reported(gokore_report_id_name(report->id), report->message);
}
__attribute__((constructor)) static void explore_reports(void) { gokore_report_set(explore_report, NULL); }
#endif
#endif
