// test.c - see test.h
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifndef _WIN32 // what is not here is in windows/runner.h
#include <ftw.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#endif

#ifndef TEST_DATA_DIRECTORY
#define TEST_DATA_DIRECTORY "tests/data"
#endif

typedef struct test {
    const char *suite, *name, *file;
    int line;
    test_fn *fn;
} test;

static struct {
    test *tests;
    size_t count, capacity;
} registry;

// What the running test tells the runner, in memory that both processes share.
typedef struct verdict {
    atomic_uint failed_checks, seed_used;
    atomic_int ended; // an `ending`
    char why[256];    // skipped or not for this build
    atomic_uint notes_len;
    char notes[4096]; // each ends with 0
} verdict;
typedef enum ending { ENDED_EARLY, ENDED, STOPPED, SKIPPED, NOT_HERE } ending;

static struct {
    uint64_t seed;
    double limit_s;
    bool no_fork;
    const test *running;
    double began;
    FILE *results; // lines for the sum over several programs
    char self[PATH_MAX], self_as_given[PATH_MAX];
    unsigned passed, failed, skipped, not_here;
    unsigned suite_passed, suite_failed;
    double suite_s;
} runner = { .limit_s = 60 };

static verdict *shared;
static pid_t test_process;

static void die(const char *what) {
    fprintf(stderr, "test runner: %s: %s\n", what, strerror(errno));
    exit(2);
}

static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void test_register(const char *suite, const char *name, const char *file, int line, test_fn *fn) {
    if (registry.count == registry.capacity) {
        registry.capacity = registry.capacity ? registry.capacity * 2 : 64;
        registry.tests = (test *)realloc(registry.tests, registry.capacity * sizeof(test));
        if (!registry.tests) die("registering a test");
    }
    registry.tests[registry.count++] = (test) { suite, name, file, line, fn };
}

// ---- checks

static void complain(const char *file, int line, const char *format, ...) GOKORE_PRINTF_(3);
static void complain(const char *file, int line, const char *format, ...) {
    unsigned before = atomic_fetch_add(&shared->failed_checks, 1);
    if (before == 100) fprintf(stderr, "... more failed checks are only counted\n");
    if (before >= 100) return;
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
}

bool test_check(bool ok, const char *file, int line, const char *text) {
    if (!ok) complain(file, line, "%s does not hold", text);
    return ok;
}

bool test_check_int(intmax_t want, intmax_t got, const char *file, int line, const char *text) {
    if (want != got) complain(file, line, "%s is %" PRIdMAX ", expected %" PRIdMAX, text, got, want);
    return want == got;
}

bool test_check_uint(uintmax_t want, uintmax_t got, const char *file, int line, const char *text) {
    if (want != got)
        complain(file, line, "%s is %" PRIuMAX " (0x%" PRIxMAX "), expected %" PRIuMAX " (0x%" PRIxMAX ")", text, got, got,
                 want, want);
    return want == got;
}

bool test_check_ptr(const void *want, const void *got, const char *file, int line, const char *text) {
    if (want != got) complain(file, line, "%s is %p, expected %p", text, got, want);
    return want == got;
}

static const char *quoted(const char *text, char *out, size_t cap) {
    if (!text) return "NULL";
    (void)snprintf(out, cap, "\"%s\"", text);
    return out;
}

bool test_check_str(const char *want, const char *got, const char *file, int line, const char *text) {
    char a[1500], b[1500];
    bool ok = want && got ? strcmp(want, got) == 0 : want == got;
    if (!ok) complain(file, line, "%s is %s, expected %s", text, quoted(got, a, sizeof a), quoted(want, b, sizeof b));
    return ok;
}

bool test_check_contains(const char *part, const char *got, const char *file, int line, const char *text) {
    char a[1500], b[1500];
    bool ok = part && got && strstr(got, part);
    if (!ok)
        complain(file, line, "%s is %s, expected it to contain %s", text, quoted(got, a, sizeof a),
                 quoted(part, b, sizeof b));
    return ok;
}

bool test_check_status(gokore_status want, gokore_status got, const char *file, int line, const char *text) {
    if (want != got)
        complain(file, line, "%s is %s (%d), expected %s (%d)", text, gokore_status_name(got), (int)got,
                 gokore_status_name(want), (int)want);
    return want == got;
}

static int end_here(int status);

static _Noreturn void end_test(ending how, const char *why, int status) {
    (void)snprintf(shared->why, sizeof shared->why, "%s", why);
    atomic_store(&shared->ended, (int)how);
    (void)fflush(NULL);
    if (runner.no_fork) status = end_here(status);
    _exit(status);
}

void test_stop(void) { end_test(STOPPED, "a required check failed", 1); }

void test_skip(const char *why) { end_test(SKIPPED, why, 0); }

void test_only_with(const char *option) {
    const char *config = gokore_config();
    size_t name_len = strcspn(option, "="), len = strlen(option);
    bool known = false;
    for (const char *word = config; *word; word += strcspn(word, " "), word += strspn(word, " ")) {
        size_t word_len = strcspn(word, " ");
        if (word_len == len && memcmp(word, option, len) == 0) return;
        if (word_len > name_len && memcmp(word, option, name_len + 1) == 0) known = true;
    }
    if (known) end_test(NOT_HERE, option, 0);
    complain(__FILE__, __LINE__, "test_only_with(\"%s\"): gokore_config() knows no such option: %s", option, config);
    test_stop();
}

void test_note(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned len = (unsigned)strlen(text) + 1;
    unsigned at = atomic_fetch_add(&shared->notes_len, len);
    if (at + len <= sizeof shared->notes) memcpy(shared->notes + at, text, len);
}

// ---- seeds

uint64_t test_seed(void) {
    atomic_store(&shared->seed_used, 1);
    return runner.seed;
}

uint64_t test_random(uint64_t *state) { // S. Vigna, splitmix64
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t fresh_seed(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    uint64_t state = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec << 20 ^ (uint64_t)getpid();
    return test_random(&state) >> 32; // short enough to be typed
}

// ---- reports

static struct {
    pthread_mutex_t lock;
    bool capturing;
    size_t total, kept, counts[GOKORE_REPORT_COUNT_];
    test_report items[256];
} reports = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void copy_text(char *out, size_t cap, const char *text) { (void)snprintf(out, cap, "%s", text ? text : ""); }

static void keep_report(const gokore_report *r) {
    reports.total++;
    if ((size_t)r->id < GOKORE_REPORT_COUNT_) reports.counts[r->id]++;
    if (reports.kept == sizeof reports.items / sizeof reports.items[0]) return;
    test_report *kept = &reports.items[reports.kept++];
    *kept = (test_report) { .id = r->id, .severity = r->severity };
    kept->stack_depth = r->stack_depth;
    kept->other_stack_depth = r->other_stack_depth;
    copy_text(kept->message, sizeof kept->message, r->message);
    copy_text(kept->resource, sizeof kept->resource, r->resource);
}

static void on_report(const gokore_report *r, void *user) {
    (void)user;
    (void)pthread_mutex_lock(&reports.lock);
    bool captured = reports.capturing;
    if (captured) keep_report(r);
    (void)pthread_mutex_unlock(&reports.lock);
    if (captured) return;
    const char *id = gokore_report_id_name(r->id);
    if (r->severity >= GOKORE_SEVERITY_ERROR)
        complain("report", (int)r->id, "nobody captured %s: %s: %s", id, r->resource, r->message);
    else
        fprintf(stderr, "report: %s: %s: %s\n", id, r->resource, r->message);
}

void test_reports_capture(void) {
    (void)pthread_mutex_lock(&reports.lock);
    reports.capturing = true;
    reports.total = reports.kept = 0;
    memset(reports.counts, 0, sizeof reports.counts);
    (void)pthread_mutex_unlock(&reports.lock);
    gokore_report_set(on_report, NULL);
}

size_t test_reports_count(gokore_report_id id) {
    (void)pthread_mutex_lock(&reports.lock);
    size_t held_long = reports.counts[GOKORE_REPORT_LOCK_HOLD_TIME] + reports.counts[GOKORE_REPORT_LOCK_REMOTE_HOLD];
    size_t n = id == GOKORE_REPORT_NONE ? reports.total - held_long : (size_t)id < GOKORE_REPORT_COUNT_ ? reports.counts[id] : 0;
    (void)pthread_mutex_unlock(&reports.lock);
    return n;
}

const test_report *test_reports_find(gokore_report_id id) {
    const test_report *found = NULL;
    (void)pthread_mutex_lock(&reports.lock);
    for (size_t i = 0; i < reports.kept && !found; i++)
        if (reports.items[i].id == id || id == GOKORE_REPORT_NONE) found = &reports.items[i];
    (void)pthread_mutex_unlock(&reports.lock);
    return found;
}

// ---- allocator

typedef struct block {  // in front of what the caller gets
    void *start;        // of the whole, for free
    size_t size, check; // check: the size and the address, scrambled
} block;
static const unsigned char fence_bytes[8] = { 0xfe, 0xce, 0xfe, 0xce, 0xfe, 0xce, 0xfe, 0xce }; // behind it

static size_t block_check(const block *b, size_t size) { return size ^ (size_t)(uintptr_t)b ^ (size_t)0x5ca1ab1e; }

static void *test_alloc(void *user, size_t size, size_t align) {
    test_allocator *a = (test_allocator *)user;
    uint64_t call = gokore_atomic_add(&a->calls, 1);
    if (!test_check(align != 0 && (align & (align - 1)) == 0, __FILE__, __LINE__, "an allocation's alignment is a power of two"))
        return NULL;
    if (a->fail_from && call >= a->fail_from) return NULL;
    size_t step = align < 64 ? 64 : align;
    if (size > SIZE_MAX / 2 - step) return NULL;
    unsigned char *start = (unsigned char *)gokore_heap_alloc_(step + size + sizeof fence_bytes, step);
    if (!start) return NULL;
    memset(start, 0xa5, step + size);
    memcpy(start + step + size, fence_bytes, sizeof fence_bytes);
    block *b = (block *)(void *)(start + step - sizeof(block));
    *b = (block) { start, size, block_check(b, size) };
    (void)gokore_atomic_add(&a->live_bytes, (int64_t)size);
    (void)gokore_atomic_add(&a->live_blocks, 1);
    return start + step;
}

static void test_free(void *user, void *p, size_t size) {
    test_allocator *a = (test_allocator *)user;
    block *b = (block *)(void *)((unsigned char *)p - sizeof(block));
    (void)gokore_atomic_add(&a->frees, 1);
    if (!test_check(b->check == block_check(b, b->size), __FILE__, __LINE__, "what is freed was allocated here")) return;
    test_check_uint(b->size, size, __FILE__, __LINE__, "the size given to free");
    test_check(memcmp((unsigned char *)p + b->size, fence_bytes, sizeof fence_bytes) == 0, __FILE__, __LINE__,
               "nothing was written behind the block");
    (void)gokore_atomic_add(&a->live_bytes, -(int64_t)b->size);
    (void)gokore_atomic_add(&a->live_blocks, -1);
    void *start = b->start;
    memset(start, 0xdd, (size_t)((unsigned char *)p - (unsigned char *)start) + b->size);
    gokore_heap_free_(start);
}

gokore_allocator test_allocator_hooks(test_allocator *a) { return (gokore_allocator) { test_alloc, test_free, a }; }

// ---- directories and paths

static void join(char *out, size_t cap, const char *a, const char *b) {
    int n = snprintf(out, cap, "%s%s", a, b);
    if (n < 0 || (size_t)n >= cap) errno = ENAMETOOLONG, die(b);
}

#ifndef _WIN32
static char root_directory[PATH_MAX]; // of the running test; empty until it asks

static void make_directories(const char *path, bool also_last) {
    char part[PATH_MAX];
    join(part, sizeof part, path, "");
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) die(part);
        *slash = '/';
    }
    if (also_last && mkdir(part, 0777) != 0 && errno != EEXIST) die(part);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

static void root_name(long pid, char *out, size_t cap) {
    char end[32];
    (void)snprintf(end, sizeof end, ".root-%ld", pid);
    join(out, cap, runner.self, end);
}

static void root_remove(long pid) {
    char path[PATH_MAX];
    root_name(pid, path, sizeof path);
    struct stat st;
    if (lstat(path, &st) == 0) (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    root_directory[0] = 0;
}

const char *test_root(void) {
    if (!root_directory[0]) {
        root_name((long)test_process, root_directory, sizeof root_directory);
        make_directories(root_directory, true);
    }
    return root_directory;
}

void test_root_data(const char *path, const void *data, size_t len) {
    char full[PATH_MAX];
    join(full, sizeof full, test_root(), path);
    make_directories(full, false);
    FILE *f = fopen(full, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0) die(full);
}

void test_root_directory(const char *path) {
    char full[PATH_MAX];
    join(full, sizeof full, test_root(), path);
    make_directories(full, true);
}
#endif

void test_root_file(const char *path, const char *text) { test_root_data(path, text, strlen(text)); }

const char *test_data(const char *name) {
    static char path[PATH_MAX];
    join(path, sizeof path, TEST_DATA_DIRECTORY "/", name);
    return path;
}

const char *test_built(const char *name) { // the program is BUILD/VARIANT/PROGRAM
    static char path[PATH_MAX];
    char end[PATH_MAX];
    join(path, sizeof path, runner.self, "");
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash) *slash = 0;
    }
    join(end, sizeof end, "/", name);
    size_t len = strlen(path);
    join(path + len, sizeof path - len, end, "");
    return path;
}

const char *test_self(void) { return runner.self; }

// ---- threads and processes

typedef struct thread_call {
    void (*fn)(void *);
    void *arg;
} thread_call;

static void *thread_main(void *p) {
    thread_call *call = (thread_call *)p;
    call->fn(call->arg);
    return NULL;
}

void test_on_thread(void (*fn)(void *), void *arg) {
    pthread_t thread;
    thread_call call = { fn, arg };
    errno = pthread_create(&thread, NULL, thread_main, &call);
    if (errno != 0) die("starting a thread");
    (void)pthread_join(thread, NULL);
}

#ifndef _WIN32
static void find_self(const char *given) {
    join(runner.self_as_given, sizeof runner.self_as_given, given, "");
    if (strchr(given, '/') && realpath(given, runner.self)) return;
    ssize_t n = readlink("/proc/self/exe", runner.self, sizeof runner.self - 1);
    if (n < 0) die("finding this program");
    runner.self[n] = 0;
}

// In a child process: input from nowhere, output to fd.
static void redirect(int fd) {
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)close(null);
    }
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO) (void)close(fd);
}

static pid_t fork_or_skip(void) {
    pid_t child = fork();
    if (child < 0 && errno == ENOSYS) test_skip("there is no fork here");
    if (child < 0) die("fork");
    return child;
}

static int status_number(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static int collect(pid_t child, int from, char *out, size_t cap) {
    size_t len = 0;
    char more[4096];
    for (;;) {
        ssize_t n = read(from, more, sizeof more);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        size_t room = cap ? cap - 1 - len : 0, take = (size_t)n < room ? (size_t)n : room;
        if (take) memcpy(out + len, more, take);
        len += take;
    }
    if (cap) out[len] = 0;
    (void)close(from);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status_number(status);
}

int test_run_program(const char *const argv[], char *out, size_t cap) {
    char *copy[256];
    size_t n = 0;
    while (argv[n]) n++;
    if (n >= sizeof copy / sizeof copy[0]) errno = E2BIG, die(argv[0]);
    memcpy(copy, argv, (n + 1) * sizeof copy[0]); // execvp promises not to write to them
    int ends[2];
    (void)fflush(NULL);
    if (pipe(ends) != 0) die("pipe");
    pid_t child = fork_or_skip();
    if (child == 0) {
        (void)close(ends[0]);
        redirect(ends[1]);
        (void)execvp(copy[0], copy);
        fprintf(stderr, "%s: %s\n", copy[0], strerror(errno));
        (void)fflush(NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    return collect(child, ends[0], out, cap);
}

int test_in_child(void (*fn)(void *), void *arg, char *out, size_t cap) {
    int ends[2];
    (void)fflush(NULL);
    if (pipe(ends) != 0) die("pipe");
    pid_t child = fork_or_skip();
    if (child == 0) {
        (void)close(ends[0]);
        redirect(ends[1]);
        fn(arg);
        (void)fflush(NULL);
        _exit(0);
    }
    (void)close(ends[1]);
    return collect(child, ends[0], out, cap);
}

#endif

// ---- the runner

#ifndef _WIN32
static const char *signal_name(int number) {
    static const struct { int number; const char *name; } names[] = {
        { SIGABRT, "SIGABRT" }, { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
        { SIGILL, "SIGILL" },   { SIGTRAP, "SIGTRAP" }, { SIGKILL, "SIGKILL" }, { SIGTERM, "SIGTERM" },
        { SIGINT, "SIGINT" },   { SIGHUP, "SIGHUP" },   { SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" },
        { SIGSYS, "SIGSYS" },   { SIGXCPU, "SIGXCPU" }, { SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == number) return names[i].name;
    return "a signal";
}
#endif

// The beginning and the end of what a test printed.
typedef struct output {
    size_t len;
    char head[32768], tail[32768]; // tail is a ring
} output;

static void output_add(output *o, const char *data, size_t n) {
    for (size_t i = 0; i < n; i++, o->len++) {
        if (o->len < sizeof o->head)
            o->head[o->len] = data[i];
        else
            o->tail[(o->len - sizeof o->head) % sizeof o->tail] = data[i];
    }
}

static void output_print(const output *o) {
    size_t tail = o->len > sizeof o->head ? o->len - sizeof o->head : 0, kept = tail < sizeof o->tail ? tail : sizeof o->tail;
    bool line_start = true;
    for (size_t i = 0; i < o->len; i++) {
        if (i == sizeof o->head && tail > kept) {
            printf("\n    ... %zu bytes left out ...\n    ", tail - kept);
            i += tail - kept;
        }
        char c = i < sizeof o->head ? o->head[i] : o->tail[(i - sizeof o->head) % sizeof o->tail];
        if (line_start) printf("    ");
        putchar(c);
        line_start = c == '\n';
    }
    if (!line_start) putchar('\n');
}

static void begin_test(const test *t) {
    test_process = getpid();
    gokore_report_set(on_report, NULL);
    t->fn();
    atomic_store(&shared->ended, ENDED);
}

static void print_notes(const char *name) {
    unsigned len = atomic_load(&shared->notes_len);
    if (len > sizeof shared->notes) len = sizeof shared->notes;
    for (unsigned at = 0; at < len && shared->notes[at]; at += (unsigned)strnlen(shared->notes + at, len - at) + 1)
        printf("note  %s: %.*s\n", name, (int)(len - at), shared->notes + at);
}

static void count(const char *word, const char *name, double took) {
    if (runner.results) fprintf(runner.results, "%s\t%s\t%.3f\n", word, name, took);
}

static void passed(const char *name, double took) {
    runner.passed++;
    runner.suite_passed++;
    count("pass", name, took);
}

static void failed(const test *t, const char *name, double took, const char *how, const output *o) {
    runner.failed++;
    runner.suite_failed++;
    count("fail", name, took);
    printf("FAIL  %s (%s:%d): %s, %.2f s\n", name, t->file, t->line, how, took);
    if (o) output_print(o);
    printf("    repeat: %s ", runner.self_as_given);
    if (atomic_load(&shared->seed_used)) printf("--seed %" PRIu64 " ", runner.seed);
    printf("%s\n", name);
}

// killed: how another ended it; NULL: it ended by itself, with this exit status.
static void judge(const test *t, const char *name, double took, bool in_time, const char *killed, int status, const output *o) {
    char how[512];
    unsigned checks = atomic_load(&shared->failed_checks);
    ending ended = (ending)atomic_load(&shared->ended);
    if (!in_time)
        (void)snprintf(how, sizeof how, "killed at its time limit of %g s", runner.limit_s);
    else if (killed)
        (void)snprintf(how, sizeof how, "%s", killed);
    else if (checks)
        (void)snprintf(how, sizeof how, "%u failed check%s", checks, checks == 1 ? "" : "s");
    else if (status != 0)
        (void)snprintf(how, sizeof how, "exit status %d", status);
    else if (ended == ENDED_EARLY)
        (void)snprintf(how, sizeof how, "it called exit");
    else if (ended == SKIPPED) {
        runner.skipped++;
        if (runner.results) fprintf(runner.results, "skip\t%s\t%.3f\t%s\n", name, took, shared->why);
        printf("skip  %s: %s\n", name, shared->why);
        return;
    } else if (ended == NOT_HERE) {
        runner.not_here++;
        count("other", name, took);
        return;
    } else {
        passed(name, took);
        return;
    }
    failed(t, name, took, how, o);
}

#ifdef _WIN32
#include "windows/runner.h"
#else
static volatile sig_atomic_t running_child;

// Reads what is there now; false at the end of the pipe.
static bool output_read(output *o, int fd) {
    char data[8192];
    for (;;) {
        ssize_t n = read(fd, data, sizeof data);
        if (n > 0) output_add(o, data, (size_t)n);
        if (n == 0) return false;
        if (n < 0 && errno != EINTR) return errno == EAGAIN || errno == EWOULDBLOCK;
    }
}

static bool has_ended(pid_t child) {
    siginfo_t info;
    info.si_pid = 0;
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Follows the child to its end or its time limit; true when it ended by itself.
static bool follow(pid_t child, int from, output *o, int *status) {
    double end = seconds() + runner.limit_s;
    bool open = true, ended = false;
    while (!(ended = has_ended(child)) && seconds() < end) {
        struct pollfd poll_fd = { from, POLLIN, 0 };
        double left_ms = (end - seconds()) * 1000 + 1;
        (void)poll(open ? &poll_fd : NULL, open, !open ? 1 : left_ms < 100 ? (int)left_ms : 100);
        if (open) open = output_read(o, from);
    }
    (void)kill(-child, SIGKILL); // what hangs, and what the test left behind
    while (waitpid(child, status, 0) < 0 && errno == EINTR) {}
    if (open) (void)output_read(o, from);
    return ended;
}

static _Noreturn void child_main(const test *t, int out) {
    (void)setpgid(0, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    if (runner.results) (void)close(fileno(runner.results));
    redirect(out);
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    begin_test(t);
    exit(0); // not _exit: sanitizers look for leaks now
}

static void run_forked(const test *t, const char *name) {
    static output o;
    o.len = 0;
    int ends[2], status = 0;
    (void)fflush(NULL);
    if (pipe(ends) != 0) die("pipe");
    double start = seconds();
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        (void)close(ends[0]);
        child_main(t, ends[1]);
    }
    (void)setpgid(child, child);
    running_child = child;
    (void)close(ends[1]);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    bool in_time = follow(child, ends[0], &o, &status);
    running_child = 0;
    (void)close(ends[0]);
    root_remove((long)child);
    char killed[128] = "";
    if (WIFSIGNALED(status))
        (void)snprintf(killed, sizeof killed, "killed by %s (%s)", signal_name(WTERMSIG(status)), strsignal(WTERMSIG(status)));
    judge(t, name, seconds() - start, in_time, killed[0] ? killed : NULL, WEXITSTATUS(status), &o);
}

static void on_end_signal(int number) {
    if (running_child > 0) (void)kill((pid_t)-running_child, SIGKILL);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void catch_end_signals(void) {
    (void)signal(SIGINT, on_end_signal);
    (void)signal(SIGTERM, on_end_signal);
    (void)signal(SIGHUP, on_end_signal);
}

static verdict *share_verdict(void) {
    void *p = mmap(NULL, sizeof(verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : (verdict *)p;
}

static void forget_variable(const char *name) { (void)unsetenv(name); }

static void become_child(const test *t) { (void)t; } // fork has done it
#endif

// --no-fork: of the test that this process runs
static void judge_here(int status) {
    const test *t = runner.running;
    char name[256];
    (void)snprintf(name, sizeof name, "%s.%s", t->suite, t->name);
    root_remove((long)getpid());
    judge(t, name, seconds() - runner.began, true, NULL, status, NULL);
    print_notes(name);
}

static void run_test(const test *t) {
    char name[256];
    (void)snprintf(name, sizeof name, "%s.%s", t->suite, t->name);
    become_child(t);
    memset(shared, 0, sizeof *shared);
    runner.running = t;
    runner.began = seconds();
    if (runner.no_fork) {
        begin_test(t);
        judge_here(0);
    } else {
        run_forked(t, name);
        print_notes(name);
    }
    runner.suite_s += seconds() - runner.began;
}

static void end_suite(const char *suite) {
    if (runner.suite_passed && !runner.suite_failed)
        printf("ok    %-24s %4u passed  %6.2f s\n", suite, runner.suite_passed, runner.suite_s);
    else if (runner.suite_failed)
        printf("FAIL  %-24s %4u passed, %u failed  %.2f s\n", suite, runner.suite_passed, runner.suite_failed, runner.suite_s);
    runner.suite_passed = runner.suite_failed = 0;
    runner.suite_s = 0;
    (void)fflush(stdout);
}

static int end_program(void) { // returns its exit status
    if (runner.not_here) printf("%u more are for builds with other options\n", runner.not_here);
    printf("%u passed, %u failed", runner.passed, runner.failed);
    if (runner.skipped) printf(", %u skipped", runner.skipped);
    printf("\n");
    if (runner.results) (void)fclose(runner.results);
    free(registry.tests);
    return runner.failed ? 1 : 0;
}

static int end_here(int status) { // --no-fork: the program ends with the test
    judge_here(status);
    end_suite(runner.running->suite);
    status = end_program();
    (void)fflush(NULL);
    return status;
}

static bool is_named(const test *t, const char *name) {
    size_t len = strlen(t->suite);
    return strncmp(name, t->suite, len) == 0 && name[len] == '.' && strcmp(name + len + 1, t->name) == 0;
}

static bool is_wanted(const test *t, char *const *filters, int n) {
    char name[256];
    (void)snprintf(name, sizeof name, "%s.%s", t->suite, t->name);
    for (int f = 0; f < n; f++) {
        bool exact = false; // a whole name means this one test
        for (size_t i = 0; i < registry.count && !exact; i++) exact = is_named(&registry.tests[i], filters[f]);
        if (exact ? strcmp(name, filters[f]) == 0 : strstr(name, filters[f]) != NULL) return true;
    }
    return n == 0;
}

static int usage(const char *what, const char *value) {
    fprintf(stderr, "%s%s\nusage: %s [--list] [--seed N] [--timeout SECONDS] [--no-fork] [FILTER...]\n", what, value,
            runner.self_as_given);
    return 2;
}

static bool parse_options(int argc, char **argv, int *first, bool *list) {
    for (*first = 1; *first < argc && argv[*first][0] == '-'; (*first)++) {
        const char *word = argv[*first], *value = *first + 1 < argc ? argv[*first + 1] : "";
        char *end = NULL;
        if (strcmp(word, "--list") == 0) {
            *list = true;
        } else if (strcmp(word, "--no-fork") == 0) {
            runner.no_fork = true;
        } else if (strcmp(word, "--seed") == 0) {
            runner.seed = strtoull(value, &end, 0);
        } else if (strcmp(word, "--timeout") == 0) {
            runner.limit_s = strtod(value, &end);
            if (!(runner.limit_s > 0)) return false;
        } else {
            return false;
        }
        if (end) { // a value was read
            if (!*value || *end) return false;
            (*first)++;
        }
    }
    return true;
}

static size_t run_all(char *const *filters, int n, bool list) {
    const char *suite = NULL;
    size_t found = 0;
    for (size_t i = 0; i < registry.count; i++) {
        const test *t = &registry.tests[i];
        if (!is_wanted(t, filters, n)) continue;
        found++;
        if (list) {
            printf("%s.%s\n", t->suite, t->name);
            continue;
        }
        if (suite && strcmp(suite, t->suite) != 0) end_suite(suite);
        suite = t->suite;
        run_test(t);
    }
    if (suite) end_suite(suite);
    return found;
}

int main(int argc, char **argv) {
    find_self(argv[0]);
    runner.seed = fresh_seed();
    bool list = false;
    int first;
    if (!parse_options(argc, argv, &first, &list)) return usage("can't use ", argv[first]);
    const char *results = getenv("TEST_RESULTS");
    if (results && !list && !(runner.results = fopen(results, "a"))) die(results);
    forget_variable("TEST_RESULTS"); // test programs that a test runs are not part of the sum
    if (!(shared = share_verdict())) die("sharing memory with the tests");
    catch_end_signals();
    if (run_all(argv + first, argc - first, list) == 0) return usage("no test matches", "");
    if (list) return 0;
    return end_program();
}
