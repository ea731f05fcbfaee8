/* t_set.h: sets: members, each once.
 *
 * Inline, the payload is the members as cells: in the order of their numbers while the encoding is
 * intset, otherwise in the order in which they came. A large one is a dict (dict.h) in
 * DBX_TABLE_SET: member -> nothing.
 *
 * Every function takes a dbx_key that holds a set or nothing.
 */
#ifndef DBX_TYPES_T_SET_H
#define DBX_TYPES_T_SET_H

#include "types/collection.h"
#include "types/dict.h"

/* dbx_set_dict is where the members of a large set lie. */
static inline dbx_dict dbx_set_dict(uint64_t cid) {
    return (dbx_dict){.table = DBX_TABLE_SET, .cid = cid};
}

/* dbx_set_is_number says whether a member may be in an intset. */
bool dbx_set_is_number(dbx_slice member);

/* dbx_set_has says whether `member` is one. */
int dbx_set_has(dbx_txn *txn, const dbx_key *k, dbx_slice member, bool *has);
/* dbx_set_packed_has is the same of the payload of an inline set. */
int dbx_set_packed_has(dbx_slice packed, dbx_slice member, bool *has);

/* --- Changing -------------------------------------------------------------------------------- */

/* dbx_set_edit begins to change a set. A new one is an intset until dbx_set_expect says more. */
int dbx_set_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k);
/* dbx_set_replace begins a new set in the place of whatever `k` holds; what that is stays readable
 * until the change is closed, but for k->payload. */
void dbx_set_replace(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k);
/* dbx_set_expect tells of the first of `count` members that are going to be added at once, from
 * which Redis chooses the encoding. */
void dbx_set_expect(dbx_edit *edit, dbx_slice first, uint64_t count);
/* dbx_set_add and dbx_set_del add and remove a member that does not lie in the set itself. */
int dbx_set_add(dbx_edit *edit, dbx_slice member, bool *added);
int dbx_set_del(dbx_edit *edit, dbx_slice member, bool *removed);

/* dbx_set_del_item removes a member that a walk or a draw gave. */
int dbx_set_del_item(dbx_edit *edit, const dbx_dict_item *item);

/* dbx_set_make_intset calls a set whose members are all numbers an intset. */
int dbx_set_make_intset(dbx_edit *edit);

/* dbx_set_encoding_with is the encoding of a set of `encoding` and `count` members when `member` is
 * added; `widest`: at least the length of the longest member, while it is an intset. */
uint8_t dbx_set_encoding_with(const dbx_encodings *encodings, uint8_t encoding, uint64_t count,
                              size_t widest, dbx_slice member);

/* --- Walking --------------------------------------------------------------------------------- */

typedef struct dbx_set_walk {
    dbx_slice packed; /* what is left of an inline one */
    bool spread;
    dbx_dict_walk dict; /* of a large one */
} dbx_set_walk;

/* dbx_set_walk_open begins a walk over members whose hash is at least `from_hash` (all of an inline
 * one, whose hash and place are not told). */
int dbx_set_walk_open(dbx_set_walk *walk, dbx_view *view, const dbx_key *k, uint64_t from_hash);
/* dbx_set_walk_next gives the next, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_set_walk_next(dbx_set_walk *walk, dbx_dict_item *item);
/* dbx_set_walk_move goes on in another view: of a large one; what is inline is short. */
int dbx_set_walk_move(dbx_set_walk *walk, dbx_view *view);
void dbx_set_walk_close(dbx_set_walk *walk);

/* dbx_set_random draws a member of a set that is not empty, each equally likely. */
int dbx_set_random(dbx_txn *txn, const dbx_key *k, dbx_dict_item *item);

/* --- Some members, kept over writes ---------------------------------------------------------- */

enum { DBX_SET_BATCH = 128, DBX_SET_BATCH_BYTES = 64 << 10 };

typedef struct dbx_set_batch {
    size_t count;
    dbx_buf bytes;
    dbx_dict_item items[DBX_SET_BATCH]; /* pointers into `bytes` are offsets */
} dbx_set_batch;

/* dbx_set_batch_add keeps a member; only when the batch is not full. DBX_ENOMEM. */
int dbx_set_batch_add(dbx_set_batch *batch, const dbx_dict_item *item);
static inline bool dbx_set_batch_full(const dbx_set_batch *batch) {
    return batch->count == DBX_SET_BATCH || batch->bytes.len >= DBX_SET_BATCH_BYTES;
}
/* dbx_set_batch_at gives the i-th, valid until the batch changes. */
dbx_dict_item dbx_set_batch_at(const dbx_set_batch *batch, size_t i);
/* dbx_set_batch_clear empties it, dbx_set_batch_free gives its memory back as well. */
void dbx_set_batch_clear(dbx_set_batch *batch);
void dbx_set_batch_free(dbx_set_batch *batch);

#endif
