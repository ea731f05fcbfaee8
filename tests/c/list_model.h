/* list_model.h: a list of small numbers that stand for elements, for tests that compare lists with
 * it. Number n is an element of a length that follows from n: of every kind that a list keeps
 * differently. */
#ifndef DBX_TESTS_LIST_MODEL_H
#define DBX_TESTS_LIST_MODEL_H

#include "check.h"

#include "base/err.h"
#include "store/store.h"
#include "types/t_list_walk.h"

enum { MODEL_MAX = 4096, ELEMENTS = 64, NOW_MS = 5000 };

static unsigned model[MODEL_MAX];
static size_t model_count;
static uint8_t element_bytes[ELEMENTS][33000];
static size_t element_len[ELEMENTS];

static inline void model_init(void) {
    static const size_t lengths[] = {0, 1, 2, 3, 7, 30, 61, 64, 90, 250, 400, 957, 958, 1100};
    for (unsigned n = 0; n < ELEMENTS; n++) {
        size_t len = lengths[n % (sizeof lengths / sizeof *lengths)];
        if (n == ELEMENTS - 1) len = 33000; /* in chunks */
        if (len > 0) memset(element_bytes[n], (int)n, len);
        element_len[n] = len;
    }
    element_len[14] = 4; /* but one is empty, the others differ */
    element_len[28] = 5;
    element_len[42] = 6;
    element_len[56] = 8;
    for (unsigned n = 14; n < ELEMENTS; n += 14)
        memset(element_bytes[n], (int)n, 8);
    model_count = 0;
}

static inline dbx_slice element(unsigned n) {
    return dbx_slice_of(element_bytes[n], element_len[n]);
}

static inline void model_insert(size_t at, unsigned n) {
    memmove(model + at + 1, model + at, (model_count - at) * sizeof *model);
    model[at] = n;
    model_count++;
}

static inline void model_delete(size_t at, size_t count) {
    memmove(model + at, model + at + count, (model_count - at - count) * sizeof *model);
    model_count -= count;
}

static inline size_t model_find(unsigned n) {
    size_t at = 0;
    while (at < model_count && model[at] != n)
        at++;
    return at;
}

/* Walks the list from an end, behind `skip` elements, and compares. */
static inline void check_walk(dbx_txn *txn, const dbx_key *k, bool back, size_t skip) {
    dbx_list_walk walk;
    dbx_list_item item;
    size_t seen = skip;
    bool equal = true;
    int rc = dbx_list_walk_open(&walk, dbx_txn_view(txn), k, back, skip);
    while (rc == DBX_OK && (rc = dbx_list_walk_next(&walk, &item)) == DBX_OK && equal) {
        unsigned n = seen < model_count ? model[back ? model_count - 1 - seen : seen] : 0;
        rc = dbx_cell_equal(dbx_txn_view(txn), &item.cell, element(n), &equal);
        CHECK(equal && seen < model_count);
        seen++;
    }
    CHECK_EQ(rc, DBX_ENOTFOUND);
    CHECK_EQ(seen, model_count);
    dbx_list_walk_close(&walk);
}

/* Checks the nodes of a large list: none too large, none empty, all counted. Returns how many there
 * are. */
static inline size_t check_nodes(dbx_txn *txn, const dbx_key *k) {
    uint8_t key[DBX_LIST_KEY_BYTES];
    dbx_list_shape shape;
    dbx_list_node node = {.count = 0};
    uint64_t elements = 0;
    size_t nodes = 0;
    CHECK(dbx_list_shape_read(&k->meta, k->payload, &shape));
    size_t n = dbx_list_nodes_key(key, k->meta.cid, 0) - 8;
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(key, n));
    int rc = dbx_cursor_first(cursor);
    for (; rc == DBX_OK; rc = dbx_cursor_next(cursor), nodes++) {
        rc = dbx_list_nodes_read(dbx_cursor_key(cursor), n, dbx_cursor_value(cursor), &node);
        CHECK_EQ(rc, DBX_OK);
        CHECK(node.count == 1 || node.cells.len <= DBX_LIST_NODE_MAX);
        if (nodes == 0) CHECK(node.order == shape.first);
        elements += node.count;
    }
    CHECK_EQ(rc, DBX_ENOTFOUND);
    if (nodes > 0) CHECK(node.order == shape.last);
    CHECK_EQ(elements, k->meta.count - shape.left - shape.right);
    dbx_cursor_close(cursor);
    return nodes;
}

#endif
