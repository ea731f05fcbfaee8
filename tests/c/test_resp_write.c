/* test_resp_write.c: what each operation writes in RESP2 and RESP3. */
#include "codec/resp_write.h"

#include <math.h>

#include "base/alloc.h"
#include "check.h"

/* Runs the statements after it on a sink of either version and compares. */
static dbx_reply reply;
static dbx_buf out;

static void begin(int version) {
    dbx_buf_free(&out);
    dbx_resp_sink(&reply, version, &out);
}

static void end(const char *want) {
    CHECK_TEXT(dbx_buf_slice(&out), want);
    CHECK_EQ(reply.depth, 0);
    CHECK(!out.failed);
    dbx_buf_free(&out);
}

static void expect(void (*write)(dbx_reply *r), const char *resp2, const char *resp3) {
    begin(2);
    write(&reply);
    end(resp2);
    begin(3);
    write(&reply);
    end(resp3);
}

static void write_scalars(dbx_reply *r) {
    r->ops->null(r);
    r->ops->null_array(r);
    r->ops->boolean(r, true);
    r->ops->boolean(r, false);
    r->ops->integer(r, INT64_MIN);
    r->ops->real(r, 1.5);
    r->ops->real(r, -(double)INFINITY);
    r->ops->bignum(r, dbx_slice_str("123"));
    r->ops->verbatim(r, "txt", dbx_slice_str("some"));
}

TEST(scalars_have_the_form_of_their_version) {
    expect(write_scalars,
           "$-1\r\n*-1\r\n:1\r\n:0\r\n:-9223372036854775808\r\n$3\r\n1.5\r\n$4\r\n-inf\r\n"
           "$3\r\n123\r\n$4\r\nsome\r\n",
           "_\r\n_\r\n#t\r\n#f\r\n:-9223372036854775808\r\n,1.5\r\n,-inf\r\n(123\r\n"
           "=8\r\ntxt:some\r\n");
}

static void write_strings(dbx_reply *r) {
    r->ops->bulk(r, dbx_slice_of(NULL, 0));
    r->ops->bulk(r, dbx_slice_of("a\r\n\0", 4));
    dbx_reply_str(r, "0123456789");
    dbx_reply_ok(r);
    dbx_reply_line(r, "PONG");
    dbx_reply_error(r, "ERR a\r\nb");
    dbx_reply_errorf(r, "ERR '%s' %d", "x\ny", 7);
}

TEST(strings_are_alike_in_both_and_lines_stay_lines) {
    begin(2);
    write_strings(&reply);
    static const char want[] = "$0\r\n\r\n$4\r\na\r\n\0\r\n$10\r\n0123456789\r\n+OK\r\n+PONG\r\n"
                               "-ERR a  b\r\n-ERR 'x y' 7\r\n";
    CHECK_BYTES(dbx_buf_slice(&out), dbx_slice_of(want, sizeof want - 1));
    CHECK(reply.errored);
    begin(3);
    write_strings(&reply);
    CHECK_BYTES(dbx_buf_slice(&out), dbx_slice_of(want, sizeof want - 1));
    dbx_buf_free(&out);
}

static void write_container(dbx_reply *r, dbx_kind kind, size_t count) {
    r->ops->open(r, kind, count);
    for (int i = 1; i <= 4; i++) {
        r->ops->integer(r, i);
    }
    r->ops->close(r);
}

static void write_known(dbx_reply *r) {
    write_container(r, DBX_ARRAY, 4);
    write_container(r, DBX_MAP, 2);
    write_container(r, DBX_SET, 4);
    write_container(r, DBX_PAIRS, 2);
    write_container(r, DBX_PUSH, 4);
}

static void write_unknown(dbx_reply *r) {
    write_container(r, DBX_ARRAY, DBX_UNKNOWN);
    write_container(r, DBX_MAP, DBX_UNKNOWN);
    write_container(r, DBX_SET, DBX_UNKNOWN);
    write_container(r, DBX_PAIRS, DBX_UNKNOWN);
    write_container(r, DBX_PUSH, DBX_UNKNOWN);
}

#define FOUR ":1\r\n:2\r\n:3\r\n:4\r\n"

TEST(containers_have_the_shape_of_their_version_whether_counted_before_or_after) {
    static const char resp2[] =
        "*4\r\n" FOUR "*4\r\n" FOUR "*4\r\n" FOUR "*4\r\n" FOUR "*4\r\n" FOUR;
    static const char resp3[] =
        "*4\r\n" FOUR "%2\r\n" FOUR "~4\r\n" FOUR "*2\r\n*2\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n"
        ">4\r\n" FOUR;
    expect(write_known, resp2, resp3);
    expect(write_unknown, resp2, resp3);
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
    expect(write_nested, "*3\r\n*2\r\n$1\r\nk\r\n*2\r\n$1\r\nf\r\n$-1\r\n*0\r\n*0\r\n",
           "*3\r\n*1\r\n*2\r\n$1\r\nk\r\n%1\r\n$1\r\nf\r\n_\r\n~0\r\n*0\r\n");
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
    expect(write_parts, "*2\r\n$5\r\nhello\r\n$0\r\n\r\n", "*2\r\n$5\r\nhello\r\n$0\r\n\r\n");
}

TEST(commands_are_arrays_of_bulks_of_the_announced_length) {
    dbx_slice argv[] = {dbx_slice_str("SET"), dbx_slice_str("k"), dbx_slice_of(NULL, 0)};
    dbx_buf command = {0};
    static const char want[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n";
    dbx_resp_command(&command, 3, argv);
    CHECK_TEXT(dbx_buf_slice(&command), want);
    CHECK_EQ(dbx_resp_command_len(3, argv), sizeof want - 1);
    argv[1].len = SIZE_MAX - 4;
    CHECK(dbx_resp_command_len(3, argv) == SIZE_MAX);
    dbx_resp_command(&command, 3, argv);
    CHECK(command.failed);
    dbx_buf_free(&command);
}

TEST(lengths_around_every_power_of_ten_are_right) {
    uint8_t *bytes = calloc(1, 10001);
    for (size_t power = 10; power <= 10000; power *= 10) {
        for (size_t len = power - 1; len <= power + 1; len++) {
            dbx_slice argv = {bytes, len};
            dbx_buf command = {0};
            char header[32];
            int n = snprintf(header, sizeof header, "*1\r\n$%zu\r\n", len);
            dbx_resp_command(&command, 1, &argv);
            CHECK_EQ(command.len, (size_t)n + len + 2);
            CHECK(memcmp(command.ptr, header, (size_t)n) == 0);
            CHECK_EQ(command.len, dbx_resp_command_len(1, &argv));
            dbx_buf_free(&command);
        }
    }
    free(bytes);
}

#ifdef DBX_ALLOC_FAULTS
TEST(memory_failing_anywhere_only_sets_the_flag) {
    for (long n = 0; n < 12; n++) {
        begin(3);
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
