/* restore.h: a value from what Redis 2.6 to 8.0 or DBX DUMPed (codec/rdb.h).
 *
 * The payload may be anybody's: every length is compared with what is there, packed sequences are
 * read to their end, and what makes no value (a member twice, a score that is no number, pending
 * entries of nobody) is refused, as Redis does with sanitize-dump-payload. Memory is taken for what
 * is packed by LZF alone: one string, or one node of a list or stream, at a time.
 */
#ifndef DBX_TYPES_RESTORE_H
#define DBX_TYPES_RESTORE_H

#include "base/buf.h"
#include "types/collection.h"

typedef struct dbx_restore {
    dbx_txn *txn;
    const dbx_encodings *encodings;
    dbx_key *k;
    uint64_t string_max; /* no string is longer */
    dbx_slice in;        /* what is left of the payload */
    dbx_buf room[2];     /* what was unpacked: two strings at a time */
} dbx_restore;

/* dbx_restore_value makes `k`, which is not there, hold the value that `body` describes: DBX_OK;
 * DBX_EINVAL: it describes none, and the caller takes back what was written. No string in it may be
 * longer than `string_max`. Fields of a hash whose time has come are left out; when all have, the
 * key is still not there. */
int dbx_restore_value(dbx_txn *txn, const dbx_encodings *encodings, uint64_t string_max, dbx_key *k,
                      dbx_slice body);

/* --- For restore_stream.c --------------------------------------------------------------------- */

/* dbx_restore_string reads the next string, through room[i] if it is packed. */
int dbx_restore_string(dbx_restore *r, int i, dbx_slice *bytes);
int dbx_restore_stream(dbx_restore *r, uint8_t type);

#endif
