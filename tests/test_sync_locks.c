// test_sync_locks.c - gokore_sync.h: condition, reader-writer lock, once, wait group, semaphore, foreign locks, priority
// inheritance, the policy in force
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

static bool is_clear(const gokore_sync_ *s) { return gokore_atomic_load(&s->word_) == 0; }

// One call in a thread of its own, with a context of its own, and what became of it.
typedef struct call {
    gokore_status (*fn)(struct call *);
    void *object;
    gokore_mutex *mutex;
    uint32_t n;
    gokore_context ctx;
    gokore_status status;
    gokore_atomic_u32 has, let_go; // of calls that take a lock: this thread has it; it may give it up
    gokore_atomic_u32 returned;
    pthread_t thread;
} call;
static void *call_main(void *p) {
    call *c = p;
    c->status = c->fn(c);
    gokore_atomic_store(&c->returned, 1);
    return NULL;
}
static void call_begin(call *c, gokore_status (*fn)(call *), void *object) {
    c->fn = fn;
    c->object = object;
    gokore_context_init(&c->ctx, NULL);
    gokore_atomic_store(&c->has, 0);
    gokore_atomic_store(&c->let_go, 0);
    gokore_atomic_store(&c->returned, 0);
    c->thread = begin(call_main, c);
}
static void call_waits(call *c) { until_waiting(&c->ctx, 1); }
static gokore_status call_end(call *c) {
    end(c->thread);
    gokore_context_deinit(&c->ctx);
    return c->status;
}
static gokore_status call_cancel(call *c) {
    gokore_context_cancel(&c->ctx);
    return call_end(c);
}

static void call_hold(call *c) { // in its thread
    gokore_atomic_store(&c->has, 1);
    while (!gokore_atomic_load(&c->let_go)) pause_ns(20 * US);
}
static void call_has(call *c) {
    while (!gokore_atomic_load(&c->has)) pause_ns(20 * US);
}
static void call_let_go(call *c) {
    call_has(c);
    gokore_atomic_store(&c->let_go, 1);
    CHECK_STATUS(GOKORE_OK, call_end(c));
}

// ---- condition

static gokore_status wait_cond(call *c) {
    gokore_status status = gokore_mutex_lock(c->mutex, NULL);
    if (status != GOKORE_OK) return status;
    status = gokore_cond_wait(c->object, c->mutex, &c->ctx);
    CHECK(gokore_mutex_is_held(c->mutex));
    gokore_mutex_unlock(c->mutex);
    return status;
}

TEST(cond, signal_wakes_one_and_broadcast_all) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    call c[4] = { { .mutex = &m }, { .mutex = &m }, { .mutex = &m }, { .mutex = &m } };
    for (int i = 0; i < 4; i++) {
        call_begin(&c[i], wait_cond, &cond);
        call_waits(&c[i]);
    }
    gokore_cond_signal(&cond);
    CHECK_STATUS(GOKORE_OK, call_end(&c[0])); // the one who waits longest
    for (int i = 1; i < 4; i++) CHECK_UINT(0, gokore_atomic_load(&c[i].returned));
    gokore_cond_broadcast(&cond);
    for (int i = 1; i < 4; i++) CHECK_STATUS(GOKORE_OK, call_end(&c[i]));
    CHECK(is_clear(&cond.sync_) && is_clear(&m.sync_));
}
TEST(cond, signal_without_a_waiter_is_not_kept) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    gokore_cond_signal(&cond);
    gokore_cond_broadcast(&cond);
    gokore_context soon;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    int64_t until = gokore_now_ns() + 2 * MS;
    gokore_context_init_deadline(&soon, NULL, until);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&cond, &m, &soon));
    CHECK(gokore_now_ns() >= until);
    CHECK(gokore_mutex_is_held(&m));
    gokore_mutex_unlock(&m);
    gokore_context_deinit(&soon);
}
TEST(cond, context_that_is_over_keeps_the_mutex_and_does_not_wait) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    gokore_context over = { 0 };
    gokore_context_cancel(&over);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_CANCELED, gokore_cond_wait(&cond, &m, &over));
    CHECK(gokore_mutex_is_held(&m));
    gokore_mutex_unlock(&m);
    gokore_context_deinit(&over);
}
TEST(cond, waiter_that_gives_up_swallows_no_signal) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    for (int round = 0; round < 300; round++) {
        call c[2] = { { .mutex = &m }, { .mutex = &m } };
        for (int i = 0; i < 2; i++) {
            call_begin(&c[i], wait_cond, &cond);
            call_waits(&c[i]);
        }
        gokore_context_cancel(&c[0].ctx); // meets the signal, somewhere
        gokore_cond_signal(&cond);
        gokore_status first = call_end(&c[0]);
        if (first == GOKORE_OK)
            gokore_cond_signal(&cond); // it was for the first; this one is for the second
        else
            CHECK_STATUS(GOKORE_CANCELED, first);
        CHECK_STATUS(GOKORE_OK, call_end(&c[1])); // hangs if the signal was lost
    }
    CHECK(is_clear(&cond.sync_));
}
TEST(cond, wait_without_the_mutex_is_reported_and_does_nothing) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    test_reports_capture();
    CHECK_STATUS(GOKORE_INVALID, gokore_cond_wait(&cond, &m, NULL));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK(!gokore_mutex_is_held(&m));
}
TEST(cond, waiting_with_another_lock_held_is_reported_where_locks_are_watched) {
    test_only_with("LOCKORDER=1");
    gokore_mutex m = GOKORE_MUTEX_INIT, other = GOKORE_MUTEX_INIT;
    gokore_cond cond = GOKORE_COND_INIT;
    gokore_context soon;
    gokore_context_init_timeout(&soon, NULL, MS);
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&cond, &m, &soon));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_mutex_unlock(&m);
    gokore_context_deinit(&soon);
    gokore_context_init_timeout(&soon, NULL, MS);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&other, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&cond, &m, &soon));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD));
    gokore_mutex_unlock(&m);
    gokore_mutex_unlock(&other);
    gokore_context_deinit(&soon);
}

// A bounded buffer of one place: each item passes once.
static struct {
    gokore_mutex m;
    gokore_cond full, empty;
    uint32_t item, sent, taken;
    uint64_t sum;
} place;
enum { ITEMS = 20000 };
static void *fill_place(void *unused) {
    for (;;) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&place.m, NULL));
        while (place.item && place.sent < ITEMS) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(&place.empty, &place.m, NULL));
        bool over = place.sent == ITEMS;
        if (!over) place.item = ++place.sent;
        if (over) gokore_cond_broadcast(&place.empty);
        gokore_mutex_unlock(&place.m);
        gokore_cond_signal(&place.full);
        if (over) return unused;
    }
}
static void *empty_place(void *unused) {
    for (;;) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&place.m, NULL));
        while (!place.item && place.taken < ITEMS) REQUIRE_STATUS(GOKORE_OK, gokore_cond_wait(&place.full, &place.m, NULL));
        bool over = place.taken == ITEMS;
        place.sum += place.item;
        if (place.item) place.taken++;
        place.item = 0;
        if (place.taken == ITEMS) gokore_cond_broadcast(&place.full);
        gokore_mutex_unlock(&place.m);
        gokore_cond_signal(&place.empty);
        if (over) return unused;
    }
}
TEST(cond, hands_each_item_from_two_threads_to_two_others) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = begin(i < 2 ? fill_place : empty_place, NULL);
    for (int i = 0; i < 4; i++) end(t[i]);
    CHECK_UINT((uint64_t)ITEMS * (ITEMS + 1) / 2, place.sum);
}

// ---- reader-writer lock

static gokore_status lock_read(call *c) {
    gokore_status status = gokore_rwlock_read_lock(c->object, &c->ctx);
    if (status != GOKORE_OK) return status;
    call_hold(c);
    gokore_rwlock_read_unlock(c->object);
    return status;
}
static gokore_status lock_write(call *c) {
    gokore_status status = gokore_rwlock_write_lock(c->object, &c->ctx);
    if (status != GOKORE_OK) return status;
    call_hold(c);
    gokore_rwlock_write_unlock(c->object);
    return status;
}

TEST(rwlock, readers_share_and_writers_do_not) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    call reader = { 0 }, writer = { 0 };
    CHECK_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    call_begin(&reader, lock_read, &rw);
    call_has(&reader);
    call_begin(&writer, lock_write, &rw);
    call_waits(&writer);
    gokore_rwlock_read_unlock(&rw);
    CHECK_UINT(0, gokore_atomic_load(&writer.has));
    call_let_go(&reader);
    call_has(&writer);
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_read_lock(&rw, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_rwlock_try_write_lock(&rw, MS));
    call_let_go(&writer);
    CHECK(is_clear(&rw.sync_));
}
static void hand_to_writer(gokore_status (*lock)(gokore_rwlock *, gokore_context *), void (*unlock)(gokore_rwlock *), bool another) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    call writer = { 0 }, next = { 0 };
    REQUIRE_STATUS(GOKORE_OK, lock(&rw, NULL));
    call_begin(&writer, lock_write, &rw);
    call_waits(&writer);
    if (another) call_begin(&next, lock_write, &rw);
    if (another) call_waits(&next);
    pause_ns(MS);
    unlock(&rw);
    CHECK(gokore_atomic_load(&rw.sync_.word_) & GOKORE_SYNC_LOCKED_); // it was never free
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_write_lock(&rw, 0));
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_read_lock(&rw, 0));
    call_has(&writer);
    CHECK_UINT(0, gokore_atomic_load(&next.has));
    call_let_go(&writer);
    if (another) call_let_go(&next);
    CHECK(is_clear(&rw.sync_));
}
static gokore_status read_lock(gokore_rwlock *rw, gokore_context *ctx) { return gokore_rwlock_read_lock(rw, ctx); }
static gokore_status write_lock(gokore_rwlock *rw, gokore_context *ctx) { return gokore_rwlock_write_lock(rw, ctx); }
static void read_unlock(gokore_rwlock *rw) { gokore_rwlock_read_unlock(rw); }
static void write_unlock(gokore_rwlock *rw) { gokore_rwlock_write_unlock(rw); }
TEST(rwlock, writer_who_has_waited_a_millisecond_is_handed_the_lock) {
    for (int i = 0; i < 4; i++)
        if (i % 2)
            hand_to_writer(read_lock, read_unlock, i > 1);
        else
            hand_to_writer(write_lock, write_unlock, i > 1);
}
TEST(rwlock, reader_that_comes_while_a_writer_waits_gets_in_line) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    call writer = { 0 }, readers[3] = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    call_begin(&writer, lock_write, &rw);
    call_waits(&writer);
    for (int i = 0; i < 3; i++) {
        call_begin(&readers[i], lock_read, &rw);
        call_waits(&readers[i]);
    }
    gokore_rwlock_read_unlock(&rw);
    call_has(&writer);
    for (int i = 0; i < 3; i++) CHECK_UINT(0, gokore_atomic_load(&readers[i].has));
    call_let_go(&writer);
    for (int i = 0; i < 3; i++) call_has(&readers[i]); // all together
    for (int i = 0; i < 3; i++) call_let_go(&readers[i]);
    CHECK(is_clear(&rw.sync_));
}
TEST(rwlock, writer_that_gives_up_lets_in_the_readers_behind_it) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    call writer = { 0 }, reader = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    call_begin(&writer, lock_write, &rw);
    call_waits(&writer);
    call_begin(&reader, lock_read, &rw);
    call_waits(&reader);
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&writer));
    call_let_go(&reader);
    gokore_rwlock_read_unlock(&rw);
    CHECK(is_clear(&rw.sync_));
}
TEST(rwlock, recursive_reader_passes_a_waiting_writer_and_others_do_not) {
    gokore_rwlock rw;
    gokore_rwlock_init(&rw, &(gokore_rwlock_desc) { .recursive_readers = true });
    call writer = { 0 }, reader = { 0 };
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    call_begin(&writer, lock_write, &rw);
    call_waits(&writer);
    CHECK_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL)); // would hang if it got in line
    call_begin(&reader, lock_read, &rw);
    call_waits(&reader);
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&reader));
    gokore_rwlock_read_unlock(&rw);
    CHECK_UINT(0, gokore_atomic_load(&writer.has));
    gokore_rwlock_read_unlock(&rw);
    call_let_go(&writer);
    gokore_rwlock_deinit(&rw);
}
TEST(rwlock, recursive_readers_of_many_locks_never_wait_for_themselves) {
    enum { LOCKS = 12 }; // more than a thread keeps track of
    gokore_rwlock rw[LOCKS];
    call writers[LOCKS] = { 0 };
    for (int i = 0; i < LOCKS; i++) {
        gokore_rwlock_init(&rw[i], &(gokore_rwlock_desc) { .recursive_readers = true });
        REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw[i], NULL));
        call_begin(&writers[i], lock_write, &rw[i]);
        call_waits(&writers[i]);
    }
    for (int i = 0; i < LOCKS; i++) CHECK_STATUS(GOKORE_OK, gokore_rwlock_try_read_lock(&rw[i], 1000 * MS));
    for (int i = 0; i < LOCKS; i++) gokore_rwlock_read_unlock(&rw[i]);
    for (int i = 0; i < LOCKS; i++) gokore_rwlock_read_unlock(&rw[i]);
    for (int i = 0; i < LOCKS; i++) {
        call_let_go(&writers[i]);
        gokore_rwlock_deinit(&rw[i]);
    }
}
TEST(rwlock, more_readers_than_it_can_count_wait) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    call first = { 0 }, second = { 0 };
    gokore_atomic_store(&rw.sync_.word_, GOKORE_SYNC_COUNT_); // as after 2^28 - 1 read locks
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_read_lock(&rw, 0));
    call_begin(&first, lock_read, &rw);
    call_begin(&second, lock_read, &rw);
    until_waiting(&first.ctx, 1);
    until_waiting(&second.ctx, 1);
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&first));
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&second));
    CHECK_UINT(GOKORE_SYNC_COUNT_, gokore_atomic_load(&rw.sync_.word_));
}
TEST(rwlock, misuse_is_reported_and_harmless) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    test_reports_capture();
    gokore_rwlock_read_unlock(&rw);
    gokore_rwlock_write_unlock(&rw);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    gokore_rwlock_write_unlock(&rw);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    gokore_rwlock_deinit(&rw);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    CHECK(is_clear(&rw.sync_));
}
TEST(rwlock, context_that_is_over_is_refused_on_a_free_lock) {
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    gokore_context over = { 0 };
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_CANCELED, gokore_rwlock_read_lock(&rw, &over));
    CHECK_STATUS(GOKORE_CANCELED, gokore_rwlock_write_lock(&rw, &over));
    CHECK(is_clear(&rw.sync_));
    gokore_context_deinit(&over);
}
TEST(rwlock, ones_own_in_the_other_way_is_a_deadlock_where_locks_are_watched) {
    test_only_with("LOCKORDER=1");
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_rwlock_write_lock(&rw, NULL));
    gokore_rwlock_read_unlock(&rw);
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&rw, NULL));
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_rwlock_read_lock(&rw, NULL));
    gokore_rwlock_write_unlock(&rw);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
}

// Readers see pairs that writers keep equal; some give up at any moment.
static struct {
    gokore_rwlock rw;
    uint64_t a, b;
    gokore_atomic_u64 wrote, read, gave_up;
} pairs;
static void *use_pairs(void *p) {
    uint64_t rng = (uint64_t)(uintptr_t)p;
    for (int i = 0; i < 4000; i++) {
        uint64_t dice = test_random(&rng);
        int64_t patience = dice & 7 ? 50 * MS : (int64_t)(dice >> 8 & 0xfff);
        bool writes = (dice >> 20 & 3) == 0;
        gokore_status status = writes ? gokore_rwlock_try_write_lock(&pairs.rw, patience) : gokore_rwlock_try_read_lock(&pairs.rw, patience);
        if (status != GOKORE_OK) {
            (void)gokore_atomic_fetch_add(&pairs.gave_up, 1);
            continue;
        }
        if (writes) {
            pairs.a++;
            if (dice >> 30 & 1) gokore_cpu_relax();
            pairs.b++;
            gokore_rwlock_write_unlock(&pairs.rw);
            (void)gokore_atomic_fetch_add(&pairs.wrote, 1);
        } else {
            CHECK_UINT(pairs.a, pairs.b);
            gokore_rwlock_read_unlock(&pairs.rw);
            (void)gokore_atomic_fetch_add(&pairs.read, 1);
        }
    }
    return NULL;
}
static void run_pairs(bool recursive) {
    uint64_t rng = test_seed();
    gokore_rwlock_init(&pairs.rw, &(gokore_rwlock_desc) { .recursive_readers = recursive });
    pthread_t t[6];
    for (int i = 0; i < 6; i++) t[i] = begin(use_pairs, (void *)(uintptr_t)test_random(&rng));
    for (int i = 0; i < 6; i++) end(t[i]);
    CHECK_UINT(pairs.a, gokore_atomic_load(&pairs.wrote));
    CHECK_UINT(24000, gokore_atomic_load(&pairs.wrote) + gokore_atomic_load(&pairs.read) + gokore_atomic_load(&pairs.gave_up));
    CHECK((gokore_atomic_load(&pairs.rw.sync_.word_) & ~8u) == 0);
    gokore_rwlock_deinit(&pairs.rw);
}
TEST(rwlock, keeps_writers_alone_while_threads_give_up) { run_pairs(false); }
TEST(rwlock, keeps_writers_alone_with_recursive_readers) { run_pairs(true); }

// Two of a kind keep the lock busy without a gap; the third, of the other kind, must get in.
static struct {
    gokore_rwlock rw;
    gokore_atomic_u32 stop;
    bool writers;
} busy;
static void *keep_busy(void *unused) {
    while (!gokore_atomic_load(&busy.stop)) {
        REQUIRE_STATUS(GOKORE_OK, busy.writers ? gokore_rwlock_write_lock(&busy.rw, NULL) : gokore_rwlock_read_lock(&busy.rw, NULL));
        spin_ns(20 * US);
        if (busy.writers)
            gokore_rwlock_write_unlock(&busy.rw);
        else
            gokore_rwlock_read_unlock(&busy.rw);
    }
    return unused;
}
static void starve(bool writers, bool recursive) {
    gokore_rwlock_init(&busy.rw, &(gokore_rwlock_desc) { .recursive_readers = recursive });
    busy.writers = writers;
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = begin(keep_busy, NULL);
    for (int i = 0; i < 30; i++) { // hangs if it starves
        REQUIRE_STATUS(GOKORE_OK, writers ? gokore_rwlock_read_lock(&busy.rw, NULL) : gokore_rwlock_write_lock(&busy.rw, NULL));
        if (writers)
            gokore_rwlock_read_unlock(&busy.rw);
        else
            gokore_rwlock_write_unlock(&busy.rw);
    }
    gokore_atomic_store(&busy.stop, 1);
    for (int i = 0; i < 4; i++) end(t[i]);
    gokore_rwlock_deinit(&busy.rw);
}
TEST(rwlock, writer_gets_in_among_readers_that_overlap) { starve(false, false); }
TEST(rwlock, writer_gets_in_among_recursive_readers_that_overlap) { starve(false, true); }
TEST(rwlock, reader_gets_in_among_writers) { starve(true, false); }

// ---- once

static gokore_atomic_u32 once_runs;
static gokore_once_flag the_flag = GOKORE_ONCE_INIT;
static int once_made;
static void once_make(void *user) {
    pause_ns(2 * MS);
    once_made = *(int *)user;
    (void)gokore_atomic_fetch_add(&once_runs, 1);
}
static void *once_call(void *p) {
    gokore_once(&the_flag, once_make, p);
    CHECK_INT(17, once_made);
    return NULL;
}
TEST(once, runs_once_and_all_see_what_it_did) {
    int value = 17;
    pthread_t t[8];
    for (int i = 0; i < 8; i++) t[i] = begin(once_call, &value);
    for (int i = 0; i < 8; i++) end(t[i]);
    CHECK_UINT(1, gokore_atomic_load(&once_runs));
    (void)once_call(&value);
    CHECK_UINT(1, gokore_atomic_load(&once_runs));
}
static void once_again(void *flag) { gokore_once(flag, once_again, flag); }
TEST(once, called_by_its_own_function_is_reported_and_returns) {
    gokore_once_flag flag = GOKORE_ONCE_INIT;
    test_reports_capture();
    gokore_once(&flag, once_again, &flag);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
    gokore_once(&flag, once_again, &flag);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

// ---- wait group

static gokore_status wait_group(call *c) { return gokore_waitgroup_wait(c->object, &c->ctx); }

TEST(waitgroup, wait_ends_with_the_last_done_and_may_be_used_again) {
    gokore_waitgroup w = GOKORE_WAITGROUP_INIT;
    CHECK_STATUS(GOKORE_OK, gokore_waitgroup_wait(&w, NULL));
    for (int round = 0; round < 3; round++) {
        call c[2] = { 0 };
        gokore_waitgroup_add(&w, 3);
        for (int i = 0; i < 2; i++) {
            call_begin(&c[i], wait_group, &w);
            call_waits(&c[i]);
        }
        gokore_waitgroup_done(&w);
        gokore_waitgroup_done(&w);
        CHECK_UINT(0, gokore_atomic_load(&c[0].returned) + gokore_atomic_load(&c[1].returned));
        gokore_waitgroup_done(&w);
        for (int i = 0; i < 2; i++) CHECK_STATUS(GOKORE_OK, call_end(&c[i]));
    }
    CHECK(is_clear(&w.sync_));
}
TEST(waitgroup, wait_ends_with_its_context_and_leaves_no_trace) {
    gokore_waitgroup w = GOKORE_WAITGROUP_INIT;
    call c = { 0 };
    gokore_waitgroup_add(&w, 1);
    call_begin(&c, wait_group, &w);
    call_waits(&c);
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&c));
    CHECK_UINT(16, gokore_atomic_load(&w.sync_.word_));
    gokore_waitgroup_done(&w);
    CHECK(is_clear(&w.sync_));
}
TEST(waitgroup, counts_out_of_range_are_reported_and_not_taken) {
    gokore_waitgroup w = GOKORE_WAITGROUP_INIT;
    test_reports_capture();
    gokore_waitgroup_done(&w);
    gokore_waitgroup_add(&w, 0x0fffffff);
    gokore_waitgroup_add(&w, 1);
    gokore_waitgroup_add(&w, UINT32_MAX);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_SYNC_COUNT));
    CHECK_UINT(0xfffffff0u, gokore_atomic_load(&w.sync_.word_));
}
// The waiter frees the group as soon as it may.
static struct {
    gokore_atomic_ptr group;
    uint64_t work;
} freed_group;
static void *group_worker(void *unused) {
    for (int i = 0; i < 3000; i++) {
        void *w;
        while (!(w = gokore_atomic_exchange(&freed_group.group, (void *)NULL))) gokore_cpu_relax();
        freed_group.work++;
        gokore_waitgroup_done(w);
    }
    return unused;
}
TEST(waitgroup, may_be_freed_by_its_waiter_and_carries_what_was_done) {
    pthread_t t = begin(group_worker, NULL);
    for (uint64_t i = 0; i < 3000; i++) {
        gokore_waitgroup *w = calloc(1, sizeof *w);
        REQUIRE(w);
        gokore_waitgroup_add(w, 1);
        gokore_atomic_store(&freed_group.group, (void *)w);
        CHECK_STATUS(GOKORE_OK, gokore_waitgroup_wait(w, NULL));
        CHECK_UINT(i + 1, freed_group.work);
        memset(w, 0xa5, sizeof *w);
        free(w);
    }
    end(t);
}

// ---- semaphore

static gokore_status acquire_n(call *c) { return gokore_semaphore_acquire(c->object, c->n, &c->ctx); }

TEST(semaphore, zeroed_has_no_permits_and_takes_all_or_nothing) {
    gokore_semaphore s = { 0 }, three = GOKORE_SEMAPHORE_INIT(3);
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&s, 0, NULL));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&three, 4, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_semaphore_try_acquire(&three, 4, MS));
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_try_acquire(&three, 3, 0));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&three, 1, 0));
    gokore_semaphore_release(&three, 3);
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&three, 3, NULL));
    CHECK_STATUS(GOKORE_INVALID, gokore_semaphore_acquire(&three, UINT32_MAX, NULL));
    CHECK(is_clear(&three.sync_));
}
TEST(semaphore, large_request_is_not_passed_by_small_ones) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(2);
    call large = { .n = 5 }, small[2] = { { .n = 1 }, { .n = 1 } };
    call_begin(&large, acquire_n, &s);
    call_waits(&large);
    for (int i = 0; i < 2; i++) {
        call_begin(&small[i], acquire_n, &s); // two permits are there, but not for them
        call_waits(&small[i]);
    }
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    gokore_semaphore_release(&s, 4);
    CHECK_STATUS(GOKORE_OK, call_end(&large));
    CHECK_STATUS(GOKORE_OK, call_end(&small[0]));
    CHECK_UINT(0, gokore_atomic_load(&small[1].returned));
    gokore_semaphore_release(&s, 1);
    CHECK_STATUS(GOKORE_OK, call_end(&small[1]));
    CHECK(is_clear(&s.sync_));
}
TEST(semaphore, large_request_that_gives_up_lets_the_small_ones_pass) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(2);
    call large = { .n = 5 }, small[2] = { { .n = 1 }, { .n = 1 } };
    call_begin(&large, acquire_n, &s);
    call_waits(&large);
    for (int i = 0; i < 2; i++) {
        call_begin(&small[i], acquire_n, &s);
        call_waits(&small[i]);
    }
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&large));
    for (int i = 0; i < 2; i++) CHECK_STATUS(GOKORE_OK, call_end(&small[i]));
    CHECK(is_clear(&s.sync_));
}
TEST(semaphore, more_permits_than_it_can_hold_are_reported_and_not_given) {
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(GOKORE_SEMAPHORE_MAX);
    test_reports_capture();
    gokore_semaphore_release(&s, 1);
    gokore_semaphore_release(&s, UINT32_MAX);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_SYNC_COUNT));
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&s, GOKORE_SEMAPHORE_MAX, NULL));
    CHECK(is_clear(&s.sync_));
}
static struct {
    gokore_semaphore s;
    gokore_atomic_u32 inside, most, gave_up;
} crowd;
enum { PERMITS = 5 };
static void *crowd_main(void *p) {
    uint64_t rng = (uint64_t)(uintptr_t)p;
    for (int i = 0; i < 4000; i++) {
        uint64_t dice = test_random(&rng);
        uint32_t n = 1 + (uint32_t)(dice % PERMITS);
        if (gokore_semaphore_try_acquire(&crowd.s, n, dice & 64 ? 50 * MS : (int64_t)(dice >> 8 & 0xfff)) != GOKORE_OK) {
            (void)gokore_atomic_fetch_add(&crowd.gave_up, 1);
            continue;
        }
        CHECK(gokore_atomic_fetch_add(&crowd.inside, n) + n <= PERMITS);
        if (dice >> 40 & 1) gokore_cpu_relax();
        (void)gokore_atomic_fetch_sub(&crowd.inside, n);
        gokore_semaphore_release(&crowd.s, n);
    }
    return NULL;
}
TEST(semaphore, never_lets_in_more_than_it_has_while_threads_give_up) {
    uint64_t rng = test_seed();
    gokore_semaphore_release(&crowd.s, PERMITS);
    pthread_t t[6];
    for (int i = 0; i < 6; i++) t[i] = begin(crowd_main, (void *)(uintptr_t)test_random(&rng));
    for (int i = 0; i < 6; i++) end(t[i]);
    CHECK_UINT(PERMITS * 16, gokore_atomic_load(&crowd.s.sync_.word_));
}

// ---- observers

typedef struct seen {
    int acquired, released, waits;
} seen;
static void see_acquired(void *user, const void *lock, void *const *stack, size_t depth) {
    CHECK(lock && (depth == 0 || stack[0]));
    ((seen *)user)->acquired++;
}
static void see_released(void *user, const void *lock) {
    CHECK(lock != NULL);
    ((seen *)user)->released++;
}
static void see_wait(void *user, const void *lock, int64_t duration_ns) {
    CHECK(lock && duration_ns >= 0);
    ((seen *)user)->waits++;
}
static void no_work(void *user) { (void)user; }

TEST(observer, sees_every_primitive) {
    seen s = { 0 };
    gokore_lock_observer o = { see_acquired, see_released, see_wait, &s };
    gokore_rwlock rw;
    gokore_rwlock_init(&rw, &(gokore_rwlock_desc) { .observer = &o });
    CHECK_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    gokore_rwlock_read_unlock(&rw);
    CHECK_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&rw, NULL));
    CHECK_INT(2, s.acquired);
    CHECK_STATUS(GOKORE_BUSY, gokore_rwlock_try_read_lock(&rw, 0));
    gokore_rwlock_write_unlock(&rw);
    CHECK_INT(2, s.released);
    gokore_rwlock_deinit(&rw);
    gokore_semaphore sem = GOKORE_SEMAPHORE_INIT(1);
    gokore_semaphore_set_observer(&sem, &o);
    CHECK_STATUS(GOKORE_OK, gokore_semaphore_acquire(&sem, 1, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_semaphore_try_acquire(&sem, 1, MS));
    gokore_semaphore_release(&sem, 1);
    CHECK_INT(3, s.acquired);
    CHECK_INT(3, s.released);
    CHECK_INT(1, s.waits);
    gokore_semaphore_set_observer(&sem, NULL);
    gokore_once_flag once = GOKORE_ONCE_INIT;
    gokore_once_set_observer(&once, &o);
    gokore_once(&once, no_work, NULL);
    CHECK_INT(4, s.acquired);
    CHECK_INT(4, s.released);
    gokore_context soon;
    gokore_context_init_timeout(&soon, NULL, MS);
    gokore_waitgroup w = GOKORE_WAITGROUP_INIT;
    gokore_waitgroup_set_observer(&w, &o);
    gokore_waitgroup_add(&w, 1);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_waitgroup_wait(&w, &soon));
    CHECK_INT(2, s.waits);
    gokore_context_deinit(&soon);
    gokore_context_init_timeout(&soon, NULL, MS);
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_cond c = GOKORE_COND_INIT;
    gokore_cond_set_observer(&c, &o);
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_cond_wait(&c, &m, &soon));
    gokore_mutex_unlock(&m);
    CHECK_INT(3, s.waits);
    gokore_context_deinit(&soon);
}

// ---- foreign locks, generic names

static void use_locker(gokore_locker l, int (*busy_now)(void *)) {
    seen s = { 0 };
    gokore_lock_observer o = { see_acquired, see_released, see_wait, &s };
    l.observer = &o;
    l.name = "foreign";
    CHECK_STATUS(GOKORE_OK, gokore_lock(&l, NULL));
    CHECK_INT(1, s.acquired);
    CHECK(busy_now(l.object) != 0);
    gokore_unlock(&l);
    CHECK_INT(1, s.released);
    gokore_context soon;
    gokore_context_init_timeout(&soon, NULL, 1000 * MS);
    CHECK_STATUS(GOKORE_OK, gokore_lock(&l, &soon));
    gokore_unlock(&l);
    gokore_context_cancel(&soon);
    CHECK_STATUS(GOKORE_CANCELED, gokore_lock(&l, &soon));
    CHECK_INT(0, busy_now(l.object)); // it was not taken; now it is
    call c = { 0 };
    gokore_context_init(&c.ctx, NULL);
    CHECK_STATUS(GOKORE_BUSY, gokore_locker_try_lock(&l, 0));
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_locker_try_lock(&l, 2 * MS));
    CHECK_INT(0, l.unlock(l.object));
    gokore_context_deinit(&soon);
}
static int try_pthread(void *m) { return pthread_mutex_trylock(m); }
static int try_write(void *m) { return pthread_rwlock_trywrlock(m); }
static int try_mtx(void *m) { return mtx_trylock(m) != thrd_success; }

TEST(locker, makes_a_pthread_mutex_obey_its_context) {
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    use_locker(gokore_locker_of_pthread_mutex(&m), try_pthread);
}
#if defined(__linux__) // others have no robust mutexes
static void *die_with_it(void *m) {
    REQUIRE(pthread_mutex_lock(m) == 0);
    return NULL;
}
TEST(locker, robust_pthread_mutex_of_a_thread_that_ended_is_taken_and_reported) {
    test_only_with("PLATFORM=LINUX");
    pthread_mutexattr_t robust;
    pthread_mutex_t m;
    REQUIRE(pthread_mutexattr_init(&robust) == 0 && pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST) == 0);
    REQUIRE(pthread_mutex_init(&m, &robust) == 0);
    gokore_locker l = gokore_locker_of_pthread_mutex(&m);
    test_reports_capture();
    for (int round = 1; round <= 2; round++) {
        end(begin(die_with_it, &m));
        CHECK_STATUS(GOKORE_OK, round == 1 ? gokore_locker_lock(&l, NULL) : gokore_locker_try_lock(&l, 0));
        CHECK_UINT(round, test_reports_count(GOKORE_REPORT_LOCK_LEAKED));
        gokore_locker_unlock(&l);
    }
    CHECK_STATUS(GOKORE_OK, gokore_locker_lock(&l, NULL));
    gokore_locker_unlock(&l);
    REQUIRE(pthread_mutex_destroy(&m) == 0 && pthread_mutexattr_destroy(&robust) == 0);
}
#endif
TEST(locker, makes_a_pthread_rwlock_obey_its_context) {
    pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
    use_locker(gokore_locker_of_pthread_rwlock_write(&rw), try_write);
    gokore_locker read = gokore_locker_of_pthread_rwlock_read(&rw);
    CHECK_STATUS(GOKORE_OK, gokore_lock(&read, NULL));
    CHECK_INT(0, pthread_rwlock_tryrdlock(&rw));
    CHECK(pthread_rwlock_trywrlock(&rw) != 0);
    (void)pthread_rwlock_unlock(&rw);
    gokore_unlock(&read);
}
TEST(locker, makes_a_c11_mutex_obey_its_context) {
    mtx_t m;
    REQUIRE(mtx_init(&m, mtx_plain) == thrd_success);
    use_locker(gokore_locker_of_mtx(&m), try_mtx);
    mtx_destroy(&m);
}
static int fails(void *p) { return p ? 5 : 6; }
TEST(locker, failure_of_the_foreign_lock_is_a_status) {
    gokore_locker none = { 0 }, broken = { .lock = fails, .unlock = fails };
    CHECK_STATUS(GOKORE_INVALID, gokore_lock(&none, NULL));
    CHECK_STATUS(GOKORE_SYSTEM, gokore_lock(&broken, NULL));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_locker_try_lock(&broken, 0));
}
TEST(locker, wrong_order_of_foreign_and_own_locks_is_found_where_locks_are_watched) {
    test_only_with("LOCKORDER=1");
    pthread_mutex_t foreign = PTHREAD_MUTEX_INITIALIZER;
    gokore_locker l = gokore_locker_of_pthread_mutex(&foreign);
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), cache = GOKORE_LOCK_CLASS_INIT("EntityCache");
    l.lock_class = &writer;
    gokore_mutex m = GOKORE_MUTEX_INIT_CLASS(&cache);
    test_reports_capture();
    REQUIRE_STATUS(GOKORE_OK, gokore_lock(&m, NULL));
    gokore_status status = gokore_lock(&l, NULL);
    if (status == GOKORE_OK) gokore_unlock(&l);
    gokore_unlock(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
}
TEST(generic, lock_and_unlock_know_every_lock) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    gokore_rwlock rw = GOKORE_RWLOCK_INIT;
    gokore_semaphore s = GOKORE_SEMAPHORE_INIT(1);
    CHECK_STATUS(GOKORE_OK, gokore_lock(&m, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_lock(&rw, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_lock(&s, NULL));
    CHECK(gokore_mutex_is_held(&m));
    CHECK_STATUS(GOKORE_BUSY, gokore_semaphore_try_acquire(&s, 1, 0));
    CHECK_UINT(1, gokore_atomic_load(&rw.sync_.word_)); // exclusive
    gokore_unlock(&s);
    gokore_unlock(&rw);
    gokore_unlock(&m);
    CHECK(is_clear(&m.sync_) && is_clear(&rw.sync_));
}

// ---- priority inheritance

static bool inherits(gokore_mutex *m) {
    test_reports_capture();
    gokore_mutex_init(m, &(gokore_mutex_desc) { .name = "urgent", .priority_inherit = true });
    return test_reports_count(GOKORE_REPORT_POLICY) == 0;
}
static gokore_status lock_mutex(call *c) {
    gokore_status status = gokore_mutex_lock(c->object, &c->ctx);
    if (status == GOKORE_OK) gokore_mutex_unlock(c->object);
    return status;
}
TEST(inherit, mutex_does_all_that_others_do) {
    gokore_mutex m;
    if (!inherits(&m)) test_skip("this system has no locks with priority inheritance");
    CHECK(!gokore_mutex_is_held(&m));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK(gokore_mutex_is_held(&m));
    gokore_mutex_assert_held(&m);
    call c = { 0 };
    call_begin(&c, lock_mutex, &m);
    pause_ns(3 * MS);
    CHECK_STATUS(GOKORE_CANCELED, call_cancel(&c));
    call_begin(&c, lock_mutex, &m);
    pause_ns(3 * MS);
    gokore_mutex_unlock(&m);
    CHECK_STATUS(GOKORE_OK, call_end(&c));
    CHECK(!gokore_mutex_is_held(&m));
    gokore_mutex_unlock(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_CONTAINS("urgent", test_reports_find(GOKORE_REPORT_LOCK_NOT_HELD)->message);
    gokore_mutex_deinit(&m);
}
static void try_for_3_ms(void *m) {
    int64_t until = gokore_now_ns() + 3 * MS;
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_try_lock(m, 3 * MS));
    CHECK(gokore_now_ns() >= until);
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(m, 0));
}
TEST(inherit, try_lock_is_never_early) {
    gokore_mutex m;
    if (!inherits(&m)) test_skip("this system has no locks with priority inheritance");
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    test_on_thread(try_for_3_ms, &m);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
}
static void *lock_and_end(void *m) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL));
    return NULL;
}
TEST(inherit, lock_of_a_thread_that_ended_passes_on_and_is_reported) {
    gokore_mutex m;
    if (!inherits(&m)) test_skip("this system has no locks with priority inheritance");
    end(begin(lock_and_end, &m));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    CHECK(test_reports_count(GOKORE_REPORT_LOCK_LEAKED) >= 1);
    gokore_mutex_unlock(&m);
    gokore_mutex_deinit(&m);
}
static struct {
    gokore_mutex m;
    uint64_t n;
} inherited;
static void *count_inherited(void *unused) {
    for (int i = 0; i < 5000; i++) {
        while (gokore_mutex_try_lock(&inherited.m, 5 * MS) != GOKORE_OK) {}
        inherited.n++;
        gokore_mutex_unlock(&inherited.m);
    }
    return unused;
}
TEST(inherit, lets_one_in_at_a_time) {
    if (!inherits(&inherited.m)) test_skip("this system has no locks with priority inheritance");
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = begin(count_inherited, NULL);
    for (int i = 0; i < 4; i++) end(t[i]);
    CHECK_UINT(20000, inherited.n);
    gokore_mutex_deinit(&inherited.m);
}

// ---- the policy in force

static gokore_status lock_by_policy(call *c) {
    gokore_status status = gokore_mutex_lock_policy(c->object, &c->ctx);
    if (status == GOKORE_OK) gokore_mutex_unlock(c->object);
    return status;
}
static void apply(const char *yaml) {
    gokore_policy_set *set;
    gokore_diagnostic first = { 0 };
    gokore_diagnostics why = { &first, 1, 0 };
    if (gokore_policy_load(&set, yaml, strlen(yaml), "test.yaml", &why) != GOKORE_OK) {
        test_note("%s:%u:%u: %s", first.path, first.line, first.column, first.message);
        test_stop();
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(set));
    gokore_policy_set_destroy(set);
}

#define POLICY_WITH(fallback)                                                                                       \
    "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: test}\nspec:\n"                 \
    "  qosClass: Guaranteed\n  hierarchyRules: [{name: test, order: [First, Second]}]\n"                            \
    "  numaAffinity: {required: true, preferredNodes: [0], allowedDistance: 0, fallbackStrategy: " fallback "}\n"

TEST(policy, lock_is_taken_at_once_or_as_soon_as_it_is_free) {
    apply(POLICY_WITH("Steal") "  retryPolicy: {attempts: 1, backoffBase: 500ms, jitterPercent: 0, maxWaitTime: 500ms}\n");
    gokore_mutex m = GOKORE_MUTEX_INIT;
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock_policy(&m, NULL));
    call c = { 0 };
    int64_t waited = 0;
    for (int round = 0; round < 20; round++) {
        int64_t start = gokore_now_ns();
        call_begin(&c, lock_by_policy, &m);
        call_waits(&c);
        gokore_mutex_unlock(&m);
        CHECK_STATUS(GOKORE_OK, call_end(&c));
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
        waited += gokore_now_ns() - start;
    }
    CHECK(waited < 20 * 500 * MS); // a sleep beside the lock would have taken all of it
    gokore_mutex_unlock(&m);
}
TEST(policy, tries_are_counted_and_waits_add_up) {
    apply(POLICY_WITH("Steal") "  retryPolicy: {attempts: 2, backoffBase: 2ms, jitterPercent: 0}\n");
    gokore_mutex m = GOKORE_MUTEX_INIT;
    seen s = { 0 };
    gokore_lock_observer o = { NULL, NULL, see_wait, &s };
    gokore_mutex_set_observer(&m, &o);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    call c = { 0 };
    int64_t start = gokore_now_ns();
    call_begin(&c, lock_by_policy, &m);
    CHECK_STATUS(GOKORE_TIMEOUT, call_end(&c));
    CHECK(gokore_now_ns() - start >= 6 * MS); // 2 ms, then 4 ms
    CHECK_INT(2, s.waits);
    gokore_mutex_unlock(&m);
}
TEST(policy, context_and_longest_wait_end_it) {
    apply(POLICY_WITH("Steal") "  retryPolicy: {attempts: 3, backoffBase: 400ms, jitterPercent: 0, maxWaitTime: 3ms}\n");
    gokore_mutex m = GOKORE_MUTEX_INIT;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    call c = { 0 };
    call_begin(&c, lock_by_policy, &m);
    CHECK_STATUS(GOKORE_TIMEOUT, call_end(&c));
    gokore_mutex_unlock(&m);
    gokore_context over = { 0 };
    gokore_context_cancel(&over);
    CHECK_STATUS(GOKORE_CANCELED, gokore_mutex_lock_policy(&m, &over));
    CHECK(!gokore_mutex_is_held(&m));
    gokore_context_deinit(&over);
}
TEST(policy, without_one_the_class_table_counts) {
    gokore_mutex m = GOKORE_MUTEX_INIT;
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    call c = { 0 };
    int64_t start = gokore_now_ns();
    gokore_lock_policy p = gokore_lock_policy_default(GOKORE_QOS_DEFAULT);
    call_begin(&c, lock_by_policy, &m);
    CHECK_STATUS(GOKORE_TIMEOUT, call_end(&c));
    CHECK(gokore_now_ns() - start >= p.retry.backoff_base_ns * (100 - p.retry.jitter_percent) / 100);
    gokore_mutex_unlock(&m);
}
TEST(policy, try_from_too_far_a_node_counts_as_busy_where_the_fallback_is_to_wait) {
    int here = gokore_topology_current_node(gokore_topology_default());
    if (here < 0) test_skip("which node this thread runs on can't be known");
    gokore_mutex near, far;
    gokore_mutex_init(&near, &(gokore_mutex_desc) { .numa_node = here });
    gokore_mutex_init(&far, &(gokore_mutex_desc) { .numa_node = here + 1 });
    if (gokore_topology_node_count(gokore_topology_default()) > 1) test_skip("the thread may move between the machine's nodes");
    apply(POLICY_WITH("Wait") "  retryPolicy: {attempts: 1, backoffBase: 1ms, jitterPercent: 0}\n");
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock_policy(&near, NULL));
    gokore_mutex_unlock(&near);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock_policy(&far, NULL));
    CHECK(!gokore_mutex_is_held(&far));
    apply(POLICY_WITH("AnyNode") "  retryPolicy: {attempts: 1, backoffBase: 1ms, jitterPercent: 0}\n");
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock_policy(&far, NULL));
    gokore_mutex_unlock(&far);
    gokore_mutex_deinit(&near);
    gokore_mutex_deinit(&far);
}
