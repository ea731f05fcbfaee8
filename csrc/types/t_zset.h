/* t_zset.h: sorted sets: members with scores, in the order of (score, member).
 *
 * Inline, the payload is score (8 bytes, as it is) and member's cell by turns, in that order. A
 * large one is spread over three tables, and its payload is one byte, the levels of its ranks:
 *
 *   - DBX_TABLE_SCORE: a dict (dict.h), member -> score, 8 bytes;
 *   - DBX_TABLE_ZSET: [score that orders][member, cut as in the dict] -> empty, or one byte if the
 *     score is -0.0, which orders as 0.0. A member that is cut there is whole in the dict;
 *   - DBX_TABLE_RANK: see rank.h.
 *
 * Members of over DBX_MEMBER_INLINE_MAX bytes with one score that begin alike, for as many bytes as
 * a key keeps of them, are in the order of their digests.
 *
 * Every function takes a dbx_key that holds a sorted set or nothing.
 */
#ifndef DBX_TYPES_T_ZSET_H
#define DBX_TYPES_T_ZSET_H

#include "types/collection.h"
#include "types/dict.h"
#include "types/rank.h"

/* dbx_zset_score finds a member's score: DBX_OK, DBX_ENOTFOUND, or a failure. */
int dbx_zset_score(dbx_txn *txn, const dbx_key *k, dbx_slice member, double *score);
/* dbx_zset_rank counts the members before a member as well. */
int dbx_zset_rank(dbx_txn *txn, const dbx_key *k, dbx_slice member, double *score,
                  uint64_t *before);

/* --- Changing -------------------------------------------------------------------------------- */

typedef struct dbx_zset_edit {
    dbx_edit base;
    dbx_rank rank; /* of a spread one */
} dbx_zset_edit;

/* One member within a change. */
typedef struct dbx_zset_slot {
    dbx_slice member; /* not owned */
    bool found;
    double score; /* when found */
    /* private */
    size_t at, end; /* in the payload */
    dbx_dict_slot dict;
} dbx_zset_slot;

/* dbx_zset_edit_open begins to change `k`; always to be closed. DBX_ENOMEM, DBX_ECORRUPT. */
int dbx_zset_edit_open(dbx_zset_edit *edit, dbx_txn *txn, const dbx_encodings *encodings,
                       dbx_key *k);
/* dbx_zset_edit_close is dbx_edit_close. */
int dbx_zset_edit_close(dbx_zset_edit *edit, int rc);

/* dbx_zset_find looks a member up, which must outlive the slot and not lie in the map. */
int dbx_zset_find(dbx_zset_edit *edit, dbx_slice member, dbx_zset_slot *slot);
/* dbx_zset_know is the same for a member that a walk gave with its score, and is going to be
 * removed. */
int dbx_zset_know(dbx_zset_edit *edit, dbx_slice member, double score, dbx_zset_slot *slot);
/* dbx_zset_put gives the member that was looked up last a score; nothing happens if it has it. */
int dbx_zset_put(dbx_zset_edit *edit, dbx_zset_slot *slot, double score);
/* dbx_zset_del removes the member that was looked up last, and was found. `end` may say where it
 * stands. */
int dbx_zset_del(dbx_zset_edit *edit, dbx_zset_slot *slot, dbx_rank_end end);

/* dbx_zset_note_size takes note that `elements` members may be added at once, the longest of `len`
 * bytes: OBJECT ENCODING goes by that as well. */
void dbx_zset_note_size(dbx_zset_edit *edit, uint64_t elements, uint64_t len);

/* --- For zset_walk.c ------------------------------------------------------------------------- */

typedef struct dbx_zset_item {
    double score;
    dbx_cell member;
} dbx_zset_item;

/* dbx_zset_read_packed reads the item at the front of an inline payload, which it shortens:
 * DBX_OK, DBX_ENOTFOUND at its end, DBX_ECORRUPT. */
int dbx_zset_read_packed(dbx_slice *packed, dbx_zset_item *item);
/* dbx_zset_levels are the levels of a spread one's ranks. */
int dbx_zset_levels(dbx_slice payload, unsigned *levels);
/* dbx_zset_place writes the place of a member with a score; returns its length. */
size_t dbx_zset_place(uint8_t out[DBX_PLACE_MAX], double score, const dbx_member *member);

#endif
