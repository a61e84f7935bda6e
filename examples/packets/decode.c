// decode.c - the layers behind decode.h, from the link up
#define _POSIX_C_SOURCE 200809L // inet_ntop
#include "decode.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN_SERVICE = 0x88a8,
    ETHERTYPE_VLAN_OLD = 0x9100,
    EXTENSION_HOP_BY_HOP = 0,
    EXTENSION_ROUTING = 43,
    EXTENSION_FRAGMENT = 44,
    EXTENSION_AUTHENTICATION = 51,
    EXTENSION_NONE = 59,
    EXTENSION_DESTINATION = 60,
    EXTENSION_MOBILITY = 135,
    EXTENSION_HOST_IDENTITY = 139,
    EXTENSION_SHIM6 = 140
};

// The rest of a packet: length is what was on the wire, captured is how much of it may be read.
typedef struct rest {
    const uint8_t *at;
    size_t captured, length;
} rest;

static decode_result stop(packet_info *out, decode_result result, decode_reason reason) {
    out->result = result;
    out->reason = reason;
    return result;
}

// Whether the next size bytes can be read; where they can't, the decoder stops.
static bool has(const rest *r, size_t size, decode_reason reason, packet_info *out) {
    if (r->captured >= size) return true;
    stop(out, r->length >= size ? DECODE_SNAPPED : DECODE_MALFORMED, reason);
    return false;
}

static void skip(rest *r, size_t size) {
    r->at += size;
    r->captured -= size;
    r->length -= size;
}

static void shorten(rest *r, size_t length) {
    r->length = length;
    if (r->captured > length) r->captured = length;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

// >>section transport

static decode_result payload(rest r, packet_info *out) {
    out->payload = r.at;
    out->payload_captured = r.captured;
    out->payload_length = r.length;
    return DECODE_OK;
}

static void read_ports(const uint8_t *p, packet_info *out) {
    out->has_ports = true;
    out->source_port = get16(p);
    out->destination_port = get16(p + 2);
}

static decode_result decode_tcp(rest r, packet_info *out) {
    if (!has(&r, 20, DECODE_TCP_HEADER_CUT, out)) return out->result;
    size_t header = (size_t)(r.at[12] >> 4) * 4;
    if (header < 20) return stop(out, DECODE_MALFORMED, DECODE_TCP_OFFSET);
    read_ports(r.at, out);
    out->sequence = get32(r.at + 4);
    out->tcp_flags = r.at[13];
    if (r.length >= header) out->payload_length = r.length - header; // known even when the options are snapped
    if (!has(&r, header, DECODE_TCP_HEADER_CUT, out)) return out->result;
    skip(&r, header);
    return payload(r, out);
}

static decode_result decode_udp(rest r, packet_info *out) {
    if (!has(&r, 8, DECODE_UDP_HEADER_CUT, out)) return out->result;
    size_t length = get16(r.at + 4);
    if (length == 0 && r.length > UINT16_MAX) length = r.length;     // in a jumbogram
    if (length > r.length && out->more_fragments) length = r.length; // the other fragments have the rest
    if (length < 8) return stop(out, DECODE_MALFORMED, DECODE_UDP_LENGTH_SHORT);
    if (length > r.length) return stop(out, DECODE_MALFORMED, DECODE_UDP_LENGTH_LONG);
    read_ports(r.at, out);
    shorten(&r, length);
    skip(&r, 8);
    return payload(r, out);
}

static decode_result decode_icmp(rest r, packet_info *out) {
    if (!has(&r, 4, DECODE_ICMP_HEADER_CUT, out)) return out->result;
    out->icmp_type = r.at[0];
    out->icmp_code = r.at[1];
    skip(&r, 4);
    return payload(r, out);
}

static decode_result decode_transport(rest r, packet_info *out) {
    if (out->fragment) return payload(r, out);
    switch (out->protocol) {
    case PROTOCOL_TCP:
        return decode_tcp(r, out);
    case PROTOCOL_UDP:
        return decode_udp(r, out);
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
        return decode_icmp(r, out);
    default:
        return payload(r, out);
    }
}

// >>section network

static decode_result decode_ipv4(rest r, packet_info *out) {
    if (!has(&r, 1, DECODE_IP_HEADER_CUT, out)) return out->result;
    if (r.at[0] >> 4 != 4) return stop(out, DECODE_MALFORMED, DECODE_IP_VERSION);
    if (!has(&r, 20, DECODE_IP_HEADER_CUT, out)) return out->result;
    size_t header = (size_t)(r.at[0] & 15) * 4, total = get16(r.at + 2);
    unsigned fragment = get16(r.at + 6);
    out->family = 4;
    out->more_fragments = (fragment & 0x2000) != 0;
    out->fragment = (fragment & 0x1fff) != 0;
    out->protocol = r.at[9];
    memcpy(out->source, r.at + 12, 4);
    memcpy(out->destination, r.at + 16, 4);
    if (total == 0) total = r.length; // a large segment on its way to a network card that will cut it up
    if (header < 20) return stop(out, DECODE_MALFORMED, DECODE_IP_HEADER_LENGTH);
    if (total < header) return stop(out, DECODE_MALFORMED, DECODE_IP_TOTAL_SHORT);
    if (total > r.length) return stop(out, DECODE_MALFORMED, DECODE_IP_TOTAL_LONG);
    shorten(&r, total);
    if (!has(&r, header, DECODE_IP_HEADER_CUT, out)) return out->result;
    skip(&r, header);
    return decode_transport(r, out);
}

// Bytes of the extension header that protocol names, from its length field; 0 when it names none.
static size_t extension_length(uint8_t protocol, uint8_t field) {
    switch (protocol) {
    case EXTENSION_HOP_BY_HOP:
    case EXTENSION_ROUTING:
    case EXTENSION_DESTINATION:
    case EXTENSION_MOBILITY:
    case EXTENSION_HOST_IDENTITY:
    case EXTENSION_SHIM6:
        return ((size_t)field + 1) * 8;
    case EXTENSION_FRAGMENT:
        return 8;
    case EXTENSION_AUTHENTICATION:
        return ((size_t)field + 2) * 4;
    default:
        return 0;
    }
}

static decode_result decode_extensions(rest r, packet_info *out) {
    for (int count = 0; !out->fragment && extension_length(out->protocol, 0) != 0; count++) {
        if (count == DECODE_EXTENSIONS_MAX) return stop(out, DECODE_MALFORMED, DECODE_EXTENSION_CHAIN);
        if (!has(&r, 8, DECODE_EXTENSION_CUT, out)) return out->result;
        size_t length = extension_length(out->protocol, r.at[1]);
        if (!has(&r, length, DECODE_EXTENSION_CUT, out)) return out->result;
        if (out->protocol == EXTENSION_FRAGMENT) {
            unsigned fragment = get16(r.at + 2);
            out->more_fragments = out->more_fragments || fragment & 1; // a fragment may be cut up again
            out->fragment = fragment >> 3 != 0;
        }
        out->protocol = r.at[0];
        skip(&r, length);
    }
    return decode_transport(r, out);
}

static decode_result decode_ipv6(rest r, packet_info *out) {
    if (!has(&r, 1, DECODE_IP_HEADER_CUT, out)) return out->result;
    if (r.at[0] >> 4 != 6) return stop(out, DECODE_MALFORMED, DECODE_IP_VERSION);
    if (!has(&r, 40, DECODE_IP_HEADER_CUT, out)) return out->result;
    size_t length = get16(r.at + 4);
    out->family = 6;
    out->protocol = r.at[6];
    memcpy(out->source, r.at + 8, 16);
    memcpy(out->destination, r.at + 24, 16);
    skip(&r, 40);
    if (length == 0 && out->protocol != EXTENSION_NONE) length = r.length; // a jumbogram, or as in IPv4
    if (length > r.length) return stop(out, DECODE_MALFORMED, DECODE_IP_TOTAL_LONG);
    shorten(&r, length);
    return decode_extensions(r, out);
}

static decode_result decode_ip(rest r, packet_info *out) {
    if (!has(&r, 1, DECODE_IP_HEADER_CUT, out)) return out->result;
    return r.at[0] >> 4 == 6 ? decode_ipv6(r, out) : decode_ipv4(r, out);
}

// >>section link

static bool is_vlan(uint16_t ethertype) {
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_VLAN_SERVICE || ethertype == ETHERTYPE_VLAN_OLD;
}

// A link header of size bytes, with an ethertype at offset at.
static decode_result decode_ethertype(rest r, size_t size, size_t at, packet_info *out) {
    if (!has(&r, size, DECODE_LINK_HEADER_CUT, out)) return out->result;
    out->ethertype = get16(r.at + at);
    skip(&r, size);
    while (is_vlan(out->ethertype)) {
        if (out->vlan_tags == DECODE_VLAN_TAGS_MAX) return stop(out, DECODE_MALFORMED, DECODE_VLAN_TAGS);
        if (!has(&r, 4, DECODE_LINK_HEADER_CUT, out)) return out->result;
        if (out->vlan_tags++ == 0) out->vlan_id = get16(r.at) & 0xfff;
        out->ethertype = get16(r.at + 2);
        skip(&r, 4);
    }
    if (out->ethertype == ETHERTYPE_IPV4) return decode_ipv4(r, out);
    if (out->ethertype == ETHERTYPE_IPV6) return decode_ipv6(r, out);
    return stop(out, DECODE_NOT_IP, DECODE_NONE);
}

// The address family is in the byte order of the machine that captured, and IPv6's number differs between systems.
static decode_result decode_loopback(rest r, packet_info *out) {
    if (!has(&r, 4, DECODE_LINK_HEADER_CUT, out)) return out->result;
    uint32_t family = get32(r.at);
    if (family > UINT16_MAX) family = (family >> 24) | (family >> 8 & 0xff00);
    skip(&r, 4);
    switch (family) {
    case 2:
        return decode_ipv4(r, out);
    case 10: // Linux
    case 24: // NetBSD, OpenBSD
    case 28: // FreeBSD
    case 30: // macOS
        return decode_ipv6(r, out);
    default:
        return stop(out, DECODE_NOT_IP, DECODE_NONE);
    }
}

static decode_result decode_link(rest r, uint32_t link_type, packet_info *out) {
    switch (link_type) {
    case LINK_ETHERNET:
        return decode_ethertype(r, 14, 12, out);
    case LINK_SLL:
        return decode_ethertype(r, 16, 14, out);
    case LINK_SLL2:
        return decode_ethertype(r, 20, 0, out);
    case LINK_NULL:
    case LINK_LOOP:
        return decode_loopback(r, out);
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
        return decode_ip(r, out);
    case LINK_IPV4:
        return decode_ipv4(r, out);
    case LINK_IPV6:
        return decode_ipv6(r, out);
    default:
        return stop(out, DECODE_UNSUPPORTED, DECODE_LINK_TYPE);
    }
}

// >>section interface

decode_result decode_packet(const uint8_t *data, size_t captured, size_t wire_length, uint32_t link_type,
                            packet_info *out) {
    *out = (packet_info) { 0 };
    return decode_link((rest) { data, captured, wire_length > captured ? wire_length : captured }, link_type, out);
}

const char *decode_reason_name(decode_reason reason) {
#define DECODE_REASON_TEXT(id, text) text,
    static const char *const texts[] = { DECODE_REASONS(DECODE_REASON_TEXT) };
#undef DECODE_REASON_TEXT
    return (unsigned)reason < DECODE_REASON_COUNT ? texts[reason] : "unknown";
}

void address_text(const uint8_t address[16], int family, char *out) {
    inet_ntop(family == 4 ? AF_INET : AF_INET6, address, out, ADDRESS_TEXT_MAX);
}
