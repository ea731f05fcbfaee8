/* cmd_stream.c: commands on the entries of one stream. Reading several, and consumer groups, are in
 * the files beside it. */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/stream_args.h"
#include "commands/stream_reply.h"
#include "commands/table.h"

/* --- XADD ------------------------------------------------------------------------------------ */

/* choose_id gives the id that the entry will have; NULL, or why there is none. */
static const char *choose_id(const dbx_ctx *ctx, const dbx_stream *stream,
                             const dbx_stream_add_args *add, dbx_stream_id *id) {
    static const char too_small[] =
        "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    dbx_stream_id last = stream->last;
    if (!dbx_stream_id_next(&last)) {
        return "ERR The stream has exhausted the last possible ID, unable to add more items";
    }
    if (!add->id_given) {
        uint64_t now_ms = (uint64_t)dbx_times_date_ms(ctx->times);
        *id = now_ms > stream->last.ms ? (dbx_stream_id){now_ms, 0} : last;
        return NULL;
    }
    *id = add->id;
    if (!add->seq_given) {
        if (id->ms == stream->last.ms) {
            if (stream->last.seq == UINT64_MAX) return too_small;
            id->seq = stream->last.seq + 1;
        }
    }
    return dbx_stream_id_cmp(*id, last) < 0 ? too_small : NULL;
}

static bool too_large(size_t count, const dbx_slice *strings) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strings[i].len;
    return bytes > DBX_STREAM_ENTRY_BYTES_MAX;
}

/* journal_add journals the XADD that gives the same: with the id that was chosen, and where it
 * trimmed with the length that is left. */
static int journal_add(dbx_ctx *ctx, const dbx_args *args, const dbx_stream_add_args *add,
                       dbx_stream_id id, uint64_t length) {
    enum { ON_STACK = 40, FRONT = 6 };
    char id_text[DBX_STREAM_ID_TEXT_MAX], length_text[DBX_NUM_U64_TEXT_MAX];
    dbx_slice few[ON_STACK], *words = few;
    size_t fields = args->argc - add->id_at - 1, n = 0;
    if (dbx_txn_replaying(ctx->txn)) return DBX_OK;
    if (fields + FRONT > ON_STACK) {
        words = dbx_alloc((fields + FRONT) * sizeof *words);
        if (words == NULL) return DBX_ENOMEM;
    }
    words[n++] = dbx_slice_of("XADD", 4);
    words[n++] = args->argv[1];
    if (add->trims) {
        words[n++] = dbx_slice_of("MAXLEN", 6);
        words[n++] = dbx_slice_of("=", 1);
        words[n++] = dbx_slice_of(length_text, dbx_num_u64_to_text(length, length_text));
    }
    words[n++] = dbx_slice_of(id_text, dbx_stream_id_text(id_text, id));
    memcpy(words + n, args->argv + add->id_at + 1, fields * sizeof *words);
    int rc = dbx_txn_effect(ctx->txn, ctx->db, n + fields, words);
    if (words != few) dbx_alloc_free(words);
    return rc;
}

static int cmd_xadd(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_stream_add_args add;
    dbx_stream stream;
    dbx_stream_id id;
    dbx_key k;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_stream_args_add(ctx, args, true, &add, out)) return DBX_OK;
    size_t count = dbx_args_left(args);
    const dbx_slice *strings = args->argv + args->at;
    if (count < 2 || count % 2 != 0) {
        dbx_reply_errorf(out, "ERR wrong number of arguments for '%s' command", ctx->command->name);
        return DBX_OK;
    }
    if (add.id_given && add.seq_given && dbx_stream_id_zero(add.id)) {
        dbx_reply_error(out, "ERR The ID specified in XADD must be greater than 0-0");
        return DBX_OK;
    }
    if (!dbx_lookup(ctx, name, DBX_STREAM, &k, out, &rc)) return rc;
    if (!k.exists && add.no_mkstream) {
        out->ops->null(out);
        return DBX_OK;
    }
    rc = dbx_stream_read(&k, &stream);
    if (rc != DBX_OK) return rc;
    const char *error = choose_id(ctx, &stream, &add, &id);
    if (error == NULL && too_large(count, strings)) {
        error = "ERR Elements are too large to be stored";
    }
    if (error != NULL) {
        dbx_reply_error(out, error);
        return DBX_OK;
    }
    uint64_t trimmed;
    if (!k.exists) dbx_stream_create(ctx->txn, &k, &stream);
    rc = dbx_stream_add(ctx->txn, &k, &stream, id, count, strings);
    if (rc == DBX_OK && add.trims) {
        rc = dbx_stream_trim_front(ctx->txn, &k, &stream, &add.trim, &trimmed);
    }
    if (rc == DBX_OK) rc = dbx_stream_write(ctx->txn, &k, &stream);
    dbx_stream_args_id_reply(id, out);
    return rc == DBX_OK ? journal_add(ctx, args, &add, id, k.meta.count) : rc;
}

/* --- Deleting -------------------------------------------------------------------------------- */

static int cmd_xtrim(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_stream_add_args trim;
    dbx_stream stream;
    dbx_key k;
    char text[DBX_NUM_U64_TEXT_MAX];
    uint64_t trimmed = 0;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_stream_args_add(ctx, args, false, &trim, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STREAM, &k, out, &rc)) return rc;
    rc = dbx_stream_read(&k, &stream);
    if (rc == DBX_OK && k.exists) {
        rc = dbx_stream_trim_front(ctx->txn, &k, &stream, &trim.trim, &trimmed);
    }
    out->ops->integer(out, (int64_t)trimmed);
    if (rc != DBX_OK || trimmed == 0) return rc;
    rc = dbx_stream_write(ctx->txn, &k, &stream);
    if (rc != DBX_OK) return rc;
    return dbx_effect_words(ctx, dbx_slice_of("XTRIM", 5), name, dbx_slice_of("MAXLEN", 6),
                            dbx_slice_of("=", 1),
                            dbx_slice_of(text, dbx_num_u64_to_text(k.meta.count, text)));
}

static int cmd_xdel(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_stream stream;
    dbx_key k;
    int64_t count = 0;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_lookup(ctx, name, DBX_STREAM, &k, out, &rc)) return rc;
    if (k.exists && !dbx_stream_args_strict_ids(args, out)) return DBX_OK;
    rc = dbx_stream_read(&k, &stream);
    while (rc == DBX_OK && k.exists && dbx_args_left(args) > 0) {
        dbx_stream_id id;
        bool deleted = false;
        (void)dbx_stream_args_id(dbx_args_next(args), 0, true, &id, NULL);
        rc = dbx_stream_del(ctx->txn, &k, &stream, id, &deleted);
        count += deleted;
    }
    if (rc == DBX_OK && count > 0) rc = dbx_stream_write(ctx->txn, &k, &stream);
    out->ops->integer(out, count);
    return rc;
}

/* --- XSETID ---------------------------------------------------------------------------------- */

typedef struct setid_args {
    dbx_stream_id last, max_deleted;
    int64_t added; /* -1: not given */
} setid_args;

static bool take_setid(dbx_args *args, setid_args *set, dbx_reply *out) {
    *set = (setid_args){.added = -1};
    if (!dbx_stream_args_strict_id(dbx_args_next(args), &set->last, out)) return false;
    while (dbx_args_left(args) > 0) {
        const char *error = NULL;
        bool more = dbx_args_left(args) > 1;
        if (more && dbx_args_word(args, "ENTRIESADDED")) {
            if (!dbx_stream_args_number(dbx_args_next(args), &set->added, NULL, out)) return false;
            if (set->added < 0) error = "ERR entries_added must be positive";
        } else if (more && dbx_args_word(args, "MAXDELETEDID")) {
            if (!dbx_stream_args_strict_id(dbx_args_next(args), &set->max_deleted, out))
                return false;
            if (dbx_stream_id_cmp(set->last, set->max_deleted) < 0) {
                error = "ERR The ID specified in XSETID is smaller than the provided "
                        "max_deleted_entry_id";
            }
        } else {
            error = DBX_SYNTAX_ERROR;
        }
        if (error != NULL) {
            dbx_reply_error(out, error);
            return false;
        }
    }
    return true;
}

/* check_setid sees to it that ids go on growing: *error, or NULL. */
static int check_setid(dbx_ctx *ctx, const dbx_key *k, const dbx_stream *stream,
                       const setid_args *set, const char **error) {
    dbx_stream_id top;
    *error = NULL;
    if (dbx_stream_id_cmp(set->last, stream->max_deleted) < 0) {
        *error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    }
    if (*error != NULL || k->meta.count == 0) return DBX_OK;
    int rc = dbx_stream_edge(dbx_txn_view(ctx->txn), k->meta.cid, (dbx_stream_id){0, 0},
                             DBX_STREAM_ID_MAX, true, &top);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    if (dbx_stream_id_cmp(set->last, top) < 0) {
        *error = "ERR The ID specified in XSETID is smaller than the target stream top item";
    } else if (set->added != -1 && k->meta.count > (uint64_t)set->added) {
        *error = "ERR The entries_added specified in XSETID is smaller than the target stream "
                 "length";
    }
    return DBX_OK;
}

static int cmd_xsetid(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    setid_args set;
    dbx_stream stream;
    dbx_key k;
    const char *error;
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!take_setid(args, &set, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_STREAM, &k, out, &rc)) return rc;
    if (!k.exists) {
        dbx_reply_error(out, "ERR no such key");
        return DBX_OK;
    }
    rc = dbx_stream_read(&k, &stream);
    if (rc == DBX_OK) rc = check_setid(ctx, &k, &stream, &set, &error);
    if (rc != DBX_OK) return rc;
    if (error != NULL) {
        dbx_reply_error(out, error);
        return DBX_OK;
    }
    stream.last = set.last;
    if (set.added != -1) stream.added = (uint64_t)set.added;
    if (!dbx_stream_id_zero(set.max_deleted)) stream.max_deleted = set.max_deleted;
    rc = dbx_stream_write(ctx->txn, &k, &stream);
    dbx_reply_ok(out);
    return rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

static int cmd_xlen(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_STREAM, &k, out, &rc)) return rc;
    out->ops->integer(out, k.exists ? (int64_t)k.meta.count : 0);
    return DBX_OK;
}

static int range(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool back) {
    dbx_stream_part part = {.source = DBX_STREAM_RANGE, .back = back, .limit = UINT64_MAX};
    dbx_key k;
    int64_t count = -1;
    int rc;
    dbx_slice name = dbx_args_next(args), first = dbx_args_next(args), second = dbx_args_next(args);
    if (!dbx_stream_args_start(back ? second : first, &part.from, out)) return DBX_OK;
    if (!dbx_stream_args_end(back ? first : second, &part.to, out)) return DBX_OK;
    while (dbx_args_left(args) > 0) {
        if (dbx_args_left(args) < 2 || !dbx_args_word(args, "COUNT")) {
            dbx_reply_error(out, DBX_SYNTAX_ERROR);
            return DBX_OK;
        }
        if (!dbx_stream_args_number(dbx_args_next(args), &count, NULL, out)) return DBX_OK;
        if (count < 0) count = 0;
    }
    if (!dbx_lookup(ctx, name, DBX_STREAM, &k, out, &rc)) return rc;
    if (!k.exists) {
        out->ops->open(out, DBX_ARRAY, 0);
        out->ops->close(out);
    } else if (count == 0) {
        out->ops->null_array(out);
    } else {
        part.cid = k.meta.cid;
        if (count > 0) part.limit = (uint64_t)count;
        return dbx_stream_reply(ctx, &part, out);
    }
    return DBX_OK;
}

static int cmd_xrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return range(ctx, args, out, false);
}

static int cmd_xrevrange(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return range(ctx, args, out, true);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_stream[] = {
    {.name = "xadd",
     .group = "stream",
     .syntax = "key [NOMKSTREAM@6.2.0] [<trim: <strategy: MAXLEN | MINID@6.2.0> [operator: "
               "=:equal | ~:approximately] threshold:string [LIMIT count@6.2.0]>] <id-selector: "
               "*:auto-id | id> <data: field value> [data ...]",
     .summary = "Appends an entry to a stream, and makes the stream where there is none.",
     .since = "5.0.0",
     .complexity = "O(1) for the entry, O(N) for N entries that are trimmed",
     .history = DBX_LIST("6.2.0", "NOMKSTREAM, MINID and LIMIT.", "7.0.0", "Ids \"ms-*\"."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -5,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE,
               .begin = 1,
               .last = 0,
               .step = 1,
               .notes = "UPDATE instead of INSERT because of the optional trimming feature"}},
     .run = cmd_xadd},
    {.name = "xlen",
     .group = "stream",
     .syntax = "key",
     .summary = "Returns how many entries a stream has.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_FAST,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xlen},
    {.name = "xrange",
     .group = "stream",
     .syntax = "key start:string end:string [COUNT count]",
     .summary = "Returns the entries whose ids lie in an interval.",
     .since = "5.0.0",
     .complexity = "O(log N + M) for M entries returned of N",
     .history = DBX_LIST("6.2.0", "Intervals that exclude an end."),
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xrange},
    {.name = "xrevrange",
     .group = "stream",
     .syntax = "key end:string start:string [COUNT count]",
     .summary = "Returns the entries whose ids lie in an interval, the last first.",
     .since = "5.0.0",
     .complexity = "O(log N + M) for M entries returned of N",
     .history = DBX_LIST("6.2.0", "Intervals that exclude an end."),
     .arity = -4,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xrevrange},
    {.name = "xtrim",
     .group = "stream",
     .syntax = "key <trim: <strategy: MAXLEN | MINID@6.2.0> [operator: =:equal | "
               "~:approximately] threshold:string [LIMIT count@6.2.0]>",
     .summary = "Deletes entries from the beginning of a stream.",
     .since = "5.0.0",
     .complexity = "O(N) for N entries deleted",
     .history = DBX_LIST("6.2.0", "MINID and LIMIT."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -4,
     .flags = DBX_CMD_WRITE | DBX_CMD_LONG,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xtrim},
    {.name = "xdel",
     .group = "stream",
     .syntax = "key id [id ...]",
     .summary = "Deletes entries of a stream by their ids; a stream without entries stays.",
     .since = "5.0.0",
     .complexity = "O(1) for each id",
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_DELETE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xdel},
    {.name = "xsetid",
     .group = "stream",
     .syntax = "key last-id [ENTRIESADDED entries-added:integer]@7.0.0 [MAXDELETEDID "
               "max-deleted-id]@7.0.0",
     .summary = "Sets the last id that a stream has given, and its counters.",
     .since = "5.0.0",
     .complexity = "O(1)",
     .history = DBX_LIST("7.0.0", "ENTRIESADDED and MAXDELETEDID."),
     .arity = -3,
     .flags = DBX_CMD_WRITE | DBX_CMD_DENYOOM | DBX_CMD_FAST,
     .effect = DBX_EFFECT_ARGV,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_UPDATE, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_xsetid},
    {.name = NULL},
};
