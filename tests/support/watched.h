// watched.h - what the tests of the lock checker share: reports are kept, and nobody but the test looks for deadlocks
#ifndef TEST_WATCHED_H
#define TEST_WATCHED_H
#include "test.h"
#include "../../gokore_lockorder.h"

#include <sched.h>

static inline void watched(void) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=0");
    test_reports_capture();
    gokore_lockorder_hold_limit(NULL, INT64_MAX); // machines may be slow
    gokore_deadlock_watch_stop();                 // the limit has started it
}

static inline gokore_status cancel_one(const gokore_deadlock *d, gokore_resolution *out, void *asked) {
    (void)d;
    if (asked) (void)gokore_atomic_add((gokore_atomic_u32 *)asked, 1);
    out->type = GOKORE_RESOLVE_CANCEL_VICTIM;
    return GOKORE_OK;
}

static inline size_t wait_for_deadlock(gokore_deadlock *d) {
    size_t n;
    while ((n = gokore_deadlock_check(d, 1)) == 0) sched_yield();
    return n;
}
#endif
