/* early.c: see early.h. */
#include "store/early.h"

#include "base/bytes.h"
#include "base/log.h"
#include "store/apply.h"
#include "store/freeze.h"
#include "store/limits.h"

static const uint8_t UNPUBLISHED[] = {DBX_TABLE_RETIRED, DBX_UNPUBLISHED};

static size_t asked_bytes; /* for tests */

void dbx_early_set_bytes(size_t bytes) {
    asked_bytes = bytes;
}

/* --- Within a command ------------------------------------------------------------------------- */

void dbx_early_begin(dbx_txn *txn) {
    txn->command_undo = txn->undo.count;
    txn->own_from = txn->store->next_id;
    txn->early_at = SIZE_MAX;
}

static void plan(dbx_txn *txn) {
    const dbx_store *store = txn->store;
    size_t part = store->buffer_bytes_max / 2;
    if (part < DBX_EARLY_BYTES_MIN) part = DBX_EARLY_BYTES_MIN;
    if (asked_bytes != 0) part = asked_bytes;
    txn->early_at = dbx_buffer_fill(store->live.active) + part;
}

void dbx_early_expect(dbx_txn *txn) {
    bool within = txn->own_from != UINT64_MAX;
    if (within && txn->early_at == SIZE_MAX && txn->store->applier != NULL) plan(txn);
}

/* The first entry of a table that is of the command's own collections; NULL: none. All that follow
 * it in the table are, too. */
static dbx_entry *first_own(const dbx_txn *txn, uint8_t table) {
    uint8_t bound[1 + DBX_NUMBER_BYTES_MAX];
    size_t n = dbx_format_collection(bound, table, txn->own_from);
    dbx_entry *entry = dbx_tree_seek(&txn->store->live.active->tree, dbx_slice_of(bound, n));
    return entry != NULL && entry->key[0] == table ? entry : NULL;
}

static dbx_entry *next_own(const dbx_buffer *buffer, const dbx_entry *entry) {
    dbx_entry *next = dbx_tree_next(&buffer->tree, entry);
    return next != NULL && next->key[0] == entry->key[0] ? next : NULL;
}

static bool any_own(const dbx_txn *txn) {
    for (const uint8_t *table = dbx_format_collection_tables; *table != 0; table++) {
        if (first_own(txn, *table) != NULL) return true;
    }
    return false;
}

/* A gap says what is dead below, of keys that other entries name: those where it begins or ends
 * stay. An open view, which is older, sees none of them. */
static bool can_leave(const dbx_buffer *buffer, const dbx_entry *entry) {
    return (entry->flags & (DBX_ENTRY_GAP | DBX_ENTRY_SAVED)) == 0 &&
           entry->epoch == buffer->epoch && dbx_buffer_gap_before(buffer, entry) == NULL;
}

/* Takes out what was committed. Its undo records go with it: the command's own are not undone
 * there, but reclaimed. */
static void take_out(dbx_txn *txn) {
    dbx_buffer *buffer = txn->store->live.active;
    const uint8_t *tables = dbx_format_collection_tables;
    dbx_entry *next;
    for (const uint8_t *table = tables; *table != 0; table++) {
        for (dbx_entry *entry = first_own(txn, *table); entry != NULL;
             entry = next_own(buffer, entry)) {
            if (can_leave(buffer, entry)) {
                entry->epoch = DBX_EPOCH_LEAVING;
            } else {
                entry->flags |= DBX_ENTRY_BELOW;
            }
        }
    }
    dbx_undo_drop_early(&txn->undo, buffer, txn->command_undo, txn->own_from);
    for (const uint8_t *table = tables; *table != 0; table++) {
        for (dbx_entry *entry = first_own(txn, *table); entry != NULL; entry = next) {
            next = next_own(buffer, entry);
            if (entry->epoch == DBX_EPOCH_LEAVING) dbx_buffer_drop(buffer, entry);
        }
    }
    buffer->changes++; /* whoever knows where an entry was looks again */
}

int dbx_early_commit(dbx_txn *txn) {
    dbx_store *store = txn->store;
    dbx_snapshot *snapshot;
    dbx_error error;
    if (!any_own(txn)) {
        plan(txn);
        return DBX_OK;
    }
    if (txn->may_wait && store->live.frozen != NULL) return DBX_EBUSY;
    if (!txn->replaying && !dbx_room_fits_early(store)) return DBX_ENOSPC;
    store->unpublished = true;
    const dbx_early early = {.buffer = store->live.active, .from = txn->own_from};
    int rc = dbx_applier_early(store->applier, &early, &error);
    if (rc != DBX_OK) {
        dbx_log(DBX_LOG_WARNING,
                "%s: a command whose result is larger than the write buffer failed", error.text);
        return rc;
    }
    rc = dbx_snapshot_open(store->env, &snapshot);
    if (rc != DBX_OK) return rc;
    dbx_cursors_leave(store, txn->own_from);
    if (store->live.early == NULL) store->live.early_from = txn->own_from;
    dbx_snapshot_close(store->live.early);
    store->live.early = snapshot;
    take_out(txn);
    plan(txn);
    return DBX_OK;
}

int dbx_early_publish(dbx_txn *txn, uint64_t cid) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    dbx_store *store = txn->store;
    dbx_buffer *active = store->live.active;
    if (cid < txn->own_from) return DBX_OK;
    /* What is committed from now on may be of a published one. */
    txn->own_from = store->next_id;
    txn->early_at = SIZE_MAX;
    if (store->live.early == NULL) return DBX_OK;
    dbx_slice k = dbx_format_retired_key(key, DBX_UNPUBLISHED, cid);
    uint64_t hash = dbx_buffer_hash(k);
    return dbx_buffer_kill(active, &txn->undo, k, hash, dbx_buffer_find(active, k, hash), true);
}

void dbx_early_end(dbx_txn *txn) {
    dbx_store *store = txn->store;
    txn->own_from = UINT64_MAX;
    txn->early_at = SIZE_MAX;
    if (store->live.early == NULL) return;
    dbx_cursor_forget_idle(store);
    dbx_snapshot_close(store->live.below);
    store->live.below = store->live.early;
    store->live.early = NULL;
    dbx_view_compare(&store->live, store->frozen_position);
    /* The filter knows all that has gone through the buffer, and the mark is to go. */
    store->freeze_wanted = true;
}

/* --- Between turns ---------------------------------------------------------------------------- */

/* The first unpublished id; DBX_ENOTFOUND. */
static int first_unpublished(dbx_store *store, bool last, uint64_t *id) {
    dbx_cursor *cursor =
        dbx_cursor_open(&store->live, dbx_slice_of(UNPUBLISHED, sizeof UNPUBLISHED));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = last ? dbx_cursor_last(cursor) : dbx_cursor_first(cursor);
    if (rc == DBX_OK) {
        dbx_slice key = dbx_cursor_key(cursor);
        if (key.len != DBX_RETIRED_KEY_BYTES) rc = DBX_ECORRUPT;
        if (rc == DBX_OK) *id = dbx_load64_be(key.ptr + 2);
    }
    dbx_cursor_close(cursor);
    return rc;
}

void dbx_early_retire(dbx_store *store) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    dbx_txn *txn = &store->txn;
    uint64_t id;
    int rc = DBX_OK;
    bool any = false;
    if (!store->unpublished) return;
    while (rc == DBX_OK && (rc = first_unpublished(store, false, &id)) == DBX_OK) {
        rc = dbx_txn_retire(txn, id);
        if (rc == DBX_OK) rc = dbx_txn_del(txn, dbx_format_retired_key(key, DBX_UNPUBLISHED, id));
        any = true;
    }
    dbx_undo_settle(&txn->undo, store->live.active);
    store->unpublished = rc != DBX_ENOTFOUND; /* without memory now, the next turn goes on */
    if (any) store->freeze_wanted = true;
}

int dbx_early_load(dbx_store *store) {
    uint64_t id;
    int rc = first_unpublished(store, true, &id);
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc == DBX_OK && id >= store->next_id) store->next_id = id + 1;
    store->unpublished = rc == DBX_OK;
    return rc;
}
