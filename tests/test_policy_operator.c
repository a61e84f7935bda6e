// test_policy_operator.c - limits and who says them, adjustments, provider, cluster operator, remediation.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "../gokore_policy.h"
#include "../gokore_lockorder.h"
#include "../gokore_topology.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

static void apply(const char *text) {
    gokore_diagnostic found[4];
    gokore_diagnostics diags = { found, 4, 0 };
    gokore_policy_set *set;
    gokore_status status = gokore_policy_load(&set, text, strlen(text), NULL, &diags);
    if (diags.count) test_note("%s: %s", found[0].path, found[0].message);
    REQUIRE_STATUS(GOKORE_OK, status);
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
}

static const char burstable[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: web}\n"
                                "spec:\n  qosClass: Burstable\n  maxHoldTime: 80ms\n  hierarchyRules: []\n"
                                "  retryPolicy: {attempts: 2, backoffBase: 10ms, jitterPercent: 0, maxWaitTime: 150ms}\n"
                                "  pairLimits: [{a: Net, b: AI, maxHoldTime: 50ms}, {a: Net, b: GUI, maxHoldTime: 90ms}]\n";

// ---- limits

#define CHECK_LIMIT(wanted, from, limit)                                                                             \
    do {                                                                                                             \
        gokore_limit got_ = (limit);                                                                                 \
        CHECK_INT((wanted), got_.value);                                                                             \
        CHECK_STR((from), got_.source);                                                                              \
    } while (0)

TEST(limits, of_the_compiled_class) {
    test_only_with("QOS=2");
    CHECK_LIMIT(100 * MS, "class Burstable", gokore_limit_hold_ns(NULL, NULL, NULL));
    CHECK_LIMIT(200 * MS, "class Burstable", gokore_limit_wait_ns(NULL));
    CHECK_INT(GOKORE_QOS_BURSTABLE, gokore_qos_current());
    CHECK_PTR(NULL, gokore_lock_policy_current());
}

TEST(limits, smallest_of_class_policy_and_pair) {
    apply(burstable);
    const gokore_lock_policy *p = gokore_lock_policy_current();
    REQUIRE(p);
    CHECK_LIMIT(80 * MS, "policy web", gokore_limit_hold_ns(p, NULL, NULL));
    CHECK_LIMIT(50 * MS, "pair Net+AI of web", gokore_limit_hold_ns(NULL, "AI", "Net"));
    CHECK_LIMIT(50 * MS, "pair Net+AI of web", gokore_limit_hold_ns(NULL, "Net", "AI"));
    CHECK_LIMIT(80 * MS, "policy web", gokore_limit_hold_ns(NULL, "Net", "GUI"));
    CHECK_LIMIT(80 * MS, "policy web", gokore_limit_hold_ns(NULL, "Net", "Net"));
    CHECK_LIMIT(150 * MS, "policy web", gokore_limit_wait_ns(NULL));
    gokore_lock_policy mine = gokore_lock_policy_default(GOKORE_QOS_GUARANTEED); // nothing is imposed, what is said still binds
    CHECK_LIMIT(0, "", gokore_limit_hold_ns(&mine, NULL, NULL));
    CHECK_LIMIT(500 * MS, "class Guaranteed", gokore_limit_wait_ns(&mine));
    mine.max_hold_ns = 700 * MS;
    CHECK_LIMIT(700 * MS, "policy without a name", gokore_limit_hold_ns(&mine, NULL, NULL));
    mine.qos = GOKORE_QOS_BEST_EFFORT;
    CHECK_LIMIT(50 * MS, "class BestEffort", gokore_limit_hold_ns(&mine, NULL, NULL));
}

TEST(limits, a_policy_for_another_container_does_not_rule) {
    apply("apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: other}\n"
          "spec: {qosClass: BestEffort, containerID: none-of-ours, hierarchyRules: []}\n");
    CHECK_PTR(NULL, gokore_lock_policy_current());
    gokore_report_identity_("none-of-ours", "");
    REQUIRE(gokore_lock_policy_current());
    CHECK_STR("other", gokore_lock_policy_current()->name);
    gokore_report_identity_("", "");
    apply("apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: other}\n"
          "spec: {qosClass: BestEffort, containerID: none-of-ours, hierarchyRules: []}\n---\n"
          "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: ours}\n"
          "spec: {qosClass: BestEffort, hierarchyRules: []}\n");
    REQUIRE(gokore_lock_policy_current());
    CHECK_STR("ours", gokore_lock_policy_current()->name);
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, gokore_qos_current());
}

TEST(limits, of_resources_and_adjustments) {
    unsetenv("GOKORE_MAX_LOCKS");
    CHECK_LIMIT(0, "", gokore_limit_locks());
    gokore_qos_policy given = gokore_qos_policy_get();
    CHECK_INT(GOKORE_QOS_GUARANTEED, given.guaranteed.qos);
    apply(burstable);
    given.burstable.max_locks = 40;
    given.burstable.max_workers = 1000000;
    given.burstable.memory_bytes = 4096;
    REQUIRE_STATUS(GOKORE_OK, gokore_qos_policy_set(&given));
    CHECK_LIMIT(40, "resources of Burstable", gokore_limit_locks());
    CHECK_LIMIT(4096, "resources of Burstable", gokore_limit_memory_bytes());
    gokore_limit workers = gokore_limit_workers(); // the machine's
    CHECK(workers.value > 0 && workers.value < 1000000);
    CHECK_CONTAINS("container ", workers.source);
    uint32_t applied;
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&(gokore_resource_adjustment) { .fields = GOKORE_ADJUST_MEMORY, .memory_bytes = 1000 }, &applied));
    CHECK_UINT(GOKORE_ADJUST_MEMORY, applied);
    CHECK_LIMIT(1000, "adjustment", gokore_limit_memory_bytes());
    setenv("GOKORE_MAX_LOCKS", "7", 1);
    CHECK_LIMIT(7, "container GOKORE_MAX_LOCKS", gokore_limit_locks());
    given.burstable.cpu_millicores = 1;
    REQUIRE_STATUS(GOKORE_OK, gokore_qos_policy_set(&given));
    CHECK_INT(1, gokore_limit_workers().value);
    REQUIRE_STATUS(GOKORE_OK, gokore_qos_policy_set(NULL));
    CHECK_UINT(0, gokore_qos_policy_get().burstable.max_locks);
}

// ---- adjustments

typedef struct fake_pool { // obeys as a pool does
    gokore_resource_target target;
    unsigned workers, calls;
    gokore_status answer;
} fake_pool;

static gokore_status scale(gokore_resource_target *target, const gokore_resource_adjustment *a) {
    fake_pool *p = target->object;
    p->calls++;
    if (p->answer == GOKORE_OK) p->workers = a->workers;
    return p->answer;
}

static void enter(fake_pool *p) {
    p->target = (gokore_resource_target) { .fields = GOKORE_ADJUST_WORKERS, .apply = scale, .object = p };
    gokore_resource_target_add(&p->target);
}

TEST(adjust, reaches_every_target_that_obeys_the_field) {
    fake_pool a = { .workers = 1 }, b = { .workers = 1 };
    gokore_slots gpu;
    gokore_slots_init(&gpu, 1);
    gokore_resource_target slots = gokore_resource_target_slots(&gpu);
    uint32_t applied;
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_WORKERS | GOKORE_ADJUST_GPU_SLOTS, .workers = 5, .gpu_slots = 3 };
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_resources_adjust(&to, &applied)); // nobody is there yet
    CHECK_UINT(0, applied);
    enter(&a);
    enter(&b);
    gokore_resource_target_add(&slots);
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, &applied));
    CHECK_UINT(to.fields, applied);
    CHECK_UINT(5, a.workers);
    CHECK_UINT(5, b.workers);
    CHECK_UINT(3, gokore_slots_total(&gpu));
    gokore_resource_target_remove(&a.target);
    gokore_resource_target_remove(&a.target); // unknown by now
    b.answer = GOKORE_NO_MEMORY;
    to.workers = 9;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_resources_adjust(&to, &applied));
    CHECK_UINT(GOKORE_ADJUST_GPU_SLOTS, applied);
    CHECK_UINT(5, a.workers);
    CHECK_UINT(1, a.calls);
    gokore_resource_target_remove(&b.target);
    gokore_resource_target_remove(&slots);
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_resources_adjust(&(gokore_resource_adjustment) { .fields = GOKORE_ADJUST_CPU_SHARES }, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_resources_adjust(NULL, &applied));
    CHECK_STATUS(GOKORE_INVALID, gokore_resources_adjust(&(gokore_resource_adjustment) { .fields = 1u << 20 }, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_resources_adjust(&(gokore_resource_adjustment) { .fields = GOKORE_ADJUST_QOS, .qos = (gokore_qos)9 }, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&(gokore_resource_adjustment) { 0 }, NULL));
}

TEST(adjust, min_qos_is_a_floor) {
    fake_pool pool = { .workers = 1 };
    enter(&pool);
    apply(burstable);
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_MIN_QOS | GOKORE_ADJUST_WORKERS, .workers = 2, .min_qos = GOKORE_QOS_GUARANTEED };
    CHECK_STATUS(GOKORE_DENIED, gokore_resources_adjust(&to, NULL));
    CHECK_UINT(0, pool.calls);
    to.min_qos = GOKORE_QOS_BURSTABLE;
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    to.min_qos = GOKORE_QOS_BEST_EFFORT;
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_UINT(2, pool.calls);
    gokore_resource_target_remove(&pool.target);
}

TEST(adjust, class_and_priority_change_what_counts) {
    apply("apiVersion: orchestration.gokore.io/v1beta1\nkind: ConcurrencyPolicy\nspec:\n  qosClassMapping:\n"
          "    - {priority: 0, name: critical}\n    - {priority: 7, name: batch}\n");
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_PRIORITY, .priority = "batch" };
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, gokore_qos_current());
    CHECK_LIMIT(50 * MS, "class BestEffort", gokore_limit_hold_ns(NULL, NULL, NULL));
    to.priority = "critical";
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_INT(GOKORE_QOS_GUARANTEED, gokore_qos_current());
    to.priority = "Burstable";
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_INT(GOKORE_QOS_BURSTABLE, gokore_qos_current());
    to.priority = "nobody";
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_resources_adjust(&to, NULL));
    to.priority = NULL;
    CHECK_STATUS(GOKORE_NOT_FOUND, gokore_resources_adjust(&to, NULL));
    to = (gokore_resource_adjustment) { .fields = GOKORE_ADJUST_QOS, .qos = GOKORE_QOS_BEST_EFFORT };
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, gokore_qos_current());
    to.qos = GOKORE_QOS_DEFAULT;
    CHECK_STATUS(GOKORE_OK, gokore_resources_adjust(&to, NULL));
    CHECK_INT(GOKORE_QOS, gokore_qos_current());
}

static void *adjust_often(void *p) {
    fake_pool *pool = p;
    for (unsigned i = 1; i < 300; i++) {
        gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_WORKERS | GOKORE_ADJUST_MEMORY, .workers = i, .memory_bytes = i };
        (void)!gokore_resources_adjust(&to, NULL);
        (void)gokore_limit_hold_ns(NULL, NULL, NULL);
        (void)gokore_qos_current();
    }
    return pool;
}

TEST(adjust, from_several_threads_while_targets_come_and_go) {
    fake_pool pools[2] = { { .workers = 0 } };
    pthread_t threads[3];
    enter(&pools[0]);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, adjust_often, pools) == 0);
    for (int i = 0; i < 200; i++) {
        enter(&pools[1]);
        gokore_resource_target_remove(&pools[1].target);
    }
    for (int i = 0; i < 3; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    CHECK_UINT(299, pools[0].workers); // of the last of a thread, whichever that was
    CHECK_UINT(3 * 299, pools[0].calls);
    gokore_resource_target_remove(&pools[0].target);
}

// ---- provider

TEST(provider, the_built_in_one_answers_everything) {
    const gokore_provider *p = gokore_provider_get();
    static const char none[sizeof p->qos];
    for (size_t at = 0; at < offsetof(gokore_provider, user); at += sizeof none) CHECK(memcmp((const char *)p + at, none, sizeof none) != 0);
    apply(burstable);
    CHECK_INT(10 * MS, p->retry_policy(p->user).backoff_base_ns);
    CHECK_STR("web", p->lock_policy(p->user).name);
    CHECK_INT(GOKORE_QOS_BURSTABLE, p->qos(p->user));
    CHECK(!p->numa_policy(p->user).required);
    setenv("GOKORE_ZONE", "eu-1a", 1);
    setenv("NODE_NAME", "node-7", 1);
    gokore_topology_hints hints;
    CHECK_STATUS(GOKORE_OK, p->topology_hints(p->user, &hints));
    CHECK_STR("eu-1a", hints.zone);
    CHECK_STR("node-7", hints.node_name);
    CHECK_INT(gokore_topology_current_node(NULL), hints.numa_node);
    CHECK_UINT(gokore_topology_nearest(NULL, hints.numa_node, NULL, 0), hints.preferred_node_count);
    CHECK_PTR(gokore_lock_policy_current(), hints.lock_policy);
    gokore_container c;
    CHECK_STATUS(GOKORE_OK, p->container(p->user, &c));
    CHECK(c.workers >= 1);
    CHECK_INT(10, p->numa_distance(p->user, hints.numa_node, hints.numa_node));
    const char *held[] = { "Inventory" };
    gokore_lock_verdict verdict;
    CHECK_STATUS(GOKORE_ORDER, p->check_lock_order(p->user, held, 1, "SkillQueue", &verdict));
    gokore_policy policy = { GOKORE_POLICY_LOCK, gokore_lock_policy_current(), NULL };
    CHECK_STATUS(GOKORE_OK, p->check_policy(p->user, &policy, NULL));
    CHECK_PTR(gokore_instrumenter_get(), p->instrumenter(p->user));
    CHECK_STATUS(GOKORE_OK, p->check_memory_model(p->user));
}

static gokore_qos weakest(void *user) {
    ++*(int *)user;
    return GOKORE_QOS_BEST_EFFORT;
}

TEST(provider, is_replaced_member_by_member) {
    int calls = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(&(gokore_provider) { .qos = weakest, .user = &calls }));
    const gokore_provider *mine = gokore_provider_get();
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, mine->qos(mine->user));
    CHECK_INT(1, calls);
    CHECK(mine->retry_policy && mine->migrate); // built in
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(NULL));
    CHECK_INT(GOKORE_QOS, gokore_provider_get()->qos(gokore_provider_get()->user));
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, mine->qos(mine->user)); // still readable
}

TEST(provider, applying_a_lock_policy_keeps_the_others) {
    const gokore_provider *p = gokore_provider_get();
    apply("apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: a}\n"
          "spec: {qosClass: BestEffort, hierarchyRules: [{name: r, order: [X, Z]}]}\n---\n"
          "apiVersion: orchestration.gokore.io/v1beta1\nkind: ConcurrencyPolicy\nspec: {numa: {stealThreshold: 4}}\n");
    gokore_lock_policy b = gokore_lock_policy_default(GOKORE_QOS_BURSTABLE);
    b.name = "b";
    CHECK_STATUS(GOKORE_OK, p->apply_lock_policy(p->user, &b));
    CHECK_UINT(3, gokore_policy_set_count(gokore_policy_current()));
    b.name = "a";
    b.max_hold_ns = 7 * MS;
    CHECK_STATUS(GOKORE_OK, p->apply_lock_policy(p->user, &b));
    CHECK_UINT(3, gokore_policy_set_count(gokore_policy_current()));
    CHECK_INT(7 * MS, gokore_policy_set_lock_policy(gokore_policy_current(), "a")->max_hold_ns);
    CHECK_UINT(0, gokore_policy_set_lock_policy(gokore_policy_current(), "a")->rule_count);
    CHECK_UINT(4, gokore_policy_set_at(gokore_policy_current(), 1)->concurrency->steal_threshold);
    const char *const back[] = { "Z", "X" };
    gokore_hierarchy_rule rule = { "r", back, 2 };
    b.max_hold_ns = 101 * MS;
    const gokore_policy_set *before = gokore_policy_current();
    CHECK_STATUS(GOKORE_PARSE, p->apply_lock_policy(p->user, &b)); // against its class
    b.max_hold_ns = 0;
    b.rules = &rule;
    b.rule_count = 1;
    CHECK_STATUS(GOKORE_OK, p->apply_lock_policy(p->user, &b));
    b.name = "c";
    const char *const forth[] = { "X", "Z" };
    rule.order = forth;
    before = gokore_policy_current();
    CHECK_STATUS(GOKORE_PARSE, p->apply_lock_policy(p->user, &b)); // against the rule of a
    CHECK_STATUS(GOKORE_INVALID, p->apply_lock_policy(p->user, NULL));
    CHECK_PTR(before, gokore_policy_current());
}

// ---- cluster operator

TEST(cluster_operator, the_built_in_one_acts_on_this_process) {
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    CHECK_PTR(gokore_cluster_operator_default(), o);
    fake_pool pool = { .workers = 1 };
    enter(&pool);
    CHECK_STATUS(GOKORE_OK, o->adjust_resources(o->user, &(gokore_resource_adjustment) { .fields = GOKORE_ADJUST_WORKERS, .workers = 6 }));
    CHECK_UINT(6, pool.workers);
    gokore_resource_target_remove(&pool.target);
    gokore_lock_policy policy = gokore_lock_policy_default(GOKORE_QOS_BEST_EFFORT);
    policy.name = "told";
    CHECK_STATUS(GOKORE_OK, o->register_lock_policy(o->user, &policy));
    CHECK_INT(GOKORE_QOS_BEST_EFFORT, o->qos(o->user));
    CHECK_STR("told", gokore_lock_policy_current()->name);
}

TEST(cluster_operator, tells_where_the_process_may_be) {
    apply("apiVersion: orchestration.gokore.io/v1beta1\nkind: ConcurrencyPolicy\nspec:\n  qosClassMapping:\n"
          "    - {priority: 9, name: b, qosClass: Burstable}\n    - {priority: 4, name: c, qosClass: Burstable}\n    - {priority: 0, name: a}\n");
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    gokore_numa_view view;
    CHECK_STATUS(GOKORE_OK, o->node_affinity(o->user, &view));
    CHECK_INT(gokore_topology_current_node(NULL), view.node);
    CHECK_UINT(gokore_topology_allowed_nodes(NULL, NULL, 0), view.allowed_count);
    for (size_t i = 0; i < view.allowed_count && i < 64; i++)
        CHECK_INT(gokore_topology_distance(NULL, view.node, view.allowed_nodes[i]), view.distances[i]);
    CHECK_INT(0, view.qos_weight[0]);
    CHECK_INT(4, view.qos_weight[1]);
    CHECK_INT(-1, view.qos_weight[2]);
}

static gokore_status refuse(void *user, const gokore_resource_adjustment *a) {
    (void)user;
    (void)a;
    return GOKORE_DENIED;
}

TEST(cluster_operator, is_replaced_member_by_member) {
    REQUIRE_STATUS(GOKORE_OK, gokore_cluster_operator_set(&(gokore_cluster_operator) { .adjust_resources = refuse }));
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    CHECK_STATUS(GOKORE_DENIED, o->adjust_resources(o->user, NULL));
    CHECK(o->qos == gokore_cluster_operator_default()->qos);
    REQUIRE_STATUS(GOKORE_OK, gokore_cluster_operator_set(NULL));
    CHECK_PTR(gokore_cluster_operator_default(), gokore_cluster_operator_get());
}

// ---- remediation

typedef struct moves { void *addr; size_t len; int node, calls; } moves;
static gokore_status move(void *user, void *addr, size_t len, int node) {
    moves *m = user;
    *m = (moves) { addr, len, node, m->calls + 1 };
    return GOKORE_BUSY;
}

TEST(remediation, moves_the_resource_to_the_preferred_node) {
    moves m = { 0 };
    char page[64];
    gokore_qos_violation v = { .kind = "remote-hold", .resource = page, .resource_size = sizeof page, .qos = GOKORE_QOS_BURSTABLE };
    REQUIRE_STATUS(GOKORE_OK, gokore_provider_set(&(gokore_provider) { .migrate = move, .user = &m }));
    CHECK_STATUS(GOKORE_OK, gokore_qos_violation_report(&v));
    CHECK_INT(0, m.calls); // not asked for
    gokore_remediation_set(true, 1023);
    CHECK_STATUS(GOKORE_BUSY, gokore_qos_violation_report(&v));
    CHECK_INT(1, m.calls);
    CHECK_PTR(page, m.addr);
    CHECK_UINT(sizeof page, m.len);
    CHECK_INT(1023, m.node);
    v.resource = NULL;
    CHECK_STATUS(GOKORE_OK, gokore_qos_violation_report(&v));
    gokore_remediation_set(false, 0);
    v.resource = page;
    CHECK_STATUS(GOKORE_OK, gokore_qos_violation_report(&v));
    CHECK_INT(1, m.calls);
}

TEST(remediation, really_moves_memory) {
    int node = gokore_topology_current_node(NULL);
    void *p = gokore_numa_alloc(8192, node);
    if (!p) test_skip("no memory on the node this runs on");
    memset(p, 7, 8192);
    gokore_remediation_set(true, node);
    gokore_qos_violation v = { .kind = "remote-hold", .resource = p, .resource_size = 8192 };
    gokore_status direct = gokore_memory_migrate(p, 8192, node), told = gokore_qos_violation_report(&v);
    CHECK_STATUS(direct, told); // what the machine allows, both ways
    CHECK_STATUS(direct == GOKORE_NOT_FOUND ? direct : GOKORE_NOT_FOUND, (gokore_remediation_set(true, 1023), gokore_qos_violation_report(&v)));
    gokore_resource_target memory = gokore_resource_target_memory(p, 8192);
    gokore_resource_target_add(&memory);
    gokore_resource_adjustment to = { .fields = GOKORE_ADJUST_NUMA, .numa = { .preferred_nodes = &node, .preferred_node_count = 1 } };
    CHECK_STATUS(direct, gokore_resources_adjust(&to, NULL));
    gokore_resource_target_remove(&memory);
    CHECK_INT(7, ((char *)p)[8191]);
    gokore_numa_free(p, 8192);
}
