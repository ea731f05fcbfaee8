/* index.c: see index.h. */
#include "store/index.h"

#include <string.h>

enum {
    SLOTS = 2048, /* a power of two; 16 KB a segment */
    SLOTS_USED_MAX = SLOTS * 3 / 4,
    DEPTH_MAX = 20 /* with the bits that choose a slot, all of the 32 kept */
};

typedef struct dbx_index_segment {
    unsigned depth; /* of the directory's bits, how many this segment was chosen by */
    unsigned used;
    uint64_t slots[SLOTS]; /* hash << 32 | reference; 0: free */
} segment;

static uint32_t short_hash(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

static uint32_t slot_hash(uint64_t slot) {
    return (uint32_t)(slot >> 32);
}

static segment **find_segment(const dbx_index *index, uint32_t hash) {
    return &index->directory[index->depth == 0 ? 0 : hash >> (32 - index->depth)];
}

dbx_entry *dbx_index_find(const dbx_index *index, dbx_slice key, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL) return NULL;
    const segment *s = *find_segment(index, h);
    for (unsigned i = h % SLOTS; s->slots[i] != 0; i = (i + 1) % SLOTS) {
        if (slot_hash(s->slots[i]) != h) continue;
        dbx_entry *entry = dbx_arena_at(index->arena, (uint32_t)s->slots[i]);
        if (dbx_slice_eq(dbx_entry_key(entry), key)) return entry;
    }
    return NULL;
}

void dbx_index_prefetch(const dbx_index *index, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory != NULL) __builtin_prefetch(&(*find_segment(index, h))->slots[h % SLOTS]);
}

void dbx_index_prefetch_entry(const dbx_index *index, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL) return;
    const segment *s = *find_segment(index, h);
    for (unsigned i = h % SLOTS; s->slots[i] != 0; i = (i + 1) % SLOTS) {
        if (slot_hash(s->slots[i]) != h) continue;
        const dbx_entry *entry = dbx_arena_at(index->arena, (uint32_t)s->slots[i]);
        __builtin_prefetch(entry);
        __builtin_prefetch(entry->key + sizeof(dbx_entry) / 2);
        return;
    }
}

static void place(segment *s, uint64_t slot) {
    unsigned i = slot_hash(slot) % SLOTS;
    while (s->slots[i] != 0)
        i = (i + 1) % SLOTS;
    s->slots[i] = slot;
    s->used++;
}

static segment *new_segment(dbx_arena *arena, unsigned depth) {
    segment *s = dbx_arena_alloc(arena, sizeof *s);
    if (s == NULL) return NULL;
    memset(s, 0, sizeof *s);
    s->depth = depth;
    return s;
}

static bool double_directory(dbx_index *index) {
    size_t count = (size_t)1 << index->depth;
    segment **grown = dbx_arena_alloc(index->arena, 2 * count * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = 0; i < 2 * count; i++)
        grown[i] = index->directory[i / 2];
    dbx_arena_free(index->arena, index->directory, count * sizeof *grown);
    index->directory = grown;
    index->depth++;
    return true;
}

/* Shares a full segment's entries out over itself and a new one, by the next bit of their hashes.
 */
static bool split(dbx_index *index, uint32_t hash) {
    segment *s = *find_segment(index, hash);
    if (s->depth == DEPTH_MAX) return false;
    if (s->depth == index->depth && !double_directory(index)) return false;
    segment *high = new_segment(index->arena, s->depth + 1);
    if (high == NULL) return false;
    uint64_t slots[SLOTS];
    memcpy(slots, s->slots, sizeof slots);
    memset(s->slots, 0, sizeof s->slots);
    s->used = 0;
    s->depth++;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i] == 0) continue;
        place((slot_hash(slots[i]) >> (32 - s->depth) & 1) != 0 ? high : s, slots[i]);
    }
    /* The directory's entries for this segment stand together; the upper half is the new one's. */
    size_t span = (size_t)1 << (index->depth - s->depth);
    size_t first = (size_t)(hash >> (32 - s->depth) | 1u) * span;
    for (size_t i = 0; i < span; i++)
        index->directory[first + i] = high;
    return true;
}

static bool start(dbx_index *index) {
    index->directory = dbx_arena_alloc(index->arena, sizeof *index->directory);
    segment *s = index->directory != NULL ? new_segment(index->arena, 0) : NULL;
    if (s == NULL) {
        if (index->directory != NULL) {
            dbx_arena_free(index->arena, index->directory, sizeof *index->directory);
        }
        index->directory = NULL;
        return false;
    }
    index->directory[0] = s;
    return true;
}

void dbx_index_add(dbx_index *index, dbx_entry *entry, uint64_t hash) {
    uint32_t h = short_hash(hash), reference = dbx_arena_reference(entry);
    if (reference == 0 || (index->directory == NULL && !start(index))) {
        index->partial = true;
        return;
    }
    while ((*find_segment(index, h))->used >= SLOTS_USED_MAX) {
        if (!split(index, h)) {
            index->partial = true;
            return;
        }
    }
    place(*find_segment(index, h), (uint64_t)h << 32 | reference);
}

void dbx_index_remove(dbx_index *index, const dbx_entry *entry, uint64_t hash) {
    uint32_t h = short_hash(hash);
    uint64_t slot = (uint64_t)h << 32 | dbx_arena_reference(entry);
    if (index->directory == NULL) return;
    segment *s = *find_segment(index, h);
    unsigned i = h % SLOTS;
    while (s->slots[i] != slot) {
        if (s->slots[i] == 0) return;
        i = (i + 1) % SLOTS;
    }
    /* Close the hole: what follows may have been pushed past it. */
    for (unsigned j = (i + 1) % SLOTS; s->slots[j] != 0; j = (j + 1) % SLOTS) {
        unsigned home = slot_hash(s->slots[j]) % SLOTS;
        if ((j - home) % SLOTS < (j - i) % SLOTS) continue;
        s->slots[i] = s->slots[j];
        i = j;
    }
    s->slots[i] = 0;
    s->used--;
}
