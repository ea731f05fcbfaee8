/* cmd_dump.c: DUMP and RESTORE: values as bytes that Redis takes as well.
 *
 * A payload is given piece by piece (types/dump.h), a long one while the client takes it; its
 * checksum is that of the pieces given so far. RESTORE writes as it reads: what turns out to be no
 * value is taken back.
 */
#include "base/crc64.h"
#include "codec/rdb.h"
#include "commands/lookup.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/dump.h"
#include "types/restore.h"

/* --- DUMP ------------------------------------------------------------------------------------ */

typedef struct dump_walker {
    dbx_walker base;
    dbx_dump dump;
    uint64_t crc;
    bool ended;
} dump_walker;

static int dump_next(dbx_walker *base, dbx_reply *out) {
    dump_walker *w = (dump_walker *)base;
    dbx_slice piece;
    if (w->ended) return DBX_ENOTFOUND;
    int rc = dbx_dump_next(&w->dump, &piece);
    if (rc == DBX_OK) {
        w->crc = dbx_crc64(w->crc, piece.ptr, piece.len);
        out->ops->bulk_part(out, piece);
        return DBX_OK;
    }
    if (rc != DBX_ENOTFOUND) return rc;
    dbx_buf footer = {0};
    dbx_rdb_footer(&footer, w->dump.version, w->crc);
    if (!footer.failed) out->ops->bulk_part(out, dbx_buf_slice(&footer));
    rc = footer.failed ? DBX_ENOMEM : DBX_OK;
    dbx_buf_free(&footer);
    w->ended = true;
    return rc;
}

static int dump_move(dbx_walker *base, dbx_view *view) {
    return dbx_dump_move(&((dump_walker *)base)->dump, view);
}

static void dump_close(dbx_walker *base) {
    dbx_dump_close(&((dump_walker *)base)->dump);
}

static int cmd_dump(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(dump_walker), dump_next, dump_move, dump_close};
    dump_walker walker = {.base = {.ops = &ops}};
    dbx_key k;
    int rc;
    if (!dbx_lookup_any(ctx, dbx_args_next(args), &k, out, &rc)) return rc;
    rc = dbx_dump_open(&walker.dump, ctx->txn, &k);
    if (rc != DBX_OK) return rc;
    out->ops->bulk_open(out, (size_t)walker.dump.bytes + DBX_RDB_FOOTER_BYTES);
    return dbx_walker_reply_bare(ctx, &walker.base, out);
}

/* --- RESTORE --------------------------------------------------------------------------------- */

typedef struct restore_options {
    bool replace, absttl;
} restore_options;

/* restore_parse reads the options. How a key was used is not kept: IDLETIME and FREQ are read, as
 * Redis checks them, and mean nothing. */
static bool restore_parse(dbx_args *args, restore_options *o, dbx_reply *out) {
    bool idle = false, freq = false;
    *o = (restore_options){.replace = false};
    while (dbx_args_left(args) > 0 && args->error == NULL) {
        if (dbx_args_word(args, "REPLACE")) {
            o->replace = true;
        } else if (dbx_args_word(args, "ABSTTL")) {
            o->absttl = true;
        } else if (dbx_args_left(args) > 1 && !freq && dbx_args_word(args, "IDLETIME")) {
            idle = true;
            if (dbx_args_i64(args) < 0)
                dbx_args_fail(args, "ERR Invalid IDLETIME value, must be >= 0");
        } else if (dbx_args_left(args) > 1 && !idle && dbx_args_word(args, "FREQ")) {
            int64_t value = dbx_args_i64(args);
            freq = true;
            if (value < 0 || value > UINT8_MAX)
                dbx_args_fail(args, "ERR Invalid FREQ value, must be >= 0 and <= 255");
        } else {
            break;
        }
    }
    return dbx_args_end(args, out);
}

/* expiry_of reads the time to live, or the date; false: an error is replied. */
static bool expiry_of(dbx_ctx *ctx, dbx_slice text, bool absttl, dbx_expiry *expiry,
                      dbx_reply *out) {
    dbx_args one = {.argv = &text, .argc = 1};
    int64_t ms = dbx_args_i64(&one);
    if (ms < 0) dbx_args_fail(&one, "ERR Invalid TTL value, must be >= 0");
    *expiry = dbx_expiry_never();
    if (ms > 0 && !absttl && __builtin_add_overflow(ms, ctx->times.now_ms, &ms))
        dbx_args_fail(&one, "ERR Invalid TTL value, must be >= 0");
    if (ms > 0) *expiry = (dbx_expiry){.ms = ms, .relative = !absttl};
    return dbx_args_ok(&one, out);
}

/* put replaces `k` by the value in `body`; DBX_EINVAL: there is none, and all is as it was. The
 * savepoint is one within this command, which goes on: it has no end of its own. */
static int put(dbx_ctx *ctx, dbx_key *k, dbx_slice body) {
    bool replaying = dbx_txn_replaying(ctx->txn);
    dbx_savepoint before = dbx_txn_command_begin(ctx->txn, true);
    int rc = k->exists ? dbx_key_remove(ctx->txn, k) : DBX_OK;
    if (rc == DBX_OK) rc = dbx_key_find(ctx->txn, ctx->db, k->name, k);
    if (rc == DBX_OK) {
        rc = dbx_restore_value(ctx->txn, ctx->encodings,
                               replaying ? UINT64_MAX : ctx->string_bytes_max, k, body);
    }
    if (rc != DBX_OK) dbx_txn_command_undo(ctx->txn, before);
    return rc;
}

/* The value is journalled as RESTORE without a time to live, which follows by itself. */
static int restore(dbx_ctx *ctx, dbx_key *k, dbx_slice payload, dbx_slice body, dbx_expiry expiry,
                   dbx_reply *out) {
    bool replaced = k->exists;
    int rc = put(ctx, k, body);
    if (rc == DBX_EINVAL) {
        dbx_reply_error(out, "ERR Bad data format");
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    dbx_reply_ok(out);
    if (k->exists && dbx_expiry_over(expiry, ctx->times)) rc = dbx_key_remove(ctx->txn, k);
    if (rc != DBX_OK) return rc;
    if (!k->exists) {
        return replaced ? dbx_effect_words(ctx, dbx_slice_str("DEL"), k->name) : DBX_OK;
    }
    rc = dbx_effect_words(ctx, dbx_slice_str("RESTORE"), k->name, dbx_slice_str("0"), payload,
                          dbx_slice_str("REPLACE"));
    if (rc != DBX_OK || !dbx_expiry_set(expiry)) return rc;
    rc = dbx_key_find(ctx->txn, ctx->db, k->name, k);
    if (rc == DBX_OK) rc = dbx_key_set_expiry(ctx->txn, k, expiry);
    return rc == DBX_OK ? dbx_effect_expiry(ctx, k->name, expiry) : rc;
}

static int cmd_restore(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    restore_options o;
    dbx_expiry expiry;
    dbx_slice name = dbx_args_next(args), ttl = dbx_args_next(args);
    dbx_slice payload = dbx_args_next(args), body;
    if (!restore_parse(args, &o, out)) return DBX_OK;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc != DBX_OK) return rc;
    if (k.exists && !o.replace) {
        dbx_reply_error(out, "BUSYKEY Target key name already exists.");
    } else if (expiry_of(ctx, ttl, o.absttl, &expiry, out)) {
        if (dbx_rdb_check(payload, &body)) return restore(ctx, &k, payload, body, expiry, out);
        dbx_reply_error(out, "ERR DUMP payload version or checksum are wrong");
    }
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_dump[] = {
    {.name = "dump",
     .group = "generic",
     .syntax = "key",
     .summary = "Returns a value as bytes that RESTORE takes, here and in Redis.",
     .since = "2.6.0",
     .complexity = "O(N) for N elements",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_dump},
    {.name = "restore",
     .group = "generic",
     .syntax = "key ttl:integer serialized-value [REPLACE]@3.0.0 [ABSTTL]@5.0.0 "
               "[IDLETIME seconds]@5.0.0 [FREQ frequency:integer]@5.0.0",
     .summary = "Creates a key from what DUMP returned, here or in Redis.",
     .since = "2.6.0",
     .complexity = "O(N) for N elements, O(N*log(N)) of a sorted set",
     .history =
         DBX_LIST("3.0.0", "`REPLACE`.", "5.0.0", "`ABSTTL`.", "5.0.0", "`IDLETIME` and `FREQ`."),
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_DANGEROUS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_OW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_restore},
    {.name = NULL},
};
