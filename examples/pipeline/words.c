// words.c - a table of words with their counts
#include "words.h"

#include <stdlib.h>
#include <string.h>

static word *find(const words *w, const char *text, size_t len) {
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    for (size_t at = (size_t)hash & (w->cap - 1);; at = (at + 1) & (w->cap - 1)) {
        word *s = &w->slots[at];
        if (!s->text || (strncmp(s->text, text, len) == 0 && !s->text[len])) return s;
    }
}

static bool grow(words *w) {
    words larger = { .cap = w->cap ? w->cap * 2 : 1024, .used = w->used, .total = w->total };
    larger.slots = (word *)calloc(larger.cap, sizeof *larger.slots);
    if (!larger.slots) return false;
    for (size_t i = 0; i < w->cap; i++)
        if (w->slots[i].text) *find(&larger, w->slots[i].text, strlen(w->slots[i].text)) = w->slots[i];
    free(w->slots);
    *w = larger;
    return true;
}

static bool add(words *w, const char *text, size_t len, uint64_t count) {
    if (w->used * 2 >= w->cap && !grow(w)) return false;
    word *s = find(w, text, len);
    if (!s->text) {
        s->text = (char *)malloc(len + 1);
        if (!s->text) return false;
        memcpy(s->text, text, len);
        s->text[len] = 0;
        w->used++;
    }
    s->count += count;
    w->total += count;
    return true;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool words_count(words *w, const char *text, size_t len) {
    char one[256]; // longer runs are cut
    size_t n = 0;
    for (size_t i = 0; i <= len; i++) {
        char c = i < len ? lower(text[i]) : ' ';
        bool letter = c >= 'a' && c <= 'z';
        if (letter) one[n++] = c;
        if (n == 0 || (letter && n < sizeof one)) continue;
        if (!add(w, one, n, 1)) return false;
        n = 0;
    }
    return true;
}

bool words_merge(words *into, const words *from) {
    for (size_t i = 0; i < from->cap; i++)
        if (from->slots[i].text && !add(into, from->slots[i].text, strlen(from->slots[i].text), from->slots[i].count)) return false;
    return true;
}

static int by_count(const void *a, const void *b) {
    const word *x = (const word *)a, *y = (const word *)b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->text, y->text);
}

size_t words_top(const words *w, word *out, size_t n) {
    word *all = (word *)malloc((w->used + 1) * sizeof *all);
    if (!all) return 0;
    size_t count = 0;
    for (size_t i = 0; i < w->cap; i++)
        if (w->slots[i].text) all[count++] = w->slots[i];
    qsort(all, count, sizeof *all, by_count);
    if (count > n) count = n;
    memcpy(out, all, count * sizeof *all);
    free(all);
    return count;
}

void words_free(words *w) {
    for (size_t i = 0; i < w->cap; i++) free(w->slots[i].text);
    free(w->slots);
    *w = (words) { .slots = NULL };
}
