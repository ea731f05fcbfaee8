/* store.c: opening, closing and turns: see store.h. */
#include "store/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/apply.h"
#include "store/checkpoint.h"
#include "store/early.h"
#include "store/file.h"
#include "store/frame.h"
#include "store/freeze.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/limits.h"
#include "store/lock.h"
#include "store/replay.h"
#include "store/scan.h"
#include "store/segment.h"
#include "store/upgrade.h"

enum {
    AHEAD_NOTED_MS = 1000,    /* the clock was set by more than this: the log says so */
    ENTRY_BYTES_TYPICAL = 80, /* sizes the filter: about a byte an entry of this size */
    LAG_US_MAX = 1000000,     /* `everysec`: older unsynced frames slow writers */
    LAG_DELAY_US = 10000
};

/* --- Clocks
 * --------------------------------------------------------------------------------------- */

static int64_t wall_now_ms(void) {
    int64_t wall_ms = dbx_clock_wall_ms();
    return wall_ms > 0 ? wall_ms : 0;
}

/* Begins database time where the last commit or frame had it, plus what has passed since then: as
 * far as wall time can tell, which is not at all when either end of it was read off a clock that
 * had not been set. */
static void start_clock(dbx_store *store) {
    const dbx_times *last = &store->last;
    int64_t wall_ms = wall_now_ms();
    int64_t since_ms = dbx_times_date_ms(*last);
    store->clock_base_ms = last->now_ms;
    if (last->now_ms == 0) {
        store->clock_base_ms = wall_ms > 0 ? wall_ms : 1;
    } else if (since_ms >= DBX_WALL_SET_MS && wall_ms > since_ms) {
        store->clock_base_ms += wall_ms - since_ms;
    }
    store->boot_ahead_ms = store->clock_base_ms - dbx_clock_boot_ms();
    store->wall_ahead_ms = store->noted_ahead_ms = wall_ms - store->clock_base_ms;
    if (last->now_ms != 0 && wall_ms >= DBX_WALL_SET_MS) {
        store->noted_ahead_ms = last->wall_ms - last->now_ms; /* a step while it was closed, too */
    }
}

int64_t dbx_store_now_ms(dbx_store *store) {
    int64_t now_ms = dbx_clock_boot_ms() + store->boot_ahead_ms;
    if (now_ms > store->clock_base_ms) store->clock_base_ms = now_ms;
    store->wall_ahead_ms = wall_now_ms() - store->clock_base_ms;
    return store->clock_base_ms;
}

int64_t dbx_store_read_ms(const dbx_store *store) {
    return store->clock_base_ms;
}

int64_t dbx_store_wall_ahead_ms(const dbx_store *store) {
    return store->wall_ahead_ms;
}

/* The clock was set: a frame that changes nothing says what both say now, so that the next start
 * does not take the step for time that has passed. */
static void note_step(dbx_store *store) {
    int64_t step_ms = store->wall_ahead_ms - store->noted_ahead_ms;
    const dbx_slice nothing[] = {dbx_slice_str("SELECT"), dbx_slice_str("0")};
    dbx_error error;
    if (step_ms >= -AHEAD_NOTED_MS && step_ms <= AHEAD_NOTED_MS) return;
    store->noted_ahead_ms = store->wall_ahead_ms; /* tried once; any later frame says it as well */
    dbx_txn *txn = dbx_store_turn_begin(store, store->clock_base_ms);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    int rc = dbx_txn_effect(txn, 0, sizeof nothing / sizeof *nothing, nothing);
    if (rc != DBX_OK) dbx_txn_command_undo(txn, savepoint);
    dbx_txn_command_end(txn, savepoint);
    if (dbx_store_turn_end(store, &error) != DBX_OK) dbx_log(DBX_LOG_WARNING, "%s", error.text);
}

/* --- Opening
 * -------------------------------------------------------------------------------------- */

/* Who waits for an owner's end tries again and again, while the next one is starting on the same
 * processors: so nothing that takes time comes before the lock. */
static int begin_open(dbx_store *store, dbx_error *error) {
    const dbx_store_options *o = &store->options;
    if (o->buffer_bytes != 0 && o->buffer_bytes < DBX_BUFFER_BYTES_ASKED_MIN) {
        return dbx_error_set(error, DBX_EINVAL,
                             "a write buffer of %zu bytes is too small: ask for %d or more, or 0 "
                             "for what suits the machine",
                             o->buffer_bytes, (int)DBX_BUFFER_BYTES_ASKED_MIN);
    }
    if (o->buffer_bytes > DBX_BUFFER_BYTES_ASKED_MAX) {
        return dbx_error_set(error, DBX_EINVAL,
                             "a write buffer of %zu bytes is too large: ask for %" PRIu64
                             " or less",
                             o->buffer_bytes, DBX_BUFFER_BYTES_ASKED_MAX);
    }
    if (o->path == NULL) return DBX_OK;
    int rc = dbx_file_mkdir(o->path, error);
    return rc == DBX_OK ? dbx_lock_take(o->path, o->socket, o->server, &store->lock, error) : rc;
}

static void set_bounds(dbx_store *store) {
    dbx_store_options *o = &store->options;
    size_t bytes = o->buffer_bytes;
    if (bytes == 0) {
        uint64_t share = dbx_memory_limit() / 16;
        bytes = share > DBX_BUFFER_BYTES_MAX ? DBX_BUFFER_BYTES_MAX : (size_t)share;
        if (bytes < DBX_BUFFER_BYTES_MIN) bytes = DBX_BUFFER_BYTES_MIN;
    }
    store->buffer_bytes_max = bytes;
    store->filter_bytes = o->path == NULL ? 0 : bytes / ENTRY_BYTES_TYPICAL;
    if (o->checkpoint_us == 0) o->checkpoint_us = DBX_CHECKPOINT_US_DEFAULT;
    if (o->buffer_age_ms == 0) o->buffer_age_ms = DBX_BUFFER_AGE_MS_DEFAULT;
    if (o->autovacuum_ms == 0) o->autovacuum_ms = DBX_AUTOVACUUM_MS_DEFAULT;
}

static void free_store(dbx_store *store) {
    dbx_error ignored;
    atomic_store(&store->keep_spools, true);
    dbx_applier_close(store->applier);
    if (store->journal != NULL) (void)dbx_journal_close(store->journal, &ignored);
    dbx_checkpoint_stop(store);
    dbx_buffer_unref(store->live.active);
    dbx_buffer_unref(store->live.frozen);
    dbx_arena_pool_free(store->pool);
    dbx_cursor_forget_idle(store);
    dbx_snapshot_close(store->live.below);
    dbx_env_close(store->env, false);
    dbx_lock_release(store->lock, false);
    for (int i = 0; i < DBX_MEMOS; i++) {
        if (store->txn.memos[i].memo != NULL) store->txn.memos[i].release(store->txn.memos[i].memo);
    }
    dbx_undo_free(&store->txn.undo);
    dbx_buf_free(&store->txn.effects);
    dbx_buf_free(&store->txn.head);
    dbx_buf_free(&store->txn.delta);
    dbx_scratch_free(&store->live.scratch);
    dbx_alloc_free(store->txn.groups);
    dbx_scan_table_free(store->scans);
    dbx_alloc_free(store->dbs);
    dbx_alloc_free(store->path);
    dbx_alloc_free(store);
}

/* The format record: written into a new file, checked in an old one, which is upgraded. */
static int check_format(dbx_store *store, dbx_error *error) {
    uint8_t key[2] = {DBX_TABLE_META, DBX_META_FORMAT}, value[DBX_FORMAT_RECORD_BYTES];
    dbx_slice k = dbx_slice_of(key, sizeof key), found;
    int rc = dbx_snapshot_get(store->live.below, k, &found);
    if (rc == DBX_ENOTFOUND) {
        dbx_store32(value, DBX_FORMAT_VERSION);
        dbx_store32(value + 4, DBX_PAGE_BYTES);
        dbx_store64(value + 8, (uint64_t)dbx_clock_wall_ms());
        rc = dbx_rand_bytes(store->seed, sizeof store->seed);
        if (rc != DBX_OK) return dbx_error_set(error, rc, "the system gives no random numbers");
        memcpy(value + 16, store->seed, sizeof store->seed);
        rc = dbx_apply_put_now(store->env, k, dbx_slice_of(value, sizeof value), error);
        return rc != DBX_OK ? rc : dbx_snapshot_renew(store->live.below);
    }
    if (rc != DBX_OK || found.len < DBX_FORMAT_RECORD_BYTES) {
        return dbx_error_set(error, DBX_ECORRUPT,
                             "%s/data.mdbx is damaged or not DBX's: restore it from a backup",
                             store->options.path);
    }
    int older =
        dbx_upgrade_check(store->options.path, dbx_load32(found.ptr), DBX_FORMAT_VERSION, error);
    if (older < 0) return older;
    memcpy(store->seed, found.ptr + 16, sizeof store->seed);
    if (!older) return DBX_OK;
    rc = dbx_upgrade_run(store->env, store->options.path, found, dbx_upgrade_steps,
                         DBX_FORMAT_VERSION, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_snapshot_renew(store->live.below);
    return rc == DBX_OK ? rc : dbx_error_set(error, rc, "cannot read what was upgraded");
}

static int has_log(const char *dir, bool *has, dbx_error *error) {
    char journal[DBX_PATH_MAX];
    dbx_segment_file *files = NULL;
    size_t count = 0;
    int rc = dbx_file_path(journal, dir, "journal", error);
    if (rc == DBX_OK) rc = dbx_segment_list(journal, &files, &count, error);
    *has = false;
    for (size_t i = 0; i < count; i++)
        *has = *has || files[i].header.run != 0;
    dbx_alloc_free(files);
    return rc;
}

/* data.mdbx is durable before there is a log. Without one, a damaged data.mdbx is a first start
 * that was cut off, and is made anew. */
static int check_data(const char *dir, const char *path, dbx_error *error) {
    bool needed;
    int rc = has_log(dir, &needed, error);
    if (rc != DBX_OK || !needed) return rc;
    int fd = dbx_file_exists(path) ? dbx_file_open(path, O_RDONLY, error) : -1;
    if (fd < 0 && dbx_file_exists(path)) return fd;
    int64_t size = fd >= 0 ? dbx_file_size(fd, path, error) : 0;
    if (fd >= 0) (void)close(fd);
    if (size < 0) return (int)size;
    if (size > 0) return dbx_env_look(path, error);
    return dbx_error_set(error, DBX_ECORRUPT,
                         "%s is missing or empty, but its journal is there: restore the directory "
                         "from a backup, or move it away to start empty",
                         path);
}

static int make_folder(const char *dir, const char *name, dbx_error *error) {
    char path[DBX_PATH_MAX];
    int rc = dbx_file_path(path, dir, name, error);
    return rc != DBX_OK ? rc : dbx_file_mkdir(path, error);
}

static int open_files(dbx_store *store, dbx_error *error) {
    char path[DBX_PATH_MAX];
    dbx_applied applied = {0};
    const dbx_store_options *o = &store->options;
    int rc = dbx_room_open(store, error);
    if (rc == DBX_OK) rc = dbx_file_path(path, o->path, "data.mdbx", error);
    if (rc == DBX_OK) rc = check_data(o->path, path, error);
    /* A first start that was cut off may have left a directory whose name is not durable. */
    if (rc == DBX_OK && !dbx_file_exists(path)) rc = dbx_file_sync_name(o->path, error);
    if (rc == DBX_OK) rc = dbx_env_open(path, &store->env, error);
    if (rc == DBX_OK) rc = make_folder(o->path, "spool", error);
    if (rc == DBX_OK) rc = make_folder(o->path, "checkpoint", error);
    if (rc == DBX_OK) rc = dbx_file_sync_dir(o->path, error);
    if (rc == DBX_OK && dbx_snapshot_open(store->env, &store->live.below) != DBX_OK) {
        rc = dbx_error_set(error, DBX_EIO, "cannot read %s", path);
    }
    if (rc == DBX_OK) rc = check_format(store, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_apply_read_position(store->live.below, &applied);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) {
        return dbx_error_set(error, rc, "%s cannot be read or is damaged", path);
    }
    store->applied_position = store->frozen_position = store->replay_position = applied.position;
    store->run = applied.run + 1;
    store->saved_position = applied.position;
    store->checkpoint_due_us = o->checkpoint_us;
    store->last = applied.times;
    rc = dbx_checkpoint_load(store, error);
    if (rc != DBX_OK) return rc;
    start_clock(store);
    rc = dbx_freeze_load(store, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_early_load(store);
    if (rc != DBX_OK) return dbx_error_set(error, rc, "%s cannot be read or is damaged", path);
    rc = dbx_applier_open(store->env, o->path, o->on_progress, o->arg, &store->applier, error);
    if (rc == DBX_OK) dbx_store_set_autovacuum(store, !o->no_autovacuum, o->autovacuum_ms);
    return rc;
}

/* The caller's path need not outlive the call. */
static int keep_path(dbx_store *store) {
    if (store->options.path == NULL) return DBX_OK;
    size_t size = strlen(store->options.path) + 1;
    store->path = dbx_alloc(size);
    if (store->path == NULL) return DBX_ENOMEM;
    memcpy(store->path, store->options.path, size);
    store->options.path = store->path;
    return DBX_OK;
}

int dbx_store_open(const dbx_store_options *options, dbx_store **out, dbx_error *error) {
    dbx_store *store = dbx_alloc_zero(1, sizeof *store);
    if (store == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    store->options = *options;
    store->txn.store = store;
    dbx_early_end(&store->txn);
    store->live.store = store;
    store->live.active_epoch = DBX_EPOCH_LIVE;
    int rc = begin_open(store, error);
    if (rc != DBX_OK) {
        dbx_alloc_free(store);
        return rc;
    }
    set_bounds(store);
    dbx_rand_seed(&store->rand);
    store->dbs = dbx_alloc_zero(options->databases, sizeof *store->dbs);
    store->pool = dbx_arena_pool_new();
    store->live.active = dbx_buffer_new(store->filter_bytes, store->pool);
    store->scans = dbx_scan_table_new();
    if (keep_path(store) != DBX_OK || store->dbs == NULL || store->pool == NULL ||
        store->live.active == NULL || store->scans == NULL) {
        rc = dbx_error_set(error, DBX_ENOMEM, "out of memory");
    } else {
        store->next_id = DBX_FIRST_ID;
        start_clock(store);
        if (options->path != NULL) rc = open_files(store, error);
        /* Every freeze saves all databases, so one that was not saved has nothing in MDBX. */
        for (uint32_t i = 0; i < options->databases; i++) {
            if (store->dbs[i].ns == 0) store->dbs[i].ns = store->next_id++;
        }
    }
    if (rc != DBX_OK) {
        free_store(store);
        return rc;
    }
    *out = store;
    return DBX_OK;
}

dbx_store_options dbx_store_bounds(const dbx_store *store) {
    dbx_store_options bounds = store->options;
    bounds.buffer_bytes = store->buffer_bytes_max;
    return bounds;
}

int dbx_store_replay(dbx_store *store, const dbx_replay_calls *calls, dbx_error *error) {
    if (store->env == NULL) return DBX_OK;
    int rc = dbx_spools_prepare(store, error);
    if (rc == DBX_OK) rc = dbx_replay_run(store, calls, error);
    if (rc != DBX_OK) return rc;
    start_clock(store);
    dbx_scan_table_set_run(store->scans, store->run);
    const dbx_store_options *o = &store->options;
    dbx_journal_options journal = {.dir = o->path,
                                   .durability = o->durability,
                                   .run = store->run,
                                   .position = store->replay_position,
                                   .turn = store->replay_turn,
                                   .segment_bytes = (size_t)store->room.segment_bytes,
                                   .keep_bytes = o->journal_keep_bytes,
                                   .on_progress = o->on_progress,
                                   .arg = o->arg};
    rc = dbx_journal_open(&journal, &store->journal, error);
    if (rc == DBX_OK) rc = dbx_spools_tidy(store, error);
    if (rc == DBX_OK) dbx_room_look(store);
    return rc;
}

/* --- Closing
 * -------------------------------------------------------------------------------------- */

int dbx_store_close(dbx_store *store, dbx_error *error) {
    int rc = DBX_OK;
    atomic_store(&store->keep_spools, true);
    dbx_applier_close(store->applier);
    store->applier = NULL;
    if (store->journal != NULL) rc = dbx_journal_close(store->journal, error);
    store->journal = NULL;
    free_store(store);
    return rc;
}

void dbx_store_close_forked(dbx_store *store) {
    if (store->journal != NULL) dbx_journal_close_forked(store->journal);
    dbx_env_close(store->env, true);
    dbx_lock_release(store->lock, true);
}

/* --- Turns
 * ---------------------------------------------------------------------------------------- */

dbx_txn *dbx_store_turn_begin(dbx_store *store, int64_t now_ms) {
    dbx_txn *txn = &store->txn;
    static const uint8_t room[DBX_FRAME_HEADER_BYTES];
    txn->now_ms = now_ms;
    txn->wall_ms = now_ms + store->wall_ahead_ms;
    txn->effects.len = 0;
    txn->effects.failed = false;
    dbx_buf_shrink(&txn->effects, DBX_FRAME_BYTES_MAX);
    dbx_buf_add(&txn->effects, room, sizeof room);
    txn->effects_db = 0;
    txn->group_count = 0;
    txn->effect_count = 0;
    dbx_freeze_step(store);
    return txn;
}

static void undo_turn(dbx_store *store) {
    store->txn.undone++;
    dbx_ends_forget(&store->ends);
    dbx_undo_revert(&store->txn.undo, store->live.active, 0);
    dbx_undo_settle(&store->txn.undo, store->live.active);
}

void dbx_store_spent(dbx_store *store, int64_t us) {
    store->spent_us += us;
}

static int append(dbx_store *store, dbx_error *why) {
    dbx_txn *txn = &store->txn;
    return dbx_journal_append(store->journal, &txn->effects, txn->groups, txn->group_count,
                              txn->effect_count, dbx_txn_times(txn), why);
}

int dbx_store_turn_end(dbx_store *store, dbx_error *error) {
    dbx_txn *txn = &store->txn;
    store->turns++;
    if (txn->effects.failed) {
        undo_turn(store);
        return dbx_error_set(error, DBX_ENOMEM, "OOM not enough memory for the journal");
    }
    if (txn->effects.len > DBX_FRAME_HEADER_BYTES) {
        dbx_error why;
        int rc = append(store, &why);
        if (rc == DBX_ENOSPC && dbx_room_give(store)) rc = append(store, &why);
        if (rc != DBX_OK) {
            undo_turn(store);
            return dbx_error_set(error, rc, "MISCONF the journal cannot be written: %s", why.text);
        }
        store->effects += txn->effect_count;
        store->noted_ahead_ms = txn->wall_ms - txn->now_ms;
        dbx_room_written(store);
    }
    dbx_undo_settle(&txn->undo, store->live.active);
    return DBX_OK;
}

int64_t dbx_store_tick(dbx_store *store) {
    dbx_txn *txn = &store->txn;
    if (store->applier == NULL) return -1; /* in memory */
    txn->now_ms = dbx_store_now_ms(store);
    txn->wall_ms = txn->now_ms + store->wall_ahead_ms;
    dbx_freeze_step(store);
    if (store->journal != NULL) note_step(store);
    return dbx_freeze_wait_ms(store);
}

uint64_t dbx_store_position(const dbx_store *store) {
    return store->journal != NULL ? dbx_journal_position(store->journal) : 0;
}

uint64_t dbx_store_durable(dbx_store *store) {
    return store->journal != NULL ? dbx_journal_durable(store->journal) : UINT64_MAX;
}

int dbx_store_wait_durable(dbx_store *store, uint64_t position) {
    return store->journal != NULL ? dbx_journal_wait(store->journal, position) : DBX_OK;
}

bool dbx_store_push(dbx_store *store) {
    return store->journal != NULL && dbx_journal_push(store->journal);
}

uint32_t dbx_store_write_delay_us(dbx_store *store) {
    if (store->journal == NULL) return 0;
    uint32_t delay_us = dbx_freeze_delay_us(store);
    if (store->options.durability == DBX_DURABILITY_EVERYSEC && delay_us < LAG_DELAY_US &&
        dbx_journal_lag_us(store->journal) > LAG_US_MAX + LAG_US_MAX / 2) {
        delay_us = LAG_DELAY_US;
    }
    store->write_stalls += delay_us > 0;
    return delay_us;
}

int dbx_store_writable(dbx_store *store, dbx_error *error) {
    dbx_error why;
    dbx_applier_stats applier;
    if (store->journal == NULL) return DBX_OK;
    bool full = dbx_room_full(store); /* looks: an apply may wait for room */
    if (dbx_journal_refused(store->journal, &why)) {
        return dbx_error_set(error, DBX_EREADONLY,
                             "MISCONF writes are refused until what was written is applied: %s",
                             why.text);
    }
    if (full) {
        return dbx_error_set(error, DBX_ENOSPC, "%s", DBX_DISK_FULL_TEXT);
    }
    /* Writers have been slowed down for long; only a stuck applier lets it come to this. */
    const dbx_buffer *active = store->live.active;
    size_t bound = store->buffer_bytes_max;
    if (store->live.frozen == NULL ||
        (dbx_buffer_fill(active) < DBX_BUFFER_FULL_BYTES(bound) &&
         active->spool_bytes < 2 * DBX_SPOOLED_BYTES(bound) &&
         dbx_journal_position(store->journal) - store->frozen_position <
             DBX_BUFFER_FULL_BYTES(store->options.journal_bytes))) {
        return DBX_OK;
    }
    dbx_applier_get_stats(store->applier, &applier);
    return dbx_error_set(error, DBX_ENOSPC, "MISCONF the write buffer is full: %s",
                         applier.last_error[0] != '\0' ? applier.last_error
                                                       : "the disk does not keep up");
}

void dbx_store_set_durability(dbx_store *store, dbx_durability durability) {
    store->options.durability = durability;
    if (store->journal != NULL) dbx_journal_set_durability(store->journal, durability);
}

void dbx_store_set_disk_warning(dbx_store *store, uint64_t bytes) {
    store->room.warning_bytes = bytes;
}

uint64_t dbx_store_freeze(dbx_store *store, bool hurry) {
    bool empty = store->live.active->oldest_ms == 0;
    if (store->applier == NULL || (empty && store->live.frozen == NULL)) return 0;
    uint64_t number = store->freezes + (empty ? 0 : 1);
    if (!empty) store->freeze_wanted = true;
    if (hurry) store->hurried_freeze = number;
    return number;
}

bool dbx_store_saved(const dbx_store *store, uint64_t number) {
    if (store->live.frozen != NULL) return number < store->freezes;
    /* What was to be frozen may have been taken back since. */
    return number <= store->freezes || store->live.active->oldest_ms == 0;
}

uint64_t dbx_store_hurry(dbx_store *store) {
    if (store->live.frozen == NULL) return 0;
    store->hurried_freeze = store->freezes;
    return store->freezes;
}

uint64_t dbx_store_vacuum(dbx_store *store) {
    return store->applier != NULL ? dbx_applier_vacuum(store->applier) : 0;
}

bool dbx_store_vacuumed(const dbx_store *store, uint64_t number) {
    return number == 0 || dbx_applier_vacuumed(store->applier, number);
}

void dbx_store_set_autovacuum(dbx_store *store, bool enabled, int64_t interval_ms) {
    store->options.no_autovacuum = !enabled;
    store->options.autovacuum_ms = interval_ms;
    if (store->applier != NULL) {
        dbx_applier_set_autovacuum(store->applier, enabled, interval_ms * 1000);
    }
}

uint64_t dbx_store_apply_failures(const dbx_store *store) {
    dbx_applier_stats stats = {.failures = 0};
    if (store->applier != NULL) dbx_applier_get_stats(store->applier, &stats);
    return stats.failures;
}
