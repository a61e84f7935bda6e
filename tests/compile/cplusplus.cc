// cplusplus.cc - the generic names as C++ overloads: every operation of every type, linked with the C implementation
#include "../../gokore.h"

#define EACH_ORDER(op, ...)                                                                                          \
    (void)gokore_atomic_##op(__VA_ARGS__), (void)gokore_atomic_##op##_acquire(__VA_ARGS__),                          \
        (void)gokore_atomic_##op##_release(__VA_ARGS__), (void)gokore_atomic_##op##_acq_rel(__VA_ARGS__),            \
        (void)gokore_atomic_##op##_relaxed(__VA_ARGS__)

template <class A, class T> static int swaps(A &a, T v) {
    T expected = v;
    const A &read_only = a;
    gokore_atomic_store(&a, v), gokore_atomic_store_release(&a, v), gokore_atomic_store_relaxed(&a, v);
    EACH_ORDER(exchange, &a, v);
    EACH_ORDER(cas, &a, v, v);
    EACH_ORDER(compare_exchange, &a, &expected, v);
    EACH_ORDER(compare_exchange_weak, &a, &expected, v);
    return gokore_atomic_load(&read_only) != v || gokore_atomic_load_acquire(&read_only) != v || gokore_atomic_load_relaxed(&a) != v;
}

template <class A, class T> static int logic(A &a, T v) {
    EACH_ORDER(fetch_and, &a, v);
    EACH_ORDER(fetch_or, &a, v);
    EACH_ORDER(fetch_xor, &a, v);
    return swaps(a, v);
}

template <class A, class T> static int integer(A &a, T v) {
    gokore_atomic_store(&a, T(1));
    int wrong = gokore_atomic_add(&a, T(2)) != 3 || gokore_atomic_fetch_sub(&a, T(1)) != 3 || gokore_atomic_fetch_max(&a, T(9)) != 2;
    EACH_ORDER(add, &a, v);
    EACH_ORDER(fetch_add, &a, v);
    EACH_ORDER(fetch_sub, &a, v);
    EACH_ORDER(fetch_nand, &a, v);
    EACH_ORDER(fetch_min, &a, v);
    EACH_ORDER(fetch_max, &a, v);
    return wrong + logic(a, v);
}

struct counted {
    gokore_task task = GOKORE_TASK_INIT(run);
    int runs = 0;
    static void run(gokore_worker *, gokore_task *task) { reinterpret_cast<counted *>(task)->runs++; }
};

static int objects() { // one of each kind, as a C++ program would use them
    gokore_context patience;
    gokore_context_init_timeout(&patience, nullptr, INT64_C(60000000000));
    gokore_mutex lock = GOKORE_MUTEX_INIT;
    int wrong = gokore_mutex_lock(&lock, &patience) != GOKORE_OK;
    gokore_mutex_unlock(&lock);
    gokore_mutex_deinit(&lock);
    gokore_channel *channel = nullptr;
    gokore_channel_desc shape = {};
    shape.item_size = sizeof(int);
    shape.capacity = 1;
    wrong += gokore_channel_create(&channel, &shape) != GOKORE_OK;
    int in = 5, out = 0;
    wrong += gokore_channel_send(channel, &in, &patience) != GOKORE_OK || gokore_channel_recv(channel, &out, &patience) != GOKORE_OK || out != in;
    gokore_channel_destroy(channel);
    gokore_pool *pool = nullptr;
    counted work;
    wrong += gokore_pool_create(&pool, nullptr) != GOKORE_OK || gokore_pool_run(pool, &work.task, &patience) != GOKORE_OK || work.runs != 1;
    gokore_pool_destroy(pool);
    gokore_context_deinit(&patience);
    return wrong;
}

static gokore_atomic_u32 initialised = GOKORE_ATOMIC_INIT(7);

int main() {
    gokore_atomic_bool b = {};
    gokore_atomic_i8 i8 = {};
    gokore_atomic_u8 u8 = {};
    gokore_atomic_i16 i16 = {};
    gokore_atomic_u16 u16 = {};
    gokore_atomic_i32 i32 = {};
    gokore_atomic_u32 u32 = {};
    gokore_atomic_i64 i64 = {};
    gokore_atomic_u64 u64 = {};
    gokore_atomic_size size = {};
    gokore_atomic_ptr ptr = {};
    int wrong = logic(b, true) + integer(i8, int8_t(5)) + integer(u8, uint8_t(5)) + integer(i16, int16_t(5));
    wrong += integer(u16, uint16_t(5)) + integer(i32, int32_t(5)) + integer(u32, uint32_t(5)) + integer(i64, int64_t(5));
    wrong += integer(u64, uint64_t(5)) + integer(size, size_t(5)) + swaps(ptr, static_cast<void *>(&wrong));
    gokore_atomic_fence(), gokore_atomic_fence_acquire(), gokore_atomic_fence_release(), gokore_atomic_fence_acq_rel();
    gokore_cpu_relax();
#ifdef WRONG_TYPE
    int plain = 0;
    wrong += gokore_atomic_load(&plain);
#endif
    wrong += gokore_atomic_load(&initialised) != 7;
    wrong += gokore_now_ns() <= 0 || gokore_status_name(GOKORE_TIMEOUT)[0] != 'T' || gokore_config()[0] != 'V';
    return wrong + objects();
}
