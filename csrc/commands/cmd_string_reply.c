/* cmd_string_reply.c: see cmd_string_reply.h. */
#include "commands/cmd_string_reply.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { NAME_LEN_BYTES = 8 };

/* The rest of a reply: of one string, whose bulk is open, then of the strings of further keys. */
typedef struct string_source {
    dbx_source base;
    dbx_view *view;
    dbx_string_parts parts; /* of the open bulk */
    bool array;             /* close the array after the last */
    uint32_t db;
    uint64_t ns;     /* keys are looked up where they were when the command ran */
    dbx_times times; /* and as of then */
    dbx_buf names;   /* [length][bytes] of each */
    size_t name_at;
    dbx_key key;
} string_source;

static void source_destroy(dbx_source *base) {
    string_source *source = (string_source *)base;
    if (source->view != NULL) dbx_view_close(source->view);
    dbx_buf_free(&source->names);
    dbx_alloc_free(source);
}

/* next_key opens the next key's bulk, or replies null. */
static int next_key(string_source *source, dbx_reply *out) {
    const uint8_t *at = source->names.ptr + source->name_at;
    dbx_slice name = dbx_slice_of(at + NAME_LEN_BYTES, (size_t)dbx_load64(at));
    source->name_at += NAME_LEN_BYTES + name.len;
    dbx_key *k = &source->key;
    int rc = dbx_key_find_in(source->view, source->ns, name, source->times, k);
    if (rc != DBX_OK) return rc;
    if (!k->exists || k->meta.type != DBX_STRING) {
        out->ops->null(out);
        return DBX_OK;
    }
    uint64_t len = dbx_string_len(k);
    out->ops->bulk_open(out, (size_t)len);
    dbx_string_parts_open(&source->parts, source->view, k, 0, len);
    return DBX_OK;
}

static int source_produce(dbx_source *base, dbx_reply *out, size_t budget) {
    string_source *source = (string_source *)base;
    for (size_t done = 0; done < budget;) {
        dbx_slice part;
        int rc = dbx_string_parts_next(&source->parts, &part);
        if (rc == DBX_OK) {
            out->ops->bulk_part(out, part);
            done += part.len;
            continue;
        }
        if (rc != DBX_ENOTFOUND) return rc;
        if (source->name_at == source->names.len) {
            if (source->array) out->ops->close(out);
            return 0;
        }
        rc = next_key(source, out);
        if (rc != DBX_OK) return rc;
        done += NAME_LEN_BYTES; /* something, so that nulls count */
    }
    return 1;
}

static string_source *source_new(dbx_ctx *ctx) {
    string_source *source = dbx_alloc_zero(1, sizeof *source);
    if (source == NULL) return NULL;
    source->base = (dbx_source){source_produce, source_destroy};
    source->ns = dbx_db_namespace(ctx->txn, ctx->db);
    source->times = ctx->times;
    source->view = dbx_view_open(ctx->txn);
    if (source->view != NULL) return source;
    source_destroy(&source->base);
    return NULL;
}

int dbx_string_reply(dbx_ctx *ctx, const dbx_key *k, uint64_t from, uint64_t n, dbx_reply *out) {
    dbx_slice bytes;
    if (dbx_string_inline(k, &bytes)) {
        out->ops->bulk(out, dbx_slice_of(bytes.ptr + from, (size_t)n));
        return DBX_OK;
    }
    if (n > DBX_STRING_STREAM_BYTES) {
        string_source *source = source_new(ctx);
        if (source == NULL) return DBX_ENOMEM;
        dbx_string_parts_open(&source->parts, source->view, k, from, n);
        out->ops->bulk_open(out, (size_t)n);
        dbx_reply_stream(out, &source->base);
        return DBX_OK;
    }
    dbx_string_parts parts;
    int rc;
    dbx_string_parts_open(&parts, dbx_txn_view(ctx->txn), k, from, n);
    out->ops->bulk_open(out, (size_t)n);
    while ((rc = dbx_string_parts_next(&parts, &bytes)) == DBX_OK) {
        out->ops->bulk_part(out, bytes);
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_string_reply_value(dbx_ctx *ctx, const dbx_key *k, dbx_reply *out) {
    if (k->exists) return dbx_string_reply(ctx, k, 0, dbx_string_len(k), out);
    out->ops->null(out);
    return DBX_OK;
}

/* stream_rest hands the keys that are left to a source; the array stays open for it. */
static int stream_rest(dbx_ctx *ctx, size_t count, const dbx_slice *names, dbx_reply *out) {
    string_source *source = source_new(ctx);
    if (source == NULL) return DBX_ENOMEM;
    source->array = true;
    for (size_t i = 0; i < count; i++) {
        uint8_t len[NAME_LEN_BYTES];
        dbx_store64(len, names[i].len);
        dbx_buf_add(&source->names, len, sizeof len);
        dbx_buf_add(&source->names, names[i].ptr, names[i].len);
    }
    if (source->names.failed) {
        source_destroy(&source->base);
        return DBX_ENOMEM;
    }
    dbx_reply_stream(out, &source->base);
    return DBX_OK;
}

int dbx_string_reply_many(dbx_ctx *ctx, size_t count, const dbx_slice *names, dbx_reply *out) {
    uint64_t total = 0;
    out->ops->open(out, DBX_ARRAY, count);
    for (size_t i = 0; i < count; i++) {
        dbx_key k;
        dbx_txn_let_go(ctx->txn);
        int rc = dbx_key_find(ctx->txn, ctx->db, names[i], &k);
        if (rc != DBX_OK) return rc;
        if (!k.exists || k.meta.type != DBX_STRING) {
            out->ops->null(out);
            continue;
        }
        total += dbx_string_len(&k);
        if (total > DBX_STRING_STREAM_BYTES) return stream_rest(ctx, count - i, names + i, out);
        rc = dbx_string_reply(ctx, &k, 0, dbx_string_len(&k), out);
        if (rc != DBX_OK) return rc;
    }
    out->ops->close(out);
    return DBX_OK;
}
