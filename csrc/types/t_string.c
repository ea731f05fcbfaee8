/* t_string.c: strings on disk; see t_string.h. Whole values and ranges of them are here, long
 * ones lie in chunks. */
#include "types/t_string.h"

#include "base/alloc.h"
#include "base/num.h"
#include "types/chunks.h"

static bool is_chunked(const dbx_key *k) {
    return k->meta.encoding == DBX_STRING_CHUNKED;
}

static dbx_chunks chunks_of(uint64_t cid) {
    return (dbx_chunks){.cid = cid};
}

uint64_t dbx_string_len(const dbx_key *k) {
    if (!k->exists) return 0;
    return is_chunked(k) ? k->meta.count : k->payload.len;
}

bool dbx_string_inline(const dbx_key *k, dbx_slice *bytes) {
    if (k->exists && is_chunked(k)) return false;
    *bytes = k->exists ? k->payload : dbx_slice_of("", 0);
    return true;
}

/* --- Reading --------------------------------------------------------------------------------- */

void dbx_string_parts_open(dbx_string_parts *parts, dbx_view *view, const dbx_key *k, uint64_t from,
                           uint64_t n) {
    *parts = (dbx_string_parts){.view = view, .at = from, .end = from + n};
    if (!k->exists) {
        parts->end = from;
    } else if (is_chunked(k)) {
        parts->chunks.cid = k->meta.cid;
    } else {
        parts->payload = k->payload;
    }
}

int dbx_string_parts_next(dbx_string_parts *parts, dbx_slice *part) {
    if (parts->at >= parts->end) return DBX_ENOTFOUND;
    if (parts->chunks.cid == 0) {
        *part = dbx_slice_of(parts->payload.ptr + parts->at, (size_t)(parts->end - parts->at));
    } else {
        int rc = dbx_chunks_part(parts->view, parts->chunks, parts->at, parts->end, part);
        if (rc != DBX_OK) return rc;
    }
    parts->at += part->len;
    return DBX_OK;
}

int dbx_string_read(dbx_txn *txn, const dbx_key *k, uint64_t from, uint64_t n, dbx_buf *out) {
    dbx_string_parts parts;
    dbx_slice part;
    int rc;
    dbx_string_parts_open(&parts, dbx_txn_view(txn), k, from, n);
    while ((rc = dbx_string_parts_next(&parts, &part)) == DBX_OK) {
        dbx_buf_add(out, part.ptr, part.len);
    }
    if (rc != DBX_ENOTFOUND) return rc;
    return out->failed ? DBX_ENOMEM : DBX_OK;
}

/* --- Writing a whole value ------------------------------------------------------------------- */

static uint8_t encoding_of(dbx_slice bytes) {
    int64_t number;
    if (bytes.len <= DBX_NUM_TEXT_MAX && dbx_num_from_slice(bytes, &number)) return DBX_STRING_INT;
    return bytes.len <= DBX_STRING_EMBSTR_MAX ? DBX_STRING_EMBSTR : DBX_STRING_RAW;
}

static int set_as(dbx_txn *txn, dbx_key *k, uint8_t encoding, dbx_slice bytes, dbx_expiry expiry) {
    dbx_key_reset(k, DBX_STRING, encoding);
    k->meta.expiry = expiry;
    if (bytes.len <= DBX_VALUE_CHUNK_BYTES) return dbx_key_write(txn, k, bytes);
    k->meta.encoding = DBX_STRING_CHUNKED;
    k->meta.cid = dbx_txn_new_id(txn);
    k->meta.count = bytes.len;
    int rc = dbx_chunks_write(txn, chunks_of(k->meta.cid), 0, bytes);
    return rc != DBX_OK ? rc : dbx_key_write(txn, k, dbx_slice_of("", 0));
}

int dbx_string_set(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry) {
    return set_as(txn, k, encoding_of(bytes), bytes, expiry);
}

int dbx_string_set_text(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry) {
    uint8_t encoding = bytes.len <= DBX_STRING_EMBSTR_MAX ? DBX_STRING_EMBSTR : DBX_STRING_RAW;
    return set_as(txn, k, encoding, bytes, expiry);
}

int dbx_string_set_raw(dbx_txn *txn, dbx_key *k, dbx_slice bytes, dbx_expiry expiry) {
    return set_as(txn, k, DBX_STRING_RAW, bytes, expiry);
}

int dbx_string_set_i64(dbx_txn *txn, dbx_key *k, int64_t value) {
    char text[DBX_NUM_TEXT_MAX];
    dbx_slice digits = dbx_slice_of(text, dbx_num_to_text(value, text));
    if (!k->exists) dbx_key_reset(k, DBX_STRING, DBX_STRING_INT);
    k->meta.encoding = DBX_STRING_INT;
    return dbx_key_write(txn, k, digits);
}

/* --- Writing a part -------------------------------------------------------------------------- */

static bool is_raw(const dbx_key *k) {
    return k->exists && k->meta.encoding == DBX_STRING_RAW;
}

/* write_inline lays `bytes` over the payload at `offset`: at most a chunk. What is raw already is
 * changed where it lies, the rest replaced. */
static int write_inline(dbx_txn *txn, dbx_key *k, size_t offset, dbx_slice bytes) {
    size_t old = (size_t)dbx_string_len(k), end = offset + bytes.len, len = old > end ? old : end;
    if (is_raw(k) && end <= old) return dbx_key_patch(txn, k, offset, bytes);
    if (is_raw(k) && offset == old) return dbx_key_append(txn, k, bytes);
    size_t stays = is_raw(k) && offset > old ? old : 0;
    uint8_t *text = dbx_alloc_zero(1, len - stays + 1);
    if (text == NULL) return DBX_ENOMEM;
    if (stays == 0 && old > 0) memcpy(text, k->payload.ptr, old);
    if (bytes.len > 0) memcpy(text + offset - stays, bytes.ptr, bytes.len);
    if (!k->exists) dbx_key_reset(k, DBX_STRING, DBX_STRING_RAW);
    k->meta.encoding = DBX_STRING_RAW;
    dbx_slice now = dbx_slice_of(text, len - stays);
    int rc = stays > 0 ? dbx_key_append(txn, k, now) : dbx_key_write(txn, k, now);
    dbx_alloc_free(text);
    return rc;
}

/* make_chunked moves the payload into the first chunk; the record follows when the caller writes
 * it. */
static int make_chunked(dbx_txn *txn, dbx_key *k) {
    uint64_t cid = dbx_txn_new_id(txn);
    int rc = DBX_OK;
    if (k->exists && k->payload.len > 0) {
        /* Copied first: a slice of the map is dead once the map is written to. */
        uint8_t *text = dbx_alloc(k->payload.len);
        if (text == NULL) return DBX_ENOMEM;
        memcpy(text, k->payload.ptr, k->payload.len);
        rc = dbx_chunks_write(txn, chunks_of(cid), 0, dbx_slice_of(text, k->payload.len));
        dbx_alloc_free(text);
    }
    if (!k->exists) dbx_key_reset(k, DBX_STRING, DBX_STRING_CHUNKED);
    k->meta.encoding = DBX_STRING_CHUNKED;
    k->meta.cid = cid;
    return rc;
}

int dbx_string_write(dbx_txn *txn, dbx_key *k, uint64_t offset, dbx_slice bytes) {
    if (offset > DBX_STRING_BYTES_MAX - bytes.len) return DBX_ELIMIT;
    uint64_t old = dbx_string_len(k), end = offset + bytes.len, len = old > end ? old : end;
    int rc;
    if (!(k->exists && is_chunked(k))) {
        if (len <= DBX_VALUE_CHUNK_BYTES) return write_inline(txn, k, (size_t)offset, bytes);
        rc = make_chunked(txn, k);
        if (rc != DBX_OK) return rc;
    }
    rc = dbx_chunks_write(txn, chunks_of(k->meta.cid), offset, bytes);
    if (rc != DBX_OK) return rc;
    k->meta.count = len;
    return dbx_key_write(txn, k, dbx_slice_of("", 0));
}

int dbx_string_append(dbx_txn *txn, dbx_key *k, dbx_slice bytes) {
    uint64_t len = dbx_string_len(k);
    return dbx_string_write(txn, k, len, bytes);
}

int dbx_string_copy(dbx_txn *txn, const dbx_key *from, dbx_key *to) {
    dbx_key_reset(to, DBX_STRING, from->meta.encoding);
    to->meta.expiry = from->meta.expiry;
    if (is_chunked(from)) {
        to->meta.cid = dbx_txn_new_id(txn);
        to->meta.count = from->meta.count;
        int rc = dbx_chunks_copy(txn, chunks_of(from->meta.cid), chunks_of(to->meta.cid),
                                 from->meta.count);
        return rc != DBX_OK ? rc : dbx_key_write(txn, to, dbx_slice_of("", 0));
    }
    uint8_t *text = dbx_alloc(from->payload.len + 1);
    if (text == NULL) return DBX_ENOMEM;
    if (from->payload.len > 0) memcpy(text, from->payload.ptr, from->payload.len);
    int rc = dbx_key_write(txn, to, dbx_slice_of(text, from->payload.len));
    dbx_alloc_free(text);
    return rc;
}
