/* tree.c: see tree.h. Every walk is a loop; its length is bounded by the key's. */
#include "store/tree.h"

#include <string.h>

#include "store/tree_node.h"

static dbx_entry *first_entry(void *child) {
    while (!dbx_child_is_entry(child)) {
        dbx_node *node = child;
        if (node->end != NULL) return node->end;
        child = dbx_node_child_after(node, -1);
    }
    return dbx_child_entry(child);
}

static dbx_entry *last_entry(void *child) {
    while (!dbx_child_is_entry(child))
        child = dbx_node_child_before(child, 256);
    return dbx_child_entry(child);
}

/* The node's whole prefix: from the node when it fits there, otherwise from a key below. */
static const uint8_t *prefix_of(dbx_node *node, size_t depth) {
    return node->prefix_len <= DBX_NODE_PREFIX ? node->prefix : first_entry(node)->key + depth;
}

static size_t common_len(const uint8_t *a, const uint8_t *b, size_t n) {
    size_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

dbx_entry *dbx_tree_find(const dbx_tree *tree, dbx_slice key) {
    void *at = tree->root;
    size_t depth = 0;
    while (at != NULL) {
        dbx_entry *entry;
        if (dbx_child_is_entry(at)) {
            entry = dbx_child_entry(at);
        } else {
            dbx_node *node = at;
            size_t stored = node->prefix_len < DBX_NODE_PREFIX ? node->prefix_len : DBX_NODE_PREFIX;
            if (key.len - depth < node->prefix_len ||
                memcmp(node->prefix, key.ptr + depth, stored) != 0) {
                return NULL;
            }
            depth += node->prefix_len;
            if (depth < key.len) {
                void **slot = dbx_node_child(node, key.ptr[depth++]);
                if (slot == NULL) return NULL;
                at = *slot;
                continue;
            }
            entry = node->end;
            if (entry == NULL) return NULL;
        }
        /* Prefix bytes beyond the stored ones were skipped: compare the whole key once, here. */
        return dbx_slice_eq(dbx_entry_key(entry), key) ? entry : NULL;
    }
    return NULL;
}

dbx_entry *dbx_tree_seek(const dbx_tree *tree, dbx_slice key) {
    void *at = tree->root;
    size_t depth = 0;
    while (at != NULL) {
        if (dbx_child_is_entry(at)) {
            dbx_entry *entry = dbx_child_entry(at);
            return dbx_slice_cmp(dbx_entry_key(entry), key) >= 0 ? entry : entry->next;
        }
        dbx_node *node = at;
        if (node->prefix_len > 0) {
            const uint8_t *prefix = prefix_of(node, depth);
            size_t left = key.len - depth;
            size_t n = left < node->prefix_len ? left : node->prefix_len;
            size_t same = common_len(prefix, key.ptr + depth, n);
            if (same == n && left < node->prefix_len) return first_entry(node);
            if (same < n) {
                return prefix[same] > key.ptr[depth + same] ? first_entry(node)
                                                            : last_entry(node)->next;
            }
            depth += node->prefix_len;
        }
        if (depth == key.len) return first_entry(node);
        uint8_t byte = key.ptr[depth];
        void **slot = dbx_node_child(node, byte);
        if (slot == NULL) {
            void *after = dbx_node_child_after(node, byte);
            return after != NULL ? first_entry(after) : last_entry(node)->next;
        }
        at = *slot;
        depth++;
    }
    return NULL;
}

static void link_after(dbx_tree *tree, dbx_entry *entry, dbx_entry *prev) {
    entry->prev = prev;
    entry->next = prev != NULL ? prev->next : tree->head;
    if (entry->next != NULL) {
        entry->next->prev = entry;
    } else {
        tree->tail = entry;
    }
    if (prev != NULL) {
        prev->next = entry;
    } else {
        tree->head = entry;
    }
}

/* An empty node for keys that share the bytes of `key` from `depth` to `split`. */
static dbx_node *fork_node(dbx_tree *tree, const uint8_t *key, size_t depth, size_t split) {
    dbx_node *node = dbx_node_new(tree->arena, DBX_NODE_4);
    if (node == NULL) return NULL;
    node->prefix_len = (uint32_t)(split - depth);
    memcpy(node->prefix, key + depth,
           node->prefix_len < DBX_NODE_PREFIX ? node->prefix_len : DBX_NODE_PREFIX);
    return node;
}

/* Adds the entry to a fresh fork, where there is always room. */
static void fork_add(dbx_tree *tree, dbx_node *fork, dbx_entry *entry, size_t split) {
    void *slot = fork;
    if (entry->key_len == split) {
        fork->end = entry;
    } else {
        (void)dbx_node_add(tree->arena, &slot, entry->key[split], dbx_child_of_entry(entry));
    }
}

/* Two keys part within a leaf's key: a fork with both. */
static bool split_entry(dbx_tree *tree, void **slot, size_t depth, dbx_entry *entry) {
    dbx_entry *other = dbx_child_entry(*slot);
    size_t n = entry->key_len < other->key_len ? entry->key_len : other->key_len;
    size_t split = depth + common_len(entry->key + depth, other->key + depth, n - depth);
    dbx_node *fork = fork_node(tree, entry->key, depth, split);
    if (fork == NULL) return false;
    fork_add(tree, fork, other, split);
    fork_add(tree, fork, entry, split);
    *slot = fork;
    bool after = dbx_slice_cmp(dbx_entry_key(entry), dbx_entry_key(other)) > 0;
    link_after(tree, entry, after ? other : other->prev);
    return true;
}

/* The key leaves a node's prefix after `same` bytes: a fork above the node. */
static bool split_prefix(dbx_tree *tree, void **slot, size_t depth, size_t same, dbx_entry *entry) {
    dbx_node *node = *slot;
    const uint8_t *prefix = prefix_of(node, depth);
    uint8_t byte = prefix[same];
    dbx_node *fork = fork_node(tree, entry->key, depth, depth + same);
    if (fork == NULL) return false;
    bool after = entry->key_len > depth + same && entry->key[depth + same] > byte;
    dbx_entry *prev = after ? last_entry(node) : first_entry(node)->prev;
    uint32_t left = node->prefix_len - (uint32_t)same - 1;
    memmove(node->prefix, prefix + same + 1, left < DBX_NODE_PREFIX ? left : DBX_NODE_PREFIX);
    node->prefix_len = left;
    void *fork_slot = fork;
    (void)dbx_node_add(tree->arena, &fork_slot, byte, node);
    fork_add(tree, fork, entry, depth + same);
    *slot = fork;
    link_after(tree, entry, prev);
    return true;
}

/* The key ends at, or branches off from, an existing node. */
static bool join_node(dbx_tree *tree, void **slot, size_t depth, dbx_entry *entry) {
    dbx_node *node = *slot;
    if (depth == entry->key_len) {
        dbx_entry *first = first_entry(node);
        node->end = entry;
        link_after(tree, entry, first->prev);
        return true;
    }
    uint8_t byte = entry->key[depth];
    void *before = dbx_node_child_before(node, byte);
    void *after = before != NULL || node->end != NULL ? NULL : dbx_node_child_after(node, byte);
    dbx_entry *prev = before != NULL      ? last_entry(before)
                      : node->end != NULL ? node->end
                                          : first_entry(after)->prev;
    if (!dbx_node_add(tree->arena, slot, byte, dbx_child_of_entry(entry))) return false;
    link_after(tree, entry, prev);
    return true;
}

bool dbx_tree_insert(dbx_tree *tree, dbx_entry *entry) {
    void **slot = &tree->root;
    size_t depth = 0;
    if (tree->root == NULL) {
        tree->root = dbx_child_of_entry(entry);
        link_after(tree, entry, NULL);
        return true;
    }
    for (;;) {
        if (dbx_child_is_entry(*slot)) return split_entry(tree, slot, depth, entry);
        dbx_node *node = *slot;
        if (node->prefix_len > 0) {
            size_t left = entry->key_len - depth;
            size_t n = left < node->prefix_len ? left : node->prefix_len;
            size_t same = common_len(prefix_of(node, depth), entry->key + depth, n);
            if (same < node->prefix_len) return split_prefix(tree, slot, depth, same, entry);
            depth += node->prefix_len;
        }
        void **child = depth < entry->key_len ? dbx_node_child(node, entry->key[depth]) : NULL;
        if (child == NULL) return join_node(tree, slot, depth, entry);
        slot = child;
        depth++;
    }
}

/* A node left with one way to go is folded into what lies there. */
static void fold(dbx_tree *tree, void **slot) {
    dbx_node *node = *slot;
    if (node->count == 0) {
        *slot = dbx_child_of_entry(node->end);
        dbx_node_free(tree->arena, node);
        return;
    }
    if (node->count > 1 || node->end != NULL) return;
    void *child = dbx_node_child_after(node, -1);
    if (!dbx_child_is_entry(child)) {
        dbx_node *below = child;
        /* The joined prefix is in every key below; where it starts follows from the lengths. */
        uint8_t joined[DBX_NODE_PREFIX];
        size_t total = (size_t)node->prefix_len + 1 + below->prefix_len;
        size_t keep = total < DBX_NODE_PREFIX ? total : DBX_NODE_PREFIX;
        size_t n = node->prefix_len < keep ? node->prefix_len : keep;
        memcpy(joined, node->prefix, n);
        if (n < keep) {
            int byte = 0;
            while (dbx_node_child(node, (uint8_t)byte) == NULL)
                byte++;
            joined[n++] = (uint8_t)byte;
            memcpy(joined + n, below->prefix, keep - n);
        }
        memcpy(below->prefix, joined, keep);
        below->prefix_len = (uint32_t)total;
    }
    *slot = child;
    dbx_node_free(tree->arena, node);
}

static void unlink_entry(dbx_tree *tree, dbx_entry *entry) {
    if (entry->prev != NULL) {
        entry->prev->next = entry->next;
    } else {
        tree->head = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->prev = entry->prev;
    } else {
        tree->tail = entry->prev;
    }
}

void dbx_tree_remove(dbx_tree *tree, dbx_entry *entry) {
    void **slot = &tree->root;
    size_t depth = 0;
    unlink_entry(tree, entry);
    if (dbx_child_is_entry(*slot)) {
        tree->root = NULL;
        return;
    }
    for (;;) {
        dbx_node *node = *slot;
        depth += node->prefix_len;
        if (depth == entry->key_len) {
            node->end = NULL;
            break;
        }
        uint8_t byte = entry->key[depth];
        void **child = dbx_node_child(node, byte);
        if (dbx_child_is_entry(*child)) {
            dbx_node_drop(tree->arena, slot, byte);
            break;
        }
        slot = child;
        depth++;
    }
    fold(tree, slot);
}

dbx_slice dbx_tree_random(const dbx_tree *tree, dbx_rand *rand, dbx_slice prefix) {
    dbx_slice none = {NULL, 0};
    void *at = tree->root;
    size_t depth = 0;
    while (at != NULL && !dbx_child_is_entry(at)) {
        dbx_node *node = at;
        depth += node->prefix_len;
        if (depth < prefix.len) {
            void **slot = dbx_node_child(node, prefix.ptr[depth++]);
            at = slot != NULL ? *slot : NULL;
            continue;
        }
        uint64_t pick = dbx_rand_below(rand, (uint64_t)node->count + (node->end != NULL));
        if (pick == node->count) return dbx_entry_key(node->end);
        at = dbx_node_child_nth(node, (unsigned)pick);
        depth++;
    }
    if (at == NULL) return none;
    dbx_slice key = dbx_entry_key(dbx_child_entry(at));
    bool fits =
        key.len >= prefix.len && (prefix.len == 0 || memcmp(key.ptr, prefix.ptr, prefix.len) == 0);
    return fits ? key : none;
}
