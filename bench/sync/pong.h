// pong.h - defines sync_pong sync_pong_ID from ID, NAME, MUTEX, COND, LOCK(l), UNLOCK(l), WAIT(c, l), SIGNAL(c)
static struct { __attribute__((aligned(64))) MUTEX lock; COND cond; int turn; } BENCH_JOIN(ID, _court);

static void BENCH_JOIN(ID, _play)(int me, long n) {
    LOCK(&BENCH_JOIN(ID, _court).lock);
    for (long i = 0; i < n; i++) {
        while (BENCH_JOIN(ID, _court).turn != me) WAIT(&BENCH_JOIN(ID, _court).cond, &BENCH_JOIN(ID, _court).lock);
        BENCH_JOIN(ID, _court).turn = !me;
        SIGNAL(&BENCH_JOIN(ID, _court).cond);
    }
    UNLOCK(&BENCH_JOIN(ID, _court).lock);
}
extern EXTERN_C const sync_pong BENCH_JOIN(sync_pong_, ID);
const sync_pong BENCH_JOIN(sync_pong_, ID) = { NAME, sizeof(COND), BENCH_JOIN(ID, _play) };
#undef ID
#undef NAME
#undef MUTEX
#undef COND
#undef LOCK
#undef UNLOCK
#undef WAIT
#undef SIGNAL
