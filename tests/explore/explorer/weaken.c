// weaken.c - weakens one memory order after the other, by one step and at run time, and says which scenario notices. An order is
// a line of a function with an operation of that order: what is inlined in several places is weakened in all of them.
#define _GNU_SOURCE 1
#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, SCENARIOS = 64 };
static explore_scenario *order[SCENARIOS]; // who caught something last comes first
static uint64_t bits[SCENARIOS];
static int count;
static char where[MOST][120];
static const char *killed; // a file: a line per order that was caught, by this program or another

static const char *operation_name(operation op) {
    static const char *const names[] = { "load", "store", "exchange", "cas", "rmw", "fence", "other" };
    return names[op];
}

// The orders one step weaker, -1 = none at all; ends with -2.
static const int *weaker(const site *s) {
    static const int load[] = { __ATOMIC_ACQUIRE, -2 }, store[] = { __ATOMIC_RELEASE, -2 }, both[] = { __ATOMIC_ACQ_REL, -2 };
    static const int halves[] = { __ATOMIC_ACQUIRE, __ATOMIC_RELEASE, -2 }, relaxed[] = { __ATOMIC_RELAXED, -2 };
    static const int none[] = { -1, -2 }, nothing[] = { -2 };
    bool fence = s->op == OP_FENCE;
    switch (s->order) {
    case __ATOMIC_SEQ_CST: return s->op == OP_LOAD ? load : s->op == OP_STORE ? store : both;
    case __ATOMIC_ACQ_REL: return halves;
    case __ATOMIC_RELAXED: return nothing;
    default: return fence ? none : relaxed;
    }
}

static void to_front(int i) {
    explore_scenario *s = order[i];
    uint64_t bit = bits[i];
    memmove(order + 1, order, (size_t)i * sizeof *order);
    memmove(bits + 1, bits, (size_t)i * sizeof *bits);
    order[0] = s;
    bits[0] = bit;
}

// Longer looks come after shorter ones at all scenarios; the last is what the command line asks for.
static bool survives(int i, int pass) {
    static const long looks[] = { 60, 600 };
    engine.scenario_bit = 0;
    return pass < 2 ? explore_looks_fine(order[i], looks[pass]) : explore_is_fine(order[i]);
}

static const char *catcher(uint64_t scenarios) { // the first that fails, of those that come there; NULL: none
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < count; i++)
            if ((bits[i] & scenarios) && !survives(i, pass)) return to_front(i), order[0]->name;
    return NULL;
}

static bool is_killed(const char *text) {
    char line[256];
    bool found = false;
    FILE *f = fopen(killed, "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        found = strcmp(line, text) == 0;
    }
    if (f) (void)fclose(f);
    return found;
}

static void note_killed(const char *text) {
    FILE *f = fopen(killed, "a");
    if (!f) return;
    fprintf(f, "%s\n", text);
    (void)fclose(f);
}

typedef struct tally { int all, caught, elsewhere; } tally;

static void weaken_group(site *sites, int n, int group, int to, tally *out) {
    const site *s = &sites[group];
    char text[256];
    uint64_t scenarios = 0;
    (void)snprintf(text, sizeof text, "%s %s %s -> %s", where[group], operation_name(s->op), explore_order_name(s->order),
                   explore_order_name(to));
    out->all++;
    if (is_killed(text)) {
        out->elsewhere++;
        return;
    }
    for (int i = 0; i < n; i++)
        if (sites[i].group == group) sites[i].weakened = to, scenarios |= sites[i].scenarios;
    const char *by = catcher(scenarios);
    for (int i = 0; i < n; i++)
        if (sites[i].group == group) sites[i].weakened = -2;
    printf("%s  %s", by ? "ok   " : "LIVES", text);
    if (by) printf("  %s: %.60s", by, engine.failure), out->caught++, note_killed(text);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static bool all_are_fine(explore_scenario *scenarios) { // and who comes where
    for (explore_scenario *s = scenarios; s && count < SCENARIOS; s = s->next) {
        if (s->limits.fails) continue;
        bits[count] = engine.scenario_bit = (uint64_t)1 << count;
        order[count++] = s;
        if (explore_is_fine(s)) continue;
        printf("fails as it is: %s: %s\n", s->name, engine.failure);
        return false;
    }
    return true;
}

static bool same_group(const site *sites, int a, int b) {
    return strcmp(where[a], where[b]) == 0 && sites[a].order == sites[b].order && sites[a].op == sites[b].op;
}

int explore_weaken(explore_scenario *scenarios, const char *file) {
    static const void *pcs[MOST];
    site *sites;
    tally sum = { 0 };
    killed = file;
    if (!all_are_fine(scenarios)) return 1;
    int n = explore_sites(&sites);
    for (int i = 0; i < n; i++) pcs[i] = sites[i].pc;
    explore_places(pcs, n, where);
    for (int i = 0; i < n; i++) {
        int group = 0;
        while (!same_group(sites, group, i)) group++;
        sites[i].group = group;
    }
    for (int i = 0; i < n; i++) {
        if (strncmp(where[i], "gokore", 6) != 0) continue;
        if (sites[i].group != i) continue;
        printf("here   %s %s %s\n", where[i], operation_name(sites[i].op), explore_order_name(sites[i].order));
        for (const int *to = weaker(&sites[i]); *to != -2; to++) weaken_group(sites, n, i, *to, &sum);
    }
    printf("%d weaker orders, %d caught, %d caught by other families, %d live\n", sum.all, sum.caught, sum.elsewhere,
           sum.all - sum.caught - sum.elsewhere);
    return 0;
}
