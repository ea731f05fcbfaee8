/* dump.c: see dump.h. Streams are in dump_stream.c. */
#include "types/dump.h"

#include "codec/rdb.h"
#include "types/t_string.h"

enum { PIECE_BYTES = 16 << 10 }; /* elements are put together up to here */

/* --- Pieces ---------------------------------------------------------------------------------- */

void dbx_dump_chunks(dbx_dump *d, dbx_chunks chunks, uint64_t from, uint64_t end) {
    if (from == end) return;
    d->long_parts[d->longs++] =
        (dbx_dump_long){.at = d->piece.len, .chunks = chunks, .from = from, .end = end};
}

void dbx_dump_cell(dbx_dump *d, const dbx_cell *cell) {
    if (!dbx_cell_is_long(cell)) {
        dbx_rdb_put_string(&d->piece, dbx_cell_slice(cell));
        return;
    }
    dbx_rdb_put_len(&d->piece, cell->len);
    dbx_dump_chunks(d, cell->chunks, 0, cell->len);
}

/* --- One step of each type ------------------------------------------------------------------- */

static int step_string(dbx_dump *d) {
    if (d->count == 0) return DBX_ENOTFOUND;
    d->count = 0;
    if (d->cid == 0) dbx_rdb_put_string(&d->piece, d->payload);
    return DBX_OK;
}

static int step_list(dbx_dump *d) {
    dbx_list_item item;
    int rc = dbx_list_walk_next(&d->walk.list, &item);
    if (rc == DBX_OK) dbx_dump_cell(d, &item.cell);
    return rc;
}

static int step_set(dbx_dump *d) {
    dbx_dict_item item;
    int rc = dbx_set_walk_next(&d->walk.set, &item);
    if (rc == DBX_OK) dbx_dump_cell(d, &item.member);
    return rc;
}

/* The score stands behind the member, and so behind a long one's chunks. */
static int step_zset(dbx_dump *d) {
    dbx_zset_item item;
    int rc = dbx_zset_walk_next(&d->walk.zset, &item);
    if (rc != DBX_OK) return rc;
    dbx_dump_cell(d, &item.member);
    dbx_rdb_put_score(&d->piece, item.score);
    return DBX_OK;
}

/* date_of is when a field expires, by the wall clock: above 0, and not before d->due_ms. */
static int64_t date_of(const dbx_dump *d, dbx_expiry expiry) {
    int64_t first = d->due_ms > 0 ? d->due_ms : 1;
    int64_t date = expiry.relative ? expiry.ms - d->times.now_ms + d->times.wall_ms : expiry.ms;
    return date > first ? date : first;
}

static int step_hash(dbx_dump *d) {
    dbx_hash_item item;
    int rc = dbx_hash_walk_next(&d->walk.hash, &item);
    if (rc != DBX_OK) return rc;
    if (d->due_ms != 0) {
        int64_t date = dbx_expiry_set(item.expiry) ? date_of(d, item.expiry) : 0;
        dbx_rdb_put_len(&d->piece, date == 0 ? 0 : (uint64_t)(date - d->due_ms + 1));
    }
    dbx_dump_cell(d, &item.field);
    dbx_dump_cell(d, &item.value);
    return DBX_OK;
}

static int step(dbx_dump *d) {
    switch (d->type) {
    case DBX_STRING:
        return step_string(d);
    case DBX_LIST:
        return step_list(d);
    case DBX_SETTYPE:
        return step_set(d);
    case DBX_ZSET:
        return step_zset(d);
    case DBX_HASH:
        return step_hash(d);
    default:
        return dbx_dump_stream_step(d);
    }
}

/* fill makes the next piece: DBX_ENOTFOUND at the end. */
static int fill(dbx_dump *d) {
    int rc = DBX_OK;
    if (d->ended) return DBX_ENOTFOUND;
    if (d->begun) {
        d->piece.len = d->given = 0;
        d->longs = d->long_at = 0;
    }
    d->begun = true;
    while (rc == DBX_OK && d->longs == 0 && d->piece.len < PIECE_BYTES)
        rc = step(d);
    if (d->piece.failed) return DBX_ENOMEM;
    d->ended = rc == DBX_ENOTFOUND;
    return d->ended && (d->piece.len > 0 || d->longs > 0) ? DBX_OK : rc;
}

int dbx_dump_next(dbx_dump *d, dbx_slice *piece) {
    bool more = d->begun && (d->given < d->piece.len || d->long_at < d->longs);
    if (!more) {
        int rc = fill(d);
        if (rc != DBX_OK) return rc;
    }
    dbx_dump_long *part = d->long_at < d->longs ? &d->long_parts[d->long_at] : NULL;
    size_t until = part != NULL ? part->at : d->piece.len;
    if (d->given < until) {
        *piece = dbx_slice_of(d->piece.ptr + d->given, until - d->given);
        d->given = until;
        return DBX_OK;
    }
    int rc = dbx_chunks_part(d->view, part->chunks, part->from, part->end, piece);
    if (rc != DBX_OK) return rc;
    part->from += piece->len;
    if (part->from == part->end) d->long_at++;
    return DBX_OK;
}

/* --- The head -------------------------------------------------------------------------------- */

static int open_string(dbx_dump *d, const dbx_key *k) {
    dbx_buf *out = &d->piece;
    dbx_buf_byte(out, DBX_RDB_STRING);
    d->count = 1;
    if (dbx_string_inline(k, &d->payload)) return DBX_OK;
    dbx_rdb_put_len(out, k->meta.count);
    dbx_dump_chunks(d, (dbx_chunks){.cid = d->cid}, 0, k->meta.count);
    return DBX_OK;
}

/* open_hash: those fields count that are there now. */
static int open_hash(dbx_dump *d, dbx_txn *txn, const dbx_key *k) {
    uint64_t len;
    int rc = dbx_hash_len(txn, k, &len);
    if (rc == DBX_OK) rc = dbx_hash_walk_open(&d->walk.hash, txn, k, 0);
    if (rc != DBX_OK) return rc;
    const int64_t *due_ms = k->meta.due_ms; /* in wall and in database time */
    int64_t date = due_ms[0] == 0 ? 0 : date_of(d, (dbx_expiry){due_ms[0], false});
    int64_t life = due_ms[1] == 0 ? 0 : date_of(d, (dbx_expiry){due_ms[1], true});
    d->due_ms = date == 0 || (life != 0 && life < date) ? life : date;
    dbx_buf_byte(&d->piece, d->due_ms == 0 ? DBX_RDB_HASH : DBX_RDB_HASH_METADATA);
    if (d->due_ms != 0) {
        d->version = DBX_RDB_VERSION_7_4;
        dbx_rdb_put_ms(&d->piece, d->due_ms);
    }
    dbx_rdb_put_len(&d->piece, len);
    return DBX_OK;
}

static int begin(dbx_dump *d, dbx_txn *txn, const dbx_key *k) {
    static const uint8_t types[] = {
        [DBX_LIST] = DBX_RDB_LIST, [DBX_SETTYPE] = DBX_RDB_SET, [DBX_ZSET] = DBX_RDB_ZSET_2};
    d->due_ms = 0;
    d->begun = d->ended = false;
    d->piece.len = d->given = 0;
    d->longs = d->long_at = 0;
    if (d->type == DBX_STRING) return open_string(d, k);
    if (d->type == DBX_HASH) return open_hash(d, txn, k);
    if (d->type == DBX_STREAM) return dbx_dump_stream_open(d, k);
    dbx_buf_byte(&d->piece, types[d->type]);
    dbx_rdb_put_len(&d->piece, k->meta.count);
    if (d->type == DBX_LIST) return dbx_list_walk_open(&d->walk.list, d->view, k, false, 0);
    if (d->type == DBX_SETTYPE) return dbx_set_walk_open(&d->walk.set, d->view, k, 0);
    /* The greatest first: that is how Redis writes them, and reads them fastest. */
    return dbx_zset_walk_at(&d->walk.zset, txn, k, k->meta.count - 1, true);
}

static void end(dbx_dump *d) {
    if (d->type == DBX_LIST) dbx_list_walk_close(&d->walk.list);
    if (d->type == DBX_SETTYPE) dbx_set_walk_close(&d->walk.set);
    if (d->type == DBX_ZSET) dbx_zset_walk_close(&d->walk.zset);
    if (d->type == DBX_HASH) dbx_hash_walk_close(&d->walk.hash);
    if (d->type == DBX_STREAM) dbx_dump_stream_close(d);
}

/* measure walks to the end. */
static int measure(dbx_dump *d) {
    int rc;
    while ((rc = fill(d)) == DBX_OK) {
        d->bytes += d->piece.len;
        for (size_t i = 0; i < d->longs; i++)
            d->bytes += d->long_parts[i].end - d->long_parts[i].from;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_dump_open(dbx_dump *d, dbx_txn *txn, const dbx_key *k) {
    memset(d, 0, sizeof *d);
    d->version = DBX_RDB_VERSION_7_0;
    d->view = dbx_txn_view(txn);
    d->times = dbx_txn_times(txn);
    d->type = k->meta.type;
    d->cid = k->meta.cid;
    int rc = begin(d, txn, k);
    if (rc == DBX_OK) {
        rc = measure(d);
        end(d);
        if (rc == DBX_OK) rc = begin(d, txn, k);
    }
    if (rc != DBX_OK) dbx_buf_free(&d->piece);
    return rc;
}

int dbx_dump_move(dbx_dump *d, dbx_view *view) {
    d->view = view;
    if (d->ended) return DBX_OK;
    if (d->type == DBX_LIST) return dbx_list_walk_move(&d->walk.list, view);
    if (d->type == DBX_STREAM) return dbx_dump_stream_move(d, view);
    if (d->cid == 0 || d->type == DBX_STRING) return DBX_OK;
    if (d->type == DBX_SETTYPE) return dbx_set_walk_move(&d->walk.set, view);
    if (d->type == DBX_ZSET) return dbx_zset_walk_move(&d->walk.zset, view);
    return dbx_hash_walk_move(&d->walk.hash, view);
}

void dbx_dump_close(dbx_dump *d) {
    end(d);
    dbx_buf_free(&d->piece);
}
