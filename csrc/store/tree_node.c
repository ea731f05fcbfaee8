/* tree_node.c: see tree_node.h. Keys of the two small nodes are kept sorted. */
#include "store/tree_node.h"

#include <string.h>

typedef struct node4 {
    dbx_node head;
    uint8_t bytes[4];
    void *children[4];
} node4;

typedef struct node16 {
    dbx_node head;
    uint8_t bytes[16];
    void *children[16];
} node16;

typedef struct node48 {
    dbx_node head;
    uint8_t slot_of[256]; /* 1 + index into children; 0: none */
    void *children[48];
} node48;

typedef struct node256 {
    dbx_node head;
    void *children[256];
} node256;

/* Shrinking starts below the smaller node's capacity, so that a key that comes and goes does not
 * rebuild its node each time. */
enum { SHRINK_16_AT = 3, SHRINK_48_AT = 12, SHRINK_256_AT = 37 };

static const size_t node_bytes[] = {sizeof(node4), sizeof(node16), sizeof(node48), sizeof(node256)};
static const uint16_t node_capacity[] = {4, 16, 48, 256};

dbx_node *dbx_node_new(dbx_arena *arena, dbx_node_type type) {
    dbx_node *node = dbx_arena_alloc(arena, node_bytes[type]);
    if (node == NULL) return NULL;
    memset(node, 0, node_bytes[type]);
    node->type = (uint8_t)type;
    return node;
}

void dbx_node_free(dbx_arena *arena, dbx_node *node) {
    dbx_arena_free(arena, node, node_bytes[node->type]);
}

static uint8_t *sorted_bytes(dbx_node *node) {
    return node->type == DBX_NODE_4 ? ((node4 *)(void *)node)->bytes
                                    : ((node16 *)(void *)node)->bytes;
}

static void **sorted_children(dbx_node *node) {
    return node->type == DBX_NODE_4 ? ((node4 *)(void *)node)->children
                                    : ((node16 *)(void *)node)->children;
}

/* The index of `byte` among 16 bytes of which `count` count, or -1: eight bytes a step, portably.
 */
static int find_16(const uint8_t bytes[16], unsigned count, uint8_t byte) {
    const uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
    for (unsigned half = 0; half * 8 < count; half++) {
        uint64_t word;
        memcpy(&word, bytes + (size_t)half * 8, 8);
        word ^= ones * byte;
        uint64_t hit = (word - ones) & ~word & highs;
        if (hit != 0) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            for (unsigned i = half * 8; i < count; i++) {
                if (bytes[i] == byte) return (int)i;
            }
#else
            unsigned i = half * 8 + (unsigned)__builtin_ctzll(hit) / 8;
            return i < count ? (int)i : -1;
#endif
        }
    }
    return -1;
}

void **dbx_node_child(dbx_node *node, uint8_t byte) {
    switch ((dbx_node_type)node->type) {
    case DBX_NODE_4: {
        node4 *n = (node4 *)(void *)node;
        for (unsigned i = 0; i < node->count; i++) {
            if (n->bytes[i] == byte) return &n->children[i];
        }
        return NULL;
    }
    case DBX_NODE_16: {
        node16 *n = (node16 *)(void *)node;
        int i = find_16(n->bytes, node->count, byte);
        return i < 0 ? NULL : &n->children[i];
    }
    case DBX_NODE_48: {
        node48 *n = (node48 *)(void *)node;
        unsigned slot = n->slot_of[byte];
        return slot == 0 ? NULL : &n->children[slot - 1];
    }
    case DBX_NODE_256: {
        node256 *n = (node256 *)(void *)node;
        return n->children[byte] == NULL ? NULL : &n->children[byte];
    }
    }
    return NULL;
}

void *dbx_node_child_after(const dbx_node *node, int byte) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) {
        const uint8_t *bytes = sorted_bytes(mutable);
        for (unsigned i = 0; i < node->count; i++) {
            if (bytes[i] > byte) return sorted_children(mutable)[i];
        }
        return NULL;
    }
    for (int b = byte + 1; b < 256; b++) {
        void **slot = dbx_node_child(mutable, (uint8_t)b);
        if (slot != NULL) return *slot;
    }
    return NULL;
}

void *dbx_node_child_before(const dbx_node *node, int byte) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) {
        const uint8_t *bytes = sorted_bytes(mutable);
        for (unsigned i = node->count; i-- > 0;) {
            if (bytes[i] < byte) return sorted_children(mutable)[i];
        }
        return NULL;
    }
    for (int b = byte - 1; b >= 0; b--) {
        void **slot = dbx_node_child(mutable, (uint8_t)b);
        if (slot != NULL) return *slot;
    }
    return NULL;
}

void *dbx_node_child_nth(const dbx_node *node, unsigned n) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) return sorted_children(mutable)[n];
    for (int b = 0; b < 256; b++) {
        void **slot = dbx_node_child(mutable, (uint8_t)b);
        if (slot != NULL && n-- == 0) return *slot;
    }
    return NULL;
}

/* Puts a child into a node that has room. */
static void place(dbx_node *node, uint8_t byte, void *child) {
    if (node->type <= DBX_NODE_16) {
        uint8_t *bytes = sorted_bytes(node);
        void **children = sorted_children(node);
        unsigned i = node->count;
        while (i > 0 && bytes[i - 1] > byte) {
            bytes[i] = bytes[i - 1];
            children[i] = children[i - 1];
            i--;
        }
        bytes[i] = byte;
        children[i] = child;
    } else if (node->type == DBX_NODE_48) {
        node48 *n = (node48 *)(void *)node;
        unsigned i = 0;
        while (n->children[i] != NULL)
            i++;
        n->children[i] = child;
        n->slot_of[byte] = (uint8_t)(i + 1);
    } else {
        ((node256 *)(void *)node)->children[byte] = child;
    }
    node->count++;
}

/* Copies everything into a new node of `type` and frees the old one. False: out of memory. */
static bool resize(dbx_arena *arena, void **slot, dbx_node_type type) {
    dbx_node *old = *slot;
    dbx_node *node = dbx_node_new(arena, type);
    if (node == NULL) return false;
    node->prefix_len = old->prefix_len;
    memcpy(node->prefix, old->prefix, sizeof node->prefix);
    node->end = old->end;
    if (old->type <= DBX_NODE_16) {
        for (unsigned i = 0; i < old->count; i++) {
            place(node, sorted_bytes(old)[i], sorted_children(old)[i]);
        }
    } else {
        for (int b = 0; b < 256; b++) {
            void **child = dbx_node_child(old, (uint8_t)b);
            if (child != NULL) place(node, (uint8_t)b, *child);
        }
    }
    dbx_node_free(arena, old);
    *slot = node;
    return true;
}

bool dbx_node_add(dbx_arena *arena, void **slot, uint8_t byte, void *child) {
    dbx_node *node = *slot;
    if (node->count == node_capacity[node->type] &&
        !resize(arena, slot, (dbx_node_type)(node->type + 1))) {
        return false;
    }
    place(*slot, byte, child);
    return true;
}

void dbx_node_drop(dbx_arena *arena, void **slot, uint8_t byte) {
    dbx_node *node = *slot;
    void **child = dbx_node_child(node, byte);
    if (child == NULL) return;
    node->count--;
    if (node->type <= DBX_NODE_16) {
        void **children = sorted_children(node);
        uint8_t *bytes = sorted_bytes(node);
        size_t i = (size_t)(child - children), after = node->count - i;
        memmove(bytes + i, bytes + i + 1, after);
        memmove(children + i, children + i + 1, after * sizeof *children);
    } else {
        *child = NULL;
        if (node->type == DBX_NODE_48) ((node48 *)(void *)node)->slot_of[byte] = 0;
    }
    /* A shrink that finds no memory leaves a node larger than it need be: harmless. */
    if (node->type == DBX_NODE_16 && node->count == SHRINK_16_AT) {
        (void)resize(arena, slot, DBX_NODE_4);
    } else if (node->type == DBX_NODE_48 && node->count == SHRINK_48_AT) {
        (void)resize(arena, slot, DBX_NODE_16);
    } else if (node->type == DBX_NODE_256 && node->count == SHRINK_256_AT) {
        (void)resize(arena, slot, DBX_NODE_48);
    }
}
