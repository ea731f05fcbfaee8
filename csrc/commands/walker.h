/* walker.h: replies over a collection of any size: an array whose elements come from a walk.
 *
 * What fits in DBX_WALKER_BYTES is written at once; the rest is streamed from a view
 * (codec/reply.h, dbx_source), so that no reply needs more memory, whatever it goes over, however
 * long an element.
 */
#ifndef DBX_COMMANDS_WALKER_H
#define DBX_COMMANDS_WALKER_H

#include "commands/command.h"
#include "types/cell.h"

enum { DBX_WALKER_BYTES = 256 << 10 };

typedef struct dbx_walker dbx_walker;

/* What a family's walk can do. Its struct begins with the dbx_walker, and is moved by copying. */
typedef struct dbx_walker_ops {
    size_t size; /* of the struct */
    /* Writes the next element: plain values to `out`, cells by dbx_walker_cell() and last, one a
     * call (an element of several cells comes in several calls). DBX_ENOTFOUND past the last. */
    int (*next)(dbx_walker *walker, dbx_reply *out);
    /* Goes on in another view, which has the same state; after it nothing of the live view is used.
     */
    int (*move)(dbx_walker *walker, dbx_view *view);
    void (*close)(dbx_walker *walker);
} dbx_walker_ops;

struct dbx_walker {
    const dbx_walker_ops *ops;
    unsigned around; /* containers around the one of its elements, closed after it */
    dbx_view *view;  /* it walks in */
    dbx_cell rest;   /* what is left of a long cell, from `rest_at` on */
    uint64_t rest_at;
};

/* dbx_walker_cell writes a cell as a bulk string, a long one piece by piece later. */
void dbx_walker_cell(dbx_walker *walker, const dbx_cell *cell, dbx_reply *out);

/* dbx_walker_reply writes what the walk gives, then closes the container that the caller has
 * opened, those around it that walker->around says, and the walker. It must be the last thing
 * written; what it goes over may be changed afterwards. `walker` walks in the live view. */
int dbx_walker_reply(dbx_ctx *ctx, dbx_walker *walker, dbx_reply *out);

/* dbx_walker_reply_cell replies with one cell. It must be the last thing written. */
int dbx_walker_reply_cell(dbx_ctx *ctx, const dbx_cell *cell, dbx_reply *out);

#endif
