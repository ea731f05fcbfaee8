/* arena.c: see arena.h. Size classes: multiples of 8 up to 1 KB, then four steps a doubling.
 *
 * Blocks come from their class's free list, otherwise large ones are cut from a larger free block
 * or the current chunk, and small ones from a region, which is such a large block itself: rather a
 * free one. The index grows in steps, in which all its segments leave sizes behind that nobody else
 * asks for.
 */
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
enum {
    CHUNK_HEADER = DBX_ARENA_MARKS_AT,
    CHUNK_BLOCKS_AT = CHUNK_HEADER + DBX_ARENA_MARK_BYTES,
    SMALL_CLASSES = DBX_ARENA_SMALL_MAX / DBX_ARENA_GRANULE,
    REGION_BYTES = 16 << 10,
    REGION_MIN = 2 << 10 /* of a free block */
};

_Static_assert(DBX_ARENA_SPAN_BYTES == 2 * DBX_ARENA_CHUNK_BYTES, "a span is two chunks");
_Static_assert(sizeof(arena_chunk) <= CHUNK_HEADER, "the header keeps blocks aligned");
_Static_assert((size_t)DBX_ARENA_GRANULE << DBX_ARENA_OFFSET_BITS == DBX_ARENA_CHUNK_BYTES,
               "a reference says where in a chunk");

unsigned dbx_arena_class(size_t n) {
    if (n <= DBX_ARENA_SMALL_MAX) return n == 0 ? 0 : (unsigned)((n - 1) / DBX_ARENA_GRANULE);
    unsigned log2 = 63u - (unsigned)__builtin_clzll((unsigned long long)(n - 1));
    size_t quarter = (n - 1 - ((size_t)1 << log2)) / (((size_t)1 << log2) / 4);
    return SMALL_CLASSES + (log2 - 10) * 4 + (unsigned)quarter;
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

static void give(dbx_arena *arena, void *block, unsigned index) {
    memcpy(block, &arena->free[index], sizeof(void *));
    arena->free[index] = block;
}

/* Makes free blocks of what is not needed of a larger one. */
static void give_all(dbx_arena *arena, uint8_t *at, size_t bytes) {
    while (bytes > 0) {
        unsigned index = dbx_arena_class(bytes < DBX_ARENA_BLOCK_MAX ? bytes : DBX_ARENA_BLOCK_MAX);
        if (dbx_arena_class_bytes(index) > bytes) index--;
        give(arena, at, index);
        at += dbx_arena_class_bytes(index);
        bytes -= dbx_arena_class_bytes(index);
    }
}

static bool next_chunk(dbx_arena *arena) {
    if (arena->table_count == DBX_ARENA_CHUNKS_MAX) return false;
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
    give_all(arena, arena->chunk_at, (size_t)(arena->chunk_end - arena->chunk_at));
    arena->chunk_at = (uint8_t *)chunk + CHUNK_BLOCKS_AT;
    arena->chunk_end = (uint8_t *)chunk + DBX_ARENA_CHUNK_BYTES;
    return true;
}

static void *take(dbx_arena *arena, unsigned index) {
    void *block = arena->free[index];
    if (block != NULL) memcpy(&arena->free[index], block, sizeof(void *));
    return block;
}

/* `size` bytes, a class's, of the smallest larger free block. */
static uint8_t *cut_free(dbx_arena *arena, size_t size) {
    unsigned index = dbx_arena_class(size) + 1;
    while (index < DBX_ARENA_CLASSES && arena->free[index] == NULL)
        index++;
    if (index == DBX_ARENA_CLASSES) return NULL;
    uint8_t *block = take(arena, index);
    give_all(arena, block + size, dbx_arena_class_bytes(index) - size);
    return block;
}

static uint8_t *cut_chunk(dbx_arena *arena, size_t size) {
    if ((size_t)(arena->chunk_end - arena->chunk_at) < size && !next_chunk(arena)) return NULL;
    uint8_t *block = arena->chunk_at;
    arena->chunk_at += size;
    return block;
}

/* Makes the largest free block the region, or a piece of the chunk. */
static bool next_region(dbx_arena *arena) {
    unsigned index = DBX_ARENA_CLASSES - 1, least = dbx_arena_class(REGION_MIN);
    while (index > least && arena->free[index] == NULL)
        index--;
    size_t bytes = dbx_arena_class_bytes(index);
    uint8_t *region = take(arena, index);
    if (region == NULL) {
        bytes = REGION_BYTES;
        region = cut_chunk(arena, bytes);
        if (region == NULL) return false;
    }
    give_all(arena, arena->at, (size_t)(arena->end - arena->at));
    arena->at = region;
    arena->end = region + bytes;
    return true;
}

static uint8_t *cut_region(dbx_arena *arena, size_t size) {
    if ((size_t)(arena->end - arena->at) < size && !next_region(arena)) return NULL;
    uint8_t *block = arena->at;
    arena->at += size;
    return block;
}

uint32_t dbx_arena_reference(const void *block) {
    uintptr_t at = (uintptr_t)block, offset = at % DBX_ARENA_CHUNK_BYTES;
    const arena_chunk *chunk = (const arena_chunk *)(at - offset); /* NOLINT: aligned chunks */
    return (uint32_t)(chunk->number << DBX_ARENA_OFFSET_BITS | offset / DBX_ARENA_GRANULE);
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
    void *block = take(arena, index);
    if (block == NULL && size <= DBX_ARENA_SMALL_MAX) block = cut_region(arena, size);
    /* For small ones where there is no memory: what undoes a turn needs again what the turn freed,
     * if not always in the same sizes. */
    if (block == NULL) block = cut_free(arena, size);
    if (block == NULL && size > DBX_ARENA_SMALL_MAX) block = cut_chunk(arena, size);
    if (block != NULL) arena->bytes += size;
    return block;
}

void dbx_arena_free(dbx_arena *arena, void *block, size_t n) {
    if (n > DBX_ARENA_BLOCK_MAX) {
        free_large(arena, block, n);
        return;
    }
    unsigned index = dbx_arena_class(n);
    give(arena, block, index);
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
