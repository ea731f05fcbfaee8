# Mirrors csrc/codec/{resp_value,resp_write}.h, and what the codec's binding needs of csrc/base.
from libc.stdint cimport int64_t, uint8_t

from dbx._c.base cimport dbx_buf, dbx_slice

cdef extern from "<stdbool.h>" nogil:
    ctypedef bint c_bool "bool"

cdef extern from "base/buf.h" nogil:
    void dbx_buf_add(dbx_buf *buf, const void *data, size_t n)
    void dbx_buf_consume(dbx_buf *buf, size_t n)

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
