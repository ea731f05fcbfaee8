/* cmd_zset_ops.c: unions, intersections and differences of sorted sets. */
#include <math.h>

#include "base/alloc.h"
#include "base/num.h"
#include "commands/table.h"
#include "commands/zset_input.h"
#include "commands/zset_result.h"

typedef enum operation { UNION, INTER, DIFF } operation;
typedef enum aggregate { SUM, MIN, MAX } aggregate;

typedef struct query {
    operation op;
    bool store, card; /* ...STORE; ZINTERCARD */
    bool scores;
    aggregate aggregate;
    int64_t limit;          /* 0: none */
    dbx_zset_input *inputs; /* owned */
    size_t count;
} query;

/* --- Arguments ------------------------------------------------------------------------------- */

/* read_inputs takes the number of keys and the keys: DBX_OK with q->inputs NULL when an error was
 * replied. */
static int read_inputs(dbx_ctx *ctx, dbx_args *args, query *q, dbx_reply *out) {
    int64_t count = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (count < 1) {
        dbx_reply_errorf(out, "ERR at least 1 input key is needed for '%s' command",
                         ctx->command->name);
        return DBX_OK;
    }
    if ((uint64_t)count > dbx_args_left(args)) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
        return DBX_OK;
    }
    dbx_zset_input *inputs = dbx_alloc_resize_array(NULL, (size_t)count, sizeof *inputs);
    if (inputs == NULL) return DBX_ENOMEM;
    q->count = (size_t)count;
    for (size_t i = 0; i < q->count; i++) {
        inputs[i].weight = 1;
        inputs[i].order = i;
        int rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &inputs[i].k);
        bool wrong =
            rc == DBX_OK && inputs[i].k.exists && !dbx_zset_input_takes(inputs[i].k.meta.type);
        if (wrong) dbx_reply_error(out, DBX_WRONGTYPE);
        if (rc != DBX_OK || wrong) {
            dbx_alloc_free(inputs);
            return rc;
        }
    }
    q->inputs = inputs;
    return DBX_OK;
}

/* find_again looks the inputs up anew: finding an expired one has written, and what was found
 * before it is no longer valid. */
static int find_again(dbx_ctx *ctx, query *q) {
    int rc = DBX_OK;
    dbx_txn_let_go(ctx->txn);
    for (size_t i = 0; rc == DBX_OK && i < q->count; i++)
        rc = dbx_key_find(ctx->txn, ctx->db, q->inputs[i].k.name, &q->inputs[i].k);
    return rc;
}

static void read_weights(dbx_args *args, query *q) {
    for (size_t i = 0; i < q->count; i++) {
        if (!dbx_num_real_from_slice(dbx_args_next(args), &q->inputs[i].weight))
            dbx_args_fail(args, "ERR weight value is not a float");
    }
}

/* read_options takes what follows the keys; on failure the error is replied. */
static bool read_options(dbx_args *args, query *q, dbx_reply *out) {
    bool weighs = q->op != DIFF && !q->card;
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        size_t left = dbx_args_left(args);
        if (weighs && left > q->count && dbx_args_word(args, "WEIGHTS")) {
            read_weights(args, q);
        } else if (weighs && left >= 2 && dbx_args_word(args, "AGGREGATE")) {
            if (dbx_args_word(args, "SUM")) {
                q->aggregate = SUM;
            } else if (dbx_args_word(args, "MIN")) {
                q->aggregate = MIN;
            } else if (dbx_args_word(args, "MAX")) {
                q->aggregate = MAX;
            } else {
                dbx_args_fail(args, DBX_SYNTAX_ERROR);
            }
        } else if (!q->store && !q->card && dbx_args_word(args, "WITHSCORES")) {
            q->scores = true;
        } else if (q->card && left >= 2 && dbx_args_word(args, "LIMIT")) {
            if (!dbx_num_from_slice(dbx_args_next(args), &q->limit) || q->limit < 0)
                dbx_args_fail(args, "ERR LIMIT can't be negative");
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    return dbx_args_ok(args, out);
}

/* --- Scores ---------------------------------------------------------------------------------- */

static double weighed(double score, double weight) {
    double product = score * weight;
    return isnan(product) ? 0 : product;
}

static double combined(double a, double b, aggregate how) {
    if (how == MIN) return b < a ? b : a;
    if (how == MAX) return b > a ? b : a;
    double sum = a + b; /* inf - inf */
    return isnan(sum) ? 0 : sum;
}

/* The smallest first, and of equals the one that came first: Redis's order, in which sums of
 * floating point numbers depend on it. */
static int by_count(const void *a, const void *b) {
    const dbx_zset_input *x = a, *y = b;
    uint64_t x_count = dbx_zset_input_count(x), y_count = dbx_zset_input_count(y);
    if (x_count != y_count) return x_count < y_count ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* --- Intersection and difference ------------------------------------------------------------- */

/* in_others looks for a member of the first input in the others: for an intersection in all, with
 * the score that follows; for a difference in none. */
static int in_others(dbx_ctx *ctx, const query *q, dbx_slice member, double *score, bool *taken) {
    *score = q->op == DIFF ? *score : weighed(*score, q->inputs[0].weight);
    *taken = true;
    for (size_t i = 1; i < q->count && *taken; i++) {
        double other;
        int rc = dbx_zset_input_find(ctx->txn, &q->inputs[i], member, &other);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
        *taken = (rc == DBX_OK) == (q->op == INTER);
        if (rc == DBX_OK && *taken)
            *score = combined(*score, other * q->inputs[i].weight, q->aggregate);
    }
    return DBX_OK;
}

/* filter goes through the first input; *found counts what is taken, and stops at the limit. */
static int filter(dbx_ctx *ctx, const query *q, dbx_zset_result *result, int64_t *found) {
    dbx_zset_input_walk walk;
    dbx_zset_item item;
    dbx_buf copy = {0};
    if (dbx_zset_input_count(&q->inputs[0]) == 0) return DBX_OK;
    int rc = dbx_zset_input_open(&walk, ctx->txn, &q->inputs[0]);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_zset_input_next(&walk, &item)) == DBX_OK) {
        dbx_slice member;
        double score = item.score;
        bool taken = false;
        rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item.member, &copy, &member);
        if (rc == DBX_OK) rc = in_others(ctx, q, member, &score, &taken);
        if (rc == DBX_OK && taken && !q->card)
            rc = dbx_zset_result_add(result, ctx->txn, &item.member, score);
        if (rc != DBX_OK) break;
        *found += taken;
        if (q->limit > 0 && *found >= q->limit) break;
    }
    dbx_zset_input_close(&walk);
    dbx_buf_free(&copy);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* --- Union ----------------------------------------------------------------------------------- */

static int by_member(const void *a, const void *b, void *arg) {
    const dbx_zset_made *x = a, *y = b;
    const dbx_zset_result *result = arg;
    int order = dbx_slice_cmp(dbx_slice_of(result->bytes.ptr + x->at, x->len),
                              dbx_slice_of(result->bytes.ptr + y->at, y->len));
    /* Those of an earlier input lie further in front. */
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int add_all(dbx_ctx *ctx, const dbx_zset_input *input, dbx_zset_result *result) {
    dbx_zset_input_walk walk;
    dbx_zset_item item;
    if (dbx_zset_input_count(input) == 0) return DBX_OK;
    int rc = dbx_zset_input_open(&walk, ctx->txn, input);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_zset_input_next(&walk, &item)) == DBX_OK) {
        rc =
            dbx_zset_result_add(result, ctx->txn, &item.member, weighed(item.score, input->weight));
        if (rc != DBX_OK) break;
    }
    dbx_zset_input_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* merge makes one of all that have the same member. */
static void merge(dbx_zset_result *result, aggregate how) {
    size_t kept = 0;
    if (result->count == 0) return;
    qsort_r(result->items, result->count, sizeof *result->items, by_member, result);
    for (size_t i = 1; i < result->count; i++) {
        dbx_slice last = dbx_zset_result_member(result, kept);
        if (dbx_slice_eq(last, dbx_zset_result_member(result, i))) {
            double *score = &result->items[kept].score;
            *score = combined(*score, result->items[i].score, how);
        } else {
            result->items[++kept] = result->items[i];
        }
    }
    result->count = kept + 1;
}

/* --- Commands -------------------------------------------------------------------------------- */

static int compute(dbx_ctx *ctx, query *q, dbx_zset_result *result, int64_t *found) {
    int rc = find_again(ctx, q);
    if (rc != DBX_OK) return rc;
    if (q->op != DIFF) qsort(q->inputs, q->count, sizeof *q->inputs, by_count);
    if (q->op != UNION) return filter(ctx, q, result, found);
    for (size_t i = 0; rc == DBX_OK && i < q->count; i++)
        rc = add_all(ctx, &q->inputs[i], result);
    if (rc == DBX_OK) merge(result, q->aggregate);
    return rc;
}

static int zset_operation(dbx_ctx *ctx, dbx_args *args, query q, dbx_reply *out) {
    dbx_zset_result result = {.count = 0};
    int64_t found = 0;
    dbx_slice to = q.store ? dbx_args_next(args) : (dbx_slice){NULL, 0};
    int rc = read_inputs(ctx, args, &q, out);
    if (rc != DBX_OK || q.inputs == NULL) return rc;
    if (read_options(args, &q, out)) {
        rc = compute(ctx, &q, &result, &found);
        if (rc == DBX_OK && q.store) rc = dbx_zset_result_store(&result, ctx, to);
        if (rc == DBX_OK && !q.store && !q.card) {
            dbx_zset_result_sort(&result);
            dbx_zset_result_reply(&result, q.scores, out);
        } else {
            out->ops->integer(out, q.card ? found : (int64_t)result.count);
        }
    }
    dbx_zset_result_free(&result);
    dbx_alloc_free(q.inputs);
    return rc;
}

static int cmd_zunion(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = UNION}, out);
}

static int cmd_zunionstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = UNION, .store = true}, out);
}

static int cmd_zinter(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = INTER}, out);
}

static int cmd_zinterstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = INTER, .store = true}, out);
}

static int cmd_zintercard(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = INTER, .card = true}, out);
}

static int cmd_zdiff(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = DIFF}, out);
}

static int cmd_zdiffstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return zset_operation(ctx, args, (query){.op = DIFF, .store = true}, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_zset_ops[] = {
    {.name = "zunion",
     .group = "sorted-set",
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE "
               "<aggregate: SUM | MIN | MAX>] [WITHSCORES]",
     .summary = "Returns the members that any of several sorted sets has.",
     .since = "6.2.0",
     .complexity = "O(N + M log M) for N members of all, and M of the result",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zunion},
    {.name = "zunionstore",
     .group = "sorted-set",
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <aggregate: SUM | MIN | MAX>]",
     .summary = "Keeps the union of several sorted sets as another one.",
     .since = "2.0.0",
     .complexity = "O(N + M log M) for N members of all, and M of the result",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 2,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zunionstore},
    {.name = "zinter",
     .group = "sorted-set",
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE "
               "<aggregate: SUM | MIN | MAX>] [WITHSCORES]",
     .summary = "Returns the members that all of several sorted sets have.",
     .since = "6.2.0",
     .complexity =
         "O(N * K + M log M) for N members of the smallest of K sets, and M of the result",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zinter},
    {.name = "zinterstore",
     .group = "sorted-set",
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <aggregate: SUM | MIN | MAX>]",
     .summary = "Keeps the intersection of several sorted sets as another one.",
     .since = "2.0.0",
     .complexity =
         "O(N * K + M log M) for N members of the smallest of K sets, and M of the result",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 2,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zinterstore},
    {.name = "zintercard",
     .group = "sorted-set",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all of several sorted sets have.",
     .since = "7.0.0",
     .complexity = "O(N * K) for N members of the smallest of K sets",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zintercard},
    {.name = "zdiff",
     .group = "sorted-set",
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Returns the members that the first of several sorted sets has alone.",
     .since = "6.2.0",
     .complexity = "O(N * K + M log M) for N members of the first of K sets, and M of the result",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zdiff},
    {.name = "zdiffstore",
     .group = "sorted-set",
     .syntax = "destination numkeys key [key ...]",
     .summary = "Keeps the difference of several sorted sets as another one.",
     .since = "6.2.0",
     .complexity = "O(N * K + M log M) for N members of the first of K sets, and M of the result",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 2,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_zdiffstore},
    {.name = NULL},
};
