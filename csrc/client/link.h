/* link.h: a connection to the process that owns a data directory, through the directory's socket.
 *
 * An exchange is some commands and all their replies. Whatever goes wrong in one leaves the link of
 * no further use: close it. One thread at a time.
 */
#ifndef DBX_CLIENT_LINK_H
#define DBX_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct dbx_link dbx_link;

/* What an exchange comes to, besides DBX_OK and a negative dbx_err. */
enum {
    DBX_LINK_UNSENT = 1,     /* the owner is gone and got nothing of it: it may be tried again */
    DBX_LINK_LOST = 2,       /* the owner went meanwhile: what was executed is unknown */
    DBX_LINK_INTERRUPTED = 3 /* `interrupted` wanted to end it: the same */
};

/* dbx_link_open connects to the socket at `path`; DBX_ENOTFOUND: nobody listens there, now. */
int dbx_link_open(const char *path, dbx_link **out, dbx_error *error);
/* dbx_link_close closes and frees; NULL is fine. In the child of a fork, too: its parent's
 * connection stays. */
void dbx_link_close(dbx_link *link);

/* dbx_link_put adds a command to the next exchange. Long arguments are not copied: they must live
 * until it has ended. DBX_ENOMEM: what was put is forgotten, all of it. */
int dbx_link_put(dbx_link *link, size_t argc, const dbx_slice *argv);

/* dbx_link_exchange sends what was put and appends its `replies` replies to `out`. A signal in
 * between asks `interrupted` (may be NULL). In the child of a fork it is DBX_LINK_UNSENT, and so is
 * every later exchange when one ends with an error after something of it was sent. */
int dbx_link_exchange(dbx_link *link, size_t replies, dbx_buf *out, bool (*interrupted)(void *arg),
                      void *arg, dbx_error *error);

#endif
