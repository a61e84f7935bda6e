// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_store(x, 1); // control: gokore_atomic_store(&x, 1);
    return 0;
}
