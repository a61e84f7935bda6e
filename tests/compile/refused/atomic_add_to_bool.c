// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_bool x = GOKORE_ATOMIC_INIT(false);
    return gokore_atomic_add(&x, 1); // control: return gokore_atomic_exchange(&x, 1);
}
