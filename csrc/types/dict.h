/* dict.h: the members of a large collection, in the order of their hashes: fields of a hash,
 * members of a set, members of a sorted set with their scores.
 *
 * Entries are [table][cid][hash: 6 bytes][member] -> [the whole member, if it is long] value. The
 * hash is seeded by the database: its order is that of SSCAN, HSCAN and ZSCAN, whose cursor it is
 * (invariant 23), two sets have their common members in one order, and random members are found by
 * drawing places in it.
 */
#ifndef DBX_TYPES_DICT_H
#define DBX_TYPES_DICT_H

#include "types/cell.h"

typedef struct dbx_dict {
    uint8_t table; /* enum dbx_table */
    uint64_t cid;
} dbx_dict;

/* One member, looked up. */
typedef struct dbx_dict_slot {
    dbx_dict dict;
    dbx_member member;
    bool found;
    dbx_slice value; /* when found; as slices of txn.h */
    /* private */
    uint64_t hash;
    dbx_cell whole; /* the long member as it is kept */
    dbx_probe probe;
    size_t key_len;
    uint8_t key[DBX_ENCODED_KEY_MAX];
} dbx_dict_slot;

/* dbx_dict_find looks a member up: DBX_OK, found or not, or a failure. `bytes` must outlive the
 * slot. */
int dbx_dict_find(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot);
/* dbx_dict_know is dbx_dict_find for a member that is there, as other entries say, and is going to
 * be removed: its value is not read. DBX_ECORRUPT: it cannot be there. */
int dbx_dict_know(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot);
/* dbx_dict_suffix is the slot's [hash][member]: what other tables of the collection name it by. */
dbx_slice dbx_dict_suffix(const dbx_dict_slot *slot);
/* dbx_dict_put gives the member of a slot a value: head, then tail. */
int dbx_dict_put(dbx_txn *txn, dbx_dict_slot *slot, dbx_slice head, dbx_slice tail);
/* dbx_dict_del removes the member of a slot that was found. */
int dbx_dict_del(dbx_txn *txn, dbx_dict_slot *slot);
/* dbx_dict_place writes where a member stands in any dict: its key behind [table][cid]. Returns the
 * length. */
size_t dbx_dict_place(const uint8_t *seed, dbx_slice bytes, uint8_t *out);
/* dbx_dict_has says whether a view has the member; `seed` is the database's. */
int dbx_dict_has(dbx_view *view, const uint8_t *seed, dbx_dict dict, dbx_slice bytes, bool *has);

/* --- Walking --------------------------------------------------------------------------------- */

typedef struct dbx_dict_item {
    uint64_t hash;
    dbx_cell member;
    dbx_slice value;
    dbx_slice place; /* its key behind [table][cid]: the same in all dicts, and their order */
} dbx_dict_item;

typedef struct dbx_dict_walk {
    dbx_dict dict;
    dbx_cursor *cursor; /* owned */
    bool begun;
    size_t prefix_len; /* of [table][cid] */
    uint8_t from[1 + DBX_NUMBER_BYTES_MAX + DBX_MEMBER_HASH_BYTES];
} dbx_dict_walk;

/* dbx_dict_walk_open begins a walk over members whose hash is at least `from_hash`. DBX_ENOMEM. */
int dbx_dict_walk_open(dbx_dict_walk *walk, dbx_view *view, dbx_dict dict, uint64_t from_hash);
/* dbx_dict_walk_next gives the next member, valid until the next write; DBX_ENOTFOUND at the end.
 * What was given may be deleted before the next is asked for. */
int dbx_dict_walk_next(dbx_dict_walk *walk, dbx_dict_item *item);
/* dbx_dict_walk_seek goes on with the first member whose place is not before `place`. */
int dbx_dict_walk_seek(dbx_dict_walk *walk, dbx_slice place, dbx_dict_item *item);
/* dbx_dict_walk_at gives the member given last once more, after a move to another view. */
int dbx_dict_walk_at(const dbx_dict_walk *walk, dbx_dict_item *item);
/* dbx_dict_walk_last gives the last member of the dict. */
int dbx_dict_walk_last(dbx_dict_walk *walk, dbx_dict_item *item);
/* dbx_dict_walk_move goes on in another view, behind the member given last. */
int dbx_dict_walk_move(dbx_dict_walk *walk, dbx_view *view);
void dbx_dict_walk_close(dbx_dict_walk *walk);

/* dbx_dict_random draws a member of a dict that has `count` > 0, each equally likely, whatever was
 * drawn before (sampler.h). *item is valid until the next write. Cost: about a seek. */
int dbx_dict_random(dbx_txn *txn, dbx_dict dict, uint64_t count, dbx_dict_item *item);

/* dbx_dict_del_item removes the member that was given. */
int dbx_dict_del_item(dbx_txn *txn, dbx_dict dict, const dbx_dict_item *item);

#endif
