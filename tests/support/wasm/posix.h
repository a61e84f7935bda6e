// posix.h - what the tests use of Linux and Emscripten lacks; every file of the tests gets it by -include. What it declares
// and Emscripten can't do ends the test as skipped, with the reason.
#ifndef TEST_WASM_POSIX_H
#define TEST_WASM_POSIX_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { SYS_gettid };
long syscall(long number); // gettid: what gokore_thread_id_ answers

_Noreturn void test_skip(const char *why);
static inline int test_sigismember(const sigset_t *set, int number) {
    (void)set, (void)number;
    test_skip("WebAssembly has no signal masks");
}
#define sigismember(set, number) test_sigismember(set, number) // libc has need of its own

#endif
