// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    uint32_t x = 0; // control: gokore_atomic_u32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_wait_until(&x, 1, 0) == GOKORE_OK;
}
