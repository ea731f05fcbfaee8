/* test_held.c: deadlines that are held back go where effects take them. */
#include "check.h"

#include "base/alloc.h"
#include "base/err.h"
#include "store/held.h"

enum { WORDS_MAX = 8 };

static int follow(dbx_held *held, uint64_t db, const char *text) {
    dbx_slice argv[WORDS_MAX];
    size_t argc = 0;
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, " ");
        argv[argc++] = dbx_slice_of(at, n);
        at += n + (at[n] == ' ');
    }
    return dbx_held_follow(held, db, argc, argv);
}

static int put(dbx_held *held, uint64_t db, const char *name, int64_t ms) {
    return dbx_held_put(held, db, dbx_slice_str(name), ms);
}

/* What is held for a key, or a field of it; 0: nothing. */
static int64_t held_of(const dbx_held *held, uint64_t db, const char *wanted, const char *field) {
    dbx_held_at at = {.db = 0};
    dbx_held_item item;
    while (dbx_held_next(held, &at, &item)) {
        if (item.db != db || !dbx_slice_eq(item.name, dbx_slice_str(wanted))) continue;
        if (item.is_field != (field != NULL)) continue;
        if (field == NULL || dbx_slice_eq(item.field, dbx_slice_str(field))) return item.ms;
    }
    return 0;
}

static int64_t held_ms(const dbx_held *held, uint64_t db, const char *wanted) {
    return held_of(held, db, wanted, NULL);
}

static size_t count(const dbx_held *held) {
    dbx_held_at at = {.db = 0};
    dbx_held_item item;
    size_t n = 0;
    while (dbx_held_next(held, &at, &item))
        n++;
    return n;
}

TEST(a_later_deadline_takes_the_place_of_the_one_before) {
    dbx_held held = {.count = 0};
    CHECK_EQ(put(&held, 3, "k", 1), DBX_OK);
    CHECK_EQ(put(&held, 3, "k", 2), DBX_OK);
    CHECK_EQ(held_ms(&held, 3, "k"), 2);
    CHECK_EQ(count(&held), 1);
    dbx_held_drop(&held, 3, dbx_slice_str("k"));
    dbx_held_drop(&held, 9, dbx_slice_str("k"));
    CHECK_EQ(count(&held), 0);
    dbx_held_free(&held);
}

TEST(a_deadline_goes_where_its_key_goes) {
    static const struct {
        const char *effect;
        uint64_t db;
        int64_t a, b, other_a, other_b; /* before each: a 1, b 2, in the other database b 3 */
    } cases[] = {
        {"RENAME a b", 0, 0, 1, 0, 3},
        {"renamenx b a", 0, 2, 0, 0, 3},
        {"RENAME a a", 0, 1, 2, 0, 3},
        {"RENAME c a", 0, 0, 2, 0, 3},
        {"COPY a b REPLACE", 0, 1, 1, 0, 3},
        {"COPY c b REPLACE", 0, 1, 0, 0, 3},
        {"COPY a b db 1 replace", 0, 1, 2, 0, 1},
        {"COPY a a DB 7 DB 1", 0, 1, 2, 1, 3},
        {"MOVE a 1", 0, 0, 2, 1, 3},
        {"MOVE b 0", 1, 1, 3, 0, 0},
        {"SWAPDB 1 0", 5, 0, 3, 1, 2},
        {"SWAPDB 0 0", 0, 1, 2, 0, 3},
        {"SWAPDB 0 4", 0, 0, 0, 0, 3},
        {"DEL c b a", 0, 0, 0, 0, 3},
        {"FLUSHDB ASYNC", 0, 0, 0, 0, 3},
        {"flushall", 1, 0, 0, 0, 0},
        {"FLUSHDB", 77, 1, 2, 0, 3},
        {"APPEND a b", 0, 1, 2, 0, 3},
        {"SWAPDB 70 71", 0, 1, 2, 0, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dbx_held held = {.count = 0};
        CHECK_EQ(put(&held, 0, "a", 1), DBX_OK);
        CHECK_EQ(put(&held, 0, "b", 2), DBX_OK);
        CHECK_EQ(put(&held, 1, "b", 3), DBX_OK);
        CHECK_EQ(follow(&held, cases[i].db, cases[i].effect), DBX_OK);
        if (held_ms(&held, 0, "a") != cases[i].a) fprintf(stderr, "%s\n", cases[i].effect);
        CHECK_EQ(held_ms(&held, 0, "a"), cases[i].a);
        CHECK_EQ(held_ms(&held, 0, "b"), cases[i].b);
        CHECK_EQ(held_ms(&held, 1, "a"), cases[i].other_a);
        CHECK_EQ(held_ms(&held, 1, "b"), cases[i].other_b);
        dbx_held_free(&held);
    }
}

static int put_field(dbx_held *held, const char *name, const char *field, int64_t ms) {
    return dbx_held_put_field(held, 0, dbx_slice_str(name), dbx_slice_str(field), ms);
}

TEST(deadlines_of_fields_go_with_their_key_and_end_with_it) {
    static const struct {
        const char *effect;
        int64_t a_f, a_g, b_f, key; /* before each: a's f 1 and g 2, and 3 for a itself */
    } cases[] = {
        {"RENAME a b", 0, 0, 1, 0},   {"COPY a b REPLACE", 1, 2, 1, 3}, {"RENAME c a", 0, 0, 0, 0},
        {"COPY a a", 1, 2, 0, 3},     {"HDEL a f x", 0, 2, 0, 3},       {"HSET a f v", 1, 2, 0, 3},
        {"HDEL b f", 1, 2, 0, 3},     {"PERSIST a", 1, 2, 0, 3},        {"DEL a", 0, 0, 0, 0},
        {"MOVE a 1", 0, 0, 0, 0},     {"SET a v", 0, 0, 0, 3},          {"SADD a f", 0, 0, 0, 3},
        {"BITOP OR a b", 0, 0, 0, 3}, {"BITOP OR b a", 1, 2, 0, 3},     {"FLUSHDB", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dbx_held held = {.count = 0};
        CHECK_EQ(put_field(&held, "a", "f", 9), DBX_OK);
        CHECK_EQ(put_field(&held, "a", "f", 1), DBX_OK);
        CHECK_EQ(put_field(&held, "a", "g", 2), DBX_OK);
        CHECK_EQ(put(&held, 0, "a", 3), DBX_OK);
        CHECK_EQ(count(&held), 3);
        CHECK_EQ(follow(&held, 0, cases[i].effect), DBX_OK);
        if (held_of(&held, 0, "a", "f") != cases[i].a_f) fprintf(stderr, "%s\n", cases[i].effect);
        CHECK_EQ(held_of(&held, 0, "a", "f"), cases[i].a_f);
        CHECK_EQ(held_of(&held, 0, "a", "g"), cases[i].a_g);
        CHECK_EQ(held_of(&held, 0, "b", "f"), cases[i].b_f);
        CHECK_EQ(held_ms(&held, 0, "a"), cases[i].key);
        dbx_held_free(&held);
    }
}

TEST(a_key_is_forgotten_with_the_last_of_what_is_held_for_it) {
    dbx_held held = {.count = 0};
    CHECK_EQ(put_field(&held, "a", "f", 1), DBX_OK);
    CHECK_EQ(put(&held, 0, "a", 2), DBX_OK);
    dbx_held_drop(&held, 0, dbx_slice_str("a"));
    CHECK_EQ(count(&held), 1);
    dbx_held_drop_field(&held, 0, dbx_slice_str("a"), dbx_slice_str("f"));
    dbx_held_drop_field(&held, 0, dbx_slice_str("a"), dbx_slice_str("f"));
    dbx_held_drop_fields(&held, 7, dbx_slice_str("a"));
    CHECK_EQ(count(&held), 0);
    CHECK_EQ(held.dbs[0].count, 0);
    dbx_held_free(&held);
}

TEST(what_is_no_effect_is_refused) {
    static const char *const effects[] = {"RENAME a", "MOVE a x", "COPY a b DB x", "SWAPDB 0 x",
                                          "SWAPDB 0 99999999999"};
    dbx_held held = {.count = 0};
    CHECK_EQ(put(&held, 0, "a", 1), DBX_OK);
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++)
        CHECK_EQ(follow(&held, 0, effects[i]), DBX_ECORRUPT);
    CHECK_EQ(put(&held, UINT64_MAX, "a", 1), DBX_ECORRUPT);
    CHECK_EQ(held_ms(&held, 0, "a"), 1);
    dbx_held_free(&held);
}

#ifdef DBX_ALLOC_FAULTS
TEST(what_finds_no_memory_fails_and_leaves_what_was_held) {
    static const char *const effects[] = {"RENAME a b", "COPY a b", "MOVE a 40", "SWAPDB 0 40"};
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        int rc = DBX_ENOMEM;
        for (long n = 0; rc == DBX_ENOMEM && n < 10; n++) {
            dbx_held held = {.count = 0};
            CHECK_EQ(put(&held, 0, "a", 1), DBX_OK);
            CHECK_EQ(put_field(&held, "a", "f", 2), DBX_OK);
            dbx_alloc_fail_after(n);
            rc = follow(&held, 0, effects[i]);
            dbx_alloc_fail_after(-1);
            if (rc == DBX_ENOMEM) CHECK_EQ(held_ms(&held, 0, "a"), 1);
            if (n == 0) CHECK_EQ(rc, DBX_ENOMEM);
            dbx_held_free(&held);
        }
        CHECK_EQ(rc, DBX_OK);
    }
}
#endif
