/* test_upgrade.c: a directory of an older format is upgraded whole or not at all, and nothing that
 * was acknowledged is lost. What version 1 wrote is written here byte by byte. */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/apply.h"
#include "store/checkpoint_file.h"
#include "store/file.h"
#include "store/format.h"
#include "store/frame.h"
#include "store/journal_read.h"
#include "store/store.h"
#include "store/txn.h"
#include "store/upgrade.h"
#include "store/verify.h"

enum {
    TIME_MS = 1700000000, /* what the clock of version 1 said */
    TURNS = 5,
    LOG_BYTES = 1 << 16, /* of each of two segments */
    CALLS_MAX = 20000,
    SPARE = 9,
    STARTED_EVERY = 10
};

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
    unsigned replayed;
    dbx_times times; /* of the last turn replayed */
} world;

static const uint8_t format_key[] = {DBX_TABLE_META, DBX_META_FORMAT};
static const uint8_t position_key[] = {DBX_TABLE_META, DBX_META_POSITION};

static dbx_slice meta(const uint8_t key[2]) {
    return dbx_slice_of(key, 2);
}

static void path_of(const world *w, const char *name, char path[DBX_PATH_MAX]) {
    CHECK_EQ(dbx_file_path(path, w->dir, name, NULL), DBX_OK);
}

static dbx_env *open_env(const world *w) {
    char path[DBX_PATH_MAX];
    dbx_env *env;
    dbx_error error;
    path_of(w, "data.mdbx", path);
    if (dbx_env_open(path, &env, &error) != DBX_OK) abort();
    return env;
}

static void put(const world *w, dbx_slice key, dbx_slice value) {
    dbx_env *env = open_env(w);
    CHECK_EQ(dbx_apply_put_now(env, key, value, NULL), DBX_OK);
    dbx_env_close(env, false);
}

/* Copies an entry's value; its length, or 0: it is not there. */
static size_t get(const world *w, dbx_slice key, uint8_t out[64]) {
    dbx_env *env = open_env(w);
    dbx_snapshot *snapshot;
    dbx_slice value = {NULL, 0};
    if (dbx_snapshot_open(env, &snapshot) != DBX_OK) abort();
    int rc = dbx_snapshot_get(snapshot, key, &value);
    CHECK(rc == DBX_ENOTFOUND || (rc == DBX_OK && value.len <= 64));
    if (rc == DBX_OK) memcpy(out, value.ptr, value.len);
    dbx_snapshot_close(snapshot);
    dbx_env_close(env, false);
    return rc == DBX_OK ? value.len : 0;
}

static uint32_t version_of(const world *w) {
    uint8_t value[64] = {0};
    CHECK_EQ(get(w, meta(format_key), value), DBX_FORMAT_RECORD_BYTES);
    return dbx_load32(value);
}

static void set_version(const world *w, uint32_t version) {
    uint8_t value[64] = {0};
    CHECK_EQ(get(w, meta(format_key), value), DBX_FORMAT_RECORD_BYTES);
    dbx_store32(value, version);
    put(w, meta(format_key), dbx_slice_of(value, DBX_FORMAT_RECORD_BYTES));
}

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    world *w = arg;
    dbx_slice none = {NULL, 0};
    (void)db, (void)argc, (void)error;
    w->replayed++;
    w->times = dbx_txn_times(txn);
    return dbx_txn_put(txn, argv[0], none, none);
}

static int start(world *w, dbx_error *error) {
    const dbx_store_options options = {
        .path = w->dir, .durability = DBX_DURABILITY_NONE, .databases = 1};
    const dbx_replay_calls calls = {.run = replay, .arg = w};
    w->replayed = 0;
    w->store = NULL;
    int rc = dbx_store_open(&options, &w->store, error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &calls, error);
    if (rc != DBX_OK && w->store != NULL) {
        (void)dbx_store_close(w->store, NULL);
        w->store = NULL;
    }
    return rc;
}

static void stop(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    w->store = NULL;
}

/* --- What version 1 wrote ----------------------------------------------------------------------
 */

/* A frame with one effect, whose name is the turn's number; returns its length. Without
 * `two_clocks` it is as the first builds wrote it. */
static size_t put_frame(uint8_t *at, uint64_t position, unsigned turn, bool two_clocks) {
    size_t head = two_clocks ? 56 : 48;
    int len = snprintf((char *)at + head, 32, "*1\r\n$5\r\nV%04u\r\n", turn);
    memset(at, 0, head);
    dbx_store32(at + 4, (uint32_t)len);
    dbx_store64(at + 8, 1);
    dbx_store64(at + 16, position);
    dbx_store64(at + 24, TIME_MS + turn);
    dbx_store32(at + 44, 1);
    if (two_clocks) dbx_store64(at + 48, TIME_MS + 1000 + turn);
    dbx_store32(at, dbx_crc32c(0, at + 4, head - 4 + (size_t)len));
    return head + (size_t)len;
}

/* A segment of TURNS frames from `first` on, which begins at `start`; returns where it ends. */
static uint64_t put_segment(const world *w, unsigned number, uint64_t start, unsigned first,
                            bool two_clocks) {
    static uint8_t bytes[LOG_BYTES];
    char name[32], path[DBX_PATH_MAX];
    size_t at = 64;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "DBXJRNL\n", 8);
    dbx_store32(bytes + 8, 1);
    dbx_store64(bytes + 16, 1);
    dbx_store64(bytes + 24, start);
    dbx_store64(bytes + 32, number == 1 ? 0 : start);
    dbx_store32(bytes + 60, dbx_crc32c(0, bytes, 60));
    for (unsigned i = 0; i < TURNS; i++)
        at += put_frame(bytes + at, start + at - 64, first + i, two_clocks);
    (void)snprintf(name, sizeof name, "journal/%08u.log", number);
    path_of(w, name, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    (void)close(fd);
    return start + at - 64;
}

/* A checkpoint that must not be loaded: its bytes do not matter, only that it goes. */
static void put_checkpoint(const world *w) {
    char path[DBX_PATH_MAX];
    path_of(w, "checkpoint/1-100.sealed", path);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "old", 3) == 3);
    (void)close(fd);
}

static bool has_checkpoint(const world *w) {
    dbx_checkpoint_span *spans;
    size_t count;
    CHECK_EQ(dbx_checkpoint_list(w->dir, &spans, &count, NULL), DBX_OK);
    dbx_alloc_free(spans);
    return count > 0;
}

/* A directory of version 1: its first turn is in data.mdbx, all others are in the log alone. */
static void prepare(world *w, bool two_clocks) {
    uint8_t position[32] = {0};
    char command[SCRATCH_BYTES + 32];
    dbx_error error;
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    CHECK_EQ(start(w, &error), DBX_OK);
    stop(w);
    (void)snprintf(command, sizeof command, "rm -f %s/journal/*", w->dir);
    CHECK_EQ(system(command), 0);
    uint64_t end = put_segment(w, 1, 1, 0, two_clocks);
    (void)put_segment(w, 2, end, TURNS, two_clocks);
    static uint8_t scratch[128];
    dbx_store64(position, 1 + put_frame(scratch, 1, 0, two_clocks));
    dbx_store64(position + 8, 1);
    dbx_store64(position + 16, TIME_MS);
    dbx_store64(position + 24, TIME_MS + 1000);
    put(w, meta(position_key), dbx_slice_of(position, two_clocks ? 32 : 24));
    put_checkpoint(w);
    set_version(w, 1);
}

/* --- Steps that are real -----------------------------------------------------------------------
 */

TEST(what_version_1_wrote_is_upgraded_and_its_log_executed) {
    for (int two_clocks = 0; two_clocks < 2; two_clocks++) {
        world w;
        dbx_error error = {0};
        uint8_t value[64];
        prepare(&w, two_clocks);
        int rc = start(&w, &error);
        if (rc != DBX_OK) fprintf(stderr, "%s\n", error.text);
        CHECK_EQ(rc, DBX_OK);
        CHECK_EQ(w.replayed, 2 * TURNS - 1);
        CHECK_EQ(w.times.now_ms, TIME_MS + 2 * TURNS - 1);
        CHECK_EQ(w.times.wall_ms, w.times.now_ms + (two_clocks ? 1000 : 0));
        CHECK(!has_checkpoint(&w));
        stop(&w);
        CHECK_EQ(version_of(&w), DBX_FORMAT_VERSION);
        CHECK_EQ(get(&w, meta(position_key), value), 32);
        CHECK_EQ(dbx_load64(value + 24), TIME_MS + (two_clocks ? 1000 : 0));
        /* Old segments and new ones are one log. */
        CHECK_EQ(start(&w, &error), DBX_OK);
        CHECK_EQ(w.replayed, 2 * TURNS - 1);
        stop(&w);
        CHECK_EQ(dbx_verify(w.dir, open("/dev/null", O_WRONLY), -1, &error), DBX_OK);
        scratch_remove(w.dir);
    }
}

TEST(the_log_of_version_1_is_printed) {
    world w;
    dbx_error error = {0};
    char text[4096];
    prepare(&w, false);
    FILE *out = tmpfile();
    if (out == NULL) abort();
    CHECK_EQ(dbx_journal_print(w.dir, 1, fileno(out), &error), DBX_OK);
    ssize_t n = pread(fileno(out), text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    CHECK(strstr(text, "V0000") != NULL && strstr(text, "V0009") != NULL);
    (void)fclose(out);
    scratch_remove(w.dir);
}

TEST(damage_in_the_log_of_version_1_is_found) {
    world w;
    dbx_error error = {0};
    char path[DBX_PATH_MAX];
    uint8_t frame[128];
    prepare(&w, false);
    path_of(&w, "journal/00000002.log", path);
    int fd = open(path, O_RDWR);
    size_t n = put_frame(frame, 0, 0, false);
    uint64_t start_at = 1 + TURNS * n; /* where the second segment begins, and its last frame: */
    off_t last = (off_t)(64 + (TURNS - 1) * n);
    (void)put_frame(frame, start_at + (TURNS - 1) * n, SPARE, false);
    dbx_store64(frame + 32, start_at + (TURNS - 1) * n); /* it says that all before is durable */
    dbx_store32(frame, dbx_crc32c(0, frame + 4, n - 4));
    CHECK_EQ(pwrite(fd, frame, n, last), (ssize_t)n);
    CHECK_EQ(pwrite(fd, "?", 1, 64 + (off_t)n + 50), 1);
    (void)close(fd);
    CHECK_EQ(start(&w, &error), DBX_ECORRUPT);
    CHECK(strstr(error.text, "the journal is damaged at position") != NULL);
    scratch_remove(w.dir);
}

TEST(an_older_format_is_not_verified_before_it_is_upgraded) {
    world w;
    dbx_error error = {0};
    prepare(&w, false);
    CHECK_EQ(dbx_verify(w.dir, open("/dev/null", O_WRONLY), -1, &error), DBX_EVERSION);
    CHECK(strstr(error.text, "is of format 1, which only a start upgrades") != NULL);
    CHECK_EQ(version_of(&w), 1);
    scratch_remove(w.dir);
}

/* --- Any steps ---------------------------------------------------------------------------------
 */

static int put_text(dbx_upgrade *upgrade, const char *key, const char *value, dbx_error *error) {
    return dbx_upgrade_put(upgrade, dbx_slice_str(key), dbx_slice_str(value), error);
}

static int first_step(dbx_upgrade *upgrade, dbx_error *error) {
    return put_text(upgrade, "K1", "one", error);
}

/* Sees what the step before it did. */
static int second_step(dbx_upgrade *upgrade, dbx_error *error) {
    dbx_slice value;
    int rc = dbx_upgrade_get(upgrade, dbx_slice_str("K1"), &value, error);
    if (rc == DBX_OK) rc = dbx_upgrade_put(upgrade, dbx_slice_str("K2"), value, error);
    CHECK_EQ(dbx_upgrade_get(upgrade, dbx_slice_str("K3"), &value, error), DBX_ENOTFOUND);
    return rc;
}

static int failing_step(dbx_upgrade *upgrade, dbx_error *error) {
    int rc = put_text(upgrade, "K2", "two", error);
    return rc != DBX_OK ? rc : dbx_error_set(error, DBX_ENOSPC, "not this one");
}

static const dbx_upgrade_step good[] = {{1, first_step}, {2, second_step}, {0, NULL}};
static const dbx_upgrade_step bad[] = {{1, first_step}, {2, failing_step}, {0, NULL}};
static const dbx_upgrade_step gap[] = {{2, second_step}, {0, NULL}};

static int upgrade_to(const world *w, const dbx_upgrade_step *steps, uint32_t to,
                      dbx_error *error) {
    uint8_t record[64];
    (void)get(w, meta(format_key), record);
    dbx_env *env = open_env(w);
    int rc = dbx_upgrade_run(env, w->dir, dbx_slice_of(record, DBX_FORMAT_RECORD_BYTES), steps, to,
                             error);
    dbx_env_close(env, false);
    return rc;
}

static bool has(const world *w, const char *key) {
    uint8_t value[64];
    return get(w, dbx_slice_str(key), value) > 0;
}

TEST(steps_run_one_after_the_other_and_count_together) {
    world w;
    dbx_error error = {0};
    uint8_t value[64] = {0};
    prepare(&w, false);
    CHECK_EQ(upgrade_to(&w, good, 3, &error), DBX_OK);
    CHECK_EQ(version_of(&w), 3);
    CHECK_EQ(get(&w, dbx_slice_str("K2"), value), 3);
    CHECK(memcmp(value, "one", 3) == 0);
    scratch_remove(w.dir);
}

TEST(a_step_that_fails_leaves_the_old_format) {
    world w;
    dbx_error error = {0};
    prepare(&w, false);
    CHECK_EQ(upgrade_to(&w, bad, 3, &error), DBX_ENOSPC);
    CHECK_EQ(version_of(&w), 1);
    CHECK(!has(&w, "K1") && !has(&w, "K2"));
    CHECK_EQ(upgrade_to(&w, gap, 3, &error), DBX_EVERSION);
    CHECK(strstr(error.text, "is of format 1, which this DBX does not know any more") != NULL);
    CHECK_EQ(version_of(&w), 1);
    CHECK_EQ(start(&w, &error), DBX_OK);
    CHECK_EQ(w.replayed, 2 * TURNS - 1);
    stop(&w);
    scratch_remove(w.dir);
}

TEST(a_newer_format_is_refused_and_one_that_never_was_is_damage) {
    world w;
    dbx_error error = {0};
    prepare(&w, false);
    set_version(&w, DBX_FORMAT_VERSION + 1);
    CHECK_EQ(start(&w, &error), DBX_EVERSION);
    CHECK(strstr(error.text, "was written by a newer DBX") != NULL);
    CHECK(has_checkpoint(&w));
    CHECK_EQ(version_of(&w), DBX_FORMAT_VERSION + 1);
    set_version(&w, 0);
    CHECK_EQ(start(&w, &error), DBX_ECORRUPT);
    scratch_remove(w.dir);
}

/* --- Kills -------------------------------------------------------------------------------------
 */

#ifndef DBX_EMULATED

/* Runs the upgrade in a child that is killed before its `calls`th system call. True: it came to its
 * end; -1: nobody may trace here. */
static int killed_at(const world *w, long calls) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        dbx_error error;
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(3);
        (void)raise(SIGSTOP);
        _exit(upgrade_to(w, good, 3, &error) == DBX_OK ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 3 ? -1 : 1;
    /* Each call stops twice, before and after. */
    for (long stops = 0; stops < 2 * calls; stops++) {
        CHECK_EQ(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status)) continue;
        CHECK_EQ(WEXITSTATUS(status), 0);
        return 1;
    }
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return 0;
}

TEST(an_upgrade_that_is_killed_between_any_two_calls_leaves_one_format_or_the_other) {
    unsigned old = 0, new = 0;
    int ended = 0;
    world first;
    prepare(&first, false);
    for (long calls = 1; ended == 0 && calls < CALLS_MAX; calls++) {
        world w = {.store = NULL};
        dbx_error error = {0};
        char command[3 * SCRATCH_BYTES];
        scratch_make(w.dir);
        (void)snprintf(command, sizeof command, "cp -r %s/. %s", first.dir, w.dir);
        CHECK_EQ(system(command), 0);
        ended = killed_at(&w, calls);
        uint32_t version = version_of(&w);
        bool one = has(&w, "K1"), two = has(&w, "K2");
        CHECK(version == 1 || version == 3);
        CHECK(one == (version == 3) && two == one);
        old += version == 1;
        new += version == 3;
        if (version == 1 && calls % STARTED_EVERY == 0) { /* a start takes it from there */
            CHECK_EQ(start(&w, &error), DBX_OK);
            CHECK_EQ(w.replayed, 2 * TURNS - 1);
            stop(&w);
        }
        scratch_remove(w.dir);
    }
    CHECK(ended != 0);
    if (ended > 0) CHECK(old > 1 && new > 1);
    scratch_remove(first.dir);
}

#endif
