// deadlock.c - dining philosophers that deadlock, are explained, and go on
//
// Each philosopher takes the fork at the left, then the one at the right. At their first meal they all take the left one
// before anybody takes a right one, so they hang: for certain. The lock checker has said before that they could (the order
// of the forks is a circle), says who waits for whom when they do, and a strategy picks the one who came last: its wait ends
// with GOKORE_DEADLOCK, it puts its fork down, waits as the policy for retries says, and tries again. Everybody eats.
//
//   deadlock [--philosophers N] [--meals N] [--graph dot|mermaid|json]
#define GOKORE_LOCKORDER 1
#define GOKORE_IMPLEMENTATION
#include "../gokore_sync.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };
typedef struct table {
    gokore_mutex forks[MOST];
    uint32_t philosophers, meals;
    gokore_waitgroup seated;               // done once everybody holds the left fork of the first meal
    gokore_atomic_u32 eaten, put_back;     // put_back: forks, because of a deadlock
    gokore_atomic_u32 warnings, deadlocks; // reports
} table;
typedef struct philosopher {
    table *at;
    uint32_t seat;
    pthread_t thread;
} philosopher;

// ---- what is said

static void explain(const gokore_report *report, void *user) {
    table *t = (table *)user;
    bool now = report->id == GOKORE_REPORT_LOCK_DEADLOCK;
    (void)gokore_atomic_add(now ? &t->deadlocks : &t->warnings, 1);
    flockfile(stdout);
    printf("\n%s: ", now ? "A DEADLOCK" : "a warning");
    (void)!gokore_lockorder_explain(gokore_writer_file(stdout));
    printf("\n");
    funlockfile(stdout);
}

// Whoever came last has waited least: it puts its fork back and comes again.
static gokore_status last_one_yields(const gokore_deadlock *deadlock, gokore_resolution *out, void *user) {
    (void)deadlock, (void)user;
    out->type = GOKORE_RESOLVE_CANCEL_VICTIM;
    return GOKORE_OK;
}

// ---- what is done

// Both forks, or GOKORE_DEADLOCK and none.
static gokore_status take_forks(philosopher *p, uint32_t meal, bool again) {
    table *t = p->at;
    gokore_mutex *left = &t->forks[p->seat], *right = &t->forks[(p->seat + 1) % t->philosophers];
    gokore_status status = gokore_mutex_lock(left, NULL);
    if (status != GOKORE_OK) return status;
    if (meal == 0 && !again) { // nobody goes on before all have come so far
        gokore_waitgroup_done(&t->seated);
        while (gokore_waitgroup_wait(&t->seated, NULL) != GOKORE_OK) {}
    }
    status = gokore_mutex_lock(right, NULL);
    if (status != GOKORE_OK) gokore_mutex_unlock(left);
    return status;
}

static void eat(philosopher *p, uint32_t meal) {
    table *t = p->at;
    gokore_retry_policy retry = gokore_lock_policy_default(GOKORE_QOS_DEFAULT).retry;
    gokore_status status = take_forks(p, meal, false);
    for (unsigned attempt = 0; status == GOKORE_DEADLOCK; attempt++) {
        (void)gokore_atomic_add(&t->put_back, 1);
        (void)!gokore_sleep_ns(gokore_retry_delay_ns(&retry, attempt, NULL), NULL);
        status = take_forks(p, meal, true);
    }
    if (status != GOKORE_OK) abort();
    (void)gokore_atomic_add(&t->eaten, 1);
    gokore_mutex_unlock(&t->forks[p->seat]);
    gokore_mutex_unlock(&t->forks[(p->seat + 1) % t->philosophers]);
}

static void *dine(void *arg) {
    philosopher *p = (philosopher *)arg;
    for (uint32_t meal = 0; meal < p->at->meals; meal++) eat(p, meal);
    return NULL;
}

static bool lay(table *t) {
    gokore_report_set(explain, t);
    gokore_waitgroup_add(&t->seated, t->philosophers);
    for (uint32_t i = 0; i < t->philosophers; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "fork %u", i);
        gokore_mutex_init(&t->forks[i], &(gokore_mutex_desc) { .name = name });
    }
    return gokore_deadlock_register_strategy("last one yields", last_one_yields, NULL) == GOKORE_OK &&
           gokore_deadlock_watch_start(0) == GOKORE_OK;
}

static void show_graph(const char *form) {
    gokore_lock_graph graph;
    gokore_writer out = gokore_writer_file(stdout);
    if (!form || gokore_lockorder_graph(&graph) != GOKORE_OK) return;
    if (strcmp(form, "dot") == 0) (void)!gokore_lock_graph_write_dot(&graph, out);
    if (strcmp(form, "mermaid") == 0) (void)!gokore_lock_graph_write_mermaid(&graph, out);
    if (strcmp(form, "json") == 0) (void)!gokore_lock_graph_write_json(&graph, out);
    gokore_lock_graph_deinit(&graph);
}

static int usage(const char *program) {
    fprintf(stderr, "usage: %s [--philosophers 2..%d] [--meals N] [--graph dot|mermaid|json]\n", program, MOST);
    return 2;
}

static bool number(const char *text, uint32_t least, uint32_t most, uint32_t *out) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *out = (uint32_t)value;
    return *text >= '0' && *text <= '9' && *end == 0 && value >= least && value <= most;
}

int main(int argc, char **argv) {
    static table t = { .philosophers = 5, .meals = 3 };
    static philosopher seats[MOST];
    const char *graph = NULL;
    for (int i = 1; i < argc; i += 2) {
        bool ok = i + 1 < argc;
        if (ok && strcmp(argv[i], "--philosophers") == 0) ok = number(argv[i + 1], 2, MOST, &t.philosophers);
        else if (ok && strcmp(argv[i], "--meals") == 0) ok = number(argv[i + 1], 1, 1000000, &t.meals);
        else if (ok && strcmp(argv[i], "--graph") == 0) graph = argv[i + 1];
        else ok = false;
        if (graph && strcmp(graph, "dot") != 0 && strcmp(graph, "mermaid") != 0 && strcmp(graph, "json") != 0) ok = false;
        if (!ok) return usage(argv[0]);
    }
    if (!lay(&t)) return 1;
    for (uint32_t i = 0; i < t.philosophers; i++) {
        seats[i] = (philosopher) { .at = &t, .seat = i };
        if (pthread_create(&seats[i].thread, NULL, dine, &seats[i]) != 0) return 1;
    }
    for (uint32_t i = 0; i < t.philosophers; i++) (void)pthread_join(seats[i].thread, NULL);
    gokore_deadlock_watch_stop();
    gokore_report_set(NULL, NULL);
    printf("%u philosophers ate %u meals; deadlocks: %u, forks put back: %u\n", t.philosophers, gokore_atomic_load(&t.eaten),
           gokore_atomic_load(&t.deadlocks), gokore_atomic_load(&t.put_back));
    show_graph(graph);
    bool all = gokore_atomic_load(&t.eaten) == t.philosophers * t.meals;
    return all && gokore_atomic_load(&t.deadlocks) > 0 && gokore_atomic_load(&t.warnings) > 0 ? 0 : 1;
}
