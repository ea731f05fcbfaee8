/* zset_result.h: members with scores that a command makes, in memory: replied, or stored as a
 * sorted set. What ZUNION, ZINTER, ZDIFF and searches of places end with. */
#ifndef DBX_COMMANDS_ZSET_RESULT_H
#define DBX_COMMANDS_ZSET_RESULT_H

#include "commands/zset_args.h"

typedef struct dbx_zset_made {
    double score;
    size_t at, len; /* the member, in `bytes` */
} dbx_zset_made;

typedef struct dbx_zset_result {
    dbx_buf bytes;
    dbx_zset_made *items; /* owned */
    size_t count, cap;
} dbx_zset_result;

void dbx_zset_result_free(dbx_zset_result *result);
/* dbx_zset_result_add adds a member of any length. DBX_ENOMEM, or what reading it failed with. */
int dbx_zset_result_add(dbx_zset_result *result, dbx_txn *txn, const dbx_cell *member,
                        double score);

static inline dbx_slice dbx_zset_result_member(const dbx_zset_result *result, size_t i) {
    return dbx_slice_of(result->bytes.ptr + result->items[i].at, result->items[i].len);
}

/* dbx_zset_result_sort puts the members in a sorted set's order. */
void dbx_zset_result_sort(dbx_zset_result *result);
/* dbx_zset_result_reply writes them as they are, with scores or without. */
void dbx_zset_result_reply(const dbx_zset_result *result, bool scores, dbx_reply *out);
/* dbx_zset_result_store makes `to`, whatever it holds, a sorted set of them; of none, nothing. */
int dbx_zset_result_store(dbx_zset_result *result, dbx_ctx *ctx, dbx_slice to);

#endif
