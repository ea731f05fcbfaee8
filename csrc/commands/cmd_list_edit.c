/* cmd_list_edit.c: commands that change lists between their ends: LSET LINSERT LREM LTRIM. */
#include "commands/cmd_list_range.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_list_encoding.h"

static const char NO_SUCH_KEY[] = "ERR no such key";

/* --- LSET ------------------------------------------------------------------------------------ */

/* set_at replaces the element; false: there is none, and nothing was changed. */
static int set_at(dbx_ctx *ctx, dbx_key *k, int64_t index, dbx_slice element) {
    dbx_list_edit e;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) {
        dbx_list_encoding_grow(&e, element.len, 1);
        rc = dbx_list_set(&e, (uint64_t)index, element);
    }
    if (rc == DBX_OK) dbx_list_encoding_shrink(&e);
    return dbx_list_edit_close(&e, rc);
}

static int cmd_lset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_LIST, &k, out, &rc)) return rc;
    if (!k.exists) {
        dbx_reply_error(out, NO_SUCH_KEY);
        return DBX_OK;
    }
    int64_t index = dbx_args_i64(args), count = (int64_t)k.meta.count;
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (index < 0) index += count;
    if (index < 0 || index >= count) {
        dbx_reply_error(out, "ERR index out of range");
        return DBX_OK;
    }
    rc = set_at(ctx, &k, index, dbx_args_next(args));
    dbx_reply_ok(out);
    return rc;
}

/* --- LINSERT --------------------------------------------------------------------------------- */

static int insert(dbx_ctx *ctx, dbx_args *args, dbx_key *k, bool before, bool *found) {
    dbx_list_edit e;
    dbx_slice pivot = dbx_args_next(args), element = dbx_args_next(args);
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) {
        dbx_list_encoding_grow(&e, element.len, 1);
        rc = dbx_list_insert(&e, pivot, before, element, found);
    }
    return dbx_list_edit_close(&e, rc);
}

static int cmd_linsert(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    bool found = false, before;
    dbx_slice name = dbx_args_next(args);
    before = dbx_args_word(args, "BEFORE");
    if (!before && !dbx_args_word(args, "AFTER")) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    if (k.exists) rc = insert(ctx, args, &k, before, &found);
    out->ops->integer(out, !k.exists ? 0 : found ? (int64_t)k.meta.count : -1);
    return rc;
}

/* --- LREM ------------------------------------------------------------------------------------ */

static int remove_equal(dbx_ctx *ctx, dbx_key *k, int64_t count, dbx_slice element,
                        uint64_t *removed) {
    dbx_list_edit e;
    uint64_t limit = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) {
        rc = dbx_list_remove(&e, element, count < 0, count == 0 ? UINT64_MAX : limit, removed);
    }
    if (rc == DBX_OK && *removed > 0) dbx_list_encoding_shrink(&e);
    return dbx_list_edit_close(&e, rc);
}

static int cmd_lrem(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    uint64_t removed = 0;
    dbx_slice name = dbx_args_next(args);
    int64_t count = dbx_args_i64(args);
    if (count == INT64_MIN) dbx_args_fail(args, DBX_RANGE_ERROR);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    if (k.exists) rc = remove_equal(ctx, &k, count, dbx_args_next(args), &removed);
    out->ops->integer(out, (int64_t)removed);
    return rc;
}

/* --- LTRIM ----------------------------------------------------------------------------------- */

static int trim(dbx_ctx *ctx, dbx_key *k, int64_t start, int64_t stop) {
    dbx_list_edit e;
    uint64_t skip = 0, count = dbx_list_span(k->meta.count, start, stop, &skip);
    uint64_t behind = k->meta.count - skip - count;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK && count == 0) {
        rc = dbx_list_drop(&e, false, k->meta.count);
    } else {
        if (rc == DBX_OK) rc = dbx_list_drop(&e, false, skip);
        if (rc == DBX_OK) rc = dbx_list_drop(&e, true, behind);
    }
    if (rc == DBX_OK) dbx_list_encoding_shrink(&e);
    return dbx_list_edit_close(&e, rc);
}

static int cmd_ltrim(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args);
    int64_t start = dbx_args_i64(args), stop = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    if (k.exists) rc = trim(ctx, &k, start, stop);
    dbx_reply_ok(out);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_list_edit[] = {
    {.name = "linsert",
     .group = "list",
     .syntax = "key <where: BEFORE | AFTER> pivot element",
     .summary = "Puts an element before or behind the first one that equals another.",
     .since = "2.2.0",
     .complexity = "O(N) for N elements up to the one that is looked for",
     .arity = 5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_linsert},
    {.name = "lrem",
     .group = "list",
     .syntax = "key count element",
     .summary = "Removes elements that equal one: some, from either end, or all.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements compared",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lrem},
    {.name = "lset",
     .group = "list",
     .syntax = "key index element",
     .summary = "Replaces an element of a list.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements up to it from the nearer end, in steps of some dozens; O(1)"
                   " at the ends",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lset},
    {.name = "ltrim",
     .group = "list",
     .syntax = "key start stop:integer",
     .summary = "Removes all but a range of a list.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements removed; O(1) if all are",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_ltrim},
    {.name = NULL},
};
