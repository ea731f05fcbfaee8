/* draw.h: HRANDFIELD, SRANDMEMBER and ZRANDMEMBER; SPOP chooses as they do.
 *
 * Every draw is exact: each member, and each subset of the size asked for, is equally likely. A
 * few of many are drawn one by one; a large part is chosen in one walk over all members, so that
 * neither they nor the reply need memory: the same generator, begun again, chooses the same ones.
 */
#ifndef DBX_COMMANDS_DRAW_H
#define DBX_COMMANDS_DRAW_H

#include "commands/command.h"
#include "store/keyspace.h"

/* dbx_draw takes `key [count [with]]` and replies with members of a value of `type`, with their
 * values or scores if the word `with` (NULL: there is none) is given. */
int dbx_draw(dbx_ctx *ctx, dbx_args *args, uint8_t type, const char *with, dbx_reply *out);

/* --- A large part, chosen in a walk ---------------------------------------------------------- */

typedef struct dbx_picker {
    dbx_rand rand;
    uint64_t left, wanted; /* members still to be looked at, and of them to be chosen */
} dbx_picker;

/* dbx_picker_worth says whether choosing in a walk is less work than drawing one by one. */
bool dbx_picker_worth(const dbx_key *k, uint64_t members, uint64_t wanted);
dbx_picker dbx_picker_of(dbx_ctx *ctx, uint64_t members, uint64_t wanted);
/* dbx_picker_pick says whether the next member is chosen; picker->left is not 0. */
bool dbx_picker_pick(dbx_picker *picker);
/* dbx_picker_reply replies with the members that are chosen, in a container of that kind. It must
 * be the last thing written. */
int dbx_picker_reply(dbx_ctx *ctx, const dbx_key *k, dbx_picker picker, bool with, dbx_kind kind,
                     dbx_reply *out);

#endif
