/* msgpack.h: what the MessagePack reader and writers agree on: first bytes, types of extensions.
 *
 * The format is that of https://github.com/msgpack/msgpack/blob/master/spec.md. A first byte says
 * what follows; the FIX ranges have the value, or the length, in the byte itself.
 */
#ifndef DBX_CODEC_MSGPACK_H
#define DBX_CODEC_MSGPACK_H

enum dbx_msgpack_first {
    DBX_MSGPACK_FIXMAP = 0x80,   /* to 0x8f */
    DBX_MSGPACK_FIXARRAY = 0x90, /* to 0x9f */
    DBX_MSGPACK_FIXSTR = 0xa0,   /* to 0xbf */
    DBX_MSGPACK_NIL = 0xc0,
    DBX_MSGPACK_FALSE = 0xc2,
    DBX_MSGPACK_TRUE = 0xc3,
    DBX_MSGPACK_BIN8 = 0xc4,
    DBX_MSGPACK_BIN16,
    DBX_MSGPACK_BIN32,
    DBX_MSGPACK_EXT8 = 0xc7,
    DBX_MSGPACK_EXT16,
    DBX_MSGPACK_EXT32,
    DBX_MSGPACK_FLOAT32 = 0xca,
    DBX_MSGPACK_FLOAT64,
    DBX_MSGPACK_UINT8 = 0xcc,
    DBX_MSGPACK_UINT16,
    DBX_MSGPACK_UINT32,
    DBX_MSGPACK_UINT64,
    DBX_MSGPACK_INT8 = 0xd0,
    DBX_MSGPACK_INT16,
    DBX_MSGPACK_INT32,
    DBX_MSGPACK_INT64,
    DBX_MSGPACK_FIXEXT1 = 0xd4,
    DBX_MSGPACK_FIXEXT2,
    DBX_MSGPACK_FIXEXT4,
    DBX_MSGPACK_FIXEXT8,
    DBX_MSGPACK_FIXEXT16,
    DBX_MSGPACK_STR8 = 0xd9,
    DBX_MSGPACK_STR16,
    DBX_MSGPACK_STR32,
    DBX_MSGPACK_ARRAY16 = 0xdc,
    DBX_MSGPACK_ARRAY32,
    DBX_MSGPACK_MAP16 = 0xde,
    DBX_MSGPACK_MAP32,
    DBX_MSGPACK_NEGATIVE = 0xe0 /* to 0xff: -32 to -1 */
};

/* Types of extensions: those below 0 are the specification's, the others DBX's own, in replies. */
enum dbx_msgpack_ext {
    DBX_MSGPACK_EXT_TIMESTAMP = -1,
    DBX_MSGPACK_EXT_ERROR = 1, /* an error reply's line, "CODE text" */
    DBX_MSGPACK_EXT_BIGNUM = 2 /* an integer beyond 64 bits, in decimal digits */
};

#endif
