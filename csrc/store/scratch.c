/* scratch.c: see scratch.h. */
#include "store/scratch.h"

#include "base/alloc.h"

enum { BLOCK_BYTES = 64 << 10 };

typedef struct dbx_scratch_block {
    struct dbx_scratch_block *next;
    size_t used, room;
    uint8_t bytes[];
} block;

uint8_t *dbx_scratch_alloc(dbx_scratch *scratch, size_t bytes) {
    block *b = scratch->blocks;
    if (b == NULL || b->room - b->used < bytes) {
        size_t room = bytes > BLOCK_BYTES ? bytes : (size_t)BLOCK_BYTES;
        b = dbx_alloc(sizeof *b + room);
        if (b == NULL) return NULL;
        *b = (block){.next = scratch->blocks, .room = room};
        scratch->blocks = b;
    }
    uint8_t *at = b->bytes + b->used;
    b->used += bytes;
    return at;
}

static void free_all(block *b) {
    while (b != NULL) {
        block *next = b->next;
        dbx_alloc_free(b);
        b = next;
    }
}

void dbx_scratch_clear(dbx_scratch *scratch) {
    block *b = scratch->blocks;
    scratch->clears++;
    if (b == NULL) return;
    free_all(b->next);
    b->next = NULL;
    b->used = 0;
}

void dbx_scratch_free(dbx_scratch *scratch) {
    free_all(scratch->blocks);
    scratch->blocks = NULL;
}
