/* fuzz_msgpack_read.c: the MessagePack reader on any bytes, and the writers on what it read.
 *
 * The first byte of the input chooses where it is cut short; the rest is read from allocations of
 * exactly its size, whole and cut, so that the sanitizer sees every read too far. What was read is
 * written again, as values and as a reply, and must read the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "codec/msgpack_read.h"
#include "codec/msgpack_sink.h"
#include "codec/msgpack_write.h"

static void expect(bool holds) {
    if (!holds) abort();
}

static bool has_bytes(const dbx_msgpack_token *t) {
    return t->kind == DBX_MSGPACK_IS_STR || t->kind == DBX_MSGPACK_IS_BIN ||
           t->kind == DBX_MSGPACK_IS_EXT;
}

/* A running hash of what was read, whatever its forms: stories of any length compare. */
static uint64_t tell(uint64_t story, const dbx_msgpack_token *t) {
    uint64_t said[3] = {t->kind, 0, 0};
    if (t->kind == DBX_MSGPACK_IS_EXT) said[1] = (uint64_t)t->ext;
    if (has_bytes(t)) {
        story = dbx_hash_bytes(t->bytes, story);
    } else if (t->kind >= DBX_MSGPACK_IS_ARRAY) {
        said[2] = t->count;
    } else if (t->kind == DBX_MSGPACK_IS_BOOL) {
        said[2] = t->boolean;
    } else if (t->kind != DBX_MSGPACK_IS_NIL) {
        said[2] = t->natural; /* the bits of an integer or a real as well */
    }
    return dbx_hash_bytes(dbx_slice_of(said, sizeof said), story);
}

/* A timestamp that can be read is written in as few bytes, and reads the same. */
static void check_timestamp(dbx_slice bytes) {
    uint8_t at[DBX_MSGPACK_TIMESTAMP_MAX];
    dbx_msgpack_token token;
    int64_t seconds, seconds_again;
    uint32_t nanoseconds, nanoseconds_again;
    if (dbx_msgpack_timestamp(bytes, &seconds, &nanoseconds) != DBX_OK) return;
    size_t len = (size_t)(dbx_msgpack_put_timestamp(at, seconds, nanoseconds) - at);
    expect(dbx_msgpack_head(at, len, &token) > 0 && token.ext == DBX_MSGPACK_EXT_TIMESTAMP);
    expect(token.bytes.ptr + token.bytes.len == at + len && token.bytes.len <= bytes.len);
    expect(dbx_msgpack_timestamp(token.bytes, &seconds_again, &nanoseconds_again) == DBX_OK);
    expect(seconds_again == seconds && nanoseconds_again == nanoseconds);
}

static void write_value(dbx_buf *out, const dbx_msgpack_token *t) {
    switch (t->kind) {
    case DBX_MSGPACK_IS_NIL:
        dbx_msgpack_add_nil(out);
        break;
    case DBX_MSGPACK_IS_BOOL:
        dbx_msgpack_add_bool(out, t->boolean);
        break;
    case DBX_MSGPACK_IS_INT:
        dbx_msgpack_add_int(out, t->integer);
        break;
    case DBX_MSGPACK_IS_UINT:
        dbx_msgpack_add_uint(out, t->natural);
        break;
    case DBX_MSGPACK_IS_REAL:
        dbx_msgpack_add_real(out, t->real);
        break;
    case DBX_MSGPACK_IS_STR:
        dbx_msgpack_add_str(out, t->bytes);
        break;
    case DBX_MSGPACK_IS_BIN:
        dbx_msgpack_add_bin(out, t->bytes);
        break;
    case DBX_MSGPACK_IS_ARRAY:
        dbx_msgpack_add_array(out, t->count);
        break;
    case DBX_MSGPACK_IS_MAP:
        dbx_msgpack_add_map(out, t->count);
        break;
    case DBX_MSGPACK_IS_EXT:
        dbx_msgpack_add_ext(out, t->ext, t->bytes);
        if (t->ext == DBX_MSGPACK_EXT_TIMESTAMP) check_timestamp(t->bytes);
        break;
    }
}

/* As a reply; counts are told in every other container. */
static void reply_value(dbx_reply *r, const dbx_msgpack_token *t) {
    dbx_kind kind = t->kind == DBX_MSGPACK_IS_MAP ? DBX_MAP : DBX_ARRAY;
    switch (t->kind) {
    case DBX_MSGPACK_IS_NIL:
        r->ops->null(r);
        break;
    case DBX_MSGPACK_IS_BOOL:
        r->ops->boolean(r, t->boolean);
        break;
    case DBX_MSGPACK_IS_INT:
        r->ops->integer(r, t->integer);
        break;
    case DBX_MSGPACK_IS_UINT:
        r->ops->bignum(r, dbx_slice_str("18446744073709551615"));
        break;
    case DBX_MSGPACK_IS_REAL:
        r->ops->real(r, t->real);
        break;
    case DBX_MSGPACK_IS_STR:
        r->ops->status(r, t->bytes);
        break;
    case DBX_MSGPACK_IS_EXT:
        r->ops->error(r, t->bytes);
        break;
    case DBX_MSGPACK_IS_BIN:
        r->ops->bulk_open(r, t->bytes.len);
        r->ops->bulk_part(r, t->bytes);
        break;
    case DBX_MSGPACK_IS_ARRAY:
    case DBX_MSGPACK_IS_MAP:
        r->ops->open(r, kind, r->depth % 2 ? t->count : DBX_UNKNOWN);
        break;
    }
}

/* Reads to the end or the first error; returns the story. */
static uint64_t read_all(dbx_slice bytes, dbx_buf *values, dbx_buf *replies, int *rc) {
    dbx_msgpack_reader reader;
    dbx_msgpack_token token;
    dbx_reply reply;
    uint64_t story = 1;
    dbx_msgpack_sink(&reply, replies);
    dbx_msgpack_open(&reader, bytes);
    while ((*rc = dbx_msgpack_next(&reader, &token)) == 1) {
        expect(reader.at <= reader.end && reader.depth <= DBX_MSGPACK_DEPTH_MAX);
        if (has_bytes(&token)) expect(token.bytes.ptr + token.bytes.len == reader.at);
        story = tell(story, &token);
        write_value(values, &token);
        reply_value(&reply, &token);
        while (reply.depth > reader.depth) {
            reply.ops->close(&reply);
        }
    }
    return story;
}

/* Skipping ends where reading value by value does. */
static void skip_all(dbx_slice bytes, int rc) {
    dbx_msgpack_reader reader;
    dbx_msgpack_open(&reader, bytes);
    int skipped;
    do {
        skipped = dbx_msgpack_skip(&reader);
        expect(skipped != 1 || reader.depth == 0);
    } while (skipped == 1);
    expect(skipped == rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t len = size - 1, cut = data[0] * len / 256;
    uint8_t *whole = malloc(len), *part = malloc(cut + (cut == 0));
    if (whole == NULL || part == NULL) abort();
    memcpy(whole, data + 1, len);
    memcpy(part, data + 1, cut);
    dbx_buf values = {0}, replies = {0}, again = {0}, other = {0};
    int rc, rc_again;
    uint64_t story = read_all(dbx_slice_of(whole, len), &values, &replies, &rc), story_again;
    skip_all(dbx_slice_of(whole, len), rc);
    if (rc == 0) {
        expect(!values.failed);
        story_again = read_all(dbx_buf_slice(&values), &again, &other, &rc_again);
        expect(rc_again == 0 && story_again == story);
        expect(dbx_slice_eq(dbx_buf_slice(&values), dbx_buf_slice(&again)));
        /* An empty container may be one level too deep for a reply. */
        if (!replies.failed) skip_all(dbx_buf_slice(&replies), 0);
    }
    again.len = other.len = 0;
    (void)read_all(dbx_slice_of(part, cut), &again, &other, &rc_again);
    expect(again.len <= values.len &&
           (again.len == 0 || memcmp(again.ptr, values.ptr, again.len) == 0));
    dbx_buf_free(&values);
    dbx_buf_free(&replies);
    dbx_buf_free(&again);
    dbx_buf_free(&other);
    free(whole);
    free(part);
    return 0;
}
