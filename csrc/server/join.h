/* join.h: how `dbx serve` comes by its database: it opens it, or joins the program that has it open
 * and takes over when that one ends, if no other process is quicker.
 *
 * A server that has joined has one connection to the owner of its own, by which it says what it
 * holds its clients to (engine/relay.h) and learns of the owner's end; each client has another
 * (forward.h). Nothing here waits: everything happens in the loop.
 */
#ifndef DBX_SERVER_JOIN_H
#define DBX_SERVER_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/config.h"
#include "server/conn.h"

enum {
    DBX_JOIN_LOOK_MS = 2,        /* before an owner that was not found is looked for again */
    DBX_JOIN_PATIENCE_MS = 10000 /* with one that has the lock and does not answer */
};

typedef enum dbx_join_state {
    DBX_SEEKING,  /* nobody was found yet */
    DBX_GREETING, /* somebody was, who has not answered yet */
    DBX_JOINED,
    DBX_OWNING, /* server->engine is the database, for good */
    DBX_FAILED  /* `error` says why */
} dbx_join_state;

enum { DBX_RUN_NAME_BYTES = 64 };

typedef struct dbx_join {
    dbx_watch watch; /* first: epoll's pointer is to it; the connection to the owner, fd -1: none */
    dbx_join_state state;
    dbx_engine_options options; /* what it points to is the caller's */
    dbx_config config;          /* what `options` says, until there is an engine */
    dbx_buf listeners;          /* for INFO, a line each with its NUL */
    uint8_t *scratch;           /* owned: DBX_FORWARD_BYTES, for one piece on its way */
    bool begun;                 /* the first owner was found: from now on clients are served */
    dbx_error error;

    uint64_t owner;                     /* grows with every other owner */
    char owner_run[DBX_RUN_NAME_BYTES]; /* its run id, which tells it from the next */
    uint64_t server_id;                 /* what it calls us */
    uint64_t pings, pongs;              /* sent to it, answered by it */
    uint64_t pings_wanted;              /* as many are to be sent */
    dbx_buf in;                         /* of its answers */
    long told_pid;                      /* of a server that seems to have the database; 0: none */

    int64_t due_us; /* what was put off is tried again then; INT64_MAX: nothing was */
    int64_t patience_us;
    int64_t forwards_due_us;
} dbx_join;

/* dbx_join_new makes server->join, which seeks. DBX_ENOMEM or DBX_EINVAL: a setting is wrong. */
int dbx_join_new(dbx_server *server, const dbx_engine_options *options, dbx_error *error);
/* dbx_join_free leaves the owner and frees server->join; NULL is fine. */
void dbx_join_free(dbx_server *server);

/* dbx_join_care does what is due; returns when it wants to be called again. */
int64_t dbx_join_care(dbx_server *server);
/* dbx_join_on_owner: something has come from the owner, or it is gone. */
void dbx_join_on_owner(dbx_server *server);

/* dbx_join_dial connects to whoever listens in the directory; -1: nobody can be reached, now. */
int dbx_join_dial(const dbx_join *join);
/* dbx_join_introduce appends what a client's own connection begins with. */
void dbx_join_introduce(const dbx_join *join, const char *peer, const char *local, dbx_slice state,
                        dbx_buf *out);
/* dbx_join_settings_changed tells the owner what holds for clients that come from now on. */
void dbx_join_settings_changed(dbx_join *join);
/* dbx_join_ping asks the owner for a sign of life from now on; returns which:
 * dbx_forward_settle_doubts tells of it, or of the owner's end. */
uint64_t dbx_join_ping(dbx_join *join);
/* dbx_join_retry: a link could not be had; try again soon. */
void dbx_join_retry(dbx_join *join);

#endif
