// gokore - looks at manifests, at the container and at the machine with the library's own eyes.
// It holds its own implementation, because the Kubernetes schema and the manual come from the table the loader follows.
#define GOKORE_IMPLEMENTATION
#include "../gokore_policy.h"
#include "../gokore_topology.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DONE = 0, FINDINGS = 1, TROUBLE = 2 };

static const char help[] =
    "usage: gokore COMMAND [OPTION]... [FILE]...\n"
    "  lint FILE...                   checks manifests; FILE may be a directory, or - for standard input\n"
    "  json FILE                      each document of FILE as one line of JSON; findings go to standard error\n"
    "  crd                            the CustomResourceDefinitions of both kinds\n"
    "  fields                         the fields of both kinds, as the manual has them\n"
    "  container [--root DIR]         what the container allows, and who says so\n"
    "  topology [--root DIR]          the NUMA nodes\n"
    "  rules FILE [--dot]             the lock order that manifests ask for; --dot: for Graphviz\n"
    "options\n"
    "  --json                         JSON instead of text; where each line is one finding, one object a line\n"
    "  --root DIR                     a directory that holds proc and sys, instead of the real machine\n"
    "  --kind KIND                    crd, fields: of LockPolicy or ConcurrencyPolicy only\n"
    "  --help, --version\n"
    "exit status: 0 done, 1 findings (errors in manifests), 2 bad usage, or what can't be read or written\n";

typedef struct options {
    const char *command, *root;
    bool json, dot;
    gokore_policy_kind kind; // NONE = both
    const char **files;
    size_t file_count;
} options;

static int usage(const char *why, const char *what) {
    fprintf(stderr, "gokore: %s%s\nTry 'gokore --help'.\n", why, what);
    return TROUBLE;
}

// ---- text

static void quote_to(FILE *to, const char *text) { // a JSON string
    gokore_doc_out_ out = { .writer = gokore_writer_file(to) };
    gokore_doc_write_string_(&out, text, strlen(text));
    gokore_doc_flush_(&out);
}
static void quote(const char *text) { quote_to(stdout, text); }

static void line(int indent, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(int indent, const char *format, ...) {
    va_list args;
    printf("%*s", indent, "");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void single(const char *text) { // a YAML scalar in single quotes
    putchar('\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'') putchar('\'');
        putchar(*p);
    }
    puts("'");
}

// ---- manifests

typedef struct text { char *data; size_t len; } text;

static bool read_all(const char *path, text *out) { // "-" = standard input; false: said
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t cap = GOKORE_DOC_TEXT_MAX_ + 1;
    out->data = malloc(cap);
    bool done = file && out->data;
    if (done) out->len = fread(out->data, 1, cap, file);
    done = done && !ferror(file);
    if (!done) fprintf(stderr, "gokore: %s: %s\n", path, strerror(errno));
    if (file && file != stdin) fclose(file);
    return done;
}

static void write_diagnostic(FILE *to, const gokore_diagnostic *d, bool json) {
    static const char *const words[] = { "info", "warning", "error", "fatal" };
    if (!json) {
        (void)gokore_diagnostic_write(d, gokore_writer_file(to));
        return;
    }
    fprintf(to, "{\"file\":");
    quote_to(to, d->file);
    fprintf(to, ",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"code\":\"%s\",\"path\":", d->line, d->column,
            words[d->severity & 3], d->code);
    quote_to(to, d->path);
    fprintf(to, ",\"message\":");
    quote_to(to, d->message);
    fprintf(to, "}\n");
}

static int write_found(gokore_status status, const gokore_diagnostics *found, bool json) {
    for (size_t i = 0; i < found->count && i < found->capacity; i++) write_diagnostic(stdout, &found->items[i], json);
    if (found->count > found->capacity) fprintf(stderr, "gokore: %zu more findings\n", found->count - found->capacity);
    return status == GOKORE_OK ? DONE : status == GOKORE_PARSE ? FINDINGS : TROUBLE;
}

// Loads a path; what is found is written to standard output. *set is NULL unless the answer is DONE.
static int load(const char *path, gokore_policy_set **set, bool json) {
    static gokore_diagnostic items[256];
    gokore_diagnostics found = { items, sizeof items / sizeof items[0], 0 };
    if (strcmp(path, "-") != 0) return write_found(gokore_policy_load_file(set, path, &found), &found, json);
    text all = { NULL, 0 };
    *set = NULL;
    int answer = TROUBLE;
    if (read_all(path, &all)) answer = write_found(gokore_policy_load(set, all.data, all.len, path, &found), &found, json);
    free(all.data);
    return answer;
}

static int lint(const options *o) {
    int worst = DONE;
    if (o->file_count == 0) return usage("lint: which file?", "");
    for (size_t i = 0; i < o->file_count; i++) {
        gokore_policy_set *set;
        int answer = load(o->files[i], &set, o->json);
        if (answer > worst) worst = answer;
        gokore_policy_set_destroy(set);
    }
    return worst;
}

static int json(const options *o) {
    gokore_diagnostic items[32];
    gokore_diagnostics found = { items, sizeof items / sizeof items[0], 0 };
    text all;
    if (o->file_count != 1) return usage("json: one file is needed", "");
    if (!read_all(o->files[0], &all)) return free(all.data), TROUBLE;
    gokore_status status = gokore_document_to_json(all.data, all.len, o->files[0], gokore_writer_file(stdout), &found);
    free(all.data);
    for (size_t i = 0; i < found.count && i < found.capacity; i++) write_diagnostic(stderr, &items[i], o->json);
    return status == GOKORE_OK ? DONE : status == GOKORE_PARSE ? FINDINGS : TROUBLE;
}

// ---- the manual

static void words_of(const gokore_policy_field_ *f, char *out, size_t cap) { // what a field takes
    const char *const *words;
    unsigned first;
    switch (f->type) {
    case GOKORE_POLICY_TEXT_: (void)snprintf(out, cap, "text"); break;
    case GOKORE_POLICY_NAME_: (void)snprintf(out, cap, "name"); break;
    case GOKORE_POLICY_INT_: (void)snprintf(out, cap, "number %d..%d", f->least, f->most); break;
    case GOKORE_POLICY_BOOL_: (void)snprintf(out, cap, "true or false"); break;
    case GOKORE_POLICY_DURATION_: (void)snprintf(out, cap, "duration"); break;
    case GOKORE_POLICY_PERCENT_: (void)snprintf(out, cap, "\"0%%\"..\"100%%\""); break;
    case GOKORE_POLICY_QOS_:
    case GOKORE_POLICY_FALLBACK_:
        (void)gokore_policy_words_(f->type, &words, &first);
        (void)snprintf(out, cap, "%s, %s or %s", words[0], words[1], words[2]);
        break;
    case GOKORE_POLICY_OBJECT_: (void)snprintf(out, cap, "map"); break;
    case GOKORE_POLICY_INTS_: (void)snprintf(out, cap, "list of numbers %d..%d", f->least, f->most); break;
    case GOKORE_POLICY_NAMES_: (void)snprintf(out, cap, "list of names"); break;
    case GOKORE_POLICY_OBJECTS_: (void)snprintf(out, cap, "list of"); break;
    case GOKORE_POLICY_STRINGS_: (void)snprintf(out, cap, "map of texts"); break;
    case GOKORE_POLICY_CONST_: (void)snprintf(out, cap, "%s", f->text); break;
    }
}

static void fields_of(const gokore_policy_shape_ *shape, int indent) {
    enum { COLUMN = 32, WIDTH = 120 };
    for (size_t i = 0; i < shape->count; i++) {
        const gokore_policy_field_ *f = &shape->fields[i];
        char what[64], all[256];
        words_of(f, what, sizeof what);
        if (f->type == GOKORE_POLICY_CONST_) {
            line(indent, "%s: %s", f->name, what);
            continue;
        }
        (void)snprintf(all, sizeof all, "%s%s%s%s", f->flags & GOKORE_POLICY_REQUIRED_ ? "required " : "", what, f->about ? ": " : "", f->about ? f->about : "");
        int at = printf("%*s%s", indent, "", f->name);
        for (char *word = strtok(all, " "); word; word = strtok(NULL, " ")) {
            bool wraps = at > COLUMN && at + 1 + (int)strlen(word) > WIDTH;
            if (wraps) putchar('\n');
            if (wraps) at = 0;
            at += at < COLUMN ? printf("%*s%s", COLUMN - at, "", word) : printf(" %s", word);
        }
        putchar('\n');
        if (f->shape) fields_of(f->shape, indent + 2);
    }
}

static int fields(const options *o) {
    for (int kind = GOKORE_POLICY_LOCK; kind <= GOKORE_POLICY_CONCURRENCY; kind++)
        if (o->kind == GOKORE_POLICY_NONE || o->kind == (gokore_policy_kind)kind) fields_of(&gokore_policy_kinds_[kind], 0);
    return DONE;
}

// ---- CustomResourceDefinitions

static void schema_of(const gokore_policy_shape_ *shape, int indent);

static void validation(int indent, const char *rule, const char *message) {
    printf("%*s- rule: \"%s\"\n%*s  message: ", indent, "", rule, indent, "");
    single(message);
}

static void schema_of_text(const gokore_policy_field_ *f, int indent) {
    if (f->type == GOKORE_POLICY_DURATION_) {
        line(indent, "pattern: '^[1-9][0-9]*(ns|us|ms|s|m)$'");
        line(indent, "maxLength: 32");
        line(indent, "x-kubernetes-validations:");
        validation(indent + 2, "duration(self) > duration('0s')", "must be a duration of less than 292 years");
    } else if (f->type == GOKORE_POLICY_PERCENT_) {
        line(indent, "pattern: '^(0|[1-9][0-9]?|100)%%$'");
        line(indent, "maxLength: 4");
    } else {
        bool name = f->type != GOKORE_POLICY_TEXT_;
        line(indent, "minLength: 1");
        line(indent, "maxLength: %d", GOKORE_POLICY_NAME_MAX_);
        if (name) line(indent, "pattern: '^[A-Za-z0-9_.-]+$'");
        if (name) return;
        line(indent, "%s", "pattern: \"^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\ufffe\\uffff]+$\"");
        line(indent, "x-kubernetes-validations:");
        validation(indent + 2, "size(bytes(self)) <= 253", "must not be longer than 253 bytes");
    }
}

static void schema_of_words(const gokore_policy_field_ *f, int indent) {
    const char *const *words;
    unsigned first;
    (void)gokore_policy_words_(f->type, &words, &first);
    line(indent, "enum: [%s, %s, %s]", words[0], words[1], words[2]);
}

static void schema_of_list(const gokore_policy_field_ *f, int indent) {
    const char *key = NULL;
    for (size_t i = 0; f->shape && i < f->shape->count; i++)
        if (f->shape->fields[i].flags & GOKORE_POLICY_KEY_) key = f->shape->fields[i].name;
    if (f->fewest) line(indent, "minItems: %zu", f->fewest);
    line(indent, "maxItems: %d", GOKORE_POLICY_ITEMS_MAX_);
    line(indent, "x-kubernetes-list-type: %s", key ? "map" : f->shape ? "atomic" : "set");
    if (key) line(indent, "x-kubernetes-list-map-keys: [%s]", key);
    line(indent, "items:");
    line(indent + 2, "type: %s", f->shape ? "object" : f->type == GOKORE_POLICY_INTS_ ? "integer" : "string");
    if (f->shape) schema_of(f->shape, indent + 2);
    if (f->type == GOKORE_POLICY_NAMES_) schema_of_text(f, indent + 2);
    if (f->type != GOKORE_POLICY_INTS_) return;
    line(indent + 2, "format: int32");
    line(indent + 2, "minimum: %d", f->least);
    line(indent + 2, "maximum: %d", f->most);
}

static const char *json_type(gokore_policy_type_ type) {
    switch (type) {
    case GOKORE_POLICY_INT_: return "integer";
    case GOKORE_POLICY_BOOL_: return "boolean";
    case GOKORE_POLICY_OBJECT_:
    case GOKORE_POLICY_STRINGS_: return "object";
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: return "array";
    default: return "string";
    }
}

static void schema_of_field(const gokore_policy_field_ *f, int indent) {
    line(indent, "type: %s", json_type(f->type));
    if (f->about) {
        printf("%*sdescription: ", indent, "");
        single(f->about);
    }
    switch (f->type) {
    case GOKORE_POLICY_INT_:
        line(indent, "format: int32");
        line(indent, "minimum: %d", f->least);
        line(indent, "maximum: %d", f->most);
        break;
    case GOKORE_POLICY_TEXT_:
    case GOKORE_POLICY_NAME_:
    case GOKORE_POLICY_DURATION_:
    case GOKORE_POLICY_PERCENT_: schema_of_text(f, indent); break;
    case GOKORE_POLICY_QOS_:
    case GOKORE_POLICY_FALLBACK_: schema_of_words(f, indent); break;
    case GOKORE_POLICY_OBJECT_: schema_of(f->shape, indent); break;
    case GOKORE_POLICY_INTS_:
    case GOKORE_POLICY_NAMES_:
    case GOKORE_POLICY_OBJECTS_: schema_of_list(f, indent); break;
    default: break;
    }
}

static void schema_of(const gokore_policy_shape_ *shape, int indent) { // required and properties of an object
    size_t required = 0;
    for (size_t i = 0; i < shape->count; i++) {
        if (!(shape->fields[i].flags & GOKORE_POLICY_REQUIRED_)) continue;
        if (required++ == 0) printf("%*srequired: [", indent, "");
        printf("%s%s", required > 1 ? ", " : "", shape->fields[i].name);
    }
    if (required) puts("]");
    line(indent, "properties:");
    for (size_t i = 0; i < shape->count; i++) {
        line(indent + 2, "%s:", shape->fields[i].name);
        schema_of_field(&shape->fields[i], indent + 4);
    }
}

#define NUMA_CLASS "(has(self.numaAffinity) && has(self.numaAffinity.qosOverride) ? self.numaAffinity.qosOverride : self.qosClass)"
#define NUMA_REQUIRED "(has(self.numaAffinity) && has(self.numaAffinity.required) && self.numaAffinity.required)"

static void class_rule(int indent, gokore_qos qos, const char *message, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void class_rule(int indent, gokore_qos qos, const char *message, const char *format, ...) {
    char rule[512], body[256], said[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(body, sizeof body, format, args);
    va_end(args);
    (void)snprintf(rule, sizeof rule, "self.qosClass != '%s' || %s", gokore_qos_name(qos), body);
    (void)snprintf(said, sizeof said, "%s %s", gokore_qos_name(qos), message);
    validation(indent, rule, said);
}

static void class_rules(int indent) { // what gokore_policy_check_class_ checks
    line(indent, "x-kubernetes-validations:");
    for (int i = GOKORE_QOS_GUARANTEED; i <= GOKORE_QOS_BEST_EFFORT; i++) {
        gokore_qos_row_ row = gokore_qos_row_of_((gokore_qos)i);
        gokore_qos qos = (gokore_qos)i;
        char message[96];
        int hold = (int)(row.hold_ns / GOKORE_POLICY_MS_), wait = (int)(row.wait_ns / GOKORE_POLICY_MS_);
        (void)snprintf(message, sizeof message, "holds no lock longer than %d ms", hold);
        if (hold) class_rule(indent + 2, qos, message, "!has(self.maxHoldTime) || duration(self.maxHoldTime) <= duration('%dms')", hold);
        (void)snprintf(message, sizeof message, "retries %u times at most", row.attempts);
        class_rule(indent + 2, qos, message, "!has(self.retryPolicy) || self.retryPolicy.attempts <= %u", row.attempts);
        (void)snprintf(message, sizeof message, "retries to steal %u times at most", row.steal_attempts);
        class_rule(indent + 2, qos, message, "!has(self.retryPolicy) || !has(self.retryPolicy.stealRetries) || self.retryPolicy.stealRetries <= %u", row.steal_attempts);
        (void)snprintf(message, sizeof message, "waits %d ms at most", wait);
        class_rule(indent + 2, qos, message, "!has(self.retryPolicy) || !has(self.retryPolicy.maxWaitTime) || duration(self.retryPolicy.maxWaitTime) <= duration('%dms')", wait);
    }
    validation(indent + 2, NUMA_CLASS " != 'Guaranteed' || " NUMA_REQUIRED, "Guaranteed needs numaAffinity.required: true");
    validation(indent + 2, NUMA_CLASS " != 'BestEffort' || !" NUMA_REQUIRED, "BestEffort can't require a node");
}

static void status_schema(int indent) {
    static const char *const lines[] = {
        "type: object", "description: 'What the processes that were given this policy said about it.'", "properties:", "  observedGeneration:",
        "    type: integer", "    format: int64", "    minimum: 0", "  conditions:", "    type: array", "    maxItems: 16",
        "    x-kubernetes-list-type: map", "    x-kubernetes-list-map-keys: [type]", "    items:", "      type: object",
        "      required: [type, status, lastTransitionTime, reason, message]", "      properties:", "        type:", "          type: string",
        "          maxLength: 316", "        status:", "          type: string", "          enum: ['True', 'False', Unknown]",
        "        observedGeneration:", "          type: integer", "          format: int64", "          minimum: 0", "        lastTransitionTime:",
        "          type: string", "          format: date-time", "        reason:", "          type: string", "          minLength: 1",
        "          maxLength: 1024", "        message:", "          type: string", "          maxLength: 32768",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) line(indent, "%s", lines[i]);
}

static void column(const char *name, const char *type, const char *path) {
    line(8, "- name: %s", name);
    line(10, "type: %s", type);
    printf("%*sjsonPath: ", 10, "");
    single(path);
}

static void crd(gokore_policy_kind kind) {
    const gokore_policy_field_ *all = gokore_policy_kinds_[kind].fields, *spec = &all[3];
    const char *name = all[1].text, *version = strchr(all[0].text, '/') + 1;
    int group = (int)(version - 1 - all[0].text);
    char singular[32] = "", *to = singular;
    for (const char *p = name; *p; p++) *to++ = gokore_doc_lower_(*p);
    int stem = (int)strlen(singular) - 1; // policy, policies
    line(0, "# Printed by: gokore crd --kind %s", name);
    line(0, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: %.*sies.%.*s", stem, singular, group, all[0].text);
    line(0, "spec:\n  group: %.*s\n  scope: Namespaced\n  names:\n    kind: %s\n    listKind: %sList", group, all[0].text, name, name);
    line(4, "plural: %.*sies\n    singular: %s\n    shortNames: [%.4s]\n    categories: [gokore]", stem, singular, singular,
         kind == GOKORE_POLICY_LOCK ? "lkp" : "ccp");
    line(2, "versions:\n    - name: %s\n      served: true\n      storage: true\n      subresources:\n        status: {}", version);
    line(6, "additionalPrinterColumns:");
    if (kind == GOKORE_POLICY_LOCK) {
        column("Class", "string", ".spec.qosClass");
        column("Hold", "string", ".spec.maxHoldTime");
        column("Retries", "integer", ".spec.retryPolicy.attempts");
    } else {
        column("Cross", "string", ".spec.numa.allowedCrossAccess");
        column("Threshold", "integer", ".spec.numa.stealThreshold");
    }
    column("Applied", "string", ".status.conditions[?(@.type==\"Applied\")].status");
    column("Age", "date", ".metadata.creationTimestamp");
    line(6, "schema:\n        openAPIV3Schema:\n          type: object\n          required: [spec]\n          properties:");
    line(12, "apiVersion:\n              type: string\n            kind:\n              type: string\n            metadata:\n              type: object\n            spec:");
    schema_of_field(spec, 14);
    if (kind == GOKORE_POLICY_LOCK) class_rules(14);
    line(12, "status:");
    status_schema(14);
}

static int crds(const options *o) {
    for (int kind = GOKORE_POLICY_LOCK; kind <= GOKORE_POLICY_CONCURRENCY; kind++) {
        if (o->kind != GOKORE_POLICY_NONE && o->kind != (gokore_policy_kind)kind) continue;
        if (kind == GOKORE_POLICY_CONCURRENCY && o->kind == GOKORE_POLICY_NONE) puts("---");
        crd((gokore_policy_kind)kind);
    }
    return DONE;
}

// The same in JSON: what was printed is read by the library's own reader.
static int crds_json(const options *o) {
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    if (saved < 0 || !file || dup2(fileno(file), STDOUT_FILENO) < 0) return usage("crd: no temporary file", "");
    (void)crds(o);
    fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    static char all[1 << 18];
    rewind(file);
    size_t len = fread(all, 1, sizeof all, file);
    fclose(file);
    return gokore_document_to_json(all, len, NULL, gokore_writer_file(stdout), NULL) == GOKORE_OK ? DONE : TROUBLE;
}

// ---- container and topology: pairs of a name and a value, as text or as one JSON object

typedef struct facts { bool json, more; } facts;
static void name_of(facts *f, const char *name) {
    if (f->json)
        printf("%s\"%s\":", f->more ? "," : "{", name);
    else
        printf("%-18s ", name);
    f->more = true;
}
static void fact_text(facts *f, const char *name, const char *value) {
    name_of(f, name);
    if (f->json)
        quote(value);
    else
        puts(value[0] ? value : "-");
}
static void fact_number(facts *f, const char *name, long long value) {
    name_of(f, name);
    printf("%lld%s", value, f->json ? "" : "\n");
}

static int container(const options *o) {
    gokore_container c;
    facts f = { o->json, false };
    gokore_status status = gokore_container_read(&c, &(gokore_container_desc) { .root = o->root });
    if (status != GOKORE_OK) return usage("container: ", gokore_status_name(status));
    fact_number(&f, "cgroup_version", c.cgroup_version);
    fact_number(&f, "cpus", c.cpus);
    fact_number(&f, "quota_num", (long long)c.quota_num);
    fact_number(&f, "quota_den", (long long)c.quota_den);
    fact_number(&f, "cpu_weight", (long long)c.cpu_weight);
    fact_number(&f, "workers", c.workers);
    fact_text(&f, "workers_source", c.source);
    fact_number(&f, "memory_limit", (long long)c.memory_limit);
    fact_text(&f, "memory_source", c.memory_source);
    fact_number(&f, "memory_high", (long long)c.memory_high);
    fact_number(&f, "memory_current", (long long)c.memory_current);
    fact_number(&f, "max_locks", c.max_locks);
    fact_text(&f, "qos", c.qos ? gokore_qos_name(c.qos) : "");
    fact_text(&f, "qos_source", c.qos_source);
    fact_text(&f, "container_id", c.container_id);
    fact_text(&f, "pod_uid", c.pod_uid);
    fact_text(&f, "namespace", c.namespace_name);
    fact_number(&f, "numa_node", c.numa_node);
    fact_number(&f, "warnings", c.warnings);
    if (o->json) puts("}");
    return DONE;
}

static void ints(const int *values, size_t count, bool json) {
    if (json) putchar('[');
    for (size_t i = 0; i < count; i++) printf("%s%d", i ? "," : "", values[i]);
    if (json) putchar(']');
}

static void node(const gokore_topology *t, int id, const int *ids, size_t count, bool json) {
    static int values[65536];
    size_t cpus = gokore_topology_cpus(t, id, values, 65536);
    printf(json ? "{\"node\":%d,\"memory\":%llu,\"cpus\":" : "node %d  memory %llu  cpus ", id, (unsigned long long)gokore_topology_node_memory(t, id));
    ints(values, cpus < 65536 ? cpus : 65536, json);
    printf(json ? ",\"distances\":" : "  distances ");
    for (size_t i = 0; i < count; i++) values[i] = gokore_topology_distance(t, id, ids[i]);
    ints(values, count, json);
    puts(json ? "}" : "");
}

static int topology(const options *o) { // with --json one object a line
    static int ids[1024];
    static const char *said[64];
    gokore_topology *t;
    gokore_status status = gokore_topology_create(&t, &(gokore_topology_desc) { .root = o->root });
    if (status != GOKORE_OK) return usage("topology: ", gokore_status_name(status));
    size_t count = gokore_topology_node_ids(t, ids, 1024), warnings = gokore_topology_warnings(t, said, 64);
    for (size_t i = 0; i < count && i < 1024; i++) node(t, ids[i], ids, count < 1024 ? count : 1024, o->json);
    if (!o->json) printf("source %s\n", gokore_topology_source(t));
    for (size_t i = 0; i < warnings && i < 64; i++) fprintf(stderr, "gokore: warning: %s\n", said[i]);
    gokore_topology_destroy(t);
    return DONE;
}

// ---- rules

static void dot_string(const char *value) {
    putchar('"');
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\') putchar('\\');
        putchar(*p);
    }
    putchar('"');
}

static void rule(const gokore_lock_policy *p, const gokore_hierarchy_rule *r, const options *o) {
    if (o->json) {
        printf("{\"policy\":");
        quote(p->name);
        printf(",\"rule\":");
        quote(r->name);
        printf(",\"order\":[");
    } else if (!o->dot) {
        printf("%s/%s: ", p->name, r->name);
    }
    for (size_t i = 0; i < r->order_count; i++) {
        if (o->dot && i + 1 < r->order_count) {
            printf("    \"%s\" -> \"%s\" [label=", r->order[i], r->order[i + 1]);
            dot_string(r->name);
            puts("];");
        } else if (o->dot && i == 0) {
            printf("    \"%s\";\n", r->order[i]);
        } else if (!o->dot) {
            printf(o->json ? "%s\"%s\"" : "%s%s", i ? (o->json ? "," : " > ") : "", r->order[i]);
        }
    }
    if (!o->dot) puts(o->json ? "]}" : "");
}

static int rules(const options *o) {
    gokore_policy_set *set;
    if (o->file_count != 1) return usage("rules: one file is needed", "");
    if (o->dot && o->json) return usage("rules: --dot or --json", "");
    int answer = load(o->files[0], &set, o->json);
    if (answer != DONE) return answer;
    if (o->dot) puts("digraph lock_order {\n    node [shape=box];");
    for (size_t i = 0; i < gokore_policy_set_count(set); i++) {
        const gokore_lock_policy *p = gokore_policy_set_at(set, i)->lock;
        for (size_t k = 0; p && k < p->rule_count; k++) rule(p, &p->rules[k], o);
    }
    if (o->dot) puts("}");
    gokore_policy_set_destroy(set);
    return DONE;
}

// ---- the command line

// False: *answer is the exit status.
static bool parse(int argc, char **argv, options *o, int *answer) {
    *answer = TROUBLE;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "--version") == 0) {
            fputs(arg[2] == 'h' ? help : "gokore " GOKORE_VERSION "\n", stdout);
            return *answer = DONE, false;
        }
        if (strcmp(arg, "--json") == 0) {
            o->json = true;
        } else if (strcmp(arg, "--dot") == 0) {
            o->dot = true;
        } else if (strcmp(arg, "--root") == 0 || strcmp(arg, "--kind") == 0) {
            if (!value) return usage(arg, ": a value is missing"), false;
            if (arg[2] == 'r') o->root = value;
            for (int k = GOKORE_POLICY_LOCK; arg[2] == 'k' && k <= GOKORE_POLICY_CONCURRENCY; k++)
                if (strcmp(value, gokore_policy_kinds_[k].fields[1].text) == 0) o->kind = (gokore_policy_kind)k;
            if (arg[2] == 'k' && o->kind == GOKORE_POLICY_NONE) return usage("no such kind: ", value), false;
            i++;
        } else if (arg[0] == '-' && arg[1]) {
            return usage("no such option: ", arg), false;
        } else if (!o->command) {
            o->command = arg;
        } else {
            o->files[o->file_count++] = arg;
        }
    }
    return o->command ? true : (usage("which command?", ""), false);
}

static int run(const options *o) {
    static const struct { const char *name; int (*fn)(const options *o); bool files; } commands[] = {
        { "lint", lint, true },           { "json", json, true },         { "crd", crds, false },   { "fields", fields, false },
        { "container", container, false }, { "topology", topology, false }, { "rules", rules, true },
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(o->command, commands[i].name) != 0) continue;
        if (o->file_count && !commands[i].files) return usage("too many arguments: ", o->files[0]);
        return commands[i].fn == crds && o->json ? crds_json(o) : commands[i].fn(o);
    }
    return usage("no such command: ", o->command);
}

int main(int argc, char **argv) {
    options o = { .files = calloc((size_t)argc + 1, sizeof(char *)) };
    int answer = TROUBLE;
    if (o.files && parse(argc, argv, &o, &answer)) answer = run(&o);
    free(o.files);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "gokore: standard output: %s\n", strerror(errno));
        answer = TROUBLE;
    }
    return answer;
}
