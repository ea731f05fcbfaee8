/* test_arena_marks.c: marked blocks are found, and no others. */
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "check.h"
#include "store/arena_marks.h"

enum { BLOCKS = 60000, BLOCK_BYTES_MAX = 200, PART = 100 };

typedef struct block {
    void *at;
    size_t bytes;
    bool marked, seen;
} block;

static int by_address(const void *a, const void *b) {
    const block *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static size_t see_all(const dbx_arena *arena, block *blocks) {
    void *part[PART];
    uint64_t at = 0;
    size_t count, all = 0;
    while ((count = dbx_arena_next_marked(arena, &at, part, PART)) != DBX_ARENA_MARKS_END) {
        CHECK(count <= PART);
        for (size_t i = 0; i < count; i++) {
            block *found =
                bsearch(&(block){.at = part[i]}, blocks, BLOCKS, sizeof *blocks, by_address);
            CHECK(found != NULL);
            if (found == NULL) continue;
            CHECK(!found->seen);
            found->seen = true;
        }
        all += count;
    }
    return all;
}

/* Blocks of several chunks, some freed and used again, as a buffer's entries are. */
TEST(marked_blocks_are_given_once_and_others_never) {
    static block blocks[BLOCKS];
    dbx_arena arena = {.pool = NULL};
    dbx_rand rand;
    size_t marked = 0;
    dbx_rand_seed_with(&rand, 7);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t bytes = 1 + dbx_rand_below(&rand, BLOCK_BYTES_MAX);
        blocks[i] = (block){.at = dbx_arena_alloc(&arena, bytes), .bytes = bytes};
        CHECK(blocks[i].at != NULL);
        memset(blocks[i].at, 0xFF, bytes); /* marks are not among what blocks hold */
        if (dbx_rand_below(&rand, 3) == 0) continue;
        dbx_arena_mark(blocks[i].at);
        blocks[i].marked = true;
        if (dbx_rand_below(&rand, 3) != 0) continue;
        dbx_arena_unmark(blocks[i].at);
        blocks[i].marked = false;
        if (dbx_rand_below(&rand, 2) != 0) continue;
        dbx_arena_free(&arena, blocks[i].at, bytes);
        blocks[i].at = dbx_arena_alloc(&arena, bytes);
    }
    qsort(blocks, BLOCKS, sizeof *blocks, by_address);
    for (size_t i = 0; i < BLOCKS; i++)
        marked += blocks[i].marked;
    CHECK_EQ(see_all(&arena, blocks), marked);
    for (size_t i = 0; i < BLOCKS; i++)
        CHECK_EQ(blocks[i].seen, blocks[i].marked);
    dbx_arena_destroy(&arena);
}

TEST(memory_that_is_used_again_has_no_marks) {
    dbx_arena_pool *pool = dbx_arena_pool_new();
    void *part[PART];
    dbx_arena_pool_keep(pool, SIZE_MAX);
    for (int round = 0; round < 2; round++) {
        dbx_arena arena = {.pool = pool};
        size_t count, all = 0;
        uint64_t at = 0;
        for (unsigned i = 0; i < BLOCKS; i++) {
            void *fresh = dbx_arena_alloc(&arena, BLOCK_BYTES_MAX);
            CHECK(fresh != NULL);
            if (round == 0) dbx_arena_mark(fresh);
        }
        while ((count = dbx_arena_next_marked(&arena, &at, part, PART)) != DBX_ARENA_MARKS_END)
            all += count;
        CHECK_EQ(all, round == 0 ? BLOCKS : 0);
        dbx_arena_destroy(&arena);
    }
    dbx_arena_pool_free(pool);
}
