/* env.h: the MDBX file: the only header through which the rest of the store reaches libmdbx.
 *
 * One map, MDBX's unnamed one. Readers hold snapshots; the applier's write transaction is in
 * apply.c.
 */
#ifndef DBX_STORE_ENV_H
#define DBX_STORE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct dbx_env dbx_env;
typedef struct dbx_snapshot dbx_snapshot;
typedef struct dbx_env_cursor dbx_env_cursor;

/* dbx_env_open opens or creates the file, exclusively. Errors: DBX_ECORRUPT, DBX_EIO, DBX_ENOSPC,
 * ... */
int dbx_env_open(const char *path, dbx_env **out, dbx_error *error);
/* dbx_env_look says whether an existing file can be opened, without writing to it: libmdbx changes
 * damaged ones before it refuses them. */
int dbx_env_look(const char *path, dbx_error *error);
/* dbx_env_open_unchanged opens an existing file for reading alone, distrusting what it finds.
 * DBX_EREADONLY: a power failure left what only an owner may settle. */
int dbx_env_open_unchanged(const char *path, dbx_env **out, dbx_error *error);
void dbx_env_close(dbx_env *env, bool forked);
/* dbx_env_broken: a commit's sync failed, and libmdbx does nothing more with this environment; what
 * snapshots see already can still be read. dbx_env_reopen begins anew with the same file. No
 * snapshot may be open, nor anybody else use it meanwhile; when it fails, all that follows fails,
 * until it succeeds. */
bool dbx_env_broken(const dbx_env *env);
int dbx_env_reopen(dbx_env *env, dbx_error *error);
/* dbx_env_growth_bytes is how much the file grows by at a time; it is cut off when twice that
 * behind its end is unused. dbx_env_set_growth sets it, for tests of small files: before any is
 * opened. */
uint32_t dbx_env_growth_bytes(void);
void dbx_env_set_growth(uint32_t bytes);
/* dbx_env_size reports the file's bytes and the address space reserved for it. */
void dbx_env_size(dbx_env *env, uint64_t *file_bytes, uint64_t *map_bytes);

/* A snapshot is used by one thread at a time, under the engine lock, but by any thread. */
int dbx_snapshot_open(dbx_env *env, dbx_snapshot **out);
int dbx_snapshot_renew(dbx_snapshot *snapshot);
/* dbx_snapshot_let_go lets the environment be reopened: reads fail until the next renewal. */
void dbx_snapshot_let_go(dbx_snapshot *snapshot);
void dbx_snapshot_close(dbx_snapshot *snapshot);
/* Values stay valid until the snapshot is renewed or closed. */
int dbx_snapshot_get(dbx_snapshot *snapshot, dbx_slice key, dbx_slice *value);
/* dbx_snapshot_id names the state a snapshot sees: each commit's is higher. */
uint64_t dbx_snapshot_id(const dbx_snapshot *snapshot);
uint64_t dbx_snapshot_entries(dbx_snapshot *snapshot);
/* dbx_snapshot_estimate says about how many entries lie in [from, to). */
uint64_t dbx_snapshot_estimate(dbx_snapshot *snapshot, dbx_slice from, dbx_slice to);

/* dbx_snapshot_unused is how many bytes of the file hold nothing and can be used again, up to about
 * `max`. */
uint64_t dbx_snapshot_unused(dbx_snapshot *snapshot, uint64_t max);

dbx_env_cursor *dbx_env_cursor_open(dbx_snapshot *snapshot);
void dbx_env_cursor_close(dbx_env_cursor *cursor);
/* Each returns DBX_OK with the entry, DBX_ENOTFOUND, or a failure. What follows a seek goes on in
 * its direction. */
typedef enum dbx_env_move {
    DBX_ENV_SEEK,      /* first >= *key */
    DBX_ENV_SEEK_BACK, /* last <= *key */
    DBX_ENV_NEXT,
    DBX_ENV_PREV
} dbx_env_move;
int dbx_env_cursor_move(dbx_env_cursor *cursor, dbx_env_move move, dbx_slice *key,
                        dbx_slice *value);

/* dbx_env_check checks all pages, and that each is used once or unused; `wrong` is told of what is
 * not so, `progress` now and then. A failure: it could not be checked. In env_check.c. */
typedef struct dbx_env_pages {
    uint64_t used, unused;
} dbx_env_pages;
typedef void dbx_env_wrong_fn(void *arg, const char *text);
typedef void dbx_env_progress_fn(void *arg, uint64_t done, uint64_t all);
int dbx_env_check(dbx_env *env, dbx_env_wrong_fn *wrong, dbx_env_progress_fn *progress, void *arg,
                  dbx_env_pages *pages, dbx_error *error);

#endif
