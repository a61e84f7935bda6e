// expect: incompatible
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0); // control: gokore_atomic_i64 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_i64 *p = &x;
    return (int)gokore_atomic_load(p);
}
