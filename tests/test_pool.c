// test_pool.c - gokore_pool.h: the deque against a model and against thieves; the pool: every task exactly once
#include "support/threads.h"
#include "../gokore_pool.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BOUND_S 5 // how long a test waits for what must happen, where the wait would otherwise hang it

// ---- helpers

static void gap(uint64_t *state) { // nothing, a moment, or long enough for workers to fall asleep
    uint64_t x = test_random(state);
    if (x % 8 == 0)
        nap((long)(x >> 8) % 100000);
    else if (x % 8 < 6)
        spin((x >> 8) % 4000);
}

static bool comes_true(gokore_atomic_bool *flag) { // within BOUND_S
    int64_t end = gokore_now_ns() + (int64_t)BOUND_S * 1000 * MS;
    for (int i = 0; !gokore_atomic_load(flag); i++) {
        if (gokore_now_ns() > end) return false;
        if (i < 1000)
            (void)sched_yield();
        else
            nap(MS / 10);
    }
    return true;
}

static void nothing(void *p) { (void)p; }

static size_t threads_now(void) {
    static bool warm;
    if (!warm) test_on_thread(nothing, NULL); // a sanitizer starts one of its own with the first
    warm = true;
    size_t n = 0;
    DIR *d = TEST_EMSCRIPTEN ? NULL : opendir("/proc/self/task"); // of node there, whose threads come and go
    if (!d) return 1;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

// A place where tasks stay until it is opened.
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    bool open;
} gate;
#define GATE_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false }

static void gate_pass(gate *g) {
    (void)pthread_mutex_lock(&g->lock);
    g->inside++;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->open) (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_await(gate *g, unsigned inside) {
    (void)pthread_mutex_lock(&g->lock);
    while (g->inside < inside) (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
}

static void gate_open(gate *g) {
    (void)pthread_mutex_lock(&g->lock);
    g->open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

static gokore_pool *pool_of(unsigned workers) {
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = workers };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    return pool;
}

static void submit(gokore_pool *pool, gokore_task *task, gokore_context *ctx) {
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_submit(pool, task, ctx));
}

static void idle(gokore_pool *pool) { REQUIRE_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL)); }

static void run(gokore_pool *pool, gokore_task *task) { REQUIRE_STATUS(GOKORE_OK, gokore_pool_run(pool, task, NULL)); }

static gokore_pool_metrics metrics_of(gokore_pool *pool) {
    gokore_pool_metrics m;
    gokore_pool_get_metrics(pool, &m);
    return m;
}

// A task that counts what happens to it.
typedef struct job {
    gokore_task task;
    gokore_atomic_u32 ran, cancelled, why;
} job;

static void job_run(gokore_worker *w, gokore_task *task) {
    (void)w;
    (void)gokore_atomic_add(&((job *)task)->ran, 1);
}

static void job_nothing(gokore_worker *w, gokore_task *task) { (void)w, (void)task; }

static void job_cancelled(gokore_task *task, gokore_status why) {
    gokore_atomic_store(&((job *)task)->why, (uint32_t)why);
    (void)gokore_atomic_add(&((job *)task)->cancelled, 1);
}

static void job_init(job *j) {
    memset(j, 0, sizeof *j);
    gokore_task_init(&j->task, job_run);
    j->task.on_cancel = job_cancelled;
}

static void job_did(job *j, uint32_t ran, uint32_t cancelled, gokore_status why) {
    CHECK_UINT(ran, gokore_atomic_load(&j->ran));
    CHECK_UINT(cancelled, gokore_atomic_load(&j->cancelled));
    CHECK_STATUS(why, (gokore_status)gokore_atomic_load(&j->why));
}

static job *jobs_of(size_t n) {
    job *jobs = (job *)malloc(n * sizeof *jobs);
    REQUIRE(jobs != NULL);
    for (size_t i = 0; i < n; i++) job_init(&jobs[i]);
    return jobs;
}

// Keeps workers busy until its gate is opened.
typedef struct blocker {
    gokore_task task;
    gate gate;
} blocker;

static void blocker_run(gokore_worker *w, gokore_task *task) {
    (void)w;
    gate_pass(&((blocker *)task)->gate);
}
#define BLOCKER_INIT { .task = GOKORE_TASK_INIT(blocker_run), .gate = GATE_INIT }

static void block(gokore_pool *pool, blocker *b) { // one worker; returns when it is inside
    submit(pool, &b->task, NULL);
    gate_await(&b->gate, 1);
}

// ---- deque: one thread

static int cells[4096];

static void stolen(gokore_deque *d, const void *want) {
    void *got = cells;
    CHECK_INT(want ? GOKORE_STEAL_SUCCESS : GOKORE_STEAL_EMPTY, gokore_deque_steal(d, &got));
    CHECK_PTR(want, got);
}

TEST(deque, all_zero_memory_is_an_empty_deque) {
    static gokore_deque d;
    CHECK_UINT(0, gokore_deque_len(&d));
    CHECK_PTR(NULL, gokore_deque_pop(&d));
    stolen(&d, NULL);
    CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[1]));
    CHECK_UINT(1, gokore_deque_len(&d));
    CHECK_PTR(&cells[1], gokore_deque_pop(&d));
    CHECK_PTR(NULL, gokore_deque_pop(&d));
    gokore_deque_deinit(&d);
    static gokore_deque unused;
    gokore_deque_deinit(&unused);
}

TEST(deque, the_owner_takes_the_youngest) {
    gokore_deque d;
    REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, NULL));
    for (int i = 0; i < 1000; i++) CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[i]));
    CHECK_UINT(1000, gokore_deque_len(&d));
    for (int i = 999; i >= 0; i--) CHECK_PTR(&cells[i], gokore_deque_pop(&d));
    CHECK_PTR(NULL, gokore_deque_pop(&d));
    gokore_deque_deinit(&d);
}

TEST(deque, thieves_take_the_oldest) {
    gokore_deque d;
    REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, NULL));
    for (int i = 0; i < 1000; i++) CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[i]));
    for (int i = 0; i < 1000; i++) stolen(&d, &cells[i]);
    stolen(&d, NULL);
    CHECK_UINT(0, gokore_deque_len(&d));
    gokore_deque_deinit(&d);
}

TEST(deque, pop_and_steal_of_an_empty_one_leave_it_usable) {
    gokore_deque d;
    REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, &(gokore_deque_desc) { .capacity = 2 }));
    for (int i = 0; i < 5000; i++) {
        for (int k = 0; k < 3; k++) CHECK_PTR(NULL, gokore_deque_pop(&d));
        stolen(&d, NULL);
        CHECK_UINT(0, gokore_deque_len(&d));
        CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[i % 4096]));
        CHECK_UINT(1, gokore_deque_len(&d));
        if (i % 2)
            CHECK_PTR(&cells[i % 4096], gokore_deque_pop(&d));
        else
            stolen(&d, &cells[i % 4096]);
    }
    gokore_deque_deinit(&d);
}

TEST(deque, the_capacity_is_rounded_up_to_a_power_of_two_of_at_least_two) {
    static const size_t sizes[][2] = { { 0, 256 }, { 1, 2 },     { 2, 2 },     { 3, 4 },      { 4, 4 },     { 5, 8 },
                                       { 7, 8 },   { 255, 256 }, { 256, 256 }, { 257, 512 }, { 1000, 1024 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        test_allocator a = { .fail_from = 0 };
        gokore_deque_desc desc = { sizes[i][0], test_allocator_hooks(&a) };
        gokore_deque d;
        REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, &desc));
        uint64_t before = gokore_atomic_load(&a.calls);
        for (size_t n = 0; n < sizes[i][1]; n++) CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[n]));
        CHECK_UINT(before, gokore_atomic_load(&a.calls));
        CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, cells));
        CHECK_UINT(before + 1, gokore_atomic_load(&a.calls));
        gokore_deque_deinit(&d);
        CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    }
}

TEST(deque, a_capacity_beyond_two_to_the_thirty_is_invalid) {
    test_allocator a = { .fail_from = 1 };
    gokore_deque_desc desc = { ((size_t)1 << 30) + 1, test_allocator_hooks(&a) };
    gokore_deque d;
    CHECK_STATUS(GOKORE_INVALID, gokore_deque_init(&d, &desc));
    desc.capacity = SIZE_MAX;
    CHECK_STATUS(GOKORE_INVALID, gokore_deque_init(&d, &desc));
    CHECK_UINT(0, gokore_atomic_load(&a.calls));
    desc.capacity = (size_t)1 << 30; // allowed; there is no memory for it
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_deque_init(&d, &desc));
    CHECK_UINT(1, gokore_atomic_load(&a.calls));
}

TEST(deque, a_growth_that_fails_loses_nothing) {
    test_allocator a = { .fail_from = 0 };
    gokore_deque_desc desc = { 4, test_allocator_hooks(&a) };
    gokore_deque d;
    REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, &desc));
    a.fail_from = 1;
    for (int i = 0; i < 4; i++) CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[i]));
    for (int i = 0; i < 3; i++) CHECK_STATUS(GOKORE_NO_MEMORY, gokore_deque_push(&d, &cells[99]));
    CHECK_UINT(4, gokore_deque_len(&d));
    stolen(&d, &cells[0]);
    CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[4])); // there is room again
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_deque_push(&d, &cells[99]));
    CHECK_PTR(&cells[4], gokore_deque_pop(&d));
    CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[5]));
    a.fail_from = 0;
    CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[6]));
    static const int want[] = { 1, 2, 3, 5, 6 };
    for (size_t i = 0; i < 5; i++) stolen(&d, &cells[want[i]]);
    stolen(&d, NULL);
    gokore_deque_deinit(&d);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(deque, a_zeroed_one_grows_on_the_c_heap_and_one_that_got_no_memory_at_first_may_get_it_later) {
    test_allocator a = { .fail_from = 1 };
    gokore_deque d;
    memset(&d, 0, sizeof d);
    d.allocator_ = test_allocator_hooks(&a);
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_deque_push(&d, &cells[0]));
    CHECK_PTR(NULL, gokore_deque_pop(&d));
    stolen(&d, NULL);
    a.fail_from = 0;
    CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, &cells[0]));
    stolen(&d, &cells[0]);
    gokore_deque_deinit(&d);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(deque, pushes_pops_and_steals_do_what_a_model_does_through_every_growth) {
    uint64_t state = test_seed();
    for (int round = 0; round < 20; round++) {
        test_allocator a = { .fail_from = 0 };
        gokore_deque_desc desc = { 1 + test_random(&state) % 9, test_allocator_hooks(&a) };
        gokore_deque d;
        REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&d, &desc));
        size_t oldest = 0, next = 0; // the model: model[oldest .. next - 1] are inside
        static int *model[20000];
        for (size_t i = 0; i < 20000 / SLOW; i++) {
            uint64_t x = test_random(&state);
            unsigned pushes = 3 + 3 * ((unsigned)(i / 700) % 2); // it grows for a while, then shrinks
            if (x % 10 < pushes) {
                model[next] = &cells[(x >> 8) % 4096];
                CHECK_STATUS(GOKORE_OK, gokore_deque_push(&d, model[next++]));
            } else if (x % 10 % 2) {
                CHECK_PTR(next > oldest ? model[next - 1] : NULL, gokore_deque_pop(&d));
                if (next > oldest) next--;
            } else {
                stolen(&d, next > oldest ? model[oldest] : NULL);
                if (next > oldest) oldest++;
            }
            CHECK_UINT(next - oldest, gokore_deque_len(&d));
        }
        gokore_deque_deinit(&d);
        CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    }
}

// ---- deque: an owner and two thieves

enum { CONTEST_ITEMS = 1200000, CONTEST_THIEVES = 2 };
static gokore_atomic_u8 contest_taken[CONTEST_ITEMS];
static uint32_t contest_items[CONTEST_ITEMS]; // written by the owner before the push, read by whoever takes it

typedef struct contest {
    gokore_deque deque;
    gokore_atomic_bool over;
    gokore_atomic_u64 stolen;
} contest;

static uint32_t contest_take(void *item) { // counts it, gives its number
    uint32_t i = (uint32_t)((uint32_t *)item - contest_items);
    REQUIRE(i < CONTEST_ITEMS);
    CHECK_UINT(i ^ 0x5a5a5a5a, contest_items[i]);
    CHECK_UINT(0, gokore_atomic_fetch_add_relaxed(&contest_taken[i], 1));
    return i;
}

static void *contest_thief(void *p) {
    contest *c = (contest *)p;
    int64_t newest = -1;
    uint64_t taken = 0;
    for (;;) {
        bool over = gokore_atomic_load(&c->over);
        void *item = c;
        gokore_steal got = gokore_deque_steal(&c->deque, &item);
        if (got == GOKORE_STEAL_SUCCESS) {
            int64_t i = contest_take(item);
            CHECK(i > newest); // first in first out
            newest = i;
            taken++;
            continue;
        }
        CHECK_PTR(NULL, item);
        if (over && got == GOKORE_STEAL_EMPTY) break;
    }
    (void)gokore_atomic_add(&c->stolen, taken);
    return NULL;
}

// The owner pushes bursts and pops some or all of each. With burst 1 or 2 the last item is fought for all the time.
static void contest_run(uint64_t burst_max, uint32_t items, size_t capacity) {
    static uint32_t mine[CONTEST_ITEMS]; // a model: what was pushed and not seen again; older ones may be stolen
    size_t left = 0;
    static uint64_t runs;
    uint64_t state = test_seed() + burst_max + runs++;
    static contest c;
    memset(&c, 0, sizeof c);
    for (uint32_t i = 0; i < items; i++) gokore_atomic_store_relaxed(&contest_taken[i], 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_deque_init(&c.deque, &(gokore_deque_desc) { .capacity = capacity }));
    pthread_t thieves[CONTEST_THIEVES];
    for (int i = 0; i < CONTEST_THIEVES; i++) REQUIRE(pthread_create(&thieves[i], NULL, contest_thief, &c) == 0);
    uint64_t popped = 0;
    for (uint32_t next = 0; next < items;) {
        uint64_t burst = 1 + test_random(&state) % burst_max;
        for (uint64_t n = 0; n < burst && next < items; n++, next++) {
            contest_items[next] = next ^ 0x5a5a5a5a;
            CHECK_STATUS(GOKORE_OK, gokore_deque_push(&c.deque, &contest_items[next]));
            mine[left++] = next;
        }
        uint64_t pops = test_random(&state) % 4 ? burst : test_random(&state) % (burst + 2);
        for (uint64_t n = 0; n < pops; n++) {
            void *item = gokore_deque_pop(&c.deque);
            if (!item) {
                left = 0; // all stolen
                break;
            }
            REQUIRE(left > 0);
            CHECK_UINT(mine[--left], contest_take(item)); // last in first out
            popped++;
        }
    }
    gokore_atomic_store(&c.over, true);
    for (int i = 0; i < CONTEST_THIEVES; i++) (void)pthread_join(thieves[i], NULL);
    CHECK_PTR(NULL, gokore_deque_pop(&c.deque));
    for (uint32_t i = 0; i < items; i++) CHECK_UINT(1, gokore_atomic_load_relaxed(&contest_taken[i]));
    CHECK_UINT(items, popped + gokore_atomic_load(&c.stolen));
    gokore_deque_deinit(&c.deque);
}

TEST(deque, owner_and_thieves_take_each_item_once_when_they_meet_at_the_last_one) { contest_run(1, CONTEST_ITEMS / SLOW, 2); }

TEST(deque, owner_and_thieves_take_each_item_once_with_two_or_three_inside) { contest_run(3, CONTEST_ITEMS / SLOW, 2); }

TEST(deque, owner_and_thieves_take_each_item_once_while_it_grows) {
    for (int i = 0; i < 10; i++) contest_run(2000, CONTEST_ITEMS / 10 / SLOW, 1);
    for (int i = 0; i < 200 / SLOW; i++) contest_run(300, 3000, 1);
}

// ---- pool: create, destroy

TEST(pool, defaults_give_as_many_workers_as_the_container_may_use) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, NULL));
    gokore_container container;
    unsigned want = gokore_container_read(&container, NULL) == GOKORE_OK ? gokore_container_worker_count(&container, 0) : 1;
    CHECK_UINT(want, gokore_pool_worker_count(pool));
    CHECK(gokore_pool_worker_count(pool) >= 1);
    job j;
    job_init(&j);
    run(pool, &j.task);
    job_did(&j, 1, 0, GOKORE_OK);
    gokore_pool_destroy(pool);
    gokore_pool_destroy(NULL);
}

typedef struct visitor { // stays until all workers have one
    gokore_task task;
    gate *gate;
    gokore_pool *pool;
    gokore_atomic_u32 *seen; // per worker
    char name[17];
    bool takes_signals;
} visitor;

static void visitor_run(gokore_worker *w, gokore_task *task) {
    visitor *v = (visitor *)task;
    CHECK_PTR(v->pool, gokore_worker_pool(w));
    CHECK_PTR(NULL, gokore_worker_context(w));
    CHECK(gokore_worker_node(w) >= -1);
    CHECK(gokore_worker_load(w) == 0);
    unsigned i = gokore_worker_index(w);
    REQUIRE(i < gokore_pool_worker_count(v->pool));
    (void)gokore_atomic_add(&v->seen[i], 1);
    (void)prctl(PR_GET_NAME, v->name, 0, 0, 0);
    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE };
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) v->takes_signals |= !sigismember(&mask, numbers[k]);
    CHECK(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGABRT)); // its own
    gate_pass(v->gate);
}

static void every_worker_is_visited(const char *name, const char *prefix, unsigned workers) {
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = workers, .name = name }));
    CHECK_UINT(workers, gokore_pool_worker_count(pool));
    gate g = GATE_INIT;
    gokore_atomic_u32 seen[8] = { GOKORE_ATOMIC_INIT(0) };
    visitor v[8];
    for (unsigned i = 0; i < workers; i++) {
        v[i] = (visitor) { .task = GOKORE_TASK_INIT(visitor_run), .gate = &g, .pool = pool, .seen = seen };
        submit(pool, &v[i].task, NULL);
    }
    gate_await(&g, workers); // that many run at once
    gate_open(&g);
    idle(pool);
    for (unsigned i = 0; i < workers; i++) {
        CHECK_UINT(1, gokore_atomic_load(&seen[i]));
        CHECK(strncmp(prefix, v[i].name, strlen(prefix)) == 0);
        CHECK(!v[i].takes_signals);
    }
    gokore_pool_destroy(pool);
}

TEST(pool, each_worker_has_an_index_a_name_and_takes_only_its_own_signals) {
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    every_worker_is_visited(NULL, "gokore-", 1);
    every_worker_is_visited("io", "io-", 2);
    every_worker_is_visited("abcdefghijklmnop", "abcdefghij-", 8); // the first ten bytes
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++) CHECK_INT(sigismember(&before, i), sigismember(&after, i));
}

static void refused(gokore_status want, gokore_pool_desc desc) { // want GOKORE_OK: any failure
    test_allocator a = { .fail_from = 0 };
    desc.allocator = test_allocator_hooks(&a);
    size_t threads = threads_now();
    gokore_pool *pool = (gokore_pool *)(void *)&a;
    gokore_status got = gokore_pool_create(&pool, &desc);
    CHECK(got != GOKORE_OK);
    if (want != GOKORE_OK) CHECK_STATUS(want, got);
    CHECK_PTR(NULL, pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    for (int i = 0; i < 1000 && threads_now() != threads; i++) nap(MS); // what was joined may still be listed
    CHECK_UINT(threads, threads_now());
}

TEST(pool, a_desc_that_asks_for_the_impossible_is_invalid) {
    refused(GOKORE_INVALID, (gokore_pool_desc) { .workers = 1025 });
    refused(GOKORE_INVALID, (gokore_pool_desc) { .workers = UINT32_MAX });
    refused(GOKORE_INVALID, (gokore_pool_desc) { .workers = 1, .qos = (gokore_qos)4 });
    refused(GOKORE_INVALID, (gokore_pool_desc) { .workers = 1, .qos = (gokore_qos)UINT32_MAX });
}

TEST(pool, threads_that_cannot_be_started_leave_nothing_behind) {
    if (TEST_EMSCRIPTEN) test_skip("Emscripten's pthread_create does not look whether it got memory for the stack");
    refused(GOKORE_INVALID, (gokore_pool_desc) { .workers = 2, .stack_size = 1 });
    refused(GOKORE_OK, (gokore_pool_desc) { .workers = 2, .stack_size = SIZE_MAX / 16 });
    refused(GOKORE_OK, (gokore_pool_desc) { .workers = 2, .stack_size = SIZE_MAX / 2 });
}

TEST(pool, one_thread_that_cannot_be_started_ends_those_that_were) {
#if SLOW > 1
    test_skip("a sanitizer needs the address space that this test takes away");
#else
    size_t pages = 0, stack = (size_t)256 << 20;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%zu", &pages) != 1) test_skip("no /proc/self/statm");
    (void)fclose(f);
    struct rlimit before, little;
    REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    little = before;
    little.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + stack * 5 / 2; // for two of eight
    REQUIRE(setrlimit(RLIMIT_AS, &little) == 0);
    refused(GOKORE_SYSTEM, (gokore_pool_desc) { .workers = 8, .stack_size = stack });
    REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
    gokore_pool_destroy(pool_of(8));
#endif
}

TEST(pool, create_survives_each_allocation_that_fails_in_turn) {
    size_t threads = threads_now();
    for (uint64_t nth = 1;; nth++) {
        REQUIRE(nth < 100);
        test_allocator a = { .fail_from = nth };
        gokore_pool *pool = (gokore_pool *)(void *)&a;
        gokore_pool_desc desc = { .workers = 3, .allocator = test_allocator_hooks(&a) };
        gokore_status status = gokore_pool_create(&pool, &desc);
        if (status == GOKORE_OK) {
            CHECK(nth > 3);
            job j;
            job_init(&j);
            run(pool, &j.task);
            gokore_pool_destroy(pool);
            CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
            break;
        }
        CHECK_STATUS(GOKORE_NO_MEMORY, status);
        CHECK_PTR(NULL, pool);
        CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    }
    for (int i = 0; i < 1000 && threads_now() != threads; i++) nap(MS);
    CHECK_UINT(threads, threads_now());
}

TEST(pool, workers_live_on_the_preferred_node) {
    test_only_with("NUMA=1");
    int nodes[64];
    const gokore_topology *t = gokore_topology_default();
    size_t n = t ? gokore_topology_node_ids(t, nodes, 64) : 0;
    if (n == 0) test_skip("no topology here");
    static const int nowhere[] = { 12345 };
    gokore_numa_policy missing = { .required = true, .preferred_nodes = nowhere, .preferred_node_count = 1 };
    refused(GOKORE_NOT_FOUND, (gokore_pool_desc) { .workers = 2, .numa = missing });
    missing.required = false;
    gokore_pool *pool = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 2, .numa = missing }));
    gokore_pool_destroy(pool);
    size_t home = 0; // the first node with CPUs that this process may use
    while (home < n && gokore_topology_cpus(t, nodes[home], NULL, 0) == 0) home++;
    if (home == n) test_skip("no node with CPUs");
    for (int pin = 0; pin < 2; pin++) {
        gokore_numa_policy here = { .required = true, .preferred_nodes = &nodes[home], .preferred_node_count = 1 };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 2, .numa = here, .pin = pin }));
        job j;
        job_init(&j);
        run(pool, &j.task);
        job_did(&j, 1, 0, GOKORE_OK);
        gokore_pool_destroy(pool);
    }
}

// ---- submitting

TEST(pool, what_is_submitted_runs_once_and_submitting_allocates_nothing) {
    for (unsigned workers = 1; workers <= 8; workers = workers * 3 - 1) { // 1, 2, 5
        test_allocator a = { .fail_from = 0 };
        gokore_pool *pool = NULL;
        gokore_pool_desc desc = { .workers = workers, .allocator = test_allocator_hooks(&a) };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
        uint64_t calls = gokore_atomic_load(&a.calls);
        enum { N = 5000 };
        job *jobs = jobs_of(N);
        for (int i = 0; i < N; i++) submit(pool, &jobs[i].task, NULL);
        idle(pool);
        for (int i = 0; i < N; i++) job_did(&jobs[i], 1, 0, GOKORE_OK);
        CHECK_UINT(calls, gokore_atomic_load(&a.calls));
        CHECK_UINT(N, metrics_of(pool).executed);
        free(jobs);
        gokore_pool_destroy(pool);
        CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    }
}

TEST(pool, submit_many_takes_all_or_none) {
    gokore_pool *pool = pool_of(2);
    enum { N = 300 };
    job *jobs = jobs_of(N);
    gokore_task *tasks[N];
    for (int i = 0; i < N; i++) tasks[i] = &jobs[i].task;
    CHECK_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, tasks, 0, NULL));
    tasks[N - 1] = NULL;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit_many(pool, tasks, N, NULL));
    tasks[N - 1] = &jobs[N - 1].task;
    jobs[N / 2].task.fn = NULL;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit_many(pool, tasks, N, NULL));
    jobs[N / 2].task.fn = job_run;
    jobs[N - 1].task.qos = (gokore_qos)4;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit_many(pool, tasks, N, NULL));
    jobs[N - 1].task.qos = GOKORE_QOS_DEFAULT;
    idle(pool);
    for (int i = 0; i < N; i++) job_did(&jobs[i], 0, 0, GOKORE_OK);
    CHECK_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, tasks, N, NULL));
    idle(pool);
    for (int i = 0; i < N; i++) job_did(&jobs[i], 1, 0, GOKORE_OK);
    CHECK_UINT(N, metrics_of(pool).executed);
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_submit_many(pool, tasks, N, NULL));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_submit_many(pool, tasks, 0, NULL));
    for (int i = 0; i < N; i++) job_did(&jobs[i], 1, 0, GOKORE_OK);
    gokore_pool_destroy(pool);
    free(jobs);
}

TEST(pool, a_task_without_function_or_of_no_class_is_invalid) {
    gokore_pool *pool = pool_of(1);
    job j;
    job_init(&j);
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit(pool, NULL, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_run(pool, NULL, NULL));
    j.task.fn = NULL;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit(pool, &j.task, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_run(pool, &j.task, NULL));
    j.task.fn = job_run;
    j.task.qos = (gokore_qos)4;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_submit(pool, &j.task, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_run(pool, &j.task, NULL));
    idle(pool);
    job_did(&j, 0, 0, GOKORE_OK);
    gokore_pool_destroy(pool);
}

static void count_call(gokore_worker *w, void *arg) {
    CHECK(gokore_worker_pool(w) != NULL);
    (void)gokore_atomic_add((gokore_atomic_u32 *)arg, 1);
}

TEST(pool, submit_fn_calls_the_function_and_frees_what_it_allocated) {
    test_allocator a = { .fail_from = 0 };
    gokore_pool *pool = NULL;
    gokore_pool_desc desc = { .workers = 2, .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
    int64_t blocks = gokore_atomic_load(&a.live_blocks);
    gokore_atomic_u32 calls = GOKORE_ATOMIC_INIT(0);
    for (int i = 0; i < 1000; i++) CHECK_STATUS(GOKORE_OK, gokore_pool_submit_fn(pool, count_call, &calls, NULL));
    idle(pool);
    CHECK_UINT(1000, gokore_atomic_load(&calls));
    CHECK_INT(blocks, gokore_atomic_load(&a.live_blocks));
    gokore_context ctx; // the context ends first: not called, and counted
    gokore_context_init(&ctx, NULL);
    gokore_context_cancel(&ctx);
    for (int i = 0; i < 10; i++) CHECK_STATUS(GOKORE_OK, gokore_pool_submit_fn(pool, count_call, &calls, &ctx));
    idle(pool);
    CHECK_UINT(1000, gokore_atomic_load(&calls));
    CHECK_UINT(10, metrics_of(pool).context_cancels);
    CHECK_INT(blocks, gokore_atomic_load(&a.live_blocks));
    a.fail_from = 1;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_pool_submit_fn(pool, count_call, &calls, NULL));
    a.fail_from = 0;
    idle(pool);
    blocker b[2] = { BLOCKER_INIT, BLOCKER_INIT };
    for (int i = 0; i < 2; i++) block(pool, &b[i]);
    for (int i = 0; i < 10; i++) CHECK_STATUS(GOKORE_OK, gokore_pool_submit_fn(pool, count_call, &calls, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0)); // they are cancelled
    CHECK_INT(blocks, gokore_atomic_load(&a.live_blocks));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_submit_fn(pool, count_call, &calls, NULL));
    CHECK_INT(blocks, gokore_atomic_load(&a.live_blocks));
    for (int i = 0; i < 2; i++) gate_open(&b[i].gate);
    gokore_pool_destroy(pool);
    CHECK_UINT(1000, gokore_atomic_load(&calls));
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

// ---- run

typedef struct square { // writes a plain result
    gokore_task task;
    uint64_t n, result;
} square;

static void square_run(gokore_worker *w, gokore_task *task) {
    square *s = (square *)task;
    (void)w;
    s->result = s->n * s->n;
}

static void *square_from_outside(void *p) {
    for (uint64_t i = 1; i <= 3000 / SLOW; i++) {
        square s = { .task = GOKORE_TASK_INIT(square_run), .n = i };
        run((gokore_pool *)p, &s.task);
        CHECK_UINT(i * i, s.result);
    }
    return NULL;
}

TEST(pool, run_returns_when_the_result_is_there_also_to_several_threads_at_once) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        gokore_pool *pool = pool_of(workers);
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, square_from_outside, pool) == 0);
        for (int i = 0; i < 3; i++) (void)pthread_join(threads[i], NULL);
        CHECK_UINT(3 * (3000 / SLOW), metrics_of(pool).executed);
        gokore_pool_destroy(pool);
    }
}

typedef struct nested { // runs others from inside its own worker
    gokore_task task;
    gokore_pool *pool;
    gokore_context *ctx, *over;
    unsigned depth;
    unsigned index;
    gokore_context *context_seen;
    bool ran;
} nested;

static void nested_run(gokore_worker *w, gokore_task *task) {
    nested *n = (nested *)task;
    n->ran = true;
    n->index = gokore_worker_index(w);
    n->context_seen = gokore_worker_context(w);
    if (n->depth == 0) return;
    gokore_context ctx;
    gokore_context_init(&ctx, NULL);
    nested inner = { .task = GOKORE_TASK_INIT(nested_run), .pool = n->pool, .over = n->over, .depth = n->depth - 1 };
    CHECK_STATUS(GOKORE_OK, gokore_pool_run(n->pool, &inner.task, &ctx));
    CHECK(inner.ran);
    CHECK_UINT(n->index, inner.index); // in place
    CHECK_PTR(&ctx, inner.context_seen);
    CHECK_PTR(n->context_seen, gokore_worker_context(w)); // as it was
    gokore_context_deinit(&ctx);
    inner = (nested) { .task = GOKORE_TASK_INIT(nested_run), .pool = n->pool, .depth = 0, .context_seen = &ctx };
    CHECK_STATUS(GOKORE_OK, gokore_pool_run(n->pool, &inner.task, NULL));
    CHECK_PTR(NULL, inner.context_seen);
    job j;
    job_init(&j);
    CHECK_STATUS(GOKORE_CANCELED, gokore_pool_run(n->pool, &j.task, n->over));
    job_did(&j, 0, 1, GOKORE_CANCELED);
}

TEST(pool, run_from_its_own_worker_runs_in_place) {
    gokore_pool *pool = pool_of(1); // with one worker anything else would hang
    gokore_context over, ctx;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    gokore_context_init(&ctx, NULL);
    nested n = { .task = GOKORE_TASK_INIT(nested_run), .pool = pool, .over = &over, .depth = 20 };
    CHECK_STATUS(GOKORE_OK, gokore_pool_run(pool, &n.task, &ctx));
    CHECK_PTR(&ctx, n.context_seen);
    CHECK_UINT(1 + 2 * 20, metrics_of(pool).executed);
    CHECK_UINT(20, metrics_of(pool).context_cancels);
    gokore_pool_destroy(pool);
}

typedef struct across { // runs on one pool, calls another
    gokore_task task;
    gokore_pool *other;
} across;

static void across_run(gokore_worker *w, gokore_task *task) {
    across *a = (across *)task;
    CHECK(gokore_worker_pool(w) != a->other);
    square s = { .task = GOKORE_TASK_INIT(square_run), .n = 12 };
    run(a->other, &s.task);
    CHECK_UINT(144, s.result);
    CHECK_STATUS(GOKORE_OK, gokore_pool_wait_idle(a->other, NULL)); // INVALID is for its own workers
}

TEST(pool, a_worker_may_run_and_wait_on_another_pool) {
    gokore_pool *pool = pool_of(1), *other = pool_of(1);
    across a = { .task = GOKORE_TASK_INIT(across_run), .other = other };
    run(pool, &a.task);
    gokore_pool_destroy(other);
    gokore_pool_destroy(pool);
}

TEST(pool, run_says_why_its_task_was_not_run) {
    gokore_pool *pool = pool_of(1);
    gokore_context cancelled, expired;
    gokore_context_init(&cancelled, NULL);
    gokore_context_cancel(&cancelled);
    gokore_context_init_timeout(&expired, NULL, 0);
    job j;
    job_init(&j);
    CHECK_STATUS(GOKORE_CANCELED, gokore_pool_run(pool, &j.task, &cancelled));
    job_did(&j, 0, 1, GOKORE_CANCELED);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_run(pool, &j.task, &expired));
    job_did(&j, 0, 2, GOKORE_TIMEOUT);
    CHECK_UINT(2, metrics_of(pool).context_cancels);
    CHECK_UINT(0, metrics_of(pool).executed);
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_run(pool, &j.task, NULL));
    job_did(&j, 0, 2, GOKORE_TIMEOUT);
    gokore_pool_destroy(pool);
    pool = pool_of(1); // and the task is the caller's again
    run(pool, &j.task);
    job_did(&j, 1, 2, GOKORE_TIMEOUT);
    gokore_pool_destroy(pool);
}

typedef struct runner { // a thread in gokore_pool_run
    gokore_pool *pool;
    job job;
    gokore_status status;
    gokore_atomic_i64 tid;
} runner;

static void *runner_main(void *p) {
    runner *r = (runner *)p;
    gokore_atomic_store(&r->tid, thread_id());
    r->status = gokore_pool_run(r->pool, &r->job.task, NULL);
    return NULL;
}

TEST(pool, run_returns_shutdown_when_its_task_is_cancelled_by_a_shutdown) {
    for (int destroy = 0; destroy < 2; destroy++) {
        gokore_pool *pool = pool_of(1);
        blocker b = BLOCKER_INIT;
        block(pool, &b);
        runner r = { .pool = pool };
        job_init(&r.job);
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, runner_main, &r) == 0);
        while (metrics_of(pool).queue_depth == 0) nap(MS / 10);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
        (void)pthread_join(thread, NULL);
        CHECK_STATUS(GOKORE_SHUTDOWN, r.status);
        job_did(&r.job, 0, 1, GOKORE_SHUTDOWN);
        gate_open(&b.gate);
        if (destroy) idle(pool);
        gokore_pool_destroy(pool);
    }
}

// ---- contexts

TEST(pool, a_task_whose_context_is_over_before_it_starts_is_cancelled_instead) {
    gokore_pool *pool = pool_of(1);
    gokore_context parent, child, expiring, live;
    gokore_context_init(&parent, NULL);
    gokore_context_init(&child, &parent);
    gokore_context_init_timeout(&expiring, NULL, MS);
    gokore_context_init(&live, NULL);
    blocker b = BLOCKER_INIT;
    block(pool, &b);
    job j[8];
    for (int i = 0; i < 8; i++) job_init(&j[i]);
    submit(pool, &j[0].task, &parent);
    submit(pool, &j[1].task, &child);
    submit(pool, &j[2].task, &expiring);
    submit(pool, &j[3].task, &live);
    j[4].task.on_cancel = NULL;
    submit(pool, &j[4].task, &parent);
    CHECK_UINT(5, metrics_of(pool).queue_depth);
    gokore_context_cancel(&parent); // while they are queued
    gokore_context_cancel(&parent);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&expiring));
    submit(pool, &j[5].task, &child); // over already
    submit(pool, &j[6].task, &expiring);
    submit(pool, &j[7].task, NULL);
    gate_open(&b.gate);
    idle(pool);
    job_did(&j[0], 0, 1, GOKORE_CANCELED);
    job_did(&j[1], 0, 1, GOKORE_CANCELED);
    job_did(&j[2], 0, 1, GOKORE_TIMEOUT);
    job_did(&j[3], 1, 0, GOKORE_OK);
    job_did(&j[4], 0, 0, GOKORE_OK); // nothing to call
    job_did(&j[5], 0, 1, GOKORE_CANCELED);
    job_did(&j[6], 0, 1, GOKORE_TIMEOUT);
    job_did(&j[7], 1, 0, GOKORE_OK);
    gokore_pool_metrics m = metrics_of(pool);
    CHECK_UINT(6, m.context_cancels);
    CHECK_UINT(3, m.executed);
    CHECK_UINT(0, m.queue_depth);
    gokore_pool_destroy(pool);
    gokore_context_deinit(&child);
    gokore_context_deinit(&parent);
    gokore_context_deinit(&expiring);
    gokore_context_deinit(&live);
}

// A tree of spawned tasks that looks at its context everywhere, while others with another context run between.
typedef struct branch {
    gokore_task task;
    gokore_context *ctx;
    unsigned depth;
    bool cancels; // the root cancels its own context in the middle
    gokore_atomic_u32 *ran;
} branch;

static void branch_run(gokore_worker *w, gokore_task *task) {
    branch *b = (branch *)task;
    CHECK_PTR(b->ctx, gokore_worker_context(w));
    (void)gokore_atomic_add(b->ran, 1);
    if (b->cancels) gokore_context_cancel(b->ctx);
    if (b->depth == 0) return;
    branch below[2];
    for (int i = 0; i < 2; i++) {
        below[i] = (branch) { .task = GOKORE_TASK_INIT(branch_run), .ctx = b->ctx, .depth = b->depth - 1, .ran = b->ran };
        gokore_spawn(w, &below[i].task);
        CHECK_PTR(b->ctx, gokore_worker_context(w));
    }
    for (int i = 1; i >= 0; i--) {
        gokore_join(w, &below[i].task);
        CHECK_PTR(b->ctx, gokore_worker_context(w));
    }
}

TEST(pool, spawned_tasks_inherit_the_context_and_run_even_when_it_is_over) {
    for (unsigned workers = 1; workers <= 4; workers++) {
        gokore_pool *pool = pool_of(workers);
        enum { TREES = 4, DEPTH = 9 };
        gokore_context ctx[TREES];
        gokore_atomic_u32 ran[TREES];
        branch root[TREES];
        for (int i = 0; i < TREES; i++) {
            gokore_context_init(&ctx[i], NULL);
            gokore_atomic_store(&ran[i], 0);
            root[i] = (branch) { .task = GOKORE_TASK_INIT(branch_run), .ctx = i == 3 ? NULL : &ctx[i], .depth = DEPTH,
                                .ran = &ran[i] };
            root[i].cancels = i == 1;
        }
        for (int i = 0; i < TREES; i++) submit(pool, &root[i].task, root[i].ctx);
        idle(pool);
        for (int i = 0; i < TREES; i++) CHECK_UINT((1u << (DEPTH + 1)) - 1, gokore_atomic_load(&ran[i]));
        CHECK_UINT(TREES * ((1u << (DEPTH + 1)) - 1), metrics_of(pool).executed);
        CHECK_UINT(0, metrics_of(pool).context_cancels);
        gokore_pool_destroy(pool);
        for (int i = 0; i < TREES; i++) gokore_context_deinit(&ctx[i]);
    }
}

// ---- whose memory it is

static void freed_run(gokore_worker *w, gokore_task *task) {
    (void)w;
    memset(task, 0xdd, sizeof(job));
    free(task);
}

static void freed_cancelled(gokore_task *task, gokore_status why) {
    (void)why;
    memset(task, 0xdd, sizeof(job));
    free(task);
}

TEST(pool, a_task_may_be_freed_from_its_own_function_or_on_cancel) {
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    for (unsigned workers = 1; workers <= 2; workers++) {
        gokore_pool *pool = pool_of(workers);
        blocker b[2] = { BLOCKER_INIT, BLOCKER_INIT };
        for (int i = 0; i < 4000; i++) {
            if (i == 3000) { // the last ones are cancelled by the shutdown
                idle(pool);
                for (unsigned k = 0; k < workers; k++) block(pool, &b[k]);
            }
            job *j = jobs_of(1);
            j->task.fn = freed_run;
            j->task.on_cancel = freed_cancelled;
            submit(pool, &j->task, i % 3 ? NULL : &over);
        }
        if (workers == 1) CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
        for (unsigned k = 0; k < workers; k++) gate_open(&b[k].gate);
        gokore_pool_destroy(pool);
    }
}

typedef struct again { // submits itself
    gokore_task task;
    gokore_pool *pool;
    gokore_atomic_u32 left, ran, cancelled, refused;
} again;

static void again_submit(again *a, gokore_context *ctx) {
    gokore_status status = gokore_pool_submit(a->pool, &a->task, ctx); // from here on it may run elsewhere
    if (status == GOKORE_OK) return;
    CHECK_STATUS(GOKORE_SHUTDOWN, status);
    (void)gokore_atomic_add(&a->refused, 1);
}

static void again_run(gokore_worker *w, gokore_task *task) {
    again *a = (again *)task;
    (void)w;
    (void)gokore_atomic_add(&a->ran, 1);
    if (gokore_atomic_fetch_sub(&a->left, 1) > 1) again_submit(a, NULL);
}

static void again_cancelled(gokore_task *task, gokore_status why) {
    again *a = (again *)task;
    (void)why;
    (void)gokore_atomic_add(&a->cancelled, 1);
    again_submit(a, NULL);
}

TEST(pool, a_task_may_be_submitted_again_from_its_own_function_or_on_cancel) {
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    for (unsigned workers = 1; workers <= 3; workers++) {
        gokore_pool *pool = pool_of(workers);
        again a[3];
        for (int i = 0; i < 3; i++) {
            a[i] = (again) { .task = GOKORE_TASK_INIT(again_run), .pool = pool, .left = GOKORE_ATOMIC_INIT(3000) };
            a[i].task.on_cancel = again_cancelled;
            submit(pool, &a[i].task, i ? NULL : &over);
        }
        idle(pool); // not before the last of them
        for (int i = 0; i < 3; i++) {
            CHECK_UINT(3000, gokore_atomic_load(&a[i].ran));
            CHECK_UINT(i ? 0 : 1, gokore_atomic_load(&a[i].cancelled));
        }
        CHECK_UINT(9000, metrics_of(pool).executed);
        CHECK_UINT(1, metrics_of(pool).context_cancels);
        gokore_pool_destroy(pool);
    }
}

TEST(pool, on_cancel_during_a_shutdown_may_submit_and_is_refused) {
    gokore_pool *pool = pool_of(1);
    blocker b = BLOCKER_INIT;
    block(pool, &b);
    again a[10];
    for (int i = 0; i < 10; i++) {
        a[i] = (again) { .task = GOKORE_TASK_INIT(again_run), .pool = pool };
        a[i].task.on_cancel = again_cancelled;
        submit(pool, &a[i].task, NULL);
    }
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
    for (int i = 0; i < 10; i++) {
        CHECK_UINT(1, gokore_atomic_load(&a[i].cancelled));
        CHECK_UINT(1, gokore_atomic_load(&a[i].refused));
        CHECK_UINT(0, gokore_atomic_load(&a[i].ran));
    }
    gate_open(&b.gate);
    gokore_pool_destroy(pool);
}

// ---- spawn and join

typedef struct fib {
    gokore_task task;
    int n;
    long result;
} fib;

static void fib_run(gokore_worker *w, gokore_task *task) {
    fib *f = (fib *)task;
    if (f->n < 2) {
        f->result = f->n;
        return;
    }
    fib a = { .task = GOKORE_TASK_INIT(fib_run), .n = f->n - 1 };
    fib b = { .task = GOKORE_TASK_INIT(fib_run), .n = f->n - 2 };
    gokore_spawn(w, &a.task);
    fib_run(w, &b.task);
    gokore_join(w, &a.task);
    f->result = a.result + b.result;
}

TEST(pool, fib_is_right_and_every_spawn_is_counted_with_one_two_and_eight_workers) {
    static const long fibs[] = { 0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765 };
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        uint64_t executed = 0;
        for (int round = 0; round < 5; round++)
            for (int n = 0; n <= (SLOW > 2 ? 14 : 20); n++) {
                fib f = { .task = GOKORE_TASK_INIT(fib_run), .n = n };
                run(pool, &f.task);
                CHECK_INT(fibs[n], f.result);
                executed += n < 2 ? 1 : (uint64_t)fibs[n + 1 > 20 ? 20 : n + 1]; // spawns: fib(n + 1) - 1
                if (n == 20) executed += 10946 - 6765;
            }
        idle(pool);
        gokore_pool_metrics m = metrics_of(pool);
        CHECK_UINT(executed, m.executed);
        CHECK(m.steal_successes <= m.steal_attempts);
        if (workers == 1) CHECK_UINT(0, m.steal_attempts);
        uint64_t sum = 0, attempts = 0, successes = 0;
        for (unsigned i = 0; i < workers; i++) {
            gokore_worker_metrics one;
            CHECK_STATUS(GOKORE_OK, gokore_pool_worker_metrics(pool, i, &one));
            sum += one.executed;
            attempts += one.steal_attempts;
            successes += one.steal_successes;
        }
        CHECK_UINT(m.executed, sum);
        CHECK_UINT(m.steal_attempts, attempts);
        CHECK_UINT(m.steal_successes, successes);
        gokore_worker_metrics none;
        CHECK(gokore_pool_worker_metrics(pool, workers, &none) != GOKORE_OK);
        gokore_pool_destroy(pool);
    }
}

typedef struct flood { // spawns many before it joins
    gokore_task task;
    job *jobs;
    size_t n;
    double highest_load, lowest_load;
} flood;

static void flood_run(gokore_worker *w, gokore_task *task) {
    flood *f = (flood *)task;
    for (size_t i = 0; i < f->n; i++) {
        gokore_spawn(w, &f->jobs[i].task);
        double load = gokore_worker_load(w);
        if (load > f->highest_load) f->highest_load = load;
        if (load < f->lowest_load) f->lowest_load = load;
    }
    for (size_t i = f->n; i-- > 0;) {
        gokore_join(w, &f->jobs[i].task);
        CHECK_UINT(1, gokore_atomic_load(&f->jobs[i].ran));
    }
}

TEST(pool, ten_thousand_spawns_before_the_first_join_run_once_each) {
    enum { N = 10000 };
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        test_reports_capture();
        for (int round = 0; round < 3; round++) {
            flood f = { .task = GOKORE_TASK_INIT(flood_run), .jobs = jobs_of(N), .n = N };
            run(pool, &f.task);
            for (size_t i = 0; i < N; i++) job_did(&f.jobs[i], 1, 0, GOKORE_OK);
            CHECK(f.highest_load <= 1 && f.lowest_load >= 0);
            if (workers == 1) CHECK(f.highest_load > 0);
            free(f.jobs);
        }
        CHECK_UINT(3 * (N + 1), metrics_of(pool).executed);
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE)); // joined in order
        gokore_pool_destroy(pool);
    }
}

TEST(pool, a_spawn_whose_deque_cannot_grow_runs_at_once) {
    enum { N = 5000 };
    for (unsigned workers = 1; workers <= 2; workers++) {
        test_allocator a = { .fail_from = 0 };
        gokore_pool *pool = NULL;
        gokore_pool_desc desc = { .workers = workers, .allocator = test_allocator_hooks(&a) };
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &desc));
        a.fail_from = 1;
        test_reports_capture();
        flood f = { .task = GOKORE_TASK_INIT(flood_run), .jobs = jobs_of(N), .n = N };
        run(pool, &f.task);
        for (size_t i = 0; i < N; i++) job_did(&f.jobs[i], 1, 0, GOKORE_OK);
        CHECK_UINT(N + 1, metrics_of(pool).executed);
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
        free(f.jobs);
        gokore_pool_destroy(pool);
        CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    }
}

typedef struct chain { // each spawns the next
    gokore_task task;
    unsigned left, length;
} chain;

static void chain_run(gokore_worker *w, gokore_task *task) {
    chain *c = (chain *)task;
    c->length = 1;
    if (c->left == 0) return;
    chain next = { .task = GOKORE_TASK_INIT(chain_run), .left = c->left - 1 };
    gokore_spawn(w, &next.task);
    gokore_join(w, &next.task);
    c->length += next.length;
}

TEST(pool, spawns_may_nest_a_thousand_deep) {
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        for (int i = 0; i < 20; i++) {
            chain c = { .task = GOKORE_TASK_INIT(chain_run), .left = 1000 };
            run(pool, &c.task);
            CHECK_UINT(1001, c.length);
        }
        gokore_pool_destroy(pool);
    }
}

typedef struct unordered {
    gokore_task task;
    job a, b, c;
} unordered;

static void unordered_run(gokore_worker *w, gokore_task *task) {
    unordered *u = (unordered *)task;
    gokore_spawn(w, &u->a.task);
    gokore_spawn(w, &u->b.task);
    gokore_spawn(w, &u->c.task);
    gokore_join(w, &u->c.task);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_join(w, &u->a.task); // b was spawned after it
    gokore_join(w, &u->b.task);
}

TEST(pool, joining_out_of_order_is_reported_and_works_all_the_same) {
    gokore_pool *pool = pool_of(1);
    test_reports_capture();
    unordered u = { .task = GOKORE_TASK_INIT(unordered_run) };
    job_init(&u.a);
    job_init(&u.b);
    job_init(&u.c);
    run(pool, &u.task);
    job_did(&u.a, 1, 0, GOKORE_OK);
    job_did(&u.b, 1, 0, GOKORE_OK);
    job_did(&u.c, 1, 0, GOKORE_OK);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_pool_destroy(pool);
}

// The owner spawns one, waits without any call of the library until somebody took it, then joins it at a random moment.
typedef struct lent {
    gokore_task task;
    gokore_atomic_bool taken;
    uint64_t works, result;
} lent;
typedef struct lender {
    gokore_task task;
    uint64_t state;
    int rounds;
} lender;

static void lent_run(gokore_worker *w, gokore_task *task) {
    lent *l = (lent *)task;
    (void)w;
    gokore_atomic_store(&l->taken, true);
    spin(l->works);
    l->result = l->works + 1;
}

static void lender_run(gokore_worker *w, gokore_task *task) {
    lender *r = (lender *)task;
    for (int i = 0; i < r->rounds; i++) {
        uint64_t longest = (uint64_t)2000 << test_random(&r->state) % 5; // so that all waits end at all moments
        lent l = { .task = GOKORE_TASK_INIT(lent_run), .works = test_random(&r->state) % longest };
        if (test_random(&r->state) % 4) // just when the others fall asleep
            spin(test_random(&r->state) % 10000);
        else
            gap(&r->state);
        gokore_spawn(w, &l.task);
        REQUIRE(comes_true(&l.taken));
        spin(test_random(&r->state) % (longest / 4));
        gokore_join(w, &l.task);
        CHECK_UINT(l.works + 1, l.result);
    }
}

TEST(pool, a_spawn_wakes_a_sleeper_who_steals_it_and_its_join_waits_for_the_thief) {
    for (unsigned workers = 2; workers <= 8; workers += 6) {
        gokore_pool *pool = pool_of(workers);
        lender r = { .task = GOKORE_TASK_INIT(lender_run), .state = test_seed() + workers };
        r.rounds = (workers == 2 ? 16000 : 2000) / SLOW;
        run(pool, &r.task);
        idle(pool);
        gokore_pool_metrics m = metrics_of(pool);
        CHECK_UINT((uint64_t)r.rounds, m.steal_successes);
        CHECK_UINT((uint64_t)r.rounds + 1, m.executed);
        gokore_pool_destroy(pool);
    }
}

// The same with the stolen task lending another, which only the owner can take, who waits in the join by then or is about to.
typedef struct relay {
    gokore_task task;
    lent lent;
    gokore_atomic_bool taken;
    uint64_t works;
    bool missed;
} relay;

static void relay_run(gokore_worker *w, gokore_task *task) {
    relay *r = (relay *)task;
    gokore_atomic_store(&r->taken, true);
    spin(r->works);
    gokore_spawn(w, &r->lent.task);
    r->missed = !comes_true(&r->lent.taken);
    gokore_join(w, &r->lent.task);
}

static void relays_run(gokore_worker *w, gokore_task *task) {
    lender *l = (lender *)task;
    for (int i = 0; i < l->rounds; i++) {
        relay r = { .task = GOKORE_TASK_INIT(relay_run),
                   .works = test_random(&l->state) % ((uint64_t)2000 << test_random(&l->state) % 4) };
        gokore_task_init(&r.lent.task, lent_run);
        gokore_spawn(w, &r.task);
        REQUIRE(comes_true(&r.taken));
        gokore_join(w, &r.task);
        REQUIRE(!r.missed);
        CHECK_UINT(1, r.lent.result);
    }
}

TEST(pool, who_waits_in_a_join_sleeps_through_no_spawn) {
    gokore_pool *pool = pool_of(2);
    lender l = { .task = GOKORE_TASK_INIT(relays_run), .state = test_seed(), .rounds = 16000 / SLOW };
    run(pool, &l.task);
    gokore_pool_destroy(pool);
}

// The owner sleeps in the join of a stolen task; what the thief spawns then, with another context, is there to be taken by
// the owner, whose own context is back afterwards.
typedef struct helper {
    gokore_task task;  // the stolen one
    gokore_task inner; // what it runs in place, with a context of its own
    gokore_task extra; // what that spawns
    gokore_context *ctx;
    gokore_atomic_bool taken, extra_ran;
    gokore_atomic_i64 owner;
    gokore_context *extra_context;
    bool helped;
} helper;

static void helper_extra(gokore_worker *w, gokore_task *task) {
    helper *h = (helper *)(void *)((char *)task - offsetof(helper, extra));
    h->extra_context = gokore_worker_context(w);
    gokore_atomic_store(&h->extra_ran, true);
}

static void helper_inner(gokore_worker *w, gokore_task *task) {
    helper *h = (helper *)(void *)((char *)task - offsetof(helper, inner));
    gokore_spawn(w, &h->extra);
    h->helped = comes_true(&h->extra_ran); // this worker makes no call of the library meanwhile
    gokore_join(w, &h->extra);
}

static void helper_run(gokore_worker *w, gokore_task *task) {
    helper *h = (helper *)task;
    gokore_atomic_store(&h->taken, true);
    while (gokore_atomic_load(&h->owner) == 0) nap(MS / 10);
    await_asleep(gokore_atomic_load(&h->owner));
    CHECK_STATUS(GOKORE_OK, gokore_pool_run(gokore_worker_pool(w), &h->inner, h->ctx));
}

typedef struct helped {
    gokore_task task;
    gokore_context *ctx;
    helper helper;
} helped;

static void helped_run(gokore_worker *w, gokore_task *task) {
    helped *h = (helped *)task;
    gokore_spawn(w, &h->helper.task);
    REQUIRE(comes_true(&h->helper.taken));
    gokore_atomic_store(&h->helper.owner, thread_id());
    gokore_join(w, &h->helper.task);
    CHECK_PTR(h->ctx, gokore_worker_context(w));
}

TEST(pool, who_waits_in_a_join_runs_what_is_spawned_meanwhile) {
    gokore_pool *pool = pool_of(2);
    gokore_context own, other;
    gokore_context_init(&own, NULL);
    gokore_context_init(&other, NULL);
    helped h = { .task = GOKORE_TASK_INIT(helped_run), .ctx = &own };
    gokore_task_init(&h.helper.task, helper_run);
    gokore_task_init(&h.helper.inner, helper_inner);
    gokore_task_init(&h.helper.extra, helper_extra);
    h.helper.ctx = &other;
    CHECK_STATUS(GOKORE_OK, gokore_pool_run(pool, &h.task, &own));
    CHECK(h.helper.helped);
    CHECK_PTR(&other, h.helper.extra_context);
    gokore_pool_destroy(pool);
    gokore_context_deinit(&own);
    gokore_context_deinit(&other);
}

// Two sleep in joins and a spawn wakes one, whose own wait ends at the same moment: then the other must take what was
// spawned. Four workers: `second` joins m, and runs k meanwhile; `first` joins k, and runs x meanwhile; `third` joins x; a
// fourth runs m, which spawns y. As k is done by then, the end of x leaves nobody but `second` waiting in a join.
typedef struct crowd crowd;
typedef struct member {
    gokore_task task;
    crowd *all;
} member;
struct crowd {
    member first, second, third, k, m, x, y;
    gokore_atomic_bool k_ready, k_taken, m_taken, x_ready, x_taken, third_begun, go, y_ran;
    gokore_atomic_i64 second_tid, third_tid;
    gokore_atomic_u32 missed; // waits that ended at their bound
    uint64_t x_works, m_works;
};

static void crowd_wait(crowd *c, gokore_atomic_bool *flag) {
    if (!comes_true(flag)) (void)gokore_atomic_add(&c->missed, 1);
}

static void crowd_second(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    gokore_atomic_store(&c->second_tid, thread_id());
    gokore_spawn(w, &c->m.task);
    crowd_wait(c, &c->k_ready);
    gokore_join(w, &c->m.task);
}

static void crowd_first(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    gokore_spawn(w, &c->k.task);
    gokore_atomic_store(&c->k_ready, true);
    crowd_wait(c, &c->k_taken);
    crowd_wait(c, &c->x_ready);
    gokore_join(w, &c->k.task);
    crowd_wait(c, &c->y_ran);
}

static void crowd_third(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    gokore_atomic_store(&c->third_begun, true);
    crowd_wait(c, &c->k_taken);
    gokore_spawn(w, &c->x.task);
    gokore_atomic_store(&c->x_ready, true);
    crowd_wait(c, &c->x_taken);
    await_asleep(gokore_atomic_load(&c->second_tid));
    gokore_atomic_store(&c->third_tid, thread_id());
    gokore_join(w, &c->x.task);
    crowd_wait(c, &c->y_ran);
}

static void crowd_k(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    (void)w;
    gokore_atomic_store(&c->k_taken, true);
    crowd_wait(c, &c->x_taken);
}

static void crowd_x(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    (void)w;
    gokore_atomic_store(&c->x_taken, true);
    while (gokore_atomic_load(&c->third_tid) == 0) nap(MS / 10);
    await_asleep(gokore_atomic_load(&c->third_tid));
    gokore_atomic_store(&c->go, true);
    spin(c->x_works);
}

static void crowd_m(gokore_worker *w, gokore_task *task) {
    crowd *c = ((member *)task)->all;
    gokore_atomic_store(&c->m_taken, true);
    while (!gokore_atomic_load(&c->go)) (void)sched_yield();
    spin(c->m_works);
    gokore_spawn(w, &c->y.task);
    crowd_wait(c, &c->y_ran);
    gokore_join(w, &c->y.task);
}

static void crowd_y(gokore_worker *w, gokore_task *task) {
    (void)w;
    gokore_atomic_store(&((member *)task)->all->y_ran, true);
}

TEST(pool, a_spawn_is_taken_also_when_the_joiner_it_woke_has_no_more_to_wait_for) {
    gokore_pool *pool = pool_of(4);
    uint64_t state = test_seed();
    for (int i = 0; i < (SLOW > 2 ? 25 : 80); i++) {
        crowd c;
        memset(&c, 0, sizeof c);
        member *members[] = { &c.first, &c.second, &c.third, &c.k, &c.m, &c.x, &c.y };
        gokore_task_fn *const fns[] = { crowd_first, crowd_second, crowd_third, crowd_k, crowd_m, crowd_x, crowd_y };
        for (size_t k = 0; k < 7; k++) {
            members[k]->all = &c;
            gokore_task_init(&members[k]->task, fns[k]);
        }
        c.x_works = test_random(&state) % 20000;
        c.m_works = test_random(&state) % 20000;
        submit(pool, &c.second.task, NULL);
        REQUIRE(comes_true(&c.m_taken));
        submit(pool, &c.third.task, NULL);
        REQUIRE(comes_true(&c.third_begun));
        submit(pool, &c.first.task, NULL);
        idle(pool);
        REQUIRE(gokore_atomic_load(&c.missed) == 0);
    }
    gokore_pool_destroy(pool);
}

// ---- wait_idle

typedef struct inner_calls { // what a worker may not call on its own pool
    gokore_task task;
    gokore_pool *pool;
} inner_calls;

static void inner_calls_run(gokore_worker *w, gokore_task *task) {
    inner_calls *c = (inner_calls *)task;
    (void)w;
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_wait_idle(c->pool, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_shutdown(c->pool, 0));
    CHECK_STATUS(GOKORE_INVALID, gokore_pool_shutdown(c->pool, INT64_MAX));
}

TEST(pool, wait_idle_and_shutdown_are_invalid_on_its_own_worker_and_change_nothing) {
    gokore_pool *pool = pool_of(2);
    inner_calls c = { .task = GOKORE_TASK_INIT(inner_calls_run), .pool = pool };
    run(pool, &c.task);
    run(pool, &c.task); // it still takes work
    gokore_pool_destroy(pool);
}

TEST(pool, wait_idle_waits_for_what_is_queued_and_what_runs) {
    gokore_pool *pool = pool_of(2);
    idle(pool); // nothing was ever submitted
    blocker b = BLOCKER_INIT;
    block(pool, &b);
    gokore_context cancelled, patience;
    gokore_context_init(&cancelled, NULL);
    gokore_context_cancel(&cancelled);
    CHECK_STATUS(GOKORE_CANCELED, gokore_pool_wait_idle(pool, &cancelled));
    int64_t deadline = gokore_now_ns() + 3 * MS;
    gokore_context_init_deadline(&patience, NULL, deadline);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_wait_idle(pool, &patience));
    CHECK(gokore_now_ns() >= deadline);
    job *jobs = jobs_of(2000);
    for (int i = 0; i < 2000; i++) submit(pool, &jobs[i].task, NULL);
    gate_open(&b.gate);
    idle(pool);
    for (int i = 0; i < 2000; i++) job_did(&jobs[i], 1, 0, GOKORE_OK);
    free(jobs);
    gokore_context_deinit(&patience);
    gokore_pool_destroy(pool);
}

typedef struct idler { // a thread in wait_idle
    gokore_pool *pool;
    gokore_context *ctx;
    gokore_status status;
    gokore_atomic_bool back;
    gokore_atomic_i64 tid;
} idler;

static void *idler_main(void *p) {
    idler *i = (idler *)p;
    gokore_atomic_store(&i->tid, thread_id());
    i->status = gokore_pool_wait_idle(i->pool, i->ctx);
    gokore_atomic_store(&i->back, true);
    return NULL;
}

TEST(pool, many_may_wait_for_idle_and_each_gives_up_or_comes_back) {
    for (int ends_by_shutdown = 0; ends_by_shutdown < 2; ends_by_shutdown++) {
        gokore_pool *pool = pool_of(1);
        blocker b = BLOCKER_INIT;
        block(pool, &b);
        job j[10];
        for (int i = 0; i < 10; i++) {
            job_init(&j[i]);
            submit(pool, &j[i].task, NULL);
        }
        gokore_context ctx;
        gokore_context_init(&ctx, NULL);
        idler waiting[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            waiting[i] = (idler) { .pool = pool, .ctx = i == 2 ? &ctx : NULL };
            REQUIRE(pthread_create(&threads[i], NULL, idler_main, &waiting[i]) == 0);
            while (gokore_atomic_load(&waiting[i].tid) == 0) nap(MS / 10);
            await_asleep(gokore_atomic_load(&waiting[i].tid));
        }
        gokore_context_cancel(&ctx);
        (void)pthread_join(threads[2], NULL);
        CHECK_STATUS(GOKORE_CANCELED, waiting[2].status);
        if (ends_by_shutdown) CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
        for (int i = 0; i < 4; i++) CHECK(i == 2 || !gokore_atomic_load(&waiting[i].back)); // one still runs
        gate_open(&b.gate);
        for (int i = 0; i < 4; i++) {
            if (i == 2) continue;
            (void)pthread_join(threads[i], NULL);
            CHECK_STATUS(GOKORE_OK, waiting[i].status);
        }
        for (int i = 0; i < 10; i++) job_did(&j[i], ends_by_shutdown ? 0 : 1, ends_by_shutdown ? 1 : 0,
                                             ends_by_shutdown ? GOKORE_SHUTDOWN : GOKORE_OK);
        gokore_pool_destroy(pool);
        gokore_context_deinit(&ctx);
    }
}

TEST(pool, wait_idle_never_misses_the_last_task) {
    uint64_t state = test_seed();
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        job j[4];
        for (uint32_t i = 1; i <= 3000 / SLOW; i++) {
            uint64_t n = 1 + test_random(&state) % 4;
            for (uint64_t k = 0; k < n; k++) {
                job_init(&j[k]);
                submit(pool, &j[k].task, NULL);
            }
            spin(test_random(&state) % 3000);
            idle(pool);
            for (uint64_t k = 0; k < n; k++) CHECK_UINT(1, gokore_atomic_load_relaxed(&j[k].ran));
        }
        gokore_pool_destroy(pool);
    }
}

typedef struct weaver { // spawns and joins one after the other: finished tasks catch up with started ones all the time
    gokore_task task;
    int rounds;
    gokore_atomic_bool done;
} weaver;

static void weaver_run(gokore_worker *w, gokore_task *task) {
    weaver *v = (weaver *)task;
    for (int i = 0; i < v->rounds; i++) {
        gokore_task one = GOKORE_TASK_INIT(job_nothing);
        gokore_spawn(w, &one);
        gokore_join(w, &one);
    }
    gokore_atomic_store(&v->done, true);
}

TEST(pool, wait_idle_is_not_fooled_by_a_task_that_spawns_and_joins) {
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        for (int i = 0; i < 200 / SLOW; i++) {
            weaver v = { .task = GOKORE_TASK_INIT(weaver_run), .rounds = 2000 };
            submit(pool, &v.task, NULL);
            while (i % 2 && gokore_pool_wait_idle(pool, &over) != GOKORE_OK) {} // looks again and again
            if (i % 2 == 0) idle(pool);
            CHECK(gokore_atomic_load(&v.done));
            idle(pool);
        }
        gokore_pool_destroy(pool);
    }
}

typedef struct slow_cancel { // on_cancel stays until it is let go
    gokore_task task;
    gate gate;
} slow_cancel;

static void slow_cancelled(gokore_task *task, gokore_status why) {
    CHECK_STATUS(GOKORE_SHUTDOWN, why);
    gate_pass(&((slow_cancel *)task)->gate);
}

static void *shutdown_main(void *p) {
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown((gokore_pool *)p, 0));
    return NULL;
}

TEST(pool, wait_idle_also_waits_for_what_a_shutdown_cancels) {
    gokore_pool *pool = pool_of(1);
    blocker b = BLOCKER_INIT;
    slow_cancel s = { .task = GOKORE_TASK_INIT(job_nothing), .gate = GATE_INIT };
    s.task.on_cancel = slow_cancelled;
    block(pool, &b);
    submit(pool, &s.task, NULL);
    pthread_t threads[2];
    REQUIRE(pthread_create(&threads[0], NULL, shutdown_main, pool) == 0);
    gate_await(&s.gate, 1);
    idler waits = { .pool = pool };
    REQUIRE(pthread_create(&threads[1], NULL, idler_main, &waits) == 0);
    while (gokore_atomic_load(&waits.tid) == 0) nap(MS / 10);
    await_asleep(gokore_atomic_load(&waits.tid));
    gate_open(&b.gate); // the worker has nothing left to do and goes to sleep
    nap(20 * MS);
    CHECK(!gokore_atomic_load(&waits.back));
    gate_open(&s.gate);
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], NULL);
    CHECK_STATUS(GOKORE_OK, waits.status);
    gokore_pool_destroy(pool);
}

// ---- shutdown, destroy

TEST(pool, submitting_after_shutdown_is_refused_and_leaves_the_task_alone) {
    gokore_pool *pool = pool_of(2);
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX)); // again
    job j, before;
    job_init(&j);
    memcpy(&before, &j, sizeof j);
    CHECK_STATUS(GOKORE_SHUTDOWN, gokore_pool_submit(pool, &j.task, NULL));
    CHECK(memcmp(&before, &j, sizeof j) == 0);
    CHECK_STATUS(GOKORE_OK, gokore_pool_wait_idle(pool, NULL));
    gokore_pool_destroy(pool);
    job_did(&j, 0, 0, GOKORE_OK);
}

typedef struct feeder { // submits more while it runs
    gokore_task task;
    gokore_pool *pool;
    job *more;
    size_t n, accepted;
} feeder;

static void feeder_run(gokore_worker *w, gokore_task *task) {
    feeder *f = (feeder *)task;
    (void)w;
    for (size_t i = 0; i < f->n; i++) {
        gokore_status status = gokore_pool_submit(f->pool, &f->more[i].task, NULL);
        CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN);
        if (status != GOKORE_OK) break;
        f->accepted++;
    }
}

TEST(pool, shutdown_drains_what_was_accepted) {
    uint64_t state = test_seed();
    for (unsigned workers = 1; workers <= 4; workers++) {
        gokore_pool *pool = pool_of(workers);
        enum { N = 1000 };
        job *jobs = jobs_of(2 * N);
        feeder f = { .task = GOKORE_TASK_INIT(feeder_run), .pool = pool, .more = jobs + N, .n = N };
        fib deep = { .task = GOKORE_TASK_INIT(fib_run), .n = 12 };
        for (int i = 0; i < N; i++) submit(pool, &jobs[i].task, NULL);
        submit(pool, &deep.task, NULL);
        submit(pool, &f.task, NULL);
        spin(test_random(&state) % 100000);
        CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
        CHECK_INT(144, deep.result);
        for (size_t i = 0; i < 2 * N; i++) job_did(&jobs[i], i < N + f.accepted ? 1 : 0, 0, GOKORE_OK);
        gokore_pool_destroy(pool);
        free(jobs);
    }
}

TEST(pool, an_idle_pool_shuts_down_in_no_time) {
    gokore_pool *pool = pool_of(2);
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, 0));
    CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, -1));
    gokore_pool_destroy(pool);
}

TEST(pool, a_pool_whose_tasks_have_all_been_waited_for_shuts_down_in_no_time) {
    uint64_t state = test_seed(), late_ones = 0;
    for (int i = 0; i < 1500 / SLOW; i++) {
        gokore_pool *pool = pool_of(1 + (unsigned)(test_random(&state) % 3));
        fib f = { .task = GOKORE_TASK_INIT(fib_run), .n = (int)(test_random(&state) % 8) };
        run(pool, &f.task);
        late_ones += gokore_pool_shutdown(pool, 0) != GOKORE_OK; // nothing is queued, nothing runs
        gokore_pool_destroy(pool);
    }
    CHECK_UINT(0, late_ones);
}

static void destroyer_run(gokore_worker *w, gokore_task *task) {
    (void)task;
    gokore_pool_destroy(gokore_worker_pool(w));
}

TEST(pool, destroy_on_its_own_worker_is_reported_and_nothing_happens) {
    gokore_pool *pool = pool_of(2);
    test_reports_capture();
    gokore_task task = GOKORE_TASK_INIT(destroyer_run);
    run(pool, &task);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_TASK_BUSY));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    job j;
    job_init(&j);
    run(pool, &j.task); // it still takes work
    job_did(&j, 1, 0, GOKORE_OK);
    gokore_pool_destroy(pool);
}

typedef struct late { // blocks, then spawns and joins
    gokore_task task;
    gate gate;
    gokore_atomic_u32 ran;
    fib deep;
    gokore_atomic_bool done;
} late;

static void late_run(gokore_worker *w, gokore_task *task) {
    late *l = (late *)task;
    gate_pass(&l->gate);
    fib_run(w, &l->deep.task);
    gokore_atomic_store(&l->done, true);
}

static void *destroy_main(void *p) {
    gokore_pool_destroy((gokore_pool *)p);
    return NULL;
}

TEST(pool, a_shutdown_that_times_out_has_cancelled_all_that_was_queued) {
    static const int64_t timeouts[] = { 0, -5, 3 * MS };
    for (int t = 0; t < 3; t++) {
        gokore_pool *pool = pool_of(2);
        late l[2];
        for (int i = 0; i < 2; i++) {
            l[i] = (late) { .task = GOKORE_TASK_INIT(late_run), .gate = GATE_INIT };
            l[i].deep = (fib) { .task = GOKORE_TASK_INIT(fib_run), .n = 12 };
            submit(pool, &l[i].task, NULL);
            gate_await(&l[i].gate, 1);
        }
        job *jobs = jobs_of(500);
        for (int i = 0; i < 500; i++) {
            jobs[i].task.qos = (gokore_qos)(i % 4);
            submit(pool, &jobs[i].task, NULL);
        }
        CHECK_UINT(500, metrics_of(pool).queue_depth);
        int64_t since = gokore_now_ns();
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, timeouts[t]));
        CHECK(gokore_now_ns() - since >= timeouts[t]);
        for (int i = 0; i < 500; i++) job_did(&jobs[i], 0, 1, GOKORE_SHUTDOWN);
        CHECK_UINT(0, metrics_of(pool).queue_depth);
        CHECK_UINT(0, metrics_of(pool).context_cancels); // not by a context
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0)); // two still run
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, destroy_main, pool) == 0);
        if (t == 0) nap(5 * MS);
        for (int i = 0; i < 2; i++) CHECK(!gokore_atomic_load(&l[i].done));
        for (int i = 0; i < 2; i++) gate_open(&l[i].gate);
        (void)pthread_join(thread, NULL); // waits for what runs, which may still spawn
        for (int i = 0; i < 2; i++) CHECK(gokore_atomic_load(&l[i].done));
        for (int i = 0; i < 2; i++) CHECK_INT(144, l[i].deep.result);
        for (int i = 0; i < 500; i++) job_did(&jobs[i], 0, 1, GOKORE_SHUTDOWN);
        free(jobs);
    }
}

TEST(pool, two_threads_may_shut_it_down_at_once) {
    for (int i = 0; i < 50; i++) {
        gokore_pool *pool = pool_of(2);
        job *jobs = jobs_of(100);
        for (int k = 0; k < 100; k++) submit(pool, &jobs[k].task, NULL);
        idler waits = { .pool = pool };
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, idler_main, &waits) == 0);
        CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(pool, INT64_MAX));
        (void)pthread_join(thread, NULL);
        CHECK_STATUS(GOKORE_OK, waits.status);
        gokore_pool_destroy(pool);
        for (int k = 0; k < 100; k++) job_did(&jobs[k], 1, 0, GOKORE_OK);
        free(jobs);
    }
}

TEST(pool, destroy_without_shutdown_runs_or_cancels_each_task) {
    uint64_t state = test_seed(), ran = 0, cancelled = 0;
    for (int round = 0; round < 100 / SLOW; round++) {
        gokore_pool *pool = pool_of(1 + (unsigned)(test_random(&state) % 4));
        enum { N = 300 };
        job *jobs = jobs_of(N);
        for (int i = 0; i < N; i++) submit(pool, &jobs[i].task, NULL);
        if (round % 4) spin(test_random(&state) % 20000);
        gokore_pool_destroy(pool);
        for (int i = 0; i < N; i++) {
            uint32_t r = gokore_atomic_load(&jobs[i].ran), c = gokore_atomic_load(&jobs[i].cancelled);
            CHECK_UINT(1, r + c);
            if (c) CHECK_STATUS(GOKORE_SHUTDOWN, (gokore_status)gokore_atomic_load(&jobs[i].why));
            ran += r;
            cancelled += c;
        }
        free(jobs);
    }
    test_note("%llu tasks ran, %llu were cancelled", (unsigned long long)ran, (unsigned long long)cancelled); // as it happens
}

TEST(pool, tasks_that_submit_themselves_for_ever_do_not_keep_a_pool_from_ending) {
    for (int how = 0; how < 3; how++) {
        gokore_pool *pool = pool_of(2);
        again a[3];
        for (int i = 0; i < 3; i++) {
            a[i] = (again) { .task = GOKORE_TASK_INIT(again_run), .pool = pool, .left = GOKORE_ATOMIC_INIT(UINT32_MAX) };
            a[i].task.on_cancel = again_cancelled;
            submit(pool, &a[i].task, NULL);
        }
        nap(MS);
        if (how) {
            gokore_status status = gokore_pool_shutdown(pool, how == 1 ? INT64_MAX : 0);
            CHECK(status == GOKORE_OK || (how == 2 && status == GOKORE_TIMEOUT));
        }
        gokore_pool_destroy(pool);
        for (int i = 0; i < 3; i++) CHECK_UINT(1, gokore_atomic_load(&a[i].refused)); // each ended by a refusal
    }
}

// A task that is running when the pool is destroyed spawns one that another worker must take.
typedef struct straggler {
    gokore_task task;
    gate gate;
    lent lent;
    bool taken;
} straggler;

static void straggler_run(gokore_worker *w, gokore_task *task) {
    straggler *s = (straggler *)task;
    gate_pass(&s->gate);
    gokore_spawn(w, &s->lent.task);
    s->taken = comes_true(&s->lent.taken);
    gokore_join(w, &s->lent.task);
}

TEST(pool, destroy_ends_no_worker_before_what_runs_has_ended) {
    gokore_pool *pool = pool_of(2);
    straggler s = { .task = GOKORE_TASK_INIT(straggler_run), .gate = GATE_INIT };
    gokore_task_init(&s.lent.task, lent_run);
    submit(pool, &s.task, NULL);
    gate_await(&s.gate, 1);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, destroy_main, pool) == 0);
    nap(20 * MS);
    gate_open(&s.gate);
    (void)pthread_join(thread, NULL);
    CHECK(s.taken);
    CHECK_UINT(1, s.lent.result);
}

// ---- sleeping and waking

TEST(pool, an_idle_pool_uses_no_cpu) {
    gokore_pool *pool = pool_of(8);
    fib f = { .task = GOKORE_TASK_INIT(fib_run), .n = 14 };
    run(pool, &f.task);
    idle(pool);
    nap(20 * MS); // the last may still be looking
    struct rusage before, after;
    (void)getrusage(RUSAGE_SELF, &before);
    int64_t since = gokore_now_ns();
    nap(200 * MS);
    int64_t wall = gokore_now_ns() - since;
    (void)getrusage(RUSAGE_SELF, &after);
    int64_t seconds = (int64_t)(after.ru_utime.tv_sec - before.ru_utime.tv_sec);
    int64_t micros = (int64_t)(after.ru_utime.tv_usec - before.ru_utime.tv_usec);
    seconds += (int64_t)(after.ru_stime.tv_sec - before.ru_stime.tv_sec);
    micros += (int64_t)(after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    int64_t used = seconds * 1000 * MS + micros * 1000;
    CHECK(used < wall / 10);
    gokore_pool_destroy(pool);
}

typedef struct flagged {
    gokore_task task;
    gokore_atomic_bool done;
} flagged;

static void flagged_run(gokore_worker *w, gokore_task *task) {
    (void)w;
    gokore_atomic_store(&((flagged *)task)->done, true);
}

TEST(pool, no_submission_is_slept_through) {
    uint64_t state = test_seed();
    for (unsigned workers = 1; workers <= 8; workers += workers == 1 ? 1 : 6) {
        gokore_pool *pool = pool_of(workers);
        for (int i = 0; i < 6000 / SLOW; i++) {
            gap(&state);
            flagged f = { .task = GOKORE_TASK_INIT(flagged_run) };
            if (test_random(&state) % 2) {
                run(pool, &f.task);
            } else {
                submit(pool, &f.task, NULL);
                REQUIRE(comes_true(&f.done));
                continue; // the pool does not touch it after its function has returned, and this sets the flag last
            }
            CHECK(gokore_atomic_load(&f.done));
        }
        idle(pool);
        CHECK_UINT(6000 / SLOW, metrics_of(pool).executed);
        gokore_pool_destroy(pool);
    }
}

// Tasks that wait for each other: each needs a worker of its own, so every one of them must wake somebody.
typedef struct meeting {
    gokore_atomic_u32 arrived;
    gokore_atomic_bool missed;
    uint32_t expected;
} meeting;
typedef struct guest {
    gokore_task task;
    meeting *at;
    struct guest *brings; // spawned by this one
    unsigned brings_count;
} guest;

static void guest_run(gokore_worker *w, gokore_task *task) {
    guest *g = (guest *)task;
    for (unsigned i = 0; i < g->brings_count; i++) gokore_spawn(w, &g->brings[i].task);
    (void)gokore_atomic_add(&g->at->arrived, 1);
    int64_t end = gokore_now_ns() + (int64_t)BOUND_S * 1000 * MS;
    while (gokore_atomic_load(&g->at->arrived) < g->at->expected && !gokore_atomic_load(&g->at->missed)) {
        if (gokore_now_ns() > end) gokore_atomic_store(&g->at->missed, true);
        (void)sched_yield();
    }
    for (unsigned i = g->brings_count; i-- > 0;) gokore_join(w, &g->brings[i].task);
}

TEST(pool, tasks_that_wait_for_each_other_all_get_a_worker) {
    uint64_t state = test_seed();
    for (unsigned workers = 2; workers <= 8; workers *= 2) {
        gokore_pool *pool = pool_of(workers);
        for (int i = 0; i < 1600 / SLOW; i++) {
            unsigned n = 2 + (unsigned)(test_random(&state) % (workers - 1)), how = (unsigned)(test_random(&state) % 4);
            meeting at = { .expected = n };
            guest g[8];
            gokore_task *tasks[8];
            unsigned spawned = how == 0 ? n - 1 : how == 1 ? (n - 1) / 2 : 0; // by the first
            for (unsigned k = 0; k < n; k++) {
                g[k] = (guest) { .task = GOKORE_TASK_INIT(guest_run), .at = &at };
                tasks[k] = &g[k].task;
            }
            g[0].brings = &g[n - spawned];
            g[0].brings_count = spawned;
            gap(&state);
            if (how == 2) {
                CHECK_STATUS(GOKORE_OK, gokore_pool_submit_many(pool, tasks, n, NULL));
            } else {
                for (unsigned k = 0; k < n - spawned; k++) submit(pool, tasks[k], NULL);
            }
            idle(pool);
            REQUIRE(!gokore_atomic_load(&at.missed));
            CHECK_UINT(n, gokore_atomic_load(&at.arrived));
        }
        gokore_pool_destroy(pool);
    }
}

// ---- lanes

typedef struct entry { // writes down when it ran; one worker only
    gokore_task task;
    struct entries *all;
    uint32_t number; // in its lane
} entry;
typedef struct entries {
    entry *log[8192];
    size_t n;
} entries;

static void entry_run(gokore_worker *w, gokore_task *task) {
    entry *e = (entry *)task;
    (void)w;
    e->all->log[e->all->n++] = e;
}

static entry *queue_entries(gokore_pool *pool, entries *all, gokore_qos qos, uint32_t n) {
    entry *e = (entry *)calloc(n, sizeof *e);
    REQUIRE(e != NULL);
    for (uint32_t i = 0; i < n; i++) {
        e[i] = (entry) { .task = GOKORE_TASK_INIT(entry_run), .all = all, .number = i };
        e[i].task.qos = qos;
        submit(pool, &e[i].task, NULL);
    }
    return e;
}

TEST(pool, higher_lanes_go_first_each_lane_is_in_order_and_every_lane_moves) {
    gokore_pool *pool = pool_of(1);
    static entries all;
    all.n = 0;
    blocker b = BLOCKER_INIT;
    block(pool, &b);
    enum { N = 200 };
    entry *lanes[3] = { queue_entries(pool, &all, GOKORE_QOS_BEST_EFFORT, N), queue_entries(pool, &all, GOKORE_QOS_DEFAULT, N),
                        queue_entries(pool, &all, GOKORE_QOS_GUARANTEED, N) }; // the default of the pool is burstable
    gate_open(&b.gate);
    idle(pool);
    CHECK_UINT(3 * N, all.n);
    uint32_t next[4] = { 0 }, passed = 0, first_low = UINT32_MAX;
    for (size_t i = 0; i < all.n; i++) {
        gokore_qos qos = all.log[i]->task.qos ? all.log[i]->task.qos : GOKORE_QOS_BURSTABLE;
        CHECK_UINT(next[qos]++, all.log[i]->number);
        for (int higher = 1; higher < (int)qos; higher++)
            if (next[higher] < N) { // one waits there
                passed++;
                break;
            }
        if (qos == GOKORE_QOS_BEST_EFFORT && first_low == UINT32_MAX) first_low = (uint32_t)i;
        CHECK(passed <= i / 8 + 1); // mostly the higher first
    }
    CHECK(passed > 0);
    CHECK(first_low < 64);
    for (int i = 0; i < 3; i++) free(lanes[i]);
    gokore_pool_destroy(pool);
}

TEST(pool, the_middle_lane_moves_while_those_above_and_below_are_never_empty) {
    gokore_pool *pool = pool_of(1);
    static entries all;
    all.n = 0;
    blocker b = BLOCKER_INIT;
    block(pool, &b);
    entry *lanes[3] = { queue_entries(pool, &all, GOKORE_QOS_GUARANTEED, 5400),
                       queue_entries(pool, &all, GOKORE_QOS_BURSTABLE, 10),
                        queue_entries(pool, &all, GOKORE_QOS_BEST_EFFORT, 400) };
    gate_open(&b.gate);
    idle(pool);
    size_t high = 0, low = 0;
    for (size_t i = 0; i < all.n; i++) { // until the first of the middle
        if (all.log[i]->task.qos == GOKORE_QOS_BURSTABLE) break;
        *(all.log[i]->task.qos == GOKORE_QOS_GUARANTEED ? &high : &low) += 1;
    }
    CHECK(high < 5400); // it moves although the higher lane is not empty
    CHECK(low <= 256);  // and is not passed by more of the lower lane
    for (int i = 0; i < 3; i++) free(lanes[i]);
    gokore_pool_destroy(pool);
}

TEST(pool, tasks_without_a_class_go_to_the_lane_of_the_pool) {
    static const gokore_qos classes[] = { GOKORE_QOS_GUARANTEED, GOKORE_QOS_BEST_EFFORT };
    for (int c = 0; c < 2; c++) {
        gokore_pool *pool = NULL;
        REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&pool, &(gokore_pool_desc) { .workers = 1, .qos = classes[c] }));
        static entries all;
        all.n = 0;
        blocker b = BLOCKER_INIT;
        b.task.qos = GOKORE_QOS_GUARANTEED;
        block(pool, &b);
        entry *burstable = queue_entries(pool, &all, GOKORE_QOS_BURSTABLE, 10),
            *none = queue_entries(pool, &all, GOKORE_QOS_DEFAULT, 10);
        gate_open(&b.gate);
        idle(pool);
        unsigned before = 0; // how many without class were among the first ten
        for (size_t i = 0; i < 10; i++) before += all.log[i]->task.qos == GOKORE_QOS_DEFAULT;
        CHECK(c == 0 ? before >= 8 : before <= 2);
        free(burstable);
        free(none);
        gokore_pool_destroy(pool);
    }
}

// ---- metrics

TEST(pool, metrics_add_up_when_it_is_idle) {
    gokore_context over;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    for (unsigned workers = 1; workers <= 4; workers++) {
        gokore_pool *pool = pool_of(workers);
        gokore_pool_metrics m = metrics_of(pool);
        CHECK_UINT(0, m.executed);
        CHECK_UINT(0, m.queue_depth);
        CHECK_UINT(0, m.context_cancels);
        CHECK_UINT(0, m.steal_successes);
        CHECK_UINT(0, m.numa_crossings);
        enum { N = 600 };
        job *jobs = jobs_of(N);
        for (int i = 0; i < N; i++) submit(pool, &jobs[i].task, i % 3 ? NULL : &over);
        flood f = { .task = GOKORE_TASK_INIT(flood_run), .jobs = jobs_of(N), .n = N };
        submit(pool, &f.task, NULL);
        idle(pool);
        m = metrics_of(pool);
        CHECK_UINT(N / 3 * 2 + 1 + N, m.executed);
        CHECK_UINT(N / 3, m.context_cancels);
        CHECK_UINT(0, m.queue_depth);
        CHECK(m.steal_successes <= m.steal_attempts);
        CHECK(m.numa_crossings <= m.steal_successes);
        CHECK(m.worker_utilization >= 0 && m.worker_utilization <= 1);
        blocker b[4] = { BLOCKER_INIT, BLOCKER_INIT, BLOCKER_INIT, BLOCKER_INIT };
        for (unsigned i = 0; i < workers; i++) block(pool, &b[i]);
        for (int i = 0; i < N; i++) submit(pool, &jobs[i].task, NULL);
        CHECK_UINT(N, metrics_of(pool).queue_depth);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_pool_shutdown(pool, 0));
        for (unsigned i = 0; i < workers; i++) gate_open(&b[i].gate);
        idle(pool);
        m = metrics_of(pool);
        CHECK_UINT(N / 3 * 2 + 1 + N + workers, m.executed);
        CHECK_UINT(N / 3, m.context_cancels);
        CHECK_UINT(0, m.queue_depth);
        gokore_pool_destroy(pool);
        free(jobs);
        free(f.jobs);
    }
}

typedef struct busy {
    gokore_task task;
    gokore_atomic_bool done;
} busy;

static void busy_run(gokore_worker *w, gokore_task *task) {
    (void)w;
    int64_t end = gokore_now_ns() + MS;
    while (gokore_now_ns() < end) {}
    gokore_atomic_store(&((busy *)task)->done, true);
}

TEST(pool, utilization_is_a_share_at_every_moment) {
    double highest = 0, lowest = 1;
    for (int i = 0; i < 120 / SLOW; i++) {
        gokore_pool *pool = pool_of(1);
        busy b = { .task = GOKORE_TASK_INIT(busy_run) };
        submit(pool, &b.task, NULL);
        for (int after = 0; after < 2000; after += gokore_atomic_load_relaxed(&b.done)) { // while it ends its only task
            double now = metrics_of(pool).worker_utilization;
            if (now > highest) highest = now;
            if (now < lowest) lowest = now;
        }
        gokore_pool_destroy(pool);
    }
    if (!(lowest >= 0 && highest <= 1)) test_note("utilization was between %g and %g", lowest, highest);
    CHECK(lowest >= 0 && highest <= 1);
}

// ---- the lock checker

TEST(pool, waiting_in_run_while_holding_a_lock_is_reported) {
    test_only_with("LOCKORDER=1");
    gokore_pool *pool = pool_of(1);
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "ledger" });
    test_reports_capture();
    job j;
    job_init(&j);
    run(pool, &j.task);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    submit(pool, &j.task, NULL); // does not wait
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    idle(pool);
    test_reports_capture();
    run(pool, &j.task);
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_mutex_deinit(&m);
    gokore_pool_destroy(pool);
}

typedef struct holder { // joins a stolen task while it holds a lock
    gokore_task task;
    lent lent;
    gokore_mutex *m;
} holder;

static void holder_run(gokore_worker *w, gokore_task *task) {
    holder *h = (holder *)task;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(h->m, NULL));
    gokore_spawn(w, &h->lent.task);
    REQUIRE(comes_true(&h->lent.taken));
    gokore_join(w, &h->lent.task);
    gokore_mutex_unlock(h->m);
}

TEST(pool, waiting_in_a_join_while_holding_a_lock_is_reported) {
    test_only_with("LOCKORDER=1");
    gokore_pool *pool = pool_of(2);
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "ledger" });
    test_reports_capture();
    holder h = { .task = GOKORE_TASK_INIT(holder_run), .m = &m };
    gokore_task_init(&h.lent.task, lent_run);
    h.lent.works = 50000000 / SLOW; // long enough for the joiner to wait
    run(pool, &h.task);
    CHECK(test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD) >= 1);
    gokore_mutex_deinit(&m);
    gokore_pool_destroy(pool);
}

// ---- everything at once, each task accounted for

enum { MIX_TASKS = 6000, MIX_CONTEXTS = 5, MIX_OUTSIDE = 2 };
typedef enum mix_end { MIX_DRAIN, MIX_DRAIN_RACE, MIX_CUT_RACE, MIX_DESTROY, MIX_ENDS } mix_end;

typedef struct mix_record { // of one submission
    gokore_atomic_u8 accepted, ran, cancelled, why;
    gokore_atomic_u8 context; // 1 + its number, 0 = none
} mix_record;
typedef struct mix {
    gokore_pool *pool;
    gokore_context contexts[MIX_CONTEXTS];
    gokore_atomic_u32 next; // submission
    gokore_atomic_u64 functions, spawned, spawned_ran, in_place, in_place_cancelled, fn_accepted_always, fn_ran, fn_ran_always;
    gokore_atomic_bool refused;
    mix_record records[MIX_TASKS];
} mix;
typedef struct mix_task { // on the heap, unless a thread waits for it
    gokore_task task;
    mix *all;
    uint32_t record;
    bool on_heap;
    uint64_t state;
} mix_task;
typedef struct mix_child {
    gokore_task task;
    mix *all;
    unsigned depth;
    uint64_t state;
    gokore_atomic_u32 ran;
} mix_child;

static void mix_run(gokore_worker *w, gokore_task *task);
static void mix_cancelled(gokore_task *task, gokore_status why);

static gokore_context *mix_context(mix *all, uint64_t x, uint32_t record) {
    uint32_t i = x % 3 ? 0 : 1 + (uint32_t)(x >> 8) % MIX_CONTEXTS;
    if (record < MIX_TASKS) gokore_atomic_store(&all->records[record].context, (uint8_t)i);
    return i ? &all->contexts[i - 1] : NULL;
}

static bool mix_prepare(mix *all, mix_task *t, uint64_t seed, bool on_heap) { // false: enough of them
    uint32_t record = gokore_atomic_fetch_add(&all->next, 1);
    if (record >= MIX_TASKS) return false;
    *t = (mix_task) { .task = GOKORE_TASK_INIT(mix_run), .all = all, .record = record, .on_heap = on_heap, .state = seed };
    t->task.on_cancel = mix_cancelled;
    t->task.qos = (gokore_qos)(test_random(&t->state) % 4);
    return true;
}

static void mix_result(mix *all, uint32_t record, gokore_status status) {
    CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN);
    if (status == GOKORE_OK)
        gokore_atomic_store(&all->records[record].accepted, 1);
    else
        gokore_atomic_store(&all->refused, true);
}

static bool mix_submit(mix *all, uint64_t seed) { // one or some new ones; false: no more
    gokore_task *tasks[4];
    uint32_t records[4];
    size_t n = 0, want = seed % 4 ? 1 : 1 + (size_t)(seed >> 4) % 4;
    while (n < want) {
        mix_task *t = (mix_task *)malloc(sizeof *t);
        REQUIRE(t != NULL);
        if (!mix_prepare(all, t, seed + n, true)) {
            free(t);
            break;
        }
        tasks[n] = &t->task;
        records[n++] = t->record;
    }
    if (n == 0) return false;
    gokore_context *ctx = NULL;
    for (size_t i = 0; i < n; i++) ctx = mix_context(all, seed >> 16, records[i]);
    gokore_status status = n == 1 ? gokore_pool_submit(all->pool, tasks[0], ctx) : gokore_pool_submit_many(all->pool, tasks, n,
                                                                                                           ctx);
    for (size_t i = 0; i < n; i++) mix_result(all, records[i], status);
    if (status == GOKORE_OK) return true;
    for (size_t i = 0; i < n; i++) free(tasks[i]); // ours again
    return false;
}

static void mix_fn_always(gokore_worker *w, void *arg) {
    mix *all = (mix *)arg;
    CHECK_PTR(NULL, gokore_worker_context(w));
    (void)gokore_atomic_add(&all->fn_ran_always, 1);
    (void)gokore_atomic_add(&all->functions, 1);
}

static void mix_fn(gokore_worker *w, void *arg) {
    mix *all = (mix *)arg;
    CHECK(gokore_worker_context(w) != NULL);
    (void)gokore_atomic_add(&all->fn_ran, 1);
    (void)gokore_atomic_add(&all->functions, 1);
}

static void mix_submit_fn(mix *all, uint64_t x) {
    gokore_context *ctx = mix_context(all, x, MIX_TASKS);
    gokore_status status = gokore_pool_submit_fn(all->pool, ctx ? mix_fn : mix_fn_always, all, ctx);
    CHECK(status == GOKORE_OK || status == GOKORE_SHUTDOWN);
    if (status == GOKORE_OK && !ctx) (void)gokore_atomic_add(&all->fn_accepted_always, 1);
}

static void mix_child_run(gokore_worker *w, gokore_task *task) {
    mix_child *c = (mix_child *)task;
    (void)gokore_atomic_add(&c->ran, 1);
    (void)gokore_atomic_add(&c->all->spawned_ran, 1);
    (void)gokore_atomic_add(&c->all->functions, 1);
    mix_child below[3];
    unsigned n = c->depth ? (unsigned)(test_random(&c->state) % 4) : 0;
    for (unsigned i = 0; i < n; i++) {
        below[i] = (mix_child) { .task = GOKORE_TASK_INIT(mix_child_run), .all = c->all, .depth = c->depth - 1,
                                .state = test_random(&c->state) };
        (void)gokore_atomic_add(&c->all->spawned, 1);
        gokore_spawn(w, &below[i].task);
    }
    for (unsigned i = n; i-- > 0;) {
        gokore_join(w, &below[i].task);
        CHECK_UINT(1, gokore_atomic_load(&below[i].ran));
    }
}

static void mix_spawn(gokore_worker *w, mix *all, uint64_t seed) {
    mix_child root = { .task = GOKORE_TASK_INIT(mix_child_run), .all = all, .depth = 4, .state = seed };
    (void)gokore_atomic_add(&all->spawned, 1);
    gokore_spawn(w, &root.task);
    gokore_join(w, &root.task);
    CHECK_UINT(1, gokore_atomic_load(&root.ran));
}

static void mix_in_place(mix *all, uint64_t x) { // gokore_pool_run on the pool's own worker: OK, or the context's status
    job j;
    job_init(&j);
    gokore_status status = gokore_pool_run(all->pool, &j.task, mix_context(all, x, MIX_TASKS));
    bool ok = status == GOKORE_OK;
    CHECK(ok || status == GOKORE_CANCELED);
    job_did(&j, ok ? 1 : 0, ok ? 0 : 1, status);
    (void)gokore_atomic_add(ok ? &all->in_place : &all->in_place_cancelled, 1);
    if (ok) (void)gokore_atomic_add(&all->functions, 1);
}

static bool mix_again(mix_task *t) { // the same memory; true: it is the pool's again
    mix *all = t->all;
    uint64_t x = test_random(&t->state);
    if (!mix_prepare(all, t, x, true)) return false;
    uint32_t record = t->record;
    gokore_status status = gokore_pool_submit(all->pool, &t->task, mix_context(all, x, record));
    mix_result(all, record, status);
    return status == GOKORE_OK;
}

static void mix_run(gokore_worker *w, gokore_task *task) {
    mix_task *t = (mix_task *)task;
    mix *all = t->all;
    mix_record *r = &all->records[t->record];
    CHECK_UINT(0, gokore_atomic_fetch_add(&r->ran, 1));
    (void)gokore_atomic_add(&all->functions, 1);
    uint32_t c = gokore_atomic_load(&r->context);
    CHECK_PTR(c ? &all->contexts[c - 1] : NULL, gokore_worker_context(w));
    uint64_t x = test_random(&t->state);
    bool on_heap = t->on_heap;
    switch (x % 8) {
    case 0: mix_spawn(w, all, x); break;
    case 1: mix_spawn(w, all, x), mix_in_place(all, x >> 8); break;
    case 2:
        if (on_heap && mix_again(t)) return;
        break;
    case 3: (void)mix_submit(all, x >> 8); break;
    case 4: mix_submit_fn(all, x >> 8); break;
    case 5:
        if (x >> 8 & 15) break;
        gokore_context_cancel(&all->contexts[(x >> 16) % MIX_CONTEXTS]);
        break;
    case 6: spin((x >> 8) % 2000); break;
    default: break;
    }
    if (on_heap) free(t);
}

static void mix_cancelled(gokore_task *task, gokore_status why) {
    mix_task *t = (mix_task *)task;
    mix_record *r = &t->all->records[t->record];
    CHECK_UINT(0, gokore_atomic_fetch_add(&r->cancelled, 1));
    gokore_atomic_store(&r->why, (uint8_t)why);
    bool on_heap = t->on_heap;
    if (on_heap && why == GOKORE_CANCELED && test_random(&t->state) % 2 && mix_again(t)) return;
    if (on_heap) free(t);
}

typedef struct mix_thread {
    mix *all;
    uint64_t state;
    pthread_t thread;
} mix_thread;

static void mix_wait_for_one(mix *all, uint64_t x) {
    mix_task t;
    if (!mix_prepare(all, &t, x, false)) return;
    uint32_t record = t.record;
    mix_record *r = &all->records[record];
    gokore_status status = gokore_pool_run(all->pool, &t.task, mix_context(all, x >> 8, record));
    bool ran = gokore_atomic_load(&r->ran) != 0, cancelled = gokore_atomic_load(&r->cancelled) != 0;
    CHECK(ran ? status == GOKORE_OK : status == GOKORE_CANCELED || status == GOKORE_SHUTDOWN);
    if (ran || cancelled)
        gokore_atomic_store(&r->accepted, 1);
    else
        mix_result(all, record, status);
    if (cancelled) CHECK_UINT((uint8_t)status, gokore_atomic_load(&r->why));
}

static void *mix_outside(void *p) {
    mix_thread *m = (mix_thread *)p;
    mix *all = m->all;
    while (!gokore_atomic_load(&all->refused) && gokore_atomic_load(&all->next) < MIX_TASKS) {
        uint64_t x = test_random(&m->state);
        if (x % 16 < 11) {
            (void)mix_submit(all, x >> 8);
        } else if (x % 16 < 13) {
            mix_wait_for_one(all, x >> 8);
        } else if (x % 16 == 13) {
            gokore_context patience;
            gokore_context_init_timeout(&patience, NULL, (int64_t)(x >> 8) % 50000);
            gokore_status status = gokore_pool_wait_idle(all->pool, &patience);
            CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
            gokore_context_deinit(&patience);
        } else if (x % 16 == 14) {
            CHECK(metrics_of(all->pool).executed < 100 * MIX_TASKS);
            mix_submit_fn(all, x >> 8);
        } else if ((x >> 8) % 64 == 0) {
            gokore_context_cancel(&all->contexts[(x >> 16) % MIX_CONTEXTS]);
        } else {
            gap(&m->state);
        }
    }
    return NULL;
}

static void mix_check(mix *all, mix_end end) {
    uint32_t used = gokore_atomic_load(&all->next);
    for (uint32_t i = 0; i < (used < MIX_TASKS ? used : MIX_TASKS); i++) {
        mix_record *r = &all->records[i];
        uint32_t cancelled = gokore_atomic_load(&r->cancelled), c = gokore_atomic_load(&r->context);
        CHECK_UINT(gokore_atomic_load(&r->accepted), gokore_atomic_load(&r->ran) + cancelled);
        if (!cancelled) continue;
        gokore_status why = (gokore_status)gokore_atomic_load(&r->why);
        CHECK(why == GOKORE_CANCELED || why == GOKORE_SHUTDOWN);
        if (why == GOKORE_CANCELED) CHECK(c && gokore_context_status(&all->contexts[c - 1]) == GOKORE_CANCELED);
        if (end == MIX_DRAIN || end == MIX_DRAIN_RACE) CHECK_STATUS(GOKORE_CANCELED, why);
    }
    CHECK_UINT(gokore_atomic_load(&all->spawned), gokore_atomic_load(&all->spawned_ran));
    if (end == MIX_DRAIN || end == MIX_DRAIN_RACE) CHECK_UINT(gokore_atomic_load(&all->fn_accepted_always),
                                                              gokore_atomic_load(&all->fn_ran_always));
    CHECK(gokore_atomic_load(&all->fn_ran_always) <= gokore_atomic_load(&all->fn_accepted_always));
}

static uint32_t mix_round(mix *all, uint64_t *state) {
    memset(all, 0, sizeof *all);
    mix_end end = (mix_end)(test_random(state) % MIX_ENDS);
    test_allocator a = { .fail_from = 0 };
    gokore_pool_desc desc = { .workers = 1 + (unsigned)(test_random(state) % 4), .allocator = test_allocator_hooks(&a) };
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&all->pool, &desc));
    for (int i = 0; i < MIX_CONTEXTS; i++) gokore_context_init(&all->contexts[i], i > 1 ? &all->contexts[i - 2] : NULL);
    mix_thread outside[MIX_OUTSIDE];
    for (int i = 0; i < MIX_OUTSIDE; i++) {
        outside[i] = (mix_thread) { .all = all, .state = test_random(state) };
        REQUIRE(pthread_create(&outside[i].thread, NULL, mix_outside, &outside[i]) == 0);
    }
    if (end == MIX_DRAIN_RACE || end == MIX_CUT_RACE) {
        nap((long)(test_random(state) % (3 * MS)));
        gokore_status status = gokore_pool_shutdown(all->pool,
                                                    end == MIX_DRAIN_RACE ? INT64_MAX : (int64_t)(test_random(state) % MS));
        CHECK(status == GOKORE_OK || (end == MIX_CUT_RACE && status == GOKORE_TIMEOUT));
    }
    for (int i = 0; i < MIX_OUTSIDE; i++) (void)pthread_join(outside[i].thread, NULL);
    if (end == MIX_DRAIN) CHECK_STATUS(GOKORE_OK, gokore_pool_shutdown(all->pool, INT64_MAX));
    if (end == MIX_DRAIN || end == MIX_DRAIN_RACE) {
        gokore_pool_metrics m = metrics_of(all->pool);
        CHECK_UINT(gokore_atomic_load(&all->functions), m.executed);
        CHECK_UINT(0, m.queue_depth);
    }
    gokore_pool_destroy(all->pool);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    mix_check(all, end);
    for (int i = MIX_CONTEXTS - 1; i >= 0; i--) gokore_context_deinit(&all->contexts[i]);
    return (uint32_t)gokore_atomic_load(&all->functions);
}

TEST(pool, every_task_runs_or_is_cancelled_once_whoever_submits_cancels_spawns_and_shuts_down) {
    static mix all;
    uint64_t state = test_seed(), ran = 0;
    for (int i = 0; i < 120 / SLOW; i++) ran += mix_round(&all, &state);
    CHECK(ran >= 200000 / SLOW);
}
