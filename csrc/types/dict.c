/* dict.c: see dict.h. */
#include "types/dict.h"

#include "base/bytes.h"

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

int dbx_dict_find(dbx_txn *txn, dbx_dict dict, dbx_slice bytes, dbx_dict_slot *slot) {
    slot->dict = dict;
    slot->member = dbx_format_member(bytes, dbx_txn_seed(txn));
    size_t n = dbx_format_collection(slot->key, dict.table, dict.cid);
    n += put_hash(slot->key + n, dbx_format_member_hash(&slot->member));
    slot->key_len = n + dbx_format_put_member(slot->key + n, &slot->member);
    int rc = dbx_txn_probe(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe);
    slot->found = rc == DBX_OK && slot->probe.found;
    slot->value = slot->probe.value;
    if (!slot->found || !is_long(slot)) return rc;
    bool read = dbx_cell_read(&slot->value, dict.cid, &slot->whole);
    return read && slot->whole.len == bytes.len ? DBX_OK : DBX_ECORRUPT;
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
    if (is_long(slot)) return put_long(txn, slot, head, tail);
    return dbx_txn_put_probed(txn, dbx_slice_of(slot->key, slot->key_len), &slot->probe, head,
                              tail);
}

int dbx_dict_del(dbx_txn *txn, dbx_dict_slot *slot) {
    int rc = is_long(slot) ? dbx_cell_drop(txn, &slot->whole) : DBX_OK;
    if (rc != DBX_OK) return rc;
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

/* --- A random member -------------------------------------------------------------------------
 * Hashes are as good as random, so a part of their range that would have BUCKET members if they lay
 * evenly has no more than BUCKET_MAX, but in one of a thousand million. A part is drawn, and a
 * number below BUCKET_MAX: if the part has that many members it is the one, otherwise both are
 * drawn again. So each member has the same chance, whatever the gaps between them. */

enum { BUCKET = 16, BUCKET_MAX = 48 };

/* step_to stands on the n-th member from `from_hash` on if it is below `end_hash`. */
static int step_to(dbx_txn *txn, dbx_dict dict, uint64_t from_hash, uint64_t end_hash, uint64_t n,
                   dbx_dict_item *item) {
    dbx_dict_walk walk;
    int rc = dbx_dict_walk_open(&walk, dbx_txn_view(txn), dict, from_hash);
    if (rc != DBX_OK) return rc;
    do {
        rc = dbx_dict_walk_next(&walk, item);
    } while (rc == DBX_OK && item->hash < end_hash && n-- > 0);
    dbx_dict_walk_close(&walk);
    return rc == DBX_OK && item->hash >= end_hash ? DBX_ENOTFOUND : rc;
}

int dbx_dict_random(dbx_txn *txn, dbx_dict dict, uint64_t count, dbx_dict_item *item) {
    const uint64_t range = (uint64_t)1 << HASH_BITS;
    dbx_rand *rand = dbx_txn_rand(txn);
    if (count <= BUCKET_MAX) {
        return step_to(txn, dict, 0, range, dbx_rand_below(rand, count), item);
    }
    uint64_t buckets = count / BUCKET, width = range / buckets + 1;
    int rc;
    do {
        uint64_t from_hash = width * dbx_rand_below(rand, buckets);
        uint64_t end_hash = from_hash + width, nth = dbx_rand_below(rand, BUCKET_MAX);
        rc =
            from_hash >= range ? DBX_ENOTFOUND : step_to(txn, dict, from_hash, end_hash, nth, item);
    } while (rc == DBX_ENOTFOUND);
    return rc;
}
