/* table.h: the one command table: rows of all families, found by name. Immutable after start. */
#ifndef DBX_COMMANDS_TABLE_H
#define DBX_COMMANDS_TABLE_H

#include "commands/command.h"

/* dbx_table_add adds a family: an array ended by a row without a name. Called by the engine when it
 * opens, before anything looks commands up, by one thread; adding the same family again does
 * nothing. DBX_EINVAL: a name is taken; DBX_ENOMEM. */
int dbx_table_add(const dbx_command *family);

/* dbx_table_find looks a command up by name, in any case; NULL when unknown. */
const dbx_command *dbx_table_find(dbx_slice name);
/* dbx_table_subcommand finds a subcommand of `command`, in any case; NULL when unknown. */
const dbx_command *dbx_table_subcommand(const dbx_command *command, dbx_slice name);
/* dbx_table_resolve finds what argv names: a command, or the subcommand when argv[1] is given and
 * the command has subcommands; NULL when either is unknown. */
const dbx_command *dbx_table_resolve(size_t argc, const dbx_slice *argv);
/* dbx_table_at walks all top-level rows, in name order; NULL past the end. */
const dbx_command *dbx_table_at(size_t index);
size_t dbx_table_count(void);

/* dbx_table_arity_fits says whether a call of `argc` words, the name's included, has enough of
 * them. */
static inline bool dbx_table_arity_fits(const dbx_command *command, size_t argc) {
    return command->arity >= 0 ? argc == (size_t)command->arity : argc >= (size_t)-command->arity;
}

/* dbx_table_acl is the set of a command's ACL categories (enum dbx_acl). */
uint32_t dbx_table_acl(const dbx_command *command);
/* dbx_table_acl_name is the name of category 1 << bit, without '@'; NULL past the last. */
const char *dbx_table_acl_name(unsigned bit);

/* The families of commands/; engine/ adds its own. dbx_table_families is ended by NULL. */
extern const dbx_command dbx_cmd_string[];
extern const dbx_command dbx_cmd_string_edit[];
extern const dbx_command dbx_cmd_lcs[];
extern const dbx_command dbx_cmd_bitmap[];
extern const dbx_command dbx_cmd_bitfield[];
extern const dbx_command dbx_cmd_hll[];
extern const dbx_command dbx_cmd_key[];
extern const dbx_command dbx_cmd_expire[];
extern const dbx_command dbx_cmd_scan[];
extern const dbx_command dbx_cmd_db[];
extern const dbx_command dbx_cmd_hash[];
extern const dbx_command dbx_cmd_hash_all[];
extern const dbx_command dbx_cmd_hash_expire[];
extern const dbx_command dbx_cmd_set[];
extern const dbx_command dbx_cmd_set_random[];
extern const dbx_command dbx_cmd_set_algebra[];
extern const dbx_command dbx_cmd_list[];
extern const dbx_command dbx_cmd_list_range[];
extern const dbx_command dbx_cmd_list_edit[];
extern const dbx_command dbx_cmd_zset[];
extern const dbx_command dbx_cmd_zset_range[];
extern const dbx_command dbx_cmd_zset_pop[];
extern const dbx_command dbx_cmd_zset_ops[];
extern const dbx_command dbx_cmd_geo[];
extern const dbx_command dbx_cmd_stream[];
extern const dbx_command dbx_cmd_stream_read[];
extern const dbx_command dbx_cmd_stream_group[];
extern const dbx_command dbx_cmd_stream_claim[];
extern const dbx_command dbx_cmd_stream_info[];
extern const dbx_command dbx_cmd_sort[];
extern const dbx_command dbx_cmd_dump[];
extern const dbx_command dbx_cmd_command[];
extern const dbx_command dbx_cmd_keyinfo[];
extern const dbx_command *const dbx_table_families[];

#endif
