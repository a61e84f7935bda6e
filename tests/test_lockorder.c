// test_lockorder.c - gokore_lockorder.h: rules, what is learnt from programs of locks, what is told, denied, fatal
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"
#include "../gokore_sync.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <unwind.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// Where locks are watched and violations only reported; the deny and abort variants have tests of their own below.
static void watched(void) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=0");
    gokore_lockorder_hold_limit(NULL, INT64_MAX); // machines may be slow
}

// Classes of a compiled rule: the writer comes first.
static gokore_lock_class writer = GOKORE_LOCK_CLASS_INIT("NetworkWriter");
static gokore_lock_class gui = GOKORE_LOCK_CLASS_INIT("GUIUpdate");

static void take(gokore_mutex *m) { REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(m, NULL)); }
static void give(gokore_mutex *m) { gokore_mutex_unlock(m); }
static void name_it(gokore_mutex *m, const char *name) {
    gokore_mutex_init(m, &(gokore_mutex_desc) { .name = name });
}

// ---- programs of locks, as the case files write them: L(a) lock, U(a) unlock, T(a) try-lock, destroy(a), init(a);
// AB is L(a)L(b)U(b)U(a); | begins the next thread, started after the one before was joined. What a thread still
// holds at its end it unlocks, newest first.

enum { LOCKS = 26 };
typedef struct program {
    gokore_mutex lock[LOCKS];
    gokore_lock_class *cls[LOCKS];
    bool nameless;
    gokore_mutex *held[64];
    size_t held_count;
    gokore_status last; // of the last L or T
    const char *text;   // of the thread that runs
} program;

static void program_init(program *p, int i) {
    char name[2] = { (char)('a' + i), 0 };
    gokore_mutex_desc desc = { .lock_class = p->cls[i], .name = p->nameless || p->cls[i] ? NULL : name };
    gokore_mutex_init(&p->lock[i], &desc);
}
static program *program_new(void) {
    static program p;
    p = (program) { .held_count = 0 };
    for (int i = 0; i < LOCKS; i++) program_init(&p, i);
    return &p;
}
static gokore_mutex *program_drop(program *p, gokore_mutex *m) {
    size_t at = p->held_count;
    while (at > 0 && p->held[at - 1] != m) at--;
    if (at > 0) memmove(&p->held[at - 1], &p->held[at], (--p->held_count - (at - 1)) * sizeof p->held[0]);
    return m;
}
static void program_op(program *p, char op, int i) {
    gokore_mutex *m = &p->lock[i];
    switch (op) {
    case 'L': p->last = gokore_mutex_lock(m, NULL); break;
    case 'T': p->last = gokore_mutex_try_lock(m, 0); break;
    case 'U': gokore_mutex_unlock(program_drop(p, m)); return;
    case 'd': gokore_mutex_deinit(program_drop(p, m)); return;
    case 'i': program_drop(p, m), program_init(p, i); return;
    default: REQUIRE(op == 'L'); // no such operation
    }
    if (p->last == GOKORE_OK) p->held[p->held_count++] = m;
}
static void program_thread(void *arg) {
    program *p = (program *)arg;
    for (const char *c = p->text; *c && *c != '|'; c++) {
        if (*c == ' ') continue;
        const char *open = strchr(c, '(');
        if (open == c + 1 || (open && (strncmp(c, "destroy", 7) == 0 || strncmp(c, "init", 4) == 0))) {
            program_op(p, *c, open[1] - 'a');
            c = open + 2;
        } else {
            int a = c[0] - 'A', b = c[1] - 'A';
            REQUIRE(a >= 0 && a < LOCKS && b >= 0 && b < LOCKS);
            program_op(p, 'L', a), program_op(p, 'L', b), program_op(p, 'U', b), program_op(p, 'U', a);
            c++;
        }
    }
    while (p->held_count) gokore_mutex_unlock(program_drop(p, p->held[p->held_count - 1]));
}
static void program_run(program *p, const char *text) {
    for (p->text = text; p->text; p->text = strchr(p->text, '|')) {
        if (*p->text == '|') p->text++;
        test_on_thread(program_thread, p);
    }
}

// ---- rules, in every build

static bool in_order(const char *first, const char *second) { // a rule wants first before second
    const char *held[] = { second };
    return gokore_lockorder_check_names(held, 1, first, NULL) == GOKORE_ORDER;
}
static gokore_status rule(const char *name, const char *a, const char *b, const char *c) {
    const char *order[] = { a, b, c };
    return gokore_lockorder_add_rule(name, order, c ? 3 : 2);
}

static const char *const chains[3][6] = {
    { "network", "NetworkWriter", "AIDecision", "EntityCache", "RenderState", "GUIUpdate" },
    { "packet", "PacketParser", "SkillQueue", "Inventory" },
    { "protocol", "PacketParser", "SessionManager", "CryptoLayer", "TrafficAnalyzer" },
};
static void check_compiled_chains(void) {
    for (size_t k = 0; k < COUNT(chains); k++)
        for (size_t i = 1; i < 6 && chains[k][i]; i++)
            for (size_t j = i + 1; j < 6 && chains[k][j]; j++) {
                const char *held[] = { chains[k][j] };
                gokore_lock_verdict v = { .ok = true };
                CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(held, 1, chains[k][i], &v));
                CHECK(!v.ok);
                CHECK_PTR(held[0], v.held);
                CHECK_PTR(chains[k][i], v.wanted);
                CHECK_STR(chains[k][0], v.rule);
                held[0] = chains[k][i];
                CHECK_STATUS(GOKORE_OK, gokore_lockorder_check_names(held, 1, chains[k][j], &v));
                CHECK(v.ok);
            }
}

TEST(rules, compiled_chains_are_known_with_all_that_follows_from_them) { check_compiled_chains(); }

TEST(rules, classes_that_nothing_relates_may_nest_either_way) {
    static const char *const pairs[][2] = { { "SkillQueue", "SessionManager" }, { "NetworkWriter", "PacketParser" },
                                            { "Inventory", "TrafficAnalyzer" }, { "GUIUpdate", "Unheard.of" },
                                            { "Unheard.of", "Never-seen_2" },   { "AIDecision", "AIDecision" } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        CHECK(!in_order(pairs[i][0], pairs[i][1]));
        CHECK(!in_order(pairs[i][1], pairs[i][0]));
    }
}

TEST(rules, check_names_looks_at_everything_that_is_held) {
    const char *held[] = { "Unheard.of", "NetworkWriter", "RenderState", "GUIUpdate" };
    gokore_lock_verdict v;
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_check_names(NULL, 0, "NetworkWriter", &v));
    CHECK(v.ok);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_check_names(held, 2, "EntityCache", NULL));
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(held, 3, "EntityCache", NULL));
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(held, 4, "EntityCache", &v));
    CHECK_PTR(held[2], v.held);
    CHECK_STR("network", v.rule);
}

TEST(rules, added_ones_join_the_others_into_one_order) {
    REQUIRE_STATUS(GOKORE_OK, rule("bridge", "GUIUpdate", "PacketParser", NULL));
    REQUIRE_STATUS(GOKORE_OK, rule("tail", "TrafficAnalyzer", "Archive", NULL));
    CHECK(in_order("NetworkWriter", "Archive"));
    CHECK(in_order("RenderState", "Inventory"));
    CHECK(!in_order("Archive", "NetworkWriter"));
    CHECK(!in_order("Inventory", "Archive"));
    check_compiled_chains();
}

TEST(rules, bad_ones_are_invalid_and_change_nothing) {
    static const char *const bad[] = { "", " ", "A B", "A>B", "A;", "A:", "caf\xc3\xa9", "A\n", "A/B", NULL };
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_STATUS(GOKORE_INVALID, rule("r", "First", bad[i], "Last"));
        CHECK_STATUS(GOKORE_INVALID, rule("r", bad[i], "First", "Last"));
        CHECK_STATUS(GOKORE_INVALID, rule("r", "First", "Last", bad[i] ? bad[i] : "A,B"));
    }
    const char *one[] = { "First", "Last" };
    CHECK_STATUS(GOKORE_INVALID, gokore_lockorder_add_rule("r", one, 0));
    CHECK_STATUS(GOKORE_INVALID, gokore_lockorder_add_rule("r", one, 1));
    CHECK_STATUS(GOKORE_INVALID, gokore_lockorder_add_rule("r", NULL, 2));
    CHECK_STATUS(GOKORE_INVALID, gokore_lockorder_add_rule(NULL, one, 2));
    CHECK(!in_order("First", "Last"));
    CHECK_STATUS(GOKORE_OK, rule("r", "A.b-c_9", "0", NULL));
    CHECK(in_order("A.b-c_9", "0"));
}

static void check_refused(const char *name, const char *first, const char *second, const char *other) {
    test_reports_capture();
    CHECK_STATUS(GOKORE_ORDER, rule(name, first, second, NULL));
    REQUIRE(test_reports_count(GOKORE_REPORT_POLICY) == 1);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    char quoted[64];
    (void)snprintf(quoted, sizeof quoted, "'%s'", name);
    CHECK_CONTAINS(quoted, test_reports_find(GOKORE_REPORT_POLICY)->message);
    (void)snprintf(quoted, sizeof quoted, "'%s'", other);
    CHECK_CONTAINS(quoted, test_reports_find(GOKORE_REPORT_POLICY)->message);
}
TEST(rules, contradiction_of_an_earlier_call_is_refused_and_names_both) {
    REQUIRE_STATUS(GOKORE_OK, rule("one", "A", "B", "C"));
    REQUIRE_STATUS(GOKORE_OK, rule("two", "D", "E", NULL));
    check_refused("against", "B", "A", "one");
    check_refused("far", "C", "A", "one");
    REQUIRE_STATUS(GOKORE_OK, rule("link", "C", "D", NULL));
    check_refused("round", "E", "A", "link"); // one, link and two together
    CHECK(in_order("A", "E"));
    CHECK(!in_order("E", "A"));
    const char *itself[] = { "P", "Q", "P" };
    test_reports_capture();
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_add_rule("itself", itself, 3));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_POLICY));
    CHECK(!in_order("P", "Q"));
    CHECK_STATUS(GOKORE_OK, rule("again", "A", "B", "C")); // saying it twice is no contradiction
    CHECK_STATUS(GOKORE_OK, rule("free", "Q", "P", NULL)); // nothing of what was refused is left
}

TEST(rules, refused_one_leaves_none_of_its_pairs) {
    REQUIRE_STATUS(GOKORE_OK, rule("one", "A", "B", NULL));
    const char *mixed[] = { "X", "Y", "B", "A", "Z" };
    test_reports_capture();
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_add_rule("mixed", mixed, COUNT(mixed)));
    static const char *const names[] = { "A", "B", "X", "Y", "Z" };
    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t j = 0; j < COUNT(names); j++) CHECK(in_order(names[i], names[j]) == (i == 0 && j == 1));
}

TEST(rules, call_may_reverse_a_compiled_pair) {
    REQUIRE_STATUS(GOKORE_OK, rule("mine", "AIDecision", "NetworkWriter", NULL));
    CHECK(in_order("AIDecision", "NetworkWriter"));
    CHECK(!in_order("NetworkWriter", "AIDecision"));
    CHECK(in_order("AIDecision", "EntityCache"));
    CHECK(in_order("EntityCache", "GUIUpdate"));
    check_refused("yours", "NetworkWriter", "AIDecision", "mine");
}

TEST(rules, reversing_one_pair_leaves_the_other_pairs_of_its_chain) { // precedence is per pair
    REQUIRE_STATUS(GOKORE_OK, rule("mine", "AIDecision", "NetworkWriter", NULL));
    static const char *const rest[] = { "EntityCache", "RenderState", "GUIUpdate" };
    for (size_t i = 0; i < COUNT(rest); i++) {
        CHECK(in_order("NetworkWriter", rest[i]));
        CHECK(in_order("AIDecision", rest[i]));
        CHECK(!in_order(rest[i], "NetworkWriter"));
    }
    REQUIRE_STATUS(GOKORE_OK, rule("middle", "TrafficAnalyzer", "CryptoLayer", NULL));
    CHECK(in_order("PacketParser", "TrafficAnalyzer"));
    CHECK(in_order("SessionManager", "TrafficAnalyzer"));
    CHECK(in_order("SessionManager", "CryptoLayer"));
}

TEST(rules, long_chains_are_transitive_to_their_ends) {
    enum { LONG = 150 };
    static char names[LONG][8];
    const char *order[LONG];
    for (size_t i = 0; i < LONG; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        order[i] = names[i];
    }
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_add_rule("long", order, LONG));
    CHECK(in_order("c0", "c149"));
    CHECK(in_order("c17", "c18"));
    CHECK(!in_order("c149", "c0"));
    check_refused("short", "c149", "c0", "long");
}

static gokore_policy_set *manifest(const char *rules) { // rules: "name: A B C; ..."
    char text[2048];
    int n = snprintf(text, sizeof text, "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\n"
                                        "metadata:\n  name: orders\nspec:\n  qosClass: Burstable\n"
                                        "  hierarchyRules:\n");
    for (const char *p = rules; *p; p += *p == ';' ? strspn(p, "; ") : 0) {
        size_t name = strcspn(p, ":"), all = strcspn(p, ";");
        n += snprintf(text + n, sizeof text - (size_t)n, "    - name: %.*s\n      order: [", (int)name, p);
        for (const char *c = p + name + 1; c < p + all;) {
            c += strspn(c, " ");
            size_t len = strcspn(c, " ;");
            n += snprintf(text + n, sizeof text - (size_t)n, "%.*s%s", (int)len, c, c + len < p + all ? ", " : "");
            c += len;
        }
        n += snprintf(text + n, sizeof text - (size_t)n, "]\n");
        p += all;
    }
    gokore_policy_set *set = NULL;
    gokore_diagnostic items[4];
    gokore_diagnostics diags = { items, COUNT(items), 0 };
    gokore_status status = gokore_policy_load(&set, text, strlen(text), "orders.yaml", &diags);
    if (diags.count) fprintf(stderr, "%s: %s\n%s", items[0].code, items[0].message, text);
    REQUIRE_STATUS(GOKORE_OK, status);
    return set;
}
static void load(const char *rules) {
    gokore_policy_set *set = manifest(rules);
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(set));
    gokore_policy_set_destroy(set); // it is not kept
}

TEST(rules, manifest_beats_call_beats_compiled_pair_by_pair) {
    REQUIRE_STATUS(GOKORE_OK, rule("call", "AIDecision", "NetworkWriter", NULL));
    REQUIRE_STATUS(GOKORE_OK, rule("call2", "CryptoLayer", "SessionManager", NULL));
    load("m: NetworkWriter AIDecision; m2: Inventory SkillQueue");
    CHECK(in_order("NetworkWriter", "AIDecision")); // manifest over call
    CHECK(!in_order("AIDecision", "NetworkWriter"));
    CHECK(in_order("CryptoLayer", "SessionManager")); // call over compiled
    CHECK(in_order("Inventory", "SkillQueue"));       // manifest over compiled
    CHECK(in_order("RenderState", "GUIUpdate"));      // compiled
    gokore_lock_verdict v;
    const char *held[] = { "AIDecision" };
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_check_names(held, 1, "NetworkWriter", &v));
    CHECK_STR("m", v.rule);
    CHECK_STATUS(GOKORE_OK, rule("call3", "SkillQueue", "Inventory", NULL)); // no earlier call says otherwise
    CHECK(in_order("Inventory", "SkillQueue"));
}

TEST(rules, load_takes_the_place_of_the_previous_manifest) {
    load("m: A B; m2: B C");
    CHECK(in_order("A", "C"));
    load("m: C D");
    CHECK(!in_order("A", "B"));
    CHECK(!in_order("A", "C"));
    CHECK(in_order("C", "D"));
    REQUIRE_STATUS(GOKORE_OK, rule("call", "D", "C", NULL));
    CHECK(in_order("C", "D"));
    load("m: A B");
    CHECK(in_order("D", "C")); // what the manifest hid is back
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(NULL));
    CHECK(!in_order("A", "B"));
    CHECK(in_order("D", "C"));
    check_compiled_chains();
    load("lonely: A"); // orders nothing
    CHECK(!in_order("A", "B"));
}

TEST(rules, reset_leaves_the_compiled_ones_alone) {
    REQUIRE_STATUS(GOKORE_OK, rule("call", "GUIUpdate", "NetworkWriter", NULL));
    load("m: A B");
    gokore_lockorder_reset();
    check_compiled_chains();
    CHECK(!in_order("A", "B"));
    CHECK_STATUS(GOKORE_OK, rule("now it can be said", "B", "A", NULL));
    CHECK(in_order("B", "A"));
}

enum { KINDS = 7 };
static bool rules_reach(bool edge[KINDS][KINDS], int from, int to, unsigned seen) {
    for (int next = 0; next < KINDS; next++) {
        if (!edge[from][next] || seen >> next & 1) continue;
        if (next == to || rules_reach(edge, next, to, seen | 1u << next)) return true;
    }
    return false;
}
TEST(rules, random_ones_agree_with_an_oracle) { // accepted as long as no class comes before itself
    static const char *const names[KINDS] = { "k0", "k1", "k2", "k3", "k4", "k5", "k6" };
    uint64_t rng = test_seed();
    size_t accepted = 0, refused = 0;
    for (int round = 0; round < 60; round++) {
        bool edge[KINDS][KINDS] = { { false } };
        gokore_lockorder_reset();
        test_reports_capture();
        for (int step = 0; step < 12; step++) {
            int chain[4];
            const char *order[4];
            size_t n = (size_t)(2 + test_random(&rng) % 3);
            for (size_t i = 0; i < n; i++) {
                chain[i] = (int)(test_random(&rng) % KINDS);
                order[i] = names[chain[i]];
            }
            bool with[KINDS][KINDS], cyclic = false;
            memcpy(with, edge, sizeof with);
            for (size_t i = 0; i + 1 < n; i++) with[chain[i]][chain[i + 1]] = true;
            for (int k = 0; k < KINDS; k++) cyclic |= rules_reach(with, k, k, 0);
            CHECK_STATUS(cyclic ? GOKORE_ORDER : GOKORE_OK, gokore_lockorder_add_rule("random", order, n));
            *(cyclic ? &refused : &accepted) += 1;
            if (!cyclic) memcpy(edge, with, sizeof edge);
            for (int a = 0; a < KINDS; a++)
                for (int b = 0; b < KINDS; b++) CHECK_INT(rules_reach(edge, a, b, 0), in_order(names[a], names[b]));
        }
    }
    CHECK(accepted > 0 && refused > 0);
}

static gokore_atomic_u32 rules_accepted;
static void *add_many_rules(void *arg) {
    uint64_t rng = *(uint64_t *)arg;
    for (int i = 0; i < 60; i++) {
        char a[8], b[8];
        uint64_t x = test_random(&rng) % 12, y = test_random(&rng) % 12;
        (void)snprintf(a, sizeof a, "k%u", (unsigned)x);
        (void)snprintf(b, sizeof b, "k%u", (unsigned)y);
        gokore_status status = rule(a, a, b, NULL); // the first to say it is right
        if (status == GOKORE_OK) {
            (void)gokore_atomic_add(&rules_accepted, 1);
            CHECK(in_order(a, b));
            CHECK(!in_order(b, a));
        } else {
            CHECK_STATUS(GOKORE_ORDER, status);
            CHECK(x == y || in_order(b, a));
        }
    }
    return NULL;
}
TEST(rules, may_be_added_and_asked_by_several_threads) {
    uint64_t seed[3], rng = test_seed();
    pthread_t thread[3];
    test_reports_capture();
    for (size_t i = 0; i < COUNT(seed); i++) {
        seed[i] = test_random(&rng);
        REQUIRE(pthread_create(&thread[i], NULL, add_many_rules, &seed[i]) == 0);
    }
    for (size_t i = 0; i < COUNT(seed); i++) (void)pthread_join(thread[i], NULL);
    CHECK_UINT(COUNT(seed) * 60 - gokore_atomic_load(&rules_accepted), test_reports_count(GOKORE_REPORT_POLICY));
}

// ---- what builds without the checker say

TEST(off, watches_nothing_and_says_so) {
    test_only_with("LOCKORDER=0");
    static int lock;
    const void *held[1];
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&lock, NULL, GOKORE_LOCK_EXCLUSIVE));
    gokore_lockorder_acquired(&lock, NULL, GOKORE_LOCK_EXCLUSIVE);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&lock, NULL, GOKORE_LOCK_EXCLUSIVE));
    CHECK_UINT(0, gokore_lockorder_held(held, 1));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_lockorder_validate(&lock));
    CHECK_STATUS(GOKORE_UNSUPPORTED, gokore_lockorder_verify());
    gokore_lockorder_assert_none_held();
    gokore_lockorder_released(&lock);
    gokore_lockorder_destroyed(&lock);
    program *p = program_new();
    program_run(p, "AB | BA | BC | CA");
    gokore_lock_graph graph;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&graph));
    CHECK_UINT(0, graph.edge_count);
    gokore_lock_graph_deinit(&graph);
}

// ---- the case table: programs and what is reported of them

typedef struct example {
    const char *id, *name, *program;
    gokore_report_id want; // GOKORE_REPORT_NONE: nothing at all
    gokore_severity severity;
    const char *classes;   // "aX bY": lock a is of class X, b of Y
} example;
#define OK_        GOKORE_REPORT_NONE, GOKORE_SEVERITY_INFO, ""
#define INVERSION_ GOKORE_REPORT_LOCK_INVERSION, GOKORE_SEVERITY_ERROR, ""
#define MILD_      GOKORE_REPORT_LOCK_INVERSION, GOKORE_SEVERITY_INFO, ""
#define RECURSION_ GOKORE_REPORT_LOCK_RECURSION, GOKORE_SEVERITY_ERROR, ""
#define CLASSES_   GOKORE_REPORT_LOCK_INVERSION, GOKORE_SEVERITY_ERROR
#define FINE_      GOKORE_REPORT_NONE, GOKORE_SEVERITY_INFO
static const example examples[] = {
    // shared/cases/lockorder.tsv, what this release has of it
    { "S01", "AA", "L(a) L(a)", RECURSION_ },
    { "S03", "ABBA_1t", "L(a)L(b)U(b)U(a) L(b)L(a)", MILD_ },
    { "S05", "ABBCCA", "AB | BC | CA", INVERSION_ },
    { "S07", "ABBCCDDA", "AB | BC | CD | DA", INVERSION_ },
    { "S09", "ABCDBCDA", "AB | CD | BC | DA", INVERSION_ },
    { "S13", "OK_nonlifo", "L(a)L(b)U(a)U(b) | L(a)L(b)U(b)U(a)", OK_ },
    { "S15", "OK_disjoint", "L(a)U(a)L(b)U(b) | L(b)U(b)L(a)U(a)", OK_ },
    { "S23", "TRY_inner_inv2", "T(a)L(b) | L(b)T(a)", OK_ },
    { "S25", "TRY_outer_second", "L(a)L(b) | T(b)L(a)", INVERSION_ },
    { "S27", "TRY_self", "L(a)T(a)", OK_ },
    { "S33", "GATE_partial", "L(g)L(a)L(b) | L(b)L(a)", INVERSION_ },
    { "S39", "CLASS_merge", "L(p)L(q) | L(s)L(r)", CLASSES_, "pX qY rX sY" },
    { "S39", "CLASS_merge by instance", "L(p)L(q) | L(s)L(r)", OK_ },
    { "S65", "INIT_HELD", "L(a) init(a)", GOKORE_REPORT_LOCK_INIT_HELD, GOKORE_SEVERITY_ERROR, "" },
    { "S71", "DESTROY_mid_direct", "L(a)L(b)L(c) | destroy(b) | CA", INVERSION_ },
    { "S95", "ACT_try_breaks", "L(a)T(b) | L(b)T(a)", OK_ },
    // their neighbours
    { "N01", "ABBA", "AB | BA", INVERSION_ },
    { "N02", "ABBA after ABBA", "AB | BA | AB | BA", INVERSION_ },
    { "N03", "ABCABC", "AB | CA | BC", INVERSION_ },
    { "N04", "ABCDBDDA", "AB | CD | BD | DA", INVERSION_ },
    { "N05", "ABBCAC", "AB | BC | AC", OK_ },
    { "N06", "diamond", "AB | AC | BD | CD", OK_ },
    { "N07", "chain held", "L(a)L(b)L(c)L(d) | L(d)L(a)", INVERSION_ },
    { "N08", "three held, oldest closes", "L(a)L(b)L(c) | L(c)L(a)", INVERSION_ },
    { "N09", "released before", "L(a)U(a)L(b)L(c) | L(c)L(a)", OK_ },
    { "N10", "still held after non-LIFO", "L(a)L(b)U(a)L(c) | L(c)L(b)", INVERSION_ },
    { "N11", "retaken", "L(a)L(b)U(a)L(a)", MILD_ },
    { "N12", "cycle of three by one thread", "AB BC CA", MILD_ },
    { "N13", "one thread, then again", "AB BA AB BA", MILD_ },
    { "N14", "inner tries both", "L(a)T(b) | L(b)T(a) | L(a)T(b)", OK_ },
    { "N15", "outer tries both", "T(a)L(b) | T(b)L(a)", INVERSION_ },
    { "N16", "tries only", "T(a)T(b) | T(b)T(a)", OK_ },
    { "N17", "try in the middle", "L(a)T(b)L(c) | L(c)L(b)", INVERSION_ },
    { "N18", "try adds nothing under", "L(a)T(b)L(c) | L(b)L(a)", OK_ },
    { "N19", "destroyed and made again", "AB | destroy(a) init(a) | BA", OK_ },
    { "N20", "middle of a path destroyed", "AB | BC | destroy(b) | CA", OK_ },
    { "N21", "reused without destroy", "AB | init(b) | BA", OK_ },
    { "N22", "class keeps its edges", "L(p)L(q) | destroy(p) destroy(q) | L(s)L(r)", CLASSES_, "pX qY rX sY" },
    { "N23", "two of one class", "L(p)L(q)", CLASSES_, "pX qX" },
    { "N24", "two of one class, other way", "L(p)L(q) | L(q)L(p)", CLASSES_, "pX qX" },
    { "N25", "two of one class, the inner tried", "L(p)T(q)", FINE_, "pX qX" },
    { "N26", "one of a class after the other", "L(p)U(p)L(q)U(q)L(p)", FINE_, "pX qX" },
    { "N27", "class and instance in one cycle", "L(p)L(a) | L(a)L(q)", CLASSES_, "pX qX" },
    { "N28", "own lock deep below", "L(a)L(b)L(c)L(a)", RECURSION_ },
    { "N29", "cycle of another thread beside one's own", "AC | CB | AB BA", INVERSION_ },
    { "N30", "rule against the learnt", "L(w)L(g)", GOKORE_REPORT_LOCK_ORDER, GOKORE_SEVERITY_ERROR,
      "wGUIUpdate gNetworkWriter" },
    { "N31", "rule is content", "L(g)L(w)", FINE_, "wGUIUpdate gNetworkWriter" },
    { "N32", "rule and try", "L(w)T(g)", FINE_, "wGUIUpdate gNetworkWriter" },
};

static gokore_lock_class class_pool[8];
static char class_names[8][32];
static void program_classes(program *p, const char *classes) {
    size_t used = 0;
    for (const char *c = classes; *c; c += strcspn(c, " "), c += strspn(c, " ")) {
        size_t len = strcspn(c, " ") - 1;
        REQUIRE(used < COUNT(class_pool) && len < sizeof class_names[0]);
        memcpy(class_names[used], c + 1, len);
        class_names[used][len] = 0;
        class_pool[used] = (gokore_lock_class) GOKORE_LOCK_CLASS_INIT(class_names[used]); // names may be shared
        p->cls[c[0] - 'a'] = &class_pool[used++];
        program_init(p, c[0] - 'a');
    }
}

static void example_run(void *arg) { // in a process of its own: nothing is known yet
    const example *e = (const example *)arg;
    program *p = program_new();
    program_classes(p, e->classes);
    test_reports_capture();
    program_run(p, e->program);
    size_t all = test_reports_count(GOKORE_REPORT_NONE), wanted = e->want == GOKORE_REPORT_NONE ? 0 : 1;
    const test_report *first = test_reports_find(GOKORE_REPORT_NONE);
    bool right = all == wanted && (!wanted || (test_reports_count(e->want) == 1 && first->severity == e->severity));
    if (right) return;
    printf("%s %s: %s: expected %zu of %s (severity %d), got %zu%s%s%s\n", e->id, e->name, e->program, wanted,
           gokore_report_id_name(e->want), (int)e->severity, all, first ? ", the first: " : "",
           first ? gokore_report_id_name(first->id) : "",
           first && first->severity == GOKORE_SEVERITY_INFO ? " (info)" : "");
    _exit(1);
}
TEST(cases, report_what_the_table_says) {
    watched();
    for (size_t i = 0; i < COUNT(examples); i++) {
        char out[512];
        example e = examples[i];
        if (test_in_child(example_run, &e, out, sizeof out) != 0)
            (void)test_check(false, e.id, (int)i, out); // goes on with the others
    }
}

// ---- violations: when, how often, with which words

TEST(order, rule_is_enforced_at_the_first_acquisition) { // case S41
    watched();
    static gokore_lock_class first = GOKORE_LOCK_CLASS_INIT("Ledger"), second = GOKORE_LOCK_CLASS_INIT("Teller.2");
    static gokore_mutex a = GOKORE_MUTEX_INIT_CLASS(&first), b = GOKORE_MUTEX_INIT_CLASS(&second);
    REQUIRE_STATUS(GOKORE_OK, rule("bank-rule", "Ledger", "Teller.2", NULL));
    test_reports_capture();
    for (int i = 0; i < 1000; i++) {
        take(&b), take(&a), give(&a), give(&b);
    }
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_ORDER) == 1);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_ORDER);
    CHECK_INT(GOKORE_SEVERITY_ERROR, r->severity);
    CHECK_CONTAINS("lock order violation: ", r->message);
    CHECK_CONTAINS("'Ledger'", r->message);
    CHECK_CONTAINS("'Teller.2'", r->message);
    CHECK_CONTAINS("'bank-rule'", r->message);
    CHECK_CONTAINS("(numa:", r->message);
    CHECK_CONTAINS(", pod:", r->message);
    CHECK_STR("Ledger", r->resource);
    CHECK(r->stack_depth > 0);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
}

TEST(order, each_pair_is_told_once_and_every_held_lock_counts) { // case S19
    watched();
    static gokore_lock_class render = GOKORE_LOCK_CLASS_INIT("RenderState");
    static gokore_mutex m[4] = { GOKORE_MUTEX_INIT_CLASS(&writer), GOKORE_MUTEX_INIT_CLASS(&render),
                                 GOKORE_MUTEX_INIT_CLASS(&gui), GOKORE_MUTEX_INIT_CLASS(&writer) };
    test_reports_capture();
    for (int i = 0; i < 1000; i++) {
        take(&m[1]), take(&m[2]), take(&m[i % 2 ? 0 : 3]); // against two held ones, by two locks of the class
        give(&m[i % 2 ? 0 : 3]), give(&m[1]), give(&m[2]);
    }
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lockorder_reset();
    take(&m[1]), take(&m[0]), give(&m[0]), give(&m[1]);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_ORDER)); // forgotten, so told again
}

TEST(order, inversion_is_told_once_in_a_thousand_times) { // case S19
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | BA");
    for (int i = 0; i < 499; i++) program_run(p, "BA AB");
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.edge_count == 2);
    CHECK_UINT(500, g.edges[0].weight);
    CHECK_UINT(500, g.edges[1].weight);
    gokore_lock_graph_deinit(&g);
}

TEST(order, own_lock_again_is_deadlock_instead_of_a_hang) {
    test_only_with("LOCKORDER=1");
    if (strstr(gokore_config(), "ON_VIOLATION=2")) test_only_with("ON_VIOLATION=0");
    gokore_mutex m;
    name_it(&m, "own");
    test_reports_capture();
    take(&m);
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_mutex_lock(&m, NULL));
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_RECURSION) == 1);
    CHECK_CONTAINS("'own'", test_reports_find(GOKORE_REPORT_LOCK_RECURSION)->message);
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_mutex_try_lock(&m, INT64_MAX));
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&m, 0));
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_validate(&m));
    CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    give(&m);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL));
    give(&m);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    gokore_mutex_deinit(&m);
}

TEST(order, inversion_names_both_locks_and_the_way_between_them) {
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | BC | CD | DA");
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_INVERSION);
    CHECK_CONTAINS("lock order inversion: 'a' taken while 'd' is held", r->message);
    CHECK_CONTAINS("'a' -> 'b' -> 'c' -> 'd'", r->message);
    CHECK_CONTAINS("(numa:", r->message);
    CHECK_CONTAINS(", pod:", r->message);
    CHECK_STR("a", r->resource);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
}

TEST(order, mild_cycle_becomes_an_error_when_a_second_thread_takes_part) {
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB BA");
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_INT(GOKORE_SEVERITY_INFO, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
    CHECK_CONTAINS("by this thread alone", test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->message);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    test_reports_capture();
    program_run(p, "AB"); // now two threads could hang
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
    program_run(p, "BA | AB BA | BA");
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, cycle_is_serious_where_a_second_thread_has_gone_one_of_its_ways) {
    watched();
    program *p = program_new();
    gokore_mutex *a = &p->lock[0], *b = &p->lock[1];
    test_reports_capture();
    take(a), take(b), give(b), give(a);
    program_run(p, "AB"); // the same way: nothing new, but not one thread's alone any more
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    take(b), take(a), give(a), give(b); // on the thread that went first
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
}

TEST(order, second_thread_on_any_edge_of_a_mild_cycle_makes_it_an_error) { // not on the shortest way only
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB BC AC CA");
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_INT(GOKORE_SEVERITY_INFO, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
    test_reports_capture();
    program_run(p, "AB"); // a -> b -> c -> a is no longer one thread's alone
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_INT(GOKORE_SEVERITY_ERROR, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
}

TEST(order, mild_cycles_of_two_threads_stay_mild_where_they_touch) {
    watched();
    static const char *const touching[] = { "AB BA | AC CA", "AB BA | CA AC", "UV VU | SU UG GS",
                                            "AB BC CA | AD DA" };
    for (size_t i = 0; i < COUNT(touching); i++) { // no cycle has edges of both
        program *p = program_new();
        gokore_lockorder_reset();
        test_reports_capture();
        program_run(p, touching[i]);
        CHECK_UINT(2, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
        for (const test_report *r = test_reports_find(GOKORE_REPORT_LOCK_INVERSION), *end = r + 2; r < end; r++)
            if (r->severity != GOKORE_SEVERITY_INFO) (void)test_check(false, touching[i], (int)i, r->message);
    }
}

static uintptr_t forward_caller, backward_caller;
static gokore_mutex two[2];
static __attribute__((noinline)) void go_forward(void) {
    forward_caller = (uintptr_t)__builtin_return_address(0);
    take(&two[0]), take(&two[1]), give(&two[1]), give(&two[0]);
    __asm__ __volatile__("" ::: "memory"); // no tail call
}
static __attribute__((noinline)) void go_backward(void) {
    backward_caller = (uintptr_t)__builtin_return_address(0);
    take(&two[1]), take(&two[0]), give(&two[0]), give(&two[1]);
    __asm__ __volatile__("" ::: "memory");
}
static void forward_thread(void *arg) {
    (void)arg;
    go_forward();
    __asm__ __volatile__("" ::: "memory");
}
typedef struct stacks {
    int calls;
    bool own_is_backward, other_is_forward;
} stacks;
static bool stack_has(void *const *stack, uint32_t depth, uintptr_t address) {
    for (uint32_t i = 0; i < depth; i++)
        if ((uintptr_t)stack[i] == address) return true;
    return false;
}
static void look_at_stacks(const gokore_report *r, void *user) {
    stacks *s = (stacks *)user;
    s->calls++;
    s->own_is_backward = stack_has(r->stack, r->stack_depth, backward_caller);
    s->other_is_forward = stack_has(r->other_stack, r->other_stack_depth, forward_caller);
}
TEST(order, inversion_carries_the_stacks_of_both_sides) {
    watched();
    stacks s = { 0 };
    gokore_report_set(look_at_stacks, &s);
    test_on_thread(forward_thread, NULL);
    go_backward();
    CHECK_INT(1, s.calls);
    CHECK(s.own_is_backward);
    CHECK(s.other_is_forward);
}

// ---- where stacks begin: in the function that has called the library, whichever call it was

static gokore_mutex by_mutexes[2];
static gokore_rwlock by_rwlocks[2];
static pthread_mutex_t by_strangers[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static __attribute__((noinline)) void by_mutex(int first) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&by_mutexes[first], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&by_mutexes[!first], NULL));
    gokore_mutex_unlock(&by_mutexes[!first]), gokore_mutex_unlock(&by_mutexes[first]);
}
static __attribute__((noinline)) void by_timed_mutex(int first) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(&by_mutexes[first], INT64_MAX));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(&by_mutexes[!first], INT64_MAX));
    gokore_mutex_unlock(&by_mutexes[!first]), gokore_mutex_unlock(&by_mutexes[first]);
}
static __attribute__((noinline)) void by_rank(int first) {
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&by_mutexes[first], 0, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_rank(&by_mutexes[!first], 0, NULL));
    gokore_mutex_unlock(&by_mutexes[!first]), gokore_mutex_unlock(&by_mutexes[first]);
}
static __attribute__((noinline)) void by_policy(int first) { // tries only: the last lock is a plain one
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock_policy(&by_mutexes[first], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_mutex_lock(&by_mutexes[!first], NULL));
    gokore_mutex_unlock(&by_mutexes[!first]), gokore_mutex_unlock(&by_mutexes[first]);
}
static __attribute__((noinline)) void by_reader(int first) {
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&by_rwlocks[first], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_read_lock(&by_rwlocks[!first], NULL));
    gokore_rwlock_read_unlock(&by_rwlocks[!first]), gokore_rwlock_read_unlock(&by_rwlocks[first]);
}
static __attribute__((noinline)) void by_writer(int first) {
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&by_rwlocks[first], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_rwlock_write_lock(&by_rwlocks[!first], NULL));
    gokore_rwlock_write_unlock(&by_rwlocks[!first]), gokore_rwlock_write_unlock(&by_rwlocks[first]);
}
static __attribute__((noinline)) void by_locker(int first) {
    gokore_locker l[2] = { gokore_locker_of_pthread_mutex(&by_strangers[first]), gokore_locker_of_pthread_mutex(&by_strangers[!first]) };
    REQUIRE_STATUS(GOKORE_OK, gokore_locker_lock(&l[0], NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_locker_lock(&l[1], NULL));
    gokore_locker_unlock(&l[1]), gokore_locker_unlock(&l[0]);
}
static __attribute__((noinline)) void by_notes(int first) {
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(&by_strangers[first ^ i], NULL, GOKORE_LOCK_EXCLUSIVE));
        gokore_lockorder_acquired(&by_strangers[first ^ i], NULL, GOKORE_LOCK_EXCLUSIVE);
    }
    for (int i = 2; i-- > 0;) gokore_lockorder_released(&by_strangers[first ^ i]);
}
static void by_first(void *way) { (*(void (**)(int))way)(0); }

typedef struct beginnings {
    int calls;
    void *own, *other;
} beginnings;
static void look_where_stacks_begin(const gokore_report *r, void *user) {
    beginnings *b = (beginnings *)user;
    b->calls++;
    b->own = r->stack_depth ? _Unwind_FindEnclosingFunction(r->stack[0]) : NULL;
    b->other = r->other_stack_depth ? _Unwind_FindEnclosingFunction(r->other_stack[0]) : NULL;
}
TEST(order, stacks_of_both_sides_begin_in_the_function_that_called_the_library) {
    static void (*const ways[])(int) = { by_mutex, by_timed_mutex, by_rank, by_policy, by_reader, by_writer, by_locker, by_notes };
    if (!TEST_INLINES) test_skip("what is inline elsewhere is a function of its own here");
    watched();
    for (size_t i = 0; i < COUNT(ways); i++) {
        void (*way)(int) = ways[i];
        void *here = NULL;
        beginnings b = { 0 };
        memcpy(&here, &way, sizeof here);
        gokore_lockorder_reset();
        gokore_report_set(look_where_stacks_begin, &b);
        test_on_thread(by_first, &way);
        way(1);
        CHECK_INT(1, b.calls);
        CHECK_PTR(here, b.own);
        CHECK_PTR(here, b.other);
    }
}

typedef struct busy_hook {
    gokore_mutex *a, *b;
    int calls;
} busy_hook;
static void take_locks_in_the_hook(const gokore_report *r, void *user) {
    busy_hook *h = (busy_hook *)user;
    (void)r;
    h->calls++;
    take(h->b), take(h->a), gokore_mutex_assert_held(h->a), give(h->a), give(h->b);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
}
TEST(order, report_hook_may_take_locks_itself) {
    watched();
    program *p = program_new();
    gokore_mutex log[2];
    name_it(&log[0], "log"), name_it(&log[1], "file");
    take(&log[0]), take(&log[1]), give(&log[1]), give(&log[0]);
    busy_hook h = { &log[0], &log[1], 0 };
    gokore_report_set(take_locks_in_the_hook, &h);
    program_run(p, "AB | BA");
    CHECK_INT(1, h.calls);
    test_reports_capture();
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK(!gokore_mutex_is_held(&log[0]) && !gokore_mutex_is_held(&log[1]));
    take(&log[0]), take(&log[1]), give(&log[1]), give(&log[0]); // what the hook did was not learnt
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

// ---- size

TEST(order, cycle_of_a_hundred_locks_is_found) { // case S11
    watched();
    enum { RING = 100 };
    static gokore_mutex m[RING];
    char name[16];
    for (int i = 0; i < RING; i++) {
        (void)snprintf(name, sizeof name, "l%d", i);
        name_it(&m[i], name);
    }
    test_reports_capture();
    for (int i = 0; i < RING; i++) {
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
        take(&m[i]), take(&m[(i + 1) % RING]), give(&m[(i + 1) % RING]), give(&m[i]);
    }
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_INT(GOKORE_SEVERITY_INFO, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity); // this thread alone
}

static size_t arrows(const char *text) {
    size_t n = 0;
    for (; (text = strstr(text, " -> ")) != NULL; text += 4) n++;
    return n;
}
typedef struct ring { gokore_mutex m[100]; int at; } ring;
static void ring_step(void *arg) {
    ring *r = (ring *)arg;
    gokore_mutex *a = &r->m[r->at % 100], *b = &r->m[(r->at + 1) % 100];
    take(a), take(b), give(b), give(a);
}
// Case S11: "path not truncated to < 20". What is left out must not look like an order that was seen.
TEST(order, long_way_is_told_with_twenty_locks_at_least_and_its_gap_shows) {
    watched();
    for (int named = 0; named < 2; named++) {
        static ring r;
        char name[16];
        for (int i = 0; i < 100; i++) {
            (void)snprintf(name, sizeof name, "l%d", i);
            gokore_mutex_init(&r.m[i], &(gokore_mutex_desc) { .name = named ? name : NULL });
        }
        test_reports_capture();
        for (r.at = 0; r.at < 100; r.at++) test_on_thread(ring_step, &r);
        REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) == 1);
        const char *message = test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->message;
        if (named) CHECK(arrows(message) >= 20); // twenty addresses are more than a message holds
        CHECK(arrows(message) == 99 || strstr(message, "..."));
        CHECK_CONTAINS("(numa:", message);
        for (int i = 0; i < 100; i++) gokore_mutex_deinit(&r.m[i]);
    }
}

TEST(order, long_names_leave_the_message_whole) {
    watched();
    static char long_name[2][254];
    memset(long_name[0], 'A', 253), memset(long_name[1], 'B', 253);
    static gokore_lock_class cls[2] = { GOKORE_LOCK_CLASS_INIT(long_name[0]),
                                        GOKORE_LOCK_CLASS_INIT(long_name[1]) };
    static gokore_mutex m[2] = { GOKORE_MUTEX_INIT_CLASS(&cls[0]), GOKORE_MUTEX_INIT_CLASS(&cls[1]) };
    REQUIRE_STATUS(GOKORE_OK, rule("r", long_name[0], long_name[1], NULL));
    CHECK(in_order(long_name[0], long_name[1]));
    test_reports_capture();
    take(&m[1]), take(&m[0]), give(&m[0]), give(&m[1]);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_ORDER) == 1); // and ASan is content
    CHECK_CONTAINS("AAAAAAAA", test_reports_find(GOKORE_REPORT_LOCK_ORDER)->message);
}

TEST(order, every_pair_of_a_hundred_locks_in_one_direction_is_fine) { // case S17
    watched();
    enum { N = 100, PAIRS = N * (N - 1) / 2 };
    static gokore_mutex m[N];
    static struct { int from, to; } pair[PAIRS];
    uint64_t rng = test_seed();
    int n = 0;
    for (int i = 0; i < N; i++)
        for (int j = i + 1; j < N; j++) pair[n].from = i, pair[n++].to = j;
    test_reports_capture();
    for (int i = PAIRS; i-- > 0;) {
        int k = (int)(test_random(&rng) % (uint64_t)(i + 1)), from = pair[k].from, to = pair[k].to;
        pair[k] = pair[i];
        take(&m[from]), take(&m[to]), give(&m[to]), give(&m[from]);
    }
    for (int i = 0; i < N; i++) // and once more: each edge is found again
        for (int j = i + 1; j < N; j++) take(&m[i]), take(&m[j]), give(&m[j]), give(&m[i]);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(N, g.node_count);
    CHECK_UINT(PAIRS, g.edge_count);
    for (size_t i = 0; i < g.edge_count; i++) CHECK_UINT(2, g.edges[i].weight);
    gokore_lock_graph_deinit(&g);
}

static void take_both(gokore_mutex *first, gokore_mutex *second, int times) {
    for (; times > 0; times--) take(first), take(second), give(second), give(first);
}
TEST(order, lock_made_anew_in_its_place_is_looked_at_again) {
    watched();
    gokore_mutex below = GOKORE_MUTEX_INIT_CLASS(&gui), m = GOKORE_MUTEX_INIT;
    for (int zeroed = 0; zeroed < 2; zeroed++) {
        gokore_lockorder_reset();
        gokore_lockorder_hold_limit(NULL, INT64_MAX);
        test_reports_capture();
        take_both(&below, &m, 4);
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
        if (!zeroed) gokore_mutex_deinit(&m);
        m = (gokore_mutex)GOKORE_MUTEX_INIT_CLASS(&writer); // the rule wants it first
        take_both(&below, &m, 4);
        CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
        gokore_mutex_deinit(&m);
    }
    gokore_mutex_deinit(&below);
}

TEST(order, lock_in_its_place_is_learnt_again_under_another) {
    watched();
    gokore_mutex a, b, c, m;
    name_it(&a, "a"), name_it(&b, "b"), name_it(&c, "c"), name_it(&m, "m");
    test_reports_capture();
    take_both(&a, &m, 5);
    take_both(&b, &m, 3);
    take_both(&a, &m, 2);
    for (int i = 0; i < 4; i++) take(&a), take(&b), take(&m), give(&a), take(&c), give(&c), give(&m), give(&b); // b m c, as they lie then
    static const uint64_t weights[] = { 4, 11, 4, 7, 4 }; // a b, a m, b c, b m, m c
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.edge_count == COUNT(weights));
    for (size_t i = 0; i < COUNT(weights); i++) CHECK_UINT(weights[i], g.edges[i].weight); // sorted by name
    gokore_lock_graph_deinit(&g);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, edge_outlives_two_hundred_thousand_other_pairs) {
    watched();
    enum { OTHERS = 200000 };
    program *p = program_new();
    gokore_mutex *m = (gokore_mutex *)calloc(2 * OTHERS, sizeof *m);
    REQUIRE(m != NULL);
    test_reports_capture();
    program_run(p, "AB");
    for (int i = 0; i < OTHERS; i++) {
        take(&m[2 * i]), take(&m[2 * i + 1]), give(&m[2 * i + 1]), give(&m[2 * i]);
    }
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    program_run(p, "BA");
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    for (int i = 0; i < 2 * OTHERS; i++) gokore_mutex_deinit(&m[i]);
    free(m);
}

TEST(order, window_of_five_moves_over_many_locks) { // case S85, its time left to the benches
    watched();
    enum { MANY = 20000 };
    static gokore_mutex m[MANY];
    test_reports_capture();
    for (int i = 0; i < MANY; i++) {
        take(&m[i]);
        if (i >= 4) give(&m[i - 4]);
    }
    for (int i = MANY - 4; i < MANY; i++) give(&m[i]);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
}

TEST(order, thread_may_hold_a_hundred_locks) { // case S81
    watched();
    enum { N = 100 };
    static gokore_mutex m[N];
    const void *held[N + 1];
    test_reports_capture();
    for (int i = 0; i < N; i++) take(&m[i]);
    memset(held, 0, sizeof held);
    CHECK_UINT(N, gokore_lockorder_held(held, 3)); // the full count, at most three written
    CHECK_PTR(&m[2], held[2]);
    CHECK_PTR(NULL, held[3]);
    CHECK_UINT(N, gokore_lockorder_held(held, N + 1));
    for (int i = 0; i < N; i++) CHECK_PTR(&m[i], held[i]);
    for (int i = 0; i < N; i += 2) give(&m[i]);
    CHECK_UINT(N / 2, gokore_lockorder_held(held, N));
    for (int i = 0; i < N / 2; i++) CHECK_PTR(&m[2 * i + 1], held[i]);
    for (int i = 1; i < N; i += 2) give(&m[i]);
    CHECK_UINT(0, gokore_lockorder_held(held, N));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, thread_may_hold_any_number_of_locks) {
    watched();
    enum { N = 1000 };
    static gokore_mutex m[N];
    gokore_lockorder_hold_limit(NULL, INT64_MAX);
    for (int newest_first = 0; newest_first < 2; newest_first++) {
        test_reports_capture();
        for (int i = 0; i < N; i++) take(&m[i]);
        for (int i = 0; i < N; i++) gokore_mutex_assert_held(&m[i]);
        CHECK_UINT(N, gokore_lockorder_held(NULL, 0));
        for (int i = 0; i < N; i++) give(&m[newest_first ? N - 1 - i : i]);
        CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
        CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    }
    take(&m[N - 1]), take(&m[0]); // the oldest and the newest of a thousand
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    give(&m[0]), give(&m[N - 1]);
}

// ---- locks that come and go

static void destroy_it_held(gokore_mutex *m) {
    take(m);
    gokore_mutex_deinit(m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
}
TEST(order, lock_destroyed_while_held_is_not_taken_for_the_next_one) {
    watched();
    static gokore_mutex m[2];
    test_reports_capture();
    destroy_it_held(&m[0]);
    take(&m[1]), give(&m[1]); // it gets the record of the one that is gone
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, lock_destroyed_while_held_does_not_break_the_graph) { // one report, and everything else goes on
    watched();
    static gokore_mutex m[4];
    (void)alarm(5); // it hung for ever
    test_reports_capture();
    take(&m[1]), take(&m[3]), give(&m[3]), give(&m[1]);
    destroy_it_held(&m[0]);
    take(&m[1]), give(&m[1]); // under a lock that is gone
    take(&m[2]), take(&m[3]), give(&m[3]), give(&m[2]);
    for (int i = 1; i < 4; i++) gokore_mutex_deinit(&m[i]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(0, g.edge_count);
    gokore_lock_graph_deinit(&g);
}

static void destroy_it(void *m) { gokore_mutex_deinit((gokore_mutex *)m); }
TEST(order, lock_destroyed_by_another_thread_does_not_break_the_graph) {
    watched();
    static gokore_mutex m[8];
    (void)alarm(5);
    test_reports_capture();
    for (int i = 1; i < 4; i++) take(&m[i]);
    for (int i = 1; i < 4; i++) give(&m[i]);
    take(&m[0]);
    test_on_thread(destroy_it, &m[0]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    for (int i = 1; i < 8; i++) take(&m[i]), give(&m[i]); // under a lock that is gone, old ones and new ones
    for (int i = 7; i >= 1; i--) gokore_mutex_deinit(&m[i]);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(0, g.edge_count);
    gokore_lock_graph_deinit(&g);
}

TEST(order, lock_destroyed_while_held_is_held_no_more) {
    watched();
    static gokore_mutex m;
    test_reports_capture();
    take(&m);
    gokore_mutex_deinit(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_DESTROYED_HELD));
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    gokore_mutex_init(&m, NULL);
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&m, NULL)); // another lock, in the same place
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, address_used_again_is_another_lock) { // case S69
    watched();
    test_reports_capture();
    gokore_mutex *pair = (gokore_mutex *)malloc(2 * sizeof *pair);
    REQUIRE(pair != NULL);
    for (int i = 0; i < 50; i++) {
        for (int k = 0; k < 2; k++)
            if (i % 4 >= 2)
                gokore_mutex_init(&pair[k], NULL);
            else
                pair[k] = (gokore_mutex) GOKORE_MUTEX_INIT; // never destroyed, and not even init'ed
        take(&pair[i % 2]), take(&pair[1 - i % 2]), give(&pair[0]), give(&pair[1]);
        if (i % 4 == 3) gokore_mutex_deinit(&pair[0]), gokore_mutex_deinit(&pair[1]);
        if (i % 4 == 3) continue;
        gokore_lock_graph g;
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        CHECK_UINT(2, g.node_count); // nothing is left of those that were there before
        CHECK_UINT(1, g.edge_count);
        gokore_lock_graph_deinit(&g);
    }
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    free(pair);
}

TEST(order, verify_sees_that_a_destroyed_lock_took_a_cycle_with_it) {
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | BC | CA");
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    program_run(p, "destroy(b)");
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify()); // c -> a is left, and lies on no cycle
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(order, rules_that_come_later_are_applied_to_what_was_learnt) {
    watched();
    static gokore_lock_class cls[2] = { GOKORE_LOCK_CLASS_INIT("P"), GOKORE_LOCK_CLASS_INIT("Q") };
    static gokore_mutex p = GOKORE_MUTEX_INIT_CLASS(&cls[0]), q = GOKORE_MUTEX_INIT_CLASS(&cls[1]);
    test_reports_capture();
    take(&p), take(&q), give(&q), give(&p);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    load("m: Q P");
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    take(&p), take(&q), give(&q), give(&p);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(NULL));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    take(&p), take(&q), give(&q), give(&p);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

static gokore_lock_class class_p = GOKORE_LOCK_CLASS_INIT("P"), class_q = GOKORE_LOCK_CLASS_INIT("Q");
static gokore_mutex mutex_p = GOKORE_MUTEX_INIT_CLASS(&class_p), mutex_q = GOKORE_MUTEX_INIT_CLASS(&class_q);
static void p_then_q(void *arg) { (void)arg, take(&mutex_p), take(&mutex_q), give(&mutex_q), give(&mutex_p); }
static void q_then_p(void *arg) { (void)arg, take(&mutex_q), take(&mutex_p), give(&mutex_p), give(&mutex_q); }

TEST(order, cycle_that_a_rule_had_spoken_for_is_found_when_the_rule_goes) {
    watched();
    test_reports_capture();
    load("m: P Q");
    test_on_thread(p_then_q, NULL);
    test_on_thread(q_then_p, NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(NULL)); // p -> q -> p is still there
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_verify());
    test_on_thread(q_then_p, NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
}

// ---- no memory

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef struct famine { // nothing is left to allocate until it ends
    struct rlimit before;
    void **blocks; // each points to the next
} famine;
static void famine_begin(famine *f) {
    if (SANITIZED) test_skip("memory cannot be made scarce under a sanitizer");
    REQUIRE(getrlimit(RLIMIT_AS, &f->before) == 0);
    struct rlimit none = { 1 << 20, f->before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_AS, &none) == 0);
    f->blocks = NULL;
    for (size_t size = 1 << 20; size >= sizeof(void *); size /= 2)
        for (void **block; (block = (void **)malloc(size)) != NULL; f->blocks = block) *block = f->blocks;
}
static void famine_end(famine *f) {
    REQUIRE(setrlimit(RLIMIT_AS, &f->before) == 0);
    while (f->blocks) {
        void **next = (void **)*f->blocks;
        free(f->blocks);
        f->blocks = next;
    }
}

static bool famine_eases(famine *f) { // by one block, the small ones first; false: none is left
    void **block = f->blocks;
    if (!block) return false;
    f->blocks = (void **)*block;
    free(block);
    return true;
}

TEST(memory, policies_are_applied_all_or_nothing_wherever_it_ends) {
    watched();
    famine f;
    int refused = 0;
    gokore_status status;
    gokore_policy_set *before = manifest("one: A B"), *after = manifest("two: B A; three: Never Heard Of; four: These Classes");
    REQUIRE_STATUS(GOKORE_OK, gokore_policy_apply(before));
    test_reports_capture();
    famine_begin(&f);
    while ((status = gokore_policy_apply(after)) != GOKORE_OK && famine_eases(&f)) {
        refused++;
        if (status != GOKORE_NO_MEMORY || gokore_policy_current() != before || !in_order("A", "B") || in_order("B", "A")) break;
    }
    famine_end(&f);
    CHECK_STATUS(GOKORE_OK, status);
    CHECK(refused > 0);
    CHECK_PTR(after, gokore_policy_current());
    CHECK(in_order("B", "A"));
    CHECK(in_order("Never", "Of"));
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_policy_set_destroy(before);
    gokore_policy_set_destroy(after);
}

TEST(memory, that_cannot_be_had_is_told_once_and_what_is_known_is_kept) {
    watched();
    enum { MANY = 400 };
    static gokore_mutex m[MANY];
    famine f;
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | AB");
    famine_begin(&f);
    for (int i = 0; i + 1 < MANY; i++) take(&m[i]), take(&m[i + 1]), give(&m[i]), give(&m[i + 1]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_TABLE));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_STATUS(GOKORE_DEADLOCK, (take(&m[MANY - 1]), gokore_lockorder_validate(&m[MANY - 1])));
    give(&m[MANY - 1]);
    take(&p->lock[1]);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&p->lock[0]));
    give(&p->lock[1]);
    gokore_lock_graph g;
    CHECK_STATUS(GOKORE_NO_MEMORY, gokore_lockorder_graph(&g));
    CHECK_PTR(NULL, g.nodes);
    CHECK_PTR(NULL, g.edges);
    CHECK_UINT(0, g.node_count + g.edge_count);
    CHECK_STATUS(GOKORE_NO_MEMORY, rule("r", "Some.class", "Another.class", NULL));
    CHECK(in_order("NetworkWriter", "GUIUpdate"));
    famine_end(&f);
    CHECK(!in_order("Some.class", "Another.class"));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    program_run(p, "BA");
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    for (int i = 0; i < MANY; i++) take(&m[i]), give(&m[i]); // and it goes on when there is some again
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(memory, that_a_name_needs_and_cannot_have_is_told) { // "a report says so and the mutex works without"
    static char long_name[4000];
    memset(long_name, 'x', sizeof long_name - 1);
    famine f;
    gokore_mutex first, m;
    name_it(&first, "first");
    test_reports_capture();
    famine_begin(&f);
    name_it(&m, long_name);
    famine_end(&f);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_TABLE));
    take(&m);
    CHECK(gokore_mutex_is_held(&m));
    give(&m);
    gokore_mutex_deinit(&m);
    gokore_mutex_deinit(&first);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

// ---- foreign locks

typedef struct spin { gokore_atomic_bool taken; } spin; // with pthread_mutex_t ThreadSanitizer would report, too
static spin foreign[3];

static void foreign_take(spin *s, gokore_lock_class *cls, unsigned mode) {
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(s, cls, mode));
    while (mode == GOKORE_LOCK_EXCLUSIVE && gokore_atomic_exchange_acquire(&s->taken, true)) gokore_cpu_relax();
    gokore_lockorder_acquired(s, cls, mode);
}
static void foreign_give(spin *s, unsigned mode) {
    gokore_lockorder_released(s);
    if (mode == GOKORE_LOCK_EXCLUSIVE) gokore_atomic_store_release(&s->taken, false);
}
static void foreign_backwards(void *arg) {
    (void)arg;
    foreign_take(&foreign[1], NULL, GOKORE_LOCK_EXCLUSIVE), foreign_take(&foreign[0], NULL, GOKORE_LOCK_EXCLUSIVE);
    foreign_give(&foreign[0], GOKORE_LOCK_EXCLUSIVE), foreign_give(&foreign[1], GOKORE_LOCK_EXCLUSIVE);
}
TEST(foreign, locks_take_part) {
    watched();
    test_reports_capture();
    foreign_take(&foreign[0], NULL, GOKORE_LOCK_EXCLUSIVE), foreign_take(&foreign[1], NULL, GOKORE_LOCK_EXCLUSIVE);
    const void *held[2];
    CHECK_UINT(2, gokore_lockorder_held(held, 2));
    CHECK_PTR(&foreign[0], held[0]);
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_validate(&foreign[1]));
    foreign_give(&foreign[0], GOKORE_LOCK_EXCLUSIVE), foreign_give(&foreign[1], GOKORE_LOCK_EXCLUSIVE);
    test_on_thread(foreign_backwards, NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lockorder_destroyed(&foreign[0]); // takes its edges along
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    test_on_thread(foreign_backwards, NULL);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(foreign, release_of_what_is_not_held_is_reported) {
    watched();
    test_reports_capture();
    gokore_lockorder_released(&foreign[0]);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_NOT_HELD));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(foreign, classes_obey_the_rules) {
    watched();
    test_reports_capture();
    foreign_take(&foreign[0], &gui, GOKORE_LOCK_EXCLUSIVE);
    gokore_mutex m = GOKORE_MUTEX_INIT_CLASS(&writer); // one of ours under a foreign one
    take(&m), give(&m);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&foreign[1], &writer, GOKORE_LOCK_TRY));
    foreign_give(&foreign[0], GOKORE_LOCK_EXCLUSIVE);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(foreign, recursive_lock_may_be_taken_again) { // cases S73, S75
    watched();
    enum { REC = GOKORE_LOCK_RECURSIVE };
    test_reports_capture();
    foreign_take(&foreign[0], NULL, REC), foreign_take(&foreign[1], NULL, GOKORE_LOCK_EXCLUSIVE);
    foreign_take(&foreign[0], NULL, REC); // held already: no edge from 1 to 0
    CHECK_UINT(3, gokore_lockorder_held(NULL, 0));
    foreign_give(&foreign[0], REC);
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_validate(&foreign[0])); // once is still held
    foreign_give(&foreign[1], GOKORE_LOCK_EXCLUSIVE), foreign_give(&foreign[0], REC);
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    foreign_take(&foreign[2], NULL, REC), foreign_take(&foreign[2], NULL, REC); // L(q)L(q)L(b) | L(b)L(q)
    foreign_take(&foreign[1], NULL, GOKORE_LOCK_EXCLUSIVE);
    foreign_give(&foreign[1], GOKORE_LOCK_EXCLUSIVE);
    foreign_give(&foreign[2], REC), foreign_give(&foreign[2], REC);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    foreign_take(&foreign[1], NULL, GOKORE_LOCK_EXCLUSIVE);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&foreign[2]));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_before(&foreign[2], NULL, REC));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    foreign_give(&foreign[1], GOKORE_LOCK_EXCLUSIVE);
}

TEST(foreign, reading_twice_is_reported_then_tried) {
    watched();
    enum { EXCLUSIVE = GOKORE_LOCK_EXCLUSIVE, SHARED = GOKORE_LOCK_SHARED, AGAIN = GOKORE_LOCK_SHARED_RECURSIVE };
    static int rw[3];
    test_reports_capture();
    for (int i = 0; i < 2; i++) { // recursive readers
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(&rw[0], NULL, AGAIN));
        gokore_lockorder_acquired(&rw[0], NULL, AGAIN);
    }
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(&rw[1], NULL, SHARED));
        gokore_lockorder_acquired(&rw[1], NULL, SHARED);
    }
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_before(&rw[1], NULL, EXCLUSIVE)); // read to write
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_before(&rw[2], NULL, EXCLUSIVE));
    gokore_lockorder_acquired(&rw[2], NULL, EXCLUSIVE);
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_before(&rw[2], NULL, SHARED)); // write to read: case S51
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_before(&rw[2], NULL, AGAIN));
    CHECK_UINT(4, test_reports_count(GOKORE_REPORT_LOCK_RECURSION));
    CHECK_UINT(4, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(5, gokore_lockorder_held(NULL, 0));
    for (int i = 0; i < 5; i++) gokore_lockorder_released(&rw[i / 2]);
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    CHECK_UINT(4, test_reports_count(GOKORE_REPORT_NONE));
}

// ---- questions

TEST(questions, validate_foresees_what_a_lock_would_do_and_does_nothing) {
    watched();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | BC | AD");
    gokore_mutex *m = p->lock;
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[0]));
    take(&m[2]);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&m[0])); // c -> a closes a -> b -> c
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&m[1]));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[3]));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[25])); // never seen
    CHECK_STATUS(GOKORE_DEADLOCK, gokore_lockorder_validate(&m[2]));
    take(&m[3]);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&m[0]));
    give(&m[2]), give(&m[3]);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&m[0]));
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(4, g.edge_count); // ab bc ad, and cd just now
    gokore_lock_graph_deinit(&g);
}

TEST(questions, validate_knows_rules_and_classes) {
    watched();
    gokore_mutex w, g[2];
    gokore_mutex_init(&w, &(gokore_mutex_desc) { .lock_class = &writer });
    gokore_mutex_init(&g[0], &(gokore_mutex_desc) { .lock_class = &gui });
    gokore_mutex_init(&g[1], &(gokore_mutex_desc) { .lock_class = &gui });
    take(&w), give(&w), take(&g[1]), give(&g[1]), take(&g[0]); // all seen
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&w));
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&g[1])); // a second one of the class
    give(&g[0]), take(&w);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&g[0]));
    give(&w);
    gokore_mutex_deinit(&w), gokore_mutex_deinit(&g[0]), gokore_mutex_deinit(&g[1]);
}

TEST(questions, validate_knows_the_class_of_a_lock_that_was_set_up_but_never_taken) {
    watched();
    gokore_mutex w, g;
    gokore_mutex_init(&w, &(gokore_mutex_desc) { .lock_class = &writer });
    gokore_mutex_init(&g, &(gokore_mutex_desc) { .lock_class = &gui });
    take(&g);
    CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(&w));
    give(&g);
    gokore_mutex_deinit(&w), gokore_mutex_deinit(&g);
}

TEST(questions, assert_none_held_reports_a_held_lock) {
    watched();
    gokore_mutex m;
    name_it(&m, "gate");
    test_reports_capture();
    gokore_lockorder_assert_none_held();
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    take(&m);
    gokore_lockorder_assert_none_held();
    give(&m);
    REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_WAIT_HELD) == 1);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_CONTAINS("'gate'", test_reports_find(GOKORE_REPORT_LOCK_WAIT_HELD)->message);
    gokore_mutex_deinit(&m);
}

static void hold_and_ask(void *arg) {
    program *p = (program *)arg;
    const void *held[2];
    CHECK_UINT(0, gokore_lockorder_held(held, 2)); // what others hold does not count
    take(&p->lock[1]);
    CHECK_UINT(1, gokore_lockorder_held(held, 2));
    CHECK_PTR(&p->lock[1], held[0]);
    give(&p->lock[1]);
}
// Also case S21: a thread inherits no edges from the one that starts it.
TEST(questions, held_is_of_this_thread_alone) {
    watched();
    program *p = program_new();
    test_reports_capture();
    take(&p->lock[0]);
    test_on_thread(hold_and_ask, p);
    CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    give(&p->lock[0]);
    take(&p->lock[1]), take(&p->lock[0]), give(&p->lock[0]), give(&p->lock[1]);
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

static void wait_and_give_up(void *arg) { // case S31
    program *p = (program *)arg;
    gokore_context ctx;
    gokore_context_init_timeout(&ctx, NULL, 1000000);
    take(&p->lock[1]);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(&p->lock[0], &ctx));
    CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    gokore_context_cancel(&ctx);
    CHECK_STATUS(GOKORE_TIMEOUT, gokore_mutex_lock(&p->lock[2], &ctx)); // refused: not even tried
    CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    CHECK_STATUS(GOKORE_BUSY, gokore_mutex_try_lock(&p->lock[0], 0));
    give(&p->lock[1]);
    CHECK_UINT(0, gokore_lockorder_held(NULL, 0));
    gokore_context_deinit(&ctx);
}
TEST(questions, lock_that_was_given_up_is_not_held) {
    watched();
    program *p = program_new();
    take(&p->lock[0]);
    test_on_thread(wait_and_give_up, p);
    give(&p->lock[0]);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(1, g.edge_count); // b -> a was waited for; c was not
    gokore_lock_graph_deinit(&g);
}

// ---- the graph and its texts

typedef gokore_status graph_writer(const gokore_lock_graph *, gokore_writer);
static graph_writer *const graph_writers[] = { gokore_lock_graph_write_dot, gokore_lock_graph_write_mermaid,
                                               gokore_lock_graph_write_json };

static const char *text_of(const gokore_lock_graph *g, graph_writer *write, char *out, size_t cap) {
    gokore_buffer buffer = { out, cap, 0 };
    CHECK_STATUS(GOKORE_OK, write(g, gokore_writer_buffer(&buffer)));
    return out;
}
static void check_twice_the_same(const gokore_lock_graph *g) {
    char a[4096], b[4096];
    gokore_lock_graph again;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&again));
    for (size_t i = 0; i < COUNT(graph_writers); i++) {
        CHECK_STR(text_of(g, graph_writers[i], a, sizeof a), text_of(&again, graph_writers[i], b, sizeof b));
        CHECK_STR(text_of(g, graph_writers[i], a, sizeof a), text_of(g, graph_writers[i], b, sizeof b));
    }
    gokore_lock_graph_deinit(&again);
}

TEST(graph, texts_are_exact) {
    watched();
    static gokore_mutex m[3];
    static const char *const names[] = { "apple", "brick", "cloud" };
    for (int i = 0; i < 3; i++)
        gokore_mutex_init(&m[i], &(gokore_mutex_desc) { .name = names[i], .numa_node = i == 1 ? 2 : 0 });
    for (int i = 0; i < 3; i++) take(&m[0]), take(&m[1]), give(&m[1]), give(&m[0]);
    take(&m[0]), take(&m[2]), give(&m[0]), give(&m[2]);
    take(&m[1]), take(&m[2]), give(&m[1]), give(&m[2]);
    gokore_lock_graph g;
    char want[1024], got[1024];
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.node_count == 3 && g.edge_count == 3);
    for (int i = 0; i < 3; i++) {
        CHECK_STR(names[i], g.nodes[i].name);
        CHECK_UINT((uintptr_t)&m[i], g.nodes[i].address);
        CHECK_INT(i == 1 ? 2 : 0, g.nodes[i].numa_node);
        CHECK_INT(GOKORE_QOS_BURSTABLE, g.nodes[i].qos);
    }
    CHECK_UINT((uintptr_t)&m[0], g.edges[0].from);
    CHECK_UINT((uintptr_t)&m[1], g.edges[0].to);
    CHECK_UINT(3, g.edges[0].weight);
    CHECK_STR("digraph lock_order {\n    node [shape=box];\n"
              "    n0 [label=\"apple\"];\n    n1 [label=\"brick\"];\n    n2 [label=\"cloud\"];\n"
              "    n0 -> n1 [label=\"3\"];\n    n0 -> n2 [label=\"1\"];\n    n1 -> n2 [label=\"1\"];\n}\n",
              text_of(&g, gokore_lock_graph_write_dot, got, sizeof got));
    CHECK_STR("graph TD\n    n0[\"apple\"]\n    n1[\"brick\"]\n    n2[\"cloud\"]\n"
              "    n0 -->|3| n1\n    n0 -->|1| n2\n    n1 -->|1| n2\n",
              text_of(&g, gokore_lock_graph_write_mermaid, got, sizeof got));
    (void)snprintf(want, sizeof want,
                   "{\"nodes\":["
                   "{\"id\":0,\"address\":\"0x%llx\",\"name\":\"apple\",\"numa_node\":0,\"qos\":\"Burstable\"},"
                   "{\"id\":1,\"address\":\"0x%llx\",\"name\":\"brick\",\"numa_node\":2,\"qos\":\"Burstable\"},"
                   "{\"id\":2,\"address\":\"0x%llx\",\"name\":\"cloud\",\"numa_node\":0,\"qos\":\"Burstable\"}],"
                   "\"edges\":[{\"from\":0,\"to\":1,\"weight\":3},{\"from\":0,\"to\":2,\"weight\":1},"
                   "{\"from\":1,\"to\":2,\"weight\":1}]}\n",
                   (unsigned long long)(uintptr_t)&m[0], (unsigned long long)(uintptr_t)&m[1],
                   (unsigned long long)(uintptr_t)&m[2]);
    CHECK_STR(want, text_of(&g, gokore_lock_graph_write_json, got, sizeof got));
    check_twice_the_same(&g);
    gokore_lock_graph_deinit(&g);
    CHECK_PTR(NULL, g.nodes);
    CHECK_UINT(0, g.edge_count);
    gokore_lock_graph_deinit(&g); // of an empty one
    for (int i = 0; i < 3; i++) gokore_mutex_deinit(&m[i]);
}

// So that the texts of the same program are the same each run, wherever the loader puts it.
TEST(graph, edges_are_sorted_by_name_wherever_the_locks_lie) {
    watched();
    static gokore_mutex m[3]; // the addresses rise while the names fall
    name_it(&m[0], "cloud"), name_it(&m[1], "brick"), name_it(&m[2], "apple");
    take(&m[0]), take(&m[1]), give(&m[1]), give(&m[0]);
    take(&m[2]), take(&m[0]), give(&m[0]);
    take(&m[1]), give(&m[1]), give(&m[2]);
    gokore_lock_graph g;
    char got[1024];
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_STR("graph TD\n    n0[\"apple\"]\n    n1[\"brick\"]\n    n2[\"cloud\"]\n"
              "    n0 -->|1| n1\n    n0 -->|1| n2\n    n2 -->|1| n1\n",
              text_of(&g, gokore_lock_graph_write_mermaid, got, sizeof got));
    gokore_lock_graph_deinit(&g);
}

TEST(graph, is_empty_where_nothing_was_seen) {
    gokore_lock_graph g;
    char got[256];
    memset(&g, 0xa5, sizeof g);
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    CHECK_UINT(0, g.node_count);
    CHECK_UINT(0, g.edge_count);
    CHECK_STR("digraph lock_order {\n    node [shape=box];\n}\n",
              text_of(&g, gokore_lock_graph_write_dot, got, sizeof got));
    CHECK_STR("graph TD\n", text_of(&g, gokore_lock_graph_write_mermaid, got, sizeof got));
    CHECK_STR("{\"nodes\":[],\"edges\":[]}\n", text_of(&g, gokore_lock_graph_write_json, got, sizeof got));
    gokore_lock_graph_deinit(&g);
}

TEST(graph, names_are_escaped) {
    gokore_lock_node node = { 0x10, "say \"hi\" \\ and\n\tgo", -1, GOKORE_QOS_GUARANTEED };
    gokore_lock_graph g = { &node, 1, NULL, 0 };
    char got[512];
    CHECK_CONTAINS("[label=\"say \\\"hi\\\" \\\\ and", text_of(&g, gokore_lock_graph_write_dot, got, sizeof got));
    CHECK_STR("{\"nodes\":[{\"id\":0,\"address\":\"0x10\",\"name\":\"say \\\"hi\\\" \\\\ and\\u000a\\u0009go\","
              "\"numa_node\":-1,\"qos\":\"Guaranteed\"}],\"edges\":[]}\n",
              text_of(&g, gokore_lock_graph_write_json, got, sizeof got));
}

TEST(graph, quotes_in_mermaid_are_entities) { // a backslash does not escape there; "#quot;" does
    gokore_lock_node node = { 0x10, "say \"hi\"", -1, GOKORE_QOS_GUARANTEED };
    gokore_lock_graph g = { &node, 1, NULL, 0 };
    char got[512];
    CHECK_STR("graph TD\n    n0[\"say #quot;hi#quot;\"]\n",
              text_of(&g, gokore_lock_graph_write_mermaid, got, sizeof got));
}

TEST(graph, shows_classes_once_and_locks_without_a_name_by_their_address) {
    watched();
    static gokore_lock_class cls = GOKORE_LOCK_CLASS_INIT("Cell");
    static gokore_mutex a = GOKORE_MUTEX_INIT_CLASS(&cls), b = GOKORE_MUTEX_INIT_CLASS(&cls), bare;
    char name[32];
    (void)snprintf(name, sizeof name, "lock %p", (void *)&bare);
    take(&a), take(&bare), give(&bare), give(&a);
    take(&b), take(&bare), give(&bare), give(&b);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.node_count == 2 && g.edge_count == 1);
    CHECK_STR("Cell", g.nodes[0].name);
    CHECK_STR(name, g.nodes[1].name);
    CHECK_UINT((uintptr_t)&bare, g.nodes[1].address);
    CHECK_UINT(g.nodes[0].address, g.edges[0].from);
    CHECK_UINT(g.nodes[1].address, g.edges[0].to);
    CHECK_UINT(2, g.edges[0].weight);
    gokore_lock_graph_deinit(&g);
}

TEST(graph, forgets_everything_at_reset_and_learns_anew) {
    watched();
    static gokore_lock_class cls[2] = { GOKORE_LOCK_CLASS_INIT("Cell"), GOKORE_LOCK_CLASS_INIT("Wall") };
    static gokore_mutex m[3] = { GOKORE_MUTEX_INIT_CLASS(&cls[0]), GOKORE_MUTEX_INIT_CLASS(&cls[1]),
                                 GOKORE_MUTEX_INIT };
    gokore_lock_graph g;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) take(&m[i]);
        for (int i = 0; i < 3; i++) give(&m[i]);
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        CHECK_UINT(3, g.node_count);
        CHECK_UINT(3, g.edge_count);
        for (size_t e = 0; e < g.edge_count; e++) { // both ends are nodes
            int ends = 0;
            for (size_t n = 0; n < g.node_count; n++)
                ends += (g.nodes[n].address == g.edges[e].from) + (g.nodes[n].address == g.edges[e].to);
            CHECK_INT(2, ends);
        }
        gokore_lock_graph_deinit(&g);
        gokore_lockorder_reset();
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        CHECK_UINT(0, g.node_count);
        CHECK_UINT(0, g.edge_count);
        gokore_lock_graph_deinit(&g);
    }
    test_reports_capture();
    take(&m[1]), take(&m[0]), give(&m[0]), give(&m[1]); // the other way is not against anything now
    CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(graph, shows_the_node_of_a_lock_without_a_name) { // "numa_node: shown in the lock graph; default 0"
    watched();
    gokore_mutex m[2];
    gokore_mutex_init(&m[0], &(gokore_mutex_desc) { .numa_node = 3 });
    gokore_mutex_init(&m[1], &(gokore_mutex_desc) { 0 });
    take(&m[0]), take(&m[1]), give(&m[1]), give(&m[0]);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    REQUIRE(g.node_count == 2);
    for (size_t i = 0; i < 2; i++) CHECK_INT(g.nodes[i].address == (uintptr_t)&m[0] ? 3 : 0, g.nodes[i].numa_node);
    gokore_lock_graph_deinit(&g);
    gokore_mutex_deinit(&m[0]), gokore_mutex_deinit(&m[1]);
}

typedef struct failing { int left, calls_after; } failing;
static gokore_status fail_later(void *user, const void *data, size_t len) {
    failing *f = (failing *)user;
    (void)data, (void)len;
    if (f->left-- > 0) return GOKORE_OK;
    if (f->left < -1) f->calls_after++;
    return GOKORE_DENIED;
}
TEST(graph, writers_failure_stops_the_writing_and_is_returned) {
    gokore_lock_node nodes[] = { { 1, "a", 0, GOKORE_QOS_BURSTABLE }, { 2, "b", 0, GOKORE_QOS_BURSTABLE } };
    gokore_lock_edge edges[] = { { 1, 2, 7 }, { 2, 1, 9 } };
    gokore_lock_graph g = { nodes, 2, edges, 2 };
    for (size_t w = 0; w < COUNT(graph_writers); w++) {
        int n = 0;
        for (gokore_status status = GOKORE_DENIED; status != GOKORE_OK && n < 100; n++) {
            failing f = { n, 0 };
            status = graph_writers[w](&g, (gokore_writer) { fail_later, &f });
            CHECK(status == GOKORE_OK || status == GOKORE_DENIED);
            CHECK_INT(0, f.calls_after);
        }
        CHECK(n > 3 && n < 100);
    }
}

// ---- denial

static void deny_only(void) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=1");
}
static size_t edges_learnt(void) {
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    size_t n = g.edge_count;
    gokore_lock_graph_deinit(&g);
    return n;
}

TEST(deny, inversion_is_refused_each_time_and_told_once) {
    deny_only();
    program *p = program_new();
    gokore_mutex *a = &p->lock[0], *b = &p->lock[1];
    test_reports_capture();
    program_run(p, "AB");
    take(b);
    for (int i = 0; i < 5; i++) {
        CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_validate(a));
        CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(a, NULL));
        CHECK_STATUS(GOKORE_ORDER, gokore_mutex_try_lock(a, 1000000));
        CHECK(!gokore_mutex_is_held(a));
        CHECK_UINT(1, gokore_lockorder_held(NULL, 0));
    }
    CHECK_STATUS(GOKORE_OK, gokore_mutex_try_lock(a, 0)); // cannot hang
    give(a), give(b);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(1, edges_learnt());
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify()); // what was refused did not happen
    program_run(p, "AB | AB");
    CHECK_STATUS(GOKORE_OK, p->last);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(deny, lock_against_a_rule_is_refused_each_time_and_told_once) {
    deny_only();
    static gokore_mutex w = GOKORE_MUTEX_INIT_CLASS(&writer), g = GOKORE_MUTEX_INIT_CLASS(&gui);
    test_reports_capture();
    for (int i = 0; i < 5; i++) {
        take(&g);
        CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(&w, NULL));
        CHECK_STATUS(GOKORE_ORDER, gokore_lockorder_before(&foreign[0], &writer, GOKORE_LOCK_EXCLUSIVE));
        CHECK(!gokore_mutex_is_held(&w));
        give(&g);
        take(&w), take(&g), give(&g), give(&w); // the right way is free
    }
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_ORDER));
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
    CHECK_UINT(1, edges_learnt());
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
}

TEST(deny, refused_acquisition_leaves_no_edge_from_any_lock_held) {
    deny_only();
    program *p = program_new();
    gokore_mutex *a = &p->lock[0], *b = &p->lock[1], *x = &p->lock[23];
    test_reports_capture();
    program_run(p, "AB");
    for (int x_first = 0; x_first < 2; x_first++) {
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(x_first ? x : b, 0));
        REQUIRE_STATUS(GOKORE_OK, gokore_mutex_try_lock(x_first ? b : x, 0)); // b and x are in no order
        CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(a, NULL)); // because of b; x has nothing against it
        give(x), give(b);
        gokore_lock_graph g;
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        for (size_t i = 0; i < g.edge_count; i++) CHECK(g.edges[i].to != (uintptr_t)a);
        gokore_lock_graph_deinit(&g);
    }
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
    program_run(p, "L(a)L(x)"); // x -> a was never seen
    CHECK_STATUS(GOKORE_OK, p->last);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_INVERSION));
}

TEST(deny, info_is_never_denied) {
    deny_only();
    program *p = program_new();
    static const char *const alone[] = { "L(a)L(b)U(b)U(a) L(b)L(a)", "L(a)L(b)U(a)L(a)", "AB BC L(c)L(a)",
                                         "AB BC CA AB BC L(c)L(a)", "AB BA BC CB L(a)L(b)L(c)" };
    for (size_t i = 0; i < COUNT(alone); i++) {
        test_reports_capture();
        program_run(p, alone[i]);
        CHECK_STATUS(GOKORE_OK, p->last);
        REQUIRE(test_reports_count(GOKORE_REPORT_LOCK_INVERSION) > 0);
        CHECK_INT(GOKORE_SEVERITY_INFO, test_reports_find(GOKORE_REPORT_LOCK_INVERSION)->severity);
        gokore_lockorder_reset();
    }
    program_run(p, "AB BA | AC L(c)L(a)"); // two threads, each with a cycle of its own
    CHECK_STATUS(GOKORE_OK, p->last);
}

TEST(deny, what_is_beyond_a_limit_is_refused) {
    deny_only();
    program *p = program_new();
    test_reports_capture();
    gokore_lockorder_set_limits(0, 1);
    program_run(p, "L(a)L(b)");
    CHECK_STATUS(GOKORE_LIMIT, p->last);
    program_run(p, "L(a)T(b)");
    CHECK_STATUS(GOKORE_LIMIT, p->last);
    gokore_lockorder_set_limits(2, 0);
    program_run(p, "L(a)L(b)L(c)");
    CHECK_STATUS(GOKORE_LIMIT, p->last);
    CHECK_UINT(3, test_reports_count(GOKORE_REPORT_LOCK_LIMIT));
    gokore_lockorder_set_limits(0, 0);
    program_run(p, "L(a)L(b)L(c)");
    CHECK_STATUS(GOKORE_OK, p->last);
}

TEST(deny, mild_cycles_are_refused_in_strict_mode_only) {
    deny_only();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "L(g)L(a)L(b) | L(g)L(b)L(a)");
    CHECK_STATUS(GOKORE_OK, p->last); // g keeps them apart
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_LOCK_GATED));
    gokore_lockorder_reset();
    gokore_lockorder_set_mode(GOKORE_LOCKORDER_STRICT);
    program_run(p, "L(g)L(a)L(b) | L(g)L(b)L(a)");
    CHECK_STATUS(GOKORE_ORDER, p->last);
}

TEST(deny, right_order_is_free_after_the_wrong_one_was_refused_to_a_second_thread) {
    deny_only();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB BA"); // one thread alone: info
    program_run(p, "L(b)L(a)");
    CHECK_STATUS(GOKORE_ORDER, p->last); // now it is serious
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
    program_run(p, "L(a)L(b)");
    CHECK_STATUS(GOKORE_OK, p->last); // b -> a is refused, so nothing speaks against a -> b
    CHECK_UINT(2, test_reports_count(GOKORE_REPORT_NONE));
}

TEST(deny, nothing_is_refused_once_the_cycle_is_gone) {
    deny_only();
    program *p = program_new();
    test_reports_capture();
    program_run(p, "AB | BC | L(c)L(a)");
    CHECK_STATUS(GOKORE_ORDER, p->last);
    program_run(p, "destroy(b) | L(c)L(a)"); // a -> b -> c went with b
    CHECK_STATUS(GOKORE_OK, p->last);
    CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
    gokore_lockorder_reset();
    program_run(p, "DE EF FD | destroy(f) | L(d)L(e)"); // was info for one thread; without f there is no cycle
    CHECK_STATUS(GOKORE_OK, p->last);
    gokore_lockorder_reset();
    program_run(p, "GH | L(h)L(g)");
    CHECK_STATUS(GOKORE_ORDER, p->last);
    gokore_lockorder_reset();
    program_run(p, "L(h)L(g)");
    CHECK_STATUS(GOKORE_OK, p->last);
}

TEST(deny, rule_that_goes_takes_its_refusals_along) {
    deny_only();
    test_reports_capture();
    load("m: P Q");
    take(&mutex_q);
    CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(&mutex_p, NULL));
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_load(NULL));
    CHECK_STATUS(GOKORE_OK, gokore_mutex_lock(&mutex_p, NULL));
    give(&mutex_p), give(&mutex_q);
    load("m: P Q");
    take(&mutex_q);
    CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(&mutex_p, NULL));
    give(&mutex_q);
}

// ---- abort

static void abort_only(void) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=2");
}
static void say_so(const gokore_report *r, void *user) {
    (void)user;
    printf("hook: %s\n", gokore_report_id_name(r->id));
    (void)fflush(stdout);
}
static void invert(void *arg) {
    gokore_report_set(say_so, NULL);
    program_run(program_new(), (const char *)arg);
    printf("went on\n");
}
static void break_a_rule(void *arg) {
    (void)arg;
    gokore_report_set(say_so, NULL);
    REQUIRE_STATUS(GOKORE_OK, rule("r", "P", "Q", NULL));
    q_then_p(NULL);
    printf("went on\n");
}
TEST(abort, comes_after_the_hook) {
    abort_only();
    char out[256], two_threads[] = "AB | BA";
    CHECK_INT(128 + SIGABRT, test_in_child(invert, two_threads, out, sizeof out));
    CHECK_STR("hook: LOCK_INVERSION\n", out);
    CHECK_INT(128 + SIGABRT, test_in_child(break_a_rule, NULL, out, sizeof out));
    CHECK_STR("hook: LOCK_ORDER\n", out);
}

TEST(abort, does_not_come_for_an_info) {
    abort_only();
    char out[256], one_thread[] = "AB BA";
    CHECK_INT(0, test_in_child(invert, one_thread, out, sizeof out));
    CHECK_STR("hook: LOCK_INVERSION\nwent on\n", out);
}

TEST(abort, does_not_come_where_all_is_well) {
    abort_only();
    char out[256], fine[] = "AB | AB | L(b)T(a) | BC | AC";
    CHECK_INT(0, test_in_child(invert, fine, out, sizeof out));
    CHECK_STR("went on\n", out);
}

// ---- random programs, and an oracle that shares no code with the checker: every acquisition is kept as it was seen, and every
// way round is tried

enum { N = 6, STEPS = 9, SEEN = 400 };
enum verdict { NO_CYCLE, GATED, ALONE, OPEN };
typedef struct sight { // b was taken by a thread that held these locks, a among them
    int from, to, thread;
    uint64_t held;      // by their births
} sight;
typedef struct oracle {
    gokore_mutex lock[N];
    uint64_t weight[N][N];  // [from][to]
    sight seen[SEEN];
    size_t seen_count;
    int born[N], births;    // a destroyed lock is another one afterwards
    int thread;             // the one that runs
    bool held[N];
    int stack[N], depth;
    size_t counts[4];       // of verdicts
    bool retake;            // a thread may take a lock again that it has unlocked
    bool denies;            // what could hang is refused
    size_t refusals;
    uint64_t rng;
} oracle;

// The worst cycle that the last of n sights on the way closes. Two that hold a lock in common can't happen at once.
static enum verdict oracle_worst(const oracle *o, const sight **way, size_t n, int goal) {
    const sight *last = way[n - 1];
    enum verdict worst = NO_CYCLE;
    if (last->to == goal) {
        bool gated = false, alone = true;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = i + 1; k < n; k++) gated |= (way[i]->held & way[k]->held) != 0;
            alone &= way[i]->thread == o->thread;
        }
        return gated ? GATED : alone ? ALONE : OPEN;
    }
    for (size_t i = 0; i < o->seen_count && worst != OPEN; i++) {
        const sight *next = &o->seen[i];
        bool again = next->from != last->to;
        for (size_t k = 0; k < n; k++) again |= way[k]->to == next->to;
        if (again || (next->to == goal ? false : n + 1 >= N)) continue;
        way[n] = next;
        enum verdict one = oracle_worst(o, way, n + 1, goal);
        if (one > worst) worst = one;
    }
    return worst;
}
static enum verdict oracle_judge(const oracle *o, int from, int to) {
    sight new = { from, to, o->thread, 0 };
    for (int k = 0; k < o->depth; k++) new.held |= 1ull << o->born[o->stack[k]];
    const sight *way[N + 1] = { &new };
    return oracle_worst(o, way, 1, from);
}
static bool oracle_reaches(const oracle *o, int from, int to, uint32_t seen) {
    for (int next = 0; next < N; next++)
        if (o->weight[from][next] && !(seen >> next & 1) && (next == to || oracle_reaches(o, next, to, seen | 1u << next))) return true;
    return false;
}
static bool oracle_has_cycle(const oracle *o) {
    for (int a = 0; a < N; a++)
        if (oracle_reaches(o, a, a, 0)) return true;
    return false;
}
static void oracle_see(oracle *o, int from, int to) {
    sight new = { from, to, o->thread, 0 };
    for (int k = 0; k < o->depth; k++) new.held |= 1ull << o->born[o->stack[k]];
    o->weight[from][to]++;
    for (size_t i = 0; i < o->seen_count; i++)
        if (o->seen[i].from == from && o->seen[i].to == to && o->seen[i].thread == o->thread && o->seen[i].held == new.held) return;
    REQUIRE(o->seen_count < SEEN);
    o->seen[o->seen_count++] = new;
}

static void oracle_forget(oracle *o, int from, int to) {
    size_t kept = 0;
    for (size_t i = 0; i < o->seen_count; i++)
        if (o->seen[i].from != from || o->seen[i].to != to) o->seen[kept++] = o->seen[i];
    o->seen_count = kept;
    o->weight[from][to] = 0;
}

static size_t told(gokore_report_id id, gokore_severity severity) {
    size_t n = 0, all = test_reports_count(GOKORE_REPORT_NONE);
    const test_report *first = test_reports_find(GOKORE_REPORT_NONE); // they lie in a row
    for (size_t i = 0; i < all && i < 200; i++) n += first[i].id == id && first[i].severity == severity;
    return n;
}
static void oracle_expect(oracle *o, int i, const enum verdict *verdicts) {
    size_t open = 0, fresh = 0, mild = 0, mild_fresh = 0;
    for (int k = 0; k < o->depth; k++) {
        bool is_new = o->weight[o->stack[k]][i] == 0;
        o->counts[verdicts[k]]++;
        open += verdicts[k] == OPEN;
        fresh += verdicts[k] == OPEN && is_new;
        mild += verdicts[k] == ALONE || verdicts[k] == GATED;
        mild_fresh += (verdicts[k] == ALONE || verdicts[k] == GATED) && is_new;
    }
    size_t errors = told(GOKORE_REPORT_LOCK_INVERSION, GOKORE_SEVERITY_ERROR);
    size_t infos = told(GOKORE_REPORT_LOCK_GATED, GOKORE_SEVERITY_INFO) + told(GOKORE_REPORT_LOCK_INVERSION, GOKORE_SEVERITY_INFO);
    CHECK(errors >= (o->denies ? 0 : fresh) && errors <= open); // a pair is told once, perhaps as part of another's cycle
    CHECK(infos >= (o->denies ? 0 : mild_fresh) && infos <= mild);
    CHECK_UINT(errors + infos, test_reports_count(GOKORE_REPORT_NONE));
}
static void oracle_lock(oracle *o, int i, bool try_it) {
    enum verdict verdicts[N], worst = NO_CYCLE;
    for (int k = 0; k < o->depth; k++) {
        verdicts[k] = oracle_judge(o, o->stack[k], i);
        if (verdicts[k] > worst) worst = verdicts[k];
    }
    CHECK_STATUS(worst == NO_CYCLE ? GOKORE_OK : GOKORE_ORDER, gokore_lockorder_validate(&o->lock[i]));
    test_reports_capture();
    bool refused = o->denies && !try_it && worst == OPEN;
    gokore_status status = try_it ? gokore_mutex_try_lock(&o->lock[i], 0) : gokore_mutex_lock(&o->lock[i], NULL);
    CHECK_STATUS(refused ? GOKORE_ORDER : GOKORE_OK, status);
    if (try_it) CHECK_UINT(0, test_reports_count(GOKORE_REPORT_NONE));
    if (!try_it) oracle_expect(o, i, verdicts);
    o->refusals += refused;
    for (int k = 0; refused && k < o->depth; k++)
        if (verdicts[k] == OPEN) oracle_forget(o, o->stack[k], i); // refused to all: what was mild until now goes
    if (refused) return;
    for (int k = 0; k < o->depth && !try_it; k++) oracle_see(o, o->stack[k], i);
    o->stack[o->depth++] = i;
    o->held[i] = true;
}
static void oracle_unlock(oracle *o, int at) {
    give(&o->lock[o->stack[at]]);
    o->held[o->stack[at]] = false;
    memmove(&o->stack[at], &o->stack[at + 1], (size_t)(--o->depth - at) * sizeof o->stack[0]);
}
static void oracle_thread(void *arg) {
    oracle *o = (oracle *)arg;
    bool used[N] = { false };
    for (int step = 0; step < STEPS; step++) {
        int i = (int)(test_random(&o->rng) % N);
        uint64_t what = test_random(&o->rng) % 8;
        if (what < 3 && o->depth > 0) {
            oracle_unlock(o, (int)(test_random(&o->rng) % (uint64_t)o->depth)); // in any order
        } else if (!o->held[i] && (o->retake || !used[i])) {
            oracle_lock(o, i, what == 7);
            used[i] = true;
        }
    }
    while (o->depth) oracle_unlock(o, o->depth - 1);
}
static void oracle_begin(oracle *o, bool retake, bool denies) {
    gokore_lockorder_reset();
    gokore_lockorder_hold_limit(NULL, INT64_MAX);
    uint64_t rng = o->rng;
    size_t counts[4];
    memcpy(counts, o->counts, sizeof counts);
    *o = (oracle) { .retake = retake, .denies = denies, .rng = rng };
    memcpy(o->counts, counts, sizeof counts);
    for (int i = 0; i < N; i++) o->born[i] = o->births++;
}
static void oracle_check_graph(const oracle *o) {
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    size_t edges = 0;
    for (int a = 0; a < N; a++)
        for (int b = 0; b < N; b++) edges += o->weight[a][b] != 0;
    CHECK_UINT(edges, g.edge_count);
    for (size_t i = 0; i < g.edge_count; i++) {
        size_t a = (g.edges[i].from - (uintptr_t)o->lock) / sizeof o->lock[0];
        size_t b = (g.edges[i].to - (uintptr_t)o->lock) / sizeof o->lock[0];
        REQUIRE(a < N && b < N);
        CHECK(o->weight[a][b] != 0);
        if (!o->denies) CHECK_UINT(o->weight[a][b], g.edges[i].weight); // a refused edge that comes back has its count back
    }
    gokore_lock_graph_deinit(&g);
}

TEST(oracle, agrees_about_every_acquisition_of_random_programs) {
    watched();
    static oracle o;
    o.rng = test_seed();
    for (int round = 0; round < 150; round++) {
        oracle_begin(&o, round % 2, false);
        for (o.thread = 0; o.thread < 4; o.thread++) test_on_thread(oracle_thread, &o);
        CHECK_STATUS(oracle_has_cycle(&o) ? GOKORE_ORDER : GOKORE_OK, gokore_lockorder_verify());
        oracle_check_graph(&o);
    }
    CHECK(o.counts[NO_CYCLE] && o.counts[GATED] && o.counts[ALONE] && o.counts[OPEN]);
}

TEST(oracle, agrees_where_locks_are_destroyed_between_threads) {
    watched();
    static oracle o;
    o.rng = test_seed();
    for (int round = 0; round < 100; round++) {
        oracle_begin(&o, round % 2, false);
        for (o.thread = 0; o.thread < 6; o.thread++) {
            test_on_thread(oracle_thread, &o);
            int gone = (int)(test_random(&o.rng) % N);
            if (test_random(&o.rng) % 2) continue;
            gokore_mutex_deinit(&o.lock[gone]);
            size_t kept = 0;
            for (size_t i = 0; i < o.seen_count; i++)
                if (o.seen[i].from != gone && o.seen[i].to != gone) o.seen[kept++] = o.seen[i];
            o.seen_count = kept;
            o.born[gone] = o.births++;
            for (int i = 0; i < N; i++) o.weight[i][gone] = o.weight[gone][i] = 0;
        }
        CHECK_STATUS(oracle_has_cycle(&o) ? GOKORE_ORDER : GOKORE_OK, gokore_lockorder_verify());
        oracle_check_graph(&o);
        for (int i = 0; i < N; i++) gokore_mutex_deinit(&o.lock[i]);
    }
}

TEST(oracle, agrees_about_every_refusal) {
    deny_only();
    static oracle o;
    o.rng = test_seed();
    size_t refusals = 0;
    for (int round = 0; round < 150; round++) {
        oracle_begin(&o, false, true);
        for (o.thread = 0; o.thread < 6; o.thread++) {
            test_on_thread(oracle_thread, &o);
            oracle_check_graph(&o); // a refused acquisition has left nothing
        }
        refusals += o.refusals;
    }
    CHECK(refusals > 0);
}

// ---- several threads at once

typedef struct traffic {
    gokore_mutex shared[16];
    gokore_atomic_bool stop;
} traffic;
typedef struct driver {
    traffic *of;
    uint64_t rng;
} driver;
static gokore_lock_class traffic_class = GOKORE_LOCK_CLASS_INIT("NetworkWriter");
static void *drive(void *p) {
    driver *d = (driver *)p;
    while (!gokore_atomic_load_relaxed(&d->of->stop)) {
        gokore_mutex own[2], classed = GOKORE_MUTEX_INIT_CLASS(&traffic_class);
        gokore_mutex_init(&own[0], NULL), name_it(&own[1], "own");
        uint64_t low = test_random(&d->rng) % 15, high = low + 1 + test_random(&d->rng) % (15 - low);
        take(&d->of->shared[low]), take(&d->of->shared[high]); // always upwards
        take(&own[0]), take(&own[1]);
        if (test_random(&d->rng) % 4 == 0) take(&classed), give(&classed);
        CHECK_UINT(4, gokore_lockorder_held(NULL, 0));
        give(&d->of->shared[low]), give(&own[0]), give(&own[1]), give(&d->of->shared[high]);
        gokore_mutex_deinit(&own[0]), gokore_mutex_deinit(&own[1]), gokore_mutex_deinit(&classed);
    }
    return NULL;
}
TEST(threads, may_lock_learn_and_ask_at_the_same_time) {
    test_only_with("LOCKORDER=1");
    static traffic t;
    driver d[3];
    pthread_t thread[3];
    uint64_t rng = test_seed();
    for (size_t i = 0; i < COUNT(d); i++) {
        d[i] = (driver) { &t, test_random(&rng) };
        REQUIRE(pthread_create(&thread[i], NULL, drive, &d[i]) == 0);
    }
    for (int64_t until = gokore_now_ns() + 400000000; gokore_now_ns() < until;) {
        gokore_lock_graph g;
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        gokore_lock_graph_deinit(&g);
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_verify());
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_validate(&t.shared[3]));
        CHECK_STATUS(GOKORE_OK, gokore_lockorder_load(NULL));
        CHECK(in_order("NetworkWriter", "GUIUpdate"));
    }
    gokore_atomic_store(&t.stop, true);
    for (size_t i = 0; i < COUNT(d); i++) (void)pthread_join(thread[i], NULL);
}

// Each lock is known from the moment it is set up, and shown from the moment it is first held.
static void *show_up(void *p) {
    traffic *t = (traffic *)p;
    static const char name[] = "a name that is long enough to be missed where it was not counted";
    enum { CROWD = 100 };
    gokore_mutex *m = (gokore_mutex *)calloc(CROWD, sizeof *m);
    REQUIRE(m != NULL);
    while (!gokore_atomic_load_relaxed(&t->stop)) {
        for (int i = 0; i < CROWD; i++) name_it(&m[i], name);
        for (int i = 0; i < CROWD; i++) take(&m[i]), give(&m[i]);
        for (int i = 0; i < CROWD; i++) gokore_mutex_deinit(&m[i]);
    }
    free(m);
    return NULL;
}
TEST(threads, may_ask_for_the_graph_while_locks_show_up_in_it) {
    test_only_with("LOCKORDER=1");
    static traffic t;
    pthread_t thread[2];
    for (size_t i = 0; i < COUNT(thread); i++) REQUIRE(pthread_create(&thread[i], NULL, show_up, &t) == 0);
    for (int64_t until = gokore_now_ns() + 300000000; gokore_now_ns() < until;) {
        gokore_lock_graph g;
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
        for (size_t i = 0; i < g.node_count; i++) CHECK_UINT(64, strlen(g.nodes[i].name));
        gokore_lock_graph_deinit(&g);
    }
    gokore_atomic_store(&t.stop, true);
    for (size_t i = 0; i < COUNT(thread); i++) (void)pthread_join(thread[i], NULL);
}

// One thread is refused a while it holds x and b, again and again; another takes a under a lock of x's class.
typedef struct refusal {
    gokore_mutex a, b, x[2];
    gokore_atomic_bool stop;
    gokore_atomic_u64 refused;
} refusal;
static gokore_lock_class refusal_class = GOKORE_LOCK_CLASS_INIT("X");
static void *be_refused_forever(void *p) {
    refusal *r = (refusal *)p;
    while (!gokore_atomic_load_relaxed(&r->stop)) {
        take(&r->x[0]), take(&r->b);
        CHECK_STATUS(GOKORE_ORDER, gokore_mutex_lock(&r->a, NULL)); // a -> b was first
        give(&r->b), give(&r->x[0]);
        (void)gokore_atomic_add(&r->refused, 1);
    }
    return NULL;
}
TEST(threads, one_that_is_refused_takes_no_edge_away_from_another) {
    deny_only();
    static refusal r;
    pthread_t thread;
    test_reports_capture();
    name_it(&r.a, "a"), name_it(&r.b, "b");
    for (int i = 0; i < 2; i++) gokore_mutex_init(&r.x[i], &(gokore_mutex_desc) { .lock_class = &refusal_class });
    take(&r.a), take(&r.b), give(&r.b), give(&r.a);
    REQUIRE(pthread_create(&thread, NULL, be_refused_forever, &r) == 0);
    uint64_t times = 0;
    int64_t until = gokore_now_ns() + 300000000;
    for (; gokore_now_ns() < until || !gokore_atomic_load(&r.refused); times++)
        take(&r.x[1]), take(&r.a), give(&r.a), give(&r.x[1]);
    gokore_atomic_store(&r.stop, true);
    (void)pthread_join(thread, NULL);
    gokore_lock_graph g;
    REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_graph(&g));
    uint64_t weight = 0;
    for (size_t i = 0; i < g.edge_count; i++)
        if (g.edges[i].to == (uintptr_t)&r.a) weight += g.edges[i].weight;
    CHECK_UINT(times, weight); // x -> a, counted each time
    CHECK_UINT(3, g.edge_count);
    gokore_lock_graph_deinit(&g);
    CHECK_UINT(1, test_reports_count(GOKORE_REPORT_NONE));
}
