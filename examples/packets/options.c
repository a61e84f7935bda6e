#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: packets [OPTION...] CAPTURE\n"
    "Replays a packet capture (pcap or pcapng) through a pipeline of tasks and says what it found.\n"
    "\n"
    "  --workers N           size of the pool, 1 to 1024; default: the CPUs this container may use\n"
    "  --policy FILE         LockPolicy manifest (YAML or JSON) the locks are held to; default: one inside the "
    "program\n"
    "  --timeout DURATION    stop after this time, for example 500ms, 2s, 1m\n"
    "  --repeat N            replay the capture N times; 0: until stopped; default 1\n"
    "  --conversations       print the conversations as tab-separated lines, and nothing else\n"
    "  --json                print the results as one JSON object, and nothing else\n"
    "  --dot FILE            where the lock graph goes; default: packets.dot beside the program\n"
    "  --lock-order=wrong    take two locks the wrong way once, to see the report\n"
    "  --help                this text\n"
    "\n"
    "Exit status: 0 done, 1 the program failed, 2 bad command line, capture or policy, 124 timeout, 130 "
    "interrupted.\n"
    "What was found until then is printed in each case but bad command lines and unreadable files.\n";

static int complain(const char *what, const char *value, const char *expected) {
    fprintf(stderr, "packets: %s%s%s%s: expected %s (--help explains)\n", what, value ? " '" : "",
            value ? value : "", value ? "'" : "", expected);
    return 2;
}

// A whole number up to most, digits only.
static bool read_number(const char *text, unsigned long most, unsigned long *out) {
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return *end == 0 && errno == 0 && *out <= most;
}

static bool read_duration(const char *text, int64_t *out) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
    };
    char digits[16] = "";
    size_t n = strspn(text, "0123456789");
    unsigned long value;
    if (n == 0 || n >= sizeof digits) return false;
    memcpy(digits, text, n);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text + n, units[i].name) == 0 && read_number(digits, 1000000000, &value) && value > 0)
            return !__builtin_mul_overflow((int64_t)value, units[i].ns, out);
    return false;
}

// The value of an option that takes one: behind '=', or the next argument; NULL if this is another option.
static const char *value_of(const char *name, int argc, char **argv, int *i, bool *missing) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return NULL;
    if (argv[*i][len] == '=') return argv[*i] + len + 1;
    if (argv[*i][len] != 0) return NULL;
    *missing = *i + 1 >= argc;
    return *missing ? "" : argv[++*i];
}

static int read_valued(options *out, int argc, char **argv, int *i, bool *known) {
    bool missing = false;
    unsigned long number;
    const char *option = argv[*i], *v;
    *known = true;
    if ((v = value_of("--workers", argc, argv, i, &missing))) {
        if (!read_number(v, 1024, &number) || number == 0)
            return complain("--workers", v, "a number from 1 to 1024");
        out->workers = (unsigned)number;
    } else if ((v = value_of("--repeat", argc, argv, i, &missing))) {
        if (!read_number(v, 1000000000, &number)) return complain("--repeat", v, "a number from 0 to 1000000000");
        out->repeat = (unsigned)number;
    } else if ((v = value_of("--timeout", argc, argv, i, &missing))) {
        if (!read_duration(v, &out->timeout_ns))
            return complain("--timeout", v, "a duration such as 500ms, 2s or 1m");
    } else if ((v = value_of("--policy", argc, argv, i, &missing))) {
        out->policy = v;
    } else if ((v = value_of("--dot", argc, argv, i, &missing))) {
        out->dot = v;
    } else if ((v = value_of("--lock-order", argc, argv, i, &missing))) {
        if (strcmp(v, "wrong") != 0) return complain("--lock-order", v, "'wrong'");
        out->wrong_order = true;
    } else {
        *known = false;
    }
    return missing || (v && !*v) ? complain(option, NULL, "a value") : 0;
}

int options_read(options *out, int argc, char **argv) {
    *out = (options) { .repeat = 1, .timeout_ns = INT64_MAX };
    bool only_files = false;
    for (int i = 1; i < argc; i++) {
        bool known = false;
        const char *arg = argv[i];
        if (!only_files && arg[0] == '-' && arg[1] != 0) {
            int bad = read_valued(out, argc, argv, &i, &known);
            if (bad) return bad;
            if (known) continue;
            if (strcmp(arg, "--help") == 0) return fputs(help, stdout) < 0 ? 2 : 1;
            if (strcmp(arg, "--conversations") == 0) {
                out->conversations = true;
            } else if (strcmp(arg, "--json") == 0) {
                out->json = true;
            } else if (strcmp(arg, "--") == 0) {
                only_files = true;
            } else {
                return complain("unknown option", arg, "one of those that --help lists");
            }
        } else if (out->capture) {
            return complain("second capture", arg, "one capture");
        } else {
            out->capture = arg;
        }
    }
    if (out->conversations && out->json) return complain("--conversations and --json", NULL, "one of them");
    return out->capture ? 0 : complain("no capture", NULL, "the name of a pcap or pcapng file");
}
