# The table of the classes is compiled in: where the class is known, its numbers are constants, and the table can be replaced.
. tests/support/script.sh
cat > "$work/folded.c" <<'END'
#define GOKORE_IMPLEMENTATION
#include "gokore_policy.h"
static int is_constant(void) {
    gokore_qos_row_ row = gokore_qos_row_of_(GOKORE_QOS_DEFAULT);
    return __builtin_constant_p(row.wait_ns) && __builtin_constant_p(row.attempts) && __builtin_constant_p(row.required);
}
int main(void) {
    gokore_lock_policy p = gokore_lock_policy_default(GOKORE_QOS_DEFAULT);
    return is_constant() && p.retry.max_wait_ns == WAIT * INT64_C(1000000) && p.retry.attempts == RETRIES ? 0 : 1;
}
END
class() { cc_run -O2 "$@" "$work/folded.c"; }
works "Guaranteed" class -DGOKORE_QOS=GOKORE_QOS_GUARANTEED -DWAIT=500 -DRETRIES=3
works "Burstable" class -DGOKORE_QOS=GOKORE_QOS_BURSTABLE -DWAIT=200 -DRETRIES=2
works "BestEffort" class -DGOKORE_QOS=GOKORE_QOS_BEST_EFFORT -DWAIT=100 -DRETRIES=1
works "a table of one's own" class "-DGOKORE_QOS_TABLE(X)=X(GUARANTEED,0,9,1,1,1,true,WAIT) X(BURSTABLE,7,8,4,1,1,false,STEAL) X(BEST_EFFORT,5,6,1,1,1,false,STEAL)" -DWAIT=8 -DRETRIES=4
refused "a table of two rows" "one row for each class" cc_strict "-DGOKORE_QOS_TABLE(X)=X(GUARANTEED,0,9,1,1,1,true,WAIT) X(BURSTABLE,7,8,4,1,1,false,STEAL)" -DWAIT=8 -DRETRIES=4 -c -o "$work/x.o" "$work/folded.c"

cat > "$work/alone.c" <<'END'
#define GOKORE_IMPLEMENTATION
#include "gokore_policy.h"
#include <pthread.h>
static gokore_slots slots;
static gokore_status busy(void *user) { return ++*(int *)user < 3 ? GOKORE_BUSY : GOKORE_OK; }
static void *want(void *p) {
    *(gokore_status *)p = gokore_slots_acquire(&slots, 2, NULL);
    return NULL;
}
int main(void) {
    gokore_retry_policy retry = { .attempts = 3, .backoff_base_ns = 1000000 };
    gokore_retry_result result;
    gokore_rate_limiter rate;
    pthread_t thread;
    gokore_status got = GOKORE_SYSTEM;
    int calls = 0;
    if (gokore_retry_run(&retry, busy, &calls, NULL, &result) != GOKORE_OK || calls != 3 || result.waited_ns < 3000000) return 1;
    gokore_slots_init(&slots, 2);
    if (gokore_slots_acquire(&slots, 1, NULL) != GOKORE_OK || pthread_create(&thread, NULL, want, &got) != 0) return 2;
    while (gokore_slots_try_acquire(&slots, 1) == GOKORE_OK) gokore_slots_release(&slots, 1); // until the other waits
    gokore_slots_release(&slots, 1);
    if (pthread_join(thread, NULL) != 0 || got != GOKORE_OK) return 3;
    gokore_rate_limiter_init(&rate, 1000, 1);
    for (int i = 0; i < 3; i++)
        if (gokore_rate_limiter_acquire(&rate, 1, NULL) != GOKORE_OK) return 4;
    gokore_topology_hints hints;
    const gokore_provider *p = gokore_provider_get();
    return p->topology_hints(p->user, &hints) == GOKORE_UNSUPPORTED && hints.numa_node == -1 && p->coordinator(p->user) == NULL ? 0 : 5;
}
END
works "gokore_policy.h alone waits, and says what it lacks" cc_run "$work/alone.c"
finish
