/* cmd_hash_all.c: commands that go through the fields of a hash, and draw some of them. */
#include "commands/cmd_hash_all.h"

#include <inttypes.h>

#include "commands/lookup.h"
#include "commands/scan_args.h"
#include "commands/table.h"
#include "commands/walker.h"

enum { DRAWN_BYTES_MAX = 64 << 20 }; /* of a reply of HRANDFIELD with a negative count */

/* --- All fields ------------------------------------------------------------------------------ */

typedef struct fields_walker {
    dbx_walker base;
    dbx_hash_walk walk;
    bool fields, values; /* what is asked for */
    bool value_due;      /* the field was written, its value was not */
    dbx_cell value;
} fields_walker;

static int fields_next(dbx_walker *base, dbx_reply *out) {
    fields_walker *walker = (fields_walker *)base;
    dbx_hash_item item;
    if (walker->value_due) {
        walker->value_due = false;
        dbx_walker_cell(base, &walker->value, out);
        return DBX_OK;
    }
    int rc = dbx_hash_walk_next(&walker->walk, &item);
    if (rc != DBX_OK) return rc;
    walker->value_due = walker->fields && walker->values;
    walker->value = item.value;
    dbx_walker_cell(base, walker->fields ? &item.field : &item.value, out);
    return DBX_OK;
}

static int fields_move(dbx_walker *base, dbx_view *view) {
    return dbx_hash_walk_move(&((fields_walker *)base)->walk, view);
}

static void fields_close(dbx_walker *base) {
    dbx_hash_walk_close(&((fields_walker *)base)->walk);
}

static int hash_all(dbx_ctx *ctx, dbx_args *args, dbx_reply *out, bool fields, bool values) {
    static const dbx_walker_ops ops = {sizeof(fields_walker), fields_next, fields_move,
                                       fields_close};
    dbx_key k;
    uint64_t len;
    int rc;
    if (!dbx_lookup(ctx, dbx_args_next(args), DBX_HASH, &k, out, &rc)) return rc;
    fields_walker walker = {.base = {.ops = &ops}, .fields = fields, .values = values};
    rc = dbx_hash_len(ctx->txn, &k, &len);
    if (rc == DBX_OK) rc = dbx_hash_walk_open(&walker.walk, ctx->txn, &k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, fields && values ? DBX_MAP : DBX_ARRAY, (size_t)len);
    return dbx_walker_reply(ctx, &walker.base, out);
}

static int cmd_hgetall(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, true, true);
}

static int cmd_hkeys(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, true, false);
}

static int cmd_hvals(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    return hash_all(ctx, args, out, false, true);
}

/* --- Some fields, by name -------------------------------------------------------------------- */

int dbx_hash_reply_fields(dbx_ctx *ctx, const dbx_key *k, size_t count, const dbx_slice *fields,
                          dbx_reply *out) {
    out->ops->open(out, DBX_ARRAY, count);
    for (size_t i = 0; i < count; i++) {
        dbx_cell value;
        dbx_slice bytes;
        dbx_buf buf = {0};
        int rc = dbx_hash_get(ctx->txn, k, fields[i], &value, NULL);
        if (rc == DBX_OK) rc = dbx_cell_load(dbx_txn_view(ctx->txn), &value, &buf, &bytes);
        if (rc == DBX_OK) {
            out->ops->bulk(out, bytes);
        } else if (rc == DBX_ENOTFOUND) {
            out->ops->null(out);
        }
        dbx_buf_free(&buf);
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    }
    out->ops->close(out);
    return DBX_OK;
}

/* --- HSCAN ----------------------------------------------------------------------------------- */

/* scan_item adds a field if it matches. */
static int scan_item(dbx_ctx *ctx, const dbx_scan_args *s, const dbx_hash_item *item, dbx_buf *buf,
                     dbx_scan_found *found) {
    dbx_slice bytes;
    int rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->field, buf, &bytes);
    if (rc != DBX_OK || !dbx_scan_matches(s->match, bytes)) return rc;
    dbx_scan_add(found, bytes);
    if (s->novalues) return DBX_OK;
    rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->value, buf, &bytes);
    if (rc == DBX_OK) dbx_scan_add(found, bytes);
    return rc;
}

/* scan_walk looks at the next COUNT fields, of an inline hash at all; those of one hash go
 * together. Where to go on is the hash of the first that was left, 0 at the end. */
static int scan_walk(dbx_ctx *ctx, const dbx_key *k, dbx_scan_args *s, dbx_scan_found *found) {
    dbx_hash_walk walk;
    dbx_hash_item item = {.hash = 0};
    dbx_buf buf = {0};
    uint64_t last = 0;
    int64_t examined = 0;
    int rc = dbx_hash_walk_open(&walk, ctx->txn, k, s->cursor);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_hash_walk_next(&walk, &item)) == DBX_OK) {
        bool full = examined++ >= s->count || dbx_scan_full(found);
        if (walk.spread && full && item.hash != last) break;
        rc = scan_item(ctx, s, &item, &buf, found);
        if (rc != DBX_OK) break;
        last = item.hash;
    }
    s->cursor = rc == DBX_OK ? item.hash : 0;
    dbx_hash_walk_close(&walk);
    dbx_buf_free(&buf);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int cmd_hscan(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_scan_args s = dbx_scan_args_default();
    dbx_scan_found found = {.count = 0};
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_scan_cursor(args, &s, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    if (k.exists && !dbx_scan_options(args, DBX_SCAN_NOVALUES, &s, out)) return DBX_OK;
    if (k.exists && s.cursor < DBX_SCAN_HASH_END) rc = scan_walk(ctx, &k, &s, &found);
    if (!k.exists || s.cursor >= DBX_SCAN_HASH_END) s.cursor = 0;
    return dbx_scan_reply(rc, s.cursor, &found, out);
}

/* --- HRANDFIELD ------------------------------------------------------------------------------ */

/* reply_item replies with a field, and its value if asked for. */
static int reply_item(dbx_ctx *ctx, const dbx_hash_item *item, bool with_values, dbx_reply *out) {
    dbx_buf buf = {0};
    dbx_slice bytes;
    int rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->field, &buf, &bytes);
    if (rc == DBX_OK) out->ops->bulk(out, bytes);
    if (rc == DBX_OK && with_values) {
        rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item->value, &buf, &bytes);
        if (rc == DBX_OK) out->ops->bulk(out, bytes);
    }
    dbx_buf_free(&buf);
    return rc;
}

/* draw_some replies with `count` fields of `len`, each subset equally likely: of those that are
 * left, each is taken with the chance that fills the count. */
static int draw_some(dbx_ctx *ctx, const dbx_key *k, uint64_t count, uint64_t len, bool with_values,
                     dbx_reply *out) {
    dbx_hash_walk walk;
    dbx_hash_item item;
    int rc = dbx_hash_walk_open(&walk, ctx->txn, k, 0);
    if (rc != DBX_OK) return rc;
    for (; rc == DBX_OK && count > 0; len--) {
        rc = dbx_hash_walk_next(&walk, &item);
        if (rc != DBX_OK || dbx_rand_below(dbx_txn_rand(ctx->txn), len) >= count) continue;
        count--;
        rc = reply_item(ctx, &item, with_values, out);
    }
    dbx_hash_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* draw_again replies with `count` fields, each drawn from all. */
static int draw_again(dbx_ctx *ctx, const dbx_key *k, uint64_t count, bool with_values,
                      dbx_reply *out) {
    size_t begin = out->out->len;
    for (; count > 0; count--) {
        dbx_hash_item item;
        int rc = dbx_hash_random(ctx->txn, k, &item);
        if (rc == DBX_OK) rc = reply_item(ctx, &item, with_values, out);
        if (rc == DBX_OK && out->out->len - begin > DRAWN_BYTES_MAX) rc = DBX_ELIMIT;
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

static int draw_one(dbx_ctx *ctx, const dbx_key *k, dbx_reply *out) {
    dbx_hash_item item;
    int rc = k->exists ? dbx_hash_random(ctx->txn, k, &item) : DBX_ENOTFOUND;
    if (rc == DBX_OK) return dbx_walker_reply_cell(ctx, &item.field, out);
    if (rc != DBX_ENOTFOUND) return rc;
    out->ops->null(out);
    return DBX_OK;
}

/* count_of reads the count and WITHVALUES, whose replies are twice as long. */
static bool count_of(dbx_args *args, int64_t *count, bool *with_values, dbx_reply *out) {
    *count = dbx_args_i64(args);
    if (!dbx_args_ok(args, out)) return false;
    if (*count == INT64_MIN) {
        dbx_reply_errorf(out,
                         "ERR value is out of range, value must between %" PRId64 " and %" PRId64,
                         -INT64_MAX, INT64_MAX);
        return false;
    }
    *with_values = dbx_args_word(args, "WITHVALUES");
    if (!dbx_args_end(args, out)) return false;
    if (!*with_values || (*count > INT64_MIN / 2 && *count < INT64_MAX / 2)) return true;
    dbx_reply_error(out, "ERR value is out of range");
    return false;
}

static int cmd_hrandfield(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int64_t count = 1;
    uint64_t len;
    bool with_values = false;
    int rc;
    dbx_slice name = dbx_args_next(args);
    bool counted = dbx_args_left(args) > 0;
    if (counted && !count_of(args, &count, &with_values, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_HASH, &k, out, &rc)) return rc;
    if (!counted) return draw_one(ctx, &k, out);
    rc = dbx_hash_len(ctx->txn, &k, &len);
    if (rc != DBX_OK) return rc;
    uint64_t drawn = count < 0 ? (uint64_t)-count : (uint64_t)count;
    if (len == 0 || (count > 0 && drawn > len)) drawn = len;
    out->ops->open(out, with_values ? DBX_PAIRS : DBX_ARRAY, (size_t)drawn);
    if (drawn > 0 && (count < 0 || drawn == 1)) {
        rc = draw_again(ctx, &k, drawn, with_values, out);
    } else if (drawn > 0) {
        rc = draw_some(ctx, &k, drawn, len, with_values, out);
    }
    out->ops->close(out);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_hash_all[] = {
    {.name = "hgetall",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns all fields with their values.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hgetall},
    {.name = "hkeys",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns all fields.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hkeys},
    {.name = "hvals",
     .group = "hash",
     .syntax = "key",
     .summary = "Returns the values of all fields.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .tips = DBX_LIST("nondeterministic_output_order"),
     .arity = 2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hvals},
    {.name = "hscan",
     .group = "hash",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .summary = "Walks fields and values of a hash, some at each call.",
     .since = "2.8.0",
     .complexity = "O(N) for COUNT N, whatever the number of fields",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -3,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hscan},
    {.name = "hrandfield",
     .group = "hash",
     .syntax = "key [options: count [WITHVALUES]]",
     .summary = "Returns fields drawn at random, each equally likely.",
     .since = "6.2.0",
     .complexity = "O(1); O(N) for N fields with a positive count above 1; O(count) if negative",
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -2,
     .flags = DBX_CMD_READONLY | DBX_CMD_LONG,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_hrandfield},
    {.name = NULL},
};
