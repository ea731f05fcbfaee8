/* index.h: finding an entry by its exact key in one or two cache misses: a hash table beside the
 * tree.
 *
 * Extendible hashing (Fagin et al., 1979): a directory by the hash's high bits points to segments.
 * One that fills up grows by a fifth or so, in the end splits: no insertion ever stalls on a large
 * table, and of all slots three quarters are in use, where segments that only split, all at about
 * the same time, leave half of them empty. A slot keeps 32 bits of the hash and a 32-bit reference
 * into the arena, so that neither reads an entry. What the index finds no memory for is found
 * through the tree: `partial` says so.
 */
#ifndef DBX_STORE_INDEX_H
#define DBX_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/arena.h"
#include "store/entry.h"

/* A segment, with what says where in it a hash belongs: so that it need not be looked up there. */
typedef struct dbx_index_place {
    uint32_t reference;
    uint16_t slot_count;
    uint16_t depth; /* of the directory's bits, how many the segment was chosen by */
} dbx_index_place;

typedef struct dbx_index {
    dbx_arena *arena;           /* of the segments, and of the entries */
    dbx_index_place *directory; /* 1 << depth of them; NULL: empty */
    unsigned depth;
    bool partial; /* some entry could not be added */
} dbx_index;

/* dbx_index_find returns the entry with this key and hash, or NULL. */
dbx_entry *dbx_index_find(const dbx_index *index, dbx_slice key, uint64_t hash);
/* dbx_index_prefetch starts loading the slot of a hash, and dbx_index_prefetch_entry, when that has
 * arrived, the entry in it: for who knows early what he is going to find. */
void dbx_index_prefetch(const dbx_index *index, uint64_t hash);
void dbx_index_prefetch_entry(const dbx_index *index, uint64_t hash);
/* dbx_index_add adds an entry that is not in. Out of memory or room, the index becomes partial. */
void dbx_index_add(dbx_index *index, dbx_entry *entry, uint64_t hash);
/* dbx_index_remove takes an entry out if it is in. */
void dbx_index_remove(dbx_index *index, const dbx_entry *entry, uint64_t hash);

#endif
