/* cmd_stream_info.c: XINFO: what a stream, its groups and their consumers are like.
 *
 * XINFO STREAM FULL may be as long as the stream: it is a walk through stages, each of which leaves
 * its container open for the next call, as every reply of any size (walker.h). All counts are kept
 * in the stream, so they are known beforehand.
 */
#include "commands/help.h"
#include "commands/lookup.h"
#include "commands/stream_args.h"
#include "commands/stream_reply.h"
#include "commands/table.h"

enum { FULL_COUNT = 10, STREAM_FIELDS = 10, FULL_FIELDS = 9, GROUP_FIELDS = 7 };

static void name_id(dbx_reply *out, const char *name, dbx_stream_id id) {
    dbx_reply_str(out, name);
    dbx_stream_args_id_reply(id, out);
}

static void name_number(dbx_reply *out, const char *name, uint64_t number) {
    dbx_reply_str(out, name);
    out->ops->integer(out, (int64_t)number);
}

static void reply_progress(uint64_t length, const dbx_stream *stream, const dbx_stream_group *group,
                           dbx_reply *out) {
    int64_t lag;
    dbx_reply_str(out, "entries-read");
    if (group->entries_read == DBX_STREAM_ENTRIES_READ_UNKNOWN) {
        out->ops->null(out);
    } else {
        out->ops->integer(out, group->entries_read);
    }
    dbx_reply_str(out, "lag");
    if (dbx_stream_group_lag(length, stream, group, &lag)) {
        out->ops->integer(out, lag);
    } else {
        out->ops->null(out);
    }
}

/* find finds a stream that must be there; false: the handler returns *rc. */
static bool find(dbx_ctx *ctx, dbx_slice name, dbx_key *k, dbx_stream *stream, dbx_reply *out,
                 int *rc) {
    if (!dbx_lookup(ctx, name, DBX_STREAM, k, out, rc)) return false;
    if (!k->exists) {
        dbx_reply_error(out, "ERR no such key");
        return false;
    }
    *rc = dbx_stream_read(k, stream);
    return *rc == DBX_OK;
}

/* --- XINFO STREAM ---------------------------------------------------------------------------- */

/* What comes next. Each stage names the one after it. */
typedef enum stage {
    ENTRIES,          /* FULL: the stream's */
    FIRST,            /* otherwise its first, */
    LAST,             /* and its last */
    GROUP,            /* the next group: its name */
    GROUP_FIELDS_DUE, /* what is known of it */
    GROUP_PENDING,    /* one that it has pending: its consumer's name */
    PENDING_REST,
    CONSUMER,         /* the next consumer: its name */
    CONSUMER_FIELDS,  /* what is known of it */
    CONSUMER_PENDING, /* one that it has pending */
    DONE
} stage;

typedef struct info_walker {
    dbx_walker base;
    stage stage;
    uint64_t cid, length, limit; /* `limit`: entries of each list */
    dbx_stream stream;
    dbx_stream_writer writer;
    dbx_stream_group_walk groups, consumers;
    dbx_stream_group group;
    dbx_stream_consumer consumer;
    dbx_stream_pending_walk pending;
    dbx_stream_pending one;
    uint64_t left; /* of the list that is being written */
} info_walker;

static uint64_t most(const info_walker *w, uint64_t n) {
    return n < w->limit ? n : w->limit;
}

/* open_pending begins the list of what a group, or with `consumer` that one, has pending. */
static int open_pending(info_walker *w, uint64_t consumer, uint64_t count, dbx_reply *out) {
    w->left = most(w, count);
    dbx_reply_str(out, "pending");
    out->ops->open(out, DBX_ARRAY, (size_t)w->left);
    return dbx_stream_pending_walk_open(&w->pending, w->base.view, w->cid, w->group.number,
                                        consumer, (dbx_stream_id){0, 0}, false);
}

/* next_pending gives the next of the list; DBX_ENOTFOUND when it has ended, and is closed. */
static int next_pending(info_walker *w, dbx_reply *out) {
    if (w->left > 0) {
        w->left--;
        int rc = dbx_stream_pending_walk_next(&w->pending, w->base.view, &w->one);
        return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    }
    dbx_stream_pending_walk_close(&w->pending);
    out->ops->close(out);
    return DBX_ENOTFOUND;
}

static int next_group(info_walker *w, dbx_reply *out) {
    dbx_cell name;
    int rc = dbx_stream_group_walk_group(&w->groups, w->base.view, &name, &w->group);
    if (rc == DBX_ENOTFOUND) {
        out->ops->close(out);
        out->ops->close(out);
        w->stage = DONE;
    }
    if (rc != DBX_OK) return rc;
    w->stage = GROUP_FIELDS_DUE;
    out->ops->open(out, DBX_MAP, GROUP_FIELDS);
    dbx_reply_str(out, "name");
    dbx_walker_cell(&w->base, &name, out);
    return DBX_OK;
}

static int group_fields(info_walker *w, dbx_reply *out) {
    name_id(out, "last-delivered-id", w->group.last);
    reply_progress(w->length, &w->stream, &w->group, out);
    name_number(out, "pel-count", w->group.pending);
    w->stage = GROUP_PENDING;
    return open_pending(w, 0, w->group.pending, out);
}

static int group_pending(info_walker *w, dbx_reply *out) {
    dbx_cell name;
    int rc = next_pending(w, out);
    if (rc == DBX_ENOTFOUND) {
        w->stage = CONSUMER;
        dbx_reply_str(out, "consumers");
        out->ops->open(out, DBX_ARRAY, (size_t)w->group.consumers);
        return dbx_stream_group_walk_open(&w->consumers, w->base.view, w->cid, w->group.number);
    }
    if (rc == DBX_OK) {
        rc = dbx_stream_group_consumer_name(w->base.view, w->cid, w->group.number, w->one.consumer,
                                            &name);
    }
    if (rc != DBX_OK) return rc;
    w->stage = PENDING_REST;
    out->ops->open(out, DBX_ARRAY, 4);
    dbx_stream_args_id_reply(w->one.id, out);
    dbx_walker_cell(&w->base, &name, out);
    return DBX_OK;
}

static int next_consumer(info_walker *w, dbx_reply *out) {
    dbx_cell name;
    int rc = dbx_stream_group_walk_consumer(&w->consumers, w->base.view, &name, &w->consumer);
    if (rc == DBX_ENOTFOUND) {
        dbx_stream_group_walk_close(&w->consumers);
        out->ops->close(out);
        out->ops->close(out);
        w->stage = GROUP;
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    w->stage = CONSUMER_FIELDS;
    out->ops->open(out, DBX_MAP, 5);
    dbx_reply_str(out, "name");
    dbx_walker_cell(&w->base, &name, out);
    return DBX_OK;
}

static int consumer_fields(info_walker *w, dbx_reply *out) {
    dbx_reply_str(out, "seen-time");
    out->ops->integer(out, w->consumer.seen_ms);
    dbx_reply_str(out, "active-time");
    out->ops->integer(out, w->consumer.active_ms);
    name_number(out, "pel-count", w->consumer.pending);
    w->stage = CONSUMER_PENDING;
    return open_pending(w, w->consumer.number, w->consumer.pending, out);
}

static int consumer_pending(info_walker *w, dbx_reply *out) {
    int rc = next_pending(w, out);
    if (rc == DBX_ENOTFOUND) {
        out->ops->close(out);
        w->stage = CONSUMER;
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    out->ops->open(out, DBX_ARRAY, 3);
    dbx_stream_args_id_reply(w->one.id, out);
    out->ops->integer(out, w->one.time_ms);
    out->ops->integer(out, (int64_t)w->one.count);
    out->ops->close(out);
    return DBX_OK;
}

/* edge begins the first or the last entry. */
static int edge(info_walker *w, bool back, dbx_reply *out) {
    dbx_stream_part part = {.source = DBX_STREAM_RANGE,
                            .cid = w->cid,
                            .to = DBX_STREAM_ID_MAX,
                            .back = back,
                            .limit = 1};
    dbx_reply_str(out, back ? "last-entry" : "first-entry");
    if (w->length == 0) out->ops->null(out);
    return dbx_stream_writer_open(&w->writer, w->base.view, &part);
}

/* entries writes those of the stream, or its first or last. */
static int entries(info_walker *w, dbx_reply *out) {
    int rc = dbx_stream_writer_next(&w->writer, &w->base, out);
    if (rc != DBX_ENOTFOUND) return rc;
    dbx_stream_writer_close(&w->writer);
    if (w->stage == FIRST) {
        w->stage = LAST;
        return edge(w, true, out);
    }
    out->ops->close(out);
    if (w->stage == LAST) {
        w->stage = DONE;
        return DBX_ENOTFOUND;
    }
    w->stage = GROUP;
    dbx_reply_str(out, "groups");
    out->ops->open(out, DBX_ARRAY, (size_t)w->stream.groups);
    return dbx_stream_group_walk_open(&w->groups, w->base.view, w->cid, 0);
}

static int info_next(dbx_walker *base, dbx_reply *out) {
    info_walker *w = (info_walker *)base;
    switch (w->stage) {
    case ENTRIES:
    case FIRST:
    case LAST:
        return entries(w, out);
    case GROUP:
        return next_group(w, out);
    case GROUP_FIELDS_DUE:
        return group_fields(w, out);
    case GROUP_PENDING:
        return group_pending(w, out);
    case PENDING_REST:
        out->ops->integer(out, w->one.time_ms);
        out->ops->integer(out, (int64_t)w->one.count);
        out->ops->close(out);
        w->stage = GROUP_PENDING;
        return DBX_OK;
    case CONSUMER:
        return next_consumer(w, out);
    case CONSUMER_FIELDS:
        return consumer_fields(w, out);
    case CONSUMER_PENDING:
        return consumer_pending(w, out);
    default:
        return DBX_ENOTFOUND;
    }
}

static int info_move(dbx_walker *base, dbx_view *view) {
    info_walker *w = (info_walker *)base;
    int rc = dbx_stream_writer_move(&w->writer, view);
    if (rc == DBX_OK && w->groups.cursor != NULL) rc = dbx_stream_group_walk_move(&w->groups, view);
    if (rc == DBX_OK && w->consumers.cursor != NULL)
        rc = dbx_stream_group_walk_move(&w->consumers, view);
    if (rc == DBX_OK && w->pending.cursor != NULL)
        rc = dbx_stream_pending_walk_move(&w->pending, view);
    return rc;
}

static void info_close(dbx_walker *base) {
    info_walker *w = (info_walker *)base;
    dbx_stream_writer_close(&w->writer);
    dbx_stream_group_walk_close(&w->groups);
    dbx_stream_group_walk_close(&w->consumers);
    dbx_stream_pending_walk_close(&w->pending);
}

static int reply_stream(dbx_ctx *ctx, const dbx_key *k, const dbx_stream *stream, bool full,
                        uint64_t limit, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(info_walker), info_next, info_move, info_close};
    info_walker w = {.base = {.ops = &ops, .view = dbx_txn_view(ctx->txn)},
                     .stage = full ? ENTRIES : FIRST,
                     .cid = k->meta.cid,
                     .length = k->meta.count,
                     .limit = limit,
                     .stream = *stream};
    out->ops->open(out, DBX_MAP, full ? FULL_FIELDS : STREAM_FIELDS);
    name_number(out, "length", k->meta.count);
    /* Entries are keys of the map, each by itself. */
    name_number(out, "radix-tree-keys", k->meta.count);
    name_number(out, "radix-tree-nodes", 0);
    name_id(out, "last-generated-id", stream->last);
    name_id(out, "max-deleted-entry-id", stream->max_deleted);
    name_number(out, "entries-added", stream->added);
    name_id(out, "recorded-first-entry-id", stream->first);
    int rc;
    if (full) {
        dbx_stream_part part = {.source = DBX_STREAM_RANGE,
                                .cid = k->meta.cid,
                                .to = DBX_STREAM_ID_MAX,
                                .limit = limit};
        dbx_reply_str(out, "entries");
        out->ops->open(out, DBX_ARRAY, (size_t)most(&w, k->meta.count));
        rc = dbx_stream_writer_open(&w.writer, w.base.view, &part);
    } else {
        name_number(out, "groups", stream->groups);
        rc = edge(&w, false, out);
    }
    if (rc == DBX_OK) return dbx_walker_reply_bare(ctx, &w.base, out);
    info_close(&w.base);
    return rc;
}

static int cmd_xinfo_stream(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_stream stream;
    int64_t count = FULL_COUNT;
    int rc;
    if (!find(ctx, dbx_args_next(args), &k, &stream, out, &rc)) return rc;
    bool full = dbx_args_left(args) > 0;
    bool counted = dbx_args_left(args) == 3;
    bool ok = !full || ((counted || dbx_args_left(args) == 1) && dbx_args_word(args, "FULL"));
    if (ok && counted) ok = dbx_args_word(args, "COUNT");
    if (!ok) {
        dbx_reply_errorf(out,
                         "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                         "XINFO HELP.",
                         (int)args->argv[1].len, (const char *)args->argv[1].ptr);
        return DBX_OK;
    }
    if (counted && !dbx_stream_args_number(dbx_args_next(args), &count, NULL, out)) return DBX_OK;
    if (count < 0) count = FULL_COUNT;
    return reply_stream(ctx, &k, &stream, full, count == 0 ? UINT64_MAX : (uint64_t)count, out);
}

/* --- XINFO GROUPS and CONSUMERS --------------------------------------------------------------- */

/* A list of groups, or with `number` of that one's consumers: a name, then the rest. */
typedef struct list_walker {
    dbx_walker base;
    uint64_t length;
    dbx_stream stream;
    int64_t now_ms;
    dbx_stream_group_walk walk;
    bool rest_due;
    dbx_stream_group group;
    dbx_stream_consumer consumer;
} list_walker;

static void group_rest(const list_walker *w, dbx_reply *out) {
    name_number(out, "consumers", w->group.consumers);
    name_number(out, "pending", w->group.pending);
    name_id(out, "last-delivered-id", w->group.last);
    reply_progress(w->length, &w->stream, &w->group, out);
    out->ops->close(out);
}

static int64_t since(int64_t now_ms, int64_t then_ms) {
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void consumer_rest(const list_walker *w, dbx_reply *out) {
    int64_t active_ms = w->consumer.active_ms;
    name_number(out, "pending", w->consumer.pending);
    dbx_reply_str(out, "idle");
    out->ops->integer(out, since(w->now_ms, w->consumer.seen_ms));
    dbx_reply_str(out, "inactive");
    out->ops->integer(out, active_ms == DBX_STREAM_NEVER_ACTIVE ? -1 : since(w->now_ms, active_ms));
    out->ops->close(out);
}

static int list_next(dbx_walker *base, dbx_reply *out) {
    list_walker *w = (list_walker *)base;
    dbx_cell name;
    bool groups = w->walk.number == 0;
    if (w->rest_due) {
        w->rest_due = false;
        if (groups) {
            group_rest(w, out);
        } else {
            consumer_rest(w, out);
        }
        return DBX_OK;
    }
    int rc = groups ? dbx_stream_group_walk_group(&w->walk, base->view, &name, &w->group)
                    : dbx_stream_group_walk_consumer(&w->walk, base->view, &name, &w->consumer);
    if (rc != DBX_OK) return rc;
    w->rest_due = true;
    out->ops->open(out, DBX_MAP, groups ? 6 : 4);
    dbx_reply_str(out, "name");
    dbx_walker_cell(base, &name, out);
    return DBX_OK;
}

static int list_move(dbx_walker *base, dbx_view *view) {
    return dbx_stream_group_walk_move(&((list_walker *)base)->walk, view);
}

static void list_close(dbx_walker *base) {
    dbx_stream_group_walk_close(&((list_walker *)base)->walk);
}

static int reply_list(dbx_ctx *ctx, const dbx_key *k, const dbx_stream *stream, uint64_t number,
                      uint64_t count, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(list_walker), list_next, list_move, list_close};
    list_walker w = {.base = {.ops = &ops},
                     .length = k->meta.count,
                     .stream = *stream,
                     .now_ms = dbx_times_date_ms(ctx->times)};
    int rc = dbx_stream_group_walk_open(&w.walk, dbx_txn_view(ctx->txn), k->meta.cid, number);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, DBX_ARRAY, (size_t)count);
    return dbx_walker_reply(ctx, &w.base, out);
}

static int cmd_xinfo_groups(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_stream stream;
    int rc;
    if (!find(ctx, dbx_args_next(args), &k, &stream, out, &rc)) return rc;
    return reply_list(ctx, &k, &stream, 0, stream.groups, out);
}

static int cmd_xinfo_consumers(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_stream stream;
    dbx_stream_group group;
    int rc;
    if (!find(ctx, dbx_args_next(args), &k, &stream, out, &rc)) return rc;
    dbx_slice name = dbx_args_next(args);
    rc = dbx_stream_group_find(ctx->txn, &k, name, &group);
    if (rc == DBX_ENOTFOUND) {
        dbx_reply_errorf(out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                         (int)name.len, (const char *)name.ptr, (int)k.name.len,
                         (const char *)k.name.ptr);
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    return reply_list(ctx, &k, &stream, group.number, group.consumers, out);
}

static int cmd_xinfo_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    static const char *const lines[] = {"CONSUMERS <key> <group>",
                                        "    Return the consumers of <group>.",
                                        "GROUPS <key>",
                                        "    Return the groups of a stream.",
                                        "STREAM <key> [FULL [COUNT <count>]]",
                                        "    Return what a stream is like, with all it has.",
                                        NULL};
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static const dbx_command xinfo_subcommands[] = {
    {.name = "xinfo|consumers",
     .group = "stream",
     .syntax = "key group",
     .summary = "Returns the consumers of a group.",
     .since = "5.0.0",
     .complexity = "O(N) for N consumers",
     .history = DBX_LIST("7.2.0", "The field inactive, and another meaning of idle."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = 4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xinfo_consumers},
    {.name = "xinfo|groups",
     .group = "stream",
     .syntax = "key",
     .summary = "Returns the consumer groups of a stream.",
     .since = "5.0.0",
     .complexity = "O(N) for N groups",
     .history = DBX_LIST("7.0.0", "The fields entries-read and lag."),
     .arity = 3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xinfo_groups},
    {.name = "xinfo|help",
     .group = "stream",
     .syntax = "",
     .summary = "Describes the subcommands.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_xinfo_help},
    {.name = "xinfo|stream",
     .group = "stream",
     .syntax = "key [<full-block: FULL [COUNT count]>]",
     .summary = "Returns what a stream is like; with FULL also its entries and its groups.",
     .since = "5.0.0",
     .complexity = "O(1); with FULL O(N) for N elements returned",
     .history = DBX_LIST("6.0.0", "FULL.", "7.0.0",
                         "The fields max-deleted-entry-id, entries-added, recorded-first-entry-id, "
                         "entries-read and lag.",
                         "7.2.0", "The field active-time, and another meaning of seen-time."),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xinfo_stream},
    {.name = NULL},
};

const dbx_command dbx_cmd_stream_info[] = {
    {.name = "xinfo",
     .group = "stream",
     .syntax = "",
     .summary = "Commands that describe streams.",
     .since = "5.0.0",
     .complexity = "Depends on subcommand.",
     .arity = -2,
     .effect = DBX_EFFECT_NONE,
     .subcommands = xinfo_subcommands},
    {.name = NULL},
};
