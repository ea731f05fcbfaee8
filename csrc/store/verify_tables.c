/* verify_tables.c: entries that lie under a collection's id: see verify_walk.h. */
#include <string.h>

#include "base/bytes.h"
#include "store/verify_walk.h"

enum {
    SCORE_BYTES = 8,
    MEMBER_MAX = DBX_MEMBER_INLINE_MAX + 1, /* of a key; as long: the value keeps it first */
    CLOCKS = 2,
    AT_END = 1 /* of Z's values: the score is -0.0 */
};

/* What lies in a table: `type` is whose, 0: any collection's. */
static const struct {
    uint8_t table, type;
    const char *no_part, *nobodys;
} tables[] = {
    {DBX_TABLE_CHUNK, DBX_STRING, "is no part of a long value",
     "is part of a long value that no key has"},
    {DBX_TABLE_HASH, DBX_HASH, "is no field of a hash", "is of a hash that no key has"},
    {DBX_TABLE_FIELD_TTL, DBX_HASH, "is no entry of the index of fields that expire",
     "is of a hash that no key has"},
    {DBX_TABLE_SET, DBX_SETTYPE, "is no member of a set", "is of a set that no key has"},
    {DBX_TABLE_ZSET, DBX_ZSET, "is no place in a sorted set", "is of a sorted set that no key has"},
    {DBX_TABLE_SCORE, DBX_ZSET, "is no member of a sorted set",
     "is of a sorted set that no key has"},
    {DBX_TABLE_RANK, DBX_ZSET, "is no border of ranks", "is of a sorted set that no key has"},
    {DBX_TABLE_LIST, DBX_LIST, "is no node of a list", "is of a list that no key has"},
    {DBX_TABLE_STREAM, DBX_STREAM, "is no entry of a stream", "is of a stream that no key has"},
    {DBX_TABLE_GROUP, DBX_STREAM, "is nothing of a consumer group",
     "is of a stream that no key has"},
    {DBX_TABLE_PIECE, 0, "is no part of a long element", "is of a collection that no key has"},
};

/* An entry, taken apart. */
typedef struct entry {
    dbx_slice key, value, rest; /* `rest`: behind the id */
    uint64_t cid;
    size_t row; /* of tables */
} entry;

static size_t row_of(uint8_t table) {
    size_t row = 0;
    while (row < sizeof tables / sizeof *tables && tables[row].table != table)
        row++;
    return row;
}

bool dbx_walk_table(uint8_t table) {
    return row_of(table) < sizeof tables / sizeof *tables;
}

static bool read_cid(entry *e) {
    e->row = row_of(e->key.ptr[0]);
    e->rest = dbx_slice_of(e->key.ptr + 1, e->key.len - 1);
    if (e->key.ptr[0] != DBX_TABLE_CHUNK) return dbx_format_read_number(&e->rest, &e->cid);
    if (e->rest.len < 8) return false;
    e->cid = dbx_load64_be(e->rest.ptr);
    e->rest = dbx_slice_of(e->rest.ptr + 8, e->rest.len - 8);
    return true;
}

/* --- By themselves --------------------------------------------------------------------------- */

/* `head` bytes, then a member. */
static bool has_member(dbx_slice rest, size_t head) {
    return rest.len >= head && rest.len - head <= MEMBER_MAX;
}

static bool is_whole(dbx_slice rest, size_t head) {
    return rest.len - head < MEMBER_MAX;
}

static bool is_score(const entry *e) {
    size_t head = DBX_MEMBER_HASH_BYTES, len = e->value.len;
    return has_member(e->rest, head) &&
           (is_whole(e->rest, head) ? len == SCORE_BYTES : len > SCORE_BYTES);
}

static bool is_field_ttl(const entry *e) {
    return has_member(e->rest, 1 + 8 + DBX_MEMBER_HASH_BYTES) && e->rest.ptr[0] >= 1 &&
           e->rest.ptr[0] <= CLOCKS && e->value.len == 0;
}

static bool is_stream_entry(const entry *e) {
    dbx_slice rest = e->rest;
    uint64_t ms, sequence;
    return dbx_format_read_number(&rest, &ms) && dbx_format_read_number(&rest, &sequence) &&
           rest.len == 0 && e->value.len > 0;
}

static bool is_piece(const entry *e) {
    dbx_slice rest = e->rest;
    uint64_t part;
    return dbx_format_read_number(&rest, &part) && part != 0 && rest.len == 4 &&
           e->value.len <= DBX_VALUE_CHUNK_BYTES;
}

/* What follows a member that the value keeps whole, as a cell (README.md), because the key does
 * not. */
static bool after_member(const entry *e, size_t head, dbx_slice *in) {
    uint64_t len, part;
    *in = e->value;
    if (is_whole(e->rest, head)) return true;
    if (!dbx_format_read_varint(in, &len)) return false;
    if ((len & 1) != 0) return dbx_format_read_varint(in, &part) && part != 0;
    if (len >> 1 > in->len) return false;
    *in = dbx_slice_of(in->ptr + (len >> 1), in->len - (size_t)(len >> 1));
    return true;
}

static bool is_field(const entry *e) {
    dbx_slice in;
    return has_member(e->rest, DBX_MEMBER_HASH_BYTES) &&
           after_member(e, DBX_MEMBER_HASH_BYTES, &in) && in.len > 0 && in.ptr[0] <= CLOCKS;
}

static bool is_part(const entry *e) {
    size_t hash = DBX_MEMBER_HASH_BYTES;
    switch ((enum dbx_table)e->key.ptr[0]) {
    case DBX_TABLE_CHUNK:
        return e->rest.len == 4 && e->value.len <= DBX_VALUE_CHUNK_BYTES;
    case DBX_TABLE_HASH:
        return is_field(e);
    case DBX_TABLE_FIELD_TTL:
        return is_field_ttl(e);
    case DBX_TABLE_SET:
        return has_member(e->rest, hash) && is_whole(e->rest, hash) == (e->value.len == 0);
    case DBX_TABLE_ZSET:
        return has_member(e->rest, SCORE_BYTES) && e->value.len <= AT_END;
    case DBX_TABLE_SCORE:
        return is_score(e);
    case DBX_TABLE_RANK:
        return has_member(e->rest, 1 + SCORE_BYTES) && e->rest.ptr[0] != 0 &&
               (e->value.len == 0 || (e->value.len == 8 && dbx_load64(e->value.ptr) != 0));
    case DBX_TABLE_LIST:
        return e->rest.len == 8 && e->value.len > 2 && dbx_load16(e->value.ptr) != 0;
    case DBX_TABLE_STREAM:
        return is_stream_entry(e);
    case DBX_TABLE_GROUP:
        return e->rest.len > 1 && e->value.len + e->rest.len > 2;
    case DBX_TABLE_PIECE:
        return is_piece(e);
    default:
        return false;
    }
}

void dbx_walk_shape(dbx_walk *w, dbx_slice key, dbx_slice value) {
    entry e = {.key = key, .value = value};
    if (key.ptr[0] == DBX_TABLE_CHUNK) {
        w->chunks++;
    } else {
        w->entries++;
    }
    if (!read_cid(&e) || !is_part(&e)) dbx_walk_wrong(w, key, tables[row_of(key.ptr[0])].no_part);
}

/* --- Beside others --------------------------------------------------------------------------- */

/* The entry of another table of the collection: head, then what follows in this one's key. */
static bool is_in(dbx_walk *w, const entry *e, uint8_t table, dbx_slice head, dbx_slice tail) {
    uint8_t key[DBX_ENCODED_KEY_MAX];
    size_t n = dbx_format_collection(key, table, e->cid);
    memcpy(key + n, head.ptr, head.len);
    n += head.len;
    if (tail.len > 0) memcpy(key + n, tail.ptr, tail.len);
    return dbx_walk_there(w, dbx_slice_of(key, n + tail.len));
}

static void check_field(dbx_walk *w, const entry *e, dbx_owner *owner) {
    dbx_slice in;
    uint64_t ms;
    owner->found++;
    if (!after_member(e, DBX_MEMBER_HASH_BYTES, &in) || in.len == 0 || in.ptr[0] == 0) return;
    uint8_t head[1 + 8] = {in.ptr[0]};
    in = dbx_slice_of(in.ptr + 1, in.len - 1);
    owner->pairs--;
    if (!dbx_format_read_varint(&in, &ms)) {
        dbx_walk_wrong(w, e->key, "is no field of a hash");
        return;
    }
    dbx_store64_be(head + 1, ms);
    if (!is_in(w, e, DBX_TABLE_FIELD_TTL, dbx_slice_of(head, sizeof head), e->rest)) {
        dbx_walk_wrong(w, e->key, "expires, but the index of fields does not have it");
    }
}

static void check_score(dbx_walk *w, const entry *e, dbx_owner *owner) {
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits = dbx_load64(e->value.ptr + e->value.len - SCORE_BYTES);
    uint8_t head[SCORE_BYTES];
    if (bits == sign) bits = 0; /* -0.0 orders as 0.0 */
    dbx_store64_be(head, (bits & sign) != 0 ? ~bits : bits | sign);
    owner->found++;
    owner->pairs--;
    dbx_slice member =
        dbx_slice_of(e->rest.ptr + DBX_MEMBER_HASH_BYTES, e->rest.len - DBX_MEMBER_HASH_BYTES);
    if (!is_in(w, e, DBX_TABLE_ZSET, dbx_slice_of(head, sizeof head), member)) {
        dbx_walk_wrong(w, e->key, "is a member that the order by scores does not have");
    }
}

void dbx_walk_ranks_end(dbx_walk *w) {
    if (w->ranks.cid != 0 && !w->ranks.ended) {
        dbx_report_wrong(w->report, "the ranks of zset %llu lack the last border of level %u",
                         (unsigned long long)w->ranks.cid, w->ranks.level);
    }
    w->ranks = (dbx_walk_ranks){.cid = 0};
}

/* Borders of a level: all but the last one count members, and together not more than there are. */
static void check_border(dbx_walk *w, const entry *e, const dbx_owner *owner) {
    dbx_walk_ranks *r = &w->ranks;
    uint8_t level = e->rest.ptr[0];
    if (r->cid != e->cid || r->level != level) {
        bool next = level == 1 || (r->cid == e->cid && level == r->level + 1);
        dbx_walk_ranks_end(w);
        *r = (dbx_walk_ranks){.cid = e->cid, .level = level};
        if (!next) dbx_walk_wrong(w, e->key, "is a border of a level above one without any");
    } else if (r->ended) {
        dbx_walk_wrong(w, e->key, "is a border behind the last one");
    }
    r->ended = e->value.len == 0;
    uint64_t members = r->ended ? 1 : dbx_load64(e->value.ptr);
    bool fits = r->members <= owner->count && members <= owner->count - r->members;
    r->members += members;
    if (!fits) dbx_walk_wrong(w, e->key, "counts more members than there are");
    dbx_slice place = dbx_slice_of(e->rest.ptr + 1, e->rest.len - 1);
    if (!is_in(w, e, DBX_TABLE_ZSET, place, dbx_slice_of(NULL, 0))) {
        dbx_walk_wrong(w, e->key, "is a border where no member is");
    }
}

static void check_chunk(dbx_walk *w, const entry *e, const dbx_owner *owner) {
    uint64_t at = (uint64_t)dbx_load32_be(e->rest.ptr) * DBX_VALUE_CHUNK_BYTES;
    if (at + e->value.len > owner->count) {
        dbx_walk_wrong(w, e->key, "lies behind the end of its value");
    }
}

static void count_entry(dbx_walk *w, const entry *e, dbx_owner *owner) {
    switch ((enum dbx_table)e->key.ptr[0]) {
    case DBX_TABLE_CHUNK:
        check_chunk(w, e, owner);
        return;
    case DBX_TABLE_HASH:
        check_field(w, e, owner);
        return;
    case DBX_TABLE_SCORE:
        check_score(w, e, owner);
        return;
    case DBX_TABLE_RANK:
        check_border(w, e, owner);
        return;
    case DBX_TABLE_FIELD_TTL:
    case DBX_TABLE_ZSET:
        owner->pairs++;
        return;
    case DBX_TABLE_LIST:
        owner->found += dbx_load16(e->value.ptr);
        return;
    case DBX_TABLE_SET:
    case DBX_TABLE_STREAM:
        owner->found++;
        return;
    default:
        return; /* groups and pieces are not counted */
    }
}

void dbx_walk_owned(dbx_walk *w, dbx_slice key, dbx_slice value) {
    entry e = {.key = key, .value = value};
    dbx_owners_finish(&w->owners, w->report);
    if (!read_cid(&e) || !is_part(&e) || !dbx_owners_covers(&w->owners, e.cid)) return;
    dbx_owner *owner = dbx_owners_find(&w->owners, e.cid);
    uint8_t type = tables[e.row].type;
    if (owner == NULL) {
        if (!dbx_walk_retired(w, DBX_RETIRED_COLLECTION, e.cid)) {
            dbx_walk_wrong(w, key, tables[e.row].nobodys);
        }
    } else if (type != 0 ? owner->type != type : owner->type == DBX_STRING) {
        dbx_walk_wrong(w, key, "is of another type than its key");
    } else {
        count_entry(w, &e, owner);
    }
}
