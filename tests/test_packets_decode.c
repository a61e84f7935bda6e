// test_packets_decode.c - the decoder of the packets example: packets built byte by byte, and a real capture's
// conversations against the list that came with it
#define _GNU_SOURCE
#include "support/test.h"
#include "../examples/packets/capture.h"
#include "../examples/packets/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// >>section building packets

typedef struct packet {
    uint8_t data[4096];
    size_t size;
} packet;

static void put(packet *p, uint64_t value, size_t width) {
    for (size_t i = width; i-- > 0;) p->data[p->size++] = (uint8_t)(value >> 8 * i);
}

static void put_zeros(packet *p, size_t count) {
    memset(p->data + p->size, 0, count);
    p->size += count;
}

static void put_ethernet(packet *p, uint16_t type) {
    put(p, 0x020000000001, 6);
    put(p, 0x020000000002, 6);
    put(p, type, 2);
}

static void put_vlan(packet *p, uint16_t tag, uint16_t type) {
    put(p, tag, 2);
    put(p, type, 2);
}

// From 10.1.2.3 to 10.4.5.6, with options of so many words; total is the length field.
static void put_ipv4(packet *p, uint8_t protocol, unsigned options, size_t total, unsigned fragment) {
    put(p, 0x45 + options, 1);
    put(p, 0, 1);
    put(p, total, 2);
    put(p, 0x1234, 2);
    put(p, fragment, 2);
    put(p, 64, 1);
    put(p, protocol, 1);
    put(p, 0, 2);
    put(p, 0x0a010203, 4);
    put(p, 0x0a040506, 4);
    for (unsigned i = 0; i < options; i++) put(p, 0x01010101, 4);
}

// From 2001:db8::1 to fe80::2; length is the payload length field.
static void put_ipv6(packet *p, uint8_t next, size_t length) {
    put(p, 0x60000000, 4);
    put(p, length, 2);
    put(p, next, 1);
    put(p, 64, 1);
    put(p, 0x20010db800000000, 8);
    put(p, 1, 8);
    put(p, 0xfe80000000000000, 8);
    put(p, 2, 8);
}

static void put_extension(packet *p, uint8_t next, uint8_t length_field, size_t size) {
    put(p, next, 1);
    put(p, length_field, 1);
    put_zeros(p, size - 2);
}

static void put_tcp(packet *p, unsigned options, uint8_t flags) {
    put(p, 443, 2);
    put(p, 50000, 2);
    put(p, 0xdeadbeef, 4);
    put(p, 0x01020304, 4);
    put(p, (5 + options) << 4, 1);
    put(p, flags, 1);
    put(p, 0xffff, 2);
    put(p, 0, 4);
    for (unsigned i = 0; i < options; i++) put(p, 0x01010101, 4);
}

static void put_udp(packet *p, size_t length) {
    put(p, 53, 2);
    put(p, 40000, 2);
    put(p, length, 2);
    put(p, 0, 2);
}

// Decodes an exact copy on the heap, so that the address sanitizer sees any step behind the captured bytes.
static packet_info decode_cut(const packet *p, size_t captured, size_t wire, uint32_t link_type) {
    packet_info info;
    uint8_t *copy = malloc(captured ? captured : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, p->data, captured);
    decode_result result = decode_packet(copy, captured, wire, link_type, &info);
    CHECK_INT(info.result, result);
    if (info.payload) {
        size_t at = (size_t)(info.payload - copy);
        CHECK(at <= captured && info.payload_captured <= captured - at);
        CHECK(info.payload_captured <= info.payload_length);
        info.payload = p->data + at;
    }
    free(copy);
    return info;
}

static packet_info decode(const packet *p, uint32_t link_type) {
    return decode_cut(p, p->size, p->size, link_type);
}

static void expect(decode_result result, decode_reason reason, packet_info got) {
    CHECK_INT(result, got.result);
    CHECK_STR(decode_reason_name(reason), decode_reason_name(got.reason));
}

// Checks what a packet captured to so many bytes gives, when it was longer on the wire and when it was not.
static void expect_cut(decode_reason reason, const packet *p, size_t captured, uint32_t link_type) {
    expect(DECODE_SNAPPED, reason, decode_cut(p, captured, p->size, link_type));
    expect(DECODE_MALFORMED, reason, decode_cut(p, captured, captured, link_type));
}

enum { ETHERNET = 1, RAW = 101 };

// >>section what a packet says

TEST(decode, reads_tcp_over_ipv4) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x0800);
    put_ipv4(&p, 6, 0, 20 + 20 + 8 + 11, 0);
    put_tcp(&p, 2, TCP_SYN | TCP_ACK);
    put_zeros(&p, 11);
    packet_info info = decode(&p, ETHERNET);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(4, info.family);
    CHECK_UINT(PROTOCOL_TCP, info.protocol);
    CHECK_UINT(0x0800, info.ethertype);
    CHECK(memcmp(info.source, "\x0a\1\2\3\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
    CHECK(memcmp(info.destination, "\x0a\4\5\6\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
    CHECK(info.has_ports);
    CHECK_UINT(443, info.source_port);
    CHECK_UINT(50000, info.destination_port);
    CHECK_UINT(TCP_SYN | TCP_ACK, info.tcp_flags);
    CHECK_UINT(0xdeadbeef, info.sequence);
    CHECK(!info.fragment && !info.more_fragments);
    CHECK_UINT(0, info.vlan_tags);
    CHECK_PTR(p.data + 14 + 20 + 28, info.payload);
    CHECK_UINT(11, info.payload_captured);
    CHECK_UINT(11, info.payload_length);
}

TEST(decode, reads_udp_over_ipv6) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x86dd);
    put_ipv6(&p, 17, 8 + 5);
    put_udp(&p, 8 + 5);
    put_zeros(&p, 5);
    packet_info info = decode(&p, ETHERNET);
    char text[ADDRESS_TEXT_MAX];
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(6, info.family);
    CHECK_UINT(PROTOCOL_UDP, info.protocol);
    address_text(info.source, info.family, text);
    CHECK_STR("2001:db8::1", text);
    address_text(info.destination, info.family, text);
    CHECK_STR("fe80::2", text);
    CHECK(info.has_ports);
    CHECK_UINT(53, info.source_port);
    CHECK_UINT(40000, info.destination_port);
    CHECK_PTR(p.data + 14 + 40 + 8, info.payload);
    CHECK_UINT(5, info.payload_length);
}

TEST(decode, reads_icmp_of_both_families) {
    packet p = { .size = 0 };
    put_ipv4(&p, 1, 0, 20 + 4 + 9, 0);
    put(&p, 0x03010000, 4);
    put_zeros(&p, 9);
    packet_info info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(3, info.icmp_type);
    CHECK_UINT(1, info.icmp_code);
    CHECK_UINT(9, info.payload_length);
    CHECK(!info.has_ports);
    p.size = 0;
    put_ipv6(&p, 58, 4);
    put(&p, 0x87020000, 4);
    info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(PROTOCOL_ICMPV6, info.protocol);
    CHECK_UINT(0x87, info.icmp_type);
    CHECK_UINT(2, info.icmp_code);
    CHECK_UINT(0, info.payload_length);
}

TEST(decode, keeps_other_protocols_by_number) {
    static const uint8_t protocols[] = { 2, 4, 41, 47, 50, 89, 132, 255 };
    for (size_t i = 0; i < sizeof protocols; i++) {
        packet p = { .size = 0 };
        put_ipv4(&p, protocols[i], 0, 20 + 7, 0);
        put_zeros(&p, 7);
        packet_info info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(protocols[i], info.protocol);
        CHECK(!info.has_ports);
        CHECK_PTR(p.data + 20, info.payload);
        CHECK_UINT(7, info.payload_length);
        p.size = 0;
        put_ipv6(&p, protocols[i], 7);
        put_zeros(&p, 7);
        info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(protocols[i], info.protocol);
        CHECK_UINT(7, info.payload_length);
    }
}

// >>section links

static void check_link(uint32_t link_type, const char *header, size_t size, int family) {
    packet p = { .size = size };
    memcpy(p.data, header, size);
    if (family == 4) put_ipv4(&p, 17, 0, 20 + 8 + 3, 0);
    if (family == 6) put_ipv6(&p, 17, 8 + 3);
    put_udp(&p, 8 + 3);
    put_zeros(&p, 3);
    packet_info info = decode(&p, link_type);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_INT(family, info.family);
    CHECK_UINT(53, info.source_port);
    CHECK_UINT(3, info.payload_length);
    for (size_t cut = 0; cut < size; cut++) expect_cut(DECODE_LINK_HEADER_CUT, &p, cut, link_type);
    for (size_t cut = size; cut < size + (family == 4 ? 20 : 40); cut++)
        expect_cut(DECODE_IP_HEADER_CUT, &p, cut, link_type);
}

TEST(decode, knows_every_link_type) {
    check_link(1, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14, 4);
    check_link(1, "\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd", 14, 6);
    check_link(113, "\0\4\3\4\0\6\0\0\0\0\0\0\0\0\x08\0", 16, 4);
    check_link(113, "\0\4\3\4\0\6\0\0\0\0\0\0\0\0\x86\xdd", 16, 6);
    check_link(113, "\0\4\0\1\0\6\0\0\0\0\0\0\0\0\x81\0\0\7\x86\xdd", 20, 6);
    check_link(276, "\x08\0\0\0\0\0\0\1\3\4\4\6\0\0\0\0\0\0\0\0", 20, 4);
    check_link(276, "\x86\xdd\0\0\0\0\0\1\3\4\4\6\0\0\0\0\0\0\0\0", 20, 6);
    for (uint32_t raw = 12; raw <= 101; raw += raw == 12 ? 2 : 87) { // 12, 14, 101
        check_link(raw, "", 0, 4);
        check_link(raw, "", 0, 6);
    }
    check_link(228, "", 0, 4);
    check_link(229, "", 0, 6);
}

TEST(decode, reads_bsd_loopback_families_in_both_byte_orders) {
    static const char six[] = { 10, 24, 28, 30 };
    for (uint32_t link_type = 0; link_type <= 108; link_type += 108) {
        check_link(link_type, "\2\0\0\0", 4, 4);
        check_link(link_type, "\0\0\0\2", 4, 4);
        for (size_t i = 0; i < sizeof six; i++) {
            check_link(link_type, (char[]) { six[i], 0, 0, 0 }, 4, 6);
            check_link(link_type, (char[]) { 0, 0, 0, six[i] }, 4, 6);
        }
        packet p = { .size = 0 };
        put(&p, 0x07000000, 4);
        put_zeros(&p, 20);
        expect(DECODE_NOT_IP, DECODE_NONE, decode(&p, link_type));
    }
}

TEST(decode, answers_unsupported_to_other_link_types) {
    static const uint32_t others[] = { 2, 6, 9, 50, 104, 105, 127, 147, 227, 230, 275, 277, 65535, UINT32_MAX };
    packet p = { .size = 0 };
    put_ipv4(&p, 17, 0, 28, 0);
    put_udp(&p, 8);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect(DECODE_UNSUPPORTED, DECODE_LINK_TYPE, decode(&p, others[i]));
        expect(DECODE_UNSUPPORTED, DECODE_LINK_TYPE, decode_cut(&p, 0, 0, others[i]));
    }
}

TEST(decode, steps_over_vlan_tags_up_to_their_bound) {
    static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100 };
    for (unsigned tags = 0; tags <= DECODE_VLAN_TAGS_MAX + 1; tags++) {
        packet p = { .size = 0 };
        put_ethernet(&p, tags ? types[tags % 3] : 0x0800);
        for (unsigned left = tags; left > 0; left--)
            put_vlan(&p, (uint16_t)(0xe000 | (100 + left)), left > 1 ? types[left % 3] : 0x0800);
        put_ipv4(&p, 17, 0, 28, 0);
        put_udp(&p, 8);
        packet_info info = decode(&p, ETHERNET);
        if (tags > DECODE_VLAN_TAGS_MAX) {
            expect(DECODE_MALFORMED, DECODE_VLAN_TAGS, info);
            continue;
        }
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(tags, info.vlan_tags);
        CHECK_UINT(tags ? 100 + tags : 0, info.vlan_id); // the outermost
        CHECK_UINT(0x0800, info.ethertype);
        CHECK_UINT(53, info.source_port);
        for (size_t cut = 14; cut < 14 + 4 * tags; cut++) expect_cut(DECODE_LINK_HEADER_CUT, &p, cut, ETHERNET);
    }
}

TEST(decode, tells_what_is_not_ip_by_its_ethertype) {
    static const uint16_t types[] = { 0x0806, 0x0026, 0x8847, 0x8864, 0x88cc, 0xffff };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        packet p = { .size = 0 };
        put_ethernet(&p, 0x8100);
        put_vlan(&p, 5, types[i]);
        packet_info info = decode(&p, ETHERNET);
        expect(DECODE_NOT_IP, DECODE_NONE, info);
        CHECK_UINT(types[i], info.ethertype);
        CHECK_UINT(5, info.vlan_id);
        CHECK_UINT(0, info.family);
    }
}

// >>section lengths

TEST(decode, does_not_count_ethernet_padding_as_payload) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x0800);
    put_ipv4(&p, 6, 0, 40, 0);
    put_tcp(&p, 0, TCP_ACK);
    put_zeros(&p, 6);
    packet_info info = decode(&p, ETHERNET);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(0, info.payload_captured);
    CHECK_UINT(0, info.payload_length);
    p.size = 0;
    put_ethernet(&p, 0x86dd);
    put_ipv6(&p, 17, 10);
    put_udp(&p, 10);
    put_zeros(&p, 20);
    CHECK_UINT(2, decode(&p, ETHERNET).payload_length);
    p.size = 0;
    put_ipv4(&p, 17, 0, 20 + 50, 0); // bytes behind the datagram, inside IP, are not its payload either
    put_udp(&p, 10);
    put_zeros(&p, 42);
    CHECK_UINT(2, decode(&p, RAW).payload_captured);
    CHECK_UINT(2, decode(&p, RAW).payload_length);
}

TEST(decode, computes_lengths_behind_the_snap_length) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x0800);
    put_ipv4(&p, 6, 0, 20 + 32 + 1000, 0);
    put_tcp(&p, 3, TCP_ACK);
    put_zeros(&p, 1000);
    packet_info info = decode_cut(&p, 160, p.size, ETHERNET);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(160 - 66, info.payload_captured);
    CHECK_UINT(1000, info.payload_length);
    info = decode_cut(&p, 66, p.size, ETHERNET);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(0, info.payload_captured);
    CHECK_UINT(1000, info.payload_length);
    info = decode_cut(&p, 60, p.size, ETHERNET); // inside TCP's options
    expect(DECODE_SNAPPED, DECODE_TCP_HEADER_CUT, info);
    CHECK(info.has_ports);
    CHECK_UINT(443, info.source_port);
    CHECK(info.payload == NULL);
    CHECK_UINT(0, info.payload_captured);
    CHECK_UINT(1000, info.payload_length);
}

TEST(decode, takes_the_wire_length_where_ip_gives_none) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x0800);
    put_ipv4(&p, 6, 0, 0, 0);
    put_tcp(&p, 0, TCP_ACK);
    put_zeros(&p, 100);
    packet_info info = decode_cut(&p, p.size, 70014, ETHERNET);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(70000 - 40, info.payload_length);
    CHECK_UINT(100, info.payload_captured);
    p.size = 0;
    put_ipv6(&p, 6, 0);
    put_tcp(&p, 0, TCP_ACK);
    CHECK_UINT(70000 - 60, decode_cut(&p, p.size, 70000, RAW).payload_length);
    p.size = 0;
    put_ipv6(&p, 0, 0); // a jumbogram
    put(&p, 0x1100c204, 4);
    put(&p, 70000 - 40, 4);
    put_udp(&p, 0);
    info = decode_cut(&p, p.size, 70000, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(70000 - 56, info.payload_length);
    p.size = 0;
    put_ipv6(&p, 59, 0); // here 0 is the length
    put_zeros(&p, 6);
    info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(59, info.protocol);
    CHECK_UINT(0, info.payload_length);
}

TEST(decode, accepts_an_empty_payload) {
    packet p = { .size = 0 };
    put_ipv4(&p, 47, 0, 20, 0);
    packet_info info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(0, info.payload_length);
    p.size = 0;
    put_ipv4(&p, 17, 0, 28, 0);
    put_udp(&p, 8);
    info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(0, info.payload_length);
}

TEST(decode, believes_the_captured_bytes_over_a_shorter_wire_length) {
    packet p = { .size = 0 };
    put_ipv4(&p, 17, 0, 28 + 4, 0);
    put_udp(&p, 12);
    put_zeros(&p, 4);
    packet_info info = decode_cut(&p, p.size, 10, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK_UINT(4, info.payload_length);
}

TEST(decode, steps_over_ipv4_options) {
    for (unsigned options = 0; options <= 10; options++) {
        packet p = { .size = 0 };
        put_ipv4(&p, 17, options, 20 + 4 * options + 8 + 1, 0);
        put_udp(&p, 9);
        put_zeros(&p, 1);
        packet_info info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(53, info.source_port);
        CHECK_UINT(1, info.payload_length);
        for (size_t cut = 20; cut < 20 + 4 * options; cut++)
            expect(DECODE_SNAPPED, DECODE_IP_HEADER_CUT, decode_cut(&p, cut, p.size, RAW));
    }
}

// >>section fragments

TEST(decode, gives_ports_to_first_fragments_only) {
    static const struct {
        unsigned field;
        bool fragment, more;
    } cases[] = { { 0x4000, false, false }, { 0x2000, false, true }, { 0x2001, true, true },
                  { 0x1fff, true, false },  { 0x0001, true, false }, { 0x8000, false, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        packet p = { .size = 0 };
        put_ipv4(&p, 17, 0, 20 + 8 + 16, cases[i].field);
        put_udp(&p, 24);
        put_zeros(&p, 16);
        packet_info info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_INT(cases[i].fragment, info.fragment);
        CHECK_INT(cases[i].more, info.more_fragments);
        CHECK_INT(!cases[i].fragment, info.has_ports);
        CHECK_UINT(PROTOCOL_UDP, info.protocol);
        CHECK_UINT(cases[i].fragment ? 24 : 16, info.payload_length);
    }
}

TEST(decode, reads_ipv6_fragment_headers) {
    for (unsigned field = 0; field < 32; field++) {
        packet p = { .size = 0 };
        put_ipv6(&p, 44, 8 + 20 + 2);
        put(&p, 6, 1);
        put(&p, 0xff, 1); // reserved, not a length
        put(&p, field, 2);
        put(&p, 99, 4);
        put_tcp(&p, 0, TCP_ACK);
        put_zeros(&p, 2);
        packet_info info = decode(&p, RAW);
        bool later = field >= 8;
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_INT(later, info.fragment);
        CHECK_INT(field & 1, info.more_fragments);
        CHECK_INT(!later, info.has_ports);
        CHECK_UINT(PROTOCOL_TCP, info.protocol);
        CHECK_UINT(later ? 22 : 2, info.payload_length);
    }
}

TEST(decode, remembers_an_outer_fragment_header_behind_an_inner_one) {
    packet p = { .size = 0 };
    put_ipv6(&p, 44, 8 + 8 + 8 + 4);
    put(&p, 0x2c00000100000007, 8); // the first of several
    put(&p, 0x1100000000000008, 8); // and whole in itself
    put_udp(&p, 500);
    put_zeros(&p, 4);
    packet_info info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK(info.more_fragments);
    CHECK(info.has_ports);
    CHECK_UINT(4, info.payload_length);
}

TEST(decode, takes_the_bytes_of_a_later_fragment_for_no_header) {
    packet p = { .size = 0 };
    put_ipv4(&p, 6, 0, 21, 3);
    put_zeros(&p, 1);
    expect(DECODE_OK, DECODE_NONE, decode(&p, RAW));
    p.size = 0;
    put_ipv6(&p, 44, 9);
    put(&p, 60, 1); // an extension header that went with the first fragment
    put(&p, 0, 1);
    put(&p, 8, 2);
    put(&p, 0, 4);
    put_zeros(&p, 1);
    packet_info info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK(info.fragment);
    CHECK_UINT(60, info.protocol);
}

TEST(decode, lets_a_first_udp_fragment_announce_the_whole_datagram) {
    packet p = { .size = 0 };
    put_ipv4(&p, 17, 0, 20 + 8 + 16, 0x2000);
    put_udp(&p, 4000);
    put_zeros(&p, 16);
    packet_info info = decode(&p, RAW);
    expect(DECODE_OK, DECODE_NONE, info);
    CHECK(info.has_ports);
    CHECK_UINT(16, info.payload_length);
}

// >>section IPv6 extension headers

TEST(decode, steps_over_every_ipv6_extension_header) {
    static const struct {
        uint8_t number, field;
        size_t size;
    } kinds[] = { { 0, 0, 8 },   { 0, 3, 32 },   { 43, 2, 24 },  { 44, 0, 8 },  { 51, 4, 24 },    { 51, 1, 12 },
                  { 60, 1, 16 }, { 135, 1, 16 }, { 139, 4, 40 }, { 140, 0, 8 }, { 60, 255, 2048 } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        packet p = { .size = 0 };
        put_ipv6(&p, kinds[i].number, kinds[i].size + 20 + 6);
        put_extension(&p, 6, kinds[i].field, kinds[i].size);
        put_tcp(&p, 0, TCP_FIN);
        put_zeros(&p, 6);
        packet_info info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(PROTOCOL_TCP, info.protocol);
        CHECK_UINT(443, info.source_port);
        CHECK_UINT(6, info.payload_length);
        for (size_t cut = 40; cut < 40 + kinds[i].size; cut++)
            expect(DECODE_SNAPPED, DECODE_EXTENSION_CUT, decode_cut(&p, cut, p.size, RAW));
    }
}

static void put_chain(packet *p, size_t count, uint8_t last) {
    put_ipv6(p, count ? 60 : last, 8 * count + 12);
    for (size_t i = count; i > 0; i--) put_extension(p, i > 1 ? 60 : last, 0, 8);
    put_udp(p, 12);
    put_zeros(p, 4);
}

TEST(decode, bounds_the_chain_of_extension_headers) {
    for (size_t count = 0; count < 40; count++) {
        packet p = { .size = 0 };
        put_chain(&p, count, 17);
        packet_info info = decode(&p, RAW);
        if (count > DECODE_EXTENSIONS_MAX) expect(DECODE_MALFORMED, DECODE_EXTENSION_CHAIN, info);
        if (count <= DECODE_EXTENSIONS_MAX) expect(DECODE_OK, DECODE_NONE, info);
        CHECK_INT(count <= DECODE_EXTENSIONS_MAX, info.has_ports);
    }
}

TEST(decode, stops_at_encryption_and_at_no_next_header) {
    for (int i = 0; i < 2; i++) {
        packet p = { .size = 0 };
        put_chain(&p, 2, i ? 50 : 59);
        packet_info info = decode(&p, RAW);
        expect(DECODE_OK, DECODE_NONE, info);
        CHECK_UINT(i ? 50 : 59, info.protocol);
        CHECK(!info.has_ports);
        CHECK_UINT(12, info.payload_length);
    }
}

// >>section reasons

static void expect_bad(decode_reason reason, packet *p) {
    expect(DECODE_MALFORMED, reason, decode(p, RAW));
    expect(DECODE_MALFORMED, reason, decode_cut(p, p->size, p->size + 4000, RAW)); // whatever is behind it
    p->size = 0;
}

TEST(decode, names_what_is_wrong_with_an_ip_header) {
    packet p = { .size = 0 };
    put_zeros(&p, 60);
    expect_bad(DECODE_IP_VERSION, &p);
    put_ipv4(&p, 17, 0, 20, 0);
    expect(DECODE_MALFORMED, DECODE_IP_VERSION, decode(&p, 229));
    p.data[0] = 0x44;
    expect_bad(DECODE_IP_HEADER_LENGTH, &p);
    put_ipv4(&p, 17, 0, 19, 0);
    expect_bad(DECODE_IP_TOTAL_SHORT, &p);
    put_ipv4(&p, 17, 3, 31, 0);
    expect_bad(DECODE_IP_TOTAL_SHORT, &p);
    put_ipv4(&p, 17, 0, 0xffff, 0);
    expect_bad(DECODE_IP_TOTAL_LONG, &p);
    put_ipv6(&p, 17, 0);
    expect(DECODE_MALFORMED, DECODE_IP_VERSION, decode(&p, 228));
    p.data[4] = 0xff;
    expect_bad(DECODE_IP_TOTAL_LONG, &p);
    put_ethernet(&p, 0x86dd);
    put_ipv4(&p, 17, 0, 20, 0);
    expect(DECODE_MALFORMED, DECODE_IP_VERSION, decode(&p, ETHERNET));
}

TEST(decode, names_what_is_wrong_behind_the_ip_header) {
    packet p = { .size = 0 };
    put_ipv4(&p, 6, 0, 39, 0);
    put_tcp(&p, 0, 0);
    expect_bad(DECODE_TCP_HEADER_CUT, &p);
    put_ipv4(&p, 6, 0, 44, 0);
    put_tcp(&p, 2, 0);
    expect_bad(DECODE_TCP_HEADER_CUT, &p);
    put_ipv4(&p, 6, 0, 40, 0);
    put_tcp(&p, 0, 0);
    p.data[32] = 0x4f;
    expect_bad(DECODE_TCP_OFFSET, &p);
    put_ipv4(&p, 17, 0, 27, 0);
    put_udp(&p, 8);
    expect_bad(DECODE_UDP_HEADER_CUT, &p);
    put_ipv4(&p, 17, 0, 28, 0);
    put_udp(&p, 7);
    expect_bad(DECODE_UDP_LENGTH_SHORT, &p);
    put_ipv4(&p, 17, 0, 28, 0);
    put_udp(&p, 0);
    expect_bad(DECODE_UDP_LENGTH_SHORT, &p);
    put_ipv4(&p, 17, 0, 28, 0);
    put_udp(&p, 9);
    expect_bad(DECODE_UDP_LENGTH_LONG, &p);
    put_ipv4(&p, 1, 0, 23, 0);
    put_zeros(&p, 4);
    expect_bad(DECODE_ICMP_HEADER_CUT, &p);
    put_ipv6(&p, 60, 7);
    put_extension(&p, 6, 0, 8);
    expect_bad(DECODE_EXTENSION_CUT, &p);
    put_ipv6(&p, 60, 8);
    put_extension(&p, 6, 1, 16);
    expect_bad(DECODE_EXTENSION_CUT, &p);
}

// Cut by the capture a whole packet is fine or snapped, cut on the wire it is malformed.
static void cut_everywhere(const packet *p, uint32_t link_type) {
    expect(DECODE_OK, DECODE_NONE, decode(p, link_type));
    bool fine = false;
    for (size_t size = 0; size < p->size; size++) {
        packet_info info = decode_cut(p, size, p->size, link_type);
        CHECK(info.result == DECODE_SNAPPED || info.result == DECODE_OK);
        CHECK_INT(info.result == DECODE_OK, info.reason == DECODE_NONE);
        CHECK(!fine || info.result == DECODE_OK); // once the headers are whole, they stay whole
        fine = info.result == DECODE_OK;
        info = decode_cut(p, size, size, link_type);
        CHECK_INT(DECODE_MALFORMED, info.result);
        CHECK(info.reason != DECODE_NONE);
    }
}

TEST(decode, tells_a_snapped_packet_from_a_short_one_at_every_byte) {
    packet p = { .size = 0 };
    put_ethernet(&p, 0x88a8);
    put_vlan(&p, 1, 0x8100);
    put_vlan(&p, 2, 0x0800);
    put_ipv4(&p, 6, 2, 20 + 8 + 32 + 5, 0);
    put_tcp(&p, 3, TCP_ACK);
    put_zeros(&p, 5);
    cut_everywhere(&p, ETHERNET);
    p.size = 0;
    put_chain(&p, 5, 17);
    cut_everywhere(&p, RAW);
    p.size = 0;
    put_ipv6(&p, 51, 12 + 8 + 4);
    put_extension(&p, 44, 1, 12);
    put_extension(&p, 58, 0, 8);
    put_zeros(&p, 4);
    cut_everywhere(&p, RAW);
}

TEST(decode, gives_every_reason_a_name_of_its_own) {
    for (int i = 0; i < DECODE_REASON_COUNT; i++) {
        CHECK(decode_reason_name((decode_reason)i)[0] != '\0');
        for (int k = 0; k < i; k++)
            CHECK(strcmp(decode_reason_name((decode_reason)i), decode_reason_name((decode_reason)k)) != 0);
    }
    CHECK_STR("unknown", decode_reason_name(DECODE_REASON_COUNT));
}

TEST(decode, writes_addresses_as_text) {
    static const struct {
        int family;
        const char *bytes, *want;
    } cases[] = {
        { 4, "\x7f\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", "127.0.0.1" },
        { 4, "\xff\xff\xff\xff\1\1\1\1\1\1\1\1\1\1\1\1", "255.255.255.255" },
        { 6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "::" },
        { 6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "::1" },
        { 6, "\x20\1\x0d\xb8\0\0\0\0\0\1\0\0\0\0\0\1", "2001:db8::1:0:0:1" },
        { 6, "\x20\1\x0d\xb8\0\0\0\1\0\1\0\1\0\1\0\1", "2001:db8:0:1:1:1:1:1" },
        { 6, "\x20\1\0\0\0\0\0\1\0\0\0\0\0\0\0\1", "2001:0:0:1::1" },
        { 6, "\xfe\x80\0\0\0\0\0\0\xab\xcd\xef\1\2\3\4\5", "fe80::abcd:ef01:203:405" },
        { 6, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3", "::ffff:10.1.2.3" },
        { 6, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    };
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        address_text((const uint8_t *)cases[i].bytes, cases[i].family, text);
        CHECK_STR(cases[i].want, text);
    }
}

// >>section conversations

typedef struct conversation {
    char name[160]; // protocol, and both ends, the smaller one first
    uint64_t frames, bytes, payload;
} conversation;

enum { CONVERSATIONS = 4096 }; // far more slots than the capture has conversations

static void write_end(char *out, size_t cap, const uint8_t *address, int family, unsigned port) {
    char text[ADDRESS_TEXT_MAX];
    address_text(address, family, text);
    snprintf(out, cap, family == 6 ? "[%s]:%u" : "%s:%u", text, port);
}

static bool source_first(const packet_info *info) {
    char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];
    address_text(info->source, info->family, source);
    address_text(info->destination, info->family, destination);
    int order = strcmp(source, destination);
    return order ? order < 0 : info->source_port <= info->destination_port;
}

static conversation *find(conversation *table, const packet_info *info) {
    char from[64], to[64], name[160];
    bool ordered = source_first(info);
    write_end(from, sizeof from, info->source, info->family, info->source_port);
    write_end(to, sizeof to, info->destination, info->family, info->destination_port);
    snprintf(name, sizeof name, "%s\t%s\t%s", info->protocol == PROTOCOL_TCP ? "tcp" : "udp", ordered ? from : to,
             ordered ? to : from);
    uint32_t hash = 2166136261;
    for (const char *s = name; *s; s++) hash = (hash ^ (uint8_t)*s) * 16777619;
    while (table[hash % CONVERSATIONS].name[0] && strcmp(table[hash % CONVERSATIONS].name, name) != 0) hash++;
    memcpy(table[hash % CONVERSATIONS].name, name, sizeof name);
    return &table[hash % CONVERSATIONS];
}

static void count_conversations(conversation *table, const char *path) {
    capture c;
    capture_packet p;
    packet_info info;
    REQUIRE(capture_open(&c, path) == 0);
    while (capture_next(&c, &p) == 1) {
        REQUIRE(decode_packet(p.data, p.captured, p.wire_length, p.link_type, &info) == DECODE_OK);
        REQUIRE(info.has_ports);
        conversation *into = find(table, &info);
        into->frames++;
        into->bytes += p.wire_length;
        if (info.protocol == PROTOCOL_TCP) into->payload += info.payload_length;
    }
    CHECK_STR("", c.error);
    capture_close(&c);
}

typedef char text_line[256];

static int compare_lines(const void *a, const void *b) { return strcmp(a, b); }

static size_t write_conversations(text_line *lines, const conversation *table) {
    size_t count = 0;
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        const conversation *c = &table[i];
        if (c->frames == 0) continue;
        int length = snprintf(lines[count], sizeof *lines, "%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", c->name,
                              c->frames, c->bytes, c->payload);
        REQUIRE(length > 0 && (size_t)length < sizeof *lines);
        count++;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    return count;
}

static size_t read_conversations(text_line *lines, const char *path) {
    size_t count = 0;
    FILE *file = fopen(path, "r");
    REQUIRE(file != NULL);
    REQUIRE(fgets(lines[0], sizeof *lines, file) != NULL); // the column names
    while (count < CONVERSATIONS && fgets(lines[count], sizeof *lines, file)) count++;
    fclose(file);
    qsort(lines, count, sizeof *lines, compare_lines);
    return count;
}

TEST(decode, finds_the_conversations_of_a_real_capture) {
    static conversation table[CONVERSATIONS];
    static text_line want[CONVERSATIONS], got[CONVERSATIONS];
    count_conversations(table, test_data("loopback.pcap"));
    size_t wanted = read_conversations(want, test_data("loopback.conversations.tsv"));
    CHECK_UINT(810, wanted);
    REQUIRE(write_conversations(got, table) == wanted);
    for (size_t i = 0; i < wanted; i++) CHECK_STR(want[i], got[i]);
}

// >>section damage

static const uint32_t link_types[] = { 0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 999 };

static void decode_damaged(packet *p, size_t wire, uint32_t link_type, uint64_t counts[]) {
    packet_info info = decode_cut(p, p->size, wire, link_type);
    bool stopped =
        info.result == DECODE_SNAPPED || info.result == DECODE_MALFORMED || info.result == DECODE_UNSUPPORTED;
    CHECK_INT(stopped, info.reason != DECODE_NONE);
    CHECK(info.result != DECODE_OK || info.family == 4 || info.family == 6);
    CHECK(info.payload_length <= (wire > p->size ? wire : p->size));
    counts[info.reason]++;
}

static void damage(packet *p, uint64_t *random) {
    for (uint64_t n = test_random(random) % 4; n > 0 && p->size > 0; n--) {
        uint64_t r = test_random(random);
        uint8_t *at = &p->data[(r >> 32) % (r & 16 && p->size > 80 ? 80 : p->size)];
        *at = (uint8_t)(r & 1 ? r >> 8 : *at ^ UINT64_C(1) << (r >> 8) % 8);
    }
    if (test_random(random) % 4 == 0) p->size = (size_t)(test_random(random) % (p->size + 1));
}

TEST(decode, survives_random_damage_to_a_real_capture) {
    uint64_t random = test_seed(), counts[DECODE_REASON_COUNT] = { 0 };
    capture c;
    capture_packet from;
    REQUIRE(capture_open(&c, test_data("loopback.pcap")) == 0);
    while (capture_next(&c, &from) == 1) {
        packet p = { .size = from.captured };
        memcpy(p.data, from.data, from.captured);
        damage(&p, &random);
        size_t wire = test_random(&random) % 4 ? from.wire_length : p.size;
        decode_damaged(&p, wire, 1, counts);
        decode_damaged(&p, wire, link_types[test_random(&random) % 11], counts);
    }
    CHECK(counts[DECODE_NONE] > 10000);
    CHECK(counts[DECODE_IP_VERSION] > 100);
    CHECK(counts[DECODE_TCP_HEADER_CUT] > 10);
    capture_close(&c);
}

static void put_random_ip(packet *p, uint64_t *random) {
    uint64_t r = test_random(random);
    size_t length = (size_t)(r >> 16) % 300;
    unsigned fragment = r & 4 ? 0 : 1u << (r >> 4) % 14;
    if (r & 1) put_ipv6(p, r & 2 ? 60 : (uint8_t)(r >> 8), length);
    if (!(r & 1)) put_ipv4(p, (uint8_t)((r >> 8) % 18), (unsigned)(r >> 32) % 11, length, fragment);
    for (uint64_t n = (r >> 40) % 20; n > 0; n--) put(p, test_random(random), 8);
}

TEST(decode, survives_random_packets_of_every_link_type) {
    uint64_t random = test_seed(), counts[DECODE_REASON_COUNT] = { 0 };
    for (int i = 0; i < 50000; i++) {
        uint64_t r = test_random(&random);
        uint32_t link_type = r & 1 ? 1 : link_types[(r >> 50) % 11];
        packet p = { .size = 0 };
        if (r & 1) put_ethernet(&p, r & 2 ? 0x86dd : 0x0800);
        put_random_ip(&p, &random);
        decode_damaged(&p, (size_t)(r >> 40) % 400, link_type, counts);
    }
    CHECK(counts[DECODE_NONE] > 1000);
    CHECK(counts[DECODE_EXTENSION_CUT] > 100);
}
