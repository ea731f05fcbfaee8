/* listener.c: opening listening sockets and accepting from them; see listener.h. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sockpath.h"
#include "server/forward.h"
#include "server/loop.h"

enum {
    NAME_MAX_BYTES = 160, /* "[ipv6]:port", or a socket's path and ":0" */
    DIRECTORY_MODE = 0700
};

#define FULL_TEXT "-ERR max number of clients reached\r\n"
#define DENIED_TEXT                                                                                \
    "-DENIED DBX is running in protected mode because protected mode is enabled and no password "  \
    "is set. In this mode connections are only accepted from the loopback interface. To connect "  \
    "from other machines set a password: 'CONFIG SET requirepass <password>' from the loopback "   \
    "interface, or --requirepass at the next start. Only where the server cannot be reached from " \
    "networks that are not trusted, disable protected mode instead: 'CONFIG SET protected-mode "   \
    "no', or --protected-mode no.\r\n"

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
} address;

/* --- Opening
 * --------------------------------------------------------------------------------------- */

/* Takes over `fd`, and a copy of `path`. */
static int add_listener(dbx_server *server, int fd, const char *path, bool trusted,
                        dbx_error *error) {
    dbx_listener *listener = &server->listeners[server->listener_count];
    char *own = NULL;
    int rc = DBX_OK;
    if (server->listener_count == DBX_LISTENERS_MAX) {
        rc = dbx_error_set(error, DBX_ELIMIT, "at most %d addresses can be listened on",
                           DBX_LISTENERS_MAX);
    } else if (path != NULL && (own = strdup(path)) == NULL) {
        rc = dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    if (rc == DBX_OK) {
        *listener = (dbx_listener){
            .watch = {.kind = DBX_WATCH_LISTENER, .fd = fd}, .path = own, .trusted = trusted};
        if (dbx_loop_watch(server, &listener->watch, EPOLLIN) != 0)
            rc = dbx_error_set(error, DBX_EIO, "cannot watch a listener: %s", strerror(errno));
    }
    if (rc == DBX_OK) {
        server->listener_count++;
        return DBX_OK;
    }
    dbx_alloc_free(own);
    if (path != NULL) (void)unlink(path);
    (void)close(fd);
    return rc;
}

static void set_option(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value,
                     sizeof value); /* best effort: the server works without */
}

static int port_of(int fd) {
    address bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, &bound.any, &len) != 0) return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

/* A bound and listening socket, or -1 with errno set. */
static int open_tcp(const struct addrinfo *info, int backlog) {
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (info->ai_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit these */
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static bool address_missing(int code) {
    return code == EADDRNOTAVAIL || code == EAFNOSUPPORT || code == EPROTONOSUPPORT ||
           code == EINVAL;
}

int dbx_listener_tcp(dbx_server *server, const char *name, int *port, int backlog, bool optional,
                     dbx_error *error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found;
    char service[8];
    if (strcmp(name, "*") == 0) {
        name = NULL;
        hints.ai_family = AF_INET;
    } else if (strcmp(name, "::*") == 0) {
        name = NULL;
        hints.ai_family = AF_INET6;
    }
    (void)snprintf(service, sizeof service, "%u", (unsigned)*port & 0xFFFFu);
    int rc = getaddrinfo(name, service, &hints, &found);
    if (rc != 0) {
        if (optional) return DBX_OK;
        return dbx_error_set(error, DBX_EINVAL, "cannot listen on '%s': %s",
                             name == NULL ? "*" : name, gai_strerror(rc));
    }
    int fd = open_tcp(found, backlog), code = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        if (optional && address_missing(code)) return DBX_OK;
        return dbx_error_set(
            error, DBX_EIO, "cannot listen on %s port %d: %s", name == NULL ? "*" : name, *port,
            code == EADDRINUSE ? "the port is in use: choose another" : strerror(code));
    }
    *port = port_of(fd);
    return add_listener(server, fd, NULL, false, error);
}

/* Whether somebody answers there; a file nobody listens on is left over from a crash. */
static bool somebody_listens(const dbx_sockpath *at) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true;
    bool answered = connect(fd, (const struct sockaddr *)&at->address, sizeof at->address) == 0 ||
                    errno == EAGAIN;
    (void)close(fd);
    return answered;
}

/* Makes room for the socket file: one that is left over goes. */
static int make_way(const char *path, const dbx_sockpath *at, dbx_error *error) {
    struct stat file;
    if (lstat(path, &file) != 0) return DBX_OK;
    if (!S_ISSOCK(file.st_mode))
        return dbx_error_set(error, DBX_EIO, "%s is there and not a socket", path);
    if (at != NULL && somebody_listens(at))
        return dbx_error_set(error, DBX_EIO, "cannot listen on %s: another server does", path);
    (void)unlink(path);
    return DBX_OK;
}

/* The mode must hold from the first moment: bind takes it from the descriptor, less the umask. */
static int open_unix(const char *path, const dbx_sockpath *at, unsigned mode, int backlog,
                     dbx_error *error) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && fchmod(fd, mode) == 0 &&
        bind(fd, (const struct sockaddr *)&at->address, sizeof at->address) == 0 &&
        chmod(path, mode) == 0 && listen(fd, backlog) == 0)
        return fd;
    int code = errno;
    if (fd >= 0) (void)close(fd);
    return dbx_error_set(error, DBX_EIO, "cannot listen on %s: %s", path, strerror(code));
}

static int listen_at(dbx_server *server, const char *path, unsigned mode, int backlog, bool trusted,
                     dbx_error *error) {
    dbx_sockpath at;
    int rc = dbx_sockpath_open(path, &at, error);
    if (rc != DBX_OK) return rc;
    rc = make_way(path, trusted ? NULL : &at, error);
    int fd = rc == DBX_OK ? open_unix(path, &at, mode, backlog, error) : -1;
    dbx_sockpath_close(&at);
    if (rc != DBX_OK) return rc;
    return fd >= 0 ? add_listener(server, fd, path, trusted, error) : fd;
}

int dbx_listener_unix(dbx_server *server, const char *path, unsigned mode, int backlog,
                      dbx_error *error) {
    return listen_at(server, path, mode, backlog, false, error);
}

int dbx_listener_directory(dbx_server *server, const char *path, int backlog, dbx_error *error) {
    return listen_at(server, path, DIRECTORY_MODE, backlog, true, error);
}

void dbx_listener_keepalive(dbx_server *server, int64_t seconds) {
    int idle = (int)(seconds < 32767 ? seconds : 32767), step = idle / 3 > 0 ? idle / 3 : 1;
    for (size_t i = 0; i < server->listener_count; i++) {
        int fd = server->listeners[i].watch.fd;
        if (server->listeners[i].path != NULL) continue;
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
        if (seconds == 0) continue;
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, step);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    }
}

void dbx_listener_close_all(dbx_server *server, bool forked) {
    for (size_t i = 0; i < server->listener_count; i++) {
        dbx_listener *listener = &server->listeners[i];
        if (listener->path != NULL && !forked) (void)unlink(listener->path);
        (void)close(listener->watch.fd);
        dbx_alloc_free(listener->path);
    }
    server->listener_count = 0;
}

/* --- Accepting
 * ------------------------------------------------------------------------------------- */

/* As CLIENT LIST prints it. */
static void print_address(const address *at, const char *path, char out[NAME_MAX_BYTES]) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (at->any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &at->v4.sin_addr, text, sizeof text);
        (void)snprintf(out, NAME_MAX_BYTES, "%s:%u", text, (unsigned)ntohs(at->v4.sin_port));
    } else if (at->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &at->v6.sin6_addr, text, sizeof text);
        (void)snprintf(out, NAME_MAX_BYTES, "[%s]:%u", text, (unsigned)ntohs(at->v6.sin6_port));
    } else {
        (void)snprintf(out, NAME_MAX_BYTES, "%s:0", path != NULL ? path : "");
    }
}

bool dbx_listener_is_remote(int fd) {
    address peer = {0};
    socklen_t len = sizeof peer;
    if (getpeername(fd, &peer.any, &len) != 0) return true;
    switch (peer.any.sa_family) {
    case AF_INET:
        return ntohl(peer.v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT != IN_LOOPBACKNET;
    case AF_INET6:
        return !IN6_IS_ADDR_LOOPBACK(&peer.v6.sin6_addr);
    default:
        return peer.any.sa_family != AF_UNIX;
    }
}

static void turn_away(dbx_server *server, int fd, const char *text) {
    ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; /* closed either way */
    (void)close(fd);
    server->counts.rejected++;
}

/* No descriptor is left: the spare one serves to turn the client away. */
static bool use_spare(dbx_server *server, int listener) {
    if (errno != EMFILE && errno != ENFILE) return false;
    if (server->spare_fd < 0) return false;
    (void)close(server->spare_fd);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) turn_away(server, fd, FULL_TEXT);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

/* Whoever waits cannot be taken, nor turned away: epoll would report it for ever. */
static void pause_accepting(dbx_server *server) {
    server->accept_at_us = server->now_us + (int64_t)DBX_ACCEPT_RETRY_MS * 1000;
    for (size_t i = 0; i < server->listener_count; i++)
        (void)dbx_loop_watch(server, &server->listeners[i].watch, 0);
}

void dbx_listener_resume(dbx_server *server) {
    if (server->now_us < server->accept_at_us) return;
    if (server->spare_fd < 0) server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->accept_at_us = INT64_MAX;
    for (size_t i = 0; i < server->listener_count; i++) {
        if (dbx_loop_watch(server, &server->listeners[i].watch, EPOLLIN) == 0) continue;
        server->accept_at_us = server->now_us + (int64_t)DBX_ACCEPT_RETRY_MS * 1000;
    }
}

typedef struct arrival {
    int fd;
    address peer;
} arrival;

static size_t accept_some(dbx_server *server, int listener, arrival *arrivals) {
    size_t count = 0;
    while (count < DBX_ACCEPT_MAX) {
        arrival *a = &arrivals[count];
        socklen_t len = sizeof a->peer;
        memset(&a->peer, 0, sizeof a->peer);
        a->fd = accept4(listener, &a->peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (a->fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno == ECONNABORTED || errno == EINTR || use_spare(server, listener)) continue;
            pause_accepting(server);
            break;
        }
        if (server->conn_count + server->forward_count + count >=
            (uint64_t)server->settings.maxclients) {
            turn_away(server, a->fd, FULL_TEXT);
        } else if (server->settings.guarded && dbx_listener_is_remote(a->fd)) {
            turn_away(server, a->fd, DENIED_TEXT);
        } else {
            count++;
        }
    }
    return count;
}

static void take_in(dbx_server *server, const dbx_listener *listener, const arrival *arrived) {
    char peer[NAME_MAX_BYTES], local[NAME_MAX_BYTES];
    address own = {0};
    socklen_t len = sizeof own;
    (void)getsockname(arrived->fd, &own.any, &len);
    print_address(listener->path != NULL ? &own : &arrived->peer, listener->path, peer);
    print_address(&own, listener->path, local);
    if (server->engine != NULL) {
        (void)dbx_conn_open(server, arrived->fd, peer, local, listener->trusted);
    } else {
        dbx_forward_open(server, arrived->fd, peer, local);
    }
}

void dbx_listener_accept(dbx_server *server, dbx_listener *listener) {
    arrival arrivals[DBX_ACCEPT_MAX];
    size_t count = accept_some(server, listener->watch.fd, arrivals);
    if (count == 0) return;
    if (server->engine != NULL) dbx_engine_lock(server->engine);
    for (size_t i = 0; i < count; i++)
        take_in(server, listener, &arrivals[i]);
    if (server->engine != NULL) dbx_engine_unlock(server->engine);
}
