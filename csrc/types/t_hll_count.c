/* t_hll_count.c: what a HyperLogLog's registers amount to: merged, and as an estimate; see t_hll.h.
 *
 * The estimate is the one of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
 * sketches" (arXiv:1702.01284), computed in the order in which Redis does, for it becomes a part of
 * the value. */
#include <math.h>

#include "base/bytes.h"
#include "base/err.h"
#include "types/t_hll.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    RANK_MAX = 51, /* what an element can raise a register to; a value may claim more */
    VALUES = 64,
    BLOCK = 64, /* registers that are unpacked at a time */
    TABLES = 4  /* counted side by side: most registers hold one of few values */
};

static const double ALPHA = 0.721347520444481703680;

/* --- Registers, one in a byte ---------------------------------------------------------------- */

/* unpack spreads eight registers, 48 bits, over the bytes of a word. */
static inline uint64_t unpack(const uint8_t *from) {
    uint64_t word = dbx_load32(from) | (uint64_t)dbx_load16(from + 4) << 32;
    word = (word & 0x0000000000ffffffu) | (word & 0x0000ffffff000000u) << 8;
    word = (word & 0x00000fff00000fffu) | (word & 0x00fff00000fff000u) << 4;
    return (word & 0x003f003f003f003fu) | (word & 0x0fc00fc00fc00fc0u) << 2;
}

/* merge_from raises the registers from number `i` on to those that begin at `from`. */
static void merge_from(uint8_t *restrict registers, size_t i, const uint8_t *restrict from) {
    uint8_t block[BLOCK];
    for (; i < DBX_HLL_REGISTERS; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j += 8, from += 6)
            dbx_store64(block + j, unpack(from));
        for (size_t j = 0; j < BLOCK; j++)
            registers[i + j] = registers[i + j] > block[j] ? registers[i + j] : block[j];
    }
}

static void merge_portable(uint8_t *registers, const uint8_t *from) {
    merge_from(registers, 0, from);
}

/* Decided once, when the program is loaded. */
static void (*merge_dense)(uint8_t *registers, const uint8_t *from) = merge_portable;

#if defined(__x86_64__)
/* The same, 32 registers at a time: each three bytes into a place of four, then their four
 * registers apart. A step reads four bytes more than it takes, so the last block is left to the
 * portable way.
 */
__attribute__((target("avx2"))) static void merge_native(uint8_t *registers, const uint8_t *from) {
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    const __m256i places = _mm256_broadcastsi128_si256(spread);
    size_t i = 0;
    for (; i < DBX_HLL_REGISTERS - BLOCK; i += 32, from += 24) {
        __m128i low = _mm_loadu_si128((const __m128i_u *)from);
        __m128i high = _mm_loadu_si128((const __m128i_u *)(from + 12));
        __m256i x = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), places);
        __m256i a = _mm256_and_si256(x, _mm256_set1_epi32(0x3f));
        __m256i b = _mm256_and_si256(_mm256_slli_epi32(x, 2), _mm256_set1_epi32(0x3f00));
        __m256i c = _mm256_and_si256(_mm256_slli_epi32(x, 4), _mm256_set1_epi32(0x3f0000));
        __m256i d = _mm256_and_si256(_mm256_slli_epi32(x, 6), _mm256_set1_epi32(0x3f000000));
        __m256i all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        __m256i_u *to = (__m256i_u *)(registers + i);
        _mm256_storeu_si256(to, _mm256_max_epu8(_mm256_loadu_si256(to), all));
    }
    merge_from(registers, i, from);
}

__attribute__((constructor)) static void merge_prepare(void) {
    if (__builtin_cpu_supports("avx2")) merge_dense = merge_native;
}
#endif

static int merge_sparse(uint8_t *registers, dbx_slice value) {
    size_t at = DBX_HLL_HEADER_BYTES;
    uint32_t index = 0;
    dbx_hll_run run;
    for (; dbx_hll_run_at(value, at, &run); at += run.bytes) {
        if (run.registers > DBX_HLL_REGISTERS - index) return DBX_ECORRUPT;
        uint32_t end = index + run.registers;
        if (run.value == 0) index = end;
        for (; index < end; index++)
            registers[index] = registers[index] > run.value ? registers[index] : run.value;
    }
    return at == value.len && index == DBX_HLL_REGISTERS ? DBX_OK : DBX_ECORRUPT;
}

int dbx_hll_merge(uint8_t registers[DBX_HLL_REGISTERS], dbx_slice value) {
    if (dbx_hll_encoding_of(value) == DBX_HLL_SPARSE) return merge_sparse(registers, value);
    merge_dense(registers, value.ptr + DBX_HLL_HEADER_BYTES);
    return DBX_OK;
}

/* --- The estimate ---------------------------------------------------------------------------- */

static double tau(double x) {
    double before, y = 1, z = 1 - x;
    if (x <= 0 || x >= 1) return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

static double sigma(double x) {
    double before, y = 1, z = x;
    if (x >= 1) return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

/* estimate is given how many registers have each value. */
static uint64_t estimate(const uint32_t counts[VALUES]) {
    double m = DBX_HLL_REGISTERS;
    double z = m * tau((m - counts[RANK_MAX]) / m);
    for (int i = RANK_MAX - 1; i >= 1; i--) {
        z += counts[i];
        z *= 0.5;
    }
    z += m * sigma(counts[0] / m);
    double all = ALPHA * m * m / z;
    /* Registers that no elements can have made: what Redis makes of infinity. */
    if (!(all < 0x1p63)) return (uint64_t)1 << 63;
    return (uint64_t)llround(all);
}

/* count_word counts the eight registers in the bytes of a word. */
static inline void count_word(uint32_t counts[TABLES][VALUES], uint64_t word) {
    if (word == 0) {
        counts[0][0] += 8;
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        counts[i % TABLES][word >> (8 * i) & (VALUES - 1)]++;
}

static uint64_t estimate_tables(const uint32_t counts[TABLES][VALUES]) {
    uint32_t all[VALUES];
    for (size_t i = 0; i < VALUES; i++)
        all[i] = counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];
    return estimate(all);
}

uint64_t dbx_hll_count_registers(const uint8_t registers[DBX_HLL_REGISTERS]) {
    uint32_t counts[TABLES][VALUES] = {{0}};
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i += 8)
        count_word(counts, dbx_load64(registers + i));
    return estimate_tables(counts);
}

static uint64_t count_dense(const uint8_t *from) {
    uint32_t counts[TABLES][VALUES] = {{0}};
    for (size_t i = 0; i < DBX_HLL_REGISTERS; i += 8, from += 6)
        count_word(counts, unpack(from));
    return estimate_tables(counts);
}

static int count_sparse(dbx_slice value, uint64_t *count) {
    uint32_t counts[VALUES] = {0}, index = 0;
    size_t at = DBX_HLL_HEADER_BYTES;
    dbx_hll_run run;
    for (; dbx_hll_run_at(value, at, &run); at += run.bytes) {
        if (run.registers > DBX_HLL_REGISTERS - index) return DBX_ECORRUPT;
        counts[run.value] += run.registers;
        index += run.registers;
    }
    if (at != value.len || index != DBX_HLL_REGISTERS) return DBX_ECORRUPT;
    *count = estimate(counts);
    return DBX_OK;
}

int dbx_hll_count(dbx_slice value, uint64_t *count) {
    if (dbx_hll_encoding_of(value) == DBX_HLL_SPARSE) return count_sparse(value, count);
    *count = count_dense(value.ptr + DBX_HLL_HEADER_BYTES);
    return DBX_OK;
}
