/* t_list_nodes.c: see t_list_nodes.h. */
#include "types/t_list_nodes.h"

#include "base/bytes.h"

enum {
    HEAD = 2,                             /* bytes before a node's cells */
    JOIN_MAX = DBX_LIST_NODE_MAX / 4 * 3, /* so that a joined node is not split soon */
    GROUPS_MAX = 8,                       /* nodes that one is split into */
    FILL_CELLS = 128
};

static const uint64_t STEP = 1 << 16, MIDDLE = (uint64_t)1 << 63;

/* --- One node -------------------------------------------------------------------------------- */

size_t dbx_list_nodes_key(uint8_t out[DBX_LIST_KEY_BYTES], uint64_t cid, uint64_t order) {
    size_t n = dbx_format_collection(out, DBX_TABLE_LIST, cid);
    dbx_store64_be(out + n, order);
    return n + 8;
}

static int read_value(dbx_slice value, dbx_list_node *node) {
    if (value.len < HEAD) return DBX_ECORRUPT;
    node->count = dbx_load16(value.ptr);
    node->cells = dbx_slice_of(value.ptr + HEAD, value.len - HEAD);
    return node->count > 0 && node->count <= node->cells.len ? DBX_OK : DBX_ECORRUPT;
}

int dbx_list_nodes_read(dbx_slice key, size_t prefix_len, dbx_slice value, dbx_list_node *node) {
    if (key.len != prefix_len + 8) return DBX_ECORRUPT;
    node->order = dbx_load64_be(key.ptr + prefix_len);
    return read_value(value, node);
}

static uint64_t cid_of(const dbx_list_edit *e) {
    return e->base.k->meta.cid;
}

int dbx_list_nodes_end(const dbx_list_edit *e, bool right, dbx_list_node *node) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    dbx_slice value;
    node->order = right ? e->shape.last : e->shape.first;
    size_t n = dbx_list_nodes_key(key, cid_of(e), node->order);
    int rc = dbx_txn_get(e->base.txn, dbx_slice_of(key, n), &value);
    if (rc == DBX_ENOTFOUND) return DBX_ECORRUPT;
    return rc == DBX_OK ? read_value(value, node) : rc;
}

static int put(dbx_list_edit *e, uint64_t order, uint64_t count, dbx_slice cells) {
    uint8_t key[DBX_LIST_KEY_BYTES], head[HEAD];
    size_t n = dbx_list_nodes_key(key, cid_of(e), order);
    dbx_store16(head, (uint16_t)count);
    return dbx_txn_put(e->base.txn, dbx_slice_of(key, n), dbx_slice_of(head, HEAD), cells);
}

static int del(dbx_list_edit *e, uint64_t order) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    size_t n = dbx_list_nodes_key(key, cid_of(e), order);
    return dbx_txn_del(e->base.txn, dbx_slice_of(key, n));
}

/* A walk over nodes from `order` on, which goes on after writes. */
typedef struct neighbours {
    dbx_cursor *cursor; /* owned */
    size_t prefix_len;
} neighbours;

static int stand(neighbours *w, int rc, dbx_list_node *node) {
    if (rc != DBX_OK) return rc;
    return dbx_list_nodes_read(dbx_cursor_key(w->cursor), w->prefix_len,
                               dbx_cursor_value(w->cursor), node);
}

/* Stands on the neighbour of `order`, which need not be there itself; DBX_ENOTFOUND. */
static int open_beside(neighbours *w, const dbx_list_edit *e, uint64_t order, bool after,
                       dbx_list_node *node) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    size_t n = dbx_list_nodes_key(key, cid_of(e), after ? order + 1 : order - 1);
    w->prefix_len = n - 8;
    w->cursor = dbx_cursor_open(dbx_txn_view(e->base.txn), dbx_slice_of(key, w->prefix_len));
    if (w->cursor == NULL) return DBX_ENOMEM;
    dbx_slice from = dbx_slice_of(key, n);
    return stand(
        w, after ? dbx_cursor_seek(w->cursor, from) : dbx_cursor_seek_back(w->cursor, from), node);
}

/* beside gives the neighbour that must be there. */
static int beside(const dbx_list_edit *e, uint64_t order, bool after, dbx_list_node *node) {
    neighbours w;
    int rc = open_beside(&w, e, order, after, node);
    dbx_cursor_close(w.cursor);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* --- At the ends ----------------------------------------------------------------------------- */

/* How many of the cells fit in so many bytes. */
static size_t fit(const dbx_slice *cells, size_t count, size_t bytes) {
    size_t n = 0;
    while (n < count && cells[n].len <= bytes)
        bytes -= cells[n++].len;
    return n;
}

/* put_group writes a node of cells that begin with the innermost and, further inwards, `old`. All
 * fit in one. */
static int put_group(dbx_list_edit *e, bool right, dbx_list_node old, const dbx_slice *cells,
                     size_t count) {
    uint8_t bytes[DBX_LIST_NODE_MAX];
    size_t at = 0;
    if (right && old.count > 0) {
        memcpy(bytes, old.cells.ptr, old.cells.len);
        at = old.cells.len;
    }
    for (size_t i = 0; i < count; i++) {
        dbx_slice cell = cells[right ? i : count - 1 - i];
        memcpy(bytes + at, cell.ptr, cell.len);
        at += cell.len;
    }
    if (!right && old.count > 0) {
        memcpy(bytes + at, old.cells.ptr, old.cells.len);
        at += old.cells.len;
    }
    return put(e, old.order, old.count + count, dbx_slice_of(bytes, at));
}

/* The order number of a new node at an end. */
static int new_order(dbx_list_edit *e, bool right, bool is_first, uint64_t *order) {
    dbx_list_shape *s = &e->shape;
    if (is_first) {
        s->first = s->last = *order = MIDDLE;
    } else if (right) {
        if (s->last > UINT64_MAX - STEP) return DBX_ELIMIT;
        *order = s->last += STEP;
    } else {
        if (s->first < STEP) return DBX_ELIMIT;
        *order = s->first -= STEP;
    }
    return DBX_OK;
}

int dbx_list_nodes_add(dbx_list_edit *e, bool right, const dbx_slice *cells, size_t count,
                       uint64_t before) {
    size_t done = 0;
    int rc = DBX_OK;
    if (before > 0) {
        dbx_list_node node;
        rc = dbx_list_nodes_end(e, right, &node);
        if (rc != DBX_OK) return rc;
        size_t have = node.cells.len;
        done = fit(cells, count, have < DBX_LIST_NODE_MAX ? DBX_LIST_NODE_MAX - have : 0);
        if (done > 0) rc = put_group(e, right, node, cells, done);
    }
    while (rc == DBX_OK && done < count) {
        dbx_list_node node = {.count = 0};
        size_t n = fit(cells + done, count - done, DBX_LIST_NODE_MAX);
        rc = new_order(e, right, before + done == 0, &node.order);
        if (rc != DBX_OK) break;
        if (n == 0) { /* too large to share a node */
            n = 1;
            rc = put(e, node.order, 1, cells[done]);
        } else {
            rc = put_group(e, right, node, cells + done, n);
        }
        done += n;
    }
    return rc;
}

int dbx_list_nodes_fill(dbx_list_edit *e, dbx_slice cells) {
    dbx_slice parts[FILL_CELLS];
    uint64_t before = 0;
    int rc = DBX_OK;
    while (rc == DBX_OK && cells.len > 0) {
        size_t n = 0;
        for (; n < FILL_CELLS && cells.len > 0; n++) {
            dbx_cell cell;
            parts[n].ptr = cells.ptr;
            if (!dbx_cell_read(&cells, cid_of(e), &cell)) return DBX_ECORRUPT;
            parts[n].len = (size_t)(cells.ptr - parts[n].ptr);
        }
        rc = dbx_list_nodes_add(e, true, parts, n, before);
        before += n;
    }
    return rc;
}

/* remove deletes a node; who takes its place, if it was an outermost one, is found. */
static int remove_node(dbx_list_edit *e, uint64_t order) {
    dbx_list_shape *s = &e->shape;
    dbx_list_node next;
    int rc = del(e, order);
    if (rc != DBX_OK || dbx_list_edit_in_nodes(e) == 0) return rc;
    if (order == s->first) {
        rc = beside(e, order, true, &next);
        if (rc == DBX_OK) s->first = next.order;
    } else if (order == s->last) {
        rc = beside(e, order, false, &next);
        if (rc == DBX_OK) s->last = next.order;
    }
    return rc;
}

int dbx_list_nodes_drop(dbx_list_edit *e, bool right) {
    return remove_node(e, right ? e->shape.last : e->shape.first);
}

/* --- Making room between two nodes ----------------------------------------------------------- */

typedef struct moved {
    uint64_t count;
    size_t len;
} moved;

typedef struct moving {
    dbx_buf nodes; /* of struct moved */
    dbx_buf cells; /* theirs, one after the other */
    uint64_t count;
} moving;

static void keep_moved(moving *m, const dbx_list_node *node) {
    moved one = {.count = node->count, .len = node->cells.len};
    dbx_buf_add(&m->nodes, &one, sizeof one);
    dbx_buf_add(&m->cells, node->cells.ptr, node->cells.len);
    m->count++;
}

/* collect takes nodes behind `order` out of the map until the numbers up to the next one leave
 * `spacing` for each of them and for `more` others. The more there are, the less is asked for: so a
 * place where many are put does not become dense all over. */
static int collect(dbx_list_edit *e, uint64_t order, uint64_t more, moving *m, uint64_t *spacing) {
    neighbours w;
    dbx_list_node node;
    uint64_t wanted = STEP, bound = 2;
    int rc = open_beside(&w, e, order, true, &node);
    while (rc == DBX_OK) {
        for (; m->count + more > bound && wanted > 2; bound *= 2)
            wanted = wanted * 2 / 3;
        *spacing = (node.order - order) / (m->count + more);
        if (*spacing >= wanted) break;
        keep_moved(m, &node);
        rc = del(e, node.order);
        if (rc == DBX_OK) rc = stand(&w, dbx_cursor_next(w.cursor), &node);
    }
    dbx_cursor_close(w.cursor);
    if (rc == DBX_ENOTFOUND) {
        *spacing = STEP;
        rc = (UINT64_MAX - order) / STEP > m->count + more ? DBX_OK : DBX_ELIMIT;
        if (rc == DBX_OK) e->shape.last = order + (more + m->count - 1) * STEP;
    }
    return rc == DBX_OK && (m->nodes.failed || m->cells.failed) ? DBX_ENOMEM : rc;
}

/* make_room gives the nodes behind `order` other numbers, so that `more` nodes with that and the
 * numbers that follow it, *spacing apart, come before them. */
static int make_room(dbx_list_edit *e, uint64_t order, uint64_t more, uint64_t *spacing) {
    moving m = {.count = 0};
    int rc = collect(e, order, more, &m, spacing);
    size_t at = 0;
    for (uint64_t i = 0; rc == DBX_OK && i < m.count; i++) {
        moved one;
        memcpy(&one, m.nodes.ptr + i * sizeof one, sizeof one);
        rc = put(e, order + (more + i) * *spacing, one.count,
                 dbx_slice_of(m.cells.ptr + at, one.len));
        at += one.len;
    }
    dbx_buf_free(&m.nodes);
    dbx_buf_free(&m.cells);
    return rc;
}

/* --- In the middle --------------------------------------------------------------------------- */

typedef struct group {
    uint64_t count;
    dbx_slice cells;
} group;

/* divide cuts cells into groups of about the same length, each fit for a node. */
static int divide(dbx_slice cells, uint64_t count, group groups[GROUPS_MAX], uint64_t *made) {
    size_t nodes = (cells.len + DBX_LIST_NODE_MAX - 1) / DBX_LIST_NODE_MAX;
    size_t target = cells.len / nodes;
    uint64_t n = 0;
    groups[0] = (group){.cells = dbx_slice_of(cells.ptr, 0)};
    for (; count > 0; count--) {
        dbx_cell cell;
        const uint8_t *from = cells.ptr;
        if (!dbx_cell_read(&cells, 0, &cell)) return DBX_ECORRUPT;
        size_t len = (size_t)(cells.ptr - from);
        group *g = &groups[n];
        bool full = g->cells.len >= target || g->cells.len + len > DBX_LIST_NODE_MAX;
        if (g->count > 0 && full && n + 1 < GROUPS_MAX) {
            g = &groups[++n];
            *g = (group){.cells = dbx_slice_of(from, 0)};
        }
        g->cells.len += len;
        g->count++;
    }
    *made = n + 1;
    return DBX_OK;
}

static int split(dbx_list_edit *e, uint64_t order, uint64_t count, dbx_slice cells) {
    group groups[GROUPS_MAX];
    uint64_t made, spacing = STEP;
    int rc = divide(cells, count, groups, &made);
    if (rc != DBX_OK) return rc;
    if (order != e->shape.last) {
        dbx_list_node next;
        rc = beside(e, order, true, &next);
        if (rc != DBX_OK) return rc;
        spacing = (next.order - order) / made;
        if (spacing == 0) rc = make_room(e, order, made, &spacing);
    } else {
        if ((UINT64_MAX - order) / STEP <= made) return DBX_ELIMIT;
        e->shape.last = order + (made - 1) * STEP;
    }
    for (uint64_t i = 0; rc == DBX_OK && i < made; i++)
        rc = put(e, order + i * spacing, groups[i].count, groups[i].cells);
    return rc;
}

/* join puts the cells of the neighbour on that side into the node, if there is one and they fit. */
static int join(dbx_list_edit *e, uint64_t order, uint64_t count, dbx_slice cells, bool after) {
    dbx_list_shape *s = &e->shape;
    dbx_list_node other;
    if (order == (after ? s->last : s->first)) return DBX_OK;
    int rc = beside(e, order, after, &other);
    if (rc != DBX_OK || other.cells.len + cells.len > JOIN_MAX) return rc;
    uint8_t bytes[JOIN_MAX];
    size_t mine = after ? 0 : other.cells.len, others = after ? cells.len : 0;
    memcpy(bytes + mine, cells.ptr, cells.len);
    memcpy(bytes + others, other.cells.ptr, other.cells.len);
    count += other.count;
    cells.len += other.cells.len;
    rc = del(e, other.order);
    if (rc == DBX_OK) rc = put(e, order, count, dbx_slice_of(bytes, cells.len));
    if (other.order == s->first) s->first = order;
    if (other.order == s->last) s->last = order;
    return rc;
}

int dbx_list_nodes_replace(dbx_list_edit *e, uint64_t order, uint64_t count, dbx_slice cells,
                           bool after) {
    if (count == 0) return remove_node(e, order);
    if (cells.len > DBX_LIST_NODE_MAX && count > 1) return split(e, order, count, cells);
    int rc = put(e, order, count, cells);
    if (rc != DBX_OK || cells.len > DBX_LIST_NODE_SMALL) return rc;
    return join(e, order, count, cells, after);
}
