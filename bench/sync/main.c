// main.c - the program of bench_sync.sh: takes turns with goKore's locks and their peers, and prints ratios beside their targets
// Arguments choose among the parts: alone together oversubscribed wake timed shared cond; none = all.
#define _GNU_SOURCE
#include "sync.h"

#include <string.h>
#include <time.h>

gokore_atomic_u32 sync_stop;
enum { ROUNDS = 31, N = 100000, WORK_ROUNDS = 11, WORK_MS = 5, ATTEMPTS = 8, FAIR_MS = 200, THREADS_MAX = 64, WAKES = 600, TIMED = 200, PONGS = 2000, KINDS = 16 };

#define KIND(id) extern const sync_kind sync_##id __attribute__((weak)); // where the library is
KIND(gokore) KIND(gokore_live) KIND(gokore_timed) KIND(gokore_try) KIND(gokore_static)
KIND(gokore_read) KIND(gokore_write) KIND(gokore_semaphore)
KIND(pthread) KIND(pthread_try) KIND(pthread_read) KIND(pthread_write) KIND(pthread_semaphore)
KIND(nsync) KIND(nsync_read) KIND(absl) KIND(absl_read) KIND(ck) KIND(nothing)
extern const sync_pong sync_pong_gokore __attribute__((weak)), sync_pong_pthread, sync_pong_nsync __attribute__((weak)), sync_pong_absl __attribute__((weak));
extern const sync_hop sync_hop_gokore, sync_hop_gokore_unlock, sync_hop_pthread_unlock, sync_hop_futex, sync_hop_waitv;
extern const sync_hop sync_hop_nsync __attribute__((weak));
extern const sync_timed sync_timed_gokore, sync_timed_gokore_context, sync_timed_pthread;

static void target(const char *what, double ratio, bool at_most, double bound) {
    bool hit = at_most ? ratio <= bound : ratio >= bound;
    printf("  target %-62s %6.2f  %s %.2f  %s\n", what, ratio, at_most ? "<=" : ">=", bound, hit ? "hit" : "MISSED");
}

// ---- one thread
static int64_t own_time_ns(void) { // of this thread, so that others' load counts little
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Prints a line for each kind; medians[i] is its ns for a pair, 0 if it is missing.
static void pairs(const sync_kind *const *kinds, size_t count, double *medians) {
    static double ns[KINDS][ROUNDS];
    for (size_t i = 0; i < count; i++)
        if (kinds[i] && kinds[i]->begin) kinds[i]->begin();
    for (int round = -3; round < ROUNDS; round++) // the first ones only warm up
        for (size_t k = 0; k < count; k++) {
            size_t i = (k + (size_t)(round + 3)) % count; // another one begins each time
            if (!kinds[i]) continue;
            int64_t start = own_time_ns();
            kinds[i]->pairs(N);
            if (round >= 0) ns[i][round] = (double)(own_time_ns() - start) / N;
        }
    for (size_t i = 0; i < count; i++) {
        medians[i] = kinds[i] ? bench_median(ns[i], ROUNDS) : 0;
        if (!kinds[i]) continue;
        printf("  %-22s%9.2f%9.2f", kinds[i]->name, ns[i][0], medians[i]);
        printf("   x%5.2f%9zu\n", medians[i] / medians[0], kinds[i]->size);
    }
}
static void sleep_till_told(void *word) { gokore_atomic_wait((gokore_atomic_u32 *)word, 0u); }
static void alone(void) {
    const sync_kind *const kinds[] = { &sync_pthread, &sync_pthread_try, &sync_nsync, &sync_absl, &sync_ck,
                                       &sync_gokore, &sync_gokore_live, &sync_gokore_timed, &sync_gokore_try, &sync_gokore_static };
    double ns[sizeof kinds / sizeof *kinds];
    printf("one thread: CPU ns for lock and unlock, %d alternating rounds of %d\n  %-22s%9s%9s%9s%9s\n", ROUNDS, N, "", "min", "median", "ratio", "sizeof");
    pairs(kinds, sizeof kinds / sizeof *kinds, ns);
    target("lock and unlock / pthread_mutex", ns[5] / ns[0], true, 0.85);
    target("with a live context / without", ns[6] / ns[5], true, 1.25);
    target("size of a mutex / 16 bytes", (double)sync_gokore.size / 16, true, 1);
}

// ---- several threads
typedef struct share { // one thread's
    const sync_kind *kind;
    sync_worker worker;
    gokore_atomic_u32 *ready;
    uint32_t threads;
    uint64_t waited_ns; // for a CPU
} share;

static uint64_t waited_for_cpu_ns(void) { // this thread; 0 where the kernel does not say
    unsigned long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    if (f && fscanf(f, "%llu %llu", &ran, &waited) != 2) waited = 0;
    if (f) (void)fclose(f);
    return waited;
}
static void work(void *arg) {
    share *s = (share *)arg;
    (void)gokore_atomic_fetch_add(s->ready, 1);
    while (gokore_atomic_load(s->ready) < s->threads) gokore_yield_(); // all begin together
    uint64_t before = waited_for_cpu_ns();
    s->kind->work(&s->worker);
    s->waited_ns = waited_for_cpu_ns() - before;
}
typedef struct outcome {
    double mops, fairness;
    bool disturbed; // its threads have waited for CPUs
} outcome;

static outcome contend(const sync_kind *kind, uint32_t threads, int inside, int outside, int ms) {
    gokore_thread_ handles[THREADS_MAX];
    share shares[THREADS_MAX];
    gokore_atomic_u32 ready = GOKORE_ATOMIC_INIT(0);
    gokore_atomic_store(&sync_stop, 0);
    for (uint32_t i = 0; i < threads; i++) {
        shares[i] = (share) { kind, { inside, outside, 0 }, &ready, threads, 0 };
        if (gokore_thread_start_(&handles[i], work, &shares[i], 0) != GOKORE_OK) abort();
    }
    while (gokore_atomic_load(&ready) < threads) gokore_yield_();
    int64_t start = gokore_now_ns();
    (void)usleep((useconds_t)ms * 1000);
    gokore_atomic_store(&sync_stop, 1);
    int64_t ns = gokore_now_ns() - start;
    uint64_t total = 0, least = UINT64_MAX, most = 0, waited_ns = 0;
    for (uint32_t i = 0; i < threads; i++) {
        gokore_thread_join_(&handles[i]);
        uint64_t entered = shares[i].worker.entered;
        total += entered;
        if (entered < least) least = entered;
        if (entered > most) most = entered;
        waited_ns += shares[i].waited_ns;
    }
    return (outcome) { (double)total * 1000 / (double)ns, most ? (double)least / (double)most : 0, waited_ns > (uint64_t)ns / 20 };
}

// Prints a line for each kind and gives medians; the kind that is compared comes first.
static void compete(const sync_kind *const *kinds, size_t count, uint32_t threads, int inside, int outside, int ms, outcome *medians) {
    static double mops[KINDS][WORK_ROUNDS], fairness[KINDS][WORK_ROUNDS];
    uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    int disturbed = 0;
    for (int round = 0; round < WORK_ROUNDS; round++)
        for (size_t k = 0; k < count; k++) {
            size_t i = (k + (size_t)round) % count;
            if (!kinds[i]) continue;
            outcome o;
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) { // where each thread has a CPU, until others leave it alone
                o = contend(kinds[i], threads, inside, outside, ms);
                if (threads > cpus || !o.disturbed) break;
            }
            disturbed += threads <= cpus && o.disturbed;
            mops[i][round] = o.mops;
            fairness[i][round] = o.fairness;
        }
    printf("%u threads, %d iterations inside, %d outside: Mops and fairness (fewest/most per thread), %d alternating rounds of %d ms", threads,
           inside, outside, WORK_ROUNDS, ms);
    printf(disturbed ? ", %d disturbed by other programs\n" : "\n", disturbed);
    for (size_t i = 0; i < count; i++) {
        medians[i] = (outcome) { 0, 0, false };
        if (!kinds[i]) continue;
        medians[i] = (outcome) { bench_median(mops[i], WORK_ROUNDS), bench_median(fairness[i], WORK_ROUNDS), false };
        printf("  %-22s%9.2f Mops   fairness %.2f\n", kinds[i]->name, medians[i].mops, medians[i].fairness);
    }
}
static double best(const outcome *o, size_t count) { // of the peers: all but the first
    double mops = 0;
    for (size_t i = 1; i < count; i++)
        if (o[i].mops > mops) mops = o[i].mops;
    return mops;
}
static void together(void) {
    const sync_kind *const kinds[] = { &sync_gokore, &sync_pthread, &sync_nsync, &sync_absl, &sync_ck, &sync_nothing };
    enum { COUNT = sizeof kinds / sizeof *kinds, PEERS = COUNT - 1 };
    outcome o[COUNT];
    for (uint32_t threads = 2; threads <= 4; threads += 2)
        for (int real = 0; real < 2; real++) {
            compete(kinds, COUNT, threads, real ? 20 : 0, real ? 100 : 0, threads > 2 ? FAIR_MS : WORK_MS, o);
            target("throughput / the best peer's", o[0].mops / best(o, PEERS), false, 0.95);
            if (threads == 4) target("fairness", o[0].fairness, false, 0.8);
        }
}
static void oversubscribed(void) {
    const sync_kind *const kinds[] = { &sync_gokore, &sync_pthread, &sync_nsync, &sync_absl, &sync_ck };
    enum { COUNT = sizeof kinds / sizeof *kinds };
    outcome two[COUNT], many[COUNT];
    uint32_t threads = (uint32_t)(16 * sysconf(_SC_NPROCESSORS_ONLN));
    compete(kinds, COUNT, 2, 20, 100, WORK_MS, two);
    compete(kinds, COUNT, threads < THREADS_MAX ? threads : THREADS_MAX, 20, 100, FAIR_MS, many);
    for (size_t i = 0; i < COUNT; i++)
        if (kinds[i]) printf("  %-22s x%5.2f of its throughput with 2 threads\n", kinds[i]->name, many[i].mops / two[i].mops);
    target("oversubscribed throughput / the best peer's", many[0].mops / best(many, COUNT), false, 0.95);
}

// ---- from the end of a wait to its return
static struct { const sync_hop *hop; gokore_atomic_u32 turn; int64_t woke_ns; } waking; // turn: 1 block, 2 done, 3 go home
static void blocker(void *arg) {
    (void)arg;
    for (;;) {
        gokore_atomic_wait(&waking.turn, 2u);
        gokore_atomic_wait(&waking.turn, 0u);
        if (gokore_atomic_load(&waking.turn) == 3) return;
        waking.hop->block();
        waking.woke_ns = gokore_now_ns();
        gokore_atomic_store(&waking.turn, 2);
        gokore_atomic_notify_all(&waking.turn);
    }
}
static void say(uint32_t turn) {
    gokore_atomic_store(&waking.turn, turn);
    gokore_atomic_notify_all(&waking.turn);
}
static double wake_us(const sync_hop *hop) {
    waking.hop = hop;
    hop->begin();
    say(1);
    (void)usleep(100); // it sleeps by now
    int64_t start = gokore_now_ns();
    hop->end();
    gokore_atomic_wait(&waking.turn, 1u);
    if (hop->finish) hop->finish();
    say(0);
    return (double)(waking.woke_ns - start) / 1000;
}
static void wake(void) {
    const sync_hop *const hops[] = { &sync_hop_futex, &sync_hop_waitv, &sync_hop_nsync, &sync_hop_gokore, &sync_hop_pthread_unlock, &sync_hop_gokore_unlock };
    enum { COUNT = sizeof hops / sizeof *hops };
    static double us[COUNT][WAKES];
    double median[COUNT], p99[COUNT];
    gokore_thread_ thread;
    if (gokore_thread_start_(&thread, blocker, NULL, 0) != GOKORE_OK) abort();
    for (int i = 0; i < WAKES; i++)
        for (size_t h = 0; h < COUNT; h++)
            if (hops[h] && (!hops[h]->usable || hops[h]->usable())) us[h][i] = wake_us(hops[h]);
    say(3);
    gokore_thread_join_(&thread);
    printf("from the end of a wait to its return in another thread, us, %d each, alternating\n  %-32s%9s%9s%9s\n", WAKES, "", "min", "median", "p99");
    for (size_t h = 0; h < COUNT; h++) {
        p99[h] = bench_percentile(us[h], WAKES, 99);
        median[h] = bench_median(us[h], WAKES);
        if (median[h] > 0) printf("  %-32s%9.2f%9.2f%9.2f\n", hops[h]->name, us[h][0], median[h], p99[h]);
    }
    if (hops[1]->usable && !hops[1]->usable()) printf("skip futex_waitv: this kernel has none\n");
    target("cancel to mutex_lock, median / futex", median[3] / median[0], true, 4.0 / 3.0);
    target("cancel to mutex_lock, p99 / futex", p99[3] / p99[0], true, 12.0 / 8.0);
}

// ---- how late a timed wait is
static struct { const sync_timed *const *kinds; double us[3][TIMED]; long early[3]; } timing;
static void expire(void *arg) {
    (void)arg;
    for (int i = 0; i < TIMED; i++)
        for (int k = 0; k < 3; k++) {
            int64_t start = gokore_now_ns();
            if (!timing.kinds[k]->wait(1000000)) abort();
            int64_t late = gokore_now_ns() - start - 1000000;
            timing.us[k][i] = (double)late / 1000;
            timing.early[k] += late < 0;
        }
}
static void timed(void) {
    const sync_timed *const kinds[3] = { &sync_timed_pthread, &sync_timed_gokore, &sync_timed_gokore_context };
    double median[3], p99[3];
    gokore_thread_ thread;
    timing.kinds = kinds;
    kinds[0]->begin();
    kinds[1]->begin(); // and the third's: the same lock
    if (gokore_thread_start_(&thread, expire, NULL, 0) != GOKORE_OK) abort();
    gokore_thread_join_(&thread);
    kinds[0]->finish();
    kinds[1]->finish();
    printf("wait of 1 ms for a held lock: how late it returns, us, %d each, alternating\n  %-32s%9s%9s%9s%9s\n", TIMED, "", "min", "median", "p99", "early");
    for (int k = 0; k < 3; k++) {
        p99[k] = bench_percentile(timing.us[k], TIMED, 99);
        median[k] = bench_median(timing.us[k], TIMED);
        printf("  %-32s%9.2f%9.2f%9.2f%9ld\n", kinds[k]->name, timing.us[k][0], median[k], p99[k], timing.early[k]);
    }
    target("over-run, median / pthread_mutex_clocklock", median[1] / median[0], true, 70.0 / 67.0);
    target("early returns", (double)(timing.early[1] + timing.early[2]), true, 0);
}

// ---- shared locks, semaphores
static void shared(void) {
    if (!&sync_gokore_read) return;
    const sync_kind *const kinds[] = { &sync_pthread_read, &sync_pthread_write, &sync_absl_read, &sync_nsync_read,
                                       &sync_pthread_semaphore, &sync_gokore_read, &sync_gokore_write, &sync_gokore_semaphore };
    double ns[sizeof kinds / sizeof *kinds];
    printf("shared locks, one thread: CPU ns for lock and unlock, %d alternating rounds of %d\n  %-22s%9s%9s%9s%9s\n", ROUNDS, N, "", "min", "median", "ratio", "sizeof");
    pairs(kinds, sizeof kinds / sizeof *kinds, ns);
    target("read lock and unlock / pthread_rwlock", ns[5] / ns[0], true, 1);
    target("write lock and unlock / pthread_rwlock", ns[6] / ns[1], true, 1);
    target("semaphore acquire and release / sem_t", ns[7] / ns[4], true, 1);
    const sync_kind *const readers[] = { &sync_gokore_read, &sync_pthread_read, &sync_absl_read, &sync_nsync_read };
    outcome o[4];
    for (uint32_t threads = 1; threads <= 4; threads *= 2) {
        compete(readers, 4, threads, 20, 100, threads > 2 ? FAIR_MS : WORK_MS, o);
        target("readers' throughput / the best peer's", o[0].mops / best(o, 4), false, 0.95);
    }
}

// ---- conditions
static struct { const sync_pong *pong; } playing;
static void play_second(void *arg) {
    (void)arg;
    playing.pong->play(1, PONGS);
}
static void cond(void) {
    const sync_pong *const pongs[] = { &sync_pong_pthread, &sync_pong_nsync, &sync_pong_absl, &sync_pong_gokore };
    enum { COUNT = sizeof pongs / sizeof *pongs };
    static double us[COUNT][WORK_ROUNDS];
    double median[COUNT];
    if (!pongs[3]) return;
    for (int round = 0; round < WORK_ROUNDS; round++)
        for (size_t i = 0; i < COUNT; i++) {
            gokore_thread_ thread;
            if (!(playing.pong = pongs[i])) continue;
            int64_t start = gokore_now_ns();
            if (gokore_thread_start_(&thread, play_second, NULL, 0) != GOKORE_OK) abort();
            playing.pong->play(0, PONGS);
            gokore_thread_join_(&thread);
            us[i][round] = (double)(gokore_now_ns() - start) / 1000 / PONGS;
        }
    printf("two threads wake each other by a condition: us for there and back, %d alternating rounds of %d\n", WORK_ROUNDS, PONGS);
    for (size_t i = 0; i < COUNT; i++) {
        median[i] = pongs[i] ? bench_median(us[i], WORK_ROUNDS) : 0;
        if (pongs[i]) printf("  %-22s%9.2f%9.2f   x%5.2f%9zu\n", pongs[i]->name, us[i][0], median[i], median[i] / median[0], pongs[i]->size);
    }
    target("there and back / pthread_cond", median[3] / median[0], true, 1);
}

int main(int argc, char **argv) {
    static gokore_atomic_u32 told; // a second thread, because the C library's locks skip their atomic operations without one
    gokore_thread_ second;
    if (gokore_thread_start_(&second, sleep_till_told, &told, 0) != GOKORE_OK) abort();
    static const struct { const char *name; void (*run)(void); } parts[] = {
        { "alone", alone }, { "together", together }, { "oversubscribed", oversubscribed }, { "wake", wake }, { "timed", timed }, { "shared", shared }, { "cond", cond },
    };
    if (!&sync_nsync) printf("skip nsync: no <nsync.h> (libnsync-dev)\n");
    if (!&sync_absl) printf("skip absl::Mutex: no absl_synchronization (libabsl-dev) or no C++ compiler\n");
    if (!&sync_ck) printf("skip ck: no <ck_spinlock.h> (libck-dev)\n");
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        bool chosen = argc == 1;
        for (int i = 1; i < argc; i++) chosen |= strcmp(argv[i], parts[p].name) == 0;
        if (chosen) parts[p].run();
        fflush(stdout);
    }
    gokore_atomic_store(&told, 1);
    gokore_atomic_notify_all(&told);
    gokore_thread_join_(&second);
    return 0;
}
