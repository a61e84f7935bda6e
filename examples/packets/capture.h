// capture.h - reads packet captures: pcap and pcapng, the whole file in memory, packets handed out without copying
//
//   capture c;
//   if (capture_open(&c, path) != 0) return complain(c.error);
//   capture_packet packet;
//   int got;
//   while ((got = capture_next(&c, &packet)) == 1) use(&packet);
//   if (got < 0) complain(c.error);       // one line: "FILE: offset N: what was found, what was expected"
//   capture_close(&c);
//
// pcap: both byte orders, micro- and nanoseconds. pcapng: several sections in either byte order, every interface
// with its own link type, snap length, time resolution and offset; enhanced, simple and obsolete packet blocks.
// Blocks of other kinds are skipped. Regular files are mapped: cutting one short while it is read raises SIGBUS.
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct capture_packet {
    const uint8_t *data;  // inside the file's memory: valid until capture_close, readable from any thread
    uint32_t captured;    // bytes at data
    uint32_t wire_length; // bytes the packet had on the wire, never less than captured
    int64_t time_ns;      // since 1970; 0 in simple packet blocks, which carry no time
    uint32_t link_type;   // LINKTYPE_ value, 1 is Ethernet
    size_t offset;        // of the record or block in the file
    uint64_t index;       // 0 is the first packet of the file
} capture_packet;

typedef struct capture_interface {
    uint32_t link_type;
    uint32_t snap_length;   // 0 = unlimited
    uint8_t resolution;     // units of time per second: 10 to this power, or 2 to it when the top bit is set
    int64_t offset_seconds; // added to every time
} capture_interface;

typedef struct capture {
    char error[512];    // empty until something failed
    size_t size;        // of the file
    size_t offset;      // where the next record or block starts
    uint64_t packets;   // handed out since the start of the file
    uint64_t oversized; // of these, packets recorded as shorter on the wire than what was captured

    char name_[256]; // the path, made printable
    uint8_t *data_;
    bool mapped_, pcapng_, big_endian_;
    capture_interface *interfaces_; // of the current section; a pcap file has one
    size_t interface_count_, interface_capacity_;
} capture;

// Each function but capture_close answers -1 on failure, with the reason in c->error.
int capture_open(capture *c, const char *path);    // 0 when open; nothing to close after a failure
int capture_next(capture *c, capture_packet *out); // 1 a packet, 0 the end; a failure repeats itself
void capture_rewind(capture *c);                   // back to the first packet
void capture_close(capture *c);                    // the packets' data is gone; c->error stays readable

#endif
