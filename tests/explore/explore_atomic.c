// What gokore_atomic.h builds on its atomics: waiting and notifying, the latch, reference counts, the sequence lock of its manual.
#define GOKORE_IMPLEMENTATION
#include "gokore_atomic.h"

#include "explore.h"

static gokore_atomic_u32 word;
static gokore_atomic_u64 wide;
static gokore_atomic_u8 narrow[1024];
static int payload, total;

// ---- wait and notify: relaxed stores before the notify, so that only its own fences keep the wake-up
static void wait_word(void *arg) {
    (void)arg;
    gokore_atomic_wait(&word, 0);
    total++;
}
static void notify_word(void *arg) {
    (void)arg;
    gokore_atomic_store_relaxed(&word, 1);
    gokore_atomic_notify_one(&word);
}
static void wait_wide(void *arg) {
    (void)arg;
    gokore_atomic_wait(&wide, 0);
}
static void notify_wide(void *arg) {
    (void)arg;
    gokore_atomic_store_relaxed(&wide, 1);
    gokore_atomic_notify_one(&wide);
}
static void wait_narrow(void *arg) { gokore_atomic_wait(&narrow[*(int *)arg], 0); }
static void notify_narrow(void *arg) {
    gokore_atomic_store_relaxed(&narrow[*(int *)arg], 1);
    gokore_atomic_notify_one(&narrow[*(int *)arg]);
}
static void notify_all(void *arg) {
    (void)arg;
    gokore_atomic_store_relaxed(&wide, 1);
    gokore_atomic_notify_all(&wide);
}
static void wait_until(void *arg) {
    gokore_status status = gokore_atomic_wait_until(&word, 0, gokore_now_ns() + 1000);
    CHECK(status == GOKORE_OK || status == GOKORE_TIMEOUT);
    *(gokore_status *)arg = status;
}
SCENARIO(wait, a_notify_of_four_bytes_is_not_lost, .bound = 6, .stale = 3, .spurious = 1) {
    explore_go(wait_word, NULL);
    explore_go(notify_word, NULL);
    explore_join();
    CHECK(total == 1);
}
SCENARIO(wait, a_notify_of_eight_bytes_is_not_lost, .bound = 6, .stale = 3, .spurious = 1) {
    explore_go(wait_wide, NULL);
    explore_go(notify_wide, NULL);
    explore_join();
}
SCENARIO(wait, a_notify_of_one_byte_among_others_is_not_lost, .bound = 4, .stale = 1) {
    static int zero = 0, one = 1;
    while (gokore_atomic_place_(&narrow[one]) != gokore_atomic_place_(&narrow[0])) one++; // they sleep in one place
    explore_go(wait_narrow, &zero);
    explore_go(wait_narrow, &one);
    explore_go(notify_narrow, &one);
    explore_go(notify_narrow, &zero);
    explore_join();
}
SCENARIO(wait, a_notify_wakes_all, .bound = 4, .stale = 1) {
    explore_go(wait_wide, NULL);
    explore_go(wait_wide, NULL);
    explore_go(notify_all, NULL);
    explore_join();
}
SCENARIO(wait, ends_with_its_deadline, .bound = 6, .stale = 1, .expiries = 1, .spurious = 1, .jumps = 1) {
    gokore_status status = GOKORE_OK;
    explore_go(wait_until, &status);
    explore_join();
    CHECK(status == GOKORE_TIMEOUT);
}
SCENARIO(wait, a_deadline_against_a_notify, .bound = 6, .stale = 1, .expiries = 1, .spurious = 1) {
    gokore_status status = GOKORE_OK;
    explore_go(wait_until, &status);
    explore_go(notify_word, NULL);
    explore_join();
}

// ---- latch
static gokore_latch_ latch;
static void latched(void *arg) {
    (void)arg;
    gokore_latch_lock_(&latch);
    CHECK(payload++ == 0);
    total++;
    payload--;
    gokore_latch_unlock_(&latch);
}
static void latched_twice(void *arg) {
    latched(arg);
    latched(arg);
}
SCENARIO(latch, two_threads_twice, .bound = 8, .stale = 2, .spurious = 1) {
    explore_go(latched_twice, NULL);
    explore_go(latched_twice, NULL);
    explore_join();
    CHECK(total == 4 && gokore_atomic_load_relaxed(&latch.word_) == 0);
}
SCENARIO(latch, three_threads, .bound = 6, .stale = 1, .spurious = 1) {
    explore_go(latched, NULL);
    explore_go(latched, NULL);
    explore_go(latched, NULL);
    explore_join();
    CHECK(total == 3 && gokore_atomic_load_relaxed(&latch.word_) == 0);
}

// ---- reference count
typedef struct object {
    gokore_refcount references;
    int a, b;
} object;
static void drop(object *o) {
    if (!gokore_refcount_dec(&o->references)) return;
    total += o->a + o->b;
    GOKORE_SEAM_FREE_(o);
}
static void user_a(void *arg) {
    object *o = arg;
    o->a = 1;
    drop(o);
}
static void user_b(void *arg) {
    object *o = arg;
    o->b = 2;
    gokore_refcount_inc(&o->references);
    drop(o);
    drop(o);
}
static object *object_new(uint32_t references) {
    object *o = GOKORE_SEAM_ALLOC_(sizeof *o, 16);
    *o = (object) { .a = 0 };
    gokore_refcount_init(&o->references, references);
    return o;
}
SCENARIO(refcount, the_last_drop_sees_all_and_frees_once, .bound = 8, .stale = 3) {
    object *o = object_new(2);
    explore_go(user_a, o);
    explore_go(user_b, o);
    explore_join();
    CHECK(total == 3);
}
SCENARIO(refcount, three_drops, .bound = 6, .stale = 2) {
    object *o = object_new(3);
    explore_go(user_a, o);
    explore_go(user_b, o);
    drop(o);
    explore_join();
    CHECK(total == 3);
}
static object *still;
static void last_drop(void *arg) {
    object *o = arg;
    if (gokore_refcount_dec(&o->references)) o->a = 7; // nobody else may use it: no lock, no race
}
static void first_use(void *arg) {
    object *o = arg;
    if (!gokore_refcount_inc_not_zero(&o->references)) return;
    CHECK(o->a == 1);
    if (gokore_refcount_dec(&o->references)) o->a = 7;
}
SCENARIO(refcount, none_is_taken_of_a_dead_object, .bound = 8, .stale = 3) {
    still = object_new(1);
    still->a = 1;
    explore_go(last_drop, still);
    explore_go(first_use, still);
    explore_join();
    CHECK(still->a == 7);
    GOKORE_SEAM_FREE_(still);
}

static void writer(void *arg) {
    object *o = arg;
    o->a = 1;
    drop(o);
}
static void late_finder(void *arg) {
    object *o = arg;
    if (gokore_refcount_read(&o->references) != 1 || !gokore_refcount_inc_not_zero(&o->references)) return;
    CHECK(o->a == 1);
    drop(o);
}
SCENARIO(refcount, who_finds_an_object_sees_what_others_did_before_their_drop, .bound = 8, .stale = 3) {
    object *o = object_new(2);
    explore_go(writer, o);
    explore_go(late_finder, o);
    explore_join();
    drop(o);
}

// ---- the recipes of the manual
static gokore_atomic_u32 count, data[2];
static void seq_writer(void *arg) {
    (void)arg;
    uint32_t n = gokore_atomic_load_relaxed(&count);
    gokore_atomic_store_relaxed(&count, n + 1);
    gokore_atomic_fence_release();
    gokore_atomic_store_relaxed(&data[0], n + 1);
    gokore_atomic_store_relaxed(&data[1], n + 1);
    gokore_atomic_store_release(&count, n + 2);
}
static void seq_reader(void *arg) {
    (void)arg;
    uint32_t n = gokore_atomic_load_acquire(&count);
    uint32_t a = gokore_atomic_load_relaxed(&data[0]), b = gokore_atomic_load_relaxed(&data[1]);
    gokore_atomic_fence_acquire();
    if ((n & 1) == 0 && n == gokore_atomic_load_relaxed(&count)) CHECK(a == b);
}
static void seq_writer_twice(void *arg) {
    seq_writer(arg);
    seq_writer(arg);
}
SCENARIO(manual, a_sequence_lock_shows_no_half_written_data, .bound = 8, .stale = 4) {
    explore_go(seq_writer_twice, NULL);
    explore_go(seq_reader, NULL);
    explore_join();
}
static void once_caller(void *arg) {
    (void)arg;
    if (gokore_atomic_cas_acquire(&word, 0, 1)) {
        payload = 1;
        gokore_atomic_store_release(&word, 2);
        gokore_atomic_notify_all(&word);
    } else {
        while (gokore_atomic_load_acquire(&word) != 2) gokore_atomic_wait(&word, 1);
    }
    CHECK(payload == 1);
}
SCENARIO(manual, a_once_flag, .bound = 5, .stale = 2) {
    explore_go(once_caller, NULL);
    explore_go(once_caller, NULL);
    explore_join();
}
