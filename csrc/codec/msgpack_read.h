/* msgpack_read.h: reading MessagePack, one token at a time.
 *
 * dbx_msgpack_head takes one value's head from any bytes and keeps no state: what reads streams, or
 * builds other things than tokens (dbx/_msgpack_unpack.pxi), stands on it. dbx_msgpack_next goes
 * through bytes that are all there, such as what the store has kept.
 */
#ifndef DBX_CODEC_MSGPACK_READ_H
#define DBX_CODEC_MSGPACK_READ_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/slice.h"
#include "codec/msgpack.h"

/* Those with content come behind all others, containers behind those: readers compare. */
typedef enum dbx_msgpack_kind {
    DBX_MSGPACK_IS_NIL,
    DBX_MSGPACK_IS_BOOL,
    DBX_MSGPACK_IS_INT,
    DBX_MSGPACK_IS_UINT, /* beyond INT64_MAX only */
    DBX_MSGPACK_IS_REAL,
    DBX_MSGPACK_IS_STR,
    DBX_MSGPACK_IS_BIN,
    DBX_MSGPACK_IS_EXT,
    DBX_MSGPACK_IS_ARRAY,
    DBX_MSGPACK_IS_MAP
} dbx_msgpack_kind;

typedef struct dbx_msgpack_token {
    dbx_msgpack_kind kind;
    int8_t ext; /* EXT: its type */
    union {
        bool boolean;
        int64_t integer;  /* INT */
        uint64_t natural; /* UINT */
        double real;
        dbx_slice bytes; /* STR, BIN, EXT: into what was read */
        uint32_t count;  /* ARRAY: values, MAP: pairs that follow */
    };
} dbx_msgpack_token;

static inline int dbx_msgpack_is_bytes(dbx_msgpack_token *token, dbx_msgpack_kind kind,
                                       const uint8_t *at, int head, size_t len) {
    token->kind = kind;
    token->bytes = (dbx_slice){at + head, len};
    return head;
}

static inline int dbx_msgpack_is_ext(dbx_msgpack_token *token, const uint8_t *at, int head,
                                     size_t len) {
    token->ext = (int8_t)at[head - 1];
    return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_EXT, at, head, len);
}

static inline int dbx_msgpack_is_int(dbx_msgpack_token *token, int64_t value, int head) {
    token->kind = DBX_MSGPACK_IS_INT;
    token->integer = value;
    return head;
}

static inline int dbx_msgpack_is_uint64(dbx_msgpack_token *token, uint64_t value) {
    if (value <= INT64_MAX) return dbx_msgpack_is_int(token, (int64_t)value, 9);
    token->kind = DBX_MSGPACK_IS_UINT;
    token->natural = value;
    return 9;
}

static inline int dbx_msgpack_is_real(dbx_msgpack_token *token, double value, int head) {
    token->kind = DBX_MSGPACK_IS_REAL;
    token->real = value;
    return head;
}

static inline int dbx_msgpack_is_bool(dbx_msgpack_token *token, bool value) {
    token->kind = DBX_MSGPACK_IS_BOOL;
    token->boolean = value;
    return 1;
}

static inline int dbx_msgpack_is_count(dbx_msgpack_token *token, dbx_msgpack_kind kind,
                                       uint32_t count, int head) {
    token->kind = kind;
    token->count = count;
    return head;
}

static inline double dbx_msgpack_load_real(const uint8_t *at) {
    uint64_t bits = dbx_load64_be(at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double dbx_msgpack_load_real32(const uint8_t *at) {
    uint32_t bits = dbx_load32_be(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* The forms between the FIX ranges; `at` has all of their head. */
static inline int dbx_msgpack_head_of(const uint8_t *at, dbx_msgpack_token *token) {
    const uint8_t *x = at + 1;
    switch (*at) {
    case DBX_MSGPACK_NIL:
        token->kind = DBX_MSGPACK_IS_NIL;
        return 1;
    case DBX_MSGPACK_FALSE:
        return dbx_msgpack_is_bool(token, false);
    case DBX_MSGPACK_TRUE:
        return dbx_msgpack_is_bool(token, true);
    case DBX_MSGPACK_BIN8:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_BIN, at, 2, *x);
    case DBX_MSGPACK_BIN16:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_BIN, at, 3, dbx_load16_be(x));
    case DBX_MSGPACK_BIN32:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_BIN, at, 5, dbx_load32_be(x));
    case DBX_MSGPACK_EXT8:
        return dbx_msgpack_is_ext(token, at, 3, *x);
    case DBX_MSGPACK_EXT16:
        return dbx_msgpack_is_ext(token, at, 4, dbx_load16_be(x));
    case DBX_MSGPACK_EXT32:
        return dbx_msgpack_is_ext(token, at, 6, dbx_load32_be(x));
    case DBX_MSGPACK_FLOAT32:
        return dbx_msgpack_is_real(token, dbx_msgpack_load_real32(x), 5);
    case DBX_MSGPACK_FLOAT64:
        return dbx_msgpack_is_real(token, dbx_msgpack_load_real(x), 9);
    case DBX_MSGPACK_UINT8:
        return dbx_msgpack_is_int(token, *x, 2);
    case DBX_MSGPACK_UINT16:
        return dbx_msgpack_is_int(token, dbx_load16_be(x), 3);
    case DBX_MSGPACK_UINT32:
        return dbx_msgpack_is_int(token, dbx_load32_be(x), 5);
    case DBX_MSGPACK_UINT64:
        return dbx_msgpack_is_uint64(token, dbx_load64_be(x));
    case DBX_MSGPACK_INT8:
        return dbx_msgpack_is_int(token, (int8_t)*x, 2);
    case DBX_MSGPACK_INT16:
        return dbx_msgpack_is_int(token, (int16_t)dbx_load16_be(x), 3);
    case DBX_MSGPACK_INT32:
        return dbx_msgpack_is_int(token, (int32_t)dbx_load32_be(x), 5);
    case DBX_MSGPACK_INT64:
        return dbx_msgpack_is_int(token, (int64_t)dbx_load64_be(x), 9);
    case DBX_MSGPACK_STR8:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_STR, at, 2, *x);
    case DBX_MSGPACK_STR16:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_STR, at, 3, dbx_load16_be(x));
    case DBX_MSGPACK_STR32:
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_STR, at, 5, dbx_load32_be(x));
    case DBX_MSGPACK_ARRAY16:
        return dbx_msgpack_is_count(token, DBX_MSGPACK_IS_ARRAY, dbx_load16_be(x), 3);
    case DBX_MSGPACK_ARRAY32:
        return dbx_msgpack_is_count(token, DBX_MSGPACK_IS_ARRAY, dbx_load32_be(x), 5);
    case DBX_MSGPACK_MAP16:
        return dbx_msgpack_is_count(token, DBX_MSGPACK_IS_MAP, dbx_load16_be(x), 3);
    case DBX_MSGPACK_MAP32:
        return dbx_msgpack_is_count(token, DBX_MSGPACK_IS_MAP, dbx_load32_be(x), 5);
    default: /* FIXEXT1 to FIXEXT16 */
        return dbx_msgpack_is_ext(token, at, 2, (size_t)1 << (*at - DBX_MSGPACK_FIXEXT1));
    }
}

/* dbx_msgpack_head reads the head of the value at `at`, of which `len` bytes, one at least, are
 * there: all of a number, what stands before the content of a string or the members of a container.
 * Returns how many bytes it takes, 0 when some of them are still missing, DBX_EINVAL for a first
 * byte that stands for nothing. Whether a string's `bytes` are all there is the caller's to see. */
static inline int dbx_msgpack_head(const uint8_t *at, size_t len, dbx_msgpack_token *token) {
    static const uint8_t sizes[32] = {1, 0, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9,
                                      2, 3, 5, 9, 2, 2, 2, 2, 2, 2, 3, 5, 3, 5, 3, 5};
    uint8_t first = *at;
    if (first < DBX_MSGPACK_FIXMAP) return dbx_msgpack_is_int(token, first, 1);
    if (first >= DBX_MSGPACK_NEGATIVE) return dbx_msgpack_is_int(token, (int8_t)first, 1);
    if (first >= DBX_MSGPACK_NIL) {
        size_t size = sizes[first - DBX_MSGPACK_NIL];
        if (size == 0) return DBX_EINVAL;
        return size > len ? 0 : dbx_msgpack_head_of(at, token);
    }
    if (first >= DBX_MSGPACK_FIXSTR) {
        return dbx_msgpack_is_bytes(token, DBX_MSGPACK_IS_STR, at, 1, first & 0x1f);
    }
    dbx_msgpack_kind kind =
        first >= DBX_MSGPACK_FIXARRAY ? DBX_MSGPACK_IS_ARRAY : DBX_MSGPACK_IS_MAP;
    return dbx_msgpack_is_count(token, kind, first & 0x0f, 1);
}

/* dbx_msgpack_timestamp reads the content of an extension of type DBX_MSGPACK_EXT_TIMESTAMP.
 * DBX_EINVAL: its length, or nanoseconds of a second or more, are none. */
static inline int dbx_msgpack_timestamp(dbx_slice bytes, int64_t *seconds, uint32_t *nanoseconds) {
    switch (bytes.len) {
    case 4:
        *seconds = dbx_load32_be(bytes.ptr);
        *nanoseconds = 0;
        return DBX_OK;
    case 8:
        *seconds = (int64_t)(dbx_load64_be(bytes.ptr) & (((uint64_t)1 << 34) - 1));
        *nanoseconds = (uint32_t)(dbx_load64_be(bytes.ptr) >> 34);
        break;
    case 12:
        *seconds = (int64_t)dbx_load64_be(bytes.ptr + 4);
        *nanoseconds = dbx_load32_be(bytes.ptr);
        break;
    default:
        return DBX_EINVAL;
    }
    return *nanoseconds < 1000000000 ? DBX_OK : DBX_EINVAL;
}

/* --- Bytes that are all there ---------------------------------------------------------------- */

enum { DBX_MSGPACK_DEPTH_MAX = 32 }; /* containers within each other that dbx_msgpack_next reads */

typedef struct dbx_msgpack_reader {
    const uint8_t *at, *end;
    uint64_t owed;                        /* values that all open containers still lack */
    unsigned depth;                       /* containers open behind the last token */
    uint64_t left[DBX_MSGPACK_DEPTH_MAX]; /* values that each of them still lacks */
} dbx_msgpack_reader;

/* dbx_msgpack_open begins reading `bytes`, any number of values one behind the other; they are not
 * copied. */
void dbx_msgpack_open(dbx_msgpack_reader *reader, dbx_slice bytes);

/* dbx_msgpack_next gives the next token: 1, or 0 at the end. A value that began outside of all
 * containers is complete when `depth` is 0. DBX_EINVAL: not MessagePack, or cut off; a count beyond
 * what the bytes left can hold is found at its container's head, so that who allocates for it need
 * not fear it. DBX_ELIMIT: nested more deeply than DBX_MSGPACK_DEPTH_MAX. After an error it stays
 * where it is. */
int dbx_msgpack_next(dbx_msgpack_reader *reader, dbx_msgpack_token *token);

/* dbx_msgpack_skip passes one whole value over: 1, 0 at the end, or as dbx_msgpack_next. */
int dbx_msgpack_skip(dbx_msgpack_reader *reader);

#endif
