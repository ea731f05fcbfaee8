/* local.h: the in-process transport: an engine called by this process's own threads.
 *
 * What server/ is for sockets this is for function calls: it takes the lock, opens and ends turns,
 * holds writers back, collects streamed replies, and has a thread of its own for timed work. It is
 * told apart from the binding so that it can be tested without Python, and has one fork handler, so
 * that a child never touches its parent's store.
 *
 * Any thread may call anything here at any time, but one session serves one call at a time, and
 * nobody may be inside a call while dbx_local_close runs.
 */
#ifndef DBX_ENGINE_LOCAL_H
#define DBX_ENGINE_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "codec/reply.h"
#include "engine/engine.h"

typedef struct dbx_local dbx_local;

/* dbx_local_open opens an engine. With options->wake whoever is woken does its timed work
 * (dbx_engine_tick); without, a thread that is started here does. */
int dbx_local_open(const dbx_engine_options *options, dbx_local **out, dbx_error *error);
/* dbx_local_on_fork names what the child of a fork calls before anything else runs in it. */
void dbx_local_on_fork(dbx_local *local, void (*let_go)(void *arg), void *arg);
/* dbx_local_close ends the thread, closes the engine and frees `local`, whatever it returns; in a
 * forked child it only frees. All sessions must have been closed. */
int dbx_local_close(dbx_local *local, dbx_error *error);

/* dbx_local_forked: this process is a child of the one that opened; nothing else may be called but
 * dbx_local_close and dbx_local_session_close. */
bool dbx_local_forked(const dbx_local *local);

dbx_engine *dbx_local_engine(dbx_local *local);

/* dbx_local_session_open makes a trusted session; NULL when out of memory. */
dbx_session *dbx_local_session_open(dbx_local *local);
void dbx_local_session_close(dbx_local *local, dbx_session *session);

/* One command. */
typedef struct dbx_call {
    size_t argc;
    dbx_slice *argv;
    dbx_spool *input; /* set by dbx_local_spool when argv lies in it, else NULL */
} dbx_call;

/* dbx_local_spool moves a command of more than DBX_ENGINE_SPOOL_MIN bytes into a spool, whose pages
 * are not the process's memory: argv then points into it. Smaller ones stay. DBX_OK or an error. */
int dbx_local_spool(dbx_local *local, dbx_call *call, dbx_error *error);
/* dbx_local_unspool lets the spool go, and with it what argv points to: argc is 0 then. Calls that
 * have none stay as they are. */
void dbx_local_unspool(dbx_local *local, dbx_call *call);

typedef struct dbx_local_result {
    uint64_t position; /* what the replies have to wait for, see dbx_local_settle */
    bool wait;         /* durability is `always` */
    bool closed;       /* a command asked for the connection to be closed (QUIT) */
    bool shutdown;     /* SHUTDOWN was executed: close everything */
} dbx_local_result;

/* Commands that are being executed: the caller's memory, for dbx_local_step and its like alone. It
 * may be copied between two calls, for one of the copies to go on with. */
typedef struct dbx_local_work {
    dbx_local *local;
    dbx_session *session;
    const dbx_call *calls;
    size_t count, next; /* calls[next] is to be run next */
    bool together;
    uint32_t delay_us; /* before the next step is worth trying */
    dbx_reply reply;   /* its source is what is left of the last reply */
    dbx_local_result result;
} dbx_local_work;

/* dbx_local_begin prepares the execution of `count` commands in order, whose replies, in RESP3, are
 * appended to `out`. With `together` they are one turn under one hold of the lock: no other command
 * comes between them, and they share one journal write; otherwise turns are as long as the engine
 * wants them. A failed journal write shows in the replies. `calls`, `session` and `out` stay the
 * work's until it is done: until a step or dbx_local_finish has returned something else than 1, or
 * dbx_local_drop. */
void dbx_local_begin(dbx_local_work *work, dbx_local *local, dbx_session *session,
                     const dbx_call *calls, size_t count, bool together, dbx_buf *out);
/* dbx_local_step holds the lock once, for a turn or a part of a large reply, and waits for nothing
 * else. Returns 1 when there is more to do, DBX_OK when all is done, or DBX_ENOMEM when a reply did
 * not fit in memory, or what a streamed reply failed with; the commands may then have been
 * executed. */
int dbx_local_step(dbx_local_work *work);
/* dbx_local_finish does all that is left, and waits where writers are held back; returns as
 * dbx_local_step, but never 1. */
int dbx_local_finish(dbx_local_work *work);
/* dbx_local_run begins and finishes. */
int dbx_local_run(dbx_local *local, dbx_session *session, const dbx_call *calls, size_t count,
                  bool together, dbx_buf *out, dbx_local_result *result);
/* dbx_local_drop forgets what is left to do; what was executed remains so. */
void dbx_local_drop(dbx_local_work *work);

/* dbx_local_settle blocks until the replies of `result` may be believed (durability `always`);
 * DBX_EIO when the sync failed and the outcome is unknown. */
int dbx_local_settle(dbx_local *local, const dbx_local_result *result);

#endif
