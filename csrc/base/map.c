/* map.c: a hash map from bytes to pointers; see map.h.
 *
 * Linear probing at a load of at most three quarters. Deleting moves later entries of the run back,
 * so there are no tombstones and a run always ends at a free slot.
 */
#include "base/map.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rand.h"

enum { MAP_CAP_MIN = 16, MAP_FOLD_BYTES = 64 };

void dbx_map_init(dbx_map *map, bool nocase) {
    *map = (dbx_map){.nocase = nocase};
}

void dbx_map_free(dbx_map *map) {
    dbx_alloc_free(map->slots);
    dbx_map_init(map, map->nocase);
}

static uint64_t hash_key(const dbx_map *map, dbx_slice key) {
    if (!map->nocase) return dbx_hash_bytes(key, map->seed);
    uint64_t hash = map->seed;
    uint8_t folded[MAP_FOLD_BYTES];
    for (size_t at = 0; at < key.len;) {
        size_t n = 0;
        while (n < sizeof folded && at < key.len) {
            folded[n++] = dbx_slice_lower(key.ptr[at++]);
        }
        hash = dbx_hash_bytes(dbx_slice_of(folded, n), hash);
    }
    return hash;
}

static bool same_key(const dbx_map *map, dbx_slice a, dbx_slice b) {
    return map->nocase ? dbx_slice_eq_nocase(a, b) : dbx_slice_eq(a, b);
}

/* The slot of `key`, or the free slot that ends its run. The map has slots. */
static dbx_map_slot *find(const dbx_map *map, dbx_slice key, uint64_t hash) {
    size_t mask = map->cap - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        dbx_map_slot *slot = &map->slots[i];
        if (slot->value == NULL) return slot;
        if (slot->hash == hash && same_key(map, slot->key, key)) return slot;
    }
}

void *dbx_map_get(const dbx_map *map, dbx_slice key) {
    if (map->count == 0) return NULL;
    return find(map, key, hash_key(map, key))->value;
}

static bool grow(dbx_map *map) {
    size_t cap = map->cap == 0 ? MAP_CAP_MIN : map->cap * 2;
    if (cap < map->cap) return false;
    dbx_map_slot *slots = dbx_alloc_zero(cap, sizeof *slots);
    if (slots == NULL) return false;
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].value == NULL) continue;
        size_t to = (size_t)map->slots[i].hash & (cap - 1);
        while (slots[to].value != NULL) {
            to = (to + 1) & (cap - 1);
        }
        slots[to] = map->slots[i];
    }
    dbx_alloc_free(map->slots);
    map->slots = slots;
    map->cap = cap;
    return true;
}

int dbx_map_put(dbx_map *map, dbx_slice key, void *value, void **old) {
    if (map->cap == 0) {
        dbx_rand rand;
        dbx_rand_seed(&rand);
        map->seed = dbx_rand_u64(&rand);
    }
    if (map->count >= map->cap / 4 * 3 && !grow(map)) return DBX_ENOMEM;
    uint64_t hash = hash_key(map, key);
    dbx_map_slot *slot = find(map, key, hash);
    if (old != NULL) *old = slot->value;
    if (slot->value == NULL) map->count++;
    *slot = (dbx_map_slot){key, value, hash};
    return DBX_OK;
}

void *dbx_map_del(dbx_map *map, dbx_slice key) {
    if (map->count == 0) return NULL;
    dbx_map_slot *slot = find(map, key, hash_key(map, key));
    void *value = slot->value;
    if (value == NULL) return NULL;
    size_t mask = map->cap - 1;
    size_t gap = (size_t)(slot - map->slots);
    for (size_t i = (gap + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        /* An entry may fill the gap unless that would put it before its home slot. */
        size_t home = (size_t)map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        map->slots[gap] = map->slots[i];
        gap = i;
    }
    map->slots[gap].value = NULL;
    map->count--;
    return value;
}

dbx_map_slot *dbx_map_next(const dbx_map *map, size_t *at) {
    while (*at < map->cap) {
        dbx_map_slot *slot = &map->slots[(*at)++];
        if (slot->value != NULL) return slot;
    }
    return NULL;
}
