/* early.h: results larger than the write buffer (invariant 14).
 *
 * A command that stores a collection gives it an id of its own and writes the key's record last.
 * Until then nobody else can know of what lies under the id: when that fills half a buffer it
 * leaves memory at once, in a commit of its own, and the command goes on. With the first such
 * commit the id is marked as unpublished, in MDBX; the record takes the mark away, in the buffer,
 * like all else that its turn changes. An id whose mark is there between turns has no key: its
 * command or turn was undone, or the process ended. It is retired, and reclaimed as any other. The
 * log has the command alone: a replay does the same again, under another id.
 *
 * What the command reads meanwhile of its own collections it finds in the newest snapshot, all else
 * in that of the turn's beginning, where slices and cursors stay as they are.
 */
#ifndef DBX_STORE_EARLY_H
#define DBX_STORE_EARLY_H

#include "store/internal.h"

/* dbx_early_set_bytes sets how much a command may add to the buffer before what it makes is
 * committed, for tests of small results; 0: what suits the buffer. */
void dbx_early_set_bytes(size_t bytes);

/* dbx_early_begin, at a command's begin: ids given out from now on are its own. */
void dbx_early_begin(dbx_txn *txn);
/* dbx_early_expect is told that the command was given an id: what it puts is watched. */
void dbx_early_expect(dbx_txn *txn);
/* dbx_early_commit commits what lies under the command's own ids and takes it out of the buffer.
 * Waits for the applier; DBX_EBUSY if an apply is going on and the command may wait. After a
 * failure the command has to be undone. */
int dbx_early_commit(dbx_txn *txn);

/* dbx_early_room is called after each put: does so when it is time. */
static inline int dbx_early_room(dbx_txn *txn) {
    bool full = dbx_buffer_fill(txn->store->live.active) >= txn->early_at;
    return full ? dbx_early_commit(txn) : DBX_OK;
}

/* dbx_early_publish is told of each record that is written: its collection, if it has one, is
 * somebody's from now on, and what follows under its id waits for the turn as all else. */
int dbx_early_publish(dbx_txn *txn, uint64_t cid);
/* dbx_early_end, at a command's end: all see what was committed. */
void dbx_early_end(dbx_txn *txn);

/* dbx_early_retire, between turns, retires what is unpublished: store->unpublished says that there
 * may be such ids. */
void dbx_early_retire(dbx_store *store);
/* dbx_early_load, at a start, sees what an earlier one left: its ids are not given out again. */
int dbx_early_load(dbx_store *store);

#endif
