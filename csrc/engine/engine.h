/* engine.h: the engine as transports see it: sessions in, replies out, one lock.
 *
 * RESP, the in-process API and later HTTP, WebSocket and scripts all enter by dbx_engine_run() with
 * a session and argv. Nothing here knows of sockets; nothing here touches Python.
 *
 * The order of things (see ARCHITECTURE.md, "life of a write"): lock; turn_begin; run...; turn_end
 * (journal write); unlock; then, and only then, replies leave; with durability `always` when
 * dbx_engine_durable() has reached the position that turn_end gave.
 */
#ifndef DBX_ENGINE_ENGINE_H
#define DBX_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "codec/reply.h"
#include "codec/resp_read.h"

typedef struct dbx_engine dbx_engine;
typedef struct dbx_session dbx_session;
typedef struct dbx_spool dbx_spool; /* store/store.h */

typedef struct dbx_setting {
    const char *name, *value; /* CONFIG's names and spellings */
} dbx_setting;

typedef struct dbx_engine_options {
    const char *path; /* data directory; NULL: in memory */
    const dbx_setting
        *settings;      /* ended by a NULL name; what CONFIG SET takes, plus start-up ones */
    const char *socket; /* Unix socket to tell others of, or NULL */
    bool embedded;      /* in somebody's program: whoever comes by a socket cannot end it */
    void (*wake)(
        void *arg); /* called by background threads and by calls of other threads that need the
                       transport's attention (output for a session, durability): must only wake */
    void *wake_arg;
} dbx_engine_options;

/* dbx_engine_open opens the store and replays the journal. */
int dbx_engine_open(const dbx_engine_options *options, dbx_engine **out, dbx_error *error);
int dbx_engine_close(dbx_engine *engine, dbx_error *error);
/* dbx_engine_owner says who has signed the lock of the data directory at `path`, last; false:
 * nobody, or it cannot be read. `server`: it was opened without `embedded`. */
typedef struct dbx_owner {
    long pid;
    bool server;
} dbx_owner;
bool dbx_engine_owner(const char *path, dbx_owner *out);
void dbx_engine_close_forked(dbx_engine *engine);

/* --- Sessions ------------------------------------------------------------------------------------
 */
typedef struct dbx_session_options {
    const char *peer, *local; /* "ip:port" or a socket's path, for CLIENT LIST; copied */
    bool trusted;             /* in-process: needs no AUTH */
    bool remote;              /* of another machine: see dbx_config_guarded */
    int fd;                   /* for CLIENT LIST; -1 */
    void *transport;          /* the transport's own connection; see dbx_session_transport */
    /* CLIENT KILL, output limits: the transport must close this session's connection once its
     * pending output is sent (`now`: without). Called under the lock; NULL for in-process sessions.
     */
    void (*kill)(void *transport, bool now);
} dbx_session_options;

/* NULL: out of memory. */
dbx_session *dbx_session_open(dbx_engine *engine, const dbx_session_options *options); /* locked */
void dbx_session_close(dbx_session *session);                                          /* locked */

/* The protocol version that replies to this session are written in: set the sink by it before each
 * command. HELLO and RESET change it, and set the sink of their own reply, which must be a RESP
 * one. */
int dbx_session_resp(const dbx_session *session);
/* dbx_session_calls: it is a program's that has joined: as with dbx_local_run, every command has a
 * reply, in RESP3 whatever HELLO said, and null where a client is told nothing (CLIENT REPLY). */
bool dbx_session_calls(const dbx_session *session);
/* dbx_session_active: the client sent something; CLIENT LIST's idle and `timeout` count from it.
 * Locked. */
void dbx_session_active(dbx_session *session);

/* dbx_session_refused: the transport has answered a command with an error, because it could not be
 * received: a transaction that it belongs to must not be executed without it. Locked. */
void dbx_session_refused(dbx_session *session);

/* What CLIENT LIST shows of a transport's buffers, in bytes. */
typedef struct dbx_session_buffers {
    size_t input, input_free;   /* qbuf, qbuf-free */
    size_t output, output_room; /* obl and omem, rbs */
    bool writing, closing;      /* waits to be writable; closes when its output is sent */
} dbx_session_buffers;
typedef void dbx_session_measure_fn(void *transport, dbx_session_buffers *out);
/* dbx_session_set_measure tells how to ask; called back under the lock. */
void dbx_session_set_measure(dbx_session *session, dbx_session_measure_fn *measure);

/* --- Clients of servers that have joined ---------------------------------------------------------
 * Such a session's transport tells the server how things stand, so that the client can be carried
 * over to the next owner. All locked. */
/* dbx_session_config has the settings of its connection (DBX_SETTING_CONNECTION): this process's,
 * or those of the server it is a client of, which never change. */
const struct dbx_config *dbx_session_config(const dbx_session *session);
/* dbx_session_resting: all that the next owner has to know of it is what dbx_session_print says;
 * not so within a transaction, for instance. */
bool dbx_session_resting(const dbx_session *session);
/* dbx_session_edits changes whenever the session's state may have. */
uint64_t dbx_session_edits(const dbx_session *session);
/* dbx_session_print appends its state (selected database, protocol, names, ...) as text. */
void dbx_session_print(const dbx_session *session, dbx_buf *out);
/* dbx_session_restore gives a new session the state that was printed, by whatever owner.
 * DBX_EINVAL: there is no such state here; DBX_ENOMEM. The session is then of no use. */
int dbx_session_restore(dbx_session *session, dbx_slice text);
/* dbx_session_stops: the client has shut the server down that it is connected to. */
bool dbx_session_stops(const dbx_session *session);

/* --- Turns ---------------------------------------------------------------------------------------
 */
void dbx_engine_lock(dbx_engine *engine);
void dbx_engine_unlock(dbx_engine *engine);

void dbx_engine_turn_begin(dbx_engine *engine);
/* dbx_engine_run executes one command; its reply is in `out` (a sink of the session's protocol).
 * `input` is the spool argv points into, or NULL. Returns 0, or DBX_RUN_CLOSE when the connection
 * must be closed after the reply, if there is one (QUIT, SHUTDOWN), or DBX_RUN_WAIT: a command that
 * must wait, a write that is held back or SAVE, for dbx_engine_hold_us() (it has written nothing;
 * run it again, before anything else of the session), or
 * DBX_RUN_NOREPLY: it was executed and says nothing (CLIENT REPLY), or DBX_RUN_RELAYED: it says
 * nothing, and from here on the session is a client of a server that has joined: see below. */
enum { DBX_RUN_CLOSE = 1, DBX_RUN_WAIT = 2, DBX_RUN_NOREPLY = 3, DBX_RUN_RELAYED = 4 };
int dbx_engine_run(dbx_engine *engine, dbx_session *session, size_t argc, const dbx_slice *argv,
                   dbx_spool *input, dbx_reply *out);
/* dbx_engine_turn_full: the turn has done enough (commands, bytes, time): end it now. */
bool dbx_engine_turn_full(const dbx_engine *engine);
/* dbx_engine_turn_us is how long the turn's commands have taken so far. */
int64_t dbx_engine_turn_us(const dbx_engine *engine);
/* dbx_engine_turn_again, before the end of a turn that has written nothing, takes back what its
 * commands did to their sessions, so that they may all be run again. */
void dbx_engine_turn_again(dbx_engine *engine);
/* dbx_engine_turn_end writes the journal. On failure everything was undone: the transport replaces
 * every reply of the turn by error->text. *position: what a reply of this turn has to wait for. */
int dbx_engine_turn_end(dbx_engine *engine, uint64_t *position, dbx_error *error);

/* --- Between turns -------------------------------------------------------------------------------
 */
/* dbx_engine_replies_wait: the replies of the last turn wait for its sync (`always`). Locked. */
bool dbx_engine_replies_wait(const dbx_engine *engine);
uint64_t dbx_engine_durable(dbx_engine *engine); /* any thread */
/* dbx_engine_push asks for durability now, on behalf of replies that wait; it may block for as long
 * as a quick device takes to sync, and then returns true: options->wake is called only if it
 * failed. Any thread, unlocked. */
bool dbx_engine_push(dbx_engine *engine);
int dbx_engine_wait_durable(dbx_engine *engine,
                            uint64_t position); /* any thread, unlocked, blocks */
/* dbx_engine_hold_us is how long a session waits that was told DBX_RUN_WAIT. Locked. */
uint32_t dbx_engine_hold_us(dbx_engine *engine, const dbx_session *session);

enum { DBX_VIEWS_COST_SLOW = 2, DBX_VIEWS_COST_ANY = 4 };
/* dbx_engine_views_cost is the memory that streamed replies keep, in halves of what a write buffer
 * may take: its bound and 8 MB. From DBX_VIEWS_COST_SLOW on the oldest that is slow should end,
 * from DBX_VIEWS_COST_ANY on the oldest. Locked. */
size_t dbx_engine_views_cost(const dbx_engine *engine);

/* dbx_engine_tick does timed work (expiry, client timeouts) in bounded steps in turns of its own;
 * returns milliseconds until it wants to be called again (0: at once; -1: not before something
 * changes). Locked. */
int64_t dbx_engine_tick(dbx_engine *engine);

/* dbx_engine_shutdown_wanted: SHUTDOWN was executed; the transport stops its loop and closes. */
bool dbx_engine_shutdown_wanted(const dbx_engine *engine);

/* Protocol limits as configured; unauthenticated sessions get tighter ones. */
const dbx_resp_limits *dbx_engine_limits(const dbx_engine *engine, const dbx_session *session);

/* Commands of more bytes than this belong in a spool: a file, so that they do not fill memory. See
 * store/store.h for the three functions. Locked. */
enum { DBX_ENGINE_SPOOL_MIN = 1 << 20 };
int dbx_engine_spool_open(dbx_engine *engine, dbx_spool **out, dbx_error *error);
uint8_t *dbx_engine_spool_reserve(dbx_engine *engine, dbx_spool *spool, size_t len, size_t more,
                                  dbx_error *error);
void dbx_engine_spool_close(dbx_engine *engine, dbx_spool *spool);

/* --- For transports ------------------------------------------------------------------------------
 */
struct dbx_config;
struct dbx_stats;
/* Settings to read (engine/config.h) and counters to add to (engine/stats.h). Locked. */
const struct dbx_config *dbx_engine_config(const dbx_engine *engine);
struct dbx_stats *dbx_engine_stats(dbx_engine *engine);
size_t dbx_engine_session_count(const dbx_engine *engine); /* locked */
/* dbx_engine_put_setting sets a setting from the transport's side, start-up ones included: what
 * `port` came to be. Locked. DBX_EINVAL with `error` set: not a setting, or not a value of it. */
int dbx_engine_put_setting(dbx_engine *engine, const char *name, const char *value,
                           dbx_error *error);
/* dbx_engine_set_clients_max says what maxclients can be at most. Locked. */
void dbx_engine_set_clients_max(dbx_engine *engine, int64_t count);
/* dbx_engine_add_listener adds a line to INFO server: "name=tcp,bind=127.0.0.1,port=6379". Locked.
 */
int dbx_engine_add_listener(dbx_engine *engine, const char *text);

#endif
