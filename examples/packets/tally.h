// tally.h - counts by key: a hash table for conversations and for talkers
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

typedef struct tally_key { // every byte is set, so that keys compare as memory
    uint8_t a[16], b[16];  // the lesser address first; a talker has only a
    uint16_t a_port, b_port;
    uint8_t family, protocol, zero[2];
} tally_key;

typedef struct tally {
    tally_key key;
    uint64_t frames, bytes, tcp_payload; // frames 0 = a free slot
    bool tls;
} tally;

typedef struct tally_table { // all-zero is empty
    tally *slots;
    size_t capacity, count;
} tally_table;

tally_key tally_conversation(const packet_info *info); // of TCP and UDP; both directions have one key
tally_key tally_talker(const packet_info *info);       // the sender
// Adds the counts of one to the entry of the same key; NULL if there is no memory, else the entry.
tally *tally_add(tally_table *table, const tally *one);
bool tally_merge(tally_table *into, const tally_table *from);
void tally_clear(tally_table *table); // keeps the memory
void tally_free(tally_table *table);
// The entries in an array of their own (free it), most bytes first, ties by key; *count of them.
tally *tally_sorted(const tally_table *table, size_t *count);

#endif
