/* upgrade.h: bringing a directory of an older format up to this one's, at its first start.
 *
 * Each step takes data.mdbx from one version of the format to the next. All that are needed, and
 * the new version number, are one durable commit, made before anything is loaded or replayed: an
 * upgrade that is cut off leaves the old format, whole. Checkpoints hold entries of the map as they
 * were, so they go first, durably: nothing depends on them. Segments of the journal are not
 * rewritten: the reader knows all versions of them, and effects are commands in all. A step
 * therefore must leave a map on which the old effects still say the same.
 */
#ifndef DBX_STORE_UPGRADE_H
#define DBX_STORE_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "store/env.h"

/* What a step reads and writes the map by: all of it becomes durable together, or nothing. */
typedef struct dbx_upgrade dbx_upgrade;

/* dbx_upgrade_get finds an entry; its value stays valid until the next put. DBX_ENOTFOUND, or a
 * failure with *error set. */
int dbx_upgrade_get(dbx_upgrade *upgrade, dbx_slice key, dbx_slice *value, dbx_error *error);
int dbx_upgrade_put(dbx_upgrade *upgrade, dbx_slice key, dbx_slice value, dbx_error *error);

typedef struct dbx_upgrade_step {
    uint32_t from; /* the version that it takes to the next */
    int (*run)(dbx_upgrade *upgrade, dbx_error *error);
} dbx_upgrade_step;

/* The steps there are, ended by one with from == 0. */
extern const dbx_upgrade_step dbx_upgrade_steps[];

/* dbx_upgrade_check says what opening a directory of format `version` takes: 0: nothing, 1: an
 * upgrade. DBX_EVERSION: it is newer than `to`; DBX_ECORRUPT: there never was such a one. */
int dbx_upgrade_check(const char *dir, uint32_t version, uint32_t to, dbx_error *error);

/* dbx_upgrade_run brings the map of `dir`, whose format record `format` is, to version `to`. No
 * snapshot may rely on what it sees afterwards: renew it. On a failure nothing has changed. */
int dbx_upgrade_run(dbx_env *env, const char *dir, dbx_slice format, const dbx_upgrade_step *steps,
                    uint32_t to, dbx_error *error);

#endif
