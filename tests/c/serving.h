/* serving.h: a server in the test's own process, on a free port, with its loop in a thread. */
#ifndef DBX_TESTS_SERVING_H
#define DBX_TESTS_SERVING_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "engine/engine.h"
#include "scratch.h"
#include "server/server.h"

static dbx_server *server;
static dbx_engine *engine;
static pthread_t serving_thread;
static char serving_directory[SCRATCH_BYTES]; /* empty: it keeps nothing */

static void *serving_run(void *arg) {
    (void)arg;
    CHECK_EQ(dbx_server_run(server, NULL), DBX_OK);
    return NULL;
}

/* serving_start serves what is in serving_directory; false: it failed, and nothing is left of it.
 */
__attribute__((unused)) static bool serving_start(const dbx_setting *settings) {
    static const char *const bind[] = {"127.0.0.1", NULL};
    const dbx_server_options where = {.bind = bind, .port = -1};
    dbx_error error = {0};
    if (dbx_server_create(&server, &error) != DBX_OK) return false;
    const dbx_engine_options options = {.path =
                                            serving_directory[0] != '\0' ? serving_directory : NULL,
                                        .settings = settings,
                                        .wake = dbx_server_wake,
                                        .wake_arg = server};
    if (dbx_engine_open(&options, &engine, &error) != DBX_OK) {
        dbx_server_free(server);
        return false;
    }
    if (dbx_server_listen(server, engine, &where, &error) != DBX_OK) {
        CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
        dbx_server_free(server);
        return false;
    }
    CHECK_EQ(pthread_create(&serving_thread, NULL, serving_run, NULL), 0);
    return true;
}

/* serving_end ends the loop; sessions of the test's own are closed between it and serving_free. */
__attribute__((unused)) static void serving_end(void) {
    dbx_server_stop(server);
    pthread_join(serving_thread, NULL);
}

__attribute__((unused)) static void serving_free(void) {
    CHECK_EQ(dbx_engine_close(engine, NULL), DBX_OK);
    dbx_server_free(server);
}

__attribute__((unused)) static void serving_stop(void) {
    serving_end();
    serving_free();
}

__attribute__((unused)) static void serving_remove_directory(void) {
    scratch_remove(serving_directory);
    serving_directory[0] = '\0';
}

/* dial connects; -1: refused. */
__attribute__((unused)) static int dial(void) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)dbx_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

#endif
