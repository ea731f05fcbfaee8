/* cmd_db.c: commands on whole databases. A database is a namespace that a number stands for, so
 * emptying or exchanging one costs the same whatever is in it. */
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"

static int cmd_dbsize(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    out->ops->integer(out, (int64_t)dbx_db_size(ctx->txn, ctx->db));
    return DBX_OK;
}

/* SYNC and ASYNC mean the same here: reclaiming is always done in the background. */
static bool flush_parse(dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) > 0 && !dbx_args_word(args, "SYNC")) (void)dbx_args_word(args, "ASYNC");
    return dbx_args_end(args, out);
}

static int cmd_flushdb(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (!flush_parse(args, out)) return DBX_OK;
    dbx_reply_ok(out);
    return dbx_db_flush(ctx->txn, ctx->db);
}

static int cmd_flushall(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (!flush_parse(args, out)) return DBX_OK;
    dbx_reply_ok(out);
    for (uint32_t db = 0; db < dbx_db_count(ctx->txn); db++) {
        int rc = dbx_db_flush(ctx->txn, db);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

static int64_t db_number(dbx_args *args, const char *error) {
    int64_t number;
    if (dbx_num_from_slice(dbx_args_next(args), &number) && number >= INT32_MIN &&
        number <= INT32_MAX) {
        return number;
    }
    dbx_args_fail(args, error);
    return -1;
}

static int cmd_swapdb(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    int64_t count = dbx_db_count(ctx->txn);
    int64_t a = db_number(args, "ERR invalid first DB index");
    int64_t b = db_number(args, "ERR invalid second DB index");
    if (a < 0 || a >= count || b < 0 || b >= count) {
        dbx_args_fail(args, "ERR DB index is out of range");
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    dbx_reply_ok(out);
    return a == b ? DBX_OK : dbx_db_swap(ctx->txn, (uint32_t)a, (uint32_t)b);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_db[] = {
    {.name = "dbsize",
     .group = "server",
     .syntax = "",
     .summary = "Returns the number of keys in the database.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .tips = DBX_LIST("request_policy:all_shards", "response_policy:agg_sum"),
     .arity = 1,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_dbsize,
     .acl = DBX_ACL_KEYSPACE},
    {.name = "flushall",
     .group = "server",
     .syntax = "[flush-type: ASYNC@4.0.0 | SYNC@6.2.0]",
     .summary = "Deletes all keys of all databases.",
     .since = "1.0.0",
     .complexity = "O(N) for N databases",
     .history = DBX_LIST("4.0.0", "`ASYNC`.", "6.2.0", "`SYNC`."),
     .tips = DBX_LIST("request_policy:all_shards", "response_policy:all_succeeded"),
     .arity = -1,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .run = cmd_flushall,
     .acl = DBX_ACL_DANGEROUS | DBX_ACL_KEYSPACE},
    {.name = "flushdb",
     .group = "server",
     .syntax = "[flush-type: ASYNC@4.0.0 | SYNC@6.2.0]",
     .summary = "Deletes all keys of the database.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("4.0.0", "`ASYNC`.", "6.2.0", "`SYNC`."),
     .tips = DBX_LIST("request_policy:all_shards", "response_policy:all_succeeded"),
     .arity = -1,
     .flags = DBX_CMD_WRITE,
     .effect = DBX_EFFECT_ARGV,
     .run = cmd_flushdb,
     .acl = DBX_ACL_DANGEROUS | DBX_ACL_KEYSPACE},
    {.name = "swapdb",
     .group = "server",
     .syntax = "index1:integer index2:integer",
     .summary = "Exchanges two databases.",
     .since = "4.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .run = cmd_swapdb,
     .acl = DBX_ACL_DANGEROUS | DBX_ACL_KEYSPACE},
    {.name = NULL},
};
