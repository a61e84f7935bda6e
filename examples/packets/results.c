#include "results.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const tls_names[4] = { "change_cipher_spec", "alert", "handshake", "application_data" };
static const char *const entropy_names[4] = { "0-2", "2-4", "4-6", "6-8" };

static const char *protocol_name(size_t protocol, char out[16]) {
    switch (protocol) {
    case PROTOCOL_ICMP:
        return "icmp";
    case PROTOCOL_TCP:
        return "tcp";
    case PROTOCOL_UDP:
        return "udp";
    case PROTOCOL_ICMPV6:
        return "icmpv6";
    case LINK_LEVEL:
        return "not ip";
    default:
        break;
    }
    (void)snprintf(out, 16, "ip %zu", protocol);
    return out;
}

static double per_second(uint64_t n, int64_t ns) { return ns > 0 ? (double)n * 1e9 / (double)ns : 0; }

// >>conversations
typedef struct end {
    char text[ADDRESS_TEXT_MAX];
    uint16_t port;
} end;

static int end_compare(const end *x, const end *y) {
    int order = strcmp(x->text, y->text);
    return order ? order : (x->port > y->port) - (x->port < y->port);
}

static void conversation_ends(const tally *t, end *a, end *b) {
    address_text(t->key.a, t->key.family, a->text);
    address_text(t->key.b, t->key.family, b->text);
    a->port = t->key.a_port;
    b->port = t->key.b_port;
    if (end_compare(a, b) > 0) {
        end swap = *a;
        *a = *b;
        *b = swap;
    }
}

static void end_text(const end *e, uint8_t family, char out[64]) {
    (void)snprintf(out, 64, family == 6 ? "[%s]:%u" : "%s:%u", e->text, e->port);
}

static void conversation_texts(const tally *t, char a_text[64], char b_text[64]) {
    end a, b;
    conversation_ends(t, &a, &b);
    end_text(&a, t->key.family, a_text);
    end_text(&b, t->key.family, b_text);
}

void results_print_conversations(const results *r) {
    size_t count;
    tally *sorted = tally_sorted(&r->conversations, &count);
    puts("protocol\ta\tb\tframes\tframe_bytes\ttcp_payload_bytes");
    for (size_t i = 0; i < count; i++) {
        char a[64], b[64], name[16];
        conversation_texts(&sorted[i], a, b);
        printf("%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", protocol_name(sorted[i].key.protocol, name),
               a, b, sorted[i].frames, sorted[i].bytes, sorted[i].tcp_payload);
    }
    free(sorted);
}

// >>text
static void print_mix(const results *r) {
    printf("\nprotocols\n");
    for (size_t i = 0; i < MIX_MAX; i++) {
        char name[16];
        if (r->mix[i]) printf("  %-12s %10" PRIu64 "\n", protocol_name(i, name), r->mix[i]);
    }
    if (r->fragments) printf("  %-12s %10" PRIu64 "\n", "fragments", r->fragments);
    uint64_t unusable = r->results[DECODE_SNAPPED] + r->results[DECODE_MALFORMED] + r->results[DECODE_UNSUPPORTED];
    printf("\nmalformed      %10" PRIu64 "   (of these cut by the capture: %" PRIu64 ")\n", unusable,
           r->results[DECODE_SNAPPED]);
    for (int i = 1; i < DECODE_REASON_COUNT; i++)
        if (r->unusable[i]) printf("  %-44s %10" PRIu64 "\n", decode_reason_name((decode_reason)i), r->unusable[i]);
}

static void print_talkers(const results *r) {
    size_t count;
    tally *sorted = tally_sorted(&r->talkers, &count);
    printf("\ntop talkers                                        packets          bytes\n");
    for (size_t i = 0; i < count && i < 10; i++) {
        char text[ADDRESS_TEXT_MAX];
        address_text(sorted[i].key.a, sorted[i].key.family, text);
        printf("  %-44s %10" PRIu64 " %14" PRIu64 "\n", text, sorted[i].frames, sorted[i].bytes);
    }
    free(sorted);
    sorted = tally_sorted(&r->conversations, &count);
    printf("\nconversations  %10zu   (TLS: %" PRIu64 ")\n", count, r->tls_conversations);
    for (size_t i = 0; i < count && i < 5; i++) {
        char a[64], b[64], name[16];
        conversation_texts(&sorted[i], a, b);
        printf("  %s %s - %s: %" PRIu64 " packets, %" PRIu64 " bytes%s\n",
               protocol_name(sorted[i].key.protocol, name), a, b, sorted[i].frames, sorted[i].bytes,
               sorted[i].tls ? ", TLS" : "");
    }
    free(sorted);
}

static void print_crypto(const crypto_counts *c) {
    printf("\npayloads       %10" PRIu64 "   mean entropy %.2f bits per byte\n ", c->payloads,
           c->payloads ? c->entropy_sum / (double)c->payloads : 0.0);
    for (int i = 0; i < 4; i++)
        printf(" %s bits: %" PRIu64 "%s", entropy_names[i], c->entropy[i], i < 3 ? "," : "\n  TLS records:");
    for (int i = 0; i < 4; i++) printf(" %s %" PRIu64 "%s", tls_names[i], c->tls_records[i], i < 3 ? "," : "\n");
}

static const char *node_name(const gokore_lock_graph *g, uintptr_t address) {
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].address == address) return g->nodes[i].name;
    return "?";
}

static void print_locks(const outcome *o) {
    printf("\nlocks held together (policy: %s)\n", o->policy);
    for (size_t i = 0; i < o->locks.edge_count; i++)
        printf("  %-16s -> %-16s %10" PRIu64 " times\n", node_name(&o->locks, o->locks.edges[i].from),
               node_name(&o->locks, o->locks.edges[i].to), o->locks.edges[i].weight);
    printf("  checker: %zu locks, %zu orders, %" PRIu64 " report%s, %" PRIu64 " violation%s\n", o->locks.node_count,
           o->locks.edge_count, o->reports, o->reports == 1 ? "" : "s", o->violations,
           o->violations == 1 ? "" : "s");
    if (o->dot) printf("  graph: %s\n", o->dot);
}

static void print_machinery(const outcome *o) {
    const gokore_pool_metrics *p = &o->pool;
    printf("\npool           %10u workers (%s), %.0f %% busy\n", o->workers, o->worker_source,
           p->worker_utilization * 100);
    printf("  executed %" PRIu64 ", queued %" PRIu64 ", cancelled %" PRIu64 ", steals %" PRIu64 " of %" PRIu64
           ", node crossings %" PRIu64 "\n",
           p->executed, p->queue_depth, p->context_cancels, p->steal_successes, p->steal_attempts,
           p->numa_crossings);
    printf("channels                 sent   received   inside  capacity\n");
    for (int i = 0; i < STAGES; i++)
        printf("  %-16s %10" PRIu64 " %10" PRIu64 " %8zu %9zu\n", o->stage_names[i], o->channels[i].sent,
               o->channels[i].received, o->channels[i].len, o->channels[i].capacity);
}

void results_print(const results *r, const outcome *o) {
    if (o->stopped) printf("partial result: %s\n", o->stopped);
    printf("%s: %" PRIu64 " packets, %" PRIu64 " bytes in %.3f s: %.0f packets/s\n", o->capture, r->packets,
           r->bytes, (double)o->elapsed_ns / 1e9, per_second(r->analyzed, o->elapsed_ns));
    print_mix(r);
    print_talkers(r);
    print_crypto(&r->crypto);
    print_locks(o);
    print_machinery(o);
}

// >>JSON
static void json_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c >= 0x7f) // bytes as Latin-1: a path need not be UTF-8
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void json_name(const char *name) {
    json_text(name);
    putchar(':');
}

static void json_count(const char *name, uint64_t n, const char *after) {
    printf("\"%s\":%" PRIu64 "%s", name, n, after);
}

static void json_decoded(const results *r) {
    const char *comma = "";
    printf("\"protocols\":{");
    for (size_t i = 0; i < MIX_MAX; i++) {
        char name[16];
        if (!r->mix[i]) continue;
        printf("%s\"%s\":%" PRIu64, comma, protocol_name(i, name), r->mix[i]);
        comma = ",";
    }
    printf("},");
    json_count("fragments", r->fragments, ",\"malformed\":{");
    json_count("total", r->results[DECODE_SNAPPED] + r->results[DECODE_MALFORMED] + r->results[DECODE_UNSUPPORTED],
               ",");
    json_count("cut_by_capture", r->results[DECODE_SNAPPED], ",\"reasons\":{");
    comma = "";
    for (int i = 1; i < DECODE_REASON_COUNT; i++) {
        if (!r->unusable[i]) continue;
        printf("%s\"%s\":%" PRIu64, comma, decode_reason_name((decode_reason)i), r->unusable[i]);
        comma = ",";
    }
    printf("}},");
}

static void json_tallies(const results *r) {
    size_t count;
    tally *sorted = tally_sorted(&r->talkers, &count);
    printf("\"talkers\":[");
    for (size_t i = 0; i < count && i < 10; i++) {
        char text[ADDRESS_TEXT_MAX];
        address_text(sorted[i].key.a, sorted[i].key.family, text);
        printf("%s{\"address\":\"%s\",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", i ? "," : "", text,
               sorted[i].frames, sorted[i].bytes);
    }
    free(sorted);
    sorted = tally_sorted(&r->conversations, &count);
    printf("],\"conversation_count\":%zu,\"tls_conversations\":%" PRIu64 ",\"conversations\":[", count,
           r->tls_conversations);
    for (size_t i = 0; i < count; i++) {
        char a[64], b[64], name[16];
        conversation_texts(&sorted[i], a, b);
        printf("%s{\"protocol\":\"%s\",\"a\":\"%s\",\"b\":\"%s\",\"frames\":%" PRIu64 ",\"frame_bytes\":%" PRIu64
               ",\"tcp_payload_bytes\":%" PRIu64 ",\"tls\":%s}",
               i ? "," : "", protocol_name(sorted[i].key.protocol, name), a, b, sorted[i].frames, sorted[i].bytes,
               sorted[i].tcp_payload, sorted[i].tls ? "true" : "false");
    }
    printf("],");
    free(sorted);
}

static void json_crypto(const crypto_counts *c) {
    printf("\"payloads\":{\"count\":%" PRIu64 ",\"mean_entropy\":%.4f,\"entropy_bits\":{", c->payloads,
           c->payloads ? c->entropy_sum / (double)c->payloads : 0.0);
    for (int i = 0; i < 4; i++) json_count(entropy_names[i], c->entropy[i], i < 3 ? "," : "},\"tls_records\":{");
    for (int i = 0; i < 4; i++) json_count(tls_names[i], c->tls_records[i], i < 3 ? "," : "}},");
}

static void json_machinery(const outcome *o) {
    const gokore_pool_metrics *p = &o->pool;
    printf("\"pool\":{\"workers\":%u,\"utilization\":%.4f,", o->workers, p->worker_utilization);
    json_count("executed", p->executed, ",");
    json_count("queue_depth", p->queue_depth, ",");
    json_count("steal_attempts", p->steal_attempts, ",");
    json_count("steal_successes", p->steal_successes, ",");
    json_count("context_cancels", p->context_cancels, ",");
    json_count("numa_crossings", p->numa_crossings, "},\"channels\":[");
    for (int i = 0; i < STAGES; i++) {
        const gokore_channel_metrics *c = &o->channels[i];
        printf("%s{\"name\":\"%s\",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
               ",\"len\":%zu,\"capacity\":%zu,\"blocked_ns\":%" PRId64 "}",
               i ? "," : "", o->stage_names[i], c->sent, c->received, c->len, c->capacity, c->blocked_ns);
    }
    printf("],");
}

void results_print_json(const results *r, const outcome *o) {
    printf("{");
    json_name("capture");
    json_text(o->capture);
    printf(",\"complete\":%s,\"stopped\":", o->stopped ? "false" : "true");
    json_text(o->stopped ? o->stopped : "");
    printf(",");
    json_count("packets", r->packets, ",");
    json_count("bytes", r->bytes, ",");
    json_count("captured_bytes", r->captured_bytes, ",");
    json_count("analyzed", r->analyzed, ",");
    printf("\"elapsed_s\":%.6f,\"packets_per_s\":%.1f,", (double)o->elapsed_ns / 1e9,
           per_second(r->analyzed, o->elapsed_ns));
    json_decoded(r);
    json_tallies(r);
    json_crypto(&r->crypto);
    json_machinery(o);
    json_name("policy");
    json_text(o->policy);
    printf(",\"checker\":{\"reports\":%" PRIu64 ",\"violations\":%" PRIu64 "},\"lock_graph\":", o->reports,
           o->violations);
    fflush(stdout);
    (void)gokore_lock_graph_write_json(&o->locks,
                                       gokore_writer_file(stdout)); // ends with a line end, as a writer's JSON does
    printf("}\n");
}

void results_free(results *r) {
    tally_free(&r->conversations);
    tally_free(&r->talkers);
}
