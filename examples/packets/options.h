// options.h - the command line of packets
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    const char *capture;
    const char *policy; // NULL = the manifest inside the program
    const char *dot;    // NULL = packets.dot beside the program
    unsigned workers;   // 0 = as many as this container may use
    unsigned repeat;    // how often the capture is replayed; 0 = until stopped
    int64_t timeout_ns; // INT64_MAX = none
    bool conversations, json, wrong_order;
} options;

// 0: go on; 1: help was printed; 2: a bad command line, said in one line on stderr.
int options_read(options *out, int argc, char **argv);

#endif
