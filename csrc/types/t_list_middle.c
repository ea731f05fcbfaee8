/* t_list_middle.c: changing a list between its ends: LSET, LINSERT, LREM. */
#include "types/t_list_encoding.h"
#include "types/t_list_ends.h"
#include "types/t_list_walk.h"

/* A place that was found: where a cell lies, and the cells of its node, if it is in one. */
typedef struct place {
    dbx_list_item item;
    uint64_t count; /* of the node */
    dbx_buf node;
} place;

/* keep_place copies what the walk stands on: the map is written to before it is changed. */
static int keep_place(const dbx_list_walk *walk, const dbx_list_item *item, place *p) {
    p->item = *item;
    if (item->part != DBX_LIST_NODE) return DBX_OK;
    p->count = walk->node.count;
    dbx_buf_add(&p->node, walk->node.cells.ptr, walk->node.cells.len);
    return p->node.failed ? DBX_ENOMEM : DBX_OK;
}

/* splice puts `cell` for `old` bytes at `at` of the part: `more` elements than before (0 or 1). */
static int splice(dbx_list_edit *e, place *p, size_t at, size_t old, dbx_slice cell,
                  uint64_t more) {
    dbx_list_shape *s = &e->shape;
    uint64_t order = p->item.order;
    e->base.changed = true;
    e->base.k->meta.count += more;
    if (p->item.part == DBX_LIST_NODE) {
        dbx_buf_splice(&p->node, at, old, cell.ptr, cell.len);
        if (p->node.failed) return DBX_ENOMEM;
        return dbx_list_nodes_replace(e, order, p->count + more, dbx_buf_slice(&p->node),
                                      order == s->first);
    }
    bool right = p->item.part == DBX_LIST_RIGHT;
    dbx_buf_splice(&e->base.payload, s->head + (right ? s->left_len : 0) + at, old, cell.ptr,
                   cell.len);
    if (right) {
        s->right += more;
    } else {
        s->left += more;
        s->left_len = s->left_len - old + cell.len;
    }
    return dbx_list_ends_settle(e, right);
}

/* make_cell makes a cell of bytes that come into the list. */
static int make_cell(dbx_list_edit *e, dbx_slice bytes, dbx_buf *out) {
    dbx_cell cell = dbx_cell_of(bytes);
    if (e->shape.head > 0) e->shape.packed += dbx_list_encoding_bytes(&cell);
    return dbx_cell_add(e->base.txn, e->base.k->meta.cid, bytes, out);
}

/* make_way spreads a list that is inline and must not be when `bytes` come into it. */
static int make_way(dbx_list_edit *e, dbx_slice bytes) {
    bool stays = bytes.len <= DBX_CELL_INLINE_MAX || dbx_edit_is_spread(&e->base);
    return stays ? DBX_OK : dbx_list_ends_spread(e);
}

/* --- Replacing ------------------------------------------------------------------------------- */

static int replace(dbx_list_edit *e, place *p, dbx_slice bytes) {
    dbx_buf cell = {0};
    if (e->shape.head > 0) e->shape.packed -= dbx_list_encoding_bytes(&p->item.cell);
    int rc = dbx_cell_drop(e->base.txn, &p->item.cell);
    if (rc == DBX_OK) rc = make_cell(e, bytes, &cell);
    if (rc == DBX_OK) rc = splice(e, p, p->item.at, p->item.len, dbx_buf_slice(&cell), 0);
    dbx_buf_free(&cell);
    return rc;
}

int dbx_list_set(dbx_list_edit *e, uint64_t index, dbx_slice bytes) {
    dbx_list_walk walk;
    dbx_list_item item;
    place p = {.count = 0};
    int rc = make_way(e, bytes);
    if (rc != DBX_OK) return rc;
    dbx_list_walk_edit_at(&walk, e, index);
    rc = dbx_list_walk_next(&walk, &item);
    if (rc == DBX_ENOTFOUND) rc = DBX_ECORRUPT;
    if (rc == DBX_OK) rc = keep_place(&walk, &item, &p);
    if (rc == DBX_OK) rc = replace(e, &p, bytes);
    dbx_list_walk_close(&walk);
    dbx_buf_free(&p.node);
    return rc;
}

/* --- Inserting ------------------------------------------------------------------------------- */

/* find stands on the first element that equals `bytes`; DBX_ENOTFOUND. */
static int find(dbx_list_walk *walk, dbx_slice bytes, dbx_list_item *item) {
    int rc;
    bool equal;
    while ((rc = dbx_list_walk_next(walk, item)) == DBX_OK) {
        rc = dbx_cell_equal(walk->view, &item->cell, bytes, &equal);
        if (rc != DBX_OK || equal) return rc;
    }
    return rc;
}

static int insert_beside(dbx_list_edit *e, place *p, bool before, dbx_slice bytes) {
    dbx_buf cell = {0};
    /* In the right end what comes before lies behind. */
    bool at_begin = before != (p->item.part == DBX_LIST_RIGHT);
    size_t at = p->item.at + (at_begin ? 0 : p->item.len);
    int rc = make_cell(e, bytes, &cell);
    if (rc == DBX_OK) rc = splice(e, p, at, 0, dbx_buf_slice(&cell), 1);
    dbx_buf_free(&cell);
    return rc;
}

int dbx_list_insert(dbx_list_edit *e, dbx_slice pivot, bool before, dbx_slice bytes, bool *found) {
    dbx_list_walk walk;
    dbx_list_item item;
    place p = {.count = 0};
    dbx_list_walk_edit(&walk, e, false, 0);
    int rc = find(&walk, pivot, &item);
    *found = rc == DBX_OK;
    if (*found && bytes.len > DBX_CELL_INLINE_MAX && !dbx_edit_is_spread(&e->base)) {
        dbx_list_walk_close(&walk);
        rc = dbx_list_ends_spread(e);
        dbx_list_walk_edit(&walk, e, false, 0);
        if (rc == DBX_OK) rc = find(&walk, pivot, &item);
    }
    if (rc == DBX_OK) rc = keep_place(&walk, &item, &p);
    if (rc == DBX_OK) rc = insert_beside(e, &p, before, bytes);
    dbx_list_walk_close(&walk);
    dbx_buf_free(&p.node);
    return rc == DBX_ENOTFOUND && !*found ? DBX_OK : rc;
}

/* --- Removing -------------------------------------------------------------------------------- */

typedef struct removal {
    dbx_list_edit *e;
    dbx_slice bytes;
    bool from_right;
    uint64_t left; /* still to be removed, at most */
} removal;

/* count_equal says how many of the cells are to be removed, were there no limit. */
static int count_equal(const removal *r, dbx_slice cells, uint64_t *count) {
    const dbx_edit *base = &r->e->base;
    *count = 0;
    while (cells.len > 0) {
        dbx_cell cell;
        bool equal;
        if (!dbx_cell_read(&cells, base->k->meta.cid, &cell)) return DBX_ECORRUPT;
        int rc = dbx_cell_equal(dbx_txn_view(base->txn), &cell, r->bytes, &equal);
        if (rc != DBX_OK) return rc;
        *count += equal;
    }
    return DBX_OK;
}

/* strip removes cells from the `*len` bytes at `at` of `buf`: of those that are equal the first
 * `skip` stay, and then all behind r->left. *removed: how many went. */
static int strip(removal *r, dbx_buf *buf, size_t at, size_t *len, uint64_t skip,
                 uint64_t *removed) {
    dbx_list_edit *e = r->e;
    dbx_slice rest = dbx_slice_of(buf->ptr + at, *len);
    uint8_t *to = buf->ptr + at;
    *removed = 0;
    while (rest.len > 0) {
        dbx_cell cell;
        bool equal = false;
        const uint8_t *from = rest.ptr;
        if (!dbx_cell_read(&rest, e->base.k->meta.cid, &cell)) return DBX_ECORRUPT;
        size_t n = (size_t)(rest.ptr - from);
        int rc = DBX_OK;
        if (r->left > 0) rc = dbx_cell_equal(dbx_txn_view(e->base.txn), &cell, r->bytes, &equal);
        if (equal && skip > 0) {
            skip--;
            equal = false;
        }
        if (equal && rc == DBX_OK) rc = dbx_cell_drop(e->base.txn, &cell);
        if (rc != DBX_OK) return rc;
        if (equal) {
            if (e->shape.head > 0) e->shape.packed -= dbx_list_encoding_bytes(&cell);
            r->left--;
            ++*removed;
        } else {
            memmove(to, from, n);
            to += n;
        }
    }
    size_t kept = (size_t)(to - buf->ptr) - at;
    dbx_buf_splice(buf, at + kept, *len - kept, NULL, 0);
    *len = kept;
    e->base.k->meta.count -= *removed;
    e->base.changed = e->base.changed || *removed > 0;
    return DBX_OK;
}

/* skipped is how many of `equal` cells stay because only the last of them are to go. `turned`: the
 * cells lie the other way round. */
static uint64_t skipped(const removal *r, uint64_t equal, bool turned) {
    return r->from_right != turned && equal > r->left ? equal - r->left : 0;
}

static int remove_in_end(removal *r, bool right) {
    dbx_list_shape *s = &r->e->shape;
    dbx_buf *payload = &r->e->base.payload;
    size_t at = s->head + (right ? s->left_len : 0);
    size_t len = right ? payload->len - at : s->left_len;
    uint64_t equal, removed;
    int rc = count_equal(r, dbx_slice_of(payload->ptr + at, len), &equal);
    if (rc != DBX_OK || equal == 0) return rc;
    rc = strip(r, payload, at, &len, skipped(r, equal, right), &removed);
    if (rc != DBX_OK) return rc;
    if (right) {
        s->right -= removed;
    } else {
        s->left -= removed;
        s->left_len = len;
    }
    return DBX_OK;
}

static int remove_in_node(removal *r, const dbx_list_node *node) {
    uint64_t equal, removed, order = node->order, count = node->count;
    dbx_buf cells = {0};
    int rc = count_equal(r, node->cells, &equal);
    if (rc != DBX_OK || equal == 0) return rc;
    dbx_buf_add(&cells, node->cells.ptr, node->cells.len);
    size_t len = cells.len;
    rc = cells.failed ? DBX_ENOMEM : strip(r, &cells, 0, &len, skipped(r, equal, false), &removed);
    /* Only a neighbour that was looked through may be joined. */
    if (rc == DBX_OK) {
        rc = dbx_list_nodes_replace(r->e, order, count - removed, dbx_buf_slice(&cells),
                                    r->from_right);
    }
    dbx_buf_free(&cells);
    return rc;
}

static int remove_in_nodes(removal *r) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    const dbx_list_shape *s = &r->e->shape;
    if (dbx_list_edit_in_nodes(r->e) == 0) return DBX_OK;
    size_t n = dbx_list_nodes_key(key, r->e->base.k->meta.cid, r->from_right ? s->last : s->first);
    dbx_slice from = dbx_slice_of(key, n);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(r->e->base.txn), dbx_slice_of(key, n - 8));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = r->from_right ? dbx_cursor_seek_back(cursor, from) : dbx_cursor_seek(cursor, from);
    while (rc == DBX_OK && r->left > 0) {
        dbx_list_node node;
        rc = dbx_list_nodes_read(dbx_cursor_key(cursor), n - 8, dbx_cursor_value(cursor), &node);
        if (rc == DBX_OK) rc = remove_in_node(r, &node);
        if (rc == DBX_OK) rc = r->from_right ? dbx_cursor_prev(cursor) : dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_list_remove(dbx_list_edit *e, dbx_slice bytes, bool from_right, uint64_t limit,
                    uint64_t *removed) {
    removal r = {.e = e, .bytes = bytes, .from_right = from_right, .left = limit};
    int rc = remove_in_end(&r, from_right);
    if (rc == DBX_OK && r.left > 0) rc = remove_in_nodes(&r);
    if (rc == DBX_OK && r.left > 0) rc = remove_in_end(&r, !from_right);
    *removed = limit - r.left;
    return rc;
}
