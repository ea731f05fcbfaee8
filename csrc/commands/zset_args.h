/* zset_args.h: what commands on sorted sets share: ranges as they are written, and replies and
 * destinations that take members. */
#ifndef DBX_COMMANDS_ZSET_ARGS_H
#define DBX_COMMANDS_ZSET_ARGS_H

#include "commands/lookup.h"
#include "types/zset_walk.h"

/* dbx_zset_args_scores and dbx_zset_args_members read a range's bounds; on failure the error is
 * replied. */
bool dbx_zset_args_scores(dbx_slice min, dbx_slice max, dbx_zset_range *range, dbx_reply *out);
bool dbx_zset_args_members(dbx_slice min, dbx_slice max, dbx_zset_range *range, dbx_reply *out);
/* dbx_zset_args_interval makes of two indices, negative ones from the end, those from *low to
 * before *high of `count`. */
void dbx_zset_args_interval(int64_t start, int64_t stop, uint64_t count, uint64_t *low,
                            uint64_t *high);

/* dbx_zset_reply writes `count` > 0 members from an index on, with scores or without: the whole
 * reply. It is the last thing written. */
int dbx_zset_reply(dbx_ctx *ctx, const dbx_key *k, uint64_t index, uint64_t count, bool back,
                   bool scores, dbx_reply *out);

/* dbx_zset_replace begins to make `k`, whatever it holds, a sorted set of what is put into it:
 * nothing, and it is removed. `elements`: how many there will be at least. To be closed as a
 * change. */
void dbx_zset_replace(dbx_zset_edit *edit, dbx_ctx *ctx, dbx_key *k, uint64_t elements);
/* dbx_zset_add puts a member that comes from the map or elsewhere; `copy` is used for its bytes. */
int dbx_zset_add(dbx_zset_edit *edit, const dbx_cell *member, double score, dbx_buf *copy);
/* dbx_zset_take removes a member that a walk gave, whose slices then are dead. */
int dbx_zset_take(dbx_zset_edit *edit, const dbx_zset_item *item, dbx_rank_end end, dbx_buf *copy);

#endif
