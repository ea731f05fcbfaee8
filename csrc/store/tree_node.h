/* tree_node.h: the nodes of tree.c: four sizes, and finding, adding and dropping a child in each.
 */
#ifndef DBX_STORE_TREE_NODE_H
#define DBX_STORE_TREE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/arena.h"
#include "store/entry.h"

enum {
    DBX_NODE_PREFIX = 8
}; /* bytes of the compressed path kept in the node; the rest is read from a leaf */

typedef enum dbx_node_type { DBX_NODE_4, DBX_NODE_16, DBX_NODE_48, DBX_NODE_256 } dbx_node_type;

typedef struct dbx_node {
    uint8_t type;
    uint8_t unused;
    uint16_t count;      /* children, `end` not included; at least 1 */
    uint32_t prefix_len; /* bytes every key below shares after the parent's byte */
    uint8_t prefix[DBX_NODE_PREFIX];
    dbx_entry *end; /* the entry whose key ends here, or NULL: orders before all children */
} dbx_node;

/* A child is a node, or an entry with the lowest bit of the pointer set. */
static inline bool dbx_child_is_entry(const void *child) {
    return ((uintptr_t)child & 1u) != 0;
}
static inline dbx_entry *dbx_child_entry(const void *child) {
    return (dbx_entry *)((uintptr_t)child & ~(uintptr_t)1); /* NOLINT: the tag is ours */
}
static inline void *dbx_child_of_entry(const dbx_entry *entry) {
    return (void *)((uintptr_t)entry | 1u);
}

/* dbx_node_new returns an empty node of `type`, or NULL. */
dbx_node *dbx_node_new(dbx_arena *arena, dbx_node_type type);
void dbx_node_free(dbx_arena *arena, dbx_node *node);

/* dbx_node_child returns the slot of the child at `byte`, or NULL. */
void **dbx_node_child(dbx_node *node, uint8_t byte);
/* dbx_node_child_after returns the first child at a byte > `byte` (-1: the first of all), or NULL.
 */
void *dbx_node_child_after(const dbx_node *node, int byte);
/* dbx_node_child_before returns the last child at a byte < `byte` (256: the last of all), or NULL.
 */
void *dbx_node_child_before(const dbx_node *node, int byte);

/* dbx_node_child_nth returns the n-th child in order, n < count. */
void *dbx_node_child_nth(const dbx_node *node, unsigned n);

/* dbx_node_add adds a child at a byte that has none; *slot may be replaced by a larger node.
 * False: out of memory, nothing changed. */
bool dbx_node_add(dbx_arena *arena, void **slot, uint8_t byte, void *child);
/* dbx_node_drop removes the child at `byte`; *slot may be replaced by a smaller node. */
void dbx_node_drop(dbx_arena *arena, void **slot, uint8_t byte);

#endif
