/* cmd_zset.c: commands on members of sorted sets: adding, removing, scores and ranks. */
#include <math.h>

#include "base/alloc.h"
#include "commands/cmd_zset.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_zset.h"

/* --- Adding ---------------------------------------------------------------------------------- */

static const char NOT_A_NUMBER[] = "ERR resulting score is not a number (NaN)";

/* read_options takes the options of ZADD; on failure the error is replied. */
static bool read_options(dbx_args *args, dbx_zset_adding *adding, dbx_reply *out) {
    for (;;) {
        if (dbx_args_word(args, "NX")) {
            adding->nx = true;
        } else if (dbx_args_word(args, "XX")) {
            adding->xx = true;
        } else if (dbx_args_word(args, "GT")) {
            adding->gt = true;
        } else if (dbx_args_word(args, "LT")) {
            adding->lt = true;
        } else if (dbx_args_word(args, "CH")) {
            adding->ch = true;
        } else if (dbx_args_word(args, "INCR")) {
            adding->incr = true;
        } else {
            break;
        }
    }
    size_t left = dbx_args_left(args);
    if (left == 0 || left % 2 != 0) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
    } else if (adding->nx && adding->xx) {
        dbx_reply_error(out, "ERR XX and NX options at the same time are not compatible");
    } else if ((adding->nx && (adding->gt || adding->lt)) || (adding->gt && adding->lt)) {
        dbx_reply_error(out, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if (adding->incr && left > 2) {
        dbx_reply_error(out, "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

/* add_one gives a member a score as the options say; *nan: it would be none. */
static int add_one(dbx_zset_edit *edit, dbx_zset_adding *adding, double score, dbx_slice member,
                   bool *nan) {
    dbx_zset_slot slot;
    int rc = dbx_zset_find(edit, member, &slot);
    if (rc != DBX_OK) return rc;
    if (slot.found ? adding->nx : adding->xx) return DBX_OK;
    if (slot.found && adding->incr) {
        score += slot.score;
        *nan = isnan(score);
        if (*nan) return DBX_OK;
    }
    if (slot.found && ((adding->lt && score >= slot.score) || (adding->gt && score <= slot.score)))
        return DBX_OK;
    adding->processed = true;
    adding->score = score;
    if (!slot.found) {
        adding->added++;
    } else if (score != slot.score) {
        adding->updated++;
    }
    return dbx_zset_put(edit, &slot, score);
}

int dbx_zset_add_pairs(dbx_ctx *ctx, dbx_slice name, size_t count, const double *scores,
                       const dbx_slice *members, size_t step, dbx_zset_adding *adding,
                       dbx_reply *out) {
    dbx_key k;
    dbx_zset_edit edit;
    int rc;
    bool nan = false;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    if (k.exists || !adding->xx) {
        bool is_new = !k.exists;
        rc = dbx_zset_edit_open(&edit, ctx->txn, ctx->encodings, &k);
        if (rc == DBX_OK) dbx_zset_note_size(&edit, count, is_new ? members[0].len : 0);
        for (size_t i = 0; rc == DBX_OK && i < count && !nan; i++)
            rc = add_one(&edit, adding, scores[i], members[i * step], &nan);
        rc = dbx_zset_edit_close(&edit, rc);
    }
    if (nan) {
        dbx_reply_error(out, NOT_A_NUMBER);
    } else if (!adding->incr) {
        out->ops->integer(out, adding->ch ? adding->added + adding->updated : adding->added);
    } else if (adding->processed) {
        out->ops->real(out, adding->score);
    } else {
        out->ops->null(out);
    }
    return rc;
}

enum { SCORES_AT_HAND = 32 };

static int zset_add(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool incr) {
    dbx_zset_adding adding = {.incr = incr};
    double at_hand[SCORES_AT_HAND], *scores = at_hand;
    dbx_slice name = dbx_args_next(args);
    int rc = DBX_OK;
    if (!read_options(args, &adding, out)) return DBX_OK;
    const dbx_slice *pairs = args->argv + args->at;
    size_t count = dbx_args_left(args) / 2;
    if (count > SCORES_AT_HAND) scores = dbx_alloc_resize_array(NULL, count, sizeof *scores);
    if (scores == NULL) return DBX_ENOMEM;
    for (size_t i = 0; i < count && args->error == NULL; i++) {
        scores[i] = dbx_args_real(args);
        dbx_args_next(args);
    }
    if (dbx_args_ok(args, out)) {
        rc = dbx_zset_add_pairs(ctx, name, count, scores, pairs + 1, 2, &adding, out);
    }
    if (scores != at_hand) dbx_alloc_free(scores);
    return rc;
}

static int cmd_zadd(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_add(ctx, args, out, false);
}

static int cmd_zincrby(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_add(ctx, args, out, true);
}

/* --- Removing -------------------------------------------------------------------------------- */

static int cmd_zrem(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_zset_edit edit;
    int rc;
    int64_t count = 0;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    if (k.exists) {
        rc = dbx_zset_edit_open(&edit, ctx->txn, ctx->encodings, &k);
        while (rc == DBX_OK && dbx_args_left(args) > 0) {
            dbx_zset_slot slot;
            rc = dbx_zset_find(&edit, dbx_args_next(args), &slot);
            if (rc != DBX_OK || !slot.found) continue;
            rc = dbx_zset_del(&edit, &slot, DBX_RANK_ANYWHERE);
            count++;
        }
        rc = dbx_zset_edit_close(&edit, rc);
    }
    out->ops->integer(out, count);
    return rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

static int cmd_zcard(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    out->ops->integer(out, k.exists ? (int64_t)k.meta.count : 0);
    return DBX_OK;
}

static int reply_score(dbx_ctx *ctx, const dbx_key *k, dbx_slice member, dbx_reply *out) {
    double score;
    int rc = dbx_zset_score(ctx->txn, k, member, &score);
    if (rc == DBX_OK) {
        out->ops->real(out, score);
    } else if (rc == DBX_ENOTFOUND) {
        out->ops->null(out);
        rc = DBX_OK;
    }
    return rc;
}

static int cmd_zscore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    return reply_score(ctx, &k, dbx_args_next(args), out);
}

static int cmd_zmscore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_ZSET, &k, out, &rc)) return rc;
    out->ops->open(out, DBX_ARRAY, dbx_args_left(args));
    while (rc == DBX_OK && dbx_args_left(args) > 0)
        rc = reply_score(ctx, &k, dbx_args_next(args), out);
    out->ops->close(out);
    return rc;
}

static int zset_rank(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool reverse) {
    dbx_key k;
    double score;
    uint64_t rank;
    int rc;
    dbx_slice name = dbx_args_next(args), member = dbx_args_next(args);
    if (dbx_args_left(args) > 1) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
        return DBX_OK;
    }
    bool scored = dbx_args_word(args, "WITHSCORE");
    if (!dbx_args_end(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_ZSET, &k, out, &rc)) return rc;
    rc = dbx_zset_rank(ctx->txn, &k, member, &score, &rank);
    if (rc == DBX_ENOTFOUND) {
        if (scored) {
            out->ops->null_array(out);
        } else {
            out->ops->null(out);
        }
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    if (scored) out->ops->open(out, DBX_ARRAY, 2);
    out->ops->integer(out, (int64_t)(reverse ? k.meta.count - 1 - rank : rank));
    if (scored) out->ops->real(out, score);
    if (scored) out->ops->close(out);
    return DBX_OK;
}

static int cmd_zrank(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_rank(ctx, args, out, false);
}

static int cmd_zrevrank(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_rank(ctx, args, out, true);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_zset[] = {
    {.name = "zadd",
     .group = "sorted-set",
     .syntax = "key [condition: NX | XX]@3.0.2 [comparison: GT | LT]@6.2.0 "
               "[CH:change]@3.0.2 [INCR:increment]@3.0.2 <data: score member> [data "
               "...]",
     .summary = "Gives members of a sorted set scores.",
     .since = "1.2.0",
     .complexity = "O(log N) for each member, in a set of N",
     .history = DBX_LIST("2.4.0", "Several members at once.", "3.0.2",
                         "`XX`, `NX`, `CH` and `INCR`.", "6.2.0", "`GT` and `LT`."),
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zadd},
    {.name = "zincrby",
     .group = "sorted-set",
     .syntax = "key increment member",
     .summary = "Adds to a member's score.",
     .since = "1.2.0",
     .complexity = "O(log N) for N members",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_zincrby},
    {.name = "zrem",
     .group = "sorted-set",
     .syntax = "key member [member ...]",
     .summary = "Removes members, and the sorted set with its last one.",
     .since = "1.2.0",
     .complexity = "O(log N) for each member, in a set of N",
     .history = DBX_LIST("2.4.0", "Several members at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrem},
    {.name = "zcard",
     .group = "sorted-set",
     .syntax = "key",
     .summary = "Returns how many members a sorted set has.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zcard},
    {.name = "zscore",
     .group = "sorted-set",
     .syntax = "key member",
     .summary = "Returns a member's score.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zscore},
    {.name = "zmscore",
     .group = "sorted-set",
     .syntax = "key member [member ...]",
     .summary = "Returns the scores of several members.",
     .since = "6.2.0",
     .complexity = "O(1) for each member",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zmscore},
    {.name = "zrank",
     .group = "sorted-set",
     .syntax = "key member [WITHSCORE]",
     .summary = "Returns how many members come before one.",
     .since = "2.0.0",
     .complexity = "O(log N) for N members",
     .history = DBX_LIST("7.2.0", "`WITHSCORE`."),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrank},
    {.name = "zrevrank",
     .group = "sorted-set",
     .syntax = "key member [WITHSCORE]",
     .summary = "Returns how many members come after one.",
     .since = "2.0.0",
     .complexity = "O(log N) for N members",
     .history = DBX_LIST("7.2.0", "`WITHSCORE`."),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_zrevrank},
    {.name = NULL},
};
