/* msgpack_sink.c: the reply sink that writes MessagePack; see msgpack_sink.h.
 *
 * The form of a reply is RESP3's, as far as MessagePack has it: see README.md. A container whose
 * count is not known when it is opened gets its head at close(), in front of what was written.
 */
#include "codec/msgpack_sink.h"

#include <assert.h>

#include "codec/msgpack_write.h"

/* Every value begins here: it is counted, and the members of a pair get an array of their own. */
static void begin_value(dbx_reply *r) {
    assert(r->bulk_left == 0 || r->out->failed);
    if (r->depth == 0) return;
    dbx_reply_level *level = &r->levels[r->depth - 1];
    if (level->kind == DBX_PAIRS && level->items % 2 == 0) dbx_msgpack_add_array(r->out, 2);
    level->items++;
}

static void write_nil(dbx_reply *r) {
    begin_value(r);
    dbx_msgpack_add_nil(r->out);
}

static void write_boolean(dbx_reply *r, bool value) {
    begin_value(r);
    dbx_msgpack_add_bool(r->out, value);
}

static void write_integer(dbx_reply *r, int64_t value) {
    begin_value(r);
    dbx_msgpack_add_int(r->out, value);
}

static void write_real(dbx_reply *r, double value) {
    begin_value(r);
    dbx_msgpack_add_real(r->out, value);
}

static void write_bignum(dbx_reply *r, dbx_slice digits) {
    begin_value(r);
    dbx_msgpack_add_ext(r->out, DBX_MSGPACK_EXT_BIGNUM, digits);
}

/* Lines stay lines: what would end one becomes a blank, in the last `len` bytes. */
static void blank_line_ends(dbx_buf *out, size_t len) {
    if (out->failed) return;
    for (size_t i = out->len - len; i < out->len; i++) {
        if (out->ptr[i] == '\r' || out->ptr[i] == '\n') out->ptr[i] = ' ';
    }
}

static void write_status(dbx_reply *r, dbx_slice text) {
    begin_value(r);
    dbx_msgpack_add_str(r->out, text);
    blank_line_ends(r->out, text.len);
}

static void write_error(dbx_reply *r, dbx_slice text) {
    begin_value(r);
    dbx_msgpack_add_ext(r->out, DBX_MSGPACK_EXT_ERROR, text);
    blank_line_ends(r->out, text.len);
    r->errored = true;
}

static void write_bulk(dbx_reply *r, dbx_slice bytes) {
    begin_value(r);
    dbx_msgpack_add_bin(r->out, bytes);
}

static void write_verbatim(dbx_reply *r, const char format[3], dbx_slice text) {
    (void)format;
    begin_value(r);
    dbx_msgpack_add_str(r->out, text);
}

static void write_bulk_open(dbx_reply *r, size_t len) {
    begin_value(r);
    dbx_msgpack_add_bin_head(r->out, len);
    if (!r->out->failed) r->bulk_left = len;
}

static void write_bulk_part(dbx_reply *r, dbx_slice bytes) {
    if (r->out->failed) return;
    assert(bytes.len <= r->bulk_left);
    dbx_buf_add(r->out, bytes.ptr, bytes.len);
    r->bulk_left -= bytes.len;
}

static void write_open(dbx_reply *r, dbx_kind kind, size_t count) {
    begin_value(r);
    if (r->depth == DBX_REPLY_DEPTH_MAX) {
        r->out->failed = true;
        return;
    }
    r->levels[r->depth++] = (dbx_reply_level){.kind = kind, .count = count, .at = r->out->len};
    if (count == DBX_UNKNOWN) return;
    if (kind == DBX_MAP || kind == DBX_NAMED) {
        dbx_msgpack_add_map(r->out, count);
    } else {
        dbx_msgpack_add_array(r->out, count);
    }
}

static void write_close(dbx_reply *r) {
    if (r->depth == 0) return; /* only after an open() that failed */
    dbx_reply_level *level = &r->levels[--r->depth];
    bool map = level->kind == DBX_MAP || level->kind == DBX_NAMED;
    bool pairs = map || level->kind == DBX_PAIRS;
    size_t count = pairs ? level->items / 2 : level->items;
    assert(level->count == DBX_UNKNOWN || level->count == count || r->out->failed);
    if (level->count != DBX_UNKNOWN || r->out->failed) return;
    if (count > DBX_MSGPACK_LEN_MAX) {
        r->out->failed = true;
        return;
    }
    uint8_t head[DBX_MSGPACK_HEAD_MAX];
    uint8_t *end =
        map ? dbx_msgpack_put_map_head(head, count) : dbx_msgpack_put_array_head(head, count);
    dbx_buf_insert(r->out, level->at, head, (size_t)(end - head));
}

static const dbx_reply_ops msgpack_ops = {.null = write_nil,
                                          .null_array = write_nil,
                                          .boolean = write_boolean,
                                          .integer = write_integer,
                                          .real = write_real,
                                          .bignum = write_bignum,
                                          .status = write_status,
                                          .error = write_error,
                                          .bulk = write_bulk,
                                          .verbatim = write_verbatim,
                                          .open = write_open,
                                          .close = write_close,
                                          .bulk_open = write_bulk_open,
                                          .bulk_part = write_bulk_part};

void dbx_msgpack_sink(dbx_reply *r, dbx_buf *out) {
    r->ops = &msgpack_ops;
    r->out = out;
    r->depth = 0;
    r->errored = false;
    r->bulk_left = 0;
    r->source = NULL;
}
