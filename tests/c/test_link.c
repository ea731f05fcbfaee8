/* test_link.c: exchanges with an owner that answers, that is slow, and that goes away; the owner is
 * a thread of the test. */
#include "client/link.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/sockpath.h"
#include "check.h"
#include "scratch.h"

/* What the owner does with a connection, after it has read `read_first` bytes. */
typedef struct owner {
    char dir[SCRATCH_BYTES], path[512];
    int listener;
    pthread_t thread;
    size_t read_first;
    const char *answer; /* NULL: sends back what it reads, as bulk strings of one byte */
    size_t got;
    dbx_buf seen;
} owner;

static void send_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) return;
        bytes += n;
        len -= (size_t)n;
    }
}

static void *own(void *arg) {
    owner *o = arg;
    static char bytes[64 << 10], replies[7 * sizeof bytes];
    int fd = accept(o->listener, NULL, NULL);
    while (o->got < o->read_first) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) break;
        dbx_buf_add(&o->seen, bytes, (size_t)n);
        o->got += (size_t)n;
        for (ssize_t i = 0; o->answer == NULL && i < n; i++)
            memcpy(replies + i * 7, "$1\r\nx\r\n", 7);
        if (o->answer == NULL) send_all(fd, replies, (size_t)n * 7);
    }
    if (o->answer != NULL) send_all(fd, o->answer, strlen(o->answer));
    close(fd);
    return NULL;
}

static void listen_in(owner *o, const char *below) {
    dbx_sockpath at;
    o->seen = (dbx_buf){0};
    o->got = 0;
    scratch_make(o->dir);
    (void)snprintf(o->path, sizeof o->path, "%s%s", o->dir, below);
    for (char *slash = o->path + strlen(o->dir) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        CHECK_EQ(mkdir(o->path, 0700), 0);
        *slash = '/';
    }
    CHECK_EQ(dbx_sockpath_open(o->path, &at, NULL), DBX_OK);
    o->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(o->listener, (struct sockaddr *)&at.address, sizeof at.address), 0);
    dbx_sockpath_close(&at);
    CHECK_EQ(listen(o->listener, 5), 0);
}

static dbx_link *start(owner *o, size_t read_first, const char *answer) {
    dbx_link *link = NULL;
    listen_in(o, "/socket");
    o->read_first = read_first;
    o->answer = answer;
    CHECK_EQ(pthread_create(&o->thread, NULL, own, o), 0);
    CHECK_EQ(dbx_link_open(o->path, &link, NULL), DBX_OK);
    return link;
}

static void stop(owner *o, dbx_link *link) {
    dbx_link_close(link);
    pthread_join(o->thread, NULL);
    close(o->listener);
    dbx_buf_free(&o->seen);
    scratch_remove(o->dir);
}

static void put(dbx_link *link, const char *a, const char *b) {
    const dbx_slice words[] = {dbx_slice_str(a), dbx_slice_str(b)};
    CHECK_EQ(dbx_link_put(link, 2, words), DBX_OK);
}

TEST(commands_are_sent_together_and_all_their_replies_are_taken) {
    owner o;
    dbx_buf out = {0};
    static const char sent[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n";
    static const char answer[] = "$5\r\nvalue\r\n:1\r\n";
    dbx_link *link = start(&o, sizeof sent - 1, answer);
    put(link, "GET", "a");
    put(link, "DEL", "b");
    CHECK_EQ(dbx_link_exchange(link, 2, &out, NULL, NULL, NULL), DBX_OK);
    CHECK_TEXT(dbx_buf_slice(&out), answer);
    CHECK_TEXT(dbx_buf_slice(&o.seen), sent);
    dbx_buf_free(&out);
    stop(&o, link);
}

TEST(replies_are_taken_while_there_is_something_left_to_send) {
    enum { LONG = 3 << 20 };
    owner o;
    dbx_buf out = {0};
    char *bytes = malloc(LONG);
    memset(bytes, 'b', LONG);
    const dbx_slice words[] = {dbx_slice_str("ECHO"), dbx_slice_of(bytes, LONG)};
    const size_t len = strlen("*2\r\n$4\r\nECHO\r\n$3145728\r\n\r\n") + LONG;
    dbx_link *link = start(&o, len, NULL);
    CHECK_EQ(dbx_link_put(link, 2, words), DBX_OK);
    CHECK_EQ(dbx_link_exchange(link, len, &out, NULL, NULL, NULL), DBX_OK);
    CHECK_EQ(out.len, len * 7);
    CHECK_EQ(o.seen.len, len);
    CHECK(memcmp(o.seen.ptr + (len - 2 - LONG), bytes, LONG) == 0);
    free(bytes);
    dbx_buf_free(&out);
    stop(&o, link);
}

static int exchange_ping(dbx_link *link) {
    dbx_buf out = {0};
    put(link, "PING", "x");
    int rc = dbx_link_exchange(link, 1, &out, NULL, NULL, NULL);
    dbx_buf_free(&out);
    return rc;
}

TEST(an_owner_that_is_gone_got_nothing) {
    owner o;
    dbx_link *link = start(&o, 0, "");
    pthread_join(o.thread, NULL);
    CHECK_EQ(exchange_ping(link), DBX_LINK_UNSENT);
    CHECK_EQ(pthread_create(&o.thread, NULL, own, &o), 0);
    dbx_link *other = NULL;
    CHECK_EQ(dbx_link_open(o.path, &other, NULL), DBX_OK);
    dbx_link_close(other);
    stop(&o, link);
}

TEST(an_owner_that_goes_before_the_reply_is_complete_leaves_the_outcome_unknown) {
    static const char *const answers[] = {"", "$5\r\nva", "$5\r\nvalue\r"};
    for (size_t i = 0; i < 3; i++) {
        owner o;
        dbx_link *link = start(&o, 10, answers[i]);
        CHECK_EQ(exchange_ping(link), DBX_LINK_LOST);
        stop(&o, link);
    }
}

TEST(an_answer_that_is_not_resp_is_an_error) {
    owner o;
    dbx_link *link = start(&o, 10, "HTTP/1.1 200 OK\r\n");
    CHECK_EQ(exchange_ping(link), DBX_EINVAL);
    stop(&o, link);
}

TEST(nobody_to_connect_to_is_told_from_other_errors) {
    dbx_link *link = NULL;
    char dir[SCRATCH_BYTES], path[64];
    scratch_make(dir);
    (void)snprintf(path, sizeof path, "%s/socket", dir);
    CHECK_EQ(dbx_link_open(path, &link, NULL), DBX_ENOTFOUND);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK_EQ(dbx_link_open(path, &link, NULL), DBX_ENOTFOUND);
    close(fd);
    CHECK(link == NULL);
    scratch_remove(dir);
}

TEST(a_path_may_be_longer_than_an_address) {
    char below[300] = "";
    owner o;
    dbx_link *link = NULL;
    while (strlen(below) < 200)
        strcat(below, "/0123456789");
    strcat(below, "/socket");
    listen_in(&o, below);
    CHECK_EQ(dbx_link_open(o.path, &link, NULL), DBX_OK);
    dbx_link_close(link);
    close(o.listener);
    scratch_remove(o.dir);
}

TEST(the_child_of_a_fork_does_not_use_its_parents_connection) {
    static const char sent[] = "*2\r\n$4\r\nPING\r\n$1\r\nx\r\n";
    owner o;
    dbx_link *link = start(&o, sizeof sent - 1, "+PONG\r\n");
    pid_t child = fork();
    if (child == 0) _exit(exchange_ping(link) == DBX_LINK_UNSENT ? 0 : 1);
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(exchange_ping(link), DBX_OK);
    stop(&o, link);
}

static bool end_it(void *arg) {
    (*(int *)arg)++;
    return true;
}

static void on_alarm(int number) {
    (void)number;
}

TEST(a_signal_may_end_the_wait_for_a_reply) {
    owner o;
    int asked = 0;
    dbx_buf out = {0};
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &alarms, NULL), 0); /* the owner's thread has it, too */
    dbx_link *link = start(&o, 1000, "");
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &alarms, NULL), 0);
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
    put(link, "PING", "x");
    CHECK_EQ(dbx_link_exchange(link, 1, &out, end_it, &asked, NULL), DBX_LINK_INTERRUPTED);
    CHECK_EQ(asked, 1);
    dbx_buf_free(&out);
    stop(&o, link);
}

#ifdef DBX_ALLOC_FAULTS
enum { LONG_BYTES = 256 << 10 };

/* An exchange in which allocation `n` fails: what the next one comes to. *failed: whether it did.
 */
static int exchange_after_fault(long n, bool *failed) {
    static uint8_t bytes[LONG_BYTES];
    static const char ping[] = "*2\r\n$4\r\nPING\r\n$1\r\nx\r\n";
    const dbx_slice words[] = {dbx_slice_str("ECHO"), dbx_slice_of(bytes, LONG_BYTES)};
    owner o;
    dbx_buf out = {0};
    dbx_link *link = start(&o, SIZE_MAX, NULL); /* it sends a reply for each byte */
    CHECK(dbx_buf_reserve(&o.seen, 2 * LONG_BYTES) != NULL);
    dbx_alloc_fail_after(n);
    int rc = dbx_link_put(link, 1, words);
    if (rc == DBX_OK) rc = dbx_link_put(link, 2, words);
    if (rc == DBX_OK) rc = dbx_link_exchange(link, LONG_BYTES, &out, NULL, NULL, NULL);
    *failed = dbx_alloc_failed();
    dbx_alloc_fail_after(-1);
    CHECK_EQ(rc, *failed ? DBX_ENOMEM : DBX_OK);
    dbx_buf_free(&out);
    if (*failed) {
        put(link, "PING", "x");
        rc = dbx_link_exchange(link, sizeof ping - 1, &out, NULL, NULL, NULL);
        if (rc == DBX_OK) CHECK_TEXT(dbx_buf_slice(&o.seen), ping);
    }
    dbx_buf_free(&out);
    stop(&o, link);
    return rc;
}

TEST(after_a_failed_allocation_nothing_is_sent_in_part_and_no_reply_is_anothers) {
    long unsent = 0, done = 0;
    bool failed = true;
    for (long n = 0; failed && check_failures == 0; n++) {
        int rc = exchange_after_fault(n, &failed);
        CHECK(rc == DBX_OK || rc == DBX_LINK_UNSENT);
        done += failed && rc == DBX_OK;
        unsent += failed && rc == DBX_LINK_UNSENT;
    }
    CHECK(done >= 2 && unsent >= 2);
}
#endif
