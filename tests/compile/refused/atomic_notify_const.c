// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    const gokore_atomic_u32 x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_u32 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_notify_all(&x);
    return 0;
}
