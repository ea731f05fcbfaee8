/* help.c: the reply of a container's HELP subcommand; see help.h. */
#include "commands/help.h"

#include <string.h>

void dbx_help_reply(const dbx_command *command, const char *const *lines, dbx_reply *out) {
    char head[128];
    size_t name = strcspn(command->name, "|"), count = 0;
    if (name > 32) name = 32;
    for (size_t i = 0; i < name; i++)
        head[i] = (char)(command->name[i] & ~0x20); /* ASCII letters */
    strcpy(head + name, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    while (lines[count] != NULL)
        count++;
    out->ops->open(out, DBX_ARRAY, count + 3);
    dbx_reply_line(out, head);
    for (size_t i = 0; i < count; i++)
        dbx_reply_line(out, lines[i]);
    dbx_reply_line(out, "HELP");
    dbx_reply_line(out, "    Print this help.");
    out->ops->close(out);
}
