/* t_hash.c: see t_hash.h. */
#include "types/t_hash.h"

#include "base/alloc.h"
#include "base/err.h"

static dbx_dict dict_of(const dbx_key *k) {
    return (dbx_dict){.table = DBX_TABLE_HASH, .cid = k->meta.cid};
}

/* --- Inline: field and value by turns -------------------------------------------------------- */

typedef struct pair {
    size_t at, end; /* in the payload */
    dbx_cell field, value;
} pair;

/* next_pair reads the pair at pair->end: DBX_OK, DBX_ENOTFOUND past the last. */
static int next_pair(dbx_slice payload, pair *p) {
    dbx_slice rest = dbx_slice_of(payload.ptr + p->end, payload.len - p->end);
    if (rest.len == 0) return DBX_ENOTFOUND;
    p->at = p->end;
    if (!dbx_cell_read(&rest, 0, &p->field) || !dbx_cell_read(&rest, 0, &p->value)) {
        return DBX_ECORRUPT;
    }
    p->end = payload.len - rest.len;
    return DBX_OK;
}

static int find_pair(dbx_slice payload, dbx_slice field, pair *p) {
    int rc;
    *p = (pair){.at = 0};
    while ((rc = next_pair(payload, p)) == DBX_OK) {
        if (dbx_slice_eq(dbx_cell_slice(&p->field), field)) return DBX_OK;
    }
    return rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* read_value takes the value of an entry apart. */
static int read_value(dbx_slice stored, uint64_t cid, dbx_cell *value) {
    if (stored.len == 0 || stored.ptr[0] != 0) return DBX_ECORRUPT;
    dbx_slice rest = dbx_slice_of(stored.ptr + 1, stored.len - 1);
    return dbx_cell_read(&rest, cid, value) ? DBX_OK : DBX_ECORRUPT;
}

static int get(dbx_txn *txn, const dbx_key *k, dbx_slice payload, dbx_slice field,
               dbx_cell *value) {
    if (k->meta.cid == 0) {
        pair p;
        int rc = find_pair(payload, field, &p);
        *value = p.value;
        return rc;
    }
    dbx_dict_slot slot;
    int rc = dbx_dict_find(txn, dict_of(k), field, &slot);
    if (rc == DBX_OK && !slot.found) return DBX_ENOTFOUND;
    return rc == DBX_OK ? read_value(slot.value, k->meta.cid, value) : rc;
}

int dbx_hash_get(dbx_txn *txn, const dbx_key *k, dbx_slice field, dbx_cell *value) {
    return k->exists ? get(txn, k, k->payload, field, value) : DBX_ENOTFOUND;
}

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_hash_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k) {
    return dbx_edit_open(edit, txn, encodings, k, DBX_HASH, DBX_ENCODING_LISTPACK);
}

int dbx_hash_edit_get(dbx_edit *edit, dbx_slice field, dbx_cell *value) {
    return get(edit->txn, edit->k, dbx_buf_slice(&edit->payload), field, value);
}

/* put_entry writes a field of a large hash. */
static int put_entry(dbx_edit *edit, dbx_dict_slot *slot, dbx_slice value) {
    static const uint8_t tag = 0;
    uint64_t cid = edit->k->meta.cid;
    if (slot->found) {
        dbx_cell old;
        int rc = read_value(slot->value, cid, &old);
        if (rc == DBX_OK) rc = dbx_cell_drop(edit->txn, &old);
        if (rc != DBX_OK) return rc;
    }
    if (value.len <= DBX_CELL_INLINE_MAX) {
        uint8_t head[1 + DBX_VARINT_MAX] = {tag};
        size_t n = 1 + dbx_format_varint(head + 1, (uint64_t)value.len << 1);
        return dbx_dict_put(edit->txn, slot, dbx_slice_of(head, n), value);
    }
    dbx_buf cell = {0};
    dbx_buf_byte(&cell, tag);
    int rc = dbx_cell_add(edit->txn, cid, value, &cell);
    if (rc == DBX_OK) {
        rc = dbx_dict_put(edit->txn, slot, dbx_buf_slice(&cell), (dbx_slice){NULL, 0});
    }
    dbx_buf_free(&cell);
    return rc;
}

/* spread moves the fields of an inline hash into entries. */
static int spread(dbx_edit *edit) {
    dbx_buf packed = {0};
    pair p = {.at = 0};
    int rc;
    dbx_edit_spread(edit, &packed);
    while ((rc = next_pair(dbx_buf_slice(&packed), &p)) == DBX_OK) {
        dbx_dict_slot slot;
        rc = dbx_dict_find(edit->txn, dict_of(edit->k), dbx_cell_slice(&p.field), &slot);
        if (rc == DBX_OK) rc = put_entry(edit, &slot, dbx_cell_slice(&p.value));
        if (rc != DBX_OK) break;
    }
    dbx_buf_free(&packed);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int set_entry(dbx_edit *edit, dbx_slice field, dbx_slice value, bool *added) {
    dbx_dict_slot slot;
    int rc = dbx_dict_find(edit->txn, dict_of(edit->k), field, &slot);
    if (rc == DBX_OK) rc = put_entry(edit, &slot, value);
    *added = !slot.found;
    return rc;
}

static int set_pair(dbx_edit *edit, dbx_slice field, dbx_slice value, bool *added) {
    dbx_buf *payload = &edit->payload;
    pair p;
    int rc = find_pair(dbx_buf_slice(payload), field, &p);
    *added = rc == DBX_ENOTFOUND;
    if (*added) {
        dbx_cell_add_short(field, payload);
        dbx_cell_add_short(value, payload);
    } else if (rc == DBX_OK) {
        dbx_buf pair_now = {0};
        dbx_cell_add_short(field, &pair_now);
        dbx_cell_add_short(value, &pair_now);
        dbx_buf_splice(payload, p.at, p.end - p.at, pair_now.ptr, pair_now.len);
        payload->failed = payload->failed || pair_now.failed;
        dbx_buf_free(&pair_now);
    } else {
        return rc;
    }
    return payload->failed ? DBX_ENOMEM : DBX_OK;
}

/* note_encoding keeps what OBJECT ENCODING says: a hash that has outgrown a listpack stays so. */
static void note_encoding(dbx_edit *edit, dbx_slice field, dbx_slice value) {
    const dbx_encodings *e = edit->encodings;
    dbx_meta *meta = &edit->k->meta;
    if (meta->count > (uint64_t)e->hash_entries || field.len > (uint64_t)e->hash_value ||
        value.len > (uint64_t)e->hash_value) {
        meta->encoding = DBX_ENCODING_HASHTABLE;
    }
}

int dbx_hash_set(dbx_edit *edit, dbx_slice field, dbx_slice value, bool *added) {
    int rc = DBX_OK;
    size_t more = dbx_cell_size(field.len) + dbx_cell_size(value.len);
    if (!dbx_edit_is_spread(edit) && more > (size_t)edit->encodings->inline_bytes) {
        rc = spread(edit);
    }
    if (rc == DBX_OK) {
        rc = dbx_edit_is_spread(edit) ? set_entry(edit, field, value, added)
                                      : set_pair(edit, field, value, added);
    }
    if (rc != DBX_OK) return rc;
    if (*added) edit->k->meta.count++;
    edit->changed = true;
    note_encoding(edit, field, value);
    return dbx_edit_outgrown(edit) ? spread(edit) : DBX_OK;
}

static int del_entry(dbx_edit *edit, dbx_slice field, bool *removed) {
    dbx_dict_slot slot;
    dbx_cell value;
    int rc = dbx_dict_find(edit->txn, dict_of(edit->k), field, &slot);
    *removed = rc == DBX_OK && slot.found;
    if (!*removed) return rc;
    rc = read_value(slot.value, edit->k->meta.cid, &value);
    if (rc == DBX_OK) rc = dbx_cell_drop(edit->txn, &value);
    return rc == DBX_OK ? dbx_dict_del(edit->txn, &slot) : rc;
}

int dbx_hash_del(dbx_edit *edit, dbx_slice field, bool *removed) {
    int rc;
    if (dbx_edit_is_spread(edit)) {
        rc = del_entry(edit, field, removed);
    } else {
        pair p;
        rc = find_pair(dbx_buf_slice(&edit->payload), field, &p);
        *removed = rc == DBX_OK;
        if (*removed) dbx_buf_splice(&edit->payload, p.at, p.end - p.at, NULL, 0);
        if (rc == DBX_ENOTFOUND) rc = DBX_OK;
    }
    if (rc != DBX_OK || !*removed) return rc;
    edit->k->meta.count--;
    edit->changed = true;
    return DBX_OK;
}

/* --- Walking --------------------------------------------------------------------------------- */

int dbx_hash_walk_open(dbx_hash_walk *walk, dbx_view *view, const dbx_key *k, uint64_t from_hash) {
    *walk = (dbx_hash_walk){.spread = k->exists && k->meta.cid != 0};
    if (walk->spread) return dbx_dict_walk_open(&walk->dict, view, dict_of(k), from_hash);
    if (k->exists) walk->packed = k->payload;
    return DBX_OK;
}

int dbx_hash_walk_next(dbx_hash_walk *walk, dbx_hash_item *item) {
    if (walk->spread) {
        dbx_dict_item found;
        int rc = dbx_dict_walk_next(&walk->dict, &found);
        if (rc != DBX_OK) return rc;
        item->hash = found.hash;
        item->field = found.member;
        return read_value(found.value, walk->dict.dict.cid, &item->value);
    }
    pair p = {.at = 0};
    int rc = next_pair(walk->packed, &p);
    if (rc != DBX_OK) return rc;
    *item = (dbx_hash_item){.field = p.field, .value = p.value};
    walk->packed = dbx_slice_of(walk->packed.ptr + p.end, walk->packed.len - p.end);
    return DBX_OK;
}

int dbx_hash_walk_move(dbx_hash_walk *walk, dbx_view *view) {
    return walk->spread ? dbx_dict_walk_move(&walk->dict, view) : DBX_ELIMIT;
}

void dbx_hash_walk_close(dbx_hash_walk *walk) {
    if (walk->spread) dbx_dict_walk_close(&walk->dict);
}

int dbx_hash_random(dbx_txn *txn, const dbx_key *k, dbx_hash_item *item) {
    if (k->meta.cid == 0) {
        uint64_t n = dbx_rand_below(dbx_txn_rand(txn), k->meta.count);
        pair p = {.at = 0};
        int rc;
        do {
            rc = next_pair(k->payload, &p);
        } while (rc == DBX_OK && n-- > 0);
        *item = (dbx_hash_item){.field = p.field, .value = p.value};
        return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    }
    dbx_dict_item found;
    int rc = dbx_dict_random(txn, dict_of(k), k->meta.count, &found);
    if (rc != DBX_OK) return rc;
    item->hash = found.hash;
    item->field = found.member;
    return read_value(found.value, k->meta.cid, &item->value);
}
