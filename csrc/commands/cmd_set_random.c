/* cmd_set_random.c: members of a set drawn at random: SPOP and SRANDMEMBER.
 *
 * Every draw is exact: each member, and each subset of the size asked for, is equally likely. A
 * few of many are drawn one by one; a large part is chosen in one walk over all members, so that
 * neither they nor the reply need memory: the same generator, begun again, chooses the same ones.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/num.h"
#include "commands/lookup.h"
#include "commands/set_reply.h"
#include "commands/table.h"
#include "types/sampler.h"
#include "types/t_set.h"

/* With a count of at least size / PART the members are chosen in a walk. */
enum { PART = 3 };

/* --- A large part, chosen in a walk ---------------------------------------------------------- */

typedef struct picker {
    dbx_rand rand;
    uint64_t left, wanted; /* members still to be looked at, and of them to be chosen */
} picker;

static picker picker_of(dbx_ctx *ctx, uint64_t members, uint64_t wanted) {
    picker p = {.left = members, .wanted = wanted};
    dbx_rand_seed_with(&p.rand, dbx_rand_u64(dbx_txn_rand(ctx->txn)));
    return p;
}

/* pick says whether the next member is chosen. */
static bool pick(picker *p) {
    bool chosen = dbx_rand_below(&p->rand, p->left--) < p->wanted;
    if (chosen) p->wanted--;
    return chosen;
}

/* next_picked gives the next member that is chosen; DBX_ENOTFOUND: that were all. */
static int next_picked(dbx_set_walk *walk, picker *p, dbx_dict_item *item) {
    int rc;
    if (p->wanted == 0) return DBX_ENOTFOUND;
    do {
        rc = dbx_set_walk_next(walk, item);
        if (rc == DBX_OK && p->left == 0) rc = DBX_ECORRUPT;
    } while (rc == DBX_OK && !pick(p));
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

typedef struct picks_walker {
    dbx_walker base;
    dbx_set_walk walk;
    picker picker;
} picks_walker;

static int picks_next(dbx_walker *base, dbx_reply *out) {
    picks_walker *walker = (picks_walker *)base;
    dbx_dict_item item;
    int rc = next_picked(&walker->walk, &walker->picker, &item);
    if (rc == DBX_OK) dbx_walker_cell(base, &item.member, out);
    return rc;
}

static int picks_move(dbx_walker *base, dbx_view *view) {
    return dbx_set_walk_move(&((picks_walker *)base)->walk, view);
}

static void picks_close(dbx_walker *base) {
    dbx_set_walk_close(&((picks_walker *)base)->walk);
}

static int reply_picked(dbx_ctx *ctx, const dbx_key *k, picker p, dbx_kind kind, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(picks_walker), picks_next, picks_move, picks_close};
    picks_walker walker = {.base = {.ops = &ops}, .picker = p};
    int rc = dbx_set_walk_open(&walker.walk, dbx_txn_view(ctx->txn), k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, kind, (size_t)p.wanted);
    return dbx_walker_reply(ctx, &walker.base, out);
}

/* --- SPOP ------------------------------------------------------------------------------------ */

/* srem_effect journals the removal of the members of a batch. */
static int srem_effect(dbx_ctx *ctx, dbx_slice key, const dbx_set_batch *batch) {
    dbx_slice words[2 + DBX_SET_BATCH] = {dbx_slice_str("SREM"), key};
    dbx_buf bytes = {0};
    int rc = DBX_OK;
    for (size_t i = 0; rc == DBX_OK && i < batch->count; i++) {
        dbx_cell member = dbx_set_batch_at(batch, i).member;
        if (dbx_cell_is_long(&member)) { /* by itself, so that one alone is in memory */
            rc = dbx_cell_load(dbx_txn_view(ctx->txn), &member, &bytes, &words[2]);
            if (rc == DBX_OK) rc = dbx_txn_effect(ctx->txn, ctx->db, 3, words);
        }
    }
    dbx_buf_free(&bytes);
    size_t n = 2;
    for (size_t i = 0; i < batch->count; i++) {
        dbx_cell member = dbx_set_batch_at(batch, i).member;
        if (!dbx_cell_is_long(&member)) words[n++] = dbx_cell_slice(&member);
    }
    return rc == DBX_OK && n > 2 ? dbx_txn_effect(ctx->txn, ctx->db, n, words) : rc;
}

/* remove_batch removes and journals the members of a batch, and empties it. */
static int remove_batch(dbx_ctx *ctx, dbx_edit *edit, dbx_set_batch *batch) {
    int rc = srem_effect(ctx, edit->k->name, batch);
    for (size_t i = 0; rc == DBX_OK && i < batch->count; i++) {
        dbx_dict_item item = dbx_set_batch_at(batch, i);
        rc = dbx_set_del_item(edit, &item);
    }
    dbx_set_batch_clear(batch);
    return rc;
}

static int spop_picked(dbx_ctx *ctx, dbx_key *k, picker p, dbx_set_batch *batch, dbx_reply *out) {
    dbx_edit edit;
    dbx_set_walk walk;
    dbx_dict_item item;
    int rc = reply_picked(ctx, k, p, DBX_SET, out);
    if (rc != DBX_OK) return rc;
    rc = dbx_set_walk_open(&walk, dbx_txn_view(ctx->txn), k, 0);
    if (rc != DBX_OK) return rc;
    rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, k);
    while (rc == DBX_OK && (rc = next_picked(&walk, &p, &item)) == DBX_OK) {
        rc = dbx_set_batch_add(batch, &item);
        if (rc == DBX_OK && dbx_set_batch_full(batch)) rc = remove_batch(ctx, &edit, batch);
    }
    if (rc == DBX_ENOTFOUND) rc = remove_batch(ctx, &edit, batch);
    dbx_set_walk_close(&walk);
    return dbx_edit_close(&edit, rc);
}

/* reply_member writes a member of any length at once: it is removed before the reply leaves. */
static int reply_member(dbx_ctx *ctx, const dbx_cell *member, dbx_reply *out) {
    dbx_view *view = dbx_txn_view(ctx->txn);
    if (!dbx_cell_is_long(member)) {
        out->ops->bulk(out, dbx_cell_slice(member));
        return DBX_OK;
    }
    out->ops->bulk_open(out, (size_t)member->len);
    for (uint64_t at = 0; at < member->len;) {
        dbx_slice part;
        int rc = dbx_chunks_part(view, member->chunks, at, member->len, &part);
        if (rc != DBX_OK) return rc;
        out->ops->bulk_part(out, part);
        at += part.len;
    }
    return DBX_OK;
}

/* spop_drawn draws and removes `wanted` members of a large set. */
static int spop_drawn(dbx_ctx *ctx, dbx_key *k, uint64_t wanted, dbx_set_batch *batch,
                      dbx_reply *out) {
    dbx_edit edit;
    int rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, k);
    out->ops->open(out, DBX_SET, (size_t)wanted);
    for (; rc == DBX_OK && wanted > 0; wanted--) {
        dbx_dict_item item;
        rc = dbx_set_random(ctx->txn, k, &item);
        if (rc != DBX_OK) break;
        rc = reply_member(ctx, &item.member, out);
        if (rc == DBX_OK) rc = dbx_set_batch_add(batch, &item);
        bool last = wanted == 1 || dbx_cell_is_long(&item.member) || dbx_set_batch_full(batch);
        if (rc == DBX_OK && last) {
            rc = srem_effect(ctx, k->name, batch);
            dbx_set_batch_clear(batch);
        }
        if (rc == DBX_OK) rc = dbx_set_del_item(&edit, &item);
    }
    out->ops->close(out);
    return dbx_edit_close(&edit, rc);
}

static int spop_count(dbx_ctx *ctx, dbx_key *k, uint64_t wanted, dbx_reply *out) {
    if (!k->exists || wanted == 0) {
        out->ops->open(out, DBX_SET, 0);
        out->ops->close(out);
        return DBX_OK;
    }
    if (wanted >= k->meta.count) {
        int rc = dbx_set_reply(ctx, k, DBX_SET, out);
        return rc == DBX_OK ? dbx_effect_remove(ctx, k) : rc;
    }
    dbx_set_batch *batch = dbx_alloc_zero(1, sizeof *batch);
    if (batch == NULL) return DBX_ENOMEM;
    bool walk = k->meta.cid == 0 || wanted >= k->meta.count / PART;
    int rc = walk ? spop_picked(ctx, k, picker_of(ctx, k->meta.count, wanted), batch, out)
                  : spop_drawn(ctx, k, wanted, batch, out);
    dbx_set_batch_free(batch);
    dbx_alloc_free(batch);
    return rc;
}

static int spop_one(dbx_ctx *ctx, dbx_key *k, dbx_reply *out) {
    dbx_dict_item item;
    dbx_edit edit;
    dbx_buf bytes = {0};
    dbx_slice member;
    int rc = dbx_set_random(ctx->txn, k, &item);
    if (rc == DBX_OK) rc = dbx_walker_reply_cell(ctx, &item.member, out);
    if (rc == DBX_OK) rc = dbx_cell_load(dbx_txn_view(ctx->txn), &item.member, &bytes, &member);
    if (rc == DBX_OK) rc = dbx_effect_words(ctx, dbx_slice_str("SREM"), k->name, member);
    dbx_buf_free(&bytes);
    if (rc != DBX_OK) return rc;
    rc = dbx_set_edit(&edit, ctx->txn, ctx->encodings, k);
    if (rc == DBX_OK) rc = dbx_set_del_item(&edit, &item);
    return dbx_edit_close(&edit, rc);
}

static int cmd_spop(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    int rc;
    int64_t wanted = 0;
    dbx_slice name = dbx_args_next(args);
    bool counted = dbx_args_left(args) > 0;
    if (dbx_args_left(args) > 1) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (counted && (!dbx_num_from_slice(dbx_args_next(args), &wanted) || wanted < 0)) {
        dbx_args_fail(args, "ERR value is out of range, must be positive");
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_SETTYPE, &k, out, &rc)) return rc;
    if (counted) return spop_count(ctx, &k, (uint64_t)wanted, out);
    if (k.exists) return spop_one(ctx, &k, out);
    out->ops->null(out);
    return DBX_OK;
}

/* --- SRANDMEMBER ----------------------------------------------------------------------------- */

/* Draws, one by one, of the same state however long the client takes. */
typedef struct draws_walker {
    dbx_walker base;
    dbx_rand rand;
    uint64_t left;      /* to be drawn */
    uint64_t count;     /* members there are */
    uint64_t *seen;     /* owned: hashes of what was drawn, where no member may come twice */
    uint64_t seen_mask; /* a power of two less one */
    dbx_buf packed;     /* owned: an inline set */
    dbx_sampler *live;  /* of a large one, in the live view */
    dbx_sampler own;    /* in another */
} draws_walker;

/* is_new notes a member that was drawn. Two with one hash of 64 bits are not told apart. */
static bool is_new(draws_walker *walker, dbx_slice place) {
    uint64_t hash = dbx_hash_bytes(place, 0) | 1;
    uint64_t at = hash >> 1 & walker->seen_mask;
    for (; walker->seen[at] != 0; at = (at + 1) & walker->seen_mask) {
        if (walker->seen[at] == hash) return false;
    }
    walker->seen[at] = hash;
    return true;
}

static int draws_next(dbx_walker *base, dbx_reply *out) {
    draws_walker *walker = (draws_walker *)base;
    dbx_sampler *sampler = walker->live != NULL ? walker->live : &walker->own;
    dbx_dict_item item;
    int rc;
    if (walker->left == 0) return DBX_ENOTFOUND;
    do {
        if (walker->packed.len > 0) {
            uint64_t n = dbx_rand_below(&walker->rand, walker->count);
            rc = dbx_set_packed_at(dbx_buf_slice(&walker->packed), n, &item.member);
        } else {
            rc = dbx_sampler_draw(sampler, &walker->rand, &item);
        }
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    } while (walker->seen != NULL && !is_new(walker, item.place));
    walker->left--;
    dbx_walker_cell(base, &item.member, out);
    return DBX_OK;
}

static int draws_move(dbx_walker *base, dbx_view *view) {
    draws_walker *walker = (draws_walker *)base;
    if (walker->live == NULL) return DBX_OK;
    dbx_dict dict = walker->live->dict;
    walker->live = NULL;
    return dbx_sampler_open(&walker->own, view, dict, walker->count);
}

static void draws_close(dbx_walker *base) {
    draws_walker *walker = (draws_walker *)base;
    dbx_alloc_free(walker->seen);
    dbx_buf_free(&walker->packed);
    dbx_sampler_close(&walker->own);
}

/* draw replies with `wanted` draws; `distinct`: of a large set, no member twice. */
static int draw(dbx_ctx *ctx, const dbx_key *k, uint64_t wanted, bool distinct, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(draws_walker), draws_next, draws_move, draws_close};
    draws_walker walker = {.base = {.ops = &ops}, .left = wanted, .count = k->meta.count};
    int rc = DBX_OK;
    dbx_rand_seed_with(&walker.rand, dbx_rand_u64(dbx_txn_rand(ctx->txn)));
    if (distinct) {
        walker.seen_mask = 1;
        while (walker.seen_mask < 2 * wanted)
            walker.seen_mask = 2 * walker.seen_mask + 1;
        walker.seen = dbx_alloc_zero((size_t)walker.seen_mask + 1, sizeof *walker.seen);
        if (walker.seen == NULL) return DBX_ENOMEM;
    }
    if (k->meta.cid == 0) {
        dbx_buf_add(&walker.packed, k->payload.ptr, k->payload.len);
        if (walker.packed.failed) rc = DBX_ENOMEM;
    } else {
        rc = dbx_sampler_live(ctx->txn, dbx_set_dict(k->meta.cid), k->meta.count, &walker.live);
    }
    if (rc != DBX_OK) {
        draws_close(&walker.base);
        return rc;
    }
    out->ops->open(out, DBX_ARRAY, (size_t)wanted);
    return dbx_walker_reply(ctx, &walker.base, out);
}

static int srandmember_count(dbx_ctx *ctx, const dbx_key *k, int64_t wanted, dbx_reply *out) {
    uint64_t count = k->exists ? k->meta.count : 0, distinct = (uint64_t)wanted;
    if (count == 0 || wanted == 0) {
        out->ops->open(out, DBX_ARRAY, 0);
        out->ops->close(out);
        return DBX_OK;
    }
    if (wanted < 0) return draw(ctx, k, 0 - (uint64_t)wanted, false, out);
    if (distinct >= count) return dbx_set_reply(ctx, k, DBX_ARRAY, out);
    if (k->meta.cid == 0 || distinct >= count / PART) {
        return reply_picked(ctx, k, picker_of(ctx, count, distinct), DBX_ARRAY, out);
    }
    return draw(ctx, k, distinct, true, out);
}

static int cmd_srandmember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    dbx_key k;
    dbx_dict_item item;
    int rc;
    int64_t wanted = 0;
    dbx_slice name = dbx_args_next(args);
    bool counted = dbx_args_left(args) > 0;
    if (dbx_args_left(args) > 1) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (counted) wanted = dbx_args_i64(args);
    if (wanted == INT64_MIN) {
        dbx_args_fail(args, "ERR value is out of range, value must between -9223372036854775807 "
                            "and 9223372036854775807");
    }
    if (!dbx_args_ok(args, out)) return DBX_OK;
    if (!dbx_lookup(ctx, name, DBX_SETTYPE, &k, out, &rc)) return rc;
    if (counted) return srandmember_count(ctx, &k, wanted, out);
    if (!k.exists) {
        out->ops->null(out);
        return DBX_OK;
    }
    rc = dbx_set_random(ctx->txn, &k, &item);
    return rc == DBX_OK ? dbx_walker_reply_cell(ctx, &item.member, out) : rc;
}

/* --- Rows ------------------------------------------------------------------------------------ */

const dbx_command dbx_cmd_set_random[] = {
    {.name = "spop",
     .group = "set",
     .syntax = "key [count@3.2.0]",
     .summary = "Removes and returns members drawn at random, each equally likely.",
     .since = "1.0.0",
     .complexity = "O(1), with a count O(N) for N members returned",
     .history = DBX_LIST("3.2.0", "`count`."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -2,
     .flags = DBX_CMD_WRITE | DBX_CMD_FAST,
     .effect = DBX_EFFECT_OWN,
     .keys = {{.flags = DBX_KEY_RW | DBX_KEY_ACCESS | DBX_KEY_DELETE,
               .begin = 1,
               .last = 0,
               .step = 1}},
     .run = cmd_spop},
    {.name = "srandmember",
     .group = "set",
     .syntax = "key [count@2.6.0]",
     .summary = "Returns members drawn at random; with a negative count some may come repeatedly.",
     .since = "1.0.0",
     .complexity = "O(1), with a count O(N) for N members returned",
     .history = DBX_LIST("2.6.0", "`count`."),
     .tips = DBX_LIST("nondeterministic_output"),
     .arity = -2,
     .flags = DBX_CMD_READONLY,
     .effect = DBX_EFFECT_NONE,
     .keys = {{.flags = DBX_KEY_RO | DBX_KEY_ACCESS, .begin = 1, .last = 0, .step = 1}},
     .run = cmd_srandmember},
    {.name = NULL},
};
