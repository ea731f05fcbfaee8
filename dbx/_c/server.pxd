# Mirrors csrc/server/server.h.
from dbx._c.base cimport dbx_error
from dbx._c.codec cimport c_bool
from dbx._c.engine cimport dbx_engine, dbx_engine_options

cdef extern from "server/server.h" nogil:
    ctypedef struct dbx_server:
        pass
    ctypedef struct dbx_server_options:
        const char *const *bind
        int port
        const char *unixsocket
        unsigned int unixsocketperm
        const char *directory
        int tcp_backlog
    int dbx_server_create(dbx_server **out, dbx_error *error)
    int dbx_server_open(dbx_server *server, const dbx_engine_options *options, dbx_error *error)
    c_bool dbx_server_joined(const dbx_server *server)
    int dbx_server_close(dbx_server *server, dbx_error *error)
    void dbx_server_wake(void *server)
    int dbx_server_listen(dbx_server *server, dbx_engine *engine,
                          const dbx_server_options *options, dbx_error *error)
    int dbx_server_port(const dbx_server *server)
    int dbx_server_run(dbx_server *server, dbx_error *error)
    void dbx_server_stop(dbx_server *server)
    void dbx_server_free(dbx_server *server)
    int dbx_server_start(dbx_server *server, dbx_error *error)
    void dbx_server_join(dbx_server *server)
    void dbx_server_let_go(void *server)
