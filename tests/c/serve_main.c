/* serve_main.c: `serve_main DIR PORT [NAME=VALUE ...]`: a server without Python, for tests under
 * sanitizers, emulators and profilers. DIR ":memory:" keeps nothing; PORT 0 takes a free one; a
 * setting `unixsocket` opens that socket too, `bind` is one address. Prints "ready PORT" and serves
 * until SIGTERM, SIGINT or SHUTDOWN. A directory that a program has open is served by joining that
 * program.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "server/server.h"

enum { SETTINGS_MAX = 32 };

static dbx_server *running;

static void on_signal(int number) {
    (void)number;
    dbx_server_stop(running);
}

static int fail(const dbx_error *error) {
    (void)fprintf(stderr, "serve_main: %s\n", error->text);
    return 1;
}

static void read_settings(int argc, char **argv, dbx_setting *settings) {
    int count = 0;
    for (int i = 3; i < argc && count < SETTINGS_MAX; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL) continue;
        *equals = '\0';
        settings[count++] = (dbx_setting){argv[i], equals + 1};
    }
}

static const char *find(const dbx_setting *settings, const char *name) {
    for (; settings->name != NULL; settings++) {
        if (strcmp(settings->name, name) == 0) return settings->value;
    }
    return NULL;
}

static int serve(const char *dir, int port, const dbx_setting *settings, dbx_error *error) {
    const char *address = find(settings, "bind");
    const char *const bind[] = {address != NULL ? address : "127.0.0.1",
                                address != NULL ? NULL : "-::1", NULL};
    char socket[PATH_MAX];
    (void)snprintf(socket, sizeof socket, "%s/socket", dir);
    const dbx_server_options options = {.bind = bind,
                                        .port = port == 0 ? -1 : port,
                                        .unixsocket = find(settings, "unixsocket"),
                                        .directory = strcmp(dir, ":memory:") != 0 ? socket : NULL};
    int rc = dbx_server_listen(running, NULL, &options, error);
    if (rc != DBX_OK) return rc;
    (void)printf("ready %d\n", dbx_server_port(running));
    (void)fflush(stdout);
    return dbx_server_run(running, error);
}

int main(int argc, char **argv) {
    dbx_setting settings[SETTINGS_MAX + 1] = {{NULL, NULL}};
    dbx_error error = {0};
    if (argc < 3) {
        (void)fprintf(stderr, "usage: serve_main DIR PORT [NAME=VALUE ...]\n");
        return 2;
    }
    read_settings(argc, argv, settings);
    if (dbx_server_create(&running, &error) != DBX_OK) return fail(&error);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, as under Python */
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    char socket[PATH_MAX];
    (void)snprintf(socket, sizeof socket, "%s/socket", argv[1]);
    const dbx_engine_options options = {.path = strcmp(argv[1], ":memory:") == 0 ? NULL : argv[1],
                                        .settings = settings,
                                        .socket = socket,
                                        .wake = dbx_server_wake,
                                        .wake_arg = running};
    int rc = dbx_server_open(running, &options, &error);
    if (rc == DBX_OK) {
        dbx_error closing = {0};
        rc = serve(argv[1], atoi(argv[2]), settings, &error);
        int closed = dbx_server_close(running, &closing);
        if (rc == DBX_OK && closed != DBX_OK) {
            rc = closed;
            error = closing;
        }
    }
    dbx_server_free(running);
    return rc == DBX_OK ? 0 : fail(&error);
}
