/* reclaim.c: see reclaim.h. */
#include "store/reclaim.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/format.h"
#include "store/record.h"

enum { LOOK_EVERY = 16 }; /* entries, between two looks at the clock: their pages may be read */

typedef struct reclaimer {
    MDBX_txn *txn;
    MDBX_dbi dbi;
    MDBX_cursor *cursor;
    uint32_t left; /* entries that may still be deleted */
    const dbx_budget *budget;
    uint32_t done;
} reclaimer;

bool dbx_budget_over(const dbx_budget *budget) {
    return (budget->hurry != NULL && atomic_load(budget->hurry)) ||
           (budget->deadline_us != INT64_MAX && dbx_clock_mono_us() >= budget->deadline_us);
}

static void count(reclaimer *r) {
    r->done++;
    r->left--;
    if (r->done % LOOK_EVERY == 0 && dbx_budget_over(r->budget)) r->left = 0;
}

static dbx_slice slice_of(MDBX_val val) {
    return dbx_slice_of(val.iov_base, val.iov_len);
}

static MDBX_val val_of(const void *bytes, size_t len) {
    return (MDBX_val){(void *)(uintptr_t)bytes, len};
}

static bool begins(MDBX_val key, const uint8_t *prefix, size_t len) {
    return key.iov_len >= len && memcmp(key.iov_base, prefix, len) == 0;
}

/* A key of a flushed namespace goes: its TTL entry too, and its collection is retired in turn. */
static int drop_record(reclaimer *r, dbx_slice key, dbx_slice record) {
    uint8_t copy[DBX_ENCODED_KEY_MAX], other[DBX_ENCODED_KEY_MAX];
    dbx_slice name, payload;
    dbx_meta meta;
    MDBX_val k, none = {NULL, 0};
    if (key.len > sizeof copy || !dbx_record_read(record, &meta, &name, &payload)) return 0;
    memcpy(copy, key.ptr, key.len);
    if (dbx_expiry_set(meta.expiry)) {
        size_t n = dbx_format_ttl_key(other, meta.expiry, dbx_slice_of(copy, key.len));
        k = val_of(other, n);
        int rc = mdbx_del(r->txn, r->dbi, &k, NULL);
        if (rc != 0 && rc != MDBX_NOTFOUND) return rc;
    }
    for (int i = 0; i < 2; i++) {
        if (meta.due_ms[i] == 0) continue;
        dbx_expiry due = {meta.due_ms[i], i == 1};
        k = val_of(other, dbx_format_due_key(other, due, dbx_slice_of(copy, key.len)));
        int rc = mdbx_del(r->txn, r->dbi, &k, NULL);
        if (rc != 0 && rc != MDBX_NOTFOUND) return rc;
    }
    if (meta.cid == 0) return 0;
    dbx_slice retired = dbx_format_retired_key(other, DBX_RETIRED_COLLECTION, meta.cid);
    k = val_of(retired.ptr, retired.len);
    return mdbx_put(r->txn, r->dbi, &k, &none, MDBX_UPSERT);
}

/* Deletes keys with a prefix until none is left (*empty) or the budget is used up. */
static int drop_prefix(reclaimer *r, const uint8_t *prefix, size_t len, bool records, bool *empty) {
    *empty = false;
    while (r->left > 0) {
        MDBX_val k = val_of(prefix, len), v;
        if (atomic_load(r->budget->stop)) return MDBX_EINTR;
        int rc = mdbx_cursor_get(r->cursor, &k, &v, MDBX_SET_RANGE);
        if (rc == MDBX_NOTFOUND || (rc == 0 && !begins(k, prefix, len))) {
            *empty = true;
            return 0;
        }
        if (rc != 0) return rc;
        if (records) {
            uint8_t key[DBX_ENCODED_KEY_MAX];
            size_t n = k.iov_len;
            if (n > sizeof key) return MDBX_CORRUPTED;
            memcpy(key, k.iov_base, n);
            rc = drop_record(r, slice_of(k), slice_of(v));
            k = val_of(key, n); /* the tree may have changed under the cursor */
            if (rc == 0) rc = mdbx_del(r->txn, r->dbi, &k, NULL);
        } else {
            rc = mdbx_cursor_del(r->cursor, MDBX_CURRENT);
        }
        if (rc != 0) return rc;
        count(r);
    }
    return 0;
}

bool dbx_reclaim_prefix(const uint8_t retired[DBX_RETIRED_KEY_BYTES], unsigned index,
                        uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX], size_t *len) {
    uint64_t id = dbx_load64_be(retired + 2);
    if (retired[1] == DBX_RETIRED_NAMESPACE) {
        prefix[0] = DBX_TABLE_KEY;
        *len = 1 + dbx_format_number(prefix + 1, id);
        return index == 0;
    }
    if (dbx_format_collection_tables[index] == 0) return false;
    *len = dbx_format_collection(prefix, dbx_format_collection_tables[index], id);
    return true;
}

static int drop_id(reclaimer *r, const uint8_t *retired, bool *empty) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t len;
    bool records = retired[1] == DBX_RETIRED_NAMESPACE;
    int rc = 0;
    *empty = true;
    for (unsigned i = 0; rc == 0 && *empty && dbx_reclaim_prefix(retired, i, prefix, &len); i++)
        rc = drop_prefix(r, prefix, len, records, empty);
    return rc;
}

int dbx_reclaim(MDBX_txn *txn, MDBX_dbi dbi, const dbx_budget *budget, uint32_t *done, bool *more) {
    uint8_t tag = DBX_TABLE_RETIRED, retired[DBX_RETIRED_KEY_BYTES];
    reclaimer r = {.txn = txn, .dbi = dbi, .left = budget->entries, .budget = budget};
    int rc = mdbx_cursor_open(txn, dbi, &r.cursor);
    *more = false;
    while (rc == 0) {
        MDBX_val k = val_of(&tag, 1), v;
        bool empty;
        rc = mdbx_cursor_get(r.cursor, &k, &v, MDBX_SET_RANGE);
        if (rc != 0 || !begins(k, &tag, 1) || k.iov_len != sizeof retired) break;
        if (((const uint8_t *)k.iov_base)[1] == DBX_UNPUBLISHED) break; /* they are the last */
        if (r.left == 0) {
            *more = true;
            break;
        }
        memcpy(retired, k.iov_base, sizeof retired);
        rc = drop_id(&r, retired, &empty);
        if (rc != 0 || !empty) continue;
        k = val_of(retired, sizeof retired);
        rc = mdbx_del(txn, dbi, &k, NULL);
        if (rc == 0 && r.left > 0) count(&r);
    }
    if (r.cursor != NULL) mdbx_cursor_close(r.cursor);
    *done = r.done;
    return rc == MDBX_NOTFOUND ? 0 : rc;
}
