/* cmd_server.c: the commands about the server itself: INFO TIME SHUTDOWN SAVE BGSAVE LASTSAVE
 * LOLWUT. */
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "engine/info.h"
#include "engine/lolwut.h"
#include "engine/state.h"

static int cmd_info(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf text = {0};
    dbx_info_print(ctx->engine, args->argv + args->at, dbx_args_left(args), &text);
    int rc = text.failed ? DBX_ENOMEM : DBX_OK;
    if (rc == DBX_OK) out->ops->verbatim(out, "txt", dbx_buf_slice(&text));
    dbx_buf_free(&text);
    return rc;
}

static void reply_digits(int64_t number, dbx_reply *out) {
    char text[DBX_NUM_TEXT_MAX];
    out->ops->bulk(out, dbx_slice_of(text, dbx_num_to_text(number, text)));
}

static int cmd_time(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx, (void)args;
    int64_t now_us = dbx_clock_wall_us();
    out->ops->open(out, DBX_ARRAY, 2);
    reply_digits(now_us / 1000000, out);
    reply_digits(now_us % 1000000, out);
    out->ops->close(out);
    return DBX_OK;
}

/* Whether data is saved or not makes no difference here: a stop always keeps everything. */
static int cmd_shutdown(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    bool save = false, nosave = false, hurry = false, abort = false;
    while (args->error == NULL && dbx_args_left(args) > 0) {
        if (dbx_args_word(args, "NOSAVE")) {
            nosave = true;
        } else if (dbx_args_word(args, "SAVE")) {
            save = true;
        } else if (dbx_args_word(args, "NOW") || dbx_args_word(args, "FORCE")) {
            hurry = true;
        } else if (dbx_args_word(args, "ABORT")) {
            abort = true;
        } else {
            dbx_args_fail(args, "ERR syntax error");
        }
    }
    if ((save && nosave) || (abort && (save || nosave || hurry)))
        dbx_args_fail(args, "ERR syntax error");
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (abort) {
        dbx_reply_error(out, "ERR No shutdown in progress.");
        return DBX_OK;
    }
    if (ctx->session->relay != NULL) {
        ctx->session->stops = true;
        return DBX_RUN_CLOSE;
    }
    if (ctx->engine->embedded && ctx->session->fd >= 0) {
        dbx_reply_error(out, "ERR the database is open in a program: it is closed there");
        return DBX_OK;
    }
    ctx->engine->shutdown_wanted = true;
    ctx->engine->wake_on_unlock = true;
    return DBX_RUN_CLOSE;
}

/* --- Saving: everything is in the journal already; this moves it into the B+tree ----------------
 */

static void note_saved(dbx_engine *engine) {
    engine->saved_at_s = dbx_clock_wall_us() / 1000000;
}

/* A BGSAVE that is going on; applies that nobody asked for are none. */
static bool bgsave_runs(const dbx_engine *engine, dbx_reply *out) {
    if (dbx_store_saved(engine->store, engine->bgsave)) return false;
    dbx_reply_error(out, "ERR Background save already in progress");
    return true;
}

/* Waits (DBX_RUN_WAIT) until what was written before it is in data.mdbx; nobody else does. */
static int cmd_save(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_engine *engine = ctx->engine;
    dbx_session *session = ctx->session;
    dbx_store_info store;
    (void)args;
    if (session->together) { /* the turn cannot end for it: what it has done is seen by nobody */
        dbx_reply_error(out, "ERR Command not allowed inside a transaction");
        return DBX_OK;
    }
    dbx_store_get_info(engine->store, &store);
    if (session->save.asked == 0) {
        if (bgsave_runs(engine, out)) return DBX_OK;
        session->save.number = dbx_store_freeze(engine->store, true);
        session->save.failures = store.apply_failures;
    }
    if (dbx_store_saved(engine->store, session->save.number)) {
        note_saved(engine);
        dbx_reply_ok(out);
    } else if (store.apply_failures >= session->save.failures + DBX_SAVE_FAILURES) {
        dbx_reply_errorf(out, "ERR the save has failed, and is tried again: %s", store.last_error);
    } else {
        session->save.asked++;
        return DBX_RUN_WAIT;
    }
    session->save.asked = 0;
    return DBX_OK;
}

static int cmd_bgsave(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_engine *engine = ctx->engine;
    (void)dbx_args_word(args, "SCHEDULE");
    if (!dbx_args_end(args, out) || bgsave_runs(engine, out)) return DBX_OK;
    engine->bgsave = dbx_store_freeze(engine->store, false);
    if (engine->bgsave == 0) note_saved(engine);
    /* It begins when the turn has ended: with EXEC, as Redis puts it, later. */
    bool later = ctx->session->state.multi != NULL;
    dbx_reply_line(out, later ? "Background saving scheduled" : "Background saving started");
    return DBX_OK;
}

static int cmd_lastsave(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_store_info store;
    (void)args;
    dbx_store_get_info(ctx->engine->store, &store);
    out->ops->integer(out, dbx_engine_saved_s(ctx->engine, &store));
    return DBX_OK;
}

/* --- LOLWUT
 * ---------------------------------------------------------------------------------------- */

/* A size that may be given; the first error counts. */
static int64_t size_or(dbx_args *args, int64_t otherwise) {
    return args->error == NULL && dbx_args_left(args) > 0 ? dbx_args_i64(args) : otherwise;
}

/* VERSION n: what that version of Redis draws, in sizes that follow; the others say who they are.
 */
static void draw_version(dbx_args *args, dbx_buf *out) {
    switch ((uint32_t)dbx_args_i64(args)) {
    case 5: {
        int64_t columns = size_or(args, DBX_LOLWUT_COLUMNS);
        int64_t per_row = size_or(args, DBX_LOLWUT_PER_ROW);
        dbx_lolwut_squares(columns, per_row, size_or(args, DBX_LOLWUT_PER_COLUMN), out);
        break;
    }
    case 6: {
        int64_t columns = size_or(args, DBX_LOLWUT_SKY_COLUMNS);
        dbx_lolwut_skyline(columns, size_or(args, DBX_LOLWUT_SKY_ROWS), out);
        break;
    }
    case 8:
        dbx_lolwut_maze(out);
        break;
    default:
        break;
    }
}

static int cmd_lolwut(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf text = {0};
    int rc = DBX_OK;
    (void)ctx;
    if (dbx_args_left(args) > 1 && dbx_args_word(args, "VERSION")) {
        draw_version(args, &text);
    } else {
        dbx_lolwut_maze(&text); /* what else there is in Redis are languages of its poem */
    }
    dbx_buf_str(&text, "Redis ver. " DBX_REDIS_VERSION "\n");
    if (dbx_args_ok(args, out)) {
        rc = text.failed ? DBX_ENOMEM : DBX_OK;
        if (rc == DBX_OK) out->ops->verbatim(out, "txt", dbx_buf_slice(&text));
    }
    dbx_buf_free(&text);
    return rc;
}

/* --- Rows
 * ------------------------------------------------------------------------------------------ */

static const char *const info_tips[] = {"nondeterministic_output", "request_policy:all_shards",
                                        "response_policy:special", NULL};
static const char *const unstable_tips[] = {"nondeterministic_output", NULL};
static const char *const info_history[] = {
    "7.0.0", "Added support for taking multiple section arguments.", NULL};
static const char *const shutdown_history[] = {
    "7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.", NULL};
static const char *const bgsave_history[] = {"3.2.2", "Added the `SCHEDULE` option.", NULL};

const dbx_command dbx_cmd_server[] = {
    {.name = "info",
     .group = "server",
     .syntax = "[section [section ...]]",
     .summary = "Returns information and statistics about the server.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = info_history,
     .tips = info_tips,
     .arity = -1,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_DANGEROUS,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_info},
    {.name = "time",
     .group = "server",
     .syntax = "",
     .summary = "Returns the server time.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .tips = unstable_tips,
     .arity = 1,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_time},
    {.name = "shutdown",
     .group = "server",
     .syntax = "[save-selector: NOSAVE | SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0",
     .summary = "Synchronously saves the database(s) to disk and shuts down the Redis server.",
     .since = "1.0.0",
     .complexity =
         "O(N) when saving, where N is the total number of keys in all databases when saving "
         "data, otherwise O(1)",
     .history = shutdown_history,
     .arity = -1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE |
              DBX_CMD_NO_MULTI | DBX_CMD_ALLOW_BUSY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_shutdown},
    {.name = "save",
     .group = "server",
     .syntax = "",
     .summary = "Synchronously saves the database(s) to disk.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the total number of keys in all databases",
     .arity = 1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_NO_ASYNC_LOADING | DBX_CMD_NO_MULTI |
              DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_save},
    {.name = "bgsave",
     .group = "server",
     .syntax = "[SCHEDULE]@3.2.2",
     .summary = "Asynchronously saves the database(s) to disk.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = bgsave_history,
     .arity = -1,
     .flags = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_NO_ASYNC_LOADING,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_bgsave},
    {.name = "lastsave",
     .group = "server",
     .syntax = "",
     .summary = "Returns the Unix timestamp of the last successful save to disk.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .tips = unstable_tips,
     .arity = 1,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_FAST,
     .acl = DBX_ACL_ADMIN | DBX_ACL_DANGEROUS,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_lastsave},
    {.name = "lolwut",
     .group = "server",
     .syntax = "[VERSION version:integer]",
     .summary = "Displays computer art and the Redis version",
     .since = "5.0.0",
     .complexity = NULL,
     .arity = -1,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_lolwut},
    {.name = NULL}};
