/* cmd_command.h: the two descriptions of a row that COMMAND replies with. */
#ifndef DBX_COMMANDS_CMD_COMMAND_H
#define DBX_COMMANDS_CMD_COMMAND_H

#include "commands/command.h"

/* dbx_command_reply_info writes an element of COMMAND INFO, subcommands included. */
void dbx_command_reply_info(const dbx_command *command, dbx_reply *out);
/* dbx_command_reply_key_flags writes flags of a key as a set of names. */
void dbx_command_reply_key_flags(uint32_t flags, dbx_reply *out);
/* dbx_command_reply_docs writes the value that COMMAND DOCS has for a command. */
void dbx_command_reply_docs(const dbx_command *command, dbx_reply *out);

#endif
