/* t_stream_group.c: see t_stream_group.h. */
#include "types/t_stream_group.h"

enum { GROUP_NUMBERS = 9, CONSUMER_NUMBERS = 3, DIRECTORY = 0 };

static const dbx_slice NOTHING = {NULL, 0};

/* --- Keys ------------------------------------------------------------------------------------ */

size_t dbx_stream_group_key(uint8_t *out, uint64_t cid, uint64_t group, uint8_t part) {
    size_t n = dbx_format_collection(out, DBX_TABLE_GROUP, cid);
    n += dbx_format_number(out + n, group);
    if (group != DIRECTORY) out[n++] = part;
    return n;
}

/* put_name writes a name as it stands in keys; only a long one is hashed. */
static size_t put_name(dbx_txn *txn, uint8_t *out, dbx_slice name) {
    if (name.len > DBX_MEMBER_INLINE_MAX) {
        dbx_member member = dbx_format_member(name, dbx_txn_seed(txn));
        return dbx_format_put_member(out, &member);
    }
    if (name.len > 0) memcpy(out, name.ptr, name.len);
    return name.len;
}

static dbx_slice numbered_key(uint8_t *out, uint64_t cid, uint64_t group, uint8_t part,
                              uint64_t consumer) {
    size_t n = dbx_stream_group_key(out, cid, group, part);
    return dbx_slice_of(out, n + dbx_format_number(out + n, consumer));
}

enum { NUMBERED_KEY_MAX = 2 + 3 * DBX_NUMBER_BYTES_MAX };

static int put_name_cell(dbx_txn *txn, uint64_t cid, dbx_slice key, dbx_slice name) {
    dbx_buf cell = {0};
    int rc = dbx_cell_add(txn, cid, name, &cell);
    if (rc == DBX_OK) rc = dbx_txn_put(txn, key, dbx_buf_slice(&cell), NOTHING);
    dbx_buf_free(&cell);
    return rc;
}

static int drop_name_cell(dbx_txn *txn, uint64_t cid, dbx_slice key) {
    dbx_slice value;
    dbx_cell cell;
    int rc = dbx_txn_get(txn, key, &value);
    if (rc != DBX_OK) return rc;
    if (!dbx_cell_read(&value, cid, &cell)) return DBX_ECORRUPT;
    rc = dbx_cell_drop(txn, &cell);
    return rc == DBX_OK ? dbx_txn_del(txn, key) : rc;
}

/* --- Groups ---------------------------------------------------------------------------------- */

static bool read_group(dbx_slice in, dbx_stream_group *group) {
    uint64_t read;
    bool ok = dbx_format_read_varint(&in, &group->number) &&
              dbx_format_read_varint(&in, &group->last.ms) &&
              dbx_format_read_varint(&in, &group->last.seq) &&
              dbx_format_read_varint(&in, &group->top.ms) &&
              dbx_format_read_varint(&in, &group->top.seq) && dbx_format_read_varint(&in, &read) &&
              dbx_format_read_varint(&in, &group->pending) &&
              dbx_format_read_varint(&in, &group->consumers) &&
              dbx_format_read_varint(&in, &group->next_consumer) && group->number != DIRECTORY;
    if (ok) group->entries_read = (int64_t)(read - 1);
    return ok;
}

static int write_group(dbx_txn *txn, dbx_stream_group *group) {
    const uint64_t numbers[GROUP_NUMBERS] = {
        group->number,  group->last.ms,   group->last.seq,
        group->top.ms,  group->top.seq,   (uint64_t)group->entries_read + 1,
        group->pending, group->consumers, group->next_consumer};
    uint8_t value[GROUP_NUMBERS * DBX_VARINT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < GROUP_NUMBERS; i++)
        n += dbx_format_varint(value + n, numbers[i]);
    group->changed = false;
    return dbx_txn_put_probed(txn, dbx_slice_of(group->key, group->key_len), &group->probe,
                              dbx_slice_of(value, n), NOTHING);
}

/* probe_group looks the name up: group->probe.found says whether there is one. */
static int probe_group(dbx_txn *txn, uint64_t cid, dbx_slice name, dbx_stream_group *group) {
    group->cid = cid;
    group->changed = false;
    group->me = group->other = (dbx_stream_consumer){.number = 0};
    group->key_len = dbx_stream_group_key(group->key, cid, DIRECTORY, 0);
    group->key_len += put_name(txn, group->key + group->key_len, name);
    int rc = dbx_txn_probe(txn, dbx_slice_of(group->key, group->key_len), &group->probe);
    if (rc != DBX_OK || !group->probe.found) return rc;
    return read_group(group->probe.value, group) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_stream_group_find(dbx_txn *txn, const dbx_key *k, dbx_slice name, dbx_stream_group *group) {
    if (!k->exists) return DBX_ENOTFOUND;
    int rc = probe_group(txn, k->meta.cid, name, group);
    return rc == DBX_OK && !group->probe.found ? DBX_ENOTFOUND : rc;
}

int dbx_stream_group_create(dbx_txn *txn, const dbx_key *k, dbx_stream *stream, dbx_slice name,
                            dbx_stream_id last, int64_t entries_read, bool *created) {
    dbx_stream_group group;
    int rc = probe_group(txn, k->meta.cid, name, &group);
    *created = rc == DBX_OK && !group.probe.found;
    if (!*created) return rc;
    group.number = stream->next_group++;
    group.last = last;
    group.top = (dbx_stream_id){0, 0};
    group.entries_read = entries_read;
    group.pending = group.consumers = 0;
    group.next_consumer = 1;
    stream->groups++;
    rc = write_group(txn, &group);
    if (rc != DBX_OK || name.len <= DBX_MEMBER_INLINE_MAX) return rc;
    uint8_t key[NUMBERED_KEY_MAX];
    size_t n = dbx_stream_group_key(key, k->meta.cid, group.number, DBX_STREAM_GROUP_NAME);
    return put_name_cell(txn, k->meta.cid, dbx_slice_of(key, n), name);
}

/* drop_name_or_nothing deletes an entry of a group that is destroyed; names are dropped with what
 * they have in chunks. */
static int drop_entry(dbx_txn *txn, uint64_t cid, dbx_slice key, uint8_t part) {
    bool named = part == DBX_STREAM_GROUP_NAME || part == DBX_STREAM_GROUP_CONSUMER_NAME;
    return named ? drop_name_cell(txn, cid, key) : dbx_txn_del(txn, key);
}

int dbx_stream_group_destroy(dbx_txn *txn, dbx_stream *stream, dbx_stream_group *group) {
    uint8_t prefix[NUMBERED_KEY_MAX];
    size_t n = dbx_stream_group_key(prefix, group->cid, group->number, 0) - 1;
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(prefix, n));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK) {
        uint8_t key[DBX_ENCODED_KEY_MAX];
        dbx_slice at = dbx_cursor_key(cursor);
        if (at.len > sizeof key || at.len <= n) {
            rc = DBX_ECORRUPT;
            break;
        }
        memcpy(key, at.ptr, at.len);
        rc = drop_entry(txn, group->cid, dbx_slice_of(key, at.len), key[n]);
        if (rc == DBX_OK) rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    if (rc != DBX_ENOTFOUND) return rc;
    stream->groups--;
    return dbx_txn_del_probed(txn, dbx_slice_of(group->key, group->key_len), &group->probe);
}

/* --- Consumers ------------------------------------------------------------------------------- */

int dbx_stream_group_consumer(dbx_view *view, uint64_t cid, uint64_t group, uint64_t number,
                              dbx_stream_consumer *consumer) {
    uint8_t key[NUMBERED_KEY_MAX];
    dbx_slice in;
    uint64_t seen, active;
    dbx_slice at = numbered_key(key, cid, group, DBX_STREAM_GROUP_CONSUMER_STATE, number);
    int rc = dbx_view_get(view, at, &in);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    if (!dbx_format_read_varint(&in, &seen) || !dbx_format_read_varint(&in, &active) ||
        !dbx_format_read_varint(&in, &consumer->pending)) {
        return DBX_ECORRUPT;
    }
    consumer->number = number;
    consumer->seen_ms = (int64_t)seen;
    consumer->active_ms = (int64_t)active - 1;
    consumer->changed = false;
    return DBX_OK;
}

static int write_consumer(dbx_txn *txn, const dbx_stream_group *group,
                          dbx_stream_consumer *consumer) {
    uint8_t key[NUMBERED_KEY_MAX], value[CONSUMER_NUMBERS * DBX_VARINT_MAX];
    if (!consumer->changed) return DBX_OK;
    consumer->changed = false;
    size_t n = dbx_format_varint(value, (uint64_t)consumer->seen_ms);
    n += dbx_format_varint(value + n, (uint64_t)(consumer->active_ms + 1));
    n += dbx_format_varint(value + n, consumer->pending);
    dbx_slice at = numbered_key(key, group->cid, group->number, DBX_STREAM_GROUP_CONSUMER_STATE,
                                consumer->number);
    return dbx_txn_put(txn, at, dbx_slice_of(value, n), NOTHING);
}

int dbx_stream_group_close(dbx_txn *txn, dbx_stream_group *group) {
    int rc = write_consumer(txn, group, &group->me);
    if (rc == DBX_OK) rc = write_consumer(txn, group, &group->other);
    return rc == DBX_OK && group->changed ? write_group(txn, group) : rc;
}

int dbx_stream_group_count(dbx_txn *txn, dbx_stream_group *group, uint64_t consumer, int by) {
    dbx_stream_consumer *whose = &group->me;
    if (whose->number != consumer) {
        whose = &group->other;
        if (whose->number != consumer) {
            int rc = write_consumer(txn, group, whose);
            if (rc == DBX_OK) {
                rc = dbx_stream_group_consumer(dbx_txn_view(txn), group->cid, group->number,
                                               consumer, whose);
            }
            if (rc != DBX_OK) return rc;
        }
    }
    whose->pending += (uint64_t)(int64_t)by;
    whose->changed = true;
    return DBX_OK;
}

static dbx_slice consumer_key(dbx_txn *txn, uint8_t *out, const dbx_stream_group *group,
                              dbx_slice name) {
    size_t n = dbx_stream_group_key(out, group->cid, group->number, DBX_STREAM_GROUP_CONSUMER);
    return dbx_slice_of(out, n + put_name(txn, out + n, name));
}

static int create_consumer(dbx_txn *txn, dbx_stream_group *group, dbx_slice name, dbx_slice key,
                           int64_t now_ms) {
    uint8_t number[DBX_VARINT_MAX], name_key[NUMBERED_KEY_MAX];
    group->me = (dbx_stream_consumer){.number = group->next_consumer++,
                                      .seen_ms = now_ms,
                                      .active_ms = DBX_STREAM_NEVER_ACTIVE,
                                      .changed = true};
    group->consumers++;
    group->changed = true;
    size_t n = dbx_format_varint(number, group->me.number);
    int rc = dbx_txn_put(txn, key, dbx_slice_of(number, n), NOTHING);
    if (rc != DBX_OK) return rc;
    dbx_slice at = numbered_key(name_key, group->cid, group->number, DBX_STREAM_GROUP_CONSUMER_NAME,
                                group->me.number);
    return put_name_cell(txn, group->cid, at, name);
}

int dbx_stream_group_join(dbx_txn *txn, dbx_stream_group *group, dbx_slice name, bool create,
                          int64_t now_ms, bool *created) {
    uint8_t bytes[DBX_ENCODED_KEY_MAX];
    dbx_slice key = consumer_key(txn, bytes, group, name), value;
    uint64_t number;
    int rc = dbx_txn_get(txn, key, &value);
    *created = rc == DBX_ENOTFOUND && create;
    if (*created) return create_consumer(txn, group, name, key, now_ms);
    if (rc != DBX_OK) return rc;
    if (!dbx_format_read_varint(&value, &number)) return DBX_ECORRUPT;
    return dbx_stream_group_consumer(dbx_txn_view(txn), group->cid, group->number, number,
                                     &group->me);
}

/* drop_pending deletes all pending entries of a consumer. */
static int drop_pending(dbx_txn *txn, dbx_stream_group *group) {
    uint8_t prefix[NUMBERED_KEY_MAX];
    dbx_slice own = numbered_key(prefix, group->cid, group->number, DBX_STREAM_GROUP_PENDING_OF,
                                 group->me.number);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), own);
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK) {
        uint8_t key[NUMBERED_KEY_MAX + DBX_STREAM_ID_BYTES_MAX], other[sizeof key];
        dbx_slice at = dbx_cursor_key(cursor);
        if (at.len > sizeof key) {
            rc = DBX_ECORRUPT;
            break;
        }
        memcpy(key, at.ptr, at.len);
        size_t n = dbx_stream_group_key(other, group->cid, group->number, DBX_STREAM_GROUP_PENDING);
        memcpy(other + n, key + own.len, at.len - own.len);
        rc = dbx_txn_del(txn, dbx_slice_of(key, at.len));
        if (rc == DBX_OK) rc = dbx_txn_del(txn, dbx_slice_of(other, n + at.len - own.len));
        if (rc == DBX_OK) rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_stream_group_leave(dbx_txn *txn, dbx_stream_group *group, dbx_slice name) {
    uint8_t bytes[DBX_ENCODED_KEY_MAX], key[NUMBERED_KEY_MAX];
    uint64_t cid = group->cid, number = group->me.number;
    int rc = drop_pending(txn, group);
    if (rc == DBX_OK) rc = dbx_txn_del(txn, consumer_key(txn, bytes, group, name));
    if (rc == DBX_OK) {
        rc = drop_name_cell(
            txn, cid,
            numbered_key(key, cid, group->number, DBX_STREAM_GROUP_CONSUMER_NAME, number));
    }
    if (rc == DBX_OK) {
        rc = dbx_txn_del(
            txn, numbered_key(key, cid, group->number, DBX_STREAM_GROUP_CONSUMER_STATE, number));
    }
    group->pending -= group->me.pending;
    group->consumers--;
    group->changed = true;
    group->me = (dbx_stream_consumer){.number = 0};
    return rc;
}

static int load_name(dbx_view *view, uint64_t cid, dbx_slice key, dbx_cell *name) {
    dbx_slice value;
    int rc = dbx_view_get(view, key, &value);
    if (rc != DBX_OK) return rc == DBX_ENOTFOUND ? DBX_ECORRUPT : rc;
    return dbx_cell_read(&value, cid, name) ? DBX_OK : DBX_ECORRUPT;
}

int dbx_stream_group_consumer_name(dbx_view *view, uint64_t cid, uint64_t group, uint64_t number,
                                   dbx_cell *name) {
    uint8_t key[NUMBERED_KEY_MAX];
    dbx_slice at = numbered_key(key, cid, group, DBX_STREAM_GROUP_CONSUMER_NAME, number);
    return load_name(view, cid, at, name);
}

/* --- Walking --------------------------------------------------------------------------------- */

int dbx_stream_group_walk_open(dbx_stream_group_walk *walk, dbx_view *view, uint64_t cid,
                               uint64_t number) {
    *walk = (dbx_stream_group_walk){.cid = cid, .number = number};
    walk->prefix_len = dbx_stream_group_key(walk->prefix, cid, number, DBX_STREAM_GROUP_CONSUMER);
    walk->cursor = dbx_cursor_open(view, dbx_slice_of(walk->prefix, walk->prefix_len));
    return walk->cursor != NULL ? DBX_OK : DBX_ENOMEM;
}

/* next_name stands on the next entry and gives its name as it stands in the key. */
static int next_name(dbx_stream_group_walk *walk, dbx_slice *name) {
    int rc = walk->begun ? dbx_cursor_next(walk->cursor) : dbx_cursor_first(walk->cursor);
    walk->begun = true;
    if (rc != DBX_OK) return rc;
    dbx_slice key = dbx_cursor_key(walk->cursor);
    *name = dbx_slice_of(key.ptr + walk->prefix_len, key.len - walk->prefix_len);
    return DBX_OK;
}

int dbx_stream_group_walk_group(dbx_stream_group_walk *walk, dbx_view *view, dbx_cell *name,
                                dbx_stream_group *group) {
    dbx_slice cut;
    int rc = next_name(walk, &cut);
    if (rc != DBX_OK) return rc;
    if (!read_group(dbx_cursor_value(walk->cursor), group)) return DBX_ECORRUPT;
    group->cid = walk->cid;
    *name = dbx_cell_of(cut);
    if (cut.len <= DBX_MEMBER_INLINE_MAX) return DBX_OK;
    uint8_t key[NUMBERED_KEY_MAX];
    size_t n = dbx_stream_group_key(key, walk->cid, group->number, DBX_STREAM_GROUP_NAME);
    return load_name(view, walk->cid, dbx_slice_of(key, n), name);
}

int dbx_stream_group_walk_consumer(dbx_stream_group_walk *walk, dbx_view *view, dbx_cell *name,
                                   dbx_stream_consumer *consumer) {
    dbx_slice cut;
    uint64_t number;
    int rc = next_name(walk, &cut);
    if (rc != DBX_OK) return rc;
    dbx_slice value = dbx_cursor_value(walk->cursor);
    if (!dbx_format_read_varint(&value, &number)) return DBX_ECORRUPT;
    rc = dbx_stream_group_consumer(view, walk->cid, walk->number, number, consumer);
    *name = dbx_cell_of(cut);
    if (rc != DBX_OK || cut.len <= DBX_MEMBER_INLINE_MAX) return rc;
    return dbx_stream_group_consumer_name(view, walk->cid, walk->number, number, name);
}

int dbx_stream_group_walk_move(dbx_stream_group_walk *walk, dbx_view *view) {
    dbx_cursor *cursor = dbx_cursor_open(view, dbx_slice_of(walk->prefix, walk->prefix_len));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = walk->begun ? dbx_cursor_seek(cursor, dbx_cursor_key(walk->cursor)) : DBX_OK;
    dbx_cursor_close(walk->cursor);
    walk->cursor = cursor;
    return rc;
}

void dbx_stream_group_walk_close(dbx_stream_group_walk *walk) {
    dbx_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

/* --- How far a group is ---------------------------------------------------------------------- */

/* tombstones_from: XDEL may have deleted entries from `from` on. */
static bool tombstones_from(uint64_t length, const dbx_stream *stream, dbx_stream_id from) {
    if (length == 0 || dbx_stream_id_zero(stream->max_deleted)) return false;
    if (dbx_stream_id_cmp(stream->first, stream->max_deleted) > 0) return false;
    return dbx_stream_id_cmp(from, stream->max_deleted) <= 0;
}

/* entries_up_to is how many entries there ever were up to `id`, or UNKNOWN. */
static int64_t entries_up_to(uint64_t length, const dbx_stream *stream, dbx_stream_id id) {
    int to_last = dbx_stream_id_cmp(id, stream->last);
    if (stream->added == 0) return 0;
    if (length == 0 && to_last <= 0) return (int64_t)stream->added;
    if (!dbx_stream_id_zero(id) && dbx_stream_id_cmp(id, stream->max_deleted) < 0) {
        return DBX_STREAM_ENTRIES_READ_UNKNOWN;
    }
    if (to_last == 0) return (int64_t)stream->added;
    if (to_last > 0) return DBX_STREAM_ENTRIES_READ_UNKNOWN;
    int to_first = dbx_stream_id_cmp(id, stream->first);
    if (dbx_stream_id_zero(stream->max_deleted) ||
        dbx_stream_id_cmp(stream->max_deleted, stream->first) < 0) {
        if (to_first < 0) return (int64_t)(stream->added - length);
        if (to_first == 0) return (int64_t)(stream->added - length + 1);
    }
    return DBX_STREAM_ENTRIES_READ_UNKNOWN;
}

void dbx_stream_group_deliver(const dbx_key *k, const dbx_stream *stream, dbx_stream_group *group,
                              dbx_stream_id id) {
    uint64_t length = k->meta.count;
    if (group->entries_read != DBX_STREAM_ENTRIES_READ_UNKNOWN &&
        dbx_stream_id_cmp(group->last, stream->first) >= 0 &&
        !tombstones_from(length, stream, group->last)) {
        group->entries_read = (int64_t)((uint64_t)group->entries_read + 1); /* may be any number */
    } else if (stream->added != 0) {
        group->entries_read = entries_up_to(length, stream, id);
    }
    group->last = id;
    group->changed = true;
}

bool dbx_stream_group_lag(uint64_t length, const dbx_stream *stream, const dbx_stream_group *group,
                          int64_t *lag) {
    int64_t read = group->entries_read;
    if (stream->added == 0 || length == 0) {
        *lag = 0;
        return true;
    }
    if (dbx_stream_id_cmp(group->last, stream->first) < 0 &&
        dbx_stream_id_cmp(stream->max_deleted, stream->first) < 0) {
        *lag = (int64_t)length;
        return true;
    }
    if (read == DBX_STREAM_ENTRIES_READ_UNKNOWN || tombstones_from(length, stream, group->last)) {
        read = entries_up_to(length, stream, group->last);
    }
    if (read == DBX_STREAM_ENTRIES_READ_UNKNOWN) return false;
    *lag = (int64_t)(stream->added - (uint64_t)read);
    return true;
}
