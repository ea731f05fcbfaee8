/* forward.h: one client of a server that has joined the owner of a directory: what it sends goes to
 * the owner as it comes, and what the owner answers comes back, by a connection of the client's
 * own.
 *
 * Neither commands nor replies are looked into. How the client stands is told by the owner's
 * reports (report.h): when the owner goes and nothing of the client's was under way, it waits, and
 * goes on with the next owner in the state that was reported last; otherwise its connection is
 * closed. Each way holds one piece of input at most: who does not read is not read from. The loop's
 * thread alone.
 */
#ifndef DBX_SERVER_FORWARD_H
#define DBX_SERVER_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "server/conn.h"
#include "server/report.h"

enum {
    DBX_FORWARD_BYTES = 128 << 10,      /* taken at once, either way */
    DBX_FORWARD_BYTES_SCARCE = 4 << 10, /* the same when buffers take DBX_BUFFERS_BYTES_MAX */
    DBX_FORWARD_WAIT_MS = 15000,        /* for an owner */
    DBX_FORWARD_STALL_MS = 30000        /* for a client to take some of the last it is told */
};

/* The report that is being received. */
typedef struct dbx_forward_part {
    uint8_t head[DBX_REPORT_HEAD_BYTES];
    size_t head_len;
    dbx_report report;
    uint64_t replies_left;
    uint32_t state_left;
    dbx_buf state;
} dbx_forward_part;

typedef struct dbx_forward {
    dbx_watch client; /* first: epoll's pointer is to it, or to `link` */
    dbx_watch link;   /* fd -1: there is none */
    dbx_server *server;
    struct dbx_forward *prev, *next, *next_dead;
    const char *peer, *local; /* in `names` */

    dbx_buf up, down; /* to the owner, to the client: taken in and not yet sent on */
    size_t counted;   /* of them, in server->buffer_bytes */

    /* the link */
    uint64_t owner; /* which owner it is to, see dbx_join */
    uint64_t sent;  /* bytes, and how many of them were executed when the owner last said so */
    uint64_t rested;
    bool accepted; /* the owner has taken the client for what it is */
    bool resting;  /* as the last report says */
    bool hung_up;  /* its other end is closed; epoll does not watch it any more */
    dbx_forward_part part;
    dbx_buf state; /* of the client, as reported last */
    uint64_t
        doubt; /* it was closed by an owner that may be alive: the PING that will tell; 0: not */

    int64_t deadline_us; /* INT64_MAX: none */
    bool refused;        /* the owner does not take it: what it says is for the client */
    bool eof;            /* the client sends no more */
    bool gone;           /* nor does it take anything; epoll does not watch it any more */
    bool closing;        /* when all is sent to the client */
    bool dead;
    char names[];
} dbx_forward;

/* dbx_forward_open takes over `fd`, a client that has connected. */
void dbx_forward_open(dbx_server *server, int fd, const char *peer, const char *local);
/* dbx_forward_on_client and dbx_forward_on_link: epoll has reported `events`. */
void dbx_forward_on_client(dbx_forward *forward, uint32_t events);
void dbx_forward_on_link(dbx_watch *link, uint32_t events);

/* dbx_forward_join is called when an owner was found: those without a link get one. False: the
 * owner has no room for all of them now. */
bool dbx_forward_join(dbx_server *server);
/* dbx_forward_settle_doubts is called when the owner has answered the PINGs up to `ping`: it lives,
 * and has closed what it has closed on purpose. UINT64_MAX: it is gone. */
void dbx_forward_settle_doubts(dbx_server *server, uint64_t ping);
/* dbx_forward_adopt is called when this process has become the owner. */
void dbx_forward_adopt(dbx_server *server);
/* dbx_forward_care ends those whose time is over; returns when it wants to be called again. */
int64_t dbx_forward_care(dbx_server *server);
/* dbx_forward_stop lets what is under way come to its end; no more is taken from clients. */
void dbx_forward_stop(dbx_server *server);
void dbx_forward_kill(dbx_forward *forward);
/* dbx_forward_bury frees those that are done, at the end of an iteration. */
void dbx_forward_bury(dbx_server *server);

#endif
