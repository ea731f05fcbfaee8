/* chunks.c: reading and changing long values chunk by chunk; see chunks.h. */
#include "types/chunks.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { CHUNK = DBX_VALUE_CHUNK_BYTES, CHUNK_KEY_BYTES = 1 + 2 * DBX_NUMBER_BYTES_MAX + 4 };

typedef struct chunk_key {
    uint8_t bytes[CHUNK_KEY_BYTES];
} chunk_key;

static dbx_slice key_of(chunk_key *key, dbx_chunks chunks, uint64_t chunk) {
    uint8_t table = chunks.part == 0 ? DBX_TABLE_CHUNK : DBX_TABLE_PIECE;
    size_t n = dbx_format_collection(key->bytes, table, chunks.cid);
    if (chunks.part != 0) n += dbx_format_number(key->bytes + n, chunks.part);
    dbx_store32_be(key->bytes + n, (uint32_t)chunk);
    return dbx_slice_of(key->bytes, n + 4);
}

int dbx_chunks_part(dbx_view *view, dbx_chunks chunks, uint64_t at, uint64_t end, dbx_slice *part) {
    static const uint8_t zeros[4096];
    chunk_key key;
    dbx_slice stored;
    size_t from = (size_t)(at % CHUNK);
    size_t to = end - at < CHUNK - from ? from + (size_t)(end - at) : CHUNK;
    int rc = dbx_view_get(view, key_of(&key, chunks, at / CHUNK), &stored);
    if (rc == DBX_ENOTFOUND) stored = dbx_slice_of(zeros, 0);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (from < stored.len) {
        *part = dbx_slice_of(stored.ptr + from, (to < stored.len ? to : stored.len) - from);
    } else {
        *part = dbx_slice_of(zeros, to - from < sizeof zeros ? to - from : sizeof zeros);
    }
    return DBX_OK;
}

/* overlay puts `bytes` into the chunk at `from`, where it holds `stored` already: what lies before
 * and after is copied out first, because slices of the map die when it is written to. */
static int overlay(dbx_txn *txn, dbx_slice key, dbx_slice stored, size_t from, dbx_slice bytes) {
    size_t end = from + bytes.len;
    size_t tail = stored.len > end ? stored.len - end : 0;
    uint8_t *text = dbx_alloc_zero(1, from + (tail > 0 ? bytes.len + tail : 0) + 1);
    if (text == NULL) return DBX_ENOMEM;
    size_t kept = stored.len < from ? stored.len : from;
    if (kept > 0) memcpy(text, stored.ptr, kept);
    if (tail > 0) {
        memcpy(text + from, bytes.ptr, bytes.len);
        memcpy(text + end, stored.ptr + end, tail);
    }
    int rc = tail > 0 ? dbx_txn_put(txn, key, dbx_slice_of(text, end + tail), dbx_slice_of("", 0))
                      : dbx_txn_put(txn, key, dbx_slice_of(text, from), bytes);
    dbx_alloc_free(text);
    return rc;
}

static int write_chunk(dbx_txn *txn, dbx_slice key, size_t from, dbx_slice bytes) {
    dbx_slice nothing = dbx_slice_of("", 0), stored = nothing;
    if (bytes.len == CHUNK) return dbx_txn_put(txn, key, nothing, bytes);
    int rc = dbx_txn_get(txn, key, &stored);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    if (from == 0 && bytes.len >= stored.len) return dbx_txn_put(txn, key, nothing, bytes);
    if (from == stored.len) return dbx_txn_append(txn, key, bytes);
    return overlay(txn, key, stored, from, bytes);
}

int dbx_chunks_write(dbx_txn *txn, dbx_chunks chunks, uint64_t offset, dbx_slice bytes) {
    while (bytes.len > 0) {
        chunk_key key;
        size_t from = (size_t)(offset % CHUNK);
        size_t n = bytes.len < CHUNK - from ? bytes.len : CHUNK - from;
        int rc = write_chunk(txn, key_of(&key, chunks, offset / CHUNK), from,
                             dbx_slice_of(bytes.ptr, n));
        if (rc != DBX_OK) return rc;
        bytes = dbx_slice_of(bytes.ptr + n, bytes.len - n);
        offset += n;
    }
    return DBX_OK;
}

int dbx_chunks_copy(dbx_txn *txn, dbx_chunks from, dbx_chunks to, uint64_t len) {
    static const dbx_slice nothing = {NULL, 0};
    for (uint64_t chunk = 0; chunk * CHUNK < len; chunk++) {
        chunk_key key;
        dbx_slice stored;
        int rc = dbx_txn_get(txn, key_of(&key, from, chunk), &stored);
        if (rc == DBX_ENOTFOUND) continue;
        if (rc != DBX_OK) return rc;
        if (stored.len > CHUNK) return DBX_ECORRUPT;
        uint8_t *room;
        rc = dbx_txn_room(txn, stored.len, &room);
        if (rc != DBX_OK) return rc;
        memcpy(room, stored.ptr, stored.len);
        dbx_slice copy = dbx_slice_of(room, stored.len);
        rc = dbx_txn_put(txn, key_of(&key, to, chunk), nothing, copy);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

int dbx_chunks_drop(dbx_txn *txn, dbx_chunks chunks, uint64_t len) {
    for (uint64_t chunk = 0; chunk * CHUNK < len; chunk++) {
        chunk_key key;
        int rc = dbx_txn_del(txn, key_of(&key, chunks, chunk));
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}
