/* loop.h: the server's own state, for the files of server/ alone; the rest sees server.h. */
#ifndef DBX_SERVER_LOOP_H
#define DBX_SERVER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "server/conn.h"
#include "server/listener.h"

enum {
    DBX_ARENA_BYTES = 256 << 10, /* input of one turn */
    DBX_POOL_MAX = 256,          /* output buffers kept for reuse */
    DBX_EVENTS_MAX = 512,
    DBX_STOP_FLUSH_MS = 500, /* pending replies get this long when the server stops */
    DBX_FDS_RESERVED = 32    /* descriptors that are not clients: files, listeners */
};

/* Settings the loop reads without the lock, copied when they change. */
typedef struct dbx_loop_settings {
    uint64_t generation;
    int64_t maxclients, query_buffer_limit, keepalive_s;
    bool guarded; /* dbx_config_guarded */
    dbx_output_limit output;
} dbx_loop_settings;

/* Of a connection by which another process's server passes a client on, see conn_report.c. */
struct dbx_conn_reports {
    uint64_t told, edits;       /* received bytes and dbx_session_edits, as reported last */
    dbx_loop_settings settings; /* that server's */
};

/* What was counted since the last time the lock was held. */
typedef struct dbx_loop_counts {
    uint64_t net_in, net_out, reads, writes, rejected, query_kills, output_kills;
    uint64_t cycles, cycles_us, commands_us;
} dbx_loop_counts;

typedef struct dbx_conn_queue { /* by next_ready */
    dbx_conn *first, *last;
} dbx_conn_queue;

struct dbx_server {
    struct dbx_join *join;        /* owned: see join.h; NULL: it was given its engine */
    struct dbx_forward *forwards; /* clients of the process that was joined, see forward.h */
    struct dbx_forward *forwards_dead;
    size_t forward_count;
    pthread_t thread; /* where it runs, when it has one of its own */
    bool started;
    atomic_bool stop;
    int epoll_fd;
    dbx_watch wake;     /* eventfd */
    dbx_watch clock;    /* timerfd: readable when the machine's clock was set */
    int spare_fd;       /* given up to turn a client away when there are no descriptors left */
    dbx_engine *engine; /* NULL: another process has it, and was joined */
    dbx_listener listeners[DBX_LISTENERS_MAX];
    size_t listener_count;
    int port;

    dbx_conn *conns; /* all */
    size_t conn_count;
    size_t reporting;     /* of them have reports */
    dbx_conn *dead;       /* to be freed at the end of the iteration */
    dbx_conn_queue ready; /* take part in the next turn */
    dbx_conn_queue again; /* have complete commands left for the turn after it */
    dbx_conn *care;       /* wait for time or durability */
    dbx_conn *killed;     /* locked: CLIENT KILL has named them */

    uint8_t *arena; /* owned */
    size_t arena_used;
    dbx_request request; /* of the connection being run */
    dbx_reply reply;     /* its sink */
    dbx_buf pool[DBX_POOL_MAX];
    size_t pool_count;
    size_t buffer_bytes; /* of all connections */

    int64_t now_us;     /* of this iteration */
    int64_t tick_at_us; /* the engine wants to be called then; INT64_MAX: not */
    int64_t care_at_us; /* one of those in `care`, or who else waits, is to be looked after then */
    int64_t accept_at_us; /* nobody is accepted before; INT64_MAX: accepting goes on */
    bool woken, stopping;
    bool push; /* replies of this turn wait for its sync */
    dbx_loop_settings settings;
    dbx_loop_counts counts;
};

/* dbx_loop_watch registers, changes (`events` differ) or leaves a descriptor's interest; 0 or -1.
 */
int dbx_loop_watch(dbx_server *server, dbx_watch *watch, uint32_t events);
/* dbx_loop_ready puts a connection into the next turn, once. */
void dbx_loop_ready(dbx_conn *conn);
/* dbx_loop_again keeps it for the turn after. */
void dbx_loop_again(dbx_conn *conn);
/* dbx_loop_iterate waits until `until_us` at most and sees to what there is; -1: epoll failed. */
int dbx_loop_iterate(dbx_server *server, int64_t until_us);
/* dbx_loop_copy_settings takes what the loop needs out of settings. */
void dbx_loop_copy_settings(dbx_loop_settings *settings, const dbx_config *config);
/* dbx_loop_settings_of has the settings that hold for a connection. */
static inline const dbx_loop_settings *dbx_loop_settings_of(const dbx_conn *conn) {
    return conn->reports != NULL ? &conn->reports->settings : &conn->server->settings;
}
/* dbx_server_fit_clients raises the limit of open files for settings.maxclients, or lowers
 * maxclients to it; locked. */
void dbx_server_fit_clients(dbx_server *server);
/* dbx_loop_read_settings copies what changed in the settings; locked, when they are an engine's. */
void dbx_loop_read_settings(dbx_server *server, const dbx_config *config);

#endif
