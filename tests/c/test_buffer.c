/* test_buffer.c: a write buffer's values, wherever they lie, through undone turns and open views.
 */
#include "check.h"

#include "base/err.h"
#include "base/rand.h"
#include "store/buffer.h"

enum { KEYS = 30, VIEWS = 3, TURNS = 6000, OPS_MAX = 6, MANY = 100000 };
enum { LENS = 5 };
static const size_t LEN_MAX[LENS] = {4, 30, 200, 900, 6000};

typedef struct value {
    bool there;
    uint8_t seed; /* of its bytes */
    size_t len;
    size_t patch_at, patch_len; /* bytes that were overwritten; once in a value's life */
} value;

typedef struct state {
    value of[KEYS];
} state;

typedef struct open_view {
    bool open;
    uint32_t epoch;
    state seen;
} open_view;

typedef struct world {
    dbx_buffer *buffer;
    dbx_undo undo;
    dbx_rand rand;
    state now;
    open_view views[VIEWS];
    uint8_t bytes[2 * 6000 + 16];
    size_t away, in_place; /* live values that were met there */
} world;

static dbx_slice key_of(unsigned i, char out[16]) {
    (void)snprintf(out, 16, "K:%u", i * 7);
    return dbx_slice_str(out);
}

static uint8_t byte_of(const value *v, size_t i) {
    bool patched = i >= v->patch_at && i - v->patch_at < v->patch_len;
    return (uint8_t)(v->seed + i * 31 + (patched ? 100 : 0));
}

static dbx_slice bytes_of(world *w, const value *v, size_t from) {
    for (size_t i = from; i < v->len; i++)
        w->bytes[i] = byte_of(v, i);
    return dbx_slice_of(w->bytes + from, v->len - from);
}

static bool is_value(const value *v, dbx_slice got) {
    if (got.len != v->len) return false;
    for (size_t i = 0; i < v->len; i++) {
        if (got.ptr[i] != byte_of(v, i)) return false;
    }
    return true;
}

static void check_state(world *w, const state *want, uint32_t epoch) {
    char text[16];
    for (unsigned i = 0; i < KEYS; i++) {
        dbx_slice key = key_of(i, text);
        dbx_state seen;
        const dbx_entry *entry = dbx_buffer_find(w->buffer, key, dbx_buffer_hash(key));
        bool there = entry != NULL && dbx_buffer_see(w->buffer, entry, epoch, &seen) &&
                     (seen.flags & DBX_ENTRY_DEAD) == 0;
        CHECK_EQ(there, want->of[i].there);
        if (!there) continue;
        CHECK(is_value(&want->of[i], seen.value));
        if (epoch == DBX_EPOCH_LIVE) {
            *((entry->flags & DBX_ENTRY_AWAY) != 0 ? &w->away : &w->in_place) += 1;
        }
    }
}

static void check_all(world *w) {
    check_state(w, &w->now, DBX_EPOCH_LIVE);
    for (unsigned i = 0; i < VIEWS; i++) {
        if (w->views[i].open) check_state(w, &w->views[i].seen, w->views[i].epoch);
    }
}

static void change_one(world *w) {
    char text[16];
    unsigned i = (unsigned)dbx_rand_below(&w->rand, KEYS);
    value *v = &w->now.of[i];
    dbx_slice key = key_of(i, text), none = {NULL, 0};
    uint64_t hash = dbx_buffer_hash(key);
    dbx_entry *entry = dbx_buffer_find(w->buffer, key, hash);
    size_t len = (size_t)dbx_rand_below(&w->rand, LEN_MAX[dbx_rand_below(&w->rand, LENS)]);
    unsigned what = (unsigned)dbx_rand_below(&w->rand, 10);
    if (what < 6) {
        *v = (value){.there = true, .seed = (uint8_t)dbx_rand_u64(&w->rand), .len = len};
        dbx_slice all = bytes_of(w, v, 0);
        size_t head = len > 3 ? 3 : 0;
        CHECK_EQ(dbx_buffer_put(w->buffer, &w->undo, key, hash, entry, dbx_slice_of(all.ptr, head),
                                dbx_slice_of(all.ptr + head, len - head), DBX_ENTRY_BELOW, NULL),
                 DBX_OK);
    } else if (what < 8 && v->there && v->len + len <= 6000) {
        size_t from = v->len;
        v->len += len;
        CHECK_EQ(dbx_buffer_append(w->buffer, &w->undo, entry, none, bytes_of(w, v, from)), DBX_OK);
    } else if (what == 8 && v->there && v->len > 0 && v->patch_len == 0) {
        v->patch_at = (size_t)dbx_rand_below(&w->rand, v->len);
        v->patch_len = 1 + (size_t)dbx_rand_below(&w->rand, v->len - v->patch_at);
        dbx_slice bytes = dbx_slice_of(bytes_of(w, v, v->patch_at).ptr, v->patch_len);
        CHECK_EQ(dbx_buffer_patch(w->buffer, &w->undo, entry, v->patch_at, bytes), DBX_OK);
    } else {
        v->there = false;
        CHECK_EQ(dbx_buffer_kill(w->buffer, &w->undo, key, hash, entry, what == 9), DBX_OK);
    }
}

static void open_or_close(world *w, open_view *view) {
    if (view->open) {
        dbx_buffer_view_close(w->buffer);
    } else {
        view->epoch = dbx_buffer_view_open(w->buffer);
        view->seen = w->now;
    }
    view->open = !view->open;
}

TEST(values_move_between_their_places_whatever_is_undone_or_still_seen) {
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    w->buffer = dbx_buffer_new(4096, NULL);
    dbx_rand_seed_with(&w->rand, check_seed());
    for (unsigned turn = 0; turn < TURNS; turn++) {
        state before = w->now, half = before;
        size_t savepoint = 0;
        for (uint64_t ops = 1 + dbx_rand_below(&w->rand, OPS_MAX); ops > 0; ops--) {
            if (dbx_rand_below(&w->rand, 3) == 0) {
                savepoint = w->undo.count;
                half = w->now;
            }
            change_one(w);
        }
        check_all(w);
        uint64_t end = dbx_rand_below(&w->rand, 4);
        if (end < 2) {
            dbx_undo_revert(&w->undo, w->buffer, end == 0 ? 0 : savepoint);
            w->now = end == 0 ? before : half;
        }
        dbx_undo_settle(&w->undo, w->buffer);
        check_all(w);
        if (dbx_rand_below(&w->rand, 4) == 0) {
            open_or_close(w, &w->views[dbx_rand_below(&w->rand, VIEWS)]);
        }
    }
    CHECK(w->away > TURNS && w->in_place > TURNS / 2);
    for (unsigned i = 0; i < VIEWS; i++) {
        if (w->views[i].open) dbx_buffer_view_close(w->buffer);
    }
    dbx_undo_free(&w->undo);
    dbx_buffer_unref(w->buffer);
    free(w);
}

TEST(a_buffer_that_is_undone_to_nothing_has_given_its_memory_back) {
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    w->buffer = dbx_buffer_new(0, NULL);
    dbx_rand_seed_with(&w->rand, check_seed());
    while (w->buffer->arena.bytes == 0)
        change_one(w); /* what comes with the first entry stays */
    dbx_undo_revert(&w->undo, w->buffer, 0);
    size_t bytes = w->buffer->arena.bytes;
    w->now = (state){0};
    for (unsigned i = 0; i < 2000; i++)
        change_one(w);
    CHECK(w->buffer->arena.bytes > bytes);
    dbx_undo_revert(&w->undo, w->buffer, 0);
    CHECK_EQ(w->buffer->arena.bytes, bytes);
    CHECK_EQ(w->buffer->entries, 0);
    dbx_undo_free(&w->undo);
    dbx_buffer_unref(w->buffer);
    free(w);
}

TEST(a_value_that_no_block_holds_is_refused_and_changes_nothing) {
    static uint8_t bytes[DBX_ARENA_BLOCK_MAX + 1];
    dbx_buffer *buffer = dbx_buffer_new(0, NULL);
    dbx_undo undo = {0};
    dbx_slice key = dbx_slice_str("K:x"), none = {NULL, 0}, small = dbx_slice_str("small");
    uint64_t hash = dbx_buffer_hash(key);
    dbx_slice whole = dbx_slice_of(bytes, sizeof bytes), most = {bytes, DBX_ENTRY_ROOM_MAX};
    CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, NULL, none, whole, DBX_ENTRY_BELOW, NULL),
             DBX_ENOMEM);
    CHECK(dbx_buffer_find(buffer, key, hash) == NULL);
    CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, NULL, none, small, DBX_ENTRY_BELOW, NULL),
             DBX_OK);
    dbx_entry *entry = dbx_buffer_find(buffer, key, hash);
    CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, entry, none, whole, DBX_ENTRY_BELOW, NULL),
             DBX_ENOMEM);
    CHECK_EQ(dbx_buffer_append(buffer, &undo, entry, none, whole), DBX_ENOMEM);
    CHECK_BYTES(dbx_entry_value(&buffer->arena, entry), small);
    CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, entry, none, most, DBX_ENTRY_BELOW, NULL),
             DBX_OK);
    CHECK_EQ(dbx_entry_value(&buffer->arena, entry).len, most.len);
    /* Half as much again as appending asks for would be more than a block has. */
    CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, entry, none, small, DBX_ENTRY_BELOW, NULL),
             DBX_OK);
    most.len -= small.len;
    CHECK_EQ(dbx_buffer_append(buffer, &undo, entry, none, most), DBX_OK);
    CHECK_EQ(dbx_entry_value(&buffer->arena, entry).len, DBX_ENTRY_ROOM_MAX);
    dbx_undo_settle(&undo, buffer);
    dbx_undo_free(&undo);
    dbx_buffer_unref(buffer);
}

/* Of keys at random among many, with entries of 44 bytes: how many fit decides what applies write.
 */
TEST(what_an_entry_takes_beside_its_bytes_is_little) {
    dbx_buffer *buffer = dbx_buffer_new(0, NULL);
    dbx_undo undo = {0};
    dbx_rand rand;
    dbx_slice none = {NULL, 0};
    char text[32];
    dbx_rand_seed_with(&rand, check_seed());
    while (buffer->entries < MANY) {
        (void)snprintf(text, sizeof text, "K.key:%012u", (unsigned)dbx_rand_below(&rand, 1000000));
        dbx_slice key = dbx_slice_str(text);
        uint64_t hash = dbx_buffer_hash(key);
        CHECK_EQ(key.len, 18);
        CHECK_EQ(dbx_buffer_put(buffer, &undo, key, hash, dbx_buffer_find(buffer, key, hash), none,
                                dbx_slice_str("a record, v:000000000000.."), DBX_ENTRY_BELOW, NULL),
                 DBX_OK);
        dbx_undo_settle(&undo, buffer);
    }
    CHECK(dbx_buffer_fill(buffer) / MANY <= 44 + 40);
    CHECK(buffer->arena.mapped <= dbx_buffer_fill(buffer) + dbx_buffer_fill(buffer) / 5);
    dbx_undo_free(&undo);
    dbx_buffer_unref(buffer);
}

static int put_text(dbx_buffer *buffer, dbx_undo *undo, const char *name, size_t len) {
    static uint8_t bytes[4000];
    dbx_slice key = dbx_slice_str(name), none = {NULL, 0};
    uint64_t hash = dbx_buffer_hash(key);
    return dbx_buffer_put(buffer, undo, key, hash, dbx_buffer_find(buffer, key, hash), none,
                          dbx_slice_of(bytes, len), false, NULL);
}

static int kill_text(dbx_buffer *buffer, dbx_undo *undo, const char *name) {
    dbx_slice key = dbx_slice_str(name);
    uint64_t hash = dbx_buffer_hash(key);
    return dbx_buffer_kill(buffer, undo, key, hash, dbx_buffer_find(buffer, key, hash), false);
}

TEST(what_was_written_while_a_view_was_open_gives_its_memory_back_when_it_is_deleted) {
    dbx_buffer *buffer = dbx_buffer_new(0, NULL);
    dbx_undo undo = {0};
    CHECK_EQ(put_text(buffer, &undo, "K:other", 10), DBX_OK);
    size_t before = buffer->arena.bytes;
    CHECK_EQ(put_text(buffer, &undo, "K:key", 10), DBX_OK);
    dbx_undo_settle(&undo, buffer);
    (void)dbx_buffer_view_open(buffer);
    for (size_t len = 3000; len < 3005; len++) { /* the view sees the first, in place */
        CHECK_EQ(put_text(buffer, &undo, "K:key", len), DBX_OK);
        dbx_undo_settle(&undo, buffer);
    }
    dbx_buffer_view_close(buffer);
    CHECK_EQ(kill_text(buffer, &undo, "K:key"), DBX_OK);
    dbx_undo_settle(&undo, buffer);
    CHECK_EQ(buffer->arena.bytes, before);
    dbx_undo_free(&undo);
    dbx_buffer_unref(buffer);
}

/* Takes all memory that an arena has left; it gets no more before it has its count of chunks again,
 * which is returned. */
static size_t exhaust(dbx_arena *arena) {
    size_t count = arena->table_count;
    arena->table_count = DBX_ARENA_CHUNKS_MAX;
    for (size_t n = DBX_ARENA_BLOCK_MAX; n > 0; n -= DBX_ARENA_GRANULE) {
        while (dbx_arena_alloc(arena, n) != NULL) {
        }
    }
    return count;
}

/* An undo finds the memory that it needs, whatever was done with what the turn gave back. */
TEST(a_removal_is_undone_when_there_is_no_memory) {
    dbx_buffer *buffer = dbx_buffer_new(0, NULL);
    dbx_undo undo = {0};
    CHECK_EQ(put_text(buffer, &undo, "pa", 1), DBX_OK);
    CHECK_EQ(put_text(buffer, &undo, "pb", 1), DBX_OK);
    CHECK_EQ(put_text(buffer, &undo, "q", 1), DBX_OK);
    dbx_undo_settle(&undo, buffer);
    size_t chunks = exhaust(&buffer->arena);
    CHECK_EQ(kill_text(buffer, &undo, "pb"), DBX_OK); /* which frees a node */
    CHECK_EQ(put_text(buffer, &undo, "r", 0), DBX_ENOMEM);
    dbx_undo_revert(&undo, buffer, 0);
    CHECK(dbx_tree_find(&buffer->tree, dbx_slice_str("pb")) != NULL);
    CHECK_EQ(buffer->entries, 3);
    buffer->arena.table_count = chunks;
    dbx_undo_free(&undo);
    dbx_buffer_unref(buffer);
}
