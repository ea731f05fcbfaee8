/* resp_read.h: reading RESP: requests as a server gets them.
 *
 * Incremental: the caller keeps unread bytes in one contiguous buffer and calls again when more
 * have arrived; work already done is not repeated. The buffer may move in between, as a whole.
 * Limits are checked before anything is allocated for what they limit, and nothing is allocated
 * because it was announced: memory follows the arguments that have arrived. Grammar:
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ (requests: an array of bulk
 * strings, or an inline command: words separated by blanks, with Redis's quoting).
 */
#ifndef DBX_CODEC_RESP_READ_H
#define DBX_CODEC_RESP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    DBX_RESP_ARGS_UNAUTHENTICATED = 10, /* before AUTH nobody needs more (as in Redis) */
    DBX_RESP_BULK_BYTES_UNAUTHENTICATED = 16384,
    DBX_RESP_INLINE_BYTES_MAX = 64 * 1024, /* what to set inline_bytes_max to */
    DBX_RESP_ARGS_MAX = INT32_MAX          /* the same for args_max: Redis's */
};

typedef struct dbx_resp_limits {
    size_t bulk_bytes_max;   /* proto-max-bulk-len */
    size_t args_max;         /* elements of one command */
    size_t inline_bytes_max; /* an inline command, or the line that announces a count or a length */
    bool unauthenticated;    /* the tighter limits above hold as well */
} dbx_resp_limits;

typedef struct dbx_request {
    dbx_slice *argv; /* owned array; slices point into the caller's buffer or into `inline_text` */
    size_t argc;
    /* private */
    size_t argv_cap;
    const uint8_t *base; /* where the buffer was when argv was filled; argv moves along with it */
    size_t at;           /* bytes of the buffer already parsed for this command */
    size_t scanned;      /* up to here the line at `at` is known not to end */
    size_t args_left;    /* arguments still to come; 0: nothing of an array has been read */
    size_t bulk_len;     /* the announced length of the bulk being received, or DBX_NO_BULK */
    dbx_buf inline_text; /* unquoted words of an inline command */
    const char *error;   /* after a negative return: Redis's words, without "ERR " */
    char error_text[48]; /* room for an error that is not constant */
} dbx_request;

#define DBX_NO_BULK ((size_t)-1)

void dbx_request_init(dbx_request *req);
void dbx_request_free(dbx_request *req);

/* dbx_request_parse reads one command from data[0..len). Returns 1: complete, argv is set and
 * *consumed bytes belong to it (argc may be 0: an empty line, ignore it); 0: more is needed, and
 * *consumed is 0; DBX_EINVAL: protocol error, req->error; DBX_ENOMEM. data[0..len) must begin with
 * what was there before, wherever it lies now. Call dbx_request_reset after a complete command has
 * been used. */
int dbx_request_parse(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                      size_t len, size_t *consumed);
/* dbx_request_skip reads on in a command of which a part has been parsed, without keeping it: the
 * first *used bytes need not be there at the next call. Returns as dbx_request_parse; at the end
 * there are no arguments. Not for inline commands. */
int dbx_request_skip(dbx_request *req, const dbx_resp_limits *limits, const uint8_t *data,
                     size_t len, size_t *used);
/* dbx_request_reset makes the request ready for the next command; memory beyond the usual is given
 * back. */
void dbx_request_reset(dbx_request *req);

/* dbx_request_wants is how many bytes beyond `len` are certainly still missing of the argument
 * being received (0: unknown): lets the owner size its buffer, and move a large command into a
 * spool in time. At most bulk_bytes_max + 2: an announcement, not data: allocate with care. */
size_t dbx_request_wants(const dbx_request *req, size_t len);

#endif
