/* hash.c: hashes of bytes; see hash.h. */
#include "base/hash.h"

#include <string.h>

#include "base/bytes.h"

/* --- The fast one: 16 bytes a step, each step one 64x64 -> 128-bit multiplication whose halves are
 * folded together (the idea of wyhash). ------------------------------------------------------- */

#define HASH_A 0x9e3779b97f4a7c15u
#define HASH_B 0xc2b2ae3d27d4eb4fu
#define HASH_C 0x165667b19e3779f9u

static uint64_t fold_multiply(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & 0xffffffffu) * (b & 0xffffffffu);
    uint64_t cross_a = (a >> 32) * (b & 0xffffffffu);
    uint64_t cross_b = (a & 0xffffffffu) * (b >> 32);
    uint64_t middle = (low >> 32) + (cross_a & 0xffffffffu) + (cross_b & 0xffffffffu);
    uint64_t high = (a >> 32) * (b >> 32) + (cross_a >> 32) + (cross_b >> 32) + (middle >> 32);
    return ((middle << 32) | (low & 0xffffffffu)) ^ high;
#endif
}

/* Up to 8 bytes as a number; overlapping loads instead of a loop. */
static uint64_t load_short(const uint8_t *p, size_t n) {
    if (n >= 4) return (uint64_t)dbx_load32(p) << 32 | dbx_load32(p + n - 4);
    if (n > 0) return (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
    return 0;
}

uint64_t dbx_hash_bytes(dbx_slice bytes, uint64_t seed) {
    const uint8_t *p = bytes.ptr;
    size_t left = bytes.len;
    uint64_t state = fold_multiply(seed ^ HASH_A, HASH_B ^ bytes.len);
    while (left > 16) {
        state = fold_multiply(dbx_load64(p) ^ HASH_B, dbx_load64(p + 8) ^ state);
        p += 16;
        left -= 16;
    }
    uint64_t a, b;
    if (left > 8) {
        a = dbx_load64(p);
        b = dbx_load64(p + left - 8);
    } else {
        a = load_short(p, left);
        b = 0;
    }
    return fold_multiply(HASH_C ^ state, fold_multiply(a ^ HASH_B, b ^ state ^ HASH_A));
}

/* --- SipHash-2-4-128, after Aumasson and Bernstein's paper ----------------------------------- */

static uint64_t rotate_left(uint64_t x, int n) {
    return (x << n) | (x >> (64 - n));
}

static void sip_rounds(uint64_t v[4], int n) {
    while (n-- > 0) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
    }
}

static void sip_absorb(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

void dbx_hash_sip(dbx_slice bytes, const uint8_t key[DBX_HASH_SIP_KEY_BYTES],
                  uint8_t out[DBX_HASH_SIP_BYTES]) {
    uint64_t k0 = dbx_load64(key), k1 = dbx_load64(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee,
                     k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    size_t at = 0;
    for (; bytes.len - at >= 8; at += 8) {
        sip_absorb(v, dbx_load64(bytes.ptr + at));
    }
    uint64_t last = (uint64_t)bytes.len << 56;
    for (int shift = 0; at < bytes.len; at++, shift += 8) {
        last |= (uint64_t)bytes.ptr[at] << shift;
    }
    sip_absorb(v, last);
    v[2] ^= 0xee;
    sip_rounds(v, 4);
    dbx_store64(out, v[0] ^ v[1] ^ v[2] ^ v[3]);
    v[1] ^= 0xdd;
    sip_rounds(v, 4);
    dbx_store64(out + 8, v[0] ^ v[1] ^ v[2] ^ v[3]);
}
