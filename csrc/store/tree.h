/* tree.h: an ordered index over entries: an adaptive radix tree.
 *
 * A lookup costs one step per distinguishing byte, with no key comparison before the last. After
 * Leis, Kemper, Neumann, "The Adaptive Radix Tree" (ICDE 2013), with a slot in each node for the
 * key that ends there, so that any bytes can be keys. Neighbours are found from above as well, by
 * their keys' way down: entries with links to them would be larger, and inserting one would touch
 * two others. The tree does not own entries, which lie in the same arena as its nodes. Not
 * thread-safe; when nothing writes, any number of threads may read.
 */
#ifndef DBX_STORE_TREE_H
#define DBX_STORE_TREE_H

#include <stdbool.h>

#include "base/rand.h"
#include "store/arena.h"
#include "store/entry.h"

typedef struct dbx_tree {
    uint32_t root;    /* a node or an entry, see tree_node.h; 0: empty */
    dbx_arena *arena; /* where nodes and entries live */
} dbx_tree;

/* dbx_tree_find returns the entry with exactly this key, or NULL. */
dbx_entry *dbx_tree_find(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_seek returns the first entry with a key >= `key`, or NULL. */
dbx_entry *dbx_tree_seek(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_seek_back returns the last entry with a key <= `key`, or NULL. */
dbx_entry *dbx_tree_seek_back(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_before is the last entry with a key < `key`, or NULL. */
dbx_entry *dbx_tree_before(const dbx_tree *tree, dbx_slice key);
/* dbx_tree_first and dbx_tree_last return the ends, dbx_tree_next and dbx_tree_prev the neighbours
 * of an entry that is in the tree; NULL: there is none. */
dbx_entry *dbx_tree_first(const dbx_tree *tree);
dbx_entry *dbx_tree_last(const dbx_tree *tree);
dbx_entry *dbx_tree_next(const dbx_tree *tree, const dbx_entry *entry);
dbx_entry *dbx_tree_prev(const dbx_tree *tree, const dbx_entry *entry);
/* The way from the root to an entry, so that those that follow are found without going down again.
 * `len` 0: not known. */
enum { DBX_TREE_WAY = 16 };
typedef struct dbx_node dbx_node;
typedef struct dbx_tree_way {
    unsigned len;
    struct {
        const dbx_node *node;
        uint32_t depth; /* of the byte of the key where the way goes on below it */
    } steps[DBX_TREE_WAY];
} dbx_tree_way;
/* dbx_tree_follow is dbx_tree_next or dbx_tree_prev of an entry to which the way leads, if it is
 * known; it leads to what was found then. In both directions, but the tree must not have changed
 * since. */
dbx_entry *dbx_tree_follow(const dbx_tree *tree, dbx_tree_way *way, const dbx_entry *entry,
                           bool forward);
/* dbx_tree_insert adds an entry whose key is not in the tree. False: out of memory, nothing
 * changed. */
bool dbx_tree_insert(dbx_tree *tree, dbx_entry *entry);
/* What inserting an entry takes that was in the tree before, of which it was the last to be
 * removed: a node, which removing it freed, or nothing. */
enum { DBX_TREE_FORK_BYTES = 24 };
/* dbx_tree_remove takes an entry out (it must be in). Never fails; frees nodes, not the entry. */
void dbx_tree_remove(dbx_tree *tree, dbx_entry *entry);

/* dbx_tree_random picks some key that begins with `prefix`, by choosing among a node's children at
 * random on the way down: not quite uniform. Empty when there is none. */
dbx_slice dbx_tree_random(const dbx_tree *tree, dbx_rand *rand, dbx_slice prefix);

#endif
