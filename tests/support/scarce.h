// scarce.h - for a test with an implementation of its own: memory that is counted, and runs out when told to. Before the library.
#ifndef TEST_SCARCE_H
#define TEST_SCARCE_H
#include "seam.h"
#define GOKORE_SEAM_HAS_WAIT_TWO_()            gokore_futex_has_two_()
#define GOKORE_SEAM_WAIT_TWO_(on, deadline_ns) gokore_futex_wait_two_((on), (deadline_ns))
#define GOKORE_SEAM_ALLOC_(size, align)        allocate_counted((size), (align))
#define GOKORE_SEAM_FREE_(p)                   free_counted(p)
#define GOKORE_UNHEARD_(word)                  (void)0

static struct {
    _Atomic uint64_t asked; // since refuse_from was set
    _Atomic int64_t live;   // blocks
    _Atomic uint64_t first; // refused, and all later ones; 0 = none
} scarce;

void *gokore_heap_alloc_(size_t size, size_t align);
void gokore_heap_free_(void *p);
static void *allocate_counted(size_t size, size_t align) {
    uint64_t n = ++scarce.asked, first = scarce.first;
    void *p = first && n >= first ? NULL : gokore_heap_alloc_(size, align);
    scarce.live += p != NULL;
    return p;
}
static void free_counted(void *p) {
    scarce.live -= p != NULL;
    gokore_heap_free_(p);
}
static void refuse_from(uint64_t n) { // 0 = never
    scarce.asked = 0;
    scarce.first = n;
}
#endif
