/* replay.h: executing the journal after what MDBX and the checkpoints have, at start. */
#ifndef DBX_STORE_REPLAY_H
#define DBX_STORE_REPLAY_H

#include "store/internal.h"

/* dbx_replay_run executes every whole group, in turns of one frame, and leaves the log's files cut
 * at its end and synced; sets store->replay_position, run and the clock. */
int dbx_replay_run(dbx_store *store, const dbx_replay_calls *calls, dbx_error *error);

#endif
