// topology_files.h - a root directory in memory for the fuzz targets of gokore_topology.h: the header's calls for files below
// FUZZ_ROOT see the sections of one text, everything else the real ones. A section is a line "@/path" and what stands below
// it; one whose name has no slash is an environment variable. Holds the library's implementation.
#ifndef TOPOLOGY_FILES_H
#define TOPOLOGY_FILES_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUZZ_ROOT     "/fuzz:root"
#define FUZZ_SECTIONS 256
#define FUZZ_FD       100000

typedef struct fuzz_section {
    char name[512];
    char *data; // a copy of its own and of exact size, so that a sanitizer sees who reads past its end
    size_t len, at;
} fuzz_section;
static fuzz_section fuzz_sections[FUZZ_SECTIONS];
static size_t fuzz_count;

static void fuzz_clear(void) {
    while (fuzz_count) free(fuzz_sections[--fuzz_count].data);
}

static const char *fuzz_next(const char *p, const char *end) { // the next line that begins a section
    for (; p < end; p++) {
        if (*p == '@') return p;
        p = (const char *)memchr(p, '\n', (size_t)(end - p));
        if (!p) return end;
    }
    return end;
}

static void fuzz_split(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes, *end = text + size;
    fuzz_clear();
    for (const char *p = fuzz_next(text, end); p < end && fuzz_count < FUZZ_SECTIONS;) {
        const char *line = (const char *)memchr(p, '\n', (size_t)(end - p)), *body = line ? line + 1 : end;
        const char *next = fuzz_next(body, end);
        fuzz_section *s = &fuzz_sections[fuzz_count];
        size_t len = (size_t)((line ? line : end) - p - 1);
        if (len < sizeof s->name) {
            memcpy(s->name, p + 1, len);
            s->name[len] = 0;
            s->len = (size_t)(next - body);
            s->at = 0;
            s->data = (char *)malloc(s->len + 1);
            if (!s->data) abort();
            memcpy(s->data, body, s->len);
            s->data[s->len] = 0;
            fuzz_count++;
        }
        p = next;
    }
}

static fuzz_section *fuzz_find(const char *name) {
    for (size_t i = 0; i < fuzz_count; i++)
        if (strcmp(fuzz_sections[i].name, name) == 0) return &fuzz_sections[i];
    return NULL;
}

static bool fuzz_is_ours(const char *path) { return strncmp(path, FUZZ_ROOT, strlen(FUZZ_ROOT)) == 0; }

static int fuzz_open(const char *path, int flags) {
    if (!fuzz_is_ours(path)) return open(path, flags);
    fuzz_section *s = fuzz_find(path + strlen(FUZZ_ROOT));
    if (!s) return errno = ENOENT, -1;
    s->at = 0;
    return FUZZ_FD + (int)(s - fuzz_sections);
}

static ssize_t fuzz_read(int fd, void *out, size_t cap) {
    if (fd < FUZZ_FD) return read(fd, out, cap);
    fuzz_section *s = &fuzz_sections[fd - FUZZ_FD];
    size_t n = s->len - s->at < cap ? s->len - s->at : cap;
    memcpy(out, s->data + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

static int fuzz_close(int fd) { return fd < FUZZ_FD ? close(fd) : 0; }

// The name of section i below the directory; NULL: it is not there.
static const char *fuzz_below(size_t i, const char *directory) {
    size_t len = strlen(directory);
    const char *name = fuzz_sections[i].name;
    return strncmp(name, directory, len) == 0 && name[len] == '/' ? name + len + 1 : NULL;
}

static int fuzz_stat(const char *path, struct stat *out) {
    if (!fuzz_is_ours(path)) return stat(path, out);
    for (size_t i = 0; i < fuzz_count; i++) {
        if (!fuzz_below(i, path + strlen(FUZZ_ROOT))) continue;
        out->st_mode = S_IFDIR;
        return 0;
    }
    return errno = ENOENT, -1;
}

static struct fuzz_directory { // one is open at a time
    char path[4096];
    size_t i;
    struct dirent entry;
} fuzz_directory;

static DIR *fuzz_opendir(const char *path) {
    if (!fuzz_is_ours(path) || strlen(path) >= sizeof fuzz_directory.path) abort();
    strcpy(fuzz_directory.path, path + strlen(FUZZ_ROOT));
    fuzz_directory.i = 0;
    return (DIR *)&fuzz_directory;
}

static struct dirent *fuzz_readdir(DIR *unused) {
    (void)unused;
    while (fuzz_directory.i < fuzz_count) {
        const char *name = fuzz_below(fuzz_directory.i++, fuzz_directory.path);
        size_t len = name ? strcspn(name, "/") : 0;
        if (len == 0 || len >= sizeof fuzz_directory.entry.d_name) continue;
        memcpy(fuzz_directory.entry.d_name, name, len);
        fuzz_directory.entry.d_name[len] = 0;
        return &fuzz_directory.entry;
    }
    return NULL;
}

static void fuzz_must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

#define open(path, flags) fuzz_open(path, flags)
#define read(fd, out, n)  fuzz_read(fd, out, n)
#define close(fd)         fuzz_close(fd)
#define stat(path, out)   fuzz_stat(path, out)
#define opendir(path)     fuzz_opendir(path)
#define readdir(d)        fuzz_readdir(d)
#define closedir(d)       ((void)(d), 0)
#define GOKORE_IMPLEMENTATION
#include "../../gokore_topology.h"

static void fuzz_quiet(const gokore_report *report, void *user) {
    fuzz_must(report->message && strlen(report->message) < 512, "a report without a message");
    ++*(unsigned *)user;
}

#endif
