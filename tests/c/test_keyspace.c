/* test_keyspace.c: records that earlier builds have written, when they are changed in place. */
#include "check.h"

#include "base/err.h"
#include "store/internal.h"
#include "store/keyspace.h"

enum { NOW_MS = 5000, EXPIRE_MS = 9000 };

static void put_record(dbx_txn *txn, dbx_slice name, dbx_slice record) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    bool long_name;
    size_t len = dbx_format_key(key, dbx_db_namespace(txn, 0), name, txn->store->seed, &long_name);
    CHECK_EQ(dbx_txn_put(txn, dbx_slice_of(key, len), (dbx_slice){NULL, 0}, record), DBX_OK);
}

/* Appends twice to a key with this record; the second time it is as this build writes it. */
static dbx_meta append_to(dbx_slice record, const char *want) {
    const dbx_store_options options = {.databases = 1};
    dbx_slice name = dbx_slice_str("name");
    dbx_store *store;
    dbx_error error;
    dbx_key k;
    CHECK_EQ(dbx_store_open(&options, &store, &error), DBX_OK);
    dbx_txn *txn = dbx_store_turn_begin(store, NOW_MS);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    put_record(txn, name, record);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(dbx_key_find(txn, 0, name, &k), DBX_OK);
        CHECK_EQ(dbx_key_append(txn, &k, dbx_slice_str(i == 0 ? " and" : " more")), DBX_OK);
    }
    CHECK_EQ(dbx_key_find(txn, 0, name, &k), DBX_OK);
    CHECK(k.exists);
    CHECK_TEXT(k.payload, want);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
    return k.meta;
}

/* Of a key that was created at 1000, and written last when it was five ms old. */
TEST(appending_to_a_record_with_a_shorter_age_leaves_what_was_there) {
    static const uint8_t plain[] = {0x10, 0, 0xE8, 0x07, 5, 'w', 'a', 's'};
    static const uint8_t expires[] = {0x10, 1, 0xE8, 0x07, 5, 0xA8, 0x46, 'w', 'a', 's'};
    dbx_meta meta = append_to(dbx_slice_of(plain, sizeof plain), "was and more");
    CHECK_EQ(meta.created_ms, 1000);
    CHECK_EQ(meta.updated_ms, NOW_MS);
    CHECK(!dbx_expiry_set(meta.expiry));
    meta = append_to(dbx_slice_of(expires, sizeof expires), "was and more");
    CHECK_EQ(meta.created_ms, 1000);
    CHECK_EQ(meta.expiry.ms, EXPIRE_MS);
}
