# MessagePack to Python objects: unpackb and Unpacker. Part of _core.pyx.
#
# As with RESP, values are built from the inside out: finished ones wait on a stack, and a container
# is made when its last member has come, so that no half-filled list exists and nothing is allocated
# for a count that was only announced. A value may arrive in pieces at any point of it.

cdef extern from "Python.h":
    const char *raw_ascii_at "PyUnicode_1BYTE_DATA" (PyObject *text)
    PyObject *raw_natural_of "PyLong_FromUnsignedLongLong" (unsigned long long value)
    PyObject *raw_tuple "PyTuple_New" (Py_ssize_t size)
    void raw_tuple_set "PyTuple_SET_ITEM" (PyObject *values, Py_ssize_t at, PyObject *value)
    PyObject *raw_pair "PyTuple_Pack" (Py_ssize_t size, PyObject *first, PyObject *second)

cdef enum:
    _UNPACK_DEPTH_MAX = 1024  # containers within each other, as msgpack's
    _LEVELS_FEW = 16
    _WAITING_FEW = 64
    _WAITING_KEEP = 4096      # a larger stack is given back after its value
    _NAMES = 1024             # a power of two
    _NAME_BYTES_MAX = 32

cdef struct _Level:
    size_t left               # values still to come; a map's keys and values count alike
    size_t count              # values in all
    bint map

cdef struct _Unpacking:
    PyObject **values         # finished values that wait for their container; owned references
    size_t count
    size_t cap
    _Level *levels            # open containers
    unsigned int depth
    unsigned int levels_cap
    bint pending              # `token` is a string whose head has been read, but not its content
    dbx_msgpack_token token
    bint skipping             # None stands for every value
    bint use_list
    bint raw
    bint pairs                # object_hook takes a list of pairs
    bint strict_map_key
    int timestamp
    PyObject *object_hook     # NULL: none; none of the hooks is owned
    PyObject *list_hook
    PyObject *ext_hook
    const char *errors        # NULL: strict
    size_t max_str, max_bin, max_array, max_map, max_ext
    PyObject *values_few[_WAITING_FEW]
    _Level levels_few[_LEVELS_FEW]


cdef PyObject *_hook(object value, str what) except? NULL:
    if value is None:
        return NULL
    if not callable(value):
        raise TypeError(f"{what} must be a callable.")
    return <PyObject *>value


cdef int _unpacking_init(_Unpacking *u, object object_hook, object pairs_hook, object list_hook,
                         object ext_hook, bint use_list, bint raw, int timestamp,
                         bint strict_map_key, object errors) except -1:
    u.values = u.values_few
    u.cap = _WAITING_FEW
    u.levels = u.levels_few
    u.levels_cap = _LEVELS_FEW
    u.count = u.depth = 0
    u.pending = u.skipping = False
    u.object_hook = u.list_hook = NULL
    u.ext_hook = _EXT_TYPE
    u.errors = NULL
    if object_hook is not None and pairs_hook is not None:
        raise TypeError("object_pairs_hook and object_hook are mutually exclusive.")
    u.pairs = pairs_hook is not None
    if u.pairs:
        u.object_hook = _hook(pairs_hook, "object_pairs_hook")
    else:
        u.object_hook = _hook(object_hook, "object_hook")
    u.list_hook = _hook(list_hook, "list_hook")
    if ext_hook is not None:
        u.ext_hook = _hook(ext_hook, "ext_hook")
    u.use_list = use_list
    u.raw = raw
    u.strict_map_key = strict_map_key
    if not 0 <= timestamp <= 3:
        raise ValueError("timestamp must be 0..3")
    u.timestamp = timestamp
    if errors is not None:
        u.errors = PyUnicode_AsUTF8AndSize(errors, NULL)
    return 0


cdef void _unpacking_limits(_Unpacking *u, Py_ssize_t most, Py_ssize_t max_str, Py_ssize_t max_bin,
                            Py_ssize_t max_array, Py_ssize_t max_map, Py_ssize_t max_ext) noexcept:
    """-1: what `most` bytes could hold."""
    u.max_str = most if max_str == -1 else max_str
    u.max_bin = most if max_bin == -1 else max_bin
    u.max_array = most if max_array == -1 else max_array
    u.max_map = most // 2 if max_map == -1 else max_map
    u.max_ext = most if max_ext == -1 else max_ext


cdef void _unpacking_clear(_Unpacking *u) noexcept:
    """Drops what has been read of a value, and large stacks."""
    while u.count > 0:
        u.count -= 1
        Py_DECREF(u.values[u.count])
    u.depth = 0
    u.pending = False
    if u.values != u.values_few and u.cap > _WAITING_KEEP:
        PyMem_Free(u.values)
        u.values = u.values_few
        u.cap = _WAITING_FEW


cdef void _unpacking_free(_Unpacking *u) noexcept:
    _unpacking_clear(u)
    if u.values != u.values_few:
        PyMem_Free(u.values)
    if u.levels != u.levels_few:
        PyMem_Free(u.levels)
    u.values = u.values_few
    u.levels = u.levels_few


cdef int _more_values(_Unpacking *u) except -1:
    cdef bint few = u.values == u.values_few
    cdef PyObject **values = <PyObject **>PyMem_Realloc(NULL if few else u.values,
                                                        2 * u.cap * sizeof(PyObject *))
    if values == NULL:
        raise MemoryError
    if few:
        memcpy(values, u.values_few, sizeof(u.values_few))
    u.values = values
    u.cap *= 2
    return 0


cdef int _more_levels(_Unpacking *u) except -1:
    cdef bint few = u.levels == u.levels_few
    cdef _Level *levels
    if u.depth == _UNPACK_DEPTH_MAX:
        raise StackError
    levels = <_Level *>PyMem_Realloc(NULL if few else u.levels, 2 * u.levels_cap * sizeof(_Level))
    if levels == NULL:
        raise MemoryError
    if few:
        memcpy(levels, u.levels_few, sizeof(u.levels_few))
    u.levels = levels
    u.levels_cap *= 2
    return 0


# --- Strings -------------------------------------------------------------------------------------
# Keys of maps come again and again: the short ones are kept, one in each place that a hash of their
# bytes names, and are found there with their own hash already computed.

cdef PyObject *_names[_NAMES]


cdef inline size_t _name_place(const uint8_t *at, size_t len) noexcept:
    cdef uint64_t first = 0, last = 0
    if len >= 8:
        first = dbx_load64(at)
        last = dbx_load64(at + len - 8)
        if len > 16:
            first ^= dbx_load64(at + 8) * 31
    elif len >= 4:
        first = dbx_load32(at)
        last = dbx_load32(at + len - 4)
    elif len > 0:
        first = at[0]
        last = at[len >> 1] | at[len - 1] << 8
    first = (first ^ len) * <uint64_t>0x9E3779B97F4A7C15
    last = (last ^ first >> 32) * <uint64_t>0xD6E8FEB86659FD93
    return last >> 32 & (_NAMES - 1)


cdef inline PyObject *_utf8(const uint8_t *at, size_t len, const char *errors) noexcept:
    cdef PyObject *value
    if len > 1 and dbx_bytes_ascii(at, len):
        value = raw_text(len, _ASCII_MAX)
        if value != NULL:
            memcpy(raw_text_at(value), at, len)
        return value
    return raw_utf8(<const char *>at, len, errors)


cdef PyObject *_name(const uint8_t *at, size_t len, const char *errors) noexcept:
    cdef PyObject **place = &_names[_name_place(at, len)]
    cdef PyObject *value = place[0]
    if (value != NULL and <size_t>raw_text_len(value) == len
            and memcmp(raw_ascii_at(value), at, len) == 0):
        Py_INCREF(value)
        return value
    value = _utf8(at, len, errors)
    if value != NULL and PyUnicode_IS_COMPACT_ASCII(value):
        Py_INCREF(value)
        Py_XDECREF(place[0])
        place[0] = value
    return value


cdef PyObject *_too_long(size_t len, str what, size_t most) except NULL:
    raise ValueError(f"{len} exceeds {what}({most})")


cdef inline bint _is_key(_Unpacking *u) noexcept:
    return u.depth > 0 and u.levels[u.depth - 1].map and u.levels[u.depth - 1].left % 2 == 0


cdef inline PyObject *_str_value(_Unpacking *u, dbx_slice text) except NULL:
    if text.len > u.max_str:
        return _too_long(text.len, "max_str_len", u.max_str)
    if u.raw:
        return raw_bytes(<const char *>text.ptr, text.len)
    if text.len <= _NAME_BYTES_MAX and _is_key(u):
        return _name(text.ptr, text.len, u.errors)
    return _utf8(text.ptr, text.len, u.errors)


# --- Extensions ----------------------------------------------------------------------------------

cdef PyObject *_timestamp_value(_Unpacking *u, dbx_slice bytes) except NULL:
    cdef int64_t seconds
    cdef uint32_t nanoseconds
    cdef Timestamp time
    if dbx_msgpack_timestamp(bytes, &seconds, &nanoseconds) != DBX_OK:
        if bytes.len != 8 and bytes.len != 12 and bytes.len != 4:
            raise ValueError(f"invalid timestamp data (length {bytes.len})")
        raise ValueError("nanoseconds must be a non-negative integer not greater than 999999999.")
    if u.timestamp == 3:
        return _datetime_at(seconds, nanoseconds)
    if u.timestamp == 1:
        return raw_real(<double>nanoseconds / 1e9 + <double>seconds)
    if u.timestamp == 2:
        value = _nanos(seconds, nanoseconds)
    else:
        time = Timestamp.__new__(Timestamp)
        time.seconds = seconds
        time.nanoseconds = nanoseconds
        value = time
    Py_INCREF(<PyObject *>value)
    return <PyObject *>value


cdef object _nanos(int64_t seconds, uint32_t nanoseconds):
    cdef object exact = seconds  # of any size
    return exact * _NANOS + nanoseconds


cdef PyObject *_ext_value(_Unpacking *u, int8_t code, dbx_slice bytes) except NULL:
    if bytes.len > u.max_ext:
        return _too_long(bytes.len, "max_ext_len", u.max_ext)
    if code == DBX_MSGPACK_EXT_TIMESTAMP:
        return _timestamp_value(u, bytes)
    value = (<object>u.ext_hook)(code, PyBytes_FromStringAndSize(<const char *>bytes.ptr,
                                                                 bytes.len))
    Py_INCREF(<PyObject *>value)
    return <PyObject *>value


# --- Containers ----------------------------------------------------------------------------------

cdef PyObject *_tuple_of(PyObject **values, size_t count) noexcept:
    """A tuple of the top of the stack, whose references it takes."""
    cdef size_t i
    cdef PyObject *made = raw_tuple(count)
    if made == NULL:
        return _dropped(values, count)
    for i in range(count):
        raw_tuple_set(made, i, values[i])
    return made


cdef PyObject *_pairs_of(PyObject **values, size_t count) noexcept:
    """A list of the pairs on the top of the stack, whose references it takes."""
    cdef size_t i
    cdef PyObject *pair
    cdef PyObject *made = raw_list(count // 2)
    for i in range(0, count, 2):
        if made != NULL:
            pair = raw_pair(2, values[i], values[i + 1])
            if pair == NULL:
                Py_DECREF(made)
                made = NULL
            else:
                raw_list_set(made, i // 2, pair)
        Py_DECREF(values[i])
        Py_DECREF(values[i + 1])
    return made


cdef int _check_keys(PyObject **values, size_t count) except -1:
    cdef size_t i
    cdef PyTypeObject *type
    for i in range(0, count, 2):
        type = Py_TYPE(values[i])
        if type != &PyUnicode_Type and type != &PyBytes_Type:
            name = type.tp_name.decode()
            raise ValueError(f"{name} is not allowed for map key when strict_map_key=True")
    return 0


cdef PyObject *_container(_Unpacking *u, bint map, size_t count) except NULL:
    """Made of the top of the stack, and handed to its hook."""
    cdef PyObject **values = u.values + (u.count - count)
    cdef PyObject *made
    cdef PyObject *hook = u.object_hook if map else u.list_hook
    if map and u.strict_map_key:
        _check_keys(values, count)
    u.count -= count
    if not map:
        made = _list_of(values, count) if u.use_list else _tuple_of(values, count)
    elif u.pairs:
        made = _pairs_of(values, count)
    else:
        made = _dict_of(values, count)
    if hook != NULL:
        made = _converted(made, hook)
    return made


# --- The loop ------------------------------------------------------------------------------------

cdef inline PyObject *_scalar(_Unpacking *u, const dbx_msgpack_token *token) except NULL:
    cdef PyObject *value
    if token.kind == DBX_MSGPACK_IS_INT:
        return raw_integer(token.integer)
    elif token.kind == DBX_MSGPACK_IS_STR:
        return _str_value(u, token.bytes)
    elif token.kind == DBX_MSGPACK_IS_REAL:
        return raw_real(token.real)
    elif token.kind == DBX_MSGPACK_IS_BIN:
        if token.bytes.len > u.max_bin:
            return _too_long(token.bytes.len, "max_bin_len", u.max_bin)
        return raw_bytes(<const char *>token.bytes.ptr, token.bytes.len)
    elif token.kind == DBX_MSGPACK_IS_BOOL:
        value = raw_true if token.boolean else raw_false
    elif token.kind == DBX_MSGPACK_IS_UINT:
        return raw_natural_of(token.natural)
    elif token.kind == DBX_MSGPACK_IS_EXT:
        return _ext_value(u, token.ext, token.bytes)
    else:
        value = raw_none
    Py_INCREF(value)
    return value


cdef int _open(_Unpacking *u, const dbx_msgpack_token *token) except -1:
    """1: a container is open; 0: it is empty, and complete already."""
    cdef bint map = token.kind == DBX_MSGPACK_IS_MAP
    cdef size_t count = token.count
    cdef _Level *level
    if u.depth == u.levels_cap:
        _more_levels(u)
    if not u.skipping:
        if map and count > u.max_map:
            _too_long(count, "max_map_len", u.max_map)
        if not map and count > u.max_array:
            _too_long(count, "max_array_len", u.max_array)
    if count == 0:
        return 0
    level = &u.levels[u.depth]
    level.map = map
    level.left = level.count = 2 * count if map else count
    u.depth += 1
    return 1


cdef PyObject *_close(_Unpacking *u) except NULL:
    """The innermost open container, of which nothing is missing any more."""
    cdef _Level *level
    u.depth -= 1
    level = &u.levels[u.depth]
    if not u.skipping:
        return _container(u, level.map, level.count)
    while level.count > 0:
        level.count -= 1
        u.count -= 1
        Py_DECREF(u.values[u.count])
    Py_INCREF(raw_none)
    return raw_none


cdef int _unpack(_Unpacking *u, const uint8_t *data, size_t len, size_t *used) except -1:
    """Reads on: 1 when a value is complete, which then is u.values[0]; 0 when there must be more
    bytes. `used` of the bytes given are not needed again; of those that made it fail, none is."""
    cdef const uint8_t *at = data
    cdef const uint8_t *end = data + len
    cdef dbx_msgpack_token token
    cdef PyObject *value
    cdef _Level *level
    cdef size_t content
    cdef int head
    used[0] = 0
    while True:
        content = 0
        if u.pending:
            token = u.token
            token.bytes.ptr = at
            head = 0
        else:
            if at == end:
                return 0
            head = dbx_msgpack_head(at, end - at, &token)
            if head == 0:
                return 0
            if head < 0:
                raise FormatError
        if token.kind >= DBX_MSGPACK_IS_ARRAY:
            if _open(u, &token):
                at += head
                used[0] = at - data
                continue
        elif token.kind >= DBX_MSGPACK_IS_STR:
            content = token.bytes.len
            if content > <size_t>(end - at) - head:
                _check_content(u, &token)
                u.token = token
                u.pending = True
                used[0] += head
                return 0
        if u.skipping:
            Py_INCREF(raw_none)
            value = raw_none
        elif token.kind >= DBX_MSGPACK_IS_ARRAY:
            value = _container(u, token.kind == DBX_MSGPACK_IS_MAP, 0)
        else:
            value = _scalar(u, &token)
        u.pending = False
        at += head + content
        used[0] = at - data
        if u.depth > 0 and u.count < u.cap and u.levels[u.depth - 1].left > 1:
            u.values[u.count] = value  # most: neither the last nor alone
            u.count += 1
            u.levels[u.depth - 1].left -= 1
            continue
        while True:
            if u.count == u.cap:
                _push_last(u, value)
            else:
                u.values[u.count] = value
                u.count += 1
            if u.depth == 0:
                return 1
            level = &u.levels[u.depth - 1]
            level.left -= 1
            if level.left > 0:
                break
            value = _close(u)


cdef int _push_last(_Unpacking *u, PyObject *value) except -1:
    """Onto a full stack; takes over the reference, also when there is no memory."""
    try:
        _more_values(u)
    except MemoryError:
        Py_DECREF(value)
        raise
    u.values[u.count] = value
    u.count += 1
    return 0


cdef int _check_content(_Unpacking *u, const dbx_msgpack_token *token) except -1:
    """A string that is too long is refused before it has arrived."""
    if u.skipping:
        return 0
    if token.kind == DBX_MSGPACK_IS_STR and token.bytes.len > u.max_str:
        _too_long(token.bytes.len, "max_str_len", u.max_str)
    if token.kind == DBX_MSGPACK_IS_BIN and token.bytes.len > u.max_bin:
        _too_long(token.bytes.len, "max_bin_len", u.max_bin)
    if token.kind == DBX_MSGPACK_IS_EXT and token.bytes.len > u.max_ext:
        _too_long(token.bytes.len, "max_ext_len", u.max_ext)
    return 0


cdef object _unpacked(_Unpacking *u):
    """The complete value; the stack is empty again."""
    value = <object>u.values[0]
    _unpacking_clear(u)
    return value


# --- msgpack's interface -------------------------------------------------------------------------

cdef int _bytes_of(object data, Py_buffer *view) except -1:
    """The contiguous bytes of any buffer."""
    PyObject_GetBuffer(data, view, PyBUF_FULL_RO)
    if view.itemsize != 1:
        PyBuffer_Release(view)
        raise BufferError("cannot unpack from multi-byte object")
    if not PyBuffer_IsContiguous(view, b"A"):
        PyBuffer_Release(view)
        PyObject_GetBuffer(bytes(data), view, PyBUF_SIMPLE)
    return 0


def unpackb(packed, *, object_hook=None, list_hook=None, bint use_list=True, bint raw=False,
            int timestamp=0, bint strict_map_key=True, unicode_errors=None, object_pairs_hook=None,
            ext_hook=ExtType, Py_ssize_t max_str_len=-1, Py_ssize_t max_bin_len=-1,
            Py_ssize_t max_array_len=-1, Py_ssize_t max_map_len=-1, Py_ssize_t max_ext_len=-1):
    """The object that the bytes are. Unpacker says what the options are.

    ExtraData: there are bytes behind it. ValueError: it is not whole; FormatError: not MessagePack;
    StackError: nested too deeply. Limits that are not given are what the bytes could hold.
    """
    cdef _Unpacking unpacking
    cdef Py_buffer view
    cdef size_t used = 0
    cdef int done
    _unpacking_init(&unpacking, object_hook, object_pairs_hook, list_hook, ext_hook, use_list, raw,
                    timestamp, strict_map_key, unicode_errors)
    _bytes_of(packed, &view)
    try:
        _unpacking_limits(&unpacking, view.len, max_str_len, max_bin_len, max_array_len,
                          max_map_len, max_ext_len)
        done = _unpack(&unpacking, <const uint8_t *>view.buf, view.len, &used)
        if not done:
            raise ValueError("Unpack failed: incomplete input")
        value = _unpacked(&unpacking)
        if used < <size_t>view.len:
            raise ExtraData(value, PyBytes_FromStringAndSize(<const char *>view.buf + used,
                                                             view.len - used))
        return value
    finally:
        PyBuffer_Release(&view)
        _unpacking_free(&unpacking)


cdef enum:
    _FEED_MAX = 100 << 20    # the default of max_buffer_size
    _READ_BYTES = 1 << 20
    _UNPACKER_KEEP = 64 << 10


@cython.no_gc_clear  # the unpacking refers to what the garbage collector would clear
cdef class Unpacker:
    """Unpacks a stream, fed in pieces or read from a file: msgpack.Unpacker's interface.

    use_list: arrays become lists, not tuples. raw: strings become bytes. timestamp: timestamps
    become 0 Timestamp, 1 float, 2 int of nanoseconds, 3 datetime in UTC. strict_map_key: a map's
    keys are str or bytes. object_hook, object_pairs_hook: called with each map, as a dict or as a
    list of pairs; list_hook: with each array; ext_hook: with the code and the bytes of an extension
    that is not a timestamp. unicode_errors: what is done with strings that are not UTF-8.
    max_buffer_size (100 MB; 0: 2 GB): so many bytes wait at most; max_*_len: the largest string,
    bin, array, map, extension.

    When a value cannot be unpacked, the stream has lost its thread: every call that unpacks raises
    the same exception from then on. Unlike msgpack's, memory is not taken for what was announced
    and has not come.
    """
    cdef _Unpacking _unpacking
    cdef dbx_buf _buf
    cdef size_t _at             # bytes of _buf already unpacked
    cdef size_t _buffer_max
    cdef Py_ssize_t _read_size
    cdef uint64_t _offset
    cdef object _read           # of the file; None: there is none, or it has ended
    cdef bint _of_file
    cdef bint _busy             # a hook or the file is being called: nothing here may move
    cdef object _failure
    cdef tuple _keep            # what the unpacking refers to

    def __cinit__(self):
        self._unpacking.values = self._unpacking.values_few
        self._unpacking.levels = self._unpacking.levels_few

    def __init__(self, file_like=None, *, Py_ssize_t read_size=0, bint use_list=True,
                 bint raw=False, int timestamp=0, bint strict_map_key=True, object_hook=None,
                 object_pairs_hook=None, list_hook=None, unicode_errors=None,
                 Py_ssize_t max_buffer_size=_FEED_MAX, ext_hook=ExtType,
                 Py_ssize_t max_str_len=-1, Py_ssize_t max_bin_len=-1, Py_ssize_t max_array_len=-1,
                 Py_ssize_t max_map_len=-1, Py_ssize_t max_ext_len=-1):
        self._refuse_when_busy()
        _unpacking_free(&self._unpacking)
        _unpacking_init(&self._unpacking, object_hook, object_pairs_hook, list_hook, ext_hook,
                        use_list, raw, timestamp, strict_map_key, unicode_errors)
        self._keep = (object_hook, object_pairs_hook, list_hook, ext_hook, unicode_errors)
        if max_buffer_size == 0:
            max_buffer_size = 0x7FFFFFFF
        if max_buffer_size < 0 or read_size < 0:
            raise ValueError("sizes must not be negative")
        if read_size > max_buffer_size:
            raise ValueError("read_size should be less or equal to max_buffer_size")
        _unpacking_limits(&self._unpacking, max_buffer_size, max_str_len, max_bin_len,
                          max_array_len, max_map_len, max_ext_len)
        self._read = None
        self._of_file = file_like is not None
        if self._of_file:
            self._read = file_like.read
            if not callable(self._read):
                raise TypeError("`file_like.read` must be a callable.")
        self._buffer_max = max_buffer_size
        self._read_size = read_size if read_size > 0 else min(max_buffer_size, _READ_BYTES)
        self._at = self._buf.len = 0
        self._offset = 0
        self._failure = None

    def __dealloc__(self):
        _unpacking_free(&self._unpacking)
        dbx_buf_free(&self._buf)

    cdef int _refuse_when_busy(self) except -1:
        if self._busy:
            raise RuntimeError("Unpacker cannot be called recursively while unpacking is in "
                               "progress")
        return 0

    def feed(self, next_bytes):
        """Adds bytes to what is to be unpacked."""
        cdef Py_buffer view
        self._refuse_when_busy()
        if self._of_file:
            raise AssertionError("unpacker.feed() is not be able to use with `file_like`.")
        _bytes_of(next_bytes, &view)
        try:
            self._add(&view)
        finally:
            PyBuffer_Release(&view)

    cdef int _add(self, Py_buffer *view) except -1:
        if <size_t>view.len > self._buffer_max - (self._buf.len - self._at):
            raise BufferFull
        if self._at == self._buf.len:
            self._at = self._buf.len = 0
            dbx_buf_shrink(&self._buf, _UNPACKER_KEEP)
        elif self._at > self._buf.len // 2:
            dbx_buf_consume(&self._buf, self._at)
            self._at = 0
        dbx_buf_add(&self._buf, view.buf, view.len)
        if self._buf.failed:
            self._buf.failed = False
            raise MemoryError
        return 0

    cdef int _read_more(self) except -1:
        """1: the file had more. It is not asked again when it had not."""
        cdef size_t waiting = self._buf.len - self._at
        cdef Py_buffer view
        if self._read is None:
            return 0
        if waiting >= self._buffer_max:
            raise BufferFull
        self._busy = True
        try:
            more = self._read(min(<size_t>self._read_size, self._buffer_max - waiting))
        finally:
            self._busy = False
        if not more:
            self._read = None
            return 0
        _bytes_of(more, &view)
        try:
            self._add(&view)
        finally:
            PyBuffer_Release(&view)
        return 1

    cdef int _begin(self, bint skipping) except -1:
        self._refuse_when_busy()
        if self._failure is not None:
            raise self._failure
        if self._unpacking.depth > 0 or self._unpacking.pending:
            if skipping != self._unpacking.skipping:
                raise ValueError("Cannot switch unpacking methods while an object is incomplete")
        self._unpacking.skipping = skipping
        return 0

    cdef int _advance(self) except -1:
        """1: a value is complete; 0: there are no more bytes."""
        cdef size_t used = 0
        cdef int done
        while True:
            self._busy = True
            try:
                done = _unpack(&self._unpacking, self._buf.ptr + self._at,
                               self._buf.len - self._at, &used)
            except BaseException as failure:
                _unpacking_clear(&self._unpacking)
                self._failure = failure
                raise
            finally:
                self._busy = False
                self._at += used
                self._offset += used
            if done:
                return 1
            if not self._read_more():
                return 0

    def unpack(self):
        """The next value; OutOfData when it has not arrived whole."""
        self._begin(False)
        if not self._advance():
            raise OutOfData("No more data to unpack.")
        return _unpacked(&self._unpacking)

    def skip(self):
        """Passes the next value over; OutOfData when it has not arrived whole: then call again."""
        self._begin(True)
        if not self._advance():
            raise OutOfData("No more data to unpack.")
        _unpacking_clear(&self._unpacking)

    def __iter__(self):
        return self

    def __next__(self):
        self._begin(False)
        if not self._advance():
            raise StopIteration("No more data to unpack.")
        return _unpacked(&self._unpacking)

    cdef object _header(self, int kind):
        cdef dbx_msgpack_token token
        cdef int head = 0
        self._begin(self._unpacking.skipping)
        if self._unpacking.depth > 0 or self._unpacking.pending:
            raise ValueError("Cannot switch unpacking methods while an object is incomplete")
        while True:
            if self._at < self._buf.len:
                head = dbx_msgpack_head(self._buf.ptr + self._at, self._buf.len - self._at, &token)
            if head < 0 or head > 0 and token.kind != kind:
                raise ValueError("Unexpected type header on stream")
            if head > 0:
                self._at += head
                self._offset += head
                return token.count
            if not self._read_more():
                raise OutOfData("No more data to unpack.")

    def read_array_header(self):
        """How many values the array has that comes next; they are unpacked one by one."""
        return self._header(DBX_MSGPACK_IS_ARRAY)

    def read_map_header(self):
        """How many pairs the map has that comes next; keys and values are unpacked in turn."""
        return self._header(DBX_MSGPACK_IS_MAP)

    def read_bytes(self, Py_ssize_t nbytes):
        """So many bytes as they are, or as many as there are."""
        cdef size_t taken
        self._refuse_when_busy()
        if nbytes < 0:
            raise ValueError("nbytes must not be negative")
        taken = min(self._buf.len - self._at, <size_t>nbytes)
        value = PyBytes_FromStringAndSize(<const char *>self._buf.ptr + self._at, taken)
        self._at += taken
        self._offset += taken
        if taken < <size_t>nbytes and self._read is not None:
            rest = bytes(self._read(<size_t>nbytes - taken))
            self._offset += len(rest)
            value += rest
        return value

    def tell(self):
        """How many bytes of the stream have been unpacked."""
        return self._offset
