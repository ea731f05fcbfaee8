/* test_dict.c: a dict against an array: puts, deletes, walks, walks that go on in another view or
 * delete what they meet, places and seeks; with members of any length, at all levels of the map. */
#include "dicts.h"

#include "base/rand.h"

enum { MEMBERS = 500, STEPS = 6000, MEMBER_MAX = 40000 };

typedef struct model {
    bool there[MEMBERS];
    uint32_t value[MEMBERS];
    unsigned count;
} model;

/* Of all lengths around those at which a member is kept differently. */
static dbx_slice member_of(unsigned i, uint8_t *out) {
    static const size_t lengths[] = {0, 1, 20, 1006, 1007, 1008, 1009, 5000, 32768, 32769};
    size_t len = i % 25 == 0 ? lengths[i / 25 % 10] + 6 : 20;
    memset(out, 'm', len);
    int n = snprintf((char *)out, 12, "%u", i);
    out[n] = ':';
    if (len < 20) len = (size_t)n;
    return dbx_slice_of(out, len);
}

static unsigned index_of(const dbx_cell *cell, dbx_view *view) {
    dbx_buf buf = {0};
    dbx_slice bytes;
    uint8_t want[MEMBER_MAX];
    CHECK_EQ(dbx_cell_load(view, cell, &buf, &bytes), DBX_OK);
    char digits[12] = "";
    memcpy(digits, bytes.ptr, bytes.len < 11 ? bytes.len : 11);
    unsigned i = (unsigned)strtoul(digits, NULL, 10) % MEMBERS;
    CHECK_BYTES(bytes, member_of(i, want));
    dbx_buf_free(&buf);
    return i;
}

static void change(dicts *d, model *m, dbx_rand *rand) {
    uint8_t member[MEMBER_MAX];
    unsigned i = (unsigned)dbx_rand_below(rand, MEMBERS);
    uint32_t value = (uint32_t)dbx_rand_u64(rand);
    dbx_slice bytes = member_of(i, member);
    if (dbx_rand_below(rand, 100) < 55) {
        CHECK_EQ(dicts_put(d, bytes, dbx_slice_of(&value, sizeof value)), !m->there[i]);
        m->count += !m->there[i];
        m->there[i] = true;
        m->value[i] = value;
    } else {
        CHECK_EQ(dicts_del(d, bytes), m->there[i]);
        m->count -= m->there[i];
        m->there[i] = false;
    }
}

static void check_one(dicts *d, const model *m, unsigned i) {
    uint8_t member[MEMBER_MAX];
    dbx_dict_slot slot;
    bool has;
    dbx_slice bytes = member_of(i, member);
    CHECK_EQ(dbx_dict_find(d->txn, d->dict, bytes, &slot), DBX_OK);
    CHECK_EQ(slot.found, m->there[i]);
    if (slot.found) CHECK_BYTES(slot.value, dbx_slice_of(&m->value[i], sizeof m->value[i]));
    CHECK_EQ(dbx_dict_has(dbx_txn_view(d->txn), dbx_txn_seed(d->txn), d->dict, bytes, &has),
             DBX_OK);
    CHECK_EQ(has, m->there[i]);
}

/* Walks over all, at some place moving to `view`: in order, each once, with its value. */
static void check_walk(dicts *d, const model *m, dbx_view *view, unsigned move_after) {
    dbx_dict_walk walk;
    dbx_dict_item item;
    bool met[MEMBERS] = {false};
    unsigned count = 0;
    uint64_t last = 0;
    int rc;
    CHECK_EQ(dbx_dict_walk_open(&walk, dbx_txn_view(d->txn), d->dict, 0), DBX_OK);
    while ((rc = dbx_dict_walk_next(&walk, &item)) == DBX_OK) {
        dbx_view *at = count >= move_after && view != NULL ? view : dbx_txn_view(d->txn);
        unsigned i = index_of(&item.member, at);
        CHECK(m->there[i] && !met[i] && item.hash >= last);
        CHECK_BYTES(item.value, dbx_slice_of(&m->value[i], sizeof m->value[i]));
        met[i] = true;
        last = item.hash;
        if (++count == move_after && view != NULL) {
            CHECK_EQ(dbx_dict_walk_move(&walk, view), DBX_OK);
            CHECK_EQ(dbx_dict_walk_at(&walk, &item), DBX_OK);
            CHECK_EQ(item.hash, last);
        }
    }
    CHECK_EQ(rc, DBX_ENOTFOUND);
    CHECK_EQ(count, m->count);
    dbx_dict_walk_close(&walk);
}

/* Every member is found by its place, the last is the last, and past it there is none. */
static void check_places(dicts *d, const model *m) {
    uint8_t member[MEMBER_MAX], place[DBX_ENCODED_KEY_MAX], end[] = {255, 255, 255, 255, 255, 255};
    dbx_dict_walk walk;
    dbx_dict_item item, last = {.hash = 0};
    uint64_t highest = 0;
    CHECK_EQ(dbx_dict_walk_open(&walk, dbx_txn_view(d->txn), d->dict, 0), DBX_OK);
    for (unsigned i = 0; i < MEMBERS; i++) {
        size_t n = dbx_dict_place(dbx_txn_seed(d->txn), member_of(i, member), place);
        int rc = dbx_dict_walk_seek(&walk, dbx_slice_of(place, n), &item);
        CHECK(rc == DBX_OK || rc == DBX_ENOTFOUND);
        bool here = rc == DBX_OK && dbx_slice_eq(item.place, dbx_slice_of(place, n));
        CHECK_EQ(here, m->there[i]);
        if (here && item.hash > highest) highest = item.hash;
    }
    CHECK_EQ(dbx_dict_walk_seek(&walk, dbx_slice_of(end, sizeof end), &item), DBX_ENOTFOUND);
    if (m->count > 0) {
        CHECK_EQ(dbx_dict_walk_last(&walk, &last), DBX_OK);
        CHECK_EQ(last.hash, highest);
    }
    dbx_dict_walk_close(&walk);
}

/* Deletes some of what a walk meets, as it is met. */
static void thin_out(dicts *d, model *m, dbx_rand *rand) {
    dbx_dict_walk walk;
    dbx_dict_item item;
    unsigned count = 0, all = m->count;
    int rc;
    CHECK_EQ(dbx_dict_walk_open(&walk, dbx_txn_view(d->txn), d->dict, 0), DBX_OK);
    while ((rc = dbx_dict_walk_next(&walk, &item)) == DBX_OK) {
        count++;
        if (dbx_rand_below(rand, 4) > 0) continue;
        unsigned i = index_of(&item.member, dbx_txn_view(d->txn));
        CHECK_EQ(dbx_dict_del_item(d->txn, d->dict, &item), DBX_OK);
        m->there[i] = false;
        m->count--;
    }
    CHECK_EQ(rc, DBX_ENOTFOUND);
    CHECK_EQ(count, all);
    dbx_dict_walk_close(&walk);
}

static void run(bool in_memory, uint64_t seed) {
    static model m, before;
    dicts d;
    dbx_rand rand;
    m = (model){.count = 0};
    dbx_rand_seed_with(&rand, seed);
    dicts_open(&d, in_memory);
    for (unsigned step = 0; step < STEPS; step++) {
        change(&d, &m, &rand);
        check_one(&d, &m, (unsigned)dbx_rand_below(&rand, MEMBERS));
        if (step % 50 == 0) dicts_turn(&d);
        if (step % 400 == 0) {
            check_walk(&d, &m, NULL, 0);
            check_places(&d, &m);
            dbx_view *view = dbx_view_open(d.txn);
            CHECK(view != NULL);
            check_walk(&d, &m, view, 1 + (unsigned)dbx_rand_below(&rand, 100));
            dbx_view_close(view);
        }
        if (step % 1000 == 999) {
            /* A command that is taken back leaves everything as it was. */
            before = m;
            dicts_turn(&d);
            for (unsigned i = 0; i < 60; i++)
                change(&d, &m, &rand);
            dbx_txn_command_undo(d.txn, d.command);
            m = before;
            check_walk(&d, &m, NULL, 0);
            thin_out(&d, &m, &rand);
        }
    }
    dicts_close(&d);
}

TEST(a_dict_in_memory_agrees_with_an_array) {
    run(true, check_seed());
}

TEST(a_dict_on_disk_agrees_with_an_array) {
    run(false, check_seed());
}
