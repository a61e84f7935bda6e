// memory.c - C11's memory for the explorer: what a load may see, and which plain accesses race.
//
// Weak memory after J. Kang et al., "A Promising Semantics for Relaxed-Memory Concurrency" (POPL 2017), without promises, its
// views as in O. Lahav et al., "Repairing Sequential Consistency in C/C++11" (PLDI 2017): each location is a list of messages,
// each thread has a view of how far it has seen each list, a message carries the view that it publishes.
// Deviations: a location's modification order is the order of execution (no 2+2W); a load never sees a later store (no load
// buffering, nothing out of thin air); release sequences are C++20's (the store and the RMWs after it); a CAS that reads an
// old value fails. seq_cst accesses are ordered by execution. A futex wait reads like a relaxed load, but not what is older
// than a wake on its word.
//
// Races after C. Flanagan, S. Freund, "FastTrack" (PLDI 2009): clocks of the last accesses per 4 bytes, and per byte where
// smaller ones are used. Plain accesses come from the compiler's instrumentation for ThreadSanitizer.
#include "inside.h"

#include "seam.h"
#undef memcpy
#undef memmove
#undef memset

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef struct cell { // 4 bytes, or one
    uint32_t run;
    int16_t location;               // of an atomic that begins or ends here, 1-based
    int16_t written, read;          // plain, by writer and reader
    int16_t more;                   // which of the clocks it has besides, 0 = none
    uint8_t writer, reader;
    bool split : 1, freed : 1, logged : 1; // split: its bytes have cells too
} cell;
typedef struct clocks { // where one reader is not all
    int16_t read[THREADS], atomic_read[THREADS], atomic_written[THREADS];
} clocks;
typedef struct region { uintptr_t from, to; cell *words, *bytes; } region;

typedef struct message {
    uint64_t value;
    int32_t before;         // the message before it, -1 = none
    int16_t number;
    int16_t width;          // of its view; 0 = it publishes nothing but itself
    uint32_t view;          // where in views
    bool lazy;              // a plain write: the value is what memory holds
} message;
typedef struct location {
    uintptr_t address;
    uint8_t size;
    int32_t newest;
    int16_t shown;          // number of the newest message that a wake has shown to the kernel
    int8_t stale[THREADS];  // loads in a row that did not see the newest
} location;

enum { MESSAGES = 1 << 16, VIEWS = 1 << 24, UNDOS = 1 << 18, SITES = 4096, STALE_IN_A_ROW = 3 };
static region globals, arena;
static struct { uintptr_t address; uint32_t word; } *undos;
static int undo_count;
static location locations[LOCATIONS];
static message *messages;
static int message_count;
static clocks *all_clocks;
static int clocks_count;
static int16_t *views;
static uint32_t view_count;
static site sites[SITES], *site_slots[2 * SITES];
static int site_count;

extern char __data_start[], _end[]; // by the linker

static void *reserve(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) abort();
    return p;
}

static region region_make(uintptr_t from, uintptr_t to) {
    size_t words = (to - from) / 4 + 2;
    return (region) { from & ~(uintptr_t)7, to, reserve(words * sizeof(cell)), reserve(words * 4 * sizeof(cell)) };
}

void explore_memory_setup(void) {
    globals = region_make((uintptr_t)__data_start, (uintptr_t)_end);
    arena = region_make((uintptr_t)engine.threads[0].stack, (uintptr_t)engine.arena_end);
    undos = reserve(UNDOS * sizeof *undos);
    messages = reserve(MESSAGES * sizeof *messages);
    all_clocks = reserve(INT16_MAX * sizeof *all_clocks);
    views = reserve(VIEWS * sizeof *views);
}

static int width(void) { return THREADS + engine.locations; }

void explore_memory_begin(void) { // a location's part of a view is cleared when the location is made
    thread *first = &engine.threads[0];
    for (int i = 0; i < THREADS; i++) first->cur.at[i] = first->acq.at[i] = first->rel.at[i] = i == 0;
    engine.locations = message_count = undo_count = clocks_count = 0;
    view_count = 0;
}

void explore_memory_end(void) { // the globals are as they were
    while (undo_count > 0) {
        undo_count--;
        *(uint32_t *)undos[undo_count].address = undos[undo_count].word;
    }
}

// ---- views

static void join(int16_t *into, const int16_t *from, int n) {
    for (int i = 0; i < n; i++) into[i] = into[i] > from[i] ? into[i] : from[i];
}

static void see(thread *t, int at, int16_t number) {
    if (t->cur.at[at] < number) t->cur.at[at] = number;
    if (t->acq.at[at] < number) t->acq.at[at] = number;
}

static void tick(thread *t) { see(t, t->id, (int16_t)(t->cur.at[t->id] + 1)); }

void explore_memory_start(thread *child, thread *parent) {
    __builtin_memcpy(child->cur.at, parent->cur.at, (size_t)width() * 2);
    child->acq = child->rel = child->cur;
    see(child, child->id, 1);
    tick(parent);
}

void explore_memory_joined(thread *me, const thread *done) {
    join(me->cur.at, done->cur.at, width());
    join(me->acq.at, done->cur.at, width());
}

static bool acquires(int order) { return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order >= __ATOMIC_ACQ_REL; }
static bool releases(int order) { return order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL; }

// ---- cells and races

static region *region_of(uintptr_t address) {
    if (address - arena.from < arena.to - arena.from) return &arena;
    if (address - globals.from < globals.to - globals.from) return &globals;
    return NULL;
}

static cell *fresh(cell *c) {
    if (c->run != engine.run) {
        *c = (cell) { .run = engine.run };
    }
    return c;
}

static void keep(const region *r, uintptr_t address, cell *word) { // before a global changes
    if (r != &globals || word->logged) return;
    word->logged = true;
    if (undo_count == UNDOS) explore_fail("a run changes too much");
    undos[undo_count].address = address & ~(uintptr_t)3;
    undos[undo_count].word = *(uint32_t *)undos[undo_count].address;
    undo_count++;
}

static bool on_a_stack(uintptr_t address) { return address - arena.from < (uintptr_t)THREADS * STACK_SIZE; }

static void race(const thread *t, uintptr_t address, const char *mine, const char *theirs, int other) {
    engine.watched = (void *)(address & ~(uintptr_t)3);
    explore_fail("data race: %s by T%d, and no order with the %s by T%d", mine, t->id, theirs, other);
}

static void against(const thread *t, const int16_t *others, uintptr_t address, const char *mine, const char *theirs) {
    int late = 0;
    for (int i = 0; i < THREADS; i++) late |= others[i] > t->cur.at[i];
    if (!late) return;
    for (int i = 0; i < THREADS; i++)
        if (others[i] > t->cur.at[i]) race(t, address, mine, theirs, i);
}

enum { WRITE = 1, ATOMIC = 2, RETURN = 4 | WRITE };
static void check_cell(const thread *t, const cell *c, uintptr_t address, int kind) {
    static const char *const names[] = { "plain read", "plain write", "atomic read", "atomic write", "", "return" };
    const char *mine = names[kind];
    if (c->freed) explore_fail("use after free: %s by T%d", mine, t->id);
    if (c->written > t->cur.at[c->writer]) race(t, address, mine, "plain write", c->writer);
    if ((kind & WRITE) && c->read > t->cur.at[c->reader]) race(t, address, mine, "plain read", c->reader);
    if (!c->more) return;
    const clocks *more = &all_clocks[c->more];
    if (kind & WRITE) against(t, more->read, address, mine, "plain read");
    if (kind & ATOMIC) return;
    against(t, more->atomic_written, address, mine, "atomic write");
    if (kind & WRITE) against(t, more->atomic_read, address, mine, "atomic read");
}

static clocks *more_of(cell *c) {
    if (!c->more) {
        if (clocks_count == INT16_MAX - 1) explore_fail("a run too long for the explorer");
        c->more = (int16_t)++clocks_count;
        all_clocks[c->more] = (clocks) { .read = { 0 } };
    }
    return &all_clocks[c->more];
}

static void record(const thread *t, cell *c, int kind) {
    int16_t now = t->cur.at[t->id];
    switch (kind) {
    case 0:
        if (c->read <= t->cur.at[c->reader]) c->read = now, c->reader = (uint8_t)t->id; // what orders this one orders that one
        else more_of(c)->read[t->id] = now;
        break;
    case WRITE: c->written = now, c->writer = (uint8_t)t->id; break;
    case ATOMIC: more_of(c)->atomic_read[t->id] = now; break;
    default: more_of(c)->atomic_written[t->id] = now;
    }
}

static void overwrite(thread *t, int number) { // a plain write to what was an atomic: a message that is not read yet
    location *l = &locations[number - 1];
    int16_t next = messages[l->newest].number;
    if (!messages[l->newest].lazy) {
        next++;
        if (message_count == MESSAGES) explore_fail("a run too long for the explorer");
        messages[message_count] = (message) { .before = l->newest, .number = next, .lazy = true };
        l->newest = message_count++;
    }
    see(t, THREADS + number - 1, next);
}

static void check_stack(const thread *t, uintptr_t address) { // the others' stacks live down to where they were left
    thread *owner = &engine.threads[(address - arena.from) / STACK_SIZE];
    if (owner == t) return;
    if (address < owner->low) explore_fail("T%d touches what was on T%d's stack, after its function has returned", t->id, owner->id);
    if (address < owner->lent_from) owner->lent_from = address;
    if (address >= owner->lent_to) owner->lent_to = address + 1;
}

void explore_enter(uintptr_t low) { // returning is like a write to all that was on the stack
    thread *t = engine.running;
    uintptr_t from = t->low > t->lent_from ? t->low : t->lent_from, to = low < t->lent_to ? low : t->lent_to;
    for (uintptr_t a = from & ~(uintptr_t)3; a < to; a += 4) {
        const cell *c = &arena.words[(a - arena.from) / 4];
        if (c->run == engine.run) check_cell(t, c, a, RETURN);
    }
    t->low = low;
}

static void touch(thread *t, const region *r, uintptr_t address, size_t size, int kind) { // within one word
    if (on_a_stack(address)) check_stack(t, address);
    cell *word = fresh(&r->words[(address - r->from) / 4]);
    check_cell(t, word, address, kind);
    if (kind & WRITE) keep(r, address, word);
    if (size < 4) word->split = true;
    if (word->split)
        for (size_t i = 0; i < size; i++) {
            cell *byte = fresh(&r->bytes[address - r->from + i]);
            check_cell(t, byte, address, kind);
            if (size < 4) record(t, byte, kind);
            if (kind == WRITE && byte->location) overwrite(t, byte->location);
        }
    if (size == 4) record(t, word, kind);
    if (kind == WRITE && word->location) overwrite(t, word->location);
}

// The usual case of touch: a whole word that no atomic is in, and nothing to find fault with. false: touch must look.
static inline bool touch_simply(const int16_t *seen, int me, int16_t now, const region *r, uintptr_t address, int kind) {
    cell *c = &r->words[(address - r->from) / 4];
    bool first = c->run != engine.run;
    if (kind == WRITE && r == &globals && (first || !c->logged)) return false;
    if (first) *c = (cell) { .run = engine.run };
    else if (c->location | c->more | c->split | c->freed || c->written > seen[c->writer] || c->read > seen[c->reader]) return false;
    if (kind == WRITE) c->written = now, c->writer = (uint8_t)me;
    else c->read = now, c->reader = (uint8_t)me;
    return true;
}

static inline void access_range(uintptr_t address, size_t size, int kind, const void *pc) {
    thread *t = engine.running;
    const region *r = t ? region_of(address) : NULL;
    if (!r || !size) return;
    if (engine.tracing && engine.watched && address < (uintptr_t)engine.watched + 4 && address + size > (uintptr_t)engine.watched)
        explore_trace(pc, (void *)address, "%s %zu", kind & WRITE ? "write" : "read ", size);
    bool simple = !on_a_stack(address) || address - (uintptr_t)t->stack < STACK_SIZE;
    int me = t->id;
    int16_t now = t->cur.at[me];
    for (uintptr_t end = address + size; address < end;) {
        size_t n = 4 - (address & 3);
        if (n > end - address) n = end - address;
        if (n < 4 || !simple || !touch_simply(t->cur.at, me, now, r, address, kind)) touch(t, r, address, n, kind);
        address += n;
    }
}

void explore_memory_free(void *p, size_t size) {
    access_range((uintptr_t)p, size, WRITE, CALLER); // others' accesses must come before this
    for (uintptr_t a = (uintptr_t)p; a < (uintptr_t)p + size; a += 4) arena.words[(a - arena.from) / 4].freed = true;
}

// ---- sites

static site *site_find(const void *pc, operation op, int order) {
    size_t at = (size_t)((uint64_t)(uintptr_t)pc * 0x9e3779b97f4a7c15u >> 51) % (2 * SITES);
    while (site_slots[at] && site_slots[at]->pc != pc) at = (at + 1) % (2 * SITES);
    if (!site_slots[at]) {
        if (site_count == SITES) abort();
        sites[site_count] = (site) { pc, op, order, -2, 0, 0 };
        site_slots[at] = &sites[site_count++];
    }
    return site_slots[at];
}

int explore_sites(site **out) {
    *out = sites;
    return site_count;
}

static int site_order(const void *pc, operation op, int order) {
    site *s = site_find(pc, op, order);
    s->scenarios |= engine.scenario_bit;
    return s->weakened != -2 ? s->weakened : order;
}

// ---- atomics

static uint64_t raw(const void *p, size_t size) {
    switch (size) {
    case 1: return *(const uint8_t *)p;
    case 2: return *(const uint16_t *)p;
    case 4: return *(const uint32_t *)p;
    default: return *(const uint64_t *)p;
    }
}

static void raw_set(void *p, size_t size, uint64_t v) {
    switch (size) {
    case 1: *(uint8_t *)p = (uint8_t)v; break;
    case 2: *(uint16_t *)p = (uint16_t)v; break;
    case 4: *(uint32_t *)p = (uint32_t)v; break;
    default: *(uint64_t *)p = v;
    }
}

static uint64_t cut(uint64_t v, size_t size) { return size == 8 ? v : v & (((uint64_t)1 << 8 * size) - 1); }

static cell *cell_of(const region *r, uintptr_t address, size_t size) {
    return fresh(size < 4 ? &r->bytes[address - r->from] : &r->words[(address - r->from) / 4]);
}

static location *location_make(const region *r, uintptr_t address, size_t size) {
    if (engine.locations == LOCATIONS) explore_fail("too many atomic objects for the explorer");
    int number = ++engine.locations;
    for (size_t i = 0; i < size; i += 4) cell_of(r, address + i, size)->location = (int16_t)number;
    if (size < 4) fresh(&r->words[(address - r->from) / 4])->split = true;
    location *l = &locations[number - 1];
    *l = (location) { .address = address, .size = (uint8_t)size, .newest = message_count };
    messages[message_count++] = (message) { .before = -1, .lazy = true };
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        t->cur.at[width() - 1] = t->acq.at[width() - 1] = t->rel.at[width() - 1] = 0;
    }
    engine.sc.at[width() - 1] = 0;
    return l;
}

// The atomic at p, its race checked; NULL where the explorer does not look.
static location *location_of(const void *p, size_t size, int kind) {
    thread *t = engine.running;
    uintptr_t address = (uintptr_t)p;
    const region *r = t ? region_of(address) : NULL;
    if (!r) return NULL;
    if (message_count > MESSAGES - 2 || view_count > VIEWS - WIDTH) explore_fail("a run too long for the explorer");
    for (size_t i = 0; i < size; i += 4) touch(t, r, address + i, size < 4 ? size : 4, kind);
    cell *c = cell_of(r, address, size);
    location *l = c->location ? &locations[c->location - 1] : location_make(r, address, size);
    if (l->address != address || l->size != size) explore_fail("an atomic of %zu bytes is used with another size", size);
    message *m = &messages[l->newest];
    if (m->lazy) m->value = raw(p, size), m->lazy = false;
    return l;
}

static int at_of(const location *l) { return THREADS + (int)(l - locations); }

// One of the messages that the thread may still see from the floor on. With wanted: an old one must differ from it.
static const message *pick(location *l, int16_t floor, const uint64_t *wanted) {
    const message *newest = &messages[l->newest], *old[7];
    int n = 0, me = engine.running->id;
    if (l->stale[me] >= STALE_IN_A_ROW || newest->number <= floor) return l->stale[me] = 0, newest;
    for (int32_t i = newest->before; i >= 0 && n < 7 && messages[i].number >= floor; i = messages[i].before)
        if (!wanted || messages[i].value != *wanted) old[n++] = &messages[i];
    int c = explore_choose(n + 1, CHOOSE_MESSAGE);
    l->stale[me] = (int8_t)(c ? l->stale[me] + 1 : 0);
    return c ? old[c - 1] : newest;
}

static int16_t floor_of(const location *l, int order) {
    int at = at_of(l);
    int16_t seen = engine.running->cur.at[at];
    return order == __ATOMIC_SEQ_CST && engine.sc.at[at] > seen ? engine.sc.at[at] : seen;
}

static void took(thread *t, const location *l, const message *m, int order) {
    see(t, at_of(l), m->number);
    if (!m->width) return;
    join(t->acq.at, views + m->view, m->width);
    if (acquires(order)) join(t->cur.at, views + m->view, m->width);
}

// read: the message that an RMW has read, NULL for a store.
static void put(thread *t, location *l, void *p, uint64_t v, int order, const message *read) {
    int at = at_of(l);
    int16_t number = (int16_t)(messages[l->newest].number + 1);
    if (number == INT16_MAX) explore_fail("a run too long for the explorer");
    see(t, at, number);
    const int16_t *published = releases(order) ? t->cur.at : t->rel.at;
    message m = { .value = v, .before = l->newest, .number = number, .width = (int16_t)width(), .view = view_count };
    int16_t *carried = views + view_count;
    view_count += (uint32_t)width();
    __builtin_memcpy(carried, published, (size_t)width() * 2);
    if (read && read->width) join(carried, views + read->view, read->width);
    if (carried[at] < number) carried[at] = number;
    l->newest = message_count;
    messages[message_count++] = m;
    raw_set(p, l->size, v);
    if (order == __ATOMIC_SEQ_CST) engine.sc.at[at] = number;
    if (releases(order)) tick(t);
    explore_written();
}

const char *explore_order_name(int order) {
    static const char *const names[] = { "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst" };
    return order < 0 ? "none" : names[order];
}

uint64_t explore_load(const void *p, size_t size, int order) {
    if (!engine.running) return raw(p, size);
    ENTER();
    order = site_order(CALLER, OP_LOAD, order);
    explore_point();
    location *l = location_of(p, size, ATOMIC);
    if (!l) return raw(p, size);
    const message *m = pick(l, floor_of(l, order), NULL);
    took(engine.running, l, m, order);
    if (engine.tracing)
        explore_trace(CALLER, p, "load %s -> %#llx%s", explore_order_name(order), (unsigned long long)m->value,
                      m == &messages[l->newest] ? "" : " (old)");
    return m->value;
}

void explore_store(void *p, size_t size, uint64_t v, int order) {
    ENTER();
    v = cut(v, size);
    order = engine.running ? site_order(CALLER, OP_STORE, order) : order;
    if (engine.running) explore_point();
    location *l = location_of(p, size, ATOMIC | WRITE);
    if (!l) {
        raw_set(p, size, v);
        return;
    }
    put(engine.running, l, p, v, order, NULL);
    if (engine.tracing) explore_trace(CALLER, p, "store %s %#llx", explore_order_name(order), (unsigned long long)v);
}

static uint64_t compute(enum explore_rmw op, uint64_t old, uint64_t v) {
    switch (op) {
    case explore_fetch_add: case explore_add_fetch: return old + v;
    case explore_fetch_sub: return old - v;
    case explore_fetch_and: return old & v;
    case explore_fetch_or: return old | v;
    case explore_fetch_xor: return old ^ v;
    default: return ~(old & v);
    }
}

// An RMW that does not fail: v is a constant, or computed from what was read.
static uint64_t modify(const void *pc, void *p, size_t size, uint64_t v, int order, int rmw) {
    order = engine.running ? site_order(pc, rmw < 0 ? OP_EXCHANGE : OP_RMW, order) : order;
    if (engine.running) explore_point();
    location *l = location_of(p, size, ATOMIC | WRITE);
    const message read = l ? messages[l->newest] : (message) { .value = raw(p, size) };
    v = cut(rmw < 0 ? v : compute((enum explore_rmw)rmw, read.value, v), size);
    if (l) {
        l->stale[engine.running->id] = 0;
        took(engine.running, l, &read, order);
        put(engine.running, l, p, v, order, &read);
    } else {
        raw_set(p, size, v);
    }
    if (engine.tracing)
        explore_trace(pc, p, "%s %s %#llx -> %#llx", rmw < 0 ? "exchange" : "rmw", explore_order_name(order),
                      (unsigned long long)read.value, (unsigned long long)v);
    return rmw == (int)explore_add_fetch ? v : read.value;
}

uint64_t explore_exchange(void *p, size_t size, uint64_t v, int order) {
    ENTER();
    return modify(CALLER, p, size, v, order, -1);
}

uint64_t explore_rmw(enum explore_rmw op, void *p, size_t size, uint64_t v, int order) {
    ENTER();
    return modify(CALLER, p, size, v, order, (int)op);
}

bool explore_cas(void *p, void *expected, size_t size, uint64_t v, bool weak, int order, int other) {
    uint64_t wanted = raw(expected, size);
    v = cut(v, size);
    if (!engine.running) {
        bool same = raw(p, size) == wanted;
        if (same) raw_set(p, size, v); else raw_set(expected, size, raw(p, size));
        return same;
    }
    ENTER();
    int weakened = site_order(CALLER, OP_CAS, order);
    if (weakened != order && other != __ATOMIC_RELAXED) other = acquires(weakened) ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED;
    order = weakened;
    explore_point();
    location *l = location_of(p, size, ATOMIC);
    if (!l) explore_fail("an atomic on a stack that is not the explorer's");
    const message *m = pick(l, floor_of(l, other), &wanted);
    bool done = m->value == wanted && m == &messages[l->newest] && !(weak && explore_choose(2, CHOOSE_FAILURE));
    const message read = *m;
    took(engine.running, l, &read, done ? order : other);
    if (done) {
        (void)location_of(p, size, ATOMIC | WRITE);
        put(engine.running, l, p, v, order, &read);
    } else {
        raw_set(expected, size, read.value);
    }
    if (engine.tracing)
        explore_trace(CALLER, p, "cas %s %#llx -> %#llx: %s %#llx", explore_order_name(order), (unsigned long long)wanted,
                      (unsigned long long)v, done ? "done, was" : read.number == messages[l->newest].number ? "no, is" : "no, was",
                      (unsigned long long)read.value);
    return done;
}

static void fence_in(thread *t, int order) {
    if (order >= 0 && acquires(order)) join(t->cur.at, t->acq.at, width());
    if (order == __ATOMIC_SEQ_CST) { // orders what is seen of locations, synchronises with nobody
        join(t->cur.at + THREADS, engine.sc.at + THREADS, engine.locations);
        join(t->acq.at + THREADS, engine.sc.at + THREADS, engine.locations);
        __builtin_memcpy(engine.sc.at + THREADS, t->cur.at + THREADS, (size_t)engine.locations * 2);
    }
    if (order >= 0 && releases(order)) {
        __builtin_memcpy(t->rel.at, t->cur.at, (size_t)width() * 2);
        tick(t);
    }
}

void explore_fence(int order) {
    if (!engine.running) return;
    ENTER();
    order = site_order(CALLER, OP_FENCE, order);
    explore_point();
    fence_in(engine.running, order);
    if (engine.tracing) explore_trace(CALLER, NULL, "fence %s", explore_order_name(order));
}

bool explore_membarrier_begin(void) { return !engine.running || !engine.scenario->limits.no_membarrier; }

void explore_membarrier(void) { // a fence in every thread, wherever it is; not in all at one time
    if (!engine.running) return;
    ENTER();
    int order = site_order(CALLER, OP_FENCE, __ATOMIC_SEQ_CST);
    for (int i = 0; i < engine.thread_count; i++) {
        explore_point();
        if (engine.threads[i].state != DONE) fence_in(&engine.threads[i], order);
    }
    if (engine.tracing) explore_trace(CALLER, NULL, "membarrier %s", explore_order_name(order));
}

uint32_t explore_memory_peek(const void *word, const void *pc) {
    location *l = location_of(word, 4, ATOMIC);
    if (!l) explore_fail("a wait outside of what the explorer watches");
    int16_t seen = engine.running->cur.at[at_of(l)];
    const message *m = pick(l, l->shown > seen ? l->shown : seen, NULL);
    if (engine.tracing) explore_trace(pc, word, "wait: reads %#llx", (unsigned long long)m->value);
    return (uint32_t)m->value;
}

void explore_memory_shown(const void *word) { // the waker may be late: the word's memory may be gone. It is not touched.
    const region *r = region_of((uintptr_t)word);
    const cell *c = r ? fresh(&r->words[((uintptr_t)word - r->from) / 4]) : NULL;
    if (!c || !c->location) return;
    location *l = &locations[c->location - 1];
    int16_t seen = engine.running->cur.at[at_of(l)];
    if (l->shown < seen) l->shown = seen;
}

// ---- what the compiler calls, and the three that it does not

void *explore_memcpy(void *to, const void *from, size_t n) {
    access_range((uintptr_t)from, n, 0, CALLER);
    access_range((uintptr_t)to, n, WRITE, CALLER);
    return __builtin_memcpy(to, from, n);
}

void *explore_memmove(void *to, const void *from, size_t n) {
    access_range((uintptr_t)from, n, 0, CALLER);
    access_range((uintptr_t)to, n, WRITE, CALLER);
    return __builtin_memmove(to, from, n);
}

void *explore_memset(void *to, int byte, size_t n) {
    access_range((uintptr_t)to, n, WRITE, CALLER);
    return __builtin_memset(to, byte, n);
}

#define PLAIN(name, size, kind)                                                                                     \
    void __tsan_##name(void *p);                                                                                    \
    void __tsan_##name(void *p) { access_range((uintptr_t)p, size, kind, CALLER); }
#define PLAINS(prefix)                                                                                              \
    PLAIN(prefix##read1, 1, 0)                                                                                      \
    PLAIN(prefix##read2, 2, 0)                                                                                      \
    PLAIN(prefix##read4, 4, 0)                                                                                      \
    PLAIN(prefix##read8, 8, 0)                                                                                      \
    PLAIN(prefix##read16, 16, 0)                                                                                    \
    PLAIN(prefix##write1, 1, WRITE)                                                                                 \
    PLAIN(prefix##write2, 2, WRITE)                                                                                 \
    PLAIN(prefix##write4, 4, WRITE)                                                                                 \
    PLAIN(prefix##write8, 8, WRITE)                                                                                 \
    PLAIN(prefix##write16, 16, WRITE)
PLAINS()
PLAINS(unaligned_)
PLAINS(volatile_)

void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void);
void __tsan_func_exit(void) {}
void __tsan_read_range(void *p, size_t n);
void __tsan_read_range(void *p, size_t n) { access_range((uintptr_t)p, n, 0, CALLER); }
void __tsan_write_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n) { access_range((uintptr_t)p, n, WRITE, CALLER); }
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n) { return explore_memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n) { return explore_memmove(to, from, n); }
void *__tsan_memset(void *to, int byte, size_t n);
void *__tsan_memset(void *to, int byte, size_t n) { return explore_memset(to, byte, n); }
