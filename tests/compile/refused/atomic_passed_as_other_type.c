// expect: incompatible-pointer-types
#include "gokore_atomic.h"
static uint32_t read(const gokore_atomic_u32 *p) { return gokore_atomic_load(p); } // control: static int32_t read(const gokore_atomic_i32 *p) { return gokore_atomic_load(p); }
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    return (int)read(&x);
}
