// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_ptr x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_size x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_fetch_add(&x, 8);
    return 0;
}
