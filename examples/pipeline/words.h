// words.h - a table of words with their counts
#ifndef WORDS_H
#define WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct word {
    char *text; // NULL = free
    uint64_t count;
} word;
typedef struct words {
    word *slots; // open addressing, a power of two
    size_t cap, used;
    uint64_t total;
} words;

// A run of ASCII letters is a word; upper case counts as lower case. False: out of memory.
bool words_count(words *w, const char *text, size_t len);
bool words_merge(words *into, const words *from);
// The n most frequent ones, those of one count by name, into out; returns how many there are.
size_t words_top(const words *w, word *out, size_t n);
void words_free(words *w);
#endif
