/* loop.c: the event loop: wait, receive, run one turn, send.
 *
 * One iteration: epoll reports who has sent something; each is received from once, without the
 * lock, into the arena; then the engine lock is taken once, everybody's commands run as one turn,
 * the journal is written, timed work is done, the lock is released; then everybody is sent to,
 * directly. Nothing else waits or sends, so other threads' calls come between turns.
 */
#include "server/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/stats.h"
#include "server/forward.h"
#include "server/join.h"

int dbx_loop_watch(dbx_server *server, dbx_watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};
    int operation = watch->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    watch->events = events;
    watch->known = true;
    return epoll_ctl(server->epoll_fd, operation, watch->fd, &event);
}

/* --- Queues
 * ---------------------------------------------------------------------------------------- */

static void enqueue(dbx_conn_queue *queue, dbx_conn *conn) {
    if (conn->ready) return;
    conn->ready = true;
    conn->next_ready = NULL;
    if (queue->last != NULL) {
        queue->last->next_ready = conn;
    } else {
        queue->first = conn;
    }
    queue->last = conn;
}

void dbx_loop_ready(dbx_conn *conn) {
    enqueue(&conn->server->ready, conn);
}

void dbx_loop_again(dbx_conn *conn) {
    enqueue(&conn->server->again, conn);
}

/* --- Under the lock
 * -------------------------------------------------------------------------------- */

void dbx_loop_copy_settings(dbx_loop_settings *settings, const dbx_config *config) {
    *settings = (dbx_loop_settings){.generation = config->generation,
                                    .maxclients = config->maxclients,
                                    .query_buffer_limit = config->query_buffer_limit,
                                    .keepalive_s = config->tcp_keepalive_s,
                                    .guarded = dbx_config_guarded(config),
                                    .output = config->output_limit[DBX_CLASS_NORMAL]};
}

void dbx_loop_read_settings(dbx_server *server, const dbx_config *config) {
    dbx_loop_settings *settings = &server->settings;
    if (settings->generation == config->generation) return;
    if (settings->keepalive_s != config->tcp_keepalive_s || settings->generation == 0) {
        dbx_listener_keepalive(server, config->tcp_keepalive_s);
    }
    dbx_loop_copy_settings(settings, config);
    dbx_server_fit_clients(server);
}

static void hand_over_counts(dbx_server *server) {
    dbx_stats *stats = dbx_engine_stats(server->engine);
    const dbx_loop_counts *counts = &server->counts;
    stats->net_in += counts->net_in;
    stats->net_out += counts->net_out;
    stats->reads += counts->reads;
    stats->writes += counts->writes;
    stats->connections_rejected += counts->rejected;
    stats->query_limit_kills += counts->query_kills;
    stats->output_limit_kills += counts->output_kills;
    stats->cycles += counts->cycles;
    stats->cycles_us += counts->cycles_us;
    stats->cycles_commands_us += counts->commands_us;
    server->counts = (dbx_loop_counts){0};
}

/* Connections that CLIENT KILL or a timeout has named. */
static void take_killed(dbx_server *server) {
    dbx_conn *next;
    for (dbx_conn *conn = server->killed; conn != NULL; conn = next) {
        next = conn->next_killed;
        if (conn->kill == 2) {
            dbx_conn_kill(conn);
        } else {
            conn->closing = true;
        }
        conn->kill = 0;
    }
    server->killed = NULL;
}

static void run_ready(dbx_server *server) {
    dbx_engine *engine = server->engine;
    dbx_error error;
    uint64_t position;
    dbx_engine_turn_begin(engine);
    for (dbx_conn *conn = server->ready.first; conn != NULL; conn = conn->next_ready) {
        if (!conn->dead) dbx_conn_run(conn);
    }
    server->counts.commands_us += (uint64_t)dbx_engine_turn_us(engine);
    int rc = dbx_engine_turn_end(engine, &position, &error);
    bool wait =
        rc == DBX_OK && dbx_engine_replies_wait(engine) && dbx_engine_durable(engine) < position;
    server->push = wait;
    if (rc == DBX_OK && !wait && server->reporting == 0) return;
    for (dbx_conn *conn = server->ready.first; conn != NULL; conn = conn->next_ready) {
        if (conn->dead) continue;
        if (rc != DBX_OK) dbx_conn_turn_failed(conn, error.text);
        dbx_conn_report_end(conn);
        if (wait) dbx_conn_hold(conn, position);
    }
}

/* The next step of streamed replies. */
static void produce(dbx_server *server) {
    for (dbx_conn *conn = server->ready.first; conn != NULL; conn = conn->next_ready) {
        if (dbx_conn_hungry(conn)) dbx_conn_produce(conn);
    }
}

/* Views of replies that are taken slowly can keep more memory than the store itself has: the oldest
 * such reply ends, one an iteration; when they keep much more, however young it is. */
static void bound_views(dbx_server *server) {
    size_t cost = dbx_engine_views_cost(server->engine);
    int64_t young_us = cost < DBX_VIEWS_COST_ANY ? (int64_t)DBX_STREAM_STALL_MS * 1000 : 0;
    int64_t before_us = server->now_us - young_us;
    dbx_conn *oldest = NULL;
    if (cost < DBX_VIEWS_COST_SLOW) return;
    for (dbx_conn *conn = server->care; conn != NULL; conn = conn->next_care) {
        if (conn->dead || conn->stream == NULL || conn->stream->begun_us > before_us) continue;
        if (oldest == NULL || conn->stream->begun_us < oldest->stream->begun_us) oldest = conn;
    }
    if (oldest == NULL) return;
    server->counts.output_kills++;
    dbx_conn_kill(oldest);
}

static void tick(dbx_server *server) {
    uint64_t durable = dbx_engine_durable(server->engine);
    int64_t wait_ms = dbx_engine_tick(server->engine);
    /* An apply has made durable what a refused log could not. */
    if (dbx_engine_durable(server->engine) > durable && server->care != NULL) {
        server->care_at_us = 0;
    }
    server->tick_at_us = wait_ms < 0 ? INT64_MAX : server->now_us + wait_ms * 1000;
}

/* Everything that needs the lock, in one hold of it. */
static void locked_part(dbx_server *server) {
    dbx_engine_lock(server->engine);
    hand_over_counts(server); /* so that INFO counts what it was asked with */
    take_killed(server);
    if (server->ready.first != NULL) run_ready(server);
    produce(server);
    bound_views(server);
    tick(server);
    take_killed(server);
    dbx_loop_read_settings(server, dbx_engine_config(server->engine));
    if (dbx_engine_shutdown_wanted(server->engine)) server->stopping = true;
    dbx_engine_unlock(server->engine);
}

/* --- One iteration
 * --------------------------------------------------------------------------------- */

/* Takes the dead out of the queue of the next turn. */
static void forget_dead(dbx_conn_queue *queue) {
    dbx_conn *next, *conn = queue->first;
    *queue = (dbx_conn_queue){NULL, NULL};
    for (; conn != NULL; conn = next) {
        next = conn->next_ready;
        conn->ready = false;
        if (!conn->dead) enqueue(queue, conn);
    }
}

/* Closes those that are done. Only at the end of an iteration: nothing refers to them then. */
static void bury(dbx_server *server) {
    dbx_conn *next;
    dbx_forward_bury(server);
    if (server->join != NULL && server->join->begun && server->join->state == DBX_OWNING &&
        server->forward_count == 0)
        dbx_join_free(server);
    if (server->dead == NULL) return;
    forget_dead(&server->again);
    dbx_engine_lock(server->engine);
    for (dbx_conn *conn = server->dead; conn != NULL; conn = next) {
        next = conn->next_dead;
        dbx_conn_free(conn);
    }
    server->dead = NULL;
    dbx_engine_unlock(server->engine);
}

/* Runs the ready ones as a turn and sends what they are told. */
static void take_turn(dbx_server *server) {
    dbx_conn *conn, *next;
    locked_part(server);
    /* Others may have waited for the same sync: they are looked after at once. */
    if (server->push && dbx_engine_push(server->engine) && server->care != NULL) {
        server->care_at_us = 0;
    }
    server->push = false;
    conn = server->ready.first;
    server->ready = (dbx_conn_queue){NULL, NULL};
    for (; conn != NULL; conn = next) {
        next = conn->next_ready;
        conn->ready = false; /* from here on it may be queued for the next turn */
        dbx_conn_send(conn);
    }
    server->arena_used = 0;
}

static void on_conn(dbx_server *server, dbx_conn *conn, uint32_t events) {
    if (conn->dead) return;
    if ((events & EPOLLOUT) != 0) dbx_conn_send(conn);
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 && (conn->watch.events & EPOLLIN) != 0 &&
        !conn->dead) {
        if (conn->ready) return; /* has a backlog: it comes first */
        if (server->arena_used + DBX_RECV_BYTES > DBX_ARENA_BYTES) take_turn(server);
        if (!conn->dead && !conn->ready && dbx_conn_receive(conn)) dbx_loop_ready(conn);
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        dbx_conn_kill(conn);
    }
}

static void on_wake(dbx_server *server, const dbx_watch *watch) {
    uint64_t count;
    ssize_t n = read(watch->fd, &count, sizeof count);
    (void)n; /* nothing to read: somebody else was woken by it; the clock was set: ECANCELED */
    server->woken = true;
}

static void on_events(dbx_server *server, const struct epoll_event *events, int count) {
    for (int i = 0; i < count; i++) {
        dbx_watch *watch = events[i].data.ptr;
        switch (watch->kind) {
        case DBX_WATCH_CONN:
            on_conn(server, (dbx_conn *)watch, events[i].events);
            break;
        case DBX_WATCH_LISTENER:
            if (!server->stopping) dbx_listener_accept(server, (dbx_listener *)watch);
            break;
        case DBX_WATCH_OWNER:
            if (watch->fd >= 0) dbx_join_on_owner(server);
            break;
        case DBX_WATCH_CLIENT:
            dbx_forward_on_client((dbx_forward *)watch, events[i].events);
            break;
        case DBX_WATCH_LINK:
            dbx_forward_on_link(watch, events[i].events);
            break;
        default:
            on_wake(server, watch);
        }
    }
}

/* Connections and listeners that wait for time or durability. */
static void look_after(dbx_server *server) {
    dbx_conn *next;
    dbx_listener_resume(server);
    server->care_at_us = server->accept_at_us;
    for (dbx_conn *conn = server->care; conn != NULL; conn = next) {
        next = conn->next_care;
        dbx_conn_care(conn);
    }
    int64_t join_us = dbx_join_care(server);
    if (join_us < server->care_at_us) server->care_at_us = join_us;
}

/* epoll_wait in microseconds where the kernel can, rounded up where it cannot. */
static int wait_events(dbx_server *server, struct epoll_event *events, int64_t wait_us) {
#ifdef SYS_epoll_pwait2
    static atomic_bool unsupported;
    if (wait_us > 0 && wait_us % 1000 != 0 &&
        !atomic_load_explicit(&unsupported, memory_order_relaxed)) {
        /* The kernel's 64-bit timespec, whatever the C library's time_t. */
        struct {
            int64_t tv_sec, tv_nsec;
        } timeout = {wait_us / 1000000, wait_us % 1000000 * 1000};
        long n =
            syscall(SYS_epoll_pwait2, server->epoll_fd, events, DBX_EVENTS_MAX, &timeout, NULL, 0);
        if (n >= 0 || errno != ENOSYS) return (int)n;
        atomic_store_explicit(&unsupported, true, memory_order_relaxed);
    }
#endif
    int wait_ms = -1;
    if (wait_us >= 0)
        wait_ms = wait_us > (int64_t)3600 * 1000000 ? 3600000 : (int)((wait_us + 999) / 1000);
    return epoll_wait(server->epoll_fd, events, DBX_EVENTS_MAX, wait_ms);
}

static int64_t time_to_wait(const dbx_server *server, int64_t until_us) {
    int64_t at_us =
        server->tick_at_us < server->care_at_us ? server->tick_at_us : server->care_at_us;
    if (until_us < at_us) at_us = until_us;
    if (server->again.first != NULL || server->ready.first != NULL) return 0;
    if (at_us == INT64_MAX) return -1;
    int64_t now_us = dbx_clock_mono_us();
    return at_us > now_us ? at_us - now_us : 0;
}

int dbx_loop_iterate(dbx_server *server, int64_t until_us) {
    struct epoll_event events[DBX_EVENTS_MAX];
    int count = wait_events(server, events, time_to_wait(server, until_us));
    if (count < 0 && errno != EINTR) return -1;
    server->now_us = dbx_clock_mono_us();
    server->ready = server->again; /* those with a backlog come first */
    server->again = (dbx_conn_queue){NULL, NULL};
    on_events(server, events, count < 0 ? 0 : count);
    look_after(server);
    bool due = server->woken || server->now_us >= server->tick_at_us;
    if (server->engine != NULL && (server->ready.first != NULL || due)) take_turn(server);
    server->woken = false;
    bury(server);
    server->counts.cycles++;
    server->counts.cycles_us += (uint64_t)(dbx_clock_mono_us() - server->now_us);
    return 0;
}

/* --- Running and stopping
 * -------------------------------------------------------------------------- */

/* Replies that are on their way get a moment to leave. */
static void flush(dbx_server *server) {
    int64_t until_us = dbx_clock_mono_us() + (int64_t)DBX_STOP_FLUSH_MS * 1000;
    server->stopping = true;
    for (dbx_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        conn->closing = true;
        if (!conn->dead) dbx_conn_settle(conn);
    }
    dbx_forward_stop(server);
    bury(server);
    while (server->conn_count + server->forward_count > 0 && dbx_clock_mono_us() < until_us) {
        if (dbx_loop_iterate(server, until_us) != 0) break;
    }
}

static void close_conns(dbx_server *server) {
    for (dbx_conn *conn = server->conns; conn != NULL; conn = conn->next)
        dbx_conn_kill(conn);
    for (dbx_forward *forward = server->forwards; forward != NULL; forward = forward->next)
        dbx_forward_kill(forward);
    server->ready = server->again = (dbx_conn_queue){NULL, NULL};
    bury(server);
}

static bool failed(const dbx_server *server) {
    return server->join != NULL && server->join->state == DBX_FAILED;
}

int dbx_server_run(dbx_server *server, dbx_error *error) {
    int rc = 0;
    server->tick_at_us = server->engine != NULL ? 0 : INT64_MAX; /* it is asked first of all */
    server->accept_at_us = INT64_MAX;
    server->care_at_us = 0;
    while (rc == 0 && !server->stopping && !failed(server) && !atomic_load(&server->stop))
        rc = dbx_loop_iterate(server, INT64_MAX);
    int code = errno;
    dbx_listener_close_all(server, false);
    if (rc == 0) flush(server);
    close_conns(server);
    if (server->engine != NULL) {
        dbx_engine_lock(server->engine);
        hand_over_counts(server);
        dbx_engine_unlock(server->engine);
    }
    if (rc != 0) return dbx_error_set(error, DBX_EIO, "epoll failed: %s", strerror(code));
    if (!failed(server)) return DBX_OK;
    if (error != NULL) *error = server->join->error;
    return server->join->error.code;
}
