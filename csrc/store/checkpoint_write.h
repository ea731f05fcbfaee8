/* checkpoint_write.h: writing the file of a checkpoint: what changed in a write buffer.
 *
 * Entries are put in any order, some megabytes at a time; what was put is then sorted and written
 * as one run. A file is whole or it is not used: its header, which counts the chunks, is written
 * last, and each chunk has a checksum. Nothing depends on a checkpoint, because the log still holds
 * what is in it; so nothing here is synced.
 */
#ifndef DBX_STORE_CHECKPOINT_WRITE_H
#define DBX_STORE_CHECKPOINT_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/buffer.h"
#include "store/checkpoint_file.h"

typedef struct dbx_checkpoint_writer {
    const char *dir;            /* the data directory; outlives the writer */
    dbx_checkpoint_state state; /* not sealed: whose it is */
    dbx_checkpoint_head head;
    dbx_buf records; /* what is not in the file yet, as it will be there */
    size_t count;    /* of them */
    uint64_t at;     /* the file's length; 0: there is no file yet */
} dbx_checkpoint_writer;

/* dbx_checkpoint_put adds what a view sees of an entry. `end`: with DBX_ENTRY_GAP, the next entry.
 * DBX_OK or DBX_ENOMEM: the checkpoint must be given up. */
int dbx_checkpoint_put(dbx_checkpoint_writer *writer, const dbx_buffer *buffer, dbx_slice key,
                       const dbx_state *state, const dbx_entry *end);
/* dbx_checkpoint_full: it is time for dbx_checkpoint_write. */
bool dbx_checkpoint_full(const dbx_checkpoint_writer *writer);
/* dbx_checkpoint_write writes what was put. Any thread, one at a time. */
int dbx_checkpoint_write(dbx_checkpoint_writer *writer, dbx_error *error);
/* dbx_checkpoint_seal writes what is left, then the header, and gives the file its name. */
int dbx_checkpoint_seal(dbx_checkpoint_writer *writer, dbx_error *error);
/* dbx_checkpoint_discard removes an unsealed file. */
void dbx_checkpoint_discard(const dbx_checkpoint_writer *writer);
void dbx_checkpoint_free(dbx_checkpoint_writer *writer);

#endif
