/* cmd_multi.c: transactions: MULTI EXEC DISCARD. Queueing is dispatch's; the queue is multi.c. */
#include "engine/exec_reply.h"
#include "engine/multi.h"
#include "engine/state.h"

static int cmd_multi(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    if (ctx->session->state.multi != NULL) {
        dbx_reply_error(out, "ERR MULTI calls can not be nested");
        return DBX_OK;
    }
    dbx_session_state *state = dbx_session_edit(ctx->session);
    if (state == NULL) return DBX_ENOMEM;
    state->multi = dbx_multi_new();
    if (state->multi == NULL) return DBX_ENOMEM;
    dbx_reply_ok(out);
    return DBX_OK;
}

static int cmd_discard(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    if (ctx->session->state.multi == NULL) {
        dbx_reply_error(out, "ERR DISCARD without MULTI");
        return DBX_OK;
    }
    dbx_multi_end(ctx->session);
    dbx_reply_ok(out);
    return DBX_OK;
}

/* All of it, whatever fails: returns DBX_OK, or DBX_RUN_CLOSE when a command asked for that. */
static int run_queued(dbx_ctx *ctx, dbx_reply *out) {
    dbx_session *session = ctx->session;
    dbx_exec_reply reply;
    int result = DBX_OK;
    out->ops->open(out, DBX_ARRAY, session->state.queued);
    dbx_exec_reply_open(&reply, out);
    for (const dbx_multi_call *call = session->state.multi->first; call != NULL;
         call = call->next) {
        dbx_reply_mark mark = dbx_reply_mark_take(out);
        if (dbx_dispatch_queued(ctx->engine, session, call, out, mark) == DBX_RUN_CLOSE)
            result = DBX_RUN_CLOSE;
        dbx_exec_reply_next(&reply, mark);
    }
    out->ops->close(out);
    dbx_exec_reply_close(&reply);
    out->errored = false; /* EXEC itself has not failed */
    return result;
}

int dbx_multi_exec(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_session *session = ctx->session;
    int rc = DBX_OK;
    (void)args;
    if (session->state.multi == NULL) {
        dbx_reply_error(out, "ERR EXEC without MULTI");
        return DBX_OK;
    }
    if (session->state.aborted) {
        dbx_reply_error(out, "EXECABORT Transaction discarded because of previous errors.");
    } else if (dbx_session_edit(session) == NULL) {
        rc = DBX_ENOMEM; /* before anything was run: no command can fail for this any more */
    } else {
        rc = run_queued(ctx, out);
    }
    dbx_multi_end(session);
    return rc;
}

enum { OWN = DBX_CMD_NOSCRIPT | DBX_CMD_LOADING | DBX_CMD_STALE | DBX_CMD_UNQUEUED };

const dbx_command dbx_cmd_multi[] = {
    {.name = "multi",
     .group = "transactions",
     .syntax = "",
     .summary = "Starts a transaction.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arity = 1,
     .flags = OWN | DBX_CMD_FAST | DBX_CMD_ALLOW_BUSY,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_multi},
    {.name = "exec",
     .group = "transactions",
     .syntax = "",
     .summary = "Executes all commands in a transaction.",
     .since = "1.2.0",
     .complexity = "Depends on commands in the transaction",
     .arity = 1,
     .flags = OWN | DBX_CMD_SKIP_SLOWLOG | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = dbx_multi_exec},
    {.name = "discard",
     .group = "transactions",
     .syntax = "",
     .summary = "Discards a transaction.",
     .since = "2.0.0",
     .complexity = "O(N), when N is the number of queued commands",
     .arity = 1,
     .flags = OWN | DBX_CMD_FAST | DBX_CMD_ALLOW_BUSY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_discard},
    {.name = NULL}};
