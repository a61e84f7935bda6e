// expect: incompatible-pointer-types
#include "gokore_atomic.h"
int main(void) {
    static gokore_atomic_u32 references; // control: static gokore_refcount references;
    gokore_refcount_inc(&references);
    return 0;
}
