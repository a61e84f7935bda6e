// test_policy_waits.c - retries that end, slots, rate limiter: what waits in gokore_policy.h.
#include "../gokore_policy.h"
#include "../gokore_sync.h"
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

// ---- retry

typedef struct tries { // a try that answers busy some times, then something else
    unsigned calls, busy;
    gokore_status then;
    gokore_context *cancel; // cancelled by the first call
} tries;

static gokore_status try_it(void *user) {
    tries *t = user;
    if (t->cancel) gokore_context_cancel(t->cancel);
    return t->calls++ < t->busy ? GOKORE_BUSY : t->then;
}

TEST(retry_run, tries_once_and_as_often_as_allowed) {
    gokore_retry_policy policy = { .attempts = 3, .backoff_base_ns = 1000 };
    for (unsigned busy = 0; busy < 6; busy++) {
        tries t = { .busy = busy, .then = GOKORE_OK };
        gokore_retry_result r = { 99, -1 };
        CHECK_STATUS(busy > 3 ? GOKORE_TIMEOUT : GOKORE_OK, gokore_retry_run(&policy, try_it, &t, NULL, &r));
        CHECK_UINT(busy > 3 ? 4 : busy + 1, t.calls);
        CHECK_UINT(t.calls, r.attempts);
        CHECK(r.waited_ns >= (busy > 3 ? 7000 : ((1 << busy) - 1) * 1000)); // 1 + 2 + 4 us
    }
    tries none = { .busy = 9, .then = GOKORE_OK };
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_retry_run(&(gokore_retry_policy) { 0 }, try_it, &none, NULL, NULL));
    CHECK_UINT(1, none.calls);
}

TEST(retry_run, returns_every_other_answer_at_once) {
    gokore_retry_policy policy = gokore_lock_policy_default(GOKORE_QOS_GUARANTEED).retry;
    for (int s = 0; s <= GOKORE_SYSTEM; s++) {
        tries t = { .busy = 0, .then = (gokore_status)s };
        gokore_retry_result r;
        if (s == GOKORE_BUSY) continue;
        CHECK_STATUS((gokore_status)s, gokore_retry_run(&policy, try_it, &t, NULL, &r));
        CHECK_UINT(1, t.calls);
        CHECK_INT(0, r.waited_ns);
    }
}

TEST(retry_run, does_not_begin_with_a_context_that_is_over) {
    gokore_retry_policy policy = { .attempts = 2, .backoff_base_ns = MS };
    gokore_context over, late;
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    gokore_context_init_timeout(&late, NULL, 0);
    tries t = { .then = GOKORE_OK };
    gokore_retry_result r = { 9, 9 };
    CHECK_STATUS(GOKORE_CANCELED, gokore_retry_run(&policy, try_it, &t, &over, &r));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_retry_run(&policy, try_it, &t, &late, NULL));
    CHECK_UINT(0, t.calls);
    CHECK_UINT(0, r.attempts);
    CHECK_INT(0, r.waited_ns);
    gokore_context_deinit(&over);
    gokore_context_deinit(&late);
}

TEST(retry_run, a_cancelled_delay_ends_at_once) {
    gokore_retry_policy policy = { .attempts = 2, .backoff_base_ns = INT64_MAX / 2 };
    gokore_context ctx;
    gokore_context_init(&ctx, NULL);
    tries t = { .busy = 9, .then = GOKORE_OK, .cancel = &ctx };
    gokore_retry_result r;
    CHECK_STATUS(GOKORE_CANCELED, gokore_retry_run(&policy, try_it, &t, &ctx, &r)); // else it hangs for 146 years
    CHECK_UINT(1, r.attempts);
    gokore_context_deinit(&ctx);
}

TEST(retry_run, a_deadline_cuts_the_delay_and_allows_one_last_try) {
    gokore_retry_policy policy = { .attempts = 5, .backoff_base_ns = INT64_MAX / 2, .max_wait_ns = 2 * MS };
    tries t = { .busy = 1, .then = GOKORE_OK }, never = { .busy = 9 };
    gokore_retry_result r;
    CHECK_STATUS(GOKORE_OK, gokore_retry_run(&policy, try_it, &t, NULL, &r)); // by max_wait_ns
    CHECK_UINT(2, r.attempts);
    CHECK(r.waited_ns >= MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_retry_run(&policy, try_it, &never, NULL, &r));
    CHECK_UINT(2, r.attempts);
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    policy.max_wait_ns = 0;
    t = (tries) { .busy = 1, .then = GOKORE_OK };
    CHECK_STATUS(GOKORE_OK, gokore_retry_run(&policy, try_it, &t, &ctx, &r)); // by the context
    CHECK_UINT(2, r.attempts);
    gokore_context_deinit(&ctx);
}

// ---- slots

TEST(slots, are_counted) {
    gokore_slots none = { 0 }, s;
    CHECK_STATUS(GOKORE_LIMIT, gokore_slots_acquire(&none, 1, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_slots_acquire(&none, 0, NULL));
    gokore_slots_init(&s, 4);
    CHECK_STATUS(GOKORE_OK, gokore_slots_acquire(&s, 3, NULL));
    CHECK_UINT(4, gokore_slots_total(&s));
    CHECK_UINT(1, gokore_slots_available(&s));
    CHECK_STATUS(GOKORE_BUSY, gokore_slots_try_acquire(&s, 2));
    CHECK_STATUS(GOKORE_LIMIT, gokore_slots_try_acquire(&s, 5));
    CHECK_STATUS(GOKORE_LIMIT, gokore_slots_acquire(&s, UINT32_MAX, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_slots_try_acquire(&s, 1));
    CHECK_UINT(0, gokore_slots_available(&s));
    gokore_slots_release(&s, 4);
    CHECK_UINT(4, gokore_slots_available(&s));
    test_reports_capture();
    gokore_slots_release(&s, 1);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_REFCOUNT));
    CHECK_UINT(4, gokore_slots_available(&s));
}

TEST(slots, a_smaller_total_keeps_what_is_taken) {
    gokore_slots s;
    gokore_slots_init(&s, 4);
    REQUIRE_STATUS(GOKORE_OK, gokore_slots_acquire(&s, 3, NULL));
    gokore_slots_set_total(&s, 2);
    CHECK_UINT(0, gokore_slots_available(&s));
    CHECK_STATUS(GOKORE_BUSY, gokore_slots_try_acquire(&s, 1));
    gokore_slots_release(&s, 1);
    CHECK_STATUS(GOKORE_BUSY, gokore_slots_try_acquire(&s, 1));
    gokore_slots_release(&s, 1);
    CHECK_STATUS(GOKORE_OK, gokore_slots_try_acquire(&s, 1));
    CHECK_STATUS(GOKORE_LIMIT, gokore_slots_try_acquire(&s, 3));
    gokore_slots_release(&s, 2);
}

typedef struct wanting { // one that waits
    gokore_slots *slots;
    gokore_context ctx;
    pthread_t thread;
    uint32_t n;
    gokore_status status;
    gokore_atomic_u32 *turn;
    uint32_t served; // when
} wanting;

static void *want(void *p) {
    wanting *w = p;
    w->status = gokore_slots_acquire(w->slots, w->n, &w->ctx);
    w->served = gokore_atomic_add(w->turn, 1);
    return NULL;
}

static void begin(wanting *w, gokore_slots *s, uint32_t n, gokore_atomic_u32 *turn, uint32_t queued) {
    *w = (wanting) { .slots = s, .n = n, .turn = turn };
    gokore_context_init(&w->ctx, NULL);
    REQUIRE(pthread_create(&w->thread, NULL, want, w) == 0);
    for (uint32_t seen = 0; seen < queued;) { // until it waits; the library has no question for this
        seen = 0;
        gokore_latch_lock_(&s->latch_);
        for (const void *p = s->first_; p; p = *(void *const *)p) seen++; // next is the first member
        gokore_latch_unlock_(&s->latch_);
    }
}

static void end(wanting *w) {
    REQUIRE(pthread_join(w->thread, NULL) == 0);
    gokore_context_deinit(&w->ctx);
}

TEST(slots, serve_first_come_first_and_all_or_none) {
    gokore_slots s;
    gokore_atomic_u32 turn = GOKORE_ATOMIC_INIT(0);
    wanting big, small;
    gokore_slots_init(&s, 3);
    REQUIRE_STATUS(GOKORE_OK, gokore_slots_acquire(&s, 2, NULL));
    begin(&big, &s, 3, &turn, 1);
    begin(&small, &s, 1, &turn, 2);
    CHECK_STATUS(GOKORE_BUSY, gokore_slots_try_acquire(&s, 1)); // one is free, but others wait
    CHECK_UINT(0, gokore_atomic_load(&turn));
    gokore_slots_release(&s, 2);
    end(&big);
    CHECK_STATUS(GOKORE_OK, big.status);
    CHECK_UINT(1, big.served);
    gokore_slots_release(&s, 3);
    end(&small);
    CHECK_STATUS(GOKORE_OK, small.status);
    CHECK_UINT(2, gokore_slots_available(&s));
}

TEST(slots, who_gives_up_lets_the_next_pass) {
    gokore_slots s;
    gokore_atomic_u32 turn = GOKORE_ATOMIC_INIT(0);
    wanting big, small;
    gokore_slots_init(&s, 3);
    REQUIRE_STATUS(GOKORE_OK, gokore_slots_acquire(&s, 1, NULL));
    begin(&big, &s, 3, &turn, 1);
    begin(&small, &s, 2, &turn, 2);
    gokore_context_cancel(&big.ctx);
    end(&big);
    end(&small); // hangs if the one in front still counted
    CHECK_STATUS(GOKORE_CANCELED, big.status);
    CHECK_STATUS(GOKORE_OK, small.status);
    CHECK_UINT(0, gokore_slots_available(&s));
}

TEST(slots, who_waits_for_more_than_there_are_now_is_told) {
    gokore_slots s;
    gokore_atomic_u32 turn = GOKORE_ATOMIC_INIT(0);
    wanting big, small;
    gokore_slots_init(&s, 3);
    REQUIRE_STATUS(GOKORE_OK, gokore_slots_acquire(&s, 3, NULL));
    begin(&big, &s, 3, &turn, 1);
    begin(&small, &s, 1, &turn, 2);
    gokore_slots_set_total(&s, 1);
    end(&big);
    CHECK_STATUS(GOKORE_LIMIT, big.status);
    gokore_slots_set_total(&s, 4);
    end(&small);
    CHECK_STATUS(GOKORE_OK, small.status);
}

typedef struct crowd {
    gokore_slots slots;
    gokore_atomic_u32 inside, most, turns;
    uint64_t seed;
} crowd;

static void *crowd_member(void *p) {
    crowd *c = p;
    uint64_t random = c->seed + gokore_atomic_add(&c->turns, 1);
    for (int i = 0; i < 2000; i++) {
        uint32_t n = (uint32_t)(test_random(&random) % 3 + 1);
        gokore_context ctx;
        gokore_context_init_timeout(&ctx, NULL, test_random(&random) % 4 ? INT64_MAX : 20000);
        if (gokore_slots_acquire(&c->slots, n, &ctx) == GOKORE_OK) {
            uint32_t now = gokore_atomic_add(&c->inside, n);
            gokore_atomic_fetch_max(&c->most, now);
            gokore_atomic_fetch_sub(&c->inside, n);
            gokore_slots_release(&c->slots, n);
        }
        gokore_context_deinit(&ctx);
    }
    return NULL;
}

TEST(slots, are_never_given_out_twice_nor_lost) {
    crowd c = { .seed = test_seed() };
    pthread_t threads[4];
    gokore_slots_init(&c.slots, 4);
    for (int i = 0; i < 4; i++) REQUIRE(pthread_create(&threads[i], NULL, crowd_member, &c) == 0);
    for (int i = 0; i < 4; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    CHECK(gokore_atomic_load(&c.most) <= 4);
    CHECK_UINT(4, gokore_slots_available(&c.slots));
}

// ---- rate limiter

TEST(rate, a_zeroed_one_has_no_limit) {
    gokore_rate_limiter l = { 0 };
    CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_try_acquire(&l, UINT64_MAX));
    CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_acquire(&l, UINT64_MAX, NULL));
}

TEST(rate, gives_the_burst_at_once_and_no_more) {
    gokore_rate_limiter l;
    gokore_rate_limiter_init(&l, 1, 100); // one a second: none comes while this runs, or one
    CHECK_STATUS(GOKORE_LIMIT, gokore_rate_limiter_try_acquire(&l, 101));
    CHECK_STATUS(GOKORE_LIMIT, gokore_rate_limiter_acquire(&l, 101, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_try_acquire(&l, 60));
    CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_acquire(&l, 40, NULL));
    CHECK_STATUS(GOKORE_BUSY, gokore_rate_limiter_try_acquire(&l, 90));
}

static uint64_t tokens_in(uint64_t rate, uint64_t ns) { // rounded down; rate at most 10^10
    return ns / 1000000000 * rate + ns % 1000000000 * rate / 1000000000;
}

TEST(rate, tokens_come_in_as_time_passes) {
    uint64_t random = test_seed();
    for (int i = 0; i < 200; i++) {
        gokore_rate_limiter l;
        uint64_t rate = test_random(&random) % UINT64_C(10000000000) + 1, passed = test_random(&random) % 60000000000u;
        gokore_rate_limiter_init(&l, rate, INT64_MAX / 4);
        int64_t before = l.at_ns_ -= (int64_t)passed; // as if it had been emptied that long ago
        l.level_ = 0;
        CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_try_acquire(&l, tokens_in(rate, passed)));
        CHECK((uint64_t)l.level_ <= tokens_in(rate, (uint64_t)(gokore_now_ns() - before)) - tokens_in(rate, passed));
        CHECK(l.level_ >= 0);
    }
}

TEST(rate, a_wait_past_the_deadline_is_not_begun) {
    gokore_rate_limiter l;
    gokore_context ctx, over;
    gokore_rate_limiter_init(&l, 1, 1000000);
    REQUIRE_STATUS(GOKORE_OK, gokore_rate_limiter_acquire(&l, 1000000, NULL));
    gokore_context_init_timeout(&ctx, NULL, 1000 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_rate_limiter_acquire(&l, 1000000, &ctx)); // eleven days
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&ctx));
    CHECK(l.level_ >= 0); // nothing is promised
    gokore_context_init(&over, NULL);
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_CANCELED, gokore_rate_limiter_acquire(&l, 0, &over));
    gokore_context_deinit(&ctx);
    gokore_context_deinit(&over);
}

static void *cancel_when_promised(void *p) {
    void **both = p;
    gokore_rate_limiter *l = both[0];
    for (bool promised = false; !promised;) {
        gokore_latch_lock_(&l->latch_);
        promised = l->level_ < 0;
        gokore_latch_unlock_(&l->latch_);
    }
    gokore_context_cancel(both[1]);
    return NULL;
}

TEST(rate, a_cancelled_wait_gives_its_tokens_back) {
    gokore_rate_limiter l;
    gokore_context ctx;
    pthread_t thread;
    gokore_rate_limiter_init(&l, 1, 1000000);
    gokore_context_init(&ctx, NULL);
    REQUIRE_STATUS(GOKORE_OK, gokore_rate_limiter_acquire(&l, 1000000, NULL));
    void *both[2] = { &l, &ctx };
    REQUIRE(pthread_create(&thread, NULL, cancel_when_promised, both) == 0);
    CHECK_STATUS(GOKORE_CANCELED, gokore_rate_limiter_acquire(&l, 1000000, &ctx));
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK(l.level_ >= 0);
    gokore_context_deinit(&ctx);
}

static void *take_many(void *p) {
    for (int i = 0; i < 50; i++) (void)!gokore_rate_limiter_acquire(p, 1 + (uint64_t)i % 3, NULL);
    return NULL;
}

TEST(rate, never_gives_more_than_came_in) {
    gokore_rate_limiter l;
    pthread_t threads[3];
    int64_t start = gokore_now_ns();
    gokore_rate_limiter_init(&l, 20000, 4);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, take_many, &l) == 0);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    int64_t taken = 3 * (17 * 1 + 17 * 2 + 16 * 3), came = 4 + (gokore_now_ns() - start) / 50000 + 1;
    CHECK(taken <= came);
}
