/* t_stream_group.h: consumer groups of a stream, and their consumers.
 *
 * All lie in DBX_TABLE_GROUP under the stream's collection id; groups and the consumers of each
 * have numbers, from 1 on, that are not used again. Names are cut like members (format.h), and are
 * walked in the order of their bytes, as in Redis; but those that begin alike for longer than that
 * by their digests:
 *
 *   0 name               -> varints number, last, top, entries_read + 1, pending, consumers,
 *                           next_consumer: a group
 *   number 'N'           -> cell: its name, if that is cut in the key
 *   number 'c' name      -> varint: the number of a consumer
 *   number 'n' consumer  -> cell: its name
 *   number 's' consumer  -> varints seen_ms, active_ms + 1, pending
 *   number 'P' id        -> varints consumer, time_ms, count: a pending entry (t_stream_pending.h)
 *   number 'p' consumer id -> empty: the pending entries of a consumer, in order
 *
 * So the counts are where they are asked for, and what changes with every entry is a few bytes.
 */
#ifndef DBX_TYPES_T_STREAM_GROUP_H
#define DBX_TYPES_T_STREAM_GROUP_H

#include "types/t_stream.h"

/* Second part of a key within a group. */
enum dbx_stream_group_part {
    DBX_STREAM_GROUP_NAME = 'N',
    DBX_STREAM_GROUP_CONSUMER = 'c',
    DBX_STREAM_GROUP_CONSUMER_NAME = 'n',
    DBX_STREAM_GROUP_CONSUMER_STATE = 's',
    DBX_STREAM_GROUP_PENDING = 'P',
    DBX_STREAM_GROUP_PENDING_OF = 'p'
};

enum { DBX_STREAM_ENTRIES_READ_UNKNOWN = -1, DBX_STREAM_NEVER_ACTIVE = -1 };

typedef struct dbx_stream_consumer {
    uint64_t number; /* 0: none */
    int64_t seen_ms, active_ms;
    uint64_t pending;
    bool changed;
} dbx_stream_consumer;

/* A group, looked up; a command changes it and closes it. */
typedef struct dbx_stream_group {
    uint64_t cid, number;
    dbx_stream_id last; /* delivered */
    dbx_stream_id top;  /* no higher one was ever pending */
    int64_t entries_read;
    uint64_t pending, consumers, next_consumer;
    bool changed;
    dbx_stream_consumer me; /* on whose behalf the command is */
    /* private */
    dbx_stream_consumer other; /* the one whose entries were taken last */
    dbx_probe probe;
    size_t key_len;
    uint8_t key[DBX_ENCODED_KEY_MAX];
} dbx_stream_group;

/* dbx_stream_group_find looks a group up: DBX_OK, DBX_ENOTFOUND (also when there is no stream), or
 * a failure. */
int dbx_stream_group_find(dbx_txn *txn, const dbx_key *k, dbx_slice name, dbx_stream_group *group);
/* dbx_stream_group_create adds one; *created: there was none of that name. The stream's record is
 * then to be written. */
int dbx_stream_group_create(dbx_txn *txn, const dbx_key *k, dbx_stream *stream, dbx_slice name,
                            dbx_stream_id last, int64_t entries_read, bool *created);
/* dbx_stream_group_destroy removes one, with all it has: O(N) for N pending entries. The stream's
 * record is to be written. */
int dbx_stream_group_destroy(dbx_txn *txn, dbx_stream *stream, dbx_stream_group *group);
/* dbx_stream_group_close writes what changed of a group and its consumers: once a command. */
int dbx_stream_group_close(dbx_txn *txn, dbx_stream_group *group);

/* --- Consumers ------------------------------------------------------------------------------- */

/* dbx_stream_group_join makes the consumer of that name group->me: DBX_OK, or DBX_ENOTFOUND when
 * there is none; with `create` it is then made, seen now. */
int dbx_stream_group_join(dbx_txn *txn, dbx_stream_group *group, dbx_slice name, bool create,
                          int64_t now_ms, bool *created);
/* dbx_stream_group_leave removes group->me with its pending entries: O(N) for N of them. */
int dbx_stream_group_leave(dbx_txn *txn, dbx_stream_group *group, dbx_slice name);
/* dbx_stream_group_count adds to how many entries a consumer has pending. */
int dbx_stream_group_count(dbx_txn *txn, dbx_stream_group *group, uint64_t consumer, int by);
/* dbx_stream_group_consumer reads a consumer by its number. */
int dbx_stream_group_consumer(dbx_view *view, uint64_t cid, uint64_t group, uint64_t number,
                              dbx_stream_consumer *consumer);
/* dbx_stream_group_consumer_name is its name, valid until the next write. */
int dbx_stream_group_consumer_name(dbx_view *view, uint64_t cid, uint64_t group, uint64_t number,
                                   dbx_cell *name);

/* --- Walking: groups or consumers in the order of their names --------------------------------- */

typedef struct dbx_stream_group_walk {
    dbx_cursor *cursor;   /* owned */
    uint64_t cid, number; /* of the group whose consumers are walked; 0: groups */
    bool begun;
    size_t prefix_len;
    uint8_t prefix[2 + 2 * DBX_NUMBER_BYTES_MAX];
} dbx_stream_group_walk;

/* dbx_stream_group_walk_open begins a walk over the groups of a stream, or with `number` over the
 * consumers of that one. DBX_ENOMEM. */
int dbx_stream_group_walk_open(dbx_stream_group_walk *walk, dbx_view *view, uint64_t cid,
                               uint64_t number);
/* These give the next one, valid until the next write; DBX_ENOTFOUND at the end. */
int dbx_stream_group_walk_group(dbx_stream_group_walk *walk, dbx_view *view, dbx_cell *name,
                                dbx_stream_group *group);
int dbx_stream_group_walk_consumer(dbx_stream_group_walk *walk, dbx_view *view, dbx_cell *name,
                                   dbx_stream_consumer *consumer);
/* dbx_stream_group_walk_move goes on in another view, behind what was given last. */
int dbx_stream_group_walk_move(dbx_stream_group_walk *walk, dbx_view *view);
void dbx_stream_group_walk_close(dbx_stream_group_walk *walk);

/* --- How far a group is ----------------------------------------------------------------------- */

/* dbx_stream_group_deliver moves group->last to `id`, the next entry, and keeps entries_read as
 * Redis does. */
void dbx_stream_group_deliver(const dbx_key *k, const dbx_stream *stream, dbx_stream_group *group,
                              dbx_stream_id id);
/* dbx_stream_group_lag is how many entries the group has yet to read; false: not known. */
bool dbx_stream_group_lag(uint64_t length, const dbx_stream *stream, const dbx_stream_group *group,
                          int64_t *lag);

/* For t_stream_pending.c: dbx_stream_group_key begins a key of a group; returns its length. */
size_t dbx_stream_group_key(uint8_t *out, uint64_t cid, uint64_t group, uint8_t part);

#endif
