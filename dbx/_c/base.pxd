# Mirrors csrc/base/{slice,buf,err,log,version}.h.
from libc.stdint cimport uint8_t

cdef extern from "base/slice.h" nogil:
    ctypedef struct dbx_slice:
        const uint8_t *ptr
        size_t len
    dbx_slice dbx_slice_of(const void *ptr, size_t len)

cdef extern from "base/buf.h" nogil:
    ctypedef struct dbx_buf:
        uint8_t *ptr
        size_t len
        size_t cap
        bint failed
    void dbx_buf_free(dbx_buf *buf)
    void dbx_buf_shrink(dbx_buf *buf, size_t keep)

cdef extern from "base/err.h" nogil:
    enum:
        DBX_OK
        DBX_ENOTFOUND
        DBX_ENOMEM
        DBX_EIO
        DBX_ENOSPC
        DBX_ECORRUPT
        DBX_EINVAL
        DBX_ELIMIT
        DBX_ELOCKED
        DBX_EVERSION
        DBX_ESTOPPED
        DBX_EREADONLY
    ctypedef struct dbx_error:
        int code
        char text[512]

cdef extern from "base/version.h":
    const char *DBX_VERSION

cdef extern from "base/log.h" nogil:
    ctypedef enum dbx_log_level:
        DBX_LOG_DEBUG
        DBX_LOG_VERBOSE
        DBX_LOG_NOTICE
        DBX_LOG_WARNING
    void dbx_log(dbx_log_level level, const char *format, ...)
