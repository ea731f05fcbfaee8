/* reclaim.h: giving back what retired collections and namespaces hold, in bounded pieces,
 * unjournalled (invariant 15): an id is never used again, so nothing can tell when it goes. */
#ifndef DBX_STORE_RECLAIM_H
#define DBX_STORE_RECLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/env_internal.h"

/* dbx_reclaim deletes up to about `max` entries of retired ids within `txn`; *done is how many,
 * *more says that some are left. Stops early, with MDBX_EINTR, when *stop is set. Returns 0 or an
 * MDBX error. */
int dbx_reclaim(MDBX_txn *txn, MDBX_dbi dbi, uint32_t max, atomic_bool *stop, uint32_t *done,
                bool *more);

#endif
