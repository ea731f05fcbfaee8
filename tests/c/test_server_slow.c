/* test_server_slow.c: clients that ask for much and do not read: how long a streamed reply keeps
 * its view, how much memory views may keep, and how long output may lie above the soft limit. Time
 * is the test's own (moved_clock.h). */
#include <errno.h>
#include <stdatomic.h>

#include "codec/resp_write.h"
#include "moved_clock.h"
#include "server/conn.h"
#include "serving.h"

enum { VALUE_BYTES = 40 << 20, PATIENCE_S = 20, SECOND_US = 1000000 };

static dbx_session *session; /* of the test's own calls */

static void let_pass(int64_t us) {
    atomic_fetch_add(&passed_us, us);
    dbx_server_wake(server);
}

/* --- A server and what it holds -------------------------------------------------------------- */

/* Runs a command beside the loop; returns a number out of its reply. *wait: it has to be repeated.
 */
static size_t try(const char *field, size_t argc, const dbx_slice *argv, bool *wait) {
    dbx_reply reply = {0};
    dbx_buf out = {0};
    uint64_t position;
    dbx_engine_lock(engine);
    dbx_engine_turn_begin(engine);
    dbx_resp_sink(&reply, 2, &out);
    int rc = dbx_engine_run(engine, session, argc, argv, NULL, &reply);
    CHECK_EQ(dbx_engine_turn_end(engine, &position, NULL), DBX_OK);
    if (reply.errored)
        check_failed(__FILE__, __LINE__, "%.*s", (int)out.len, (const char *)out.ptr);
    dbx_engine_unlock(engine);
    dbx_buf_byte(&out, 0);
    const char *at = strstr((const char *)out.ptr, field);
    size_t number = at != NULL ? strtoul(at + strlen(field), NULL, 10) : 0;
    dbx_buf_free(&out);
    *wait = rc == DBX_RUN_WAIT;
    return number;
}

static size_t call(const char *field, size_t argc, const dbx_slice *argv) {
    bool wait;
    size_t number = try(field, argc, argv, &wait);
    while (wait) { /* writers are held back while an apply is behind */
        (void)usleep(1000);
        number = try(field, argc, argv, &wait);
    }
    return number;
}

#define CALL(...)                                                                                  \
    (void)call("", sizeof((dbx_slice[]){__VA_ARGS__}) / sizeof(dbx_slice),                         \
               (const dbx_slice[]){__VA_ARGS__})
#define WORD(text) dbx_slice_str(text)

static void start_with(const char *buffer_size) {
    const dbx_setting settings[] = {
        {"loglevel", "nothing"}, {"write-buffer-size", buffer_size}, {NULL, NULL}};
    scratch_make(serving_directory);
    CHECK(serving_start(settings));
    const dbx_session_options own = {.trusted = true, .fd = -1};
    dbx_engine_lock(engine);
    session = dbx_session_open(engine, &own);
    dbx_engine_unlock(engine);
    char text[16];
    (void)snprintf(text, sizeof text, "%d", VALUE_BYTES - 1);
    CALL(WORD("SETRANGE"), WORD("large"), WORD(text), WORD("x"));
}

static void start(void) {
    start_with("1mb");
}

static void stop(void) {
    serving_end();
    dbx_engine_lock(engine);
    dbx_session_close(session);
    dbx_engine_unlock(engine);
    serving_free();
    serving_remove_directory();
}

static size_t views(void) {
    const dbx_slice info[] = {WORD("INFO"), WORD("store")};
    return call("\nviews:", 2, info);
}

static size_t views_cost(void) {
    dbx_engine_lock(engine);
    size_t cost = dbx_engine_views_cost(engine);
    dbx_engine_unlock(engine);
    return cost;
}

static void await_views(size_t count) {
    for (int i = 0; i < PATIENCE_S * 1000 && views() != count; i++)
        (void)usleep(1000);
    CHECK_EQ(views(), count);
}

static size_t sent_bytes(void) {
    const dbx_slice info[] = {WORD("INFO"), WORD("stats")};
    dbx_server_wake(server); /* it hands its counts over */
    (void)usleep(20000);
    return call("\ntotal_net_output_bytes:", 2, info);
}

/* Until nothing more can be sent: time must not pass while the server is still at it. */
static void await_stuck(void) {
    size_t before, now = sent_bytes();
    do {
        before = now;
        now = sent_bytes();
    } while (now != before);
}

/* --- Clients --------------------------------------------------------------------------------- */

/* The server's end of a connection is in this process too: it gets a small buffer, so that what the
 * client does not take is soon felt. */
static void narrow(int client) {
    const int small = 32 << 10;
    struct sockaddr_in own, peer;
    socklen_t len = sizeof own;
    bool found = false;
    CHECK_EQ(getsockname(client, (struct sockaddr *)&own, &len), 0);
    for (int i = 0; i < PATIENCE_S * 1000 && !found; i++) {
        for (int fd = 3; fd < client + 32 && !found; fd++) {
            len = sizeof peer;
            if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) continue;
            found = peer.sin_port == own.sin_port;
            if (found) CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
        }
        if (!found) (void)usleep(1000);
    }
    CHECK(found);
}

static int ask(const char *command) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int small = 64 << 10;
    int fd = dial();
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    narrow(fd);
    CHECK_EQ(send(fd, command, strlen(command), MSG_NOSIGNAL), strlen(command));
    return fd;
}

/* Reads `most` bytes, or to the end; returns how many came. */
static size_t take(int fd, size_t most) {
    static char bytes[64 << 10];
    size_t len = 0;
    while (len < most) {
        size_t want = most - len < sizeof bytes ? most - len : sizeof bytes;
        ssize_t n = recv(fd, bytes, want, 0);
        CHECK(n >= 0 || errno == ECONNRESET);
        if (n <= 0) break;
        len += (size_t)n;
    }
    return len;
}

TEST(streamed_reply_that_is_not_taken_ends_and_lets_its_view_go) {
    start();
    int fd = ask("GET large\r\n");
    await_views(1);
    await_stuck();
    let_pass((int64_t)DBX_STREAM_STALL_MS * 900);
    await_stuck();
    CHECK_EQ(views(), 1);
    let_pass((int64_t)DBX_STREAM_STALL_MS * 200);
    await_views(0);
    CHECK(take(fd, SIZE_MAX) < VALUE_BYTES);
    close(fd);
    stop();
}

TEST(streamed_reply_taken_in_small_steps_ends_after_its_longest_time) {
    start();
    int fd = ask("GET large\r\n");
    await_views(1);
    await_stuck();
    size_t taken = 0;
    for (int i = 0; i < DBX_STREAM_MS_MAX / (DBX_STREAM_STALL_MS / 2) + 1; i++) {
        taken += take(fd, 2 * DBX_STREAM_STEP_BYTES); /* enough for the server to take a step */
        await_stuck();
        if (i == 10) CHECK_EQ(views(), 1);
        let_pass((int64_t)DBX_STREAM_STALL_MS * 500);
    }
    await_views(0);
    CHECK(taken + take(fd, SIZE_MAX) < VALUE_BYTES);
    close(fd);
    stop();
}

/* A reply that is not taken, with a view of buffers of its own: `count` values are more than one
 * holds. */
static int ask_over_new_buffers(unsigned count) {
    static uint8_t bytes[60 << 10];
    char name[16];
    memset(bytes, 'v', sizeof bytes);
    for (unsigned n = 0; n < count; n++) {
        (void)snprintf(name, sizeof name, "k%u", n);
        CALL(WORD("SET"), WORD(name), dbx_slice_of(bytes, sizeof bytes));
    }
    int fd = ask("GET large\r\n");
    await_stuck();
    return fd;
}

TEST(slow_replies_whose_views_keep_far_too_much_memory_end_oldest_first_however_young) {
    enum { READERS = 20 };
    int fds[READERS];
    start_with("4mb");
    for (unsigned i = 0; i < READERS; i++) {
        fds[i] = ask_over_new_buffers(80);
        let_pass(SECOND_US);
    }
    /* An apply that ends meanwhile leaves one more buffer to the views alone. */
    bool bounded = false;
    for (int i = 0; i < PATIENCE_S * 1000 && !bounded; i++) {
        CALL(WORD("SET"), WORD("another"), WORD("iteration"));
        dbx_server_wake(server);
        (void)usleep(1000);
        bounded = views() >= 1 && views_cost() < DBX_VIEWS_COST_ANY;
    }
    CHECK(bounded);
    CHECK(take(fds[0], SIZE_MAX) < VALUE_BYTES);
    CHECK_EQ(take(fds[READERS - 1], VALUE_BYTES), VALUE_BYTES);
    for (unsigned i = 0; i < READERS; i++)
        close(fds[i]);
    stop();
}

TEST(slow_replies_whose_views_keep_little_memory_go_on) {
    int fds[2];
    start();
    for (unsigned i = 0; i < 2; i++)
        fds[i] = ask_over_new_buffers(20);
    let_pass(5 * SECOND_US);
    for (unsigned i = 0; i < 20; i++) {
        CALL(WORD("SET"), WORD("another"), WORD("iteration"));
        dbx_server_wake(server);
        (void)usleep(1000);
    }
    CHECK_EQ(views(), 2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(take(fds[i], VALUE_BYTES), VALUE_BYTES);
        close(fds[i]);
    }
    stop();
}

TEST(a_reply_goes_on_however_small_the_write_buffer_is) {
    start_with("16kb");
    int fd = ask_over_new_buffers(20);
    for (int i = 0; i < 20; i++) { /* buffers that the view keeps are applied and replaced */
        close(ask_over_new_buffers(20));
        CHECK(views() >= 1);
    }
    CHECK_EQ(take(fd, VALUE_BYTES), VALUE_BYTES);
    close(fd);
    stop();
}

TEST(output_above_the_soft_limit_for_its_seconds_ends_the_connection) {
    start();
    CALL(WORD("CONFIG"), WORD("SET"), WORD("client-output-buffer-limit"), WORD("normal 0 4096 60"));
    int fd = ask("GET large\r\n"), other = ask("PING\r\n");
    await_views(1);
    CHECK_EQ(take(other, 7), 7);
    await_stuck();
    let_pass(20 * SECOND_US); /* below both the soft limit's seconds and the stall's */
    CHECK_EQ(take(fd, 4 * DBX_STREAM_STEP_BYTES), 4 * DBX_STREAM_STEP_BYTES);
    await_stuck();
    let_pass(20 * SECOND_US);
    CHECK_EQ(take(fd, 4 * DBX_STREAM_STEP_BYTES), 4 * DBX_STREAM_STEP_BYTES);
    await_stuck();
    CHECK_EQ(views(), 1);
    let_pass(21 * SECOND_US);
    await_views(0);
    CHECK(take(fd, SIZE_MAX) < VALUE_BYTES);
    close(fd);
    close(other);
    stop();
}

TEST(soft_limit_of_more_seconds_than_a_clock_has_is_refused) {
    dbx_error error = {0};
    start();
    dbx_engine_lock(engine);
    CHECK_EQ(dbx_engine_put_setting(engine, "client-output-buffer-limit",
                                    "normal 0 1 9223372036854775807", &error),
             DBX_EINVAL);
    dbx_engine_unlock(engine);
    stop();
}
