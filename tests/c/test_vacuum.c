/* test_vacuum.c: what a vacuum gives back, when one begins by itself, and that it holds nobody up.
 */
#include "check.h"
#include "scratch.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/apply.h"
#include "store/internal.h"
#include "store/keyspace.h"
#include "store/limits.h"
#include "store/verify.h"

enum { START_MS = 1000, WAIT_MS_MAX = 60000, MB = 1 << 20 };

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
    dbx_txn *txn;
    dbx_savepoint savepoint;
} world;

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    (void)arg, (void)txn, (void)db, (void)argc, (void)argv, (void)error;
    return DBX_ECORRUPT; /* nothing here is logged */
}

static void open_world(world *w, dbx_store_options options) {
    dbx_error error;
    options.path = w->dir;
    options.durability = DBX_DURABILITY_NONE;
    options.databases = 1;
    int rc = dbx_store_open(&options, &w->store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
}

static void prepare(world *w, dbx_store_options options) {
    scratch_make(w->dir);
    open_world(w, options);
}

static void clean_up(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    scratch_remove(w->dir);
}

static void begin(world *w) {
    w->txn = dbx_store_turn_begin(w->store, START_MS);
    w->savepoint = dbx_txn_command_begin(w->txn, true);
}

static void end(world *w) {
    dbx_error error;
    dbx_txn_command_end(w->txn, w->savepoint);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

static void tick(world *w) {
    (void)dbx_store_tick(w->store);
    pause_ms(1);
}

/* Until all that was written is in data.mdbx, and seen there. */
static void apply(world *w) {
    uint64_t number = dbx_store_freeze(w->store, true);
    for (int ms = 0; ms < WAIT_MS_MAX && !dbx_store_saved(w->store, number); ms++)
        tick(w);
    CHECK(dbx_store_saved(w->store, number));
}

/* The key that a collection belongs to. */
static void put_key(world *w, uint64_t cid) {
    dbx_key k;
    char name[24];
    begin(w);
    (void)snprintf(name, sizeof name, "k%llu", (unsigned long long)cid);
    CHECK_EQ(dbx_key_find(w->txn, 0, dbx_slice_str(name), &k), DBX_OK);
    dbx_key_reset(&k, DBX_STRING, DBX_STRING_CHUNKED);
    k.meta.cid = cid;
    k.meta.count = (uint64_t)UINT32_MAX * DBX_VALUE_CHUNK_BYTES; /* long enough for any chunk */
    CHECK_EQ(dbx_key_write(w->txn, &k, (dbx_slice){NULL, 0}), DBX_OK);
    end(w);
}

/* Chunks of a collection, from `from` up to `to`; each `bytes` long, its number repeated. */
static void put_chunks(world *w, uint64_t cid, uint32_t from, uint32_t to, size_t bytes) {
    enum { A_TURN = 512 };
    uint8_t key[13] = {DBX_TABLE_CHUNK};
    uint8_t *value = malloc(bytes);
    dbx_slice none = {NULL, 0};
    if (value == NULL) abort();
    dbx_store64_be(key + 1, cid);
    for (uint32_t i = from; i < to; i++) {
        if ((i - from) % A_TURN == 0) begin(w);
        dbx_store32_be(key + 9, i);
        memset(value, (int)(i % 251), bytes);
        CHECK_EQ(dbx_txn_put(w->txn, dbx_slice_of(key, 13), none, dbx_slice_of(value, bytes)),
                 DBX_OK);
        if ((i - from) % A_TURN == A_TURN - 1 || i + 1 == to) end(w);
        for (int ms = 0; ms < WAIT_MS_MAX && dbx_store_write_delay_us(w->store) > 0; ms++)
            tick(w);
    }
    free(value);
}

static bool chunk_is(world *w, uint64_t cid, uint32_t i, size_t bytes) {
    uint8_t key[13] = {DBX_TABLE_CHUNK};
    dbx_slice value;
    dbx_store64_be(key + 1, cid);
    dbx_store32_be(key + 9, i);
    if (dbx_view_get(&w->store->live, dbx_slice_of(key, 13), &value) != DBX_OK) return false;
    for (size_t at = 0; at < value.len; at++) {
        if (value.ptr[at] != i % 251) return false;
    }
    return value.len == bytes;
}

static void retire(world *w, uint64_t cid) {
    begin(w);
    CHECK_EQ(dbx_txn_retire(w->txn, cid), DBX_OK);
    end(w);
    apply(w);
}

static void vacuum(world *w) {
    uint64_t number = dbx_store_vacuum(w->store);
    for (int ms = 0; ms < WAIT_MS_MAX && !dbx_store_vacuumed(w->store, number); ms++)
        tick(w);
    CHECK(dbx_store_vacuumed(w->store, number));
    tick(w);
}

static dbx_store_info info(world *w) {
    dbx_store_info now;
    dbx_store_get_info(w->store, &now);
    return now;
}

/* Nothing is wrong with the file; it is closed for it. */
static void check_file(world *w, dbx_store_options options) {
    dbx_error error;
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
    FILE *said = tmpfile();
    if (said == NULL) abort();
    if (dbx_verify(w->dir, fileno(said), -1, &error) != DBX_OK) {
        char line[256];
        check_failed(__FILE__, __LINE__, "%s", error.text);
        rewind(said);
        while (fgets(line, sizeof line, said) != NULL)
            fputs(line, stderr);
    }
    (void)fclose(said);
    open_world(w, options);
}

/* --- The file --------------------------------------------------------------------------------- */

/* What is kept was written last and lies behind what goes: it has to move. */
static void shrink(size_t bytes, uint32_t gone, uint32_t kept) {
    const dbx_store_options options = {.buffer_bytes = 4 * MB, .no_autovacuum = true};
    world w;
    prepare(&w, options);
    begin(&w);
    uint64_t first = dbx_txn_new_id(w.txn), second = dbx_txn_new_id(w.txn);
    end(&w);
    put_chunks(&w, first, 0, gone, bytes);
    apply(&w);
    put_chunks(&w, second, 0, kept, bytes);
    put_key(&w, second);
    apply(&w);
    uint64_t full = info(&w).file_bytes;
    retire(&w, first);
    CHECK(info(&w).litter);
    CHECK_EQ(info(&w).reclaimed, 0); /* nobody has asked for it */
    vacuum(&w);
    dbx_store_info now = info(&w);
    CHECK_EQ(now.reclaimed, gone + 1); /* and what said that it is to be reclaimed */
    CHECK(now.moved_bytes > 0);
    CHECK(now.file_bytes <= (uint64_t)kept * bytes * 3 / 2 + 16 * MB);
    CHECK(now.file_bytes < full / 2);
    for (uint32_t i = 0; i < kept; i++) {
        if (!chunk_is(&w, second, i, bytes)) {
            check_failed(__FILE__, __LINE__, "chunk %u is not what it was", i);
            break;
        }
    }
    /* Again, nothing is written: there is nothing to do. */
    uint64_t written = now.written_vacuum_bytes;
    vacuum(&w);
    CHECK_EQ(info(&w).written_vacuum_bytes, written);
    check_file(&w, options);
    CHECK(chunk_is(&w, second, kept - 1, bytes));
    clean_up(&w);
}

TEST(a_vacuum_makes_the_file_shorter_by_what_small_entries_leave) {
    shrink(100, 400000, 40000);
}

TEST(a_vacuum_makes_the_file_shorter_by_what_values_with_pages_of_their_own_leave) {
    shrink(20000, 3000, 500);
}

/* --- By itself -------------------------------------------------------------------------------- */

/* Writes and retires what takes several commits to reclaim. */
static void litter(world *w) {
    enum { ENTRIES = 70000 };
    begin(w);
    uint64_t cid = dbx_txn_new_id(w->txn);
    end(w);
    put_chunks(w, cid, 0, ENTRIES, 50);
    apply(w);
    retire(w, cid);
}

static bool tidy_within(world *w, int ms) {
    while (info(w).litter && ms-- > 0)
        tick(w);
    return !info(w).litter;
}

TEST(a_vacuum_begins_by_itself_and_the_next_an_interval_after_it) {
    enum { INTERVAL_MS = 1500 };
    world w;
    prepare(&w, (dbx_store_options){.buffer_bytes = 4 * MB, .autovacuum_ms = INTERVAL_MS});
    litter(&w);
    CHECK(tidy_within(&w, WAIT_MS_MAX));
    CHECK_EQ(info(&w).vacuums, 1);
    int64_t ended_us = dbx_clock_mono_us();
    litter(&w);
    CHECK(tidy_within(&w, WAIT_MS_MAX));
    CHECK_EQ(info(&w).vacuums, 2);
    CHECK(dbx_clock_mono_us() - ended_us >= INTERVAL_MS * 1000 / 2);
    clean_up(&w);
}

/* What a full disk waits for is not put off, and not left to VACUUM. */
TEST(a_full_disk_has_it_begin_at_once) {
    world w;
    prepare(&w, (dbx_store_options){.buffer_bytes = 4 * MB, .no_autovacuum = true});
    litter(&w);
    for (int i = 0; i < 100; i++)
        tick(&w);
    CHECK(info(&w).litter);
    dbx_applier_urge(w.store->applier, true);
    CHECK(tidy_within(&w, WAIT_MS_MAX));
    dbx_applier_urge(w.store->applier, false);
    clean_up(&w);
}

/* An apply goes between two steps of a vacuum, and its end is not the vacuum's. */
TEST(an_apply_does_not_wait_for_a_vacuum) {
    enum { ENTRIES = 300000 };
    world w;
    prepare(&w, (dbx_store_options){.buffer_bytes = 4 * MB, .no_autovacuum = true});
    begin(&w);
    uint64_t cid = dbx_txn_new_id(w.txn), other = dbx_txn_new_id(w.txn);
    end(&w);
    put_chunks(&w, cid, 0, ENTRIES, 50);
    apply(&w);
    retire(&w, cid);
    uint64_t number = dbx_store_vacuum(w.store);
    put_chunks(&w, other, 0, 1, 50);
    apply(&w);
    CHECK(info(&w).reclaimed < ENTRIES);
    for (int ms = 0; ms < WAIT_MS_MAX && !dbx_store_vacuumed(w.store, number); ms++)
        tick(&w);
    CHECK_EQ(info(&w).reclaimed, ENTRIES + 1);
    CHECK(chunk_is(&w, other, 0, 50));
    clean_up(&w);
}
