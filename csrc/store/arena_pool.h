/* arena_pool.h: memory that goes from one write buffer to the next.
 *
 * The first touch of a fresh huge page makes the system clear it, for milliseconds on a slow
 * machine, in the middle of a turn. While writes go on, a buffer that dies leaves its memory to the
 * one that fills. Thread-safe: buffers die in the applier's thread.
 */
#ifndef DBX_STORE_ARENA_POOL_H
#define DBX_STORE_ARENA_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DBX_ARENA_SPAN_BYTES = 2 << 20 }; /* and so aligned: a huge page where there are such */

typedef struct dbx_arena_pool dbx_arena_pool;

/* dbx_arena_pool_new makes an empty pool that keeps nothing, or returns NULL. */
dbx_arena_pool *dbx_arena_pool_new(void);
/* dbx_arena_pool_free gives what the pool has to the system; no buffer uses it any more. */
void dbx_arena_pool_free(dbx_arena_pool *pool);
/* dbx_arena_pool_keep bounds what the pool keeps from now on. */
void dbx_arena_pool_keep(dbx_arena_pool *pool, size_t bytes);
/* dbx_arena_pool_trim gives the system one span that is more than the bound; false: there is none.
 * One at a time, for unmapping it takes a tenth of a millisecond. */
bool dbx_arena_pool_trim(dbx_arena_pool *pool);
/* dbx_arena_pool_bytes is what the pool has. */
size_t dbx_arena_pool_bytes(dbx_arena_pool *pool);
/* dbx_arena_pool_take returns a span, whose bytes may be anything, or NULL. A pool may be NULL. */
uint8_t *dbx_arena_pool_take(dbx_arena_pool *pool);
/* dbx_arena_pool_give takes over a span: keeps it, or gives it to the system. */
void dbx_arena_pool_give(dbx_arena_pool *pool, uint8_t *span);

#endif
