// expect: incompatible type
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    x = 1; // control: gokore_atomic_store(&x, 1);
    return gokore_atomic_load(&x);
}
