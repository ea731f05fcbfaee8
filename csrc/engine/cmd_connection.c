/* cmd_connection.c: the commands that open and shape a connection: PING ECHO QUIT RESET HELLO AUTH
 * SELECT. */
#include <string.h>

#include "base/num.h"
#include "codec/resp_write.h"
#include "engine/auth.h"
#include "engine/client.h"
#include "engine/state.h"

static int cmd_ping(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) > 1) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
    } else if (dbx_args_left(args) == 1) {
        out->ops->bulk(out, dbx_args_next(args));
    } else {
        out->ops->status(out, dbx_slice_of("PONG", 4));
    }
    return DBX_OK;
}

static int cmd_echo(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx;
    out->ops->bulk(out, dbx_args_next(args));
    return DBX_OK;
}

static int cmd_quit(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)ctx, (void)args;
    dbx_reply_ok(out);
    return DBX_RUN_CLOSE;
}

static int cmd_reset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    if (!dbx_session_reset(ctx->session)) return DBX_ENOMEM;
    dbx_resp_switch(out, ctx->session->state.resp);
    dbx_reply_line(out, "RESET");
    return DBX_OK;
}

static int cmd_select(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    int64_t db = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (db < INT32_MIN || db > INT32_MAX) {
        dbx_reply_error(out,
                        "ERR value is out of range, value must between -2147483648 and 2147483647");
        return DBX_OK;
    }
    if (db < 0 || db >= ctx->engine->config.databases) {
        dbx_reply_error(out, "ERR DB index is out of range");
        return DBX_OK;
    }
    if (ctx->session->state.db != (uint32_t)db) {
        dbx_session_state *state = dbx_session_edit(ctx->session);
        if (state == NULL) return DBX_ENOMEM;
        state->db = (uint32_t)db;
    }
    dbx_reply_ok(out);
    return DBX_OK;
}

/* --- Who is it
 * ------------------------------------------------------------------------------------- */

#define WRONGPASS "WRONGPASS invalid username-password pair or user is disabled."
#define NO_PASSWORD                                                                                \
    "ERR AUTH <password> called without any password configured for the default user. Are you "    \
    "sure your configuration is correct?"
#define HELLO_NOAUTH                                                                               \
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "      \
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "     \
    "RESP protocol version at the same time"

/* Logs the session in; on a wrong pair the error is written. */
static int log_in(dbx_session *session, dbx_slice user, dbx_slice password, dbx_reply *out) {
    if (!dbx_auth_check(dbx_session_config(session)->requirepass, user, password)) {
        session->engine->stats.auth_failures++;
        dbx_reply_error(out, WRONGPASS);
        return DBX_OK;
    }
    dbx_session_state *state = dbx_session_edit(session);
    if (state == NULL) return DBX_ENOMEM;
    state->authenticated = true;
    return DBX_OK;
}

static int cmd_auth(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice user = dbx_slice_str("default");
    if (dbx_args_left(args) > 2) {
        dbx_reply_error(out, "ERR syntax error");
        return DBX_OK;
    }
    if (dbx_args_left(args) == 2) {
        user = dbx_args_next(args);
    } else if (dbx_session_config(ctx->session)->requirepass[0] == '\0') {
        dbx_reply_error(out, NO_PASSWORD);
        return DBX_OK;
    }
    int rc = log_in(ctx->session, user, dbx_args_next(args), out);
    if (rc == DBX_OK && !out->errored) dbx_reply_ok(out);
    return rc;
}

/* --- HELLO
 * ----------------------------------------------------------------------------------------- */

typedef struct hello {
    int64_t version; /* 0: as it is */
    bool auth, named;
    dbx_slice user, password, name;
} hello;

/* False: the error is written. */
static bool hello_read(dbx_args *args, dbx_reply *out, hello *h) {
    if (dbx_args_left(args) == 0) return true;
    if (!dbx_num_from_slice(dbx_args_next(args), &h->version)) {
        dbx_reply_error(out, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (h->version < 2 || h->version > 3) {
        dbx_reply_error(out, "NOPROTO unsupported protocol version");
        return false;
    }
    while (dbx_args_left(args) > 0) {
        if (dbx_args_left(args) > 2 && dbx_args_word(args, "AUTH")) {
            h->auth = true;
            h->user = dbx_args_next(args);
            h->password = dbx_args_next(args);
        } else if (dbx_args_left(args) > 1 && dbx_args_word(args, "SETNAME")) {
            h->named = true;
            h->name = dbx_args_next(args);
            if (!dbx_client_check_text(h->name, dbx_slice_str("Client names"), out)) return false;
        } else {
            dbx_slice word = dbx_args_next(args);
            dbx_reply_errorf(out, "ERR Syntax error in HELLO option '%.*s'",
                             (int)(word.len < 128 ? word.len : 128), (const char *)word.ptr);
            return false;
        }
    }
    return true;
}

static void hello_say(const dbx_session *session, dbx_reply *out) {
    out->ops->open(out, DBX_MAP, 7);
    dbx_reply_str(out, "server");
    dbx_reply_str(out, "redis");
    dbx_reply_str(out, "version");
    dbx_reply_str(out, DBX_REDIS_VERSION);
    dbx_reply_str(out, "proto");
    out->ops->integer(out, session->state.resp);
    dbx_reply_str(out, "id");
    out->ops->integer(out, (int64_t)session->id);
    dbx_reply_str(out, "mode");
    dbx_reply_str(out, "standalone");
    dbx_reply_str(out, "role");
    dbx_reply_str(out, "master");
    dbx_reply_str(out, "modules");
    out->ops->open(out, DBX_ARRAY, 0);
    out->ops->close(out);
    out->ops->close(out);
}

static int cmd_hello(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session *session = ctx->session;
    hello h = {0};
    int rc = DBX_OK;
    if (!hello_read(args, out, &h)) return DBX_OK;
    if (h.auth) rc = log_in(session, h.user, h.password, out);
    if (rc != DBX_OK || out->errored) return rc;
    if (dbx_session_needs_auth(session)) {
        dbx_reply_error(out, HELLO_NOAUTH);
        return DBX_OK;
    }
    dbx_session_state *state = dbx_session_edit(session);
    if (state == NULL) return DBX_ENOMEM;
    if (h.named) rc = dbx_session_put_text(session, &state->name, h.name);
    if (rc != DBX_OK) return rc;
    if (h.version != 0) {
        state->resp = (uint8_t)h.version;
        dbx_resp_switch(out, state->resp);
    }
    hello_say(session, out);
    return DBX_OK;
}

/* --- Rows
 * ------------------------------------------------------------------------------------------ */

enum {
    OPENING = DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_FAST | DBX_CMD_NO_AUTH |
              DBX_CMD_ALLOW_BUSY
};

static const char *const ping_tips[] = {"request_policy:all_shards",
                                        "response_policy:all_succeeded", NULL};
static const char *const hello_history[] = {
    "6.2.0",
    "`protover` made optional; when called without arguments the command reports the current "
    "connection's context.",
    NULL};
static const char *const auth_history[] = {"6.0.0", "Added ACL style (username and password).",
                                           NULL};

const dbx_command dbx_cmd_connection[] = {
    {.name = "ping",
     .group = "connection",
     .syntax = "[message]",
     .summary = "Returns the server's liveliness response.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .tips = ping_tips,
     .arity = -1,
     .flags = DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_ping},
    {.name = "echo",
     .group = "connection",
     .syntax = "message",
     .summary = "Returns the given string.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_echo},
    {.name = "quit",
     .group = "connection",
     .syntax = "",
     .summary = "Closes the connection.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .doc_flags = "deprecated",
     .deprecated_since = "7.2.0",
     .replaced_by = "just closing the connection",
     .arity = -1,
     .flags = OPENING | DBX_CMD_UNQUEUED,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_quit},
    {.name = "reset",
     .group = "connection",
     .syntax = "",
     .summary = "Resets the connection.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = 1,
     .flags = OPENING | DBX_CMD_UNQUEUED,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_reset},
    {.name = "hello",
     .group = "connection",
     .syntax =
         "[arguments: protover:integer [AUTH <auth: username password>] [SETNAME clientname]]",
     .summary = "Handshakes with the Redis server.",
     .since = "6.0.0",
     .complexity = "O(1)",
     .history = hello_history,
     .arity = -1,
     .flags = OPENING,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_hello},
    {.name = "auth",
     .group = "connection",
     .syntax = "[username@6.0.0] password",
     .summary = "Authenticates the connection.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of passwords defined for the user",
     .history = auth_history,
     .arity = -2,
     .flags = OPENING,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_auth},
    {.name = "select",
     .group = "connection",
     .syntax = "index",
     .summary = "Changes the selected database.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_select},
    {.name = NULL}};
