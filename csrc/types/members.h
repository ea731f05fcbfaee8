/* members.h: the members of sets and sorted sets and the fields of hashes alike: one after the
 * other in the order of SSCAN, ZSCAN and HSCAN, or drawn at random.
 *
 * A large one's lie in a dict (dict.h), the others in the record. Fields whose time has come are
 * not there.
 */
#ifndef DBX_TYPES_MEMBERS_H
#define DBX_TYPES_MEMBERS_H

#include "types/collection.h"
#include "types/sampler.h"

typedef struct dbx_members_item {
    uint64_t hash;   /* where it stands, 0 of an inline one */
    dbx_slice place; /* the same to the byte, of a large one: no other member has it */
    dbx_cell member; /* or field */
    dbx_cell value;  /* of a field */
    double score;    /* of a member of a sorted set */
} dbx_members_item;

/* dbx_members_count counts those that are there now; `k` holds such a value or nothing. */
int dbx_members_count(dbx_txn *txn, const dbx_key *k, uint64_t *count);

/* --- In order -------------------------------------------------------------------------------- */

typedef struct dbx_members {
    uint8_t type;
    bool spread;
    dbx_times times;    /* fields that have expired by then are passed over */
    dbx_slice packed;   /* what is left of an inline one */
    dbx_dict_walk walk; /* of a large one */
} dbx_members;

/* dbx_members_open begins with the first whose hash is at least `from_hash` (of an inline one, with
 * the first); `k` holds such a value. DBX_ENOMEM. */
int dbx_members_open(dbx_members *m, dbx_txn *txn, const dbx_key *k, uint64_t from_hash);
/* dbx_members_next gives the next, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_members_next(dbx_members *m, dbx_members_item *item);
/* dbx_members_move goes on in another view: of a large one; what is inline is short. */
int dbx_members_move(dbx_members *m, dbx_view *view);
void dbx_members_close(dbx_members *m);

/* --- At random ------------------------------------------------------------------------------- */

/* Draws of one state, each of what is there equally likely. */
typedef struct dbx_draws {
    uint8_t type;
    dbx_times times;
    uint64_t count;    /* of what may be drawn: also of fields that have expired */
    dbx_buf packed;    /* owned: an inline one */
    dbx_sampler *live; /* of a large one, in the live view */
    dbx_sampler own;   /* in another */
} dbx_draws;

/* dbx_draws_open begins; dbx_members_count of `k` is not 0. To draw before the next write, or
 * before and after it with a move in between. */
int dbx_draws_open(dbx_draws *d, dbx_txn *txn, const dbx_key *k);
/* dbx_draws_next draws one, valid until the next draw or write. Cost: about a seek. */
int dbx_draws_next(dbx_draws *d, dbx_rand *rand, dbx_members_item *item);
int dbx_draws_move(dbx_draws *d, dbx_view *view);
void dbx_draws_close(dbx_draws *d);

#endif
