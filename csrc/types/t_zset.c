/* t_zset.c: see t_zset.h. */
#include "types/t_zset.h"

#include <math.h>

#include "base/err.h"

static const dbx_slice NOTHING = {NULL, 0};

static dbx_dict dict_of(uint64_t cid) {
    return (dbx_dict){.table = DBX_TABLE_SCORE, .cid = cid};
}

size_t dbx_zset_place(uint8_t out[DBX_PLACE_MAX], double score, const dbx_member *member) {
    dbx_score_put(out, score);
    return DBX_SCORE_BYTES + dbx_format_put_member(out + DBX_SCORE_BYTES, member);
}

int dbx_zset_levels(dbx_slice payload, unsigned *levels) {
    if (payload.len != 1 || payload.ptr[0] > DBX_RANK_LEVELS_MAX) return DBX_ECORRUPT;
    *levels = payload.ptr[0];
    return DBX_OK;
}

/* --- Inline ---------------------------------------------------------------------------------- */

int dbx_zset_read_packed(dbx_slice *packed, dbx_zset_item *item) {
    if (packed->len == 0) return DBX_ENOTFOUND;
    if (packed->len < DBX_SCORE_BYTES) return DBX_ECORRUPT;
    item->score = dbx_score_load(packed->ptr);
    packed->ptr += DBX_SCORE_BYTES;
    packed->len -= DBX_SCORE_BYTES;
    return dbx_cell_read(packed, 0, &item->member) ? DBX_OK : DBX_ECORRUPT;
}

/* find_packed finds a member's item: where it begins and ends, and how many come before. */
static int find_packed(dbx_slice packed, dbx_slice member, dbx_zset_slot *slot, uint64_t *before) {
    dbx_slice rest = packed;
    dbx_zset_item item;
    int rc;
    slot->found = false;
    for (*before = 0;; ++*before) {
        slot->at = packed.len - rest.len;
        rc = dbx_zset_read_packed(&rest, &item);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_OK : rc;
        if (dbx_slice_eq(dbx_cell_slice(&item.member), member)) break;
    }
    slot->found = true;
    slot->score = item.score;
    slot->end = packed.len - rest.len;
    return DBX_OK;
}

static int compare(double a_score, dbx_slice a, double b_score, dbx_slice b) {
    if (a_score != b_score) return a_score < b_score ? -1 : 1;
    return dbx_slice_cmp(a, b);
}

/* insert_packed puts an item in its place. */
static int insert_packed(dbx_buf *payload, dbx_slice member, double score) {
    dbx_slice rest = dbx_buf_slice(payload);
    dbx_zset_item item;
    size_t at;
    int rc;
    do {
        at = payload->len - rest.len;
        rc = dbx_zset_read_packed(&rest, &item);
    } while (rc == DBX_OK && compare(item.score, dbx_cell_slice(&item.member), score, member) < 0);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    uint8_t head[DBX_SCORE_BYTES + DBX_VARINT_MAX];
    dbx_score_store(head, score);
    size_t n = DBX_SCORE_BYTES;
    n += dbx_format_varint(head + n, (uint64_t)member.len << 1);
    dbx_buf_insert(payload, at, head, n);
    dbx_buf_insert(payload, at + n, member.ptr, member.len);
    return payload->failed ? DBX_ENOMEM : DBX_OK;
}

/* --- Reading --------------------------------------------------------------------------------- */

static int read_score(const dbx_dict_slot *slot, double *score) {
    if (slot->value.len != DBX_SCORE_BYTES) return DBX_ECORRUPT;
    *score = dbx_score_load(slot->value.ptr);
    return DBX_OK;
}

int dbx_zset_score(dbx_txn *txn, const dbx_key *k, dbx_slice member, double *score) {
    if (!k->exists) return DBX_ENOTFOUND;
    if (k->meta.cid == 0) {
        dbx_zset_slot slot;
        uint64_t before;
        int rc = find_packed(k->payload, member, &slot, &before);
        if (rc != DBX_OK || !slot.found) return rc != DBX_OK ? rc : DBX_ENOTFOUND;
        *score = slot.score;
        return DBX_OK;
    }
    dbx_dict_slot slot;
    int rc = dbx_dict_find(txn, dict_of(k->meta.cid), member, &slot);
    if (rc == DBX_OK && !slot.found) return DBX_ENOTFOUND;
    return rc == DBX_OK ? read_score(&slot, score) : rc;
}

static int rank_spread(dbx_txn *txn, const dbx_key *k, dbx_slice member, double *score,
                       uint64_t *before) {
    uint8_t place[DBX_PLACE_MAX];
    dbx_dict_slot slot;
    dbx_rank rank;
    unsigned levels;
    int rc = dbx_dict_find(txn, dict_of(k->meta.cid), member, &slot);
    if (rc == DBX_OK && !slot.found) return DBX_ENOTFOUND;
    if (rc == DBX_OK) rc = read_score(&slot, score);
    if (rc == DBX_OK) rc = dbx_zset_levels(k->payload, &levels);
    if (rc != DBX_OK) return rc;
    dbx_rank_init(&rank, txn, k->meta.cid, levels);
    size_t len = dbx_zset_place(place, *score, &slot.member);
    rc = dbx_rank_of(&rank, dbx_slice_of(place, len), before);
    dbx_rank_close(&rank);
    return rc;
}

int dbx_zset_rank(dbx_txn *txn, const dbx_key *k, dbx_slice member, double *score,
                  uint64_t *before) {
    if (!k->exists) return DBX_ENOTFOUND;
    if (k->meta.cid != 0) return rank_spread(txn, k, member, score, before);
    dbx_zset_slot slot;
    int rc = find_packed(k->payload, member, &slot, before);
    if (rc != DBX_OK || !slot.found) return rc != DBX_OK ? rc : DBX_ENOTFOUND;
    *score = slot.score;
    return DBX_OK;
}

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_zset_edit_open(dbx_zset_edit *edit, dbx_txn *txn, const dbx_encodings *encodings,
                       dbx_key *k) {
    unsigned levels = 0;
    int rc = dbx_edit_open(&edit->base, txn, encodings, k, DBX_ZSET, DBX_ENCODING_LISTPACK);
    bool spread = k->meta.cid != 0;
    if (rc == DBX_OK && spread) rc = dbx_zset_levels(dbx_buf_slice(&edit->base.payload), &levels);
    dbx_rank_init(&edit->rank, txn, k->meta.cid, levels);
    return rc;
}

int dbx_zset_edit_close(dbx_zset_edit *edit, int rc) {
    dbx_buf *payload = &edit->base.payload;
    if (dbx_edit_is_spread(&edit->base) && payload->len == 1) {
        payload->ptr[0] = (uint8_t)edit->rank.levels;
    }
    dbx_rank_close(&edit->rank);
    return dbx_edit_close(&edit->base, rc);
}

int dbx_zset_find(dbx_zset_edit *edit, dbx_slice member, dbx_zset_slot *slot) {
    dbx_edit *base = &edit->base;
    slot->member = member;
    slot->found = false;
    if (!dbx_edit_is_spread(base)) {
        uint64_t before;
        return find_packed(dbx_buf_slice(&base->payload), member, slot, &before);
    }
    int rc = dbx_dict_find(base->txn, dict_of(base->k->meta.cid), member, &slot->dict);
    slot->found = rc == DBX_OK && slot->dict.found;
    return slot->found ? read_score(&slot->dict, &slot->score) : rc;
}

int dbx_zset_know(dbx_zset_edit *edit, dbx_slice member, double score, dbx_zset_slot *slot) {
    dbx_edit *base = &edit->base;
    if (!dbx_edit_is_spread(base)) {
        int rc = dbx_zset_find(edit, member, slot);
        return rc == DBX_OK && !slot->found ? DBX_ECORRUPT : rc;
    }
    slot->member = member;
    slot->score = score;
    int rc = dbx_dict_know(base->txn, dict_of(base->k->meta.cid), member, &slot->dict);
    slot->found = rc == DBX_OK;
    return rc;
}

/* put_place writes or deletes the entry that keeps a member's place in the order. */
static int put_place(dbx_zset_edit *edit, dbx_slice place, double score, bool there) {
    static const uint8_t negative = 1;
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t n = dbx_format_collection(key, DBX_TABLE_ZSET, edit->base.k->meta.cid);
    memcpy(key + n, place.ptr, place.len);
    dbx_slice entry = dbx_slice_of(key, n + place.len);
    if (!there) {
        dbx_probe probe;
        int rc = dbx_txn_probe_known(edit->base.txn, entry, &probe);
        return rc == DBX_OK ? dbx_txn_del_probed(edit->base.txn, entry, &probe) : rc;
    }
    bool sign = score == 0 && signbit(score);
    return dbx_txn_put(edit->base.txn, entry, NOTHING, dbx_slice_of(&negative, sign));
}

/* move_place gives a member another score in Z and in the ranks. */
static int move_place(dbx_zset_edit *edit, const dbx_zset_slot *slot, dbx_slice place, double score,
                      unsigned level) {
    uint8_t bytes[DBX_PLACE_MAX];
    dbx_slice old = dbx_slice_of(bytes, dbx_zset_place(bytes, slot->score, &slot->dict.member));
    int rc = put_place(edit, old, slot->score, false);
    if (rc == DBX_OK && level > 0) rc = dbx_rank_remove(&edit->rank, old, level, DBX_RANK_ANYWHERE);
    if (rc == DBX_OK) rc = put_place(edit, place, score, true);
    if (rc != DBX_OK) return rc;
    return level > 0 ? dbx_rank_insert(&edit->rank, place, level)
                     : dbx_rank_move(&edit->rank, old, place);
}

static int put_spread(dbx_zset_edit *edit, dbx_zset_slot *slot, double score) {
    uint8_t bytes[DBX_PLACE_MAX], value[DBX_SCORE_BYTES];
    unsigned level = dbx_rank_level(dbx_format_member_hash(&slot->dict.member));
    dbx_slice place = dbx_slice_of(bytes, dbx_zset_place(bytes, score, &slot->dict.member));
    dbx_score_store(value, score);
    int rc = dbx_dict_put(edit->base.txn, &slot->dict, dbx_slice_of(value, sizeof value), NOTHING);
    if (rc != DBX_OK) return rc;
    if (slot->found) return move_place(edit, slot, place, score, level);
    rc = put_place(edit, place, score, true);
    return rc == DBX_OK ? dbx_rank_insert(&edit->rank, place, level) : rc;
}

/* spread moves the members of an inline set into entries. */
static int spread(dbx_zset_edit *edit) {
    dbx_buf packed = {0};
    dbx_zset_item item;
    int rc;
    dbx_edit_spread(&edit->base, &packed);
    dbx_buf_byte(&edit->base.payload, 0); /* the levels, written at the end */
    dbx_rank_init(&edit->rank, edit->base.txn, edit->base.k->meta.cid, 0);
    dbx_slice rest = dbx_buf_slice(&packed);
    while ((rc = dbx_zset_read_packed(&rest, &item)) == DBX_OK) {
        dbx_zset_slot slot;
        rc = dbx_zset_find(edit, dbx_cell_slice(&item.member), &slot);
        if (rc == DBX_OK) rc = put_spread(edit, &slot, item.score);
        if (rc != DBX_OK) break;
    }
    dbx_buf_free(&packed);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int put_packed(dbx_zset_edit *edit, dbx_zset_slot *slot, double score) {
    dbx_buf *payload = &edit->base.payload;
    if (slot->found) dbx_buf_splice(payload, slot->at, slot->end - slot->at, NULL, 0);
    int rc = insert_packed(payload, slot->member, score);
    if (rc != DBX_OK) return rc;
    return dbx_edit_outgrown(&edit->base) ? spread(edit) : DBX_OK;
}

void dbx_zset_note_size(dbx_zset_edit *edit, uint64_t elements, uint64_t len) {
    const dbx_encodings *e = edit->base.encodings;
    if (elements > (uint64_t)e->zset_entries || len > (uint64_t)e->zset_value) {
        edit->base.changed |= edit->base.k->meta.encoding != DBX_ENCODING_SKIPLIST;
        edit->base.k->meta.encoding = DBX_ENCODING_SKIPLIST;
    }
}

int dbx_zset_put(dbx_zset_edit *edit, dbx_zset_slot *slot, double score) {
    dbx_edit *base = &edit->base;
    dbx_meta *meta = &base->k->meta;
    size_t more = DBX_SCORE_BYTES + dbx_cell_size(slot->member.len);
    int rc = DBX_OK;
    if (slot->found && slot->score == score) return DBX_OK;
    if (!slot->found) dbx_zset_note_size(edit, meta->count + 1, slot->member.len);
    /* Redis's listpacks have no negative zero. */
    if (meta->encoding == DBX_ENCODING_LISTPACK) score += 0.0;
    if (!dbx_edit_is_spread(base) && more > (size_t)base->encodings->inline_bytes) {
        rc = spread(edit);
        if (rc == DBX_OK) rc = dbx_zset_find(edit, slot->member, slot);
    }
    if (rc == DBX_OK) {
        rc = dbx_edit_is_spread(base) ? put_spread(edit, slot, score)
                                      : put_packed(edit, slot, score);
    }
    if (rc != DBX_OK) return rc;
    if (!slot->found) meta->count++;
    base->changed = true;
    return DBX_OK;
}

static int del_spread(dbx_zset_edit *edit, dbx_zset_slot *slot, dbx_rank_end end) {
    uint8_t bytes[DBX_PLACE_MAX];
    unsigned level = dbx_rank_level(dbx_format_member_hash(&slot->dict.member));
    dbx_slice place = dbx_slice_of(bytes, dbx_zset_place(bytes, slot->score, &slot->dict.member));
    int rc = dbx_dict_del(edit->base.txn, &slot->dict);
    if (rc == DBX_OK) rc = put_place(edit, place, slot->score, false);
    return rc == DBX_OK ? dbx_rank_remove(&edit->rank, place, level, end) : rc;
}

int dbx_zset_del(dbx_zset_edit *edit, dbx_zset_slot *slot, dbx_rank_end end) {
    dbx_edit *base = &edit->base;
    if (dbx_edit_is_spread(base)) {
        int rc = del_spread(edit, slot, end);
        if (rc != DBX_OK) return rc;
    } else {
        dbx_buf_splice(&base->payload, slot->at, slot->end - slot->at, NULL, 0);
        if (base->payload.failed) return DBX_ENOMEM;
    }
    base->k->meta.count--;
    base->changed = true;
    return DBX_OK;
}
