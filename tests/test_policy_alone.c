// test_policy_alone.c - gokore_policy.h without the headers above it, and with each allocation failing in turn. An implementation
// of its own: its metrics record, and its arena asks for each piece by itself.
#include "support/scarce.h"
#define GOKORE_DOC_CHUNK_ ((size_t)64)
#undef GOKORE_METRICS
#define GOKORE_METRICS 1
#define GOKORE_IMPLEMENTATION
#include "../gokore_policy.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// ---- memory that runs out

static gokore_status put_away(void *user, const void *data, size_t len) {
    (void)data;
    *(size_t *)user += len;
    return GOKORE_OK;
}

#define HEAD "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: p, labels: {a: b}}\nspec:\n  qosClass: Burstable\n"
static const char *const yaml_texts[] = {
    HEAD "  numaAffinity: {preferredNodes: [3, 1], allowedDistance: 2}\n"
         "  retryPolicy: {attempts: 1, backoffBase: 5ms, jitterPercent: 10}\n"
         "  hierarchyRules:\n  - name: r\n    order: [A, B, C]\n  - {name: \"s\", order: [C, D]}\n"
         "  exemptions: [{lockClass: M, from: A, to: B}]\n  pairLimits: [{a: A, b: B, maxHoldTime: 5ms}]\n---\n"
         "apiVersion: orchestration.gokore.io/v1beta1\nkind: ConcurrencyPolicy\nmetadata: {name: c}\n"
         "spec: {qosClassMapping: [{priority: 1, name: x}, {priority: 2, name: z}]}\n",
    HEAD "  hierarchyRules: [{name: a, order: [A, B, C]}, {name: b, order: [C, D]}, {name: c, order: [D, A]}]\n", // a cycle
    HEAD "  hierarchyRules: [{name: a, order: [A, B, A]}]\n",
    "a: |\n  b\n  c\nd: >-\n  e\nf: g\n  h\ni: [j\n  k, \"l\n  m\"]\n'n': 'o'\np:\n- q\n- \nr: {s: , t: u}\n",
    "a: 1\nb: 2\na: 3\n",
    "a: b\n  c\n",
};
static const char *const json_texts[] = {
    "{\"apiVersion\":\"concurrency.gokore.io/v1alpha1\",\"kind\":\"LockPolicy\",\"metadata\":{\"name\":\"p\"},"
    "\"spec\":{\"qosClass\":\"Burstable\",\"hierarchyRules\":[{\"name\":\"r\",\"order\":[\"A\",\"B\"]}]}}",
    "{\"a\":[1,\"\\u00e9\",{\"b\":null,\"b\":{}}],\"a\":\"c\"}",
};

// What is refused for want of memory says only that, and gives everything back.
static void check_text(const char *text, const char *name) {
    gokore_status want[2], status[2] = { GOKORE_NO_MEMORY, GOKORE_NO_MEMORY };
    gokore_policy_set *set;
    size_t written = 0, all = 0;
    want[0] = gokore_policy_load(&set, text, strlen(text), name, NULL);
    gokore_policy_set_destroy(set);
    want[1] = gokore_document_to_json(text, strlen(text), name, (gokore_writer) { put_away, &all }, NULL);
    for (int part = 0; part < 2; part++) {
        uint64_t n = 1;
        for (; status[part] == GOKORE_NO_MEMORY && n < 1000; n++) {
            int64_t before = scarce.live;
            refuse_from(n);
            set = NULL;
            written = 0;
            status[part] = part ? gokore_document_to_json(text, strlen(text), name, (gokore_writer) { put_away, &written }, NULL)
                                : gokore_policy_load(&set, text, strlen(text), name, NULL);
            refuse_from(0);
            CHECK(set == NULL || status[part] == GOKORE_OK);
            if (part && status[part] != GOKORE_OK) CHECK_UINT(0, written);
            gokore_policy_set_destroy(set);
            CHECK_INT(before, scarce.live);
        }
        (void)test_check_status(want[part], status[part], __FILE__, __LINE__, text);
        CHECK(n > 3);
    }
    CHECK_UINT(want[1] == GOKORE_OK ? all : 0, written);
}

TEST(no_memory, reading_tells_and_gives_back) {
    for (size_t i = 0; i < COUNT(yaml_texts); i++) check_text(yaml_texts[i], "a.yaml");
    for (size_t i = 0; i < COUNT(json_texts); i++) check_text(json_texts[i], "a.json");
}

static void write_file(const char *name, const char *text) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", test_root(), name);
    FILE *f = fopen(path, "w");
    REQUIRE(f != NULL);
    CHECK_INT(1, (int)fwrite(text, strlen(text), 1, f));
    CHECK_INT(0, fclose(f));
}

TEST(no_memory, reading_files_tells_and_gives_back) {
    write_file("a.yaml", yaml_texts[0]);
    write_file("b.json", "{\"apiVersion\":\"concurrency.gokore.io/v1alpha1\",\"kind\":\"LockPolicy\",\"metadata\":{\"name\":\"q\"},"
                         "\"spec\":{\"qosClass\":\"Burstable\",\"hierarchyRules\":[{\"name\":\"r\",\"order\":[\"X\",\"Y\"]}]}}");
    char path[4096];
    for (int one = 0; one < 2; one++) {
        (void)snprintf(path, sizeof path, "%s%s", test_root(), one ? "/a.yaml" : "");
        gokore_status status = GOKORE_NO_MEMORY;
        uint64_t n = 1;
        for (; status == GOKORE_NO_MEMORY && n < 1000; n++) {
            gokore_policy_set *set = NULL;
            int64_t before = scarce.live;
            refuse_from(n);
            status = gokore_policy_load_file(&set, path, NULL);
            refuse_from(0);
            CHECK((set != NULL) == (status == GOKORE_OK));
            CHECK_UINT(!set ? 0 : one ? 2 : 3, gokore_policy_set_count(set));
            gokore_policy_set_destroy(set);
            if (status == GOKORE_OK) continue; // paths that findings may point to are kept
            CHECK(scarce.live - before <= 2);
        }
        CHECK_STATUS(GOKORE_OK, status);
        CHECK(n > 20);
    }
}

TEST(no_memory, what_is_set_is_set_or_stays) {
    gokore_provider provider = { .user = &provider };
    gokore_instrumenter instrumenter = { .user = &provider };
    gokore_cluster_operator cluster_operator = { .user = &provider };
    gokore_qos_policy resources = { .burstable = { .max_workers = 3 } };
    const gokore_provider *before = gokore_provider_get();
    const gokore_instrumenter *records = gokore_instrumenter_get();
    refuse_from(1);
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_provider_set(&provider));
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_instrumenter_set(&instrumenter));
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_cluster_operator_set(&cluster_operator));
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_qos_policy_set(&resources));
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_policy_watch_start("nowhere", 0, NULL, NULL));
    refuse_from(0);
    CHECK_PTR(before, gokore_provider_get());
    CHECK_PTR(records, gokore_instrumenter_get());
    CHECK_UINT(0, gokore_qos_policy_get().burstable.max_workers);
    CHECK_STATUS(GOKORE_OK, gokore_provider_set(&provider));
    CHECK_PTR(&provider, gokore_provider_get()->user);
    CHECK_STATUS(GOKORE_OK, gokore_provider_set(NULL));
    CHECK_PTR(NULL, gokore_provider_get()->user);
}

TEST(no_memory, a_series_is_there_or_not) {
    static const double bounds[] = { 1, 2 };
    static const char *const labels[] = { "lock", "a" };
    gokore_status status = GOKORE_NO_MEMORY;
    uint64_t n = 1;
    gokore_metric *m = NULL;
    gokore_metric_desc desc = { .name = "t_seconds", .type = GOKORE_METRIC_HISTOGRAM, .labels = labels, .label_count = 1 };
    desc.buckets = bounds;
    desc.bucket_count = 2;
    for (; status == GOKORE_NO_MEMORY && n < 100; n++) {
        refuse_from(n);
        status = gokore_metric_register(&m, &desc);
        refuse_from(0);
        CHECK((m != NULL) == (status == GOKORE_OK));
    }
    CHECK_STATUS(GOKORE_OK, status);
    CHECK(n > 5);
    gokore_metric_observe(m, 1.5);
    const gokore_instrumenter *records = gokore_instrumenter_get();
    for (uint64_t k = 1; k < 12; k++) { // what can't be recorded is dropped
        char lock[16];
        (void)snprintf(lock, sizeof lock, "lock-%d", (int)k);
        refuse_from(k);
        records->lock_wait(records->user, lock, GOKORE_QOS_BURSTABLE, GOKORE_OK, MS);
        records->lock_held(records->user, lock, MS);
        records->task_end(records->user, lock, MS);
        refuse_from(0);
    }
    records->lock_wait(records->user, "in time", GOKORE_QOS_GUARANTEED, GOKORE_TIMEOUT, MS);
    char text[32768];
    gokore_buffer buffer = { text, sizeof text, 0 };
    CHECK_STATUS(GOKORE_OK, gokore_metrics_write_prometheus(gokore_writer_buffer(&buffer)));
    CHECK_CONTAINS("t_seconds_bucket{lock=\"a\",le=\"2.0\"} 1\n", text);
    CHECK_CONTAINS("{lock=\"in time\",result=\"timeout\"} 1\n", text);
}

// ---- nothing is lent: no contexts, no machine, no lock checker, no pools

static gokore_status busy_twice(void *user) { return ++*(int *)user < 3 ? GOKORE_BUSY : GOKORE_OK; }

TEST(alone, a_retry_sleeps_without_contexts) {
    gokore_retry_policy policy = { .attempts = 3, .backoff_base_ns = MS };
    gokore_retry_result result;
    int calls = 0;
    CHECK_STATUS(GOKORE_OK, gokore_retry_run(&policy, busy_twice, &calls, NULL, &result));
    CHECK_UINT(3, result.attempts);
    CHECK(result.waited_ns >= 3 * MS);
    gokore_context *unknown = (gokore_context *)(void *)&calls; // contexts are gokore_sync.h's: here none is ever over
    calls = 0;
    CHECK_STATUS(GOKORE_OK, gokore_retry_run(&policy, busy_twice, &calls, unknown, NULL));
}

typedef struct taker {
    gokore_slots *slots;
    uint32_t n;
    gokore_status status;
    pthread_t thread;
} taker;
static void *take(void *arg) {
    taker *t = (taker *)arg;
    t->status = gokore_slots_acquire(t->slots, t->n, NULL);
    return NULL;
}
static void until_queued(gokore_slots *slots, int count) {
    for (int found = -1; found != count; gokore_yield_()) {
        gokore_latch_lock_(&slots->latch_);
        found = 0;
        for (const gokore_slots_waiter_ *w = slots->first_; w; w = w->next) found++;
        gokore_latch_unlock_(&slots->latch_);
    }
}

TEST(alone, slots_are_waited_for) {
    gokore_slots slots;
    taker takers[3];
    gokore_slots_init(&slots, 2);
    CHECK_STATUS(GOKORE_OK, gokore_slots_acquire(&slots, 2, NULL));
    for (int i = 0; i < 3; i++) {
        takers[i] = (taker) { .slots = &slots, .n = i == 1 ? 2 : 1, .status = GOKORE_INVALID };
        REQUIRE(pthread_create(&takers[i].thread, NULL, take, &takers[i]) == 0);
        until_queued(&slots, i + 1);
    }
    gokore_slots_set_total(&slots, 1); // the second wants more than there are: it leaves from the middle
    until_queued(&slots, 3);           // but those before it come first
    gokore_slots_release(&slots, 2);
    until_queued(&slots, 1); // the first has its one; the second is told; the third waits
    gokore_slots_release(&slots, 1);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_join(takers[i].thread, NULL) == 0);
    CHECK_STATUS(GOKORE_OK, takers[0].status);
    CHECK_STATUS(GOKORE_LIMIT, takers[1].status);
    CHECK_STATUS(GOKORE_OK, takers[2].status);
    gokore_slots_release(&slots, 1);
    CHECK_UINT(1, gokore_slots_available(&slots));
}

TEST(alone, tokens_are_waited_for) {
    gokore_rate_limiter limiter;
    gokore_rate_limiter_init(&limiter, 1000, 1);
    int64_t start = gokore_now_ns();
    for (int i = 0; i < 4; i++) CHECK_STATUS(GOKORE_OK, gokore_rate_limiter_acquire(&limiter, 1, NULL));
    CHECK(gokore_now_ns() - start >= 3 * MS);
    gokore_rate_limiter_set_rate(&limiter, 1, UINT64_C(1) << 60); // no wait is longer than time lasts
    CHECK_STATUS(GOKORE_BUSY, gokore_rate_limiter_try_acquire(&limiter, UINT64_C(1) << 60));
    gokore_rate_limiter_set_rate(&limiter, 1000, 0);
    CHECK_STATUS(GOKORE_LIMIT, gokore_rate_limiter_try_acquire(&limiter, 1));
}

static void no_level(void *user, const void *lock, const char *name, int level) {
    (void)lock;
    (void)name;
    (void)level;
    ++*(int *)user;
}

TEST(alone, what_needs_other_headers_is_unsupported) {
    const gokore_provider *p = gokore_provider_get();
    const gokore_cluster_operator *o = gokore_cluster_operator_get();
    gokore_topology_hints hints;
    gokore_numa_view view;
    const char *held[] = { "A" };
    int levels = 0;
    CHECK_STATUS(GOKORE_UNSUPPORTED, p->topology_hints(p->user, &hints));
    CHECK_STATUS(GOKORE_UNSUPPORTED, p->container(p->user, NULL));
    CHECK_INT(-1, p->numa_distance(p->user, 0, 1));
    CHECK_STATUS(GOKORE_UNSUPPORTED, p->migrate(p->user, held, sizeof held, 0));
    CHECK_STATUS(GOKORE_UNSUPPORTED, p->resolve_deadlock(p->user, NULL, NULL));
    CHECK_STATUS(GOKORE_UNSUPPORTED, p->check_lock_order(p->user, held, 1, "B", NULL));
    CHECK_PTR(NULL, p->coordinator(p->user));
    CHECK_STATUS(GOKORE_UNSUPPORTED, o->node_affinity(o->user, &view));
    CHECK_STATUS(GOKORE_UNSUPPORTED, o->lock_hierarchy(o->user, no_level, &levels));
    CHECK_INT(0, levels);
    gokore_resource_adjustment adjust = { .fields = GOKORE_ADJUST_LOCK_LIMIT, .lock_limit = 7 };
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_resources_adjust(&adjust, NULL)); // there is no checker to enforce it, but it is told
    CHECK_INT(7, gokore_limit_locks().value);
    CHECK_INT(0, gokore_limit_memory_bytes().value);
    CHECK_INT(0, gokore_limit_workers().value);
}

TEST(alone, a_policy_is_in_force) {
    gokore_policy_set *set;
    CHECK_STATUS(GOKORE_OK, gokore_policy_load(&set, yaml_texts[0], strlen(yaml_texts[0]), "a.yaml", NULL));
    CHECK_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
    CHECK_STR("p", gokore_policy_set_lock_policy(gokore_policy_current(), NULL)->name);
    CHECK_INT(GOKORE_QOS_BURSTABLE, gokore_qos_current());
    CHECK_STATUS(GOKORE_OK, gokore_policy_apply(NULL));
    CHECK_PTR(NULL, gokore_policy_current());
}

TEST(alone, violations_are_counted) {
    const gokore_instrumenter *records = gokore_instrumenter_get();
    gokore_qos_violation violation = { .kind = NULL, .qos = GOKORE_QOS_BURSTABLE };
    const gokore_provider *p = gokore_provider_get();
    CHECK_STATUS(GOKORE_OK, gokore_qos_violation_report(&violation));
    violation.kind = "hold";
    CHECK_STATUS(GOKORE_OK, gokore_qos_violation_report(&violation));
    records->deadlock(records->user);
    p->report_deadlock(p->user, NULL);
    char text[32768];
    gokore_buffer buffer = { text, sizeof text, 0 };
    CHECK_STATUS(GOKORE_OK, gokore_metrics_write_openmetrics(gokore_writer_buffer(&buffer)));
    CHECK_CONTAINS("gokore_qos_violations_total{kind=\"hold\",qos=\"Burstable\"} 1\n", text);
    CHECK_CONTAINS("gokore_lock_deadlocks_total 2\n", text);
}
