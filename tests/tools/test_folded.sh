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
finish
