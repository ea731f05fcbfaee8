/* rdb.c: see rdb.h. */
#include "codec/rdb.h"

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/err.h"
#include "codec/lzf.h"

enum {
    LEN_14 = 1,      /* upper two bits of a length's first byte */
    LEN_SPECIAL = 3, /* it is no length, but an encoding of a string */
    LEN_32 = 0x80,
    LEN_64 = 0x81,
    SPECIAL_LZF = 3, /* 0, 1, 2: a number of 8, 16, 32 bits */
    SCORE_NAN = 253,
    SCORE_INF = 254,
    SCORE_MINUS_INF = 255,
    NUMBER_DIGITS_MAX = 11 /* of a number that Redis writes as one */
};

/* --- The footer ------------------------------------------------------------------------------ */

bool dbx_rdb_check(dbx_slice payload, dbx_slice *body) {
    if (payload.len < DBX_RDB_FOOTER_BYTES) return false;
    *body = dbx_slice_of(payload.ptr, payload.len - DBX_RDB_FOOTER_BYTES);
    const uint8_t *footer = payload.ptr + body->len;
    return dbx_load16(footer) <= DBX_RDB_VERSION_MAX &&
           dbx_load64(footer + 2) == dbx_crc64(0, payload.ptr, body->len + 2);
}

void dbx_rdb_footer(dbx_buf *out, unsigned version, uint64_t crc) {
    uint8_t footer[DBX_RDB_FOOTER_BYTES];
    dbx_store16(footer, (uint16_t)version);
    dbx_store64(footer + 2, dbx_crc64(crc, footer, 2));
    dbx_buf_add(out, footer, sizeof footer);
}

/* --- Reading --------------------------------------------------------------------------------- */

bool dbx_rdb_read_raw(dbx_slice *in, size_t n, const uint8_t **bytes) {
    if (n > in->len) return false;
    *bytes = in->ptr;
    in->ptr += n;
    in->len -= n;
    return true;
}

/* read_head reads a length, or which encoding (*special) a string has. */
static bool read_head(dbx_slice *in, uint64_t *len, bool *special) {
    const uint8_t *first, *rest;
    if (!dbx_rdb_read_raw(in, 1, &first)) return false;
    unsigned kind = *first >> 6;
    *len = *first & 0x3F;
    *special = kind == LEN_SPECIAL;
    if (kind == 0 || *special) return true;
    if (kind == LEN_14) {
        if (!dbx_rdb_read_raw(in, 1, &rest)) return false;
        *len = *len << 8 | *rest;
        return true;
    }
    if (*first == LEN_32) {
        if (!dbx_rdb_read_raw(in, 4, &rest)) return false;
        *len = dbx_load32_be(rest);
        return true;
    }
    if (*first != LEN_64 || !dbx_rdb_read_raw(in, 8, &rest)) return false;
    *len = dbx_load64_be(rest);
    return true;
}

bool dbx_rdb_read_len(dbx_slice *in, uint64_t *len) {
    bool special;
    return read_head(in, len, &special) && !special;
}

static bool read_number(dbx_slice *in, size_t bytes, dbx_rdb_string *string) {
    const uint8_t *at;
    if (!dbx_rdb_read_raw(in, bytes, &at)) return false;
    int64_t number = bytes == 1   ? (int8_t)at[0]
                     : bytes == 2 ? (int16_t)dbx_load16(at)
                                  : (int32_t)dbx_load32(at);
    string->len = dbx_num_to_text(number, string->digits);
    string->bytes = dbx_slice_of(string->digits, (size_t)string->len);
    return true;
}

static bool read_packed(dbx_slice *in, dbx_rdb_string *string) {
    uint64_t packed;
    const uint8_t *at;
    if (!dbx_rdb_read_len(in, &packed) || !dbx_rdb_read_len(in, &string->len)) return false;
    if (packed > in->len || !dbx_rdb_read_raw(in, (size_t)packed, &at)) return false;
    string->packed = true;
    string->bytes = dbx_slice_of(at, (size_t)packed);
    return packed > 0 && string->len > 0 && string->len / DBX_LZF_RATIO_MAX <= packed;
}

bool dbx_rdb_read_string(dbx_slice *in, dbx_rdb_string *string) {
    bool special;
    const uint8_t *at;
    string->packed = false;
    if (!read_head(in, &string->len, &special)) return false;
    if (special) {
        if (string->len == SPECIAL_LZF) return read_packed(in, string);
        return string->len < SPECIAL_LZF && read_number(in, (size_t)1 << string->len, string);
    }
    if (string->len > in->len || !dbx_rdb_read_raw(in, (size_t)string->len, &at)) return false;
    string->bytes = dbx_slice_of(at, (size_t)string->len);
    return true;
}

bool dbx_rdb_read_ms(dbx_slice *in, int64_t *ms) {
    const uint8_t *at;
    if (!dbx_rdb_read_raw(in, 8, &at)) return false;
    *ms = (int64_t)dbx_load64(at);
    return true;
}

bool dbx_rdb_read_score(dbx_slice *in, double *score) {
    const uint8_t *at;
    if (!dbx_rdb_read_raw(in, 8, &at)) return false;
    uint64_t bits = dbx_load64(at);
    memcpy(score, &bits, sizeof bits);
    return true;
}

bool dbx_rdb_read_score_text(dbx_slice *in, double *score) {
    const uint8_t *len, *text;
    if (!dbx_rdb_read_raw(in, 1, &len) || *len == SCORE_NAN) return false;
    if (*len >= SCORE_INF) {
        *score = *len == SCORE_INF ? __builtin_inf() : -__builtin_inf();
        return true;
    }
    return dbx_rdb_read_raw(in, *len, &text) &&
           dbx_num_real_from_slice(dbx_slice_of(text, *len), score);
}

int dbx_rdb_unpack(const dbx_rdb_string *string, uint64_t len_max, dbx_buf *room,
                   dbx_slice *bytes) {
    dbx_lzf lzf;
    if (string->len > len_max) return DBX_EINVAL;
    *bytes = string->bytes;
    if (!string->packed) return DBX_OK;
    room->len = 0;
    uint8_t *out = dbx_buf_reserve(room, (size_t)string->len);
    if (out == NULL) return DBX_ENOMEM;
    dbx_lzf_open(&lzf, string->bytes);
    if (!dbx_lzf_read(&lzf, out, (size_t)string->len) || !dbx_lzf_ended(&lzf)) return DBX_EINVAL;
    room->len = (size_t)string->len;
    *bytes = dbx_buf_slice(room);
    return DBX_OK;
}

/* --- Writing --------------------------------------------------------------------------------- */

void dbx_rdb_put_len(dbx_buf *out, uint64_t len) {
    uint8_t bytes[5] = {(uint8_t)len};
    if (len < 1 << 6) {
        dbx_buf_add(out, bytes, 1);
    } else if (len < 1 << 14) {
        bytes[0] = (uint8_t)(LEN_14 << 6 | len >> 8);
        bytes[1] = (uint8_t)len;
        dbx_buf_add(out, bytes, 2);
    } else if (len <= UINT32_MAX) {
        bytes[0] = LEN_32;
        dbx_store32_be(bytes + 1, (uint32_t)len);
        dbx_buf_add(out, bytes, 5);
    } else {
        dbx_rdb_put_count(out, len);
    }
}

void dbx_rdb_put_count(dbx_buf *out, uint64_t count) {
    uint8_t bytes[9] = {LEN_64};
    dbx_store64_be(bytes + 1, count);
    dbx_buf_add(out, bytes, sizeof bytes);
}

/* put_number writes digits as a number, if they are one of up to 32 bits. */
static bool put_number(dbx_buf *out, dbx_slice digits) {
    int64_t number;
    uint8_t bytes[5];
    if (digits.len > NUMBER_DIGITS_MAX || !dbx_num_from_slice(digits, &number)) return false;
    if (number < INT32_MIN || number > INT32_MAX) return false;
    unsigned width = number >= INT8_MIN && number <= INT8_MAX     ? 0
                     : number >= INT16_MIN && number <= INT16_MAX ? 1
                                                                  : 2;
    bytes[0] = (uint8_t)(LEN_SPECIAL << 6 | width);
    dbx_store32(bytes + 1, (uint32_t)number);
    dbx_buf_add(out, bytes, 1 + ((size_t)1 << width));
    return true;
}

void dbx_rdb_put_string(dbx_buf *out, dbx_slice bytes) {
    if (put_number(out, bytes)) return;
    dbx_rdb_put_len(out, bytes.len);
    dbx_buf_add(out, bytes.ptr, bytes.len);
}

void dbx_rdb_put_ms(dbx_buf *out, int64_t ms) {
    uint8_t bytes[8];
    dbx_store64(bytes, (uint64_t)ms);
    dbx_buf_add(out, bytes, sizeof bytes);
}

void dbx_rdb_put_score(dbx_buf *out, double score) {
    uint8_t bytes[8];
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    dbx_store64(bytes, bits);
    dbx_buf_add(out, bytes, sizeof bytes);
}
