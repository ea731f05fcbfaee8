/* keyspace.h: databases and keys: names to records, expiry, counts, renames, iteration.
 *
 * The only way to a key's record. It keeps what must agree in agreement: the record, the TTL
 * index, the number of keys, and the retirement of a collection whose key is overwritten or gone.
 */
#ifndef DBX_STORE_KEYSPACE_H
#define DBX_STORE_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "store/format.h"
#include "store/txn.h"

typedef struct dbx_meta {
    uint8_t type;       /* enum dbx_type */
    uint8_t encoding;   /* of that type */
    int64_t created_ms; /* set by dbx_key_write for a new key */
    int64_t updated_ms; /* set by dbx_key_write */
    dbx_expiry expiry;
    uint64_t cid;   /* collection id, 0: none */
    uint64_t count; /* elements, or bytes of a chunked string */
    /* When the first of its elements may expire, in wall and in database time; 0: none does. */
    int64_t due_ms[2];
    dbx_slice ext; /* versioned extension, opaque here; usually empty */
} dbx_meta;

/* One key, looked up. `name` must outlive it. `payload` dies as slices of txn.h do. */
typedef struct dbx_key {
    uint32_t db;
    dbx_slice name;
    bool exists; /* false: absent or expired; then meta and payload mean nothing */
    dbx_meta meta;
    dbx_slice payload;
    /* private to keyspace.c */
    dbx_probe probe;
    dbx_expiry old_expiry; /* as it is in the store */
    int64_t old_due_ms[2];
    uint64_t old_cid;
    size_t old_head; /* bytes before the payload */
    size_t encoded_len;
    uint8_t encoded[DBX_ENCODED_KEY_MAX];
} dbx_key;

/* dbx_key_find looks `name` up. DBX_OK whether it exists or not (see k->exists); otherwise a
 * failure. In a writing command an expired key is removed and the removal journalled. */
int dbx_key_find(dbx_txn *txn, uint32_t db, dbx_slice name, dbx_key *k);

/* dbx_key_find_in looks a name up in a view, as of `times`, in the namespace that dbx_db_namespace
 * gave when the view was opened: for replies streamed from it. Removes nothing; *k is for reading
 * only, until the next. */
int dbx_key_find_in(dbx_view *view, uint64_t ns, dbx_slice name, dbx_times times, dbx_key *k);

/* dbx_key_write stores k->meta and `payload` as the key's record; created_ms, updated_ms, the TTL
 * index and counts are kept up. When meta.cid differs from the cid found, the old one is retired.
 * `payload` may point into k->payload. A new key starts with whatever meta the caller set:
 * use dbx_key_reset first. Afterwards k->exists is true and k->payload is dead. */
int dbx_key_write(dbx_txn *txn, dbx_key *k, dbx_slice payload);

/* dbx_key_reset prepares meta for a value of `type` that replaces whatever is there (no expiry,
 * no collection); created_ms is kept when the key exists. */
void dbx_key_reset(dbx_key *k, uint8_t type, uint8_t encoding);

/* dbx_key_append adds bytes to the payload in place (meta unchanged but updated_ms). Of a key as
 * it was found: nothing of it was written since. */
int dbx_key_append(dbx_txn *txn, dbx_key *k, dbx_slice bytes);

/* dbx_key_patch overwrites bytes [at, at + bytes.len) of the payload, which has them; the rest as
 * dbx_key_append. */
int dbx_key_patch(dbx_txn *txn, dbx_key *k, size_t at, dbx_slice bytes);

/* dbx_key_set_expiry changes only the expiry. */
int dbx_key_set_expiry(dbx_txn *txn, dbx_key *k, dbx_expiry expiry);

/* dbx_key_remove deletes the record, its TTL entry, and retires its collection: O(1). */
int dbx_key_remove(dbx_txn *txn, dbx_key *k);

/* dbx_key_move makes `to` hold what `from` holds (expiry and collection included; an existing `to`
 * is replaced) and removes `from`: O(1). RENAME and MOVE. */
int dbx_key_move(dbx_txn *txn, dbx_key *from, dbx_key *to);

/* --- Whole databases -----------------------------------------------------------------------------
 */
uint32_t dbx_db_count(dbx_txn *txn);                  /* configured databases */
uint64_t dbx_db_namespace(dbx_txn *txn, uint32_t db); /* the id its keys lie under now */
uint64_t dbx_db_size(dbx_txn *txn, uint32_t db); /* keys, expired ones not yet removed included */
uint64_t dbx_db_expires(dbx_txn *txn, uint32_t db);    /* keys that have an expiry */
int dbx_db_flush(dbx_txn *txn, uint32_t db);           /* O(1) */
int dbx_db_swap(dbx_txn *txn, uint32_t a, uint32_t b); /* O(1) */
/* dbx_db_random copies some live key's name to `name`, each about equally likely; DBX_ENOTFOUND
 * when the database is empty. */
int dbx_db_random(dbx_txn *txn, uint32_t db, dbx_buf *name);

/* --- Iteration: names in order -------------------------------------------------------------------
 */
typedef struct dbx_keys dbx_keys;
/* dbx_keys_open walks names of `db` that begin with `prefix`, from the first one after `after` in
 * map order (after.ptr NULL: from the start; an empty name is a name), skipping expired ones. NULL:
 * out of memory. */
dbx_keys *dbx_keys_open(dbx_txn *txn, dbx_view *view, uint32_t db, dbx_slice prefix,
                        dbx_slice after);
/* DBX_OK with name and meta, DBX_ENOTFOUND at the end, or a failure. */
int dbx_keys_next(dbx_keys *keys, dbx_slice *name, dbx_meta *meta);
void dbx_keys_close(dbx_keys *keys);

/* SCAN cursors (invariant 23): numbers below 2^53 that name a place, in a bounded table saved with
 * each apply. */
uint64_t dbx_scan_save(dbx_txn *txn, dbx_slice name); /* 0: out of memory */
/* dbx_scan_load fills `name` (its ptr is then not NULL); false: unknown, start over. */
bool dbx_scan_load(dbx_txn *txn, uint64_t cursor, dbx_buf *name);

/* --- Expiry --------------------------------------------------------------------------------------
 */
/* dbx_expire_next_ms is when the next key expires, or DBX_NO_EXPIRY: in database time, and right
 * until the wall clock is set (dbx_store_wall_ahead_ms changes). */
int64_t dbx_expire_next_ms(dbx_txn *txn);
/* What dbx_expire_step calls. */
typedef struct dbx_expire_hooks {
    /* A key was removed because its time had come. May be NULL. */
    void (*expired)(void *arg, uint32_t db, dbx_slice name);
    /* Removes up to `max` elements of the collection whose time has come, journals that, and writes
     * the record with the due_ms that follow. Returns how many, or a failure. */
    int (*elements)(void *arg, dbx_txn *txn, dbx_key *k, uint32_t max);
    void *arg;
} dbx_expire_hooks;

/* dbx_expire_step removes up to `max` keys and elements whose time has come, journalling each
 * removal; returns how many entries it dealt with (less than max: none is due), or a failure. Call
 * inside a turn. */
int dbx_expire_step(dbx_txn *txn, uint32_t max, const dbx_expire_hooks *hooks);

#endif
