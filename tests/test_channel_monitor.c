// test_channel_monitor.c - gokore_channel.h: metrics, stalls and their listeners, policies, recovery, closure
#include "support/channel.h"

// ---- helpers

static gokore_channel *channel_named(const char *name, size_t capacity) {
    return channel_made((gokore_channel_desc) { .item_size = sizeof(uint64_t), .capacity = capacity, .name = name });
}

static gokore_channel_metrics metrics(gokore_channel *ch) {
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    CHECK_UINT(m.sent, m.received + m.dropped + m.len);
    return m;
}

static void judged_after(gokore_channel *ch, int64_t stall_ns) {
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(ch, &(gokore_channel_policy) { .stall_ns = stall_ns }));
}

static gokore_status handle(gokore_channel *ch, gokore_recovery_kind kind) { return gokore_channel_handle_stall(ch, &(gokore_recovery) { .kind = kind }); }

// What the listener heard.
static struct heard {
    size_t calls;
    gokore_stall last;
    gokore_recovery_kind then; // what it does about it
    bool acts;
} heard;

static void listener(const gokore_stall *stall, void *user) {
    struct heard *h = (struct heard *)user;
    h->calls++;
    h->last = *stall;
    (void)gokore_channel_len(stall->channel); // nothing is locked
    if (h->acts) CHECK_STATUS(GOKORE_OK, handle(stall->channel, h->then));
}

// ---- stalls

TEST(stall, a_channel_whose_items_nobody_takes_is_found_once_its_time_is_over) {
    gokore_channel *ch = channel_named("jobs", 4);
    gokore_stall found[2];
    judged_after(ch, 20 * MS);
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 2, 0)); // empty
    int64_t before = gokore_now_ns();
    for (uint64_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    nap(30 * MS);
    REQUIRE(gokore_channel_detect_stalls(found, 2, 3) == 1);
    CHECK_PTR(ch, found[0].channel);
    CHECK_STR("jobs", found[0].name);
    CHECK_UINT(3, found[0].len);
    CHECK_UINT(4, found[0].capacity);
    CHECK_UINT(0, found[0].senders + found[0].receivers);
    CHECK(found[0].stalled_ns >= 30 * MS);
    CHECK(found[0].stalled_ns <= gokore_now_ns() - before);
    CHECK_UINT(1, gokore_channel_detect_stalls(NULL, 0, 1)); // counted without room
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 2, 4)); // fewer inside
    judged_after(ch, INT64_MAX);
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 2, 1)); // patient
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(ch, NULL));
    size_t later = gokore_channel_detect_stalls(found, 2, 1);
    if (gokore_now_ns() - before < 1000 * MS) CHECK_UINT(0, later); // 1 s
    gokore_channel_destroy(ch);
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 2, 0));
}

TEST(stall, one_item_taken_starts_the_time_again) {
    gokore_channel *ch = channel_named("jobs", 4);
    judged_after(ch, 400 * MS);
    for (uint64_t i = 0; i < 4; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    nap(450 * MS);
    CHECK_UINT(1, gokore_channel_detect_stalls(NULL, 0, 1));
    CHECK_UINT(0, take(ch));
    int64_t before = gokore_now_ns();
    size_t found = gokore_channel_detect_stalls(NULL, 0, 1);
    if (gokore_now_ns() - before < 400 * MS) CHECK_UINT(0, found); // it moves
    nap(450 * MS);
    CHECK_UINT(1, gokore_channel_detect_stalls(NULL, 0, 1));
    gokore_channel_destroy(ch);
}

TEST(stall, the_time_counts_from_the_first_item_not_from_the_rest_before) {
    gokore_channel *ch = channel_named("jobs", 4);
    gokore_stall found;
    judged_after(ch, 1);
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(GOKORE_OK, put(ch, 1));
        CHECK_UINT(1, take(ch));
        CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
        nap(20 * MS);
        int64_t before = gokore_now_ns();
        CHECK_STATUS(GOKORE_OK, put(ch, 2));
        nap(MS);
        REQUIRE(gokore_channel_detect_stalls(&found, 1, 1) == 1);
        CHECK(found.stalled_ns >= MS && found.stalled_ns <= gokore_now_ns() - before);
        CHECK_UINT(2, take(ch));
    }
    gokore_channel_destroy(ch);
}

TEST(stall, threshold_0_also_finds_waiting_senders_and_never_waiting_receivers) {
    gokore_channel *meet = channel_named("meet", 0), *idle = channel_named("idle", 2), *closed = channel_named("closed", 2);
    gokore_stall found[4];
    call sender, receiver;
    judged_after(meet, MS);
    judged_after(idle, 1);
    judged_after(closed, 1);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(closed));
    receives(&receiver, idle, NULL);
    sends(&sender, meet, 5, NULL);
    nap(2 * MS);
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 4, 1)); // it holds nothing
    REQUIRE(gokore_channel_detect_stalls(found, 4, 0) == 1);
    CHECK_STR("meet", found[0].name);
    CHECK_UINT(1, found[0].senders);
    CHECK(found[0].stalled_ns >= 2 * MS);
    CHECK_UINT(5, take(meet));
    CHECK_STATUS(GOKORE_OK, ended(&sender));
    CHECK_UINT(0, gokore_channel_detect_stalls(found, 4, 0));
    CHECK_STATUS(GOKORE_OK, put(idle, 1));
    CHECK_STATUS(GOKORE_OK, ended(&receiver));
    gokore_channel_destroy(meet);
    gokore_channel_destroy(idle);
    gokore_channel_destroy(closed);
}

TEST(stall, timers_do_not_stall) {
    gokore_channel *ch = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_ticker(&ch, MS));
    judged_after(ch, 1);
    nap(3 * MS);
    CHECK_UINT(1, gokore_channel_len(ch));
    nap(MS);
    CHECK_UINT(0, gokore_channel_detect_stalls(NULL, 0, 0));
    gokore_channel_destroy(ch);
}

TEST(stall, the_listener_hears_of_each_also_beyond_the_array) {
    gokore_channel *ch[5];
    gokore_stall found[2];
    for (int i = 0; i < 5; i++) {
        ch[i] = channel_named("many", 1);
        judged_after(ch[i], 1);
        CHECK_STATUS(GOKORE_OK, put(ch[i], 1));
    }
    nap(MS);
    gokore_channel_set_stall_listener(listener, &heard);
    CHECK_UINT(5, gokore_channel_detect_stalls(found, 2, 1));
    CHECK_UINT(5, heard.calls);
    CHECK_STR("many", heard.last.name);
    CHECK(found[0].channel != found[1].channel);
    gokore_channel_set_stall_listener(NULL, NULL);
    CHECK_UINT(5, gokore_channel_detect_stalls(found, 2, 1));
    CHECK_UINT(5, heard.calls);
    for (int i = 0; i < 5; i++) gokore_channel_destroy(ch[i]);
}

TEST(stall, the_listener_may_recover_and_close_what_it_hears_of) {
    gokore_channel *ch = channel_named("jobs", 2);
    judged_after(ch, 1);
    for (uint64_t i = 1; i <= 2; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    heard = (struct heard) { .acts = true, .then = GOKORE_RECOVER_DROP_OLDEST };
    gokore_channel_set_stall_listener(listener, &heard);
    nap(MS);
    CHECK_UINT(1, gokore_channel_detect_stalls(NULL, 0, 1));
    CHECK_UINT(1, gokore_channel_len(ch));
    heard.then = GOKORE_RECOVER_CLOSE;
    CHECK_UINT(0, gokore_channel_detect_stalls(NULL, 0, 2));
    nap(MS);
    while (gokore_channel_detect_stalls(NULL, 0, 1) == 0) nap(MS); // it moved; judged again from the first look on
    CHECK(gokore_channel_is_closed(ch));
    gokore_channel_set_stall_listener(NULL, NULL);
    gokore_channel_destroy(ch);
}

static void *create_and_destroy(void *p) {
    gokore_atomic_bool *over = (gokore_atomic_bool *)p;
    while (!gokore_atomic_load(over)) {
        gokore_channel *ch = channel_named("passing", 1);
        judged_after(ch, 1);
        CHECK_STATUS(GOKORE_OK, put(ch, 1));
        gokore_channel_destroy(ch);
    }
    return NULL;
}

TEST(stall, channels_may_come_and_go_while_stalls_are_looked_for) {
    gokore_atomic_bool over = GOKORE_ATOMIC_INIT(false);
    pthread_t thread;
    gokore_channel_set_stall_listener(listener, &heard);
    REQUIRE(pthread_create(&thread, NULL, create_and_destroy, &over) == 0);
    for (int i = 0; i < 20000 / SLOW; i++) (void)gokore_channel_detect_stalls(NULL, 0, 0);
    gokore_atomic_store(&over, true);
    (void)pthread_join(thread, NULL);
    gokore_channel_set_stall_listener(NULL, NULL);
    CHECK_UINT(0, gokore_channel_detect_stalls(NULL, 0, 0));
}

// ---- recovery

TEST(recovery, report_names_the_channel_and_what_it_holds) {
    gokore_channel *ch = channel_named("jobs", 3);
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    test_reports_capture();
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_REPORT));
    const test_report *report = test_reports_find(GOKORE_REPORT_CHANNEL_STALL);
    REQUIRE(report);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STR("jobs", report->resource);
    CHECK_CONTAINS("1 of 3 items", report->message);
    CHECK_INT(GOKORE_SEVERITY_WARNING, report->severity);
    gokore_channel_destroy(ch);
}

TEST(recovery, drop_oldest_makes_room_for_the_first_waiting_sender) {
    gokore_channel *ch = channel_named("jobs", 2);
    call c;
    CHECK_STATUS(GOKORE_EMPTY, handle(ch, GOKORE_RECOVER_DROP_OLDEST));
    for (uint64_t i = 1; i <= 2; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    sends(&c, ch, 3, NULL);
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_DROP_OLDEST));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_DROP_OLDEST));
    CHECK_UINT(2, metrics(ch).dropped);
    CHECK_UINT(3, metrics(ch).sent);
    CHECK_UINT(3, take(ch));
    CHECK_UINT(1, metrics(ch).received);
    CHECK_STATUS(GOKORE_EMPTY, handle(ch, GOKORE_RECOVER_DROP_OLDEST));
    gokore_channel_destroy(ch);
    ch = channel_named("meet", 0);
    sends(&c, ch, 4, NULL);
    CHECK_STATUS(GOKORE_EMPTY, handle(ch, GOKORE_RECOVER_DROP_OLDEST)); // a waiting sender has its item still
    CHECK_UINT(4, take(ch));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    gokore_channel_destroy(ch);
}

TEST(recovery, cancel_waiters_sends_all_away_and_leaves_it_open) {
    gokore_channel *ch = channel_named("jobs", 1);
    call c[3];
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_CANCEL_WAITERS));
    for (int i = 0; i < 3; i++) receives(&c[i], ch, NULL);
    CHECK_UINT(3, metrics(ch).receivers);
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_CANCEL_WAITERS));
    for (int i = 0; i < 3; i++) CHECK_STATUS(GOKORE_CANCELED, ended(&c[i]));
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    sends(&c[0], ch, 2, NULL);
    CHECK_UINT(1, metrics(ch).senders);
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_CANCEL_WAITERS));
    CHECK_STATUS(GOKORE_CANCELED, ended(&c[0]));
    CHECK_UINT(1, take(ch));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
    CHECK_UINT(0, metrics(ch).senders + metrics(ch).receivers);
    gokore_channel_destroy(ch);
}

static void takes_one(gokore_channel *ch, void *user) { *(uint64_t *)user = take(ch); }

TEST(recovery, close_and_call_do_just_that_and_what_is_none_is_refused) {
    gokore_channel *ch = channel_named("jobs", 2);
    uint64_t got = 0;
    CHECK_STATUS(GOKORE_OK, put(ch, 8));
    gokore_recovery call_it = { .kind = GOKORE_RECOVER_CALL, .call = takes_one, .user = &got };
    CHECK_STATUS(GOKORE_OK, gokore_channel_handle_stall(ch, &call_it));
    CHECK_UINT(8, got);
    CHECK_STATUS(GOKORE_INVALID, handle(ch, GOKORE_RECOVER_CALL));
    CHECK_STATUS(GOKORE_INVALID, handle(ch, (gokore_recovery_kind)9));
    CHECK_STATUS(GOKORE_OK, handle(ch, GOKORE_RECOVER_CLOSE));
    CHECK(gokore_channel_is_closed(ch));
    CHECK_STATUS(GOKORE_CLOSED, handle(ch, GOKORE_RECOVER_CLOSE));
    gokore_channel_destroy(ch);
}

TEST(recovery, a_channel_with_a_policy_recovers_as_it_says) {
    gokore_channel *drop = channel_named("drop", 4), *close = channel_named("close", 4), *tell = channel_named("tell", 4), *fine = channel_named("fine", 4);
    gokore_channel_policy policy = { .stall_ns = 1, .on_stall = { .kind = GOKORE_RECOVER_DROP_OLDEST } };
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(drop, &policy));
    policy.on_stall.kind = GOKORE_RECOVER_CLOSE;
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(close, &policy));
    policy.on_stall.kind = GOKORE_RECOVER_REPORT;
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(tell, &policy));
    CHECK_STATUS(GOKORE_OK, gokore_channel_set_policy(fine, &policy));
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK_STATUS(GOKORE_OK, put(drop, i));
        CHECK_STATUS(GOKORE_OK, put(close, i));
        CHECK_STATUS(GOKORE_OK, put(tell, i));
    }
    nap(MS);
    test_reports_capture();
    CHECK_UINT(3, gokore_channel_detect_stalls(NULL, 0, 1)); // looks only
    CHECK_UINT(2, gokore_channel_len(drop));
    CHECK_UINT(3, gokore_channel_recover_stalls(1));
    CHECK_UINT(1, gokore_channel_len(drop));
    CHECK(gokore_channel_is_closed(close) && !gokore_channel_is_closed(fine));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_CHANNEL_STALL));
    CHECK_STR("tell", test_reports_find(GOKORE_REPORT_CHANNEL_STALL)->resource);
    CHECK_STATUS(GOKORE_OK, gokore_channel_handle_stall(drop, NULL)); // its own
    CHECK_UINT(0, gokore_channel_len(drop));
    gokore_channel_destroy(drop);
    gokore_channel_destroy(close);
    gokore_channel_destroy(tell);
    gokore_channel_destroy(fine);
}

// ---- policies

TEST(policy, buffer_rules_hold_the_capacity_within_bounds) {
    static const struct { size_t capacity, min, max; gokore_status want; } cases[] = {
        { 4, 0, 0, GOKORE_OK },  { 4, 4, 4, GOKORE_OK },    { 4, 5, 9, GOKORE_LIMIT },   { 4, 1, 3, GOKORE_LIMIT },  { 0, 1, 0, GOKORE_LIMIT },
        { 0, 0, 9, GOKORE_OK },  { 4, 9, 5, GOKORE_INVALID }, { 4, 4, 0, GOKORE_OK },     { 9, 5, 1, GOKORE_INVALID },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gokore_channel *ch = channel_named("jobs", cases[i].capacity);
        gokore_channel_policy p = { .min_capacity = cases[i].min, .max_capacity = cases[i].max };
        gokore_recovery r = { .kind = GOKORE_RECOVER_CALL };
        CHECK_STATUS(cases[i].want, gokore_channel_check_buffer_rules(ch, &p));
        CHECK_STATUS(cases[i].want, gokore_channel_set_policy(ch, &p));
        CHECK_STATUS(cases[i].want == GOKORE_INVALID ? GOKORE_INVALID : GOKORE_OK, gokore_channel_recovery_create(&p, &r));
        CHECK_INT(GOKORE_RECOVER_REPORT, r.kind);
        gokore_channel_destroy(ch);
    }
}

TEST(policy, a_recovery_is_made_from_a_sound_policy) {
    uint64_t got;
    gokore_channel_policy p = { .on_stall = { GOKORE_RECOVER_CALL, takes_one, &got } };
    gokore_recovery r = { .kind = GOKORE_RECOVER_CLOSE };
    CHECK_STATUS(GOKORE_OK, gokore_channel_recovery_create(&p, &r));
    CHECK(r.kind == GOKORE_RECOVER_CALL && r.call == takes_one && r.user == &got);
    p.on_stall.call = NULL;
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_recovery_create(&p, &r));
    CHECK_INT(GOKORE_RECOVER_REPORT, r.kind);
    p = (gokore_channel_policy) { .stall_ns = -1 };
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_recovery_create(&p, &r));
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_recovery_create(NULL, &r));
}

TEST(policy, a_class_limits_calls_without_a_context_only) {
    gokore_channel *ch = channel_named("jobs", 0), *free_one = channel_named("free", 0);
    uint64_t item = 0;
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_apply_qos(ch, (gokore_qos)17));
    CHECK_STATUS(GOKORE_OK, gokore_channel_apply_qos(ch, GOKORE_QOS_BEST_EFFORT));
    int64_t limit = gokore_lock_policy_default(GOKORE_QOS_BEST_EFFORT).retry.max_wait_ns, since = gokore_now_ns();
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, NULL));
    CHECK(gokore_now_ns() - since >= limit);
    since = gokore_now_ns();
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_send(ch, &item, NULL));
    CHECK(gokore_now_ns() - since >= limit);
    since = gokore_now_ns();
    gokore_select_case cases[] = { { free_one, GOKORE_SELECT_RECV, &item }, { ch, GOKORE_SELECT_SEND, &item } };
    size_t chosen = 9;
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(cases, 2, NULL, &chosen));
    CHECK_UINT(2, chosen);
    CHECK(gokore_now_ns() - since >= limit);
    gokore_context ctx;
    since = gokore_now_ns();
    gokore_context_init_timeout(&ctx, NULL, limit + 20 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &ctx));
    CHECK(gokore_now_ns() - since >= limit + 20 * MS);
    gokore_context_deinit(&ctx);
    gokore_channel_destroy(ch);
    gokore_channel_destroy(free_one);
}

// ---- closure

TEST(closure, is_right_when_closed_and_drained) {
    gokore_channel *ch = channel_named("jobs", 2);
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_verify_closure(ch)); // open
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    CHECK_STATUS(GOKORE_BUSY, gokore_channel_verify_closure(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_BUSY, gokore_channel_verify_closure(ch));
    CHECK_UINT(1, take(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_verify_closure(ch));
    gokore_channel_destroy(ch);
    ch = channel_named("meet", 0);
    call c;
    receives(&c, ch, NULL);
    CHECK_STATUS(GOKORE_BUSY, gokore_channel_verify_closure(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_verify_closure(ch));
    CHECK_STATUS(GOKORE_CLOSED, ended(&c));
    gokore_channel_destroy(ch);
}

TEST(closure, what_goes_wrong_around_a_close_is_counted) {
    gokore_channel *ch = channel_named("jobs", 1);
    call c[2];
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    for (uint64_t i = 0; i < 2; i++) sends(&c[i], ch, i, NULL);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    for (int i = 0; i < 2; i++) CHECK_STATUS(GOKORE_CLOSED, ended(&c[i]));
    CHECK_STATUS(GOKORE_CLOSED, put(ch, 2));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_close(ch));
    CHECK_UINT(2, metrics(ch).closed_on_senders);
    CHECK_UINT(1, metrics(ch).sent_after_close);
    CHECK_UINT(2, metrics(ch).closed_again);
    CHECK_UINT(1, metrics(ch).sent);
    CHECK_UINT(1, take(ch));
    gokore_channel_destroy(ch);
}

// ---- provider and instrumenter

static gokore_qos best_effort(void *user) {
    ++*(int *)user;
    return GOKORE_QOS_BEST_EFFORT;
}

static gokore_qos no_class(void *user) {
    (void)user;
    return (gokore_qos)17;
}

TEST(provider, its_class_limits_the_calls_of_its_channels) {
    int asked = 0;
    uint64_t item;
    gokore_provider provider = { .qos = best_effort, .user = &asked }, empty = { .qos = NULL };
    gokore_channel_desc desc = { .item_size = sizeof item, .provider = &provider };
    gokore_channel *ch = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
    CHECK_INT(1, asked);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, NULL));
    gokore_channel_destroy(ch);
    desc.provider = &empty;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
    gokore_channel_destroy(ch);
    provider.qos = no_class;
    desc.provider = &provider;
    test_allocator a = { .fail_from = 0 };
    desc.allocator = test_allocator_hooks(&a);
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_create(&ch, &desc));
    CHECK_PTR(NULL, ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

static struct told {
    uint64_t sends, receives, failed;
    int64_t blocked_ns;
    char name[32];
} told;

static void tell(void *user, const char *channel, bool is_send, gokore_status result, int64_t blocked_ns) {
    struct told *t = (struct told *)user;
    if (result != GOKORE_OK) t->failed++;
    else if (is_send) t->sends++;
    else t->receives++;
    t->blocked_ns += blocked_ns;
    (void)snprintf(t->name, sizeof t->name, "%s", channel);
}

TEST(instrumenter, is_told_of_every_call) {
    test_only_with("METRICS=1");
    gokore_instrumenter ours = { .channel = tell, .user = &told };
    REQUIRE_STATUS(GOKORE_OK, gokore_instrumenter_set(&ours));
    gokore_channel *ch = channel_named("jobs", 1);
    uint64_t item = 1;
    size_t chosen = 0;
    gokore_select_case one = { ch, GOKORE_SELECT_RECV, &item };
    CHECK_STATUS(GOKORE_OK, gokore_channel_send(ch, &item, NULL));
    CHECK_STATUS(GOKORE_FULL, put(ch, 2));
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
    CHECK_STATUS(GOKORE_OK, put(ch, 3));
    CHECK_STATUS(GOKORE_OK, gokore_channel_select(&one, 1, NULL, &chosen));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_select(&one, 1, &chosen));
    CHECK_UINT(2, told.sends);
    CHECK_UINT(2, told.receives);
    CHECK_UINT(1, told.failed);
    CHECK_STR("jobs", told.name);
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &ctx));
    gokore_context_deinit(&ctx);
    CHECK_UINT(2, told.failed);
    CHECK(told.blocked_ns >= MS);
    gokore_channel_destroy(ch);
    CHECK_STATUS(GOKORE_OK, gokore_instrumenter_set(NULL));
}
