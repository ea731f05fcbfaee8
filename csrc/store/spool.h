/* spool.h: the store's side of spools (store.h has the transports' side).
 *
 * A spool is a file in the data directory's `spool` folder: "<id>.part" while a transport fills it,
 * "<id>.spool" once it is synced and may be named by the journal. Buffers whose values lie in it
 * hold it; when the last holder lets go, the values are in MDBX, and the file is removed or, while
 * applied log is kept that names it, left to the journal.
 */
#ifndef DBX_STORE_SPOOL_H
#define DBX_STORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/file.h"
#include "store/store.h"

/* dbx_spool_file writes the path of a spool's file: of one being received, or of a durable one. */
int dbx_spool_file(char out[DBX_PATH_MAX], const char *dir, uint64_t id, bool durable,
                   dbx_error *error);

/* dbx_spool_holds says whether all of `bytes` lies in the spool. */
bool dbx_spool_holds(const dbx_spool *spool, dbx_slice bytes);
uint64_t dbx_spool_id(const dbx_spool *spool);
/* dbx_spool_named: the journal names it, so that its file is durable and is there as long as the
 * value is not in MDBX. */
bool dbx_spool_named(const dbx_spool *spool);
/* dbx_spool_offset is where a value that the spool holds lies in it. */
uint64_t dbx_spool_offset(const dbx_spool *spool, dbx_slice value);
/* dbx_spool_ref and dbx_spool_unref count users. Any thread. */
void dbx_spool_ref(dbx_spool *spool);
void dbx_spool_unref(dbx_spool *spool);

/* dbx_spool_effect appends a command to `effects`, naming the long arguments that lie in the spool
 * instead of copying them; returns whether it named any: then the spool must be held by the active
 * buffer. */
bool dbx_spool_effect(dbx_buf *effects, dbx_spool *spool, size_t argc, const dbx_slice *argv);
/* dbx_spool_load maps the spool that a journalled effect names, at replay. */
int dbx_spool_load(dbx_store *store, uint64_t id, dbx_spool **out, dbx_error *error);
/* dbx_spool_part is bytes of a spool; false: out of its bounds. */
bool dbx_spool_part(const dbx_spool *spool, uint64_t offset, uint64_t len, dbx_slice *bytes);

/* dbx_spool_seal: the spool's first `len` bytes are in use and no more will be; the rest of the
 * file and the descriptor are given back. */
void dbx_spool_seal(dbx_spool *spool, size_t len);

/* dbx_spools_prepare, before replay, which may make spools: removes files that were being received
 * and sets the next id. dbx_spools_tidy, when the journal is open: removes files that nothing
 * refers to; which ones kept log names is found out in the background. */
int dbx_spools_prepare(dbx_store *store, dbx_error *error);
int dbx_spools_tidy(dbx_store *store, dbx_error *error);

#endif
