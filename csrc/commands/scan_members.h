/* scan_members.h: HSCAN, SSCAN and ZSCAN. */
#ifndef DBX_COMMANDS_SCAN_MEMBERS_H
#define DBX_COMMANDS_SCAN_MEMBERS_H

#include "commands/scan_args.h"

/* dbx_scan_members takes `key cursor [options]` and replies with the next members of a value of
 * `type`; `extra`: as of dbx_scan_options. */
int dbx_scan_members(dbx_ctx *ctx, dbx_args *args, uint8_t type, unsigned extra, dbx_reply *out);

#endif
