/* crc64.h: CRC-64 as Redis ends its DUMP payloads with: Jones's polynomial, reflected, from 0. */
#ifndef DBX_BASE_CRC64_H
#define DBX_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* dbx_crc64 continues `crc` (0 to begin) over ptr[0..len): crc(crc(0, a), b) == crc(0, ab). */
uint64_t dbx_crc64(uint64_t crc, const void *ptr, size_t len);

#endif
