/* test_server_turn.c: a turn whose journal write fails, seen by a client: every reply is an error,
 * nothing of it happened, the session is as it was, and the server goes on (invariants 1 and 2 of
 * csrc/store/README.md).
 */
#include <signal.h>
#include <sys/resource.h>

#include "engine/state.h"
#include "serving.h"

static void start(const char *appendfsync) {
    const dbx_setting settings[] = {
        {"appendfsync", appendfsync}, {"loglevel", "nothing"}, {NULL, NULL}};
    scratch_make(serving_directory);
    CHECK(serving_start(settings));
}

static void stop(void) {
    serving_stop();
    serving_remove_directory();
}

/* Sends one string and returns as many lines as it must bring. */
static const char *ask(int fd, const char *commands, int lines) {
    static char text[4096];
    size_t len = 0;
    CHECK_EQ(send(fd, commands, strlen(commands), MSG_NOSIGNAL), strlen(commands));
    while (lines > 0 && len < sizeof text - 1) {
        if (recv(fd, text + len, 1, 0) != 1) break;
        if (text[len++] == '\n') lines--;
    }
    text[len] = '\0';
    return text;
}

/* Makes every write to a file fail, as a full disk would. */
static void let_writes_fail(bool fail) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = fail ? 1 : limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int errors_in(const char *text) {
    int count = 0;
    for (; (text = strstr(text, "-MISCONF")) != NULL; text++)
        count++;
    return count;
}

static void check_failed_turn(const char *appendfsync) {
    signal(SIGXFSZ, SIG_IGN);
    start(appendfsync);
    int fd = dial();
    CHECK_TEXT(dbx_slice_str(ask(fd, "SET before 1\r\nCLIENT SETNAME kept\r\n", 2)),
               "+OK\r\n+OK\r\n");
    let_writes_fail(true);
    const char *answer =
        ask(fd, "SELECT 3\r\nCLIENT SETNAME lost\r\nSET lost 1\r\nGET before\r\n", 4);
    CHECK_EQ(errors_in(answer), 4);
    answer = ask(fd, "GET before\r\n", 2); /* nothing to write: not a failed turn, and database 0 */
    CHECK_TEXT(dbx_slice_str(answer), "$1\r\n1\r\n");
    let_writes_fail(false);
    CHECK_TEXT(dbx_slice_str(ask(fd, "CLIENT GETNAME\r\n", 2)), "$4\r\nkept\r\n");
    CHECK_TEXT(dbx_slice_str(ask(fd, "EXISTS lost\r\nSET after 1\r\nDBSIZE\r\n", 3)),
               ":0\r\n+OK\r\n:2\r\n");
    CHECK_TEXT(dbx_slice_str(ask(fd, "SELECT 3\r\nEXISTS lost\r\nDBSIZE\r\n", 3)),
               "+OK\r\n:0\r\n:0\r\n");
    close(fd);
    stop();
}

TEST(failed_journal_write_is_an_error_for_every_command_of_the_turn_and_undoes_it) {
    check_failed_turn("everysec");
}

TEST(the_same_when_replies_wait_for_the_sync) {
    check_failed_turn("always");
}

TEST(a_streamed_reply_of_a_failed_turn_is_an_error_too) {
    signal(SIGXFSZ, SIG_IGN);
    start("everysec");
    int fd = dial();
    CHECK_TEXT(dbx_slice_str(ask(fd, "SETRANGE large 5999999 x\r\n", 1)), ":6000000\r\n");
    let_writes_fail(true);
    CHECK_EQ(errors_in(ask(fd, "SET lost 1\r\nGET large\r\n", 2)), 2);
    let_writes_fail(false);
    CHECK_TEXT(dbx_slice_str(ask(fd, "PING\r\n", 1)), "+PONG\r\n");
    close(fd);
    stop();
}

static uint64_t turns(void) {
    dbx_store_info info;
    dbx_engine_lock(engine);
    dbx_store_get_info(engine->store, &info);
    dbx_engine_unlock(engine);
    return info.turns;
}

/* What clients ask for at the same time is several times what a turn may answer. */
TEST(a_turn_that_is_full_leaves_the_other_clients_to_the_next) {
    enum { CLIENTS = 100, GETS = 4, VALUE = 60000, ALL = GETS * (VALUE + 10) };
    static char commands[GETS * 7 + 1], replies[1 << 16];
    int clients[CLIENTS];
    _Static_assert((CLIENTS - 1) * ALL > 2 * DBX_TURN_REPLY_BYTES_MAX, "two full turns");
    for (size_t i = 0; i < GETS; i++)
        memcpy(commands + i * 7, "GET v\r\n", 8);
    start("everysec");
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial();
        CHECK_TEXT(dbx_slice_str(ask(clients[i], "SETRANGE v 59999 x\r\n", 1)), ":60000\r\n");
    }
    uint64_t before = turns();
    dbx_engine_lock(engine); /* the first of them begins a turn, the others wait meanwhile */
    for (int i = 0; i < CLIENTS; i++)
        CHECK_EQ(send(clients[i], commands, GETS * 7, MSG_NOSIGNAL), GETS * 7);
    dbx_engine_unlock(engine);
    for (int i = 0; i < CLIENTS; i++) {
        ssize_t n = 1;
        for (size_t left = ALL; left > 0 && n > 0; left -= n > 0 ? (size_t)n : 0)
            n = recv(clients[i], replies, left < sizeof replies ? left : sizeof replies, 0);
        CHECK(n > 0);
        close(clients[i]);
    }
    CHECK(turns() - before >= 3);
    stop();
}

TEST(replies_leave_in_order_and_once_when_each_turn_waits_for_its_sync) {
    start("always");
    int clients[8];
    for (int i = 0; i < 8; i++)
        clients[i] = dial();
    for (int round = 1; round <= 50; round++) {
        for (int i = 0; i < 8; i++) { /* several turns of each are on their way at once */
            char command[64];
            (void)snprintf(command, sizeof command, "INCR c%d\r\nINCR c%d\r\n", i, i);
            CHECK_EQ(send(clients[i], command, strlen(command), MSG_NOSIGNAL), strlen(command));
        }
    }
    for (int i = 0; i < 8; i++) {
        for (int n = 1; n <= 100; n++) {
            char want[16];
            (void)snprintf(want, sizeof want, ":%d\r\n", n);
            CHECK_TEXT(dbx_slice_str(ask(clients[i], "", 1)), want);
        }
        close(clients[i]);
    }
    stop();
}
