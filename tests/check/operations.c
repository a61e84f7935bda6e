// operations.c - for tests/check/test_instructions.sh: one function per operation, which does it n times and meets nobody
#define GOKORE_IMPLEMENTATION
#include "../../gokore_channel.h"
#include "../../gokore_pool.h"

#include <stdlib.h>

static int failed;
static void want(gokore_status status) { failed |= status != GOKORE_OK; }

static gokore_atomic_u32 number;
static gokore_mutex mutex;
static gokore_rwlock rwlock;
static gokore_semaphore semaphore;
static gokore_cond cond;
static gokore_waitgroup group;
static gokore_once_flag once;
static gokore_context root;
static gokore_channel *channel;
static gokore_deque deque;
static int thing; // what goes through channels and deques
static void nothing(void *user) { (void)user; }

#define OPERATION(name, ...)                                                                                        \
    void op_##name(int n);                                                                                          \
    __attribute__((noinline)) void op_##name(int n) {                                                               \
        for (int i = 0; i < n; i++) { __VA_ARGS__ }                                                                 \
    }
OPERATION(atomic_add, (void)gokore_atomic_add(&number, 1);)
OPERATION(atomic_load_store, gokore_atomic_store(&number, gokore_atomic_load(&number));)
OPERATION(mutex, want(gokore_mutex_lock(&mutex, NULL)); gokore_mutex_unlock(&mutex);)
OPERATION(mutex_with_context, want(gokore_mutex_lock(&mutex, &root)); gokore_mutex_unlock(&mutex);)
OPERATION(mutex_try, want(gokore_mutex_try_lock(&mutex, 0)); gokore_mutex_unlock(&mutex);)
OPERATION(rwlock_read, want(gokore_rwlock_read_lock(&rwlock, NULL)); gokore_rwlock_read_unlock(&rwlock);)
OPERATION(rwlock_write, want(gokore_rwlock_write_lock(&rwlock, NULL)); gokore_rwlock_write_unlock(&rwlock);)
OPERATION(semaphore, gokore_semaphore_release(&semaphore, 1); want(gokore_semaphore_acquire(&semaphore, 1, NULL));)
OPERATION(cond_signal, gokore_cond_signal(&cond);)
OPERATION(waitgroup, gokore_waitgroup_add(&group, 1); gokore_waitgroup_done(&group); want(gokore_waitgroup_wait(&group, NULL));)
OPERATION(once, gokore_once(&once, nothing, NULL);)
OPERATION(context, gokore_context c; gokore_context_init(&c, &root); gokore_context_deinit(&c);)
OPERATION(channel, want(gokore_channel_send(channel, &i, NULL)); want(gokore_channel_recv(channel, &thing, NULL));)
OPERATION(deque_pop, want(gokore_deque_push(&deque, &thing)); failed |= gokore_deque_pop(&deque) != &thing;)
OPERATION(deque_steal, void *got; want(gokore_deque_push(&deque, &thing));
          failed |= gokore_deque_steal(&deque, &got) != GOKORE_STEAL_SUCCESS;)

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 0;
    gokore_context_init(&root, NULL);
    want(gokore_channel_create(&channel, &(gokore_channel_desc) { .item_size = sizeof(int), .capacity = 4 }));
    want(gokore_deque_init(&deque, NULL));
    void (*const all[])(int) = { op_atomic_add, op_atomic_load_store, op_mutex, op_mutex_with_context, op_mutex_try, op_rwlock_read,
                                 op_rwlock_write, op_semaphore, op_cond_signal, op_waitgroup, op_once, op_context, op_channel,
                                 op_deque_pop, op_deque_steal };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) all[i](10); // what is made at the first time is there
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) all[i](n);
    gokore_deque_deinit(&deque);
    gokore_channel_destroy(channel);
    gokore_context_deinit(&root);
    return failed;
}
