// expect: gokore_atomic_load_acq_rel
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_load_acq_rel(&x); // control: return gokore_atomic_load(&x);
}
