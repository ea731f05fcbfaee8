/* arena_marks.c: see arena_marks.h. */
#include "store/arena_marks.h"

enum {
    WORDS = DBX_ARENA_MARK_BYTES / 8, /* of a chunk */
    LOOK_WORDS = 8192                 /* of marks in one call: some microseconds */
};

static uint64_t *words_of(const void *chunk) {
    return (uint64_t *)((uintptr_t)chunk + DBX_ARENA_MARKS_AT); /* NOLINT: aligned chunks */
}

/* The word that a block's mark is in, and the bit. */
static uint64_t *word_of(const void *block, uint64_t *bit) {
    uintptr_t at = (uintptr_t)block, offset = at % DBX_ARENA_CHUNK_BYTES;
    size_t place = offset / DBX_ARENA_GRANULE;
    *bit = (uint64_t)1 << (place & 63);
    return words_of((const void *)(at - offset)) + place / 64; /* NOLINT: aligned chunks */
}

void dbx_arena_mark(void *block) {
    uint64_t bit, *word = word_of(block, &bit);
    *word |= bit;
}

void dbx_arena_unmark(void *block) {
    uint64_t bit, *word = word_of(block, &bit);
    *word &= ~bit;
}

/* *at counts the words of all chunks; within a word the blocks come at once, so `max` must leave
 * room for a whole one. */
size_t dbx_arena_next_marked(const dbx_arena *arena, uint64_t *at, void **blocks, size_t max) {
    size_t count = 0;
    if (*at >= (uint64_t)arena->table_count * WORDS) return DBX_ARENA_MARKS_END;
    for (unsigned i = 0; i < LOOK_WORDS && *at < (uint64_t)arena->table_count * WORDS; i++) {
        uint8_t *chunk = (uint8_t *)arena->table[*at / WORDS];
        size_t index = (size_t)(*at % WORDS);
        uint64_t word = words_of(chunk)[index];
        if (max - count < (size_t)__builtin_popcountll(word)) break;
        for (; word != 0; word &= word - 1) {
            size_t place = index * 64 + (size_t)__builtin_ctzll(word);
            blocks[count++] = chunk + place * DBX_ARENA_GRANULE;
        }
        ++*at;
    }
    return count;
}
