/* cmd_config.c: CONFIG: reading and changing settings, all of a call's or none. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/glob.h"
#include "commands/help.h"
#include "engine/state.h"

/* --- GET
 * ------------------------------------------------------------------------------------------- */

static bool is_pattern(dbx_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '*' || text.ptr[i] == '?' || text.ptr[i] == '[') return true;
    }
    return false;
}

/* How the first pattern that matches wants it called: as it spells the name itself. */
static dbx_slice wanted(const char *name, const dbx_slice *patterns, size_t count) {
    dbx_slice text = dbx_slice_str(name);
    for (size_t i = 0; i < count; i++) {
        if (!is_pattern(patterns[i])) {
            if (dbx_slice_eq_nocase(patterns[i], text)) return patterns[i];
        } else if (dbx_glob_match(patterns[i], text, true)) {
            return text;
        }
    }
    return dbx_slice_of(NULL, 0);
}

static void get_one(const dbx_ctx *ctx, const dbx_setting_row *row, dbx_slice name, dbx_buf *text,
                    dbx_reply *out) {
    bool connection = (row->flags & DBX_SETTING_CONNECTION) != 0;
    if (name.len == 0) return;
    text->len = 0;
    dbx_config_print(connection ? dbx_session_config(ctx->session) : &ctx->engine->config, row,
                     text);
    out->ops->bulk(out, name);
    out->ops->bulk(out, dbx_buf_slice(text));
}

static int cmd_get(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    const dbx_slice *patterns = args->argv + args->at;
    size_t count = dbx_args_left(args);
    dbx_buf text = {0};
    out->ops->open(out, DBX_MAP, DBX_UNKNOWN);
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        get_one(ctx, row, wanted(row->name, patterns, count), &text, out);
        if (row->alias != NULL) get_one(ctx, row, wanted(row->alias, patterns, count), &text, out);
    }
    out->ops->close(out);
    int rc = text.failed ? DBX_ENOMEM : DBX_OK;
    dbx_buf_free(&text);
    return rc;
}

/* What its clients are held to a joined server says once, when it joins: see relay.h. */
#define RELAYED "this server has joined a program's database: restart it with another value"

/* --- SET
 * ------------------------------------------------------------------------------------------- */

typedef struct change {
    const dbx_setting_row *row;
    dbx_slice name, value;
} change;

static void refuse(const change *c, const char *why, dbx_reply *out) {
    int len = (int)(c->name.len < 128 ? c->name.len : 128);
    if (c->row == NULL) {
        dbx_reply_errorf(out, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                         len, (const char *)c->name.ptr);
    } else {
        dbx_reply_errorf(out, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                         len, (const char *)c->name.ptr, why);
    }
}

/* Finds the rows of all pairs; false: the error is written. A name is met at most twice before the
 * second one is refused, so looking back is bounded by the table; a row's other name is another,
 * and the last one counts. */
static bool read_changes(const dbx_ctx *ctx, dbx_args *args, change *changes, size_t count,
                         dbx_reply *out) {
    for (size_t i = 0; i < count; i++) {
        change *c = &changes[i];
        c->name = dbx_args_next(args);
        c->value = dbx_args_next(args);
        c->row = dbx_config_find(c->name);
        const char *why = NULL;
        if (c->row != NULL) why = dbx_config_immutable(c->row);
        if (why == NULL && c->row != NULL && (c->row->flags & DBX_SETTING_CONNECTION) != 0 &&
            ctx->session->relay != NULL) {
            why = RELAYED;
        }
        for (size_t j = 0; why == NULL && j < i; j++) {
            if (dbx_slice_eq_nocase(changes[j].name, c->name)) why = "duplicate parameter";
        }
        if (c->row != NULL && why == NULL) continue;
        refuse(c, why, out);
        return false;
    }
    return true;
}

#define TOO_MANY_CLIENTS                                                                           \
    "The operating system is not able to handle the specified number of clients, try with "        \
    "%" PRId64
enum { TEXT_MAX = 128 };

/* Sets all in a copy, which takes the place of the settings when it is right: nothing is left of a
 * call that fails, whatever it fails for. */
static int apply_changes(const dbx_engine *engine, dbx_config *config, const change *changes,
                         size_t count, dbx_reply *out) {
    dbx_config copy;
    const char *why = NULL;
    char limit[TEXT_MAX];
    int rc = dbx_config_copy(&copy, config);
    if (rc != DBX_OK) return rc;
    for (size_t i = 0; rc == DBX_OK && i < count; i++) {
        rc = dbx_config_put(&copy, changes[i].row, changes[i].value, false, &why);
        if (rc == DBX_OK && changes[i].row->field == offsetof(dbx_config, maxclients) &&
            engine->clients_max > 0 && copy.maxclients > engine->clients_max) {
            (void)snprintf(limit, sizeof limit, TOO_MANY_CLIENTS, engine->clients_max);
            why = limit;
            rc = DBX_EINVAL;
        }
        if (rc == DBX_EINVAL) refuse(&changes[i], why, out);
    }
    if (rc != DBX_OK) {
        dbx_config_free(&copy);
        return rc == DBX_EINVAL ? DBX_OK : rc;
    }
    dbx_config_free(config);
    *config = copy;
    return DBX_OK;
}

static int cmd_set(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    size_t count = dbx_args_left(args) / 2;
    if (dbx_args_left(args) % 2 != 0) {
        dbx_reply_error(out, "ERR syntax error");
        return DBX_OK;
    }
    change *changes = dbx_alloc_zero(count, sizeof *changes);
    if (changes == NULL) return DBX_ENOMEM;
    int rc = DBX_OK;
    if (read_changes(ctx, args, changes, count, out)) {
        rc = apply_changes(ctx->engine, &ctx->engine->config, changes, count, out);
        if (rc == DBX_OK && !out->errored) {
            dbx_engine_settings_changed(ctx->engine);
            dbx_reply_ok(out);
        }
    }
    dbx_alloc_free(changes);
    return rc;
}

/* --- The rest
 * -------------------------------------------------------------------------------------- */

static int cmd_rewrite(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx, (void)args;
    dbx_reply_error(out, "ERR The server is running without a config file");
    return DBX_OK;
}

static int cmd_resetstat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    dbx_stats_reset(&ctx->engine->stats);
    dbx_store_reset_stats(ctx->engine->store);
    dbx_reply_ok(out);
    return DBX_OK;
}

static int cmd_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        NULL};
    (void)args;
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows
 * ------------------------------------------------------------------------------------------ */

enum { ADMIN = DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE };

static const char *const everywhere_tips[] = {"request_policy:all_nodes",
                                              "response_policy:all_succeeded", NULL};
static const char *const get_history[] = {
    "7.0.0", "Added the ability to pass multiple pattern parameters in one call", NULL};
static const char *const set_history[] = {
    "7.0.0", "Added the ability to set multiple parameters in one call.", NULL};

static const dbx_command subcommands[] = {
    {.name = "config|get",
     .group = "server",
     .syntax = "parameter [parameter ...]",
     .summary = "Returns the effective values of configuration parameters.",
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .history = get_history,
     .arity = -3,
     .flags = ADMIN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_get},
    {.name = "config|help",
     .group = "server",
     .syntax = "",
     .summary = "Returns helpful text about the different subcommands.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_help},
    {.name = "config|resetstat",
     .group = "server",
     .syntax = "",
     .summary = "Resets the server's statistics.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .tips = everywhere_tips,
     .arity = 2,
     .flags = ADMIN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_resetstat},
    {.name = "config|rewrite",
     .group = "server",
     .syntax = "",
     .summary = "Persists the effective configuration to file.",
     .since = "2.8.0",
     .complexity = "O(1)",
     .tips = everywhere_tips,
     .arity = 2,
     .flags = ADMIN | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_rewrite},
    {.name = "config|set",
     .group = "server",
     .syntax = "<data: parameter value> [data ...]",
     .summary = "Sets configuration parameters in-flight.",
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .history = set_history,
     .tips = everywhere_tips,
     .arity = -4,
     .flags = ADMIN | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_set},
    {.name = NULL}};

const dbx_command dbx_cmd_config[] = {{.name = "config",
                                       .group = "server",
                                       .syntax = "",
                                       .summary = "A container for server configuration commands.",
                                       .since = "2.0.0",
                                       .complexity = "Depends on subcommand.",
                                       .arity = -2,
                                       .effect = DBX_EFFECT_NONE,
                                       .subcommands = subcommands},
                                      {.name = NULL}};
