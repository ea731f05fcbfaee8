/* test_checkpoint_read.c: the bytes of checkpoints: what was put is read, and what cannot be is
 * refused, even where its checksum is right. */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/rand.h"
#include "store/checkpoint_file.h"
#include "store/checkpoint_read.h"
#include "store/checkpoint_write.h"
#include "store/format.h"
#include "store/limits.h"

static const dbx_checkpoint_span SPAN = {1, 2};

static void begin(char dir[SCRATCH_BYTES]) {
    char path[DBX_PATH_MAX];
    scratch_make(dir);
    CHECK_EQ(dbx_file_path(path, dir, "checkpoint", NULL), DBX_OK);
    CHECK_EQ(dbx_file_mkdir(path, NULL), DBX_OK);
}

static int check_file(const char *dir) {
    dbx_checkpoint_head head;
    dbx_error error;
    return dbx_checkpoint_check(dir, SPAN, &head, &error);
}

/* Reads all of the file; returns the merge's last answer. *count: entries, whose keys rise. */
static int read_file(const char *dir, unsigned *count) {
    uint8_t bytes[DBX_ENCODED_KEY_MAX];
    dbx_slice last = {bytes, 0};
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    *count = 0;
    int rc = dbx_checkpoint_merge_open(dir, &SPAN, 1, &merge, &error);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_checkpoint_merge_next(merge, &entry, &error)) == 1) {
        CHECK(entry.key.len > 0 && entry.key.len <= DBX_ENCODED_KEY_MAX);
        CHECK(dbx_slice_cmp(last, entry.key) < 0);
        memcpy(bytes, entry.key.ptr, entry.key.len);
        last.len = entry.key.len;
        ++*count;
    }
    dbx_checkpoint_merge_close(merge);
    return rc;
}

/* --- Put and read ----------------------------------------------------------------------------- */

enum { ITEMS = 400, RUNS = 4 };

typedef struct item {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    uint16_t key_len, end_len;
    uint8_t flags;
    uint32_t value_len;
    uint8_t fill; /* of the value, and of the key where the gap ends */
} item;

/* Keys that share much, a little or nothing, with lengths around where a length takes a byte more,
 * and up to the longest. */
static void make_item(item *it, dbx_rand *rand) {
    static const unsigned lengths[] = {1, 3, 20, 127, 130, DBX_ENCODED_KEY_MAX};
    unsigned most = lengths[dbx_rand_below(rand, sizeof lengths / sizeof lengths[0])];
    it->key_len = (uint16_t)(1 + dbx_rand_below(rand, most));
    if (most == DBX_ENCODED_KEY_MAX && it->key_len % 2 == 0) it->key_len = DBX_ENCODED_KEY_MAX;
    size_t varied = dbx_rand_below(rand, it->key_len);
    for (size_t i = 0; i < it->key_len; i++)
        it->key[i] = (uint8_t)(i < varied ? 'a' : 'a' + dbx_rand_below(rand, 3));
    it->flags = (uint8_t)dbx_rand_below(rand, 8); /* dead, below, gap */
    bool gap = (it->flags & DBX_ENTRY_GAP) != 0;
    it->end_len = (uint16_t)(gap ? dbx_rand_below(rand, DBX_ENCODED_KEY_MAX + 1) : 0);
    it->value_len = (uint32_t)dbx_rand_below(rand, dbx_rand_below(rand, 20) == 0 ? 20000 : 200);
    if (dbx_rand_below(rand, 100) == 0) it->value_len = DBX_VALUE_BYTES_MAX;
    it->fill = (uint8_t)dbx_rand_u64(rand);
}

static void put_item(dbx_checkpoint_writer *w, const dbx_buffer *none, const item *it) {
    static uint8_t value[DBX_VALUE_BYTES_MAX];
    memset(value, it->fill, it->value_len);
    dbx_entry *end = calloc(1, sizeof *end + it->end_len);
    if (end == NULL) abort();
    end->key_len = it->end_len;
    memset(end->key, it->fill, it->end_len);
    dbx_state state = {.value = {value, it->value_len}, .flags = it->flags};
    CHECK_EQ(dbx_checkpoint_put(w, none, dbx_slice_of(it->key, it->key_len), &state,
                                it->end_len > 0 ? end : NULL),
             DBX_OK);
    free(end);
}

static int by_key(const void *a, const void *b) {
    const item *x = a, *y = b;
    return dbx_slice_cmp(dbx_slice_of(x->key, x->key_len), dbx_slice_of(y->key, y->key_len));
}

static void check_item(const dbx_checkpoint_entry *entry, const item *it) {
    CHECK_BYTES(entry->key, dbx_slice_of(it->key, it->key_len));
    CHECK_EQ(entry->flags & (DBX_ENTRY_DEAD | DBX_ENTRY_BELOW),
             it->flags & (DBX_ENTRY_DEAD | DBX_ENTRY_BELOW));
    CHECK_EQ(entry->value.len, it->value_len);
    for (size_t i = 0; i < entry->value.len && check_failures == 0; i++)
        CHECK_EQ(entry->value.ptr[i], it->fill);
    CHECK_EQ(entry->end.len, it->end_len);
    for (size_t i = 0; i < entry->end.len && check_failures == 0; i++)
        CHECK_EQ(entry->end.ptr[i], it->fill);
}

/* Puts the items, in the order they have, in several runs. */
static void write_items(const char *dir, const item *items, size_t count) {
    dbx_buffer *none = dbx_buffer_new(0, NULL);
    dbx_checkpoint_writer w = {.dir = dir, .state = DBX_CHECKPOINT_ACTIVE, .head = {.span = SPAN}};
    for (size_t i = 0; i < count; i++) {
        put_item(&w, none, &items[i]);
        if (i % (ITEMS / RUNS) == 0) CHECK_EQ(dbx_checkpoint_write(&w, NULL), DBX_OK);
    }
    CHECK_EQ(dbx_checkpoint_seal(&w, NULL), DBX_OK);
    dbx_checkpoint_free(&w);
    dbx_buffer_unref(none);
}

static void round_of_items(const char *dir, dbx_rand *rand, item *items) {
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    size_t count = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        bool fresh = true;
        make_item(&items[count], rand);
        for (size_t k = 0; fresh && k < count; k++)
            fresh = by_key(&items[k], &items[count]) != 0;
        count += fresh;
    }
    write_items(dir, items, count);
    CHECK_EQ(check_file(dir), DBX_OK);
    qsort(items, count, sizeof *items, by_key);
    CHECK_EQ(dbx_checkpoint_merge_open(dir, &SPAN, 1, &merge, &error), DBX_OK);
    for (size_t i = 0; i < count && check_failures == 0; i++) {
        CHECK_EQ(dbx_checkpoint_merge_next(merge, &entry, &error), 1);
        if (check_failures == 0) check_item(&entry, &items[i]);
    }
    CHECK_EQ(dbx_checkpoint_merge_next(merge, &entry, &error), 0);
    dbx_checkpoint_merge_close(merge);
}

TEST(what_was_put_in_any_order_is_read_in_order) {
    char dir[SCRATCH_BYTES];
    dbx_rand rand;
    item *items = calloc(ITEMS, sizeof *items);
    if (items == NULL) abort();
    begin(dir);
    dbx_rand_seed_with(&rand, check_seed());
    for (unsigned round = 0; round < 20 && check_failures == 0; round++)
        round_of_items(dir, &rand, items);
    free(items);
    scratch_remove(dir);
}

/* Keys as redis-benchmark makes them, with records of its values: what an SD card is worn by. */
TEST(an_entry_of_a_short_value_takes_forty_bytes_at_most) {
    enum { ENTRIES = 20000 };
    char dir[SCRATCH_BYTES], name[32], path[DBX_PATH_MAX];
    struct stat st;
    dbx_buffer *none = dbx_buffer_new(0, NULL);
    dbx_checkpoint_writer w = {.dir = dir, .state = DBX_CHECKPOINT_ACTIVE, .head = {.span = SPAN}};
    dbx_state state = {.value = dbx_slice_str("..created.updated.v:000001234567")};
    state.value.len = 27;
    begin(dir);
    for (unsigned i = 0; i < ENTRIES; i++) {
        (void)snprintf(name, sizeof name, "K0key:%012u", i * 7919 % 10000000);
        CHECK_EQ(dbx_checkpoint_put(&w, none, dbx_slice_str(name), &state, NULL), DBX_OK);
        if (dbx_checkpoint_full(&w)) CHECK_EQ(dbx_checkpoint_write(&w, NULL), DBX_OK);
    }
    CHECK_EQ(dbx_checkpoint_seal(&w, NULL), DBX_OK);
    CHECK_EQ(dbx_checkpoint_path(path, dir, SPAN, DBX_CHECKPOINT_SEALED, NULL), DBX_OK);
    CHECK_EQ(stat(path, &st), 0);
    CHECK(st.st_size > ENTRIES * (long)state.value.len);
    CHECK(st.st_size <= ENTRIES * 40);
    CHECK_EQ(check_file(dir), DBX_OK);
    dbx_checkpoint_free(&w);
    dbx_buffer_unref(none);
    scratch_remove(dir);
}

/* --- Bytes ------------------------------------------------------------------------------------ */

/* A file of one run with these chunks. */
static void write_chunks(const char *dir, const dbx_slice *chunks, size_t count, uint64_t entries) {
    char path[DBX_PATH_MAX];
    uint8_t bytes[DBX_CHECKPOINT_HEAD_BYTES];
    dbx_checkpoint_head head = {.span = SPAN, .entries = entries, .chunks = count};
    dbx_buf file = {0};
    dbx_checkpoint_store_head(bytes, &head);
    dbx_buf_add(&file, bytes, sizeof bytes);
    for (size_t i = 0; i < count; i++) {
        uint32_t len = (uint32_t)chunks[i].len;
        dbx_store32(bytes + 4, i == 0 ? len | DBX_CHUNK_BEGINS_RUN : len);
        uint32_t crc = dbx_crc32c(0, bytes + 4, 4);
        dbx_store32(bytes, dbx_crc32c(crc, chunks[i].ptr, len));
        dbx_buf_add(&file, bytes, DBX_CHUNK_HEAD_BYTES);
        dbx_buf_add(&file, chunks[i].ptr, len);
    }
    CHECK_EQ(dbx_checkpoint_path(path, dir, SPAN, DBX_CHECKPOINT_SEALED, NULL), DBX_OK);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(write(fd, file.ptr, file.len), (ssize_t)file.len);
    (void)close(fd);
    dbx_buf_free(&file);
}

/* `first` may be left out. Whether the file is read as `entries` entries, or refused. */
static void check_chunks(const char *dir, dbx_slice first, dbx_slice second, unsigned entries,
                         bool whole) {
    const dbx_slice chunks[] = {first, second};
    bool two = first.len > 0;
    unsigned count, before = check_failures;
    write_chunks(dir, two ? chunks : chunks + 1, two ? 2 : 1, entries);
    CHECK_EQ(check_file(dir), whole ? DBX_OK : DBX_ECORRUPT);
    CHECK_EQ(read_file(dir, &count), whole ? 0 : DBX_ECORRUPT);
    if (whole) CHECK_EQ(count, entries);
    if (check_failures != before) check_print(second);
}

#define BYTES(text) dbx_slice_of(text, sizeof(text) - 1)

TEST(entries_that_cannot_be_are_refused) {
    const struct {
        dbx_slice chunk;
        unsigned entries;
        bool whole;
    } cases[] = {
        /* flags, shared, rest's length, value's, end's; rest, end, value */
        {BYTES("\0\0\1\1av"), 1, true},
        {BYTES("\0\0\1\1av\0\1\1\1bv"), 2, true},
        {BYTES("\0\0\2\1abv\0\1\1\1cv"), 2, true},
        {BYTES("\4\0\1\0\2abb"), 1, true},
        {BYTES("\10\0\1\1a1234567812345678"), 1, true},
        {BYTES("\0\1\1\1av"), 1, false},                /* the first shares */
        {BYTES("\0\0\1\1av\0\2\1\1bv"), 2, false},      /* more than there is */
        {BYTES("\0\0\0\1v"), 1, false},                 /* no key */
        {BYTES("\0\0\1\1av\0\0\1\1av"), 2, false},      /* the same key again */
        {BYTES("\0\0\1\1av\0\1\0\1v"), 2, false},       /* and again */
        {BYTES("\0\0\1\1bv\0\0\1\1av"), 2, false},      /* keys fall */
        {BYTES("\0\0\2\1abv\0\1\1\1av"), 2, false},     /* in what they do not share */
        {BYTES("\0\0\2\1abv\0\0\1\1av"), 2, false},     /* to a prefix */
        {BYTES("\0\0\5\1av"), 1, false},                /* rest, value and end beyond the chunk */
        {BYTES("\0\0\1\5av"), 1, false},                /**/
        {BYTES("\4\0\1\0\5ab"), 1, false},              /**/
        {BYTES("\10\0\1\1a123456781234567"), 1, false}, /* a place that is cut off */
        {BYTES("\0"), 1, false},                        /* lengths that are missing, or cut off */
        {BYTES("\0\0\1\201"), 1, false},                /**/
        {BYTES("\0\0\1\377\377\377\377\377\377\377\377\377\1av"), 1, false}, /* enormous */
        {BYTES("\0\0\377\377\377\377\377\377\377\377\377\1\1av"), 1, false}, /**/
        {BYTES("\20\0\1\1av"), 1, false}, /* a flag that is none of the file's */
    };
    char dir[SCRATCH_BYTES];
    const dbx_slice none = {NULL, 0};
    begin(dir);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_chunks(dir, none, cases[i].chunk, cases[i].entries, cases[i].whole);
    scratch_remove(dir);
}

TEST(of_a_value_in_a_spool_the_place_is_read) {
    char dir[SCRATCH_BYTES];
    const dbx_slice chunk = BYTES("\10\0\1\5a\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20");
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    begin(dir);
    write_chunks(dir, &chunk, 1, 1);
    CHECK_EQ(dbx_checkpoint_merge_open(dir, &SPAN, 1, &merge, &error), DBX_OK);
    CHECK_EQ(dbx_checkpoint_merge_next(merge, &entry, &error), 1);
    CHECK_EQ(entry.flags, DBX_ENTRY_REFERS);
    CHECK_EQ(entry.value.len, 5);
    CHECK(entry.value.ptr == NULL);
    CHECK_EQ(entry.spool, 0x0807060504030201);
    CHECK_EQ(entry.offset, 0x100f0e0d0c0b0a09);
    dbx_checkpoint_merge_close(merge);
    scratch_remove(dir);
}

TEST(each_chunk_stands_for_itself_and_goes_on_from_the_one_before) {
    char dir[SCRATCH_BYTES];
    const dbx_slice first = BYTES("\0\0\2\1abv");
    begin(dir);
    check_chunks(dir, first, BYTES("\0\0\2\1acv"), 2, true);
    check_chunks(dir, first, BYTES("\0\1\1\1cv"), 2, false);
    check_chunks(dir, first, BYTES("\0\0\2\1aav"), 2, false);
    check_chunks(dir, first, BYTES("\0\0\2\1abv"), 2, false);
    scratch_remove(dir);
}

/* A key of `shared` bytes that the next one has whole, with `more`. */
static void check_long_key(const char *dir, size_t shared, size_t more, bool whole) {
    const dbx_slice none = {NULL, 0};
    uint8_t bytes[DBX_ENCODED_KEY_MAX], lengths[] = {0, 0, 0, 0, 0, 0};
    dbx_buf chunk = {0};
    memset(bytes, 'k', sizeof bytes);
    /* Both lengths are below 2^14 and take two bytes. */
    lengths[2] = (uint8_t)(shared | 0x80), lengths[3] = (uint8_t)(shared >> 7);
    dbx_buf_add(&chunk, lengths, 5);
    dbx_buf_add(&chunk, bytes, shared);
    lengths[1] = lengths[2], lengths[2] = lengths[3];
    lengths[3] = (uint8_t)(more | 0x80), lengths[4] = (uint8_t)(more >> 7);
    dbx_buf_add(&chunk, lengths, 6);
    dbx_buf_add(&chunk, bytes, more);
    check_chunks(dir, none, dbx_buf_slice(&chunk), 2, whole);
    dbx_buf_free(&chunk);
}

TEST(no_key_is_longer_than_keys_may_be) {
    char dir[SCRATCH_BYTES];
    begin(dir);
    check_long_key(dir, 1000, DBX_ENCODED_KEY_MAX - 1000, true);
    check_long_key(dir, 1000, DBX_ENCODED_KEY_MAX - 1000 + 1, false);
    check_long_key(dir, DBX_ENCODED_KEY_MAX, 1, false);
    scratch_remove(dir);
}

/* Its checksums hold, so nothing but the bounds of what is read protects the reader. */
TEST(whatever_a_chunk_says_is_read_within_its_bounds) {
    enum { ROUNDS = 4000 };
    static const char text[] = "\0\0\3\1abcv\0\2\2\2ddvv\4\0\2\0\2bbzz\10\1\1\1c1234567812345678";
    uint8_t bytes[sizeof text - 1];
    char dir[SCRATCH_BYTES];
    unsigned count, refused = 0;
    dbx_rand rand;
    begin(dir);
    dbx_rand_seed_with(&rand, check_seed());
    for (unsigned round = 0; round < ROUNDS && check_failures == 0; round++) {
        memcpy(bytes, text, sizeof bytes);
        for (uint64_t n = dbx_rand_below(&rand, 3); n > 0; n--)
            bytes[dbx_rand_below(&rand, sizeof bytes)] = (uint8_t)dbx_rand_u64(&rand);
        size_t len = sizeof bytes - dbx_rand_below(&rand, 2) * dbx_rand_below(&rand, 10);
        const dbx_slice chunk = {bytes, len};
        write_chunks(dir, &chunk, 1, 4);
        int checked = check_file(dir), rc = read_file(dir, &count);
        CHECK(rc == 0 || rc == DBX_ECORRUPT);
        if (checked == DBX_OK) CHECK_EQ(rc, 0);
        if (rc == DBX_ECORRUPT) CHECK_EQ(checked, DBX_ECORRUPT);
        refused += checked != DBX_OK;
    }
    CHECK(refused > ROUNDS / 4 && refused < ROUNDS);
    scratch_remove(dir);
}
