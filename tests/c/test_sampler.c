/* test_sampler.c: every member is drawn equally often: of small dicts and large ones, of what
 * deletions in the order of hashes have left, while members come and go, and from other views. */
#include "dicts.h"

#include <math.h>

#include "types/sampler.h"

#ifdef DBX_EMULATED
enum { DRAWS = 15 }; /* of each member on average */
#else
enum { DRAWS = 30 };
#endif
enum { MEMBERS_MAX = 4000 };

static dbx_slice name_of(unsigned i, char out[16]) {
    return dbx_slice_of(out, (size_t)snprintf(out, 16, "%u", i));
}

static void fill(dicts *d, unsigned from, unsigned to) {
    char name[16];
    for (unsigned i = from; i < to; i++) {
        CHECK(dicts_put(d, name_of(i, name), (dbx_slice){NULL, 0}));
        if (i % 100 == 99) dicts_turn(d);
    }
}

static unsigned number_of(const dbx_dict_item *item) {
    char digits[16] = "";
    CHECK(item->member.len < sizeof digits);
    memcpy(digits, item->member.ptr, (size_t)item->member.len);
    unsigned n = (unsigned)strtoul(digits, NULL, 10);
    return n < MEMBERS_MAX ? n : 0;
}

/* Whether counts that should be the same vary as chance makes them vary: chi-square, within five
 * standard deviations of what is expected. */
static void check_even(const unsigned *drawn, const bool *there, unsigned members, double each) {
    double square = 0, freedom = members - 1;
    for (unsigned i = 0; i < MEMBERS_MAX; i++) {
        if (!there[i]) {
            CHECK_EQ(drawn[i], 0);
        } else {
            square += (drawn[i] - each) * (drawn[i] - each) / each;
        }
    }
    CHECK(square < freedom + 5 * sqrt(2 * freedom) + 10);
    if (members > 30) CHECK(square > freedom - 5 * sqrt(2 * freedom));
}

static unsigned find_there(dicts *d, bool *there) {
    dbx_dict_walk walk;
    dbx_dict_item item;
    unsigned count = 0;
    memset(there, 0, MEMBERS_MAX * sizeof *there);
    CHECK_EQ(dbx_dict_walk_open(&walk, dbx_txn_view(d->txn), d->dict, 0), DBX_OK);
    while (dbx_dict_walk_next(&walk, &item) == DBX_OK) {
        there[number_of(&item)] = true;
        count++;
    }
    dbx_dict_walk_close(&walk);
    return count;
}

/* Draws from the live view, and from one of its own if `pinned`. */
static void check_draws(dicts *d, bool pinned) {
    static unsigned drawn[MEMBERS_MAX];
    static bool there[MEMBERS_MAX];
    unsigned members = find_there(d, there);
    dbx_view *view = pinned ? dbx_view_open(d->txn) : NULL;
    dbx_sampler own = {0};
    memset(drawn, 0, sizeof drawn);
    if (pinned) CHECK_EQ(dbx_sampler_open(&own, view, d->dict, members), DBX_OK);
    for (unsigned i = 0; i < DRAWS * members; i++) {
        dbx_dict_item item;
        int rc = pinned ? dbx_sampler_draw(&own, dbx_txn_rand(d->txn), &item)
                        : dbx_dict_random(d->txn, d->dict, members, &item);
        CHECK_EQ(rc, DBX_OK);
        if (rc != DBX_OK) break;
        drawn[number_of(&item)]++;
    }
    check_even(drawn, there, members, DRAWS);
    if (pinned) {
        dbx_sampler_close(&own);
        dbx_view_close(view);
    }
}

/* Deletes the members whose hash lies in a part of the range, in thousandths. */
static void thin_out(dicts *d, unsigned from, unsigned to, unsigned keep_of_ten) {
    dbx_dict_walk walk;
    dbx_dict_item item;
    unsigned n = 0;
    CHECK_EQ(dbx_dict_walk_open(&walk, dbx_txn_view(d->txn), d->dict, 0), DBX_OK);
    while (dbx_dict_walk_next(&walk, &item) == DBX_OK) {
        uint64_t part = item.hash / ((UINT64_C(1) << 48) / 1000);
        if (part < from || part >= to || n++ % 10 < keep_of_ten) continue;
        CHECK_EQ(dbx_dict_del_item(d->txn, d->dict, &item), DBX_OK);
    }
    dbx_dict_walk_close(&walk);
    dicts_turn(d);
}

static void open_seeded(dicts *d, bool in_memory) {
    dicts_open(d, in_memory);
    dbx_rand_seed_with(dbx_txn_rand(d->txn), check_seed());
}

TEST(every_member_is_drawn_equally_often) {
    static const unsigned sizes[] = {1, 2, 7, 31, 32, 33, 100, 1000, MEMBERS_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dicts d;
        open_seeded(&d, i % 2 == 0);
        fill(&d, 0, sizes[i]);
        check_draws(&d, false);
        check_draws(&d, true);
        dicts_close(&d);
    }
}

TEST(what_deletions_in_the_order_of_hashes_leave_is_drawn_equally_often) {
    static const struct {
        unsigned from, to, keep;
    } parts[] = {{0, 900, 0},    {0, 990, 0}, {100, 1000, 0}, {0, 500, 1},
                 {450, 1000, 0}, {0, 900, 1}, {300, 700, 0}};
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        dicts d;
        open_seeded(&d, i % 2 == 0);
        fill(&d, 0, MEMBERS_MAX);
        if (i % 3 == 0) check_draws(&d, false); /* what it learnt then is corrected */
        thin_out(&d, parts[i].from, parts[i].to, parts[i].keep);
        check_draws(&d, false);
        check_draws(&d, true);
        dicts_close(&d);
    }
}

TEST(members_that_were_taken_back_or_came_later_are_no_exception) {
    char name[16];
    dicts d;
    open_seeded(&d, true);
    fill(&d, 0, 1500);
    check_draws(&d, false);
    dicts_turn(&d);
    for (unsigned i = 1500; i < 2500; i++)
        CHECK(dicts_put(&d, name_of(i, name), (dbx_slice){NULL, 0}));
    for (unsigned i = 0; i < 300; i++)
        CHECK(dicts_del(&d, name_of(i, name)));
    dbx_txn_command_undo(d.txn, d.command);
    check_draws(&d, false);
    fill(&d, 1500, MEMBERS_MAX);
    check_draws(&d, false);
    for (unsigned i = 0; i < 3500; i++)
        CHECK(dicts_del(&d, name_of(i, name)));
    check_draws(&d, false);
    dicts_close(&d);
}

/* Which of many is drawn last shows a preference as well as which is drawn first. */
TEST(drawing_and_removing_until_none_is_left_prefers_none) {
    enum { SIZE = 60, ROUNDS = 60 * DRAWS };
    static unsigned last[MEMBERS_MAX], first[MEMBERS_MAX];
    static bool there[MEMBERS_MAX];
    dicts d;
    memset(last, 0, sizeof last);
    memset(first, 0, sizeof first);
    open_seeded(&d, true);
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill(&d, 0, SIZE);
        for (unsigned left = SIZE; left > 0; left--) {
            dbx_dict_item item;
            CHECK_EQ(dbx_dict_random(d.txn, d.dict, left, &item), DBX_OK);
            if (left == SIZE) first[number_of(&item)]++;
            if (left == 1) last[number_of(&item)]++;
            CHECK_EQ(dbx_dict_del_item(d.txn, d.dict, &item), DBX_OK);
        }
        dicts_turn(&d);
    }
    for (unsigned i = 0; i < SIZE; i++)
        there[i] = true;
    check_even(first, there, SIZE, DRAWS);
    check_even(last, there, SIZE, DRAWS);
    dicts_close(&d);
}
