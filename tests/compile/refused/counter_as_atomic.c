// expect: compatible with any
#include "gokore_atomic.h"
int main(void) {
    static gokore_counter events;
    gokore_atomic_fetch_add_relaxed(&events, 1); // control: gokore_counter_add(&events, 1);
    return (int)gokore_counter_read(&events);
}
