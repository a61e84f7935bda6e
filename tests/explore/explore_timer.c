// Channels that the clock fills: each tick is taken once and not early, and ends a wait.
#define GOKORE_IMPLEMENTATION
#include "gokore_channel.h"

#include "explore.h"

enum { DELAY = 1000 };
static gokore_channel *timer, *letters;
static gokore_context ctx;
static struct { gokore_status status; int64_t due; size_t chosen; } got[8];

static void taker(void *arg) {
    int me = *(int *)arg;
    got[me].status = gokore_channel_recv(timer, &got[me].due, &ctx);
}
static void trier(void *arg) {
    int me = *(int *)arg;
    got[me].status = gokore_channel_try_recv(timer, &got[me].due);
}
static void go(explore_fn *fn, int i) {
    static int numbers[] = { 0, 1, 2, 3 };
    explore_go(fn, &numbers[i]);
}

SCENARIO(timer, a_tick_is_taken_once_and_not_early, .bound = 4, .stale = 1, .spurious = 1, .expiries = 2, .jumps = 1) {
    int64_t begin = gokore_now_ns();
    gokore_context_init(&ctx, NULL);
    CHECK(gokore_channel_after(&timer, DELAY) == GOKORE_OK);
    go(taker, 0);
    go(trier, 1);
    gokore_context_cancel(&ctx); // before the tick or after it: one of them has it, or it is still there, or to come
    explore_join();
    int64_t due = 0;
    int there = gokore_channel_try_recv(timer, &due) == GOKORE_OK;
    CHECK((got[0].status == GOKORE_OK) + (got[1].status == GOKORE_OK) + there <= 1);
    for (int i = 0; i < 2; i++) CHECK(got[i].status != GOKORE_OK || got[i].due >= begin + DELAY);
    gokore_channel_destroy(timer);
    gokore_context_deinit(&ctx);
}
SCENARIO(timer, who_waits_for_it_alone_gets_it, .bound = 6, .stale = 1, .spurious = 2, .expiries = 1) {
    int64_t begin = gokore_now_ns();
    gokore_context_init(&ctx, NULL);
    CHECK(gokore_channel_after(&timer, DELAY) == GOKORE_OK);
    go(taker, 0);
    explore_join();
    CHECK(got[0].status == GOKORE_OK && got[0].due >= begin + DELAY && gokore_now_ns() >= got[0].due);
    gokore_channel_destroy(timer);
    gokore_context_deinit(&ctx);
}

static void selector(void *arg) { // a letter, or the end of patience
    int me = *(int *)arg, letter = 0;
    gokore_select_case cases[] = { { letters, GOKORE_SELECT_RECV, &letter }, { timer, GOKORE_SELECT_RECV, &got[me].due } };
    got[me].status = gokore_channel_select(cases, 2, &ctx, &got[me].chosen);
    CHECK(got[me].status == GOKORE_OK && (got[me].chosen == 0 ? letter == 7 : got[me].due > 0));
}
SCENARIO(timer, a_select_gives_up_by_it_or_has_the_letter, .bound = 3, .stale = 1, .spurious = 1, .expiries = 1) {
    int letter = 7;
    gokore_context_init(&ctx, NULL);
    CHECK(gokore_channel_create(&letters, &(gokore_channel_desc) { .item_size = sizeof letter, .capacity = 1 }) == GOKORE_OK);
    CHECK(gokore_channel_after(&timer, DELAY) == GOKORE_OK);
    go(selector, 0);
    CHECK(gokore_channel_send(letters, &letter, NULL) == GOKORE_OK);
    explore_join();
    CHECK(gokore_channel_len(letters) == (got[0].chosen == 0 ? 0 : 1));
    gokore_channel_destroy(timer);
    gokore_channel_destroy(letters);
    gokore_context_deinit(&ctx);
}
SCENARIO(timer, a_select_that_nobody_else_serves_ends_by_it, .bound = 4, .stale = 1, .spurious = 1, .expiries = 1) {
    gokore_context_init(&ctx, NULL);
    CHECK(gokore_channel_create(&letters, &(gokore_channel_desc) { .item_size = sizeof(int) }) == GOKORE_OK);
    CHECK(gokore_channel_after(&timer, DELAY) == GOKORE_OK);
    go(selector, 0);
    explore_join();
    CHECK(got[0].chosen == 1 && gokore_now_ns() >= got[0].due);
    gokore_channel_destroy(timer);
    gokore_channel_destroy(letters);
    gokore_context_deinit(&ctx);
}
SCENARIO(timer, a_ticker_against_its_close, .bound = 4, .stale = 1, .spurious = 1, .expiries = 2) {
    gokore_context_init(&ctx, NULL);
    CHECK(gokore_channel_ticker(&timer, DELAY) == GOKORE_OK);
    go(taker, 0);
    CHECK(gokore_channel_close(timer) == GOKORE_OK);
    explore_join();
    CHECK(got[0].status == GOKORE_OK || got[0].status == GOKORE_CLOSED);
    gokore_channel_destroy(timer);
    gokore_context_deinit(&ctx);
}
