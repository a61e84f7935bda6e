// test.h - the runner under every test of the project: named tests, checks that print both values, seeds,
// a child process with a time limit for each test, captured reports, a failing allocator, a fake root directory.
//
//   TEST(mutex, try_lock_fails_while_held) { ... CHECK_STATUS(GOKORE_BUSY, st); ... }
//
// One test file makes one program: link it with tests/support/test.c and the file that holds the implementation.
// The program runs each test in a child process and ends with "N passed, N failed" (", N skipped" where there are any);
// exit status 0 if none failed, 1 if one did, 2 on bad usage.
//   PROGRAM [--list] [--seed N] [--timeout SECONDS] [--no-fork] [FILTER...]     FILTER is part of "suite.name"
// A test fails by a check, a signal, its time limit (60 s), an exit status that is not 0 (a sanitizer's finding), a call
// of exit, or a gokore_report of severity ERROR or FATAL that nothing captured. Its output is shown only then.
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../gokore_atomic.h"

#ifndef TEST_INLINES // not so where coverage is measured
#define TEST_INLINES    1
#endif
#ifdef __EMSCRIPTEN__
#define TEST_EMSCRIPTEN 1
#define TEST_STACKS     0u // reports carry no stack
#else
#define TEST_EMSCRIPTEN 0
#define TEST_STACKS     1u // reports carry a stack of one frame at least
#endif

typedef void test_fn(void);

// Registers a test before main; called by TEST only.
void test_register(const char *suite, const char *name, const char *file, int line, test_fn *fn);

#define TEST(suite, name)                                                                                            \
    static void test_##suite##_##name(void);                                                                         \
    __attribute__((constructor)) static void test_register_##suite##_##name(void) {                                  \
        test_register(#suite, #name, __FILE__, __LINE__, test_##suite##_##name);                                     \
    }                                                                                                                \
    static void test_##suite##_##name(void)

// Checks print file:line, the expression and both values, count a failure, and go on; REQUIRE ends the test.
#define CHECK(cond)                  ((void)test_check((cond), __FILE__, __LINE__, #cond))
#define REQUIRE(cond)                ((void)(test_check((cond), __FILE__, __LINE__, #cond) ? 0 : (test_stop(), 0)))
#define CHECK_INT(want, got)         ((void)test_check_int((intmax_t)(want), (intmax_t)(got), __FILE__, __LINE__, #got))
#define CHECK_UINT(want, got)        ((void)test_check_uint((uintmax_t)(want), (uintmax_t)(got), __FILE__, __LINE__, #got))
#define CHECK_PTR(want, got)         ((void)test_check_ptr((want), (got), __FILE__, __LINE__, #got))
#define CHECK_STR(want, got)         ((void)test_check_str((want), (got), __FILE__, __LINE__, #got))
#define CHECK_CONTAINS(part, got)    ((void)test_check_contains((part), (got), __FILE__, __LINE__, #got))
#define CHECK_STATUS(want, got)      ((void)test_check_status((want), (got), __FILE__, __LINE__, #got))
#define REQUIRE_STATUS(want, got)                                                                                    \
    ((void)(test_check_status((want), (got), __FILE__, __LINE__, #got) ? 0 : (test_stop(), 0)))

bool test_check(bool ok, const char *file, int line, const char *text);
bool test_check_int(intmax_t want, intmax_t got, const char *file, int line, const char *text);
bool test_check_uint(uintmax_t want, uintmax_t got, const char *file, int line, const char *text);
bool test_check_ptr(const void *want, const void *got, const char *file, int line, const char *text);
bool test_check_str(const char *want, const char *got, const char *file, int line, const char *text);
bool test_check_contains(const char *part, const char *got, const char *file, int line, const char *text);
bool test_check_status(gokore_status want, gokore_status got, const char *file, int line, const char *text);
_Noreturn void test_stop(void);                       // ends the running test's process at once
_Noreturn void test_skip(const char *why);            // ends it as skipped, the reason printed
// Ends the test, neither counted nor shown, unless gokore_config() has this word: test_only_with("LOCKORDER=1").
// `make test` fails for a test that ran in none of its variants.
void test_only_with(const char *option);
void test_note(const char *format, ...) GOKORE_PRINTF_(1); // one line, shown in any case

// Seeds: printed when a test that asked for one fails, repeated with --seed N.
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);                // splitmix64; state starts as test_seed()

// Reports: from the first call on, the process's reports are kept here instead of going to stderr.
typedef struct test_report {
    gokore_report_id id;
    gokore_severity severity;
    char message[512], resource[128];
    uint32_t stack_depth, other_stack_depth;
} test_report;
void test_reports_capture(void);                      // starts, or empties what was kept (at most 256 are kept, all are counted)
size_t test_reports_count(gokore_report_id id);       // GOKORE_REPORT_NONE: all, but for holds that a busy machine made long
const test_report *test_reports_find(gokore_report_id id); // the first kept one, or NULL

// An allocator that fails its nth allocation (1 = the first) and every later one, counts, and checks sizes on free.
typedef struct test_allocator {
    gokore_atomic_u64 calls, frees;
    gokore_atomic_i64 live_bytes, live_blocks;
    uint64_t fail_from;                               // 0 = never
} test_allocator;
gokore_allocator test_allocator_hooks(test_allocator *);

// A fake root directory below the build folder; files are written with their parents. Removed when the test ends.
const char *test_root(void);                          // this test's directory, made at the first call
void test_root_file(const char *path, const char *text);             // path starts with '/'
void test_root_data(const char *path, const void *data, size_t len);
void test_root_directory(const char *path);

// Paths, wherever the program was started; each call of the same function overwrites the last answer.
const char *test_data(const char *name);              // tests/data/NAME
const char *test_built(const char *name);             // BUILD/NAME: test_built("examples/packets")
const char *test_self(void);                          // this test program

// Runs fn(arg) on another thread and waits for it.
void test_on_thread(void (*fn)(void *), void *arg);
// Runs a program, its output (stdout and stderr) into out (cap bytes, terminated); returns its exit status, or 128 + signal.
int test_run_program(const char *const argv[], char *out, size_t cap);
// Runs fn(arg) in a child process, for what ends a process; output and answer as above. Checks in it count.
int test_in_child(void (*fn)(void *), void *arg, char *out, size_t cap);

#endif
