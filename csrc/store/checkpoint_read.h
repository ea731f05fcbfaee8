/* checkpoint_read.h: reading checkpoints: one, and several that follow each other as if they were
 * one.
 */
#ifndef DBX_STORE_CHECKPOINT_READ_H
#define DBX_STORE_CHECKPOINT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "store/checkpoint_file.h"

/* One entry. Slices are valid until the next one is read. */
typedef struct dbx_checkpoint_entry {
    dbx_slice key;
    dbx_slice value;        /* of DBX_ENTRY_REFERS its length alone */
    dbx_slice end;          /* of a gap that begins here: the key where it ends */
    uint64_t spool, offset; /* with DBX_ENTRY_REFERS */
    uint8_t flags;          /* enum dbx_entry_flags */
} dbx_checkpoint_entry;

/* dbx_checkpoint_check reads a whole file and its header. DBX_ECORRUPT: it is not whole. */
int dbx_checkpoint_check(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_head *head,
                         dbx_error *error);

typedef struct dbx_checkpoint_merge dbx_checkpoint_merge;

/* dbx_checkpoint_merge_open opens files of which each goes on where the one before it ends. */
int dbx_checkpoint_merge_open(const char *dir, const dbx_checkpoint_span *spans, size_t count,
                              dbx_checkpoint_merge **out, dbx_error *error);
/* dbx_checkpoint_merge_next gives the next key's newest state, leaving out what newer gaps hide;
 * DBX_ENTRY_GAP is set wherever a gap of any of the files goes on behind the key. With
 * DBX_ENTRY_DELTA the value is of the map as it is before the first file. Returns 1, 0 at the end,
 * or a failure. */
int dbx_checkpoint_merge_next(dbx_checkpoint_merge *merge, dbx_checkpoint_entry *entry,
                              dbx_error *error);
void dbx_checkpoint_merge_close(dbx_checkpoint_merge *merge);

#endif
