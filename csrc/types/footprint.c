/* footprint.c: see footprint.h. */
#include "types/footprint.h"

#include "types/rank.h"
#include "types/t_list.h"
#include "types/t_stream_group.h"

enum {
    ENTRY_BYTES = 10, /* what a page keeps of an entry besides its key and value */
    RECORD_HEAD = 20, /* about what a record begins with */
    ENTRIES_OF_CONSUMER = 3,
    ENTRIES_OF_PENDING = 2
};

/* Entries of one table: those that were looked at, and whether these were all. */
typedef struct sample {
    uint64_t seen, bytes;
    bool all;
} sample;

static int take_sample(dbx_txn *txn, uint8_t table, uint64_t cid, uint64_t most, sample *s) {
    uint8_t prefix[1 + DBX_NUMBER_BYTES_MAX];
    size_t n = dbx_format_collection(prefix, table, cid);
    dbx_cursor *cursor = dbx_cursor_open(dbx_txn_view(txn), dbx_slice_of(prefix, n));
    *s = (sample){.seen = 0};
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    for (; rc == DBX_OK && (most == 0 || s->seen < most); rc = dbx_cursor_next(cursor)) {
        s->seen++;
        s->bytes += dbx_cursor_key(cursor).len + dbx_cursor_value(cursor).len + ENTRY_BYTES;
    }
    s->all = rc == DBX_ENOTFOUND;
    dbx_cursor_close(cursor);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* group_entries counts what the groups of a stream have, from the counts that each keeps. */
static int group_entries(dbx_txn *txn, const dbx_key *k, uint64_t *entries) {
    dbx_stream_group_walk walk;
    dbx_stream_group group;
    dbx_cell name;
    *entries = 0;
    int rc = dbx_stream_group_walk_open(&walk, dbx_txn_view(txn), k->meta.cid, 0);
    if (rc != DBX_OK) return rc;
    while ((rc = dbx_stream_group_walk_group(&walk, dbx_txn_view(txn), &name, &group)) == DBX_OK)
        *entries += 1 + ENTRIES_OF_CONSUMER * group.consumers + ENTRIES_OF_PENDING * group.pending;
    dbx_stream_group_walk_close(&walk);
    return rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* entries_of is about how many entries a collection has in a table. */
static int entries_of(dbx_txn *txn, const dbx_key *k, uint8_t table, uint64_t *entries) {
    *entries = k->meta.count;
    if (table == DBX_TABLE_RANK) *entries = k->meta.count >> DBX_RANK_BITS;
    return table == DBX_TABLE_GROUP ? group_entries(txn, k, entries) : DBX_OK;
}

/* A large list keeps count of its bytes: its nodes need not be looked at. */
static int list_bytes(const dbx_key *k, uint64_t *bytes) {
    dbx_list_shape shape;
    if (!dbx_list_shape_read(&k->meta, k->payload, &shape)) return DBX_ECORRUPT;
    *bytes = shape.packed;
    return DBX_OK;
}

static int table_bytes(dbx_txn *txn, const dbx_key *k, uint8_t table, uint64_t samples,
                       uint64_t *bytes) {
    sample s;
    uint64_t entries;
    bool chunks = table == DBX_TABLE_CHUNK || table == DBX_TABLE_PIECE;
    if (table == DBX_TABLE_LIST && samples > 0) return list_bytes(k, bytes);
    int rc = take_sample(txn, table, k->meta.cid, chunks ? 0 : samples, &s);
    *bytes = s.bytes;
    if (rc != DBX_OK || s.all || s.seen == 0) return rc;
    rc = entries_of(txn, k, table, &entries);
    if (entries > s.seen) *bytes = (uint64_t)((double)s.bytes / (double)s.seen * (double)entries);
    return rc;
}

/* has says whether values of a type lie in a table. */
static bool has(const dbx_key *k, uint8_t table) {
    static const char *const tables[] = {
        [DBX_STRING] = "V",  [DBX_LIST] = "LW",  [DBX_SETTYPE] = "SW",
        [DBX_ZSET] = "ZzRW", [DBX_HASH] = "HhW", [DBX_STREAM] = "EGW"};
    return strchr(tables[k->meta.type], table) != NULL;
}

int dbx_footprint(dbx_txn *txn, const dbx_key *k, uint64_t samples, uint64_t *bytes) {
    int rc = DBX_OK;
    *bytes = k->name.len + RECORD_HEAD + k->payload.len + ENTRY_BYTES;
    if (k->meta.cid == 0) return DBX_OK;
    const uint8_t *table = dbx_format_collection_tables;
    for (; rc == DBX_OK && *table != 0; table++) {
        uint64_t more = 0;
        if (has(k, *table)) rc = table_bytes(txn, k, *table, samples, &more);
        *bytes += more;
    }
    return rc;
}
