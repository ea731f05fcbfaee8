/* conn_write.c: a connection's output: holding it until it may leave, streaming, sending.
 *
 * A connection that waits for time or durability (replies held for their sync, a streamed reply, a
 * write held back, a soft output limit) is in server->care, and the loop looks after it each time
 * it wakes.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "codec/resp_write.h"
#include "server/loop.h"

void dbx_conn_turn_failed(dbx_conn *conn, const char *error) {
    conn->out.len = conn->turn_start;
    if (conn->stream != NULL && conn->stream->of_this_turn) dbx_conn_end_stream(conn);
    dbx_resp_sink(&conn->server->reply, 2, &conn->out); /* errors look the same in both versions */
    for (uint32_t i = 0; i < conn->turn_replies; i++)
        dbx_reply_error(&conn->server->reply, error);
    if (conn->out.failed) dbx_conn_kill(conn);
}

/* --- Holding
 * --------------------------------------------------------------------------------------- */

void dbx_conn_hold(dbx_conn *conn, uint64_t position) {
    size_t end = conn->out.len;
    if (end == conn->turn_start) return;
    if (conn->mark_count == DBX_MARKS_MAX)
        conn->mark_count--; /* the last one waits for this one too */
    conn->marks[conn->mark_count++] = (dbx_out_mark){end, position};
}

/* How much of the output may be sent: up to the last mark that is durable. */
static size_t sendable(dbx_conn *conn) {
    unsigned done = 0;
    size_t end = conn->out.len;
    if (conn->mark_count == 0) return end;
    uint64_t durable = dbx_engine_durable(conn->server->engine);
    while (done < conn->mark_count && conn->marks[done].position <= durable)
        done++;
    if (done < conn->mark_count) {
        /* What an earlier turn without marks said stands before the first mark, and waits with it.
         */
        end = done == 0 ? conn->out_sent : conn->marks[done - 1].end;
    }
    conn->mark_count -= done;
    memmove(conn->marks, conn->marks + done, conn->mark_count * sizeof conn->marks[0]);
    return end > conn->out_sent ? end : conn->out_sent;
}

/* --- Streaming
 * ------------------------------------------------------------------------------------- */

/* A step was taken: until when the next one must be. */
static void set_deadline(dbx_stream *stream, int64_t now_us) {
    int64_t end_us = stream->begun_us + (int64_t)DBX_STREAM_MS_MAX * 1000;
    stream->deadline_us = now_us + (int64_t)DBX_STREAM_STALL_MS * 1000;
    if (stream->deadline_us > end_us) stream->deadline_us = end_us;
}

void dbx_conn_stream(dbx_conn *conn) {
    dbx_server *server = conn->server;
    dbx_source *source = server->reply.source;
    dbx_stream *stream = dbx_alloc(sizeof *stream);
    server->reply.source = NULL;
    if (stream == NULL) {
        source->destroy(source);
        dbx_conn_kill(conn); /* the header promised what cannot be sent */
        return;
    }
    stream->source = source;
    stream->reply = server->reply;
    stream->begun_us = server->now_us;
    set_deadline(stream, server->now_us);
    stream->of_this_turn = true;
    conn->stream = stream;
}

void dbx_conn_end_stream(dbx_conn *conn) {
    if (conn->stream == NULL) return;
    conn->stream->source->destroy(conn->stream->source);
    dbx_alloc_free(conn->stream);
    conn->stream = NULL;
}

bool dbx_conn_hungry(const dbx_conn *conn) {
    return conn->stream != NULL && !conn->dead && dbx_conn_pending(conn) < DBX_STREAM_STEP_BYTES;
}

void dbx_conn_produce(dbx_conn *conn) {
    dbx_stream *stream = conn->stream;
    dbx_conn_report_begin(conn);
    int rc = stream->source->produce(stream->source, &stream->reply, DBX_STREAM_STEP_BYTES);
    set_deadline(stream, conn->server->now_us);
    if (rc <= 0 || conn->out.failed) dbx_conn_end_stream(conn);
    dbx_conn_report_end(conn);
    if (rc < 0 || conn->out.failed) dbx_conn_kill(conn);
}

/* --- Sending
 * --------------------------------------------------------------------------------------- */

/* Sent bytes at the front are dropped when there are many: the rest moves once for each as many
 * bytes. */
static void compact(dbx_conn *conn) {
    size_t sent = conn->out_sent;
    if (sent < DBX_POOL_BUF_BYTES || sent < conn->out.len / 2) return;
    dbx_buf_consume(&conn->out, sent);
    conn->out_sent = 0;
    for (unsigned i = 0; i < conn->mark_count; i++)
        conn->marks[i].end -= sent;
}

void dbx_conn_send(dbx_conn *conn) {
    dbx_server *server = conn->server;
    if (conn->dead) return;
    size_t end = sendable(conn);
    size_t left = end - conn->out_sent;
    if (left > 0) {
        ssize_t n =
            send(conn->watch.fd, conn->out.ptr + conn->out_sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        server->counts.writes++;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            dbx_conn_kill(conn);
            return;
        }
        if (n > 0) {
            server->counts.net_out += (size_t)n;
            conn->out_sent += (size_t)n;
            compact(conn);
        }
        conn->blocked_out = n < 0 || (size_t)n < left;
    } else {
        conn->blocked_out = false;
    }
    dbx_conn_settle(conn);
}

/* --- Looking after
 * --------------------------------------------------------------------------------- */

void dbx_conn_care(dbx_conn *conn) {
    dbx_server *server = conn->server;
    if (conn->dead) return;
    if (conn->parked_until_us != 0 && server->now_us >= conn->parked_until_us) {
        conn->parked_until_us = 0;
        dbx_loop_ready(conn);
    }
    if (conn->stream != NULL && server->now_us >= conn->stream->deadline_us) {
        server->counts.output_kills++;
        dbx_conn_kill(conn);
        return;
    }
    if (conn->mark_count > 0 && !conn->blocked_out) {
        dbx_conn_send(conn);
    } else {
        dbx_conn_settle(conn);
    }
}
