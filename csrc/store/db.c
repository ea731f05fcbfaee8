/* db.c: whole databases: sizes, flush, swap, a random key, iteration over names. */
#include <string.h>

#include "base/alloc.h"
#include "store/internal.h"
#include "store/keyspace.h"
#include "store/record.h"

uint32_t dbx_db_count(dbx_txn *txn) {
    return txn->store->options.databases;
}

uint64_t dbx_db_namespace(dbx_txn *txn, uint32_t db) {
    return txn->store->dbs[db].ns;
}

uint64_t dbx_db_size(dbx_txn *txn, uint32_t db) {
    return txn->store->dbs[db].keys;
}

uint64_t dbx_db_expires(dbx_txn *txn, uint32_t db) {
    return txn->store->dbs[db].expires;
}

int dbx_db_flush(dbx_txn *txn, uint32_t db) {
    dbx_db *d = &txn->store->dbs[db];
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    dbx_slice none = {NULL, 0};
    if (d->keys == 0) return DBX_OK;
    int rc = dbx_undo_state(&txn->undo, d, sizeof *d);
    if (rc != DBX_OK) return rc;
    rc = dbx_txn_put(txn, dbx_format_retired_key(key, DBX_RETIRED_NAMESPACE, d->ns), none, none);
    if (rc == DBX_OK) *d = (dbx_db){.ns = dbx_txn_new_id(txn)};
    txn->store->litter = txn->store->env == NULL;
    return rc;
}

int dbx_db_swap(dbx_txn *txn, uint32_t a, uint32_t b) {
    dbx_db *dbs = txn->store->dbs;
    dbx_db first = dbs[a];
    int rc = dbx_undo_state(&txn->undo, &dbs[a], sizeof dbs[a]);
    if (rc == DBX_OK) rc = dbx_undo_state(&txn->undo, &dbs[b], sizeof dbs[b]);
    if (rc != DBX_OK) return rc;
    dbs[a] = dbs[b];
    dbs[b] = first;
    dbx_buffer *active = txn->store->live.active;
    if (active->oldest_ms == 0)
        active->oldest_ms = txn->now_ms; /* the log grows: freeze some day */
    txn->writes++;
    return DBX_OK;
}

/* --- A random key --------------------------------------------------------------------------------
 */

enum { RANDOM_TRIES = 64, RANDOM_STEPS_MAX = 32 };

/* An encoded key near a place drawn at random among MDBX's keys of the namespace: bisecting the
 * bytes of the key space by how many entries lie before, which libmdbx estimates from page counts.
 */
static size_t random_place(dbx_txn *txn, dbx_slice prefix, uint8_t out[DBX_ENCODED_KEY_MAX]) {
    dbx_store *store = txn->store;
    uint8_t end[DBX_ENCODED_KEY_MAX];
    size_t n = prefix.len;
    memcpy(out, prefix.ptr, n);
    memcpy(end, prefix.ptr, n);
    dbx_slice upto = dbx_slice_of(end, dbx_format_successor(end, n));
    uint64_t total = dbx_snapshot_estimate(store->live.below, prefix, upto);
    uint64_t target = total == 0 ? 0 : dbx_rand_below(&store->rand, total);
    size_t depth = n + 16 < DBX_ENCODED_KEY_MAX ? n + 16 : DBX_ENCODED_KEY_MAX;
    for (; n < depth; n++) {
        unsigned low = 0, high = 256; /* the largest byte with no more than target entries before */
        while (high - low > 1) {
            unsigned middle = (low + high) / 2;
            out[n] = (uint8_t)middle;
            uint64_t before =
                dbx_snapshot_estimate(store->live.below, prefix, dbx_slice_of(out, n + 1));
            if (before <= target) {
                low = middle;
            } else {
                high = middle;
            }
        }
        out[n] = (uint8_t)low;
    }
    return n;
}

/* One draw: a level in proportion to its entries, a place in it, then a few steps on, from the end
 * round to the beginning: neighbours of a popular place share what it gets too often. */
static int random_draw(dbx_txn *txn, dbx_cursor *cursor, dbx_slice prefix) {
    dbx_store *store = txn->store;
    uint64_t below = store->live.below != NULL ? dbx_snapshot_entries(store->live.below) : 0;
    uint64_t above = store->live.active->entries;
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_slice at = {NULL, 0};
    if (dbx_rand_below(&store->rand, below + above + 1) >= below) {
        at = dbx_tree_random(&store->live.active->tree, &store->rand, prefix);
    }
    if (at.len == 0 && below > 0) at = dbx_slice_of(key, random_place(txn, prefix, key));
    int rc = at.len > 0 ? dbx_cursor_seek(cursor, at) : DBX_ENOTFOUND;
    if (rc == DBX_ENOTFOUND) rc = dbx_cursor_first(cursor);
    uint64_t steps = dbx_rand_below(&store->rand, RANDOM_STEPS_MAX);
    while (rc == DBX_OK && steps-- > 0) {
        rc = dbx_cursor_next(cursor);
        if (rc == DBX_ENOTFOUND) rc = dbx_cursor_first(cursor);
    }
    return rc;
}

int dbx_db_random(dbx_txn *txn, uint32_t db, dbx_buf *name) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_store *store = txn->store;
    dbx_meta meta;
    dbx_slice whole, payload;
    bool long_name;
    if (store->dbs[db].keys == 0) return DBX_ENOTFOUND;
    size_t head =
        dbx_format_key(key, store->dbs[db].ns, (dbx_slice){NULL, 0}, store->seed, &long_name);
    dbx_slice prefix = dbx_slice_of(key, head);
    dbx_cursor *cursor = dbx_cursor_open(&store->live, prefix);
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = DBX_ENOTFOUND;
    for (int tries = 0; tries < RANDOM_TRIES; tries++) {
        rc = random_draw(txn, cursor, prefix);
        if (rc != DBX_OK) break;
        dbx_slice at = dbx_cursor_key(cursor);
        if (!dbx_record_read(dbx_cursor_value(cursor), &meta, &whole, &payload)) {
            rc = DBX_ECORRUPT;
            break;
        }
        if (dbx_expiry_over(meta.expiry, dbx_txn_times(txn))) {
            rc = DBX_ENOTFOUND; /* drawn again; when all are expired, there is none */
            continue;
        }
        dbx_slice found = whole.len > 0 ? whole : dbx_slice_of(at.ptr + head, at.len - head);
        name->len = 0;
        dbx_buf_add(name, found.ptr, found.len);
        rc = name->failed ? DBX_ENOMEM : DBX_OK;
        break;
    }
    dbx_cursor_close(cursor);
    return rc;
}

/* --- Iteration -----------------------------------------------------------------------------------
 */

struct dbx_keys {
    dbx_cursor *cursor;
    dbx_txn *txn;
    size_t head; /* bytes before the name in an encoded key */
    bool started;
    dbx_times times; /* when it was opened: a streamed reply has promised a number of names */
    dbx_buf seek;    /* encoded key to start after; empty: from the first */
    dbx_buf prefix;  /* names must begin with it: long names are checked in full */
};

dbx_keys *dbx_keys_open(dbx_txn *txn, dbx_view *view, uint32_t db, dbx_slice prefix,
                        dbx_slice after) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    dbx_store *store = txn->store;
    bool long_name;
    dbx_keys *keys = dbx_alloc_zero(1, sizeof *keys);
    if (keys == NULL) return NULL;
    keys->txn = txn;
    keys->times = dbx_txn_times(txn);
    keys->head =
        dbx_format_key(key, store->dbs[db].ns, (dbx_slice){NULL, 0}, store->seed, &long_name);
    dbx_buf_add(&keys->prefix, prefix.ptr, prefix.len);
    /* Long names keep this much of a prefix in their key; the rest is checked name by name. */
    size_t kept = DBX_NAME_INLINE_MAX + 1 - DBX_NAME_HASH_BYTES;
    size_t n = prefix.len < kept ? prefix.len : kept;
    if (n > 0) memcpy(key + keys->head, prefix.ptr, n);
    keys->cursor = dbx_cursor_open(view, dbx_slice_of(key, keys->head + n));
    if (after.ptr != NULL) {
        size_t len = dbx_format_key(key, store->dbs[db].ns, after, store->seed, &long_name);
        dbx_buf_add(&keys->seek, key, len);
    }
    if (keys->cursor == NULL || keys->prefix.failed || keys->seek.failed) {
        dbx_keys_close(keys);
        return NULL;
    }
    return keys;
}

static int advance(dbx_keys *keys) {
    if (keys->started) return dbx_cursor_next(keys->cursor);
    keys->started = true;
    dbx_slice from = dbx_buf_slice(&keys->seek);
    if (from.len == 0) return dbx_cursor_first(keys->cursor);
    int rc = dbx_cursor_seek(keys->cursor, from);
    if (rc == DBX_OK && dbx_slice_eq(dbx_cursor_key(keys->cursor), from)) {
        rc = dbx_cursor_next(keys->cursor);
    }
    return rc;
}

int dbx_keys_next(dbx_keys *keys, dbx_slice *name, dbx_meta *meta) {
    for (;;) {
        int rc = advance(keys);
        if (rc != DBX_OK) return rc;
        dbx_slice key = dbx_cursor_key(keys->cursor), payload, whole;
        if (!dbx_record_read(dbx_cursor_value(keys->cursor), meta, &whole, &payload)) {
            return DBX_ECORRUPT;
        }
        *name = whole.len > 0 ? whole : dbx_slice_of(key.ptr + keys->head, key.len - keys->head);
        dbx_slice prefix = dbx_buf_slice(&keys->prefix);
        if (name->len < prefix.len) continue;
        if (prefix.len > 0 && memcmp(name->ptr, prefix.ptr, prefix.len) != 0) continue;
        if (!dbx_expiry_over(meta->expiry, keys->times) || keys->txn->replaying) return DBX_OK;
    }
}

void dbx_keys_close(dbx_keys *keys) {
    if (keys == NULL) return;
    dbx_cursor_close(keys->cursor);
    dbx_buf_free(&keys->seek);
    dbx_buf_free(&keys->prefix);
    dbx_alloc_free(keys);
}
