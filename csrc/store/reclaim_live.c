/* reclaim_live.c: what retired ids hold, removed from a database in memory: there is no applier, so
 * the engine does it in steps, in turns of their own. See store.h. */
#include <string.h>

#include "store/internal.h"
#include "store/keyspace.h"
#include "store/reclaim.h"
#include "store/record.h"

typedef struct remover {
    dbx_txn *txn;
    uint32_t left, done;
} remover;

bool dbx_store_litter(const dbx_store *store) {
    return store->litter;
}

/* The first key with a prefix, copied; DBX_ENOTFOUND: there is none. */
static int first(dbx_txn *txn, dbx_slice prefix, uint8_t key[DBX_ENCODED_KEY_MAX], size_t *len,
                 dbx_meta *meta) {
    dbx_cursor *cursor = dbx_cursor_open(&txn->store->live, prefix);
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    if (rc == DBX_OK) {
        dbx_slice found = dbx_cursor_key(cursor), name, payload;
        *len = found.len;
        memcpy(key, found.ptr, found.len);
        if (meta != NULL && !dbx_record_read(dbx_cursor_value(cursor), meta, &name, &payload)) {
            *meta = (dbx_meta){.cid = 0};
        }
    }
    dbx_cursor_close(cursor);
    return rc;
}

/* A key of a flushed namespace goes: its TTL entry too, and its collection is retired in turn. */
static int drop_key(dbx_txn *txn, dbx_slice key, const dbx_meta *meta) {
    uint8_t other[DBX_ENCODED_KEY_MAX];
    int rc = DBX_OK;
    if (dbx_expiry_set(meta->expiry)) {
        size_t n = dbx_format_ttl_key(other, meta->expiry, key);
        rc = dbx_txn_del(txn, dbx_slice_of(other, n));
    }
    for (int i = 0; rc == DBX_OK && i < 2; i++) {
        if (meta->due_ms[i] == 0) continue;
        dbx_expiry due = {meta->due_ms[i], i == 1};
        rc = dbx_txn_del(txn, dbx_slice_of(other, dbx_format_due_key(other, due, key)));
    }
    if (rc == DBX_OK && meta->cid != 0) rc = dbx_txn_retire(txn, meta->cid);
    return rc == DBX_OK ? dbx_txn_del(txn, key) : rc;
}

static int drop_prefix(remover *r, dbx_slice prefix, bool records) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t len;
    dbx_meta meta;
    int rc = DBX_OK;
    while (r->left > 0 &&
           (rc = first(r->txn, prefix, key, &len, records ? &meta : NULL)) == DBX_OK) {
        dbx_slice k = dbx_slice_of(key, len);
        rc = records ? drop_key(r->txn, k, &meta) : dbx_txn_del(r->txn, k);
        if (rc != DBX_OK) return rc;
        r->left--;
        r->done++;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int drop_id(remover *r, const uint8_t retired[DBX_RETIRED_KEY_BYTES]) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t len;
    bool records = retired[1] == DBX_RETIRED_NAMESPACE;
    int rc = DBX_OK;
    for (unsigned i = 0; rc == DBX_OK && dbx_reclaim_prefix(retired, i, prefix, &len); i++)
        rc = drop_prefix(r, dbx_slice_of(prefix, len), records);
    if (rc != DBX_OK || r->left == 0) return rc;
    return dbx_txn_del(r->txn, dbx_slice_of(retired, DBX_RETIRED_KEY_BYTES));
}

static int drop_all(remover *r) {
    const uint8_t tag = DBX_TABLE_RETIRED;
    uint8_t retired[DBX_ENCODED_KEY_MAX];
    size_t len;
    int rc = DBX_OK;
    while (rc == DBX_OK && r->left > 0) {
        rc = first(r->txn, dbx_slice_of(&tag, 1), retired, &len, NULL);
        if (rc == DBX_OK) rc = len == DBX_RETIRED_KEY_BYTES ? drop_id(r, retired) : DBX_ECORRUPT;
    }
    if (rc == DBX_ENOTFOUND) r->txn->store->litter = false;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_store_reclaim(dbx_txn *txn, uint32_t max) {
    remover r = {.txn = txn, .left = max};
    dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
    int rc = drop_all(&r);
    if (rc != DBX_OK) dbx_txn_command_undo(txn, savepoint);
    dbx_txn_command_end(txn, savepoint);
    if (rc == DBX_OK) txn->store->reclaimed += r.done;
    return rc == DBX_OK ? (int)r.done : rc;
}
