/* exec_reply.h: the replies of commands that are executed together, EXEC's or a call's, of which
 * some may be streamed.
 *
 * What follows a streamed reply is written into memory of its own until that one has been
 * sent; the rest of all of them is one source for whoever owns the sink.
 */
#ifndef DBX_ENGINE_EXEC_REPLY_H
#define DBX_ENGINE_EXEC_REPLY_H

#include "codec/reply.h"

/* Each streamed reply keeps a view open; further ones are collected in memory. */
enum { DBX_EXEC_STREAMS_MAX = 16 };

typedef struct dbx_exec_reply {
    dbx_reply *out;
    dbx_buf *whole; /* where the reply goes; out->out is elsewhere behind a streamed reply */
    struct dbx_exec_stream *stream; /* owned; NULL: nothing is streamed */
} dbx_exec_reply;

/* dbx_exec_reply_open comes before the first reply; dbx_exec_reply_close after the last, when what
 * contains them has been closed, and hands what is streamed to `out`. */
void dbx_exec_reply_open(dbx_exec_reply *reply, dbx_reply *out);
/* dbx_exec_reply_next follows each reply, of which the rest may be in out->source. `mark` was
 * taken before it. */
void dbx_exec_reply_next(dbx_exec_reply *reply, dbx_reply_mark mark);
void dbx_exec_reply_close(dbx_exec_reply *reply);
/* dbx_exec_reply_drop, instead of closing, takes all of it back; `mark` was taken before it was
 * opened. */
void dbx_exec_reply_drop(dbx_exec_reply *reply, dbx_reply_mark mark);

#endif
