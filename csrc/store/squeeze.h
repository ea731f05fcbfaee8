/* squeeze.h: making data.mdbx shorter: what lies at its end moves to where nothing lies, a piece a
 * commit.
 *
 * libmdbx cuts a file off by itself when a commit leaves enough unused pages behind the last that
 * is used, but nothing moves what is there. So the pages beyond what would be the end, were all
 * that is used packed, are written anew: they go to the lowest unused ones. These are ordinary
 * durable commits, the entries stay what they are, and the file is cut off after the commit that no
 * longer needs its end, so that a power cut at any moment loses nothing. Written is what lay beyond
 * the new end, not the whole file.
 *
 * Pages that a commit gives up may be used only when no snapshot sees the state before it: between
 * two steps the snapshots have to be renewed.
 */
#ifndef DBX_STORE_SQUEEZE_H
#define DBX_STORE_SQUEEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format.h"
#include "store/reclaim.h"

typedef struct dbx_squeeze {
    uint32_t target; /* the first page that is to be unused; 0: not begun */
    uint32_t end;    /* the pages up to the last that was used, as the last step found it */
    unsigned settles;
    bool walked; /* every entry was looked at; what is left is to take in what was given up */
    size_t at_len;
    uint8_t at[DBX_ENCODED_KEY_MAX]; /* the entry to go on with */
    uint64_t moved;                  /* pages, of this one */
    uint64_t unused;                 /* pages of the file that hold nothing, as last known */
} dbx_squeeze;

/* What is worth it: see dbx_squeeze_worth. */
enum { DBX_SQUEEZE_MIN_BYTES = 16 << 20, DBX_SQUEEZE_PARTS = 4 };

/* dbx_squeeze_worth: of a file so long, with so much unused beyond what is to be kept, enough could
 * be given back to move for it: a quarter, and 16 MB. */
bool dbx_squeeze_worth(uint64_t file_bytes, uint64_t spare_bytes);

/* dbx_squeeze_begin makes *s ready for its first step. */
void dbx_squeeze_begin(dbx_squeeze *s);

/* dbx_squeeze_step does a piece within `txn`. `keep`: so many unused bytes may stay; `full`: it is
 * done for whatever can be given back, otherwise only when it is worth it. *changed: the
 * transaction is to be committed, otherwise to be aborted; *done: that was all. Returns 0 or an
 * MDBX error. */
int dbx_squeeze_step(dbx_squeeze *s, MDBX_txn *txn, MDBX_dbi dbi, uint64_t keep, bool full,
                     const dbx_budget *budget, bool *changed, bool *done);

/* dbx_squeeze_unused is how many bytes of the file hold nothing since the last commit; 0 as well
 * where that cannot be asked now. */
uint64_t dbx_squeeze_unused(MDBX_env *env);

#endif
