/* test_journal_print.c: reading a journal whose owner goes on writing, and drops what it needs no
 * more. */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/effect.h"
#include "store/frame.h"
#include "store/journal_read.h"
#include "store/store.h"
#include "store/txn.h"

enum { PAD = 50000, TURNS = 1500, SEGMENT_BYTES = 2 << 20, WAIT_MS_MAX = 60000 };

typedef struct world {
    char dir[SCRATCH_BYTES];
    size_t keep_bytes;
    dbx_store *store;
    unsigned next;
} world;

static int put_again(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                     dbx_error *error) {
    dbx_slice none = {NULL, 0};
    (void)arg, (void)db, (void)argc, (void)error;
    return dbx_txn_put(txn, argv[0], none, none);
}

static int try_start(world *w, dbx_error *error) {
    dbx_store_options options = {.path = w->dir,
                                 .durability = DBX_DURABILITY_EVERYSEC,
                                 .databases = 1,
                                 .journal_bytes = SEGMENT_BYTES / 2,
                                 .journal_keep_bytes = w->keep_bytes};
    const dbx_replay_calls calls = {.run = put_again, .arg = w};
    int rc = dbx_store_open(&options, &w->store, error);
    return rc == DBX_OK ? dbx_store_replay(w->store, &calls, error) : rc;
}

static void prepare(world *w, size_t keep_bytes) {
    dbx_error error = {0};
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    w->keep_bytes = keep_bytes;
    CHECK_EQ(try_start(w, &error), DBX_OK);
}

static void clean_up(world *w) {
    dbx_error error;
    if (w->store != NULL) CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
    scratch_remove(w->dir);
}

/* One turn with one command of `pad` bytes, named by its number. */
static void write_turn(world *w, size_t pad) {
    static uint8_t bytes[5 << 20];
    char name[16];
    dbx_error error;
    dbx_slice none = {NULL, 0};
    memset(bytes, 'p', pad);
    int n = snprintf(name, sizeof name, "V%07u", w->next++);
    dbx_slice argv[] = {dbx_slice_of(name, (size_t)n), dbx_slice_of(bytes, pad)};
    dbx_txn *txn = dbx_store_turn_begin(w->store, 1000 + w->next);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    CHECK_EQ(dbx_txn_put(txn, argv[0], none, none), DBX_OK);
    CHECK_EQ(dbx_txn_effect(txn, 0, 2, argv), DBX_OK);
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

/* What was printed: whole commands whose numbers follow one another. */
typedef struct printed {
    unsigned first, count;
} printed;

static printed check_output(int fd) {
    printed seen = {0};
    dbx_effect_reader reader = {.args = NULL};
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *bytes = malloc((size_t)size + 1);
    CHECK(bytes != NULL && pread(fd, bytes, (size_t)size, 0) == size);
    reader.in = dbx_slice_of(bytes, (size_t)size);
    int rc;
    while ((rc = dbx_effect_next(&reader)) == 1) {
        unsigned number = (unsigned)strtoul((const char *)reader.argv[0].ptr + 1, NULL, 10);
        if (seen.count == 0) seen.first = number;
        CHECK_EQ(number, seen.first + seen.count);
        seen.count++;
    }
    CHECK_EQ(rc, 0);
    dbx_effect_reader_free(&reader);
    free(bytes);
    return seen;
}

static int print(const world *w, uint64_t from, printed *seen, dbx_error *error) {
    FILE *out = tmpfile();
    if (out == NULL) abort();
    *error = (dbx_error){0};
    int rc = dbx_journal_print(w->dir, from, fileno(out), error);
    *seen = check_output(fileno(out));
    (void)fclose(out);
    return rc;
}

/* Flips a byte of each journal file that has one at `offset`. */
static void damage(const world *w, unsigned number, off_t offset) {
    char path[160];
    uint8_t byte;
    (void)snprintf(path, sizeof path, "%s/journal/%08u.log", w->dir, number);
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0 && pread(fd, &byte, 1, offset) == 1);
    byte ^= 0xff;
    CHECK(pwrite(fd, &byte, 1, offset) == 1);
    (void)close(fd);
}

typedef struct reading {
    const world *w;
    atomic_bool stop;
    unsigned whole, ended_early;
} reading;

static void *read_all_the_time(void *arg) {
    reading *r = arg;
    dbx_error error;
    printed seen;
    while (!atomic_load(&r->stop)) {
        int rc = print(r->w, 0, &seen, &error);
        if (rc == DBX_ENOTFOUND) {
            r->ended_early++;
            CHECK(strstr(error.text, "not kept any more") != NULL ||
                  strstr(error.text, "has dropped what follows") != NULL);
        } else {
            r->whole += rc == DBX_OK;
            CHECK_EQ(rc, DBX_OK);
            if (rc != DBX_OK) fprintf(stderr, "%s\n", error.text);
        }
    }
    return NULL;
}

static void write_while_reading(size_t keep_bytes) {
    world w;
    prepare(&w, keep_bytes);
    reading r = {.w = &w};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_all_the_time, &r) != 0) abort();
    for (int i = 0; i < TURNS; i++) {
        write_turn(&w, PAD);
        if (i % 16 == 0) pause_ms(1); /* let the applier and the reader have their part */
    }
    atomic_store(&r.stop, true);
    (void)pthread_join(thread, NULL);
    CHECK(r.whole + r.ended_early > 0);
    clean_up(&w);
}

TEST(a_log_that_is_dropped_while_it_is_read_is_not_called_damaged) {
    write_while_reading(0);
}

TEST(a_kept_log_that_is_dropped_while_it_is_read_is_not_called_damaged) {
    write_while_reading(3 * SEGMENT_BYTES);
}

TEST(damage_is_called_damage_beside_the_owner_too) {
    world w;
    dbx_error error;
    printed seen;
    prepare(&w, (size_t)1 << 30);
    for (int i = 0; i < 100; i++)
        write_turn(&w, PAD);
    CHECK_EQ(dbx_store_wait_durable(w.store, dbx_store_position(w.store)), DBX_OK);
    write_turn(&w, PAD); /* says that what is before it was synced */
    damage(&w, 1, SEGMENT_BYTES / 2);
    CHECK_EQ(print(&w, 0, &seen, &error), DBX_ECORRUPT);
    CHECK(strstr(error.text, "damaged at position") != NULL);
    CHECK(seen.count > 0); /* what is before it is printed */
    clean_up(&w);
}

/* Writes until the log no longer begins at its beginning. */
static void write_until_dropped(world *w) {
    dbx_journal_reader *reader;
    dbx_error error;
    uint64_t begins = 1;
    for (int ms = 0; begins <= 1 && ms < WAIT_MS_MAX; ms++) {
        write_turn(w, PAD);
        pause_ms(1);
        int rc = dbx_journal_reader_open(w->dir, DBX_JOURNAL_OLDEST, &reader, &error);
        if (rc != DBX_OK) continue;
        begins = dbx_journal_reader_begins(reader);
        dbx_journal_reader_close(reader);
    }
    CHECK(begins > 1);
}

TEST(a_position_that_is_not_kept_any_more_is_refused_with_what_is) {
    world w;
    dbx_error error;
    printed seen;
    prepare(&w, 0);
    write_turn(&w, 10);
    uint64_t second = dbx_store_position(w.store);
    write_until_dropped(&w);
    CHECK_EQ(print(&w, second, &seen, &error), DBX_ENOTFOUND);
    CHECK(strstr(error.text, "not kept any more: begin at --from") != NULL);
    CHECK_EQ(seen.count, 0);
    uint64_t from = strtoull(strstr(error.text, "--from") + 7, NULL, 10);
    CHECK_EQ(print(&w, from, &seen, &error), DBX_OK);
    CHECK(seen.count > 0);
    clean_up(&w);
}

TEST(a_kept_log_that_begins_within_a_group_is_read_from_the_next_one) {
    world w;
    dbx_error error;
    printed seen;
    char path[160];
    prepare(&w, (size_t)1 << 30);
    write_turn(&w, 10);
    write_turn(&w, 5 << 20); /* begins in the first segment and ends in the third */
    write_turn(&w, 10);
    CHECK_EQ(print(&w, 0, &seen, &error), DBX_OK);
    CHECK_EQ(seen.count, 3);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    w.store = NULL;
    (void)snprintf(path, sizeof path, "%s/journal/00000001.log", w.dir);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(print(&w, 0, &seen, &error), DBX_OK);
    CHECK_EQ(seen.first, 2);
    CHECK_EQ(seen.count, 1);
    clean_up(&w);
}
