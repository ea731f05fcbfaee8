/* collection.c: see collection.h. */
#include "types/collection.h"

#include "base/err.h"

int dbx_edit_open(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k,
                  uint8_t type, uint8_t encoding) {
    *edit = (dbx_edit){.txn = txn, .encodings = encodings, .k = k};
    if (!k->exists) {
        dbx_key_reset(k, type, encoding);
        return DBX_OK;
    }
    dbx_buf_add(&edit->payload, k->payload.ptr, k->payload.len);
    return edit->payload.failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_edit_close(dbx_edit *edit, int rc) {
    dbx_key *k = edit->k;
    if (rc == DBX_OK && edit->payload.failed) rc = DBX_ENOMEM;
    if (rc == DBX_OK && edit->changed) {
        if (k->meta.count > 0) {
            rc = dbx_key_write(edit->txn, k, dbx_buf_slice(&edit->payload));
        } else if (k->exists) {
            rc = dbx_key_remove(edit->txn, k);
        }
    }
    dbx_buf_free(&edit->payload);
    return rc;
}

void dbx_edit_spread(dbx_edit *edit, dbx_buf *packed) {
    *packed = edit->payload;
    edit->payload = (dbx_buf){0};
    edit->k->meta.cid = dbx_txn_new_id(edit->txn);
}

/* --- Copying --------------------------------------------------------------------------------- */

/* copy_table copies the entries of one table; what they name beside them is named by the id that
 * they lie under, so that keys alone change. */
static int copy_table(dbx_txn *txn, uint8_t table, uint64_t from, uint64_t to) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX], key[DBX_ENCODED_KEY_MAX];
    size_t old = dbx_format_collection(prefix, table, from);
    size_t new = dbx_format_collection(key, table, to);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(prefix, old));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK) {
        dbx_slice at = dbx_cursor_key(cursor), value = dbx_cursor_value(cursor);
        uint8_t *room;
        if (at.len - old > sizeof key - new) rc = DBX_ECORRUPT;
        if (rc == DBX_OK) rc = dbx_txn_room(txn, value.len, &room);
        if (rc != DBX_OK) break;
        memcpy(key + new, at.ptr + old, at.len - old);
        if (value.len > 0) memcpy(room, value.ptr, value.len);
        rc = dbx_txn_put(txn, dbx_slice_of(key, new + at.len - old), (dbx_slice){NULL, 0},
                         dbx_slice_of(room, value.len));
        if (rc == DBX_OK) rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_collection_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to) {
    dbx_buf payload = {0};
    uint64_t cid = from->meta.cid;
    int rc = DBX_OK;
    dbx_buf_add(&payload, from->payload.ptr, from->payload.len);
    dbx_key_reset(to, from->meta.type, from->meta.encoding);
    to->meta.expiry = from->meta.expiry;
    to->meta.count = from->meta.count;
    memcpy(to->meta.due_ms, from->meta.due_ms, sizeof to->meta.due_ms);
    if (cid != 0) {
        to->meta.cid = dbx_txn_new_id(txn);
        const uint8_t *table = dbx_format_collection_tables;
        for (; rc == DBX_OK && *table != 0; table++)
            rc = copy_table(txn, *table, cid, to->meta.cid);
    }
    if (rc == DBX_OK)
        rc = payload.failed ? DBX_ENOMEM : dbx_key_write(txn, to, dbx_buf_slice(&payload));
    dbx_buf_free(&payload);
    return rc;
}
