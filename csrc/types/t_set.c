/* t_set.c: see t_set.h. */
#include "types/t_set.h"

#include "base/err.h"
#include "base/num.h"

/* --- Inline ---------------------------------------------------------------------------------- */

typedef struct spot {
    size_t at, end; /* in the payload: of the member, or twice where it belongs */
    bool found;
} spot;

bool dbx_set_is_number(dbx_slice text) {
    int64_t number;
    return text.len <= DBX_NUM_TEXT_MAX && dbx_num_from_slice(text, &number);
}

/* number_before compares numbers as they are written: no leading zeros, no "-0". */
static bool number_before(dbx_slice a, dbx_slice b) {
    bool below_a = a.ptr[0] == '-', below_b = b.ptr[0] == '-';
    if (below_a != below_b) return below_a;
    int cmp = a.len != b.len ? (a.len < b.len ? -1 : 1) : memcmp(a.ptr, b.ptr, a.len);
    return below_a ? cmp > 0 : cmp < 0;
}

static int next_cell(dbx_slice payload, size_t *at, dbx_cell *cell) {
    dbx_slice rest = dbx_slice_from(payload, *at);
    if (rest.len == 0) return DBX_ENOTFOUND;
    if (!dbx_cell_read(&rest, 0, cell)) return DBX_ECORRUPT;
    *at = payload.len - rest.len;
    return DBX_OK;
}

/* find looks for a member; `sorted`: payload and member are numbers. */
static int find(dbx_slice payload, dbx_slice member, bool sorted, spot *s) {
    dbx_cell cell;
    *s = (spot){.at = 0};
    for (;;) {
        int rc = next_cell(payload, &s->end, &cell);
        if (rc == DBX_ENOTFOUND) return DBX_OK;
        if (rc != DBX_OK) return rc;
        dbx_slice bytes = dbx_cell_slice(&cell);
        if (dbx_slice_eq(bytes, member)) {
            s->found = true;
            return DBX_OK;
        }
        if (sorted && number_before(member, bytes)) {
            s->end = s->at;
            return DBX_OK;
        }
        s->at = s->end;
    }
}

int dbx_set_packed_has(dbx_slice packed, dbx_slice member, bool *has) {
    spot s;
    int rc = find(packed, member, false, &s);
    *has = s.found;
    return rc;
}

static int packed_at(dbx_slice packed, uint64_t n, dbx_cell *member) {
    size_t at = 0;
    int rc;
    do {
        rc = next_cell(packed, &at, member);
    } while (rc == DBX_OK && n-- > 0);
    return rc;
}

int dbx_set_has(dbx_txn *txn, const dbx_key *k, dbx_slice member, bool *has) {
    *has = false;
    if (!k->exists) return DBX_OK;
    if (k->meta.cid == 0) return dbx_set_packed_has(k->payload, member, has);
    return dbx_dict_has(dbx_txn_view(txn), dbx_txn_seed(txn), dbx_set_dict(k->meta.cid), member,
                        has);
}

/* --- Encodings ------------------------------------------------------------------------------- */

static bool fits_listpack(const dbx_encodings *e, uint64_t count, size_t len) {
    return count < (uint64_t)e->set_entries && len <= (uint64_t)e->set_value;
}

uint8_t dbx_set_encoding_with(const dbx_encodings *e, uint8_t encoding, uint64_t count,
                              size_t widest, dbx_slice member) {
    if (encoding == DBX_ENCODING_INTSET) {
        if (dbx_set_is_number(member)) {
            return count < (uint64_t)e->set_ints ? DBX_ENCODING_INTSET : DBX_ENCODING_HASHTABLE;
        }
        if (widest > (uint64_t)e->set_value) return DBX_ENCODING_HASHTABLE;
        encoding = DBX_ENCODING_LISTPACK;
    }
    if (encoding == DBX_ENCODING_LISTPACK && !fits_listpack(e, count, member.len)) {
        return DBX_ENCODING_HASHTABLE;
    }
    return encoding;
}

/* widest_number is the length of the longest member of an intset, or of a longer number: it only
 * matters where set-max-listpack-value is shorter than numbers can be. */
static int widest_number(const dbx_edit *edit, size_t *widest) {
    dbx_set_walk walk;
    dbx_dict_item item;
    dbx_key k = *edit->k;
    *widest = 0;
    if (edit->encodings->set_value >= DBX_NUM_TEXT_MAX) return DBX_OK;
    k.exists = true;
    k.payload = dbx_buf_slice(&edit->payload);
    int rc = dbx_set_walk_open(&walk, dbx_txn_view(edit->txn), &k, 0);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_set_walk_next(&walk, &item)) == DBX_OK) {
        if (item.member.len > *widest) *widest = (size_t)item.member.len;
    }
    dbx_set_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

void dbx_set_expect(dbx_edit *edit, dbx_slice first, uint64_t count) {
    const dbx_encodings *e = edit->encodings;
    dbx_meta *meta = &edit->k->meta;
    uint8_t before = meta->encoding;
    bool few_ints = count <= (uint64_t)e->set_ints, few = count <= (uint64_t)e->set_entries;
    if (meta->count == 0) {
        meta->encoding = few ? DBX_ENCODING_LISTPACK : DBX_ENCODING_HASHTABLE;
        if (few_ints && dbx_set_is_number(first)) meta->encoding = DBX_ENCODING_INTSET;
        return;
    }
    if ((before == DBX_ENCODING_LISTPACK && !few) || (before == DBX_ENCODING_INTSET && !few_ints)) {
        meta->encoding = DBX_ENCODING_HASHTABLE;
        edit->changed = true;
    }
}

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_set_edit(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k) {
    return dbx_edit_open(edit, txn, encodings, k, DBX_SETTYPE, DBX_ENCODING_INTSET);
}

void dbx_set_replace(dbx_edit *edit, dbx_txn *txn, const dbx_encodings *encodings, dbx_key *k) {
    dbx_key_reset(k, DBX_SETTYPE, DBX_ENCODING_INTSET);
    *edit = (dbx_edit){.txn = txn, .encodings = encodings, .k = k, .changed = true};
}

static int add_entry(dbx_edit *edit, dbx_slice member, bool *added) {
    static const dbx_slice nothing = {NULL, 0};
    dbx_dict_slot slot;
    int rc = dbx_dict_find(edit->txn, dbx_set_dict(edit->k->meta.cid), member, &slot);
    *added = rc == DBX_OK && !slot.found;
    return *added ? dbx_dict_put(edit->txn, &slot, nothing, nothing) : rc;
}

/* spread moves the members of an inline set into entries. */
static int spread(dbx_edit *edit) {
    dbx_buf packed = {0};
    dbx_cell cell;
    size_t at = 0;
    int rc;
    dbx_edit_spread(edit, &packed);
    while ((rc = next_cell(dbx_buf_slice(&packed), &at, &cell)) == DBX_OK) {
        bool added;
        rc = add_entry(edit, dbx_cell_slice(&cell), &added);
        if (rc != DBX_OK) break;
    }
    dbx_buf_free(&packed);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int add_cell(dbx_edit *edit, dbx_slice member, bool *added) {
    dbx_buf *payload = &edit->payload;
    uint8_t head[DBX_VARINT_MAX];
    spot s;
    bool sorted = edit->k->meta.encoding == DBX_ENCODING_INTSET && dbx_set_is_number(member);
    int rc = find(dbx_buf_slice(payload), member, sorted, &s);
    *added = rc == DBX_OK && !s.found;
    if (!*added) return rc;
    size_t n = dbx_format_varint(head, (uint64_t)member.len << 1);
    dbx_buf_splice(payload, s.at, 0, head, n);
    dbx_buf_splice(payload, s.at + n, 0, member.ptr, member.len);
    return payload->failed ? DBX_ENOMEM : DBX_OK;
}

int dbx_set_add(dbx_edit *edit, dbx_slice member, bool *added) {
    dbx_meta *meta = &edit->k->meta;
    int rc = DBX_OK;
    if (!dbx_edit_is_spread(edit) &&
        dbx_cell_size(member.len) > (size_t)edit->encodings->inline_bytes) {
        rc = spread(edit);
        edit->changed = true;
    }
    if (rc == DBX_OK) {
        rc = dbx_edit_is_spread(edit) ? add_entry(edit, member, added)
                                      : add_cell(edit, member, added);
    }
    if (rc != DBX_OK || !*added) return rc;
    size_t widest = 0;
    bool was_numbers = meta->encoding == DBX_ENCODING_INTSET && !dbx_set_is_number(member);
    if (was_numbers) rc = widest_number(edit, &widest);
    /* The new one is among them: it fits if it is no longer than the bound as well. */
    meta->encoding =
        dbx_set_encoding_with(edit->encodings, meta->encoding, meta->count, widest, member);
    meta->count++;
    edit->changed = true;
    return rc == DBX_OK && dbx_edit_outgrown(edit) ? spread(edit) : rc;
}

int dbx_set_make_intset(dbx_edit *edit) {
    dbx_buf packed = edit->payload;
    dbx_cell cell;
    size_t at = 0;
    int rc = DBX_OK;
    edit->k->meta.encoding = DBX_ENCODING_INTSET;
    if (dbx_edit_is_spread(edit)) return DBX_OK;
    edit->payload = (dbx_buf){0};
    while (rc == DBX_OK && (rc = next_cell(dbx_buf_slice(&packed), &at, &cell)) == DBX_OK) {
        bool added;
        rc = add_cell(edit, dbx_cell_slice(&cell), &added);
    }
    dbx_buf_free(&packed);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int del_entry(dbx_edit *edit, dbx_slice member, bool *removed) {
    dbx_dict_slot slot;
    int rc = dbx_dict_find(edit->txn, dbx_set_dict(edit->k->meta.cid), member, &slot);
    *removed = rc == DBX_OK && slot.found;
    return *removed ? dbx_dict_del(edit->txn, &slot) : rc;
}

int dbx_set_del(dbx_edit *edit, dbx_slice member, bool *removed) {
    int rc;
    if (dbx_edit_is_spread(edit)) {
        rc = del_entry(edit, member, removed);
    } else {
        spot s;
        rc = find(dbx_buf_slice(&edit->payload), member, false, &s);
        *removed = rc == DBX_OK && s.found;
        if (*removed) dbx_buf_splice(&edit->payload, s.at, s.end - s.at, NULL, 0);
    }
    if (rc != DBX_OK || !*removed) return rc;
    edit->k->meta.count--;
    edit->changed = true;
    return DBX_OK;
}

int dbx_set_del_item(dbx_edit *edit, const dbx_dict_item *item) {
    bool removed = false;
    if (!dbx_edit_is_spread(edit)) {
        int rc = dbx_set_del(edit, dbx_cell_slice(&item->member), &removed);
        return rc == DBX_OK && !removed ? DBX_ECORRUPT : rc;
    }
    int rc = dbx_dict_del_item(edit->txn, dbx_set_dict(edit->k->meta.cid), item);
    if (rc != DBX_OK) return rc;
    edit->k->meta.count--;
    edit->changed = true;
    return DBX_OK;
}

/* --- Walking --------------------------------------------------------------------------------- */

int dbx_set_walk_open(dbx_set_walk *walk, dbx_view *view, const dbx_key *k, uint64_t from_hash) {
    walk->packed = (dbx_slice){NULL, 0};
    walk->spread = k->exists && k->meta.cid != 0;
    if (walk->spread) {
        return dbx_dict_walk_open(&walk->dict, view, dbx_set_dict(k->meta.cid), from_hash);
    }
    if (k->exists) walk->packed = k->payload;
    return DBX_OK;
}

int dbx_set_walk_next(dbx_set_walk *walk, dbx_dict_item *item) {
    if (walk->spread) return dbx_dict_walk_next(&walk->dict, item);
    size_t at = 0;
    *item = (dbx_dict_item){.hash = 0};
    int rc = next_cell(walk->packed, &at, &item->member);
    if (rc == DBX_OK) walk->packed = dbx_slice_of(walk->packed.ptr + at, walk->packed.len - at);
    return rc;
}

int dbx_set_walk_move(dbx_set_walk *walk, dbx_view *view) {
    return walk->spread ? dbx_dict_walk_move(&walk->dict, view) : DBX_ELIMIT;
}

void dbx_set_walk_close(dbx_set_walk *walk) {
    if (walk->spread) dbx_dict_walk_close(&walk->dict);
}

int dbx_set_random(dbx_txn *txn, const dbx_key *k, dbx_dict_item *item) {
    if (k->meta.cid != 0) {
        return dbx_dict_random(txn, dbx_set_dict(k->meta.cid), k->meta.count, item);
    }
    *item = (dbx_dict_item){.hash = 0};
    uint64_t n = dbx_rand_below(dbx_txn_rand(txn), k->meta.count);
    int rc = packed_at(k->payload, n, &item->member);
    return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
}

/* --- Some members, kept over writes ---------------------------------------------------------- */

/* keep copies bytes into the batch and leaves their offset. */
static const uint8_t *keep(dbx_set_batch *batch, const uint8_t *ptr, size_t len) {
    size_t at = batch->bytes.len;
    dbx_buf_add(&batch->bytes, ptr, len);
    return (const uint8_t *)(uintptr_t)at;
}

int dbx_set_batch_add(dbx_set_batch *batch, const dbx_dict_item *item) {
    dbx_dict_item *kept = &batch->items[batch->count++];
    *kept = *item;
    kept->value = (dbx_slice){NULL, 0};
    kept->place.ptr = keep(batch, item->place.ptr, item->place.len);
    if (!dbx_cell_is_long(&item->member))
        kept->member.ptr = keep(batch, item->member.ptr, (size_t)item->member.len) + 1;
    return batch->bytes.failed ? DBX_ENOMEM : DBX_OK;
}

dbx_dict_item dbx_set_batch_at(const dbx_set_batch *batch, size_t i) {
    dbx_dict_item item = batch->items[i];
    item.place.ptr = batch->bytes.ptr + (uintptr_t)item.place.ptr;
    /* One more than the offset: a long member's is NULL. */
    if (!dbx_cell_is_long(&item.member))
        item.member = dbx_cell_of(dbx_slice_of(batch->bytes.ptr + ((uintptr_t)item.member.ptr - 1),
                                               (size_t)item.member.len));
    return item;
}

void dbx_set_batch_clear(dbx_set_batch *batch) {
    batch->count = 0;
    batch->bytes.len = 0;
}

void dbx_set_batch_free(dbx_set_batch *batch) {
    dbx_set_batch_clear(batch);
    dbx_buf_free(&batch->bytes);
}
