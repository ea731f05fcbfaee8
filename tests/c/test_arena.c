/* test_arena.c: blocks do not overlap, references name them, and what is freed is used again. */
#include "check.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "store/arena.h"

enum { BLOCKS = 3000, STEPS = 40000, LARGE = 16 << 10, SMALL = 56 };

typedef struct block {
    uint8_t *at;
    size_t bytes;
    uint32_t reference;
} block;

TEST(a_size_class_is_the_smallest_that_holds_its_blocks) {
    for (size_t n = 1; n <= DBX_ARENA_BLOCK_MAX; n++) {
        unsigned index = dbx_arena_class(n);
        CHECK(index < DBX_ARENA_CLASSES);
        CHECK(dbx_arena_class_bytes(index) >= n);
        CHECK(index == 0 || dbx_arena_class_bytes(index - 1) < n);
        CHECK_EQ(dbx_arena_class_bytes(index) % DBX_ARENA_GRANULE, 0);
    }
    CHECK_EQ(dbx_arena_class(DBX_ARENA_BLOCK_MAX), DBX_ARENA_CLASSES - 1);
}

static void check_block(const dbx_arena *arena, const block *b, uint8_t mark) {
    CHECK_EQ((uintptr_t)b->at % DBX_ARENA_GRANULE, 0);
    for (size_t i = 0; i < b->bytes; i++) {
        if (b->at[i] != mark) {
            CHECK_EQ(b->at[i], mark);
            return;
        }
    }
    if (b->bytes > DBX_ARENA_BLOCK_MAX) return;
    CHECK(b->reference != 0 && b->reference >> 31 == 0);
    CHECK(dbx_arena_reference(b->at) == b->reference);
    CHECK(dbx_arena_at(arena, b->reference) == b->at);
}

static size_t random_size(dbx_rand *rand) {
    switch (dbx_rand_below(rand, 8)) {
    case 0:
        return 1 + (size_t)dbx_rand_below(rand, 20000);
    case 1:
        return 1 + (size_t)dbx_rand_below(rand, 150000);
    default:
        return 1 + (size_t)dbx_rand_below(rand, 200);
    }
}

TEST(blocks_do_not_overlap_and_their_references_name_them) {
    static block blocks[BLOCKS];
    dbx_arena arena = {0};
    dbx_rand rand;
    size_t bytes = 0;
    dbx_rand_seed_with(&rand, check_seed());
    for (unsigned step = 0; step < STEPS; step++) {
        size_t i = (size_t)dbx_rand_below(&rand, step < STEPS / 2 ? BLOCKS : BLOCKS / 4);
        block *b = &blocks[i];
        if (b->at != NULL) {
            check_block(&arena, b, (uint8_t)i);
            dbx_arena_free(&arena, b->at, b->bytes);
            b->at = NULL;
        } else {
            b->bytes = random_size(&rand);
            b->at = dbx_arena_alloc(&arena, b->bytes);
            if (b->at == NULL) abort();
            memset(b->at, (uint8_t)i, b->bytes);
            if (b->bytes <= DBX_ARENA_BLOCK_MAX) b->reference = dbx_arena_reference(b->at);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        block *b = &blocks[i];
        if (b->at == NULL) continue;
        check_block(&arena, b, (uint8_t)i);
        bytes += b->bytes > DBX_ARENA_BLOCK_MAX ? b->bytes
                                                : dbx_arena_class_bytes(dbx_arena_class(b->bytes));
    }
    CHECK_EQ(arena.bytes, bytes);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].at != NULL) dbx_arena_free(&arena, blocks[i].at, blocks[i].bytes);
        blocks[i].at = NULL;
    }
    CHECK_EQ(arena.bytes, 0);
    dbx_arena_destroy(&arena);
}

TEST(small_blocks_are_cut_from_what_large_ones_leave) {
    enum { COUNT = 500 };
    dbx_arena arena = {0};
    uint8_t *large[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        large[i] = dbx_arena_alloc(&arena, LARGE);
    size_t mapped = arena.mapped;
    for (size_t i = 0; i < COUNT; i++)
        dbx_arena_free(&arena, large[i], LARGE);
    for (size_t i = 0; i < COUNT * (LARGE / SMALL); i++)
        CHECK(dbx_arena_alloc(&arena, SMALL) != NULL);
    CHECK_EQ(arena.mapped, mapped);
    dbx_arena_destroy(&arena);
}

TEST(large_blocks_are_cut_from_larger_ones_that_are_free) {
    dbx_arena arena = {0};
    uint8_t *large = dbx_arena_alloc(&arena, LARGE);
    dbx_arena_free(&arena, large, LARGE);
    CHECK(dbx_arena_alloc(&arena, LARGE / 4) == large);
    CHECK(dbx_arena_alloc(&arena, LARGE / 2) == large + LARGE / 4);
    CHECK(dbx_arena_alloc(&arena, LARGE / 4) == large + LARGE * 3 / 4);
    dbx_arena_destroy(&arena);
}

/* Chunks that are not there stand for those that filled the arena before. */
TEST(an_arena_ends_where_references_do) {
    dbx_arena arena = {0};
    CHECK(dbx_arena_alloc(&arena, SMALL) != NULL);
    arena.table = dbx_alloc_resize_array(arena.table, DBX_ARENA_CHUNKS_MAX, sizeof *arena.table);
    if (arena.table == NULL) abort();
    arena.table_cap = DBX_ARENA_CHUNKS_MAX;
    memset(arena.table + 1, 0, (DBX_ARENA_CHUNKS_MAX - 1) * sizeof *arena.table);
    arena.table_count = DBX_ARENA_CHUNKS_MAX - 2; /* at the beginning of a span */
    uint8_t *last = NULL;
    for (;;) {
        uint8_t *at = dbx_arena_alloc(&arena, LARGE);
        if (at == NULL) break;
        last = at;
    }
    CHECK_EQ(arena.table_count, DBX_ARENA_CHUNKS_MAX);
    uint32_t reference = dbx_arena_reference(last);
    CHECK_EQ(reference >> DBX_ARENA_OFFSET_BITS, DBX_ARENA_CHUNKS_MAX - 1);
    CHECK(reference >> 31 == 0 && dbx_arena_at(&arena, reference) == last);
    while (dbx_arena_alloc(&arena, SMALL) != NULL) {
    }
    /* What is freed can be had again, and in smaller pieces. */
    dbx_arena_free(&arena, last, 2 * SMALL);
    CHECK(dbx_arena_alloc(&arena, SMALL) == last);
    dbx_arena_destroy(&arena);
}
