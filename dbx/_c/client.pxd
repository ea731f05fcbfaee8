# Mirrors csrc/client/link.h.
from dbx._c.base cimport dbx_buf, dbx_error, dbx_slice
from dbx._c.codec cimport c_bool

cdef extern from "client/link.h" nogil:
    ctypedef struct dbx_link:
        pass
    enum:
        DBX_LINK_UNSENT
        DBX_LINK_LOST
        DBX_LINK_INTERRUPTED
    int dbx_link_open(const char *path, dbx_link **out, dbx_error *error)
    void dbx_link_close(dbx_link *link)
    int dbx_link_put(dbx_link *link, size_t argc, const dbx_slice *argv)
    int dbx_link_exchange(dbx_link *link, size_t replies, dbx_buf *out,
                          c_bool (*interrupted)(void *arg) noexcept nogil, void *arg,
                          dbx_error *error)
