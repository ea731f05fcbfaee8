/* report.h: what the owner of a directory tells a server that passes a client on to it.
 *
 * Between them, and there alone, replies come in parts, each behind a head that says how the
 * connection stands after it: how much of what was sent has been executed, whether that is all
 * there is to it, and what the next owner would have to know. So the server can tell when the owner
 * dies whether something was under way, without looking into commands and replies.
 *
 *     head   reply_bytes bytes of replies   state_bytes bytes of state (dbx_session_print)
 *
 * The first byte of a head is none that a reply begins with: an owner that refuses the connection
 * answers with a RESP error.
 */
#ifndef DBX_SERVER_REPORT_H
#define DBX_SERVER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DBX_REPORT_HEAD_BYTES = 24,
    DBX_REPORT_STATE_BYTES_MAX = 16 << 10 /* three names of 4 KB, and what else there is */
};

enum dbx_report_flags {
    DBX_REPORT_RESTS = 1u << 0, /* all that was received is executed, and nothing is under way */
    DBX_REPORT_STATE = 1u << 1, /* the state has changed since it was told last */
    DBX_REPORT_STOP = 1u << 2   /* SHUTDOWN: the server is to stop */
};

typedef struct dbx_report {
    uint32_t flags;
    uint32_t state_bytes;
    uint64_t reply_bytes;
    uint64_t received; /* with RESTS: bytes of the connection's input, from its beginning */
} dbx_report;

/* dbx_report_write makes a head. */
void dbx_report_write(uint8_t head[DBX_REPORT_HEAD_BYTES], const dbx_report *report);
/* dbx_report_begins: `byte` may be a head's first. */
bool dbx_report_begins(uint8_t byte);
/* dbx_report_read reads a head; false: it is none. */
bool dbx_report_read(const uint8_t head[DBX_REPORT_HEAD_BYTES], dbx_report *report);

#endif
