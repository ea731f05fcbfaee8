/* test_args.c: the argument cursor: taking in order, and the first error wins. */
#include "check.h"
#include "codec/resp_write.h"
#include "commands/args.h"

enum { WORDS_MAX = 8 };

typedef struct call {
    dbx_slice argv[WORDS_MAX];
    dbx_args args;
    dbx_buf buf;
    dbx_reply reply;
} call;

/* call_init prepares the arguments in `words`, which are separated by blanks; the first is the
 * name. */
static void call_init(call *c, const char *words) {
    memset(c, 0, sizeof *c);
    while (*words != '\0' && c->args.argc < WORDS_MAX) {
        size_t n = strcspn(words, " ");
        c->argv[c->args.argc++] = dbx_slice_of(words, n);
        words += n + (words[n] == ' ');
    }
    c->args.argv = c->argv;
    c->args.at = 1;
    dbx_resp_sink(&c->reply, 2, &c->buf);
}

static void call_free(call *c) {
    dbx_buf_free(&c->buf);
}

TEST(arguments_come_in_order) {
    call c;
    call_init(&c, "cmd a 12 1.5");
    CHECK_EQ(dbx_args_left(&c.args), 3);
    CHECK_TEXT(dbx_args_next(&c.args), "a");
    CHECK_EQ(dbx_args_i64(&c.args), 12);
    CHECK(dbx_args_real(&c.args) == 1.5);
    CHECK(dbx_args_end(&c.args, &c.reply));
    CHECK_EQ(c.buf.len, 0);
    call_free(&c);
}

TEST(a_missing_argument_is_a_syntax_error) {
    call c;
    call_init(&c, "cmd");
    CHECK_EQ(dbx_args_next(&c.args).len, 0);
    CHECK(!dbx_args_ok(&c.args, &c.reply));
    CHECK_TEXT(dbx_buf_slice(&c.buf), "-ERR syntax error\r\n");
    call_free(&c);
}

TEST(the_first_error_is_the_one_replied) {
    call c;
    call_init(&c, "cmd 1x nan 7");
    CHECK_EQ(dbx_args_i64(&c.args), 0);
    (void)dbx_args_real(&c.args);
    dbx_args_fail(&c.args, "ERR something else");
    CHECK(!dbx_args_end(&c.args, &c.reply));
    CHECK_TEXT(dbx_buf_slice(&c.buf), "-ERR value is not an integer or out of range\r\n");
    call_free(&c);
}

TEST(what_is_no_float_has_its_own_error) {
    call c;
    call_init(&c, "cmd 1.5x");
    (void)dbx_args_long_real(&c.args);
    CHECK(!dbx_args_ok(&c.args, &c.reply));
    CHECK_TEXT(dbx_buf_slice(&c.buf), "-ERR value is not a valid float\r\n");
    call_free(&c);
}

TEST(words_match_in_any_case_and_are_taken_only_then) {
    call c;
    call_init(&c, "cmd kEePttl NXX");
    CHECK(!dbx_args_word(&c.args, "KEEP"));
    CHECK(dbx_args_word(&c.args, "KEEPTTL"));
    CHECK(!dbx_args_word(&c.args, "NX"));
    CHECK_TEXT(dbx_args_next(&c.args), "NXX");
    CHECK(!dbx_args_word(&c.args, "NX"));
    CHECK(dbx_args_end(&c.args, &c.reply));
    call_free(&c);
}

TEST(arguments_left_over_are_a_syntax_error) {
    call c;
    call_init(&c, "cmd more");
    CHECK(dbx_args_ok(&c.args, &c.reply));
    CHECK(!dbx_args_end(&c.args, &c.reply));
    CHECK_TEXT(dbx_buf_slice(&c.buf), "-ERR syntax error\r\n");
    call_free(&c);
}
