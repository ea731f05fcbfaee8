/* zset_args.c: see zset_args.h. */
#include "commands/zset_args.h"

#include "base/num.h"
#include "commands/walker.h"

/* --- Ranges ---------------------------------------------------------------------------------- */

static bool read_score(dbx_slice text, double *score, bool *open) {
    *open = text.len > 0 && text.ptr[0] == '(';
    if (*open) text = dbx_slice_of(text.ptr + 1, text.len - 1);
    return dbx_num_bound_from_slice(text, score);
}

bool dbx_zset_args_scores(dbx_slice min, dbx_slice max, dbx_zset_range *range, dbx_reply *out) {
    *range = (dbx_zset_range){.by_member = false};
    if (read_score(min, &range->min, &range->min_open) &&
        read_score(max, &range->max, &range->max_open)) {
        return true;
    }
    dbx_reply_error(out, "ERR min or max is not a float");
    return false;
}

static bool read_member(dbx_slice text, dbx_slice *bytes, int *end, bool *open) {
    uint8_t first = text.len > 0 ? text.ptr[0] : 0;
    *end = 0;
    *open = first == '(';
    if (first == '+' || first == '-') {
        *end = first == '+' ? 1 : -1;
        return text.len == 1;
    }
    if (first != '(' && first != '[') return false;
    *bytes = dbx_slice_of(text.ptr + 1, text.len - 1);
    return true;
}

bool dbx_zset_args_members(dbx_slice min, dbx_slice max, dbx_zset_range *range, dbx_reply *out) {
    *range = (dbx_zset_range){.by_member = true};
    if (read_member(min, &range->min_bytes, &range->min_end, &range->min_open) &&
        read_member(max, &range->max_bytes, &range->max_end, &range->max_open)) {
        return true;
    }
    dbx_reply_error(out, "ERR min or max not valid string range item");
    return false;
}

void dbx_zset_args_interval(int64_t start, int64_t stop, uint64_t count, uint64_t *low,
                            uint64_t *high) {
    int64_t len = (int64_t)count;
    if (start < 0) start += len;
    if (stop < 0) stop += len;
    if (start < 0) start = 0;
    if (stop >= len) stop = len - 1;
    *low = *high = 0;
    if (start > stop || start >= len) return;
    *low = (uint64_t)start;
    *high = (uint64_t)stop + 1;
}

/* --- Replies --------------------------------------------------------------------------------- */

typedef struct members_walker {
    dbx_walker base;
    uint64_t left;
    bool scores, score_due; /* asked for; the member was written, its score was not */
    double score;
    dbx_zset_walk walk;
} members_walker;

static int members_next(dbx_walker *base, dbx_reply *out) {
    members_walker *walker = (members_walker *)base;
    dbx_zset_item item;
    if (walker->score_due) {
        walker->score_due = false;
        out->ops->real(out, walker->score);
        return DBX_OK;
    }
    if (walker->left == 0) return DBX_ENOTFOUND;
    int rc = dbx_zset_walk_next(&walker->walk, &item);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    walker->left--;
    walker->score_due = walker->scores;
    walker->score = item.score;
    dbx_walker_cell(base, &item.member, out);
    return DBX_OK;
}

static int members_move(dbx_walker *base, dbx_view *view) {
    return dbx_zset_walk_move(&((members_walker *)base)->walk, view);
}

static void members_close(dbx_walker *base) {
    dbx_zset_walk_close(&((members_walker *)base)->walk);
}

int dbx_zset_reply(dbx_ctx *ctx, const dbx_key *k, uint64_t index, uint64_t count, bool back,
                   bool scores, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(members_walker), members_next, members_move,
                                       members_close};
    members_walker walker;
    walker.base = (dbx_walker){.ops = &ops};
    walker.left = count;
    walker.scores = scores;
    walker.score_due = false;
    int rc = dbx_zset_walk_at(&walker.walk, ctx->txn, k, index, back);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, scores ? DBX_PAIRS : DBX_ARRAY, (size_t)count);
    return dbx_walker_reply(ctx, &walker.base, out);
}

/* --- Changing -------------------------------------------------------------------------------- */

void dbx_zset_replace(dbx_zset_edit *edit, dbx_ctx *ctx, dbx_key *k, uint64_t elements) {
    edit->base =
        (dbx_edit){.txn = ctx->txn, .encodings = ctx->encodings, .k = k, .changed = k->exists};
    dbx_key_reset(k, DBX_ZSET, DBX_ENCODING_LISTPACK);
    dbx_rank_init(&edit->rank, ctx->txn, 0, 0);
    dbx_zset_note_size(edit, elements, 0);
}

/* load copies a member out of the map. */
static int load(dbx_txn *txn, const dbx_cell *member, dbx_buf *copy, dbx_slice *bytes) {
    int rc = dbx_cell_load(dbx_txn_view(txn), member, copy, bytes);
    if (rc != DBX_OK || dbx_cell_is_long(member)) return rc;
    copy->len = 0;
    dbx_buf_add(copy, bytes->ptr, bytes->len);
    *bytes = dbx_slice_of(copy->ptr != NULL ? copy->ptr : (const uint8_t *)"", copy->len);
    return copy->failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_zset_add(dbx_zset_edit *edit, const dbx_cell *member, double score, dbx_buf *copy) {
    dbx_zset_slot slot;
    dbx_slice bytes;
    int rc = load(edit->base.txn, member, copy, &bytes);
    if (rc == DBX_OK) rc = dbx_zset_find(edit, bytes, &slot);
    return rc == DBX_OK ? dbx_zset_put(edit, &slot, score) : rc;
}

int dbx_zset_take(dbx_zset_edit *edit, const dbx_zset_item *item, dbx_rank_end end, dbx_buf *copy) {
    dbx_zset_slot slot;
    dbx_slice bytes;
    int rc = load(edit->base.txn, &item->member, copy, &bytes);
    if (rc == DBX_OK) rc = dbx_zset_know(edit, bytes, item->score, &slot);
    return rc == DBX_OK ? dbx_zset_del(edit, &slot, end) : rc;
}
