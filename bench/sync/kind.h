// kind.h - defines sync_kind sync_ID from ID, NAME, TYPE, LOCK(l), UNLOCK(l) and, for shared locks, READ
#ifdef READ
#define TOUCH(p) (void)*(volatile long *)(p)
#else
#define TOUCH(p) ++*(volatile long *)(p)
#endif
static struct { __attribute__((aligned(64))) TYPE lock; __attribute__((aligned(64))) long shared; } BENCH_JOIN(ID, _it);

static BENCH_ALIGNED void BENCH_JOIN(ID, _pairs)(long n) {
    for (long i = 0; i < n; i++) {
        LOCK(&BENCH_JOIN(ID, _it).lock);
        __asm__ __volatile__("" ::: "memory");
        UNLOCK(&BENCH_JOIN(ID, _it).lock);
    }
}
static BENCH_ALIGNED void BENCH_JOIN(ID, _work)(sync_worker *w) {
    uint64_t entered = 0;
    for (; !gokore_atomic_load_relaxed(&sync_stop); entered++) {
        LOCK(&BENCH_JOIN(ID, _it).lock);
        TOUCH(&BENCH_JOIN(ID, _it).shared);
        sync_spend(w->inside);
        UNLOCK(&BENCH_JOIN(ID, _it).lock);
        sync_spend(w->outside);
    }
    w->entered = entered;
}
#ifndef BEGIN
#define BEGIN NULL
#endif
extern EXTERN_C const sync_kind BENCH_JOIN(sync_, ID);
const sync_kind BENCH_JOIN(sync_, ID) = { NAME, sizeof(TYPE), BENCH_JOIN(ID, _pairs), BENCH_JOIN(ID, _work), BEGIN };
#undef ID
#undef NAME
#undef TYPE
#undef LOCK
#undef UNLOCK
#undef READ
#undef TOUCH
#undef BEGIN
