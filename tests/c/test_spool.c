/* test_spool.c: how long a spool's file is, and how long it stays. */
#include "check.h"
#include "scratch.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/journal_read.h"
#include "store/spool.h"
#include "store/store.h"
#include "store/txn.h"

enum {
    VALUE = 60 * 1024,
    KEEP = 2 << 20, /* of log: a segment */
    WAIT_MS_MAX = 60000
};

typedef struct world {
    char dir[SCRATCH_BYTES];
    size_t keep_bytes, buffer_bytes;
    dbx_store *store;
    unsigned replayed;
} world;

static int put_again(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                     dbx_error *error) {
    world *w = arg;
    dbx_slice none = {NULL, 0};
    (void)db, (void)argc, (void)error;
    w->replayed++;
    return dbx_txn_put(txn, argv[0], none, argv[1]);
}

static void start(world *w) {
    dbx_error error;
    dbx_store_options options = {.path = w->dir,
                                 .durability = DBX_DURABILITY_NONE,
                                 .databases = 1,
                                 .buffer_bytes = w->buffer_bytes,
                                 .journal_bytes = KEEP,
                                 .journal_keep_bytes = w->keep_bytes};
    const dbx_replay_calls calls = {.run = put_again, .arg = w};
    w->replayed = 0;
    int rc = dbx_store_open(&options, &w->store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &calls, &error);
    if (rc == DBX_OK) return;
    fprintf(stderr, "%s\n", error.text);
    abort();
}

static void prepare(world *w, size_t keep_bytes) {
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    w->keep_bytes = keep_bytes;
    start(w);
}

static void stop(world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
    w->store = NULL;
}

static void clean_up(world *w) {
    if (w->store != NULL) stop(w);
    scratch_remove(w->dir);
}

/* The spools' files: how many, and the bytes of all. */
static unsigned files(const world *w, uint64_t *bytes) {
    char path[512];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "%s/spool", w->dir);
    DIR *listing = opendir(path);
    struct dirent *entry;
    struct stat st;
    *bytes = 0;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "%s/spool/%s", w->dir, entry->d_name);
        if (stat(path, &st) != 0) continue; /* removed meanwhile */
        *bytes += (uint64_t)st.st_size;
        count++;
    }
    if (listing != NULL) (void)closedir(listing);
    return count;
}

static dbx_slice value_of(unsigned i) {
    static uint8_t bytes[VALUE];
    memset(bytes, (int)('a' + i % 26), sizeof bytes);
    return dbx_slice_of(bytes, sizeof bytes);
}

/* Receives a value into a spool and waits until it is durable. */
static dbx_spool *receive(const world *w, unsigned i, dbx_slice *value) {
    dbx_error error;
    dbx_spool *spool;
    CHECK_EQ(dbx_spool_open(w->store, &spool, &error), DBX_OK);
    uint8_t *base = dbx_spool_reserve(spool, 0, VALUE / 2, &error);
    if (base != NULL) base = dbx_spool_reserve(spool, VALUE / 2, VALUE / 2, &error);
    CHECK(base != NULL);
    if (base == NULL) abort();
    memcpy(base, value_of(i).ptr, VALUE);
    *value = dbx_slice_of(base, VALUE);
    for (int ms = 0; dbx_spool_ready(spool) == 0 && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK_EQ(dbx_spool_ready(spool), 1);
    return spool;
}

/* A command that stores a value received into a spool. */
static void run_put(dbx_txn *txn, unsigned i, dbx_spool *spool, dbx_slice value) {
    char name[16];
    dbx_slice argv[2] = {{NULL, 0}, value}, none = {NULL, 0};
    argv[0] = dbx_slice_of(name, (size_t)snprintf(name, sizeof name, "V%05u", i));
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    dbx_txn_input(txn, spool);
    CHECK_EQ(dbx_txn_put(txn, argv[0], none, argv[1]), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 2, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    dbx_spool_close(spool);
}

/* One turn with one such command. */
static void put_spooled(world *w, unsigned i) {
    dbx_slice value;
    dbx_error error;
    dbx_spool *spool = receive(w, i, &value);
    run_put(dbx_store_turn_begin(w->store, 1000), i, spool, value);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

static void check_value(world *w, unsigned i) {
    char name[16];
    dbx_slice value = {NULL, 0};
    dbx_txn *txn = dbx_store_turn_begin(w->store, 1000);
    dbx_slice key = dbx_slice_of(name, (size_t)snprintf(name, sizeof name, "V%05u", i));
    CHECK_EQ(dbx_txn_get(txn, key, &value), DBX_OK);
    CHECK_BYTES(value, value_of(i));
}

TEST(a_received_spool_is_as_long_as_what_was_received) {
    world w;
    uint64_t bytes;
    prepare(&w, 0);
    put_spooled(&w, 1);
    CHECK_EQ(files(&w, &bytes), 1);
    CHECK_EQ(bytes, VALUE);
    stop(&w);
    start(&w);
    CHECK_EQ(w.replayed, 1);
    check_value(&w, 1);
    clean_up(&w);
}

TEST(what_a_command_makes_itself_takes_no_more_disk_than_it_is_long) {
    world w;
    uint64_t bytes;
    dbx_error error;
    dbx_slice none = {NULL, 0};
    prepare(&w, 0);
    dbx_txn *txn = dbx_store_turn_begin(w.store, 1000);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    uint8_t *room = NULL;
    CHECK_EQ(dbx_txn_room(txn, VALUE, &room), DBX_OK);
    if (room == NULL) abort();
    memcpy(room, value_of(3).ptr, VALUE);
    CHECK_EQ(dbx_txn_put(txn, dbx_slice_str("V00003"), none, dbx_slice_of(room, VALUE)), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    CHECK_EQ(files(&w, &bytes), 1);
    CHECK_EQ(bytes, VALUE);
    check_value(&w, 3);
    clean_up(&w);
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    DIR *listing = opendir("/proc/self/fd");
    while (listing != NULL && readdir(listing) != NULL)
        count++;
    if (listing != NULL) (void)closedir(listing);
    return count;
}

TEST(values_that_wait_for_an_apply_hold_no_descriptors) {
    enum { COUNT = 40 };
    world w;
    dbx_error error;
    dbx_slice none = {NULL, 0};
    uint64_t bytes;
    prepare(&w, 0);
    put_spooled(&w, 0);
    unsigned before = open_descriptors();
    for (unsigned i = 1; i < COUNT; i++) {
        put_spooled(&w, i);
        dbx_txn *txn = dbx_store_turn_begin(w.store, 1000); /* and one of a command's own */
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        uint8_t *room = NULL;
        CHECK_EQ(dbx_txn_room(txn, VALUE, &room), DBX_OK);
        CHECK_EQ(dbx_txn_put(txn, dbx_slice_str("Vroom"), none, dbx_slice_of(room, VALUE)), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
        CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    }
    CHECK_EQ(files(&w, &bytes), 2 * COUNT - 1);
    CHECK(open_descriptors() < before + COUNT / 2);
    stop(&w);
    start(&w); /* nor when a start has loaded them */
    CHECK_EQ(w.replayed, COUNT);
    CHECK(open_descriptors() < before + COUNT / 2);
    clean_up(&w);
}

TEST(a_large_value_waits_while_enough_of_them_wait_for_the_applier) {
    world w = {.buffer_bytes = 2 * VALUE};
    dbx_slice values[3];
    dbx_spool *spools[3];
    dbx_error error;
    scratch_make(w.dir);
    start(&w);
    put_spooled(&w, 1);
    put_spooled(&w, 2);
    for (unsigned i = 0; i < 2; i++)
        spools[i] = receive(&w, 3 + i, &values[i]);
    dbx_txn *txn = dbx_store_turn_begin(w.store, 1000); /* freezes: two are being applied */
    for (unsigned i = 0; i < 2; i++)
        run_put(txn, 3 + i, spools[i], values[i]);
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    CHECK_EQ(dbx_spool_open(w.store, &spools[2], &error), DBX_OK);
    CHECK(dbx_spool_reserve(spools[2], 0, VALUE, &error) != NULL);
    for (int ms = 0; ms < 20; ms++) {
        CHECK_EQ(dbx_spool_ready(spools[2]), 0);
        pause_ms(1);
    }
    for (int ms = 0; dbx_spool_ready(spools[2]) == 0 && ms < WAIT_MS_MAX; ms++) {
        (void)dbx_store_tick(w.store); /* takes in what has been applied */
        pause_ms(1);
    }
    CHECK_EQ(dbx_spool_ready(spools[2]), 1);
    dbx_spool_close(spools[2]);
    check_value(&w, 4);
    clean_up(&w);
}

/* Waits until the spools' folder holds no more than `count` files. */
static bool comes_down_to(const world *w, unsigned count) {
    uint64_t bytes;
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        if (files(w, &bytes) <= count) return true;
        pause_ms(1);
    }
    return false;
}

/* Has everything applied; what is not kept is dropped then. */
static void apply(world *w) {
    dbx_store_info info;
    (void)dbx_store_freeze(w->store, false);
    for (int ms = 0; ms < WAIT_MS_MAX; ms++) {
        dbx_error error;
        (void)dbx_store_turn_begin(w->store, 1000);
        CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
        dbx_store_get_info(w->store, &info);
        if (info.applied == info.position) return;
        pause_ms(1);
    }
    CHECK(false);
}

/* Turns of ordinary effects, together `bytes` long. */
static void fill_log(world *w, size_t bytes) {
    static uint8_t pad[512 << 10];
    dbx_error error;
    memset(pad, 'x', sizeof pad);
    for (size_t done = 0; done < bytes; done += sizeof pad) {
        dbx_slice argv[] = {dbx_slice_str("Vpad"), dbx_slice_of(pad, sizeof pad)};
        dbx_txn *txn = dbx_store_turn_begin(w->store, 1000);
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        CHECK_EQ(dbx_txn_put(txn, argv[0], argv[0], argv[0]), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, 2, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
        CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    }
}

/* What `dbx journal` prints: whether the value stands in it. */
static bool journal_holds(const world *w, unsigned i) {
    FILE *out = tmpfile();
    dbx_error error = {0};
    if (out == NULL) abort();
    int rc = dbx_journal_print(w->dir, 0, fileno(out), &error);
    CHECK_EQ(rc, DBX_OK);
    if (rc != DBX_OK) fprintf(stderr, "%s\n", error.text);
    long size = fseek(out, 0, SEEK_END) == 0 ? ftell(out) : 0;
    uint8_t *bytes = malloc((size_t)size + 1);
    rewind(out);
    CHECK(bytes != NULL && fread(bytes, 1, (size_t)size, out) == (size_t)size);
    bool found = memmem(bytes, (size_t)size, value_of(i).ptr, VALUE) != NULL;
    free(bytes);
    (void)fclose(out);
    return found;
}

TEST(an_applied_spool_goes_at_once_when_no_log_is_kept) {
    world w;
    prepare(&w, 0);
    put_spooled(&w, 1);
    apply(&w);
    CHECK(comes_down_to(&w, 0));
    check_value(&w, 1);
    clean_up(&w);
}

TEST(a_spool_stays_while_kept_log_names_it_and_goes_with_it) {
    world w;
    uint64_t bytes;
    prepare(&w, KEEP);
    put_spooled(&w, 1);
    apply(&w);
    fill_log(&w, KEEP / 2);
    apply(&w);
    CHECK_EQ(files(&w, &bytes), 1);
    CHECK(journal_holds(&w, 1));
    for (int i = 0; i < 3; i++) {
        fill_log(&w, KEEP);
        apply(&w);
    }
    CHECK(comes_down_to(&w, 0));
    check_value(&w, 1);
    clean_up(&w);
}

TEST(a_start_keeps_what_kept_log_names_and_lets_it_go_later) {
    world w;
    uint64_t bytes;
    prepare(&w, KEEP);
    put_spooled(&w, 1);
    apply(&w);
    put_spooled(&w, 2); /* held by the buffer over the next start */
    stop(&w);
    start(&w);
    CHECK_EQ(w.replayed, 1);
    CHECK(journal_holds(&w, 1) && journal_holds(&w, 2));
    apply(&w);
    stop(&w);
    start(&w);
    CHECK_EQ(w.replayed, 0);
    CHECK_EQ(files(&w, &bytes), 2);
    CHECK(journal_holds(&w, 1) && journal_holds(&w, 2));
    for (int i = 0; i < 3; i++) {
        fill_log(&w, KEEP);
        apply(&w);
    }
    CHECK(comes_down_to(&w, 0));
    check_value(&w, 1);
    clean_up(&w);
}

static void make_file(const world *w, const char *name) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/spool/%s", w->dir, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("left over", file) >= 0);
    if (file != NULL) (void)fclose(file);
}

TEST(a_start_removes_what_no_kept_log_names) {
    world w;
    prepare(&w, KEEP);
    put_spooled(&w, 1);
    apply(&w);
    stop(&w);
    make_file(&w, "7.spool");
    make_file(&w, "8.part");
    start(&w);
    CHECK(comes_down_to(&w, 1));
    CHECK(journal_holds(&w, 1));
    put_spooled(&w, 9); /* under an id that was never used */
    check_value(&w, 9);
    clean_up(&w);
}

TEST(kept_log_is_bounded_by_the_large_values_it_names_too) {
    enum { COUNT = 2 * (KEEP + 4 * KEEP) / VALUE };
    world w;
    uint64_t bytes;
    prepare(&w, KEEP);
    for (unsigned i = 0; i < COUNT; i++) {
        put_spooled(&w, i);
        if (i % 8 == 7) apply(&w);
    }
    apply(&w);
    fill_log(&w, 1);
    apply(&w);
    for (int ms = 0; files(&w, &bytes) > COUNT / 4 * 3 && ms < WAIT_MS_MAX; ms++)
        pause_ms(1);
    CHECK(files(&w, &bytes) <= COUNT / 4 * 3);
    CHECK(journal_holds(&w, COUNT - 1));
    clean_up(&w);
}
