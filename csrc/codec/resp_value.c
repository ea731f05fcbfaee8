/* resp_value.c: reading RESP values; see resp_value.h. */
#include "codec/resp_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "codec/resp_line.h"

enum { REAL_TEXT_MAX = 325 }; /* hiredis's */

/* Results of the steps below, besides 0 (more bytes are needed) and negative errors. */
enum { VALUE_DONE = 1, VALUE_GO_ON = 2 };

/* The bytes at hand and how many of them are used up. */
typedef struct input {
    const uint8_t *data;
    size_t len;
    size_t at;
} input;

void dbx_value_init(dbx_value_reader *reader, const dbx_value_ops *ops, void *arg) {
    reader->ops = ops;
    reader->arg = arg;
    reader->error = NULL;
    reader->scanned = 0;
    reader->bulk_len = 0;
    reader->bulk_type = 0;
    reader->depth = 0;
    reader->dropped = 0;
}

size_t dbx_value_wants(const dbx_value_reader *reader) {
    return reader->bulk_type != 0 ? reader->bulk_len + 2 : 0;
}

static int fail(dbx_value_reader *r, const char *error) {
    r->error = error;
    return DBX_EINVAL;
}

static int fail_type(dbx_value_reader *r, uint8_t c) {
    static const char names[] = "\n\r\t\a\b", letters[] = "nrtab";
    const char *name = c != 0 ? strchr(names, c) : NULL;
    char shown[8];
    if (name != NULL) {
        (void)snprintf(shown, sizeof shown, "\\%c", letters[name - names]);
    } else if (c == '\\' || c == '"') {
        (void)snprintf(shown, sizeof shown, "\\%c", c);
    } else if (c >= ' ' && c < 0x7f) {
        (void)snprintf(shown, sizeof shown, "%c", c);
    } else {
        (void)snprintf(shown, sizeof shown, "\\x%02x", c);
    }
    (void)snprintf(r->error_text, sizeof r->error_text,
                   "Protocol error, got \"%s\" as reply type byte", shown);
    return fail(r, r->error_text);
}

/* A value has been passed on: containers that it completes are closed. */
static int finish(dbx_value_reader *r) {
    while (r->depth > 0) {
        dbx_value_level *level = &r->levels[r->depth - 1];
        if (--level->left > 0) return VALUE_GO_ON;
        r->depth--;
        if (level->type == '|') { /* the value it belongs to follows */
            if (r->depth < r->dropped) r->dropped = 0;
            return VALUE_GO_ON;
        }
        if (r->dropped > 0) continue;
        int rc = r->ops->close(r->arg, level->type, level->count);
        if (rc < 0) return rc;
    }
    return VALUE_DONE;
}

/* Calls a constructor, unless within an attribute, and finishes the value. */
#define PASS_ON(r, call)                                                                           \
    do {                                                                                           \
        int pass_rc = (r)->dropped > 0 ? 0 : (call);                                               \
        return pass_rc < 0 ? pass_rc : finish(r);                                                  \
    } while (0)

static int pass_null(dbx_value_reader *r) {
    PASS_ON(r, r->ops->null(r->arg));
}

static int pass_text(dbx_value_reader *r, char type, dbx_slice bytes) {
    PASS_ON(r, r->ops->text(r->arg, type, bytes));
}

/* The line that begins behind the type byte at in->at: 1 and its text, with in->at behind its CR
 * LF, or 0. */
static int read_line(dbx_value_reader *r, input *in, dbx_slice *line) {
    size_t start = in->at + 1, from = start + r->scanned;
    while (from < in->len) {
        const uint8_t *cr = memchr(in->data + from, '\r', in->len - from);
        from = cr != NULL ? (size_t)(cr - in->data) : in->len;
        if (in->len - from < 2) break; /* no CR, or nothing behind it yet */
        if (in->data[from + 1] == '\n') {
            *line = dbx_slice_of(in->data + start, from - start);
            in->at = from + 2;
            r->scanned = 0;
            return 1;
        }
        from++;
    }
    r->scanned = from > start ? from - start : 0;
    return 0;
}

/* The line "T<number>CRLF": 1 and the number, 0, or the error `bad`. */
static int read_number(dbx_value_reader *r, input *in, int64_t *out, const char *bad) {
    size_t number, after = dbx_resp_quick_number(in->data, in->at, in->len, &number);
    if (after != 0) {
        in->at = after;
        r->scanned = 0;
        *out = (int64_t)number;
        return 1;
    }
    dbx_slice line;
    if (read_line(r, in, &line) == 0) return 0;
    return dbx_num_from_slice(line, out) ? 1 : fail(r, bad);
}

/* --- Scalars on one line --------------------------------------------------------------------- */

static int pass_integer(dbx_value_reader *r, int64_t value) {
    PASS_ON(r, r->ops->integer(r->arg, value));
}

static int pass_real(dbx_value_reader *r, dbx_slice line) {
    double value;
    dbx_slice unsigned_line = line;
    bool negative = line.len > 0 && line.ptr[0] == '-';
    if (negative) unsigned_line = dbx_slice_of(line.ptr + 1, line.len - 1);
    if (line.len > REAL_TEXT_MAX) return fail(r, "Double value is too large");
    if (dbx_slice_eq_nocase(unsigned_line, dbx_slice_str("inf"))) {
        value = negative ? -(double)INFINITY : (double)INFINITY;
    } else if (dbx_slice_eq_nocase(unsigned_line, dbx_slice_str("nan"))) {
        value = (double)NAN;
    } else if (!dbx_num_real_from_slice(line, &value) || !isfinite(value)) {
        return fail(r, "Bad double value");
    }
    PASS_ON(r, r->ops->real(r->arg, value));
}

static int pass_boolean(dbx_value_reader *r, dbx_slice line) {
    uint8_t c = line.len == 1 ? dbx_slice_lower(line.ptr[0]) : 0;
    if (c != 't' && c != 'f') return fail(r, "Bad bool value");
    PASS_ON(r, r->ops->boolean(r->arg, c == 't'));
}

static int pass_bignum(dbx_value_reader *r, dbx_slice line) {
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] - (unsigned)'0' > 9 && !(i == 0 && line.ptr[i] == '-')) {
            return fail(r, "Bad bignum value");
        }
    }
    return pass_text(r, '(', line);
}

static int pass_simple(dbx_value_reader *r, char type, dbx_slice line) {
    if (line.len > 0 && (memchr(line.ptr, '\r', line.len) || memchr(line.ptr, '\n', line.len))) {
        return fail(r, "Bad simple string value");
    }
    return pass_text(r, type, line);
}

static int pass_line(dbx_value_reader *r, char type, dbx_slice line) {
    switch (type) {
    case ',':
        return pass_real(r, line);
    case '#':
        return pass_boolean(r, line);
    case '(':
        return pass_bignum(r, line);
    case '_':
        return line.len == 0 ? pass_null(r) : fail(r, "Bad nil value");
    default:
        return pass_simple(r, type, line);
    }
}

/* --- Bulk strings ---------------------------------------------------------------------------- */

static int pass_bulk(dbx_value_reader *r, input *in) {
    size_t len = r->bulk_len;
    char type = r->bulk_type;
    if (in->len - in->at < len + 2) return 0;
    dbx_slice bytes = dbx_slice_of(in->data + in->at, len);
    in->at += len + 2;
    r->bulk_type = 0;
    if (type == '=') {
        if (len < 4 || bytes.ptr[3] != ':') {
            return fail(r, "Verbatim string 4 bytes of content type are "
                           "missing or incorrectly encoded.");
        }
        bytes = dbx_slice_of(bytes.ptr + 4, len - 4);
    }
    return pass_text(r, type, bytes);
}

static int read_bulk(dbx_value_reader *r, input *in, char type) {
    int64_t len;
    int rc = read_number(r, in, &len, "Bad bulk string length");
    if (rc <= 0) return rc;
    if (len == -1) return pass_null(r);
    if (len < 0 || (uint64_t)len > DBX_VALUE_BULK_BYTES_MAX) {
        return fail(r, "Bulk string length out of range");
    }
    r->bulk_len = (size_t)len;
    r->bulk_type = type;
    return pass_bulk(r, in);
}

/* --- Containers ------------------------------------------------------------------------------ */

static int open_container(dbx_value_reader *r, char type, size_t count) {
    if (type == '|') {
        if (count == 0) return VALUE_GO_ON;
        if (r->dropped == 0) r->dropped = r->depth + 1;
    } else if (r->dropped == 0) {
        int rc = r->ops->open(r->arg, type, count);
        if (rc < 0) return rc;
        if (count == 0) {
            rc = r->ops->close(r->arg, type, 0);
            return rc < 0 ? rc : finish(r);
        }
    } else if (count == 0) {
        return finish(r);
    }
    r->levels[r->depth++] = (dbx_value_level){.count = count, .left = count, .type = type};
    return VALUE_GO_ON;
}

static int read_container(dbx_value_reader *r, input *in, char type) {
    int64_t value;
    if (r->depth == DBX_VALUE_DEPTH_MAX) return fail(r, "Max nesting depth exceeded");
    int rc = read_number(r, in, &value, "Bad multi-bulk length");
    if (rc <= 0) return rc;
    if (value == -1 && type != '|') return pass_null(r);
    size_t each = type == '%' || type == '|' ? 2 : 1;
    if (value < 0 || value > DBX_VALUE_ELEMENTS_MAX || (uint64_t)value > SIZE_MAX / each) {
        return fail(r, "Multi-bulk length out of range");
    }
    return open_container(r, type, (size_t)value * each);
}

/* --------------------------------------------------------------------------------------------- */

static int read_item(dbx_value_reader *r, input *in) {
    dbx_slice line;
    int64_t number;
    int rc;
    if (r->bulk_type != 0) return pass_bulk(r, in);
    if (in->at == in->len) return 0;
    char type = (char)in->data[in->at];
    switch (type) {
    case '$':
    case '=':
    case '!':
        return read_bulk(r, in, type);
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
        return read_container(r, in, type);
    case ':':
        rc = read_number(r, in, &number, "Bad integer value");
        return rc == 1 ? pass_integer(r, number) : rc;
    case '+':
    case '-':
    case '_':
    case '#':
    case ',':
    case '(':
        return read_line(r, in, &line) == 0 ? 0 : pass_line(r, type, line);
    default:
        return fail_type(r, (uint8_t)type);
    }
}

int dbx_value_read(dbx_value_reader *reader, const uint8_t *data, size_t len, size_t *consumed) {
    input in = {data, len, 0};
    int rc;
    do {
        rc = read_item(reader, &in);
    } while (rc == VALUE_GO_ON);
    *consumed = in.at;
    return rc;
}
