/* test_server_threads.c: the loop and other threads use one engine at the same time: commands of
 * both come between each other's turns, CLIENT LIST and INFO look at connections, CLIENT KILL ends
 * them, settings change. Meant for the thread sanitizer.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "codec/resp_write.h"
#include "engine/engine.h"
#include "server/server.h"

enum { ROUNDS = 300, CLIENTS = 3, CALLERS = 2 };

static dbx_server *server;
static dbx_engine *engine;
static atomic_int failures;

static void *serve(void *arg) {
    (void)arg;
    if (dbx_server_run(server, NULL) != DBX_OK) atomic_fetch_add(&failures, 1);
    return NULL;
}

static int dial(void) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)dbx_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

/* A client over a socket, which is killed now and then and comes back. */
static void *talk(void *arg) {
    static const char command[] = "INCR shared\r\nINCR shared\r\n";
    int fd = dial();
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        char answer[64];
        ssize_t n = send(fd, command, sizeof command - 1, MSG_NOSIGNAL);
        if (n > 0) n = recv(fd, answer, sizeof answer, 0);
        if (n > 0 && answer[0] == ':') continue;
        if (n > 0) atomic_fetch_add(&failures, 1);
        close(fd);
        fd = dial();
    }
    close(fd);
    return NULL;
}

static void call(dbx_session *session, dbx_buf *out, size_t argc, const char *const *words) {
    dbx_slice argv[8];
    dbx_reply reply = {0};
    uint64_t position;
    dbx_error error;
    for (size_t i = 0; i < argc; i++)
        argv[i] = dbx_slice_str(words[i]);
    out->len = 0;
    dbx_engine_lock(engine);
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, dbx_session_resp(session), out);
    (void)dbx_engine_run(engine, session, argc, argv, NULL, &reply);
    if (dbx_engine_turn_end(engine, &position, &error) != DBX_OK || reply.errored) {
        atomic_fetch_add(&failures, 1);
    }
    dbx_engine_unlock(engine);
}

/* A thread of the process itself. */
static void *use(void *arg) {
    static const char *const incr[] = {"INCR", "shared"}, *const expire[] = {"SET", "gone", "1",
                                                                             "PX", "1"};
    static const char *const list[] = {"CLIENT", "LIST"}, *const info[] = {"INFO", "everything"};
    static const char *const kill[] = {"CLIENT", "KILL", "TYPE", "normal"};
    static const char *const set[] = {"CONFIG", "SET", "timeout", "100", "tcp-keepalive", "60"};
    const dbx_session_options options = {.trusted = true, .fd = -1};
    dbx_buf out = {0};
    (void)arg;
    dbx_engine_lock(engine);
    dbx_session *session = dbx_session_open(engine, &options);
    dbx_engine_unlock(engine);
    for (int i = 0; i < ROUNDS; i++) {
        call(session, &out, 2, incr);
        call(session, &out, 5, expire);
        call(session, &out, 2, list);
        if (i % 20 == 0) call(session, &out, 2, info);
        if (i % 50 == 0) call(session, &out, 4, kill);
        if (i % 30 == 0) call(session, &out, 6, set);
    }
    dbx_engine_lock(engine);
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    dbx_buf_free(&out);
    return NULL;
}

TEST(loop_and_callers_share_the_engine) {
    static const char *const bind[] = {"127.0.0.1", NULL};
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {NULL, NULL}};
    pthread_t loop, threads[CLIENTS + CALLERS];
    dbx_error error;
    CHECK_EQ(dbx_server_create(&server, &error), DBX_OK);
    const dbx_engine_options options = {
        .settings = settings, .wake = dbx_server_wake, .wake_arg = server};
    CHECK_EQ(dbx_engine_open(&options, &engine, &error), DBX_OK);
    const dbx_server_options where = {.bind = bind, .port = -1};
    CHECK_EQ(dbx_server_listen(server, engine, &where, &error), DBX_OK);
    CHECK_EQ(pthread_create(&loop, NULL, serve, NULL), 0);
    for (int i = 0; i < CLIENTS + CALLERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, i < CLIENTS ? talk : use, NULL), 0);
    }
    for (int i = 0; i < CLIENTS + CALLERS; i++)
        pthread_join(threads[i], NULL);
    dbx_server_stop(server);
    pthread_join(loop, NULL);
    CHECK_EQ(atomic_load(&failures), 0);
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    dbx_server_free(server);
}
