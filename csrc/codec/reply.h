/* reply.h: the reply sink: what a command says, before anyone has decided how it is written.
 *
 * A sink is shaped like RESP3. RESP2, RESP3, and later MessagePack and JSON implement the same
 * operations; a handler never asks which one it talks to. Rules:
 *  - Bytes are copied inside the call: a slice handed over may die right after.
 *  - Failures stick in `out->failed` (memory) and are tested once, by the owner of the sink.
 *  - Nothing leaves the process before the turn's journal write succeeded: the owner takes a mark
 *    before a command and rolls back to it when the command or the turn is undone.
 *  - Shapes that differ between protocols are kinds (PAIRS, NAMED, MAP, SET, PUSH, NULL against
 *    NULL_ARRAY), so that no handler is written twice.
 */
#ifndef DBX_CODEC_REPLY_H
#define DBX_CODEC_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* A container whose element count is not known when it is opened; close() writes it. */
#define DBX_UNKNOWN ((size_t)-1)

enum { DBX_REPLY_DEPTH_MAX = 32 }; /* open containers; a handler that needs more is a bug */

typedef enum dbx_kind {
    DBX_ARRAY, /* count = elements */
    DBX_MAP,   /* count = pairs; RESP2: a flat array of 2n */
    DBX_SET,   /* count = members; RESP2: an array */
    DBX_PAIRS, /* count = pairs; RESP2: flat array of 2n; RESP3: array of n two-element arrays */
    DBX_NAMED, /* count = pairs; RESP2: array of n two-element arrays; RESP3: a map */
    DBX_PUSH   /* count = elements; RESP2: an array */
} dbx_kind;

typedef struct dbx_reply dbx_reply;
typedef struct dbx_source dbx_source;

/* The operations a format implements. `count` of open() may be DBX_UNKNOWN, then the matching
 * close() writes it; every open() has its close(). bulk_open(len) is followed by bulk_part() calls
 * that add up to `len`. */
typedef struct dbx_reply_ops {
    void (*null)(dbx_reply *r);
    void (*null_array)(dbx_reply *r);
    void (*boolean)(dbx_reply *r, bool value); /* RESP2: 1 or 0 */
    void (*integer)(dbx_reply *r, int64_t value);
    void (*real)(dbx_reply *r, double value);       /* RESP2: a bulk string */
    void (*bignum)(dbx_reply *r, dbx_slice digits); /* RESP2: a bulk string */
    void (*status)(dbx_reply *r, dbx_slice text);   /* one line */
    void (*error)(dbx_reply *r, dbx_slice text);    /* one line, "CODE text" */
    void (*bulk)(dbx_reply *r, dbx_slice bytes);
    void (*verbatim)(dbx_reply *r, const char format[3], dbx_slice text); /* RESP2: a bulk string */
    void (*open)(dbx_reply *r, dbx_kind kind, size_t count);
    void (*close)(dbx_reply *r);
    void (*bulk_open)(dbx_reply *r, size_t len);
    void (*bulk_part)(dbx_reply *r, dbx_slice bytes);
} dbx_reply_ops;

/* One open container: where its header stands (when its count is still unknown) and how many
 * values were written into it. */
typedef struct dbx_reply_level {
    dbx_kind kind;
    size_t count; /* as opened; DBX_UNKNOWN: header is inserted at `at` by close() */
    size_t items; /* values written directly in this container */
    size_t at;    /* offset in out, valid while count is DBX_UNKNOWN */
} dbx_reply_level;

struct dbx_reply {
    const dbx_reply_ops *ops;
    dbx_buf *out; /* not owned */
    uint8_t depth;
    bool errored;       /* an error() was written since the mark: stats and EXEC ask */
    size_t bulk_left;   /* bytes of the bulk_open() still to come */
    dbx_source *source; /* the rest of this reply, see below; owned until taken */
    dbx_reply_level levels[DBX_REPLY_DEPTH_MAX];
};

/* The rest of a reply too large to be built at once. The handler writes the header (array count or
 * bulk length) and hands over a source; the owner of the sink calls produce() under the engine
 * lock until it says it is done, in steps of about `budget` bytes, sending in between. A source
 * reads from a view (store/view.h), so writes made meanwhile do not change it. */
struct dbx_source {
    /* Returns 1 when there is more, 0 when complete, a negative dbx_err on failure (the
     * connection is then closed: the header already promised bytes). */
    int (*produce)(dbx_source *source, dbx_reply *r, size_t budget);
    void (*destroy)(dbx_source *source); /* releases the view; under the engine lock */
};

/* dbx_reply_stream hands `source` to the owner of `r` (takes ownership). At most one a reply, and
 * it must be the last thing the handler writes: at depth 0, or in containers that the source
 * closes. */
static inline void dbx_reply_stream(dbx_reply *r, dbx_source *source) {
    r->source = source;
}

typedef struct dbx_reply_mark {
    size_t len;
    bool failed; /* of the buffer: a rollback also forgets a failure that came later */
    uint8_t depth;
    size_t items; /* of the innermost open container */
} dbx_reply_mark;

/* dbx_reply_mark_take and dbx_reply_rollback: the state before a command, and back to it. Taken
 * between values, not within a bulk. A rollback drops a source too. Containers opened before the
 * mark must still be open. */
dbx_reply_mark dbx_reply_mark_take(dbx_reply *r);
void dbx_reply_rollback(dbx_reply *r, dbx_reply_mark mark);

/* Conveniences, written once in terms of the operations. */
void dbx_reply_ok(dbx_reply *r);
void dbx_reply_str(dbx_reply *r, const char *text);   /* bulk string */
void dbx_reply_line(dbx_reply *r, const char *text);  /* status */
void dbx_reply_error(dbx_reply *r, const char *text); /* "ERR ..." with its code */
/* dbx_reply_errorf formats an error; CR and LF in it become blanks, as Redis does. */
__attribute__((format(printf, 2, 3))) void dbx_reply_errorf(dbx_reply *r, const char *format, ...);

#endif
