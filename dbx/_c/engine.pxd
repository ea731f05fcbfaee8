# Mirrors csrc/engine/{engine,local,config}.h and csrc/commands/table.h.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from dbx._c.base cimport dbx_buf, dbx_error, dbx_slice

cdef extern from "engine/engine.h" nogil:
    ctypedef struct dbx_engine:
        pass
    ctypedef struct dbx_session:
        pass
    ctypedef struct dbx_spool:
        pass
    ctypedef struct dbx_setting:
        const char *name
        const char *value
    ctypedef struct dbx_engine_options:
        const char *path
        const dbx_setting *settings
        const char *socket
        void (*wake)(void *arg) noexcept nogil
        void *wake_arg

cdef extern from "engine/local.h" nogil:
    ctypedef struct dbx_local:
        pass
    ctypedef struct dbx_call:
        size_t argc
        dbx_slice *argv
        dbx_spool *input
    ctypedef struct dbx_local_result:
        uint64_t position
        bint wait
        bint closed
        bint shutdown
    int dbx_local_open(const dbx_engine_options *options, dbx_local **out, dbx_error *error)
    int dbx_local_close(dbx_local *local, dbx_error *error)
    void dbx_local_on_fork(dbx_local *local, void (*let_go)(void *arg) noexcept nogil, void *arg)
    dbx_engine *dbx_local_engine(dbx_local *local)
    bint dbx_local_forked(const dbx_local *local)
    dbx_session *dbx_local_session_open(dbx_local *local)
    void dbx_local_session_close(dbx_local *local, dbx_session *session)
    int dbx_local_spool(dbx_local *local, dbx_call *call, dbx_error *error)
    void dbx_local_unspool(dbx_local *local, dbx_call *call)
    ctypedef struct dbx_local_work:
        const dbx_call *calls
        dbx_local_result result
    void dbx_local_begin(dbx_local_work *work, dbx_local *local, dbx_session *session,
                         const dbx_call *calls, size_t count, bint together, dbx_buf *out)
    int dbx_local_step(dbx_local_work *work)
    int dbx_local_finish(dbx_local_work *work)
    void dbx_local_drop(dbx_local_work *work)
    int dbx_local_settle(dbx_local *local, const dbx_local_result *result)
