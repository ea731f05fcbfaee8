/* test_msgpack_read.c: every form is read, and nothing beyond the bytes that are there. */
#include "codec/msgpack_read.h"

#include "base/buf.h"
#include "base/rand.h"
#include "check.h"
#include "codec/msgpack_write.h"

static dbx_msgpack_reader reader;
static dbx_msgpack_token token;

#define BYTES(text) dbx_slice_of(text, sizeof(text) - 1)
#define OPEN(text) dbx_msgpack_open(&reader, BYTES(text))

/* The one value in these bytes, read from an allocation of their size, and no shorter part. */
static void read_one(const char *bytes, size_t len) {
    uint8_t *copy = malloc(len);
    memcpy(copy, bytes, len);
    for (size_t part = 1; part < len; part++) {
        uint8_t *begin = malloc(part);
        memcpy(begin, bytes, part);
        dbx_msgpack_open(&reader, dbx_slice_of(begin, part));
        CHECK_EQ(dbx_msgpack_next(&reader, &token), DBX_EINVAL);
        CHECK(reader.at == begin);
        free(begin);
    }
    dbx_msgpack_open(&reader, dbx_slice_of(copy, len));
    CHECK_EQ(dbx_msgpack_next(&reader, &token), 1);
    CHECK_EQ(reader.depth, 0);
    if (token.kind == DBX_MSGPACK_IS_STR || token.kind == DBX_MSGPACK_IS_BIN ||
        token.kind == DBX_MSGPACK_IS_EXT) {
        CHECK(token.bytes.ptr + token.bytes.len == copy + len);
        token.bytes.ptr = (const uint8_t *)bytes + (len - token.bytes.len);
    }
    dbx_msgpack_token none;
    CHECK_EQ(dbx_msgpack_next(&reader, &none), 0);
    free(copy);
}

#define INT(text, want)                                                                            \
    do {                                                                                           \
        read_one(text, sizeof(text) - 1);                                                          \
        CHECK_EQ(token.kind, DBX_MSGPACK_IS_INT);                                                  \
        CHECK_EQ(token.integer, want);                                                             \
    } while (0)

TEST(integers_of_every_form) {
    INT("\x00", 0);
    INT("\x7f", 127);
    INT("\xe0", -32);
    INT("\xff", -1);
    INT("\xcc\xff", 255);
    INT("\xcd\xff\xfe", 65534);
    INT("\xce\xff\xff\xff\xfe", 4294967294);
    INT("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", INT64_MAX);
    INT("\xd0\x80", -128);
    INT("\xd1\x80\x00", -32768);
    INT("\xd2\x80\x00\x00\x00", INT32_MIN);
    INT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", INT64_MIN);
    INT("\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 5); /* not the shortest form: it is read as well */
    static const char large[] = "\xcf\x80\x00\x00\x00\x00\x00\x00\x01";
    read_one(large, sizeof large - 1);
    CHECK_EQ(token.kind, DBX_MSGPACK_IS_UINT);
    CHECK(token.natural == (uint64_t)INT64_MAX + 2);
}

TEST(what_else_has_no_content) {
    read_one("\xc0", 1);
    CHECK_EQ(token.kind, DBX_MSGPACK_IS_NIL);
    read_one("\xc2", 1);
    CHECK(token.kind == DBX_MSGPACK_IS_BOOL && !token.boolean);
    read_one("\xc3", 1);
    CHECK(token.kind == DBX_MSGPACK_IS_BOOL && token.boolean);
    read_one("\xca\x3f\xc0\x00\x00", 5);
    CHECK(token.kind == DBX_MSGPACK_IS_REAL && token.real == 1.5);
    read_one("\xcb\xbf\xf8\x00\x00\x00\x00\x00\x00", 9);
    CHECK(token.kind == DBX_MSGPACK_IS_REAL && token.real == -1.5);
}

static void text(const char *bytes, size_t len, dbx_msgpack_kind kind, const char *want) {
    read_one(bytes, len);
    CHECK_EQ(token.kind, kind);
    CHECK_TEXT(token.bytes, want);
    if (kind == DBX_MSGPACK_IS_EXT) CHECK_EQ(token.ext, -2);
}

#define TEXT(bytes, kind, want) text(bytes, sizeof(bytes) - 1, DBX_MSGPACK_IS_##kind, want)

TEST(strings_of_every_form) {
    TEXT("\xa0", STR, "");
    TEXT("\xa3xyz", STR, "xyz");
    TEXT("\xd9\x03xyz", STR, "xyz");
    TEXT("\xda\x00\x03xyz", STR, "xyz");
    TEXT("\xdb\x00\x00\x00\x03xyz", STR, "xyz");
    TEXT("\xc4\x03xyz", BIN, "xyz");
    TEXT("\xc5\x00\x03xyz", BIN, "xyz");
    TEXT("\xc6\x00\x00\x00\x03xyz", BIN, "xyz");
    TEXT("\xc7\x03\xfexyz", EXT, "xyz");
    TEXT("\xc8\x00\x03\xfexyz", EXT, "xyz");
    TEXT("\xc9\x00\x00\x00\x03\xfexyz", EXT, "xyz");
    TEXT("\xd4\xfe"
         "1",
         EXT, "1");
    TEXT("\xd5\xfe"
         "12",
         EXT, "12");
    TEXT("\xd6\xfe"
         "1234",
         EXT, "1234");
    TEXT("\xd7\xfe"
         "12345678",
         EXT, "12345678");
    TEXT("\xd8\xfe"
         "0123456789abcdef",
         EXT, "0123456789abcdef");
}

static void step(dbx_msgpack_kind kind, uint32_t count, unsigned depth) {
    CHECK_EQ(dbx_msgpack_next(&reader, &token), 1);
    CHECK_EQ(token.kind, kind);
    if (kind >= DBX_MSGPACK_IS_ARRAY) CHECK_EQ(token.count, count);
    CHECK_EQ(reader.depth, depth);
}

TEST(depth_says_when_a_value_is_complete) {
    OPEN("\x93\x01\x81\xa1k\x91\x02\x90\x05");
    step(DBX_MSGPACK_IS_ARRAY, 3, 1);
    step(DBX_MSGPACK_IS_INT, 0, 1);
    step(DBX_MSGPACK_IS_MAP, 1, 2);
    step(DBX_MSGPACK_IS_STR, 0, 2);
    step(DBX_MSGPACK_IS_ARRAY, 1, 3);
    step(DBX_MSGPACK_IS_INT, 0, 1);
    step(DBX_MSGPACK_IS_ARRAY, 0, 0);
    step(DBX_MSGPACK_IS_INT, 0, 0);
    CHECK_EQ(dbx_msgpack_next(&reader, &token), 0);
    OPEN("\xdc\x00\x01\xde\x00\x01\x01\xdd\x00\x00\x00\x01\xdf\x00\x00\x00\x00");
    step(DBX_MSGPACK_IS_ARRAY, 1, 1);
    step(DBX_MSGPACK_IS_MAP, 1, 2);
    step(DBX_MSGPACK_IS_INT, 0, 2);
    step(DBX_MSGPACK_IS_ARRAY, 1, 3);
    step(DBX_MSGPACK_IS_MAP, 0, 0);
}

static void fails(dbx_slice bytes, int tokens, int rc) {
    dbx_msgpack_open(&reader, bytes);
    for (int i = 0; i < tokens; i++) {
        CHECK_EQ(dbx_msgpack_next(&reader, &token), 1);
    }
    for (int i = 0; i < 3; i++) { /* it stays so */
        CHECK_EQ(dbx_msgpack_next(&reader, &token), rc);
    }
}

TEST(what_is_broken_or_cut_off_is_found_where_it_begins) {
    fails(BYTES("\xc1"), 0, DBX_EINVAL);
    fails(BYTES("\x01\xc1"), 1, DBX_EINVAL);
    fails(BYTES("\x92\x01"), 0, DBX_EINVAL);
    fails(BYTES("\x92\xa1z"), 1 + 1, DBX_EINVAL); /* bytes enough, but of one value */
    fails(BYTES("\x81\x01"), 0, DBX_EINVAL);
    fails(BYTES("\xdd\xff\xff\xff\xff\x01"), 0, DBX_EINVAL);
    fails(BYTES("\xdf\xff\xff\xff\xff\x01"), 0, DBX_EINVAL);
    fails(BYTES("\xdb\xff\xff\xff\xff\x01"), 0, DBX_EINVAL);
    fails(BYTES("\x92\x92\x01\x01"), 1, DBX_EINVAL); /* counts of all levels together */
    fails(dbx_slice_of(NULL, 0), 0, 0);
}

TEST(nesting_is_bounded) {
    uint8_t deep[DBX_MSGPACK_DEPTH_MAX + 2];
    memset(deep, DBX_MSGPACK_FIXARRAY + 1, sizeof deep);
    fails(dbx_slice_of(deep, sizeof deep), DBX_MSGPACK_DEPTH_MAX, DBX_ELIMIT);
    deep[DBX_MSGPACK_DEPTH_MAX] = 1;
    dbx_msgpack_open(&reader, dbx_slice_of(deep, DBX_MSGPACK_DEPTH_MAX + 1));
    CHECK_EQ(dbx_msgpack_skip(&reader), 1);
    CHECK_EQ(dbx_msgpack_skip(&reader), 0);
}

TEST(skip_passes_one_whole_value) {
    OPEN("\x92\x93\x01\x80\xa1z\x07\xa2zz\x91\x90\x09");
    step(DBX_MSGPACK_IS_ARRAY, 2, 1);
    CHECK_EQ(dbx_msgpack_skip(&reader), 1);
    CHECK_EQ(reader.depth, 1);
    step(DBX_MSGPACK_IS_INT, 0, 0);
    CHECK_EQ(token.integer, 7);
    CHECK_EQ(dbx_msgpack_skip(&reader), 1);
    CHECK_EQ(dbx_msgpack_skip(&reader), 1);
    step(DBX_MSGPACK_IS_INT, 0, 0);
    CHECK_EQ(token.integer, 9);
    CHECK_EQ(dbx_msgpack_skip(&reader), 0);
    OPEN("\x91\xc1");
    CHECK_EQ(dbx_msgpack_skip(&reader), DBX_EINVAL);
}

static void timestamp(dbx_slice bytes, int rc, int64_t seconds, uint32_t nanoseconds) {
    int64_t s = 0;
    uint32_t ns = 0;
    CHECK_EQ(dbx_msgpack_timestamp(bytes, &s, &ns), rc);
    if (rc == DBX_OK) CHECK(s == seconds && ns == nanoseconds);
}

TEST(timestamps_of_every_form) {
    timestamp(BYTES("\xff\xff\xff\xff"), DBX_OK, UINT32_MAX, 0);
    timestamp(BYTES("\xee\x6b\x27\xff\xff\xff\xff\xff"), DBX_OK, ((int64_t)1 << 34) - 1, 999999999);
    timestamp(BYTES("\0\0\0\5\xff\xff\xff\xff\xff\xff\xff\xff"), DBX_OK, -1, 5);
    timestamp(BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), DBX_EINVAL, 0, 0);
    timestamp(BYTES("\x3b\x9a\xca\x00\0\0\0\0\0\0\0\0"), DBX_EINVAL, 0, 0);
    timestamp(BYTES("\0\0\0"), DBX_EINVAL, 0, 0);
    timestamp(dbx_slice_of(NULL, 0), DBX_EINVAL, 0, 0);
}

TEST(what_was_written_is_read_back) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    dbx_buf out = {0};
    for (int round = 0; round < 100000; round++) {
        uint64_t bits = dbx_rand_u64(&rand) >> (dbx_rand_u64(&rand) % 64);
        int64_t number = (int64_t)(dbx_rand_u64(&rand) % 2 ? bits : -bits);
        out.len = 0;
        dbx_msgpack_add_int(&out, number);
        dbx_msgpack_add_uint(&out, bits);
        dbx_msgpack_open(&reader, dbx_buf_slice(&out));
        CHECK(dbx_msgpack_next(&reader, &token) == 1 && token.integer == number);
        CHECK(dbx_msgpack_next(&reader, &token) == 1 && token.natural == bits);
        CHECK_EQ(dbx_msgpack_next(&reader, &token), 0);
        if (check_failures > 0) break;
    }
    dbx_buf_free(&out);
}
