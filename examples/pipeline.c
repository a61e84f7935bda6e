// pipeline.c - counts the words of all files below a directory, in three stages joined by channels
//
//   find --paths--> 2 x read --blocks--> count --tables--> main
//
// The channels are small: a stage that is ahead waits, so memory stays small however large the tree is. Each stage closes its
// channel when it is through, and the next one drains it and ends. A watch looks for channels that stand still; what it does
// about it is the channel's policy: the counter hangs, so it is told to finish, and a new one takes over. Nothing is lost.
// One context stops everything: Ctrl-C and --timeout. What was counted so far is printed then, as a partial result.
#define GOKORE_IMPLEMENTATION
#include "../gokore_channel.h"

#include "pipeline/words.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READERS = 2, BLOCK = 64 * 1024, TOP_MAX = 1000, COUNTERS_MAX = 8 };
#define MS INT64_C(1000000)

typedef struct block { // text that begins and ends between words, where the file has such a place
    size_t len;
    char text[BLOCK];
} block;

GOKORE_CHANNEL_TYPE(path_channel, char *)
GOKORE_CHANNEL_TYPE(block_channel, block *)
GOKORE_CHANNEL_TYPE(table_channel, words)

typedef struct options {
    const char *directory;
    size_t top;
    int64_t timeout_ns; // 0 = none
    bool stall, channels;
} options;

typedef struct pipeline {
    options options;
    gokore_context stop, hang; // hang: what the counter waits for when it is made to hang
    path_channel *paths;
    block_channel *blocks;
    table_channel *tables;
    gokore_channel *over;      // closed when the watch may end
    gokore_atomic_u32 readers_left, counters_left, counters, unread;
    gokore_atomic_bool hung;
    gokore_atomic_ptr failure; // char *: why it could not go on
    gokore_atomic_i32 signal;
    pthread_t counter[COUNTERS_MAX];
} pipeline;

static char no_memory[] = "out of memory", no_thread[] = "no thread can be started";

static bool fail(pipeline *p, char *why) { // stops everything; the first reason stays
    (void)gokore_atomic_cas(&p->failure, NULL, why);
    gokore_context_cancel(&p->stop);
    return false;
}

static void start(pipeline *p, pthread_t *thread, void *(*fn)(void *)) {
    if (pthread_create(thread, NULL, fn, p) == 0) return;
    fprintf(stderr, "pipeline: %s\n", no_thread); // too early, or too late, to clean up
    exit(1);
}

// >>find
static bool send_path(pipeline *p, const char *path) {
    char *copy = strdup(path);
    if (!copy) return fail(p, no_memory);
    if (path_channel_send(p->paths, copy, &p->stop) == GOKORE_OK) return true;
    free(copy);
    return false;
}

// Sends the files below path, which has PATH_MAX bytes of room. Hidden entries and links are left out. False: stop.
static bool find_below(pipeline *p, char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        (void)gokore_atomic_add(&p->unread, 1);
        return true;
    }
    size_t len = strlen(path);
    bool going = true;
    for (struct dirent *e; going && (e = readdir(dir)) != NULL;) {
        struct stat s;
        if (e->d_name[0] == '.' || len + strlen(e->d_name) + 2 > PATH_MAX) continue;
        (void)snprintf(path + len, PATH_MAX - len, "/%s", e->d_name);
        if (lstat(path, &s) != 0) continue;
        if (S_ISDIR(s.st_mode)) going = find_below(p, path);
        if (S_ISREG(s.st_mode)) going = send_path(p, path);
        path[len] = 0;
    }
    (void)closedir(dir);
    return going;
}

static void *find_files(void *user) {
    pipeline *p = (pipeline *)user;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", p->options.directory);
    (void)find_below(p, path);
    (void)path_channel_close(p->paths);
    return NULL;
}

// >>read
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Fills a block from the file, the rest of the last word first. False: the file is at its end, or it is not text.
static bool fill(FILE *f, block *b, char *rest, size_t *rest_len) {
    memcpy(b->text, rest, *rest_len);
    size_t len = *rest_len + fread(b->text + *rest_len, 1, BLOCK - *rest_len, f);
    *rest_len = 0;
    b->len = len;
    if (len == 0 || memchr(b->text, 0, len)) return false;
    while (len == BLOCK && b->len > BLOCK / 2 && is_letter(b->text[b->len - 1])) b->len--; // a word may go on
    if (b->len <= BLOCK / 2) b->len = len;
    *rest_len = len - b->len;
    memcpy(rest, b->text + b->len, *rest_len);
    return true;
}

static bool read_file(pipeline *p, const char *path) {
    static _Thread_local char rest[BLOCK];
    size_t rest_len = 0;
    FILE *f = fopen(path, "rb");
    if (!f) (void)gokore_atomic_add(&p->unread, 1);
    bool going = true;
    while (f && going) {
        block *b = (block *)malloc(sizeof *b);
        if (!b) going = fail(p, no_memory);
        if (b && fill(f, b, rest, &rest_len)) {
            going = block_channel_send(p->blocks, b, &p->stop) == GOKORE_OK;
            if (going) continue; // it is the counter's now
            free(b);
        } else {
            free(b);
            break;
        }
    }
    if (f) (void)fclose(f);
    return going;
}

static void *read_files(void *user) {
    pipeline *p = (pipeline *)user;
    char *path;
    bool going = true;
    while (going && path_channel_recv(p->paths, &path, &p->stop) == GOKORE_OK) {
        going = read_file(p, path);
        free(path);
    }
    if (gokore_atomic_fetch_sub(&p->readers_left, 1) == 1) (void)block_channel_close(p->blocks);
    return NULL;
}

// >>count
static void *count_words(void *user) {
    pipeline *p = (pipeline *)user;
    words table = { .slots = NULL };
    block *b;
    bool going = true;
    while (going && block_channel_recv(p->blocks, &b, &p->stop) == GOKORE_OK) {
        if (p->options.stall && gokore_atomic_cas(&p->hung, false, true)) {
            (void)gokore_context_wait(&p->hang); // as if a disk had gone away; told to finish, it finishes
            going = false;
        }
        if (!words_count(&table, b->text, b->len)) going = fail(p, no_memory);
        free(b);
    }
    if (table_channel_send(p->tables, table, NULL) != GOKORE_OK) words_free(&table); // main takes every table
    if (gokore_atomic_fetch_sub(&p->counters_left, 1) == 1) (void)table_channel_close(p->tables);
    return NULL;
}

static void start_counter(pipeline *p) {
    uint32_t i = gokore_atomic_fetch_add(&p->counters, 1);
    if (i < COUNTERS_MAX) start(p, &p->counter[i], count_words);
}

// >>watch
static void on_stall(const gokore_stall *s, void *user) {
    (void)user;
    fprintf(stderr, "pipeline: '%s' stands still for %lld ms: %zu of %zu items inside, %zu senders wait\n", s->name,
            (long long)(s->stalled_ns / MS), s->len, s->capacity, s->senders);
}

static void replace_counter(gokore_channel *ch, void *user) { // the policy of 'blocks'
    pipeline *p = (pipeline *)user;
    (void)ch;
    if (gokore_context_status(&p->hang) != GOKORE_OK || !gokore_atomic_add_unless(&p->counters_left, 1, 0)) return; // done before, or too late
    fprintf(stderr, "pipeline: the counter is told to finish, a new one takes over\n");
    gokore_context_cancel(&p->hang);
    start_counter(p);
}

static void *watch(void *user) {
    pipeline *p = (pipeline *)user;
    sigset_t interrupt;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    gokore_channel *beat;
    if (gokore_channel_ticker(&beat, 20 * MS) != GOKORE_OK) {
        (void)fail(p, no_memory);
        return NULL;
    }
    gokore_select_case cases[] = { { p->over, GOKORE_SELECT_RECV, NULL }, { beat, GOKORE_SELECT_RECV, NULL } };
    while (gokore_channel_select(cases, 2, NULL, NULL) == GOKORE_OK) { // until 'over' is closed
        struct timespec now = { 0, 0 };
        (void)gokore_channel_recover_stalls(1);
        if (sigtimedwait(&interrupt, NULL, &now) != SIGINT) continue;
        gokore_atomic_store(&p->signal, SIGINT);
        gokore_context_cancel(&p->stop);
    }
    gokore_channel_destroy(beat);
    return NULL;
}

// >>main
static bool set_up(pipeline *p) {
    gokore_context_init(&p->stop, NULL);
    if (p->options.timeout_ns) gokore_context_init_timeout(&p->stop, NULL, p->options.timeout_ns);
    gokore_context_init_timeout(&p->hang, &p->stop, 5000 * MS);
    bool ok = path_channel_create(&p->paths, 64) == GOKORE_OK && block_channel_create(&p->blocks, 4) == GOKORE_OK &&
              table_channel_create(&p->tables, 0) == GOKORE_OK &&
              gokore_channel_create(&p->over, &(gokore_channel_desc) { .name = "over" }) == GOKORE_OK;
    gokore_channel_policy policy = { .min_capacity = 1, .stall_ns = 200 * MS, .on_stall = { GOKORE_RECOVER_CALL, replace_counter, p } };
    if (ok) ok = gokore_channel_set_policy(block_channel_channel(p->blocks), &policy) == GOKORE_OK;
    gokore_channel_set_stall_listener(on_stall, p);
    (void)signal(SIGINT, SIG_DFL); // shells start background jobs with it ignored
    sigset_t interrupt;            // for the watch; inherited by all threads
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
    return ok;
}

static void merge_tables(pipeline *p, words *all) {
    words table;
    while (table_channel_recv(p->tables, &table, NULL) == GOKORE_OK) {
        if (!words_merge(all, &table)) (void)fail(p, no_memory);
        words_free(&table);
    }
}

static void throw_away(pipeline *p) { // what a cancel has left between the stages
    char *path;
    block *b;
    while (path_channel_try_recv(p->paths, &path) == GOKORE_OK) free(path);
    while (block_channel_try_recv(p->blocks, &b) == GOKORE_OK) free(b);
}

static void print_channel(const char *name, gokore_channel *ch) {
    gokore_channel_metrics m;
    gokore_channel_get_metrics(ch, &m);
    printf("%s\t%llu\t%llu\t%lld\n", name, (unsigned long long)m.sent, (unsigned long long)m.received, (long long)(m.blocked_ns / MS));
}

static void print_results(pipeline *p, const words *all) {
    static word top[TOP_MAX];
    size_t n = words_top(all, top, p->options.top);
    for (size_t i = 0; i < n; i++) printf("%llu\t%s\n", (unsigned long long)top[i].count, top[i].text);
    printf("%llu words, %zu different\n", (unsigned long long)all->total, all->used);
    if (!p->options.channels) return;
    printf("channel\tsent\treceived\tblocked ms\n");
    print_channel("paths", path_channel_channel(p->paths));
    print_channel("blocks", block_channel_channel(p->blocks));
    print_channel("tables", table_channel_channel(p->tables));
}

static int run(pipeline *p) {
    pthread_t finder, reader[READERS], watcher;
    words all = { .slots = NULL };
    gokore_atomic_store(&p->readers_left, READERS);
    gokore_atomic_store(&p->counters_left, 1);
    start(p, &watcher, watch);
    start(p, &finder, find_files);
    for (int i = 0; i < READERS; i++) start(p, &reader[i], read_files);
    start_counter(p);
    merge_tables(p, &all);
    (void)pthread_join(finder, NULL);
    for (int i = 0; i < READERS; i++) (void)pthread_join(reader[i], NULL);
    (void)gokore_channel_close(p->over);
    (void)pthread_join(watcher, NULL); // from here on there are no new counters
    for (uint32_t i = 0; i < gokore_atomic_load(&p->counters) && i < COUNTERS_MAX; i++) (void)pthread_join(p->counter[i], NULL);
    throw_away(p);
    print_results(p, &all);
    words_free(&all);
    const char *failure = (const char *)gokore_atomic_load(&p->failure);
    gokore_status why = gokore_context_status(&p->stop);
    uint32_t unread = gokore_atomic_load(&p->unread);
    if (unread) fprintf(stderr, "pipeline: %u files or directories can't be read\n", unread);
    if (failure) fprintf(stderr, "pipeline: %s\n", failure);
    else if (why != GOKORE_OK) printf("partial result: %s\n", why == GOKORE_TIMEOUT ? "stopped by --timeout" : "interrupted");
    if (failure || why == GOKORE_OK) return failure ? 1 : 0;
    return why == GOKORE_TIMEOUT ? 124 : 130;
}

static bool number(const char *text, long max, long *out) {
    char *end = NULL;
    errno = 0;
    *out = text ? strtol(text, &end, 10) : 0;
    return text && end != text && !*end && errno == 0 && *out >= 0 && *out <= max;
}

static bool parse(int argc, char **argv, options *o) {
    *o = (options) { .directory = NULL, .top = 10 };
    for (int i = 1; i < argc; i++) {
        long n = 0;
        if (strcmp(argv[i], "--stall") == 0) o->stall = true;
        else if (strcmp(argv[i], "--channels") == 0) o->channels = true;
        else if (strcmp(argv[i], "--top") == 0 && number(argv[i + 1], TOP_MAX, &n)) o->top = (size_t)n, i++;
        else if (strcmp(argv[i], "--timeout") == 0 && number(argv[i + 1], 1000000, &n)) o->timeout_ns = n * MS, i++;
        else if (argv[i][0] != '-' && !o->directory) o->directory = argv[i];
        else return false;
    }
    if (!o->directory) o->directory = ".";
    return true;
}

int main(int argc, char **argv) {
    static pipeline p;
    struct stat s;
    if (!parse(argc, argv, &p.options)) {
        fprintf(stderr, "usage: pipeline [--top N] [--timeout MILLISECONDS] [--stall] [--channels] [DIRECTORY]\n");
        return 2;
    }
    if (stat(p.options.directory, &s) != 0 || !S_ISDIR(s.st_mode)) {
        fprintf(stderr, "pipeline: %s is no directory\n", p.options.directory);
        return 2;
    }
    if (!set_up(&p)) {
        fprintf(stderr, "pipeline: %s\n", no_memory);
        return 1;
    }
    int status = run(&p);
    path_channel_destroy(p.paths);
    block_channel_destroy(p.blocks);
    table_channel_destroy(p.tables);
    gokore_channel_destroy(p.over);
    gokore_context_deinit(&p.hang);
    gokore_context_deinit(&p.stop);
    return status;
}
