// json.h - a small JSON reader for test data: the whole text becomes a tree of json values, members in their order.
// Header only; numbers are doubles, \u escapes above 7f become UTF-8, and broken text gives NULL.
#ifndef TEST_JSON_H
#define TEST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;
typedef struct json {
    json_kind kind;
    char *key;                // a member's name, or NULL
    double number;
    char *text;               // a string's bytes, terminated; may hold NULs
    size_t len;               // of text, or number of items
    struct json *first, *next;
} json;

typedef struct json_reader_ { const char *p, *end; } json_reader_;

static inline void json_free(json *j) {
    while (j) {
        json *next = j->next;
        json_free(j->first);
        free(j->key);
        free(j->text);
        free(j);
        j = next;
    }
}

static inline void json_blanks_(json_reader_ *r) {
    while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p) r->p++;
}

static inline bool json_eat_(json_reader_ *r, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) return false;
    r->p += n;
    return true;
}

static inline bool json_unicode_(json_reader_ *r, char *out, size_t *len) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *at;
        if (r->p == r->end) return false;
        int c = *r->p >= 'A' && *r->p <= 'F' ? *r->p - 'A' + 'a' : *r->p;
        if (!c || !(at = strchr(digits, c))) return false;
        v = v * 16 + (unsigned)(at - digits);
        r->p++;
    }
    if (v < 0x80) {
        out[(*len)++] = (char)v;
    } else if (v < 0x800) {
        out[(*len)++] = (char)(unsigned char)(0xc0 | v >> 6);
        out[(*len)++] = (char)(unsigned char)(0x80 | (v & 0x3f));
    } else {
        out[(*len)++] = (char)(unsigned char)(0xe0 | v >> 12);
        out[(*len)++] = (char)(unsigned char)(0x80 | (v >> 6 & 0x3f));
        out[(*len)++] = (char)(unsigned char)(0x80 | (v & 0x3f));
    }
    return true;
}

static inline char *json_string_(json_reader_ *r, size_t *len) {
    if (!json_eat_(r, "\"")) return NULL;
    char *out = (char *)malloc((size_t)(r->end - r->p) + 1);
    *len = 0;
    while (out && r->p < r->end && *r->p != '"') {
        if (*r->p != '\\') {
            out[(*len)++] = *r->p++;
            continue;
        }
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *at = ++r->p < r->end ? strchr(from, *r->p) : NULL;
        if (at && *at) {
            out[(*len)++] = to[at - from];
            r->p++;
        } else if (!json_eat_(r, "u") || !json_unicode_(r, out, len)) {
            break;
        }
    }
    if (!out || !json_eat_(r, "\"")) {
        free(out);
        return NULL;
    }
    out[*len] = 0;
    return out;
}

static inline json *json_value_(json_reader_ *r, int depth);

static inline bool json_items_(json_reader_ *r, json *j, const char *close, int depth) {
    json **tail = &j->first;
    json_blanks_(r);
    if (json_eat_(r, close)) return true;
    for (;;) {
        char *key = NULL;
        size_t len;
        json_blanks_(r);
        if (j->kind == JSON_OBJECT) {
            key = json_string_(r, &len);
            json_blanks_(r);
            if (!key || !json_eat_(r, ":")) {
                free(key);
                return false;
            }
        }
        *tail = json_value_(r, depth + 1);
        if (!*tail) {
            free(key);
            return false;
        }
        (*tail)->key = key;
        tail = &(*tail)->next;
        j->len++;
        json_blanks_(r);
        if (json_eat_(r, close)) return true;
        if (!json_eat_(r, ",")) return false;
    }
}

static inline json *json_value_(json_reader_ *r, int depth) {
    json *j = (json *)calloc(1, sizeof *j);
    bool ok = j != NULL && depth < 64;
    json_blanks_(r);
    if (!ok) {
    } else if (json_eat_(r, "null")) {
        j->kind = JSON_NULL;
    } else if (json_eat_(r, "true")) {
        j->kind = JSON_TRUE;
    } else if (json_eat_(r, "false")) {
        j->kind = JSON_FALSE;
    } else if (json_eat_(r, "{")) {
        j->kind = JSON_OBJECT;
        ok = json_items_(r, j, "}", depth);
    } else if (json_eat_(r, "[")) {
        j->kind = JSON_ARRAY;
        ok = json_items_(r, j, "]", depth);
    } else if (r->p < r->end && *r->p == '"') {
        j->kind = JSON_STRING;
        ok = (j->text = json_string_(r, &j->len)) != NULL;
    } else {
        char copy[64], *stop;
        size_t n = 0;
        while (n < sizeof copy - 1 && r->p + n < r->end && r->p[n] && strchr("+-.0123456789eE", r->p[n])) n++;
        memcpy(copy, r->p, n);
        copy[n] = 0;
        j->kind = JSON_NUMBER;
        j->number = strtod(copy, &stop);
        ok = n > 0 && stop == copy + n;
        r->p += n;
    }
    if (ok) return j;
    json_free(j);
    return NULL;
}

// The text's value; NULL = not JSON. Free it with json_free.
static inline json *json_parse(const char *text, size_t len) {
    json_reader_ r = { text, text + len };
    json *j = json_value_(&r, 0);
    json_blanks_(&r);
    if (r.p == r.end) return j;
    json_free(j);
    return NULL;
}

static inline json *json_parse_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = NULL;
    size_t len = 0, room = 0;
    do {
        room = room ? room * 2 : 65536;
        char *more = (char *)realloc(text, room);
        if (!more) break;
        text = more;
        len += fread(text + len, 1, room - len, file);
    } while (len == room);
    (void)fclose(file);
    json *j = text ? json_parse(text, len) : NULL;
    free(text);
    return j;
}

// The member of this name; NULL = absent, or null.
static inline const json *json_get(const json *object, const char *key) {
    for (const json *j = object ? object->first : NULL; j; j = j->next)
        if (j->key && strcmp(j->key, key) == 0) return j->kind == JSON_NULL ? NULL : j;
    return NULL;
}
static inline const char *json_text(const json *object, const char *key) {
    const json *j = json_get(object, key);
    return j && j->kind == JSON_STRING ? j->text : NULL;
}
static inline double json_number(const json *object, const char *key, double otherwise) {
    const json *j = json_get(object, key);
    return j && j->kind == JSON_NUMBER ? j->number : otherwise;
}

#endif
