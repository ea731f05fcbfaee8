/* scratch.h: memory for values that lie nowhere as a whole, because a buffer has a delta of them:
 * given out piece by piece, taken back all at once.
 */
#ifndef DBX_STORE_SCRATCH_H
#define DBX_STORE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct dbx_scratch {          /* zeroed: empty */
    struct dbx_scratch_block *blocks; /* the newest first */
    uint64_t clears;                  /* how often all was taken back */
} dbx_scratch;

/* dbx_scratch_alloc gives memory until the next dbx_scratch_clear; NULL: out of memory. */
uint8_t *dbx_scratch_alloc(dbx_scratch *scratch, size_t bytes);
/* dbx_scratch_clear takes all of it back, and keeps one block for what comes next. Cheap. */
void dbx_scratch_clear(dbx_scratch *scratch);
void dbx_scratch_free(dbx_scratch *scratch);

#endif
