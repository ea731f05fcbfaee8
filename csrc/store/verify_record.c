/* verify_record.c: what a key's record says of its value: see verify_walk.h. What a collection
 * keeps in the record itself is its type's own. */
#include <string.h>

#include "base/bytes.h"
#include "store/record.h"
#include "store/verify_walk.h"

enum { EMBSTR_MAX = 44, INT_MAX_LEN = 20 };

static bool is_number(dbx_slice payload) {
    size_t sign = payload.len > 0 && payload.ptr[0] == '-';
    if (payload.len <= sign || payload.len > INT_MAX_LEN) return false;
    for (size_t i = sign; i < payload.len; i++) {
        if (payload.ptr[i] < '0' || payload.ptr[i] > '9') return false;
    }
    return true;
}

static bool is_string(const dbx_meta *meta, dbx_slice payload) {
    switch ((enum dbx_string_encoding)meta->encoding) {
    case DBX_STRING_INT:
        return meta->cid == 0 && is_number(payload);
    case DBX_STRING_EMBSTR:
        return meta->cid == 0 && payload.len <= EMBSTR_MAX;
    case DBX_STRING_RAW:
        return meta->cid == 0;
    case DBX_STRING_CHUNKED:
        return payload.len == 0;
    }
    return false;
}

static bool has_encoding(const dbx_meta *meta) {
    static const uint8_t encodings[DBX_WALK_TYPES] = {
        [DBX_LIST] = 1 << DBX_ENCODING_LISTPACK | 1 << DBX_ENCODING_QUICKLIST,
        [DBX_SETTYPE] =
            1 << DBX_ENCODING_INTSET | 1 << DBX_ENCODING_LISTPACK | 1 << DBX_ENCODING_HASHTABLE,
        [DBX_ZSET] = 1 << DBX_ENCODING_LISTPACK | 1 << DBX_ENCODING_SKIPLIST,
        [DBX_HASH] =
            1 << DBX_ENCODING_LISTPACK | 1 << DBX_ENCODING_LISTPACKEX | 1 << DBX_ENCODING_HASHTABLE,
        [DBX_STREAM] = 1 << DBX_ENCODING_STREAM};
    return meta->encoding <= DBX_ENCODING_STREAM &&
           (encodings[meta->type] >> meta->encoding & 1) != 0;
}

static bool is_collection(const dbx_meta *meta, dbx_slice payload) {
    bool list = meta->type == DBX_LIST && meta->cid != 0;
    if (!has_encoding(meta)) return false;
    if (meta->type == DBX_STREAM) return meta->cid != 0;
    if (meta->count == 0 || (meta->cid == 0 && payload.len == 0)) return false;
    if (!list) return true;
    return payload.len >= DBX_LIST_HEAD_BYTES &&
           (uint64_t)dbx_load16(payload.ptr + DBX_LIST_LEFT_AT) +
                   dbx_load16(payload.ptr + DBX_LIST_RIGHT_AT) <=
               meta->count;
}

/* --- Whose a collection is ------------------------------------------------------------------- */

static bool is_large(const dbx_meta *meta) {
    return meta->type == DBX_STRING ? meta->encoding == DBX_STRING_CHUNKED : meta->cid != 0;
}

static bool is_good(const dbx_meta *meta, dbx_slice payload) {
    if (meta->type == DBX_STRING) return is_string(meta, payload);
    return meta->type > DBX_STRING && meta->type < DBX_WALK_TYPES && is_collection(meta, payload);
}

static void add_owner(dbx_walk *w, const dbx_meta *meta, dbx_slice payload) {
    dbx_owner owner = {.cid = meta->cid, .count = meta->count, .type = meta->type};
    if (meta->type == DBX_LIST) { /* the others lie in the record */
        owner.count -= dbx_load16(payload.ptr + DBX_LIST_LEFT_AT);
        owner.count -= dbx_load16(payload.ptr + DBX_LIST_RIGHT_AT);
    }
    if (dbx_owners_add(&w->owners, w->report, owner) != DBX_OK) w->rc = DBX_ENOMEM;
}

void dbx_walk_owner(dbx_walk *w, dbx_slice key, dbx_slice record) {
    dbx_slice name, payload;
    dbx_meta meta;
    (void)key;
    if (!dbx_record_read(record, &meta, &name, &payload) || !is_large(&meta)) return;
    if (!dbx_owners_covers(&w->owners, meta.cid) || !dbx_walk_given_out(w, meta.cid)) return;
    if (is_good(&meta, payload)) add_owner(w, &meta, payload);
}

static void check_large(dbx_walk *w, dbx_slice key, const dbx_meta *meta, dbx_slice payload) {
    w->large[meta->type]++;
    if (!dbx_walk_given_out(w, meta->cid)) {
        dbx_walk_wrong(w, key, "is a long value with an id that was never given out");
        return;
    }
    if (dbx_walk_retired(w, DBX_RETIRED_COLLECTION, meta->cid)) {
        dbx_walk_wrong(w, key, "is a long value that is going to be reclaimed");
    }
    add_owner(w, meta, payload);
}

void dbx_walk_value(dbx_walk *w, dbx_slice key, const dbx_meta *meta, dbx_slice payload) {
    if (meta->type < DBX_STRING || meta->type >= DBX_WALK_TYPES) {
        dbx_walk_wrong(w, key, "is of a type that is not known");
        return;
    }
    w->of_type[meta->type]++;
    if (!is_good(meta, payload)) {
        dbx_walk_wrong(w, key,
                       meta->type == DBX_STRING ? "is no string of its encoding"
                                                : "is no collection of its type");
    } else if (is_large(meta)) {
        check_large(w, key, meta, payload);
    }
}
