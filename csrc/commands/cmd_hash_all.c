/* cmd_hash_all.c: commands that go through the fields of a hash, and draw some of them. */
#include "commands/cmd_hash_all.h"

#include "commands/draw.h"
#include "commands/lookup.h"
#include "commands/scan_members.h"
#include "commands/table.h"
#include "commands/walker.h"

/* --- All fields ------------------------------------------------------------------------------ */

typedef struct fields_walker {
    dbx_walker base;
    dbx_hash_walk walk;
    bool fields, values; /* what is asked for */
    bool value_due;      /* the field was written, its value was not */
    dbx_cell value;
    dbx_buf kept; /* owned: that value, in another view than it was found in */
} fields_walker;

static int fields_next(dbx_walker *base, dbx_reply *out) {
    fields_walker *walker = (fields_walker *)base;
    dbx_hash_item item;
    if (walker->value_due) {
        walker->value_due = false;
        dbx_walker_cell(base, &walker->value, out);
        return DBX_OK;
    }
    int rc = dbx_hash_walk_next(&walker->walk, &item);
    if (rc != DBX_OK) return rc;
    walker->value_due = walker->fields && walker->values;
    walker->value = item.value;
    dbx_walker_cell(base, walker->fields ? &item.field : &item.value, out);
    return DBX_OK;
}

static int fields_move(dbx_walker *base, dbx_view *view) {
    fields_walker *walker = (fields_walker *)base;
    int rc = walker->value_due ? dbx_cell_keep(&walker->value, &walker->kept) : DBX_OK;
    return rc == DBX_OK ? dbx_hash_walk_move(&walker->walk, view) : rc;
}

static void fields_close(dbx_walker *base) {
    fields_walker *walker = (fields_walker *)base;
    dbx_buf_free(&walker->kept);
    dbx_hash_walk_close(&walker->walk);
}

static int hash_all(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool fields, bool values) {
    static const dbx_walker_ops ops = {sizeof(fields_walker), fields_next, fields_move,
                                       fields_close};
    dbx_key k;
    uint64_t len;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    fields_walker walker = {.base = {.ops = &ops}, .fields = fields, .values = values};
    rc = dbx_hash_len(ctx->txn, &k, &len);
    if (rc == DBX_OK) rc = dbx_hash_walk_open(&walker.walk, ctx->txn, &k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, fields && values ? DBX_MAP : DBX_ARRAY, (size_t)len);
    return dbx_walker_reply(ctx, &walker.base, out);
}

static int cmd_hgetall(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, true, true);
}

static int cmd_hkeys(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, true, false);
}

static int cmd_hvals(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, false, true);
}

/* --- Some fields, by name -------------------------------------------------------------------- */

int dbx_hash_reply_fields(dbx_ctx *ctx, const dbx_key *k, size_t count, const dbx_slice *fields,
                          dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, count);
    for (size_t i = 0; i < count; i++) {
        dbx_cell value;
        dbx_slice bytes;
        dbx_buf buf = {0};
        int rc = dbx_hash_get(ctx->txn, k, fields[i], &value, NULL);
        if (rc == DBX_OK) rc = dbx_cell_load(dbx_txn_view(ctx->txn), &value, &buf, &bytes);
        if (rc == DBX_OK) {
            out->ops->bulk(out, bytes);
        } else if (rc == DBX_ENOTFOUND) {
            out->ops->null(out);
        }
        dbx_buf_free(&buf);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    }
    out->ops->close(out);
    return DBX_OK;
}

/* --- Some at each call, and some at random --------------------------------------------------- */

static int cmd_hscan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_scan_members(ctx, args, DBX_HASH, DBX_SCAN_NOVALUES, out);
}

static int cmd_hrandfield(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_draw(ctx, args, DBX_HASH, "WITHVALUES", out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_hash_all[] = {
    {.name = "hgetall",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns all fields with their values.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hgetall},
    {.name = "hkeys",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns all fields.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hkeys},
    {.name = "hvals",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns the values of all fields.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hvals},
    {.name = "hscan",
     .group = "hash",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .summary = "Walks fields and values of a hash, some at each call.",
     .since = "2.8.0",
     .complexity = "O(N) for COUNT N, whatever the number of fields",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hscan},
    {.name = "hrandfield",
     .group = "hash",
     .syntax = "key [options: count [WITHVALUES]]",
     .summary = "Returns fields drawn at random, each equally likely.",
     .since = "6.2.0",
     .complexity = "O(1), with a count O(N) for N fields returned",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hrandfield},
    {.name = NULL},
};
