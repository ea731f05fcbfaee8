/* stream_reply.h: entries of streams as a reply: ranges, what is pending, what was claimed.
 *
 * How many entries a range has is known only when it was walked. So a reply is first written with
 * its counts left open; what turns out to be too long for that is counted, written anew, and
 * streamed (walker.h).
 */
#ifndef DBX_COMMANDS_STREAM_REPLY_H
#define DBX_COMMANDS_STREAM_REPLY_H

#include "commands/walker.h"
#include "types/t_stream_pending.h"

typedef enum dbx_stream_source {
    DBX_STREAM_RANGE,   /* entries from `from` to `to` */
    DBX_STREAM_HISTORY, /* those pending for a consumer, from `from` on; null where one was deleted
                         */
    DBX_STREAM_LISTED   /* those of `ids`, which are all there */
} dbx_stream_source;

/* Entries of one stream. */
typedef struct dbx_stream_part {
    dbx_stream_source source;
    dbx_slice name; /* the stream's: of XREAD */
    uint64_t cid;
    dbx_stream_id from, to;
    bool back;      /* from the last to the first */
    uint64_t limit; /* entries at most */
    uint64_t group, consumer;
    const dbx_stream_id *ids; /* `total` of them */
    bool counted;             /* `total` is how many entries there are */
    uint64_t total;
    bool after; /* behind the entries these ids follow, and the container around both is closed */
    const dbx_stream_id *after_ids;
    uint64_t after_count;
} dbx_stream_part;

/* Writes the entries of a part into an array; the state of a walk, to be moved by copying. */
typedef struct dbx_stream_writer {
    dbx_stream_part part;
    dbx_stream_walk walk;
    dbx_stream_pending_walk pending;
    uint64_t given;         /* entries */
    bool in_entry;          /* a long one */
    dbx_stream_entry entry; /* that one */
} dbx_stream_writer;

/* dbx_stream_writer_open begins a part. */
int dbx_stream_writer_open(dbx_stream_writer *writer, dbx_view *view, const dbx_stream_part *part);
/* dbx_stream_writer_next writes one entry, or a piece of a long one, by `walker`, whose view it is;
 * DBX_ENOTFOUND at the end. */
int dbx_stream_writer_next(dbx_stream_writer *writer, dbx_walker *walker, dbx_reply *out);
/* dbx_stream_writer_count counts the entries of a part, those beyond its limit left out. */
int dbx_stream_writer_count(dbx_view *view, const dbx_stream_part *part, uint64_t *count);
int dbx_stream_writer_move(dbx_stream_writer *writer, dbx_view *view);
void dbx_stream_writer_close(dbx_stream_writer *writer);

/* dbx_stream_reply replies with the entries of one part: an array. */
int dbx_stream_reply(dbx_ctx *ctx, const dbx_stream_part *part, dbx_reply *out);
/* dbx_stream_reply_named replies with those of several streams by name, where there are any; a
 * history is there even when it is empty. *any: otherwise nothing was written. */
int dbx_stream_reply_named(dbx_ctx *ctx, const dbx_stream_part *parts, size_t count, dbx_reply *out,
                           bool *any);

#endif
