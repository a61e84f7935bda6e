// The lock checker's tables: written under its latch, read without.
#define GOKORE_LOCKORDER 1
#define GOKORE_LOCK_MAP_FIRST_ 8 // so that a table grows within a few steps
#define GOKORE_IMPLEMENTATION
#include "gokore_sync.h"

#include "explore.h"

static gokore_rwlock a; // both may have it when they see it first
static gokore_mutex b;
static int foreign[2]; // two locks that are not ours, by their addresses
static int total;
static gokore_lock_map_ map = { .shared = true }; // read without a lock

static void takes_both(void *arg) {
    (void)arg;
    CHECK(gokore_rwlock_read_lock(&a, NULL) == GOKORE_OK);
    CHECK(gokore_mutex_lock(&b, NULL) == GOKORE_OK);
    total++;
    gokore_mutex_unlock(&b);
    gokore_rwlock_read_unlock(&a);
}
static void uses_foreign(void *arg) { // a lock of which nobody says that it was taken: only the tables meet
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CHECK(gokore_lockorder_before(&foreign[i], NULL, GOKORE_LOCK_SHARED) == GOKORE_OK);
        gokore_lockorder_acquired(&foreign[i], NULL, GOKORE_LOCK_SHARED);
    }
    gokore_lockorder_released(&foreign[1]);
    gokore_lockorder_released(&foreign[0]);
}
static void looks_up(void *arg) {
    (void)arg;
    CHECK(gokore_lock_map_get_(&map, 5) == 1005);
    uint32_t got = gokore_lock_map_get_(&map, 1000);
    CHECK(got == 0 || got == 2000);
    CHECK(gokore_lock_map_get_(&map, 7) == 1007);
}
static void records_are(uint32_t n) {
    uint32_t found = 0; // the others are classes that rules name
    for (uint32_t i = 1; i <= gokore_lockorder_.records.count; i++) found += gokore_lock_record_at_(i)->address != NULL;
    CHECK(found == n && gokore_lockorder_.edges.count == 1);
    gokore_lock_graph graph;
    CHECK(gokore_lockorder_graph(&graph) == GOKORE_OK && graph.edge_count == 1 && graph.edges[0].weight == 2);
    gokore_lock_graph_deinit(&graph);
}

SCENARIO(lockorder, two_threads_learn_one_edge, .bound = 4, .stale = 2, .leaks = true) {
    explore_go(takes_both, NULL);
    explore_go(takes_both, NULL);
    explore_join();
    CHECK(total == 2);
    records_are(2);
}
SCENARIO(lockorder, two_threads_meet_two_foreign_locks, .bound = 4, .stale = 2, .leaks = true) {
    explore_go(uses_foreign, NULL);
    explore_go(uses_foreign, NULL);
    explore_join();
    records_are(2);
}
SCENARIO(lockorder, a_table_is_read_while_it_takes_a_key, .bound = 6, .stale = 4, .leaks = true) {
    for (uint32_t key = 5; key <= 7; key++) CHECK(gokore_lock_map_put_(&map, key, key + 1000));
    explore_go(looks_up, NULL);
    CHECK(gokore_lock_map_put_(&map, 1000, 2000));
    explore_join();
}
SCENARIO(lockorder, a_table_is_read_while_it_grows, .bound = 6, .stale = 4, .leaks = true) {
    for (uint32_t key = 5; key <= 9; key++) CHECK(gokore_lock_map_put_(&map, key, key + 1000));
    CHECK(map.used * 3 > 7 * 2); // the next one finds it full
    explore_go(looks_up, NULL);
    CHECK(gokore_lock_map_put_(&map, 1000, 2000));
    explore_join();
}
SCENARIO(lockorder, a_key_goes_and_comes_while_others_look, .bound = 6, .stale = 4, .leaks = true) {
    for (uint32_t key = 5; key <= 7; key++) CHECK(gokore_lock_map_put_(&map, key, key + 1000));
    CHECK(gokore_lock_map_put_(&map, 1000, 2000));
    explore_go(looks_up, NULL);
    gokore_lock_map_remove_(&map, 1000);
    CHECK(gokore_lock_map_put_(&map, 1000, 2000));
    explore_join();
}

// ---- locks that others have made known, and deadlocks

static gokore_mutex first;
static void takes(gokore_mutex *m) {
    CHECK(gokore_mutex_lock(m, NULL) == GOKORE_OK);
    total++;
    gokore_mutex_unlock(m);
}
static void takes_it(void *arg) { takes(arg); }
SCENARIO(lockorder, a_lock_that_another_has_made_known, .bound = 3, .stale = 2, .leaks = true) {
    takes(&b); // this thread is known, with another lock
    explore_go(takes_it, &first);
    gokore_status status = gokore_mutex_try_lock(&first, 0);
    if (status == GOKORE_OK) gokore_mutex_unlock(&first);
    explore_join();
}
static gokore_atomic_u32 asked; // both may find it
static void quiet(const gokore_report *r, void *user) { (void)r, (void)user; }
static gokore_status counts(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)user;
    if (d->thread_count == 2) (void)gokore_atomic_fetch_add_relaxed(&asked, 1u);
    *out = (gokore_resolution) { .type = GOKORE_RESOLVE_CANCEL_VICTIM, .victim = d->threads[0] };
    return GOKORE_OK;
}
static gokore_atomic_u32 idle[2];
static void owns_one_and_waits_for_the_other(int me) { // what a mutex tells the checker
    gokore_lockorder_acquired(&foreign[me], NULL, GOKORE_LOCK_EXCLUSIVE);
    gokore_wait_begin_(&(gokore_wait_) { .kind = GOKORE_WAIT_EXCLUSIVE_, .object = &foreign[!me], .deadline_ns = INT64_MAX,
                                         .state = &idle[me], .doomed = 1 });
}
static void the_other(void *arg) {
    (void)arg;
    owns_one_and_waits_for_the_other(1);
}
SCENARIO(lockorder, of_two_that_wait_for_each_other_one_finds_out, .bound = 3, .stale = 2, .leaks = true) {
    gokore_report_set(quiet, NULL);
    CHECK(gokore_deadlock_register_strategy("counts", counts, NULL) == GOKORE_OK);
    for (int i = 0; i < 2; i++) { // known
        gokore_lockorder_acquired(&foreign[i], NULL, GOKORE_LOCK_EXCLUSIVE);
        gokore_lockorder_released(&foreign[i]);
    }
    explore_go(the_other, NULL);
    owns_one_and_waits_for_the_other(0);
    explore_join();
    CHECK(gokore_atomic_load(&asked) > 0);
}
