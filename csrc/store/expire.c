/* expire.c: removing keys whose time has come, in the order of time on each of the two clocks. TTL
 * entries are hints: the record decides (invariant 16), since a database that was flushed leaves
 * its entries behind. */
#include <string.h>

#include "base/bytes.h"
#include "store/internal.h"
#include "store/keyspace.h"
#include "store/record.h"

enum { TTL_HEAD = 9 }; /* tag and time, before namespace and name */

static const uint8_t tables[] = {DBX_TABLE_TTL, DBX_TABLE_LIFE}; /* wall time, database time */

/* When the first entry of an index is due on its own clock; INT64_MAX: there is none. */
static int64_t first_ms(dbx_store *store, bool relative) {
    dbx_next_expiry *next = &store->next_expiry[relative];
    if (next->known) return next->ms;
    dbx_cursor *cursor = dbx_cursor_open(&store->live, dbx_slice_of(&tables[relative], 1));
    if (cursor == NULL) return 0; /* no memory now: ask again at once */
    next->ms = INT64_MAX;
    int rc = dbx_cursor_first(cursor);
    if (rc == DBX_OK && dbx_cursor_key(cursor).len > TTL_HEAD) {
        next->ms = (int64_t)dbx_load64_be(dbx_cursor_key(cursor).ptr + 1);
    }
    next->known = rc == DBX_OK || rc == DBX_ENOTFOUND;
    dbx_cursor_close(cursor);
    return next->known ? next->ms : 0; /* what failed will say so in dbx_expire_step */
}

int64_t dbx_expire_next_ms(dbx_txn *txn) {
    int64_t relative_ms = first_ms(txn->store, true), date_ms = first_ms(txn->store, false);
    if (date_ms != INT64_MAX &&
        __builtin_sub_overflow(date_ms, txn->store->wall_ahead_ms, &date_ms)) {
        date_ms = INT64_MAX - 1;
    }
    if (date_ms < 0) date_ms = 0; /* long ago, when database time is far behind */
    int64_t next_ms = relative_ms < date_ms ? relative_ms : date_ms;
    return next_ms == INT64_MAX ? DBX_NO_EXPIRY : next_ms;
}

/* The database a namespace is in now; false: it was flushed. */
static bool db_of_ns(const dbx_store *store, uint64_t ns, uint32_t *db) {
    for (uint32_t i = 0; i < store->options.databases; i++) {
        if (store->dbs[i].ns != ns) continue;
        *db = i;
        return true;
    }
    return false;
}

/* Removes the key that a due TTL entry names, if its record agrees. */
static int expire_key(dbx_txn *txn, dbx_slice ttl_key, dbx_expired_fn *expired, void *arg) {
    uint8_t encoded[DBX_ENCODED_KEY_MAX];
    dbx_slice rest = dbx_slice_of(ttl_key.ptr + TTL_HEAD, ttl_key.len - TTL_HEAD);
    dbx_slice record, name, payload;
    dbx_meta meta;
    dbx_key k;
    uint64_t ns;
    uint32_t db;
    encoded[0] = DBX_TABLE_KEY;
    memcpy(encoded + 1, rest.ptr, rest.len);
    dbx_slice key = dbx_slice_of(encoded, rest.len + 1);
    if (!dbx_format_read_number(&rest, &ns)) return DBX_ECORRUPT;
    if (!db_of_ns(txn->store, ns, &db)) return dbx_txn_del(txn, ttl_key);
    int rc = dbx_txn_get(txn, key, &record);
    if (rc == DBX_ENOTFOUND) return dbx_txn_del(txn, ttl_key);
    if (rc != DBX_OK) return rc;
    if (!dbx_record_read(record, &meta, &name, &payload)) return DBX_ECORRUPT;
    dbx_expiry hint = {(int64_t)dbx_load64_be(ttl_key.ptr + 1), ttl_key.ptr[0] == DBX_TABLE_LIFE};
    if (!dbx_expiry_same(meta.expiry, hint)) return dbx_txn_del(txn, ttl_key);
    /* The name's bytes outlive the removal: nothing of a turn is freed before its end. */
    if (name.len == 0) name = rest;
    rc = dbx_key_find(txn, db, name, &k); /* a writing command: this removes and journals it */
    if (rc == DBX_OK && expired != NULL) expired(arg, db, name);
    return rc;
}

/* dbx_expire_step for one index. */
static int step(dbx_txn *txn, bool relative, uint32_t max, dbx_expired_fn *expired, void *arg) {
    uint32_t done = 0;
    int64_t now_ms = relative ? txn->now_ms : txn->wall_ms;
    dbx_cursor *cursor = dbx_cursor_open(&txn->store->live, dbx_slice_of(&tables[relative], 1));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK && done < max) {
        dbx_slice key = dbx_cursor_key(cursor);
        if (key.len <= TTL_HEAD) {
            rc = DBX_ECORRUPT;
            break;
        }
        if ((int64_t)dbx_load64_be(key.ptr + 1) > now_ms) break;
        /* Each removal is a group of its own in the journal. */
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        rc = expire_key(txn, key, expired, arg);
        if (rc != DBX_OK) dbx_txn_command_undo(txn, savepoint);
        dbx_txn_command_end(txn, savepoint);
        if (rc != DBX_OK) break;
        done++;
        rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    txn->store->next_expiry[relative].known = false;
    return rc == DBX_OK || rc == DBX_ENOTFOUND ? (int)done : rc;
}

int dbx_expire_step(dbx_txn *txn, uint32_t max, dbx_expired_fn *expired, void *arg) {
    int done = 0;
    for (int relative = 0; relative < 2 && (uint32_t)done < max; relative++) {
        if (first_ms(txn->store, relative) > (relative ? txn->now_ms : txn->wall_ms)) continue;
        int rc = step(txn, relative, max - (uint32_t)done, expired, arg);
        if (rc < 0) return rc;
        done += rc;
    }
    return done;
}
