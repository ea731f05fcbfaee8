/* scan_members.c: see scan_members.h. Cursors are hashes of members (invariant 23). */
#include "commands/scan_members.h"

#include "base/num.h"
#include "commands/lookup.h"
#include "types/members.h"

typedef struct scan {
    dbx_scan_args options; /* its cursor: where to begin; then where to go on, 0: done */
    const dbx_key *k;
    bool listpack; /* how scores are printed */
    dbx_scan_found found;
    dbx_buf copy;
} scan;

/* add_score adds a score as Redis prints it here. */
static void add_score(scan *s, double score) {
    char text[DBX_NUM_REAL_TEXT_MAX];
    size_t len =
        s->listpack ? dbx_num_real_to_text(score, text) : dbx_num_real_to_17_digits(score, text);
    dbx_scan_add(&s->found, dbx_slice_of(text, len));
}

/* add_item adds a member that matches, and what belongs to it. */
static int add_item(dbx_ctx *ctx, scan *s, const dbx_members_item *item) {
    dbx_view *view = dbx_txn_view(ctx->txn);
    dbx_slice bytes;
    int rc = dbx_cell_load(view, &item->member, &s->copy, &bytes);
    if (rc != DBX_OK || !dbx_scan_matches(s->options.match, bytes)) return rc;
    dbx_scan_add(&s->found, bytes);
    if (s->k->meta.type == DBX_ZSET) add_score(s, item->score);
    if (s->k->meta.type != DBX_HASH || s->options.novalues) return DBX_OK;
    rc = dbx_cell_load(view, &item->value, &s->copy, &bytes);
    if (rc == DBX_OK) dbx_scan_add(&s->found, bytes);
    return rc;
}

/* walk looks at the next COUNT members; those that have one hash come in one call. What is inline
 * comes in one call whole, as does a sorted set that Redis has as a listpack, whatever the cursor:
 * how its scores are printed might change from one call to the next. */
static int walk(dbx_ctx *ctx, scan *s) {
    dbx_members members;
    dbx_members_item item;
    uint64_t last = 0, from = s->options.cursor;
    int64_t examined = 0;
    bool whole = s->k->meta.cid == 0 || (s->listpack && s->k->meta.type == DBX_ZSET);
    s->options.cursor = 0;
    if (!whole && from >= DBX_SCAN_HASH_END) return DBX_OK;
    int rc = dbx_members_open(&members, ctx->txn, s->k, whole ? 0 : from);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_members_next(&members, &item)) == DBX_OK) {
        bool full = examined++ >= s->options.count || dbx_scan_full(&s->found);
        if (full && !whole && item.hash != last) {
            s->options.cursor = item.hash;
            break;
        }
        rc = add_item(ctx, s, &item);
        if (rc != DBX_OK) break;
        last = item.hash;
    }
    dbx_members_close(&members);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_scan_members(dbx_ctx *ctx, dbx_args *args, uint8_t type, unsigned extra, dbx_reply *out) {
    dbx_key k;
    scan s = {.options = dbx_scan_args_default(), .k = &k};
    int rc;
    dbx_slice name = dbx_args_next(args);
    if (!dbx_scan_cursor(args, &s.options, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, type, &k, out, &rc)) return rc;
    if (k.exists) {
        if (!dbx_scan_options(args, extra, &s.options, out)) return DBX_OK;
        s.listpack = k.meta.encoding == DBX_ENCODING_LISTPACK;
        rc = walk(ctx, &s);
    } else {
        s.options.cursor = 0;
    }
    dbx_buf_free(&s.copy);
    return dbx_scan_reply(rc, s.options.cursor, &s.found, out);
}
