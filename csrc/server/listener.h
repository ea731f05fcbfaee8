/* listener.h: listening sockets: TCP over IPv4 and IPv6, and a Unix socket. */
#ifndef DBX_SERVER_LISTENER_H
#define DBX_SERVER_LISTENER_H

#include "server/conn.h"

enum {
    DBX_LISTENERS_MAX = 16,
    DBX_ACCEPT_MAX = 128,     /* connections taken at once */
    DBX_ACCEPT_RETRY_MS = 100 /* after none could be taken although some wait */
};

typedef struct dbx_listener {
    dbx_watch watch; /* first: epoll's pointer is to it */
    char *path;      /* owned: of a Unix socket, removed when it is closed; NULL: TCP */
    bool trusted;    /* who may connect needs no password */
} dbx_listener;

/* dbx_listener_tcp opens one address; *port (0: any) becomes the port in use. `optional`: an
 * address that this machine does not have is not an error, and nothing is added. */
int dbx_listener_tcp(dbx_server *server, const char *address, int *port, int backlog, bool optional,
                     dbx_error *error);
/* dbx_listener_unix makes the socket file, of any length of path. A file that nobody listens on is
 * replaced. */
int dbx_listener_unix(dbx_server *server, const char *path, unsigned mode, int backlog,
                      dbx_error *error);
/* dbx_listener_directory does so for the socket of a data directory that this process owns:
 * whatever lies there is an earlier owner's. Who can reach it is trusted. */
int dbx_listener_directory(dbx_server *server, const char *path, int backlog, dbx_error *error);
/* dbx_listener_accept takes waiting clients, without the lock. */
void dbx_listener_accept(dbx_server *server, dbx_listener *listener);
/* dbx_listener_is_remote: the connection's other end is on another machine, or cannot be told. */
bool dbx_listener_is_remote(int fd);
/* dbx_listener_resume accepts again when a pause, server->accept_at_us, is over. */
void dbx_listener_resume(dbx_server *server);
/* dbx_listener_keepalive sets what connections accepted from now on inherit. */
void dbx_listener_keepalive(dbx_server *server, int64_t seconds);
/* dbx_listener_close_all closes them; `forked`: in a child, to whom the files do not belong. */
void dbx_listener_close_all(dbx_server *server, bool forked);

#endif
