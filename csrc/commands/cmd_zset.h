/* cmd_zset.h: adding to sorted sets, as ZADD and GEOADD do it. */
#ifndef DBX_COMMANDS_CMD_ZSET_H
#define DBX_COMMANDS_CMD_ZSET_H

#include "commands/command.h"

/* How members are added, and what came of it. */
typedef struct dbx_zset_adding {
    bool nx, xx, gt, lt, ch, incr; /* ZADD's options */
    bool processed;                /* with incr: the score is in `score` */
    double score;
    int64_t added, updated;
} dbx_zset_adding;

/* dbx_zset_add_pairs adds members, each `step` after the one before, and replies as ZADD does. The
 * options fit together. */
int dbx_zset_add_pairs(dbx_ctx *ctx, dbx_slice name, size_t count, const double *scores,
                       const dbx_slice *members, size_t step, dbx_zset_adding *adding,
                       dbx_reply *out);

#endif
