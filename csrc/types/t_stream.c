/* t_stream.c: see t_stream.h. */
#include "types/t_stream.h"

enum { PAYLOAD_NUMBERS = 11, BATCH = 128 };

static const dbx_stream_id ZERO = {0, 0};

/* --- The record ------------------------------------------------------------------------------ */

static bool read_id(dbx_slice *in, dbx_stream_id *id) {
    return dbx_format_read_varint(in, &id->ms) && dbx_format_read_varint(in, &id->seq);
}

int dbx_stream_read(const dbx_key *k, dbx_stream *stream) {
    *stream = (dbx_stream){.added = 0};
    if (!k->exists) return DBX_OK;
    dbx_slice in = k->payload;
    if (!read_id(&in, &stream->last) || !read_id(&in, &stream->first) ||
        !read_id(&in, &stream->max_deleted) || !dbx_format_read_varint(&in, &stream->added) ||
        !dbx_format_read_varint(&in, &stream->groups) ||
        !dbx_format_read_varint(&in, &stream->next_group)) {
        return DBX_ECORRUPT;
    }
    stream->highest = stream->last;
    return in.len == 0 || read_id(&in, &stream->highest) ? DBX_OK : DBX_ECORRUPT;
}

void dbx_stream_create(dbx_txn *txn, dbx_key *k, dbx_stream *stream) {
    dbx_key_reset(k, DBX_STREAM, DBX_ENCODING_STREAM);
    k->meta.cid = dbx_txn_new_id(txn);
    *stream = (dbx_stream){.next_group = 1};
}

static size_t put_id(uint8_t *out, dbx_stream_id id) {
    size_t n = dbx_format_varint(out, id.ms);
    return n + dbx_format_varint(out + n, id.seq);
}

int dbx_stream_write(dbx_txn *txn, dbx_key *k, dbx_stream *stream) {
    uint8_t payload[PAYLOAD_NUMBERS * DBX_VARINT_MAX];
    if (stream->first_gone) {
        stream->first_gone = false;
        int rc = dbx_stream_edge(dbx_txn_view(txn), k->meta.cid, stream->first, DBX_STREAM_ID_MAX,
                                 false, &stream->first);
        if (rc == DBX_ENOTFOUND) {
            stream->first = ZERO;
        } else if (rc != DBX_OK) {
            return rc;
        }
    }
    size_t n = put_id(payload, stream->last);
    n += put_id(payload + n, stream->first);
    n += put_id(payload + n, stream->max_deleted);
    n += dbx_format_varint(payload + n, stream->added);
    n += dbx_format_varint(payload + n, stream->groups);
    n += dbx_format_varint(payload + n, stream->next_group);
    if (dbx_stream_id_cmp(stream->highest, stream->last) > 0) {
        n += put_id(payload + n, stream->highest);
    }
    return dbx_key_write(txn, k, dbx_slice_of(payload, n));
}

/* --- Changing -------------------------------------------------------------------------------- */

int dbx_stream_add(dbx_txn *txn, dbx_key *k, dbx_stream *stream, dbx_stream_id id, size_t count,
                   const dbx_slice *strings) {
    bool fresh = dbx_stream_id_cmp(id, stream->highest) > 0;
    int rc = dbx_stream_entry_put(txn, k->meta.cid, id, fresh, count, strings);
    if (rc != DBX_OK) return rc;
    if (fresh) stream->highest = id;
    stream->last = id;
    stream->added++;
    if (k->meta.count++ == 0) stream->first = id;
    return DBX_OK;
}

static int del(dbx_txn *txn, dbx_key *k, dbx_stream *stream, dbx_stream_id id,
               const dbx_stream_entry_rest *rest) {
    int rc = dbx_stream_entry_del(txn, k->meta.cid, id, rest);
    if (rc != DBX_OK) return rc;
    k->meta.count--;
    if (dbx_stream_id_cmp(id, stream->first) == 0) stream->first_gone = true;
    return DBX_OK;
}

int dbx_stream_del(dbx_txn *txn, dbx_key *k, dbx_stream *stream, dbx_stream_id id, bool *deleted) {
    dbx_stream_entry_rest rest;
    dbx_slice value;
    int rc = dbx_stream_get(dbx_txn_view(txn), k->meta.cid, id, &value);
    *deleted = rc == DBX_OK;
    if (!*deleted) return rc == DBX_ENOTFOUND ? DBX_OK : rc;
    if (!dbx_stream_entry_rest_of(value, k->meta.cid, &rest)) return DBX_ECORRUPT;
    rc = del(txn, k, stream, id, &rest);
    if (dbx_stream_id_cmp(id, stream->max_deleted) > 0) stream->max_deleted = id;
    return rc;
}

/* --- Trimming -------------------------------------------------------------------------------- */

/* drop_front deletes the first `most` entries, or with `below` those of them before it. A batch is
 * read before any of it is deleted, because a cursor looks for its place again after a write. */
static int drop_front(dbx_txn *txn, dbx_key *k, dbx_stream *stream, uint64_t most,
                      const dbx_stream_id *below, uint64_t *dropped) {
    dbx_stream_id ids[BATCH], end = DBX_STREAM_ID_MAX;
    dbx_stream_entry_rest rests[BATCH];
    dbx_stream_walk walk;
    dbx_slice value;
    if (below != NULL) {
        end = *below;
        if (!dbx_stream_id_prev(&end)) return DBX_OK;
    }
    int rc = dbx_stream_walk_open(&walk, dbx_txn_view(txn), k->meta.cid, stream->first, end, false);
    while (rc == DBX_OK && most > 0) {
        size_t n = 0;
        while (n < BATCH && n < most &&
               (rc = dbx_stream_walk_next(&walk, &ids[n], &value)) == DBX_OK) {
            if (!dbx_stream_entry_rest_of(value, k->meta.cid, &rests[n++])) rc = DBX_ECORRUPT;
        }
        if (rc != DBX_OK && rc != DBX_ENOTFOUND) break;
        for (size_t i = 0; i < n; i++) {
            int failed = del(txn, k, stream, ids[i], &rests[i]);
            if (failed != DBX_OK) {
                dbx_stream_walk_close(&walk);
                return failed;
            }
        }
        *dropped += n;
        most -= n;
    }
    dbx_stream_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* count_front is how many entries lie before `below`, in whole nodes: a node goes only if all of it
 * may. */
static int count_front(dbx_txn *txn, const dbx_key *k, const dbx_stream *stream, dbx_stream_id end,
                       uint64_t node, uint64_t limit, uint64_t *whole) {
    dbx_stream_walk walk;
    dbx_stream_id id;
    dbx_slice value;
    uint64_t n = 0, most = limit == 0 ? UINT64_MAX : limit;
    *whole = 0;
    if (!dbx_stream_id_prev(&end)) return DBX_OK;
    int rc = dbx_stream_walk_open(&walk, dbx_txn_view(txn), k->meta.cid, stream->first, end, false);
    while (rc == DBX_OK && n < most && (rc = dbx_stream_walk_next(&walk, &id, &value)) == DBX_OK) {
        n++;
        if (n % node == 0 || n == k->meta.count) *whole = n;
    }
    dbx_stream_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_stream_trim_front(dbx_txn *txn, dbx_key *k, dbx_stream *stream, const dbx_stream_trim *trim,
                          uint64_t *deleted) {
    uint64_t length = k->meta.count, most = UINT64_MAX;
    const dbx_stream_id *below = trim->by_id ? &trim->min_id : NULL;
    *deleted = 0;
    if (!trim->by_id) {
        if (length <= trim->max_len) return DBX_OK;
        most = length - trim->max_len;
        if (trim->node != 0) {
            if (trim->limit != 0 && most > trim->limit) most = trim->limit;
            if (most < length) most -= most % trim->node;
        }
    } else if (length == 0 || dbx_stream_id_cmp(stream->first, trim->min_id) >= 0) {
        return DBX_OK;
    } else if (trim->node != 0) {
        int rc = count_front(txn, k, stream, trim->min_id, trim->node, trim->limit, &most);
        if (rc != DBX_OK) return rc;
    }
    return drop_front(txn, k, stream, most, below, deleted);
}

/* --- Reading --------------------------------------------------------------------------------- */

int dbx_stream_get(dbx_view *view, uint64_t cid, dbx_stream_id id, dbx_slice *value) {
    dbx_stream_entry_key key = dbx_stream_entry_key_of(cid, id);
    return dbx_view_get(view, dbx_slice_of(key.bytes, key.len), value);
}

static dbx_cursor *open_cursor(dbx_view *view, uint64_t cid) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t n = dbx_format_collection(prefix, DBX_TABLE_STREAM, cid);
    return dbx_cursor_open(view, dbx_slice_of(prefix, n));
}

int dbx_stream_walk_open(dbx_stream_walk *walk, dbx_view *view, uint64_t cid, dbx_stream_id from,
                         dbx_stream_id to, bool back) {
    *walk = (dbx_stream_walk){.cid = cid, .from = from, .to = to, .back = back};
    walk->cursor = open_cursor(view, cid);
    return walk->cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

int dbx_stream_walk_next(dbx_stream_walk *walk, dbx_stream_id *id, dbx_slice *value) {
    int rc;
    if (walk->begun) {
        rc = walk->back ? dbx_cursor_prev(walk->cursor) : dbx_cursor_next(walk->cursor);
    } else {
        dbx_stream_entry_key key =
            dbx_stream_entry_key_of(walk->cid, walk->back ? walk->to : walk->from);
        dbx_slice at = dbx_slice_of(key.bytes, key.len);
        rc =
            walk->back ? dbx_cursor_seek_back(walk->cursor, at) : dbx_cursor_seek(walk->cursor, at);
        walk->begun = true;
    }
    if (rc != DBX_OK) return rc;
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t skip = dbx_format_collection(prefix, DBX_TABLE_STREAM, walk->cid);
    dbx_slice key = dbx_cursor_key(walk->cursor);
    if (key.len < skip) return DBX_ECORRUPT;
    dbx_slice rest = dbx_slice_of(key.ptr + skip, key.len - skip);
    if (!dbx_stream_id_read(&rest, id)) return DBX_ECORRUPT;
    bool past =
        walk->back ? dbx_stream_id_cmp(*id, walk->from) < 0 : dbx_stream_id_cmp(*id, walk->to) > 0;
    if (past) return DBX_ENOTFOUND;
    *value = dbx_cursor_value(walk->cursor);
    return DBX_OK;
}

int dbx_stream_walk_move(dbx_stream_walk *walk, dbx_view *view) {
    dbx_cursor *cursor = open_cursor(view, walk->cid);
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = walk->begun ? dbx_cursor_seek(cursor, dbx_cursor_key(walk->cursor)) : DBX_OK;
    dbx_cursor_close(walk->cursor);
    walk->cursor = cursor;
    return rc;
}

void dbx_stream_walk_close(dbx_stream_walk *walk) {
    if (walk->cursor != NULL) dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

int dbx_stream_edge(dbx_view *view, uint64_t cid, dbx_stream_id from, dbx_stream_id to, bool back,
                    dbx_stream_id *id) {
    dbx_stream_walk walk;
    dbx_slice value;
    int rc = dbx_stream_walk_open(&walk, view, cid, from, to, back);
    if (rc == DBX_OK) rc = dbx_stream_walk_next(&walk, id, &value);
    dbx_stream_walk_close(&walk);
    return rc;
}
