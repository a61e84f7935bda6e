// Channels: two by two with a close, rendezvous, giving up, destroying, select, timers.
#define GOKORE_IMPLEMENTATION
#include "gokore_channel.h"

#include "explore.h"

static gokore_channel *ch;
static gokore_context ctx;
static int sent, received, sum_sent, sum_received; // under no lock: each thread has its own cells below
static struct { int sent, received, sum_sent, sum_received; gokore_status last; } mine[8];
static int boxes[8]; // what is sent by address: plain, so the channel must order it

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

// ---- what is answered without the latch

static void fill(int n) { // so that it is fast
    for (int i = 0; i < n; i++) send_one(0, 4 + i, NULL);
}
static void passes_one_and_puts_one(void *arg) { // never more inside than one besides what was there
    int me = *(int *)arg;
    send_one(me, 0, NULL);
    receive_one(me, NULL);
    send_one(me, 1, NULL);
}
static void passes_one(void *arg) {
    int me = *(int *)arg;
    send_one(me, 0, NULL);
    receive_one(me, NULL);
}
static void closes_and_drains(void *arg) {
    closer(arg);
    receive_one(*(int *)arg, NULL);
}
static void tries_to_receive(int me) {
    int *box = NULL;
    mine[me].last = gokore_channel_try_recv(ch, &box);
    if (mine[me].last != GOKORE_OK) return;
    mine[me].received++;
    mine[me].sum_received += *box;
}
SCENARIO(channel, a_try_says_full_only_if_it_was, .bound = 5, .stale = 3) {
    make(3);
    fill(1);
    go(passes_one_and_puts_one, 4);
    int *box = &boxes[2];
    CHECK(gokore_channel_try_send(ch, &box) == GOKORE_OK);
    mine[0].sent++;
    end(3);
}
SCENARIO(channel, a_try_says_empty_only_if_it_was, .bound = 5, .stale = 3) {
    make(3);
    fill(1);
    go(passes_one, 4);
    tries_to_receive(5);
    CHECK(mine[5].last == GOKORE_OK);
    end(0);
}
SCENARIO(channel, a_try_says_empty_only_while_it_is_open, .bound = 5, .stale = 3) {
    make(3);
    fill(1);
    go(closes_and_drains, 4);
    tries_to_receive(5);
    CHECK(mine[5].last == GOKORE_OK || mine[5].last == GOKORE_CLOSED);
    end(0);
}
SCENARIO(channel, its_length_is_one_that_it_had, .bound = 5, .stale = 4) {
    make(3);
    fill(1);
    go(passes_one_and_puts_one, 4);
    size_t len = gokore_channel_len(ch);
    CHECK(len == 1 || len == 2);
    end(2);
}
static void empties_and_fills_under_the_latch(void *arg) {
    int me = *(int *)arg, *box = NULL;
    receive_one(me, NULL);
    CHECK(gokore_channel_try_recv(ch, &box) == GOKORE_EMPTY); // the next send takes the latch
    send_one(me, 0, NULL);
    CHECK(gokore_channel_handle_stall(ch, &(gokore_recovery) { .kind = GOKORE_RECOVER_DROP_OLDEST }) == GOKORE_OK);
    mine[me].sum_sent -= 1;
    mine[me].sent--;
}
SCENARIO(channel, its_length_beside_who_has_the_latch, .bound = 5, .stale = 4) {
    make(3);
    fill(1);
    go(empties_and_fills_under_the_latch, 4);
    for (int i = 0; i < 2; i++) CHECK(gokore_channel_len(ch) <= 1);
    end(0);
}
static void closes_what_it_filled(void *arg) {
    boxes[0] = 7;
    closer(arg);
}
SCENARIO(channel, who_finds_it_closed_sees_what_was_done_before, .bound = 5, .stale = 2) {
    make(1);
    go(closes_what_it_filled, 7);
    if (gokore_channel_is_closed(ch)) CHECK(boxes[0] == 7);
    end(0);
}
SCENARIO(channel, nothing_is_sent_after_a_close, .bound = 2) {
    make(2);
    fill(1);
    CHECK(gokore_channel_close(ch) == GOKORE_OK);
    send_one(0, 0, NULL);
    CHECK(mine[0].last == GOKORE_CLOSED);
    end(1);
}
static void looker(void *arg) { // what comes while it looks goes through the latch
    gokore_channel_metrics m;
    (void)arg;
    gokore_channel_get_metrics(ch, &m);
    CHECK(m.len <= 3 && m.sent >= m.received);
}
static void receiver_of_two(void *arg) {
    receiver(arg);
    receiver(arg);
}
SCENARIO(channel, some_go_through_the_latch_and_some_do_not, .bound = 4, .stale = 2) {
    make(3);
    fill(2);
    explore_go(looker, NULL);
    go(receiver_of_two, 4);
    go(sender_of_two, 1);
    end(2);
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
