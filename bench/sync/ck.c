// ck.c - Concurrency Kit's part of bench_sync.sh (libck-dev)
#include "sync.h"
#include <ck_spinlock.h>
#define EXTERN_C

#define ID        ck
#define NAME      "ck_spinlock_fas"
#define TYPE      ck_spinlock_fas_t
#define LOCK(l)   ck_spinlock_fas_lock(l)
#define UNLOCK(l) ck_spinlock_fas_unlock(l)
#include "kind.h"
