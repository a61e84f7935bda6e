// test_packets_capture.c - the capture reader of the packets example, against captures built byte by byte
#define _GNU_SOURCE
#include "support/test.h"
#include "../examples/packets/capture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// >>section building captures

typedef struct bytes {
    uint8_t *data;
    size_t size, capacity;
    bool big; // byte order of what is put next
} bytes;

static void put_data(bytes *b, const void *data, size_t size) {
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        REQUIRE(b->data != NULL);
    }
    if (size > 0) memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put(bytes *b, uint64_t value, size_t width) {
    uint8_t out[8];
    for (size_t i = 0; i < width; i++) out[b->big ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
    put_data(b, out, width);
}

static void put_padding(bytes *b) {
    while (b->size % 4 != 0) put(b, 0, 1);
}

static void patch32(bytes *b, size_t at, uint32_t value) {
    bytes word = { .big = b->big };
    put(&word, value, 4);
    memcpy(b->data + at, word.data, 4);
    free(word.data);
}

static void drop(bytes *b) {
    free(b->data);
    *b = (bytes) { 0 };
}

static void put_pcap(bytes *b, bool big, bool nano, uint32_t snap, uint32_t link_type) {
    b->big = big;
    put(b, nano ? 0xa1b23c4d : 0xa1b2c3d4, 4);
    put(b, 2, 2);
    put(b, 4, 2);
    put(b, 0, 8); // time zone and accuracy, unused
    put(b, snap, 4);
    put(b, link_type, 4);
}

static void put_record(bytes *b, uint32_t seconds, uint32_t fraction, const void *data, uint32_t size,
                       uint32_t wire) {
    put(b, seconds, 4);
    put(b, fraction, 4);
    put(b, size, 4);
    put(b, wire, 4);
    put_data(b, data, size);
}

static size_t block_start(bytes *b, uint32_t type) {
    put(b, type, 4);
    put(b, 0, 4);
    return b->size - 8;
}

static void block_end(bytes *b, size_t start) {
    put_padding(b);
    uint32_t total = (uint32_t)(b->size - start + 4);
    put(b, total, 4);
    patch32(b, start + 4, total);
}

static void put_section(bytes *b, bool big) {
    b->big = big;
    size_t start = block_start(b, 0x0a0d0d0a);
    put(b, 0x1a2b3c4d, 4);
    put(b, 1, 2);
    put(b, 0, 2);
    put(b, UINT64_MAX, 8); // section length: not given
    block_end(b, start);
}

static void put_option(bytes *b, uint16_t code, const void *data, uint16_t size) {
    put(b, code, 2);
    put(b, size, 2);
    put_data(b, data, size);
    put_padding(b);
}

static size_t interface_start(bytes *b, uint16_t link_type, uint32_t snap) {
    size_t start = block_start(b, 1);
    put(b, link_type, 2);
    put(b, 0, 2);
    put(b, snap, 4);
    return start;
}

static void put_interface(bytes *b, uint16_t link_type, uint32_t snap) {
    block_end(b, interface_start(b, link_type, snap));
}

// An interface with a time resolution and a time offset between options that mean nothing to the reader.
static void put_clock_interface(bytes *b, uint8_t resolution, int64_t offset) {
    size_t start = interface_start(b, 1, 0);
    put_option(b, 2, "eth0\0", 5);
    put_option(b, 9, &resolution, 1);
    put(b, 14, 2);
    put(b, 8, 2);
    put(b, (uint64_t)offset, 8);
    put_option(b, 12, "an operating system", 19);
    put(b, 0, 4);
    block_end(b, start);
}

static void put_packet(bytes *b, uint32_t type, uint32_t id, uint64_t ticks, const void *data, uint32_t size,
                       uint32_t wire) {
    size_t start = block_start(b, type);
    if (type == 6) put(b, id, 4);
    if (type == 2) put(b, id, 2), put(b, 0xffff, 2); // and the count of drops
    put(b, ticks >> 32, 4);
    put(b, ticks & UINT32_MAX, 4);
    put(b, size, 4);
    put(b, wire, 4);
    put_data(b, data, size);
    put_padding(b);
    put_option(b, 2, "\0\0\0\1", 4);
    put(b, 0, 4);
    block_end(b, start);
}

static void put_enhanced(bytes *b, uint32_t id, uint64_t ticks, const void *data, uint32_t size, uint32_t wire) {
    put_packet(b, 6, id, ticks, data, size, wire);
}

static void put_simple(bytes *b, const void *data, uint32_t size, uint32_t wire) {
    size_t start = block_start(b, 3);
    put(b, wire, 4);
    put_data(b, data, size);
    block_end(b, start);
}

static void put_other(bytes *b, uint32_t type, uint32_t size) {
    size_t start = block_start(b, type);
    for (uint32_t i = 0; i < size; i++) put(b, i, 1);
    block_end(b, start);
}

// >>section opening them

static const char *root_path(const char *path) {
    static char full[4096];
    snprintf(full, sizeof full, "%s%s", test_root(), path);
    return full;
}

static int open_bytes(capture *c, const bytes *b) {
    test_root_data("/capture", b->data ? (void *)b->data : "", b->size);
    return capture_open(c, root_path("/capture"));
}

// Through a pipe the reader's memory is on the heap and exactly as long as the data, so that the address sanitizer
// sees any step behind its end.
static int open_piped(capture *c, const uint8_t *data, size_t size) {
    char path[32];
    int fds[2];
    REQUIRE(size <= 60000); // what a pipe takes without a reader
    REQUIRE(pipe(fds) == 0);
    REQUIRE(write(fds[1], data, size) == (ssize_t)size);
    close(fds[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    int result = capture_open(c, path);
    close(fds[0]);
    return result;
}

// Opens a capture that ends in an error after good packets, and compares the error behind the file's name.
static void expect_error(bytes *b, uint64_t good, const char *want) {
    capture c;
    capture_packet packet;
    char line[4096 + 512];
    int got = open_bytes(&c, b);
    while (got >= 0 && (got = capture_next(&c, &packet)) == 1) {}
    snprintf(line, sizeof line, "%s: %s", root_path("/capture"), want);
    CHECK_INT(-1, got);
    CHECK_STR(line, c.error);
    CHECK_UINT(good, c.packets);
    capture_close(&c);
    drop(b);
}

// The only packet of a capture, with a copy of its first bytes.
static capture_packet expect_one(bytes *b) {
    static uint8_t data[8];
    capture c;
    capture_packet packet, none;
    REQUIRE(open_bytes(&c, b) == 0);
    CHECK_INT(1, capture_next(&c, &packet));
    CHECK_INT(0, capture_next(&c, &none));
    CHECK_STR("", c.error);
    memcpy(data, packet.data, packet.captured < sizeof data ? packet.captured : sizeof data);
    packet.data = data;
    capture_close(&c);
    drop(b);
    return packet;
}

// >>section pcap

static void read_pcap(bool big, bool nano) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    put_pcap(&b, big, nano, 100, 101);
    put_record(&b, 1700000000, 123456, "abc", 3, 3);
    put_record(&b, 4294967295, 999999, "defgh", 5, 1500);
    REQUIRE(open_bytes(&c, &b) == 0);
    CHECK_UINT(24 + 16 + 3 + 16 + 5, c.size);
    CHECK_UINT(24, c.offset);
    REQUIRE(capture_next(&c, &p) == 1);
    CHECK(memcmp(p.data, "abc", 3) == 0);
    CHECK_UINT(3, p.captured);
    CHECK_UINT(3, p.wire_length);
    CHECK_INT(INT64_C(1700000000000000000) + (nano ? 123456 : 123456000), p.time_ns);
    CHECK_UINT(101, p.link_type);
    CHECK_UINT(24, p.offset);
    CHECK_UINT(0, p.index);
    REQUIRE(capture_next(&c, &p) == 1);
    CHECK(memcmp(p.data, "defgh", 5) == 0);
    CHECK_UINT(5, p.captured);
    CHECK_UINT(1500, p.wire_length);
    CHECK_INT(INT64_C(4294967295000000000) + (nano ? 999999 : 999999000), p.time_ns);
    CHECK_UINT(43, p.offset);
    CHECK_UINT(1, p.index);
    CHECK_INT(0, capture_next(&c, &p));
    CHECK_INT(0, capture_next(&c, &p));
    CHECK_UINT(c.size, c.offset);
    CHECK_UINT(2, c.packets);
    capture_close(&c);
    drop(&b);
}

TEST(capture, reads_pcap_in_both_byte_orders_and_both_resolutions) {
    for (int i = 0; i < 4; i++) read_pcap(i & 1, i & 2);
}

TEST(capture, reads_a_real_capture_twice) {
    capture c;
    capture_packet p;
    REQUIRE(capture_open(&c, test_data("loopback.pcap")) == 0);
    for (int round = 0; round < 2; round++) {
        uint64_t wire = 0, bytes_seen = 24;
        int64_t last = 0;
        for (; capture_next(&c, &p) == 1; last = p.time_ns) {
            REQUIRE(p.offset == bytes_seen);
            REQUIRE(p.time_ns >= last);
            REQUIRE(p.captured <= 160);
            wire += p.wire_length;
            bytes_seen += 16 + p.captured;
        }
        CHECK_STR("", c.error);
        CHECK_UINT(31150, c.packets);
        CHECK_UINT(21025076, wire);
        CHECK_UINT(3266817, c.size);
        CHECK_UINT(c.size, c.offset);
        capture_rewind(&c);
        CHECK_UINT(0, c.packets);
    }
    capture_close(&c);
}

TEST(capture, hands_out_packets_in_place) {
    bytes b = { 0 };
    capture c;
    capture_packet first, second;
    put_pcap(&b, false, false, 0, 1);
    put_record(&b, 1, 1, "first", 5, 5);
    put_record(&b, 2, 2, "second", 6, 6);
    REQUIRE(open_bytes(&c, &b) == 0);
    REQUIRE(capture_next(&c, &first) == 1);
    REQUIRE(capture_next(&c, &second) == 1);
    CHECK_PTR(first.data + (second.offset - first.offset), second.data);
    CHECK(memcmp(first.data, "first", 5) == 0);
    capture_rewind(&c);
    capture_packet again;
    REQUIRE(capture_next(&c, &again) == 1);
    CHECK_PTR(first.data, again.data);
    CHECK_UINT(0, again.index);
    capture_close(&c);
    drop(&b);
}

TEST(capture, reads_a_capture_without_packets) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    put_pcap(&b, true, false, 0, 1);
    REQUIRE(open_bytes(&c, &b) == 0);
    CHECK_INT(0, capture_next(&c, &p));
    capture_close(&c);
    drop(&b);
    put_section(&b, false);
    put_interface(&b, 1, 0);
    REQUIRE(open_bytes(&c, &b) == 0);
    CHECK_INT(0, capture_next(&c, &p));
    CHECK_STR("", c.error);
    capture_close(&c);
    drop(&b);
}

TEST(capture, keeps_the_frame_check_bits_out_of_the_link_type) {
    bytes b = { 0 };
    put_pcap(&b, false, false, 0, 0x24000001);
    put_record(&b, 1, 1, "x", 1, 1);
    CHECK_UINT(1, expect_one(&b).link_type);
}

TEST(capture, accepts_and_counts_packets_longer_than_their_wire_length) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    put_pcap(&b, false, false, 0, 1);
    put_record(&b, 1, 1, "twelve bytes", 12, 4);
    put_record(&b, 1, 1, "twelve bytes", 12, 12);
    REQUIRE(open_bytes(&c, &b) == 0);
    CHECK_INT(1, capture_next(&c, &p));
    CHECK_UINT(12, p.captured);
    CHECK_UINT(12, p.wire_length);
    CHECK_INT(1, capture_next(&c, &p));
    CHECK_UINT(1, c.oversized);
    capture_close(&c);
    drop(&b);
}

TEST(capture, lets_the_snap_length_raise_the_largest_packet) {
    bytes b = { 0 };
    uint8_t *large = calloc(1, 300000);
    REQUIRE(large != NULL);
    put_pcap(&b, false, false, 300000, 1);
    put_record(&b, 1, 1, large, 300000, 300000);
    CHECK_UINT(300000, expect_one(&b).captured);
    put_pcap(&b, false, false, 96, 1); // packets above a small snap length are common, and harmless
    put_record(&b, 1, 1, large, 262144, 262144);
    CHECK_UINT(262144, expect_one(&b).captured);
    put_pcap(&b, false, false, 96, 1);
    put_record(&b, 1, 1, large, 262145, 262145);
    expect_error(&b, 0, "offset 24: packet of 262145 bytes, expected at most 262144");
    free(large);
}

// >>section pcapng

TEST(capture, reads_pcapng_sections_in_both_byte_orders) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    for (uint64_t i = 0; i < 4; i++) {
        put_section(&b, i & 1);
        put_interface(&b, (uint16_t)(100 + i), 64);
        put_enhanced(&b, 0, 1000000 * i + 7, "hello", 5, 50);
    }
    REQUIRE(open_bytes(&c, &b) == 0);
    for (uint64_t i = 0; i < 4; i++) {
        REQUIRE(capture_next(&c, &p) == 1);
        CHECK_UINT(i, p.index);
        CHECK_UINT(100 + i, p.link_type);
        CHECK_INT((int64_t)i * 1000000000 + 7000, p.time_ns);
        CHECK_UINT(5, p.captured);
        CHECK_UINT(50, p.wire_length);
        CHECK(memcmp(p.data, "hello", 5) == 0);
        CHECK_UINT(28 + 20 + i * (28 + 20 + 52), p.offset);
    }
    CHECK_INT(0, capture_next(&c, &p));
    CHECK_UINT(c.size, c.offset);
    capture_close(&c);
    drop(&b);
}

TEST(capture, gives_each_packet_its_interfaces_link_type_and_clock) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    put_section(&b, true);
    for (uint16_t i = 0; i < 40; i++) {
        size_t start = interface_start(&b, (uint16_t)(200 + i), 0);
        if (i % 2) put_option(&b, 9, "\x09", 1);
        block_end(&b, start);
    }
    for (uint32_t i = 40; i-- > 0;) put_enhanced(&b, i, 5000000000, "x", 1, 1);
    REQUIRE(open_bytes(&c, &b) == 0);
    for (uint32_t i = 40; i-- > 0;) {
        REQUIRE(capture_next(&c, &p) == 1);
        CHECK_UINT(200 + i, p.link_type);
        CHECK_INT(i % 2 ? INT64_C(5000000000) : INT64_C(5000000000000), p.time_ns);
    }
    CHECK_INT(0, capture_next(&c, &p));
    capture_close(&c);
    drop(&b);
}

TEST(capture, converts_every_time_resolution) {
    static const struct {
        uint8_t resolution;
        int64_t offset;
        uint64_t ticks;
        int64_t want;
    } cases[] = {
        { 6, 0, 1700000000123456, 1700000000123456000 },
        { 9, 0, 1700000000123456789, 1700000000123456789 },
        { 3, 0, 1700000000123, 1700000000123000000 },
        { 0, 0, 1700000000, 1700000000000000000 },
        { 12, 0, 1234567890123456789, 1234567890123456 },
        { 19, 0, UINT64_MAX, 1844674407 },
        { 29, 0, UINT64_MAX, 0 },
        { 127, 0, UINT64_MAX, 0 },
        { 0x80, 0, 5, 5000000000 },
        { 0x80 | 10, 0, 1024 * 3 + 512, 3500000000 },
        { 0x80 | 20, 0, (UINT64_C(7) << 20) + 1, 7000000953 },
        { 0x80 | 32, 0, (UINT64_C(1700000000) << 32) + 0xc0000000, 1700000000750000000 },
        { 0x80 | 34, 0, UINT64_MAX, 1073741823999999999 },
        { 0x80 | 35, 0, UINT64_MAX, 536870911999999999 },
        { 0x80 | 63, 0, (UINT64_C(1) << 63) + (UINT64_C(1) << 61), 1250000000 },
        { 0x80 | 64, 0, UINT64_C(1) << 63, 500000000 },
        { 0x80 | 127, 0, UINT64_MAX, 0 },
        { 6, 10, 1500000, 11500000000 },
        { 6, -10, 1500000, -8500000000 },
        { 9, 1700000000, 5, 1700000000000000005 },
        { 0, 0, UINT64_MAX, 9223372035000000000 }, // beyond the year 2262
        { 6, INT64_MAX, 1, 9223372035000001000 },
        { 6, INT64_MIN, 1, -9223372034999999000 },
        { 0, INT64_MIN, UINT64_MAX, -9223372035000000000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = { 0 };
        put_section(&b, i & 1);
        put_clock_interface(&b, cases[i].resolution, cases[i].offset);
        put_enhanced(&b, 0, cases[i].ticks, "x", 1, 1);
        CHECK_INT(cases[i].want, expect_one(&b).time_ns);
    }
}

TEST(capture, stops_reading_options_at_their_end) {
    bytes b = { 0 };
    put_section(&b, false);
    size_t start = interface_start(&b, 1, 0);
    put(&b, 0, 4);
    put_option(&b, 9, "\x09", 1);
    block_end(&b, start);
    put_enhanced(&b, 0, 1, "x", 1, 1);
    CHECK_INT(1000, expect_one(&b).time_ns);
}

TEST(capture, cuts_simple_packets_at_the_snap_length) {
    bytes b = { 0 };
    put_section(&b, false);
    put_interface(&b, 113, 6);
    put_interface(&b, 1, 2); // simple packets are the first interface's
    put_simple(&b, "abcdef", 6, 1500);
    capture_packet p = expect_one(&b);
    CHECK_UINT(6, p.captured);
    CHECK_UINT(1500, p.wire_length);
    CHECK_INT(0, p.time_ns);
    CHECK_UINT(113, p.link_type);
    CHECK(memcmp(p.data, "abcdef", 6) == 0);
    put_section(&b, true);
    put_interface(&b, 1, 0);
    put_simple(&b, "abcdef", 6, 6);
    p = expect_one(&b);
    CHECK_UINT(6, p.captured);
    CHECK_UINT(6, p.wire_length);
}

TEST(capture, reads_obsolete_packet_blocks) {
    bytes b = { 0 };
    put_section(&b, true);
    put_interface(&b, 1, 0);
    put_interface(&b, 228, 0);
    put_packet(&b, 2, 1, 0x100000002, "packet", 6, 60);
    capture_packet p = expect_one(&b);
    CHECK_UINT(228, p.link_type);
    CHECK_UINT(6, p.captured);
    CHECK(memcmp(p.data, "packet", 6) == 0);
    CHECK_UINT(60, p.wire_length);
    CHECK_INT(INT64_C(0x100000002) * 1000, p.time_ns);
}

TEST(capture, steps_over_blocks_of_other_kinds) {
    static const uint32_t kinds[] = { 4, 5, 7, 9, 10, 0xbad, 0x40000bad, 0x80000001, 0xffffffff };
    bytes b = { 0 };
    put_section(&b, false);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) put_other(&b, kinds[i], (uint32_t)(4 * i));
    put_interface(&b, 1, 0);
    put_other(&b, 10, 70000);
    put_enhanced(&b, 0, 3, "x", 1, 1);
    put_other(&b, 4, 0);
    capture_packet p = expect_one(&b);
    CHECK_INT(3000, p.time_ns);
    CHECK_UINT(0, p.index);
}

// >>section one capture in every format

typedef struct format {
    bool pcapng, big, nano;
} format;

static void put_as(bytes *b, format f, const capture_packet *p) {
    uint64_t ticks = (uint64_t)p->time_ns / (f.nano ? 1 : 1000), second = f.nano ? 1000000000 : 1000000;
    uint32_t seconds = (uint32_t)(ticks / second), fraction = (uint32_t)(ticks % second);
    if (f.pcapng) put_enhanced(b, 0, ticks, p->data, p->captured, p->wire_length);
    if (!f.pcapng) put_record(b, seconds, fraction, p->data, p->captured, p->wire_length);
}

static void rewrite(bytes *b, format f, capture *from) {
    capture_packet p;
    if (f.pcapng) put_section(b, f.big);
    if (f.pcapng) put_clock_interface(b, f.nano ? 9 : 6, 0);
    if (!f.pcapng) put_pcap(b, f.big, f.nano, 160, 1);
    capture_rewind(from);
    while (capture_next(from, &p) == 1) put_as(b, f, &p);
}

TEST(capture, reads_the_same_packets_from_every_format) {
    capture from, to;
    capture_packet want, got;
    REQUIRE(capture_open(&from, test_data("loopback.pcap")) == 0);
    for (int i = 0; i < 8; i++) {
        bytes b = { 0 };
        rewrite(&b, (format) { i & 1, i & 2, i & 4 }, &from);
        REQUIRE(open_bytes(&to, &b) == 0);
        capture_rewind(&from);
        while (capture_next(&from, &want) == 1) {
            REQUIRE(capture_next(&to, &got) == 1);
            REQUIRE(got.captured == want.captured && got.wire_length == want.wire_length);
            REQUIRE(got.time_ns == want.time_ns && got.link_type == want.link_type && got.index == want.index);
            REQUIRE(memcmp(got.data, want.data, want.captured) == 0);
        }
        CHECK_INT(0, capture_next(&to, &got));
        CHECK_UINT(31150, to.packets);
        capture_close(&to);
        drop(&b);
    }
    capture_close(&from);
}

// >>section pipes

typedef struct feed {
    int fd;
    const bytes *from;
} feed;

static void *feed_pipe(void *arg) {
    feed *f = arg;
    for (size_t done = 0; done < f->from->size;) {
        size_t piece = f->from->size - done > 7777 ? 7777 : f->from->size - done;
        ssize_t wrote = write(f->fd, f->from->data + done, piece);
        if (wrote <= 0) break;
        done += (size_t)wrote;
    }
    close(f->fd);
    return NULL;
}

TEST(capture, reads_a_pipe_of_any_length) {
    bytes b = { 0 };
    capture from, c;
    capture_packet p;
    pthread_t thread;
    char path[32];
    int fds[2];
    REQUIRE(capture_open(&from, test_data("loopback.pcap")) == 0);
    rewrite(&b, (format) { 0 }, &from);
    REQUIRE(pipe(fds) == 0);
    feed f = { fds[1], &b };
    REQUIRE(pthread_create(&thread, NULL, feed_pipe, &f) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    REQUIRE(capture_open(&c, path) == 0);
    while (capture_next(&c, &p) == 1) {}
    CHECK_UINT(31150, c.packets);
    CHECK_UINT(b.size, c.size);
    pthread_join(thread, NULL);
    close(fds[0]);
    capture_close(&c);
    capture_close(&from);
    drop(&b);
}

// >>section what is wrong with a file

TEST(capture, names_a_file_that_cannot_be_read) {
    capture c;
    char want[4200];
    test_root_directory("/folder");
    CHECK_INT(-1, capture_open(&c, root_path("/missing")));
    snprintf(want, sizeof want, "%s: No such file or directory", root_path("/missing"));
    CHECK_STR(want, c.error);
    CHECK_INT(-1, capture_open(&c, root_path("/folder")));
    snprintf(want, sizeof want, "%s: Is a directory", root_path("/folder"));
    CHECK_STR(want, c.error);
    CHECK_INT(-1, capture_open(&c, ""));
    CHECK_STR(": No such file or directory", c.error);
    capture_close(&c);
}

TEST(capture, names_a_file_that_may_not_be_read) {
    capture c;
    uid_t me = geteuid();
    test_root_file("/secret", "");
    REQUIRE(chmod(root_path("/secret"), 0) == 0);
    if (me == 0 && seteuid(65534) != 0) test_skip("the superuser may read every file");
    CHECK_INT(-1, capture_open(&c, root_path("/secret")));
    CHECK_CONTAINS("/secret: Permission denied", c.error);
    REQUIRE(seteuid(me) == 0);
}

TEST(capture, keeps_its_error_in_one_line_whatever_the_path) {
    capture c;
    CHECK_INT(-1, capture_open(&c, "/no\nwhere/\x1b[31m\x7f/ \xc3\xa9\xc3\x9f\xc2\xa0/\xc2\x80\xc2\x9f/\t.pcap"));
    CHECK_STR("/no\\x0awhere/\\x1b[31m\\x7f/ \xc3\xa9\xc3\x9f\xc2\xa0/\xc2\\x80\xc2\\x9f/\\x09.pcap: No such file "
              "or directory",
              c.error);
    char longest[4000], want[4200];
    memset(longest, 'd', sizeof longest);
    for (size_t i = 0; i < sizeof longest; i += 100) longest[i] = '/';
    memcpy(longest + sizeof longest - 11, "/last.pcap", 11);
    CHECK_INT(-1, capture_open(&c, longest));
    snprintf(want, sizeof want, "...%s: No such file or directory", longest + sizeof longest - 1 - 249);
    CHECK_STR(want, c.error);
    memset(longest, '\n', sizeof longest - 1);
    CHECK_INT(-1, capture_open(&c, longest));
    CHECK_CONTAINS("...\\x0a\\x0a", c.error);
    CHECK_CONTAINS("\\x0a\\x0a: File name too long", c.error);
    CHECK(strchr(c.error, '\n') == NULL);
}

TEST(capture, says_what_a_file_is_instead_of_a_capture) {
    bytes b = { 0 };
    expect_error(&b, 0, "offset 0: file of 0 bytes, expected a packet capture (pcap or pcapng)");
    put_data(&b, "abc", 3);
    expect_error(&b, 0, "offset 0: file of 3 bytes, expected a packet capture (pcap or pcapng)");
    put_data(&b, "\x1f\x8b\x08\x00 zipped", 11);
    expect_error(&b, 0, "offset 0: magic number 0x1f8b0800, expected a packet capture (pcap or pcapng)");
    put_data(&b, "\xa1\xb2\xc3\xd4", 4);
    expect_error(&b, 0, "offset 0: file of 4 bytes, expected a pcap header of 24");
    put_pcap(&b, true, false, 0, 1);
    b.data[5] = 3;
    expect_error(&b, 0, "offset 4: pcap version 3.4, expected 2.4");
    put_section(&b, false);
    b.size = 27;
    expect_error(&b, 0, "offset 0: file of 27 bytes, expected a section header of 28");
    put_section(&b, false);
    b.data[8] = 0x4e;
    expect_error(&b, 0, "offset 8: byte-order magic 0x4e3c2b1a, expected 0x1a2b3c4d in either order");
    put_section(&b, true);
    b.data[13] = 2;
    expect_error(&b, 0, "offset 12: pcapng version 2.0, expected 1.0");
    put_section(&b, false);
    patch32(&b, 4, 24);
    patch32(&b, 20, 24);
    expect_error(&b, 0, "offset 8: section header of 12 bytes, expected at least 16");
}

TEST(capture, says_where_a_record_is_cut_or_absurd) {
    bytes b = { 0 };
    put_pcap(&b, false, false, 65535, 1);
    put_record(&b, 1, 1, "abc", 3, 3);
    put(&b, 0, 7);
    expect_error(&b, 1, "offset 43: 7 bytes left in the file, expected a record header of 16");
    put_pcap(&b, false, false, 65535, 1);
    put_record(&b, 1, 1, "abc", 3, 3);
    put_record(&b, 1, 1, "abcdef", 6, 6);
    b.size -= 2;
    expect_error(&b, 1, "offset 43: packet of 6 bytes, expected at most the 4 left in the file");
    put_pcap(&b, true, true, UINT32_MAX, 1);
    put_record(&b, 1, 1, "abc", 3, 3);
    patch32(&b, 24 + 8, UINT32_MAX);
    expect_error(&b, 0, "offset 24: packet of 4294967295 bytes, expected at most the 3 left in the file");
    put_pcap(&b, false, false, 65535, 1);
    put_record(&b, 1, 1, "abc", 3, 3);
    patch32(&b, 24 + 8, UINT32_MAX);
    expect_error(&b, 0, "offset 24: packet of 4294967295 bytes, expected at most 262144");
}

static void put_start(bytes *b) {
    put_section(b, false);
    put_interface(b, 1, 0);
    put_enhanced(b, 0, 1, "x", 1, 1); // ends at 96
}

TEST(capture, says_where_a_block_is_cut_or_absurd) {
    bytes b = { 0 };
    put_start(&b);
    put_data(&b, "elevenbytes", 11);
    expect_error(&b, 1, "offset 96: 11 bytes left in the file, expected a block of at least 12");
    put_start(&b);
    put_other(&b, 4, 20);
    b.size -= 4;
    expect_error(&b, 1, "offset 100: block of 32 bytes, expected at most the 28 left in the file");
    put_start(&b);
    put_other(&b, 4, 20);
    patch32(&b, 100, 8);
    expect_error(&b, 1, "offset 100: block of 8 bytes, expected a multiple of 4, at least 12");
    put_start(&b);
    put_other(&b, 4, 20);
    patch32(&b, 100, 30);
    expect_error(&b, 1, "offset 100: block of 30 bytes, expected a multiple of 4, at least 12");
    put_start(&b);
    put_other(&b, 4, 20);
    patch32(&b, 124, 28);
    expect_error(&b, 1, "offset 124: block length 32 repeated as 28, expected the same");
    put_start(&b);
    put_section(&b, true);
    b.data[96 + 8] = 0;
    expect_error(&b, 1, "offset 104: byte-order magic 0x002b3c4d, expected 0x1a2b3c4d in either order");
}

TEST(capture, says_what_is_wrong_inside_a_block) {
    bytes b = { 0 };
    put_start(&b);
    put_other(&b, 1, 4);
    expect_error(&b, 1, "offset 104: interface description of 4 bytes, expected at least 8");
    put_start(&b);
    put_other(&b, 6, 16);
    expect_error(&b, 1, "offset 104: packet block of 16 bytes, expected at least 20");
    put_start(&b);
    put_other(&b, 2, 12);
    expect_error(&b, 1, "offset 104: packet block of 12 bytes, expected at least 20");
    put_start(&b);
    put_other(&b, 3, 0);
    expect_error(&b, 1, "offset 104: simple packet block of 0 bytes, expected at least 4");
    put_start(&b);
    put_enhanced(&b, 0, 1, "abcd", 4, 4);
    patch32(&b, 96 + 20, 100);
    expect_error(&b, 1, "offset 96: packet of 100 bytes, expected at most the 16 left in the block");
    put_start(&b);
    put_enhanced(&b, 0, 1, "abcd", 4, 4);
    patch32(&b, 96 + 20, 262145);
    expect_error(&b, 1, "offset 96: packet of 262145 bytes, expected at most 262144");
    put_start(&b);
    put_simple(&b, "abcd", 4, 9);
    expect_error(&b, 1, "offset 96: packet of 9 bytes, expected at most the 4 left in the block");
}

TEST(capture, says_what_is_wrong_with_an_option) {
    bytes b = { 0 };
    put_section(&b, false);
    size_t start = interface_start(&b, 1, 0);
    put_option(&b, 9, "\6\6\6", 3);
    block_end(&b, start);
    expect_error(&b, 0, "offset 44: option 9 of 3 bytes, expected 1");
    put_section(&b, false);
    start = interface_start(&b, 1, 0);
    put_option(&b, 2, "lo", 2);
    put_option(&b, 14, "\1\1\1\1", 4);
    block_end(&b, start);
    expect_error(&b, 0, "offset 52: option 14 of 4 bytes, expected 8");
    put_section(&b, true);
    start = interface_start(&b, 1, 0);
    put(&b, 2, 2);
    put(&b, 500, 2);
    put(&b, 0, 8);
    block_end(&b, start);
    expect_error(&b, 0, "offset 44: option 2 of 500 bytes, expected at most 8");
    put_section(&b, true);
    start = interface_start(&b, 1, 0);
    put(&b, 3, 2);
    put(&b, 1, 2);
    block_end(&b, start);
    expect_error(&b, 0, "offset 44: option 3 of 1 bytes, expected at most 0");
}

TEST(capture, says_that_a_packets_interface_does_not_exist) {
    bytes b = { 0 };
    put_start(&b);
    put_enhanced(&b, 1, 1, "abc", 3, 3);
    expect_error(&b, 1, "offset 104: packet of interface 1, expected one of the 1 described");
    put_start(&b);
    put_packet(&b, 2, 7, 1, "abc", 3, 3);
    expect_error(&b, 1, "offset 104: packet of interface 7, expected one of the 1 described");
    put_start(&b);
    put_section(&b, true); // which forgets the interfaces of the one before
    put_simple(&b, "abc", 3, 3);
    expect_error(&b, 1, "offset 132: packet of interface 0, expected one of the 0 described");
}

TEST(capture, repeats_a_failure_until_rewound) {
    bytes b = { 0 };
    capture c;
    capture_packet p;
    char first[sizeof c.error];
    put_start(&b);
    put_enhanced(&b, 5, 1, "abc", 3, 3);
    REQUIRE(open_bytes(&c, &b) == 0);
    CHECK_INT(1, capture_next(&c, &p));
    CHECK_INT(-1, capture_next(&c, &p));
    memcpy(first, c.error, sizeof first);
    CHECK_INT(-1, capture_next(&c, &p));
    CHECK_STR(first, c.error);
    capture_rewind(&c);
    CHECK_STR("", c.error);
    CHECK_INT(1, capture_next(&c, &p));
    CHECK_INT(-1, capture_next(&c, &p));
    CHECK_STR(first, c.error);
    capture_close(&c);
    CHECK_STR(first, c.error);
    capture_close(&c);
    CHECK_INT(0, capture_next(&c, &p));
    CHECK_UINT(0, c.size);
    drop(&b);
}

// >>section damage

// Reads to the end or to the error: every packet lies in the file, every error is one line that names it.
static int read_damaged(const uint8_t *data, size_t size, uint64_t *packets) {
    capture c;
    capture_packet p;
    size_t before = 0;
    unsigned touched = 0;
    int got = open_piped(&c, data, size);
    while (got >= 0 && (got = capture_next(&c, &p)) == 1) {
        REQUIRE(p.offset >= before && p.offset < size && c.offset > p.offset && c.offset <= size);
        REQUIRE(p.captured <= p.wire_length && p.captured < size);
        for (uint32_t i = 0; i < p.captured; i++) touched += p.data[i];
        before = c.offset;
    }
    *packets = c.packets;
    if (got == 0) CHECK_STR("", c.error);
    if (got < 0)
        CHECK(strncmp(c.error, "/dev/fd/", 8) == 0 && strstr(c.error, ": offset ") && strstr(c.error, "expected"));
    CHECK(strchr(c.error, '\n') == NULL && touched < UINT32_MAX);
    capture_close(&c);
    return got;
}

// ends are where the file may stop: behind its headers, then from the first packet's index on, behind each packet.
static void cut_everywhere(bytes *b, const size_t *ends, size_t count, size_t first) {
    for (size_t size = 0; size <= b->size; size++) {
        uint64_t packets, whole = 0;
        bool at_end = false;
        for (size_t i = 0; i < count; i++) {
            at_end = at_end || size == ends[i];
            whole += i >= first && size >= ends[i];
        }
        CHECK_INT(at_end ? 0 : -1, read_damaged(b->data, size, &packets));
        CHECK_UINT(whole, packets);
    }
    drop(b);
}

TEST(capture, hands_out_every_whole_packet_of_a_file_cut_anywhere) {
    bytes b = { 0 };
    size_t ends[6], count = 0;
    put_pcap(&b, true, false, 0, 1), ends[count++] = b.size;
    put_record(&b, 1, 1, "some bytes", 10, 10), ends[count++] = b.size;
    put_record(&b, 1, 1, "", 0, 10), ends[count++] = b.size;
    put_record(&b, 1, 1, "more", 4, 10), ends[count++] = b.size;
    cut_everywhere(&b, ends, count, 1);
    count = 0;
    put_section(&b, false), ends[count++] = b.size;
    put_clock_interface(&b, 9, 1), ends[count++] = b.size;
    put_enhanced(&b, 0, 1, "some bytes", 10, 10), ends[count++] = b.size;
    put_simple(&b, "some bytes", 10, 10), ends[count++] = b.size;
    put_packet(&b, 2, 0, 1, "some bytes", 10, 10), ends[count++] = b.size;
    cut_everywhere(&b, ends, count, 2);
}

static void flip(uint8_t *data, size_t size, uint64_t *random) {
    for (uint64_t n = 1 + test_random(random) % 8; n > 0; n--) {
        uint64_t r = test_random(random);
        uint8_t *at = &data[(r >> 32) % size];
        *at = (uint8_t)(r & 1 ? r >> 8 : r & 2 ? *at ^ UINT64_C(1) << (r >> 8) % 8 : r & 4 ? 0xff : 0);
    }
}

TEST(capture, survives_random_damage_to_a_real_capture) {
    uint64_t random = test_seed(), packets, total = 0;
    uint8_t start[8192], damaged[8192];
    FILE *file = fopen(test_data("loopback.pcap"), "rb");
    REQUIRE(file != NULL);
    REQUIRE(fread(start, 1, sizeof start, file) == sizeof start);
    fclose(file);
    for (int i = 0; i < 3000; i++) {
        size_t size = 1 + (size_t)(test_random(&random) % sizeof start);
        memcpy(damaged, start, size);
        flip(damaged, size, &random);
        flip(damaged, size < 64 ? size : 64, &random);
        memcpy(damaged, start, size < 4 ? size : 4); // or hardly any would be a capture
        read_damaged(damaged, size, &packets);
        total += packets;
    }
    CHECK(total > 3000);
}

static void put_random_block(bytes *b, uint64_t *random) {
    uint8_t data[64] = { 0 };
    uint64_t r = test_random(random);
    uint32_t size = (uint32_t)(r >> 8) % sizeof data, id = (uint32_t)(r >> 16) % 3;
    switch (r % 8) {
    case 0:
        put_section(b, r >> 40 & 1);
        break;
    case 1:
        put_interface(b, (uint16_t)(r >> 20), (uint32_t)(r >> 30) % 100);
        break;
    case 2:
        put_clock_interface(b, (uint8_t)(r >> 20), (int64_t)test_random(random));
        break;
    case 3:
        put_simple(b, data, size, size);
        break;
    case 4:
        put_packet(b, 2, id, test_random(random), data, size, size);
        break;
    case 5:
        put_other(b, (uint32_t)(r >> 24) % 12, size);
        break;
    default:
        put_enhanced(b, id, test_random(random), data, size, size + id);
    }
}

TEST(capture, survives_random_pcapng_files) {
    uint64_t random = test_seed(), packets, total = 0, whole = 0;
    for (int i = 0; i < 5000; i++) {
        bytes b = { 0 };
        put_section(&b, i & 1);
        for (int k = 0; k < 3; k++) put_interface(&b, 1, 0);
        for (uint64_t n = test_random(&random) % 30; n > 0; n--) put_random_block(&b, &random);
        if (i & 2) flip(b.data, b.size, &random);
        if (i & 4) b.size -= (size_t)(test_random(&random) % b.size);
        whole += read_damaged(b.data, b.size, &packets) == 0;
        total += packets;
        drop(&b);
    }
    CHECK(total > 5000);
    CHECK(whole > 100);
}
