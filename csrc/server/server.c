/* server.c: a server's making, listening and end; the loop itself is in loop.c. */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/forward.h"
#include "server/join.h"
#include "server/loop.h"

enum { SETTING_TEXT_MAX = 512, BACKLOG_DEFAULT = 511 };

/* A timer on the machine's clock whose end does not matter, since it is cancelled whenever the
 * clock is set: who waits for a date hears of it at once, without polling. */
static int clock_watch(void) {
    const struct itimerspec far = {.it_value = {.tv_sec = INT32_MAX}};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) return fd;
    if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) == 0) {
        return fd;
    }
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

int dbx_server_create(dbx_server **out, dbx_error *error) {
    dbx_server *server = dbx_alloc_zero(1, sizeof *server);
    *out = NULL;
    if (server == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake.kind = DBX_WATCH_WAKE;
    server->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->clock.kind = DBX_WATCH_WAKE;
    server->clock.fd = clock_watch();
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->arena = dbx_alloc(DBX_ARENA_BYTES);
    server->settings.maxclients = 1;
    dbx_request_init(&server->request);
    if (server->epoll_fd < 0 || server->wake.fd < 0 || server->clock.fd < 0 ||
        server->arena == NULL || dbx_loop_watch(server, &server->wake, EPOLLIN) != 0 ||
        dbx_loop_watch(server, &server->clock, EPOLLIN) != 0) {
        int rc = dbx_error_set(error, DBX_EIO, "cannot set up the event loop: %s", strerror(errno));
        dbx_server_free(server);
        return rc;
    }
    *out = server;
    return DBX_OK;
}

int dbx_server_open(dbx_server *server, const dbx_engine_options *options, dbx_error *error) {
    int rc = dbx_join_new(server, options, error);
    if (rc != DBX_OK) return rc;
    dbx_join *join = server->join;
    dbx_log_set_level((dbx_log_level)join->config.loglevel);
    server->tick_at_us = server->accept_at_us = INT64_MAX;
    while (join->state < DBX_JOINED && !atomic_load(&server->stop)) {
        if (dbx_loop_iterate(server, INT64_MAX) != 0)
            return dbx_error_set(error, DBX_EIO, "epoll failed: %s", strerror(errno));
    }
    if (join->state == DBX_FAILED) {
        if (error != NULL) *error = join->error;
        return join->error.code;
    }
    join->begun = true;
    if (join->state == DBX_OWNING) dbx_join_free(server);
    return DBX_OK;
}

bool dbx_server_joined(const dbx_server *server) {
    return server->engine == NULL;
}

int dbx_server_close(dbx_server *server, dbx_error *error) {
    dbx_engine *engine = server->engine;
    server->engine = NULL;
    return engine != NULL ? dbx_engine_close(engine, error) : DBX_OK;
}

void dbx_server_free(dbx_server *server) {
    dbx_join_free(server);
    dbx_listener_close_all(server, false);
    while (server->pool_count > 0)
        dbx_buf_free(&server->pool[--server->pool_count]);
    dbx_request_free(&server->request);
    dbx_alloc_free(server->arena);
    if (server->spare_fd >= 0) (void)close(server->spare_fd);
    if (server->clock.fd >= 0) (void)close(server->clock.fd);
    if (server->wake.fd >= 0) (void)close(server->wake.fd);
    if (server->epoll_fd >= 0) (void)close(server->epoll_fd);
    dbx_alloc_free(server);
}

void dbx_server_wake(void *arg) {
    dbx_server *server = arg;
    const uint64_t one = 1;
    int saved = errno; /* may be called by a signal handler */
    ssize_t n = write(server->wake.fd, &one, sizeof one);
    (void)n; /* full: the loop is going to wake anyway */
    errno = saved;
}

void dbx_server_stop(dbx_server *server) {
    atomic_store(&server->stop, true);
    dbx_server_wake(server);
}

int dbx_server_port(const dbx_server *server) {
    return server->port;
}

static void lock(dbx_server *server) {
    if (server->engine != NULL) dbx_engine_lock(server->engine);
}

static void unlock(dbx_server *server) {
    if (server->engine != NULL) dbx_engine_unlock(server->engine);
}

/* Locked. */
static int put_setting(dbx_server *server, const char *name, const char *value, dbx_error *error) {
    const char *why = NULL;
    if (server->engine != NULL) return dbx_engine_put_setting(server->engine, name, value, error);
    int rc = dbx_config_put(&server->join->config, dbx_config_find(dbx_slice_str(name)),
                            dbx_slice_str(value), true, &why);
    return rc == DBX_OK ? rc : dbx_error_set(error, rc, "setting '%s': %s", name, why);
}

/* Of a server that has the database, with as many files as the limit can be raised to. */
static int64_t clients_max(const struct rlimit *limit) {
    return limit->rlim_max > INT64_MAX ? INT64_MAX : (int64_t)(limit->rlim_max - DBX_FDS_RESERVED);
}

void dbx_server_fit_clients(dbx_server *server) {
    struct rlimit limit;
    unsigned each = server->engine == NULL ? 2 : 1; /* descriptors of a client */
    uint64_t wanted = (uint64_t)server->settings.maxclients * each + DBX_FDS_RESERVED;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (server->engine != NULL && limit.rlim_max > DBX_FDS_RESERVED)
        dbx_engine_set_clients_max(server->engine, clients_max(&limit));
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : (rlim_t)wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted || limit.rlim_cur <= DBX_FDS_RESERVED) return;
    char number[24];
    server->settings.maxclients = (int64_t)((limit.rlim_cur - DBX_FDS_RESERVED) / each);
    (void)snprintf(number, sizeof number, "%" PRId64, server->settings.maxclients);
    (void)put_setting(server, "maxclients", number, NULL); /* CONFIG GET's */
    dbx_log(DBX_LOG_WARNING, "maxclients is now %s: no more files may be open (ulimit -n)", number);
}

/* --- Listening
 * ------------------------------------------------------------------------------------- */

/* Tells the engine what there is, for CONFIG GET and INFO; one that is another process's when, and
 * if, this process takes over. */
static int publish(dbx_server *server, const char *name, const char *value, dbx_error *error) {
    lock(server);
    int rc = put_setting(server, name, value, error);
    unlock(server);
    return rc;
}

static void publish_listener(dbx_server *server, const char *kind, const char *at, int port) {
    char text[SETTING_TEXT_MAX];
    if (port > 0) {
        (void)snprintf(text, sizeof text, "name=%s,bind=%s,port=%d", kind, at, port);
        dbx_log(DBX_LOG_NOTICE, "Ready for Redis clients on %s port %d", at, port);
    } else {
        (void)snprintf(text, sizeof text, "name=%s,bind=%s", kind, at);
        dbx_log(DBX_LOG_NOTICE, "Ready for Redis clients on %s", at);
    }
    if (server->engine == NULL) { /* see join.h */
        dbx_buf_add(&server->join->listeners, text, strlen(text) + 1);
        return;
    }
    dbx_engine_lock(server->engine);
    (void)dbx_engine_add_listener(server->engine, text); /* for people to read: may be missing */
    dbx_engine_unlock(server->engine);
}

static int listen_tcp(dbx_server *server, const dbx_server_options *options, int backlog,
                      dbx_error *error) {
    char bind[SETTING_TEXT_MAX] = "", number[16];
    int port = options->port > 0 ? options->port : 0;
    for (size_t i = 0; options->bind[i] != NULL; i++) {
        const char *name = options->bind[i];
        size_t used = strlen(bind), before = server->listener_count;
        (void)snprintf(bind + used, sizeof bind - used, "%s%s", i == 0 ? "" : " ", name);
        bool optional = name[0] == '-';
        int rc =
            dbx_listener_tcp(server, name + (optional ? 1 : 0), &port, backlog, optional, error);
        if (rc != DBX_OK) return rc;
        if (server->listener_count > before)
            publish_listener(server, "tcp", name + (optional ? 1 : 0), port);
    }
    if (server->listener_count == 0)
        return dbx_error_set(error, DBX_EINVAL, "none of the addresses to bind is there");
    server->port = port;
    (void)snprintf(number, sizeof number, "%d", port);
    int rc = publish(server, "bind", bind, error);
    return rc == DBX_OK ? publish(server, "port", number, error) : rc;
}

static int listen_unix(dbx_server *server, const dbx_server_options *options, int backlog,
                       dbx_error *error) {
    char mode_text[16];
    unsigned mode = options->unixsocketperm == 0 ? 0700 : options->unixsocketperm;
    int rc = dbx_listener_unix(server, options->unixsocket, mode, backlog, error);
    if (rc != DBX_OK) return rc;
    publish_listener(server, "unix", options->unixsocket, 0);
    (void)snprintf(mode_text, sizeof mode_text, "%o", mode);
    rc = publish(server, "unixsocketperm", mode_text, error);
    return rc == DBX_OK ? publish(server, "unixsocket", options->unixsocket, error) : rc;
}

int dbx_server_listen(dbx_server *server, dbx_engine *engine, const dbx_server_options *options,
                      dbx_error *error) {
    int backlog = options->tcp_backlog > 0 ? options->tcp_backlog : BACKLOG_DEFAULT, rc = DBX_OK;
    if (engine != NULL) server->engine = engine;
    if (options->port != 0) {
        rc = listen_tcp(server, options, backlog, error);
    } else {
        rc = publish(server, "port", "0", error);
    }
    if (rc == DBX_OK && options->unixsocket != NULL)
        rc = listen_unix(server, options, backlog, error);
    if (rc == DBX_OK && options->directory != NULL && server->engine != NULL)
        rc = dbx_listener_directory(server, options->directory, backlog, error);
    if (rc != DBX_OK) return rc;
    lock(server);
    dbx_loop_read_settings(server, server->engine != NULL ? dbx_engine_config(server->engine)
                                                          : &server->join->config);
    unlock(server);
    if (server->engine == NULL) dbx_join_settings_changed(server->join);
    return DBX_OK;
}

/* --- A thread of its own
 * --------------------------------------------------------------------------- */

static void *run(void *arg) {
    dbx_error error;
    if (dbx_server_run(arg, &error) != DBX_OK) dbx_log(DBX_LOG_WARNING, "%s", error.text);
    return NULL;
}

int dbx_server_start(dbx_server *server, dbx_error *error) {
    sigset_t all, before;
    sigfillset(&all); /* signals are for the process's own threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&server->thread, NULL, run, server);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) return dbx_error_set(error, DBX_ENOMEM, "cannot start a thread");
    server->started = true;
    return DBX_OK;
}

void dbx_server_join(dbx_server *server) {
    if (!server->started) return;
    dbx_server_stop(server);
    (void)pthread_join(server->thread, NULL);
    server->started = false;
}

void dbx_server_let_go(void *arg) {
    dbx_server *server = arg;
    dbx_listener_close_all(server, true);
    for (dbx_conn *conn = server->conns; conn != NULL; conn = conn->next)
        (void)close(conn->watch.fd);
    int *const own[] = {&server->spare_fd, &server->wake.fd, &server->clock.fd, &server->epoll_fd};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (*own[i] >= 0) (void)close(*own[i]);
        *own[i] = -1;
    }
    server->started = false;
}
