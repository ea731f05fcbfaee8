/* cell.h: bytes of any length within an entry of a collection: members, fields, values, elements.
 *
 * On disk: varint length << 1, then the bytes; or, for those longer than DBX_CELL_INLINE_MAX,
 * varint length << 1 | 1, then varint id of their chunks, which lie beside the collection's entries
 * (chunks.h) and go with it. Two cells fit into any entry.
 */
#ifndef DBX_TYPES_CELL_H
#define DBX_TYPES_CELL_H

#include "base/buf.h"
#include "types/chunks.h"

enum { DBX_CELL_INLINE_MAX = 32 << 10 };

typedef struct dbx_cell {
    uint64_t len;
    const uint8_t *ptr; /* the bytes; NULL: they lie in `chunks` */
    dbx_chunks chunks;
} dbx_cell;

static inline dbx_cell dbx_cell_of(dbx_slice bytes) {
    return (dbx_cell){.len = bytes.len, .ptr = bytes.ptr != NULL ? bytes.ptr : (const uint8_t *)""};
}

static inline bool dbx_cell_is_long(const dbx_cell *cell) {
    return cell->ptr == NULL;
}

/* dbx_cell_slice is a short cell's bytes; of a long one nothing. */
static inline dbx_slice dbx_cell_slice(const dbx_cell *cell) {
    return dbx_slice_of(cell->ptr, cell->ptr == NULL ? 0 : (size_t)cell->len);
}

/* dbx_cell_add appends a cell to `out`; long bytes are put into chunks of the collection first.
 * DBX_ENOMEM also when `out` failed. */
int dbx_cell_add(dbx_txn *txn, uint64_t cid, dbx_slice bytes, dbx_buf *out);
/* dbx_cell_add_short is the same for bytes that are known to be short. */
void dbx_cell_add_short(dbx_slice bytes, dbx_buf *out);
/* dbx_cell_add_long appends a long cell whose chunks are there already. */
void dbx_cell_add_long(const dbx_cell *cell, dbx_buf *out);
/* dbx_cell_size is how many bytes a cell of so many bytes takes in its entry. */
size_t dbx_cell_size(uint64_t len);

/* dbx_cell_read reads a cell from the front of *in, which it shortens; false: damaged. */
bool dbx_cell_read(dbx_slice *in, uint64_t cid, dbx_cell *cell);

/* dbx_cell_keep has a cell live as long as `buf`, which its bytes are copied to unless it is long.
 */
int dbx_cell_keep(dbx_cell *cell, dbx_buf *buf);
/* dbx_cell_load gives the bytes of any cell, those of a long one through `buf`, which is emptied
 * first. Valid as `buf` and the view's slices are. */
int dbx_cell_load(dbx_view *view, const dbx_cell *cell, dbx_buf *buf, dbx_slice *bytes);

/* dbx_cell_drop gives back what a cell has beside its entry. To be called before the entry that it
 * was read from is overwritten or deleted. */
int dbx_cell_drop(dbx_txn *txn, const dbx_cell *cell);

/* dbx_cell_equal compares with bytes. */
int dbx_cell_equal(dbx_view *view, const dbx_cell *cell, dbx_slice bytes, bool *equal);

#endif
