// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_bool x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_u8 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_fetch_nand(&x, 1);
}
