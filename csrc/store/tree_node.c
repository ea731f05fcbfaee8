/* tree_node.c: see tree_node.h. Up to DBX_NODE_16 a node has its bytes, sorted, then its children
 * in the same order. */
#include "store/tree_node.h"

#include <string.h>

#include "base/bytes.h"
#include "store/tree.h"

typedef struct node48 {
    dbx_node head;
    uint8_t slot_of[256]; /* 1 + index into children; 0: none */
    dbx_child children[48];
} node48;

typedef struct node256 {
    dbx_node head;
    dbx_child children[256];
} node256;

enum { HEAD = sizeof(dbx_node) };

/* Where the children of a sorted node begin. */
#define CHILDREN_AT(capacity) (HEAD + ((capacity) + 3) / 4 * 4)
#define SORTED(capacity, shrinks)                                                                  \
    {                                                                                              \
        (capacity), (shrinks), CHILDREN_AT(capacity),                                              \
            CHILDREN_AT(capacity) + (capacity) * sizeof(dbx_child)                                 \
    }

/* Shrinking starts below the smaller node's capacity, so that a key that comes and goes does not
 * rebuild its node each time. */
static const struct {
    uint16_t capacity;
    uint16_t shrink_at; /* children left, for which the node one smaller is enough */
    uint16_t children_at, bytes;
} kinds[] = {SORTED(2, 0),
             SORTED(4, 1),
             SORTED(7, 3),
             SORTED(10, 5),
             SORTED(16, 8),
             {48, 12, offsetof(node48, children), sizeof(node48)},
             {256, 37, offsetof(node256, children), sizeof(node256)}};

_Static_assert(HEAD == 12, "two children take 24 bytes, ten take 64");
_Static_assert(CHILDREN_AT(2) + 2 * sizeof(dbx_child) == DBX_TREE_FORK_BYTES, "the smallest node");

dbx_node *dbx_node_new(dbx_arena *arena, dbx_node_type type) {
    dbx_node *node = dbx_arena_alloc(arena, kinds[type].bytes);
    if (node == NULL) return NULL;
    memset(node, 0, kinds[type].bytes);
    node->type = (uint8_t)type;
    return node;
}

void dbx_node_free(dbx_arena *arena, dbx_node *node) {
    dbx_arena_free(arena, node, kinds[node->type].bytes);
}

static uint8_t *sorted_bytes(dbx_node *node) {
    return (uint8_t *)(node + 1);
}

static dbx_child *children_of(dbx_node *node) {
    return (dbx_child *)(void *)((uint8_t *)node + kinds[node->type].children_at);
}

/* The index of `byte` among `count` sorted bytes, or -1: eight bytes a step, portably. What is read
 * behind them are children. */
static int find_sorted(const uint8_t *bytes, unsigned count, uint8_t byte) {
    const uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
    for (unsigned from = 0; from < count; from += 8) {
        uint64_t word;
        memcpy(&word, bytes + from, 8);
        word ^= ones * byte;
        uint64_t hit = (word - ones) & ~word & highs;
        if (hit != 0) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            for (unsigned i = from; i < count; i++) {
                if (bytes[i] == byte) return (int)i;
            }
#else
            unsigned i = from + (unsigned)__builtin_ctzll(hit) / 8;
            return i < count ? (int)i : -1;
#endif
        }
    }
    return -1;
}

dbx_child *dbx_node_child(dbx_node *node, uint8_t byte) {
    dbx_child *children = children_of(node);
    if (node->type <= DBX_NODE_16) {
        int i = find_sorted(sorted_bytes(node), node->count, byte);
        return i < 0 ? NULL : &children[i];
    }
    if (node->type == DBX_NODE_48) {
        unsigned slot = ((node48 *)(void *)node)->slot_of[byte];
        return slot == 0 ? NULL : &children[slot - 1];
    }
    return children[byte] == 0 ? NULL : &children[byte];
}

/* --- Neighbours of a byte in the two largest nodes: what is unused is passed over in pieces ----
 */

enum { PIECE = 16 }; /* bytes of slots that are looked at in one go */

static bool is_unused(const uint8_t *slots, unsigned width, unsigned i) {
    return width == 1 ? slots[i] == 0 : dbx_load32(slots + (size_t)i * sizeof(dbx_child)) == 0;
}

static bool is_piece_unused(const uint8_t *slots, unsigned width, unsigned first) {
    const uint8_t *at = slots + (size_t)first * width;
    return (dbx_load64(at) | dbx_load64(at + PIECE / 2)) == 0;
}

/* The first slot in use at `from` or after it, of 256 that take `width` bytes each; 256: none. */
static unsigned used_from(const uint8_t *slots, unsigned width, unsigned from) {
    const unsigned step = PIECE / width;
    while (from < 256) {
        if (from % step == 0 && is_piece_unused(slots, width, from)) {
            from += step;
        } else if (is_unused(slots, width, from)) {
            from++;
        } else {
            return from;
        }
    }
    return 256;
}

/* The last slot in use before `end`; -1: none. */
static int used_before(const uint8_t *slots, unsigned width, unsigned end) {
    const unsigned step = PIECE / width;
    while (end > 0) {
        if (end % step == 0 && is_piece_unused(slots, width, end - step)) {
            end -= step;
        } else {
            end--;
            if (!is_unused(slots, width, end)) return (int)end;
        }
    }
    return -1;
}

/* The slots of a large node, and how many bytes each takes. */
static const uint8_t *slots_of(const dbx_node *node, unsigned *width) {
    if (node->type == DBX_NODE_48) {
        *width = 1;
        return ((const node48 *)(const void *)node)->slot_of;
    }
    *width = sizeof(dbx_child);
    return (const uint8_t *)((const node256 *)(const void *)node)->children;
}

dbx_child dbx_node_child_after(const dbx_node *node, int byte) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) {
        const uint8_t *bytes = sorted_bytes(mutable);
        for (unsigned i = 0; i < node->count; i++) {
            if (bytes[i] > byte) return children_of(mutable)[i];
        }
        return 0;
    }
    unsigned width;
    const uint8_t *slots = slots_of(node, &width);
    unsigned at = used_from(slots, width, (unsigned)(byte + 1));
    return at < 256 ? *dbx_node_child(mutable, (uint8_t)at) : 0;
}

dbx_child dbx_node_child_before(const dbx_node *node, int byte) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) {
        const uint8_t *bytes = sorted_bytes(mutable);
        for (unsigned i = node->count; i-- > 0;) {
            if (bytes[i] < byte) return children_of(mutable)[i];
        }
        return 0;
    }
    unsigned width;
    const uint8_t *slots = slots_of(node, &width);
    int at = used_before(slots, width, (unsigned)byte);
    return at >= 0 ? *dbx_node_child(mutable, (uint8_t)at) : 0;
}

dbx_child dbx_node_child_nth(const dbx_node *node, unsigned n) {
    dbx_node *mutable = (dbx_node *)(uintptr_t)node;
    if (node->type <= DBX_NODE_16) return children_of(mutable)[n];
    for (int b = 0; b < 256; b++) {
        const dbx_child *slot = dbx_node_child(mutable, (uint8_t)b);
        if (slot != NULL && n-- == 0) return *slot;
    }
    return 0;
}

/* Puts a child into a node that has room. */
static void place(dbx_node *node, uint8_t byte, dbx_child child) {
    dbx_child *children = children_of(node);
    if (node->type <= DBX_NODE_16) {
        uint8_t *bytes = sorted_bytes(node);
        unsigned i = node->count;
        while (i > 0 && bytes[i - 1] > byte) {
            bytes[i] = bytes[i - 1];
            children[i] = children[i - 1];
            i--;
        }
        bytes[i] = byte;
        children[i] = child;
    } else if (node->type == DBX_NODE_48) {
        unsigned i = 0;
        while (children[i] != 0)
            i++;
        children[i] = child;
        ((node48 *)(void *)node)->slot_of[byte] = (uint8_t)(i + 1);
    } else {
        children[byte] = child;
    }
    node->count++;
}

/* Copies everything into a new node of `type` and frees the old one. False: out of memory. */
static bool resize(dbx_arena *arena, dbx_child *slot, dbx_node_type type) {
    dbx_node *old = dbx_child_node(arena, *slot);
    dbx_node *node = dbx_node_new(arena, type);
    if (node == NULL) return false;
    node->prefix_len = old->prefix_len;
    memcpy(node->prefix, old->prefix, sizeof node->prefix);
    node->end = old->end;
    if (old->type <= DBX_NODE_16) {
        for (unsigned i = 0; i < old->count; i++) {
            place(node, sorted_bytes(old)[i], children_of(old)[i]);
        }
    } else {
        for (int b = 0; b < 256; b++) {
            const dbx_child *child = dbx_node_child(old, (uint8_t)b);
            if (child != NULL) place(node, (uint8_t)b, *child);
        }
    }
    dbx_node_free(arena, old);
    *slot = dbx_child_of_node(node);
    return true;
}

bool dbx_node_add(dbx_arena *arena, dbx_child *slot, uint8_t byte, dbx_child child) {
    const dbx_node *node = dbx_child_node(arena, *slot);
    if (node->count == kinds[node->type].capacity &&
        !resize(arena, slot, (dbx_node_type)(node->type + 1))) {
        return false;
    }
    place(dbx_child_node(arena, *slot), byte, child);
    return true;
}

void dbx_node_drop(dbx_arena *arena, dbx_child *slot, uint8_t byte) {
    dbx_node *node = dbx_child_node(arena, *slot);
    dbx_child *child = dbx_node_child(node, byte);
    if (child == NULL) return;
    node->count--;
    if (node->type <= DBX_NODE_16) {
        uint8_t *bytes = sorted_bytes(node);
        size_t i = (size_t)(child - children_of(node)), after = node->count - i;
        memmove(bytes + i, bytes + i + 1, after);
        memmove(child, child + 1, after * sizeof *child);
    } else {
        *child = 0;
        if (node->type == DBX_NODE_48) ((node48 *)(void *)node)->slot_of[byte] = 0;
    }
    /* A shrink that finds no memory leaves a node larger than it need be: harmless. */
    if (node->type > DBX_NODE_2 && node->count == kinds[node->type].shrink_at) {
        (void)resize(arena, slot, (dbx_node_type)(node->type - 1));
    }
}
