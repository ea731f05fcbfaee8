/* stream_args.c: see stream_args.h. */
#include "commands/stream_args.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

enum {
    ID_TEXT_MAX = 127,     /* as in Redis */
    NODE_ENTRIES = 100,    /* where stream-node-max-entries sets no bound */
    NODES_PER_CALL = 100,  /* "~" without LIMIT trims no more of them at once */
    LIMIT_DEFAULT = 10000, /* where there is no bound */
    LIMIT_DEFAULT_MAX = 1000000
};

static const char BAD_ID[] = "ERR Invalid stream ID specified as stream command argument";

/* --- Ids ------------------------------------------------------------------------------------- */

/* read_u64 is Redis's string2ull: what is no canonical number is tried as C reads numbers. */
static bool read_u64(const char *text, uint64_t *value) {
    int64_t number;
    char *end;
    if (dbx_num_from_slice(dbx_slice_str(text), &number)) {
        *value = (uint64_t)number;
        return number >= 0;
    }
    errno = 0;
    unsigned long long wide = strtoull(text, &end, 10);
    *value = wide;
    return errno == 0 && *text != '\0' && *end == '\0';
}

bool dbx_stream_args_id(dbx_slice text, uint64_t missing_seq, bool strict, dbx_stream_id *id,
                        bool *seq_given) {
    char bytes[ID_TEXT_MAX + 1];
    if (text.len > ID_TEXT_MAX) return false;
    if (text.len > 0) memcpy(bytes, text.ptr, text.len);
    bytes[text.len] = '\0';
    bool edge = (bytes[0] == '-' || bytes[0] == '+') && bytes[1] == '\0';
    if (seq_given != NULL) *seq_given = true;
    if (edge) {
        *id = bytes[0] == '+' ? DBX_STREAM_ID_MAX : (dbx_stream_id){0, 0};
        return !strict;
    }
    char *dash = strchr(bytes, '-');
    if (dash != NULL) *dash = '\0';
    id->seq = missing_seq;
    if (!read_u64(bytes, &id->ms)) return false;
    if (dash == NULL) return true;
    if (seq_given == NULL || strcmp(dash + 1, "*") != 0) return read_u64(dash + 1, &id->seq);
    id->seq = 0;
    *seq_given = false;
    return true;
}

bool dbx_stream_args_strict_id(dbx_slice text, dbx_stream_id *id, dbx_reply *out) {
    if (dbx_stream_args_id(text, 0, true, id, NULL)) return true;
    dbx_reply_error(out, BAD_ID);
    return false;
}

bool dbx_stream_args_strict_ids(const dbx_args *args, dbx_reply *out) {
    dbx_stream_id id;
    for (size_t i = args->at; i < args->argc; i++) {
        if (!dbx_stream_args_strict_id(args->argv[i], &id, out)) return false;
    }
    return true;
}

/* read_end reads an end of an interval; *open: it is excluded. */
static bool read_end(dbx_slice text, uint64_t missing_seq, dbx_stream_id *id, bool *open,
                     dbx_reply *out) {
    *open = text.len > 1 && text.ptr[0] == '(';
    if (*open) text = dbx_slice_of(text.ptr + 1, text.len - 1);
    if (dbx_stream_args_id(text, missing_seq, *open, id, NULL)) return true;
    dbx_reply_error(out, BAD_ID);
    return false;
}

bool dbx_stream_args_start(dbx_slice text, dbx_stream_id *id, dbx_reply *out) {
    bool open;
    if (!read_end(text, 0, id, &open, out)) return false;
    if (!open || dbx_stream_id_next(id)) return true;
    dbx_reply_error(out, "ERR invalid start ID for the interval");
    return false;
}

bool dbx_stream_args_end(dbx_slice text, dbx_stream_id *id, dbx_reply *out) {
    bool open;
    if (!read_end(text, UINT64_MAX, id, &open, out)) return false;
    if (!open || dbx_stream_id_prev(id)) return true;
    dbx_reply_error(out, "ERR invalid end ID for the interval");
    return false;
}

bool dbx_stream_args_number(dbx_slice text, int64_t *number, const char *error, dbx_reply *out) {
    if (dbx_num_from_slice(text, number)) return true;
    dbx_reply_error(out, error != NULL ? error : DBX_NOT_AN_INTEGER);
    return false;
}

void dbx_stream_args_id_reply(dbx_stream_id id, dbx_reply *out) {
    char text[DBX_STREAM_ID_TEXT_MAX];
    out->ops->bulk(out, dbx_slice_of(text, dbx_stream_id_text(text, id)));
}

/* --- Trimming -------------------------------------------------------------------------------- */

static bool take_strategy(dbx_args *args, bool by_id, dbx_stream_add_args *add, dbx_reply *out) {
    int64_t max_len;
    if (add->trims) {
        dbx_reply_error(out, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                             "compatible");
        return false;
    }
    add->trims = true;
    add->trim.by_id = by_id;
    add->approximate = dbx_args_left(args) >= 2 && dbx_args_word(args, "~");
    if (!add->approximate && dbx_args_left(args) >= 2) (void)dbx_args_word(args, "=");
    dbx_slice threshold = dbx_args_next(args);
    if (by_id) return dbx_stream_args_strict_id(threshold, &add->trim.min_id, out);
    if (!dbx_stream_args_number(threshold, &max_len, NULL, out)) return false;
    add->trim.max_len = (uint64_t)max_len;
    if (max_len >= 0) return true;
    dbx_reply_error(out, "ERR The MAXLEN argument must be >= 0.");
    return false;
}

static bool take_limit(dbx_args *args, dbx_stream_add_args *add, dbx_reply *out) {
    int64_t limit;
    if (!dbx_stream_args_number(dbx_args_next(args), &limit, NULL, out)) return false;
    add->trim.limit = (uint64_t)limit;
    if (limit >= 0) return true;
    dbx_reply_error(out, "ERR The LIMIT argument must be >= 0.");
    return false;
}

/* settle says how much "~" may leave, and sees that LIMIT comes with it. */
static bool settle(const dbx_ctx *ctx, bool xadd, bool limited, dbx_stream_add_args *add,
                   dbx_reply *out) {
    int64_t entries = ctx->encodings->stream_entries;
    const char *error = NULL;
    if (add->trim.limit != 0 && !add->trims) {
        error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    } else if (!xadd && !add->trims) {
        error = "ERR syntax error, XTRIM must be called with a trimming strategy";
    } else if (limited && !add->approximate) {
        error = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    }
    if (error != NULL) {
        dbx_reply_error(out, error);
        return false;
    }
    if (!add->approximate) return true;
    add->trim.node = entries > 0 ? (uint64_t)entries : NODE_ENTRIES;
    if (limited) return true;
    add->trim.limit = LIMIT_DEFAULT;
    if (entries > LIMIT_DEFAULT_MAX / NODES_PER_CALL) {
        add->trim.limit = LIMIT_DEFAULT_MAX;
    } else if (entries > 0) {
        add->trim.limit = (uint64_t)entries * NODES_PER_CALL;
    }
    return true;
}

bool dbx_stream_args_add(dbx_ctx *ctx, dbx_args *args, bool xadd, dbx_stream_add_args *add,
                         dbx_reply *out) {
    bool limited = false;
    *add = (dbx_stream_add_args){.id_at = args->argc};
    while (dbx_args_left(args) > 0) {
        bool more = dbx_args_left(args) > 1;
        if (xadd && dbx_args_word(args, "*")) {
            add->id_at = args->at - 1;
            break;
        } else if (more && dbx_args_word(args, "MAXLEN")) {
            if (!take_strategy(args, false, add, out)) return false;
        } else if (more && dbx_args_word(args, "MINID")) {
            if (!take_strategy(args, true, add, out)) return false;
        } else if (more && dbx_args_word(args, "LIMIT")) {
            limited = true;
            if (!take_limit(args, add, out)) return false;
        } else if (xadd && dbx_args_word(args, "NOMKSTREAM")) {
            add->no_mkstream = true;
        } else if (xadd) {
            add->id_given = true;
            add->id_at = args->at;
            if (!dbx_stream_args_id(dbx_args_next(args), 0, true, &add->id, &add->seq_given)) {
                dbx_reply_error(out, BAD_ID);
                return false;
            }
            break;
        } else {
            dbx_reply_error(out, DBX_SYNTAX_ERROR);
            return false;
        }
    }
    return settle(ctx, xadd, limited, add, out);
}
