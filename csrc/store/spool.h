/* spool.h: the store's side of spools (store.h has the transports' side): who still refers to one. */
#ifndef DBX_STORE_SPOOL_H
#define DBX_STORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/store.h"

/* dbx_spool_holds says whether all of `bytes` lies in the spool. */
bool dbx_spool_holds(const dbx_spool *spool, dbx_slice bytes);
/* dbx_spool_ref and dbx_spool_unref count users; the last one unmaps it and, unless it was kept by a
 * journal frame that is still needed, removes the file. Any thread. */
void dbx_spool_ref(dbx_spool *spool);
void dbx_spool_unref(dbx_spool *spool);
/* dbx_spool_effect appends a command whose long arguments lie in the spool: they are named, not copied,
 * see journal.h. The spool's file then belongs to the journal too. */
void dbx_spool_effect(dbx_buf *effects, dbx_spool *spool, size_t argc, const dbx_slice *argv);

#endif
