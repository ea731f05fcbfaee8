/* dump.h: a value as Redis DUMPs it (codec/rdb.h), piece by piece: the type's byte and the value,
 * without the footer.
 *
 * Of the forms that there are for each type the plainest is given, which every Redis since 7.0
 * reads and turns into its own encoding: a list, a set or a sorted set is its elements one by one,
 * a hash its fields. Only a hash with fields that expire needs a form of Redis 7.4, and a stream
 * has listpacks of some entries each (dump_stream.c).
 *
 * The length is known before the first piece: the value is walked twice, the first time only to
 * add up (long elements are not read then). So no value is ever in memory as a whole.
 */
#ifndef DBX_TYPES_DUMP_H
#define DBX_TYPES_DUMP_H

#include "types/t_hash.h"
#include "types/t_list_walk.h"
#include "types/t_set.h"
#include "types/t_stream_pending.h"
#include "types/zset_walk.h"

/* A part of a long element's chunks, which comes behind `at` bytes of the piece. */
typedef struct dbx_dump_long {
    size_t at;
    dbx_chunks chunks;
    uint64_t from, end;
} dbx_dump_long;

/* What comes next of a stream. */
typedef enum dbx_dump_stage {
    DBX_DUMP_NODES,
    DBX_DUMP_LONG_NODE, /* the strings of an entry that is a node by itself */
    DBX_DUMP_GROUPS,
    DBX_DUMP_PENDING,
    DBX_DUMP_CONSUMERS,
    DBX_DUMP_CONSUMER_PENDING,
    DBX_DUMP_DONE
} dbx_dump_stage;

typedef struct dbx_dump_stream {
    dbx_dump_stage stage;
    dbx_stream record;
    uint64_t length;
    uint64_t nodes; /* given so far; after measuring, in all */
    dbx_stream_walk walk;
    dbx_stream_id id; /* of the entry that was read last */
    dbx_stream_entry entry;
    bool entry_due;   /* it is long, and was read while a node was being filled */
    uint64_t strings; /* of a long one: twice its fields */
    dbx_stream_group_walk groups, consumers;
    dbx_stream_group group;
    dbx_stream_consumer consumer;
    dbx_stream_pending_walk pending;
    dbx_buf node, fields;
} dbx_dump_stream;

enum { DBX_DUMP_LONGS_MAX = 2 }; /* in one piece: a field and its value */

typedef struct dbx_dump {
    uint64_t bytes;   /* of the whole: type and value */
    unsigned version; /* of Redis's format that is needed: for the footer */
    /* private */
    dbx_view *view;
    dbx_times times;
    uint8_t type; /* enum dbx_type */
    bool begun, ended;
    dbx_buf piece;
    size_t given; /* of the piece */
    size_t longs, long_at;
    dbx_dump_long long_parts[DBX_DUMP_LONGS_MAX];
    uint64_t cid, count;
    int64_t due_ms;    /* of a hash with fields that expire: the first date; otherwise 0 */
    dbx_slice payload; /* of a short string */
    union {
        dbx_list_walk list;
        dbx_set_walk set;
        dbx_zset_walk zset;
        dbx_hash_walk hash;
        dbx_dump_stream stream;
    } walk;
} dbx_dump;

/* dbx_dump_open begins with a value in the live view; always to be closed when it succeeded. */
int dbx_dump_open(dbx_dump *dump, dbx_txn *txn, const dbx_key *k);
/* dbx_dump_next gives the next piece (not empty), valid until the next call or write;
 * DBX_ENOTFOUND at the end. */
int dbx_dump_next(dbx_dump *dump, dbx_slice *piece);
/* dbx_dump_move goes on in another view, which has the same state. What is inline is given with
 * the first piece, so that nothing of the live view is needed. */
int dbx_dump_move(dbx_dump *dump, dbx_view *view);
void dbx_dump_close(dbx_dump *dump);

/* --- For dump_stream.c ------------------------------------------------------------------------ */

/* dbx_dump_cell adds bytes of any length; dbx_dump_chunks what lies in chunks, raw. */
void dbx_dump_cell(dbx_dump *dump, const dbx_cell *cell);
void dbx_dump_chunks(dbx_dump *dump, dbx_chunks chunks, uint64_t from, uint64_t end);

int dbx_dump_stream_open(dbx_dump *dump, const dbx_key *k);
/* dbx_dump_stream_step adds what comes next; DBX_ENOTFOUND at the end. */
int dbx_dump_stream_step(dbx_dump *dump);
int dbx_dump_stream_move(dbx_dump *dump, dbx_view *view);
void dbx_dump_stream_close(dbx_dump *dump);

#endif
