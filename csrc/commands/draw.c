/* draw.c: see draw.h. */
#include "commands/draw.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "commands/lookup.h"
#include "commands/walker.h"
#include "types/members.h"

/* With a count of at least size / PART the members are chosen in a walk. */
enum { PART = 3 };

/* --- Members with what belongs to them ------------------------------------------------------- */

/* What both replies below begin with. */
typedef struct member_walker {
    dbx_walker base;
    uint8_t type;
    bool with;     /* values or scores are asked for */
    bool rest_due; /* the member was written, these were not */
    dbx_members_item item;
    dbx_buf kept; /* owned: what is due, in another view than it was found in */
} member_walker;

static void write_member(member_walker *w, dbx_reply *out) {
    w->rest_due = w->with;
    dbx_walker_cell(&w->base, &w->item.member, out);
}

/* write_rest writes what belongs to the member that was written. */
static bool write_rest(member_walker *w, dbx_reply *out) {
    if (!w->rest_due) return false;
    w->rest_due = false;
    if (w->type == DBX_ZSET) {
        out->ops->real(out, w->item.score);
    } else {
        dbx_walker_cell(&w->base, &w->item.value, out);
    }
    return true;
}

static int keep_rest(member_walker *w) {
    if (!w->rest_due || w->type != DBX_HASH) return DBX_OK;
    return dbx_cell_keep(&w->item.value, &w->kept);
}

/* --- A large part, chosen in a walk ---------------------------------------------------------- */

bool dbx_picker_worth(const dbx_key *k, uint64_t members, uint64_t wanted) {
    return k->meta.cid == 0 || wanted >= members / PART;
}

dbx_picker dbx_picker_of(dbx_ctx *ctx, uint64_t members, uint64_t wanted) {
    dbx_picker p = {.left = members, .wanted = wanted};
    dbx_rand_seed_with(&p.rand, dbx_rand_u64(dbx_txn_rand(ctx->txn)));
    return p;
}

bool dbx_picker_pick(dbx_picker *p) {
    bool chosen = dbx_rand_below(&p->rand, p->left--) < p->wanted;
    if (chosen) p->wanted--;
    return chosen;
}

typedef struct picks_walker {
    member_walker member;
    dbx_members members;
    dbx_picker picker;
} picks_walker;

static int picks_next(dbx_walker *base, dbx_reply *out) {
    picks_walker *w = (picks_walker *)base;
    int rc;
    if (write_rest(&w->member, out)) return DBX_OK;
    if (w->picker.wanted == 0) return DBX_ENOTFOUND;
    do {
        rc = dbx_members_next(&w->members, &w->member.item);
        if (rc == DBX_OK && w->picker.left == 0) rc = DBX_ECORRUPT;
    } while (rc == DBX_OK && !dbx_picker_pick(&w->picker));
    if (rc == DBX_OK) write_member(&w->member, out);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

static int picks_move(dbx_walker *base, dbx_view *view) {
    picks_walker *w = (picks_walker *)base;
    int rc = keep_rest(&w->member);
    return rc == DBX_OK ? dbx_members_move(&w->members, view) : rc;
}

static void picks_close(dbx_walker *base) {
    picks_walker *w = (picks_walker *)base;
    dbx_buf_free(&w->member.kept);
    dbx_members_close(&w->members);
}

int dbx_picker_reply(dbx_ctx *ctx, const dbx_key *k, dbx_picker picker, bool with, dbx_kind kind,
                     dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(picks_walker), picks_next, picks_move, picks_close};
    picks_walker w = {.member = {.base = {.ops = &ops}, .type = k->meta.type, .with = with},
                      .picker = picker};
    int rc = dbx_members_open(&w.members, ctx->txn, k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, kind, (size_t)picker.wanted);
    return dbx_walker_reply(ctx, &w.member.base, out);
}

/* --- A few, drawn one by one ----------------------------------------------------------------- */

/* Draws of the same state however long the client takes. */
typedef struct draws_walker {
    member_walker member;
    dbx_draws draws;
    dbx_rand rand;
    uint64_t left;      /* to be drawn */
    uint64_t *seen;     /* owned: hashes of what was drawn, where no member may come twice */
    uint64_t seen_mask; /* a power of two less one */
} draws_walker;

/* is_new notes a member that was drawn. Two with one hash of 64 bits are not told apart. */
static bool is_new(draws_walker *w, dbx_slice place) {
    uint64_t hash = dbx_hash_bytes(place, 0) | 1;
    uint64_t at = hash >> 1 & w->seen_mask;
    for (; w->seen[at] != 0; at = (at + 1) & w->seen_mask) {
        if (w->seen[at] == hash) return false;
    }
    w->seen[at] = hash;
    return true;
}

static int draws_next(dbx_walker *base, dbx_reply *out) {
    draws_walker *w = (draws_walker *)base;
    if (write_rest(&w->member, out)) return DBX_OK;
    if (w->left == 0) return DBX_ENOTFOUND;
    do {
        int rc = dbx_draws_next(&w->draws, &w->rand, &w->member.item);
        if (rc != DBX_OK) return rc;
    } while (w->seen != NULL && !is_new(w, w->member.item.place));
    w->left--;
    write_member(&w->member, out);
    return DBX_OK;
}

static int draws_move(dbx_walker *base, dbx_view *view) {
    draws_walker *w = (draws_walker *)base;
    int rc = keep_rest(&w->member);
    return rc == DBX_OK ? dbx_draws_move(&w->draws, view) : rc;
}

static void draws_close(dbx_walker *base) {
    draws_walker *w = (draws_walker *)base;
    dbx_alloc_free(w->seen);
    dbx_buf_free(&w->member.kept);
    dbx_draws_close(&w->draws);
}

/* reply_drawn replies with `wanted` draws; `distinct`: of a large value, no member twice. */
static int reply_drawn(dbx_ctx *ctx, const dbx_key *k, uint64_t wanted, bool distinct, bool with,
                       dbx_kind kind, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(draws_walker), draws_next, draws_move, draws_close};
    draws_walker w = {.member = {.base = {.ops = &ops}, .type = k->meta.type, .with = with},
                      .left = wanted};
    dbx_rand_seed_with(&w.rand, dbx_rand_u64(dbx_txn_rand(ctx->txn)));
    if (distinct) {
        w.seen_mask = 1;
        while (w.seen_mask < 2 * wanted)
            w.seen_mask = 2 * w.seen_mask + 1;
        w.seen = dbx_alloc_zero((size_t)w.seen_mask + 1, sizeof *w.seen);
        if (w.seen == NULL) return DBX_ENOMEM;
    }
    int rc = dbx_draws_open(&w.draws, ctx->txn, k);
    if (rc != DBX_OK) {
        draws_close(&w.member.base);
        return rc;
    }
    out->ops->open(out, kind, (size_t)wanted);
    return dbx_walker_reply(ctx, &w.member.base, out);
}

/* --- The commands ---------------------------------------------------------------------------- */

static int draw_one(dbx_ctx *ctx, const dbx_key *k, uint64_t members, dbx_reply *out) {
    dbx_draws draws;
    dbx_members_item item;
    if (members == 0) {
        out->ops->null(out);
        return DBX_OK;
    }
    int rc = dbx_draws_open(&draws, ctx->txn, k);
    if (rc != DBX_OK) return rc;
    rc = dbx_draws_next(&draws, dbx_txn_rand(ctx->txn), &item);
    if (rc == DBX_OK) rc = dbx_walker_reply_cell(ctx, &item.member, out);
    dbx_draws_close(&draws);
    return rc;
}

static int draw_count(dbx_ctx *ctx, const dbx_key *k, uint64_t members, int64_t count, bool with,
                      dbx_reply *out) {
    dbx_kind kind = with ? DBX_PAIRS : DBX_ARRAY;
    uint64_t wanted = (uint64_t)count;
    if (members == 0 || count == 0) {
        out->ops->open(out, kind, 0);
        out->ops->close(out);
        return DBX_OK;
    }
    if (count < 0) return reply_drawn(ctx, k, 0 - wanted, false, with, kind, out);
    if (wanted > members) wanted = members;
    if (dbx_picker_worth(k, members, wanted)) {
        dbx_picker picker = dbx_picker_of(ctx, members, wanted);
        return dbx_picker_reply(ctx, k, picker, with, kind, out);
    }
    return reply_drawn(ctx, k, wanted, true, with, kind, out);
}

/* count_of reads what follows the key; where two elements are replied for one, a count may be half
 * as much. */
static bool count_of(dbx_args *args, const char *with, int64_t *count, bool *is_with,
                     dbx_reply *out) {
    *count = dbx_args_i64(args);
    if (*count == INT64_MIN) {
        dbx_args_fail(args, "ERR value is out of range, value must between "
                            "-9223372036854775807 and 9223372036854775807");
    }
    if (!dbx_args_ok(args, out)) return false;
    *is_with = with != NULL && dbx_args_left(args) > 0 && dbx_args_word(args, with);
    if (!dbx_args_end(args, out)) return false;
    if (!*is_with || (*count >= -INT64_MAX / 2 && *count <= INT64_MAX / 2)) return true;
    dbx_reply_error(out, "ERR value is out of range");
    return false;
}

int dbx_draw(dbx_ctx *ctx, dbx_args *args, uint8_t type, const char *with, dbx_reply *out) {
    dbx_key k;
    int64_t count = 0;
    uint64_t members;
    bool is_with = false;
    int rc;
    dbx_slice name = dbx_args_next(args);
    bool counted = dbx_args_left(args) > 0;
    if (counted && !count_of(args, with, &count, &is_with, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, type, &k, out, &rc)) return rc;
    rc = dbx_members_count(ctx->txn, &k, &members);
    if (rc != DBX_OK) return rc;
    return counted ? draw_count(ctx, &k, members, count, is_with, out)
                   : draw_one(ctx, &k, members, out);
}
