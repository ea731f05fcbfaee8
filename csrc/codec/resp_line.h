/* resp_line.h: what both RESP readers need: the number that ends in CR LF. Private to codec/. */
#ifndef DBX_CODEC_RESP_LINE_H
#define DBX_CODEC_RESP_LINE_H

#include <stddef.h>
#include <stdint.h>

/* More digits take the long way, which checks for overflow. */
enum { DBX_RESP_QUICK_DIGITS_MAX = 9 };

/* dbx_resp_quick_number reads the digits between the type byte at `at` (< len) and CR LF: the
 * offset behind the line, or 0 when the line is incomplete or anything but a plain short number, so
 * that the long way must decide. The byte after CR is not looked at, as in Redis. */
static inline size_t dbx_resp_quick_number(const uint8_t *data, size_t at, size_t len,
                                           size_t *out) {
    size_t first = at + 1, i = first, value = 0;
    size_t end = len - at > DBX_RESP_QUICK_DIGITS_MAX + 1 ? first + DBX_RESP_QUICK_DIGITS_MAX : len;
    for (; i < end; i++) {
        unsigned digit = data[i] - (unsigned)'0';
        if (digit > 9) break;
        value = value * 10 + digit;
    }
    if (i == first || (data[first] == '0' && i > first + 1)) return 0;
    if (len - i < 2 || data[i] != '\r' || data[i + 1] != '\n') return 0;
    *out = value;
    return i + 2;
}

#endif
