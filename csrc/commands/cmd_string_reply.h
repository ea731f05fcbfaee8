/* cmd_string_reply.h: replying with strings of any length: small ones at once, long ones streamed
 * from a view in pieces, so that no reply needs more memory than DBX_STRING_STREAM_BYTES. */
#ifndef DBX_COMMANDS_CMD_STRING_REPLY_H
#define DBX_COMMANDS_CMD_STRING_REPLY_H

#include "commands/command.h"
#include "types/t_string.h"

/* dbx_string_reply replies with bytes [from, from + n) of the string (the range lies within it) as
 * a bulk string. It must be the last thing written. */
int dbx_string_reply(dbx_ctx *ctx, const dbx_key *k, uint64_t from, uint64_t n, dbx_reply *out);

/* dbx_string_reply_value replies with the whole value, null when there is none. */
int dbx_string_reply_value(dbx_ctx *ctx, const dbx_key *k, dbx_reply *out);

/* dbx_string_reply_many replies with an array of the values of `count` keys, null for what is no
 * string. */
int dbx_string_reply_many(dbx_ctx *ctx, size_t count, const dbx_slice *names, dbx_reply *out);

#endif
