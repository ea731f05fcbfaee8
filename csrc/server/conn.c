/* conn.c: a connection's life: opening, closing, and deciding what it waits for. */
#include "server/conn.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "server/loop.h"

/* CLIENT KILL and timeouts, from whoever holds the lock. */
static void on_kill(void *transport, bool now) {
    dbx_conn *conn = transport;
    uint8_t kill = now ? 2 : 1;
    if (conn->kill == 0) {
        conn->next_killed = conn->server->killed;
        conn->server->killed = conn;
    }
    if (kill > conn->kill) conn->kill = kill;
    dbx_server_wake(conn->server);
}

static void on_measure(void *transport, dbx_session_buffers *out) {
    const dbx_conn *conn = transport;
    *out =
        (dbx_session_buffers){conn->shown.input,       conn->shown.input_free, conn->shown.output,
                              conn->shown.output_room, conn->shown.writing,    conn->shown.closing};
}

static void link_conn(dbx_conn *conn) {
    dbx_server *server = conn->server;
    conn->next = server->conns;
    if (server->conns != NULL) server->conns->prev = conn;
    server->conns = conn;
    server->conn_count++;
}

static void unlink_conn(dbx_conn *conn) {
    dbx_server *server = conn->server;
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        server->conns = conn->next;
    }
    if (conn->next != NULL) conn->next->prev = conn->prev;
    server->conn_count--;
}

dbx_conn *dbx_conn_open(dbx_server *server, int fd, const char *peer, const char *local,
                        bool trusted) {
    dbx_conn *conn = dbx_alloc_zero(1, sizeof *conn);
    if (conn == NULL) {
        (void)close(fd);
        return NULL;
    }
    const dbx_session_options options = {.peer = peer,
                                         .local = local,
                                         .trusted = trusted,
                                         .remote = dbx_listener_is_remote(fd),
                                         .fd = fd,
                                         .transport = conn,
                                         .kill = on_kill};
    conn->server = server;
    conn->watch.kind = DBX_WATCH_CONN;
    conn->watch.fd = fd;
    conn->session = dbx_session_open(server->engine, &options);
    if (conn->session == NULL || dbx_loop_watch(server, &conn->watch, EPOLLIN | EPOLLRDHUP) != 0) {
        if (conn->session != NULL) dbx_session_close(conn->session);
        (void)close(fd);
        dbx_alloc_free(conn);
        return NULL;
    }
    dbx_session_set_measure(conn->session, on_measure);
    link_conn(conn);
    return conn;
}

bool dbx_conn_adopt(dbx_server *server, int fd, const char *peer, const char *local,
                    dbx_slice state, dbx_slice in, dbx_slice out) {
    dbx_engine_lock(server->engine);
    dbx_conn *conn = dbx_conn_open(server, fd, peer, local, false);
    bool adopted = conn != NULL && dbx_session_restore(conn->session, state) == DBX_OK;
    dbx_engine_unlock(server->engine);
    if (conn == NULL) return false;
    dbx_buf_add(&conn->in, in.ptr, in.len);
    dbx_buf_add(&conn->out, out.ptr, out.len);
    if (!adopted || conn->in.failed || conn->out.failed) {
        dbx_conn_kill(conn);
        return false;
    }
    conn->backlog = in.len > 0;
    dbx_conn_send(conn);
    return true;
}

void dbx_conn_kill(dbx_conn *conn) {
    if (conn->dead) return;
    conn->dead = true;
    conn->next_dead = conn->server->dead;
    conn->server->dead = conn;
}

static void uncare(dbx_conn *conn) {
    if (!conn->cared) return;
    conn->cared = false;
    if (conn->prev_care != NULL) {
        conn->prev_care->next_care = conn->next_care;
    } else {
        conn->server->care = conn->next_care;
    }
    if (conn->next_care != NULL) conn->next_care->prev_care = conn->prev_care;
}

/* When time alone makes a difference to the connection. */
static int64_t due_us(const dbx_conn *conn) {
    int64_t at_us = conn->parked_until_us != 0 ? conn->parked_until_us : INT64_MAX;
    if (conn->stream != NULL && conn->stream->deadline_us < at_us)
        at_us = conn->stream->deadline_us;
    if (conn->soft_since_us != 0) {
        int64_t soft_us =
            conn->soft_since_us + dbx_loop_settings_of(conn)->output.soft_s * 1000000 + 1;
        if (soft_us < at_us) at_us = soft_us;
    }
    return at_us;
}

/* The loop has to wake for it, whenever in an iteration it came to wait. */
static void care(dbx_conn *conn) {
    int64_t at_us = due_us(conn);
    if (at_us < conn->server->care_at_us) conn->server->care_at_us = at_us;
    if (conn->cared) return;
    conn->cared = true;
    conn->prev_care = NULL;
    conn->next_care = conn->server->care;
    if (conn->next_care != NULL) conn->next_care->prev_care = conn;
    conn->server->care = conn;
}

static void free_request(dbx_conn *conn) {
    if (conn->request == NULL) return;
    dbx_request_free(conn->request);
    dbx_alloc_free(conn->request);
    conn->request = NULL;
}

void dbx_conn_free(dbx_conn *conn) {
    dbx_server *server = conn->server;
    uncare(conn);
    unlink_conn(conn);
    server->buffer_bytes -= conn->counted;
    if (conn->kill != 0) { /* still named in the list of the killed */
        dbx_conn **link = &server->killed;
        while (*link != NULL && *link != conn)
            link = &(*link)->next_killed;
        if (*link != NULL) *link = conn->next_killed;
    }
    dbx_conn_end_stream(conn);
    dbx_conn_report_close(conn);
    if (conn->spool != NULL) dbx_engine_spool_close(server->engine, conn->spool);
    dbx_session_close(conn->session);
    free_request(conn);
    dbx_buf_free(&conn->in);
    dbx_buf_free(&conn->out);
    (void)close(conn->watch.fd); /* leaves epoll by itself */
    dbx_alloc_free(conn);
}

/* --- What it waits for
 * ----------------------------------------------------------------------------- */

bool dbx_conn_may_run(const dbx_conn *conn) {
    size_t pause = DBX_OUTPUT_PAUSE_BYTES;
    if (conn->server->buffer_bytes > DBX_BUFFERS_BYTES_MAX) pause = 0;
    return !conn->dead && !conn->closing && conn->stream == NULL && conn->parked_until_us == 0 &&
           dbx_conn_pending(conn) - conn->head_bytes <= pause;
}

static void give_back_output(dbx_conn *conn) {
    dbx_server *server = conn->server;
    conn->out.len = 0;
    conn->out_sent = 0;
    if (conn->out.cap <= DBX_POOL_BUF_BYTES && server->pool_count < DBX_POOL_MAX &&
        !conn->out.failed) {
        if (conn->out.cap > 0) server->pool[server->pool_count++] = conn->out;
        conn->out = (dbx_buf){0};
    } else {
        dbx_buf_free(&conn->out);
    }
}

static void count_buffers(dbx_conn *conn) {
    size_t bytes = conn->in.cap + conn->out.cap;
    conn->server->buffer_bytes += bytes - conn->counted;
    conn->counted = bytes;
}

/* client-output-buffer-limit; true: the connection was ended. */
static bool over_limit(dbx_conn *conn) {
    const dbx_output_limit *limit = &dbx_loop_settings_of(conn)->output;
    size_t pending = dbx_conn_pending(conn);
    int64_t now_us = conn->server->now_us;
    bool over = limit->hard_bytes > 0 && pending > (uint64_t)limit->hard_bytes;
    if (limit->soft_bytes > 0 && pending > (uint64_t)limit->soft_bytes) {
        if (conn->soft_since_us == 0) conn->soft_since_us = now_us;
        over = over || now_us - conn->soft_since_us > limit->soft_s * 1000000;
    } else {
        conn->soft_since_us = 0;
    }
    if (!over) return false;
    conn->server->counts.output_kills++;
    dbx_conn_kill(conn);
    return true;
}

void dbx_conn_settle(dbx_conn *conn) {
    uint32_t events = 0;
    if (conn->dead) return;
    bool idle_out = dbx_conn_pending(conn) == 0 && conn->stream == NULL;
    if (idle_out) {
        give_back_output(conn);
        conn->blocked_out = false;
        conn->soft_since_us = 0;
        if (conn->closing || (conn->eof && !conn->backlog && conn->parked_until_us == 0)) {
            dbx_conn_kill(conn);
            return;
        }
    } else if (over_limit(conn)) {
        return;
    }
    count_buffers(conn);
    bool may_run = dbx_conn_may_run(conn);
    if ((conn->backlog && may_run) || dbx_conn_hungry(conn)) dbx_loop_again(conn);
    if (may_run && !conn->eof) events |= EPOLLIN | EPOLLRDHUP;
    if (conn->blocked_out) events |= EPOLLOUT;
    if (conn->stream != NULL || conn->mark_count > 0 || conn->parked_until_us != 0 ||
        conn->soft_since_us != 0) {
        care(conn);
    } else {
        uncare(conn);
    }
    if (events != conn->watch.events && dbx_loop_watch(conn->server, &conn->watch, events) != 0) {
        dbx_conn_kill(conn);
    }
}
