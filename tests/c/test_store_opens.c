/* test_store_opens.c: an open, whether it succeeds or fails and for whatever reason, leaves nothing
 * behind when it is over: no mapping (each reserves a terabyte of addresses), descriptor or thread.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "check.h"
#include "no_sync.h"
#include "scratch.h"
#include "store/apply.h"
#include "store/format.h"
#include "store/store.h"
#include "store/txn.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DBX_SANITIZED 1 /* slow, and whose allocator maps more now and then */
#else
#define DBX_SANITIZED 0
#endif

enum {
#if defined(DBX_EMULATED) || DBX_SANITIZED
    OPENS = 100,
#else
    OPENS = 1000,
#endif
    WARM = 20,        /* what the C library keeps for later is there after so many */
    FRESH_EVERY = 20, /* an open of a new directory, in which something is written */
    /* That the C library and threads may have more: less than one an open. */
    SLACK = DBX_SANITIZED ? 64 : 8,
    VALUE_BYTES = 2 << 20
};

static const uint64_t SLACK_BYTES = (uint64_t)1 << 30; /* less than one map */

/* --- What the process has ----------------------------------------------------------------------
 */

typedef struct holdings {
    long mappings, descriptors, threads;
    uint64_t bytes; /* of addresses */
} holdings;

static long count_lines(const char *path, const char *with) {
    char line[1024];
    long count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) abort();
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, with) != NULL;
    (void)fclose(file);
    return count;
}

static long count_entries(const char *path) {
    long count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) abort();
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static holdings look(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1) abort();
    (void)fclose(file);
    return (holdings){.mappings = count_lines("/proc/self/maps", ""),
                      .descriptors = count_entries("/proc/self/fd"),
                      .threads = count_entries("/proc/self/task"),
                      .bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE)};
}

static void expect_few_more(const char *what, long before, long now) {
    if (now > before + SLACK)
        check_failed(__FILE__, __LINE__, "%ld %s, %ld before", now, what, before);
}

static void expect_same(holdings before) {
    holdings now = look();
    expect_few_more("mappings", before.mappings, now.mappings);
    expect_few_more("descriptors", before.descriptors, now.descriptors);
    expect_few_more("threads", before.threads, now.threads);
    CHECK(now.bytes <= before.bytes + SLACK_BYTES);
}

/* --- Stores ------------------------------------------------------------------------------------
 */

typedef struct world {
    char dir[SCRATCH_BYTES];
    int result; /* of replaying an effect */
} world;

static int run(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
               dbx_error *error) {
    const world *w = arg;
    (void)txn, (void)db, (void)argc, (void)argv;
    return w->result == DBX_OK ? DBX_OK : dbx_error_set(error, w->result, "not this one");
}

/* Opens and replays; NULL: that failed, and nothing is left. */
static dbx_store *try_open(world *w) {
    const dbx_store_options options = {.path = w->dir, .databases = 1, .journal_bytes = 1 << 20};
    const dbx_replay_calls calls = {.run = run, .arg = w};
    dbx_store *store = NULL;
    dbx_error error;
    if (dbx_store_open(&options, &store, &error) != DBX_OK) return NULL;
    if (dbx_store_replay(store, &calls, &error) == DBX_OK) return store;
    (void)dbx_store_close(store, &error);
    return NULL;
}

static dbx_store *open_store(world *w) {
    dbx_store *store = try_open(w);
    if (store == NULL) abort();
    return store;
}

/* A turn, a view that is open for a while, and a value in a file. */
static void use(dbx_store *store) {
    dbx_slice key = dbx_slice_str("Vk"), value = {NULL, 0};
    dbx_error error;
    dbx_spool *spool = NULL;
    dbx_txn *txn = dbx_store_turn_begin(store, dbx_store_now_ms(store));
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_put(txn, key, value, value), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 1, &key), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    dbx_view *view = dbx_view_open(txn);
    CHECK(view != NULL);
    CHECK_EQ(dbx_spool_open(store, &spool, &error), DBX_OK);
    uint8_t *bytes = dbx_spool_reserve(spool, 0, VALUE_BYTES, &error);
    CHECK(bytes != NULL);
    if (bytes != NULL) memset(bytes, 'v', VALUE_BYTES);
    dbx_spool_close(spool);
    dbx_view_close(view);
}

static void open_and_close(unsigned count) {
    world w = {.result = DBX_OK}, fresh = {.result = DBX_OK};
    scratch_make(w.dir);
    for (unsigned i = 0; i < count; i++) {
        dbx_store *store = open_store(&w);
        if (i % FRESH_EVERY == 0) {
            scratch_make(fresh.dir);
            dbx_store *other = open_store(&fresh);
            use(other);
            CHECK_EQ(dbx_store_close(other, NULL), DBX_OK);
            scratch_remove(fresh.dir);
        }
        CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    }
    scratch_remove(w.dir);
}

TEST(a_thousand_opens_and_closes_leave_nothing_behind) {
    open_and_close(WARM);
    holdings before = look();
    open_and_close(OPENS);
    expect_same(before);
}

TEST(a_forked_child_lets_the_addresses_go_too) {
    world w = {.result = DBX_OK};
    scratch_make(w.dir);
    dbx_store *store = open_store(&w);
    CHECK(count_lines("/proc/self/maps", w.dir) > 0);
    pid_t child = fork();
    if (child == 0) {
        dbx_store_close_forked(store);
        _exit((int)count_lines("/proc/self/maps", w.dir));
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    scratch_remove(w.dir);
}

/* --- Opens that fail ---------------------------------------------------------------------------
 */

static void path_of(const world *w, const char *name, char path[64]) {
    (void)snprintf(path, 64, "%s/%s", w->dir, name);
}

static void write_file(const world *w, const char *name, size_t bytes) {
    char path[64];
    static const uint8_t what[8192] = "no database at all";
    path_of(w, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, what, bytes) == (ssize_t)bytes);
    (void)close(fd);
}

static void file_for_folder(const world *w, const char *name) {
    char path[64];
    path_of(w, name, path);
    scratch_remove(path);
    write_file(w, name, 1);
}

static void put(const world *w, const char *key, const void *value, size_t len) {
    char path[64];
    dbx_env *env;
    dbx_error error;
    path_of(w, "data.mdbx", path);
    if (dbx_env_open(path, &env, &error) != DBX_OK) abort();
    CHECK_EQ(dbx_apply_put_now(env, dbx_slice_str(key), dbx_slice_of(value, len), &error), DBX_OK);
    dbx_env_close(env, false);
}

static void spoil_replay(world *w) {
    w->result = DBX_ECORRUPT;
}

static void spoil_journal(world *w) {
    file_for_folder(w, "journal");
}

static void spoil_spool(world *w) {
    file_for_folder(w, "spool");
}

static void spoil_lock(world *w) {
    char path[64];
    path_of(w, "lock", path);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(mkdir(path, 0700), 0);
}

static void spoil_data(world *w) {
    write_file(w, "data.mdbx", 8192);
}

static void cut_data(world *w) {
    char path[64];
    path_of(w, "data.mdbx", path);
    CHECK_EQ(truncate(path, 3 * DBX_PAGE_BYTES), 0);
}

static void spoil_format(world *w) {
    uint8_t value[32] = {DBX_FORMAT_VERSION + 1};
    put(w, "Mf", value, sizeof value);
}

static void spoil_position(world *w) {
    put(w, "Mp", "short", 5);
}

static void spoil_counts(world *w) {
    put(w, "Mdabcd", "short", 5);
}

TEST(opens_that_fail_leave_nothing_behind) {
    static void (*const ways[])(world *) = {spoil_replay, spoil_journal,  spoil_spool,
                                            spoil_lock,   spoil_data,     cut_data,
                                            spoil_format, spoil_position, spoil_counts};
    enum { WAYS = sizeof ways / sizeof *ways };
    for (size_t way = 0; way < WAYS; way++) {
        world w = {.result = DBX_OK};
        scratch_make(w.dir);
        dbx_store *store = open_store(&w);
        use(store);
        CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
        ways[way](&w);
        holdings before = {.mappings = 0};
        for (unsigned i = 0; i < WARM + OPENS / WAYS; i++) {
            if (i == WARM) before = look();
            CHECK(try_open(&w) == NULL);
        }
        expect_same(before);
        if (check_failures > 0) fprintf(stderr, "after failure %zu\n", way);
        scratch_remove(w.dir);
    }
}

TEST(opens_of_a_directory_in_use_leave_nothing_behind) {
    world w = {.result = DBX_OK};
    scratch_make(w.dir);
    dbx_store *store = open_store(&w);
    holdings before = look();
    for (unsigned i = 0; i < OPENS; i++)
        CHECK(try_open(&w) == NULL);
    expect_same(before);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    scratch_remove(w.dir);
}

/* Where the system lends few addresses, opens ask for less and less until they get it. Sanitizers
 * themselves do not live with that. */
#if !DBX_SANITIZED
TEST(opens_with_fewer_addresses_leave_nothing_behind) {
    world w = {.result = DBX_OK};
    struct rlimit limit, less;
    scratch_make(w.dir);
    CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
    less = limit;
    less.rlim_cur = look().bytes + ((uint64_t)1 << 30);
    CHECK_EQ(setrlimit(RLIMIT_AS, &less), 0);
    holdings before = {.mappings = 0};
    for (unsigned i = 0; i < WARM + OPENS / 10; i++) {
        if (i == WARM) before = look();
        CHECK_EQ(dbx_store_close(open_store(&w), NULL), DBX_OK);
    }
    expect_same(before);
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    scratch_remove(w.dir);
}
#endif
