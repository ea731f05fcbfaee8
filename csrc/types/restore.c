/* restore.c: see restore.h. Streams are in restore_stream.c. */
#include "types/restore.h"

#include "codec/lzf.h"
#include "codec/packed.h"
#include "codec/rdb.h"
#include "types/t_hash.h"
#include "types/t_list.h"
#include "types/t_list_encoding.h"
#include "types/t_set.h"
#include "types/t_string.h"
#include "types/t_zset.h"

/* No date of a field is later: Redis keeps 48 bits, of which all ones are none. */
#define FIELD_DATE_MAX ((INT64_C(1) << 48) - 2)

int dbx_restore_string(dbx_restore *r, int i, dbx_slice *bytes) {
    dbx_rdb_string string;
    if (!dbx_rdb_read_string(&r->in, &string)) return DBX_EINVAL;
    int rc = dbx_rdb_unpack(&string, r->string_max, &r->room[i], bytes);
    if (rc != DBX_OK || bytes->ptr != (const uint8_t *)string.digits) return rc;
    r->room[i].len = 0; /* digits lie in `string` */
    dbx_buf_add(&r->room[i], bytes->ptr, bytes->len);
    *bytes = dbx_buf_slice(&r->room[i]);
    return r->room[i].failed ? DBX_ENOMEM : DBX_OK;
}

/* --- Where elements come from ----------------------------------------------------------------- */

/* Elements one after the other, in one of the forms that Redis has: strings, a packed sequence, or
 * a list's nodes. */
typedef struct source {
    dbx_restore *r;
    uint64_t left; /* strings or nodes still to be read */
    bool nodes;    /* of a list, */
    bool plain;    /* which may be one element each */
    bool packed_open;
    dbx_packed_kind kind;
    dbx_packed packed;
    dbx_packed_item item[2]; /* what was given last, by turns: two at a time */
    unsigned turn;
} source;

static source strings_of(dbx_restore *r, uint64_t count) {
    return (source){.r = r, .left = count};
}

/* open_packed begins with the packed sequence that is the next string. room[1] is its own: the
 * strings given from it lie there. */
static int open_packed(source *s, dbx_packed_kind kind) {
    dbx_slice all;
    int rc = dbx_restore_string(s->r, 1, &all);
    if (rc != DBX_OK) return rc;
    s->packed_open = true;
    return dbx_packed_open(&s->packed, kind, all) ? DBX_OK : DBX_EINVAL;
}

/* open_node begins the next node of a list: *plain: it was one element. */
static int open_node(source *s, bool *plain, dbx_slice *element) {
    enum { PLAIN = 1, PACKED = 2 };
    uint64_t container = PACKED;
    *plain = false;
    if (s->left-- == 0) return DBX_ENOTFOUND;
    if (s->plain && !dbx_rdb_read_len(&s->r->in, &container)) return DBX_EINVAL;
    if (container == PACKED) return open_packed(s, s->kind);
    *plain = true;
    return container == PLAIN ? dbx_restore_string(s->r, 0, element) : DBX_EINVAL;
}

/* next gives the next element, valid until the one after the next: DBX_ENOTFOUND at the end. */
static int next(source *s, dbx_slice *element) {
    for (;;) {
        if (s->packed_open) {
            dbx_packed_item *item = &s->item[s->turn++ & 1];
            int rc = dbx_packed_next(&s->packed, item);
            *element = item->bytes;
            if (rc != DBX_ENOTFOUND) return rc;
            s->packed_open = false;
        }
        if (!s->nodes) {
            if (s->left == 0) return DBX_ENOTFOUND;
            s->left--;
            return dbx_restore_string(s->r, s->turn++ & 1, element);
        }
        bool plain;
        int rc = open_node(s, &plain, element);
        if (rc != DBX_OK || plain) return rc;
    }
}

/* pair gives the second of two elements: that there is one is sure. */
static int second(source *s, dbx_slice *element) {
    int rc = next(s, element);
    return rc == DBX_ENOTFOUND ? DBX_EINVAL : rc;
}

/* open_source begins to read what `count` (of elements) tells: how many strings there are, or how
 * many elements of a packed sequence. */
static int open_source(dbx_restore *r, bool packed, dbx_packed_kind kind, source *s,
                       uint64_t *count) {
    *s = strings_of(r, 0);
    if (packed) {
        int rc = open_packed(s, kind);
        if (rc != DBX_OK) return rc;
        return dbx_packed_count(kind, s->packed.all, count) ? DBX_OK : DBX_EINVAL;
    }
    if (!dbx_rdb_read_len(&r->in, count)) return DBX_EINVAL;
    s->left = *count;
    return DBX_OK;
}

/* --- Strings --------------------------------------------------------------------------------- */

/* unpack_long puts a long string into its chunks as it is unpacked. */
static int unpack_long(dbx_restore *r, const dbx_rdb_string *string) {
    dbx_lzf lzf;
    int rc = DBX_OK;
    uint64_t done = 0;
    dbx_key *k = r->k;
    dbx_key_reset(k, DBX_STRING, DBX_STRING_CHUNKED);
    k->meta.cid = dbx_txn_new_id(r->txn);
    k->meta.count = string->len;
    dbx_chunks chunks = {.cid = k->meta.cid};
    dbx_lzf_open(&lzf, string->bytes);
    for (uint64_t chunk = 0; rc == DBX_OK && done < string->len; chunk++) {
        uint64_t left = string->len - done;
        size_t n = left < DBX_VALUE_CHUNK_BYTES ? (size_t)left : DBX_VALUE_CHUNK_BYTES;
        uint8_t *room;
        rc = dbx_txn_room(r->txn, n, &room);
        if (rc == DBX_OK && !dbx_lzf_read(&lzf, room, n)) rc = DBX_EINVAL;
        if (rc == DBX_OK) rc = dbx_chunks_put(r->txn, chunks, chunk, dbx_slice_of(room, n));
        done += n;
    }
    if (rc == DBX_OK && !dbx_lzf_ended(&lzf)) rc = DBX_EINVAL;
    return rc == DBX_OK ? dbx_key_write(r->txn, k, dbx_slice_of("", 0)) : rc;
}

static int restore_string(dbx_restore *r) {
    dbx_rdb_string string;
    dbx_slice bytes;
    if (!dbx_rdb_read_string(&r->in, &string) || string.len > r->string_max) return DBX_EINVAL;
    if (string.packed && string.len > DBX_VALUE_CHUNK_BYTES) return unpack_long(r, &string);
    int rc = dbx_rdb_unpack(&string, r->string_max, &r->room[0], &bytes);
    return rc == DBX_OK ? dbx_string_set(r->txn, r->k, bytes, dbx_expiry_never()) : rc;
}

/* --- Lists ----------------------------------------------------------------------------------- */

static int restore_list(dbx_restore *r, uint8_t type) {
    dbx_list_edit edit;
    dbx_slice element;
    source s = strings_of(r, 0);
    if (type == DBX_RDB_LIST_ZIPLIST) {
        int rc = open_packed(&s, DBX_ZIPLIST);
        if (rc != DBX_OK) return rc;
    } else if (!dbx_rdb_read_len(&r->in, &s.left)) {
        return DBX_EINVAL;
    }
    s.nodes = type == DBX_RDB_LIST_QUICKLIST || type == DBX_RDB_LIST_QUICKLIST_2;
    s.plain = type == DBX_RDB_LIST_QUICKLIST_2;
    s.kind = s.plain ? DBX_LISTPACK : DBX_ZIPLIST;
    int rc = dbx_list_edit_open(&edit, r->txn, r->encodings, r->k);
    while (rc == DBX_OK && (rc = next(&s, &element)) == DBX_OK) {
        dbx_cell cell = dbx_cell_of(element);
        dbx_list_encoding_grow(&edit, dbx_list_encoding_bytes(&cell), 1);
        rc = dbx_list_push(&edit, true, element);
    }
    if (rc == DBX_ENOTFOUND) rc = dbx_list_edit_count(&edit) > 0 ? DBX_OK : DBX_EINVAL;
    return dbx_list_edit_close(&edit, rc);
}

/* --- Sets ------------------------------------------------------------------------------------ */

static int restore_set(dbx_restore *r, uint8_t type) {
    dbx_edit edit;
    dbx_slice member;
    source s;
    uint64_t count;
    bool packed = type != DBX_RDB_SET, added, first = true;
    dbx_packed_kind kind = type == DBX_RDB_SET_INTSET ? DBX_INTSET : DBX_LISTPACK;
    int rc = open_source(r, packed, kind, &s, &count);
    if (rc != DBX_OK) return rc;
    rc = dbx_set_edit(&edit, r->txn, r->encodings, r->k);
    while (rc == DBX_OK && (rc = next(&s, &member)) == DBX_OK) {
        if (first) dbx_set_expect(&edit, member, count);
        first = false;
        rc = dbx_set_add(&edit, member, &added);
        if (rc == DBX_OK && !added) rc = DBX_EINVAL;
    }
    if (rc == DBX_ENOTFOUND) rc = count > 0 ? DBX_OK : DBX_EINVAL;
    return dbx_edit_close(&edit, rc);
}

/* --- Sorted sets ----------------------------------------------------------------------------- */

/* next_scored gives the next member and its score. */
static int next_scored(source *s, uint8_t type, dbx_slice *member, double *score) {
    dbx_slice digits;
    bool ok;
    int rc = next(s, member);
    if (rc != DBX_OK) return rc;
    if (type == DBX_RDB_ZSET_2) {
        ok = dbx_rdb_read_score(&s->r->in, score);
    } else if (type == DBX_RDB_ZSET) {
        ok = dbx_rdb_read_score_text(&s->r->in, score);
    } else {
        rc = second(s, &digits);
        ok = rc == DBX_OK && dbx_num_real_from_slice(digits, score);
    }
    if (rc != DBX_OK) return rc;
    return ok && *score == *score ? DBX_OK : DBX_EINVAL;
}

static int restore_zset(dbx_restore *r, uint8_t type) {
    dbx_zset_edit edit;
    dbx_slice member;
    source s;
    uint64_t count;
    double score;
    bool packed = type == DBX_RDB_ZSET_ZIPLIST || type == DBX_RDB_ZSET_LISTPACK;
    dbx_packed_kind kind = type == DBX_RDB_ZSET_ZIPLIST ? DBX_ZIPLIST : DBX_LISTPACK;
    int rc = open_source(r, packed, kind, &s, &count);
    if (rc != DBX_OK) return rc;
    rc = dbx_zset_edit_open(&edit, r->txn, r->encodings, r->k);
    while (rc == DBX_OK && (rc = next_scored(&s, type, &member, &score)) == DBX_OK) {
        dbx_zset_slot slot;
        rc = dbx_zset_find(&edit, member, &slot);
        if (rc == DBX_OK && slot.found) rc = DBX_EINVAL;
        if (rc == DBX_OK) rc = dbx_zset_put(&edit, &slot, score);
    }
    if (rc == DBX_ENOTFOUND) rc = count > 0 ? DBX_OK : DBX_EINVAL;
    return dbx_zset_edit_close(&edit, rc);
}

/* --- Hashes ---------------------------------------------------------------------------------- */

/* add_field adds a field, unless its time has come: it would be met, and its removal journalled,
 * before the value it is a field of. */
static int add_field(dbx_edit *edit, dbx_slice field, dbx_slice value, int64_t date) {
    bool added;
    dbx_expiry expiry = {.ms = date};
    if (date != 0 && dbx_expiry_over(expiry, dbx_txn_times(edit->txn))) return DBX_OK;
    int rc = dbx_hash_set(edit, field, value, false, &added);
    if (rc == DBX_OK && !added) return DBX_EINVAL;
    if (rc != DBX_OK || date == 0) return rc;
    return dbx_hash_expire(edit, field, expiry);
}

/* read_date reads when the field that follows expires; 0: never. It stands as what it is more than
 * `first`, the first of all. */
static int read_date(dbx_restore *r, int64_t first, int64_t *date) {
    uint64_t more;
    *date = 0;
    if (!dbx_rdb_read_len(&r->in, &more)) return DBX_EINVAL;
    if (more == 0) return DBX_OK;
    if (first < 0 || first > FIELD_DATE_MAX || more - 1 > (uint64_t)(FIELD_DATE_MAX - first))
        return DBX_EINVAL;
    *date = first + (int64_t)(more - 1);
    return DBX_OK;
}

/* next_date gives the third of a packed field's elements, likewise. */
static int next_date(source *s, int64_t *date) {
    dbx_packed_item item;
    int rc = dbx_packed_next(&s->packed, &item);
    if (rc != DBX_OK) return DBX_EINVAL;
    bool ok = dbx_packed_number(&item, date) && *date >= 0 && *date <= FIELD_DATE_MAX;
    return ok ? DBX_OK : DBX_EINVAL;
}

/* next_field gives the next field, its value, and when it expires. */
static int next_field(source *s, uint8_t type, int64_t first, dbx_slice *field, dbx_slice *value,
                      int64_t *date) {
    int rc = DBX_OK;
    *date = 0;
    if (type == DBX_RDB_HASH_METADATA && s->left > 0) rc = read_date(s->r, first, date);
    if (rc == DBX_OK) rc = next(s, field);
    if (rc != DBX_OK) return rc;
    if (s->packed_open) {
        rc = second(s, value);
    } else {
        rc = dbx_restore_string(s->r, s->turn++ & 1, value);
    }
    if (rc == DBX_OK && type == DBX_RDB_HASH_LISTPACK_EX) rc = next_date(s, date);
    return rc;
}

static int restore_hash(dbx_restore *r, uint8_t type) {
    dbx_edit edit;
    dbx_slice field, value;
    source s;
    uint64_t count;
    int64_t first = 0, date;
    bool dated = type == DBX_RDB_HASH_METADATA || type == DBX_RDB_HASH_LISTPACK_EX;
    bool packed = type != DBX_RDB_HASH && type != DBX_RDB_HASH_METADATA;
    if (dated && !dbx_rdb_read_ms(&r->in, &first)) return DBX_EINVAL;
    int rc = open_source(r, packed, type == DBX_RDB_HASH_ZIPLIST ? DBX_ZIPLIST : DBX_LISTPACK, &s,
                         &count);
    if (rc != DBX_OK) return rc;
    rc = dbx_hash_edit(&edit, r->txn, r->encodings, r->k);
    while (rc == DBX_OK && (rc = next_field(&s, type, first, &field, &value, &date)) == DBX_OK) {
        if (dated) (void)dbx_hash_may_expire(&edit);
        rc = add_field(&edit, field, value, date);
    }
    if (rc == DBX_ENOTFOUND) rc = count > 0 ? DBX_OK : DBX_EINVAL;
    return dbx_edit_close(&edit, rc);
}

/* --- Any type -------------------------------------------------------------------------------- */

static int restore(dbx_restore *r, uint8_t type) {
    switch (type) {
    case DBX_RDB_STRING:
        return restore_string(r);
    case DBX_RDB_LIST:
    case DBX_RDB_LIST_ZIPLIST:
    case DBX_RDB_LIST_QUICKLIST:
    case DBX_RDB_LIST_QUICKLIST_2:
        return restore_list(r, type);
    case DBX_RDB_SET:
    case DBX_RDB_SET_INTSET:
    case DBX_RDB_SET_LISTPACK:
        return restore_set(r, type);
    case DBX_RDB_ZSET:
    case DBX_RDB_ZSET_2:
    case DBX_RDB_ZSET_ZIPLIST:
    case DBX_RDB_ZSET_LISTPACK:
        return restore_zset(r, type);
    case DBX_RDB_HASH:
    case DBX_RDB_HASH_ZIPLIST:
    case DBX_RDB_HASH_LISTPACK:
    case DBX_RDB_HASH_METADATA:
    case DBX_RDB_HASH_LISTPACK_EX:
        return restore_hash(r, type);
    case DBX_RDB_STREAM_LISTPACKS:
    case DBX_RDB_STREAM_LISTPACKS_2:
    case DBX_RDB_STREAM_LISTPACKS_3:
        return dbx_restore_stream(r, type);
    default:
        return DBX_EINVAL;
    }
}

int dbx_restore_value(dbx_txn *txn, const dbx_encodings *encodings, uint64_t string_max, dbx_key *k,
                      dbx_slice body) {
    dbx_restore r = {
        .txn = txn, .encodings = encodings, .k = k, .string_max = string_max, .in = body};
    const uint8_t *type;
    int rc = dbx_rdb_read_raw(&r.in, 1, &type) ? restore(&r, *type) : DBX_EINVAL;
    dbx_buf_free(&r.room[0]);
    dbx_buf_free(&r.room[1]);
    return rc;
}
