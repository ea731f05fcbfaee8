/* test_server_threads.c: the loop and other threads use one engine at the same time: commands of
 * both come between each other's turns, CLIENT LIST and INFO look at connections, CLIENT KILL ends
 * them, settings change. Meant for the thread sanitizer.
 */
#include <stdatomic.h>

#include "codec/resp_write.h"
#include "serving.h"

enum { ROUNDS = 300, CLIENTS = 3, CALLERS = 2 };

static atomic_int failures;

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
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {NULL, NULL}};
    pthread_t threads[CLIENTS + CALLERS];
    CHECK(serving_start(settings));
    for (int i = 0; i < CLIENTS + CALLERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, i < CLIENTS ? talk : use, NULL), 0);
    }
    for (int i = 0; i < CLIENTS + CALLERS; i++)
        pthread_join(threads[i], NULL);
    serving_stop();
    CHECK_EQ(atomic_load(&failures), 0);
}
