/* upgrade.c: see upgrade.h. */
#include "store/upgrade.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "store/checkpoint_file.h"
#include "store/env_internal.h"
#include "store/file.h"
#include "store/format.h"

struct dbx_upgrade {
    dbx_env *env;
    MDBX_txn *txn;
};

static int failed(const dbx_env *env, int rc, dbx_error *error) {
    return dbx_env_error(rc, "upgrading", env->path, error);
}

int dbx_upgrade_get(dbx_upgrade *upgrade, dbx_slice key, dbx_slice *value, dbx_error *error) {
    MDBX_val k = {(void *)(uintptr_t)key.ptr, key.len}, v;
    int rc = mdbx_get(upgrade->txn, upgrade->env->dbi, &k, &v);
    if (rc == MDBX_NOTFOUND) return DBX_ENOTFOUND;
    if (rc != 0) return failed(upgrade->env, rc, error);
    *value = dbx_slice_of(v.iov_base, v.iov_len);
    return DBX_OK;
}

int dbx_upgrade_put(dbx_upgrade *upgrade, dbx_slice key, dbx_slice value, dbx_error *error) {
    MDBX_val k = {(void *)(uintptr_t)key.ptr, key.len};
    MDBX_val v = {(void *)(uintptr_t)value.ptr, value.len};
    int rc = mdbx_put(upgrade->txn, upgrade->env->dbi, &k, &v, MDBX_UPSERT);
    return rc == 0 ? DBX_OK : failed(upgrade->env, rc, error);
}

/* --- The steps
 * ------------------------------------------------------------------------------------ */

/* Version 1 had one clock, which never ran back and took every step of the machine's forward: what
 * it says stands for both. Its keys all expire at dates, in the one index there was, and go on to:
 * records and entries are as they were. Builds between the versions had written today's records. */
static int to_two_clocks(dbx_upgrade *upgrade, dbx_error *error) {
    enum { OLD_BYTES = 24, BYTES = 32, TIME_AT = 16 };
    static const uint8_t position[] = {DBX_TABLE_META, DBX_META_POSITION};
    dbx_slice key = dbx_slice_of(position, sizeof position), value = {NULL, 0};
    uint8_t bytes[BYTES];
    int rc = dbx_upgrade_get(upgrade, key, &value, error);
    if (rc == DBX_ENOTFOUND || (rc == DBX_OK && value.len == BYTES)) return DBX_OK;
    if (rc != DBX_OK) return rc;
    if (value.len != OLD_BYTES) {
        return dbx_error_set(error, DBX_ECORRUPT, "%s does not say what it contains",
                             upgrade->env->path);
    }
    memcpy(bytes, value.ptr, OLD_BYTES);
    memcpy(bytes + OLD_BYTES, value.ptr + TIME_AT, BYTES - OLD_BYTES);
    return dbx_upgrade_put(upgrade, key, dbx_slice_of(bytes, BYTES), error);
}

/* Version 2 had strings alone. What is new are tables that it did not know, and would not reclaim.
 */
static int to_collections(dbx_upgrade *upgrade, dbx_error *error) {
    (void)upgrade;
    (void)error;
    return DBX_OK;
}

const dbx_upgrade_step dbx_upgrade_steps[] = {
    {.from = 1, .run = to_two_clocks},
    {.from = 2, .run = to_collections},
    {.from = 0},
};

/* --- Running them
 * --------------------------------------------------------------------------------- */

int dbx_upgrade_check(const char *dir, uint32_t version, uint32_t to, dbx_error *error) {
    if (version > to) {
        return dbx_error_set(error, DBX_EVERSION,
                             "%s was written by a newer DBX (format %" PRIu32
                             ", this one knows %" PRIu32 "): upgrade dbx-edge",
                             dir, version, to);
    }
    if (version == 0) {
        return dbx_error_set(error, DBX_ECORRUPT,
                             "%s/data.mdbx is damaged or not DBX's: restore it from a backup", dir);
    }
    return version < to;
}

static const dbx_upgrade_step *step_from(const dbx_upgrade_step *steps, uint32_t version) {
    while (steps->from != 0 && steps->from != version)
        steps++;
    return steps->from != 0 ? steps : NULL;
}

static int run_steps(dbx_upgrade *upgrade, const char *dir, dbx_slice format,
                     const dbx_upgrade_step *steps, uint32_t to, dbx_error *error) {
    static const uint8_t key[] = {DBX_TABLE_META, DBX_META_FORMAT};
    uint8_t record[DBX_FORMAT_RECORD_BYTES];
    memcpy(record, format.ptr, sizeof record);
    for (uint32_t version = dbx_load32(record); version < to; version++) {
        const dbx_upgrade_step *step = step_from(steps, version);
        int rc = step != NULL ? step->run(upgrade, error)
                              : dbx_error_set(error, DBX_EVERSION,
                                              "%s is of format %" PRIu32
                                              ", which this DBX does not know any more: open it "
                                              "with an older one first, which upgrades it",
                                              dir, version);
        if (rc != DBX_OK) return rc;
    }
    dbx_store32(record, to);
    return dbx_upgrade_put(upgrade, dbx_slice_of(key, sizeof key),
                           dbx_slice_of(record, sizeof record), error);
}

static int remove_checkpoints(const char *dir, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_checkpoint_span *spans;
    size_t count;
    dbx_checkpoint_tidy(dir, UINT64_MAX, false);
    int rc = dbx_checkpoint_list(dir, &spans, &count, error);
    dbx_alloc_free(spans);
    if (rc == DBX_OK) rc = dbx_file_path(path, dir, "checkpoint", error);
    if (rc == DBX_OK && count > 0) {
        rc = dbx_error_set(error, DBX_EIO, "%s: what is in it cannot be removed", path);
    }
    return rc == DBX_OK ? dbx_file_sync_dir(path, error) : rc;
}

int dbx_upgrade_run(dbx_env *env, const char *dir, dbx_slice format, const dbx_upgrade_step *steps,
                    uint32_t to, dbx_error *error) {
    dbx_upgrade upgrade = {.env = env};
    uint32_t from = dbx_load32(format.ptr);
    int rc = remove_checkpoints(dir, error);
    if (rc != DBX_OK) return rc;
    int begun = mdbx_txn_begin(env->env, NULL, MDBX_TXN_READWRITE, &upgrade.txn);
    if (begun != 0) return failed(env, begun, error);
    rc = run_steps(&upgrade, dir, format, steps, to, error);
    if (rc != DBX_OK) {
        (void)mdbx_txn_abort(upgrade.txn);
        return rc;
    }
    int committed = mdbx_txn_commit(upgrade.txn);
    if (committed != 0) return failed(env, committed, error);
    dbx_log(DBX_LOG_NOTICE, "%s was upgraded from format %" PRIu32 " to %" PRIu32, dir, from, to);
    return DBX_OK;
}
