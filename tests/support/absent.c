// absent.c - calls that the tests make and TEST_SYSTEM ("Windows", "WebAssembly") lacks: the test is skipped, with the reason.
// Compiled with that system's posix.h, which declares them.
#include "test.h"

long syscall(long number) { return number == SYS_gettid ? (long)gokore_thread_id_() : -1; }

int sigaction(int number, const struct sigaction *action, struct sigaction *before) {
    (void)number, (void)action, (void)before;
    test_skip(TEST_SYSTEM " sends threads no signals");
}

int prctl(int option, ...) {
    (void)option;
    test_skip("thread names are not read on " TEST_SYSTEM);
}

int getrlimit(int what, struct rlimit *out) {
    (void)what, (void)out;
    test_skip(TEST_SYSTEM " has no resource limits");
}

int setrlimit(int what, const struct rlimit *limit) {
    (void)what, (void)limit;
    test_skip(TEST_SYSTEM " has no resource limits");
}

int getrusage(int who, struct rusage *out) {
    (void)who, (void)out;
    test_skip(TEST_SYSTEM " has no getrusage");
}
