/* cmd_set.c: commands on one set, or two: members in, out, asked for, walked. What is drawn at
 * random is in cmd_set_random.c, what is made of several sets in cmd_set_algebra.c. */
#include "commands/lookup.h"
#include "commands/scan_members.h"
#include "commands/set_reply.h"
#include "commands/table.h"
#include "types/t_set.h"

/* --- Adding and removing --------------------------------------------------------------------- */

static int cmd_sadd(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    int rc;
    int64_t count = 0;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) dbx_set_expect(&edit, args->argv[args->at], dbx_args_left(args));
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        bool added = false;
        rc = dbx_set_add(&edit, dbx_args_next(args), &added);
        count += added;
    }
    rc = dbx_edit_close(&edit, rc);
    out->ops->integer(out, count);
    return rc;
}

static int cmd_srem(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_edit edit;
    int rc;
    int64_t count = 0;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    if (k.exists) {
        rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, &k);
        while (rc == DBX_OK && k.meta.count > 0 && dbx_args_left(args) > 0) {
            bool removed = false;
            rc = dbx_set_del(&edit, dbx_args_next(args), &removed);
            count += removed;
        }
        rc = dbx_edit_close(&edit, rc);
    }
    out->ops->integer(out, count);
    return rc;
}

/* change adds a member to a set or removes it, as a whole change. */
static int change(dbx_ctx *ctx, dbx_key *k, dbx_slice member, bool add, bool *done) {
    dbx_edit edit;
    *done = false;
    int rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK && add) dbx_set_expect(&edit, member, 1);
    if (rc == DBX_OK) {
        rc = add ? dbx_set_add(&edit, member, done) : dbx_set_del(&edit, member, done);
    }
    return dbx_edit_close(&edit, rc);
}

static int cmd_smove(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key from, to;
    int rc;
    bool done = false, added;
    dbx_slice source = dbx_args_next(args), destination = dbx_args_next(args);
    dbx_slice member = dbx_args_next(args);
    rc = dbx_key_find(ctx->txn, ctx->db, source, &from);
    if (rc != DBX_OK) return rc;
    if (from.exists) {
        if (!dbx_lookup(ctx, destination, DBX_SETTYPE, &to, out, &rc)) return rc;
        /* Looking for the destination may have removed it: that was a write. */
        if (!dbx_lookup(ctx, source, DBX_SETTYPE, &from, out, &rc)) return rc;
        if (dbx_slice_eq(source, destination)) {
            rc = dbx_set_has(ctx->txn, &from, member, &done);
        } else {
            rc = change(ctx, &from, member, false, &done);
            if (rc == DBX_OK && done) rc = dbx_key_find(ctx->txn, ctx->db, destination, &to);
            if (rc == DBX_OK && done) rc = change(ctx, &to, member, true, &added);
        }
    }
    out->ops->integer(out, done);
    return rc;
}

/* --- Asking ---------------------------------------------------------------------------------- */

static int cmd_scard(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    out->ops->integer(out, k.exists ? (int64_t)k.meta.count : 0);
    return DBX_OK;
}

static int cmd_sismember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    bool has;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    rc = dbx_set_has(ctx->txn, &k, dbx_args_next(args), &has);
    out->ops->integer(out, has);
    return rc;
}

static int cmd_smismember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        bool has;
        rc = dbx_set_has(ctx->txn, &k, dbx_args_next(args), &has);
        out->ops->integer(out, has);
    }
    out->ops->close(out);
    return rc;
}

static int cmd_smembers(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, &rc)) return rc;
    return dbx_set_reply(ctx, &k, DBX_SET, out);
}

/* --- SSCAN ----------------------------------------------------------------------------------- */

static int cmd_sscan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_scan_members(ctx, args, DBX_SETTYPE, DBX_SCAN_PLAIN, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_set[] = {
    {.name = "sadd",
     .group = "set",
     .syntax = "key member [member ...]",
     .summary = "Adds members to a set, which is made if it does not exist.",
     .since = "1.0.0",
     .complexity = "O(1) for each member",
     .history = DBX_LIST("2.4.0", "Several members at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_sadd},
    {.name = "srem",
     .group = "set",
     .syntax = "key member [member ...]",
     .summary = "Removes members from a set, and the set with its last one.",
     .since = "1.0.0",
     .complexity = "O(1) for each member",
     .history = DBX_LIST("2.4.0", "Several members at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_srem},
    {.name = "smove",
     .group = "set",
     .syntax = "source destination member",
     .summary = "Moves a member from one set to another.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_smove},
    {.name = "scard",
     .group = "set",
     .syntax = "key",
     .summary = "Returns how many members a set has.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_scard},
    {.name = "sismember",
     .group = "set",
     .syntax = "key member",
     .summary = "Says whether something is a member of a set.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_sismember},
    {.name = "smismember",
     .group = "set",
     .syntax = "key member [member ...]",
     .summary = "Says of several things whether each is a member of a set.",
     .since = "6.2.0",
     .complexity = "O(1) for each member",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_smismember},
    {.name = "smembers",
     .group = "set",
     .syntax = "key",
     .summary = "Returns all members of a set.",
     .since = "1.0.0",
     .complexity = "O(N) for N members",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_smembers},
    {.name = "sscan",
     .group = "set",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks the members of a set, some at each call.",
     .since = "2.8.0",
     .complexity = "O(N) for COUNT N, whatever the number of members",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_sscan},
    {.name = NULL},
};
