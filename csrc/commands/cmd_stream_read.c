/* cmd_stream_read.c: XREAD and XREADGROUP: what is new in several streams, for whoever asks, or for
 * a consumer of a group, who has it pending from then on.
 *
 * Both check all streams first and only then read any. Waiting for entries comes with the other
 * commands that wait: until then BLOCK is an error where there is nothing to read, instead of
 * nothing at once, which a client would take for a timeout.
 */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/stream_args.h"
#include "commands/stream_reply.h"
#include "commands/table.h"

enum { FEW = 4, BATCH = 128 };

typedef struct wanted {
    dbx_slice name;
    dbx_stream_id after;
    bool fresh; /* ">" */
} wanted;

typedef struct read_args {
    bool grouped, noack, blocks;
    size_t block_at; /* BLOCK's place among the arguments */
    uint64_t limit;
    dbx_slice group, consumer;
    size_t streams; /* how many */
    const dbx_slice *names, *ids;
    wanted few[FEW], *wanted; /* as many */
    dbx_stream_part few_parts[FEW], *parts;
    size_t count;   /* parts that there are */
    dbx_buf listed; /* ids of histories, of several streams: one may be there twice, and what one
                     * part delivers is not of the history of another before it */
} read_args;

/* --- Arguments ------------------------------------------------------------------------------- */

static bool fail(dbx_reply *out, const char *error) {
    dbx_reply_error(out, error);
    return false;
}

static bool take_block(dbx_args *args, read_args *r, dbx_reply *out) {
    int64_t ms;
    r->blocks = true;
    r->block_at = args->at - 1;
    if (!dbx_num_from_slice(dbx_args_next(args), &ms)) {
        return fail(out, "ERR timeout is not an integer or out of range");
    }
    return ms >= 0 || fail(out, "ERR timeout is negative");
}

static bool take_streams(const dbx_ctx *ctx, dbx_args *args, read_args *r, dbx_reply *out) {
    size_t left = dbx_args_left(args);
    if (left % 2 != 0) {
        dbx_reply_errorf(out,
                         "ERR Unbalanced '%s' list of streams: for each stream key an ID%s must be "
                         "specified.",
                         ctx->command->name, r->grouped ? " or '>'" : ", '+', or '$'");
        return false;
    }
    r->streams = left / 2;
    r->names = args->argv + args->at;
    r->ids = r->names + r->streams;
    args->at = args->argc;
    return true;
}

static bool take_count(dbx_args *args, read_args *r, dbx_reply *out) {
    int64_t count;
    if (!dbx_stream_args_number(dbx_args_next(args), &count, NULL, out)) return false;
    r->limit = count > 0 ? (uint64_t)count : UINT64_MAX;
    return true;
}

static bool take_args(const dbx_ctx *ctx, dbx_args *args, read_args *r, dbx_reply *out) {
    while (dbx_args_left(args) > 0) {
        size_t more = dbx_args_left(args) - 1;
        bool ok = true;
        if (more > 0 && dbx_args_word(args, "BLOCK")) {
            ok = take_block(args, r, out);
        } else if (more > 0 && dbx_args_word(args, "COUNT")) {
            ok = take_count(args, r, out);
        } else if (more > 0 && dbx_args_word(args, "STREAMS")) {
            ok = take_streams(ctx, args, r, out);
        } else if (more > 1 && dbx_args_word(args, "GROUP")) {
            r->group = dbx_args_next(args);
            r->consumer = dbx_args_next(args);
            if (!r->grouped) {
                return fail(out, "ERR The GROUP option is only supported by XREADGROUP. You called "
                                 "XREAD instead.");
            }
        } else if (dbx_args_word(args, "NOACK")) {
            r->noack = true;
            if (!r->grouped) {
                return fail(out, "ERR The NOACK option is only supported by XREADGROUP. You called "
                                 "XREAD instead.");
            }
        } else {
            return fail(out, DBX_SYNTAX_ERROR);
        }
        if (!ok) return false;
    }
    if (r->names == NULL) return fail(out, DBX_SYNTAX_ERROR);
    if (!r->grouped || r->group.ptr != NULL) return true;
    return fail(out, "ERR Missing GROUP option for XREADGROUP");
}

static bool is(dbx_slice text, char c) {
    return text.len == 1 && text.ptr[0] == (uint8_t)c;
}

/* last_before is where reading is to begin for the last entry; without any, where it goes on. */
static int last_before(dbx_ctx *ctx, const dbx_key *k, dbx_stream_id *after) {
    dbx_stream stream;
    int rc = dbx_stream_read(k, &stream);
    *after = stream.last;
    if (rc != DBX_OK || !k->exists || k->meta.count == 0) return rc;
    rc = dbx_stream_edge(dbx_txn_view(ctx->txn), k->meta.cid, (dbx_stream_id){0, 0},
                         DBX_STREAM_ID_MAX, true, after);
    if (rc == DBX_OK) (void)dbx_stream_id_prev(after);
    return rc;
}

/* take_id reads from where a stream is to be read; *rc when it returns false without an error. */
static bool take_id(dbx_ctx *ctx, const read_args *r, const dbx_key *k, dbx_slice text, wanted *w,
                    dbx_reply *out, int *rc) {
    dbx_stream stream;
    *rc = DBX_OK;
    if (is(text, '$')) {
        if (r->grouped) {
            return fail(out, "ERR The $ ID is meaningless in the context of XREADGROUP: you want "
                             "to read the history of this consumer by specifying a proper ID, or "
                             "use the > ID to get new messages. The $ ID would just return an "
                             "empty result set.");
        }
        *rc = dbx_stream_read(k, &stream);
        w->after = stream.last;
        return *rc == DBX_OK;
    }
    if (is(text, '+')) {
        if (r->grouped) {
            return fail(out, "ERR The + ID is meaningless in the context of XREADGROUP: you want "
                             "to read the history of this consumer by specifying a proper ID, or "
                             "use the > ID to get new messages. The + ID would just return an "
                             "empty result set.");
        }
        *rc = last_before(ctx, k, &w->after);
        return *rc == DBX_OK;
    }
    if (is(text, '>')) {
        if (!r->grouped) {
            return fail(out, "ERR The > ID can be specified only when calling XREADGROUP using the "
                             "GROUP <group> <consumer> option.");
        }
        w->fresh = true;
        return true;
    }
    if (!dbx_stream_args_strict_id(text, &w->after, out)) return false;
    /* Redis keeps ">" as the highest id, so that is one as well. */
    w->fresh = r->grouped && dbx_stream_id_cmp(w->after, DBX_STREAM_ID_MAX) == 0;
    return true;
}

/* take_wanted checks all streams before any is read. */
static bool take_wanted(dbx_ctx *ctx, read_args *r, dbx_reply *out, int *rc) {
    for (size_t i = 0; i < r->streams; i++) {
        dbx_stream_group group;
        dbx_key k;
        wanted *w = &r->wanted[i];
        *w = (wanted){.name = r->names[i]};
        if (!dbx_lookup(ctx, w->name, DBX_STREAM, &k, out, rc)) return false;
        if (r->grouped) {
            *rc = dbx_stream_group_find(ctx->txn, &k, r->group, &group);
            if (*rc == DBX_ENOTFOUND) {
                *rc = DBX_OK;
                dbx_reply_errorf(
                    out,
                    "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP "
                    "with GROUP option",
                    (int)w->name.len, (const char *)w->name.ptr, (int)r->group.len,
                    (const char *)r->group.ptr);
                return false;
            }
            if (*rc != DBX_OK) return false;
        }
        if (!take_id(ctx, r, &k, r->ids[i], w, out, rc)) return false;
    }
    return true;
}

/* --- Reading --------------------------------------------------------------------------------- */

static dbx_stream_part *add_part(read_args *r, const wanted *w, uint64_t cid) {
    dbx_stream_part *part = &r->parts[r->count++];
    *part = (dbx_stream_part){.source = DBX_STREAM_RANGE,
                              .name = w->name,
                              .cid = cid,
                              .to = DBX_STREAM_ID_MAX,
                              .limit = r->limit};
    return part;
}

static int read_stream(dbx_ctx *ctx, read_args *r, const wanted *w) {
    dbx_stream_id from = w->after;
    dbx_stream stream;
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, w->name, &k);
    if (rc == DBX_OK) rc = dbx_stream_read(&k, &stream);
    if (rc != DBX_OK || !k.exists || dbx_stream_id_cmp(from, stream.last) >= 0) return rc;
    if (!dbx_stream_id_next(&from)) return DBX_OK;
    add_part(r, w, k.meta.cid)->from = from;
    return DBX_OK;
}

/* deliver moves the group over the entries that are new to it, and has the consumer own them. */
static int deliver(dbx_ctx *ctx, const read_args *r, const dbx_key *k, const dbx_stream *stream,
                   dbx_stream_group *group, dbx_stream_part *part) {
    dbx_stream_id ids[BATCH];
    dbx_stream_walk walk;
    dbx_slice value;
    int64_t now_ms = dbx_times_date_ms(ctx->times);
    uint64_t left = r->limit;
    part->from = group->last;
    part->counted = true;
    if (!dbx_stream_id_next(&part->from) || dbx_stream_id_cmp(group->last, stream->last) >= 0) {
        return DBX_OK;
    }
    int rc = dbx_stream_walk_open(&walk, dbx_txn_view(ctx->txn), k->meta.cid, part->from,
                                  DBX_STREAM_ID_MAX, false);
    while (rc == DBX_OK && left > 0) {
        size_t n = 0;
        while (n < BATCH && n < left &&
               (rc = dbx_stream_walk_next(&walk, &ids[n], &value)) == DBX_OK)
            n++;
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) break;
        for (size_t i = 0; i < n; i++) {
            dbx_stream_group_deliver(k, stream, group, ids[i]);
            int failed =
                r->noack ? DBX_OK : dbx_stream_pending_deliver(ctx->txn, group, ids[i], now_ms);
            if (failed != DBX_OK) {
                dbx_stream_walk_close(&walk);
                return failed;
            }
        }
        part->total += n;
        left -= n;
    }
    dbx_stream_walk_close(&walk);
    if (part->total > 0) {
        part->to = group->last;
        part->limit = part->total;
        if (!r->noack) group->me.active_ms = now_ms;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* again counts one more delivery of what is pending, where it is still there. */
static int again(dbx_ctx *ctx, dbx_stream_group *group, dbx_stream_part *part, dbx_buf *listed) {
    dbx_stream_pending pending[BATCH];
    dbx_stream_pending_walk walk;
    dbx_view *view = dbx_txn_view(ctx->txn);
    dbx_slice value;
    uint64_t left = part->limit;
    int rc = dbx_stream_pending_walk_open(&walk, view, part->cid, part->group, part->consumer,
                                          part->from, false);
    while (rc == DBX_OK && left > 0) {
        size_t n = 0;
        while (n < BATCH && n < left &&
               (rc = dbx_stream_pending_walk_next(&walk, view, &pending[n])) == DBX_OK)
            n++;
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) break;
        for (size_t i = 0; i < n; i++) {
            int found = dbx_stream_get(view, part->cid, pending[i].id, &value);
            if (listed != NULL) dbx_buf_add(listed, &pending[i].id, sizeof pending[i].id);
            pending[i].time_ms = dbx_times_date_ms(ctx->times);
            pending[i].count++;
            if (found == DBX_OK) found = dbx_stream_pending_give(ctx->txn, group, &pending[i]);
            if (found != DBX_OK && found != DBX_ENOTFOUND) {
                dbx_stream_pending_walk_close(&walk);
                return found;
            }
        }
        part->total += n;
        left -= n;
    }
    dbx_stream_pending_walk_close(&walk);
    part->limit = part->total;
    if (listed != NULL && listed->failed) return DBX_ENOMEM;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* read_history gives what the consumer has pending. */
static int read_history(dbx_ctx *ctx, read_args *r, const wanted *w, dbx_stream_group *group,
                        dbx_stream_part *part) {
    bool lists = r->streams > 1;
    part->source = DBX_STREAM_HISTORY;
    part->group = group->number;
    part->consumer = group->me.number;
    part->from = w->after;
    part->counted = true;
    (void)dbx_stream_id_next(&part->from); /* the highest id would be ">" */
    int rc = again(ctx, group, part, lists ? &r->listed : NULL);
    if (lists) part->source = DBX_STREAM_LISTED;
    return rc;
}

/* find_listed says where the ids of listed histories lie, now that the buffer moves no more. */
static void find_listed(read_args *r) {
    const dbx_stream_id *ids = (const dbx_stream_id *)(const void *)r->listed.ptr;
    for (size_t i = 0; i < r->count; i++) {
        dbx_stream_part *part = &r->parts[i];
        if (part->source != DBX_STREAM_LISTED || part->total == 0) continue;
        part->ids = ids;
        ids += part->total;
    }
}

static int read_for_group(dbx_ctx *ctx, read_args *r, const wanted *w) {
    dbx_stream_group group;
    dbx_stream stream;
    dbx_key k;
    bool created;
    int64_t now_ms = dbx_times_date_ms(ctx->times);
    int rc = dbx_key_find(ctx->txn, ctx->db, w->name, &k);
    if (rc == DBX_OK) rc = dbx_stream_read(&k, &stream);
    if (rc == DBX_OK) rc = dbx_stream_group_find(ctx->txn, &k, r->group, &group);
    if (rc == DBX_OK) {
        rc = dbx_stream_group_join(ctx->txn, &group, r->consumer, true, now_ms, &created);
    }
    if (rc != DBX_OK) return rc;
    group.me.seen_ms = now_ms;
    group.me.changed = true;
    dbx_stream_part *part = add_part(r, w, k.meta.cid);
    if (w->fresh) {
        rc = deliver(ctx, r, &k, &stream, &group, part);
        if (part->total == 0) r->count--;
    } else {
        rc = read_history(ctx, r, w, &group, part);
    }
    return rc == DBX_OK ? dbx_stream_group_close(ctx->txn, &group) : rc;
}

/* --- Waiting --------------------------------------------------------------------------------- */

/* anything_for_group: a group has not been given the last entry of its stream, or what is pending
 * is asked for. Asked before XREADGROUP with BLOCK changes anything. */
static int anything_for_group(dbx_ctx *ctx, const read_args *r, bool *any) {
    *any = false;
    for (size_t i = 0; i < r->streams && !*any; i++) {
        const wanted *w = &r->wanted[i];
        dbx_stream_group group;
        dbx_stream_id from, id;
        dbx_key k;
        if (!w->fresh) {
            *any = true;
            return DBX_OK;
        }
        int rc = dbx_key_find(ctx->txn, ctx->db, w->name, &k);
        if (rc == DBX_OK) rc = dbx_stream_group_find(ctx->txn, &k, r->group, &group);
        if (rc != DBX_OK) return rc;
        from = group.last;
        if (!dbx_stream_id_next(&from)) continue;
        rc = dbx_stream_edge(dbx_txn_view(ctx->txn), k.meta.cid, from, DBX_STREAM_ID_MAX, false,
                             &id);
        *any = rc == DBX_OK;
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    }
    return DBX_OK;
}

static void reply_cannot_wait(const dbx_ctx *ctx, dbx_reply *out) {
    dbx_reply_errorf(out,
                     "ERR there is nothing to read, and this version of DBX cannot wait for "
                     "it: ask again, or without BLOCK ('%s')",
                     ctx->command->name);
}

/* --- Commands -------------------------------------------------------------------------------- */

/* journal_read journals the arguments without BLOCK. Deliveries are dated by the turn's time, which
 * a replay has as well. */
static int journal_read(dbx_ctx *ctx, const dbx_args *args, const read_args *r) {
    enum { BLOCK_WORDS = 2 };
    if (dbx_txn_replaying(ctx->txn)) return DBX_OK;
    if (!r->blocks) return dbx_txn_effect(ctx->txn, ctx->db, args->argc, args->argv);
    dbx_slice *words = dbx_alloc(args->argc * sizeof *words);
    if (words == NULL) return DBX_ENOMEM;
    size_t after = r->block_at + BLOCK_WORDS;
    memcpy(words, args->argv, r->block_at * sizeof *words);
    memcpy(words + r->block_at, args->argv + after, (args->argc - after) * sizeof *words);
    int rc = dbx_txn_effect(ctx->txn, ctx->db, args->argc - BLOCK_WORDS, words);
    dbx_alloc_free(words);
    return rc;
}

static int read_all(dbx_ctx *ctx, dbx_args *args, read_args *r, dbx_reply *out) {
    int rc;
    bool waits = r->blocks && ctx->can_wait, any = true;
    if (!take_wanted(ctx, r, out, &rc)) return rc;
    if (r->grouped && waits) rc = anything_for_group(ctx, r, &any);
    if (rc != DBX_OK) return rc;
    if (!any) {
        reply_cannot_wait(ctx, out);
        return DBX_OK;
    }
    for (size_t i = 0; i < r->streams && rc == DBX_OK; i++) {
        rc =
            r->grouped ? read_for_group(ctx, r, &r->wanted[i]) : read_stream(ctx, r, &r->wanted[i]);
    }
    if (rc == DBX_OK && r->grouped) rc = journal_read(ctx, args, r);
    if (rc != DBX_OK) return rc;
    find_listed(r);
    if (dbx_txn_replaying(ctx->txn)) {
        out->ops->null_array(out);
        return DBX_OK;
    }
    rc = dbx_stream_reply_named(ctx, r->parts, r->count, out, &any);
    if (rc != DBX_OK || any) return rc;
    if (waits) {
        reply_cannot_wait(ctx, out);
    } else {
        out->ops->null_array(out);
    }
    return DBX_OK;
}

static int xread(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool grouped) {
    read_args r;
    r.grouped = grouped;
    r.noack = r.blocks = false;
    r.limit = UINT64_MAX;
    r.names = NULL;
    r.group.ptr = NULL;
    r.wanted = r.few;
    r.parts = r.few_parts;
    r.count = 0;
    r.listed = (dbx_buf){.len = 0};
    if (!take_args(ctx, args, &r, out)) return DBX_OK;
    if (r.streams > FEW) {
        r.wanted = dbx_alloc(r.streams * sizeof *r.wanted);
        r.parts = dbx_alloc(r.streams * sizeof *r.parts);
    }
    int rc = r.wanted != NULL && r.parts != NULL ? read_all(ctx, args, &r, out) : DBX_ENOMEM;
    dbx_buf_free(&r.listed);
    if (r.wanted != r.few) dbx_alloc_free(r.wanted);
    if (r.parts != r.few_parts) dbx_alloc_free(r.parts);
    return rc;
}

static int cmd_xread(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return xread(ctx, args, out, false);
}

static int cmd_xreadgroup(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return xread(ctx, args, out, true);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_stream_read[] = {
    {.name = "xread",
     .group = "stream",
     .syntax = "[COUNT count] [BLOCK milliseconds] STREAMS <streams: key [key ...] id [id ...]>",
     .summary = "Returns the entries of streams after given ids. Waiting (BLOCK) is not there yet.",
     .since = "5.0.0",
     .complexity = "O(log N + M) for each stream, for M entries returned of N",
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_BLOCKING | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS | DBX_KEY_INCOMPLETE,
               .keyword = "STREAMS",
               .begin = 1,
               .last = -1,
               .step = 1,
               .limit = 2,
               .notes = "Incomplete because a stream key named STREAMS (or options before it) can "
                        "shift the STREAMS keyword; fall back to xreadGetKeys"}},
     .run = cmd_xread},
    {.name = "xreadgroup",
     .group = "stream",
     .syntax = "GROUP <group-block: group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] "
               "STREAMS <streams: key [key ...] id [id ...]>",
     .summary = "Returns entries of streams to a consumer of a group: new ones, or what it has "
                "pending. Waiting (BLOCK) is not there yet.",
     .since = "5.0.0",
     .complexity = "O(log N + M) for each stream, for M entries returned of N",
     .arity = -7,
     .flags = DBX_CMD_WRITE | DBX_CMD_BLOCKING | DBX_CMD_MOVABLEKEYS | DBX_CMD_LONG,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS | DBX_KEY_INCOMPLETE,
               .keyword = "STREAMS",
               .begin = 4,
               .last = -1,
               .step = 1,
               .limit = 2,
               .notes = "Incomplete because a consumer/group named STREAMS (or options before "
                        "GROUP) can shift the STREAMS keyword; fall back to xreadGetKeys"}},
     .run = cmd_xreadgroup},
    {.name = NULL},
};
