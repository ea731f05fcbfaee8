/* test_store_checkpoint_deltas.c: deltas in checkpoints: what several files that follow each other
 * say of a key, each of the map as it was at its own buffer's base, is put together to one state.
 */
#include "check.h"
#include "scratch.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "store/buffer.h"
#include "store/checkpoint_file.h"
#include "store/checkpoint_read.h"
#include "store/checkpoint_write.h"
#include "store/delta.h"

enum { KEYS = 60, LEN_MAX = 600, ROUNDS = 40, FILES = 5 };

/* Two buffers, a start that loads both into one, whose base is the first's, and the one after. */
static const struct {
    dbx_checkpoint_span span;
    uint64_t base;
    bool begins; /* a buffer: none of its entries is of an earlier file */
} files[FILES] = {
    {{10, 20}, 10, true},  {{20, 30}, 10, false}, {{30, 40}, 30, true},
    {{40, 50}, 10, false}, {{50, 60}, 50, true},
};

/* A key: its value, what it was at the base of the buffer, and what that has of it. */
typedef struct value {
    size_t len;
    uint8_t bytes[LEN_MAX];
} value;
typedef struct key {
    value now, first;  /* first: at 10 */
    bool has, changed; /* the buffer, anything; since the last file */
    uint8_t flags;
    dbx_buf entry;
} key;

static dbx_slice slice_of(const value *v) {
    return dbx_slice_of(v->bytes, v->len);
}

static void change(key *k, dbx_rand *rand) {
    value before = k->now;
    dbx_buf delta = {0};
    size_t at = dbx_rand_below(rand, k->now.len - 9), cut = dbx_rand_below(rand, 9);
    size_t add = k->now.len + 9 > LEN_MAX ? 0 : dbx_rand_below(rand, 9);
    if (dbx_rand_below(rand, 8) == 0) { /* written whole */
        memset(k->now.bytes, (int)dbx_rand_below(rand, 256), k->now.len);
    } else {
        memmove(k->now.bytes + at + add, k->now.bytes + at + cut, k->now.len - at - cut);
        memset(k->now.bytes + at, (int)dbx_rand_below(rand, 256), add);
        k->now.len = k->now.len - cut + add;
    }
    dbx_slice none = {NULL, 0};
    const dbx_delta_change c = {.delta = k->has ? dbx_buf_slice(&k->entry) : none,
                                .was = slice_of(&before),
                                .tail = slice_of(&k->now)};
    bool whole = k->has && (k->flags & DBX_ENTRY_DELTA) == 0;
    bool made = !whole && dbx_delta_make(&delta, &c);
    k->entry.len = 0;
    dbx_buf_add(&k->entry, made ? delta.ptr : k->now.bytes, made ? delta.len : k->now.len);
    k->flags = (uint8_t)(DBX_ENTRY_BELOW | (made ? DBX_ENTRY_DELTA : 0));
    k->has = k->changed = true;
    dbx_buf_free(&delta);
}

/* The start has loaded what the two buffers had: of the first's base. */
static void join_buffers(key *k, const value *base) {
    if (!k->has || (k->flags & DBX_ENTRY_DELTA) == 0) return;
    dbx_buf whole = {0};
    const dbx_delta_change c = {.was = slice_of(base), .tail = slice_of(&k->now)};
    if (!dbx_delta_make(&whole, &c)) {
        dbx_buf_add(&whole, k->now.bytes, k->now.len);
        k->flags = DBX_ENTRY_BELOW;
    }
    dbx_buf_free(&k->entry);
    k->entry = whole;
}

static size_t name_of(unsigned i, uint8_t out[8]) {
    return (size_t)snprintf((char *)out, 8, "K%03u", i);
}

static void write_file(const char *dir, unsigned number, key *keys) {
    dbx_buffer *none = dbx_buffer_new(0, NULL);
    dbx_checkpoint_writer w = {.dir = dir,
                               .state = DBX_CHECKPOINT_ACTIVE,
                               .head = {.span = files[number].span, .base = files[number].base}};
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t name[8];
        if (!keys[i].changed) continue;
        keys[i].changed = false;
        const dbx_state state = {.value = dbx_buf_slice(&keys[i].entry), .flags = keys[i].flags};
        size_t n = name_of(i, name);
        CHECK_EQ(dbx_checkpoint_put(&w, none, dbx_slice_of(name, n), &state, NULL), DBX_OK);
        if (i % 20 == 0) CHECK_EQ(dbx_checkpoint_write(&w, NULL), DBX_OK);
    }
    CHECK_EQ(dbx_checkpoint_seal(&w, NULL), DBX_OK);
    dbx_checkpoint_free(&w);
    dbx_buffer_unref(none);
}

static int deltas, wholes;

static void check_merged(const char *dir, const key *keys) {
    static uint8_t out[LEN_MAX * 2 + (16 << 10)];
    dbx_checkpoint_span spans[FILES];
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    int rc;
    for (unsigned i = 0; i < FILES; i++)
        spans[i] = files[i].span;
    CHECK_EQ(dbx_checkpoint_merge_open(dir, spans, FILES, &merge, &error), DBX_OK);
    while ((rc = dbx_checkpoint_merge_next(merge, &entry, &error)) == 1) {
        const key *k = &keys[(unsigned)atoi((const char *)entry.key.ptr + 1)];
        bool delta = (entry.flags & DBX_ENTRY_DELTA) != 0;
        size_t len = entry.value.len;
        if (delta) {
            CHECK_EQ(dbx_delta_apply(slice_of(&k->first), entry.value, out, &len), DBX_OK);
        } else {
            memcpy(out, entry.value.ptr, len);
        }
        deltas += delta;
        wholes += !delta;
        CHECK_BYTES(dbx_slice_of(out, len), slice_of(&k->now));
    }
    CHECK_EQ(rc, 0);
    dbx_checkpoint_merge_close(merge);
}

TEST(what_several_files_say_is_put_together) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (int round = 0; round < ROUNDS && check_failures == 0; round++) {
        static key keys[KEYS];
        char dir[SCRATCH_BYTES], path[DBX_PATH_MAX];
        scratch_make(dir);
        CHECK_EQ(dbx_file_path(path, dir, "checkpoint", NULL), DBX_OK);
        CHECK_EQ(dbx_file_mkdir(path, NULL), DBX_OK);
        for (unsigned i = 0; i < KEYS; i++) {
            keys[i] = (key){.first = {.len = 200 + dbx_rand_below(&rand, LEN_MAX - 200)}};
            keys[i].now = keys[i].first;
        }
        bool had[KEYS] = {false};
        for (unsigned f = 0; f < FILES; f++) {
            for (unsigned i = 0; i < KEYS; i++) {
                if (f == 3) {
                    keys[i].has |= had[i];
                    join_buffers(&keys[i], &keys[i].first);
                }
                if (files[f].begins) had[i] = keys[i].has;
                if (files[f].begins) keys[i].has = false;
            }
            for (int n = 0; n < KEYS; n++)
                change(&keys[dbx_rand_below(&rand, KEYS)], &rand);
            write_file(dir, f, keys);
        }
        check_merged(dir, keys);
        for (unsigned i = 0; i < KEYS; i++)
            dbx_buf_free(&keys[i].entry);
        scratch_remove(dir);
    }
    CHECK(deltas > ROUNDS && wholes > ROUNDS);
}

/* Files of another map than the one they are to be loaded on. */
TEST(a_delta_of_another_map_is_refused) {
    char dir[SCRATCH_BYTES], path[DBX_PATH_MAX];
    static key k;
    dbx_checkpoint_merge *merge;
    dbx_checkpoint_entry entry;
    dbx_error error;
    dbx_rand rand;
    dbx_rand_seed_with(&rand, 1);
    scratch_make(dir);
    CHECK_EQ(dbx_file_path(path, dir, "checkpoint", NULL), DBX_OK);
    CHECK_EQ(dbx_file_mkdir(path, NULL), DBX_OK);
    k.now.len = LEN_MAX;
    static key keys[KEYS];
    keys[0] = k;
    while ((keys[0].flags & DBX_ENTRY_DELTA) == 0) {
        keys[0].has = false;
        change(&keys[0], &rand);
    }
    write_file(dir, 3, keys); /* from 40 on, of the map at 10 */
    CHECK_EQ(dbx_checkpoint_merge_open(dir, &files[3].span, 1, &merge, &error), DBX_OK);
    CHECK_EQ(dbx_checkpoint_merge_next(merge, &entry, &error), DBX_ECORRUPT);
    dbx_checkpoint_merge_close(merge);
    dbx_buf_free(&keys[0].entry);
    scratch_remove(dir);
}
