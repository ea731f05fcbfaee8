/* arena.c: see arena.h. Size classes: multiples of 16 up to 1 KB, then four steps a doubling. */
#include "store/arena.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

typedef struct dbx_arena_chunk {
    size_t number; /* of small blocks' chunk, in the arena's table */
    /* of a large block's */
    struct dbx_arena_chunk *next, *prev;
    size_t bytes;
} arena_chunk;

enum { SPANS_FROM_CHUNK = 4 };
enum { CHUNK_HEADER = DBX_ARENA_MARKS_AT, CHUNK_BLOCKS_AT = CHUNK_HEADER + DBX_ARENA_MARK_BYTES };
enum { SMALL_MAX = 1024, SMALL_STEP = 16, SMALL_CLASSES = 64 };

_Static_assert(DBX_ARENA_SPAN_BYTES == 2 * DBX_ARENA_CHUNK_BYTES, "a span is two chunks");
_Static_assert(sizeof(arena_chunk) <= CHUNK_HEADER, "the header keeps blocks aligned");

unsigned dbx_arena_class(size_t n) {
    if (n <= SMALL_MAX) return n == 0 ? 0 : (unsigned)((n - 1) / SMALL_STEP);
    unsigned log2 = 63u - (unsigned)__builtin_clzll((unsigned long long)(n - 1));
    size_t quarter = (n - 1 - ((size_t)1 << log2)) / (((size_t)1 << log2) / 4);
    return SMALL_CLASSES + (log2 - 10) * 4 + (unsigned)quarter;
}

size_t dbx_arena_class_bytes(unsigned index) {
    if (index < SMALL_CLASSES) return ((size_t)index + 1) * SMALL_STEP;
    unsigned log2 = 10 + (index - SMALL_CLASSES) / 4;
    size_t quarter = (index - SMALL_CLASSES) % 4;
    return ((size_t)1 << log2) + (quarter + 1) * (((size_t)1 << log2) / 4);
}

/* `bytes` of fresh pages, aligned to that. */
static uint8_t *map_aligned(size_t bytes) {
    uint8_t *pages = dbx_alloc_pages(2 * bytes);
    if (pages == NULL) return NULL;
    size_t skip = (size_t)(-(uintptr_t)pages % bytes);
    if (skip > 0) dbx_alloc_free_pages(pages, skip);
    if (skip < bytes) dbx_alloc_free_pages(pages + skip + bytes, bytes - skip);
    return pages + skip;
}

static uint8_t *take_span(dbx_arena *arena) {
    uint8_t *span = dbx_arena_pool_take(arena->pool);
    if (span != NULL) return span;
    span = map_aligned(DBX_ARENA_SPAN_BYTES);
    if (span != NULL) (void)madvise(span, DBX_ARENA_SPAN_BYTES, MADV_HUGEPAGE);
    return span;
}

/* Small blocks' chunks are aligned to their size, so that a block's address gives its chunk. A
 * buffer that has grown takes two at a time, as one huge page where the system has them: its
 * entries lie all over it, and most of a lookup's time went into the page table. */
static arena_chunk *map_chunk(dbx_arena *arena) {
    uint8_t *chunk = arena->reserve;
    arena->reserve = NULL;
    if (chunk == NULL && arena->table_count < SPANS_FROM_CHUNK) {
        chunk = map_aligned(DBX_ARENA_CHUNK_BYTES);
    } else if (chunk == NULL) {
        chunk = take_span(arena);
        if (chunk == NULL) return NULL;
        arena->reserve = chunk + DBX_ARENA_CHUNK_BYTES;
    }
    return (arena_chunk *)(void *)chunk;
}

static bool next_chunk(dbx_arena *arena) {
    void *table = dbx_alloc_room(arena->table, &arena->table_cap, arena->table_count + (size_t)1,
                                 sizeof *arena->table);
    if (table == NULL) return false;
    arena->table = table;
    arena_chunk *chunk = map_chunk(arena);
    if (chunk == NULL) return false;
    chunk->number = arena->table_count;
    arena->table[arena->table_count++] = chunk;
    arena->mapped += DBX_ARENA_CHUNK_BYTES;
    memset((uint8_t *)chunk + CHUNK_HEADER, 0, DBX_ARENA_MARK_BYTES); /* it may have been used */
    arena->at = (uint8_t *)chunk + CHUNK_BLOCKS_AT;
    arena->end = (uint8_t *)chunk + DBX_ARENA_CHUNK_BYTES;
    return true;
}

uint32_t dbx_arena_reference(const void *block) {
    uintptr_t at = (uintptr_t)block, offset = at % DBX_ARENA_CHUNK_BYTES;
    const arena_chunk *chunk = (const arena_chunk *)(at - offset); /* NOLINT: aligned chunks */
    return chunk->number > UINT16_MAX ? 0 : (uint32_t)(chunk->number << 16 | offset / 16);
}

static void *alloc_large(dbx_arena *arena, size_t n) {
    if (n > SIZE_MAX - CHUNK_HEADER) return NULL;
    arena_chunk *chunk = dbx_alloc_pages(n + CHUNK_HEADER);
    if (chunk == NULL) return NULL;
    chunk->bytes = n + CHUNK_HEADER;
    chunk->prev = NULL;
    chunk->next = arena->large;
    if (chunk->next != NULL) chunk->next->prev = chunk;
    arena->large = chunk;
    arena->mapped += chunk->bytes;
    arena->bytes += n;
    return (uint8_t *)chunk + CHUNK_HEADER;
}

static void free_large(dbx_arena *arena, void *block, size_t n) {
    arena_chunk *chunk = (arena_chunk *)(void *)((uint8_t *)block - CHUNK_HEADER);
    if (chunk->prev != NULL) chunk->prev->next = chunk->next;
    if (chunk->next != NULL) chunk->next->prev = chunk->prev;
    if (arena->large == chunk) arena->large = chunk->next;
    arena->bytes -= n;
    arena->mapped -= chunk->bytes;
    dbx_alloc_free_pages(chunk, chunk->bytes);
}

void *dbx_arena_alloc(dbx_arena *arena, size_t n) {
    if (n > DBX_ARENA_BLOCK_MAX) return alloc_large(arena, n);
    unsigned index = dbx_arena_class(n);
    size_t size = dbx_arena_class_bytes(index);
    void *block = arena->free[index];
    if (block != NULL) {
        memcpy(&arena->free[index], block, sizeof(void *));
        arena->bytes += size;
        return block;
    }
    if ((size_t)(arena->end - arena->at) < size && !next_chunk(arena)) return NULL;
    block = arena->at;
    arena->at += size;
    arena->bytes += size;
    return block;
}

void dbx_arena_free(dbx_arena *arena, void *block, size_t n) {
    if (n > DBX_ARENA_BLOCK_MAX) {
        free_large(arena, block, n);
        return;
    }
    unsigned index = dbx_arena_class(n);
    memcpy(block, &arena->free[index], sizeof(void *));
    arena->free[index] = block;
    arena->bytes -= dbx_arena_class_bytes(index);
}

void dbx_arena_destroy(dbx_arena *arena) {
    arena_chunk *chunk = arena->large;
    while (chunk != NULL) {
        arena_chunk *next = chunk->next;
        dbx_alloc_free_pages(chunk, chunk->bytes);
        chunk = next;
    }
    for (size_t i = 0; i < arena->table_count; i++) {
        if (i < SPANS_FROM_CHUNK) {
            dbx_alloc_free_pages(arena->table[i], DBX_ARENA_CHUNK_BYTES);
        } else if ((i - SPANS_FROM_CHUNK) % 2 == 0) { /* with the chunk after it, used or not */
            dbx_arena_pool_give(arena->pool, (uint8_t *)arena->table[i]);
        }
    }
    dbx_alloc_free(arena->table);
    memset(arena, 0, sizeof *arena);
}
