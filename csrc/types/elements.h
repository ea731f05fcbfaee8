/* elements.h: the elements of lists, sets and sorted sets alike, one after the other. */
#ifndef DBX_TYPES_ELEMENTS_H
#define DBX_TYPES_ELEMENTS_H

#include "types/t_list_walk.h"
#include "types/t_set.h"
#include "types/zset_walk.h"

typedef struct dbx_elements {
    uint8_t type; /* 0: there are none */
    union {
        dbx_list_walk list;
        dbx_set_walk set;
        dbx_zset_walk zset;
    } walk;
} dbx_elements;

/* dbx_elements_has says whether values of a type have elements. */
bool dbx_elements_has(uint8_t type);
/* dbx_elements_open begins a walk behind `skip` elements (less than there are), or from the last
 * one on if it goes `back`; of a set, which has no order, always from the first. `k` holds such a
 * value or nothing. Always to be closed. */
int dbx_elements_open(dbx_elements *e, dbx_txn *txn, const dbx_key *k, uint64_t skip, bool back);
/* dbx_elements_next gives the next, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_elements_next(dbx_elements *e, dbx_cell *element);
void dbx_elements_close(dbx_elements *e);

#endif
