/* scan_args.c: see scan_args.h. */
#include "commands/scan_args.h"

#include "base/glob.h"
#include "base/num.h"
#include "types/type.h"

/* parse_cursor reads a cursor as strtoull does, which is what Redis uses: "007" and " 7" are 7. */
static bool parse_cursor(dbx_slice text, uint64_t *cursor) {
    size_t at = 0;
    uint64_t value = 0;
    while (at < text.len && (text.ptr[at] == ' ' || (text.ptr[at] >= '\t' && text.ptr[at] <= '\r')))
        at++;
    if (at == text.len) return false;
    for (; at < text.len; at++) {
        uint8_t digit = (uint8_t)(text.ptr[at] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *cursor = value;
    return true;
}

bool dbx_scan_cursor(dbx_args *args, dbx_scan_args *s, dbx_reply *out) {
    if (!parse_cursor(dbx_args_next(args), &s->cursor)) dbx_args_fail(args, "ERR invalid cursor");
    return args->error == NULL || dbx_args_ok(args, out);
}

bool dbx_scan_options(dbx_args *args, unsigned extra, dbx_scan_args *s, dbx_reply *out) {
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (dbx_args_word(args, "COUNT")) {
            s->count = dbx_args_i64(args);
            if (s->count < 1) dbx_args_fail(args, DBX_SYNTAX_ERROR);
        } else if (dbx_args_word(args, "MATCH")) {
            s->match = dbx_args_next(args);
        } else if ((extra & DBX_SCAN_TYPE) != 0 && dbx_args_word(args, "TYPE")) {
            s->typed = true;
            s->type = dbx_type_by_name(dbx_args_next(args));
        } else if (dbx_args_word(args, "NOVALUES")) {
            s->novalues = true;
            if ((extra & DBX_SCAN_NOVALUES) == 0) {
                dbx_args_fail(args, "ERR NOVALUES option can only be used in HSCAN");
            }
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    if (s->count > DBX_SCAN_COUNT_MAX) s->count = DBX_SCAN_COUNT_MAX;
    return dbx_args_ok(args, out);
}

bool dbx_scan_matches(dbx_slice pattern, dbx_slice name) {
    return (pattern.len == 1 && *pattern.ptr == '*') || dbx_glob_match(pattern, name, false);
}

void dbx_scan_add(dbx_scan_found *found, dbx_slice string) {
    dbx_buf_add(&found->strings, &string.len, sizeof string.len);
    dbx_buf_add(&found->strings, string.ptr, string.len);
    found->count++;
}

static void write_found(uint64_t cursor, const dbx_scan_found *found, dbx_reply *out) {
    char digits[DBX_NUM_TEXT_MAX];
    out->ops->open(out, DBX_ARRAY, 2);
    out->ops->bulk(out, dbx_slice_of(digits, dbx_num_u64_to_text(cursor, digits)));
    out->ops->open(out, DBX_ARRAY, found->count);
    for (size_t at = 0; at < found->strings.len;) {
        size_t len;
        memcpy(&len, found->strings.ptr + at, sizeof len);
        out->ops->bulk(out, dbx_slice_of(found->strings.ptr + at + sizeof len, len));
        at += sizeof len + len;
    }
    out->ops->close(out);
    out->ops->close(out);
}

int dbx_scan_reply(int rc, uint64_t cursor, dbx_scan_found *found, dbx_reply *out) {
    if (rc == DBX_OK && found->strings.failed) rc = DBX_ENOMEM;
    if (rc == DBX_OK) write_found(cursor, found, out);
    dbx_buf_free(&found->strings);
    return rc;
}
