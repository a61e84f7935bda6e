// threads.c - the explorer's threads: fibers on one thread of the system, that park, wait for the clock and allocate in a
// world of their own. Every address and every clock reading is the same in each run of one schedule.
#define _GNU_SOURCE 1
#include "inside.h"

#include "seam.h"
#undef memcpy
#undef memmove
#undef memset

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct engine engine;

enum { BLOCKS = 4096, QUIET = 2000, STREAK = 600, PAUSES = 2 };
enum { ARENA = 0x10000000 }; // not far from a program that is not position independent
typedef struct block {
    char *p;
    size_t size;
    bool freed;
} block;
static block blocks[BLOCKS];
static int block_count;
static struct { char *base; const char *image; size_t size, filled; } tls; // of the program

// ---- fibers

static int tls_find(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size, (void)user;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
        tls.base = info->dlpi_tls_data;
        tls.image = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        tls.size = info->dlpi_phdr[i].p_memsz;
        tls.filled = info->dlpi_phdr[i].p_filesz;
    }
    return 1; // the first is the program
}

static void fiber_switch(thread *to) { // does not return
    engine.running = to;
    if (tls.size) __builtin_memcpy(tls.base, to->tls, tls.size);
    if (!to->entered) {
        to->entered = true;
        setcontext(&to->context);
    }
    _longjmp(to->env, 1);
}

static void switch_to(thread *to) {
    thread *me = engine.running;
    if (to == me) return;
    engine.streak = 0;
    if (tls.size) __builtin_memcpy(me->tls, tls.base, tls.size);
    if (!_setjmp(me->env)) fiber_switch(to);
}

static void fiber_end(thread *me);

static void fiber_main(void) {
    for (;;) {
        thread *me = engine.running;
        me->fn(me->arg);
        fiber_end(me);
    }
}

static void fiber_make(thread *t) {
    (void)getcontext(&t->context);
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = STACK_SIZE;
    t->context.uc_link = NULL;
    makecontext(&t->context, fiber_main, 0);
    t->entered = false;
}

void explore_threads_setup(void) {
    size_t size = (size_t)THREADS * STACK_SIZE + HEAP_SIZE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    char *arena = mmap((void *)ARENA, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (arena == MAP_FAILED) {
        fputs("the explorer's fixed addresses are taken\n", stderr);
        exit(2);
    }
    (void)dl_iterate_phdr(tls_find, NULL);
    for (int i = 0; i < THREADS; i++) {
        engine.threads[i].id = i;
        engine.threads[i].stack = arena + (size_t)i * STACK_SIZE;
        engine.threads[i].tls = tls.size ? malloc(tls.size) : NULL;
        fiber_make(&engine.threads[i]);
    }
    engine.heap = arena + (size_t)THREADS * STACK_SIZE;
    engine.arena_end = arena + size;
}

static thread *thread_make(explore_fn *fn, void *arg) {
    if (engine.thread_count == THREADS) explore_fail("more than %d threads", THREADS);
    thread *t = &engine.threads[engine.thread_count++];
    t->state = READY;
    t->yielded = t->expired = false;
    t->pauses = 0;
    t->low = t->lent_from = UINTPTR_MAX;
    t->lent_to = 0;
    t->fn = fn;
    t->arg = arg;
    if (tls.size) {
        __builtin_memcpy(t->tls, tls.image, tls.filled);
        __builtin_memset((char *)t->tls + tls.filled, 0, tls.size - tls.filled);
    }
    return t;
}

void explore_threads_begin(void) {
    engine.running = NULL;
    engine.thread_count = engine.steps = engine.streak = engine.quiet = block_count = 0;
    engine.parks = 0;
    engine.now_ns = 1000000000;
    engine.heap_next = engine.heap;
}

void explore_threads_run(explore_fn *fn) {
    thread *first = thread_make(fn, NULL);
    if (!_setjmp(engine.home)) fiber_switch(first);
    engine.running = NULL;
    if (!engine.failure[0]) return;
    for (int i = 0; i < engine.thread_count; i++) fiber_make(&engine.threads[i]); // they are in the middle of something
}

// ---- who goes next

typedef struct candidate { thread *t; enum { GO, EXPIRE, SPURIOUS } how; } candidate;

static int candidates_ready(candidate *out, bool stays) {
    int n = 0;
    thread *me = engine.running;
    if (stays) out[n++] = (candidate) { me, GO };
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        if (t != me && t->state == READY && !t->yielded) out[n++] = (candidate) { t, GO };
    }
    return n;
}

static int candidates_parked(candidate *out, int n) {
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        if (t->state != PARKED) continue;
        if (t->deadline_ns != INT64_MAX && engine.left.expiries > 0) out[n++] = (candidate) { t, EXPIRE };
        if (engine.left.spurious > 0) out[n++] = (candidate) { t, SPURIOUS };
    }
    return n;
}

static thread *earliest(void) {
    thread *first = NULL;
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        if (t->state == PARKED && t->deadline_ns != INT64_MAX && (!first || t->deadline_ns < first->deadline_ns)) first = t;
    }
    return first;
}

static void expire(thread *t) {
    if (engine.now_ns < t->deadline_ns) engine.now_ns = t->deadline_ns;
    t->state = READY;
    t->expired = true;
    explore_written();
    if (engine.tracing) explore_trace(NULL, t->word[0], "T%d: the deadline comes", t->id);
}

static void deadlock(void) {
    char text[400] = "";
    size_t len = 0;
    for (int i = 0; i < engine.thread_count; i++) {
        const thread *t = &engine.threads[i];
        if (t->state == DONE) continue;
        len += (size_t)snprintf(text + len, sizeof text - len, " T%d %s", i, t->state == PARKED ? "sleeps" : "joins");
        if (len >= sizeof text) break;
    }
    explore_fail("deadlock:%s", text);
}

// Nobody is ready but those who wait in loops, or not even they: time passes, or they look again.
static thread *after_all(void) {
    thread *late = earliest();
    int from = engine.running->id;
    if (!late || engine.quiet < QUIET / 2)
        for (int i = 1; i <= engine.thread_count; i++) {
            thread *t = &engine.threads[(from + i) % engine.thread_count];
            if (t->state != READY) continue;
            for (int k = 0; k < engine.thread_count; k++) engine.threads[k].yielded = false;
            return t;
        }
    if (!late) deadlock();
    expire(late);
    return late;
}

static thread *next(bool stays) {
    candidate all[3 * THREADS];
    thread *who[3 * THREADS];
    int n = candidates_ready(all, stays);
    if (n == 0) return after_all();
    if (stays && engine.left.bound <= 0) return engine.running;
    if (engine.left.bound > 0) n = candidates_parked(all, n);
    for (int i = 0; i < n; i++) who[i] = all[i].t;
    candidate chosen = all[explore_choose_thread(who, n, stays)];
    if (chosen.how != GO || (stays && chosen.t != engine.running)) engine.left.bound--;
    if (chosen.how == EXPIRE) {
        engine.left.expiries--;
        expire(chosen.t);
    } else if (chosen.how == SPURIOUS) {
        engine.left.spurious--;
        chosen.t->state = READY;
        if (engine.tracing) explore_trace(NULL, chosen.t->word[0], "T%d: wakes spuriously", chosen.t->id);
    }
    return chosen.t;
}

void explore_point(void) {
    if (++engine.steps > engine.scenario->limits.steps) explore_fail("livelock: %d steps and no end", engine.steps);
    if (engine.thread_count == 1) return;
    if (++engine.streak > STREAK) engine.running->yielded = true; // a loop without a pause must not keep the others out
    switch_to(next(!engine.running->yielded));
}

void explore_written(void) {
    engine.quiet = 0;
    for (int i = 0; i < engine.thread_count; i++) engine.threads[i].yielded = false;
}

void explore_pause(void) {
    if (!engine.running) return;
    ENTER();
    if (++engine.steps > engine.scenario->limits.steps) explore_fail("livelock: %d steps and no end", engine.steps);
    if (++engine.quiet > QUIET) explore_fail("livelock: threads wait in loops, and nothing is written any more");
    thread *me = engine.running;
    me->priority -= 1000; // for PCT
    me->yielded = me->pauses >= PAUSES || !explore_choose(2, CHOOSE_PAUSE);
    if (me->yielded)
        switch_to(next(false));
    else
        me->pauses++;
}

static void block_here(thread_state state) {
    engine.running->state = state;
    switch_to(next(false));
}

static void fiber_end(thread *me) {
    explore_enter(UINTPTR_MAX);
    me->state = DONE;
    explore_written();
    if (engine.tracing) explore_trace(NULL, NULL, "ends");
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        if (t->state == JOINING && (t->joined == -1 || t->joined == me->id)) t->state = READY;
        if (me->id == 0 && t->state != DONE) explore_fail("T%d is left running", i);
    }
    if (me->id == 0) {
        if (!_setjmp(me->env)) _longjmp(engine.home, 1);
    } else {
        switch_to(next(false));
    }
}

// ---- parking

// count = 1: the second word is nobody's.
__attribute__((always_inline)) static inline bool sleep_on(void *const *word, const uint32_t *expected, int count, int64_t deadline_ns, const void *caller) {
    thread *me = engine.running;
    explore_point();
    for (int i = 0; i < count; i++)
        if (explore_memory_peek(word[i], caller) != expected[i]) return true;
    if (deadline_ns <= engine.now_ns) return false;
    me->word[0] = word[0];
    me->word[1] = word[count - 1];
    me->deadline_ns = deadline_ns;
    me->expired = false;
    me->parked_at = ++engine.parks;
    if (engine.tracing) explore_trace(caller, word[0], "sleeps%s", deadline_ns == INT64_MAX ? "" : " with a deadline");
    block_here(PARKED);
    return !me->expired;
}

bool explore_wait(void *word, uint32_t expected, int64_t deadline_ns) {
    if (!engine.running) abort();
    ENTER();
    return sleep_on(&word, &expected, 1, deadline_ns, CALLER);
}

bool explore_wait_two(void *const word[2], const uint32_t expected[2], int64_t deadline_ns) {
    if (!engine.running) abort();
    ENTER();
    return sleep_on(word, expected, 2, deadline_ns, CALLER);
}

bool explore_has_wait_two(void) { return engine.scenario->limits.two_words; }

static int sleepers_at(const void *word, thread **out) { // in the order in which they came
    int n = 0;
    for (int i = 0; i < engine.thread_count; i++) {
        thread *t = &engine.threads[i];
        if (t->state != PARKED || (t->word[0] != word && t->word[1] != word)) continue;
        int at = n++;
        for (; at > 0 && out[at - 1]->parked_at > t->parked_at; at--) out[at] = out[at - 1];
        out[at] = t;
    }
    return n;
}

void explore_wake(void *word, int count) {
    if (!engine.running) return;
    ENTER();
    explore_point();
    explore_memory_shown(word);
    thread *sleepers[THREADS];
    int woken = 0;
    for (int n; woken < count && (n = sleepers_at(word, sleepers)) > 0; woken++) {
        thread *t = sleepers[n <= count - woken ? 0 : explore_choose(n, CHOOSE_SLEEPER)];
        t->state = READY;
        if (engine.tracing) explore_trace(CALLER, word, "wakes T%d", t->id);
    }
    if (woken) explore_written();
    if (engine.tracing && !woken) explore_trace(CALLER, word, "wakes nobody");
}

// ---- threads, clock

bool explore_thread_start(void *out, void (*fn)(void *), void *arg) {
    if (!engine.running) abort();
    ENTER();
    thread *t = thread_make(fn, arg);
    explore_memory_start(t, engine.running);
    if (out) __builtin_memcpy(out, &t->id, sizeof t->id);
    explore_written();
    explore_point();
    return true;
}

static void join_thread(int id) {
    thread *t = &engine.threads[id];
    while (t->state != DONE) {
        engine.running->joined = id;
        block_here(JOINING);
    }
    explore_memory_joined(engine.running, t);
}

void explore_thread_join(void *handle) {
    int id;
    ENTER();
    __builtin_memcpy(&id, handle, sizeof id);
    join_thread(id);
}

void explore_go(explore_fn *fn, void *arg) { (void)explore_thread_start(NULL, fn, arg); }

void explore_join(void) {
    ENTER();
    for (int i = 1; i < engine.thread_count; i++) join_thread(i);
}

uint64_t explore_thread_id(void) { return engine.running ? (uint64_t)engine.running->id + 1 : 1; }

int64_t explore_now(void) {
    if (!engine.running) return 1000000000;
    if (explore_choose(2, CHOOSE_TIME)) {
        engine.now_ns += engine.scenario->limits.jump_ns;
        if (engine.tracing) explore_trace(CALLER, NULL, "the clock is late");
    }
    return ++engine.now_ns;
}

// ---- heap: nothing is used twice in one run, so that what is used too late is seen

void *explore_alloc(size_t size, size_t align) {
    if (align < 16) align = 16;
    if (!engine.running) return aligned_alloc(align, (size + align - 1) / align * align);
    char *p = (char *)(((uintptr_t)engine.heap_next + 16 + align - 1) / align * align);
    if (block_count == BLOCKS || size > (size_t)(engine.arena_end - p)) explore_fail("out of the explorer's memory");
    blocks[block_count] = (block) { p, size, false };
    __builtin_memcpy(p - sizeof(int), &block_count, sizeof(int));
    block_count++;
    engine.heap_next = p + size;
    __builtin_memset(p, 0xa5, size);
    return p;
}

void explore_free(void *p) {
    char *at = p;
    if (!at) return;
    if (at < engine.heap || at >= engine.arena_end) {
        free(p);
        return;
    }
    int i;
    __builtin_memcpy(&i, at - sizeof(int), sizeof(int));
    if (i < 0 || i >= block_count || blocks[i].p != at) explore_fail("free of what is no block");
    if (blocks[i].freed) explore_fail("freed twice");
    blocks[i].freed = true;
    explore_memory_free(p, blocks[i].size);
}

int explore_leaked(void) {
    int n = 0;
    for (int i = 0; i < block_count; i++) n += !blocks[i].freed;
    return n;
}

const char *explore_heap_name(uintptr_t address, char *out, size_t size) {
    for (int i = 0; i < block_count; i++)
        if (address - (uintptr_t)blocks[i].p < blocks[i].size) {
            (void)snprintf(out, size, "heap %d + %zu", i + 1, (size_t)(address - (uintptr_t)blocks[i].p));
            return out;
        }
    for (int i = 0; i < THREADS; i++)
        if (address - (uintptr_t)engine.threads[i].stack < STACK_SIZE) {
            (void)snprintf(out, size, "T%d's stack %#zx", i, STACK_SIZE - (size_t)(address - (uintptr_t)engine.threads[i].stack));
            return out;
        }
    return NULL;
}
