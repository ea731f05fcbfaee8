/* verify_map.c: what the map holds, in one walk: see verify.h.
 *
 * From the keys on to the end, then what comes before them: whose an entry is is known by then
 * (verify_owners.h).
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/record.h"
#include "store/upgrade.h"
#include "store/verify_walk.h"

enum { PROGRESS_EVERY = 1 << 14, DB_BYTES = 24 };

typedef dbx_walk walk;

bool dbx_walk_there(walk *w, dbx_slice key) {
    dbx_slice value;
    return dbx_snapshot_get(w->snapshot, key, &value) == DBX_OK;
}

bool dbx_walk_retired(walk *w, enum dbx_retired_kind kind, uint64_t id) {
    uint8_t key[DBX_RETIRED_KEY_BYTES];
    if (dbx_walk_there(w, dbx_format_retired_key(key, kind, id))) return true;
    /* The next start retires it. */
    return kind == DBX_RETIRED_COLLECTION &&
           dbx_walk_there(w, dbx_format_retired_key(key, DBX_UNPUBLISHED, id));
}

void dbx_walk_wrong(walk *w, dbx_slice key, const char *what) {
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
    w->dbs[w->db_count++] = (dbx_walk_db){.number = dbx_load32_be(key.ptr + 2),
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
        dbx_walk_wrong(w, key, "is no record of the database's own that is known");
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

static dbx_walk_db *db_of(walk *w, uint64_t ns) {
    for (size_t i = 0; i < w->db_count; i++) {
        dbx_walk_db *db = &w->dbs[(w->db_last + i) % w->db_count];
        if (db->ns != ns) continue;
        w->db_last = (size_t)(db - w->dbs);
        return db;
    }
    return NULL;
}

/* The TTL index is a hint, but a record without its entry would never expire by itself. */
static void check_expiry(walk *w, dbx_slice key, const dbx_meta *meta) {
    uint8_t ttl[DBX_ENCODED_KEY_MAX];
    if (!dbx_expiry_set(meta->expiry)) return;
    w->expiring++;
    if (key.len + 8 > sizeof ttl ||
        !dbx_walk_there(w, dbx_slice_of(ttl, dbx_format_ttl_key(ttl, meta->expiry, key)))) {
        dbx_walk_wrong(w, key, "expires, but the TTL index does not have it");
    }
}

/* So is that of keys of which elements expire. */
static void check_due(walk *w, dbx_slice key, const dbx_meta *meta) {
    uint8_t other[DBX_ENCODED_KEY_MAX];
    if ((meta->due_ms[0] | meta->due_ms[1]) == 0) return;
    w->fields_expiring++;
    for (int i = 0; i < 2; i++) {
        dbx_expiry due = {meta->due_ms[i], i == 1};
        if (due.ms == 0) continue;
        if (key.len + 8 > sizeof other ||
            !dbx_walk_there(w, dbx_slice_of(other, dbx_format_due_key(other, due, key)))) {
            dbx_walk_wrong(w, key, "has elements that expire, but their index does not have it");
        }
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
        dbx_walk_wrong(w, key, "is no record of a key");
        return;
    }
    dbx_slice whole = name.len > 0 ? name : rest;
    size_t len = dbx_format_key(encoded, ns, whole, w->seed, &is_long);
    if (is_long != (name.len > 0) || !dbx_slice_eq(dbx_slice_of(encoded, len), key)) {
        dbx_walk_wrong(w, key, "does not have the name that its record says");
    }
    dbx_walk_db *db = db_of(w, ns);
    if (db != NULL) {
        db->found_keys++;
        db->found_expires += dbx_expiry_set(meta.expiry);
        check_expiry(w, key, &meta);
        check_due(w, key, &meta);
    } else if (!dbx_walk_retired(w, DBX_RETIRED_NAMESPACE, ns)) {
        dbx_walk_wrong(w, key, "belongs to no database");
    }
    dbx_walk_value(w, key, &meta, payload);
}

/* --- T, F, X -----------------------------------------------------------------------------------
 */

static void check_ttl(walk *w, dbx_slice key, dbx_slice value) {
    dbx_slice rest = dbx_slice_of(key.ptr + 9, key.len < 9 ? 0 : key.len - 9);
    uint64_t ns;
    bool elements = key.ptr[0] == DBX_TABLE_DUE || key.ptr[0] == DBX_TABLE_DUE_LIFE;
    ++*(elements ? &w->due_entries : &w->ttl_entries);
    if (value.len != 0 || !dbx_format_read_number(&rest, &ns)) {
        dbx_walk_wrong(w, key, "is no entry of the TTL index");
    }
}

static void check_retired(walk *w, dbx_slice key, dbx_slice value) {
    w->retired++;
    bool good = key.len == DBX_RETIRED_KEY_BYTES && value.len == 0 &&
                (key.ptr[1] == DBX_RETIRED_COLLECTION || key.ptr[1] == DBX_RETIRED_NAMESPACE ||
                 key.ptr[1] == DBX_UNPUBLISHED);
    if (!good) {
        dbx_walk_wrong(w, key, "says nothing that could be reclaimed");
        return;
    }
    uint64_t id = dbx_load64_be(key.ptr + 2);
    /* What is unpublished may be newer than the last apply: a start counts on from there. */
    if (key.ptr[1] != DBX_UNPUBLISHED && !dbx_walk_given_out(w, id)) {
        dbx_walk_wrong(w, key, "retires an id never given out");
    }
    if (key.ptr[1] == DBX_RETIRED_NAMESPACE && db_of(w, id) != NULL) {
        dbx_walk_wrong(w, key, "retires a database that is in use");
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
    case DBX_TABLE_DUE:
    case DBX_TABLE_DUE_LIFE:
        check_ttl(w, key, value);
        return;
    case DBX_TABLE_RETIRED:
        check_retired(w, key, value);
        return;
    default:
        if (key.len > 0 && dbx_walk_table(key.ptr[0])) {
            dbx_walk_shape(w, key, value);
            dbx_walk_owned(w, key, value);
            return;
        }
        dbx_walk_wrong(w, key, "belongs to no table that is known");
    }
}

typedef void check_call(walk *w, dbx_slice key, dbx_slice value);

/* Calls `check` for entries from the table `from` to before `to`; 0 and 256: all there are.
 * `counted`: this is the walk that sees everything. */
static int each(walk *w, unsigned from, unsigned to, bool counted, check_call *check) {
    dbx_env_cursor *cursor = dbx_env_cursor_open(w->snapshot);
    uint8_t tag = (uint8_t)from;
    dbx_slice key = dbx_slice_of(&tag, from != 0 ? 1 : 0), value, before = {NULL, 0};
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_env_cursor_move(cursor, DBX_ENV_SEEK, &key, &value);
    while (rc == DBX_OK && w->rc == DBX_OK && (key.len == 0 || key.ptr[0] < to)) {
        if (counted && before.ptr != NULL && dbx_slice_cmp(before, key) >= 0) {
            dbx_walk_wrong(w, key, "is not in order");
        }
        before = key;
        check(w, key, value);
        if (counted && ++w->done % PROGRESS_EVERY == 0) {
            dbx_report_progress(w->report, "entries", w->done, w->all);
        }
        rc = dbx_env_cursor_move(cursor, DBX_ENV_NEXT, &key, &value);
    }
    dbx_env_cursor_close(cursor);
    return w->rc != DBX_OK ? w->rc : rc == DBX_ENOTFOUND ? DBX_OK : rc;
}

static int each_of(walk *w, uint8_t table, check_call *check) {
    return each(w, table, table + 1U, false, check);
}

/* Keys come first: what lies under ids is compared with them. */
static int check_all(walk *w) {
    enum { END = 256 };
    int rc = each(w, DBX_TABLE_KEY, END, true, check_entry);
    return rc == DBX_OK ? each(w, 0, DBX_TABLE_KEY, true, check_entry) : rc;
}

/* What was known at this time has been walked. */
static void settle(walk *w) {
    dbx_owners_finish(&w->owners, w->report);
    dbx_walk_ranks_end(w);
    dbx_owners_settle(&w->owners, w->report);
}

/* Those that the table had no room for. */
static int check_other_owners(walk *w) {
    int rc = DBX_OK;
    while (rc == DBX_OK && w->owners.upto != UINT64_MAX) {
        dbx_owners_begin(&w->owners, w->owners.upto);
        rc = each_of(w, DBX_TABLE_KEY, dbx_walk_owner);
        const uint8_t *table = dbx_format_collection_tables;
        for (; rc == DBX_OK && *table != 0; table++)
            rc = each_of(w, *table, dbx_walk_owned);
        if (rc == DBX_OK) settle(w);
    }
    return rc;
}

static void report_types(const walk *w) {
    for (uint8_t type = DBX_STRING; type < DBX_WALK_TYPES; type++) {
        if (w->of_type[type] == 0) continue;
        dbx_report_line(w->report, "types", "%s: %" PRIu64 ", %" PRIu64 " of them %s",
                        dbx_owners_type(type), w->of_type[type], w->large[type],
                        type == DBX_STRING ? "in chunks" : "large");
    }
    dbx_report_line(w->report, "expiry", "%" PRIu64 " entries for %" PRIu64 " keys", w->ttl_entries,
                    w->expiring);
    dbx_report_line(w->report, "fields",
                    "%" PRIu64 " entries for %" PRIu64 " keys of which elements expire",
                    w->due_entries, w->fields_expiring);
    dbx_report_line(w->report, "chunks", "%" PRIu64, w->chunks);
    dbx_report_line(w->report, "elements", "%" PRIu64 " entries of large collections", w->entries);
    dbx_report_line(w->report, "reclaim", "%" PRIu64 " ids wait for it", w->retired);
}

static void report(walk *w) {
    if (w->done != w->all) {
        dbx_report_wrong(w->report, "data.mdbx has %" PRIu64 " entries and says %" PRIu64, w->done,
                         w->all);
    }
    for (size_t i = 0; i < w->db_count; i++) {
        const dbx_walk_db *db = &w->dbs[i];
        if (db->found_keys > 0) {
            dbx_report_line(w->report, "keys", "db%" PRIu32 ": %" PRIu64 ", %" PRIu64 " expire",
                            db->number, db->found_keys, db->found_expires);
        }
        if (!dbx_walk_given_out(w, db->ns)) {
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
    report_types(w);
}

int dbx_verify_map(dbx_snapshot *snapshot, size_t values_max, dbx_report *out, dbx_applied *applied,
                   dbx_error *error) {
    walk w = {.snapshot = snapshot,
              .report = out,
              .all = dbx_snapshot_entries(snapshot),
              .owners = {.max = values_max}};
    dbx_owners_begin(&w.owners, 0);
    int rc = check_format(&w, applied, error);
    if (rc != DBX_OK) return rc;
    rc = each_of(&w, DBX_TABLE_META, check_meta);
    if (rc == DBX_OK) rc = check_all(&w);
    if (rc == DBX_OK) settle(&w);
    if (rc == DBX_OK) rc = check_other_owners(&w);
    if (rc == DBX_OK) report(&w);
    dbx_alloc_free(w.dbs);
    dbx_alloc_free(w.owners.all);
    if (rc == DBX_OK) return rc;
    return dbx_error_set(error, rc, rc == DBX_ENOMEM ? "out of memory" : "data.mdbx is unreadable");
}
