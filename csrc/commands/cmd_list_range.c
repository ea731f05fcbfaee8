/* cmd_list_range.c: commands that read lists: LRANGE LINDEX LLEN LPOS. */
#include "commands/cmd_list_range.h"

#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"

/* --- Ranges ---------------------------------------------------------------------------------- */

uint64_t dbx_list_span(uint64_t count, int64_t start, int64_t stop, uint64_t *skip) {
    int64_t n = (int64_t)count;
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (stop < 0) stop += n;
    if (stop >= n) stop = n - 1;
    *skip = start < n ? (uint64_t)start : count;
    return start > stop ? 0 : (uint64_t)(stop - start) + 1;
}

typedef struct range_walker {
    dbx_walker base;
    dbx_list_walk walk;
    uint64_t left;
} range_walker;

static int range_next(dbx_walker *base, dbx_reply *out) {
    range_walker *walker = (range_walker *)base;
    dbx_list_item item;
    if (walker->left == 0) return DBX_ENOTFOUND;
    int rc = dbx_list_walk_next(&walker->walk, &item);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    walker->left--;
    dbx_walker_cell(base, &item.cell, out);
    return DBX_OK;
}

static int range_move(dbx_walker *base, dbx_view *view) {
    return dbx_list_walk_move(&((range_walker *)base)->walk, view);
}

static void range_close(dbx_walker *base) {
    dbx_list_walk_close(&((range_walker *)base)->walk);
}

int dbx_list_range_reply(dbx_ctx *ctx, dbx_list_walk *walk, uint64_t count, unsigned around,
                         dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(range_walker), range_next, range_move, range_close};
    range_walker walker = {.base = {.ops = &ops, .around = around}, .walk = *walk, .left = count};
    out->ops->open(out, DBX_ARRAY, (size_t)count);
    return dbx_walker_reply(ctx, &walker.base, out);
}

static int cmd_lrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_list_walk walk;
    int rc;
    dbx_slice name = dbx_args_next(args);
    int64_t start = dbx_args_i64(args), stop = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    uint64_t skip = 0, count = k.exists ? dbx_list_span(k.meta.count, start, stop, &skip) : 0;
    rc = dbx_list_walk_open(&walk, dbx_txn_view(ctx->txn), &k, false, skip);
    return rc == DBX_OK ? dbx_list_range_reply(ctx, &walk, count, 0, out) : rc;
}

/* --- One element ----------------------------------------------------------------------------- */

static int reply_at(dbx_ctx *ctx, const dbx_key *k, uint64_t index, dbx_reply *out) {
    dbx_list_walk walk;
    dbx_list_item item;
    int rc = dbx_list_walk_open_at(&walk, dbx_txn_view(ctx->txn), k, index);
    if (rc == DBX_OK) rc = dbx_list_walk_next(&walk, &item);
    if (rc == DBX_ENOTFOUND) rc = DBX_ECORRUPT;
    if (rc == DBX_OK) rc = dbx_walker_reply_cell(ctx, &item.cell, out);
    dbx_list_walk_close(&walk);
    return rc;
}

static int cmd_lindex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_LIST, &k, out, &rc)) return rc;
    if (!k.exists) {
        out->ops->null(out);
        return DBX_OK;
    }
    int64_t index = dbx_args_i64(args), count = (int64_t)k.meta.count;
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (index < 0) index += count;
    if (index >= 0 && index < count) return reply_at(ctx, &k, (uint64_t)index, out);
    out->ops->null(out);
    return DBX_OK;
}

static int cmd_llen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_LIST, &k, out, &rc)) return rc;
    out->ops->integer(out, k.exists ? (int64_t)k.meta.count : 0);
    return DBX_OK;
}

/* --- Positions ------------------------------------------------------------------------------- */

typedef struct position_walker {
    dbx_walker base;
    dbx_list_walk walk;
    dbx_slice element;
    dbx_buf own;             /* the element, while the reply is streamed */
    uint64_t count;          /* of elements in the list */
    uint64_t seen, seen_max; /* elements compared */
    uint64_t skip;           /* matches before those that count */
    uint64_t left;           /* matches still to be given */
} position_walker;

/* next_position finds the next element that is equal: its index; DBX_ENOTFOUND. */
static int next_position(position_walker *w, uint64_t *position) {
    while (w->left > 0 && w->seen < w->seen_max) {
        dbx_list_item item;
        bool equal;
        int rc = dbx_list_walk_next(&w->walk, &item);
        if (rc == DBX_OK) rc = dbx_cell_equal(w->walk.view, &item.cell, w->element, &equal);
        if (rc != DBX_OK) return rc;
        uint64_t index = w->seen++;
        if (!equal) continue;
        if (w->skip > 0) {
            w->skip--;
            continue;
        }
        w->left--;
        *position = w->walk.back ? w->count - 1 - index : index;
        return DBX_OK;
    }
    return DBX_ENOTFOUND;
}

static int position_next(dbx_walker *base, dbx_reply *out) {
    uint64_t position;
    int rc = next_position((position_walker *)base, &position);
    if (rc == DBX_OK) out->ops->integer(out, (int64_t)position);
    return rc;
}

static int position_move(dbx_walker *base, dbx_view *view) {
    position_walker *w = (position_walker *)base;
    dbx_buf_add(&w->own, w->element.ptr, w->element.len);
    if (w->own.failed) return DBX_ENOMEM;
    w->element = dbx_buf_slice(&w->own);
    return dbx_list_walk_move(&w->walk, view);
}

static void position_close(dbx_walker *base) {
    position_walker *w = (position_walker *)base;
    dbx_list_walk_close(&w->walk);
    dbx_buf_free(&w->own);
}

typedef struct position_args {
    int64_t rank, count, seen_max;
    bool counts; /* COUNT was given: the reply is an array */
} position_args;

/* Its number has to be positive, or `text` says why not. */
static int64_t positive(dbx_args *args, const char *text) {
    int64_t value;
    if (!dbx_num_from_slice(dbx_args_next(args), &value) || value < 0) {
        dbx_args_fail(args, text);
        return 0;
    }
    return value;
}

static bool position_options(dbx_args *args, position_args *p, dbx_reply *out) {
    while (args->error == NULL && dbx_args_left(args) > 0) {
        bool more = dbx_args_left(args) > 1;
        if (more && dbx_args_word(args, "RANK")) {
            p->rank = dbx_args_i64(args);
            if (args->error == NULL && p->rank == 0) {
                dbx_args_fail(args,
                              "ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                              "the second ... or use negative to start from the end of the list");
            }
            if (p->rank == INT64_MIN) {
                dbx_args_fail(args, DBX_RANGE_ERROR);
            }
        } else if (more && dbx_args_word(args, "COUNT")) {
            p->count = positive(args, "ERR COUNT can't be negative");
            p->counts = true;
        } else if (more && dbx_args_word(args, "MAXLEN")) {
            p->seen_max = positive(args, "ERR MAXLEN can't be negative");
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    return dbx_args_ok(args, out);
}

static int open_positions(dbx_ctx *ctx, const dbx_key *k, dbx_slice element, const position_args *p,
                          position_walker *w) {
    static const dbx_walker_ops ops = {sizeof(position_walker), position_next, position_move,
                                       position_close};
    uint64_t rank = p->rank < 0 ? 0 - (uint64_t)p->rank : (uint64_t)p->rank;
    *w = (position_walker){.base = {.ops = &ops},
                           .element = element,
                           .count = k->meta.count,
                           .seen_max = p->seen_max > 0 ? (uint64_t)p->seen_max : UINT64_MAX,
                           .skip = rank - 1,
                           .left = p->count > 0 ? (uint64_t)p->count : UINT64_MAX};
    return dbx_list_walk_open(&w->walk, dbx_txn_view(ctx->txn), k, p->rank < 0, 0);
}

static int reply_position(position_walker *w, dbx_reply *out) {
    uint64_t position;
    int rc = next_position(w, &position);
    position_close(&w->base);
    if (rc == DBX_OK) out->ops->integer(out, (int64_t)position);
    if (rc == DBX_ENOTFOUND) out->ops->null(out);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* reply_positions goes twice over the list, for an array says first how long it is. */
static int reply_positions(dbx_ctx *ctx, const dbx_key *k, const position_args *p,
                           position_walker *w, dbx_reply *out) {
    uint64_t position, found = 0;
    dbx_slice element = w->element;
    int rc;
    while ((rc = next_position(w, &position)) == DBX_OK)
        found++;
    position_close(&w->base);
    if (rc == DBX_ENOTFOUND) rc = open_positions(ctx, k, element, p, w);
    if (rc != DBX_OK) return rc;
    w->left = found;
    out->ops->open(out, DBX_ARRAY, (size_t)found);
    return dbx_walker_reply(ctx, &w->base, out);
}

static int cmd_lpos(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    position_walker w;
    position_args p = {.rank = 1};
    int rc;
    dbx_slice name = dbx_args_next(args), element = dbx_args_next(args);
    if (!position_options(args, &p, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    if (!k.exists) {
        if (p.counts) {
            out->ops->open(out, DBX_ARRAY, 0);
            out->ops->close(out);
        } else {
            out->ops->null(out);
        }
        return DBX_OK;
    }
    rc = open_positions(ctx, &k, element, &p, &w);
    if (rc != DBX_OK) return rc;
    return p.counts ? reply_positions(ctx, &k, &p, &w, out) : reply_position(&w, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_list_range[] = {
    {.name = "lindex",
     .group = "list",
     .syntax = "key index",
     .summary = "Returns an element of a list by its index.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements up to it from the nearer end, in steps of some dozens; O(1)"
                   " at the ends",
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lindex},
    {.name = "llen",
     .group = "list",
     .syntax = "key",
     .summary = "Returns how many elements a list has.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_llen},
    {.name = "lpos",
     .group = "list",
     .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len:integer]",
     .summary = "Returns where in a list an element stands.",
     .since = "6.0.6",
     .complexity = "O(N) for N elements compared",
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lpos},
    {.name = "lrange",
     .group = "list",
     .syntax = "key start stop:integer",
     .summary = "Returns elements of a list that follow each other.",
     .since = "1.0.0",
     .complexity = "O(S+N) for S elements up to the range from the nearer end, in steps of some"
                   " dozens, and N in it",
     .arity = 4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lrange},
    {.name = NULL},
};
