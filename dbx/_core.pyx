# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""The binding: the C core's engine, server and codec, as thin as can be. No Redis semantics."""

import os
import time
from _thread import allocate_lock
from _weakref import ref

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact
from libc.signal cimport SIGINT, SIGTERM
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memset

from dbx._c.base cimport (
    DBX_ECORRUPT, DBX_EINVAL, DBX_EIO, DBX_ELIMIT, DBX_ELOCKED, DBX_ENOMEM, DBX_ENOSPC,
    DBX_ENOTFOUND, DBX_EREADONLY, DBX_ESTOPPED, DBX_EVERSION, DBX_LOG_DEBUG, DBX_LOG_NOTICE,
    DBX_LOG_VERBOSE, DBX_LOG_WARNING, DBX_OK, DBX_VERSION, dbx_buf, dbx_buf_free, dbx_buf_shrink,
    dbx_error, dbx_log, dbx_log_level, dbx_slice, dbx_slice_of,
)
from dbx._c.commands cimport (
    DBX_CMD_INTERNAL, DBX_CMD_LONG, dbx_command, dbx_table_arity_fits, dbx_table_at,
    dbx_table_resolve,
)
from dbx._c.engine cimport (
    dbx_call, dbx_engine_options, dbx_local,
    dbx_local_begin, dbx_local_close, dbx_local_drop, dbx_local_engine, dbx_local_finish,
    dbx_local_forked, dbx_local_on_fork, dbx_local_open, dbx_local_result, dbx_local_session_close,
    dbx_local_session_open, dbx_local_settle, dbx_local_spool, dbx_local_step, dbx_local_unspool,
    dbx_local_work, dbx_session, dbx_setting,
)
from dbx._c.client cimport (
    DBX_LINK_INTERRUPTED, DBX_LINK_LOST, DBX_LINK_UNSENT, dbx_link, dbx_link_close,
    dbx_link_exchange, dbx_link_open, dbx_link_put,
)
from dbx._c.server cimport (
    dbx_server, dbx_server_close, dbx_server_create, dbx_server_free, dbx_server_join,
    dbx_server_joined, dbx_server_let_go, dbx_server_listen, dbx_server_open, dbx_server_options,
    dbx_server_port, dbx_server_run, dbx_server_start, dbx_server_stop, dbx_server_wake,
)
from dbx._c.store cimport dbx_journal_print, dbx_verify
from dbx import errors

cdef enum:
    _ARGS_ON_STACK = 16
    _REPLY_KEEP_BYTES = 64 << 10
    _KNOWN_NAMES_MAX = 1000
    _CLOSE_POLL_US = 500

cdef extern from "unistd.h" nogil:
    int usleep(unsigned int us)

cdef extern from "signal.h" nogil:
    ctypedef void (*sighandler_t)(int) noexcept nogil
    sighandler_t signal(int number, sighandler_t handler)
    sighandler_t SIG_IGN

cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyThreadState_Get()
    uint64_t PyThreadState_GetID(PyThreadState *state)
    PyObject *PyThreadState_GetDict()

include "_resp.pxi"
include "_args.pxi"
include "_msgpack.pxi"

__version__ = DBX_VERSION.decode()

cdef dict _ERRORS = {}


def _map_errors():
    """Every dbx_err has an exception: a code that nobody thought of stops the import."""
    codes = {
        "ENOTFOUND": DBX_ENOTFOUND, "ENOMEM": DBX_ENOMEM, "EIO": DBX_EIO, "ENOSPC": DBX_ENOSPC,
        "ECORRUPT": DBX_ECORRUPT, "EINVAL": DBX_EINVAL, "ELIMIT": DBX_ELIMIT,
        "ELOCKED": DBX_ELOCKED, "EVERSION": DBX_EVERSION, "ESTOPPED": DBX_ESTOPPED,
        "EREADONLY": DBX_EREADONLY,
    }
    if codes.keys() != errors.BY_CORE_CODE.keys() or len(set(codes.values())) != len(codes):
        raise ImportError("dbx.errors.BY_CORE_CODE and the error codes of the core differ")
    for name, code in codes.items():
        _ERRORS[code] = errors.BY_CORE_CODE[name]


_map_errors()


cdef int _check(int rc, dbx_error *error) except -1:
    if rc >= 0:
        return 0
    raise _ERRORS.get(rc, errors.DBXError)(error.text.decode("utf-8", "replace"))


# --- Settings ------------------------------------------------------------------------------------

cdef class _Settings:
    """dbx_setting[] with the strings it points to."""
    cdef dbx_setting *rows
    cdef list texts

    def __cinit__(self, dict settings):
        cdef size_t i = 0
        self.texts = []
        self.rows = <dbx_setting *>PyMem_Malloc((len(settings) + 1) * sizeof(dbx_setting))
        if self.rows == NULL:
            raise MemoryError
        memset(self.rows, 0, (len(settings) + 1) * sizeof(dbx_setting))
        for name, value in settings.items():
            self.rows[i].name = self._text(name)
            self.rows[i].value = self._text(value)
            i += 1

    cdef const char *_text(self, str text) except NULL:
        encoded = text.encode("utf-8", "surrogateescape")
        if b"\0" in encoded:
            raise errors.DataError("a setting cannot contain a NUL byte")
        self.texts.append(encoded)
        return PyBytes_AS_STRING(encoded)

    def __dealloc__(self):
        PyMem_Free(self.rows)


include "_engine.pxi"


# --- Calls ---------------------------------------------------------------------------------------

cdef class Caller:
    """Calls on an engine for one client: how it encodes, what it makes of replies, its sessions.

    With `per_thread` every thread has a session of its own, so that what a thread selects is its
    own; without, there is one, for one thread at a time. With `settle` a call ends when its reply
    survives what `durability` says; without, the caller waits itself, see take_unsettled().
    """
    cdef readonly Engine engine
    cdef _Encoder encoder, undecoded
    cdef dict parsers   # upper-case name -> function of the reply
    cdef dict known     # name as given -> the same, or None
    cdef int db
    cdef bint per_thread
    cdef bint settles
    cdef uint64_t last_thread
    cdef Session last
    cdef object key     # of our session in a thread's dictionary
    cdef dbx_local_result waiting

    def __cinit__(self, Engine engine not None, dict parsers not None, str encoding="utf-8",
                  str encoding_errors="strict", bint decode=False, int db=0, bint per_thread=True,
                  bint settle=True):
        self.engine = engine
        self.encoder = _Encoder(encoding, encoding_errors, decode)
        self.undecoded = _Encoder(encoding, encoding_errors, False) if decode else self.encoder
        self.parsers = parsers
        self.known = {}
        self.db = db
        self.per_thread = per_thread
        self.settles = settle
        self.key = object()

    # --- Sessions ---

    cdef Session _new_session(self, Session before):
        """In the database that was selected last: nobody has to know that the owner has changed,
        but who had begun a transaction."""
        cdef Session session
        cdef int db = self.db if before is None else before.db
        if before is not None and before.queued is not None and not before.busy:
            before.queued = None
            raise errors.ConnectionError(
                "the process that owned the database went away: the transaction is lost")
        session = Session(self.engine)
        if db != 0:
            self._one(session, ("SELECT", db), None, False)
        session.db = db
        return session

    cdef Session _session(self):
        cdef uint64_t thread = 0
        cdef Session session
        if self.per_thread:
            thread = PyThreadState_GetID(PyThreadState_Get())
        if thread == self.last_thread:
            session = self.last
        else:
            session = (<dict>PyThreadState_GetDict()).get(self.key)
        if session is None or not session.usable():
            session = self._new_session(session)
            if self.per_thread:
                (<dict>PyThreadState_GetDict())[self.key] = session
        if session is not self.last:
            self._remember(session, thread)
        return self._new_session(session) if session.busy else session

    cdef void _remember(self, Session session, uint64_t thread) noexcept:
        """Both or neither: a session that goes lets other threads run, so it goes at the end."""
        cdef Session before = self.last
        self.last = session
        self.last_thread = thread

    # --- Calls ---

    def call(self, *args):
        """Executes one command; what the codec gives, through the command's parser."""
        while True:
            try:
                return self._one(self._session(), args, None, False)
            except OwnerGone:
                pass

    def call_with(self, tuple args, dict options):
        """call, with options for the parser."""
        while True:
            try:
                return self._one(self._session(), args, options, False)
            except OwnerGone:
                pass

    def run(self, list commands, bint together):
        """Executes (args, options) commands in order and returns their results, errors among them.

        With `together` nothing else comes between them, they share one journal write, and either
        all are commands that can be executed or Refused is raised, as EXEC does with EXECABORT.
        """
        cdef _Batch batch = _Batch(self.encoder, commands)
        while commands:
            try:
                return self._all(self._session(), batch, commands, together, False)
            except OwnerGone:
                pass
        return []

    def begin(self, tuple args, dict options):
        """call_with, for who must not wait: returns the Rest where it may take long."""
        cdef Session session
        try:
            if self.engine._local != NULL:
                session = self._session()
                if session._link == NULL:
                    return self._one(session, args, options, True)
        except OwnerGone:
            pass
        return _whole(self, [(args, options)], True, False)

    def begin_all(self, list commands, bint together):
        """run, for who must not wait: returns the Rest where it may take long."""
        cdef Session session
        if not commands:
            return []
        try:
            if self.engine._local != NULL and len(commands) <= _BRIEF_COMMANDS_MAX:
                session = self._session()
                if session._link == NULL:
                    return self._all(session, _Batch(self.encoder, commands), commands, together,
                                     True)
        except OwnerGone:
            pass
        return _whole(self, commands, False, together)

    cdef object _all(self, Session session, _Batch batch, list commands, bint together,
                     bint begin):
        """With `begin` as begin_all."""
        cdef dbx_local_work work
        cdef dbx_error error
        cdef Rest rest = None
        cdef int rc
        session.busy = True
        try:
            if begin and not _brief(batch.calls, batch.count):
                return _whole(self, commands, False, together)
            if together:
                self._refuse(session, batch, commands)
            if begin:
                rc = _step(session, batch.calls, batch.count, together, &work, &error)
                if rc == 1 or session.out.len > _BRIEF_BYTES_MAX:
                    rest = _begun(self, session, batch, commands, rc, &work)
                    return rest
            else:
                rc = _run(session, batch.calls, batch.count, together, &work, &error)
            return self._replies(session, batch, commands, together, rc, &work.result, &error)
        finally:
            if rest is None:
                self._done(session)

    cdef list _replies(self, Session session, _Batch batch, list commands, bint together, int rc,
                       dbx_local_result *result, dbx_error *error):
        cdef size_t at = 0
        cdef size_t i = 0
        cdef bint silent
        cdef list results = []
        self._arrived(session, rc, result, error)
        silent = together and session._link != NULL and self._unwrap(session, batch.count, &at)
        for args, options in commands:
            if result.shutdown and at == session.out.len:
                raise errors.ConnectionError("a command of the pipeline shut the database down")
            reply = None
            if not silent:
                reply = _reply_read(session.out.ptr, session.out.len, &at, self._reader(options))
            session.follow(&batch.calls[i], reply)
            i += 1
            if i % _TURN_VALUES == 0:
                _let_others_run()
            if not isinstance(reply, Exception):
                reply = self._parsed(args[0], reply, options)
            elif options is not None and "empty" in options:
                reply = options["empty"]
            results.append(reply)
        return results

    cdef int _unwrap(self, Session session, size_t count, size_t *at) except -1:
        """Moves `at` behind what MULTI, the queued commands and EXEC's array begin with; 1: EXEC
        says nothing, as CLIENT REPLY wants it."""
        cdef size_t i
        refusal = None
        for i in range(count + 1):
            reply = _reply_read(session.out.ptr, session.out.len, at, self.encoder)
            if refusal is None and isinstance(reply, Exception):
                refusal = reply
        if session.out.ptr[at[0]] != b"*":
            reply = _reply_read(session.out.ptr, session.out.len, at, self.encoder)
            if refusal is None and reply is None:
                return 1
            raise reply if refusal is None else refusal
        while session.out.ptr[at[0]] != b"\n":
            at[0] += 1
        at[0] += 1
        return 0

    cdef int _refuse(self, Session session, _Batch batch, list commands) except -1:
        """Raises what the engine says to the first command that it does not even begin."""
        cdef dbx_local_work work
        cdef dbx_error error
        cdef size_t i
        cdef size_t at = 0
        cdef int rc
        for i in range(batch.count):
            if batch.possible(i) or "empty" in (commands[i][1] or ()):
                continue
            rc = _run(session, &batch.calls[i], 1, False, &work, &error)
            self._arrived(session, rc, &work.result, &error)
            raise Refused(i, _reply_read(session.out.ptr, session.out.len, &at, self.encoder))
        return 0

    cdef object _one(self, Session session, tuple args, dict options, bint begin):
        """With `begin` as begin."""
        cdef dbx_slice few[_ARGS_ON_STACK]
        cdef _Scratch scratch
        cdef dbx_call call
        cdef dbx_local_work work
        cdef dbx_error error
        cdef Rest rest = None
        cdef object keep, reply
        cdef size_t at = 0
        cdef int rc
        cdef tuple words = _words(args)
        scratch.used = 0
        call.argc = PyTuple_GET_SIZE(words)
        call.argv = &few[0] if call.argc <= _ARGS_ON_STACK else _many(call.argc)
        session.busy = True
        try:
            keep = _encode(self.encoder, words, call.argv, &scratch)
            if begin:
                if not _brief(&call, 1):
                    return _whole(self, [(args, options)], True, False)
                rc = _step(session, &call, 1, False, &work, &error)
                if rc == 1:
                    rest = _begun(self, session, None, [(args, options)], rc, &work)
                    return rest
            else:
                rc = _run(session, &call, 1, False, &work, &error)
            self._arrived(session, rc, &work.result, &error)
            if work.result.shutdown:
                return None
            reply = _reply_read(session.out.ptr, session.out.len, &at, self._reader(options))
            session.follow(&call, reply)
        finally:
            if rest is None:
                self._done(session)
            if call.argv != &few[0]:
                PyMem_Free(call.argv)
        if isinstance(reply, Exception):
            if options is not None and "empty" in options:
                return options["empty"]
            raise reply
        return self._parsed(args[0], reply, options)

    cdef int _arrived(self, Session session, int rc, dbx_local_result *result,
                      dbx_error *error) except -1:
        """What must be seen to before replies may be believed."""
        if rc < 0:
            if error.text[0] == 0:
                raise _ERRORS.get(rc, errors.DBXError)("the reply could not be built")
            _check(rc, error)
        if result.closed:
            session._lose()
        if result.shutdown:
            self.engine.close()
        elif result.wait:
            if self.settles:
                _settle(self.engine, result)
            else:
                self.waiting = result[0]
        return 0

    cdef void _done(self, Session session) noexcept:
        session.out.len = 0
        session.out.failed = False
        if session.out.cap > _REPLY_KEEP_BYTES:  # giving much memory back takes a while
            with nogil:
                dbx_buf_shrink(&session.out, _REPLY_KEEP_BYTES)
        session.busy = False

    @property
    def unsettled(self):
        """The last call's reply is not to be believed before take_unsettled()() has returned."""
        return self.waiting.wait

    def take_unsettled(self):
        """What blocks until the last call's reply survives a power loss; call it in any thread."""
        cdef _Settling settling = _Settling()
        settling.engine = self.engine
        settling.result = self.waiting
        self.waiting.wait = False
        return settling

    # --- Replies ---

    cdef _Encoder _reader(self, dict options):
        """What replies are read with: DUMP's are no text (redis-py's name for the option)."""
        if options is None or "NEVER_DECODE" not in options:
            return self.encoder
        return self.undecoded

    cdef object _parsed(self, object name, object reply, dict options):
        cdef PyObject *found = PyDict_GetItem(self.known, name)
        parser = <object>found if found != NULL else self._parser(name)
        if parser is None:
            return reply
        return parser(reply) if options is None else parser(reply, **options)

    cdef object _parser(self, object name):
        text = name if isinstance(name, str) else bytes(name).decode("utf-8", "replace")
        parser = self.parsers.get(text.upper())
        if isinstance(name, (str, bytes)) and len(self.known) < _KNOWN_NAMES_MAX:
            self.known[name] = parser
        return parser


cdef class _Settling:
    cdef Engine engine
    cdef dbx_local_result result

    def __call__(self):
        _settle(self.engine, &self.result)


cdef class Rest:
    """What is left of commands that may take long: called, in another thread and once, it returns
    or raises what Caller.call_with or run would. Until then the caller may be used for nothing
    else."""
    cdef Caller caller
    cdef Session session  # None: nothing has begun
    cdef list commands
    cdef bint single, together
    cdef _Batch batch
    cdef dbx_local_work work
    cdef int rc  # 1: of the engine, too

    def __call__(self):
        if self.session is not None:
            results = self._finished()
        elif self.single:
            args, options = self.commands[0]
            return self.caller.call_with(args, options)
        else:
            return self.caller.run(self.commands, self.together)
        if not self.single:
            return results
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]

    cdef list _finished(self):
        cdef Session session = self.session
        cdef dbx_error error
        error.text[0] = 0
        self.session = None
        try:
            if self.rc == 1:
                self.rc = _finish(session, &self.work)
            return self.caller._replies(session, self.batch, self.commands, self.together, self.rc,
                                        &self.work.result, &error)
        finally:
            self.caller._done(session)

    def __del__(self):
        if self.session is None or self.session.generation != self.session.engine.generation:
            return
        if self.rc == 1:
            _drop(self.session, &self.work)
        self.caller._done(self.session)


cdef Rest _whole(Caller caller, list commands, bint single, bint together):
    """Of commands of which none has begun."""
    cdef Rest rest = Rest.__new__(Rest)
    rest.caller = caller
    rest.commands = commands
    rest.single = single
    rest.together = together
    return rest


cdef Rest _begun(Caller caller, Session session, _Batch batch, list commands, int rc,
                 dbx_local_work *work):
    """Of commands that _step has begun and the engine has brought to `rc`; no batch: of a single
    one."""
    cdef Rest rest
    try:
        rest = _whole(caller, commands, batch is None, False)
        rest.batch = _Batch(caller.encoder, commands) if batch is None else batch
    except BaseException:
        if rc == 1:
            _drop(session, work)
        raise
    rest.session = session
    rest.rc = rc
    rest.work = work[0]
    rest.work.calls = rest.batch.calls
    return rest


cdef tuple _words(tuple args):
    if not args:
        raise errors.DataError("a command has a name at least")
    return _split_name(args) if _is_two_words(args[0]) else args


cdef dbx_slice *_many(size_t count) except NULL:
    cdef dbx_slice *slices = <dbx_slice *>PyMem_Malloc(count * sizeof(dbx_slice))
    if slices == NULL:
        raise MemoryError
    return slices


cdef object _encode(_Encoder encoder, tuple words, dbx_slice *argv, _Scratch *scratch):
    """Fills argv; returns what must be kept alive besides `words`."""
    cdef list keep = None
    cdef Py_ssize_t i
    for i in range(PyTuple_GET_SIZE(words)):
        held = encoder.argument(<object>PyTuple_GET_ITEM(words, i), &argv[i], scratch)
        if held is not None:
            if keep is None:
                keep = []
            keep.append(held)
    return keep


cdef class _Batch:
    """The commands of a pipeline as the core wants them, with all that they point to."""
    cdef dbx_call *calls
    cdef dbx_slice *argv
    cdef size_t count
    cdef list keep

    def __cinit__(self, _Encoder encoder, list commands):
        cdef _Scratch scratch
        cdef size_t total = 0
        cdef size_t at = 0
        cdef tuple words
        self.keep = [_words(args) for args, _ in commands]
        for words in self.keep:
            total += len(words)
        self.argv = _many(total + 1)
        self.calls = <dbx_call *>PyMem_Malloc((len(commands) + 1) * sizeof(dbx_call))
        if self.calls == NULL:
            raise MemoryError
        scratch.used = _SCRATCH_BYTES  # of no use here: it would have to outlive this function
        for words in tuple(self.keep):
            self.calls[self.count].argc = len(words)
            self.calls[self.count].argv = &self.argv[at]
            self.calls[self.count].input = NULL
            self.keep.append(_encode(encoder, words, &self.argv[at], &scratch))
            at += len(words)
            self.count += 1
            if self.count % _TURN_VALUES == 0:
                _let_others_run()

    cdef bint possible(self, size_t i) noexcept:
        """Whether there is such a command, with that many arguments."""
        cdef const dbx_command *row = dbx_table_resolve(self.calls[i].argc, self.calls[i].argv)
        return row != NULL and dbx_table_arity_fits(row, self.calls[i].argc)

    def __dealloc__(self):
        PyMem_Free(self.calls)
        PyMem_Free(self.argv)


# --- The server -----------------------------------------------------------------------------------

cdef dbx_server *_signalled = NULL


cdef void _on_signal(int number) noexcept nogil:
    if _signalled != NULL:
        dbx_server_stop(_signalled)


cdef class Server:
    """One event loop with its own engine, or joined to the program that has the database open:
    `dbx serve`. There is one a process, and it takes over SIGTERM and SIGINT for good: from here on
    they ask it to stop, and once it stops they are ignored, so that nothing cuts short the last
    sync."""
    cdef dbx_server *_server
    cdef _Settings _settings
    cdef bytes _path       # None: in memory
    cdef bytes _directory  # its socket

    def __cinit__(self, path, dict settings not None):
        """Opens the database, or joins who has it open."""
        global _signalled
        cdef dbx_engine_options options
        cdef dbx_error error
        cdef int rc
        self._settings = _Settings(settings)
        memset(&options, 0, sizeof(options))
        options.settings = self._settings.rows
        if path is not None:
            self._path = path
            self._directory = _socket_in(path)
            options.path = self._path
            options.socket = self._directory
        _check(dbx_server_create(&self._server, &error), &error)
        _signalled = self._server
        signal(SIGTERM, _on_signal)
        signal(SIGINT, _on_signal)
        options.wake = dbx_server_wake
        options.wake_arg = self._server
        with nogil:
            rc = dbx_server_open(self._server, &options, &error)
        _check(rc, &error)

    @property
    def joined(self):
        """Another process has the database: clients are passed on to it."""
        return dbx_server_joined(self._server)

    def listen(self, list addresses not None, int port, unixsocket=None, unsigned int perm=0,
               int backlog=511):
        """Opens the listeners: `addresses` are bytes, `port` 0 is no TCP and -1 any free port."""
        cdef dbx_server_options options
        cdef dbx_error error
        cdef const char **binds = <const char **>PyMem_Malloc(
            (len(addresses) + 1) * sizeof(const char *))
        cdef Py_ssize_t i
        if binds == NULL:
            raise MemoryError
        try:
            for i in range(len(addresses)):
                binds[i] = <bytes>addresses[i]
            binds[len(addresses)] = NULL
            memset(&options, 0, sizeof(options))
            options.bind = binds
            options.port = port
            options.unixsocketperm = perm
            options.tcp_backlog = backlog
            if unixsocket is not None:
                options.unixsocket = unixsocket
            if self._directory is not None:
                options.directory = self._directory
            _check(dbx_server_listen(self._server, NULL, &options, &error), &error)
        finally:
            PyMem_Free(binds)

    @property
    def port(self):
        """The TCP port that is listened on, 0: none."""
        return dbx_server_port(self._server)

    def run(self):
        """Serves until stop(), SHUTDOWN, SIGTERM or SIGINT; the main thread only."""
        global _signalled
        cdef dbx_error error
        cdef int rc
        with nogil:
            rc = dbx_server_run(self._server, &error)
        signal(SIGTERM, SIG_IGN)
        signal(SIGINT, SIG_IGN)
        _signalled = NULL
        _check(rc, &error)

    def stop(self):
        dbx_server_stop(self._server)

    def close(self):
        """Closes the engine, then the loop that its threads may wake until then."""
        cdef dbx_error error
        cdef int rc
        with nogil:
            rc = self._free(&error)
        _check(rc, &error)

    cdef int _free(self, dbx_error *error) noexcept nogil:
        cdef int rc = DBX_OK
        if self._server != NULL:
            rc = dbx_server_close(self._server, error)
            dbx_server_free(self._server)
        self._server = NULL
        return rc

    def __dealloc__(self):
        self._free(NULL)


# --- The command table ----------------------------------------------------------------------------

cdef object _text(const char *text):
    return None if text == NULL else text.decode()


cdef dict _row(const dbx_command *row):
    cdef list subcommands = []
    cdef const dbx_command *sub = row.subcommands
    while sub != NULL and sub.name != NULL:
        subcommands.append(_row(sub))
        sub += 1
    return {
        "name": row.name.decode().replace("|", " "), "group": _text(row.group),
        "syntax": _text(row.syntax), "summary": _text(row.summary), "since": _text(row.since),
        "complexity": _text(row.complexity), "arity": row.arity, "flags": row.flags,
        "deprecated_since": _text(row.deprecated_since), "replaced_by": _text(row.replaced_by),
        "subcommands": subcommands,
    }


def command_table():
    """Every row of the one command table but internal ones, subcommands inside; filled when an
    engine opens."""
    rows = []
    cdef size_t i = 0
    while dbx_table_at(i) != NULL:
        if dbx_table_at(i).flags & DBX_CMD_INTERNAL == 0:
            rows.append(_row(dbx_table_at(i)))
        i += 1
    return rows


# --- The journal ----------------------------------------------------------------------------------

def journal_print(const char *directory, uint64_t position, int fd):
    """Writes the journal's effects after `position` to `fd` as plain RESP; nobody need own it."""
    cdef dbx_error error
    cdef int rc
    with nogil:
        rc = dbx_journal_print(directory, position, fd, &error)
    _check(rc, &error)


def verify(const char *directory, int fd, int progress_fd):
    """Checks a directory that nobody uses; reports to `fd`, and its progress to `progress_fd`."""
    cdef dbx_error error
    cdef int rc
    with nogil:
        rc = dbx_verify(directory, fd, progress_fd, &error)
    _check(rc, &error)


# --- The log --------------------------------------------------------------------------------------

cdef dict _LEVELS = {
    "debug": DBX_LOG_DEBUG, "verbose": DBX_LOG_VERBOSE, "notice": DBX_LOG_NOTICE,
    "warning": DBX_LOG_WARNING,
}


def log(str level, str text):
    """One line of the server's log."""
    cdef bytes line = text.encode("utf-8", "surrogateescape")
    dbx_log(<dbx_log_level><int>_LEVELS[level], "%s", <const char *>line)
