/* cmd_stream_claim.c: XCLAIM and XAUTOCLAIM: entries that are pending for one consumer become
 * another's.
 *
 * What is claimed depends on how long it has been idle. So what is journalled says what was done:
 * one XCLAIM for each entry, with the time and the count it has now, one XACK for each that had
 * been deleted; and where nothing was claimed, an XCLAIM of no entry, because the consumer was
 * seen.
 */
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/stream_args.h"
#include "commands/stream_group_args.h"
#include "commands/stream_reply.h"
#include "commands/table.h"

enum { ATTEMPTS_PER_ENTRY = 10, AUTO_COUNT = 100 };

typedef struct claim {
    dbx_ctx *ctx;
    dbx_slice key, group_name, consumer;
    dbx_key k;
    dbx_stream_group group;
    int64_t now_ms, min_idle;
    int64_t time_ms;     /* of delivery */
    int64_t retry_count; /* -1: one more than it was */
    bool force, justid;
    dbx_buf claimed, gone; /* ids */
    bool journalled;
} claim;

static void add_id(dbx_buf *ids, dbx_stream_id id) {
    dbx_buf_add(ids, &id, sizeof id);
}

static size_t id_count(const dbx_buf *ids) {
    return ids->len / sizeof(dbx_stream_id);
}

static dbx_stream_id id_at(const dbx_buf *ids, size_t i) {
    dbx_stream_id id;
    memcpy(&id, ids->ptr + i * sizeof id, sizeof id);
    return id;
}

/* --- Effects --------------------------------------------------------------------------------- */

static dbx_slice word(const char *text) {
    return dbx_slice_str(text);
}

static dbx_slice number_text(char text[DBX_NUM_TEXT_MAX], int64_t number) {
    return dbx_slice_of(text, dbx_num_to_text(number, text));
}

static int journal_claim(claim *c, const dbx_stream_pending *pending) {
    char id[DBX_STREAM_ID_TEXT_MAX], last[DBX_STREAM_ID_TEXT_MAX];
    char time[DBX_NUM_TEXT_MAX], count[DBX_NUM_TEXT_MAX];
    c->journalled = true;
    if (dbx_txn_replaying(c->ctx->txn)) return DBX_OK;
    return dbx_effect_words(c->ctx, word("XCLAIM"), c->key, c->group_name, c->consumer, word("0"),
                            dbx_slice_of(id, dbx_stream_id_text(id, pending->id)), word("TIME"),
                            number_text(time, pending->time_ms), word("RETRYCOUNT"),
                            number_text(count, (int64_t)pending->count), word("FORCE"),
                            word("JUSTID"), word("LASTID"),
                            dbx_slice_of(last, dbx_stream_id_text(last, c->group.last)));
}

static int journal_gone(claim *c, dbx_stream_id id) {
    char text[DBX_STREAM_ID_TEXT_MAX];
    return dbx_effect_words(c->ctx, word("XACK"), c->key, c->group_name,
                            dbx_slice_of(text, dbx_stream_id_text(text, id)));
}

/* journal_seen journals that the consumer was seen, and the group's last id. */
static int journal_seen(claim *c) {
    char last[DBX_STREAM_ID_TEXT_MAX];
    if (c->journalled) return DBX_OK;
    return dbx_effect_words(c->ctx, word("XCLAIM"), c->key, c->group_name, c->consumer, word("0"),
                            word("0-0"), word("JUSTID"), word("LASTID"),
                            dbx_slice_of(last, dbx_stream_id_text(last, c->group.last)));
}

/* --- Claiming -------------------------------------------------------------------------------- */

static int join(claim *c) {
    bool created;
    int rc = dbx_stream_group_join(c->ctx->txn, &c->group, c->consumer, true, c->now_ms, &created);
    c->group.me.seen_ms = c->now_ms;
    c->group.me.changed = true;
    return rc;
}

/* drop_gone removes a pending entry whose entry was deleted. */
static int drop_gone(claim *c, const dbx_stream_pending *pending) {
    int rc = dbx_stream_pending_drop(c->ctx->txn, &c->group, pending);
    return rc == DBX_OK ? journal_gone(c, pending->id) : rc;
}

/* take makes an entry the consumer's, unless it has not been idle for long enough. */
static int take(claim *c, dbx_stream_pending *pending, bool *taken) {
    *taken =
        pending->consumer == 0 || c->min_idle == 0 || c->now_ms - pending->time_ms >= c->min_idle;
    if (!*taken) return DBX_OK;
    pending->time_ms = c->time_ms;
    if (c->retry_count >= 0) {
        pending->count = (uint64_t)c->retry_count;
    } else if (!c->justid) {
        pending->count++;
    }
    c->group.me.active_ms = c->now_ms;
    add_id(&c->claimed, pending->id);
    int rc = dbx_stream_pending_give(c->ctx->txn, &c->group, pending);
    if (rc == DBX_OK) rc = journal_claim(c, pending);
    return rc == DBX_OK && c->claimed.failed ? DBX_ENOMEM : rc;
}

/* claim_id is XCLAIM of one id. */
static int claim_id(claim *c, dbx_stream_id id) {
    dbx_stream_pending pending;
    dbx_slice value;
    bool taken;
    int found = dbx_stream_pending_find(c->ctx->txn, &c->group, id, &pending);
    if (found != DBX_OK && found != DBX_ENOTFOUND) return found;
    int rc = dbx_stream_get(dbx_txn_view(c->ctx->txn), c->k.meta.cid, id, &value);
    if (rc == DBX_ENOTFOUND) return found == DBX_OK ? drop_gone(c, &pending) : DBX_OK;
    if (rc != DBX_OK || (found == DBX_ENOTFOUND && !c->force)) return rc;
    if (found == DBX_ENOTFOUND)
        pending = (dbx_stream_pending){.id = id, .time_ms = c->now_ms, .count = 1};
    return take(c, &pending, &taken);
}

static void free_claim(claim *c) {
    dbx_buf_free(&c->claimed);
    dbx_buf_free(&c->gone);
}

static int close_claim(claim *c, int rc) {
    if (rc == DBX_OK) rc = journal_seen(c);
    return rc == DBX_OK ? dbx_stream_group_close(c->ctx->txn, &c->group) : rc;
}

/* --- Replies --------------------------------------------------------------------------------- */

static void reply_ids(const dbx_buf *ids, dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, id_count(ids));
    for (size_t i = 0; i < id_count(ids); i++)
        dbx_stream_args_id_reply(id_at(ids, i), out);
    out->ops->close(out);
}

static int reply_claimed(claim *c, const dbx_buf *after, dbx_reply *out) {
    dbx_stream_part part = {
        .source = DBX_STREAM_LISTED,
        .cid = c->k.meta.cid,
        .limit = UINT64_MAX,
        .ids = (const dbx_stream_id *)(const void *)c->claimed.ptr,
        .counted = true,
        .total = id_count(&c->claimed),
        .after = after != NULL,
        .after_ids = after != NULL ? (const dbx_stream_id *)(const void *)after->ptr : NULL,
        .after_count = after != NULL ? id_count(after) : 0};
    if (dbx_txn_replaying(c->ctx->txn)) part.total = 0;
    return dbx_stream_reply(c->ctx, &part, out);
}

/* --- XCLAIM ---------------------------------------------------------------------------------- */

/* take_number takes an option's number. */
static bool take_number(dbx_args *args, int64_t *number, const char *error, dbx_reply *out) {
    return dbx_stream_args_number(dbx_args_next(args), number, error, out);
}

/* take_options takes what stands behind XCLAIM's ids. */
static bool take_options(claim *c, dbx_args *args, dbx_stream_id *last, dbx_reply *out) {
    *last = (dbx_stream_id){0, 0};
    while (dbx_args_left(args) > 0) {
        bool more = dbx_args_left(args) > 1, ok = true;
        if (dbx_args_word(args, "FORCE")) {
            c->force = true;
        } else if (dbx_args_word(args, "JUSTID")) {
            c->justid = true;
        } else if (more && dbx_args_word(args, "IDLE")) {
            int64_t idle;
            ok = take_number(args, &idle, "ERR Invalid IDLE option argument for XCLAIM", out);
            if (ok && __builtin_sub_overflow(c->now_ms, idle, &c->time_ms)) c->time_ms = -1;
        } else if (more && dbx_args_word(args, "TIME")) {
            ok = take_number(args, &c->time_ms, "ERR Invalid TIME option argument for XCLAIM", out);
        } else if (more && dbx_args_word(args, "RETRYCOUNT")) {
            ok = take_number(args, &c->retry_count,
                             "ERR Invalid RETRYCOUNT option argument for XCLAIM", out);
        } else if (more && dbx_args_word(args, "LASTID")) {
            ok = dbx_stream_args_strict_id(dbx_args_next(args), last, out);
        } else {
            dbx_slice option = dbx_args_next(args);
            dbx_reply_errorf(out, "ERR Unrecognized XCLAIM option '%.*s'", (int)option.len,
                             (const char *)option.ptr);
            ok = false;
        }
        if (!ok) return false;
    }
    if (c->time_ms < 0 || c->time_ms > c->now_ms) c->time_ms = c->now_ms;
    return true;
}

/* begin takes the arguments that both commands begin with. */
static void begin(claim *c, dbx_ctx *ctx, dbx_args *args) {
    c->ctx = ctx;
    c->key = dbx_args_next(args);
    c->group_name = dbx_args_next(args);
    c->consumer = dbx_args_next(args);
    c->now_ms = c->time_ms = dbx_times_date_ms(ctx->times);
    c->retry_count = -1;
    c->force = c->justid = c->journalled = false;
    c->claimed = c->gone = (dbx_buf){.len = 0};
}

static bool take_min_idle(claim *c, dbx_args *args, const char *error, dbx_reply *out) {
    if (!take_number(args, &c->min_idle, error, out)) return false;
    if (c->min_idle < 0) c->min_idle = 0;
    return true;
}

static int cmd_xclaim(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    claim c;
    dbx_stream_id id, last;
    int rc;
    begin(&c, ctx, args);
    if (!dbx_lookup(ctx, c.key, DBX_STREAM, &c.k, out, &rc)) return rc;
    if (!dbx_stream_group_args_find(ctx, &c.k, c.group_name, &c.group, out, &rc)) return rc;
    if (!take_min_idle(&c, args, "ERR Invalid min-idle-time argument for XCLAIM", out)) {
        return DBX_OK;
    }
    size_t first = args->at, end = first;
    while (end < args->argc && dbx_stream_args_id(args->argv[end], 0, true, &id, NULL))
        end++;
    args->at = end;
    if (!take_options(&c, args, &last, out)) return DBX_OK;
    if (dbx_stream_id_cmp(last, c.group.last) > 0) {
        c.group.last = last;
        c.group.changed = true;
    }
    rc = join(&c);
    for (size_t i = first; i < end && rc == DBX_OK; i++) {
        (void)dbx_stream_args_id(args->argv[i], 0, true, &id, NULL);
        rc = claim_id(&c, id);
    }
    rc = close_claim(&c, rc);
    if (rc == DBX_OK && c.justid) {
        reply_ids(&c.claimed, out);
    } else if (rc == DBX_OK) {
        rc = reply_claimed(&c, NULL, out);
    }
    free_claim(&c);
    return rc;
}

/* --- XAUTOCLAIM ------------------------------------------------------------------------------ */

static bool take_auto(claim *c, dbx_args *args, dbx_stream_id *from, int64_t *count,
                      dbx_reply *out) {
    const char *error = "ERR COUNT must be > 0";
    *count = AUTO_COUNT;
    if (!take_min_idle(c, args, "ERR Invalid min-idle-time argument for XAUTOCLAIM", out)) {
        return false;
    }
    if (!dbx_stream_args_start(dbx_args_next(args), from, out)) return false;
    while (dbx_args_left(args) > 0) {
        if (dbx_args_left(args) > 1 && dbx_args_word(args, "COUNT")) {
            if (!take_number(args, count, error, out)) return false;
            if (*count < 1 || *count > INT64_MAX / (int64_t)sizeof(dbx_stream_id)) {
                dbx_reply_error(out, error);
                return false;
            }
        } else if (dbx_args_word(args, "JUSTID")) {
            c->justid = true;
        } else {
            dbx_reply_error(out, DBX_SYNTAX_ERROR);
            return false;
        }
    }
    return true;
}

/* claim_from claims from `from` on; *next is where the next call is to begin, 0-0: at the start. */
static int claim_from(claim *c, dbx_stream_id from, int64_t count, dbx_stream_id *next) {
    dbx_stream_pending_walk walk;
    dbx_stream_pending pending;
    dbx_view *view = dbx_txn_view(c->ctx->txn);
    dbx_slice value;
    int64_t attempts =
        count > INT64_MAX / ATTEMPTS_PER_ENTRY ? INT64_MAX : count * ATTEMPTS_PER_ENTRY;
    int rc =
        dbx_stream_pending_walk_open(&walk, view, c->group.cid, c->group.number, 0, from, false);
    if (rc == DBX_OK) rc = dbx_stream_pending_walk_next(&walk, view, &pending);
    while (rc == DBX_OK && attempts-- > 0 && count > 0) {
        bool taken = true;
        int found = dbx_stream_get(view, c->k.meta.cid, pending.id, &value);
        if (found == DBX_ENOTFOUND) {
            add_id(&c->gone, pending.id);
            rc = c->gone.failed ? DBX_ENOMEM : drop_gone(c, &pending);
        } else {
            rc = found == DBX_OK ? take(c, &pending, &taken) : found;
        }
        count -= taken;
        if (rc == DBX_OK) rc = dbx_stream_pending_walk_next(&walk, view, &pending);
    }
    dbx_stream_pending_walk_close(&walk);
    *next = rc == DBX_OK ? pending.id : (dbx_stream_id){0, 0};
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int cmd_xautoclaim(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    claim c;
    dbx_stream_id from, next;
    int64_t count;
    int rc;
    begin(&c, ctx, args);
    if (!take_auto(&c, args, &from, &count, out)) return DBX_OK;
    if (!dbx_lookup(ctx, c.key, DBX_STREAM, &c.k, out, &rc)) return rc;
    if (!dbx_stream_group_args_find(ctx, &c.k, c.group_name, &c.group, out, &rc)) return rc;
    rc = join(&c);
    if (rc == DBX_OK) rc = claim_from(&c, from, count, &next);
    rc = close_claim(&c, rc);
    if (rc == DBX_OK) {
        out->ops->open(out, DBX_ARRAY, 3);
        dbx_stream_args_id_reply(next, out);
        if (c.justid) {
            reply_ids(&c.claimed, out);
            reply_ids(&c.gone, out);
            out->ops->close(out);
        } else {
            rc = reply_claimed(&c, &c.gone, out);
        }
    }
    free_claim(&c);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_stream_claim[] = {
    {.name = "xclaim",
     .group = "stream",
     .syntax = "key group consumer min-idle-time id [id ...] [IDLE ms:integer] [TIME "
               "unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
     .summary = "Makes entries that are pending those of another consumer.",
     .since = "5.0.0",
     .complexity = "O(log N) for each id, for N entries that the group has pending",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xclaim},
    {.name = "xautoclaim",
     .group = "stream",
     .syntax = "key group consumer min-idle-time start:string [COUNT count] [JUSTID]",
     .summary = "Makes entries that have been pending for long those of another consumer.",
     .since = "6.2.0",
     .complexity = "O(M log N) for M entries looked at, at most ten times COUNT, of N",
     .history = DBX_LIST("7.0.0", "The reply also lists entries that had been deleted."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -6,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xautoclaim},
    {.name = NULL},
};
