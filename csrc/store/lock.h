/* lock.h: one owner per data directory: an advisory lock on a file that says who owns it. */
#ifndef DBX_STORE_LOCK_H
#define DBX_STORE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

typedef struct dbx_lock dbx_lock;

enum { DBX_LOCK_SOCKET_BYTES = 512 };

/* dbx_lock_take locks `dir` for this process, or fails with DBX_ELOCKED and a text that names the
 * owner and its socket. `socket` (may be NULL) and `server`, whether the owner is there to serve
 * others, are written down for those who come later. */
int dbx_lock_take(const char *dir, const char *socket, bool server, dbx_lock **out,
                  dbx_error *error);
/* dbx_lock_hold locks `dir` as dbx_lock_take does and changes nothing in it: for who only looks. */
int dbx_lock_hold(const char *dir, dbx_lock **out, dbx_error *error);

/* Who has written down that `dir` is his. */
typedef struct dbx_lock_owner {
    long pid;
    char socket[DBX_LOCK_SOCKET_BYTES]; /* empty: none */
    bool server;                        /* false, too, when an older version wrote it */
} dbx_lock_owner;

/* dbx_lock_read reads what the last owner wrote, who may be gone; false: there is nothing. */
bool dbx_lock_read(const char *dir, dbx_lock_owner *out);

/* dbx_lock_release unlocks; in a forked child it only closes: the parent still owns the directory.
 */
void dbx_lock_release(dbx_lock *lock, bool forked);

#endif
