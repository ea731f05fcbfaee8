/* test_rdb.c: lengths and strings of DUMP payloads, the footer, and what is announced but not
 * there.
 */
#include "codec/rdb.h"

#include "base/err.h"
#include "check.h"

TEST(lengths_are_read_as_they_were_written) {
    static const uint64_t lens[] = {
        0, 1, 63, 64, 16383, 16384, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 32};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (int fixed = 0; fixed < 2; fixed++) {
            dbx_buf out = {0};
            uint64_t len;
            if (fixed) dbx_rdb_put_count(&out, lens[i]);
            if (!fixed) dbx_rdb_put_len(&out, lens[i]);
            for (size_t cut = 0; cut < out.len; cut++) {
                dbx_slice part = dbx_slice_of(out.ptr, cut);
                CHECK(!dbx_rdb_read_len(&part, &len));
            }
            dbx_slice in = dbx_buf_slice(&out);
            CHECK(dbx_rdb_read_len(&in, &len) && in.len == 0 && len == lens[i]);
            dbx_buf_free(&out);
        }
    }
}

TEST(strings_are_read_as_they_were_written_digits_too) {
    static const char *const texts[] = {"",    "a",      "0",          "-1",         "127",
                                        "128", "-32769", "65536",      "2147483647", "2147483648",
                                        "007", "+1",     "-2147483648"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        dbx_buf out = {0}, room = {0};
        dbx_rdb_string string;
        dbx_slice bytes;
        dbx_rdb_put_string(&out, dbx_slice_str(texts[i]));
        dbx_slice in = dbx_buf_slice(&out);
        CHECK(dbx_rdb_read_string(&in, &string) && in.len == 0);
        CHECK_EQ(dbx_rdb_unpack(&string, 100, &room, &bytes), DBX_OK);
        CHECK_TEXT(bytes, texts[i]);
        if (string.len > 0)
            CHECK_EQ(dbx_rdb_unpack(&string, string.len - 1, &room, &bytes), DBX_EINVAL);
        dbx_buf_free(&out);
        dbx_buf_free(&room);
    }
}

TEST(what_is_announced_but_not_there_takes_no_memory) {
    static const uint8_t huge[] = {0xC3, 3,   0x81, 0x7F, 255, 255, 255,
                                   255,  255, 255,  255,  0,   'a', 0};
    dbx_slice in = dbx_slice_of(huge, sizeof huge);
    dbx_rdb_string string;
    CHECK(!dbx_rdb_read_string(&in, &string));
    in = dbx_slice_of(huge + 2, sizeof huge - 2);
    CHECK(!dbx_rdb_read_string(&in, &string));
}

TEST(a_footer_is_right_or_refused) {
    dbx_buf out = {0};
    dbx_slice body;
    dbx_buf_str(&out, "abc");
    dbx_rdb_footer(&out, DBX_RDB_VERSION_MAX, UINT64_C(0));
    CHECK(!dbx_rdb_check(dbx_buf_slice(&out), &body)); /* the checksum of another body */
    CHECK(!dbx_rdb_check(dbx_slice_str("short"), &body));
    dbx_buf_free(&out);
    dbx_rdb_footer(&out, DBX_RDB_VERSION_MAX, 0);
    CHECK(dbx_rdb_check(dbx_buf_slice(&out), &body));
    CHECK_EQ(body.len, 0);
    dbx_buf_free(&out);
    dbx_rdb_footer(&out, DBX_RDB_VERSION_MAX + 1, 0);
    CHECK(!dbx_rdb_check(dbx_buf_slice(&out), &body));
    dbx_buf_free(&out);
}
