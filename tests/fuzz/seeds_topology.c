// seeds_topology.c - writes the cases of tests/data/container.json or numa.json as inputs of the fuzz targets, one file each:
// seeds_topology CASES.json DIRECTORY
#include "../support/json.h"

static void put(FILE *f, const char *name, const json *value) {
    if (!value || value->kind != JSON_STRING) return;
    fprintf(f, "@%s\n", name);
    (void)fwrite(value->text, 1, value->len, f);
    if (value->len == 0 || value->text[value->len - 1] != '\n') fputc('\n', f);
}

static void put_container(FILE *f, const json *one) {
    put(f, "/proc/self/cgroup", json_get(one, "cgroup"));
    put(f, "/proc/self/mountinfo", json_get(one, "mountinfo"));
    put(f, "/proc/self/oom_score_adj", json_get(one, "oom"));
    fprintf(f, "@/proc/meminfo\nMemTotal: %.0f kB\n", json_number(one, "memtotal_kb", 0));
    fprintf(f, "@/proc/pressure/memory\nsome avg10=1.25 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=5\n");
    const json *files = json_get(one, "files"), *env = json_get(one, "env");
    for (const json *j = files ? files->first : NULL; j; j = j->next) put(f, j->key, j);
    for (const json *j = env ? env->first : NULL; j; j = j->next) put(f, j->key, j);
}

static void put_node(FILE *f, const json *node) {
    char name[512];
    for (const json *j = node->first; j; j = j->next) {
        (void)snprintf(name, sizeof name, "/sys/devices/system/node/node%s/%s", node->key, j->key);
        put(f, name, j);
    }
    fprintf(f, "@/sys/devices/system/node/node%s/meminfo\nNode %s MemTotal: %.0f kB\n", node->key, node->key, json_number(node, "mem_kb", 0));
}

static void put_machine(FILE *f, const json *one) {
    static const char *const lists[][2] = { { "cpu_online", "/sys/devices/system/cpu/online" },
                                            { "online", "/sys/devices/system/node/online" },
                                            { "possible", "/sys/devices/system/node/possible" },
                                            { "has_memory", "/sys/devices/system/node/has_memory" } };
    const json *nodes = json_get(one, "nodes");
    for (size_t i = 0; i < 4; i++) {
        const json *value = json_get(one, lists[i][0]);
        if (value && value->kind == JSON_STRING && strcmp(value->text, "auto") != 0) put(f, lists[i][1], value);
    }
    for (const json *node = nodes ? nodes->first : NULL; node; node = node->next) put_node(f, node);
}

int main(int argc, char **argv) {
    json *cases = argc == 3 ? json_parse_file(argv[1]) : NULL;
    if (!cases) return 2;
    for (const json *one = cases->first; one; one = one->next) {
        char name[4096];
        (void)snprintf(name, sizeof name, "%s/%s", argv[2], json_text(one, "id"));
        FILE *f = fopen(name, "wb");
        if (!f) return 1;
        if (json_get(one, "nodes"))
            put_machine(f, one);
        else
            put_container(f, one);
        if (fclose(f) != 0) return 1;
    }
    json_free(cases);
    return 0;
}
