// capture.c - the readers behind capture.h
#define _POSIX_C_SOURCE 200809L // open, fstat, mmap
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    PACKET_MAX = 262144, // captured bytes, where no larger snap length is announced
    BLOCK_FRAME = 12,    // type and length before the body, length again behind it
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, // obsolete, still written by old tools
    BLOCK_SIMPLE = 3,
    BLOCK_ENHANCED = 6,
    OPTION_END = 0,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    SECOND_NS = 1000000000
};

// >>section errors

// ASCII's control characters, and those that UTF-8 spells as c2 80 to c2 9f.
static bool is_control(const char *path, const char *at) {
    uint8_t byte = (uint8_t)*at, before = at > path ? (uint8_t)at[-1] : 0;
    return byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte < 0xa0);
}

// As much of the path's end as fits, control characters as \xNN.
static void printable_path(char *out, size_t cap, const char *path) {
    const char *end = path + strlen(path), *p = end;
    size_t used = 0, room = cap - sizeof "...";
    for (; p > path && room >= 4; p--) room -= is_control(path, p - 1) ? 4 : 1;
    if (p > path) used = (size_t)snprintf(out, cap, "...");
    for (; p < end; p++)
        used += (size_t)snprintf(out + used, cap - used, is_control(path, p) ? "\\x%02x" : "%c", (uint8_t)*p);
    out[used] = '\0';
}

__attribute__((format(printf, 3, 4))) static int fail(capture *c, size_t at, const char *format, ...) {
    size_t used = (size_t)snprintf(c->error, sizeof c->error, "%s: offset %zu: ", c->name_, at);
    va_list args;
    va_start(args, format);
    vsnprintf(c->error + used, sizeof c->error - used, format, args);
    va_end(args);
    return -1;
}

static int fail_system(capture *c) {
    snprintf(c->error, sizeof c->error, "%s: %s", c->name_, strerror(errno));
    return -1;
}

// >>section bytes

static uint16_t get16(const capture *c, const uint8_t *p) {
    return (uint16_t)(c->big_endian_ ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static uint32_t get32(const capture *c, const uint8_t *p) {
    uint32_t first = get16(c, p), second = get16(c, p + 2);
    return c->big_endian_ ? first << 16 | second : second << 16 | first;
}

static uint64_t get64(const capture *c, const uint8_t *p) {
    uint64_t first = get32(c, p), second = get32(c, p + 4);
    return c->big_endian_ ? first << 32 | second : second << 32 | first;
}

// >>section packets

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

// Anything finer than a nanosecond is cut off first, so that no step overflows.
static int64_t time_from_ticks(const capture_interface *from, uint64_t ticks) {
    uint64_t seconds, rest, scale = 1;
    unsigned power = from->resolution & 0x7f;
    if (from->resolution & 0x80) {
        for (; power > 34; power--) ticks >>= 1; // 2^34 a second is finer, and 2^34 * SECOND_NS fits 64 bits
        seconds = ticks >> power;
        rest = ((ticks & ((UINT64_C(1) << power) - 1)) * SECOND_NS) >> power;
    } else {
        for (; power > 9; power--) ticks /= 10;
        for (; power > 0; power--) scale *= 10;
        seconds = ticks / scale;
        rest = ticks % scale * (SECOND_NS / scale);
    }
    int64_t limit = INT64_MAX / SECOND_NS - 1; // times beyond it (the year 2262) stay there
    int64_t since = seconds > (uint64_t)limit ? limit : (int64_t)seconds;
    since = clamp(since + clamp(from->offset_seconds, -2 * limit, limit), -limit, limit);
    return since * SECOND_NS + (int64_t)rest;
}

// The packet whose bytes start at data, where the file or the block has room bytes left.
static int deliver(capture *c, const capture_interface *from, const uint8_t *data, size_t room,
                   capture_packet *out) {
    uint32_t most = from->snap_length > PACKET_MAX ? from->snap_length : PACKET_MAX;
    if (out->captured > most)
        return fail(c, c->offset, "packet of %u bytes, expected at most %u", out->captured, most);
    if (out->captured > room)
        return fail(c, c->offset, "packet of %u bytes, expected at most the %zu left in the %s", out->captured,
                    room, c->pcapng_ ? "block" : "file");
    if (out->captured > out->wire_length) {
        out->wire_length = out->captured;
        c->oversized++;
    }
    out->data = data;
    out->link_type = from->link_type;
    out->offset = c->offset;
    out->index = c->packets++;
    return 1;
}

// >>section pcap

static int next_record(capture *c, capture_packet *out) {
    size_t left = c->size - c->offset;
    if (left == 0) return 0;
    if (left < PCAP_RECORD)
        return fail(c, c->offset, "%zu bytes left in the file, expected a record header of %d", left, PCAP_RECORD);
    const capture_interface *from = c->interfaces_;
    const uint8_t *p = c->data_ + c->offset;
    uint64_t second = from->resolution == 9 ? SECOND_NS : 1000000;
    out->time_ns = time_from_ticks(from, get32(c, p) * second + get32(c, p + 4));
    out->captured = get32(c, p + 8);
    out->wire_length = get32(c, p + 12);
    if (deliver(c, from, p + PCAP_RECORD, left - PCAP_RECORD, out) < 0) return -1;
    c->offset += PCAP_RECORD + out->captured;
    return 1;
}

static int add_interface(capture *c, capture_interface added) {
    if (c->interface_count_ == c->interface_capacity_) {
        size_t capacity = c->interface_capacity_ ? 2 * c->interface_capacity_ : 4;
        capture_interface *grown = realloc(c->interfaces_, capacity * sizeof *grown);
        if (!grown) return fail_system(c);
        c->interfaces_ = grown;
        c->interface_capacity_ = capacity;
    }
    c->interfaces_[c->interface_count_++] = added;
    return 0;
}

static int open_pcap(capture *c, uint8_t resolution) {
    const uint8_t *p = c->data_;
    if (c->size < PCAP_HEADER)
        return fail(c, 0, "file of %zu bytes, expected a pcap header of %d", c->size, PCAP_HEADER);
    unsigned major = get16(c, p + 4), minor = get16(c, p + 6);
    if (major != 2 || minor != 4) return fail(c, 4, "pcap version %u.%u, expected 2.4", major, minor);
    uint32_t link_type = get32(c, p + 20) & 0xffff; // the bits above tell of a frame check sequence
    return add_interface(c, (capture_interface) { link_type, get32(c, p + 16), resolution, 0 });
}

// >>section pcapng

typedef struct block {
    uint32_t type;
    size_t at, length; // of the body, in the file
    const uint8_t *body;
} block;

static int read_byte_order(capture *c) {
    c->big_endian_ = true;
    uint32_t magic = get32(c, c->data_ + c->offset + 8);
    if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
        return fail(c, c->offset + 8, "byte-order magic 0x%08x, expected 0x1a2b3c4d in either order", magic);
    c->big_endian_ = magic == 0x1a2b3c4d;
    return 0;
}

static int read_block(capture *c, block *b) {
    size_t left = c->size - c->offset;
    const uint8_t *p = c->data_ + c->offset;
    if (left < BLOCK_FRAME)
        return fail(c, c->offset, "%zu bytes left in the file, expected a block of at least %d", left, BLOCK_FRAME);
    b->type = get32(c, p); // a section's type reads the same in both byte orders
    if (b->type == BLOCK_SECTION && read_byte_order(c) != 0) return -1;
    uint32_t total = get32(c, p + 4);
    if (total < BLOCK_FRAME || total % 4 != 0)
        return fail(c, c->offset + 4, "block of %u bytes, expected a multiple of 4, at least %d", total,
                    BLOCK_FRAME);
    if (total > left)
        return fail(c, c->offset + 4, "block of %u bytes, expected at most the %zu left in the file", total, left);
    uint32_t trailer = get32(c, p + total - 4);
    if (trailer != total)
        return fail(c, c->offset + total - 4, "block length %u repeated as %u, expected the same", total, trailer);
    b->at = c->offset + 8;
    b->body = p + 8;
    b->length = total - BLOCK_FRAME;
    return 0;
}

static int need_body(capture *c, const block *b, size_t need, const char *what) {
    if (b->length >= need) return 0;
    return fail(c, b->at, "%s of %zu bytes, expected at least %zu", what, b->length, need);
}

static int read_section(capture *c, const block *b) {
    if (need_body(c, b, 16, "section header") != 0) return -1;
    unsigned major = get16(c, b->body + 4), minor = get16(c, b->body + 6);
    if (major != 1) return fail(c, b->at + 4, "pcapng version %u.%u, expected 1.0", major, minor);
    c->interface_count_ = 0;
    return 0;
}

static int read_option(capture *c, size_t at, unsigned code, unsigned length, capture_interface *nic) {
    const uint8_t *value = c->data_ + at + 4;
    unsigned want = code == OPTION_TSRESOL ? 1 : code == OPTION_TSOFFSET ? 8 : length;
    if (length != want) return fail(c, at, "option %u of %u bytes, expected %u", code, length, want);
    if (code == OPTION_TSRESOL) nic->resolution = *value;
    if (code == OPTION_TSOFFSET) nic->offset_seconds = (int64_t)get64(c, value);
    return 0;
}

static int read_interface(capture *c, const block *b) {
    if (need_body(c, b, 8, "interface description") != 0) return -1;
    capture_interface nic = { get16(c, b->body), get32(c, b->body + 4), 6, 0 };
    for (size_t i = 8; i + 4 <= b->length;) {
        unsigned code = get16(c, b->body + i), length = get16(c, b->body + i + 2);
        size_t room = b->length - i - 4;
        if (code == OPTION_END) break;
        if (length > room)
            return fail(c, b->at + i, "option %u of %u bytes, expected at most %zu", code, length, room);
        if (read_option(c, b->at + i, code, length, &nic) != 0) return -1;
        i += 4 + (length + 3) / 4 * 4; // bodies are multiples of 4 too
    }
    return add_interface(c, nic);
}

static const capture_interface *find_interface(capture *c, const block *b, uint32_t id) {
    if (id < c->interface_count_) return &c->interfaces_[id];
    fail(c, b->at, "packet of interface %u, expected one of the %zu described", id, c->interface_count_);
    return NULL;
}

// Enhanced and obsolete packet blocks differ in the width of the interface number only.
static int read_packet(capture *c, const block *b, capture_packet *out) {
    if (need_body(c, b, 20, "packet block") != 0) return -1;
    uint32_t id = b->type == BLOCK_ENHANCED ? get32(c, b->body) : get16(c, b->body);
    const capture_interface *from = find_interface(c, b, id);
    if (!from) return -1;
    uint64_t high = get32(c, b->body + 4), low = get32(c, b->body + 8);
    out->time_ns = time_from_ticks(from, high << 32 | low);
    out->captured = get32(c, b->body + 12);
    out->wire_length = get32(c, b->body + 16);
    return deliver(c, from, b->body + 20, b->length - 20, out);
}

// The captured length is not stored: it is the wire's, up to the first interface's snap length.
static int read_simple(capture *c, const block *b, capture_packet *out) {
    if (need_body(c, b, 4, "simple packet block") != 0) return -1;
    const capture_interface *from = find_interface(c, b, 0);
    if (!from) return -1;
    uint32_t wire = get32(c, b->body), snap = from->snap_length;
    out->time_ns = 0;
    out->captured = snap != 0 && snap < wire ? snap : wire;
    out->wire_length = wire;
    return deliver(c, from, b->body + 4, b->length - 4, out);
}

// 1 when the block was a packet, 0 when it was not.
static int use_block(capture *c, const block *b, capture_packet *out) {
    switch (b->type) {
    case BLOCK_SECTION:
        return read_section(c, b);
    case BLOCK_INTERFACE:
        return read_interface(c, b);
    case BLOCK_SIMPLE:
        return read_simple(c, b, out);
    case BLOCK_PACKET:
    case BLOCK_ENHANCED:
        return read_packet(c, b, out);
    default:
        return 0;
    }
}

static int next_block(capture *c, capture_packet *out) {
    while (c->offset < c->size) {
        block b;
        if (read_block(c, &b) != 0) return -1;
        int got = use_block(c, &b, out);
        if (got < 0) return -1;
        c->offset += b.length + BLOCK_FRAME;
        if (got == 1) return 1;
    }
    return 0;
}

static int open_pcapng(capture *c) {
    block b;
    c->pcapng_ = true;
    if (c->size < BLOCK_FRAME + 16)
        return fail(c, 0, "file of %zu bytes, expected a section header of %d", c->size, BLOCK_FRAME + 16);
    return read_block(c, &b) != 0 ? -1 : read_section(c, &b);
}

// >>section files

static int read_all(capture *c, int fd) {
    size_t capacity = 0;
    for (ssize_t got = 1; got != 0;) {
        if (c->size == capacity) {
            capacity = capacity ? 2 * capacity : 65536;
            uint8_t *grown = realloc(c->data_, capacity);
            if (!grown) return -1;
            c->data_ = grown;
        }
        got = read(fd, c->data_ + c->size, capacity - c->size);
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) c->size += (size_t)got;
    }
    uint8_t *exact = realloc(c->data_, c->size ? c->size : 1);
    if (exact) c->data_ = exact;
    return 0;
}

static int load(capture *c, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0) return -1;
    void *map = MAP_FAILED;
    if (S_ISREG(st.st_mode) && st.st_size > 0) map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) return read_all(c, fd); // a pipe, a device, a file of /proc; says EISDIR of a directory
    c->mapped_ = true;
    c->data_ = map;
    c->size = (size_t)st.st_size;
    return 0;
}

static int load_path(capture *c, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_system(c);
    int result = load(c, fd) != 0 ? fail_system(c) : 0;
    close(fd);
    return result;
}

static int recognize(capture *c) {
    static const char expected[] = "a packet capture (pcap or pcapng)";
    if (c->size < 4) return fail(c, 0, "file of %zu bytes, expected %s", c->size, expected);
    c->big_endian_ = true;
    uint32_t magic = get32(c, c->data_);
    c->big_endian_ = magic >> 24 == 0xa1;
    switch (magic) {
    case 0xa1b2c3d4:
    case 0xd4c3b2a1:
        return open_pcap(c, 6);
    case 0xa1b23c4d:
    case 0x4d3cb2a1:
        return open_pcap(c, 9);
    case BLOCK_SECTION:
        return open_pcapng(c);
    default:
        return fail(c, 0, "magic number 0x%08x, expected %s", magic, expected);
    }
}

// >>section interface

int capture_open(capture *c, const char *path) {
    *c = (capture) { 0 };
    printable_path(c->name_, sizeof c->name_, path);
    if (load_path(c, path) == 0 && recognize(c) == 0) {
        capture_rewind(c);
        return 0;
    }
    capture_close(c);
    return -1;
}

int capture_next(capture *c, capture_packet *out) { return c->pcapng_ ? next_block(c, out) : next_record(c, out); }

void capture_rewind(capture *c) {
    c->error[0] = '\0';
    c->offset = c->pcapng_ ? 0 : PCAP_HEADER;
    c->packets = c->oversized = 0;
}

void capture_close(capture *c) {
    if (c->mapped_) munmap(c->data_, c->size);
    if (!c->mapped_) free(c->data_);
    free(c->interfaces_);
    c->data_ = NULL;
    c->interfaces_ = NULL;
    c->mapped_ = c->pcapng_ = false;
    c->size = c->offset = c->interface_count_ = c->interface_capacity_ = 0;
}
