// expect: incompatible-pointer-types
#include "gokore_atomic.h"
int main(void) {
    static int64_t events; // control: static gokore_counter events;
    gokore_counter_add(&events, 1);
    return 0;
}
