/* rank_cache.h: the counts of rank.h in memory, for the large sorted sets that are changed or asked
 * most: finding the borders around a place is a search in a few arrays, not a seek for each level.
 *
 * A group's borders of the level below lie together in a node, which is read from the map when it
 * has been needed some times; so the nodes are a tree, whose root has the borders of the highest
 * level. What rank.c writes is written here as well; where a border comes or goes nodes are split
 * and joined. All is dropped when anything is undone. It is of the live view and changes nothing
 * that can be seen: what is not here is looked up in the map.
 */
#ifndef DBX_TYPES_RANK_CACHE_H
#define DBX_TYPES_RANK_CACHE_H

#include "base/err.h"
#include "store/format.h"
#include "store/txn.h"

enum {
    DBX_RANK_BITS = 5, /* of the on-disk format */
    DBX_RANK_LEVELS_MAX = 8 * DBX_MEMBER_HASH_BYTES / DBX_RANK_BITS,
    DBX_RANK_CACHE_BYTES = 4 << 20 /* of one set; then its lowest nodes stay in the map */
};

/* A border, as the map has it. */
typedef struct dbx_border {
    dbx_slice place;
    bool last;      /* of its level: its group has what is left */
    uint64_t count; /* of the members in its group, if it is not the last */
} dbx_border;

/* dbx_border_read reads an entry whose place begins at `head` + 1. DBX_ENOTFOUND: it is not of this
 * level. */
int dbx_border_read(dbx_slice key, dbx_slice value, size_t head, unsigned level, dbx_border *b);

typedef struct dbx_rank_cache dbx_rank_cache;
typedef struct dbx_rank_slot dbx_rank_slot;

/* The borders at or before a place, one for each level. */
typedef struct dbx_rank_path {
    unsigned lowest; /* level that is in memory: of those below nothing is said */
    dbx_rank_slot *slots[DBX_RANK_LEVELS_MAX + 1]; /* NULL: there is none */
    dbx_border borders[DBX_RANK_LEVELS_MAX + 1];
} dbx_rank_path;

/* What is looked for: a place, or the member that has `index` before it. */
typedef struct dbx_rank_goal {
    bool by_index;
    uint64_t index;
    dbx_slice place;
} dbx_rank_goal;

/* Where it lies, as far as was looked: in the group of a border, or before a level's first one. */
typedef struct dbx_rank_spot {
    unsigned level;  /* those below were not looked at */
    bool inside;     /* a border was found: `before` and `at` are set */
    uint64_t before; /* members before the border */
    dbx_border at;
    dbx_slice next; /* where the group ends; empty: it is the last, or not known */
} dbx_rank_spot;

/* dbx_rank_cache_of gives a set's; NULL: it has none, by now. Valid until it is asked for again. */
dbx_rank_cache *dbx_rank_cache_of(dbx_txn *txn, uint64_t cid, unsigned levels);
/* dbx_rank_cache_path finds the borders around a place. Its slots are valid until one comes or
 * goes. */
int dbx_rank_cache_path(dbx_rank_cache *cache, dbx_txn *txn, dbx_slice place, dbx_rank_path *path);
/* dbx_rank_cache_find does the same for a goal, when the heads are known. `spot` begins as one of
 * level `levels` + 1, outside; its places are valid as long as slots. */
int dbx_rank_cache_find(dbx_rank_cache *cache, dbx_txn *txn, const dbx_rank_goal *goal,
                        dbx_rank_spot *spot);
/* The heads: how many members come before each level's first border, which no entry says.
 * dbx_rank_cache_heads gives them, the first of level 1 at [1]; NULL: not known. They are known
 * from when they are set until they are lost, which they are to be when a level's first border
 * comes or goes; dbx_rank_cache_head_add hears of a member that did. */
const uint64_t *dbx_rank_cache_heads(const dbx_rank_cache *cache);
void dbx_rank_cache_set_heads(dbx_rank_cache *cache, const uint64_t *heads);
void dbx_rank_cache_lose_heads(dbx_rank_cache *cache);
void dbx_rank_cache_head_add(dbx_rank_cache *cache, unsigned level, int by);
/* dbx_rank_slot_add changes a count, as the map was. */
void dbx_rank_slot_add(dbx_rank_slot *slot, int by);
/* dbx_rank_cache_set hears of a border that was written. */
void dbx_rank_cache_set(dbx_rank_cache *cache, unsigned level, const dbx_border *b);
/* dbx_rank_cache_added and dbx_rank_cache_removed hear that a border of `level`, and so of those
 * below, came or went, after the map was changed. */
int dbx_rank_cache_added(dbx_rank_cache *cache, dbx_txn *txn, unsigned level, dbx_slice place);
void dbx_rank_cache_removed(dbx_rank_cache *cache, unsigned level, dbx_slice place);

#endif
