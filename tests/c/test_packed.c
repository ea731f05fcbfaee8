/* test_packed.c: listpacks read as they were written; each damaged or shortened byte is met without
 * reading beyond the end, which the sanitizers watch. */
#include "codec/packed.h"

#include "base/err.h"
#include "check.h"

static const int64_t NUMBERS[] = {
    0,
    1,
    127,
    128,
    -1,
    4095,
    -4096,
    4096,
    INT16_MAX,
    -4097,
    32768,
    INT16_MIN,
    -32769,
    (1 << 23) - 1,
    -(1 << 23),
    1 << 23,
    INT32_MAX,
    INT32_MIN,
    (int64_t)INT32_MAX + 1,
    INT64_MAX,
    INT64_MIN,
};
static const size_t LENGTHS[] = {0, 1, 63, 64, 127, 4095, 4096, 16378, 16383, 70000, 2097200};
static uint8_t letters[2097200];

enum {
    NUMBERS_COUNT = sizeof NUMBERS / sizeof NUMBERS[0],
    LENGTHS_COUNT = sizeof LENGTHS / sizeof LENGTHS[0]
};

TEST(what_is_written_is_read) {
    dbx_buf out = {0};
    dbx_packed packed;
    dbx_packed_item item;
    uint64_t count, bytes = DBX_LISTPACK_HEAD_BYTES + 1;
    dbx_listpack_open(&out);
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        dbx_listpack_add_number(&out, NUMBERS[i]);
        bytes += dbx_listpack_number_size(NUMBERS[i]);
    }
    for (size_t i = 0; i < LENGTHS_COUNT; i++) {
        dbx_listpack_add_string(&out, dbx_slice_of(letters, LENGTHS[i]));
        bytes += dbx_listpack_string_size((uint32_t)LENGTHS[i]);
    }
    dbx_listpack_close(&out, 0, NUMBERS_COUNT + LENGTHS_COUNT);
    CHECK_EQ(out.len, bytes);
    CHECK(dbx_packed_open(&packed, DBX_LISTPACK, dbx_buf_slice(&out)));
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        int64_t number;
        CHECK_EQ(dbx_packed_next(&packed, &item), DBX_OK);
        CHECK(item.is_number && dbx_packed_number(&item, &number));
        CHECK_EQ(number, NUMBERS[i]);
        CHECK(dbx_num_from_slice(item.bytes, &number) && number == NUMBERS[i]);
    }
    for (size_t i = 0; i < LENGTHS_COUNT; i++) {
        CHECK_EQ(dbx_packed_next(&packed, &item), DBX_OK);
        CHECK(!item.is_number);
        CHECK_BYTES(item.bytes, dbx_slice_of(letters, LENGTHS[i]));
    }
    CHECK_EQ(dbx_packed_next(&packed, &item), DBX_ENOTFOUND);
    CHECK(dbx_packed_count(DBX_LISTPACK, dbx_buf_slice(&out), &count));
    CHECK_EQ(count, NUMBERS_COUNT + LENGTHS_COUNT);
    dbx_buf_free(&out);
}

/* meet reads a copy that ends where its allocation does. */
static void meet(dbx_packed_kind kind, const uint8_t *bytes, size_t len) {
    uint8_t *copy = malloc(len + (len == 0));
    uint64_t count;
    if (copy == NULL) abort();
    if (len > 0) memcpy(copy, bytes, len);
    (void)dbx_packed_count(kind, dbx_slice_of(copy, len), &count);
    free(copy);
}

/* Every byte takes every value; and the whole is cut off everywhere, with a total that agrees. */
static void damage(dbx_packed_kind kind, const uint8_t *bytes, size_t len) {
    uint8_t copy[256];
    for (size_t i = 0; i < len; i++) {
        memcpy(copy, bytes, len);
        for (unsigned value = 0; value < 256; value++) {
            copy[i] = (uint8_t)value;
            meet(kind, copy, len);
        }
    }
    for (size_t cut = 0; cut < len; cut++) {
        memcpy(copy, bytes, len);
        if (kind != DBX_INTSET) copy[0] = (uint8_t)cut;
        if (cut > 0) copy[cut - 1] = 0xFF;
        meet(kind, copy, cut);
    }
}

TEST(nothing_is_read_beyond_the_end) {
    static const uint8_t ziplist[] = {
        32, 0,    0,    0,    27,   0, 0,   0,   5, 0, /* 32 bytes, the tail at 27, 5 */
        0,  1,    'a',                                 /* "a" */
        3,  0xF3,                                      /* 2 */
        2,  0xC0, 0x2C, 0x01,                          /* 300 */
        4,  0x80, 0,    0,    0,    2, 'x', 'y',       /* "xy", its length in 32 bits */
        8,  0xD0, 1,    2,    0xFF,                    /* cut off */
    };
    static const uint8_t intset[] = {2, 0, 0, 0, 2, 0, 0, 0, 0xFE, 0xFF, 7, 0};
    dbx_buf out = {0};
    uint64_t count;
    dbx_listpack_open(&out);
    dbx_listpack_add_string(&out, dbx_slice_str("abc"));
    dbx_listpack_add_number(&out, 300);
    dbx_listpack_add_number(&out, INT64_MIN);
    dbx_listpack_add_string(&out, dbx_slice_of(letters, 70));
    dbx_listpack_close(&out, 0, 4);
    CHECK(dbx_packed_count(DBX_LISTPACK, dbx_buf_slice(&out), &count));
    damage(DBX_LISTPACK, out.ptr, out.len);
    CHECK(!dbx_packed_count(DBX_ZIPLIST, dbx_slice_of(ziplist, sizeof ziplist), &count));
    damage(DBX_ZIPLIST, ziplist, sizeof ziplist);
    CHECK(dbx_packed_count(DBX_INTSET, dbx_slice_of(intset, sizeof intset), &count));
    CHECK_EQ(count, 2);
    damage(DBX_INTSET, intset, sizeof intset);
    dbx_buf_free(&out);
}

TEST(a_back_length_that_is_another_is_damage) {
    dbx_buf out = {0};
    uint64_t count;
    dbx_listpack_open(&out);
    dbx_listpack_add_string(&out, dbx_slice_of(letters, 200));
    dbx_listpack_close(&out, 0, 1);
    CHECK(dbx_packed_count(DBX_LISTPACK, dbx_buf_slice(&out), &count));
    out.ptr[out.len - 2] ^= 1;
    CHECK(!dbx_packed_count(DBX_LISTPACK, dbx_buf_slice(&out), &count));
    dbx_buf_free(&out);
}
