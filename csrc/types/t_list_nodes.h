/* t_list_nodes.h: the nodes of a large list: between its two ends, some elements each.
 *
 * Entries are [L][cid: number][order: be64] -> count u16, then that many cells in order. Order
 * numbers rise along the list. They begin in the middle of their range with wide steps, so that
 * nodes are added at both ends, and between two of them; where there is no room left between two,
 * those that follow get new numbers, until there is.
 *
 * A node has at most DBX_LIST_NODE_MAX bytes of cells, or one element. When a change in the middle
 * makes one small it is joined to a neighbour, if both fit in one.
 */
#ifndef DBX_TYPES_T_LIST_NODES_H
#define DBX_TYPES_T_LIST_NODES_H

#include "types/t_list.h"

enum {
    DBX_LIST_NODE_MAX = 960, /* four full nodes fill a page */
    DBX_LIST_NODE_SMALL = 240,
    DBX_LIST_KEY_BYTES = 1 + DBX_NUMBER_BYTES_MAX + 8
};

typedef struct dbx_list_node {
    uint64_t order, count;
    dbx_slice cells;
} dbx_list_node;

/* dbx_list_nodes_key writes a node's key; the length. */
size_t dbx_list_nodes_key(uint8_t out[DBX_LIST_KEY_BYTES], uint64_t cid, uint64_t order);
/* dbx_list_nodes_read takes apart an entry whose key begins with `prefix_len` bytes for the list;
 * DBX_ECORRUPT. */
int dbx_list_nodes_read(dbx_slice key, size_t prefix_len, dbx_slice value, dbx_list_node *node);
/* dbx_list_nodes_end gives the outermost node at an end of a list that has nodes. */
int dbx_list_nodes_end(const dbx_list_edit *e, bool right, dbx_list_node *node);

/* dbx_list_nodes_add puts `count` cells at an end of the nodes: into the node there as far as they
 * fit, the others into new ones. `cells` begin with the innermost: at the left they lie the other
 * way round. `before`: how many elements have been in nodes. */
int dbx_list_nodes_add(dbx_list_edit *e, bool right, const dbx_slice *cells, size_t count,
                       uint64_t before);
/* dbx_list_nodes_fill makes nodes of cells that lie in order, of a list that has none. */
int dbx_list_nodes_fill(dbx_list_edit *e, dbx_slice cells);
/* dbx_list_nodes_drop deletes the outermost node at an end. The elements in it are no longer
 * counted, their chunks not dropped. */
int dbx_list_nodes_drop(dbx_list_edit *e, bool right);
/* dbx_list_nodes_replace gives a node other cells, or none: it is split or deleted as needed, or
 * takes in the neighbour on one side (`after`: the one behind it) if it has become small. The
 * elements are counted already. `cells` do not lie in the map. */
int dbx_list_nodes_replace(dbx_list_edit *e, uint64_t order, uint64_t count, dbx_slice cells,
                           bool after);

#endif
