/* walker.c: see walker.h. */
#include "commands/walker.h"

#include "base/alloc.h"

/* A walk that goes on while the client takes its reply. */
typedef struct walk_source {
    dbx_source base;
    dbx_view *view;      /* owned */
    unsigned containers; /* to be closed at the end */
    dbx_walker *walker;
} walk_source;

void dbx_walker_cell(dbx_walker *walker, const dbx_cell *cell, dbx_reply *out) {
    if (!dbx_cell_is_long(cell)) {
        out->ops->bulk(out, dbx_cell_slice(cell));
        return;
    }
    out->ops->bulk_open(out, (size_t)cell->len);
    walker->rest = *cell;
    walker->rest_at = 0;
}

void dbx_walker_part(dbx_walker *walker, dbx_chunks chunks, uint64_t at, uint64_t len,
                     dbx_reply *out) {
    out->ops->bulk_open(out, (size_t)len);
    walker->rest = (dbx_cell){.len = at + len, .chunks = chunks};
    walker->rest_at = at;
}

/* walk_some writes until about `budget` bytes are in `out`: 1, or 0 at the end. */
static int walk_some(dbx_walker *walker, dbx_reply *out, size_t budget) {
    size_t begin = out->out->len;
    while (out->out->len - begin < budget && !out->out->failed) {
        int rc;
        if (walker->rest_at < walker->rest.len) {
            dbx_slice part;
            rc = dbx_chunks_part(walker->view, walker->rest.chunks, walker->rest_at,
                                 walker->rest.len, &part);
            if (rc != DBX_OK) return rc;
            out->ops->bulk_part(out, part);
            walker->rest_at += part.len;
            continue;
        }
        rc = walker->ops->next(walker, out);
        if (rc == DBX_ENOTFOUND) return 0;
        if (rc != DBX_OK) return rc;
    }
    return out->out->failed ? DBX_ENOMEM : 1;
}

static void close_containers(dbx_reply *out, unsigned count) {
    while (count-- > 0)
        out->ops->close(out);
}

static int source_produce(dbx_source *base, dbx_reply *out, size_t budget) {
    walk_source *source = (walk_source *)base;
    int rc = walk_some(source->walker, out, budget);
    if (rc == 0) close_containers(out, source->containers);
    return rc;
}

static void source_destroy(dbx_source *base) {
    walk_source *source = (walk_source *)base;
    if (source->walker != NULL) {
        source->walker->ops->close(source->walker);
        dbx_alloc_free(source->walker);
    }
    if (source->view != NULL) dbx_view_close(source->view);
    dbx_alloc_free(source);
}

/* stream hands what is left of the walk to a source. */
static int stream(dbx_ctx *ctx, dbx_walker *walker, unsigned containers, dbx_reply *out) {
    walk_source *source = dbx_alloc_zero(1, sizeof *source);
    dbx_walker *copy = dbx_alloc(walker->ops->size);
    dbx_view *view = dbx_view_open(ctx->txn);
    int rc = source == NULL || copy == NULL || view == NULL ? DBX_ENOMEM : DBX_OK;
    if (rc == DBX_OK) rc = walker->ops->move(walker, view);
    if (rc != DBX_OK) {
        if (view != NULL) dbx_view_close(view);
        walker->ops->close(walker);
        dbx_alloc_free(copy);
        dbx_alloc_free(source);
        return rc;
    }
    memcpy(copy, walker, walker->ops->size);
    copy->view = view;
    *source = (walk_source){.base = {source_produce, source_destroy},
                            .view = view,
                            .containers = containers,
                            .walker = copy};
    dbx_reply_stream(out, &source->base);
    return DBX_OK;
}

static int reply(dbx_ctx *ctx, dbx_walker *walker, unsigned containers, dbx_reply *out) {
    walker->view = dbx_txn_view(ctx->txn);
    int rc = walk_some(walker, out, DBX_WALKER_BYTES);
    if (rc == 1) return stream(ctx, walker, containers, out);
    walker->ops->close(walker);
    if (rc == 0) close_containers(out, containers);
    return rc;
}

int dbx_walker_reply(dbx_ctx *ctx, dbx_walker *walker, dbx_reply *out) {
    return reply(ctx, walker, 1 + walker->around, out);
}

int dbx_walker_reply_bare(dbx_ctx *ctx, dbx_walker *walker, dbx_reply *out) {
    return reply(ctx, walker, false, out);
}

int dbx_walker_try(dbx_ctx *ctx, dbx_walker *walker, dbx_reply *out) {
    walker->view = dbx_txn_view(ctx->txn);
    return walk_some(walker, out, DBX_WALKER_BYTES);
}

/* --- One cell -------------------------------------------------------------------------------- */

static int no_next(dbx_walker *walker, dbx_reply *out) {
    (void)walker;
    (void)out;
    return DBX_ENOTFOUND;
}

static int no_move(dbx_walker *walker, dbx_view *view) {
    (void)walker;
    (void)view;
    return DBX_OK;
}

static void no_close(dbx_walker *walker) {
    (void)walker;
}

int dbx_walker_reply_cell(dbx_ctx *ctx, const dbx_cell *cell, dbx_reply *out) {
    static const dbx_walker_ops ops = {sizeof(dbx_walker), no_next, no_move, no_close};
    dbx_walker walker = {.ops = &ops};
    dbx_walker_cell(&walker, cell, out);
    return dbx_cell_is_long(cell) ? reply(ctx, &walker, 0, out) : DBX_OK;
}
