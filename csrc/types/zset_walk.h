/* zset_walk.h: going through sorted sets: by index, by score, by member, in both directions. */
#ifndef DBX_TYPES_ZSET_WALK_H
#define DBX_TYPES_ZSET_WALK_H

#include "types/t_zset.h"

/* A part of the order: from the first member that is not below `min` to the last not above `max`.
 * By members it is for sets whose scores are all the same. */
typedef struct dbx_zset_range {
    bool by_member;
    bool min_open, max_open;        /* the bound itself is left out */
    double min, max;                /* scores */
    int min_end, max_end;           /* members: -1 before all, 1 after all, 0: as below */
    dbx_slice min_bytes, max_bytes; /* members */
} dbx_zset_range;

enum {
    DBX_ZSET_PACKED_MAX = 16384 / (DBX_SCORE_BYTES + 1) + 1, /* items of an inline payload */
    DBX_ZSET_NEAR = 64 /* members that are stepped over rather than counted by ranks */
};

/* Where a range lies in the entries of a spread set: places from `from` to before `end`. */
typedef struct dbx_zset_bounds {
    bool endless; /* there is no `end` */
    size_t from_len, end_len;
    uint8_t from[DBX_PLACE_MAX], end[DBX_PLACE_MAX];
} dbx_zset_bounds;

typedef struct dbx_zset_walk {
    bool spread, back;
    /* of an inline one */
    dbx_slice packed;
    size_t low, high; /* the items that are left */
    uint16_t at[DBX_ZSET_PACKED_MAX];
    /* of a large one */
    dbx_view *view;
    dbx_cursor *cursor; /* owned */
    uint64_t cid;
    size_t head;      /* length of [Z][cid] */
    bool ready, done; /* the cursor stands on what comes next; nothing comes any more */
    dbx_zset_bounds bounds;
} dbx_zset_walk;

/* dbx_zset_walk_at begins at the member with `index` members before it, and goes to the end, or
 * `back` to the start. The set is not empty. */
int dbx_zset_walk_at(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k, uint64_t index,
                     bool back);
/* dbx_zset_walk_in begins with the first of a range (the last, when `back`), and stays in it. */
int dbx_zset_walk_in(dbx_zset_walk *walk, dbx_txn *txn, const dbx_key *k,
                     const dbx_zset_range *range, bool back);
/* dbx_zset_walk_next gives the next member, valid until the next write; DBX_ENOTFOUND at the end.
 * What was given of a spread set may be deleted before the next is asked for. */
int dbx_zset_walk_next(dbx_zset_walk *walk, dbx_zset_item *item);
/* dbx_zset_walk_move goes on in another view: of a large one; what is inline is short. */
int dbx_zset_walk_move(dbx_zset_walk *walk, dbx_view *view);
void dbx_zset_walk_close(dbx_zset_walk *walk);

/* dbx_zset_interval finds which indices a range has: from *low to before *high. */
int dbx_zset_interval(dbx_txn *txn, const dbx_key *k, const dbx_zset_range *range, uint64_t *low,
                      uint64_t *high);
/* dbx_zset_count counts the members in a range. */
int dbx_zset_count(dbx_txn *txn, const dbx_key *k, const dbx_zset_range *range, uint64_t *count);

#endif
