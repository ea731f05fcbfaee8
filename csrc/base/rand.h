/* rand.h: random numbers: a fast generator for each owner, and the kernel's for secrets. */
#ifndef DBX_BASE_RAND_H
#define DBX_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* A generator (xoshiro256**). Not for secrets, and not shared between threads. */
typedef struct dbx_rand {
    uint64_t s[4];
} dbx_rand;

/* dbx_rand_seed starts a generator from the kernel's randomness, dbx_rand_seed_with from a number:
 * the same number, the same sequence. */
void dbx_rand_seed(dbx_rand *rand);
void dbx_rand_seed_with(dbx_rand *rand, uint64_t seed);

uint64_t dbx_rand_u64(dbx_rand *rand);
/* dbx_rand_below is a number in [0, n), each equally likely; n > 0. */
uint64_t dbx_rand_below(dbx_rand *rand, uint64_t n);

/* dbx_rand_bytes fills `out` from the kernel: ids, keys, tokens. 0, or DBX_EIO. */
int dbx_rand_bytes(void *out, size_t n);

#endif
