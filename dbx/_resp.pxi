# The RESP codec for Python: values out of bytes (hiredis-py's Reader, replies of in-process calls)
# and commands into bytes. Part of _core.pyx.
#
# Values are built from the inside out: finished ones wait on the builder's stack and a container is
# made when its last element has come, so no half-filled list or dict exists, however long a reply
# takes to arrive, and nothing is allocated for a count that was only announced.

import codecs

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Realloc
from libc.string cimport memcpy

from dbx._c.codec cimport (
    c_bool, dbx_buf_add, dbx_buf_consume, dbx_resp_command_len, dbx_resp_command_put,
    dbx_value_init, dbx_value_ops, dbx_value_read, dbx_value_reader,
)

# With bare pointers: the builder owns its references itself, and tests for NULL.
cdef extern from "Python.h":
    PyObject *raw_bytes "PyBytes_FromStringAndSize" (const char *text, Py_ssize_t size)
    char *raw_bytes_at "PyBytes_AS_STRING" (PyObject *value)
    PyObject *raw_text "PyUnicode_New" (Py_ssize_t size, unsigned int most)
    void *raw_text_at "PyUnicode_DATA" (PyObject *value)
    PyObject *raw_failed "PyErr_Occurred" ()
    PyObject *raw_utf8 "PyUnicode_DecodeUTF8" (const char *text, Py_ssize_t size,
                                               const char *errors)
    PyObject *raw_decode "PyUnicode_Decode" (const char *text, Py_ssize_t size,
                                             const char *encoding, const char *errors)
    PyObject *raw_integer "PyLong_FromLongLong" (long long value)
    PyObject *raw_real "PyFloat_FromDouble" (double value)
    PyObject *raw_list "PyList_New" (Py_ssize_t size)
    PyObject *raw_dict "PyDict_New" ()
    PyObject *raw_set "PySet_New" (PyObject *iterable)
    PyObject *raw_call "PyObject_CallOneArg" (PyObject *callable, PyObject *arg)
    void raw_list_set "PyList_SET_ITEM" (PyObject *values, Py_ssize_t at, PyObject *value)
    int raw_dict_set "PyDict_SetItem" (PyObject *values, PyObject *key, PyObject *value)
    void Py_INCREF(PyObject *value)
    void Py_DECREF(PyObject *value)
    void Py_XDECREF(PyObject *value)
    const Py_ssize_t PY_SSIZE_T_MAX
    PyObject *raw_none "Py_None"
    PyObject *raw_true "Py_True"
    PyObject *raw_false "Py_False"


class HiredisError(Exception):
    """The root of the codec's own errors, with hiredis-py's names."""


class ProtocolError(HiredisError):
    """The bytes are not RESP; nothing more can be read."""


class ReplyError(HiredisError):
    """An error reply, as a value."""


class PushNotification(list):
    """A list that the server sent on its own account (RESP3 '>')."""

    __slots__ = ()


# --- Building values -----------------------------------------------------------------------------

cdef enum:
    _VALUES_FEW = 16
    _ASCII_MAX = 0x7F
    _VALUES_KEEP = 4096  # a larger stack is given back after its reply
    _TURN_VALUES = 1024  # built before other threads get a chance to run
    _COPY_ALONE_BYTES = 256 << 10  # more are copied without the GIL

cdef struct _Builder:
    PyObject **values      # finished values that wait for their container; owned references
    size_t count
    size_t cap
    size_t made            # values so far
    const char *encoding   # NULL: text stays bytes
    const char *errors
    bint utf8              # the encoding is UTF-8: no look-up
    bint sets_as_lists
    bint lets_others_run   # now and then while it builds: nothing that it reads may move
    PyObject *make_error   # of an error reply's text; not owned
    PyObject *failure      # the first exception met; owned. The value it spoils is None until then
    PyObject *few[_VALUES_FEW]  # where values begin: most replies need no more


cdef void _let_others_run() noexcept:
    """For a moment, without the GIL: nothing else makes a long loop of ours let go of it."""
    with nogil:
        pass


cdef void _builder_init(_Builder *b, PyObject *make_error) noexcept:
    b.values = b.few
    b.count = 0
    b.cap = _VALUES_FEW
    b.encoding = b.errors = NULL
    b.utf8 = False
    b.sets_as_lists = True
    b.lets_others_run = False
    b.made = 0
    b.make_error = make_error
    b.failure = NULL


cdef void _give_back(_Builder *b) noexcept:
    if b.values != b.few:
        PyMem_Free(b.values)
    b.values = b.few
    b.cap = _VALUES_FEW


cdef void _builder_clear(_Builder *b) noexcept:
    while b.count > 0:
        b.count -= 1
        Py_DECREF(b.values[b.count])
    _give_back(b)
    Py_XDECREF(b.failure)
    b.failure = NULL


cdef int _raise_pending() except -1:
    # The C API has set an exception already; this is how it becomes one that Cython can catch.
    return -1


cdef PyObject *_keep_failure(_Builder *b) noexcept:
    """Keeps the exception that is set, if it is the first, and gives None in place of the value, so
    that the reply is read to its end before it is raised."""
    try:
        _raise_pending()
    except BaseException as failure:
        if b.failure == NULL:
            b.failure = <PyObject *>failure
            Py_INCREF(b.failure)
    Py_INCREF(raw_none)
    return raw_none


cdef int _grow(_Builder *b) noexcept:
    cdef size_t cap = b.cap * 2
    cdef PyObject **old = NULL if b.values == b.few else b.values
    cdef PyObject **values = <PyObject **>PyMem_Realloc(old, cap * sizeof(PyObject *))
    if values == NULL:
        return DBX_ENOMEM
    if old == NULL:
        memcpy(values, b.few, sizeof(b.few))
    b.values = values
    b.cap = cap
    return DBX_OK


cdef int _push(_Builder *b, PyObject *value) noexcept:
    """Takes over the reference; NULL: an exception is set."""
    if value == NULL:
        value = _keep_failure(b)
    if b.count == b.cap and _grow(b) != DBX_OK:
        Py_DECREF(value)
        return DBX_ENOMEM
    b.values[b.count] = value
    b.count += 1
    b.made += 1
    if b.lets_others_run and b.made % _TURN_VALUES == 0:
        _let_others_run()
    return DBX_OK


cdef PyObject *_error_value(_Builder *b, dbx_slice text) noexcept:
    cdef PyObject *value
    cdef PyObject *message = raw_utf8(<const char *>text.ptr, text.len, "replace")
    if message == NULL:
        return NULL
    value = raw_call(b.make_error, message)
    Py_DECREF(message)
    return value


cdef PyObject *_large_bytes(dbx_slice text) noexcept:
    cdef PyObject *value = raw_bytes(NULL, text.len)
    cdef char *to
    if value != NULL:
        to = raw_bytes_at(value)
        with nogil:
            memcpy(to, text.ptr, text.len)
    return value


cdef PyObject *_large_ascii(dbx_slice text) noexcept:
    """NULL without an exception: it is not ASCII."""
    cdef PyObject *value
    cdef void *to
    cdef bint ascii
    with nogil:
        ascii = _is_ascii(text)
    if not ascii:
        return NULL
    value = raw_text(text.len, _ASCII_MAX)
    if value != NULL:
        to = raw_text_at(value)
        with nogil:
            memcpy(to, text.ptr, text.len)
    return value


cdef bint _is_ascii(dbx_slice text) noexcept nogil:
    cdef uint8_t seen = 0
    cdef size_t i
    for i in range(text.len):
        seen |= text.ptr[i]
    return seen <= _ASCII_MAX


cdef PyObject *_text_value(_Builder *b, dbx_slice text) noexcept:
    cdef PyObject *value
    if b.lets_others_run and text.len > _COPY_ALONE_BYTES:
        if b.encoding == NULL:
            return _large_bytes(text)
        if b.utf8:
            value = _large_ascii(text)
            if value != NULL or raw_failed() != NULL:
                return value
    if b.encoding == NULL:
        return raw_bytes(<const char *>text.ptr, text.len)
    if b.utf8:
        return raw_utf8(<const char *>text.ptr, text.len, b.errors)
    return raw_decode(<const char *>text.ptr, text.len, b.encoding, b.errors)


cdef int _on_text(void *arg, char type, dbx_slice text) noexcept:
    cdef _Builder *b = <_Builder *>arg
    if type == b'-' or type == b'!':
        return _push(b, _error_value(b, text))
    return _push(b, _text_value(b, text))


cdef int _on_integer(void *arg, int64_t value) noexcept:
    return _push(<_Builder *>arg, raw_integer(value))


cdef int _on_real(void *arg, double value) noexcept:
    return _push(<_Builder *>arg, raw_real(value))


cdef int _on_boolean(void *arg, c_bool value) noexcept:
    cdef PyObject *truth = raw_true if value else raw_false
    Py_INCREF(truth)
    return _push(<_Builder *>arg, truth)


cdef int _on_null(void *arg) noexcept:
    Py_INCREF(raw_none)
    return _push(<_Builder *>arg, raw_none)


cdef int _on_open(void *arg, char type, size_t count) noexcept:
    return DBX_OK


cdef PyObject *_dropped(PyObject **values, size_t count) noexcept:
    """NULL, in place of a container for which there was no memory."""
    cdef size_t i
    for i in range(count):
        Py_DECREF(values[i])
    return NULL


cdef PyObject *_list_of(PyObject **values, size_t count) noexcept:
    """A list of the top of the stack, whose references it takes."""
    cdef size_t i
    cdef PyObject *made = raw_list(count)
    if made == NULL:
        return _dropped(values, count)
    for i in range(count):
        raw_list_set(made, i, values[i])
    return made


cdef PyObject *_dict_of(PyObject **values, size_t count) noexcept:
    """A dict of the keys and values on the top of the stack, whose references it takes."""
    cdef size_t i
    cdef PyObject *made = raw_dict()
    for i in range(0, count, 2):
        if made != NULL and raw_dict_set(made, values[i], values[i + 1]) < 0:
            Py_DECREF(made)
            made = NULL
        Py_DECREF(values[i])
        Py_DECREF(values[i + 1])
    return made


cdef PyObject *_converted(PyObject *made, PyObject *type) noexcept:
    """type(made); takes the reference."""
    if made == NULL:
        return NULL
    cdef PyObject *value = raw_call(type, made)
    Py_DECREF(made)
    return value


cdef int _on_close(void *arg, char type, size_t count) noexcept:
    cdef _Builder *b = <_Builder *>arg
    cdef PyObject **values = b.values + (b.count - count)
    cdef PyObject *made
    b.count -= count
    if type == b'%':
        made = _dict_of(values, count)
    else:
        made = _list_of(values, count)
        if type == b'>':
            made = _converted(made, <PyObject *>PushNotification)
        elif type == b'~' and not b.sets_as_lists:
            made = _converted(made, <PyObject *>set)
    return _push(b, made)


cdef dbx_value_ops _BUILD
_BUILD.text = _on_text
_BUILD.integer = _on_integer
_BUILD.real = _on_real
_BUILD.boolean = _on_boolean
_BUILD.null = _on_null
_BUILD.open = _on_open
_BUILD.close = _on_close


cdef object _built(_Builder *b):
    """The finished value; raises what went wrong while it was built."""
    cdef object value, failure
    b.count -= 1
    value = <object>b.values[b.count]
    Py_DECREF(b.values[b.count])
    if b.cap > _VALUES_KEEP:
        _give_back(b)
    if b.failure != NULL:
        failure = <object>b.failure
        Py_DECREF(b.failure)
        b.failure = NULL
        raise failure
    return value


# --- Replies of in-process calls -----------------------------------------------------------------

cdef class _Encoder  # _args.pxi

cdef object _error_from_reply = errors.from_reply


cdef object _reply_read(const uint8_t *data, size_t len, size_t *at, _Encoder encoder):
    """The reply that begins at data[at], by the encoder's rules; `at` moves behind it. An error
    reply is returned, not raised. The bytes are our own sink's: a broken reply is a bug."""
    cdef dbx_value_reader reader
    cdef _Builder builder
    cdef size_t used = 0
    cdef int rc
    _builder_init(&builder, <PyObject *>_error_from_reply)
    builder.lets_others_run = True
    if encoder.decode:
        builder.encoding = PyUnicode_AsUTF8AndSize(encoder.encoding, NULL)
        builder.errors = PyUnicode_AsUTF8AndSize(encoder.errors, NULL)
        builder.utf8 = encoder.plain_utf8
    dbx_value_init(&reader, &_BUILD, &builder)
    try:
        rc = dbx_value_read(&reader, data + at[0], len - at[0], &used)
        at[0] += used
        if rc == 1:
            return _built(&builder)
        if rc == DBX_ENOMEM:
            raise MemoryError
        raise errors.InvalidResponse("the reply ends early" if rc == 0 else reader.error.decode())
    finally:
        _builder_clear(&builder)


# --- hiredis-py's Reader -------------------------------------------------------------------------

cdef enum:
    _READER_MAXBUF = 16 << 10  # hiredis's REDIS_READER_MAX_BUF


cdef object _callable(object value):
    if not callable(value):
        raise TypeError("Expected a callable")
    return value


@cython.no_gc_clear  # the builder refers to what the garbage collector would clear
cdef class Reader:
    """Reads RESP replies, fed in pieces: hiredis.Reader's interface and behaviour.

    Differences: attributes (RESP3 '|') are dropped instead of being taken for replies; bulk errors
    ('!') are read; keys that come twice in a map keep the last value; what goes wrong while a value
    is built (an undecodable string, an unhashable key) is raised when its reply is complete, and
    the next one can be read as usual; calls from within a callback of the reader are refused.
    """
    cdef dbx_value_reader _reader
    cdef _Builder _builder
    cdef dbx_buf _buf
    cdef size_t _at          # bytes of _buf already read
    cdef size_t _maxbuf
    cdef bint _busy          # a callback is running: the buffer must not move
    cdef object _protocol_error, _reply_error, _not_enough_data
    cdef bytes _encoding, _errors
    cdef str _broken         # the protocol error that ended the stream

    def __cinit__(self):
        _builder_init(&self._builder, <PyObject *>ReplyError)
        dbx_value_init(&self._reader, &_BUILD, &self._builder)
        self._maxbuf = _READER_MAXBUF
        self._protocol_error = ProtocolError
        self._reply_error = ReplyError
        self._not_enough_data = False

    def __init__(self, protocolError=ProtocolError, replyError=ReplyError, encoding=None,
                 errors=None, notEnoughData=False, *, bint convertSetsToLists=True):
        self._refuse_when_busy()
        self._protocol_error = _callable(protocolError)
        _callable(replyError)
        self._builder.make_error = <PyObject *>replyError  # before the old one goes
        self._reply_error = replyError
        self._builder.sets_as_lists = convertSetsToLists
        self._not_enough_data = notEnoughData
        self.set_encoding(encoding, errors)

    def __dealloc__(self):
        _builder_clear(&self._builder)
        dbx_buf_free(&self._buf)

    cdef int _refuse_when_busy(self) except -1:
        if self._busy:
            raise RuntimeError("the reader is in use")
        return 0

    def feed(self, data, Py_ssize_t off=0, Py_ssize_t len=-1, /):
        """Adds data[off:off+len] (bytes-like, or str as UTF-8) to what is to be read."""
        cdef Py_buffer view
        self._refuse_when_busy()
        if isinstance(data, str):
            data = data.encode()
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if len == -1:
                len = view.len - off
            if off < 0 or len < 0:
                raise ValueError("negative input")
            if off > view.len or len > view.len - off:
                raise ValueError("input is larger than buffer size")
            if self._broken is None:
                self._add(<const char *>view.buf + off, len)
        finally:
            PyBuffer_Release(&view)

    cdef int _add(self, const char *data, size_t n) except -1:
        if self._at == self._buf.len:
            self._at = self._buf.len = 0
            if self._maxbuf != 0:
                dbx_buf_shrink(&self._buf, self._maxbuf)
        elif self._at > self._buf.len / 2:
            dbx_buf_consume(&self._buf, self._at)
            self._at = 0
        dbx_buf_add(&self._buf, data, n)
        if self._buf.failed:
            self._buf.failed = False
            raise MemoryError
        return 0

    def gets(self, bint shouldDecode=True, /):
        """The next complete reply, or notEnoughData."""
        cdef size_t used = 0
        cdef int rc
        self._refuse_when_busy()
        if self._broken is not None:
            self._raise_protocol_error()
        if self._at == self._buf.len:
            return self._not_enough_data
        self._builder.encoding = NULL
        if shouldDecode and self._encoding is not None:
            self._builder.encoding = PyBytes_AS_STRING(self._encoding)
        self._busy = True
        rc = dbx_value_read(&self._reader, self._buf.ptr + self._at, self._buf.len - self._at,
                            &used)
        self._busy = False
        self._at += used
        if rc == 1:
            return _built(&self._builder)
        if rc == 0:
            return self._not_enough_data
        self._broken = "Out of memory" if rc == DBX_ENOMEM else self._reader.error.decode("latin-1")
        if rc == DBX_ENOMEM:
            raise MemoryError
        self._raise_protocol_error()

    cdef int _raise_protocol_error(self) except -1:
        error = self._protocol_error(self._broken)
        if not isinstance(error, BaseException):
            raise TypeError("protocolError must give an exception")
        raise error

    def setmaxbuf(self, maxbuf, /):
        """Above how many bytes an empty buffer is freed; None: the default, 0: never."""
        cdef Py_ssize_t size = _READER_MAXBUF if maxbuf is None else maxbuf
        if size < 0:
            raise ValueError("maxbuf value out of range")
        self._maxbuf = size

    def getmaxbuf(self):
        return self._maxbuf

    def len(self):
        """How many bytes wait to be read."""
        return self._buf.len - self._at

    def has_data(self):
        return self._at < self._buf.len

    def set_encoding(self, encoding=None, errors=None):
        """How strings are decoded from now on; no encoding: they stay bytes."""
        self._refuse_when_busy()
        utf8 = encoding is not None and codecs.lookup(encoding).name == "utf-8"
        if errors is not None:
            codecs.lookup_error(errors)
        self._encoding = None if encoding is None else encoding.encode()
        self._errors = b"strict" if errors is None else errors.encode()
        self._builder.errors = PyBytes_AS_STRING(self._errors)
        self._builder.utf8 = utf8


# --- Commands ------------------------------------------------------------------------------------

cdef _Encoder _PACKING = _Encoder()


def pack_command(command, /):
    """The command as RESP bytes: hiredis.pack_command, for all that redis-py takes."""
    cdef dbx_slice few[_ARGS_ON_STACK]
    cdef dbx_slice *argv = few
    cdef _Scratch scratch
    cdef size_t argc, size
    cdef object keep
    cdef bytes packed
    if not isinstance(command, tuple):
        raise TypeError("The argument must be a tuple of str, int, float or bytes.")
    argc = PyTuple_GET_SIZE(command)
    scratch.used = 0
    if argc > _ARGS_ON_STACK:
        argv = _many(argc)
    try:
        keep = _encode(_PACKING, command, argv, &scratch)
        size = dbx_resp_command_len(argc, argv)
        if size > <size_t>PY_SSIZE_T_MAX:
            raise MemoryError
        packed = PyBytes_FromStringAndSize(NULL, size)
        dbx_resp_command_put(<uint8_t *>PyBytes_AS_STRING(packed), argc, argv)
        return packed
    except errors.DataError:
        raise TypeError("A tuple item must be str, int, float or bytes.") from None
    finally:
        if argv != few:
            PyMem_Free(argv)
