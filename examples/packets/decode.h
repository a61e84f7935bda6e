// decode.h - what one captured packet says: addresses, ports, lengths, or the one reason why it says nothing
//
//   packet_info info;
//   if (decode_packet(p.data, p.captured, p.wire_length, p.link_type, &info) != DECODE_OK)
//       count(decode_reason_name(info.reason));
//
// Link types: Ethernet, Linux cooked (both), BSD loopback (both), raw IP. VLAN tags, IPv4 options and IPv6
// extension headers are stepped over; inside are TCP, UDP, ICMP, and other protocols by number. A pure function:
// it reads the captured bytes only, keeps nothing, and may run on any number of threads.
#ifndef DECODE_H
#define DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum decode_result {
    DECODE_OK,         // IP; the payload, not its headers, may be cut by the capture
    DECODE_NOT_IP,     // ARP and whatever else ethertype names
    DECODE_SNAPPED,    // a header continues behind the captured bytes
    DECODE_MALFORMED,  // the packet contradicts itself, or ends inside a header
    DECODE_UNSUPPORTED // a link type this decoder does not know
} decode_result;

// What a snapped, malformed or unsupported packet stopped at.
#define DECODE_REASONS(X)                                                                                          \
    X(NONE, "none")                                                                                                \
    X(LINK_TYPE, "unsupported link type")                                                                          \
    X(LINK_HEADER_CUT, "link header cut short")                                                                    \
    X(VLAN_TAGS, "too many VLAN tags")                                                                             \
    X(IP_VERSION, "bad IP version")                                                                                \
    X(IP_HEADER_CUT, "IP header cut short")                                                                        \
    X(IP_HEADER_LENGTH, "IP header length too small")                                                              \
    X(IP_TOTAL_SHORT, "IP total length shorter than its header")                                                   \
    X(IP_TOTAL_LONG, "IP total length longer than the packet")                                                     \
    X(EXTENSION_CUT, "IPv6 extension header cut short")                                                            \
    X(EXTENSION_CHAIN, "IPv6 extension header chain too long")                                                     \
    X(TCP_HEADER_CUT, "TCP header cut short")                                                                      \
    X(TCP_OFFSET, "TCP data offset too small")                                                                     \
    X(UDP_HEADER_CUT, "UDP header cut short")                                                                      \
    X(UDP_LENGTH_SHORT, "UDP length shorter than its header")                                                      \
    X(UDP_LENGTH_LONG, "UDP length longer than the packet")                                                        \
    X(ICMP_HEADER_CUT, "ICMP header cut short")

#define DECODE_REASON_ID(id, text) DECODE_##id,
typedef enum decode_reason { DECODE_REASONS(DECODE_REASON_ID) DECODE_REASON_COUNT } decode_reason;
#undef DECODE_REASON_ID

enum {
    DECODE_VLAN_TAGS_MAX = 8,
    DECODE_EXTENSIONS_MAX = 16,
    ADDRESS_TEXT_MAX = 46, // with the terminator
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_ACK = 0x10
};

// Whatever was read before the decoder stopped is set, the rest is zero.
typedef struct packet_info {
    decode_result result;
    decode_reason reason;
    uint8_t family;                         // 4, 6, or 0 when no IP header was reached
    uint8_t protocol;                       // IP's number for it, behind any extension headers
    uint8_t source[16], destination[16];    // an IPv4 address is in the first four bytes
    bool fragment;                          // any fragment but the first: it has no transport header
    bool more_fragments;                    // any fragment but the last
    bool has_ports;                         // TCP and UDP
    uint16_t source_port, destination_port; // where has_ports
    uint16_t ethertype;                     // behind any VLAN tags; 0 on links without one
    uint16_t vlan_id;                       // of the outermost tag
    uint8_t vlan_tags;                      // how many
    uint8_t icmp_type, icmp_code;           // ICMPv6 too
    uint8_t tcp_flags;                      // TCP_ bits
    uint32_t sequence;                      // TCP
    const uint8_t *payload;                 // behind the TCP, UDP or ICMP (4 bytes) header, else behind IP's
    size_t payload_captured;                // bytes at payload
    size_t payload_length;                  // bytes the packet carried there, without link padding
} packet_info;

// wire_length is what the packet had before the capture cut it. Returns out->result.
decode_result decode_packet(const uint8_t *data, size_t captured, size_t wire_length, uint32_t link_type,
                            packet_info *out);
const char *decode_reason_name(decode_reason reason);

// Dotted IPv4 (family 4) or RFC 5952 IPv6 (family 6); out has room for ADDRESS_TEXT_MAX.
void address_text(const uint8_t address[16], int family, char *out);

#endif
