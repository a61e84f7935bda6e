// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    static const gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0); // control: static gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_store(&x, 1);
    return 0;
}
