/* test_resp_value.c: the value reader, against a builder that writes down what it is told. */
#include "codec/resp_value.h"

#include <math.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "base/rand.h"
#include "check.h"

/* The builder: "[" "{" "<" ">" open, and every value is followed by a blank, keys by "=". */
typedef struct notes {
    dbx_buf text;
    dbx_value_reader reader;
    int calls_left; /* fails after so many; negative: never */
} notes;

static int note(notes *n) {
    if (dbx_value_is_key(&n->reader)) dbx_buf_byte(&n->text, '=');
    dbx_buf_byte(&n->text, ' ');
    if (n->calls_left == 0) return DBX_ENOMEM;
    if (n->calls_left > 0) n->calls_left--;
    return 0;
}

static int on_text(void *arg, char type, dbx_slice bytes) {
    notes *n = arg;
    dbx_buf_byte(&n->text, (uint8_t)type);
    dbx_buf_add(&n->text, bytes.ptr, bytes.len);
    return note(n);
}

static int on_integer(void *arg, int64_t value) {
    dbx_buf_printf(&((notes *)arg)->text, "%lld", (long long)value);
    return note(arg);
}

static int on_real(void *arg, double value) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    dbx_buf_byte(&((notes *)arg)->text, ',');
    dbx_buf_add(&((notes *)arg)->text, text, dbx_num_real_to_text(value, text));
    return note(arg);
}

static int on_boolean(void *arg, bool value) {
    dbx_buf_str(&((notes *)arg)->text, value ? "true" : "false");
    return note(arg);
}

static int on_null(void *arg) {
    dbx_buf_str(&((notes *)arg)->text, "null");
    return note(arg);
}

static int on_open(void *arg, char type, size_t count) {
    dbx_buf_printf(&((notes *)arg)->text, "%c%zu(", type, count);
    return 0;
}

static int on_close(void *arg, char type, size_t count) {
    dbx_buf_printf(&((notes *)arg)->text, ")%zu%c", count, type);
    return note(arg);
}

static const dbx_value_ops ops = {on_text, on_integer, on_real, on_boolean,
                                  on_null, on_open,    on_close};

static void notes_init(notes *n) {
    *n = (notes){.calls_left = -1};
    dbx_value_init(&n->reader, &ops, n);
}

/* Reads `input` in pieces of at most `piece` bytes; notes what came, ends with "..." or the error.
 */
static void read_pieces(notes *n, dbx_slice input, size_t piece) {
    dbx_buf window = {0};
    int rc = 0;
    for (size_t at = 0; rc >= 0 && at < input.len;) {
        size_t more = input.len - at < piece ? input.len - at : piece;
        uint8_t *fresh = malloc(window.len + more + 1); /* exact, so that over-reads are seen */
        if (window.len > 0) memcpy(fresh, window.ptr, window.len);
        memcpy(fresh + window.len, input.ptr + at, more);
        at += more;
        size_t len = window.len + more, used = 0, from = 0;
        do {
            rc = dbx_value_read(&n->reader, fresh + from, len - from, &used);
            from += used;
            if (rc == 1) dbx_buf_byte(&n->text, ';');
        } while (rc == 1 && from < len);
        CHECK(from <= len);
        window.len = 0;
        dbx_buf_add(&window, fresh + from, len - from);
        free(fresh);
    }
    if (rc == 0) dbx_buf_str(&n->text, "...");
    if (rc < 0) dbx_buf_str(&n->text, rc == DBX_EINVAL ? n->reader.error : "failed");
    dbx_buf_free(&window);
}

static void expect(const char *input, const char *want) {
    dbx_slice bytes = dbx_slice_str(input);
    for (size_t piece = bytes.len; piece > 0; piece--) {
        notes n;
        notes_init(&n);
        read_pieces(&n, bytes, piece);
        CHECK_TEXT(dbx_buf_slice(&n.text), want);
        dbx_buf_free(&n.text);
    }
}

TEST(scalars_of_every_type) {
    expect("+OK\r\n", "+OK ;");
    expect("-ERR x\r\n", "-ERR x ;");
    expect(":-5\r\n", "-5 ;");
    expect("$5\r\nhello\r\n", "$hello ;");
    expect("$0\r\n\r\n", "$ ;");
    expect("$-1\r\n", "null ;");
    expect("*-1\r\n", "null ;");
    expect("_\r\n", "null ;");
    expect("#t\r\n#f\r\n", "true ;false ;");
    expect(",1.5\r\n,inf\r\n,-inf\r\n,nan\r\n", ",1.5 ;,inf ;,-inf ;,nan ;");
    expect("(-12345678901234567890\r\n", "(-12345678901234567890 ;");
    expect("!5\r\nERR x\r\n", "!ERR x ;");
    expect("=8\r\ntxt:some\r\n", "=some ;");
    expect("$12\r\nhe\r\nllo\r\nwor\r\n", "$he\r\nllo\r\nwor ;");
}

TEST(containers_open_count_and_close) {
    expect("*0\r\n", "*0()0* ;");
    expect("*2\r\n:1\r\n*1\r\n:2\r\n", "*2(1 *1(2 )1* )2* ;");
    expect("%1\r\n+k\r\n~2\r\n:1\r\n:2\r\n", "%2(+k= ~2(1 2 )2~ )2% ;");
    expect(">1\r\n+x\r\n:1\r\n", ">1(+x )1> ;1 ;");
    expect("%1\r\n*1\r\n:1\r\n%0\r\n", "%2(*1(1 )1*= %0()0% )2% ;");
    expect("*3\r\n:1\r\n", "*3(1 ...");
}

TEST(attributes_are_dropped_wherever_they_stand) {
    expect("|1\r\n+a\r\n+b\r\n:1\r\n", "1 ;");
    expect("|2\r\n+a\r\n*2\r\n:1\r\n|1\r\n+x\r\n%1\r\n:1\r\n:2\r\n*0\r\n+c\r\n+d\r\n*1\r\n:7\r\n",
           "*1(7 )1* ;");
    expect("*2\r\n|0\r\n:1\r\n|1\r\n+a\r\n$3\r\nabc\r\n:2\r\n", "*2(1 2 )2* ;");
    expect("|-1\r\n", "Multi-bulk length out of range");
}

TEST(what_is_not_resp_is_said_in_hiredis_words) {
    expect("x", "Protocol error, got \"x\" as reply type byte");
    expect("\r", "Protocol error, got \"\\r\" as reply type byte");
    expect("\x7f", "Protocol error, got \"\\x7f\" as reply type byte");
    expect("\\", "Protocol error, got \"\\\\\" as reply type byte");
    expect(":1x\r\n", "Bad integer value");
    expect("$1x\r\n", "Bad bulk string length");
    expect("$-2\r\n", "Bulk string length out of range");
    expect("*1x\r\n", "Bad multi-bulk length");
    expect("*4294967296\r\n", "Multi-bulk length out of range");
    expect(",1x\r\n", "Bad double value");
    expect("#1\r\n", "Bad bool value");
    expect("_1\r\n", "Bad nil value");
    expect("(1-\r\n", "Bad bignum value");
    expect("+a\rb\r\n", "Bad simple string value");
    expect("*1\r\n=3\r\nabc\r\n", "*1(Verbatim string 4 bytes of content type are missing or "
                                  "incorrectly encoded.");
}

TEST(nesting_is_bounded) {
    dbx_buf deep = {0};
    for (int i = 0; i < DBX_VALUE_DEPTH_MAX; i++) {
        dbx_buf_str(&deep, "*1\r\n");
    }
    size_t used;
    notes n;
    notes_init(&n);
    CHECK_EQ(dbx_value_read(&n.reader, deep.ptr, deep.len, &used), 0);
    CHECK_EQ(dbx_value_read(&n.reader, (const uint8_t *)"*0\r\n", 4, &used), DBX_EINVAL);
    CHECK_TEXT(dbx_slice_str(n.reader.error), "Max nesting depth exceeded");
    dbx_buf_free(&n.text);
    dbx_buf_free(&deep);
}

TEST(a_constructor_can_end_the_reading) {
    for (int calls = 0; calls < 3; calls++) {
        notes n;
        notes_init(&n);
        n.calls_left = calls;
        read_pieces(&n, dbx_slice_str("*2\r\n+a\r\n%1\r\n+b\r\n:1\r\n"), 3);
        CHECK(n.text.len > 6 && memcmp(n.text.ptr + n.text.len - 6, "failed", 6) == 0);
        dbx_buf_free(&n.text);
    }
}

TEST(wants_knows_how_much_of_a_bulk_is_missing) {
    notes n;
    size_t used;
    notes_init(&n);
    CHECK_EQ(dbx_value_wants(&n.reader), 0);
    CHECK_EQ(dbx_value_read(&n.reader, (const uint8_t *)"$100\r\nab", 8, &used), 0);
    CHECK_EQ(used, 6);
    CHECK_EQ(dbx_value_wants(&n.reader), 102);
    dbx_buf_free(&n.text);
}

TEST(random_garbage_is_read_alike_in_pieces) {
    static const char alphabet[] = "+-:$*_,#(=%~>|!0123\r\n\r\n\r\n\r\n\r\natinf.x:";
    dbx_rand rand;
    dbx_rand_seed_with(&rand, check_seed());
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[40];
        size_t len = 1 + dbx_rand_below(&rand, sizeof bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)alphabet[dbx_rand_below(&rand, sizeof alphabet - 1)];
        }
        notes whole, pieces;
        notes_init(&whole);
        notes_init(&pieces);
        read_pieces(&whole, dbx_slice_of(bytes, len), len);
        read_pieces(&pieces, dbx_slice_of(bytes, len), 1 + dbx_rand_below(&rand, 5));
        CHECK_BYTES(dbx_buf_slice(&pieces.text), dbx_buf_slice(&whole.text));
        dbx_buf_free(&whole.text);
        dbx_buf_free(&pieces.text);
    }
}
