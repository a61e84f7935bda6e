// The mutex's state machine: hand-over against cancelling, expiring, destroying.
#define GOKORE_IMPLEMENTATION
#include "gokore_sync.h"

#include "explore.h"

static gokore_mutex lock;
static gokore_context ctx;
static int inside, balance; // plain: a race if the lock does not order them
static gokore_status answers[8];

static void section(void) {
    CHECK(inside++ == 0);
    balance++;
    inside--;
    gokore_mutex_unlock(&lock);
}
static void taker(void *arg) {
    (void)arg;
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    section();
}
static void taker_twice(void *arg) {
    taker(arg);
    taker(arg);
}
static void taker_with_context(void *arg) {
    (void)arg;
    answers[0] = gokore_mutex_lock(&lock, &ctx);
    if (answers[0] == GOKORE_OK) section();
}
static void taker_with_timeout(void *arg) {
    (void)arg;
    answers[1] = gokore_mutex_try_lock(&lock, 1000);
    if (answers[1] == GOKORE_OK) section();
}
static void trier(void *arg) {
    (void)arg;
    answers[2] = gokore_mutex_try_lock(&lock, 0);
    if (answers[2] == GOKORE_OK) section();
}
static void canceller(void *arg) {
    (void)arg;
    gokore_context_cancel(&ctx);
}
static void nothing_is_left(void) {
    const gokore_bucket_ *b = gokore_bucket_of_(&lock);
    CHECK(gokore_atomic_load_relaxed(&lock.sync_.word_) == 0);
    CHECK(b->queue.head == NULL && b->queue.tail == NULL);
    CHECK(gokore_atomic_load_relaxed(&b->latch.word_) == 0);
    CHECK(ctx.waiters_ == NULL && inside == 0);
    CHECK(gokore_mutex_try_lock(&lock, 0) == GOKORE_OK);
    gokore_mutex_unlock(&lock);
}
static void all_took(int n) {
    explore_join();
    CHECK(balance == n);
    nothing_is_left();
}

SCENARIO(mutex, two_threads_take_turns, .bound = 6, .stale = 2, .spurious = 1, .jumps = 1) {
    explore_go(taker_twice, NULL);
    explore_go(taker_twice, NULL);
    all_took(4);
}
SCENARIO(mutex, three_threads_take_turns, .bound = 4, .stale = 1, .spurious = 1, .jumps = 1) {
    explore_go(taker, NULL);
    explore_go(taker, NULL);
    explore_go(taker, NULL);
    all_took(3);
}
static void one_is_cancelled(void) {
    explore_go(taker, NULL);
    explore_go(taker_with_context, NULL);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(answers[0] == GOKORE_OK || answers[0] == GOKORE_CANCELED);
    all_took(1 + (answers[0] == GOKORE_OK));
}
SCENARIO(mutex, a_cancelled_waiter_leaves_nothing_and_swallows_no_wake_up, .bound = 4, .stale = 1, .spurious = 1, .jumps = 1) { one_is_cancelled(); }
SCENARIO(mutex, a_cancelled_waiter_leaves_nothing_and_swallows_no_wake_up_on_two_words, .bound = 4, .stale = 1, .spurious = 1, .jumps = 1, .two_words = 1) { one_is_cancelled(); }
SCENARIO(mutex, an_expired_waiter_leaves_nothing_and_swallows_no_wake_up, .bound = 4, .stale = 1, .expiries = 1, .spurious = 1, .jumps = 1) {
    explore_go(taker, NULL);
    explore_go(taker_with_timeout, NULL);
    explore_go(taker, NULL);
    explore_join();
    CHECK(answers[1] == GOKORE_OK || answers[1] == GOKORE_TIMEOUT);
    all_took(2 + (answers[1] == GOKORE_OK));
}
static void one_of_each(void) {
    explore_go(taker, NULL);
    explore_go(taker_with_context, NULL);
    explore_go(taker_with_timeout, NULL);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(answers[0] == GOKORE_OK || answers[0] == GOKORE_CANCELED);
    CHECK(answers[1] == GOKORE_OK || answers[1] == GOKORE_TIMEOUT);
    all_took(1 + (answers[0] == GOKORE_OK) + (answers[1] == GOKORE_OK));
}
SCENARIO(mutex, one_cancels_one_expires_one_takes, .bound = 4, .expiries = 1, .jumps = 1) { one_of_each(); }
SCENARIO(mutex, one_cancels_one_expires_one_takes_on_two_words, .bound = 4, .expiries = 1, .jumps = 1, .two_words = 1) { one_of_each(); }
static void cancelled_while_held(void) {
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    explore_go(taker_with_context, NULL);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(answers[0] == GOKORE_CANCELED && gokore_atomic_load_relaxed(&lock.sync_.word_) == GOKORE_SYNC_LOCKED_);
    gokore_mutex_unlock(&lock);
    nothing_is_left();
}
SCENARIO(mutex, a_waiter_is_cancelled_while_the_lock_stays_held, .bound = 6, .stale = 2, .spurious = 1) { cancelled_while_held(); }
SCENARIO(mutex, a_waiter_is_cancelled_while_the_lock_stays_held_on_two_words, .bound = 6, .stale = 2, .spurious = 1, .two_words = 1) { cancelled_while_held(); }
static void canceller_then_taker(void *arg) {
    canceller(arg);
    taker(arg);
}
SCENARIO(mutex, an_unlock_against_a_waiter_that_leaves, .bound = 5, .stale = 1) {
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    balance++;
    explore_go(taker_with_context, NULL);
    explore_go(canceller_then_taker, NULL);
    gokore_mutex_unlock(&lock);
    explore_join();
    all_took(2 + (answers[0] == GOKORE_OK));
}
SCENARIO(mutex, a_try_never_waits, .bound = 6, .stale = 2, .jumps = 1) {
    explore_go(taker, NULL);
    explore_go(trier, NULL);
    explore_go(taker, NULL);
    explore_join();
    CHECK(answers[2] == GOKORE_OK || answers[2] == GOKORE_BUSY);
    all_took(2 + (answers[2] == GOKORE_OK));
}

// who has the lock last may free it: the unlocker does not touch it once another may have it
static void last_one_frees(void *arg) {
    gokore_mutex *m = arg;
    CHECK(gokore_mutex_lock(m, NULL) == GOKORE_OK);
    bool last = ++balance == 2;
    gokore_mutex_unlock(m);
    if (last) GOKORE_SEAM_FREE_(m);
}
SCENARIO(mutex, an_unlocker_does_not_touch_it_any_more, .bound = 6, .stale = 1, .jumps = 2) {
    gokore_mutex *m = GOKORE_SEAM_ALLOC_(sizeof *m, _Alignof(gokore_mutex));
    gokore_mutex_init(m, NULL);
    explore_go(last_one_frees, m);
    explore_go(last_one_frees, m);
    explore_join();
}
