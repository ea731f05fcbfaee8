/* crc64.c: CRC-64; see crc64.h. Eight table look-ups a word. */
#include "base/crc64.h"

#include "base/bytes.h"

enum { CRC_TABLES = 8 };

#define CRC_POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* 0xad93d23594c935a9, reflected */

static uint64_t table[CRC_TABLES][256];

__attribute__((constructor)) static void crc_prepare(void) {
    for (uint64_t i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
        table[0][i] = crc;
    }
    for (int t = 1; t < CRC_TABLES; t++) {
        for (int i = 0; i < 256; i++) {
            uint64_t before = table[t - 1][i];
            table[t][i] = before >> 8 ^ table[0][before & 0xff];
        }
    }
}

uint64_t dbx_crc64(uint64_t crc, const void *ptr, size_t len) {
    const uint8_t *p = ptr;
    for (; len >= 8; p += 8, len -= 8) {
        crc ^= dbx_load64(p);
        crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^ table[5][crc >> 16 & 0xff] ^
              table[4][crc >> 24 & 0xff] ^ table[3][crc >> 32 & 0xff] ^ table[2][crc >> 40 & 0xff] ^
              table[1][crc >> 48 & 0xff] ^ table[0][crc >> 56];
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
    return crc;
}
