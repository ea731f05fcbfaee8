/* t_bitmap.c: the bits of strings; see t_bitmap.h. */
#include "types/t_bitmap.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "types/chunks.h"
#include "types/t_string.h"

enum {
    CHUNK = DBX_VALUE_CHUNK_BYTES,
    COPIED_MAX = 1 << 20 /* results up to this are as large as what one command may bring */
};

/* --- Bits as integers ------------------------------------------------------------------------ */

/* read_bytes copies `n` bytes from `from` on; those beyond the end are zeros. */
static int read_bytes(dbx_txn *txn, const dbx_key *k, uint64_t from, size_t n, uint8_t *bytes) {
    uint64_t len = dbx_string_len(k);
    dbx_string_parts parts;
    dbx_slice part;
    int rc;
    memset(bytes, 0, n);
    if (from >= len) return DBX_OK;
    dbx_string_parts_open(&parts, dbx_txn_view(txn), k, from, n < len - from ? n : len - from);
    while ((rc = dbx_string_parts_next(&parts, &part)) == DBX_OK) {
        memcpy(bytes, part.ptr, part.len);
        bytes += part.len;
    }
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* How many bytes `bits` bits lie in that begin at bit `first` of the first of them. */
static size_t bytes_of(unsigned first, unsigned bits) {
    return (first + bits + 7) / 8;
}

int dbx_bitmap_read(dbx_txn *txn, const dbx_key *k, uint64_t at, unsigned bits, uint64_t *value) {
    uint8_t bytes[DBX_FIELD_BYTES_MAX];
    unsigned first = (unsigned)(at % 8);
    int rc = read_bytes(txn, k, at / 8, bytes_of(first, bits), bytes);
    if (rc != DBX_OK) return rc;
    *value = 0;
    for (unsigned i = first; i < first + bits; i++)
        *value = *value << 1 | (bytes[i / 8] >> (7 - i % 8) & 1);
    return DBX_OK;
}

int dbx_bitmap_write(dbx_txn *txn, dbx_key *k, uint64_t at, unsigned bits, uint64_t value) {
    uint8_t bytes[DBX_FIELD_BYTES_MAX];
    unsigned first = (unsigned)(at % 8);
    size_t n = bytes_of(first, bits);
    int rc = read_bytes(txn, k, at / 8, n, bytes);
    if (rc != DBX_OK) return rc;
    for (unsigned i = first + bits; i > first; i--) {
        uint8_t mask = (uint8_t)(1u << (7 - (i - 1) % 8));
        uint8_t *byte = &bytes[(i - 1) / 8];
        *byte = (uint8_t)((value & 1) != 0 ? *byte | mask : *byte & ~mask);
        value >>= 1;
    }
    return dbx_string_write(txn, k, at / 8, dbx_slice_of(bytes, n));
}

int dbx_bitmap_reach(dbx_txn *txn, dbx_key *k, uint64_t at) {
    uint8_t last;
    bool raw =
        k->exists && (k->meta.encoding == DBX_STRING_RAW || k->meta.encoding == DBX_STRING_CHUNKED);
    if (raw && at / 8 < dbx_string_len(k)) return DBX_OK;
    int rc = read_bytes(txn, k, at / 8, 1, &last);
    return rc != DBX_OK ? rc : dbx_string_write(txn, k, at / 8, dbx_slice_of(&last, 1));
}

/* --- Counting -------------------------------------------------------------------------------- */

/* Four counts at a time, so that none waits for the one before. */
static inline __attribute__((always_inline)) uint64_t count_bits(dbx_slice s) {
    const uint8_t *p = s.ptr, *end = p + s.len;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; end - p >= 32; p += 32) {
        a += (uint64_t)__builtin_popcountll(dbx_load64(p));
        b += (uint64_t)__builtin_popcountll(dbx_load64(p + 8));
        c += (uint64_t)__builtin_popcountll(dbx_load64(p + 16));
        d += (uint64_t)__builtin_popcountll(dbx_load64(p + 24));
    }
    for (; p < end; p++)
        a += (uint64_t)__builtin_popcount(*p);
    return a + b + c + d;
}

static uint64_t count_portable(dbx_slice s) {
    return count_bits(s);
}

/* Decided once, when the program is loaded. */
static uint64_t (*count_part)(dbx_slice s) = count_portable;

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint64_t count_native(dbx_slice s) {
    return count_bits(s);
}

__attribute__((constructor)) static void count_prepare(void) {
    if (__builtin_cpu_supports("popcnt")) count_part = count_native;
}
#endif

/* count_bytes counts in whole bytes [from, end). */
static int count_bytes(dbx_txn *txn, const dbx_key *k, uint64_t from, uint64_t end,
                       uint64_t *count) {
    dbx_string_parts parts;
    dbx_slice part;
    int rc;
    *count = 0;
    dbx_string_parts_open(&parts, dbx_txn_view(txn), k, from, end - from);
    while ((rc = dbx_string_parts_next(&parts, &part)) == DBX_OK)
        *count += count_part(part);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

int dbx_bitmap_count(dbx_txn *txn, const dbx_key *k, uint64_t from, uint64_t end, uint64_t *count) {
    uint8_t first, last;
    if (from >= end) {
        *count = 0;
        return DBX_OK;
    }
    int rc = count_bytes(txn, k, from / 8, (end + 7) / 8, count);
    if (rc == DBX_OK && from % 8 != 0) { /* those of its byte that come before */
        rc = read_bytes(txn, k, from / 8, 1, &first);
        if (rc == DBX_OK) *count -= (uint64_t)__builtin_popcount((unsigned)first >> (8 - from % 8));
    }
    if (rc == DBX_OK && end % 8 != 0) { /* and that come after */
        rc = read_bytes(txn, k, end / 8, 1, &last);
        if (rc == DBX_OK) *count -= (uint64_t)__builtin_popcount((uint8_t)(last << (end % 8)));
    }
    return rc;
}

/* --- Finding --------------------------------------------------------------------------------- */

/* The first byte of `s` that is not `skip`, which is 0 or 255; s.len: there is none. */
static size_t first_other(dbx_slice s, uint8_t skip) {
    uint64_t same = skip == 0 ? 0 : UINT64_MAX;
    size_t i = 0;
    for (; s.len - i >= 32; i += 32) {
        const uint8_t *p = s.ptr + i;
        uint64_t a = dbx_load64(p) ^ same, b = dbx_load64(p + 8) ^ same;
        uint64_t c = dbx_load64(p + 16) ^ same, d = dbx_load64(p + 24) ^ same;
        if ((a | b | c | d) != 0) break;
    }
    while (i < s.len && s.ptr[i] == skip)
        i++;
    return i;
}

/* find_byte finds the first byte of [from, end) that has the bit, and where in it. */
static int find_byte(dbx_txn *txn, const dbx_key *k, bool bit, uint64_t from, uint64_t end,
                     uint64_t *at) {
    uint8_t skip = bit ? 0 : UINT8_MAX;
    dbx_string_parts parts;
    dbx_slice part;
    int rc;
    dbx_string_parts_open(&parts, dbx_txn_view(txn), k, from, end - from);
    while ((rc = dbx_string_parts_next(&parts, &part)) == DBX_OK) {
        size_t i = first_other(part, skip);
        if (i < part.len) {
            unsigned byte = part.ptr[i] ^ skip;
            *at = (from + i) * 8 + (uint64_t)__builtin_clz(byte) - 24;
            return DBX_OK;
        }
        from += part.len;
    }
    return rc;
}

/* find_within looks at bits [from, end) of one byte. */
static int find_within(dbx_txn *txn, const dbx_key *k, bool bit, uint64_t from, uint64_t end,
                       uint64_t *at) {
    uint8_t byte;
    int rc = from < end ? read_bytes(txn, k, from / 8, 1, &byte) : DBX_ENOTFOUND;
    if (rc != DBX_OK) return rc;
    for (; from < end; from++) {
        if ((byte >> (7 - from % 8) & 1) == (bit ? 1 : 0)) {
            *at = from;
            return DBX_OK;
        }
    }
    return DBX_ENOTFOUND;
}

int dbx_bitmap_find(dbx_txn *txn, const dbx_key *k, bool bit, uint64_t from, uint64_t end,
                    uint64_t *at) {
    uint64_t whole = (from + 7) / 8, whole_end = end / 8;
    if (whole >= whole_end) { /* two bytes at most, neither of them whole */
        uint64_t border = whole * 8 < end ? whole * 8 : end;
        int rc = find_within(txn, k, bit, from, border, at);
        return rc != DBX_ENOTFOUND ? rc : find_within(txn, k, bit, border, end, at);
    }
    int rc = find_within(txn, k, bit, from, whole * 8, at);
    if (rc == DBX_ENOTFOUND) rc = find_byte(txn, k, bit, whole, whole_end, at);
    if (rc == DBX_ENOTFOUND) rc = find_within(txn, k, bit, whole_end * 8, end, at);
    return rc;
}

/* --- Combining ------------------------------------------------------------------------------- */

dbx_bitmap_operand dbx_bitmap_operand_of(const dbx_key *k) {
    dbx_bitmap_operand operand = {.len = dbx_string_len(k)};
    if (!dbx_string_inline(k, &operand.payload)) operand.cid = k->meta.cid;
    return operand;
}

static void apply(dbx_bitmap_op op, uint8_t *restrict to, const uint8_t *restrict from, size_t n) {
    switch (op) {
    case DBX_BITMAP_AND:
        for (size_t i = 0; i < n; i++)
            to[i] &= from[i];
        break;
    case DBX_BITMAP_OR:
        for (size_t i = 0; i < n; i++)
            to[i] |= from[i];
        break;
    case DBX_BITMAP_XOR:
        for (size_t i = 0; i < n; i++)
            to[i] ^= from[i];
        break;
    case DBX_BITMAP_NOT:
        for (size_t i = 0; i < n; i++)
            to[i] = (uint8_t)~from[i];
        break;
    }
}

/* add_operand combines `n` bytes of an operand from `from` on with what `to` holds; the `first` one
 * takes its place. */
static int add_operand(dbx_txn *txn, dbx_bitmap_op op, const dbx_bitmap_operand *operand,
                       bool first, uint64_t from, size_t n, uint8_t *to) {
    uint64_t end = operand->len < from + n ? operand->len : from + n;
    bool zeroes = first || op == DBX_BITMAP_AND;
    for (uint64_t at = from; at < end;) {
        dbx_slice part = dbx_slice_of(operand->payload.ptr + at, (size_t)(end - at));
        int rc = operand->cid == 0 ? DBX_OK
                                   : dbx_chunks_part(dbx_txn_view(txn),
                                                     (dbx_chunks){operand->cid, 0}, at, end, &part);
        if (rc != DBX_OK) return rc;
        if (first && op != DBX_BITMAP_NOT) {
            memcpy(to + (at - from), part.ptr, part.len);
        } else {
            apply(op, to + (at - from), part.ptr, part.len);
        }
        at += part.len;
    }
    /* What an operand lacks is zeros: for OR and XOR nothing to do. */
    size_t had = end > from ? (size_t)(end - from) : 0;
    if (had < n && zeroes) memset(to + had, 0, n - had);
    return DBX_OK;
}

/* combine_part makes bytes [from, from + n) of the result, n at most a chunk. */
static int combine_part(dbx_txn *txn, dbx_bitmap_op op, const dbx_bitmap_operand *operands,
                        size_t count, uint64_t from, size_t n, uint8_t *to) {
    for (size_t i = 0; i < count; i++) {
        int rc = add_operand(txn, op, &operands[i], i == 0, from, n, to);
        if (rc != DBX_OK) return rc;
    }
    return DBX_OK;
}

/* Where a chunk of a result is made: in memory that is used again and copied, or, of a long result,
 * in room that the buffer refers to. */
typedef struct workplace {
    bool refers;
    uint8_t *at; /* NULL: none yet */
} workplace;

static int take_place(dbx_txn *txn, workplace *w, size_t bytes) {
    if (w->at != NULL) return DBX_OK;
    if (w->refers) return dbx_txn_room(txn, bytes, &w->at);
    w->at = dbx_alloc(bytes);
    return w->at == NULL ? DBX_ENOMEM : DBX_OK;
}

/* Payloads of operands die with the first chunk that is stored: they are no longer than a chunk, so
 * that nobody looks at them afterwards. */
static int combine_chunks(dbx_txn *txn, dbx_bitmap_op op, const dbx_bitmap_operand *operands,
                          size_t count, uint64_t len, uint64_t cid) {
    workplace w = {.refers = len > COPIED_MAX};
    int rc = DBX_OK;
    for (uint64_t from = 0; rc == DBX_OK && from < len; from += CHUNK) {
        size_t n = len - from < CHUNK ? (size_t)(len - from) : CHUNK;
        rc = take_place(txn, &w, n);
        if (rc == DBX_OK) rc = combine_part(txn, op, operands, count, from, n, w.at);
        if (rc != DBX_OK) break;
        dbx_slice bytes = dbx_slice_of(w.at, n);
        if (first_other(bytes, 0) == n) continue; /* zeros are not stored */
        rc = dbx_chunks_put(txn, (dbx_chunks){cid, 0}, from / CHUNK, bytes);
        if (w.refers) w.at = NULL;
    }
    if (!w.refers) dbx_alloc_free(w.at);
    return rc;
}

int dbx_bitmap_combine(dbx_txn *txn, dbx_bitmap_op op, const dbx_bitmap_operand *operands,
                       size_t count, dbx_key *to) {
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++)
        len = operands[i].len > len ? operands[i].len : len;
    if (len > CHUNK) {
        dbx_key_reset(to, DBX_STRING, DBX_STRING_CHUNKED);
        to->meta.cid = dbx_txn_new_id(txn);
        to->meta.count = len;
        int rc = combine_chunks(txn, op, operands, count, len, to->meta.cid);
        return rc != DBX_OK ? rc : dbx_key_write(txn, to, dbx_slice_of("", 0));
    }
    uint8_t *bytes = dbx_alloc((size_t)len);
    if (bytes == NULL) return DBX_ENOMEM;
    int rc = combine_part(txn, op, operands, count, 0, (size_t)len, bytes);
    if (rc == DBX_OK) {
        dbx_slice whole = dbx_slice_of(bytes, (size_t)len);
        rc = dbx_string_set_raw(txn, to, whole, dbx_expiry_never());
    }
    dbx_alloc_free(bytes);
    return rc;
}
