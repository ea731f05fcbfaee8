/* cmd_hash.c: commands on hashes: setting, counting, reading one or several fields. Going through
 * all of them is in cmd_hash_all.c, their expiry in cmd_hash_expire.c. */
#include <math.h>

#include "base/num.h"
#include "commands/cmd_hash_all.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/t_hash.h"

/* --- Setting and deleting -------------------------------------------------------------------- */

static int set_fields(dbx_ctx *ctx, dbx_args *args, dbx_key *k, int64_t *added) {
    dbx_edit edit;
    int rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) dbx_hash_may_hold_many(&edit, dbx_args_left(args) / 2);
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_slice field = dbx_args_next(args), value = dbx_args_next(args);
        bool is_new = false;
        rc = dbx_hash_set(&edit, field, value, false, &is_new);
        *added += is_new;
    }
    return dbx_edit_close(&edit, rc);
}

/* HSET and HMSET, which differ in their reply. */
static int hash_set(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool counts) {
    dbx_key k;
    int rc;
    int64_t added = 0;
    dbx_slice name = dbx_args_next(args);
    if (dbx_args_left(args) % 2 != 0) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
        return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    rc = set_fields(ctx, args, &k, &added);
    if (counts) {
        out->ops->integer(out, added);
    } else {
        dbx_reply_ok(out);
    }
    return rc;
}

static int cmd_hset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_set(ctx, args, out, true);
}

static int cmd_hmset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_set(ctx, args, out, false);
}

static int cmd_hdel(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    int rc;
    int64_t count = 0;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    rc = k.exists ? dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k) : DBX_OK;
    while (k.exists && rc == DBX_OK && dbx_args_left(args) > 0) {
        bool removed = false;
        rc = dbx_hash_del(&edit, dbx_args_next(args), &removed);
        count += removed;
    }
    if (k.exists) rc = dbx_edit_close(&edit, rc);
    out->ops->integer(out, count);
    return rc;
}

static int cmd_hsetnx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    dbx_cell old;
    int rc;
    bool added = false;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    dbx_slice field = dbx_args_next(args), value = dbx_args_next(args);
    rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) rc = dbx_hash_edit_get(&edit, field, &old, NULL);
    if (rc == DBX_ENOTFOUND) rc = dbx_hash_set(&edit, field, value, false, &added);
    rc = dbx_edit_close(&edit, rc);
    out->ops->integer(out, added);
    return rc;
}

/* --- Counting -------------------------------------------------------------------------------- */

/* number_of reads a field that is to be a number; a long one is none. DBX_ENOTFOUND: there is none.
 */
static int number_of(dbx_edit *edit, dbx_slice field, dbx_slice *text, dbx_expiry *expiry) {
    dbx_cell value;
    int rc = dbx_hash_edit_get(edit, field, &value, expiry);
    *text = rc == DBX_OK ? dbx_cell_slice(&value) : dbx_slice_of("0", 1);
    return rc;
}

static int cmd_hincrby(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    dbx_slice text, name = dbx_args_next(args), field = dbx_args_next(args);
    int64_t value = 0, by = dbx_args_i64(args);
    char digits[DBX_NUM_TEXT_MAX];
    bool added;
    int rc;
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) rc = number_of(&edit, field, &text, NULL);
    if (rc == DBX_ENOTFOUND) rc = DBX_OK;
    if (rc == DBX_OK && !dbx_num_from_slice(text, &value)) {
        dbx_args_fail(args, "ERR hash value is not an integer");
    } else if (rc == DBX_OK && __builtin_add_overflow(value, by, &value)) {
        dbx_args_fail(args, "ERR increment or decrement would overflow");
    }
    if (rc == DBX_OK && dbx_args_ok(args, out)) {
        dbx_slice sum = dbx_slice_of(digits, dbx_num_to_text(value, digits));
        rc = dbx_hash_set(&edit, field, sum, true, &added);
        out->ops->integer(out, value);
    }
    return dbx_edit_close(&edit, rc);
}

/* The effect sets the result: long doubles are not alike on all machines. */
static int effect_set(dbx_ctx *ctx, const dbx_key *k, dbx_slice field, dbx_slice value,
                      bool expires) {
    if (!expires) return dbx_effect_words(ctx, dbx_slice_str("HSET"), k->name, field, value);
    return dbx_effect_words(ctx, dbx_slice_str("HSETEX"), k->name, dbx_slice_str("KEEPTTL"),
                            dbx_slice_str("FIELDS"), dbx_slice_str("1"), field, value);
}

static int cmd_hincrbyfloat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    dbx_slice text, name = dbx_args_next(args), field = dbx_args_next(args);
    dbx_expiry expiry = dbx_expiry_never();
    long double value = 0, by = dbx_args_long_real(args);
    char digits[DBX_NUM_LONG_REAL_TEXT_MAX];
    bool added;
    int rc;
    if (isnan(by) || isinf(by)) dbx_args_fail(args, "ERR value is NaN or Infinity");
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) rc = number_of(&edit, field, &text, &expiry);
    if (rc == DBX_ENOTFOUND) rc = DBX_OK;
    if (rc == DBX_OK && !dbx_num_long_real_from_slice(text, &value)) {
        dbx_args_fail(args, "ERR hash value is not a float");
    }
    value = dbx_num_long_real_add(value, by);
    if (isnan(value) || isinf(value)) {
        dbx_args_fail(args, "ERR increment would produce NaN or Infinity");
    }
    bool sets = rc == DBX_OK && dbx_args_ok(args, out);
    text = dbx_slice_of(digits, sets ? dbx_num_long_real_to_text(value, digits) : 0);
    if (sets) {
        rc = dbx_hash_set(&edit, field, text, true, &added);
        out->ops->bulk(out, text);
    }
    rc = dbx_edit_close(&edit, rc);
    return rc == DBX_OK && sets ? effect_set(ctx, &k, field, text, dbx_expiry_set(expiry)) : rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

static int cmd_hget(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_cell value;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_get(ctx->txn, &k, dbx_args_next(args), &value, NULL);
    if (rc == DBX_OK) return dbx_walker_reply_cell(ctx, &value, out);
    if (rc != DBX_ENOTFOUND) return rc;
    out->ops->null(out);
    return DBX_OK;
}

static int cmd_hmget(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    return dbx_hash_reply_fields(ctx, &k, dbx_args_left(args), args->argv + args->at, out);
}

/* HEXISTS and HSTRLEN, which say less about the value. */
static int about_field(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool length) {
    dbx_key k;
    dbx_cell value;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_get(ctx->txn, &k, dbx_args_next(args), &value, NULL);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    out->ops->integer(out, rc != DBX_OK ? 0 : length ? (int64_t)value.len : 1);
    return DBX_OK;
}

static int cmd_hexists(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return about_field(ctx, args, out, false);
}

static int cmd_hstrlen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return about_field(ctx, args, out, true);
}

static int cmd_hlen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    uint64_t len;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_len(ctx->txn, &k, &len);
    out->ops->integer(out, rc == DBX_OK ? (int64_t)len : 0);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_hash[] = {
    {.name = "hset",
     .group = "hash",
     .syntax = "key <data: field value> [data ...]",
     .summary = "Sets fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(1) for each field",
     .history = DBX_LIST("4.0.0", "Several fields at once."),
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hset},
    {.name = "hmset",
     .group = "hash",
     .syntax = "key <data: field value> [data ...]",
     .summary = "Sets fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(1) for each field",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hmset,
     .doc_flags = "deprecated",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs"},
    {.name = "hdel",
     .group = "hash",
     .syntax = "key field [field ...]",
     .summary = "Deletes fields of a hash, and the hash with its last one.",
     .since = "2.0.0",
     .complexity = "O(1) for each field",
     .history = DBX_LIST("2.4.0", "Several fields at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hdel},
    {.name = "hget",
     .group = "hash",
     .syntax = "key field",
     .summary = "Returns the value of a field.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hget},
    {.name = "hlen",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns how many fields a hash has.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hlen},
    {.name = "hsetnx",
     .group = "hash",
     .syntax = "key field value",
     .summary = "Sets a field unless it is there.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hsetnx},
    {.name = "hincrby",
     .group = "hash",
     .syntax = "key field increment",
     .summary = "Adds to the integer in a field; no field counts as 0.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_hincrby},
    {.name = "hincrbyfloat",
     .group = "hash",
     .syntax = "key field increment:double",
     .summary = "Adds to the number in a field; no field counts as 0.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_hincrbyfloat},
    {.name = "hmget",
     .group = "hash",
     .syntax = "key field [field ...]",
     .summary = "Returns the values of several fields.",
     .since = "2.0.0",
     .complexity = "O(1) for each field",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hmget},
    {.name = "hexists",
     .group = "hash",
     .syntax = "key field",
     .summary = "Says whether a field is there.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hexists},
    {.name = "hstrlen",
     .group = "hash",
     .syntax = "key field",
     .summary = "Returns the length of a field's value.",
     .since = "3.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hstrlen},
    {.name = NULL},
};
