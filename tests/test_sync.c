// test_sync.c - gokore_sync.h: contexts that end, a mutex that gives up, and the moments where both happen at once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/waiting.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOCKED = 1, PARKED = 2 }; // bits of the lock word, as gokore_sync.h describes them

static uint32_t word(const gokore_mutex *m) { return gokore_atomic_load(&m->sync_.word_); }
static void take(gokore_mutex *m) { REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL)); }

// ---- contexts: one thread

TEST(context, a_zeroed_one_is_live_and_has_no_deadline) {
    gokore_context zero = { 0 }, set_up, child;
    memset(&set_up, 0xa5, sizeof set_up);
    memset(&child, 0xa5, sizeof child);
    gokore_context_init(&set_up, NULL);
    gokore_context_init(&child, &zero);
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&zero));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&set_up));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&child));
    CHECK_INT(INT64_MAX, gokore_context_deadline_ns(&zero));
    CHECK_INT(INT64_MAX, gokore_context_deadline_ns(&set_up));
    CHECK_INT(INT64_MAX, gokore_context_deadline_ns(&child));
    gokore_context_cancel(&zero);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&child));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&set_up));
    gokore_context_deinit(&child);
    gokore_context_deinit(&zero);
    gokore_context_deinit(&set_up);
}

TEST(context, null_is_never_over) {
    CHECK_STATUS(GOKORE_OK, gokore_context_status(NULL));
    CHECK_INT(INT64_MAX, gokore_context_deadline_ns(NULL));
}

TEST(context, cancel_reaches_all_below_and_nobody_else) {
    gokore_context root, a, b, aa, ab, aaa;
    gokore_context_init(&root, NULL);
    gokore_context_init(&a, &root);
    gokore_context_init(&b, &root);
    gokore_context_init(&aa, &a);
    gokore_context_init(&ab, &a);
    gokore_context_init(&aaa, &aa);
    gokore_context_cancel(&a);
    gokore_context_cancel(&a);
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&root));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&b));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&a));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&aa));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&ab));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&aaa));
    gokore_context_cancel(&root);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&b));
    gokore_context *all[] = { &aa, &root, &aaa, &b, &a, &ab };
    for (size_t i = 0; i < COUNT(all); i++) gokore_context_deinit(all[i]);
}

// A forest against a model: parents, and who is cancelled. Each one is a block of its own: a stale link is seen.
enum { FOREST = 48 };
typedef struct forest {
    gokore_context *node[FOREST];
    int parent[FOREST]; // -1 = a root
    bool over[FOREST];
    uint64_t rng;
} forest;

static bool forest_is_below(const forest *f, int node, int top) {
    while (node != top && node >= 0) node = f->parent[node];
    return node == top;
}
static int forest_pick(forest *f, bool alive) {
    for (int tries = 0; tries < 4 * FOREST; tries++) {
        int i = (int)(test_random(&f->rng) % FOREST);
        if ((f->node[i] != NULL) == alive) return i;
    }
    return -1;
}
static void forest_add(forest *f) {
    int i = forest_pick(f, false), parent = forest_pick(f, true);
    if (i < 0) return;
    if (test_random(&f->rng) % 6 == 0 || (parent >= 0 && f->over[parent] && test_random(&f->rng) % 4)) parent = -1;
    REQUIRE((f->node[i] = (gokore_context *)malloc(sizeof(gokore_context))) != NULL);
    gokore_context_init(f->node[i], parent < 0 ? NULL : f->node[parent]);
    f->parent[i] = parent;
    f->over[i] = parent >= 0 && f->over[parent];
}
static void forest_remove(forest *f) {
    int i = forest_pick(f, true);
    if (i < 0) return;
    gokore_context_deinit(f->node[i]);
    free(f->node[i]);
    f->node[i] = NULL;
    for (int c = 0; c < FOREST; c++)
        if (f->node[c] && f->parent[c] == i) f->parent[c] = f->parent[i];
}
static void forest_cancel(forest *f) {
    int i = forest_pick(f, true);
    if (i < 0) return;
    gokore_context_cancel(f->node[i]);
    for (int c = 0; c < FOREST; c++)
        if (f->node[c] && forest_is_below(f, c, i)) f->over[c] = true;
}
static void forest_check(const forest *f) {
    for (int i = 0; i < FOREST; i++)
        if (f->node[i]) CHECK_STATUS(f->over[i] ? GOKORE_CANCELED : GOKORE_OK, gokore_context_status(f->node[i]));
}

TEST(context, random_trees_agree_with_a_model) {
    static forest f;
    f.rng = test_seed();
    for (int step = 0; step < 20000; step++) {
        uint64_t what = test_random(&f.rng) % 16;
        if (what < 8)
            forest_add(&f);
        else if (what < 14)
            forest_remove(&f);
        else
            forest_cancel(&f);
        if (what >= 14) forest_check(&f);
    }
    for (int i = 0; i < FOREST; i++)
        if (f.node[i]) gokore_context_deinit(f.node[i]), free(f.node[i]);
}

TEST(context, children_of_a_deinited_middle_are_reached_from_the_grandparent) {
    gokore_context root, child[3];
    gokore_context *middle = (gokore_context *)malloc(sizeof *middle);
    REQUIRE(middle != NULL);
    gokore_context_init(&root, NULL);
    gokore_context_init(middle, &root);
    for (int i = 0; i < 3; i++) gokore_context_init(&child[i], middle);
    gokore_context_deinit(middle);
    free(middle);
    gokore_context_deinit(&child[1]);
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&child[0]));
    gokore_context_cancel(&root);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&child[0]));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&child[2]));
    gokore_context_deinit(&root);
    gokore_context_deinit(&child[0]);
    gokore_context_deinit(&child[2]);
}

TEST(context, orphans_of_a_deinited_root_live_on) {
    gokore_context *root = (gokore_context *)malloc(sizeof *root);
    gokore_context a, b, below;
    REQUIRE(root != NULL);
    gokore_context_init(root, NULL);
    gokore_context_init(&a, root);
    gokore_context_init(&b, root);
    gokore_context_deinit(root);
    free(root);
    gokore_context_init(&below, &a);
    gokore_context_cancel(&a);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&below));
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&b));
    gokore_context_deinit(&a);
    gokore_context_deinit(&below);
    gokore_context_deinit(&b);
}

TEST(context, first_cause_stays) {
    gokore_context ctx;
    for (bool in_time = false; !in_time; gokore_context_deinit(&ctx)) { // on a busy machine the deadline may come first
        gokore_context_init_timeout(&ctx, NULL, 5 * MS);
        gokore_context_cancel(&ctx);
        in_time = gokore_now_ns() < gokore_context_deadline_ns(&ctx);
        if (!in_time) continue;
        CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&ctx));
        pause_ns(6 * MS);
        CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&ctx));
    }
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&ctx));
    gokore_context_cancel(&ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&ctx));
    gokore_context_deinit(&ctx);
}

// "Does nothing to a context that is over": also where nobody has looked at it since its deadline.
TEST(context, cancel_after_the_deadline_leaves_the_timeout_as_the_cause) {
    gokore_context ctx, child;
    gokore_context_init_timeout(&ctx, NULL, MS);
    gokore_context_init(&child, &ctx);
    pause_ns(2 * MS);
    REQUIRE(gokore_now_ns() >= gokore_context_deadline_ns(&ctx));
    gokore_context_cancel(&ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&ctx));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&child));
    gokore_context_deinit(&child);
    gokore_context_deinit(&ctx);
}

TEST(context, child_of_one_that_is_over_is_over_for_the_same_cause) {
    gokore_context ctx, child;
    gokore_context_init(&ctx, NULL);
    gokore_context_cancel(&ctx);
    gokore_context_init_timeout(&child, &ctx, 1000 * MS);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&child));
    gokore_context_deinit(&child);
    gokore_context_deinit(&ctx);
    gokore_context_init_timeout(&ctx, NULL, MS);
    pause_ns(2 * MS); // nobody has looked at the parent yet
    gokore_context_init(&child, &ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&child));
    gokore_context_deinit(&child);
    gokore_context_deinit(&ctx);
}

TEST(context, deadline_is_the_nearest_of_all_ancestors) {
    int64_t now = gokore_now_ns(), far = now + 60000 * MS, near = now + 30000 * MS;
    gokore_context root, later, none, nearer, below, plain;
    gokore_context_init_deadline(&root, NULL, far);
    gokore_context_init_deadline(&later, &root, far + MS);
    gokore_context_init(&none, &root);
    gokore_context_init_deadline(&nearer, &root, near);
    gokore_context_init_timeout(&below, &nearer, 50000 * MS);
    gokore_context_init(&plain, NULL);
    CHECK_INT(far, gokore_context_deadline_ns(&root));
    CHECK_INT(far, gokore_context_deadline_ns(&later));
    CHECK_INT(far, gokore_context_deadline_ns(&none));
    CHECK_INT(near, gokore_context_deadline_ns(&nearer));
    CHECK_INT(near, gokore_context_deadline_ns(&below));
    CHECK_INT(INT64_MAX, gokore_context_deadline_ns(&plain));
    gokore_context *all[] = { &root, &nearer, &below, &none, &later, &plain };
    for (size_t i = 0; i < COUNT(all); i++) gokore_context_deinit(all[i]);
}

TEST(context, timeout_of_nothing_or_less_is_over_at_once) {
    static const int64_t none[] = { 0, -1, -MS, INT64_MIN + 1, INT64_MIN };
    for (size_t i = 0; i < COUNT(none); i++) {
        gokore_context ctx, child;
        gokore_context_init_timeout(&ctx, NULL, none[i]);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&ctx));
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&ctx));
        gokore_context_init(&child, &ctx);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&child));
        gokore_context_deinit(&ctx);
        gokore_context_deinit(&child);
        gokore_context_init_deadline(&ctx, NULL, none[i]);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&ctx));
        gokore_context_deinit(&ctx);
    }
    gokore_context past;
    gokore_context_init_deadline(&past, NULL, gokore_now_ns() - 1);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_status(&past));
    gokore_context_deinit(&past);
}

static void *cancel_after_a_while(void *ctx) {
    pause_ns(2 * MS);
    gokore_context_cancel((gokore_context *)ctx);
    return NULL;
}
TEST(context, times_at_the_end_of_the_scale_do_not_overflow) {
    static const int64_t huge[] = { INT64_MAX, INT64_MAX - 1, INT64_MAX / 2, INT64_MAX / 1000 };
    for (size_t i = 0; i < COUNT(huge); i++)
        for (int absolute = 0; absolute < 2; absolute++) {
            gokore_context ctx, child;
            if (absolute)
                gokore_context_init_deadline(&ctx, NULL, huge[i]);
            else
                gokore_context_init_timeout(&ctx, NULL, huge[i]);
            gokore_context_init_timeout(&child, &ctx, INT64_MAX);
            CHECK_STATUS(GOKORE_OK, gokore_context_status(&ctx));
            CHECK(gokore_context_deadline_ns(&ctx) >= huge[i]);
            CHECK_INT(gokore_context_deadline_ns(&ctx), gokore_context_deadline_ns(&child));
            pthread_t canceller = begin(cancel_after_a_while, &ctx);
            CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&child)); // and it does wait for it
            end(canceller);
            gokore_context_deinit(&child);
            gokore_context_deinit(&ctx);
        }
}

TEST(context, wait_and_status_never_see_a_deadline_early) {
    uint64_t rng = test_seed();
    for (int i = 0; i < 60; i++) {
        int64_t timeout = (int64_t)(test_random(&rng) % (uint64_t)(3 * MS)) + 1, before = gokore_now_ns();
        gokore_context ctx, child;
        gokore_context_init_timeout(&ctx, NULL, timeout);
        gokore_context_init(&child, &ctx);
        CHECK(gokore_context_deadline_ns(&ctx) >= before + timeout);
        if (i % 3 == 0)
            while (gokore_context_status(&child) == GOKORE_OK) gokore_cpu_relax();
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&child));
        CHECK(gokore_now_ns() >= before + timeout);
        gokore_context_deinit(&ctx);
        gokore_context_deinit(&child);
    }
}

TEST(context, a_hundred_thousand_children_come_and_go) {
    enum { CHILDREN = 100000 };
    static gokore_context child[CHILDREN];
    for (int order = 0; order < 3; order++) {
        gokore_context root;
        gokore_context_init(&root, NULL);
        for (int i = 0; i < CHILDREN; i++) gokore_context_init(&child[i], &root);
        gokore_context_cancel(&root);
        int live = 0;
        for (int i = 0; i < CHILDREN; i++) live += gokore_context_status(&child[i]) != GOKORE_CANCELED;
        CHECK_INT(0, live);
        if (order == 2) gokore_context_deinit(&root);
        for (int i = 0; i < CHILDREN; i++) gokore_context_deinit(&child[order == 1 ? CHILDREN - 1 - i : i]);
        if (order != 2) gokore_context_deinit(&root);
    }
}

TEST(context, a_hundred_thousand_levels_need_no_stack) {
    enum { LEVELS = 100000 };
    static gokore_context level[LEVELS];
    gokore_context_init(&level[0], NULL);
    for (int i = 1; i < LEVELS; i++) gokore_context_init(&level[i], &level[i - 1]);
    gokore_context_cancel(&level[1]);
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&level[0]));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&level[1]));
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&level[LEVELS - 1]));
    for (int i = 0; i < LEVELS; i++) gokore_context_deinit(&level[i]);
}

// ---- contexts: several threads

typedef struct waiter { // one thread that waits once: for the context, or for the mutex
    gokore_mutex *m;
    gokore_context *ctx;
    int64_t sleep_ns;
    gokore_atomic_bool *keep; // holds the mutex until this is set
    int *order, *turn;        // *order = ++*turn, under the mutex
    gokore_status status;
    gokore_atomic_u64 id;     // of its thread, for the kernel
    pthread_t thread;
} waiter;

static void *waiter_main(void *p) {
    waiter *w = (waiter *)p;
    gokore_atomic_store(&w->id, gokore_thread_id_());
    if (!w->m) {
        w->status = w->sleep_ns ? gokore_sleep_ns(w->sleep_ns, w->ctx) : gokore_context_wait(w->ctx);
        return NULL;
    }
    w->status = gokore_mutex_lock(w->m, w->ctx);
    if (w->status != GOKORE_OK) return NULL;
    if (w->order) *w->order = ++*w->turn;
    while (w->keep && !gokore_atomic_load(w->keep)) pause_ns(20 * US);
    gokore_mutex_unlock(w->m);
    return NULL;
}
static void waiter_begin(waiter *w) {
    w->status = GOKORE_SYSTEM;
    w->thread = begin(waiter_main, w);
}

TEST(context, cancel_wakes_all_who_wait_below_it) {
    static gokore_mutex m;
    gokore_context root, child, grandchild, other;
    gokore_context_init(&root, NULL);
    gokore_context_init(&child, &root);
    gokore_context_init_timeout(&grandchild, &child, INT64_MAX / 2);
    gokore_context_init(&other, &root);
    waiter w[] = { { .ctx = &child },
                   { .ctx = &child },
                   { .ctx = &grandchild },
                   { .ctx = &grandchild, .sleep_ns = INT64_MAX },
                   { .ctx = &grandchild, .m = &m },
                   { .ctx = &child, .m = &m },
                   { .ctx = &other } };
    take(&m);
    for (size_t i = 0; i < COUNT(w); i++) waiter_begin(&w[i]);
    until_waiting(&child, 3);
    until_waiting(&grandchild, 3);
    until_waiting(&other, 1);
    gokore_context_cancel(&child);
    for (size_t i = 0; i + 1 < COUNT(w); i++) {
        end(w[i].thread);
        CHECK_STATUS(GOKORE_CANCELED, w[i].status);
    }
    CHECK_STATUS(GOKORE_OK, gokore_context_status(&other));
    gokore_context_cancel(&root);
    end(w[COUNT(w) - 1].thread);
    CHECK_STATUS(GOKORE_CANCELED, w[COUNT(w) - 1].status);
    CHECK_UINT(LOCKED, word(&m));
    gokore_mutex_unlock(&m);
    gokore_context_deinit(&root);
    gokore_context_deinit(&child);
    gokore_context_deinit(&grandchild);
    gokore_context_deinit(&other);
}

TEST(context, deinit_under_a_waiter_is_reported) {
    gokore_context ctx;
    gokore_context_init(&ctx, NULL);
    waiter w = { .ctx = &ctx };
    waiter_begin(&w);
    until_waiting(&ctx, 1);
    test_reports_capture();
    gokore_context_deinit(&ctx);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_CONTEXT_BUSY));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_context_cancel(&ctx); // lets the thread go
    end(w.thread);
    CHECK_STATUS(GOKORE_CANCELED, w.status);
}

typedef struct news {
    gokore_context root, child;
    int written; // before the cancel
} news;
static void *tell_news(void *p) {
    news *n = (news *)p;
    n->written = 42;
    gokore_context_cancel(&n->root);
    return NULL;
}
TEST(context, what_happened_before_the_cancel_is_visible) {
    for (int i = 0; i < 40; i++) {
        news n = { .written = 0 };
        gokore_context_init(&n.root, NULL);
        gokore_context_init(&n.child, &n.root);
        pthread_t teller = begin(tell_news, &n);
        if (i % 2)
            while (gokore_context_status(&n.child) == GOKORE_OK) gokore_cpu_relax();
        else
            CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&n.child));
        CHECK_INT(42, n.written);
        end(teller);
        gokore_context_deinit(&n.root);
        gokore_context_deinit(&n.child);
    }
}

// Rounds: workers make and unmake children of a root while it is being cancelled; whoever is left must be over.
enum { RACERS = 3, KEPT = 4 };
typedef struct race {
    pthread_barrier_t barrier;
    gokore_context *root;
    gokore_atomic_bool cancelled, stop;
    uint64_t seed;
} race;
typedef struct racer {
    race *of;
    uint64_t rng;
    gokore_context kept[KEPT];
} racer;

static void race_once(racer *r) {
    gokore_context middle, leaf, side;
    bool late = gokore_atomic_load(&r->of->cancelled);
    gokore_context_init(&middle, r->of->root);
    gokore_context_init_timeout(&side, &middle, INT64_MAX);
    gokore_context_init(&leaf, &middle);
    bool side_first = test_random(&r->rng) % 2;
    if (side_first) gokore_context_deinit(&side);
    gokore_context_deinit(&middle); // its child becomes the root's
    if (late) CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&leaf));
    if (!side_first) gokore_context_deinit(&side);
    gokore_context_deinit(&leaf);
}
static void *race_main(void *p) {
    racer *r = (racer *)p;
    for (;;) {
        (void)pthread_barrier_wait(&r->of->barrier);
        if (gokore_atomic_load(&r->of->stop)) return NULL;
        uint64_t before = test_random(&r->rng) % 8, after = test_random(&r->rng) % 8;
        for (uint64_t i = 0; i < before; i++) race_once(r);
        for (int i = 0; i < KEPT; i++) gokore_context_init(&r->kept[i], i % 2 ? &r->kept[i - 1] : r->of->root);
        for (uint64_t i = 0; i < after; i++) race_once(r);
        CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&r->kept[test_random(&r->rng) % KEPT]));
        (void)pthread_barrier_wait(&r->of->barrier);
        for (int i = 0; i < KEPT; i++) {
            CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&r->kept[i]));
            gokore_context_deinit(&r->kept[i]);
        }
        (void)pthread_barrier_wait(&r->of->barrier);
    }
}
TEST(context, cancel_may_race_with_children_that_come_and_go) {
    static race all;
    static racer r[RACERS];
    pthread_t thread[RACERS];
    uint64_t rng = test_seed();
    REQUIRE(pthread_barrier_init(&all.barrier, NULL, RACERS + 1) == 0);
    for (int i = 0; i < RACERS; i++) {
        r[i] = (racer) { .of = &all, .rng = test_random(&rng) };
        thread[i] = begin(race_main, &r[i]);
    }
    int rounds = 0;
    for (int64_t until = gokore_now_ns() + 400 * MS; gokore_now_ns() < until; rounds++) {
        gokore_context *root = (gokore_context *)malloc(sizeof *root); // a block of its own: a stale link is seen
        REQUIRE(root != NULL);
        gokore_context_init(root, NULL);
        all.root = root;
        gokore_atomic_store(&all.cancelled, false);
        (void)pthread_barrier_wait(&all.barrier);
        spin_ns((int64_t)(test_random(&rng) % 20000));
        gokore_context_cancel(root);
        gokore_atomic_store(&all.cancelled, true);
        (void)pthread_barrier_wait(&all.barrier);
        if (rounds % 2) gokore_context_deinit(root), memset(root, 0x5a, sizeof *root);
        (void)pthread_barrier_wait(&all.barrier);
        if (rounds % 2 == 0) gokore_context_deinit(root);
        free(root);
    }
    gokore_atomic_store(&all.stop, true);
    (void)pthread_barrier_wait(&all.barrier);
    for (int i = 0; i < RACERS; i++) end(thread[i]);
    CHECK(rounds > 0);
}

static void *cancel_at_once(void *ctx) {
    gokore_context_cancel((gokore_context *)ctx);
    return NULL;
}
TEST(context, several_threads_may_cancel_at_once) {
    for (int i = 0; i < 50; i++) {
        gokore_context root, child;
        gokore_context_init(&root, NULL);
        gokore_context_init_timeout(&child, &root, (i % 5) * 20 * US + 1);
        waiter w = { .ctx = &child };
        waiter_begin(&w);
        pthread_t a = begin(cancel_at_once, &root), b = begin(cancel_at_once, &child);
        pthread_t c = begin(cancel_at_once, &root);
        end(a), end(b), end(c), end(w.thread);
        CHECK(w.status == GOKORE_CANCELED || w.status == GOKORE_TIMEOUT);
        CHECK_STATUS(w.status, gokore_context_status(&child)); // all see the same cause
        CHECK_STATUS(GOKORE_CANCELED, gokore_context_status(&root));
        gokore_context_deinit(&root);
        gokore_context_deinit(&child);
    }
}

// ---- sleep

TEST(sleep, is_never_early) {
    uint64_t rng = test_seed();
    for (int i = 0; i < 60; i++) {
        int64_t ns = (int64_t)(test_random(&rng) % (uint64_t)(2 * MS)), before = gokore_now_ns();
        gokore_context ctx = { 0 };
        CHECK_STATUS(GOKORE_OK, gokore_sleep_ns(ns, i % 2 ? &ctx : NULL));
        CHECK(gokore_now_ns() >= before + ns);
    }
}

TEST(sleep, of_nothing_returns_what_the_context_says) {
    gokore_context live = { 0 }, over = { 0 };
    gokore_context_cancel(&over);
    static const int64_t none[] = { 0, -1, INT64_MIN };
    for (size_t i = 0; i < COUNT(none); i++) {
        CHECK_STATUS(GOKORE_OK, gokore_sleep_ns(none[i], NULL));
        CHECK_STATUS(GOKORE_OK, gokore_sleep_ns(none[i], &live));
        CHECK_STATUS(GOKORE_CANCELED, gokore_sleep_ns(none[i], &over));
    }
    CHECK_STATUS(GOKORE_CANCELED, gokore_sleep_ns(INT64_MAX, &over));
}

TEST(sleep, ends_with_its_context) {
    int64_t before = gokore_now_ns();
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_sleep_ns(INT64_MAX, &ctx));
    CHECK(gokore_now_ns() >= before + 2 * MS);
    CHECK_UINT(0, waiting(&ctx));
    gokore_context_deinit(&ctx);
    gokore_context_init(&ctx, NULL);
    waiter w = { .ctx = &ctx, .sleep_ns = INT64_MAX - 1 };
    waiter_begin(&w);
    until_waiting(&ctx, 1);
    gokore_context_cancel(&ctx);
    end(w.thread);
    CHECK_STATUS(GOKORE_CANCELED, w.status);
    gokore_context_deinit(&ctx);
}

static void on_signal(int number) { (void)number; }
typedef struct pestered {
    gokore_mutex *m;
    gokore_atomic_bool done;
} pestered;
static void *pestered_main(void *p) {
    pestered *me = (pestered *)p;
    int64_t before = gokore_now_ns();
    CHECK_STATUS(GOKORE_OK, gokore_sleep_ns(5 * MS, NULL));
    CHECK(gokore_now_ns() >= before + 5 * MS);
    before = gokore_now_ns();
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(me->m, 5 * MS));
    CHECK(gokore_now_ns() >= before + 5 * MS);
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 5 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_context_wait(&ctx));
    CHECK(gokore_now_ns() >= before + 10 * MS);
    gokore_context_deinit(&ctx);
    gokore_atomic_store(&me->done, true);
    return NULL;
}
TEST(sleep, and_other_waits_are_not_cut_short_by_signals) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; // without SA_RESTART
    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    gokore_mutex m = GOKORE_MUTEX_INIT;
    pestered p = { .m = &m };
    take(&m);
    pthread_t thread = begin(pestered_main, &p);
    while (!gokore_atomic_load(&p.done)) {
        (void)pthread_kill(thread, SIGUSR1);
        pause_ns(100 * US);
    }
    end(thread);
    CHECK_UINT(LOCKED, word(&m));
    gokore_mutex_unlock(&m);
}

// ---- the mutex: one thread, or threads one after the other

TEST(mutex, is_ready_when_zeroed_initialised_or_set_up) {
    static gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT("Ready");
    static gokore_mutex zero, init = GOKORE_MUTEX_INIT, with_class = GOKORE_MUTEX_INIT_CLASS(&cls);
    gokore_mutex set_up, described;
    memset(&set_up, 0xa5, sizeof set_up);
    memset(&described, 0xa5, sizeof described);
    gokore_mutex_init(&set_up, NULL);
    gokore_mutex_init(&described, &(gokore_mutex_desc) { 0 });
    CHECK(sizeof(gokore_mutex) <= 16);
    gokore_mutex *all[] = { &zero, &init, &with_class, &set_up, &described };
    for (size_t i = 0; i < COUNT(all); i++)
        for (int again = 0; again < 3; again++) {
            CHECK(!gokore_mutex_is_held(all[i]));
            CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(all[i], NULL));
            CHECK(gokore_mutex_is_held(all[i]));
            gokore_mutex_assert_held(all[i]);
            gokore_mutex_unlock(all[i]);
            CHECK(!gokore_mutex_is_held(all[i]));
            CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(all[i], 0));
            gokore_mutex_unlock(all[i]);
            CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(all[i], INT64_MAX));
            gokore_mutex_unlock(all[i]);
            CHECK_UINT(0, word(all[i]));
        }
    for (size_t i = 0; i < COUNT(all); i++) gokore_mutex_deinit(all[i]);
}

static void find_it_busy(void *p) {
    gokore_mutex *m = (gokore_mutex *)p;
    static const int64_t at_once[] = { 0, -1, INT64_MIN };
    for (size_t i = 0; i < COUNT(at_once); i++) CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(m, at_once[i]));
    static const int64_t timeouts[] = { 1, 50 * US, MS, 3 * MS };
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        int64_t before = gokore_now_ns();
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(m, timeouts[i]));
        CHECK(gokore_now_ns() >= before + timeouts[i]);
        gokore_context ctx;
        gokore_context_init_timeout(&ctx, NULL, timeouts[i]);
        CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(m, &ctx));
        CHECK(gokore_now_ns() >= gokore_context_deadline_ns(&ctx));
        gokore_context_deinit(&ctx);
        CHECK_UINT(LOCKED, word(m));
    }
}
TEST(mutex, try_lock_says_busy_at_once_and_timeout_never_early) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    take(&m);
    test_on_thread(find_it_busy, &m);
    gokore_mutex_unlock(&m);
    CHECK_UINT(0, word(&m));
}

TEST(mutex, try_lock_on_ones_own_is_busy) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    take(&m);
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&m, 0));
    gokore_mutex_assert_held(&m);
    gokore_mutex_unlock(&m);
    CHECK_UINT(0, word(&m));
}

TEST(mutex, context_that_is_over_is_refused_even_on_a_free_lock) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_context cancelled, late, below, live;
    gokore_context_init(&cancelled, NULL);
    gokore_context_init(&below, &cancelled);
    gokore_context_cancel(&cancelled);
    gokore_context_init_timeout(&late, NULL, 0);
    gokore_context_init_timeout(&live, NULL, INT64_MAX);
    CHECK_STATUS(GOKORE_CANCELED, gokore_mutex_lock(&m, &cancelled));
    CHECK_STATUS(GOKORE_CANCELED, gokore_mutex_lock(&m, &below));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(&m, &late));
    CHECK_UINT(0, word(&m));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, &live));
    gokore_mutex_unlock(&m);
    gokore_context_deinit(&cancelled);
    gokore_context_deinit(&below);
    gokore_context_deinit(&late);
    gokore_context_deinit(&live);
}

TEST(mutex, unlock_of_a_free_one_is_reported_and_harmless) {
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    take(&m);
    gokore_mutex_unlock(&m);
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->severity);
    CHECK_UINT(0, word(&m));
    take(&m);
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}

static void unlock_it(void *m) { gokore_mutex_unlock((gokore_mutex *)m); }
static void assert_it(void *m) { gokore_mutex_assert_held((gokore_mutex *)m); }

TEST(mutex, deinit_of_a_held_one_is_reported) {
    test_reports_capture();
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "till" });
    take(&m);
    gokore_mutex_deinit(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STR("till", test_reports_find(GOKORE_REPORT_LOCK_DESTROYED_HELD)->resource);
    CHECK_UINT(0, word(&m));
    gokore_mutex free_one = GOKORE_MUTEX_INIT;
    gokore_mutex_deinit(&free_one);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(mutex, reports_call_it_by_its_name_its_class_or_its_address) {
    static gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT("Ledger");
    char name[] = "north counter", address[32];
    gokore_mutex named, classed, both, bare;
    gokore_mutex_init(&named, &(gokore_mutex_desc) { .name = name });
    gokore_mutex_init(&classed, &(gokore_mutex_desc) { .lock_class = &cls });
    gokore_mutex_init(&both, &(gokore_mutex_desc) { .lock_class = &cls, .name = name });
    gokore_mutex_init(&bare, NULL);
    memset(name, '#', sizeof name - 1); // it was copied
    (void)snprintf(address, sizeof address, "%p", (void *)&bare);
    struct { gokore_mutex *m; const char *title; } all[] = {
        { &named, "north counter" }, { &classed, "Ledger" }, { &both, "north counter" }, { &bare, address }
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        test_reports_capture();
        gokore_mutex_unlock(all[i].m);
        gokore_mutex_assert_held(all[i].m);
        REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD) == 2);
        CHECK_CONTAINS(all[i].title, test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->message);
        CHECK_CONTAINS(all[i].title, test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->resource);
        gokore_mutex_deinit(all[i].m);
    }
}

TEST(mutex, forgets_its_name_when_it_is_set_up_anew) {
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "first" });
    gokore_mutex_deinit(&m);
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "second" });
    test_reports_capture();
    gokore_mutex_unlock(&m);
    REQUIRE(test_reports_count(GOKORE_REPORT_NONE) == 1);
    CHECK_CONTAINS("second", test_reports_find(GOKORE_REPORT_NONE)->message);
    gokore_mutex_init(&m, NULL); // without deinit: its memory is simply used again
    gokore_mutex_unlock(&m);
    REQUIRE(test_reports_count(GOKORE_REPORT_NONE) == 2);
    test_reports_capture();
    gokore_mutex_unlock(&m);
    CHECK(strstr(test_reports_find(GOKORE_REPORT_NONE)->message, "second") == NULL);
    gokore_mutex_deinit(&m);
}

TEST(mutex, held_is_asserted_by_the_thread_that_holds_it) {
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_mutex_assert_held(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    take(&m);
    gokore_mutex_assert_held(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_mutex_unlock(&m);
}

TEST(mutex, assert_held_on_another_thread_is_reported_where_locks_are_watched) {
    test_only_with("LOCKORDER=1");
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    take(&m);
    test_on_thread(assert_it, &m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_mutex_unlock(&m);
}

TEST(mutex, unlock_by_another_thread_is_reported_where_locks_are_watched) { // case S63
    test_only_with("LOCKORDER=1");
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    take(&m);
    test_on_thread(unlock_it, &m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

static void take_it_for_good(void *m) { take((gokore_mutex *)m); }
TEST(mutex, unlock_after_the_death_of_its_owner_is_reported) { // case S63
    test_only_with("LOCKORDER=1");
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    test_on_thread(take_it_for_good, &m);
    CHECK(gokore_mutex_is_held(&m));
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD));
}

// Two callers' bugs are two reports, and no phantom lock.
TEST(mutex, owner_whose_lock_another_released_is_not_locked_out) {
    test_reports_capture();
    gokore_mutex m = GOKORE_MUTEX_INIT;
    take(&m);
    test_on_thread(unlock_it, &m); // LOCK_WRONG_THREAD where locks are watched
    gokore_mutex_unlock(&m);       // LOCK_NOT_HELD
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL)); // it is free
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
}

// ---- the mutex: waiting, giving up, being handed the lock

TEST(mutex, one_who_gives_up_leaves_no_trace_whoever_stands_around_him) {
    for (unsigned leaving = 0; leaving < 8; leaving++) { // any of three in line
        static gokore_mutex m;
        gokore_context ctx[3];
        int turn = 0, order[3] = { 0 };
        waiter w[3];
        take(&m);
        for (int i = 0; i < 3; i++) {
            gokore_context_init(&ctx[i], NULL);
            w[i] = (waiter) { .m = &m, .ctx = &ctx[i], .order = &order[i], .turn = &turn };
            waiter_begin(&w[i]);
            until_waiting(&ctx[i], 1);
        }
        CHECK_UINT(LOCKED | PARKED, word(&m));
        for (int i = 0; i < 3; i++)
            if (leaving >> i & 1) gokore_context_cancel(&ctx[i]);
        for (int i = 0; i < 3; i++)
            if (leaving >> i & 1) end(w[i].thread);
        CHECK_UINT(leaving == 7 ? LOCKED : LOCKED | PARKED, word(&m));
        CHECK_INT(0, turn);
        pause_ns(MS); // from here on the lock is handed over
        gokore_mutex_unlock(&m);
        int next = 0;
        for (int i = 0; i < 3; i++) {
            if (!(leaving >> i & 1)) end(w[i].thread), next++;
            CHECK_STATUS(leaving >> i & 1 ? GOKORE_CANCELED : GOKORE_OK, w[i].status);
            CHECK_INT(leaving >> i & 1 ? 0 : next, order[i]);
            CHECK_UINT(0, waiting(&ctx[i]));
            gokore_context_deinit(&ctx[i]);
        }
        CHECK_UINT(0, word(&m));
    }
}

TEST(mutex, one_who_has_waited_a_millisecond_is_handed_the_lock) {
    static gokore_mutex m;
    for (int round = 0; round < 20; round++) {
        gokore_atomic_bool keep = GOKORE_ATOMIC_INIT(false);
        gokore_context ctx = { 0 };
        waiter w = { .m = &m, .ctx = &ctx, .keep = &keep };
        take(&m);
        waiter_begin(&w);
        until_waiting(&ctx, 1);
        pause_ns(MS);
        gokore_mutex_unlock(&m);
        CHECK(gokore_mutex_is_held(&m)); // it was never free
        CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&m, 0));
        gokore_atomic_store(&keep, true);
        end(w.thread);
        CHECK_STATUS(GOKORE_OK, w.status);
        CHECK_UINT(0, word(&m));
    }
}

TEST(mutex, hands_itself_on_first_come_first_served) {
    enum { LINE = 6 };
    static gokore_mutex m;
    for (int round = 0; round < 4; round++) {
        gokore_context ctx[LINE] = { 0 };
        waiter w[LINE];
        int turn = 0, order[LINE] = { 0 };
        take(&m);
        for (int i = 0; i < LINE; i++) {
            w[i] = (waiter) { .m = &m, .ctx = &ctx[i], .order = &order[i], .turn = &turn };
            waiter_begin(&w[i]);
            until_waiting(&ctx[i], 1);
        }
        pause_ns(MS);
        gokore_mutex_unlock(&m);
        take(&m); // whoever comes back at once comes last
        CHECK_INT(LINE, turn);
        gokore_mutex_unlock(&m);
        for (int i = 0; i < LINE; i++) {
            end(w[i].thread);
            CHECK_INT(i + 1, order[i]);
        }
    }
}

static bool is_asleep(const waiter *w) { // in a system call
    char path[64], text[512] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%llu/stat", (unsigned long long)gokore_atomic_load(&w->id));
    FILE *f = fopen(path, "r");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = 0;
    const char *behind = strrchr(text, ')'); // of the thread's name
    return behind && behind[1] == ' ' && behind[2] == 'S';
}
static int64_t waits_since(gokore_context *ctx) { // 0 = not now
    gokore_latch_lock_(&ctx->latch_);
    int64_t since_ns = ctx->waiters_ ? ctx->waiters_->since_ns_ : 0;
    gokore_latch_unlock_(&ctx->latch_);
    return since_ns;
}
TEST(mutex, one_who_is_woken_and_beaten_to_it_keeps_his_place) {
    test_only_with("PLATFORM=LINUX"); // asks /proc whether they sleep
    test_only_with("FUTEX=0");        // asks the list that a context keeps where there is no futex_waitv
    static gokore_mutex m;
    int beaten = 0;
    for (int round = 0; round < 200 && beaten < 20; round++) {
        gokore_context ctx[2] = { 0 };
        int turn = 0, order[2] = { 0 };
        waiter w[2];
        take(&m);
        for (int i = 0; i < 2; i++) {
            w[i] = (waiter) { .m = &m, .ctx = &ctx[i], .order = &order[i], .turn = &turn };
            waiter_begin(&w[i]);
            while (waiting(&ctx[i]) != 1 || !is_asleep(&w[i])) (void)sched_yield();
        }
        int64_t since_ns = waits_since(&ctx[0]), again_ns = 0;
        gokore_mutex_unlock(&m); // wakes the first, and leaves the lock free, if neither has waited for long
        bool taken = gokore_mutex_try_lock(&m, 0) == GOKORE_OK, mine = taken && turn == 0;
        if (mine) {
            while (!is_asleep(&w[0])) (void)sched_yield(); // it is back in line
            while (!(again_ns = waits_since(&ctx[0]))) (void)sched_yield();
            CHECK_INT(since_ns, again_ns); // the millisecond after which it is handed the lock goes on
            pause_ns(MS);
            beaten++;
        }
        if (taken) gokore_mutex_unlock(&m);
        end(w[0].thread), end(w[1].thread);
        if (mine) CHECK_INT(1, order[0]);
        CHECK_UINT(0, word(&m));
    }
}

TEST(mutex, waiters_of_another_mutex_in_the_same_queue_are_left_alone) {
    enum { MANY = 2048 };
    static gokore_mutex many[MANY]; // two of them share one of 256 buckets
    int first[256], a = -1, b = -1;
    memset(first, 0xff, sizeof first);
    for (int i = 0; i < MANY && a < 0; i++) {
        uint64_t bucket = (uint64_t)(uintptr_t)&many[i] * 0x9e3779b97f4a7c15u >> 56; // as gokore_bucket_of_ has it
        if (first[bucket] >= 0) a = first[bucket], b = i;
        first[bucket] = i;
    }
    REQUIRE(a >= 0);
    gokore_mutex *m[2] = { &many[a], &many[b] };
    gokore_context ctx[4] = { 0 };
    waiter w[4];
    take(m[0]);
    take(m[1]);
    for (int i = 0; i < 4; i++) {
        w[i] = (waiter) { .m = m[i % 2], .ctx = &ctx[i] };
        waiter_begin(&w[i]);
        until_waiting(&ctx[i], 1);
    }
    gokore_context_cancel(&ctx[0]);
    end(w[0].thread);
    CHECK_UINT(LOCKED | PARKED, word(m[0]));
    CHECK_UINT(LOCKED | PARKED, word(m[1]));
    gokore_mutex_unlock(m[1]); // its first waiter stands at the head of the common queue
    end(w[1].thread);
    end(w[3].thread);
    CHECK_STATUS(GOKORE_OK, w[1].status);
    CHECK_STATUS(GOKORE_OK, w[3].status);
    CHECK_UINT(LOCKED | PARKED, word(m[0]));
    CHECK_UINT(0, word(m[1]));
    gokore_context_cancel(&ctx[2]);
    end(w[2].thread);
    CHECK_UINT(LOCKED, word(m[0]));
    gokore_mutex_unlock(m[0]);
    CHECK_UINT(0, word(m[0]));
}

typedef struct crowd { // threads that count under one lock
    gokore_mutex m;
    int64_t count; // under m
    gokore_atomic_bool stop;
    gokore_atomic_u32 inside;
    int times;
} crowd;
static void *count_up(void *p) {
    crowd *c = (crowd *)p;
    for (int i = 0; i < c->times; i++) {
        take(&c->m);
        CHECK_UINT(0, gokore_atomic_fetch_add_relaxed(&c->inside, 1));
        c->count++;
        (void)gokore_atomic_fetch_sub_relaxed(&c->inside, 1);
        gokore_mutex_unlock(&c->m);
    }
    return NULL;
}
TEST(mutex, lets_one_in_at_a_time) {
    enum { THREADS = 8, TIMES = 10000 };
    static crowd c = { .times = TIMES };
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) thread[i] = begin(count_up, &c);
    for (int i = 0; i < THREADS; i++) end(thread[i]);
    CHECK_INT(THREADS * TIMES, c.count);
    CHECK_UINT(0, word(&c.m));
}

static void *barge(void *p) { // comes back the moment it has left
    crowd *c = (crowd *)p;
    while (!gokore_atomic_load_relaxed(&c->stop)) {
        take(&c->m);
        c->count++;
        gokore_mutex_unlock(&c->m);
    }
    return NULL;
}
TEST(mutex, does_not_starve_a_waiter_among_those_who_barge_in) {
    static crowd c;
    pthread_t thread[3];
    for (size_t i = 0; i < COUNT(thread); i++) thread[i] = begin(barge, &c);
    for (int i = 0; i < 50; i++) { // without hand-over this ends by luck only
        take(&c.m);
        gokore_mutex_unlock(&c.m);
    }
    gokore_atomic_store(&c.stop, true);
    for (size_t i = 0; i < COUNT(thread); i++) end(thread[i]);
    CHECK_UINT(0, word(&c.m));
}

// Threads that lock in every way there is, and give up at any moment: timeouts of microseconds, contexts that
// others cancel.
enum { FICKLE = 4 };
typedef struct fickle {
    struct turmoil *of;
    uint64_t rng;
    int64_t got, refused;
    pthread_mutex_t guard; // of ctx and live
    gokore_context ctx;
    bool live;
} fickle;
typedef struct turmoil {
    gokore_mutex m;
    int64_t count; // under m
    gokore_atomic_bool stop;
    fickle thread[FICKLE];
} turmoil;

static void fickle_cancel_one(fickle *me) {
    fickle *other = &me->of->thread[test_random(&me->rng) % FICKLE];
    (void)pthread_mutex_lock(&other->guard);
    if (other->live) gokore_context_cancel(&other->ctx);
    (void)pthread_mutex_unlock(&other->guard);
}
static gokore_status fickle_lock_until_cancelled(fickle *me, int64_t timeout_ns) {
    (void)pthread_mutex_lock(&me->guard);
    gokore_context_init_timeout(&me->ctx, NULL, timeout_ns);
    me->live = true;
    (void)pthread_mutex_unlock(&me->guard);
    gokore_status status = gokore_mutex_lock(&me->of->m, &me->ctx);
    (void)pthread_mutex_lock(&me->guard);
    me->live = false;
    gokore_context_deinit(&me->ctx);
    (void)pthread_mutex_unlock(&me->guard);
    return status;
}
static gokore_status fickle_lock(fickle *me) {
    int64_t ns = (int64_t)(test_random(&me->rng) % 60000);
    switch (test_random(&me->rng) % 5) {
    case 0: return gokore_mutex_lock(&me->of->m, NULL);
    case 1: return gokore_mutex_try_lock(&me->of->m, 0);
    case 2: return gokore_mutex_try_lock(&me->of->m, ns);
    case 3: return fickle_lock_until_cancelled(me, ns);
    default: return fickle_lock_until_cancelled(me, INT64_MAX);
    }
}
static void *fickle_main(void *p) {
    fickle *me = (fickle *)p;
    while (!gokore_atomic_load_relaxed(&me->of->stop)) {
        if (fickle_lock(me) == GOKORE_OK) {
            me->of->count++;
            me->got++;
            if (test_random(&me->rng) % 8 == 0) spin_ns((int64_t)(test_random(&me->rng) % 30000));
            if (test_random(&me->rng) % 4 == 0) (void)sched_yield(); // the others come, and wait
            if (test_random(&me->rng) % 4 == 0) fickle_cancel_one(me);
            gokore_mutex_unlock(&me->of->m);
        } else {
            me->refused++;
        }
    }
    return NULL;
}
TEST(mutex, loses_nobody_when_waiters_give_up_at_any_moment) {
    static turmoil t;
    pthread_t thread[FICKLE];
    uint64_t rng = test_seed();
    for (int i = 0; i < FICKLE; i++) {
        t.thread[i].of = &t;
        t.thread[i].rng = test_random(&rng);
        REQUIRE(pthread_mutex_init(&t.thread[i].guard, NULL) == 0);
    }
    for (int i = 0; i < FICKLE; i++) thread[i] = begin(fickle_main, &t.thread[i]);
    pause_ns(900 * MS);
    gokore_atomic_store(&t.stop, true);
    int64_t got = 0, refused = 0;
    for (int i = 0; i < FICKLE; i++) {
        end(thread[i]);
        got += t.thread[i].got;
        refused += t.thread[i].refused;
    }
    CHECK_INT(t.count, got);
    CHECK(got > 0 && refused > 0);
    CHECK_UINT(0, word(&t.m));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(&t.m, 0));
    gokore_mutex_unlock(&t.m);
}

// Many locks, one waiter each, all of them given up on in the moment in which they are unlocked, over and over.
enum { PAIRS = 12 };
typedef struct collision {
    pthread_barrier_t barrier;
    gokore_context ctx;
    gokore_mutex m[PAIRS];
    int64_t count[PAIRS]; // each under its lock
    gokore_status status[PAIRS];
    gokore_atomic_bool stop;
    gokore_atomic_u32 go;
    bool cancels;         // else the deadline does it
    int64_t offset_ns;
} collision;
typedef struct party {
    collision *of;
    int index;
} party;
static void *collide(void *p) {
    party *me = (party *)p;
    collision *c = me->of;
    for (;;) {
        (void)pthread_barrier_wait(&c->barrier);
        if (gokore_atomic_load(&c->stop)) return NULL;
        c->status[me->index] = gokore_mutex_lock(&c->m[me->index], &c->ctx);
        if (c->status[me->index] == GOKORE_OK) {
            c->count[me->index]++;
            gokore_mutex_unlock(&c->m[me->index]);
        }
        (void)pthread_barrier_wait(&c->barrier);
    }
}
static void *collide_cancel(void *p) {
    collision *c = (collision *)p;
    for (;;) {
        (void)pthread_barrier_wait(&c->barrier);
        if (gokore_atomic_load(&c->stop)) return NULL;
        while (!gokore_atomic_load_acquire(&c->go)) (void)sched_yield();
        spin_ns(c->offset_ns);
        if (c->cancels) gokore_context_cancel(&c->ctx);
        (void)pthread_barrier_wait(&c->barrier);
    }
}
static void collision_round(collision *c, uint64_t *rng, int64_t counts[2]) {
    bool handed = test_random(rng) % 4 == 0; // all have waited for a millisecond
    int first = (int)(test_random(rng) % PAIRS);
    for (int i = 0; i < PAIRS; i++) take(&c->m[i]);
    c->cancels = test_random(rng) % 2;
    c->offset_ns = (int64_t)(test_random(rng) % 30000);
    gokore_atomic_store(&c->go, 0);
    gokore_context_init_timeout(&c->ctx, NULL, c->cancels ? INT64_MAX : (handed ? 1800 : 700) * US);
    (void)pthread_barrier_wait(&c->barrier);
    while (waiting(&c->ctx) != PAIRS && gokore_context_status(&c->ctx) == GOKORE_OK) (void)sched_yield();
    if (handed && c->cancels) pause_ns(MS);
    if (!c->cancels)
        while (gokore_now_ns() < gokore_context_deadline_ns(&c->ctx) - 15 * US + c->offset_ns) (void)sched_yield();
    gokore_atomic_store_release(&c->go, 1);
    spin_ns((int64_t)(test_random(rng) % 2 * (test_random(rng) % 60000)));
    for (int i = 0; i < PAIRS; i++) {
        gokore_mutex_unlock(&c->m[(first + i) % PAIRS]);
        spin_ns((int64_t)(test_random(rng) % 2000));
    }
    (void)pthread_barrier_wait(&c->barrier);
    for (int i = 0; i < PAIRS; i++) {
        gokore_status s = c->status[i];
        CHECK(s == GOKORE_OK || s == (c->cancels ? GOKORE_CANCELED : GOKORE_TIMEOUT));
        CHECK_UINT(0, word(&c->m[i]));
        CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(&c->m[i], 0)); // it is free, whoever won
        gokore_mutex_unlock(&c->m[i]);
        counts[s == GOKORE_OK]++;
    }
    CHECK_UINT(0, waiting(&c->ctx));
    gokore_context_deinit(&c->ctx);
}
TEST(mutex, loses_nobody_when_unlock_and_giving_up_collide) {
    static collision c;
    party parties[PAIRS];
    pthread_t thread[PAIRS + 1];
    uint64_t rng = test_seed();
    REQUIRE(pthread_barrier_init(&c.barrier, NULL, PAIRS + 2) == 0);
    for (int i = 0; i < PAIRS; i++) {
        parties[i] = (party) { &c, i };
        thread[i] = begin(collide, &parties[i]);
    }
    thread[PAIRS] = begin(collide_cancel, &c);
    int64_t counts[2] = { 0, 0 }, total = 0;
    for (int64_t until = gokore_now_ns() + 900 * MS; gokore_now_ns() < until || counts[1] == 0;) collision_round(&c, &rng, counts);
    gokore_atomic_store(&c.stop, true);
    (void)pthread_barrier_wait(&c.barrier);
    for (int i = 0; i <= PAIRS; i++) end(thread[i]);
    for (int i = 0; i < PAIRS; i++) total += c.count[i];
    CHECK_INT(total, counts[1]);
}

// The last of three owners frees the memory in which the mutex lies, the moment it has unlocked it.
enum { OWNERS = 3 };
typedef struct block {
    gokore_mutex m;
    int owners; // under m
} block;
typedef struct handing {
    gokore_atomic_ptr object;
    gokore_atomic_u32 round, done;
    gokore_atomic_bool stop;
} handing;
static void *own_for_a_while(void *p) {
    handing *h = (handing *)p;
    for (uint32_t seen_round = 0;;) {
        while (gokore_atomic_load_acquire(&h->round) == seen_round)
            if (gokore_atomic_load(&h->stop) || sched_yield()) return NULL;
        seen_round++;
        block *b = (block *)gokore_atomic_load_acquire(&h->object);
        take(&b->m);
        bool last = --b->owners == 0;
        if (seen_round % 4 == 0) (void)sched_yield(); // let the others sleep
        gokore_mutex_unlock(&b->m);
        if (last) {
            gokore_mutex_deinit(&b->m);
            memset(b, 0xdd, sizeof *b);
            free(b);
        }
        (void)gokore_atomic_add(&h->done, 1);
    }
}
TEST(mutex, may_be_freed_by_its_next_owner_right_after_unlock) {
    static handing h;
    pthread_t thread[OWNERS];
    for (int i = 0; i < OWNERS; i++) thread[i] = begin(own_for_a_while, &h);
    uint32_t rounds = 0;
    for (int64_t until = gokore_now_ns() + 500 * MS; gokore_now_ns() < until;) {
        block *b = (block *)malloc(sizeof *b);
        REQUIRE(b != NULL);
        gokore_mutex_init(&b->m, NULL);
        b->owners = OWNERS;
        gokore_atomic_store(&h.done, 0);
        gokore_atomic_store_release(&h.object, b);
        gokore_atomic_store_release(&h.round, ++rounds);
        while (gokore_atomic_load(&h.done) != OWNERS) (void)sched_yield();
    }
    gokore_atomic_store(&h.stop, true);
    for (int i = 0; i < OWNERS; i++) end(thread[i]);
    CHECK(rounds > 0);
}

TEST(mutex, waits_in_one_thread_do_not_disturb_thousands_of_held_ones) {
    enum { HELD = 200 };
    static gokore_mutex held[HELD];
    for (int i = 0; i < HELD; i++) take(&held[i]);
    test_on_thread(find_it_busy, &held[HELD / 2]);
    for (int i = 0; i < HELD; i++) CHECK_UINT(LOCKED, word(&held[i]));
    for (int i = 0; i < HELD; i++) gokore_mutex_unlock(&held[(i * 7 + 3) % HELD]); // in any order
    for (int i = 0; i < HELD; i++) CHECK_UINT(0, word(&held[i]));
}

TEST(mutex, waiting_for_a_context_while_it_is_held_is_reported_where_locks_are_watched) {
    test_only_with("LOCKORDER=1");
    test_reports_capture();
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "door" });
    gokore_context over = { 0 };
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&over));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    take(&m);
    CHECK_STATUS(GOKORE_CANCELED, gokore_context_wait(&over));
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD) == 1);
    CHECK_INT(GOKORE_SEVERITY_WARNING, test_reports_find(GOKORE_REPORT_LOCK_WAIT_HELD)->severity);
    CHECK_CONTAINS("'door'", test_reports_find(GOKORE_REPORT_LOCK_WAIT_HELD)->message);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
}

// ---- observers

typedef struct seen {
    gokore_atomic_u32 acquired, released, waits, stacks;
    gokore_atomic_i64 waited_ns;
    const void *lock;
} seen;
static void see_acquired(void *user, const void *lock, void *const *stack, size_t depth) {
    seen *s = (seen *)user;
    (void)gokore_atomic_add(&s->acquired, 1);
    if (depth > 0 && stack[0]) (void)gokore_atomic_add(&s->stacks, 1);
    CHECK_PTR(s->lock, lock);
    CHECK(gokore_mutex_is_held((const gokore_mutex *)lock));
}
static void see_released(void *user, const void *lock) {
    seen *s = (seen *)user;
    (void)gokore_atomic_add(&s->released, 1);
    CHECK_PTR(s->lock, lock);
    CHECK(gokore_mutex_is_held((const gokore_mutex *)lock)); // before it is given up
}
static void see_wait(void *user, const void *lock, int64_t duration_ns) {
    seen *s = (seen *)user;
    (void)gokore_atomic_add(&s->waits, 1);
    (void)gokore_atomic_add(&s->waited_ns, duration_ns);
    CHECK(duration_ns > 0);
    CHECK_PTR(s->lock, lock);
}
static void check_seen(seen *s, uint32_t acquired, uint32_t released, uint32_t waits) {
    CHECK_UINT(acquired, gokore_atomic_load(&s->acquired));
    CHECK_UINT(acquired * TEST_STACKS, gokore_atomic_load(&s->stacks));
    CHECK_UINT(released, gokore_atomic_load(&s->released));
    CHECK_UINT(waits, gokore_atomic_load(&s->waits));
}
static void be_refused(void *p) {
    gokore_mutex *m = (gokore_mutex *)p;
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(m, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(m, MS));
}

TEST(observer, sees_each_acquisition_release_and_wait) {
    gokore_mutex m;
    seen s = { .lock = &m };
    gokore_lock_observer o = { see_acquired, see_released, see_wait, &s };
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .observer = &o });
    take(&m);
    check_seen(&s, 1, 0, 0);
    test_on_thread(be_refused, &m);
    check_seen(&s, 1, 0, 1); // a wait that failed is a wait; BUSY is none
    CHECK(gokore_atomic_load(&s.waited_ns) >= MS);
    gokore_mutex_unlock(&m);
    check_seen(&s, 1, 1, 1);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(&m, 0));
    gokore_context ctx = { 0 };
    waiter w = { .m = &m, .ctx = &ctx };
    waiter_begin(&w);
    until_waiting(&ctx, 1);
    pause_ns(MS);
    gokore_mutex_unlock(&m);
    end(w.thread);
    CHECK_STATUS(GOKORE_OK, w.status);
    check_seen(&s, 3, 3, 2);
    CHECK(gokore_atomic_load(&s.waited_ns) >= 2 * MS);
    gokore_context_cancel(&ctx);
    CHECK_STATUS(GOKORE_CANCELED, gokore_mutex_lock(&m, &ctx));
    check_seen(&s, 3, 3, 2);
    gokore_mutex_deinit(&m);
}

TEST(observer, may_come_and_go) {
    static gokore_mutex m;
    seen s = { .lock = &m };
    gokore_lock_observer o = { see_acquired, see_released, see_wait, &s }, nothing = { 0 };
    gokore_mutex_set_observer(&m, NULL);
    take(&m);
    gokore_mutex_unlock(&m);
    gokore_mutex_set_observer(&m, &o);
    take(&m);
    gokore_mutex_unlock(&m);
    check_seen(&s, 1, 1, 0);
    gokore_mutex_set_observer(&m, &nothing); // each member is optional
    take(&m);
    test_on_thread(be_refused, &m);
    gokore_mutex_unlock(&m);
    gokore_mutex_set_observer(&m, NULL);
    CHECK_UINT(0, word(&m));
    take(&m);
    gokore_mutex_unlock(&m);
    check_seen(&s, 1, 1, 0);
    gokore_mutex_set_observer(&m, &o);
    gokore_mutex_deinit(&m);
    gokore_mutex_init(&m, NULL); // the next one at this address has none
    take(&m);
    gokore_mutex_unlock(&m);
    check_seen(&s, 1, 1, 0);
}

TEST(observer, does_not_change_what_reports_say) {
    seen s = { 0 };
    gokore_lock_observer o = { see_acquired, see_released, see_wait, &s };
    gokore_mutex m;
    s.lock = &m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "watched", .observer = &o });
    test_reports_capture();
    gokore_mutex_unlock(&m);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD) == 1);
    CHECK_CONTAINS("'watched'", test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->message);
    check_seen(&s, 0, 0, 0);
    gokore_mutex_set_observer(&m, NULL);
    gokore_mutex_unlock(&m);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    gokore_mutex_deinit(&m);
}
