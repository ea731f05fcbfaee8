/* conn_read.c: a connection's input: receiving it, and running the commands in it.
 *
 * Bytes are received into the arena that all connections of a turn share, and parsed there. Only
 * what is left over (part of a command, or commands the turn had no room for) is copied into the
 * connection's own buffer; a command of more than DBX_ENGINE_SPOOL_MIN bytes moves on into a spool.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "codec/resp_write.h"
#include "server/loop.h"

enum { SPOOL_RETRY_US = 200 }; /* a command waits for its spool's sync, or for the applier */

/* --- Receiving
 * ------------------------------------------------------------------------------------- */

/* Where the next bytes go, and how many at most. */
static uint8_t *receive_room(dbx_conn *conn, size_t *room) {
    dbx_server *server = conn->server;
    size_t wants = conn->request == NULL ? 0 : dbx_request_wants(conn->request, conn->in.len);
    if (conn->spool != NULL) { /* not beyond the argument, so that little is left over */
        wants = dbx_request_wants(conn->request, conn->spool_len);
        *room = conn->spool_room - conn->spool_len;
        if (*room > DBX_RECV_LARGE_BYTES) *room = DBX_RECV_LARGE_BYTES;
        if (wants > 0 && wants < *room) *room = wants;
        return conn->spool_base + conn->spool_len;
    }
    if (conn->in.len == 0) {
        *room = DBX_RECV_BYTES;
        return server->arena + server->arena_used;
    }
    if (wants < DBX_RECV_BYTES) wants = DBX_RECV_BYTES;
    if (wants > DBX_RECV_LARGE_BYTES / 4)
        wants = DBX_RECV_LARGE_BYTES / 4; /* announced, not yet sent */
    *room = wants;
    return dbx_buf_reserve(&conn->in, wants);
}

static void received(dbx_conn *conn, const uint8_t *at, size_t n) {
    dbx_server *server = conn->server;
    server->counts.net_in += n;
    conn->received += n;
    if (conn->spool != NULL) {
        conn->spool_len += n;
    } else if (conn->in.len > 0) {
        conn->in.len += n;
    } else {
        conn->chunk = dbx_slice_of(at, n);
        server->arena_used += (n + 63) & ~(size_t)63; /* a cache line each */
    }
}

bool dbx_conn_receive(dbx_conn *conn) {
    size_t room;
    uint8_t *at = receive_room(conn, &room);
    if (at == NULL) {
        dbx_conn_kill(conn);
        return false;
    }
    ssize_t n = recv(conn->watch.fd, at, room, 0);
    conn->server->counts.reads++;
    if (n > 0) {
        received(conn, at, (size_t)n);
        return true;
    }
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) dbx_conn_kill(conn);
        return false;
    }
    conn->eof = true; /* it may still read: what it sent is answered first */
    dbx_conn_settle(conn);
    return false;
}

/* --- Keeping
 * --------------------------------------------------------------------------------------- */

/* The unread bytes, wherever they are. */
static dbx_slice unread(const dbx_conn *conn) {
    if (conn->spool != NULL) return dbx_slice_of(conn->spool_base, conn->spool_len);
    return conn->in.len > 0 ? dbx_buf_slice(&conn->in) : conn->chunk;
}

/* Ends the connection with an error, after the replies it already has. */
static void give_up(dbx_conn *conn, const char *code, const char *text) {
    dbx_reply_errorf(&conn->server->reply, "%s%s", code, text);
    conn->turn_replies++;
    conn->closing = true;
}

/* A large command goes into a spool, and room is made for what is still to come. False: it could
 * not be, and that has been said. */
static bool spool_input(dbx_conn *conn, dbx_slice rest, size_t wants) {
    dbx_server *server = conn->server;
    dbx_error error = {0};
    uint8_t *base = NULL;
    dbx_spool *spool = conn->spool;
    if (wants < DBX_RECV_BYTES) wants = DBX_RECV_BYTES;
    if (wants > DBX_RECV_LARGE_BYTES) wants = DBX_RECV_LARGE_BYTES;
    bool first = spool == NULL;
    if (!first || dbx_engine_spool_open(server->engine, &spool, &error) == DBX_OK) {
        base = dbx_engine_spool_reserve(server->engine, spool, first ? 0 : rest.len,
                                        first ? rest.len + wants : wants, &error);
        if (base == NULL && first) dbx_engine_spool_close(server->engine, spool);
    }
    if (base == NULL) {
        dbx_reply_errorf(&server->reply, "ERR %s", error.text);
        dbx_session_refused(conn->session);
        conn->turn_replies++;
        return false;
    }
    if (first) {
        memcpy(base, rest.ptr, rest.len);
        dbx_buf_free(&conn->in);
    }
    conn->spool = spool;
    conn->spool_base = base;
    conn->spool_len = rest.len;
    conn->spool_room = rest.len + wants;
    return true;
}

/* Drops the spool after its command; what came behind it goes back into a buffer. */
static void leave_spool(dbx_conn *conn, size_t used) {
    dbx_buf_add(&conn->in, conn->spool_base + used, conn->spool_len - used);
    dbx_engine_spool_close(conn->server->engine, conn->spool);
    conn->spool = NULL;
}

/* Removes the first `used` bytes of unread input; the rest ends up in the connection's own memory.
 */
static void keep_rest(dbx_conn *conn, size_t used) {
    if (conn->spool != NULL) {
        if (used > 0) leave_spool(conn, used);
    } else if (conn->in.len > 0) {
        dbx_buf_consume(&conn->in, used);
        dbx_buf_shrink(&conn->in, 0);
    } else if (conn->chunk.len > used) {
        dbx_buf_add(&conn->in, conn->chunk.ptr + used, conn->chunk.len - used);
    }
    conn->chunk = dbx_slice_of(NULL, 0);
    if (conn->in.failed) dbx_conn_kill(conn);
}

/* --- Running
 * --------------------------------------------------------------------------------------- */

/* The parser of the command being received: the connection's own when part of it came earlier. */
static dbx_request *request_of(dbx_conn *conn) {
    return conn->request != NULL ? conn->request : &conn->server->request;
}

/* A partly received command keeps its parser; the shared one is replaced by a fresh one. */
static void keep_request(dbx_conn *conn) {
    if (conn->request != NULL) return;
    conn->request = dbx_alloc(sizeof *conn->request);
    if (conn->request == NULL) {
        dbx_request_reset(&conn->server->request);
        dbx_conn_kill(conn);
        return;
    }
    *conn->request = conn->server->request;
    dbx_request_init(&conn->server->request);
}

static void drop_request(dbx_conn *conn) {
    if (conn->request == NULL) {
        dbx_request_reset(&conn->server->request);
        return;
    }
    dbx_request_free(conn->request);
    dbx_alloc_free(conn->request);
    conn->request = NULL;
}

/* What a program calls returns something, and in RESP3 whatever HELLO says: see engine/local.c. */
static void answer_call(dbx_conn *conn, int rc) {
    dbx_reply *reply = &conn->server->reply;
    if (reply->source == NULL) dbx_resp_sink(reply, 3, &conn->out);
    if (rc == DBX_RUN_NOREPLY) reply->ops->null(reply);
}

/* One whole command. False: it has to wait, and was not used up. */
static bool run_command(dbx_conn *conn, dbx_request *request) {
    dbx_server *server = conn->server;
    size_t before = conn->out.len;
    int rc = dbx_engine_run(server->engine, conn->session, request->argc, request->argv,
                            conn->spool, &server->reply);
    if (rc == DBX_RUN_WAIT) {
        /* The engine's own clock has gone on since the iteration began: never wake before it. */
        conn->parked_until_us = dbx_clock_mono_us() +
                                dbx_engine_hold_us(server->engine, conn->session) +
                                (conn->spool != NULL ? SPOOL_RETRY_US : 1);
        return false;
    }
    if (dbx_session_calls(conn->session)) answer_call(conn, rc);
    if (conn->out.len > before) conn->turn_replies++;
    if (rc == DBX_RUN_CLOSE) conn->closing = true;
    if (rc == DBX_RUN_RELAYED) dbx_conn_report_open(conn);
    if (server->reply.source != NULL) dbx_conn_stream(conn);
    return true;
}

/* Reads on in a refused command; returns the bytes that need not be kept. */
static size_t skip(dbx_conn *conn, dbx_slice data) {
    size_t used;
    dbx_request *request = request_of(conn);
    int rc = dbx_request_skip(request, dbx_engine_limits(conn->server->engine, conn->session),
                              data.ptr, data.len, &used);
    if (rc == 0) return used;
    conn->skipping = false;
    if (rc < 0) give_up(conn, "ERR ", request->error);
    drop_request(conn);
    return rc < 0 ? data.len : used;
}

/* Part of a command has arrived: bounds, and where the rest of it will go. */
static void wait_for_rest(dbx_conn *conn, size_t used) {
    dbx_server *server = conn->server;
    dbx_slice all = unread(conn);
    dbx_slice rest = dbx_slice_of(all.ptr + used, all.len - used);
    size_t wants = dbx_request_wants(request_of(conn), rest.len), total = rest.len + wants;
    size_t large = server->buffer_bytes > DBX_BUFFERS_BYTES_MAX ? (size_t)DBX_SPOOL_EARLY_BYTES
                                                                : (size_t)DBX_ENGINE_SPOOL_MIN;
    keep_request(conn);
    if (conn->dead) return;
    if (conn->skipping) {
        keep_rest(conn, used);
        return;
    }
    if (conn->spool != NULL && used > 0) { /* the next command: large or not */
        leave_spool(conn, used);
        rest = dbx_buf_slice(&conn->in);
        used = 0;
    }
    if (total > (uint64_t)dbx_loop_settings_of(conn)->query_buffer_limit) {
        server->counts.query_kills++;
        dbx_conn_kill(conn);
    } else if (conn->spool != NULL || (total > large && rest.len > DBX_RECV_BYTES / 2)) {
        if (spool_input(conn, rest, wants)) {
            conn->chunk = dbx_slice_of(NULL, 0);
        } else {
            conn->skipping = true;
            keep_rest(conn, used + skip(conn, rest));
        }
    } else {
        keep_rest(conn, used);
    }
}

/* Runs commands of `unread` until something stops it; returns the bytes used up. *partial: the rest
 * is no whole command. */
static size_t run_commands(dbx_conn *conn, bool *partial) {
    dbx_server *server = conn->server;
    dbx_slice data = unread(conn);
    size_t used = 0;
    *partial = false;
    while (used < data.len && dbx_conn_may_run(conn) && !dbx_engine_turn_full(server->engine)) {
        if (conn->skipping) {
            used += skip(conn, dbx_slice_of(data.ptr + used, data.len - used));
            *partial = conn->skipping;
            if (conn->skipping) return used;
            continue;
        }
        dbx_request *request = request_of(conn);
        size_t consumed;
        int rc = dbx_request_parse(request, dbx_engine_limits(server->engine, conn->session),
                                   data.ptr + used, data.len - used, &consumed);
        if (rc == 0) {
            *partial = true;
            return used;
        }
        if (rc < 0) {
            give_up(conn, "ERR ", rc == DBX_EINVAL ? request->error : "out of memory");
            drop_request(conn);
            return data.len;
        }
        bool done = request->argc == 0 || run_command(conn, request);
        drop_request(conn);
        if (!done) break;
        used += consumed;
    }
    return used;
}

static void show(dbx_conn *conn) {
    conn->shown.input = conn->spool != NULL ? conn->spool_len : conn->in.len;
    conn->shown.input_free = conn->in.cap - conn->in.len;
    conn->shown.output = dbx_conn_pending(conn);
    conn->shown.output_room = conn->out.cap;
    conn->shown.writing = conn->blocked_out;
    conn->shown.closing = conn->closing;
}

void dbx_conn_run(dbx_conn *conn) {
    dbx_server *server = conn->server;
    bool partial = false;
    if (conn->out.cap == 0 && server->pool_count > 0)
        conn->out = server->pool[--server->pool_count];
    conn->turn_start = conn->out.len;
    dbx_conn_report_begin(conn);
    conn->turn_replies = 0;
    if (conn->stream != NULL) conn->stream->of_this_turn = false;
    conn->backlog = false;
    dbx_resp_sink(&server->reply, dbx_session_resp(conn->session), &conn->out);
    dbx_session_active(conn->session);
    size_t used = run_commands(conn, &partial);
    if (partial && !conn->closing) {
        wait_for_rest(conn, used);
    } else {
        keep_rest(conn, used);
        conn->backlog = unread(conn).len > 0 && !conn->closing;
    }
    if (conn->out.failed || conn->in.failed) dbx_conn_kill(conn);
    show(conn);
}
