// nsync.c - nsync's part of bench_sync.sh (libnsync-dev)
#include "sync.h"
#include <nsync.h>
#define EXTERN_C

#define ID        nsync
#define NAME      "nsync_mu"
#define TYPE      nsync_mu
#define LOCK(l)   nsync_mu_lock(l)
#define UNLOCK(l) nsync_mu_unlock(l)
#include "kind.h"

#define ID        nsync_read
#define NAME      "nsync_mu read"
#define TYPE      nsync_mu
#define LOCK(l)   nsync_mu_rlock(l)
#define UNLOCK(l) nsync_mu_runlock(l)
#define READ
#include "kind.h"

static nsync_mu mu;
static nsync_cv cv;
static nsync_note note;
static void begin_note(void) { note = nsync_note_new(NULL, nsync_time_no_deadline); }
static void block_note(void) {
    nsync_mu_lock(&mu);
    while (!nsync_cv_wait_with_deadline(&cv, &mu, nsync_time_no_deadline, note)) {}
    nsync_mu_unlock(&mu);
}
static void end_note(void) { nsync_note_notify(note); }
static void finish_note(void) { nsync_note_free(note); }
extern const sync_hop sync_hop_nsync;
const sync_hop sync_hop_nsync = { "nsync: note to cv_wait", begin_note, block_note, end_note, finish_note, NULL };

#define ID         nsync
#define NAME       "nsync_cv"
#define MUTEX      nsync_mu
#define COND       nsync_cv
#define LOCK(l)    nsync_mu_lock(l)
#define UNLOCK(l)  nsync_mu_unlock(l)
#define WAIT(c, l) nsync_cv_wait(c, l)
#define SIGNAL(c)  nsync_cv_signal(c)
#include "pong.h"
