// expect: conversion
#include "gokore_atomic.h"
int main(void) {
    gokore_atomic_i32 x = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_wait(&x, "one"); // control: gokore_atomic_wait(&x, 1);
    return 0;
}
