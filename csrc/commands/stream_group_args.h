/* stream_group_args.h: finding the group that a command names. */
#ifndef DBX_COMMANDS_STREAM_GROUP_ARGS_H
#define DBX_COMMANDS_STREAM_GROUP_ARGS_H

#include "commands/command.h"
#include "types/t_stream_group.h"

/* dbx_stream_group_args_find finds the group of a key that was looked up. False: the handler
 * returns *rc: NOGROUP was replied (DBX_OK), or the store failed. */
bool dbx_stream_group_args_find(dbx_ctx *ctx, const dbx_key *k, dbx_slice name,
                                dbx_stream_group *group, dbx_reply *out, int *rc);
/* dbx_stream_group_args_none replies NOGROUP as most commands do. */
void dbx_stream_group_args_none(dbx_slice key, dbx_slice name, dbx_reply *out);

#endif
