/* help.h: the reply of a container's HELP subcommand. */
#ifndef DBX_COMMANDS_HELP_H
#define DBX_COMMANDS_HELP_H

#include "commands/command.h"

/* dbx_help_reply writes the usual frame around `lines` (ended by NULL): the container's name first,
 * HELP's own lines last. */
void dbx_help_reply(const dbx_command *command, const char *const *lines, dbx_reply *out);

#endif
