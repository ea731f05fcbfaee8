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
    static uint8_t zeros[CHUNK]; /* never written: no memory but one page */
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
        *part = dbx_slice_of(zeros, to - from);
    }
    return DBX_OK;
}

/* lengthen adds zeros up to `from`, then `bytes`, to a chunk that is `len` long. */
static int lengthen(dbx_txn *txn, dbx_slice key, size_t len, size_t from, dbx_slice bytes) {
    dbx_slice nothing = dbx_slice_of("", 0);
    size_t gap = from - len;
    if (gap == 0) return dbx_txn_append(txn, key, bytes);
    uint8_t *text = dbx_alloc_zero(1, gap + bytes.len);
    if (text == NULL) return DBX_ENOMEM;
    if (bytes.len > 0) memcpy(text + gap, bytes.ptr, bytes.len);
    dbx_slice more = dbx_slice_of(text, gap + bytes.len);
    int rc = len > 0 ? dbx_txn_append(txn, key, more) : dbx_txn_put(txn, key, nothing, more);
    dbx_alloc_free(text);
    return rc;
}

/* write_chunk lays `bytes` over the chunk at `from`. What it holds before and after that stays
 * where it is: a bit costs as little in a full chunk as in an empty one. */
static int write_chunk(dbx_txn *txn, dbx_slice key, size_t from, dbx_slice bytes) {
    dbx_slice nothing = dbx_slice_of("", 0), stored = nothing;
    if (bytes.len == CHUNK) return dbx_txn_put(txn, key, nothing, bytes);
    int rc = dbx_txn_get(txn, key, &stored);
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    size_t len = stored.len;
    if (from == 0 && bytes.len >= len) return dbx_txn_put(txn, key, nothing, bytes);
    if (from < len) {
        size_t within = bytes.len < len - from ? bytes.len : len - from;
        rc = dbx_txn_patch(txn, key, from, dbx_slice_of(bytes.ptr, within));
        if (rc != DBX_OK || within == bytes.len) return rc;
        bytes = dbx_slice_of(bytes.ptr + within, bytes.len - within);
        from = len;
    }
    return lengthen(txn, key, len, from, bytes);
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

int dbx_chunks_put(dbx_txn *txn, dbx_chunks chunks, uint64_t chunk, dbx_slice bytes) {
    chunk_key key;
    return dbx_txn_put(txn, key_of(&key, chunks, chunk), dbx_slice_of("", 0), bytes);
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
