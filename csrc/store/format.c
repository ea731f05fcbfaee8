/* format.c: see format.h. */
#include "store/format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

size_t dbx_format_number(uint8_t *out, uint64_t value) {
    if (value < 0xF8) {
        out[0] = (uint8_t)value;
        return 1;
    }
    size_t n = (size_t)(71 - __builtin_clzll(value)) / 8;
    out[0] = (uint8_t)(0xF7 + n);
    for (size_t i = n; i > 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
    return n + 1;
}

bool dbx_format_read_number(dbx_slice *in, uint64_t *value) {
    if (in->len == 0) return false;
    size_t n = in->ptr[0] < 0xF8 ? 0 : (size_t)in->ptr[0] - 0xF7;
    if (in->len < n + 1) return false;
    uint64_t number = n == 0 ? in->ptr[0] : 0;
    for (size_t i = 1; i <= n; i++)
        number = number << 8 | in->ptr[i];
    *value = number;
    in->ptr += n + 1;
    in->len -= n + 1;
    return true;
}

const uint8_t dbx_format_collection_tables[] = {
    DBX_TABLE_CHUNK,  DBX_TABLE_HASH,  DBX_TABLE_FIELD_TTL, DBX_TABLE_SET,
    DBX_TABLE_ZSET,   DBX_TABLE_SCORE, DBX_TABLE_RANK,      DBX_TABLE_LIST,
    DBX_TABLE_STREAM, DBX_TABLE_GROUP, DBX_TABLE_PIECE,     0};

size_t dbx_format_collection(uint8_t *out, uint8_t table, uint64_t cid) {
    out[0] = table;
    if (table != DBX_TABLE_CHUNK) return 1 + dbx_format_number(out + 1, cid);
    dbx_store64_be(out + 1, cid); /* older than the others, and as it was */
    return 9;
}

bool dbx_format_since(dbx_slice key, uint64_t cid) {
    uint8_t bound[1 + DBX_NUMBER_BYTES_MAX];
    if (key.len == 0 || strchr((const char *)dbx_format_collection_tables, key.ptr[0]) == NULL)
        return false;
    size_t n = dbx_format_collection(bound, key.ptr[0], cid);
    return key.len >= n && memcmp(key.ptr, bound, n) >= 0;
}

uint64_t dbx_format_collection_id(dbx_slice key) {
    dbx_slice rest = dbx_slice_of(key.ptr + 1, key.len - 1);
    uint64_t id = 0;
    if (key.ptr[0] == DBX_TABLE_CHUNK) return dbx_load64_be(key.ptr + 1);
    (void)dbx_format_read_number(&rest, &id);
    return id;
}

size_t dbx_format_varint_wide(uint8_t *out, uint64_t value, size_t bytes) {
    size_t n = 0;
    for (; value >= 0x80 || n + 1 < bytes; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}

size_t dbx_format_varint(uint8_t *out, uint64_t value) {
    return dbx_format_varint_wide(out, value, 1);
}

bool dbx_format_read_varint(dbx_slice *in, uint64_t *value) {
    uint64_t number = 0;
    for (size_t i = 0; i < in->len && i < DBX_VARINT_MAX; i++) {
        number |= (uint64_t)(in->ptr[i] & 0x7F) << (7 * i);
        if ((in->ptr[i] & 0x80) != 0) continue;
        *value = number;
        in->ptr += i + 1;
        in->len -= i + 1;
        return true;
    }
    return false;
}

size_t dbx_format_key(uint8_t out[DBX_ENCODED_KEY_MAX], uint64_t ns, dbx_slice name,
                      const uint8_t seed[16], bool *long_name) {
    out[0] = DBX_TABLE_KEY;
    size_t at = 1 + dbx_format_number(out + 1, ns);
    *long_name = name.len > DBX_NAME_INLINE_MAX;
    if (!*long_name) {
        if (name.len > 0) memcpy(out + at, name.ptr, name.len);
        return at + name.len;
    }
    /* One byte longer than any name kept whole, so the two kinds cannot be the same key. */
    size_t prefix = DBX_NAME_INLINE_MAX + 1 - DBX_NAME_HASH_BYTES;
    memcpy(out + at, name.ptr, prefix);
    dbx_hash_sip(name, seed, out + at + prefix);
    return at + prefix + DBX_NAME_HASH_BYTES;
}

dbx_member dbx_format_member(dbx_slice bytes, const uint8_t seed[16]) {
    dbx_member member = {.bytes = bytes};
    dbx_hash_sip(bytes, seed, member.digest);
    return member;
}

uint64_t dbx_format_member_hash(const dbx_member *member) {
    return dbx_load64_be(member->digest) >> (64 - 8 * DBX_MEMBER_HASH_BYTES);
}

size_t dbx_format_put_member(uint8_t *out, const dbx_member *member) {
    size_t len = member->bytes.len, prefix = DBX_MEMBER_INLINE_MAX + 1 - DBX_NAME_HASH_BYTES;
    if (len <= DBX_MEMBER_INLINE_MAX) {
        if (len > 0) memcpy(out, member->bytes.ptr, len);
        return len;
    }
    memcpy(out, member->bytes.ptr, prefix);
    memcpy(out + prefix, member->digest, DBX_NAME_HASH_BYTES);
    return DBX_MEMBER_INLINE_MAX + 1;
}

static size_t put_timed(uint8_t *out, uint8_t table, int64_t ms, dbx_slice encoded) {
    out[0] = table;
    dbx_store64_be(out + 1, (uint64_t)ms);
    memcpy(out + 9, encoded.ptr + 1, encoded.len - 1);
    return encoded.len + 8;
}

size_t dbx_format_ttl_key(uint8_t out[DBX_ENCODED_KEY_MAX], dbx_expiry expiry, dbx_slice encoded) {
    return put_timed(out, expiry.relative ? DBX_TABLE_LIFE : DBX_TABLE_TTL, expiry.ms, encoded);
}

size_t dbx_format_due_key(uint8_t out[DBX_ENCODED_KEY_MAX], dbx_expiry due, dbx_slice encoded) {
    return put_timed(out, due.relative ? DBX_TABLE_DUE_LIFE : DBX_TABLE_DUE, due.ms, encoded);
}

dbx_slice dbx_format_retired_key(uint8_t out[DBX_RETIRED_KEY_BYTES], enum dbx_retired_kind kind,
                                 uint64_t id) {
    out[0] = DBX_TABLE_RETIRED;
    out[1] = (uint8_t)kind;
    dbx_store64_be(out + 2, id);
    return dbx_slice_of(out, DBX_RETIRED_KEY_BYTES);
}

size_t dbx_format_successor(uint8_t *key, size_t len) {
    while (len > 0 && key[len - 1] == 0xFF)
        len--;
    if (len > 0) key[len - 1]++;
    return len;
}
