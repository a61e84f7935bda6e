// test_channel_deadlock.c - gokore_channel.h: what the lock checker sees of threads that wait in channels
#include "support/channel.h"
#include "support/watched.h"

// ---- helpers

static gokore_channel *named(const char *name, size_t capacity) {
    return channel_made((gokore_channel_desc) { .item_size = sizeof(uint64_t), .capacity = capacity, .name = name });
}

static gokore_select_case from(gokore_channel *ch, uint64_t *item) { return (gokore_select_case) { ch, GOKORE_SELECT_RECV, item }; }
static gokore_select_case to(gokore_channel *ch, uint64_t *item) { return (gokore_select_case) { ch, GOKORE_SELECT_SEND, item }; }

// Two threads: the chooser is the only one who sends into 'orders', and waits in a select of two or more cases; the worker is the
// only one at the other ends of those cases, and waits for an order.
typedef struct pair {
    gokore_channel *orders, *results, *spare, *timer;
    bool main_sends; // this thread has used 'spare', too
    size_t further;  // NULL cases before the others
    gokore_atomic_u32 ready;
    gokore_atomic_i64 chooser_tid, worker_tid;
    gokore_status chosen_status, worker_status;
    size_t chosen;
    uint64_t got;
    pthread_t chooser, worker;
} pair;

enum { MOST = 40 };

static void meet(pair *p) {
    (void)gokore_atomic_fetch_add(&p->ready, 1);
    while (gokore_atomic_load(&p->ready) < 2) sched_yield();
}

static void *choose(void *arg) {
    pair *p = (pair *)arg;
    uint64_t item = 1, room = 5;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_send(p->orders, &item, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_recv(p->results, &item, NULL));
    meet(p);
    gokore_select_case cases[MOST];
    size_t n = p->further;
    for (size_t i = 0; i < n; i++) cases[i] = from(i % 2 ? NULL : p->results, &p->got);
    cases[n++] = from(p->results, &p->got);
    cases[n++] = p->timer ? from(p->timer, &p->got) : to(p->spare, &room);
    if (p->main_sends) cases[n++] = from(p->spare, &p->got);
    gokore_atomic_store(&p->chooser_tid, thread_id());
    p->chosen_status = gokore_channel_select(cases, n, NULL, &p->chosen);
    if (p->chosen_status == GOKORE_DEADLOCK) CHECK_UINT(n, p->chosen);
    (void)gokore_channel_close(p->orders);
    return NULL;
}

static void *work(void *arg) {
    pair *p = (pair *)arg;
    uint64_t item = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_recv(p->orders, &item, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_send(p->results, &item, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(p->spare, &item));
    meet(p);
    gokore_atomic_store(&p->worker_tid, thread_id());
    p->worker_status = gokore_channel_recv(p->orders, &item, NULL);
    (void)gokore_channel_close(p->results);
    return NULL;
}

static void pair_begin(pair *p) {
    p->orders = named("orders", 1);
    p->results = named("results", 1);
    p->spare = named("spare", 0);
    uint64_t item;
    if (p->main_sends) CHECK_STATUS(GOKORE_FULL, put(p->spare, 1));
    if (p->main_sends) CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(p->spare, &item));
    REQUIRE(pthread_create(&p->chooser, NULL, choose, p) == 0 && pthread_create(&p->worker, NULL, work, p) == 0);
    await_asleep_in(&p->chooser_tid);
    await_asleep_in(&p->worker_tid);
}

static void pair_end(pair *p) {
    (void)pthread_join(p->chooser, NULL);
    (void)pthread_join(p->worker, NULL);
    gokore_channel_destroy(p->orders);
    gokore_channel_destroy(p->results);
    gokore_channel_destroy(p->spare);
    gokore_channel_destroy(p->timer);
}

static gokore_status cancel_thread(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)d;
    out->type = GOKORE_RESOLVE_CANCEL_VICTIM;
    out->victim = (uint64_t)gokore_atomic_load((gokore_atomic_i64 *)user);
    return GOKORE_OK;
}

static void found_and_cancelled(pair *p, gokore_atomic_i64 *victim) {
    gokore_deadlock d = { .thread_count = 0 };
    (void)wait_for_deadlock(&d);
    CHECK_UINT(2, d.thread_count);
    bool first = d.resources[0] == p->orders;
    CHECK_PTR(p->orders, d.resources[!first]);
    CHECK_STR("orders", d.names[!first]);
    CHECK_PTR(p->results, d.resources[first]);
    CHECK_STR("results", d.names[first]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
    gokore_resolution r;
    REQUIRE_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("cancel", cancel_thread, victim));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_resolve(&d, &r));
    CHECK_INT(GOKORE_RESOLVE_CANCEL_VICTIM, r.type);
}

// ---- select

TEST(waiting, a_select_that_nobody_can_end_is_a_deadlock_and_the_select_can_be_its_victim) {
    watched();
    for (size_t further = 0; further < MOST; further += 19) { // also where it borrows memory
        test_reports_capture();
        pair p = { .further = further };
        pair_begin(&p);
        found_and_cancelled(&p, &p.chooser_tid);
        pair_end(&p);
        CHECK_STATUS(GOKORE_DEADLOCK, p.chosen_status);
        CHECK_STATUS(GOKORE_CLOSED, p.worker_status); // the chooser went on and closed it
    }
}

TEST(waiting, a_receive_is_cancelled_so_that_a_select_goes_on) {
    watched();
    pair p = { .further = 0 };
    pair_begin(&p);
    found_and_cancelled(&p, &p.worker_tid);
    pair_end(&p);
    CHECK_STATUS(GOKORE_DEADLOCK, p.worker_status);
    CHECK_STATUS(GOKORE_CLOSED, p.chosen_status); // the worker went on and closed it
    CHECK_UINT(0, p.chosen);
}

TEST(waiting, a_select_is_no_deadlock_while_one_thread_can_still_end_one_of_its_cases) {
    watched();
    pair p = { .main_sends = true };
    pair_begin(&p);
    for (int i = 0; i < 20; i++) CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    uint64_t item = 7;
    CHECK_STATUS(GOKORE_OK, gokore_channel_send(p.spare, &item, NULL));
    pair_end(&p);
    CHECK_STATUS(GOKORE_OK, p.chosen_status);
    CHECK_UINT(7, p.got);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_DEADLOCK));
}

TEST(waiting, a_select_with_a_timer_ends_by_itself) {
    watched();
    pair p = { .further = 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_after(&p.timer, 3600000 * (int64_t)MS));
    pair_begin(&p);
    for (int i = 0; i < 20; i++) CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(p.timer));
    pair_end(&p);
    CHECK_STATUS(GOKORE_CLOSED, p.chosen_status);
    CHECK_UINT(1, p.chosen);
}

// ---- waiting with a lock held

TEST(waiting, in_a_select_while_holding_a_lock_is_reported_and_looking_is_not) {
    test_only_with("LOCKORDER=1");
    gokore_channel *ch = channel_of_numbers(1);
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "ledger" });
    uint64_t item = 1;
    size_t chosen;
    gokore_select_case both[] = { from(ch, &item), { NULL, GOKORE_SELECT_RECV, NULL } };
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_select(both, 2, &chosen));
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    CHECK_STATUS(GOKORE_OK, gokore_channel_select(both, 2, NULL, &chosen)); // did not wait
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(both, 2, &ctx, &chosen));
    gokore_context_deinit(&ctx);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    const test_report *report = test_reports_find(GOKORE_REPORT_LOCK_WAIT_HELD);
    CHECK_STR("ledger", report ? report->resource : NULL);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
    gokore_channel_destroy(ch);
}
