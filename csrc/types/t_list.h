/* t_list.h: lists: elements in order, added, taken and found from either end.
 *
 * Inline, the payload is the elements as cells, in order. A large one has nodes in DBX_TABLE_LIST
 * (t_list_nodes.h), and its ends in the payload, so that pushes and pops write the record alone but
 * for one in some dozens: DBX_LIST_HEAD_BYTES of numbers, then the cells of the left end, then
 * those of the right one. Each end's cells begin with the outermost, so the right end's lie the
 * other way round.
 *
 * Every function takes a dbx_key that holds a list or nothing. "Right" is the end of the list,
 * "left" its beginning.
 */
#ifndef DBX_TYPES_T_LIST_H
#define DBX_TYPES_T_LIST_H

#include "types/cell.h"
#include "types/collection.h"

/* How a list lies. Of an inline one the left end is all there is, and `head` is 0. */
typedef struct dbx_list_shape {
    size_t head;          /* bytes of the payload before the cells */
    size_t left_len;      /* bytes of the left end's cells */
    uint64_t left, right; /* elements in each end; the others are in nodes */
    uint64_t first, last; /* order numbers of the outermost nodes, if there are any */
    uint64_t packed;      /* bytes that the entries would take in a listpack; not kept inline */
    bool uneven;          /* the numbers of nodes are not all the same step apart */
} dbx_list_shape;

/* dbx_list_shape_read takes apart the payload of a key that exists; false: damaged. */
bool dbx_list_shape_read(const dbx_meta *meta, dbx_slice payload, dbx_list_shape *shape);

/* --- Changing -------------------------------------------------------------------------------- */

typedef struct dbx_list_edit {
    dbx_edit base;
    dbx_list_shape shape;
} dbx_list_edit;

/* dbx_list_edit_open and dbx_list_edit_close are dbx_edit_open and dbx_edit_close of a list. */
int dbx_list_edit_open(dbx_list_edit *e, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k);
int dbx_list_edit_close(dbx_list_edit *e, int rc);

static inline uint64_t dbx_list_edit_count(const dbx_list_edit *e) {
    return e->base.k->meta.count;
}
/* dbx_list_edit_in_nodes is how many elements lie in nodes. */
static inline uint64_t dbx_list_edit_in_nodes(const dbx_list_edit *e) {
    return dbx_list_edit_count(e) - e->shape.left - e->shape.right;
}

/* dbx_list_push adds an element at an end. `bytes` do not lie in the list itself. */
int dbx_list_push(dbx_list_edit *e, bool right, dbx_slice bytes);
/* dbx_list_move takes the last element at the end `from_right` of `from` and adds it to `to`, which
 * may be the same edit. `from` is not empty. */
int dbx_list_move(dbx_list_edit *from, bool from_right, dbx_list_edit *to, bool to_right);
/* dbx_list_peek gives the last element at an end of a list that is not empty, valid until the next
 * write and the next change of the edit. */
int dbx_list_peek(const dbx_list_edit *e, bool right, dbx_cell *cell);
/* dbx_list_drop removes the last `n` elements at an end; n is at most the number of elements. Whole
 * nodes go without being written. */
int dbx_list_drop(dbx_list_edit *e, bool right, uint64_t n);

/* dbx_list_set replaces the element at `index`, which is below the number of elements. */
int dbx_list_set(dbx_list_edit *e, uint64_t index, dbx_slice bytes);
/* dbx_list_insert puts an element before or behind the first that equals `pivot`. */
int dbx_list_insert(dbx_list_edit *e, dbx_slice pivot, bool before, dbx_slice bytes, bool *found);
/* dbx_list_remove removes up to `limit` elements that equal `bytes`, the first or the last of them;
 * *removed: how many. It writes only the nodes in which they lie, and neighbours of those that have
 * become small. */
int dbx_list_remove(dbx_list_edit *e, dbx_slice bytes, bool from_right, uint64_t limit,
                    uint64_t *removed);

#endif
