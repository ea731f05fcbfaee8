/* cmd_zset_pop.c: commands that take members of sorted sets as they come: from the ends, at random,
 * and all of them, a few at a time. */
#include "base/num.h"
#include "commands/draw.h"
#include "commands/lookup.h"
#include "commands/scan_members.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "commands/zset_args.h"

static void reply_empty(dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, 0);
    out->ops->close(out);
}

/* reply_member writes a member of any length at once. */
static int reply_member(dbx_ctx *ctx, const dbx_zset_item *item, bool scored, dbx_buf *copy,
                        dbx_reply *out) {
    dbx_slice bytes;
    int rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->member, copy, &bytes);
    if (rc != DBX_OK) return rc;
    out->ops->bulk(out, bytes);
    if (scored) out->ops->real(out, item->score);
    return DBX_OK;
}

/* --- From the ends --------------------------------------------------------------------------- */

/* pop removes `count` members, of which there are as many, from an end, and writes them, `nested`
 * each in an array of its own. */
static int pop(dbx_ctx *ctx, dbx_key *k, uint64_t count, bool last, bool nested, dbx_reply *out) {
    dbx_zset_walk walk;
    dbx_zset_edit edit;
    dbx_zset_item item;
    dbx_buf copy = {0};
    bool all = count == k->meta.count;
    int rc = dbx_zset_walk_at(&walk, ctx->txn, k, last ? k->meta.count - 1 : 0, last);
    if (rc != DBX_OK) return rc;
    if (!all) rc = dbx_zset_edit_open(&edit, ctx->txn, ctx->encodings, k);
    while (rc == DBX_OK && count-- > 0) {
        rc = dbx_zset_walk_next(&walk, &item);
        if (rc != DBX_OK) break;
        if (nested) out->ops->open(out, DBX_ARRAY, 2);
        rc = reply_member(ctx, &item, true, &copy, out);
        if (nested) out->ops->close(out);
        if (rc != DBX_OK || all) continue;
        rc = dbx_zset_take(&edit, &item, last ? DBX_RANK_LAST : DBX_RANK_FIRST, &copy);
    }
    if (rc == DBX_ENOTFOUND) rc = DBX_ECORRUPT;
    dbx_zset_walk_close(&walk);
    dbx_buf_free(&copy);
    if (!all) return dbx_zset_edit_close(&edit, rc);
    return rc == DBX_OK ? dbx_key_remove(ctx->txn, k) : rc;
}

static int zset_pop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool last) {
    dbx_key k;
    int rc;
    int64_t count = 1;
    dbx_slice name = dbx_args_next(args);
    if (dbx_args_left(args) > 1) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
        return DBX_OK;
    }
    bool counted = dbx_args_left(args) > 0;
    if (counted) {
        if (!dbx_num_from_slice(dbx_args_next(args), &count) || count < 0) {
            dbx_args_fail(args, "ERR value is out of range, must be positive");
        }
        if (!dbx_args_ok(args, out)) return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (!k.exists || count == 0) {
        reply_empty(out);
        return DBX_OK;
    }
    uint64_t n = (uint64_t)count < k.meta.count ? (uint64_t)count : k.meta.count;
    out->ops->open(out, counted ? DBX_PAIRS : DBX_ARRAY, (size_t)(counted ? n : 2));
    rc = pop(ctx, &k, n, last, false, out);
    out->ops->close(out);
    return rc;
}

static int cmd_zpopmin(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_pop(ctx, args, out, false);
}

static int cmd_zpopmax(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_pop(ctx, args, out, true);
}

/* read_mpop takes what follows the keys of ZMPOP. */
static bool read_mpop(dbx_args *args, bool *last, int64_t *count, dbx_reply *out) {
    bool counted = false;
    *count = 1;
    *last = dbx_args_word(args, "MAX");
    if (!*last && !dbx_args_word(args, "MIN")) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (counted || dbx_args_left(args) < 2 || !dbx_args_word(args, "COUNT")) {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
            break;
        }
        counted = true;
        if (!dbx_num_from_slice(dbx_args_next(args), count) || *count < 1) {
            dbx_args_fail(args, "ERR count should be greater than 0");
        }
    }
    return dbx_args_ok(args, out);
}

static int cmd_zmpop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    int64_t numkeys, count;
    bool last;
    int rc;
    if (!dbx_num_from_slice(dbx_args_next(args), &numkeys) || numkeys < 1) {
        dbx_reply_error(out, "ERR numkeys should be greater than 0");
        return DBX_OK;
    }
    const dbx_slice *names = args->argv + args->at;
    if (numkeys >= (int64_t)dbx_args_left(args)) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
        return DBX_OK;
    }
    args->at += (size_t)numkeys;
    if (!read_mpop(args, &last, &count, out)) return DBX_OK;
    for (int64_t i = 0; i < numkeys; i++) {
        dbx_key k;
        if (!dbx_lookup(ctx, names[i], DBX_ZSET, &k, out, &rc)) return rc;
        if (!k.exists) continue;
        uint64_t n = (uint64_t)count < k.meta.count ? (uint64_t)count : k.meta.count;
        out->ops->open(out, DBX_ARRAY, 2);
        out->ops->bulk(out, names[i]);
        out->ops->open(out, DBX_ARRAY, (size_t)n);
        rc = pop(ctx, &k, n, last, true, out);
        out->ops->close(out);
        out->ops->close(out);
        return rc;
    }
    out->ops->null_array(out);
    return DBX_OK;
}

/* --- At random ------------------------------------------------------------------------------- */

static int cmd_zrandmember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_draw(ctx, args, DBX_ZSET, "WITHSCORES", out);
}

/* --- All of them, a few at a time ------------------------------------------------------------ */

static int cmd_zscan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_scan_members(ctx, args, DBX_ZSET, DBX_SCAN_PLAIN, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_zset_pop[] = {
    {.name = "zpopmin",
     .group = "sorted-set",
     .syntax = "key [count]",
     .summary = "Removes the members with the lowest scores, and returns them.",
     .since = "5.0.0",
     .complexity = "O(M log N) for M of N members",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_zpopmin},
    {.name = "zpopmax",
     .group = "sorted-set",
     .syntax = "key [count]",
     .summary = "Removes the members with the highest scores, and returns them.",
     .since = "5.0.0",
     .complexity = "O(M log N) for M of N members",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_zpopmax},
    {.name = "zmpop",
     .group = "sorted-set",
     .syntax = "numkeys key [key ...] <where: MIN | MAX> [COUNT count]",
     .summary = "Removes members from the first sorted set that has any, and returns them.",
     .since = "7.0.0",
     .complexity = "O(K + M log N) for K keys and M of N members",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_MOVABLEKEYS,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zmpop},
    {.name = "zrandmember",
     .group = "sorted-set",
     .syntax = "key [<options: count [WITHSCORES]>]",
     .summary = "Returns random members.",
     .since = "6.2.0",
     .complexity = "O(M) for M members",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrandmember},
    {.name = "zscan",
     .group = "sorted-set",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks the members of a sorted set, some at each call.",
     .since = "2.8.0",
     .complexity = "O(N) for COUNT N, whatever the number of members",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zscan},
    {.name = NULL},
};
