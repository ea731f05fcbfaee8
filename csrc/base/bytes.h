/* bytes.h: fixed-width integers in byte strings, at any alignment, on any machine.
 *
 * Plain names are little-endian (journal frames, hashes); _be are big-endian, which compares like
 * the number (keys of the map).
 */
#ifndef DBX_BASE_BYTES_H
#define DBX_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DBX_BYTES_LE32(x) (x)
#define DBX_BYTES_LE64(x) (x)
#define DBX_BYTES_BE32(x) __builtin_bswap32(x)
#define DBX_BYTES_BE64(x) __builtin_bswap64(x)
#else
#define DBX_BYTES_LE32(x) __builtin_bswap32(x)
#define DBX_BYTES_LE64(x) __builtin_bswap64(x)
#define DBX_BYTES_BE32(x) (x)
#define DBX_BYTES_BE64(x) (x)
#endif

static inline uint16_t dbx_load16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t dbx_load32(const uint8_t *at) {
    uint32_t x;
    memcpy(&x, at, sizeof x);
    return DBX_BYTES_LE32(x);
}

static inline uint64_t dbx_load64(const uint8_t *at) {
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return DBX_BYTES_LE64(x);
}

static inline uint16_t dbx_load16_be(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t dbx_load32_be(const uint8_t *at) {
    uint32_t x;
    memcpy(&x, at, sizeof x);
    return DBX_BYTES_BE32(x);
}

static inline uint64_t dbx_load64_be(const uint8_t *at) {
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return DBX_BYTES_BE64(x);
}

static inline void dbx_store16(uint8_t *at, uint16_t x) {
    at[0] = (uint8_t)x;
    at[1] = (uint8_t)(x >> 8);
}

static inline void dbx_store32(uint8_t *at, uint32_t x) {
    x = DBX_BYTES_LE32(x);
    memcpy(at, &x, sizeof x);
}

static inline void dbx_store64(uint8_t *at, uint64_t x) {
    x = DBX_BYTES_LE64(x);
    memcpy(at, &x, sizeof x);
}

static inline void dbx_store16_be(uint8_t *at, uint16_t x) {
    at[0] = (uint8_t)(x >> 8);
    at[1] = (uint8_t)x;
}

static inline void dbx_store32_be(uint8_t *at, uint32_t x) {
    x = DBX_BYTES_BE32(x);
    memcpy(at, &x, sizeof x);
}

static inline void dbx_store64_be(uint8_t *at, uint64_t x) {
    x = DBX_BYTES_BE64(x);
    memcpy(at, &x, sizeof x);
}

/* dbx_bytes_ascii: no byte has its high bit set. */
static inline bool dbx_bytes_ascii(const uint8_t *at, size_t len) {
    enum { STRIDE = 64 }; /* between looks at what has been seen */
    const uint64_t high = 0x8080808080808080;
    uint64_t seen = 0, word;
    if (len < sizeof word) {
        for (size_t i = 0; i < len; i++) {
            seen |= at[i];
        }
        return (seen & high) == 0;
    }
    const uint8_t *last = at + len - sizeof word;
    for (; last - at >= STRIDE; at += STRIDE) {
        for (size_t i = 0; i < STRIDE; i += sizeof word) {
            memcpy(&word, at + i, sizeof word);
            seen |= word;
        }
        if ((seen & high) != 0) return false;
    }
    for (; at < last; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        seen |= word;
    }
    memcpy(&word, last, sizeof word); /* overlaps what has been looked at */
    return ((seen | word) & high) == 0;
}

#endif
