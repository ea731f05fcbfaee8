/* crc32c.h: CRC-32C (Castagnoli), the checksum of journal frames. */
#ifndef DBX_BASE_CRC32C_H
#define DBX_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* dbx_crc32c continues `crc` (0 to begin) over ptr[0..len): crc(crc(0, a), b) == crc(0, ab). */
uint32_t dbx_crc32c(uint32_t crc, const void *ptr, size_t len);

#endif
