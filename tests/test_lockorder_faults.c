// test_lockorder_faults.c - gokore_lockorder.h without memory: each allocation fails in turn; that memory is missing is told, locks
// go on, nobody is accused of what was not seen
#include "support/seam.h"
static void *allocate(size_t size, size_t align);
#define GOKORE_SEAM_ALLOC_(size, align)                     allocate((size), (align))
#define GOKORE_SEAM_FREE_(p)                                gokore_heap_free_(p)
#define GOKORE_UNHEARD_(word)                               (void)0
#undef GOKORE_LOCKORDER
#define GOKORE_LOCKORDER 1
#undef GOKORE_POLICY
#define GOKORE_POLICY 1
#define GOKORE_RULES "whole: Uno > Due > Tre; no names at all; cut: Quattro > Cinque > ! > Sei; last: Sette>Otto"
#define GOKORE_IMPLEMENTATION
#include "../gokore.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRIDE 29 // of the allocations that fail: each has a process of its own, and there they take long
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define STRIDE 29
#endif
#endif
#ifndef STRIDE
#define STRIDE 1
#endif

static struct { // the checker's own thread looks at it, too
    _Atomic uint64_t calls, nth; // nth fails, 0 = none
    _Atomic bool once;           // and no later one
} memory;
static void *allocate(size_t size, size_t align) {
    uint64_t n = ++memory.calls, nth = memory.nth;
    return nth && (memory.once ? n == nth : n >= nth) ? NULL : gokore_heap_alloc_(size, align);
}
static void set_memory(uint64_t nth, bool once) {
    memory.once = once;
    memory.calls = 0;
    memory.nth = nth;
}

// ---- right programs, that use all of the checker; each call says whether it had the memory

static gokore_status first_of(gokore_status a, gokore_status b) { return a != GOKORE_OK ? a : b; }
static void see_level(void *user, const void *lock, const char *name, int level) {
    (void)lock;
    CHECK(name != NULL && level >= 0);
    *(unsigned *)user += 1;
}
static gokore_status write_nowhere(void *user, const void *text, size_t len) {
    (void)text;
    *(size_t *)user += len;
    return GOKORE_OK;
}
static void take(gokore_mutex *m) { REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL)); }
static gokore_status say_nothing(const gokore_deadlock *d, gokore_resolution *out, void *user) {
    (void)d, (void)out, (void)user;
    return GOKORE_NOT_FOUND;
}

static gokore_status use_rules(void) {
    static const char *const first[] = { "Alpha", "Beta", "Gamma" }, *const second[] = { "Gamma", "Delta", "Epsilon", "Zeta" };
    gokore_status s = gokore_lockorder_add_rule("first", first, COUNT(first));
    s = first_of(s, gokore_lockorder_add_rule("second", second, COUNT(second)));
    gokore_lockorder_exempt("Map", "Alpha", "Beta");
    gokore_lockorder_pair_limit("Alpha", "Delta", INT64_MAX / 2);
    gokore_lockorder_hold_limit("Beta", INT64_MAX / 2);
    gokore_lockorder_bless("Map", "Map");
    gokore_lock_verdict v;
    gokore_status verdict = gokore_lockorder_check_names((const char *const[]) { "Zeta" }, 1, "Alpha", &v);
    if (s == GOKORE_OK) { // both rules are there, or none is lost by half
        CHECK_STATUS(GOKORE_ORDER, verdict);
        CHECK(!v.ok);
    }
    unsigned levels = 0;
    gokore_lockorder_levels(see_level, &levels);
    return s;
}
static gokore_policy_set *manifest; // loaded while there was memory
static gokore_status use_manifest(void) {
    gokore_status s = gokore_lockorder_load(manifest);
    gokore_status held = gokore_lockorder_check_names((const char *const[]) { "Zwei" }, 1, "Eins", NULL);
    CHECK_STATUS(s == GOKORE_OK ? GOKORE_ORDER : GOKORE_OK, held); // whole or not at all
    return s;
}
enum { MANY = 40 };
static gokore_lock_class first_class = GOKORE_LOCK_CLASS_INIT("First"), second_class = GOKORE_LOCK_CLASS_INIT("Second");
static gokore_status use_locks(void) {
    static gokore_mutex outer, many[MANY], ranked[3];
    static gokore_rwlock rw;
    static int foreign;
    gokore_mutex_init(&outer, &(gokore_mutex_desc) { .lock_class = &first_class, .name = "outer", .rank = 1 });
    gokore_rwlock_init(&rw, NULL);
    for (int i = 0; i < MANY; i++) gokore_mutex_init(&many[i], &(gokore_mutex_desc) { .name = i % 2 ? "one of many" : NULL });
    for (int i = 0; i < 3; i++) gokore_mutex_init(&ranked[i], &(gokore_mutex_desc) { .lock_class = &second_class });
    take(&outer);
    for (int i = 0; i < 20; i++) { // all under one
        take(&many[i]);
        gokore_mutex_unlock(&many[i]);
    }
    for (int i = 0; i < MANY; i++) take(&many[i]); // deep
    for (int i = MANY; i-- > 0;) gokore_mutex_unlock(&many[i]);
    CHECK_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&rw, NULL));
    gokore_rwlock_read_unlock(&rw);
    for (uint32_t i = 0; i < 3; i++) REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&ranked[i], i, NULL));
    for (int i = 3; i-- > 0;) gokore_mutex_unlock(&ranked[i]);
    gokore_lockorder_pin(&outer);
    gokore_lockorder_unpin(&outer);
    gokore_mutex_unlock(&outer);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&foreign, &first_class, GOKORE_LOCK_EXCLUSIVE));
    gokore_lockorder_acquired(&foreign, &first_class, GOKORE_LOCK_EXCLUSIVE);
    gokore_lockorder_released(&foreign);
    gokore_lockorder_destroyed(&foreign);
    CHECK(!gokore_mutex_is_held(&outer));
    return GOKORE_OK;
}
static gokore_status use_graph(void) {
    gokore_lock_graph g;
    size_t written = 0;
    const gokore_writer out = { write_nowhere, &written };
    gokore_status s = gokore_lockorder_graph(&g);
    if (s != GOKORE_OK) return CHECK_UINT(0, g.node_count + g.edge_count), s;
    s = first_of(gokore_lock_graph_write_dot(&g, out), gokore_lock_graph_write_mermaid(&g, out));
    s = first_of(s, gokore_lock_graph_write_json(&g, out));
    gokore_lock_graph_deinit(&g);
    CHECK(s != GOKORE_OK || written > 100);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    CHECK_UINT(0, gokore_deadlock_potential(NULL, 0));
    return s;
}
static gokore_status use_strategies(void) {
    gokore_status s = gokore_deadlock_register_strategy("quiet", say_nothing, NULL);
    s = first_of(s, gokore_deadlock_register_strategy("other", say_nothing, NULL));
    CHECK_STATUS(GOKORE_OK, gokore_deadlock_register_strategy("quiet", NULL, NULL)); // removing asks for nothing
    CHECK_UINT(0, gokore_deadlock_check(NULL, 0));
    return s;
}
// ---- each allocation failing in turn, each in a process of its own: what is made once is kept for the process

typedef struct fault {
    gokore_status (*use)(void), (*prepare)(void); // prepare: what there was memory for before; may be NULL
    uint64_t nth;
    bool once;
} fault;
static void forget_all(void) {
    gokore_lockorder_reset();
    gokore_lockorder_hold_limit(NULL, INT64_MAX); // machines may be slow
}
static void use_with_fault(void *arg) {
    const fault *f = (const fault *)arg;
    test_reports_capture();
    gokore_lockorder_hold_limit(NULL, INT64_MAX);
    if (f->prepare) CHECK_STATUS(GOKORE_OK, f->prepare());
    set_memory(f->nth, f->once);
    gokore_status s = f->use();
    bool reached = memory.calls >= f->nth;
    set_memory(0, false);
    CHECK(s == GOKORE_OK || (s == GOKORE_NO_MEMORY && reached));
    // nobody did wrong: no report but those of missing memory
    CHECK_UINT(test_reports_count(GOKORE_REPORT_LOCK_TABLE), test_reports_count(GOKORE_REPORT_NONE));
    forget_all();
    CHECK_STATUS(GOKORE_OK, use_rules()); // with memory again everything is there again
    if (f->prepare) CHECK_STATUS(GOKORE_OK, f->prepare());
    CHECK_STATUS(GOKORE_OK, f->use());
    if (!reached) printf("none failed\n");
}
static unsigned fail_each(fault f) {
    static char out[4096];
    for (f.nth = 1; f.nth < 3000; f.nth += STRIDE) {
        CHECK_INT(0, test_in_child(use_with_fault, &f, out, sizeof out));
        if (strstr(out, "none failed")) return (unsigned)f.nth - 1;
        if (out[0]) printf("allocation %llu%s:\n%s", (unsigned long long)f.nth, f.once ? "" : " and all later", out);
    }
    return 0;
}
static const char text[] = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: a}\n"
                           "spec: {qosClass: Burstable, hierarchyRules: [{name: r, order: [Eins, Zwei, Drei]}],\n"
                           "  exemptions: [{lockClass: Map, from: Eins, to: Zwei}], pairLimits: [{a: Eins, b: Drei, maxHoldTime: 40ms}]}\n";
static void fail_both_ways(gokore_status (*use)(void), gokore_status (*prepare)(void), unsigned least) {
    if (!manifest) REQUIRE_STATUS(GOKORE_OK, gokore_policy_load(&manifest, text, sizeof text - 1, "a.yaml", NULL));
    unsigned later = fail_each((fault) { .use = use, .prepare = prepare, .once = false });
    unsigned one = fail_each((fault) { .use = use, .prepare = prepare, .once = true });
    CHECK(later >= least && one >= least);
    test_note("%u refusals", later + one);
}
TEST(without_memory, rules_are_there_or_the_call_says_not) { fail_both_ways(use_rules, NULL, 5); }
TEST(without_memory, a_manifest_is_loaded_whole_or_not_at_all) { fail_both_ways(use_manifest, NULL, 3); }
TEST(without_memory, locks_go_on_and_nobody_is_accused) { fail_both_ways(use_locks, NULL, 5); }
TEST(without_memory, a_graph_is_whole_or_empty) { fail_both_ways(use_graph, use_locks, 3); }
TEST(without_memory, strategies_are_there_or_the_call_says_not) { fail_both_ways(use_strategies, NULL, 2); }

// ---- rules of the build that can't be read

static bool comes_first(const char *first, const char *second) {
    return gokore_lockorder_check_names(&second, 1, first, NULL) == GOKORE_ORDER &&
           gokore_lockorder_check_names(&first, 1, second, NULL) == GOKORE_OK;
}
TEST(compiled, rules_leave_out_what_cannot_be_read) {
    CHECK(comes_first("Uno", "Due"));
    CHECK(comes_first("Uno", "Tre"));
    CHECK(comes_first("Quattro", "Cinque"));
    CHECK(!comes_first("Cinque", "Sei"));
    CHECK(comes_first("Sette", "Otto"));
    CHECK(!comes_first("Tre", "Quattro"));
}
