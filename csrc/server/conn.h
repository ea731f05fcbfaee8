/* conn.h: one client connection: its buffers, what it waits for, and the server it belongs to.
 *
 * An idle connection owns nothing but this struct and its session: input is received into memory
 * that all connections share and only kept when it could not be used up, output buffers come from a
 * pool and go back when they are sent. Fields belong to the loop's thread, except those marked
 * `locked`, which are guarded by the engine lock.
 */
#ifndef DBX_SERVER_CONN_H
#define DBX_SERVER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/reply.h"
#include "codec/resp_read.h"
#include "engine/engine.h"
#include "server/server.h"

enum {
    DBX_RECV_BYTES = 16 << 10,      /* received from one connection for one turn */
    DBX_RECV_LARGE_BYTES = 1 << 20, /* the same for a command that is known to be large */
    DBX_OUTPUT_PAUSE_BYTES =
        256 << 10, /* more pending output: commands are not run, input not read */
    DBX_STREAM_STEP_BYTES =
        256 << 10,               /* of a streamed reply, produced when less than this is pending */
    DBX_STREAM_STALL_MS = 30000, /* a client must take a step of a streamed reply in this time */
    DBX_STREAM_MS_MAX = 15 * 60000, /* and all of it in this: its view keeps pages from reuse */
    DBX_POOL_BUF_BYTES = 64 << 10,  /* output buffers larger than this are not pooled */
    DBX_MARKS_MAX = 4, /* turns whose replies wait for their sync one by one; more wait together */
    /* When all connections' buffers together are beyond this, only those without pending output
     * may run commands, and commands go into spools much earlier. */
    DBX_BUFFERS_BYTES_MAX = 64 << 20,
    DBX_SPOOL_EARLY_BYTES = 64 << 10
};

/* What epoll reports on. */
typedef struct dbx_watch {
    enum {
        DBX_WATCH_WAKE,
        DBX_WATCH_LISTENER,
        DBX_WATCH_CONN,
        DBX_WATCH_OWNER,  /* join.h */
        DBX_WATCH_CLIENT, /* forward.h */
        DBX_WATCH_LINK
    } kind;
    int fd;
    uint32_t events; /* as registered */
    bool known;      /* to epoll */
} dbx_watch;

/* Output up to `end` may be sent when `position` is durable. */
typedef struct dbx_out_mark {
    size_t end; /* offset in conn->out */
    uint64_t position;
} dbx_out_mark;

/* The rest of a large reply, and the sink in the middle of which it goes on. */
typedef struct dbx_stream {
    dbx_source *source;
    dbx_reply reply;
    int64_t begun_us, deadline_us;
    bool of_this_turn; /* to be dropped when the turn fails */
} dbx_stream;

typedef struct dbx_conn_reports dbx_conn_reports; /* loop.h */

typedef struct dbx_conn {
    dbx_watch watch; /* first: epoll's pointer is to it */
    dbx_server *server;
    dbx_session *session;                   /* locked */
    struct dbx_conn *prev, *next;           /* all connections */
    struct dbx_conn *next_ready;            /* in server->ready or server->again */
    struct dbx_conn *prev_care, *next_care; /* in server->care: see conn_write.c */
    struct dbx_conn *next_killed;           /* locked */
    struct dbx_conn *next_dead;

    /* input, in the order it arrived: `spool` or `in`, then `chunk` */
    dbx_buf in;
    dbx_slice chunk;      /* in the server's arena, for this turn alone */
    dbx_request *request; /* owned: of a command partly received; NULL: none */
    dbx_spool *spool;     /* a large command is received into it; locked */
    uint8_t *spool_base;
    size_t spool_len, spool_room;
    bool skipping; /* the rest of a command that was refused is thrown away as it comes in */
    uint64_t received;

    /* output */
    dbx_buf out;
    size_t out_sent;
    dbx_out_mark marks[DBX_MARKS_MAX];
    unsigned mark_count;
    dbx_stream *stream;    /* owned: a reply being streamed; no command runs before it is sent */
    int64_t soft_since_us; /* above the soft output limit since then; 0: not */
    dbx_conn_reports *reports; /* owned: of a client of another process's server; NULL: it is not */

    /* this turn */
    size_t turn_start; /* of out.len */
    uint32_t turn_replies;
    uint32_t head_bytes; /* before turn_start: of a report, which is no reply */

    int64_t parked_until_us; /* a write is held back; 0: not */
    size_t counted;          /* buffer bytes in server->buffer_bytes */
    struct {
        size_t input, input_free, output, output_room;
        bool writing, closing;
    } shown;      /* locked: for CLIENT LIST */
    uint8_t kill; /* locked: 1: when its output is sent, 2: at once */
    bool ready, cared, backlog, eof, closing, dead, blocked_out;
} dbx_conn;

/* --- conn.c: life
 * --------------------------------------------------------------------------------- */
/* dbx_conn_open takes over `fd`; `trusted` needs no password; under the lock. NULL: out of memory,
 * and `fd` is closed. */
dbx_conn *dbx_conn_open(dbx_server *server, int fd, const char *peer, const char *local,
                        bool trusted);
/* dbx_conn_adopt goes on with a client that another process has served until now, from `state`
 * (dbx_session_print) on: `in` is input that nobody has executed, `out` replies that it has not had
 * yet. Takes over `fd`, which epoll does not know. False: it cannot be, and `fd` is closed. */
bool dbx_conn_adopt(dbx_server *server, int fd, const char *peer, const char *local,
                    dbx_slice state, dbx_slice in, dbx_slice out);
/* dbx_conn_kill marks it for the end of the iteration; nothing more is done with it. */
void dbx_conn_kill(dbx_conn *conn);
/* dbx_conn_free closes everything; under the lock. */
void dbx_conn_free(dbx_conn *conn);
/* dbx_conn_settle decides what the connection waits for now, and whether it is done. */
void dbx_conn_settle(dbx_conn *conn);
static inline size_t dbx_conn_pending(const dbx_conn *conn) {
    return conn->out.len - conn->out_sent;
}
/* dbx_conn_may_run: nothing stands in the way of its next command. */
bool dbx_conn_may_run(const dbx_conn *conn);

/* --- conn_read.c: input
 * --------------------------------------------------------------------------- */
/* dbx_conn_receive reads once; without the lock. True: there is something to run, or the end. */
bool dbx_conn_receive(dbx_conn *conn);
/* dbx_conn_run executes what has arrived, within the turn. */
void dbx_conn_run(dbx_conn *conn);

/* --- conn_write.c: output
 * -------------------------------------------------------------------------- */
/* dbx_conn_turn_failed replaces the turn's replies by `error`. Under the lock. */
void dbx_conn_turn_failed(dbx_conn *conn, const char *error);
/* dbx_conn_hold makes the turn's replies wait for `position`. */
void dbx_conn_hold(dbx_conn *conn, uint64_t position);
/* dbx_conn_stream takes over the source that the server's sink was left with. Under the lock, as is
 * dbx_conn_end_stream, which drops it. */
void dbx_conn_stream(dbx_conn *conn);
void dbx_conn_end_stream(dbx_conn *conn);
/* dbx_conn_hungry: a streamed reply needs dbx_conn_produce, which is called under the lock. */
bool dbx_conn_hungry(const dbx_conn *conn);
void dbx_conn_produce(dbx_conn *conn);
/* dbx_conn_send sends what may be sent; without the lock. */
void dbx_conn_send(dbx_conn *conn);
/* dbx_conn_care looks after a connection that waits for time or durability. */
void dbx_conn_care(dbx_conn *conn);

/* --- conn_report.c: reports to another process's server, under the lock
 * ----------------------------- */
/* dbx_conn_report_open begins with them, in the middle of a turn; dbx_conn_report_close drops what
 * they need. */
void dbx_conn_report_open(dbx_conn *conn);
void dbx_conn_report_close(dbx_conn *conn);
/* dbx_conn_report_begin and _end stand around everything that adds to the output, the outcome of a
 * turn included. Where there are no reports they do nothing. */
void dbx_conn_report_begin(dbx_conn *conn);
void dbx_conn_report_end(dbx_conn *conn);

#endif
