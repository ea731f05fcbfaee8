/* test_journal_read.c: what a start makes of a log that was cut off, damaged, or written over. */
#include "check.h"
#include "no_sync.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/checkpoint_file.h"
#include "store/checkpoint_write.h"
#include "store/frame.h"
#include "store/journal_read.h"
#include "store/limits.h"
#include "store/store.h"
#include "store/txn.h"

enum { COMMANDS = 8 };

typedef struct world {
    char dir[SCRATCH_BYTES], log[128];
    dbx_store *store;
    unsigned replayed;
    uint64_t position; /* after the last start's end */
} world;

static int count_effect(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                        dbx_error *error) {
    world *w = arg;
    dbx_slice none = {NULL, 0};
    (void)db, (void)argc, (void)error;
    w->replayed++;
    return dbx_txn_put(txn, argv[0], none, none);
}

static int open_with(world *w, dbx_durability durability, size_t journal_bytes, dbx_error *error) {
    dbx_store_options options = {
        .path = w->dir, .durability = durability, .journal_bytes = journal_bytes, .databases = 1};
    w->replayed = 0;
    int rc = dbx_store_open(&options, &w->store, error);
    if (rc != DBX_OK) return rc;
    rc = dbx_store_replay(w->store, &(dbx_replay_calls){.run = count_effect, .arg = w}, error);
    if (rc != DBX_OK) (void)dbx_store_close(w->store, NULL);
    return rc;
}

static int open_store(world *w, dbx_error *error) {
    return open_with(w, DBX_DURABILITY_ALWAYS, 0, error);
}

static void write_unsynced(world *w, unsigned from, unsigned count, size_t pad) {
    dbx_error error;
    static uint8_t bytes[3 << 20];
    memset(bytes, 'p', sizeof bytes);
    for (unsigned i = from; i < from + count; i++) {
        char key[16];
        int n = snprintf(key, sizeof key, "V%05u", i);
        dbx_txn *txn = dbx_store_turn_begin(w->store, 1000 + i);
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        dbx_slice argv[] = {dbx_slice_of(key, (size_t)n), dbx_slice_of(bytes, pad)};
        CHECK_EQ(dbx_txn_put(txn, argv[0], (dbx_slice){NULL, 0}, (dbx_slice){NULL, 0}), DBX_OK);
        CHECK_EQ(dbx_txn_effect(txn, 0, 2, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
        CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    }
    w->position = dbx_store_position(w->store);
}

static void write_turns(world *w, unsigned from, unsigned count, size_t pad) {
    for (unsigned i = from; i < from + count; i++) {
        write_unsynced(w, i, 1, pad);
        CHECK_EQ(dbx_store_wait_durable(w->store, w->position), DBX_OK);
    }
}

/* A directory whose log holds COMMANDS frames, each synced before the next. */
static void prepare(world *w) {
    dbx_error error;
    memset(w, 0, sizeof *w);
    scratch_make(w->dir);
    (void)snprintf(w->log, sizeof w->log, "%s/journal/00000001.log", w->dir);
    CHECK_EQ(open_store(w, &error), DBX_OK);
    write_turns(w, 0, COMMANDS, 10);
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
}

static void clean_up(const world *w) {
    scratch_remove(w->dir);
}

static void overwrite(const world *w, uint64_t position, const char *bytes, size_t len) {
    int fd = open(w->log, O_RDWR);
    /* The first start's log begins at position 1, behind the segment's header. */
    off_t at = (off_t)(DBX_SEGMENT_HEADER_BYTES + position - 1);
    CHECK(fd >= 0 && pwrite(fd, bytes, len, at) == (ssize_t)len);
    (void)close(fd);
}

static void expect_start(world *w, unsigned replayed) {
    dbx_error error = {0};
    int rc = open_store(w, &error);
    CHECK_EQ(rc, DBX_OK);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return;
    }
    CHECK_EQ(w->replayed, replayed);
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
}

/* Overwrites the frame that ends the log, wherever it lies; the frames before it promised less. */
static bool lose_last_frame(const world *w) {
    static uint8_t data[9 << 20];
    char path[160];
    for (unsigned number = 1; number < 10; number++) {
        (void)snprintf(path, sizeof path, "%s/journal/%08u.log", w->dir, number);
        int fd = open(path, O_RDWR);
        if (fd < 0) continue;
        ssize_t n = read(fd, data, sizeof data);
        dbx_segment_header header;
        bool found = n > DBX_SEGMENT_HEADER_BYTES && dbx_segment_header_read(data, &header);
        size_t at = DBX_SEGMENT_HEADER_BYTES, last = 0;
        dbx_frame frame;
        while (found && at + DBX_FRAME_HEADER_BYTES < (size_t)n &&
               dbx_frame_read(data + at, &frame) && frame.run == header.run &&
               dbx_frame_intact(data + at, &frame)) {
            last = at;
            at += DBX_FRAME_HEADER_BYTES + frame.len;
        }
        bool ends_here = last > 0 && header.start + at - DBX_SEGMENT_HEADER_BYTES == w->position;
        if (ends_here) CHECK(pwrite(fd, "lost", 4, (off_t)last + 100) == 4);
        (void)close(fd);
        if (ends_here) return true;
    }
    return false;
}

/* Makes a segment's header what it was before the segment was begun. */
static void lose_header(const world *w, uint32_t sequence) {
    uint8_t bytes[DBX_SEGMENT_HEADER_BYTES];
    static const uint8_t none[DBX_SEGMENT_HEADER_BYTES];
    char path[160];
    bool found = false;
    for (unsigned number = 1; number < 10 && !found; number++) {
        (void)snprintf(path, sizeof path, "%s/journal/%08u.log", w->dir, number);
        int fd = open(path, O_RDWR);
        if (fd < 0) continue;
        dbx_segment_header header;
        found = read(fd, bytes, sizeof bytes) == sizeof bytes &&
                dbx_segment_header_read(bytes, &header) && header.sequence == sequence;
        if (found) CHECK(pwrite(fd, none, sizeof none, 0) == sizeof none);
        (void)close(fd);
    }
    CHECK(found);
}

static void empty_segment(const world *w, uint32_t sequence) {
    uint8_t bytes[DBX_SEGMENT_HEADER_BYTES];
    char path[160];
    for (unsigned number = 1; number < 10; number++) {
        dbx_segment_header header;
        (void)snprintf(path, sizeof path, "%s/journal/%08u.log", w->dir, number);
        int fd = open(path, O_RDWR);
        if (fd < 0) continue;
        bool found = read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes &&
                     dbx_segment_header_read(bytes, &header) && header.sequence == sequence;
        if (found) CHECK_EQ(ftruncate(fd, 0), 0);
        (void)close(fd);
        if (found) return;
    }
    CHECK(false);
}

TEST(every_frame_is_replayed_at_every_start) {
    world w;
    prepare(&w);
    expect_start(&w, COMMANDS);
    expect_start(&w, COMMANDS);
    clean_up(&w);
}

TEST(a_last_frame_that_is_cut_off_is_the_end) {
    for (unsigned cut = 1; cut < 80; cut += 26) {
        world w;
        prepare(&w);
        char zeros[80] = {0};
        overwrite(&w, w.position - cut, zeros, cut);
        expect_start(&w, COMMANDS - 1);
        clean_up(&w);
    }
}

TEST(the_log_goes_on_after_a_cut_and_old_bytes_do_not_come_back) {
    world w;
    dbx_error error;
    prepare(&w);
    char zeros[20] = {0};
    overwrite(&w, w.position - 20, zeros, 20);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    CHECK_EQ(w.replayed, COMMANDS - 1);
    write_turns(&w, 1000, 5, 10);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    expect_start(&w, COMMANDS + 4);
    clean_up(&w);
}

/* Of segments that were not synced a power cut may leave the later and not the earlier. */
TEST(a_segment_that_is_lost_before_a_later_one_is_the_end) {
    enum { FRAME = 600 << 10, IN_SEGMENT = 3, LOG = 4 * DBX_SEGMENT_BYTES_MIN };
    world w;
    dbx_error error;
    memset(&w, 0, sizeof w);
    scratch_make(w.dir);
    CHECK_EQ(open_with(&w, DBX_DURABILITY_NONE, LOG, &error), DBX_OK);
    write_unsynced(&w, 0, 3 * IN_SEGMENT, FRAME);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    lose_header(&w, 2);
    expect_start(&w, IN_SEGMENT);
    expect_start(&w, IN_SEGMENT);
    clean_up(&w);
}

/* A start that found nothing of the log before it removes its segments, and a power cut may leave a
 * later one of them: nothing was lost of what that one says was synced. */
TEST(a_later_segment_of_a_start_whose_first_is_gone_is_no_damage) {
    enum { FRAME = 600 << 10, IN_SEGMENT = 3, LOG = 4 * DBX_SEGMENT_BYTES_MIN };
    world w;
    dbx_error error;
    prepare(&w);
    CHECK_EQ(open_with(&w, DBX_DURABILITY_NONE, LOG, &error), DBX_OK);
    write_unsynced(&w, COMMANDS, 2 * IN_SEGMENT, FRAME);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    lose_header(&w, 2);
    expect_start(&w, COMMANDS);
    expect_start(&w, COMMANDS);
    clean_up(&w);
}

/* A start that loads a checkpoint of all of the log leaves the segment of the one before, which is
 * empty: two gaps follow each other. */
TEST(what_is_left_of_several_empty_starts_is_no_damage) {
    world w;
    dbx_error error = {0};
    prepare(&w);
    uint64_t end = w.position, each = (end - 1) / COMMANDS;
    dbx_checkpoint_writer writer = {
        .dir = w.dir,
        .state = DBX_CHECKPOINT_ACTIVE,
        .head = {
            .span = {0, end}, .turn = end - each, .run = 1, .times = {1000, 1000}, .oldest_ms = 1}};
    CHECK_EQ(dbx_checkpoint_write(&writer, &error), DBX_OK);
    CHECK_EQ(dbx_checkpoint_seal(&writer, &error), DBX_OK);
    dbx_checkpoint_free(&writer);
    expect_start(&w, 0);
    expect_start(&w, 0);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/checkpoint", w.dir);
    scratch_remove(path);
    lose_header(&w, 2);
    expect_start(&w, COMMANDS);
    clean_up(&w);
}

TEST(a_damaged_frame_that_was_synced_is_refused_with_the_place) {
    world w;
    dbx_error error = {0};
    prepare(&w);
    overwrite(&w, w.position / 2, "?", 1);
    CHECK_EQ(open_store(&w, &error), DBX_ECORRUPT);
    CHECK(strstr(error.text, "journal is damaged at position") != NULL);
    CHECK(strstr(error.text, "00000001.log") != NULL);
    /* Refusing changes nothing: the same again. */
    CHECK_EQ(open_store(&w, &error), DBX_ECORRUPT);
    clean_up(&w);
}

TEST(a_group_larger_than_a_frame_is_whole_or_absent) {
    dbx_error error;
    world w;
    prepare(&w);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    write_turns(&w, 2000, 1, 3 << 20); /* three frames and a bit */
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    /* Its last frame is lost before it was synced: none of it counts, and none of it comes back. */
    CHECK(lose_last_frame(&w));
    expect_start(&w, COMMANDS);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    write_turns(&w, 3000, 2, 10);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    expect_start(&w, COMMANDS + 2);
    clean_up(&w);
}

/* The frames that are left of it stand where the log ended. */
TEST(what_was_written_after_a_group_that_was_cut_off_is_found_at_every_start) {
    dbx_error error;
    world w;
    prepare(&w);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    write_turns(&w, 1000, 1, 10);
    write_turns(&w, 2000, 1, 3 << 20);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    CHECK(lose_last_frame(&w));
    expect_start(&w, COMMANDS + 1);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    write_turns(&w, 3000, 2, 10);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    expect_start(&w, COMMANDS + 3);
    expect_start(&w, COMMANDS + 3);
    clean_up(&w);
}

/* A frame may have so many bytes and no more, or the start takes it for the end of the log. */
TEST(turns_about_as_long_as_a_frame_may_be_are_replayed) {
    enum { AROUND = 120, STEP = 8 };
    world w;
    dbx_error error;
    prepare(&w);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    for (size_t less = 0; less < AROUND; less += STEP)
        write_turns(&w, COMMANDS + (unsigned)less, 1, DBX_FRAME_BYTES_MAX - less);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    expect_start(&w, COMMANDS + AROUND / STEP);
    clean_up(&w);
}

/* Puts an intact frame behind the last one. */
static void forge_frame(const world *w, uint64_t run, uint64_t position) {
    static const char effect[] = "*1\r\n$6\r\nVstale\r\n";
    uint8_t bytes[DBX_FRAME_HEADER_BYTES + sizeof effect - 1];
    dbx_frame frame = {
        .len = sizeof effect - 1, .effects = 1, .run = run, .position = position, .time_ms = 2000};
    memcpy(bytes + DBX_FRAME_HEADER_BYTES, effect, sizeof effect - 1);
    dbx_frame_seal(bytes, &frame);
    overwrite(w, w->position, (const char *)bytes, sizeof bytes);
}

/* Files are used again: what they held before may stand where a frame would. */
TEST(an_intact_frame_of_another_run_or_place_does_not_belong_to_the_log) {
    static const struct {
        uint64_t run, moved;
        unsigned replayed;
    } cases[] = {{1, 0, COMMANDS + 1}, {2, 0, COMMANDS}, {1, 100, COMMANDS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        prepare(&w);
        forge_frame(&w, cases[i].run, w.position - cases[i].moved);
        expect_start(&w, cases[i].replayed);
        clean_up(&w);
    }
}

TEST(a_group_larger_than_a_frame_is_replayed) {
    dbx_error error;
    world w;
    prepare(&w);
    CHECK_EQ(open_store(&w, &error), DBX_OK);
    write_turns(&w, 2000, 1, 3 << 20);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    expect_start(&w, COMMANDS + 1);
    clean_up(&w);
}

static unsigned wrong_db;

static int check_db(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                    dbx_error *error) {
    wrong_db += db != (uint32_t)(argv[0].ptr[1] - '0');
    return count_effect(arg, txn, db, argc, argv, error);
}

TEST(every_frame_of_a_large_turn_is_replayed_into_its_database) {
    enum { TURN_COMMANDS = 12, VALUE = 600 * 1024 };
    world w;
    dbx_error error;
    static uint8_t bytes[VALUE];
    memset(bytes, 'v', sizeof bytes);
    memset(&w, 0, sizeof w);
    scratch_make(w.dir);
    dbx_store_options options = {.path = w.dir, .durability = DBX_DURABILITY_NONE, .databases = 8};
    CHECK_EQ(dbx_store_open(&options, &w.store, &error), DBX_OK);
    CHECK_EQ(dbx_store_replay(w.store, &(dbx_replay_calls){.run = check_db, .arg = &w}, &error),
             DBX_OK);
    dbx_txn *txn = dbx_store_turn_begin(w.store, 1000);
    for (unsigned i = 0; i < TURN_COMMANDS; i++) {
        char key[16];
        uint32_t db = i < 8 ? 5 : i % 3; /* mostly the same database, across frames */
        int n = snprintf(key, sizeof key, "V%u%02u", db, i);
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        dbx_slice argv[] = {dbx_slice_of(key, (size_t)n), dbx_slice_of(bytes, sizeof bytes)};
        CHECK_EQ(dbx_txn_effect(txn, db, 2, argv), DBX_OK);
        dbx_txn_command_end(txn, savepoint);
    }
    CHECK_EQ(dbx_store_turn_end(w.store, &error), DBX_OK);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    w.replayed = wrong_db = 0;
    CHECK_EQ(dbx_store_open(&options, &w.store, &error), DBX_OK);
    CHECK_EQ(dbx_store_replay(w.store, &(dbx_replay_calls){.run = check_db, .arg = &w}, &error),
             DBX_OK);
    CHECK_EQ(w.replayed, TURN_COMMANDS);
    CHECK_EQ(wrong_db, 0);
    CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    clean_up(&w);
}

TEST(a_log_that_begins_after_what_was_applied_is_refused) {
    world w;
    dbx_error error = {0};
    prepare(&w);
    expect_start(&w, COMMANDS); /* a second segment, which says where the first one ended */
    CHECK_EQ(unlink(w.log), 0);
    CHECK_EQ(open_store(&w, &error), DBX_ECORRUPT);
    clean_up(&w);
}

/* Its owner drops segments while another process reads, from the middle of the log on. */
TEST(a_segment_that_has_become_empty_is_the_end) {
    dbx_journal_reader *reader;
    dbx_error error;
    dbx_frame frame;
    dbx_slice effects;
    world w;
    prepare(&w);
    uint64_t from = w.position;
    for (unsigned start = 0; start < 2; start++) {
        CHECK_EQ(open_store(&w, &error), DBX_OK);
        write_turns(&w, COMMANDS + start, 1, 1000);
        if (start == 0) from = w.position;
        if (start == 0) write_turns(&w, COMMANDS + 2, 1, 10);
        CHECK_EQ(dbx_store_close(w.store, &error), DBX_OK);
    }
    CHECK_EQ(dbx_journal_reader_open(w.dir, from, &reader, &error), DBX_OK);
    CHECK_EQ(dbx_journal_reader_next(reader, &frame, &effects, &error), 1);
    empty_segment(&w, 3);
    CHECK_EQ(dbx_journal_reader_next(reader, &frame, &effects, &error), 0);
    dbx_journal_reader_close(reader);
    clean_up(&w);
}
