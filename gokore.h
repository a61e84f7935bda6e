// gokore.h - v0.1.0 - MIT                                       the whole library: include this, or only what you use
//
// WHAT     goKore is a concurrency toolkit for C11: copy the headers, define GOKORE_IMPLEMENTATION in one file, link with
//          -pthread. This file only includes the others; each opens with its own manual.
//
// DO THIS  in ONE C file:  #define GOKORE_IMPLEMENTATION, then #include "gokore.h"
//
// A TOUR, from the ground up; arrows of inclusion only point up this list
//   gokore_atomic.h     typed atomics whose memory order is in the name; status codes, reports, options, clock
//   gokore_policy.h     what an operator allows: service classes, lock policies, Kubernetes manifests
//   gokore_topology.h   what the machine has and the container may use: NUMA nodes, CPUs, quota, memory
//   gokore_lockorder.h  lock classes and rules; inversions found before they hang
//   gokore_sync.h       contexts that cancel and expire; a mutex that can be given up
//   gokore_channel.h    bounded and rendezvous channels
//   gokore_pool.h       Chase-Lev deque, fork and join, a task pool that sleeps
//
// EXAMPLE
//      #include <stdio.h>
//      #include "gokore.h"
//      static void hello(gokore_worker *worker, void *arg) {
//          printf("%s from worker %u\n", (const char *)arg, gokore_worker_index(worker));
//      }
//      int greet(void) {
//          static char text[] = "hello";
//          gokore_pool *pool;
//          if (gokore_pool_create(&pool, NULL) != GOKORE_OK) return 1;
//          gokore_status status = gokore_pool_submit_fn(pool, hello, text, NULL);
//          if (status == GOKORE_OK) status = gokore_pool_shutdown(pool, INT64_MAX);
//          gokore_pool_destroy(pool);
//          return status;
//      }
#include "gokore_atomic.h"
#include "gokore_policy.h"
#include "gokore_topology.h"
#include "gokore_lockorder.h"
#include "gokore_sync.h"
#include "gokore_channel.h"
#include "gokore_pool.h"
// License: MIT, see LICENSE.
