/* test_apply.c: what is applied is there, whatever else the same commit changes, in pages that are
 * full. */
#include "check.h"
#include "scratch.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rand.h"
#include "store/store.h"
#include "store/txn.h"

enum {
    NOW_MS = 1000,
    KEY_BYTES_MAX = 1100,
    VALUE_BYTES = 30,
    NODE_BYTES = 10,
    BATCH = 500,
    DIGITS = 10 /* of most keys */
};

static int key_digits = DIGITS;

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
} world;

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    (void)arg, (void)txn, (void)db, (void)argc, (void)argv, (void)error;
    return DBX_OK;
}

static void begin(world *w) {
    dbx_error error;
    scratch_make(w->dir);
    dbx_store_options options = {.path = w->dir, .durability = DBX_DURABILITY_NONE, .databases = 1};
    int rc = dbx_store_open(&options, &w->store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) abort();
}

static void end(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    scratch_remove(w->dir);
}

static dbx_slice key_of(uint64_t i, char out[KEY_BYTES_MAX]) {
    (void)snprintf(out, KEY_BYTES_MAX, "Vk%0*llu", key_digits, (unsigned long long)i);
    return dbx_slice_str(out);
}

/* The value says which of several writes of a key was the last. */
static dbx_slice value_of(uint64_t i, unsigned version, char out[VALUE_BYTES + 1]) {
    (void)snprintf(out, VALUE_BYTES + 1, "%0*llu", VALUE_BYTES,
                   (unsigned long long)(i * 1000 + version));
    return dbx_slice_str(out);
}

static void put(dbx_txn *txn, uint64_t i, unsigned version) {
    char key[KEY_BYTES_MAX], value[VALUE_BYTES + 1];
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_put(txn, key_of(i, key), (dbx_slice){NULL, 0}, value_of(i, version, value)),
             DBX_OK);
    dbx_txn_command_end(txn, savepoint);
}

static void turn(world *w) {
    dbx_error error;
    (void)dbx_store_turn_begin(w->store, NOW_MS);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

/* Puts every `step`-th key from `from` on, `count` of them. */
static void put_keys(world *w, uint64_t from, unsigned count, unsigned step, unsigned version) {
    dbx_error error;
    for (unsigned at = 0; at < count; at += BATCH) {
        dbx_txn *txn = dbx_store_turn_begin(w->store, NOW_MS);
        for (unsigned i = at; i < count && i < at + BATCH; i++)
            put(txn, from + (uint64_t)i * step, version);
        CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    }
}

static dbx_store_info info_of(world *w) {
    dbx_store_info info;
    dbx_store_get_info(w->store, &info);
    return info;
}

/* Applies what is in the buffer; what that wrote, in bytes. */
static uint64_t apply(world *w) {
    uint64_t before = info_of(w).applies;
    CHECK(dbx_store_freeze(w->store, true));
    for (int tries = 0; info_of(w).applies == before && tries < 20000; tries++) {
        usleep(1000);
        turn(w);
    }
    CHECK_EQ(info_of(w).applies, before + 1);
    return info_of(w).apply_last_bytes;
}

/* What `count` keys take in pages that are full. */
static uint64_t full_bytes(uint64_t count) {
    return count * (2 + DIGITS + VALUE_BYTES + NODE_BYTES);
}

/* Keys before others, and in the middle of them, are put as densely as at the end. What rewriting
 * them all writes tells how many pages they are in. */
TEST(a_run_of_new_keys_before_others_fills_its_pages) {
    enum { MANY = 20000 };
    world w;
    begin(&w);
    put_keys(&w, 5000000, 1000, 1, 1);
    (void)apply(&w);
    put_keys(&w, 1000000, MANY, 1, 1); /* before others */
    (void)apply(&w);
    put_keys(&w, 1500000, MANY, 1, 1); /* between two of them */
    (void)apply(&w);
    put_keys(&w, 1000000, MANY, 1, 2);
    put_keys(&w, 1500000, MANY, 1, 2);
    uint64_t bytes = apply(&w);
    CHECK(bytes < full_bytes(2 * MANY) * 11 / 10);
    end(&w);
}

static void check_key(dbx_txn *txn, uint64_t i, unsigned version) {
    char key[KEY_BYTES_MAX], value[VALUE_BYTES + 1];
    dbx_slice found;
    int rc = dbx_txn_get(txn, key_of(i, key), &found);
    CHECK_EQ(rc, version > 0 ? DBX_OK : DBX_ENOTFOUND);
    if (rc == DBX_OK && version > 0) CHECK(dbx_slice_eq(found, value_of(i, version, value)));
}

/* Over deleted keys, which makes gaps of them. */
static void walk(dbx_txn *txn, uint64_t from, unsigned steps) {
    char key[KEY_BYTES_MAX];
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_str("Vk"));
    int rc = dbx_cursor_seek(cursor, key_of(from, key));
    while (rc == DBX_OK && steps-- > 0)
        rc = dbx_cursor_next(cursor);
    CHECK(rc == DBX_OK || rc == DBX_ENOTFOUND);
    dbx_cursor_close(cursor);
}

/* Runs of all lengths among keys that are there, which the same apply changes and deletes. */
static void check_runs(int digits, unsigned places, uint64_t run_max) {
    enum { PLACES_MAX = 30000, ROUNDS = 12, RUNS = 6, WALK_STEPS = 500 };
    static unsigned model[PLACES_MAX]; /* versions; 0: not there */
    char key[KEY_BYTES_MAX];
    dbx_error error;
    dbx_rand rand;
    world w;
    key_digits = digits;
    begin(&w);
    dbx_rand_seed_with(&rand, 11);
    memset(model, 0, sizeof model);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        dbx_txn *txn = dbx_store_turn_begin(w.store, NOW_MS);
        for (unsigned run = 0; run < RUNS; run++) {
            uint64_t from = dbx_rand_below(&rand, places), n = dbx_rand_below(&rand, run_max);
            uint64_t what = dbx_rand_below(&rand, 4);
            for (uint64_t i = from; i < from + n && i < places; i++) {
                if (what == 0) {
                    CHECK_EQ(dbx_txn_del(txn, key_of(i, key)), DBX_OK);
                    model[i] = 0;
                } else if (what > 1 || dbx_rand_below(&rand, 40) == 0) {
                    put(txn, i, round);
                    model[i] = round;
                }
            }
            walk(txn, dbx_rand_below(&rand, places), WALK_STEPS);
        }
        CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
        (void)apply(&w);
        txn = dbx_store_turn_begin(w.store, NOW_MS);
        for (uint64_t i = 0; i < places; i++)
            check_key(txn, i, model[i]);
        CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    }
    end(&w);
    key_digits = DIGITS;
}

TEST(runs_among_other_keys_lose_none_of_them) {
    check_runs(DIGITS, 30000, 1500);
}

/* A branch holds few of them, and is split nearly as often as the pages below. */
TEST(runs_of_long_keys_lose_none_either) {
    check_runs(500, 1500, 200);
    check_runs(900, 1500, 200);
}

/* Keys 1001 to 1003 become a gap behind 1000, and what follows 1047 in the map comes after the run.
 */
static void check_run_behind_a_gap(bool dead) {
    char key[KEY_BYTES_MAX];
    dbx_error error;
    world w;
    begin(&w);
    put_keys(&w, 1000, 4, 1, 1);
    put_keys(&w, 1047, 1, 1, 1);
    put_keys(&w, 5000, 3, 1, 1);
    (void)apply(&w);
    dbx_txn *txn = dbx_store_turn_begin(w.store, NOW_MS);
    put(txn, 1000, 2);
    for (uint64_t i = 1001; i <= 1003; i++)
        CHECK_EQ(dbx_txn_del(txn, key_of(i, key)), DBX_OK);
    for (uint64_t i = 1010; i < 1400; i++) {
        if (i == 1047 && dead) {
            CHECK_EQ(dbx_txn_del(txn, key_of(i, key)), DBX_OK);
        } else {
            put(txn, i, 2);
        }
    }
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_str("Vk"));
    CHECK_EQ(dbx_cursor_first(cursor), DBX_OK);
    CHECK_EQ(dbx_cursor_next(cursor), DBX_OK); /* over the gap, which is kept */
    dbx_cursor_close(cursor);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    (void)apply(&w);
    txn = dbx_store_turn_begin(w.store, NOW_MS);
    check_key(txn, 1000, 2);
    check_key(txn, 1002, 0);
    check_key(txn, 1047, dead ? 0 : 2);
    check_key(txn, 5000, 1);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    end(&w);
}

TEST(a_run_behind_a_gap_keeps_what_the_same_apply_changes) {
    check_run_behind_a_gap(false);
}

TEST(a_run_behind_a_gap_keeps_deleted_what_the_same_apply_deletes) {
    check_run_behind_a_gap(true);
}

/* Three of them fill a page, or a branch. */
static dbx_slice long_key_of(uint64_t hash, char out[KEY_BYTES_MAX]) {
    memset(out, 'k', 1010);
    out[0] = 'V';
    for (unsigned i = 0; i < 16; i++)
        out[1010 + i] = (char)dbx_hash_bytes(dbx_slice_of(&hash, sizeof hash), i);
    return dbx_slice_of(out, 1026);
}

static void check_walk(world *w, unsigned count) {
    dbx_error error;
    dbx_cursor *cursor;
    unsigned found = 0;
    dbx_txn *txn = dbx_store_turn_begin(w->store, NOW_MS);
    cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_str("Vk"));
    int rc = dbx_cursor_seek(cursor, dbx_slice_str("Vk"));
    for (; rc == DBX_OK; rc = dbx_cursor_next(cursor))
        found++;
    CHECK_EQ(found, count);
    dbx_cursor_close(cursor);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

TEST(long_keys_are_all_found) {
    enum { MANY = 60 };
    static char value[10000];
    char key[KEY_BYTES_MAX];
    dbx_error error;
    dbx_slice found, none = {NULL, 0};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world w;
        begin(&w);
        for (unsigned i = 0; i < MANY; i++) {
            dbx_txn *txn = dbx_store_turn_begin(w.store, NOW_MS);
            dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
            dbx_slice k = long_key_of(seed * 1000 + i, key);
            CHECK_EQ(dbx_txn_put(txn, k, none, dbx_slice_of(value, sizeof value)), DBX_OK);
            dbx_txn_command_end(txn, savepoint);
            CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
            if (i % (10 + seed % 10) == 3) (void)apply(&w);
        }
        dbx_txn *txn = dbx_store_turn_begin(w.store, NOW_MS);
        for (unsigned i = 0; i < MANY; i++)
            CHECK_EQ(dbx_txn_get(txn, long_key_of(seed * 1000 + i, key), &found), DBX_OK);
        CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
        check_walk(&w, MANY);
        end(&w);
    }
}
