// test_lockorder_more.c - gokore_lockorder.h: limits of holds, locks that go, which cycles are mild, levels, deep stacks and many
// locks, classes and names that are odd
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

TEST(hold, limit_of_a_pair_is_for_locks_that_were_both_taken_after_it_was_set) {
    watched();
    gokore_mutex l, r;
    of_class(&l, &left, "l"), of_class(&r, &right, "r");
    take(&l);
    gokore_lockorder_pair_limit("Left", "Right", 1);
    gokore_deadlock_watch_stop();
    take(&r), pass_time();
    gokore_mutex_unlock(&r);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
    gokore_mutex_unlock(&l);
    take(&l), take(&r), pass_time();
    gokore_mutex_unlock(&r), gokore_mutex_unlock(&l);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_HOLD_TIME));
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

static void hold_foreign(const void *lock) {
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(lock, NULL, GOKORE_LOCK_EXCLUSIVE));
    gokore_lockorder_acquired(lock, NULL, GOKORE_LOCK_EXCLUSIVE);
}
TEST(gone, foreign_locks_may_be_destroyed_unless_they_are_held) {
    watched();
    static int room[2];
    hold_foreign(&room[0]), hold_foreign(&room[1]);
    gokore_lockorder_released(&room[0]);
    gokore_lockorder_destroyed(&room[0]);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lockorder_destroyed(&room[1]); // by its holder
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
}
TEST(gone, memory_takes_what_was_learnt_of_its_locks_with_it) {
    watched();
    static gokore_mutex m[2];
    nest(&m[0], &m[1]);
    gokore_lockorder_forget(m, sizeof m); // nobody holds them
    memset(m, 0, sizeof m);
    nest(&m[1], &m[0]);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
}

// ---- cycles: what makes them mild, and what does not

static void nest_pair(void *pair) { nest(((gokore_mutex **)pair)[0], ((gokore_mutex **)pair)[1]); }
static gokore_rwlock gate;
static void nest_behind_gate(void *pair) {
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&gate, NULL));
    nest_pair(pair);
    gokore_rwlock_read_unlock(&gate);
}
TEST(cycle, behind_a_lock_that_was_also_only_read_is_none_that_a_gate_guards) {
    watched();
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT, *there[] = { &a, &b }, *back[] = { &b, &a };
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&gate, NULL));
    nest_pair(there);
    gokore_rwlock_write_unlock(&gate);
    nest_behind_gate(there); // says more than the first time: two may be here at once
    test_on_thread(nest_behind_gate, back);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_GATED));
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_INVERSION);
    REQUIRE(r != NULL);
    CHECK_INT(GOKORE_SEVERITY_ERROR, r->severity);
}
static const test_report *inversion_by_timed_waits(gokore_mutex *a, gokore_mutex *b) {
    test_reports_capture();
    take(b);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(a, HOUR));
    gokore_mutex_unlock(a), gokore_mutex_unlock(b);
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_INVERSION);
    REQUIRE(r != NULL);
    return r;
}
static void nest_timed(void *pair) {
    take(((gokore_mutex **)pair)[0]);
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(((gokore_mutex **)pair)[1], HOUR));
    gokore_mutex_unlock(((gokore_mutex **)pair)[1]), gokore_mutex_unlock(((gokore_mutex **)pair)[0]);
}
TEST(cycle, is_bounded_only_if_each_of_its_waits_gives_up) {
    watched();
    gokore_mutex a = GOKORE_MUTEX_INIT, b = GOKORE_MUTEX_INIT, c = GOKORE_MUTEX_INIT, d = GOKORE_MUTEX_INIT;
    test_on_thread(nest_pair, (gokore_mutex *[]) { &a, &b });
    CHECK(!strstr(inversion_by_timed_waits(&a, &b)->message, "bounded"));
    test_on_thread(nest_timed, (gokore_mutex *[]) { &c, &d });
    CHECK_CONTAINS("bounded", inversion_by_timed_waits(&c, &d)->message);
}

// ---- levels

enum { LEVELS = 4 };
typedef struct levels {
    const void *locks[LEVELS];
    int level[LEVELS]; // -1 = not told
} levels;
static void note_level(void *user, const void *lock, const char *name, int level) {
    levels *l = (levels *)user;
    CHECK(name && name[0]);
    for (int i = 0; i < LEVELS; i++)
        if (lock && l->locks[i] == lock) l->level[i] = level;
}
static levels levels_of(gokore_mutex *m) {
    levels l;
    for (int i = 0; i < LEVELS; i++) l.locks[i] = &m[i], l.level[i] = -1;
    gokore_lockorder_levels(note_level, &l);
    return l;
}
TEST(levels, are_the_longest_way_and_not_told_of_locks_that_are_gone) {
    watched();
    static gokore_mutex m[LEVELS];
    gokore_mutex gone = GOKORE_MUTEX_INIT;
    nest(&gone, &m[0]), nest(&m[0], &m[1]), nest(&m[1], &m[2]);
    nest(&m[3], &m[2]); // a shorter way to the same lock
    gokore_mutex_deinit(&gone);
    levels l = levels_of(m);
    static const int want[LEVELS] = { 0, 1, 2, 0 };
    for (int i = 0; i < LEVELS; i++) CHECK_INT(want[i], l.level[i]);
}
TEST(levels, of_a_cycle_rise_from_the_lock_that_fewest_lead_to) {
    watched();
    static gokore_mutex m[LEVELS];
    nest(&m[0], &m[1]), nest(&m[1], &m[2]), nest(&m[2], &m[0]);
    nest(&m[3], &m[0]), nest(&m[2], &m[3]); // to the first lead two
    levels l = levels_of(m);
    static const int want[LEVELS] = { 3, 0, 1, 2 };
    for (int i = 0; i < LEVELS; i++) CHECK_INT(want[i], l.level[i]);
}
TEST(instances, are_nodes_of_their_own_where_the_mode_says_so) {
    watched();
    gokore_lockorder_set_mode(GOKORE_LOCKORDER_BY_INSTANCE);
    static gokore_mutex m[LEVELS];
    for (int i = 0; i < LEVELS; i++) of_class(&m[i], &left, NULL);
    nest(&m[0], &m[1]), nest(&m[1], &m[2]);
    take(&m[3]), gokore_mutex_unlock(&m[3]); // alone
    levels l = levels_of(m);
    static const int want[LEVELS] = { 0, 1, 2, 0 };
    for (int i = 0; i < LEVELS; i++) CHECK_INT(want[i], l.level[i]);
    gokore_lock_graph g;
    bool shown = false;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    for (size_t i = 0; i < g.node_count; i++) shown |= g.nodes[i].address == (uintptr_t)&m[3];
    CHECK(shown); // seen, and without an edge
    CHECK_UINT(2, g.edge_count);
    gokore_lock_graph_deinit(&g);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
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
TEST(many, acquisitions_under_locks_of_one_class_count_whichever_of_them_is_held) {
    watched();
    enum { LOCKS = 5, TIMES = 4 };
    static gokore_mutex l[LOCKS];
    static int foreign;
    gokore_mutex r;
    of_class(&r, &right, "r");
    for (int i = 0; i < LOCKS; i++) of_class(&l[i], &left, NULL);
    for (int i = 0; i < TIMES * LOCKS; i++) {
        take(&l[i % LOCKS]);
        take(&r), gokore_mutex_unlock(&r);
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&foreign, &aside, GOKORE_LOCK_EXCLUSIVE));
        gokore_lockorder_acquired(&foreign, &aside, GOKORE_LOCK_EXCLUSIVE);
        gokore_lockorder_released(&foreign);
        gokore_mutex_unlock(&l[i % LOCKS]);
    }
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(2, g.edge_count);
    for (size_t i = 0; i < g.edge_count; i++) CHECK_UINT(TIMES * LOCKS, g.edges[i].weight);
    gokore_lock_graph_deinit(&g);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}
TEST(odd, classes_have_subclasses_however_long_their_names_are) {
    watched();
    static char name[400];
    memset(name, 'n', sizeof name - 1);
    gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT(name);
    gokore_mutex m[2] = { GOKORE_MUTEX_INIT_CLASS(&cls), GOKORE_MUTEX_INIT_CLASS(&cls) };
    for (uint32_t first = 1; first <= 2; first++) { // rising, then falling
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&m[0], first, NULL));
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&m[1], 3 - first, NULL));
        gokore_mutex_unlock(&m[1]), gokore_mutex_unlock(&m[0]);
    }
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}
typedef struct drawn {
    char text[4096];
    size_t len;
} drawn;
static gokore_status draw(void *user, const void *data, size_t len) {
    drawn *d = (drawn *)user;
    REQUIRE(len < sizeof d->text - d->len);
    memcpy(d->text + d->len, data, len);
    d->text[d->len += len] = 0;
    return GOKORE_OK;
}
TEST(odd, names_that_are_too_long_to_draw_are_cut_and_closed) {
    watched();
    static char name[1000];
    static drawn d;
    memset(name, 'n', sizeof name - 1);
    gokore_mutex a, b;
    of_class(&a, NULL, name), of_class(&b, NULL, "short");
    nest(&a, &b);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_STATUS(GOKORE_OK, gokore_lock_graph_write_json(&g, (gokore_writer) { draw, &d }));
    CHECK_CONTAINS("nnn\",\"numa_node\"", d.text);
    CHECK_CONTAINS("\"name\":\"short\"", d.text);
    CHECK(d.len < 900);
    gokore_lock_graph_deinit(&g);
}
