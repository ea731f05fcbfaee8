/* test_lzf.c: what is packed comes out whole, in parts of any size; what is damaged does not. */
#include "codec/lzf.h"

#include "check.h"

enum { PART = 7, LONG = 20000 };

TEST(literals_and_repeats_are_unpacked_in_parts_of_any_size) {
    /* "abcabcabcabcX": three literals, nine from three back, a literal */
    static const uint8_t packed[] = {0x02, 'a', 'b', 'c', 0xe0, 0x00, 0x02, 0x00, 'X'};
    static const char whole[] = "abcabcabcabcX";
    for (size_t part = 1; part < sizeof whole; part++) {
        dbx_lzf lzf;
        uint8_t out[sizeof whole];
        size_t done = 0;
        dbx_lzf_open(&lzf, dbx_slice_of(packed, sizeof packed));
        while (done < sizeof whole - 1) {
            size_t left = sizeof whole - 1 - done, n = left < part ? left : part;
            CHECK(dbx_lzf_read(&lzf, out + done, n));
            done += n;
        }
        CHECK(dbx_lzf_ended(&lzf));
        CHECK_BYTES(dbx_slice_of(out, done), dbx_slice_str(whole));
        CHECK(!dbx_lzf_read(&lzf, out, 1));
    }
}

TEST(repeats_reach_back_a_whole_window) {
    static uint8_t packed[LONG], out[LONG];
    size_t n = 0, len = 0;
    dbx_lzf lzf;
    while (len < DBX_LZF_WINDOW) { /* literals, 32 at a time */
        packed[n++] = 31;
        for (int i = 0; i < 32; i++)
            packed[n++] = (uint8_t)(len++ * 7);
    }
    packed[n++] = 0xff; /* 264 bytes from 8192 back */
    packed[n++] = 0xff;
    packed[n++] = 0xff;
    dbx_lzf_open(&lzf, dbx_slice_of(packed, n));
    CHECK(dbx_lzf_read(&lzf, out, len + 264));
    CHECK(dbx_lzf_ended(&lzf));
    CHECK(memcmp(out, out + len, 264) == 0);
}

TEST(damage_is_noticed) {
    static const struct {
        const char *bytes;
        size_t len, give;
    } bad[] = {
        {"", 0, 1}, /* nothing */
        {"\x05"
         "ab",
         3, 1}, /* literals cut off */
        {"\x00"
         "a\x20",
         3, 2}, /* a repeat without its distance */
        {"\x00"
         "a\xe0\x00",
         4, 2}, /* a long one without its distance */
        {"\x00"
         "a\x20\x01",
         4, 2},             /* it reaches back before the beginning */
        {"\x20\x00", 2, 1}, /* of nothing */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[PART];
        dbx_lzf lzf;
        dbx_lzf_open(&lzf, dbx_slice_of(bad[i].bytes, bad[i].len));
        CHECK(!dbx_lzf_read(&lzf, out, bad[i].give));
    }
}
