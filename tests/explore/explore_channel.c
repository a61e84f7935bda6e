// Channels: two by two with a close, rendezvous, giving up, destroying.
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
