// expect: gokore_atomic_store_acquire
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_store_acquire(&x, 1); // control: gokore_atomic_store_release(&x, 1);
    return 0;
}
