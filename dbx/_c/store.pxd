# Mirrors csrc/store/journal_read.h and csrc/store/verify.h.
from libc.stdint cimport uint64_t

from dbx._c.base cimport dbx_error

cdef extern from "store/journal_read.h" nogil:
    int dbx_journal_print(const char *dir, uint64_t position, int fd, dbx_error *error)

cdef extern from "store/verify.h" nogil:
    int dbx_verify(const char *dir, int fd, int progress_fd, dbx_error *error)
