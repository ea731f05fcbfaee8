/* msgpack_sink.h: the reply sink that writes MessagePack. README.md says what becomes of what. */
#ifndef DBX_CODEC_MSGPACK_SINK_H
#define DBX_CODEC_MSGPACK_SINK_H

#include "base/buf.h"
#include "codec/reply.h"

/* dbx_msgpack_sink makes `r` write MessagePack to the end of `out`. May be called again on the same
 * sink between replies. */
void dbx_msgpack_sink(dbx_reply *r, dbx_buf *out);

#endif
