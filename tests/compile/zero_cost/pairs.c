// Each operation of gokore_atomic.h that has a twin in <stdatomic.h>, in every order and for every type, as two functions:
// ours_TYPE_OP and c11_TYPE_OP. Compiled to assembly only; compare.sh looks whether the two bodies are the same.
#include <stdatomic.h>

#include "gokore_atomic.h"
#undef bool // a macro would be replaced before ## sees it
typedef _Bool bool;

// N our type, T value type, R result, OP our operation with its order; in the bodies p is the object, v, old and e values.
#define PAIR(N, T, R, OP, PARAMETERS, OURS, TWIN)                                                                      \
    R ours_##N##_##OP(gokore_atomic_##N *p PARAMETERS);                                                                \
    R c11_##N##_##OP(_Atomic(T) *p PARAMETERS);                                                                        \
    R ours_##N##_##OP(gokore_atomic_##N *p PARAMETERS) { OURS; }                                                       \
    R c11_##N##_##OP(_Atomic(T) *p PARAMETERS) { TWIN; }
#define NOTHING
#define VALUE(T) , T v
#define COMPARED(T) , T old, T v
#define EXPECTED(T) , T *e, T v

#define LOAD(N, T, X, O) PAIR(N, T, T, load##X, NOTHING, return gokore_atomic_load##X(p), return atomic_load_explicit(p, O))
#define STORE(N, T, X, O)                                                                                              \
    PAIR(N, T, void, store##X, VALUE(T), gokore_atomic_store##X(p, v), atomic_store_explicit(p, v, O))
#define FETCH(N, T, OP, X, O)                                                                                          \
    PAIR(N, T, T, OP##X, VALUE(T), return gokore_atomic_##OP##X(p, v), return atomic_##OP##_explicit(p, v, O))
#define ADD(N, T, X, O)                                                                                                \
    PAIR(N, T, T, add##X, VALUE(T), return gokore_atomic_add##X(p, v), return (T)(atomic_fetch_add_explicit(p, v, O) + v))
#define SWAP(N, T, X, O, F)                                                                                            \
    FETCH(N, T, exchange, X, O)                                                                                        \
    PAIR(N, T, bool, cas##X, COMPARED(T), return gokore_atomic_cas##X(p, old, v),                                      \
         T expected = old; return atomic_compare_exchange_strong_explicit(p, &expected, v, O, F))                      \
    PAIR(N, T, bool, compare_exchange##X, EXPECTED(T), return gokore_atomic_compare_exchange##X(p, e, v),              \
         return atomic_compare_exchange_strong_explicit(p, e, v, O, F))                                                \
    PAIR(N, T, bool, compare_exchange_weak##X, EXPECTED(T), return gokore_atomic_compare_exchange_weak##X(p, e, v),    \
         return atomic_compare_exchange_weak_explicit(p, e, v, O, F))

#define ORDERS(M, ...)                                                                                                 \
    M(__VA_ARGS__, , memory_order_seq_cst)                                                                             \
    M(__VA_ARGS__, _acquire, memory_order_acquire)                                                                     \
    M(__VA_ARGS__, _release, memory_order_release)                                                                     \
    M(__VA_ARGS__, _acq_rel, memory_order_acq_rel)                                                                     \
    M(__VA_ARGS__, _relaxed, memory_order_relaxed)
#define ANY(N, T)                                                                                                      \
    LOAD(N, T, , memory_order_seq_cst)                                                                                 \
    LOAD(N, T, _acquire, memory_order_acquire)                                                                         \
    LOAD(N, T, _relaxed, memory_order_relaxed)                                                                         \
    STORE(N, T, , memory_order_seq_cst)                                                                                \
    STORE(N, T, _release, memory_order_release)                                                                        \
    STORE(N, T, _relaxed, memory_order_relaxed)                                                                        \
    SWAP(N, T, , memory_order_seq_cst, memory_order_seq_cst)                                                           \
    SWAP(N, T, _acquire, memory_order_acquire, memory_order_acquire)                                                   \
    SWAP(N, T, _release, memory_order_release, memory_order_relaxed)                                                   \
    SWAP(N, T, _acq_rel, memory_order_acq_rel, memory_order_acquire)                                                   \
    SWAP(N, T, _relaxed, memory_order_relaxed, memory_order_relaxed)
#define INTEGER(N, T)                                                                                                  \
    ANY(N, T)                                                                                                          \
    ORDERS(ADD, N, T)                                                                                                  \
    ORDERS(FETCH, N, T, fetch_add)                                                                                     \
    ORDERS(FETCH, N, T, fetch_sub)                                                                                     \
    ORDERS(FETCH, N, T, fetch_and)                                                                                     \
    ORDERS(FETCH, N, T, fetch_or)                                                                                      \
    ORDERS(FETCH, N, T, fetch_xor)

INTEGER(i8, int8_t)
INTEGER(u8, uint8_t)
INTEGER(i16, int16_t)
INTEGER(u16, uint16_t)
INTEGER(i32, int32_t)
INTEGER(u32, uint32_t)
INTEGER(i64, int64_t)
INTEGER(u64, uint64_t)
INTEGER(size, size_t)
ANY(ptr, void *)
ANY(bool, bool) // C11 has fetch_and, fetch_or and fetch_xor for integers only

#define FENCE(X, O)                                                                                                    \
    void ours_fence##X(void);                                                                                          \
    void c11_fence##X(void);                                                                                           \
    void ours_fence##X(void) { gokore_atomic_fence##X(); }                                                             \
    void c11_fence##X(void) { atomic_thread_fence(O); }
FENCE(, memory_order_seq_cst)
FENCE(_acquire, memory_order_acquire)
FENCE(_release, memory_order_release)
FENCE(_acq_rel, memory_order_acq_rel)

// What must be found to differ: the comparison of compare.sh looks at instructions, operands and calls.
PAIR(u32, uint32_t, uint32_t, wrong_value, VALUE(uint32_t), return gokore_atomic_fetch_add(p, 1), return atomic_fetch_add(p, 2))
PAIR(u32, uint32_t, void, wrong_order, VALUE(uint32_t), gokore_atomic_store(p, v), atomic_store_explicit(p, v, memory_order_relaxed))
