// expect: incompatible-pointer-types
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    int64_t seen = 0; // control: int32_t seen = 0;
    return gokore_atomic_compare_exchange(&x, &seen, 1);
}
