/* held.c: see held.h. */
#include "store/held.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/num.h"

/* A field whose deadline is held. */
typedef struct held_field {
    int64_t ms;
    size_t len;
    uint8_t name[];
} held_field;

/* A key with what is held for it and its fields. */
typedef struct dbx_held_key {
    int64_t ms; /* NEVER: nothing is held for the key itself */
    dbx_map fields;
    size_t len;
    uint8_t name[];
} held_key;

#define NEVER INT64_MIN

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

static void empty_fields(held_key *k) {
    size_t at = 0;
    for (dbx_map_slot *slot; (slot = dbx_map_next(&k->fields, &at)) != NULL;)
        dbx_alloc_free(slot->value);
    dbx_map_free(&k->fields);
}

static void free_key(held_key *k) {
    if (k == NULL) return;
    empty_fields(k);
    dbx_alloc_free(k);
}

static held_key *find(const dbx_held *held, uint64_t db, dbx_slice name) {
    const dbx_map *map = map_of(held, db);
    return map != NULL ? dbx_map_get(map, name) : NULL;
}

static void drop_all(dbx_held *held, uint64_t db, dbx_slice name) {
    dbx_map *map = map_of(held, db);
    if (map != NULL) free_key(dbx_map_del(map, name));
}

static held_key *new_key(dbx_slice name, int64_t ms) {
    held_key *k = dbx_alloc(sizeof *k + name.len);
    if (k == NULL) return NULL;
    *k = (held_key){.ms = ms, .len = name.len};
    dbx_map_init(&k->fields, false);
    if (name.len > 0) memcpy(k->name, name.ptr, name.len);
    return k;
}

static int add_field(held_key *k, dbx_slice field, int64_t ms) {
    void *old;
    held_field *f = dbx_alloc(sizeof *f + field.len);
    if (f == NULL) return DBX_ENOMEM;
    f->ms = ms;
    f->len = field.len;
    if (field.len > 0) memcpy(f->name, field.ptr, field.len);
    int rc = dbx_map_put(&k->fields, dbx_slice_of(f->name, f->len), f, &old);
    dbx_alloc_free(rc == DBX_OK ? old : f);
    return rc;
}

/* put_key takes `k`, which may be NULL for want of memory, in place of what is held by that name.
 */
static int put_key(dbx_held *held, uint64_t db, held_key *k) {
    void *old = NULL;
    if (k == NULL) return DBX_ENOMEM;
    int rc = reach(held, db);
    if (rc == DBX_OK) rc = dbx_map_put(map_of(held, db), dbx_slice_of(k->name, k->len), k, &old);
    free_key(rc == DBX_OK ? old : k);
    return rc;
}

/* drop_empty forgets a key for which nothing is held any more. */
static void drop_empty(dbx_held *held, uint64_t db, held_key *k) {
    size_t at = 0;
    if (k->ms == NEVER && dbx_map_next(&k->fields, &at) == NULL) {
        drop_all(held, db, dbx_slice_of(k->name, k->len));
    }
}

int dbx_held_put(dbx_held *held, uint64_t db, dbx_slice name, int64_t ms) {
    held_key *k = find(held, db, name);
    if (k == NULL) return put_key(held, db, new_key(name, ms));
    k->ms = ms;
    return DBX_OK;
}

void dbx_held_drop(dbx_held *held, uint64_t db, dbx_slice name) {
    held_key *k = find(held, db, name);
    if (k == NULL) return;
    k->ms = NEVER;
    drop_empty(held, db, k);
}

int dbx_held_put_field(dbx_held *held, uint64_t db, dbx_slice name, dbx_slice field, int64_t ms) {
    held_key *k = find(held, db, name);
    if (k != NULL) return add_field(k, field, ms);
    k = new_key(name, NEVER);
    int rc = k != NULL ? add_field(k, field, ms) : DBX_ENOMEM;
    if (rc == DBX_OK) return put_key(held, db, k);
    free_key(k);
    return rc;
}

void dbx_held_drop_field(dbx_held *held, uint64_t db, dbx_slice name, dbx_slice field) {
    held_key *k = find(held, db, name);
    if (k == NULL) return;
    dbx_alloc_free(dbx_map_del(&k->fields, field));
    drop_empty(held, db, k);
}

void dbx_held_drop_fields(dbx_held *held, uint64_t db, dbx_slice name) {
    held_key *k = find(held, db, name);
    if (k == NULL) return;
    empty_fields(k);
    drop_empty(held, db, k);
}

static void empty(dbx_map *map) {
    size_t at = 0;
    for (dbx_map_slot *slot; (slot = dbx_map_next(map, &at)) != NULL;)
        free_key(slot->value);
    dbx_map_free(map);
}

/* --- Following
 * ------------------------------------------------------------------------------------ */

/* copy_of is what is held for a key, under another name; NULL: out of memory. */
static held_key *copy_of(const held_key *from, dbx_slice name) {
    held_key *k = new_key(name, from->ms);
    size_t at = 0;
    if (k == NULL) return NULL;
    for (dbx_map_slot *slot; (slot = dbx_map_next(&from->fields, &at)) != NULL;) {
        if (add_field(k, slot->key, ((const held_field *)slot->value)->ms) == DBX_OK) continue;
        free_key(k);
        return NULL;
    }
    return k;
}

/* What is held for a key and its fields is from now on what is for another, or nothing is. */
static int give(dbx_held *held, uint64_t from_db, dbx_slice from, uint64_t db, dbx_slice name) {
    const held_key *k = find(held, from_db, from);
    if (from_db == db && dbx_slice_eq(from, name)) return DBX_OK;
    if (k != NULL) return put_key(held, db, copy_of(k, name));
    drop_all(held, db, name);
    return DBX_OK;
}

static int move(dbx_held *held, uint64_t from_db, dbx_slice from, uint64_t db, dbx_slice name) {
    if (from_db == db && dbx_slice_eq(from, name)) return DBX_OK;
    int rc = give(held, from_db, from, db, name);
    if (rc == DBX_OK) drop_all(held, from_db, from);
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

/* Effects that leave a key what it is, but for those on hashes, which begin with "H". */
static bool leaves(dbx_slice command) {
    static const char *const names[] = {"PERSIST", "PEXPIRE", "PEXPIREAT"};
    if (command.len > 0 && (command.ptr[0] == 'H' || command.ptr[0] == 'h')) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (dbx_slice_eq_nocase(command, dbx_slice_str(names[i]))) return true;
    }
    return false;
}

/* follow_other: a hash of which fields are removed, or a key that is or becomes something else, the
 * first one named, or behind its operation. */
static void follow_other(dbx_held *held, uint64_t db, size_t argc, const dbx_slice *argv) {
    size_t key = dbx_slice_eq_nocase(argv[0], dbx_slice_str("BITOP")) ? 2 : 1;
    if (argc <= key || argv[key].ptr == NULL) return;
    if (!leaves(argv[0])) dbx_held_drop_fields(held, db, argv[key]);
    if (!dbx_slice_eq_nocase(argv[0], dbx_slice_str("HDEL"))) return;
    for (size_t i = 2; i < argc; i++)
        if (argv[i].ptr != NULL) dbx_held_drop_field(held, db, argv[1], argv[i]);
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
    if (what == OTHER) {
        follow_other(held, db, argc, argv);
        return DBX_OK;
    }
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
            if (argv[i].ptr != NULL) drop_all(held, db, argv[i]);
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

bool dbx_held_next(const dbx_held *held, dbx_held_at *at, dbx_held_item *item) {
    while (at->db < held->count) {
        const dbx_map_slot *slot = NULL;
        if (at->of != NULL) slot = dbx_map_next(&at->of->fields, &at->field);
        if (slot != NULL) {
            *item = (dbx_held_item){.db = at->db,
                                    .name = dbx_slice_of(at->of->name, at->of->len),
                                    .is_field = true,
                                    .field = slot->key,
                                    .ms = ((const held_field *)slot->value)->ms};
            return true;
        }
        at->field = 0;
        slot = dbx_map_next(&held->dbs[at->db], &at->key);
        at->of = slot != NULL ? slot->value : NULL;
        if (slot == NULL) {
            at->db++;
            at->key = 0;
        } else if (at->of->ms != NEVER) {
            *item = (dbx_held_item){.db = at->db, .name = slot->key, .ms = at->of->ms};
            return true;
        }
    }
    return false;
}

void dbx_held_free(dbx_held *held) {
    for (size_t i = 0; i < held->count; i++)
        empty(&held->dbs[i]);
    dbx_alloc_free(held->dbs);
    *held = (dbx_held){.count = 0};
}
