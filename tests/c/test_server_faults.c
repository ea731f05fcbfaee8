/* test_server_faults.c: whichever allocation fails in the server, one client is refused or loses
 * its connection, and everybody and everything else goes on; see workload.h. */
#include <errno.h>
#include <stdlib.h>

#include "workload.h"
/* After it: its parameters are named as the server's own. */
#include "serving.h"

/* Of the allocations every so manieth is tried, others in each run; all with DBX_SOAK set. */
#if defined(DBX_EMULATED) || defined(__SANITIZE_THREAD__)
enum { STRIDE = 17 };
#else
enum { STRIDE = 3 };
#endif

enum { ANSWER_SECONDS_MAX = 20, COUNT_LINE_BYTES = 32 };

static int fd = -1;

static bool start(void) {
    const dbx_setting settings[] = {{"loglevel", "nothing"}, {NULL, NULL}};
    return serving_start(settings);
}

static void stop(void) {
    if (fd >= 0) close(fd);
    fd = -1;
    serving_stop();
}

/* --- A client -------------------------------------------------------------------------------- */

static bool workload_connect(void) {
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS_MAX};
    if (fd >= 0) close(fd);
    fd = dial();
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return true;
}

/* More of the reply; false: the connection is closed. */
static bool more(dbx_buf *reply) {
    workload_grow(reply, 64 << 10);
    ssize_t n = recv(fd, reply->ptr + reply->len, reply->cap - reply->len, 0);
    CHECK(n >= 0 || errno == ECONNRESET); /* a reply that does not come would be an error here */
    if (n > 0) reply->len += (size_t)n;
    return n > 0;
}

/* Reads until the value that begins at *at is complete, and passes over it. */
static bool pass_value(dbx_buf *reply, size_t *at) {
    size_t left = 1; /* values */
    while (left > 0) {
        uint8_t *end;
        /* Not memmem: the sanitizers' reads all that it might. */
        while (reply->len == *at ||
               (end = memchr(reply->ptr + *at, '\n', reply->len - *at)) == NULL) {
            if (!more(reply)) return false;
        }
        char type = (char)reply->ptr[*at];
        long long count = strtoll((const char *)reply->ptr + *at + 1, NULL, 10);
        *at = (size_t)(end - reply->ptr) + 1;
        left--;
        if (count < 0) continue;
        if (strchr("*~>%", type) != NULL) left += (size_t)count * (type == '%' ? 2 : 1);
        if (strchr("$=!", type) == NULL) continue;
        *at += (size_t)count + 2;
        while (reply->len < *at) {
            if (!more(reply)) return false;
        }
    }
    return true;
}

static bool send_all(const uint8_t *bytes, size_t len) {
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0) return false;
        sent += (size_t)n;
    }
    return true;
}

static void add(dbx_buf *buf, const void *bytes, size_t len) {
    workload_grow(buf, len);
    memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
}

static void add_count(dbx_buf *buf, char type, size_t count) {
    char line[COUNT_LINE_BYTES];
    add(buf, line, (size_t)snprintf(line, sizeof line, "%c%zu\r\n", type, count));
}

static workload_outcome workload_send(size_t argc, const dbx_slice *argv, dbx_buf *reply) {
    dbx_buf command = {0};
    size_t at = 0;
    add_count(&command, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        add_count(&command, '$', argv[i].len);
        add(&command, argv[i].ptr, argv[i].len);
        add(&command, "\r\n", 2);
    }
    (void)send_all(command.ptr, command.len); /* if not, it may still have been told why */
    free(command.ptr);
    if (!pass_value(reply, &at)) {
        reply->len = 0;
        return WORKLOAD_CLOSED;
    }
    CHECK_EQ(at, reply->len);
    return WORKLOAD_ANSWERED;
}

/* --- Tests ----------------------------------------------------------------------------------- */

TEST(any_failed_allocation_costs_one_client_one_command_or_its_connection) {
    long stride = getenv("DBX_SOAK") != NULL ? 1 : STRIDE;
    long n = (long)(check_seed() % (uint64_t)stride);
    CHECK(start());
    workload_learn(engine);
    stop();
    for (bool failed = true; failed && check_failures == 0; n += stride) {
        dbx_alloc_fail_after(n);
        if (!start()) {
            CHECK(dbx_alloc_failed() && n < WORKLOAD_OPEN_MAX);
            continue;
        }
        failed = workload_run(engine);
        stop();
        if (check_failures > 0) fprintf(stderr, "with allocation %ld failing\n", n);
    }
    CHECK(n > WORKLOAD_STEPS);
    printf("%ld allocations\n", n);
    workload_forget();
}
