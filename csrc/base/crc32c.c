/* crc32c.c: CRC-32C; see crc32c.h. Eight table look-ups a word, or the machine's own instruction
 * where it has one; which of the two is decided once, when the program is loaded. */
#include "base/crc32c.h"

#include "base/bytes.h"

#if defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

enum { CRC_TABLES = 8 };

static uint32_t table[CRC_TABLES][256];

static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t len) {
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t low = dbx_load32(p) ^ crc, high = dbx_load32(p + 4);
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^
              table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
    }
    for (; len > 0; p++, len--) {
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
    }
    return crc;
}

static uint32_t (*crc_run)(uint32_t crc, const uint8_t *p, size_t len) = crc_portable;

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_native(uint32_t crc, const uint8_t *p,
                                                             size_t len) {
    uint64_t wide = crc;
    for (; len >= 8; p += 8, len -= 8) {
        wide = __builtin_ia32_crc32di(wide, dbx_load64(p));
    }
    crc = (uint32_t)wide;
    for (; len > 0; p++, len--) {
        crc = __builtin_ia32_crc32qi(crc, *p);
    }
    return crc;
}
#elif defined(__aarch64__) && defined(__linux__)
__attribute__((target("+crc"))) static uint32_t crc_native(uint32_t crc, const uint8_t *p,
                                                           size_t len) {
    for (; len >= 8; p += 8, len -= 8) {
        crc = __crc32cd(crc, dbx_load64(p));
    }
    for (; len > 0; p++, len--) {
        crc = __crc32cb(crc, *p);
    }
    return crc;
}
#endif

__attribute__((constructor)) static void crc_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
        table[0][i] = crc;
    }
    for (int t = 1; t < CRC_TABLES; t++) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t before = table[t - 1][i];
            table[t][i] = before >> 8 ^ table[0][before & 0xff];
        }
    }
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) crc_run = crc_native;
#elif defined(__aarch64__) && defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_CRC32) crc_run = crc_native;
#endif
}

uint32_t dbx_crc32c(uint32_t crc, const void *ptr, size_t len) {
    return ~crc_run(~crc, ptr, len);
}
