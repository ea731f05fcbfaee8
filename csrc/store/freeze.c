/* freeze.c: see freeze.h. */
#include "store/freeze.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "store/apply.h"
#include "store/checkpoint.h"
#include "store/early.h"
#include "store/journal.h"
#include "store/limits.h"
#include "store/scan.h"

enum {
    DB_BYTES = 24,
    FINISH_RETRY_MS = 100,
    ANEW_RETRY_MS = 1000, /* between two attempts to begin a refused journal anew */
    KEEP_MS = 10000,      /* without a chunk more in the active buffer: see release_memory() */
    BUSY_PART = 8, /* of a buffer, filled while the one before was applied: see keep_memory() */
    DELAY_US_MAX = 100000,
    DELAY_FROM_PERCENT = 75 /* of a bound, while an apply is going on */
};

/* --- State that is saved with a freeze
 * ------------------------------------------------------------ */

static int save(dbx_store *store, const uint8_t *key, size_t key_len, dbx_slice value) {
    dbx_slice k = dbx_slice_of(key, key_len), none = {NULL, 0};
    uint64_t hash = dbx_buffer_hash(k);
    dbx_buffer *active = store->live.active;
    dbx_ends_put(&store->ends, k);
    return dbx_buffer_put(active, &store->txn.undo, k, hash, dbx_buffer_find(active, k, hash), none,
                          value, DBX_ENTRY_BELOW, NULL);
}

static size_t meta_key(uint8_t out[6], enum dbx_meta_key what, uint32_t number) {
    out[0] = DBX_TABLE_META;
    out[1] = (uint8_t)what;
    dbx_store32_be(out + 2, number);
    return 6;
}

static int save_scans(dbx_store *store) {
    uint8_t key[6];
    uint32_t slot;
    uint64_t cursor;
    dbx_slice name;
    int rc = DBX_OK;
    dbx_buf value = {0};
    while (rc == DBX_OK && dbx_scan_table_dirty(store->scans, &slot, &cursor, &name)) {
        uint8_t number[8];
        dbx_store64(number, cursor);
        value.len = 0;
        dbx_buf_add(&value, number, sizeof number);
        dbx_buf_add(&value, name.ptr, name.len);
        rc = value.failed
                 ? DBX_ENOMEM
                 : save(store, key, meta_key(key, DBX_META_SCAN, slot), dbx_buf_slice(&value));
    }
    dbx_buf_free(&value);
    return rc;
}

int dbx_freeze_save(dbx_store *store) {
    uint8_t key[6], value[DB_BYTES];
    dbx_store64(value, store->next_id);
    int rc = save(store, key, meta_key(key, DBX_META_NEXT_ID, 0), dbx_slice_of(value, 8));
    dbx_store64(value, store->last_spool);
    if (rc == DBX_OK) {
        rc = save(store, key, meta_key(key, DBX_META_SPOOL, 0), dbx_slice_of(value, 8));
    }
    for (uint32_t i = 0; rc == DBX_OK && i < store->options.databases; i++) {
        dbx_store64(value, store->dbs[i].ns);
        dbx_store64(value + 8, store->dbs[i].keys);
        dbx_store64(value + 16, store->dbs[i].expires);
        rc = save(store, key, meta_key(key, DBX_META_DB, i), dbx_slice_of(value, sizeof value));
    }
    if (rc == DBX_OK) rc = save_scans(store);
    return rc;
}

static int load_db(dbx_store *store, dbx_slice key, dbx_slice value, dbx_error *error) {
    uint32_t number = (uint32_t)key.ptr[2] << 24 | (uint32_t)key.ptr[3] << 16 |
                      (uint32_t)key.ptr[4] << 8 | key.ptr[5];
    if (value.len != DB_BYTES) return DBX_ECORRUPT;
    dbx_db db = {.ns = dbx_load64(value.ptr),
                 .keys = dbx_load64(value.ptr + 8),
                 .expires = dbx_load64(value.ptr + 16)};
    if (number < store->options.databases) {
        store->dbs[number] = db;
    } else if (db.keys > 0) {
        return dbx_error_set(error, DBX_EINVAL,
                             "database %u holds keys, but only %u databases are configured: raise "
                             "databases to %u",
                             number, store->options.databases, number + 1);
    }
    return DBX_OK;
}

static int load_one(dbx_store *store, dbx_slice key, dbx_slice value, dbx_error *error) {
    if (key.len != 6) return DBX_OK; /* format and position are read elsewhere */
    switch ((enum dbx_meta_key)key.ptr[1]) {
    case DBX_META_NEXT_ID:
        if (value.len != 8) return DBX_ECORRUPT;
        store->next_id = dbx_load64(value.ptr);
        return DBX_OK;
    case DBX_META_SPOOL:
        if (value.len != 8) return DBX_ECORRUPT;
        store->last_spool = dbx_load64(value.ptr);
        return DBX_OK;
    case DBX_META_DB:
        return load_db(store, key, value, error);
    case DBX_META_SCAN:
        if (value.len < 8) return DBX_ECORRUPT;
        dbx_scan_table_restore(store->scans, (uint32_t)key.ptr[4] << 8 | key.ptr[5],
                               dbx_load64(value.ptr), dbx_slice_of(value.ptr + 8, value.len - 8));
        return DBX_OK;
    case DBX_META_FORMAT:
    case DBX_META_POSITION:
        break;
    }
    return DBX_OK;
}

int dbx_freeze_load(dbx_store *store, dbx_error *error) {
    uint8_t tag = DBX_TABLE_META;
    dbx_cursor *cursor = dbx_cursor_open(&store->live, dbx_slice_of(&tag, 1));
    if (cursor == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK) {
        rc = load_one(store, dbx_cursor_key(cursor), dbx_cursor_value(cursor), error);
        if (rc == DBX_OK) rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    if (rc == DBX_ECORRUPT) {
        return dbx_error_set(error, rc, "%s/data.mdbx is damaged: restore it from a backup",
                             store->options.path);
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* --- Freezing
 * ------------------------------------------------------------------------------------- */

static uint64_t position_now(const dbx_store *store) {
    return store->journal != NULL ? dbx_journal_position(store->journal) : store->replay_position;
}

static bool refused(const dbx_store *store) {
    return store->journal != NULL && dbx_journal_refused(store->journal, NULL);
}

/* Applied in small pieces while there is little room, each finds the pages that the one before gave
 * up; a replay has none to lose. */
static bool short_of_room(const dbx_store *store) {
    if (store->journal == NULL) return false;
    return store->room.full || dbx_room_need(store, store->live.active) >= dbx_room_share(store);
}

static bool time_to_freeze(const dbx_store *store) {
    const dbx_buffer *active = store->live.active;
    /* Applying everything is the way out of a refused journal, even when there is nothing to apply.
     */
    if (refused(store)) return store->txn.now_ms >= store->anew_at_ms;
    if (active->oldest_ms == 0) return false; /* nothing in it */
    return store->freeze_wanted || dbx_buffer_fill(active) >= store->buffer_bytes_max ||
           active->spool_bytes >= store->buffer_bytes_max ||
           position_now(store) - store->frozen_position >= dbx_room_journal_bytes(store) ||
           short_of_room(store) || store->spent_us >= DBX_SPENT_US_MAX ||
           store->txn.now_ms - active->oldest_ms >= (int64_t)store->options.buffer_age_ms;
}

static void freeze(dbx_store *store) {
    dbx_buffer *next = dbx_buffer_new(store->filter_bytes, store->pool);
    if (next == NULL || dbx_freeze_save(store) != DBX_OK) {
        /* No memory now: what was saved is harmless, and the next turn tries again. */
        dbx_undo_settle(&store->txn.undo, store->live.active);
        dbx_buffer_unref(next);
        return;
    }
    dbx_undo_settle(&store->txn.undo, store->live.active);
    dbx_applied applied = {.position = position_now(store),
                           .run = store->run,
                           .times = dbx_txn_times(&store->txn),
                           .base = store->frozen_position};
    dbx_checkpoint_freeze(store, &applied);
    store->live.frozen = store->live.active;
    store->live.active = next;
    store->freeze_wanted = false;
    store->freezes++;
    store->anew_at_ms = store->txn.now_ms + ANEW_RETRY_MS;
    store->frozen_position = applied.position;
    dbx_view_compare(&store->live, store->frozen_position);
    store->spent_us = 0;
    dbx_applier_start(store->applier, store->live.frozen, &applied, store->journal);
}

/* While much is written, the active buffer will soon need what the frozen one had. Both together
 * stay near twice the bound. */
static void keep_memory(dbx_store *store, const dbx_buffer *frozen) {
    const dbx_buffer *active = store->live.active;
    size_t bound = store->buffer_bytes_max, keep = frozen->arena.mapped;
    size_t left = active->arena.mapped < 2 * bound ? 2 * bound - active->arena.mapped : 0;
    if (keep > bound) keep = bound;
    if (keep > left) keep = left;
    if (dbx_buffer_fill(active) < bound / BUSY_PART) keep = 0;
    dbx_arena_pool_keep(store->pool, keep);
    bool any = keep > 0 || dbx_arena_pool_bytes(store->pool) > 0;
    store->kept_ms = any ? store->txn.now_ms : 0;
    store->kept_beside = active->arena.mapped;
}

/* Memory that was kept for writes that do not come goes back to the system, a little a turn. */
static void release_memory(dbx_store *store) {
    size_t mapped = store->live.active->arena.mapped;
    if (store->kept_ms == 0) return;
    bool more = dbx_arena_pool_trim(store->pool);
    if (store->txn.now_ms - store->kept_ms < KEEP_MS) return;
    if (mapped != store->kept_beside) {
        store->kept_ms = store->txn.now_ms;
        store->kept_beside = mapped;
        return;
    }
    dbx_arena_pool_keep(store->pool, 0);
    if (!more && dbx_arena_pool_bytes(store->pool) == 0) store->kept_ms = 0;
}

/* When release_memory() is to be called again; -1: it has nothing to do. */
static int64_t release_wait_ms(const dbx_store *store) {
    if (store->kept_ms == 0) return -1;
    int64_t left_ms = store->kept_ms + KEEP_MS - store->txn.now_ms;
    return left_ms > 0 ? left_ms : 0;
}

static int renew(dbx_store *store) {
    int rc = dbx_snapshot_renew(store->live.below);
    dbx_view_compare(&store->live, store->frozen_position);
    return rc;
}

/* The frozen buffer is durably in MDBX: see it there, then let the buffer and its journal go. */
static void finish_apply(dbx_store *store) {
    dbx_error error;
    dbx_buffer *frozen = store->live.frozen;
    dbx_cursor_forget_idle(store);
    if (renew(store) != DBX_OK || !store->live.frozen_below) {
        store->finish_wanted = true; /* the frozen buffer stays; tried again */
        return;
    }
    store->finish_wanted = false;
    dbx_applier_seen(store->applier);
    store->live.frozen = NULL;
    store->live.frozen_below = false;
    store->applied_position = store->frozen_position;
    keep_memory(store, frozen);
    if (frozen->refs == 1) {
        dbx_applier_bury(store->applier, frozen);
    } else {
        frozen->arena.pool = NULL; /* views keep it: nobody knows who needs memory when they end */
        dbx_buffer_unref(frozen);
    }
    if (store->journal != NULL &&
        dbx_journal_applied(store->journal, store->applied_position, &error) != DBX_OK) {
        dbx_log(DBX_LOG_WARNING, "%s", error.text);
    }
}

/* The way on after a failed sync of data.mdbx: it is opened anew, and the frozen buffer committed
 * again. Views hold the old environment; they end in a bounded time. */
static void mend(dbx_store *store) {
    dbx_error error;
    if (store->view_count > 0 || store->txn.now_ms < store->mend_at_ms) return;
    store->mend_at_ms = store->txn.now_ms + FINISH_RETRY_MS;
    dbx_cursor_forget_idle(store);
    dbx_snapshot_let_go(store->live.below);
    if (dbx_env_reopen(store->env, &error) != DBX_OK) {
        dbx_log(DBX_LOG_WARNING, "%s; trying again", error.text);
        return;
    }
    if (renew(store) != DBX_OK) return;
    dbx_applier_mended(store->applier);
}

/* What the active buffer may hold while an apply goes on. What a start has loaded may be two
 * buffers in one: both together stay near twice the bound. */
static uint64_t active_bound(const dbx_store *store) {
    uint64_t bound = store->buffer_bytes_max, frozen = dbx_buffer_fill(store->live.frozen);
    if (frozen <= bound) return bound;
    uint64_t left = frozen < 2 * bound ? 2 * bound - frozen : 0;
    return left > bound / 4 ? left : bound / 4;
}

void dbx_freeze_step(dbx_store *store) {
    if (store->applier == NULL) return;
    if (dbx_applier_broken(store->applier) && store->journal != NULL) mend(store);
    if (store->finish_wanted) finish_apply(store);
    if (dbx_applier_committed(store->applier)) {
        dbx_room_feed(store);
        if (dbx_applier_collect(store->applier)) {
            finish_apply(store);
        } else {
            dbx_cursor_forget_idle(store);
            (void)renew(store);
            dbx_applier_seen(store->applier);
        }
        if (store->room.full) dbx_room_look(store);
    }
    if (dbx_applier_lacks_room(store->applier)) dbx_room_starve(store);
    if (store->room.full != store->urged) {
        store->urged = store->room.full;
        dbx_applier_urge(store->applier, store->urged);
    }
    dbx_early_retire(store);
    if (store->live.frozen == NULL && time_to_freeze(store)) freeze(store);
    release_memory(store);
    dbx_checkpoint_step(store);
    if (store->live.frozen != NULL) {
        uint64_t filled = dbx_buffer_fill(store->live.active) * DBX_APPLY_WHOLE;
        bool hurry = store->hurried_freeze >= store->freezes;
        dbx_applier_tell(store->applier, hurry ? DBX_APPLY_WHOLE : filled / active_bound(store));
    }
}

static int64_t freeze_wait_ms(const dbx_store *store) {
    const dbx_buffer *active = store->live.active;
    if (dbx_checkpoint_busy(store)) return 0;
    if (dbx_applier_broken(store->applier)) return FINISH_RETRY_MS;
    if (refused(store) && store->live.frozen == NULL) return FINISH_RETRY_MS;
    if (active->oldest_ms == 0) return -1;
    if (store->live.frozen != NULL && !store->finish_wanted) return -1; /* its end will wake us */
    if (store->finish_wanted) return FINISH_RETRY_MS;
    int64_t age_ms = store->txn.now_ms - active->oldest_ms;
    int64_t left_ms = (int64_t)store->options.buffer_age_ms - age_ms;
    return left_ms > 0 ? left_ms : 0;
}

int64_t dbx_freeze_wait_ms(const dbx_store *store) {
    if (store->applier == NULL) return -1;
    int64_t freeze_ms = freeze_wait_ms(store), release_ms = release_wait_ms(store);
    return release_ms < 0 || (freeze_ms >= 0 && freeze_ms < release_ms) ? freeze_ms : release_ms;
}

static uint64_t greater_percent(uint64_t percent, uint64_t part, uint64_t whole) {
    uint64_t other = part * 100 / whole;
    return other > percent ? other : percent;
}

uint32_t dbx_freeze_delay_us(const dbx_store *store) {
    const dbx_buffer *active = store->live.active;
    uint64_t bound = store->buffer_bytes_max, log = position_now(store) - store->frozen_position;
    if (store->live.frozen == NULL) return 0;
    uint64_t percent = greater_percent(0, dbx_buffer_fill(active), active_bound(store));
    percent = greater_percent(percent, log, dbx_room_journal_bytes(store));
    percent = greater_percent(percent, dbx_room_need(store, active), dbx_room_share(store));
    percent = greater_percent(percent, (uint64_t)store->spent_us, DBX_SPENT_US_MAX);
    percent = greater_percent(percent, active->spool_bytes, DBX_SPOOLED_BYTES(bound));
    if (percent <= DELAY_FROM_PERCENT) return 0;
    /* Doubles every five percent, from 20 us: imperceptible at first, a wall before twice the
     * bound. */
    uint64_t doublings = (percent - DELAY_FROM_PERCENT) / 5;
    if (doublings >= 13) return DELAY_US_MAX;
    uint64_t delay_us = (uint64_t)20 << doublings;
    return delay_us < DELAY_US_MAX ? (uint32_t)delay_us : DELAY_US_MAX;
}
