/* reclaim.h: giving back what retired collections and namespaces hold, in bounded pieces,
 * unjournalled (invariant 15): an id is never used again, so nothing can tell when it goes. */
#ifndef DBX_STORE_RECLAIM_H
#define DBX_STORE_RECLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/env_internal.h"
#include "store/format.h"

/* dbx_reclaim_prefix writes what the keys begin with that a retired id holds in one of the tables:
 * of its `index`-th, from 0. *len is the length. False: there are no more tables. */
bool dbx_reclaim_prefix(const uint8_t retired[DBX_RETIRED_KEY_BYTES], unsigned index,
                        uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX], size_t *len);

/* How much may be done in one commit. */
typedef struct dbx_budget {
    uint32_t entries;    /* that are deleted */
    int64_t deadline_us; /* dbx_clock_mono_us; INT64_MAX: none */
    atomic_bool *stop;   /* set: the transaction comes to nothing */
    atomic_bool *hurry;  /* set: somebody waits for its end; NULL: nobody does */
} dbx_budget;

/* dbx_budget_over: it is time to commit. Reads a clock. */
bool dbx_budget_over(const dbx_budget *budget);

/* dbx_reclaim deletes entries of retired ids within `txn`, as many as the budget allows; *done is
 * how many, *more says that some are left. Stops, with MDBX_EINTR, when budget->stop is set.
 * Returns 0 or an MDBX error. */
int dbx_reclaim(MDBX_txn *txn, MDBX_dbi dbi, const dbx_budget *budget, uint32_t *done, bool *more);

#endif
