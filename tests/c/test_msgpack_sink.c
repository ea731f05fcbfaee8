/* test_msgpack_sink.c: what each operation of a reply sink writes in MessagePack. */
#include "codec/msgpack_sink.h"

#include <math.h>

#include "base/alloc.h"
#include "check.h"
#include "codec/msgpack_read.h"

static dbx_reply reply;
static dbx_buf out;

static void begin(void) {
    dbx_buf_free(&out);
    dbx_msgpack_sink(&reply, &out);
}

#define END(want)                                                                                  \
    do {                                                                                           \
        CHECK_BYTES(dbx_buf_slice(&out), dbx_slice_of(want, sizeof(want) - 1));                    \
        CHECK_EQ(reply.depth, 0);                                                                  \
        CHECK(!out.failed);                                                                        \
        dbx_buf_free(&out);                                                                        \
    } while (0)

static void write_scalars(dbx_reply *r) {
    r->ops->null(r);
    r->ops->null_array(r);
    r->ops->boolean(r, true);
    r->ops->boolean(r, false);
    r->ops->integer(r, INT64_MIN);
    r->ops->integer(r, 7);
    r->ops->real(r, 1.5);
    r->ops->real(r, -(double)INFINITY);
    r->ops->bignum(r, dbx_slice_str("-123"));
    r->ops->verbatim(r, "txt", dbx_slice_str("so\nme"));
}

TEST(scalars) {
    begin();
    write_scalars(&reply);
    END("\xc0\xc0\xc3\xc2\xd3\x80\0\0\0\0\0\0\0\x07\xcb\x3f\xf8\0\0\0\0\0\0"
        "\xcb\xff\xf0\0\0\0\0\0\0\xd6\x02-123\xa5so\nme");
}

static void write_strings(dbx_reply *r) {
    r->ops->bulk(r, dbx_slice_of(NULL, 0));
    r->ops->bulk(r, dbx_slice_of("a\r\n\0", 4));
    dbx_reply_str(r, "0123456789");
    dbx_reply_ok(r);
    dbx_reply_line(r, "PO\r\nNG");
    dbx_reply_error(r, "ERR a\r\nb");
    dbx_reply_errorf(r, "ERR '%s' %d", "x\ny", 7);
}

TEST(bulks_are_bins_statuses_are_strs_errors_are_an_extension_and_lines_stay_lines) {
    begin();
    write_strings(&reply);
    CHECK(reply.errored);
    END("\xc4\x00\xc4\x04"
        "a\r\n\0\xc4\x0a"
        "0123456789\xa2OK\xa6PO  NG"
        "\xd7\x01"
        "ERR a  b\xc7\x0b\x01"
        "ERR 'x y' 7");
}

static void write_container(dbx_reply *r, dbx_kind kind, size_t count) {
    r->ops->open(r, kind, count);
    for (int i = 1; i <= 4; i++) {
        r->ops->integer(r, i);
    }
    r->ops->close(r);
}

#define FOUR "\1\2\3\4"
#define CONTAINERS "\x94" FOUR "\x82" FOUR "\x94" FOUR "\x92\x92\1\2\x92\3\4\x94" FOUR

TEST(containers_are_the_same_whether_counted_before_or_after) {
    begin();
    write_container(&reply, DBX_ARRAY, 4);
    write_container(&reply, DBX_MAP, 2);
    write_container(&reply, DBX_SET, 4);
    write_container(&reply, DBX_PAIRS, 2);
    write_container(&reply, DBX_PUSH, 4);
    END(CONTAINERS);
    begin();
    write_container(&reply, DBX_ARRAY, DBX_UNKNOWN);
    write_container(&reply, DBX_MAP, DBX_UNKNOWN);
    write_container(&reply, DBX_SET, DBX_UNKNOWN);
    write_container(&reply, DBX_PAIRS, DBX_UNKNOWN);
    write_container(&reply, DBX_PUSH, DBX_UNKNOWN);
    END(CONTAINERS);
}

static void write_nested(dbx_reply *r) {
    r->ops->open(r, DBX_ARRAY, DBX_UNKNOWN);
    r->ops->open(r, DBX_PAIRS, DBX_UNKNOWN);
    dbx_reply_str(r, "k");
    r->ops->open(r, DBX_MAP, DBX_UNKNOWN);
    dbx_reply_str(r, "f");
    r->ops->null(r);
    r->ops->close(r);
    r->ops->close(r);
    r->ops->open(r, DBX_SET, DBX_UNKNOWN);
    r->ops->close(r);
    r->ops->open(r, DBX_ARRAY, 0);
    r->ops->close(r);
    r->ops->close(r);
}

TEST(containers_nest_and_count_as_one_value) {
    begin();
    write_nested(&reply);
    END("\x93\x91\x92\xc4\x01k\x81\xc4\x01"
        "f\xc0\x90\x90");
}

TEST(a_count_that_came_late_may_need_a_longer_head) {
    begin();
    reply.ops->open(&reply, DBX_ARRAY, DBX_UNKNOWN);
    for (int i = 0; i < 70000; i++) {
        reply.ops->null(&reply);
    }
    reply.ops->close(&reply);
    CHECK_EQ(out.len, 5 + 70000);
    CHECK(memcmp(out.ptr, "\xdd\x00\x01\x11\x70\xc0", 6) == 0);
    dbx_buf_free(&out);
}

static void write_parts(dbx_reply *r) {
    r->ops->open(r, DBX_ARRAY, 2);
    r->ops->bulk_open(r, 5);
    r->ops->bulk_part(r, dbx_slice_str("he"));
    r->ops->bulk_part(r, dbx_slice_of(NULL, 0));
    r->ops->bulk_part(r, dbx_slice_str("llo"));
    r->ops->bulk_open(r, 0);
    r->ops->close(r);
}

TEST(a_bulk_in_parts_is_one_bulk) {
    begin();
    write_parts(&reply);
    END("\x92\xc4\x05hello\xc4\x00");
}

TEST(rollback_within_pairs_keeps_their_rhythm) {
    begin();
    reply.ops->open(&reply, DBX_PAIRS, DBX_UNKNOWN);
    dbx_reply_str(&reply, "k");
    dbx_reply_mark mark = dbx_reply_mark_take(&reply);
    dbx_reply_error(&reply, "ERR dropped");
    dbx_reply_rollback(&reply, mark);
    reply.ops->integer(&reply, 1);
    reply.ops->close(&reply);
    END("\x91\x92\xc4\x01k\1");
}

TEST(too_many_open_containers_fail_the_buffer_and_nothing_else) {
    begin();
    for (int i = 0; i < DBX_REPLY_DEPTH_MAX + 3; i++) {
        reply.ops->open(&reply, DBX_ARRAY, DBX_UNKNOWN);
    }
    for (int i = 0; i < DBX_REPLY_DEPTH_MAX + 3; i++) {
        reply.ops->close(&reply);
    }
    CHECK(out.failed);
    CHECK_EQ(reply.depth, 0);
    dbx_buf_free(&out);
}

TEST(every_reply_can_be_read_by_our_reader) {
    begin();
    write_scalars(&reply);
    write_strings(&reply);
    write_nested(&reply);
    write_parts(&reply);
    dbx_msgpack_reader reader;
    dbx_msgpack_open(&reader, dbx_buf_slice(&out));
    int rc, values = 0;
    while ((rc = dbx_msgpack_skip(&reader)) == 1) {
        values++;
    }
    CHECK_EQ(rc, 0);
    CHECK_EQ(values, 10 + 7 + 1 + 1);
    dbx_buf_free(&out);
}

#ifdef DBX_ALLOC_FAULTS
TEST(memory_failing_anywhere_only_sets_the_flag) {
    for (long n = 0; n < 12; n++) {
        begin();
        dbx_alloc_fail_after(n);
        for (int i = 0; i < 30; i++) {
            write_scalars(&reply);
            write_strings(&reply);
            write_nested(&reply);
            write_parts(&reply);
        }
        CHECK_EQ(out.failed, dbx_alloc_failed());
        CHECK_EQ(reply.depth, 0);
        dbx_alloc_fail_after(-1);
        dbx_buf_free(&out);
    }
}
#endif
