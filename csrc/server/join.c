/* join.c: seeking, greeting, being joined, taking over; see join.h. */
#include "server/join.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/sockpath.h"
#include "codec/resp_write.h"
#include "server/forward.h"
#include "server/loop.h"

enum { ANSWERS_BYTES = 4096, SETTINGS_MAX = 32 };

static void put_off(dbx_join *join, int64_t ms) {
    join->due_us = dbx_clock_mono_us() + ms * 1000;
}

static void be_patient(dbx_join *join) {
    join->patience_us = dbx_clock_mono_us() + (int64_t)DBX_JOIN_PATIENCE_MS * 1000;
}

static bool out_of_patience(const dbx_join *join) {
    return dbx_clock_mono_us() >= join->patience_us;
}

void dbx_join_retry(dbx_join *join) {
    if (join->due_us == INT64_MAX) put_off(join, DBX_JOIN_LOOK_MS);
}

/* `error` is set. */
static void fail(dbx_join *join) {
    join->state = DBX_FAILED;
    join->due_us = INT64_MAX;
}

static void leave(dbx_join *join) {
    if (join->watch.fd >= 0) (void)close(join->watch.fd);
    join->watch = (dbx_watch){.kind = DBX_WATCH_OWNER, .fd = -1};
    dbx_buf_free(&join->in); /* and it has failed no more */
}

/* --- Life
 * ------------------------------------------------------------------------------------------ */

static int read_settings(dbx_join *join, dbx_error *error) {
    const dbx_setting *s = join->options.settings;
    int rc = dbx_config_init(&join->config);
    for (; rc == DBX_OK && s != NULL && s->name != NULL; s++) {
        const dbx_setting_row *row = dbx_config_find(dbx_slice_str(s->name));
        const char *why = "there is none of that name";
        rc = row == NULL ? DBX_EINVAL
                         : dbx_config_put(&join->config, row, dbx_slice_str(s->value), true, &why);
        if (rc == DBX_EINVAL)
            return dbx_error_set(error, DBX_EINVAL, "setting '%s': %s", s->name, why);
    }
    return rc == DBX_OK ? rc : dbx_error_set(error, rc, "out of memory");
}

int dbx_join_new(dbx_server *server, const dbx_engine_options *options, dbx_error *error) {
    dbx_join *join = dbx_alloc_zero(1, sizeof *join);
    if (join == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    server->join = join;
    join->watch = (dbx_watch){.kind = DBX_WATCH_OWNER, .fd = -1};
    join->options = *options;
    join->forwards_due_us = INT64_MAX;
    join->scratch = dbx_alloc(DBX_FORWARD_BYTES);
    int rc = join->scratch == NULL ? dbx_error_set(error, DBX_ENOMEM, "out of memory")
                                   : read_settings(join, error);
    if (rc == DBX_OK) be_patient(join);
    return rc;
}

void dbx_join_free(dbx_server *server) {
    dbx_join *join = server->join;
    if (join == NULL) return;
    leave(join);
    dbx_config_free(&join->config);
    dbx_buf_free(&join->in);
    dbx_buf_free(&join->listeners);
    dbx_alloc_free(join->scratch);
    dbx_alloc_free(join);
    server->join = NULL;
}

/* --- Taking over
 * ----------------------------------------------------------------------------------- */

/* What a server tells its engine when it has opened its listeners. */
static int publish(dbx_server *server, dbx_error *error) {
    const dbx_join *join = server->join;
    dbx_buf text = {0};
    int rc = DBX_OK;
    dbx_engine_lock(server->engine);
    for (const dbx_setting_row *row = dbx_config_rows; rc == DBX_OK && row->name != NULL; row++) {
        if ((row->flags & DBX_SETTING_CONNECTION) == 0) continue;
        text.len = 0;
        dbx_config_print(&join->config, row, &text);
        dbx_buf_byte(&text, '\0');
        rc = text.failed
                 ? dbx_error_set(error, DBX_ENOMEM, "out of memory")
                 : dbx_engine_put_setting(server->engine, row->name, (const char *)text.ptr, error);
    }
    for (size_t at = 0; at < join->listeners.len;) {
        const char *line = (const char *)join->listeners.ptr + at;
        (void)dbx_engine_add_listener(server->engine, line);
        at += strlen(line) + 1;
    }
    server->settings.generation = 0; /* another one's */
    dbx_loop_read_settings(server, dbx_engine_config(server->engine));
    dbx_engine_unlock(server->engine);
    dbx_buf_free(&text);
    return rc;
}

static void take_over(dbx_server *server, dbx_engine *engine) {
    dbx_join *join = server->join;
    int64_t backlog = join->config.tcp_backlog;
    server->engine = engine;
    join->state = DBX_OWNING;
    join->due_us = INT64_MAX;
    if (!join->begun) return; /* dbx_server_listen does the rest */
    int rc = publish(server, &join->error);
    if (rc == DBX_OK && join->options.socket != NULL)
        rc = dbx_listener_directory(server, join->options.socket, (int)backlog, &join->error);
    if (rc != DBX_OK) {
        join->state = DBX_FAILED;
        return;
    }
    dbx_log(DBX_LOG_NOTICE, "This server has the database now");
    server->tick_at_us = 0;
    dbx_forward_adopt(server);
}

/* --- Seeking
 * --------------------------------------------------------------------------------------- */

int dbx_join_dial(const dbx_join *join) {
    dbx_sockpath at;
    if (dbx_sockpath_open(join->options.socket, &at, NULL) != DBX_OK) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at.address, sizeof at.address) != 0) {
        (void)close(fd);
        fd = -1;
    }
    dbx_sockpath_close(&at);
    return fd;
}

static void add_setting(dbx_slice *argv, size_t *argc, dbx_buf *texts, const dbx_config *config,
                        const dbx_setting_row *row) {
    size_t from = texts->len;
    argv[(*argc)++] = dbx_slice_str(row->name);
    dbx_config_print(config, row, texts);
    /* An offset until the texts stay where they are. */
    argv[(*argc)++] = dbx_slice_of((const uint8_t *)NULL, texts->len - from);
}

/* "RELAY SERVER name value ...": what holds for this server's clients. */
static void greeting(const dbx_join *join, dbx_buf *out) {
    dbx_slice argv[2 + 2 * SETTINGS_MAX] = {dbx_slice_str("RELAY"), dbx_slice_str("SERVER")};
    dbx_buf texts = {0};
    size_t argc = 2, at = 0;
    for (const dbx_setting_row *row = dbx_config_rows; row->name != NULL; row++) {
        if ((row->flags & DBX_SETTING_CONNECTION) != 0 && argc < 2 + 2 * SETTINGS_MAX)
            add_setting(argv, &argc, &texts, &join->config, row);
    }
    for (size_t i = 3; i < argc && !texts.failed; i += 2) {
        argv[i] = dbx_slice_of(texts.ptr + at, argv[i].len);
        at += argv[i].len;
    }
    if (texts.failed) out->failed = true;
    dbx_resp_command(out, argc, argv);
    dbx_buf_free(&texts);
}

/* There is room for it in the socket: little else is ever sent by it. */
static bool say_settings(const dbx_join *join) {
    dbx_buf hello = {0};
    greeting(join, &hello);
    ssize_t n =
        hello.failed ? -1 : send(join->watch.fd, hello.ptr, hello.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool sent = n >= 0 && (size_t)n == hello.len;
    dbx_buf_free(&hello);
    return sent;
}

void dbx_join_settings_changed(dbx_join *join) {
    if (join->state == DBX_JOINED && !say_settings(join))
        (void)shutdown(join->watch.fd, SHUT_RDWR); /* and so join again */
}

/* Connects and greets; false: nobody listens there, now. */
static bool greet(dbx_server *server) {
    dbx_join *join = server->join;
    int fd = dbx_join_dial(join);
    if (fd < 0) return false;
    leave(join);
    join->watch.fd = fd;
    bool sent = say_settings(join) && dbx_loop_watch(server, &join->watch, EPOLLIN) == 0;
    if (sent) {
        join->state = DBX_GREETING;
        join->due_us = join->patience_us;
    } else {
        leave(join);
    }
    return sent;
}

/* A server's database is not another server's to serve. What is written there may be of an owner
 * whom the next has not overwritten yet: it counts when it is there again. */
static bool is_served(dbx_join *join) {
    dbx_owner owner;
    if (join->begun || !dbx_engine_owner(join->options.path, &owner) || !owner.server) {
        join->told_pid = 0;
        return false;
    }
    if (join->told_pid == owner.pid) {
        (void)dbx_error_set(
            &join->error, DBX_ELOCKED,
            "%s is served already, by process %ld: use that server, or stop it first",
            join->options.path, owner.pid);
        fail(join);
    }
    join->told_pid = owner.pid;
    return true;
}

static void seek(dbx_server *server) {
    dbx_join *join = server->join;
    dbx_engine *engine = NULL;
    int rc = dbx_engine_open(&join->options, &engine, &join->error);
    if (rc == DBX_OK) {
        take_over(server, engine);
    } else if (rc != DBX_ELOCKED) {
        fail(join);
    } else if (is_served(join)) {
        if (join->state == DBX_SEEKING) put_off(join, DBX_JOIN_LOOK_MS);
    } else if (join->options.socket == NULL || !greet(server)) {
        put_off(join, DBX_JOIN_LOOK_MS);
        if (out_of_patience(join)) fail(join);
    }
}

/* --- Being joined
 * ---------------------------------------------------------------------------------- */

static void lose(dbx_server *server) {
    dbx_join *join = server->join;
    bool was_joined = join->state == DBX_JOINED;
    leave(join);
    join->state = DBX_SEEKING;
    put_off(join, 0);
    if (!was_joined) {
        put_off(join, DBX_JOIN_LOOK_MS);
        if (!out_of_patience(join)) return;
        (void)dbx_error_set(&join->error, DBX_ELOCKED,
                            "the process that has %s open does not answer", join->options.path);
        fail(join);
        return;
    }
    be_patient(join);
    dbx_forward_settle_doubts(server, UINT64_MAX);
}

/* "+17 0123abcd...": what the owner calls us, and itself. */
static bool read_welcome(dbx_join *join, const char *line) {
    char run[DBX_RUN_NAME_BYTES];
    uint64_t id;
    if (sscanf(line, "+%" SCNu64 " %63s", &id, run) != 2) return false;
    if (strcmp(run, join->owner_run) != 0) join->owner++;
    memcpy(join->owner_run, run, sizeof run);
    join->server_id = id;
    join->pings = join->pongs = join->pings_wanted = 0;
    return true;
}

static void on_refusal(dbx_join *join, const char *line) {
    dbx_owner owner = {.pid = 0};
    (void)dbx_engine_owner(join->options.path, &owner);
    (void)dbx_error_set(&join->error, DBX_ELOCKED, "%s is open in process %ld, and not to join: %s",
                        join->options.path, owner.pid, line);
    leave(join);
    join->state = DBX_SEEKING;
    put_off(join, DBX_JOIN_LOOK_MS);
    if (!join->begun || out_of_patience(join)) fail(join);
}

static void on_welcome(dbx_server *server) {
    dbx_join *join = server->join;
    dbx_owner owner = {.pid = 0};
    (void)dbx_engine_owner(join->options.path, &owner);
    join->state = DBX_JOINED;
    join->due_us = INT64_MAX;
    dbx_log(DBX_LOG_NOTICE, "Joined process %ld, which has the database open", owner.pid);
    if (!dbx_forward_join(server)) dbx_join_retry(join);
}

/* One at a time, for which there always is room in the socket. */
static void send_ping(dbx_join *join) {
    static const char text[] = "PING\r\n";
    ssize_t n = send(join->watch.fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; /* broken: that is going to be seen */
    join->pings++;
}

static void on_pong(dbx_server *server) {
    dbx_join *join = server->join;
    join->pongs++;
    dbx_forward_settle_doubts(server, join->pongs);
    if (join->pings_wanted > join->pings) send_ping(join);
}

static void on_line(dbx_server *server, const char *line) {
    dbx_join *join = server->join;
    if (join->state == DBX_GREETING && read_welcome(join, line)) {
        on_welcome(server);
    } else if (join->state == DBX_GREETING) {
        on_refusal(join, line);
    } else if (join->state == DBX_JOINED && strcmp(line, "+PONG") == 0) {
        on_pong(server);
    }
}

void dbx_join_on_owner(dbx_server *server) {
    dbx_join *join = server->join;
    uint8_t *at = dbx_buf_reserve(&join->in, ANSWERS_BYTES);
    ssize_t n = at == NULL ? 0 : recv(join->watch.fd, at, ANSWERS_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lose(server);
        return;
    }
    join->in.len += (size_t)n;
    uint8_t *end;
    while (join->in.len > 0 && (end = memchr(join->in.ptr, '\n', join->in.len)) != NULL) {
        size_t used = (size_t)(end - join->in.ptr) + 1;
        char line[ANSWERS_BYTES];
        size_t len = used < sizeof line ? used - 1 : sizeof line - 1;
        memcpy(line, join->in.ptr, len);
        line[len] = '\0';
        line[strcspn(line, "\r")] = '\0';
        dbx_buf_consume(&join->in, used);
        on_line(server, line);
    }
    if (join->in.len > ANSWERS_BYTES) lose(server);
}

uint64_t dbx_join_ping(dbx_join *join) {
    join->pings_wanted = join->pings + 1;
    if (join->pings == join->pongs) send_ping(join);
    return join->pings_wanted;
}

void dbx_join_introduce(const dbx_join *join, const char *peer, const char *local, dbx_slice state,
                        dbx_buf *out) {
    char id[DBX_NUM_TEXT_MAX];
    size_t len = dbx_num_to_text((int64_t)join->server_id, id);
    const dbx_slice argv[] = {dbx_slice_str("RELAY"), dbx_slice_str("CLIENT"),
                              dbx_slice_of(id, len),  dbx_slice_str(peer),
                              dbx_slice_str(local),   state};
    dbx_resp_command(out, sizeof argv / sizeof argv[0], argv);
}

/* --- Time
 * ------------------------------------------------------------------------------------------ */

static void do_what_is_due(dbx_server *server) {
    dbx_join *join = server->join;
    join->due_us = INT64_MAX;
    switch (join->state) {
    case DBX_SEEKING:
        seek(server);
        break;
    case DBX_GREETING:
        lose(server);
        break;
    case DBX_JOINED:
        if (!dbx_forward_join(server)) dbx_join_retry(join);
        break;
    default:
        break;
    }
}

int64_t dbx_join_care(dbx_server *server) {
    dbx_join *join = server->join;
    if (join == NULL) return INT64_MAX;
    if (server->now_us >= join->due_us) do_what_is_due(server);
    if (server->now_us >= join->forwards_due_us) join->forwards_due_us = dbx_forward_care(server);
    return join->due_us < join->forwards_due_us ? join->due_us : join->forwards_due_us;
}
