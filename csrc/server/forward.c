/* forward.c: taking in and sending on, links and their ends; see forward.h. */
#include "server/forward.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/join.h"
#include "server/loop.h"

/* --- Life
 * ------------------------------------------------------------------------------------------ */

static void expire_in(dbx_forward *forward, int64_t ms) {
    dbx_join *join = forward->server->join;
    forward->deadline_us = dbx_clock_mono_us() + ms * 1000;
    if (forward->deadline_us < join->forwards_due_us) join->forwards_due_us = forward->deadline_us;
}

void dbx_forward_kill(dbx_forward *forward) {
    if (forward->dead) return;
    forward->dead = true;
    forward->next_dead = forward->server->forwards_dead;
    forward->server->forwards_dead = forward;
}

static void free_forward(dbx_forward *forward) {
    dbx_server *server = forward->server;
    if (forward->prev != NULL) {
        forward->prev->next = forward->next;
    } else {
        server->forwards = forward->next;
    }
    if (forward->next != NULL) forward->next->prev = forward->prev;
    server->forward_count--;
    server->buffer_bytes -= forward->counted;
    if (forward->link.fd >= 0) (void)close(forward->link.fd);
    if (forward->client.fd >= 0) (void)close(forward->client.fd);
    dbx_buf_free(&forward->up);
    dbx_buf_free(&forward->down);
    dbx_buf_free(&forward->state);
    dbx_buf_free(&forward->part.state);
    dbx_alloc_free(forward);
}

void dbx_forward_bury(dbx_server *server) {
    dbx_forward *next;
    for (dbx_forward *forward = server->forwards_dead; forward != NULL; forward = next) {
        next = forward->next_dead;
        free_forward(forward);
    }
    server->forwards_dead = NULL;
}

/* --- What it waits for
 * ----------------------------------------------------------------------------- */

/* Nothing of the client's is with the owner, as far as it has said. */
static bool at_rest(const dbx_forward *forward) {
    if (!forward->accepted) return true;
    return forward->resting && forward->rested == forward->sent && forward->part.head_len == 0;
}

static void want(dbx_forward *forward, dbx_watch *watch, uint32_t events) {
    if (watch->fd < 0 || (watch->known && watch->events == events)) return;
    if (dbx_loop_watch(forward->server, watch, events) != 0) dbx_forward_kill(forward);
}

static void count_buffers(dbx_forward *forward) {
    size_t bytes = forward->up.cap + forward->down.cap;
    forward->server->buffer_bytes += bytes - forward->counted;
    forward->counted = bytes;
}

static void settle(dbx_forward *forward) {
    uint32_t client = 0, link = 0;
    bool stopping = forward->server->stopping;
    if (forward->dead) return;
    count_buffers(forward);
    if (forward->down.len == 0 && (forward->closing || (stopping && at_rest(forward)))) {
        dbx_forward_kill(forward);
        return;
    }
    bool may_send = forward->link.fd >= 0 && forward->accepted;
    if (may_send && forward->up.len == 0 && !forward->eof && !forward->closing && !stopping)
        client |= EPOLLIN | EPOLLRDHUP;
    if (forward->down.len > 0) client |= EPOLLOUT;
    if (forward->down.len == 0) link |= EPOLLIN;
    if (may_send && forward->up.len > 0) link |= EPOLLOUT;
    if (!forward->gone) want(forward, &forward->client, client);
    if (!forward->hung_up) want(forward, &forward->link, link);
}

/* --- Sending on
 * ------------------------------------------------------------------------------------ */

/* Sends what the socket takes; how much that is, or -1: it is broken. */
static ssize_t send_some(const dbx_watch *to, const uint8_t *bytes, size_t len) {
    ssize_t n = send(to->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    return n;
}

static void keep(dbx_forward *forward, dbx_buf *buf, const uint8_t *bytes, size_t len) {
    dbx_buf_add(buf, bytes, len);
    if (buf->failed) dbx_forward_kill(forward);
}

/* Drops the first n bytes; an empty buffer takes no memory. */
static void consume(dbx_buf *buf, size_t n) {
    dbx_buf_consume(buf, n);
    if (buf->len == 0) dbx_buf_free(buf);
}

/* To the owner. That it is gone is seen by what comes from it, not here. */
static void push_up(dbx_forward *forward, const uint8_t *bytes, size_t len) {
    ssize_t n = send_some(&forward->link, bytes, len);
    if (n > 0) forward->sent += (size_t)n;
    if (n < 0) n = 0;
    if ((size_t)n < len) keep(forward, &forward->up, bytes + n, len - (size_t)n);
}

static void end_input(dbx_forward *forward) {
    if (forward->eof && forward->up.len == 0 && forward->accepted && forward->link.fd >= 0)
        (void)shutdown(forward->link.fd, SHUT_WR); /* what was sent before is answered first */
}

static void flush_up(dbx_forward *forward) {
    if (forward->up.len > 0) {
        ssize_t n = send_some(&forward->link, forward->up.ptr, forward->up.len);
        if (n <= 0) return;
        forward->sent += (size_t)n;
        consume(&forward->up, (size_t)n);
    }
    end_input(forward);
}

static void push_down(dbx_forward *forward, const uint8_t *bytes, size_t len) {
    if (len == 0 || forward->dead || forward->gone) return;
    ssize_t n = send_some(&forward->client, bytes, len);
    if (n < 0) {
        dbx_forward_kill(forward);
    } else if ((size_t)n < len) {
        keep(forward, &forward->down, bytes + n, len - (size_t)n);
    }
}

static void flush_down(dbx_forward *forward) {
    if (forward->down.len == 0) return;
    ssize_t n = send_some(&forward->client, forward->down.ptr, forward->down.len);
    if (n < 0) dbx_forward_kill(forward);
    if (n <= 0) return;
    consume(&forward->down, (size_t)n);
    if (forward->hung_up) expire_in(forward, DBX_FORWARD_STALL_MS);
}

/* --- The end of a link
 * ----------------------------------------------------------------------------- */

static void close_link(dbx_forward *forward) {
    (void)close(forward->link.fd); /* leaves epoll by itself */
    forward->link = (dbx_watch){.kind = DBX_WATCH_LINK, .fd = -1};
    forward->accepted = forward->resting = forward->hung_up = false;
    forward->sent = forward->rested = 0;
    forward->part.head_len = 0;
    dbx_buf_free(&forward->part.state);
}

static void close_when_told(dbx_forward *forward) {
    if (!forward->closing) expire_in(forward, DBX_FORWARD_STALL_MS);
    forward->closing = true;
}

static void adopt(dbx_forward *forward) {
    dbx_server *server = forward->server;
    int fd = forward->client.fd;
    forward->client.fd = -1;
    dbx_forward_kill(forward);
    if (!forward->gone && epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL) != 0) {
        (void)close(fd);
        return;
    }
    (void)dbx_conn_adopt(server, fd, forward->peer, forward->local, dbx_buf_slice(&forward->state),
                         dbx_buf_slice(&forward->up), dbx_buf_slice(&forward->down));
}

/* Without a link, and with nothing under way: waits for the next owner, or goes on with it. */
static void go_on(dbx_forward *forward) {
    dbx_server *server = forward->server;
    forward->doubt = 0;
    if (forward->eof || server->stopping) {
        close_when_told(forward);
    } else if (server->engine != NULL) {
        adopt(forward);
    } else {
        if (forward->deadline_us == INT64_MAX) expire_in(forward, DBX_FORWARD_WAIT_MS);
        if (server->join->state == DBX_JOINED) dbx_join_retry(server->join);
    }
}

/* The owner has closed the link: on purpose, or because it is gone. */
static void on_end(dbx_forward *forward) {
    dbx_join *join = forward->server->join;
    bool rests = at_rest(forward) && !forward->refused;
    bool lives = forward->owner == join->owner && join->state == DBX_JOINED;
    bool accepted = forward->accepted;
    if (accepted) forward->deadline_us = INT64_MAX; /* all that it said was taken */
    close_link(forward);
    if (!rests) {
        close_when_told(forward);
    } else if (lives && accepted) {
        forward->doubt = dbx_join_ping(join);
    } else { /* it is gone, or we were introduced by a number that it does not know any more */
        go_on(forward);
    }
}

void dbx_forward_settle_doubts(dbx_server *server, uint64_t ping) {
    bool gone = ping == UINT64_MAX;
    for (dbx_forward *forward = server->forwards; forward != NULL; forward = forward->next) {
        if (forward->dead || forward->doubt == 0 || forward->doubt > ping) continue;
        if (gone) {
            go_on(forward);
        } else {
            close_when_told(forward);
        }
        settle(forward);
    }
}

/* --- What the client says
 * -------------------------------------------------------------------------- */

static size_t piece(const dbx_server *server) {
    return server->buffer_bytes > DBX_BUFFERS_BYTES_MAX ? (size_t)DBX_FORWARD_BYTES_SCARCE
                                                        : (size_t)DBX_FORWARD_BYTES;
}

static void receive_client(dbx_forward *forward) {
    uint8_t *bytes = forward->server->join->scratch;
    ssize_t n = recv(forward->client.fd, bytes, piece(forward->server), MSG_DONTWAIT);
    if (n > 0) {
        push_up(forward, bytes, (size_t)n);
    } else if (n == 0) {
        forward->eof = true;
        end_input(forward);
    } else if (errno != EAGAIN && errno != EINTR) {
        dbx_forward_kill(forward);
    }
}

/* What a client had said before it went is executed, as by a server that has the database. */
static void receive_last_words(dbx_forward *forward) {
    while (forward->gone && forward->accepted && forward->link.fd >= 0 && forward->up.len == 0 &&
           !forward->eof && !forward->closing && !forward->dead && !forward->server->stopping)
        receive_client(forward);
}

/* What epoll cannot be told not to report: it does not watch the client any more. */
static void on_gone(dbx_forward *forward) {
    if (forward->gone) return;
    (void)epoll_ctl(forward->server->epoll_fd, EPOLL_CTL_DEL, forward->client.fd, NULL);
    forward->client.known = false;
    forward->gone = true;
    dbx_buf_free(&forward->down);
}

/* --- What the owner says
 * --------------------------------------------------------------------------- */

static void on_report(dbx_forward *forward) {
    dbx_forward_part *part = &forward->part;
    uint32_t flags = part->report.flags;
    part->head_len = 0;
    forward->resting = (flags & DBX_REPORT_RESTS) != 0;
    if (forward->resting) forward->rested = part->report.received;
    if ((flags & DBX_REPORT_STATE) != 0) {
        dbx_buf_free(&forward->state);
        forward->state = part->state;
        part->state = (dbx_buf){0};
    }
    if (!forward->accepted) {
        forward->accepted = true;
        forward->deadline_us = INT64_MAX;
        flush_up(forward);
    }
    if ((flags & DBX_REPORT_STOP) != 0) dbx_server_stop(forward->server);
}

/* Takes up to `len` bytes of a head; returns how many, 0: what comes is none. */
static size_t read_head(dbx_forward *forward, const uint8_t *at, size_t len) {
    dbx_forward_part *part = &forward->part;
    size_t n = DBX_REPORT_HEAD_BYTES - part->head_len;
    if (n > len) n = len;
    memcpy(part->head + part->head_len, at, n);
    part->head_len += n;
    if (!dbx_report_begins(part->head[0])) return 0;
    if (part->head_len < DBX_REPORT_HEAD_BYTES) return n;
    if (!dbx_report_read(part->head, &part->report)) return 0;
    part->replies_left = part->report.reply_bytes;
    part->state_left = part->report.state_bytes;
    return n;
}

/* Leaves of what was received the replies, from `bytes` on; returns how many bytes that is. */
static size_t read_parts(dbx_forward *forward, uint8_t *bytes, size_t len) {
    dbx_forward_part *part = &forward->part;
    size_t replies = 0, at = 0;
    while (at < len && !forward->dead) {
        size_t left = len - at, n;
        if (part->head_len < DBX_REPORT_HEAD_BYTES) {
            n = read_head(forward, bytes + at, left);
            if (n == 0) {
                dbx_log(DBX_LOG_WARNING, "The owner of the database does not speak as expected");
                dbx_forward_kill(forward);
                return replies;
            }
        } else if (part->replies_left > 0) {
            n = left < part->replies_left ? left : (size_t)part->replies_left;
            memmove(bytes + replies, bytes + at, n);
            replies += n;
            part->replies_left -= n;
        } else {
            n = left < part->state_left ? left : part->state_left;
            keep(forward, &part->state, bytes + at, n);
            part->state_left -= (uint32_t)n;
        }
        at += n;
        if (part->head_len == DBX_REPORT_HEAD_BYTES && part->replies_left == 0 &&
            part->state_left == 0)
            on_report(forward);
    }
    return replies;
}

/* One piece; when nothing more can come, all of it, as far as the client takes it. */
static void receive_link(dbx_forward *forward) {
    dbx_server *server = forward->server;
    uint8_t *bytes = server->join->scratch;
    do {
        ssize_t n = recv(forward->link.fd, bytes, piece(server), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            on_end(forward);
            return;
        }
        if (!forward->accepted && forward->part.head_len == 0 && !dbx_report_begins(bytes[0]))
            forward->refused = true;
        size_t len = forward->refused ? (size_t)n : read_parts(forward, bytes, (size_t)n);
        push_down(forward, bytes, len);
        if (forward->refused) {
            on_end(forward);
            return;
        }
    } while (forward->hung_up && forward->down.len == 0 && !forward->dead);
}

/* What epoll cannot be told not to report: it does not watch the link any more. */
static void on_hang_up(dbx_forward *forward) {
    if (forward->hung_up || forward->link.fd < 0) return;
    (void)epoll_ctl(forward->server->epoll_fd, EPOLL_CTL_DEL, forward->link.fd, NULL);
    forward->link.known = false;
    forward->hung_up = true;
    if (forward->down.len > 0) expire_in(forward, DBX_FORWARD_STALL_MS);
}

void dbx_forward_on_link(dbx_watch *link, uint32_t events) {
    dbx_forward *forward = (dbx_forward *)(void *)((char *)link - offsetof(dbx_forward, link));
    if (forward->dead || link->fd < 0) return;
    if ((events & EPOLLOUT) != 0) flush_up(forward);
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) on_hang_up(forward);
    if (forward->down.len == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        receive_link(forward);
    receive_last_words(forward);
    settle(forward);
}

void dbx_forward_on_client(dbx_forward *forward, uint32_t events) {
    if (forward->dead) return;
    if ((events & EPOLLERR) != 0 && (events & EPOLLIN) == 0) {
        dbx_forward_kill(forward);
    } else if ((events & EPOLLHUP) != 0) {
        on_gone(forward);
        if (forward->hung_up) receive_link(forward);
        receive_last_words(forward);
    } else {
        if ((events & EPOLLOUT) != 0) {
            flush_down(forward);
            if (forward->hung_up && forward->down.len == 0 && !forward->dead) receive_link(forward);
        }
        if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 && (forward->client.events & EPOLLIN) != 0 &&
            forward->link.fd >= 0 && !forward->dead)
            receive_client(forward);
    }
    settle(forward);
}

/* --- Getting a link
 * -------------------------------------------------------------------------------- */

/* False: not now. */
static bool get_link(dbx_forward *forward) {
    dbx_join *join = forward->server->join;
    int fd = dbx_join_dial(join);
    if (fd < 0) return false;
    dbx_buf hello = {0};
    dbx_join_introduce(join, forward->peer, forward->local, dbx_buf_slice(&forward->state), &hello);
    forward->link = (dbx_watch){.kind = DBX_WATCH_LINK, .fd = fd};
    forward->owner = join->owner;
    forward->sent = hello.len;
    /* The socket is new and has room for it. */
    ssize_t n = hello.failed ? -1 : send_some(&forward->link, hello.ptr, hello.len);
    bool sent = n >= 0 && (size_t)n == hello.len;
    dbx_buf_free(&hello);
    if (!sent) {
        close_link(forward);
        return false;
    }
    settle(forward);
    return true;
}

bool dbx_forward_join(dbx_server *server) {
    bool all = true;
    for (dbx_forward *forward = server->forwards; forward != NULL && all; forward = forward->next) {
        if (forward->dead || forward->closing || forward->doubt != 0 || forward->link.fd >= 0)
            continue;
        all = get_link(forward);
    }
    return all;
}

void dbx_forward_adopt(dbx_server *server) {
    dbx_forward_settle_doubts(server, UINT64_MAX);
    for (dbx_forward *forward = server->forwards; forward != NULL; forward = forward->next) {
        if (!forward->dead && !forward->closing && forward->link.fd < 0) adopt(forward);
    }
}

void dbx_forward_open(dbx_server *server, int fd, const char *peer, const char *local) {
    size_t peer_size = strlen(peer) + 1, local_size = strlen(local) + 1;
    dbx_forward *forward = dbx_alloc_zero(1, sizeof *forward + peer_size + local_size);
    if (forward == NULL) {
        (void)close(fd);
        return;
    }
    memcpy(forward->names, peer, peer_size);
    memcpy(forward->names + peer_size, local, local_size);
    forward->peer = forward->names;
    forward->local = forward->names + peer_size;
    forward->server = server;
    forward->client = (dbx_watch){.kind = DBX_WATCH_CLIENT, .fd = fd};
    forward->link = (dbx_watch){.kind = DBX_WATCH_LINK, .fd = -1};
    forward->next = server->forwards;
    if (server->forwards != NULL) server->forwards->prev = forward;
    server->forwards = forward;
    server->forward_count++;
    expire_in(forward, DBX_FORWARD_WAIT_MS);
    if (server->join->state == DBX_JOINED && !get_link(forward)) dbx_join_retry(server->join);
    settle(forward);
}

/* --- Time, and the end
 * ----------------------------------------------------------------------------- */

int64_t dbx_forward_care(dbx_server *server) {
    int64_t due_us = INT64_MAX;
    for (dbx_forward *forward = server->forwards; forward != NULL; forward = forward->next) {
        if (forward->dead) continue;
        if (server->now_us >= forward->deadline_us) {
            dbx_forward_kill(forward);
        } else if (forward->deadline_us < due_us) {
            due_us = forward->deadline_us;
        }
    }
    return due_us;
}

void dbx_forward_stop(dbx_server *server) {
    for (dbx_forward *forward = server->forwards; forward != NULL; forward = forward->next)
        settle(forward);
}
