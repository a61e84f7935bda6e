// Channels: two by two with a close, rendezvous, giving up, destroying, select, timers.
#define GOKORE_IMPLEMENTATION
#include "gokore_channel.h"

#include "explore.h"

static gokore_channel *ch;
static gokore_context ctx;
static int sent, received, sum_sent, sum_received; // under no lock: each thread has its own cells below
static struct { int sent, received, sum_sent, sum_received; gokore_status last; } mine[8];
static int boxes[4]; // what is sent by address: plain, so the channel must order it

static void make(size_t capacity) {
    gokore_channel_desc desc = { .item_size = sizeof(int *), .capacity = capacity };
    CHECK(gokore_channel_create(&ch, &desc) == GOKORE_OK);
}
static void send_one(int me, int i, gokore_context *context) {
    int *box = &boxes[i];
    *box = i + 1;
    mine[me].last = gokore_channel_send(ch, &box, context);
    if (mine[me].last != GOKORE_OK) return;
    mine[me].sent++;
    mine[me].sum_sent += i + 1;
}
static void receive_one(int me, gokore_context *context) {
    int *box = NULL;
    mine[me].last = gokore_channel_recv(ch, &box, context);
    if (mine[me].last != GOKORE_OK) return;
    mine[me].received++;
    mine[me].sum_received += *box;
    *box = 0;
}
static void sender(void *arg) {
    int i = *(int *)arg;
    send_one(i, i, NULL);
}
static void sender_with_context(void *arg) {
    int i = *(int *)arg;
    send_one(i, i, &ctx);
}
static void sender_of_two(void *arg) {
    int i = *(int *)arg;
    send_one(i, i, NULL);
    send_one(i, i + 1, NULL);
}
static void receiver(void *arg) { receive_one(*(int *)arg, NULL); }
static void receiver_with_context(void *arg) { receive_one(*(int *)arg, &ctx); }
static void receiver_until_closed(void *arg) {
    int me = *(int *)arg;
    do receive_one(me, NULL);
    while (mine[me].last == GOKORE_OK);
    CHECK(mine[me].last == GOKORE_CLOSED);
}
static void closer(void *arg) {
    (void)arg;
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
}
static void canceller(void *arg) {
    (void)arg;
    gokore_context_cancel(&ctx);
}
static int names[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static void go(explore_fn *fn, int me) { explore_go(fn, &names[me]); }
static void end(size_t left) { // nothing got lost, nothing came twice
    explore_join();
    for (int i = 0; i < 8; i++) {
        sent += mine[i].sent;
        received += mine[i].received;
        sum_sent += mine[i].sum_sent;
        sum_received += mine[i].sum_received;
    }
    CHECK(gokore_channel_len(ch) == left && sent - received == (int)left);
    int *box;
    while (gokore_channel_try_recv(ch, &box) == GOKORE_OK) sum_received += *box;
    CHECK(sum_sent == sum_received && ctx.waiters_ == NULL);
    CHECK(ch->senders.head == NULL && ch->receivers.head == NULL);
    gokore_channel_destroy(ch);
}

SCENARIO(channel, hands_over_without_a_buffer, .bound = 6, .stale = 2, .spurious = 1) {
    make(0);
    go(sender, 0);
    go(receiver, 4);
    end(0);
    CHECK(received == 1);
}
SCENARIO(channel, two_by_two_without_a_buffer, .bound = 3, .stale = 1, .spurious = 1) {
    make(0);
    go(sender, 0);
    go(sender, 1);
    go(receiver, 4);
    go(receiver, 5);
    end(0);
    CHECK(received == 2);
}
SCENARIO(channel, two_by_two_with_a_buffer_of_one, .bound = 3, .stale = 1, .spurious = 1) {
    make(1);
    go(sender_of_two, 0);
    go(sender, 2);
    go(receiver, 4);
    go(receiver, 5);
    end(1);
}
SCENARIO(channel, a_close_ends_two_receivers_after_all_is_drained, .bound = 4, .stale = 1, .spurious = 1) {
    make(1);
    go(receiver_until_closed, 4);
    go(receiver_until_closed, 5);
    send_one(0, 0, NULL);
    send_one(0, 1, NULL);
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
    end(0);
    CHECK(received == 2);
}
SCENARIO(channel, a_close_against_senders, .bound = 4, .stale = 1, .spurious = 1) {
    make(1);
    go(sender, 0);
    go(sender, 1);
    go(closer, 7);
    explore_join();
    for (int i = 0; i < 2; i++) CHECK(mine[i].last == GOKORE_OK || mine[i].last == GOKORE_CLOSED);
    end(gokore_channel_len(ch));
}
SCENARIO(channel, a_cancelled_receiver_takes_nothing, .bound = 4, .stale = 1, .spurious = 1) {
    make(0);
    go(receiver_with_context, 4);
    go(receiver_until_closed, 5);
    go(canceller, 7);
    send_one(0, 0, NULL);
    send_one(0, 1, NULL);
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
    explore_join();
    CHECK(mine[4].last == GOKORE_OK || mine[4].last == GOKORE_CANCELED || mine[4].last == GOKORE_CLOSED);
    end(0);
    CHECK(received == 2);
}
SCENARIO(channel, a_cancelled_sender_has_sent_nothing, .bound = 4, .stale = 1, .spurious = 1) {
    make(1);
    go(sender_with_context, 0);
    go(sender_with_context, 1);
    go(canceller, 7);
    go(receiver, 4);
    go(closer, 6);
    explore_join();
    for (int i = 0; i < 2; i++) CHECK(mine[i].last == GOKORE_OK || mine[i].last == GOKORE_CANCELED || mine[i].last == GOKORE_CLOSED);
    end(gokore_channel_len(ch));
}
static void receiver_at_the_end(void *arg) {
    (void)arg;
    int *box = NULL;
    CHECK(gokore_channel_recv(ch, &box, NULL) == GOKORE_CLOSED);
}
SCENARIO(channel, a_destroy_waits_for_those_on_their_way_out, .bound = 6, .stale = 2, .spurious = 1) {
    make(1);
    explore_go(receiver_at_the_end, NULL);
    while (!gokore_atomic_load(&ch->inside)) gokore_cpu_relax();
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
    gokore_channel_destroy(ch);
    explore_join();
}
SCENARIO(channel, may_be_destroyed_after_its_last_use, .bound = 6, .stale = 1, .spurious = 1) {
    make(0);
    go(sender, 0);
    receive_one(4, NULL);
    CHECK(mine[4].received == 1);
    explore_join();
    gokore_channel_destroy(ch);
}

// ---- rendezvous and buffers against a close and a cancel

SCENARIO(channel, a_rendezvous_against_a_close, .bound = 5, .stale = 1, .spurious = 1) {
    make(0);
    go(sender, 0);
    go(receiver_until_closed, 4);
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
    explore_join();
    CHECK(mine[0].last == GOKORE_OK || mine[0].last == GOKORE_CLOSED);
    end(0);
    CHECK(received == sent);
}
SCENARIO(channel, a_rendezvous_against_two_cancels, .bound = 4, .stale = 1, .spurious = 1) {
    make(0);
    go(sender_with_context, 0);
    go(receiver_with_context, 4);
    gokore_context_cancel(&ctx);
    explore_join();
    CHECK(mine[0].last == mine[4].last || mine[0].last == GOKORE_CANCELED);
    CHECK(mine[4].last == GOKORE_OK || mine[4].last == GOKORE_CANCELED);
    end(0);
    CHECK(received == sent);
}

// ---- select

static gokore_channel *other;
static void make_both(size_t capacity) {
    gokore_channel_desc desc = { .item_size = sizeof(int *), .capacity = capacity };
    make(capacity);
    CHECK(gokore_channel_create(&other, &desc) == GOKORE_OK);
}
static size_t select_received(int me, gokore_context *context) { // from either; which
    int *box = NULL;
    size_t chosen = 9;
    gokore_select_case cases[] = { { ch, GOKORE_SELECT_RECV, &box }, { other, GOKORE_SELECT_RECV, &box } };
    mine[me].last = gokore_channel_select_biased(cases, 2, context, &chosen);
    CHECK((chosen < 2) == (mine[me].last == GOKORE_OK || mine[me].last == GOKORE_CLOSED));
    if (mine[me].last != GOKORE_OK) return chosen;
    mine[me].received++;
    mine[me].sum_received += *box;
    *box = 0;
    return chosen;
}
static void select_sent(int me) { // to either
    int *box = &boxes[me];
    size_t chosen = 9;
    *box = me + 1;
    gokore_select_case cases[] = { { other, GOKORE_SELECT_SEND, &box }, { ch, GOKORE_SELECT_SEND, &box } }; // not as who receives
    mine[me].last = gokore_channel_select_biased(cases, 2, NULL, &chosen);
    CHECK(chosen < 2);
    if (mine[me].last != GOKORE_OK) return;
    mine[me].sent++;
    mine[me].sum_sent += me + 1;
}
static void selecting_sender(void *arg) { select_sent(*(int *)arg); }
static void selecting_receiver(void *arg) { (void)select_received(*(int *)arg, NULL); }
static void selecting_receiver_with_context(void *arg) { (void)select_received(*(int *)arg, &ctx); }
static void sender_to_other(void *arg) {
    int me = *(int *)arg, *box = &boxes[me];
    *box = me + 1;
    mine[me].last = gokore_channel_send(other, &box, NULL);
    if (mine[me].last != GOKORE_OK) return;
    mine[me].sent++;
    mine[me].sum_sent += me + 1;
}
static void end_both(size_t left) {
    explore_join();
    CHECK(gokore_channel_len(other) == 0 && other->senders.head == NULL && other->receivers.head == NULL);
    gokore_channel_destroy(other);
    end(left);
}

SCENARIO(channel, a_select_takes_from_two_senders, .bound = 3, .stale = 1, .spurious = 1) {
    make_both(0);
    go(sender, 0);
    go(sender_to_other, 1);
    (void)select_received(4, NULL);
    (void)select_received(4, NULL);
    end_both(0);
    CHECK(received == 2);
}
SCENARIO(channel, two_selects_meet_once, .bound = 4, .stale = 1, .spurious = 1) {
    make_both(0);
    go(selecting_sender, 0);
    (void)select_received(4, NULL);
    end_both(0);
    CHECK(received == 1);
}
SCENARIO(channel, two_selects_take_two_items, .bound = 3, .stale = 1, .spurious = 1) {
    make_both(0);
    go(selecting_receiver, 4);
    go(sender, 0);
    go(sender_to_other, 1);
    (void)select_received(5, NULL);
    end_both(0);
    CHECK(mine[4].received == 1 && mine[5].received == 1);
}
SCENARIO(channel, a_select_waits_for_room_in_either, .bound = 3, .stale = 1, .spurious = 1) {
    make_both(1);
    int *full = &boxes[3];
    CHECK(gokore_channel_try_send(other, &full) == GOKORE_OK && gokore_channel_try_send(ch, &full) == GOKORE_OK);
    go(selecting_sender, 0);
    CHECK(gokore_channel_recv(other, &full, NULL) == GOKORE_OK && full == &boxes[3]);
    CHECK(gokore_channel_recv(ch, &full, NULL) == GOKORE_OK && full == &boxes[3]);
    (void)select_received(4, NULL);
    end_both(0);
    CHECK(received == 1);
}
SCENARIO(channel, a_select_against_a_close_and_a_sender, .bound = 3, .stale = 1, .spurious = 1) {
    make_both(0);
    go(closer, 7);
    go(sender_to_other, 1);
    size_t first = select_received(4, NULL);
    CHECK(mine[4].last == (first == 0 ? GOKORE_CLOSED : GOKORE_OK));
    if (first == 0) {
        int *box = NULL;
        CHECK(gokore_channel_recv(other, &box, NULL) == GOKORE_OK);
        mine[4].received++;
        mine[4].sum_received += *box;
    }
    end_both(0);
    CHECK(received == 1);
}
SCENARIO(channel, a_cancelled_select_takes_nothing, .bound = 3, .stale = 1, .spurious = 1) {
    make_both(1);
    go(selecting_receiver_with_context, 4);
    go(canceller, 7);
    send_one(0, 0, NULL);
    explore_join();
    CHECK(mine[4].last == GOKORE_OK || mine[4].last == GOKORE_CANCELED);
    end_both(mine[4].last == GOKORE_OK ? 0 : 1);
}
SCENARIO(channel, a_channel_may_be_destroyed_once_a_select_took_its_item, .bound = 4, .stale = 1, .spurious = 1) {
    make(0);
    go(sender, 0);
    int *box = NULL;
    gokore_select_case cases[] = { { ch, GOKORE_SELECT_RECV, &box }, { NULL, GOKORE_SELECT_RECV, NULL } };
    CHECK(gokore_channel_select_biased(cases, 2, NULL, NULL) == GOKORE_OK && *box == 1);
    gokore_channel_destroy(ch);
    explore_join();
    CHECK(mine[0].last == GOKORE_OK);
}

// ---- timers

static gokore_channel *timer;
static gokore_status ticks[8];
static void tick_taker(void *arg) { // who gets it ends it for the other
    int64_t due;
    int me = *(int *)arg;
    ticks[me] = gokore_channel_recv(timer, &due, NULL);
    if (ticks[me] == GOKORE_OK) CHECK(gokore_now_ns() >= due && gokore_channel_close(timer) == GOKORE_OK);
}
SCENARIO(channel, a_tick_after_a_delay_comes_to_one, .bound = 3, .stale = 1, .spurious = 1, .expiries = 1) {
    CHECK(gokore_channel_after(&timer, 1000) == GOKORE_OK);
    go(tick_taker, 1);
    tick_taker(&names[0]);
    explore_join();
    CHECK(ticks[0] + ticks[1] == GOKORE_OK + GOKORE_CLOSED);
    CHECK(timer->receivers.head == NULL && gokore_channel_len(timer) == 0);
    gokore_channel_destroy(timer);
}
SCENARIO(channel, a_ticker_does_not_hide_an_item_in_a_select, .bound = 3, .stale = 1, .spurious = 1, .expiries = 2) {
    int64_t due = 0, before = 0;
    int *box = NULL;
    size_t chosen = 0;
    make(0);
    CHECK(gokore_channel_ticker(&timer, 1000000) == GOKORE_OK);
    go(sender, 0);
    gokore_select_case cases[] = { { timer, GOKORE_SELECT_RECV, &due }, { ch, GOKORE_SELECT_RECV, &box } };
    while (chosen == 0) {
        CHECK(gokore_channel_select_biased(cases, 2, NULL, &chosen) == GOKORE_OK);
        if (chosen == 0) CHECK(due > before && (before == 0 || (due - before) % 1000000 == 0));
        before = due;
    }
    CHECK(*box == 1);
    gokore_channel_destroy(timer);
    explore_join();
    gokore_channel_destroy(ch);
}
