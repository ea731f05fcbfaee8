/* cmd_string.c: commands that set and get whole strings. Those that change or read a part of one
 * are in cmd_string_edit.c, LCS in cmd_lcs.c. */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/cmd_string_reply.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_string.h"

/* --- Options that say when a key expires ----------------------------------------------------- */

enum expiry_how { NO_OPTION, EX, PX, EXAT, PXAT, BARE /* KEEPTTL or PERSIST */ };

typedef struct expiry {
    enum expiry_how how;
    dbx_slice time;
} expiry;

/* take_expiry takes an option of this kind if one comes next. Two different ones are an error, the
 * same one twice is not, and the last counts. */
static bool take_expiry(dbx_args *args, const char *bare, expiry *e) {
    static const char *const words[] = {[EX] = "EX", [PX] = "PX", [EXAT] = "EXAT", [PXAT] = "PXAT"};
    enum expiry_how how = dbx_args_word(args, bare) ? BARE : NO_OPTION;
    for (enum expiry_how i = EX; how == NO_OPTION && i <= PXAT; i++) {
        if (dbx_args_word(args, words[i])) how = i;
    }
    if (how == NO_OPTION) return false;
    if (e->how != NO_OPTION && e->how != how) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    e->how = how;
    if (how != BARE) e->time = dbx_args_next(args);
    return true;
}

static bool expiry_time(dbx_ctx *ctx, const expiry *e, dbx_expiry *expiry_out, dbx_reply *out) {
    bool seconds = e->how == EX || e->how == EXAT, relative = e->how == EX || e->how == PX;
    if (e->how == NO_OPTION || e->how == BARE) return true;
    return dbx_expiry_of(ctx, e->time, seconds, relative, expiry_out, out);
}

/* --- SET and its relatives ------------------------------------------------------------------- */

/* put stores `value` with the expiry given and journals it as a SET that can be replayed at any
 * time. */
static int put(dbx_ctx *ctx, dbx_key *k, dbx_slice value, dbx_expiry at) {
    if (dbx_expiry_over(at, ctx->times)) return k->exists ? dbx_effect_remove(ctx, k) : DBX_OK;
    int rc = dbx_string_set(ctx->txn, k, value, at);
    if (rc != DBX_OK) return rc;
    if (!dbx_expiry_set(at)) return dbx_effect_words(ctx, dbx_slice_str("SET"), k->name, value);
    return dbx_effect_set(ctx, k->name, value, at);
}

typedef struct set_options {
    bool nx, xx, get;
    expiry expiry;
} set_options;

static bool set_parse(dbx_args *args, set_options *o, dbx_reply *out) {
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (take_expiry(args, "KEEPTTL", &o->expiry)) continue;
        if (dbx_args_word(args, "NX")) {
            o->nx = true;
        } else if (dbx_args_word(args, "XX")) {
            o->xx = true;
        } else if (dbx_args_word(args, "GET")) {
            o->get = true;
        } else {
            dbx_args_fail(args, DBX_SYNTAX_ERROR);
        }
    }
    if (o->nx && o->xx) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    return dbx_args_ok(args, out);
}

static int cmd_set(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    set_options o = {.nx = false};
    dbx_expiry at = dbx_expiry_never();
    dbx_slice name = dbx_args_next(args), value = dbx_args_next(args);
    if (!set_parse(args, &o, out) || !expiry_time(ctx, &o.expiry, &at, out)) return DBX_OK;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    if (o.get) {
        if (k.exists && k.meta.type != DBX_STRING) {
            dbx_reply_error(out, DBX_WRONGTYPE);
            return DBX_OK;
        }
        rc = dbx_string_reply_value(ctx, &k, out);
        if (rc != DBX_OK) return rc;
    }
    if ((o.nx && k.exists) || (o.xx && !k.exists)) {
        if (!o.get) out->ops->null(out);
        return DBX_OK;
    }
    if (!o.get) dbx_reply_ok(out);
    if (o.expiry.how == BARE && k.exists) at = k.meta.expiry;
    return put(ctx, &k, value, at);
}

static uint32_t set_key_flags(size_t argc, const dbx_slice *argv) {
    for (size_t i = 3; i < argc; i++) {
        if (dbx_slice_eq_nocase(argv[i], dbx_slice_str("GET"))) {
            return DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE;
        }
    }
    return DBX_KEY_OW | DBX_KEY_UPDATE;
}

static int set_expiring(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool seconds) {
    dbx_key k;
    dbx_expiry at;
    dbx_slice name = dbx_args_next(args), time = dbx_args_next(args), value = dbx_args_next(args);
    if (!dbx_expiry_of(ctx, time, seconds, true, &at, out)) return DBX_OK;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    dbx_reply_ok(out);
    return put(ctx, &k, value, at);
}

static int cmd_setex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return set_expiring(ctx, args, out, true);
}

static int cmd_psetex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return set_expiring(ctx, args, out, false);
}

static int cmd_setnx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_slice name = dbx_args_next(args), value = dbx_args_next(args);
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    out->ops->integer(out, k.exists ? 0 : 1);
    return k.exists ? DBX_OK : put(ctx, &k, value, dbx_expiry_never());
}

/* --- GET and its relatives ------------------------------------------------------------------- */

static int cmd_get(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_STRING, &k, out, &rc)) return rc;
    return dbx_string_reply_value(ctx, &k, out);
}

static int cmd_getset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args), value = dbx_args_next(args);
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    rc = dbx_string_reply_value(ctx, &k, out);
    return rc != DBX_OK ? rc : put(ctx, &k, value, dbx_expiry_never());
}

static int cmd_getdel(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_STRING, &k, out, &rc)) return rc;
    rc = dbx_string_reply_value(ctx, &k, out);
    return rc != DBX_OK || !k.exists ? rc : dbx_effect_remove(ctx, &k);
}

static int cmd_getex(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    expiry e = {.how = NO_OPTION};
    dbx_expiry at = dbx_expiry_never();
    dbx_slice name = dbx_args_next(args);
    while (args->error == NULL && take_expiry(args, "PERSIST", &e)) {
    }
    if (!dbx_args_end(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STRING, &k, out, &rc)) return rc;
    /* As in Redis: the time is only looked at when there is a value. */
    if (k.exists && !expiry_time(ctx, &e, &at, out)) return DBX_OK;
    rc = dbx_string_reply_value(ctx, &k, out);
    if (rc != DBX_OK || !k.exists || e.how == NO_OPTION) return rc;
    if (e.how == BARE) {
        if (!dbx_expiry_set(k.meta.expiry)) return DBX_OK;
        rc = dbx_key_set_expiry(ctx->txn, &k, dbx_expiry_never());
        return rc != DBX_OK ? rc : dbx_effect_words(ctx, dbx_slice_str("PERSIST"), name);
    }
    if (dbx_expiry_over(at, ctx->times)) return dbx_effect_remove(ctx, &k);
    rc = dbx_key_set_expiry(ctx->txn, &k, at);
    return rc != DBX_OK ? rc : dbx_effect_expiry(ctx, name, at);
}

static int cmd_strlen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_STRING, &k, out, &rc)) return rc;
    out->ops->integer(out, (int64_t)dbx_string_len(&k));
    return DBX_OK;
}

/* --- Several keys
 * --------------------------------------------------------------------------------- */

static int cmd_mget(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return dbx_string_reply_many(ctx, dbx_args_left(args), args->argv + args->at, out);
}

static bool pairs_complete(dbx_ctx *ctx, const dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) % 2 == 0) return true;
    dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
    return false;
}

static int set_pairs(dbx_ctx *ctx, const dbx_args *args) {
    for (size_t i = args->at; i < args->argc; i += 2) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn);
        int rc = dbx_key_find(ctx->txn, ctx->db, args->argv[i], &k);
        if (rc == DBX_OK) rc = dbx_string_set(ctx->txn, &k, args->argv[i + 1], dbx_expiry_never());
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

static int cmd_mset(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (!pairs_complete(ctx, args, out)) return DBX_OK;
    dbx_reply_ok(out);
    return set_pairs(ctx, args);
}

static int cmd_msetnx(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (!pairs_complete(ctx, args, out)) return DBX_OK;
    for (size_t i = args->at; i < args->argc; i += 2) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn);
        int rc = dbx_key_find(ctx->txn, ctx->db, args->argv[i], &k);
        if (rc != DBX_OK) return rc;
        if (k.exists) {
            out->ops->integer(out, 0);
            return DBX_OK;
        }
    }
    out->ops->integer(out, 1);
    int rc = set_pairs(ctx, args);
    return rc != DBX_OK ? rc : dbx_effect_renamed(ctx, "MSET", args);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_string[] = {
    {.name = "get",
     .group = "string",
     .syntax = "key",
     .summary = "Returns the value of a string.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_get},
    {.name = "set",
     .group = "string",
     .syntax = "key value [condition: NX | XX]@2.6.12 [GET@6.2.0] [expiration: EX seconds@2.6.12 | "
               "PX milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 | PXAT "
               "unix-time-milliseconds@6.2.0 | KEEPTTL@6.0.0]",
     .summary = "Sets a key to a string, whatever it held before.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("2.6.12", "`EX`, `PX`, `NX` and `XX`.", "6.0.0", "`KEEPTTL`.", "6.2.0",
                         "`GET`, `EXAT` and `PXAT`.", "7.0.0", "`NX` and `GET` together."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE | DBX_KEY_VARIABLE_FLAGS,
               .begin = 1,
               .last = 0,
               .step = 1,
               .notes = "RW and ACCESS due to the optional `GET` argument"}},
     .run = cmd_set,
     .key_flags = set_key_flags},
    {.name = "setex",
     .group = "string",
     .syntax = "key seconds value",
     .summary = "Sets a key to a string that expires after some seconds.",
     .since = "2.0.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_setex,
     .doc_flags = "deprecated",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `EX` argument"},
    {.name = "psetex",
     .group = "string",
     .syntax = "key milliseconds value",
     .summary = "Sets a key to a string that expires after some milliseconds.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_psetex,
     .doc_flags = "deprecated",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `PX` argument"},
    {.name = "setnx",
     .group = "string",
     .syntax = "key value",
     .summary = "Sets a key to a string unless the key exists.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_INSERT, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_setnx,
     .doc_flags = "deprecated",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `NX` argument"},
    {.name = "getset",
     .group = "string",
     .syntax = "key value",
     .summary = "Sets a key to a string and returns the old one.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .arity = 3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_getset,
     .doc_flags = "deprecated",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "getdel",
     .group = "string",
     .syntax = "key",
     .summary = "Returns the value of a string and deletes the key.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_getdel},
    {.name = "getex",
     .group = "string",
     .syntax = "key [expiration: EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST]",
     .summary = "Returns the value of a string and changes its expiration.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1,
               .notes = "RW and UPDATE because it changes the TTL"}},
     .run = cmd_getex},
    {.name = "mget",
     .group = "string",
     .syntax = "key [key ...]",
     .summary = "Returns the values of several strings, all of the same moment.",
     .since = "1.0.0",
     .complexity = "O(N) for N keys",
     .tips = DBX_LIST("request_policy:multi_shard"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = -1, .step = 1}},
     .run = cmd_mget},
    {.name = "mset",
     .group = "string",
     .syntax = "<data: key value> [data ...]",
     .summary = "Sets several keys to strings at once.",
     .since = "1.0.1",
     .complexity = "O(N) for N keys",
     .tips = DBX_LIST("request_policy:multi_shard", "response_policy:all_succeeded"),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = -1, .step = 2}},
     .run = cmd_mset},
    {.name = "msetnx",
     .group = "string",
     .syntax = "<data: key value> [data ...]",
     .summary = "Sets several keys to strings at once, unless one of the keys exists.",
     .since = "1.0.1",
     .complexity = "O(N) for N keys",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_INSERT, .begin = 1, .last = -1, .step = 2}},
     .run = cmd_msetnx},
    {.name = "strlen",
     .group = "string",
     .syntax = "key",
     .summary = "Returns the length of a string in bytes.",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_strlen},
    {.name = NULL},
};
