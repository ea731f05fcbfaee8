/* dict.c: see dict.h. */
#include "types/dict.h"

#include "base/bytes.h"
#include "types/sampler.h"

enum { HASH_BITS = 8 * DBX_MEMBER_HASH_BYTES };

static size_t put_hash(uint8_t *out, uint64_t hash) {
    uint8_t bytes[8];
    dbx_store64_be(bytes, hash << (64 - HASH_BITS));
    memcpy(out, bytes, DBX_MEMBER_HASH_BYTES);
    return DBX_MEMBER_HASH_BYTES;
}

static uint64_t load_hash(const uint8_t *at) {
    uint64_t hash = 0;
    for (int i = 0; i < DBX_MEMBER_HASH_BYTES; i++)
        hash = hash << 8 | at[i];
    return hash;
}

/* --- One member ------------------------------------------------------------------------------ */

static bool is_long(const dbx_dict_slot *slot) {
    return slot->member.bytes.len > DBX_MEMBER_INLINE_MAX;
}

static int probe(dbx_txn *txn, dbx_dict_slot *slot) {
    int rc = dbx_txn_probe(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe);
    slot->found = rc == DBX_OK && slot->probe.found;
    slot->value = slot->probe.value;
    if (!slot->found || !is_long(slot)) return rc;
    bool read = dbx_cell_read(&slot->value, slot->dict.cid, &slot->whole);
    return read && slot->whole.len == slot->member.bytes.len ? DBX_OK : DBX_ECORRUPT;
}

/* know is probe for a member that is there. What a long one has beside its entry is still read. */
static int know(dbx_txn *txn, dbx_dict_slot *slot) {
    int rc;
    if (is_long(slot)) {
        rc = probe(txn, slot);
        return rc == DBX_OK && !slot->found ? DBX_ECORRUPT : rc;
    }
    rc = dbx_txn_probe_known(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe);
    slot->found = rc == DBX_OK;
    return rc;
}

/* name makes the key of a member. */
static void name(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot) {
    slot->dict = dict;
    slot->member = dbx_format_member(bytes, dbx_txn_seed(txn));
    size_t n = dbx_format_collection(slot->key, dict.table, dict.cid);
    slot->hash = dbx_format_member_hash(&slot->member);
    n += put_hash(slot->key + n, slot->hash);
    slot->key_len = n + dbx_format_put_member(slot->key + n, &slot->member);
}

int dbx_dict_find(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot) {
    name(txn, dict, bytes, slot);
    return probe(txn, slot);
}

int dbx_dict_know(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot) {
    name(txn, dict, bytes, slot);
    return know(txn, slot);
}

int dbx_dict_del_item(dbx_txn *txn, dbx_dict dict, const dbx_dict_item *item) {
    dbx_dict_slot slot;
    slot.dict = dict;
    slot.hash = item->hash;
    /* The bytes of a long member are not looked at: its key has its digest. */
    slot.member.bytes = dbx_slice_of(item->member.ptr, (size_t)item->member.len);
    size_t n = dbx_format_collection(slot.key, dict.table, dict.cid);
    if (item->place.len > sizeof slot.key - n) return DBX_ECORRUPT;
    memcpy(slot.key + n, item->place.ptr, item->place.len);
    slot.key_len = n + item->place.len;
    int rc = know(txn, &slot);
    return rc == DBX_OK ? dbx_dict_del(txn, &slot) : rc;
}

size_t dbx_dict_place(const uint8_t *seed, dbx_slice bytes, uint8_t *out) {
    dbx_member member = dbx_format_member(bytes, seed);
    size_t n = put_hash(out, dbx_format_member_hash(&member));
    return n + dbx_format_put_member(out + n, &member);
}

int dbx_dict_has(dbx_view *view, const uint8_t *seed, dbx_dict dict, dbx_slice bytes, bool *has) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t n = dbx_format_collection(key, dict.table, dict.cid);
    n += dbx_dict_place(seed, bytes, key + n);
    dbx_slice value;
    int rc = dbx_view_get(view, dbx_slice_of(key, n), &value);
    *has = rc == DBX_OK;
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

dbx_slice dbx_dict_suffix(const dbx_dict_slot *slot) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t n = dbx_format_collection(prefix, slot->dict.table, slot->dict.cid);
    return dbx_slice_of(slot->key + n, slot->key_len - n);
}

/* put_long is dbx_dict_put for a member that the value has to keep whole. */
static int put_long(dbx_txn *txn, dbx_dict_slot *slot, dbx_slice head, dbx_slice tail) {
    dbx_buf value = {0};
    int rc = DBX_OK;
    if (slot->found && dbx_cell_is_long(&slot->whole)) {
        /* Its chunks stay: only the value behind them is new. */
        dbx_slice stored = slot->probe.value;
        dbx_buf_add(&value, stored.ptr, (size_t)(slot->value.ptr - stored.ptr));
    } else {
        rc = dbx_cell_add(txn, slot->dict.cid, slot->member.bytes, &value);
    }
    dbx_buf_add(&value, head.ptr, head.len);
    if (rc == DBX_OK && value.failed) rc = DBX_ENOMEM;
    if (rc == DBX_OK) {
        rc = dbx_txn_put_probed(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe,
                                dbx_buf_slice(&value), tail);
    }
    dbx_buf_free(&value);
    return rc;
}

int dbx_dict_put(dbx_txn *txn, dbx_dict_slot *slot, dbx_slice head, dbx_slice tail) {
    dbx_slice key = dbx_slice_of(slot->key, slot->key_len);
    if (!slot->found) dbx_sampler_note(txn, slot->dict, slot->hash, 1);
    if (is_long(slot)) return put_long(txn, slot, head, tail);
    return dbx_txn_put_probed(txn, key, &slot->probe, head, tail);
}

int dbx_dict_del(dbx_txn *txn, dbx_dict_slot *slot) {
    int rc = is_long(slot) ? dbx_cell_drop(txn, &slot->whole) : DBX_OK;
    if (rc != DBX_OK) return rc;
    dbx_sampler_note(txn, slot->dict, slot->hash, -1);
    return dbx_txn_del_probed(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe);
}

/* --- Walking --------------------------------------------------------------------------------- */

/* read_item takes apart the entry that the cursor stands on. */
static int read_item(const dbx_dict_walk *walk, dbx_dict_item *item) {
    dbx_slice key = dbx_cursor_key(walk->cursor);
    size_t head = walk->prefix_len + DBX_MEMBER_HASH_BYTES;
    item->value = dbx_cursor_value(walk->cursor);
    if (key.len < head) return DBX_ECORRUPT;
    item->hash = load_hash(key.ptr + walk->prefix_len);
    item->place = dbx_slice_of(key.ptr + walk->prefix_len, key.len - walk->prefix_len);
    item->member = dbx_cell_of(dbx_slice_of(key.ptr + head, key.len - head));
    if (item->member.len <= DBX_MEMBER_INLINE_MAX) return DBX_OK;
    return dbx_cell_read(&item->value, walk->dict.cid, &item->member) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_dict_walk_open(dbx_dict_walk *walk, dbx_view *view, dbx_dict dict, uint64_t from_hash) {
    walk->dict = dict;
    walk->begun = false;
    walk->prefix_len = dbx_format_collection(walk->from, dict.table, dict.cid);
    put_hash(walk->from + walk->prefix_len, from_hash);
    walk->cursor = dbx_cursor_open(view, dbx_slice_of(walk->from, walk->prefix_len));
    return walk->cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

int dbx_dict_walk_next(dbx_dict_walk *walk, dbx_dict_item *item) {
    int rc;
    if (walk->begun) {
        rc = dbx_cursor_next(walk->cursor);
    } else {
        dbx_slice from = dbx_slice_of(walk->from, walk->prefix_len + DBX_MEMBER_HASH_BYTES);
        rc = dbx_cursor_seek(walk->cursor, from);
        walk->begun = true;
    }
    return rc == DBX_OK ? read_item(walk, item) : rc;
}

int dbx_dict_walk_seek(dbx_dict_walk *walk, dbx_slice place, dbx_dict_item *item) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    if (place.len > sizeof key - walk->prefix_len) return DBX_ECORRUPT;
    memcpy(key, walk->from, walk->prefix_len);
    memcpy(key + walk->prefix_len, place.ptr, place.len);
    walk->begun = true;
    int rc = dbx_cursor_seek(walk->cursor, dbx_slice_of(key, walk->prefix_len + place.len));
    return rc == DBX_OK ? read_item(walk, item) : rc;
}

int dbx_dict_walk_at(const dbx_dict_walk *walk, dbx_dict_item *item) {
    return read_item(walk, item);
}

int dbx_dict_walk_last(dbx_dict_walk *walk, dbx_dict_item *item) {
    walk->begun = true;
    int rc = dbx_cursor_last(walk->cursor);
    return rc == DBX_OK ? read_item(walk, item) : rc;
}

int dbx_dict_walk_move(dbx_dict_walk *walk, dbx_view *view) {
    dbx_cursor *cursor = dbx_cursor_open(view, dbx_slice_of(walk->from, walk->prefix_len));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = walk->begun ? dbx_cursor_seek(cursor, dbx_cursor_key(walk->cursor)) : DBX_OK;
    dbx_cursor_close(walk->cursor);
    walk->cursor = cursor;
    return rc;
}

void dbx_dict_walk_close(dbx_dict_walk *walk) {
    dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

int dbx_dict_random(dbx_txn *txn, dbx_dict dict, uint64_t count, dbx_dict_item *item) {
    dbx_sampler *sampler;
    int rc = dbx_sampler_live(txn, dict, count, &sampler);
    return rc == DBX_OK ? dbx_sampler_draw(sampler, dbx_txn_rand(txn), item) : rc;
}
