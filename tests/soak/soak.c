// soak.c - everything at once for as long as is asked: channels, select, locks, conditions, contexts, a pool that is scaled,
// threads that are frozen by signals. Each part keeps a ledger: what went in came out exactly once. A watch looks every second
// at memory, at progress, and at how evenly threads of a kind get on.
//   soak SECONDS [SEED]     exit status 1 when a ledger does not balance, memory grows, or nothing moves for a minute
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define GOKORE_IMPLEMENTATION
#include "../../gokore_channel.h"
#include "../../gokore_pool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MS = 1000000, PEERS = 3, STILL = 60 };

#define PATIENT (INT64_C(1000000) * MS)

typedef struct part { // PEERS threads of one kind
    const char *name;
    void *(*body)(void *);
    pthread_t threads[PEERS];
    gokore_atomic_u64 done[PEERS]; // rounds, by thread
    uint64_t seen[PEERS];          // by the watch
    unsigned still[PEERS];         // seconds without a round
} part;
typedef struct peer { part *part; int number; uint64_t random; } peer;

static uint64_t seed;
static gokore_atomic_bool stop;
static gokore_atomic_u64 wrong;

static uint64_t next(uint64_t *state) { // splitmix64
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static uint64_t mixed(uint64_t x) { return next(&x); }
static int below(peer *p, int n) { return (int)(next(&p->random) >> 33) % n; }
static bool going_on(peer *p) {
    (void)gokore_atomic_fetch_add_relaxed(&p->part->done[p->number], 1);
    return !gokore_atomic_load(&stop);
}
static void must(bool holds, const char *what) {
    if (holds) return;
    (void)gokore_atomic_fetch_add(&wrong, 1);
    fprintf(stderr, "soak: %s\n", what);
}

// ---- the ledger: how many, and the sum of their hashes; a lost or doubled item changes both, two that make up for it only one

typedef struct ledger { gokore_atomic_u64 in, out, in_sum, out_sum; } ledger;
static void enter(ledger *l, uint64_t item) {
    (void)gokore_atomic_fetch_add_relaxed(&l->in, 1);
    (void)gokore_atomic_fetch_add_relaxed(&l->in_sum, mixed(item));
}
static void leave(ledger *l, uint64_t item) {
    (void)gokore_atomic_fetch_add_relaxed(&l->out, 1);
    (void)gokore_atomic_fetch_add_relaxed(&l->out_sum, mixed(item));
}
static void balance(const char *name, ledger *l) {
    unsigned long long in = gokore_atomic_load(&l->in), out = gokore_atomic_load(&l->out);
    printf("ledger %-10s %llu in, %llu out\n", name, in, out);
    must(in == out && gokore_atomic_load(&l->in_sum) == gokore_atomic_load(&l->out_sum), "a ledger does not balance");
    must(in > 0, "a ledger is empty");
}

// ---- channels: one buffered, one without; who sends gives up at times; one receiver selects over both and a timer

static gokore_channel *wide, *narrow;
static ledger sent;

static void *send_items(void *arg) {
    peer *p = arg;
    uint64_t item = (uint64_t)p->number << 48;
    for (; going_on(p); item++) {
        gokore_context ctx;
        gokore_context_init_timeout(&ctx, NULL, below(p, 4) ? INT64_C(3600000) * MS : below(p, 2000) * 100);
        gokore_status s = gokore_channel_send(below(p, 4) ? wide : narrow, &item, &ctx);
        if (s == GOKORE_OK) enter(&sent, item);
        must(s == GOKORE_OK || s == GOKORE_TIMEOUT, "a send answers what it can't");
        gokore_context_deinit(&ctx);
    }
    return NULL;
}
static bool select_one(uint64_t *item, gokore_context *ctx) { // false: both are closed
    gokore_channel *timer;
    if (gokore_channel_after(&timer, 2 * MS) != GOKORE_OK) return true;
    int64_t due;
    gokore_select_case cases[] = { { wide, GOKORE_SELECT_RECV, item },
                                   { narrow, GOKORE_SELECT_RECV, item },
                                   { timer, GOKORE_SELECT_RECV, &due } };
    size_t chosen;
    gokore_status s = gokore_channel_select(cases, 3, ctx, &chosen);
    if (s == GOKORE_OK && chosen < 2) leave(&sent, *item);
    gokore_channel_destroy(timer);
    return s != GOKORE_CLOSED;
}
static void *receive_items(void *arg) { // until all is closed, so that nothing is left inside
    peer *p = arg;
    uint64_t item = 0;
    gokore_context ever;
    gokore_context_init(&ever, NULL);
    for (bool open = true; open;) {
        (void)going_on(p);
        gokore_status s = GOKORE_OK;
        if (p->number == 0)
            open = select_one(&item, &ever);
        else if ((s = gokore_channel_recv(p->number == 1 ? wide : narrow, &item, &ever)) == GOKORE_OK)
            leave(&sent, item);
        open = open && s == GOKORE_OK;
    }
    gokore_context_deinit(&ever);
    return NULL;
}

// ---- locks, over plain data

static gokore_mutex mutex;
static gokore_rwlock rwlock;
static gokore_semaphore permits;
static uint64_t by_mutex, by_rwlock, mirror; // mirror: written with by_rwlock
static gokore_atomic_u64 took_mutex, took_rwlock;
static gokore_atomic_i32 inside;

static void *lock_mutex(void *arg) {
    for (peer *p = arg; going_on(p);) {
        if (gokore_mutex_try_lock(&mutex, below(p, 3) ? PATIENT : below(p, 300) * 100) != GOKORE_OK) continue;
        by_mutex++;
        (void)gokore_atomic_fetch_add_relaxed(&took_mutex, 1);
        gokore_mutex_unlock(&mutex);
    }
    return NULL;
}
static void *lock_rwlock(void *arg) {
    for (peer *p = arg; going_on(p);) {
        if (below(p, 4)) {
            if (gokore_rwlock_try_read_lock(&rwlock, PATIENT) != GOKORE_OK) continue;
            must(by_rwlock == mirror, "a reader sees half of a write");
            gokore_rwlock_read_unlock(&rwlock);
        } else if (gokore_rwlock_try_write_lock(&rwlock, below(p, 300) * 1000) == GOKORE_OK) {
            by_rwlock++;
            (void)gokore_atomic_fetch_add_relaxed(&took_rwlock, 1);
            mirror++;
            gokore_rwlock_write_unlock(&rwlock);
        }
    }
    return NULL;
}
static void *take_permits(void *arg) { // two there are
    for (peer *p = arg; going_on(p);) {
        uint32_t n = 1 + (uint32_t)below(p, 2);
        int64_t patience = below(p, 2) ? PATIENT : below(p, 300) * 100;
        if (gokore_semaphore_try_acquire(&permits, n, patience) != GOKORE_OK) continue;
        must(gokore_atomic_fetch_add(&inside, (int32_t)n) + (int32_t)n <= 2, "more permits than there are");
        (void)gokore_atomic_fetch_sub(&inside, (int32_t)n);
        gokore_semaphore_release(&permits, n);
    }
    return NULL;
}

// ---- a condition: tokens in a bowl

static gokore_mutex bowl_lock;
static gokore_cond bowl_changed;
static uint64_t bowl;
static ledger tokens;
static void *pass_tokens(void *arg) { // 0 and 2 put one in, where fewer than four are; 1 takes two
    for (peer *p = arg; going_on(p);) {
        if (gokore_mutex_lock(&bowl_lock, NULL) != GOKORE_OK) continue;
        gokore_context ctx;
        gokore_context_init_timeout(&ctx, NULL, 20 * MS);
        bool takes = p->number == 1;
        while ((takes ? bowl < 2 : bowl >= 4) && gokore_cond_wait(&bowl_changed, &bowl_lock, &ctx) == GOKORE_OK) {}
        if (takes && bowl >= 2) bowl -= 2, leave(&tokens, 1), leave(&tokens, 1);
        if (!takes && bowl < 4) bowl++, enter(&tokens, 1);
        gokore_mutex_unlock(&bowl_lock);
        gokore_cond_broadcast(&bowl_changed);
        gokore_context_deinit(&ctx);
    }
    return NULL;
}

// ---- contexts: trees that are cancelled or expire, against one who waits

static void *wait_for_contexts(void *arg) {
    for (peer *p = arg; going_on(p);) {
        gokore_context root, child;
        gokore_context_init(&root, NULL);
        gokore_context_init_timeout(&child, &root, below(p, 500) * 1000);
        if (below(p, 2)) gokore_context_cancel(&root);
        gokore_status s = gokore_context_wait(&child);
        must(s == GOKORE_CANCELED || s == GOKORE_TIMEOUT, "a context ends with what it can't");
        gokore_context_deinit(&child);
        gokore_context_deinit(&root);
    }
    return NULL;
}

// ---- the pool: functions from outside, trees of tasks inside, more and fewer workers all the time

static gokore_pool *pool;
static ledger tasks;
static void run_task(gokore_worker *worker, void *arg) {
    (void)worker;
    leave(&tasks, (uint64_t)(uintptr_t)arg);
}
typedef struct tree { gokore_task task; int depth; gokore_atomic_u64 *leaves; } tree;
static void grow_tree(gokore_worker *worker, gokore_task *task) {
    tree *t = (tree *)task;
    if (t->depth == 0) {
        (void)gokore_atomic_fetch_add_relaxed(t->leaves, 1);
        return;
    }
    tree left = { GOKORE_TASK_INIT(grow_tree), t->depth - 1, t->leaves }, right = left;
    gokore_spawn(worker, &left.task);
    gokore_task_run(worker, &right.task);
    gokore_join(worker, &left.task);
}
static void *use_pool(void *arg) {
    uint64_t item = 0;
    for (peer *p = arg; going_on(p);) {
        gokore_atomic_u64 leaves = GOKORE_ATOMIC_INIT(0);
        tree t = { GOKORE_TASK_INIT(grow_tree), 1 + below(p, 6), &leaves };
        if (p->number == 0) {
            gokore_status s = gokore_pool_scale(pool, 1 + (unsigned)below(p, 3));
            must(s == GOKORE_OK || s == GOKORE_NO_MEMORY || s == GOKORE_SYSTEM, "scaling answers what it can't");
            (void)!gokore_sleep_ns(MS, NULL);
        } else if (p->number == 1) {
            must(gokore_pool_run(pool, &t.task, NULL) == GOKORE_OK, "a task that was not run");
            must(gokore_atomic_load(&leaves) == UINT64_C(1) << t.depth, "a tree without some of its leaves");
        } else {
            item++;
            if (gokore_pool_submit_fn(pool, run_task, (void *)(uintptr_t)item, NULL) == GOKORE_OK) enter(&tasks, item);
            if (item % 512 == 0) must(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK, "waiting for an idle pool");
        }
    }
    return NULL;
}

// ---- all of it

static part parts[] = {
    { .name = "send", .body = send_items },     { .name = "mutex", .body = lock_mutex },
    { .name = "rwlock", .body = lock_rwlock },  { .name = "semaphore", .body = take_permits },
    { .name = "cond", .body = pass_tokens },    { .name = "context", .body = wait_for_contexts },
    { .name = "pool", .body = use_pool },       { .name = "receive", .body = receive_items }, // ended by a close
};
enum { KINDS = sizeof parts / sizeof *parts };
static peer peers[KINDS][PEERS];

static void begin(part *t) {
    for (int i = 0; i < PEERS; i++) {
        peers[t - parts][i] = (peer) { t, i, seed ^ mixed((uint64_t)(t - parts) * 64 + (uint64_t)i) };
        if (pthread_create(&t->threads[i], NULL, t->body, &peers[t - parts][i]) != 0) exit(2);
    }
}
static void end(part *t) {
    for (int i = 0; i < PEERS; i++) (void)pthread_join(t->threads[i], NULL);
}
static void freeze(int number) { // whoever gets the signal stands still, with whatever it holds
    (void)number;
    struct timespec t = { 0, 3 * MS };
    (void)nanosleep(&t, NULL);
}
static size_t resident_kb(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    size_t all = 0, pages = 0;
    if (f && fscanf(f, "%zu %zu", &all, &pages) != 2) pages = 0;
    if (f) (void)fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}
static void watch_part(part *t, bool show) {
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < PEERS; i++) {
        uint64_t now = gokore_atomic_load_relaxed(&t->done[i]);
        t->still[i] = now == t->seen[i] ? t->still[i] + 1 : 0;
        t->seen[i] = now;
        if (now < least) least = now;
        if (now > most) most = now;
        if (t->still[i] < STILL) continue;
        fprintf(stderr, "soak: %s %d has not moved for %d s; seed %llu\n", t->name, i, STILL, (unsigned long long)seed);
        abort();
    }
    if (show) printf("  %-10s rounds by thread: least %llu, most %llu\n", t->name, (unsigned long long)least,
                     (unsigned long long)most);
}
static void watch(int seconds) {
    size_t early = 0, most = 0;
    uint64_t random = seed;
    for (int s = 1; s <= seconds; s++) {
        for (int i = 0; i < 10; i++) {
            (void)pthread_kill(parts[next(&random) % KINDS].threads[next(&random) % PEERS], SIGUSR1);
            (void)usleep(100000);
        }
        size_t now = resident_kb();
        if (s <= (seconds + 3) / 4 && now > early) early = now; // what it needs, by then
        if (now > most) most = now;
        bool show = s == seconds || s % 60 == 0;
        if (show) printf("%d s: %zu KiB, most %zu, in the first quarter %zu\n", s, now, most, early);
        for (size_t i = 0; i < KINDS; i++) watch_part(&parts[i], show);
        (void)fflush(stdout);
    }
    must(most <= early + early / 2 + 16384, "memory grows");
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 10;
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    printf("%s\nseed %llu\n", gokore_config(), (unsigned long long)seed);
    struct sigaction action = { .sa_handler = freeze };
    (void)sigaction(SIGUSR1, &action, NULL);
    gokore_semaphore_release(&permits, 2);
    if (gokore_channel_create(&wide, &(gokore_channel_desc) { .item_size = sizeof(uint64_t), .capacity = 8 }) != GOKORE_OK ||
        gokore_channel_create(&narrow, &(gokore_channel_desc) { .item_size = sizeof(uint64_t) }) != GOKORE_OK ||
        gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 2 }) != GOKORE_OK)
        return 2;
    for (size_t i = 0; i < KINDS; i++) begin(&parts[i]);
    watch(seconds);
    gokore_atomic_store(&stop, true);
    for (size_t i = 0; i + 1 < KINDS; i++) end(&parts[i]);
    (void)gokore_channel_close(wide);
    (void)gokore_channel_close(narrow);
    end(&parts[KINDS - 1]);
    uint64_t left = 0; // in the wide one, by whoever saw the other one closed
    while (gokore_channel_try_recv(wide, &left) == GOKORE_OK) leave(&sent, left);
    must(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK, "the pool's end");
    gokore_pool_destroy(pool);
    gokore_channel_destroy(wide);
    gokore_channel_destroy(narrow);
    for (; bowl > 0; bowl--) leave(&tokens, 1);
    balance("channels", &sent);
    balance("condition", &tokens);
    balance("pool", &tasks);
    must(by_mutex == gokore_atomic_load(&took_mutex), "the mutex let two in");
    must(by_rwlock == gokore_atomic_load(&took_rwlock) && mirror == by_rwlock, "the rwlock let two in");
    printf("%llu wrong\n", (unsigned long long)gokore_atomic_load(&wrong));
    return gokore_atomic_load(&wrong) != 0;
}
