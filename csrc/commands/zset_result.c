/* zset_result.c: see zset_result.h. */
#include "commands/zset_result.h"

#include "base/alloc.h"

void dbx_zset_result_free(dbx_zset_result *result) {
    dbx_buf_free(&result->bytes);
    dbx_alloc_free(result->items);
    *result = (dbx_zset_result){.count = 0};
}

int dbx_zset_result_add(dbx_zset_result *result, dbx_txn *txn, const dbx_cell *member,
                        double score) {
    size_t at = result->bytes.len;
    void *items =
        dbx_alloc_room(result->items, &result->cap, result->count + 1, sizeof *result->items);
    if (items == NULL) return DBX_ENOMEM;
    result->items = items;
    if (dbx_cell_is_long(member)) {
        dbx_slice part;
        for (uint64_t from = 0; from < member->len; from += part.len) {
            int rc = dbx_chunks_part(dbx_txn_view(txn), member->chunks, from, member->len, &part);
            if (rc != DBX_OK) return rc;
            dbx_buf_add(&result->bytes, part.ptr, part.len);
        }
    } else {
        dbx_slice bytes = dbx_cell_slice(member);
        dbx_buf_add(&result->bytes, bytes.ptr, bytes.len);
    }
    size_t len = result->bytes.len - at;
    dbx_buf_byte(&result->bytes, 0); /* so that empty members have places of their own, too */
    if (result->bytes.failed) return DBX_ENOMEM;
    result->items[result->count++] = (dbx_zset_made){.score = score, .at = at, .len = len};
    return DBX_OK;
}

static int compare(const void *a, const void *b, void *arg) {
    const dbx_zset_made *x = a, *y = b;
    const dbx_zset_result *result = arg;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return dbx_slice_cmp(dbx_slice_of(result->bytes.ptr + x->at, x->len),
                         dbx_slice_of(result->bytes.ptr + y->at, y->len));
}

void dbx_zset_result_sort(dbx_zset_result *result) {
    if (result->count > 0)
        qsort_r(result->items, result->count, sizeof *result->items, compare, result);
}

void dbx_zset_result_reply(const dbx_zset_result *result, bool scores, dbx_reply *out) {
    out->ops->open(out, scores ? DBX_PAIRS : DBX_ARRAY, result->count);
    for (size_t i = 0; i < result->count; i++) {
        out->ops->bulk(out, dbx_zset_result_member(result, i));
        if (scores) out->ops->real(out, result->items[i].score);
    }
    out->ops->close(out);
}

int dbx_zset_result_store(dbx_zset_result *result, dbx_ctx *ctx, dbx_slice to) {
    dbx_key k;
    dbx_zset_edit edit;
    size_t longest = 0;
    int rc = dbx_key_find(ctx->txn, ctx->db, to, &k);
    if (rc != DBX_OK) return rc;
    for (size_t i = 0; i < result->count; i++)
        longest = result->items[i].len > longest ? result->items[i].len : longest;
    dbx_zset_result_sort(result); /* what is added at the end costs least */
    dbx_zset_replace(&edit, ctx, &k, result->count);
    dbx_zset_note_size(&edit, result->count, longest);
    for (size_t i = 0; rc == DBX_OK && i < result->count; i++) {
        dbx_zset_slot slot;
        rc = dbx_zset_find(&edit, dbx_zset_result_member(result, i), &slot);
        if (rc == DBX_OK) rc = dbx_zset_put(&edit, &slot, result->items[i].score);
    }
    return dbx_zset_edit_close(&edit, rc);
}
