/* verify_owners.h: which keys have what lies under a collection id, for `dbx verify`.
 *
 * The table is of bounded size: it takes the lowest ids of a range, and further walks over the keys
 * and the tables of collections see to the others, in the order of their ids.
 */
#ifndef DBX_STORE_VERIFY_OWNERS_H
#define DBX_STORE_VERIFY_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/verify.h"

/* A long string or large collection that a key has: what its record says, and what was found. */
typedef struct dbx_owner {
    uint64_t cid;
    uint64_t count; /* bytes, or elements that lie in tables */
    uint64_t found; /* elements of them */
    int64_t pairs;  /* entries of the second table of its elements, less those of the first that
                       have to be in there */
    uint8_t type;
} dbx_owner;

typedef struct dbx_owners {
    dbx_owner *all; /* with ids in [from, upto), in that order when sorted */
    size_t count, cap, max;
    size_t last; /* the one found last: entries of a collection stand together */
    uint64_t from, upto;
    bool sorted;
} dbx_owners;

/* dbx_owners_begin empties the table for ids from `from` on. */
void dbx_owners_begin(dbx_owners *owners, uint64_t from);
/* dbx_owners_add takes one in if it is of the range and there is room; DBX_ENOMEM. Reports that two
 * keys share one. */
int dbx_owners_add(dbx_owners *owners, dbx_report *report, dbx_owner owner);
/* dbx_owners_finish: all have been added. Afterwards they can be found. */
void dbx_owners_finish(dbx_owners *owners, dbx_report *report);
/* dbx_owners_find: NULL: no key has it, if dbx_owners_covers. */
dbx_owner *dbx_owners_find(dbx_owners *owners, uint64_t cid);
/* dbx_owners_covers says whether an id is of the range. */
static inline bool dbx_owners_covers(const dbx_owners *owners, uint64_t cid) {
    return cid >= owners->from && cid < owners->upto;
}
/* dbx_owners_settle compares what was found with what the records say, once all was walked. */
void dbx_owners_settle(const dbx_owners *owners, dbx_report *report);
/* dbx_owners_type is what a type is called in the report. */
const char *dbx_owners_type(uint8_t type);

#endif
