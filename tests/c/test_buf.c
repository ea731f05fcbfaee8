/* test_buf.c: the growable buffer and its sticky failure. */
#include "base/buf.h"

#include "base/alloc.h"
#include "check.h"

TEST(appends_keep_order_and_length) {
    dbx_buf buf = {0};
    dbx_buf_add(&buf, NULL, 0);
    CHECK(buf.ptr == NULL && !buf.failed);
    dbx_buf_str(&buf, "ab");
    dbx_buf_byte(&buf, 'c');
    dbx_buf_printf(&buf, "%d-%s", 12, "x");
    CHECK_TEXT(dbx_buf_slice(&buf), "abc12-x");
    dbx_buf_free(&buf);
    CHECK(buf.ptr == NULL && buf.len == 0 && buf.cap == 0);
    dbx_buf_str(&buf, "again");
    CHECK_TEXT(dbx_buf_slice(&buf), "again");
    dbx_buf_free(&buf);
}

TEST(a_million_bytes_cost_few_allocations) {
    dbx_buf buf = {0};
    int moves = 0;
    for (int i = 0; i < 1000000; i++) {
        size_t cap = buf.cap;
        dbx_buf_byte(&buf, (uint8_t)i);
        moves += buf.cap != cap;
    }
    CHECK_EQ(buf.len, 1000000);
    CHECK(moves < 40);
    for (size_t i = 0; i < buf.len; i += 997) {
        CHECK_EQ(buf.ptr[i], (uint8_t)i);
    }
    dbx_buf_free(&buf);
}

TEST(printf_of_any_length_fits) {
    dbx_buf buf = {0};
    for (int width = 0; width < 2000; width++) {
        buf.len = 0;
        dbx_buf_printf(&buf, "%*d", width, 7);
        CHECK_EQ(buf.len, width > 1 ? width : 1);
        CHECK_EQ(buf.ptr[buf.len - 1], '7');
    }
    dbx_buf_free(&buf);
}

TEST(insert_and_consume_move_the_rest) {
    dbx_buf buf = {0};
    dbx_buf_str(&buf, "adef");
    dbx_buf_insert(&buf, 1, "bc", 2);
    dbx_buf_insert(&buf, 6, "g", 1);
    dbx_buf_insert(&buf, 0, "", 0);
    CHECK_TEXT(dbx_buf_slice(&buf), "abcdefg");
    dbx_buf_consume(&buf, 3);
    dbx_buf_consume(&buf, 0);
    CHECK_TEXT(dbx_buf_slice(&buf), "defg");
    dbx_buf_consume(&buf, 4);
    CHECK_EQ(buf.len, 0);
    dbx_buf_free(&buf);
}

TEST(shrink_frees_only_what_is_empty_and_large) {
    dbx_buf buf = {0};
    dbx_buf_reserve(&buf, 1000);
    dbx_buf_shrink(&buf, 4096);
    CHECK(buf.cap >= 1000);
    dbx_buf_byte(&buf, 'x');
    dbx_buf_shrink(&buf, 10);
    CHECK(buf.cap >= 1000);
    buf.len = 0;
    dbx_buf_shrink(&buf, 10);
    CHECK_EQ(buf.cap, 0);
    dbx_buf_free(&buf);
}

TEST(impossible_sizes_fail_and_the_failure_sticks) {
    dbx_buf buf = {0};
    dbx_buf_str(&buf, "kept");
    CHECK(dbx_buf_reserve(&buf, SIZE_MAX) == NULL);
    CHECK(buf.failed);
    dbx_buf_str(&buf, "dropped");
    dbx_buf_byte(&buf, 'x');
    dbx_buf_insert(&buf, 0, "x", 1);
    dbx_buf_printf(&buf, "%d", 1);
    CHECK(dbx_buf_reserve(&buf, 0) == NULL);
    CHECK_TEXT(dbx_buf_slice(&buf), "kept");
    dbx_buf_free(&buf);
    CHECK(!buf.failed);
}

#ifdef DBX_ALLOC_FAULTS
TEST(a_failed_allocation_drops_only_what_came_after) {
    dbx_buf buf = {0};
    dbx_alloc_fail_after(1);
    size_t before = 0;
    for (int i = 0; i < 1000 && !buf.failed; i++) {
        before = buf.len;
        dbx_buf_str(&buf, "0123456789");
    }
    CHECK(buf.failed && dbx_alloc_failed());
    CHECK_EQ(buf.len, before);
    dbx_buf_free(&buf);
}
#endif
