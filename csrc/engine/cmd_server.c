/* cmd_server.c: the commands about the server itself: INFO TIME SHUTDOWN SAVE BGSAVE LASTSAVE
 * LOLWUT. */
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/rand.h"
#include "engine/info.h"
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

static bool start_save(dbx_engine *engine, dbx_reply *out) {
    if (engine->in_memory || dbx_store_freeze(engine->store)) return true;
    dbx_reply_error(out, "ERR Background save already in progress");
    return false;
}

static int cmd_save(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    if (!start_save(ctx->engine, out)) return DBX_OK;
    ctx->engine->turn.must_be_durable = true;
    dbx_reply_ok(out);
    return DBX_OK;
}

static int cmd_bgsave(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)dbx_args_word(args, "SCHEDULE");
    if (!dbx_args_end(args, out) || !start_save(ctx->engine, out)) return DBX_OK;
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

enum { MAZE_ROWS = 12, MAZE_COLUMNS = 48 };

/* "10 PRINT CHR$(205.5+RND(1)); : GOTO 10": a maze out of one random choice. */
static void draw_maze(dbx_buf *out) {
    dbx_rand rand;
    dbx_rand_seed(&rand);
    for (int row = 0; row < MAZE_ROWS; row++) {
        uint64_t bits = dbx_rand_u64(&rand);
        for (int column = 0; column < MAZE_COLUMNS; column++) {
            dbx_buf_str(out, (bits >> column & 1) != 0 ? "\xE2\x95\xB1" : "\xE2\x95\xB2");
        }
        dbx_buf_byte(out, '\n');
    }
    dbx_buf_str(out, "\n10 PRINT CHR$(205.5+RND(1)); : GOTO 10\n\n");
}

static int cmd_lolwut(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf text = {0};
    (void)ctx;
    if (dbx_args_left(args) > 1 && dbx_args_word(args, "VERSION")) {
        int64_t version = dbx_args_i64(args);
        while (dbx_args_left(args) > 0 && (version == 5 || version == 6))
            (void)dbx_args_i64(args);
        if (!dbx_args_ok(args, out)) return DBX_OK;
        if (version == 5 || version == 6) draw_maze(&text);
    } else {
        draw_maze(&text);
    }
    dbx_buf_str(&text, "Redis ver. " DBX_REDIS_VERSION "\n");
    int rc = text.failed ? DBX_ENOMEM : DBX_OK;
    if (rc == DBX_OK) out->ops->verbatim(out, "txt", dbx_buf_slice(&text));
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
