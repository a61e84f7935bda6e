// expect: gokore_atomic_fence_relaxed
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_fence_relaxed(); // control: gokore_atomic_fence_acquire();
    return 0;
}
