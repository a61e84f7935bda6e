// test_policy_metrics.c - the metrics registry and the two text formats.
#include "../gokore_policy.h"
#include "../gokore_topology.h"
#include "support/test.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 18];

static const char *written(bool open) {
    gokore_buffer buffer = { text, sizeof text, 0 };
    REQUIRE_STATUS(GOKORE_OK, open ? gokore_metrics_write_openmetrics(gokore_writer_buffer(&buffer))
                                   : gokore_metrics_write_prometheus(gokore_writer_buffer(&buffer)));
    return text;
}

static gokore_metric *made(const gokore_metric_desc *desc) {
    gokore_metric *m;
    REQUIRE_STATUS(GOKORE_OK, gokore_metric_register(&m, desc));
    return m;
}

// The lines of one family, in order, without the rest.
static const char *family(const char *all, const char *name) {
    static char out[8192];
    size_t len = strlen(name), used = 0;
    for (const char *line = all, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const char *at = *line == '#' ? line + 7 : line;
        if (strncmp(at, name, len) != 0) continue;
        REQUIRE(used + (size_t)(end + 1 - line) < sizeof out);
        memcpy(out + used, line, (size_t)(end + 1 - line));
        used += (size_t)(end + 1 - line);
    }
    out[used] = 0;
    return out;
}

TEST(metrics, without_the_option_nothing_is_recorded) {
    test_only_with("METRICS=0");
    gokore_metric *m = (gokore_metric *)text;
    char small[8] = "kept";
    gokore_buffer buffer = { small, sizeof small, 0 };
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_metric_register(&m, &(gokore_metric_desc) { .name = "a_total" }));
    CHECK_PTR(NULL, m);
    gokore_metric_add(m, 1);
    gokore_metric_set(m, 1);
    gokore_metric_observe(m, 1);
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_metrics_write_prometheus(gokore_writer_buffer(&buffer)));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_metrics_write_openmetrics(gokore_writer_buffer(&buffer)));
    CHECK_STR("kept", small);
    CHECK(gokore_instrumenter_get()->lock_wait == NULL);
}

TEST(metrics, counters_in_both_formats) {
    test_only_with("METRICS=1");
    const char *labels[] = { "zone", "b", "path", "C:\\a\"b\nc" };
    gokore_metric *plain = made(&(gokore_metric_desc) { .name = "test_jobs_total", .help = "Jobs \\ \"done\"\nso far." });
    gokore_metric *labelled = made(&(gokore_metric_desc) { .name = "test_jobs_total", .labels = labels, .label_count = 2 });
    gokore_metric_add(plain, 41);
    gokore_metric_add(plain, 1);
    gokore_metric_add(labelled, 7);
    gokore_metric_set(plain, 3); // not a gauge
    gokore_metric_observe(plain, 3);
    CHECK_STR("# TYPE test_jobs_total counter\n"
              "# HELP test_jobs_total Jobs \\\\ \"done\"\\nso far.\n"
              "test_jobs_total 42\n"
              "test_jobs_total{path=\"C:\\\\a\\\"b\\nc\",zone=\"b\"} 7\n",
              family(written(false), "test_jobs"));
    CHECK_STR("# TYPE test_jobs counter\n"
              "# HELP test_jobs Jobs \\\\ \\\"done\\\"\\nso far.\n"
              "test_jobs_total 42\n"
              "test_jobs_total{path=\"C:\\\\a\\\"b\\nc\",zone=\"b\"} 7\n",
              family(written(true), "test_jobs"));
    CHECK_STR("# EOF\n", strstr(text, "# EOF"));
}

TEST(metrics, gauges_and_units) {
    test_only_with("METRICS=1");
    gokore_metric *m = made(&(gokore_metric_desc) { .name = "test_size_bytes", .type = GOKORE_METRIC_GAUGE });
    static const struct { double value; const char *text; } rows[] = {
        { 0, "0" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 1e21, "1e+21" }, { 123456789, "123456789" }, { INFINITY, "+Inf" },
        { -INFINITY, "-Inf" }, { NAN, "NaN" }, { 5e-324, "5e-324" }, { 0.1 + 0.2, "0.30000000000000004" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char wanted[128];
        gokore_metric_set(m, rows[i].value);
        (void)snprintf(wanted, sizeof wanted, "# TYPE test_size_bytes gauge\n# UNIT test_size_bytes bytes\ntest_size_bytes %s\n", rows[i].text);
        CHECK_STR(wanted, family(written(true), "test_size_bytes"));
    }
    gokore_metric_set(m, 2.5);
    gokore_metric_add(m, 2);
    CHECK_CONTAINS("test_size_bytes 4.5\n", written(false));
    (void)made(&(gokore_metric_desc) { .name = "test_busy_seconds_total" });
    CHECK_CONTAINS("# TYPE test_busy_seconds counter\n# UNIT test_busy_seconds seconds\ntest_busy_seconds_total 0\n", written(true));
}

TEST(metrics, numbers_have_a_dot_in_every_locale) {
    test_only_with("METRICS=1");
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE.utf8")) test_skip("the locale de_DE is not installed");
    gokore_metric_set(made(&(gokore_metric_desc) { .name = "test_locale", .type = GOKORE_METRIC_GAUGE }), 1.25);
    CHECK_CONTAINS("\ntest_locale 1.25\n", written(false));
}

TEST(metrics, histograms_count_cumulatively) {
    test_only_with("METRICS=1");
    const double buckets[] = { 1e-05, 0.5, 1, 20 };
    const char *labels[] = { "a", "x" };
    gokore_metric *m = made(&(gokore_metric_desc) { "test_time_seconds", "Time.", GOKORE_METRIC_HISTOGRAM, labels, 1, buckets, 4 });
    const double values[] = { 0, 1e-05, 0.25, 0.5, 0.75, 1, 2, 20, 21, -1 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) gokore_metric_observe(m, values[i]);
    gokore_metric_observe(m, NAN);
    gokore_metric_add(m, 5);
    CHECK_STR("# TYPE test_time_seconds histogram\n"
              "# HELP test_time_seconds Time.\n"
              "test_time_seconds_bucket{a=\"x\",le=\"1e-05\"} 3\n"
              "test_time_seconds_bucket{a=\"x\",le=\"0.5\"} 5\n"
              "test_time_seconds_bucket{a=\"x\",le=\"1.0\"} 7\n"
              "test_time_seconds_bucket{a=\"x\",le=\"20.0\"} 9\n"
              "test_time_seconds_bucket{a=\"x\",le=\"+Inf\"} 10\n"
              "test_time_seconds_sum{a=\"x\"} 44.50001\n"
              "test_time_seconds_count{a=\"x\"} 10\n",
              family(written(false), "test_time_seconds"));
}

TEST(metrics, lock_buckets_hold_every_limit_of_the_classes) {
    test_only_with("METRICS=1");
    (void)made(&(gokore_metric_desc) { .name = "test_lock_seconds", .type = GOKORE_METRIC_HISTOGRAM });
    const char *all = family(written(true), "test_lock_seconds");
    static const char *const bounds[] = { "0.001", "0.015", "0.03", "0.05", "0.1", "0.2", "0.5", "1.0", "1e-06", "+Inf" };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "{le=\"%s\"} 0\n", bounds[i]);
        CHECK_CONTAINS(line, all);
    }
}

TEST(metrics, refuses_what_does_not_fit) {
    test_only_with("METRICS=1");
    static const char *const value[] = { "a", "\xff" }, *twice[] = { "a", "x", "a", "y" }, *null[] = { "a", NULL };
    static const char *const le[] = { "le", "1" }, *inner[] = { "__a", "1" }, *bad[] = { "a-b", "1" }, *ab[] = { "a", "1", "b", "2" },
                             *ba[] = { "b", "2", "a", "1" };
    static const double down[] = { 1, 1 }, infinite[] = { 1, INFINITY }, other[] = { 1, 2 };
    (void)made(&(gokore_metric_desc) { .name = "test_there_total", .labels = ab, .label_count = 2 });
    (void)made(&(gokore_metric_desc) { .name = "test_there_seconds", .type = GOKORE_METRIC_HISTOGRAM });
    const gokore_metric_desc rows[] = {
        { .name = NULL }, { .name = "" }, { .name = "9_total" }, { .name = "a-b_total" }, { .name = "a.b_total" }, { .name = "\xc3\xa4_total" },
        { .name = "no_suffix" }, { .name = "_total" }, { .name = "a_total", .type = GOKORE_METRIC_GAUGE },
        { .name = "a_total", .type = GOKORE_METRIC_HISTOGRAM }, { .name = "a_count", .type = GOKORE_METRIC_GAUGE },
        { .name = "a_bucket", .type = GOKORE_METRIC_GAUGE }, { .name = "a_sum", .type = GOKORE_METRIC_HISTOGRAM },
        { .name = "a", .type = (gokore_metric_type)3 }, { .name = "b_total", .labels = value, .label_count = 1 },
        { .name = "b_total", .labels = twice, .label_count = 2 }, { .name = "b_total", .labels = null, .label_count = 1 },
        { .name = "b_total", .labels = le, .label_count = 1 }, { .name = "b_total", .labels = inner, .label_count = 1 },
        { .name = "b_total", .labels = bad, .label_count = 1 }, { .name = "b_total", .label_count = 1 },
        { .name = "test_there_total", .labels = ab, .label_count = 2 }, { .name = "test_there_total", .labels = ba, .label_count = 2 },
        { .name = "test_there", .type = GOKORE_METRIC_GAUGE }, { .name = "test_there_seconds", .type = GOKORE_METRIC_GAUGE },
        { .name = "test_there_seconds_total" },
        { .name = "test_there_seconds", .type = GOKORE_METRIC_HISTOGRAM, .buckets = other, .bucket_count = 2 },
        { .name = "h", .type = GOKORE_METRIC_HISTOGRAM, .buckets = down, .bucket_count = 2 },
        { .name = "h", .type = GOKORE_METRIC_HISTOGRAM, .buckets = infinite, .bucket_count = 2 },
        { .name = "h", .type = GOKORE_METRIC_HISTOGRAM, .bucket_count = 2 }, { .name = "c_total", .buckets = other, .bucket_count = 2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gokore_metric *m = (gokore_metric *)text;
        if (!test_check_status(GOKORE_INVALID, gokore_metric_register(&m, &rows[i]), __FILE__, __LINE__, "register")) test_note("row %zu", i);
        CHECK_PTR(NULL, m);
    }
    gokore_metric *m;
    CHECK_STATUS(GOKORE_INVALID, gokore_metric_register(&m, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_metric_register(&m, &(gokore_metric_desc) { .name = "test_there_total", .labels = ab, .label_count = 1 }));
}

static gokore_status fail_later(void *user, const void *data, size_t len) {
    int *left = user;
    (void)data;
    (void)len;
    return (*left)-- > 0 ? GOKORE_OK : GOKORE_FULL;
}

TEST(metrics, the_writers_status_comes_back) {
    test_only_with("METRICS=1");
    for (int i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "test_n%d_total", i);
        (void)made(&(gokore_metric_desc) { .name = name, .help = "One of many." });
    }
    for (int calls = 0; calls < 5; calls++) {
        int left = calls;
        CHECK_STATUS(GOKORE_FULL, gokore_metrics_write_prometheus((gokore_writer) { fail_later, &left }));
        CHECK_INT(-1, left); // not called again
    }
}

typedef struct busy {
    gokore_metric *count, *gauge, *histogram;
    gokore_atomic_bool stop;
} busy;

static void *record(void *p) {
    busy *b = p;
    for (int i = 0; i < 20000; i++) {
        gokore_metric_add(b->count, 1);
        gokore_metric_add(b->gauge, 1);
        gokore_metric_observe(b->histogram, i % 4);
        if (i % 1000 == 0) gokore_instrumenter_get()->lock_wait(NULL, i % 2000 ? "a" : "b", GOKORE_QOS_BURSTABLE, GOKORE_OK, i);
    }
    return NULL;
}

static void *scrape(void *p) {
    busy *b = p;
    char *out = malloc(1 << 16);
    REQUIRE(out);
    while (!gokore_atomic_load(&b->stop)) {
        gokore_buffer buffer = { out, 1 << 16, 0 };
        REQUIRE_STATUS(GOKORE_OK, gokore_metrics_write_openmetrics(gokore_writer_buffer(&buffer)));
    }
    free(out);
    return NULL;
}

TEST(metrics, nothing_is_lost_while_threads_record_and_scrape) {
    test_only_with("METRICS=1");
    busy b = { made(&(gokore_metric_desc) { .name = "test_busy_total" }), made(&(gokore_metric_desc) { .name = "test_busy_now", .type = GOKORE_METRIC_GAUGE }),
               made(&(gokore_metric_desc) { .name = "test_busy_times", .type = GOKORE_METRIC_HISTOGRAM }), GOKORE_ATOMIC_INIT(false) };
    pthread_t threads[4], scraper;
    REQUIRE(pthread_create(&scraper, NULL, scrape, &b) == 0);
    for (int i = 0; i < 4; i++) REQUIRE(pthread_create(&threads[i], NULL, record, &b) == 0);
    for (int i = 0; i < 4; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
    gokore_atomic_store(&b.stop, true);
    REQUIRE(pthread_join(scraper, NULL) == 0);
    const char *all = written(false);
    CHECK_CONTAINS("\ntest_busy_total 80000\n", all);
    CHECK_CONTAINS("\ntest_busy_now 80000\n", all);
    CHECK_CONTAINS("\ntest_busy_times_sum 120000\n", all);
    CHECK_CONTAINS("\ntest_busy_times_count 80000\n", all);
    CHECK_CONTAINS("gokore_lock_acquisitions_total{lock=\"a\",result=\"ok\"} 40\n", all);
    CHECK_CONTAINS("gokore_lock_acquisitions_total{lock=\"b\",result=\"ok\"} 40\n", all);
}

TEST(instrumenter, records_the_librarys_names) {
    test_only_with("METRICS=1");
    const gokore_instrumenter *i = gokore_instrumenter_get();
    i->lock_wait(i->user, "Map", GOKORE_QOS_GUARANTEED, GOKORE_TIMEOUT, 30000000);
    i->lock_held(i->user, "Map", 2000000);
    i->lock_retry(i->user, "Map");
    i->lock_violation(i->user, GOKORE_REPORT_LOCK_ORDER);
    i->deadlock(i->user);
    i->task_begin(i->user, "main");
    i->task_begin(i->user, "main");
    i->task_end(i->user, "main", 40000000);
    i->task_cancel(i->user, "main", GOKORE_CANCELED);
    i->steal(i->user, "main", true);
    i->steal(i->user, "main", false);
    i->pool(i->user, "main", 4, 17);
    i->channel(i->user, "in", true, GOKORE_OK, 0);
    i->channel(i->user, "in", false, GOKORE_CLOSED, 1000);
    i->atomic_ops(i->user, "cas", 3);
    static const char *const lines[] = {
        "gokore_lock_acquisitions_total{lock=\"Map\",result=\"timeout\"} 1\n", "gokore_lock_wait_seconds_bucket{lock=\"Map\",qos=\"Guaranteed\",le=\"0.03\"} 1\n",
        "gokore_lock_wait_seconds_bucket{lock=\"Map\",qos=\"Guaranteed\",le=\"0.015\"} 0\n", "gokore_lock_hold_seconds_sum{lock=\"Map\"} 0.002\n",
        "gokore_lock_retries_total{lock=\"Map\"} 1\n", "gokore_lock_violations_total{kind=\"LOCK_ORDER\"} 1\n", "gokore_lock_deadlocks_total 1\n",
        "gokore_pool_tasks_total{pool=\"main\",result=\"ok\"} 1\n", "gokore_pool_tasks_total{pool=\"main\",result=\"canceled\"} 1\n",
        "gokore_pool_tasks_running{pool=\"main\"} 1\n", "gokore_pool_task_seconds_sum{pool=\"main\"} 0.04\n",
        "gokore_pool_steals_total{pool=\"main\"} 2\n", "gokore_pool_numa_crossings_total{pool=\"main\"} 1\n", "gokore_pool_workers{pool=\"main\"} 4\n",
        "gokore_pool_queue_depth{pool=\"main\"} 17\n", "gokore_channel_sends_total{channel=\"in\",result=\"ok\"} 1\n",
        "gokore_channel_receives_total{channel=\"in\",result=\"closed\"} 1\n", "gokore_atomic_ops_total{op=\"cas\"} 3\n",
        "gokore_build_info{version=\"" GOKORE_VERSION "\"} 1\n", "gokore_container_info{cgroup_version=\"",
    };
    const char *all = written(false);
    for (size_t k = 0; k < sizeof lines / sizeof lines[0]; k++) CHECK_CONTAINS(lines[k], all);
}

TEST(instrumenter, series_beyond_the_table_are_dropped_and_counted) {
    test_only_with("METRICS=1");
    const gokore_instrumenter *i = gokore_instrumenter_get();
    i->lock_retry(i->user, "first");
    i->deadlock(NULL);
    for (int n = 0; n < 1100; n++) {
        char name[16];
        (void)snprintf(name, sizeof name, "lock%d", n);
        i->lock_retry(i->user, name);
    }
    i->lock_retry(i->user, "first");
    CHECK_CONTAINS("gokore_lock_retries_total{lock=\"first\"} 2\n", written(false));
    CHECK_CONTAINS("gokore_metrics_dropped_total 102\n", text);
}

static void seen_retry(void *user, const char *lock) { *(const char **)user = lock; }

TEST(instrumenter, can_be_replaced) {
    const char *seen = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&(gokore_instrumenter) { .lock_retry = seen_retry, .user = &seen }));
    const gokore_instrumenter *mine = gokore_instrumenter_get();
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(NULL));
    mine->lock_retry(mine->user, "x"); // still readable
    CHECK_STR("x", seen);
    CHECK(mine->lock_wait == NULL);
    CHECK(gokore_instrumenter_get() != mine);
}
