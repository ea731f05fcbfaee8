/* test_t_list.c: lists against an array, over random changes, inline and spread; and that a change
 * in the middle of a long one touches little of it. */
#include "list_model.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "types/t_list_encoding.h"

static dbx_store *store;
static dbx_txn *txn;
static dbx_encodings encodings = {.list_size = -2};
static dbx_rand rand_;

static void open_store(int64_t inline_bytes) {
    const dbx_store_options options = {.databases = 1};
    dbx_error error;
    encodings.inline_bytes = inline_bytes;
    CHECK_EQ(dbx_store_open(&options, &store, &error), DBX_OK);
    txn = dbx_store_turn_begin(store, NOW_MS);
    model_init();
}

static void close_store(void) {
    dbx_error error;
    CHECK_EQ(dbx_store_turn_end(store, &error), DBX_OK);
    CHECK_EQ(dbx_store_close(store, NULL), DBX_OK);
}

static unsigned below(size_t n) {
    return (unsigned)dbx_rand_below(&rand_, n);
}

/* --- Random changes -------------------------------------------------------------------------- */

static int push_some(dbx_list_edit *e) {
    int rc = DBX_OK;
    bool right = below(2) == 0;
    for (unsigned i = below(8) == 0 ? 60 : 1 + below(3); rc == DBX_OK && i > 0; i--) {
        unsigned n = below(ELEMENTS);
        if (model_count == MODEL_MAX) return rc;
        model_insert(right ? model_count : 0, n);
        rc = dbx_list_push(e, right, element(n));
    }
    return rc;
}

static int drop_some(dbx_list_edit *e) {
    bool right = below(2) == 0, equal;
    size_t n = 1 + (below(3) == 0 ? below(model_count) : below(2));
    dbx_cell cell;
    if (n > model_count) n = model_count;
    int rc = dbx_list_peek(e, right, &cell);
    if (rc == DBX_OK) {
        unsigned outermost = model[right ? model_count - 1 : 0];
        rc = dbx_cell_equal(dbx_txn_view(txn), &cell, element(outermost), &equal);
        CHECK(rc != DBX_OK || equal);
    }
    if (rc == DBX_OK) rc = dbx_list_drop(e, right, n);
    model_delete(right ? model_count - n : 0, n);
    return rc;
}

static int insert_one(dbx_list_edit *e) {
    unsigned pivot = model[below(model_count)], n = below(ELEMENTS);
    bool before = below(2) == 0, found = false;
    if (model_count == MODEL_MAX) return DBX_OK;
    model_insert(model_find(pivot) + !before, n);
    int rc = dbx_list_insert(e, element(pivot), before, element(n), &found);
    CHECK(found || rc != DBX_OK);
    return rc;
}

static int remove_some(dbx_list_edit *e) {
    unsigned n = model[below(model_count)];
    bool from_right = below(2) == 0;
    uint64_t limit = below(3) == 0 ? UINT64_MAX : 1 + below(3), removed, gone = 0;
    for (size_t i = model_count; from_right && i > 0 && gone < limit; i--) {
        if (model[i - 1] != n) continue;
        model_delete(i - 1, 1);
        gone++;
    }
    for (size_t i = 0; !from_right && i < model_count && gone < limit;) {
        if (model[i] == n) {
            model_delete(i, 1);
            gone++;
        } else {
            i++;
        }
    }
    int rc = dbx_list_remove(e, element(n), from_right, limit, &removed);
    if (rc == DBX_OK) CHECK_EQ(removed, gone);
    return rc;
}

static int change(dbx_list_edit *e) {
    unsigned kind = model_count == 0 ? 0 : below(20);
    if (kind < 4) return push_some(e);
    if (kind < 7) return drop_some(e);
    if (kind < 12) return insert_one(e);
    if (kind < 14) return remove_some(e);
    if (kind < 16) {
        bool from = below(2) == 0, to = below(2) == 0;
        unsigned n = model[from ? model_count - 1 : 0];
        model_delete(from ? model_count - 1 : 0, 1);
        model_insert(to ? model_count : 0, n);
        return dbx_list_move(e, from, e, to);
    }
    size_t at = below(model_count);
    model[at] = below(ELEMENTS);
    return dbx_list_set(e, at, element(model[at]));
}

/* One command; if it fails, for want of memory, it leaves nothing. */
static int command(dbx_key *k) {
    unsigned before[MODEL_MAX];
    size_t count = model_count;
    dbx_list_edit e;
    memcpy(before, model, sizeof before);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    int rc = dbx_key_find(txn, 0, dbx_slice_str("list"), k);
    if (rc == DBX_OK) {
        rc = dbx_list_edit_open(&e, txn, &encodings, k);
        if (rc == DBX_OK) rc = change(&e);
        rc = dbx_list_edit_close(&e, rc);
    }
    if (rc != DBX_OK) {
        dbx_txn_command_undo(txn, savepoint);
        memcpy(model, before, sizeof before);
        model_count = count;
    }
    dbx_txn_command_end(txn, savepoint);
    return rc;
}

static void check_list(dbx_key *k) {
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), k), DBX_OK);
    CHECK_EQ(k->exists ? k->meta.count : 0, model_count);
    CHECK_EQ(k->exists, model_count > 0);
    if (!k->exists) return;
    check_walk(txn, k, false, 0);
    check_walk(txn, k, true, 0);
    check_walk(txn, k, below(2) == 0, below(model_count));
    if (k->meta.cid != 0) check_nodes(txn, k);
}

static void check_packed(const dbx_key *k) {
    dbx_list_shape shape;
    uint64_t packed = 0;
    CHECK(dbx_list_shape_read(&k->meta, k->payload, &shape));
    for (size_t i = 0; i < model_count; i++) {
        dbx_cell cell = dbx_cell_of(element(model[i]));
        packed += dbx_list_encoding_bytes(&cell);
    }
    if (shape.head > 0) CHECK_EQ(shape.packed, packed);
}

static void run(int64_t inline_bytes, unsigned steps, bool faults) {
    dbx_key k;
    open_store(inline_bytes);
    for (unsigned i = 0; i < steps && check_failures == 0; i++) {
#ifdef DBX_ALLOC_FAULTS
        if (faults) dbx_alloc_fail_after((long)below(12));
#else
        (void)faults;
#endif
        int rc = command(&k);
#ifdef DBX_ALLOC_FAULTS
        bool failed = dbx_alloc_failed();
        dbx_alloc_fail_after(-1);
        if (!failed || rc != DBX_OK) CHECK_EQ(rc, failed ? DBX_ENOMEM : DBX_OK);
#else
        CHECK_EQ(rc, DBX_OK);
#endif
        check_list(&k);
        if (k.exists) check_packed(&k);
    }
    close_store();
}

TEST(a_list_agrees_with_an_array) {
    static const int64_t inline_bytes[] = {0, 100, 1024, 16384};
    for (unsigned seed = 1; seed <= 3; seed++) {
        for (unsigned i = 0; i < 4; i++) {
            dbx_rand_seed_with(&rand_, seed);
            run(inline_bytes[i], 1500, false);
        }
    }
}

TEST(a_change_that_finds_no_memory_leaves_the_list_as_it_was) {
    dbx_rand_seed_with(&rand_, 7);
    run(0, 1500, true);
    run(1024, 1500, true);
}

/* --- Long lists ------------------------------------------------------------------------------ */

static void push_all(size_t count) {
    dbx_key k;
    dbx_list_edit e;
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    CHECK_EQ(dbx_list_edit_open(&e, txn, &encodings, &k), DBX_OK);
    for (size_t i = 0; i < count; i++)
        CHECK_EQ(dbx_list_push(&e, true, element(1 + (unsigned)i % 5)), DBX_OK);
    CHECK_EQ(dbx_list_edit_close(&e, DBX_OK), DBX_OK);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
}

static void insert_beside_pivot(bool before, unsigned number) {
    dbx_key k;
    dbx_list_edit e;
    char text[16];
    bool found = false;
    (void)snprintf(text, sizeof text, "%08u", number);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    CHECK_EQ(dbx_list_edit_open(&e, txn, &encodings, &k), DBX_OK);
    CHECK_EQ(dbx_list_insert(&e, dbx_slice_str("pivot"), before, dbx_slice_of(text, 8), &found),
             DBX_OK);
    CHECK(found);
    CHECK_EQ(dbx_list_edit_close(&e, DBX_OK), DBX_OK);
}

/* The nodes at one place are split again and again, and get new numbers when there is no room left
 * between them. */
TEST(many_inserts_at_one_place_are_in_order) {
    enum { AHEAD = 500, BEFORE = 2000, AFTER = 30000 };
    dbx_key k;
    dbx_list_edit e;
    dbx_list_walk walk;
    dbx_list_item item;
    open_store(0);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    push_all(2 * AHEAD);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    CHECK_EQ(dbx_list_edit_open(&e, txn, &encodings, &k), DBX_OK);
    CHECK_EQ(dbx_list_set(&e, AHEAD, dbx_slice_str("pivot")), DBX_OK);
    CHECK_EQ(dbx_list_edit_close(&e, DBX_OK), DBX_OK);
    for (unsigned i = 0; i < AFTER; i++)
        insert_beside_pivot(i % (AFTER / BEFORE) == 0, i);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    CHECK(check_nodes(txn, &k) < 2 * (AFTER * 9 / DBX_LIST_NODE_MAX + AHEAD));
    CHECK_EQ(dbx_list_walk_open(&walk, dbx_txn_view(txn), &k, false, AHEAD), DBX_OK);
    for (unsigned i = 0; i < AFTER; i += AFTER / BEFORE) {
        char text[16];
        (void)snprintf(text, sizeof text, "%08u", i);
        CHECK_EQ(dbx_list_walk_next(&walk, &item), DBX_OK);
        CHECK_TEXT(dbx_cell_slice(&item.cell), text);
    }
    CHECK_EQ(dbx_list_walk_next(&walk, &item), DBX_OK);
    CHECK_TEXT(dbx_cell_slice(&item.cell), "pivot");
    for (unsigned i = AFTER; i-- > 0;) {
        char text[16];
        if (i % (AFTER / BEFORE) == 0) continue;
        (void)snprintf(text, sizeof text, "%08u", i);
        CHECK_EQ(dbx_list_walk_next(&walk, &item), DBX_OK);
        CHECK_TEXT(dbx_cell_slice(&item.cell), text);
    }
    dbx_list_walk_close(&walk);
    dbx_txn_command_end(txn, savepoint);
    close_store();
}

/* What is removed here and there leaves no trail of small nodes. */
TEST(nodes_that_become_small_are_joined) {
    dbx_key k;
    dbx_list_edit e;
    uint64_t removed;
    open_store(0);
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    push_all(20000);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    size_t before = check_nodes(txn, &k);
    CHECK_EQ(dbx_list_edit_open(&e, txn, &encodings, &k), DBX_OK);
    for (unsigned n = 2; n <= 5; n++)
        CHECK_EQ(dbx_list_remove(&e, element(n), n % 2 == 0, UINT64_MAX, &removed), DBX_OK);
    CHECK_EQ(dbx_list_edit_close(&e, DBX_OK), DBX_OK);
    CHECK_EQ(dbx_key_find(txn, 0, dbx_slice_str("list"), &k), DBX_OK);
    CHECK_EQ(k.meta.count, 4000);
    size_t after = check_nodes(txn, &k);
    CHECK(after < 4000 * 2 / DBX_LIST_NODE_SMALL + 2);
    CHECK(after < before / 5);
    dbx_txn_command_end(txn, savepoint);
    close_store();
}
