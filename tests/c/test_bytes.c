/* test_bytes.c: integers in byte strings, both orders, at any alignment; whether text is ASCII. */
#include "base/bytes.h"

#include "check.h"

TEST(little_endian_begins_with_the_low_byte) {
    uint8_t at[9];
    dbx_store32(at + 1, 0x01020304);
    CHECK_BYTES(dbx_slice_of(at + 1, 4), dbx_slice_of("\4\3\2\1", 4));
    CHECK_EQ(dbx_load32(at + 1), 0x01020304);
    dbx_store64(at + 1, 0x0102030405060708);
    CHECK_BYTES(dbx_slice_of(at + 1, 8), dbx_slice_of("\10\7\6\5\4\3\2\1", 8));
    CHECK_EQ(dbx_load64(at + 1), 0x0102030405060708);
}

TEST(big_endian_begins_with_the_high_byte) {
    uint8_t at[9];
    dbx_store16_be(at + 1, 0x0102);
    CHECK_BYTES(dbx_slice_of(at + 1, 2), dbx_slice_of("\1\2", 2));
    CHECK_EQ(dbx_load16_be(at + 1), 0x0102);
    dbx_store32_be(at + 1, 0x01020304);
    CHECK_BYTES(dbx_slice_of(at + 1, 4), dbx_slice_of("\1\2\3\4", 4));
    CHECK_EQ(dbx_load32_be(at + 1), 0x01020304);
    dbx_store64_be(at + 1, 0x0102030405060708);
    CHECK_BYTES(dbx_slice_of(at + 1, 8), dbx_slice_of("\1\2\3\4\5\6\7\10", 8));
    CHECK_EQ(dbx_load64_be(at + 1), 0x0102030405060708);
}

TEST(one_byte_beyond_ascii_is_found_wherever_it_is) {
    uint8_t text[200];
    memset(text, 0x7f, sizeof text);
    for (size_t len = 0; len <= sizeof text - 2; len++) {
        text[len + 1] = 0x80; /* the byte behind is not looked at */
        CHECK(dbx_bytes_ascii(text + 1, len));
        text[len + 1] = 0x7f;
        for (size_t i = 0; i < len; i++) {
            text[1 + i] = 0x80;
            CHECK(!dbx_bytes_ascii(text + 1, len));
            text[1 + i] = 0x7f;
        }
    }
}
