/* env_internal.h: the one place that includes <mdbx.h>: for env*, apply*, reclaim, squeeze and
 * upgrade only.
 */
#ifndef DBX_STORE_ENV_INTERNAL_H
#define DBX_STORE_ENV_INTERNAL_H

#include <errno.h>
#include <mdbx.h>

#include "store/env.h"

/* A commit's dirty pages are heap; beyond this many they are written early (invariant 11). */
enum { DBX_DIRTY_PAGES_MAX = 2048 };

struct dbx_env {
    MDBX_env *env; /* NULL: could not be reopened yet */
    MDBX_dbi dbi;  /* the one map */
    char *path;    /* owned */
};

struct dbx_snapshot {
    dbx_env *env;
    MDBX_txn *txn;
};

enum { DBX_ENV_AHEAD = 16 }; /* entries that a cursor reads at once */

struct dbx_env_cursor {
    dbx_snapshot *snapshot;
    MDBX_cursor *cursor;
    unsigned steps;   /* forward in a row, before the first that read ahead */
    size_t at, count; /* what was read ahead and not given; the cursor stands behind it */
    MDBX_val ahead[2 * DBX_ENV_AHEAD]; /* keys, each with its value */
};

/* dbx_env_error turns an error of libmdbx into a dbx_err and, unless NULL, a message. */
int dbx_env_error(int rc, const char *doing, const char *path, dbx_error *error);

#endif
