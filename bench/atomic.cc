// atomic.cc - std::atomic's part of bench_atomic.sh
#include "atomic.h"

#include <atomic>

static std::atomic<uint64_t> x;
#define DO(...)                                                                                                      \
    for (long i = 0; i < n; i++) {                                                                                   \
        __VA_ARGS__;                                                                                                 \
        __asm__ __volatile__("" ::: "memory");                                                                       \
    }
static BENCH_ALIGNED void load(long n) { DO((void)x.load(std::memory_order_acquire)) }
static BENCH_ALIGNED void store(long n) { DO(x.store(1, std::memory_order_release)) }
static BENCH_ALIGNED void fetch_add(long n) { DO((void)x.fetch_add(1)) }
static BENCH_ALIGNED void cas(long n) {
    x.store(1);
    DO(uint64_t old = 1; (void)x.compare_exchange_strong(old, 1))
}
static void begin(void) {}
extern "C" const bench_part bench_part_7;
const bench_part bench_part_7 = { "std::atomic", { load, store, fetch_add, cas }, begin };
