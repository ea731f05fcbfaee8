/* expire.c: removing keys and elements whose time has come, in the order of time on each of the two
 * clocks. TTL entries are hints: the record decides (invariant 16), since a database that was
 * flushed leaves its entries behind. */
#include <string.h>

#include "base/bytes.h"
#include "store/internal.h"
#include "store/keyspace.h"
#include "store/record.h"

enum { TTL_HEAD = 9 }; /* tag and time, before namespace and name */

static const uint8_t tables[DBX_INDEXES] = {DBX_TABLE_TTL, DBX_TABLE_LIFE, DBX_TABLE_DUE,
                                            DBX_TABLE_DUE_LIFE};

static bool is_relative(unsigned index) {
    return (index & 1) != 0;
}

/* When the first entry of an index is due on its own clock; INT64_MAX: there is none. */
static int64_t first_ms(dbx_store *store, unsigned index) {
    dbx_next_expiry *next = &store->next_expiry[index];
    if (next->known) return next->ms;
    dbx_cursor *cursor = dbx_cursor_open(&store->live, dbx_slice_of(&tables[index], 1));
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

/* When an index is due, in database time. */
static int64_t due_ms(dbx_store *store, unsigned index) {
    int64_t ms = first_ms(store, index);
    if (is_relative(index) || ms == INT64_MAX) return ms;
    if (__builtin_sub_overflow(ms, store->wall_ahead_ms, &ms)) return INT64_MAX - 1;
    return ms < 0 ? 0 : ms; /* long ago, when database time is far behind */
}

int64_t dbx_expire_next_ms(dbx_txn *txn) {
    int64_t next_ms = INT64_MAX;
    for (unsigned i = 0; i < DBX_INDEXES; i++) {
        int64_t ms = due_ms(txn->store, i);
        if (ms < next_ms) next_ms = ms;
    }
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

/* What a due entry stands for, when its record agrees: the key itself, or elements of it. Returns
 * how many of them, or a failure. */
static int expire_named(dbx_txn *txn, uint32_t db, dbx_slice name, bool elements, uint32_t max,
                        const dbx_expire_hooks *hooks) {
    dbx_key k;
    int rc = dbx_key_find(txn, db, name, &k); /* a writing command: this removes and journals it */
    if (rc != DBX_OK) return rc;
    if (!k.exists) {
        if (hooks->expired != NULL) hooks->expired(hooks->arg, db, name);
        return 1;
    }
    return elements ? hooks->elements(hooks->arg, txn, &k, max) : 1;
}

/* Deals with a due entry of an index. Returns how many keys or elements were removed, at least 1.
 */
static int expire_entry(dbx_txn *txn, dbx_slice entry, unsigned index, uint32_t max,
                        const dbx_expire_hooks *hooks) {
    uint8_t encoded[DBX_ENCODED_KEY_MAX];
    dbx_slice rest = dbx_slice_of(entry.ptr + TTL_HEAD, entry.len - TTL_HEAD);
    dbx_slice record, name, payload;
    dbx_meta meta;
    uint64_t ns;
    uint32_t db;
    encoded[0] = DBX_TABLE_KEY;
    memcpy(encoded + 1, rest.ptr, rest.len);
    dbx_slice key = dbx_slice_of(encoded, rest.len + 1);
    if (!dbx_format_read_number(&rest, &ns)) return DBX_ECORRUPT;
    int rc = db_of_ns(txn->store, ns, &db) ? dbx_txn_get(txn, key, &record) : DBX_ENOTFOUND;
    if (rc == DBX_OK && !dbx_record_read(record, &meta, &name, &payload)) rc = DBX_ECORRUPT;
    if (rc != DBX_OK && rc != DBX_ENOTFOUND) return rc;
    int64_t hint_ms = (int64_t)dbx_load64_be(entry.ptr + 1);
    dbx_expiry hint = {hint_ms, is_relative(index)};
    bool elements = index >= DBX_INDEX_DUE;
    bool agrees = rc == DBX_OK && (elements ? meta.due_ms[is_relative(index)] == hint_ms
                                            : dbx_expiry_same(meta.expiry, hint));
    if (!agrees) {
        rc = dbx_txn_del(txn, entry);
        return rc == DBX_OK ? 1 : rc;
    }
    /* The name's bytes outlive the removal: nothing of a turn is freed before its end. */
    return expire_named(txn, db, name.len == 0 ? rest : name, elements, max, hooks);
}

/* dbx_expire_step for one index. */
static int step(dbx_txn *txn, unsigned index, uint32_t max, const dbx_expire_hooks *hooks) {
    uint32_t done = 0;
    int64_t now_ms = is_relative(index) ? txn->now_ms : txn->wall_ms;
    dbx_cursor *cursor = dbx_cursor_open(&txn->store->live, dbx_slice_of(&tables[index], 1));
    if (cursor == NULL) return DBX_ENOMEM;
    int rc = dbx_cursor_first(cursor);
    while (rc == DBX_OK && done < max) {
        dbx_slice entry = dbx_cursor_key(cursor);
        if (entry.len <= TTL_HEAD) {
            rc = DBX_ECORRUPT;
            break;
        }
        if ((int64_t)dbx_load64_be(entry.ptr + 1) > now_ms) break;
        /* Each removal is a group of its own in the journal. */
        dbx_savepoint savepoint = dbx_txn_command_begin(txn, true);
        rc = expire_entry(txn, entry, index, max - done, hooks);
        if (rc < 0) dbx_txn_command_undo(txn, savepoint);
        dbx_txn_command_end(txn, savepoint);
        if (rc < 0) break;
        done += rc > 0 ? (uint32_t)rc : 1;
        rc = dbx_cursor_next(cursor);
    }
    dbx_cursor_close(cursor);
    txn->store->next_expiry[index].known = false;
    return rc == DBX_OK || rc == DBX_ENOTFOUND ? (int)done : rc;
}

int dbx_expire_step(dbx_txn *txn, uint32_t max, const dbx_expire_hooks *hooks) {
    uint32_t done = 0;
    for (unsigned i = 0; i < DBX_INDEXES && done < max; i++) {
        if (first_ms(txn->store, i) > (is_relative(i) ? txn->now_ms : txn->wall_ms)) continue;
        int rc = step(txn, i, max - done, hooks);
        if (rc < 0) return rc;
        done += (uint32_t)rc;
    }
    return (int)done;
}
