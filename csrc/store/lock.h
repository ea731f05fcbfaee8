/* lock.h: one owner per data directory: an advisory lock on a file that says who owns it. */
#ifndef DBX_STORE_LOCK_H
#define DBX_STORE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

typedef struct dbx_lock dbx_lock;

/* dbx_lock_take locks `dir` for this process, or fails with DBX_ELOCKED and a text that names the
 * owner and its socket. `socket` (may be NULL) is written down for those who come later. */
int dbx_lock_take(const char *dir, const char *socket, dbx_lock **out, dbx_error *error);
/* dbx_lock_hold locks `dir` as dbx_lock_take does and changes nothing in it: for who only looks. */
int dbx_lock_hold(const char *dir, dbx_lock **out, dbx_error *error);
/* dbx_lock_release unlocks; in a forked child it only closes: the parent still owns the directory.
 */
void dbx_lock_release(dbx_lock *lock, bool forked);

#endif
