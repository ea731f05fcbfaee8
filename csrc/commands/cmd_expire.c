/* cmd_expire.c: when keys expire: setting, asking, removing. */
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/table.h"

/* --- Setting --------------------------------------------------------------------------------- */

enum { ONLY_NONE = 1, ONLY_SOME = 2, ONLY_LATER = 4, ONLY_EARLIER = 8 }; /* NX XX GT LT */

/* The condition's words; *flags is complete only when it returns true, otherwise an error is
 * replied. */
static bool parse_condition(dbx_args *args, uint32_t *flags, dbx_reply *out) {
    while (dbx_args_left(args) > 0) {
        if (dbx_args_word(args, "NX")) {
            *flags |= ONLY_NONE;
        } else if (dbx_args_word(args, "XX")) {
            *flags |= ONLY_SOME;
        } else if (dbx_args_word(args, "GT")) {
            *flags |= ONLY_LATER;
        } else if (dbx_args_word(args, "LT")) {
            *flags |= ONLY_EARLIER;
        } else {
            dbx_slice word = dbx_args_next(args);
            dbx_reply_errorf(out, "ERR Unsupported option %.*s",
                             (int)(word.len < 128 ? word.len : 128), (const char *)word.ptr);
            return false;
        }
    }
    if ((*flags & ONLY_NONE) && *flags != ONLY_NONE) {
        dbx_args_fail(args, "ERR NX and XX, GT or LT options at the same time are not compatible");
    } else if ((*flags & ONLY_LATER) && (*flags & ONLY_EARLIER)) {
        dbx_args_fail(args, "ERR GT and LT options at the same time are not compatible");
    }
    return dbx_args_ok(args, out);
}

/* Later and earlier by what is left, each on its own clock; no expiry counts as infinitely late. */
static bool condition_holds(uint32_t flags, dbx_expiry present, int64_t wanted_ms,
                            dbx_times times) {
    bool some = dbx_expiry_set(present);
    int64_t left_ms = dbx_expiry_left_ms(present, times);
    if ((flags & ONLY_NONE) && some) return false;
    if ((flags & ONLY_SOME) && !some) return false;
    if ((flags & ONLY_LATER) && (!some || wanted_ms <= left_ms)) return false;
    return !((flags & ONLY_EARLIER) && some && wanted_ms >= left_ms);
}

/* expire_time reads the time, as EXPIRE takes it: unlike SET's it may be past or negative. */
static bool expire_time(dbx_ctx *ctx, dbx_slice text, bool seconds, bool relative,
                        dbx_expiry *expiry, dbx_reply *out) {
    int64_t ms;
    if (!dbx_num_from_slice(text, &ms)) {
        dbx_reply_error(out, DBX_NOT_AN_INTEGER);
        return false;
    }
    bool overflows = seconds && __builtin_mul_overflow(ms, (int64_t)1000, &ms);
    if (!overflows && relative) overflows = __builtin_add_overflow(ms, ctx->times.now_ms, &ms);
    *expiry = (dbx_expiry){ms, relative};
    if (!overflows) return true;
    dbx_reply_errorf(out, "ERR invalid expire time in '%s' command", ctx->command->name);
    return false;
}

static int expire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool seconds, bool relative) {
    dbx_key k;
    uint32_t flags = 0;
    dbx_expiry expiry;
    dbx_slice name = dbx_args_next(args), time = dbx_args_next(args);
    if (!parse_condition(args, &flags, out)) return DBX_OK;
    if (!expire_time(ctx, time, seconds, relative, &expiry, out)) return DBX_OK;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    int64_t left_ms = dbx_expiry_left_ms(expiry, ctx->times);
    bool sets = k.exists && condition_holds(flags, k.meta.expiry, left_ms, ctx->times);
    out->ops->integer(out, sets ? 1 : 0);
    if (!sets) return DBX_OK;
    if (left_ms <= 0) return dbx_effect_remove(ctx, &k);
    rc = dbx_key_set_expiry(ctx->txn, &k, expiry);
    return rc != DBX_OK ? rc : dbx_effect_expiry(ctx, name, expiry);
}

static int cmd_expire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return expire(ctx, args, out, true, true);
}

static int cmd_pexpire(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return expire(ctx, args, out, false, true);
}

static int cmd_expireat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return expire(ctx, args, out, true, false);
}

static int cmd_pexpireat(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return expire(ctx, args, out, false, false);
}

static int cmd_persist(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &k);
    if (rc != DBX_OK) return rc;
    bool expires = k.exists && dbx_expiry_set(k.meta.expiry);
    out->ops->integer(out, expires ? 1 : 0);
    return expires ? dbx_key_set_expiry(ctx->txn, &k, dbx_expiry_never()) : DBX_OK;
}

/* --- Asking ---------------------------------------------------------------------------------- */

/* reply_time says when the key expires: -2 no key, -1 never; seconds are rounded to the nearest. */
static int reply_time(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool seconds, bool relative) {
    enum { NO_KEY = -2, NEVER = -1 };
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, dbx_args_next(args), &k);
    if (rc != DBX_OK) return rc;
    int64_t time = k.exists ? NEVER : NO_KEY;
    if (k.exists && dbx_expiry_set(k.meta.expiry)) {
        time = dbx_expiry_left_ms(k.meta.expiry, ctx->times);
        if (!relative && __builtin_add_overflow(time, ctx->times.wall_ms, &time)) time = INT64_MAX;
        if (time < 0) time = 0;
        if (seconds) time = time / 1000 + (time % 1000 >= 500);
    }
    out->ops->integer(out, time);
    return DBX_OK;
}

static int cmd_ttl(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_time(ctx, args, out, true, true);
}

static int cmd_pttl(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_time(ctx, args, out, false, true);
}

static int cmd_expiretime(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_time(ctx, args, out, true, false);
}

static int cmd_pexpiretime(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return reply_time(ctx, args, out, false, false);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_expire[] = {
    {.name = "expire",
     .group = "generic",
     .syntax = "key seconds [condition: NX | XX | GT | LT]@7.0.0",
     .summary = "Lets a key expire after some seconds.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "`NX`, `XX`, `GT` and `LT`."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_expire},
    {.name = "pexpire",
     .group = "generic",
     .syntax = "key milliseconds [condition: NX | XX | GT | LT]@7.0.0",
     .summary = "Lets a key expire after some milliseconds.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "`NX`, `XX`, `GT` and `LT`."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_pexpire},
    {.name = "expireat",
     .group = "generic",
     .syntax = "key unix-time-seconds [condition: NX | XX | GT | LT]@7.0.0",
     .summary = "Lets a key expire at a Unix time in seconds.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "`NX`, `XX`, `GT` and `LT`."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_expireat},
    {.name = "pexpireat",
     .group = "generic",
     .syntax = "key unix-time-milliseconds [condition: NX | XX | GT | LT]@7.0.0",
     .summary = "Lets a key expire at a Unix time in milliseconds.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "`NX`, `XX`, `GT` and `LT`."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_pexpireat},
    {.name = "ttl",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns how long a key still lives, in seconds.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("2.8.0", "The reply -2."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_ttl},
    {.name = "pttl",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns how long a key still lives, in milliseconds.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .history = DBX_LIST("2.8.0", "The reply -2."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_pttl},
    {.name = "expiretime",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns the Unix time in seconds at which a key expires.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_expiretime},
    {.name = "pexpiretime",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns the Unix time in milliseconds at which a key expires.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_pexpiretime},
    {.name = "persist",
     .group = "generic",
     .syntax = "key",
     .summary = "Removes a key's expiration.",
     .since = "2.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_persist},
    {.name = NULL},
};
