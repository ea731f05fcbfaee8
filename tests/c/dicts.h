/* dicts.h: for tests of dict.c and sampler.c: a store whose buffer is small, so that members lie at
 * all levels, and turns in it. */
#ifndef DBX_TESTS_DICTS_H
#define DBX_TESTS_DICTS_H

#include "check.h"
#include "scratch.h"

#include "store/store.h"
#include "types/dict.h"

typedef struct dicts {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
    dbx_txn *txn;
    dbx_savepoint command;
    dbx_dict dict;
} dicts;

static int dicts_replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                        dbx_error *error) {
    (void)arg, (void)txn, (void)db, (void)argc, (void)argv;
    return dbx_error_set(error, DBX_ECORRUPT, "there are no effects");
}

static void dicts_begin(dicts *d) {
    d->txn = dbx_store_turn_begin(d->store, 1000);
    d->command = dbx_txn_command_begin(d->txn, true);
}

static void dicts_end(dicts *d) {
    dbx_error error;
    dbx_txn_command_end(d->txn, d->command);
    CHECK_EQ(dbx_store_turn_end(d->store, &error), DBX_OK);
}

/* A turn ends and another begins: a freeze or an apply may come between. */
static inline void dicts_turn(dicts *d) {
    dicts_end(d);
    dicts_begin(d);
}

static void dicts_open(dicts *d, bool in_memory) {
    dbx_error error;
    dbx_store_options options = {.durability = DBX_DURABILITY_NONE, .databases = 1};
    *d = (dicts){.dir = ""};
    if (!in_memory) {
        scratch_make(d->dir);
        options.path = d->dir;
        options.buffer_bytes = 64 << 10;
    }
    CHECK_EQ(dbx_store_open(&options, &d->store, &error), DBX_OK);
    CHECK_EQ(dbx_store_replay(d->store, &(dbx_replay_calls){.run = dicts_replay}, &error), DBX_OK);
    dicts_begin(d);
    d->dict = (dbx_dict){.table = DBX_TABLE_SET, .cid = dbx_txn_new_id(d->txn)};
}

static void dicts_close(dicts *d) {
    dicts_end(d);
    CHECK_EQ(dbx_store_close(d->store, NULL), DBX_OK);
    if (d->dir[0] != '\0') scratch_remove(d->dir);
}

/* dicts_put adds or overwrites a member; false: it was there. */
static inline bool dicts_put(dicts *d, dbx_slice member, dbx_slice value) {
    dbx_dict_slot slot;
    CHECK_EQ(dbx_dict_find(d->txn, d->dict, member, &slot), DBX_OK);
    CHECK_EQ(dbx_dict_put(d->txn, &slot, (dbx_slice){NULL, 0}, value), DBX_OK);
    return !slot.found;
}

/* dicts_del removes a member; false: it was not there. */
static inline bool dicts_del(dicts *d, dbx_slice member) {
    dbx_dict_slot slot;
    CHECK_EQ(dbx_dict_find(d->txn, d->dict, member, &slot), DBX_OK);
    if (slot.found) CHECK_EQ(dbx_dict_del(d->txn, &slot), DBX_OK);
    return slot.found;
}

#endif
