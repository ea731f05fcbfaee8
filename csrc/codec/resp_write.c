/* resp_write.c: writing RESP: the RESP2 and RESP3 sinks, and commands; see resp_write.h.
 *
 * The two sinks share every operation that has one form, and differ by their tables. Everything is
 * written through room(): one test of the buffer a value, then plain stores.
 */
#include "codec/resp_write.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

enum { HEADER_MAX = 1 + DBX_NUM_TEXT_MAX + 2 }; /* type, number, CR LF */

static const dbx_reply_ops resp2_ops, resp3_ops;

/* At least `n` writable bytes at the end of `out`, or NULL once it has failed. */
static inline uint8_t *room(dbx_buf *out, size_t n) {
    if (out->cap - out->len >= n && !out->failed && out->ptr != NULL) return out->ptr + out->len;
    return dbx_buf_reserve(out, n);
}

static inline void wrote_up_to(dbx_buf *out, const uint8_t *end) {
    out->len = (size_t)(end - out->ptr);
}

static inline uint8_t *put_crlf(uint8_t *at) {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

static inline uint8_t *put_number(uint8_t *at, char type, uint64_t n) {
    *at++ = (uint8_t)type;
    if (n < 10) {
        *at++ = (uint8_t)('0' + n);
    } else {
        at += dbx_num_u64_to_text(n, (char *)at);
    }
    return put_crlf(at);
}

static inline uint8_t *put_bulk(uint8_t *at, dbx_slice bytes) {
    at = put_number(at, '$', bytes.len);
    if (bytes.len > 0) memcpy(at, bytes.ptr, bytes.len);
    return put_crlf(at + bytes.len);
}

/* A length near SIZE_MAX must not wrap the sum with its header. */
static inline size_t bulk_room(size_t len) {
    return len < DBX_BUF_BYTES_MAX - 2 * HEADER_MAX ? len + HEADER_MAX + 2 : DBX_BUF_BYTES_MAX;
}

/* Every value begins here: it is counted, and the members of a pair get an array of their own:
 * in RESP3, or those of NAMED in RESP2. */
static inline void begin_value(dbx_reply *r) {
    assert(r->bulk_left == 0 || r->out->failed);
    if (r->depth == 0) return;
    dbx_reply_level *level = &r->levels[r->depth - 1];
    bool own = level->kind == DBX_PAIRS ? r->ops == &resp3_ops
                                        : level->kind == DBX_NAMED && r->ops == &resp2_ops;
    if (own && level->items % 2 == 0) dbx_buf_add(r->out, "*2\r\n", 4);
    level->items++;
}

static void write_fixed(dbx_reply *r, const char *text, size_t len) {
    begin_value(r);
    dbx_buf_add(r->out, text, len);
}

/* One line: a type, text, CR LF. What would end the line early becomes a blank. */
static void write_line(dbx_reply *r, char type, dbx_slice text) {
    begin_value(r);
    uint8_t *at = room(r->out, bulk_room(text.len));
    if (at == NULL) return;
    *at++ = (uint8_t)type;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        *at++ = c == '\r' || c == '\n' ? ' ' : c;
    }
    wrote_up_to(r->out, put_crlf(at));
}

/* --- What both versions write alike ---------------------------------------------------------- */

static void write_integer(dbx_reply *r, int64_t value) {
    begin_value(r);
    uint8_t *at = room(r->out, HEADER_MAX);
    if (at == NULL) return;
    *at++ = ':';
    at += dbx_num_to_text(value, (char *)at);
    wrote_up_to(r->out, put_crlf(at));
}

static void write_status(dbx_reply *r, dbx_slice text) {
    write_line(r, '+', text);
}

static void write_error(dbx_reply *r, dbx_slice text) {
    write_line(r, '-', text);
    r->errored = true;
}

static void write_bulk(dbx_reply *r, dbx_slice bytes) {
    begin_value(r);
    uint8_t *at = room(r->out, bulk_room(bytes.len));
    if (at != NULL) wrote_up_to(r->out, put_bulk(at, bytes));
}

static void write_bulk_open(dbx_reply *r, size_t len) {
    begin_value(r);
    uint8_t *at = room(r->out, HEADER_MAX + 2);
    if (at == NULL) return;
    at = put_number(at, '$', len);
    if (len == 0) at = put_crlf(at);
    wrote_up_to(r->out, at);
    r->bulk_left = len;
}

static void write_bulk_part(dbx_reply *r, dbx_slice bytes) {
    if (bytes.len == 0 || r->out->failed) return;
    assert(bytes.len <= r->bulk_left);
    dbx_buf_add(r->out, bytes.ptr, bytes.len);
    r->bulk_left -= bytes.len;
    if (r->bulk_left == 0) dbx_buf_add(r->out, "\r\n", 2);
}

/* --- Containers ------------------------------------------------------------------------------ */

static uint8_t *put_container(uint8_t *at, bool resp3, dbx_kind kind, size_t count) {
    bool doubled = kind == DBX_MAP || (kind == DBX_PAIRS && !resp3);
    char type = '*';
    if (resp3) {
        if (kind == DBX_MAP || kind == DBX_NAMED) {
            type = '%';
            doubled = false;
        } else if (kind == DBX_SET) {
            type = '~';
        } else if (kind == DBX_PUSH) {
            type = '>';
        }
    }
    return put_number(at, type, doubled ? (uint64_t)count * 2 : count);
}

static void write_open(dbx_reply *r, dbx_kind kind, size_t count) {
    begin_value(r);
    if (r->depth == DBX_REPLY_DEPTH_MAX) {
        r->out->failed = true;
        return;
    }
    r->levels[r->depth++] = (dbx_reply_level){.kind = kind, .count = count, .at = r->out->len};
    if (count == DBX_UNKNOWN) return;
    uint8_t *at = room(r->out, HEADER_MAX);
    if (at != NULL) wrote_up_to(r->out, put_container(at, r->ops == &resp3_ops, kind, count));
}

static void write_close(dbx_reply *r) {
    if (r->depth == 0) return; /* only after an open() that failed */
    dbx_reply_level *level = &r->levels[--r->depth];
    bool pairs = level->kind == DBX_MAP || level->kind == DBX_PAIRS || level->kind == DBX_NAMED;
    size_t count = pairs ? level->items / 2 : level->items;
    assert(level->count == DBX_UNKNOWN || level->count == count || r->out->failed);
    if (level->count != DBX_UNKNOWN || r->out->failed) return;
    uint8_t header[HEADER_MAX];
    uint8_t *end = put_container(header, r->ops == &resp3_ops, level->kind, count);
    dbx_buf_insert(r->out, level->at, header, (size_t)(end - header));
}

/* --- RESP2 ----------------------------------------------------------------------------------- */

static void resp2_null(dbx_reply *r) {
    write_fixed(r, "$-1\r\n", 5);
}

static void resp2_null_array(dbx_reply *r) {
    write_fixed(r, "*-1\r\n", 5);
}

static void resp2_boolean(dbx_reply *r, bool value) {
    write_fixed(r, value ? ":1\r\n" : ":0\r\n", 4);
}

static void resp2_real(dbx_reply *r, double value) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    write_bulk(r, dbx_slice_of(text, dbx_num_real_to_text(value, text)));
}

static void resp2_verbatim(dbx_reply *r, const char format[3], dbx_slice text) {
    (void)format;
    write_bulk(r, text);
}

static const dbx_reply_ops resp2_ops = {.null = resp2_null,
                                        .null_array = resp2_null_array,
                                        .boolean = resp2_boolean,
                                        .integer = write_integer,
                                        .real = resp2_real,
                                        .bignum = write_bulk,
                                        .status = write_status,
                                        .error = write_error,
                                        .bulk = write_bulk,
                                        .verbatim = resp2_verbatim,
                                        .open = write_open,
                                        .close = write_close,
                                        .bulk_open = write_bulk_open,
                                        .bulk_part = write_bulk_part};

/* --- RESP3 ----------------------------------------------------------------------------------- */

static void resp3_null(dbx_reply *r) {
    write_fixed(r, "_\r\n", 3);
}

static void resp3_boolean(dbx_reply *r, bool value) {
    write_fixed(r, value ? "#t\r\n" : "#f\r\n", 4);
}

static void resp3_real(dbx_reply *r, double value) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    write_line(r, ',', dbx_slice_of(text, dbx_num_real_to_text(value, text)));
}

static void resp3_bignum(dbx_reply *r, dbx_slice digits) {
    write_line(r, '(', digits);
}

static void resp3_verbatim(dbx_reply *r, const char format[3], dbx_slice text) {
    begin_value(r);
    uint8_t *at = room(r->out, bulk_room(text.len) + 4);
    if (at == NULL) return;
    at = put_number(at, '=', (uint64_t)text.len + 4);
    memcpy(at, format, 3);
    at[3] = ':';
    if (text.len > 0) memcpy(at + 4, text.ptr, text.len);
    wrote_up_to(r->out, put_crlf(at + 4 + text.len));
}

static const dbx_reply_ops resp3_ops = {.null = resp3_null,
                                        .null_array = resp3_null,
                                        .boolean = resp3_boolean,
                                        .integer = write_integer,
                                        .real = resp3_real,
                                        .bignum = resp3_bignum,
                                        .status = write_status,
                                        .error = write_error,
                                        .bulk = write_bulk,
                                        .verbatim = resp3_verbatim,
                                        .open = write_open,
                                        .close = write_close,
                                        .bulk_open = write_bulk_open,
                                        .bulk_part = write_bulk_part};

void dbx_resp_switch(dbx_reply *r, int version) {
    r->ops = version == 3 ? &resp3_ops : &resp2_ops;
}

void dbx_resp_sink(dbx_reply *r, int version, dbx_buf *out) {
    dbx_resp_switch(r, version);
    r->out = out;
    r->depth = 0;
    r->errored = false;
    r->bulk_left = 0;
    r->source = NULL;
}

/* --- Commands -------------------------------------------------------------------------------- */

void dbx_resp_length(dbx_buf *out, char type, size_t n) {
    uint8_t *at = room(out, 1 + DBX_NUM_U64_TEXT_MAX + 2);
    if (at != NULL) wrote_up_to(out, put_number(at, type, n));
}

size_t dbx_resp_command_len(size_t argc, const dbx_slice *argv) {
    enum { AROUND_NUMBER = 3, AFTER_BULK = 2 };
    size_t len = AROUND_NUMBER + dbx_num_digits(argc);
    for (size_t i = 0; i < argc; i++) {
        size_t bytes = argv[i].len;
        size_t around = AROUND_NUMBER + dbx_num_digits(bytes) + AFTER_BULK;
        if (bytes > DBX_BUF_BYTES_MAX - len || around > DBX_BUF_BYTES_MAX - len - bytes) {
            return SIZE_MAX;
        }
        len += bytes + around;
    }
    return len;
}

uint8_t *dbx_resp_command_put(uint8_t *at, size_t argc, const dbx_slice *argv) {
    at = put_number(at, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        at = put_bulk(at, argv[i]);
    }
    return at;
}

void dbx_resp_command(dbx_buf *out, size_t argc, const dbx_slice *argv) {
    uint8_t *at = room(out, dbx_resp_command_len(argc, argv));
    if (at != NULL) wrote_up_to(out, dbx_resp_command_put(at, argc, argv));
}
