/* msgpack_write.c: appending MessagePack to a buffer; see msgpack_write.h. */
#include "codec/msgpack_write.h"

/* Room for a head and `len` bytes behind it, or NULL once the buffer has failed. */
static uint8_t *room(dbx_buf *out, size_t len) {
    if (len > DBX_MSGPACK_LEN_MAX) out->failed = true;
    return dbx_buf_reserve(out, len + DBX_MSGPACK_HEAD_MAX);
}

static void wrote_up_to(dbx_buf *out, const uint8_t *end) {
    out->len = (size_t)(end - out->ptr);
}

static void put_content(dbx_buf *out, uint8_t *at, dbx_slice bytes) {
    if (bytes.len > 0) memcpy(at, bytes.ptr, bytes.len);
    wrote_up_to(out, at + bytes.len);
}

void dbx_msgpack_add_nil(dbx_buf *out) {
    dbx_buf_byte(out, DBX_MSGPACK_NIL);
}

void dbx_msgpack_add_bool(dbx_buf *out, bool value) {
    dbx_buf_byte(out, value ? DBX_MSGPACK_TRUE : DBX_MSGPACK_FALSE);
}

void dbx_msgpack_add_int(dbx_buf *out, int64_t value) {
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_int(at, value));
}

void dbx_msgpack_add_uint(dbx_buf *out, uint64_t value) {
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_uint(at, value));
}

void dbx_msgpack_add_real(dbx_buf *out, double value) {
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_real(at, value));
}

void dbx_msgpack_add_str(dbx_buf *out, dbx_slice text) {
    uint8_t *at = room(out, text.len);
    if (at != NULL) put_content(out, dbx_msgpack_put_str_head(at, text.len), text);
}

void dbx_msgpack_add_bin(dbx_buf *out, dbx_slice bytes) {
    uint8_t *at = room(out, bytes.len);
    if (at != NULL) put_content(out, dbx_msgpack_put_bin_head(at, bytes.len), bytes);
}

void dbx_msgpack_add_ext(dbx_buf *out, int8_t ext, dbx_slice bytes) {
    uint8_t *at = room(out, bytes.len);
    if (at != NULL) put_content(out, dbx_msgpack_put_ext_head(at, ext, bytes.len), bytes);
}

void dbx_msgpack_add_bin_head(dbx_buf *out, size_t len) {
    if (len > DBX_MSGPACK_LEN_MAX) out->failed = true;
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_bin_head(at, len));
}

void dbx_msgpack_add_array(dbx_buf *out, size_t count) {
    if (count > DBX_MSGPACK_LEN_MAX) out->failed = true;
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_array_head(at, count));
}

void dbx_msgpack_add_map(dbx_buf *out, size_t count) {
    if (count > DBX_MSGPACK_LEN_MAX) out->failed = true;
    uint8_t *at = room(out, 0);
    if (at != NULL) wrote_up_to(out, dbx_msgpack_put_map_head(at, count));
}
