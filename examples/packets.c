// packets.c - replays a packet capture through a pipeline of tasks: parser, session manager, crypto layer, traffic analyzer
//
// Batches of packets go round through four channels, one before each stage. A task goes through the stages with them: at each
// it takes a batch from the stage's channel, works on it, and puts it into the next one; the parser takes used batches and fills
// them from the capture. There are as many tasks as batches, so no task ever waits for a channel. Work on a batch's own data
// needs no lock; what is found is merged under the stage's lock. A batch is handed on under the locks of both stages, in the
// order that the policy manifest demands, so that a snapshot of all stages is consistent. One context stops everything: Ctrl-C
// and --timeout.
#define GOKORE_LOCKORDER 1
#define GOKORE_POLICY    1
#define GOKORE_IMPLEMENTATION
#include "../gokore.h"

#include "packets/capture.h"
#include "packets/options.h"
#include "packets/payload.h"
#include "packets/results.h"

enum { PARSER, SESSIONS, CRYPTO, ANALYZER, BATCH = 256 };

static const char builtin_policy[] = "apiVersion: concurrency.gokore.io/v1alpha1\n"
                                     "kind: LockPolicy\n"
                                     "metadata:\n"
                                     "  name: packet-pipeline\n"
                                     "spec:\n"
                                     "  qosClass: Burstable\n"
                                     "  maxHoldTime: 100ms\n"
                                     "  hierarchyRules:\n"
                                     "    - name: protocol\n"
                                     "      order: [PacketParser, SessionManager, CryptoLayer, TrafficAnalyzer]\n";

typedef struct batch {
    size_t count;
    capture_packet packets[BATCH];
    packet_info infos[BATCH];
    tally_table conversations, talkers;
} batch;

typedef struct pipeline pipeline;
typedef struct ticket { // a task on its way round the stages
    gokore_task task;
    pipeline *owner;
} ticket;

typedef struct stage {
    gokore_lock_class lock_class;
    gokore_mutex lock;
    gokore_channel *in; // room for every batch there is; the parser's holds those to be filled
    uint64_t in_hand;   // packets handed to this stage and not yet handed on; guarded by lock
    bool (*work)(pipeline *p, batch *b);
} stage;

struct pipeline {
    options options;
    gokore_context stop;
    gokore_pool *pool;
    stage stages[STAGES];
    capture *capture;  // this and the next two under the parser's lock
    unsigned replayed; // times it was read to its end
    bool broken;       // it can't be read any further
    batch *batches;
    ticket *tickets;
    size_t batch_count;
    results found; // each part guarded by the lock of its stage
    gokore_atomic_bool wrong_done, over;
    gokore_atomic_ptr failure; // char *: why the program could not go on
    gokore_atomic_i32 signal;
    char stopped[600];
};

static gokore_atomic_u64 reports, violations;

// >>reports
extern char __executable_start; // from the linker: turns addresses into what addr2line understands

static void print_stack(const char *title, void *const *stack, uint32_t depth) {
    if (depth) fprintf(stderr, "  %s\n", title);
    for (uint32_t i = 0; i < depth && i < 12; i++) {
        uintptr_t pc = (uintptr_t)stack[i], base = (uintptr_t)&__executable_start;
        if (pc >= base && pc - base < 0x10000000)
            fprintf(stderr, "    #%u packets+0x%zx\n", i, (size_t)(pc - base));
        else
            fprintf(stderr, "    #%u %p\n", i, stack[i]);
    }
}

static void on_report(const gokore_report *r, void *user) {
    (void)user;
    static const char *const words[] = { "note", "warning", "error", "fatal" };
    (void)gokore_atomic_add(&reports, 1);
    if (r->severity >= GOKORE_SEVERITY_ERROR) (void)gokore_atomic_add(&violations, 1);
    flockfile(stderr);
    fprintf(stderr, "packets: %s: %s\n  thread %llu [%s]\n", words[r->severity], r->message,
            (unsigned long long)r->thread, gokore_report_id_name(r->id));
    print_stack("taken at", r->stack, r->stack_depth);
    print_stack("opposite order seen at", r->other_stack, r->other_stack_depth);
    funlockfile(stderr);
}

// >>stages
static bool hold(pipeline *p, int i) { return gokore_mutex_lock(&p->stages[i].lock, &p->stop) == GOKORE_OK; }
static void let_go(pipeline *p, int i) { gokore_mutex_unlock(&p->stages[i].lock); }

// Moves a batch from one stage's books to the next one's. Called with the first lock held, takes the second.
static bool hand_on(pipeline *p, int from, size_t packets) {
    if (!hold(p, from + 1)) return false;
    p->stages[from].in_hand -= packets;
    p->stages[from + 1].in_hand += packets;
    let_go(p, from + 1);
    return true;
}

static char no_memory[] = "out of memory", refused[] = "a lock or a hand-over was refused";

static bool fail(pipeline *p, char *why) { // stops everything; the first reason stays
    (void)gokore_atomic_cas(&p->failure, NULL, why);
    gokore_context_cancel(&p->stop);
    return false;
}

static void parse_packet(const capture_packet *packet, packet_info *info, results *delta) {
    decode_result result =
        decode_packet(packet->data, packet->captured, packet->wire_length, packet->link_type, info);
    delta->packets++;
    delta->bytes += packet->wire_length;
    delta->captured_bytes += packet->captured;
    delta->results[result]++;
    if (result == DECODE_OK)
        delta->mix[info->protocol]++;
    else if (result == DECODE_NOT_IP)
        delta->mix[LINK_LEVEL]++;
    else
        delta->unusable[info->reason]++;
    if (info->fragment) delta->fragments++;
}

// The next packets of the capture, which is replayed as often as asked for. None: it has ended, or is broken.
static bool fill(pipeline *p, batch *b) {
    int got = 0;
    b->count = 0;
    if (!hold(p, PARSER)) return false;
    while (!p->broken && b->count < BATCH) {
        got = capture_next(p->capture, &b->packets[b->count]);
        p->broken = got < 0;
        if (got == 1) b->count++;
        if (got == 1) continue;
        bool again = !p->broken && p->capture->packets > 0 &&
                     (p->options.repeat == 0 || p->replayed + 1 < p->options.repeat);
        if (!again) break;
        p->replayed++;
        capture_rewind(p->capture);
    }
    let_go(p, PARSER);
    return true;
}

static bool parse(pipeline *p, batch *b) {
    if (!fill(p, b)) return false;
    if (b->count == 0) return true;
    results delta = { 0 }, *r = &p->found;
    for (size_t i = 0; i < b->count; i++) parse_packet(&b->packets[i], &b->infos[i], &delta);
    if (!hold(p, PARSER)) return false;
    r->packets += delta.packets;
    r->bytes += delta.bytes;
    r->captured_bytes += delta.captured_bytes;
    r->fragments += delta.fragments;
    for (int i = 0; i < MIX_MAX; i++) r->mix[i] += delta.mix[i];
    for (int i = 0; i < DECODE_REASON_COUNT; i++) r->unusable[i] += delta.unusable[i];
    for (int i = 0; i <= DECODE_UNSUPPORTED; i++) r->results[i] += delta.results[i];
    p->stages[PARSER].in_hand += b->count;
    bool ok = hand_on(p, PARSER, b->count);
    let_go(p, PARSER);
    return ok;
}

// What is cut behind the ports still counts: a short snap length must not lose conversations.
static bool is_usable(const packet_info *info) {
    return info->result == DECODE_OK || info->result == DECODE_SNAPPED;
}

static bool has_payload(const packet_info *info) {
    return info->result == DECODE_OK && !info->fragment && info->payload_captured > 0;
}

static bool manage_sessions(pipeline *p, batch *b) {
    tally_clear(&b->conversations);
    for (size_t i = 0; i < b->count; i++) {
        const packet_info *info = &b->infos[i];
        if (!is_usable(info) || !info->has_ports) continue;
        tally one = { .key = tally_conversation(info), .frames = 1, .bytes = b->packets[i].wire_length };
        if (info->protocol == PROTOCOL_TCP) one.tcp_payload = info->payload_length;
        if (!tally_add(&b->conversations, &one)) return fail(p, no_memory);
    }
    if (!hold(p, SESSIONS)) return false;
    bool merged = tally_merge(&p->found.conversations, &b->conversations);
    bool ok = hand_on(p, SESSIONS, b->count);
    let_go(p, SESSIONS);
    return merged ? ok : fail(p, no_memory);
}

static void look_inside(const packet_info *info, batch *b, crypto_counts *counts) {
    double entropy = payload_entropy(info->payload, info->payload_captured);
    counts->payloads++;
    counts->entropy_sum += entropy;
    counts->entropy[entropy >= 6 ? 3 : (int)(entropy / 2)]++;
    tls_record record =
        info->protocol == PROTOCOL_TCP ? tls_record_at(info->payload, info->payload_captured) : TLS_NONE;
    if (record == TLS_NONE) return;
    counts->tls_records[record - TLS_CHANGE_CIPHER_SPEC]++;
    (void)tally_add(&b->conversations,
                    &(tally) { .key = tally_conversation(info), .tls = true }); // is there already
}

static bool recognise_crypto(pipeline *p, batch *b) {
    crypto_counts counts = { 0 }, *c = &p->found.crypto;
    for (size_t i = 0; i < b->count; i++)
        if (has_payload(&b->infos[i])) look_inside(&b->infos[i], b, &counts);
    if (!hold(p, SESSIONS)) return false;
    for (size_t i = 0; i < b->conversations.capacity; i++) {
        tally *t = &b->conversations.slots[i];
        if (t->frames && t->tls)
            (void)tally_add(&p->found.conversations, &(tally) { .key = t->key, .tls = true }); // likewise
    }
    bool ok = hold(p, CRYPTO);
    if (ok) {
        for (int i = 0; i < 4; i++) c->tls_records[i] += counts.tls_records[i];
        for (int i = 0; i < 4; i++) c->entropy[i] += counts.entropy[i];
        c->payloads += counts.payloads;
        c->entropy_sum += counts.entropy_sum;
        ok = hand_on(p, CRYPTO, b->count);
        let_go(p, CRYPTO);
    }
    let_go(p, SESSIONS);
    return ok;
}

// What --lock-order=wrong is for. The second lock is tried for a moment only: a real inversion may hang.
static void take_the_wrong_way(pipeline *p) {
    if (!p->options.wrong_order || gokore_atomic_exchange(&p->wrong_done, true)) return;
    if (!hold(p, ANALYZER)) return;
    if (gokore_mutex_try_lock(&p->stages[SESSIONS].lock, 10000000) == GOKORE_OK) let_go(p, SESSIONS);
    let_go(p, ANALYZER);
}

static bool analyze(pipeline *p, batch *b) {
    tally_clear(&b->talkers);
    for (size_t i = 0; i < b->count; i++) {
        if (!is_usable(&b->infos[i]) || !b->infos[i].family) continue;
        tally one = { .key = tally_talker(&b->infos[i]), .frames = 1, .bytes = b->packets[i].wire_length };
        if (!tally_add(&b->talkers, &one)) return fail(p, no_memory);
    }
    take_the_wrong_way(p);
    if (!hold(p, ANALYZER)) return false;
    bool merged = tally_merge(&p->found.talkers, &b->talkers);
    p->stages[ANALYZER].in_hand -= b->count;
    p->found.analyzed += b->count;
    let_go(p, ANALYZER);
    return merged ? true : fail(p, no_memory);
}

// Once round through all stages, and again until the capture ends. Once the context is over, batches stay where they are.
static void run_ticket(gokore_worker *worker, gokore_task *task) {
    pipeline *p = ((ticket *)task)->owner; // the task is its first member
    bool ok = true, end = false;
    (void)worker;
    for (int i = 0; i < STAGES && ok && !end; i++) {
        batch *b;
        ok = gokore_channel_try_recv(p->stages[i].in, &b) == GOKORE_OK && p->stages[i].work(p, b);
        end = ok && b->count == 0;
        int next = end ? PARSER : (i + 1) % STAGES;
        if (ok) ok = gokore_channel_try_send(p->stages[next].in, &b) == GOKORE_OK;
    }
    if (ok && !end) ok = gokore_pool_submit(p->pool, task, &p->stop) == GOKORE_OK;
    if (!ok && gokore_context_status(&p->stop) == GOKORE_OK) (void)fail(p, refused);
}

// >>replaying
static void show_progress(pipeline *p, const capture *c, bool last) {
    static int64_t shown_ns;
    enum { WIDTH = 40 };
    int64_t now = gokore_now_ns();
    if (!isatty(STDERR_FILENO) || p->options.json || (!last && now - shown_ns < 90000000)) return;
    shown_ns = now;
    uint64_t in_hand = 0;
    for (int i = 0; i < STAGES; i++) {
        if (gokore_mutex_lock(&p->stages[i].lock, NULL) != GOKORE_OK) {
            while (i-- > 0) let_go(p, i);
            return;
        }
        in_hand += p->stages[i].in_hand;
    }
    uint64_t analyzed = p->found.analyzed;
    int done = c->size ? (int)((double)c->offset / (double)c->size * WIDTH) : WIDTH;
    for (int i = STAGES; i-- > 0;) let_go(p, i);
    fprintf(stderr, "\r[%.*s%*s] %llu packets, %llu in hand%s", done, "########################################",
            WIDTH - done, "", (unsigned long long)analyzed, (unsigned long long)in_hand, last ? "\n" : "  ");
}

static int replay(pipeline *p, capture *c) {
    int status = 0;
    for (size_t i = 0; i < p->batch_count; i++)
        if (gokore_pool_submit(p->pool, &p->tickets[i].task, &p->stop) != GOKORE_OK) (void)fail(p, refused);
    gokore_status idle = GOKORE_TIMEOUT;
    while (idle != GOKORE_OK &&
           gokore_context_status(&p->stop) == GOKORE_OK) { // a look at the progress ten times a second
        gokore_context moment;
        gokore_context_init_timeout(&moment, &p->stop, 100000000);
        idle = gokore_pool_wait_idle(p->pool, &moment);
        gokore_context_deinit(&moment);
        show_progress(p, c, false);
    }
    if (idle != GOKORE_OK && gokore_pool_shutdown(p->pool, 0) != GOKORE_OK)
        if (gokore_pool_wait_idle(p->pool, NULL) != GOKORE_OK) return 1; // what runs sees the context and ends
    if (p->broken) status = 2;
    show_progress(p, c, true);
    if (status == 2) {
        (void)snprintf(p->stopped, sizeof p->stopped, "%s", c->error);
        return 2;
    }
    gokore_status why = gokore_context_status(&p->stop);
    const char *failure = (const char *)gokore_atomic_load(&p->failure);
    if (failure) {
        (void)snprintf(p->stopped, sizeof p->stopped, "%s", failure);
        return 1;
    }
    if (why == GOKORE_OK) return 0;
    int sig = gokore_atomic_load(&p->signal);
    (void)snprintf(p->stopped, sizeof p->stopped, "%s",
                   sig == SIGINT ? "interrupted"
                   : sig         ? "terminated"
                                 : "stopped by --timeout");
    return sig ? 128 + sig : 124;
}

// >>signals: taken by a thread of their own, because cancelling takes locks
static void *watch_signals(void *arg) {
    pipeline *p = (pipeline *)arg;
    sigset_t set;
    int sig;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigwait(&set, &sig) != 0 || gokore_atomic_load(&p->over)) return NULL;
    gokore_atomic_store(&p->signal, sig);
    gokore_context_cancel(&p->stop);
    return NULL;
}

static bool block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0;
}

// >>setting up
static int load_policy(const options *o) {
    gokore_diagnostic items[8];
    gokore_diagnostics diagnostics = { items, 8, 0 };
    gokore_policy_set *set;
    gokore_status status = o->policy ? gokore_policy_load_file(&set, o->policy, &diagnostics)
                                     : gokore_policy_load(&set, builtin_policy, sizeof builtin_policy - 1,
                                                          "built-in policy", &diagnostics);
    for (size_t i = 0; i < diagnostics.count && i < diagnostics.capacity; i++)
        if (status == GOKORE_OK || diagnostics.items[i].severity >= GOKORE_SEVERITY_ERROR)
            if (gokore_diagnostic_write(&items[i], gokore_writer_file(stderr)) != GOKORE_OK) break;
    if (status != GOKORE_OK) return 2;
    status = gokore_policy_apply(set);
    if (status == GOKORE_OK) status = gokore_lockorder_load(set);
    gokore_policy_set_destroy(set);
    if (status == GOKORE_OK) return 0;
    fprintf(stderr, "packets: the policy can't be applied: %s\n", gokore_status_name(status));
    return 2;
}

static gokore_qos policy_qos(void) {
    const gokore_policy_set *set = gokore_policy_current();
    const gokore_policy *first = set ? gokore_policy_set_at(set, 0) : NULL;
    return first && first->lock ? first->lock->qos : GOKORE_QOS_DEFAULT;
}

static bool build(pipeline *p) {
    static const char *const names[STAGES] = { "PacketParser", "SessionManager", "CryptoLayer", "TrafficAnalyzer" };
    static bool (*const work[STAGES])(pipeline *, batch *) = { parse, manage_sessions, recognise_crypto, analyze };
    gokore_context_init_timeout(&p->stop, NULL, p->options.timeout_ns);
    if (gokore_pool_create(&p->pool, &(gokore_pool_desc) { .name = "packets",
                                                           .workers = p->options.workers,
                                                           .qos = policy_qos() }) != GOKORE_OK)
        return false;
    p->batch_count = 2 + 2 * (size_t)gokore_pool_worker_count(p->pool);
    p->batches = (batch *)calloc(p->batch_count, sizeof *p->batches);
    p->tickets = (ticket *)calloc(p->batch_count, sizeof *p->tickets);
    gokore_channel_desc channel = { .item_size = sizeof(batch *), .capacity = p->batch_count };
    if (!p->batches || !p->tickets) return false;
    for (int i = 0; i < STAGES; i++) {
        stage *s = &p->stages[i];
        s->lock_class = (gokore_lock_class)GOKORE_LOCK_CLASS_INIT(names[i]);
        gokore_mutex_init(&s->lock, &(gokore_mutex_desc) { .lock_class = &s->lock_class });
        s->work = work[i];
        channel.name = names[i];
        if (gokore_channel_create(&s->in, &channel) != GOKORE_OK) return false;
    }
    for (size_t i = 0; i < p->batch_count; i++) {
        batch *b = &p->batches[i];
        p->tickets[i] = (ticket) { .task = GOKORE_TASK_INIT(run_ticket), .owner = p };
        if (gokore_channel_try_send(p->stages[PARSER].in, &b) != GOKORE_OK) return false;
    }
    return true;
}

static void demolish(pipeline *p) {
    gokore_pool_destroy(p->pool);
    for (int i = 0; i < STAGES; i++) {
        gokore_channel_destroy(p->stages[i].in);
        gokore_mutex_deinit(&p->stages[i].lock);
    }
    for (size_t i = 0; p->batches && i < p->batch_count; i++) {
        tally_free(&p->batches[i].conversations);
        tally_free(&p->batches[i].talkers);
    }
    free(p->batches);
    free(p->tickets);
    results_free(&p->found);
    gokore_context_deinit(&p->stop);
}

// >>telling
static const char *default_dot(void) { // packets.dot beside the program
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 5);
    if (n <= 0) return "packets.dot";
    memcpy(path + n, ".dot", 5);
    return path;
}

static const char *write_dot(const pipeline *p, const gokore_lock_graph *graph) {
    const char *path = p->options.dot ? p->options.dot : default_dot();
    FILE *file = fopen(path, "w");
    bool ok = file && gokore_lock_graph_write_dot(graph, gokore_writer_file(file)) == GOKORE_OK;
    if (file) ok = fclose(file) == 0 && ok;
    if (!ok) fprintf(stderr, "packets: the lock graph can't be written to %s: %s\n", path, strerror(errno));
    return ok ? path : NULL;
}

static void tell(pipeline *p, int64_t elapsed_ns) {
    outcome o = { .capture = p->options.capture,
                  .policy = p->options.policy ? p->options.policy : "built in",
                  .elapsed_ns = elapsed_ns };
    o.stopped = p->stopped[0] ? p->stopped : NULL;
    o.workers = gokore_pool_worker_count(p->pool);
    o.worker_source = p->options.workers ? "as asked for" : "what this container may use";
    o.reports = gokore_atomic_load(&reports);
    o.violations = gokore_atomic_load(&violations);
    gokore_pool_get_metrics(p->pool, &o.pool);
    for (int i = 0; i < STAGES; i++) {
        o.stage_names[i] = p->stages[i].lock_class.name;
        gokore_channel_get_metrics(p->stages[i].in, &o.channels[i]);
    }
    for (size_t i = 0; i < p->found.conversations.capacity; i++)
        p->found.tls_conversations += p->found.conversations.slots[i].tls;
    if (gokore_lockorder_graph(&o.locks) == GOKORE_OK) o.dot = write_dot(p, &o.locks);
    if (p->options.conversations)
        results_print_conversations(&p->found);
    else if (p->options.json)
        results_print_json(&p->found, &o);
    else
        results_print(&p->found, &o);
    gokore_lock_graph_deinit(&o.locks);
}

static int run(pipeline *p, capture *c) {
    pthread_t watcher;
    p->capture = c;
    if (!block_signals() || !build(p) || pthread_create(&watcher, NULL, watch_signals, p) != 0) {
        fprintf(stderr, "packets: not enough memory or threads\n");
        return 1;
    }
    int64_t begin = gokore_now_ns();
    int status = replay(p, c);
    int64_t elapsed_ns = gokore_now_ns() - begin;
    gokore_atomic_store(&p->over, true);
    (void)pthread_kill(watcher, SIGTERM);
    (void)pthread_join(watcher, NULL);
    tell(p, elapsed_ns);
    if (status) fprintf(stderr, "packets: %s%s\n", status == 2 ? "" : "partial result: ", p->stopped);
    if (fflush(stdout) != 0 && status == 0) {
        fprintf(stderr, "packets: the results can't be written: %s\n", strerror(errno));
        status = 1;
    }
    return status;
}

int main(int argc, char **argv) {
    static pipeline p;
    capture c;
    int status = options_read(&p.options, argc, argv);
    if (status) return status == 2 ? 2 : 0;
    gokore_report_set(on_report, NULL);
    if (capture_open(&c, p.options.capture) != 0) {
        fprintf(stderr, "packets: %s\n", c.error);
        return 2;
    }
    status = load_policy(&p.options);
    if (status == 0) {
        status = run(&p, &c);
        demolish(&p);
    }
    capture_close(&c);
    return status;
}
