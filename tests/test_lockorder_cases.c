// test_lockorder_cases.c - lock programs of tests/data/lockorder.tsv: what is reported of each
//
// Programs: L lock, U unlock, T try-lock, TL timed lock (1 ms), R read-lock, W write-lock, V unlock of an rwlock, Q and D lock and
// unlock a foreign recursive lock, Lnest(a,o) lock nested under o, Lsub(a,1) lock with a subclass, pin, unpin, destroy, init,
// free (its memory); AB is L(a)L(b)U(b)U(a). { } is a thread started and joined there; | begins the next thread, started after the
// one before was joined. A thread unlocks at its end what it still holds, newest first, unless it begins with `keep`.
// Setup: rec or nonrec (rwlocks), a=X (lock a is of class X), a#10 (rank), rule=X>Y, bless=X,Y, exempt=M,N,O, mode=strict|instance|
// class, held=2 and locks=2 (limits of a thread, of the process).
// Expected: OK or the reports in any order (":info" = of that severity, error otherwise), ~text or !text: in the first message, or
// not; =STATUS of the last call.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "support/test.h"
#include "../gokore_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

typedef struct hold {
    char kind; // L, R, W, Q
    int lock;
} hold;
typedef struct machine {
    gokore_mutex mutex[26];
    gokore_rwlock rwlock[26];
    int foreign[26]; // recursive locks: only their addresses matter
    gokore_lock_class cls[26];
    char cls_name[26][16];
    uint32_t rank[26];
    bool has_class[26], recursive_readers;
    hold held[64];
    size_t held_count;
    gokore_status last;
    const char *at; // the running thread's text
} machine;

static void set_up_lock(machine *m, int i) {
    char name[2] = { (char)('a' + i), 0 };
    gokore_lock_class *cls = m->has_class[i] ? &m->cls[i] : NULL;
    gokore_mutex_init(&m->mutex[i], &(gokore_mutex_desc) { .lock_class = cls, .rank = m->rank[i], .name = cls ? NULL : name });
}

static void drop(machine *m, int lock) {
    size_t at = m->held_count;
    while (at > 0 && m->held[at - 1].lock != lock) at--;
    if (at == 0) return;
    memmove(&m->held[at - 1], &m->held[at], (m->held_count - at) * sizeof m->held[0]);
    m->held_count--;
}

static void unlock(machine *m, char kind, int i) {
    drop(m, i);
    if (kind == 'L') gokore_mutex_unlock(&m->mutex[i]);
    if (kind == 'R') gokore_rwlock_read_unlock(&m->rwlock[i]);
    if (kind == 'W') gokore_rwlock_write_unlock(&m->rwlock[i]);
    if (kind == 'Q') gokore_lockorder_released(&m->foreign[i]);
}

static void lock(machine *m, char kind, int i, gokore_status status) {
    m->last = status;
    if (status == GOKORE_OK) m->held[m->held_count++] = (hold) { kind, i };
}

static char kind_of(const machine *m, int lock) {
    for (size_t i = m->held_count; i-- > 0;)
        if (m->held[i].lock == lock) return m->held[i].kind;
    return 'W';
}

static gokore_status foreign_lock(machine *m, int i) {
    gokore_status status = gokore_lockorder_before(&m->foreign[i], NULL, GOKORE_LOCK_RECURSIVE);
    if (status == GOKORE_OK) gokore_lockorder_acquired(&m->foreign[i], NULL, GOKORE_LOCK_RECURSIVE);
    return status;
}

static bool is(const char *op, size_t len, const char *name) { return strlen(name) == len && strncmp(op, name, len) == 0; }

static void act(machine *m, const char *op, size_t len, int i, const char *more) {
    gokore_mutex *mutex = &m->mutex[i];
    if (is(op, len, "L")) lock(m, 'L', i, gokore_mutex_lock(mutex, NULL));
    else if (is(op, len, "T")) lock(m, 'L', i, gokore_mutex_try_lock(mutex, 0));
    else if (is(op, len, "TL")) lock(m, 'L', i, gokore_mutex_try_lock(mutex, 1000000));
    else if (is(op, len, "Lnest")) lock(m, 'L', i, gokore_mutex_lock_nested(mutex, &m->mutex[more[0] - 'a'], NULL));
    else if (is(op, len, "Lsub")) lock(m, 'L', i, gokore_mutex_lock_rank(mutex, (uint32_t)atoi(more), NULL));
    else if (is(op, len, "R")) lock(m, 'R', i, gokore_rwlock_read_lock(&m->rwlock[i], NULL));
    else if (is(op, len, "W")) lock(m, 'W', i, gokore_rwlock_write_lock(&m->rwlock[i], NULL));
    else if (is(op, len, "Q")) lock(m, 'Q', i, foreign_lock(m, i));
    else if (is(op, len, "U")) unlock(m, 'L', i);
    else if (is(op, len, "V")) unlock(m, kind_of(m, i), i);
    else if (is(op, len, "D")) unlock(m, 'Q', i);
    else if (is(op, len, "pin")) gokore_lockorder_pin(mutex);
    else if (is(op, len, "unpin")) gokore_lockorder_unpin(mutex);
    else if (is(op, len, "destroy")) drop(m, i), gokore_mutex_deinit(mutex);
    else if (is(op, len, "init")) drop(m, i), set_up_lock(m, i);
    else if (is(op, len, "free")) drop(m, i), gokore_lockorder_forget(mutex, sizeof *mutex);
    else REQUIRE(is(op, len, "a known operation"));
}

static void run_thread(void *arg) {
    machine *m = (machine *)arg;
    bool keep = strncmp(m->at + strspn(m->at, " "), "keep", 4) == 0;
    if (keep) m->at += strspn(m->at, " ") + 4;
    size_t before = m->held_count;
    while (*m->at && *m->at != '|' && *m->at != '}') {
        size_t len = strspn(m->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (*m->at == '{') {
            m->at++;
            test_on_thread(run_thread, m);
            m->at++;
        } else if (len == 0) {
            m->at++;
        } else if (m->at[len] == '(') {
            act(m, m->at, len, m->at[len + 1] - 'a', m->at + len + 3);
            m->at = strchr(m->at, ')') + 1;
        } else {
            int a = m->at[0] - 'A', b = m->at[1] - 'A';
            REQUIRE(len == 2);
            act(m, "L", 1, a, ""), act(m, "L", 1, b, ""), act(m, "U", 1, b, ""), act(m, "U", 1, a, "");
            m->at += 2;
        }
    }
    while (!keep && m->held_count > before) unlock(m, m->held[m->held_count - 1].kind, m->held[m->held_count - 1].lock);
    if (keep) m->held_count = before;
}

static size_t split(char *text, const char *separators, const char *out[4]) {
    size_t n = 0;
    for (char *word = strtok(text, separators); word && n < 4; word = strtok(NULL, separators)) out[n++] = word;
    return n;
}

static void set_up_word(machine *m, const char *word) {
    char text[64];
    const char *names[4];
    const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
    (void)snprintf(text, sizeof text, "%s", value);
    if (strcmp(word, "rec") == 0) m->recursive_readers = true;
    else if (strcmp(word, "nonrec") == 0) m->recursive_readers = false;
    else if (strcmp(word, "mode=strict") == 0) gokore_lockorder_set_mode(GOKORE_LOCKORDER_STRICT);
    else if (strcmp(word, "mode=instance") == 0) gokore_lockorder_set_mode(GOKORE_LOCKORDER_BY_INSTANCE);
    else if (strcmp(word, "mode=class") == 0) gokore_lockorder_set_mode(GOKORE_LOCKORDER_BY_CLASS);
    else if (strncmp(word, "held=", 5) == 0) gokore_lockorder_set_limits(0, (uint32_t)atoi(value));
    else if (strncmp(word, "locks=", 6) == 0) gokore_lockorder_set_limits((uint32_t)atoi(value), 0);
    else if (strncmp(word, "rule=", 5) == 0) {
        size_t n = split(text, ">", names);
        REQUIRE_STATUS(GOKORE_OK, gokore_lockorder_add_rule("case-rule", names, n));
    } else if (strncmp(word, "bless=", 6) == 0) {
        REQUIRE(split(text, ",", names) == 2);
        gokore_lockorder_bless(names[0], names[1]);
    } else if (strncmp(word, "exempt=", 7) == 0) {
        REQUIRE(split(text, ",", names) == 3);
        gokore_lockorder_exempt(names[0], names[1], names[2]);
    } else if (word[1] == '#') {
        m->rank[word[0] - 'a'] = (uint32_t)atoi(word + 2);
    } else {
        int i = word[0] - 'a';
        REQUIRE(word[1] == '=');
        (void)snprintf(m->cls_name[i], sizeof m->cls_name[i], "%s", value);
        m->cls[i] = (gokore_lock_class) GOKORE_LOCK_CLASS_INIT(m->cls_name[i]);
        m->has_class[i] = true;
    }
}

static void set_up(machine *m, const char *setup) {
    char words[256];
    (void)snprintf(words, sizeof words, "%s", setup);
    for (char *word = words, *end; *word; word = end) {
        word += strspn(word, " ");
        end = word + strcspn(word, " ");
        if (*end) *end++ = 0;
        if (*word) set_up_word(m, word);
    }
    for (int i = 0; i < 26; i++) {
        set_up_lock(m, i);
        char name[2] = { (char)('a' + i), 0 };
        gokore_lock_class *cls = m->has_class[i] ? &m->cls[i] : NULL;
        gokore_rwlock_desc desc = { .lock_class = cls, .name = cls ? NULL : name, .recursive_readers = m->recursive_readers };
        gokore_rwlock_init(&m->rwlock[i], &desc);
    }
}

// ---- what is expected

typedef struct row {
    char line[512];
    const char *field[5]; // id, name, setup, program, expected
} row;

static size_t count_reports(const char *name, size_t len, gokore_severity severity) {
    size_t n = 0, all = test_reports_count(GOKORE_REPORT_NONE);
    const test_report *r = test_reports_find(GOKORE_REPORT_NONE); // they lie in a row
    for (size_t i = 0; i < all && i < 200; i++) n += is(name, len, gokore_report_id_name(r[i].id)) && r[i].severity == severity;
    return n;
}

static bool met(const machine *m, const char *expected) {
    size_t reports = 0;
    bool ok = true;
    for (const char *w = expected; *w && ok; w += strcspn(w, " "), w += strspn(w, " ")) {
        size_t len = strcspn(w, " "), id = strcspn(w, " :");
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s", (int)(len - 1), w + 1);
        const test_report *first = test_reports_find(GOKORE_REPORT_NONE);
        if (*w == '=') ok = strcmp(gokore_status_name(m->last), text) == 0;
        else if (*w == '~') ok = first && strstr(first->message, text) != NULL;
        else if (*w == '!') ok = first && strstr(first->message, text) == NULL;
        else if (!is(w, len, "OK")) {
            ok = count_reports(w, id, w[id] == ':' ? GOKORE_SEVERITY_INFO : GOKORE_SEVERITY_ERROR) > 0;
            reports++;
        }
    }
    return ok && reports == test_reports_count(GOKORE_REPORT_NONE);
}

static void run_row(void *arg) { // in a process of its own: nothing is known yet
    const row *r = (const row *)arg;
    static machine m;
    gokore_lockorder_hold_limit(NULL, INT64_MAX);
    set_up(&m, r->field[2]);
    test_reports_capture();
    m.at = r->field[3];
    for (bool more = true; more; more = *m.at && *m.at++ == '|') test_on_thread(run_thread, &m);
    if (met(&m, r->field[4])) return;
    const test_report *first = test_reports_find(GOKORE_REPORT_NONE);
    printf("%s %s (%s): %s: expected %s, got %zu reports, last status %s; %s %s\n", r->field[0], r->field[1], r->field[2], r->field[3],
           r->field[4], test_reports_count(GOKORE_REPORT_NONE), gokore_status_name(m.last), first ? gokore_report_id_name(first->id) : "",
           first ? first->message : "");
    (void)fflush(stdout);
    _exit(1);
}

TEST(cases, report_what_the_table_says) {
    test_only_with("LOCKORDER=1");
    test_only_with("ON_VIOLATION=0");
    FILE *f = fopen(test_data("lockorder.tsv"), "r");
    size_t rows = 0;
    REQUIRE(f != NULL);
    for (row r; fgets(r.line, sizeof r.line, f);) {
        char out[1024], *at = r.line;
        if (*at == '#') continue;
        r.line[strcspn(r.line, "\n")] = 0;
        for (size_t i = 0; i < COUNT(r.field); i++) {
            REQUIRE(at != NULL);
            r.field[i] = at;
            at = strchr(at, '\t');
            if (at) *at++ = 0;
        }
        rows++;
        if (test_in_child(run_row, &r, out, sizeof out) != 0) (void)test_check(false, r.field[0], (int)rows, out);
    }
    (void)fclose(f);
    CHECK(rows > 70);
}
