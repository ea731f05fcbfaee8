/* checkpoint_ahead.h: checkpoints read and merged by a second thread, while the one that asked puts
 * what was read into the buffer. */
#ifndef DBX_STORE_CHECKPOINT_AHEAD_H
#define DBX_STORE_CHECKPOINT_AHEAD_H

#include "store/checkpoint_read.h"

typedef struct dbx_checkpoint_ahead dbx_checkpoint_ahead;

int dbx_checkpoint_ahead_open(dbx_checkpoint_merge *merge, dbx_checkpoint_ahead **out,
                              dbx_error *error);
/* dbx_checkpoint_ahead_next gives the next entries in order, valid until the next call. Returns 1,
 * 0 at the end, or a failure. */
int dbx_checkpoint_ahead_next(dbx_checkpoint_ahead *ahead, const dbx_checkpoint_entry **entries,
                              size_t *count, dbx_error *error);
void dbx_checkpoint_ahead_close(dbx_checkpoint_ahead *ahead);

#endif
