# A database: the engine in this process, or a connection to the process that owns it. Part of
# _core.pyx.
#
# One process owns a data directory. It serves the directory's socket from a thread of its own; who
# opens the directory then joins it through the socket. When the owner is gone, whoever calls next
# takes over or joins the one that has. A child of a fork starts anew: it joins its parent.

from cpython.exc cimport PyErr_CheckSignals

cdef enum:
    _LOOK_US = 2000  # before the owner is looked for again
    # What an event loop may wait for: well under a millisecond, but for replies close to the size
    # from which the engine streams them.
    _BRIEF_COMMANDS_MAX = 100
    _BRIEF_WORDS_MAX = 1000
    _BRIEF_BYTES_MAX = 1 << 20
_FIND_SECONDS = 10.0  # for an owner that starts, or is about to end


cdef bytes _socket_in(path):
    """Where the owner of the data directory `path` listens for those who join."""
    return os.path.join(os.path.abspath(path), b"socket")


class Refused(Exception):
    """Nothing was executed: which command (from 0) there is no way to execute, and its error."""


class OwnerGone(Exception):
    """Nothing was executed: call again, and another owner will be found."""


cdef list _engines = []  # weak references, for forks


def _after_fork():
    cdef Engine engine
    for reference in _engines:
        engine = reference()
        if engine is not None:
            engine._begin_anew()


os.register_at_fork(after_in_child=_after_fork)


cdef class Engine:
    """An open database. Any thread may use it; close() waits for calls that are under way."""
    cdef dbx_local *_local    # the database is this process's; NULL: it has joined the owner
    cdef dbx_server *_server  # for those who join
    cdef _Settings _settings
    cdef bytes _path          # None: in memory
    cdef bytes _socket
    cdef object _moving       # held while an owner is looked for
    cdef readonly uint64_t generation  # sessions of another one are of no use
    cdef Py_ssize_t _inside   # calls in the core, counted under the GIL
    cdef bint _closing
    cdef bint _forgotten      # in memory, and in a child of a fork
    cdef dict _sessions       # id -> weak reference: a session ends with its thread
    cdef object __weakref__

    def __cinit__(self, path, dict settings not None):
        """`path` is bytes, or None for a database in memory; `settings` are CONFIG's names, and
        those of the database for as long as this process owns it."""
        self._settings = _Settings(settings)
        self._path = path
        self._socket = None if path is None else _socket_in(path)
        self._moving = allocate_lock()
        self._sessions = {}
        self._find()
        _engines[:] = [one for one in _engines if one() is not None]
        _engines.append(ref(self))

    @property
    def closed(self):
        return self._closing

    @property
    def joined(self):
        """Another process owns the database."""
        return self._local == NULL and not self._closing

    # --- Owning and joining ---

    cdef int _find(self) except -1:
        """Becomes the owner, or finds that there is one who answers."""
        cdef dbx_server *server = NULL
        try:
            return self._look(&server)
        finally:
            with nogil:
                _give_up(server, NULL, NULL)

    cdef int _look(self, dbx_server **server) except -1:
        cdef dbx_link *link = NULL
        cdef const char *socket
        cdef dbx_error error, unheard
        cdef int rc
        give_up = time.monotonic() + _FIND_SECONDS
        while True:
            if self._closing:
                return 0
            rc = self._own(server, &error)
            if rc != DBX_ELOCKED:
                return _check(rc, &error)
            socket = self._socket
            with nogil:
                rc = dbx_link_open(socket, &link, &unheard)
                dbx_link_close(link)
            if rc != DBX_ENOTFOUND:
                return _check(rc, &unheard)
            if time.monotonic() > give_up:
                return _check(DBX_ELOCKED, &error)
            with nogil:
                usleep(_LOOK_US)
            PyErr_CheckSignals()

    cdef int _own(self, dbx_server **made, dbx_error *error) noexcept:
        """DBX_ELOCKED: *made is for the next try, or the caller's to give up."""
        cdef dbx_engine_options options
        cdef dbx_local *local = NULL
        cdef dbx_server *server = made[0]
        cdef const char *socket = NULL
        cdef int rc = DBX_OK
        memset(&options, 0, sizeof(options))
        options.settings = self._settings.rows
        if self._path is not None:
            options.path = self._path
            socket = options.socket = self._socket
        with nogil:
            if socket != NULL and server == NULL:
                rc = dbx_server_create(&server, error)
            if rc == DBX_OK:
                if socket != NULL:
                    options.wake = dbx_server_wake
                    options.wake_arg = server
                rc = dbx_local_open(&options, &local, error)
            made[0] = server if rc == DBX_ELOCKED else NULL
            if rc == DBX_OK and socket != NULL:
                rc = _serve(server, local, socket, error)
            if rc != DBX_OK and made[0] == NULL:
                _give_up(server, local, NULL)
        if rc != DBX_OK:
            return rc
        if self._closing:  # meanwhile, by another thread
            with nogil:
                return _give_up(server, local, error)
        self._local = local
        self._server = server
        return rc

    cdef int _move(self, uint64_t generation) except -1:
        """Nobody listens any more: one thread looks for what is next, the others wait for it."""
        cdef object moving = self._moving
        with moving:
            if self.generation == generation and not self._closing:
                self._find()
                self.generation += 1
        return 0

    cdef void _begin_anew(self) noexcept:
        """In the child of a fork: the database is the parent's, and so are the connections."""
        if self._closing:
            return
        self._moving = allocate_lock()
        self._inside = 0
        self.generation += 1
        self._forgotten = self._local != NULL and self._path is None
        _give_up(self._server, self._local, NULL)
        self._local = NULL
        self._server = NULL

    # --- Calls ---

    cdef int _enter(self) except -1:
        if self._closing:
            raise errors.ConnectionError("the database is closed")
        if self._forgotten or (self._local != NULL and dbx_local_forked(self._local)):
            raise errors.ForkedError(
                "the database was opened before this process was forked: open it again here")
        self._inside += 1
        return 0

    cdef void _leave(self) noexcept:
        self._inside -= 1

    cdef int _wait(self) except -1:
        while self._inside > 0:
            with nogil:
                usleep(_CLOSE_POLL_US)
            PyErr_CheckSignals()
        return 0

    def close(self):
        """Closes the database; a second call does nothing."""
        cdef dbx_error error
        cdef dbx_local *local
        cdef dbx_server *server
        cdef Session session
        cdef int rc
        if self._closing:
            return
        self._closing = True
        self._wait()
        for reference in list(self._sessions.values()):
            session = reference()
            if session is not None:
                session._end()
        local, server = self._local, self._server
        self._local = NULL
        self._server = NULL
        self._wait()  # for sessions that end now because their threads do
        with nogil:
            rc = _give_up(server, local, &error)
        _check(rc, &error)

    def __dealloc__(self):
        # Sessions keep their engine alive, so none is left here.
        with nogil:
            _give_up(self._server, self._local, NULL)


cdef int _serve(dbx_server *server, dbx_local *local, const char *socket,
                dbx_error *error) noexcept nogil:
    """Serves others, and does the timed work. Where no socket can be made (FAT has none), alone."""
    cdef dbx_server_options where
    memset(&where, 0, sizeof(where))
    where.directory = socket
    if dbx_server_listen(server, dbx_local_engine(local), &where, error) != DBX_OK:
        dbx_log(DBX_LOG_WARNING, "Other processes cannot join this database: %s", error.text)
    dbx_local_on_fork(local, dbx_server_let_go, server)
    return dbx_server_start(server, error)


cdef int _give_up(dbx_server *server, dbx_local *local, dbx_error *error) noexcept nogil:
    cdef int rc = DBX_OK
    if server != NULL:
        dbx_server_join(server)
    if local != NULL:
        rc = dbx_local_close(local, error)
    if server != NULL:
        dbx_server_free(server)
    return rc


cdef class Session:
    """One connection's state, and the buffer that its replies are built in."""
    cdef Engine engine
    cdef uint64_t generation
    cdef dbx_session *_session  # in this process
    cdef dbx_link *_link        # or to the owner
    cdef dbx_buf out
    cdef int db
    cdef list queued  # in a transaction: of each command the database that it selects, or None
    cdef bint busy  # a reply is being read: a finalizer that calls meanwhile needs another session
    cdef object _signalled  # what a signal handler raised
    cdef object __weakref__

    def __cinit__(self, Engine engine not None):
        self.engine = engine
        while not self._begin():
            engine._move(self.generation)

    cdef bint _begin(self) except? -1:
        """False: there is no owner now."""
        cdef dbx_local *local
        cdef const char *socket = NULL
        cdef dbx_error error
        cdef int rc = DBX_OK
        self.engine._enter()
        self.generation = self.engine.generation
        local = self.engine._local
        if local == NULL:
            socket = self.engine._socket
        with nogil:
            if local != NULL:
                self._session = dbx_local_session_open(local)
            else:
                rc = dbx_link_open(socket, &self._link, &error)
        self.engine._sessions[id(self)] = ref(self)  # before close() looks for sessions to end
        self.engine._leave()
        if rc == DBX_ENOTFOUND:
            return False
        _check(rc, &error)
        if self._link != NULL:
            return self._greet()
        if self._session == NULL:
            raise MemoryError
        return True

    cdef bint _greet(self) except? -1:
        """Every command is to be answered, in RESP3, as a call in this process is."""
        cdef dbx_slice words[2]
        cdef dbx_call call
        cdef dbx_local_work work
        cdef dbx_error error
        cdef int rc
        words[0] = dbx_slice_of(<const char *>b"RELAY", 5)
        words[1] = dbx_slice_of(<const char *>b"PROGRAM", 7)
        call.argc = 2
        call.argv = words
        try:
            rc = _run(self, &call, 1, False, &work, &error)
        except (OwnerGone, errors.ConnectionError):
            return False
        _check(rc, &error)
        if self.out.ptr[0] == b"-":
            refusal = self.out.ptr[1:self.out.len - 2]
            self._end()
            raise errors.from_reply(refusal.decode("utf-8", "replace"))
        self.out.len = 0
        return True

    cdef bint usable(self) noexcept:
        return ((self._session != NULL or self._link != NULL) and
                self.generation == self.engine.generation)

    cdef int follow(self, dbx_call *call, object reply) except -1:
        """Remembers which database is selected: the next owner has to be told. What a transaction
        selects is so when EXEC has answered."""
        queued = self.queued
        if queued is None and (call.argc > 2 or call.argc < 1 or not 4 < call.argv[0].len < 7):
            return 0
        name = b""  # of a large command, whose arguments are gone
        if call.argc > 0:
            name = (<bytes>call.argv[0].ptr[:call.argv[0].len]).upper()
        if name == b"EXEC" or name == b"DISCARD":
            self.queued = None
            if isinstance(reply, list):
                for database, each in zip(queued, reply):
                    self._selected(database, each)
        elif isinstance(reply, Exception):
            return 0
        elif name == b"MULTI":
            self.queued = []
        elif name == b"RESET":
            self.queued = None
            self.db = 0
        else:
            database = None
            if name == b"SELECT":
                database = <bytes>call.argv[1].ptr[:call.argv[1].len]
            if queued is None:
                self._selected(database, reply)
            else:
                queued.append(database)
        return 0

    cdef int _selected(self, bytes database, object reply) except -1:
        """None: another command than SELECT."""
        if database is not None and not isinstance(reply, Exception):
            self.db = int(database)
        return 0

    cdef void _lose(self) noexcept:
        """Ends it, and its transaction; the caller says so."""
        self.queued = None
        self._end()

    cdef void _end(self) noexcept:
        cdef dbx_session *session = self._session
        cdef dbx_link *link = self._link
        cdef dbx_local *local = self.engine._local
        self._session = NULL
        self._link = NULL
        dbx_link_close(link)
        if session != NULL and local != NULL and self.generation == self.engine.generation:
            self.engine._inside += 1  # close() waits for it, and calls it
            with nogil:
                dbx_local_session_close(local, session)
            self.engine._leave()

    def __del__(self):
        self.engine._sessions.pop(id(self), None)
        self._end()

    def __dealloc__(self):
        dbx_buf_free(&self.out)


# --- Running commands -----------------------------------------------------------------------------

cdef int _run(Session session, dbx_call *calls, size_t count, bint together,
              dbx_local_work *work, dbx_error *error) except? -1:
    """Commands into the core and their replies into session.out, without the GIL."""
    cdef int rc
    session.engine._enter()
    error.text[0] = 0
    with nogil:
        if session._link == NULL:
            rc = _run_here(session, calls, count, together, work, error)
        else:
            rc = _run_there(session, calls, count, together, error)
            memset(&work.result, 0, sizeof(dbx_local_result))
    session.engine._leave()
    if rc < DBX_OK and session._link != NULL:
        session._lose()  # what it says next would be taken for another reply
    return rc if rc <= DBX_OK else _failed(session, rc, calls, count, &work.result)


cdef int _step(Session session, dbx_call *calls, size_t count, bint together,
               dbx_local_work *work, dbx_error *error) except? -1:
    """_run for brief commands in this process, but only as far as one hold of the lock goes. 1:
    there is more to do, by _finish, or to drop: the engine stays open until then."""
    cdef int rc
    cdef size_t i
    session.engine._enter()
    error.text[0] = 0
    for i in range(count):
        calls[i].input = NULL
    with nogil:
        dbx_local_begin(work, session.engine._local, session._session, calls, count, together,
                        &session.out)
        rc = dbx_local_step(work)
    if rc != 1:
        session.engine._leave()
    return rc


cdef int _finish(Session session, dbx_local_work *work) noexcept:
    cdef int rc
    with nogil:
        rc = dbx_local_finish(work)
    session.engine._leave()
    return rc


cdef void _drop(Session session, dbx_local_work *work) noexcept:
    with nogil:
        dbx_local_drop(work)
    session.engine._leave()


cdef bint _brief(dbx_call *calls, size_t count) noexcept nogil:
    """Whether executing commands takes little time however much data there is: none of them is one
    that goes through data, they are not many, and their arguments neither many nor large."""
    cdef const dbx_command *row
    cdef size_t words = 0
    cdef size_t size = 0
    cdef size_t i, j
    if count > _BRIEF_COMMANDS_MAX:
        return False
    for i in range(count):
        row = dbx_table_resolve(calls[i].argc, calls[i].argv)
        words += calls[i].argc
        if words > _BRIEF_WORDS_MAX or (row != NULL and row.flags & DBX_CMD_LONG != 0):
            return False
        for j in range(calls[i].argc):
            size += calls[i].argv[j].len
    return size <= _BRIEF_BYTES_MAX


cdef int _run_here(Session session, dbx_call *calls, size_t count, bint together,
                   dbx_local_work *work, dbx_error *error) noexcept nogil:
    cdef dbx_local *local = session.engine._local
    cdef int rc = DBX_OK
    cdef size_t i
    for i in range(count):
        rc = dbx_local_spool(local, &calls[i], error)
        if rc != DBX_OK:
            break
    if rc == DBX_OK:
        error.text[0] = 0
        dbx_local_begin(work, local, session._session, calls, count, together, &session.out)
        rc = dbx_local_finish(work)
    for i in range(count):
        dbx_local_unspool(local, &calls[i])
    return rc


cdef int _put_word(dbx_link *link, const char *word, size_t n) noexcept nogil:
    cdef dbx_slice slice = dbx_slice_of(word, n)
    return dbx_link_put(link, 1, &slice)


cdef int _run_there(Session session, dbx_call *calls, size_t count, bint together,
                    dbx_error *error) noexcept nogil:
    cdef dbx_link *link = session._link
    cdef size_t replies = count + 2 if together else count
    cdef int rc = DBX_OK
    cdef size_t i
    if together:
        rc = _put_word(link, "MULTI", 5)
    for i in range(count):
        if rc == DBX_OK:
            rc = dbx_link_put(link, calls[i].argc, calls[i].argv)
    if together and rc == DBX_OK:
        rc = _put_word(link, "EXEC", 4)
    if rc == DBX_OK:
        rc = dbx_link_exchange(link, replies, &session.out, _interrupted, <void *>session, error)
    return rc


cdef c_bool _interrupted(void *arg) noexcept with gil:
    cdef Session session = <Session>arg
    try:
        PyErr_CheckSignals()
    except BaseException as raised:
        session._signalled = raised
        return True
    return False


cdef int _failed(Session session, int rc, dbx_call *calls, size_t count,
                 dbx_local_result *result) except -1:
    """What an exchange with the owner came to, when it was neither replies nor an error."""
    if rc == DBX_LINK_UNSENT:
        session._end()
        raise OwnerGone
    session._lose()
    if rc == DBX_LINK_INTERRUPTED:
        raised, session._signalled = session._signalled, None
        raise raised
    if (<bytes>calls[count - 1].argv[0].ptr[:calls[count - 1].argv[0].len]).upper() == b"SHUTDOWN":
        result.shutdown = True
        return 0
    raise errors.ConnectionError(
        "the process that owns the database went away: whether the command was executed is unknown")


cdef int _settle(Engine engine, dbx_local_result *result) except -1:
    cdef int rc
    engine._enter()
    with nogil:
        rc = dbx_local_settle(engine._local, result)
    engine._leave()
    if rc < 0:
        raise errors.ConnectionError(
            "the journal could not be synced: whether the last writes survive is unknown")
    return 0
