// test_channel_many.c - gokore_channel.h: many threads on several channels with selects, cancels, timeouts, recoveries and
// closes: nothing is lost, nothing is doubled, and what one sender sends into one channel arrives in order.
// CHANNEL_ITEMS=N in the environment: N items in all, every tenth in the first test, the others in the second.
#include "support/channel.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

enum { SENDERS = 4, RECEIVERS = 4, CHANNELS = 3, ITEMS = 60000 }; // ITEMS: of one sender in one round

static uint64_t items_wanted(uint64_t tenths) {
    const char *text = getenv("CHANNEL_ITEMS");
    return text ? strtoull(text, NULL, 10) / 10 * tenths : 1;
}

typedef struct item {
    uint32_t sender, channel;
    uint64_t number; // within the sender's items in that channel
} item;

typedef struct sum { // of items, whatever their order
    uint64_t count, hash;
} sum;

typedef struct world world;
typedef struct worker {
    world *all;
    pthread_t thread;
    uint32_t index;
    uint64_t state, gave_up;
    uint64_t next[CHANNELS];            // a sender's
    uint64_t newest[SENDERS][CHANNELS]; // a receiver's, plus one
    sum done[CHANNELS];
    pthread_mutex_t lock;               // guards live, and so the life of ctx
    bool live;
    gokore_context ctx;
} worker;
struct world {
    gokore_channel *ch[CHANNELS];
    gokore_context root; // of every second context
    bool closes_early, cancels_waiters;
    uint32_t senders, receivers, items;
    gokore_atomic_u32 senders_left;
    worker sender[SENDERS], receiver[RECEIVERS];
};

static void add(sum *s, const item *i) {
    uint64_t x = (i->number * SENDERS + i->sender) * CHANNELS + i->channel + 1; // splitmix64's finaliser
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    s->count++;
    s->hash += x ^ x >> 31;
}

static gokore_context *begin(worker *w) { // none, one that somebody cancels, or one that expires soon
    uint64_t x = test_random(&w->state);
    if (x % 4 < 2) return NULL;
    gokore_context *parent = x & 4 ? &w->all->root : NULL;
    (void)pthread_mutex_lock(&w->lock);
    if (x % 4 == 2)
        gokore_context_init(&w->ctx, parent);
    else
        gokore_context_init_timeout(&w->ctx, parent, (int64_t)((x >> 8) % 100000));
    w->live = true;
    (void)pthread_mutex_unlock(&w->lock);
    return &w->ctx;
}

static void end(worker *w, gokore_context *ctx) {
    if (!ctx) return;
    (void)pthread_mutex_lock(&w->lock);
    w->live = false;
    gokore_context_deinit(ctx);
    (void)pthread_mutex_unlock(&w->lock);
}

static item next_item(worker *w, uint32_t channel) { return (item) { w->index, channel, w->next[channel] }; }

// One send, some way or other. *channel = where it went, if it did.
static gokore_status send_one(worker *w, uint32_t *channel) {
    uint64_t x = test_random(&w->state);
    item one[CHANNELS];
    gokore_select_case cases[CHANNELS];
    for (uint32_t i = 0; i < CHANNELS; i++) {
        one[i] = next_item(w, i);
        cases[i] = (gokore_select_case) { w->all->ch[i], GOKORE_SELECT_SEND, &one[i] };
    }
    *channel = (uint32_t)(x >> 8) % CHANNELS;
    if (x % 4 == 0) return gokore_channel_try_send(w->all->ch[*channel], &one[*channel]);
    gokore_context *ctx = begin(w);
    gokore_status status;
    if (x % 4 < 3) {
        status = gokore_channel_send(w->all->ch[*channel], &one[*channel], ctx);
    } else {
        size_t chosen = CHANNELS;
        status = gokore_channel_select(cases, CHANNELS, ctx, &chosen);
        *channel = (uint32_t)chosen;
        CHECK((chosen == CHANNELS) == (status == GOKORE_TIMEOUT || (status == GOKORE_CANCELED && chosen == CHANNELS)));
    }
    end(w, ctx);
    return status;
}

static void *send_many(void *p) {
    worker *w = (worker *)p;
    for (uint32_t i = 0; i < w->all->items; i++) {
        uint32_t channel;
        gokore_status status = send_one(w, &channel);
        if (status == GOKORE_OK) {
            item sent = next_item(w, channel);
            add(&w->done[channel], &sent);
            w->next[channel]++;
            continue;
        }
        w->gave_up++;
        CHECK(status == GOKORE_FULL || status == GOKORE_TIMEOUT || status == GOKORE_CANCELED || status == GOKORE_CLOSED);
    }
    if (gokore_atomic_fetch_sub(&w->all->senders_left, 1) == 1)
        for (int i = 0; i < CHANNELS; i++) (void)gokore_channel_close(w->all->ch[i]);
    return NULL;
}

static gokore_status receive_one(worker *w, const bool closed[CHANNELS], uint32_t *channel, item *got) {
    uint64_t x = test_random(&w->state);
    gokore_select_case cases[CHANNELS];
    for (uint32_t i = 0; i < CHANNELS; i++) cases[i] = (gokore_select_case) { closed[i] ? NULL : w->all->ch[i], GOKORE_SELECT_RECV, got };
    do { *channel = (uint32_t)test_random(&w->state) % CHANNELS; } while (closed[*channel]);
    if (x % 8 == 0) return gokore_channel_try_recv(w->all->ch[*channel], got);
    gokore_context *ctx = begin(w);
    gokore_status status;
    size_t chosen = *channel;
    if (x % 8 < 4 && ctx)
        status = gokore_channel_recv(w->all->ch[*channel], got, ctx);
    else if (x % 8 == 4)
        status = gokore_channel_try_select(cases, CHANNELS, &chosen);
    else // without a context only on all, or one that senders shun would never end
        status = gokore_channel_select(cases, CHANNELS, ctx, &chosen);
    end(w, ctx);
    *channel = (uint32_t)chosen;
    return status;
}

static void *receive_many(void *p) {
    worker *w = (worker *)p;
    bool closed[CHANNELS] = { false };
    for (int left = CHANNELS; left > 0;) {
        uint32_t channel;
        item got = { UINT32_MAX, UINT32_MAX, 0 };
        gokore_status status = receive_one(w, closed, &channel, &got);
        if (status == GOKORE_CLOSED) {
            closed[channel] = true;
            left--;
        } else if (status != GOKORE_OK) {
            w->gave_up++;
            CHECK(status == GOKORE_EMPTY || status == GOKORE_TIMEOUT || status == GOKORE_CANCELED);
        } else {
            REQUIRE(got.sender < SENDERS && got.channel == channel);
            CHECK(got.number + 1 > w->newest[got.sender][channel]);
            w->newest[got.sender][channel] = got.number + 1;
            add(&w->done[channel], &got);
        }
    }
    return NULL;
}

static void disturb(world *all, uint64_t *state) { // until the senders are through
    while (gokore_atomic_load(&all->senders_left)) {
        uint64_t x = test_random(state);
        worker *w = x % 2 ? &all->sender[(x >> 1) % all->senders] : &all->receiver[(x >> 1) % all->receivers];
        (void)pthread_mutex_lock(&w->lock);
        if (w->live) gokore_context_cancel(&w->ctx);
        (void)pthread_mutex_unlock(&w->lock);
        gokore_channel *ch = all->ch[(x >> 8) % CHANNELS];
        gokore_recovery cancel = { .kind = GOKORE_RECOVER_CANCEL_WAITERS };
        if (all->cancels_waiters && (x >> 16) % 64 == 0) CHECK_STATUS(GOKORE_OK, gokore_channel_handle_stall(ch, &cancel));
        if ((x >> 24) % 64 == 0) (void)gokore_channel_detect_stalls(NULL, 0, 0);
        if (all->closes_early && (x >> 32) % 4096 == 0) (void)gokore_channel_close(ch);
        gokore_channel_metrics m;
        gokore_channel_get_metrics(ch, &m);
        CHECK(m.len <= m.capacity && m.sent == m.received + m.len);
        nap((long)(x >> 40) % 100000);
    }
}

static void start(worker *w, world *all, uint32_t index, uint64_t seed, void *(*fn)(void *)) {
    *w = (worker) { .all = all, .index = index, .state = seed };
    (void)pthread_mutex_init(&w->lock, NULL);
    REQUIRE(pthread_create(&w->thread, NULL, fn, w) == 0);
}

static uint64_t run(world *all, uint64_t *state) {
    static const size_t capacities[] = { 0, 1, 2, 7, 64, 1024 };
    memset(all, 0, sizeof *all);
    all->closes_early = test_random(state) % 4 == 0;
    all->cancels_waiters = test_random(state) % 2;
    all->items = ITEMS / SLOW;
    all->senders = 1 + (uint32_t)(test_random(state) % SENDERS);
    all->receivers = 1 + (uint32_t)(test_random(state) % RECEIVERS);
    gokore_context_init(&all->root, NULL);
    for (int i = 0; i < CHANNELS; i++) {
        gokore_channel_desc desc = { .item_size = sizeof(item), .capacity = capacities[test_random(state) % 6] };
        REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&all->ch[i], &desc));
    }
    gokore_atomic_store(&all->senders_left, all->senders);
    for (uint32_t i = 0; i < all->receivers; i++) start(&all->receiver[i], all, i, test_random(state), receive_many);
    for (uint32_t i = 0; i < all->senders; i++) start(&all->sender[i], all, i, test_random(state), send_many);
    disturb(all, state);
    for (uint32_t i = 0; i < all->senders; i++) (void)pthread_join(all->sender[i].thread, NULL);
    for (uint32_t i = 0; i < all->receivers; i++) (void)pthread_join(all->receiver[i].thread, NULL);
    gokore_context_deinit(&all->root);
    uint64_t total = 0;
    for (int c = 0; c < CHANNELS; c++) {
        sum sent = { 0, 0 }, received = { 0, 0 };
        for (int i = 0; i < SENDERS; i++) sent.count += all->sender[i].done[c].count, sent.hash += all->sender[i].done[c].hash;
        for (int i = 0; i < RECEIVERS; i++) received.count += all->receiver[i].done[c].count, received.hash += all->receiver[i].done[c].hash;
        CHECK_UINT(sent.count, received.count);
        CHECK_UINT(sent.hash, received.hash);
        CHECK_STATUS(GOKORE_OK, gokore_channel_verify_closure(all->ch[c]));
        gokore_channel_metrics m;
        gokore_channel_get_metrics(all->ch[c], &m);
        CHECK_UINT(sent.count, m.sent);
        CHECK_UINT(sent.count, m.received);
        gokore_channel_destroy(all->ch[c]);
        total += sent.count;
    }
    return total;
}

TEST(many, every_item_arrives_once_and_in_order_through_selects_cancels_and_closes) {
    static world all;
    uint64_t state = test_seed(), total = 0;
    int rounds = 0;
    for (uint64_t wanted = items_wanted(1); rounds < 6 || total < wanted; rounds++) total += run(&all, &state);
    CHECK(total > ITEMS / SLOW);
    test_note("%" PRIu64 " items in %d rounds", total, rounds);
}

// Senders and receivers that only send and receive, as fast as they can.
typedef struct stream {
    gokore_channel *ch;
    uint32_t index;
    uint64_t items, newest[SENDERS];
    sum done;
    pthread_t thread;
} stream;

static void *stream_in(void *p) {
    stream *s = (stream *)p;
    for (uint64_t i = 0; i < s->items; i++) {
        item one = { s->index, 0, i };
        CHECK_STATUS(GOKORE_OK, gokore_channel_send(s->ch, &one, NULL));
        add(&s->done, &one);
    }
    return NULL;
}

static void *stream_out(void *p) {
    stream *s = (stream *)p;
    item got;
    while (gokore_channel_recv(s->ch, &got, NULL) == GOKORE_OK) {
        REQUIRE(got.sender < SENDERS && got.number + 1 > s->newest[got.sender]);
        s->newest[got.sender] = got.number + 1;
        add(&s->done, &got);
    }
    return NULL;
}

typedef struct shape {
    size_t capacity;
    uint32_t senders, receivers;
} shape;

static uint64_t stream_through(shape k, uint64_t all) { // the number of items
    stream in[SENDERS] = { { .items = 0 } }, out[RECEIVERS] = { { .items = 0 } };
    gokore_channel *ch = channel_of(sizeof(item), k.capacity);
    uint64_t each = all / k.senders, count = 0, sent = 0, received = 0;
    for (uint32_t i = 0; i < k.senders; i++) {
        in[i] = (stream) { .ch = ch, .index = i, .items = each };
        REQUIRE(pthread_create(&in[i].thread, NULL, stream_in, &in[i]) == 0);
    }
    for (uint32_t i = 0; i < k.receivers; i++) {
        out[i] = (stream) { .ch = ch };
        REQUIRE(pthread_create(&out[i].thread, NULL, stream_out, &out[i]) == 0);
    }
    for (uint32_t i = 0; i < k.senders; i++) {
        (void)pthread_join(in[i].thread, NULL);
        sent += in[i].done.hash;
    }
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    for (uint32_t i = 0; i < k.receivers; i++) {
        (void)pthread_join(out[i].thread, NULL);
        count += out[i].done.count;
        received += out[i].done.hash;
    }
    CHECK_UINT(each * k.senders, count);
    CHECK_UINT(sent, received);
    gokore_channel_destroy(ch);
    return count;
}

TEST(many, items_stream_through_at_every_width) {
    static const shape shapes[] = { { 1024, 1, 1 }, { 1024, 2, 2 }, { 8, 4, 1 }, { 8, 1, 4 }, { 1, 2, 2 }, { 0, 2, 2 } };
    uint64_t total = 0;
    for (uint64_t wanted = items_wanted(9); total < wanted;)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            total += stream_through(shapes[i], (shapes[i].capacity < 8 ? 200000 : 2000000) / SLOW);
    test_note("%" PRIu64 " items", total);
}
