/* chunks.h: long values in pieces of DBX_VALUE_CHUNK_BYTES, so that changing a part touches only
 * its chunks and no value is ever in memory as a whole: long strings, and long elements of
 * collections. A chunk may be short or missing; what is missing is zeros. */
#ifndef DBX_TYPES_CHUNKS_H
#define DBX_TYPES_CHUNKS_H

#include "base/err.h"
#include "store/format.h"
#include "store/txn.h"

/* Whose chunks: a string's (`part` 0), or those of one element of a collection. */
typedef struct dbx_chunks {
    uint64_t cid;
    uint64_t part; /* an id (dbx_txn_new_id) that is kept in the element's place */
} dbx_chunks;

/* dbx_chunks_part gives the bytes from `at` (< end) to the end of what lies together there, at most
 * to `end`: never empty, valid as the view's slices are. */
int dbx_chunks_part(dbx_view *view, dbx_chunks chunks, uint64_t at, uint64_t end, dbx_slice *part);

/* dbx_chunks_write lays `bytes` over the value from `offset` on, touching only their chunks. Whole
 * chunks are handed on as they are, so that bytes in a spool are referred to, not copied. */
int dbx_chunks_write(dbx_txn *txn, dbx_chunks chunks, uint64_t offset, dbx_slice bytes);

/* dbx_chunks_put stores a whole chunk, the last one of a value perhaps short. */
int dbx_chunks_put(dbx_txn *txn, dbx_chunks chunks, uint64_t chunk, dbx_slice bytes);

/* dbx_chunks_copy copies a value of `len` bytes. */
int dbx_chunks_copy(dbx_txn *txn, dbx_chunks from, dbx_chunks to, uint64_t len);

/* dbx_chunks_drop deletes an element's value of `len` bytes: O(len), a chunk at a time. What a
 * whole collection or a string holds is retired instead. */
int dbx_chunks_drop(dbx_txn *txn, dbx_chunks chunks, uint64_t len);

#endif
