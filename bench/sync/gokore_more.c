// gokore_more.c - goKore's reader-writer lock, condition and semaphore in bench_sync.sh
#include "../../gokore_sync.h"
#include "sync.h"
#define EXTERN_C
#define MUST(call) do { if ((call) != GOKORE_OK) abort(); } while (0)

#define ID        gokore_read
#define NAME      "gokore_rwlock read"
#define TYPE      gokore_rwlock
#define LOCK(l)   MUST(gokore_rwlock_read_lock(l, NULL))
#define UNLOCK(l) gokore_rwlock_read_unlock(l)
#define READ
#include "kind.h"

#define ID        gokore_write
#define NAME      "gokore_rwlock write"
#define TYPE      gokore_rwlock
#define LOCK(l)   MUST(gokore_rwlock_write_lock(l, NULL))
#define UNLOCK(l) gokore_rwlock_write_unlock(l)
#include "kind.h"

static void post(void);
#define ID        gokore_semaphore
#define NAME      "gokore_semaphore"
#define TYPE      gokore_semaphore
#define LOCK(l)   MUST(gokore_semaphore_acquire(l, 1, NULL))
#define UNLOCK(l) gokore_semaphore_release(l, 1)
#define BEGIN     post
#include "kind.h"
static void post(void) { gokore_semaphore_release(&gokore_semaphore_it.lock, 1); }

#define ID         gokore
#define NAME       "gokore_cond"
#define MUTEX      gokore_mutex
#define COND       gokore_cond
#define LOCK(l)    MUST(gokore_mutex_lock(l, NULL))
#define UNLOCK(l)  gokore_mutex_unlock(l)
#define WAIT(c, l) MUST(gokore_cond_wait(c, l, NULL))
#define SIGNAL(c)  gokore_cond_signal(c)
#include "pong.h"
