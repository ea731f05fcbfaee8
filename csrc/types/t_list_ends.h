/* t_list_ends.h: what changing a list's middle needs of its ends. Private to t_list*. */
#ifndef DBX_TYPES_T_LIST_ENDS_H
#define DBX_TYPES_T_LIST_ENDS_H

#include "types/t_list.h"

/* dbx_list_ends_spread makes nodes of an inline list. */
int dbx_list_ends_spread(dbx_list_edit *e);
/* dbx_list_ends_settle puts what an end has too much into nodes, or spreads an inline list that has
 * outgrown its record. */
int dbx_list_ends_settle(dbx_list_edit *e, bool right);

#endif
