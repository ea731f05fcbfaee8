/* cmd_keyinfo.c: KEYINFO, one of DBX's own: what is known of a key besides its value. */
#include "commands/lookup.h"
#include "commands/table.h"
#include "types/t_string.h"

static void add(dbx_reply *out, const char *field, int64_t value) {
    dbx_reply_str(out, field);
    out->ops->integer(out, value);
}

/* Records keep database time; what is shown is wall time, as far apart as both are now: to a
 * second, or each reading of the two clocks would tell another millisecond. */
static int64_t ahead_ms(dbx_times times) {
    enum { SECOND_MS = 1000 };
    int64_t ms = times.wall_ms - times.now_ms, half = ms < 0 ? -SECOND_MS / 2 : SECOND_MS / 2;
    return (ms + half) / SECOND_MS * SECOND_MS;
}

static int cmd_keyinfo(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    int64_t ahead = ahead_ms(ctx->times);
    bool expires = dbx_expiry_set(k.meta.expiry);
    out->ops->open(out, DBX_MAP, 6);
    dbx_reply_str(out, "type");
    dbx_reply_str(out, dbx_type_name(k.meta.type));
    add(out, "ttl", expires ? dbx_expiry_left_ms(k.meta.expiry, ctx->times) : -1);
    add(out, "created_at", k.meta.created_ms + ahead);
    add(out, "updated_at", k.meta.updated_ms + ahead);
    add(out, "size", (int64_t)dbx_type_size(&k));
    dbx_reply_str(out, "encoding");
    dbx_reply_str(out, dbx_type_encoding(&k));
    out->ops->close(out);
    return DBX_OK;
}

const dbx_command dbx_cmd_keyinfo[] = {
    {.name = "keyinfo",
     .group = "dbx",
     .syntax = "key",
     .summary =
         "Returns what is known of a key, or null: type, ttl (milliseconds; -1: it does not "
         "expire), "
         "created_at and updated_at (Unix time in milliseconds), size (bytes of a string, elements "
         "of a collection) and encoding.",
     .since = "0.2.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .acl = DBX_ACL_KEYSPACE,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_keyinfo},
    {.name = NULL}};
