/* test_server_joined.c: an engine in a program whose directory is served by a loop in a thread:
 * calls and connections at once, forks in between, an end while others are connected. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/sockpath.h"
#include "check.h"
#include "engine/local.h"
#include "scratch.h"
#include "server/server.h"

enum { CALLERS = 2, CLIENTS = 2, ROUNDS = 2000, FORKS = 10 };

typedef struct world {
    char dir[SCRATCH_BYTES], path[64];
    dbx_server *server;
    dbx_local *local;
} world;

static void start(world *w) {
    const dbx_setting settings[] = {
        {"loglevel", "nothing"}, {"write-buffer-size", "16384"}, {NULL, NULL}};
    dbx_error error = {0};
    scratch_make(w->dir);
    (void)snprintf(w->path, sizeof w->path, "%s/socket", w->dir);
    CHECK_EQ(dbx_server_create(&w->server, &error), DBX_OK);
    const dbx_engine_options options = {
        .path = w->dir, .settings = settings, .wake = dbx_server_wake, .wake_arg = w->server};
    const dbx_server_options where = {.directory = w->path};
    CHECK_EQ(dbx_local_open(&options, &w->local, &error), DBX_OK);
    CHECK_EQ(dbx_server_listen(w->server, dbx_local_engine(w->local), &where, &error), DBX_OK);
    dbx_local_on_fork(w->local, dbx_server_let_go, w->server);
    CHECK_EQ(dbx_server_start(w->server, &error), DBX_OK);
}

static void stop(world *w) {
    dbx_server_join(w->server);
    CHECK_EQ(dbx_local_close(w->local, NULL), DBX_OK);
    dbx_server_free(w->server);
    CHECK(access(w->path, F_OK) != 0);
    scratch_remove(w->dir);
}

static int join(const world *w) {
    dbx_sockpath at;
    CHECK_EQ(dbx_sockpath_open(w->path, &at, NULL), DBX_OK);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&at.address, sizeof at.address), 0);
    dbx_sockpath_close(&at);
    return fd;
}

/* A command that has one line for an answer, whose number it returns. */
static long ask(int fd, const char *command) {
    char text[64];
    size_t len = 0;
    CHECK_EQ(send(fd, command, strlen(command), MSG_NOSIGNAL), strlen(command));
    while (len < sizeof text - 1 && (len == 0 || text[len - 1] != '\n')) {
        ssize_t n = recv(fd, text + len, sizeof text - 1 - len, 0);
        if (n <= 0) return -1;
        len += (size_t)n;
    }
    text[len] = '\0';
    return text[0] == ':' ? atol(text + 1) : -1;
}

static void *call(void *arg) {
    const world *w = arg;
    dbx_session *session = dbx_local_session_open(w->local);
    dbx_slice argv[] = {dbx_slice_str("INCR"), dbx_slice_str("n")};
    const dbx_call incr = {.argc = 2, .argv = argv};
    dbx_local_result result;
    dbx_buf out = {0};
    for (int i = 0; i < ROUNDS; i++) {
        out.len = 0;
        CHECK_EQ(dbx_local_run(w->local, session, &incr, 1, false, &out, &result), DBX_OK);
        CHECK_EQ(out.ptr[0], ':');
    }
    dbx_buf_free(&out);
    dbx_local_session_close(w->local, session);
    return NULL;
}

static void *connect_and_ask(void *arg) {
    int fd = join(arg);
    for (int i = 0; i < ROUNDS; i++)
        CHECK(ask(fd, "INCR n\r\n") > 0);
    close(fd);
    return NULL;
}

TEST(calls_and_connections_are_served_at_once) {
    world w;
    pthread_t threads[CALLERS + CLIENTS];
    start(&w);
    for (size_t i = 0; i < CALLERS + CLIENTS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i < CALLERS ? call : connect_and_ask, &w), 0);
    for (size_t i = 0; i < CALLERS + CLIENTS; i++)
        pthread_join(threads[i], NULL);
    int fd = join(&w);
    CHECK_EQ(ask(fd, "INCR n\r\n"), (CALLERS + CLIENTS) * ROUNDS + 1);
    close(fd);
    stop(&w);
}

static int descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

TEST(the_child_of_a_fork_has_none_of_the_descriptors) {
    enum { TRIES = 100, OWN = 1 };
    world w;
    int before = descriptors(), status = -1;
    start(&w);
    int fd = join(&w);
    CHECK_EQ(ask(fd, "INCR n\r\n"), 1);
    for (int i = 0; i < TRIES && status != 0; i++) { /* threads may be using one more just then */
        pid_t child = fork();
        if (child == 0) _exit(descriptors() - before - OWN);
        CHECK_EQ(waitpid(child, &status, 0), child);
        pause_ms(10);
    }
    CHECK_EQ(status, 0);
    close(fd);
    stop(&w);
}

TEST(who_comes_by_the_socket_cannot_end_a_programs_database) {
    world w;
    start(&w);
    int fd = join(&w);
    CHECK_EQ(ask(fd, "SHUTDOWN\r\n"), -1);
    CHECK_EQ(ask(fd, "INCR n\r\n"), 1);
    close(fd);
    stop(&w);
}

TEST(those_who_are_connected_see_the_end) {
    world w;
    char byte;
    start(&w);
    int fd = join(&w);
    CHECK_EQ(ask(fd, "INCR n\r\n"), 1);
    stop(&w);
    CHECK_EQ(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

#ifndef __SANITIZE_THREAD__ /* which does not follow forks of programs with threads */
TEST(a_forked_child_holds_no_connection_and_no_socket_of_its_parents) {
    world w;
    pthread_t thread;
    start(&w);
    int fd = join(&w);
    CHECK_EQ(ask(fd, "INCR k\r\n"), 1);
    CHECK_EQ(pthread_create(&thread, NULL, connect_and_ask, &w), 0);
    for (int i = 0; i < FORKS; i++) {
        int told[2], status = -1;
        char byte;
        CHECK_EQ(pipe(told), 0);
        pid_t child = fork();
        if (child == 0) {
            bool right = dbx_local_forked(w.local);
            CHECK_EQ(dbx_local_close(w.local, NULL), DBX_OK);
            dbx_server_free(w.server);
            right = right && access(w.path, F_OK) == 0 && ask(fd, "INCR k\r\n") == i + 2;
            close(told[1]);
            _exit(right && check_failures == 0 ? 0 : 1);
        }
        close(told[1]);
        CHECK_EQ(read(told[0], &byte, 1), 0);
        close(told[0]);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        pause_ms(60000);
        _exit(0);
    }
    stop(&w);
    char byte;
    CHECK_EQ(recv(fd, &byte, 1, 0), 0); /* although the child lives */
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    close(fd);
}
#endif
