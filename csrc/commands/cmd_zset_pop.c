/* cmd_zset_pop.c: commands that take members of sorted sets as they come: from the ends, at random,
 * and all of them, a few at a time. */
#include "base/alloc.h"
#include "base/map.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/scan_args.h"
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

/* reply_drawn writes members that are drawn one by one, each from all of them. */
static int reply_drawn(dbx_ctx *ctx, const dbx_key *k, uint64_t count, bool scored,
                       dbx_reply *out) {
    dbx_buf copy = {0};
    int rc = DBX_OK;
    while (rc == DBX_OK && count-- > 0) {
        dbx_zset_item item;
        rc = dbx_zset_random(ctx->txn, k, &item);
        if (rc == DBX_OK) rc = reply_member(ctx, &item, scored, &copy, out);
        if (out->out->failed) rc = DBX_ENOMEM;
    }
    dbx_buf_free(&copy);
    return rc;
}

/* reply_sample writes `count` different members, each so many equally likely, in one walk. */
static int reply_sample(dbx_ctx *ctx, const dbx_key *k, uint64_t count, bool scored,
                        dbx_reply *out) {
    dbx_zset_walk walk;
    dbx_zset_item item;
    dbx_buf copy = {0};
    int rc = dbx_zset_walk_at(&walk, ctx->txn, k, 0, false);
    if (rc != DBX_OK) return rc;
    for (uint64_t left = k->meta.count; rc == DBX_OK && count > 0; left--) {
        rc = dbx_zset_walk_next(&walk, &item);
        if (rc != DBX_OK || dbx_rand_below(dbx_txn_rand(ctx->txn), left) >= count) continue;
        rc = reply_member(ctx, &item, scored, &copy, out);
        count--;
    }
    dbx_zset_walk_close(&walk);
    dbx_buf_free(&copy);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* reply_few writes `count` different members of many: what was drawn before is drawn again. Two
 * members are the same if their places are: score and hash tell, but for one pair in 2^48. */
static int reply_few(dbx_ctx *ctx, const dbx_key *k, uint64_t count, bool scored, dbx_reply *out) {
    dbx_map drawn;
    dbx_buf copy = {0};
    int rc = DBX_OK;
    uint64_t *hashes = dbx_alloc_resize_array(NULL, (size_t)count, sizeof *hashes);
    if (hashes == NULL) return DBX_ENOMEM;
    dbx_map_init(&drawn, false);
    for (uint64_t i = 0; rc == DBX_OK && i < count;) {
        dbx_zset_item item;
        rc = dbx_zset_random(ctx->txn, k, &item);
        if (rc != DBX_OK) break;
        hashes[i] = item.hash;
        dbx_slice key = dbx_slice_of(&hashes[i], sizeof hashes[i]);
        if (dbx_map_get(&drawn, key) != NULL) continue;
        rc = dbx_map_put(&drawn, key, &hashes[i], NULL);
        if (rc == DBX_OK) rc = reply_member(ctx, &item, scored, &copy, out);
        i++;
    }
    dbx_map_free(&drawn);
    dbx_alloc_free(hashes);
    dbx_buf_free(&copy);
    return rc;
}

enum { FEW = 3 }; /* so many times fewer than there are: then most draws are new */

static int reply_random(dbx_ctx *ctx, const dbx_key *k, int64_t count, bool scored,
                        dbx_reply *out) {
    uint64_t size = k->exists ? k->meta.count : 0, n = (uint64_t)count;
    int rc;
    if (size == 0 || count == 0) {
        reply_empty(out);
        return DBX_OK;
    }
    if (count > 0 && n >= size) return dbx_zset_reply(ctx, k, 0, size, false, scored, out);
    if (count < 0) n = (uint64_t)-count;
    out->ops->open(out, scored ? DBX_PAIRS : DBX_ARRAY, (size_t)n);
    if (count < 0) {
        rc = reply_drawn(ctx, k, n, scored, out);
    } else if (k->meta.cid != 0 && n < size / FEW) {
        rc = reply_few(ctx, k, n, scored, out);
    } else {
        rc = reply_sample(ctx, k, n, scored, out);
    }
    out->ops->close(out);
    return rc;
}

static int cmd_zrandmember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_zset_item item;
    int rc;
    int64_t count = 0;
    dbx_slice name = dbx_args_next(args);
    bool counted = dbx_args_left(args) > 0;
    if (counted) {
        count = dbx_args_i64(args);
        if (count == INT64_MIN) {
            dbx_args_fail(args, "ERR value is out of range, value must between "
                                "-9223372036854775807 and 9223372036854775807");
        }
        if (!dbx_args_ok(args, out)) return DBX_OK;
    }
    bool scored = dbx_args_left(args) > 0 && dbx_args_word(args, "WITHSCORES");
    if (!dbx_args_end(args, out)) return DBX_OK;
    if (scored && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        dbx_reply_error(out, "ERR value is out of range");
        return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (counted) return reply_random(ctx, &k, count, scored, out);
    if (!k.exists) {
        out->ops->null(out);
        return DBX_OK;
    }
    rc = dbx_zset_random(ctx->txn, &k, &item);
    return rc == DBX_OK ? dbx_walker_reply_cell(ctx, &item.member, out) : rc;
}

/* --- All of them, a few at a time ------------------------------------------------------------ */

typedef struct scan {
    dbx_scan_args options; /* its cursor: where to begin; then where to go on, 0: done */
    bool listpack;         /* how scores are printed */
    dbx_scan_found found;
    dbx_buf copy;
} scan;

/* scan_found takes a member that matches, and its score as Redis prints it here. */
static int scan_found(dbx_ctx *ctx, scan *s, const dbx_zset_item *item) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    dbx_slice bytes;
    int rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->member, &s->copy, &bytes);
    if (rc != DBX_OK || !dbx_scan_matches(s->options.match, bytes)) return rc;
    dbx_scan_add(&s->found, bytes);
    size_t len = s->listpack ? dbx_num_real_to_text(item->score, text)
                             : dbx_num_real_to_17_digits(item->score, text);
    dbx_scan_add(&s->found, dbx_slice_of(text, len));
    return DBX_OK;
}

/* scan_spread looks at members in the order of their hashes; those that have one hash come in one
 * call. What Redis keeps as a listpack comes in one call whole. */
static int scan_spread(dbx_ctx *ctx, const dbx_key *k, scan *s) {
    dbx_dict_walk walk;
    dbx_dict_item found;
    dbx_zset_item item = {.hash = 0};
    int64_t examined = 0;
    int rc = dbx_zset_scan(&walk, dbx_txn_view(ctx->txn), k, s->options.cursor);
    if (rc != DBX_OK) return rc;
    s->options.cursor = 0;
    while ((rc = dbx_dict_walk_next(&walk, &found)) == DBX_OK) {
        bool full = examined >= s->options.count || dbx_scan_full(&s->found);
        if (full && !s->listpack && found.hash != item.hash) {
            s->options.cursor = found.hash;
            break;
        }
        rc = dbx_zset_scanned(&found, &item);
        if (rc == DBX_OK) rc = scan_found(ctx, s, &item);
        if (rc != DBX_OK) break;
        examined++;
    }
    dbx_dict_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int scan_inline(dbx_ctx *ctx, const dbx_key *k, scan *s) {
    dbx_slice rest = k->payload;
    dbx_zset_item item;
    int rc;
    s->options.cursor = 0;
    while ((rc = dbx_zset_read_packed(&rest, &item)) == DBX_OK) {
        rc = scan_found(ctx, s, &item);
        if (rc != DBX_OK) return rc;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int cmd_zscan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    scan s = {.options = dbx_scan_args_default()};
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_scan_cursor(args, &s.options, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (k.exists) {
        if (!dbx_scan_options(args, DBX_SCAN_PLAIN, &s.options, out)) return DBX_OK;
        s.listpack = k.meta.encoding == DBX_ENCODING_LISTPACK;
        if (s.listpack) s.options.cursor = 0; /* all of it comes, whatever was asked for */
        if (k.meta.cid == 0) {
            rc = scan_inline(ctx, &k, &s);
        } else if (s.options.cursor < DBX_SCAN_HASH_END) {
            rc = scan_spread(ctx, &k, &s);
        } else {
            s.options.cursor = 0;
        }
    } else {
        s.options.cursor = 0;
    }
    dbx_buf_free(&s.copy);
    return dbx_scan_reply(rc, s.options.cursor, &s.found, out);
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
