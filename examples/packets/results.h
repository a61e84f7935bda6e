// results.h - what a replay found, and how it is shown
#ifndef RESULTS_H
#define RESULTS_H

#include "../../gokore_channel.h"
#include "../../gokore_lockorder.h"
#include "../../gokore_pool.h"
#include "decode.h"
#include "tally.h"

enum {
    STAGES = 4,
    LINK_LEVEL = 256,
    MIX_MAX = LINK_LEVEL + 1
}; // protocol mix: IP's numbers, and one for what is not IP

typedef struct crypto_counts {
    uint64_t tls_records[4]; // change cipher spec, alert, handshake, application data
    uint64_t payloads;       // with at least one captured byte
    uint64_t entropy[4];     // below 2, 4, 6, 8 bits per byte
    double entropy_sum;
} crypto_counts;

typedef struct results {
    // parser
    uint64_t packets, bytes, captured_bytes; // bytes as on the wire
    uint64_t mix[MIX_MAX];                   // whole packets by protocol
    uint64_t fragments;
    uint64_t unusable[DECODE_REASON_COUNT]; // by reason
    uint64_t results[DECODE_UNSUPPORTED + 1];
    // session manager, crypto layer, traffic analyzer
    tally_table conversations, talkers;
    crypto_counts crypto;
    uint64_t tls_conversations;
    uint64_t analyzed; // packets that went through all stages
} results;

typedef struct outcome {                    // how it went
    const char *capture, *policy, *stopped; // stopped: NULL = to the end, else why not
    const char *dot;                        // where the lock graph was written, NULL = nowhere
    int64_t elapsed_ns;
    unsigned workers;
    const char *worker_source;
    gokore_pool_metrics pool;
    const char *stage_names[STAGES];
    gokore_channel_metrics channels[STAGES];
    gokore_lock_graph locks;
    uint64_t reports, violations; // of the lock checker: all, and those that are errors
} outcome;

void results_print(const results *r, const outcome *o);
void results_print_json(const results *r, const outcome *o);
// Tab-separated, a header first: protocol, both ends ordered by address text and port, frames, bytes, TCP payload.
void results_print_conversations(const results *r);
void results_free(results *r);

#endif
