// runner.h - the part of test.c that is Windows: a test's process is this program again, which finds the verdict's memory by
// the handle in TEST_VERDICT. Not here: fake roots, and what needs fork; what else is missing is in absent.c.
#define WIN32_LEAN_AND_MEAN 1
#include <windows.h>

#include "threads.h"

static HANDLE verdict_memory; // inherited by the tests' processes

// ---- posix.h

long sysconf(int name) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return name == _SC_PAGESIZE ? (long)info.dwPageSize : -1;
}

unsigned alarm(unsigned seconds) {
    (void)seconds;
    return 0;
}

int setenv(const char *name, const char *value, int overwrite) { return overwrite || !getenv(name) ? _putenv_s(name, value) : 0; }

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
    (void)how, (void)set, (void)before;
    test_skip("Windows has no signals");
}

int sigismember(const sigset_t *set, int number) { return (int)(*set >> number & 1); }

int mtx_init(mtx_t *m, int type) {
    (void)m, (void)type;
    test_skip("mingw-w64 has no <threads.h>");
}

int mtx_trylock(mtx_t *m) { return mtx_init(m, mtx_plain); }

void mtx_destroy(mtx_t *m) { (void)mtx_init(m, mtx_plain); }

// ---- directories and processes

static void root_remove(long pid) { (void)pid; }

const char *test_root(void) { test_skip("fake roots are made on POSIX only"); }

void test_root_data(const char *path, const void *data, size_t len) {
    (void)path, (void)data, (void)len;
    (void)test_root();
}

void test_root_directory(const char *path) {
    (void)path;
    (void)test_root();
}

static void find_self(const char *given) {
    join(runner.self_as_given, sizeof runner.self_as_given, given, "");
    DWORD len = GetModuleFileNameA(NULL, runner.self, sizeof runner.self);
    if (len == 0 || len == sizeof runner.self) die("finding this program");
    for (char *c = runner.self; *c; c++)
        if (*c == '\\') *c = '/';
}

int test_run_program(const char *const argv[], char *out, size_t cap) {
    (void)argv, (void)out, (void)cap;
    test_skip("programs are run on POSIX only");
}

int test_in_child(void (*fn)(void *), void *arg, char *out, size_t cap) {
    (void)fn, (void)arg, (void)out, (void)cap;
    test_skip("Windows has no fork");
}

// ---- the runner

static verdict *share_verdict(void) {
    const char *inherited = getenv("TEST_VERDICT");
    SECURITY_ATTRIBUTES inheritable = { sizeof inheritable, NULL, TRUE };
    if (inherited)
        verdict_memory = (HANDLE)(uintptr_t)strtoull(inherited, NULL, 10);
    else
        verdict_memory = CreateFileMappingA(INVALID_HANDLE_VALUE, &inheritable, PAGE_READWRITE, 0, sizeof(verdict), NULL);
    return (verdict *)MapViewOfFile(verdict_memory, FILE_MAP_ALL_ACCESS, 0, 0, sizeof(verdict));
}

static void forget_variable(const char *name) { (void)_putenv_s(name, ""); }

static void catch_end_signals(void) {}

static void become_child(const test *t) { // where this process is one: runs the test and ends
    if (!getenv("TEST_VERDICT")) return;
    forget_variable("TEST_VERDICT");
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    begin_test(t);
    exit(0);
}

static bool begin_child(const char *name, HANDLE out, PROCESS_INFORMATION *child) {
    char command[2 * PATH_MAX], number[32];
    STARTUPINFOA start = { .cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES };
    start.hStdInput = INVALID_HANDLE_VALUE;
    start.hStdOutput = start.hStdError = out;
    (void)snprintf(command, sizeof command, "\"%s\" --seed %" PRIu64 " %s", runner.self, runner.seed, name);
    (void)snprintf(number, sizeof number, "%" PRIu64, (uint64_t)(uintptr_t)verdict_memory);
    (void)SetEnvironmentVariableA("TEST_VERDICT", number);
    bool begun = CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, child);
    (void)SetEnvironmentVariableA("TEST_VERDICT", NULL);
    return begun;
}

static void run_forked(const test *t, const char *name) {
    static output o;
    char path[PATH_MAX + 32], data[8192], *killed = NULL, how[64];
    DWORD n = 0, status = 0;
    PROCESS_INFORMATION child;
    SECURITY_ATTRIBUTES inheritable = { sizeof inheritable, NULL, TRUE };
    o.len = 0;
    (void)snprintf(path, sizeof path, "%s.out-%lu", runner.self, GetCurrentProcessId());
    HANDLE out = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inheritable, CREATE_ALWAYS,
                             FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (out == INVALID_HANDLE_VALUE) die(path);
    (void)fflush(NULL);
    double start = seconds();
    if (!begin_child(name, out, &child)) die(name);
    bool in_time = WaitForSingleObject(child.hProcess, (DWORD)(runner.limit_s * 1000)) == WAIT_OBJECT_0;
    if (!in_time) (void)TerminateProcess(child.hProcess, 1);
    (void)WaitForSingleObject(child.hProcess, INFINITE);
    (void)GetExitCodeProcess(child.hProcess, &status);
    (void)SetFilePointer(out, 0, NULL, FILE_BEGIN);
    while (ReadFile(out, data, sizeof data, &n, NULL) && n > 0) output_add(&o, data, n);
    (void)CloseHandle(out);
    (void)CloseHandle(child.hThread);
    (void)CloseHandle(child.hProcess);
    if (status >= 0xc0000000) { // an exception
        (void)snprintf(how, sizeof how, "ended by exception 0x%lx", status);
        killed = how;
    }
    judge(t, name, seconds() - start, in_time, killed, (int)status, &o);
}
