/* cmd_hash_all.h: replies with several fields of a hash, for the commands on hashes. */
#ifndef DBX_COMMANDS_CMD_HASH_ALL_H
#define DBX_COMMANDS_CMD_HASH_ALL_H

#include "commands/command.h"
#include "types/t_hash.h"

/* dbx_hash_reply_fields replies with an array of the values of `count` fields, null for what is not
 * there. It must be the last thing written. */
int dbx_hash_reply_fields(dbx_ctx *ctx, const dbx_key *k, size_t count, const dbx_slice *fields,
                          dbx_reply *out);

#endif
