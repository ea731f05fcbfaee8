/* held.c: see held.h. */
#include "store/held.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/num.h"

typedef struct entry {
    int64_t ms;
    size_t len;
    uint8_t name[];
} entry;

/* The map of a database; NULL: nothing was ever held there. */
static dbx_map *map_of(const dbx_held *held, uint64_t db) {
    return db < held->count ? &held->dbs[db] : NULL;
}

static int reach(dbx_held *held, uint64_t db) {
    if (db < held->count) return DBX_OK;
    if (db > INT32_MAX) return DBX_ECORRUPT;
    void *dbs = dbx_alloc_room(held->dbs, &held->cap, (size_t)db + 1, sizeof *held->dbs);
    if (dbs == NULL) return DBX_ENOMEM;
    held->dbs = dbs;
    while (held->count <= db)
        dbx_map_init(&held->dbs[held->count++], false);
    return DBX_OK;
}

int dbx_held_put(dbx_held *held, uint64_t db, dbx_slice name, int64_t ms) {
    void *old;
    int rc = reach(held, db);
    if (rc != DBX_OK) return rc;
    entry *e = dbx_alloc(sizeof *e + name.len);
    if (e == NULL) return DBX_ENOMEM;
    e->ms = ms;
    e->len = name.len;
    if (name.len > 0) memcpy(e->name, name.ptr, name.len);
    rc = dbx_map_put(map_of(held, db), dbx_slice_of(e->name, e->len), e, &old);
    dbx_alloc_free(rc == DBX_OK ? old : e);
    return rc;
}

void dbx_held_drop(dbx_held *held, uint64_t db, dbx_slice name) {
    dbx_map *map = map_of(held, db);
    if (map != NULL) dbx_alloc_free(dbx_map_del(map, name));
}

static void empty(dbx_map *map) {
    size_t at = 0;
    for (dbx_map_slot *slot; (slot = dbx_map_next(map, &at)) != NULL;)
        dbx_alloc_free(slot->value);
    dbx_map_free(map);
}

/* --- Following
 * ------------------------------------------------------------------------------------ */

/* A key's deadline is from now on that of another, or none is held for it. */
static int give(dbx_held *held, uint64_t from_db, dbx_slice from, uint64_t db, dbx_slice name) {
    const dbx_map *map = map_of(held, from_db);
    const entry *e = map != NULL ? dbx_map_get(map, from) : NULL;
    if (e != NULL) return dbx_held_put(held, db, name, e->ms);
    dbx_held_drop(held, db, name);
    return DBX_OK;
}

static int move(dbx_held *held, uint64_t from_db, dbx_slice from, uint64_t db, dbx_slice name) {
    if (from_db == db && dbx_slice_eq(from, name)) return DBX_OK;
    int rc = give(held, from_db, from, db, name);
    if (rc == DBX_OK) dbx_held_drop(held, from_db, from);
    return rc;
}

static int swap(dbx_held *held, uint64_t a, uint64_t b) {
    if (map_of(held, a) == NULL && map_of(held, b) == NULL) return DBX_OK;
    int rc = reach(held, a > b ? a : b);
    if (rc != DBX_OK) return rc;
    dbx_map map = held->dbs[a];
    held->dbs[a] = held->dbs[b];
    held->dbs[b] = map;
    return DBX_OK;
}

enum what { RENAME, COPY, MOVE, SWAP, DELETE, FLUSH, FLUSH_ALL, OTHER };

static const struct followed {
    const char *name;
    uint8_t names; /* that are needed: a deleted key may be held without harm */
    uint8_t argc_min;
} followed[] = {
    [RENAME] = {"RENAME", 2, 3},      [COPY] = {"COPY", 2, 3},  [MOVE] = {"MOVE", 1, 3},
    [SWAP] = {"SWAPDB", 0, 3},        [DELETE] = {"DEL", 0, 2}, [FLUSH] = {"FLUSHDB", 0, 1},
    [FLUSH_ALL] = {"FLUSHALL", 0, 1},
};

static enum what what_is(dbx_slice command) {
    if (dbx_slice_eq_nocase(command, dbx_slice_str("RENAMENX"))) return RENAME;
    for (unsigned what = 0; what < OTHER; what++) {
        if (dbx_slice_eq_nocase(command, dbx_slice_str(followed[what].name))) return what;
    }
    return OTHER;
}

size_t dbx_held_names(dbx_slice command) {
    enum what what = what_is(command);
    return what == OTHER ? 0 : followed[what].names;
}

/* COPY source destination [DB number] [REPLACE] */
static bool copy_db(size_t argc, const dbx_slice *argv, uint64_t *db) {
    bool reads = true;
    for (size_t i = 3; i + 1 < argc; i++) {
        if (!dbx_slice_eq_nocase(argv[i], dbx_slice_str("DB"))) continue;
        reads = reads && dbx_num_u64_from_slice(argv[++i], db);
    }
    return reads;
}

int dbx_held_follow(dbx_held *held, uint64_t db, size_t argc, const dbx_slice *argv) {
    uint64_t a = db, b;
    enum what what = what_is(argv[0]);
    if (what == OTHER) return DBX_OK;
    if (argc < followed[what].argc_min) return DBX_ECORRUPT;
    switch (what) {
    case RENAME:
        return move(held, db, argv[1], db, argv[2]);
    case COPY:
        return copy_db(argc, argv, &a) ? give(held, db, argv[1], a, argv[2]) : DBX_ECORRUPT;
    case MOVE:
        if (!dbx_num_u64_from_slice(argv[2], &a)) return DBX_ECORRUPT;
        return move(held, db, argv[1], a, argv[1]);
    case SWAP:
        if (!dbx_num_u64_from_slice(argv[1], &a) || !dbx_num_u64_from_slice(argv[2], &b)) {
            return DBX_ECORRUPT;
        }
        return swap(held, a, b);
    case DELETE:
        for (size_t i = 1; i < argc; i++)
            if (argv[i].ptr != NULL) dbx_held_drop(held, db, argv[i]);
        return DBX_OK;
    case FLUSH:
        if (map_of(held, db) != NULL) empty(map_of(held, db));
        return DBX_OK;
    default:
        for (size_t i = 0; i < held->count; i++)
            empty(&held->dbs[i]);
        return DBX_OK;
    }
}

bool dbx_held_next(const dbx_held *held, size_t *db, size_t *at, dbx_slice *name, int64_t *ms) {
    for (; *db < held->count; (*db)++, *at = 0) {
        const dbx_map_slot *slot = dbx_map_next(&held->dbs[*db], at);
        if (slot == NULL) continue;
        *name = slot->key;
        *ms = ((const entry *)slot->value)->ms;
        return true;
    }
    return false;
}

void dbx_held_free(dbx_held *held) {
    for (size_t i = 0; i < held->count; i++)
        empty(&held->dbs[i]);
    dbx_alloc_free(held->dbs);
    *held = (dbx_held){.count = 0};
}
