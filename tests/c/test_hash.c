/* test_hash.c: the hashes: known answers, and that the fast one spreads. */
#include "base/hash.h"

#include "check.h"

TEST(siphash_gives_the_reference_vectors) {
    /* vectors_sip128 of the reference implementation: key 00 01 .. 0f, input 00 01 .. n-1 */
    static const struct {
        size_t len;
        uint8_t out[16];
    } vectors[] = {{0,
                    {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
                     0x55, 0x02, 0x93}},
                   {1,
                    {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
                     0x22, 0xfc, 0x45}},
                   {2,
                    {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6,
                     0x0a, 0xff, 0xe4}}};
    uint8_t key[16], input[64], out[16];
    for (uint8_t i = 0; i < 64; i++) {
        input[i] = i;
        if (i < 16) key[i] = i;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        dbx_hash_sip(dbx_slice_of(input, vectors[i].len), key, out);
        CHECK_BYTES(dbx_slice_of(out, 16), dbx_slice_of(vectors[i].out, 16));
    }
}

TEST(siphash_sees_every_byte_and_the_length) {
    uint8_t key[16] = {1}, input[40] = {0}, first[16], out[16];
    for (size_t len = 1; len <= sizeof input; len++) {
        dbx_hash_sip(dbx_slice_of(input, len), key, first);
        for (size_t i = 0; i < len; i++) {
            input[i] = 1;
            dbx_hash_sip(dbx_slice_of(input, len), key, out);
            CHECK(memcmp(first, out, 16) != 0);
            input[i] = 0;
        }
        dbx_hash_sip(dbx_slice_of(input, len - 1), key, out);
        CHECK(memcmp(first, out, 16) != 0);
    }
}

TEST(fast_hash_changes_about_half_its_bits_with_any_input_bit) {
    uint8_t input[70] = {0};
    for (size_t len = 1; len <= sizeof input; len++) {
        uint64_t plain = dbx_hash_bytes(dbx_slice_of(input, len), 5);
        CHECK(plain != dbx_hash_bytes(dbx_slice_of(input, len - 1), 5));
        CHECK(plain != dbx_hash_bytes(dbx_slice_of(input, len), 6));
        for (size_t bit = 0; bit < len * 8; bit++) {
            input[bit / 8] ^= (uint8_t)(1u << bit % 8);
            uint64_t changed = plain ^ dbx_hash_bytes(dbx_slice_of(input, len), 5);
            int ones = __builtin_popcountll(changed);
            CHECK(ones >= 10 && ones <= 54);
            input[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

TEST(fast_hash_of_counters_fills_buckets_evenly) {
    enum { BUCKETS = 1024, KEYS = BUCKETS * 64 };
    static unsigned count[BUCKETS], high[BUCKETS];
    for (unsigned i = 0; i < KEYS; i++) {
        char key[32];
        int len = snprintf(key, sizeof key, "key:%012u", i);
        uint64_t hash = dbx_hash_bytes(dbx_slice_of(key, (size_t)len), check_seed());
        count[hash % BUCKETS]++;
        high[hash >> 54]++;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        CHECK(count[i] > 20 && count[i] < 125); /* 64 expected; far beyond 5 sigma */
        CHECK(high[i] > 20 && high[i] < 125);
    }
}

TEST(alignment_does_not_matter) {
    uint8_t room[80], key[16] = {3};
    uint8_t sip[16], other[16];
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < 64; i++) {
            room[shift + i] = (uint8_t)(i * 7);
        }
        dbx_hash_sip(dbx_slice_of(room + shift, 61), key, shift == 0 ? sip : other);
        if (shift > 0) CHECK(memcmp(sip, other, 16) == 0);
    }
}
