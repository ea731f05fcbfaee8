/* keyspec.h: which arguments of a call are keys, by the row's key specifications.
 *
 * COMMAND GETKEYS, and later ACL key patterns, WATCH and the HTTP API's read-only check, all ask
 * here.
 */
#ifndef DBX_COMMANDS_KEYSPEC_H
#define DBX_COMMANDS_KEYSPEC_H

#include "commands/command.h"

/* Called for each key: its index in argv and its flags (enum dbx_key_flags). */
typedef void dbx_keyspec_fn(void *arg, size_t index, uint32_t flags);

/* dbx_keyspec_any says whether the command can have keys at all. */
bool dbx_keyspec_any(const dbx_command *command);

/* dbx_keyspec_walk calls `found` for every key of the call. `argc` has passed the arity check.
 * DBX_EINVAL when the arguments do not fit the specification (a number of keys that is none, or
 * larger than what is there): then nothing that was found may be relied on. */
int dbx_keyspec_walk(const dbx_command *command, size_t argc, const dbx_slice *argv,
                     dbx_keyspec_fn *found, void *arg);

/* dbx_keyspec_legacy gives first key, last key and step as COMMAND INFO's old fields do: 0 0 0 when
 * the keys do not begin at a fixed index. */
void dbx_keyspec_legacy(const dbx_command *command, int *first, int *last, int *step);

#endif
