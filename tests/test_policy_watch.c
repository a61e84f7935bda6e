// test_policy_watch.c - directories as one set, watched files and ConfigMap mounts, policies that change while threads work.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../gokore_policy.h"
#include "../gokore_pool.h"
#include "../gokore_sync.h"
#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static const char *lock_policy(const char *name, const char *more) {
    static char text[2][1024];
    static int turn;
    turn = !turn;
    (void)snprintf(text[turn], sizeof text[turn],
                   "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: %s}\nspec:\n  qosClass: Burstable\n%s", name, more);
    return text[turn];
}
static const char none[] = "  hierarchyRules: []\n";

static const char *in_root(const char *path) {
    static char out[2][4096];
    static int turn;
    turn = !turn;
    (void)snprintf(out[turn], sizeof out[turn], "%s%s", test_root(), path);
    return out[turn];
}

// ---- directories

TEST(directory, its_manifests_are_one_set) {
    gokore_policy_set *set;
    gokore_diagnostic items[8];
    gokore_diagnostics found = { items, 8, 0 };
    test_root_file("/d/b.yml", lock_policy("second", none));
    test_root_file("/d/a.yaml", lock_policy("first", none));
    test_root_file("/d/c.json", "{\"apiVersion\":\"orchestration.gokore.io/v1beta1\",\"kind\":\"ConcurrencyPolicy\",\"spec\":{}}\n");
    test_root_file("/d/.hidden.yaml", "]");
    test_root_file("/d/README", "]");
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_load_file(&set, in_root("/d"), &found));
    CHECK_UINT(0, found.count);
    REQUIRE(gokore_policy_set_count(set) == 3);
    CHECK_STR("first", gokore_policy_set_at(set, 0)->lock->name);
    CHECK_STR("second", gokore_policy_set_at(set, 1)->lock->name);
    CHECK_INT(GOKORE_POLICY_CONCURRENCY, gokore_policy_set_at(set, 2)->kind);
    gokore_policy_set_destroy(set);
}

TEST(directory, all_or_nothing_over_its_files) {
    gokore_policy_set *set;
    gokore_diagnostic items[8];
    gokore_diagnostics found = { items, 8, 0 };
    test_root_file("/d/a.yaml", lock_policy("first", "  hierarchyRules: [{name: up, order: [A, B, C]}]\n"));
    test_root_file("/d/b.yaml", lock_policy("second", "  hierarchyRules: 7\n"));
    test_root_file("/d/c.yaml", lock_policy("third", "  hierarchyRules: []\n  typo: 1\n"));
    CHECK_STATUS(GOKORE_PARSE, gokore_policy_load_file(&set, in_root("/d"), &found));
    CHECK_PTR(NULL, set);
    REQUIRE(found.count == 2);
    CHECK_STR(in_root("/d/b.yaml"), items[0].file);
    CHECK_UINT(6, items[0].line);
    CHECK_STR(in_root("/d/c.yaml"), items[1].file);
    CHECK_STR("typo", items[1].path);
    found.count = 0;
    test_root_file("/d/b.yaml", lock_policy("second", "  hierarchyRules: [{name: down, order: [C, A]}]\n"));
    test_root_file("/d/c.yaml", lock_policy("third", none));
    CHECK_STATUS(GOKORE_PARSE, gokore_policy_load_file(&set, in_root("/d"), &found));
    REQUIRE(found.count == 1);
    CHECK_STR("GOKORE-E-ORDER", items[0].code);
    CHECK_CONTAINS("'down'", items[0].message);
    CHECK_CONTAINS("'up'", items[0].message);
    found.count = 0;
    test_root_file("/d/b.yaml", lock_policy("first", none));
    CHECK_STATUS(GOKORE_PARSE, gokore_policy_load_file(&set, in_root("/d"), &found));
    REQUIRE(found.count == 1);
    CHECK_STR("GOKORE-E-DUPLICATE", items[0].code);
    CHECK_CONTAINS("'first'", items[0].message);
    CHECK_UINT(0, items[0].line);
}

TEST(directory, of_a_config_map_is_read_at_one_version) {
    gokore_policy_set *set;
    test_root_file("/m/..1/a.yaml", lock_policy("one", none));
    test_root_file("/m/..2/a.yaml", lock_policy("two", none));
    REQUIRE(symlink("..2", in_root("/m/..data")) == 0);
    REQUIRE(symlink("..data/a.yaml", in_root("/m/a.yaml")) == 0);
    test_root_file("/m/stray.yaml", "]"); // beside ..data: not of the ConfigMap
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_load_file(&set, in_root("/m"), NULL));
    CHECK_STR("two", gokore_policy_set_at(set, 0)->lock->name);
    gokore_policy_set_destroy(set);
}

// ---- watching

typedef struct seen { // what the callback was told
    gokore_atomic_u32 calls;
    gokore_status status;
    char name[64], code[32];
    bool stop;
} seen;

static pthread_mutex_t told = PTHREAD_MUTEX_INITIALIZER; // the test reads what was noted, then changes the files: that is an order
static void ready(void) {
    pthread_mutex_lock(&told);
    pthread_mutex_unlock(&told);
}

static void note(gokore_status status, const gokore_policy_set *set, const gokore_diagnostics *found, void *user) {
    seen *s = user;
    const gokore_policy *p = gokore_policy_set_at(set, 0);
    pthread_mutex_lock(&told);
    s->status = status;
    (void)snprintf(s->name, sizeof s->name, "%s", p && p->lock ? p->lock->name : "");
    (void)snprintf(s->code, sizeof s->code, "%s", found->count ? found->items[0].code : "");
    pthread_mutex_unlock(&told);
    if (s->stop) {
        CHECK_STATUS(GOKORE_BUSY, gokore_policy_watch_start("/", MS, NULL, NULL));
        gokore_policy_watch_stop();
    }
    gokore_atomic_add(&s->calls, 1);
    gokore_atomic_notify_all(&s->calls);
}

static void until(seen *s, uint32_t calls) { // the runner's time limit ends what never comes
    for (uint32_t n; (n = gokore_atomic_load(&s->calls)) < calls;) gokore_atomic_wait(&s->calls, n);
}

static const char *in_force(void) {
    const gokore_lock_policy *p = gokore_policy_set_lock_policy(gokore_policy_current(), NULL);
    return p ? p->name : "";
}

static void replace(const char *path, const char *text) { // as an editor does that takes care
    char temporary[4096];
    ready();
    test_root_file("/temporary", text);
    (void)snprintf(temporary, sizeof temporary, "%s/temporary", test_root());
    REQUIRE(rename(temporary, in_root(path)) == 0);
}

TEST(watch, follows_a_file) {
    seen s = { .calls = GOKORE_ATOMIC_INIT(0) };
    test_reports_capture();
    test_root_file("/p.yaml", lock_policy("one", none));
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_watch_start(in_root("/p.yaml"), MS, note, &s));
    CHECK_UINT(1, gokore_atomic_load(&s.calls)); // before it returned
    CHECK_STR("one", in_force());
    CHECK_STATUS(GOKORE_BUSY, gokore_policy_watch_start(in_root("/p.yaml"), MS, note, &s));
    replace("/p.yaml", lock_policy("two", none));
    until(&s, 2);
    CHECK_STATUS(GOKORE_OK, s.status);
    CHECK_STR("two", s.name);
    CHECK_STR("two", in_force());
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    replace("/p.yaml", "kind: ]\n");
    until(&s, 3);
    CHECK_STATUS(GOKORE_PARSE, s.status);
    CHECK_STR("GOKORE-E-SYNTAX", s.code);
    CHECK_STR("", s.name);
    CHECK_STR("two", in_force());
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    CHECK_CONTAINS("p.yaml:1:7: ", test_reports_find(GOKORE_REPORT_POLICY)->message);
    ready();
    REQUIRE(unlink(in_root("/p.yaml")) == 0);
    until(&s, 4);
    CHECK_STATUS(GOKORE_NOT_FOUND, s.status);
    CHECK_STR("two", in_force());
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_POLICY));
    replace("/p.yaml", lock_policy("three", none));
    until(&s, 5);
    CHECK_STR("three", in_force());
    gokore_policy_watch_stop();
    gokore_policy_watch_stop();
    CHECK_STR("three", in_force());
    CHECK_UINT(5, gokore_atomic_load(&s.calls));
}

TEST(watch, follows_the_swap_of_a_config_map) {
    seen s = { .calls = GOKORE_ATOMIC_INIT(0) };
    test_root_file("/m/..1/a.yaml", lock_policy("one", none));
    REQUIRE(symlink("..1", in_root("/m/..data")) == 0);
    REQUIRE(symlink("..data/a.yaml", in_root("/m/a.yaml")) == 0);
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_watch_start(in_root("/m"), MS, note, &s));
    CHECK_STR("one", in_force());
    char from[4096], to[4096];
    for (uint32_t i = 2; i < 6; i++) { // as the kubelet does it: a new directory, then one rename
        char name[32];
        ready();
        (void)snprintf(name, sizeof name, "/m/..%u/a.yaml", i);
        test_root_file(name, lock_policy(i % 2 ? "odd" : "even", none));
        (void)snprintf(name, sizeof name, "..%u", i);
        (void)snprintf(from, sizeof from, "%s/m/..data_tmp", test_root());
        (void)snprintf(to, sizeof to, "%s/m/..data", test_root());
        REQUIRE(symlink(name, from) == 0 && rename(from, to) == 0);
        until(&s, i);
        CHECK_STATUS(GOKORE_OK, s.status);
        CHECK_STR(i % 2 ? "odd" : "even", in_force());
    }
    gokore_policy_watch_stop();
}

TEST(watch, begins_with_what_cannot_be_used) {
    seen s = { .calls = GOKORE_ATOMIC_INIT(0) };
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_watch_start(in_root("/later.yaml"), MS, note, &s));
    CHECK_STATUS(GOKORE_NOT_FOUND, s.status);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    replace("/later.yaml", lock_policy("later", none));
    until(&s, 2);
    CHECK_STR("later", in_force());
    gokore_policy_watch_stop();
    CHECK_STATUS(GOKORE_INVALID, gokore_policy_watch_start(NULL, MS, NULL, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_policy_watch_start("/", -1, NULL, NULL));
}

TEST(watch, may_be_stopped_by_its_callback) {
    seen s = { .calls = GOKORE_ATOMIC_INIT(0), .stop = true };
    test_root_file("/p.yaml", lock_policy("one", none));
    for (uint32_t i = 1; i < 5; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_policy_watch_start(in_root("/p.yaml"), MS, note, &s));
        CHECK_UINT(i, gokore_atomic_load(&s.calls));
    }
    gokore_policy_watch_stop();
}

static void *start_and_stop(void *path) {
    for (int i = 0; i < 50; i++) {
        (void)!gokore_policy_watch_start(path, MS, NULL, NULL);
        gokore_policy_watch_stop();
    }
    return NULL;
}

TEST(watch, is_started_and_stopped_by_several_threads) {
    pthread_t threads[3];
    char path[4096];
    test_root_file("/p.yaml", lock_policy("one", none));
    (void)snprintf(path, sizeof path, "%s", in_root("/p.yaml"));
    for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, start_and_stop, path) == 0);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    gokore_policy_watch_stop();
    CHECK_STR("one", in_force());
}

// ---- policies change while eight threads lock and submit

typedef struct load {
    gokore_pool *pool;
    gokore_mutex lock;
    gokore_atomic_u64 ran;
    uint64_t counted;      // under the lock
    gokore_atomic_u32 wrong;
    gokore_atomic_bool stop;
} load;
typedef struct job {
    gokore_task task;
    load *load;
} job;
enum { WORKERS = 8, JOBS = 200 };

static void count(gokore_worker *worker, gokore_task *task) {
    load *l = ((job *)task)->load;
    (void)worker;
    gokore_atomic_add(&l->ran, 1);
}

static bool is_whole(const gokore_policy_set *set) { // every version has its own hold time for each of its policies
    const gokore_lock_policy *a = gokore_policy_set_lock_policy(set, "a"), *b = gokore_policy_set_lock_policy(set, "b");
    return a && b && a->max_hold_ns == b->max_hold_ns && a->rule_count == 1;
}

static void *lock_and_submit(void *p) {
    load *l = p;
    job *jobs = calloc(JOBS, sizeof *jobs);
    REQUIRE(jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].load = l;
        gokore_task_init(&jobs[i].task, count);
        if (gokore_pool_submit(l->pool, &jobs[i].task, NULL) != GOKORE_OK || !is_whole(gokore_policy_current())) gokore_atomic_add(&l->wrong, 1);
        if (gokore_mutex_lock(&l->lock, NULL) != GOKORE_OK) gokore_atomic_add(&l->wrong, 1);
        l->counted++;
        gokore_mutex_unlock(&l->lock);
        gokore_limit limit = gokore_limit_hold_ns(NULL, NULL, NULL);
        if (limit.value < MS || limit.value > 90 * MS) gokore_atomic_add(&l->wrong, 1);
    }
    if (gokore_pool_wait_idle(l->pool, NULL) != GOKORE_OK) gokore_atomic_add(&l->wrong, 1);
    free(jobs);
    return NULL;
}

static void *change(void *p) {
    load *l = p;
    for (int i = 0; !gokore_atomic_load(&l->stop); i++) {
        char text[1024];
        int n = 0;
        for (const char *name = "ab"; *name; name++)
            n += snprintf(text + n, sizeof text - (size_t)n,
                          "---\napiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: %c}\nspec: {qosClass: Burstable, "
                          "maxHoldTime: %dms, hierarchyRules: [{name: r, order: [A, B]}]}\n", *name, i % 90 + 1);
        gokore_policy_set *set;
        REQUIRE_STATUS(GOKORE_OK, gokore_policy_load(&set, text, (size_t)n, NULL, NULL));
        REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
        gokore_policy_set_destroy(set);
        if (i == 0) gokore_atomic_store(&l->ran, 0);
        gokore_atomic_notify_all(&l->ran);
        (void)!gokore_policy_load(&set, "kind: Lock\n", 11, NULL, NULL); // refused ones change nothing
        if (i >= 200) sched_yield(); // sets that were in force are kept: no more of them than needed
        if (i >= 2000) break;
    }
    return NULL;
}

TEST(apply, while_eight_threads_lock_and_submit) {
    load l = { .lock = GOKORE_MUTEX_INIT, .ran = GOKORE_ATOMIC_INIT(UINT64_MAX) };
    pthread_t threads[WORKERS], changer;
    REQUIRE_STATUS(GOKORE_OK, gokore_pool_create(&l.pool, &(gokore_pool_desc) { .workers = 2 }));
    REQUIRE(pthread_create(&changer, NULL, change, &l) == 0);
    gokore_atomic_wait(&l.ran, UINT64_MAX); // until the first is in force
    for (int i = 0; i < WORKERS; i++) REQUIRE(pthread_create(&threads[i], NULL, lock_and_submit, &l) == 0);
    for (int i = 0; i < WORKERS; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    gokore_atomic_store(&l.stop, true);
    REQUIRE(pthread_join(changer, NULL) == 0);
    CHECK_UINT(WORKERS * JOBS, gokore_atomic_load(&l.ran));
    CHECK_UINT(WORKERS * JOBS, l.counted);
    CHECK_UINT(0, gokore_atomic_load(&l.wrong));
    gokore_pool_destroy(l.pool);
}
