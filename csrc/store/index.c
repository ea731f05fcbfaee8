/* index.c: see index.h. */
#include "store/index.h"

#include <string.h>

enum {
    SEGMENT_BYTES_MIN = 1 << 10, /* the first one's: as those of a class of the arena, as all are */
    SEGMENT_BYTES_HALF = 8 << 10,
    SEGMENT_BYTES_MAX = 16 << 10,
    DEPTH_MAX = 20 /* with the bits that choose a slot, all of the 32 kept */
};

/* The hashes that belong to one place of the directory. */
typedef struct segment {
    uint32_t bytes, used;
    uint64_t slots[]; /* hash << 32 | reference; 0: free */
} segment;

static uint32_t short_hash(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

static uint32_t slot_hash(uint64_t slot) {
    return (uint32_t)(slot >> 32);
}

static dbx_index_place *find_place(const dbx_index *index, uint32_t hash) {
    return &index->directory[index->depth == 0 ? 0 : hash >> (32 - index->depth)];
}

static segment *segment_at(const dbx_index *index, const dbx_index_place *place) {
    return dbx_arena_at(index->arena, place->reference);
}

/* Where a hash belongs: by the bits that follow those that chose the segment. */
static unsigned home_of(const dbx_index_place *place, uint32_t hash) {
    return (unsigned)((uint64_t)(hash << place->depth) * place->slot_count >> 32);
}

static unsigned following(const dbx_index_place *place, unsigned i) {
    return i + 1 < place->slot_count ? i + 1 : 0;
}

dbx_entry *dbx_index_find(const dbx_index *index, dbx_slice key, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL) return NULL;
    const dbx_index_place *place = find_place(index, h);
    const uint64_t *slots = segment_at(index, place)->slots;
    for (unsigned i = home_of(place, h); slots[i] != 0; i = following(place, i)) {
        if (slot_hash(slots[i]) != h) continue;
        dbx_entry *entry = dbx_arena_at(index->arena, (uint32_t)slots[i]);
        if (dbx_slice_eq(dbx_entry_key(entry), key)) return entry;
    }
    return NULL;
}

void dbx_index_prefetch(const dbx_index *index, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL) return;
    const dbx_index_place *place = find_place(index, h);
    __builtin_prefetch(&segment_at(index, place)->slots[home_of(place, h)]);
}

void dbx_index_prefetch_entry(const dbx_index *index, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL) return;
    const dbx_index_place *place = find_place(index, h);
    const uint64_t *slots = segment_at(index, place)->slots;
    for (unsigned i = home_of(place, h); slots[i] != 0; i = following(place, i)) {
        if (slot_hash(slots[i]) != h) continue;
        const dbx_entry *entry = dbx_arena_at(index->arena, (uint32_t)slots[i]);
        __builtin_prefetch(entry);
        __builtin_prefetch((const uint8_t *)entry + 56);
        return;
    }
}

static void put_slot(const dbx_index_place *place, segment *s, uint64_t slot) {
    unsigned i = home_of(place, slot_hash(slot));
    while (s->slots[i] != 0)
        i = following(place, i);
    s->slots[i] = slot;
    s->used++;
}

/* With more, looking for what is not there takes long. */
static bool is_full(const dbx_index *index, const dbx_index_place *place) {
    return segment_at(index, place)->used >= place->slot_count * 13u / 16;
}

/* Of all the bytes that an arena's block of `bytes` has; reference 0: out of memory. */
static dbx_index_place new_segment(dbx_arena *arena, size_t bytes, unsigned depth) {
    segment *s = dbx_arena_alloc(arena, bytes);
    if (s == NULL) return (dbx_index_place){0};
    bytes = dbx_arena_class_bytes(dbx_arena_class(bytes));
    memset(s, 0, bytes);
    s->bytes = (uint32_t)bytes;
    return (dbx_index_place){.reference = dbx_arena_reference(s),
                             .slot_count = (uint16_t)((bytes - sizeof *s) / sizeof *s->slots),
                             .depth = (uint16_t)depth};
}

/* Puts what a segment has, of the hashes whose next bit is set, into `high`, the rest into `low`;
 * they may be the same. */
static void share_out(dbx_index *index, const dbx_index_place *from, const dbx_index_place *low,
                      const dbx_index_place *high) {
    segment *s = segment_at(index, from), *l = segment_at(index, low), *h = segment_at(index, high);
    uint32_t bit = 1u << (31 - from->depth);
    for (unsigned i = 0; i < from->slot_count; i++) {
        uint64_t slot = s->slots[i];
        if (slot == 0) continue;
        if ((slot_hash(slot) & bit) != 0) {
            put_slot(high, h, slot);
        } else {
            put_slot(low, l, slot);
        }
    }
    dbx_arena_free(index->arena, s, s->bytes);
}

/* Makes the first half of the directory's places that name a segment name `low`, the others `high`.
 * If there is but one, both are the same. */
static void enter(dbx_index *index, dbx_index_place *of, dbx_index_place low,
                  dbx_index_place high) {
    size_t span = (size_t)1 << (index->depth - of->depth);
    dbx_index_place *first = index->directory + (size_t)(of - index->directory) / span * span;
    for (size_t i = 0; i < span; i++)
        first[i] = i < span / 2 ? low : high;
}

static bool grow(dbx_index *index, dbx_index_place *place) {
    dbx_index_place to =
        new_segment(index->arena, (size_t)segment_at(index, place)->bytes + 1, place->depth);
    if (to.reference == 0) return false;
    share_out(index, place, &to, &to);
    enter(index, place, to, to);
    return true;
}

static bool double_directory(dbx_index *index) {
    size_t count = (size_t)1 << index->depth;
    dbx_index_place *grown = dbx_arena_alloc(index->arena, 2 * count * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = 0; i < 2 * count; i++)
        grown[i] = index->directory[i / 2];
    dbx_arena_free(index->arena, index->directory, count * sizeof *grown);
    index->directory = grown;
    index->depth++;
    return true;
}

/* What a segment takes into which `count` entries are put. Those of a full one fit the largest. */
static size_t bytes_for(size_t count) {
    size_t bytes = sizeof(segment) + (count + count / 8) * sizeof(uint64_t);
    if (bytes < SEGMENT_BYTES_HALF) return SEGMENT_BYTES_HALF;
    return bytes < SEGMENT_BYTES_MAX ? bytes : SEGMENT_BYTES_MAX;
}

/* Shares a full segment's entries out over two new ones, by the next bit of their hashes: halves,
 * unless somebody has chosen the keys. */
static bool split(dbx_index *index, dbx_index_place *place) {
    const segment *full = segment_at(index, place);
    unsigned depth = place->depth + 1u;
    size_t highs = 0;
    for (unsigned i = 0; i < place->slot_count; i++)
        highs += full->slots[i] >> (64 - depth) & 1u;
    dbx_index_place low = new_segment(index->arena, bytes_for(full->used - highs), depth);
    if (low.reference == 0) return false;
    dbx_index_place high = new_segment(index->arena, bytes_for(highs), depth);
    if (high.reference == 0) {
        segment *s = segment_at(index, &low);
        dbx_arena_free(index->arena, s, s->bytes);
        return false;
    }
    share_out(index, place, &low, &high);
    enter(index, place, low, high);
    return true;
}

/* Makes room in a hash's segment; false: there is no memory. */
static bool make_room(dbx_index *index, uint32_t hash) {
    dbx_index_place *place = find_place(index, hash);
    if (segment_at(index, place)->bytes < SEGMENT_BYTES_MAX) return grow(index, place);
    if (place->depth == DEPTH_MAX) return false;
    if (place->depth == index->depth && !double_directory(index)) return false;
    return split(index, find_place(index, hash));
}

static bool start(dbx_index *index) {
    index->directory = dbx_arena_alloc(index->arena, sizeof *index->directory);
    if (index->directory == NULL) return false;
    *index->directory = new_segment(index->arena, SEGMENT_BYTES_MIN, 0);
    if (index->directory->reference != 0) return true;
    dbx_arena_free(index->arena, index->directory, sizeof *index->directory);
    index->directory = NULL;
    return false;
}

void dbx_index_add(dbx_index *index, dbx_entry *entry, uint64_t hash) {
    uint32_t h = short_hash(hash);
    if (index->directory == NULL && !start(index)) {
        index->partial = true;
        return;
    }
    while (is_full(index, find_place(index, h))) {
        if (!make_room(index, h)) {
            index->partial = true;
            return;
        }
    }
    const dbx_index_place *place = find_place(index, h);
    put_slot(place, segment_at(index, place), (uint64_t)h << 32 | dbx_arena_reference(entry));
}

/* How far slot i is from slot `from`, going up and round. */
static unsigned distance(const dbx_index_place *place, unsigned from, unsigned i) {
    return i >= from ? i - from : i + place->slot_count - from;
}

void dbx_index_remove(dbx_index *index, const dbx_entry *entry, uint64_t hash) {
    uint32_t h = short_hash(hash);
    uint64_t slot = (uint64_t)h << 32 | dbx_arena_reference(entry);
    if (index->directory == NULL) return;
    const dbx_index_place *place = find_place(index, h);
    segment *s = segment_at(index, place);
    unsigned i = home_of(place, h);
    while (s->slots[i] != slot) {
        if (s->slots[i] == 0) return;
        i = following(place, i);
    }
    /* Close the hole: what follows may have been pushed past it. */
    for (unsigned j = following(place, i); s->slots[j] != 0; j = following(place, j)) {
        unsigned home = home_of(place, slot_hash(s->slots[j]));
        if (distance(place, home, j) < distance(place, i, j)) continue;
        s->slots[i] = s->slots[j];
        i = j;
    }
    s->slots[i] = 0;
    s->used--;
}
