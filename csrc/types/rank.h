/* rank.h: how many members of a large sorted set come before a place, without walking them all.
 *
 * Some members are borders: of level l those whose seeded hash ends in l * DBX_RANK_BITS zero bits,
 * so that a border of a level is one of every level below, and each level has about a 32nd of the
 * borders of the one below it. A border's group are the members from it to the next border of its
 * level. Entries [R][cid][level][place of the border] keep how many there are in it:
 *
 *   - in all groups but a level's last one, whose entry is empty: it has what the others have not;
 *   - of the members before a level's first border nothing is kept.
 *
 * So whatever is added or taken away at either end (a time series, a queue) changes no count, and
 * elsewhere one for each level. A rank is the sum of a few counts of each level. `place` is what
 * follows [Z][cid] in a member's key.
 */
#ifndef DBX_TYPES_RANK_H
#define DBX_TYPES_RANK_H

#include "base/err.h"
#include "store/format.h"
#include "store/txn.h"
#include "types/rank_cache.h"
#include "types/score.h"

/* Where a member is known to stand, so that counts need not be looked for. */
typedef enum dbx_rank_end { DBX_RANK_ANYWHERE, DBX_RANK_FIRST, DBX_RANK_LAST } dbx_rank_end;

typedef struct dbx_rank {
    dbx_txn *txn;
    uint64_t cid;
    unsigned levels; /* that have a border; the set's record keeps it */
    uint64_t steps;  /* that cursors made: the cost */
    /* private */
    dbx_rank_cache *cache;         /* NULL: none; looked for by each call */
    dbx_cursor *borders, *members; /* opened when they are needed */
    size_t head;                   /* length of [R][cid] in key, and of [Z][cid] */
    uint8_t key[DBX_ENCODED_KEY_MAX];
} dbx_rank;

/* dbx_rank_level is the highest level that a member of this hash is a border of; 0: of none. */
unsigned dbx_rank_level(uint64_t member_hash);

/* dbx_rank_init begins with the counts of a set; always to be closed. */
void dbx_rank_init(dbx_rank *rank, dbx_txn *txn, uint64_t cid, unsigned levels);
void dbx_rank_close(dbx_rank *rank);

/* dbx_rank_insert counts a member whose entry in Z was made, dbx_rank_remove one whose entry there
 * was deleted. Both change rank->levels. */
int dbx_rank_insert(dbx_rank *rank, dbx_slice place, unsigned level);
int dbx_rank_remove(dbx_rank *rank, dbx_slice place, unsigned level, dbx_rank_end end);
/* dbx_rank_move counts that a member, a border of no level, has another place. */
int dbx_rank_move(dbx_rank *rank, dbx_slice from, dbx_slice to);

/* dbx_rank_is_near says whether ranks are found in memory, by a walk of a few members. */
bool dbx_rank_is_near(dbx_rank *rank);
/* dbx_rank_of counts the members before a place, whether or not there is one at it. */
int dbx_rank_of(dbx_rank *rank, dbx_slice place, uint64_t *before);
/* dbx_rank_at stands a cursor of the set's members in Z on the one that has `index` before it.
 * DBX_ENOTFOUND: there are not so many. */
int dbx_rank_at(dbx_rank *rank, uint64_t index, dbx_cursor *members);

#endif
