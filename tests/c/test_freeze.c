/* test_freeze.c: when the write buffer is frozen. */
#include "check.h"

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

static dbx_store *open_store(const char *dir) {
    dbx_error error;
    dbx_store *store;
    dbx_store_options options = {.path = dir, .durability = DBX_DURABILITY_NONE, .databases = 1};
    int rc = dbx_store_open(&options, &store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return store;
}

/* One small write that took `us` to execute. */
static void write_one(dbx_store *store, int64_t us) {
    dbx_error error;
    dbx_slice argv[] = {dbx_slice_str("PUT"), dbx_slice_str("Vkey"), dbx_slice_str("value")};
    dbx_txn *txn = dbx_store_turn_begin(store, 1000);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_put(txn, argv[1], (dbx_slice){NULL, 0}, argv[2]), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 3, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    dbx_store_spent(store, us);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
}

static bool frozen(dbx_store *store) {
    dbx_store_info info;
    dbx_error error;
    (void)dbx_store_turn_begin(store, 1000);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    dbx_store_get_info(store, &info);
    return info.frozen_entries > 0 || info.applies > 0;
}

/* Few bytes can take long to execute, and would again at the next start. */
TEST(a_log_that_took_long_to_execute_is_frozen_however_short_it_is) {
    char dir[] = "/tmp/dbx-test-freeze-XXXXXX", command[64];
    if (mkdtemp(dir) == NULL) abort();
    dbx_store *store = open_store(dir);
    write_one(store, DBX_SPENT_US_MAX / 2);
    CHECK(!frozen(store));
    write_one(store, DBX_SPENT_US_MAX / 2);
    CHECK(frozen(store));
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK_EQ(system(command), 0);
}
