/* t_list_walk.c: see t_list_walk.h. */
#include "types/t_list_walk.h"

/* --- Cells that lie together ----------------------------------------------------------------- */

/* read_cell reads the cell at `at`, which it moves behind it. */
static int read_cell(dbx_slice cells, size_t *at, uint64_t cid, dbx_cell *cell) {
    dbx_slice rest = dbx_slice_of(cells.ptr + *at, cells.len - *at);
    if (rest.len == 0 || !dbx_cell_read(&rest, cid, cell)) return DBX_ECORRUPT;
    *at = cells.len - rest.len;
    return DBX_OK;
}

/* begin_run begins to give `count` cells, the first or the last `skip` (< count) of them not. */
static int begin_run(dbx_list_walk *walk, dbx_slice cells, uint64_t count, bool from_end,
                     uint64_t skip) {
    dbx_list_run *run = &walk->run;
    dbx_cell cell;
    run->cells = cells;
    run->left = count - skip;
    run->from_end = from_end;
    run->at = 0;
    run->marks.len = 0;
    for (uint64_t i = from_end ? run->left : skip; i > 0; i--) {
        uint32_t mark = (uint32_t)run->at;
        if (from_end) dbx_buf_add(&run->marks, &mark, sizeof mark);
        if (read_cell(cells, &run->at, walk->cid, &cell) != DBX_OK) return DBX_ECORRUPT;
    }
    return run->marks.failed ? DBX_ENOMEM : DBX_OK;
}

static int give(dbx_list_walk *walk, dbx_list_item *item) {
    dbx_list_run *run = &walk->run;
    run->left--;
    if (run->from_end) {
        uint32_t mark;
        memcpy(&mark, run->marks.ptr + run->left * sizeof mark, sizeof mark);
        run->at = mark;
    }
    item->part = walk->part;
    item->order = walk->node.order;
    item->at = run->at;
    int rc = read_cell(run->cells, &run->at, walk->cid, &item->cell);
    item->len = run->at - item->at;
    return rc;
}

/* --- Nodes ----------------------------------------------------------------------------------- */

static int read_node(dbx_list_walk *walk, int rc) {
    if (rc != DBX_OK) return rc;
    return dbx_list_nodes_read(dbx_cursor_key(walk->cursor), walk->prefix_len,
                               dbx_cursor_value(walk->cursor), &walk->node);
}

/* seek_node stands on the outermost node at an end. */
static int seek_node(dbx_list_walk *walk, bool right) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    uint64_t order = right ? walk->shape.last : walk->shape.first;
    size_t n = dbx_list_nodes_key(key, walk->cid, order);
    walk->prefix_len = n - 8;
    walk->cursor = dbx_cursor_open(walk->view, dbx_slice_of(key, walk->prefix_len));
    if (walk->cursor == NULL) return DBX_ENOMEM;
    dbx_slice at = dbx_slice_of(key, n);
    return read_node(walk, right ? dbx_cursor_seek_back(walk->cursor, at)
                                 : dbx_cursor_seek(walk->cursor, at));
}

static int step_node(dbx_list_walk *walk, bool left) {
    return read_node(walk, left ? dbx_cursor_prev(walk->cursor) : dbx_cursor_next(walk->cursor));
}

/* find_node stands on the node of the first element to be given, coming from the nearer end, and
 * makes walk->skip what is skipped in it. */
static int find_node(dbx_list_walk *walk) {
    bool far = walk->skip > walk->in_nodes / 2;
    uint64_t ahead = far ? walk->in_nodes - 1 - walk->skip : walk->skip;
    int rc = seek_node(walk, walk->back != far);
    while (rc == DBX_OK && ahead >= walk->node.count) {
        ahead -= walk->node.count;
        rc = step_node(walk, walk->back != far);
    }
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    walk->skip = far ? walk->node.count - 1 - ahead : ahead;
    return DBX_OK;
}

/* --- The three parts ------------------------------------------------------------------------- */

enum stage { NEAR, NODES, FAR, END };

/* end_run begins to give what lies in an end of the list. */
static int end_run(dbx_list_walk *walk, bool right, bool from_end) {
    const dbx_list_shape *s = &walk->shape;
    const uint8_t *left = walk->payload.ptr + s->head;
    dbx_slice cells =
        right ? dbx_slice_of(left + s->left_len, walk->payload.len - s->head - s->left_len)
              : dbx_slice_of(left, s->left_len);
    uint64_t count = right ? s->right : s->left, skip = walk->skip;
    if (skip >= count) {
        walk->skip -= count;
        return DBX_OK;
    }
    walk->part = right ? DBX_LIST_RIGHT : DBX_LIST_LEFT;
    walk->skip = 0;
    return begin_run(walk, cells, count, from_end, skip);
}

static int node_run(dbx_list_walk *walk) {
    int rc;
    if (walk->cursor == NULL) {
        if (walk->skip >= walk->in_nodes) {
            walk->skip -= walk->in_nodes;
            walk->stage = FAR;
            return DBX_OK;
        }
        rc = find_node(walk);
    } else {
        rc = step_node(walk, walk->back);
    }
    if (rc == DBX_ENOTFOUND) {
        walk->stage = FAR;
        return DBX_OK;
    }
    if (rc != DBX_OK) return rc;
    uint64_t skip = walk->skip;
    walk->part = DBX_LIST_NODE;
    walk->skip = 0;
    return begin_run(walk, walk->node.cells, walk->node.count, walk->back, skip);
}

int dbx_list_walk_next(dbx_list_walk *walk, dbx_list_item *item) {
    while (walk->run.left == 0) {
        int rc = DBX_ENOTFOUND;
        if (walk->stage == NEAR) {
            walk->stage = NODES;
            rc = end_run(walk, walk->back, false);
        } else if (walk->stage == NODES) {
            rc = node_run(walk);
        } else if (walk->stage == FAR) {
            walk->stage = END;
            rc = end_run(walk, !walk->back, true);
        }
        if (rc != DBX_OK) return rc;
    }
    return give(walk, item);
}

/* --- Opening and moving ---------------------------------------------------------------------- */

static void begin(dbx_list_walk *walk, dbx_view *view, const dbx_meta *meta, dbx_slice payload,
                  bool back, uint64_t skip) {
    walk->view = view;
    walk->cid = meta->cid;
    walk->payload = payload;
    walk->back = back;
    walk->skip = skip;
    walk->in_nodes = meta->count - walk->shape.left - walk->shape.right;
}

int dbx_list_walk_open(dbx_list_walk *walk, dbx_view *view, const dbx_key *k, bool back,
                       uint64_t skip) {
    *walk = (dbx_list_walk){.stage = k->exists ? NEAR : END};
    if (!k->exists) return DBX_OK;
    if (!dbx_list_shape_read(&k->meta, k->payload, &walk->shape)) return DBX_ECORRUPT;
    begin(walk, view, &k->meta, k->payload, back, skip);
    return DBX_OK;
}

void dbx_list_walk_edit(dbx_list_walk *walk, const dbx_list_edit *e, bool back, uint64_t skip) {
    *walk = (dbx_list_walk){.shape = e->shape};
    begin(walk, dbx_txn_view(e->base.txn), &e->base.k->meta, dbx_buf_slice(&e->base.payload), back,
          skip);
}

/* What lies in the right end lies there in the order of a walk back. */
static void turn_to(dbx_list_walk *walk, uint64_t count, uint64_t index) {
    walk->back = index >= count - walk->shape.right;
    walk->skip = walk->back ? count - 1 - index : index;
}

int dbx_list_walk_open_at(dbx_list_walk *walk, dbx_view *view, const dbx_key *k, uint64_t index) {
    int rc = dbx_list_walk_open(walk, view, k, false, 0);
    if (rc == DBX_OK) turn_to(walk, k->meta.count, index);
    return rc;
}

void dbx_list_walk_edit_at(dbx_list_walk *walk, const dbx_list_edit *e, uint64_t index) {
    dbx_list_walk_edit(walk, e, false, 0);
    turn_to(walk, dbx_list_edit_count(e), index);
}

int dbx_list_walk_move(dbx_list_walk *walk, dbx_view *view) {
    dbx_buf_add(&walk->copy, walk->payload.ptr, walk->payload.len);
    if (walk->copy.failed) return DBX_ENOMEM;
    if (walk->part != DBX_LIST_NODE && walk->run.cells.ptr != NULL) {
        walk->run.cells.ptr = walk->copy.ptr + (walk->run.cells.ptr - walk->payload.ptr);
    }
    walk->payload = dbx_buf_slice(&walk->copy);
    walk->view = view;
    if (walk->cursor == NULL) return DBX_OK;
    dbx_cursor *old = walk->cursor;
    dbx_cursor *moved =
        dbx_cursor_open(view, dbx_slice_of(dbx_cursor_key(old).ptr, walk->prefix_len));
    if (moved == NULL) return DBX_ENOMEM;
    walk->cursor = moved;
    int rc = read_node(walk, dbx_cursor_seek(moved, dbx_cursor_key(old)));
    dbx_cursor_close(old);
    if (rc == DBX_OK && walk->part == DBX_LIST_NODE) walk->run.cells = walk->node.cells;
    return rc;
}

void dbx_list_walk_close(dbx_list_walk *walk) {
    dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
    dbx_buf_free(&walk->run.marks);
    dbx_buf_free(&walk->copy);
}
