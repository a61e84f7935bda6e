// The explorer's own tests: outcome sets of litmus tests under C11, and bugs it must find.
#define GOKORE_IMPLEMENTATION
#include "gokore_atomic.h"

#include "explore.h"

static gokore_atomic_i32 x, y;
static int a, b, c, d;

#define THREAD(name, ...)                                                                                           \
    static void name(void *arg) {                                                                                   \
        (void)arg;                                                                                                  \
        __VA_ARGS__                                                                                                 \
    }
#define LOAD(p, order)     gokore_atomic_load##order(p)
#define STORE(p, v, order) gokore_atomic_store##order(p, v)
#define FENCE(order)       gokore_atomic_fence##order()

static void both(explore_fn *first, explore_fn *second) {
    explore_go(first, NULL);
    explore_go(second, NULL);
    explore_join();
}
static void three(explore_fn *f, explore_fn *g, explore_fn *h) {
    explore_go(f, NULL);
    both(g, h);
}

// store buffering
THREAD(sb_relaxed_1, STORE(&x, 1, _relaxed); a = LOAD(&y, _relaxed);)
THREAD(sb_relaxed_2, STORE(&y, 1, _relaxed); b = LOAD(&x, _relaxed);)
SCENARIO(store_buffering, relaxed, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(sb_relaxed_1, sb_relaxed_2);
    explore_outcome("%d%d", a, b);
}
THREAD(sb_acquire_1, STORE(&x, 1, _release); a = LOAD(&y, _acquire);)
THREAD(sb_acquire_2, STORE(&y, 1, _release); b = LOAD(&x, _acquire);)
SCENARIO(store_buffering, release_and_acquire, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(sb_acquire_1, sb_acquire_2);
    explore_outcome("%d%d", a, b);
}
THREAD(sb_1, STORE(&x, 1, ); a = LOAD(&y, );)
THREAD(sb_2, STORE(&y, 1, ); b = LOAD(&x, );)
SCENARIO(store_buffering, seq_cst, .bound = 9, .stale = 9, .outcomes = "01 10 11") {
    both(sb_1, sb_2);
    explore_outcome("%d%d", a, b);
}
THREAD(sb_fence_1, STORE(&x, 1, _relaxed); FENCE(); a = LOAD(&y, _relaxed);)
THREAD(sb_fence_2, STORE(&y, 1, _relaxed); FENCE(); b = LOAD(&x, _relaxed);)
SCENARIO(store_buffering, seq_cst_fences, .bound = 9, .stale = 9, .outcomes = "01 10 11") {
    both(sb_fence_1, sb_fence_2);
    explore_outcome("%d%d", a, b);
}
THREAD(sb_weak_fence_1, STORE(&x, 1, _relaxed); FENCE(_acq_rel); a = LOAD(&y, _relaxed);)
SCENARIO(store_buffering, one_fence_is_too_weak, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(sb_weak_fence_1, sb_fence_2);
    explore_outcome("%d%d", a, b);
}
// C11: a seq_cst RMW is no fence for the relaxed load behind it
THREAD(sb_rmw_1, (void)gokore_atomic_fetch_add(&x, 1); a = LOAD(&y, _acquire);)
THREAD(sb_rmw_2, (void)gokore_atomic_fetch_add(&y, 1); b = LOAD(&x, _acquire);)
SCENARIO(store_buffering, seq_cst_rmw_then_acquire, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(sb_rmw_1, sb_rmw_2);
    explore_outcome("%d%d", a, b);
}

// message passing
THREAD(mp_relaxed_1, STORE(&x, 1, _relaxed); STORE(&y, 1, _relaxed);)
THREAD(mp_relaxed_2, a = LOAD(&y, _relaxed); b = LOAD(&x, _relaxed);)
SCENARIO(message_passing, relaxed, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(mp_relaxed_1, mp_relaxed_2);
    explore_outcome("%d%d", a, b);
}
THREAD(mp_1, STORE(&x, 1, _relaxed); STORE(&y, 1, _release);)
THREAD(mp_2, a = LOAD(&y, _acquire); b = LOAD(&x, _relaxed);)
SCENARIO(message_passing, release_and_acquire, .bound = 9, .stale = 9, .outcomes = "00 01 11") {
    both(mp_1, mp_2);
    explore_outcome("%d%d", a, b);
}
SCENARIO(message_passing, release_alone, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(mp_1, mp_relaxed_2);
    explore_outcome("%d%d", a, b);
}
SCENARIO(message_passing, acquire_alone, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(mp_relaxed_1, mp_2);
    explore_outcome("%d%d", a, b);
}
THREAD(mp_fence_1, STORE(&x, 1, _relaxed); FENCE(_release); STORE(&y, 1, _relaxed);)
THREAD(mp_fence_2, a = LOAD(&y, _relaxed); FENCE(_acquire); b = LOAD(&x, _relaxed);)
SCENARIO(message_passing, fences, .bound = 9, .stale = 9, .outcomes = "00 01 11") {
    both(mp_fence_1, mp_fence_2);
    explore_outcome("%d%d", a, b);
}
SCENARIO(message_passing, release_fence_and_acquire_load, .bound = 9, .stale = 9, .outcomes = "00 01 11") {
    both(mp_fence_1, mp_2);
    explore_outcome("%d%d", a, b);
}
SCENARIO(message_passing, release_fence_alone, .bound = 9, .stale = 9, .outcomes = "00 01 10 11") {
    both(mp_fence_1, mp_relaxed_2);
    explore_outcome("%d%d", a, b);
}

// load coherence
THREAD(coherence_1, STORE(&x, 1, _relaxed); STORE(&x, 2, _relaxed);)
THREAD(coherence_2, a = LOAD(&x, _relaxed); b = LOAD(&x, _relaxed);)
SCENARIO(coherence, of_loads, .bound = 9, .stale = 9, .outcomes = "00 01 02 11 12 22") {
    both(coherence_1, coherence_2);
    explore_outcome("%d%d", a, b);
}
THREAD(own_1, STORE(&x, 1, _relaxed); a = LOAD(&x, _relaxed);)
THREAD(own_2, STORE(&x, 2, _relaxed);)
SCENARIO(coherence, a_store_is_seen_by_its_thread, .bound = 9, .stale = 9, .outcomes = "1 2") {
    both(own_1, own_2);
    explore_outcome("%d", a);
}

// independent reads of independent writes
THREAD(write_x, STORE(&x, 1, _release);)
THREAD(write_y, STORE(&y, 1, _release);)
THREAD(write_sc_x, STORE(&x, 1, );)
THREAD(write_sc_y, STORE(&y, 1, );)
THREAD(read_xy, a = LOAD(&x, _acquire); b = LOAD(&y, _acquire);)
THREAD(read_yx, c = LOAD(&y, _acquire); d = LOAD(&x, _acquire);)
THREAD(read_sc_xy, a = LOAD(&x, ); b = LOAD(&y, );)
THREAD(read_sc_yx, c = LOAD(&y, ); d = LOAD(&x, );)
SCENARIO(iriw, acquire, .bound = 9, .stale = 9, .outcomes = "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111") {
    explore_go(write_x, NULL);
    three(write_y, read_xy, read_yx);
    explore_outcome("%d%d%d%d", a, b, c, d);
}
SCENARIO(iriw, seq_cst, .bound = 9, .stale = 9, .outcomes = "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111") {
    explore_go(write_sc_x, NULL);
    three(write_sc_y, read_sc_xy, read_sc_yx);
    explore_outcome("%d%d%d%d", a, b, c, d);
}

// release sequences: y goes 0, 1 (release), 2 by another thread; who reads 2 sees x only if the 2 was an RMW
THREAD(rmw_y, (void)gokore_atomic_fetch_add_relaxed(&y, 1);)
THREAD(read_2, a = LOAD(&y, _acquire); b = LOAD(&x, _relaxed);)
SCENARIO(release_sequence, goes_through_an_rmw, .bound = 9, .stale = 9, .outcomes = "00 01 10 11 21") {
    three(mp_1, rmw_y, read_2);
    explore_outcome("%d%d", a, b);
}
THREAD(store_y, STORE(&y, 2, _relaxed);)
SCENARIO(release_sequence, ends_at_a_store, .bound = 9, .stale = 9, .outcomes = "00 01 11 20 21") {
    three(mp_1, store_y, read_2);
    explore_outcome("%d%d", a, b);
}

// a CAS works on the newest value, and a weak one fails at will
THREAD(cas_1, a = gokore_atomic_cas(&x, 0, 1);)
THREAD(cas_2, b = gokore_atomic_cas(&x, 0, 2);)
SCENARIO(cas, only_one_of_two_succeeds, .bound = 9, .stale = 9, .outcomes = "01 10") {
    both(cas_1, cas_2);
    explore_outcome("%d%d", a, b);
}
SCENARIO(cas, a_weak_one_fails_at_will, .bound = 1, .spurious = 1, .outcomes = "0 1") {
    int old = 0;
    explore_outcome("%d", gokore_atomic_compare_exchange_weak(&x, &old, 1));
}

// bugs that must be found
static int plain;
THREAD(plain_1, plain = 1; STORE(&x, 1, _release);)
THREAD(plain_2, if (LOAD(&x, _acquire)) a = plain;)
THREAD(plain_relaxed_2, if (LOAD(&x, _relaxed)) a = plain;)
SCENARIO(race, none_behind_an_acquire, .bound = 9, .stale = 9) { both(plain_1, plain_2); }
SCENARIO(race, behind_a_relaxed_load, .bound = 9, .stale = 9, .fails = "data race: plain read by T2, and no order with the plain write by T1") {
    both(plain_1, plain_relaxed_2);
}
THREAD(plain_atomic, *(volatile int *)&x.v_ = 2;)
SCENARIO(race, of_a_plain_and_an_atomic_access, .bound = 1, .fails = "data race") { both(plain_1, plain_atomic); }
static volatile char bytes[4];
THREAD(byte_0, bytes[0] = 1;)
THREAD(byte_1, bytes[1] = 1;)
SCENARIO(race, none_between_neighbouring_bytes, .bound = 2) { both(byte_0, byte_1); }
SCENARIO(race, of_one_byte, .bound = 1, .fails = "data race") { both(byte_1, byte_1); }

THREAD(sleeper, while (LOAD(&x, ) == 0) gokore_atomic_wait(&x, 0);)
THREAD(waker, STORE(&x, 1, ); gokore_atomic_notify_one(&x);)
THREAD(forgetful, STORE(&x, 1, );)
SCENARIO(deadlock, none_with_a_notify, .bound = 3, .stale = 3, .spurious = 1) { both(sleeper, waker); }
SCENARIO(deadlock, without_a_notify, .bound = 1, .fails = "deadlock: T0 joins T1 sleeps") { both(sleeper, forgetful); }
THREAD(spinner, while (!LOAD(&x, _acquire)) gokore_cpu_relax();)
SCENARIO(livelock, none_if_the_flag_comes, .bound = 2, .stale = 2) { both(spinner, forgetful); }
SCENARIO(livelock, of_a_flag_that_never_comes, .fails = "livelock") { explore_go(spinner, NULL), explore_join(); }
SCENARIO(memory, crashed, .fails = "Segmentation fault") { *(volatile int *)(uintptr_t)8 = 1; }
SCENARIO(memory, leaked, .fails = "1 blocks of memory are left") { a = GOKORE_SEAM_ALLOC_(8, 8) != NULL; }
SCENARIO(memory, used_after_free, .fails = "use after free") {
    int *p = GOKORE_SEAM_ALLOC_(sizeof *p, sizeof *p);
    *p = 1;
    GOKORE_SEAM_FREE_(p);
    a = *p;
}
static gokore_atomic_ptr lent;
__attribute__((noinline)) static void lend(void) {
    int box = 1;
    gokore_atomic_store(&lent, &box);
    while (gokore_atomic_load(&lent)) gokore_cpu_relax();
}
THREAD(lender, lend(); STORE(&y, 1, );)
THREAD(borrower, int *p; while (!(p = gokore_atomic_load(&lent))) gokore_cpu_relax(); *p = 2; gokore_atomic_store(&lent, NULL);)
THREAD(late_borrower, int *p; while (!(p = gokore_atomic_load(&lent))) gokore_cpu_relax(); gokore_atomic_store(&lent, NULL); (void)LOAD(&y, ); *p = 2;)
THREAD(hasty_borrower, int *p; while (!(p = gokore_atomic_load(&lent))) gokore_cpu_relax(); gokore_atomic_store(&lent, NULL); *p = 2;)
SCENARIO(memory, a_stack_may_be_lent, .bound = 3, .stale = 1) { both(lender, borrower); }
SCENARIO(memory, a_stack_is_used_too_late, .bound = 3, .fails = "data race: return by T1, and no order with the plain write by T2") { both(lender, late_borrower); }
SCENARIO(memory, a_stack_is_used_beside_a_return, .bound = 3, .fails = "data race: return by T1, and no order with the plain write by T2") { both(lender, hasty_borrower); }
SCENARIO(memory, static_objects_begin_anew_in_each_run, .bound = 2, .stale = 1) {
    static int count;
    CHECK(count++ == 0 && gokore_atomic_load(&x) == 0);
    both(sb_1, sb_2);
}
static _Thread_local int mine = 7;
THREAD(local, CHECK(mine == 7); mine = 8; (void)LOAD(&x, ); CHECK(mine == 8);)
SCENARIO(memory, thread_locals_are_each_threads_own, .bound = 3) { both(local, local); }
