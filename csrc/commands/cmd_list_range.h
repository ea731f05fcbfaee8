/* cmd_list_range.h: replying with elements of a list that follow each other. */
#ifndef DBX_COMMANDS_CMD_LIST_RANGE_H
#define DBX_COMMANDS_CMD_LIST_RANGE_H

#include "commands/command.h"
#include "types/t_list_walk.h"

/* dbx_list_span is how many of `count` elements lie between two indices, counted from the end when
 * negative; *skip: how many before them, `count` at most. */
uint64_t dbx_list_span(uint64_t count, int64_t start, int64_t stop, uint64_t *skip);

/* dbx_list_range_reply replies with the next `count` elements of a walk, which it closes, as an
 * array; `around`: as in walker.h. */
int dbx_list_range_reply(dbx_ctx *ctx, dbx_list_walk *walk, uint64_t count, unsigned around,
                         dbx_reply *out);

#endif
