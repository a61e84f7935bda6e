// gokore_atomic.h - v0.1.0 - MIT                     typed atomics, and the prelude that every goKore header stands on
//
// WHAT     Atomic integers, booleans and pointers whose memory order is part of the operation's name, so that an
//          invalid order can't be written and a plain int can't be passed by mistake. Also the pieces the other
//          headers share: status codes, reports, allocator, writer, clock, options.
//
// DO THIS  in ONE C file, before any other include of that file:
//              #define GOKORE_IMPLEMENTATION
//              #include "gokore_atomic.h"
//          Everywhere else just include it. The implementation is C11 and sees GNU and POSIX names (it defines
//          _GNU_SOURCE if no libc header was included before); the declarations are C11, C17, C23 and C++17.
//
// NEEDS    gcc or clang; link with -pthread. Linux parks threads on futexes. macOS, the BSDs and other POSIX systems park them
//          on pthreads alone; that code is tested on Linux only. 64-bit Windows 10 parks them on WaitOnAddress: mingw-w64, link
//          with -pthread -lsynchronization (the former for lockers of pthread objects); tested under Wine only.
//          On 32-bit ARM compile with -funwind-tables where reports shall have stacks: without it they hold one address, in the
//          library.
//
// EXAMPLE
//      #include "gokore_atomic.h"
//      static int payload;
//      static gokore_atomic_u32 ready = GOKORE_ATOMIC_INIT(0);
//      void publish(int value) {
//          payload = value;
//          gokore_atomic_store_release(&ready, 1);            // pairs with the acquire load in consume
//      }
//      int consume(void) {
//          return gokore_atomic_load_acquire(&ready) ? payload : -1;
//      }
//
// OPTIONS  Numbers, always defined, checked for their range. [impl] options are read where GOKORE_IMPLEMENTATION is
//          defined, [call] options by inline code in every file; files with different options link together.
//          GOKORE_CONFIG_FILE         [call]  -       a file that every header includes first: -DGOKORE_CONFIG_FILE='"my.h"'
//          GOKORE_STATIC              [call]  0       1: all functions are static, this file is a world of its own
//          GOKORE_API                 [call]  extern  linkage of all functions, for dllexport or visibility
//          GOKORE_ASSERT(x)           [call]  writes a line to stderr and aborts; replaceable
//          GOKORE_CHECKS              [call]  1       contract checks: 0 none (default with NDEBUG), 1 cheap, 2 expensive
//          GOKORE_ATOMIC_CHECKS       [call]  0       1: every typed atomic operation looks for misaligned objects, fences
//                                             that order nothing, and publication without a release
//          GOKORE_ATOMIC_COUNT        [call]  0       1: operations on tracked atomics are counted
//          GOKORE_HELGRIND            [call]  0       1: valgrind's helgrind is told what atomics order (needs valgrind's
//                                             headers); TSan needs no telling
//          GOKORE_EXPLORE             [call]  0       1: threads, atomics, parking, clock and heap are the explorer's, for programs
//                                             that tests/explore/explore.sh builds: see tests/README.md
//          GOKORE_ON_VIOLATION        [impl]  GOKORE_REPORT   what a broken rule does beside its report:
//                                             GOKORE_DENY the call fails with a status, GOKORE_ABORT the process aborts
//          GOKORE_FUTEX               [impl]  1       0: threads park on pthreads alone; the default where the system has no
//                                             futex known here. On Windows it must be 1
//          GOKORE_LOCKED_64           [call]  0       1: on a processor without atomics of 8 bytes (32-bit PowerPC, ARM before
//                                             v6, i486), which is refused otherwise, gcc's libatomic does them: link with
//                                             -latomic. It may lock: not for signal handlers, memory shared by processes,
//                                             a child of fork. No effect elsewhere. clang: add -Wno-atomic-alignment
//          GOKORE_LOCKORDER, GOKORE_POLICY, GOKORE_QOS, GOKORE_METRICS, GOKORE_NUMA, GOKORE_HWLOC  [impl]  where each belongs
//          GOKORE_TRACE  reserved name; accepted, without effect in 0.1.0
//          gokore_config() returns the options of the running build as one string.
//
// CONCEPTS
//   Types        gokore_atomic_bool, _i8, _u8, _i16, _u16, _i32, _u32, _i64, _u64, _size, _ptr: structs of one member,
//                all lock-free (8 bytes: see GOKORE_LOCKED_64). Zeroed memory is a valid atomic of value 0. Static initialiser:
//                GOKORE_ATOMIC_INIT(v).
//   Operations   gokore_atomic_OP(p, ...) selects by the type of p; gokore_atomic_TYPE_OP are the functions behind it.
//   Orders       No suffix is sequentially consistent; _acquire, _release, _acq_rel, _relaxed say less.
//   Wrapping     Signed arithmetic wraps, as in C11.
//   Errors       A wrong type is "not compatible with any association". Two flags keep the macros behind it out of the
//                message: gcc -ftrack-macro-expansion=0 (your line and nothing else), clang -fmacro-backtrace-limit=1.
//   Waiting      wait sleeps until the object holds something else than old, as C++20's; wait_until at most until an absolute
//                deadline of gokore_now_ns: GOKORE_TIMEOUT if it still holds old then. Who changes it calls notify_one or
//                notify_all afterwards, which costs no system call where nobody waits. Sizes 1, 2, 4 and 8; any thread.
//   Looking      GOKORE_ATOMIC_CHECKS finds misuse at run time (>>validation), GOKORE_ATOMIC_COUNT counts operations
//                (>>counting): a dozen instructions on tracked objects, eight on others, on memory of the thread's own.
//   Reports      A suspicion or a caller's bug is a gokore_report sent to one process-wide hook; the default hook
//                writes one line to stderr. Reports carry a stable id, a message, and a stack of return addresses.
//
//   operation                                      types                 orders                    answers
//   load                                           all                   - acquire relaxed         the value
//   store                                          all                   - release relaxed
//   exchange                                       all                   any                       the old value
//   cas compare_exchange compare_exchange_weak     all                   any; a failed one keeps   done?
//                                                                        it less its release half
//   add                                            integers              any                       the new value
//   fetch_add fetch_sub fetch_nand                 integers              any                       the old value
//   fetch_min fetch_max                            integers              any                       the old value
//   fetch_and fetch_or fetch_xor                   integers, bool        any                       the old value
//   add_unless inc_not_zero dec_if_positive        integers              -                         done?
//   bit_test_and_set _clear _flip                  integers              -                         the old bit
//   wait wait_until notify_one notify_all          all                   -                         -; wait_until a status
//   fence                                          no object             - acquire release acq_rel
//   Orders: - is sequentially consistent; any is that and _acquire, _release, _acq_rel, _relaxed.
//
// WHICH ORDER, BY EXAMPLE
//   Publication. Write the data, then a release store of the flag; an acquire load of the flag, then read the data: the
//   EXAMPLE above. The pair is what makes the data visible; either half alone orders nothing.
//
//   Reference count. Taking one more needs no order: whoever copies a reference has one. The last drop must see what all
//   the others did with the object, so each drop releases and the last one acquires. gokore_refcount does that, and
//   saturates instead of wrapping:
//      gokore_refcount_inc(&object->references);
//      if (gokore_refcount_dec(&object->references)) destroy(object);
//
//   Once flag. Who turns it from 0 does the work; who comes late needs the acquire to see what was done:
//      if (gokore_atomic_cas_acquire(&state, 0, 1)) { prepare(); gokore_atomic_store_release(&state, 2); }
//      else while (gokore_atomic_load_acquire(&state) != 2) gokore_atomic_wait(&state, 1);
//   with gokore_atomic_notify_all(&state) after the release store.
//
//   Sequence lock. A writer makes the count odd, writes, makes it even; a reader who sees the same even count before and
//   after has read no half-written data, which is itself kept in relaxed atomics:
//      do { n = gokore_atomic_load_acquire(&count); x = gokore_atomic_load_relaxed(&data); gokore_atomic_fence_acquire();
//      } while ((n & 1) || n != gokore_atomic_load_relaxed(&count));
//   The writer: store_relaxed(&count, n + 1); fence_release(); store_relaxed(&data, x); store_release(&count, n + 2).
//
//   Two flags, each thread sets its own and looks at the other's (Dekker, sleeping and waking): only the default order, or
//   a gokore_atomic_fence between the store and the load, keeps both from missing each other.

#ifndef GOKORE_ATOMIC_H
#define GOKORE_ATOMIC_H 100 // 0.1.0

#ifdef GOKORE_CONFIG_FILE
#include GOKORE_CONFIG_FILE
#endif
#if defined(GOKORE_IMPLEMENTATION) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#ifndef GOKORE_EXPLORE
#define GOKORE_EXPLORE 0
#elif GOKORE_EXPLORE == 1
#include "explorer/seam.h" // of tests/explore
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// >>version
#define GOKORE_VERSION        "0.1.0"
#define GOKORE_VERSION_NUMBER 100 // major * 10000 + minor * 100 + patch

// >>platform
#define GOKORE_PLATFORM_LINUX_   1
#define GOKORE_PLATFORM_POSIX_   2 // nothing but POSIX; Linux can be built as this one, so that it is tested
#define GOKORE_PLATFORM_WINDOWS_ 3
#ifndef GOKORE_PLATFORM_
#if defined(__linux__)
#define GOKORE_PLATFORM_ GOKORE_PLATFORM_LINUX_
#elif defined(_WIN64)
#define GOKORE_PLATFORM_ GOKORE_PLATFORM_WINDOWS_
#elif defined(__unix__) || defined(__APPLE__)
#define GOKORE_PLATFORM_ GOKORE_PLATFORM_POSIX_
#else
#error "goKore 0.1.0 knows no parking, clock and thread calls for this system: it runs on Linux, POSIX and 64-bit Windows"
#endif
#endif
#if !defined(__GNUC__) && !defined(__clang__)
#error "goKore needs the __atomic builtins of gcc or clang"
#endif
#if !defined(__cplusplus) && (!defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L)
#error "goKore needs C11 or later: compile with -std=c11, -std=gnu11 or newer"
#endif
// ARM before v6 has them in Linux' helpers, which these macros leave out; the static assertion below sees them.
#if (__GCC_ATOMIC_INT_LOCK_FREE != 2 || __GCC_ATOMIC_POINTER_LOCK_FREE != 2) && !defined(__ARM_EABI__)
#error "goKore needs lock-free atomics of 4 bytes and of pointers: this target would lock behind your back"
#endif

// >>options
#ifndef GOKORE_STATIC
#define GOKORE_STATIC 0
#endif
#ifndef GOKORE_CHECKS
#ifdef NDEBUG
#define GOKORE_CHECKS 0
#else
#define GOKORE_CHECKS 1
#endif
#endif
#ifndef GOKORE_ATOMIC_CHECKS
#define GOKORE_ATOMIC_CHECKS 0
#endif
#ifndef GOKORE_ATOMIC_COUNT
#define GOKORE_ATOMIC_COUNT 0
#endif
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_POSIX_
#define GOKORE_HAS_FUTEX_ 0
#else
#define GOKORE_HAS_FUTEX_ 1
#endif
#ifndef GOKORE_FUTEX
#define GOKORE_FUTEX GOKORE_HAS_FUTEX_
#endif
#ifndef GOKORE_LOCKED_64
#define GOKORE_LOCKED_64 0
#endif
#ifndef GOKORE_LOCKORDER
#define GOKORE_LOCKORDER 0
#endif
#ifndef GOKORE_POLICY
#define GOKORE_POLICY 0
#endif
#ifndef GOKORE_METRICS
#define GOKORE_METRICS 0
#endif
#ifndef GOKORE_TRACE
#define GOKORE_TRACE 0
#endif
#ifndef GOKORE_NUMA
#define GOKORE_NUMA 1
#endif
#ifndef GOKORE_HWLOC
#define GOKORE_HWLOC 0
#endif
#ifndef GOKORE_HELGRIND
#define GOKORE_HELGRIND 0
#endif
#define GOKORE_REPORT 0
#define GOKORE_DENY   1
#define GOKORE_ABORT  2
#ifndef GOKORE_ON_VIOLATION
#define GOKORE_ON_VIOLATION GOKORE_REPORT
#endif

// Service classes of Kubernetes. Enumerators; in C also macros of the same value, so that #if can compare them.
typedef enum gokore_qos {
    GOKORE_QOS_DEFAULT = 0, // the compiled-in class, GOKORE_QOS
    GOKORE_QOS_GUARANTEED = 1,
    GOKORE_QOS_BURSTABLE = 2,
    GOKORE_QOS_BEST_EFFORT = 3
} gokore_qos;
#ifndef GOKORE_QOS
#define GOKORE_QOS GOKORE_QOS_BURSTABLE
#endif
#ifndef __cplusplus
#define GOKORE_QOS_DEFAULT     0
#define GOKORE_QOS_GUARANTEED  1
#define GOKORE_QOS_BURSTABLE   2
#define GOKORE_QOS_BEST_EFFORT 3
#if GOKORE_QOS < GOKORE_QOS_GUARANTEED || GOKORE_QOS > GOKORE_QOS_BEST_EFFORT
#error "GOKORE_QOS must be GOKORE_QOS_GUARANTEED, GOKORE_QOS_BURSTABLE or GOKORE_QOS_BEST_EFFORT"
#endif
#endif

#if GOKORE_STATIC != 0 && GOKORE_STATIC != 1
#error "GOKORE_STATIC must be 0 or 1"
#elif GOKORE_CHECKS < 0 || GOKORE_CHECKS > 2
#error "GOKORE_CHECKS must be 0, 1 or 2"
#elif GOKORE_ATOMIC_CHECKS != 0 && GOKORE_ATOMIC_CHECKS != 1
#error "GOKORE_ATOMIC_CHECKS must be 0 or 1"
#elif GOKORE_ATOMIC_COUNT != 0 && GOKORE_ATOMIC_COUNT != 1
#error "GOKORE_ATOMIC_COUNT must be 0 or 1"
#elif GOKORE_FUTEX != 0 && GOKORE_FUTEX != 1
#error "GOKORE_FUTEX must be 0 or 1"
#elif GOKORE_FUTEX && !GOKORE_HAS_FUTEX_
#error "GOKORE_FUTEX must be 0 here: goKore knows no futex of this system"
#elif !GOKORE_FUTEX && GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
#error "GOKORE_FUTEX must be 1 on Windows: threads park on WaitOnAddress"
#elif GOKORE_LOCKED_64 != 0 && GOKORE_LOCKED_64 != 1
#error "GOKORE_LOCKED_64 must be 0 or 1"
#elif GOKORE_LOCKORDER != 0 && GOKORE_LOCKORDER != 1
#error "GOKORE_LOCKORDER must be 0 or 1"
#elif GOKORE_POLICY != 0 && GOKORE_POLICY != 1
#error "GOKORE_POLICY must be 0 or 1"
#elif GOKORE_METRICS != 0 && GOKORE_METRICS != 1
#error "GOKORE_METRICS must be 0 or 1"
#elif GOKORE_TRACE != 0 && GOKORE_TRACE != 1
#error "GOKORE_TRACE must be 0 or 1"
#elif GOKORE_NUMA != 0 && GOKORE_NUMA != 1
#error "GOKORE_NUMA must be 0 or 1"
#elif GOKORE_HWLOC != 0 && GOKORE_HWLOC != 1
#error "GOKORE_HWLOC must be 0 or 1"
#elif GOKORE_HELGRIND != 0 && GOKORE_HELGRIND != 1
#error "GOKORE_HELGRIND must be 0 or 1"
#elif GOKORE_EXPLORE != 0 && GOKORE_EXPLORE != 1
#error "GOKORE_EXPLORE must be 0 or 1"
#elif GOKORE_ON_VIOLATION < GOKORE_REPORT || GOKORE_ON_VIOLATION > GOKORE_ABORT
#error "GOKORE_ON_VIOLATION must be GOKORE_REPORT, GOKORE_DENY or GOKORE_ABORT"
#endif

// >>linkage
#if GOKORE_STATIC
#undef GOKORE_API
#define GOKORE_API   static __attribute__((unused))
#define GOKORE_DATA_ static __attribute__((unused))
#elif !defined(GOKORE_API)
#define GOKORE_API   extern
#define GOKORE_DATA_ extern
#else // a library of its own: what inline code reads is as visible as the functions
#define GOKORE_DATA_ extern __attribute__((visibility("default")))
#endif
#define GOKORE_INLINE_    static inline __attribute__((always_inline, unused))
#define GOKORE_NODISCARD  __attribute__((warn_unused_result))
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_ && !defined(__clang__)
#define GOKORE_PRINTF_(f) __attribute__((format(gnu_printf, f, f + 1))) // what C11 says, not msvcrt
#else
#define GOKORE_PRINTF_(f) __attribute__((format(printf, f, f + 1)))
#endif
#ifdef __EMSCRIPTEN__ // WebAssembly shows a program no return addresses: the builtin aborts, unless linked with an option
#define GOKORE_RETURN_    ((void *)-1) // unknown
#else
#define GOKORE_RETURN_    __builtin_return_address(0)
#endif
#ifndef GOKORE_CALLER_ // of a function that is inline; the coverage build, which inlines nothing, has a farther one
#define GOKORE_CALLER_    GOKORE_RETURN_
#endif
#define GOKORE_LIKELY_(x) __builtin_expect(!!(x), 1)
#define GOKORE_COLD_      __attribute__((cold, noinline)) // so that callers don't save registers for it
#define GOKORE_CACHE_LINE 64 // what objects of different threads are kept apart by
#ifdef __cplusplus
#define GOKORE_STATIC_ASSERT_ static_assert
#define GOKORE_ALIGNAS_(n)    alignas(n)
#else
#define GOKORE_STATIC_ASSERT_ _Static_assert
#define GOKORE_ALIGNAS_(n)    _Alignas(n)
#endif
__extension__ GOKORE_STATIC_ASSERT_(__atomic_always_lock_free(4, 0), "goKore needs lock-free atomics of 4 bytes and of pointers");
__extension__ GOKORE_STATIC_ASSERT_(GOKORE_LOCKED_64 == 1 || __atomic_always_lock_free(8, 0),
                                    "goKore needs lock-free atomics of 8 bytes, which this target lacks: see GOKORE_LOCKED_64");
// An option that is a word instead of a number (-DGOKORE_LOCKORDER=ON) stops here.
GOKORE_STATIC_ASSERT_((GOKORE_STATIC) + (GOKORE_CHECKS) + (GOKORE_ATOMIC_CHECKS) + (GOKORE_ATOMIC_COUNT) + (GOKORE_FUTEX) +
                              (GOKORE_LOCKED_64) + (GOKORE_LOCKORDER) + (GOKORE_POLICY) + (GOKORE_METRICS) + (GOKORE_TRACE) +
                              (GOKORE_NUMA) + (GOKORE_HWLOC) + (GOKORE_HELGRIND) + (GOKORE_EXPLORE) + (GOKORE_ON_VIOLATION) +
                              (GOKORE_QOS) >= 0,
                      "options are numbers");

#ifdef __cplusplus
extern "C" {
#endif

// >>status
// What a call answers. 0 is success; each other value is an outcome a program can act on.
typedef enum gokore_status {
    GOKORE_OK = 0,
    GOKORE_TIMEOUT = 1,      // the deadline passed first
    GOKORE_CANCELED = 2,     // the context was cancelled first
    GOKORE_CLOSED = 3,       // the channel is closed (for a receive: and drained)
    GOKORE_FULL = 4,         // no room now
    GOKORE_EMPTY = 5,        // nothing there now
    GOKORE_BUSY = 6,         // held by another
    GOKORE_INVALID = 7,      // an argument breaks the contract
    GOKORE_NO_MEMORY = 8,    // an allocation failed; nothing was changed
    GOKORE_LIMIT = 9,        // a configured limit is reached
    GOKORE_ORDER = 10,       // refused: it would break a lock-order rule
    GOKORE_DEADLOCK = 11,    // this wait could never have ended
    GOKORE_DENIED = 12,      // the system refused permission
    GOKORE_NOT_FOUND = 13,   // no such thing
    GOKORE_PARSE = 14,       // text is not what it should be; the diagnostics say where
    GOKORE_UNSUPPORTED = 15, // not in this build or on this system
    GOKORE_SHUTDOWN = 16,    // the pool takes no more work
    GOKORE_SYSTEM = 17       // the system failed in another way
} gokore_status;

// The name without its prefix, "OK", "TIMEOUT", ...; "?" for a number that is none. Any thread, never blocks.
GOKORE_API const char *gokore_status_name(gokore_status status);

// >>report
typedef enum gokore_severity {
    GOKORE_SEVERITY_INFO,    // worth knowing
    GOKORE_SEVERITY_WARNING, // may hurt later
    GOKORE_SEVERITY_ERROR,   // a bug
    GOKORE_SEVERITY_FATAL    // the process is about to abort
} gokore_severity;

// Ids are public and stable: new ones go to the end. id, severity, what it is about.
#define GOKORE_REPORTS_(X)                                                                                          \
    X(ASSERTION, FATAL, "an internal invariant does not hold")                                                      \
    X(ATOMIC_MISALIGNED, ERROR, "an atomic object is not aligned to its size")                                      \
    X(ATOMIC_ORDER, ERROR, "a memory order that the operation does not allow")                                      \
    X(ATOMIC_BARRIER, WARNING, "a fence or store that orders nothing")                                              \
    X(REFCOUNT, ERROR, "a reference count went below zero")                                                         \
    X(LOCK_ORDER, ERROR, "a lock taken against a declared rule")                                                    \
    X(LOCK_INVERSION, ERROR, "a lock order that closes a cycle")                                                    \
    X(LOCK_RECURSION, ERROR, "a lock taken again by the thread that holds it")                                      \
    X(LOCK_GATED, INFO, "a cycle that a common lock keeps from happening")                                          \
    X(LOCK_LIMIT, ERROR, "more locks held than allowed")                                                            \
    X(LOCK_HOLD_TIME, WARNING, "a lock held for longer than allowed")                                               \
    X(LOCK_NOT_HELD, ERROR, "unlock of a lock that is not held")                                                    \
    X(LOCK_WRONG_THREAD, ERROR, "unlock by a thread that does not hold the lock")                                   \
    X(LOCK_LEAKED, ERROR, "a thread ended while it held a lock")                                                    \
    X(LOCK_INIT_HELD, ERROR, "a held lock was initialised again")                                                   \
    X(LOCK_DESTROYED_HELD, ERROR, "a held lock was destroyed")                                                      \
    X(LOCK_WAIT_HELD, WARNING, "a thread waits for something else while it holds a lock")                           \
    X(LOCK_REMOTE_HOLD, WARNING, "a lock held for long from another node than its memory")                          \
    X(LOCK_DEADLOCK, ERROR, "threads wait for each other")                                                          \
    X(LOCK_TABLE, WARNING, "the lock checker ran out of memory and sees less")                                      \
    X(CONTEXT_BUSY, ERROR, "a context was destroyed while threads wait with it")                                    \
    X(CHANNEL_BUSY, ERROR, "a channel was destroyed while threads wait on it")                                      \
    X(TASK_BUSY, ERROR, "a task was handed out twice, or joined out of order")                                      \
    X(POLICY, ERROR, "a manifest that can't be used")                                                               \
    X(TOPOLOGY, WARNING, "the system's description of the machine can't be used")                                   \
    X(SYNC_COUNT, ERROR, "a count of work or permits that goes below zero or beyond its most")                       \
    X(CHANNEL_STALL, WARNING, "a channel stands still")                                                             \
    X(LOCK_PINNED, ERROR, "a pinned lock was released")                                                             \
    X(LOCK_ORPHANED, ERROR, "a lock is waited for whose holder has ended")
#define GOKORE_REPORT_ENUM_(id, severity, text) GOKORE_REPORT_##id,
typedef enum gokore_report_id { GOKORE_REPORT_NONE = 0, GOKORE_REPORTS_(GOKORE_REPORT_ENUM_) GOKORE_REPORT_COUNT_ } gokore_report_id;
#undef GOKORE_REPORT_ENUM_

// One finding. Everything it points to lives for the duration of the hook's call only.
typedef struct gokore_report {
    gokore_report_id id;
    gokore_severity severity;
    const char *message;      // one sentence, no line end
    const char *resource;     // the name of what it is about, "" = none
    void *const *stack;       // return addresses of the reporting call, innermost first; none with Emscripten
    uint32_t stack_depth;
    void *const *other_stack; // the other side: where the opposite order was seen, where the lock was taken
    uint32_t other_stack_depth;
    int numa_node;            // node the thread runs on, -1 = unknown
    uint64_t thread;          // the system's number for it; on POSIX other than Linux: numbered by first use
    const char *container_id; // "" = none known
} gokore_report;

// Called on the thread that made the finding, with no goKore lock held: it may use the library.
typedef void gokore_report_fn(const gokore_report *report, void *user);

// Replaces the process's report hook; NULL restores the default, which writes one line to stderr. Any thread. A call of
// the old hook may still be running when this returns.
GOKORE_API void gokore_report_set(gokore_report_fn *fn, void *user);
// The id's name without its prefix, "LOCK_ORDER"; "?" for a number that is none.
GOKORE_API const char *gokore_report_id_name(gokore_report_id id);

// >>allocator
// Where opaque objects get their memory; {0} is the C heap. Given by value in descs. alloc returns size bytes, not
// zeroed, aligned to align (a power of two), or NULL; free gets the size that was asked for. Both on any thread.
typedef struct gokore_allocator {
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*free)(void *user, void *p, size_t size);
    void *user;
} gokore_allocator;

// >>writer
// Where text goes. A status that is not OK stops the writing and is returned by the call that writes.
typedef struct gokore_writer {
    gokore_status (*write)(void *user, const void *data, size_t len);
    void *user;
} gokore_writer;
typedef struct gokore_buffer {
    char *data; // always terminated if cap > 0
    size_t cap;
    size_t len; // written so far, without the terminator
} gokore_buffer;
// A writer to a FILE *; a failed write is GOKORE_SYSTEM.
GOKORE_API gokore_writer gokore_writer_file(void *stdio_file);
// A writer that appends to a caller's buffer; what does not fit is dropped and the answer is GOKORE_FULL.
GOKORE_API gokore_writer gokore_writer_buffer(gokore_buffer *buffer);

// >>facts
// CLOCK_MONOTONIC in nanoseconds (Windows: QueryPerformanceCounter). Any thread, never blocks.
GOKORE_API int64_t gokore_now_ns(void);
// The options the implementation was built with, as "NAME=value NAME=value ..."; PLATFORM is LINUX, POSIX or WINDOWS.
GOKORE_API const char *gokore_config(void);
// The implementation's version, equal to GOKORE_VERSION where headers and implementation belong together.
GOKORE_API const char *gokore_version(void);

// >>order
typedef enum gokore_order {
    GOKORE_ORDER_RELAXED,
    GOKORE_ORDER_ACQUIRE,
    GOKORE_ORDER_RELEASE,
    GOKORE_ORDER_ACQ_REL,
    GOKORE_ORDER_SEQ_CST
} gokore_order;

// For tools that carry operations as data. A fence's order stands for the fence.
typedef enum gokore_atomic_op {
    GOKORE_ATOMIC_OP_LOAD,
    GOKORE_ATOMIC_OP_STORE,
    GOKORE_ATOMIC_OP_EXCHANGE,
    GOKORE_ATOMIC_OP_COMPARE_EXCHANGE,
    GOKORE_ATOMIC_OP_COMPARE_EXCHANGE_FAILURE,
    GOKORE_ATOMIC_OP_FETCH_ADD,
    GOKORE_ATOMIC_OP_FETCH_SUB,
    GOKORE_ATOMIC_OP_FETCH_AND,
    GOKORE_ATOMIC_OP_FETCH_OR,
    GOKORE_ATOMIC_OP_FETCH_XOR,
    GOKORE_ATOMIC_OP_FENCE
} gokore_atomic_op;

// >>private shared part: the seam
// Every atomic access, fence, pause, park, wake, thread, allocation and clock read of the library goes through these
// macros, so that GOKORE_CONFIG_FILE can put a deterministic scheduler under the same code. p points to the bare object.
#if GOKORE_HELGRIND && !defined(GOKORE_SEAM_LOAD_)
#include <valgrind/helgrind.h>
// Valgrind takes a locked instruction for a read, so no two of these race; what they order, it is told. A failed exchange
// and a fence order more than C11 says: a race may stay unseen, none is made up.
#define GOKORE_HEARD_(p, order, before, after, T, value)                                                            \
    __extension__({                                                                                                 \
        if ((before) && (order) != __ATOMIC_RELAXED) ANNOTATE_HAPPENS_BEFORE(p);                                    \
        T got_ = value;                                                                                             \
        if ((after) && (order) != __ATOMIC_RELAXED) ANNOTATE_HAPPENS_AFTER(p);                                      \
        got_;                                                                                                       \
    })
#define GOKORE_SEAM_LOAD_(p, order)         GOKORE_HEARD_(p, order, 0, 1, __typeof__(*(p)), __atomic_load_n((p), (order)))
#define GOKORE_SEAM_STORE_(p, v, order)     (void)GOKORE_HEARD_(p, order, 1, 0, __typeof__(*(p)), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)  GOKORE_HEARD_(p, order, 1, 1, __typeof__(*(p)), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define GOKORE_SEAM_RMW_(op, p, v, order)   GOKORE_HEARD_(p, order, 1, 1, __typeof__(*(p)), __atomic_##op((p), (v), __ATOMIC_SEQ_CST))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other)                                                        \
    GOKORE_HEARD_(p, order, 1, 1, bool, __atomic_compare_exchange_n((p), (expected), (v), (weak), __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#define GOKORE_UNHEARD_(word) /* a wake-up reads nothing, but valgrind thinks it does */                            \
    __extension__({ VALGRIND_HG_DISABLE_CHECKING((word), sizeof *(word)); })
#define GOKORE_SEAM_FENCE_(order) /* by one address that stands for all fences */                                   \
    __extension__({                                                                                                 \
        ANNOTATE_HAPPENS_BEFORE(gokore_tracked_slots_);                                                            \
        __atomic_thread_fence(order);                                                                               \
        ANNOTATE_HAPPENS_AFTER(gokore_tracked_slots_);                                                             \
    })
#endif
#ifndef GOKORE_SEAM_LOAD_
#define GOKORE_UNHEARD_(word)                                (void)0
#define GOKORE_SEAM_LOAD_(p, order)                          __atomic_load_n((p), (order))
#define GOKORE_SEAM_STORE_(p, v, order)                      __atomic_store_n((p), (v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order)                   __atomic_exchange_n((p), (v), (order))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other) __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), (other))
#define GOKORE_SEAM_RMW_(op, p, v, order)                    __atomic_##op((p), (v), (order))
#define GOKORE_SEAM_FENCE_(order)                            __atomic_thread_fence(order)
#endif
#ifndef GOKORE_SEAM_WAIT_
#define GOKORE_SEAM_PAUSE_()                                 gokore_pause_()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)       gokore_futex_wait_((word), (expected), (deadline_ns))
#define GOKORE_SEAM_WAKE_(word, count)                       (GOKORE_UNHEARD_(word), gokore_futex_wake_((word), (count)))
#define GOKORE_SEAM_YIELD_()                                 gokore_yield_()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size)  gokore_thread_start_((out), (fn), (arg), (stack_size))
#define GOKORE_SEAM_THREAD_JOIN_(thread)                     gokore_thread_join_(thread)
#define GOKORE_SEAM_THREAD_ID_()                             gokore_thread_number_()
#define GOKORE_SEAM_ALLOC_(size, align)                      gokore_heap_alloc_((size), (align))
#define GOKORE_SEAM_FREE_(p)                                 gokore_heap_free_(p)
#define GOKORE_SEAM_NOW_()                                   gokore_clock_ns_()
#endif
#ifndef GOKORE_SEAM_WAIT_TWO_
#define GOKORE_SEAM_HAS_WAIT_TWO_()                          gokore_futex_has_two_()
#define GOKORE_SEAM_WAIT_TWO_(on, deadline_ns)               gokore_futex_wait_two_((on), (deadline_ns))
#endif

#if defined(__x86_64__) || defined(__i386__)
GOKORE_INLINE_ void gokore_pause_(void) { __asm__ __volatile__("pause" ::: "memory"); }
#elif defined(__aarch64__)
GOKORE_INLINE_ void gokore_pause_(void) { __asm__ __volatile__("isb" ::: "memory"); }
#else
GOKORE_INLINE_ void gokore_pause_(void) { __asm__ __volatile__("" ::: "memory"); }
#endif

GOKORE_API GOKORE_COLD_ void gokore_assert_failed_(const char *file, int line, const char *text);
#ifndef GOKORE_ASSERT
#define GOKORE_ASSERT(x) ((x) ? (void)0 : gokore_assert_failed_(__FILE__, __LINE__, #x))
#endif
#define GOKORE_CHECK_(level, x) (GOKORE_CHECKS >= (level) ? GOKORE_ASSERT(x) : (void)0) // our own invariants

// What GOKORE_ATOMIC_CHECKS and GOKORE_ATOMIC_COUNT add to every operation: nothing where both are 0.
#define GOKORE_TRACKED_MAX_ 256
GOKORE_DATA_ uint16_t gokore_tracked_slots_[1024];                          // by address: the newest number of its chain, 0 = none
GOKORE_DATA_ const void *gokore_tracked_addresses_[GOKORE_TRACKED_MAX_ + 1]; // by number; NULL = not tracked any more
typedef struct gokore_tracked_cell_ { GOKORE_ALIGNAS_(8) uint64_t n; } gokore_tracked_cell_;
GOKORE_DATA_ __thread gokore_tracked_cell_ *gokore_tracked_mine_;           // this thread's counts by number; NULL = none yet
GOKORE_API void gokore_atomic_checked_(const void *object, size_t size, gokore_atomic_op op, int order) __attribute__((noinline));
GOKORE_API void gokore_atomic_counted_(const void *object);

GOKORE_INLINE_ size_t gokore_atomic_filter_(const void *object) {
    uintptr_t x = (uintptr_t)object;
    return (size_t)((x ^ x >> 10) & 1023);
}

// Counts inline where the object is the newest of its slot and this thread has counted before. All is relaxed: who tracks or
// untracks before an operation is seen by it; one at the same time may be missed.
GOKORE_INLINE_ void gokore_atomic_count_(const void *object) {
    uint32_t i = GOKORE_SEAM_LOAD_(&gokore_tracked_slots_[gokore_atomic_filter_(object)], __ATOMIC_RELAXED);
    if (GOKORE_LIKELY_(i == 0)) return;
    gokore_tracked_cell_ *mine = gokore_tracked_mine_;
    if (GOKORE_LIKELY_(mine && GOKORE_SEAM_LOAD_(&gokore_tracked_addresses_[i], __ATOMIC_RELAXED) == object))
        GOKORE_SEAM_STORE_(&mine[i].n, GOKORE_SEAM_LOAD_(&mine[i].n, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED); // written by it alone
    else
        gokore_atomic_counted_(object);
}

GOKORE_INLINE_ void gokore_atomic_look_(const void *object, size_t size, gokore_atomic_op op, int order) {
    if (GOKORE_ATOMIC_CHECKS) gokore_atomic_checked_(object, size, op, order);
    if (GOKORE_ATOMIC_COUNT) gokore_atomic_count_(object);
}

// >>atomic types
// One-member structs, so that each is a type of its own and no plain integer passes for one. Lock-free (8 bytes: but see
// GOKORE_LOCKED_64), aligned to their size. Don't touch the member: it is there for the static initialiser.
#define GOKORE_ATOMIC_INIT(v) { (v) }
typedef struct gokore_atomic_bool { bool v_; } gokore_atomic_bool; // operated on as a byte
typedef struct gokore_atomic_i8 { int8_t v_; } gokore_atomic_i8;
typedef struct gokore_atomic_u8 { uint8_t v_; } gokore_atomic_u8;
typedef struct gokore_atomic_i16 { GOKORE_ALIGNAS_(2) int16_t v_; } gokore_atomic_i16;
typedef struct gokore_atomic_u16 { GOKORE_ALIGNAS_(2) uint16_t v_; } gokore_atomic_u16;
typedef struct gokore_atomic_i32 { GOKORE_ALIGNAS_(4) int32_t v_; } gokore_atomic_i32;
typedef struct gokore_atomic_u32 { GOKORE_ALIGNAS_(4) uint32_t v_; } gokore_atomic_u32;
typedef struct gokore_atomic_i64 { GOKORE_ALIGNAS_(8) int64_t v_; } gokore_atomic_i64;
typedef struct gokore_atomic_u64 { GOKORE_ALIGNAS_(8) uint64_t v_; } gokore_atomic_u64;
typedef struct gokore_atomic_size { size_t v_; } gokore_atomic_size;
typedef struct gokore_atomic_ptr { void *v_; } gokore_atomic_ptr;

// >>atomic operations: the functions behind the generic names
// N type, T value type, S stored type (they differ for bool only), X order suffix, O order, F order of a failed CAS.
#define GOKORE_ATOMIC_LOAD_(N, T, S, X, O)                                                                          \
    GOKORE_INLINE_ T N##_load##X(const N *a) {                                                                      \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_LOAD, O);                                                \
        S got = GOKORE_SEAM_LOAD_((S const *)&a->v_, O);                                                            \
        T out; /* copied, not converted: a stored bool is 0 or 1 and needs no comparison */                         \
        __builtin_memcpy(&out, &got, sizeof out);                                                                   \
        return out;                                                                                                 \
    }
#define GOKORE_ATOMIC_STORE_(N, T, S, X, O)                                                                         \
    GOKORE_INLINE_ void N##_store##X(N *a, T v) {                                                                   \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_STORE, O);                                               \
        GOKORE_SEAM_STORE_((S *)&a->v_, (S)v, O);                                                                   \
    }
#define GOKORE_ATOMIC_SWAP_(N, T, S, X, O, F)                                                                       \
    GOKORE_INLINE_ T N##_exchange##X(N *a, T v) {                                                                   \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_EXCHANGE, O);                                            \
        S got = GOKORE_SEAM_EXCHANGE_((S *)&a->v_, (S)v, O);                                                        \
        T out; /* as in load */                                                                                     \
        __builtin_memcpy(&out, &got, sizeof out);                                                                   \
        return out;                                                                                                 \
    }                                                                                                               \
    GOKORE_INLINE_ bool N##_cas##X(N *a, T old, T v) {                                                              \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, O);                                    \
        return GOKORE_SEAM_CAS_((S *)&a->v_, (S *)&old, (S)v, 0, O, F); /* bool's is a byte */                      \
    }                                                                                                               \
    GOKORE_INLINE_ bool N##_compare_exchange##X(N *a, T *expected, T v) {                                           \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, O);                                    \
        return GOKORE_SEAM_CAS_((S *)&a->v_, (S *)expected, (S)v, 0, O, F); /* bool's is a byte */                  \
    }                                                                                                               \
    GOKORE_INLINE_ bool N##_compare_exchange_weak##X(N *a, T *expected, T v) {                                      \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, O);                                    \
        return GOKORE_SEAM_CAS_((S *)&a->v_, (S *)expected, (S)v, 1, O, F); /* bool's is a byte */                  \
    }
#define GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, X, O)                                                               \
    GOKORE_INLINE_ T N##_##OP##X(N *a, T v) {                                                                       \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_##KIND, O);                                              \
        return (T)GOKORE_SEAM_RMW_(OP, (S *)&a->v_, (S)v, O);                                                       \
    }
// min and max are CAS loops: no builtin. A value that is already right is written again, so that the order holds.
#define GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, X, O, F)                                                              \
    GOKORE_INLINE_ T N##_##OP##X(N *a, T v) {                                                                       \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, O);                                    \
        T old = GOKORE_SEAM_LOAD_(&a->v_, __ATOMIC_RELAXED);                                                        \
        while (!GOKORE_SEAM_CAS_(&a->v_, &old, old REL v ? old : v, 1, O, F)) {}                                    \
        return old;                                                                                                 \
    }

#define GOKORE_ATOMIC_SWAPS_(N, T, S)                                                                               \
    GOKORE_ATOMIC_LOAD_(N, T, S, , __ATOMIC_SEQ_CST)                                                                \
    GOKORE_ATOMIC_LOAD_(N, T, S, _acquire, __ATOMIC_ACQUIRE)                                                        \
    GOKORE_ATOMIC_LOAD_(N, T, S, _relaxed, __ATOMIC_RELAXED)                                                        \
    GOKORE_ATOMIC_STORE_(N, T, S, , __ATOMIC_SEQ_CST)                                                               \
    GOKORE_ATOMIC_STORE_(N, T, S, _release, __ATOMIC_RELEASE)                                                       \
    GOKORE_ATOMIC_STORE_(N, T, S, _relaxed, __ATOMIC_RELAXED)                                                       \
    GOKORE_ATOMIC_SWAP_(N, T, S, , __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)                                              \
    GOKORE_ATOMIC_SWAP_(N, T, S, _acquire, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)                                      \
    GOKORE_ATOMIC_SWAP_(N, T, S, _release, __ATOMIC_RELEASE, __ATOMIC_RELAXED)                                      \
    GOKORE_ATOMIC_SWAP_(N, T, S, _acq_rel, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)                                      \
    GOKORE_ATOMIC_SWAP_(N, T, S, _relaxed, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define GOKORE_ATOMIC_FETCHES_(N, T, S, OP, KIND)                                                                   \
    GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, , __ATOMIC_SEQ_CST)                                                     \
    GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, _acquire, __ATOMIC_ACQUIRE)                                             \
    GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, _release, __ATOMIC_RELEASE)                                             \
    GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, _acq_rel, __ATOMIC_ACQ_REL)                                             \
    GOKORE_ATOMIC_FETCH_(N, T, S, OP, KIND, _relaxed, __ATOMIC_RELAXED)
#define GOKORE_ATOMIC_MIN_MAXES_(N, T, OP, REL)                                                                     \
    GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, , __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)                                     \
    GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, _acquire, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)                             \
    GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, _release, __ATOMIC_RELEASE, __ATOMIC_RELAXED)                             \
    GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, _acq_rel, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)                             \
    GOKORE_ATOMIC_MIN_MAX_(N, T, OP, REL, _relaxed, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define GOKORE_ATOMIC_LOGIC_(N, T, S)                                                                               \
    GOKORE_ATOMIC_FETCHES_(N, T, S, fetch_and, FETCH_AND)                                                           \
    GOKORE_ATOMIC_FETCHES_(N, T, S, fetch_or, FETCH_OR)                                                             \
    GOKORE_ATOMIC_FETCHES_(N, T, S, fetch_xor, FETCH_XOR)
#define GOKORE_ATOMIC_ADD_(N, T, X, O)                                                                              \
    GOKORE_INLINE_ T N##_add##X(N *a, T v) {                                                                        \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_FETCH_ADD, O);                                           \
        return GOKORE_SEAM_RMW_(add_fetch, &a->v_, v, O);                                                           \
    }
// Loops of a weak CAS, after Linux's atomic_add_unless; arithmetic in the widest unsigned type, so that it wraps. A refusal is
// a sequentially consistent load.
#define GOKORE_ATOMIC_CONDITIONAL_(N, T)                                                                            \
    GOKORE_INLINE_ bool N##_add_unless(N *a, T v, T unless) {                                                       \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, __ATOMIC_SEQ_CST);                     \
        T old = GOKORE_SEAM_LOAD_(&a->v_, __ATOMIC_SEQ_CST);                                                        \
        while (old != unless)                                                                                       \
            if (GOKORE_SEAM_CAS_(&a->v_, &old, (T)((uintmax_t)old + (uintmax_t)v), 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true; \
        return false;                                                                                               \
    }                                                                                                               \
    GOKORE_INLINE_ bool N##_inc_not_zero(N *a) { return N##_add_unless(a, 1, 0); }                                  \
    GOKORE_INLINE_ bool N##_dec_if_positive(N *a) {                                                                 \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_COMPARE_EXCHANGE, __ATOMIC_SEQ_CST);                     \
        T old = GOKORE_SEAM_LOAD_(&a->v_, __ATOMIC_SEQ_CST);                                                        \
        while (old > 0)                                                                                             \
            if (GOKORE_SEAM_CAS_(&a->v_, &old, (T)(old - 1), 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;   \
        return false;                                                                                               \
    }
#define GOKORE_ATOMIC_BIT_(N, T, OP, RMW, KIND, INVERT)                                                             \
    GOKORE_INLINE_ bool N##_bit_test_and_##OP(N *a, unsigned bit) {                                                 \
        T mask = (T)((uintmax_t)1 << bit);                                                                          \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_##KIND, __ATOMIC_SEQ_CST);                               \
        return (GOKORE_SEAM_RMW_(RMW, &a->v_, (T)(INVERT mask), __ATOMIC_SEQ_CST) & mask) != 0;                     \
    }
// As C++20's wait: returns once the value has been seen to differ from old. Looks first; the park is out of line.
#define GOKORE_ATOMIC_WAIT_(N, T, S)                                                                                \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status N##_wait_until(const N *a, T old, int64_t deadline_ns) {          \
        S expected = (S)old;                                                                                        \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_SEQ_CST);                                 \
        while (GOKORE_SEAM_LOAD_((S const *)&a->v_, __ATOMIC_SEQ_CST) == expected)                                  \
            if (gokore_atomic_park_(&a->v_, &expected, sizeof expected, deadline_ns) != GOKORE_OK)                  \
                return GOKORE_SEAM_LOAD_((S const *)&a->v_, __ATOMIC_SEQ_CST) == expected ? GOKORE_TIMEOUT : GOKORE_OK; \
        return GOKORE_OK;                                                                                           \
    }                                                                                                               \
    GOKORE_INLINE_ void N##_wait(const N *a, T old) { (void)!N##_wait_until(a, old, INT64_MAX); }                   \
    GOKORE_INLINE_ void N##_notify_one(N *a) {                                                                      \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);                                 \
        gokore_atomic_unpark_(&a->v_, sizeof a->v_, false);                                                         \
    }                                                                                                               \
    GOKORE_INLINE_ void N##_notify_all(N *a) {                                                                      \
        gokore_atomic_look_(a, sizeof *a, GOKORE_ATOMIC_OP_LOAD, __ATOMIC_RELAXED);                                 \
        gokore_atomic_unpark_(&a->v_, sizeof a->v_, true);                                                          \
    }
#define GOKORE_ATOMIC_INTEGER_(N, T)                                                                                \
    GOKORE_ATOMIC_SWAPS_(N, T, T)                                                                                   \
    GOKORE_ATOMIC_LOGIC_(N, T, T)                                                                                   \
    GOKORE_ATOMIC_FETCHES_(N, T, T, fetch_add, FETCH_ADD)                                                           \
    GOKORE_ATOMIC_FETCHES_(N, T, T, fetch_sub, FETCH_SUB)                                                           \
    GOKORE_ATOMIC_FETCHES_(N, T, T, fetch_nand, FETCH_AND)                                                          \
    GOKORE_ATOMIC_MIN_MAXES_(N, T, fetch_min, <)                                                                    \
    GOKORE_ATOMIC_MIN_MAXES_(N, T, fetch_max, >)                                                                    \
    GOKORE_ATOMIC_ADD_(N, T, , __ATOMIC_SEQ_CST)                                                                    \
    GOKORE_ATOMIC_ADD_(N, T, _acquire, __ATOMIC_ACQUIRE)                                                            \
    GOKORE_ATOMIC_ADD_(N, T, _release, __ATOMIC_RELEASE)                                                            \
    GOKORE_ATOMIC_ADD_(N, T, _acq_rel, __ATOMIC_ACQ_REL)                                                            \
    GOKORE_ATOMIC_ADD_(N, T, _relaxed, __ATOMIC_RELAXED)                                                            \
    GOKORE_ATOMIC_CONDITIONAL_(N, T)                                                                                \
    GOKORE_ATOMIC_BIT_(N, T, set, fetch_or, FETCH_OR, +)                                                            \
    GOKORE_ATOMIC_BIT_(N, T, clear, fetch_and, FETCH_AND, ~)                                                        \
    GOKORE_ATOMIC_BIT_(N, T, flip, fetch_xor, FETCH_XOR, +)                                                         \
    GOKORE_ATOMIC_WAIT_(N, T, T)

// Sleeps while the object holds what expected points to; wakes those who do. Out of line; see the implementation.
GOKORE_API gokore_status gokore_atomic_park_(const void *object, const void *expected, size_t size, int64_t deadline_ns);
GOKORE_API void gokore_atomic_unpark_(const void *object, size_t size, bool all);

GOKORE_ATOMIC_SWAPS_(gokore_atomic_bool, bool, uint8_t)
GOKORE_ATOMIC_LOGIC_(gokore_atomic_bool, bool, uint8_t)
GOKORE_ATOMIC_WAIT_(gokore_atomic_bool, bool, uint8_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_i8, int8_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_u8, uint8_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_i16, int16_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_u16, uint16_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_i32, int32_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_u32, uint32_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_i64, int64_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_u64, uint64_t)
GOKORE_ATOMIC_INTEGER_(gokore_atomic_size, size_t)
GOKORE_ATOMIC_SWAPS_(gokore_atomic_ptr, void *, void *)
GOKORE_ATOMIC_WAIT_(gokore_atomic_ptr, void *, void *)

// Fences order the accesses around them between threads, as C11's atomic_thread_fence.
GOKORE_INLINE_ void gokore_atomic_fence_(int order) {
    if (GOKORE_ATOMIC_CHECKS) gokore_atomic_checked_(NULL, 1, GOKORE_ATOMIC_OP_FENCE, order);
    GOKORE_SEAM_FENCE_(order);
}
GOKORE_INLINE_ void gokore_atomic_fence(void) { gokore_atomic_fence_(__ATOMIC_SEQ_CST); }
GOKORE_INLINE_ void gokore_atomic_fence_acquire(void) { gokore_atomic_fence_(__ATOMIC_ACQUIRE); }
GOKORE_INLINE_ void gokore_atomic_fence_release(void) { gokore_atomic_fence_(__ATOMIC_RELEASE); }
GOKORE_INLINE_ void gokore_atomic_fence_acq_rel(void) { gokore_atomic_fence_(__ATOMIC_ACQ_REL); }
// Tells the processor that this thread waits in a loop. Orders nothing.
GOKORE_INLINE_ void gokore_cpu_relax(void) { GOKORE_SEAM_PAUSE_(); }

// >>atomic operations: the generic names; the table in the manual says which operation has which types and orders
#ifndef __cplusplus
#define GOKORE_ATOMIC_PICK_INTEGER_(f)                                                                              \
    gokore_atomic_i8 *: gokore_atomic_i8_##f, gokore_atomic_u8 *: gokore_atomic_u8_##f,                             \
    gokore_atomic_i16 *: gokore_atomic_i16_##f, gokore_atomic_u16 *: gokore_atomic_u16_##f,                         \
    gokore_atomic_i32 *: gokore_atomic_i32_##f, gokore_atomic_u32 *: gokore_atomic_u32_##f,                         \
    gokore_atomic_i64 *: gokore_atomic_i64_##f, gokore_atomic_u64 *: gokore_atomic_u64_##f,                         \
    gokore_atomic_size *: gokore_atomic_size_##f
#define GOKORE_ATOMIC_PICK_LOGIC_(f) GOKORE_ATOMIC_PICK_INTEGER_(f), gokore_atomic_bool *: gokore_atomic_bool_##f
#define GOKORE_ATOMIC_PICK_ALL_(f)   GOKORE_ATOMIC_PICK_LOGIC_(f), gokore_atomic_ptr *: gokore_atomic_ptr_##f
#define GOKORE_ATOMIC_PICK_CONST_(f)                                                                                \
    const gokore_atomic_i8 *: gokore_atomic_i8_##f, const gokore_atomic_u8 *: gokore_atomic_u8_##f,                 \
    const gokore_atomic_i16 *: gokore_atomic_i16_##f, const gokore_atomic_u16 *: gokore_atomic_u16_##f,             \
    const gokore_atomic_i32 *: gokore_atomic_i32_##f, const gokore_atomic_u32 *: gokore_atomic_u32_##f,             \
    const gokore_atomic_i64 *: gokore_atomic_i64_##f, const gokore_atomic_u64 *: gokore_atomic_u64_##f,             \
    const gokore_atomic_size *: gokore_atomic_size_##f, const gokore_atomic_bool *: gokore_atomic_bool_##f,         \
    const gokore_atomic_ptr *: gokore_atomic_ptr_##f
#define GOKORE_ATOMIC_INT_(p, f)             _Generic((p), GOKORE_ATOMIC_PICK_INTEGER_(f))
#define GOKORE_ATOMIC_ANY_(p, f)             _Generic((p), GOKORE_ATOMIC_PICK_ALL_(f))(p)
#define GOKORE_ATOMIC_WATCH_(p, f)           _Generic((p), GOKORE_ATOMIC_PICK_ALL_(f), GOKORE_ATOMIC_PICK_CONST_(f))
#define GOKORE_ATOMIC_READ_(p, f)            _Generic((p), GOKORE_ATOMIC_PICK_ALL_(f), GOKORE_ATOMIC_PICK_CONST_(f))(p)
#define GOKORE_ATOMIC_ALL_(p, v, f)          _Generic((p), GOKORE_ATOMIC_PICK_ALL_(f))((p), (v))
#define GOKORE_ATOMIC_ALL3_(p, e, v, f)      _Generic((p), GOKORE_ATOMIC_PICK_ALL_(f))((p), (e), (v))
#define GOKORE_ATOMIC_LOGICAL_(p, v, f)      _Generic((p), GOKORE_ATOMIC_PICK_LOGIC_(f))((p), (v))
#define GOKORE_ATOMIC_ARITHMETIC_(p, v, f)   _Generic((p), GOKORE_ATOMIC_PICK_INTEGER_(f))((p), (v))

#define gokore_atomic_load(p)                                     GOKORE_ATOMIC_READ_(p, load)
#define gokore_atomic_load_acquire(p)                             GOKORE_ATOMIC_READ_(p, load_acquire)
#define gokore_atomic_load_relaxed(p)                             GOKORE_ATOMIC_READ_(p, load_relaxed)
#define gokore_atomic_store(p, v)                                 GOKORE_ATOMIC_ALL_(p, v, store)
#define gokore_atomic_store_release(p, v)                         GOKORE_ATOMIC_ALL_(p, v, store_release)
#define gokore_atomic_store_relaxed(p, v)                         GOKORE_ATOMIC_ALL_(p, v, store_relaxed)
#define gokore_atomic_exchange(p, v)                              GOKORE_ATOMIC_ALL_(p, v, exchange)
#define gokore_atomic_exchange_acquire(p, v)                      GOKORE_ATOMIC_ALL_(p, v, exchange_acquire)
#define gokore_atomic_exchange_release(p, v)                      GOKORE_ATOMIC_ALL_(p, v, exchange_release)
#define gokore_atomic_exchange_acq_rel(p, v)                      GOKORE_ATOMIC_ALL_(p, v, exchange_acq_rel)
#define gokore_atomic_exchange_relaxed(p, v)                      GOKORE_ATOMIC_ALL_(p, v, exchange_relaxed)
#define gokore_atomic_cas(p, old, v)                              GOKORE_ATOMIC_ALL3_(p, old, v, cas)
#define gokore_atomic_cas_acquire(p, old, v)                      GOKORE_ATOMIC_ALL3_(p, old, v, cas_acquire)
#define gokore_atomic_cas_release(p, old, v)                      GOKORE_ATOMIC_ALL3_(p, old, v, cas_release)
#define gokore_atomic_cas_acq_rel(p, old, v)                      GOKORE_ATOMIC_ALL3_(p, old, v, cas_acq_rel)
#define gokore_atomic_cas_relaxed(p, old, v)                      GOKORE_ATOMIC_ALL3_(p, old, v, cas_relaxed)
#define gokore_atomic_compare_exchange(p, e, v)                   GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange)
#define gokore_atomic_compare_exchange_acquire(p, e, v)           GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_acquire)
#define gokore_atomic_compare_exchange_release(p, e, v)           GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_release)
#define gokore_atomic_compare_exchange_acq_rel(p, e, v)           GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_acq_rel)
#define gokore_atomic_compare_exchange_relaxed(p, e, v)           GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_relaxed)
#define gokore_atomic_compare_exchange_weak(p, e, v)              GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_weak)
#define gokore_atomic_compare_exchange_weak_acquire(p, e, v)      GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_weak_acquire)
#define gokore_atomic_compare_exchange_weak_release(p, e, v)      GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_weak_release)
#define gokore_atomic_compare_exchange_weak_acq_rel(p, e, v)      GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_weak_acq_rel)
#define gokore_atomic_compare_exchange_weak_relaxed(p, e, v)      GOKORE_ATOMIC_ALL3_(p, e, v, compare_exchange_weak_relaxed)
#define gokore_atomic_add(p, v)                                   GOKORE_ATOMIC_ARITHMETIC_(p, v, add)
#define gokore_atomic_add_acquire(p, v)                           GOKORE_ATOMIC_ARITHMETIC_(p, v, add_acquire)
#define gokore_atomic_add_release(p, v)                           GOKORE_ATOMIC_ARITHMETIC_(p, v, add_release)
#define gokore_atomic_add_acq_rel(p, v)                           GOKORE_ATOMIC_ARITHMETIC_(p, v, add_acq_rel)
#define gokore_atomic_add_relaxed(p, v)                           GOKORE_ATOMIC_ARITHMETIC_(p, v, add_relaxed)
#define gokore_atomic_fetch_add(p, v)                             GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_add)
#define gokore_atomic_fetch_add_acquire(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_add_acquire)
#define gokore_atomic_fetch_add_release(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_add_release)
#define gokore_atomic_fetch_add_acq_rel(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_add_acq_rel)
#define gokore_atomic_fetch_add_relaxed(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_add_relaxed)
#define gokore_atomic_fetch_sub(p, v)                             GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_sub)
#define gokore_atomic_fetch_sub_acquire(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_sub_acquire)
#define gokore_atomic_fetch_sub_release(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_sub_release)
#define gokore_atomic_fetch_sub_acq_rel(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_sub_acq_rel)
#define gokore_atomic_fetch_sub_relaxed(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_sub_relaxed)
#define gokore_atomic_fetch_nand(p, v)                            GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_nand)
#define gokore_atomic_fetch_nand_acquire(p, v)                    GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_nand_acquire)
#define gokore_atomic_fetch_nand_release(p, v)                    GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_nand_release)
#define gokore_atomic_fetch_nand_acq_rel(p, v)                    GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_nand_acq_rel)
#define gokore_atomic_fetch_nand_relaxed(p, v)                    GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_nand_relaxed)
#define gokore_atomic_fetch_min(p, v)                             GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_min)
#define gokore_atomic_fetch_min_acquire(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_min_acquire)
#define gokore_atomic_fetch_min_release(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_min_release)
#define gokore_atomic_fetch_min_acq_rel(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_min_acq_rel)
#define gokore_atomic_fetch_min_relaxed(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_min_relaxed)
#define gokore_atomic_fetch_max(p, v)                             GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_max)
#define gokore_atomic_fetch_max_acquire(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_max_acquire)
#define gokore_atomic_fetch_max_release(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_max_release)
#define gokore_atomic_fetch_max_acq_rel(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_max_acq_rel)
#define gokore_atomic_fetch_max_relaxed(p, v)                     GOKORE_ATOMIC_ARITHMETIC_(p, v, fetch_max_relaxed)
#define gokore_atomic_fetch_and(p, v)                             GOKORE_ATOMIC_LOGICAL_(p, v, fetch_and)
#define gokore_atomic_fetch_and_acquire(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_and_acquire)
#define gokore_atomic_fetch_and_release(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_and_release)
#define gokore_atomic_fetch_and_acq_rel(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_and_acq_rel)
#define gokore_atomic_fetch_and_relaxed(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_and_relaxed)
#define gokore_atomic_fetch_or(p, v)                              GOKORE_ATOMIC_LOGICAL_(p, v, fetch_or)
#define gokore_atomic_fetch_or_acquire(p, v)                      GOKORE_ATOMIC_LOGICAL_(p, v, fetch_or_acquire)
#define gokore_atomic_fetch_or_release(p, v)                      GOKORE_ATOMIC_LOGICAL_(p, v, fetch_or_release)
#define gokore_atomic_fetch_or_acq_rel(p, v)                      GOKORE_ATOMIC_LOGICAL_(p, v, fetch_or_acq_rel)
#define gokore_atomic_fetch_or_relaxed(p, v)                      GOKORE_ATOMIC_LOGICAL_(p, v, fetch_or_relaxed)
#define gokore_atomic_fetch_xor(p, v)                             GOKORE_ATOMIC_LOGICAL_(p, v, fetch_xor)
#define gokore_atomic_fetch_xor_acquire(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_xor_acquire)
#define gokore_atomic_fetch_xor_release(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_xor_release)
#define gokore_atomic_fetch_xor_acq_rel(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_xor_acq_rel)
#define gokore_atomic_fetch_xor_relaxed(p, v)                     GOKORE_ATOMIC_LOGICAL_(p, v, fetch_xor_relaxed)
#define gokore_atomic_add_unless(p, v, unless)                    GOKORE_ATOMIC_INT_(p, add_unless)((p), (v), (unless))
#define gokore_atomic_inc_not_zero(p)                             GOKORE_ATOMIC_INT_(p, inc_not_zero)(p)
#define gokore_atomic_dec_if_positive(p)                          GOKORE_ATOMIC_INT_(p, dec_if_positive)(p)
#define gokore_atomic_bit_test_and_set(p, bit)                    GOKORE_ATOMIC_INT_(p, bit_test_and_set)((p), (bit))
#define gokore_atomic_bit_test_and_clear(p, bit)                  GOKORE_ATOMIC_INT_(p, bit_test_and_clear)((p), (bit))
#define gokore_atomic_bit_test_and_flip(p, bit)                   GOKORE_ATOMIC_INT_(p, bit_test_and_flip)((p), (bit))
#define gokore_atomic_wait(p, old)                                GOKORE_ATOMIC_WATCH_(p, wait)((p), (old))
#define gokore_atomic_wait_until(p, old, deadline_ns)             GOKORE_ATOMIC_WATCH_(p, wait_until)((p), (old), (deadline_ns))
#define gokore_atomic_notify_one(p)                               GOKORE_ATOMIC_ANY_(p, notify_one)
#define gokore_atomic_notify_all(p)                               GOKORE_ATOMIC_ANY_(p, notify_all)
#endif // !__cplusplus

// >>reference count
// All-zero is a count of 0. Past 2^31 it stays saturated: the object is leaked rather than freed too early.
typedef struct gokore_refcount { gokore_atomic_u32 count_; } gokore_refcount;
GOKORE_API void gokore_refcount_init(gokore_refcount *r, uint32_t n);
GOKORE_API uint32_t gokore_refcount_read(const gokore_refcount *r);      // a hint where others use it
// One more. Relaxed: the caller has a reference already. On 0 it is reported as REFCOUNT and saturates.
GOKORE_API void gokore_refcount_inc(gokore_refcount *r);
// One more unless there is none. Acquire: for objects found in a table.
GOKORE_API GOKORE_NODISCARD bool gokore_refcount_inc_not_zero(gokore_refcount *r);
// One less; true: this call reached zero, and sees all that others did before theirs. On 0 a report, and it saturates.
GOKORE_API bool gokore_refcount_dec(gokore_refcount *r);

// >>counter
// A sum that many threads add to: a cell per thread (16 of them, shared by those beyond), so that adding does not make
// cache lines travel. All-zero is 0. Relaxed: it counts, it orders nothing.
typedef struct gokore_counter {
    struct { GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_i64 n_; } cells_[16];
} gokore_counter;
GOKORE_API void gokore_counter_add(gokore_counter *c, int64_t n);
// The exact sum of what was added before; additions that go on meanwhile may or may not be in it.
GOKORE_API int64_t gokore_counter_read(const gokore_counter *c);

// >>validation
// GOKORE_INVALID and an ATOMIC_MISALIGNED report for an address that no atomic of this size may have, or a size that is not
// 1, 2, 4 or 8.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_atomic_check_alignment(const void *address, size_t size);
// GOKORE_INVALID and an ATOMIC_ORDER report for an order that C11 forbids for the operation, or numbers that are none.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_atomic_check_order(gokore_atomic_op op, gokore_order order);

typedef struct gokore_barrier_violation {
    gokore_atomic_op op;
    gokore_order order;
    const void *address, *caller; // the object, NULL for a fence; where the operation stands (Emscripten: not known)
    const char *why;              // static
} gokore_barrier_violation;
// What files compiled with GOKORE_ATOMIC_CHECKS=1 were seen to do, once per place, oldest first; the first 64 are kept, all are
// counted and reported (ATOMIC_MISALIGNED, ATOMIC_BARRIER). It fills out with up to cap and returns how many were counted.
//   An object that is misaligned, or crosses a cache line: whatever the operation.
//   An acquire fence with no atomic read before it, a release fence with no atomic write before the next release fence.
//   A tracked object stored relaxed, then another atomic written relaxed with no release between: op, order and caller are
//   that second write's, for there the release is missing; address is the tracked object, whose value it does not publish.
//   The report names it, says where it was stored and what was written.
// The last three are suspicions about one thread: what files compiled without the option do is not seen, and a release there
// is none here. Reading does not clear the list. Any thread.
GOKORE_API size_t gokore_barrier_violations(gokore_barrier_violation *out, size_t cap);

typedef struct gokore_memory_info {
    uint32_t cache_line; // bytes
    uint32_t lock_free;  // bit n: the compiler promises no locks for 1 << n bytes (gcc < 14 on RISC-V: not for 1, 2; not for 8
                         // where GOKORE_LOCKED_64 is needed)
} gokore_memory_info;
GOKORE_API void gokore_memory_model(gokore_memory_info *out);
typedef struct gokore_litmus { // how often each test's weak outcome was seen, of runs tries
    uint32_t runs;
    uint32_t store_buffering, store_buffering_relaxed; // both threads missed the other's store: forbidden; allowed
    uint32_t message_passing, message_passing_relaxed; // the flag without the data: forbidden; allowed
    uint32_t load_buffering, load_buffering_relaxed;   // both read the other's later store: forbidden; allowed
    uint32_t coherence;                                // one object's values seen out of order: forbidden
} gokore_litmus;
// Runs litmus tests on two threads for some milliseconds: GOKORE_OK, GOKORE_SYSTEM if a forbidden outcome was seen or no thread
// could be started. A smoke test, no proof.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_memory_model_check(void);
GOKORE_API GOKORE_NODISCARD gokore_status gokore_memory_model_litmus(gokore_litmus *out); // the same, with what was seen

// >>counting
// From now on, files compiled with GOKORE_ATOMIC_COUNT=1 count each operation on the object at addr. Names are copied, up to 63
// bytes; a name tracked before goes on from its count. GOKORE_LIMIT beyond 256 names; GOKORE_INVALID for a bad name, a name in
// use, or an object that is tracked already. Any thread, but not a signal handler; nor is counting for signal handlers.
GOKORE_API GOKORE_NODISCARD gokore_status gokore_atomic_track(const char *name, const void *addr);
// Stops counting; the count stays. Does nothing for an object that is not tracked.
GOKORE_API void gokore_atomic_untrack(const void *addr);
// Operations so far, threads that have ended included; 0 for an unknown name.
GOKORE_API uint64_t gokore_atomic_op_count(const char *name);
typedef void gokore_atomic_count_fn(const char *name, uint64_t count, void *user);
GOKORE_API void gokore_atomic_op_counts(gokore_atomic_count_fn *fn, void *user); // each name, in the order of tracking

// >>private shared part: what the other headers use, not for callers
typedef struct gokore_latch_ { // a lock for short sections inside the library: 0 free, 1 held, 2 held and waited for
    gokore_atomic_u32 word_;
} gokore_latch_;
GOKORE_API void gokore_latch_lock_(gokore_latch_ *latch);
GOKORE_API void gokore_latch_unlock_(gokore_latch_ *latch);

#define GOKORE_STACK_MAX_ 32
typedef struct gokore_stack_ {
    uint32_t depth;
    void *frames[GOKORE_STACK_MAX_];
} gokore_stack_;
GOKORE_API void gokore_stack_capture_(gokore_stack_ *out);

GOKORE_API gokore_severity gokore_report_severity_(gokore_report_id id); // the usual one
// Fills in thread, node and container, and calls the hook.
GOKORE_API void gokore_report_emit_(gokore_report *report);
GOKORE_API bool gokore_report_running_(void); // is this thread inside the hook? Its locks are not watched there
GOKORE_API GOKORE_COLD_ void gokore_reportf_(gokore_report_id id, const char *resource, const char *format, ...) GOKORE_PRINTF_(3);
// Emits, and does what GOKORE_ON_VIOLATION says: aborts, or returns denied, or returns GOKORE_OK. Info is only reported.
GOKORE_API gokore_status gokore_violation_(gokore_report *report, gokore_status denied);
// The container's identity for reports; both strings must live as long as the process.
GOKORE_API void gokore_report_identity_(const char *container_id, const char *pod_uid);
GOKORE_API const char *gokore_report_pod_(void);

GOKORE_API void *gokore_alloc_(const gokore_allocator *allocator, size_t size, size_t align); // NULL allocator = heap
GOKORE_API void gokore_free_(const gokore_allocator *allocator, void *p, size_t size);
GOKORE_API void *gokore_alloc_zeroed_(const gokore_allocator *allocator, size_t size, size_t align);

GOKORE_API gokore_status gokore_write_(gokore_writer writer, const char *text);
GOKORE_API gokore_status gokore_writef_(gokore_writer writer, const char *format, ...) GOKORE_PRINTF_(2);

// Sleeps while *word == expected, until woken, spuriously, or until the deadline (INT64_MAX = none): then GOKORE_TIMEOUT, never
// early; OK if the word differs, even then. Leaves errno alone. A wake uses the word's address only: the object may be gone.
// Not for signal handlers with GOKORE_FUTEX=0.
GOKORE_API gokore_status gokore_futex_wait_(gokore_atomic_u32 *word, uint32_t expected, int64_t deadline_ns);
GOKORE_API void gokore_futex_wake_(gokore_atomic_u32 *word, int count);
// The same for two words at once, while both are as expected, where the system can (Linux 5.16, futex_waitv).
typedef struct gokore_futex_two_ {
    gokore_atomic_u32 *word[2];
    uint32_t expected[2];
} gokore_futex_two_;
GOKORE_API bool gokore_futex_has_two_(void);
GOKORE_API gokore_status gokore_futex_wait_two_(const gokore_futex_two_ *on, int64_t deadline_ns);
// The kernel's lock with priority inheritance (futex(2), FUTEX_LOCK_PI): 0 or an error number, ENOSYS where there is none.
GOKORE_API int gokore_futex_lock_pi_(gokore_atomic_u32 *owner, int64_t deadline_ns);
GOKORE_API int gokore_futex_unlock_pi_(gokore_atomic_u32 *owner);
GOKORE_API void gokore_yield_(void);
GOKORE_API int64_t gokore_clock_ns_(void);
GOKORE_API void *gokore_heap_alloc_(size_t size, size_t align);
GOKORE_API void gokore_heap_free_(void *p);
GOKORE_API uint64_t gokore_thread_number_(void); // the system's; on POSIX other than Linux a new one with each call
GOKORE_API uint64_t gokore_thread_id_(void); // a thread's first one
GOKORE_API int gokore_thread_node_(void);    // NUMA node of the running CPU, -1 = unknown

typedef struct gokore_thread_ { GOKORE_ALIGNAS_(8) unsigned char bytes_[16]; } gokore_thread_; // holds a pthread_t, a HANDLE
typedef void gokore_thread_fn_(void *arg);
// Starts a thread that takes no signals but those it raises itself. stack_size 0 = the system's default.
GOKORE_API gokore_status gokore_thread_start_(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg, size_t stack_size);
GOKORE_API void gokore_thread_join_(gokore_thread_ *thread);
GOKORE_API void gokore_thread_name_(const char *name); // of the calling thread, cut to 15 bytes; nothing on other POSIX

#ifdef __cplusplus
} // extern "C"

// >>C++: the generic names as overloads
#define GOKORE_OVER_LOAD_(N, T, X) GOKORE_INLINE_ T gokore_atomic_load##X(const N *a) { return N##_load##X(a); }
#define GOKORE_OVER_STORE_(N, T, X) GOKORE_INLINE_ void gokore_atomic_store##X(N *a, T v) { N##_store##X(a, v); }
#define GOKORE_OVER_FETCH_(N, T, OP, X) GOKORE_INLINE_ T gokore_atomic_##OP##X(N *a, T v) { return N##_##OP##X(a, v); }
#define GOKORE_OVER_CAS_(N, T, X)                                                                                   \
    GOKORE_INLINE_ bool gokore_atomic_cas##X(N *a, T old, T v) { return N##_cas##X(a, old, v); }                    \
    GOKORE_INLINE_ bool gokore_atomic_compare_exchange##X(N *a, T *e, T v) {                                        \
        return N##_compare_exchange##X(a, e, v);                                                                    \
    }                                                                                                               \
    GOKORE_INLINE_ bool gokore_atomic_compare_exchange_weak##X(N *a, T *e, T v) {                                   \
        return N##_compare_exchange_weak##X(a, e, v);                                                               \
    }
#define GOKORE_OVER_FETCHES_(N, T, OP)                                                                              \
    GOKORE_OVER_FETCH_(N, T, OP, )                                                                                  \
    GOKORE_OVER_FETCH_(N, T, OP, _acquire)                                                                          \
    GOKORE_OVER_FETCH_(N, T, OP, _release)                                                                          \
    GOKORE_OVER_FETCH_(N, T, OP, _acq_rel)                                                                          \
    GOKORE_OVER_FETCH_(N, T, OP, _relaxed)
#define GOKORE_OVER_SWAPS_(N, T)                                                                                    \
    GOKORE_OVER_LOAD_(N, T, )                                                                                       \
    GOKORE_OVER_LOAD_(N, T, _acquire)                                                                               \
    GOKORE_OVER_LOAD_(N, T, _relaxed)                                                                               \
    GOKORE_OVER_STORE_(N, T, )                                                                                      \
    GOKORE_OVER_STORE_(N, T, _release)                                                                              \
    GOKORE_OVER_STORE_(N, T, _relaxed)                                                                              \
    GOKORE_OVER_FETCHES_(N, T, exchange)                                                                            \
    GOKORE_OVER_CAS_(N, T, )                                                                                        \
    GOKORE_OVER_CAS_(N, T, _acquire)                                                                                \
    GOKORE_OVER_CAS_(N, T, _release)                                                                                \
    GOKORE_OVER_CAS_(N, T, _acq_rel)                                                                                \
    GOKORE_OVER_CAS_(N, T, _relaxed)                                                                                \
    GOKORE_INLINE_ void gokore_atomic_wait(const N *a, T old) { N##_wait(a, old); }                                 \
    GOKORE_INLINE_ GOKORE_NODISCARD gokore_status gokore_atomic_wait_until(const N *a, T old, int64_t deadline_ns) { return N##_wait_until(a, old, deadline_ns); } \
    GOKORE_INLINE_ void gokore_atomic_notify_one(N *a) { N##_notify_one(a); }                                       \
    GOKORE_INLINE_ void gokore_atomic_notify_all(N *a) { N##_notify_all(a); }
#define GOKORE_OVER_LOGIC_(N, T)                                                                                    \
    GOKORE_OVER_SWAPS_(N, T)                                                                                        \
    GOKORE_OVER_FETCHES_(N, T, fetch_and)                                                                           \
    GOKORE_OVER_FETCHES_(N, T, fetch_or)                                                                            \
    GOKORE_OVER_FETCHES_(N, T, fetch_xor)
#define GOKORE_OVER_INTEGER_(N, T)                                                                                  \
    GOKORE_OVER_LOGIC_(N, T)                                                                                        \
    GOKORE_OVER_FETCHES_(N, T, add)                                                                                 \
    GOKORE_OVER_FETCHES_(N, T, fetch_add)                                                                           \
    GOKORE_OVER_FETCHES_(N, T, fetch_sub)                                                                           \
    GOKORE_OVER_FETCHES_(N, T, fetch_nand)                                                                          \
    GOKORE_OVER_FETCHES_(N, T, fetch_min)                                                                           \
    GOKORE_OVER_FETCHES_(N, T, fetch_max)                                                                           \
    GOKORE_INLINE_ bool gokore_atomic_add_unless(N *a, T v, T unless) { return N##_add_unless(a, v, unless); }      \
    GOKORE_INLINE_ bool gokore_atomic_inc_not_zero(N *a) { return N##_inc_not_zero(a); }                            \
    GOKORE_INLINE_ bool gokore_atomic_dec_if_positive(N *a) { return N##_dec_if_positive(a); }                      \
    GOKORE_INLINE_ bool gokore_atomic_bit_test_and_set(N *a, unsigned bit) { return N##_bit_test_and_set(a, bit); } \
    GOKORE_INLINE_ bool gokore_atomic_bit_test_and_clear(N *a, unsigned bit) { return N##_bit_test_and_clear(a, bit); } \
    GOKORE_INLINE_ bool gokore_atomic_bit_test_and_flip(N *a, unsigned bit) { return N##_bit_test_and_flip(a, bit); }
GOKORE_OVER_LOGIC_(gokore_atomic_bool, bool)
GOKORE_OVER_INTEGER_(gokore_atomic_i8, int8_t)
GOKORE_OVER_INTEGER_(gokore_atomic_u8, uint8_t)
GOKORE_OVER_INTEGER_(gokore_atomic_i16, int16_t)
GOKORE_OVER_INTEGER_(gokore_atomic_u16, uint16_t)
GOKORE_OVER_INTEGER_(gokore_atomic_i32, int32_t)
GOKORE_OVER_INTEGER_(gokore_atomic_u32, uint32_t)
GOKORE_OVER_INTEGER_(gokore_atomic_i64, int64_t)
GOKORE_OVER_INTEGER_(gokore_atomic_u64, uint64_t)
GOKORE_OVER_INTEGER_(gokore_atomic_size, size_t)
GOKORE_OVER_SWAPS_(gokore_atomic_ptr, void *)
#endif

#endif // GOKORE_ATOMIC_H

#if defined(GOKORE_IMPLEMENTATION) && !defined(GOKORE_ATOMIC_IMPLEMENTED_)
#define GOKORE_ATOMIC_IMPLEMENTED_
#ifdef __cplusplus
#error "the goKore implementation is C: define GOKORE_IMPLEMENTATION in a .c file"
#endif
#if defined(__GLIBC__) && !defined(__USE_GNU)
#error "include the goKore implementation before any libc header, or define _GNU_SOURCE first in that file"
#endif

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN 1
#endif
#ifndef NOGDI
#define NOGDI 1
#endif
#ifndef NOMINMAX
#define NOMINMAX 1
#endif
#include <io.h>
#include <malloc.h>
#include <process.h>
#include <windows.h>
#undef near // words that it takes away; nothing in it needs them
#undef far
#undef NEAR
#undef FAR
#define NEAR
#define FAR
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#endif
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define GOKORE_DAY_NS_ 86400000000000 // where a system is asked for a sleep in another form than ours, it is asked for a day at most

// >>platform: Linux
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
uint64_t gokore_thread_number_(void) { return (uint64_t)syscall(SYS_gettid); }

int gokore_thread_node_(void) {
    unsigned cpu = 0, node = 0;
    return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? (int)node : -1;
}

void gokore_thread_name_(const char *name) { (void)prctl(PR_SET_NAME, name, 0, 0, 0); }
#endif

// >>platform: other POSIX
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_POSIX_
uint64_t gokore_thread_number_(void) { // POSIX has none that is a number
    static gokore_atomic_u64 last;
    return GOKORE_SEAM_RMW_(add_fetch, &last.v_, 1, __ATOMIC_RELAXED); // relaxed: any unused number will do
}

int gokore_thread_node_(void) { return -1; }

void gokore_thread_name_(const char *name) { (void)name; }
#endif

// >>platform: Linux and other POSIX
#if GOKORE_PLATFORM_ != GOKORE_PLATFORM_WINDOWS_
#define GOKORE_READ_MODE_ "rbe" // of fopen; where e is unknown it is passed over

static _Thread_local uint64_t gokore_thread_id_cached_;

static void gokore_thread_id_forget_(void) { gokore_thread_id_cached_ = 0; } // in the child of a fork

static void gokore_thread_id_prepare_(void) { (void)pthread_atfork(NULL, NULL, gokore_thread_id_forget_); }

uint64_t gokore_thread_id_(void) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    if (gokore_thread_id_cached_) return gokore_thread_id_cached_;
    (void)pthread_once(&prepared, gokore_thread_id_prepare_);
    return gokore_thread_id_cached_ = GOKORE_SEAM_THREAD_ID_();
}

void gokore_yield_(void) { (void)sched_yield(); }

int64_t gokore_clock_ns_(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void *gokore_heap_alloc_(size_t size, size_t align) {
    void *p = NULL;
    if (align < sizeof(void *)) align = sizeof(void *);
    return posix_memalign(&p, align, size) == 0 ? p : NULL;
}

void gokore_heap_free_(void *p) { free(p); }

static void gokore_stderr_write_(const char *text, size_t len) {
    while (write(STDERR_FILENO, text, len) == -1 && errno == EINTR) {}
}

typedef pthread_key_t gokore_exit_key_; // a thread's value, for a function that is called with it when the thread ends

static bool gokore_exit_key_make_(gokore_exit_key_ *out, gokore_thread_fn_ *fn) { return pthread_key_create(out, fn) == 0; }

static bool gokore_exit_key_set_(gokore_exit_key_ key, void *value) { return pthread_setspecific(key, value) == 0; }

typedef struct gokore_thread_begin_ {
    gokore_thread_fn_ *fn;
    void *arg;
} gokore_thread_begin_;

static void *gokore_thread_main_(void *p) {
    gokore_thread_begin_ begin = *(gokore_thread_begin_ *)p;
    GOKORE_SEAM_FREE_(p);
    begin.fn(begin.arg);
    return NULL;
}

GOKORE_STATIC_ASSERT_(sizeof(pthread_t) <= sizeof(gokore_thread_), "a thread handle must fit");

// All but those that a thread's own fault, an abort or a profiler raises: a crash handler must still see them.
static void gokore_thread_signals_(sigset_t *out) {
    static const int raised[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF };
    (void)sigfillset(out);
    for (size_t i = 0; i < sizeof raised / sizeof raised[0]; i++) (void)sigdelset(out, raised[i]);
}

gokore_status gokore_thread_start_(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg, size_t stack_size) {
    gokore_thread_begin_ *begin = (gokore_thread_begin_ *)GOKORE_SEAM_ALLOC_(sizeof *begin, sizeof(void *));
    if (!begin) return GOKORE_NO_MEMORY;
    begin->fn = fn;
    begin->arg = arg;
    pthread_attr_t attributes;
    int made = pthread_attr_init(&attributes), rc = made;
    if (rc == 0 && stack_size) rc = pthread_attr_setstacksize(&attributes, stack_size);
    sigset_t most, before;
    gokore_thread_signals_(&most);
    (void)pthread_sigmask(SIG_SETMASK, &most, &before); // inherited by the thread
    pthread_t thread;
    if (rc == 0) rc = pthread_create(&thread, &attributes, gokore_thread_main_, begin);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (made == 0) (void)pthread_attr_destroy(&attributes);
    if (rc != 0) {
        GOKORE_SEAM_FREE_(begin);
        return rc == EINVAL ? GOKORE_INVALID : GOKORE_SYSTEM;
    }
    memcpy(out->bytes_, &thread, sizeof thread);
    return GOKORE_OK;
}

void gokore_thread_join_(gokore_thread_ *thread) {
    pthread_t handle;
    memcpy(&handle, thread->bytes_, sizeof handle);
    (void)pthread_join(handle, NULL);
}
#endif

// >>platform: Windows
#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
#define GOKORE_READ_MODE_ "rb"

uint64_t gokore_thread_number_(void) { return GetCurrentThreadId(); }

uint64_t gokore_thread_id_(void) { return GOKORE_SEAM_THREAD_ID_(); }

int gokore_thread_node_(void) {
    PROCESSOR_NUMBER cpu;
    USHORT node = 0;
    GetCurrentProcessorNumberEx(&cpu);
    return GetNumaProcessorNodeEx(&cpu, &node) && node != 0xffff ? node : -1;
}

void gokore_thread_name_(const char *name) { // from Windows 10 1607 on; asked for, because import libraries may lack it
    typedef HRESULT WINAPI describe_fn(HANDLE, const WCHAR *);
    HMODULE kernel = GetModuleHandleA("kernel32.dll");
    FARPROC found = kernel ? GetProcAddress(kernel, "SetThreadDescription") : NULL;
    describe_fn *describe;
    memcpy(&describe, &found, sizeof describe);
    WCHAR text[16] = { 0 };
    for (size_t i = 0; i < 15 && name[i]; i++) text[i] = (WCHAR)(unsigned char)name[i];
    if (describe) (void)describe(GetCurrentThread(), text);
}

void gokore_yield_(void) { (void)SwitchToThread(); }

int64_t gokore_clock_ns_(void) {
    LARGE_INTEGER now, per_second;
    (void)QueryPerformanceCounter(&now);
    (void)QueryPerformanceFrequency(&per_second);
    return now.QuadPart / per_second.QuadPart * 1000000000 + now.QuadPart % per_second.QuadPart * 1000000000 / per_second.QuadPart;
}

void *gokore_heap_alloc_(size_t size, size_t align) { return _aligned_malloc(size ? size : 1, align); }

void gokore_heap_free_(void *p) { _aligned_free(p); }

static void gokore_stderr_write_(const char *text, size_t len) { (void)_write(2, text, (unsigned)len); }

typedef DWORD gokore_exit_key_; // a thread's value, for a function that is called with it when the thread ends

static bool gokore_exit_key_make_(gokore_exit_key_ *out, gokore_thread_fn_ *fn) {
    *out = FlsAlloc(fn);
    return *out != FLS_OUT_OF_INDEXES;
}

static bool gokore_exit_key_set_(gokore_exit_key_ key, void *value) { return FlsSetValue(key, value); }

typedef struct gokore_thread_begin_ {
    gokore_thread_fn_ *fn;
    void *arg;
} gokore_thread_begin_;

static unsigned __stdcall gokore_thread_main_(void *p) {
    gokore_thread_begin_ begin = *(gokore_thread_begin_ *)p;
    GOKORE_SEAM_FREE_(p);
    begin.fn(begin.arg);
    return 0;
}

GOKORE_STATIC_ASSERT_(sizeof(uintptr_t) <= sizeof(gokore_thread_), "a thread handle must fit");

gokore_status gokore_thread_start_(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg, size_t stack_size) {
    if (stack_size > UINT_MAX || (stack_size && stack_size < 16384)) return GOKORE_INVALID; // Windows would round it up
    gokore_thread_begin_ *begin = (gokore_thread_begin_ *)GOKORE_SEAM_ALLOC_(sizeof *begin, sizeof(void *));
    if (!begin) return GOKORE_NO_MEMORY;
    begin->fn = fn;
    begin->arg = arg;
    uintptr_t thread = _beginthreadex(NULL, (unsigned)stack_size, gokore_thread_main_, begin, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (thread == 0) {
        GOKORE_SEAM_FREE_(begin);
        return GOKORE_SYSTEM;
    }
    memcpy(out->bytes_, &thread, sizeof thread);
    return GOKORE_OK;
}

void gokore_thread_join_(gokore_thread_ *thread) {
    HANDLE handle;
    memcpy(&handle, thread->bytes_, sizeof handle);
    (void)WaitForSingleObject(handle, INFINITE);
    (void)CloseHandle(handle);
}
#endif

// >>parking: Linux, futex(2)
#if GOKORE_FUTEX && GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
// The kernel's numbers, spelt out because not every libc ships <linux/futex.h>.
#define GOKORE_FUTEX_WAKE_PRIVATE_        (1 | 128)
#define GOKORE_FUTEX_WAIT_BITSET_PRIVATE_ (9 | 128) // absolute CLOCK_MONOTONIC deadline
#define GOKORE_FUTEX_LOCK_PI_PRIVATE_     (6 | 128) // absolute CLOCK_REALTIME deadline
#define GOKORE_FUTEX_UNLOCK_PI_PRIVATE_   (7 | 128)
#define GOKORE_FUTEX_LOCK_PI2_PRIVATE_    (13 | 128) // absolute CLOCK_MONOTONIC deadline
#if defined(SYS_futex)
#define GOKORE_SYS_FUTEX_ SYS_futex
#else
#define GOKORE_SYS_FUTEX_ SYS_futex_time64
#endif
#if defined(SYS_futex_time64) // 32-bit systems: takes libc's timespec where time_t has 64 bits
#define GOKORE_SYS_FUTEX_TIME64_ SYS_futex_time64
#else
#define GOKORE_SYS_FUTEX_TIME64_ GOKORE_SYS_FUTEX_
#endif

// A futex call that waits, until an absolute deadline, INT64_MAX = none; 0 or an error number. Leaves the caller's errno alone.
static int gokore_futex_call_(gokore_atomic_u32 *word, int op, uint32_t expected, int64_t deadline_ns) {
    long number = sizeof(time_t) > sizeof(long) ? GOKORE_SYS_FUTEX_TIME64_ : GOKORE_SYS_FUTEX_;
    struct timespec at = { 0, 0 };
    if (deadline_ns > 0) {
        int64_t seconds = deadline_ns / 1000000000, most = sizeof(time_t) < 8 ? INT32_MAX : INT64_MAX; // 68 years of uptime are far enough
        at.tv_sec = (time_t)(seconds < most ? seconds : most);
        at.tv_nsec = (long)(deadline_ns % 1000000000);
    }
    int before = errno;
    long rc = syscall(number, &word->v_, op, expected, deadline_ns == INT64_MAX ? NULL : &at, NULL, 0xffffffffu);
    int error = rc == -1 ? errno : 0;
    errno = before;
    return error;
}

gokore_status gokore_futex_wait_(gokore_atomic_u32 *word, uint32_t expected, int64_t deadline_ns) {
    int error = gokore_futex_call_(word, GOKORE_FUTEX_WAIT_BITSET_PRIVATE_, expected, deadline_ns);
    if (error == ETIMEDOUT) return GOKORE_TIMEOUT;
    bool same = error && GOKORE_SEAM_LOAD_(&word->v_, __ATOMIC_RELAXED) == expected; // relaxed: the caller looks again
    return same && gokore_clock_ns_() >= deadline_ns ? GOKORE_TIMEOUT : GOKORE_OK; // where every wait is refused, deadlines hold
}

// futex_waitv: an error number. count = 0 asks whether it is there: then EINVAL.
#define GOKORE_SYS_FUTEX_WAITV_ 449 // on every architecture but Alpha
static int gokore_futex_waitv_(const gokore_futex_two_ *on, unsigned count, int64_t deadline_ns) {
    struct { uint64_t expected, address; uint32_t flags, reserved; } each[2] = { { 0, 0, 2 | 128, 0 }, { 0, 0, 2 | 128, 0 } }; // 32 bits, private
    struct { int64_t seconds, ns; } at = { deadline_ns > 0 ? deadline_ns / 1000000000 : 0, deadline_ns > 0 ? deadline_ns % 1000000000 : 0 };
    for (unsigned i = 0; i < count; i++) {
        each[i].expected = on->expected[i];
        each[i].address = (uint64_t)(uintptr_t)&on->word[i]->v_;
    }
    int before = errno;
    long rc = syscall(GOKORE_SYS_FUTEX_WAITV_, count ? each : NULL, count, 0, deadline_ns == INT64_MAX ? NULL : &at, CLOCK_MONOTONIC);
    int error = rc == -1 ? errno : 0;
    errno = before;
    return error;
}

enum { GOKORE_FUTEX_TWO_UNKNOWN_, GOKORE_FUTEX_TWO_, GOKORE_FUTEX_ONE_ };
static gokore_atomic_u32 gokore_futex_many_; // one of these; every thread that asks finds the same

bool gokore_futex_has_two_(void) {
    uint32_t known = gokore_atomic_load_relaxed(&gokore_futex_many_); // relaxed: no data behind it
    if (GOKORE_LIKELY_(known != GOKORE_FUTEX_TWO_UNKNOWN_)) return known == GOKORE_FUTEX_TWO_;
    bool has = gokore_futex_waitv_(NULL, 0, INT64_MAX) == EINVAL; // filters answer ENOSYS or EPERM
    gokore_atomic_store_relaxed(&gokore_futex_many_, has ? GOKORE_FUTEX_TWO_ : GOKORE_FUTEX_ONE_); // relaxed: likewise
    return has;
}

gokore_status gokore_futex_wait_two_(const gokore_futex_two_ *on, int64_t deadline_ns) {
    int error = gokore_futex_waitv_(on, 2, deadline_ns);
    if (error != ENOSYS && error != EPERM) return error == ETIMEDOUT ? GOKORE_TIMEOUT : GOKORE_OK;
    gokore_atomic_store_relaxed(&gokore_futex_many_, GOKORE_FUTEX_ONE_); // a filter has come since; relaxed: likewise
    int64_t look_ns = gokore_clock_ns_() + 1000000;                      // who began with two looks at the other by itself
    if (look_ns < deadline_ns) return (void)gokore_futex_wait_(on->word[0], on->expected[0], look_ns), GOKORE_OK;
    return gokore_futex_wait_(on->word[0], on->expected[0], deadline_ns);
}

// Waits for the kernel's lock with priority inheritance; monotonic deadlines since Linux 5.14, on the wall clock before.
int gokore_futex_lock_pi_(gokore_atomic_u32 *owner, int64_t deadline_ns) {
    int error = gokore_futex_call_(owner, GOKORE_FUTEX_LOCK_PI2_PRIVATE_, 0, deadline_ns);
    if (error != ENOSYS || deadline_ns == INT64_MAX) return error != ENOSYS ? error : gokore_futex_call_(owner, GOKORE_FUTEX_LOCK_PI_PRIVATE_, 0, deadline_ns);
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    int64_t wall_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    return gokore_futex_call_(owner, GOKORE_FUTEX_LOCK_PI_PRIVATE_, 0, deadline_ns - gokore_clock_ns_() + wall_ns);
}

int gokore_futex_unlock_pi_(gokore_atomic_u32 *owner) { return gokore_futex_call_(owner, GOKORE_FUTEX_UNLOCK_PI_PRIVATE_, 0, INT64_MAX); }

void gokore_futex_wake_(gokore_atomic_u32 *word, int count) {
    int before = errno;
    (void)syscall(GOKORE_SYS_FUTEX_, &word->v_, GOKORE_FUTEX_WAKE_PRIVATE_, count, NULL, NULL, 0);
    errno = before;
}
#endif

// >>parking: no futexes of Linux, no locks with priority inheritance
#if !GOKORE_FUTEX || GOKORE_PLATFORM_ != GOKORE_PLATFORM_LINUX_
int gokore_futex_lock_pi_(gokore_atomic_u32 *owner, int64_t deadline_ns) {
    (void)owner, (void)deadline_ns;
    return ENOSYS;
}

int gokore_futex_unlock_pi_(gokore_atomic_u32 *owner) {
    (void)owner;
    return ENOSYS;
}

bool gokore_futex_has_two_(void) { return false; }
gokore_status gokore_futex_wait_two_(const gokore_futex_two_ *on, int64_t deadline_ns) {
    return gokore_futex_wait_(on->word[0], on->expected[0], deadline_ns);
}
#endif

// >>parking: Windows, WaitOnAddress
#if GOKORE_FUTEX && GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
gokore_status gokore_futex_wait_(gokore_atomic_u32 *word, uint32_t expected, int64_t deadline_ns) {
    DWORD before = GetLastError(); // a lock leaves the caller's alone
    bool woken = GOKORE_SEAM_LOAD_(&word->v_, __ATOMIC_RELAXED) != expected; // relaxed: the caller looks again with its own order
    for (int64_t now; !woken && (now = gokore_clock_ns_()) < deadline_ns;) {
        int64_t left_ns = deadline_ns - now < GOKORE_DAY_NS_ ? deadline_ns - now : GOKORE_DAY_NS_;
        woken = WaitOnAddress(&word->v_, &expected, sizeof expected, (DWORD)((left_ns + 999999) / 1000000)); // ends early at times
    }
    SetLastError(before);
    return woken ? GOKORE_OK : GOKORE_TIMEOUT;
}

void gokore_futex_wake_(gokore_atomic_u32 *word, int count) {
    if (count == 1)
        WakeByAddressSingle(&word->v_);
    else
        WakeByAddressAll(&word->v_);
}
#endif

// >>parking: pthreads alone. Sleepers stand in queues, by a hash of their word's address; each has a condition of its own, so that
// a wake disturbs nobody else: F. Pizlo, "Locking in WebKit" (2016), the parking lot. Deviation: the queues don't grow in number.
// No wake-up is lost: a sleeper compares the word under its queue's mutex, and who wakes has changed the word before it takes that
// mutex: either it finds the sleeper, or the sleeper finds the change.
#if !GOKORE_FUTEX
#ifndef GOKORE_PARKING_QUEUES_
#define GOKORE_PARKING_QUEUES_ 64
#endif
typedef struct gokore_sleeper_ {
    struct gokore_sleeper_ *next, **before;
    gokore_atomic_u32 *word; // NULL: woken, and out of the queue
    pthread_cond_t bell;
} gokore_sleeper_;
typedef struct gokore_parking_queue_ {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) pthread_mutex_t mutex;
    gokore_sleeper_ *first, **end; // all below the mutex
} gokore_parking_queue_;
static gokore_parking_queue_ gokore_parking_queues_[GOKORE_PARKING_QUEUES_];
static pthread_once_t gokore_parking_once_ = PTHREAD_ONCE_INIT;

static void gokore_parking_clear_(void) { // at the start, and in the child of a fork, where nobody sleeps
    for (size_t i = 0; i < GOKORE_PARKING_QUEUES_; i++) {
        gokore_parking_queue_ *q = &gokore_parking_queues_[i];
        (void)pthread_mutex_init(&q->mutex, NULL);
        q->first = NULL;
        q->end = &q->first;
    }
}

static void gokore_parking_prepare_(void) {
    gokore_parking_clear_();
    (void)pthread_atfork(NULL, NULL, gokore_parking_clear_);
}

static gokore_parking_queue_ *gokore_parking_lock_(const gokore_atomic_u32 *word) {
    uint64_t hash = (uint64_t)(uintptr_t)word * 0x9e3779b97f4a7c15u; // Fibonacci hashing
    gokore_parking_queue_ *q = &gokore_parking_queues_[(hash >> 32) % GOKORE_PARKING_QUEUES_];
    (void)pthread_once(&gokore_parking_once_, gokore_parking_prepare_);
    (void)pthread_mutex_lock(&q->mutex);
    return q;
}

static void gokore_parking_leave_(gokore_parking_queue_ *q, gokore_sleeper_ *s) {
    *s->before = s->next;
    if (s->next)
        s->next->before = s->before;
    else
        q->end = s->before;
    s->word = NULL;
}

#if defined(__APPLE__) // has no clock for a condition; its relative wait is monotonic
static int gokore_bell_init_(pthread_cond_t *bell) { return pthread_cond_init(bell, NULL); }

static void gokore_bell_wait_(pthread_cond_t *bell, pthread_mutex_t *mutex, int64_t now_ns, int64_t until_ns) {
    struct timespec left = { (time_t)((until_ns - now_ns) / 1000000000), (long)((until_ns - now_ns) % 1000000000) };
    (void)pthread_cond_timedwait_relative_np(bell, mutex, &left);
}
#else
static int gokore_bell_init_(pthread_cond_t *bell) {
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init(&attributes);
    if (rc != 0) return rc;
    rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0) rc = pthread_cond_init(bell, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return rc;
}

static void gokore_bell_wait_(pthread_cond_t *bell, pthread_mutex_t *mutex, int64_t now_ns, int64_t until_ns) {
    struct timespec at = { (time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000) };
    (void)now_ns;
    (void)pthread_cond_timedwait(bell, mutex, &at);
}
#endif

// Under the queue's mutex, which is free meanwhile. False: the deadline came first.
static bool gokore_parking_sleep_(gokore_parking_queue_ *q, gokore_atomic_u32 *word, int64_t deadline_ns) {
    gokore_sleeper_ me = { .before = q->end, .word = word };
    if (gokore_bell_init_(&me.bell) != 0) return gokore_clock_ns_() < deadline_ns; // no memory: woken for nothing
    *q->end = &me;
    q->end = &me.next;
    for (int64_t now; me.word && (now = gokore_clock_ns_()) < deadline_ns;) // the clock decides: never early
        gokore_bell_wait_(&me.bell, &q->mutex, now, deadline_ns - now < GOKORE_DAY_NS_ ? deadline_ns : now + GOKORE_DAY_NS_);
    bool late = me.word;
    if (late) gokore_parking_leave_(q, &me);
    (void)pthread_cond_destroy(&me.bell);
    return !late;
}

gokore_status gokore_futex_wait_(gokore_atomic_u32 *word, uint32_t expected, int64_t deadline_ns) {
    int before = errno, cancelable = 0;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable); // a condition's wait could be cancelled, a futex's can't
    gokore_parking_queue_ *q = gokore_parking_lock_(word);
    bool woken = GOKORE_SEAM_LOAD_(&word->v_, __ATOMIC_RELAXED) != expected // relaxed: ordered by the mutex
                 || gokore_parking_sleep_(q, word, deadline_ns);
    (void)pthread_mutex_unlock(&q->mutex);
    (void)pthread_setcancelstate(cancelable, NULL);
    errno = before;
    return woken ? GOKORE_OK : GOKORE_TIMEOUT;
}

void gokore_futex_wake_(gokore_atomic_u32 *word, int count) {
    int before = errno;
    gokore_parking_queue_ *q = gokore_parking_lock_(word);
    for (gokore_sleeper_ *s = q->first, *next; s && count > 0; s = next) {
        next = s->next;
        if (s->word != word) continue;
        gokore_parking_leave_(q, s);
        (void)pthread_cond_signal(&s->bell); // s lasts until its thread has the mutex
        count--;
    }
    (void)pthread_mutex_unlock(&q->mutex);
    errno = before;
}
#endif

// >>clock, version, config
int64_t gokore_now_ns(void) { return GOKORE_SEAM_NOW_(); }

const char *gokore_version(void) { return GOKORE_VERSION; }

#if GOKORE_PLATFORM_ == GOKORE_PLATFORM_LINUX_
#define GOKORE_PLATFORM_NAME_ "LINUX"
#elif GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_
#define GOKORE_PLATFORM_NAME_ "WINDOWS"
#else
#define GOKORE_PLATFORM_NAME_ "POSIX"
#endif
#define GOKORE_TEXT_OF_(x) #x
#define GOKORE_TEXT_(x)    GOKORE_TEXT_OF_(x)
const char *gokore_config(void) {
    return "VERSION=" GOKORE_VERSION " PLATFORM=" GOKORE_PLATFORM_NAME_ " STATIC=" GOKORE_TEXT_(GOKORE_STATIC) " CHECKS=" GOKORE_TEXT_(GOKORE_CHECKS)
           " ATOMIC_CHECKS=" GOKORE_TEXT_(GOKORE_ATOMIC_CHECKS) " ATOMIC_COUNT=" GOKORE_TEXT_(GOKORE_ATOMIC_COUNT)
           " FUTEX=" GOKORE_TEXT_(GOKORE_FUTEX) " LOCKED_64=" GOKORE_TEXT_(GOKORE_LOCKED_64)
           " LOCKORDER=" GOKORE_TEXT_(GOKORE_LOCKORDER) " POLICY=" GOKORE_TEXT_(GOKORE_POLICY)
           " ON_VIOLATION=" GOKORE_TEXT_(GOKORE_ON_VIOLATION) " QOS=" GOKORE_TEXT_(GOKORE_QOS)
           " METRICS=" GOKORE_TEXT_(GOKORE_METRICS) " TRACE=" GOKORE_TEXT_(GOKORE_TRACE)
           " NUMA=" GOKORE_TEXT_(GOKORE_NUMA) " HWLOC=" GOKORE_TEXT_(GOKORE_HWLOC) " HELGRIND=" GOKORE_TEXT_(GOKORE_HELGRIND)
           " EXPLORE=" GOKORE_TEXT_(GOKORE_EXPLORE);
}

// >>status
const char *gokore_status_name(gokore_status status) {
    static const char *const names[] = { "OK",        "TIMEOUT", "CANCELED", "CLOSED",   "FULL",   "EMPTY",
                                         "BUSY",      "INVALID", "NO_MEMORY", "LIMIT",   "ORDER",  "DEADLOCK",
                                         "DENIED",    "NOT_FOUND", "PARSE",  "UNSUPPORTED", "SHUTDOWN", "SYSTEM" };
    size_t i = (size_t)status;
    return i < sizeof names / sizeof names[0] ? names[i] : "?";
}

// >>allocation
void *gokore_alloc_(const gokore_allocator *allocator, size_t size, size_t align) {
    if (!allocator || !allocator->alloc) return GOKORE_SEAM_ALLOC_(size, align);
    return allocator->alloc(allocator->user, size, align);
}

void *gokore_alloc_zeroed_(const gokore_allocator *allocator, size_t size, size_t align) {
    void *p = gokore_alloc_(allocator, size, align);
    return p ? memset(p, 0, size) : NULL;
}

void gokore_free_(const gokore_allocator *allocator, void *p, size_t size) {
    if (!p) return;
    if (!allocator || !allocator->alloc)
        GOKORE_SEAM_FREE_(p);
    else if (allocator->free)
        allocator->free(allocator->user, p, size);
}

// >>writers
static gokore_status gokore_file_write_(void *user, const void *data, size_t len) {
    return fwrite(data, 1, len, (FILE *)user) == len ? GOKORE_OK : GOKORE_SYSTEM;
}

gokore_writer gokore_writer_file(void *stdio_file) { return (gokore_writer) { gokore_file_write_, stdio_file }; }

static gokore_status gokore_buffer_write_(void *user, const void *data, size_t len) {
    gokore_buffer *b = (gokore_buffer *)user;
    size_t room = b->cap > b->len ? b->cap - b->len - 1 : 0;
    size_t n = len < room ? len : room;
    if (n) memcpy(b->data + b->len, data, n);
    b->len += n;
    if (b->cap) b->data[b->len] = 0;
    return n == len ? GOKORE_OK : GOKORE_FULL;
}

gokore_writer gokore_writer_buffer(gokore_buffer *buffer) { return (gokore_writer) { gokore_buffer_write_, buffer }; }

gokore_status gokore_write_(gokore_writer writer, const char *text) { return writer.write(writer.user, text, strlen(text)); }

gokore_status gokore_writef_(gokore_writer writer, const char *format, ...) {
    char text[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, format, args);
    char *longer = n >= (int)sizeof text ? (char *)gokore_alloc_(NULL, (size_t)n + 1, 1) : NULL;
    if (longer) (void)vsnprintf(longer, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    if (n < 0) return GOKORE_SYSTEM;
    if (n >= (int)sizeof text && !longer) return GOKORE_NO_MEMORY;
    gokore_status status = writer.write(writer.user, longer ? longer : text, (size_t)n);
    gokore_free_(NULL, longer, (size_t)n + 1);
    return status;
}

// >>latch: U. Drepper, "Futexes Are Tricky" (2011), the third mutex, with a short spin before sleeping.
#ifndef GOKORE_LATCH_SPINS_ // looks at the latch before its waiter sleeps; the explorer has fewer
#define GOKORE_LATCH_SPINS_ 64
#endif

void gokore_latch_lock_(gokore_latch_ *latch) {
    for (int i = 0; i < GOKORE_LATCH_SPINS_; i++) { // by the seam: the library's own latches are neither checked nor counted
        uint32_t free = 0;
        if (GOKORE_SEAM_LOAD_(&latch->word_.v_, __ATOMIC_RELAXED) == 0 &&
            GOKORE_SEAM_CAS_(&latch->word_.v_, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) // pairs with gokore_latch_unlock_
            return;
        GOKORE_SEAM_PAUSE_();
    }
    while (GOKORE_SEAM_EXCHANGE_(&latch->word_.v_, 2, __ATOMIC_ACQUIRE) != 0) // pairs likewise; 2 because others may sleep too
        (void)GOKORE_SEAM_WAIT_(&latch->word_, 2, INT64_MAX);
}

void gokore_latch_unlock_(gokore_latch_ *latch) {
    GOKORE_CHECK_(1, GOKORE_SEAM_LOAD_(&latch->word_.v_, __ATOMIC_RELAXED) != 0); // relaxed: this thread's own
    if (GOKORE_SEAM_EXCHANGE_(&latch->word_.v_, 0, __ATOMIC_RELEASE) == 2) // pairs with the acquires in gokore_latch_lock_
        GOKORE_SEAM_WAKE_(&latch->word_, 1);
}

// >>stacks
#ifdef __EMSCRIPTEN__
void gokore_stack_capture_(gokore_stack_ *out) { out->depth = 0; } // it has no unwinder
#else
static _Unwind_Reason_Code gokore_stack_frame_(struct _Unwind_Context *context, void *user) {
    gokore_stack_ *out = (gokore_stack_ *)user;
    uintptr_t pc = _Unwind_GetIP(context);
    if (pc == 0 || out->depth == GOKORE_STACK_MAX_) return _URC_END_OF_STACK;
    memcpy(&out->frames[out->depth++], &pc, sizeof pc);
    return _URC_NO_REASON;
}

void gokore_stack_capture_(gokore_stack_ *out) {
    out->depth = 0;
    (void)_Unwind_Backtrace(gokore_stack_frame_, out);
    if (out->depth == 0) out->frames[out->depth++] = GOKORE_CALLER_; // no unwind tables
}
#endif

// >>reports
static const struct { const char *name; gokore_severity severity; } gokore_reports_[] = {
    { "NONE", GOKORE_SEVERITY_INFO },
#define GOKORE_REPORT_ROW_(id, severity, text) { #id, GOKORE_SEVERITY_##severity },
    GOKORE_REPORTS_(GOKORE_REPORT_ROW_)
#undef GOKORE_REPORT_ROW_
};

static struct { // the process's hook; the latch keeps fn and user together
    gokore_latch_ latch;
    gokore_report_fn *fn;
    void *user;
} gokore_report_hook_;
static _Thread_local bool gokore_report_inside_; // this thread is in the hook
static gokore_atomic_ptr gokore_report_container_, gokore_report_pod_uid_; // const char *, set by gokore_report_identity_

const char *gokore_report_id_name(gokore_report_id id) {
    size_t i = (size_t)id;
    return i < sizeof gokore_reports_ / sizeof gokore_reports_[0] ? gokore_reports_[i].name : "?";
}

gokore_severity gokore_report_severity_(gokore_report_id id) { return gokore_reports_[id].severity; }

void gokore_report_set(gokore_report_fn *fn, void *user) {
    gokore_latch_lock_(&gokore_report_hook_.latch);
    gokore_report_hook_.fn = fn;
    gokore_report_hook_.user = user;
    gokore_latch_unlock_(&gokore_report_hook_.latch);
}

static char *gokore_text_address_(const char *text) { // a const char * for a gokore_atomic_ptr; never written through
    char *p;
    memcpy(&p, &text, sizeof p);
    return p;
}

void gokore_report_identity_(const char *container_id, const char *pod_uid) {
    gokore_atomic_store_release(&gokore_report_container_, gokore_text_address_(container_id)); // pairs with the loads below
    gokore_atomic_store_release(&gokore_report_pod_uid_, gokore_text_address_(pod_uid));
}

const char *gokore_report_pod_(void) {
    const char *pod = (const char *)gokore_atomic_load_acquire(&gokore_report_pod_uid_); // pairs with gokore_report_identity_
    return pod ? pod : "";
}

static void gokore_report_default_(const gokore_report *report) {
    static const char *const words[] = { "info", "warning", "error", "fatal" };
    char line[1024];
    bool named = report->resource && report->resource[0];
    int n = snprintf(line, sizeof line, "gokore: %s: %s%s%s [%s]\n", words[report->severity & 3],
                     named ? report->resource : "", named ? ": " : "", report->message, gokore_report_id_name(report->id));
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (len == sizeof line - 1) line[len - 1] = '\n';
    gokore_stderr_write_(line, len);
}

void gokore_report_emit_(gokore_report *report) {
    const char *container = (const char *)gokore_atomic_load_acquire(&gokore_report_container_); // pairs with gokore_report_identity_
    report->container_id = container ? container : "";
    report->thread = gokore_thread_id_();
    report->numa_node = gokore_thread_node_();
    if (!report->resource) report->resource = "";
    gokore_latch_lock_(&gokore_report_hook_.latch);
    gokore_report_fn *fn = gokore_report_hook_.fn;
    void *user = gokore_report_hook_.user;
    gokore_latch_unlock_(&gokore_report_hook_.latch);
    bool outer = gokore_report_inside_;
    gokore_report_inside_ = true;
    if (fn)
        fn(report, user);
    else
        gokore_report_default_(report);
    gokore_report_inside_ = outer;
}

bool gokore_report_running_(void) { return gokore_report_inside_; }

void gokore_reportf_(gokore_report_id id, const char *resource, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    gokore_stack_ stack;
    gokore_stack_capture_(&stack);
    gokore_report report = { .id = id, .severity = gokore_report_severity_(id), .message = message, .resource = resource };
    report.stack = stack.frames;
    report.stack_depth = stack.depth;
    gokore_report_emit_(&report);
}

gokore_status gokore_violation_(gokore_report *report, gokore_status denied) {
    gokore_report_emit_(report);
    if (GOKORE_ON_VIOLATION == GOKORE_REPORT || report->severity == GOKORE_SEVERITY_INFO) return GOKORE_OK;
    if (GOKORE_ON_VIOLATION == GOKORE_ABORT) abort();
    return denied;
}

// Straight to stderr: the hook might use the library, whose latches may be held here.
void gokore_assert_failed_(const char *file, int line, const char *text) {
    char message[512];
    (void)snprintf(message, sizeof message, "%s:%d: %s", file, line, text);
    gokore_report_default_(&(gokore_report) { .id = GOKORE_REPORT_ASSERTION, .severity = GOKORE_SEVERITY_FATAL, .message = message });
    abort();
}

// >>waiting on atomics
// 4 bytes sleep on the object itself. Other sizes sleep on a number that stands for their address, which every notify of such an
// address raises. Both count their sleepers per address hash, so that a notify without sleepers makes no system call. No wake-up
// is lost: the sleeper counts itself, fences, and looks at the object again (4 bytes: the kernel does, at the latest); who
// notifies has changed the object before, fences, and looks at the count.
static struct {
    GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u32 sleepers;
    gokore_atomic_u32 number; // the parking place of sizes other than 4
} gokore_atomic_places_[64];

static size_t gokore_atomic_place_(const void *object) {
    return (size_t)((uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u >> 58); // Fibonacci hashing
}

// Is the object's value the expected one? Relaxed: the caller has fenced, and looks again with its own order.
static bool gokore_atomic_same_(const void *object, const void *expected, size_t size) {
    switch (size) {
    case 1: return GOKORE_SEAM_LOAD_((const uint8_t *)object, __ATOMIC_RELAXED) == *(const uint8_t *)expected;
    case 2: return GOKORE_SEAM_LOAD_((const uint16_t *)object, __ATOMIC_RELAXED) == *(const uint16_t *)expected;
    case 4: return GOKORE_SEAM_LOAD_((const uint32_t *)object, __ATOMIC_RELAXED) == *(const uint32_t *)expected;
    default: // by the type that is aligned to 8: i386's uint64_t is not, and clang would call a function that locks
        return GOKORE_SEAM_LOAD_(&((const gokore_atomic_u64 *)object)->v_, __ATOMIC_RELAXED) == *(const uint64_t *)expected;
    }
}

static gokore_atomic_u32 *gokore_atomic_word_(const void *object) { // the kernel's view of a 4-byte object
    return (gokore_atomic_u32 *)(uintptr_t)object;
}

gokore_status gokore_atomic_park_(const void *object, const void *expected, size_t size, int64_t deadline_ns) {
    size_t place = gokore_atomic_place_(object);
    gokore_atomic_u32 *sleepers = &gokore_atomic_places_[place].sleepers, *number = &gokore_atomic_places_[place].number;
    (void)GOKORE_SEAM_RMW_(fetch_add, &sleepers->v_, 1, __ATOMIC_SEQ_CST);
    uint32_t n = GOKORE_SEAM_LOAD_(&number->v_, __ATOMIC_SEQ_CST);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_atomic_unpark_
    gokore_status status = GOKORE_OK;
    if (gokore_atomic_same_(object, expected, size))
        status = size == 4 ? GOKORE_SEAM_WAIT_(gokore_atomic_word_(object), *(const uint32_t *)expected, deadline_ns)
                           : GOKORE_SEAM_WAIT_(number, n, deadline_ns);
    (void)GOKORE_SEAM_RMW_(fetch_sub, &sleepers->v_, 1, __ATOMIC_RELAXED); // relaxed: a count too high costs a system call
    if (status == GOKORE_OK && deadline_ns != INT64_MAX && GOKORE_SEAM_NOW_() >= deadline_ns)
        return GOKORE_TIMEOUT; // woken in time again and again, for other objects: the caller looks once more
    return status;
}

void gokore_atomic_unpark_(const void *object, size_t size, bool all) {
    size_t place = gokore_atomic_place_(object);
    GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST); // pairs with the fence in gokore_atomic_park_
    if (GOKORE_SEAM_LOAD_(&gokore_atomic_places_[place].sleepers.v_, __ATOMIC_RELAXED) == 0) return; // relaxed: after the fence
    if (size == 4) {
        GOKORE_SEAM_WAKE_(gokore_atomic_word_(object), all ? INT_MAX : 1);
        return;
    }
    gokore_atomic_u32 *number = &gokore_atomic_places_[place].number;
    (void)GOKORE_SEAM_RMW_(fetch_add, &number->v_, 1, __ATOMIC_SEQ_CST);
    GOKORE_SEAM_WAKE_(number, INT_MAX); // other addresses may share the place: the right one must be among the woken
}

// >>reference count: Linux's refcount_t (lib/refcount.c). Deviation: an overflow stays where it is once it is seen.
#define GOKORE_REFCOUNT_SATURATED_ 0xc0000000u

static void gokore_refcount_saturate_(gokore_refcount *r, const char *why) {
    gokore_atomic_store_relaxed(&r->count_, GOKORE_REFCOUNT_SATURATED_); // relaxed: it orders nothing any more
    if (why) gokore_reportf_(GOKORE_REPORT_REFCOUNT, NULL, "reference count %p: %s", (void *)r, why);
}

void gokore_refcount_init(gokore_refcount *r, uint32_t n) { // too many is saturated, far from both ends
    gokore_atomic_store_relaxed(&r->count_, n > 0x7fffffffu ? GOKORE_REFCOUNT_SATURATED_ : n); // relaxed: before sharing
}

uint32_t gokore_refcount_read(const gokore_refcount *r) { return gokore_atomic_load_relaxed(&r->count_); } // relaxed: a hint

void gokore_refcount_inc(gokore_refcount *r) {
    uint32_t old = gokore_atomic_fetch_add_relaxed(&r->count_, 1); // relaxed: the caller has a reference
    if (old == 0 || old >= 0x7fffffffu) gokore_refcount_saturate_(r, old ? NULL : "raised from zero: the object may be gone");
}

bool gokore_refcount_inc_not_zero(gokore_refcount *r) {
    uint32_t old = gokore_atomic_load_relaxed(&r->count_); // relaxed: the CAS decides
    do {
        if (old == 0) return false;
        if (old >= 0x7fffffffu) return gokore_refcount_saturate_(r, NULL), true;
    } while (!gokore_atomic_compare_exchange_weak_acquire(&r->count_, &old, old + 1)); // pairs with gokore_refcount_dec
    return true;
}

bool gokore_refcount_dec(gokore_refcount *r) {
    uint32_t old = gokore_atomic_fetch_sub_release(&r->count_, 1); // pairs with the acquire of the last one, below
    if (old == 1) return gokore_atomic_load_acquire(&r->count_) == 0;
    if (old == 0 || old > 0x7fffffffu) gokore_refcount_saturate_(r, old ? NULL : "dropped once too often");
    return false;
}

// >>counter
static uint32_t gokore_thread_cell_(void) { // dealt to threads in turn
    static gokore_atomic_u32 next;
    static _Thread_local uint32_t mine;
    if (!mine) mine = GOKORE_SEAM_RMW_(add_fetch, &next.v_, 1, __ATOMIC_RELAXED) | 0x80000000u; // relaxed: any number will do
    return mine & 0x7fffffffu;
}

void gokore_counter_add(gokore_counter *c, int64_t n) {
    // relaxed, and by the seam: a count publishes nothing, so nothing is checked
    (void)GOKORE_SEAM_RMW_(fetch_add, &c->cells_[gokore_thread_cell_() % 16].n_.v_, n, __ATOMIC_RELAXED);
}

int64_t gokore_counter_read(const gokore_counter *c) {
    uint64_t sum = 0;
    for (int i = 0; i < 16; i++) sum += (uint64_t)gokore_atomic_load_relaxed(&c->cells_[i].n_); // relaxed: a count
    return (int64_t)sum;
}

// >>validation
static bool gokore_atomic_size_ok_(size_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

gokore_status gokore_atomic_check_alignment(const void *address, size_t size) {
    if (gokore_atomic_size_ok_(size) && address && ((uintptr_t)address & (size - 1)) == 0) return GOKORE_OK;
    gokore_reportf_(GOKORE_REPORT_ATOMIC_MISALIGNED, NULL, "no atomic object of %zu bytes can stand at %p", size, address);
    return GOKORE_INVALID;
}

gokore_status gokore_atomic_check_order(gokore_atomic_op op, gokore_order order) {
    enum { RLX = 1 << GOKORE_ORDER_RELAXED, ACQ = 1 << GOKORE_ORDER_ACQUIRE, REL = 1 << GOKORE_ORDER_RELEASE,
           AR = 1 << GOKORE_ORDER_ACQ_REL, SC = 1 << GOKORE_ORDER_SEQ_CST };
    static const unsigned char allowed[] = { // C11 7.17.7; a relaxed fence is allowed and does nothing (7.17.4.1)
        [GOKORE_ATOMIC_OP_LOAD] = RLX | ACQ | SC,
        [GOKORE_ATOMIC_OP_STORE] = RLX | REL | SC,
        [GOKORE_ATOMIC_OP_EXCHANGE] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_COMPARE_EXCHANGE] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_COMPARE_EXCHANGE_FAILURE] = RLX | ACQ | SC,
        [GOKORE_ATOMIC_OP_FETCH_ADD] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_FETCH_SUB] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_FETCH_AND] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_FETCH_OR] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_FETCH_XOR] = RLX | ACQ | REL | AR | SC,
        [GOKORE_ATOMIC_OP_FENCE] = RLX | ACQ | REL | AR | SC,
    };
    size_t i = (size_t)op, o = (size_t)order;
    if (i < sizeof allowed && o <= GOKORE_ORDER_SEQ_CST && (allowed[i] >> o & 1)) return GOKORE_OK;
    gokore_reportf_(GOKORE_REPORT_ATOMIC_ORDER, NULL, "atomic operation %zu may not have memory order %zu", i, o);
    return GOKORE_INVALID;
}

#define GOKORE_VIOLATIONS_ 64
static struct {
    gokore_latch_ latch;
    size_t count;
    gokore_barrier_violation kept[GOKORE_VIOLATIONS_];
    uint64_t places[1024]; // hashes of all that were found; when it is full, a place may be told again
} gokore_violations_;

// Is this place new? Notes it. Under the latch.
static bool gokore_violation_is_new_(const gokore_barrier_violation *v) {
    uint64_t hash = (uint64_t)(uintptr_t)v->caller * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)v->address * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (uint64_t)(uintptr_t)v->why) * 0x94d049bb133111ebu + (uint64_t)v->op + 1;
    for (size_t i = 0; i < 1024; i++) {
        uint64_t *place = &gokore_violations_.places[(hash + i) % 1024];
        if (*place == hash) return false;
        if (*place != 0) continue;
        *place = hash;
        return true;
    }
    return true;
}

static _Thread_local struct { // what GOKORE_ATOMIC_CHECKS remembers of a thread
    bool busy;                // inside the checker: its own operations are not looked at
    bool read;                // an atomic was read since the last acquire fence
    const void *fence;        // where a release fence stands that no write has followed
    const void *stored;       // a tracked object stored relaxed, with no release since
    const void *store;        // where that stands
} gokore_atomic_seen_;

// about: further words for the report, and the tracked object's name, or NULL.
static void gokore_violation_found_(gokore_report_id id, gokore_barrier_violation v, const char *about, const char *name) {
    gokore_latch_lock_(&gokore_violations_.latch);
    bool known = !gokore_violation_is_new_(&v);
    if (!known && gokore_violations_.count++ < GOKORE_VIOLATIONS_) gokore_violations_.kept[gokore_violations_.count - 1] = v;
    gokore_latch_unlock_(&gokore_violations_.latch);
    if (!known) gokore_reportf_(id, name, "%s: object %p%s, at %p", v.why, v.address, about, v.caller);
}

size_t gokore_barrier_violations(gokore_barrier_violation *out, size_t cap) {
    gokore_latch_lock_(&gokore_violations_.latch);
    size_t count = gokore_violations_.count;
    for (size_t i = 0; i < count && i < cap && i < GOKORE_VIOLATIONS_; i++) out[i] = gokore_violations_.kept[i];
    gokore_latch_unlock_(&gokore_violations_.latch);
    return count;
}

static bool gokore_order_releases_(int order) { return order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL; }

static uint32_t gokore_tracked_find_(const void *object); // below, under counting
static const char *gokore_tracked_text_(uint32_t i);

static void gokore_atomic_check_fence_(gokore_barrier_violation v, int order) {
    if (order == __ATOMIC_ACQUIRE && !gokore_atomic_seen_.read) {
        v.why = "acquire fence with no atomic read before it";
        gokore_violation_found_(GOKORE_REPORT_ATOMIC_BARRIER, v, "", NULL);
    }
    if (order == __ATOMIC_RELEASE && gokore_atomic_seen_.fence) {
        gokore_barrier_violation earlier = v;
        earlier.caller = gokore_atomic_seen_.fence;
        earlier.why = "release fence with no atomic write before the next one";
        gokore_violation_found_(GOKORE_REPORT_ATOMIC_BARRIER, earlier, "", NULL);
    }
    if (order != __ATOMIC_RELEASE) gokore_atomic_seen_.read = false;
    gokore_atomic_seen_.fence = order == __ATOMIC_RELEASE ? v.caller : NULL;
    if (gokore_order_releases_(order)) gokore_atomic_seen_.stored = NULL;
}

// A relaxed write may make other threads look for the tracked object that was stored before, which it does not publish.
static void gokore_atomic_check_publication_(gokore_barrier_violation v) {
    const void *stored = gokore_atomic_seen_.stored;
    if (!stored || stored == v.address) return;
    gokore_atomic_seen_.stored = NULL;
    uint32_t i = gokore_tracked_find_(stored);
    if (!i) return; // not tracked any more
    char about[96];
    (void)snprintf(about, sizeof about, ", stored at %p, then object %p written", gokore_atomic_seen_.store, v.address);
    v.address = stored;
    v.why = "tracked object stored relaxed, then another atomic written with no release between";
    gokore_violation_found_(GOKORE_REPORT_ATOMIC_BARRIER, v, about, gokore_tracked_text_(i));
}

static void gokore_atomic_check_write_(gokore_barrier_violation v, int order) {
    gokore_atomic_seen_.fence = NULL;
    if (gokore_order_releases_(order)) {
        gokore_atomic_seen_.stored = NULL;
        return;
    }
    if (order == __ATOMIC_RELAXED) gokore_atomic_check_publication_(v);
    if (v.op != GOKORE_ATOMIC_OP_STORE || !gokore_tracked_find_(v.address)) return;
    gokore_atomic_seen_.stored = v.address;
    gokore_atomic_seen_.store = v.caller;
}

void gokore_atomic_checked_(const void *object, size_t size, gokore_atomic_op op, int order) {
    if (gokore_atomic_seen_.busy) return;
    gokore_atomic_seen_.busy = true;
    gokore_order named = order == __ATOMIC_RELAXED ? GOKORE_ORDER_RELAXED : (gokore_order)(order - 1); // C11 counts consume too
    gokore_barrier_violation v = { op, named, object, GOKORE_CALLER_, "" };
    if ((uintptr_t)object & (size - 1)) {
        bool crosses = (uintptr_t)object % GOKORE_CACHE_LINE + size > GOKORE_CACHE_LINE;
        v.why = crosses ? "atomic object crosses a cache line" : "atomic object is not aligned to its size";
        gokore_violation_found_(GOKORE_REPORT_ATOMIC_MISALIGNED, v, "", NULL);
    }
    if (op == GOKORE_ATOMIC_OP_FENCE) {
        gokore_atomic_check_fence_(v, order);
    } else {
        if (op != GOKORE_ATOMIC_OP_STORE) gokore_atomic_seen_.read = true;
        if (op != GOKORE_ATOMIC_OP_LOAD) gokore_atomic_check_write_(v, order);
    }
    gokore_atomic_seen_.busy = false;
}

// >>memory model
void gokore_memory_model(gokore_memory_info *out) {
    out->cache_line = GOKORE_CACHE_LINE;
    out->lock_free = (uint32_t)(__atomic_always_lock_free(1, NULL) | __atomic_always_lock_free(2, NULL) << 1 |
                                __atomic_always_lock_free(4, NULL) << 2 | __atomic_always_lock_free(8, NULL) << 3);
}

#define GOKORE_LITMUS_RUNS_ 2000
typedef struct gokore_litmus_cell_ { GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u32 x; } gokore_litmus_cell_;
typedef struct gokore_litmus_state_ { // one run's objects and what the two threads saw
    gokore_litmus_cell_ x, y, round[2];
    uint32_t seen[2][4];
} gokore_litmus_state_;

// The two threads' halves of the tests; which: 0 and 1 store buffering, 2 and 3 message passing, 4 and 5 load buffering, the
// odd ones relaxed, 6 coherence.
static void gokore_litmus_half_(gokore_litmus_state_ *s, int which, int me) {
    gokore_atomic_u32 *mine = me ? &s->y.x : &s->x.x, *other = me ? &s->x.x : &s->y.x;
    uint32_t *seen = s->seen[me];
    switch (which) {
    case 0: gokore_atomic_store(mine, 1), seen[0] = gokore_atomic_load(other); break;
    case 1: gokore_atomic_store_relaxed(mine, 1), seen[0] = gokore_atomic_load_relaxed(other); break; // relaxed: the test
    case 2:
        if (me)
            seen[0] = gokore_atomic_load_acquire(&s->y.x), seen[1] = gokore_atomic_load_relaxed(&s->x.x); // pairs with the store below
        else
            gokore_atomic_store_relaxed(&s->x.x, 1), gokore_atomic_store_release(&s->y.x, 1);
        break;
    case 3: // relaxed: the test
        if (me)
            seen[0] = gokore_atomic_load_relaxed(&s->y.x), seen[1] = gokore_atomic_load_relaxed(&s->x.x);
        else
            gokore_atomic_store_relaxed(&s->x.x, 1), gokore_atomic_store_relaxed(&s->y.x, 1);
        break;
    case 4: seen[0] = gokore_atomic_load_acquire(other), gokore_atomic_store_release(mine, 1); break; // each pairs with the other's
    case 5: seen[0] = gokore_atomic_load_relaxed(other), gokore_atomic_store_relaxed(mine, 1); break; // relaxed: the test
    default: // relaxed: coherence needs no order
        for (uint32_t i = 0; i < 4; i++)
            if (me)
                seen[i] = gokore_atomic_load_relaxed(&s->x.x);
            else
                gokore_atomic_store_relaxed(&s->x.x, i + 1);
    }
}

static bool gokore_litmus_weak_(const gokore_litmus_state_ *s, int which) {
    const uint32_t *a = s->seen[0], *b = s->seen[1];
    if (which < 2) return a[0] == 0 && b[0] == 0;
    if (which < 4) return b[0] == 1 && b[1] == 0;
    if (which < 6) return a[0] == 1 && b[0] == 1;
    return b[0] > b[1] || b[1] > b[2] || b[2] > b[3];
}

static void gokore_litmus_meet_(gokore_litmus_state_ *s, int me, uint32_t round) { // both go on together
    gokore_atomic_store_release(&s->round[me].x, round); // pairs with the acquire on the other side
    for (int spins = 0; gokore_atomic_load_acquire(&s->round[!me].x) < round; spins++) { // pairs likewise
        GOKORE_SEAM_PAUSE_();
        if (spins > 200) GOKORE_SEAM_YIELD_();
    }
}

static void gokore_litmus_run_(gokore_litmus_state_ *s, int me, uint32_t *weak) {
    uint32_t round = 0;
    for (int which = 0; which < 7; which++)
        for (int i = 0; i < GOKORE_LITMUS_RUNS_; i++) {
            gokore_litmus_meet_(s, me, ++round);
            gokore_litmus_half_(s, which, me);
            gokore_litmus_meet_(s, me, ++round);
            if (me) continue; // thread 0 judges and clears, thread 1 waits at the next meeting
            weak[which] += gokore_litmus_weak_(s, which);
            gokore_atomic_store_relaxed(&s->x.x, 0); // relaxed: published by the meeting
            gokore_atomic_store_relaxed(&s->y.x, 0);
        }
}

static void gokore_litmus_other_(void *arg) { gokore_litmus_run_((gokore_litmus_state_ *)arg, 1, NULL); }

gokore_status gokore_memory_model_litmus(gokore_litmus *out) {
    gokore_litmus_state_ state;
    memset(&state, 0, sizeof state);
    uint32_t weak[7] = { 0 };
    gokore_thread_ other;
    *out = (gokore_litmus) { 0 };
    gokore_status status = GOKORE_SEAM_THREAD_START_(&other, gokore_litmus_other_, &state, 0);
    if (status != GOKORE_OK) return status;
    gokore_litmus_run_(&state, 0, weak);
    GOKORE_SEAM_THREAD_JOIN_(&other);
    *out = (gokore_litmus) { GOKORE_LITMUS_RUNS_, weak[0], weak[1], weak[2], weak[3], weak[4], weak[5], weak[6] };
    return weak[0] || weak[2] || weak[4] || weak[6] ? GOKORE_SYSTEM : GOKORE_OK;
}

gokore_status gokore_memory_model_check(void) {
    gokore_litmus seen;
    return gokore_memory_model_litmus(&seen);
}

// >>counting
// The tables are written under the latch and read by every operation without it; all by the seam, for an operation on them must
// not be looked at itself. A number is bound to its name for good, and moves to the chain of the address it is tracked at.
typedef struct gokore_tracked_cells_ { // a thread's counts, written by it alone
    gokore_tracked_cell_ cells[GOKORE_TRACKED_MAX_ + 1];
    struct gokore_tracked_cells_ *next, **before;
} gokore_tracked_cells_;

#if !GOKORE_STATIC
uint16_t gokore_tracked_slots_[1024];
const void *gokore_tracked_addresses_[GOKORE_TRACKED_MAX_ + 1];
__thread gokore_tracked_cell_ *gokore_tracked_mine_;
#endif
static struct {
    gokore_latch_ latch;
    uint32_t count;
    uint32_t changes;                                // odd while a chain changes
    bool key_made;
    gokore_exit_key_ key;                            // its destructor collects an ending thread's counts
    char names[GOKORE_TRACKED_MAX_ + 1][64];         // 1-based
    uint16_t older[GOKORE_TRACKED_MAX_ + 1];         // the next of the chain
    gokore_tracked_cell_ collected[GOKORE_TRACKED_MAX_ + 1]; // of threads that have ended
    gokore_tracked_cells_ *cells;
} gokore_tracking_;

// The number of the tracked object in its chain, 0 if it is none. Exact under the latch.
static uint32_t gokore_tracked_walk_(const void *object) {
    uint32_t i = GOKORE_SEAM_LOAD_(&gokore_tracked_slots_[gokore_atomic_filter_(object)], __ATOMIC_ACQUIRE); // pairs with link
    while (i && GOKORE_SEAM_LOAD_(&gokore_tracked_addresses_[i], __ATOMIC_RELAXED) != object)   // relaxed: published by the slot
        i = GOKORE_SEAM_LOAD_(&gokore_tracking_.older[i], __ATOMIC_ACQUIRE);                     // pairs with link, a moved number's
    return i;
}

// The same without the latch: a walk that finds nothing counts only if no chain changed meanwhile, as in a sequence lock.
static uint32_t gokore_tracked_find_(const void *object) {
    uint32_t before = GOKORE_SEAM_LOAD_(&gokore_tracking_.changes, __ATOMIC_ACQUIRE); // pairs with the release in changed
    uint32_t i = gokore_tracked_walk_(object);
    GOKORE_SEAM_FENCE_(__ATOMIC_ACQUIRE); // pairs with the release fence in changing
    if (i || (before % 2 == 0 && GOKORE_SEAM_LOAD_(&gokore_tracking_.changes, __ATOMIC_RELAXED) == before)) return i;
    gokore_latch_lock_(&gokore_tracking_.latch);
    i = gokore_tracked_walk_(object);
    gokore_latch_unlock_(&gokore_tracking_.latch);
    return i;
}

static void gokore_tracked_collect_(void *cells) {
    gokore_tracked_cells_ *mine = (gokore_tracked_cells_ *)cells;
    gokore_latch_lock_(&gokore_tracking_.latch);
    for (int i = 1; i <= GOKORE_TRACKED_MAX_; i++) // relaxed: counts
        (void)GOKORE_SEAM_RMW_(fetch_add, &gokore_tracking_.collected[i].n, GOKORE_SEAM_LOAD_(&mine->cells[i].n, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    *mine->before = mine->next;
    if (mine->next) mine->next->before = mine->before;
    gokore_latch_unlock_(&gokore_tracking_.latch);
    gokore_tracked_mine_ = NULL;
    GOKORE_SEAM_FREE_(mine);
}

static gokore_tracked_cells_ *gokore_tracked_cells_new_(void) {
    gokore_tracked_cells_ *mine = (gokore_tracked_cells_ *)gokore_alloc_zeroed_(NULL, sizeof *mine, GOKORE_CACHE_LINE);
    gokore_latch_lock_(&gokore_tracking_.latch);
    if (!gokore_tracking_.key_made) gokore_tracking_.key_made = gokore_exit_key_make_(&gokore_tracking_.key, gokore_tracked_collect_);
    bool kept = mine && gokore_tracking_.key_made && gokore_exit_key_set_(gokore_tracking_.key, mine);
    if (kept) {
        mine->before = &gokore_tracking_.cells;
        mine->next = gokore_tracking_.cells;
        if (mine->next) mine->next->before = &mine->next;
        gokore_tracking_.cells = mine;
    }
    gokore_latch_unlock_(&gokore_tracking_.latch);
    if (kept) return mine;
    GOKORE_SEAM_FREE_(mine);
    return NULL;
}

void gokore_atomic_counted_(const void *object) {
    static _Thread_local bool busy; // an allocator's own operations are not counted
    uint32_t i = busy ? 0 : gokore_tracked_find_(object);
    if (!i) return;
    if (!gokore_tracked_mine_) {
        bool checking = gokore_atomic_seen_.busy;
        busy = gokore_atomic_seen_.busy = true;
        gokore_tracked_cells_ *cells = gokore_tracked_cells_new_();
        if (cells) gokore_tracked_mine_ = cells->cells;
        busy = false;
        gokore_atomic_seen_.busy = checking;
    }
    gokore_tracked_cell_ *mine = gokore_tracked_mine_;
    if (mine)
        GOKORE_SEAM_STORE_(&mine[i].n, GOKORE_SEAM_LOAD_(&mine[i].n, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED); // relaxed: this thread's own
    else
        (void)GOKORE_SEAM_RMW_(fetch_add, &gokore_tracking_.collected[i].n, 1, __ATOMIC_RELAXED); // relaxed: a count; no memory
}

static const char *gokore_tracked_text_(uint32_t i) { return gokore_tracking_.names[i]; } // names never change

static uint32_t gokore_tracked_name_(const char *name) {
    for (uint32_t i = 1; i <= gokore_tracking_.count; i++)
        if (strcmp(gokore_tracking_.names[i], name) == 0) return i;
    return 0;
}

// Around each change of a chain, under the latch: the writer's half of a sequence lock.
static void gokore_tracked_changing_(void) {
    GOKORE_SEAM_STORE_(&gokore_tracking_.changes, gokore_tracking_.changes + 1, __ATOMIC_RELAXED); // relaxed: the fence follows
    GOKORE_SEAM_FENCE_(__ATOMIC_RELEASE); // pairs with the acquire fence in gokore_tracked_find_
}

static void gokore_tracked_changed_(void) {
    GOKORE_SEAM_STORE_(&gokore_tracking_.changes, gokore_tracking_.changes + 1, __ATOMIC_RELEASE); // pairs with gokore_tracked_find_
}

// Puts number i at the head of its address's chain. An address is set while its number is in no chain.
static void gokore_tracked_link_(uint32_t i, const void *addr) {
    uint16_t *slot = &gokore_tracked_slots_[gokore_atomic_filter_(addr)];
    gokore_tracked_changing_();
    GOKORE_SEAM_STORE_(&gokore_tracked_addresses_[i], addr, __ATOMIC_RELAXED); // relaxed: published by the slot, below
    GOKORE_SEAM_STORE_(&gokore_tracking_.older[i], *slot, __ATOMIC_RELEASE);   // pairs with a walk that number i leads astray
    GOKORE_SEAM_STORE_(slot, (uint16_t)i, __ATOMIC_RELEASE);                   // pairs with gokore_tracked_walk_
    gokore_tracked_changed_();
}

static void gokore_tracked_unlink_(uint32_t i) {
    uint16_t *at = &gokore_tracked_slots_[gokore_atomic_filter_(gokore_tracked_addresses_[i])];
    while (*at != i) at = &gokore_tracking_.older[*at];
    gokore_tracked_changing_();
    GOKORE_SEAM_STORE_(at, gokore_tracking_.older[i], __ATOMIC_RELEASE); // pairs with gokore_tracked_walk_
    GOKORE_SEAM_STORE_(&gokore_tracked_addresses_[i], NULL, __ATOMIC_RELAXED); // relaxed: who comes later sees it anyway
    gokore_tracked_changed_();
}

gokore_status gokore_atomic_track(const char *name, const void *addr) {
    if (!name || !name[0] || strlen(name) > 63 || !addr) return GOKORE_INVALID;
    gokore_latch_lock_(&gokore_tracking_.latch);
    uint32_t i = gokore_tracked_name_(name);
    bool taken = gokore_tracked_walk_(addr) || (i && gokore_tracked_addresses_[i]);
    gokore_status status = taken ? GOKORE_INVALID : i || gokore_tracking_.count < GOKORE_TRACKED_MAX_ ? GOKORE_OK : GOKORE_LIMIT;
    if (status == GOKORE_OK) {
        if (!i) memcpy(gokore_tracking_.names[i = ++gokore_tracking_.count], name, strlen(name) + 1); // never changes
        gokore_tracked_link_(i, addr);
    }
    gokore_latch_unlock_(&gokore_tracking_.latch);
    return status;
}

void gokore_atomic_untrack(const void *addr) {
    if (gokore_atomic_seen_.stored == addr) gokore_atomic_seen_.stored = NULL;
    gokore_latch_lock_(&gokore_tracking_.latch);
    uint32_t i = addr ? gokore_tracked_walk_(addr) : 0;
    if (i) gokore_tracked_unlink_(i);
    gokore_latch_unlock_(&gokore_tracking_.latch);
}

static uint64_t gokore_tracked_sum_(uint32_t i) {
    uint64_t sum = GOKORE_SEAM_LOAD_(&gokore_tracking_.collected[i].n, __ATOMIC_RELAXED); // relaxed: counts
    for (gokore_tracked_cells_ *c = gokore_tracking_.cells; c; c = c->next) sum += GOKORE_SEAM_LOAD_(&c->cells[i].n, __ATOMIC_RELAXED);
    return sum;
}

uint64_t gokore_atomic_op_count(const char *name) {
    gokore_latch_lock_(&gokore_tracking_.latch);
    uint32_t i = gokore_tracked_name_(name);
    uint64_t sum = i ? gokore_tracked_sum_(i) : 0;
    gokore_latch_unlock_(&gokore_tracking_.latch);
    return sum;
}

void gokore_atomic_op_counts(gokore_atomic_count_fn *fn, void *user) {
    for (uint32_t i = 1;; i++) {
        gokore_latch_lock_(&gokore_tracking_.latch);
        bool there = i <= gokore_tracking_.count;
        uint64_t sum = there ? gokore_tracked_sum_(i) : 0;
        gokore_latch_unlock_(&gokore_tracking_.latch);
        if (!there) return;
        fn(gokore_tracking_.names[i], sum, user); // names never change
    }
}

#endif // GOKORE_IMPLEMENTATION
// License: MIT, see LICENSE.
