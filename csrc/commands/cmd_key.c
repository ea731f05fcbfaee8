/* cmd_key.c: commands on keys of any type: deleting, moving, copying, asking. Expiry is in
 * cmd_expire.c, going through many keys in cmd_scan.c. */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/help.h"
#include "commands/lookup.h"
#include "commands/table.h"

/* --- Deleting and counting ------------------------------------------------------------------- */

/* DEL and UNLINK: deleting is O(1) whatever the size, so they are the same. The effect names only
 * what was there. */
static int cmd_del(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_slice few[8], *words = few;
    size_t removed = 0;
    int rc = DBX_OK;
    if (args->argc > sizeof few / sizeof few[0]) words = dbx_alloc(args->argc * sizeof *words);
    if (words == NULL) return DBX_ENOMEM;
    words[0] = dbx_slice_str("DEL");
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn);
        rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &k);
        if (rc != DBX_OK || !k.exists) continue;
        rc = dbx_key_remove(ctx->txn, &k);
        words[++removed] = k.name;
    }
    if (rc == DBX_OK && removed > 0) rc = dbx_txn_effect(ctx->txn, ctx->db, removed + 1, words);
    out->ops->integer(out, (int64_t)removed);
    if (words != few) dbx_alloc_free(words);
    return rc;
}

/* EXISTS and TOUCH: no time of last access is kept, reading writes nothing to flash. */
static int cmd_exists(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    int64_t count = 0;
    while (dbx_args_left(args) > 0) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn);
        int rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &k);
        if (rc != DBX_OK) return rc;
        if (k.exists) count++;
    }
    out->ops->integer(out, count);
    return DBX_OK;
}

static int cmd_type(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &k);
    if (rc != DBX_OK) return rc;
    dbx_reply_line(out, k.exists ? dbx_type_name(k.meta.type) : "none");
    return DBX_OK;
}

/* --- Renaming and moving --------------------------------------------------------------------- */

static int rename_key(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool only_new) {
    dbx_key from, to;
    dbx_slice old = dbx_args_next(args), new = dbx_args_next(args);
    int rc = dbx_key_find(ctx->txn, ctx->db, old, &from);
    if (rc != DBX_OK) return rc;
    if (!from.exists) {
        dbx_reply_error(out, "ERR no such key");
        return DBX_OK;
    }
    bool same = dbx_slice_eq(old, new), taken = same;
    if (!same) {
        rc = dbx_key_find(ctx->txn, ctx->db, new, &to);
        if (rc != DBX_OK) return rc;
        taken = to.exists;
    }
    if (!only_new) {
        dbx_reply_ok(out);
    } else {
        out->ops->integer(out, taken ? 0 : 1);
        if (taken) return DBX_OK;
    }
    return same ? DBX_OK : dbx_key_move(ctx->txn, &from, &to);
}

static int cmd_rename(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return rename_key(ctx, args, out, false);
}

static int cmd_renamenx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return rename_key(ctx, args, out, true);
}

static int cmd_move(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key from, to;
    uint32_t db;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_lookup_db(ctx, dbx_args_next(args), &db, out)) return DBX_OK;
    if (db == ctx->db) {
        dbx_reply_error(out, "ERR source and destination objects are the same");
        return DBX_OK;
    }
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &from);
    if (rc == DBX_OK) rc = dbx_key_find(ctx->txn, db, name, &to);
    if (rc != DBX_OK) return rc;
    bool moves = from.exists && !to.exists;
    out->ops->integer(out, moves ? 1 : 0);
    return moves ? dbx_key_move(ctx->txn, &from, &to) : DBX_OK;
}

/* --- Copying --------------------------------------------------------------------------------- */

typedef struct copy_options {
    uint32_t db;
    bool replace;
} copy_options;

static bool copy_parse(dbx_ctx *ctx, dbx_args *args, copy_options *o, dbx_reply *out) {
    while (dbx_args_left(args) > 0) {
        if (dbx_args_word(args, "REPLACE")) {
            o->replace = true;
        } else if (dbx_args_left(args) > 1 && dbx_args_word(args, "DB")) {
            if (!dbx_lookup_db(ctx, dbx_args_next(args), &o->db, out)) return false;
        } else {
            break;
        }
    }
    return dbx_args_end(args, out);
}

static int cmd_copy(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key from, to;
    copy_options o = {.db = ctx->db};
    dbx_slice source = dbx_args_next(args), destination = dbx_args_next(args);
    if (!copy_parse(ctx, args, &o, out)) return DBX_OK;
    if (o.db == ctx->db && dbx_slice_eq(source, destination)) {
        dbx_reply_error(out, "ERR source and destination objects are the same");
        return DBX_OK;
    }
    int rc = dbx_key_find(ctx->txn, o.db, destination, &to);
    if (rc == DBX_OK) rc = dbx_key_find(ctx->txn, ctx->db, source, &from);
    if (rc != DBX_OK) return rc;
    bool copies = from.exists && (!to.exists || o.replace);
    out->ops->integer(out, copies ? 1 : 0);
    return copies ? dbx_type_copy(ctx->txn, &from, &to) : DBX_OK;
}

/* --- OBJECT ---------------------------------------------------------------------------------- */

static int cmd_object_encoding(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    dbx_reply_str(out, dbx_type_encoding(&k));
    return DBX_OK;
}

static int cmd_object_freq(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    dbx_reply_error(out,
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                    "Please note that when switching between policies at runtime LRU and LFU "
                    "data will take some time to adjust.");
    return DBX_OK;
}

/* Reading a key is not recorded, so this is the time since the last change. */
static int cmd_object_idletime(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    int64_t idle_ms = ctx->times.now_ms - k.meta.updated_ms;
    out->ops->integer(out, idle_ms > 0 ? idle_ms / 1000 : 0);
    return DBX_OK;
}

/* Redis shares the objects of small integers, and some clients' tests look at it. */
static int cmd_object_refcount(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    enum { SHARED_INTEGERS = 10000 };
    dbx_key k;
    int rc;
    int64_t value;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    bool shared = k.meta.type == DBX_STRING && k.meta.encoding == DBX_STRING_INT &&
                  dbx_num_from_slice(k.payload, &value) && value >= 0 && value < SHARED_INTEGERS;
    out->ops->integer(out, shared ? INT32_MAX : 1);
    return DBX_OK;
}

static int cmd_object_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Return how the value of <key> is encoded.",
        "FREQ <key>",
        "    Return how often <key> is used, under an LFU maxmemory policy.",
        "IDLETIME <key>",
        "    Return the seconds since the value of <key> was last changed.",
        "REFCOUNT <key>",
        "    Return the number of references to the value of <key>.",
        NULL};
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static const dbx_command object_subcommands[] = {
    {.name = "object|encoding",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns how a value is encoded.",
     .since = "2.2.3",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_object_encoding},
    {.name = "object|freq",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns how often a value is used.",
     .since = "4.0.0",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_object_freq},
    {.name = "object|help",
     .group = "generic",
     .syntax = "",
     .summary = "Describes the subcommands.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_object_help},
    {.name = "object|idletime",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns the seconds since a value was last changed; reads do not count.",
     .since = "2.2.3",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_object_idletime},
    {.name = "object|refcount",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns the number of references to a value.",
     .since = "2.2.3",
     .complexity = "O(1)",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_object_refcount},
    {.name = NULL},
};

const dbx_command dbx_cmd_key[] = {
    {.name = "del",
     .group = "generic",
     .syntax = "key [key ...]",
     .summary = "Deletes keys, of any size at once.",
     .since = "1.0.0",
     .complexity = "O(N) for N keys",
     .tips = DBX_LIST("request_policy:multi_shard", "response_policy:agg_sum"),
     .arity = -2,
     .flags = DBX_CMD_WRITE,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RM | DBX_KEY_DELETE, .begin = 1, .last = -1, .step = 1}},
     .run = cmd_del},
    {.name = "unlink",
     .group = "generic",
     .syntax = "key [key ...]",
     .summary = "Deletes keys, of any size at once.",
     .since = "4.0.0",
     .complexity = "O(N) for N keys",
     .tips = DBX_LIST("request_policy:multi_shard", "response_policy:agg_sum"),
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RM | DBX_KEY_DELETE, .begin = 1, .last = -1, .step = 1}},
     .run = cmd_del},
    {.name = "exists",
     .group = "generic",
     .syntax = "key [key ...]",
     .summary = "Counts how many of the given keys exist.",
     .since = "1.0.0",
     .complexity = "O(N) for N keys",
     .history = DBX_LIST("3.0.3", "Several keys."),
     .tips = DBX_LIST("request_policy:multi_shard", "response_policy:agg_sum"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = -1, .step = 1}},
     .run = cmd_exists},
    {.name = "touch",
     .group = "generic",
     .syntax = "key [key ...]",
     .summary = "Counts how many of the given keys exist; no time of use is kept.",
     .since = "3.2.1",
     .complexity = "O(N) for N keys",
     .tips = DBX_LIST("request_policy:multi_shard", "response_policy:agg_sum"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = -1, .step = 1}},
     .run = cmd_exists},
    {.name = "type",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns the type of a key's value.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_type},
    {.name = "rename",
     .group = "generic",
     .syntax = "key newkey",
     .summary = "Renames a key, replacing what has the new name.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE,
     .effect = DBX_EFFECT_ARGV,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_rename},
    {.name = "renamenx",
     .group = "generic",
     .syntax = "key newkey",
     .summary = "Renames a key unless the new name exists.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("3.2.0", "No error when both names are the same."),
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys =
         {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1},
          {.flags = DBX_KEY_OW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_renamenx},
    {.name = "copy",
     .group = "generic",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies a value to another key.",
     .since = "6.2.0",
     .complexity = "O(N) for N elements, or bytes of a string",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1},
              {.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_copy},
    {.name = "move",
     .group = "generic",
     .syntax = "key db",
     .summary = "Moves a key to another database.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_move},
    {.name = "object",
     .group = "generic",
     .syntax = "",
     .summary = "Commands about how values are kept.",
     .since = "2.2.3",
     .complexity = "Depends on subcommand.",
     .arity = -2,
     .effect = DBX_EFFECT_NONE,
     .subcommands = object_subcommands},
    {.name = NULL},
};
