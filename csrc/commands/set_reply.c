/* set_reply.c: see set_reply.h. */
#include "commands/set_reply.h"

typedef struct members_walker {
    dbx_walker base;
    dbx_set_walk walk;
} members_walker;

static int members_next(dbx_walker *base, dbx_reply *out) {
    dbx_dict_item item;
    int rc = dbx_set_walk_next(&((members_walker *)base)->walk, &item);
    if (rc == DBX_OK) dbx_walker_cell(base, &item.member, out);
    return rc;
}

static int members_move(dbx_walker *base, dbx_view *view) {
    return dbx_set_walk_move(&((members_walker *)base)->walk, view);
}

static void members_close(dbx_walker *base) {
    dbx_set_walk_close(&((members_walker *)base)->walk);
}

int dbx_set_reply(dbx_ctx *ctx, const dbx_key *k, dbx_kind kind, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(members_walker), members_next, members_move,
                                       members_close};
    members_walker walker = {.base = {.ops = &ops}};
    int rc = dbx_set_walk_open(&walker.walk, dbx_txn_view(ctx->txn), k, 0);
    if (rc != DBX_OK) return rc;
    out->ops->open(out, kind, k->exists ? (size_t)k->meta.count : 0);
    return dbx_walker_reply(ctx, &walker.base, out);
}
