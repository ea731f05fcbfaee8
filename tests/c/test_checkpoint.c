/* test_checkpoint.c: what a start finds saved, and that it makes no difference. */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/rand.h"
#include "store/checkpoint_file.h"
#include "store/checkpoint_read.h"
#include "store/checkpoint_write.h"
#include "store/frame.h"
#include "store/limits.h"
#include "store/store.h"
#include "store/txn.h"

enum { NOW_MS = 1000, KEYS = 200 };

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
} world;

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    dbx_slice none = {NULL, 0};
    (void)arg, (void)db, (void)error;
    return argc == 3 ? dbx_txn_put(txn, argv[1], none, argv[2]) : dbx_txn_del(txn, argv[1]);
}

static void start(world *w) {
    dbx_error error;
    dbx_store_options options = {.path = w->dir, .durability = DBX_DURABILITY_NONE, .databases = 1};
    int rc = dbx_store_open(&options, &w->store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
}

static void stop(world *w) {
    CHECK_EQ(dbx_store_close(w->store, NULL), DBX_OK);
}

static void begin(world *w) {
    scratch_make(w->dir);
    start(w);
}

static void end(world *w) {
    stop(w);
    scratch_remove(w->dir);
}

static dbx_store_info info_of(world *w) {
    dbx_store_info info;
    dbx_store_get_info(w->store, &info);
    return info;
}

static dbx_slice key_of(unsigned i, char out[16]) {
    (void)snprintf(out, 16, "Vk%05u", i);
    return dbx_slice_str(out);
}

/* One turn that puts (value) or deletes (NULL) keys from..to. */
static void write_keys(world *w, unsigned from, unsigned to, const char *value) {
    char name[16];
    dbx_error error;
    dbx_txn *txn = dbx_store_turn_begin(w->store, NOW_MS);
    for (unsigned i = from; i < to; i++) {
        dbx_slice argv[] = {dbx_slice_str(value != NULL ? "PUT" : "DEL"), key_of(i, name),
                            dbx_slice_str(value != NULL ? value : "")};
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        CHECK_EQ(replay(NULL, txn, 0, value != NULL ? 3 : 2, argv, &error), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, value != NULL ? 3 : 2, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
    }
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

/* One turn whose puts are all or nothing. */
static void write_group(world *w, unsigned from, unsigned to, const char *value) {
    char name[16];
    dbx_error error;
    dbx_txn *txn = dbx_store_turn_begin(w->store, NOW_MS);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    for (unsigned i = from; i < to; i++) {
        dbx_slice argv[] = {dbx_slice_str("PUT"), key_of(i, name), dbx_slice_str(value)};
        CHECK_EQ(replay(NULL, txn, 0, 3, argv, &error), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, 3, argv), DBX_OK);
    }
    dbx_txn_command_end(txn, savepoint);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

static void turn(world *w, int64_t spent_us) {
    dbx_error error;
    (void)dbx_store_turn_begin(w->store, NOW_MS);
    dbx_store_spent(w->store, spent_us);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

/* Turns until the buffer is saved. */
static void save(world *w) {
    uint64_t before = info_of(w).checkpoints;
    turn(w, DBX_CHECKPOINT_US_DEFAULT);
    for (int tries = 0; info_of(w).checkpoints == before && tries < 5000; tries++) {
        usleep(1000);
        turn(w, 0);
    }
    CHECK_EQ(info_of(w).checkpoints, before + 1);
}

static void check_keys(world *w, unsigned from, unsigned to, const char *value) {
    char name[16];
    dbx_slice found;
    dbx_error error;
    dbx_txn *txn = dbx_store_turn_begin(w->store, NOW_MS);
    for (unsigned i = from; i < to; i++) {
        int rc = dbx_txn_get(txn, key_of(i, name), &found);
        CHECK_EQ(rc, value != NULL ? DBX_OK : DBX_ENOTFOUND);
        if (rc == DBX_OK && value != NULL) CHECK_TEXT(found, value);
    }
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
}

static size_t file_count(const world *w, dbx_checkpoint_span *first) {
    dbx_checkpoint_span *spans;
    size_t count;
    CHECK_EQ(dbx_checkpoint_list(w->dir, &spans, &count, NULL), DBX_OK);
    if (count > 0) *first = spans[0];
    dbx_alloc_free(spans);
    return count;
}

TEST(a_start_loads_what_was_saved_and_executes_the_rest) {
    world w;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    save(&w);
    write_keys(&w, 0, 10, "two");
    stop(&w);
    start(&w);
    CHECK(info_of(&w).replay_last_entries >= KEYS);
    CHECK_EQ(info_of(&w).replay_last_effects, 10);
    check_keys(&w, 0, 10, "two");
    check_keys(&w, 10, KEYS, "one");
    end(&w);
}

/* The second holds what changed since the first, deletions of keys that the first has included. */
TEST(a_checkpoint_goes_on_from_the_one_before) {
    world w;
    dbx_checkpoint_span ignored;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    save(&w);
    uint64_t first = info_of(&w).written_checkpoint_bytes;
    write_keys(&w, 0, 10, NULL);
    write_keys(&w, 10, 20, "two");
    save(&w);
    CHECK(info_of(&w).written_checkpoint_bytes < 2 * first);
    CHECK_EQ(file_count(&w, &ignored), 2);
    stop(&w);
    start(&w);
    CHECK_EQ(info_of(&w).replay_last_effects, 0);
    check_keys(&w, 0, 10, NULL);
    check_keys(&w, 10, 20, "two");
    check_keys(&w, 20, KEYS, "one");
    /* And so on, over starts. */
    write_keys(&w, 20, 30, "three");
    save(&w);
    CHECK_EQ(file_count(&w, &ignored), 3);
    stop(&w);
    start(&w);
    check_keys(&w, 0, 10, NULL);
    check_keys(&w, 20, 30, "three");
    check_keys(&w, 30, KEYS, "one");
    end(&w);
}

/* What is written while a checkpoint is being made is not in it, and in the next one: also keys
 * that are in both. */
TEST(what_changes_while_a_checkpoint_is_made_is_in_the_next) {
    enum { MANY = 6000 }; /* several steps of a walk */
    world w;
    begin(&w);
    write_keys(&w, 0, MANY, "one");
    turn(&w, DBX_CHECKPOINT_US_DEFAULT);
    for (unsigned i = 0; i < 5 && info_of(&w).checkpoints == 0; i++)
        write_keys(&w, i * 1000, i * 1000 + 500, "two");
    write_keys(&w, MANY, MANY + 10, "three");
    for (int tries = 0; info_of(&w).checkpoints == 0 && tries < 5000; tries++) {
        usleep(1000);
        turn(&w, 0);
    }
    CHECK_EQ(info_of(&w).checkpoints, 1);
    save(&w);
    stop(&w);
    start(&w);
    CHECK_EQ(info_of(&w).replay_last_effects, 0);
    check_keys(&w, 0, 500, "two");
    check_keys(&w, 500, 1000, "one");
    check_keys(&w, 5000, MANY, "one");
    check_keys(&w, MANY, MANY + 10, "three");
    end(&w);
}

static bool hide_folder(const world *w, bool hide) {
    char folder[64], hidden[64];
    (void)snprintf(folder, sizeof folder, "%s/checkpoint", w->dir);
    (void)snprintf(hidden, sizeof hidden, "%s/hidden", w->dir);
    return hide ? rename(folder, hidden) == 0 : rename(hidden, folder) == 0;
}

/* It took note of what it had looked at, and would leave that out. */
TEST(after_a_checkpoint_that_failed_the_buffer_gets_no_other) {
    world w;
    dbx_checkpoint_span ignored;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    CHECK(hide_folder(&w, true));
    turn(&w, DBX_CHECKPOINT_US_DEFAULT);
    for (int tries = 0; tries < 100; tries++) {
        usleep(1000);
        turn(&w, 0);
    }
    CHECK(hide_folder(&w, false));
    write_keys(&w, KEYS, KEYS + 10, "two");
    for (int tries = 0; tries < 20; tries++) {
        turn(&w, DBX_CHECKPOINT_US_DEFAULT / 10);
        usleep(1000);
    }
    CHECK_EQ(info_of(&w).checkpoints, 0);
    stop(&w);
    start(&w);
    check_keys(&w, 0, KEYS, "one");
    check_keys(&w, KEYS, KEYS + 10, "two");
    write_keys(&w, 0, 10, "three");
    save(&w); /* the next buffer does */
    CHECK_EQ(file_count(&w, &ignored), 1);
    end(&w);
}

/* A key that was put and deleted again leaves nothing behind, unless a checkpoint has it. */
TEST(a_key_is_remembered_as_deleted_only_if_a_checkpoint_has_it) {
    world w;
    begin(&w);
    write_keys(&w, 0, 10, "one");
    uint64_t entries = info_of(&w).buffer_entries;
    write_keys(&w, 10, KEYS, "one");
    write_keys(&w, 10, KEYS, NULL);
    CHECK_EQ(info_of(&w).buffer_entries, entries);
    save(&w);
    entries = info_of(&w).buffer_entries;
    write_keys(&w, 0, 10, "two");
    write_keys(&w, 0, 10, NULL);
    CHECK_EQ(info_of(&w).buffer_entries, entries);
    end(&w);
}

static void damage(const world *w, dbx_checkpoint_span span, long at) {
    char path[DBX_PATH_MAX];
    CHECK_EQ(dbx_checkpoint_path(path, w->dir, span, DBX_CHECKPOINT_SEALED, NULL), DBX_OK);
    int fd = open(path, O_RDWR);
    uint8_t byte;
    CHECK_EQ(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* A database that has been stopped, with all its keys in one checkpoint. */
static void stop_with_checkpoint(world *w, dbx_checkpoint_span *span) {
    begin(w);
    write_keys(w, 0, KEYS, "one");
    save(w);
    stop(w);
    CHECK_EQ(file_count(w, span), 1);
}

TEST(the_log_is_executed_where_a_checkpoint_is_damaged) {
    static const long places[] = {9, 30, DBX_CHECKPOINT_HEAD_BYTES + 2,
                                  DBX_CHECKPOINT_HEAD_BYTES + 200};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        world w;
        dbx_checkpoint_span span;
        stop_with_checkpoint(&w, &span);
        damage(&w, span, places[i]);
        start(&w);
        CHECK_EQ(info_of(&w).replay_last_entries, 0);
        CHECK_EQ(info_of(&w).replay_last_effects, KEYS);
        CHECK_EQ(file_count(&w, &span), 0);
        check_keys(&w, 0, KEYS, "one");
        end(&w);
    }
}

/* Gives a file another version, as many higher. */
static void change_version(const world *w, dbx_checkpoint_span span, int by) {
    uint8_t head[DBX_CHECKPOINT_HEAD_BYTES];
    char path[DBX_PATH_MAX];
    CHECK_EQ(dbx_checkpoint_path(path, w->dir, span, DBX_CHECKPOINT_SEALED, NULL), DBX_OK);
    int fd = open(path, O_RDWR);
    CHECK_EQ(pread(fd, head, sizeof head, 0), (ssize_t)sizeof head);
    dbx_store32(head + 8, dbx_load32(head + 8) + (uint32_t)by);
    dbx_store32(head + sizeof head - 4, dbx_crc32c(0, head, sizeof head - 4));
    CHECK_EQ(pwrite(fd, head, sizeof head, 0), (ssize_t)sizeof head);
    (void)close(fd);
}

/* An older DBX may have written it, or a newer one: the log has what is in it. */
TEST(a_checkpoint_of_another_version_is_not_loaded) {
    for (int by = -1; by <= 1; by++) {
        world w;
        dbx_checkpoint_span span;
        stop_with_checkpoint(&w, &span);
        change_version(&w, span, by);
        start(&w);
        CHECK_EQ(info_of(&w).replay_last_entries > 0, by == 0);
        CHECK_EQ(info_of(&w).replay_last_effects, by == 0 ? 0 : KEYS);
        check_keys(&w, 0, KEYS, "one");
        end(&w);
    }
}

TEST(checkpoints_go_when_what_is_in_them_is_applied) {
    world w;
    dbx_checkpoint_span ignored;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    save(&w);
    CHECK_EQ(file_count(&w, &ignored), 1);
    CHECK(dbx_store_freeze(w.store, false));
    for (int tries = 0; (info_of(&w).applies == 0 || file_count(&w, &ignored) > 0) && tries < 5000;
         tries++) {
        usleep(1000);
        turn(&w, 0);
    }
    CHECK_EQ(file_count(&w, &ignored), 0);
    stop(&w);
    start(&w);
    CHECK_EQ(info_of(&w).replay_last_entries + info_of(&w).replay_last_effects, 0);
    check_keys(&w, 0, KEYS, "one");
    end(&w);
}

/* It is a small part of the log that a start need not execute for it. */
TEST(few_keys_that_are_written_over_and_over_are_saved_sooner) {
    world w;
    begin(&w);
    for (int i = 0; i < 3; i++) {
        write_keys(&w, 0, KEYS, "one");
        turn(&w, DBX_CHECKPOINT_US_DEFAULT / 8);
    }
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        turn(&w, 0);
    }
    CHECK_EQ(info_of(&w).checkpoints, 0);
    for (int i = 0; i < 300; i++)
        write_keys(&w, 0, KEYS, "two");
    for (int tries = 0; info_of(&w).checkpoints == 0 && tries < 5000; tries++) {
        usleep(1000);
        turn(&w, 0);
    }
    CHECK_EQ(info_of(&w).checkpoints, 1);
    end(&w);
}

/* What is not logged is not saved: no start would load it. */
TEST(no_checkpoint_is_made_when_nothing_was_logged) {
    world w;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    save(&w);
    for (int tries = 0; tries < 20; tries++) {
        turn(&w, DBX_CHECKPOINT_US_DEFAULT);
        usleep(1000);
    }
    CHECK_EQ(info_of(&w).checkpoints, 1);
    end(&w);
}

/* What a start replays counts as time spent, so a checkpoint may be due at once. It ends where the
 * log did, and its last turn is one that was replayed. */
TEST(what_was_saved_before_the_first_turn_of_a_start_is_loaded) {
    world w;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    for (int starts = 0; starts < 2; starts++) {
        stop(&w);
        start(&w);
        CHECK_EQ(info_of(&w).replay_last_effects, starts == 0 ? KEYS : 10);
        save(&w);
        stop(&w);
        start(&w);
        CHECK(info_of(&w).replay_last_entries >= KEYS);
        CHECK_EQ(info_of(&w).replay_last_effects, 0);
        write_keys(&w, 0, 10, "two");
    }
    end(&w);
}

/* The last turn that is in it begins with the first of its frames. */
TEST(what_was_saved_after_a_turn_of_several_frames_was_replayed_is_loaded) {
    static char value[64 << 10];
    world w;
    begin(&w);
    memset(value, 'v', sizeof value - 1);
    write_keys(&w, 0, 10, "one");
    write_group(&w, 0, 2 * DBX_FRAME_BYTES_MAX / sizeof value, value);
    stop(&w);
    start(&w);
    save(&w);
    stop(&w);
    start(&w);
    CHECK(info_of(&w).replay_last_entries > 10);
    CHECK_EQ(info_of(&w).replay_last_effects, 0);
    end(&w);
}

/* What was executed changed nothing, and all there is was applied before. */
TEST(no_checkpoint_is_made_when_nothing_was_logged_since_the_start) {
    world w;
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    CHECK(dbx_store_freeze(w.store, false));
    for (int tries = 0; info_of(&w).applies == 0 && tries < 5000; tries++) {
        usleep(1000);
        turn(&w, 0);
    }
    for (int starts = 0; starts < 2; starts++) {
        stop(&w);
        start(&w);
        for (int tries = 0; tries < 20; tries++) {
            turn(&w, DBX_CHECKPOINT_US_DEFAULT);
            usleep(1000);
        }
        CHECK_EQ(info_of(&w).checkpoints, 0);
    }
    end(&w);
}

/* A journal that was moved away, or the directory's backup laid over it, begins another history. */
TEST(checkpoints_of_another_journal_are_not_loaded) {
    world w;
    dbx_checkpoint_span ignored;
    char journal[DBX_PATH_MAX];
    begin(&w);
    write_keys(&w, 0, KEYS, "one");
    save(&w);
    stop(&w);
    CHECK_EQ(dbx_file_path(journal, w.dir, "journal", NULL), DBX_OK);
    scratch_remove(journal);
    start(&w);
    CHECK_EQ(info_of(&w).replay_last_entries, 0);
    CHECK_EQ(file_count(&w, &ignored), 0);
    check_keys(&w, 0, KEYS, NULL);
    end(&w);
}

/* --- Merging ---------------------------------------------------------------------------------- */

enum { PLACES = 24, FILES = 4 };

typedef enum fate { BELOW, ALIVE, DEAD } fate;
typedef struct place {
    fate fate;
    unsigned file; /* whose value it has */
    bool there;    /* in this file or an older one: a gap may end here */
} place;

static void put_place(dbx_checkpoint_writer *w, const dbx_buffer *none, unsigned at, fate what,
                      const dbx_entry *end) {
    char name[16], value[16];
    (void)snprintf(value, sizeof value, "%u", (unsigned)w->head.span.to);
    dbx_state state = {.value = dbx_slice_str(what == ALIVE ? value : ""),
                       .flags = (uint8_t)((what == DEAD ? DBX_ENTRY_DEAD : 0) |
                                          (end != NULL ? DBX_ENTRY_GAP : 0))};
    CHECK_EQ(dbx_checkpoint_put(w, none, key_of(at, name), &state, end), DBX_OK);
}

static dbx_entry *end_entry(unsigned at) {
    char name[16];
    dbx_slice key = key_of(at, name);
    dbx_entry *entry = calloc(1, sizeof *entry + key.len);
    if (entry == NULL) abort();
    entry->key_len = (uint16_t)key.len;
    memcpy(entry->key, key.ptr, key.len);
    return entry;
}

/* Writes one file of random entries and gaps, and does to the model what it says. */
static void make_file(world *w, dbx_rand *rand, unsigned number, place *model) {
    dbx_buffer *none = dbx_buffer_new(0, NULL);
    dbx_checkpoint_writer writer = {
        .dir = w->dir, .state = DBX_CHECKPOINT_ACTIVE, .head = {.span = {number, number + 1}}};
    bool chosen[PLACES];
    for (unsigned i = 0; i < PLACES; i++) {
        chosen[i] = dbx_rand_below(rand, 4) == 0;
        model[i].there = model[i].there || chosen[i];
    }
    for (unsigned i = 0; i < PLACES; i++) {
        if (!chosen[i]) continue;
        unsigned next = i + 1;
        while (next < PLACES && !chosen[next])
            next++;
        unsigned until = i + 1 + (unsigned)dbx_rand_below(rand, next - i);
        bool gap = until < PLACES && model[until].there && dbx_rand_below(rand, 2) == 0;
        dbx_entry *end = gap ? end_entry(until) : NULL;
        model[i].fate = dbx_rand_below(rand, 3) == 0 ? DEAD : ALIVE;
        model[i].file = number + 1;
        put_place(&writer, none, i, model[i].fate, end);
        for (unsigned k = i + 1; gap && k < until; k++)
            model[k].fate = DEAD;
        free(end);
    }
    CHECK_EQ(dbx_checkpoint_seal(&writer, NULL), DBX_OK);
    dbx_checkpoint_free(&writer);
    dbx_buffer_unref(none);
}

/* What a reader of the merged entries takes each place for. */
static void check_merged(const world *w, const place *model) {
    dbx_checkpoint_span spans[FILES];
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    char name[16];
    bool gap = false;
    int rc;
    for (unsigned i = 0; i < FILES; i++)
        spans[i] = (dbx_checkpoint_span){i, i + 1};
    CHECK_EQ(dbx_checkpoint_merge_open(w->dir, spans, FILES, &merge, &error), DBX_OK);
    rc = dbx_checkpoint_merge_next(merge, &entry, &error);
    for (unsigned i = 0; i < PLACES; i++) {
        fate found = gap ? DEAD : BELOW;
        if (rc == 1 && dbx_slice_eq(entry.key, key_of(i, name))) {
            found = (entry.flags & DBX_ENTRY_DEAD) != 0 ? DEAD : ALIVE;
            gap = (entry.flags & DBX_ENTRY_GAP) != 0;
            if (found == ALIVE) CHECK_EQ(entry.value.ptr[0], '0' + model[i].file);
            rc = dbx_checkpoint_merge_next(merge, &entry, &error);
        }
        CHECK_EQ(found, model[i].fate);
    }
    CHECK_EQ(rc, 0);
    CHECK(!gap);
    dbx_checkpoint_merge_close(merge);
}

TEST(several_read_as_one_say_what_the_last_of_them_says_of_each_key) {
    world w;
    dbx_rand rand;
    char path[DBX_PATH_MAX];
    scratch_make(w.dir);
    CHECK_EQ(dbx_file_path(path, w.dir, "checkpoint", NULL), DBX_OK);
    CHECK_EQ(dbx_file_mkdir(path, NULL), DBX_OK);
    dbx_rand_seed_with(&rand, check_seed());
    for (unsigned round = 0; round < 400 && check_failures == 0; round++) {
        place model[PLACES] = {0};
        for (unsigned i = 0; i < FILES; i++)
            make_file(&w, &rand, i, model);
        check_merged(&w, model);
    }
    scratch_remove(w.dir);
}
