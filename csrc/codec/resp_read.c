/* resp_read.c: reading RESP requests; see resp_read.h.
 *
 * One state machine serves whole and partial commands: everything it has to remember fits in the
 * request (how far it got, which bulk it waits for), so a complete command is parsed in one pass
 * without ever leaving parse_array(). What Redis does not check (the bytes where CR LF of a bulk
 * should stand) is not checked here either.
 */
#include "codec/resp_read.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/num.h"
#include "codec/resp_line.h"

enum {
    ARGV_CAP_MIN = 16,
    ARGV_CAP_KEEP = 1024, /* larger arrays are freed after use */
    INLINE_TEXT_KEEP = 4096
};

void dbx_request_init(dbx_request *req) {
    *req = (dbx_request){.bulk_len = DBX_NO_BULK};
}

void dbx_request_free(dbx_request *req) {
    dbx_alloc_free(req->argv);
    dbx_buf_free(&req->inline_text);
    dbx_request_init(req);
}

void dbx_request_reset(dbx_request *req) {
    req->argc = 0;
    req->at = 0;
    req->scanned = 0;
    req->args_left = 0;
    req->bulk_len = DBX_NO_BULK;
    if (req->argv_cap > ARGV_CAP_KEEP) {
        dbx_alloc_free(req->argv);
        req->argv = NULL;
        req->argv_cap = 0;
    }
    if (req->inline_text.cap > 0) {
        req->inline_text.len = 0;
        dbx_buf_shrink(&req->inline_text, INLINE_TEXT_KEEP);
    }
}

static int fail(dbx_request *req, const char *error) {
    req->error = error;
    return DBX_EINVAL;
}

static int grow_argv(dbx_request *req) {
    size_t cap = req->argv_cap == 0 ? ARGV_CAP_MIN : req->argv_cap + req->argv_cap / 2;
    dbx_slice *argv = dbx_alloc_resize_array(req->argv, cap, sizeof *argv);
    if (argv == NULL) return DBX_ENOMEM;
    req->argv = argv;
    req->argv_cap = cap;
    return DBX_OK;
}

/* The buffer has moved since some arguments were read. Addresses are compared and moved as numbers,
 * because the old memory may be gone. */
static void move_argv(dbx_request *req, const uint8_t *data) {
    uintptr_t base = (uintptr_t)req->base;
    for (size_t i = 0; i < req->argc; i++) {
        req->argv[i].ptr = data + ((uintptr_t)req->argv[i].ptr - base);
    }
}

/* --- Lines: "*3\r\n", "$5\r\n" and inline commands ------------------------------------------- */

/* Finds the byte that ends the line at req->at: 1 and its offset, 0: not there yet, negative: the
 * line is longer than allowed. */
static int find_end(dbx_request *req, const uint8_t *data, size_t len, uint8_t end, size_t line_max,
                    size_t *out, const char *too_long) {
    size_t from = req->scanned > req->at ? req->scanned : req->at;
    const uint8_t *found = from < len ? memchr(data + from, end, len - from) : NULL;
    *out = found != NULL ? (size_t)(found - data) : len;
    req->scanned = *out;
    if (*out - req->at > line_max) return fail(req, too_long);
    return found != NULL;
}

/* A number the long way: 1 and the number, 0: more is needed, negative: error. req->at moves only
 * after success. */
static int read_number(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                       size_t len, bool is_bulk, int64_t *out) {
    size_t end;
    int found = find_end(req, data, len, '\r', limits->inline_bytes_max, &end,
                         is_bulk ? "Protocol error: too big bulk count string"
                                 : "Protocol error: too big mbulk count string");
    if (found < 0) return found;
    if (found == 0 || len - end < 2) return 0;
    if (is_bulk && data[req->at] != '$') {
        uint8_t c = data[req->at];
        (void)snprintf(req->error_text, sizeof req->error_text,
                       "Protocol error: expected '$', got '%c'", c);
        return fail(req, req->error_text);
    }
    if (!dbx_num_from_slice(dbx_slice_of(data + req->at + 1, end - req->at - 1), out)) {
        return fail(req, is_bulk ? "Protocol error: invalid bulk length"
                                 : "Protocol error: invalid multibulk length");
    }
    req->at = end + 2;
    return 1;
}

/* --- Arrays of bulk strings ------------------------------------------------------------------ */

/* Reads "*n\r\n". n of zero and less is an empty command. */
static int read_count(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                      size_t len) {
    size_t count = 0, after = dbx_resp_quick_number(data, req->at, len, &count);
    if (after != 0) {
        req->at = after;
    } else {
        int64_t value;
        int rc = read_number(req, limits, data, len, false, &value);
        if (rc <= 0) return rc;
        if (value > DBX_RESP_ARGS_MAX) {
            return fail(req, "Protocol error: invalid multibulk length");
        }
        count = value > 0 ? (size_t)value : 0;
    }
    if (count > limits->args_max) return fail(req, "Protocol error: invalid multibulk length");
    if (limits->unauthenticated && count > DBX_RESP_ARGS_UNAUTHENTICATED) {
        return fail(req, "Protocol error: unauthenticated multibulk length");
    }
    req->args_left = count;
    return 1;
}

/* Reads "$n\r\n" into req->bulk_len. */
static inline int read_bulk_len(dbx_request *req, const dbx_resp_limits *limits,
                                const uint8_t *data, size_t len) {
    size_t count = 0, after = 0;
    if (req->at < len && data[req->at] == '$')
        after = dbx_resp_quick_number(data, req->at, len, &count);
    if (after != 0) {
        req->at = after;
    } else {
        int64_t value;
        int rc = read_number(req, limits, data, len, true, &value);
        if (rc <= 0) return rc;
        if (value < 0 || (uint64_t)value > SIZE_MAX / 2) {
            return fail(req, "Protocol error: invalid bulk length");
        }
        count = (size_t)value;
    }
    if (count > limits->bulk_bytes_max) return fail(req, "Protocol error: invalid bulk length");
    if (limits->unauthenticated && count > DBX_RESP_BULK_BYTES_UNAUTHENTICATED) {
        return fail(req, "Protocol error: unauthenticated bulk length");
    }
    req->bulk_len = count;
    return 1;
}

static int parse_array(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                       size_t len) {
    if (req->args_left == 0) {
        int rc = read_count(req, limits, data, len);
        if (rc <= 0) return rc;
    }
    while (req->args_left > 0) {
        if (req->bulk_len == DBX_NO_BULK) {
            int rc = read_bulk_len(req, limits, data, len);
            if (rc <= 0) return rc;
        }
        if (len - req->at < req->bulk_len + 2) return 0;
        if (req->argc == req->argv_cap && grow_argv(req) != DBX_OK) return DBX_ENOMEM;
        req->argv[req->argc++] = dbx_slice_of(data + req->at, req->bulk_len);
        req->at += req->bulk_len + 2;
        req->bulk_len = DBX_NO_BULK;
        req->args_left--;
    }
    return 1;
}

/* --- Inline commands ------------------------------------------------------------------------- */

/* A line being split; bytes past its end read as 0, which ends words as a blank does. */
typedef struct words {
    const uint8_t *text;
    size_t len;
    size_t at;
    uint8_t *out; /* room for `len` bytes: unquoting never makes text longer */
} words;

static uint8_t peek(const words *w, size_t ahead) {
    return w->len - w->at > ahead ? w->text[w->at + ahead] : 0;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = dbx_slice_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte an escape in double quotes stands for; w->at is on the backslash and moves behind. */
static uint8_t read_escape(words *w) {
    static const char names[] = "nrtba", bytes[] = "\n\r\t\b\a";
    uint8_t c = peek(w, 1);
    int high = hex_digit(peek(w, 2)), low = hex_digit(peek(w, 3));
    if (c == 'x' && high >= 0 && low >= 0) {
        w->at += 4;
        return (uint8_t)(high << 4 | low);
    }
    w->at += 2;
    const char *name = strchr(names, c); /* c is not 0 */
    return name != NULL ? (uint8_t)bytes[name - names] : c;
}

/* A quoted part, w->at behind its opening quote. The closing one must end the word. */
static bool read_quoted(words *w, uint8_t quote) {
    for (;;) {
        uint8_t c = peek(w, 0), next = peek(w, 1);
        if (c == 0) return false;
        if (c == quote) {
            w->at++;
            return next == 0 || is_blank(next);
        }
        if (c == '\\' && quote == '"' && next != 0) {
            *w->out++ = read_escape(w);
        } else if (c == '\\' && quote == '\'' && next == '\'') {
            *w->out++ = '\'';
            w->at += 2;
        } else {
            *w->out++ = c;
            w->at++;
        }
    }
}

/* One word, quoted or not, or partly ("a'b c'"). False: quotes do not match. */
static bool read_word(words *w) {
    for (;;) {
        uint8_t c = peek(w, 0);
        if (c == 0 || c == ' ' || c == '\n' || c == '\r' || c == '\t') return true;
        w->at++;
        if (c == '"' || c == '\'') return read_quoted(w, c);
        *w->out++ = c;
    }
}

static int split_line(dbx_request *req, dbx_slice line) {
    req->inline_text.len = 0;
    uint8_t *out = dbx_buf_reserve(&req->inline_text, line.len + 1);
    if (out == NULL) {
        dbx_buf_free(&req->inline_text);
        return DBX_ENOMEM;
    }
    words w = {line.ptr, line.len, 0, out};
    for (;;) {
        while (is_blank(peek(&w, 0))) {
            w.at++;
        }
        if (peek(&w, 0) == 0) return 1;
        if (req->argc == req->argv_cap && grow_argv(req) != DBX_OK) return DBX_ENOMEM;
        uint8_t *word = w.out;
        if (!read_word(&w)) return fail(req, "Protocol error: unbalanced quotes in request");
        req->argv[req->argc++] = dbx_slice_of(word, (size_t)(w.out - word));
    }
}

static int parse_inline(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                        size_t len) {
    size_t end;
    int found = find_end(req, data, len, '\n', limits->inline_bytes_max, &end,
                         "Protocol error: too big inline request");
    if (found <= 0) return found;
    req->at = end + 1;
    req->argc = 0;
    return split_line(req, dbx_slice_of(data, end > 0 && data[end - 1] == '\r' ? end - 1 : end));
}

/* --------------------------------------------------------------------------------------------- */

int dbx_request_parse(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                      size_t len, size_t *consumed) {
    *consumed = 0;
    if (len == 0) return 0;
    int rc;
    if (data[0] == '*') {
        if (data != req->base && req->argc > 0) move_argv(req, data);
        req->base = data;
        rc = parse_array(req, limits, data, len);
    } else {
        rc = parse_inline(req, limits, data, len);
    }
    if (rc == 1) *consumed = req->at;
    return rc;
}

int dbx_request_skip(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                     size_t len, size_t *used) {
    int rc = 1;
    req->argc = 0;
    while (req->args_left > 0) {
        if (req->bulk_len == DBX_NO_BULK) {
            rc = read_bulk_len(req, limits, data, len);
            if (rc <= 0) break;
        }
        size_t there = len - req->at;
        if (there < req->bulk_len + 2) { /* CR and LF go together */
            size_t part = there < req->bulk_len ? there : req->bulk_len;
            req->at += part;
            req->bulk_len -= part;
            rc = 0;
            break;
        }
        req->at += req->bulk_len + 2;
        req->bulk_len = DBX_NO_BULK;
        req->args_left--;
    }
    *used = req->at;
    req->scanned = req->scanned > req->at ? req->scanned - req->at : 0;
    req->at = 0;
    return rc;
}

size_t dbx_request_wants(const dbx_request *req, size_t len) {
    if (req->bulk_len == DBX_NO_BULK) return 0;
    size_t end = req->at + req->bulk_len + 2;
    return end > len ? end - len : 0;
}
