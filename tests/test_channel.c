// test_channel.c - gokore_channel.h: what goes in comes out once and in order, and every wait ends
#include "support/channel.h"

#include <sched.h>
#include <stdlib.h>

// ---- helpers

static gokore_channel *channel_in(test_allocator *a, size_t item_size, size_t capacity) {
    gokore_channel *ch = NULL;
    gokore_channel_desc desc = { .item_size = item_size, .capacity = capacity, .name = "jobs" };
    desc.allocator = test_allocator_hooks(a);
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
    return ch;
}

// ---- create, destroy

static const size_t item_sizes[] = { 0, 1, 3, 8, 1000 };
#define ITEM_SIZES (sizeof item_sizes / sizeof item_sizes[0])

TEST(channel, a_new_channel_is_open_and_empty_and_as_large_as_asked_for) {
    static const size_t capacities[] = { 0, 1, 2, 5, 64 };
    test_allocator a = { .fail_from = 0 };
    for (size_t s = 0; s < ITEM_SIZES; s++)
        for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
            gokore_channel *ch = channel_in(&a, item_sizes[s], capacities[c]);
            unsigned char item[1000];
            gokore_channel_metrics m;
            memset(&m, 0xa5, sizeof m);
            CHECK_UINT(0, gokore_channel_len(ch));
            CHECK_UINT(capacities[c], gokore_channel_capacity(ch));
            CHECK(!gokore_channel_is_closed(ch));
            CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, item));
            gokore_channel_get_metrics(ch, &m);
            CHECK_UINT(0, m.len);
            CHECK_UINT(capacities[c], m.capacity);
            CHECK_UINT(0, m.sent);
            CHECK_UINT(0, m.received);
            CHECK_INT(0, m.blocked_ns);
            CHECK(m.rate == 0);
            gokore_channel_destroy(ch);
            CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
        }
    CHECK_UINT(gokore_atomic_load(&a.calls), gokore_atomic_load(&a.frees));
}

TEST(channel, an_all_zero_desc_is_a_rendezvous_of_empty_items) {
    gokore_channel_desc desc = { .item_size = 0 };
    gokore_channel *ch = NULL;
    REQUIRE_STATUS(GOKORE_OK, gokore_channel_create(&ch, &desc));
    CHECK_UINT(0, gokore_channel_capacity(ch));
    CHECK_STATUS(GOKORE_FULL, gokore_channel_try_send(ch, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, NULL));
    gokore_channel_destroy(ch);
    gokore_channel_destroy(NULL);
}

TEST(channel, sizes_that_overflow_are_no_memory) {
    static const size_t sizes[][2] = { { SIZE_MAX, 2 },         { 2, SIZE_MAX },     { SIZE_MAX, SIZE_MAX }, { SIZE_MAX / 2 + 1, 2 },
                                       { SIZE_MAX / 8 + 1, 8 }, { SIZE_MAX, 1 },     { 1, SIZE_MAX },        { SIZE_MAX - 64, 1 },
                                       { 1, SIZE_MAX - 16 },    { 3, SIZE_MAX / 3 }, { SIZE_MAX / 4, 4 } };
    test_allocator a = { .fail_from = 0 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int heap = 0; heap < 2; heap++) {
            gokore_channel_desc desc = { .item_size = sizes[i][0], .capacity = sizes[i][1] };
            if (!heap) desc.allocator = test_allocator_hooks(&a);
            gokore_channel *ch = (gokore_channel *)(void *)&a;
            CHECK_STATUS(GOKORE_NO_MEMORY, gokore_channel_create(&ch, &desc));
            CHECK_PTR(NULL, ch);
        }
    CHECK_UINT(0, gokore_atomic_load(&a.calls));
}

TEST(channel, memory_that_is_refused_is_no_memory) {
    test_allocator a = { .fail_from = 1 };
    gokore_channel_desc desc = { .item_size = 8, .capacity = 4, .allocator = test_allocator_hooks(&a) };
    gokore_channel *ch = (gokore_channel *)(void *)&a;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_channel_create(&ch, &desc));
    CHECK_PTR(NULL, ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    a.fail_from = 0; // but a size that no heap has is refused by the allocator itself
    desc.item_size = SIZE_MAX / 2;
    desc.capacity = 1;
    ch = (gokore_channel *)(void *)&a;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_channel_create(&ch, &desc));
    CHECK_PTR(NULL, ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(channel, nothing_is_allocated_after_create) {
    test_allocator a = { .fail_from = 0 };
    gokore_channel *ch = channel_in(&a, 8, 2);
    uint64_t calls = gokore_atomic_load(&a.calls);
    a.fail_from = 1;
    for (uint64_t i = 0; i < 100; i++) {
        CHECK_STATUS(GOKORE_OK, put(ch, i));
        CHECK_UINT(i, take(ch));
    }
    call c;
    receives(&c, ch, NULL);
    CHECK_STATUS(GOKORE_OK, put(ch, 7));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(calls, gokore_atomic_load(&a.calls));
    gokore_channel_destroy(ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

TEST(channel, items_that_are_left_inside_are_freed_with_it) {
    test_allocator a = { .fail_from = 0 };
    gokore_channel *ch = channel_in(&a, 8, 4);
    for (uint64_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    gokore_channel_destroy(ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_bytes));
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
}

// ---- items and order

static void fill(unsigned char *p, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(test_random(&seed) >> 8);
}

TEST(channel, items_of_any_size_arrive_unchanged_and_nothing_beside_them_is_written) {
    uint64_t seed = test_seed();
    for (size_t s = 0; s < ITEM_SIZES; s++)
        for (size_t capacity = 1; capacity <= 7; capacity += 2) {
            size_t size = item_sizes[s];
            gokore_channel *ch = channel_of(size, capacity);
            uint64_t in = 0, out = 0;
            for (int round = 0; round < 40; round++) {
                unsigned char item[1016], want[1016];
                while (in - out < capacity) {
                    fill(item, size, seed + in++);
                    CHECK_STATUS(GOKORE_OK, gokore_channel_try_send(ch, item));
                }
                for (size_t n = 0; n < capacity - (size_t)round % 2; n++) {
                    memset(item, 0x5a, sizeof item);
                    memset(want, 0x5a, sizeof want);
                    fill(want + 8, size, seed + out++);
                    CHECK_STATUS(GOKORE_OK, gokore_channel_try_recv(ch, item + 8));
                    CHECK(memcmp(item, want, sizeof item) == 0);
                }
            }
            gokore_channel_destroy(ch);
        }
}

typedef struct transfer { // 1000 bytes handed over directly
    gokore_channel *ch;
    uint64_t seed;
    size_t size;
} transfer;

static void *transfer_main(void *p) {
    transfer *t = (transfer *)p;
    unsigned char item[1000];
    for (uint64_t i = 0; i < 200; i++) {
        fill(item, t->size, t->seed + i);
        CHECK_STATUS(GOKORE_OK, gokore_channel_send(t->ch, item, NULL));
        memset(item, 0xee, sizeof item); // it is ours again
    }
    return NULL;
}

TEST(channel, items_of_any_size_are_handed_over_directly_and_unchanged) {
    uint64_t seed = test_seed();
    for (size_t s = 0; s < ITEM_SIZES; s++)
        for (size_t capacity = 0; capacity <= 1; capacity++) {
            transfer t = { channel_of(item_sizes[s], capacity), seed, item_sizes[s] };
            pthread_t thread;
            REQUIRE(pthread_create(&thread, NULL, transfer_main, &t) == 0);
            for (uint64_t i = 0; i < 200; i++) {
                unsigned char item[1016], want[1016];
                memset(item, 0x5a, sizeof item);
                memset(want, 0x5a, sizeof want);
                fill(want + 8, t.size, seed + i);
                CHECK_STATUS(GOKORE_OK, gokore_channel_recv(t.ch, item + 8, NULL));
                CHECK(memcmp(item, want, sizeof item) == 0);
            }
            (void)pthread_join(thread, NULL);
            gokore_channel_destroy(t.ch);
        }
}

TEST(channel, it_is_first_in_first_out_across_every_wrap_around_as_in_a_model) {
    uint64_t state = test_seed();
    for (size_t capacity = 1; capacity <= 6; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        uint64_t in = 0, out = 0; // the model: out .. in - 1 are inside
        for (int i = 0; i < 20000 / SLOW; i++) {
            bool sending = test_random(&state) % 2 == 0;
            if (sending) {
                gokore_status got = put(ch, in);
                CHECK_STATUS(in - out == capacity ? GOKORE_FULL : GOKORE_OK, got);
                if (got == GOKORE_OK) in++;
            } else {
                uint64_t got = take(ch);
                CHECK_UINT(in == out ? 1000000 + GOKORE_EMPTY : out, got);
                if (in != out) out++;
            }
            CHECK_UINT(in - out, gokore_channel_len(ch));
        }
        gokore_channel_metrics m;
        gokore_channel_get_metrics(ch, &m);
        CHECK_UINT(in, m.sent);
        CHECK_UINT(out, m.received);
        CHECK_UINT(in - out, m.len);
        gokore_channel_destroy(ch);
    }
}

TEST(channel, empty_items_need_no_memory_however_many_there_may_be) {
    test_allocator a = { .fail_from = 0 };
    gokore_channel *ch = channel_in(&a, 0, SIZE_MAX);
    CHECK(gokore_atomic_load(&a.live_bytes) < 4096);
    CHECK_UINT(SIZE_MAX, gokore_channel_capacity(ch));
    for (int i = 0; i < 1000; i++) CHECK_STATUS(GOKORE_OK, gokore_channel_try_send(ch, NULL));
    CHECK_UINT(1000, gokore_channel_len(ch));
    for (int i = 0; i < 1000; i++) CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, NULL, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, NULL));
    gokore_channel_destroy(ch);
}

// ---- rendezvous

TEST(channel, without_capacity_try_send_is_full_and_try_recv_empty_when_nobody_waits) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 0);
    CHECK_STATUS(GOKORE_FULL, put(ch, 1));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
    CHECK_UINT(0, gokore_channel_len(ch));
    gokore_channel_destroy(ch);
}

TEST(channel, without_capacity_a_send_blocks_until_somebody_receives) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 0);
    call c;
    sends(&c, ch, 41, NULL);
    CHECK_UINT(0, gokore_channel_len(ch));
    CHECK_STATUS(GOKORE_FULL, put(ch, 1)); // a waiting sender is no receiver
    CHECK_UINT(41, take(ch));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    sends(&c, ch, 42, NULL);
    uint64_t item = 0;
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
    CHECK_UINT(42, item);
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
    gokore_channel_destroy(ch);
}

TEST(channel, without_capacity_one_waiting_receiver_takes_one_item) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 0);
    call c;
    receives(&c, ch, NULL);
    CHECK_STATUS(GOKORE_OK, put(ch, 43));
    CHECK_STATUS(GOKORE_FULL, put(ch, 44));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(43, c.item);
    receives(&c, ch, NULL);
    uint64_t item = 45;
    CHECK_STATUS(GOKORE_OK, gokore_channel_send(ch, &item, NULL));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(45, c.item);
    CHECK_UINT(0, gokore_channel_len(ch));
    gokore_channel_destroy(ch);
}

// ---- waiting in line

TEST(channel, a_sender_that_waits_at_a_full_channel_gets_the_first_free_place) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 2);
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    CHECK_STATUS(GOKORE_OK, put(ch, 2));
    call c;
    sends(&c, ch, 3, NULL);
    CHECK_UINT(1, take(ch));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(2, gokore_channel_len(ch));
    CHECK_STATUS(GOKORE_FULL, put(ch, 4));
    CHECK_UINT(2, take(ch));
    CHECK_UINT(3, take(ch));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
    gokore_channel_destroy(ch);
}

TEST(channel, waiting_senders_are_served_in_line) {
    for (size_t capacity = 0; capacity <= 2; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        uint64_t next = 0;
        for (; next < capacity; next++) CHECK_STATUS(GOKORE_OK, put(ch, next));
        call c[4];
        for (size_t i = 0; i < 4; i++) sends(&c[i], ch, next++, NULL);
        for (uint64_t i = 0; i < next; i++) CHECK_UINT(i, take(ch));
        for (size_t i = 0; i < 4; i++) CHECK_STATUS(GOKORE_OK, ended(&c[i]));
        gokore_channel_destroy(ch);
    }
}

TEST(channel, waiting_receivers_are_served_in_line) {
    for (size_t capacity = 0; capacity <= 1; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        call c[4];
        for (size_t i = 0; i < 4; i++) receives(&c[i], ch, NULL);
        for (uint64_t i = 0; i < 4; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
        for (size_t i = 0; i < 4; i++) {
            CHECK_STATUS(GOKORE_OK, ended(&c[i]));
            CHECK_UINT(i, c[i].item);
        }
        CHECK_UINT(0, gokore_channel_len(ch));
        gokore_channel_destroy(ch);
    }
}

TEST(channel, who_gives_up_in_the_middle_of_the_line_leaves_the_others_in_order) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 1);
    CHECK_STATUS(GOKORE_OK, put(ch, 0));
    gokore_context ctx[5];
    call c[5];
    for (size_t i = 0; i < 5; i++) {
        gokore_context_init(&ctx[i], NULL);
        sends(&c[i], ch, i + 1, &ctx[i]);
    }
    static const size_t quitters[] = { 2, 0, 4 }; // from the middle, the head, the tail
    for (size_t i = 0; i < 3; i++) {
        gokore_context_cancel(&ctx[quitters[i]]);
        CHECK_STATUS(GOKORE_CANCELED, ended(&c[quitters[i]]));
    }
    CHECK_UINT(0, take(ch));
    CHECK_UINT(2, take(ch));
    CHECK_UINT(4, take(ch));
    CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
    CHECK_STATUS(GOKORE_OK, ended(&c[1]));
    CHECK_STATUS(GOKORE_OK, ended(&c[3]));
    for (size_t i = 0; i < 5; i++) {
        gokore_context_init(&ctx[i], NULL);
        receives(&c[i], ch, &ctx[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        gokore_context_cancel(&ctx[quitters[i]]);
        CHECK_STATUS(GOKORE_CANCELED, ended(&c[quitters[i]]));
    }
    for (uint64_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_OK, put(ch, 10 + i));
    CHECK_STATUS(GOKORE_OK, ended(&c[1]));
    CHECK_STATUS(GOKORE_OK, ended(&c[3]));
    CHECK_UINT(10, c[1].item);
    CHECK_UINT(11, c[3].item);
    CHECK_UINT(12, take(ch));
    gokore_channel_destroy(ch);
}

// ---- close

TEST(channel, close_ends_sending_and_lets_receivers_drain) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 3);
    for (uint64_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK(gokore_channel_is_closed(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_CLOSED, put(ch, 9)); // CLOSED, not FULL
    uint64_t item = 9;
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_send(ch, &item, NULL));
    CHECK_UINT(3, gokore_channel_len(ch));
    CHECK_UINT(0, take(ch));
    CHECK_STATUS(GOKORE_CLOSED, put(ch, 9));
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
    CHECK_UINT(1, item);
    CHECK_UINT(2, take(ch));
    CHECK_UINT(1000000 + GOKORE_CLOSED, take(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_recv(ch, &item, NULL));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_close(ch));
    gokore_channel_destroy(ch);
}

TEST(channel, close_of_a_rendezvous_leaves_nothing_to_drain) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 0);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_CLOSED, put(ch, 1));
    CHECK_UINT(1000000 + GOKORE_CLOSED, take(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_close(ch));
    gokore_channel_destroy(ch);
}

TEST(channel, close_wakes_waiting_senders_who_have_sent_nothing) {
    for (size_t capacity = 0; capacity <= 2; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        for (uint64_t i = 0; i < capacity; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
        call c[3];
        for (size_t i = 0; i < 3; i++) sends(&c[i], ch, 100 + i, NULL);
        CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
        for (size_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_CLOSED, ended(&c[i]));
        for (uint64_t i = 0; i < capacity; i++) CHECK_UINT(i, take(ch));
        CHECK_UINT(1000000 + GOKORE_CLOSED, take(ch));
        gokore_channel_metrics m;
        gokore_channel_get_metrics(ch, &m);
        CHECK_UINT(capacity, m.sent);
        CHECK_UINT(capacity, m.received);
        gokore_channel_destroy(ch);
    }
}

TEST(channel, close_wakes_waiting_receivers_who_have_taken_nothing) {
    for (size_t capacity = 0; capacity <= 2; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        gokore_context ctx;
        gokore_context_init(&ctx, NULL);
        call c[3];
        for (size_t i = 0; i < 3; i++) receives(&c[i], ch, i == 1 ? &ctx : NULL);
        CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
        for (size_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_CLOSED, ended(&c[i]));
        CHECK_STATUS(GOKORE_OK, gokore_context_status(&ctx));
        gokore_context_deinit(&ctx);
        gokore_channel_destroy(ch);
    }
}

// ---- contexts

TEST(channel, with_a_context_that_is_over_nothing_is_sent_or_taken) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 2);
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    gokore_context parent, cancelled, expired, child;
    gokore_context_init(&parent, NULL);
    gokore_context_init(&cancelled, NULL);
    gokore_context_cancel(&cancelled);
    gokore_context_init_timeout(&expired, NULL, 0);
    gokore_context_init(&child, &parent);
    gokore_context_cancel(&parent);
    uint64_t item = 9;
    CHECK_STATUS(GOKORE_CANCELED, gokore_channel_send(ch, &item, &cancelled)); // although there is room
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_send(ch, &item, &expired));
    CHECK_STATUS(GOKORE_CANCELED, gokore_channel_send(ch, &item, &child));
    CHECK_UINT(1, gokore_channel_len(ch));
    CHECK_STATUS(GOKORE_CANCELED, gokore_channel_recv(ch, &item, &cancelled)); // although there is an item
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &expired));
    CHECK_STATUS(GOKORE_CANCELED, gokore_channel_recv(ch, &item, &child));
    CHECK_UINT(1, gokore_channel_len(ch));
    CHECK_UINT(1, take(ch));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &expired)); // and where it would block
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    CHECK_UINT(1, m.sent);
    CHECK_UINT(1, m.received);
    gokore_context_deinit(&child);
    gokore_context_deinit(&parent);
    gokore_channel_destroy(ch);
}

TEST(channel, a_live_context_changes_nothing) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 1);
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, INT64_MAX);
    uint64_t item = 5;
    CHECK_STATUS(GOKORE_OK, gokore_channel_send(ch, &item, &ctx));
    item = 0;
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, &ctx));
    CHECK_UINT(5, item);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_send(ch, &item, &ctx));
    CHECK_STATUS(GOKORE_CLOSED, gokore_channel_recv(ch, &item, &ctx));
    gokore_context_deinit(&ctx);
    gokore_channel_destroy(ch);
}

TEST(channel, a_wait_that_is_cancelled_has_sent_or_taken_nothing) {
    for (size_t capacity = 0; capacity <= 1; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        gokore_context parent, ctx;
        gokore_context_init(&parent, NULL);
        gokore_context_init(&ctx, &parent);
        call c;
        receives(&c, ch, &ctx);
        gokore_context_cancel(&ctx);
        CHECK_STATUS(GOKORE_CANCELED, ended(&c));
        gokore_context_deinit(&ctx);
        gokore_context_init(&ctx, &parent);
        if (capacity) CHECK_STATUS(GOKORE_OK, put(ch, 1));
        sends(&c, ch, 2, &ctx);
        gokore_context_cancel(&parent); // one above
        CHECK_STATUS(GOKORE_CANCELED, ended(&c));
        if (capacity) CHECK_UINT(1, take(ch));
        CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
        gokore_context_deinit(&ctx);
        gokore_context_deinit(&parent);
        if (capacity) CHECK_STATUS(GOKORE_OK, put(ch, 3)); // and it still works
        if (capacity) CHECK_UINT(3, take(ch));
        gokore_channel_destroy(ch);
    }
}

TEST(channel, a_wait_that_expires_is_not_early_and_has_sent_or_taken_nothing) {
    for (size_t capacity = 0; capacity <= 1; capacity++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacity);
        for (int sending = 0; sending < 2; sending++) {
            if (sending && capacity) CHECK_STATUS(GOKORE_OK, put(ch, 1));
            gokore_context ctx;
            int64_t deadline = gokore_now_ns() + 3 * MS;
            gokore_context_init_deadline(&ctx, NULL, deadline);
            uint64_t item = 2;
            CHECK_STATUS(GOKORE_TIMEOUT, sending ? gokore_channel_send(ch, &item, &ctx) : gokore_channel_recv(ch, &item, &ctx));
            CHECK(gokore_now_ns() >= deadline);
            gokore_context_deinit(&ctx);
        }
        CHECK_UINT(capacity ? 1 : 1000000 + GOKORE_EMPTY, take(ch));
        CHECK_UINT(1000000 + GOKORE_EMPTY, take(ch));
        gokore_channel_metrics m;
        gokore_channel_get_metrics(ch, &m);
        CHECK_UINT(capacity, m.sent);
        CHECK_UINT(capacity, m.received);
        CHECK(m.blocked_ns >= 2 * MS);
        gokore_channel_destroy(ch);
    }
}

// A waiter with a context, a canceller, and a try from the other side, all at once: either both sides succeeded or neither.
typedef struct race {
    gokore_channel *ch;
    gokore_context ctx;
    pthread_barrier_t begin, end;
    bool sending, over;
    uint64_t item, seed;
    gokore_status status;
} race;

static void *race_waiter(void *p) {
    race *r = (race *)p;
    uint64_t state = r->seed + 1;
    for (;;) {
        (void)pthread_barrier_wait(&r->begin);
        if (r->over) return NULL;
        spin(test_random(&state) % 64);
        r->status = r->sending ? gokore_channel_send(r->ch, &r->item, &r->ctx) : gokore_channel_recv(r->ch, &r->item, &r->ctx);
        (void)pthread_barrier_wait(&r->end);
    }
}

static void *race_canceller(void *p) {
    race *r = (race *)p;
    uint64_t state = r->seed + 2;
    for (;;) {
        (void)pthread_barrier_wait(&r->begin);
        if (r->over) return NULL;
        spin(test_random(&state) % 3000);
        gokore_context_cancel(&r->ctx);
        (void)pthread_barrier_wait(&r->end);
    }
}

TEST(channel, a_cancel_that_races_with_a_hand_over_leaves_both_sides_agreed) {
    race r = { .seed = test_seed() };
    uint64_t state = r.seed, both = 0, neither = 0;
    (void)pthread_barrier_init(&r.begin, NULL, 3);
    (void)pthread_barrier_init(&r.end, NULL, 3);
    pthread_t threads[2];
    REQUIRE(pthread_create(&threads[0], NULL, race_waiter, &r) == 0);
    REQUIRE(pthread_create(&threads[1], NULL, race_canceller, &r) == 0);
    for (uint64_t i = 1; i <= 6000 / SLOW; i++) {
        size_t capacity = test_random(&state) % 2;
        r.sending = capacity || test_random(&state) % 2; // with capacity: a sender at a full channel
        r.ch = channel_of(sizeof(uint64_t), capacity);
        if (capacity) CHECK_STATUS(GOKORE_OK, put(r.ch, 0));
        gokore_context_init(&r.ctx, NULL);
        r.item = r.sending ? i : 0;
        (void)pthread_barrier_wait(&r.begin);
        spin(test_random(&state) % 3000);
        uint64_t got = r.sending ? take(r.ch) : i;
        gokore_status other = r.sending ? GOKORE_OK : put(r.ch, i);
        (void)pthread_barrier_wait(&r.end);
        if (capacity) { // the place became free; what came in next counts
            CHECK_UINT(0, got);
            CHECK_UINT(r.status == GOKORE_OK ? i : 1000000 + GOKORE_EMPTY, take(r.ch));
        } else if (r.sending) {
            CHECK_UINT(r.status == GOKORE_OK ? i : 1000000 + GOKORE_EMPTY, got);
        } else {
            CHECK_STATUS(r.status == GOKORE_OK ? GOKORE_OK : GOKORE_FULL, other);
            CHECK_UINT(r.status == GOKORE_OK ? i : 0, r.item);
        }
        if (r.status != GOKORE_OK) CHECK_STATUS(GOKORE_CANCELED, r.status);
        *(r.status == GOKORE_OK ? &both : &neither) += 1;
        CHECK_UINT(0, gokore_channel_len(r.ch));
        gokore_context_deinit(&r.ctx);
        gokore_channel_destroy(r.ch);
    }
    r.over = true;
    (void)pthread_barrier_wait(&r.begin);
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], NULL);
    CHECK(both > 0 && neither > 0);
}

// ---- destroy with company

static void destroyed_with_waiters(size_t capacity, bool sending) {
    test_allocator a = { .fail_from = 0 };
    gokore_channel *ch = channel_in(&a, sizeof(uint64_t), capacity);
    gokore_context ctx;
    gokore_context_init(&ctx, NULL);
    for (uint64_t i = 0; sending && i < capacity; i++) CHECK_STATUS(GOKORE_OK, put(ch, i));
    test_reports_capture();
    call c[3];
    for (size_t i = 0; i < 3; i++) {
        if (sending)
            sends(&c[i], ch, i, i ? NULL : &ctx);
        else
            receives(&c[i], ch, i ? NULL : &ctx);
    }
    gokore_channel_destroy(ch);
    CHECK_INT(0, gokore_atomic_load(&a.live_blocks));
    for (size_t i = 0; i < 3; i++) CHECK_STATUS(GOKORE_CLOSED, ended(&c[i]));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_CHANNEL_BUSY));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    const test_report *report = test_reports_find(GOKORE_REPORT_CHANNEL_BUSY);
    CHECK_STR("jobs", report ? report->resource : NULL);
    CHECK_CONTAINS("jobs", report ? report->message : NULL);
    gokore_context_deinit(&ctx);
}

TEST(channel, destroy_sends_waiting_receivers_away_with_one_report) {
    for (size_t capacity = 0; capacity <= 2; capacity++) destroyed_with_waiters(capacity, false);
}

TEST(channel, destroy_sends_waiting_senders_away_with_one_report) {
    for (size_t capacity = 0; capacity <= 2; capacity++) destroyed_with_waiters(capacity, true);
}

static void busy_hook(const gokore_report *report, void *user) { // what a hook may do: anything
    gokore_channel *ch = (gokore_channel *)user;
    if (report->id != GOKORE_REPORT_CHANNEL_BUSY) return;
    CHECK_UINT(0, gokore_channel_len(ch));
    CHECK_STR("channel", report->resource); // the default name
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    CHECK_STATUS(GOKORE_OK, put(ch, 77)); // a last item for the one who waits
}

TEST(channel, the_hook_of_the_busy_report_may_use_the_channel) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 0);
    call c;
    receives(&c, ch, NULL);
    gokore_report_set(busy_hook, ch);
    gokore_channel_destroy(ch);
    gokore_report_set(NULL, NULL);
    CHECK_STATUS(GOKORE_OK, ended(&c));
    CHECK_UINT(77, c.item);
}

TEST(channel, destroy_of_a_closed_channel_that_nobody_waits_on_reports_nothing) {
    test_reports_capture();
    gokore_channel *ch = channel_of(sizeof(uint64_t), 1);
    call c;
    receives(&c, ch, NULL);
    CHECK_STATUS(GOKORE_OK, gokore_channel_close(ch));
    gokore_channel_destroy(ch); // the woken receiver may still be on its way out
    CHECK_STATUS(GOKORE_CLOSED, ended(&c));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

// A channel for one answer, destroyed by whoever was served: the other side may still be inside its call.
typedef struct answers {
    gokore_atomic_ptr channel; // the next to use; NULL = none yet
    gokore_atomic_bool over;
    bool partner_sends;
    uint64_t seed;
} answers;

static void *answers_partner(void *p) {
    answers *a = (answers *)p;
    uint64_t state = a->seed + 3;
    while (!gokore_atomic_load(&a->over)) {
        gokore_channel *ch = (gokore_channel *)gokore_atomic_exchange(&a->channel, NULL);
        if (!ch) {
            (void)sched_yield();
            continue;
        }
        uint64_t item = 5;
        spin(test_random(&state) % 200);
        CHECK_STATUS(GOKORE_OK, a->partner_sends ? gokore_channel_send(ch, &item, NULL) : gokore_channel_recv(ch, &item, NULL));
    }
    return NULL;
}

static void answer_many_times(bool partner_sends) {
    answers a = { .partner_sends = partner_sends, .seed = test_seed() };
    uint64_t state = a.seed;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, answers_partner, &a) == 0);
    for (int i = 0; i < 20000 / SLOW; i++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), partner_sends ? (size_t)(i % 2) : 0);
        bool full = partner_sends && i % 4 == 3; // then the partner has to wait for its place
        uint64_t item = 0;
        if (full) CHECK_STATUS(GOKORE_OK, gokore_channel_send(ch, &item, NULL));
        gokore_atomic_store(&a.channel, ch);
        if (full) {
            spin(test_random(&state) % 2000);
            CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
        }
        spin(test_random(&state) % 200);
        CHECK_STATUS(GOKORE_OK, partner_sends ? gokore_channel_recv(ch, &item, NULL) : gokore_channel_send(ch, &item, NULL));
        gokore_channel_destroy(ch);
    }
    gokore_atomic_store(&a.over, true);
    (void)pthread_join(thread, NULL);
}

TEST(channel, who_received_the_last_item_may_destroy_it_at_once) { answer_many_times(true); }

TEST(channel, who_handed_over_the_last_item_may_destroy_it_at_once) { answer_many_times(false); }

// ---- metrics

TEST(channel, metrics_add_up_and_count_the_time_spent_waiting) {
    gokore_channel *ch = channel_of(sizeof(uint64_t), 2);
    gokore_channel_metrics m;
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    CHECK_STATUS(GOKORE_OK, put(ch, 2));
    CHECK_STATUS(GOKORE_FULL, put(ch, 3));
    CHECK_UINT(1, take(ch));
    gokore_channel_get_metrics(ch, &m);
    CHECK_UINT(2, m.sent);
    CHECK_UINT(1, m.received);
    CHECK_UINT(1, m.len);
    CHECK_UINT(2, m.capacity);
    CHECK_INT(0, m.blocked_ns); // nothing has waited
    CHECK(m.rate > 0);
    CHECK_STATUS(GOKORE_OK, put(ch, 3));
    call c;
    int64_t since = gokore_now_ns();
    sends(&c, ch, 4, NULL);
    CHECK_UINT(2, take(ch));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    int64_t waited = gokore_now_ns() - since;
    gokore_channel_get_metrics(ch, &m);
    CHECK_UINT(4, m.sent);
    CHECK_UINT(2, m.received);
    CHECK_UINT(2, m.len);
    CHECK(m.blocked_ns > 0 && m.blocked_ns <= waited);
    CHECK_UINT(3, take(ch));
    CHECK_UINT(4, take(ch));
    int64_t before = m.blocked_ns;
    receives(&c, ch, NULL);
    CHECK_STATUS(GOKORE_OK, put(ch, 5));
    CHECK_STATUS(GOKORE_OK, ended(&c));
    gokore_channel_get_metrics(ch, &m);
    CHECK_UINT(5, m.sent);
    CHECK_UINT(5, m.received);
    CHECK_UINT(0, m.len);
    CHECK(m.blocked_ns > before);
    gokore_channel_destroy(ch);
}

// ---- many at once

static void *count_up(void *p) {
    for (uint64_t i = 0; i < 100000 / SLOW; i++) CHECK_STATUS(GOKORE_OK, gokore_channel_send((gokore_channel *)p, &i, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_channel_close((gokore_channel *)p));
    return NULL;
}

TEST(channel, a_hundred_thousand_items_arrive_in_order_at_every_capacity) {
    static const size_t capacities[] = { 0, 1, 64 };
    for (size_t c = 0; c < 3; c++) {
        gokore_channel *ch = channel_of(sizeof(uint64_t), capacities[c]);
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, count_up, ch) == 0);
        uint64_t item = 0, expected = 0;
        while (gokore_channel_recv(ch, &item, NULL) == GOKORE_OK) CHECK_UINT(expected++, item);
        CHECK_UINT(100000 / SLOW, expected);
        (void)pthread_join(thread, NULL);
        gokore_channel_destroy(ch);
    }
}

// ---- the lock checker

TEST(channel, waiting_in_a_channel_while_holding_a_lock_is_reported) {
    test_only_with("LOCKORDER=1");
    gokore_channel *ch = channel_of(sizeof(uint64_t), 1);
    gokore_mutex m;
    gokore_mutex_init(&m, &(gokore_mutex_desc) { .name = "ledger" });
    gokore_context ctx;
    uint64_t item = 1;
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_channel_send(ch, &item, NULL)); // neither of these waits
    CHECK_STATUS(GOKORE_FULL, gokore_channel_try_send(ch, &item));
    CHECK_STATUS(GOKORE_OK, gokore_channel_recv(ch, &item, NULL));
    CHECK_STATUS(GOKORE_EMPTY, gokore_channel_try_recv(ch, &item));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &ctx));
    gokore_context_deinit(&ctx);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    const test_report *report = test_reports_find(GOKORE_REPORT_LOCK_WAIT_HELD);
    CHECK_STR("ledger", report ? report->resource : NULL);
    CHECK_STATUS(GOKORE_OK, put(ch, 1));
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_send(ch, &item, &ctx));
    gokore_context_deinit(&ctx);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, take(ch));
    gokore_context_init_timeout(&ctx, NULL, MS);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_channel_recv(ch, &item, &ctx)); // nothing is held any more
    gokore_context_deinit(&ctx);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
    gokore_mutex_deinit(&m);
    gokore_channel_destroy(ch);
}
