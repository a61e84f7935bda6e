// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    const gokore_atomic_u8 x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_u8 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_exchange(&x, 1);
}
