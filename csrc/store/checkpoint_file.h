/* checkpoint_file.h: the files of checkpoints: names, header, and which there are.
 *
 * A file is whole or it is not used: its header, which counts the chunks, is written last, and each
 * chunk has a checksum. Nothing depends on a checkpoint, because the log still holds what is in it;
 * so nothing here is synced. See store/README.md for the bytes.
 *
 * A file of another version is not used, and that loses nothing: what it says the log says too, and
 * a log or a data.mdbx that a newer DBX has written is refused by its own version.
 */
#ifndef DBX_STORE_CHECKPOINT_FILE_H
#define DBX_STORE_CHECKPOINT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/file.h"
#include "store/limits.h"
#include "store/times.h"

/* A position of the log before which data.mdbx and earlier checkpoints have everything, and the one
 * up to which this has the rest. */
typedef struct dbx_checkpoint_span {
    uint64_t from, to;
} dbx_checkpoint_span;

typedef struct dbx_checkpoint_head {
    dbx_checkpoint_span span;
    uint64_t turn;     /* where the last turn before `to` begins, or the log ended before it */
    uint64_t run;      /* of the start that made it */
    uint64_t base;     /* its deltas are of the map as it was at this position */
    dbx_times times;   /* of the turn at which it was made */
    int64_t oldest_ms; /* the buffer's */
    uint64_t entries, chunks;
} dbx_checkpoint_head;

/* A file is a row of runs, each of chunks in key order; the first chunk of one says so. A key is
 * written without what it shares with the one before it in its chunk. */
#define DBX_CHUNK_BEGINS_RUN 0x80000000u /* added to a chunk's length */
enum {
    DBX_CHECKPOINT_HEAD_BYTES = 104,
    DBX_CHUNK_HEAD_BYTES = 8, /* CRC-32C of what follows, length */
    /* At which one is ended, counting keys whole: chunks tell how long loading takes. */
    DBX_CHUNK_BYTES = 32 << 10,
    DBX_CHECKPOINT_ENTRY_BYTES =
        10, /* at most: flags, varints: shared and rest of the key (2 each), value (3), end (2) */
    DBX_CHECKPOINT_PLACE_BYTES = 16 /* of a value in a spool: id, offset */
};
#define DBX_CHUNK_BYTES_MAX                                                                        \
    (DBX_CHUNK_BYTES + DBX_CHECKPOINT_ENTRY_BYTES + DBX_VALUE_BYTES_MAX + 2 * DBX_ENCODED_KEY_MAX)

/* dbx_checkpoint_store_head writes a header's bytes; dbx_checkpoint_load_head returns false for
 * what is none. */
void dbx_checkpoint_store_head(uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES],
                               const dbx_checkpoint_head *head);
bool dbx_checkpoint_load_head(const uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES],
                              dbx_checkpoint_head *head);

/* What a file's name says: that it is whole, or who is writing it. There may be one of each for the
 * same span. */
typedef enum dbx_checkpoint_state {
    DBX_CHECKPOINT_SEALED,
    DBX_CHECKPOINT_ACTIVE, /* of an active buffer */
    DBX_CHECKPOINT_REST    /* what is left of a frozen one */
} dbx_checkpoint_state;

/* dbx_checkpoint_path is a file's; `dir`: the data directory. */
int dbx_checkpoint_path(char out[DBX_PATH_MAX], const char *dir, dbx_checkpoint_span span,
                        dbx_checkpoint_state state, dbx_error *error);
/* dbx_checkpoint_list lists the sealed files by their names. *spans is allocated. A missing
 * directory is an empty list. */
int dbx_checkpoint_list(const char *dir, dbx_checkpoint_span **spans, size_t *count,
                        dbx_error *error);
/* dbx_checkpoint_remove deletes a file. What stays is removed by the next start. */
void dbx_checkpoint_remove(const char *dir, dbx_checkpoint_span span, dbx_checkpoint_state state);
/* dbx_checkpoint_tidy deletes the files that end at `applied` or before: data.mdbx has what is in
 * them. `unsealed`: others may stay although they are not sealed, for somebody is writing them. */
void dbx_checkpoint_tidy(const char *dir, uint64_t applied, bool unsealed);

#endif
