// seam.h - the library's seam, led to the explorer: what GOKORE_EXPLORE=1 includes; compiled with -fsanitize=thread and
// -D_GNU_SOURCE. The compiler's instrumentation tells the explorer of plain accesses; an atomic that
// goes around the seam is an undefined symbol (__tsan_atomic...).
#ifndef EXPLORE_SEAM_H
#define EXPLORE_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum explore_rmw {
    explore_fetch_add, explore_fetch_sub, explore_fetch_and, explore_fetch_or, explore_fetch_xor, explore_fetch_nand, explore_add_fetch
};

uint64_t explore_load(const void *p, size_t size, int order);
void explore_store(void *p, size_t size, uint64_t v, int order);
uint64_t explore_exchange(void *p, size_t size, uint64_t v, int order);
bool explore_cas(void *p, void *expected, size_t size, uint64_t v, bool weak, int order, int other);
uint64_t explore_rmw(enum explore_rmw op, void *p, size_t size, uint64_t v, int order);
void explore_fence(int order);
bool explore_membarrier_begin(void);
void explore_membarrier(void);
void explore_pause(void);
bool explore_wait(void *word, uint32_t expected, int64_t deadline_ns); // false: the deadline came
bool explore_has_wait_two(void);
bool explore_wait_two(void *const word[2], const uint32_t expected[2], int64_t deadline_ns);
void explore_wake(void *word, int count);
bool explore_thread_start(void *out, void (*fn)(void *), void *arg);
void explore_thread_join(void *thread);
uint64_t explore_thread_id(void);
void *explore_alloc(size_t size, size_t align);
void explore_free(void *p);
int64_t explore_now(void);
void explore_assert(bool holds, const char *file, int line, const char *text);
void *explore_memcpy(void *to, const void *from, size_t n);
void *explore_memmove(void *to, const void *from, size_t n);
void *explore_memset(void *to, int byte, size_t n);

#define GOKORE_SEAM_LOAD_(p, order)        ((__typeof__(*(p)))explore_load((p), sizeof *(p), (order)))
#define GOKORE_SEAM_STORE_(p, v, order)    explore_store((p), sizeof *(p), (uint64_t)(v), (order))
#define GOKORE_SEAM_EXCHANGE_(p, v, order) ((__typeof__(*(p)))explore_exchange((p), sizeof *(p), (uint64_t)(v), (order)))
#define GOKORE_SEAM_CAS_(p, expected, v, weak, order, other)                                                        \
    explore_cas((p), (expected), sizeof *(p), (uint64_t)(v), (weak), (order), (other))
#define GOKORE_SEAM_RMW_(op, p, v, order)  ((__typeof__(*(p)))explore_rmw(explore_##op, (p), sizeof *(p), (uint64_t)(v), (order)))
#define GOKORE_SEAM_FENCE_(order)          explore_fence(order)
#define GOKORE_SEAM_LIGHT_FENCE_()         ((void)0) // of the compiler, which moves nothing across the explorer's functions
#define GOKORE_SEAM_MEMBARRIER_BEGIN_()    explore_membarrier_begin()
#define GOKORE_SEAM_MEMBARRIER_()          explore_membarrier()
#define GOKORE_SEAM_PAUSE_()               explore_pause()
#define GOKORE_SEAM_WAIT_(word, expected, deadline_ns)                                                              \
    (explore_wait((word), (expected), (deadline_ns)) ? GOKORE_OK : GOKORE_TIMEOUT)
#define GOKORE_SEAM_WAKE_(word, count)     explore_wake((word), (count))
#define GOKORE_SEAM_HAS_WAIT_TWO_()        explore_has_wait_two()
#define GOKORE_SEAM_WAIT_TWO_(on, deadline_ns)                                                                      \
    (explore_wait_two((void *const[2]) { (on)->word[0], (on)->word[1] }, (on)->expected, (deadline_ns)) ? GOKORE_OK : GOKORE_TIMEOUT)
#define GOKORE_SEAM_YIELD_()               explore_pause()
#define GOKORE_SEAM_THREAD_START_(out, fn, arg, stack_size)                                                         \
    ((void)(stack_size), explore_thread_start((out), (fn), (arg)) ? GOKORE_OK : GOKORE_SYSTEM)
#define GOKORE_SEAM_THREAD_JOIN_(thread)   explore_thread_join(thread)
#define GOKORE_SEAM_THREAD_ID_()           explore_thread_id()
#define GOKORE_SEAM_ALLOC_(size, align)    explore_alloc((size), (align))
#define GOKORE_SEAM_FREE_(p)               explore_free(p)
#define GOKORE_SEAM_NOW_()                 explore_now()
#define GOKORE_SEAM_CPUS_()                2u
#define GOKORE_ASSERT(x)                   explore_assert((x), __FILE__, __LINE__, #x)

// Spinning would only be more of the same schedules.
#ifndef GOKORE_SPIN_MAX
#define GOKORE_SPIN_MAX 0
#endif
#ifndef GOKORE_CHANNEL_SPIN_MAX
#define GOKORE_CHANNEL_SPIN_MAX 0
#endif
#define GOKORE_LATCH_SPINS_ 1
#define GOKORE_IDLE_ROUNDS_ 1
#define GOKORE_WATCH_NS_    0

#define memcpy(to, from, n)  explore_memcpy((to), (from), (n)) // gcc leaves these three to a runtime's interceptors
#define memmove(to, from, n) explore_memmove((to), (from), (n))
#define memset(to, byte, n)  explore_memset((to), (byte), (n))

#endif
