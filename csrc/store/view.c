/* view.c: one state of the map: active buffer, frozen buffer, MDBX snapshot; and getting a key. */
#include "base/alloc.h"
#include "base/err.h"
#include "store/apply.h"
#include "store/delta.h"
#include "store/internal.h"
#include "store/limits.h"

dbx_view *dbx_txn_view(dbx_txn *txn) {
    return &txn->store->live;
}

dbx_view *dbx_view_open(dbx_txn *txn) {
    dbx_store *store = txn->store;
    dbx_view *view = dbx_alloc_zero(1, sizeof *view);
    if (view == NULL) return NULL;
    if (store->live.below != NULL && dbx_snapshot_open(store->env, &view->below) != DBX_OK) {
        dbx_alloc_free(view);
        return NULL;
    }
    view->store = store;
    view->active = store->live.active;
    view->active_epoch = dbx_buffer_view_open(view->active);
    view->frozen = store->live.frozen;
    if (view->frozen != NULL) view->frozen->refs++;
    dbx_view_compare(view, store->frozen_position);
    view->next = store->views;
    if (view->next != NULL) view->next->prev = view;
    store->views = view;
    store->view_count++;
    return view;
}

void dbx_view_close(dbx_view *view) {
    dbx_store *store = view->store;
    if (view->prev != NULL) view->prev->next = view->next;
    if (view->next != NULL) view->next->prev = view->prev;
    if (store->views == view) store->views = view->next;
    store->view_count--;
    dbx_buffer_view_close(view->active);
    dbx_buffer_unref(view->frozen);
    if (view->below != NULL) dbx_snapshot_close(view->below);
    dbx_scratch_free(&view->scratch);
    dbx_alloc_free(view);
}

/* --- Getting a key ---------------------------------------------------------------------------- */

int dbx_view_frozen_get(dbx_view *view, dbx_slice key, uint64_t hash, dbx_slice *value) {
    dbx_state state;
    if (view->frozen == NULL) return 1;
    const dbx_entry *entry = dbx_buffer_find(view->frozen, key, hash);
    if (entry != NULL && dbx_buffer_see(view->frozen, entry, DBX_EPOCH_LIVE, &state)) {
        *value = state.value;
        if ((state.flags & DBX_ENTRY_DELTA) != 0) return view->frozen_below ? 1 : 2;
        return (state.flags & DBX_ENTRY_DEAD) != 0 ? DBX_ENOTFOUND : DBX_OK;
    }
    return dbx_buffer_in_gap(view->frozen, key) ? DBX_ENOTFOUND : 1;
}

dbx_snapshot *dbx_view_snapshot(const dbx_view *view, dbx_slice key) {
    bool early = view->early != NULL && dbx_format_since(key, view->early_from);
    return early ? view->early : view->below;
}

/* Puts a value together, *value is the delta before; `rc`: of getting `base`. */
static int put_together(dbx_view *view, int rc, dbx_slice base, dbx_slice *value) {
    size_t len = 0;
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    uint8_t *bytes = dbx_scratch_alloc(&view->scratch, dbx_delta_room(base, *value));
    if (bytes == NULL) return DBX_ENOMEM;
    rc = dbx_delta_apply(base, *value, bytes, &len);
    *value = dbx_slice_of(bytes, len);
    return rc;
}

int dbx_view_below_get(dbx_view *view, dbx_slice key, uint64_t hash, dbx_slice *value) {
    dbx_slice base;
    int found = dbx_view_frozen_get(view, key, hash, value);
    if (found != 1 && found != 2) return found;
    dbx_snapshot *snapshot = dbx_view_snapshot(view, key);
    int rc = snapshot != NULL ? dbx_snapshot_get(snapshot, key, &base) : DBX_ENOTFOUND;
    if (found == 2) return put_together(view, rc, base, value);
    if (rc == DBX_OK) *value = base;
    return rc;
}

int dbx_view_value(dbx_view *view, dbx_slice key, uint64_t hash, const dbx_state *state,
                   dbx_slice *value) {
    dbx_slice base;
    *value = state->value;
    if ((state->flags & DBX_ENTRY_DELTA) == 0) return DBX_OK;
    return put_together(view, dbx_view_below_get(view, key, hash, &base), base, value);
}

int dbx_view_get(dbx_view *view, dbx_slice key, dbx_slice *value) {
    uint64_t hash = dbx_buffer_hash(key);
    const dbx_entry *entry = dbx_buffer_find(view->active, key, hash);
    dbx_state state;
    dbx_work_add(&view->store->work.gets, 1);
    if (entry != NULL && dbx_buffer_see(view->active, entry, view->active_epoch, &state)) {
        if ((state.flags & DBX_ENTRY_DEAD) != 0) return DBX_ENOTFOUND;
        return dbx_view_value(view, key, hash, &state, value);
    }
    if (dbx_buffer_in_gap(view->active, key)) return DBX_ENOTFOUND;
    return dbx_view_below_get(view, key, hash, value);
}

void dbx_view_compare(dbx_view *view, uint64_t frozen_position) {
    dbx_applied applied;
    view->frozen_below = view->frozen != NULL &&
                         dbx_apply_read_position(view->below, &applied) == DBX_OK &&
                         applied.position >= frozen_position;
}

/* Bytes of a buffer that is kept for views alone; 0: it is in use. */
static size_t retired_bytes(const dbx_store *store, const dbx_buffer *buffer) {
    if (buffer == NULL || buffer == store->live.active || buffer == store->live.frozen) return 0;
    return dbx_buffer_bytes(buffer);
}

size_t dbx_store_views_cost(const dbx_store *store) {
    const dbx_buffer *active = NULL, *frozen = NULL; /* of the view opened next */
    size_t bytes = 0;
    /* Younger views come first, so that what two of them share stands side by side. */
    for (const dbx_view *view = store->views; view != NULL; view = view->next) {
        if (view->active != active && view->active != frozen)
            bytes += retired_bytes(store, view->active);
        if (view->frozen != frozen) bytes += retired_bytes(store, view->frozen);
        active = view->active;
        frozen = view->frozen;
    }
    /* However small the bound, a large turn or two beside it is no waste. */
    return bytes / (DBX_BUFFER_FULL_BYTES(store->buffer_bytes_max) / 2);
}
