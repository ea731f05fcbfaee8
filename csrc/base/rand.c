/* rand.c: random numbers; see rand.h. The generator is Blackman and Vigna's xoshiro256**. */
#include "base/rand.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/err.h"

int dbx_rand_bytes(void *out, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)out + done, n - done, 0);
        if (got < 0 && errno != EINTR) return DBX_EIO;
        if (got > 0) done += (size_t)got;
    }
    return DBX_OK;
}

/* splitmix64: spreads any seed over the whole state, which must not be all zeros. */
void dbx_rand_seed_with(dbx_rand *rand, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rand->s[i] = z ^ (z >> 31);
    }
}

void dbx_rand_seed(dbx_rand *rand) {
    uint64_t seed;
    if (dbx_rand_bytes(&seed, sizeof seed) != DBX_OK) {
        /* A kernel without getrandom: the clock and the stack's address are enough for what is not
         * a secret. */
        seed = (uint64_t)dbx_clock_wall_us() ^ (uint64_t)(uintptr_t)&seed;
    }
    dbx_rand_seed_with(rand, seed);
}

static uint64_t rotate_left(uint64_t x, int n) {
    return (x << n) | (x >> (64 - n));
}

uint64_t dbx_rand_u64(dbx_rand *rand) {
    uint64_t *s = rand->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t dbx_rand_below(dbx_rand *rand, uint64_t n) {
    uint64_t unfair =
        (0 - n) % n; /* 2^64 mod n: numbers below it would make some results likelier */
    uint64_t x;
    do {
        x = dbx_rand_u64(rand);
    } while (x < unfair);
    return x % n;
}
