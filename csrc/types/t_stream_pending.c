/* t_stream_pending.c: see t_stream_pending.h. Keys and values are described in t_stream_group.h. */
#include "types/t_stream_pending.h"

enum { KEY_MAX = 2 + 3 * DBX_NUMBER_BYTES_MAX + DBX_STREAM_ID_BYTES_MAX, PENDING_NUMBERS = 3 };

static const dbx_slice NOTHING = {NULL, 0};

/* key_in is where an entry lies in the group, or with `consumer` in that one's order. */
static dbx_slice key_in(uint8_t *out, uint64_t cid, uint64_t group, uint64_t consumer,
                        dbx_stream_id id) {
    uint8_t part = consumer == 0 ? DBX_STREAM_GROUP_PENDING : DBX_STREAM_GROUP_PENDING_OF;
    size_t n = dbx_stream_group_key(out, cid, group, part);
    if (consumer != 0) n += dbx_format_number(out + n, consumer);
    return dbx_slice_of(out, n + dbx_stream_id_put(out + n, id));
}

static dbx_slice key_of(uint8_t *out, const dbx_stream_group *group, uint64_t consumer,
                        dbx_stream_id id) {
    return key_in(out, group->cid, group->number, consumer, id);
}

static bool read_pending(dbx_slice in, dbx_stream_pending *pending) {
    uint64_t time;
    bool ok = dbx_format_read_varint(&in, &pending->consumer) &&
              dbx_format_read_varint(&in, &time) && dbx_format_read_varint(&in, &pending->count);
    pending->time_ms = (int64_t)time;
    return ok && pending->consumer != 0;
}

int dbx_stream_pending_find(dbx_txn *txn, const dbx_stream_group *group, dbx_stream_id id,
                            dbx_stream_pending *pending) {
    uint8_t key[KEY_MAX];
    dbx_slice value;
    int rc = dbx_txn_get(txn, key_of(key, group, 0, id), &value);
    if (rc != DBX_OK) return rc;
    pending->id = id;
    return read_pending(value, pending) ? DBX_OK : DBX_ECORRUPT;
}

/* write_pending writes the entry; `fresh`: none with that id was ever pending here. */
static int write_pending(dbx_txn *txn, const dbx_stream_group *group,
                         const dbx_stream_pending *pending, bool fresh) {
    uint8_t key[KEY_MAX], value[PENDING_NUMBERS * DBX_VARINT_MAX];
    size_t n = dbx_format_varint(value, pending->consumer);
    n += dbx_format_varint(value + n, (uint64_t)pending->time_ms);
    n += dbx_format_varint(value + n, pending->count);
    dbx_slice at = key_of(key, group, 0, pending->id), bytes = dbx_slice_of(value, n);
    return fresh ? dbx_txn_put_fresh(txn, at, bytes) : dbx_txn_put(txn, at, bytes, NOTHING);
}

static int write_order(dbx_txn *txn, const dbx_stream_group *group, dbx_stream_id id, bool fresh) {
    uint8_t key[KEY_MAX];
    dbx_slice at = key_of(key, group, group->me.number, id);
    return fresh ? dbx_txn_put_fresh(txn, at, NOTHING) : dbx_txn_put(txn, at, NOTHING, NOTHING);
}

/* take removes an entry from its consumer's order. */
static int take(dbx_txn *txn, dbx_stream_group *group, const dbx_stream_pending *pending) {
    uint8_t key[KEY_MAX];
    int rc = dbx_txn_del(txn, key_of(key, group, pending->consumer, pending->id));
    return rc == DBX_OK ? dbx_stream_group_count(txn, group, pending->consumer, -1) : rc;
}

int dbx_stream_pending_give(dbx_txn *txn, dbx_stream_group *group, dbx_stream_pending *pending) {
    uint64_t from = pending->consumer, me = group->me.number;
    int rc = DBX_OK;
    if (from != me) {
        bool fresh = dbx_stream_id_cmp(pending->id, group->top) > 0;
        if (from != 0) rc = take(txn, group, pending);
        if (rc == DBX_OK) rc = write_order(txn, group, pending->id, fresh);
        group->me.pending++;
        group->me.changed = true;
        if (from == 0) {
            group->pending++;
            group->changed = true;
        }
        if (fresh) group->top = pending->id;
        pending->consumer = me;
    }
    return rc == DBX_OK ? write_pending(txn, group, pending, false) : rc;
}

int dbx_stream_pending_deliver(dbx_txn *txn, dbx_stream_group *group, dbx_stream_id id,
                               int64_t now_ms) {
    dbx_stream_pending pending = {.id = id};
    bool fresh = dbx_stream_id_cmp(id, group->top) > 0;
    int rc = fresh ? DBX_ENOTFOUND : dbx_stream_pending_find(txn, group, id, &pending);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (rc == DBX_ENOTFOUND) pending.consumer = 0;
    pending.time_ms = now_ms;
    pending.count = 1;
    if (!fresh) return dbx_stream_pending_give(txn, group, &pending);
    pending.consumer = group->me.number;
    group->top = id;
    group->pending++;
    group->changed = true;
    group->me.pending++;
    group->me.changed = true;
    rc = write_pending(txn, group, &pending, true);
    return rc == DBX_OK ? write_order(txn, group, id, true) : rc;
}

int dbx_stream_pending_drop(dbx_txn *txn, dbx_stream_group *group,
                            const dbx_stream_pending *pending) {
    uint8_t key[KEY_MAX];
    int rc = take(txn, group, pending);
    group->pending--;
    group->changed = true;
    return rc == DBX_OK ? dbx_txn_del(txn, key_of(key, group, 0, pending->id)) : rc;
}

/* --- Walking --------------------------------------------------------------------------------- */

int dbx_stream_pending_walk_open(dbx_stream_pending_walk *walk, dbx_view *view, uint64_t cid,
                                 uint64_t group, uint64_t consumer, dbx_stream_id from, bool back) {
    *walk =
        (dbx_stream_pending_walk){.cid = cid, .group = group, .consumer = consumer, .back = back};
    uint8_t part = consumer == 0 ? DBX_STREAM_GROUP_PENDING : DBX_STREAM_GROUP_PENDING_OF;
    walk->prefix_len = dbx_stream_group_key(walk->from, cid, group, part);
    if (consumer != 0)
        walk->prefix_len += dbx_format_number(walk->from + walk->prefix_len, consumer);
    walk->from_len = key_in(walk->from, cid, group, consumer, from).len;
    walk->cursor = dbx_cursor_open(view, dbx_slice_of(walk->from, walk->prefix_len));
    return walk->cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

static int step(dbx_stream_pending_walk *walk) {
    if (walk->begun) {
        return walk->back ? dbx_cursor_prev(walk->cursor) : dbx_cursor_next(walk->cursor);
    }
    dbx_slice from = dbx_slice_of(walk->from, walk->from_len);
    walk->begun = true;
    return walk->back ? dbx_cursor_seek_back(walk->cursor, from)
                      : dbx_cursor_seek(walk->cursor, from);
}

int dbx_stream_pending_walk_next(dbx_stream_pending_walk *walk, dbx_view *view,
                                 dbx_stream_pending *pending) {
    int rc = step(walk);
    if (rc != DBX_OK) return rc;
    dbx_slice key = dbx_cursor_key(walk->cursor), value = dbx_cursor_value(walk->cursor);
    dbx_slice id = dbx_slice_of(key.ptr + walk->prefix_len, key.len - walk->prefix_len);
    if (!dbx_stream_id_read(&id, &pending->id)) return DBX_ECORRUPT;
    if (walk->consumer != 0) {
        uint8_t bytes[KEY_MAX];
        dbx_slice at = key_in(bytes, walk->cid, walk->group, 0, pending->id);
        rc = dbx_view_get(view, at, &value);
        if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    }
    return read_pending(value, pending) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_stream_pending_walk_move(dbx_stream_pending_walk *walk, dbx_view *view) {
    dbx_cursor *cursor = dbx_cursor_open(view, dbx_slice_of(walk->from, walk->prefix_len));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = walk->begun ? dbx_cursor_seek(cursor, dbx_cursor_key(walk->cursor)) : DBX_OK;
    dbx_cursor_close(walk->cursor);
    walk->cursor = cursor;
    return rc;
}

void dbx_stream_pending_walk_close(dbx_stream_pending_walk *walk) {
    if (walk->cursor != NULL) dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
}
