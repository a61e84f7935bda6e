// expect: gokore_atomic_load_release
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    return gokore_atomic_load_release(&x); // control: return gokore_atomic_load_acquire(&x);
}
