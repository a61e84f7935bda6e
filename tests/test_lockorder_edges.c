// test_lockorder_edges.c - gokore_lockorder.h where it is seldom: names that are none, pins, locks of other threads, nesting,
// writers that fail, graphs with cycles, deadlocks larger than their arrays, what strategies may answer, readers in deadlocks
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/nested.h"
#include "support/test.h"
#include "support/watched.h"
#include "../gokore_channel.h"
#include "../gokore_sync.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void nest_here(void *pair) { nest(((gokore_mutex **)pair)[0], ((gokore_mutex **)pair)[1]); }
static void nest_there(gokore_mutex *a, gokore_mutex *b) { test_on_thread(nest_here, (gokore_mutex *[]) { a, b }); }

// ---- rules by name, in every build

static bool allowed(const char *held, const char *wanted) {
    gokore_lock_verdict v = { 0 };
    gokore_status s = gokore_lockorder_check_names(&held, 1, wanted, &v);
    CHECK_INT(s == GOKORE_OK, v.ok);
    return s == GOKORE_OK;
}
TEST(names, that_no_class_can_have_are_passed_over) {
    test_reports_capture();
    static const char *const bad[] = { NULL, "", "two words", "semi;colon" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        gokore_lockorder_bless(bad[i], "GUIUpdate");
        gokore_lockorder_bless("GUIUpdate", bad[i]);
        gokore_lockorder_exempt("NetworkWriter", "GUIUpdate", bad[i]);
        gokore_lockorder_exempt(bad[i], "GUIUpdate", "Other");
        gokore_lockorder_pair_limit(bad[i], "GUIUpdate", 1);
    }
    CHECK(!allowed("GUIUpdate", "NetworkWriter"));
    CHECK(allowed("NetworkWriter", "GUIUpdate"));
    CHECK(allowed("nobody knows it", "nor this"));
    CHECK(allowed("nobody knows it", "NetworkWriter"));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(names, blessed_and_exempt_ones_are_free_as_they_were_said) {
    gokore_lockorder_bless("EntityCache", "NetworkWriter");
    gokore_lockorder_bless("GUIUpdate", "GUIUpdate");
    gokore_lockorder_bless("NetworkWriter", "EntityCache"); // said again, the other way round
    gokore_lockorder_bless("EntityCache", "NetworkWriter");
    CHECK(allowed("EntityCache", "NetworkWriter"));
    CHECK(allowed("NetworkWriter", "EntityCache"));
    CHECK(!allowed("GUIUpdate", "EntityCache"));
    CHECK(!allowed("AIDecision", "NetworkWriter"));
    gokore_lockorder_exempt("NetworkWriter", "GUIUpdate", "RenderState");
    gokore_lockorder_exempt("AIDecision", "GUIUpdate", "RenderState");
    CHECK(allowed("GUIUpdate", "NetworkWriter"));
    CHECK(!allowed("RenderState", "NetworkWriter"));
    CHECK(allowed("GUIUpdate", "AIDecision"));
    CHECK(!allowed("RenderState", "AIDecision"));
    static const char *const ending[] = { "GUIUpdate", "RenderState" }, *const beside[] = { "GUIUpdate", "EntityCache" };
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(ending, 2, "NetworkWriter", NULL));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_check_names(beside, 2, "NetworkWriter", NULL));
    gokore_lockorder_reset();
    CHECK(!allowed("GUIUpdate", "NetworkWriter"));
}

// ---- pins

TEST(pins, count_and_are_of_who_holds) {
    watched();
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "pinned" });
    gokore_lockorder_pin(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    gokore_lockorder_unpin(&m);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    take(&m);
    gokore_lockorder_pin(&m);
    gokore_lockorder_pin(&m);
    gokore_lockorder_unpin(&m);
    gokore_mutex_unlock(&m); // one is left
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_PINNED));
    take(&m);
    gokore_lockorder_unpin(&m); // a new acquisition has none
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_UINT(4, test_reports_count(GOKORE_REPORT_NONE));
    gokore_mutex_unlock(&m);
    CHECK_UINT(4, test_reports_count(GOKORE_REPORT_NONE));
    gokore_mutex_deinit(&m);
}

// ---- what another thread holds

static int foreign[2];
static gokore_atomic_u32 stage; // 1: it holds them, 2: it may end
static void *hold_foreign(void *unused) {
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&foreign[i], NULL, GOKORE_LOCK_EXCLUSIVE));
        gokore_lockorder_acquired(&foreign[i], NULL, GOKORE_LOCK_EXCLUSIVE);
    }
    gokore_lockorder_pin(&foreign[0]);
    gokore_lockorder_unpin(&foreign[0]);
    gokore_atomic_store(&stage, 1);
    while (gokore_atomic_load(&stage) < 2) (void)sched_yield();
    return unused;
}
static pthread_t other_holds(void) {
    pthread_t t;
    REQUIRE(pthread_create(&t, NULL, hold_foreign, NULL) == 0);
    while (gokore_atomic_load(&stage) < 1) (void)sched_yield();
    return t;
}
static void other_ends(pthread_t t) {
    gokore_atomic_store(&stage, 2);
    (void)pthread_join(t, NULL);
}
TEST(other, threads_lock_is_not_this_threads_to_release_or_pin) {
    watched();
    pthread_t t = other_holds();
    gokore_lockorder_released(&foreign[1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD));
    gokore_lockorder_pin(&foreign[1]);
    gokore_lockorder_unpin(&foreign[1]);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_WRONG_THREAD));
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_NONE));
    other_ends(t);
}
TEST(other, threads_lock_that_is_destroyed_is_told) {
    watched();
    pthread_t t = other_holds();
    gokore_lockorder_destroyed(&foreign[0]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    other_ends(t);
}
TEST(other, threads_lock_is_leaked_with_its_memory) {
    watched();
    pthread_t t = other_holds();
    gokore_lockorder_forget(&foreign[0], 0);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lockorder_forget(&foreign[1], sizeof foreign[1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_LEAKED));
    gokore_lockorder_forget(foreign, sizeof foreign);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_LEAKED)); // each once
    other_ends(t);
}
TEST(own, lock_is_leaked_with_its_memory_and_not_held_any_more) {
    watched();
    static gokore_mutex ours[3];
    for (int i = 0; i < 3; i++) take(&ours[i]);
    gokore_lockorder_forget(ours, sizeof ours);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_LEAKED));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
}

// ---- limits, nesting, ranks

TEST(limits, are_foreseen_by_validate) {
    watched();
    static gokore_mutex m[3];
    take(&m[0]);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[1]));
    gokore_lockorder_set_limits(0, 1);
    CHECK_STATUS(GOKORE_LIMIT, gokore_lockorder_validate(&m[1]));
    gokore_lockorder_set_limits(1, 0);
    CHECK_STATUS(GOKORE_LIMIT, gokore_lockorder_validate(&m[1]));
    gokore_lockorder_set_limits(2, 2);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[1]));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE)); // reports nothing
    gokore_lockorder_set_limits(1, 0);
    take(&m[1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_LIMIT));
    gokore_lockorder_set_limits(0, 0);
    gokore_mutex_unlock(&m[1]), gokore_mutex_unlock(&m[0]);
}
TEST(nested, locks_of_one_class_are_free_under_their_outer_lock_and_only_there) {
    watched();
    static gokore_lock_class leaf = GOKORE_LOCK_CLASS_INIT("Leaf");
    gokore_mutex outer = GOKORE_MUTEX_INIT, m[3];
    for (int i = 0; i < 3; i++) gokore_mutex_init(&m[i], &(gokore_mutex_desc) { .lock_class = &leaf });
    take(&outer);
    for (int i = 0; i < 3; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_nested(&m[i], &outer, NULL));
    for (int i = 3; i-- > 0;) gokore_mutex_unlock(&m[i]);
    for (int i = 3; i-- > 0;) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_nested(&m[i], &outer, NULL)); // any order
    for (int i = 3; i-- > 0;) gokore_mutex_unlock(&m[i]);
    take(&m[2]);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_nested(&m[0], &outer, NULL)); // beside one that was taken without it
    gokore_mutex_unlock(&m[0]), gokore_mutex_unlock(&m[2]);
    gokore_mutex_unlock(&outer);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_nested(&m[0], &outer, NULL));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    take(&m[1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION)); // two of one class
    gokore_mutex_unlock(&m[1]), gokore_mutex_unlock(&m[0]);
}
TEST(nested, under_a_lock_of_their_own_class_they_are_two_of_one_class) {
    watched();
    static gokore_lock_class leaf = GOKORE_LOCK_CLASS_INIT("Leaf");
    gokore_mutex m[2] = { GOKORE_MUTEX_INIT_CLASS(&leaf), GOKORE_MUTEX_INIT_CLASS(&leaf) };
    take(&m[0]);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_nested(&m[1], &m[0], NULL)); // outer orders those below it, not itself
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    gokore_mutex_unlock(&m[1]), gokore_mutex_unlock(&m[0]);
}
TEST(ranks, rise_where_both_have_one) {
    watched();
    gokore_mutex low, high, none = GOKORE_MUTEX_INIT;
    gokore_mutex_init(&low, &(gokore_mutex_desc) { .name = "low", .rank = 1 });
    gokore_mutex_init(&high, &(gokore_mutex_desc) { .name = "high", .rank = 2 });
    nest(&low, &high);
    nest(&high, &none), nest(&none, &low);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    gokore_lockorder_reset();
    gokore_mutex_init(&low, &(gokore_mutex_desc) { .name = "low", .rank = 1 });
    gokore_mutex_init(&high, &(gokore_mutex_desc) { .name = "high", .rank = 2 });
    test_reports_capture();
    nest(&high, &low);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_CONTAINS("ranks rise", test_reports_find(GOKORE_REPORT_LOCK_ORDER)->message);
}
TEST(held, where_none_may_be_is_told_but_not_within_a_hook) {
    watched();
    gokore_mutex m = GOKORE_MUTEX_INIT, n = GOKORE_MUTEX_INIT;
    gokore_cond c = GOKORE_COND_INIT;
    gokore_context soon;
    take(&m);
    gokore_context_init_timeout(&soon, NULL, 1000000);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&c, &m, &soon)); // its own lock is no obstacle
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    take(&n);
    gokore_context_deinit(&soon);
    gokore_context_init_timeout(&soon, NULL, 1000000);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&c, &m, &soon));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_mutex_unlock(&n), gokore_mutex_unlock(&m);
    gokore_lockorder_assert_none_held();
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_context_deinit(&soon);
}
static unsigned hooked;
static void use_library(const gokore_report *r, void *channel) { // in a hook nothing is watched
    gokore_mutex m = GOKORE_MUTEX_INIT;
    int item = 1;
    (void)r;
    hooked++;
    take(&m);
    gokore_lockorder_assert_none_held();
    CHECK_STATUS(GOKORE_OK, gokore_channel_send((gokore_channel *)channel, &item, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv((gokore_channel *)channel, &item, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(&m, 1000));
    gokore_mutex_unlock(&m);
}
TEST(held, within_a_hook_nothing_is_watched) {
    watched();
    gokore_channel *c;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&c, &(gokore_channel_desc) { .item_size = sizeof(int), .capacity = 1 }));
    gokore_report_set(use_library, c);
    gokore_reportf_(GOKORE_REPORT_TOPOLOGY, "x", "anything");
    test_reports_capture();
    CHECK_UINT(1, hooked);
    gokore_channel_destroy(c);
}

// ---- writers that fail

typedef struct faulty {
    unsigned writes, fail_at; // 0 = never
} faulty;
static gokore_status write_or_fail(void *user, const void *data, size_t len) {
    faulty *f = (faulty *)user;
    (void)data;
    CHECK(len > 0);
    return ++f->writes == f->fail_at ? GOKORE_CLOSED : GOKORE_OK;
}
static unsigned explained;
// Whatever write fails: it is the last, and its status is returned.
static void explain_with_failures(const gokore_report *r, void *user) {
    (void)r, (void)user;
    faulty all = { 0, 0 };
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_explain((gokore_writer) { write_or_fail, &all }));
    CHECK(all.writes > 0);
    for (unsigned i = 1; i <= all.writes; i++) {
        faulty f = { 0, i };
        CHECK_STATUS(GOKORE_CLOSED, gokore_lockorder_explain((gokore_writer) { write_or_fail, &f }));
        CHECK_UINT(i, f.writes);
    }
    explained++;
}
TEST(explanation, ends_where_its_writer_fails) {
    watched();
    enum { LONG = 30 };
    static gokore_mutex m[LONG];
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT;
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui);
    gokore_report_set(explain_with_failures, NULL);
    nest(&a, &b);
    nest_there(&a, &b); // by several threads
    nest_there(&b, &a); // two steps
    for (int i = 0; i + 1 < LONG; i++) nest_there(&m[i], &m[i + 1]);
    nest(&m[LONG - 1], &m[0]); // more steps than are kept
    nest(&g, &w);              // a rule
    gokore_lockorder_set_limits(0, 1);
    nest(&a, &b); // a limit: no steps at all
    gokore_lockorder_set_limits(0, 0);
    test_reports_capture();
    CHECK_UINT(4, explained);
    faulty none = { 0, 0 };
    CHECK_STATUS(GOKORE_EMPTY, gokore_lockorder_explain((gokore_writer) { write_or_fail, &none }));
    CHECK_UINT(0, none.writes);
}
typedef struct kept_text {
    char text[8192];
    size_t len;
} kept_text;
static gokore_status keep_text(void *user, const void *data, size_t len) {
    kept_text *k = (kept_text *)user;
    if (len >= sizeof k->text - k->len) return GOKORE_LIMIT;
    memcpy(k->text + k->len, data, len);
    k->text[k->len += len] = 0;
    return GOKORE_OK;
}
static void keep_explanation(const gokore_report *r, void *user) {
    (void)r;
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_explain((gokore_writer) { keep_text, user }));
}
TEST(explanation, names_the_thread_of_each_step_or_says_that_there_were_several) {
    watched();
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT, c = GOKORE_MUTEX_INIT, d = GOKORE_MUTEX_INIT;
    static kept_text k, one;
    nest(&a, &b), nest_there(&a, &b);
    nest_there(&c, &d);
    gokore_report_set(keep_explanation, &k);
    nest(&b, &a);
    gokore_report_set(keep_explanation, &one);
    nest(&d, &c);
    test_reports_capture();
    CHECK_CONTAINS("was wanted by several threads, first at", k.text);
    CHECK_CONTAINS("was wanted by thread ", k.text); // the last step is this thread's
    CHECK_CONTAINS("was wanted by thread ", one.text);
    CHECK(!strstr(one.text, "by several threads"));
}
TEST(graph, with_cycles_within_cycles_is_drawn_and_ends_where_its_writer_fails) {
    watched();
    static const int ways[][2] = { { 0, 1 }, { 1, 2 }, { 2, 0 }, { 2, 3 }, { 3, 4 }, { 4, 3 }, { 4, 5 }, { 5, 6 },
                                   { 6, 7 }, { 7, 5 }, { 7, 6 }, { 6, 1 }, { 8, 0 }, { 8, 9 }, { 9, 7 }, { 3, 9 } };
    static gokore_mutex m[10];
    char names[10][80];
    for (int i = 0; i < 10; i++) { // one with what must be escaped, one longer than a write
        static const char *const forms[] = { "l", "a\"b\\c\n<&>", "a name that is as long as names of locks can reasonably be, number " };
        (void)snprintf(names[i], sizeof names[i], "%s%d", forms[i == 3 ? 1 : i == 4 ? 2 : 0], i);
        gokore_mutex_init(&m[i], &(gokore_mutex_desc) { .name = names[i] });
    }
    for (size_t i = 0; i < COUNT(ways); i++) nest_there(&m[ways[i][0]], &m[ways[i][1]]);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    CHECK(gokore_deadlock_potential(NULL, 0) > 1);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(10, g.node_count);
    CHECK_UINT(COUNT(ways), g.edge_count);
    typedef gokore_status write_fn(const gokore_lock_graph *, gokore_writer);
    write_fn *const write[] = { gokore_lock_graph_write_dot, gokore_lock_graph_write_mermaid, gokore_lock_graph_write_json };
    for (size_t k = 0; k < COUNT(write); k++) {
        faulty all = { 0, 0 };
        CHECK_STATUS(GOKORE_OK, write[k](&g, (gokore_writer) { write_or_fail, &all }));
        for (unsigned i = 1; i <= all.writes; i++) {
            faulty f = { 0, i };
            CHECK_STATUS(GOKORE_CLOSED, write[k](&g, (gokore_writer) { write_or_fail, &f }));
            CHECK_UINT(i, f.writes);
        }
    }
    gokore_lock_graph_deinit(&g);
}

// ---- levels of all that can be in the graph

typedef struct levels {
    unsigned count;
    int writer, gui, first, last;
    const void *locks[2];
} levels;
static void see_level(void *user, const void *lock, const char *name, int level) {
    levels *l = (levels *)user;
    l->count++;
    CHECK(level >= 0);
    if (strcmp(name, "NetworkWriter") == 0 && !lock) l->writer = level;
    if (strcmp(name, "GUIUpdate") == 0 && !lock) l->gui = level;
    if (lock && lock == l->locks[0]) l->first = level;
    if (lock && lock == l->locks[1]) l->last = level;
}
TEST(levels, are_told_where_locks_went_lie_on_cycles_and_have_subclasses) {
    watched();
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate");
    static gokore_lock_class free_class = GOKORE_LOCK_CLASS_INIT("Unruled");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui);
    gokore_mutex u[2] = { GOKORE_MUTEX_INIT_CLASS(&free_class), GOKORE_MUTEX_INIT_CLASS(&free_class) };
    gokore_mutex x = GOKORE_MUTEX_INIT, y = GOKORE_MUTEX_INIT, z = GOKORE_MUTEX_INIT, gone = GOKORE_MUTEX_INIT;
    levels l = { .writer = -1, .gui = -1, .first = -1, .last = -1, .locks = { &x, &z } };
    nest(&w, &g), nest(&g, &x), nest(&x, &y), nest(&y, &z), nest(&w, &gone), nest(&gone, &z);
    gokore_mutex_deinit(&gone);
    take(&u[0]);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&u[1], 1, NULL));
    gokore_mutex_unlock(&u[1]), gokore_mutex_unlock(&u[0]);
    gokore_lockorder_levels(see_level, &l);
    CHECK_INT(0, l.writer);
    CHECK(l.gui >= 1);
    CHECK(l.first > l.gui);
    CHECK_INT(l.first + 2, l.last);
    unsigned before = l.count;
    nest_there(&z, &x); // now a cycle: all have a level all the same
    nest_there(&x, &w); // and one through a rule
    l.count = 0;
    gokore_lockorder_levels(see_level, &l);
    CHECK_UINT(before, l.count);
    CHECK(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) >= 1);
}
TEST(verify, knows_what_was_exempt_or_blessed_when_it_was_learnt) {
    watched();
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate"),
                             cache = GOKORE_LOCK_CLASS_INIT("EntityCache");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui), c = GOKORE_MUTEX_INIT_CLASS(&cache);
    gokore_lockorder_exempt("NetworkWriter", "GUIUpdate", "EntityCache");
    nest(&g, &w);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    gokore_lockorder_bless("GUIUpdate", "EntityCache");
    nest(&g, &c);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    take(&g), take(&c);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&w)); // held with the class that ends the exemption
    take(&w);
    gokore_mutex_unlock(&w), gokore_mutex_unlock(&c), gokore_mutex_unlock(&g);
    CHECK(test_reports_count(GOKORE_REPORT_LOCK_ORDER) >= 1);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
}

TEST(verify, minds_no_pair_that_was_blessed_after_it_was_learnt) {
    watched();
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui);
    nest(&g, &w);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    gokore_lockorder_bless("NetworkWriter", "GUIUpdate");
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
}
TEST(verify, knows_that_two_locks_of_one_class_may_hang_and_that_two_recursive_readers_do_not) {
    watched();
    static gokore_lock_class shelf = GOKORE_LOCK_CLASS_INIT("Shelf"), drawer = GOKORE_LOCK_CLASS_INIT("Drawer");
    gokore_rwlock r[2];
    gokore_mutex m[2] = { GOKORE_MUTEX_INIT_CLASS(&drawer), GOKORE_MUTEX_INIT_CLASS(&drawer) };
    gokore_deadlock d;
    for (int i = 0; i < 2; i++) {
        gokore_rwlock_init(&r[i], &(gokore_rwlock_desc) { .lock_class = &shelf, .recursive_readers = true });
        REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&r[i], NULL));
    }
    gokore_rwlock_read_unlock(&r[1]), gokore_rwlock_read_unlock(&r[0]);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    CHECK_UINT(0, gokore_deadlock_potential(&d, 1));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    nest(&m[0], &m[1]);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    CHECK_UINT(1, gokore_deadlock_potential(&d, 1));
    CHECK_STR("Drawer", d.names[0]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
}

// ---- deadlocks: larger than their arrays, and all that a strategy may answer

enum { RING = 20 };
static gokore_mutex fork_of[RING];
static gokore_atomic_u32 seated;
static gokore_atomic_u32 ended_ok, ended_dead;
static unsigned ring_size;
static void *dine(void *number) {
    unsigned i = (unsigned)(uintptr_t)number;
    take(&fork_of[i]);
    (void)gokore_atomic_add(&seated, 1);
    while (gokore_atomic_load(&seated) < ring_size) (void)sched_yield();
    gokore_status s = gokore_mutex_lock(&fork_of[(i + 1) % ring_size], NULL);
    (void)gokore_atomic_add(s == GOKORE_OK ? &ended_ok : &ended_dead, 1);
    CHECK(s == GOKORE_OK || s == GOKORE_DEADLOCK);
    if (s == GOKORE_OK) gokore_mutex_unlock(&fork_of[(i + 1) % ring_size]);
    gokore_mutex_unlock(&fork_of[i]);
    return NULL;
}
static pthread_t diners[RING];
static gokore_atomic_u32 provided;
static gokore_status knows_no_way(void *user, const gokore_deadlock *d, gokore_resolution *out) {
    (void)user;
    CHECK(d->thread_count == ring_size);
    *out = (gokore_resolution) { .type = GOKORE_RESOLVE_ABORT }; // says nothing without GOKORE_OK
    (void)gokore_atomic_add(&provided, 1);
    return GOKORE_UNSUPPORTED;
}
static const gokore_provider clueless = { .resolve_deadlock = knows_no_way };
static void ring_start(unsigned n, gokore_deadlock *d) { // until who blocked last has told the deadlock, and asked all there are
    ring_size = n;
    gokore_atomic_store(&seated, 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(&clueless));
    for (unsigned i = 0; i < n; i++) REQUIRE(pthread_create(&diners[i], NULL, dine, (void *)(uintptr_t)i) == 0);
    while (gokore_atomic_load(&provided) == 0 || test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK) == 0) (void)sched_yield();
    REQUIRE_STATUS(GOKORE_OK, gokore_sleep_ns(30000000, NULL)); // two that block at once may both look
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(NULL));
    CHECK_UINT(1, gokore_deadlock_check(d, 1));
}
static gokore_resolution answer;
static unsigned asked;
static gokore_status give_answer(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)user;
    CHECK(d->thread_count >= 2);
    asked++;
    *out = answer;
    return GOKORE_OK;
}
static void ring_end(const gokore_deadlock *d) { // one is cancelled, all end
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_CANCEL_VICTIM };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("answer", give_answer, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(d, NULL));
    for (unsigned i = 0; i < ring_size; i++) (void)pthread_join(diners[i], NULL);
    CHECK_UINT(1, gokore_atomic_load(&ended_dead));
    CHECK_UINT(ring_size - 1, gokore_atomic_load(&ended_ok));
    gokore_resolution r = { .type = GOKORE_RESOLVE_ABORT };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(d, &r)); // it is over
    CHECK_INT(GOKORE_RESOLVE_NONE, r.type);
}
TEST(large, deadlock_is_counted_in_full_told_and_ended) {
    watched();
    gokore_deadlock d;
    ring_start(RING, &d);
    CHECK_UINT(RING, d.thread_count);
    CHECK_UINT(RING, d.resource_count);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    CHECK_UINT(1, gokore_deadlock_check(NULL, 0));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK)); // told once
    ring_end(&d);
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    gokore_deadlock could[2];
    CHECK(gokore_deadlock_potential(could, 2) >= 1); // the ring was learnt
    CHECK_UINT(RING, could[0].thread_count > could[0].resource_count ? could[0].thread_count : could[0].resource_count);
    CHECK(gokore_deadlock_potential(NULL, 0) >= 1);
}
TEST(strategy, without_a_name_is_invalid_and_none_is_not_found) {
    watched();
    CHECK_STATUS(GOKORE_INVALID, gokore_deadlock_register_strategy(NULL, give_answer, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_deadlock_register_strategy("", give_answer, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("never there", NULL, NULL));
    gokore_deadlock d;
    ring_start(2, &d);
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_deadlock_resolve(&d, NULL));
    ring_end(&d);
}
TEST(strategy, may_leave_a_young_deadlock_alone_and_bring_a_retry_of_its_own) {
    watched();
    gokore_deadlock d;
    gokore_resolution r;
    ring_start(2, &d);
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_CANCEL_VICTIM, .timeout_ns = INT64_MAX, .retry = { .attempts = 7 } };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("answer", give_answer, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(7, r.retry.attempts);
    CHECK_UINT(1, gokore_deadlock_check(&d, 1)); // still there
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_NOTIFY, .timeout_ns = INT64_MAX };
    size_t before = test_reports_count(GOKORE_REPORT_NONE);
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(before, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(gokore_lock_policy_default(d.qos).retry.attempts, r.retry.attempts); // none of its own: the class's
    answer.type = GOKORE_RESOLVE_ABORT; // young: not yet
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    ring_end(&d);
    CHECK(asked >= 4);
}
TEST(strategy, may_only_tell) {
    watched();
    gokore_deadlock d;
    gokore_resolution r;
    ring_start(2, &d);
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("answer", give_answer, NULL));
    size_t before = test_reports_count(GOKORE_REPORT_NONE);
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_REPORT };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    answer.type = GOKORE_RESOLVE_NONE;
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(before, test_reports_count(GOKORE_REPORT_NONE));
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_NOTIFY, .target = "operator" };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(before + 1, test_reports_count(GOKORE_REPORT_NONE));
    answer.target = NULL;
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(before + 2, test_reports_count(GOKORE_REPORT_NONE));
    ring_end(&d);
}
static void abort_by_strategy(void *unused) {
    gokore_deadlock d;
    (void)unused;
    ring_start(2, &d);
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_ABORT };
    (void)!gokore_deadlock_register_strategy("answer", give_answer, NULL);
    (void)gokore_deadlock_resolve(&d, NULL);
}
TEST(strategy, may_abort_the_process) {
    watched();
    static char out[4096];
    CHECK_INT(128 + SIGABRT, test_in_child(abort_by_strategy, NULL, out, sizeof out));
}
TEST(strategy, is_not_found_where_the_provider_has_no_answer_either) {
    watched();
    gokore_deadlock d;
    gokore_resolution r = { .type = GOKORE_RESOLVE_REPORT };
    ring_start(2, &d);
    uint32_t before = gokore_atomic_load(&provided);
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(&clueless));
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_deadlock_resolve(&d, &r));
    CHECK_UINT(before + 1, gokore_atomic_load(&provided));
    CHECK_INT(GOKORE_RESOLVE_NONE, r.type);
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(NULL));
    ring_end(&d);
}
TEST(strategy, may_say_of_a_retry_only_its_pause_or_its_limit) {
    watched();
    gokore_deadlock d;
    gokore_resolution r;
    ring_start(2, &d);
    answer = (gokore_resolution) { .type = GOKORE_RESOLVE_REPORT, .retry = { .backoff_base_ns = 5 } };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("answer", give_answer, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_INT(5, r.retry.backoff_base_ns);
    CHECK_UINT(0, r.retry.attempts);
    answer.retry = (gokore_retry_policy) { .max_wait_ns = 7 };
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_INT(7, r.retry.max_wait_ns);
    CHECK_INT(0, r.retry.backoff_base_ns);
    ring_end(&d);
}

// ---- readers in deadlocks: a writer holds the lock, or waits for it before them

static gokore_rwlock book;
static gokore_mutex pen;
static gokore_atomic_u32 met, through, given_up;
static uint32_t guests;
static void meet(void) {
    (void)gokore_atomic_add(&met, 1);
    while (gokore_atomic_load(&met) < guests) (void)sched_yield();
}
static bool came_through(gokore_status s) {
    CHECK(s == GOKORE_OK || s == GOKORE_DEADLOCK);
    (void)gokore_atomic_add(s == GOKORE_OK ? &through : &given_up, 1);
    return s == GOKORE_OK;
}
static void wants_pen(void) {
    meet();
    if (came_through(gokore_mutex_lock(&pen, NULL))) gokore_mutex_unlock(&pen);
}
static void *writes_and_wants_pen(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&book, NULL));
    wants_pen();
    gokore_rwlock_write_unlock(&book);
    return unused;
}
static void *reads_and_wants_pen(void *unused) {
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&book, NULL));
    wants_pen();
    gokore_rwlock_read_unlock(&book);
    return unused;
}
static void *wants_to_write(void *unused) {
    meet();
    if (came_through(gokore_rwlock_write_lock(&book, NULL))) gokore_rwlock_write_unlock(&book);
    return unused;
}
static void *has_pen_and_wants_to_read(void *unused) {
    take(&pen);
    meet();
    while (gokore_rwlock_try_read_lock(&book, 0) == GOKORE_OK) { // no writer is there yet
        gokore_rwlock_read_unlock(&book);
        (void)sched_yield();
    }
    if (came_through(gokore_rwlock_read_lock(&book, NULL))) gokore_rwlock_read_unlock(&book);
    gokore_mutex_unlock(&pen);
    return unused;
}
static void invite(pthread_t *threads, void *(*const *fn)(void *), uint32_t count) {
    gokore_mutex known = GOKORE_MUTEX_INIT; // so that the checker knows this thread, too: it is in nobody's way
    take(&known), gokore_mutex_unlock(&known);
    guests = count;
    for (uint32_t i = 0; i < count; i++) REQUIRE(pthread_create(&threads[i], NULL, fn[i], NULL) == 0);
}
static void all_leave(const pthread_t *threads) {
    for (uint32_t i = 0; i < guests; i++) (void)pthread_join(threads[i], NULL);
    CHECK_UINT(1, gokore_atomic_load(&given_up));
    CHECK_UINT(guests - 1, gokore_atomic_load(&through));
}
static bool is_waited_for(const gokore_deadlock *d, const void *lock) {
    for (size_t i = 0; i < d->resource_count; i++)
        if (d->resources[i] == lock) return true;
    return false;
}
TEST(reader, that_waits_for_a_writer_is_part_of_a_deadlock) {
    watched();
    pthread_t t[2];
    gokore_deadlock d;
    invite(t, (void *(*const[])(void *)) { writes_and_wants_pen, has_pen_and_wants_to_read }, 2);
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(2, d.thread_count);
    CHECK(is_waited_for(&d, &book) && is_waited_for(&d, &pen));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, NULL));
    all_leave(t);
}
TEST(reader, that_waits_behind_a_waiting_writer_is_part_of_its_deadlock) {
    watched();
    pthread_t t[3];
    gokore_deadlock d;
    invite(t, (void *(*const[])(void *)) { reads_and_wants_pen, wants_to_write, has_pen_and_wants_to_read }, 3);
    CHECK_UINT(1, wait_for_deadlock(&d));
    CHECK_UINT(3, d.thread_count); // the reader waits for the writer, it for the other reader, and that one for the pen
    CHECK(is_waited_for(&d, &book) && is_waited_for(&d, &pen));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, NULL));
    all_leave(t);
}
TEST(reader, in_a_deadlock_is_found_by_a_watch_with_the_interval_that_it_chooses) {
    watched();
    pthread_t t[2];
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_one, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_watch_start(0));
    CHECK_STATUS(GOKORE_BUSY, gokore_deadlock_watch_start(0));
    invite(t, (void *(*const[])(void *)) { writes_and_wants_pen, has_pen_and_wants_to_read }, 2);
    all_leave(t);
    gokore_deadlock_watch_stop();
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}
