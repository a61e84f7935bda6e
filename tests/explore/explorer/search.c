// search.c - the explorer's choices, its three searches, and what it shows of a failure.
//
// Depth first with a bound on preemptions: M. Musuvathi, S. Qadeer, "Iterative Context Bounding" (PLDI 2007). Deviation: what
// else is out of the ordinary (an old value, a spurious wake-up, a late clock) counts like a preemption. PCT: S. Burckhardt et
// al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs" (ASPLOS 2010), 3 points of change. A failure is made
// shorter by taking back one choice after the other.
#define _GNU_SOURCE 1
#include "inside.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHOICES = 1 << 16, OUTCOMES = 64, POINTS = 3 };
typedef enum mode { RANDOM, PCT, SEARCH, REPLAY } search_mode;

static explore_scenario *scenarios;
static struct { uint8_t chosen, of; } choices[CHOICES];
static int choice_count, choice_fixed; // made in this run; given to it beforehand
static search_mode how;
static int bound;                             // of deviations, in this run; -1 = none, and what else is limited is so less
static uint64_t random_state;
static int switch_every;                      // RANDOM: a switch every so many points, on average
static int length_seen, points[POINTS];       // PCT: steps of the longest run; where priorities change
static char outcomes[OUTCOMES][32];
static int outcome_count;
static long runs_wanted = 20000, search_most = 200000, runs_least;
static uint64_t seed;
static long runs_made;
static const char *replay;
static bool stop;    // at the first failure, and only name it
static const char *weaken;


// ---- choices

static uint64_t random_next(void) { // xorshift64*
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}
static int random_below(int n) { return (int)((random_next() >> 32) * (uint64_t)n >> 32); }

static int guess(int n, choice_kind kind) {
    static const int one_in[] = { 1, 2, 16, 1, 8, 2 }; // how often something else than 0
    return random_below(one_in[kind]) ? 0 : random_below(n);
}

static int decide(int n, int by_chance) {
    int i = choice_count;
    if (i == CHOICES) explore_fail("a run too long for the explorer");
    int c = i < choice_fixed ? choices[i].chosen % n : how == RANDOM || how == PCT ? by_chance : 0;
    choices[i].chosen = (uint8_t)c;
    choices[i].of = (uint8_t)n;
    choice_count++;
    return c;
}

int explore_choose(int n, choice_kind kind) {
    int *const budgets[] = { [CHOOSE_MESSAGE] = &engine.left.stale, [CHOOSE_FAILURE] = &engine.left.spurious,
                             [CHOOSE_TIME] = &engine.left.jumps, [CHOOSE_PAUSE] = &engine.left.bound, [CHOOSE_SLEEPER] = NULL };
    int *left = budgets[kind];
    if (n < 2 || (left && (*left <= 0 || engine.left.bound <= 0))) return 0;
    int c = decide(n, how == RANDOM || how == PCT ? guess(n, kind) : 0);
    if (!c || !left) return c;
    engine.left.bound--;
    if (left != &engine.left.bound) --*left;
    return c;
}

static int guess_thread(thread *const *who, int n, bool stays) {
    if (how == RANDOM) {
        if (stays && random_below(switch_every)) return 0;
        return random_below(n);
    }
    for (int i = 0; i < POINTS; i++)
        if (points[i] == engine.steps) engine.running->priority = -i - 1;
    int best = 0;
    for (int i = 1; i < n; i++) {
        bool asleep = who[i]->state == PARKED;
        if (asleep ? random_below(32) == 0 : who[i]->priority > who[best]->priority) best = i;
    }
    return best;
}

int explore_choose_thread(thread *const *who, int n, bool stays) {
    if (n < 2) return 0;
    return decide(n, how == RANDOM || how == PCT ? guess_thread(who, n, stays) : 0);
}

// ---- what scenarios call

void explore_add(explore_scenario *s) {
    explore_scenario **at = &scenarios;
    while (*at) at = &(*at)->next;
    *at = s;
}

void explore_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(engine.failure, sizeof engine.failure, format, args);
    va_end(args);
    if (!engine.running) {
        fprintf(stderr, "%s\n", engine.failure);
        abort();
    }
    _longjmp(engine.home, 1);
}

void explore_check(bool holds, const char *file, int line, const char *text) {
    if (!holds) explore_fail("%s:%d: %s", file, line, text);
}

void explore_assert(bool holds, const char *file, int line, const char *text);
void explore_assert(bool holds, const char *file, int line, const char *text) { explore_check(holds, file, line, text); }

void explore_reported(const char *id, const char *message) { explore_fail("report %s: %s", id, message); }

static bool expected(const char *outcome, const char *list) {
    size_t n = strlen(outcome);
    for (const char *at = list; (at = strstr(at, outcome)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
    return false;
}

void explore_outcome(const char *format, ...) {
    char text[32];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (engine.tracing) explore_trace(NULL, NULL, "outcome %s", text);
    if (!expected(text, engine.scenario->limits.outcomes)) explore_fail("outcome %s", text);
    for (int i = 0; i < outcome_count; i++)
        if (strcmp(outcomes[i], text) == 0) return;
    if (outcome_count < OUTCOMES) memcpy(outcomes[outcome_count++], text, sizeof text);
}

// ---- one run

static void body(void *arg) {
    (void)arg;
    engine.scenario->body();
    if (!engine.scenario->limits.leaks && explore_leaked()) explore_fail("%d blocks of memory are left", explore_leaked());
}

static bool run(void) { // false: it failed
    engine.run++;
    engine.failure[0] = 0;
    engine.left = engine.scenario->limits;
    engine.left.bound = bound;
    if (bound < 0) {
        engine.left.bound = INT32_MAX;
        if (engine.left.stale) engine.left.stale = INT32_MAX;
        engine.left.spurious *= 2;
        engine.left.expiries *= 2;
        engine.left.jumps *= 2;
        switch_every = 2 << random_below(4);
        for (int i = 0; i < THREADS; i++) engine.threads[i].priority = random_below(1 << 20);
        for (int i = 0; i < POINTS; i++) points[i] = 1 + random_below(length_seen + 1);
    }
    choice_count = 0;
    explore_threads_begin();
    explore_memory_begin();
    explore_threads_run(body);
    explore_memory_end();
    if (engine.steps > length_seen) length_seen = engine.steps;
    return engine.failure[0] == 0;
}

static bool search_next(void) { // the next schedule, depth first; false: there is none
    while (choice_count > 0 && choices[choice_count - 1].chosen + 1 >= choices[choice_count - 1].of) choice_count--;
    choice_fixed = choice_count;
    if (choice_count == 0) return false;
    choices[choice_count - 1].chosen++;
    return true;
}

// ---- showing a failure

static bool same_failure(const char *a) { return strncmp(a, engine.failure, 12) == 0; }

// Takes back one choice after the other, the last first, where the run fails all the same.
static void shorten(const char *failure) {
    static uint8_t best[CHOICES];
    int n = choice_count;
    for (int i = 0; i < n; i++) best[i] = choices[i].chosen;
    for (bool shorter = true; shorter;) {
        shorter = false;
        for (int i = n; i-- > 0;) {
            if (!best[i] || i >= n) continue;
            for (int k = 0; k < n; k++) choices[k].chosen = k == i ? 0 : best[k];
            choice_fixed = n;
            if (run() || !same_failure(failure)) continue;
            shorter = true;
            n = choice_count;
            for (int k = 0; k < n; k++) best[k] = choices[k].chosen;
        }
    }
    while (n > 0 && best[n - 1] == 0) n--;
    for (int k = 0; k < n; k++) choices[k].chosen = best[k];
    choice_fixed = n;
}

// The bound, a colon, the choices: those other than 0 are letters, a number says how many 0 come before.
static void schedule_write(char *out, size_t size) {
    size_t at = (size_t)snprintf(out, size, "%d:", bound);
    int zeros = 0;
    for (int i = 0; i < choice_fixed && at + 16 < size; i++) {
        if (!choices[i].chosen) {
            zeros++;
            continue;
        }
        if (zeros) at += (size_t)snprintf(out + at, size - at, "%d", zeros);
        out[at++] = (char)('a' + choices[i].chosen - 1);
        out[at] = 0;
        zeros = 0;
    }
}

static void schedule_read(const char *text) {
    char *at;
    bound = (int)strtol(text, &at, 10);
    choice_fixed = 0;
    if (*at == ':') at++;
    while (*at && choice_fixed < CHOICES) {
        for (long zeros = strtol(at, &at, 10); zeros > 0 && choice_fixed < CHOICES; zeros--) choices[choice_fixed++].chosen = 0;
        if (*at < 'a' || *at > 'z' || choice_fixed == CHOICES) return;
        choices[choice_fixed++].chosen = (uint8_t)(*at++ - 'a' + 1);
    }
}

static void show(const char *program) {
    static char schedule[8192];
    engine.tracing = true;
    (void)run();
    engine.tracing = false;
    schedule_write(schedule, sizeof schedule);
    printf("    %s\n", engine.failure[0] ? engine.failure : "nothing fails");
    explore_trace_show();
    printf("    again: %s %s --replay %s\n", program, engine.scenario->name, schedule);
}

// ---- the searches

typedef struct tally { long runs; int bound; bool complete; } tally;

static bool search(tally *t) { // false: a run failed
    bool fine, more = true;
    long n = 0;
    how = SEARCH;
    choice_fixed = 0;
    do {
        fine = run();
        n++;
    } while (fine && n < search_most && (more = search_next()));
    t->runs += n;
    t->complete = fine && !more;
    if (t->complete) t->bound = bound;
    return fine;
}

static bool chance(tally *t, search_mode mode, long n) {
    how = mode;
    bound = -1;
    length_seen = 0;
    random_state = seed * 2 + 1;
    choice_fixed = 0;
    for (long i = 0; i < n; i++, t->runs++)
        if (!run()) return false;
    return true;
}

static bool explore(tally *t) {
    *t = (tally) { 0, -1, false };
    if (stop && !(chance(t, RANDOM, 2000) && chance(t, PCT, 2000))) return false; // the quick way first
    for (bound = 0; bound <= engine.scenario->limits.bound; bound++) {
        if (!search(t)) return false;
        if (!t->complete) break;
    }
    if (engine.scenario->limits.outcomes && t->complete) return true;
    return chance(t, RANDOM, runs_wanted) && chance(t, PCT, runs_wanted);
}

static const char *missing(char *out, size_t size) { // an outcome that was not seen; NULL = none
    const char *list = engine.scenario->limits.outcomes;
    for (const char *at = list ? list : ""; *at;) {
        size_t n = strcspn(at, " ");
        (void)snprintf(out, size, "%.*s", (int)n, at);
        bool seen = false;
        for (int i = 0; i < outcome_count; i++) seen |= strcmp(outcomes[i], out) == 0;
        if (!seen) return out;
        at += n + strspn(at + n, " ");
    }
    return NULL;
}

static bool chosen(const explore_scenario *s, int argc, char **argv) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            i++;
            continue;
        }
        any = true;
        if (strncmp(s->name, argv[i], strlen(argv[i])) == 0) return true;
    }
    return !any;
}

// ---- for who only asks whether anything fails

bool explore_looks_fine(explore_scenario *s, long n) { // n random runs, and n by PCT
    tally t = { 0, -1, false };
    engine.scenario = s;
    return chance(&t, RANDOM, n) && chance(&t, PCT, n);
}

bool explore_is_fine(explore_scenario *s) { // all that is asked for
    tally t;
    engine.scenario = s;
    return explore(&t);
}

// Which of the chosen ones a short look finds to fail; NULL: none. Most mutants are found so.
static explore_scenario *found_at_once(explore_scenario *from, int argc, char **argv) {
    for (explore_scenario *s = from; s; s = s->next)
        if (!s->limits.fails && chosen(s, argc, argv) && !explore_looks_fine(s, 200)) return s;
    return NULL;
}

// ---- results

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void record(const char *result, const char *name, double took) {
    const char *path = getenv("TEST_RESULTS");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f) return;
    fprintf(f, "%s\t%s\t%.3f\n", result, name, took);
    (void)fclose(f);
}

// more: so many runs by chance, after all that was asked for; 0: just that.
static bool scenario_run(const char *program, long more) {
    const explore_limits *limits = &engine.scenario->limits;
    tally t = { 0, -1, false };
    outcome_count = 0;
    engine.watched = NULL;
    double start = seconds();
    bool fine = more ? chance(&t, RANDOM, more / 2) && chance(&t, PCT, more - more / 2) : explore(&t);
    double took = seconds() - start;
    char failure[sizeof engine.failure], lost[32];
    memcpy(failure, engine.failure, sizeof failure);
    bool good = limits->fails ? !fine && strstr(failure, limits->fails) : fine;
    if (!fine && !good && !stop) {
        how = REPLAY;
        shorten(failure);
    } else if (good && !more && !limits->fails && missing(lost, sizeof lost)) {
        good = false;
        (void)snprintf(engine.failure, sizeof engine.failure, "outcome %s was never seen", lost);
    }
    printf("%s  %-60s %8ld runs%s", good ? "ok   " : "FAIL ", engine.scenario->name, t.runs, more ? " more" : "");
    if (t.bound >= 0) printf(", all with %d deviations", t.bound);
    printf("  %.1f s, %.0f/s\n", took, (double)t.runs / (took > 0 ? took : 1));
    if (limits->fails && !good) printf("    expected to fail with '%s'\n", limits->fails);
    if (!good && (fine || stop)) printf("    %s\n", engine.failure);
    if (!good && !fine && !stop) show(program);
    runs_made += t.runs;
    engine.scenario->runs += t.runs;
    engine.scenario->seconds += took;
    if (!more || !good) record(good ? "pass" : "fail", engine.scenario->name, took);
    (void)fflush(stdout);
    return good;
}

// ---- so many runs per suite: what comes before the dot in a scenario's name

static bool same_suite(const explore_scenario *a, const explore_scenario *b) {
    size_t n = strcspn(a->name, ".") + 1;
    return strncmp(a->name, b->name, n) == 0;
}

static long suite_runs(const explore_scenario *of, double *per_second) {
    long n = 0;
    *per_second = 0;
    for (const explore_scenario *s = scenarios; s; s = s->next) {
        if (!same_suite(s, of)) continue;
        n += s->runs;
        if (s->runs) *per_second += (double)s->runs / (s->seconds > 0 ? s->seconds : 1e-6);
    }
    return n;
}

// What is missing is made up for by runs by chance; each scenario of the suite has the same time. How many fail.
static int suite_fill(const char *program, explore_scenario *first) {
    double per_second;
    int failed = 0;
    long n = suite_runs(first, &per_second), missing_runs = runs_least - n;
    for (explore_scenario *s = first; s && n < runs_least; s = s->next) {
        if (!s->runs || s->limits.fails || !same_suite(s, first)) continue;
        double share = (double)s->runs / (s->seconds > 0 ? s->seconds : 1e-6) / per_second;
        engine.scenario = s;
        failed += !scenario_run(program, (long)(share * (double)missing_runs) + 2);
    }
    printf("note  %.*s: %ld runs\n", (int)strcspn(first->name, "."), first->name, suite_runs(first, &per_second));
    return failed;
}

static int suites_fill(const char *program) {
    int failed = 0;
    seed++; // not the same once more
    for (explore_scenario *s = scenarios; s; s = s->next) {
        const explore_scenario *before = scenarios;
        while (before != s && !same_suite(before, s)) before = before->next;
        if (before == s && s->runs) failed += suite_fill(program, s);
    }
    return failed;
}

// ---- main

static void crashed(int number) {
    if (engine.running) explore_fail("%s", strsignal(number));
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void crashes_are_failures(void) {
    static char space[1 << 16];
    const stack_t alternative = { .ss_sp = space, .ss_size = sizeof space };
    struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };
    (void)sigaltstack(&alternative, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    (void)sigaction(SIGFPE, &action, NULL);
}


static void options(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (argv[i][0] != '-') continue;
        if (!strcmp(argv[i], "--seed")) seed = strtoull(value, NULL, 0);
        else if (!strcmp(argv[i], "--runs")) runs_wanted = strtol(value, NULL, 0);
        else if (!strcmp(argv[i], "--most")) search_most = strtol(value, NULL, 0);
        else if (!strcmp(argv[i], "--least")) runs_least = strtol(value, NULL, 0);
        else if (!strcmp(argv[i], "--replay")) replay = value;
        else if (!strcmp(argv[i], "--stop")) stop = atoi(value) != 0;
        else if (!strcmp(argv[i], "--weaken")) weaken = value;
        else {
            printf("usage: %s [SCENARIO...] [--runs N] [--most N] [--least N] [--seed N]\n"
                   "       [--replay SCHEDULE] [--stop 1] [--weaken FILE]\n"
                   "  --runs   random runs, and as many of PCT; default %ld\n"
                   "  --most   depth-first runs per bound; default %ld\n"
                   "  --least  runs of a suite together: more by chance, until it has them\n"
                   "  --weaken weakens each memory order in turn, and says which the scenarios do not catch; see weaken.c\n",
                   argv[0], runs_wanted, search_most);
            exit(2);
        }
        i++;
    }
}

int main(int argc, char **argv) {
    seed = (uint64_t)time(NULL) * 1000003 ^ (uint64_t)getpid();
    options(argc, argv);
    crashes_are_failures();
    explore_threads_setup();
    explore_memory_setup();
    int passed = 0, failed = 0;
    double start = seconds();
    for (explore_scenario *s = scenarios; s; s = s->next) {
        if (!s->limits.steps) s->limits.steps = 5000;
        if (!s->limits.jump_ns) s->limits.jump_ns = 1000000;
    }
    if (weaken) return explore_weaken(scenarios, weaken);
    printf("seed %#llx\n", (unsigned long long)seed);
    explore_scenario *found = stop ? found_at_once(scenarios, argc, argv) : NULL;
    for (explore_scenario *s = found ? found : scenarios; s; s = s->next) {
        if (!chosen(s, argc, argv)) continue;
        engine.scenario = s;
        if (replay) {
            how = REPLAY;
            schedule_read(replay);
            (void)run(); // finds what a race is about
            show(argv[0]);
            continue;
        }
        if (scenario_run(argv[0], 0)) passed++; else failed++;
        if (stop && failed) break;
    }
    if (replay) return 0;
    if (runs_least && !failed) failed += suites_fill(argv[0]);
    double took = seconds() - start;
    printf("note  %ld runs, %.0f/s, seed %#llx\n", runs_made, (double)runs_made / took, (unsigned long long)seed);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
