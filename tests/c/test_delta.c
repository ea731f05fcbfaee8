/* test_delta.c: deltas of values against the values themselves, change by random change. */
#include "check.h"

#include "base/err.h"
#include "base/rand.h"
#include "store/delta.h"

enum { VALUE_MAX = 3000, ROUNDS = 300, CHANGES = 60 };

typedef struct value {
    size_t head, len;
    uint8_t bytes[VALUE_MAX];
} value;

static dbx_slice head_of(const value *v) {
    return dbx_slice_of(v->bytes, v->head);
}

static dbx_slice tail_of(const value *v) {
    return dbx_slice_of(v->bytes + v->head, v->len - v->head);
}

static void splice(value *v, size_t at, size_t cut, size_t add, uint8_t byte) {
    memmove(v->bytes + at + add, v->bytes + at + cut, v->len - at - cut);
    memset(v->bytes + at, byte, add);
    v->len = v->len - cut + add;
}

static void make_value(value *v, dbx_rand *rand) {
    v->head = dbx_rand_below(rand, 30);
    v->len = v->head + 130 + dbx_rand_below(rand, 1500);
    for (size_t i = 0; i < v->len; i++)
        v->bytes[i] = (uint8_t)dbx_rand_below(rand, 3);
}

/* A few bytes of the tail, at an end or anywhere; the head grows, shrinks or stays. */
static void change(value *v, dbx_rand *rand) {
    if (dbx_rand_below(rand, 10) == 0 && v->head > 0) {
        splice(v, 0, 1, 0, 0);
        v->head--;
    } else if (dbx_rand_below(rand, 10) == 0) {
        splice(v, 0, 0, 1, 7);
        v->head++;
    }
    size_t tail = v->len - v->head, where = dbx_rand_below(rand, 4);
    size_t at = where == 0 ? 0 : where == 1 ? tail : dbx_rand_below(rand, tail + 1);
    size_t cut = dbx_rand_below(rand, tail - at < 12 ? tail - at + 1 : 12);
    splice(v, v->head + at, cut, dbx_rand_below(rand, 12), (uint8_t)dbx_rand_below(rand, 4));
}

static void check_applied(dbx_slice base, dbx_slice delta, const value *v) {
    static uint8_t out[2 * VALUE_MAX + (64 << 10)];
    size_t len = 0;
    CHECK(dbx_delta_room(base, delta) <= sizeof out);
    CHECK_EQ(dbx_delta_apply(base, delta, out, &len), DBX_OK);
    CHECK_BYTES(dbx_slice_of(out, len), dbx_slice_of(v->bytes, v->len));
    CHECK(len <= dbx_delta_room(base, delta));
}

/* Changes a value until a delta of all of that is not worth it; returns after how many. */
static int change_all(dbx_rand *rand, value *v, dbx_buf *delta) {
    value before;
    dbx_buf next = {0};
    const value base = *v;
    int n = 0;
    for (; n < CHANGES; n++) {
        before = *v;
        change(v, rand);
        const dbx_delta_change c = {.delta = dbx_buf_slice(delta),
                                    .head_was = before.head,
                                    .was = tail_of(&before),
                                    .head = head_of(v),
                                    .tail = tail_of(v)};
        if (v->len > VALUE_MAX - 20 || !dbx_delta_make(&next, &c)) {
            *v = before;
            break;
        }
        delta->len = 0;
        dbx_buf_add(delta, next.ptr, next.len);
        CHECK(delta->len <= v->len / 2);
        check_applied(dbx_slice_of(base.bytes, base.len), dbx_buf_slice(delta), v);
    }
    dbx_buf_free(&next);
    return n;
}

TEST(a_delta_makes_of_the_value_what_the_changes_made) {
    dbx_rand rand;
    int changes = 0;
    dbx_rand_seed_with(&rand, check_seed());
    for (int i = 0; i < ROUNDS && check_failures == 0; i++) {
        value v;
        dbx_buf delta = {0};
        make_value(&v, &rand);
        changes += change_all(&rand, &v, &delta);
        dbx_buf_free(&delta);
    }
    CHECK(changes > 10 * ROUNDS);
}

TEST(two_deltas_are_joined_to_one) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed() + 1);
    for (int i = 0; i < ROUNDS && check_failures == 0; i++) {
        value v;
        dbx_buf older = {0}, newer = {0}, both = {0};
        make_value(&v, &rand);
        const value base = v;
        if (change_all(&rand, &v, &older) > 0 && change_all(&rand, &v, &newer) > 0) {
            CHECK_EQ(dbx_delta_join(&both, dbx_buf_slice(&older), dbx_buf_slice(&newer)), DBX_OK);
            check_applied(dbx_slice_of(base.bytes, base.len), dbx_buf_slice(&both), &v);
        }
        dbx_buf_free(&older);
        dbx_buf_free(&newer);
        dbx_buf_free(&both);
    }
}

/* Pops from one end, pushes to it, one field's value again and again: a splice, however many. */
TEST(changes_that_touch_each_other_are_one_splice) {
    value v = {.head = 10, .len = 2000}, before;
    dbx_buf delta = {0}, next = {0};
    for (size_t i = 0; i < v.len; i++)
        v.bytes[i] = (uint8_t)(i * 7);
    for (int i = 0; i < DBX_DELTA_CHANGES_MAX; i++) {
        before = v;
        splice(&v, v.head, 5, i % 2 == 0 ? 0 : 3, (uint8_t)(200 + i % 8));
        const dbx_delta_change c = {dbx_buf_slice(&delta), before.head, tail_of(&before),
                                    head_of(&v), tail_of(&v)};
        CHECK(dbx_delta_make(&next, &c));
        dbx_buf swap = delta;
        delta = next;
        next = swap;
        CHECK(delta.len < 40);
    }
    /* And then it is written whole: who changes it so often reads it as often. */
    const dbx_delta_change more = {dbx_buf_slice(&delta), v.head, tail_of(&v), head_of(&v),
                                   tail_of(&v)};
    CHECK(!dbx_delta_make(&next, &more));
    dbx_buf_free(&delta);
    dbx_buf_free(&next);
}

TEST(what_is_short_or_changes_wholly_is_written_whole) {
    static uint8_t a[2 * DBX_DELTA_VALUE_MAX], b[2 * DBX_DELTA_VALUE_MAX];
    dbx_buf out = {0};
    memset(b, 1, sizeof b);
    dbx_delta_change c = {.head_was = 0, .was = dbx_slice_of(a, 500), .tail = dbx_slice_of(b, 500)};
    CHECK(!dbx_delta_make(&out, &c));
    c.tail = dbx_slice_of(a, 501);
    CHECK(dbx_delta_make(&out, &c));
    c.was = dbx_slice_of(a, DBX_DELTA_VALUE_MIN);
    c.tail = dbx_slice_of(a, DBX_DELTA_VALUE_MIN - 1);
    CHECK(!dbx_delta_make(&out, &c));
    c.tail = dbx_slice_of(a, DBX_DELTA_VALUE_MAX + 1);
    CHECK(!dbx_delta_make(&out, &c));
    c.was = c.tail = dbx_slice_of(a, 500);
    c.head = dbx_slice_of(b, 256);
    CHECK(!dbx_delta_make(&out, &c));
    c.head.len = 255;
    CHECK(dbx_delta_make(&out, &c));
    dbx_buf_free(&out);
}

/* Any bytes in place of a delta: an error or a value within its room, never more. */
TEST(whatever_a_delta_says_is_applied_within_bounds) {
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed() + 2);
    for (int i = 0; i < 20 * ROUNDS && check_failures == 0; i++) {
        uint8_t bytes[64];
        size_t n = dbx_rand_below(&rand, sizeof bytes), len = 0;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)dbx_rand_below(&rand, dbx_rand_below(&rand, 2) == 0 ? 256 : 6);
        uint8_t *delta = malloc(n + 1), *base = calloc(1, 41);
        if (delta == NULL || base == NULL) abort();
        memcpy(delta, bytes, n);
        dbx_slice d = dbx_slice_of(delta, n), b = dbx_slice_of(base, dbx_rand_below(&rand, 40));
        uint8_t *out = malloc(dbx_delta_room(b, d) + 1);
        if (out == NULL) abort();
        int rc = dbx_delta_apply(b, d, out, &len);
        CHECK(rc == DBX_ECORRUPT || (rc == DBX_OK && len <= dbx_delta_room(b, d)));
        free(delta);
        free(base);
        free(out);
    }
}
