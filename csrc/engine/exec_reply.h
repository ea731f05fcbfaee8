/* exec_reply.h: EXEC's array of replies, of which some may be streamed.
 *
 * What follows a streamed element is written into memory of its own until the element has been
 * sent; the rest of all of them is one source for whoever owns the sink.
 */
#ifndef DBX_ENGINE_EXEC_REPLY_H
#define DBX_ENGINE_EXEC_REPLY_H

#include "codec/reply.h"

/* Each streamed element keeps a view open; further ones are collected in memory. */
enum { DBX_EXEC_STREAMS_MAX = 16 };

typedef struct dbx_exec_reply {
    dbx_reply *out;
    dbx_buf *whole; /* where the reply goes; out->out is elsewhere behind a streamed element */
    struct dbx_exec_stream *stream; /* owned; NULL: nothing is streamed */
} dbx_exec_reply;

/* dbx_exec_reply_open begins an array of `count` elements; dbx_exec_reply_close ends it and hands
 * what is streamed to `out`. */
void dbx_exec_reply_open(dbx_exec_reply *reply, dbx_reply *out, size_t count);
/* dbx_exec_reply_next follows each element, of which the rest may be in out->source. `mark` was
 * taken before it. */
void dbx_exec_reply_next(dbx_exec_reply *reply, dbx_reply_mark mark);
void dbx_exec_reply_close(dbx_exec_reply *reply);

#endif
