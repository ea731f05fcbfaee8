/* stream_entry.c: see stream_entry.h. */
#include "types/stream_entry.h"

#include "base/alloc.h"
#include "codec/msgpack_read.h"
#include "codec/msgpack_write.h"

enum {
    LONG = 0xC1,
    ON_STACK = 512, /* most entries */
    GATHERED = 4096 /* pieces of a long entry are put together up to here */
};

dbx_stream_entry_key dbx_stream_entry_key_of(uint64_t cid, dbx_stream_id id) {
    dbx_stream_entry_key key;
    key.len = dbx_format_collection(key.bytes, DBX_TABLE_STREAM, cid);
    key.len += dbx_stream_id_put(key.bytes + key.len, id);
    return key;
}

/* --- Writing --------------------------------------------------------------------------------- */

static size_t packed_bytes(size_t count, const dbx_slice *strings) {
    uint8_t head[DBX_MSGPACK_HEAD_MAX];
    size_t n = (size_t)(dbx_msgpack_put_map_head(head, count / 2) - head);
    for (size_t i = 0; i < count; i++) {
        n += (size_t)(dbx_msgpack_put_bin_head(head, strings[i].len) - head) + strings[i].len;
    }
    return n;
}

static void pack(uint8_t *at, size_t count, const dbx_slice *strings) {
    at = dbx_msgpack_put_map_head(at, count / 2);
    for (size_t i = 0; i < count; i++) {
        at = dbx_msgpack_put_bin_head(at, strings[i].len);
        if (strings[i].len > 0) memcpy(at, strings[i].ptr, strings[i].len);
        at += strings[i].len;
    }
}

/* Pieces of a long entry on their way into its chunks. */
typedef struct gatherer {
    dbx_txn *txn;
    dbx_chunks chunks;
    uint64_t at;
    size_t len; /* of what is gathered */
    uint8_t bytes[GATHERED];
} gatherer;

static int flush(gatherer *g) {
    int rc = dbx_chunks_write(g->txn, g->chunks, g->at, dbx_slice_of(g->bytes, g->len));
    g->at += g->len;
    g->len = 0;
    return rc;
}

static int gather(gatherer *g, dbx_slice piece) {
    if (piece.len > sizeof g->bytes - g->len) {
        int rc = flush(g);
        if (rc != DBX_OK) return rc;
    }
    if (piece.len > sizeof g->bytes) {
        int rc = dbx_chunks_write(g->txn, g->chunks, g->at, piece);
        g->at += piece.len;
        return rc;
    }
    if (piece.len > 0) memcpy(g->bytes + g->len, piece.ptr, piece.len);
    g->len += piece.len;
    return DBX_OK;
}

/* write_long puts the packed bytes into chunks, and gives the value that names them. */
static int write_long(dbx_txn *txn, uint64_t cid, size_t bytes, size_t count,
                      const dbx_slice *strings, uint8_t *value, size_t *value_len) {
    gatherer g = {.txn = txn, .chunks = {.cid = cid, .part = dbx_txn_new_id(txn)}};
    uint8_t head[DBX_MSGPACK_HEAD_MAX];
    size_t n = (size_t)(dbx_msgpack_put_map_head(head, count / 2) - head);
    int rc = gather(&g, dbx_slice_of(head, n));
    for (size_t i = 0; i < count && rc == DBX_OK; i++) {
        n = (size_t)(dbx_msgpack_put_bin_head(head, strings[i].len) - head);
        rc = gather(&g, dbx_slice_of(head, n));
        if (rc == DBX_OK) rc = gather(&g, strings[i]);
    }
    if (rc == DBX_OK) rc = flush(&g);
    value[0] = LONG;
    n = 1 + dbx_format_varint(value + 1, bytes);
    *value_len = n + dbx_format_varint(value + n, g.chunks.part);
    return rc;
}

static int put(dbx_txn *txn, const dbx_stream_entry_key *key, bool fresh, dbx_slice value) {
    static const dbx_slice nothing = {NULL, 0};
    dbx_slice at = dbx_slice_of(key->bytes, key->len);
    return fresh ? dbx_txn_put_fresh(txn, at, value) : dbx_txn_put(txn, at, value, nothing);
}

int dbx_stream_entry_put(dbx_txn *txn, uint64_t cid, dbx_stream_id id, bool fresh, size_t count,
                         const dbx_slice *strings) {
    dbx_stream_entry_key key = dbx_stream_entry_key_of(cid, id);
    size_t bytes = packed_bytes(count, strings);
    uint8_t small[ON_STACK], *value = small;
    if (bytes > DBX_CELL_INLINE_MAX) {
        size_t len;
        int rc = write_long(txn, cid, bytes, count, strings, small, &len);
        return rc == DBX_OK ? put(txn, &key, fresh, dbx_slice_of(small, len)) : rc;
    }
    if (bytes > sizeof small) {
        value = dbx_alloc(bytes);
        if (value == NULL) return DBX_ENOMEM;
    }
    pack(value, count, strings);
    int rc = put(txn, &key, fresh, dbx_slice_of(value, bytes));
    if (value != small) dbx_alloc_free(value);
    return rc;
}

bool dbx_stream_entry_rest_of(dbx_slice value, uint64_t cid, dbx_stream_entry_rest *rest) {
    *rest = (dbx_stream_entry_rest){.chunks = {.cid = cid}};
    if (value.len == 0) return false;
    if (value.ptr[0] != LONG) return true;
    dbx_slice left = dbx_slice_of(value.ptr + 1, value.len - 1);
    return dbx_format_read_varint(&left, &rest->len) &&
           dbx_format_read_varint(&left, &rest->chunks.part) && rest->chunks.part != 0;
}

int dbx_stream_entry_del(dbx_txn *txn, uint64_t cid, dbx_stream_id id,
                         const dbx_stream_entry_rest *rest) {
    dbx_stream_entry_key key = dbx_stream_entry_key_of(cid, id);
    int rc = rest->chunks.part == 0 ? DBX_OK : dbx_chunks_drop(txn, rest->chunks, rest->len);
    return rc == DBX_OK ? dbx_txn_del(txn, dbx_slice_of(key.bytes, key.len)) : rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* head_of_long reads the head at entry->at, which may lie in two chunks. */
static int head_of_long(dbx_stream_entry *entry, dbx_view *view, dbx_msgpack_token *token) {
    uint8_t head[DBX_MSGPACK_HEAD_MAX];
    size_t n = 0;
    while (n < sizeof head && entry->at + n < entry->len) {
        dbx_slice part;
        int rc = dbx_chunks_part(view, entry->chunks, entry->at + n, entry->len, &part);
        if (rc != DBX_OK) return rc;
        size_t more = part.len < sizeof head - n ? part.len : sizeof head - n;
        memcpy(head + n, part.ptr, more);
        n += more;
    }
    int used = n == 0 ? DBX_EINVAL : dbx_msgpack_head(head, n, token);
    if (used <= 0) return DBX_ECORRUPT;
    entry->at += (uint64_t)used;
    return DBX_OK;
}

static int head_of_short(dbx_stream_entry *entry, dbx_msgpack_token *token) {
    dbx_slice *packed = &entry->packed;
    int used = packed->len == 0 ? DBX_EINVAL : dbx_msgpack_head(packed->ptr, packed->len, token);
    if (used <= 0) return DBX_ECORRUPT;
    packed->ptr += used;
    packed->len -= (size_t)used;
    return DBX_OK;
}

int dbx_stream_entry_open(dbx_stream_entry *entry, dbx_view *view, uint64_t cid, dbx_slice value) {
    dbx_stream_entry_rest rest;
    dbx_msgpack_token token = {.kind = DBX_MSGPACK_IS_NIL};
    if (!dbx_stream_entry_rest_of(value, cid, &rest)) return DBX_ECORRUPT;
    *entry = (dbx_stream_entry){.packed = value, .chunks = rest.chunks, .len = rest.len};
    int rc = dbx_stream_entry_is_long(entry) ? head_of_long(entry, view, &token)
                                             : head_of_short(entry, &token);
    if (rc != DBX_OK) return rc;
    entry->left = 2 * (uint64_t)token.count;
    return token.kind == DBX_MSGPACK_IS_MAP ? DBX_OK : DBX_ECORRUPT;
}

int dbx_stream_entry_next(dbx_stream_entry *entry, dbx_view *view, dbx_stream_string *string) {
    dbx_msgpack_token token;
    bool is_long = dbx_stream_entry_is_long(entry);
    int rc = is_long ? head_of_long(entry, view, &token) : head_of_short(entry, &token);
    if (rc != DBX_OK) return rc;
    if (token.kind != DBX_MSGPACK_IS_BIN) return DBX_ECORRUPT;
    size_t len = token.bytes.len;
    if (is_long) {
        *string = (dbx_stream_string){.len = len, .at = entry->at};
        if (len > entry->len - entry->at) return DBX_ECORRUPT;
        entry->at += len;
    } else {
        *string = (dbx_stream_string){.len = len, .ptr = entry->packed.ptr};
        if (len > entry->packed.len) return DBX_ECORRUPT;
        entry->packed.ptr += len;
        entry->packed.len -= len;
    }
    entry->left--;
    return DBX_OK;
}
