// inside.h - what the explorer's parts share. None of them is instrumented.
#ifndef EXPLORE_INSIDE_H
#define EXPLORE_INSIDE_H

#include "../explore.h"

#include <setjmp.h>
#include <stddef.h>
#include <ucontext.h>

enum { THREADS = 8, LOCATIONS = 1016, WIDTH = THREADS + LOCATIONS };
enum { STACK_SIZE = 256 << 10, HEAP_SIZE = 16 << 20 };

// How far somebody has seen: at[t] the clock of thread t, at[THREADS + i] the newest message of location i.
typedef struct view { int16_t at[WIDTH]; } view;

typedef enum thread_state { UNUSED, READY, PARKED, JOINING, DONE } thread_state;
typedef struct thread {
    int id;
    thread_state state;
    bool yielded, expired;        // yielded: waits in a loop, until anything is written
    int pauses;                   // in loops, that it did not spend on letting others go on
    explore_fn *fn;
    void *arg;
    const void *word[2];          // PARKED: where; perhaps twice the same
    int64_t deadline_ns;
    uint64_t parked_at;           // first come first woken
    int joined;                   // JOINING: whom, -1 = all
    int priority;                 // for PCT
    view cur, acq, rel;           // seen; seen by relaxed loads too; seen at the last release fence
    void *tls;                    // the program's thread-locals while another thread runs
    char *stack;
    uintptr_t low;                // its stack is in use from here on; UINTPTR_MAX: not at all
    uintptr_t lent_from, lent_to; // what others have used of it
    bool entered;                 // its fiber waits for work at the top of its loop
    jmp_buf env;
    ucontext_t context;
} thread;

typedef enum choice_kind { CHOOSE_THREAD, CHOOSE_MESSAGE, CHOOSE_FAILURE, CHOOSE_SLEEPER, CHOOSE_TIME, CHOOSE_PAUSE } choice_kind;

typedef enum operation { OP_LOAD, OP_STORE, OP_EXCHANGE, OP_CAS, OP_RMW, OP_FENCE, OP_OTHER } operation;
typedef struct site { // a place in the code with an atomic operation
    const void *pc;
    operation op;
    int order, weakened; // weakened: the order to use instead, -1 = none at all (fences), -2 = its own
    int group;
    uint64_t scenarios;  // that came here
} site;

extern struct engine {
    thread threads[THREADS], *running; // NULL: the explorer itself
    int thread_count;
    uint32_t run;     // the number of this run; what bears another number is not of this run
    int steps, streak, quiet; // streak: of one thread; quiet: turns of waiting threads in which nothing was written
    uint64_t parks;
    int64_t now_ns;
    explore_scenario *scenario;
    uint64_t scenario_bit;    // for sites
    explore_limits left;      // of the budgets, in this run
    jmp_buf home;
    bool tracing;
    char *heap, *heap_next, *arena_end;
    const void *watched;      // a race was found here: its plain accesses are traced
    char failure[512];
    view sc;                  // C11's single total order: what seq_cst stores and fences have shown
    int locations;
} engine;

// threads.c
void explore_point(void);                    // the running thread is about to act: perhaps others go first
void explore_written(void);                  // something changed: those who wait in loops look again
void explore_threads_begin(void);
void explore_threads_run(explore_fn *fn);    // a whole run, until it ends or fails
void explore_threads_setup(void);
int explore_leaked(void);                    // blocks
const char *explore_heap_name(uintptr_t address, char *out, size_t size);

// memory.c
void explore_memory_setup(void);
void explore_memory_begin(void);
void explore_enter(uintptr_t low); // the running thread's functions below have returned
void explore_memory_end(void);
void explore_memory_free(void *p, size_t size);
uint32_t explore_memory_peek(const void *word, const void *pc); // what the kernel reads
void explore_memory_shown(const void *word);                    // by a wake
void explore_memory_start(thread *child, thread *parent);
void explore_memory_joined(thread *me, const thread *done);
int explore_sites(site **out);
const char *explore_order_name(int order);

// search.c
int explore_choose(int n, choice_kind kind);
int explore_choose_thread(thread *const *candidates, int n, bool stays);
void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

bool explore_looks_fine(explore_scenario *s, long n);
bool explore_is_fine(explore_scenario *s);

// weaken.c
int explore_weaken(explore_scenario *scenarios, const char *killed);

// trace.c
void explore_trace_show(void);
void explore_places(const void *const *pcs, int n, char (*out)[120]); // file:line and function
void explore_trace(const void *pc, const void *object, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define CALLER  __builtin_return_address(0)
#define ENTER() (engine.running ? explore_enter((uintptr_t)__builtin_frame_address(0)) : (void)0) // from what is explored

#endif
