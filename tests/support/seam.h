// seam.h - for a test with an implementation of its own: the seam as the library has it, but for allocation, and for what else was
// defined before. Includes first the few headers that its declarations want.
#ifndef TEST_SEAM_H
#define TEST_SEAM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define GOKORE_SEAM_PAUSE_()                                gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)      gokore_futex_wait_((word), (expected), (deadline_ns))
#define GOKORE_SEAM_WAKE_(word, count)                      gokore_futex_wake_((word), (count))
#define GOKORE_SEAM_YIELD_()                                gokore_yield_()
#define GOKORE_SEAM_THREAD_ID_()                            gokore_thread_number_()
#ifndef GOKORE_SEAM_THREAD_START_
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size) gokore_thread_start_((out), (fn), (arg), (stack_size))
#endif
#define GOKORE_SEAM_THREAD_JOIN_(thread)                    gokore_thread_join_(thread)
#define GOKORE_SEAM_NOW_()                                  gokore_clock_ns_()
#endif
