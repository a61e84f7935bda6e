// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_bool x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_u32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_inc_not_zero(&x);
}
