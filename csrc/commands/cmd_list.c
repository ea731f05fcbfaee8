/* cmd_list.c: commands at the ends of lists: pushing, popping, moving. */
#include "base/num.h"
#include "commands/cmd_list_range.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/t_list_encoding.h"

/* --- Pushing --------------------------------------------------------------------------------- */

static int push_elements(dbx_ctx *ctx, dbx_args *args, dbx_key *k, bool right) {
    dbx_list_edit e;
    uint64_t bytes = 0;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    for (size_t i = args->at; i < args->argc; i++)
        bytes += args->argv[i].len;
    if (rc == DBX_OK) dbx_list_encoding_grow(&e, bytes, dbx_args_left(args));
    while (rc == DBX_OK && dbx_args_left(args) > 0)
        rc = dbx_list_push(&e, right, dbx_args_next(args));
    return dbx_list_edit_close(&e, rc);
}

static int push(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool right, bool must_exist) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_LIST, &k, out, &rc)) return rc;
    bool wanted = k.exists || !must_exist;
    if (wanted) rc = push_elements(ctx, args, &k, right);
    out->ops->integer(out, wanted ? (int64_t)k.meta.count : 0);
    return rc;
}

static int cmd_lpush(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return push(ctx, args, out, false, false);
}

static int cmd_rpush(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return push(ctx, args, out, true, false);
}

static int cmd_lpushx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return push(ctx, args, out, false, true);
}

static int cmd_rpushx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return push(ctx, args, out, true, true);
}

/* --- Popping --------------------------------------------------------------------------------- */

static int pop_one(dbx_ctx *ctx, dbx_key *k, bool right, dbx_reply *out) {
    dbx_list_edit e;
    dbx_cell cell;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) rc = dbx_list_peek(&e, right, &cell);
    if (rc == DBX_OK) rc = dbx_walker_reply_cell(ctx, &cell, out);
    if (rc == DBX_OK) rc = dbx_list_drop(&e, right, 1);
    if (rc == DBX_OK) dbx_list_encoding_shrink(&e);
    return dbx_list_edit_close(&e, rc);
}

/* pop_some replies with an array of `count` elements, or all, in `around` containers. */
static int pop_some(dbx_ctx *ctx, dbx_key *k, bool right, uint64_t count, unsigned around,
                    dbx_reply *out) {
    dbx_list_edit e;
    dbx_list_walk walk;
    uint64_t n = count < k->meta.count ? count : k->meta.count;
    int rc = dbx_list_edit_open(&e, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) {
        dbx_list_walk_edit(&walk, &e, right, 0);
        rc = dbx_list_range_reply(ctx, &walk, n, around, out);
    }
    if (rc == DBX_OK) rc = dbx_list_drop(&e, right, n);
    if (rc == DBX_OK) dbx_list_encoding_shrink(&e);
    return dbx_list_edit_close(&e, rc);
}

static int pop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool right) {
    dbx_key k;
    int rc;
    int64_t count = 0;
    dbx_slice name = dbx_args_next(args);
    bool counts = dbx_args_left(args) > 0;
    if (dbx_args_left(args) > 1) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
        return DBX_OK;
    }
    if (counts && (!dbx_num_from_slice(dbx_args_next(args), &count) || count < 0)) {
        dbx_reply_error(out, "ERR value is out of range, must be positive");
        return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_LIST, &k, out, &rc)) return rc;
    if (!k.exists) {
        if (counts) {
            out->ops->null_array(out);
        } else {
            out->ops->null(out);
        }
        return DBX_OK;
    }
    if (!counts) return pop_one(ctx, &k, right, out);
    if (count > 0) return pop_some(ctx, &k, right, (uint64_t)count, 0, out);
    out->ops->open(out, DBX_ARRAY, 0);
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_lpop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return pop(ctx, args, out, false);
}

static int cmd_rpop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return pop(ctx, args, out, true);
}

/* --- Moving ---------------------------------------------------------------------------------- */

/* next_end reads LEFT or RIGHT. */
static bool next_end(dbx_args *args) {
    if (dbx_args_word(args, "LEFT")) return false;
    if (!dbx_args_word(args, "RIGHT")) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    return true;
}

static int reply_end(dbx_ctx *ctx, const dbx_list_edit *e, bool right, dbx_reply *out) {
    dbx_cell cell;
    int rc = dbx_list_peek(e, right, &cell);
    return rc == DBX_OK ? dbx_walker_reply_cell(ctx, &cell, out) : rc;
}

/* move_to moves between two lists. */
static int move_to(dbx_ctx *ctx, dbx_list_edit *from, bool from_right, dbx_slice to_name,
                   bool to_right, dbx_reply *out) {
    dbx_key k;
    dbx_list_edit to;
    int rc;
    if (!dbx_lookup(ctx, to_name, DBX_LIST, &k, out, &rc)) return rc;
    rc = dbx_list_edit_open(&to, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK) rc = reply_end(ctx, from, from_right, out);
    if (rc == DBX_OK) rc = dbx_list_move(from, from_right, &to, to_right);
    return dbx_list_edit_close(&to, rc);
}

static int move(dbx_ctx *ctx, dbx_slice from_name, dbx_slice to_name, bool from_right,
                bool to_right, dbx_reply *out) {
    dbx_key k;
    dbx_list_edit from;
    int rc;
    if (!dbx_lookup(ctx, from_name, DBX_LIST, &k, out, &rc)) return rc;
    if (!k.exists) {
        out->ops->null(out);
        return DBX_OK;
    }
    rc = dbx_list_edit_open(&from, ctx->txn, ctx->encodings, &k);
    if (rc == DBX_OK && dbx_slice_eq(from_name, to_name)) {
        rc = reply_end(ctx, &from, from_right, out);
        if (rc == DBX_OK) rc = dbx_list_move(&from, from_right, &from, to_right);
    } else if (rc == DBX_OK) {
        rc = move_to(ctx, &from, from_right, to_name, to_right, out);
    }
    return dbx_list_edit_close(&from, rc);
}

static int cmd_lmove(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice from = dbx_args_next(args), to = dbx_args_next(args);
    bool from_right = next_end(args), to_right = next_end(args);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    return move(ctx, from, to, from_right, to_right, out);
}

static int cmd_rpoplpush(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice from = dbx_args_next(args), to = dbx_args_next(args);
    return move(ctx, from, to, true, false, out);
}

/* --- LMPOP ----------------------------------------------------------------------------------- */

/* above_zero reads a number that has to be, or `text` says so. */
static uint64_t above_zero(dbx_args *args, const char *text) {
    int64_t value;
    if (dbx_num_from_slice(dbx_args_next(args), &value) && value > 0) return (uint64_t)value;
    dbx_args_fail(args, text);
    return 1;
}

static int cmd_lmpop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    uint64_t keys = above_zero(args, "ERR numkeys should be greater than 0"), count = 1;
    const dbx_slice *names = args->argv + args->at;
    if (args->error == NULL && keys >= dbx_args_left(args)) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (!dbx_args_ok(args, out)) return DBX_OK;
    args->at += (size_t)keys;
    bool right = next_end(args);
    if (dbx_args_left(args) > 1 && dbx_args_word(args, "COUNT")) {
        count = above_zero(args, "ERR count should be greater than 0");
    }
    if (!dbx_args_end(args, out)) return DBX_OK;
    for (uint64_t i = 0; i < keys; i++) {
        dbx_key k;
        int rc;
        if (!dbx_lookup(ctx, names[i], DBX_LIST, &k, out, &rc)) return rc;
        if (!k.exists) continue;
        out->ops->open(out, DBX_ARRAY, 2);
        out->ops->bulk(out, names[i]);
        return pop_some(ctx, &k, right, count, 1, out);
    }
    out->ops->null_array(out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_list[] = {
    {.name = "lpush",
     .group = "list",
     .syntax = "key element [element ...]",
     .summary = "Adds elements at the beginning of a list, one after the other.",
     .since = "1.0.0",
     .complexity = "O(1) for each element",
     .history = DBX_LIST("2.4.0", "Several elements at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lpush},
    {.name = "rpush",
     .group = "list",
     .syntax = "key element [element ...]",
     .summary = "Adds elements at the end of a list.",
     .since = "1.0.0",
     .complexity = "O(1) for each element",
     .history = DBX_LIST("2.4.0", "Several elements at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_rpush},
    {.name = "lpushx",
     .group = "list",
     .syntax = "key element [element ...]",
     .summary = "Adds elements at the beginning of a list that exists.",
     .since = "2.2.0",
     .complexity = "O(1) for each element",
     .history = DBX_LIST("4.0.0", "Several elements at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_lpushx},
    {.name = "rpushx",
     .group = "list",
     .syntax = "key element [element ...]",
     .summary = "Adds elements at the end of a list that exists.",
     .since = "2.2.0",
     .complexity = "O(1) for each element",
     .history = DBX_LIST("4.0.0", "Several elements at once."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_rpushx},
    {.name = "lpop",
     .group = "list",
     .syntax = "key [count@6.2.0]",
     .summary = "Removes the first elements of a list and returns them.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements",
     .history = DBX_LIST("6.2.0", "The argument `count`."),
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_lpop},
    {.name = "rpop",
     .group = "list",
     .syntax = "key [count@6.2.0]",
     .summary = "Removes the last elements of a list and returns them, the last one first.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements",
     .history = DBX_LIST("6.2.0", "The argument `count`."),
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_rpop},
    {.name = "lmove",
     .group = "list",
     .syntax = "source destination <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT>",
     .summary = "Moves an element from an end of one list to an end of another, or of the same.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = 5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_lmove},
    {.name = "rpoplpush",
     .group = "list",
     .syntax = "source destination",
     .summary = "Moves the last element of a list to the beginning of another, or of the same.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_rpoplpush,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "lmpop",
     .group = "list",
     .syntax = "numkeys key [key ...] <where: LEFT | RIGHT> [COUNT count]",
     .summary = "Removes elements at an end of the first of several lists that is not empty, and"
                " returns them.",
     .since = "7.0.0",
     .complexity = "O(N+M) for N keys and M elements",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_MOVABLEKEYS,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .find = DBX_KEYS_KEYNUM,
               .keynum_index = 0,
               .keynum_first = 1,
               .keynum_step = 1}},
     .run = cmd_lmpop},
    {.name = NULL},
};
