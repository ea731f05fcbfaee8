/* t_stream_pending.h: entries that were delivered to a consumer of a group and not acknowledged. */
#ifndef DBX_TYPES_T_STREAM_PENDING_H
#define DBX_TYPES_T_STREAM_PENDING_H

#include "types/t_stream_group.h"

typedef struct dbx_stream_pending {
    dbx_stream_id id;
    uint64_t consumer; /* its number; 0: of nobody yet */
    int64_t time_ms;   /* of the last delivery */
    uint64_t count;    /* deliveries */
} dbx_stream_pending;

/* dbx_stream_pending_find looks one up: DBX_OK, DBX_ENOTFOUND, or a failure. */
int dbx_stream_pending_find(dbx_txn *txn, const dbx_stream_group *group, dbx_stream_id id,
                            dbx_stream_pending *pending);
/* dbx_stream_pending_give writes an entry as group->me's. `pending` is as it was found, or of
 * nobody; time_ms and count are as they are to be. */
int dbx_stream_pending_give(dbx_txn *txn, dbx_stream_group *group, dbx_stream_pending *pending);
/* dbx_stream_pending_deliver writes an entry as delivered to group->me, for the first time. */
int dbx_stream_pending_deliver(dbx_txn *txn, dbx_stream_group *group, dbx_stream_id id,
                               int64_t now_ms);
/* dbx_stream_pending_drop removes one that was found. */
int dbx_stream_pending_drop(dbx_txn *txn, dbx_stream_group *group,
                            const dbx_stream_pending *pending);

typedef struct dbx_stream_pending_walk {
    dbx_cursor *cursor; /* owned */
    uint64_t cid, group, consumer;
    bool begun, back;
    size_t prefix_len, from_len;
    uint8_t
        from[2 + 3 * DBX_NUMBER_BYTES_MAX + DBX_STREAM_ID_BYTES_MAX]; /* begins with the prefix */
} dbx_stream_pending_walk;

/* dbx_stream_pending_walk_open begins a walk over the pending entries of a group, or with
 * `consumer` over that one's, from `from` on; `back`: to the first. DBX_ENOMEM. */
int dbx_stream_pending_walk_open(dbx_stream_pending_walk *walk, dbx_view *view, uint64_t cid,
                                 uint64_t group, uint64_t consumer, dbx_stream_id from, bool back);
/* dbx_stream_pending_walk_next gives the next, which may be changed before the next is asked for;
 * DBX_ENOTFOUND at the end. `view` is the one it walks in. */
int dbx_stream_pending_walk_next(dbx_stream_pending_walk *walk, dbx_view *view,
                                 dbx_stream_pending *pending);
/* dbx_stream_pending_walk_move goes on in another view, behind what was given last. */
int dbx_stream_pending_walk_move(dbx_stream_pending_walk *walk, dbx_view *view);
void dbx_stream_pending_walk_close(dbx_stream_pending_walk *walk);

#endif
