// trace.c - what a failing run did: each operation with its object's name and its place in the source. Uses addr2line and nm,
// where they are there.
#define _GNU_SOURCE 1
#include "inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 4000 };
static struct { const void *pc, *object; int thread; char text[88]; } *lines;
static int line_count;

void explore_trace(const void *pc, const void *object, const char *format, ...) {
    if (!lines) lines = calloc(LINES, sizeof *lines);
    if (!lines || line_count == LINES) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(lines[line_count].text, sizeof lines->text, format, args);
    va_end(args);
    lines[line_count].pc = pc;
    lines[line_count].object = object;
    lines[line_count++].thread = engine.running ? engine.running->id : 0;
}

// Where in the source each of n places is: the innermost function that is not a typed atomic's own.
void explore_places(const void *const *pcs, int n, char (*out)[120]) {
    char exe[512], line[1024];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    for (int i = 0; i < n; i++) (void)snprintf(out[i], sizeof out[i], "%p", pcs[i]);
    for (int from = 0; from < n && len > 0; from += 100) {
        char command[4096];
        exe[len] = 0;
        int at = snprintf(command, sizeof command, "addr2line -a -i -f -s -e '%.400s'", exe);
        for (int i = from; i < n && i < from + 100; i++)
            at += snprintf(command + at, sizeof command - (size_t)at, " %#zx", (size_t)pcs[i] - 1);
        (void)snprintf(command + at, sizeof command - (size_t)at, " 2>/dev/null");
        FILE *f = popen(command, "r");
        int i = from - 1;
        bool found = true;
        char function[80] = "";
        for (int row = 0; f && fgets(line, sizeof line, f);) {
            line[strcspn(line, "\n")] = 0;
            if (strncmp(line, "0x", 2) == 0) {
                i++, row = 0, found = false;
            } else if (row++ % 2 == 0) {
                (void)snprintf(function, sizeof function, "%.79s", line);
            } else if (!found && i < n) {
                line[strcspn(line, " ")] = 0;
                (void)snprintf(out[i], sizeof out[i], "%.38s %s", line, function);
                found = strncmp(function, "gokore_atomic_", 14) != 0 || strstr(function, "park_") != NULL;
            }
        }
        if (f) (void)pclose(f);
    }
}

static struct { size_t from, size; char name[64]; } *symbols; // of the program's data
static int symbol_count;

static void symbols_read(void) {
    if (symbols) return;
    symbols = calloc(4096, sizeof *symbols);
    char command[600], exe[512], line[512];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (!symbols || len <= 0) return;
    exe[len] = 0;
    (void)snprintf(command, sizeof command, "nm -S '%s' 2>/dev/null", exe);
    FILE *f = popen(command, "r");
    while (f && symbol_count < 4096 && fgets(line, sizeof line, f)) {
        char kind;
        int got = sscanf(line, "%zx %zx %c %63s", &symbols[symbol_count].from, &symbols[symbol_count].size, &kind, symbols[symbol_count].name);
        if (got == 4 && strchr("bBdD", kind)) symbol_count++;
    }
    if (f) (void)pclose(f);
}

static struct { const void *object; const char *name; } names[32];
static int name_count;

void explore_name(const void *object, const char *name) {
    for (int i = 0; i < name_count; i++)
        if (names[i].object == object) return;
    if (name_count < 32) names[name_count].object = object, names[name_count++].name = name;
}

static const char *object_name(const void *object, char *out, size_t size) {
    size_t a = (size_t)object, from = 0;
    const char *name = NULL;
    for (int i = 0; i < name_count; i++)
        if (a - (size_t)names[i].object < 128 && (size_t)names[i].object > from)
            from = (size_t)names[i].object, name = names[i].name;
    for (int i = 0; !name && i < symbol_count; i++)
        if (a - symbols[i].from < symbols[i].size) from = symbols[i].from, name = symbols[i].name;
    if (!name) return (name = explore_heap_name(a, out, size)) ? name : "";
    (void)snprintf(out, size, a == from ? "%s" : "%s + %zu", name, a - from);
    return out;
}

void explore_trace_show(void) {
    const void **pcs = calloc((size_t)line_count + 1, sizeof *pcs);
    char(*where)[120] = calloc((size_t)line_count + 1, sizeof *where);
    if (!pcs || !where) return;
    int *place = calloc((size_t)line_count + 1, sizeof *place), n = 0;
    for (int i = 0; i < line_count; i++) {
        for (place[i] = 0; place[i] < n && pcs[place[i]] != lines[i].pc;) place[i]++;
        if (place[i] == n) pcs[n++] = lines[i].pc;
    }
    explore_places(pcs, n, where);
    symbols_read();
    for (int i = 0; i < line_count; i++) {
        char name[80];
        printf("    %4d T%d %-38s %-28s %s\n", i + 1, lines[i].thread, lines[i].text,
               lines[i].object ? object_name(lines[i].object, name, sizeof name) : "", lines[i].pc ? where[place[i]] : "");
    }
    free(pcs), free(where), free(place);
    line_count = 0;
}
