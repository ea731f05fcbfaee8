/* verify_walk.h: what the parts of the check of the map share: see verify_map.c. */
#ifndef DBX_STORE_VERIFY_WALK_H
#define DBX_STORE_VERIFY_WALK_H

#include "store/format.h"
#include "store/keyspace.h"
#include "store/verify_owners.h"

enum { DBX_WALK_TYPES = DBX_STREAM + 1 };

/* One numbered database: what its M record says, and what there is. */
typedef struct dbx_walk_db {
    uint32_t number;
    uint64_t ns, keys, expires, found_keys, found_expires;
} dbx_walk_db;

/* Where the walk is among the borders of a sorted set's ranks. */
typedef struct dbx_walk_ranks {
    uint64_t cid;
    uint8_t level;
    bool ended;       /* the level's last border was met */
    uint64_t members; /* that the level's borders count */
} dbx_walk_ranks;

typedef struct dbx_walk {
    dbx_snapshot *snapshot;
    dbx_report *report;
    uint8_t seed[16];
    uint64_t next_id;
    dbx_walk_db *dbs;
    size_t db_count, db_cap;
    size_t db_last; /* the one found last: keys of a database stand together */
    dbx_owners owners;
    dbx_walk_ranks ranks;
    uint64_t of_type[DBX_WALK_TYPES], large[DBX_WALK_TYPES];
    uint64_t expiring, ttl_entries, fields_expiring, due_entries;
    uint64_t chunks, entries, retired, done, all;
    int rc; /* out of memory, or unreadable */
} dbx_walk;

/* dbx_walk_there says whether the map has a key. */
bool dbx_walk_there(dbx_walk *w, dbx_slice key);
bool dbx_walk_retired(dbx_walk *w, enum dbx_retired_kind kind, uint64_t id);
/* dbx_walk_wrong reports an entry. */
void dbx_walk_wrong(dbx_walk *w, dbx_slice key, const char *what);
/* dbx_walk_given_out says whether the database ever gave an id. */
static inline bool dbx_walk_given_out(const dbx_walk *w, uint64_t id) {
    return id != 0 && id < w->next_id;
}

/* --- In verify_record.c ---------------------------------------------------------------------- */

/* dbx_walk_value checks what the record of a key in use or of a flushed database says of its value,
 * and makes its collection known. */
void dbx_walk_value(dbx_walk *w, dbx_slice key, const dbx_meta *meta, dbx_slice payload);
/* dbx_walk_owner makes it known alone: what the table had no room for, in a further walk. */
void dbx_walk_owner(dbx_walk *w, dbx_slice key, dbx_slice record);

/* --- In verify_tables.c ---------------------------------------------------------------------- */

/* dbx_walk_table says whether entries of a table lie under collection ids. */
bool dbx_walk_table(uint8_t table);
/* dbx_walk_shape checks an entry of such a table by itself, dbx_walk_owned beside its owner, if
 * that is of those that are known at this time. */
void dbx_walk_shape(dbx_walk *w, dbx_slice key, dbx_slice value);
void dbx_walk_owned(dbx_walk *w, dbx_slice key, dbx_slice value);
/* dbx_walk_ranks_end: no further border follows. */
void dbx_walk_ranks_end(dbx_walk *w);

#endif
