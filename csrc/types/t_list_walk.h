/* t_list_walk.h: walking a list from either end, and finding the place of an element in it.
 *
 * A walk begins behind any number of elements: it gets there over the nodes from the nearer end,
 * whose counts it reads, not their elements. */
#ifndef DBX_TYPES_T_LIST_WALK_H
#define DBX_TYPES_T_LIST_WALK_H

#include "types/t_list_nodes.h"

typedef enum dbx_list_part { DBX_LIST_LEFT, DBX_LIST_NODE, DBX_LIST_RIGHT } dbx_list_part;

/* An element, and where its cell lies. */
typedef struct dbx_list_item {
    dbx_cell cell;
    dbx_list_part part;
    uint64_t order; /* of the node */
    size_t at, len; /* in the part's or node's cells */
} dbx_list_item;

/* Cells that lie together, some of which were given. */
typedef struct dbx_list_run {
    dbx_slice cells;
    uint64_t left; /* not given yet */
    size_t at;     /* the next, unless they are given from the last on: */
    bool from_end;
    dbx_buf marks; /* then their offsets, u32 each */
} dbx_list_run;

typedef struct dbx_list_walk {
    dbx_view *view;
    uint64_t cid, in_nodes;
    bool back; /* from right to left */
    uint64_t skip;
    dbx_slice payload;
    dbx_list_shape shape;
    unsigned stage; /* which part comes next */
    dbx_list_part part;
    dbx_list_run run;
    dbx_list_node node;
    dbx_cursor *cursor; /* owned; NULL until a node is met */
    size_t prefix_len;
    dbx_buf copy; /* of the payload, when it lies elsewhere than in the view */
} dbx_list_walk;

/* dbx_list_walk_open begins a walk behind `skip` elements from the left end, or from the right one
 * if it goes `back`. Always to be closed. DBX_ECORRUPT. */
int dbx_list_walk_open(dbx_list_walk *walk, dbx_view *view, const dbx_key *k, bool back,
                       uint64_t skip);
/* dbx_list_walk_open_at is for one element, by its index: from the end that is quicker. */
int dbx_list_walk_open_at(dbx_list_walk *walk, dbx_view *view, const dbx_key *k, uint64_t index);
/* dbx_list_walk_edit and dbx_list_walk_edit_at walk through what is being changed; they end with
 * the next change. */
void dbx_list_walk_edit(dbx_list_walk *walk, const dbx_list_edit *e, bool back, uint64_t skip);
void dbx_list_walk_edit_at(dbx_list_walk *walk, const dbx_list_edit *e, uint64_t index);

/* dbx_list_walk_next gives the next element, valid until the next write; DBX_ENOTFOUND at the end.
 */
int dbx_list_walk_next(dbx_list_walk *walk, dbx_list_item *item);
/* dbx_list_walk_move goes on in another view of the same state. */
int dbx_list_walk_move(dbx_list_walk *walk, dbx_view *view);
void dbx_list_walk_close(dbx_list_walk *walk);

#endif
