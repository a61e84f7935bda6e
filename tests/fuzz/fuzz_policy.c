// fuzz_policy.c - libFuzzer target of the manifest readers. The first byte chooses: even YAML, odd JSON. Beside not crashing:
// what is read and written as JSON is read again to the same JSON, and a policy that is loaded is valid and is written and
// read back equal, in both formats.
#define GOKORE_IMPLEMENTATION
#include "../../gokore_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gokore_text_ first, second; // grown by the library's own writer

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_policy: %s\n%.*s\n----\n%.*s\n", what, (int)first.len, first.data, (int)second.len, second.data);
    abort();
}

static gokore_writer into(gokore_text_ *text) {
    text->len = 0;
    return (gokore_writer) { gokore_text_write_, text };
}

static bool is_same(void) { return first.len == second.len && (first.len == 0 || memcmp(first.data, second.data, first.len) == 0); }

static void check_document(const char *text, size_t len, const char *name) {
    gokore_diagnostic items[4];
    gokore_diagnostics found = { items, 4, 0 };
    gokore_status status = gokore_document_to_json(text, len, name, into(&first), &found);
    must(status == GOKORE_OK || status == GOKORE_PARSE, "a status that is neither");
    must(status == GOKORE_OK || found.count > 0, "refused without a word");
    for (size_t i = 0; i < found.count && i < 4; i++) must(gokore_diagnostic_write(&items[i], into(&second)) == GOKORE_OK, "a finding that can't be written");
    if (status != GOKORE_OK) return;
    gokore_text_ all = { NULL, 0, 0 }; // each line is one document
    for (size_t at = 0; at < first.len;) {
        size_t end = at;
        while (first.data[end] != '\n') end++;
        must(gokore_document_to_json(first.data + at, end - at, "a.json", into(&second), NULL) == GOKORE_OK, "what was written is no JSON");
        must(gokore_text_write_(&all, second.data, second.len) == GOKORE_OK, "memory");
        at = end + 1;
    }
    must(all.len == first.len && (all.len == 0 || memcmp(all.data, first.data, all.len) == 0), "read again it is another");
    free(all.data);
}

static void check_policy(const gokore_policy *p, bool yaml) {
    gokore_policy_set *set;
    must((yaml ? gokore_policy_write_yaml : gokore_policy_write_json)(p, into(&first)) == GOKORE_OK, "a policy that can't be written");
    must(gokore_policy_load(&set, first.data, first.len, yaml ? "a.yaml" : "a.json", NULL) == GOKORE_OK, "what was written is refused");
    must(gokore_policy_set_count(set) == 1, "what was written is not one policy");
    must((yaml ? gokore_policy_write_yaml : gokore_policy_write_json)(gokore_policy_set_at(set, 0), into(&second)) == GOKORE_OK, "it can't be written again");
    must(is_same(), "what was written is read back as another");
    gokore_policy_set_destroy(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const char *name = data[0] & 1 ? "a.json" : "a.yaml";
    size_t len = size - 1;
    char *text = malloc(len + 1); // of its own length, so that a read past it is seen
    if (!text) return 0;
    memcpy(text, data + 1, len);
    char *exact = realloc(text, len ? len : 1);
    if (exact) text = exact;
    check_document(text, len, name);
    gokore_policy_set *set;
    if (gokore_policy_load(&set, text, len, name, NULL) == GOKORE_OK) {
        for (size_t i = 0; i < gokore_policy_set_count(set); i++) {
            const gokore_policy *p = gokore_policy_set_at(set, i);
            must(gokore_policy_validate(p, NULL) == GOKORE_OK, "a loaded policy that is not valid");
            check_policy(p, true);
            check_policy(p, false);
        }
        gokore_policy_set_destroy(set);
    }
    free(text);
    return 0;
}
