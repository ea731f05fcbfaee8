/* zset_input.h: what ZUNION and its like take: sorted sets, and sets, whose members score 1. */
#ifndef DBX_COMMANDS_ZSET_INPUT_H
#define DBX_COMMANDS_ZSET_INPUT_H

#include "commands/lookup.h"
#include "types/zset_walk.h"

typedef struct dbx_zset_input {
    dbx_key k; /* a sorted set, a set, or nothing */
    double weight;
    size_t order; /* among the arguments */
} dbx_zset_input;

/* dbx_zset_input_takes says whether a value of a type can be an input. */
bool dbx_zset_input_takes(uint8_t type);
uint64_t dbx_zset_input_count(const dbx_zset_input *input);
/* dbx_zset_input_find finds a member's score: DBX_OK, DBX_ENOTFOUND, or a failure. */
int dbx_zset_input_find(dbx_txn *txn, const dbx_zset_input *input, dbx_slice member, double *score);

/* A walk over an input's members, in any order. */
typedef struct dbx_zset_input_walk {
    dbx_zset_walk zset;
} dbx_zset_input_walk;

/* dbx_zset_input_open begins a walk; _next gives the next member, valid until the next write, or
 * DBX_ENOTFOUND at the end. */
int dbx_zset_input_open(dbx_zset_input_walk *walk, dbx_txn *txn, const dbx_zset_input *input);
int dbx_zset_input_next(dbx_zset_input_walk *walk, dbx_zset_item *item);
void dbx_zset_input_close(dbx_zset_input_walk *walk);

#endif
