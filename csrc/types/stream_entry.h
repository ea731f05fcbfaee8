/* stream_entry.h: one entry of a stream: its fields and values as MessagePack.
 *
 * On disk, [E][cid][ms: number][seq: number] -> a MessagePack map of bin to bin: fields with their
 * values, in the order in which they came, a field perhaps more than once. What takes more than
 * DBX_CELL_INLINE_MAX bytes lies in chunks beside the entries (chunks.h); the value is then one
 * byte LONG, which MessagePack does not use, varint length, and varint id of the chunks.
 */
#ifndef DBX_TYPES_STREAM_ENTRY_H
#define DBX_TYPES_STREAM_ENTRY_H

#include "types/cell.h"
#include "types/stream_id.h"

enum { DBX_STREAM_ENTRY_KEY_MAX = 1 + DBX_NUMBER_BYTES_MAX + DBX_STREAM_ID_BYTES_MAX };

/* The bytes of an entry's fields beyond which Redis refuses it. */
#define DBX_STREAM_ENTRY_BYTES_MAX ((uint64_t)1 << 30)

typedef struct dbx_stream_entry_key {
    size_t len;
    uint8_t bytes[DBX_STREAM_ENTRY_KEY_MAX];
} dbx_stream_entry_key;

/* dbx_stream_entry_key_of is where an entry of the stream `cid` lies. */
dbx_stream_entry_key dbx_stream_entry_key_of(uint64_t cid, dbx_stream_id id);

/* dbx_stream_entry_put writes an entry of `count` strings, field and value by turns. `fresh`: no
 * entry ever had that id. */
int dbx_stream_entry_put(dbx_txn *txn, uint64_t cid, dbx_stream_id id, bool fresh, size_t count,
                         const dbx_slice *strings);

/* What an entry has beside itself, kept while its value is dead already. */
typedef struct dbx_stream_entry_rest {
    dbx_chunks chunks; /* part 0: nothing */
    uint64_t len;
} dbx_stream_entry_rest;

/* dbx_stream_entry_rest_of reads it from the entry's value; false: damaged. */
bool dbx_stream_entry_rest_of(dbx_slice value, uint64_t cid, dbx_stream_entry_rest *rest);
/* dbx_stream_entry_del deletes an entry, with what it has beside itself. */
int dbx_stream_entry_del(dbx_txn *txn, uint64_t cid, dbx_stream_id id,
                         const dbx_stream_entry_rest *rest);

/* --- Reading --------------------------------------------------------------------------------- */

typedef struct dbx_stream_entry {
    uint64_t left;     /* strings: fields and values */
    dbx_slice packed;  /* what is left of a short one */
    dbx_chunks chunks; /* of a long one; otherwise part 0 */
    uint64_t at, len;  /* in the chunks */
} dbx_stream_entry;

/* One field or value: bytes, or a part of the entry's chunks. */
typedef struct dbx_stream_string {
    uint64_t len;
    const uint8_t *ptr; /* NULL: it lies in the chunks */
    uint64_t at;
} dbx_stream_string;

static inline bool dbx_stream_entry_is_long(const dbx_stream_entry *entry) {
    return entry->chunks.part != 0;
}

/* dbx_stream_entry_open begins reading an entry's value: `left` is then twice its fields. */
int dbx_stream_entry_open(dbx_stream_entry *entry, dbx_view *view, uint64_t cid, dbx_slice value);
/* dbx_stream_entry_next gives the next string, while there are any `left`. Of a short entry it is
 * valid as the value is. */
int dbx_stream_entry_next(dbx_stream_entry *entry, dbx_view *view, dbx_stream_string *string);

#endif
