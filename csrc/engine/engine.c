/* engine.c: the engine as a whole: opening and closing, the lock, turns, and timed work.
 *
 * The order of lock, turn, journal, flush and wake is in engine/README.md.
 */
#include "engine/engine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "commands/table.h"
#include "engine/relay.h"
#include "engine/state.h"
#include "store/keyspace.h"
#include "store/lock.h"
#include "types/t_hash.h"

_Static_assert((int)DBX_ENGINE_SPOOL_MIN == (int)DBX_SPOOL_MIN, "two names of one bound");

/* --- The command table
 * ----------------------------------------------------------------------------- */

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static int fill_table(void) {
    static const dbx_command *const own[] = {dbx_cmd_connection, dbx_cmd_client, dbx_cmd_config,
                                             dbx_cmd_server,     dbx_cmd_memory, dbx_cmd_vacuum,
                                             dbx_cmd_multi,      dbx_cmd_relay,  NULL};
    static bool filled;
    int rc = DBX_OK;
    pthread_mutex_lock(&table_lock);
    if (!filled) { /* readers take no lock: a full table is not touched again */
        for (size_t i = 0; rc == DBX_OK && dbx_table_families[i] != NULL; i++) {
            rc = dbx_table_add(dbx_table_families[i]);
        }
        for (size_t i = 0; rc == DBX_OK && own[i] != NULL; i++)
            rc = dbx_table_add(own[i]);
        filled = rc == DBX_OK;
    }
    pthread_mutex_unlock(&table_lock);
    return rc;
}

/* --- Settings
 * -------------------------------------------------------------------------------------- */

static dbx_durability durability_of(const dbx_config *config) {
    switch (config->appendfsync) {
    case DBX_FSYNC_ALWAYS:
        return DBX_DURABILITY_ALWAYS;
    case DBX_FSYNC_NO:
        return DBX_DURABILITY_NONE;
    default:
        return DBX_DURABILITY_EVERYSEC;
    }
}

void dbx_engine_settings_changed(dbx_engine *engine) {
    const dbx_config *config = &engine->config;
    dbx_relay_limits(config, &engine->limits, &engine->limits_noauth);
    dbx_store_set_durability(engine->store, durability_of(config));
    dbx_store_set_disk_warning(engine->store, (uint64_t)config->disk_warning_bytes);
    dbx_store_set_autovacuum(engine->store, config->autovacuum != 0, config->autovacuum_ms);
    dbx_log_set_level((dbx_log_level)config->loglevel);
    engine->timeouts_at_us = 0;
    engine->wake_on_unlock = true;
}

static int put_setting(dbx_engine *engine, const char *name, const char *value, dbx_error *error) {
    const dbx_setting_row *row = dbx_config_find(dbx_slice_str(name));
    const char *why = NULL;
    if (row == NULL) return dbx_error_set(error, DBX_EINVAL, "there is no setting '%s'", name);
    int rc = dbx_config_put(&engine->config, row, dbx_slice_str(value), true, &why);
    if (rc == DBX_OK) return rc;
    return dbx_error_set(error, rc, "setting '%s': %s", name, why != NULL ? why : "out of memory");
}

int dbx_engine_put_setting(dbx_engine *engine, const char *name, const char *value,
                           dbx_error *error) {
    int rc = put_setting(engine, name, value, error);
    if (rc == DBX_OK) dbx_engine_settings_changed(engine);
    return rc;
}

static int take_settings(dbx_engine *engine, const dbx_engine_options *options, dbx_error *error) {
    char full[PATH_MAX];
    int rc = dbx_config_init(&engine->config);
    if (rc != DBX_OK) return dbx_error_set(error, rc, "out of memory");
    for (const dbx_setting *s = options->settings; rc == DBX_OK && s != NULL && s->name != NULL;
         s++) {
        rc = put_setting(engine, s->name, s->value, error);
    }
    if (rc != DBX_OK || options->path == NULL) return rc;
    /* CONFIG GET dir: the path as given when it does not exist yet. */
    return put_setting(engine, "dir", realpath(options->path, full) != NULL ? full : options->path,
                       error);
}

/* --- Opening and closing
 * --------------------------------------------------------------------------- */

/* CONFIG GET shows what is in force, not that it was left to the store. */
static void take_bounds(dbx_engine *engine) {
    dbx_store_options bounds = dbx_store_bounds(engine->store);
    engine->config.buffer_bytes = (int64_t)bounds.buffer_bytes;
    engine->config.journal_bytes = (int64_t)bounds.journal_bytes;
    engine->config.checkpoint_us = bounds.checkpoint_us;
    engine->config.buffer_age_ms = (int64_t)bounds.buffer_age_ms;
}

static int open_store(dbx_engine *engine, const dbx_engine_options *options, dbx_error *error) {
    const dbx_config *config = &engine->config;
    const dbx_store_options store_options = {.path = options->path,
                                             .socket = options->socket,
                                             .server = !options->embedded,
                                             .durability = durability_of(config),
                                             .databases = (uint32_t)config->databases,
                                             .buffer_bytes = (size_t)config->buffer_bytes,
                                             .journal_bytes = (size_t)config->journal_bytes,
                                             .journal_keep_bytes =
                                                 (size_t)config->journal_keep_bytes,
                                             .checkpoint_us = config->checkpoint_us,
                                             .buffer_age_ms = (uint32_t)config->buffer_age_ms,
                                             .no_autovacuum = config->autovacuum == 0,
                                             .autovacuum_ms = config->autovacuum_ms,
                                             .on_progress = options->wake,
                                             .arg = options->wake_arg};
    int rc = dbx_store_open(&store_options, &engine->store, error);
    if (rc != DBX_OK) return rc;
    take_bounds(engine);
    dbx_replayer replayer = {.engine = engine};
    const dbx_replay_calls calls = {
        .run = dbx_dispatch_replay, .keys = dbx_dispatch_replay_keys, .arg = &replayer};
    rc = dbx_store_replay(engine->store, &calls, error);
    dbx_buf_free(&replayer.text);
    if (rc == DBX_OK) return rc;
    (void)dbx_store_close(engine->store, NULL);
    engine->store = NULL;
    return rc;
}

static void name_run(dbx_engine *engine) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[DBX_RUN_ID_CHARS / 2] = {0};
    (void)dbx_rand_bytes(bytes, sizeof bytes); /* a name, not a secret */
    for (size_t i = 0; i < sizeof bytes; i++) {
        engine->run_id[2 * i] = digits[bytes[i] >> 4];
        engine->run_id[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static void free_engine(dbx_engine *engine) {
    dbx_stats_free(&engine->stats);
    dbx_config_free(&engine->config);
    dbx_alloc_free(engine->sessions.at);
    dbx_alloc_free(engine->listeners);
    pthread_mutex_destroy(&engine->lock);
    dbx_alloc_free(engine);
}

static int open_parts(dbx_engine *engine, const dbx_engine_options *options, dbx_error *error) {
    int rc = fill_table();
    if (rc != DBX_OK) return dbx_error_set(error, rc, "the command table cannot be built");
    rc = take_settings(engine, options, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_stats_init(&engine->stats);
    if (rc != DBX_OK) return dbx_error_set(error, rc, "out of memory");
    return open_store(engine, options, error);
}

int dbx_engine_open(const dbx_engine_options *options, dbx_engine **out, dbx_error *error) {
    dbx_engine *engine = dbx_alloc_zero(1, sizeof *engine);
    *out = NULL;
    if (engine == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    pthread_mutex_init(&engine->lock, NULL); /* cannot fail without attributes */
    engine->wake = options->wake;
    engine->wake_arg = options->wake_arg;
    engine->embedded = options->embedded;
    engine->in_memory = options->path == NULL;
    engine->expire_unknown = true;
    engine->tick_at_ms = INT64_MAX;
    engine->started_us = dbx_clock_mono_us();
    engine->started_s = dbx_clock_wall_us() / 1000000;
    name_run(engine);
    int rc = open_parts(engine, options, error);
    if (rc != DBX_OK) {
        free_engine(engine);
        return rc;
    }
    dbx_engine_settings_changed(engine);
    *out = engine;
    return DBX_OK;
}

int dbx_engine_close(dbx_engine *engine, dbx_error *error) {
    int rc = dbx_store_close(engine->store, error);
    free_engine(engine);
    return rc;
}

bool dbx_engine_owner(const char *path, dbx_owner *out) {
    dbx_lock_owner owner;
    if (!dbx_lock_read(path, &owner)) return false;
    *out = (dbx_owner){.pid = owner.pid, .server = owner.server};
    return true;
}

void dbx_engine_close_forked(dbx_engine *engine) {
    /* The store's threads do not exist here, and what they were at is half done: only descriptors
     * are closed, the rest is left as it is. */
    dbx_store_close_forked(engine->store);
}

/* --- The lock
 * -------------------------------------------------------------------------------------- */

void dbx_engine_lock(dbx_engine *engine) {
    pthread_mutex_lock(&engine->lock);
}

void dbx_engine_unlock(dbx_engine *engine) {
    bool wake = engine->wake_on_unlock && engine->wake != NULL;
    engine->wake_on_unlock = false;
    pthread_mutex_unlock(&engine->lock);
    if (wake) engine->wake(engine->wake_arg);
}

/* --- Turns
 * ----------------------------------------------------------------------------------------- */

/* The machine's clock was set since the next expiry was asked for: by more than rounding. */
static bool clock_was_set(const dbx_engine *engine) {
    int64_t step_ms = dbx_store_wall_ahead_ms(engine->store) - engine->expire_ahead_ms;
    return engine->expire_at_ms != DBX_NO_EXPIRY && (step_ms < -1 || step_ms > 1);
}

void dbx_engine_turn_begin(dbx_engine *engine) {
    dbx_turn *turn = &engine->turn;
    turn->number++;
    turn->now_us = turn->begun_us = dbx_clock_mono_us();
    turn->write_us = 0;
    turn->commands = 0;
    turn->reply_bytes = 0;
    turn->write_checked = false;
    turn->delay_us = dbx_store_write_delay_us(engine->store);
    engine->txn = dbx_store_turn_begin(engine->store, dbx_store_now_ms(engine->store));
    if (clock_was_set(engine))
        engine->wake_on_unlock = true; /* whoever waits, waits for too long */
    dbx_stats_sample(&engine->stats, turn->now_us);
}

bool dbx_engine_turn_full(const dbx_engine *engine) {
    const dbx_turn *turn = &engine->turn;
    return turn->commands >= DBX_TURN_COMMANDS_MAX ||
           turn->reply_bytes >= DBX_TURN_REPLY_BYTES_MAX ||
           turn->now_us - turn->begun_us >= DBX_TURN_US_MAX ||
           dbx_txn_effect_bytes(engine->txn) >= DBX_TURN_EFFECT_BYTES_MAX;
}

int64_t dbx_engine_turn_us(const dbx_engine *engine) {
    return engine->turn.now_us - engine->turn.begun_us;
}

void dbx_engine_turn_again(dbx_engine *engine) {
    dbx_session_turn_done(engine, DBX_TURN_AGAIN);
}

/* Of a SAVE that is under way nobody knows any more what it was to save: it begins again. So does a
 * VACUUM. */
static void forget_saves(dbx_engine *engine) {
    for (size_t i = 0; i < engine->sessions.count; i++)
        engine->sessions.at[i]->save.asked = engine->sessions.at[i]->vacuum.asked = 0;
}

/* A reply begins with a code in capitals; a reason out of the store may not. */
static void make_reply(dbx_error *error) {
    char text[DBX_ERROR_TEXT_MAX];
    size_t capitals = strspn(error->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (capitals > 1 && error->text[capitals] == ' ') return;
    memcpy(text, error->text, sizeof text);
    (void)dbx_error_set(error, error->code, "MISCONF %.*s", DBX_ERROR_TEXT_MAX - 16, text);
}

static void plan_expiry(dbx_engine *engine) {
    engine->expire_at_ms = dbx_expire_next_ms(engine->txn);
    engine->expire_ahead_ms = dbx_store_wall_ahead_ms(engine->store);
}

/* In memory, there is something to reclaim for which nobody has to ask, or somebody has. */
static bool reclaims(const dbx_engine *engine) {
    return dbx_store_litter(engine->store) &&
           (engine->config.autovacuum != 0 || engine->reclaim_asked);
}

int dbx_engine_turn_end(dbx_engine *engine, uint64_t *position, dbx_error *error) {
    dbx_error own = {0};
    if (reclaims(engine)) engine->wake_on_unlock = true;
    if (engine->in_memory || dbx_txn_effect_bytes(engine->txn) > 0) { /* memory has no effects */
        plan_expiry(engine);
        if (engine->expire_at_ms != DBX_NO_EXPIRY && engine->expire_at_ms < engine->tick_at_ms) {
            engine->wake_on_unlock = true;
        }
    }
    dbx_store_spent(engine->store, engine->turn.write_us);
    int rc = dbx_store_turn_end(engine->store, &own);
    engine->txn = NULL;
    dbx_session_turn_done(engine, rc < 0 ? DBX_TURN_FAILED : DBX_TURN_KEPT);
    if (rc < 0) {
        dbx_log(DBX_LOG_WARNING, "a turn was undone: %s", own.text);
        engine->expire_unknown = true;
        forget_saves(engine);
        make_reply(&own);
        if (error != NULL) *error = own;
    }
    *position = dbx_store_position(engine->store);
    return rc;
}

/* --- Between turns
 * --------------------------------------------------------------------------------- */

bool dbx_engine_replies_wait(const dbx_engine *engine) {
    return engine->config.appendfsync == DBX_FSYNC_ALWAYS;
}

uint64_t dbx_engine_durable(dbx_engine *engine) {
    return dbx_store_durable(engine->store);
}

bool dbx_engine_push(dbx_engine *engine) {
    return dbx_store_push(engine->store);
}

int dbx_engine_wait_durable(dbx_engine *engine, uint64_t position) {
    return dbx_store_wait_durable(engine->store, position);
}

uint32_t dbx_engine_hold_us(dbx_engine *engine, const dbx_session *session) {
    uint32_t asked = session->save.asked + session->vacuum.asked; /* of one it is none */
    if (asked > 0) {                                              /* it asks less and less often */
        return (uint32_t)DBX_HOLD_US_MIN << (asked < DBX_SAVE_ASKS ? asked : DBX_SAVE_ASKS);
    }
    if (session->apply.number != 0) return DBX_APPLY_HOLD_US;
    uint32_t delay_us = dbx_store_write_delay_us(engine->store);
    return delay_us > DBX_HOLD_US_MIN ? delay_us : DBX_HOLD_US_MIN;
}

size_t dbx_engine_views_cost(const dbx_engine *engine) {
    return dbx_store_views_cost(engine->store);
}

bool dbx_engine_shutdown_wanted(const dbx_engine *engine) {
    return engine->shutdown_wanted;
}

const dbx_resp_limits *dbx_engine_limits(const dbx_engine *engine, const dbx_session *session) {
    const dbx_relay *relay = session->relay;
    if (dbx_session_needs_auth(session))
        return relay != NULL ? &relay->limits_noauth : &engine->limits_noauth;
    return relay != NULL ? &relay->limits : &engine->limits;
}

/* --- Timed work
 * ------------------------------------------------------------------------------------ */

static int expire_fields(void *arg, dbx_txn *txn, dbx_key *k, uint32_t max) {
    const dbx_engine *engine = arg;
    return dbx_hash_expire_due(txn, &engine->config.encodings, k, max);
}

/* Removes keys whose time has come, in a turn of its own; negative: the turn failed. */
static int expire_some(dbx_engine *engine) {
    dbx_expire_hooks hooks = {.elements = expire_fields, .arg = engine};
    uint64_t position;
    dbx_engine_turn_begin(engine);
    int done = dbx_expire_step(engine->txn, DBX_EXPIRE_STEP_KEYS, &hooks);
    plan_expiry(engine);
    engine->expire_unknown = false;
    int rc = dbx_engine_turn_end(engine, &position, NULL);
    return rc < 0 ? rc : done;
}

/* Milliseconds until keys expire, after removing those that have; -1: none will. */
static int64_t tick_expiry(dbx_engine *engine) {
    if (engine->expire_at_ms == DBX_NO_EXPIRY && !engine->expire_unknown) return -1;
    int64_t now_ms = dbx_store_now_ms(engine->store);
    if (clock_was_set(engine)) engine->expire_unknown = true;
    if (engine->expire_at_ms <= now_ms || engine->expire_unknown) {
        int64_t now_us = dbx_clock_mono_us();
        if (now_us < engine->expire_retry_us) return (engine->expire_retry_us - now_us) / 1000 + 1;
        if (expire_some(engine) < 0) {
            engine->expire_retry_us = now_us + DBX_EXPIRE_RETRY_MS * 1000;
            return DBX_EXPIRE_RETRY_MS;
        }
    }
    if (engine->expire_at_ms == DBX_NO_EXPIRY) return -1;
    return engine->expire_at_ms <= now_ms ? 0 : engine->expire_at_ms - now_ms;
}

/* Removes some of what retired ids hold in memory, in a turn of its own; milliseconds until it
 * wants to go on, or -1. */
static int64_t tick_reclaim(dbx_engine *engine) {
    uint64_t position;
    if (!dbx_store_litter(engine->store)) engine->reclaim_asked = false;
    if (!reclaims(engine)) return -1;
    dbx_engine_turn_begin(engine);
    int done = dbx_store_reclaim(engine->txn, DBX_RECLAIM_STEP_ENTRIES);
    int rc = dbx_engine_turn_end(engine, &position, NULL);
    return done < 0 || rc < 0 ? DBX_EXPIRE_RETRY_MS : 0;
}

static void close_idle(dbx_engine *engine, int64_t now_us) {
    for (size_t i = 0; i < engine->sessions.count; i++) {
        dbx_session *session = engine->sessions.at[i];
        int64_t idle_us = dbx_session_config(session)->timeout_s * 1000000;
        if (idle_us == 0 || session->killed || session->serves != NULL) continue;
        if (now_us - session->active_us > idle_us) (void)dbx_session_kill(session, true);
    }
}

static int64_t tick_timeouts(dbx_engine *engine) {
    if (engine->config.timeout_s == 0 && engine->relays_timed == 0) return -1;
    int64_t now_us = dbx_clock_mono_us();
    if (now_us >= engine->timeouts_at_us) {
        close_idle(engine, now_us);
        engine->timeouts_at_us = now_us + DBX_TIMEOUT_CHECK_MS * 1000;
    }
    return (engine->timeouts_at_us - now_us) / 1000 + 1;
}

int64_t dbx_engine_tick(dbx_engine *engine) {
    int64_t wait_ms = tick_expiry(engine);
    int64_t timeouts_ms = tick_timeouts(engine);
    int64_t reclaim_ms = tick_reclaim(engine);
    int64_t store_ms = dbx_store_tick(engine->store);
    if (wait_ms < 0 || (timeouts_ms >= 0 && timeouts_ms < wait_ms)) wait_ms = timeouts_ms;
    if (wait_ms < 0 || (reclaim_ms >= 0 && reclaim_ms < wait_ms)) wait_ms = reclaim_ms;
    if (wait_ms < 0 || (store_ms >= 0 && store_ms < wait_ms)) wait_ms = store_ms;
    engine->tick_at_ms = wait_ms < 0 ? INT64_MAX : dbx_store_read_ms(engine->store) + wait_ms;
    if (!engine->shutdown_wanted) engine->wake_on_unlock = false;
    return wait_ms;
}

/* --- For transports
 * -------------------------------------------------------------------------------- */

int dbx_engine_spool_open(dbx_engine *engine, dbx_spool **out, dbx_error *error) {
    return dbx_spool_open(engine->store, out, error);
}

uint8_t *dbx_engine_spool_reserve(dbx_engine *engine, dbx_spool *spool, size_t len, size_t more,
                                  dbx_error *error) {
    (void)engine;
    return dbx_spool_reserve(spool, len, more, error);
}

void dbx_engine_spool_close(dbx_engine *engine, dbx_spool *spool) {
    (void)engine;
    dbx_spool_close(spool);
}

const dbx_config *dbx_engine_config(const dbx_engine *engine) {
    return &engine->config;
}

dbx_stats *dbx_engine_stats(dbx_engine *engine) {
    return &engine->stats;
}

size_t dbx_engine_session_count(const dbx_engine *engine) {
    return engine->sessions.count;
}

void dbx_engine_set_clients_max(dbx_engine *engine, int64_t count) {
    engine->clients_max = count;
}

int dbx_engine_add_listener(dbx_engine *engine, const char *text) {
    size_t old = engine->listeners == NULL ? 0 : strlen(engine->listeners), more = strlen(text);
    char *grown = dbx_alloc_resize(engine->listeners, old + more + 2);
    if (grown == NULL) return DBX_ENOMEM;
    memcpy(grown + old, text, more);
    memcpy(grown + old + more, "\n", 2);
    engine->listeners = grown;
    return DBX_OK;
}
