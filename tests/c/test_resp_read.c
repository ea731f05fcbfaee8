/* test_resp_read.c: the request parser: whole, split anywhere, hostile. */
#include "codec/resp_read.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/rand.h"
#include "check.h"

static const dbx_resp_limits limits = {.bulk_bytes_max = 512u << 20,
                                       .args_max = DBX_RESP_ARGS_MAX,
                                       .inline_bytes_max = DBX_RESP_INLINE_BYTES_MAX};

/* What a parse gave, as text: "3:SET|k|v" or "error words" or "more". */
static void parse_text(const dbx_resp_limits *with, dbx_slice input, dbx_buf *out, size_t *used) {
    dbx_request req;
    dbx_request_init(&req);
    int rc = dbx_request_parse(&req, with, input.ptr, input.len, used);
    out->len = 0;
    if (rc == 0) {
        dbx_buf_str(out, "more");
    } else if (rc < 0) {
        CHECK_EQ(rc, DBX_EINVAL);
        dbx_buf_str(out, req.error);
    } else {
        dbx_buf_printf(out, "%zu:", req.argc);
        for (size_t i = 0; i < req.argc; i++) {
            if (i > 0) dbx_buf_byte(out, '|');
            dbx_buf_add(out, req.argv[i].ptr, req.argv[i].len);
        }
    }
    dbx_request_free(&req);
}

static void expect_with(const dbx_resp_limits *with, dbx_slice input, const char *want) {
    dbx_buf got = {0};
    size_t used;
    parse_text(with, input, &got, &used);
    CHECK_TEXT(dbx_buf_slice(&got), want);
    dbx_buf_free(&got);
}

static void expect(const char *input, const char *want) {
    expect_with(&limits, dbx_slice_str(input), want);
}

/* Feeds `input` in pieces that end at the given offsets, each time at another address, and compares
 * with feeding it at once. */
static void expect_same_split(dbx_slice input, const size_t *cuts, size_t count) {
    dbx_buf whole = {0}, split = {0};
    size_t used, split_used = 0;
    parse_text(&limits, input, &whole, &used);
    dbx_request req;
    dbx_request_init(&req);
    int rc = 0;
    uint8_t *copy = NULL;
    for (size_t i = 0; i <= count && rc == 0; i++) {
        size_t len = i < count ? cuts[i] : input.len;
        uint8_t *next = malloc(len + 1);
        memcpy(next, input.ptr, len);
        free(copy); /* the old place is gone before the parser looks again */
        copy = next;
        rc = dbx_request_parse(&req, &limits, copy, len, &split_used);
    }
    if (rc == 0) dbx_buf_str(&split, "more");
    if (rc < 0) dbx_buf_str(&split, req.error);
    if (rc == 1) {
        dbx_buf_printf(&split, "%zu:", req.argc);
        for (size_t i = 0; i < req.argc; i++) {
            if (i > 0) dbx_buf_byte(&split, '|');
            dbx_buf_add(&split, req.argv[i].ptr, req.argv[i].len);
        }
        CHECK_EQ(split_used, used);
    }
    CHECK_BYTES(dbx_buf_slice(&split), dbx_buf_slice(&whole));
    free(copy);
    dbx_request_free(&req);
    dbx_buf_free(&whole);
    dbx_buf_free(&split);
}

TEST(array_of_bulks_is_a_command) {
    expect("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", "3:SET|k|");
    expect("*1\r\n$4\r\nPING\r\n", "1:PING");
    expect("*2\r\n$4\r\nECHO\r\n$12\r\n0123456789ab\r\n", "2:ECHO|0123456789ab");
}

TEST(empty_requests_have_no_arguments) {
    expect("*0\r\n", "0:");
    expect("*-1\r\n", "0:");
    expect("*-10\r\n", "0:");
    expect("\r\n", "0:");
    expect("\n", "0:");
    expect("   \r\n", "0:");
}

TEST(consumed_covers_one_command_only) {
    dbx_buf got = {0};
    size_t used;
    parse_text(&limits, dbx_slice_str("*1\r\n$4\r\nPING\r\n*1\r\n"), &got, &used);
    CHECK_EQ(used, 14);
    parse_text(&limits, dbx_slice_str("PING\r\nPING\r\n"), &got, &used);
    CHECK_EQ(used, 6);
    parse_text(&limits, dbx_slice_str("*1\r\n$4\r\nPIN"), &got, &used);
    CHECK_EQ(used, 0);
    dbx_buf_free(&got);
}

TEST(bad_counts_and_lengths_are_errors_in_redis_words) {
    expect("*x\r\n", "Protocol error: invalid multibulk length");
    expect("*03\r\n", "Protocol error: invalid multibulk length");
    expect("*+3\r\n", "Protocol error: invalid multibulk length");
    expect("* 3\r\n", "Protocol error: invalid multibulk length");
    expect("*\r\n", "Protocol error: invalid multibulk length");
    expect("*2147483648\r\n", "Protocol error: invalid multibulk length");
    expect("*99999999999999999999\r\n", "Protocol error: invalid multibulk length");
    expect("*1\r\n$-1\r\n", "Protocol error: invalid bulk length");
    expect("*1\r\n$x\r\n", "Protocol error: invalid bulk length");
    expect("*1\r\n$04\r\nPING\r\n", "Protocol error: invalid bulk length");
    expect("*1\r\n$536870913\r\n", "Protocol error: invalid bulk length");
    expect("*1\r\n$9223372036854775807\r\n", "Protocol error: invalid bulk length");
    expect("*1\r\nPING\r\n", "Protocol error: expected '$', got 'P'");
    expect("*1\r\n\r\n", "Protocol error: expected '$', got '\r'");
    expect("*2147483647\r\n", "more");
    expect("*1\r\n$536870912\r\n", "more");
}

TEST(unauthenticated_requests_are_small) {
    dbx_resp_limits tight = limits;
    tight.unauthenticated = true;
    expect_with(&tight, dbx_slice_str("*11\r\n"),
                "Protocol error: unauthenticated multibulk length");
    expect_with(&tight, dbx_slice_str("*1\r\n$16385\r\n"),
                "Protocol error: unauthenticated bulk length");
    expect_with(&tight, dbx_slice_str("*10\r\n$16384\r\n"), "more");
}

TEST(endless_lines_are_errors) {
    dbx_buf line = {0};
    uint8_t *at = dbx_buf_reserve(&line, 70000);
    memset(at, 'a', 70000);
    line.len = 70000;
    expect_with(&limits, dbx_buf_slice(&line), "Protocol error: too big inline request");
    at[0] = '*';
    expect_with(&limits, dbx_buf_slice(&line), "Protocol error: too big mbulk count string");
    memcpy(at, "*1\r\n$", 5);
    expect_with(&limits, dbx_buf_slice(&line), "Protocol error: too big bulk count string");
    memset(at, 'a', 70000);
    line.len = 60000;
    expect_with(&limits, dbx_buf_slice(&line), "more");
    dbx_buf_free(&line);
}

TEST(inline_words_are_unquoted_as_redis_does) {
    expect("SET k v\r\n", "3:SET|k|v");
    expect("  SET\tk   v \n", "3:SET|k|v");
    expect("SET k \"a b\"\r\n", "3:SET|k|a b");
    expect("SET k 'a b'\r\n", "3:SET|k|a b");
    expect("SET k a\"b c\"\r\n", "3:SET|k|ab c");
    expect("SET k \"\"\r\n", "3:SET|k|");
    expect("ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n", "2:ECHO|A\n\r\t\b\aq\\\"");
    expect("ECHO \"\\x4\"\r\n", "2:ECHO|x4");
    expect("ECHO '\\x41\\'\\n'\r\n", "2:ECHO|\\x41'\\n");
    expect("ECHO a\\nb\r\n", "2:ECHO|a\\nb");
    expect("ECHO \"a\r\n", "Protocol error: unbalanced quotes in request");
    expect("ECHO 'a\r\n", "Protocol error: unbalanced quotes in request");
    expect("ECHO \"a\"b\r\n", "Protocol error: unbalanced quotes in request");
    expect("ECHO \"a\\\"\r\n", "Protocol error: unbalanced quotes in request");
    expect("ECHO a\vb\r\n", "2:ECHO|a\vb");
    expect("ECHO \"a\"\vb\r\n", "3:ECHO|a|b");
}

TEST(split_at_every_byte_gives_the_same) {
    static const char *const inputs[] = {
        "*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$12\r\nabcdefghijkl\r\n",
        "*2\r\n$0\r\n\r\n$1\r\nx\r\nrest",
        "*1\r\nPING\r\n",
        "*12345678901\r\n",
        "*1\r\n$0000000000000000000001\r\nx\r\n",
        "*0\r\n",
        "SET k \"a\\x41 b\"\r\nnext",
        "ECHO 'x\r\n",
    };
    for (size_t n = 0; n < sizeof inputs / sizeof inputs[0]; n++) {
        dbx_slice input = dbx_slice_str(inputs[n]);
        for (size_t i = 0; i <= input.len; i++) {
            for (size_t j = i; j <= input.len; j++) {
                size_t cuts[] = {i, j};
                expect_same_split(input, cuts, 2);
            }
        }
        size_t every[64];
        for (size_t i = 0; i < input.len; i++) {
            every[i] = i;
        }
        expect_same_split(input, every, input.len);
    }
}

TEST(random_garbage_is_parsed_alike_in_pieces) {
    static const char alphabet[] = "*$0123456789-\r\n\r\n\"' \\xaPING";
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[48];
        size_t len = dbx_rand_below(&rand, sizeof bytes), cuts[3];
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)alphabet[dbx_rand_below(&rand, sizeof alphabet - 1)];
        }
        for (size_t i = 0, from = 0; i < 3; i++) {
            from = cuts[i] = from + dbx_rand_below(&rand, len - from + 1);
        }
        expect_same_split(dbx_slice_of(bytes, len), cuts, 3);
    }
}

TEST(memory_follows_what_arrived_not_what_was_announced) {
    dbx_request req;
    dbx_request_init(&req);
    size_t used;
    dbx_slice input = dbx_slice_str("*1000000000\r\n$3\r\nSET\r\n");
    CHECK_EQ(dbx_request_parse(&req, &limits, input.ptr, input.len, &used), 0);
    CHECK(req.argv_cap <= 64);
    dbx_request_free(&req);
}

TEST(wants_tells_the_missing_bytes_of_a_bulk) {
    dbx_request req;
    dbx_request_init(&req);
    size_t used;
    dbx_slice input = dbx_slice_str("*2\r\n$1000\r\nabc");
    CHECK_EQ(dbx_request_parse(&req, &limits, input.ptr, input.len, &used), 0);
    CHECK_EQ(dbx_request_wants(&req, input.len), 1000 + 2 - 3);
    dbx_request_reset(&req);
    CHECK_EQ(dbx_request_wants(&req, 0), 0);
    dbx_request_free(&req);
}

TEST(requests_are_reusable_after_reset) {
    dbx_request req;
    dbx_request_init(&req);
    dbx_slice input = dbx_slice_str("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING x\r\n*1\r\n$1\r\na\r\n");
    size_t at = 0, used, argcs[] = {2, 2, 1};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(dbx_request_parse(&req, &limits, input.ptr + at, input.len - at, &used), 1);
        CHECK_EQ(req.argc, argcs[i]);
        at += used;
        dbx_request_reset(&req);
    }
    CHECK_EQ(at, input.len);
    dbx_request_free(&req);
}

/* Parses the first `split` bytes, then skips the rest, `step` bytes coming in at a time. */
static void skip_rest(dbx_slice command, size_t split, size_t step) {
    dbx_request req;
    uint8_t kept[64];
    size_t used, have = split, at = split;
    dbx_request_init(&req);
    CHECK_EQ(dbx_request_parse(&req, &limits, command.ptr, split, &used), 0);
    memcpy(kept, command.ptr, split);
    int rc;
    while ((rc = dbx_request_skip(&req, &limits, kept, have, &used)) == 0 && at < command.len) {
        have -= used;
        memmove(kept, kept + used, have);
        size_t n = step < command.len - at ? step : command.len - at;
        memcpy(kept + have, command.ptr + at, n);
        have += n;
        at += n;
    }
    CHECK_EQ(rc, 1);
    CHECK_EQ(req.argc, 0);
    CHECK_TEXT(dbx_slice_of(kept + used, have - used),
               command.ptr[command.len - 1] == 'G' ? "PING" : "");
    dbx_request_reset(&req);
    CHECK_EQ(dbx_request_parse(&req, &limits, (const uint8_t *)"GET k\r\n", 7, &used), 1);
    CHECK_EQ(req.argc, 2);
    dbx_request_free(&req);
}

TEST(the_rest_of_a_command_is_skipped_wherever_it_is_split) {
    dbx_slice command =
        dbx_slice_str("*4\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n$1\r\n$5\r\nthere\r\nPING");
    size_t end = command.len - 4;
    for (size_t split = 5; split < end; split++) {
        skip_rest(command, split, end - split + 4); /* what follows comes with it */
        for (size_t step = 1; step < 9; step++)
            skip_rest(dbx_slice_of(command.ptr, end), split, step);
    }
}

TEST(a_skipped_command_is_held_to_the_limits) {
    dbx_request req;
    size_t used;
    dbx_request_init(&req);
    dbx_slice in = dbx_slice_str("*2\r\n$3\r\nSET\r\n$9999999999\r\n");
    CHECK_EQ(dbx_request_parse(&req, &limits, in.ptr, 8, &used), 0);
    CHECK_EQ(dbx_request_skip(&req, &limits, in.ptr, in.len, &used), DBX_EINVAL);
    CHECK_TEXT(dbx_slice_str(req.error), "Protocol error: invalid bulk length");
    dbx_request_free(&req);
}

#ifdef DBX_ALLOC_FAULTS
TEST(memory_failing_anywhere_is_said_and_nothing_leaks) {
    dbx_buf input = {0};
    dbx_buf_str(&input, "*40\r\n");
    for (int i = 0; i < 40; i++) {
        dbx_buf_str(&input, "$1\r\nx\r\n");
    }
    for (long n = 0; n < 5; n++) {
        dbx_request req;
        dbx_request_init(&req);
        size_t used;
        dbx_alloc_fail_after(n);
        int rc = dbx_request_parse(&req, &limits, input.ptr, input.len, &used);
        CHECK_EQ(rc, dbx_alloc_failed() ? DBX_ENOMEM : 1);
        dbx_alloc_fail_after(-1);
        dbx_request_free(&req);
    }
    for (long n = 0; n < 3; n++) {
        dbx_request req;
        dbx_request_init(&req);
        size_t used;
        dbx_alloc_fail_after(n);
        int rc = dbx_request_parse(&req, &limits, (const uint8_t *)"SET k v\r\n", 9, &used);
        CHECK_EQ(rc, dbx_alloc_failed() ? DBX_ENOMEM : 1);
        dbx_alloc_fail_after(-1);
        dbx_request_free(&req);
    }
    dbx_buf_free(&input);
}
#endif
