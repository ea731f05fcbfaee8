/* verify_map.c: what the map holds, in one walk: see verify.h.
 *
 * Whose chunks are whose is looked up in a table of bounded size. Where there are more long values
 * than it takes, further walks over keys and chunks see to the rest, in the order of their ids.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/format.h"
#include "store/keyspace.h"
#include "store/record.h"
#include "store/upgrade.h"
#include "store/verify.h"

enum {
    PROGRESS_EVERY = 1 << 14,
    DB_BYTES = 24,
    EMBSTR_MAX = 44,
    INT_MAX_LEN = 20,
    CHUNK_KEY_BYTES = 1 + 8 + 4
};

/* One numbered database: what its M record says, and what there is. */
typedef struct db_check {
    uint32_t number;
    uint64_t ns, keys, expires, found_keys, found_expires;
} db_check;

/* A value in chunks. */
typedef struct owner {
    uint64_t cid, bytes;
} owner;

typedef struct walk {
    dbx_snapshot *snapshot;
    dbx_report *report;
    uint8_t seed[16];
    uint64_t next_id;
    db_check *dbs;
    size_t db_count, db_cap;
    size_t db_last; /* the one found last: keys of a database stand together */
    owner *owners;  /* with ids in [owners_from, owners_upto), in that order when sorted */
    size_t owner_count, owner_cap, owners_max;
    uint64_t owners_from, owners_upto;
    bool owners_sorted;
    uint64_t strings, strings_chunked, expiring, ttl_entries, chunks, retired, done, all;
    int rc; /* out of memory */
} walk;

static bool there(walk *w, dbx_slice key) {
    dbx_slice value;
    return dbx_snapshot_get(w->snapshot, key, &value) == DBX_OK;
}

static bool retired(walk *w, enum dbx_retired_kind kind, uint64_t id) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    return there(w, dbx_format_retired_key(key, kind, id));
}

static void wrong_entry(walk *w, dbx_slice key, const char *what) {
    enum { SHOWN = 24 };
    char hex[2 * SHOWN + 1] = "";
    for (size_t i = 0; i < key.len && i < SHOWN; i++) {
        hex[2 * i] = "0123456789abcdef"[key.ptr[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[key.ptr[i] & 15];
    }
    dbx_report_wrong(w->report, "entry %s%s %s", hex, key.len > SHOWN ? "..." : "", what);
}

/* --- M: what the others are compared with ----------------------------------------------------- */

static void check_db(walk *w, dbx_slice key, dbx_slice value) {
    void *dbs = dbx_alloc_room(w->dbs, &w->db_cap, w->db_count + 1, sizeof *w->dbs);
    if (dbs == NULL) {
        w->rc = DBX_ENOMEM;
        return;
    }
    w->dbs = dbs;
    w->dbs[w->db_count++] = (db_check){.number = dbx_load32_be(key.ptr + 2),
                                       .ns = dbx_load64(value.ptr),
                                       .keys = dbx_load64(value.ptr + 8),
                                       .expires = dbx_load64(value.ptr + 16)};
}

static void check_meta(walk *w, dbx_slice key, dbx_slice value) {
    uint8_t what = key.len < 2 ? 0 : key.ptr[1];
    bool numbered = key.len == 6;
    if (what == DBX_META_DB && numbered && value.len == DB_BYTES) {
        check_db(w, key, value);
    } else if (what == DBX_META_NEXT_ID && numbered && value.len == 8) {
        w->next_id = dbx_load64(value.ptr);
    } else if (!((what == DBX_META_FORMAT || what == DBX_META_POSITION) && key.len == 2) &&
               !(what == DBX_META_SPOOL && numbered && value.len == 8) &&
               !(what == DBX_META_SCAN && numbered && value.len >= 8)) {
        wrong_entry(w, key, "is no record of the database's own that is known");
    }
}

static int check_format(walk *w, dbx_applied *applied, dbx_error *error) {
    uint8_t key[2] = {DBX_TABLE_META, DBX_META_FORMAT};
    dbx_slice value;
    int rc = dbx_snapshot_get(w->snapshot, dbx_slice_of(key, sizeof key), &value);
    if (rc != DBX_OK || value.len < DBX_FORMAT_RECORD_BYTES) {
        return dbx_error_set(error, DBX_ECORRUPT, "data.mdbx says no format: it is not DBX's");
    }
    uint32_t version = dbx_load32(value.ptr);
    rc = dbx_upgrade_check(w->report->dir, version, DBX_FORMAT_VERSION, error);
    if (rc == 1) {
        rc = dbx_error_set(error, DBX_EVERSION,
                           "%s is of format %" PRIu32
                           ", which only a start upgrades: start it once, then verify it",
                           w->report->dir, version);
    }
    if (rc != DBX_OK) return rc;
    memcpy(w->seed, value.ptr + 16, sizeof w->seed);
    dbx_report_line(w->report, "format", "%" PRIu32 ", pages of %" PRIu32 " bytes", version,
                    dbx_load32(value.ptr + 4));
    rc = dbx_apply_read_position(w->snapshot, applied);
    if (rc == DBX_OK || rc == DBX_ENOTFOUND) return DBX_OK; /* nothing has been applied so far */
    return dbx_error_set(error, DBX_ECORRUPT, "data.mdbx does not say what it contains");
}

/* --- K ---------------------------------------------------------------------------------------- */

static db_check *db_of(walk *w, uint64_t ns) {
    for (size_t i = 0; i < w->db_count; i++) {
        db_check *db = &w->dbs[(w->db_last + i) % w->db_count];
        if (db->ns != ns) continue;
        w->db_last = (size_t)(db - w->dbs);
        return db;
    }
    return NULL;
}

static int by_cid(const void *a, const void *b) {
    const owner *x = a, *y = b;
    return (x->cid > y->cid) - (x->cid < y->cid);
}

/* Keeps `most` with the lowest ids; the others are left to the next walk. */
static void sort_owners(walk *w, size_t most) {
    size_t kept = 0;
    if (w->owner_count > 1) qsort(w->owners, w->owner_count, sizeof *w->owners, by_cid);
    for (size_t i = 0; i < w->owner_count; i++) {
        uint64_t cid = w->owners[i].cid;
        if (kept > 0 && cid == w->owners[kept - 1].cid) {
            dbx_report_wrong(w->report, "two keys share the long value %" PRIu64, cid);
        } else if (kept == most) {
            w->owners_upto = cid;
            break;
        } else {
            w->owners[kept++] = w->owners[i];
        }
    }
    w->owner_count = kept;
}

static void finish_owners(walk *w) {
    if (!w->owners_sorted) sort_owners(w, w->owners_max);
    w->owners_sorted = true;
}

static void add_owner(walk *w, const dbx_meta *meta) {
    if (meta->cid < w->owners_from || meta->cid >= w->owners_upto) return;
    if (w->owner_count == w->owners_max) sort_owners(w, w->owners_max / 2);
    if (meta->cid >= w->owners_upto) return;
    void *owners = dbx_alloc_room(w->owners, &w->owner_cap, w->owner_count + 1, sizeof *w->owners);
    if (owners == NULL) {
        w->rc = DBX_ENOMEM;
        return;
    }
    w->owners = owners;
    w->owners[w->owner_count++] = (owner){meta->cid, meta->count};
}

static bool is_given_out(const walk *w, uint64_t id) {
    return id != 0 && id < w->next_id;
}

static void check_chunked(walk *w, dbx_slice key, const dbx_meta *meta) {
    w->strings_chunked++;
    if (!is_given_out(w, meta->cid)) {
        wrong_entry(w, key, "is a long value with an id that was never given out");
        return;
    }
    if (retired(w, DBX_RETIRED_COLLECTION, meta->cid)) {
        wrong_entry(w, key, "is a long value that is going to be reclaimed");
    }
    add_owner(w, meta);
}

static bool is_number(dbx_slice payload) {
    size_t sign = payload.len > 0 && payload.ptr[0] == '-';
    if (payload.len <= sign || payload.len > INT_MAX_LEN) return false;
    for (size_t i = sign; i < payload.len; i++) {
        if (payload.ptr[i] < '0' || payload.ptr[i] > '9') return false;
    }
    return true;
}

static void check_string(walk *w, dbx_slice key, const dbx_meta *meta, dbx_slice payload) {
    bool good = meta->cid == 0;
    w->strings++;
    switch ((enum dbx_string_encoding)meta->encoding) {
    case DBX_STRING_INT:
        good = good && is_number(payload);
        break;
    case DBX_STRING_EMBSTR:
        good = good && payload.len <= EMBSTR_MAX;
        break;
    case DBX_STRING_RAW:
        break;
    case DBX_STRING_CHUNKED:
        good = payload.len == 0;
        check_chunked(w, key, meta);
        break;
    default:
        good = false;
    }
    if (!good) wrong_entry(w, key, "is no string of its encoding");
}

/* The TTL index is a hint, but a record without its entry would never expire by itself. */
static void check_expiry(walk *w, dbx_slice key, const dbx_meta *meta) {
    uint8_t ttl[DBX_ENCODED_KEY_MAX];
    if (!dbx_expiry_set(meta->expiry)) return;
    w->expiring++;
    if (key.len + 8 > sizeof ttl ||
        !there(w, dbx_slice_of(ttl, dbx_format_ttl_key(ttl, meta->expiry, key)))) {
        wrong_entry(w, key, "expires, but the TTL index does not have it");
    }
}

static void check_key(walk *w, dbx_slice key, dbx_slice record) {
    uint8_t encoded[DBX_ENCODED_KEY_MAX];
    dbx_slice rest = dbx_slice_of(key.ptr + 1, key.len - 1), name, payload;
    dbx_meta meta;
    uint64_t ns;
    bool is_long;
    if (key.len > sizeof encoded || !dbx_format_read_number(&rest, &ns) ||
        !dbx_record_read(record, &meta, &name, &payload)) {
        wrong_entry(w, key, "is no record of a key");
        return;
    }
    dbx_slice whole = name.len > 0 ? name : rest;
    size_t len = dbx_format_key(encoded, ns, whole, w->seed, &is_long);
    if (is_long != (name.len > 0) || !dbx_slice_eq(dbx_slice_of(encoded, len), key)) {
        wrong_entry(w, key, "does not have the name that its record says");
    }
    db_check *db = db_of(w, ns);
    if (db != NULL) {
        db->found_keys++;
        db->found_expires += dbx_expiry_set(meta.expiry);
        check_expiry(w, key, &meta);
    } else if (!retired(w, DBX_RETIRED_NAMESPACE, ns)) {
        wrong_entry(w, key, "belongs to no database");
    }
    if (meta.type == DBX_STRING) {
        check_string(w, key, &meta, payload);
    } else {
        wrong_entry(w, key, "is of a type that is not known");
    }
}

/* --- V, T, X ---------------------------------------------------------------------------------- */

static bool is_chunk(dbx_slice key, dbx_slice bytes) {
    return key.len == CHUNK_KEY_BYTES && bytes.len <= DBX_VALUE_CHUNK_BYTES;
}

static void check_chunks_owner(walk *w, dbx_slice key, dbx_slice bytes) {
    finish_owners(w);
    if (!is_chunk(key, bytes)) return;
    owner wanted = {.cid = dbx_load64_be(key.ptr + 1)};
    if (wanted.cid < w->owners_from || wanted.cid >= w->owners_upto) return;
    const owner *found = w->owner_count == 0 ? NULL
                                             : bsearch(&wanted, w->owners, w->owner_count,
                                                       sizeof *w->owners, by_cid);
    uint64_t at = (uint64_t)dbx_load32_be(key.ptr + 9) * DBX_VALUE_CHUNK_BYTES;
    if (found == NULL) {
        if (!retired(w, DBX_RETIRED_COLLECTION, wanted.cid)) {
            wrong_entry(w, key, "is part of a long value that no key has");
        }
    } else if (at + bytes.len > found->bytes) {
        wrong_entry(w, key, "lies behind the end of its value");
    }
}

static void check_chunk(walk *w, dbx_slice key, dbx_slice bytes) {
    w->chunks++;
    if (!is_chunk(key, bytes)) wrong_entry(w, key, "is no part of a long value");
    check_chunks_owner(w, key, bytes);
}

static void check_ttl(walk *w, dbx_slice key, dbx_slice value) {
    dbx_slice rest = dbx_slice_of(key.ptr + 9, key.len < 9 ? 0 : key.len - 9);
    uint64_t ns;
    w->ttl_entries++;
    if (value.len != 0 || !dbx_format_read_number(&rest, &ns)) {
        wrong_entry(w, key, "is no entry of the TTL index");
    }
}

static void check_retired(walk *w, dbx_slice key, dbx_slice value) {
    w->retired++;
    bool good = key.len == DBX_RETIRED_KEY_BYTES && value.len == 0 &&
                (key.ptr[1] == DBX_RETIRED_COLLECTION || key.ptr[1] == DBX_RETIRED_NAMESPACE);
    if (!good) {
        wrong_entry(w, key, "says nothing that could be reclaimed");
        return;
    }
    uint64_t id = dbx_load64_be(key.ptr + 2);
    if (!is_given_out(w, id)) wrong_entry(w, key, "retires an id never given out");
    if (key.ptr[1] == DBX_RETIRED_NAMESPACE && db_of(w, id) != NULL) {
        wrong_entry(w, key, "retires a database that is in use");
    }
}

/* --- The walk --------------------------------------------------------------------------------- */

static void check_entry(walk *w, dbx_slice key, dbx_slice value) {
    switch (key.len == 0 ? 0 : key.ptr[0]) {
    case DBX_TABLE_META:
        return; /* read first */
    case DBX_TABLE_KEY:
        check_key(w, key, value);
        return;
    case DBX_TABLE_TTL:
    case DBX_TABLE_LIFE:
        check_ttl(w, key, value);
        return;
    case DBX_TABLE_CHUNK:
        check_chunk(w, key, value);
        return;
    case DBX_TABLE_RETIRED:
        check_retired(w, key, value);
        return;
    default:
        wrong_entry(w, key, "belongs to no table that is known");
    }
}

/* Calls `check` for all entries, or for those of the table `tag`. */
static int each(walk *w, uint8_t tag, void (*check)(walk *, dbx_slice, dbx_slice)) {
    dbx_env_cursor *cursor = dbx_env_cursor_open(w->snapshot);
    dbx_slice key = dbx_slice_of(&tag, tag != 0 ? 1 : 0), value, before = {NULL, 0};
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_env_cursor_move(cursor, DBX_ENV_SEEK, &key, &value);
    while (rc == DBX_OK && w->rc == DBX_OK && (tag == 0 || (key.len > 0 && key.ptr[0] == tag))) {
        if (tag == 0 && before.ptr != NULL && dbx_slice_cmp(before, key) >= 0) {
            wrong_entry(w, key, "is not in order");
        }
        before = key;
        check(w, key, value);
        if (tag == 0 && ++w->done % PROGRESS_EVERY == 0) {
            dbx_report_progress(w->report, "entries", w->done, w->all);
        }
        rc = dbx_env_cursor_move(cursor, DBX_ENV_NEXT, &key, &value);
    }
    dbx_env_cursor_close(cursor);
    return w->rc != DBX_OK ? w->rc : rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

/* The long values that the table had no room for. */
static void collect_owner(walk *w, dbx_slice key, dbx_slice record) {
    dbx_slice name, payload;
    dbx_meta meta;
    (void)key;
    if (dbx_record_read(record, &meta, &name, &payload) && meta.type == DBX_STRING &&
        meta.encoding == DBX_STRING_CHUNKED && is_given_out(w, meta.cid)) {
        add_owner(w, &meta);
    }
}

static int check_other_owners(walk *w) {
    int rc = DBX_OK;
    while (rc == DBX_OK && w->owners_upto != UINT64_MAX) {
        w->owners_from = w->owners_upto;
        w->owners_upto = UINT64_MAX;
        w->owner_count = 0;
        w->owners_sorted = false;
        rc = each(w, DBX_TABLE_KEY, collect_owner);
        if (rc == DBX_OK) rc = each(w, DBX_TABLE_CHUNK, check_chunks_owner);
        if (rc == DBX_OK) finish_owners(w);
    }
    return rc;
}

static void report(walk *w) {
    if (w->done != w->all) {
        dbx_report_wrong(w->report, "data.mdbx has %" PRIu64 " entries and says %" PRIu64, w->done,
                         w->all);
    }
    for (size_t i = 0; i < w->db_count; i++) {
        const db_check *db = &w->dbs[i];
        if (db->found_keys > 0) {
            dbx_report_line(w->report, "keys", "db%" PRIu32 ": %" PRIu64 ", %" PRIu64 " expire",
                            db->number, db->found_keys, db->found_expires);
        }
        if (!is_given_out(w, db->ns)) {
            dbx_report_wrong(w->report, "db%" PRIu32 " has an id that was never given out",
                             db->number);
        }
        if (db->found_keys != db->keys || db->found_expires != db->expires) {
            dbx_report_wrong(w->report,
                             "db%" PRIu32 " has %" PRIu64 " keys, %" PRIu64
                             " expire, and says %" PRIu64 " and %" PRIu64,
                             db->number, db->found_keys, db->found_expires, db->keys, db->expires);
        }
    }
    dbx_report_line(w->report, "types", "string: %" PRIu64 ", %" PRIu64 " of them in chunks",
                    w->strings, w->strings_chunked);
    dbx_report_line(w->report, "expiry", "%" PRIu64 " entries for %" PRIu64 " keys", w->ttl_entries,
                    w->expiring);
    dbx_report_line(w->report, "chunks", "%" PRIu64, w->chunks);
    dbx_report_line(w->report, "reclaim", "%" PRIu64 " ids wait for it", w->retired);
}

int dbx_verify_map(dbx_snapshot *snapshot, size_t values_max, dbx_report *out, dbx_applied *applied,
                   dbx_error *error) {
    walk w = {.snapshot = snapshot,
              .report = out,
              .all = dbx_snapshot_entries(snapshot),
              .owners_max = values_max,
              .owners_upto = UINT64_MAX};
    int rc = check_format(&w, applied, error);
    if (rc != DBX_OK) return rc;
    rc = each(&w, DBX_TABLE_META, check_meta);
    if (rc == DBX_OK) rc = each(&w, 0, check_entry);
    if (rc == DBX_OK) finish_owners(&w);
    if (rc == DBX_OK) rc = check_other_owners(&w);
    if (rc == DBX_OK) report(&w);
    dbx_alloc_free(w.dbs);
    dbx_alloc_free(w.owners);
    if (rc == DBX_OK) return rc;
    return dbx_error_set(error, rc, rc == DBX_ENOMEM ? "out of memory" : "data.mdbx is unreadable");
}
