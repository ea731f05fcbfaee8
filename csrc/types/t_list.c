/* t_list.c: a list's ends: pushing, popping, and how they exchange elements with the nodes. */
#include "types/t_list.h"

#include "base/bytes.h"
#include "types/t_list_encoding.h"
#include "types/t_list_ends.h"
#include "types/t_list_nodes.h"

enum {
    END_MAX = 512,    /* bytes of cells that an end keeps; then what is over END_KEPT goes */
    END_KEPT = 256,   /* so that pops find something there */
    END_CELLS = 1024, /* more are in no end: it has a node's cells, or END_MAX bytes and one */
    FIRST_AT = 0,     /* in the payload's head: u64 */
    LAST_AT = 8,      /* u64 */
    PACKED_AT = 16,   /* u64 */
    LEFT_LEN_AT = 24, /* u32 */
    UNEVEN_AT = 32    /* u8 */
};

/* --- The payload ----------------------------------------------------------------------------- */

bool dbx_list_shape_read(const dbx_meta *meta, dbx_slice payload, dbx_list_shape *shape) {
    const uint8_t *head = payload.ptr;
    if (meta->cid == 0) {
        *shape = (dbx_list_shape){.left_len = payload.len, .left = meta->count};
        return true;
    }
    if (payload.len < DBX_LIST_HEAD_BYTES) return false;
    *shape = (dbx_list_shape){.head = DBX_LIST_HEAD_BYTES,
                              .left_len = dbx_load32(head + LEFT_LEN_AT),
                              .left = dbx_load16(head + DBX_LIST_LEFT_AT),
                              .right = dbx_load16(head + DBX_LIST_RIGHT_AT),
                              .first = dbx_load64(head + FIRST_AT),
                              .last = dbx_load64(head + LAST_AT),
                              .packed = dbx_load64(head + PACKED_AT),
                              .uneven = head[UNEVEN_AT] != 0};
    return shape->left_len <= payload.len - DBX_LIST_HEAD_BYTES &&
           shape->left + shape->right <= meta->count;
}

static void write_head(dbx_list_edit *e) {
    const dbx_list_shape *s = &e->shape;
    uint8_t *head = e->base.payload.ptr;
    dbx_store64(head + FIRST_AT, s->first);
    dbx_store64(head + LAST_AT, s->last);
    dbx_store64(head + PACKED_AT, s->packed);
    dbx_store32(head + LEFT_LEN_AT, (uint32_t)s->left_len);
    dbx_store16(head + DBX_LIST_LEFT_AT, (uint16_t)s->left);
    dbx_store16(head + DBX_LIST_RIGHT_AT, (uint16_t)s->right);
    head[UNEVEN_AT] = s->uneven;
}

int dbx_list_edit_open(dbx_list_edit *e, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k) {
    int rc = dbx_edit_open(&e->base, txn, encodings, k, DBX_LIST, DBX_ENCODING_LISTPACK);
    if (rc != DBX_OK) return rc;
    return dbx_list_shape_read(&k->meta, dbx_buf_slice(&e->base.payload), &e->shape) ? DBX_OK
                                                                                     : DBX_ECORRUPT;
}

int dbx_list_edit_close(dbx_list_edit *e, int rc) {
    if (rc == DBX_OK && e->shape.head > 0 && !e->base.payload.failed) write_head(e);
    return dbx_edit_close(&e->base, rc);
}

/* --- An end ---------------------------------------------------------------------------------- */

static size_t end_at(const dbx_list_edit *e, bool right) {
    return e->shape.head + (right ? e->shape.left_len : 0);
}

static size_t end_len(const dbx_list_edit *e, bool right) {
    return right ? e->base.payload.len - end_at(e, true) : e->shape.left_len;
}

static uint64_t end_count(const dbx_list_edit *e, bool right) {
    return right ? e->shape.right : e->shape.left;
}

static dbx_slice end_cells(const dbx_list_edit *e, bool right) {
    return dbx_slice_of(e->base.payload.ptr + end_at(e, right), end_len(e, right));
}

static void set_end(dbx_list_edit *e, bool right, uint64_t count, size_t left_len) {
    *(right ? &e->shape.right : &e->shape.left) = count;
    e->shape.left_len = left_len;
}

/* part_cells takes the cells of an end apart; *n: how many. */
static int part_cells(dbx_slice bytes, dbx_slice cells[END_CELLS], size_t *n) {
    for (*n = 0; bytes.len > 0; (*n)++) {
        dbx_cell cell;
        const uint8_t *from = bytes.ptr;
        if (*n == END_CELLS || !dbx_cell_read(&bytes, 0, &cell)) return DBX_ECORRUPT;
        cells[*n] = dbx_slice_of(from, (size_t)(bytes.ptr - from));
    }
    return DBX_OK;
}

static void turn_round(dbx_slice *cells, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        dbx_slice swapped = cells[i];
        cells[i] = cells[count - 1 - i];
        cells[count - 1 - i] = swapped;
    }
}

/* spill moves the inner cells of an end to the nodes. */
static int spill(dbx_list_edit *e, bool right) {
    dbx_slice cells[END_CELLS];
    size_t count, kept = 0, kept_len = 0;
    int rc = part_cells(end_cells(e, right), cells, &count);
    if (rc != DBX_OK) return rc;
    while (kept < count && kept_len + cells[kept].len <= END_KEPT)
        kept_len += cells[kept++].len;
    turn_round(cells + kept, count - kept);
    rc = dbx_list_nodes_add(e, right, cells + kept, count - kept, dbx_list_edit_in_nodes(e));
    dbx_buf_splice(&e->base.payload, end_at(e, right) + kept_len, end_len(e, right) - kept_len,
                   NULL, 0);
    set_end(e, right, kept, right ? e->shape.left_len : kept_len);
    return rc;
}

/* add_reversed makes of cells, which are not those of the payload, what an empty end has: the last
 * of them outermost. */
static int add_reversed(dbx_list_edit *e, bool right, const dbx_slice *cells, size_t count) {
    dbx_buf bytes = {0};
    for (size_t i = count; i > 0; i--)
        dbx_buf_add(&bytes, cells[i - 1].ptr, cells[i - 1].len);
    dbx_buf_insert(&e->base.payload, end_at(e, right), bytes.ptr, bytes.len);
    set_end(e, right, count, right ? e->shape.left_len : bytes.len);
    bool failed = bytes.failed || e->base.payload.failed;
    dbx_buf_free(&bytes);
    return failed ? DBX_ENOMEM : DBX_OK;
}

/* load makes the outermost node an end's cells, of an end that is empty. */
static int load(dbx_list_edit *e, bool right) {
    dbx_slice cells[END_CELLS];
    dbx_list_node node;
    size_t count;
    int rc = dbx_list_nodes_end(e, right, &node);
    if (rc != DBX_OK) return rc;
    if (right) {
        rc = part_cells(node.cells, cells, &count);
        if (rc == DBX_OK) rc = add_reversed(e, right, cells, count);
    } else { /* it lies as it is to lie */
        dbx_buf_insert(&e->base.payload, end_at(e, false), node.cells.ptr, node.cells.len);
        set_end(e, false, node.count, node.cells.len);
        if (e->base.payload.failed) rc = DBX_ENOMEM;
    }
    return rc == DBX_OK ? dbx_list_nodes_drop(e, right) : rc;
}

/* share gives an end the inner half of the other end's cells, when there are no others. */
static int share(dbx_list_edit *e, bool right) {
    dbx_slice cells[END_CELLS];
    dbx_buf other = {0};
    size_t count, len = 0;
    dbx_slice there = end_cells(e, !right);
    dbx_buf_add(&other, there.ptr, there.len);
    int rc = other.failed ? DBX_ENOMEM : part_cells(dbx_buf_slice(&other), cells, &count);
    if (rc == DBX_OK) {
        size_t kept = count / 2;
        for (size_t i = kept; i < count; i++)
            len += cells[i].len;
        dbx_buf_splice(&e->base.payload, end_at(e, !right) + there.len - len, len, NULL, 0);
        set_end(e, !right, kept, right ? there.len - len : e->shape.left_len);
        rc = add_reversed(e, right, cells + kept, count - kept);
    }
    dbx_buf_free(&other);
    return rc;
}

/* --- Growing --------------------------------------------------------------------------------- */

int dbx_list_ends_spread(dbx_list_edit *e) {
    static const uint8_t head[DBX_LIST_HEAD_BYTES];
    dbx_buf packed = {0};
    dbx_cell cell;
    dbx_edit_spread(&e->base, &packed);
    dbx_buf_add(&e->base.payload, head, sizeof head);
    e->shape = (dbx_list_shape){.head = sizeof head};
    dbx_slice cells = dbx_buf_slice(&packed);
    while (cells.len > 0 && dbx_cell_read(&cells, 0, &cell))
        e->shape.packed += dbx_list_encoding_bytes(&cell);
    int rc = dbx_list_nodes_fill(e, dbx_buf_slice(&packed));
    dbx_buf_free(&packed);
    e->base.changed = true;
    return rc == DBX_OK && e->base.payload.failed ? DBX_ENOMEM : rc;
}

int dbx_list_ends_settle(dbx_list_edit *e, bool right) {
    if (e->base.payload.failed) return DBX_ENOMEM;
    if (!dbx_edit_is_spread(&e->base)) {
        return dbx_edit_outgrown(&e->base) ? dbx_list_ends_spread(e) : DBX_OK;
    }
    return end_len(e, right) > END_MAX ? spill(e, right) : DBX_OK;
}

/* add_cell puts a cell, head and tail, at an end. */
static int add_cell(dbx_list_edit *e, bool right, dbx_slice head, dbx_slice tail) {
    dbx_buf *payload = &e->base.payload;
    dbx_list_shape *s = &e->shape;
    bool is_inline = s->head == 0;
    size_t n = head.len + tail.len;
    size_t at = right && is_inline ? payload->len : end_at(e, right);
    if (dbx_buf_reserve(payload, n) == NULL) return DBX_ENOMEM;
    uint8_t *to = payload->ptr + at;
    memmove(to + n, to, payload->len - at);
    memcpy(to, head.ptr, head.len);
    if (tail.len > 0) memcpy(to + head.len, tail.ptr, tail.len);
    payload->len += n;
    if (right && !is_inline) {
        s->right++;
    } else {
        s->left++;
        s->left_len += n;
    }
    e->base.k->meta.count++;
    e->base.changed = true;
    return dbx_list_ends_settle(e, right);
}

int dbx_list_push(dbx_list_edit *e, bool right, dbx_slice bytes) {
    dbx_cell cell = dbx_cell_of(bytes);
    bool is_long = bytes.len > DBX_CELL_INLINE_MAX;
    int rc = DBX_OK;
    if (!dbx_edit_is_spread(&e->base) &&
        (is_long || e->base.payload.len + dbx_cell_size(bytes.len) >
                        (size_t)e->base.encodings->inline_bytes)) {
        rc = dbx_list_ends_spread(e);
    }
    if (rc != DBX_OK) return rc;
    if (e->shape.head > 0) e->shape.packed += dbx_list_encoding_bytes(&cell);
    if (!is_long) {
        uint8_t head[DBX_VARINT_MAX];
        size_t n = dbx_format_varint(head, (uint64_t)bytes.len << 1);
        return add_cell(e, right, dbx_slice_of(head, n), bytes);
    }
    dbx_buf long_cell = {0};
    rc = dbx_cell_add(e->base.txn, e->base.k->meta.cid, bytes, &long_cell);
    if (rc == DBX_OK) rc = add_cell(e, right, dbx_buf_slice(&long_cell), dbx_slice_of(NULL, 0));
    dbx_buf_free(&long_cell);
    return rc;
}

/* --- Shrinking ------------------------------------------------------------------------------- */

/* nth reads cells up to the one with this number. */
static int nth(const dbx_list_edit *e, dbx_slice cells, uint64_t number, dbx_cell *cell) {
    uint64_t cid = e->base.k->meta.cid;
    do {
        if (cells.len == 0 || !dbx_cell_read(&cells, cid, cell)) return DBX_ECORRUPT;
    } while (number-- > 0);
    return DBX_OK;
}

int dbx_list_peek(const dbx_list_edit *e, bool right, dbx_cell *cell) {
    uint64_t own = end_count(e, right), other = end_count(e, !right);
    if (own > 0) return nth(e, end_cells(e, right), 0, cell);
    if (dbx_list_edit_in_nodes(e) == 0) return nth(e, end_cells(e, !right), other - 1, cell);
    dbx_list_node node;
    int rc = dbx_list_nodes_end(e, right, &node);
    return rc == DBX_OK ? nth(e, node.cells, right ? node.count - 1 : 0, cell) : rc;
}

/* take_out reads `n` cells of a large list that are to go. *len: what they take; *chunks: whether
 * any has some. */
static int take_out(dbx_list_edit *e, dbx_slice cells, uint64_t n, size_t *len, bool *chunks) {
    size_t all = cells.len;
    *chunks = false;
    while (n-- > 0) {
        dbx_cell cell;
        if (cells.len == 0 || !dbx_cell_read(&cells, e->base.k->meta.cid, &cell)) {
            return DBX_ECORRUPT;
        }
        e->shape.packed -= dbx_list_encoding_bytes(&cell);
        *chunks = *chunks || dbx_cell_is_long(&cell);
    }
    *len = all - cells.len;
    return DBX_OK;
}

/* drop_chunks lets go of what cells have beside themselves. */
static int drop_chunks(dbx_list_edit *e, dbx_slice cells) {
    dbx_buf copy = {0}; /* the map is written to */
    dbx_buf_add(&copy, cells.ptr, cells.len);
    int rc = copy.failed ? DBX_ENOMEM : DBX_OK;
    for (cells = dbx_buf_slice(&copy); rc == DBX_OK && cells.len > 0;) {
        dbx_cell cell;
        bool read = dbx_cell_read(&cells, e->base.k->meta.cid, &cell);
        rc = read ? dbx_cell_drop(e->base.txn, &cell) : DBX_ECORRUPT;
    }
    dbx_buf_free(&copy);
    return rc;
}

static int drop_inline(dbx_list_edit *e, bool right, uint64_t n) {
    dbx_slice cells = dbx_buf_slice(&e->base.payload);
    dbx_list_shape *s = &e->shape;
    dbx_cell cell;
    for (uint64_t i = right ? s->left - n : n; i > 0; i--) {
        if (!dbx_cell_read(&cells, 0, &cell)) return DBX_ECORRUPT;
    }
    size_t at = e->base.payload.len - cells.len;
    if (right) {
        e->base.payload.len = at;
    } else {
        dbx_buf_consume(&e->base.payload, at);
    }
    s->left -= n;
    s->left_len = e->base.payload.len;
    e->base.k->meta.count -= n;
    return DBX_OK;
}

/* drop_end drops the `n` outermost cells of an end. */
static int drop_end(dbx_list_edit *e, bool right, uint64_t n, bool keep_chunks) {
    size_t len, left_len = e->shape.left_len;
    bool chunks;
    dbx_slice cells = end_cells(e, right);
    int rc = take_out(e, cells, n, &len, &chunks);
    if (rc == DBX_OK && chunks && !keep_chunks) rc = drop_chunks(e, dbx_slice_of(cells.ptr, len));
    if (rc != DBX_OK) return rc;
    dbx_buf_splice(&e->base.payload, end_at(e, right), len, NULL, 0);
    set_end(e, right, end_count(e, right) - n, right ? left_len : left_len - len);
    e->base.k->meta.count -= n;
    return DBX_OK;
}

/* drop_node drops the outermost node if it has at most `n` elements; *dropped: how many it had, or
 * 0. */
static int drop_node(dbx_list_edit *e, bool right, uint64_t n, bool keep_chunks,
                     uint64_t *dropped) {
    dbx_list_node node;
    size_t len;
    bool chunks;
    int rc = dbx_list_nodes_end(e, right, &node);
    *dropped = 0;
    if (rc != DBX_OK || node.count > n) return rc;
    rc = take_out(e, node.cells, node.count, &len, &chunks);
    if (rc == DBX_OK && chunks && !keep_chunks) rc = drop_chunks(e, node.cells);
    if (rc != DBX_OK) return rc;
    e->base.k->meta.count -= node.count;
    *dropped = node.count;
    return dbx_list_nodes_drop(e, right);
}

/* start_anew makes the list empty, and inline: what it had under its id goes with that. */
static void start_anew(dbx_list_edit *e) {
    e->base.k->meta.cid = 0;
    e->base.k->meta.count = 0;
    e->base.payload.len = 0;
    e->shape = (dbx_list_shape){.head = 0};
}

static int drop(dbx_list_edit *e, bool right, uint64_t n, bool keep_chunks) {
    int rc = DBX_OK;
    e->base.changed = e->base.changed || n > 0;
    if (n == dbx_list_edit_count(e)) {
        start_anew(e);
    } else if (!dbx_edit_is_spread(&e->base)) {
        return drop_inline(e, right, n);
    } else {
        while (rc == DBX_OK && n > 0) {
            uint64_t own = end_count(e, right), dropped = 0;
            if (own > 0) {
                dropped = own < n ? own : n;
                rc = drop_end(e, right, dropped, keep_chunks);
            } else if (dbx_list_edit_in_nodes(e) == 0) {
                rc = share(e, right);
            } else {
                rc = drop_node(e, right, n, keep_chunks, &dropped);
                if (rc == DBX_OK && dropped == 0) rc = load(e, right);
            }
            n -= dropped;
        }
    }
    return rc;
}

int dbx_list_drop(dbx_list_edit *e, bool right, uint64_t n) {
    return drop(e, right, n, false);
}

/* --- Moving ---------------------------------------------------------------------------------- */

/* add_chunked puts an element that has chunks, of this list or of another, at an end. */
static int add_chunked(dbx_list_edit *e, bool right, dbx_cell cell) {
    dbx_buf bytes = {0};
    int rc = dbx_edit_is_spread(&e->base) ? DBX_OK : dbx_list_ends_spread(e);
    if (rc != DBX_OK) return rc;
    if (cell.chunks.cid != e->base.k->meta.cid) {
        dbx_chunks own = {.cid = e->base.k->meta.cid, .part = dbx_txn_new_id(e->base.txn)};
        rc = dbx_chunks_copy(e->base.txn, cell.chunks, own, cell.len);
        cell.chunks = own;
    }
    e->shape.packed += dbx_list_encoding_bytes(&cell);
    dbx_cell_add_long(&cell, &bytes);
    if (rc == DBX_OK && bytes.failed) rc = DBX_ENOMEM;
    if (rc == DBX_OK) rc = add_cell(e, right, dbx_buf_slice(&bytes), dbx_slice_of(NULL, 0));
    dbx_buf_free(&bytes);
    return rc;
}

static int add_moved(dbx_list_edit *to, bool right, const dbx_cell *cell) {
    dbx_list_encoding_grow_moved(to, cell);
    return dbx_cell_is_long(cell) ? add_chunked(to, right, *cell)
                                  : dbx_list_push(to, right, dbx_cell_slice(cell));
}

int dbx_list_move(dbx_list_edit *from, bool from_right, dbx_list_edit *to, bool to_right) {
    dbx_cell cell;
    dbx_buf copy = {0};
    int rc = dbx_list_peek(from, from_right, &cell);
    if (rc != DBX_OK) return rc;
    bool is_same = from == to, is_alone = dbx_list_edit_count(from) == 1;
    if (is_same && is_alone) { /* it comes back to where it is */
        from->base.changed = true;
        return DBX_OK;
    }
    if (!dbx_cell_is_long(&cell)) {
        dbx_buf_add(&copy, cell.ptr, (size_t)cell.len);
        cell.ptr = copy.ptr != NULL ? copy.ptr : (const uint8_t *)"";
    }
    rc = copy.failed ? DBX_ENOMEM : DBX_OK;
    if (is_same && rc == DBX_OK) rc = drop(from, from_right, 1, true);
    if (rc == DBX_OK) rc = add_moved(to, to_right, &cell);
    if (!is_same && rc == DBX_OK) rc = dbx_list_drop(from, from_right, 1);
    if (rc == DBX_OK) dbx_list_encoding_shrink(from);
    dbx_buf_free(&copy);
    return rc;
}
