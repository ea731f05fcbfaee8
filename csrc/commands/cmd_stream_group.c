/* cmd_stream_group.c: XGROUP, XACK and XPENDING: consumer groups and what they have pending. */
#include "base/num.h"
#include "commands/help.h"
#include "commands/lookup.h"
#include "commands/stream_args.h"
#include "commands/stream_group_args.h"
#include "commands/table.h"
#include "commands/walker.h"
#include "types/t_stream_pending.h"

/* --- XGROUP ---------------------------------------------------------------------------------- */

enum { CREATE_WORDS_MAX = 8, SETID_WORDS_MAX = 7 }; /* no option twice */

/* What XGROUP's subcommands begin with. */
typedef struct group_args {
    dbx_slice key, name;
    dbx_slice id; /* of CREATE and SETID */
    bool mkstream;
    int64_t entries_read;
    dbx_key k;
    dbx_stream stream;
} group_args;

static void reply_syntax(const dbx_args *args, dbx_reply *out) {
    dbx_reply_errorf(out,
                     "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP "
                     "HELP.",
                     (int)args->argv[1].len, (const char *)args->argv[1].ptr);
}

static bool take_options(dbx_args *args, bool mkstream, group_args *g, dbx_reply *out) {
    while (dbx_args_left(args) > 0) {
        if (mkstream && dbx_args_word(args, "MKSTREAM")) {
            g->mkstream = true;
        } else if (dbx_args_left(args) > 1 && dbx_args_word(args, "ENTRIESREAD")) {
            if (!dbx_stream_args_number(dbx_args_next(args), &g->entries_read, NULL, out))
                return false;
            if (g->entries_read < 0 && g->entries_read != DBX_STREAM_ENTRIES_READ_UNKNOWN) {
                dbx_reply_error(out, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            reply_syntax(args, out);
            return false;
        }
    }
    return true;
}

/* take_group takes key and group, with `has_id` also an id and options, and finds the key, which
 * must be there unless MKSTREAM was given. False: the handler returns *rc. */
static bool take_group(dbx_ctx *ctx, dbx_args *args, bool has_id, bool mkstream, group_args *g,
                       dbx_reply *out, int *rc) {
    *rc = DBX_OK;
    g->key = dbx_args_next(args);
    g->name = dbx_args_next(args);
    g->mkstream = false;
    g->entries_read = DBX_STREAM_ENTRIES_READ_UNKNOWN;
    if (has_id) {
        g->id = dbx_args_next(args);
        if (!take_options(args, mkstream, g, out)) return false;
    }
    if (!dbx_lookup(ctx, g->key, DBX_STREAM, &g->k, out, rc)) return false;
    if (!g->k.exists && !g->mkstream) {
        dbx_reply_error(out, "ERR The XGROUP subcommand requires the key to exist. Note that for "
                             "CREATE you may want to use the MKSTREAM option to create an empty "
                             "stream automatically.");
        return false;
    }
    *rc = dbx_stream_read(&g->k, &g->stream);
    return *rc == DBX_OK;
}

/* find_group finds the group, which must be there. */
static bool find_group(dbx_ctx *ctx, const group_args *g, dbx_stream_group *group, dbx_reply *out,
                       int *rc) {
    *rc = dbx_stream_group_find(ctx->txn, &g->k, g->name, group);
    if (*rc == DBX_OK) return true;
    if (*rc == DBX_ENOTFOUND) {
        dbx_reply_errorf(out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                         (int)g->name.len, (const char *)g->name.ptr, (int)g->key.len,
                         (const char *)g->key.ptr);
        *rc = DBX_OK;
    }
    return false;
}

static int cmd_xgroup_create(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    group_args g;
    dbx_stream_id id;
    bool created;
    int rc;
    if (!take_group(ctx, args, true, true, &g, out, &rc)) return rc;
    if (args->argc > CREATE_WORDS_MAX) {
        reply_syntax(args, out);
        return DBX_OK;
    }
    if (dbx_slice_eq(g.id, dbx_slice_str("$"))) {
        id = g.stream.last;
    } else if (!dbx_stream_args_strict_id(g.id, &id, out)) {
        return DBX_OK;
    }
    if (!g.k.exists) dbx_stream_create(ctx->txn, &g.k, &g.stream);
    rc = dbx_stream_group_create(ctx->txn, &g.k, &g.stream, g.name, id, g.entries_read, &created);
    if (rc != DBX_OK) return rc;
    if (!created) {
        dbx_reply_error(out, "BUSYGROUP Consumer Group name already exists");
        return DBX_OK;
    }
    dbx_reply_ok(out);
    return dbx_stream_write(ctx->txn, &g.k, &g.stream);
}

static int cmd_xgroup_setid(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    group_args g;
    dbx_stream_group group;
    dbx_stream_id id;
    int rc;
    if (!take_group(ctx, args, true, false, &g, out, &rc)) return rc;
    if (!find_group(ctx, &g, &group, out, &rc)) return rc;
    if (args->argc > SETID_WORDS_MAX) {
        reply_syntax(args, out);
        return DBX_OK;
    }
    if (dbx_slice_eq(g.id, dbx_slice_str("$"))) {
        id = g.stream.last;
    } else if (!dbx_stream_args_id(g.id, 0, false, &id, NULL)) {
        (void)dbx_stream_args_strict_id(dbx_slice_str(""), &id, out);
        return DBX_OK;
    }
    group.last = id;
    group.entries_read = g.entries_read;
    group.changed = true;
    dbx_reply_ok(out);
    return dbx_stream_group_close(ctx->txn, &group);
}

static int cmd_xgroup_destroy(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    group_args g;
    dbx_stream_group group;
    int rc;
    if (!take_group(ctx, args, false, false, &g, out, &rc)) return rc;
    rc = dbx_stream_group_find(ctx->txn, &g.k, g.name, &group);
    out->ops->integer(out, rc == DBX_OK);
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc == DBX_OK) rc = dbx_stream_group_destroy(ctx->txn, &g.stream, &group);
    return rc == DBX_OK ? dbx_stream_write(ctx->txn, &g.k, &g.stream) : rc;
}

static int cmd_xgroup_createconsumer(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    group_args g;
    dbx_stream_group group;
    bool created;
    int rc;
    if (!take_group(ctx, args, false, false, &g, out, &rc)) return rc;
    if (!find_group(ctx, &g, &group, out, &rc)) return rc;
    rc = dbx_stream_group_join(ctx->txn, &group, dbx_args_next(args), true,
                               dbx_times_date_ms(ctx->times), &created);
    if (rc != DBX_OK) return rc;
    out->ops->integer(out, created);
    return dbx_stream_group_close(ctx->txn, &group);
}

static int cmd_xgroup_delconsumer(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    group_args g;
    dbx_stream_group group;
    bool created;
    int rc;
    if (!take_group(ctx, args, false, false, &g, out, &rc)) return rc;
    if (!find_group(ctx, &g, &group, out, &rc)) return rc;
    dbx_slice consumer = dbx_args_next(args);
    rc = dbx_stream_group_join(ctx->txn, &group, consumer, false, 0, &created);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    out->ops->integer(out, rc == DBX_OK ? (int64_t)group.me.pending : 0);
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    rc = dbx_stream_group_leave(ctx->txn, &group, consumer);
    return rc == DBX_OK ? dbx_stream_group_close(ctx->txn, &group) : rc;
}

static int cmd_xgroup_help(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    (void)args;
    static const char *const lines[] = {
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <count>]",
        "    Make a group that is given what comes after <id>; with MKSTREAM its stream too.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Make a consumer of <group>.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Delete a consumer with what it has pending; returns how many entries.",
        "DESTROY <key> <group>",
        "    Delete <group>.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <count>]",
        "    Have <group> go on after <id>.",
        NULL};
    dbx_help_reply(ctx->command, lines, out);
    return DBX_OK;
}

/* --- XACK ------------------------------------------------------------------------------------ */

static int cmd_xack(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_stream_group group;
    dbx_key k;
    int64_t count = 0;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_STREAM, &k, out, &rc)) return rc;
    rc = dbx_stream_group_find(ctx->txn, &k, dbx_args_next(args), &group);
    if (rc == DBX_ENOTFOUND) {
        out->ops->integer(out, 0);
        return DBX_OK;
    }
    if (rc != DBX_OK || !dbx_stream_args_strict_ids(args, out)) return rc;
    while (rc == DBX_OK && dbx_args_left(args) > 0) {
        dbx_stream_pending pending;
        dbx_stream_id id;
        (void)dbx_stream_args_id(dbx_args_next(args), 0, true, &id, NULL);
        rc = dbx_stream_pending_find(ctx->txn, &group, id, &pending);
        if (rc == DBX_OK) {
            count++;
            rc = dbx_stream_pending_drop(ctx->txn, &group, &pending);
        } else if (rc == DBX_ENOTFOUND) {
            rc = DBX_OK;
        }
    }
    if (rc == DBX_OK) rc = dbx_stream_group_close(ctx->txn, &group);
    out->ops->integer(out, count);
    return rc;
}

/* --- XPENDING: the summary ------------------------------------------------------------------- */

static int reply_edge(dbx_ctx *ctx, const dbx_stream_group *group, bool back, dbx_reply *out) {
    dbx_stream_pending_walk walk;
    dbx_stream_pending pending;
    dbx_view *view = dbx_txn_view(ctx->txn);
    dbx_stream_id from = back ? DBX_STREAM_ID_MAX : (dbx_stream_id){0, 0};
    int rc = dbx_stream_pending_walk_open(&walk, view, group->cid, group->number, 0, from, back);
    if (rc == DBX_OK) rc = dbx_stream_pending_walk_next(&walk, view, &pending);
    dbx_stream_pending_walk_close(&walk);
    if (rc == DBX_OK) dbx_stream_args_id_reply(pending.id, out);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* The consumers that have entries pending, each with how many. A long name comes in parts, so its
 * number waits for the next call. */
typedef struct owners_walker {
    dbx_walker base;
    dbx_stream_group_walk walk;
    bool number_due;
    uint64_t pending;
} owners_walker;

static int owners_next(dbx_walker *base, dbx_reply *out) {
    owners_walker *w = (owners_walker *)base;
    dbx_stream_consumer consumer;
    dbx_cell name;
    char text[DBX_NUM_U64_TEXT_MAX];
    if (w->number_due) {
        w->number_due = false;
        out->ops->bulk(out, dbx_slice_of(text, dbx_num_u64_to_text(w->pending, text)));
        out->ops->close(out);
        return DBX_OK;
    }
    do {
        int rc = dbx_stream_group_walk_consumer(&w->walk, base->view, &name, &consumer);
        if (rc == DBX_ENOTFOUND) {
            out->ops->close(out);
            out->ops->close(out);
        }
        if (rc != DBX_OK) return rc;
    } while (consumer.pending == 0);
    w->number_due = true;
    w->pending = consumer.pending;
    out->ops->open(out, DBX_ARRAY, 2);
    dbx_walker_cell(base, &name, out);
    return DBX_OK;
}

static int owners_move(dbx_walker *base, dbx_view *view) {
    return dbx_stream_group_walk_move(&((owners_walker *)base)->walk, view);
}

static void owners_close(dbx_walker *base) {
    dbx_stream_group_walk_close(&((owners_walker *)base)->walk);
}

/* count_owners counts the consumers that have any. */
static int count_owners(dbx_ctx *ctx, const dbx_stream_group *group, size_t *count) {
    dbx_stream_group_walk walk;
    dbx_stream_consumer consumer;
    dbx_cell name;
    dbx_view *view = dbx_txn_view(ctx->txn);
    int rc = dbx_stream_group_walk_open(&walk, view, group->cid, group->number);
    for (*count = 0; rc == DBX_OK; *count += rc == DBX_OK && consumer.pending > 0)
        rc = dbx_stream_group_walk_consumer(&walk, view, &name, &consumer);
    dbx_stream_group_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int reply_summary(dbx_ctx *ctx, const dbx_stream_group *group, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(owners_walker), owners_next, owners_move,
                                       owners_close};
    owners_walker walker = {.base = {.ops = &ops}};
    size_t owners;
    out->ops->open(out, DBX_ARRAY, 4);
    out->ops->integer(out, (int64_t)group->pending);
    if (group->pending == 0) {
        out->ops->null(out);
        out->ops->null(out);
        out->ops->null_array(out);
        out->ops->close(out);
        return DBX_OK;
    }
    int rc = reply_edge(ctx, group, false, out);
    if (rc == DBX_OK) rc = reply_edge(ctx, group, true, out);
    if (rc == DBX_OK) rc = count_owners(ctx, group, &owners);
    if (rc == DBX_OK) {
        rc = dbx_stream_group_walk_open(&walker.walk, dbx_txn_view(ctx->txn), group->cid,
                                        group->number);
    }
    if (rc != DBX_OK) return rc;
    out->ops->open(out, DBX_ARRAY, owners);
    return dbx_walker_reply_bare(ctx, &walker.base, out);
}

/* --- XPENDING: the entries ------------------------------------------------------------------- */

typedef struct pending_args {
    int64_t min_idle, count;
    dbx_stream_id from, to;
    bool has_consumer;
    dbx_slice consumer;
} pending_args;

static bool take_pending(dbx_args *args, pending_args *p, dbx_reply *out) {
    *p = (pending_args){.min_idle = 0};
    if (args->argc < 6 || args->argc > 9) {
        dbx_reply_error(out, DBX_SYNTAX_ERROR);
        return false;
    }
    if (dbx_args_word(args, "IDLE")) {
        if (!dbx_stream_args_number(dbx_args_next(args), &p->min_idle, NULL, out)) return false;
        if (args->argc < 8) {
            dbx_reply_error(out, DBX_SYNTAX_ERROR);
            return false;
        }
    }
    dbx_slice start = dbx_args_next(args), end = dbx_args_next(args);
    if (!dbx_stream_args_number(dbx_args_next(args), &p->count, NULL, out)) return false;
    if (!dbx_stream_args_start(start, &p->from, out)) return false;
    if (!dbx_stream_args_end(end, &p->to, out)) return false;
    p->has_consumer = dbx_args_left(args) > 0;
    if (p->has_consumer) p->consumer = dbx_args_next(args);
    return true;
}

typedef struct pending_walker {
    dbx_walker base;
    dbx_stream_pending_walk walk;
    dbx_stream_id to;
    int64_t now_ms, min_idle;
    uint64_t left;
    bool counted; /* how many there are is known */
    uint64_t total;
    bool begun, ended;
    bool rest_due; /* a consumer's name was written, the rest was not */
    dbx_stream_pending pending;
} pending_walker;

static int64_t idle_ms(int64_t now_ms, int64_t since_ms) {
    return now_ms > since_ms ? now_ms - since_ms : 0;
}

/* next_pending gives the next that is asked for. */
static int next_pending(pending_walker *w, dbx_stream_pending *pending) {
    if (w->left == 0) return DBX_ENOTFOUND;
    do {
        int rc = dbx_stream_pending_walk_next(&w->walk, w->base.view, pending);
        if (rc != DBX_OK) return rc;
        if (dbx_stream_id_cmp(pending->id, w->to) > 0) return DBX_ENOTFOUND;
    } while (w->min_idle > 0 && w->now_ms - pending->time_ms < w->min_idle);
    w->left--;
    return DBX_OK;
}

static int pending_next(dbx_walker *base, dbx_reply *out) {
    pending_walker *w = (pending_walker *)base;
    dbx_cell name;
    if (!w->begun) {
        out->ops->open(out, DBX_ARRAY, w->counted ? (size_t)w->total : DBX_UNKNOWN);
        w->begun = true;
    }
    if (w->rest_due) {
        w->rest_due = false;
        out->ops->integer(out, idle_ms(w->now_ms, w->pending.time_ms));
        out->ops->integer(out, (int64_t)w->pending.count);
        out->ops->close(out);
        return DBX_OK;
    }
    int rc = next_pending(w, &w->pending);
    if (rc == DBX_ENOTFOUND && !w->ended) {
        out->ops->close(out);
        w->ended = true;
    }
    if (rc != DBX_OK) return rc;
    rc = dbx_stream_group_consumer_name(base->view, w->walk.cid, w->walk.group, w->pending.consumer,
                                        &name);
    if (rc != DBX_OK) return rc;
    w->rest_due = true;
    out->ops->open(out, DBX_ARRAY, 4);
    dbx_stream_args_id_reply(w->pending.id, out);
    dbx_walker_cell(base, &name, out);
    return DBX_OK;
}

static int pending_move(dbx_walker *base, dbx_view *view) {
    return dbx_stream_pending_walk_move(&((pending_walker *)base)->walk, view);
}

static void pending_close(dbx_walker *base) {
    dbx_stream_pending_walk_close(&((pending_walker *)base)->walk);
}

static int open_pending(dbx_ctx *ctx, const dbx_stream_group *group, const pending_args *p,
                        pending_walker *walker) {
    static const dbx_walker_ops ops = {sizeof(pending_walker), pending_next, pending_move,
                                       pending_close};
    *walker = (pending_walker){.base = {.ops = &ops, .view = dbx_txn_view(ctx->txn)},
                               .to = p->to,
                               .now_ms = dbx_times_date_ms(ctx->times),
                               .min_idle = p->min_idle,
                               .left = p->count > 0 ? (uint64_t)p->count : 0};
    return dbx_stream_pending_walk_open(&walker->walk, walker->base.view, group->cid, group->number,
                                        group->me.number, p->from, false);
}

/* As with ranges (stream_reply.h): what is too long for its count to be filled in later is counted
 * and written anew. */
static int reply_pending(dbx_ctx *ctx, const dbx_stream_group *group, const pending_args *p,
                         dbx_reply *out) {
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    dbx_stream_pending pending;
    pending_walker walker;
    uint64_t total = 0;
    int rc = open_pending(ctx, group, p, &walker);
    if (rc == DBX_OK) rc = dbx_walker_try(ctx, &walker.base, out);
    pending_close(&walker.base);
    if (rc != 1) return rc;
    dbx_reply_rollback(out, mark);
    rc = open_pending(ctx, group, p, &walker);
    for (; rc == DBX_OK; total += rc == DBX_OK)
        rc = next_pending(&walker, &pending);
    pending_close(&walker.base);
    if (rc == DBX_ENOTFOUND) rc = open_pending(ctx, group, p, &walker);
    if (rc != DBX_OK) return rc;
    walker.counted = true;
    walker.total = total;
    return dbx_walker_reply_bare(ctx, &walker.base, out);
}

static int cmd_xpending(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_stream_group group;
    pending_args p = {.has_consumer = false};
    dbx_key k;
    bool created;
    int rc;
    dbx_slice key = dbx_args_next(args), name = dbx_args_next(args);
    bool summary = dbx_args_left(args) == 0;
    if (!summary && !take_pending(args, &p, out)) return DBX_OK;
    if (!dbx_lookup(ctx, key, DBX_STREAM, &k, out, &rc)) return rc;
    if (!dbx_stream_group_args_find(ctx, &k, name, &group, out, &rc)) return rc;
    if (summary) return reply_summary(ctx, &group, out);
    if (p.has_consumer) {
        rc = dbx_stream_group_join(ctx->txn, &group, p.consumer, false, 0, &created);
        if (rc == DBX_ENOTFOUND) {
            out->ops->open(out, DBX_ARRAY, 0);
            out->ops->close(out);
            return DBX_OK;
        }
        if (rc != DBX_OK) return rc;
    }
    return reply_pending(ctx, &group, &p, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

static const dbx_command xgroup_subcommands[] = {
    {.name = "xgroup|create",
     .group = "stream",
     .syntax = "key group <id-selector: id | $:new-id> [MKSTREAM] [ENTRIESREAD "
               "entriesread:integer=entries-read]",
     .summary = "Creates a consumer group.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "ENTRIESREAD."),
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xgroup_create},
    {.name = "xgroup|createconsumer",
     .group = "stream",
     .syntax = "key group consumer",
     .summary = "Creates a consumer in a group.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .arity = 5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_INSERT, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xgroup_createconsumer},
    {.name = "xgroup|delconsumer",
     .group = "stream",
     .syntax = "key group consumer",
     .summary = "Deletes a consumer of a group, with what it has pending.",
     .since = "5.0.0",
     .complexity = "O(N) for N entries that it has pending",
     .arity = 5,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xgroup_delconsumer},
    {.name = "xgroup|destroy",
     .group = "stream",
     .syntax = "key group",
     .summary = "Deletes a consumer group.",
     .since = "5.0.0",
     .complexity = "O(N) for N entries that it has pending",
     .arity = 4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xgroup_destroy},
    {.name = "xgroup|help",
     .group = "stream",
     .syntax = "",
     .summary = "Describes the subcommands.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_LOADING | DBX_CMD_STALE,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_xgroup_help},
    {.name = "xgroup|setid",
     .group = "stream",
     .syntax = "key group <id-selector: id | $:new-id> [ENTRIESREAD "
               "entriesread:integer=entries-read]",
     .summary = "Sets the id up to which a group has been given entries.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "ENTRIESREAD."),
     .arity = -5,
     .flags = DBX_CMD_WRITE,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 2, .last = 0, .step = 1}},
     .run = cmd_xgroup_setid},
    {.name = NULL},
};

const dbx_command dbx_cmd_stream_group[] = {
    {.name = "xgroup",
     .group = "stream",
     .syntax = "",
     .summary = "Commands that make, change and delete consumer groups.",
     .since = "5.0.0",
     .complexity = "Depends on subcommand.",
     .arity = -2,
     .effect = DBX_EFFECT_NONE,
     .subcommands = xgroup_subcommands},
    {.name = "xack",
     .group = "stream",
     .syntax = "key group id [id ...]",
     .summary = "Acknowledges entries: they are pending no longer.",
     .since = "5.0.0",
     .complexity = "O(1) for each id",
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xack},
    {.name = "xpending",
     .group = "stream",
     .syntax = "key group [<filters: [IDLE min-idle-time:integer]@6.2.0 start:string end:string "
               "count [consumer]>]",
     .summary = "Returns what a group has pending: a summary, or the entries of an interval.",
     .since = "5.0.0",
     .complexity = "O(log N + M) for M entries looked at of N; the summary O(C) for C consumers",
     .history = DBX_LIST("6.2.0", "IDLE, and intervals that exclude an end."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -3,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xpending},
    {.name = NULL},
};
