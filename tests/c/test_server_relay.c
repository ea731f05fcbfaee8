/* test_server_relay.c: a server that has joined a program, both in this process: its clients, their
 * number, and the program's end while they are at it. Time is the test's own
 * (moved_clock.h).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "check.h"
#include "engine/local.h"
#include "moved_clock.h"
#include "no_sync.h"
#include "scratch.h"
#include "server/forward.h"
#include "server/server.h"

#ifdef DBX_EMULATED
enum { STRIDE = 5 }; /* of the allocations, every so manieth is tried */
#else
enum { STRIDE = 1 };
#endif

enum { CLIENTS = 4, ROUNDS = 1000, MANY = 100, PATIENCE_S = 60 };

static char directory[SCRATCH_BYTES], socket_path[64];
static dbx_local *local; /* the program */
static dbx_server *its_server, *server;
static dbx_engine_options joining;
static pthread_t thread;
static int run_code;

static const dbx_setting settings[] = {{"loglevel", "nothing"}, {NULL, NULL}};
static const dbx_setting few_clients[] = {
    {"loglevel", "nothing"}, {"maxclients", "2"}, {NULL, NULL}};
static const dbx_setting *its_settings = settings; /* the joined server's */

/* --- The two -----------------------------------------------------------------------------------
 */

static void start_program(void) {
    dbx_error error = {0};
    CHECK_EQ(dbx_server_create(&its_server, &error), DBX_OK);
    const dbx_engine_options options = {.path = directory,
                                        .settings = settings,
                                        .socket = socket_path,
                                        .wake = dbx_server_wake,
                                        .wake_arg = its_server};
    const dbx_server_options where = {.directory = socket_path};
    CHECK_EQ(dbx_local_open(&options, &local, &error), DBX_OK);
    CHECK_EQ(dbx_server_listen(its_server, dbx_local_engine(local), &where, &error), DBX_OK);
    CHECK_EQ(dbx_server_start(its_server, &error), DBX_OK);
}

static void stop_program(void) {
    dbx_server_join(its_server);
    CHECK_EQ(dbx_local_close(local, NULL), DBX_OK);
    dbx_server_free(its_server);
}

static void *run(void *arg) {
    run_code = dbx_server_run(arg, NULL);
    return NULL;
}

static int start_server(dbx_error *error) {
    static const char *const bind[] = {"127.0.0.1", NULL};
    const dbx_server_options where = {.bind = bind, .port = -1, .directory = socket_path};
    int rc = dbx_server_create(&server, error);
    if (rc != DBX_OK) return rc;
    joining = (dbx_engine_options){.path = directory,
                                   .settings = its_settings,
                                   .socket = socket_path,
                                   .wake = dbx_server_wake,
                                   .wake_arg = server};
    rc = dbx_server_open(server, &joining, error);
    if (rc == DBX_OK) rc = dbx_server_listen(server, NULL, &where, error);
    if (rc != DBX_OK) {
        CHECK_EQ(dbx_server_close(server, NULL), DBX_OK);
        dbx_server_free(server);
        return rc;
    }
    CHECK_EQ(pthread_create(&thread, NULL, run, server), 0);
    return rc;
}

static void stop_server(void) {
    dbx_server_stop(server);
    pthread_join(thread, NULL);
    CHECK_EQ(dbx_server_close(server, NULL), DBX_OK);
    dbx_server_free(server);
}

static void make_directory(void) {
    scratch_make(directory);
    (void)snprintf(socket_path, sizeof socket_path, "%s/socket", directory);
}

static void start(void) {
    dbx_error error = {0};
    make_directory();
    start_program();
    CHECK_EQ(start_server(&error), DBX_OK);
    CHECK(dbx_server_joined(server));
}

static void stop(void) {
    stop_server();
    scratch_remove(directory);
}

/* --- Clients -----------------------------------------------------------------------------------
 */

static int dial(void) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)dbx_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

/* The number that a command is answered with; -1: the connection is lost, or it is an error. */
static long ask(int fd, const char *command) {
    char text[256];
    size_t len = 0;
    if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0) return -1;
    while (len < sizeof text - 1 && (len == 0 || text[len - 1] != '\n')) {
        ssize_t n = recv(fd, text + len, sizeof text - 1 - len, 0);
        CHECK(n >= 0 || errno == ECONNRESET); /* nobody waits for ever */
        if (n <= 0) return -1;
        len += (size_t)n;
    }
    text[len] = '\0';
    return text[0] == ':' ? atol(text + 1) : -1;
}

/* INCRs of a key of its own; whatever is acknowledged is there, and done once. */
static void *count(void *arg) {
    char command[32];
    long last = 0, unknown = 0;
    int fd = dial();
    (void)snprintf(command, sizeof command, "INCR n%d\r\n", *(const int *)arg);
    for (int i = 0; i < ROUNDS; i++) {
        unknown++;
        long value = ask(fd, command);
        if (value < 0) {
            close(fd);
            fd = dial();
            continue;
        }
        CHECK(value > last && value <= last + unknown);
        last = value;
        unknown = 0;
    }
    close(fd);
    return NULL;
}

TEST(the_programs_end_ends_no_client_that_waits_and_loses_nothing) {
    pthread_t threads[CLIENTS];
    int numbers[CLIENTS];
    start();
    int waiting = dial();
    CHECK_EQ(ask(waiting, "SELECT 3\r\n"), -1); /* +OK */
    CHECK_EQ(ask(waiting, "INCR w\r\n"), 1);
    for (int i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        CHECK_EQ(pthread_create(&threads[i], NULL, count, &numbers[i]), 0);
    }
    pause_ms(20);
    stop_program();
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(ask(waiting, "INCR w\r\n"), 2);
    close(waiting);
    stop();
    CHECK_EQ(run_code, DBX_OK);
}

TEST(many_clients_come_and_go_and_are_carried_over) {
    int fds[MANY];
    start();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            fds[i] = dial();
        for (int i = 0; i < MANY; i++)
            CHECK_EQ(ask(fds[i], "INCR n\r\n"), (round * MANY + i) + 1);
        for (int i = 0; i < MANY && round < 2; i++)
            close(fds[i]);
    }
    stop_program();
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(ask(fds[i], "INCR n\r\n"), 3 * MANY + i + 1);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    stop();
    CHECK_EQ(run_code, DBX_OK);
}

/* A client that is admitted, which may take until others are gone. */
static int dial_in(void) {
    for (int i = 0; i < PATIENCE_S * 100; i++) {
        int fd = dial();
        if (ask(fd, "DBSIZE\r\n") >= 0) return fd;
        close(fd);
        (void)usleep(10000);
    }
    return -1;
}

TEST(a_client_that_takes_nothing_does_not_outlive_its_link_for_long) {
    its_settings = few_clients;
    start();
    int slow = dial_in(), other = dial_in();
    CHECK(ask(other, "SETRANGE k 9999999 x\r\n") == 10000000);
    CHECK(send(slow, "GET k\r\nGET k\r\n", 14, MSG_NOSIGNAL) == 14);
    (void)usleep(200000);
    CHECK_EQ(ask(other, "CLIENT KILL TYPE normal\r\n"), 1);
    int third = dial();
    CHECK_EQ(ask(third, "DBSIZE\r\n"), -1);
    close(third);
    atomic_fetch_add(&passed_us, (int64_t)(DBX_FORWARD_STALL_MS + 1000) * 1000);
    dbx_server_wake(server);
    third = dial_in();
    CHECK(third >= 0);
    close(third);
    close(other);
    close(slow);
    stop_server();
    stop_program();
    scratch_remove(directory);
    its_settings = settings;
}

TEST(the_server_ends_and_the_program_goes_on) {
    start();
    int fd = dial();
    CHECK_EQ(ask(fd, "INCR n\r\n"), 1);
    stop_server();
    CHECK_EQ(ask(fd, "INCR n\r\n"), -1);
    close(fd);
    dbx_error error = {0};
    CHECK_EQ(start_server(&error), DBX_OK);
    CHECK(dbx_server_joined(server));
    fd = dial();
    CHECK_EQ(ask(fd, "INCR n\r\n"), 2);
    close(fd);
    stop_server();
    stop_program();
    scratch_remove(directory);
}

TEST(who_serves_already_is_not_joined_by_a_server) {
    dbx_error error = {0};
    start();
    dbx_server *first = server;
    pthread_t its_thread = thread;
    stop_program();
    int fd = dial();
    CHECK_EQ(ask(fd, "INCR n\r\n"), 1); /* it has taken over */
    CHECK_EQ(start_server(&error), DBX_ELOCKED);
    CHECK(strstr(error.text, "is served already, by process") != NULL);
    close(fd);
    server = first;
    thread = its_thread;
    stop();
}

#if defined(DBX_ALLOC_FAULTS) && !defined(__SANITIZE_THREAD__) /* which makes it minutes */
/* One allocation fails somewhere between the server's start and its taking over. False: none did.
 */
static bool round_with_fault(long n) {
    dbx_error error = {0};
    long before = 0;
    make_directory();
    start_program();
    dbx_alloc_fail_after(n);
    int rc = start_server(&error);
    if (rc != DBX_OK) {
        CHECK(dbx_alloc_failed());
        CHECK(rc == DBX_ENOMEM || rc == DBX_EIO || rc == DBX_ELOCKED);
        CHECK(strstr(error.text, "does not answer") == NULL); /* it did, and would again */
        stop_program();
        scratch_remove(directory);
        return true;
    }
    int fd = dial();
    bool counted = fd >= 0 && (before = ask(fd, "INCR n\r\n")) > 0;
    stop_program();
    long after = fd >= 0 ? ask(fd, "INCR n\r\n") : -1;
    CHECK(!counted || after == before + 1 || after == -1);
    if (fd >= 0) close(fd);
    bool failed = dbx_alloc_failed();
    dbx_alloc_fail_after(-1);
    CHECK(failed || (counted && after > 0));
    stop();
    CHECK(run_code == DBX_OK || failed);
    return failed;
}

TEST(any_failed_allocation_costs_a_connection_or_the_server_and_no_data) {
    long n = 0;
    while (check_failures == 0 && round_with_fault(n))
        n += STRIDE;
    if (check_failures > 0) fprintf(stderr, "with allocation %ld failing\n", n);
    printf("%ld allocations\n", n);
}
#endif
