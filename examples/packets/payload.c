#include "payload.h"

#include <math.h>
#include <stdbool.h>

tls_record tls_record_at(const uint8_t *data, size_t captured) {
    if (captured < 5) return TLS_NONE;
    bool version = data[1] == 3 && data[2] <= 4; // 3.0 to 3.4: SSL 3.0 to TLS 1.3
    unsigned length = (unsigned)data[3] << 8 | data[4];
    if (data[0] < TLS_CHANGE_CIPHER_SPEC || data[0] > TLS_APPLICATION_DATA || !version) return TLS_NONE;
    if (length == 0 || length > 16384 + 256) return TLS_NONE; // the most that an encrypted record may have
    return (tls_record)data[0];
}

double payload_entropy(const uint8_t *data, size_t length) {
    enum { MOST = 4096 };
    uint16_t counts[256] = { 0 };
    size_t n = length < MOST ? length : MOST;
    if (n == 0) return 0;
    for (size_t i = 0; i < n; i++) counts[data[i]]++;
    double sum = 0; // of c * log2(c)
    for (size_t i = 0; i < 256; i++)
        if (counts[i] > 1) sum += counts[i] * log2(counts[i]);
    return log2((double)n) - sum / (double)n;
}
