/* set_reply.h: replies that are a whole set, of any size. */
#ifndef DBX_COMMANDS_SET_REPLY_H
#define DBX_COMMANDS_SET_REPLY_H

#include "commands/walker.h"
#include "types/t_set.h"

/* dbx_set_reply replies with all members of a set (or of nothing) in a container of that kind. It
 * must be the last thing written. */
int dbx_set_reply(dbx_ctx *ctx, const dbx_key *k, dbx_kind kind, dbx_reply *out);

#endif
