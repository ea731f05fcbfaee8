/* replay_ahead.h: the thread that prepares the next batch of a replay while the last is executed.
 *
 * A short log is one batch and gets no thread.
 */
#ifndef DBX_STORE_REPLAY_AHEAD_H
#define DBX_STORE_REPLAY_AHEAD_H

#include "store/replay_batch.h"

typedef struct dbx_replay_ahead dbx_replay_ahead;

/* dbx_replay_ahead_open begins to read; `reader` and `calls` stay the caller's, who leaves the
 * reader alone until the close. */
int dbx_replay_ahead_open(dbx_store *store, dbx_journal_reader *reader,
                          const dbx_replay_calls *calls, dbx_replay_ahead **out, dbx_error *error);
/* dbx_replay_ahead_next gives the next batch, which is the caller's until the next call: 1, 0 at
 * the end, or a failure. */
int dbx_replay_ahead_next(dbx_replay_ahead *ahead, dbx_replay_batch **batch, dbx_error *error);
/* dbx_replay_ahead_bytes is about how much of the log a batch holds. */
size_t dbx_replay_ahead_bytes(const dbx_replay_ahead *ahead);
void dbx_replay_ahead_close(dbx_replay_ahead *ahead);

#endif
