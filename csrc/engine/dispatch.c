/* dispatch.c: how every command is executed, whoever sends it.
 *
 * One function, dbx_engine_run: find the row, check what may be checked without running (arity,
 * password, writes refused or held back), run the handler between a savepoint and its end, journal
 * the effect as the row says, undo what failed, count. Inside MULTI a command that may be run is
 * queued instead. ACL and blocking join here.
 */
#include <string.h>

#include "base/clock.h"
#include "codec/resp_write.h"
#include "commands/keyspec.h"
#include "commands/table.h"
#include "engine/state.h"

enum { SHOWN_MAX = 128 }; /* bytes of names and arguments that an error repeats, as in Redis */

/* --- Errors
 * ---------------------------------------------------------------------------------------- */

static int shown(dbx_slice text, size_t max) {
    size_t n = text.len < max ? text.len : max;
    const uint8_t *nul = n == 0 ? NULL : memchr(text.ptr, '\0', n);
    return (int)(nul != NULL ? (size_t)(nul - text.ptr) : n);
}

static void reply_unknown(size_t argc, const dbx_slice *argv, dbx_reply *out) {
    char args[SHOWN_MAX + 4];
    size_t len = 0;
    for (size_t i = 1; i < argc && len < SHOWN_MAX; i++) {
        int n = shown(argv[i], SHOWN_MAX - len);
        args[len++] = '\'';
        memcpy(args + len, argv[i].ptr == NULL ? (const uint8_t *)"" : argv[i].ptr, (size_t)n);
        len += (size_t)n;
        args[len++] = '\'';
        args[len++] = ' ';
    }
    dbx_reply_errorf(out, "ERR unknown command '%.*s', with args beginning with: %.*s",
                     shown(argv[0], SHOWN_MAX), (const char *)argv[0].ptr, (int)len, args);
}

static void reply_unknown_subcommand(const dbx_command *row, dbx_slice name, dbx_reply *out) {
    char upper[SHOWN_MAX];
    size_t n = strlen(row->name);
    if (n >= sizeof upper) n = sizeof upper - 1;
    for (size_t i = 0; i < n; i++) {
        char c = row->name[i];
        upper[i] = (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
    }
    upper[n] = '\0';
    dbx_reply_errorf(out, "ERR unknown subcommand '%.*s'. Try %s HELP.", shown(name, SHOWN_MAX),
                     (const char *)name.ptr, upper);
}

/* What a failed handler is answered with: the command did nothing. */
static const char *failure_text(int rc) {
    switch (rc) {
    case DBX_ENOMEM:
        return "OOM not enough memory for this command";
    case DBX_ENOSPC:
        return DBX_DISK_FULL_TEXT;
    case DBX_EIO:
        return "MISCONF the data directory cannot be read or written: see the log";
    case DBX_EREADONLY:
        return "MISCONF writes are refused after a failed sync: see the log";
    case DBX_ECORRUPT:
        return "ERR the data needed for this command is damaged: see the log";
    case DBX_ELIMIT:
        return "ERR the command exceeds a limit of the store";
    case DBX_ESTOPPED:
        return "ERR the server is shutting down";
    default:
        return "ERR internal error";
    }
}

/* Counts an error by its code, which stands behind the '-' of a RESP error. */
static void count_error(dbx_engine *engine, const dbx_reply *out, size_t from) {
    const dbx_buf *buf = out->out;
    dbx_slice text = {NULL, 0};
    if (buf->len > from && buf->ptr[from] == '-')
        text = dbx_slice_of(buf->ptr + from + 1, buf->len - from - 1);
    dbx_stats_error(&engine->stats, text);
}

/* --- Before running
 * -------------------------------------------------------------------------------- */

/* The row that argv names, or NULL with the error written. */
static const dbx_command *resolve(const dbx_session *session, size_t argc, const dbx_slice *argv,
                                  dbx_reply *out) {
    const dbx_command *row = dbx_table_find(argv[0]);
    bool internal = row != NULL && (row->flags & DBX_CMD_INTERNAL) != 0;
    if (row == NULL || (internal && !dbx_session_is_process(session))) {
        reply_unknown(argc, argv, out);
        return NULL;
    }
    if (row->subcommands == NULL || argc == 1) return row;
    const dbx_command *subcommand = dbx_table_subcommand(row, argv[1]);
    if (subcommand == NULL) reply_unknown_subcommand(row, argv[1], out);
    return subcommand;
}

/* A browser was made to talk to us: Redis's protection against cross-protocol scripting. */
static bool is_http(dbx_slice name) {
    return dbx_slice_eq_nocase(name, dbx_slice_str("post")) ||
           dbx_slice_eq_nocase(name, dbx_slice_str("host:"));
}

/* Whether writes are refused now, asked for once a turn. */
static int refusal(dbx_engine *engine) {
    dbx_turn *turn = &engine->turn;
    if (!turn->write_checked) {
        turn->write_checked = true;
        turn->refusal_code = dbx_store_writable(engine->store, &turn->refusal);
    }
    return turn->refusal_code;
}

/* Deleting stays possible on a full disk. */
static bool refuse_write(dbx_engine *engine, uint32_t flags, dbx_reply *out) {
    dbx_turn *turn = &engine->turn;
    if (refusal(engine) == DBX_OK) return false;
    if (turn->refusal_code == DBX_ENOSPC && (flags & DBX_CMD_DENYOOM) == 0) return false;
    dbx_reply_error(out, turn->refusal.text);
    return true;
}

/* Writers wait while the applier or the disk is behind: each session once, then for a whole turn
 * not again, so that a pipeline is not held back command by command. */
static bool hold_back(dbx_engine *engine, dbx_session *session) {
    dbx_turn *turn = &engine->turn;
    if (turn->delay_us == 0 || session->paid_turn == turn->number) return false;
    if (session->held_until_us == 0) {
        session->held_until_us = turn->now_us + turn->delay_us;
        return true;
    }
    if (turn->now_us < session->held_until_us) return true;
    session->held_until_us = 0;
    session->paid_turn = turn->number;
    return false;
}

/* A command whose result is larger than the write buffer was in the way of an apply: it comes again
 * when that is over, or has failed. */
static int await_apply(dbx_engine *engine, dbx_session *session) {
    session->apply.number = dbx_store_hurry(engine->store);
    session->apply.failures = dbx_store_apply_failures(engine->store);
    return DBX_RUN_WAIT;
}

static bool awaits_apply(const dbx_engine *engine, const dbx_session *session) {
    return session->apply.number != 0 && !dbx_store_saved(engine->store, session->apply.number) &&
           dbx_store_apply_failures(engine->store) == session->apply.failures;
}

/* True when the command may run; otherwise its error is written. `flags`: what it does, the row's
 * own or, of an EXEC, also those of what is queued. */
static bool admit(dbx_engine *engine, const dbx_session *session, const dbx_command *row,
                  uint32_t flags, size_t argc, dbx_reply *out) {
    if (!dbx_table_arity_fits(row, argc)) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", row->name);
    } else if ((flags & DBX_CMD_NO_AUTH) == 0 && dbx_session_needs_auth(session)) {
        dbx_reply_error(out, "NOAUTH Authentication required.");
    } else if ((flags & DBX_CMD_WRITE) == 0 || !refuse_write(engine, flags, out)) {
        return true;
    }
    return false;
}

/* EXEC was refused: the transaction ends, and the reason becomes part of its error. */
static void discard_because(dbx_session *session, dbx_reply *out, dbx_reply_mark mark) {
    char why[DBX_ERROR_TEXT_MAX];
    size_t from = mark.len + 1, len = out->out->len > from ? out->out->len - from : 0;
    if (len >= sizeof why) len = sizeof why - 1;
    if (len > 0) memcpy(why, out->out->ptr + from, len);
    why[len] = '\0';
    why[strcspn(why, "\r")] = '\0';
    dbx_reply_rollback(out, mark);
    dbx_reply_errorf(out, "EXECABORT Transaction discarded because of: %s",
                     why + (strncmp(why, "ERR ", 4) == 0 ? 4 : 0));
    dbx_multi_end(session);
}

/* --- Running
 * --------------------------------------------------------------------------------------- */

/* Runs the handler and journals its effect; on failure nothing is left of it but the error reply.
 */
static int execute(dbx_ctx *ctx, size_t argc, const dbx_slice *argv, bool is_subcommand,
                   dbx_reply *out, dbx_reply_mark mark) {
    const dbx_command *row = ctx->command;
    dbx_args args = {.argv = argv, .argc = argc, .at = is_subcommand ? 2 : 1};
    dbx_savepoint savepoint = dbx_txn_command_begin(ctx->txn, (row->flags & DBX_CMD_WRITE) != 0);
    int rc = row->run(ctx, &args, out);
    if (rc >= 0 && row->effect == DBX_EFFECT_ARGV && !out->errored &&
        dbx_txn_changed(ctx->txn, savepoint)) {
        int journalled = dbx_txn_effect(ctx->txn, ctx->db, argc, argv);
        if (journalled < 0) rc = journalled;
    }
    if (rc < 0) {
        dbx_txn_command_undo(ctx->txn, savepoint);
        dbx_reply_rollback(out, mark);
        if (rc != DBX_EBUSY) dbx_reply_error(out, failure_text(rc));
    }
    dbx_txn_command_end(ctx->txn, savepoint);
    return rc;
}

/* A command that was not admitted: a transaction it belongs to comes to nothing. Returns 0. */
static int reject(dbx_session *session, dbx_command_stats *slot, dbx_reply *out,
                  dbx_reply_mark mark) {
    slot->rejected++;
    if (slot->row->run == dbx_multi_exec) {
        discard_because(session, out, mark);
    } else {
        dbx_session_refused(session);
    }
    return 0;
}

/* 0: a command that uses the spool has to wait; negative: it cannot run, and its error is written.
 * The journal names only what is durable. */
static int check_input(dbx_spool *input, dbx_reply *out) {
    int ready = dbx_spool_ready(input);
    if (ready < 0) dbx_reply_error(out, failure_text(ready));
    return ready;
}

static int run_admitted(dbx_engine *engine, dbx_session *session, dbx_command_stats *slot,
                        size_t argc, const dbx_slice *argv, dbx_spool *input, dbx_reply *out,
                        dbx_reply_mark mark) {
    dbx_turn *turn = &engine->turn;
    const dbx_command *row = slot->row;
    int64_t begun_us = turn->now_us;
    dbx_ctx ctx = {.txn = engine->txn,
                   .session = session,
                   .engine = engine,
                   .command = row,
                   .db = session->state.db,
                   .times = dbx_txn_times(engine->txn),
                   .string_bytes_max = dbx_engine_limits(engine, session)->bulk_bytes_max,
                   .may_write = row->effect != DBX_EFFECT_NONE && refusal(engine) == DBX_OK,
                   .encodings = &engine->config.encodings,
                   /* Of what a transaction runs EXEC is the last. */
                   .can_wait = session->last == slot && !session->together,
                   .resp = session->state.resp};
    if (input != NULL) dbx_txn_input(engine->txn, input);
    /* Once: then it waits for the applier by itself, or others might keep it from running. */
    dbx_txn_may_wait(engine->txn, ctx.can_wait && session->apply.number == 0);
    int rc = execute(&ctx, argc, argv, slot->parent != NULL, out, mark);
    if (input != NULL) dbx_txn_input(engine->txn, NULL);
    session->apply.number = 0;
    if (rc == DBX_EBUSY) rc = await_apply(engine, session);
    int64_t now_us = dbx_clock_mono_us();
    if (rc == DBX_RUN_WAIT) { /* it comes again: not counted */
        turn->now_us = now_us;
        return rc;
    }
    dbx_stats_called(slot, (uint64_t)(now_us - begun_us), engine->config.latency_tracking != 0);
    if ((row->flags & DBX_CMD_WRITE) != 0) turn->write_us += now_us - begun_us;
    turn->now_us = now_us;
    if (out->errored) slot->failed++;
    engine->stats.commands++;
    return rc > 0 ? rc : 0;
}

/* Inside MULTI. A large command waits for its spool here, so that EXEC need not. */
static int enqueue(dbx_engine *engine, dbx_session *session, dbx_command_stats *slot, size_t argc,
                   const dbx_slice *argv, dbx_spool *input, dbx_reply *out, dbx_reply_mark mark) {
    const dbx_command *row = slot->row;
    if (!admit(engine, session, row, row->flags, argc, out))
        return reject(session, slot, out, mark);
    if ((row->flags & DBX_CMD_NO_MULTI) != 0) {
        dbx_reply_error(out, "ERR Command not allowed inside a transaction");
        return reject(session, slot, out, mark);
    }
    int ready = input == NULL ? 1 : check_input(input, out);
    if (ready == 0) return DBX_RUN_WAIT;
    if (ready < 0) return reject(session, slot, out, mark);
    dbx_session_state *state = dbx_session_edit(session);
    int rc = state == NULL ? DBX_ENOMEM : DBX_OK;
    if (rc == DBX_OK && !state->aborted) {
        rc = dbx_multi_add(state->multi, row, argc, argv, input,
                           (uint64_t)dbx_session_config(session)->query_buffer_limit);
        if (rc == DBX_OK) state->queued++;
    }
    if (rc != DBX_OK) {
        dbx_reply_error(out,
                        rc == DBX_ELIMIT ? "ERR the transaction is too large" : failure_text(rc));
        return reject(session, slot, out, mark);
    }
    out->ops->status(out, dbx_slice_of("QUEUED", 6));
    return 0;
}

static int run_row(dbx_engine *engine, dbx_session *session, const dbx_command *row, size_t argc,
                   const dbx_slice *argv, dbx_spool *input, dbx_reply *out, dbx_reply_mark mark) {
    dbx_command_stats *slot = dbx_stats_of(&engine->stats, row);
    uint32_t flags = row->flags;
    session->last = slot;
    if (session->state.multi != NULL) {
        if ((flags & DBX_CMD_UNQUEUED) == 0)
            return enqueue(engine, session, slot, argc, argv, input, out, mark);
        if (row->run == dbx_multi_exec)
            flags |= session->state.multi->flags & (DBX_CMD_WRITE | DBX_CMD_DENYOOM);
    }
    if (!admit(engine, session, row, flags, argc, out)) return reject(session, slot, out, mark);
    if ((flags & DBX_CMD_WRITE) != 0 && hold_back(engine, session)) return DBX_RUN_WAIT;
    if (awaits_apply(engine, session)) return DBX_RUN_WAIT;
    if (input != NULL && (flags & DBX_CMD_WRITE) != 0) {
        int ready = check_input(input, out);
        if (ready <= 0) return ready == 0 ? DBX_RUN_WAIT : 0;
    }
    return run_admitted(engine, session, slot, argc, argv, input, out, mark);
}

int dbx_dispatch_queued(dbx_engine *engine, dbx_session *session, const dbx_multi_call *call,
                        dbx_reply *out, dbx_reply_mark mark) {
    dbx_command_stats *slot = dbx_stats_of(&engine->stats, call->row);
    int rc = run_admitted(engine, session, slot, call->argc, call->argv, call->input, out, mark);
    engine->turn.commands++;
    if (out->errored) count_error(engine, out, mark.len);
    bool silent = session->state.reply == DBX_REPLY_OFF || out->out->len == mark.len;
    if (silent && !out->out->failed) {
        dbx_reply_rollback(out, mark);
        out->ops->null(out);
    }
    return rc;
}

/* CLIENT REPLY: whether the command that just ran says nothing, and what holds for the next.
 * `before`: the mode it was started in. Of an EXEC only that counts: CLIENT REPLY within it speaks
 * of what follows. */
static bool silenced(dbx_session *session, dbx_reply_mode before, bool exec) {
    bool said = exec && before == DBX_REPLY_ON;
    dbx_reply_mode now = (dbx_reply_mode)session->state.reply;
    if (before == DBX_REPLY_ON && now == DBX_REPLY_ON) return false;
    if (now == DBX_REPLY_SKIP || now == DBX_REPLY_SKIP_NEXT) {
        dbx_session_state *state = dbx_session_edit(session);
        /* Without memory for the savepoint the mode changes without one: only a turn that fails
         * right then would notice. */
        if (state == NULL) state = &session->state;
        state->reply = now == DBX_REPLY_SKIP ? DBX_REPLY_ON : DBX_REPLY_SKIP;
        return !said;
    }
    return now == DBX_REPLY_OFF && !said;
}

int dbx_engine_run(dbx_engine *engine, dbx_session *session, size_t argc, const dbx_slice *argv,
                   dbx_spool *input, dbx_reply *out) {
    dbx_reply_mode mode = (dbx_reply_mode)session->state.reply;
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    const dbx_command *row = resolve(session, argc, argv, out);
    int rc = 0;
    if (row != NULL) {
        rc = run_row(engine, session, row, argc, argv, input, out, mark);
        if (rc == DBX_RUN_WAIT) return rc;
    } else if (is_http(argv[0]) && dbx_session_kill(session, true)) {
        dbx_reply_rollback(out, mark);
        return DBX_RUN_CLOSE;
    } else {
        dbx_session_refused(session);
    }
    engine->turn.commands++;
    if (out->errored) count_error(engine, out, mark.len);
    if ((mode != DBX_REPLY_ON || session->state.reply != DBX_REPLY_ON) &&
        silenced(session, mode, row != NULL && row->run == dbx_multi_exec)) {
        dbx_reply_rollback(out, mark);
        return rc == 0 ? DBX_RUN_NOREPLY : rc;
    }
    engine->turn.reply_bytes += out->out->len - mark.len;
    return rc;
}

/* --- Replay
 * ---------------------------------------------------------------------------------------- */

int dbx_dispatch_replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                        dbx_error *error) {
    dbx_replayer *replayer = arg;
    const dbx_command *row = argc == 0 ? NULL : dbx_table_resolve(argc, argv);
    if (row == NULL || (row->flags & DBX_CMD_WRITE) == 0 || !dbx_table_arity_fits(row, argc)) {
        return dbx_error_set(error, DBX_ECORRUPT, "the journal holds what is no effect: '%.*s'",
                             argc == 0 ? 0 : shown(argv[0], SHOWN_MAX),
                             argc == 0 ? "" : (const char *)argv[0].ptr);
    }
    dbx_ctx ctx = {.txn = txn,
                   .engine = replayer->engine,
                   .command = row,
                   .db = db,
                   .times = dbx_txn_times(txn),
                   .string_bytes_max = UINT64_MAX, /* what was accepted once is accepted again */
                   .may_write = true,
                   .encodings = &replayer->engine->config.encodings,
                   .resp = 2};
    replayer->text.len = 0;
    dbx_resp_sink(&replayer->reply, 2, &replayer->text);
    dbx_reply_mark mark = dbx_reply_mark_take(&replayer->reply);
    bool is_subcommand = row != dbx_table_find(argv[0]);
    int rc = execute(&ctx, argc, argv, is_subcommand, &replayer->reply, mark);
    bool errored = replayer->reply.errored;
    if (rc >= 0 && !errored) {
        dbx_reply_rollback(&replayer->reply, mark);
        return DBX_OK;
    }
    size_t len = replayer->text.len;
    (void)dbx_error_set(error, rc < 0 ? rc : DBX_ECORRUPT, "the journal's '%s' failed: %.*s",
                        row->name, len > 3 ? (int)(len - 3) : 0,
                        len > 3 ? (const char *)replayer->text.ptr + 1 : "");
    dbx_reply_rollback(&replayer->reply, mark);
    return rc < 0 ? rc : DBX_ECORRUPT;
}

void dbx_dispatch_replay_keys(void *replayer, size_t argc, const dbx_slice *argv,
                              dbx_replay_found_fn *found, void *found_arg) {
    const dbx_command *row = dbx_table_resolve(argc, argv);
    (void)replayer;
    if (row == NULL || !dbx_table_arity_fits(row, argc)) return;
    (void)dbx_keyspec_walk(row, argc, argv, found, found_arg);
}
