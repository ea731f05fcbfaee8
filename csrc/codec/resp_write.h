/* resp_write.h: writing RESP: the RESP2 and RESP3 sinks, and commands. */
#ifndef DBX_CODEC_RESP_WRITE_H
#define DBX_CODEC_RESP_WRITE_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/reply.h"

/* dbx_resp_sink makes `r` write RESP `version` (2 or 3) to the end of `out`. May be called again on
 * the same sink between replies. */
void dbx_resp_sink(dbx_reply *r, int version, dbx_buf *out);
/* dbx_resp_switch makes a RESP sink go on in `version`, within open containers, too (HELLO). */
void dbx_resp_switch(dbx_reply *r, int version);

/* dbx_resp_command appends a command as an array of bulk strings. */
void dbx_resp_command(dbx_buf *out, size_t argc, const dbx_slice *argv);

/* dbx_resp_length appends the line that begins an array ('*') of n elements or a bulk string ('$')
 * of n bytes. */
void dbx_resp_length(dbx_buf *out, char type, size_t n);

/* dbx_resp_command_len is how many bytes that is, or SIZE_MAX when they are more than
 * DBX_BUF_BYTES_MAX; dbx_resp_command_put writes exactly so many to `at` and returns the end. */
size_t dbx_resp_command_len(size_t argc, const dbx_slice *argv);
uint8_t *dbx_resp_command_put(uint8_t *at, size_t argc, const dbx_slice *argv);

#endif
