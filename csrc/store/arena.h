/* arena.h: the memory of one write buffer: taken in chunks, given back all at once.
 *
 * A buffer lives for seconds and dies as a whole, so its memory must not mingle with malloc's: what
 * an apply frees goes to the next buffer or back to the system, and the process stays within its
 * bound. Freed blocks are
 * reused by size class inside the arena. Not thread-safe; a frozen buffer's arena is only read.
 */
#ifndef DBX_STORE_ARENA_H
#define DBX_STORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "store/arena_pool.h"

enum {
    DBX_ARENA_CHUNK_BYTES = 1 << 20,
    DBX_ARENA_GRANULE = 8,   /* blocks are aligned to it, and references count in it */
    DBX_ARENA_MARKS_AT = 32, /* in a chunk: arena_marks.h */
    DBX_ARENA_MARK_BYTES = DBX_ARENA_CHUNK_BYTES / DBX_ARENA_GRANULE / 8,
    DBX_ARENA_CLASSES = 156, /* see arena.c: multiples of 8 up to 1 KB, then four a doubling */
    DBX_ARENA_BLOCK_MAX = 128 * 1024, /* larger blocks are mapped on their own */
    DBX_ARENA_SMALL_MAX = 1024,
    DBX_ARENA_OFFSET_BITS = 17, /* of a reference: where in its chunk */
    DBX_ARENA_CHUNKS_MAX = 1 << 14
};
/* What an arena's small blocks may occupy: references have 31 bits, one is for who keeps them. */
#define DBX_ARENA_BYTES_MAX ((uint64_t)DBX_ARENA_CHUNKS_MAX * DBX_ARENA_CHUNK_BYTES)

typedef struct dbx_arena {
    dbx_arena_pool *pool;           /* that memory comes from and goes to; NULL: the system */
    struct dbx_arena_chunk *large;  /* large blocks, newest first */
    uint8_t *reserve;               /* a chunk mapped together with the last one; NULL: none */
    uint8_t *chunk_at, *chunk_end;  /* room left in the current chunk */
    uint8_t *at, *end;              /* and in the region that small blocks are cut from */
    void *free[DBX_ARENA_CLASSES];  /* reusable blocks, linked through their first word */
    struct dbx_arena_chunk **table; /* small blocks' chunks by number */
    size_t table_count, table_cap;
    size_t bytes;  /* handed out and not freed, rounded up to classes */
    size_t mapped; /* in chunks */
} dbx_arena;

/* dbx_arena_alloc returns 8-byte aligned memory for n bytes, or NULL: out of memory, or the arena
 * has all that references can name. */
void *dbx_arena_alloc(dbx_arena *arena, size_t n);
/* dbx_arena_class is the size class of a block of n <= DBX_ARENA_BLOCK_MAX bytes, and
 * dbx_arena_class_bytes how many bytes such a block really has. */
unsigned dbx_arena_class(size_t n);
static inline size_t dbx_arena_class_bytes(unsigned index) {
    enum { SMALL = DBX_ARENA_SMALL_MAX / DBX_ARENA_GRANULE };
    if (index < SMALL) return ((size_t)index + 1) * DBX_ARENA_GRANULE;
    size_t power = (size_t)DBX_ARENA_SMALL_MAX << (index - SMALL) / 4;
    return power + ((index - SMALL) % 4 + 1) * (power / 4);
}
/* dbx_arena_free takes back a block that was asked for with `n`. */
void dbx_arena_free(dbx_arena *arena, void *block, size_t n);
/* dbx_arena_reference names a block of at most DBX_ARENA_BLOCK_MAX bytes in 31 bits, never 0.
 * dbx_arena_at is the block so named. */
uint32_t dbx_arena_reference(const void *block);
static inline void *dbx_arena_at(const dbx_arena *arena, uint32_t reference) {
    return (uint8_t *)arena->table[reference >> DBX_ARENA_OFFSET_BITS] +
           (size_t)(reference & ((1u << DBX_ARENA_OFFSET_BITS) - 1)) * DBX_ARENA_GRANULE;
}
/* dbx_arena_destroy returns everything to the pool and the system. */
void dbx_arena_destroy(dbx_arena *arena);

#endif
