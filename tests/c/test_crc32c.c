/* test_crc32c.c: known answers, and every length at every alignment against the definition. */
#include "base/crc32c.h"

#include "base/rand.h"
#include "check.h"

static uint32_t by_definition(const uint8_t *p, size_t len) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}

TEST(known_answers) { /* RFC 3720, B.4 */
    uint8_t bytes[32] = {0};
    CHECK_EQ(dbx_crc32c(0, "", 0), 0);
    CHECK_EQ(dbx_crc32c(0, "123456789", 9), 0xe3069283u);
    CHECK_EQ(dbx_crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    CHECK_EQ(dbx_crc32c(0, bytes, 32), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    CHECK_EQ(dbx_crc32c(0, bytes, 32), 0x46dd794eu);
}

TEST(any_length_and_alignment_follows_the_definition) {
    uint8_t bytes[256];
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)dbx_rand_u64(&rand);
    }
    for (size_t from = 0; from < 16; from++) {
        for (size_t len = 0; from + len <= sizeof bytes; len++) {
            CHECK_EQ(dbx_crc32c(0, bytes + from, len), by_definition(bytes + from, len));
        }
    }
}

TEST(pieces_give_the_sum_of_the_whole) {
    uint8_t bytes[100];
    memset(bytes, 'x', sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t crc = dbx_crc32c(0, bytes, cut);
        CHECK_EQ(dbx_crc32c(crc, bytes + cut, sizeof bytes - cut), by_definition(bytes, 100));
    }
}
