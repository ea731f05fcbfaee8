/* t_hash.h: hashes: fields with values, found by field, each of which may expire.
 *
 * Inline, the payload is field and value by turns, as cells, in the order in which fields came;
 * none of them expires. A large one is a dict (dict.h) in DBX_TABLE_HASH: field -> expiry, value's
 * cell; the expiry is one byte 0, or 1 and varint ms (wall time), or 2 and varint ms (database
 * time). Fields that expire are also in DBX_TABLE_FIELD_TTL, [cid][1 or 2][ms BE64][as in the
 * dict], in the order of time; the first of each clock is the record's due_ms.
 *
 * Fields are gone the moment their time has come: readers pass over them, writers that meet one
 * remove it and journal that (HDEL), as the timed work does for the others (dbx_hash_expire_due).
 *
 * Every function takes a dbx_key that holds a hash or nothing.
 */
#ifndef DBX_TYPES_T_HASH_H
#define DBX_TYPES_T_HASH_H

#include "types/collection.h"
#include "types/dict.h"

/* dbx_hash_get finds a field's value, valid until the next write, and when it expires: DBX_OK,
 * DBX_ENOTFOUND, or a failure. `expiry` may be NULL. */
int dbx_hash_get(dbx_txn *txn, const dbx_key *k, dbx_slice field, dbx_cell *value,
                 dbx_expiry *expiry);

/* dbx_hash_len counts the fields that are there now. O(1), and a step for each field whose time has
 * come and that is still to be removed. */
int dbx_hash_len(dbx_txn *txn, const dbx_key *k, uint64_t *len);

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_hash_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k);
/* dbx_hash_edit_get is dbx_hash_get within a change: it removes a field whose time has come. */
int dbx_hash_edit_get(dbx_edit *edit, dbx_slice field, dbx_cell *value, dbx_expiry *expiry);
/* dbx_hash_set sets a field; *added: it is new. Neither lies in the hash itself. It does not expire
 * afterwards, or when it did before (`keep_expiry`). */
int dbx_hash_set(dbx_edit *edit, dbx_slice field, dbx_slice value, bool keep_expiry, bool *added);
int dbx_hash_del(dbx_edit *edit, dbx_slice field, bool *removed);
/* dbx_hash_may_hold notes that the hash, which exists, was given a field whose time is over: it is
 * not set, but OBJECT ENCODING tells, as in Redis, when it or its value was long. */
void dbx_hash_may_hold(dbx_edit *edit, dbx_slice field, dbx_slice value);
/* dbx_hash_may_hold_many notes that so many fields are given at once, to a hash that exists or
 * will: more than a listpack holds make a hashtable, as in Redis, though some of them are the same.
 */
void dbx_hash_may_hold_many(dbx_edit *edit, size_t pairs);
/* dbx_hash_may_expire notes that fields of the hash may expire from now on, as Redis does when it
 * is asked to let one expire, there or not: OBJECT ENCODING tells. True: it is new. */
bool dbx_hash_may_expire(dbx_edit *edit);
/* dbx_hash_expire says when a field, which is there, expires. */
int dbx_hash_expire(dbx_edit *edit, dbx_slice field, dbx_expiry expiry);

/* dbx_hash_expire_due removes up to `max` fields whose time has come and journals that. Returns how
 * many, or a failure. */
int dbx_hash_expire_due(dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k, uint32_t max);

/* --- Walking --------------------------------------------------------------------------------- */

typedef struct dbx_hash_walk {
    dbx_slice packed; /* what is left of an inline one */
    bool spread;
    dbx_times times;    /* fields that have expired by then are passed over */
    dbx_dict_walk dict; /* of a large one */
} dbx_hash_walk;

typedef struct dbx_hash_item {
    uint64_t hash; /* where it stands in the order of HSCAN; 0 of an inline hash */
    dbx_cell field, value;
    dbx_expiry expiry; /* only of a walk */
} dbx_hash_item;

/* dbx_hash_walk_open begins a walk over fields whose hash is at least `from_hash` (all of an inline
 * one). */
int dbx_hash_walk_open(dbx_hash_walk *walk, dbx_txn *txn, const dbx_key *k, uint64_t from_hash);
/* dbx_hash_walk_next gives the next, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_hash_walk_next(dbx_hash_walk *walk, dbx_hash_item *item);
/* dbx_hash_walk_move goes on in another view: of a large one; what is inline is short. */
int dbx_hash_walk_move(dbx_hash_walk *walk, dbx_view *view);
void dbx_hash_walk_close(dbx_hash_walk *walk);

/* --- For members.c --------------------------------------------------------------------------- */

/* dbx_hash_read_entry reads what the dict has for a field of the hash `cid`. DBX_ECORRUPT. */
int dbx_hash_read_entry(dbx_slice stored, uint64_t cid, dbx_cell *value, dbx_expiry *expiry);
/* dbx_hash_read_packed reads the field at the front of an inline payload, which it shortens:
 * DBX_OK, DBX_ENOTFOUND at its end, DBX_ECORRUPT. */
int dbx_hash_read_packed(dbx_slice *packed, dbx_cell *field, dbx_cell *value);

#endif
