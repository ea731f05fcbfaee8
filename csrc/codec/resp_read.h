/* resp_read.h: reading RESP: requests as a server gets them.
 *
 * Incremental: the caller keeps unread bytes in one contiguous buffer and calls again when more have
 * arrived; work already done is not repeated. Offsets, not pointers, are kept in between, so the
 * buffer may move. Limits are checked before anything is allocated for what they limit.
 * Grammar: https://redis.io/docs/latest/develop/reference/protocol-spec/ (requests: an array of bulk
 * strings, or an inline command: words separated by blanks, with Redis's quoting).
 */
#ifndef DBX_CODEC_RESP_READ_H
#define DBX_CODEC_RESP_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

typedef struct dbx_resp_limits {
    size_t bulk_bytes_max; /* proto-max-bulk-len */
    size_t args_max;       /* elements of one command */
    size_t inline_bytes_max;
} dbx_resp_limits;

typedef struct dbx_request {
    dbx_slice *argv; /* owned array; slices point into the caller's buffer or into `inline_text` */
    size_t argc;
    /* private */
    size_t argv_cap;
    size_t at;           /* bytes of the buffer already parsed for this command */
    size_t args_left;    /* arguments still to come */
    size_t *offsets;     /* where each argument begins in the buffer */
    size_t bulk_len;     /* the announced length of the bulk being received, or DBX_NO_BULK */
    int state;
    dbx_buf inline_text; /* unquoted words of an inline command */
    const char *error;   /* after a negative return: Redis's words, without "ERR " */
} dbx_request;

void dbx_request_init(dbx_request *req);
void dbx_request_free(dbx_request *req);

/* dbx_request_parse reads one command from data[0..len). Returns 1: complete, argv is set and
 * *consumed bytes belong to it (argc may be 0: an empty line, ignore it); 0: more is needed, and
 * *consumed is 0; DBX_EINVAL: protocol error, req->error; DBX_ENOMEM. Call dbx_request_reset
 * after a complete command has been used. */
int dbx_request_parse(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                      size_t len, size_t *consumed);
void dbx_request_reset(dbx_request *req);

/* dbx_request_wants is how many bytes beyond `len` are certainly still missing (0: unknown): lets
 * the owner size its buffer, and move a large command into a spool in time. */
size_t dbx_request_wants(const dbx_request *req, size_t len);

#endif
