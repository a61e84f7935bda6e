#include "tally.h"

#include <stdlib.h>
#include <string.h>

static int end_compare(const uint8_t x[16], uint16_t x_port, const uint8_t y[16], uint16_t y_port) {
    int order = memcmp(x, y, 16);
    return order ? order : (x_port > y_port) - (x_port < y_port);
}

tally_key tally_conversation(const packet_info *info) {
    bool swap = end_compare(info->source, info->source_port, info->destination, info->destination_port) > 0;
    tally_key key = { .family = info->family, .protocol = info->protocol };
    memcpy(key.a, swap ? info->destination : info->source, 16);
    memcpy(key.b, swap ? info->source : info->destination, 16);
    key.a_port = swap ? info->destination_port : info->source_port;
    key.b_port = swap ? info->source_port : info->destination_port;
    return key;
}

tally_key tally_talker(const packet_info *info) {
    tally_key key = { .family = info->family };
    memcpy(key.a, info->source, 16);
    return key;
}

static uint64_t key_hash(const tally_key *key) { // multiply and fold, word by word
    uint64_t words[sizeof *key / 8], hash = 0;
    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static tally *slot_of(tally *slots, size_t capacity, const tally_key *key) {
    for (size_t i = (size_t)key_hash(key);; i++) {
        tally *slot = &slots[i & (capacity - 1)];
        if (slot->frames == 0 || memcmp(&slot->key, key, sizeof *key) == 0) return slot;
    }
}

static bool grow(tally_table *table) {
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    tally *slots = (tally *)calloc(capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i].frames) *slot_of(slots, capacity, &table->slots[i].key) = table->slots[i];
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

tally *tally_add(tally_table *table, const tally *one) {
    if (table->count * 2 >= table->capacity && !grow(table)) return NULL;
    tally *slot = slot_of(table->slots, table->capacity, &one->key);
    if (slot->frames == 0) {
        *slot = *one;
        table->count++;
        return slot;
    }
    slot->frames += one->frames;
    slot->bytes += one->bytes;
    slot->tcp_payload += one->tcp_payload;
    slot->tls |= one->tls;
    return slot;
}

bool tally_merge(tally_table *into, const tally_table *from) {
    for (size_t i = 0; i < from->capacity; i++)
        if (from->slots[i].frames && !tally_add(into, &from->slots[i])) return false;
    return true;
}

void tally_clear(tally_table *table) {
    if (table->count) memset(table->slots, 0, table->capacity * sizeof *table->slots);
    table->count = 0;
}

void tally_free(tally_table *table) {
    free(table->slots);
    *table = (tally_table) { 0 };
}

static int tally_compare(const void *x, const void *y) {
    const tally *a = (const tally *)x, *b = (const tally *)y;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return memcmp(&a->key, &b->key, sizeof a->key);
}

tally *tally_sorted(const tally_table *table, size_t *count) {
    tally *out = (tally *)malloc((table->count + 1) * sizeof *out);
    *count = 0;
    for (size_t i = 0; out && i < table->capacity; i++)
        if (table->slots[i].frames) out[(*count)++] = table->slots[i];
    if (out) qsort(out, *count, sizeof *out, tally_compare);
    return out;
}
