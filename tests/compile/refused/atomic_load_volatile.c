// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    volatile gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_load(&x);
}
