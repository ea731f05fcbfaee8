/* test_rand.c: random numbers: repeatable, within bounds, even. */
#include "base/rand.h"

#include "base/err.h"
#include "check.h"

TEST(the_same_seed_gives_the_same_sequence) {
    dbx_rand a, b, c;
    dbx_rand_seed_with(&a, 42);
    dbx_rand_seed_with(&b, 42);
    dbx_rand_seed(&c);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t x = dbx_rand_u64(&a);
        CHECK(x == dbx_rand_u64(&b));
        differs |= x != dbx_rand_u64(&c);
    }
    CHECK(differs);
}

TEST(below_is_within_bounds_and_even) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    unsigned count[10] = {0};
    for (int i = 0; i < 100000; i++) {
        count[dbx_rand_below(&rand, 10)]++;
    }
    for (int i = 0; i < 10; i++) {
        CHECK(count[i] > 9400 && count[i] < 10600);
    }
    CHECK_EQ(dbx_rand_below(&rand, 1), 0);
    CHECK(dbx_rand_below(&rand, UINT64_MAX) < UINT64_MAX);
}

TEST(bytes_come_from_the_kernel) {
    uint8_t a[300] = {0}, b[300] = {0};
    CHECK_EQ(dbx_rand_bytes(a, sizeof a), DBX_OK);
    CHECK_EQ(dbx_rand_bytes(b, sizeof b), DBX_OK);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK_EQ(dbx_rand_bytes(a, 0), DBX_OK);
}
