// test_parking.c - the contract of gokore_futex_wait_ and gokore_futex_wake_, the same on every platform. Parked on pthreads, all
// words share one queue here.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
static bool memory_out;
#define pthread_condattr_init(a) (memory_out ? ENOMEM : pthread_condattr_init(a))
#define GOKORE_PARKING_QUEUES_ 1
#define GOKORE_IMPLEMENTATION
#include "../gokore_atomic.h"

#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

static void start(gokore_thread_ *out, gokore_thread_fn_ *fn, void *arg) { REQUIRE_STATUS(GOKORE_OK, gokore_thread_start_(out, fn, arg, 0)); }

TEST(parking, another_value_comes_before_any_deadline) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(7);
    static const int64_t past[] = { INT64_MIN, -1, 0, 1 };
    for (int i = 0; i < 4; i++) {
        CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&word, 8, past[i]));
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_futex_wait_(&word, 7, past[i]));
    }
    CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&word, 8, INT64_MAX));
}

TEST(parking, no_timeout_is_early) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    uint64_t rng = test_seed();
    for (int i = 0; i < 60; i++) {
        int64_t deadline = gokore_now_ns() + (int64_t)(test_random(&rng) % 4000000);
        gokore_status status = GOKORE_OK;
        errno = 77;
        while (status == GOKORE_OK) status = gokore_futex_wait_(&word, 0, deadline); // may wake for nothing
        CHECK(gokore_now_ns() >= deadline);
        CHECK_STATUS(GOKORE_TIMEOUT, status);
        CHECK_INT(77, errno);
    }
}

TEST(parking, without_memory_ends_for_nothing_but_never_claims_a_deadline_early) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(7);
    int64_t deadline = gokore_now_ns() + 3000000;
    gokore_status status = GOKORE_OK;
    memory_out = true;
    while (status == GOKORE_OK) status = gokore_futex_wait_(&word, 7, deadline);
    CHECK(gokore_now_ns() >= deadline);
    CHECK_STATUS(GOKORE_TIMEOUT, status);
    CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&word, 8, deadline)); // another value comes first
    memory_out = false;
}

TEST(parking, a_wake_without_sleepers_is_not_remembered_and_needs_no_object) {
    gokore_atomic_u32 *word = (gokore_atomic_u32 *)gokore_heap_alloc_(sizeof *word, sizeof *word);
    REQUIRE(word != NULL);
    gokore_atomic_store(word, 0);
    errno = 77;
    gokore_futex_wake_(word, 1);
    gokore_futex_wake_(word, INT_MAX);
    CHECK_INT(77, errno);
    int64_t deadline = gokore_now_ns() + 1000000;
    while (gokore_futex_wait_(word, 0, deadline) == GOKORE_OK) {}
    volatile uintptr_t address = (uintptr_t)word; // the compiler must not see what comes
    gokore_heap_free_(word);
    gokore_futex_wake_((gokore_atomic_u32 *)address, INT_MAX); // as an unlock does whose object the next owner has freed
}

// ---- tokens: each giver wakes one for each token; a wake-up that is lost or swallowed leaves a taker asleep for ever

typedef struct tokens {
    gokore_atomic_u32 left;
    gokore_atomic_u32 taken, timeouts;
} tokens;
static uint64_t shuffle_seed;
static void shuffle(void) { // gives the processor away now and then
    static _Thread_local uint64_t state;
    if (!state) state = __atomic_load_n(&shuffle_seed, __ATOMIC_RELAXED) + (uintptr_t)&state;
    if (test_random(&state) % 4 == 0) (void)sched_yield();
}
static void take(tokens *t, int64_t patience_ns) {
    for (;;) {
        shuffle();
        if (gokore_atomic_dec_if_positive(&t->left)) break;
        shuffle();
        int64_t deadline = patience_ns == INT64_MAX ? INT64_MAX : gokore_now_ns() + patience_ns;
        if (gokore_futex_wait_(&t->left, 0, deadline) == GOKORE_OK) continue;
        (void)gokore_atomic_fetch_add_relaxed(&t->timeouts, 1);
        CHECK(gokore_now_ns() >= deadline);
    }
    (void)gokore_atomic_fetch_add_relaxed(&t->taken, 1);
}
#define TAKERS 6
#define EACH   1500
static tokens pile;
static void take_patiently(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) take(&pile, INT64_MAX);
}
static void take_hastily(void *arg) { // half of all waits end by their deadline, some of them while a wake-up is on its way
    (void)arg;
    for (int i = 0; i < EACH; i++) take(&pile, i % 40 * 1000);
}
static void give_to(gokore_thread_fn_ *const *fns) {
    gokore_thread_ takers[TAKERS];
    __atomic_store_n(&shuffle_seed, test_seed() | 1, __ATOMIC_RELAXED);
    for (int i = 0; i < TAKERS; i++) start(&takers[i], fns[i % 2], NULL);
    for (int i = 0; i < TAKERS * EACH; i++) {
        (void)gokore_atomic_fetch_add(&pile.left, 1);
        gokore_futex_wake_(&pile.left, 1);
        shuffle();
    }
    for (int i = 0; i < TAKERS; i++) gokore_thread_join_(&takers[i]);
    CHECK_UINT(TAKERS * EACH, gokore_atomic_load(&pile.taken));
    CHECK_UINT(0, gokore_atomic_load(&pile.left));
}
TEST(parking, as_many_wakes_as_tokens_lose_none) {
    static gokore_thread_fn_ *const fns[2] = { take_patiently, take_patiently };
    give_to(fns);
    CHECK_UINT(0, gokore_atomic_load(&pile.timeouts));
}
TEST(parking, who_gives_up_swallows_no_wake_up) {
    static gokore_thread_fn_ *const fns[2] = { take_patiently, take_hastily };
    give_to(fns);
}

// ---- many words, one queue

#define PAIRS 6
#define TURNS 400
typedef struct pair {
    gokore_atomic_u32 word; // whose turn it is
    gokore_thread_ threads[2];
} pair;
static pair pairs[PAIRS];
static void play(pair *p, uint32_t me) {
    for (int i = 0; i < TURNS; i++) {
        while (gokore_atomic_load(&p->word) != me) CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(&p->word, !me, INT64_MAX));
        shuffle();
        gokore_atomic_store(&p->word, !me);
        gokore_futex_wake_(&p->word, 1);
    }
}
static void play_first(void *arg) { play((pair *)arg, 0); }
static void play_second(void *arg) { play((pair *)arg, 1); }
TEST(parking, many_words_in_one_queue_each_reach_their_own_sleeper) {
    __atomic_store_n(&shuffle_seed, test_seed() | 1, __ATOMIC_RELAXED);
    for (int i = 0; i < PAIRS; i++) start(&pairs[i].threads[0], play_first, &pairs[i]), start(&pairs[i].threads[1], play_second, &pairs[i]);
    for (int i = 0; i < PAIRS; i++) gokore_thread_join_(&pairs[i].threads[0]), gokore_thread_join_(&pairs[i].threads[1]);
    for (int i = 0; i < PAIRS; i++) CHECK_UINT(0, gokore_atomic_load(&pairs[i].word));
}

typedef struct sleeper {
    gokore_atomic_u32 *word;
    gokore_atomic_u32 back; // returns of the wait
    gokore_thread_ thread;
} sleeper;
static void sleep_once(void *arg) {
    sleeper *s = (sleeper *)arg;
    while (gokore_atomic_load(s->word) == 0) {
        CHECK_STATUS(GOKORE_OK, gokore_futex_wait_(s->word, 0, INT64_MAX));
        (void)gokore_atomic_fetch_add(&s->back, 1);
    }
}
TEST(parking, one_wake_for_all_wakes_all_of_that_word) {
    static gokore_atomic_u32 words[2];
    static sleeper all[10];
    for (int i = 0; i < 10; i++) {
        all[i].word = &words[i % 2];
        start(&all[i].thread, sleep_once, &all[i]);
    }
    (void)usleep(20000); // most are asleep now; whoever is not finds the value
    gokore_atomic_store(&words[0], 1);
    gokore_futex_wake_(&words[0], INT_MAX);
    for (int i = 0; i < 10; i += 2) gokore_thread_join_(&all[i].thread);
    gokore_atomic_store(&words[1], 1);
    gokore_futex_wake_(&words[1], INT_MAX);
    for (int i = 1; i < 10; i += 2) gokore_thread_join_(&all[i].thread);
}

TEST(parking, a_wake_for_one_passes_by_who_slept_first_on_another_word) {
    static gokore_atomic_u32 words[2];
    static sleeper all[2] = { { .word = &words[0] }, { .word = &words[1] } };
    for (int i = 0; i < 2; i++) {
        start(&all[i].thread, sleep_once, &all[i]);
        (void)usleep(10000); // it is asleep now, or will find the value
    }
    gokore_atomic_store(&words[1], 1);
    gokore_futex_wake_(&words[1], 1); // the only one
    gokore_thread_join_(&all[1].thread);
    gokore_atomic_store(&words[0], 1);
    gokore_futex_wake_(&words[0], 1);
    gokore_thread_join_(&all[0].thread);
}

// Wake-ups for nothing are allowed, so this counts: they must be few, or a sleeper spins.
TEST(parking, sleepers_sleep) {
    static gokore_atomic_u32 words[2];
    static sleeper one = { .word = &words[0] };
    start(&one.thread, sleep_once, &one);
    (void)usleep(5000);
    for (int i = 0; i < 2000; i++) gokore_futex_wake_(&words[1], INT_MAX); // another word's
    (void)usleep(20000);
    CHECK(gokore_atomic_load(&one.back) < 100);
    gokore_atomic_store(&words[0], 1);
    gokore_futex_wake_(&words[0], 1);
    gokore_thread_join_(&one.thread);
}

// ---- what POSIX adds: signals, cancellation, fork

static void on_signal(int number) { (void)number; }
static void *sleep_till_deadline(void *arg) {
    gokore_atomic_u32 word = GOKORE_ATOMIC_INIT(0);
    int64_t deadline = gokore_now_ns() + 40000000;
    while (gokore_futex_wait_(&word, 0, deadline) == GOKORE_OK) {}
    CHECK(gokore_now_ns() >= deadline);
    gokore_atomic_store((gokore_atomic_u32 *)arg, 1);
    return NULL;
}
TEST(parking, signals_make_no_timeout_early) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; // no SA_RESTART
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    gokore_atomic_u32 done = GOKORE_ATOMIC_INIT(0);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, sleep_till_deadline, &done) == 0);
    while (gokore_atomic_load(&done) == 0) {
        (void)pthread_kill(thread, SIGUSR1);
        (void)usleep(300);
    }
    (void)pthread_join(thread, NULL);
}

static void *sleep_though_cancelled(void *arg) {
    sleep_once(arg);
    (void)gokore_atomic_fetch_add(&((sleeper *)arg)->back, 1000); // got here in spite of the cancellation
    pthread_testcancel();
    return NULL;
}
TEST(parking, a_sleeper_is_no_cancellation_point) {
    if (GOKORE_PLATFORM_ == GOKORE_PLATFORM_WINDOWS_) test_skip("Windows' threads can't be cancelled");
    static gokore_atomic_u32 word;
    static sleeper s = { .word = &word };
    pthread_t thread;
    void *result = NULL;
    REQUIRE(pthread_create(&thread, NULL, sleep_though_cancelled, &s) == 0);
    (void)usleep(5000);
    REQUIRE(pthread_cancel(thread) == 0);
    (void)usleep(5000);
    gokore_atomic_store(&word, 1);
    gokore_futex_wake_(&word, 1);
    REQUIRE(pthread_join(thread, &result) == 0);
    CHECK_PTR(PTHREAD_CANCELED, result);
    CHECK(gokore_atomic_load(&s.back) >= 1000);
}

static void park_in_child(void *arg) { // alone: the parent's sleepers are not here, whatever their queue held
    gokore_atomic_u32 *word = (gokore_atomic_u32 *)arg;
    gokore_futex_wake_(word, INT_MAX);
    int64_t deadline = gokore_now_ns() + 1000000;
    while (gokore_futex_wait_(word, 0, deadline) == GOKORE_OK) {}
    CHECK(gokore_now_ns() >= deadline);
}
static gokore_atomic_u32 stop;
static void wake_all_the_time(void *arg) { // so that forks come in the middle of it
    while (gokore_atomic_load(&stop) == 0) gokore_futex_wake_((gokore_atomic_u32 *)arg, 1);
}
TEST(parking, works_in_the_child_of_a_fork) {
    static gokore_atomic_u32 word, other;
    gokore_thread_ waker;
    static sleeper s = { .word = &word };
    char out[1000];
    start(&s.thread, sleep_once, &s);
    start(&waker, wake_all_the_time, &other);
    for (int i = 0; i < 30; i++) {
        (void)usleep(500);
        CHECK_INT(0, test_in_child(park_in_child, &word, out, sizeof out));
    }
    gokore_atomic_store(&stop, 1);
    gokore_thread_join_(&waker);
    gokore_atomic_store(&word, 1);
    gokore_futex_wake_(&word, 1);
    gokore_thread_join_(&s.thread);
}
