// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    float x = 0; // control: gokore_atomic_u32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_load(&x) > 0;
}
