/* t_string_chunks.h: the chunks of a long string: entries [cid][chunk number] of
 * DBX_VALUE_CHUNK_BYTES each. A chunk may be short or missing; what is missing is zeros. Only
 * t_string.c and t_bitmap.c use this. */
#ifndef DBX_TYPES_T_STRING_CHUNKS_H
#define DBX_TYPES_T_STRING_CHUNKS_H

#include "base/err.h"
#include "store/format.h"
#include "store/txn.h"

/* dbx_string_chunk_part gives the bytes from `at` (< end) to the end of what lies together there,
 * at most to `end`: never empty, valid as the view's slices are. */
int dbx_string_chunk_part(dbx_view *view, uint64_t cid, uint64_t at, uint64_t end, dbx_slice *part);

/* dbx_string_chunks_write lays `bytes` over the string from `offset` on, touching only their
 * chunks. Whole chunks are handed on as they are, so that bytes in a spool are referred to, not
 * copied. */
int dbx_string_chunks_write(dbx_txn *txn, uint64_t cid, uint64_t offset, dbx_slice bytes);

/* dbx_string_chunk_put stores a whole chunk, the last one of a string perhaps short. */
int dbx_string_chunk_put(dbx_txn *txn, uint64_t cid, uint64_t chunk, dbx_slice bytes);

/* dbx_string_chunks_copy copies all chunks of a string of `len` bytes from one id to another. */
int dbx_string_chunks_copy(dbx_txn *txn, uint64_t from, uint64_t to, uint64_t len);

#endif
