/* apply_run.h: runs of new keys, which an apply puts into pages that become full.
 *
 * libmdbx splits a full page in the middle, unless the new key is the last in it. Keys that rise,
 * as those of times and sequences do, put before others leave every page half empty, which doubles
 * what each later apply of them writes. So when such a run has begun, the rest of the page that it
 * is put into is taken out, and put back behind the run.
 */
#ifndef DBX_STORE_APPLY_RUN_H
#define DBX_STORE_APPLY_RUN_H

#include "base/buf.h"
#include "store/buffer.h"
#include "store/env_internal.h"

/* Zeroed to begin but for the buffer; dbx_apply_run_free at the end. */
typedef struct dbx_apply_run {
    const dbx_buffer *frozen;    /* whose entries are put */
    const dbx_entry *ahead;      /* the first that has not been looked at; NULL: there is none */
    const dbx_entry *ahead_last; /* the one before it */
    size_t bytes;                /* of keys and values from the one to be put next up to there */
    const dbx_entry *last;       /* the run goes on until this one at least; NULL: there is none */
    size_t put_bytes;            /* of the run so far, until the rest of the page is taken out */
    dbx_buf tail;                /* that: lengths, keys, values */
    dbx_slice until;             /* its first key: the run goes up to there */
} dbx_apply_run;

/* dbx_apply_run_step is called with each entry of the buffer in order, when it has been put (the
 * cursor is there) or deleted, and its gap as well, and the one after it (NULL: there is none).
 * After the last nothing is left out. 0, or an error of libmdbx: then the transaction must be
 * aborted. */
int dbx_apply_run_step(dbx_apply_run *run, MDBX_cursor *cursor, const dbx_entry *entry,
                       const dbx_entry *next);
void dbx_apply_run_free(dbx_apply_run *run);

#endif
