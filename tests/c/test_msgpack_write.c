/* test_msgpack_write.c: each value has the shortest of its forms, as the specification gives them.
 */
#include "codec/msgpack_write.h"

#include "base/alloc.h"
#include "check.h"

static dbx_buf out;

static void begins(const char *what, const char *want, size_t want_len, size_t total) {
    CHECK(!out.failed);
    CHECK_EQ(out.len, total);
    if (out.len < want_len || memcmp(out.ptr, want, want_len) != 0) {
        check_failed(__FILE__, __LINE__, "%s", what);
        check_bytes(__FILE__, __LINE__, what, dbx_buf_slice(&out), dbx_slice_of(want, want_len));
    }
    dbx_buf_free(&out);
}

/* What was written is these bytes. */
#define IS(want) begins(#want, want, sizeof(want) - 1, sizeof(want) - 1)

#define INT(value, want)                                                                           \
    do {                                                                                           \
        dbx_msgpack_add_int(&out, value);                                                          \
        IS(want);                                                                                  \
    } while (0)

TEST(integers_at_both_ends_of_every_form) {
    INT(0, "\x00");
    INT(127, "\x7f");
    INT(128, "\xcc\x80");
    INT(255, "\xcc\xff");
    INT(256, "\xcd\x01\x00");
    INT(65535, "\xcd\xff\xff");
    INT(65536, "\xce\x00\x01\x00\x00");
    INT(4294967295, "\xce\xff\xff\xff\xff");
    INT(4294967296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00");
    INT(INT64_MAX, "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff");
    INT(-1, "\xff");
    INT(-32, "\xe0");
    INT(-33, "\xd0\xdf");
    INT(-128, "\xd0\x80");
    INT(-129, "\xd1\xff\x7f");
    INT(-32768, "\xd1\x80\x00");
    INT(-32769, "\xd2\xff\xff\x7f\xff");
    INT(INT32_MIN, "\xd2\x80\x00\x00\x00");
    INT((int64_t)INT32_MIN - 1, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff");
    INT(INT64_MIN, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    dbx_msgpack_add_uint(&out, UINT64_MAX);
    IS("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
}

TEST(what_has_one_form) {
    dbx_msgpack_add_nil(&out);
    dbx_msgpack_add_bool(&out, false);
    dbx_msgpack_add_bool(&out, true);
    dbx_msgpack_add_real(&out, 1.5);
    IS("\xc0\xc2\xc3\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
    uint8_t at[DBX_MSGPACK_HEAD_MAX];
    uint8_t *end = dbx_msgpack_put_real32(at, 1.5F);
    CHECK_BYTES(dbx_slice_of(at, (size_t)(end - at)), dbx_slice_of("\xca\x3f\xc0\x00\x00", 5));
}

typedef void add_bytes(dbx_buf *to, dbx_slice bytes);

static void add_ext(dbx_buf *to, dbx_slice bytes) {
    dbx_msgpack_add_ext(to, 7, bytes);
}

static uint8_t content[65536];

static void head(add_bytes *add, size_t len, const char *want, size_t want_len) {
    add(&out, dbx_slice_of(len > 0 ? content : NULL, len));
    begins("head", want, want_len, want_len + len);
}

#define HEAD(add, len, want) head(add, len, want, sizeof(want) - 1)

TEST(lengths_at_both_ends_of_every_form) {
    HEAD(dbx_msgpack_add_str, 0, "\xa0");
    HEAD(dbx_msgpack_add_str, 31, "\xbf");
    HEAD(dbx_msgpack_add_str, 32, "\xd9\x20");
    HEAD(dbx_msgpack_add_str, 255, "\xd9\xff");
    HEAD(dbx_msgpack_add_str, 256, "\xda\x01\x00");
    HEAD(dbx_msgpack_add_str, 65535, "\xda\xff\xff");
    HEAD(dbx_msgpack_add_str, 65536, "\xdb\x00\x01\x00\x00");
    HEAD(dbx_msgpack_add_bin, 0, "\xc4\x00");
    HEAD(dbx_msgpack_add_bin, 255, "\xc4\xff");
    HEAD(dbx_msgpack_add_bin, 256, "\xc5\x01\x00");
    HEAD(dbx_msgpack_add_bin, 65535, "\xc5\xff\xff");
    HEAD(dbx_msgpack_add_bin, 65536, "\xc6\x00\x01\x00\x00");
    HEAD(add_ext, 0, "\xc7\x00\x07");
    HEAD(add_ext, 1, "\xd4\x07");
    HEAD(add_ext, 2, "\xd5\x07");
    HEAD(add_ext, 3, "\xc7\x03\x07");
    HEAD(add_ext, 4, "\xd6\x07");
    HEAD(add_ext, 8, "\xd7\x07");
    HEAD(add_ext, 16, "\xd8\x07");
    HEAD(add_ext, 17, "\xc7\x11\x07");
    HEAD(add_ext, 256, "\xc8\x01\x00\x07");
    HEAD(add_ext, 65536, "\xc9\x00\x01\x00\x00\x07");
    uint8_t at[DBX_MSGPACK_HEAD_MAX];
    uint8_t *end = dbx_msgpack_put_raw_head(at, 32);
    CHECK_BYTES(dbx_slice_of(at, (size_t)(end - at)), dbx_slice_of("\xda\x00\x20", 3));
}

#define COUNT(add, count, want)                                                                    \
    do {                                                                                           \
        add(&out, count);                                                                          \
        IS(want);                                                                                  \
    } while (0)

TEST(counts_at_both_ends_of_every_form) {
    COUNT(dbx_msgpack_add_array, 0, "\x90");
    COUNT(dbx_msgpack_add_array, 15, "\x9f");
    COUNT(dbx_msgpack_add_array, 16, "\xdc\x00\x10");
    COUNT(dbx_msgpack_add_array, 65535, "\xdc\xff\xff");
    COUNT(dbx_msgpack_add_array, 65536, "\xdd\x00\x01\x00\x00");
    COUNT(dbx_msgpack_add_map, 0, "\x80");
    COUNT(dbx_msgpack_add_map, 15, "\x8f");
    COUNT(dbx_msgpack_add_map, 16, "\xde\x00\x10");
    COUNT(dbx_msgpack_add_map, UINT32_MAX, "\xdf\xff\xff\xff\xff");
    COUNT(dbx_msgpack_add_bin_head, 3, "\xc4\x03");
}

static void timestamp(int64_t seconds, uint32_t nanoseconds, const char *want, size_t len) {
    uint8_t at[DBX_MSGPACK_TIMESTAMP_MAX];
    uint8_t *end = dbx_msgpack_put_timestamp(at, seconds, nanoseconds);
    CHECK_BYTES(dbx_slice_of(at, (size_t)(end - at)), dbx_slice_of(want, len));
}

TEST(timestamps_at_both_ends_of_every_form) {
    timestamp(0, 0, "\xd6\xff\0\0\0\0", 6);
    timestamp(UINT32_MAX, 0, "\xd6\xff\xff\xff\xff\xff", 6);
    timestamp(0, 1, "\xd7\xff\0\0\0\4\0\0\0\0", 10);
    timestamp((int64_t)UINT32_MAX + 1, 0, "\xd7\xff\0\0\0\1\0\0\0\0", 10);
    timestamp(((int64_t)1 << 34) - 1, 999999999, "\xd7\xff\xee\x6b\x27\xff\xff\xff\xff\xff", 10);
    timestamp((int64_t)1 << 34, 0, "\xc7\x0c\xff\0\0\0\0\0\0\0\4\0\0\0\0", 15);
    timestamp(-1, 5, "\xc7\x0c\xff\0\0\0\5\xff\xff\xff\xff\xff\xff\xff\xff", 15);
}

TEST(what_no_form_can_say_fails) {
    add_bytes *adds[] = {dbx_msgpack_add_str, dbx_msgpack_add_bin, add_ext};
    for (unsigned i = 0; i < sizeof adds / sizeof *adds; i++) {
        adds[i](&out, dbx_slice_of(content, (size_t)UINT32_MAX + 1));
        CHECK(out.failed);
        dbx_buf_free(&out);
    }
    dbx_msgpack_add_array(&out, (size_t)UINT32_MAX + 1);
    CHECK(out.failed);
    dbx_buf_free(&out);
    dbx_msgpack_add_map(&out, SIZE_MAX);
    CHECK(out.failed);
    dbx_buf_free(&out);
    dbx_msgpack_add_bin_head(&out, (size_t)UINT32_MAX + 1);
    CHECK(out.failed);
    dbx_buf_free(&out);
}
