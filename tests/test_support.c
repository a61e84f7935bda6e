// test_support.c - tests of the test runner: this program runs itself with tests that fail in every way there is
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- the specimens: registered only where the environment asks for them

static void specimen_passes(void) {
    puts("not shown");
    CHECK(true);
    test_note("seen %d", 42);
}
static void specimen_checks(void) {
    puts("shown");
    CHECK(1 > 2);
    CHECK_INT(1, -1);
    CHECK_UINT(1, 255);
    CHECK_PTR(NULL, (void *)(uintptr_t)16);
    CHECK_STR("a", "b");
    CHECK_STR(NULL, "b");
    CHECK_CONTAINS("x", "abc");
    CHECK_STATUS(GOKORE_OK, GOKORE_TIMEOUT);
    (void)test_seed();
    REQUIRE(false);
    puts("never reached");
}
static void specimen_hangs(void) {
    if (fork() >= 0)
        for (;;) (void)pause();
}
static void specimen_segfaults(void) { (void)raise(SIGSEGV); }
static void specimen_aborts(void) { abort(); }
static void specimen_exits(void) { exit(0); }
static void specimen_exits_3(void) { exit(3); }
static void specimen_skips(void) { test_skip("no such machine"); }
static void specimen_other(void) { test_only_with("CHECKS=9"); }
static void specimen_typo(void) { test_only_with("LOCK_ORDER=1"); }
static void specimen_reports(void) { gokore_reportf_(GOKORE_REPORT_LOCK_ORDER, "thing", "%s", "unexpected"); }
static void specimen_floods(void) {
    puts("first line");
    for (int i = 0; i < 100000; i++) puts("a line among very many");
    puts("last line");
    CHECK(false);
}
static void specimen_leaves(void) { // a process that holds the output open
    if (fork() == 0)
        for (;;) (void)pause();
}
static int raced;
static void race(void *arg) { // racing on purpose
    (void)arg;
    for (int i = 0; i < 1000; i++) raced++;
}
static void specimen_races(void) {
    gokore_thread_ threads[2];
    for (int i = 0; i < 2; i++) REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(&threads[i], race, NULL, 0));
    for (int i = 0; i < 2; i++) gokore_thread_join_(&threads[i]);
}
static void *volatile kept;
static void specimen_leaks(void) {
    kept = malloc(100);
    kept = NULL;
}
static void specimen_overflows(void) {
    volatile int big = INT_MAX;
    big = big + 1;
}
static void specimen_double_free(void) {
    test_allocator a = { .fail_from = 0 };
    gokore_allocator hooks = test_allocator_hooks(&a);
    char *p = (char *)hooks.alloc(hooks.user, 10, 1);
    p[10] = 0; // within the runner's own block
    hooks.free(hooks.user, p, 11);
}

__attribute__((constructor)) static void register_specimens(void) {
    if (!getenv("TEST_SPECIMENS")) return;
#define SPECIMEN(name) test_register("specimen", #name, "specimen.c", 7, specimen_##name)
    SPECIMEN(passes);
    SPECIMEN(checks);
    SPECIMEN(hangs);
    SPECIMEN(segfaults);
    SPECIMEN(aborts);
    SPECIMEN(exits);
    SPECIMEN(exits_3);
    SPECIMEN(skips);
    SPECIMEN(other);
    SPECIMEN(typo);
    SPECIMEN(reports);
    SPECIMEN(floods);
    SPECIMEN(leaves);
    SPECIMEN(double_free);
    SPECIMEN(races);
    SPECIMEN(leaks);
    SPECIMEN(overflows);
#undef SPECIMEN
}

static char out[200000];

static int run(const char *a, const char *b, const char *c) {
    const char *argv[] = { test_self(), a, b, c, NULL };
    (void)setenv("TEST_SPECIMENS", "1", 1);
    return test_run_program(argv, out, sizeof out);
}

TEST(support, passing_test_is_one_line) {
    CHECK_INT(0, run("specimen.passes", NULL, NULL));
    CHECK_CONTAINS("ok    specimen", out);
    CHECK_CONTAINS("note  specimen.passes: seen 42\n", out);
    CHECK_CONTAINS("\n1 passed, 0 failed\n", out);
    CHECK(!strstr(out, "not shown"));
}

TEST(support, failed_checks_print_both_values) {
    CHECK_INT(1, run("--seed", "77", "specimen.checks"));
    CHECK_CONTAINS("FAIL  specimen.checks (specimen.c:7): 9 failed checks", out);
    CHECK_CONTAINS("    shown\n", out);
    CHECK_CONTAINS("test_support.c:", out);
    CHECK_CONTAINS("1 > 2 does not hold", out);
    CHECK_CONTAINS("-1 is -1, expected 1", out);
    CHECK_CONTAINS("255 is 255 (0xff), expected 1 (0x1)", out);
    CHECK_CONTAINS("is 0x10, expected (nil)", out);
    CHECK_CONTAINS("\"b\" is \"b\", expected \"a\"", out);
    CHECK_CONTAINS("\"b\" is \"b\", expected NULL", out);
    CHECK_CONTAINS("is \"abc\", expected it to contain \"x\"", out);
    CHECK_CONTAINS("GOKORE_TIMEOUT is TIMEOUT (1), expected OK (0)", out);
    CHECK_CONTAINS("--seed 77 specimen.checks\n", out);
    CHECK_CONTAINS("\n0 passed, 1 failed\n", out);
    CHECK(!strstr(out, "never reached"));
}

TEST(support, hanging_test_is_killed_with_its_children) {
    CHECK_INT(1, run("--timeout", "0.3", "specimen.hangs"));
    CHECK_CONTAINS("killed at its time limit of 0.3 s", out);
}

TEST(support, crashes_are_named) {
    (void)setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
    (void)setenv("TSAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
    (void)setenv("UBSAN_OPTIONS", "handle_segv=0:handle_abort=0", 1);
    CHECK_INT(1, run("specimen.segfaults", "specimen.aborts", NULL));
    CHECK_CONTAINS("specimen.segfaults (specimen.c:7): killed by SIGSEGV (Segmentation fault)", out);
    CHECK_CONTAINS("specimen.aborts (specimen.c:7): killed by SIGABRT (Aborted)", out);
    CHECK_CONTAINS("\n0 passed, 2 failed\n", out);
}

TEST(support, leaving_by_exit_is_a_failure) {
    CHECK_INT(1, run("specimen.exits", "specimen.exits_3", NULL));
    CHECK_CONTAINS("specimen.exits (specimen.c:7): it called exit", out);
    CHECK_CONTAINS("specimen.exits_3 (specimen.c:7): exit status 3", out);
    CHECK_CONTAINS("\n0 passed, 2 failed\n", out);
}

TEST(support, skips_are_shown_and_counted) {
    CHECK_INT(0, run("specimen.skips", NULL, NULL));
    CHECK_CONTAINS("skip  specimen.skips: no such machine\n", out);
    CHECK_CONTAINS("\n0 passed, 0 failed, 1 skipped\n", out);
}

TEST(support, tests_for_other_builds_are_not_counted) {
    CHECK_INT(1, run("specimen.other", "specimen.typo", NULL));
    CHECK_CONTAINS("1 more are for builds with other options\n0 passed, 1 failed\n", out);
    CHECK_CONTAINS("knows no such option", out);
}

TEST(support, uncaptured_error_report_fails_the_test) {
    CHECK_INT(1, run("specimen.reports", NULL, NULL));
    CHECK_CONTAINS("nobody captured LOCK_ORDER: thing: unexpected", out);
}

TEST(support, long_output_keeps_both_ends) {
    CHECK_INT(1, run("specimen.floods", NULL, NULL));
    CHECK_CONTAINS("    first line\n", out);
    CHECK_CONTAINS("bytes left out", out);
    CHECK_CONTAINS("    last line\n", out);
    CHECK(strlen(out) < 100000);
}

TEST(support, process_left_behind_is_not_waited_for) {
    CHECK_INT(0, run("--timeout", "30", "specimen.leaves"));
    CHECK_CONTAINS("\n1 passed, 0 failed\n", out);
}

TEST(support, allocator_checks_what_is_freed) {
    CHECK_INT(1, run("specimen.double_free", NULL, NULL));
    CHECK_CONTAINS("the size given to free is 11 (0xb), expected 10 (0xa)", out);
    CHECK_CONTAINS("nothing was written behind the block does not hold", out);
}

#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
TEST(support, data_race_fails_the_test) {
    CHECK_INT(1, run("specimen.races", NULL, NULL));
    CHECK_CONTAINS("specimen.races (specimen.c:7): exit status 66", out);
    CHECK_CONTAINS("data race", out);
}
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer) // built together with the one for undefined behaviour
TEST(support, leak_and_undefined_behaviour_fail_the_test) {
    CHECK_INT(1, run("specimen.leaks", "specimen.overflows", NULL));
    CHECK_CONTAINS("100 byte(s) leaked", out);
    CHECK_CONTAINS("signed integer overflow", out);
    CHECK_CONTAINS("\n0 passed, 2 failed\n", out);
}
#endif

TEST(support, bad_usage_is_status_2) {
    CHECK_INT(2, run("--what", NULL, NULL));
    CHECK_CONTAINS("can't use --what\nusage: ", out);
    CHECK_INT(2, run("--seed", "12x", NULL));
    CHECK_INT(2, run("--timeout", "0", NULL));
    CHECK_INT(2, run("there is no such test", NULL, NULL));
    CHECK_CONTAINS("no test matches", out);
}

TEST(support, list_and_filters) {
    CHECK_INT(0, run("--list", NULL, NULL));
    CHECK_CONTAINS("specimen.passes\n", out);
    CHECK_CONTAINS("support.list_and_filters\n", out);
    CHECK_INT(0, run("--list", "specimen.exits", NULL)); // a whole name is that test only
    CHECK_STR("specimen.exits\n", out);
    CHECK_INT(0, run("--list", "imen.exits", "men.skips"));
    CHECK_STR("specimen.exits\nspecimen.exits_3\nspecimen.skips\n", out);
}

TEST(support, results_file_has_a_line_per_test) {
    char path[1000], text[1000] = "";
    (void)snprintf(path, sizeof path, "%s/results", test_root());
    (void)setenv("TEST_RESULTS", path, 1);
    CHECK_INT(1, run("specimen.passes", "specimen.exits_3", "specimen.other"));
    FILE *f = fopen(path, "r");
    REQUIRE(f != NULL);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = 0;
    CHECK_CONTAINS("pass\tspecimen.passes\t0.", text);
    CHECK_CONTAINS("fail\tspecimen.exits_3\t0.", text);
    CHECK_CONTAINS("other\tspecimen.other\t0.", text);
}

TEST(support, seed_is_the_same_within_a_test) {
    uint64_t a = test_seed(), b = test_seed();
    CHECK_UINT(a, b);
    CHECK_UINT(test_random(&a), test_random(&b));
    uint64_t zero = 0;
    CHECK_UINT(0xe220a8397b1dcdafu, test_random(&zero)); // the published first value for seed 0
}

TEST(support, reports_are_captured) {
    test_reports_capture();
    CHECK_PTR(NULL, test_reports_find(GOKORE_REPORT_NONE));
    for (int i = 0; i < 300; i++) gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "node", "number %d", i);
    gokore_reportf_(GOKORE_REPORT_POLICY, NULL, "last");
    CHECK_UINT(301, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(300, test_reports_count(GOKORE_REPORT_TOPOLOGY));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    const test_report *first = test_reports_find(GOKORE_REPORT_TOPOLOGY);
    REQUIRE(first != NULL);
    CHECK_STR("number 0", first->message);
    CHECK_STR("node", first->resource);
    CHECK(first->stack_depth > 0);
    CHECK_PTR(NULL, test_reports_find(GOKORE_REPORT_POLICY)); // counted, but the 301st is not kept
    test_reports_capture();
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(support, allocator_fails_from_the_nth_call_on) {
    test_allocator a = { .fail_from = 3 };
    gokore_allocator hooks = test_allocator_hooks(&a);
    void *p = hooks.alloc(hooks.user, 100, 8), *q = hooks.alloc(hooks.user, 7, 4096);
    REQUIRE(p && q);
    CHECK_UINT(0, (uintptr_t)q % 4096);
    CHECK_PTR(NULL, hooks.alloc(hooks.user, 1, 1));
    CHECK_PTR(NULL, hooks.alloc(hooks.user, 1, 1));
    CHECK_INT(107, gokore_atomic_load(&a.live_bytes));
    CHECK_INT(2, gokore_atomic_load(&a.live_blocks));
    hooks.free(hooks.user, p, 100);
    hooks.free(hooks.user, q, 7);
    CHECK_INT(0, gokore_atomic_load(&a.live_bytes));
    CHECK_UINT(4, gokore_atomic_load(&a.calls));
    CHECK_UINT(2, gokore_atomic_load(&a.frees));
}

TEST(support, root_directory_holds_files_with_parents) {
    char path[4096], line[32] = "";
    struct stat st;
    test_root_file("/sys/devices/system/node/online", "0-1\n");
    test_root_data("/proc/self/zero", "\0\0", 2);
    test_root_directory("/sys/fs/cgroup/deep");
    (void)snprintf(path, sizeof path, "%s/sys/devices/system/node/online", test_root());
    FILE *f = fopen(path, "r");
    REQUIRE(f != NULL);
    CHECK_STR("0-1\n", fgets(line, sizeof line, f));
    (void)fclose(f);
    (void)snprintf(path, sizeof path, "%s/proc/self/zero", test_root());
    CHECK_INT(0, stat(path, &st));
    CHECK_INT(2, st.st_size);
    (void)snprintf(path, sizeof path, "%s/sys/fs/cgroup/deep", test_root());
    CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(strstr(test_root(), test_self()) == test_root()); // below the build folder
}

TEST(support, paths_exist_wherever_it_was_started) {
    CHECK_INT(0, chdir("/"));
    CHECK_INT(0, access(test_data("loopback.pcap"), R_OK));
    CHECK_INT(0, access(test_self(), X_OK));
    CHECK_INT(0, access(test_built(""), W_OK));
}

static void increment(void *p) {
    ++*(int *)p;
    CHECK(true);
}

TEST(support, runs_on_a_thread_and_in_a_child) {
    int n = 0;
    char text[100];
    test_on_thread(increment, &n);
    CHECK_INT(1, n);
    CHECK_INT(0, test_in_child(increment, &n, text, sizeof text));
    CHECK_INT(1, n);
}

TEST(support, runs_programs) {
    char text[8];
    CHECK_INT(3, test_run_program((const char *const[]) { "sh", "-c", "echo out; echo err >&2; exit 3", NULL }, text, sizeof text));
    CHECK_STR("out\nerr", text);
    CHECK_INT(128 + SIGTERM, test_run_program((const char *const[]) { "sh", "-c", "kill -TERM $$", NULL }, text, sizeof text));
    CHECK_INT(127, test_run_program((const char *const[]) { "/no/such/program", NULL }, text, sizeof text));
}
