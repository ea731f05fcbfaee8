/* entry.h: one key in a write buffer: what the tree orders, the buffer fills and cursors read.
 *
 * A buffer has millions of them, and how many fit decides how often the map's pages are written: so
 * an entry has neither pointers nor links. Its value follows the key, unless it has outgrown that
 * place, a view still reads what is there, or it lies in a spool: then it is away, in a block.
 */
#ifndef DBX_STORE_ENTRY_H
#define DBX_STORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"
#include "store/arena.h"

enum dbx_entry_flags {
    DBX_ENTRY_DEAD = 1u << 0,  /* a tombstone: the key is deleted, whatever is below */
    DBX_ENTRY_BELOW = 1u << 1, /* the key may exist in a lower level: its tombstone must stay */
    DBX_ENTRY_GAP = 1u << 2, /* every lower key strictly between this entry and the next is dead */
    DBX_ENTRY_REFERS = 1u << 3,    /* the value lies in a spool, not in the arena */
    DBX_ENTRY_VERSIONED = 1u << 4, /* older versions are kept for open views, see buffer.c */
    DBX_ENTRY_SAVED = 1u << 5,     /* a checkpoint may have an older value: as if it were BELOW */
    DBX_ENTRY_AWAY = 1u << 6,      /* the value is in a block, or there is none */
    DBX_ENTRY_DELTA = 1u << 7,     /* the value says what has become of the one below: delta.h */
    DBX_ENTRY_LASTING =
        DBX_ENTRY_DEAD | DBX_ENTRY_BELOW | DBX_ENTRY_GAP | DBX_ENTRY_REFERS | DBX_ENTRY_DELTA
};

/* Of an entry that was committed early and is about to leave the buffer, see early.h. */
enum { DBX_EPOCH_LEAVING = 0 };

typedef struct dbx_entry {
    uint32_t held;  /* bytes of the value behind the key; when it is away, its block's reference, or
                       0: it is empty */
    uint32_t epoch; /* the buffer's epoch when the value was written: which views see it */
    uint16_t key_len;
    uint8_t flags;
    uint8_t size_class; /* of the entry's block, for the arena */
    uint8_t key[]; /* then, unless it is away, the value, and what else the block has room for */
} dbx_entry;

/* A value that is away. */
typedef struct dbx_entry_block {
    uint32_t len;
    uint32_t room;   /* bytes that may be written; 0: it lies in a spool */
    uint8_t bytes[]; /* of the value; when it lies in a spool, its address */
} dbx_entry_block;

enum { DBX_ENTRY_ROOM_MAX = DBX_ARENA_BLOCK_MAX - sizeof(dbx_entry_block) };

static inline dbx_slice dbx_entry_key(const dbx_entry *entry) {
    return (dbx_slice){entry->key, entry->key_len};
}

/* dbx_entry_block_of is the block of a value that is away; NULL: it is empty. */
static inline dbx_entry_block *dbx_entry_block_of(const dbx_arena *arena, const dbx_entry *entry) {
    return entry->held != 0 ? dbx_arena_at(arena, entry->held) : NULL;
}

static inline dbx_slice dbx_entry_value(const dbx_arena *arena, const dbx_entry *entry) {
    if ((entry->flags & DBX_ENTRY_AWAY) == 0) {
        return (dbx_slice){entry->key + entry->key_len, entry->held};
    }
    const dbx_entry_block *block = dbx_entry_block_of(arena, entry);
    if (block == NULL) return (dbx_slice){NULL, 0};
    const uint8_t *at = block->bytes;
    if ((entry->flags & DBX_ENTRY_REFERS) != 0) memcpy(&at, block->bytes, sizeof at);
    return (dbx_slice){at, block->len};
}

#endif
