/* server.h: the event loop: sockets, buffers, framing and timers around an engine.
 *
 * One thread, epoll, no GIL. RESP over TCP (IPv4, IPv6) and a Unix socket; every command goes
 * through engine.h. Replies of a turn are sent only after dbx_engine_turn_end() succeeded, and with
 * durability `always` only when their position is durable.
 */
#ifndef DBX_SERVER_SERVER_H
#define DBX_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/engine.h"

typedef struct dbx_server dbx_server;

typedef struct dbx_server_options {
    const char *const
        *bind;              /* addresses, ended by NULL; a leading '-' means: skip if unavailable */
    int port;               /* 0: no TCP; -1: any free port, see dbx_server_port */
    const char *unixsocket; /* path or NULL; a stale socket file is replaced */
    unsigned unixsocketperm; /* file mode of the socket; 0: 0700 */
    const char *directory;   /* path or NULL: the socket in the data directory, for other processes
                                that open it; they need no password */
    int tcp_backlog;
} dbx_server_options;

/* dbx_server_create makes an idle loop; the engine is opened afterwards with dbx_server_wake as its
 * wake function and the server as its argument. */
int dbx_server_create(dbx_server **out, dbx_error *error);
/* dbx_server_open is for `dbx serve`: it opens the engine or, where a program has the database
 * open, joins that program: the server's clients are then passed on to it, and when it ends the
 * server may open the engine after all. DBX_ELOCKED: a server has it, or who has it does not
 * answer. May wait for an owner that is just starting or ending; dbx_server_stop ends that.
 * `options`, with dbx_server_wake and the server as its wake function, and what they point to must
 * live until dbx_server_close. */
int dbx_server_open(dbx_server *server, const dbx_engine_options *options, dbx_error *error);
/* dbx_server_joined: another process has the database. */
bool dbx_server_joined(const dbx_server *server);
/* dbx_server_close closes the engine that dbx_server_open has opened; after dbx_server_run. */
int dbx_server_close(dbx_server *server, dbx_error *error);
/* dbx_server_wake makes the loop look around; any thread, async-signal-safe. */
void dbx_server_wake(void *server);
/* dbx_server_listen opens the listeners; a port in use is one clear line in `error`. `engine` is
 * NULL after dbx_server_open. */
int dbx_server_listen(dbx_server *server, dbx_engine *engine, const dbx_server_options *options,
                      dbx_error *error);
int dbx_server_port(const dbx_server *server); /* the TCP port in use, 0: none */
/* dbx_server_run serves until dbx_server_stop or SHUTDOWN; returns 0 after a clean stop. Does not
 * close the engine. */
int dbx_server_run(dbx_server *server, dbx_error *error);
/* dbx_server_stop asks the loop to stop; any thread, async-signal-safe. */
void dbx_server_stop(dbx_server *server);
void dbx_server_free(dbx_server *server);

/* dbx_server_start runs the loop in a thread of its own, beside calls of other threads on the same
 * engine (engine/local.h). */
int dbx_server_start(dbx_server *server, dbx_error *error);
/* dbx_server_join ends that thread; before the engine is closed. */
void dbx_server_join(dbx_server *server);
/* dbx_server_let_go is for the child of a fork: closes descriptors, so that the clients see it when
 * the parent ends, and touches no file. Only dbx_server_free may follow. */
void dbx_server_let_go(void *server);

#endif
