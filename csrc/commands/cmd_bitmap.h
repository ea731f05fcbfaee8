/* cmd_bitmap.h: what the commands on bits share. */
#ifndef DBX_COMMANDS_CMD_BITMAP_H
#define DBX_COMMANDS_CMD_BITMAP_H

#include "commands/command.h"

/* dbx_bit_offset reads the number of a bit that a string may have; on failure an error is replied.
 */
bool dbx_bit_offset(const dbx_ctx *ctx, dbx_slice text, uint64_t *at, dbx_reply *out);

#endif
