// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    gokore_refcount references = { GOKORE_ATOMIC_INIT(1) };
    gokore_atomic_add(&references, 1); // control: gokore_refcount_inc(&references);
    return (int)gokore_refcount_read(&references);
}
