/* entry.h: one key in a write buffer: what the tree orders, the buffer fills and cursors read. */
#ifndef DBX_STORE_ENTRY_H
#define DBX_STORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum dbx_entry_flags {
    DBX_ENTRY_DEAD = 1u << 0,  /* a tombstone: the key is deleted, whatever is below */
    DBX_ENTRY_BELOW = 1u << 1, /* the key may exist in a lower level: its tombstone must stay */
    DBX_ENTRY_GAP = 1u << 2, /* every lower key strictly between this entry and the next is dead */
    DBX_ENTRY_REFERS = 1u << 3,    /* the value lies in a spool, not in the arena */
    DBX_ENTRY_VERSIONED = 1u << 4, /* older versions are kept for open views, see buffer.c */
    DBX_ENTRY_SAVED = 1u << 5,     /* a checkpoint may have an older value: as if it were BELOW */
    DBX_ENTRY_LASTING = DBX_ENTRY_DEAD | DBX_ENTRY_BELOW | DBX_ENTRY_GAP | DBX_ENTRY_REFERS
};

typedef struct dbx_entry dbx_entry;
struct dbx_entry {
    dbx_entry *prev, *next; /* key order, across the whole buffer */
    uint8_t *value;         /* in place after the key, or a block of its own, or in a spool */
    uint32_t value_len;
    uint32_t value_room; /* bytes at `value` that may be written; 0 when it refers to a spool */
    uint32_t epoch;      /* the buffer's epoch when the value was written: which views see it */
    uint16_t key_len;
    uint8_t flags;
    uint8_t size_class; /* of the entry's block, for the arena */
    uint8_t key[];      /* then, when it is in place, the value */
};

static inline bool dbx_entry_in_place(const dbx_entry *entry) {
    return entry->value == entry->key + entry->key_len;
}

static inline dbx_slice dbx_entry_key(const dbx_entry *entry) {
    return (dbx_slice){entry->key, entry->key_len};
}

static inline dbx_slice dbx_entry_value(const dbx_entry *entry) {
    return (dbx_slice){entry->value, entry->value_len};
}

#endif
