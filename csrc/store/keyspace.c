/* keyspace.c: one key: find, write, expire, move, remove. Whole databases are in db.c. */
#include "store/keyspace.h"

#include <string.h>

#include "store/early.h"
#include "store/internal.h"
#include "store/record.h"

static dbx_db *db_of(dbx_txn *txn, uint32_t db) {
    return &txn->store->dbs[db];
}

static dbx_slice encoded(const dbx_key *k) {
    return dbx_slice_of(k->encoded, k->encoded_len);
}

/* Adds to the counts of a database, undoably. */
static int count(dbx_txn *txn, uint32_t db, int keys, int expires) {
    dbx_db *d = db_of(txn, db);
    if (keys == 0 && expires == 0) return DBX_OK;
    int rc = dbx_undo_state(&txn->undo, d, sizeof *d);
    if (rc != DBX_OK) return rc;
    d->keys += (uint64_t)(int64_t)keys;
    d->expires += (uint64_t)(int64_t)expires;
    return DBX_OK;
}

/* --- TTL index -----------------------------------------------------------------------------------
 */

static void next_may_be(dbx_txn *txn, unsigned index, int64_t ms) {
    dbx_next_expiry *next = &txn->store->next_expiry[index];
    if (ms < next->ms) next->ms = ms;
}

/* Moves the key's TTL entry from the expiry the store has to the one the record is getting. */
static int index_expiry(dbx_txn *txn, dbx_key *k, dbx_expiry expiry) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_slice none = {NULL, 0};
    int rc = DBX_OK;
    if (dbx_expiry_same(k->old_expiry, expiry)) return DBX_OK;
    if (dbx_expiry_set(k->old_expiry)) {
        size_t n = dbx_format_ttl_key(key, k->old_expiry, encoded(k));
        rc = dbx_txn_del(txn, dbx_slice_of(key, n));
    }
    if (rc == DBX_OK && dbx_expiry_set(expiry)) {
        size_t n = dbx_format_ttl_key(key, expiry, encoded(k));
        rc = dbx_txn_put(txn, dbx_slice_of(key, n), none, none);
        next_may_be(txn, expiry.relative, expiry.ms);
    }
    if (rc == DBX_OK) {
        rc = count(txn, k->db, 0, dbx_expiry_set(expiry) - dbx_expiry_set(k->old_expiry));
    }
    if (rc == DBX_OK) k->old_expiry = expiry;
    return rc;
}

/* The same for the entries that say when elements of the key expire, on each clock. */
static int index_due(dbx_txn *txn, dbx_key *k, const int64_t due_ms[2]) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_slice none = {NULL, 0};
    for (unsigned i = 0; i < 2; i++) {
        int rc = DBX_OK;
        if (k->old_due_ms[i] == due_ms[i]) continue;
        if (k->old_due_ms[i] != 0) {
            dbx_expiry old = {k->old_due_ms[i], i == 1};
            rc = dbx_txn_del(txn, dbx_slice_of(key, dbx_format_due_key(key, old, encoded(k))));
        }
        if (rc == DBX_OK && due_ms[i] != 0) {
            dbx_expiry due = {due_ms[i], i == 1};
            size_t n = dbx_format_due_key(key, due, encoded(k));
            rc = dbx_txn_put(txn, dbx_slice_of(key, n), none, none);
            next_may_be(txn, DBX_INDEX_DUE + i, due_ms[i]);
        }
        if (rc != DBX_OK) return rc;
        k->old_due_ms[i] = due_ms[i];
    }
    return DBX_OK;
}

/* --- Finding -------------------------------------------------------------------------------------
 */

static int read_record(dbx_key *k) {
    dbx_slice name;
    if (!dbx_record_read(k->probe.value, &k->meta, &name, &k->payload)) return DBX_ECORRUPT;
    if (k->name.len > DBX_NAME_INLINE_MAX && !dbx_slice_eq(name, k->name)) return DBX_ECORRUPT;
    k->old_expiry = k->meta.expiry;
    memcpy(k->old_due_ms, k->meta.due_ms, sizeof k->old_due_ms);
    k->old_head = k->probe.value.len - k->payload.len;
    k->old_cid = k->meta.cid;
    return DBX_OK;
}

/* A write met a key whose time is over: its removal is journalled before anything else. */
static int remove_expired(dbx_txn *txn, dbx_key *k) {
    dbx_slice argv[] = {dbx_slice_str("DEL"), k->name};
    uint64_t writes = txn->writes;
    int rc = dbx_key_remove(txn, k);
    if (rc == DBX_OK) rc = dbx_txn_effect(txn, k->db, 2, argv);
    /* The removal is not what the command did: by itself it does not make it a change. */
    txn->writes = writes;
    txn->store->expired++;
    return rc;
}

int dbx_key_find(dbx_txn *txn, uint32_t db, dbx_slice name, dbx_key *k) {
    bool long_name;
    dbx_store *store = txn->store;
    k->db = db;
    k->name = name;
    k->exists = false;
    k->old_expiry = dbx_expiry_never();
    k->old_due_ms[0] = k->old_due_ms[1] = 0;
    k->old_cid = 0;
    k->encoded_len = dbx_format_key(k->encoded, store->dbs[db].ns, name, store->seed, &long_name);
    int rc = dbx_txn_probe(txn, encoded(k), &k->probe);
    if (rc != DBX_OK) return rc;
    if (!k->probe.found) {
        store->misses += !txn->writing;
        return DBX_OK;
    }
    rc = read_record(k);
    if (rc != DBX_OK) return rc;
    bool expired = dbx_expiry_set(k->meta.expiry) && !txn->replaying &&
                   dbx_expiry_over(k->meta.expiry, dbx_txn_times(txn));
    k->exists = !expired;
    if (!txn->writing) {
        store->hits += k->exists;
        store->misses += expired;
    }
    return expired && txn->writing ? remove_expired(txn, k) : DBX_OK;
}

int dbx_key_find_in(dbx_view *view, uint64_t ns, dbx_slice name, dbx_times times, dbx_key *k) {
    bool long_name;
    k->name = name;
    k->exists = false;
    dbx_scratch_clear(&view->scratch);
    k->encoded_len = dbx_format_key(k->encoded, ns, name, view->store->seed, &long_name);
    int rc = dbx_view_get(view, encoded(k), &k->probe.value);
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    if (rc == DBX_OK) rc = read_record(k);
    if (rc != DBX_OK) return rc;
    k->exists = !dbx_expiry_over(k->meta.expiry, times);
    return DBX_OK;
}

void dbx_key_reset(dbx_key *k, uint8_t type, uint8_t encoding) {
    int64_t created_ms = k->exists ? k->meta.created_ms : 0;
    k->meta = (dbx_meta){
        .type = type, .encoding = encoding, .created_ms = created_ms, .expiry = dbx_expiry_never()};
}

/* --- Writing -------------------------------------------------------------------------------------
 */

/* Stores meta and payload as they are; neither times nor expiry nor counts are touched. */
static int put_record(dbx_txn *txn, dbx_key *k, dbx_slice payload) {
    uint8_t fixed[DBX_RECORD_FIXED_MAX], varint[DBX_VARINT_MAX];
    bool long_name = k->name.len > DBX_NAME_INLINE_MAX;
    dbx_slice head = dbx_slice_of(fixed, dbx_record_fixed(fixed, &k->meta, long_name));
    if (long_name || k->meta.ext.len > 0) {
        txn->head.len = 0;
        dbx_buf_add(&txn->head, head.ptr, head.len);
        if (k->meta.ext.len > 0) {
            dbx_buf_add(&txn->head, varint, dbx_format_varint(varint, k->meta.ext.len));
            dbx_buf_add(&txn->head, k->meta.ext.ptr, k->meta.ext.len);
        }
        if (long_name) {
            dbx_buf_add(&txn->head, varint, dbx_format_varint(varint, k->name.len));
            dbx_buf_add(&txn->head, k->name.ptr, k->name.len);
        }
        if (txn->head.failed) {
            txn->head.failed = false;
            return DBX_ENOMEM;
        }
        head = dbx_buf_slice(&txn->head);
    }
    return dbx_txn_edit_probed(txn, encoded(k), &k->probe, k->old_head, head, payload);
}

int dbx_key_write(dbx_txn *txn, dbx_key *k, dbx_slice payload) {
    bool is_new = !k->exists;
    if (is_new) k->meta.created_ms = txn->now_ms;
    k->meta.updated_ms = txn->now_ms;
    int rc = put_record(txn, k, payload);
    if (rc == DBX_OK) rc = dbx_early_publish(txn, k->meta.cid);
    if (rc == DBX_OK && is_new) rc = count(txn, k->db, 1, 0);
    if (rc == DBX_OK) rc = index_expiry(txn, k, k->meta.expiry);
    if (rc == DBX_OK) rc = index_due(txn, k, k->meta.due_ms);
    if (rc == DBX_OK && k->old_cid != 0 && k->old_cid != k->meta.cid) {
        rc = dbx_txn_retire(txn, k->old_cid);
    }
    if (rc != DBX_OK) return rc;
    k->old_cid = k->meta.cid;
    k->exists = true;
    return DBX_OK;
}

/* Writes the fixed part of the record's header as it becomes now into `fixed`, *len long, for a
 * change of the payload where it lies. The length follows updated_ms: when it grows, after a year
 * or because an earlier build wrote it, all is written anew. */
static int renew_fixed(dbx_txn *txn, dbx_key *k, uint8_t fixed[DBX_RECORD_FIXED_MAX], size_t *len) {
    size_t old = dbx_record_fixed_of(k->probe.value);
    k->meta.updated_ms = txn->now_ms;
    *len = dbx_record_fixed(fixed, &k->meta, k->name.len > DBX_NAME_INLINE_MAX);
    return old == *len ? DBX_OK : put_record(txn, k, k->payload);
}

int dbx_key_append(dbx_txn *txn, dbx_key *k, dbx_slice bytes) {
    uint8_t fixed[DBX_RECORD_FIXED_MAX];
    size_t len;
    int rc = renew_fixed(txn, k, fixed, &len);
    if (rc != DBX_OK) return rc;
    rc = dbx_txn_append_patched(txn, encoded(k), dbx_slice_of(fixed, len), bytes);
    k->probe.changes = txn->store->live.active->changes - 1;
    return rc;
}

int dbx_key_patch(dbx_txn *txn, dbx_key *k, size_t at, dbx_slice bytes) {
    uint8_t fixed[DBX_RECORD_FIXED_MAX];
    size_t len, header = k->probe.value.len - k->payload.len;
    size_t rest = header - dbx_record_fixed_of(k->probe.value); /* extension and name */
    int rc = renew_fixed(txn, k, fixed, &len);
    if (rc != DBX_OK) return rc;
    rc = dbx_txn_patch_headed(txn, encoded(k), dbx_slice_of(fixed, len), len + rest + at, bytes);
    k->probe.changes = txn->store->live.active->changes - 1;
    return rc;
}

int dbx_key_set_expiry(dbx_txn *txn, dbx_key *k, dbx_expiry expiry) {
    k->meta.expiry = expiry;
    return dbx_key_write(txn, k, k->payload);
}

int dbx_key_remove(dbx_txn *txn, dbx_key *k) {
    static const int64_t none_due[2] = {0, 0};
    int rc = index_expiry(txn, k, dbx_expiry_never());
    if (rc == DBX_OK) rc = index_due(txn, k, none_due);
    if (rc == DBX_OK) rc = dbx_txn_del_probed(txn, encoded(k), &k->probe);
    if (rc == DBX_OK) rc = count(txn, k->db, -1, 0);
    if (rc == DBX_OK && k->old_cid != 0) rc = dbx_txn_retire(txn, k->old_cid);
    if (rc != DBX_OK) return rc;
    k->old_cid = 0;
    k->exists = false;
    k->probe.found = false;
    return DBX_OK;
}

int dbx_key_move(dbx_txn *txn, dbx_key *from, dbx_key *to) {
    to->meta = from->meta;
    int64_t created_ms = from->meta.created_ms;
    bool is_new = !to->exists;
    to->meta.updated_ms = txn->now_ms;
    to->meta.created_ms = created_ms;
    int rc = put_record(txn, to, from->payload);
    if (rc == DBX_OK && is_new) rc = count(txn, to->db, 1, 0);
    if (rc == DBX_OK) rc = index_expiry(txn, to, to->meta.expiry);
    if (rc == DBX_OK) rc = index_due(txn, to, to->meta.due_ms);
    if (rc == DBX_OK && to->old_cid != 0) rc = dbx_txn_retire(txn, to->old_cid);
    if (rc != DBX_OK) return rc;
    to->old_cid = to->meta.cid;
    to->exists = true;
    from->old_cid = 0; /* the collection lives on under its new name */
    return dbx_key_remove(txn, from);
}
