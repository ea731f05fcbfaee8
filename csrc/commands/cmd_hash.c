/* cmd_hash.c: commands on hashes. */
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/t_hash.h"

/* --- Setting and deleting -------------------------------------------------------------------- */

static int set_fields(dbx_ctx *ctx, dbx_args *args, dbx_key *k, int64_t *added) {
    dbx_edit edit;
    int rc = dbx_hash_edit(&edit, ctx->txn, ctx->encodings, k);
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_slice field = dbx_args_next(args), value = dbx_args_next(args);
        bool is_new = false;
        rc = dbx_hash_set(&edit, field, value, &is_new);
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

/* --- Reading --------------------------------------------------------------------------------- */

static int cmd_hget(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_cell value;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    rc = dbx_hash_get(ctx->txn, &k, dbx_args_next(args), &value);
    if (rc == DBX_OK) return dbx_walker_reply_cell(ctx, &value, out);
    if (rc != DBX_ENOTFOUND) return rc;
    out->ops->null(out);
    return DBX_OK;
}

static int cmd_hlen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    out->ops->integer(out, k.exists ? (int64_t)k.meta.count : 0);
    return DBX_OK;
}

/* --- All fields ------------------------------------------------------------------------------ */

typedef struct fields_walker {
    dbx_walker base;
    dbx_hash_walk walk;
    bool fields, values; /* what is asked for */
    bool value_due;      /* the field was written, its value was not */
    dbx_cell value;
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
    return dbx_hash_walk_move(&((fields_walker *)base)->walk, view);
}

static void fields_close(dbx_walker *base) {
    dbx_hash_walk_close(&((fields_walker *)base)->walk);
}

static int hash_all(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool fields, bool values) {
    static const dbx_walker_ops ops = {sizeof(fields_walker), fields_next, fields_move,
                                       fields_close};
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    fields_walker walker = {.base = {.ops = &ops}, .fields = fields, .values = values};
    rc = dbx_hash_walk_open(&walker.walk, dbx_txn_view(ctx->txn), &k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, fields && values ? DBX_MAP : DBX_ARRAY,
                   k.exists ? (size_t)k.meta.count : 0);
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
    {.name = NULL},
};
