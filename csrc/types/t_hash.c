/* t_hash.c: see t_hash.h. */
#include "types/t_hash.h"

#include "base/bytes.h"
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
    dbx_slice rest = dbx_slice_from(payload, p->end);
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

/* --- The entry of a field -------------------------------------------------------------------- */

enum { NEVER = 0, ON_DATE = 1, AFTER_LIFE = 2 }; /* the clocks, in entries and in the index */

typedef struct entry {
    dbx_expiry expiry;
    dbx_cell value;
} entry;

static uint8_t clock_of(dbx_expiry expiry) {
    return expiry.relative ? AFTER_LIFE : ON_DATE;
}

static bool read_entry(dbx_slice stored, uint64_t cid, entry *e) {
    uint64_t ms;
    e->expiry = dbx_expiry_never();
    if (stored.len == 0 || stored.ptr[0] > AFTER_LIFE) return false;
    dbx_slice rest = dbx_slice_of(stored.ptr + 1, stored.len - 1);
    if (stored.ptr[0] != NEVER) {
        if (!dbx_format_read_varint(&rest, &ms)) return false;
        e->expiry = (dbx_expiry){(int64_t)ms, stored.ptr[0] == AFTER_LIFE};
    }
    return dbx_cell_read(&rest, cid, &e->value);
}

static size_t put_expiry(uint8_t out[1 + DBX_VARINT_MAX], dbx_expiry expiry) {
    out[0] = dbx_expiry_set(expiry) ? clock_of(expiry) : NEVER;
    return 1 + (out[0] == NEVER ? 0 : dbx_format_varint(out + 1, (uint64_t)expiry.ms));
}

/* --- The index of fields that expire ---------------------------------------------------------- */

enum { INDEX_HEAD_MAX = 1 + DBX_NUMBER_BYTES_MAX + 1 + 8 };

/* put_index_head writes [table][cid][clock], behind which the entries lie in the order of time. */
static size_t put_index_head(uint8_t *out, uint64_t cid, uint8_t clock) {
    size_t n = dbx_format_collection(out, DBX_TABLE_FIELD_TTL, cid);
    out[n] = clock;
    return n + 1;
}

static dbx_slice index_key(uint8_t out[DBX_ENCODED_KEY_MAX], const dbx_dict_slot *slot,
                           dbx_expiry expiry) {
    dbx_slice suffix = dbx_dict_suffix(slot);
    size_t n = put_index_head(out, slot->dict.cid, clock_of(expiry));
    dbx_store64_be(out + n, (uint64_t)expiry.ms);
    memcpy(out + n + 8, suffix.ptr, suffix.len);
    return dbx_slice_of(out, n + 8 + suffix.len);
}

/* find_due sets the record's due_ms of a clock to its first entry's time. */
static int find_due(dbx_edit *edit, bool relative) {
    uint8_t head[INDEX_HEAD_MAX];
    dbx_meta *meta = &edit->k->meta;
    size_t n = put_index_head(head, meta->cid, relative ? AFTER_LIFE : ON_DATE);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(edit->txn), dbx_slice_of(head, n));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    if (rc == DBX_OK && dbx_cursor_key(cursor).len < n + 8) rc = DBX_ECORRUPT;
    meta->due_ms[relative] =
        rc == DBX_OK ? (int64_t)dbx_load64_be(dbx_cursor_key(cursor).ptr + n) : 0;
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* index_field moves a field's place in the index from one time to another. */
static int index_field(dbx_edit *edit, const dbx_dict_slot *slot, dbx_expiry from, dbx_expiry to) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    int64_t *due_ms = edit->k->meta.due_ms;
    int rc = DBX_OK;
    if (dbx_expiry_same(from, to)) return DBX_OK;
    if (dbx_expiry_set(to)) {
        rc = dbx_txn_put(edit->txn, index_key(key, slot, to), (dbx_slice){NULL, 0},
                         (dbx_slice){NULL, 0});
        int64_t *due = &due_ms[to.relative];
        if (*due == 0 || to.ms < *due) *due = to.ms;
    }
    if (rc == DBX_OK && dbx_expiry_set(from)) {
        rc = dbx_txn_del(edit->txn, index_key(key, slot, from));
        if (rc == DBX_OK && due_ms[from.relative] == from.ms) rc = find_due(edit, from.relative);
    }
    return rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

static bool is_over(const dbx_txn *txn, dbx_expiry expiry) {
    return !dbx_txn_replaying(txn) && dbx_expiry_over(expiry, dbx_txn_times(txn));
}

/* any_over says whether fields may be there whose time has come. */
static bool any_over(const dbx_txn *txn, const dbx_key *k) {
    for (int i = 0; i < 2; i++) {
        dbx_expiry due = {k->meta.due_ms[i], i == 1};
        if (due.ms != 0 && is_over(txn, due)) return true;
    }
    return false;
}

static int get_inline(dbx_slice payload, dbx_slice field, entry *e) {
    pair p;
    int rc = find_pair(payload, field, &p);
    *e = (entry){.expiry = dbx_expiry_never(), .value = p.value};
    return rc;
}

/* find_entry looks a field of a large hash up; DBX_ENOTFOUND also with *slot ready for a put. */
static int find_entry(dbx_txn *txn, const dbx_key *k, dbx_slice field, dbx_dict_slot *slot,
                      entry *e) {
    int rc = dbx_dict_find(txn, dict_of(k), field, slot);
    if (rc != DBX_OK) return rc;
    if (!slot->found) return DBX_ENOTFOUND;
    return read_entry(slot->value, k->meta.cid, e) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_hash_get(dbx_txn *txn, const dbx_key *k, dbx_slice field, dbx_cell *value,
                 dbx_expiry *expiry) {
    dbx_dict_slot slot;
    entry e;
    if (!k->exists) return DBX_ENOTFOUND;
    int rc =
        k->meta.cid == 0 ? get_inline(k->payload, field, &e) : find_entry(txn, k, field, &slot, &e);
    if (rc != DBX_OK) return rc;
    if (is_over(txn, e.expiry)) return DBX_ENOTFOUND;
    *value = e.value;
    if (expiry != NULL) *expiry = e.expiry;
    return DBX_OK;
}

/* count_over counts index entries of a clock that are due. */
static int count_over(dbx_txn *txn, uint64_t cid, bool relative, uint64_t *count) {
    uint8_t head[INDEX_HEAD_MAX];
    size_t n = put_index_head(head, cid, relative ? AFTER_LIFE : ON_DATE);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(head, n));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK) {
        dbx_slice key = dbx_cursor_key(cursor);
        if (key.len < n + 8) rc = DBX_ECORRUPT;
        if (rc != DBX_OK) break;
        dbx_expiry expiry = {(int64_t)dbx_load64_be(key.ptr + n), relative};
        if (!is_over(txn, expiry)) break;
        ++*count;
        rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_hash_len(dbx_txn *txn, const dbx_key *k, uint64_t *len) {
    uint64_t over = 0;
    int rc = DBX_OK;
    *len = k->exists ? k->meta.count : 0;
    if (!k->exists || !any_over(txn, k)) return DBX_OK;
    for (int relative = 0; rc == DBX_OK && relative < 2; relative++)
        rc = count_over(txn, k->meta.cid, relative == 1, &over);
    *len -= over < *len ? over : *len;
    return rc;
}

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_hash_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k) {
    return dbx_edit_open(edit, txn, encodings, k, DBX_HASH, DBX_ENCODING_LISTPACK);
}

/* put_entry writes a field of a large hash, whose old entry, if there is one, is *old. */
static int put_entry(dbx_edit *edit, dbx_dict_slot *slot, const entry *old, dbx_slice value,
                     dbx_expiry expiry) {
    uint64_t cid = edit->k->meta.cid;
    uint8_t head[1 + 2 * DBX_VARINT_MAX];
    size_t n = put_expiry(head, expiry);
    int rc = slot->found ? dbx_cell_drop(edit->txn, &old->value) : DBX_OK;
    if (rc == DBX_OK) {
        rc = index_field(edit, slot, slot->found ? old->expiry : dbx_expiry_never(), expiry);
    }
    if (rc != DBX_OK) return rc;
    if (value.len <= DBX_CELL_INLINE_MAX) {
        n += dbx_format_varint(head + n, (uint64_t)value.len << 1);
        return dbx_dict_put(edit->txn, slot, dbx_slice_of(head, n), value);
    }
    dbx_buf cell = {0};
    dbx_buf_add(&cell, head, n);
    rc = dbx_cell_add(edit->txn, cid, value, &cell);
    if (rc == DBX_OK) {
        rc = dbx_dict_put(edit->txn, slot, dbx_buf_slice(&cell), (dbx_slice){NULL, 0});
    }
    dbx_buf_free(&cell);
    return rc;
}

/* drop_entry removes a field of a large hash. */
static int drop_entry(dbx_edit *edit, dbx_dict_slot *slot, const entry *e) {
    int rc = dbx_cell_drop(edit->txn, &e->value);
    if (rc == DBX_OK) rc = index_field(edit, slot, e->expiry, dbx_expiry_never());
    if (rc == DBX_OK) rc = dbx_dict_del(edit->txn, slot);
    if (rc != DBX_OK) return rc;
    edit->k->meta.count--;
    edit->changed = true;
    return DBX_OK;
}

static int journal_removal(dbx_edit *edit, dbx_slice field) {
    dbx_slice argv[] = {dbx_slice_str("HDEL"), edit->k->name, field};
    return dbx_txn_effect(edit->txn, edit->k->db, 3, argv);
}

/* meet is find_entry for writers: a field whose time has come is removed, and that is journalled.
 */
static int meet(dbx_edit *edit, dbx_slice field, dbx_dict_slot *slot, entry *e) {
    int rc = find_entry(edit->txn, edit->k, field, slot, e);
    if (rc != DBX_OK || !is_over(edit->txn, e->expiry)) return rc;
    rc = drop_entry(edit, slot, e);
    if (rc == DBX_OK) rc = journal_removal(edit, field);
    if (rc == DBX_OK) rc = dbx_dict_find(edit->txn, dict_of(edit->k), field, slot);
    return rc == DBX_OK ? DBX_ENOTFOUND : rc;
}

int dbx_hash_edit_get(dbx_edit *edit, dbx_slice field, dbx_cell *value, dbx_expiry *expiry) {
    dbx_dict_slot slot;
    entry e;
    int rc = dbx_edit_is_spread(edit) ? meet(edit, field, &slot, &e)
                                      : get_inline(dbx_buf_slice(&edit->payload), field, &e);
    if (rc != DBX_OK) return rc;
    *value = e.value;
    if (expiry != NULL) *expiry = e.expiry;
    return DBX_OK;
}

/* spread moves the fields of an inline hash into entries. */
static int spread(dbx_edit *edit) {
    dbx_buf packed = {0};
    pair p = {.at = 0};
    int rc;
    dbx_edit_spread(edit, &packed);
    edit->changed = true;
    while ((rc = next_pair(dbx_buf_slice(&packed), &p)) == DBX_OK) {
        dbx_dict_slot slot;
        rc = dbx_dict_find(edit->txn, dict_of(edit->k), dbx_cell_slice(&p.field), &slot);
        if (rc == DBX_OK) {
            rc = put_entry(edit, &slot, NULL, dbx_cell_slice(&p.value), dbx_expiry_never());
        }
        if (rc != DBX_OK) break;
    }
    dbx_buf_free(&packed);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int set_entry(dbx_edit *edit, dbx_slice field, dbx_slice value, bool keep_expiry,
                     bool *added) {
    dbx_dict_slot slot;
    entry e = {.expiry = dbx_expiry_never()};
    int rc = meet(edit, field, &slot, &e);
    *added = rc == DBX_ENOTFOUND;
    if (rc != DBX_OK && !*added) return rc;
    return put_entry(edit, &slot, &e, value,
                     keep_expiry && !*added ? e.expiry : dbx_expiry_never());
}

static int set_pair(dbx_edit *edit, dbx_slice field, dbx_slice value, bool *added) {
    dbx_buf *payload = &edit->payload;
    pair p;
    int rc = find_pair(dbx_buf_slice(payload), field, &p);
    *added = rc == DBX_ENOTFOUND;
    if (*added) {
        dbx_cell_add_short(field, payload);
    } else if (rc == DBX_OK) {
        size_t head = dbx_cell_size(field.len);
        dbx_slice old = dbx_cell_slice(&p.value);
        uint8_t len[DBX_VARINT_MAX];
        /* The value alone is new; the length before it may be. */
        dbx_buf_splice(payload, p.end - old.len, old.len, value.ptr, value.len);
        size_t n = dbx_format_varint(len, (uint64_t)value.len << 1);
        dbx_buf_splice(payload, p.at + head, p.end - old.len - p.at - head, len, n);
        return payload->failed ? DBX_ENOMEM : DBX_OK;
    } else {
        return rc;
    }
    dbx_cell_add_short(value, payload);
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

void dbx_hash_may_hold(dbx_edit *edit, dbx_slice field, dbx_slice value) {
    uint8_t before = edit->k->meta.encoding;
    note_encoding(edit, field, value);
    if (edit->k->meta.encoding != before) edit->changed = true;
}

void dbx_hash_may_hold_many(dbx_edit *edit, size_t pairs) {
    dbx_meta *meta = &edit->k->meta;
    if (pairs <= (uint64_t)edit->encodings->hash_entries) return;
    if (meta->encoding != DBX_ENCODING_HASHTABLE) edit->changed = true;
    meta->encoding = DBX_ENCODING_HASHTABLE;
}

int dbx_hash_set(dbx_edit *edit, dbx_slice field, dbx_slice value, bool keep_expiry, bool *added) {
    int rc = DBX_OK;
    size_t more = dbx_cell_size(field.len) + dbx_cell_size(value.len);
    if (!dbx_edit_is_spread(edit) && more > (size_t)edit->encodings->inline_bytes) {
        rc = spread(edit);
    }
    if (rc == DBX_OK) {
        rc = dbx_edit_is_spread(edit) ? set_entry(edit, field, value, keep_expiry, added)
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
    entry e;
    int rc = meet(edit, field, &slot, &e);
    *removed = rc == DBX_OK;
    if (rc == DBX_ENOTFOUND) return DBX_OK;
    return rc == DBX_OK ? drop_entry(edit, &slot, &e) : rc;
}

int dbx_hash_del(dbx_edit *edit, dbx_slice field, bool *removed) {
    pair p;
    if (dbx_edit_is_spread(edit)) return del_entry(edit, field, removed);
    int rc = find_pair(dbx_buf_slice(&edit->payload), field, &p);
    *removed = rc == DBX_OK;
    if (!*removed) return rc == DBX_ENOTFOUND ? DBX_OK : rc;
    dbx_buf_splice(&edit->payload, p.at, p.end - p.at, NULL, 0);
    edit->k->meta.count--;
    edit->changed = true;
    return DBX_OK;
}

bool dbx_hash_may_expire(dbx_edit *edit) {
    dbx_meta *meta = &edit->k->meta;
    if (meta->encoding != DBX_ENCODING_LISTPACK) return false;
    meta->encoding = DBX_ENCODING_LISTPACKEX;
    edit->changed = true;
    return true;
}

int dbx_hash_expire(dbx_edit *edit, dbx_slice field, dbx_expiry expiry) {
    dbx_dict_slot slot;
    entry e;
    dbx_buf value = {0};
    dbx_slice bytes;
    int rc = DBX_OK;
    if (!dbx_edit_is_spread(edit)) rc = spread(edit);
    if (rc == DBX_OK) rc = find_entry(edit->txn, edit->k, field, &slot, &e);
    if (rc != DBX_OK) return rc;
    uint8_t head[1 + DBX_VARINT_MAX];
    size_t old = put_expiry(head, e.expiry), n = put_expiry(head, expiry);
    /* Copied: the index is written first, and what the value has beside it stays. */
    dbx_buf_add(&value, slot.value.ptr + old, slot.value.len - old);
    bytes = dbx_buf_slice(&value);
    rc = value.failed ? DBX_ENOMEM : index_field(edit, &slot, e.expiry, expiry);
    if (rc == DBX_OK) rc = dbx_dict_put(edit->txn, &slot, dbx_slice_of(head, n), bytes);
    dbx_buf_free(&value);
    edit->changed = true;
    return rc;
}

/* --- What is due ------------------------------------------------------------------------------ */

/* field_of gives the name of a field that the index names by its place in the dict. */
static int field_of(dbx_txn *txn, const dbx_key *k, dbx_slice suffix, dbx_buf *buf,
                    dbx_slice *field) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_slice value;
    dbx_cell whole;
    size_t n = dbx_format_collection(key, DBX_TABLE_HASH, k->meta.cid);
    *field = dbx_slice_of(suffix.ptr + DBX_MEMBER_HASH_BYTES, suffix.len - DBX_MEMBER_HASH_BYTES);
    if (field->len > DBX_MEMBER_INLINE_MAX) {
        memcpy(key + n, suffix.ptr, suffix.len);
        int rc = dbx_txn_get(txn, dbx_slice_of(key, n + suffix.len), &value);
        if (rc != DBX_OK || !dbx_cell_read(&value, k->meta.cid, &whole)) return DBX_ECORRUPT;
        rc = dbx_cell_load(dbx_txn_view(txn), &whole, buf, field);
        if (rc != DBX_OK || dbx_cell_is_long(&whole)) return rc;
    }
    buf->len = 0;
    dbx_buf_add(buf, field->ptr, field->len);
    *field = dbx_buf_slice(buf);
    return buf->failed ? DBX_ENOMEM : DBX_OK;
}

/* expire_clock removes what is due on one clock; *done counts. */
static int expire_clock(dbx_edit *edit, bool relative, uint32_t max, uint32_t *done) {
    uint8_t head[INDEX_HEAD_MAX];
    size_t n = put_index_head(head, edit->k->meta.cid, relative ? AFTER_LIFE : ON_DATE);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(edit->txn), dbx_slice_of(head, n));
    dbx_buf name = {0};
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK && *done < max) {
        dbx_slice key = dbx_cursor_key(cursor), field;
        dbx_dict_slot slot;
        entry e;
        if (key.len < n + 8 + DBX_MEMBER_HASH_BYTES) rc = DBX_ECORRUPT;
        if (rc != DBX_OK) break;
        if (!is_over(edit->txn, (dbx_expiry){(int64_t)dbx_load64_be(key.ptr + n), relative})) break;
        dbx_slice suffix = dbx_slice_of(key.ptr + n + 8, key.len - n - 8);
        rc = field_of(edit->txn, edit->k, suffix, &name, &field);
        if (rc == DBX_OK) rc = find_entry(edit->txn, edit->k, field, &slot, &e);
        if (rc == DBX_OK) rc = drop_entry(edit, &slot, &e);
        if (rc == DBX_OK) rc = journal_removal(edit, field);
        if (rc == DBX_OK) rc = dbx_cursor_next(cursor);
        ++*done;
    }
    dbx_cursor_close(cursor);
    dbx_buf_free(&name);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_hash_expire_due(dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k, uint32_t max) {
    dbx_edit edit;
    uint32_t done = 0;
    int rc = dbx_hash_edit(&edit, txn, encodings, k);
    for (int relative = 0; rc == DBX_OK && relative < 2; relative++)
        rc = expire_clock(&edit, relative == 1, max, &done);
    rc = dbx_edit_close(&edit, rc);
    return rc == DBX_OK ? (int)done : rc;
}

/* --- Walking --------------------------------------------------------------------------------- */

int dbx_hash_walk_open(dbx_hash_walk *walk, dbx_txn *txn, const dbx_key *k, uint64_t from_hash) {
    *walk = (dbx_hash_walk){.spread = k->exists && k->meta.cid != 0, .times = dbx_txn_times(txn)};
    if (walk->spread) {
        return dbx_dict_walk_open(&walk->dict, dbx_txn_view(txn), dict_of(k), from_hash);
    }
    if (k->exists) walk->packed = k->payload;
    return DBX_OK;
}

static int next_entry(dbx_hash_walk *walk, dbx_hash_item *item) {
    dbx_dict_item found;
    entry e;
    do {
        int rc = dbx_dict_walk_next(&walk->dict, &found);
        if (rc != DBX_OK) return rc;
        if (!read_entry(found.value, walk->dict.dict.cid, &e)) return DBX_ECORRUPT;
    } while (dbx_expiry_over(e.expiry, walk->times));
    *item = (dbx_hash_item){
        .hash = found.hash, .field = found.member, .value = e.value, .expiry = e.expiry};
    return DBX_OK;
}

int dbx_hash_walk_next(dbx_hash_walk *walk, dbx_hash_item *item) {
    if (walk->spread) return next_entry(walk, item);
    *item = (dbx_hash_item){.expiry = dbx_expiry_never()};
    return dbx_hash_read_packed(&walk->packed, &item->field, &item->value);
}

int dbx_hash_walk_move(dbx_hash_walk *walk, dbx_view *view) {
    return walk->spread ? dbx_dict_walk_move(&walk->dict, view) : DBX_ELIMIT;
}

void dbx_hash_walk_close(dbx_hash_walk *walk) {
    if (walk->spread) dbx_dict_walk_close(&walk->dict);
}

/* --- For members.c --------------------------------------------------------------------------- */

int dbx_hash_read_entry(dbx_slice stored, uint64_t cid, dbx_cell *value, dbx_expiry *expiry) {
    entry e;
    if (!read_entry(stored, cid, &e)) return DBX_ECORRUPT;
    *value = e.value;
    *expiry = e.expiry;
    return DBX_OK;
}

int dbx_hash_read_packed(dbx_slice *packed, dbx_cell *field, dbx_cell *value) {
    pair p = {.at = 0};
    int rc = next_pair(*packed, &p);
    if (rc != DBX_OK) return rc;
    *field = p.field;
    *value = p.value;
    *packed = dbx_slice_of(packed->ptr + p.end, packed->len - p.end);
    return DBX_OK;
}
