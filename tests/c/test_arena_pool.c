/* test_arena_pool.c: a write buffer's memory serves the next one, within a bound. */
#include <string.h>

#include "check.h"
#include "store/arena.h"
#include "store/arena_pool.h"

enum { BLOCK_BYTES = 64 << 10, BLOCKS = 160 }; /* more than the chunks that are not spans */

static void fill(dbx_arena *arena) {
    for (int i = 0; i < BLOCKS; i++) {
        uint8_t *block = dbx_arena_alloc(arena, BLOCK_BYTES);
        CHECK(block != NULL);
        memset(block, 0xA5, BLOCK_BYTES);
    }
}

TEST(a_pool_that_keeps_nothing_has_nothing) {
    dbx_arena_pool *pool = dbx_arena_pool_new();
    dbx_arena arena = {.pool = pool};
    fill(&arena);
    dbx_arena_destroy(&arena);
    CHECK(dbx_arena_pool_take(pool) == NULL);
    CHECK(dbx_arena_pool_take(NULL) == NULL);
    dbx_arena_pool_free(pool);
}

TEST(what_one_arena_leaves_the_next_one_gets) {
    dbx_arena_pool *pool = dbx_arena_pool_new();
    dbx_arena first = {.pool = pool}, second = {.pool = pool};
    dbx_arena_pool_keep(pool, SIZE_MAX);
    fill(&first);
    const uint8_t *last = first.chunk_at;
    dbx_arena_destroy(&first);
    bool again = false;
    for (int i = 0; i < BLOCKS; i++) {
        const uint8_t *block = dbx_arena_alloc(&second, BLOCK_BYTES);
        CHECK(block != NULL);
        again = again || (block < last && last <= block + BLOCK_BYTES);
    }
    CHECK(again);
    CHECK(dbx_arena_pool_take(pool) == NULL);
    dbx_arena_destroy(&second);
    dbx_arena_pool_free(pool);
}

TEST(a_pool_keeps_no_more_than_its_bound_and_is_trimmed_when_that_is_lowered) {
    size_t spans = 0;
    dbx_arena_pool *pool = dbx_arena_pool_new();
    dbx_arena arena = {.pool = pool};
    dbx_arena_pool_keep(pool, 2 * (size_t)DBX_ARENA_SPAN_BYTES);
    fill(&arena);
    dbx_arena_destroy(&arena);
    uint8_t *kept[4];
    while (spans < 4 && (kept[spans] = dbx_arena_pool_take(pool)) != NULL)
        spans++;
    CHECK_EQ(spans, 2);
    while (spans > 0)
        dbx_arena_pool_give(pool, kept[--spans]);
    dbx_arena_pool_keep(pool, DBX_ARENA_SPAN_BYTES);
    CHECK(dbx_arena_pool_trim(pool) && !dbx_arena_pool_trim(pool));
    CHECK_EQ(dbx_arena_pool_bytes(pool), DBX_ARENA_SPAN_BYTES);
    kept[0] = dbx_arena_pool_take(pool);
    CHECK(kept[0] != NULL && dbx_arena_pool_take(pool) == NULL);
    dbx_arena_pool_give(NULL, kept[0]);
    dbx_arena_pool_free(pool);
}
