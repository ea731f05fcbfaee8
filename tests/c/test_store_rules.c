/* test_store_rules.c: what must stay true of the store as a whole (store/README.md), where no test
 * of one file shows it: time, expiry, ids, cursors, the applier's failures, and what INFO is told.
 * The clock is the test's own, and syncs can be held. */
#include "check.h"
#include "file_limit.h"
#include "moved_clock.h"
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "store/apply.h"
#include "store/internal.h"
#include "store/keyspace.h"

enum { WAIT_MS_MAX = 60000, HOUR_MS = 3600000, SEGMENT = 2 << 20 };

/* --- System calls --------------------------------------------------------------------------------
 */

static const dbx_expire_hooks no_hooks = {.arg = NULL};

static atomic_bool log_waits;                  /* a sync of the log does not end */
static pthread_t caller;                       /* the test's own thread, whose syncs are counted: */
static unsigned synced_segments, synced_names; /* files of the log, and its directory */

int fdatasync(int fd) {
    if (is_below(fd, "/journal/")) {
        if (pthread_equal(caller, pthread_self()) != 0) synced_segments++;
        while (atomic_load(&log_waits))
            pause_ms(1);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
    if (pthread_equal(caller, pthread_self()) != 0 && is_below(fd, "/journal")) synced_names++;
    return (int)syscall(SYS_fsync, fd);
}

/* --- A store and its commands ------------------------------------------------------------
 */

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_durability durability;
    size_t buffer_bytes; /* 0: as the machine allows */
    dbx_store *store;
    dbx_txn *txn;
    int64_t now_ms; /* of the last turn */
} world;

static int64_t number_of(dbx_slice text) {
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n = n * 10 + (text.ptr[i] - '0');
    return n;
}

/* SET name value [expire_ms], APPEND name value, DEL name, FLUSH; BAD fails. */
static int run(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
               dbx_error *error) {
    dbx_key k;
    (void)arg;
    char what = (char)argv[0].ptr[0];
    if (what == 'F') return dbx_db_flush(txn, db);
    if (what == 'B' || argc < 2) return dbx_error_set(error, DBX_ECORRUPT, "no such command");
    int rc = dbx_key_find(txn, db, argv[1], &k);
    if (rc != DBX_OK) return rc;
    if (what == 'D') return k.exists ? dbx_key_remove(txn, &k) : DBX_OK;
    if (what == 'A' && k.exists) return dbx_key_append(txn, &k, argv[2]);
    dbx_key_reset(&k, DBX_STRING, DBX_STRING_RAW);
    if (argc > 3 && number_of(argv[3]) > 0) k.meta.expiry.ms = number_of(argv[3]);
    return dbx_key_write(txn, &k, argv[2]);
}

static int try_start(world *w, dbx_error *error) {
    const dbx_store_options options = {.path = w->dir,
                                       .durability = w->durability,
                                       .databases = 1,
                                       .buffer_bytes = w->buffer_bytes};
    int rc = dbx_store_open(&options, &w->store, error);
    return rc == DBX_OK ? dbx_store_replay(w->store, &(dbx_replay_calls){.run = run}, error) : rc;
}

static void start(world *w) {
    dbx_error error;
    if (try_start(w, &error) == DBX_OK) return;
    fprintf(stderr, "%s\n", error.text);
    abort();
}

static void prepare(world *w, dbx_durability durability) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    w->durability = durability;
    caller = pthread_self();
    start(w);
}

/* Nothing is applied by a stop: the next start executes the log again. */
static void restart(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    start(w);
}

static void clean_up(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    scratch_remove(w->dir);
}

static void turn_begin(world *w, int64_t later_ms) {
    w->now_ms = dbx_store_now_ms(w->store) + later_ms;
    w->txn = dbx_store_turn_begin(w->store, w->now_ms);
}

static void turn_end(const world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

/* One turn of one command, `later_ms` after now. */
static void command(world *w, int64_t later_ms, size_t argc, const char *const *words) {
    dbx_error error;
    dbx_slice argv[4];
    for (size_t i = 0; i < argc; i++)
        argv[i] = dbx_slice_str(words[i]);
    turn_begin(w, later_ms);
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    CHECK_EQ(run(NULL, w->txn, 0, argc, argv, &error), words[0][0] == 'B' ? DBX_ECORRUPT : DBX_OK);
    CHECK_EQ(dbx_txn_effect(w->txn, 0, argc, argv), DBX_OK);
    dbx_txn_command_end(w->txn, savepoint);
    turn_end(w);
}

#define COMMAND(w, later_ms, ...)                                                                  \
    command(w, later_ms, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                   \
            (const char *[]){__VA_ARGS__})

static void set_many(world *w, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char name[16], at[24];
        (void)snprintf(name, sizeof name, "key%05u", i);
        (void)snprintf(at, sizeof at, "%lld", (long long)dbx_store_now_ms(w->store) + HOUR_MS);
        COMMAND(w, 0, "SET", name, "value", at);
    }
}

static dbx_store_info info_of(const world *w) {
    dbx_store_info info;
    dbx_store_get_info(w->store, &info);
    return info;
}

static void apply(world *w) {
    (void)dbx_store_freeze(w->store, false);
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w->store);
        dbx_store_info info = info_of(w);
        if (info.applied == info.position && info.frozen_entries == 0) return;
        pause_ms(1);
    }
    check_failed(__FILE__, __LINE__, "nothing was applied");
}

/* What a reader at database time finds. */
static bool look_up(world *w, const char *name, dbx_key *k) {
    turn_begin(w, 0);
    CHECK_EQ(dbx_key_find(w->txn, 0, dbx_slice_str(name), k), DBX_OK);
    turn_end(w);
    return k->exists;
}

/* --- The log's files (7, 8) ---------------------------------------------------------------------
 */

TEST(a_segment_has_its_whole_size_from_the_start) {
    world w;
    char path[128];
    struct stat st = {.st_size = 0};
    prepare(&w, DBX_DURABILITY_NONE);
    (void)snprintf(path, sizeof path, "%s/journal/00000001.log", w.dir);
    CHECK_EQ(stat(path, &st), 0);
    CHECK(st.st_size >= SEGMENT);
    CHECK(st.st_blocks * 512 >= st.st_size);
    clean_up(&w);
}

TEST(every_start_has_a_run_of_its_own) {
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    for (int i = 0; i < 3; i++) {
        uint64_t run = w.store->run;
        if (i == 1) COMMAND(&w, 0, "SET", "k", "v");
        if (i == 2) apply(&w);
        restart(&w);
        CHECK(w.store->run > run);
    }
    clean_up(&w);
}

TEST(a_start_syncs_what_it_replayed_and_the_new_segments_name) {
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    CHECK_EQ(dbx_store_close(w.store, NULL), DBX_OK);
    synced_segments = synced_names = 0;
    start(&w);
    CHECK_EQ(synced_segments, 3); /* what was read, then its end, and the one that begins */
    CHECK_EQ(synced_names,
             2); /* of what was read, before anything follows it, and of the new one */
    clean_up(&w);
}

/* --- Freezing (4) -------------------------------------------------------------------------------
 */

TEST(a_freeze_that_is_asked_for_within_a_turn_takes_the_whole_turn) {
    world w;
    dbx_key k;
    dbx_error error;
    dbx_slice argv[] = {dbx_slice_str("APPEND"), dbx_slice_str("k"), dbx_slice_str("2")};
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "1");
    turn_begin(&w, 0);
    CHECK(dbx_store_freeze(w.store, false) != 0);
    dbx_savepoint savepoint = dbx_txn_command_begin(w.txn, true);
    CHECK_EQ(run(NULL, w.txn, 0, 3, argv, &error), DBX_OK);
    CHECK_EQ(dbx_txn_effect(w.txn, 0, 3, argv), DBX_OK);
    dbx_txn_command_end(w.txn, savepoint);
    turn_end(&w);
    for (int ms = 0; info_of(&w).applied == 0 && ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w.store);
        pause_ms(1);
    }
    CHECK_EQ(info_of(&w).applied, info_of(&w).position);
    restart(&w);
    CHECK(look_up(&w, "k", &k));
    CHECK_TEXT(k.payload, "12");
    clean_up(&w);
}

/* --- Execution and replay (10) ------------------------------------------------------------------
 */

TEST(a_write_that_meets_an_expired_key_journals_its_removal_first) {
    world w;
    dbx_key k;
    char at[24];
    prepare(&w, DBX_DURABILITY_NONE);
    (void)snprintf(at, sizeof at, "%lld", (long long)dbx_store_now_ms(w.store) + HOUR_MS);
    COMMAND(&w, 0, "SET", "k", "old", at);
    COMMAND(&w, 2 * HOUR_MS, "APPEND", "k", "new");
    for (int i = 0; i < 2; i++) {
        CHECK(look_up(&w, "k", &k));
        CHECK_TEXT(k.payload, "new");
        CHECK(!dbx_expiry_set(k.meta.expiry));
        restart(&w);
    }
    clean_up(&w);
}

TEST(replay_gives_a_key_the_times_of_the_turns_that_wrote_it) {
    world w;
    dbx_key before, after;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    COMMAND(&w, 5000, "APPEND", "k", "v");
    CHECK(look_up(&w, "k", &before));
    atomic_fetch_add(&wall_off_ms, HOUR_MS);
    restart(&w);
    CHECK(look_up(&w, "k", &after));
    CHECK_EQ(after.meta.created_ms, before.meta.created_ms);
    CHECK_EQ(after.meta.updated_ms, before.meta.updated_ms);
    clean_up(&w);
}

TEST(a_replay_stops_at_an_effect_that_fails) {
    world w;
    dbx_error error = {0};
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "BAD", "k");
    COMMAND(&w, 0, "SET", "k", "v");
    CHECK_EQ(dbx_store_close(w.store, NULL), DBX_OK);
    CHECK_EQ(try_start(&w, &error), DBX_ECORRUPT);
    CHECK_TEXT(dbx_slice_str(error.text), "no such command");
    clean_up(&w);
}

/* --- Ids (15) -----------------------------------------------------------------------------------
 */

static uint64_t flush(world *w, bool undo) {
    COMMAND(w, 0, "SET", "k", "v");
    turn_begin(w, 0);
    dbx_slice argv[] = {dbx_slice_str("FLUSH")};
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    CHECK_EQ(dbx_db_flush(w->txn, 0), DBX_OK);
    CHECK_EQ(dbx_txn_effect(w->txn, 0, 1, argv), DBX_OK);
    uint64_t ns = dbx_db_namespace(w->txn, 0);
    if (undo) dbx_txn_command_undo(w->txn, savepoint);
    dbx_txn_command_end(w->txn, savepoint);
    turn_end(w);
    return ns;
}

TEST(a_namespace_is_never_used_again) {
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    uint64_t last = flush(&w, false);
    for (int i = 0; i < 4; i++) {
        uint64_t undone = flush(&w, true), next = flush(&w, false);
        CHECK(undone > last && next > undone);
        last = next;
        apply(&w);
        if (i % 2 == 1) restart(&w);
    }
    clean_up(&w);
}

static void await_entries(const world *w, uint64_t count) {
    for (int ms = 0; ms < WAIT_MS_MAX && dbx_snapshot_entries(w->store->live.below) > count; ms++) {
        (void)dbx_store_tick(w->store);
        pause_ms(1);
    }
    CHECK_EQ(dbx_snapshot_entries(w->store->live.below), count);
}

/* A key whose bytes lie under an id of their own, applied; returns how many entries that added. */
static uint64_t set_collection(world *w, unsigned chunks) {
    uint8_t key[13] = {DBX_TABLE_CHUNK};
    dbx_key k;
    dbx_slice none = {NULL, 0};
    uint64_t before = dbx_snapshot_entries(w->store->live.below);
    turn_begin(w, 0);
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    CHECK_EQ(dbx_key_find(w->txn, 0, dbx_slice_str("k"), &k), DBX_OK);
    dbx_key_reset(&k, DBX_STRING, DBX_STRING_CHUNKED);
    k.meta.cid = dbx_txn_new_id(w->txn);
    dbx_store64_be(key + 1, k.meta.cid);
    for (unsigned i = 0; i < chunks; i++) {
        dbx_store32_be(key + 9, i);
        CHECK_EQ(dbx_txn_put(w->txn, dbx_slice_of(key, sizeof key), none, dbx_slice_str("chunk")),
                 DBX_OK);
    }
    CHECK_EQ(dbx_key_write(w->txn, &k, none), DBX_OK);
    dbx_txn_command_end(w->txn, savepoint);
    turn_end(w);
    apply(w);
    return dbx_snapshot_entries(w->store->live.below) - before;
}

TEST(what_a_key_kept_under_an_id_is_reclaimed_when_it_is_overwritten_removed_or_flushed) {
    enum { CHUNKS = 100 };
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "other", "v");
    apply(&w);
    uint64_t empty = dbx_snapshot_entries(w.store->live.below);
    CHECK_EQ(set_collection(&w, CHUNKS), CHUNKS + 1);
    COMMAND(&w, 0, "SET", "k", "short");
    apply(&w);
    await_entries(&w, empty + 1);
    CHECK_EQ(set_collection(&w, CHUNKS), CHUNKS);
    COMMAND(&w, 0, "DEL", "k");
    apply(&w);
    await_entries(&w, empty);
    CHECK_EQ(set_collection(&w, CHUNKS), CHUNKS + 1);
    COMMAND(&w, 0, "FLUSH");
    apply(&w);
    await_entries(&w, empty - 1);
    clean_up(&w);
}

TEST(what_a_flushed_database_held_is_reclaimed) {
    enum { KEYS = 500 };
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    (void)flush(&w, false);
    apply(&w);
    set_many(&w, KEYS);
    apply(&w);
    uint64_t full = dbx_snapshot_entries(w.store->live.below);
    (void)flush(&w, false);
    apply(&w);
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        if (dbx_snapshot_entries(w.store->live.below) <= full - 2 * KEYS)
            break; /* and their TTLs */
        (void)dbx_store_tick(w.store);
        pause_ms(1);
    }
    CHECK(dbx_snapshot_entries(w.store->live.below) <= full - 2 * KEYS);
    clean_up(&w);
}

/* --- Expiry (16) --------------------------------------------------------------------------------
 */

TEST(a_ttl_entry_that_its_record_does_not_confirm_removes_itself_alone) {
    world w;
    dbx_key k;
    uint8_t hint[DBX_ENCODED_KEY_MAX];
    dbx_slice none = {NULL, 0};
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    CHECK(look_up(&w, "k", &k));
    turn_begin(&w, 0);
    size_t n = dbx_format_ttl_key(hint, (dbx_expiry){w.now_ms - 5, true},
                                  dbx_slice_of(k.encoded, k.encoded_len));
    CHECK_EQ(dbx_txn_put(w.txn, dbx_slice_of(hint, n), none, none), DBX_OK);
    w.store->next_expiry[true].known = false;
    CHECK_EQ(dbx_expire_next_ms(w.txn), w.now_ms - 5);
    CHECK_EQ(dbx_expire_step(w.txn, 10, &no_hooks), 1);
    CHECK_EQ(dbx_expire_next_ms(w.txn), DBX_NO_EXPIRY);
    turn_end(&w);
    CHECK(look_up(&w, "k", &k));
    clean_up(&w);
}

/* --- Slowness and failures (17, 18) -------------------------------------------------------------
 */

TEST(writers_are_slowed_while_the_oldest_unsynced_frame_is_over_a_second_late) {
    world w;
    prepare(&w, DBX_DURABILITY_EVERYSEC);
    COMMAND(&w, 0, "SET", "k", "v");
    atomic_store(&log_waits, true);
    dbx_store_push(w.store);
    CHECK_EQ(dbx_store_write_delay_us(w.store), 0);
    atomic_fetch_add(&passed_us, 2000000);
    CHECK(dbx_store_write_delay_us(w.store) > 0);
    atomic_store(&log_waits, false);
    CHECK_EQ(dbx_store_wait_durable(w.store, dbx_store_position(w.store)), DBX_OK);
    CHECK_EQ(dbx_store_write_delay_us(w.store), 0);
    clean_up(&w);
    atomic_store(&passed_us, 0);
}

TEST(a_refused_commit_is_tried_again_with_pauses_while_reads_go_on) {
    enum { KEYS = 3000, FILE_BYTES_MAX = 128 << 10, FAILURES_MAX = 20, LOOK_MS = 300 };
    world w;
    dbx_key k;
    dbx_applier_stats stats = {0};
    prepare(&w, DBX_DURABILITY_NONE);
    set_many(&w, KEYS);
    limit_files(FILE_BYTES_MAX);
    (void)dbx_store_freeze(w.store, false);
    for (int ms = 0; (ms < LOOK_MS || stats.failures < 2) && ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w.store);
        dbx_applier_get_stats(w.store->applier, &stats);
        pause_ms(1);
    }
    CHECK(stats.failures >= 2 && stats.failures <= FAILURES_MAX);
    CHECK(info_of(&w).last_error[0] != '\0');
    CHECK_EQ(info_of(&w).applied, 0);
    CHECK(info_of(&w).frozen_entries > 0);
    CHECK(look_up(&w, "key00007", &k) && look_up(&w, "key02999", &k));
    limit_files(RLIM_INFINITY);
    apply(&w);
    CHECK_EQ(info_of(&w).last_error[0], '\0');
    restart(&w);
    CHECK_EQ(info_of(&w).replay_last_effects, 0);
    CHECK(look_up(&w, "key00007", &k) && look_up(&w, "key02999", &k));
    clean_up(&w);
}

/* --- Memory (11) --------------------------------------------------------------------------------
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWTH_MAX = 1 << 30 }; /* sanitizers keep what is freed */
#else
enum { GROWTH_MAX = 24 << 20 };
#endif

static size_t anonymous_bytes(void) {
    char line[256];
    size_t kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "RssAnon: %zu kB", &kb) == 1) break;
    }
    if (file != NULL) (void)fclose(file);
    return kb * 1024;
}

/* Makes a buffer whose apply changes some 40 MB of pages. */
static void fill_much(world *w) {
    enum { KEYS = 300000, KEYS_A_TURN = 1000, VALUE = 100 };
    static const uint8_t value[VALUE];
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        int n = snprintf(key, sizeof key, "V%08u", i);
        if (i % KEYS_A_TURN == 0) turn_begin(w, 0);
        CHECK_EQ(dbx_txn_put(w->txn, dbx_slice_of(key, (size_t)n), (dbx_slice){NULL, 0},
                             dbx_slice_of(value, VALUE)),
                 DBX_OK);
        if (i % KEYS_A_TURN == KEYS_A_TURN - 1) turn_end(w);
    }
}

TEST(an_apply_keeps_few_of_the_pages_it_changes_in_memory) {
    enum { BUFFER = 512 << 20 };
    world w;
    size_t highest = 0;
    prepare(&w, DBX_DURABILITY_NONE);
    w.buffer_bytes = BUFFER;
    restart(&w);
    fill_much(&w);
    size_t before = anonymous_bytes();
    (void)dbx_store_freeze(w.store, false);
    (void)dbx_store_tick(w.store);
    for (int ms = 0; info_of(&w).frozen_entries > 0 && ms < WAIT_MS_MAX; ms++) {
        size_t now = anonymous_bytes();
        if (now > highest) highest = now;
        (void)dbx_store_tick(w.store);
        pause_ms(1);
    }
    CHECK_EQ(info_of(&w).applies, 1);
    CHECK(highest <= before + GROWTH_MAX);
    clean_up(&w);
}

/* --- Deltas (27) --------------------------------------------------------------------------------
 */

/* One turn of one command that finds both keys, then changes a byte of each. */
static void change_two(world *w, const char *value) {
    static const char *const names[] = {"one", "two"};
    dbx_slice argv[] = {dbx_slice_str("SET"), {NULL, 0}, dbx_slice_str(value)};
    dbx_key keys[2];
    turn_begin(w, 0);
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(dbx_key_find(w->txn, 0, dbx_slice_str(names[i]), &keys[i]), DBX_OK);
    for (int i = 0; i < 2; i++) {
        argv[1] = keys[i].name;
        CHECK_EQ(dbx_key_write(w->txn, &keys[i], argv[2]), DBX_OK);
        CHECK_EQ(dbx_txn_effect(w->txn, 0, 3, argv), DBX_OK);
    }
    dbx_txn_command_end(w->txn, savepoint);
    turn_end(w);
}

TEST(a_command_that_changes_two_keys_keeps_what_changes_of_both) {
    enum { VALUE = 4000 };
    static char value[VALUE + 1];
    world w;
    dbx_key k;
    memset(value, 'v', VALUE);
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "one", value);
    COMMAND(&w, 0, "SET", "two", value);
    apply(&w);
    for (char c = 'a'; c < 'd'; c++) {
        value[VALUE / 2] = c;
        change_two(&w, value);
        CHECK(dbx_buffer_fill(w.store->live.active) < VALUE);
        CHECK(look_up(&w, "one", &k));
        CHECK_TEXT(k.payload, value);
        CHECK(look_up(&w, "two", &k));
        CHECK_TEXT(k.payload, value);
    }
    apply(&w);
    CHECK(look_up(&w, "two", &k));
    CHECK_TEXT(k.payload, value);
    clean_up(&w);
}

/* --- Room (19) ----------------------------------------------------------------------------------
 */

/* Values of which a buffer has only what has changed are written whole. */
TEST(what_an_apply_may_need_covers_values_that_have_changed_in_part) {
    enum { KEYS = 200, VALUE = 16000 };
    static char value[VALUE + 1];
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < KEYS; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "key%05d", i);
            memset(value, 'a' + i % 26, VALUE);
            value[VALUE / 2] = (char)('A' + round);
            COMMAND(&w, 0, "SET", name, value);
        }
        if (round > 0) CHECK(dbx_buffer_fill(w.store->live.active) < KEYS * VALUE / 4);
        if (round == 2) restart(&w); /* from a checkpoint, or by executing the log */
        uint64_t need = dbx_room_need(w.store, w.store->live.active);
        apply(&w);
        dbx_applier_stats stats;
        dbx_applier_get_stats(w.store->applier, &stats);
        CHECK(stats.last_bytes <= need);
        CHECK(stats.last_bytes > KEYS * VALUE);
    }
    clean_up(&w);
}

/* --- Ownership (20) -----------------------------------------------------------------------------
 */

TEST(a_forked_child_lets_go_without_unlocking_what_its_parent_owns) {
    world w;
    int status = 1;
    dbx_key k;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    pid_t child = fork();
    if (child == 0) {
        dbx_error error = {0};
        char owner[32]; /* as the lock says it; libmdbx's would not know */
        (void)snprintf(owner, sizeof owner, "process %ld,", (long)getppid());
        dbx_store_close_forked(w.store);
        bool locked = try_start(&w, &error) == DBX_ELOCKED;
        _exit(locked && strstr(error.text, owner) != NULL ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    COMMAND(&w, 0, "APPEND", "k", "w");
    restart(&w);
    CHECK(look_up(&w, "k", &k));
    CHECK_TEXT(k.payload, "vw");
    clean_up(&w);
}

/* --- Time (22) ----------------------------------------------------------------------------------
 */

TEST(database_time_does_not_run_back_when_the_clock_does) {
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    int64_t last_ms = w.now_ms;
    atomic_fetch_sub(&wall_off_ms, HOUR_MS);
    CHECK(dbx_store_now_ms(w.store) >= last_ms);
    restart(&w); /* the log says what time it was */
    CHECK_EQ(info_of(&w).replay_last_effects, 1);
    CHECK(dbx_store_now_ms(w.store) >= last_ms);
    (void)dbx_store_tick(w.store); /* notes in the log that the clock was set */
    apply(&w);
    restart(&w); /* the commit does */
    CHECK_EQ(info_of(&w).replay_last_effects, 0);
    CHECK(dbx_store_now_ms(w.store) >= last_ms);
    clean_up(&w);
    atomic_store(&wall_off_ms, 0);
}

/* --- SCAN's cursors (23) ------------------------------------------------------------------------
 */

static uint64_t give_cursor(world *w, const char *name) {
    turn_begin(w, 0);
    uint64_t cursor = dbx_scan_save(w->txn, dbx_slice_str(name));
    turn_end(w);
    CHECK(cursor > 0 && cursor < (uint64_t)1 << 53);
    return cursor;
}

TEST(a_cursor_is_known_after_an_apply_and_a_restart) {
    world w;
    dbx_buf name = {0};
    prepare(&w, DBX_DURABILITY_NONE);
    COMMAND(&w, 0, "SET", "k", "v");
    uint64_t cursor = give_cursor(&w, "key:17");
    apply(&w);
    restart(&w);
    turn_begin(&w, 0);
    CHECK(dbx_scan_load(w.txn, cursor, &name));
    CHECK_TEXT(dbx_buf_slice(&name), "key:17");
    CHECK(!dbx_scan_load(w.txn, cursor + 1, &name));
    turn_end(&w);
    dbx_buf_free(&name);
    clean_up(&w);
}

TEST(a_lost_cursor_is_unknown_rather_than_anothers) {
    world w;
    dbx_buf name = {0};
    prepare(&w, DBX_DURABILITY_NONE);
    uint64_t lost = give_cursor(&w, "key:17");
    restart(&w);
    CHECK(give_cursor(&w, "key:99") != lost);
    turn_begin(&w, 0);
    CHECK(!dbx_scan_load(w.txn, lost, &name));
    turn_end(&w);
    dbx_buf_free(&name);
    clean_up(&w);
}

/* --- Figures (24) -------------------------------------------------------------------------------
 */

TEST(the_figures_tell_of_the_log_the_buffers_the_applies_and_the_start) {
    world w;
    prepare(&w, DBX_DURABILITY_NONE);
    uint64_t before = info_of(&w).position;
    COMMAND(&w, 0, "SET", "k", "v");
    dbx_store_info info = info_of(&w);
    CHECK(info.position > before && info.durable < info.position && info.applied < info.position);
    CHECK_EQ(info.written_journal_bytes, info.position - before - 1); /* a start leaves one out */
    CHECK_EQ(info.journal_segments, 1);
    CHECK(info.journal_bytes >= SEGMENT && info.buffer_entries > 0 && info.buffer_bytes > 0);
    CHECK(info.buffer_bytes_max > 0 && info.effects == 1 && info.turns == 1);
    (void)dbx_store_freeze(w.store, false);
    (void)dbx_store_tick(w.store);
    info = info_of(&w);
    CHECK(info.frozen_entries > 0 && info.frozen_bytes > 0);
    apply(&w);
    info = info_of(&w);
    CHECK(info.frozen_entries == 0 && info.applies == 1 && info.applied == info.position);
    CHECK(info.apply_last_entries > 0 && info.apply_last_bytes > 0 && info.apply_last_at_s > 0);
    CHECK(info.written_apply_bytes >= info.apply_last_bytes);
    CHECK(info.map_bytes > 0 && info.file_bytes > 0);
    COMMAND(&w, 0, "SET", "k", "v");
    CHECK_EQ(dbx_store_wait_durable(w.store, dbx_store_position(w.store)), DBX_OK);
    info = info_of(&w);
    CHECK(info.syncs > 0 && info.durable == info.position);
    restart(&w);
    CHECK_EQ(info_of(&w).replay_last_effects, 1);
    char large[SEGMENT / 32] = "";
    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < 4 * 32; i++) /* segments are 6 MB where the disk is large */
        COMMAND(&w, 0, "SET", "k", large);
    CHECK(info_of(&w).journal_segments > 1);
    clean_up(&w);
}
