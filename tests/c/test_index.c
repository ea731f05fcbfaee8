/* test_index.c: the index of a buffer against an array, while it grows, splits and loses entries.
 */
#include "check.h"

#include "base/hash.h"
#include "base/rand.h"
#include "store/index.h"

enum { ENTRIES = 60000, DENSE_FROM = 4000, KEY_BYTES = 4 };

typedef struct world {
    dbx_arena arena;
    dbx_index index;
    dbx_entry *entries[ENTRIES]; /* all there are */
    bool in[ENTRIES];            /* the index */
} world;

static uint64_t hash_of(const dbx_entry *entry) {
    return dbx_hash_bytes(dbx_entry_key(entry), 0);
}

static world *make_world(void) {
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    w->index.arena = &w->arena;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        dbx_entry *entry = dbx_arena_alloc(&w->arena, sizeof *entry + KEY_BYTES);
        if (entry == NULL) abort();
        *entry = (dbx_entry){.key_len = KEY_BYTES};
        memcpy(entry->key, &i, KEY_BYTES);
        w->entries[i] = entry;
    }
    return w;
}

static void free_world(world *w) {
    dbx_arena_destroy(&w->arena);
    free(w);
}

static bool is_found(const world *w, uint32_t i) {
    const dbx_entry *entry = w->entries[i];
    const dbx_entry *found = dbx_index_find(&w->index, dbx_entry_key(entry), hash_of(entry));
    CHECK(found == NULL || found == entry);
    return found != NULL;
}

TEST(an_index_has_what_was_added_and_not_removed) {
    world *w = make_world();
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (unsigned step = 0; step < 12 * ENTRIES; step++) {
        uint32_t i = (uint32_t)dbx_rand_below(&rand, ENTRIES);
        CHECK_EQ(is_found(w, i), w->in[i]);
        bool grow = dbx_rand_below(&rand, 100) < (step / (3 * ENTRIES) % 2 == 0 ? 80 : 20);
        if (grow == w->in[i]) continue;
        if (grow) {
            dbx_index_add(&w->index, w->entries[i], hash_of(w->entries[i]));
        } else {
            dbx_index_remove(&w->index, w->entries[i], hash_of(w->entries[i]));
        }
        w->in[i] = grow;
    }
    for (uint32_t i = 0; i < ENTRIES; i++)
        CHECK_EQ(is_found(w, i), w->in[i]);
    CHECK(!w->index.partial);
    free_world(w);
}

TEST(most_slots_are_in_use_however_many_entries_there_are) {
    world *w = make_world();
    size_t before = w->arena.bytes, most = 0, sum = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        dbx_index_add(&w->index, w->entries[i], hash_of(w->entries[i]));
        size_t tenths = (w->arena.bytes - before) * 10 / (i + 1);
        if (i < DENSE_FROM) continue;
        if (tenths > most) most = tenths;
        sum += tenths;
    }
    CHECK(most <= 130);
    CHECK(sum / (ENTRIES - DENSE_FROM) <= 112);
    free_world(w);
}

/* Keys are chosen by clients, and how they are hashed is known to everybody. */
TEST(hashes_that_begin_alike_fill_no_segment_beyond_its_slots) {
    world *w = make_world();
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    uint64_t *hashes = calloc(ENTRIES, sizeof *hashes);
    if (hashes == NULL) abort();
    for (uint32_t i = 0; i < ENTRIES; i++) {
        hashes[i] = dbx_rand_u64(&rand) >> (i < ENTRIES / 2 ? 3 : 12);
        dbx_index_add(&w->index, w->entries[i], hashes[i]);
        CHECK(!w->index.partial);
    }
    for (uint32_t i = 0; i < ENTRIES; i++) {
        dbx_slice key = dbx_entry_key(w->entries[i]);
        CHECK(dbx_index_find(&w->index, key, hashes[i]) == w->entries[i]);
    }
    free(hashes);
    free_world(w);
}
