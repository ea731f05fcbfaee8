/* t_hash.h: hashes: fields with values, found by field.
 *
 * Inline, the payload is field and value by turns, as cells, in the order in which fields came. A
 * large one is a dict (dict.h) in DBX_TABLE_HASH: field -> one byte 0, then the value's cell.
 *
 * Every function takes a dbx_key that holds a hash or nothing.
 */
#ifndef DBX_TYPES_T_HASH_H
#define DBX_TYPES_T_HASH_H

#include "types/collection.h"
#include "types/dict.h"

/* dbx_hash_get finds a field's value, valid until the next write: DBX_OK, DBX_ENOTFOUND, or a
 * failure. */
int dbx_hash_get(dbx_txn *txn, const dbx_key *k, dbx_slice field, dbx_cell *value);

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_hash_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k);
/* dbx_hash_edit_get is dbx_hash_get within a change. */
int dbx_hash_edit_get(dbx_edit *edit, dbx_slice field, dbx_cell *value);
/* dbx_hash_set sets a field; *added: it is new. Neither lies in the hash itself. */
int dbx_hash_set(dbx_edit *edit, dbx_slice field, dbx_slice value, bool *added);
int dbx_hash_del(dbx_edit *edit, dbx_slice field, bool *removed);

/* --- Walking --------------------------------------------------------------------------------- */

typedef struct dbx_hash_walk {
    dbx_slice packed; /* what is left of an inline one */
    bool spread;
    dbx_dict_walk dict; /* of a large one */
} dbx_hash_walk;

typedef struct dbx_hash_item {
    uint64_t hash; /* where it stands in the order of HSCAN; 0 of an inline hash */
    dbx_cell field, value;
} dbx_hash_item;

/* dbx_hash_walk_open begins a walk over fields whose hash is at least `from_hash` (all of an inline
 * one). */
int dbx_hash_walk_open(dbx_hash_walk *walk, dbx_view *view, const dbx_key *k, uint64_t from_hash);
/* dbx_hash_walk_next gives the next, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_hash_walk_next(dbx_hash_walk *walk, dbx_hash_item *item);
/* dbx_hash_walk_move goes on in another view: of a large one; what is inline is short. */
int dbx_hash_walk_move(dbx_hash_walk *walk, dbx_view *view);
void dbx_hash_walk_close(dbx_hash_walk *walk);

/* dbx_hash_random draws a field of a hash that is not empty, each equally likely. */
int dbx_hash_random(dbx_txn *txn, const dbx_key *k, dbx_hash_item *item);

#endif
