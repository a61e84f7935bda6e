// settings.c - a program of your own under the explorer: sh tests/explore/explore.sh tests/explore/example/settings.c
// Settings that whoever comes first makes for all, and a box for one letter. With -DBROKEN=1 the settings are published without a
// release, with -DBROKEN=2 who takes a letter wakes too few.
#define GOKORE_IMPLEMENTATION
#include "gokore_sync.h"

#include "explore.h"

#ifndef BROKEN
#define BROKEN 0
#endif

// ---- what is explored: code as it stands in a program

typedef struct settings { int width, height; } settings;
static settings the_settings;
static gokore_atomic_ptr published; // settings *

static settings *settings_get(void) {
    static gokore_mutex making;
    settings *s = gokore_atomic_load_acquire(&published); // pairs with the store below
    if (s || gokore_mutex_lock(&making, NULL) != GOKORE_OK) return s;
    s = gokore_atomic_load_relaxed(&published); // made under the mutex
    if (!s) {
        s = &the_settings;
        *s = (settings) { 80, 24 };
        if (BROKEN == 1) gokore_atomic_store_relaxed(&published, s);
        else gokore_atomic_store_release(&published, s);
    }
    gokore_mutex_unlock(&making);
    return s;
}

typedef struct box { // of one letter; 0 = empty
    gokore_mutex mutex;
    gokore_cond changed;
    int letter;
} box;

static int box_exchange(box *b, bool full, int letter) { // waits until it is full or not, and changes that
    if (gokore_mutex_lock(&b->mutex, NULL) != GOKORE_OK) return 0;
    while ((b->letter != 0) != full)
        if (gokore_cond_wait(&b->changed, &b->mutex, NULL) != GOKORE_OK) break;
    int was = b->letter;
    b->letter = letter;
    gokore_mutex_unlock(&b->mutex);
    if (BROKEN == 2) gokore_cond_signal(&b->changed); // perhaps to one who waits for the same
    else gokore_cond_broadcast(&b->changed);
    return was;
}

// ---- scenarios

static void reader(void *arg) {
    (void)arg;
    const settings *s = settings_get();
    CHECK(s->width == 80 && s->height == 24);
}
SCENARIO(settings, are_whole_for_everybody, .bound = 3, .stale = 1) {
    explore_go(reader, NULL);
    explore_go(reader, NULL);
    explore_join();
}

static box letters;
static void writer(void *letter) { (void)box_exchange(&letters, false, *(int *)letter); }
static void taker(void *got) { *(int *)got = box_exchange(&letters, true, 0); }
SCENARIO(box, every_letter_arrives, .bound = 2) {
    static int sent[2] = { 1, 2 }, got[2];
    for (int i = 0; i < 2; i++) explore_go(taker, &got[i]);
    for (int i = 0; i < 2; i++) explore_go(writer, &sent[i]);
    explore_join();
    CHECK(got[0] + got[1] == 3);
}
