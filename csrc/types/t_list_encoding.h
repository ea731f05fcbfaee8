/* t_list_encoding.h: what OBJECT ENCODING says of a list: listpack or quicklist, as Redis 8.0
 * converts one into the other at list-max-listpack-size.
 *
 * Redis makes a quicklist of a listpack before what would pass the limit is added, and a listpack
 * of a quicklist that has shrunk to one node of half of it. Where its nodes begin is not known
 * here: a quicklist counts as one node when all of it would fit in half of the limit. */
#ifndef DBX_TYPES_T_LIST_ENCODING_H
#define DBX_TYPES_T_LIST_ENCODING_H

#include "types/t_list.h"

/* dbx_list_encoding_bytes is what an element takes in a listpack. */
uint64_t dbx_list_encoding_bytes(const dbx_cell *cell);

/* dbx_list_encoding_grow is to be called before elements are added, of `bytes` in all. */
void dbx_list_encoding_grow(dbx_list_edit *e, uint64_t bytes, uint64_t elements);
/* dbx_list_encoding_grow_moved is the same for one element that comes from another list: Redis does
 * not count the digits of what was a number there. */
void dbx_list_encoding_grow_moved(dbx_list_edit *e, const dbx_cell *cell);
/* dbx_list_encoding_shrink is to be called after elements were removed. */
void dbx_list_encoding_shrink(dbx_list_edit *e);

#endif
