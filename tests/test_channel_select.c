// test_channel_select.c - gokore_channel.h: select, timers, typed and generic forms, and Go's rules as a table
#include "support/channel.h"

#include <sched.h>
#include <stdlib.h>

GOKORE_CHANNEL_TYPE(numbers, int)
GOKORE_CHANNEL_TYPE(names, const char *)

// ---- helpers

static gokore_select_case sending(gokore_channel *ch, uint64_t *item) { return (gokore_select_case) { ch, GOKORE_SELECT_SEND, item }; }
static gokore_select_case receiving(gokore_channel *ch, uint64_t *item) { return (gokore_select_case) { ch, GOKORE_SELECT_RECV, item }; }

// One blocking select on a thread of its own.
typedef struct selection {
    gokore_select_case cases[4];
    size_t n, chosen;
    gokore_context *ctx;
    gokore_status status;
    gokore_atomic_i64 tid;
    gokore_atomic_bool done;
    pthread_t thread;
} selection;

static void *selection_main(void *p) {
    selection *s = (selection *)p;
    gokore_atomic_store(&s->tid, thread_id());
    s->status = gokore_channel_select(s->cases, s->n, s->ctx, &s->chosen);
    gokore_atomic_store(&s->done, true);
    return NULL;
}

static void selects(selection *s) { // and sleeps in it
    REQUIRE(pthread_create(&s->thread, NULL, selection_main, s) == 0);
    await_asleep_in(&s->tid);
    CHECK(!gokore_atomic_load(&s->done));
}

static gokore_status selected(selection *s) {
    (void)pthread_join(s->thread, NULL);
    return s->status;
}

// ---- Go's rules

enum { NIL, EMPTY, HALF, FULL, CLOSED_EMPTY, CLOSED_HALF, STATES };

static gokore_channel *in_state(int state) {
    if (state == NIL) return NULL;
    gokore_channel *ch = channel_of_numbers(2);
    for (uint64_t i = 1; i <= (state == FULL ? 2u : state == HALF || state == CLOSED_HALF ? 1u : 0u); i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    if (state == CLOSED_EMPTY || state == CLOSED_HALF) CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    return ch;
}

TEST(select, every_state_of_a_channel_answers_as_in_go) {
    // Go: a nil channel blocks for ever; where Go panics we say CLOSED; receiving from a closed and drained one does not block
    static const struct { gokore_status send, receive; size_t left_by_send, left_by_receive; } go[STATES] = {
        [NIL] = { GOKORE_EMPTY, GOKORE_EMPTY, 0, 0 },          [EMPTY] = { GOKORE_OK, GOKORE_EMPTY, 1, 0 },
        [HALF] = { GOKORE_OK, GOKORE_OK, 2, 0 },               [FULL] = { GOKORE_EMPTY, GOKORE_OK, 2, 1 },
        [CLOSED_EMPTY] = { GOKORE_CLOSED, GOKORE_CLOSED, 0, 0 }, [CLOSED_HALF] = { GOKORE_CLOSED, GOKORE_OK, 1, 0 },
    };
    for (int state = 0; state < STATES; state++)
        for (int sends_it = 0; sends_it < 2; sends_it++) {
            gokore_channel *ch = in_state(state);
            uint64_t item = 9;
            size_t chosen = 77;
            gokore_select_case one = sends_it ? sending(ch, &item) : receiving(ch, &item);
            gokore_status want = sends_it ? go[state].send : go[state].receive;
            CHECK_STATUS(want, gokore_channel_try_select(&one, 1, &chosen));
            CHECK_UINT(want == GOKORE_EMPTY ? 1 : 0, chosen);
            if (ch) CHECK_UINT(sends_it ? go[state].left_by_send : go[state].left_by_receive, gokore_channel_len(ch));
            if (!sends_it && want == GOKORE_OK) CHECK_UINT(1, item);
            gokore_context ctx; // and the blocking form: what is not ready waits for the context
            gokore_context_init_timeout(&ctx, NULL, MS);
            if (want == GOKORE_EMPTY) CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(&one, 1, &ctx, &chosen));
            gokore_context_deinit(&ctx);
            if (ch) CHECK_STATUS(state >= CLOSED_EMPTY ? GOKORE_CLOSED : GOKORE_OK, gokore_channel_close(ch));
            gokore_channel_destroy(ch);
        }
}

// ---- one thread

TEST(select, of_two_ready_cases_each_is_chosen_about_as_often) {
    gokore_channel *a = channel_of_numbers(1), *b = channel_of_numbers(1), *never = channel_of_numbers(0);
    uint64_t item, counts[4] = { 0 }, rounds = 4000;
    for (uint64_t i = 0; i < rounds; i++) {
        if (gokore_channel_len(a) == 0) CHECK_STATUS(GOKORE_OK, put(a, 1));
        if (gokore_channel_len(b) == 0) CHECK_STATUS(GOKORE_OK, put(b, 3));
        gokore_select_case cases[] = { receiving(never, &item), receiving(a, &item), receiving(NULL, &item), receiving(b, &item) };
        size_t chosen = 99;
        REQUIRE_STATUS(GOKORE_OK, gokore_channel_select(cases, 4, NULL, &chosen));
        REQUIRE(chosen == 1 || chosen == 3);
        CHECK_UINT(chosen, item);
        counts[chosen]++;
    }
    CHECK(counts[1] > rounds / 3 && counts[3] > rounds / 3); // 21 deviations from the middle
    gokore_channel_destroy(a);
    gokore_channel_destroy(b);
    gokore_channel_destroy(never);
}

TEST(select, of_three_ready_cases_each_is_chosen_about_as_often) { // also those beside one that never is
    gokore_channel *ch[3] = { channel_of_numbers(4), channel_of_numbers(4), channel_of_numbers(4) };
    uint64_t item = 0, counts[5] = { 0 }, rounds = 6000;
    for (uint64_t i = 0; i < rounds; i++) {
        gokore_select_case cases[] = { sending(ch[0], &item), sending(ch[1], &item), sending(NULL, &item), sending(NULL, &item), sending(ch[2], &item) };
        size_t chosen = 99;
        REQUIRE_STATUS(GOKORE_OK, gokore_channel_select(cases, 5, NULL, &chosen));
        REQUIRE(chosen < 5);
        counts[chosen]++;
        for (int k = 0; k < 3; k++) (void)take(ch[k]);
    }
    CHECK(counts[0] > rounds / 4 && counts[1] > rounds / 4 && counts[4] > rounds / 4);
    for (int k = 0; k < 3; k++) gokore_channel_destroy(ch[k]);
}

TEST(select, biased_takes_the_first_that_is_ready) {
    gokore_channel *a = channel_of_numbers(2), *b = channel_of_numbers(2);
    uint64_t item = 0;
    gokore_select_case cases[] = { receiving(a, &item), receiving(b, &item) };
    for (int i = 0; i < 50; i++) {
        size_t chosen = 99;
        CHECK_STATUS(GOKORE_OK, put(b, 2));
        CHECK_STATUS(GOKORE_OK, put(a, 1));
        CHECK_STATUS(GOKORE_OK, gokore_channel_select_biased(cases, 2, NULL, &chosen));
        CHECK_UINT(0, chosen);
        CHECK_UINT(1, item);
        CHECK_STATUS(GOKORE_OK, gokore_channel_select_biased(cases, 2, NULL, &chosen));
        CHECK_UINT(1, chosen);
        CHECK_UINT(2, item);
    }
    gokore_channel_destroy(a);
    gokore_channel_destroy(b);
}

TEST(select, without_a_ready_case_it_waits_as_long_as_its_context) {
    gokore_channel *a = channel_of_numbers(1), *b = channel_of_numbers(0);
    uint64_t item = 5;
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    CHECK_STATUS(GOKORE_OK, put(a, 1));
    gokore_select_case cases[] = { sending(a, &item), receiving(b, &item), sending(b, &item), { NULL, GOKORE_SELECT_RECV, NULL } };
    size_t chosen = 99;
    int64_t deadline = gokore_context_deadline_ns(&ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(cases, 4, &ctx, &chosen));
    CHECK(gokore_now_ns() >= deadline);
    CHECK_UINT(4, chosen);
    CHECK_UINT(5, item);
    CHECK_UINT(1, take(a));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(a));
    CHECK_STATUS(GOKORE_FULL, put(b, 1)); // nobody is left in line
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(NULL, 0, &ctx, &chosen));
    CHECK_STATUS(GOKORE_OK, put(a, 2));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(&(gokore_select_case) { a, GOKORE_SELECT_RECV, &item }, 1, &ctx, &chosen)); // it is over
    CHECK_UINT(1, gokore_channel_len(a));
    gokore_context_deinit(&ctx);
    gokore_context_init(&ctx, NULL);
    gokore_context_cancel(&ctx);
    CHECK_STATUS(GOKORE_CANCELED, gokore_channel_select(cases, 4, &ctx, NULL));
    cases[1].op = (gokore_select_op)7;
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_select(cases, 4, NULL, &chosen));
    gokore_context_deinit(&ctx);
    gokore_channel_destroy(a);
    gokore_channel_destroy(b);
}

TEST(select, it_never_meets_itself) {
    gokore_channel *ch = channel_of_numbers(0);
    uint64_t in = 0, out = 5;
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 2 * MS);
    gokore_select_case cases[] = { sending(ch, &out), receiving(ch, &in), sending(ch, &out) };
    size_t chosen = 99;
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_select(cases, 3, &chosen));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(cases, 3, &ctx, &chosen));
    CHECK_UINT(0, in);
    gokore_context_deinit(&ctx);
    gokore_channel_destroy(ch);
}

TEST(select, more_cases_than_fit_on_the_stack_borrow_memory) {
    enum { MANY = 200 };
    static gokore_channel *ch[MANY];
    static gokore_select_case cases[MANY];
    uint64_t item = 0;
    for (size_t i = 0; i < MANY; i++) cases[i] = receiving(ch[i] = channel_of_numbers(i % 3), &item);
    for (size_t i = 1; i < MANY; i += i % 3 == 1 ? 1 : 2) {
        size_t chosen = 0;
        CHECK_STATUS(GOKORE_OK, put(ch[i], i));
        CHECK_STATUS(GOKORE_OK, gokore_channel_select(cases, MANY, NULL, &chosen));
        CHECK_UINT(i, chosen);
        CHECK_UINT(i, item);
    }
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_select(cases, MANY, &ctx, NULL));
    gokore_context_deinit(&ctx);
    for (size_t i = 0; i < MANY; i++) gokore_channel_destroy(ch[i]);
}

// ---- several threads

TEST(select, a_waiting_select_is_served_by_whichever_channel_comes_first) {
    for (size_t capacity = 0; capacity < 2; capacity++)
        for (size_t which = 0; which < 4; which++) {
            gokore_channel *in[2] = { channel_of_numbers(capacity), channel_of_numbers(capacity) };
            gokore_channel *out[2] = { channel_of_numbers(capacity), channel_of_numbers(capacity) };
            uint64_t got = 0, give = 7;
            for (int i = 0; i < 2 && capacity; i++) CHECK_STATUS(GOKORE_OK, put(out[i], 1)); // full
            selection s = { .n = 4, .cases = { receiving(in[0], &got), receiving(in[1], &got), sending(out[0], &give), sending(out[1], &give) } };
            selects(&s);
            if (which < 2)
                CHECK_STATUS(GOKORE_OK, put(in[which], 42));
            else
                CHECK_UINT(capacity ? 1 : 7, take(out[which - 2]));
            CHECK_STATUS(GOKORE_OK, selected(&s));
            CHECK_UINT(which, s.chosen);
            CHECK_UINT(which < 2 ? 42 : 0, got);
            for (size_t i = 0; i < 2; i++) { // no trace is left at the others
                uint64_t want = 1000000 + GOKORE_EMPTY;
                if (capacity) want = which == 2 + i ? 7 : 1;
                CHECK_UINT(want, take(out[i]));
                CHECK_STATUS(capacity ? GOKORE_OK : GOKORE_FULL, put(in[i], 1));
                gokore_channel_metrics m;
                gokore_channel_get_metrics(in[i], &m);
                CHECK_UINT(0, m.senders + m.receivers);
                gokore_channel_destroy(in[i]);
                gokore_channel_destroy(out[i]);
            }
        }
}

TEST(select, close_cancel_and_destroy_end_a_waiting_select) {
    for (int how = 0; how < 5; how++) {
        gokore_channel *a = channel_of_numbers(0), *b = channel_of_numbers(0);
        gokore_context ctx;
        gokore_context_init(&ctx, NULL);
        uint64_t got = 0, give = 7;
        test_reports_capture();
        selection s = { .n = 2, .cases = { receiving(a, &got), sending(b, &give) }, .ctx = &ctx };
        selects(&s);
        if (how == 0) CHECK_STATUS(GOKORE_OK, gokore_channel_close(a));
        if (how == 1) CHECK_STATUS(GOKORE_OK, gokore_channel_close(b));
        if (how == 2) gokore_context_cancel(&ctx);
        if (how == 3) CHECK_STATUS(GOKORE_OK, gokore_channel_handle_stall(b, &(gokore_recovery) { .kind = GOKORE_RECOVER_CANCEL_WAITERS }));
        if (how == 4) gokore_channel_destroy(b);
        CHECK_STATUS(how == 2 || how == 3 ? GOKORE_CANCELED : GOKORE_CLOSED, selected(&s));
        if (how != 2) CHECK_UINT(how == 0 ? 0 : 1, s.chosen);
        CHECK_UINT(how == 4, test_reports_count(GOKORE_REPORT_CHANNEL_BUSY));
        CHECK_STATUS(how == 0 ? GOKORE_CLOSED : GOKORE_FULL, put(a, 1));
        gokore_channel_destroy(a);
        if (how != 4) gokore_channel_destroy(b);
        gokore_context_deinit(&ctx);
    }
}

TEST(select, two_selects_meet_on_a_rendezvous) {
    gokore_channel *a = channel_of_numbers(0), *b = channel_of_numbers(0);
    uint64_t got[2] = { 0 }, give[2] = { 10, 20 };
    selection s = { .n = 2, .cases = { sending(a, &give[0]), receiving(b, &got[0]) } };
    selects(&s);
    gokore_select_case mine[] = { sending(b, &give[1]), receiving(a, &got[1]) };
    size_t chosen = 9;
    CHECK_STATUS(GOKORE_OK, gokore_channel_select(mine, 2, NULL, &chosen));
    CHECK_STATUS(GOKORE_OK, selected(&s));
    CHECK_UINT(chosen == 0 ? 1 : 0, s.chosen);
    CHECK_UINT(chosen == 0 ? 20 : 0, got[0]);
    CHECK_UINT(chosen == 1 ? 10 : 0, got[1]);
    gokore_channel_destroy(a);
    gokore_channel_destroy(b);
}

// ---- timers

TEST(timer, after_gives_one_item_not_early_and_stays_a_channel) {
    gokore_channel *ch = NULL;
    int64_t since = gokore_now_ns(), item = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_after(&ch, 3 * MS));
    CHECK_UINT(1, gokore_channel_capacity(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
    CHECK(gokore_now_ns() >= since + 3 * MS);
    CHECK(item >= since + 3 * MS && item <= gokore_now_ns());
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, &item));
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &ctx)); // once is all
    gokore_context_deinit(&ctx);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_recv(ch, &item, NULL));
    gokore_channel_destroy(ch);
    for (int64_t delay = -1; delay <= 0; delay++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_channel_after(&ch, delay));
        CHECK_UINT(1, gokore_channel_len(ch));
        CHECK_STATUS(GOKORE_OK, gokore_channel_try_recv(ch, &item));
        gokore_channel_destroy(ch);
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_after(&ch, INT64_MAX));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, &item));
    gokore_channel_destroy(ch);
}

TEST(timer, a_ticker_keeps_its_beat_and_holds_one_tick) {
    gokore_channel *ch = (gokore_channel *)(void *)&ch;
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_ticker(&ch, 0));
    CHECK_PTR(NULL, ch);
    CHECK_STATUS(GOKORE_INVALID, gokore_channel_ticker(&ch, -5));
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_ticker(&ch, 2 * MS));
    int64_t first = 0, item = 0, next = 0;
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &first, NULL));
    nap(9 * MS); // several beats
    CHECK_UINT(1, gokore_channel_len(ch));
    CHECK_STATUS(GOKORE_OK, gokore_channel_try_recv(ch, &item)); // the one that was held
    CHECK_INT(0, (item - first) % (2 * MS));
    int64_t now = gokore_now_ns();
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &next, NULL));
    CHECK(next > item && next > now - 2 * MS); // the ones between were left out
    CHECK_INT(0, (next - first) % (2 * MS));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    gokore_channel_destroy(ch);
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_ticker(&ch, INT64_MAX));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, &item));
    gokore_channel_destroy(ch);
}

TEST(timer, several_receivers_share_the_ticks_in_line) {
    gokore_channel *ch = NULL, *never = channel_of_numbers(0);
    uint64_t got[3] = { 0 }, other;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_ticker(&ch, 30 * MS));
    selection s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = (selection) { .n = 2, .cases = { receiving(ch, &got[i]), receiving(never, &other) } };
        REQUIRE(pthread_create(&s[i].thread, NULL, selection_main, &s[i]) == 0); // it may have its tick before the next begins
    }
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(GOKORE_OK, selected(&s[i]));
        CHECK_UINT(0, s[i].chosen);
    }
    CHECK(got[0] != got[1] && got[1] != got[2] && got[0] != got[2]);
    gokore_channel_destroy(ch);
    gokore_channel_destroy(never);
}

TEST(timer, a_select_with_a_timer_gives_up_when_it_is_due) {
    gokore_channel *ch = channel_of_numbers(0), *timeout = NULL;
    uint64_t item = 0;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_after(&timeout, 2 * MS));
    gokore_select_case cases[] = { receiving(ch, &item), receiving(timeout, &item) };
    size_t chosen = 9;
    CHECK_STATUS(GOKORE_OK, gokore_channel_select(cases, 2, NULL, &chosen));
    CHECK_UINT(1, chosen);
    gokore_channel_destroy(ch);
    gokore_channel_destroy(timeout);
}

// ---- typed and generic

TEST(typed, a_channel_of_a_type_takes_and_gives_that_type) {
    numbers *ch = NULL;
    int n = 0;
    REQUIRE_STATUS(GOKORE_OK, numbers_create(&ch, 2));
    CHECK_STATUS(GOKORE_OK, numbers_send(ch, 4, NULL));
    CHECK_STATUS(GOKORE_OK, numbers_try_send(ch, 5));
    CHECK_STATUS(GOKORE_FULL, numbers_try_send(ch, 6));
    CHECK_UINT(2, numbers_len(ch));
    CHECK_UINT(2, gokore_channel_capacity(numbers_channel(ch)));
    CHECK_STATUS(GOKORE_OK, numbers_recv(ch, &n, NULL));
    CHECK_INT(4, n);
    CHECK_STATUS(GOKORE_OK, numbers_close(ch));
    CHECK_STATUS(GOKORE_OK, numbers_try_recv(ch, &n));
    CHECK_INT(5, n);
    CHECK_STATUS(GOKORE_CLOSED, numbers_recv(ch, &n, NULL));
    numbers_destroy(ch);
    names *words = NULL;
    const char *word = NULL;
    REQUIRE_STATUS(GOKORE_OK, names_create(&words, 1));
    CHECK_STATUS(GOKORE_OK, names_send(words, "lamp", NULL));
    CHECK_STATUS(GOKORE_OK, names_recv(words, &word, NULL));
    CHECK_STR("lamp", word);
    names_destroy(words);
    words = (names *)(void *)&words;
    CHECK_STATUS(GOKORE_NO_MEMORY, names_create(&words, SIZE_MAX));
    CHECK_PTR(NULL, words);
}

TEST(typed, the_generic_forms_take_values_and_refuse_a_wrong_size) {
    struct point { double x, y; } p = { 1, 2 }, q = { 0, 0 };
    gokore_channel *ch = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &(gokore_channel_desc) { .item_size = sizeof p, .capacity = 2 }));
    CHECK_STATUS(GOKORE_OK, gokore_send(ch, p, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_recv(ch, &q, NULL));
    CHECK(q.x == 1 && q.y == 2);
    CHECK_STATUS(GOKORE_INVALID, gokore_send(ch, 1, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_send(ch, p, NULL));
    int n = 5;
    CHECK_STATUS(GOKORE_INVALID, gokore_recv(ch, &n, NULL));
    CHECK_INT(5, n);
    CHECK_UINT(1, gokore_channel_len(ch));
    gokore_channel_destroy(ch);
    ch = channel_of_numbers(1);
    CHECK_STATUS(GOKORE_OK, gokore_send(ch, (uint64_t)41 + 1, NULL)); // any expression of the type
    CHECK_UINT(42, take(ch));
    gokore_channel_destroy(ch);
}

TEST(typed, storage_may_be_the_callers_at_any_alignment) {
    size_t size = gokore_channel_storage_size(3, 5);
    unsigned char *memory = (unsigned char *)malloc(size + 9);
    REQUIRE(memory);
    for (size_t shift = 0; shift < 8; shift++) {
        memset(memory, 0x5a, size + 9);
        gokore_channel *ch = NULL;
        gokore_channel_desc desc = { .item_size = 3, .capacity = 5, .storage = memory + shift, .storage_size = size };
        test_allocator none = { .fail_from = 1 };
        desc.allocator = test_allocator_hooks(&none);
        REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
        char in[3] = "ab", out[3];
        for (int i = 0; i < 20; i++) {
            CHECK_STATUS(GOKORE_OK, gokore_channel_try_send(ch, in));
            CHECK_STATUS(GOKORE_OK, gokore_channel_try_recv(ch, out));
            CHECK_STR("ab", out);
        }
        for (int i = 0; i < 5; i++) CHECK_STATUS(GOKORE_OK, gokore_channel_try_send(ch, in));
        CHECK_STATUS(GOKORE_FULL, gokore_channel_try_send(ch, in));
        gokore_channel_destroy(ch);
        CHECK_UINT(0, gokore_atomic_load(&none.calls) + gokore_atomic_load(&none.frees));
        for (size_t i = 0; i < size + 9; i++) // nothing beside it was written
            if (i < shift || i >= shift + size) CHECK_UINT(0x5a, memory[i]);
        desc.storage_size = size - 1;
        ch = (gokore_channel *)(void *)memory;
        CHECK_STATUS(GOKORE_NO_MEMORY, gokore_channel_create(&ch, &desc));
        CHECK_PTR(NULL, ch);
    }
    CHECK_UINT(0, gokore_channel_storage_size(SIZE_MAX / 2, 3));
    CHECK(gokore_channel_storage_size(0, SIZE_MAX) > 0);
    free(memory);
}
