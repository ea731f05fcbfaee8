/* test_engine_early.c: results larger than the write buffer (invariant 14, store/early.h): that
 * they are the same however often they are committed early, what memory they take, and what a
 * command, a turn or a process that does not come to its end leaves of them. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "early_world.h"
#include "file_limit.h"

/* --- The disk --------------------------------------------------------------------------------- */

static atomic_long syncs_left = -1; /* then the process is killed; -1: never */

static int sync_or_die(void) {
    if (atomic_load(&syncs_left) < 0 || atomic_fetch_sub(&syncs_left, 1) > 0) return 0;
    (void)kill(getpid(), SIGKILL);
    return 0;
}

static atomic_bool log_waits; /* a sync of the log does not end */

/* Nothing is synced, for there are hundreds of commits and no power is lost. Of data.mdbx syncs are
 * counted. */
__attribute__((visibility("default"))) int fdatasync(int fd) {
    while (atomic_load(&log_waits) && is_below(fd, "/journal/"))
        pause_ms(1);
    return is_below(fd, "/data.mdbx") ? sync_or_die() : 0;
}

__attribute__((visibility("default"))) int fsync(int fd) {
    return is_below(fd, "/data.mdbx") ? sync_or_die() : 0;
}

__attribute__((visibility("default"))) int msync(void *bytes, size_t len, int flags) {
    (void)bytes, (void)len, (void)flags;
    return sync_or_die();
}

/* --- What there is ---------------------------------------------------------------------------- */

enum { MEMBERS = 150, LONG_EVERY = 37, LONG_BYTES = 40000, CUT_BYTES = 1200, COPIES_MAX = 64 };

static char names[COPIES_MAX][2][16]; /* pairs of keys that are to be the same */
static unsigned pair_count;

static void open_world(const dbx_setting *settings) {
    if (try_open(settings)) return;
    fprintf(stderr, "the database cannot be opened\n");
    abort();
}

static void begin(void) {
    scratch_make(directory);
    dbx_early_set_bytes(NEVER);
    pair_count = 0;
}

static void end(void) {
    dbx_early_set_bytes(0);
    dbx_buf_free(&said);
    scratch_remove(directory);
}

/* Element `i`: most are short, some longer than a key may be, some longer than a cell. */
static const char *element(unsigned i, char *bytes) {
    int n = snprintf(bytes, 16, "e%06u", i * 7919 % 1000003);
    size_t len = i % LONG_EVERY == 0 ? LONG_BYTES : i % LONG_EVERY == 1 ? CUT_BYTES : (size_t)n;
    if (len > (size_t)n) memset(bytes + n, 'x', len - (size_t)n);
    bytes[len] = '\0';
    return bytes;
}

static void fill(void) {
    static char bytes[LONG_BYTES + 1];
    char score[16], at[16], id[16];
    for (unsigned i = 0; i < MEMBERS; i++) {
        element(i, bytes);
        (void)snprintf(score, sizeof score, "%u.5", i * 31 % 17);
        (void)snprintf(at, sizeof at, "%u", 100000 + i * 31 % 17);
        (void)snprintf(id, sizeof id, "%u-1", i + 1);
        DO("SADD", "s1", bytes);
        DO("SADD", i % 2 == 0 ? "s2" : "s3", bytes);
        DO("SADD", "n1", score + (score[1] == '.' ? 2 : 3)); /* numbers */
        DO("ZADD", "z1", score, bytes);
        DO("ZADD", i % 3 == 0 ? "z2" : "z3", at, bytes);
        DO("RPUSH", "l1", bytes);
        DO("HSET", "h1", bytes, i % 5 == 0 ? bytes : score);
        (void)snprintf(at, sizeof at, "%u", 4000000000u + i);
        if (i % 4 == 0) DO("HEXPIREAT", "h1", at, "FIELDS", "1", bytes);
        DO("XADD", "x1", id, bytes, score);
        (void)snprintf(score, sizeof score, "%u", i % 80);
        DO("GEOADD", "g1", score, "10.5", bytes);
    }
    DO("XGROUP", "CREATE", "x1", "group", "0");
    DO("XREADGROUP", "GROUP", "group", "me", "COUNT", "90", "STREAMS", "x1", ">");
    DO("SETRANGE", "long", "300000", "tail");
    DO("EXPIREAT", "s1", "99999999999");
}

/* The same into two keys, once in one piece and once in as many as there are. */
static void twice(const char *const *words) {
    const char *copy[WORDS_MAX + 1];
    for (unsigned i = 0; i < 2; i++) {
        char *name = names[pair_count][i];
        (void)snprintf(name, sizeof names[0][0], "%c%u", "pq"[i], pair_count);
        unsigned n = 0;
        for (; words[n] != NULL; n++)
            copy[n] = strcmp(words[n], "@") == 0 ? name : words[n];
        copy[n] = NULL;
        dbx_early_set_bytes(i == 0 ? NEVER : EACH);
        do_words(__LINE__, copy);
    }
    dbx_early_set_bytes(NEVER);
    pair_count++;
}

#define TWICE(...) twice((const char *const[]){__VA_ARGS__, NULL})

static void store_all(void) {
    TWICE("COPY", "s1", "@");
    TWICE("COPY", "z1", "@");
    TWICE("COPY", "l1", "@");
    TWICE("COPY", "h1", "@");
    TWICE("COPY", "x1", "@");
    TWICE("COPY", "long", "@");
    TWICE("SUNIONSTORE", "@", "s2", "s3", "n1");
    TWICE("SINTERSTORE", "@", "s1", "s2");
    TWICE("SDIFFSTORE", "@", "s1", "s2");
    TWICE("SDIFFSTORE", "@", "s1", "nothing");
    TWICE("ZUNIONSTORE", "@", "3", "z1", "z2", "s3", "WEIGHTS", "2", "3", "1");
    TWICE("ZUNIONSTORE", "@", "2", "z3", "z1", "AGGREGATE", "MAX");
    TWICE("ZINTERSTORE", "@", "2", "z1", "s1");
    TWICE("ZDIFFSTORE", "@", "2", "z1", "z2");
    TWICE("ZRANGESTORE", "@", "z1", "3", "-2");
    TWICE("ZRANGESTORE", "@", "z1", "(12", "2", "BYSCORE", "REV", "LIMIT", "3", "90");
    TWICE("SORT", "l1", "ALPHA", "DESC", "STORE", "@");
    TWICE("SORT", "s1", "BY", "nosort", "STORE", "@");
    TWICE("GEOSEARCHSTORE", "@", "g1", "FROMLONLAT", "40", "10", "BYRADIUS", "9000", "km", "ASC");
    TWICE("GEOSEARCHSTORE", "@", "g1", "FROMLONLAT", "40", "10", "BYRADIUS", "9000", "km",
          "STOREDIST");
}

/* What DUMP says of each of types' payloads goes into two keys by RESTORE. */
static void restore(const char *name) {
    DO("DUMP", name);
    uint8_t *at = memchr(said.ptr, '\n', said.len);
    size_t len = said.len - (size_t)(at + 1 - said.ptr) - 2;
    uint8_t *payload = malloc(len);
    if (payload == NULL) abort();
    memcpy(payload, at + 1, len);
    for (unsigned i = 0; i < 2; i++) {
        char *to = names[pair_count][i];
        (void)snprintf(to, sizeof names[0][0], "%c%u", "pq"[i], pair_count);
        dbx_slice argv[] = {dbx_slice_str("RESTORE"), dbx_slice_str(to), dbx_slice_str("0"),
                            dbx_slice_of(payload, len)};
        dbx_early_set_bytes(i == 0 ? NEVER : EACH);
        CHECK_EQ(run_argv(4, argv), DBX_OK);
        CHECK(said_text("OK"));
    }
    dbx_early_set_bytes(NEVER);
    free(payload);
    pair_count++;
}

/* Both keys of each pair hold the same. */
static void compare(void) {
    for (unsigned i = 0; i < pair_count; i++) {
        dbx_buf other = {0};
        DO("OBJECT", "ENCODING", names[i][0]);
        dbx_buf_add(&other, said.ptr, said.len);
        DO("DUMP", names[i][0]);
        dbx_buf_add(&other, said.ptr, said.len);
        DO("OBJECT", "ENCODING", names[i][1]);
        bool same = said.len <= other.len && memcmp(said.ptr, other.ptr, said.len) == 0;
        size_t n = said.len;
        DO("DUMP", names[i][1]);
        same = same && n + said.len == other.len && memcmp(said.ptr, other.ptr + n, said.len) == 0;
        if (!same) {
            fprintf(stderr, "%s and %s differ\n", names[i][0], names[i][1]);
            check_failed(__FILE__, __LINE__, "a result depends on when it was committed");
        }
        dbx_buf_free(&other);
    }
}

static void wait_until_reclaimed(void) {
    DO("SAVE");
    DO("VACUUM");
    for (int ms = 0; info_number("frozen_entries") != 0; ms++) {
        if (ms == WAIT_MS_MAX) abort();
        pause_ms(1);
    }
}

static void check_results(const dbx_setting *settings) {
    begin();
    open_world(settings);
    fill();
    store_all();
    restore("s1");
    restore("z1");
    restore("l1");
    restore("h1");
    restore("x1");
    restore("long");
    CHECK(info_number("early_commits") > MEMBERS);
    compare();
    close_world();
    (void)verify();
    /* The log has the commands: they do the same again. */
    dbx_early_set_bytes(EACH);
    open_world(settings);
    dbx_early_set_bytes(NEVER);
    compare();
    wait_until_reclaimed();
    compare();
    close_world();
    CHECK_EQ(verify(), 0);
    open_world(settings);
    compare();
    close_world();
    end();
}

TEST(a_result_is_the_same_however_often_it_is_committed_early) {
    check_results(large_buffer);
}

TEST(a_result_is_the_same_while_applies_go_on) {
    check_results(small_buffer);
}

TEST(a_transaction_sees_what_it_has_stored) {
    begin();
    open_world(large_buffer);
    fill();
    TWICE("SUNIONSTORE", "@", "s2", "s3", "n1");
    TWICE("ZUNIONSTORE", "@", "2", "z1", "s3");
    dbx_early_set_bytes(EACH);
    DO("MULTI");
    DO("SUNIONSTORE", "a", "s2", "s3", "n1");
    DO("SREM", "a", "e000000", "e007919");
    DO("SADD", "a", "e007919", "new");
    DO("COPY", "a", "b");
    DO("ZUNIONSTORE", "z", "2", "z1", "b");
    DO("SDIFFSTORE", "c", "a", "b");
    DO("DEL", "b");
    DO("SREM", "a", "new");
    DO("EXEC");
    dbx_early_set_bytes(NEVER);
    DO("SDIFF", "p0", "a");
    CHECK(!said_text("e007919"));
    DO("EXISTS", "b", "c");
    CHECK_TEXT(dbx_buf_slice(&said), ":0\r\n");
    DO("ZUNIONSTORE", "y", "3", "z1", "a", "s3");
    DO("ZSCORE", "z", "new");
    CHECK_TEXT(dbx_buf_slice(&said), ",1\r\n");
    wait_until_reclaimed();
    compare();
    close_world();
    CHECK_EQ(verify(), 0);
    end();
}

/* --- What does not come to its end ------------------------------------------------------------ */

TEST(what_a_failed_turn_committed_early_is_reclaimed) {
    dbx_slice argv[] = {dbx_slice_str("COPY"), dbx_slice_str("s1"), dbx_slice_str("q")};
    dbx_reply reply = {0};
    dbx_error error;
    uint64_t position;
    begin();
    open_world(large_buffer);
    fill();
    dbx_early_set_bytes(EACH);
    dbx_engine *engine = dbx_local_engine(local);
    dbx_engine_lock(engine);
    dbx_engine_turn_begin(engine);
    said.len = 0;
    dbx_resp_sink(&reply, 3, &said);
    CHECK_EQ(dbx_engine_run(engine, session, 3, argv, NULL, &reply), 0);
    CHECK_TEXT(dbx_buf_slice(&said), ":1\r\n");
    limit_files(1); /* the log cannot be written */
    CHECK(dbx_engine_turn_end(engine, &position, &error) < 0);
    limit_files(RLIM_INFINITY);
    dbx_engine_unlock(engine);
    dbx_early_set_bytes(NEVER);
    CHECK(info_number("early_entries") >= MEMBERS);
    DO("EXISTS", "q");
    CHECK_TEXT(dbx_buf_slice(&said), ":0\r\n");
    wait_until_reclaimed();
    CHECK(info_number("vacuum_reclaimed_entries") >= MEMBERS);
    close_world();
    CHECK_EQ(verify(), 0);
    end();
}

enum { PART_BYTES = 6000, KILLS_MAX = 1000 };

/* Stores until it is killed at the sync that `syncs` more come before; false: there are not so
 * many.
 */
static bool kill_while_storing(long syncs) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        open_world(large_buffer);
        dbx_early_set_bytes(PART_BYTES);
        atomic_store(&syncs_left, syncs);
        (void)RUN("SUNIONSTORE", "q0", "s2", "s3", "n1");
        (void)RUN("COPY", "l1", "q1");
        (void)RUN("ZUNIONSTORE", "q2", "2", "z1", "s3");
        (void)RUN("SAVE");
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status);
}

static void check_whole_or_absent(void) {
    for (unsigned i = 0; i < pair_count; i++) {
        DO("EXISTS", names[i][1]);
        if (said_text(":0")) DO("COPY", names[i][0], names[i][1]);
    }
    compare();
    DO("DEL", "q0", "q1", "q2");
}

TEST(a_killed_process_leaves_a_result_whole_or_not_at_all) {
    long kills = 0;
    uint64_t unpublished = 0;
    begin();
    open_world(large_buffer);
    fill();
    TWICE("SUNIONSTORE", "@", "s2", "s3", "n1");
    TWICE("COPY", "l1", "@");
    TWICE("ZUNIONSTORE", "@", "2", "z1", "s3");
    DO("DEL", "q0", "q1", "q2");
    wait_until_reclaimed();
    close_world();
    while (kills < KILLS_MAX && kill_while_storing(kills)) {
        unpublished += verify();
        open_world(large_buffer);
        check_whole_or_absent();
        wait_until_reclaimed();
        close_world();
        CHECK_EQ(verify(), 0);
        if (check_failures > 0) break;
        kills++;
    }
    CHECK(kills > 10 && unpublished > 0);
    printf("%ld kills\n", kills);
    end();
}

/* --- While an apply goes on ------------------------------------------------------------------- */

static void *store_beside(void *arg) {
    dbx_session *own = dbx_local_session_open(local);
    dbx_slice argv[] = {dbx_slice_str("COPY"), dbx_slice_str("s1"), dbx_slice_str("q")};
    dbx_call call = {.argc = 3, .argv = argv};
    dbx_local_result result;
    CHECK_EQ(dbx_local_run(local, own, &call, 1, false, arg, &result), DBX_OK);
    dbx_local_session_close(local, own);
    return NULL;
}

TEST(a_result_waits_for_an_apply_while_others_are_served) {
    dbx_buf out = {0};
    pthread_t thread;
    begin();
    open_world(large_buffer);
    fill();
    dbx_early_set_bytes(EACH);
    atomic_store(&log_waits, true); /* an apply waits for it */
    DO("BGSAVE");
    CHECK(info_number("frozen_entries") > 0);
    CHECK_EQ(pthread_create(&thread, NULL, store_beside, &out), 0);
    for (int i = 0; i < 200; i++) {
        DO("EXISTS", "q");
        CHECK_TEXT(dbx_buf_slice(&said), ":0\r\n");
        pause_ms(1);
    }
    CHECK_EQ(info_number("early_commits"), 0);
    atomic_store(&log_waits, false);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_TEXT(dbx_buf_slice(&out), ":1\r\n");
    CHECK(info_number("early_commits") >= MEMBERS);
    dbx_early_set_bytes(NEVER);
    dbx_buf_free(&out);
    close_world();
    end();
}
