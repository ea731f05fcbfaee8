/* reply.c: what all reply sinks share: marks, rollbacks and conveniences; see reply.h. */
#include "codec/reply.h"

#include <stdarg.h>

dbx_reply_mark dbx_reply_mark_take(dbx_reply *r) {
    r->errored = false;
    return (dbx_reply_mark){.len = r->out->len,
                            .failed = r->out->failed,
                            .depth = r->depth,
                            .items = r->depth > 0 ? r->levels[r->depth - 1].items : 0};
}

void dbx_reply_rollback(dbx_reply *r, dbx_reply_mark mark) {
    r->out->len = mark.len;
    r->out->failed = mark.failed;
    r->depth = mark.depth;
    if (mark.depth > 0) r->levels[mark.depth - 1].items = mark.items;
    r->errored = false;
    r->bulk_left = 0;
    if (r->source != NULL) {
        r->source->destroy(r->source);
        r->source = NULL;
    }
}

void dbx_reply_ok(dbx_reply *r) {
    r->ops->status(r, dbx_slice_of("OK", 2));
}

void dbx_reply_str(dbx_reply *r, const char *text) {
    r->ops->bulk(r, dbx_slice_str(text));
}

void dbx_reply_line(dbx_reply *r, const char *text) {
    r->ops->status(r, dbx_slice_str(text));
}

void dbx_reply_error(dbx_reply *r, const char *text) {
    r->ops->error(r, dbx_slice_str(text));
}

void dbx_reply_errorf(dbx_reply *r, const char *format, ...) {
    dbx_buf text = {0};
    va_list args;
    va_start(args, format);
    dbx_buf_vprintf(&text, format, args);
    va_end(args);
    if (text.failed) {
        r->out->failed = true;
    } else {
        r->ops->error(r, dbx_buf_slice(&text));
    }
    dbx_buf_free(&text);
}
