/* record.c: see record.h. */
#include "store/record.h"

enum record_fields {
    HAS_EXPIRY = 1u << 0,
    HAS_CID = 1u << 1,
    HAS_COUNT = 1u << 2,
    HAS_EXT = 1u << 3,
    HAS_NAME = 1u << 4,
    RELATIVE = 1u << 5, /* the expiry is in database time */
    HAS_DUE = 1u << 6
};

size_t dbx_record_fixed(uint8_t out[DBX_RECORD_FIXED_MAX], const dbx_meta *meta, bool long_name) {
    uint8_t fields = 0;
    size_t n = 2;
    int64_t age_ms = meta->updated_ms - meta->created_ms;
    out[0] = (uint8_t)(meta->type << 4 | (meta->encoding & 15));
    n += dbx_format_varint(out + n, (uint64_t)meta->created_ms);
    n += dbx_format_varint_wide(out + n, age_ms > 0 ? (uint64_t)age_ms : 0, DBX_RECORD_AGE_BYTES);
    if (dbx_expiry_set(meta->expiry)) {
        fields |= HAS_EXPIRY | (meta->expiry.relative ? RELATIVE : 0);
        n += dbx_format_varint(out + n, (uint64_t)meta->expiry.ms);
    }
    if (meta->cid != 0) {
        fields |= HAS_CID;
        n += dbx_format_varint(out + n, meta->cid);
    }
    if (meta->count != 0) {
        fields |= HAS_COUNT;
        n += dbx_format_varint(out + n, meta->count);
    }
    if ((meta->due_ms[0] | meta->due_ms[1]) != 0) {
        fields |= HAS_DUE;
        n += dbx_format_varint(out + n, (uint64_t)meta->due_ms[0]);
        n += dbx_format_varint(out + n, (uint64_t)meta->due_ms[1]);
    }
    if (meta->ext.len > 0) fields |= HAS_EXT;
    if (long_name) fields |= HAS_NAME;
    out[1] = fields;
    return n;
}

size_t dbx_record_fixed_of(dbx_slice record) {
    uint8_t fields = record.ptr[1];
    unsigned varints = 2u + ((fields & HAS_EXPIRY) != 0) + ((fields & HAS_CID) != 0) +
                       ((fields & HAS_COUNT) != 0) + 2u * ((fields & HAS_DUE) != 0);
    size_t n = 2;
    while (varints > 0)
        varints -= (record.ptr[n++] & 0x80) == 0;
    return n;
}

static bool read_bytes(dbx_slice *in, dbx_slice *bytes) {
    uint64_t len;
    if (!dbx_format_read_varint(in, &len) || len > in->len) return false;
    *bytes = dbx_slice_of(in->ptr, (size_t)len);
    in->ptr += len;
    in->len -= (size_t)len;
    return true;
}

bool dbx_record_read(dbx_slice record, dbx_meta *meta, dbx_slice *name, dbx_slice *payload) {
    if (record.len < 4) return false;
    uint8_t fields = record.ptr[1];
    uint64_t created_ms, age_ms, expire_ms = 0;
    dbx_slice in = dbx_slice_of(record.ptr + 2, record.len - 2);
    *meta = (dbx_meta){.type = record.ptr[0] >> 4, .encoding = record.ptr[0] & 15};
    *name = (dbx_slice){NULL, 0};
    if (!dbx_format_read_varint(&in, &created_ms) || !dbx_format_read_varint(&in, &age_ms)) {
        return false;
    }
    meta->created_ms = (int64_t)created_ms;
    meta->updated_ms = (int64_t)(created_ms + age_ms);
    meta->expiry = dbx_expiry_never();
    if ((fields & HAS_EXPIRY) != 0) {
        if (!dbx_format_read_varint(&in, &expire_ms)) return false;
        meta->expiry = (dbx_expiry){(int64_t)expire_ms, (fields & RELATIVE) != 0};
    }
    if ((fields & HAS_CID) != 0 && !dbx_format_read_varint(&in, &meta->cid)) return false;
    if ((fields & HAS_COUNT) != 0 && !dbx_format_read_varint(&in, &meta->count)) return false;
    for (int i = 0; (fields & HAS_DUE) != 0 && i < 2; i++) {
        uint64_t due_ms;
        if (!dbx_format_read_varint(&in, &due_ms)) return false;
        meta->due_ms[i] = (int64_t)due_ms;
    }
    if ((fields & HAS_EXT) != 0 && !read_bytes(&in, &meta->ext)) return false;
    if ((fields & HAS_NAME) != 0 && !read_bytes(&in, name)) return false;
    *payload = in;
    return true;
}
