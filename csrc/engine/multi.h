/* multi.h: a session's transaction: the commands queued between MULTI and EXEC.
 *
 * What was queued is the session's state (session.h): a failed turn takes back what it queued. Room
 * is bounded: of a command received into a spool the spool is held and its arguments stay there;
 * other arguments are copied.
 */
#ifndef DBX_ENGINE_MULTI_H
#define DBX_ENGINE_MULTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands/command.h"
#include "engine/engine.h"

/* Memory that the queue of one transaction may take; spools do not count. Together they are bounded
 * by client-query-buffer-limit. */
enum { DBX_MULTI_BYTES_MAX = 256 << 20 };

typedef struct dbx_multi_call {
    struct dbx_multi_call *next;
    const dbx_command *row;
    dbx_spool *input;      /* held; NULL: none */
    size_t bytes, spooled; /* of memory, and of arguments in the spool */
    size_t argc;
    dbx_slice argv[]; /* into the spool, or into the bytes that follow */
} dbx_multi_call;

typedef struct dbx_multi {
    dbx_multi_call *first, *last;
    size_t bytes, spooled; /* of all calls */
    uint32_t flags;        /* of all commands queued: enum dbx_command_flags */
} dbx_multi;

dbx_multi *dbx_multi_new(void);        /* NULL: out of memory */
void dbx_multi_free(dbx_multi *multi); /* NULL: nothing to free */

/* dbx_multi_add queues a command, whose spool (or NULL) is held from then on. DBX_ENOMEM, or
 * DBX_ELIMIT: memory and spools together would take more than `bytes_max`, or too much memory. */
int dbx_multi_add(dbx_multi *multi, const dbx_command *row, size_t argc, const dbx_slice *argv,
                  dbx_spool *input, uint64_t bytes_max);
/* dbx_multi_keep forgets all but the first `count` calls. */
void dbx_multi_keep(dbx_multi *multi, size_t count);

/* dbx_multi_end ends the session's transaction, if it is in one. Needs no memory. */
void dbx_multi_end(dbx_session *session);
/* dbx_multi_exec is EXEC's handler: dispatch tells EXEC by it. */
dbx_handler dbx_multi_exec;

#endif
