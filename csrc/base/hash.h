/* hash.h: hashes of bytes: a fast one for tables in memory, SipHash for what is kept on disk. */
#ifndef DBX_BASE_HASH_H
#define DBX_BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

enum { DBX_HASH_SIP_KEY_BYTES = 16, DBX_HASH_SIP_BYTES = 16 };

/* dbx_hash_bytes is a fast 64-bit hash. Its values may change with the version: never store them.
 */
uint64_t dbx_hash_bytes(dbx_slice bytes, uint64_t seed);

/* dbx_hash_sip is SipHash-2-4 with 128 bits of output: the same bytes on every machine. */
void dbx_hash_sip(dbx_slice bytes, const uint8_t key[DBX_HASH_SIP_KEY_BYTES],
                  uint8_t out[DBX_HASH_SIP_BYTES]);

#endif
