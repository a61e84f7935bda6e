// absl.cc - Abseil's part of bench_sync.sh (libabsl-dev)
#include "sync.h"

#include <absl/synchronization/mutex.h>
#define EXTERN_C "C"

// Debian's library is built with the deadlock checker in it.
static void without_checker() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

#define ID        absl
#define NAME      "absl::Mutex"
#define TYPE      absl::Mutex
#define LOCK(l)   (l)->Lock()
#define UNLOCK(l) (l)->Unlock()
#define BEGIN     without_checker
#include "kind.h"

#define ID        absl_read
#define NAME      "absl::Mutex read"
#define TYPE      absl::Mutex
#define LOCK(l)   (l)->ReaderLock()
#define UNLOCK(l) (l)->ReaderUnlock()
#define READ
#define BEGIN     without_checker
#include "kind.h"

#define ID         absl
#define NAME       "absl::CondVar"
#define MUTEX      absl::Mutex
#define COND       absl::CondVar
#define LOCK(l)    (l)->Lock()
#define UNLOCK(l)  (l)->Unlock()
#define WAIT(c, l) (c)->Wait(l)
#define SIGNAL(c)  (c)->Signal()
#include "pong.h"
