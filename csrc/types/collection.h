/* collection.h: what hashes, lists, sets, sorted sets and streams have in common.
 *
 * A small collection lies inline: its elements are packed in the payload of its key's record, and
 * meta.cid is 0. When that would pass dbx_encodings.inline_bytes it is spread: its elements become
 * entries under a collection id, and the payload keeps what the type needs to find them. It does
 * not go back. meta.count is the number of elements either way; a collection without any is no key.
 * Streams, which grow at one end and stay without entries, are always spread, and write their
 * records themselves.
 *
 * meta.encoding is another thing: what Redis would call the value's encoding, by Redis's
 * thresholds.
 */
#ifndef DBX_TYPES_COLLECTION_H
#define DBX_TYPES_COLLECTION_H

#include "base/buf.h"
#include "store/keyspace.h"

/* Settings that say how collections are kept: Redis's, by their names, and inline_bytes. */
typedef struct dbx_encodings {
    int64_t inline_bytes; /* collection-inline-size */
    int64_t hash_entries, hash_value, list_size, list_depth;
    int64_t set_ints, set_entries, set_value, zset_entries, zset_value;
    int64_t hll_bytes, stream_bytes, stream_entries;
} dbx_encodings;

/* A change of one collection by one command: the record is written once, at the end. */
typedef struct dbx_edit {
    dbx_txn *txn;
    const dbx_encodings *encodings;
    dbx_key *k;
    dbx_buf payload; /* as it will be */
    bool changed;
} dbx_edit;

/* dbx_edit_open begins to change `k`, which holds a collection of `type` or nothing; then it will
 * be a new one, empty and inline, of `encoding`. Always to be closed. DBX_ENOMEM. */
int dbx_edit_open(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k,
                  uint8_t type, uint8_t encoding);
/* dbx_edit_close writes the record if `rc` is DBX_OK and anything changed; a collection that became
 * empty is removed. Returns rc, or a failure of its own. */
int dbx_edit_close(dbx_edit *edit, int rc);

static inline bool dbx_edit_is_spread(const dbx_edit *edit) {
    return edit->k->meta.cid != 0;
}

/* dbx_edit_outgrown: the inline payload has become too long: it is to be spread. */
static inline bool dbx_edit_outgrown(const dbx_edit *edit) {
    return !dbx_edit_is_spread(edit) && edit->payload.len > (size_t)edit->encodings->inline_bytes;
}

/* dbx_edit_spread gives the collection an id and takes the packed elements out of its payload:
 * `packed` (empty before) gets them, and the caller puts them into its tables. */
void dbx_edit_spread(dbx_edit *edit, dbx_buf *packed);

/* dbx_collection_copy makes `to` (of any type, replaced) hold what `from` holds: every entry under
 * a new id, with the same expiry. O(N). */
int dbx_collection_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to);

#endif
