/* tree.c: see tree.h. Every walk is a loop; its length is bounded by the key's. */
#include "store/tree.h"

#include <string.h>

#include "store/tree_node.h"

static dbx_node *node_at(const dbx_tree *tree, dbx_child child) {
    return dbx_child_node(tree->arena, child);
}

/* The first and the last entry below a child; NULL for 0. */
static dbx_entry *first_entry(const dbx_tree *tree, dbx_child child) {
    if (child == 0) return NULL;
    while (!dbx_child_is_entry(child)) {
        const dbx_node *node = node_at(tree, child);
        child = node->end != 0 ? node->end : dbx_node_child_after(node, -1);
    }
    return dbx_child_entry(tree->arena, child);
}

static dbx_entry *last_entry(const dbx_tree *tree, dbx_child child) {
    if (child == 0) return NULL;
    while (!dbx_child_is_entry(child))
        child = dbx_node_child_before(node_at(tree, child), 256);
    return dbx_child_entry(tree->arena, child);
}

/* The whole prefix of the node `child`: from the node when it fits there, otherwise from a key
 * below. */
static const uint8_t *prefix_of(const dbx_tree *tree, dbx_child child, size_t depth) {
    const dbx_node *node = node_at(tree, child);
    return node->prefix_len <= DBX_NODE_PREFIX ? node->prefix
                                               : first_entry(tree, child)->key + depth;
}

static size_t common_len(const uint8_t *a, const uint8_t *b, size_t n) {
    size_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

static dbx_node *node_below(const dbx_tree *tree, dbx_child child) {
    return dbx_child_is_entry(child) ? NULL : node_at(tree, child);
}

dbx_entry *dbx_tree_find(const dbx_tree *tree, dbx_slice key) {
    dbx_child at = tree->root;
    size_t depth = 0;
    while (at != 0 && !dbx_child_is_entry(at)) {
        dbx_node *node = node_at(tree, at);
        size_t stored = node->prefix_len < DBX_NODE_PREFIX ? node->prefix_len : DBX_NODE_PREFIX;
        if (key.len - depth < node->prefix_len ||
            memcmp(node->prefix, key.ptr + depth, stored) != 0) {
            return NULL;
        }
        depth += node->prefix_len;
        if (depth == key.len) {
            at = node->end;
        } else {
            const dbx_child *slot = dbx_node_child(node, key.ptr[depth++]);
            at = slot != NULL ? *slot : 0;
        }
    }
    if (at == 0) return NULL;
    /* Prefix bytes beyond the stored ones were skipped: compare the whole key once, here. */
    dbx_entry *entry = dbx_child_entry(tree->arena, at);
    return dbx_slice_eq(dbx_entry_key(entry), key) ? entry : NULL;
}

/* --- Neighbours ------------------------------------------------------------------------------- */

enum { WAY = 16 };

/* The way down to a place. The last node on it that has something beside the way, in the direction
 * that is wanted, decides, and that is nearly always one of the last few: so it is looked for from
 * below. What lies beside nodes that have no room here any more is found as they leave. */
typedef struct way {
    bool forward;
    unsigned len;
    dbx_child beside; /* the nodes that have left */
    struct {
        const dbx_node *node;
        int byte; /* where the way goes on; -1: it ends here, before all children */
    } steps[WAY];
} way;

static inline way way_in(bool forward) {
    way w; /* steps are written before they are read */
    w.forward = forward;
    w.len = 0;
    w.beside = 0;
    return w;
}

static inline dbx_child beside(const way *w, unsigned i) {
    const dbx_node *node = w->steps[i % WAY].node;
    int byte = w->steps[i % WAY].byte;
    if (w->forward) return dbx_node_child_after(node, byte);
    if (byte < 0) return 0;
    dbx_child before = dbx_node_child_before(node, byte);
    return before != 0 ? before : node->end;
}

static inline void way_add(way *w, const dbx_node *node, int byte) {
    if (w->len >= WAY) {
        dbx_child child = beside(w, w->len);
        if (child != 0) w->beside = child;
    }
    w->steps[w->len % WAY].node = node;
    w->steps[w->len++ % WAY].byte = byte;
}

/* The nearest entry below a child, seen from where the way is. */
static inline dbx_entry *nearest(const dbx_tree *tree, const way *w, dbx_child child) {
    return w->forward ? first_entry(tree, child) : last_entry(tree, child);
}

/* The nearest entry beside a whole way. */
static inline dbx_entry *leave(const dbx_tree *tree, const way *w) {
    unsigned out = w->len < WAY ? 0 : w->len - WAY;
    for (unsigned i = w->len; i-- > out;) {
        dbx_child child = beside(w, i);
        if (child != 0) return nearest(tree, w, child);
    }
    return nearest(tree, w, w->beside);
}

/* The nearest entry on one side of `key`; the one with this key itself if `same`. */
static inline dbx_entry *seek(const dbx_tree *tree, dbx_slice key, bool forward, bool same) {
    way w = way_in(forward);
    dbx_child at = tree->root;
    size_t depth = 0;
    if (at == 0) return NULL;
    while (!dbx_child_is_entry(at)) {
        dbx_node *node = node_at(tree, at);
        if (node->prefix_len > 0) {
            const uint8_t *prefix = prefix_of(tree, at, depth);
            size_t left = key.len - depth;
            size_t n = left < node->prefix_len ? left : node->prefix_len;
            size_t common = common_len(prefix, key.ptr + depth, n);
            if (common < node->prefix_len) { /* all below lies on one side */
                bool after = common == n || prefix[common] > key.ptr[depth + common];
                return after == forward ? nearest(tree, &w, at) : leave(tree, &w);
            }
            depth += node->prefix_len;
        }
        if (depth == key.len) {
            if (same && node->end != 0) return dbx_child_entry(tree->arena, node->end);
            way_add(&w, node, -1);
            return leave(tree, &w);
        }
        uint8_t byte = key.ptr[depth++];
        const dbx_child *slot = dbx_node_child(node, byte);
        way_add(&w, node, byte);
        if (slot == NULL) return leave(tree, &w);
        at = *slot;
    }
    dbx_entry *entry = dbx_child_entry(tree->arena, at);
    int order = dbx_slice_cmp(dbx_entry_key(entry), key);
    bool found = order == 0 ? same : (order > 0) == forward;
    return found ? entry : leave(tree, &w);
}

dbx_entry *dbx_tree_seek(const dbx_tree *tree, dbx_slice key) {
    return seek(tree, key, true, true);
}

dbx_entry *dbx_tree_seek_back(const dbx_tree *tree, dbx_slice key) {
    return seek(tree, key, false, true);
}

dbx_entry *dbx_tree_before(const dbx_tree *tree, dbx_slice key) {
    return seek(tree, key, false, false);
}

dbx_entry *dbx_tree_first(const dbx_tree *tree) {
    return first_entry(tree, tree->root);
}

dbx_entry *dbx_tree_last(const dbx_tree *tree) {
    return last_entry(tree, tree->root);
}

/* The neighbour of an entry that is in the tree. */
static inline dbx_entry *step(const dbx_tree *tree, const dbx_entry *entry, bool forward) {
    way w = way_in(forward);
    size_t depth = 0;
    dbx_node *node = node_below(tree, tree->root);
    while (node != NULL) {
        depth += node->prefix_len;
        int byte = depth < entry->key_len ? entry->key[depth++] : -1;
        way_add(&w, node, byte);
        node = byte < 0 ? NULL : node_below(tree, *dbx_node_child(node, (uint8_t)byte));
    }
    return leave(tree, &w);
}

dbx_entry *dbx_tree_next(const dbx_tree *tree, const dbx_entry *entry) {
    return step(tree, entry, true);
}

dbx_entry *dbx_tree_prev(const dbx_tree *tree, const dbx_entry *entry) {
    return step(tree, entry, false);
}

/* Adds a node to a known way; false: there is no room. */
static inline bool follow_add(dbx_tree_way *w, const dbx_node *node, size_t depth) {
    if (w->len == DBX_TREE_WAY) return false;
    w->steps[w->len].node = node;
    w->steps[w->len++].depth = (uint32_t)depth;
    return true;
}

/* know finds the way to an entry; false: it is too long. */
static bool know(const dbx_tree *tree, dbx_tree_way *w, const dbx_entry *entry) {
    size_t depth = 0;
    for (dbx_node *node = node_below(tree, tree->root); node != NULL;) {
        depth += node->prefix_len;
        if (!follow_add(w, node, depth)) return false;
        if (depth == entry->key_len) break;
        node = node_below(tree, *dbx_node_child(node, entry->key[depth++]));
    }
    return true;
}

/* follow_down goes on to the nearest entry below a child. */
static dbx_entry *follow_down(const dbx_tree *tree, dbx_tree_way *w, dbx_child child, size_t depth,
                              bool forward) {
    while (!dbx_child_is_entry(child)) {
        const dbx_node *node = node_at(tree, child);
        depth += node->prefix_len;
        if (!follow_add(w, node, depth++)) {
            w->len = 0;
            return forward ? first_entry(tree, child) : last_entry(tree, child);
        }
        child = !forward         ? dbx_node_child_before(node, 256)
                : node->end != 0 ? node->end
                                 : dbx_node_child_after(node, -1);
    }
    return dbx_child_entry(tree->arena, child);
}

dbx_entry *dbx_tree_follow(const dbx_tree *tree, dbx_tree_way *w, const dbx_entry *entry,
                           bool forward) {
    if (w->len == 0 && !know(tree, w, entry)) {
        w->len = 0;
        return step(tree, entry, forward);
    }
    for (; w->len > 0; w->len--) {
        const dbx_node *node = w->steps[w->len - 1].node;
        size_t depth = w->steps[w->len - 1].depth;
        int byte = depth < entry->key_len ? entry->key[depth] : -1;
        dbx_child child = 0;
        if (forward) {
            child = dbx_node_child_after(node, byte);
        } else if (byte >= 0) {
            child = dbx_node_child_before(node, byte);
            if (child == 0) child = node->end;
        }
        if (child != 0) return follow_down(tree, w, child, depth + 1, forward);
    }
    return NULL;
}

/* An empty node for keys that share the bytes of `key` from `depth` to `split`; 0: out of memory.
 */
static dbx_child fork_node(dbx_tree *tree, const uint8_t *key, size_t depth, size_t split) {
    dbx_node *node = dbx_node_new(tree->arena, DBX_NODE_2);
    if (node == NULL) return 0;
    node->prefix_len = (uint16_t)(split - depth);
    memcpy(node->prefix, key + depth,
           node->prefix_len < DBX_NODE_PREFIX ? node->prefix_len : DBX_NODE_PREFIX);
    return dbx_child_of_node(node);
}

/* Adds the entry to a fresh fork, where there is always room. */
static void fork_add(dbx_tree *tree, dbx_child fork, const dbx_entry *entry, size_t split) {
    dbx_child child = dbx_child_of_entry(entry);
    if (entry->key_len == split) {
        node_at(tree, fork)->end = child;
    } else {
        (void)dbx_node_add(tree->arena, &fork, entry->key[split], child);
    }
}

/* Two keys part within a leaf's key: a fork with both. */
static bool split_entry(dbx_tree *tree, dbx_child *slot, size_t depth, const dbx_entry *entry) {
    const dbx_entry *other = dbx_child_entry(tree->arena, *slot);
    size_t n = entry->key_len < other->key_len ? entry->key_len : other->key_len;
    size_t split = depth + common_len(entry->key + depth, other->key + depth, n - depth);
    dbx_child fork = fork_node(tree, entry->key, depth, split);
    if (fork == 0) return false;
    fork_add(tree, fork, other, split);
    fork_add(tree, fork, entry, split);
    *slot = fork;
    return true;
}

/* The key leaves a node's prefix after `same` bytes: a fork above the node. */
static bool split_prefix(dbx_tree *tree, dbx_child *slot, size_t depth, size_t same,
                         const dbx_entry *entry) {
    dbx_node *node = node_at(tree, *slot);
    const uint8_t *prefix = prefix_of(tree, *slot, depth);
    uint8_t byte = prefix[same];
    dbx_child fork = fork_node(tree, entry->key, depth, depth + same), at = fork;
    if (fork == 0) return false;
    size_t left = node->prefix_len - same - 1;
    memmove(node->prefix, prefix + same + 1, left < DBX_NODE_PREFIX ? left : DBX_NODE_PREFIX);
    node->prefix_len = (uint16_t)left;
    (void)dbx_node_add(tree->arena, &at, byte, *slot);
    fork_add(tree, fork, entry, depth + same);
    *slot = fork;
    return true;
}

bool dbx_tree_insert(dbx_tree *tree, dbx_entry *entry) {
    dbx_child *slot = &tree->root;
    size_t depth = 0;
    while (*slot != 0 && !dbx_child_is_entry(*slot)) {
        dbx_node *node = node_at(tree, *slot);
        if (node->prefix_len > 0) {
            size_t left = entry->key_len - depth;
            size_t n = left < node->prefix_len ? left : node->prefix_len;
            size_t same = common_len(prefix_of(tree, *slot, depth), entry->key + depth, n);
            if (same < node->prefix_len) return split_prefix(tree, slot, depth, same, entry);
            depth += node->prefix_len;
        }
        if (depth == entry->key_len) {
            node->end = dbx_child_of_entry(entry);
            return true;
        }
        uint8_t byte = entry->key[depth++];
        dbx_child *child = dbx_node_child(node, byte);
        if (child == NULL) return dbx_node_add(tree->arena, slot, byte, dbx_child_of_entry(entry));
        slot = child;
    }
    if (*slot != 0) return split_entry(tree, slot, depth, entry);
    tree->root = dbx_child_of_entry(entry);
    return true;
}

/* The joined prefix of a node and the only one below it is in every key there; where it starts
 * follows from the lengths. */
static void join_prefixes(const dbx_node *node, uint8_t byte, dbx_node *below) {
    uint8_t joined[DBX_NODE_PREFIX];
    size_t total = (size_t)node->prefix_len + 1 + below->prefix_len;
    size_t keep = total < DBX_NODE_PREFIX ? total : DBX_NODE_PREFIX;
    size_t n = node->prefix_len < keep ? node->prefix_len : keep;
    memcpy(joined, node->prefix, n);
    if (n < keep) {
        joined[n++] = byte;
        memcpy(joined + n, below->prefix, keep - n);
    }
    memcpy(below->prefix, joined, keep);
    below->prefix_len = (uint16_t)total;
}

/* A node left with one way to go is folded into what lies there. */
static void fold(dbx_tree *tree, dbx_child *slot) {
    dbx_node *node = node_at(tree, *slot);
    if (node->count == 0) {
        *slot = node->end;
        dbx_node_free(tree->arena, node);
        return;
    }
    if (node->count > 1 || node->end != 0) return;
    dbx_child child = dbx_node_child_after(node, -1);
    dbx_node *below = node_below(tree, child);
    if (below != NULL) {
        unsigned byte = 0;
        while (dbx_node_child(node, (uint8_t)byte) == NULL)
            byte++;
        join_prefixes(node, (uint8_t)byte, below);
    }
    *slot = child;
    dbx_node_free(tree->arena, node);
}

void dbx_tree_remove(dbx_tree *tree, dbx_entry *entry) {
    dbx_child *slot = &tree->root;
    size_t depth = 0;
    if (dbx_child_is_entry(*slot)) {
        tree->root = 0;
        return;
    }
    for (;;) {
        dbx_node *node = node_at(tree, *slot);
        depth += node->prefix_len;
        if (depth == entry->key_len) {
            node->end = 0;
            break;
        }
        uint8_t byte = entry->key[depth++];
        dbx_child *child = dbx_node_child(node, byte);
        if (dbx_child_is_entry(*child)) {
            dbx_node_drop(tree->arena, slot, byte);
            break;
        }
        slot = child;
    }
    fold(tree, slot);
}

dbx_slice dbx_tree_random(const dbx_tree *tree, dbx_rand *rand, dbx_slice prefix) {
    dbx_slice none = {NULL, 0};
    dbx_child at = tree->root;
    size_t depth = 0;
    while (at != 0 && !dbx_child_is_entry(at)) {
        dbx_node *node = node_at(tree, at);
        depth += node->prefix_len;
        if (depth < prefix.len) {
            const dbx_child *slot = dbx_node_child(node, prefix.ptr[depth++]);
            at = slot != NULL ? *slot : 0;
            continue;
        }
        uint64_t pick = dbx_rand_below(rand, (uint64_t)node->count + (node->end != 0));
        at = pick == node->count ? node->end : dbx_node_child_nth(node, (unsigned)pick);
        depth++;
    }
    if (at == 0) return none;
    dbx_slice key = dbx_entry_key(dbx_child_entry(tree->arena, at));
    bool fits =
        key.len >= prefix.len && (prefix.len == 0 || memcmp(key.ptr, prefix.ptr, prefix.len) == 0);
    return fits ? key : none;
}
