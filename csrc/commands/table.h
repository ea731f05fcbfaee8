/* table.h: the one command table: rows of all families, found by name. Immutable after start. */
#ifndef DBX_COMMANDS_TABLE_H
#define DBX_COMMANDS_TABLE_H

#include "commands/command.h"

/* dbx_table_add adds a family: an array ended by a row without a name. Called by the engine when it
 * opens, before anything looks commands up; adding the same family again does nothing. */
int dbx_table_add(const dbx_command *family);

/* dbx_table_find looks a command up by name, in any case; NULL when unknown. */
const dbx_command *dbx_table_find(dbx_slice name);
/* dbx_table_subcommand finds a subcommand of `command`, in any case; NULL when unknown. */
const dbx_command *dbx_table_subcommand(const dbx_command *command, dbx_slice name);
/* dbx_table_at walks all top-level rows, in name order; NULL past the end. */
const dbx_command *dbx_table_at(size_t index);
size_t dbx_table_count(void);

/* The families of commands/; engine/ adds its own. */
extern const dbx_command dbx_cmd_string[];
extern const dbx_command dbx_cmd_key[];
extern const dbx_command dbx_cmd_command[];

#endif
