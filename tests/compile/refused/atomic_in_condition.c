// expect: scalar
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(1);
    if (x) return 1; // control: if (gokore_atomic_load(&x)) return 1;
    return 0;
}
