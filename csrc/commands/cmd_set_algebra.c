/* cmd_set_algebra.c: commands that make one set of several: SINTER SUNION SDIFF, the same with
 * STORE, and SINTERCARD. */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/set_algebra.h"

/* find_sources looks up the keys that are left, or `count` of them; false: as dbx_lookup. */
static bool find_sources(dbx_ctx *ctx, dbx_args *args, size_t count, dbx_set_sources *sources,
                         dbx_reply *out, int *rc) {
    *rc = DBX_OK;
    while (count-- > 0) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn); /* sources have copies */
        if (!dbx_lookup(ctx, dbx_args_next(args), DBX_SETTYPE, &k, out, rc)) return false;
        *rc = dbx_set_sources_add(sources, &k);
        if (*rc != DBX_OK) return false;
    }
    return true;
}

static int open_algebra(dbx_ctx *ctx, dbx_set_algebra *a, dbx_set_op op,
                        const dbx_set_sources *sources) {
    return dbx_set_algebra_open(a, op, sources, dbx_txn_view(ctx->txn), dbx_txn_seed(ctx->txn));
}

/* count_members counts the result, up to `limit` if that is not 0, and writes it as long as that
 * takes little room: `written` of the count. */
static int count_members(dbx_ctx *ctx, dbx_set_op op, const dbx_set_sources *sources,
                         uint64_t limit, uint64_t *count, uint64_t *written, dbx_reply *out) {
    dbx_set_algebra a;
    dbx_dict_item item;
    size_t begin = out != NULL ? out->out->len : 0;
    *count = 0;
    int rc = open_algebra(ctx, &a, op, sources);
    while (rc == DBX_OK && (limit == 0 || *count < limit) &&
           (rc = dbx_set_algebra_next(&a, &item)) == DBX_OK) {
        if (out != NULL && *written == *count && !dbx_cell_is_long(&item.member) &&
            out->out->len - begin < DBX_WALKER_BYTES) {
            out->ops->bulk(out, dbx_cell_slice(&item.member));
            ++*written;
        }
        ++*count;
    }
    dbx_set_algebra_close(&a);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* --- Replies --------------------------------------------------------------------------------- */

/* What is replied later, at one address: the second refers to the first. */
typedef struct result {
    dbx_set_sources sources;
    dbx_set_algebra algebra;
} result;

typedef struct result_walker {
    dbx_walker base;
    result *result; /* owned */
} result_walker;

static int result_next(dbx_walker *base, dbx_reply *out) {
    dbx_dict_item item;
    int rc = dbx_set_algebra_next(&((result_walker *)base)->result->algebra, &item);
    if (rc == DBX_OK) dbx_walker_cell(base, &item.member, out);
    return rc;
}

static int result_move(dbx_walker *base, dbx_view *view) {
    return dbx_set_algebra_move(&((result_walker *)base)->result->algebra, view);
}

static void result_close(dbx_walker *base) {
    result_walker *walker = (result_walker *)base;
    dbx_set_algebra_close(&walker->result->algebra);
    dbx_set_sources_free(&walker->result->sources);
    dbx_alloc_free(walker->result);
}

/* reply_large streams a result whose size is known. It takes the sources over. */
static int reply_large(dbx_ctx *ctx, dbx_set_op op, dbx_set_sources *sources, uint64_t count,
                       dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(result_walker), result_next, result_move,
                                       result_close};
    result_walker walker = {.base = {.ops = &ops}, .result = dbx_alloc_zero(1, sizeof(result))};
    if (walker.result == NULL) return DBX_ENOMEM;
    walker.result->sources = *sources;
    *sources = (dbx_set_sources){0};
    int rc = open_algebra(ctx, &walker.result->algebra, op, &walker.result->sources);
    if (rc != DBX_OK) {
        result_close(&walker.base);
        return rc;
    }
    out->ops->open(out, DBX_SET, (size_t)count);
    return dbx_walker_reply(ctx, &walker.base, out);
}

/* The count stands before the members: what is long is gone through twice. */
static int reply_result(dbx_ctx *ctx, dbx_set_op op, dbx_args *args, dbx_reply *out) {
    dbx_set_sources sources = {0};
    uint64_t count, written = 0;
    int rc;
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    if (find_sources(ctx, args, dbx_args_left(args), &sources, out, &rc)) {
        out->ops->open(out, DBX_SET, DBX_UNKNOWN);
        rc = count_members(ctx, op, &sources, 0, &count, &written, out);
        if (rc == DBX_OK && written == count) {
            out->ops->close(out);
        } else if (rc == DBX_OK) {
            dbx_reply_rollback(out, mark);
            rc = reply_large(ctx, op, &sources, count, out);
        }
    }
    dbx_set_sources_free(&sources);
    return rc;
}

static int cmd_sinter(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_result(ctx, DBX_SET_INTER, args, out);
}

static int cmd_sunion(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_result(ctx, DBX_SET_UNION, args, out);
}

static int cmd_sdiff(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_result(ctx, DBX_SET_DIFF, args, out);
}

static int cmd_sintercard(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_set_sources sources = {0};
    int64_t keys, limit = 0;
    uint64_t count = 0, written = 0;
    int rc;
    if (!dbx_num_from_slice(dbx_args_next(args), &keys) || keys < 1) {
        dbx_args_fail(args, "ERR numkeys should be greater than 0");
    } else if ((uint64_t)keys > dbx_args_left(args)) {
        dbx_args_fail(args, "ERR Number of keys can't be greater than number of args");
    }
    dbx_args options = *args;
    if (args->error == NULL) options.at += (size_t)keys;
    while (options.error == NULL && dbx_args_left(&options) > 0) {
        if (!dbx_args_word(&options, "LIMIT") || dbx_args_left(&options) == 0) {
            dbx_args_fail(&options, DBX_SYNTAX_ERROR);
        } else if (!dbx_num_from_slice(dbx_args_next(&options), &limit) || limit < 0) {
            dbx_args_fail(&options, "ERR LIMIT can't be negative");
        }
    }
    if (!dbx_args_ok(&options, out)) return DBX_OK;
    if (find_sources(ctx, args, (size_t)keys, &sources, out, &rc)) {
        rc = count_members(ctx, DBX_SET_INTER, &sources, (uint64_t)limit, &count, &written, NULL);
        out->ops->integer(out, (int64_t)count);
    }
    dbx_set_sources_free(&sources);
    return rc;
}

/* --- Storing --------------------------------------------------------------------------------- */

/* A set that is being made of others. */
typedef struct store {
    dbx_ctx *ctx;
    dbx_edit edit;
    dbx_set_batch *batch; /* of members to be added: writes end what a walk has given */
    dbx_buf bytes;        /* of a long member */
    bool numbers;         /* all members are */
} store;

static int add_batch(store *s) {
    int rc = DBX_OK;
    for (size_t i = 0; rc == DBX_OK && i < s->batch->count; i++) {
        dbx_dict_item item = dbx_set_batch_at(s->batch, i);
        dbx_slice member;
        bool added;
        rc = dbx_cell_load(dbx_txn_view(s->ctx->txn), &item.member, &s->bytes, &member);
        if (s->numbers) s->numbers = dbx_set_is_number(member);
        if (rc == DBX_OK) rc = dbx_set_add(&s->edit, member, &added);
    }
    dbx_set_batch_clear(s->batch);
    return rc;
}

static int add(store *s, const dbx_dict_item *item) {
    int rc = dbx_set_batch_add(s->batch, item);
    return rc == DBX_OK && dbx_set_batch_full(s->batch) ? add_batch(s) : rc;
}

/* store_union adds one set after the other: what is there already is not added. */
static int store_union(store *s, const dbx_set_sources *sources) {
    int rc = DBX_OK;
    for (size_t i = 0; rc == DBX_OK && i < sources->count; i++) {
        dbx_set_walk walk;
        dbx_dict_item item;
        if (sources->of[i].count == 0) continue;
        rc = dbx_set_source_walk(sources, i, dbx_txn_view(s->ctx->txn), &walk);
        if (rc != DBX_OK) return rc;
        while (rc == DBX_OK && (rc = dbx_set_walk_next(&walk, &item)) == DBX_OK)
            rc = add(s, &item);
        dbx_set_walk_close(&walk);
        if (rc == DBX_ENOTFOUND) rc = add_batch(s);
    }
    return rc;
}

static int store_filtered(store *s, dbx_set_op op, const dbx_set_sources *sources) {
    dbx_set_algebra a;
    dbx_dict_item item;
    int rc = open_algebra(s->ctx, &a, op, sources);
    while (rc == DBX_OK && (rc = dbx_set_algebra_next(&a, &item)) == DBX_OK)
        rc = add(s, &item);
    dbx_set_algebra_close(&a);
    return rc == DBX_ENOTFOUND ? add_batch(s) : rc;
}

/* An intersection's encoding is that of a listpack, or of the smallest set if that is an intset,
 * to which the members were added; numbers alone become an intset. */
static int store_inter(store *s, const dbx_set_sources *sources) {
    const dbx_set_source *smallest = &sources->of[0];
    dbx_meta *meta = &s->edit.k->meta;
    for (size_t i = 1; i < sources->count; i++) {
        if (sources->of[i].count < smallest->count) smallest = &sources->of[i];
    }
    if (smallest->encoding != DBX_ENCODING_INTSET) meta->encoding = DBX_ENCODING_LISTPACK;
    int rc = store_filtered(s, DBX_SET_INTER, sources);
    if (rc == DBX_OK && s->numbers && meta->count > 0 &&
        meta->count <= (uint64_t)s->ctx->encodings->set_ints &&
        meta->encoding != DBX_ENCODING_INTSET) {
        rc = dbx_set_make_intset(&s->edit);
    }
    return rc;
}

/* removes_from_copy says whether Redis makes a difference from a copy of the first set, from which
 * it takes the others' members: the encoding then is the copy's. */
static bool removes_from_copy(const dbx_set_sources *sources) {
    uint64_t asking = 0, removing = 0;
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->of[i].count == 0) continue;
        asking += sources->of[0].count;
        removing += sources->of[i].count;
    }
    return asking / 2 > removing;
}

/* encoding_of_copy is the encoding of a set to which all members of the first one were added. */
static int encoding_of_copy(store *s, const dbx_set_sources *sources, uint8_t *encoding) {
    dbx_set_walk walk;
    dbx_dict_item item;
    uint64_t count = 0;
    size_t widest = 0;
    *encoding = DBX_ENCODING_INTSET;
    int rc = dbx_set_source_walk(sources, 0, dbx_txn_view(s->ctx->txn), &walk);
    if (rc != DBX_OK) return rc;
    while (*encoding != DBX_ENCODING_HASHTABLE &&
           (rc = dbx_set_walk_next(&walk, &item)) == DBX_OK) {
        /* Of one that is kept apart the length is enough. */
        dbx_slice member = dbx_slice_of(item.member.ptr, (size_t)item.member.len);
        if (dbx_cell_is_long(&item.member)) {
            *encoding = DBX_ENCODING_HASHTABLE;
        } else {
            *encoding =
                dbx_set_encoding_with(s->ctx->encodings, *encoding, count++, widest, member);
        }
        if (item.member.len > widest) widest = (size_t)item.member.len;
    }
    dbx_set_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int store_diff(store *s, const dbx_set_sources *sources) {
    uint8_t encoding = DBX_ENCODING_INTSET;
    int rc = store_filtered(s, DBX_SET_DIFF, sources);
    if (rc != DBX_OK || !removes_from_copy(sources)) return rc;
    rc = encoding_of_copy(s, sources, &encoding);
    s->edit.k->meta.encoding = encoding;
    return rc;
}

static int store_result(dbx_ctx *ctx, dbx_set_op op, dbx_args *args, dbx_reply *out) {
    dbx_set_sources sources = {0};
    dbx_key k;
    int rc;
    dbx_slice destination = dbx_args_next(args);
    store s = {.ctx = ctx, .numbers = true};
    if (find_sources(ctx, args, dbx_args_left(args), &sources, out, &rc)) {
        s.batch = dbx_alloc_zero(1, sizeof *s.batch);
        rc = s.batch == NULL ? DBX_ENOMEM : dbx_key_find(ctx->txn, ctx->db, destination, &k);
        if (rc == DBX_OK) {
            dbx_set_replace(&s.edit, ctx->txn, ctx->encodings, &k);
            rc = op == DBX_SET_UNION   ? store_union(&s, &sources)
                 : op == DBX_SET_INTER ? store_inter(&s, &sources)
                                       : store_diff(&s, &sources);
            rc = dbx_edit_close(&s.edit, rc);
            out->ops->integer(out, (int64_t)k.meta.count);
        }
    }
    if (s.batch != NULL) dbx_set_batch_free(s.batch);
    dbx_alloc_free(s.batch);
    dbx_buf_free(&s.bytes);
    dbx_set_sources_free(&sources);
    return rc;
}

static int cmd_sinterstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return store_result(ctx, DBX_SET_INTER, args, out);
}

static int cmd_sunionstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return store_result(ctx, DBX_SET_UNION, args, out);
}

static int cmd_sdiffstore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return store_result(ctx, DBX_SET_DIFF, args, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

#define SOURCES                                                                                    \
    {                                                                                              \
        { .flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = -1, .step = 1 }                \
    }
#define DESTINATION_SOURCES                                                                        \
    {                                                                                              \
        {.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}, {                \
            .flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = -1, .step = 1                \
        }                                                                                          \
    }

const dbx_command dbx_cmd_set_algebra[] = {
    {.name = "sinter",
     .group = "set",
     .syntax = "key [key ...]",
     .summary = "Returns the members that all of several sets have.",
     .since = "1.0.0",
     .complexity = "O(N*M) at worst, for N members of the smallest of M sets",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = SOURCES,
     .run = cmd_sinter},
    {.name = "sintercard",
     .group = "set",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all of several sets have, up to a limit.",
     .since = "7.0.0",
     .complexity = "O(N*M) at worst, for N members of the smallest of M sets",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_sintercard},
    {.name = "sinterstore",
     .group = "set",
     .syntax = "destination key [key ...]",
     .summary = "Stores the members that all of several sets have.",
     .since = "1.0.0",
     .complexity = "O(N*M) at worst, for N members of the smallest of M sets",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = DESTINATION_SOURCES,
     .run = cmd_sinterstore},
    {.name = "sunion",
     .group = "set",
     .syntax = "key [key ...]",
     .summary = "Returns the members of all of several sets.",
     .since = "1.0.0",
     .complexity = "O(N*log(M)) for N members of M sets",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = SOURCES,
     .run = cmd_sunion},
    {.name = "sunionstore",
     .group = "set",
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of all of several sets.",
     .since = "1.0.0",
     .complexity = "O(N) for N members of all sets",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = DESTINATION_SOURCES,
     .run = cmd_sunionstore},
    {.name = "sdiff",
     .group = "set",
     .syntax = "key [key ...]",
     .summary = "Returns the members of the first set that no other has.",
     .since = "1.0.0",
     .complexity = "O(N*M) at worst, for N members of the first of M sets",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = SOURCES,
     .run = cmd_sdiff},
    {.name = "sdiffstore",
     .group = "set",
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of the first set that no other has.",
     .since = "1.0.0",
     .complexity = "O(N*M) at worst, for N members of the first of M sets",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = DESTINATION_SOURCES,
     .run = cmd_sdiffstore},
    {.name = NULL},
};
