# Mirrors csrc/codec/{msgpack,msgpack_read,msgpack_write,resp_value,resp_write}.h, and what the
# codec's binding needs of csrc/base.
from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t

from dbx._c.base cimport dbx_buf, dbx_slice

cdef extern from "<stdbool.h>" nogil:
    ctypedef bint c_bool "bool"

cdef extern from "base/buf.h" nogil:
    void dbx_buf_add(dbx_buf *buf, const void *data, size_t n)
    void dbx_buf_consume(dbx_buf *buf, size_t n)

cdef extern from "base/bytes.h" nogil:
    c_bool dbx_bytes_ascii(const uint8_t *at, size_t len)
    uint32_t dbx_load32(const uint8_t *at)
    uint64_t dbx_load64(const uint8_t *at)

cdef extern from "codec/msgpack.h" nogil:
    enum:
        DBX_MSGPACK_NIL
        DBX_MSGPACK_FALSE
        DBX_MSGPACK_TRUE
        DBX_MSGPACK_EXT_TIMESTAMP

cdef extern from "codec/msgpack_read.h" nogil:
    ctypedef enum dbx_msgpack_kind:
        DBX_MSGPACK_IS_NIL
        DBX_MSGPACK_IS_BOOL
        DBX_MSGPACK_IS_INT
        DBX_MSGPACK_IS_UINT
        DBX_MSGPACK_IS_REAL
        DBX_MSGPACK_IS_STR
        DBX_MSGPACK_IS_BIN
        DBX_MSGPACK_IS_EXT
        DBX_MSGPACK_IS_ARRAY
        DBX_MSGPACK_IS_MAP
    ctypedef struct dbx_msgpack_token:
        dbx_msgpack_kind kind
        int8_t ext
        c_bool boolean      # the rest is a union
        int64_t integer
        uint64_t natural
        double real
        dbx_slice bytes
        uint32_t count
    int dbx_msgpack_head(const uint8_t *at, size_t len, dbx_msgpack_token *token)
    int dbx_msgpack_timestamp(dbx_slice bytes, int64_t *seconds, uint32_t *nanoseconds)

cdef extern from "codec/msgpack_write.h" nogil:
    enum:
        DBX_MSGPACK_HEAD_MAX
        DBX_MSGPACK_TIMESTAMP_MAX
    const size_t DBX_MSGPACK_LEN_MAX
    uint8_t *dbx_msgpack_put_int(uint8_t *at, int64_t x)
    uint8_t *dbx_msgpack_put_uint(uint8_t *at, uint64_t x)
    uint8_t *dbx_msgpack_put_real(uint8_t *at, double x)
    uint8_t *dbx_msgpack_put_real32(uint8_t *at, float x)
    uint8_t *dbx_msgpack_put_str_head(uint8_t *at, size_t len)
    uint8_t *dbx_msgpack_put_raw_head(uint8_t *at, size_t len)
    uint8_t *dbx_msgpack_put_bin_head(uint8_t *at, size_t len)
    uint8_t *dbx_msgpack_put_array_head(uint8_t *at, size_t count)
    uint8_t *dbx_msgpack_put_map_head(uint8_t *at, size_t count)
    uint8_t *dbx_msgpack_put_ext_head(uint8_t *at, int8_t ext, size_t len)
    uint8_t *dbx_msgpack_put_timestamp(uint8_t *at, int64_t seconds, uint32_t nanoseconds)

cdef extern from "codec/resp_value.h" nogil:
    ctypedef struct dbx_value_ops:
        int (*text)(void *arg, char type, dbx_slice text) noexcept
        int (*integer)(void *arg, int64_t value) noexcept
        int (*real)(void *arg, double value) noexcept
        int (*boolean)(void *arg, c_bool value) noexcept
        int (*null)(void *arg) noexcept
        int (*open)(void *arg, char type, size_t count) noexcept
        int (*close)(void *arg, char type, size_t count) noexcept
    ctypedef struct dbx_value_reader:
        const char *error
    void dbx_value_init(dbx_value_reader *reader, const dbx_value_ops *ops, void *arg)
    int dbx_value_read(dbx_value_reader *reader, const uint8_t *data, size_t len,
                       size_t *consumed)

cdef extern from "codec/resp_write.h" nogil:
    size_t dbx_resp_command_len(size_t argc, const dbx_slice *argv)
    uint8_t *dbx_resp_command_put(uint8_t *at, size_t argc, const dbx_slice *argv)
