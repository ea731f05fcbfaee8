/* test_tree.c: the tree against a sorted array, step by random step. */
#include "check.h"

#include <stdlib.h>

#include "base/rand.h"
#include "store/tree.h"

enum { KEYS_MAX = 600, KEY_BYTES = 40 };

typedef struct model {
    dbx_entry *sorted[KEYS_MAX];
    size_t count;
} model;

static dbx_entry *make(dbx_arena *arena, dbx_slice key) {
    dbx_entry *entry = dbx_arena_alloc(arena, sizeof *entry + key.len);
    if (entry == NULL) abort();
    *entry = (dbx_entry){0};
    entry->key_len = (uint16_t)key.len;
    memcpy(entry->key, key.ptr, key.len);
    return entry;
}

static void drop(dbx_arena *arena, dbx_entry *entry) {
    dbx_arena_free(arena, entry, sizeof *entry + entry->key_len);
}

/* The first index with a key >= `key`. */
static size_t lower(const model *m, dbx_slice key) {
    size_t i = 0;
    while (i < m->count && dbx_slice_cmp(dbx_entry_key(m->sorted[i]), key) < 0)
        i++;
    return i;
}

/* Keys that share long prefixes, are prefixes of each other, use all bytes, or are numbers. */
static dbx_slice random_key(dbx_rand *rand, uint8_t *out, unsigned kind) {
    size_t len = 0;
    if (kind % 4 == 0) {
        len = (size_t)dbx_rand_below(rand, 30);
        for (size_t i = 0; i < len; i++)
            out[i] = (uint8_t)('a' + dbx_rand_below(rand, 2));
    } else if (kind % 4 == 1) {
        len = 1 + (size_t)dbx_rand_below(rand, 3);
        for (size_t i = 0; i < len; i++)
            out[i] = (uint8_t)dbx_rand_u64(rand);
    } else if (kind % 4 == 2) {
        len =
            (size_t)snprintf((char *)out, KEY_BYTES, "n:%03u", (unsigned)dbx_rand_below(rand, 900));
    } else {
        memcpy(out, "shared:prefix:of:some:length:", 29);
        len = 29 + (size_t)dbx_rand_below(rand, 4);
        for (size_t i = 29; i < len; i++)
            out[i] = (uint8_t)dbx_rand_below(rand, 60);
    }
    return dbx_slice_of(out, len);
}

/* Follows a way forwards and back from some entry, begun at any. */
static void check_follow(const dbx_tree *tree, const model *m, dbx_rand *rand) {
    dbx_tree_way way = {.len = 0};
    if (m->count == 0) return;
    size_t at = (size_t)dbx_rand_below(rand, m->count);
    for (unsigned i = 0; i < 60; i++) {
        bool forward = (i / 7 + at % 2) % 2 == 0;
        const dbx_entry *found = dbx_tree_follow(tree, &way, m->sorted[at], forward);
        bool there = forward ? at + 1 < m->count : at > 0;
        CHECK(found == (there ? m->sorted[forward ? at + 1 : at - 1] : NULL));
        if (there) at = forward ? at + 1 : at - 1;
    }
}

static void check_same(const dbx_tree *tree, const model *m) {
    const dbx_entry *at = dbx_tree_first(tree);
    const dbx_entry *prev = NULL;
    for (size_t i = 0; i < m->count; i++, prev = at, at = dbx_tree_next(tree, at)) {
        CHECK(at == m->sorted[i]);
        CHECK(dbx_tree_prev(tree, at) == prev);
    }
    CHECK(at == NULL);
    CHECK(dbx_tree_last(tree) == prev);
}

static void random_steps(uint64_t seed, unsigned kinds) {
    dbx_arena arena = {0};
    dbx_tree tree = {.arena = &arena};
    model m = {0};
    dbx_rand rand;
    uint8_t bytes[KEY_BYTES];
    dbx_rand_seed_with(&rand, seed);
    for (int step = 0; step < 4000; step++) {
        dbx_slice key =
            random_key(&rand, bytes, (unsigned)dbx_rand_below(&rand, kinds) + kinds / 2);
        size_t i = lower(&m, key);
        bool there = i < m.count && dbx_slice_eq(dbx_entry_key(m.sorted[i]), key);
        CHECK(dbx_tree_find(&tree, key) == (there ? m.sorted[i] : NULL));
        CHECK(dbx_tree_seek(&tree, key) == (i < m.count ? m.sorted[i] : NULL));
        CHECK(dbx_tree_before(&tree, key) == (i > 0 ? m.sorted[i - 1] : NULL));
        CHECK(dbx_tree_seek_back(&tree, key) ==
              (there ? m.sorted[i] : dbx_tree_before(&tree, key)));
        bool grow = dbx_rand_below(&rand, 100) < (step / 1000 % 2 == 0 ? 80 : 20);
        if (!there && grow && m.count < KEYS_MAX) {
            dbx_entry *entry = make(&arena, key);
            CHECK(dbx_tree_insert(&tree, entry));
            memmove(m.sorted + i + 1, m.sorted + i, (m.count - i) * sizeof *m.sorted);
            m.sorted[i] = entry;
            m.count++;
        } else if (!grow && m.count > 0) {
            size_t gone = (size_t)dbx_rand_below(&rand, m.count);
            dbx_entry *entry = m.sorted[gone];
            dbx_tree_remove(&tree, entry);
            m.count--;
            memmove(m.sorted + gone, m.sorted + gone + 1, (m.count - gone) * sizeof *m.sorted);
            drop(&arena, entry);
        }
        if (step % 50 == 0) check_same(&tree, &m);
        if (step % 10 == 0) check_follow(&tree, &m, &rand);
        if (m.count > 0) {
            dbx_slice some = dbx_tree_random(&tree, &rand, dbx_slice_of(NULL, 0));
            CHECK(dbx_tree_find(&tree, some) != NULL);
        }
    }
    check_same(&tree, &m);
    while (m.count > 0) {
        dbx_tree_remove(&tree, m.sorted[--m.count]);
        drop(&arena, m.sorted[m.count]);
    }
    CHECK(tree.root == 0);
    CHECK_EQ(arena.bytes, 0);
    dbx_arena_destroy(&arena);
}

TEST(tree_agrees_with_a_sorted_array) {
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_steps(seed, 1 + (unsigned)(seed % 4));
}

TEST(tree_holds_keys_that_are_prefixes_of_each_other) {
    dbx_arena arena = {0};
    dbx_tree tree = {.arena = &arena};
    static uint8_t bytes[1100];
    dbx_entry *entries[1100];
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < 1100; i++) {
        entries[i] = make(&arena, dbx_slice_of(bytes, 1100 - i));
        CHECK(dbx_tree_insert(&tree, entries[i]));
    }
    size_t len = 1;
    for (const dbx_entry *at = dbx_tree_first(&tree); at != NULL; at = dbx_tree_next(&tree, at))
        CHECK_EQ(at->key_len, len++);
    CHECK_EQ(len, 1101);
    /* What lies beside a long way is found from its end as well. */
    dbx_entry *before = make(&arena, dbx_slice_str("w")),
              *after = make(&arena, dbx_slice_str("xy"));
    CHECK(dbx_tree_insert(&tree, before) && dbx_tree_insert(&tree, after));
    dbx_slice beyond = dbx_slice_of(bytes, 1100);
    for (size_t i = 0; i < 1099; i++) {
        CHECK(dbx_tree_next(&tree, entries[i]) == (i > 0 ? entries[i - 1] : after));
        CHECK(dbx_tree_prev(&tree, entries[i]) == entries[i + 1]);
    }
    dbx_tree_way way = {.len = 0};
    for (size_t i = 1100; i-- > 1;)
        CHECK(dbx_tree_follow(&tree, &way, entries[i], true) == entries[i - 1]);
    for (size_t i = 0; i < 1099; i++)
        CHECK(dbx_tree_follow(&tree, &way, entries[i], false) == entries[i + 1]);
    CHECK(dbx_tree_prev(&tree, after) == entries[0]);
    CHECK(dbx_tree_prev(&tree, entries[1099]) == before);
    bytes[1099] = 'z';
    CHECK(dbx_tree_seek(&tree, beyond) == after);
    CHECK(dbx_tree_seek_back(&tree, beyond) == entries[0]);
    bytes[1099] = 'x';
    CHECK(dbx_tree_before(&tree, beyond) == entries[1]);
    dbx_tree_remove(&tree, before);
    dbx_tree_remove(&tree, after);
    drop(&arena, before);
    drop(&arena, after);
    for (size_t i = 0; i < 1100; i++) {
        CHECK(dbx_tree_find(&tree, dbx_slice_of(bytes, 1100 - i)) == entries[i]);
        dbx_tree_remove(&tree, entries[i]);
        drop(&arena, entries[i]);
    }
    dbx_arena_destroy(&arena);
}
