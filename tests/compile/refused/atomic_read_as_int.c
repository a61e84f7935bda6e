// expect: incompatible type
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(1);
    int y = x; // control: int y = gokore_atomic_load(&x);
    return y;
}
