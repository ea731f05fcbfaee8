/* test_server_sync.c: what has to be synced before something else happens: before a reply leaves
 * (invariant 17), and before the log names a large value's file (invariant 13). Syncs of the log
 * are let go one by one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "engine/state.h"
#include "scratch.h"
#include "serving.h"

enum { PATIENCE_S = 60, VALUE_BYTES = 2 << 20 };

static atomic_int begun, allowed = INT_MAX; /* syncs of the log */
static atomic_int failing;                  /* how many of the next ones fail */

/* How far the one large value's file is: received, synced, renamed, its name synced. */
static atomic_int spool_state;
static atomic_bool named, named_early;

static void move_on(int from) {
    (void)atomic_compare_exchange_strong(&spool_state, &from, from + 1);
}

int fdatasync(int fd) {
    char magic[8] = "";
    if (is_below(fd, "/journal/") && pread(fd, magic, sizeof magic, 0) > 0 && magic[0] == 'D') {
        int number = atomic_fetch_add(&begun, 1) + 1;
        while (number > atomic_load(&allowed))
            pause_ms(1);
        if (atomic_load(&failing) > 0) {
            atomic_fetch_sub(&failing, 1);
            errno = EIO;
            return -1;
        }
    }
    int rc = (int)syscall(SYS_fdatasync, fd);
    if (is_below(fd, "/spool/")) move_on(0);
    return rc;
}

int rename(const char *from, const char *to) {
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (strstr(to, ".spool") != NULL) move_on(1);
    return rc;
}

int fsync(int fd) {
    int rc = (int)syscall(SYS_fsync, fd);
    if (is_below(fd, "/spool")) move_on(2);
    return rc;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    if (is_below(fd, "/journal/") && memmem(bytes, len, "spl:", 4) != NULL) {
        if (atomic_load(&spool_state) != 3) atomic_store(&named_early, true);
        atomic_store(&named, true);
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

static void start(const char *durability) {
    const dbx_setting settings[] = {
        {"appendfsync", durability}, {"loglevel", "nothing"}, {NULL, NULL}};
    scratch_make(serving_directory);
    CHECK(serving_start(settings));
}

static void stop(void) {
    serving_stop();
    serving_remove_directory();
}

static int dial_patiently(void) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = dial();
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static void tell(int fd, const char *command) {
    CHECK_EQ(send(fd, command, strlen(command), MSG_NOSIGNAL), strlen(command));
}

static void hear_ok(int fd) {
    char text[5];
    CHECK_EQ(recv(fd, text, sizeof text, MSG_WAITALL), sizeof text);
    CHECK(memcmp(text, "+OK\r\n", sizeof text) == 0);
}

/* Nothing came, nor comes while the loop has time for it. */
static void hear_nothing(int fd) {
    char byte;
    pause_ms(20);
    CHECK(recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1 && errno == EAGAIN);
}

static void await_syncs(int count) {
    for (int ms = 0; atomic_load(&begun) < count && ms < PATIENCE_S * 1000; ms++)
        pause_ms(1);
    CHECK_EQ(atomic_load(&begun), count);
}

static uint64_t position(void) {
    dbx_engine_lock(engine);
    uint64_t at = dbx_store_position(engine->store);
    dbx_engine_unlock(engine);
    return at;
}

static uint64_t write_stalls(void) {
    dbx_store_info info;
    dbx_engine_lock(engine);
    dbx_store_get_info(engine->store, &info);
    dbx_engine_unlock(engine);
    return info.write_stalls;
}

TEST(a_reply_waits_for_the_sync_of_what_it_saw_and_not_for_later_ones) {
    start("always");
    int first = dial_patiently(), second = dial_patiently();
    uint64_t before = position();
    atomic_store(&allowed, 0);
    atomic_store(&begun, 0);
    tell(first, "SET a 1\r\n");
    await_syncs(1);
    hear_nothing(first);
    uint64_t between = position();
    CHECK(between > before);
    tell(second, "SET b 1\r\n");
    for (int ms = 0; position() == between && ms < PATIENCE_S * 1000; ms++)
        pause_ms(1);
    atomic_store(&allowed, 1);
    hear_ok(first);
    await_syncs(2);
    hear_nothing(second);
    atomic_store(&allowed, INT_MAX);
    hear_ok(second);
    close(first);
    close(second);
    stop();
}

/* Nothing else happens meanwhile. */
TEST(a_reply_whose_sync_failed_is_sent_when_the_write_was_applied) {
    start("always");
    int client = dial_patiently();
    tell(client, "SET a 1\r\n");
    hear_ok(client);
    for (int i = 0; i < 3; i++) {
        atomic_store(&failing, 1);
        tell(client, "SET a 2\r\n");
        hear_ok(client);
        CHECK_EQ(atomic_load(&failing), 0);
    }
    close(client);
    stop();
}

/* Nothing else happens meanwhile: the loop has to wake by itself. */
TEST(a_write_that_is_held_back_for_a_slow_sync_goes_on_by_itself) {
    enum { LAG_MS = 1700 }; /* of the sync: more than writers are left alone with */
    start("everysec");
    int client = dial_patiently();
    atomic_store(&allowed, 0);
    atomic_store(&begun, 0);
    tell(client, "SET a 1\r\n");
    hear_ok(client);
    await_syncs(1);
    pause_ms(LAG_MS);
    tell(client, "SET a 2\r\n");
    hear_ok(client);
    CHECK(write_stalls() > 0);
    atomic_store(&allowed, INT_MAX);
    close(client);
    stop();
}

TEST(the_log_names_a_large_value_only_when_its_file_is_durable_under_its_name) {
    static char command[VALUE_BYTES + 64];
    start("always");
    int client = dial_patiently();
    int head =
        snprintf(command, sizeof command, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", VALUE_BYTES);
    memset(command + head, 'v', VALUE_BYTES);
    memcpy(command + head + VALUE_BYTES, "\r\n", 3);
    tell(client, command);
    hear_ok(client);
    CHECK(atomic_load(&named));
    CHECK(!atomic_load(&named_early));
    close(client);
    stop();
}
