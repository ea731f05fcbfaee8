/* test_freeze.c: when the write buffer is frozen. */
#include "check.h"
#include "scratch.h"

#include <stdlib.h>
#include <unistd.h>

#include "store/limits.h"
#include "store/store.h"
#include "store/txn.h"

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    dbx_slice none = {NULL, 0};
    (void)arg, (void)db, (void)error;
    return argc == 3 ? dbx_txn_put(txn, argv[1], none, argv[2]) : DBX_ECORRUPT;
}

enum { START_MS = 1000 };

/* Opens a store with `options` in a new directory, whose name it puts into `dir`. */
static dbx_store *open_store(char dir[SCRATCH_BYTES], dbx_store_options options) {
    dbx_error error;
    dbx_store *store;
    scratch_make(dir);
    options.path = dir;
    options.durability = DBX_DURABILITY_NONE;
    options.databases = 1;
    int rc = dbx_store_open(&options, &store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return store;
}

static void close_store(dbx_store *store, const char *dir) {
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    scratch_remove(dir);
}

/* One write that took `us` to execute. */
static void write_one(dbx_store *store, const char *key, dbx_slice value, int64_t us) {
    dbx_error error;
    dbx_slice argv[] = {dbx_slice_str("PUT"), dbx_slice_str(key), value};
    dbx_txn *txn = dbx_store_turn_begin(store, START_MS);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_put(txn, argv[1], (dbx_slice){NULL, 0}, argv[2]), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 3, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    dbx_store_spent(store, us);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
}

/* Whether the next turn, at this time, has frozen the buffer. */
static bool frozen(dbx_store *store, int64_t now_ms) {
    dbx_store_info info;
    dbx_error error;
    (void)dbx_store_turn_begin(store, now_ms);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    dbx_store_get_info(store, &info);
    return info.frozen_entries > 0 || info.applies > 0;
}

/* Few bytes can take long to execute, and would again at the next start. */
TEST(a_log_that_took_long_to_execute_is_frozen_if_no_checkpoint_can_be_made) {
    char dir[SCRATCH_BYTES];
    dbx_store *store =
        open_store(dir, (dbx_store_options){.checkpoint_us = 2 * (int64_t)DBX_SPENT_US_MAX});
    write_one(store, "Vkey", dbx_slice_str("value"), DBX_SPENT_US_MAX / 2);
    CHECK(!frozen(store, START_MS));
    write_one(store, "Vkey", dbx_slice_str("value"), DBX_SPENT_US_MAX / 2);
    CHECK(frozen(store, START_MS));
    close_store(store, dir);
}

TEST(a_buffer_is_frozen_when_its_entries_take_the_memory_it_may) {
    enum { BOUND = 256 << 10, VALUE = 1000 };
    static const uint8_t value[VALUE];
    char dir[SCRATCH_BYTES], key[16];
    dbx_store *store = open_store(dir, (dbx_store_options){.buffer_bytes = BOUND});
    for (unsigned i = 0; i < BOUND / VALUE; i++) {
        if (i == BOUND / VALUE / 2) CHECK(!frozen(store, START_MS));
        (void)snprintf(key, sizeof key, "V%05u", i);
        write_one(store, key, dbx_slice_of(value, VALUE), 0);
    }
    CHECK(frozen(store, START_MS));
    close_store(store, dir);
}

/* A key written over and over fills the log, not the buffer. */
TEST(a_buffer_is_frozen_when_the_log_since_the_last_freeze_is_as_long_as_it_may) {
    enum { BOUND = 1 << 20, VALUE = 1000 };
    static const uint8_t value[VALUE];
    char dir[SCRATCH_BYTES];
    dbx_store *store = open_store(dir, (dbx_store_options){.journal_bytes = BOUND});
    for (unsigned i = 0; i <= BOUND / VALUE; i++) {
        if (i == BOUND / VALUE / 2) CHECK(!frozen(store, START_MS));
        write_one(store, "Vkey", dbx_slice_of(value, VALUE), 0);
    }
    CHECK(frozen(store, START_MS));
    close_store(store, dir);
}

TEST(a_buffer_is_frozen_when_its_first_write_is_as_old_as_it_may_be) {
    enum { AGE_MS = 500 };
    char dir[SCRATCH_BYTES];
    dbx_store *store = open_store(dir, (dbx_store_options){.buffer_age_ms = AGE_MS});
    write_one(store, "Vkey", dbx_slice_str("value"), 0);
    CHECK(!frozen(store, START_MS + AGE_MS - 1));
    CHECK(frozen(store, START_MS + AGE_MS));
    close_store(store, dir);
}

/* --- The memory of dead buffers ------------------------------------------------------------------
 */

enum { BUFFER_BYTES = 16 << 20, VALUE_BYTES = 60 << 10, PATIENCE_MS = 10000, WAIT_MS_MAX = 60000 };

/* One turn of large writes. */
static void write_bytes(dbx_store *store, char prefix, size_t bytes) {
    static const uint8_t value[VALUE_BYTES];
    dbx_error error;
    char key[16];
    dbx_txn *txn = dbx_store_turn_begin(store, START_MS);
    for (unsigned i = 0; i <= bytes / VALUE_BYTES; i++) {
        (void)snprintf(key, sizeof key, "V%c%05u", prefix, i);
        dbx_slice argv[] = {dbx_slice_str("PUT"), dbx_slice_str(key),
                            dbx_slice_of(value, sizeof value)};
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        CHECK_EQ(dbx_txn_put(txn, argv[1], (dbx_slice){NULL, 0}, argv[2]), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, 3, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
    }
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
}

static size_t kept(dbx_store *store, int64_t now_ms) {
    dbx_store_info info;
    (void)frozen(store, now_ms); /* a turn */
    dbx_store_get_info(store, &info);
    return info.kept_bytes;
}

static void await_apply(dbx_store *store) {
    dbx_store_info info = {.applies = 0};
    for (int ms = 0; ms < WAIT_MS_MAX && (info.applies == 0 || info.frozen_entries > 0); ms++) {
        (void)frozen(store, START_MS);
        dbx_store_get_info(store, &info);
        (void)usleep(1000);
    }
    CHECK(info.applies == 1 && info.frozen_entries == 0);
}

TEST(memory_is_kept_for_the_next_buffer_while_much_is_written_and_goes_when_nothing_is) {
    char dir[SCRATCH_BYTES];
    dbx_store *store = open_store(dir, (dbx_store_options){.buffer_bytes = BUFFER_BYTES});
    write_bytes(store, 'a', BUFFER_BYTES);
    write_bytes(store, 'b', BUFFER_BYTES / 4);
    await_apply(store);
    for (int ms = 0; ms < WAIT_MS_MAX && kept(store, START_MS) == 0; ms++)
        (void)usleep(1000); /* the applier's thread gives it away */
    CHECK(kept(store, START_MS) > 0 && kept(store, START_MS) <= BUFFER_BYTES);
    write_bytes(store, 'c', BUFFER_BYTES / 4);
    CHECK(kept(store, START_MS + PATIENCE_MS) > 0);
    for (int turns = 0; turns < BUFFER_BYTES >> 20; turns++) /* it goes piece by piece */
        (void)kept(store, START_MS + 2 * PATIENCE_MS);
    CHECK_EQ(kept(store, START_MS + 2 * PATIENCE_MS), 0);
    close_store(store, dir);
}

TEST(no_memory_is_kept_when_little_was_written_meanwhile) {
    char dir[SCRATCH_BYTES];
    dbx_store *store = open_store(dir, (dbx_store_options){.buffer_bytes = BUFFER_BYTES});
    write_bytes(store, 'a', BUFFER_BYTES);
    await_apply(store);
    (void)usleep(20000);
    CHECK_EQ(kept(store, START_MS), 0);
    close_store(store, dir);
}

TEST(what_views_alone_have_kept_is_not_kept_after_them) {
    char dir[SCRATCH_BYTES];
    dbx_store *store = open_store(dir, (dbx_store_options){.buffer_bytes = BUFFER_BYTES});
    write_bytes(store, 'a', BUFFER_BYTES / 2);
    dbx_error error;
    dbx_view *view = dbx_view_open(dbx_store_turn_begin(store, START_MS));
    CHECK(view != NULL);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    write_bytes(store, 'b', BUFFER_BYTES / 2);
    write_bytes(store, 'c', BUFFER_BYTES / 4);
    await_apply(store);
    dbx_view_close(view);
    CHECK_EQ(kept(store, START_MS), 0);
    close_store(store, dir);
}

TEST(a_write_buffer_that_references_could_not_name_is_refused) {
    dbx_store_options options = {.databases = 1};
    const uint64_t sizes[] = {DBX_BUFFER_BYTES_ASKED_MIN - 1, DBX_BUFFER_BYTES_ASKED_MIN,
                              DBX_BUFFER_BYTES_ASKED_MAX, DBX_BUFFER_BYTES_ASKED_MAX + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= SIZE_MAX; i++) {
        dbx_error error;
        dbx_store *store;
        options.buffer_bytes = (size_t)sizes[i];
        int rc = dbx_store_open(&options, &store, &error);
        CHECK_EQ(rc, i == 0 || i == 3 ? DBX_EINVAL : DBX_OK);
        if (rc == DBX_OK) CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    }
}
