/* cmd_vacuum.c: VACUUM and AUTOVACUUM, DBX's own: giving back what nothing needs any more.
 *
 * VACUUM takes as long as it takes, and holds nobody up but who asks: like SAVE it waits
 * (DBX_RUN_WAIT) between looks at how far it is. What it waits for goes on when its client is gone.
 */
#include "base/clock.h"
#include "engine/state.h"
#include "store/keyspace.h"
#include "store/limits.h"

/* What a VACUUM waits for, one after the other. */
enum phase {
    EXPIRING, /* keys whose time has come are removed, by the tick */
    APPLYING, /* what is retired is in data.mdbx */
    TIDYING   /* the vacuum of data.mdbx, or of memory */
};

/* --- VACUUM ----------------------------------------------------------------------------------- */

static void begin(dbx_engine *engine, dbx_session *session) {
    dbx_store_info info;
    dbx_store_get_info(engine->store, &info);
    session->vacuum.phase = EXPIRING;
    session->vacuum.begun_ms = dbx_store_read_ms(engine->store);
    session->vacuum.failures = info.apply_failures;
    session->vacuum.expired = info.expired;
    session->vacuum.reclaimed = info.reclaimed;
    session->vacuum.file_bytes = info.file_bytes;
    engine->expire_unknown = true;
    engine->wake_on_unlock = true;
}

/* Keys that cannot be removed now, the disk being as it is, are left to the tick. */
static bool expired_are_gone(const dbx_engine *engine, const dbx_session *session) {
    if (engine->expire_retry_us > dbx_clock_mono_us()) return true;
    return !engine->expire_unknown && (engine->expire_at_ms == DBX_NO_EXPIRY ||
                                       engine->expire_at_ms > session->vacuum.begun_ms);
}

static void tidy(dbx_engine *engine, dbx_session *session) {
    session->vacuum.phase = TIDYING;
    session->vacuum.number = dbx_store_vacuum(engine->store);
    if (!dbx_store_litter(engine->store)) return;
    engine->reclaim_asked = true;
    engine->wake_on_unlock = true;
}

/* Goes on to the next phase when one is over; true: the last is. */
static bool advance(dbx_engine *engine, dbx_session *session) {
    if (session->vacuum.phase == EXPIRING && expired_are_gone(engine, session)) {
        session->vacuum.phase = APPLYING;
        session->vacuum.number = dbx_store_freeze(engine->store, true);
    }
    if (session->vacuum.phase == APPLYING &&
        dbx_store_saved(engine->store, session->vacuum.number)) {
        tidy(engine, session);
    }
    return session->vacuum.phase == TIDYING &&
           dbx_store_vacuumed(engine->store, session->vacuum.number) &&
           !(engine->in_memory && dbx_store_litter(engine->store));
}

static void add(dbx_reply *out, const char *field, uint64_t value) {
    dbx_reply_str(out, field);
    out->ops->integer(out, (int64_t)value);
}

static void reply_freed(const dbx_engine *engine, const dbx_session *session, dbx_reply *out) {
    dbx_store_info info;
    dbx_store_get_info(engine->store, &info);
    uint64_t before = session->vacuum.file_bytes, after = info.file_bytes;
    out->ops->open(out, DBX_MAP, 6);
    add(out, "expired_keys", info.expired - session->vacuum.expired);
    add(out, "reclaimed_entries", info.reclaimed - session->vacuum.reclaimed);
    add(out, "freed_bytes", before > after ? before - after : 0);
    add(out, "file_bytes_before", before);
    add(out, "file_bytes", after);
    add(out, "unused_bytes", info.vacuum_unused_bytes);
    out->ops->close(out);
}

static int cmd_vacuum(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_engine *engine = ctx->engine;
    dbx_session *session = ctx->session;
    (void)args;
    if (session->together) { /* the turn cannot end for it: see SAVE */
        dbx_reply_error(out, "ERR Command not allowed inside a transaction");
        return DBX_OK;
    }
    if (session->vacuum.asked == 0) begin(engine, session);
    if (advance(engine, session)) {
        reply_freed(engine, session, out);
    } else if (dbx_store_apply_failures(engine->store) >=
               session->vacuum.failures + DBX_SAVE_FAILURES) {
        dbx_store_info info;
        dbx_store_get_info(engine->store, &info);
        dbx_reply_errorf(out, "ERR the vacuum has failed, and is tried again: %s", info.last_error);
    } else {
        session->vacuum.asked++;
        return DBX_RUN_WAIT;
    }
    session->vacuum.asked = 0;
    return DBX_OK;
}

/* --- AUTOVACUUM ------------------------------------------------------------------------------- */

static void reply_settings(const dbx_config *config, dbx_reply *out) {
    out->ops->open(out, DBX_MAP, 2);
    dbx_reply_str(out, "enabled");
    out->ops->boolean(out, config->autovacuum != 0);
    add(out, "interval_ms", (uint64_t)config->autovacuum_ms);
    out->ops->close(out);
}

static int cmd_autovacuum(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_config *config = &ctx->engine->config;
    int64_t enabled = config->autovacuum, interval_ms = config->autovacuum_ms;
    if (dbx_args_left(args) == 0) {
        reply_settings(config, out);
        return DBX_OK;
    }
    if (dbx_args_word(args, "ON")) {
        enabled = 1;
    } else if (dbx_args_word(args, "OFF")) {
        enabled = 0;
    } else if (dbx_args_left(args) == 2 && dbx_args_word(args, "INTERVAL")) {
        interval_ms = dbx_args_i64(args);
        if (args->error == NULL && (interval_ms < DBX_AUTOVACUUM_MS_MIN || interval_ms > INT32_MAX))
            dbx_args_fail(args, "ERR the interval is 1000 to 2147483647 milliseconds");
    } else {
        dbx_args_fail(args, "ERR syntax error");
    }
    if (!dbx_args_end(args, out)) return DBX_OK;
    config->autovacuum = enabled;
    config->autovacuum_ms = interval_ms;
    dbx_engine_settings_changed(ctx->engine);
    dbx_reply_ok(out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------- */

const dbx_command dbx_cmd_vacuum[] = {
    {.name = "autovacuum",
     .group = "dbx",
     .syntax = "[setting: ON | OFF | INTERVAL milliseconds]",
     .summary =
         "Returns or sets whether retired collections and file space are given back in the "
         "background, and how long after the last time. Like CONFIG SET it lasts until the process "
         "ends.",
     .since = "0.2.0",
     .complexity = "O(1)",
     .arity = -1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_autovacuum},
    {.name = "vacuum",
     .group = "dbx",
     .syntax = "",
     .summary = "Removes expired keys, reclaims retired collections of all databases and makes the "
                "database file shorter; returns what that freed.",
     .since = "0.2.0",
     .complexity = "O(N+M) where N is the number of entries in the database file and M is what is "
                   "reclaimed, in the background: other clients are served meanwhile",
     .arity = 1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_NO_ASYNC_LOADING | DBX_CMD_NO_MULTI |
              DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_vacuum},
    {.name = NULL}};
