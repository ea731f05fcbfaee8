/* t_stream.h: streams: entries in the order of their ids, which only grow.
 *
 * A stream is spread from its first entry on: an XADD is then one entry and one small record,
 * however long the stream. meta.count is its length; without entries it stays a key. The payload
 * of its record, varints all:
 *
 *   last.ms last.seq, first.ms first.seq, max_deleted.ms max_deleted.seq, added, groups,
 *   next_group, then highest.ms highest.seq if that is not `last`
 *
 * Its consumer groups lie under the same id: t_stream_group.h.
 */
#ifndef DBX_TYPES_T_STREAM_H
#define DBX_TYPES_T_STREAM_H

#include "store/keyspace.h"
#include "types/stream_entry.h"

/* What a stream's record keeps, by Redis's rules. Zeros: of no stream yet. */
typedef struct dbx_stream {
    dbx_stream_id last;        /* the last id given; ids grow */
    dbx_stream_id first;       /* of the first entry; 0-0: none */
    dbx_stream_id max_deleted; /* the highest id that XDEL deleted */
    dbx_stream_id highest;     /* that any entry ever had: `last` unless that was set back */
    uint64_t added;            /* entries ever */
    uint64_t groups, next_group;
    bool first_gone; /* not kept: `first` is to be looked for before the record is written */
} dbx_stream;

/* dbx_stream_read takes a stream's record apart; of a key that is not there it gives zeros. */
int dbx_stream_read(const dbx_key *k, dbx_stream *stream);
/* dbx_stream_create makes a key that is not there an empty stream; it is to be written. */
void dbx_stream_create(dbx_txn *txn, dbx_key *k, dbx_stream *stream);
/* dbx_stream_write writes the record: once a command, after its last change. */
int dbx_stream_write(dbx_txn *txn, dbx_key *k, dbx_stream *stream);

/* dbx_stream_add appends an entry of `count` strings, field and value by turns. `id` is above
 * stream->last. */
int dbx_stream_add(dbx_txn *txn, dbx_key *k, dbx_stream *stream, dbx_stream_id id, size_t count,
                   const dbx_slice *strings);
/* dbx_stream_del deletes an entry; *deleted: there was one. */
int dbx_stream_del(dbx_txn *txn, dbx_key *k, dbx_stream *stream, dbx_stream_id id, bool *deleted);

/* What is to be trimmed off the front. */
typedef struct dbx_stream_trim {
    bool by_id; /* entries before `min_id`; otherwise all but `max_len` */
    dbx_stream_id min_id;
    uint64_t max_len;
    uint64_t node;  /* "~": entries go in groups of so many, none if not all may go; 0: exactly */
    uint64_t limit; /* with `node`: no more than so many go; 0: any number */
} dbx_stream_trim;

int dbx_stream_trim_front(dbx_txn *txn, dbx_key *k, dbx_stream *stream, const dbx_stream_trim *trim,
                          uint64_t *deleted);

/* dbx_stream_get finds the value of an entry (stream_entry.h): DBX_OK, DBX_ENOTFOUND, a failure. */
int dbx_stream_get(dbx_view *view, uint64_t cid, dbx_stream_id id, dbx_slice *value);

/* --- Walking --------------------------------------------------------------------------------- */

typedef struct dbx_stream_walk {
    dbx_cursor *cursor; /* owned */
    uint64_t cid;
    dbx_stream_id from, to;
    bool back, begun;
} dbx_stream_walk;

/* dbx_stream_walk_open begins a walk over entries from `from` to `to`, both included; `back`: from
 * the last to the first. DBX_ENOMEM. */
int dbx_stream_walk_open(dbx_stream_walk *walk, dbx_view *view, uint64_t cid, dbx_stream_id from,
                         dbx_stream_id to, bool back);
/* dbx_stream_walk_next gives the next entry, valid until the next write; DBX_ENOTFOUND at the end.
 */
int dbx_stream_walk_next(dbx_stream_walk *walk, dbx_stream_id *id, dbx_slice *value);
/* dbx_stream_walk_move goes on in another view, behind the entry given last. */
int dbx_stream_walk_move(dbx_stream_walk *walk, dbx_view *view);
void dbx_stream_walk_close(dbx_stream_walk *walk);

/* dbx_stream_edge gives the id of the first entry from `from` to `to`, or with `back` of the last:
 * DBX_ENOTFOUND when there is none. */
int dbx_stream_edge(dbx_view *view, uint64_t cid, dbx_stream_id from, dbx_stream_id to, bool back,
                    dbx_stream_id *id);

#endif
