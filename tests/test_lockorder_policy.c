// test_lockorder_policy.c - policies that are applied reach the lock checker: rules, limits, and whoever operates the process
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../gokore_sync.h"
#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

static void watched(void) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=0");
    test_reports_capture();
    gokore_lockorder_hold_limit(NULL, INT64_MAX); // machines may be slow
    gokore_deadlock_watch_stop();
}

// A LockPolicy, or several, from a line of each spec's fields in flow style.
static const char *policy(const char *name, const char *fields) {
    static char out[4][1024];
    static int turn;
    turn = (turn + 1) % 4;
    (void)snprintf(out[turn], sizeof out[turn],
                   "---\napiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: %s}\nspec: {%s}\n", name, fields);
    return out[turn];
}
static gokore_policy_set *read_policies(const char *text) {
    gokore_diagnostic found[4];
    gokore_diagnostics diags = { found, 4, 0 };
    gokore_policy_set *set;
    gokore_status status = gokore_policy_load(&set, text, strlen(text), NULL, &diags);
    if (diags.count) test_note("%s: %s", found[0].path, found[0].message);
    REQUIRE_STATUS(GOKORE_OK, status);
    return set;
}
static void apply(const char *text) {
    gokore_policy_set *set = read_policies(text);
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
}
static size_t reports_but_of_time(void) { // a policy limits holds, and machines may be slow
    return test_reports_count(GOKORE_REPORT_NONE) - test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME);
}
static bool in_order(const char *first, const char *second) { // some rule wants first before second
    gokore_lock_verdict v;
    return gokore_lockorder_check_names(&second, 1, first, &v) == GOKORE_ORDER;
}

static gokore_lock_class p_class = GOKORE_LOCK_CLASS_INIT("P"), q_class = GOKORE_LOCK_CLASS_INIT("Q");
static gokore_mutex p = GOKORE_MUTEX_INIT_CLASS(&p_class), q = GOKORE_MUTEX_INIT_CLASS(&q_class);
static void p_then_q(void) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&p, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&q, NULL));
    gokore_mutex_unlock(&q);
    gokore_mutex_unlock(&p);
}

#define Q_THEN_P "qosClass: Burstable, hierarchyRules: [{name: r, order: [Q, P]}]"

// ---- applying

TEST(applied, rules_are_known_by_name_in_every_build) {
    CHECK(!in_order("Q", "P"));
    apply(policy("one", Q_THEN_P));
    CHECK(in_order("Q", "P"));
    CHECK(in_order("NetworkWriter", "GUIUpdate")); // the compiled ones stay
    apply(policy("two", "qosClass: Burstable, hierarchyRules: [{name: s, order: [A, B, C]}]"));
    CHECK(!in_order("Q", "P"));
    CHECK(in_order("A", "C"));
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(NULL));
    CHECK(!in_order("A", "C"));
    CHECK_PTR(NULL, gokore_policy_current());
}

TEST(applied, rules_are_obeyed_by_locks_until_they_are_withdrawn) {
    watched();
    p_then_q();
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    apply(policy("one", Q_THEN_P));
    p_then_q();
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_ORDER) == 1);
    CHECK_CONTAINS("rule 'r' wants 'Q' first", test_reports_find(GOKORE_REPORT_LOCK_ORDER)->message);
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(NULL));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    p_then_q();
    CHECK_UINT(1, reports_but_of_time());
}

TEST(applied, policies_of_other_containers_do_not_count) {
    apply(policy("other", Q_THEN_P ", containerID: none-of-ours"));
    CHECK(!in_order("Q", "P"));
    CHECK_PTR(NULL, gokore_lock_policy_current());
    gokore_policy_set *set = read_policies(policy("other", Q_THEN_P ", containerID: none-of-ours"));
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(set));
    CHECK(!in_order("Q", "P"));
    gokore_policy_set_destroy(set);
    char both[2048];
    (void)snprintf(both, sizeof both, "%s%s",
                   policy("other", "qosClass: Burstable, containerID: none-of-ours, hierarchyRules: [{name: o, order: [A, B]}]"),
                   policy("ours", Q_THEN_P));
    apply(both);
    CHECK(in_order("Q", "P"));
    CHECK(!in_order("A", "B"));
}

TEST(applied, exemptions_and_pair_limits_come_and_go) {
    static const char held[] = "B";
    const char *const with[] = { held };
    apply(policy("one", "qosClass: Burstable, hierarchyRules: [{name: r, order: [M, B, C]}], exemptions: [{lockClass: M, from: B, to: C}]"));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_check_names(with, 1, "M", NULL));
    apply(policy("one", "qosClass: Burstable, hierarchyRules: [{name: r, order: [M, B, C]}]"));
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(with, 1, "M", NULL));
}

TEST(applied, hold_time_of_the_policys_class_is_a_limit) {
    watched();
    test_only_with("POLICY=1");
    gokore_lockorder_reset(); // with it the limit of this test's beginning
    apply(policy("one", "qosClass: BestEffort, hierarchyRules: [], maxHoldTime: 20ms"));
    gokore_deadlock_watch_stop();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&p, NULL));
    (void)!gokore_sleep_ns(25 * MS, NULL);
    gokore_mutex_unlock(&p);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME) == 1);
    CHECK_CONTAINS("20000 us of the manifest", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
    apply(policy("two", "qosClass: BestEffort, hierarchyRules: []"));
    gokore_deadlock_watch_stop();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&p, NULL));
    (void)!gokore_sleep_ns(60 * MS, NULL);
    gokore_mutex_unlock(&p);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME) == 2);
    test_reports_capture();
    apply(policy("three", "qosClass: Guaranteed, hierarchyRules: [], numaAffinity: {required: true}"));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&p, NULL));
    (void)!gokore_sleep_ns(110 * MS, NULL);
    gokore_mutex_unlock(&p);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME)); // Guaranteed imposes none
}

// ---- applying while threads lock

typedef struct load {
    gokore_atomic_bool stop;
    gokore_atomic_u64 rounds;
} load;
static void *lock_without_end(void *arg) {
    load *l = (load *)arg;
    while (!gokore_atomic_load(&l->stop)) {
        p_then_q();
        (void)gokore_atomic_add(&l->rounds, 1);
    }
    return NULL;
}

TEST(applied, under_load_every_hold_and_every_report_is_there) {
    watched();
    enum { THREADS = 8, TIMES = 60 };
    static load l;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, lock_without_end, &l) == 0);
    for (int i = 0; i < TIMES; i++) {
        apply(i % 2 ? policy("even", Q_THEN_P) : policy("odd", "qosClass: Burstable, hierarchyRules: [{name: o, order: [P, Q]}]"));
        CHECK(in_order(i % 2 ? "Q" : "P", i % 2 ? "P" : "Q"));
        for (uint64_t before = gokore_atomic_load(&l.rounds); gokore_atomic_load(&l.rounds) < before + 2;) sched_yield();
    }
    gokore_atomic_store(&l.stop, true);
    for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER)); // once per pair
    CHECK_UINT(1, reports_but_of_time());
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.edge_count == 1);
    CHECK_UINT(gokore_atomic_load(&l.rounds), g.edges[0].weight);
    gokore_lock_graph_deinit(&g);
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
}

static gokore_atomic_u32 applied_in_hook;
static void applies_again(const gokore_report *report, void *user) {
    (void)user;
    if (report->id != GOKORE_REPORT_LOCK_ORDER || gokore_atomic_add(&applied_in_hook, 1) != 1) return;
    CHECK_STATUS(GOKORE_OK, gokore_policy_apply(NULL));
}
TEST(applied, a_report_hook_may_apply_policies) {
    watched();
    apply(policy("one", Q_THEN_P));
    gokore_report_set(applies_again, NULL);
    p_then_q();
    CHECK_UINT(1, gokore_atomic_load(&applied_in_hook));
    CHECK(!in_order("Q", "P"));
}

// ---- the file watch

static void replace(const char *path, const char *text) {
    char from[4096], to[4096];
    test_root_file("/new.tmp", text);
    (void)snprintf(from, sizeof from, "%s/new.tmp", test_root());
    (void)snprintf(to, sizeof to, "%s%s", test_root(), path);
    REQUIRE(rename(from, to) == 0);
}
static gokore_atomic_u32 looks;
static void looked(gokore_status status, const gokore_policy_set *set, const gokore_diagnostics *found, void *user) {
    (void)status, (void)set, (void)found, (void)user;
    (void)gokore_atomic_add(&looks, 1);
    gokore_atomic_notify_all(&looks);
}
static void until(uint32_t n) {
    for (uint32_t seen; (seen = gokore_atomic_load(&looks)) < n;) gokore_atomic_wait(&looks, seen);
}

TEST(watched_file, rules_follow_it_and_a_bad_one_changes_nothing) {
    char path[4096];
    test_reports_capture();
    replace("/p.yaml", policy("one", Q_THEN_P));
    (void)snprintf(path, sizeof path, "%s/p.yaml", test_root());
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_watch_start(path, MS, looked, NULL));
    CHECK(in_order("Q", "P"));
    replace("/p.yaml", policy("two", "qosClass: Burstable, hierarchyRules: [{name: s, order: [A, B]}]"));
    until(2);
    CHECK(!in_order("Q", "P"));
    CHECK(in_order("A", "B"));
    replace("/p.yaml", policy("three", "qosClass: Burstable, hierarchyRules: [{name: s, order: [A, B]}, {name: t, order: [B, A]}]"));
    until(3);
    CHECK(in_order("A", "B"));
    CHECK(!in_order("B", "A"));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    gokore_policy_watch_stop();
}

// ---- whoever operates the process

TEST(operated, adjustment_of_the_lock_limit_counts_and_the_threads_own_stays) {
    watched();
    gokore_mutex m[5] = { GOKORE_MUTEX_INIT };
    gokore_resource_adjustment a = { .fields = GOKORE_ADJUST_LOCK_LIMIT, .lock_limit = 2 };
    uint32_t applied = 0;
    gokore_lockorder_set_limits(0, 4);
    REQUIRE_STATUS(GOKORE_OK, gokore_resources_adjust(&a, &applied));
    CHECK_UINT(GOKORE_ADJUST_LOCK_LIMIT, applied);
    for (int i = 0; i < 3; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[i], NULL));
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_LIMIT) == 1);
    CHECK_CONTAINS("container lock limit exceeded (2/2), held by the process", test_reports_find(GOKORE_REPORT_LOCK_LIMIT)->message);
    a.lock_limit = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_cluster_operator_default()->adjust_resources(NULL, &a));
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[3], NULL));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[4], NULL));
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_LIMIT) == 1);
    CHECK_CONTAINS("(4/4), held by this thread", test_reports_find(GOKORE_REPORT_LOCK_LIMIT)->message);
    for (int i = 0; i < 5; i++) gokore_mutex_unlock(&m[i]);
}

TEST(operated, adjustment_of_the_lock_limit_is_the_smallest_of_all) {
    watched();
    gokore_qos_policy all = { .burstable = { .max_locks = 1 } };
    gokore_resource_adjustment a = { .fields = GOKORE_ADJUST_LOCK_LIMIT | GOKORE_ADJUST_QOS, .lock_limit = 3, .qos = GOKORE_QOS_BURSTABLE };
    REQUIRE_STATUS(GOKORE_OK, gokore_qos_policy_set(&all));
    REQUIRE_STATUS(GOKORE_OK, gokore_resources_adjust(&a, NULL));
    CHECK_INT(1, gokore_limit_locks().value);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&p, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&q, NULL));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_LIMIT));
    gokore_mutex_unlock(&q);
    gokore_mutex_unlock(&p);
}

TEST(operated, containers_lock_limit_counts_from_the_first_lock_on) {
    test_only_with("LOCKORDER=1");
    test_only_with("POLICY=1");
    test_only_with("ON_VIOLATION=0");
    static gokore_mutex m[3];
    setenv("GOKORE_MAX_LOCKS", "2", 1);
    test_reports_capture();
    for (int again = 1; again <= 2; again++) {
        for (int i = 0; i < 2; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[i], NULL));
        CHECK_UINT((unsigned)again - 1, test_reports_count(GOKORE_REPORT_LOCK_LIMIT));
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[2], NULL));
        REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_LIMIT) == (unsigned)again);
        CHECK_CONTAINS("(2/2), held by the process", test_reports_find(GOKORE_REPORT_LOCK_LIMIT)->message);
        for (int i = 0; i < 3; i++) gokore_mutex_unlock(&m[i]);
        gokore_lockorder_reset(); // it was not set, so it stays
    }
}
TEST(operated, lock_limit_that_a_program_sets_first_is_in_place_of_the_containers) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=0");
    static gokore_mutex m[3];
    setenv("GOKORE_MAX_LOCKS", "2", 1);
    test_reports_capture();
    gokore_lockorder_set_limits(0, 0);
    for (int i = 0; i < 3; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m[i], NULL));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_LIMIT));
    for (int i = 0; i < 3; i++) gokore_mutex_unlock(&m[i]);
}

static void note_level(void *user, const void *lock, const char *name, int level) {
    int *levels = (int *)user;
    if (!lock && strcmp(name, "Q") == 0) levels[0] = level;
    if (!lock && strcmp(name, "P") == 0) levels[1] = level;
}
TEST(operated, hierarchy_tells_the_levels_of_the_applied_rules) {
    int levels[2] = { -1, -1 };
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    apply(policy("one", Q_THEN_P));
    REQUIRE_STATUS(GOKORE_OK, o->lock_hierarchy(o->user, note_level, levels));
    CHECK_INT(0, levels[0]);
    CHECK_INT(1, levels[1]);
}

TEST(operated, registering_a_lock_policy_puts_its_rules_in_force) {
    const char *const order[] = { "Q", "P" };
    gokore_hierarchy_rule rule = { "r", order, 2 };
    gokore_lock_policy mine = gokore_lock_policy_default(GOKORE_QOS_BURSTABLE);
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    mine.name = "mine";
    mine.rules = &rule;
    mine.rule_count = 1;
    REQUIRE_STATUS(GOKORE_OK, o->register_lock_policy(o->user, &mine));
    CHECK(in_order("Q", "P"));
}

// Two threads, a lock each, then the other's.
static gokore_atomic_u32 have_one;
static void *lock_crosswise(void *arg) {
    gokore_mutex *first = arg ? &q : &p, *second = arg ? &p : &q;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(first, NULL));
    (void)gokore_atomic_add(&have_one, 1);
    while (gokore_atomic_load(&have_one) < 2) sched_yield();
    gokore_status status = gokore_mutex_lock(second, NULL);
    if (status == GOKORE_OK) gokore_mutex_unlock(second);
    gokore_mutex_unlock(first);
    return status == GOKORE_DEADLOCK ? &have_one : NULL;
}
static gokore_atomic_u32 told;
static void note_deadlock(void *user, const gokore_deadlock *deadlock) {
    (void)user;
    CHECK_UINT(2, deadlock->thread_count);
    (void)gokore_atomic_add(&told, 1);
}
static gokore_status cancel_one(void *user, const gokore_deadlock *deadlock, gokore_resolution *out) {
    (void)user, (void)deadlock;
    out->type = GOKORE_RESOLVE_CANCEL_VICTIM;
    return GOKORE_OK;
}
TEST(operated, provider_is_told_of_deadlocks_and_may_end_them) {
    watched();
    gokore_provider mine = { .report_deadlock = note_deadlock, .resolve_deadlock = cancel_one };
    pthread_t threads[2];
    void *died[2];
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(&mine));
    for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&threads[i], NULL, lock_crosswise, i ? &threads : NULL) == 0);
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], &died[i]);
    CHECK_UINT(1, gokore_atomic_load(&told));
    CHECK((died[0] != NULL) != (died[1] != NULL)); // exactly one was the victim
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}
