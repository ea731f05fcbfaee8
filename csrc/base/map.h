/* map.h: a hash map from bytes to pointers, for the command table, settings, sessions and their
 * like. */
#ifndef DBX_BASE_MAP_H
#define DBX_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct dbx_map_slot {
    dbx_slice key; /* not owned */
    void *value;   /* not owned; NULL: the slot is free */
    uint64_t hash;
} dbx_map_slot;

typedef struct dbx_map {
    dbx_map_slot *slots; /* owned; `cap` of them, a power of two, or NULL */
    size_t cap;
    size_t count;
    uint64_t seed; /* drawn at the first put, so that nobody can choose colliding keys */
    bool nocase;   /* ASCII case of keys is ignored */
} dbx_map;

/* dbx_map_init makes an empty map; it owns no memory yet. */
void dbx_map_init(dbx_map *map, bool nocase);
/* dbx_map_free releases the map's memory, not keys or values, and empties it. */
void dbx_map_free(dbx_map *map);

/* dbx_map_get returns the value, or NULL. */
void *dbx_map_get(const dbx_map *map, dbx_slice key);

/* dbx_map_put sets the value (not NULL) of `key`, whose bytes must stay where they are and as they
 * are while the entry exists; replacing an entry also replaces its key slice. *old (may be NULL) is
 * the replaced value or NULL. DBX_OK, or DBX_ENOMEM and nothing changed. */
int dbx_map_put(dbx_map *map, dbx_slice key, void *value, void **old);

/* dbx_map_del removes `key` and returns its value, NULL when it was not there. */
void *dbx_map_del(dbx_map *map, dbx_slice key);

/* dbx_map_next walks the entries in no particular order: start with *at = 0; NULL at the end. The
 * map must not be changed meanwhile. */
dbx_map_slot *dbx_map_next(const dbx_map *map, size_t *at);

#endif
