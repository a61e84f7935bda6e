// nested.h - locks that are taken one inside the other
#ifndef TEST_NESTED_H
#define TEST_NESTED_H
#include "test.h"
#include "../../gokore_sync.h"

static inline void take(gokore_mutex *m) { REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL)); }
static inline void nest(gokore_mutex *a, gokore_mutex *b) {
    take(a), take(b);
    gokore_mutex_unlock(b), gokore_mutex_unlock(a);
}
#endif
