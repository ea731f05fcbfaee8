/* exec_reply.c: see exec_reply.h. */
#include "engine/exec_reply.h"

#include "base/alloc.h"
#include "base/err.h"

enum { COLLECT_STEP_BYTES = 1 << 20 };

/* A streamed reply, and the replies behind it. */
typedef struct part {
    struct part *next;
    dbx_source *source; /* owned; NULL: it has been sent */
    dbx_reply reply;    /* the sink as the reply left it */
    dbx_buf after;
} part;

typedef struct dbx_exec_stream {
    dbx_source base;
    part *first, *last;
    unsigned count;
} dbx_exec_stream;

static void drop_first(dbx_exec_stream *stream) {
    part *gone = stream->first;
    stream->first = gone->next;
    if (gone->source != NULL) gone->source->destroy(gone->source);
    dbx_buf_free(&gone->after);
    dbx_alloc_free(gone);
}

static void destroy(dbx_source *base) {
    dbx_exec_stream *stream = (dbx_exec_stream *)base;
    while (stream->first != NULL)
        drop_first(stream);
    dbx_alloc_free(stream);
}

static int produce(dbx_source *base, dbx_reply *out, size_t budget) {
    dbx_exec_stream *stream = (dbx_exec_stream *)base;
    part *now = stream->first;
    now->reply.out = out->out;
    int rc = now->source->produce(now->source, &now->reply, budget);
    if (rc != 0) return rc;
    if (now->after.failed) return DBX_ENOMEM;
    dbx_buf_add(out->out, now->after.ptr, now->after.len);
    drop_first(stream);
    return stream->first != NULL ? 1 : 0;
}

/* A part in which the reply's source goes on; false: there is none to be had. */
static bool add_part(dbx_exec_reply *reply) {
    if (reply->stream == NULL) {
        reply->stream = dbx_alloc_zero(1, sizeof *reply->stream);
        if (reply->stream == NULL) return false;
        reply->stream->base = (dbx_source){produce, destroy};
    }
    dbx_exec_stream *stream = reply->stream;
    part *added = stream->count < DBX_EXEC_STREAMS_MAX ? dbx_alloc_zero(1, sizeof *added) : NULL;
    if (added == NULL) return false;
    added->source = reply->out->source;
    added->reply = *reply->out;
    added->reply.source = NULL;
    if (stream->last != NULL) {
        stream->last->next = added;
    } else {
        stream->first = added;
    }
    stream->last = added;
    stream->count++;
    return true;
}

/* Takes the rest of the reply at once. */
static void collect(dbx_reply *out, dbx_reply_mark mark) {
    dbx_source *source = out->source;
    int rc;
    out->source = NULL;
    do {
        rc = source->produce(source, out, COLLECT_STEP_BYTES);
    } while (rc > 0 && !out->out->failed);
    source->destroy(source);
    if (rc >= 0) return;
    dbx_reply_rollback(out, mark);
    dbx_reply_error(out, "ERR the reply could not be read: see the log");
}

void dbx_exec_reply_open(dbx_exec_reply *reply, dbx_reply *out) {
    *reply = (dbx_exec_reply){.out = out, .whole = out->out};
}

void dbx_exec_reply_next(dbx_exec_reply *reply, dbx_reply_mark mark) {
    dbx_reply *out = reply->out;
    if (out->source == NULL) return;
    if (!add_part(reply)) {
        collect(out, mark);
        return;
    }
    out->source = NULL;
    out->depth = mark.depth;
    out->bulk_left = 0;
    out->out = &reply->stream->last->after;
}

void dbx_exec_reply_close(dbx_exec_reply *reply) {
    dbx_reply *out = reply->out;
    out->out = reply->whole;
    if (reply->stream == NULL) return;
    if (reply->stream->first != NULL) {
        dbx_reply_stream(out, &reply->stream->base);
    } else {
        destroy(&reply->stream->base);
    }
}

void dbx_exec_reply_drop(dbx_exec_reply *reply, dbx_reply_mark mark) {
    reply->out->out = reply->whole;
    if (reply->stream != NULL) destroy(&reply->stream->base);
    reply->stream = NULL;
    dbx_reply_rollback(reply->out, mark);
}
