/* cmd_client.c: CLIENT: what connections are there, naming them, ending them. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "commands/help.h"
#include "engine/auth.h"
#include "engine/client.h"
#include "engine/state.h"

static int cmd_id(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    out->ops->integer(out, (int64_t)ctx->session->id);
    return DBX_OK;
}

/* --- LIST and INFO
 * --------------------------------------------------------------------------------- */

static void print_line(const dbx_session *session, dbx_buf *text) {
    dbx_client_print(session, text);
    dbx_buf_byte(text, '\n');
}

/* Hands `text` over as the reply and frees it. */
static int reply_text(dbx_buf *text, dbx_reply *out) {
    int rc = text->failed ? DBX_ENOMEM : DBX_OK;
    if (rc == DBX_OK) out->ops->verbatim(out, "txt", dbx_buf_slice(text));
    dbx_buf_free(text);
    return rc;
}

static int cmd_info(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf text = {0};
    (void)args;
    print_line(ctx->session, &text);
    return reply_text(&text, out);
}

static int list_ids(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf text = {0};
    while (dbx_args_left(args) > 0) {
        int64_t id = 0;
        if (!dbx_num_from_slice(dbx_args_next(args), &id)) {
            dbx_buf_free(&text);
            dbx_reply_error(out, "ERR Invalid client ID");
            return DBX_OK;
        }
        const dbx_session *session =
            id > 0 ? dbx_session_find(&ctx->engine->sessions, (uint64_t)id) : NULL;
        if (session != NULL) print_line(session, &text);
    }
    return reply_text(&text, out);
}

static int list_class(dbx_ctx *ctx, int class, dbx_reply *out) {
    const dbx_sessions *sessions = &ctx->engine->sessions;
    const dbx_client_filter filter = {.class = class};
    dbx_buf text = {0};
    for (size_t i = 0; i < sessions->count; i++) {
        if (dbx_client_matches(&filter, sessions->at[i], NULL)) print_line(sessions->at[i], &text);
    }
    return reply_text(&text, out);
}

static void unknown_type(dbx_slice name, dbx_reply *out) {
    dbx_reply_errorf(out, "ERR Unknown client type '%.*s'", (int)(name.len < 128 ? name.len : 128),
                     (const char *)name.ptr);
}

static int cmd_list(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) == 0) return list_class(ctx, DBX_CLIENT_ANY, out);
    if (dbx_args_left(args) == 2 && dbx_args_word(args, "TYPE")) {
        dbx_slice name = dbx_args_next(args);
        int class = dbx_client_class(name);
        if (class != DBX_CLIENT_ANY) return list_class(ctx, class, out);
        unknown_type(name, out);
        return DBX_OK;
    }
    if (dbx_args_left(args) > 1 && dbx_args_word(args, "ID")) return list_ids(ctx, args, out);
    dbx_reply_error(out, "ERR syntax error");
    return DBX_OK;
}

/* --- KILL
 * ------------------------------------------------------------------------------------------ */

static void read_positive(dbx_args *args, const char *not_integer, const char *not_positive,
                          int64_t *value) {
    if (!dbx_num_from_slice(dbx_args_next(args), value)) {
        dbx_args_fail(args, not_integer);
    } else if (*value < 1) {
        dbx_args_fail(args, not_positive);
    }
}

/* One option and its value, which is there. False: an error was written or latched. */
static bool read_filter(dbx_args *args, dbx_client_filter *filter, dbx_reply *out) {
    static const char small_id[] = "ERR client-id should be greater than 0";
    int64_t number = 0;
    if (dbx_args_word(args, "ID")) {
        read_positive(args, small_id, small_id, &number);
        filter->id = (uint64_t)number;
    } else if (dbx_args_word(args, "MAXAGE")) {
        read_positive(args, "ERR maxage is not an integer or out of range",
                      "ERR maxage should be greater than 0", &filter->age_s);
    } else if (dbx_args_word(args, "TYPE")) {
        dbx_slice name = dbx_args_next(args);
        filter->class = dbx_client_class(name);
        if (filter->class == DBX_CLIENT_ANY) unknown_type(name, out);
    } else if (dbx_args_word(args, "ADDR")) {
        filter->addr = dbx_args_next(args);
    } else if (dbx_args_word(args, "LADDR")) {
        filter->laddr = dbx_args_next(args);
    } else if (dbx_args_word(args, "USER")) {
        dbx_slice name = dbx_args_next(args);
        if (!dbx_slice_eq(name, dbx_slice_str(DBX_AUTH_USER))) {
            dbx_reply_errorf(out, "ERR No such user '%.*s'", (int)(name.len < 128 ? name.len : 128),
                             (const char *)name.ptr);
        }
    } else if (dbx_args_word(args, "SKIPME")) {
        filter->skip_me = dbx_args_word(args, "YES");
        if (!filter->skip_me && !dbx_args_word(args, "NO")) dbx_args_fail(args, "ERR syntax error");
    } else {
        dbx_args_fail(args, "ERR syntax error");
    }
    return args->error == NULL && !out->errored;
}

/* How many were told to close; *me: the caller is one of them. */
static int64_t kill_matching(dbx_ctx *ctx, const dbx_client_filter *filter, bool *me) {
    const dbx_sessions *sessions = &ctx->engine->sessions;
    int64_t killed = 0;
    *me = false;
    for (size_t i = 0; i < sessions->count; i++) {
        dbx_session *session = sessions->at[i];
        /* A server that has joined is no client: without it, its clients could not be told from
         * those whose owner is gone, and would go on. Who means it says its id. */
        if (session->serves != NULL && filter->id == 0) continue;
        if (session->killed || !dbx_client_matches(filter, session, ctx->session)) continue;
        if (!dbx_session_kill(session, session != ctx->session)) continue;
        if (session == ctx->session) *me = true;
        killed++;
    }
    return killed;
}

static int cmd_kill(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    bool by_address = dbx_args_left(args) == 1, me;
    dbx_client_filter filter = {.class = DBX_CLIENT_ANY, .skip_me = !by_address};
    if (by_address) filter.addr = dbx_args_next(args);
    while (dbx_args_left(args) > 1) {
        if (!read_filter(args, &filter, out)) break;
    }
    if (out->errored || !dbx_args_end(args, out)) return DBX_OK;
    int64_t killed = kill_matching(ctx, &filter, &me);
    if (!by_address) {
        out->ops->integer(out, killed);
    } else if (killed == 0) {
        dbx_reply_error(out, "ERR No such client");
    } else {
        dbx_reply_ok(out);
    }
    return me ? DBX_RUN_CLOSE : DBX_OK;
}

/* --- Names
 * ----------------------------------------------------------------------------------------- */

static int cmd_getname(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    const char *name = ctx->session->state.name;
    (void)args;
    if (name == NULL) {
        out->ops->null(out);
    } else {
        dbx_reply_str(out, name);
    }
    return DBX_OK;
}

/* Keeps `text` in `field` of the session's edited state; `what` is what an error calls it. */
static int put_text(dbx_session *session, char **field, dbx_slice text, dbx_slice what,
                    dbx_reply *out) {
    if (!dbx_client_check_text(text, what, out)) return DBX_OK;
    int rc = dbx_session_put_text(session, field, text);
    if (rc == DBX_OK) dbx_reply_ok(out);
    return rc;
}

static int cmd_setname(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session_state *state = dbx_session_edit(ctx->session);
    if (state == NULL) return DBX_ENOMEM;
    dbx_slice what = dbx_slice_str("Client names");
    return put_text(ctx->session, &state->name, dbx_args_next(args), what, out);
}

static int cmd_setinfo(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session_state *state = dbx_session_edit(ctx->session);
    if (state == NULL) return DBX_ENOMEM;
    dbx_slice option = dbx_args_next(args);
    char **field = NULL;
    if (dbx_slice_eq_nocase(option, dbx_slice_str("lib-name"))) field = &state->lib_name;
    if (dbx_slice_eq_nocase(option, dbx_slice_str("lib-ver"))) field = &state->lib_ver;
    if (field != NULL) return put_text(ctx->session, field, dbx_args_next(args), option, out);
    dbx_reply_errorf(out, "ERR Unrecognized option '%.*s'",
                     (int)(option.len < 128 ? option.len : 128), (const char *)option.ptr);
    return DBX_OK;
}

/* --- Modes
 * ----------------------------------------------------------------------------------------- */

static int cmd_reply(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session_state *state = dbx_session_edit(ctx->session);
    if (state == NULL) return DBX_ENOMEM;
    if (dbx_args_word(args, "ON")) {
        state->reply = DBX_REPLY_ON;
        dbx_reply_ok(out);
    } else if (dbx_args_word(args, "OFF")) {
        state->reply = DBX_REPLY_OFF;
    } else if (dbx_args_word(args, "SKIP")) {
        if (state->reply != DBX_REPLY_OFF) state->reply = DBX_REPLY_SKIP_NEXT;
    } else {
        dbx_reply_error(out, "ERR syntax error");
    }
    return DBX_OK;
}

static int put_switch(bool *mode, dbx_args *args, dbx_reply *out) {
    bool on = dbx_args_word(args, "ON");
    if (!on && !dbx_args_word(args, "OFF")) {
        dbx_reply_error(out, "ERR syntax error");
        return DBX_OK;
    }
    *mode = on;
    dbx_reply_ok(out);
    return DBX_OK;
}

static int cmd_no_evict(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session_state *state = dbx_session_edit(ctx->session);
    return state == NULL ? DBX_ENOMEM : put_switch(&state->no_evict, args, out);
}

static int cmd_no_touch(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session_state *state = dbx_session_edit(ctx->session);
    return state == NULL ? DBX_ENOMEM : put_switch(&state->no_touch, args, out);
}

static int cmd_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    static const char *const lines[] = {
        "GETNAME",
        "    Return the name of the current connection.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made from the specified address",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made to specified local address",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Kill connections by type.",
        "    * USER <username>",
        "      Kill connections authenticated by <username>.",
        "    * SKIPME (YES|NO)",
        "      Skip killing current connection (default: yes).",
        "    * ID <client-id>",
        "      Kill connections by client id.",
        "    * MAXAGE <maxage>",
        "      Kill connections older than the specified age.",
        "LIST [options ...]",
        "    Return information about client connections. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Return clients of specified type.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "SETINFO <option> <value>",
        "    Set client meta attr. Options are:",
        "    * LIB-NAME: the client lib name.",
        "    * LIB-VER: the client lib version.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Will not touch LRU/LFU stats when this mode is on.",
        NULL};
    (void)args;
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows
 * ------------------------------------------------------------------------------------------ */

enum { OWN = DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE, ADMIN = DBX_CMD_ADMIN | OWN };

#define KILL_FILTER                                                                                \
    "[ID client-id:integer]@2.8.12 | "                                                             \
    "[TYPE <client-type: NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB>]@2.8.12 | "       \
    "[USER username] | [ADDR addr=ip:port] | [LADDR laddr=ip:port]@6.2.0 | "                       \
    "[SKIPME <skipme: YES | NO>] | [MAXAGE maxage:integer]@7.4.0"

static const char *const unstable_tips[] = {"nondeterministic_output", NULL};
static const char *const everywhere_tips[] = {"request_policy:all_nodes",
                                              "response_policy:all_succeeded", NULL};
static const char *const kill_history[] = {
    "2.8.12",
    "Added new filter format.",
    "2.8.12",
    "`ID` option.",
    "3.2.0",
    "Added `master` type in for `TYPE` option.",
    "5.0.0",
    "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.",
    "6.2.0",
    "`LADDR` option.",
    "7.4.0",
    "`MAXAGE` option.",
    NULL};
static const char *const list_history[] = {
    "2.8.12",
    "Added unique client `id` field.",
    "5.0.0",
    "Added optional `TYPE` filter.",
    "6.0.0",
    "Added `user` field.",
    "6.2.0",
    "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.",
    "7.0.0",
    "Added `resp`, `multi-mem`, `rbs` and `rbp` fields.",
    "7.0.3",
    "Added `ssub` field.",
    "7.2.0",
    "Added `lib-name` and `lib-ver` fields.",
    "7.4.0",
    "Added `watch` field.",
    "8.0.0",
    "Added `io-thread` field.",
    NULL};

static const dbx_command subcommands[] = {
    {.name = "client|getname",
     .group = "connection",
     .syntax = "",
     .summary = "Returns the name of the connection.",
     .since = "2.6.9",
     .complexity = "O(1)",
     .arity = 2,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_getname},
    {.name = "client|help",
     .group = "connection",
     .syntax = "",
     .summary = "Returns helpful text about the different subcommands.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_help},
    {.name = "client|id",
     .group = "connection",
     .syntax = "",
     .summary = "Returns the unique client ID of the connection.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_id},
    {.name = "client|info",
     .group = "connection",
     .syntax = "",
     .summary = "Returns information about the connection.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .tips = unstable_tips,
     .arity = 2,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_info},
    {.name = "client|kill",
     .group = "connection",
     .syntax =
         "<filter: old-format=ip:port!2.8.12 | <new-format: " KILL_FILTER "> [new-format ...]>",
     .summary = "Terminates open connections.",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .history = kill_history,
     .arity = -3,
     .flags = ADMIN | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_kill},
    {.name = "client|list",
     .group = "connection",
     .syntax = "[TYPE <client-type: NORMAL | MASTER | REPLICA | PUBSUB>]@5.0.0 "
               "[ID client-id:integer [client-id ...]]@6.2.0",
     .summary = "Lists open connections.",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .history = list_history,
     .tips = unstable_tips,
     .arity = -2,
     .flags = ADMIN | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_list},
    {.name = "client|no-evict",
     .group = "connection",
     .syntax = "<enabled: ON | OFF>",
     .summary = "Sets the client eviction mode of the connection.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = ADMIN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_no_evict},
    {.name = "client|no-touch",
     .group = "connection",
     .syntax = "<enabled: ON | OFF>",
     .summary = "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
     .since = "7.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_no_touch},
    {.name = "client|reply",
     .group = "connection",
     .syntax = "<action: ON | OFF | SKIP>",
     .summary = "Instructs the server whether to reply to commands.",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_reply},
    {.name = "client|setinfo",
     .group = "connection",
     .syntax = "<attr: LIB-NAME libname | LIB-VER libver>",
     .summary = "Sets information specific to the client or connection.",
     .since = "7.2.0",
     .complexity = "O(1)",
     .tips = everywhere_tips,
     .arity = 4,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_setinfo},
    {.name = "client|setname",
     .group = "connection",
     .syntax = "connection-name",
     .summary = "Sets the connection name.",
     .since = "2.6.9",
     .complexity = "O(1)",
     .tips = everywhere_tips,
     .arity = 3,
     .flags = OWN,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_setname},
    {.name = NULL}};

const dbx_command dbx_cmd_client[] = {{.name = "client",
                                       .group = "connection",
                                       .syntax = "",
                                       .summary = "A container for client connection commands.",
                                       .since = "2.4.0",
                                       .complexity = "Depends on subcommand.",
                                       .arity = -2,
                                       .effect = DBX_EFFECT_NONE,
                                       .subcommands = subcommands},
                                      {.name = NULL}};
