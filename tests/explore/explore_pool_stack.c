// The stack of spawned tasks of gokore_pool.h, without the pool's threads: the private part against who opens it, the public part
// against thieves, growth; the light fence with membarrier, and with none.
#define GOKORE_STACK_FIRST_ 2u
#define GOKORE_IMPLEMENTATION
#include "gokore_pool.h"

#include "explore.h"

static gokore_pool pool;
static gokore_worker *owner, *other;
static int ran[8]; // plain: the stack orders them
typedef struct job {
    gokore_task task;
    int i;
} job;
static job jobs[8];

static void run(gokore_worker *w, gokore_task *task) {
    (void)w;
    ran[((job *)task)->i]++;
}
GOKORE_TASK2(int, sum, int, i, int, b) {
    ran[i]++;
    return 10 * i + b;
}
static void begin(bool asymmetric) {
    pool.name = "pool";
    pool.asymmetric = asymmetric;
    gokore_atomic_store(&pool.help_bytes, 1 << 20);
    CHECK(gokore_worker_new_(&pool, 0) == GOKORE_OK && gokore_worker_new_(&pool, 1) == GOKORE_OK);
    owner = pool.workers[0];
    other = pool.workers[1];
    owner->stack_top = other->stack_top = (uintptr_t)__builtin_frame_address(0);
    gokore_atomic_store(&owner->active, true);
    gokore_worker_here_ = owner;
}
static void spawn(int i) {
    gokore_task_init(&jobs[i].task, run);
    jobs[i].i = i;
    gokore_spawn(owner, &jobs[i].task);
}
static void join(int i) {
    gokore_join(owner, &jobs[i].task);
    CHECK(ran[i] == 1);
}
static void end(int n) {
    explore_join();
    CHECK(!gokore_stack_top_(owner) && gokore_stack_depth_(owner) == 0 && gokore_stack_len_(owner) == 0);
    gokore_pool_metrics m = { .executed = 0 };
    gokore_worker_read_(owner, &m);
    CHECK(m.spawned == (uint64_t)n);
    gokore_worker_read_(other, &m);
    gokore_tally_read_(&pool.outside, &m);
    CHECK(m.executed == (uint64_t)n);
    for (int i = 0; i < n; i++) CHECK(ran[i] == 1);
    for (int i = 0; i < 2; i++) {
        gokore_stack_deinit_(pool.workers[i]);
        gokore_free_(&pool.allocator, pool.workers[i], sizeof(gokore_worker));
    }
}
static void steal(void) {
    gokore_task *task = gokore_stack_steal_(owner, NULL);
    if (task) gokore_task_run(NULL, task);
}
#include "explore_thieves.h"
static void asker(void *arg) {
    (void)arg;
    gokore_stack_ask_(owner);
    steal();
}
static void opener(void *arg) {
    (void)arg;
    gokore_stack_open_(owner);
    steal();
}
static void show(void) { gokore_stack_show_all_(owner); }

SCENARIO(pool_stack, the_only_task_against_who_opens, .bound = 3, .stale = 2) {
    begin(true);
    spawn(0);
    explore_go(opener, NULL);
    join(0);
    end(1);
}
SCENARIO(pool_stack, the_only_task_against_who_opens_with_fences, .bound = 3, .stale = 2) {
    begin(false);
    spawn(0);
    explore_go(opener, NULL);
    join(0);
    end(1);
}
SCENARIO(pool_stack, two_tasks_against_who_opens, .bound = 3, .stale = 1) {
    begin(true);
    spawn(0);
    explore_go(opener, NULL);
    spawn(1);
    join(1);
    join(0);
    end(2);
}
SCENARIO(pool_stack, pushes_again_where_it_popped_while_it_is_opened, .bound = 3, .stale = 2) {
    begin(true);
    spawn(0);
    explore_go(opener, NULL);
    join(0);
    spawn(1);
    join(1);
    end(2);
}
SCENARIO(pool_stack, the_last_public_task_against_two_thieves, .bound = 2, .stale = 2) {
    begin(true);
    spawn(0);
    show();
    go_thief(1);
    go_thief(1);
    join(0);
    end(1);
}
SCENARIO(pool_stack, the_public_part_shrinks_against_a_thief, .bound = 2, .stale = 2) {
    begin(true);
    for (int i = 0; i < 3; i++) spawn(i);
    show();
    go_thief(2);
    for (int i = 3; i-- > 0;) join(i);
    end(3);
}
SCENARIO(pool_stack, a_spawn_answers_who_asked, .bound = 3, .stale = 2) {
    begin(true);
    spawn(0);
    explore_go(asker, NULL);
    spawn(1);
    join(1);
    join(0);
    end(2);
}
// Whoever opens does without membarrier as long as it sees no active worker.
static void opens_again(void *arg) {
    opener(arg);
    opener(arg);
}
SCENARIO(pool_stack, an_owner_becomes_active_while_it_is_opened, .bound = 3, .stale = 2) {
    begin(true);
    gokore_atomic_store(&owner->active, false);
    explore_go(opens_again, NULL);
    gokore_worker_set_busy_(owner, true);
    spawn(0);
    join(0);
    spawn(1);
    join(1);
    end(2);
}
SCENARIO(pool_stack, an_owner_becomes_idle_while_it_is_opened, .bound = 3, .stale = 2) {
    begin(true);
    gokore_atomic_store(&owner->active, false);
    gokore_worker_set_busy_(owner, true);
    explore_go(opener, NULL);
    spawn(0);
    join(0);
    gokore_worker_set_busy_(owner, false);
    end(1);
}
SCENARIO(pool_stack, a_trim_leaves_what_is_in_use, .bound = 2, .stale = 1) {
    begin(true);
    for (int i = 0; i < 3; i++) spawn(i); // the third is in the second chunk
    go_thief(1);
    owner->grown_ns = 1; // long ago
    gokore_stack_trim_(owner);
    for (int i = 3; i-- > 0;) join(i);
    owner->grown_ns = 1;
    gokore_stack_trim_(owner);
    CHECK(gokore_stack_chunk_(owner, 0) && !gokore_stack_chunk_(owner, 1));
    end(3);
}
SCENARIO(pool_stack, grows_and_shrinks_while_it_is_opened, .bound = 2, .stale = 1) {
    begin(true);
    spawn(0);
    spawn(1);
    explore_go(opener, NULL);
    spawn(2);
    join(2);
    join(1);
    join(0);
    end(3);
}
SCENARIO(pool_stack, grows_under_a_thief, .bound = 2, .stale = 1) {
    begin(false);
    spawn(0);
    spawn(1);
    show();
    go_thief(2);
    spawn(2);
    join(2);
    join(1);
    join(0);
    end(3);
}
SCENARIO(pool_stack, arguments_and_results_of_typed_tasks, .bound = 3, .stale = 2) {
    begin(true);
    sum_spawn(owner, 0, 7);
    explore_go(opener, NULL);
    sum_spawn(owner, 1, 8);
    CHECK(sum_join(owner) == 18);
    CHECK(sum_join(owner) == 7);
    end(2);
}
static int reported;
static void report(const gokore_report *r, void *user) {
    (void)user;
    reported += r->id == GOKORE_REPORT_TASK_BUSY;
}
SCENARIO(pool_stack, joined_out_of_order, .bound = 3, .stale = 1) {
    gokore_report_set(report, NULL);
    begin(true);
    spawn(0);
    go_thief(1);
    spawn(1);
    join(0);
    join(1);
    CHECK(reported <= 1);
    end(2);
}

static int distance_of(void *user, int from, int to) {
    (void)user;
    return from == to ? 10 : 21;
}
static void policy(int fallback, int allowed, unsigned threshold, unsigned percent) {
    gokore_atomic_store(&pool.numa_fallback, fallback);
    gokore_atomic_store(&pool.numa_distance, allowed);
    gokore_atomic_store(&pool.steal_threshold, threshold);
    gokore_atomic_store(&pool.cross_percent, percent);
}
static bool other_steals(void) {
    gokore_task *task = gokore_worker_steal_(other);
    CHECK((task != NULL) || !gokore_pool_has_spawned_(&pool, other)); // what it may not have does not keep it awake
    if (task) gokore_task_run(other, task);
    return task != NULL;
}
SCENARIO(pool_stack, the_policy_says_what_is_stolen_across_nodes, .bound = 1) {
    begin(true);
    pool.provider.numa_distance = distance_of;
    gokore_atomic_store(&owner->node, 0);
    gokore_atomic_store(&other->node, 1);
    for (int i = 0; i < 6; i++) spawn(i);
    show();
    policy(GOKORE_NUMA_WAIT, -1, 0, 100);
    CHECK(!other_steals());
    policy(GOKORE_NUMA_STEAL, 20, 0, 100);
    CHECK(!other_steals());
    policy(GOKORE_NUMA_STEAL, 21, 7, 100);
    CHECK(!other_steals());
    policy(GOKORE_NUMA_STEAL, 21, 6, 100);
    CHECK(other_steals() && ran[0] == 1 && !other_steals()); // five are left
    policy(GOKORE_NUMA_STEAL, -1, 0, 99);
    CHECK(!other_steals());
    policy(GOKORE_NUMA_STEAL, -1, 0, 100);
    CHECK(other_steals() && gokore_pool_has_spawned_(&pool, NULL));
    CHECK(gokore_atomic_load(&other->tally.crossings) == 2 && gokore_atomic_load(&other->tally.steal_attempts) == 2);
    gokore_atomic_store(&other->node, 0);
    policy(GOKORE_NUMA_WAIT, 10, 7, 0);
    CHECK(other_steals() && gokore_atomic_load(&other->tally.crossings) == 2); // at home
    for (int i = 6; i-- > 0;) join(i);
    end(6);
}
