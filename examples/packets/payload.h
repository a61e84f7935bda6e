// payload.h - what a payload looks like without knowing its protocol: TLS records, and how random the bytes are
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

typedef enum tls_record { // content types of RFC 8446, 5.1
    TLS_NONE = 0,
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23
} tls_record;

// The record that starts at data, TLS_NONE if none does. length is the payload's true length; captured bytes are at data.
tls_record tls_record_at(const uint8_t *data, size_t captured);
// Shannon's entropy in bits per byte, 0 to 8, of at most the first 4096 bytes; 0 for none.
double payload_entropy(const uint8_t *data, size_t length);

#endif
