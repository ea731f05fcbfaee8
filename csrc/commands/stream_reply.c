/* stream_reply.c: see stream_reply.h. */
#include "commands/stream_reply.h"

#include "base/alloc.h"
#include "commands/stream_args.h"

/* --- One part -------------------------------------------------------------------------------- */

int dbx_stream_writer_open(dbx_stream_writer *writer, dbx_view *view, const dbx_stream_part *part) {
    writer->part = *part;
    writer->given = 0;
    writer->in_entry = false;
    writer->walk.cursor = NULL;
    writer->pending.cursor = NULL;
    if (part->source == DBX_STREAM_RANGE) {
        return dbx_stream_walk_open(&writer->walk, view, part->cid, part->from, part->to,
                                    part->back);
    }
    if (part->source == DBX_STREAM_LISTED) return DBX_OK;
    return dbx_stream_pending_walk_open(&writer->pending, view, part->cid, part->group,
                                        part->consumer, part->from, false);
}

/* next_entry gives the next id, and its entry; *gone: there is none any more. */
static int next_entry(dbx_stream_writer *writer, dbx_view *view, dbx_stream_id *id,
                      dbx_slice *value, bool *gone) {
    const dbx_stream_part *part = &writer->part;
    *gone = false;
    if (writer->given == part->limit) return DBX_ENOTFOUND;
    if (part->source == DBX_STREAM_RANGE) return dbx_stream_walk_next(&writer->walk, id, value);
    if (part->source == DBX_STREAM_LISTED) {
        if (writer->given == part->total) return DBX_ENOTFOUND;
        *id = part->ids[writer->given];
    } else {
        dbx_stream_pending pending;
        int rc = dbx_stream_pending_walk_next(&writer->pending, view, &pending);
        if (rc != DBX_OK) return rc;
        *id = pending.id;
    }
    int rc = dbx_stream_get(view, part->cid, *id, value);
    *gone = rc == DBX_ENOTFOUND;
    return *gone ? DBX_OK : rc;
}

/* write_strings writes what is left of an entry: all of a short one, the next string of a long one.
 */
static int write_strings(dbx_stream_writer *writer, dbx_walker *walker, dbx_reply *out) {
    dbx_stream_entry *entry = &writer->entry;
    while (entry->left > 0) {
        dbx_stream_string string;
        int rc = dbx_stream_entry_next(entry, walker->view, &string);
        if (rc != DBX_OK) return rc;
        if (string.ptr == NULL) {
            dbx_walker_part(walker, entry->chunks, string.at, string.len, out);
            return DBX_OK;
        }
        out->ops->bulk(out, dbx_slice_of(string.ptr, (size_t)string.len));
    }
    out->ops->close(out);
    out->ops->close(out);
    writer->in_entry = false;
    return DBX_OK;
}

int dbx_stream_writer_next(dbx_stream_writer *writer, dbx_walker *walker, dbx_reply *out) {
    dbx_stream_id id;
    dbx_slice value;
    bool gone;
    if (writer->in_entry) return write_strings(writer, walker, out);
    int rc = next_entry(writer, walker->view, &id, &value, &gone);
    if (rc != DBX_OK) return rc;
    writer->given++;
    out->ops->open(out, DBX_ARRAY, 2);
    dbx_stream_args_id_reply(id, out);
    if (gone) {
        out->ops->null_array(out);
        out->ops->close(out);
        return DBX_OK;
    }
    rc = dbx_stream_entry_open(&writer->entry, walker->view, writer->part.cid, value);
    if (rc != DBX_OK) return rc;
    writer->in_entry = true;
    out->ops->open(out, DBX_ARRAY, (size_t)writer->entry.left);
    return write_strings(writer, walker, out);
}

int dbx_stream_writer_count(dbx_view *view, const dbx_stream_part *part, uint64_t *count) {
    dbx_stream_writer writer;
    dbx_stream_id id;
    dbx_stream_pending pending;
    dbx_slice value;
    int rc = dbx_stream_writer_open(&writer, view, part);
    for (*count = 0; rc == DBX_OK && *count < part->limit; *count += rc == DBX_OK) {
        rc = part->source == DBX_STREAM_RANGE
                 ? dbx_stream_walk_next(&writer.walk, &id, &value)
                 : dbx_stream_pending_walk_next(&writer.pending, view, &pending);
    }
    dbx_stream_writer_close(&writer);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_stream_writer_move(dbx_stream_writer *writer, dbx_view *view) {
    if (writer->walk.cursor != NULL) return dbx_stream_walk_move(&writer->walk, view);
    if (writer->pending.cursor == NULL) return DBX_OK;
    return dbx_stream_pending_walk_move(&writer->pending, view);
}

void dbx_stream_writer_close(dbx_stream_writer *writer) {
    dbx_stream_walk_close(&writer->walk);
    dbx_stream_pending_walk_close(&writer->pending);
}

/* --- Replies --------------------------------------------------------------------------------- */

typedef struct parts_walker {
    dbx_walker base;
    bool counted; /* every container is opened with its count */
    bool named, begun, in_part, ended;
    size_t count, at;
    size_t served;               /* parts that were written */
    const dbx_stream_part *part; /* `count` of them: the caller's, or `kept` */
    dbx_buf kept;                /* once counted: parts, then their names */
    dbx_stream_writer writer;
} parts_walker;

static bool is_shown(const parts_walker *w, const dbx_stream_part *part) {
    return !w->named || !part->counted || part->source != DBX_STREAM_RANGE || part->total > 0;
}

/* begin_part opens the next part that has anything, with its first entry. */
static int begin_part(parts_walker *w, dbx_reply *out) {
    const dbx_stream_part *part = &w->part[w->at];
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    int rc = dbx_stream_writer_open(&w->writer, w->base.view, part);
    if (rc != DBX_OK) return rc;
    if (w->named) out->ops->bulk(out, part->name);
    out->ops->open(out, DBX_ARRAY, part->counted ? (size_t)part->total : DBX_UNKNOWN);
    w->in_part = true;
    w->served++;
    if (!w->named || part->counted) return DBX_OK;
    rc = dbx_stream_writer_next(&w->writer, &w->base, out);
    if (rc != DBX_ENOTFOUND) return rc;
    dbx_reply_rollback(out, mark);
    dbx_stream_writer_close(&w->writer);
    w->in_part = false;
    w->served--;
    w->at++;
    return DBX_OK;
}

static size_t shown(const parts_walker *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += is_shown(w, &w->part[i]);
    return n;
}

/* end writes what follows the last part. */
static void end(const parts_walker *w, dbx_reply *out) {
    const dbx_stream_part *part = &w->part[0];
    bool after = w->count == 1 && part->after;
    if (after) {
        out->ops->open(out, DBX_ARRAY, (size_t)part->after_count);
        for (uint64_t i = 0; i < part->after_count; i++)
            dbx_stream_args_id_reply(part->after_ids[i], out);
        out->ops->close(out);
    }
    if (after || w->named) out->ops->close(out);
}

static int parts_next(dbx_walker *base, dbx_reply *out) {
    parts_walker *w = (parts_walker *)base;
    if (w->named && !w->begun) {
        out->ops->open(out, DBX_NAMED, w->counted ? shown(w) : DBX_UNKNOWN);
        w->begun = true;
    }
    if (!w->in_part) {
        while (w->at < w->count && !is_shown(w, &w->part[w->at]))
            w->at++;
        if (w->at < w->count) return begin_part(w, out);
        if (!w->ended) end(w, out);
        w->ended = true;
        return DBX_ENOTFOUND;
    }
    int rc = dbx_stream_writer_next(&w->writer, base, out);
    if (rc != DBX_ENOTFOUND) return rc;
    dbx_stream_writer_close(&w->writer);
    out->ops->close(out);
    w->in_part = false;
    w->at++;
    return DBX_OK;
}

static int parts_move(dbx_walker *base, dbx_view *view) {
    parts_walker *w = (parts_walker *)base;
    return w->in_part ? dbx_stream_writer_move(&w->writer, view) : DBX_OK;
}

static void parts_close(dbx_walker *base) {
    parts_walker *w = (parts_walker *)base;
    if (w->in_part) dbx_stream_writer_close(&w->writer);
    dbx_buf_free(&w->kept);
}

/* keep_bytes copies what a part refers to: its place in `kept`, aligned. */
static size_t keep_bytes(dbx_buf *kept, const void *bytes, size_t len) {
    size_t at = kept->len;
    dbx_buf_add(kept, bytes, len);
    while (kept->len % sizeof(uint64_t) != 0 && !kept->failed)
        dbx_buf_byte(kept, 0);
    return at;
}

/* keep counts the parts, and copies them with all they refer to: they may outlive the handler. */
static int keep(parts_walker *w) {
    dbx_buf_add(&w->kept, w->part, w->count * sizeof *w->part);
    for (size_t i = 0; i < w->count && !w->kept.failed; i++) {
        dbx_stream_part part = w->part[i];
        size_t name = keep_bytes(&w->kept, part.name.ptr, part.name.len);
        size_t ids = keep_bytes(&w->kept, part.ids,
                                part.ids == NULL ? 0 : (size_t)part.total * sizeof *part.ids);
        size_t after =
            keep_bytes(&w->kept, part.after_ids, (size_t)part.after_count * sizeof *part.after_ids);
        /* Offsets for now: the buffer may yet move. */
        part.name.ptr = (const uint8_t *)name;
        if (part.ids != NULL) part.ids = (const dbx_stream_id *)ids;
        part.after_ids = (const dbx_stream_id *)after;
        if (!part.counted) {
            int rc = dbx_stream_writer_count(w->base.view, &part, &part.total);
            if (rc != DBX_OK) return rc;
            part.counted = true;
        }
        if (!w->kept.failed) memcpy(w->kept.ptr + i * sizeof part, &part, sizeof part);
    }
    if (w->kept.failed) return DBX_ENOMEM;
    dbx_stream_part *kept = (dbx_stream_part *)(void *)w->kept.ptr;
    for (size_t i = 0; i < w->count; i++) {
        const uint8_t *base = w->kept.ptr;
        dbx_stream_part *part = &kept[i];
        part->name.ptr = base + (uintptr_t)part->name.ptr;
        if (part->ids != NULL)
            part->ids = (const dbx_stream_id *)(const void *)(base + (uintptr_t)part->ids);
        part->after_ids = (const dbx_stream_id *)(const void *)(base + (uintptr_t)part->after_ids);
    }
    w->part = kept;
    w->counted = true;
    return DBX_OK;
}

static int reply(dbx_ctx *ctx, const dbx_stream_part *parts, size_t count, bool named,
                 dbx_reply *out, bool *any) {
    static const dbx_walker_ops ops = {sizeof(parts_walker), parts_next, parts_move, parts_close};
    dbx_reply_mark mark = dbx_reply_mark_take(out);
    parts_walker walker = {.base = {.ops = &ops}, .named = named, .count = count, .part = parts};
    int rc = dbx_walker_try(ctx, &walker.base, out);
    parts_close(&walker.base);
    *any = rc == 1 || walker.served > 0;
    if (rc < 0 || (rc == 0 && *any)) return rc;
    dbx_reply_rollback(out, mark);
    if (rc == 0) return DBX_OK;
    walker = (parts_walker){.base = walker.base, .named = named, .count = count, .part = parts};
    walker.base.rest = (dbx_cell){.len = 0};
    walker.base.rest_at = 0;
    rc = keep(&walker);
    if (rc == DBX_OK) return dbx_walker_reply_bare(ctx, &walker.base, out);
    parts_close(&walker.base);
    return rc;
}

int dbx_stream_reply(dbx_ctx *ctx, const dbx_stream_part *part, dbx_reply *out) {
    bool any;
    return reply(ctx, part, 1, false, out, &any);
}

int dbx_stream_reply_named(dbx_ctx *ctx, const dbx_stream_part *parts, size_t count, dbx_reply *out,
                           bool *any) {
    return reply(ctx, parts, count, true, out, any);
}
