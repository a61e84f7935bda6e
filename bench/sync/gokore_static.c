// gokore_static.c - a program of one file: the library is in it, and its calls can be inlined
#define GOKORE_STATIC 1
#define GOKORE_IMPLEMENTATION
#include "../../gokore_sync.h"
#include "sync.h"
#define EXTERN_C
#define MUST(call) do { if ((call) != GOKORE_OK) abort(); } while (0)

#define ID        gokore_static
#define NAME      " one file"
#define TYPE      gokore_mutex
#define LOCK(l)   MUST(gokore_mutex_lock(l, NULL))
#define UNLOCK(l) gokore_mutex_unlock(l)
#include "kind.h"
