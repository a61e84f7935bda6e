// The Chase-Lev deque of gokore_pool.h: the last element, two thieves, growth.
#define GOKORE_IMPLEMENTATION
#include "gokore_pool.h"

#include "explore.h"

static gokore_deque deque;
static int items[8], taken[8]; // plain: the deque orders them, and gives each out once

static void push(int i) {
    items[i] = i + 1;
    CHECK(gokore_deque_push(&deque, &items[i]) == GOKORE_OK);
}
static void took(int *item) {
    CHECK(*item == (int)(item - items) + 1);
    taken[item - items]++;
}
static void pop(void) {
    int *item = gokore_deque_pop(&deque);
    if (item) took(item);
}
static void steal(void) {
    void *item;
    if (gokore_deque_steal(&deque, &item) == GOKORE_STEAL_SUCCESS) took(item);
}
#include "explore_thieves.h"
static void end(int n) { // each was taken once
    explore_join();
    for (int *item; (item = gokore_deque_pop(&deque)) != NULL;) took(item);
    for (int i = 0; i < n; i++) CHECK(taken[i] == 1);
    gokore_deque_deinit(&deque);
}
static void begin(void) {
    gokore_deque_desc desc = { .capacity = 2 };
    CHECK(gokore_deque_init(&deque, &desc) == GOKORE_OK);
}

SCENARIO(deque, the_last_element_against_one_thief, .bound = 9, .stale = 3) {
    begin();
    push(0);
    go_thief(1);
    pop();
    end(1);
}
SCENARIO(deque, two_elements_against_one_thief, .bound = 9, .stale = 3) {
    begin();
    go_thief(2);
    push(0);
    push(1);
    pop();
    pop();
    end(2);
}
SCENARIO(deque, the_last_element_against_two_thieves, .bound = 6, .stale = 2) {
    begin();
    push(0);
    go_thief(1);
    go_thief(1);
    pop();
    end(1);
}
SCENARIO(deque, three_elements_against_two_thieves, .bound = 5, .stale = 2) {
    begin();
    push(0);
    push(1);
    go_thief(2);
    go_thief(1);
    push(2);
    pop();
    pop();
    end(3);
}
SCENARIO(deque, pushes_again_where_it_popped, .bound = 6, .stale = 3) {
    begin();
    push(0);
    go_thief(2);
    pop();
    push(1);
    pop();
    end(2);
}
SCENARIO(deque, grows_under_a_thief, .bound = 6, .stale = 3) {
    begin();
    push(0);
    push(1);
    go_thief(3);
    push(2);
    pop();
    pop();
    end(3);
}
SCENARIO(deque, grows_under_two_thieves, .bound = 4, .stale = 2) {
    begin();
    push(0);
    push(1);
    go_thief(2);
    go_thief(1);
    push(2);
    pop();
    end(3);
}
