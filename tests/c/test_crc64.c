/* test_crc64.c: known answers, and every length at every alignment against the definition. */
#include "base/crc64.h"

#include "base/rand.h"
#include "check.h"

static uint64_t by_definition(const uint8_t *p, size_t len) {
    uint64_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
    }
    return crc;
}

TEST(known_answers) { /* Redis's own */
    CHECK_EQ(dbx_crc64(0, "", 0), 0);
    CHECK_EQ(dbx_crc64(0, "123456789", 9), UINT64_C(0xe9c6d914c4b8d9ca));
}

TEST(any_length_and_alignment_follows_the_definition) {
    uint8_t bytes[256];
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)dbx_rand_u64(&rand);
    for (size_t from = 0; from < 16; from++) {
        for (size_t len = 0; from + len <= sizeof bytes; len++)
            CHECK_EQ(dbx_crc64(0, bytes + from, len), by_definition(bytes + from, len));
    }
}

TEST(pieces_give_the_sum_of_the_whole) {
    uint8_t bytes[100];
    memset(bytes, 'x', sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint64_t crc = dbx_crc64(0, bytes, cut);
        CHECK_EQ(dbx_crc64(crc, bytes + cut, sizeof bytes - cut), by_definition(bytes, 100));
    }
}
