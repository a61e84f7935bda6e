// The pool: sleeping and waking, stealing and joining, waiting for idleness, shutting down.
#define GOKORE_STACK_FIRST_ 4u
#define GOKORE_IMPLEMENTATION
#include "gokore_pool.h"

#include "explore.h"

static gokore_pool *pool;
static int ran[4], cancelled[4]; // plain: the pool orders them
static gokore_status answers[4];

typedef struct job {
    gokore_task task;
    int i;
} job;
static job jobs[4];

static void run(gokore_worker *w, gokore_task *task) {
    (void)w;
    ran[((job *)task)->i]++;
}
static void cancel(gokore_task *task, gokore_status why) {
    CHECK(why == GOKORE_SHUTDOWN);
    cancelled[((job *)task)->i]++;
}
static gokore_task *job_of(int i, gokore_task_fn *fn) {
    gokore_task_init(&jobs[i].task, fn);
    jobs[i].task.on_cancel = cancel;
    jobs[i].i = i;
    return &jobs[i].task;
}
static void begin(unsigned workers) {
    gokore_pool_desc desc = { .workers = workers };
    CHECK(gokore_pool_create(&pool, &desc) == GOKORE_OK);
}
static void submitter(void *arg) {
    int i = *(int *)arg;
    answers[i] = gokore_pool_submit(pool, job_of(i, run), NULL);
}
static void runner(void *arg) { // its task is gone as soon as it has run
    int i = *(int *)arg;
    job mine = { .task = GOKORE_TASK_INIT(run), .i = i };
    CHECK(gokore_pool_run(pool, &mine.task, NULL) == GOKORE_OK && ran[i] == 1);
}
static int names[] = { 0, 1, 2, 3 };
static void other_ends(int number) { // a thread that the scenario started: the workers are joined by the pool
    gokore_thread_ thread;
    memcpy(thread.bytes_, &number, sizeof number);
    GOKORE_SEAM_THREAD_JOIN_(&thread);
}
static void spawns(gokore_worker *w, gokore_task *task) {
    gokore_task *child = job_of(1, run);
    gokore_spawn(w, child);
    ran[((job *)task)->i]++;
    gokore_join(w, child);
    CHECK(ran[1] == 1);
}
static gokore_atomic_u32 begun;
static void begins(gokore_worker *w, gokore_task *task) {
    run(w, task);
    gokore_atomic_store(&begun, 1);
    gokore_atomic_notify_all(&begun);
}
static void spawns_and_waits(gokore_worker *w, gokore_task *task) { // without a call of the pool
    gokore_task *child = job_of(1, begins);
    gokore_spawn(w, child);
    gokore_atomic_wait(&begun, 0);
    gokore_join(w, child);
    ran[((job *)task)->i]++;
}
static void spawns_two(gokore_worker *w, gokore_task *task) {
    gokore_task *first = job_of(1, run), *second = job_of(2, run);
    gokore_spawn(w, first);
    gokore_spawn(w, second);
    gokore_join(w, second);
    gokore_join(w, first);
    ran[((job *)task)->i]++;
    CHECK(ran[1] == 1 && ran[2] == 1);
}

static void spawns_and_leaves(gokore_worker *w, gokore_task *task) {
    gokore_spawn(w, job_of(1, run));
    ran[((job *)task)->i]++;
}
static void submits(gokore_worker *w, gokore_task *task) {
    (void)w;
    submitter(&names[1]);
    ran[((job *)task)->i]++;
}

SCENARIO(pool, runs_a_task_for_who_waits, .bound = 6, .stale = 2, .spurious = 1, .steps = 20000) {
    begin(1);
    runner(&names[0]);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, a_submit_wakes_a_sleeper, .bound = 6, .stale = 2, .spurious = 1, .steps = 20000) {
    begin(1);
    submitter(&names[0]);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, two_submits_to_two_workers, .bound = 4, .stale = 1, .steps = 20000) {
    begin(2);
    submitter(&names[0]);
    submitter(&names[1]);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, two_threads_run_tasks, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    explore_go(runner, &names[1]);
    runner(&names[0]);
    other_ends(2);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, a_spawned_task_is_stolen_or_not, .bound = 4, .stale = 2, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_run(pool, job_of(0, spawns), NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, a_spawned_task_is_taken_while_its_owner_waits, .bound = 3, .stale = 1, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_run(pool, job_of(0, spawns_and_waits), NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, two_spawned_tasks_against_a_thief, .bound = 4, .stale = 2, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_run(pool, job_of(0, spawns_two), NULL) == GOKORE_OK && ran[0] == 1);
    gokore_pool_destroy(pool);
}
static gokore_atomic_u32 second_ran;
static void waits_for_second(gokore_worker *w, gokore_task *task) {
    gokore_atomic_wait(&second_ran, 0);
    run(w, task);
}
static void tells_first(gokore_worker *w, gokore_task *task) {
    run(w, task);
    gokore_atomic_store(&second_ran, 1);
    gokore_atomic_notify_all(&second_ran);
}
static void submits_second(void *unused) {
    (void)unused;
    CHECK(gokore_pool_submit(pool, job_of(1, tells_first), NULL) == GOKORE_OK);
}
SCENARIO(pool, whom_the_watcher_leaves_another_takes, .bound = 4, .stale = 1, .steps = 20000) {
    begin(2);
    explore_go(submits_second, NULL);
    CHECK(gokore_pool_run(pool, job_of(0, waits_for_second), NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    other_ends(3);
    gokore_pool_destroy(pool);
}
// The watcher finds a task in the cluster, and at that moment is told of another, while somebody sleeps.
static gokore_atomic_u32 gave;
static gokore_status gives_to_the_watcher(void *unused, gokore_pool *thief, gokore_context *ctx, int node, gokore_task **out) {
    (void)unused, (void)ctx, (void)node;
    if (gokore_atomic_load(&thief->watch) != GOKORE_WATCHES_ || gokore_atomic_load(&thief->sleeping) == 0) return GOKORE_EMPTY;
    if (gokore_atomic_exchange(&gave, 1)) return GOKORE_EMPTY;
    submits_second(NULL);
    *out = job_of(0, waits_for_second);
    return GOKORE_OK;
}
SCENARIO(pool, what_the_watcher_was_told_of_another_takes, .bound = 4, .stale = 1, .steps = 20000) {
    gokore_retry_policy once = { .attempts = 1 };
    gokore_pool_desc desc = { .workers = 2, .retry = &once };
    gokore_cluster_coordinator c = { .try_steal = gives_to_the_watcher };
    CHECK(gokore_pool_create(&pool, &desc) == GOKORE_OK && gokore_pool_set_coordinator(pool, &c) == GOKORE_OK);
    explore_go(submitter, &names[2]);
    CHECK(gokore_pool_run(pool, job_of(3, run), NULL) == GOKORE_OK && ran[3] == 1);
    other_ends(3);
    CHECK(gokore_pool_set_coordinator(pool, NULL) == GOKORE_OK && gokore_pool_wait_idle(pool, NULL) == GOKORE_OK);
    if (gokore_atomic_load(&gave)) {
        gokore_atomic_wait(&second_ran, 0);
        CHECK(ran[1] == 1);
    }
    gokore_pool_destroy(pool);
}
static int left; // plain: whoever is called has begun before the pool left, which waits for its end
static gokore_status has_nothing(void *unused, gokore_pool *thief, gokore_context *ctx, int node, gokore_task **out) {
    (void)unused, (void)thief, (void)ctx, (void)node, (void)out;
    CHECK(left == 0);
    return GOKORE_EMPTY;
}
static void hears_of_pressure(void *unused, gokore_pool *p, gokore_pressure_level level) {
    (void)unused, (void)p, (void)level;
    CHECK(left == 0);
}
SCENARIO(pool, a_coordinator_that_was_left_is_not_called, .bound = 4, .stale = 2, .steps = 20000) {
    gokore_cluster_coordinator c = { .try_steal = has_nothing, .report_pressure = hears_of_pressure };
    begin(1);
    CHECK(gokore_pool_set_coordinator(pool, &c) == GOKORE_OK);
    explore_go(submitter, &names[0]);
    CHECK(gokore_pool_set_coordinator(pool, NULL) == GOKORE_OK);
    left = 1;
    other_ends(2);
    gokore_pool_destroy(pool);
}
static gokore_atomic_u32 inside;
static void is_alone(gokore_worker *w, gokore_task *task) {
    CHECK(gokore_atomic_fetch_add(&inside, 1) == 0);
    run(w, task);
    (void)gokore_atomic_fetch_sub(&inside, 1);
}
SCENARIO(pool, made_smaller_runs_one_at_a_time, .bound = 4, .stale = 1, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_scale(pool, 1) == GOKORE_OK);
    for (int i = 0; i < 2; i++) CHECK(gokore_pool_submit(pool, job_of(i, is_alone), NULL) == GOKORE_OK);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
static void waits_for_a_group(gokore_worker *w, gokore_task *task) {
    gokore_group g;
    gokore_group_init(&g, NULL);
    CHECK(gokore_group_submit(&g, pool, job_of(2, run), NULL) == GOKORE_OK);
    CHECK(gokore_group_wait(&g, NULL) == GOKORE_OK && ran[2] == 1);
    run(w, task);
}
static void joins_passively(gokore_worker *w, gokore_task *task) {
    gokore_task *child = job_of(1, waits_for_a_group);
    gokore_spawn(w, child);
    gokore_join_passive(w, child);
    run(w, task);
}
SCENARIO(pool, made_smaller_while_one_joins_and_another_waits, .bound = 3, .stale = 1, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_submit(pool, job_of(0, joins_passively), NULL) == GOKORE_OK);
    CHECK(gokore_pool_scale(pool, 1) == GOKORE_OK);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
static void runs_another_below(gokore_worker *w, gokore_task *task) { // on a thread that is no worker
    (void)w;
    runner(&names[1]);
    run(w, task);
}
static void spawns_what_runs_another(gokore_worker *w, gokore_task *task) {
    gokore_task *child = job_of(2, runs_another_below);
    gokore_spawn(w, child);
    gokore_join(w, child);
    run(w, task);
}
static void steals(void *unused) {
    gokore_task *task = NULL;
    (void)unused;
    if (gokore_pool_try_steal(pool, NULL, &task) == GOKORE_OK) gokore_task_run(NULL, task);
}
SCENARIO(pool, a_join_takes_what_its_thief_submits, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    explore_go(steals, NULL);
    // on the worker itself pool_run runs in place
    CHECK(gokore_pool_run(pool, job_of(0, spawns_what_runs_another), NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1 && ran[2] == 1);
    other_ends(2);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, an_idle_pool_touches_no_task_any_more, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    CHECK(gokore_pool_submit(pool, job_of(0, spawns_and_leaves), NULL) == GOKORE_OK);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    memset(jobs, 0, sizeof jobs);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, an_idle_pool_touches_no_group_any_more, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    gokore_group *g = GOKORE_SEAM_ALLOC_(sizeof *g, 16);
    gokore_group_init(g, NULL);
    CHECK(gokore_group_submit(g, pool, job_of(0, run), NULL) == GOKORE_OK);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1);
    GOKORE_SEAM_FREE_(g);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, idle_means_that_nothing_runs, .bound = 3, .stale = 1, .steps = 20000) {
    begin(2);
    explore_go(submitter, &names[1]);
    submitter(&names[0]);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1);
    other_ends(3);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, idle_means_that_who_submits_has_ended, .bound = 4, .stale = 1, .steps = 20000) {
    begin(2);
    CHECK(gokore_pool_submit(pool, job_of(0, submits), NULL) == GOKORE_OK);
    CHECK(gokore_pool_wait_idle(pool, NULL) == GOKORE_OK && ran[0] == 1 && ran[1] == 1);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, a_destroy_cancels_what_is_queued, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    submitter(&names[0]);
    submitter(&names[1]);
    gokore_pool_destroy(pool);
    for (int i = 0; i < 2; i++) CHECK(ran[i] + cancelled[i] == 1);
}
SCENARIO(pool, a_shutdown_against_a_submit, .bound = 4, .stale = 1, .steps = 20000) {
    begin(1);
    explore_go(submitter, &names[1]);
    submitter(&names[0]);
    CHECK(gokore_pool_shutdown(pool, INT64_MAX) == GOKORE_OK);
    other_ends(2);
    CHECK(answers[0] == GOKORE_OK && ran[0] == 1);
    CHECK(answers[1] == GOKORE_OK ? ran[1] == 1 : answers[1] == GOKORE_SHUTDOWN && ran[1] == 0);
    gokore_pool_destroy(pool);
}
SCENARIO(pool, a_shutdown_that_expires_cancels_the_rest, .bound = 4, .stale = 1, .expiries = 1, .jumps = 1, .steps = 20000) {
    begin(1);
    submitter(&names[0]);
    submitter(&names[1]);
    gokore_status status = gokore_pool_shutdown(pool, 1000);
    CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
    gokore_pool_destroy(pool);
    for (int i = 0; i < 2; i++) CHECK(ran[i] + cancelled[i] == 1);
}

// ---- what the pool reads of the program's settings

static gokore_qos seen_qos(void *user) {
    (void)user;
    return GOKORE_QOS_BEST_EFFORT;
}
static void sets_provider(void *arg) {
    gokore_provider p = { .user = arg, .qos = seen_qos };
    CHECK(gokore_provider_set(&p) == GOKORE_OK);
}
SCENARIO(settings, a_provider_is_seen_whole, .bound = 4, .stale = 2, .leaks = true) {
    explore_go(sets_provider, &names[1]);
    const gokore_provider *p = gokore_provider_get();
    CHECK(p->user == NULL || (p->user == &names[1] && p->qos == seen_qos && p->numa_distance));
    explore_join();
}
