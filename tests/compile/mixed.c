// mixed.c - one program of three files with different options: two sides work on the objects that the third made.
// Compiled three times: -DSIDE=one, -DSIDE=two, and without for main. A side with GOKORE_STATIC makes its own objects.
#include "../../gokore.h"

typedef struct world {
    gokore_atomic_u64 count;
    gokore_mutex lock; // held between the calls: one side unlocks what the other locked
    uint64_t guarded;
    gokore_context patience;
    gokore_deque deque;      // holds what the side before pushed
    gokore_channel *channel; // likewise
    gokore_pool *pool;
    gokore_task task;
    uint64_t guard;
} world;
int one(world *w);
int two(world *w);

#define TRY(call)                                                                                                    \
    if ((call) != GOKORE_OK) return __LINE__

static int begin(world *w) {
    static int first = 1;
    w->guard = 0x5ca1ab1e;
    gokore_context_init_timeout(&w->patience, NULL, INT64_C(60000000000));
    gokore_mutex_init(&w->lock, NULL);
    TRY(gokore_deque_init(&w->deque, &(gokore_deque_desc) { .capacity = 2 }));
    TRY(gokore_channel_create(&w->channel, &(gokore_channel_desc) { .item_size = sizeof(int), .capacity = 3, .name = "mixed" }));
    TRY(gokore_pool_create(&w->pool, &(gokore_pool_desc) { .workers = 2, .name = "mixed" }));
    TRY(gokore_deque_push(&w->deque, &first));
    TRY(gokore_channel_send(w->channel, &first, &w->patience));
    TRY(gokore_mutex_lock(&w->lock, &w->patience));
    return 0;
}

static int end(world *w, uint64_t uses) {
    gokore_mutex_unlock(&w->lock);
    gokore_mutex_deinit(&w->lock);
    TRY(gokore_pool_shutdown(w->pool, INT64_MAX));
    gokore_pool_destroy(w->pool);
    gokore_channel_destroy(w->channel);
    gokore_deque_deinit(&w->deque);
    gokore_context_deinit(&w->patience);
    return w->guard != 0x5ca1ab1e || w->guarded != uses || gokore_atomic_load(&w->count) != uses ? __LINE__ : 0;
}

#ifdef SIDE
static void run(gokore_worker *worker, gokore_task *task) {
    world *w = (world *)(void *)((char *)task - offsetof(world, task));
    if (gokore_worker_pool(worker) == w->pool) (void)gokore_atomic_fetch_add(&w->count, 1);
}

static int use(world *w) {
    static int mine;
    int item = -1;
    if (w->guard != 0x5ca1ab1e) return __LINE__;
    w->guarded++;
    gokore_mutex_unlock(&w->lock);
    gokore_task_init(&w->task, run);
    TRY(gokore_pool_run(w->pool, &w->task, &w->patience));
    if (gokore_deque_pop(&w->deque) == NULL || gokore_deque_len(&w->deque) != 0) return __LINE__;
    TRY(gokore_deque_push(&w->deque, &mine));
    TRY(gokore_channel_recv(w->channel, &item, &w->patience));
    TRY(gokore_channel_send(w->channel, &item, &w->patience));
    TRY(gokore_mutex_lock(&w->lock, &w->patience));
    return item == 1 ? 0 : __LINE__;
}

int SIDE(world *w) {
    static world own;
    int wrong;
    if (!GOKORE_STATIC) return use(w);
    own = (world) { .guard = 0 };
    if ((wrong = begin(&own)) == 0 && (wrong = use(&own)) == 0) wrong = end(&own, 1);
    if (wrong != 0) return wrong;
    (void)gokore_atomic_fetch_add(&w->count, 1); // inline: the other world's atomics are the same
    w->guarded++;
    return 0;
}
#else
int main(void) {
    static world w;
    int wrong = begin(&w);
    for (int i = 0; i < 50 && !wrong; i++)
        if ((wrong = one(&w)) == 0) wrong = two(&w);
    return wrong ? wrong : end(&w, 100);
}
#endif
