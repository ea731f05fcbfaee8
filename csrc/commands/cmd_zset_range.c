/* cmd_zset_range.c: commands on ranges of sorted sets: by index, by score, by member. */
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/zset_args.h"

/* A range as the arguments say it. */
typedef enum range_by { BY_ANY, BY_INDEX, BY_SCORE, BY_MEMBER } range_by;

typedef struct query {
    range_by by;
    bool back, any_direction; /* `any_direction`: REV may come yet */
    bool scores, limited, store;
    int64_t offset, limit; /* limit < 0: none */
    int64_t start, stop;
    dbx_zset_range range;
} query;

/* read_options takes what follows the bounds; on failure the error is replied. */
static bool read_options(dbx_args *args, query *q, dbx_reply *out) {
    bool any = q->by == BY_ANY;
    q->limit = -1;
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (!q->store && dbx_args_word(args, "WITHSCORES")) {
            q->scores = true;
        } else if (dbx_args_left(args) > 2 && dbx_args_word(args, "LIMIT")) {
            q->offset = dbx_args_i64(args);
            q->limit = dbx_args_i64(args);
        } else if (q->any_direction && dbx_args_word(args, "REV")) {
            q->back = true;
            q->any_direction = false;
        } else if (any && dbx_args_word(args, "BYLEX")) {
            q->by = BY_MEMBER;
            any = false;
        } else if (any && dbx_args_word(args, "BYSCORE")) {
            q->by = BY_SCORE;
            any = false;
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    if (any) q->by = BY_INDEX;
    if (q->by == BY_INDEX && q->limit != -1) {
        dbx_args_fail(args, "ERR syntax error, LIMIT is only supported in combination with either "
                            "BYSCORE or BYLEX");
    } else if (q->by == BY_MEMBER && q->scores) {
        dbx_args_fail(args, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    }
    return dbx_args_ok(args, out);
}

/* read_query takes the bounds and what follows them. */
static bool read_query(dbx_args *args, query *q, dbx_reply *out) {
    dbx_slice first = dbx_args_next(args), second = dbx_args_next(args);
    if (!read_options(args, q, out)) return false;
    if (q->by == BY_INDEX) {
        dbx_args bounds = {.argv = (const dbx_slice[]){first, second}, .argc = 2};
        q->start = dbx_args_i64(&bounds);
        q->stop = dbx_args_i64(&bounds);
        return dbx_args_ok(&bounds, out);
    }
    dbx_slice min = q->back ? second : first, max = q->back ? first : second;
    return q->by == BY_SCORE ? dbx_zset_args_scores(min, max, &q->range, out)
                             : dbx_zset_args_members(min, max, &q->range, out);
}

/* skipped is how many of `count` members LIMIT leaves out at first. Redis takes a negative offset
 * for one from the end, but only in what it keeps as a skiplist. */
static uint64_t skipped(const dbx_key *k, const query *q, uint64_t count) {
    if (q->by == BY_INDEX) return 0;
    if (q->offset >= 0) return (uint64_t)q->offset;
    bool from_end = k->exists && k->meta.encoding == DBX_ENCODING_SKIPLIST;
    if (!from_end || q->offset < -(int64_t)count) return count;
    return count - (uint64_t)-q->offset;
}

/* find_interval finds which members are meant: `count` of them, from the one with `index` members
 * before it on. */
static int find_interval(dbx_ctx *ctx, const dbx_key *k, const query *q, uint64_t *index,
                         uint64_t *count) {
    uint64_t low = 0, high = 0, size = k->exists ? k->meta.count : 0;
    uint64_t skip;
    int rc = DBX_OK;
    if (q->by == BY_INDEX) {
        dbx_zset_args_interval(q->start, q->stop, size, &low, &high);
        if (q->back && low < high) {
            uint64_t first = size - high;
            high = size - low;
            low = first;
        }
    } else {
        rc = dbx_zset_interval(ctx->txn, k, &q->range, &low, &high);
    }
    *count = high > low ? high - low : 0;
    skip = skipped(k, q, *count);
    *count -= skip < *count ? skip : *count;
    *index = q->back ? high - 1 - skip : low + skip;
    if (q->limit >= 0 && *count > (uint64_t)q->limit) *count = (uint64_t)q->limit;
    return rc;
}

/* --- Replying -------------------------------------------------------------------------------- */

enum { SOON_MEMBERS = 256, SOON_BYTES = 64 << 10 };

/* reply_soon writes a range of a large set if it is short, without counting it first: 1 if it was
 * written, 0 if it is not that short. */
static int reply_soon(dbx_ctx *ctx, const dbx_key *k, const query *q, dbx_reply *out) {
    dbx_zset_walk walk;
    dbx_zset_item item;
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    size_t begin = out->out->len;
    int64_t at = 0;
    int rc = dbx_zset_walk_in(&walk, ctx->txn, k, &q->range, q->back);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, q->scores ? DBX_PAIRS : DBX_ARRAY, DBX_UNKNOWN);
    for (;; at++) {
        rc = DBX_ENOTFOUND;
        if (q->limit >= 0 && at - q->offset >= q->limit) break;
        rc = dbx_zset_walk_next(&walk, &item);
        if (rc != DBX_OK || at == SOON_MEMBERS || out->out->len - begin > SOON_BYTES ||
            dbx_cell_is_long(&item.member)) {
            break;
        }
        if (at < q->offset) continue;
        out->ops->bulk(out, dbx_cell_slice(&item.member));
        if (q->scores) out->ops->real(out, item.score);
    }
    dbx_zset_walk_close(&walk);
    if (rc == DBX_ENOTFOUND) {
        out->ops->close(out);
        return 1;
    }
    dbx_reply_rollback(out, mark);
    return rc;
}

static int reply_range(dbx_ctx *ctx, const dbx_key *k, const query *q, dbx_reply *out) {
    uint64_t index, count;
    int rc;
    if (k->exists && k->meta.cid != 0 && q->by != BY_INDEX && q->offset >= 0 &&
        q->offset < SOON_MEMBERS) {
        rc = reply_soon(ctx, k, q, out);
        if (rc != 0) return rc == 1 ? DBX_OK : rc;
    }
    rc = find_interval(ctx, k, q, &index, &count);
    if (rc == DBX_OK && count > 0)
        return dbx_zset_reply(ctx, k, index, count, q->back, q->scores, out);
    out->ops->open(out, DBX_ARRAY, 0);
    out->ops->close(out);
    return rc;
}

static int zset_range(dbx_ctx *ctx, dbx_args *args, query q, dbx_reply *out) {
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!read_query(args, &q, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    return reply_range(ctx, &k, &q, out);
}

static int cmd_zrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.any_direction = true}, out);
}

static int cmd_zrevrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.by = BY_INDEX, .back = true}, out);
}

static int cmd_zrangebyscore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.by = BY_SCORE}, out);
}

static int cmd_zrevrangebyscore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.by = BY_SCORE, .back = true}, out);
}

static int cmd_zrangebylex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.by = BY_MEMBER}, out);
}

static int cmd_zrevrangebylex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_range(ctx, args, (query){.by = BY_MEMBER, .back = true}, out);
}

/* --- Storing --------------------------------------------------------------------------------- */

/* store_range puts the members that are meant into another set, which may be the same key: what
 * is inline is copied first, and what is spread stays where it is while it is walked. */
static int store_range(dbx_ctx *ctx, dbx_key *from, dbx_key *to, const query *q, int64_t *stored) {
    uint64_t index, count;
    dbx_zset_walk walk;
    dbx_zset_edit edit;
    dbx_zset_item item;
    dbx_buf payload = {0}, copy = {0};
    int rc = find_interval(ctx, from, q, &index, &count);
    if (rc != DBX_OK) return rc;
    if (from->exists) {
        dbx_buf_add(&payload, from->payload.ptr, from->payload.len);
        from->payload = dbx_buf_slice(&payload);
        if (payload.failed) return DBX_ENOMEM;
    }
    dbx_zset_replace(&edit, ctx, to, q->by == BY_INDEX ? count : 0);
    if (count > 0) {
        rc = dbx_zset_walk_at(&walk, ctx->txn, from, index, q->back);
        bool open = rc == DBX_OK;
        for (uint64_t left = count; rc == DBX_OK && left > 0; left--) {
            rc = dbx_zset_walk_next(&walk, &item);
            if (rc == DBX_OK) rc = dbx_zset_add(&edit, &item.member, item.score, &copy);
        }
        if (open) dbx_zset_walk_close(&walk);
    }
    *stored = (int64_t)count;
    rc = dbx_zset_edit_close(&edit, rc);
    dbx_buf_free(&copy);
    dbx_buf_free(&payload);
    return rc;
}

static int cmd_zrangestore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    query q = {.any_direction = true, .store = true};
    dbx_key from, to;
    int64_t stored = 0;
    int rc;
    dbx_slice destination = dbx_args_next(args), source = dbx_args_next(args);
    if (!read_query(args, &q, out)) return DBX_OK;
    if (!dbx_lookup(ctx, source, DBX_ZSET, &from, out, &rc)) return rc;
    rc = dbx_key_find(ctx->txn, ctx->db, destination, &to);
    /* Finding it may have removed it. */
    if (rc == DBX_OK) rc = dbx_key_find(ctx->txn, ctx->db, source, &from);
    if (rc == DBX_OK) rc = store_range(ctx, &from, &to, &q, &stored);
    out->ops->integer(out, stored);
    return rc;
}

/* --- Counting and removing ------------------------------------------------------------------- */

static int reply_count(dbx_ctx *ctx, dbx_slice name, const dbx_zset_range *range, dbx_reply *out) {
    dbx_key k;
    uint64_t count = 0;
    int rc;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (k.exists) rc = dbx_zset_count(ctx->txn, &k, range, &count);
    out->ops->integer(out, (int64_t)count);
    return rc;
}

static int cmd_zcount(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_zset_range range;
    dbx_slice name = dbx_args_next(args), min = dbx_args_next(args), max = dbx_args_next(args);
    if (!dbx_zset_args_scores(min, max, &range, out)) return DBX_OK;
    return reply_count(ctx, name, &range, out);
}

static int cmd_zlexcount(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_zset_range range;
    dbx_slice name = dbx_args_next(args), min = dbx_args_next(args), max = dbx_args_next(args);
    if (!dbx_zset_args_members(min, max, &range, out)) return DBX_OK;
    return reply_count(ctx, name, &range, out);
}

static int remove_some(dbx_ctx *ctx, dbx_zset_edit *edit, dbx_key *k, uint64_t index,
                       uint64_t count) {
    dbx_zset_walk walk;
    dbx_zset_item item;
    dbx_buf copy = {0};
    int rc = dbx_zset_walk_at(&walk, ctx->txn, k, index, false);
    if (rc != DBX_OK) return rc;
    while (rc == DBX_OK && count-- > 0) {
        rc = dbx_zset_walk_next(&walk, &item);
        if (rc == DBX_OK) {
            rc = dbx_zset_take(edit, &item, index == 0 ? DBX_RANK_FIRST : DBX_RANK_ANYWHERE, &copy);
        }
    }
    dbx_zset_walk_close(&walk);
    dbx_buf_free(&copy);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

static int remove_range(dbx_ctx *ctx, dbx_args *args, range_by by, dbx_reply *out) {
    query q = {.by = by};
    dbx_key k;
    dbx_zset_edit edit;
    uint64_t index, count = 0;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!read_query(args, &q, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (k.exists) rc = find_interval(ctx, &k, &q, &index, &count);
    if (rc == DBX_OK && count > 0 && count == k.meta.count) {
        rc = dbx_key_remove(ctx->txn, &k); /* all of them: O(1) */
    } else if (rc == DBX_OK && count > 0) {
        rc = dbx_zset_edit_open(&edit, ctx->txn, ctx->encodings, &k);
        if (rc == DBX_OK) rc = remove_some(ctx, &edit, &k, index, count);
        rc = dbx_zset_edit_close(&edit, rc);
    }
    out->ops->integer(out, (int64_t)count);
    return rc;
}

static int cmd_zremrangebyrank(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return remove_range(ctx, args, BY_INDEX, out);
}

static int cmd_zremrangebyscore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return remove_range(ctx, args, BY_SCORE, out);
}

static int cmd_zremrangebylex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return remove_range(ctx, args, BY_MEMBER, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_zset_range[] = {
    {.name = "zrange",
     .group = "sorted-set",
     .syntax = "key start:string stop:string [sortby: BYSCORE | BYLEX]@6.2.0 "
               "[REV]@6.2.0 [LIMIT <limit: offset count>]@6.2.0 [WITHSCORES]",
     .summary = "Returns members by index, score or lexical order.",
     .since = "1.2.0",
     .complexity = "O(log N + M) for M of N members",
     .history = DBX_LIST("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT`."),
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrange},
    {.name = "zrevrange",
     .group = "sorted-set",
     .syntax = "key start stop [WITHSCORES]",
     .summary = "Returns members by index, counted from the highest score.",
     .since = "1.2.0",
     .complexity = "O(log N + M) for M of N members",
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrevrange,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument"},
    {.name = "zrangebyscore",
     .group = "sorted-set",
     .syntax = "key min:double max:double [WITHSCORES]@2.0.0 [LIMIT <limit: offset "
               "count>]",
     .summary = "Returns the members with scores in a range.",
     .since = "1.0.5",
     .complexity = "O(log N + M) for M of N members",
     .history = DBX_LIST("2.0.0", "`WITHSCORES`."),
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrangebyscore,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrevrangebyscore",
     .group = "sorted-set",
     .syntax = "key max:double min:double [WITHSCORES] [LIMIT <limit: offset count>]",
     .summary = "Returns the members with scores in a range, the highest first.",
     .since = "2.2.0",
     .complexity = "O(log N + M) for M of N members",
     .history = DBX_LIST("2.1.6", "`min` and `max` may be left out of the range."),
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrevrangebyscore,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = "zrangebylex",
     .group = "sorted-set",
     .syntax = "key min max [LIMIT <limit: offset count>]",
     .summary = "Returns the members in a lexical range, of members with one score.",
     .since = "2.8.9",
     .complexity = "O(log N + M) for M of N members",
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrangebylex,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {.name = "zrevrangebylex",
     .group = "sorted-set",
     .syntax = "key max min [LIMIT <limit: offset count>]",
     .summary = "Returns the members in a lexical range, of members with one score, backwards.",
     .since = "2.8.9",
     .complexity = "O(log N + M) for M of N members",
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrevrangebylex,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {.name = "zrangestore",
     .group = "sorted-set",
     .syntax = "dst:key src:key min max [sortby: BYSCORE | BYLEX] [REV] [LIMIT "
               "<limit: offset count>]",
     .summary = "Keeps a range of a sorted set as another one.",
     .since = "6.2.0",
     .complexity = "O(log N + M log M) for M of N members",
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_zrangestore},
    {.name = "zcount",
     .group = "sorted-set",
     .syntax = "key min:double max:double",
     .summary = "Counts the members with scores in a range.",
     .since = "2.0.0",
     .complexity = "O(log N) for N members",
     .arity = 4,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zcount},
    {.name = "zlexcount",
     .group = "sorted-set",
     .syntax = "key min max",
     .summary = "Counts the members in a lexical range, of members with one score.",
     .since = "2.8.9",
     .complexity = "O(log N) for N members",
     .arity = 4,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zlexcount},
    {.name = "zremrangebyrank",
     .group = "sorted-set",
     .syntax = "key start stop",
     .summary = "Removes the members with indices in a range.",
     .since = "2.0.0",
     .complexity = "O(M log N) for M of N members",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zremrangebyrank},
    {.name = "zremrangebyscore",
     .group = "sorted-set",
     .syntax = "key min:double max:double",
     .summary = "Removes the members with scores in a range.",
     .since = "1.2.0",
     .complexity = "O(M log N) for M of N members",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zremrangebyscore},
    {.name = "zremrangebylex",
     .group = "sorted-set",
     .syntax = "key min max",
     .summary = "Removes the members in a lexical range, of members with one score.",
     .since = "2.8.9",
     .complexity = "O(M log N) for M of N members",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zremrangebylex},
    {.name = NULL},
};
