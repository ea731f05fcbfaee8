/* store.c: opening, closing and turns: see store.h. */
#include "store/store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/internal.h"
#include "store/limits.h"
#include "store/scan.h"

static void free_store(dbx_store *store) {
    dbx_buffer_unref(store->live.active);
    dbx_buffer_unref(store->live.frozen);
    dbx_undo_free(&store->txn.undo);
    dbx_buf_free(&store->txn.effects);
    dbx_buf_free(&store->txn.head);
    dbx_alloc_free(store->txn.groups);
    dbx_scan_table_free(store->scans);
    dbx_alloc_free(store->dbs);
    dbx_alloc_free(store);
}

int dbx_store_open(const dbx_store_options *options, dbx_store **out, dbx_error *error) {
    dbx_store *store = dbx_alloc_zero(1, sizeof *store);
    if (store == NULL) return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    store->options = *options;
    store->txn.store = store;
    store->live.store = store;
    store->live.active_epoch = DBX_EPOCH_LIVE;
    store->dbs = dbx_alloc_zero(options->databases, sizeof *store->dbs);
    store->live.active = dbx_buffer_new(0);
    store->scans = dbx_scan_table_new(0);
    if (store->dbs == NULL || store->live.active == NULL || store->scans == NULL) {
        free_store(store);
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < options->databases; i++) store->dbs[i].ns = i + 1;
    store->next_id = (uint64_t)options->databases + 1;
    dbx_rand_seed(&store->rand);
    *out = store;
    return DBX_OK;
}

int dbx_store_replay(dbx_store *store, dbx_replay_fn *run, void *arg, dbx_error *error) {
    (void)store, (void)run, (void)arg, (void)error;
    return DBX_OK;
}

int dbx_store_close(dbx_store *store, dbx_error *error) {
    (void)error;
    free_store(store);
    return DBX_OK;
}

void dbx_store_close_forked(dbx_store *store) {
    (void)store;
}

int64_t dbx_store_now_ms(dbx_store *store) {
    int64_t now_ms = dbx_clock_wall_ms();
    if (now_ms > store->clock_base_ms) store->clock_base_ms = now_ms;
    return store->clock_base_ms;
}

dbx_txn *dbx_store_turn_begin(dbx_store *store, int64_t now_ms) {
    store->txn.now_ms = now_ms;
    return &store->txn;
}

int dbx_store_turn_end(dbx_store *store, dbx_error *error) {
    dbx_txn *txn = &store->txn;
    (void)error;
    txn->effects.len = 0;
    txn->group_count = 0;
    txn->effects_db = 0;
    dbx_undo_settle(&txn->undo, store->live.active);
    return DBX_OK;
}

uint64_t dbx_store_position(const dbx_store *store) {
    (void)store;
    return 0;
}

uint64_t dbx_store_durable(dbx_store *store) {
    (void)store;
    return UINT64_MAX;
}

int dbx_store_wait_durable(dbx_store *store, uint64_t position) {
    (void)store, (void)position;
    return DBX_OK;
}

uint32_t dbx_store_write_delay_us(dbx_store *store) {
    (void)store;
    return 0;
}

int dbx_store_writable(dbx_store *store, dbx_error *error) {
    (void)store, (void)error;
    return DBX_OK;
}

void dbx_store_set_durability(dbx_store *store, dbx_durability durability) {
    store->options.durability = durability;
}

bool dbx_store_freeze(dbx_store *store) {
    (void)store;
    return false;
}

void dbx_store_get_info(dbx_store *store, dbx_store_info *info) {
    *info = (dbx_store_info){.in_memory = true,
                             .buffer_entries = store->live.active->entries,
                             .buffer_bytes = dbx_buffer_bytes(store->live.active),
                             .views = store->view_count,
                             .expired = store->expired,
                             .hits = store->hits,
                             .misses = store->misses};
}

void dbx_store_reset_stats(dbx_store *store) {
    store->expired = store->hits = store->misses = 0;
}
