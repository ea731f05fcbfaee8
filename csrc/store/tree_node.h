/* tree_node.h: the nodes of tree.c: seven sizes, and finding, adding and dropping a child in each.
 *
 * A tree has a node for every few entries, so nodes are small: children are named by references
 * into the arena, and there are sizes for the ten digits that most keys are told apart by.
 */
#ifndef DBX_STORE_TREE_NODE_H
#define DBX_STORE_TREE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/arena.h"
#include "store/entry.h"

/* Bytes of the compressed path kept in the node; the rest is read from a key below. */
enum { DBX_NODE_PREFIX = 3 };

typedef enum dbx_node_type {
    DBX_NODE_2,
    DBX_NODE_4,
    DBX_NODE_7,
    DBX_NODE_10,
    DBX_NODE_16,
    DBX_NODE_48,
    DBX_NODE_256
} dbx_node_type;

/* A node or an entry: its reference and, in the lowest bit, which. 0: nothing. */
typedef uint32_t dbx_child;

typedef struct dbx_node dbx_node;
struct dbx_node {
    uint16_t count;      /* children, `end` not included; at least 1 */
    uint16_t prefix_len; /* bytes every key below shares after the parent's byte */
    dbx_child end;       /* the entry whose key ends here, or 0: orders before all children */
    uint8_t prefix[DBX_NODE_PREFIX];
    uint8_t type;
};

static inline bool dbx_child_is_entry(dbx_child child) {
    return (child & 1u) != 0;
}
static inline dbx_entry *dbx_child_entry(const dbx_arena *arena, dbx_child child) {
    return dbx_arena_at(arena, child >> 1);
}
static inline dbx_node *dbx_child_node(const dbx_arena *arena, dbx_child child) {
    return dbx_arena_at(arena, child >> 1);
}
static inline dbx_child dbx_child_of_entry(const dbx_entry *entry) {
    return dbx_arena_reference(entry) << 1 | 1u;
}
static inline dbx_child dbx_child_of_node(const dbx_node *node) {
    return dbx_arena_reference(node) << 1;
}

/* dbx_node_new returns an empty node of `type`, or NULL. */
dbx_node *dbx_node_new(dbx_arena *arena, dbx_node_type type);
void dbx_node_free(dbx_arena *arena, dbx_node *node);

/* dbx_node_child returns the slot of the child at `byte`, or NULL. */
dbx_child *dbx_node_child(dbx_node *node, uint8_t byte);
/* dbx_node_child_after returns the first child at a byte > `byte` (-1: the first of all), or 0. */
dbx_child dbx_node_child_after(const dbx_node *node, int byte);
/* dbx_node_child_before returns the last child at a byte < `byte` (256: the last of all), or 0. */
dbx_child dbx_node_child_before(const dbx_node *node, int byte);

/* dbx_node_child_nth returns the n-th child in order, n < count. */
dbx_child dbx_node_child_nth(const dbx_node *node, unsigned n);

/* dbx_node_add adds a child at a byte that has none to the node that *slot names, which may be
 * replaced by a larger one. False: out of memory, nothing changed. */
bool dbx_node_add(dbx_arena *arena, dbx_child *slot, uint8_t byte, dbx_child child);
/* dbx_node_drop removes the child at `byte`; the node may be replaced by a smaller one. */
void dbx_node_drop(dbx_arena *arena, dbx_child *slot, uint8_t byte);

#endif
