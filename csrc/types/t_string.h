/* t_string.h: strings: bytes under a key, read and changed in place.
 *
 * What a string is on disk: up to DBX_VALUE_CHUNK_BYTES the bytes are the record's payload; a
 * longer one is DBX_STRING_CHUNKED: its bytes lie in DBX_TABLE_CHUNK under its collection id, chunk
 * by chunk, and a chunk that is short or missing means zeros. So APPEND, SETRANGE and SETBIT touch
 * only their chunks, and no value is ever in memory as a whole. A string never goes back from
 * chunked to inline.
 *
 * Every function takes a dbx_key found by dbx_key_find() whose value is a string, or which does not
 * exist (then it is empty, and writing creates it). Bitmaps and HyperLogLogs are built on these.
 */
#ifndef DBX_TYPES_T_STRING_H
#define DBX_TYPES_T_STRING_H

#include "base/buf.h"
#include "store/keyspace.h"
#include "types/chunks.h"

enum {
    DBX_STRING_EMBSTR_MAX = 44,         /* Redis's border between embstr and raw */
    DBX_STRING_STREAM_BYTES = 256 << 10 /* replies with more of one string are streamed */
};

/* No string is longer: chunks have 32-bit numbers. How long commands may make one is a setting. */
#define DBX_STRING_BYTES_MAX ((uint64_t)UINT32_MAX * DBX_VALUE_CHUNK_BYTES)

/* dbx_string_len is the length in bytes; 0 when the key does not exist. */
uint64_t dbx_string_len(const dbx_key *k);

/* dbx_string_inline is all of a string that is not chunked: valid as k->payload is. */
bool dbx_string_inline(const dbx_key *k, dbx_slice *bytes);

/* --- Reading
 * -------------------------------------------------------------------------------------- */

/* A walk over bytes [from, from + n) of a string, in pieces. With the live view it is over at the
 * next write; with a view of its own it can be held (only of a chunked string, whose bytes do not
 * lie in k). */
typedef struct dbx_string_parts {
    dbx_view *view;
    dbx_chunks chunks; /* cid 0: inline */
    uint64_t at, end;
    dbx_slice payload; /* of an inline string */
} dbx_string_parts;

void dbx_string_parts_open(dbx_string_parts *parts, dbx_view *view, const dbx_key *k, uint64_t from,
                           uint64_t n);
/* dbx_string_parts_next gives the next piece (never empty), valid until the next call or write;
 * DBX_ENOTFOUND at the end, or a failure. */
int dbx_string_parts_next(dbx_string_parts *parts, dbx_slice *part);

/* dbx_string_read appends bytes [from, from + n) to `out`; the range lies within the string.
 * DBX_ENOMEM when out failed. */
int dbx_string_read(dbx_txn *txn, const dbx_key *k, uint64_t from, uint64_t n, dbx_buf *out);

/* --- Writing
 * -------------------------------------------------------------------------------------- */

/* dbx_string_set replaces whatever `k` holds by `bytes`, which may come from a spool and may not
 * lie in k->payload. Integers get the int encoding, as SET does it. */
int dbx_string_set(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry);

/* dbx_string_set_text is the same for bytes that stay text even when they are digits (INCRBYFLOAT).
 */
int dbx_string_set_text(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry);

/* dbx_string_set_raw is the same for bytes that are no text: bitmaps, HyperLogLogs. */
int dbx_string_set_raw(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry);

/* dbx_string_set_i64 replaces the value by a number, keeping the expiry (INCR). */
int dbx_string_set_i64(dbx_txn *txn, dbx_key *k, int64_t value);

/* dbx_string_append adds bytes to the end; dbx_string_write puts them at `offset`, with zeros
 * between the end and there. Both make the value raw; bytes do not lie in k->payload. DBX_ELIMIT:
 * longer than DBX_STRING_BYTES_MAX. Cost: the bytes, and of a raw value that is longer those
 * between its end and them; of a chunk that is not in the write buffer, the chunk. */
int dbx_string_append(dbx_txn *txn, dbx_key *k, dbx_slice bytes);
int dbx_string_write(dbx_txn *txn, dbx_key *k, uint64_t offset, dbx_slice bytes);

/* dbx_string_copy makes `to` (of any type, replaced) hold the bytes of `from`, with its expiry. */
int dbx_string_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to);

#endif
