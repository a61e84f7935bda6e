// gokore.c - goKore's own part of bench_sync.sh
#include "../../gokore_sync.h"
#include "sync.h"
#define EXTERN_C

static gokore_context live, timed;
static void set_deadline(void) { gokore_context_init_timeout(&timed, NULL, INT64_C(3600000000000)); }
#define MUST(call) do { if ((call) != GOKORE_OK) abort(); } while (0)

#define ID        gokore
#define NAME      "gokore_mutex"
#define TYPE      gokore_mutex
#define LOCK(l)   MUST(gokore_mutex_lock(l, NULL))
#define UNLOCK(l) gokore_mutex_unlock(l)
#include "kind.h"

#define ID        gokore_live
#define NAME      " live context"
#define TYPE      gokore_mutex
#define LOCK(l)   MUST(gokore_mutex_lock(l, &live))
#define UNLOCK(l) gokore_mutex_unlock(l)
#include "kind.h"

#define ID        gokore_timed
#define NAME      " with deadline"
#define TYPE      gokore_mutex
#define LOCK(l)   MUST(gokore_mutex_lock(l, &timed))
#define UNLOCK(l) gokore_mutex_unlock(l)
#define BEGIN     set_deadline
#include "kind.h"

#define ID        gokore_try
#define NAME      " try_lock"
#define TYPE      gokore_mutex
#define LOCK(l)   MUST(gokore_mutex_try_lock(l, 0))
#define UNLOCK(l) gokore_mutex_unlock(l)
#include "kind.h"

static gokore_mutex blocked;
static gokore_context victim;
static void begin_cancel(void) {
    gokore_context_init(&victim, NULL);
    MUST(gokore_mutex_lock(&blocked, NULL));
}
static void block_cancel(void) {
    if (gokore_mutex_lock(&blocked, &victim) != GOKORE_CANCELED) abort();
}
static void end_cancel(void) { gokore_context_cancel(&victim); }
static void finish_cancel(void) {
    gokore_context_deinit(&victim);
    gokore_mutex_unlock(&blocked);
}
extern const sync_hop sync_hop_gokore, sync_hop_gokore_unlock;
const sync_hop sync_hop_gokore = { "gokore: cancel to mutex_lock", begin_cancel, block_cancel, end_cancel, finish_cancel, NULL };

static void hold(void) { MUST(gokore_mutex_lock(&blocked, NULL)); }
static void release(void) { gokore_mutex_unlock(&blocked); }
static void pass(void) {
    MUST(gokore_mutex_lock(&blocked, NULL));
    gokore_mutex_unlock(&blocked);
}
const sync_hop sync_hop_gokore_unlock = { "gokore: unlock to mutex_lock", hold, pass, release, NULL, NULL };

static bool wait_try(int64_t ns) { return gokore_mutex_try_lock(&blocked, ns) == GOKORE_TIMEOUT; }
static bool wait_context(int64_t ns) {
    gokore_context patience;
    gokore_context_init_timeout(&patience, NULL, ns);
    bool expired = gokore_mutex_lock(&blocked, &patience) == GOKORE_TIMEOUT;
    gokore_context_deinit(&patience);
    return expired;
}
extern const sync_timed sync_timed_gokore, sync_timed_gokore_context;
const sync_timed sync_timed_gokore = { "gokore_mutex_try_lock", hold, wait_try, release };
const sync_timed sync_timed_gokore_context = { "gokore_mutex_lock, deadline", hold, wait_context, release };
