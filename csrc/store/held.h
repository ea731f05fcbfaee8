/* held.h: deadlines that are held back while the log is printed, for journal_print.c.
 *
 * Whoever executes the printed log lets keys expire by its own clock: a key whose deadline passes
 * before the later effect that kept it (PERSIST, a later deadline, RENAME) would be gone. So what
 * is due soon is printed with a later deadline, one by which all of the log has been executed, and
 * what is due by then is said at the end, as "PEXPIREAT key deadline XX". The XX makes it enough to
 * follow the effects that give a key another's deadline: a key that lost its own, or is gone, is
 * left alone. What expired while the log was written is in it as a DEL. So it is with fields of
 * hashes: "HPEXPIREAT key deadline XX FIELDS 1 field", unless the key is not that hash any more,
 * which would be an error.
 *
 * Memory: a hundred bytes and the name for each key or field that is due soon and not yet gone.
 */
#ifndef DBX_STORE_HELD_H
#define DBX_STORE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "base/slice.h"

typedef struct dbx_held {
    dbx_map *dbs; /* of each database: names to deadlines, both owned here */
    size_t count, cap;
} dbx_held;

/* dbx_held_put holds a key's deadline back, in place of what was held for it; dbx_held_drop forgets
 * it. DBX_OK, DBX_ENOMEM. */
int dbx_held_put(dbx_held *held, uint64_t db, dbx_slice name, int64_t ms);
void dbx_held_drop(dbx_held *held, uint64_t db, dbx_slice name);
/* The same of a field of a key. dbx_held_drop_fields forgets all of the key's. */
int dbx_held_put_field(dbx_held *held, uint64_t db, dbx_slice name, dbx_slice field, int64_t ms);
void dbx_held_drop_field(dbx_held *held, uint64_t db, dbx_slice name, dbx_slice field);
void dbx_held_drop_fields(dbx_held *held, uint64_t db, dbx_slice name);

/* dbx_held_names is how many arguments after the first are names that dbx_held_follow needs. */
size_t dbx_held_names(dbx_slice command);
/* dbx_held_follow lets what is held go where an effect on database `db` takes it. Arguments that
 * are neither needed names nor short may have no bytes. DBX_OK, DBX_ENOMEM, DBX_ECORRUPT. */
int dbx_held_follow(dbx_held *held, uint64_t db, size_t argc, const dbx_slice *argv);

/* Where a walk is: start with zeros. */
typedef struct dbx_held_at {
    size_t db, key, field;
    const struct dbx_held_key *of; /* whose fields come next */
} dbx_held_at;

typedef struct dbx_held_item {
    size_t db;
    dbx_slice name;
    bool is_field;
    dbx_slice field;
    int64_t ms;
} dbx_held_item;

/* dbx_held_next walks what is held, one database after the other; false at the end. */
bool dbx_held_next(const dbx_held *held, dbx_held_at *at, dbx_held_item *item);
void dbx_held_free(dbx_held *held);

#endif
