/* cmd_set_random.c: members of a set drawn at random: SPOP and SRANDMEMBER; see draw.h. */
#include "base/alloc.h"
#include "base/num.h"
#include "commands/draw.h"
#include "commands/lookup.h"
#include "commands/set_reply.h"
#include "commands/table.h"
#include "types/t_set.h"

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

/* next_picked gives the next member that is chosen; DBX_ENOTFOUND: that were all. */
static int next_picked(dbx_set_walk *walk, dbx_picker *p, dbx_dict_item *item) {
    int rc;
    if (p->wanted == 0) return DBX_ENOTFOUND;
    do {
        rc = dbx_set_walk_next(walk, item);
        if (rc == DBX_OK && p->left == 0) rc = DBX_ECORRUPT;
    } while (rc == DBX_OK && !dbx_picker_pick(p));
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

static int spop_picked(dbx_ctx *ctx, dbx_key *k, dbx_picker p, dbx_set_batch *batch,
                       dbx_reply *out) {
    dbx_edit edit;
    dbx_set_walk walk;
    dbx_dict_item item;
    int rc = dbx_picker_reply(ctx, k, p, false, DBX_SET, out);
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
    int rc = dbx_picker_worth(k, k->meta.count, wanted)
                 ? spop_picked(ctx, k, dbx_picker_of(ctx, k->meta.count, wanted), batch, out)
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

static int cmd_srandmember(dbx_ctx *ctx, dbx_args *args, dbx_reply *out) {
    if (dbx_args_left(args) > 2) dbx_args_fail(args, DBX_SYNTAX_ERROR);
    if (args->error != NULL && !dbx_args_ok(args, out)) return DBX_OK;
    return dbx_draw(ctx, args, DBX_SETTYPE, NULL, out);
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
