/* msgpack_write.h: writing MessagePack, each value in its shortest form.
 *
 * Two layers: dbx_msgpack_put_* store at a place where the caller has made room, and are inline
 * because Python's packer (dbx/_msgpack_pack.pxi) writes millions of them; dbx_msgpack_add_* append
 * to a buffer. The content of a string, and the members of a container, follow their head.
 */
#ifndef DBX_CODEC_MSGPACK_WRITE_H
#define DBX_CODEC_MSGPACK_WRITE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/slice.h"
#include "codec/msgpack.h"

enum {
    DBX_MSGPACK_HEAD_MAX = 9,       /* what every put below but the next writes at most */
    DBX_MSGPACK_TIMESTAMP_MAX = 15, /* dbx_msgpack_put_timestamp */
    DBX_MSGPACK_FIXSTR_MAX = 31,
    DBX_MSGPACK_FIXCOUNT_MAX = 15 /* arrays and maps */
};

/* Lengths and counts beyond this have no form: whoever calls a put_*_head has tested for it. */
#define DBX_MSGPACK_LEN_MAX ((size_t)UINT32_MAX)

/* --- Storing at a place. Each returns the end of what it wrote. ------------------------------ */

static inline uint8_t *dbx_msgpack_put8(uint8_t *at, uint8_t first, uint8_t x) {
    at[0] = first;
    at[1] = x;
    return at + 2;
}

static inline uint8_t *dbx_msgpack_put16(uint8_t *at, uint8_t first, uint16_t x) {
    at[0] = first;
    dbx_store16_be(at + 1, x);
    return at + 3;
}

static inline uint8_t *dbx_msgpack_put32(uint8_t *at, uint8_t first, uint32_t x) {
    at[0] = first;
    dbx_store32_be(at + 1, x);
    return at + 5;
}

static inline uint8_t *dbx_msgpack_put64(uint8_t *at, uint8_t first, uint64_t x) {
    at[0] = first;
    dbx_store64_be(at + 1, x);
    return at + 9;
}

/* dbx_msgpack_put_uint writes a number that is not negative. */
static inline uint8_t *dbx_msgpack_put_uint(uint8_t *at, uint64_t x) {
    if (x < DBX_MSGPACK_FIXMAP) {
        *at = (uint8_t)x;
        return at + 1;
    }
    if (x <= UINT8_MAX) return dbx_msgpack_put8(at, DBX_MSGPACK_UINT8, (uint8_t)x);
    if (x <= UINT16_MAX) return dbx_msgpack_put16(at, DBX_MSGPACK_UINT16, (uint16_t)x);
    if (x <= UINT32_MAX) return dbx_msgpack_put32(at, DBX_MSGPACK_UINT32, (uint32_t)x);
    return dbx_msgpack_put64(at, DBX_MSGPACK_UINT64, x);
}

static inline uint8_t *dbx_msgpack_put_int(uint8_t *at, int64_t x) {
    if (x >= 0) return dbx_msgpack_put_uint(at, (uint64_t)x);
    if (x >= -32) {
        *at = (uint8_t)x;
        return at + 1;
    }
    if (x >= INT8_MIN) return dbx_msgpack_put8(at, DBX_MSGPACK_INT8, (uint8_t)x);
    if (x >= INT16_MIN) return dbx_msgpack_put16(at, DBX_MSGPACK_INT16, (uint16_t)x);
    if (x >= INT32_MIN) return dbx_msgpack_put32(at, DBX_MSGPACK_INT32, (uint32_t)x);
    return dbx_msgpack_put64(at, DBX_MSGPACK_INT64, (uint64_t)x);
}

static inline uint8_t *dbx_msgpack_put_real(uint8_t *at, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return dbx_msgpack_put64(at, DBX_MSGPACK_FLOAT64, bits);
}

static inline uint8_t *dbx_msgpack_put_real32(uint8_t *at, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return dbx_msgpack_put32(at, DBX_MSGPACK_FLOAT32, bits);
}

/* The three forms of a length whose first bytes follow each other. */
static inline uint8_t *dbx_msgpack_put_len(uint8_t *at, uint8_t first8, size_t len) {
    if (len <= UINT8_MAX) return dbx_msgpack_put8(at, first8, (uint8_t)len);
    if (len <= UINT16_MAX) return dbx_msgpack_put16(at, (uint8_t)(first8 + 1), (uint16_t)len);
    return dbx_msgpack_put32(at, (uint8_t)(first8 + 2), (uint32_t)len);
}

static inline uint8_t *dbx_msgpack_put_count(uint8_t *at, uint8_t fix, uint8_t first16,
                                             size_t count) {
    if (count <= DBX_MSGPACK_FIXCOUNT_MAX) {
        *at = (uint8_t)(fix + count);
        return at + 1;
    }
    if (count <= UINT16_MAX) return dbx_msgpack_put16(at, first16, (uint16_t)count);
    return dbx_msgpack_put32(at, (uint8_t)(first16 + 1), (uint32_t)count);
}

static inline uint8_t *dbx_msgpack_put_str_head(uint8_t *at, size_t len) {
    if (len <= DBX_MSGPACK_FIXSTR_MAX) {
        *at = (uint8_t)(DBX_MSGPACK_FIXSTR + len);
        return at + 1;
    }
    return dbx_msgpack_put_len(at, DBX_MSGPACK_STR8, len);
}

/* dbx_msgpack_put_raw_head is a string's head as it was before the format knew bin and str 8. */
static inline uint8_t *dbx_msgpack_put_raw_head(uint8_t *at, size_t len) {
    if (len <= DBX_MSGPACK_FIXSTR_MAX || len > UINT8_MAX) return dbx_msgpack_put_str_head(at, len);
    return dbx_msgpack_put16(at, DBX_MSGPACK_STR16, (uint16_t)len);
}

static inline uint8_t *dbx_msgpack_put_bin_head(uint8_t *at, size_t len) {
    return dbx_msgpack_put_len(at, DBX_MSGPACK_BIN8, len);
}

static inline uint8_t *dbx_msgpack_put_array_head(uint8_t *at, size_t count) {
    return dbx_msgpack_put_count(at, DBX_MSGPACK_FIXARRAY, DBX_MSGPACK_ARRAY16, count);
}

/* dbx_msgpack_put_map_head: `count` pairs follow, key, value, key, value. */
static inline uint8_t *dbx_msgpack_put_map_head(uint8_t *at, size_t count) {
    return dbx_msgpack_put_count(at, DBX_MSGPACK_FIXMAP, DBX_MSGPACK_MAP16, count);
}

/* dbx_msgpack_put_ext_head: `len` bytes of an extension of type `ext` follow. */
static inline uint8_t *dbx_msgpack_put_ext_head(uint8_t *at, int8_t ext, size_t len) {
    switch (len) {
    case 1:
        at[0] = DBX_MSGPACK_FIXEXT1;
        break;
    case 2:
        at[0] = DBX_MSGPACK_FIXEXT2;
        break;
    case 4:
        at[0] = DBX_MSGPACK_FIXEXT4;
        break;
    case 8:
        at[0] = DBX_MSGPACK_FIXEXT8;
        break;
    case 16:
        at[0] = DBX_MSGPACK_FIXEXT16;
        break;
    default:
        at = dbx_msgpack_put_len(at, DBX_MSGPACK_EXT8, len);
        *at = (uint8_t)ext;
        return at + 1;
    }
    at[1] = (uint8_t)ext;
    return at + 2;
}

/* dbx_msgpack_put_timestamp writes a whole value: a time since 1970, UTC. `nanoseconds` are below
 * 1e9 and count forward from `seconds`, also when these are negative. */
static inline uint8_t *dbx_msgpack_put_timestamp(uint8_t *at, int64_t seconds,
                                                 uint32_t nanoseconds) {
    if (seconds >> 34 != 0) {
        at = dbx_msgpack_put_ext_head(at, DBX_MSGPACK_EXT_TIMESTAMP, 12);
        dbx_store32_be(at, nanoseconds);
        dbx_store64_be(at + 4, (uint64_t)seconds);
        return at + 12;
    }
    uint64_t both = (uint64_t)nanoseconds << 34 | (uint64_t)seconds;
    if (both > UINT32_MAX) {
        at = dbx_msgpack_put_ext_head(at, DBX_MSGPACK_EXT_TIMESTAMP, 8);
        dbx_store64_be(at, both);
        return at + 8;
    }
    at = dbx_msgpack_put_ext_head(at, DBX_MSGPACK_EXT_TIMESTAMP, 4);
    dbx_store32_be(at, (uint32_t)both);
    return at + 4;
}

/* --- Appending to a buffer. What cannot be written sets its `failed`. ------------------------ */

void dbx_msgpack_add_nil(dbx_buf *out);
void dbx_msgpack_add_bool(dbx_buf *out, bool value);
void dbx_msgpack_add_int(dbx_buf *out, int64_t value);
void dbx_msgpack_add_uint(dbx_buf *out, uint64_t value);
void dbx_msgpack_add_real(dbx_buf *out, double value);
/* dbx_msgpack_add_str: readers take it for UTF-8; any other bytes are a bin. */
void dbx_msgpack_add_str(dbx_buf *out, dbx_slice text);
void dbx_msgpack_add_bin(dbx_buf *out, dbx_slice bytes);
void dbx_msgpack_add_ext(dbx_buf *out, int8_t ext, dbx_slice bytes);
/* dbx_msgpack_add_bin_head: `len` bytes follow, by dbx_buf_add. */
void dbx_msgpack_add_bin_head(dbx_buf *out, size_t len);
/* dbx_msgpack_add_array and dbx_msgpack_add_map write the head: `count` values, or pairs of key
 * and value, follow. */
void dbx_msgpack_add_array(dbx_buf *out, size_t count);
void dbx_msgpack_add_map(dbx_buf *out, size_t count);

#endif
