/* test_store.c: the map against a sorted array: puts, edits, deletes, appends, undo, walks in both
 * directions, views, freezes, applies and restarts, step by random step. */
#include "check.h"
#include "scratch.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/entry.h"
#include "store/store.h"
#include "store/txn.h"

enum { KEYS = 400, VALUE_MAX = 900, STEPS = 3000, HEAD = 6 };

typedef struct item {
    bool live;
    size_t len;
    uint8_t value[VALUE_MAX];
} item;

typedef struct world {
    char dir[SCRATCH_BYTES];
    dbx_store *store;
    dbx_txn *txn;
    item items[KEYS];
    dbx_rand rand;
    uint64_t applies, loaded, deltas;
} world;

static size_t key_of(unsigned i, uint8_t *out) {
    /* Keys with shared prefixes and of different lengths, in order of i. */
    return (size_t)snprintf((char *)out, 64, "Vk%03u%.*s", i, (int)(i % 7), "abcdefg");
}

static dbx_slice head_of(dbx_slice value) {
    size_t n = HEAD + value.len % 2;
    return dbx_slice_of(value.ptr, n < value.len ? n : value.len);
}

static int put_edited(dbx_txn *txn, dbx_slice key, dbx_probe *probe, dbx_slice value) {
    size_t head = head_of(value).len, was = head_of(probe->value).len;
    return dbx_txn_edit_probed(txn, key, probe, was, head_of(value),
                               dbx_slice_of(value.ptr + head, value.len - head));
}

/* Gives a value that is there another, by way of `first` if it has any bytes. *delta: the buffer
 * has a delta of it now. */
static int edit(dbx_txn *txn, dbx_slice key, dbx_slice first, dbx_slice value, bool *delta) {
    dbx_probe probe;
    int rc = dbx_txn_probe(txn, key, &probe);
    if (rc == DBX_OK && !probe.found) rc = DBX_ENOTFOUND;
    if (rc == DBX_OK && first.len > 0) rc = put_edited(txn, key, &probe, first);
    if (rc == DBX_OK) rc = put_edited(txn, key, &probe, value);
    if (rc == DBX_OK) rc = dbx_txn_probe(txn, key, &probe);
    *delta = rc == DBX_OK && probe.entry != NULL && (probe.entry->flags & DBX_ENTRY_DELTA) != 0;
    return rc;
}

static int replay(void *arg, dbx_txn *txn, uint32_t db, size_t argc, const dbx_slice *argv,
                  dbx_error *error) {
    dbx_slice none = {NULL, 0};
    (void)arg, (void)db;
    if (argc == 3 && argv[0].ptr[0] == 'P') return dbx_txn_put(txn, argv[1], none, argv[2]);
    bool delta;
    if (argc == 3 && argv[0].ptr[0] == 'E') return edit(txn, argv[1], none, argv[2], &delta);
    if (argc == 3 && argv[0].ptr[0] == 'A') return dbx_txn_append(txn, argv[1], argv[2]);
    if (argc == 3 && argv[0].ptr[0] == 'O') {
        size_t at = argv[2].ptr[0];
        return dbx_txn_patch(txn, argv[1], at, dbx_slice_of(argv[2].ptr + 1, argv[2].len - 1));
    }
    if (argc == 2 && argv[0].ptr[0] == 'D') return dbx_txn_del(txn, argv[1]);
    return dbx_error_set(error, DBX_ECORRUPT, "unknown effect");
}

static void start(world *w) {
    dbx_error error;
    dbx_store_options options = {.path = w->dir,
                                 .durability = DBX_DURABILITY_NONE,
                                 .databases = 1,
                                 .checkpoint_us = 1,
                                 .buffer_bytes = 96 << 10};
    int rc = dbx_store_open(&options, &w->store, &error);
    if (rc == DBX_OK) rc = dbx_store_replay(w->store, &(dbx_replay_calls){.run = replay}, &error);
    if (rc != DBX_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    w->txn = dbx_store_turn_begin(w->store, 1000);
}

static void end_turn(world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    w->txn = dbx_store_turn_begin(w->store, 1000);
}

static void effect(world *w, const char *name, dbx_slice key, dbx_slice value, size_t argc) {
    dbx_slice argv[] = {dbx_slice_str(name), key, value};
    CHECK_EQ(dbx_txn_effect(w->txn, 0, argc, argv), DBX_OK);
}

static int live_from(const item *items, int i, int step) {
    while (i >= 0 && i < KEYS && !items[i].live)
        i += step;
    return i;
}

/* Puts a few bytes in place of others, at an end or in the middle; now and then writes it twice. */
static void change_part(world *w, item *it, dbx_slice key, bool record) {
    unsigned where = (unsigned)dbx_rand_below(&w->rand, 4);
    size_t at = where == 0 ? it->len : where == 1 ? 0 : dbx_rand_below(&w->rand, it->len + 1);
    size_t cut = dbx_rand_below(&w->rand, it->len - at < 20 ? it->len - at + 1 : 20);
    size_t add = dbx_rand_below(&w->rand, 20);
    uint8_t other[VALUE_MAX];
    dbx_slice first = dbx_slice_of(other, dbx_rand_below(&w->rand, 8) == 0 ? it->len : 0);
    bool delta;
    if (it->len - cut + add > VALUE_MAX) add = 0;
    memcpy(other, it->value, it->len);
    if (first.len > 0) other[it->len / 2] ^= 1;
    memmove(it->value + at + add, it->value + at + cut, it->len - at - cut);
    memset(it->value + at, (int)('A' + dbx_rand_below(&w->rand, 26)), add);
    it->len = it->len - cut + add;
    dbx_slice value = dbx_slice_of(it->value, it->len);
    CHECK_EQ(edit(w->txn, key, first, value, &delta), DBX_OK);
    w->deltas += delta;
    if (record) effect(w, "E", key, value, 3);
}

/* Of some live keys from `i` on, which then have been changed in part again and again. */
static void change_parts(world *w, int i, bool record) {
    uint8_t bytes[64];
    for (int n = 0; n < 4 && (i = live_from(w->items, i, 1)) < KEYS; n++, i++) {
        dbx_slice key = dbx_slice_of(bytes, key_of((unsigned)i, bytes));
        change_part(w, &w->items[i], key, record);
    }
}

/* One random change of one key, in store and model. */
static void change(world *w, bool record) {
    uint8_t bytes[64], value[VALUE_MAX];
    unsigned i = (unsigned)dbx_rand_below(&w->rand, KEYS);
    item *it = &w->items[i];
    dbx_slice key = dbx_slice_of(bytes, key_of(i, bytes)), none = {NULL, 0};
    unsigned what = (unsigned)dbx_rand_below(&w->rand, 16);
    size_t len =
        (size_t)dbx_rand_below(&w->rand, dbx_rand_below(&w->rand, 3) == 0 ? VALUE_MAX : 30);
    memset(value, (int)('a' + dbx_rand_below(&w->rand, 26)), sizeof value);
    if (what < 5) {
        size_t head = len / 3;
        CHECK_EQ(dbx_txn_put(w->txn, key, dbx_slice_of(value, head),
                             dbx_slice_of(value + head, len - head)),
                 DBX_OK);
        if (record) effect(w, "P", key, dbx_slice_of(value, len), 3);
        it->live = true;
        it->len = len;
        memcpy(it->value, value, len);
    } else if (what < 6 && it->live && it->len + len <= VALUE_MAX) {
        CHECK_EQ(dbx_txn_append(w->txn, key, dbx_slice_of(value, len)), DBX_OK);
        if (record) effect(w, "A", key, dbx_slice_of(value, len), 3);
        memcpy(it->value + it->len, value, len);
        it->len += len;
    } else if (what < 7 && it->live && it->len > 1) {
        size_t at = (size_t)dbx_rand_below(&w->rand, it->len < 256 ? it->len : 256);
        size_t n = (size_t)dbx_rand_below(&w->rand, it->len - at);
        memcpy(it->value + at, value, n);
        CHECK_EQ(dbx_txn_patch(w->txn, key, at, dbx_slice_of(value, n)), DBX_OK);
        CHECK_EQ(dbx_txn_patch(w->txn, key, it->len, dbx_slice_of(value, 1)), DBX_ELIMIT);
        value[0] = (uint8_t)at; /* for the effect: where, then what */
        memcpy(value + 1, it->value + at, n);
        if (record) effect(w, "O", key, dbx_slice_of(value, n + 1), 3);
    } else if (what >= 10) {
        change_parts(w, (int)i, record);
    } else {
        CHECK_EQ(dbx_txn_del(w->txn, key), DBX_OK);
        if (record) effect(w, "D", key, none, 2);
        it->live = false;
    }
}

static void check_get(const item *it, int rc, dbx_slice value) {
    CHECK_EQ(rc, it->live ? DBX_OK : DBX_ENOTFOUND);
    if (rc == DBX_OK && it->live) CHECK_BYTES(value, dbx_slice_of(it->value, it->len));
}

static void check_at(const dbx_cursor *cursor, int rc, const item *items, int expected) {
    uint8_t bytes[64];
    CHECK_EQ(rc, expected >= 0 && expected < KEYS ? DBX_OK : DBX_ENOTFOUND);
    if (rc != DBX_OK || expected < 0 || expected >= KEYS) return;
    CHECK_BYTES(dbx_cursor_key(cursor), dbx_slice_of(bytes, key_of((unsigned)expected, bytes)));
    CHECK_BYTES(dbx_cursor_value(cursor), dbx_slice_of(items[expected].value, items[expected].len));
}

/* Walks a while from a random place, turning round now and then, deleting now and then. */
static void walk(world *w, dbx_view *view, item *items, bool deleting) {
    uint8_t bytes[64];
    dbx_cursor *cursor = dbx_cursor_open(view, dbx_slice_str("V"));
    int at = (int)dbx_rand_below(&w->rand, KEYS);
    dbx_slice key = dbx_slice_of(bytes, key_of((unsigned)at, bytes)), none = {NULL, 0};
    int rc;
    switch (dbx_rand_below(&w->rand, 4)) {
    case 0:
        rc = dbx_cursor_first(cursor);
        at = live_from(items, 0, 1);
        break;
    case 1:
        rc = dbx_cursor_last(cursor);
        at = live_from(items, KEYS - 1, -1);
        break;
    case 2:
        rc = dbx_cursor_seek(cursor, key);
        at = live_from(items, at, 1);
        break;
    default:
        rc = dbx_cursor_seek_back(cursor, key);
        at = live_from(items, at, -1);
        break;
    }
    check_at(cursor, rc, items, at);
    bool forward = dbx_rand_below(&w->rand, 2) == 0;
    for (int i = 0; i < 120 && rc == DBX_OK; i++) {
        if (dbx_rand_below(&w->rand, 20) == 0) forward = !forward;
        if (deleting && dbx_rand_below(&w->rand, 3) == 0) {
            dbx_slice here = dbx_cursor_key(cursor);
            CHECK_EQ(dbx_txn_del(w->txn, here), DBX_OK);
            effect(w, "D", here, none, 2);
            items[at].live = false;
        }
        rc = forward ? dbx_cursor_next(cursor) : dbx_cursor_prev(cursor);
        at = live_from(items, forward ? at + 1 : at - 1, forward ? 1 : -1);
        check_at(cursor, rc, items, at);
    }
    dbx_cursor_close(cursor);
}

static void one_step(world *w) {
    uint8_t bytes[64];
    dbx_slice value;
    unsigned what = (unsigned)dbx_rand_below(&w->rand, 100);
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    if (what < 60) {
        change(w, true);
    } else if (what < 66) { /* a command that is taken back */
        static item saved[KEYS];
        memcpy(saved, w->items, sizeof saved);
        for (int i = 0; i < 12; i++)
            change(w, true);
        walk(w, dbx_txn_view(w->txn), w->items, true);
        dbx_txn_command_undo(w->txn, savepoint);
        memcpy(w->items, saved, sizeof saved);
    } else if (what < 76) {
        unsigned i = (unsigned)dbx_rand_below(&w->rand, KEYS);
        int rc = dbx_txn_get(w->txn, dbx_slice_of(bytes, key_of(i, bytes)), &value);
        check_get(&w->items[i], rc, value);
    } else if (what < 84) {
        walk(w, dbx_txn_view(w->txn), w->items, dbx_rand_below(&w->rand, 2) == 0);
    }
    dbx_txn_command_end(w->txn, savepoint);
    if (what >= 84 && what < 96) end_turn(w);
    if (what == 96) (void)dbx_store_freeze(w->store, false);
    if (what == 98) dbx_store_spent(w->store, 1); /* time for a checkpoint */
    if (what == 97) usleep(2000);                 /* let an apply finish */
}

static dbx_store_info info_of(const world *w) {
    dbx_store_info info;
    dbx_store_get_info(w->store, &info);
    return info;
}

/* An apply and a checkpoint end while steps go on, or after them: on a slow machine none might end
 * before the next start, unless waited for now and then. */
static void wait_applied(world *w) {
    (void)dbx_store_freeze(w->store, false);
    for (int tries = 0; info_of(w).frozen_entries > 0 && tries < 5000; tries++) {
        usleep(1000);
        end_turn(w);
    }
}

static void wait_checkpoint(world *w) {
    uint64_t before = info_of(w).checkpoints;
    dbx_store_spent(w->store, 1);
    for (int tries = 0; info_of(w).checkpoints == before && tries < 100; tries++) {
        usleep(1000);
        end_turn(w);
    }
}

/* Closes the store; counts the buffers it applied, and the entries it had from checkpoints. */
static void stop(world *w) {
    dbx_error error;
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    dbx_store_info info = info_of(w);
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
    w->applies += info.applies;
    w->loaded += info.replay_last_entries;
}

static void random_steps(uint64_t seed, bool with_views, world *sum) {
    static world w;
    static item pinned[KEYS];
    memset(&w, 0, sizeof w);
    dbx_rand_seed_with(&w.rand, seed);
    scratch_make(w.dir);
    start(&w);
    dbx_view *view = NULL;
    for (int step = 0; step < STEPS; step++) {
        one_step(&w);
        if (with_views && step % 97 == 0) {
            if (view != NULL) dbx_view_close(view);
            view = dbx_view_open(w.txn);
            memcpy(pinned, w.items, sizeof pinned);
        }
        if (view != NULL && step % 10 == 0) {
            uint8_t bytes[64];
            dbx_slice value;
            unsigned i = (unsigned)dbx_rand_below(&w.rand, KEYS);
            int rc = dbx_view_get(view, dbx_slice_of(bytes, key_of(i, bytes)), &value);
            check_get(&pinned[i], rc, value);
            walk(&w, view, pinned, false);
        }
        if (step % 300 == 150) wait_applied(&w);
        if (step % 300 == 298) wait_checkpoint(&w);
        if (step % 300 == 299) {
            if (view != NULL) dbx_view_close(view);
            view = NULL;
            stop(&w);
            start(&w);
        }
        if (check_failures > 0) {
            fprintf(stderr, "seed %llu, step %d\n", (unsigned long long)seed, step);
            abort();
        }
    }
    if (view != NULL) dbx_view_close(view);
    stop(&w);
    sum->applies += w.applies;
    sum->loaded += w.loaded;
    sum->deltas += w.deltas;
    scratch_remove(w.dir);
}

static void random_worlds(uint64_t seed, bool with_views) {
    static world sum;
    memset(&sum, 0, sizeof sum);
    for (uint64_t i = 0; i < 3; i++)
        random_steps(seed + i, with_views, &sum);
    CHECK(sum.applies > 0 && sum.loaded > 0 && sum.deltas > 200);
}

TEST(the_map_agrees_with_a_sorted_array) {
    random_worlds(check_seed() * 100, false);
}

TEST(views_do_not_see_later_writes) {
    random_worlds(check_seed() * 100 + 50, true);
}

/* Puts `count` keys and waits until they are in MDBX and nothing is in the buffer. */
static void fill(world *w, unsigned count) {
    uint8_t bytes[64];
    dbx_slice none = {NULL, 0};
    for (unsigned i = 0; i < count; i++) {
        size_t n = (size_t)snprintf((char *)bytes, sizeof bytes, "V%06u", i);
        CHECK_EQ(dbx_txn_put(w->txn, dbx_slice_of(bytes, n), none, none), DBX_OK);
        if (i % 500 == 0) end_turn(w);
    }
    (void)dbx_store_freeze(w->store, false);
    do {
        usleep(1000);
        end_turn(w);
    } while (info_of(w).frozen_entries > 0 || info_of(w).buffer_entries > 0);
}

/* Invariant 12: what was popped is not walked again. The buffer keeps a gap, not a tombstone a pop,
 * but for those that were popped while a view was open (a checkpoint has one). */
static void pop_all(bool from_front, unsigned turn, bool viewed) {
    enum { POPS = 3000, VIEW_FROM = 1000, VIEW_TO = 2000, STEPS_A_POP = 12 };
    dbx_view *view = NULL;
    uint64_t trail = 0;
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    scratch_make(w->dir);
    start(w);
    fill(w, POPS);
    uint64_t before = info_of(w).work_seeks + info_of(w).work_steps;
    for (unsigned i = 0; i < POPS; i++) {
        if (viewed && i == VIEW_FROM) view = dbx_view_open(w->txn);
        if (viewed && i == VIEW_TO) {
            dbx_view_close(view);
            trail = info_of(w).buffer_entries;
            view = NULL;
        }
        dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(w->txn), dbx_slice_str("V"));
        int rc = from_front ? dbx_cursor_first(cursor) : dbx_cursor_last(cursor);
        CHECK_EQ(rc, DBX_OK);
        char want[16];
        (void)snprintf(want, sizeof want, "V%06u", from_front ? i : POPS - 1 - i);
        CHECK_TEXT(dbx_cursor_key(cursor), want);
        CHECK_EQ(dbx_txn_del(w->txn, dbx_cursor_key(cursor)), DBX_OK);
        dbx_cursor_close(cursor);
        if (view == NULL) CHECK(info_of(w).buffer_entries < trail + 8);
        if (i % turn == turn - 1) end_turn(w);
    }
    CHECK(info_of(w).work_seeks + info_of(w).work_steps - before < (uint64_t)STEPS_A_POP * POPS);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(w->txn), dbx_slice_str("V"));
    CHECK_EQ(dbx_cursor_first(cursor), DBX_ENOTFOUND);
    dbx_cursor_close(cursor);
    /* The gap deletes in MDBX what it covers. */
    fill(w, 1);
    cursor = dbx_cursor_open(dbx_txn_view(w->txn), dbx_slice_str("V"));
    CHECK_EQ(dbx_cursor_first(cursor), DBX_OK);
    CHECK_TEXT(dbx_cursor_key(cursor), "V000000");
    CHECK_EQ(dbx_cursor_next(cursor), DBX_ENOTFOUND);
    dbx_cursor_close(cursor);
    stop(w);
    scratch_remove(w->dir);
    free(w);
}

TEST(pops_from_either_end_leave_no_trail_of_tombstones) {
    pop_all(true, 1, false);
    pop_all(true, 1000, false);
    pop_all(false, 1, false);
    pop_all(false, 1000, false);
}

TEST(pops_while_a_view_is_open_do_not_walk_over_those_before) {
    pop_all(true, 1, true);
    pop_all(false, 100, true);
}

/* What is known of an end is forgotten when something is put or taken back there. */
TEST(what_is_put_at_an_end_that_was_popped_is_found) {
    world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    dbx_slice none = {NULL, 0};
    scratch_make(w->dir);
    start(w);
    fill(w, 100);
    for (unsigned last = 0; last < 2; last++) {
        dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(w->txn), dbx_slice_str("V"));
        dbx_savepoint savepoint = {0};
        for (unsigned i = 0; i < 10; i++) {
            CHECK_EQ(last ? dbx_cursor_last(cursor) : dbx_cursor_first(cursor), DBX_OK);
            if (i == 5) savepoint = dbx_txn_command_begin(w->txn, true);
            CHECK_EQ(dbx_txn_del(w->txn, dbx_cursor_key(cursor)), DBX_OK);
        }
        CHECK_EQ(last ? dbx_cursor_last(cursor) : dbx_cursor_first(cursor), DBX_OK);
        CHECK_TEXT(dbx_cursor_key(cursor), last ? "V000089" : "V000010");
        dbx_txn_command_undo(w->txn, savepoint);
        CHECK_EQ(last ? dbx_cursor_last(cursor) : dbx_cursor_first(cursor), DBX_OK);
        CHECK_TEXT(dbx_cursor_key(cursor), last ? "V000094" : "V000005");
        dbx_slice again = dbx_slice_str(last ? "V000097" : "V000002");
        CHECK_EQ(dbx_txn_put(w->txn, again, none, none), DBX_OK);
        CHECK_EQ(last ? dbx_cursor_last(cursor) : dbx_cursor_first(cursor), DBX_OK);
        CHECK_BYTES(dbx_cursor_key(cursor), again);
        dbx_cursor_close(cursor);
    }
    stop(w);
    scratch_remove(w->dir);
    free(w);
}
