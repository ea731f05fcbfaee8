/* freeze.h: the write buffer's way into MDBX: when it is frozen, and what follows an apply. */
#ifndef DBX_STORE_FREEZE_H
#define DBX_STORE_FREEZE_H

#include <stdbool.h>

#include "store/internal.h"

/* dbx_freeze_step, between turns: takes in a finished apply, then freezes if it is time (invariants
 * 4 to 6). */
void dbx_freeze_step(dbx_store *store);
/* dbx_freeze_wait_ms is when the buffer's age, or memory kept for the next one, will want
 * dbx_freeze_step; -1: no time is set. */
int64_t dbx_freeze_wait_ms(const dbx_store *store);
/* dbx_freeze_delay_us is how long writers are to be held back, for the applier's sake. */
uint32_t dbx_freeze_delay_us(const dbx_store *store);
/* dbx_freeze_save puts the counters, the database map and the SCAN table into the active buffer. */
int dbx_freeze_save(dbx_store *store);
/* dbx_freeze_load reads the counters, the database map and the SCAN table as they were saved last.
 */
int dbx_freeze_load(dbx_store *store, dbx_error *error);

#endif
