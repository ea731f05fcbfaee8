/* cell.c: see cell.h. */
#include "types/cell.h"

enum { LONG = 1 };

static void add_number(dbx_buf *out, uint64_t number) {
    uint8_t varint[DBX_VARINT_MAX];
    dbx_buf_add(out, varint, dbx_format_varint(varint, number));
}

void dbx_cell_add_short(dbx_slice bytes, dbx_buf *out) {
    add_number(out, (uint64_t)bytes.len << 1);
    dbx_buf_add(out, bytes.ptr, bytes.len);
}

void dbx_cell_add_long(const dbx_cell *cell, dbx_buf *out) {
    add_number(out, cell->len << 1 | LONG);
    add_number(out, cell->chunks.part);
}

int dbx_cell_add(dbx_txn *txn, uint64_t cid, dbx_slice bytes, dbx_buf *out) {
    if (bytes.len <= DBX_CELL_INLINE_MAX) {
        dbx_cell_add_short(bytes, out);
    } else {
        dbx_chunks chunks = {.cid = cid, .part = dbx_txn_new_id(txn)};
        int rc = dbx_chunks_write(txn, chunks, 0, bytes);
        if (rc != DBX_OK) return rc;
        dbx_cell cell = {.len = bytes.len, .chunks = chunks};
        dbx_cell_add_long(&cell, out);
    }
    return out->failed ? DBX_ENOMEM : DBX_OK;
}

size_t dbx_cell_size(uint64_t len) {
    uint8_t varint[DBX_VARINT_MAX];
    size_t head = dbx_format_varint(varint, len << 1);
    return head + (len <= DBX_CELL_INLINE_MAX ? (size_t)len : DBX_VARINT_MAX);
}

bool dbx_cell_read(dbx_slice *in, uint64_t cid, dbx_cell *cell) {
    uint64_t head;
    if (!dbx_format_read_varint(in, &head)) return false;
    *cell = (dbx_cell){.len = head >> 1};
    if ((head & LONG) != 0) {
        cell->chunks.cid = cid;
        return dbx_format_read_varint(in, &cell->chunks.part) && cell->chunks.part != 0;
    }
    if (cell->len > in->len) return false;
    cell->ptr = in->ptr;
    in->ptr += cell->len;
    in->len -= (size_t)cell->len;
    return true;
}

int dbx_cell_keep(dbx_cell *cell, dbx_buf *buf) {
    if (dbx_cell_is_long(cell)) return DBX_OK;
    buf->len = 0;
    dbx_buf_add(buf, cell->ptr, (size_t)cell->len);
    *cell = dbx_cell_of(dbx_buf_slice(buf));
    return buf->failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_cell_load(dbx_view *view, const dbx_cell *cell, dbx_buf *buf, dbx_slice *bytes) {
    *bytes = dbx_cell_slice(cell);
    if (!dbx_cell_is_long(cell)) return DBX_OK;
    buf->len = 0;
    for (uint64_t at = 0; at < cell->len;) {
        dbx_slice part;
        int rc = dbx_chunks_part(view, cell->chunks, at, cell->len, &part);
        if (rc != DBX_OK) return rc;
        dbx_buf_add(buf, part.ptr, part.len);
        at += part.len;
    }
    *bytes = dbx_buf_slice(buf);
    return buf->failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_cell_drop(dbx_txn *txn, const dbx_cell *cell) {
    return dbx_cell_is_long(cell) ? dbx_chunks_drop(txn, cell->chunks, cell->len) : DBX_OK;
}

int dbx_cell_equal(dbx_view *view, const dbx_cell *cell, dbx_slice bytes, bool *equal) {
    *equal = cell->len == bytes.len;
    if (!*equal || !dbx_cell_is_long(cell)) {
        *equal = *equal && dbx_slice_eq(dbx_cell_slice(cell), bytes);
        return DBX_OK;
    }
    for (uint64_t at = 0; at < cell->len && *equal;) {
        dbx_slice part;
        int rc = dbx_chunks_part(view, cell->chunks, at, cell->len, &part);
        if (rc != DBX_OK) return rc;
        *equal = memcmp(part.ptr, bytes.ptr + at, part.len) == 0;
        at += part.len;
    }
    return DBX_OK;
}
