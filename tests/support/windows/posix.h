// posix.h - what the tests use of POSIX and Windows lacks, for programs that mingw-w64 builds; every file gets it by -include.
// Threads and clocks come from winpthreads. What Windows can't do ends the test as skipped, with the reason.
#ifndef TEST_WINDOWS_POSIX_H
#define TEST_WINDOWS_POSIX_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef __STDC_NO_THREADS__
#define __STDC_NO_THREADS__ 1 // threads.h here is for the tests alone
#endif
__attribute__((noreturn)) void pthread_exit(void *result); // winpthreads does not say so

enum { SYS_gettid };
long syscall(long number); // gettid: what gokore_thread_id_ answers

enum { _SC_PAGESIZE };
long sysconf(int name);
unsigned alarm(unsigned seconds); // nothing: the runner's time limit is all there is
int setenv(const char *name, const char *value, int overwrite);

enum { SIGHUP = 1, SIGUSR1 = 10, SIGPIPE = 13, SIGALRM, SIGCHLD = 17 }; // passed on, never raised
typedef _sigset_t sigset_t;
struct sigaction {
    void (*sa_handler)(int);
    sigset_t sa_mask;
    int sa_flags;
};
int sigaction(int number, const struct sigaction *action, struct sigaction *before);
#undef pthread_sigmask // does nothing, and says so to nobody
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int sigismember(const sigset_t *set, int number);

enum { PR_GET_NAME };
int prctl(int option, ...);

enum { RLIMIT_AS, RUSAGE_SELF };
struct rlimit { size_t rlim_cur, rlim_max; };
struct rusage {
    struct timeval ru_utime, ru_stime;
    long ru_nvcsw, ru_nivcsw, ru_minflt, ru_majflt;
};
int getrlimit(int what, struct rlimit *out);
int setrlimit(int what, const struct rlimit *limit);
int getrusage(int who, struct rusage *out);

#endif
