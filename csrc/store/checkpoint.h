/* checkpoint.h: checkpoints: what the write buffer holds, saved now and then, so that a start need
 * not execute the log from where data.mdbx ends.
 *
 * Executing takes microseconds an effect, random pages and all; loading a saved entry a fraction of
 * one. So a start loads the checkpoints that follow data.mdbx without a gap, then replays the rest
 * of the log, and buffers can be large: each apply rewrites most pages of a map that is not much
 * larger, and the larger the buffer the fewer applies there are. A checkpoint holds what has
 * changed since the one before. It is written while clients are served: a view of the active buffer
 * is walked between turns, and the syncer's thread writes. What is left of a frozen buffer the
 * applier saves before it applies.
 *
 * Nothing depends on a checkpoint: the log has all that is in it. A missing or torn one makes a
 * start slower (invariant 14).
 */
#ifndef DBX_STORE_CHECKPOINT_H
#define DBX_STORE_CHECKPOINT_H

#include <stdatomic.h>

#include "store/apply.h"
#include "store/internal.h"

/* dbx_checkpoint_load fills the active buffer from the checkpoints that follow data.mdbx, and
 * removes other files. Before the log is read. */
int dbx_checkpoint_load(dbx_store *store, dbx_error *error);

/* dbx_checkpoint_step, between turns, begins one when it is time and works on it for a bounded
 * time. dbx_checkpoint_busy: it wants to be called again, soon. */
void dbx_checkpoint_step(dbx_store *store);
bool dbx_checkpoint_busy(const dbx_store *store);
/* dbx_checkpoint_freeze, before the active buffer is frozen, gives up the one being made, and says
 * in `applied` what the applier is to save. */
void dbx_checkpoint_freeze(dbx_store *store, dbx_applied *applied);
/* dbx_checkpoint_rest saves what of a frozen buffer no checkpoint has, in the applier's thread, and
 * adds what it wrote to *bytes. */
int dbx_checkpoint_rest(const char *dir, const dbx_buffer *frozen, const dbx_applied *applied,
                        dbx_journal *log, const atomic_bool *stop, uint64_t *bytes,
                        dbx_error *error);
/* dbx_checkpoint_complain logs why one could not be made. */
void dbx_checkpoint_complain(const dbx_error *error);
/* dbx_checkpoint_stop, when the syncer has stopped, gives up the one being made. */
void dbx_checkpoint_stop(dbx_store *store);

#endif
