// Conditions, reader-writer locks, once flags, wait groups, semaphores, slots, contexts.
#define GOKORE_IMPLEMENTATION
#include "gokore_sync.h"

#include "explore.h"

static gokore_mutex lock;
static gokore_cond cond;
static gokore_rwlock rw;
static gokore_once_flag once;
static gokore_semaphore permits;
static gokore_slots slots;
static gokore_context ctx;
static int token, inside, total; // plain: a race if the lock does not order them
static gokore_status answer;

static void word_is(const gokore_sync_ *s, uint32_t want) { // and nobody is in line
    CHECK(gokore_atomic_load_relaxed(&s->word_) == want);
    CHECK(gokore_bucket_of_(s)->queue.head == NULL && ctx.waiters_ == NULL);
}
static void canceller(void *arg) {
    (void)arg;
    gokore_context_cancel(&ctx);
}

// ---- condition
static void take_token(void *arg) {
    (void)arg;
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    while (token == 0) CHECK(gokore_cond_wait(&cond, &lock, NULL) == GOKORE_OK);
    token--;
    total++;
    gokore_mutex_unlock(&lock);
}
static void take_token_with_context(void *arg) { // one try; what it was woken for and does not take goes to another
    (void)arg;
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    answer = token ? GOKORE_OK : gokore_cond_wait(&cond, &lock, &ctx);
    CHECK(gokore_mutex_is_held(&lock) && inside++ == 0);
    inside--;
    gokore_mutex_unlock(&lock);
    if (answer == GOKORE_OK) gokore_cond_signal(&cond);
}
static void put_token(void *arg) {
    (void)arg;
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    token++;
    gokore_mutex_unlock(&lock);
    gokore_cond_signal(&cond);
}
static void put_tokens(void *arg) {
    (void)arg;
    CHECK(gokore_mutex_lock(&lock, NULL) == GOKORE_OK);
    token += 2;
    gokore_cond_broadcast(&cond);
    gokore_mutex_unlock(&lock);
}
SCENARIO(cond, a_signal_is_not_lost, .bound = 6, .stale = 2, .spurious = 1) {
    explore_go(take_token, NULL);
    explore_go(put_token, NULL);
    explore_join();
    CHECK(total == 1 && token == 0);
    word_is(&cond.sync_, 0);
    word_is(&lock.sync_, 0);
}
SCENARIO(cond, two_signals_serve_two, .bound = 4, .stale = 1) {
    explore_go(take_token, NULL);
    explore_go(take_token, NULL);
    explore_go(put_token, NULL);
    explore_go(put_token, NULL);
    explore_join();
    CHECK(total == 2 && token == 0);
    word_is(&cond.sync_, 0);
}
SCENARIO(cond, a_broadcast_serves_all, .bound = 4, .stale = 1) {
    explore_go(take_token, NULL);
    explore_go(take_token, NULL);
    explore_go(put_tokens, NULL);
    explore_join();
    CHECK(total == 2 && token == 0);
    word_is(&cond.sync_, 0);
}
SCENARIO(cond, a_cancelled_waiter_swallows_no_signal, .bound = 4, .stale = 1, .jumps = 1) {
    explore_go(take_token_with_context, NULL);
    explore_go(take_token, NULL);
    explore_go(canceller, NULL);
    explore_go(put_token, NULL);
    explore_join();
    CHECK(total == 1 && token == 0 && (answer == GOKORE_OK || answer == GOKORE_CANCELED));
    word_is(&cond.sync_, 0);
    word_is(&lock.sync_, 0);
}

// ---- reader-writer lock
static void reader(void *arg) {
    (void)arg;
    CHECK(gokore_rwlock_read_lock(&rw, NULL) == GOKORE_OK);
    CHECK(inside == 0);
    gokore_rwlock_read_unlock(&rw);
}
static void write_here(void) {
    CHECK(inside++ == 0);
    total++;
    inside--;
    gokore_rwlock_write_unlock(&rw);
}
static void writer(void *arg) {
    (void)arg;
    CHECK(gokore_rwlock_write_lock(&rw, NULL) == GOKORE_OK);
    write_here();
}
static void writer_with_context(void *arg) {
    (void)arg;
    answer = gokore_rwlock_write_lock(&rw, &ctx);
    if (answer == GOKORE_OK) write_here();
}
SCENARIO(rwlock, writers_exclude_each_other, .bound = 6, .stale = 1, .spurious = 1, .jumps = 1) {
    explore_go(writer, NULL);
    explore_go(writer, NULL);
    explore_join();
    CHECK(total == 2);
    word_is(&rw.sync_, 0);
}
SCENARIO(rwlock, a_writer_excludes_readers, .bound = 4, .stale = 2, .jumps = 1) {
    explore_go(reader, NULL);
    explore_go(writer, NULL);
    explore_go(reader, NULL);
    explore_join();
    CHECK(total == 1);
    word_is(&rw.sync_, 0);
}
SCENARIO(rwlock, a_writer_that_is_handed_it_sees_what_all_readers_did, .bound = 4, .stale = 1, .jumps = 1) {
    CHECK(gokore_rwlock_read_lock(&rw, NULL) == GOKORE_OK);
    explore_go(reader, NULL);
    explore_go(writer, NULL);
    gokore_rwlock_read_unlock(&rw);
    explore_join();
    CHECK(total == 1);
    word_is(&rw.sync_, 0);
}
SCENARIO(rwlock, two_writers_and_a_reader, .bound = 4, .stale = 1, .jumps = 1) {
    explore_go(writer, NULL);
    explore_go(reader, NULL);
    explore_go(writer, NULL);
    explore_join();
    CHECK(total == 2);
    word_is(&rw.sync_, 0);
}
SCENARIO(rwlock, a_cancelled_writer_lets_the_readers_behind_it_in, .bound = 4, .stale = 1, .jumps = 1) {
    CHECK(gokore_rwlock_read_lock(&rw, NULL) == GOKORE_OK); // held until all others are through
    explore_go(writer_with_context, NULL);
    explore_go(reader, NULL);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(answer == GOKORE_CANCELED);
    gokore_rwlock_read_unlock(&rw);
    word_is(&rw.sync_, 0);
}

SCENARIO(rwlock, a_writer_that_leaves_lets_no_reader_in_beside_another, .bound = 4, .stale = 1) {
    CHECK(gokore_rwlock_write_lock(&rw, NULL) == GOKORE_OK);
    explore_go(writer_with_context, NULL);
    explore_go(reader, NULL);
    explore_go(canceller, NULL);
    inside = 1;
    gokore_cpu_relax();
    (void)gokore_context_wait(&ctx);
    inside = 0;
    gokore_rwlock_write_unlock(&rw);
    explore_join();
    word_is(&rw.sync_, 0);
}

// ---- once
static void prepare(void *arg) {
    (void)arg;
    total++;
}
static void once_user(void *arg) {
    (void)arg;
    gokore_once(&once, prepare, NULL);
    CHECK(total == 1);
}
SCENARIO(once, runs_once_and_all_see_it, .bound = 4, .stale = 2, .spurious = 1) {
    explore_go(once_user, NULL);
    explore_go(once_user, NULL);
    explore_go(once_user, NULL);
    explore_join();
    CHECK(gokore_bucket_of_(&once)->queue.head == NULL);
}

// ---- wait group
static int work[2];
static void worker(void *arg) {
    work[total++ == 0] += 1;
    gokore_waitgroup_done(arg);
}
static void worker_of_two(void *arg) {
    work[1]++;
    gokore_waitgroup_done(arg);
}
static void waiter(void *arg) {
    CHECK(gokore_waitgroup_wait(arg, NULL) == GOKORE_OK && work[1] == 1);
}
SCENARIO(waitgroup, may_be_freed_once_the_wait_is_over, .bound = 6, .stale = 2, .spurious = 1) {
    gokore_waitgroup *w = GOKORE_SEAM_ALLOC_(sizeof *w, 16);
    *w = (gokore_waitgroup)GOKORE_WAITGROUP_INIT;
    gokore_waitgroup_add(w, 1);
    explore_go(worker, w);
    CHECK(gokore_waitgroup_wait(w, NULL) == GOKORE_OK && work[1] == 1);
    GOKORE_SEAM_FREE_(w);
    explore_join();
}
static void worker_0(void *arg) {
    work[0]++;
    gokore_waitgroup_done(arg);
}
SCENARIO(waitgroup, waits_for_all, .bound = 4, .stale = 2, .spurious = 1) {
    gokore_waitgroup *w = GOKORE_SEAM_ALLOC_(sizeof *w, 16);
    *w = (gokore_waitgroup)GOKORE_WAITGROUP_INIT;
    gokore_waitgroup_add(w, 2);
    explore_go(worker_0, w);
    explore_go(worker_of_two, w);
    CHECK(gokore_waitgroup_wait(w, NULL) == GOKORE_OK && work[0] == 1 && work[1] == 1);
    GOKORE_SEAM_FREE_(w);
    explore_join();
}
SCENARIO(waitgroup, lets_all_waiters_go, .bound = 4, .stale = 1) {
    static gokore_waitgroup w;
    gokore_waitgroup_add(&w, 1);
    explore_go(waiter, &w);
    explore_go(waiter, &w);
    explore_go(worker_of_two, &w);
    explore_join();
    word_is(&w.sync_, 0);
}

// ---- semaphore
static void user(void *arg) {
    (void)arg;
    CHECK(gokore_semaphore_acquire(&permits, 1, NULL) == GOKORE_OK);
    CHECK(inside++ == 0);
    inside--;
    gokore_semaphore_release(&permits, 1);
}
static void user_of_two_with_context(void *arg) {
    (void)arg;
    answer = gokore_semaphore_acquire(&permits, 2, &ctx);
    if (answer == GOKORE_OK) gokore_semaphore_release(&permits, 2);
}
static void giver(void *arg) {
    gokore_semaphore_release(&permits, arg ? 2 : 1);
}
SCENARIO(semaphore, of_one_permit_excludes, .bound = 4, .stale = 1, .spurious = 1) {
    gokore_semaphore_release(&permits, 1);
    explore_go(user, NULL);
    explore_go(user, NULL);
    explore_go(user, NULL);
    explore_join();
    word_is(&permits.sync_, GOKORE_SYNC_ONE_);
}
SCENARIO(semaphore, who_asks_for_two_gets_them_from_two_givers, .bound = 4, .stale = 1, .spurious = 1) {
    explore_go(user_of_two_with_context, NULL);
    explore_go(giver, NULL);
    explore_go(giver, NULL);
    explore_join();
    CHECK(answer == GOKORE_OK);
    word_is(&permits.sync_, 2 * GOKORE_SYNC_ONE_);
}
SCENARIO(semaphore, a_cancelled_waiter_lets_those_behind_it_pass, .bound = 4, .stale = 1, .spurious = 1) {
    gokore_semaphore_release(&permits, 1);
    explore_go(user_of_two_with_context, NULL);
    explore_go(user, NULL);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(answer == GOKORE_CANCELED);
    word_is(&permits.sync_, GOKORE_SYNC_ONE_);
}
static void user_of_two_in_vain(void *arg) {
    (void)arg;
    answer = gokore_semaphore_acquire(&permits, 2, &ctx);
    CHECK(answer == GOKORE_CANCELED);
}
SCENARIO(semaphore, what_a_permit_carries_goes_through_who_leaves, .bound = 3, .stale = 1) {
    gokore_semaphore_release(&permits, 1);
    explore_go(user, NULL);
    explore_go(user_of_two_in_vain, NULL);
    explore_go(user, NULL);
    explore_go(canceller, NULL);
    explore_join();
    word_is(&permits.sync_, GOKORE_SYNC_ONE_);
}

// ---- slots: they wait by gokore_waiter_wait_ in a queue of their own
static void slots_user(void *arg) {
    gokore_context *c = arg;
    for (int i = 0; i < 2; i++) { // the second wait lies where the first one lay
        answer = gokore_slots_acquire(&slots, 1, c);
        if (answer == GOKORE_OK) gokore_slots_release(&slots, 1);
        c = NULL;
    }
}
SCENARIO(slots, a_cancelled_waiter_is_not_woken_any_more, .bound = 4, .stale = 1, .spurious = 1) {
    gokore_slots_init(&slots, 1);
    CHECK(gokore_slots_acquire(&slots, 1, NULL) == GOKORE_OK);
    explore_go(slots_user, &ctx);
    explore_go(canceller, NULL);
    gokore_slots_release(&slots, 1);
    explore_join();
    CHECK(answer == GOKORE_OK && gokore_slots_available(&slots) == 1 && slots.first_ == NULL);
}

// ---- context
static void context_waiter(void *arg) {
    CHECK(gokore_context_wait(arg) == GOKORE_CANCELED);
    CHECK(total == 1); // what happened before the cancel is seen
}
static void context_canceller(void *arg) {
    total = 1;
    gokore_context_cancel(arg);
}
static void canceller_that_writes(void *arg) {
    token = 7;
    canceller(arg);
}
SCENARIO(context, who_finds_it_cancelled_sees_what_was_done_before, .bound = 6, .stale = 2, .jumps = 1, .jump_ns = 2000000) {
    gokore_context_init_timeout(&ctx, NULL, 1000000);
    explore_go(canceller_that_writes, NULL);
    answer = gokore_context_status(&ctx);
    CHECK(answer != GOKORE_CANCELED || token == 7);
    explore_join();
    gokore_context_deinit(&ctx);
}
SCENARIO(context, may_be_freed_by_who_was_woken, .bound = 5, .stale = 2, .spurious = 1) {
    gokore_context *c = GOKORE_SEAM_ALLOC_(sizeof *c, 16);
    gokore_context_init(c, NULL);
    explore_go(context_canceller, c);
    CHECK(gokore_context_wait(c) == GOKORE_CANCELED && total == 1);
    gokore_context_deinit(c);
    GOKORE_SEAM_FREE_(c);
    explore_join();
}
static void child_user(void *arg) { // comes and goes while its parent is cancelled
    gokore_context child;
    gokore_context_init(&child, arg);
    gokore_status status = gokore_context_status(&child);
    CHECK(status == GOKORE_OK || status == GOKORE_CANCELED);
    gokore_context_deinit(&child);
}
SCENARIO(context, a_cancel_wakes_who_waits_and_shows_what_was_before, .bound = 6, .stale = 2, .spurious = 1) {
    explore_go(context_waiter, &ctx);
    explore_go(context_canceller, &ctx);
    explore_join();
    CHECK(ctx.waiters_ == NULL);
}
SCENARIO(context, a_cancel_reaches_a_childs_waiter, .bound = 6, .stale = 1, .spurious = 1) {
    gokore_context child;
    gokore_context_init(&child, &ctx);
    explore_go(context_waiter, &child);
    explore_go(context_canceller, &ctx);
    explore_join();
    gokore_context_deinit(&child);
    CHECK(ctx.child_ == NULL);
}
SCENARIO(context, cancel_against_init_and_deinit_of_children, .bound = 6, .stale = 1) {
    explore_go(child_user, &ctx);
    explore_go(child_user, &ctx);
    explore_go(canceller, NULL);
    explore_join();
    CHECK(ctx.child_ == NULL && gokore_context_status(&ctx) == GOKORE_CANCELED);
}
static void expiring_waiter(void *arg) {
    gokore_status status = gokore_context_wait(arg);
    CHECK(status == GOKORE_CANCELED || status == GOKORE_TIMEOUT);
    CHECK(gokore_context_status(arg) == status); // the first cause stays
}
SCENARIO(context, cancel_against_the_deadline, .bound = 6, .stale = 1, .spurious = 1, .expiries = 1, .jumps = 1) {
    gokore_context_init_timeout(&ctx, NULL, 1000);
    explore_go(expiring_waiter, &ctx);
    explore_go(expiring_waiter, &ctx);
    explore_go(canceller, NULL);
    explore_join();
    gokore_context_deinit(&ctx);
}
