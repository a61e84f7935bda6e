// test_lockorder_more.c - gokore_lockorder.h: limits of holds, locks that go while they are held, deep stacks and many locks, classes
// that are odd
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/nested.h"
#include "support/test.h"
#include "support/watched.h"
#include "../gokore_sync.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define HOUR     INT64_C(3600000000000)

static void of_class(gokore_mutex *m, gokore_lock_class *cls, const char *name) {
    gokore_mutex_init(m, &(gokore_mutex_desc) { .lock_class = cls, .name = name });
}
static void pass_time(void) { (void)nanosleep(&(struct timespec) { 0, 100000 }, NULL); }

// ---- limits of holds: one of a nanosecond is always exceeded, one of an hour never

static gokore_lock_class left = GOKORE_LOCK_CLASS_INIT("Left"), right = GOKORE_LOCK_CLASS_INIT("Right");
static gokore_lock_class aside = GOKORE_LOCK_CLASS_INIT("Aside");
TEST(hold, limit_is_the_least_of_all_that_apply) {
    watched();
    gokore_mutex l, r;
    of_class(&l, &left, "l"), of_class(&r, &right, "r");
    gokore_lockorder_hold_limit(NULL, HOUR);
    gokore_lockorder_hold_limit("Left", 1);
    gokore_lockorder_hold_limit("Right", 2 * HOUR);
    gokore_deadlock_watch_stop();
    take(&r), pass_time(), gokore_mutex_unlock(&r);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    take(&l), pass_time(), gokore_mutex_unlock(&l);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    CHECK_CONTAINS("of its class", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
    gokore_lockorder_hold_limit("Left", 0); // none again
    take(&l), pass_time(), gokore_mutex_unlock(&l);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
}
TEST(hold, limit_of_a_pair_is_for_that_pair_whichever_goes_first) {
    watched();
    gokore_mutex l, r, other, plain = GOKORE_MUTEX_INIT;
    of_class(&l, &left, "l"), of_class(&r, &right, "r"), of_class(&other, &aside, "o");
    gokore_lockorder_hold_limit(NULL, HOUR);
    gokore_lockorder_bless("Left", "Right"); // the way round does not matter here
    gokore_lockorder_pair_limit("Aside", "Nobody", 1);
    gokore_lockorder_pair_limit("Left", "Right", 1);
    gokore_deadlock_watch_stop();
    take(&plain), take(&other), take(&l), pass_time();
    gokore_mutex_unlock(&l), gokore_mutex_unlock(&other), gokore_mutex_unlock(&plain);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    take(&plain), take(&l), take(&r), pass_time();
    gokore_mutex_unlock(&r);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    CHECK_CONTAINS("of the pair", test_reports_find(GOKORE_REPORT_LOCK_HOLD_TIME)->message);
    gokore_mutex_unlock(&l), gokore_mutex_unlock(&plain); // alone by now
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    take(&r), take(&l), pass_time();
    gokore_mutex_unlock(&l), gokore_mutex_unlock(&r);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    gokore_lockorder_pair_limit("Left", "Right", HOUR);
    take(&r), take(&l), pass_time();
    gokore_mutex_unlock(&l), gokore_mutex_unlock(&r);
    gokore_lockorder_pair_limit("Left", "Right", 0); // none again
    take(&r), take(&l), pass_time();
    gokore_mutex_unlock(&l), gokore_mutex_unlock(&r);
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
}

// ---- locks that go while they are held

static void destroy_it(void *m) { gokore_mutex_deinit((gokore_mutex *)m); }
TEST(gone, locks_that_others_destroy_while_they_are_held_count_no_more) {
    watched();
    gokore_mutex a, b, c;
    of_class(&a, NULL, "a"), of_class(&b, NULL, "b"), of_class(&c, NULL, "c");
    nest(&b, &a);
    take(&a);
    test_on_thread(destroy_it, &a);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    take(&b); // no inversion: what is held is gone
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&c));
    take(&c);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    gokore_lockorder_exempt("Left", "Right", "Aside");
    gokore_mutex l;
    of_class(&l, &left, "l");
    take(&l), gokore_mutex_unlock(&l);
    gokore_mutex_unlock(&c), gokore_mutex_unlock(&b);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

// ---- many, deep, odd

enum { MANY = 70 };
static gokore_lock_class rung = GOKORE_LOCK_CLASS_INIT("Rung");
static void *climb(void *unused) { // holds more than most threads do, and ends
    static gokore_mutex m[MANY];
    gokore_lockorder_bless("Rung", "Rung");
    gokore_lockorder_exempt("NetworkWriter", "Rung", "Nobody");
    for (int i = 0; i < MANY; i++) of_class(&m[i], &rung, NULL), take(&m[i]);
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&w));
    take(&w), gokore_mutex_unlock(&w);
    CHECK_UINT(MANY, gokore_lockorder_held(NULL, 0));
    for (int i = MANY; i-- > 0;) gokore_mutex_unlock(&m[i]);
    return unused;
}
TEST(many, locks_may_be_held_by_a_thread_that_ends) {
    watched();
    for (int i = 0; i < 2; i++) {
        pthread_t t;
        REQUIRE(pthread_create(&t, NULL, climb, NULL) == 0 && pthread_join(t, NULL) == 0);
    }
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
static unsigned sink;
__attribute__((noinline)) static void nest_below(int depth, gokore_mutex *a, gokore_mutex *b) {
    if (depth > 0) nest_below(depth - 1, a, b);
    else nest(a, b);
    sink++; // no tail call
}
TEST(deep, stacks_are_cut_and_the_finding_is_whole) {
    watched();
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT;
    nest_below(60, &a, &b);
    nest_below(60, &b, &a);
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_INVERSION);
    REQUIRE(r != NULL);
    CHECK_UINT(32, r->stack_depth);
    CHECK(r->other_stack_depth > 0 && r->other_stack_depth <= 32);
}
TEST(odd, classes_without_a_name_and_with_a_long_one_are_classes) {
    watched();
    static gokore_lock_class nameless = GOKORE_LOCK_CLASS_INIT(NULL);
    static gokore_lock_class lengthy = GOKORE_LOCK_CLASS_INIT(
            "A.class.whose.name.is.longer.than.any.that.a.rule.could.have.and.than.most.buffers.would"
            ".hold.if.they.were.not.looked.after.by.somebody.who.has.thought.of.it.beforehand.and.well");
    gokore_mutex n[2] = { GOKORE_MUTEX_INIT_CLASS(&nameless), GOKORE_MUTEX_INIT_CLASS(&nameless) };
    gokore_mutex l[2] = { GOKORE_MUTEX_INIT_CLASS(&lengthy), GOKORE_MUTEX_INIT_CLASS(&lengthy) };
    nest(&n[0], &n[1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION)); // two of one class
    for (uint32_t first = 0; first < 2; first++) {                   // subclass 0 is the class
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&l[0], first, NULL));
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&l[1], first + 1, NULL));
        gokore_mutex_unlock(&l[1]), gokore_mutex_unlock(&l[0]);
    }
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(odd, foreign_locks_may_be_named_again_and_their_memory_be_a_lock_of_ours) {
    watched();
    static _Alignas(16) gokore_mutex room;
    static gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT("Foreign");
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&room, &cls, GOKORE_LOCK_EXCLUSIVE));
        gokore_lockorder_acquired(&room, &cls, GOKORE_LOCK_EXCLUSIVE);
        gokore_lockorder_released(&room);
    }
    gokore_mutex_init(&room, &(gokore_mutex_desc) { .name = "ours" }); // never destroyed before
    gokore_mutex other = GOKORE_MUTEX_INIT;
    nest(&room, &other);
    gokore_mutex_deinit(&room);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&room, &cls, GOKORE_LOCK_EXCLUSIVE));
    gokore_lockorder_acquired(&room, &cls, GOKORE_LOCK_EXCLUSIVE);
    gokore_lockorder_released(&room);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(pod, is_named_where_it_is_known) {
    watched();
    static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter"), gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate");
    gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui);
    gokore_report_identity_("container-1", "pod-7");
    nest(&g, &w);
    gokore_report_identity_(NULL, NULL);
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_ORDER);
    REQUIRE(r != NULL);
    CHECK_CONTAINS("pod:pod-7", r->message);
}
