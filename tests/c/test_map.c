/* test_map.c: the hash map against a plain array, under random changes. */
#include "base/map.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/rand.h"
#include "check.h"

enum { KEYS = 500 };

static char names[KEYS][32];

static dbx_slice key_of(size_t i) {
    snprintf(names[i], sizeof names[i], "Key-%zu", i);
    return dbx_slice_str(names[i]);
}

TEST(an_empty_map_has_nothing) {
    dbx_map map;
    size_t at = 0;
    dbx_map_init(&map, false);
    CHECK(dbx_map_get(&map, dbx_slice_str("x")) == NULL);
    CHECK(dbx_map_del(&map, dbx_slice_str("x")) == NULL);
    CHECK(dbx_map_next(&map, &at) == NULL);
    dbx_map_free(&map);
}

TEST(random_changes_agree_with_an_array) {
    dbx_map map;
    int *want[KEYS] = {0}, values[KEYS * 2];
    size_t count = 0;
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    dbx_map_init(&map, false);
    for (int round = 0; round < 200000; round++) {
        /* The working set swells and shrinks, so that runs form and dissolve. */
        size_t i = dbx_rand_below(&rand, round / 20000 % 2 != 0 ? KEYS : 40);
        int *value = &values[dbx_rand_below(&rand, KEYS * 2)];
        void *old;
        if (dbx_rand_below(&rand, 2) == 0) {
            CHECK_EQ(dbx_map_put(&map, key_of(i), value, &old), DBX_OK);
            CHECK(old == want[i]);
            count += want[i] == NULL;
            want[i] = value;
        } else {
            CHECK(dbx_map_del(&map, key_of(i)) == want[i]);
            count -= want[i] != NULL;
            want[i] = NULL;
        }
        CHECK_EQ(map.count, count);
        i = dbx_rand_below(&rand, KEYS);
        CHECK(dbx_map_get(&map, key_of(i)) == want[i]);
    }
    size_t at = 0, seen = 0;
    for (dbx_map_slot *slot; (slot = dbx_map_next(&map, &at)) != NULL; seen++) {
        CHECK(want[atoi((const char *)slot->key.ptr + 4)] == slot->value);
    }
    CHECK_EQ(seen, count);
    dbx_map_free(&map);
}

TEST(nocase_keys_of_any_length_are_found) {
    dbx_map map;
    int value;
    dbx_map_init(&map, true);
    CHECK_EQ(dbx_map_put(&map, dbx_slice_str("maxmemory"), &value, NULL), DBX_OK);
    CHECK(dbx_map_get(&map, dbx_slice_str("MaxMemory")) == &value);
    CHECK(dbx_map_get(&map, dbx_slice_str("maxmemor")) == NULL);
    char lower[200], upper[200];
    memset(lower, 'q', sizeof lower);
    memset(upper, 'Q', sizeof upper);
    CHECK_EQ(dbx_map_put(&map, dbx_slice_of(lower, sizeof lower), &value, NULL), DBX_OK);
    CHECK(dbx_map_get(&map, dbx_slice_of(upper, sizeof upper)) == &value);
    CHECK(dbx_map_del(&map, dbx_slice_of(upper, sizeof upper)) == &value);
    CHECK_EQ(map.count, 1);
    dbx_map_free(&map);
}

#ifdef DBX_ALLOC_FAULTS
TEST(a_failed_growth_changes_nothing) {
    dbx_map map;
    int value;
    size_t i = 0;
    dbx_map_init(&map, false);
    dbx_alloc_fail_after(2);
    while (dbx_map_put(&map, key_of(i), &value, NULL) == DBX_OK) {
        i++;
    }
    CHECK(dbx_alloc_failed());
    CHECK_EQ(map.count, i);
    for (size_t k = 0; k < i; k++) {
        CHECK(dbx_map_get(&map, key_of(k)) == &value);
    }
    CHECK_EQ(dbx_map_put(&map, key_of(i), &value, NULL), DBX_OK);
    dbx_map_free(&map);
}
#endif
