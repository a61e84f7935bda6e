// main.c - the program of bench_pool.sh: one part with one peer, in a process of its own. Prints "FIGURE PEER WORKERS VALUE".
//   main PART PEER WORKERS [MOST]      nothing is printed where the peer has no such thing; MOST: of part growth
#define _GNU_SOURCE
#include "pool.h"

#include <semaphore.h>
#include <string.h>
#include <time.h>

extern const pool_peer pool_serial, pool_gokore, pool_intrusive, pool_mutex, pool_semaphore;
#define WHERE_IT_IS __attribute__((weak))
extern const pool_peer pool_openmp WHERE_IT_IS, pool_tbb WHERE_IT_IS, pool_glib WHERE_IT_IS, pool_uv WHERE_IT_IS;

enum { REPEATS = 20, ENOUGH_NS = 400000000, LONG_ENOUGH_NS = 3000000 };
enum { PINGS = 200, PINGS_IN_A_ROW = 4000, LIVES = 100, WINDOW = 1000000, SLICE = WINDOW / REPEATS };

static const pool_peer *peer;
static unsigned workers;

static void say(const char *figure, double value) {
    printf("%s %s %u %.6g\n", figure, peer->name, workers, value);
    (void)fflush(stdout);
}
static void expect(bool right, const char *what) {
    if (right) return;
    (void)fprintf(stderr, "%s: wrong result of %s\n", peer->name, what);
    exit(1);
}

// ---- tasks that count themselves: each thread in a line of its own
enum { LINES = 256 };
static struct { GOKORE_ALIGNAS_(GOKORE_CACHE_LINE) gokore_atomic_u64 n; } lines[LINES];
static gokore_atomic_u32 lines_taken;
static _Thread_local gokore_atomic_u64 *my_line;

void pool_tick(void) {
    if (!my_line) my_line = &lines[gokore_atomic_fetch_add(&lines_taken, 1) % LINES].n;
    (void)gokore_atomic_fetch_add_release(my_line, 1); // pairs with the acquire in ticks
}
static uint64_t ticks(void) {
    uint64_t sum = 0;
    for (int i = 0; i < LINES; i++) sum += gokore_atomic_load_acquire(&lines[i].n); // pairs with pool_tick
    return sum;
}
static void await(uint64_t all) {
    if (peer->reap) peer->reap();
    while (ticks() < all) (void)usleep(20);
}

// ---- figures
// The time of the call that was disturbed least of a few, after one that warms up.
static double least_ns(void (*call)(void), void (*before)(void)) {
    int64_t least = INT64_MAX, begun = gokore_now_ns();
    for (int i = 0; i < 2 || (i < REPEATS && gokore_now_ns() - begun < ENOUGH_NS); i++) {
        if (before) before();
        int64_t start = gokore_now_ns();
        call();
        int64_t ns = gokore_now_ns() - start;
        if (i > 0 && ns < least) least = ns;
    }
    return (double)least;
}

static int64_t time_of(void (*call)(void)) {
    int64_t start = gokore_now_ns();
    call();
    return gokore_now_ns() - start;
}

static int fib_of;
static uint64_t fib_is(int n) {
    uint64_t a = 0, b = 1;
    for (; n > 0; n--) {
        uint64_t c = a + b;
        a = b;
        b = c;
    }
    return a;
}
static void fib_call(void) { expect(peer->fib(fib_of) == fib_is(fib_of), "fib"); }
static void fib(void) {
    if (!peer->fib) return;
    for (fib_of = 18; fib_of < 36 && time_of(fib_call) < LONG_ENOUGH_NS;) fib_of++;
    say("fib", least_ns(fib_call, NULL) / (double)(fib_is(fib_of + 1) - 1));
}

static uint32_t queens_of;
static const uint64_t solutions[] = { 1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712 };
static uint64_t placements(pool_board b) {
    uint64_t n = 1;
    for (uint32_t left = pool_free_columns(b); left != 0; left &= left - 1) n += placements(pool_placed(b, left & -left));
    return n;
}
static void queens_call(void) { expect(peer->queens(queens_of) == solutions[queens_of], "queens"); }
static void queens(void) {
    if (!peer->queens) return;
    for (queens_of = 8; queens_of < 13 && time_of(queens_call) < LONG_ENOUGH_NS;) queens_of++;
    say("nqueens", least_ns(queens_call, NULL) / (double)placements(pool_empty_board(queens_of)));
}

static uint32_t tree_of;
static uint64_t tree_nodes;
static void tree_call(void) { expect(peer->tree(tree_of) == tree_nodes, "tree"); }
static void tree(void) {
    if (!peer->tree) return;
    for (tree_of = 250;; tree_of *= 2) {
        tree_nodes = pool_serial.tree(tree_of);
        if (time_of(tree_call) >= LONG_ENOUGH_NS) break;
    }
    say("tree", least_ns(tree_call, NULL) / (double)tree_nodes);
}

static struct { size_t n; int *v; } sorted;
static void sort_fill(void) {
    for (size_t i = 0; i < sorted.n; i++) sorted.v[i] = (int)(pool_mix(i) >> 33);
}
static void sort_call(void) { peer->sort(sorted.v, sorted.n); }
static void sort(void) {
    sorted.n = 100000;
    sorted.v = (int *)malloc(sorted.n * sizeof *sorted.v);
    if (!sorted.v) abort();
    if (peer->sort) say("quicksort", least_ns(sort_call, sort_fill) / 1e6);
    for (size_t i = 1; peer->sort && i < sorted.n; i++) expect(sorted.v[i - 1] <= sorted.v[i], "sort");
    free(sorted.v);
}

enum { EDGE = 300 };
static double left_matrix[EDGE][EDGE], right_matrix[EDGE][EDGE], product[EDGE][EDGE];
static void rows(size_t begin, size_t end, void *arg) {
    (void)arg;
    memset(product[begin], 0, (end - begin) * sizeof product[0]);
    for (size_t i = begin; i < end; i++)
        for (size_t k = 0; k < EDGE; k++)
            for (size_t j = 0; j < EDGE; j++) product[i][j] += left_matrix[i][k] * right_matrix[k][j];
}
static void matrix_call(void) { peer->range(EDGE, rows, NULL); }
static void matrix(void) {
    for (int i = 0; i < EDGE; i++)
        for (int j = 0; j < EDGE; j++) {
            left_matrix[i][j] = i + j;
            right_matrix[i][j] = i == j ? 2 : 0;
        }
    if (peer->range) say("matrix", least_ns(matrix_call, NULL) / 1e6);
    for (int i = 0; peer->range && i < EDGE; i++) expect(product[i][0] > i * 2 - 0.5 && product[i][0] < i * 2 + 0.5, "matrix");
}

static struct { size_t n; int times; uint64_t *v; gokore_atomic_u64 sum; } summed;
static void sum_piece(size_t begin, size_t end, void *arg) {
    uint64_t sum = 0;
    (void)arg;
    for (size_t i = begin; i < end; i++) sum += summed.v[i];
    (void)gokore_atomic_fetch_add(&summed.sum, sum);
}
static void sum_call(void) {
    for (int i = 0; i < summed.times; i++) peer->range(summed.n, sum_piece, NULL);
}
static void sum_of(const char *figure, size_t n, int times, double unit) {
    summed.n = n;
    summed.times = times;
    summed.v = (uint64_t *)malloc(n * sizeof *summed.v);
    if (!summed.v) abort();
    for (size_t i = 0; i < n; i++) summed.v[i] = i;
    double ns = least_ns(sum_call, NULL);
    uint64_t each = (uint64_t)n * (n - 1) / 2;
    expect(gokore_atomic_load(&summed.sum) % each == 0 && gokore_atomic_load(&summed.sum) >= 2 * each, "sum");
    say(figure, ns / times / unit);
    free(summed.v);
}
static void sum(void) {
    if (peer->range) sum_of("sum80MB", 10000000, 3, 1e6);
}
static void small(void) {
    if (peer->range) sum_of("sum10000", 10000, 1000, 1e3);
}

static size_t how_many;
static void inside_call(void) { peer->inside(how_many); }
static void inside(void) {
    how_many = SLICE;
    if (peer->inside) say("inside", least_ns(inside_call, NULL) / (double)how_many);
}
static void outside_before(void) {
    if (peer->prepare) peer->prepare(how_many);
}
static void outside_call(void) {
    uint64_t all = ticks() + how_many;
    peer->flood(how_many);
    await(all);
}
static void outside(void) {
    how_many = SLICE;
    if (peer->flood) say("outside", least_ns(outside_call, outside_before) / (double)how_many);
}

// ---- how soon one task starts, and how soon it is known to have run
static struct { int64_t started_ns; sem_t done; } ping;
static void pinged(void *arg) {
    (void)arg;
    ping.started_ns = gokore_now_ns();
    if (sem_post(&ping.done) != 0) abort();
}
static void one_ping(void) {
    peer->submit(pinged, NULL);
    while (sem_wait(&ping.done) != 0) {}
}
static void ping_series(const char *start_figure, const char *trip_figure, const char *late_figure, int n, useconds_t gap_us) {
    static double start[PINGS_IN_A_ROW], trip[PINGS_IN_A_ROW];
    for (int i = 0; i < n; i++) {
        if (gap_us) (void)usleep(gap_us);
        int64_t begun = gokore_now_ns();
        one_ping();
        trip[i] = (double)(gokore_now_ns() - begun) / 1000;
        start[i] = (double)(ping.started_ns - begun) / 1000;
        if (peer->reap) peer->reap();
    }
    say(late_figure, bench_percentile(trip, (size_t)n, 99));
    say(start_figure, bench_median(start, (size_t)n));
    say(trip_figure, bench_median(trip, (size_t)n));
}
static void wake(void) {
    if (!peer->submit) return;
    ping_series("start0", "trip0", "trip0p99", PINGS_IN_A_ROW, 0);
    ping_series("start1ms", "trip1ms", "trip1msp99", PINGS, 1000);
}

static double cpu_ms(void) { // of this process
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}
static void idle(void) { // from 100 us after the last work on
    if (!peer->range && !peer->submit) return;
    if (peer->range) peer->range(EDGE, rows, NULL);
    if (!peer->range) one_ping();
    (void)usleep(100);
    double before = cpu_ms();
    int64_t start = gokore_now_ns();
    (void)usleep(500000);
    say("idle", (cpu_ms() - before) * 1e9 / (double)(gokore_now_ns() - start));
}

static void life(void) {
    double us[LIVES];
    if (!peer->submit || peer->stays) return;
    peer->end();
    for (int i = 0; i < LIVES; i++) {
        int64_t start = gokore_now_ns();
        peer->begin(workers);
        one_ping();
        if (peer->reap) peer->reap();
        peer->end();
        us[i] = (double)(gokore_now_ns() - start) / 1000;
    }
    say("life", bench_median(us, LIVES));
    peer->begin(workers);
}

// ---- memory, growth
static double resident(void) { // bytes
    unsigned long all = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu %lu", &all, &pages) != 2) pages = 0;
    if (f) (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}
static struct { sem_t begun, go; } held;
static void hold(void *arg) {
    (void)arg;
    if (sem_post(&held.begun) != 0) abort();
    while (sem_wait(&held.go) != 0) {}
}
static void memory(void) {
    enum { MANY = 64 };
    if (!peer->flood || peer->stays) return;
    peer->end();
    double before = resident();
    peer->begin(MANY);
    (void)usleep(20000);
    double grown = resident() - before;
    if (grown > 0) say("memory_worker", grown / MANY / 1024); // some start their threads later
    peer->end();
    peer->begin(1);
    peer->submit(hold, NULL);
    while (sem_wait(&held.begun) != 0) {}
    before = resident();
    if (peer->prepare) peer->prepare(WINDOW);
    uint64_t all = ticks() + WINDOW;
    peer->flood(WINDOW);
    say("memory_task", (resident() - before) / WINDOW);
    if (sem_post(&held.go) != 0) abort();
    await(all);
    peer->end();
    peer->begin(workers);
}
static void inside_windows(size_t n) {
    for (size_t left = n; left > 0; left -= how_many) {
        how_many = left < WINDOW ? left : WINDOW;
        peer->inside(how_many);
    }
}
static void outside_windows(size_t n) { // at most WINDOW are queued at once
    for (size_t left = n; left > 0; left -= how_many) {
        how_many = left < WINDOW ? left : WINDOW;
        outside_before();
        outside_call();
    }
}
static double per_task(void (*windows)(size_t n), size_t n) { // CPU ns: it takes long, and others' load is not to count
    size_t times = n < WINDOW ? WINDOW / n : 1;
    windows(n);
    double before = cpu_ms();
    for (size_t i = 0; i < times; i++) windows(n);
    return (cpu_ms() - before) * 1e6 / (double)(times * n);
}
static size_t most = 10000000;
static void growth(void) {
    char figure[32];
    for (size_t n = 1000; n <= most; n *= 10) {
        (void)snprintf(figure, sizeof figure, "growth_in_%zu", n);
        if (peer->inside) say(figure, per_task(inside_windows, n));
        (void)snprintf(figure, sizeof figure, "growth_out_%zu", n);
        if (peer->flood) say(figure, per_task(outside_windows, n));
    }
}

static void deque(void) {
    pool_deque_figures f;
    if (peer != &pool_gokore) return;
    pool_deque(&f);
    say("deque_pair", f.pair);
    say("deque_batch", f.batch);
    say("deque_steal", f.steal);
    say("published_pair", f.published_pair);
    say("published_batch", f.published_batch);
}

int main(int argc, char **argv) {
    const pool_peer *const peers[] = { &pool_serial, &pool_gokore, &pool_intrusive, &pool_mutex, &pool_semaphore,
                                       &pool_openmp, &pool_tbb,    &pool_glib,      &pool_uv };
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        { "fib", fib },       { "nqueens", queens }, { "tree", tree },       { "quicksort", sort }, { "matrix", matrix },
        { "sum", sum },       { "small", small },    { "inside", inside },   { "outside", outside }, { "wake", wake },
        { "idle", idle },     { "life", life },      { "memory", memory },   { "growth", growth },  { "deque", deque },
    };
    if (argc < 4) return 2;
    workers = (unsigned)strtoul(argv[3], NULL, 10);
    if (argc > 4) most = strtoull(argv[4], NULL, 10);
    if (sem_init(&ping.done, 0, 0) != 0 || sem_init(&held.begun, 0, 0) != 0 || sem_init(&held.go, 0, 0) != 0) return 1;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
        if (peers[i] && strcmp(peers[i]->name, argv[2]) == 0) peer = peers[i];
    for (size_t i = 0; peer && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(parts[i].name, argv[1]) != 0) continue;
        peer->begin(workers);
        parts[i].run();
        peer->end();
    }
    return 0;
}
