/* cmd_string_edit.c: commands that change or read a part of a string, or count in it. */
#include <math.h>

#include "base/num.h"
#include "commands/cmd_string_reply.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_string.h"

static const char TOO_LONG[] = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/* --- Ranges ---------------------------------------------------------------------------------- */

/* fits says whether a string may become `len` + `more` bytes long. */
static bool fits(dbx_ctx *ctx, uint64_t len, uint64_t more, dbx_reply *out) {
    uint64_t max = ctx->string_bytes_max;
    if (max > DBX_STRING_BYTES_MAX) max = DBX_STRING_BYTES_MAX;
    if (len <= max && more <= max - len) return true;
    dbx_reply_error(out, TOO_LONG);
    return false;
}

static int cmd_append(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args), bytes = dbx_args_next(args);
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    uint64_t len = dbx_string_len(&k);
    if (!fits(ctx, len, bytes.len, out)) return DBX_OK;
    out->ops->integer(out, (int64_t)(len + bytes.len));
    if (k.exists) return dbx_string_append(ctx->txn, &k, bytes);
    return dbx_string_set(ctx->txn, &k, bytes, dbx_expiry_never());
}

static int cmd_setrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args);
    int64_t offset = dbx_args_i64(args);
    dbx_slice bytes = dbx_args_next(args);
    if (offset < 0) dbx_args_fail(args, "ERR offset is out of range");
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    uint64_t len = dbx_string_len(&k), end = (uint64_t)offset + bytes.len;
    if (bytes.len == 0) {
        out->ops->integer(out, (int64_t)len);
        return DBX_OK;
    }
    if (!fits(ctx, (uint64_t)offset, bytes.len, out)) return DBX_OK;
    out->ops->integer(out, (int64_t)(end > len ? end : len));
    return dbx_string_write(ctx->txn, &k, (uint64_t)offset, bytes);
}

/* range_of turns Redis's inclusive, possibly negative indices into [*from, *from + n); returns n.
 */
static uint64_t range_of(int64_t start, int64_t end, uint64_t len, uint64_t *from) {
    int64_t size = (int64_t)len;
    if (start < 0 && end < 0 && start > end) return 0;
    if (start < 0) start = start < -size ? 0 : start + size;
    if (end < 0) end = end < -size ? 0 : end + size;
    if (end >= size) end = size - 1;
    if (start > end) return 0;
    *from = (uint64_t)start;
    return (uint64_t)(end - start) + 1;
}

static int cmd_getrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    uint64_t from = 0;
    dbx_slice name = dbx_args_next(args);
    int64_t start = dbx_args_i64(args), end = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    uint64_t n = range_of(start, end, dbx_string_len(&k), &from);
    return dbx_string_reply(ctx, &k, from, n, out);
}

/* --- Numbers --------------------------------------------------------------------------------- */

static int add_integer(dbx_ctx *ctx, dbx_slice name, int64_t by, dbx_reply *out) {
    dbx_key k;
    int rc;
    int64_t value = 0;
    dbx_slice text;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    if (k.exists && (!dbx_string_inline(&k, &text) || !dbx_num_from_slice(text, &value))) {
        dbx_reply_error(out, DBX_NOT_AN_INTEGER);
        return DBX_OK;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        dbx_reply_error(out, "ERR increment or decrement would overflow");
        return DBX_OK;
    }
    out->ops->integer(out, value);
    return dbx_string_set_i64(ctx->txn, &k, value);
}

static int cmd_incr(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return add_integer(ctx, dbx_args_next(args), 1, out);
}

static int cmd_decr(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return add_integer(ctx, dbx_args_next(args), -1, out);
}

static int cmd_incrby(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice name = dbx_args_next(args);
    int64_t by = dbx_args_i64(args);
    return dbx_args_ok(args, out) ? add_integer(ctx, name, by, out) : DBX_OK;
}

static int cmd_decrby(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice name = dbx_args_next(args);
    int64_t by = dbx_args_i64(args);
    if (by == INT64_MIN) dbx_args_fail(args, "ERR decrement would overflow");
    return dbx_args_ok(args, out) ? add_integer(ctx, name, -by, out) : DBX_OK;
}

/* The effect is a SET of the result: long doubles are not alike on all machines. */
static int cmd_incrbyfloat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    char digits[DBX_NUM_LONG_REAL_TEXT_MAX];
    long double value = 0;
    dbx_slice name = dbx_args_next(args), text;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    if (k.exists &&
        (!dbx_string_inline(&k, &text) || !dbx_num_long_real_from_slice(text, &value))) {
        dbx_args_fail(args, DBX_NOT_A_REAL);
    }
    value = dbx_num_long_real_add(value, dbx_args_long_real(args));
    if (isnan(value) || isinf(value)) {
        dbx_args_fail(args, "ERR increment would produce NaN or Infinity");
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    text = dbx_slice_of(digits, dbx_num_long_real_to_text(value, digits));
    out->ops->bulk(out, text);
    dbx_expiry expiry = k.exists ? k.meta.expiry : dbx_expiry_never();
    rc = dbx_string_set_text(ctx->txn, &k, text, expiry);
    if (rc != DBX_OK) return rc;
    rc = dbx_effect_words(ctx, dbx_slice_str("SET"), name, text, dbx_slice_str("KEEPTTL"));
    int64_t number;
    if (rc != DBX_OK || !dbx_num_from_slice(text, &number)) return rc;
    /* SET alone makes a number of digits, which here stay text. */
    return dbx_effect_words(ctx, dbx_slice_str("INCRBYFLOAT"), name, dbx_slice_str("0"));
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_string_edit[] = {
    {.name = "append",
     .group = "string",
     .syntax = "key value",
     .summary = "Adds bytes to the end of a string, creating it when needed.",
     .since = "2.0.0",
     .complexity = "O(1) for a short addition, whatever the length of the string",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_append},
    {.name = "getrange",
     .group = "string",
     .syntax = "key start end",
     .summary = "Returns part of a string.",
     .since = "2.4.0",
     .complexity = "O(N) for N bytes returned",
     .arity = 4,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_getrange},
    {.name = "setrange",
     .group = "string",
     .syntax = "key offset value",
     .summary = "Overwrites part of a string, lengthening it with zero bytes when needed.",
     .since = "2.2.0",
     .complexity = "O(N) for a value of N bytes, whatever the length of the string",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_setrange},
    {.name = "substr",
     .group = "string",
     .syntax = "key start end",
     .summary = "Returns part of a string.",
     .since = "1.0.0",
     .complexity = "O(N) for N bytes returned",
     .arity = 4,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_getrange,
     .doc_flags = "deprecated",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`"},
    {.name = "incr",
     .group = "string",
     .syntax = "key",
     .summary = "Adds one to the integer in a string; no string counts as 0.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_incr},
    {.name = "incrby",
     .group = "string",
     .syntax = "key increment",
     .summary = "Adds to the integer in a string; no string counts as 0.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_incrby},
    {.name = "decr",
     .group = "string",
     .syntax = "key",
     .summary = "Subtracts one from the integer in a string; no string counts as 0.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_decr},
    {.name = "decrby",
     .group = "string",
     .syntax = "key decrement",
     .summary = "Subtracts from the integer in a string; no string counts as 0.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_decrby},
    {.name = "incrbyfloat",
     .group = "string",
     .syntax = "key increment:double",
     .summary = "Adds to the number in a string; no string counts as 0.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_incrbyfloat},
    {.name = NULL},
};
