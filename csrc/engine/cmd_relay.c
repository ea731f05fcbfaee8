/* cmd_relay.c: RELAY: other processes introduce themselves, and a server its clients. Internal: it
 * exists for who comes by the data directory's socket, and nobody else. See relay.h. */
#include <string.h>

#include "base/num.h"
#include "engine/relay.h"
#include "engine/session.h"
#include "engine/state.h"

#define SERVER_NAME "dbx-serve" /* in CLIENT LIST */

/* --- The server
 * ------------------------------------------------------------------------------------ */

/* Reads all settings; false: the error is written. */
static bool read_settings(dbx_args *args, dbx_config *config, int *rc, dbx_reply *out) {
    while (dbx_args_left(args) > 0 && *rc == DBX_OK) {
        dbx_slice name = dbx_args_next(args), value = dbx_args_next(args);
        const dbx_setting_row *row = dbx_config_find(name);
        const char *why = "there is no such setting of connections";
        if (row == NULL || (row->flags & DBX_SETTING_CONNECTION) == 0) {
            *rc = DBX_EINVAL;
        } else {
            *rc = dbx_config_put(config, row, value, true, &why);
        }
        if (*rc != DBX_EINVAL) continue;
        dbx_reply_errorf(out, "ERR '%.*s': %s", (int)(name.len < 128 ? name.len : 128),
                         (const char *)name.ptr, why);
        *rc = DBX_OK;
        return false;
    }
    return *rc == DBX_OK;
}

static int cmd_server(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session *session = ctx->session;
    dbx_engine *engine = ctx->engine;
    int rc = DBX_OK;
    if (dbx_args_left(args) % 2 != 0) {
        dbx_reply_error(out, "ERR syntax error");
        return DBX_OK;
    }
    dbx_session_state *state = dbx_session_edit(session);
    dbx_relay *relay = state == NULL ? NULL : dbx_relay_new();
    if (relay == NULL) return DBX_ENOMEM;
    bool read = read_settings(args, &relay->config, &rc, out);
    if (read) rc = dbx_session_put_text(session, &state->name, dbx_slice_str(SERVER_NAME));
    if (!read || rc != DBX_OK) {
        dbx_relay_unref(engine, relay);
        return rc;
    }
    dbx_relay_settle(engine, relay);
    dbx_relay_unref(engine, session->serves); /* its clients keep what held when they came */
    session->serves = relay;
    char text[DBX_NUM_TEXT_MAX + DBX_RUN_ID_CHARS + 2];
    size_t len = dbx_num_to_text((int64_t)session->id, text);
    text[len++] = ' ';
    memcpy(text + len, engine->run_id, DBX_RUN_ID_CHARS);
    out->ops->status(out, dbx_slice_of(text, len + DBX_RUN_ID_CHARS));
    return DBX_OK;
}

/* --- A client
 * -------------------------------------------------------------------------------------- */

static dbx_relay *find_relay(dbx_engine *engine, dbx_slice text) {
    int64_t id;
    if (!dbx_num_from_slice(text, &id) || id < 1) return NULL;
    const dbx_session *server = dbx_session_find(&engine->sessions, (uint64_t)id);
    return server == NULL ? NULL : server->serves;
}

/* Whatever goes wrong, what follows on this connection comes from somebody who is not trusted. */
static int cmd_client(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session *session = ctx->session;
    dbx_relay *relay = find_relay(ctx->engine, dbx_args_next(args));
    dbx_slice peer = dbx_args_next(args), local = dbx_args_next(args);
    if (relay == NULL) return DBX_RUN_CLOSE; /* it has joined another owner: it will come again */
    int rc = dbx_session_relay(session, relay, peer, local);
    if (rc == DBX_OK) rc = dbx_session_restore(session, dbx_args_next(args));
    if (rc == DBX_OK) return DBX_RUN_RELAYED;
    dbx_reply_error(out, rc == DBX_ENOMEM ? "OOM not enough memory for this connection"
                                          : "ERR this connection's state cannot be carried over");
    return DBX_RUN_CLOSE;
}

/* --- A program
 * -------------------------------------------------------------------------------------- */

static int cmd_program(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    ctx->session->calls = true;
    dbx_reply_ok(out);
    return DBX_OK;
}

/* --- Rows
 * ------------------------------------------------------------------------------------------ */

enum {
    FLAGS = DBX_CMD_INTERNAL | DBX_CMD_ADMIN | DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE |
            DBX_CMD_NO_MULTI
};

static const dbx_command subcommands[] = {
    {.name = "relay|client",
     .group = "server",
     .syntax = "server-id:integer addr laddr state",
     .summary = "Makes the connection that of a client of a server that has joined.",
     .since = "8.0.0",
     .complexity = "O(1)",
     .arity = 6,
     .flags = FLAGS,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_client},
    {.name = "relay|program",
     .group = "server",
     .syntax = "",
     .summary = "Joins as a program, whose every command is answered as a call is.",
     .since = "8.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = FLAGS,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_program},
    {.name = "relay|server",
     .group = "server",
     .syntax = "<data: parameter value> [data ...]",
     .summary = "Joins as a server that passes its clients on, with its settings for them.",
     .since = "8.0.0",
     .complexity = "O(N) where N is the number of settings",
     .arity = -4,
     .flags = FLAGS,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_server},
    {.name = NULL}};

const dbx_command dbx_cmd_relay[] = {
    {.name = "relay",
     .group = "server",
     .syntax = "",
     .summary = "A container for what processes that have joined say.",
     .since = "8.0.0",
     .complexity = "Depends on subcommand.",
     .arity = -2,
     .flags = DBX_CMD_INTERNAL,
     .effect = DBX_EFFECT_NONE,
     .subcommands = subcommands},
    {.name = NULL}};
