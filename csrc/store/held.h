/* held.h: deadlines that are held back while the log is printed, for journal_print.c.
 *
 * Whoever executes the printed log lets keys expire by its own clock: a key whose deadline passes
 * before the later effect that kept it (PERSIST, a later deadline, RENAME) would be gone. So what
 * is due soon is printed with a later deadline, one by which all of the log has been executed, and
 * what is due by then is said at the end, as "PEXPIREAT key deadline XX". The XX makes it enough to
 * follow the effects that give a key another's deadline: a key that lost its own, or is gone, is
 * left alone. What expired while the log was written is in it as a DEL.
 *
 * Memory: a hundred bytes and the name for each key that is due soon and not yet gone.
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

/* dbx_held_names is how many arguments after the first are names that dbx_held_follow needs. */
size_t dbx_held_names(dbx_slice command);
/* dbx_held_follow lets what is held go where an effect on database `db` takes it. Arguments that
 * are neither needed names nor short may have no bytes. DBX_OK, DBX_ENOMEM, DBX_ECORRUPT. */
int dbx_held_follow(dbx_held *held, uint64_t db, size_t argc, const dbx_slice *argv);

/* dbx_held_next walks what is held, one database after the other: start with *db = *at = 0; false
 * at the end. */
bool dbx_held_next(const dbx_held *held, size_t *db, size_t *at, dbx_slice *name, int64_t *ms);
void dbx_held_free(dbx_held *held);

#endif
