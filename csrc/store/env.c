/* env.c: see env.h. */
#include "store/env.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/env_internal.h"
#include "store/file.h"
#include "store/format.h"
#include "store/limits.h"

/* Address space for the map: as much as the system lends, or as a build says. Some RISC-V kernels
 * lend little, 32-bit ones less: halve until it fits. */
#ifdef DBX_MAP_MB
#define MAP_BYTES_MAX ((uint64_t)DBX_MAP_MB << 20)
#else
#define MAP_BYTES_MAX ((uint64_t)1 << (sizeof(void *) == 8 ? 40 : 30))
#endif
#define MAP_BYTES_MIN ((uint64_t)64 << 20)

enum {
    READERS_MAX = 1024,        /* snapshots: one for the live view, one for each open view */
    DIRTY_PAGES_RESERVE = 128, /* page buffers libmdbx keeps for reuse between transactions */
    SPILLED_AT_LEAST = 2,      /* half of the dirty pages: each spill sorts all before it, too */
    OPEN_MODE = 0600
};

/* Turns an error of libmdbx into ours; the message says what to do. */
int dbx_env_error(int rc, const char *doing, const char *path, dbx_error *error) {
    switch (rc) {
    case MDBX_SUCCESS:
        return DBX_OK;
    case MDBX_NOTFOUND:
        return DBX_ENOTFOUND;
    case ENOMEM:
        return dbx_error_set(error, DBX_ENOMEM, "out of memory while %s %s", doing, path);
    case ENOSPC:
    case EDQUOT:
    case MDBX_MAP_FULL:
        return dbx_error_set(error, DBX_ENOSPC, "no space left while %s %s: free some", doing,
                             path);
    case MDBX_CORRUPTED:
    case MDBX_PAGE_NOTFOUND:
    case MDBX_INVALID:
    case MDBX_VERSION_MISMATCH:
    case MDBX_ENODATA:
        return dbx_error_set(
            error, DBX_ECORRUPT,
            "%s is damaged (%s): restore it from a backup, or move it away to start "
            "empty",
            path, mdbx_strerror(rc));
    case MDBX_WANNA_RECOVERY:
        return dbx_error_set(error, DBX_EREADONLY,
                             "%s was cut off by a power failure: start it once, which settles that",
                             path);
    case MDBX_BUSY:
    case EAGAIN:
        return dbx_error_set(error, DBX_ELOCKED, "%s is in use by another process", path);
    default:
        return dbx_error_set(error, DBX_EIO, "error while %s %s: %s", doing, path,
                             mdbx_strerror(rc));
    }
}

static uint32_t growth_bytes = DBX_FILE_GROWTH_BYTES;

uint32_t dbx_env_growth_bytes(void) {
    return growth_bytes;
}

void dbx_env_set_growth(uint32_t bytes) {
    growth_bytes = bytes;
}

static int set_limits(MDBX_env *env) {
    int rc = mdbx_env_set_option(env, MDBX_opt_max_readers, READERS_MAX);
    if (rc == 0) rc = mdbx_env_set_option(env, MDBX_opt_txn_dp_limit, DBX_DIRTY_PAGES_MAX);
    if (rc == 0) rc = mdbx_env_set_option(env, MDBX_opt_dp_reserve_limit, DIRTY_PAGES_RESERVE);
    if (rc == 0) rc = mdbx_env_set_option(env, MDBX_opt_spill_min_denominator, SPILLED_AT_LEAST);
    return rc;
}

/* One attempt with a given amount of address space. */
static int try_open(dbx_env *env, const char *path, MDBX_env_flags_t flags, uint64_t map_bytes) {
    int rc = mdbx_env_create(&env->env);
    if (rc != 0) return rc;
    rc = set_limits(env->env);
    if (rc == 0 && (flags & MDBX_RDONLY) == 0) {
        rc = mdbx_env_set_geometry(env->env, -1, -1, (intptr_t)map_bytes, growth_bytes,
                                   2 * (intptr_t)growth_bytes, DBX_PAGE_BYTES);
    }
    if (rc == 0) {
        /* Not MDBX_NOMEMINIT: freed heap, passwords among it, would go to disk in pages' unused
         * parts. */
        rc = mdbx_env_open(env->env, path,
                           flags | MDBX_NOSUBDIR | MDBX_EXCLUSIVE | MDBX_NOSTICKYTHREADS |
                               MDBX_NORDAHEAD,
                           OPEN_MODE);
    }
    if (rc != 0) {
        (void)mdbx_env_close_ex(env->env, true);
        env->env = NULL;
    }
    return rc;
}

/* With as much address space as can be had. */
static int open_largest(dbx_env *env, const char *path, MDBX_env_flags_t flags) {
    int rc = ENOMEM;
    for (uint64_t bytes = MAP_BYTES_MAX; bytes >= MAP_BYTES_MIN; bytes /= 2) {
        rc = try_open(env, path, flags, bytes);
        /* EINVAL: what valgrind says of an address space it cannot give. */
        if (rc != ENOMEM && rc != EFBIG && rc != EINVAL && rc != MDBX_TOO_LARGE) break;
    }
    return rc;
}

static int sync_file(const char *path, dbx_error *error) {
    int fd = dbx_file_open(path, O_RDWR, error);
    if (fd < 0) return fd;
    int rc = dbx_file_sync(fd, path, error);
    (void)close(fd);
    return rc;
}

/* libmdbx does not sync what it begins a new file with, and takes a part of it for damage: the file
 * is made under another name and gets its own when it is durable. */
static int create(dbx_env *env, const char *path, dbx_error *error) {
    char made[DBX_PATH_MAX], made_lock[DBX_PATH_MAX], dir[DBX_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = snprintf(made_lock, sizeof made_lock, "%s.new-lck", path);
    if (n < 0 || (size_t)n >= sizeof made_lock || slash == NULL) {
        return dbx_error_set(error, DBX_ELIMIT, "the path is too long: %.200s...", path);
    }
    (void)snprintf(made, sizeof made, "%.*s", n - (int)strlen("-lck"), made_lock);
    (void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    int rc = dbx_file_remove(made, error); /* what a crash left */
    if (rc != DBX_OK) return rc;
    rc = open_largest(env, made, MDBX_ENV_DEFAULTS);
    if (rc != 0) return dbx_env_error(rc, "making", path, error);
    (void)mdbx_env_close_ex(env->env, true);
    env->env = NULL;
    rc = dbx_file_remove(made_lock, error);
    if (rc == DBX_OK) rc = sync_file(made, error);
    if (rc == DBX_OK) rc = dbx_file_rename(made, path, error);
    return rc == DBX_OK ? dbx_file_sync_dir(dir, error) : rc;
}

static int open_map(dbx_env *env) {
    MDBX_txn *txn;
    int rc = mdbx_txn_begin(env->env, NULL, MDBX_TXN_RDONLY, &txn);
    if (rc != 0) return rc;
    rc = mdbx_dbi_open(txn, NULL, MDBX_DB_DEFAULTS, &env->dbi);
    int end = mdbx_txn_commit(txn);
    return rc != 0 ? rc : end;
}

/* Opens what env->path names and is there. */
static int open_existing(dbx_env *env, MDBX_env_flags_t flags, dbx_error *error) {
    int rc = open_largest(env, env->path, flags);
    if (rc == 0) rc = open_map(env);
    return rc == 0 ? DBX_OK : dbx_env_error(rc, "opening", env->path, error);
}

static int open_file(const char *path, MDBX_env_flags_t flags, dbx_env **out, dbx_error *error) {
    dbx_env *env = dbx_alloc_zero(1, sizeof *env);
    if (env == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    size_t len = strlen(path) + 1;
    env->path = dbx_alloc(len);
    if (env->path == NULL) {
        dbx_alloc_free(env);
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    memcpy(env->path, path, len);
    bool making = (flags & MDBX_RDONLY) == 0 && !dbx_file_exists(path);
    int rc = making ? create(env, path, error) : DBX_OK;
    if (rc == DBX_OK) rc = open_existing(env, flags, error);
    if (rc != DBX_OK) {
        dbx_env_close(env, false);
        return rc;
    }
    *out = env;
    return DBX_OK;
}

int dbx_env_open_unchanged(const char *path, dbx_env **out, dbx_error *error) {
    return open_file(path, MDBX_RDONLY | MDBX_VALIDATION, out, error);
}

int dbx_env_look(const char *path, dbx_error *error) {
    dbx_env *env = NULL;
    int rc = dbx_env_open_unchanged(path, &env, error);
    if (rc == DBX_OK) dbx_env_close(env, false);
    /* A file of a machine with more address space cannot be mapped as it says: it can be opened. */
    return rc == DBX_EREADONLY || rc == DBX_ENOMEM ? DBX_OK : rc;
}

int dbx_env_open(const char *path, dbx_env **out, dbx_error *error) {
    return open_file(path, MDBX_LIFORECLAIM, out, error);
}

void dbx_env_close(dbx_env *env, bool forked) {
    if (env == NULL) return;
    /* A forked child must not touch the parent's lock or file: libmdbx then only unmaps. */
    if (env->env != NULL) {
        if (forked) (void)mdbx_env_resurrect_after_fork(env->env);
        (void)mdbx_env_close_ex(env->env, true);
    }
    dbx_alloc_free(env->path);
    dbx_alloc_free(env);
}

bool dbx_env_broken(const dbx_env *env) {
    MDBX_envinfo info;
    return env->env == NULL || mdbx_env_info_ex(env->env, NULL, &info, sizeof info) == MDBX_PANIC;
}

int dbx_env_reopen(dbx_env *env, dbx_error *error) {
    if (env->env != NULL) (void)mdbx_env_close_ex(env->env, true);
    env->env = NULL;
    return open_existing(env, MDBX_LIFORECLAIM, error);
}

void dbx_env_size(dbx_env *env, uint64_t *file_bytes, uint64_t *map_bytes) {
    MDBX_envinfo info;
    struct stat st;
    *file_bytes = stat(env->path, &st) == 0 ? (uint64_t)st.st_size : 0;
    *map_bytes = 0;
    if (mdbx_env_info_ex(env->env, NULL, &info, sizeof info) == 0) *map_bytes = info.mi_mapsize;
}

/* --- Snapshots -----------------------------------------------------------------------------------
 */

static MDBX_val to_val(dbx_slice bytes) {
    return (MDBX_val){(void *)(uintptr_t)bytes.ptr, bytes.len};
}

static dbx_slice from_val(MDBX_val val) {
    return dbx_slice_of(val.iov_base, val.iov_len);
}

int dbx_snapshot_open(dbx_env *env, dbx_snapshot **out) {
    dbx_snapshot *snapshot = dbx_alloc_zero(1, sizeof *snapshot);
    if (snapshot == NULL) return DBX_ENOMEM;
    snapshot->env = env;
    int rc = mdbx_txn_begin(env->env, NULL, MDBX_TXN_RDONLY, &snapshot->txn);
    if (rc != 0) {
        dbx_alloc_free(snapshot);
        return dbx_env_error(rc, "reading", env->path, NULL);
    }
    *out = snapshot;
    return DBX_OK;
}

/* Of an environment that is broken what is seen already can still be read: it is not given up. */
int dbx_snapshot_renew(dbx_snapshot *snapshot) {
    if (dbx_env_broken(snapshot->env)) return DBX_EIO;
    int rc = 0;
    if (snapshot->txn == NULL) {
        rc = mdbx_txn_begin(snapshot->env->env, NULL, MDBX_TXN_RDONLY, &snapshot->txn);
    } else {
        rc = mdbx_txn_reset(snapshot->txn);
        if (rc == 0) rc = mdbx_txn_renew(snapshot->txn);
    }
    return dbx_env_error(rc, "reading", snapshot->env->path, NULL);
}

void dbx_snapshot_let_go(dbx_snapshot *snapshot) {
    if (snapshot->txn != NULL) (void)mdbx_txn_abort(snapshot->txn);
    snapshot->txn = NULL;
}

void dbx_snapshot_close(dbx_snapshot *snapshot) {
    if (snapshot == NULL) return;
    dbx_snapshot_let_go(snapshot);
    dbx_alloc_free(snapshot);
}

int dbx_snapshot_get(dbx_snapshot *snapshot, dbx_slice key, dbx_slice *value) {
    MDBX_val k = to_val(key), v;
    int rc = mdbx_get(snapshot->txn, snapshot->env->dbi, &k, &v);
    if (rc != 0) return dbx_env_error(rc, "reading", snapshot->env->path, NULL);
    *value = from_val(v);
    return DBX_OK;
}

uint64_t dbx_snapshot_id(const dbx_snapshot *snapshot) {
    return mdbx_txn_id(snapshot->txn);
}

uint64_t dbx_snapshot_entries(dbx_snapshot *snapshot) {
    MDBX_stat stat;
    int rc = mdbx_dbi_stat(snapshot->txn, snapshot->env->dbi, &stat, sizeof stat);
    return rc == 0 ? stat.ms_entries : 0;
}

uint64_t dbx_snapshot_estimate(dbx_snapshot *snapshot, dbx_slice from, dbx_slice to) {
    MDBX_val first = to_val(from), end = to_val(to);
    ptrdiff_t items = 0;
    int rc = mdbx_estimate_range(snapshot->txn, snapshot->env->dbi, &first, NULL,
                                 to.len > 0 ? &end : NULL, NULL, &items);
    return rc == 0 && items > 0 ? (uint64_t)items : 0;
}

uint64_t dbx_snapshot_unused(dbx_snapshot *snapshot, uint64_t max) {
    enum { UNUSED_PAGES = 0 }; /* libmdbx's own table of them: lists that begin with their length */
    MDBX_cursor *cursor;
    MDBX_val key, list;
    uint64_t bytes = 0;
    if (mdbx_cursor_open(snapshot->txn, UNUSED_PAGES, &cursor) != 0) return 0;
    while (bytes < max && mdbx_cursor_get(cursor, &key, &list, MDBX_NEXT) == 0) {
        uint32_t pages = 0;
        if (list.iov_len >= sizeof pages) memcpy(&pages, list.iov_base, sizeof pages);
        bytes += (uint64_t)pages * DBX_PAGE_BYTES;
    }
    mdbx_cursor_close(cursor);
    return bytes < max ? bytes : max;
}

/* --- Cursors -------------------------------------------------------------------------------------
 */

dbx_env_cursor *dbx_env_cursor_open(dbx_snapshot *snapshot) {
    dbx_env_cursor *cursor = dbx_alloc_zero(1, sizeof *cursor);
    if (cursor == NULL) return NULL;
    cursor->snapshot = snapshot;
    if (mdbx_cursor_open(snapshot->txn, snapshot->env->dbi, &cursor->cursor) != 0) {
        dbx_alloc_free(cursor);
        return NULL;
    }
    return cursor;
}

void dbx_env_cursor_close(dbx_env_cursor *cursor) {
    if (cursor == NULL) return;
    mdbx_cursor_close(cursor->cursor);
    dbx_alloc_free(cursor);
}

enum {
    STEPS_ALONE = 2,  /* before entries are read ahead */
    SHORT_VALUE = 256 /* of the entries before, or none are */
};

/* read_ahead fills the cursor with what follows. */
static int read_ahead(dbx_env_cursor *cursor) {
    bool again = cursor->count == 0; /* it stands on what was given last */
    cursor->at = 0;
    int rc = mdbx_cursor_get_batch(cursor->cursor, &cursor->count, cursor->ahead, 2 * DBX_ENV_AHEAD,
                                   MDBX_NEXT);
    if (rc != 0 && rc != MDBX_RESULT_TRUE) {
        cursor->count = 0;
        return rc;
    }
    if (again) cursor->at = 2;
    return cursor->at < cursor->count ? 0 : MDBX_NOTFOUND;
}

/* step_forward gives the next entry. Where a walk goes on, several are read at once, but not where
 * values are long: those lie on pages of their own, which may be nowhere but on the disk. */
static int step_forward(dbx_env_cursor *cursor, MDBX_val *key, MDBX_val *value) {
    int rc = 0;
    if (cursor->at == cursor->count) {
        if (cursor->count == 0 && cursor->steps < STEPS_ALONE) {
            rc = mdbx_cursor_get(cursor->cursor, key, value, MDBX_NEXT);
            cursor->steps = rc == 0 && value->iov_len <= SHORT_VALUE ? cursor->steps + 1 : 0;
            return rc;
        }
        rc = read_ahead(cursor);
        if (rc != 0) return rc;
    }
    *key = cursor->ahead[cursor->at];
    *value = cursor->ahead[cursor->at + 1];
    cursor->at += 2;
    return 0;
}

int dbx_env_cursor_move(dbx_env_cursor *cursor, dbx_env_move move, dbx_slice *key,
                        dbx_slice *value) {
    MDBX_val k = to_val(*key), v = {NULL, 0};
    int rc = MDBX_EINVAL;
    if (move != DBX_ENV_NEXT) cursor->steps = 0;
    if (move == DBX_ENV_SEEK || move == DBX_ENV_SEEK_BACK) cursor->at = cursor->count = 0;
    switch (move) {
    case DBX_ENV_SEEK:
        rc = mdbx_cursor_get(cursor->cursor, &k, &v, MDBX_SET_RANGE);
        break;
    case DBX_ENV_SEEK_BACK:
        rc = mdbx_cursor_get(cursor->cursor, &k, &v, MDBX_SET_RANGE);
        if (rc == MDBX_NOTFOUND) {
            rc = mdbx_cursor_get(cursor->cursor, &k, &v, MDBX_LAST);
        } else if (rc == 0 && !dbx_slice_eq(from_val(k), *key)) {
            rc = mdbx_cursor_get(cursor->cursor, &k, &v, MDBX_PREV);
        }
        break;
    case DBX_ENV_NEXT:
        rc = step_forward(cursor, &k, &v);
        break;
    case DBX_ENV_PREV:
        if (cursor->count == 0) rc = mdbx_cursor_get(cursor->cursor, &k, &v, MDBX_PREV);
        break;
    }
    if (rc != 0) return dbx_env_error(rc, "reading", cursor->snapshot->env->path, NULL);
    *key = from_val(k);
    *value = from_val(v);
    return DBX_OK;
}
