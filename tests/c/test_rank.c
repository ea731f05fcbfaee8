/* test_rank.c: ranks and indices of a sorted set's members against a sorted array, and their cost;
 * while counts are in memory and while they are not, with undone commands, applies and restarts.
 */
#include "check.h"
#include "scratch.h"

#include "base/rand.h"
#include "store/store.h"
#include "types/rank.h"

enum { MEMBERS = 150000, CID = 7, BUFFER_BYTES = 96 << 10 };

typedef struct world {
    char dir[SCRATCH_BYTES]; /* empty: in memory */
    dbx_store *store;
    dbx_txn *txn;
    dbx_rank rank;
    dbx_rand rand;
    unsigned bits; /* of the hash for each level */
    unsigned count;
    uint64_t at[MEMBERS + 1]; /* the members, in order */
} world;

static void start(world *w, unsigned levels) {
    dbx_error error;
    dbx_store_options options = {.path = w->dir[0] != '\0' ? w->dir : NULL,
                                 .durability = DBX_DURABILITY_NONE,
                                 .databases = 1,
                                 .buffer_bytes = BUFFER_BYTES};
    CHECK_EQ(dbx_store_open(&options, &w->store, &error), DBX_OK);
    CHECK_EQ(dbx_store_replay(w->store, NULL, &error), DBX_OK);
    w->txn = dbx_store_turn_begin(w->store, 1000);
    dbx_rank_init(&w->rank, w->txn, CID, levels);
}

static void open_world(world *w, unsigned bits, bool on_disk) {
    memset(w, 0, sizeof *w);
    w->bits = bits;
    if (on_disk) scratch_make(w->dir);
    dbx_rand_seed_with(&w->rand, check_seed());
    start(w, 0);
}

static void stop(world *w) {
    dbx_error error;
    dbx_rank_close(&w->rank);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    CHECK_EQ(dbx_store_close(w->store, &error), DBX_OK);
}

static void close_world(world *w) {
    stop(w);
    if (w->dir[0] != '\0') scratch_remove(w->dir);
}

/* Between turns undo records are dropped, and buffers are frozen. */
static void next_turn(world *w) {
    dbx_error error;
    unsigned levels = w->rank.levels;
    dbx_rank_close(&w->rank);
    CHECK_EQ(dbx_store_turn_end(w->store, &error), DBX_OK);
    w->txn = dbx_store_turn_begin(w->store, 1000);
    dbx_rank_init(&w->rank, w->txn, CID, levels);
}

/* A restart, when all is applied: the test has no log. */
static void restart(world *w) {
    unsigned levels = w->rank.levels;
    uint64_t freeze = dbx_store_freeze(w->store, true);
    next_turn(w);
    while (freeze != 0 && !dbx_store_saved(w->store, freeze)) {
        pause_ms(1);
        next_turn(w);
    }
    stop(w);
    start(w, levels);
}

static unsigned level_of(const world *w, uint64_t member) {
    uint64_t hash = member * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
    hash *= 0xBF58476D1CE4E5B9u;
    hash ^= hash >> 32;
    unsigned level = hash == 0 ? 8 : (unsigned)__builtin_ctzll(hash) / w->bits;
    return level < DBX_RANK_LEVELS_MAX ? level : DBX_RANK_LEVELS_MAX;
}

static dbx_slice place_of(uint64_t member, uint8_t out[8]) {
    dbx_store64_be(out, member);
    return dbx_slice_of(out, 8);
}

static unsigned lower_bound(const world *w, uint64_t member) {
    unsigned low = 0, high = w->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (w->at[middle] < member) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static dbx_slice member_key(dbx_slice place, uint8_t key[64]) {
    size_t n = dbx_format_collection(key, DBX_TABLE_ZSET, CID);
    memcpy(key + n, place.ptr, place.len);
    return dbx_slice_of(key, n + place.len);
}

static void model_insert(world *w, unsigned at, uint64_t member) {
    memmove(&w->at[at + 1], &w->at[at], (w->count - at) * sizeof w->at[0]);
    w->at[at] = member;
    w->count++;
}

static void model_remove(world *w, unsigned at) {
    w->count--;
    memmove(&w->at[at], &w->at[at + 1], (w->count - at) * sizeof w->at[0]);
}

static void insert(world *w, uint64_t member) {
    uint8_t bytes[8], key[64];
    dbx_slice none = {NULL, 0}, place = place_of(member, bytes);
    unsigned at = lower_bound(w, member);
    if (w->count == MEMBERS || (at < w->count && w->at[at] == member)) return;
    CHECK_EQ(dbx_txn_put(w->txn, member_key(place, key), none, none), DBX_OK);
    CHECK_EQ(dbx_rank_insert(&w->rank, place, level_of(w, member)), DBX_OK);
    model_insert(w, at, member);
}

static void remove_at(world *w, unsigned at) {
    uint8_t bytes[8], key[64];
    uint64_t member = w->at[at];
    dbx_slice place = place_of(member, bytes);
    dbx_rank_end end = DBX_RANK_ANYWHERE;
    if (at == 0 && dbx_rand_below(&w->rand, 2) == 0) end = DBX_RANK_FIRST;
    if (at + 1 == w->count && dbx_rand_below(&w->rand, 2) == 0) end = DBX_RANK_LAST;
    CHECK_EQ(dbx_txn_del(w->txn, member_key(place, key)), DBX_OK);
    CHECK_EQ(dbx_rank_remove(&w->rank, place, level_of(w, member), end), DBX_OK);
    model_remove(w, at);
}

/* Another place for a member that is no border: as if its score changed. */
static void move_at(world *w, unsigned at, uint64_t to) {
    uint8_t old[8], new[8], key[64];
    uint64_t member = w->at[at];
    dbx_slice none = {NULL, 0}, from = place_of(member, old), place = place_of(to, new);
    unsigned there = lower_bound(w, to);
    if (level_of(w, member) != 0 || level_of(w, to) != 0) return;
    if (there < w->count && w->at[there] == to) return;
    CHECK_EQ(dbx_txn_del(w->txn, member_key(from, key)), DBX_OK);
    CHECK_EQ(dbx_txn_put(w->txn, member_key(place, key), none, none), DBX_OK);
    CHECK_EQ(dbx_rank_move(&w->rank, from, place), DBX_OK);
    model_remove(w, at);
    model_insert(w, lower_bound(w, to), to);
}

/* The place of the member at an index; valid until the next. */
static int place_at(world *w, uint64_t index, uint8_t out[8]) {
    uint8_t head[64];
    size_t n = dbx_format_collection(head, DBX_TABLE_ZSET, CID);
    dbx_cursor *members = dbx_cursor_open(dbx_txn_view(w->txn), dbx_slice_of(head, n));
    CHECK(members != NULL);
    int rc = dbx_rank_at(&w->rank, index, members);
    if (rc == DBX_OK) {
        dbx_slice key = dbx_cursor_key(members);
        CHECK_EQ(key.len, n + 8);
        memcpy(out, key.ptr + n, 8);
    }
    dbx_cursor_close(members);
    return rc;
}

static void check_one(world *w, unsigned at) {
    uint8_t bytes[8], found[8];
    uint64_t before;
    CHECK_EQ(dbx_rank_of(&w->rank, place_of(w->at[at], bytes), &before), DBX_OK);
    CHECK_EQ(before, at);
    uint64_t any =
        dbx_rand_below(&w->rand, w->at[w->count - 1] + 2); /* whether or not it is there */
    CHECK_EQ(dbx_rank_of(&w->rank, place_of(any, bytes), &before), DBX_OK);
    CHECK_EQ(before, lower_bound(w, any));
    CHECK_EQ(place_at(w, at, found), DBX_OK);
    CHECK_BYTES(dbx_slice_of(found, 8), place_of(w->at[at], bytes));
}

static void check_all(world *w, unsigned step) {
    uint8_t bytes[8];
    uint64_t before;
    for (unsigned i = 0; i < w->count; i += step)
        check_one(w, i);
    if (w->count > 0) check_one(w, w->count - 1);
    CHECK_EQ(dbx_rank_of(&w->rank, place_of(UINT64_MAX, bytes), &before), DBX_OK);
    CHECK_EQ(before, w->count);
    CHECK_EQ(place_at(w, w->count, bytes), DBX_ENOTFOUND);
}

/* Some changes that are undone: what is kept of them in memory must go with them. */
static void take_back(world *w, uint64_t range) {
    static uint64_t at[MEMBERS + 1];
    unsigned count = w->count, levels = w->rank.levels;
    memcpy(at, w->at, sizeof at);
    dbx_savepoint savepoint = dbx_txn_command_begin(w->txn, true);
    for (unsigned i = 0; i < 20; i++) {
        insert(w, dbx_rand_below(&w->rand, range));
        remove_at(w, (unsigned)dbx_rand_below(&w->rand, w->count));
    }
    dbx_txn_command_undo(w->txn, savepoint);
    memcpy(w->at, at, sizeof at);
    w->count = count;
    w->rank.levels = levels;
}

/* Other sets are used until this one's counts are not in memory any more. */
static void crowd(world *w) {
    for (uint64_t i = 0; i < 200; i++)
        (void)dbx_rank_cache_of(w->txn, CID + 1 + i % 5, 3);
}

static void random_changes(unsigned bits, unsigned members, unsigned changes, bool on_disk) {
    static world w;
    open_world(&w, bits, on_disk);
    const uint64_t range = 4 * (uint64_t)members;
    for (unsigned i = 0; i < changes; i++) {
        unsigned what = (unsigned)dbx_rand_below(&w.rand, 10);
        bool growing = i < changes / 2;
        if (w.count == 0 || what < (growing ? 6u : 3u)) {
            insert(&w, dbx_rand_below(&w.rand, range));
        } else if (what < 7) {
            remove_at(&w, (unsigned)dbx_rand_below(&w.rand, w.count));
        } else if (what < 8) {
            remove_at(&w, dbx_rand_below(&w.rand, 2) == 0 ? 0 : w.count - 1);
        } else {
            move_at(&w, (unsigned)dbx_rand_below(&w.rand, w.count), dbx_rand_below(&w.rand, range));
        }
        if (i % 10 == 0 && w.count > 0) check_one(&w, (unsigned)dbx_rand_below(&w.rand, w.count));
        if (i % (changes / 20 + 1) == 0) check_all(&w, w.count < 500 ? 1 : 37);
        if (i % (on_disk ? 100u : 1000u) == 0) next_turn(&w);
        if (i % 2000 == 1999) take_back(&w, range);
        if (i % 3000 == 2999) crowd(&w);
        if (on_disk && i % 4000 == 3999) restart(&w);
    }
    check_all(&w, 1);
    while (w.count > 0)
        remove_at(&w, (unsigned)dbx_rand_below(&w.rand, w.count));
    CHECK_EQ(w.rank.levels, 0);
    close_world(&w);
}

TEST(every_rank_and_index_is_right_whatever_the_fan_out) {
    random_changes(1, 300, 4000, false);
    random_changes(2, 16, 30000, false); /* levels come and go */
    random_changes(3, 60, 30000, false);
    random_changes(2, 2000, 12000, false);
    random_changes(3, 2000, 12000, false);
    random_changes(DBX_RANK_BITS, 5000, 30000, false);
}

TEST(every_rank_and_index_is_right_while_what_was_written_is_applied) {
    random_changes(1, 300, 4000, true);
    random_changes(2, 2000, 12000, true);
    random_changes(3, 2000, 12000, true);
    random_changes(DBX_RANK_BITS, 4000, 12000, true);
}

TEST(a_member_is_a_border_by_the_zero_bits_at_the_end_of_its_hash) {
    CHECK_EQ(dbx_rank_level(1), 0);
    CHECK_EQ(dbx_rank_level(1 << (DBX_RANK_BITS - 1)), 0);
    CHECK_EQ(dbx_rank_level(1 << DBX_RANK_BITS), 1);
    CHECK_EQ(dbx_rank_level(3 << 2 * DBX_RANK_BITS), 2);
    CHECK_EQ(dbx_rank_level(0), DBX_RANK_LEVELS_MAX);
}

static void fill(world *w, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        insert(w, 2 * (uint64_t)i + 2);
        if (i % 1000 == 0) next_turn(w);
    }
}

TEST(ranks_are_right_when_the_lowest_borders_are_too_many_for_the_memory_allowed) {
    static world w;
    uint64_t before;
    uint8_t bytes[8];
    open_world(&w, 1, false);
    fill(&w, 140000); /* a border of 32 bytes and its place for every other of them */
    for (unsigned i = 0; i < 300000; i++) {
        unsigned at = (unsigned)dbx_rand_below(&w.rand, w.count);
        CHECK_EQ(dbx_rank_of(&w.rank, place_of(w.at[at], bytes), &before), DBX_OK);
        CHECK_EQ(before, at);
    }
    for (unsigned i = 0; i < 4000; i++) {
        insert(&w, dbx_rand_below(&w.rand, 280000));
        remove_at(&w, (unsigned)dbx_rand_below(&w.rand, w.count));
        move_at(&w, (unsigned)dbx_rand_below(&w.rand, w.count), dbx_rand_below(&w.rand, 280000));
        check_one(&w, (unsigned)dbx_rand_below(&w.rand, w.count));
    }
    check_all(&w, 7);
    close_world(&w);
}

/* Steps of the dearest of some ranks and indices, and of a change in the middle. */
static uint64_t cost(unsigned bits, unsigned count) {
    static world w;
    uint64_t steps = 0;
    open_world(&w, bits, false);
    fill(&w, count);
    for (unsigned i = 0; i < 200; i++) {
        w.rank.steps = 0;
        check_one(&w, (unsigned)dbx_rand_below(&w.rand, count));
        steps += w.rank.steps;
    }
    close_world(&w);
    return steps / 200;
}

TEST(a_rank_costs_a_few_steps_for_each_level) {
    /* With a fan-out of 4: twice the levels for 16 times the members. */
    uint64_t small = cost(2, 300), large = cost(2, 19200);
    CHECK(large < 3 * small);
    CHECK(large < 200);
    CHECK(cost(DBX_RANK_BITS, 19200) < 450);
}

TEST(what_comes_and_goes_at_the_ends_changes_no_count) {
    static world w;
    open_world(&w, DBX_RANK_BITS, false);
    fill(&w, 10000);
    w.rank.steps = 0;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[8], key[64];
        unsigned at = i % 2 == 0 ? 0 : w.count - 1;
        dbx_slice place = place_of(w.at[at], bytes);
        dbx_rank_end end = at == 0 ? DBX_RANK_FIRST : DBX_RANK_LAST;
        CHECK_EQ(dbx_txn_del(w.txn, member_key(place, key)), DBX_OK);
        CHECK_EQ(dbx_rank_remove(&w.rank, place, level_of(&w, w.at[at]), end), DBX_OK);
        model_remove(&w, at);
    }
    CHECK(w.rank.steps < 400);
    check_all(&w, 11);
    close_world(&w);
}
