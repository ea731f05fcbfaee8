/* cmd_scan.c: commands that go through keys: KEYS, SCAN, RANDOMKEY. A pattern that begins with
 * plain characters reads only the keys that begin with them. */
#include "base/alloc.h"
#include "base/glob.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/scan_args.h"
#include "commands/table.h"

enum {
    KEYS_REPLY_MAX = 1 << 20, /* bytes of a KEYS reply; longer ones are streamed */
    SCAN_NAMES_MAX = 1 << 20  /* bytes of names after which one SCAN ends */
};

/* --- Patterns -------------------------------------------------------------------------------- */

typedef struct pattern {
    dbx_slice text;
    uint8_t *prefix; /* owned: what every match begins with */
    size_t prefix_len;
    bool exact; /* only the prefix itself matches */
} pattern;

static bool pattern_init(pattern *p, dbx_slice text) {
    *p = (pattern){.text = text, .prefix = dbx_alloc(text.len + 1)};
    if (p->prefix == NULL) return false;
    p->prefix_len = dbx_glob_prefix(text, p->prefix, &p->exact);
    return true;
}

static void pattern_free(pattern *p) {
    dbx_alloc_free(p->prefix);
}

static dbx_slice pattern_prefix(const pattern *p) {
    return dbx_slice_of(p->prefix, p->prefix_len);
}

/* next_match finds the next key that matches; results as of dbx_keys_next. */
static int next_match(dbx_keys *keys, dbx_slice text, dbx_slice *name) {
    dbx_meta meta;
    int rc;
    do {
        rc = dbx_keys_next(keys, name, &meta);
    } while (rc == DBX_OK && !dbx_scan_matches(text, *name));
    return rc;
}

/* --- KEYS ------------------------------------------------------------------------------------ */

/* A KEYS reply too long to be built at once. */
typedef struct keys_source {
    dbx_source base;
    dbx_view *view;
    dbx_keys *keys;
    dbx_buf pattern;
} keys_source;

static void keys_source_destroy(dbx_source *base) {
    keys_source *source = (keys_source *)base;
    if (source->keys != NULL) dbx_keys_close(source->keys);
    if (source->view != NULL) dbx_view_close(source->view);
    dbx_buf_free(&source->pattern);
    dbx_alloc_free(source);
}

static int keys_source_produce(dbx_source *base, dbx_reply *out, size_t budget) {
    keys_source *source = (keys_source *)base;
    for (size_t done = 0; done < budget;) {
        dbx_slice name;
        int rc = next_match(source->keys, dbx_buf_slice(&source->pattern), &name);
        if (rc == DBX_ENOTFOUND) {
            out->ops->close(out);
            return 0;
        }
        if (rc != DBX_OK) return rc;
        out->ops->bulk(out, name);
        done += name.len + 1;
    }
    return 1;
}

static int keys_stream(dbx_ctx *ctx, const pattern *p, dbx_reply *out) {
    dbx_slice start = {NULL, 0};
    keys_source *source = dbx_alloc_zero(1, sizeof *source);
    if (source == NULL) return DBX_ENOMEM;
    source->base = (dbx_source){keys_source_produce, keys_source_destroy};
    dbx_buf_add(&source->pattern, p->text.ptr, p->text.len);
    source->view = dbx_view_open(ctx->txn);
    if (source->view != NULL && !source->pattern.failed) {
        source->keys = dbx_keys_open(ctx->txn, source->view, ctx->db, pattern_prefix(p), start);
    }
    if (source->keys == NULL) {
        keys_source_destroy(&source->base);
        return DBX_ENOMEM;
    }
    dbx_reply_stream(out, &source->base);
    return DBX_OK;
}

/* keys_write replies with all matches as long as they are few enough, and counts them in any case.
 */
static int keys_write(dbx_ctx *ctx, const pattern *p, size_t *count, bool *complete,
                      dbx_reply *out) {
    dbx_slice name, start = {NULL, 0};
    size_t begin = out->out->len;
    int rc;
    dbx_keys *keys =
        dbx_keys_open(ctx->txn, dbx_txn_view(ctx->txn), ctx->db, pattern_prefix(p), start);
    if (keys == NULL) return DBX_ENOMEM;
    *count = 0;
    *complete = true;
    while ((rc = next_match(keys, p->text, &name)) == DBX_OK) {
        ++*count;
        if (*complete) out->ops->bulk(out, name);
        if (out->out->len - begin > KEYS_REPLY_MAX) *complete = false;
    }
    dbx_keys_close(keys);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int keys_matching(dbx_ctx *ctx, const pattern *p, dbx_reply *out) {
    size_t count;
    bool complete;
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    out->ops->open(out, DBX_ARRAY, DBX_UNKNOWN);
    int rc = keys_write(ctx, p, &count, &complete, out);
    if (rc != DBX_OK) return rc;
    if (complete) {
        out->ops->close(out);
        return DBX_OK;
    }
    dbx_reply_rollback(out, mark);
    out->ops->open(out, DBX_ARRAY, count);
    return keys_stream(ctx, p, out);
}

/* key_exact replies with the one key that a pattern without wildcards matches. */
static int keys_exact(dbx_ctx *ctx, const pattern *p, dbx_reply *out) {
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, pattern_prefix(p), &k);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, DBX_ARRAY, k.exists ? 1 : 0);
    if (k.exists) out->ops->bulk(out, k.name);
    out->ops->close(out);
    return DBX_OK;
}

static int cmd_keys(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    pattern p;
    if (!pattern_init(&p, dbx_args_next(args))) return DBX_ENOMEM;
    int rc = p.exact ? keys_exact(ctx, &p, out) : keys_matching(ctx, &p, out);
    pattern_free(&p);
    return rc;
}

static int cmd_randomkey(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_buf name = {0};
    (void)args;
    int rc = dbx_db_random(ctx->txn, ctx->db, &name);
    if (rc == DBX_ENOTFOUND) {
        out->ops->null(out);
        rc = DBX_OK;
    } else if (rc == DBX_OK) {
        out->ops->bulk(out, dbx_buf_slice(&name));
    }
    dbx_buf_free(&name);
    return rc;
}

/* --- SCAN ------------------------------------------------------------------------------------ */

typedef struct scan {
    dbx_scan_args options; /* its cursor: where to begin; then where to go on, 0: done */
    dbx_scan_found found;
    dbx_buf last; /* where the scan begins, then the last name looked at */
} scan;

static void scan_found(scan *s, dbx_slice name, uint8_t type) {
    if (!s->options.typed || s->options.type == type) dbx_scan_add(&s->found, name);
}

/* scan_walk looks at the next keys, one more than COUNT, to know whether any is left. */
static int scan_walk(dbx_ctx *ctx, scan *s, dbx_keys *keys) {
    bool full = false;
    dbx_slice name;
    dbx_meta meta;
    int rc;
    for (int64_t examined = 1;; examined++) {
        rc = dbx_keys_next(keys, &name, &meta);
        if (rc != DBX_OK || full) break;
        if (dbx_scan_matches(s->options.match, name)) scan_found(s, name, meta.type);
        full = examined >= s->options.count || dbx_scan_full(&s->found);
        if (full) {
            s->last.len = 0;
            dbx_buf_add(&s->last, name.ptr, name.len);
        }
    }
    if (s->last.failed) return DBX_ENOMEM;
    s->options.cursor = 0;
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc != DBX_OK) return rc;
    s->options.cursor = dbx_scan_save(ctx->txn, dbx_buf_slice(&s->last));
    return s->options.cursor == 0 ? DBX_ENOMEM : DBX_OK;
}

static int scan_exact(dbx_ctx *ctx, scan *s, dbx_slice name) {
    dbx_key k;
    int rc = dbx_key_find(ctx->txn, ctx->db, name, &k);
    if (rc == DBX_OK && k.exists) scan_found(s, name, k.meta.type);
    s->options.cursor = 0;
    return rc;
}

static int scan_run(dbx_ctx *ctx, scan *s) {
    pattern p;
    int rc;
    dbx_slice after = {NULL, 0}; /* from the start; not the same as after the empty name */
    if (s->options.cursor != 0 && dbx_scan_load(ctx->txn, s->options.cursor, &s->last)) {
        after = dbx_buf_slice(&s->last);
    }
    if (!pattern_init(&p, s->options.match)) return DBX_ENOMEM;
    if (p.exact) {
        rc = scan_exact(ctx, s, pattern_prefix(&p));
    } else {
        dbx_keys *keys =
            dbx_keys_open(ctx->txn, dbx_txn_view(ctx->txn), ctx->db, pattern_prefix(&p), after);
        rc = keys == NULL ? DBX_ENOMEM : scan_walk(ctx, s, keys);
        if (keys != NULL) dbx_keys_close(keys);
    }
    pattern_free(&p);
    return rc;
}

static int cmd_scan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    scan s = {.options = dbx_scan_args_default()};
    if (!dbx_scan_cursor(args, &s.options, out)) return DBX_OK;
    if (!dbx_scan_options(args, DBX_SCAN_TYPE, &s.options, out)) return DBX_OK;
    int rc = scan_run(ctx, &s);
    dbx_buf_free(&s.last);
    return dbx_scan_reply(rc, s.options.cursor, &s.found, out);
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_scan[] = {
    {.name = "keys",
     .group = "generic",
     .syntax = "pattern",
     .summary = "Returns the names of all keys that match a pattern.",
     .since = "1.0.0",
     .complexity = "O(N) for N keys that begin as the pattern does before its first wildcard",
     .tips = DBX_LIST("request_policy:all_shards", "nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_keys,
     .acl = DBX_ACL_DANGEROUS},
    {.name = "randomkey",
     .group = "generic",
     .syntax = "",
     .summary = "Returns the name of some key, each about equally likely.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .tips = DBX_LIST("request_policy:all_shards", "response_policy:special",
                      "nondeterministic_output"),
     .arity = 1,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_randomkey},
    {.name = "scan",
     .group = "generic",
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type@6.0.0]",
     .summary = "Walks the names of the keys, some at each call.",
     .since = "2.8.0",
     .complexity = "O(N) for COUNT N, whatever the number of keys",
     .history = DBX_LIST("6.0.0", "`TYPE`."),
     .tips =
         DBX_LIST("nondeterministic_output", "request_policy:special", "response_policy:special"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .run = cmd_scan},
    {.name = NULL},
};
