/* tree.h: an ordered index over entries: an adaptive radix tree whose leaves are also a linked
 * list.
 *
 * A lookup costs one step per distinguishing byte, with no key comparison before the last; order
 * and neighbours come from the list. After Leis, Kemper, Neumann, "The Adaptive Radix Tree" (ICDE
 * 2013), with a slot in each node for the key that ends there, so that any bytes can be keys. The
 * tree does not own entries. Not thread-safe; when nothing writes, any number of threads may read.
 */
#ifndef DBX_STORE_TREE_H
#define DBX_STORE_TREE_H

#include <stdbool.h>

#include "base/rand.h"
#include "store/arena.h"
#include "store/entry.h"

typedef struct dbx_tree {
    void *root;             /* node or tagged entry; NULL when empty */
    dbx_entry *head, *tail; /* first and last in key order */
    dbx_arena *arena;       /* where nodes live */
} dbx_tree;

/* dbx_tree_find returns the entry with exactly this key, or NULL. */
dbx_entry *dbx_tree_find(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_seek returns the first entry with a key >= `key`, or NULL. */
dbx_entry *dbx_tree_seek(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_insert adds an entry whose key is not in the tree and links it in order. False: out of
 * memory, nothing changed. */
bool dbx_tree_insert(dbx_tree *tree, dbx_entry *entry);
/* dbx_tree_remove takes an entry out (it must be in). Never fails; frees nodes, not the entry. */
void dbx_tree_remove(dbx_tree *tree, dbx_entry *entry);

/* dbx_tree_random picks some key that begins with `prefix`, by choosing among a node's children at
 * random on the way down: not quite uniform. Empty when there is none. */
dbx_slice dbx_tree_random(const dbx_tree *tree, dbx_rand *rand, dbx_slice prefix);

/* dbx_tree_before is the last entry with a key < `key`, or NULL. */
static inline dbx_entry *dbx_tree_before(const dbx_tree *tree, dbx_slice key) {
    dbx_entry *at = dbx_tree_seek(tree, key);
    return at != NULL ? at->prev : tree->tail;
}

#endif
