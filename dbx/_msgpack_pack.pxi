# Python objects to MessagePack: packb and Packer. Part of _core.pyx.
#
# What is packed is written where there is room: first in the packing itself, then in a bytes
# object. That begins as large as others became lately, so that it need not grow, and at the end is
# cut to its length and handed out, without a copy. Objects of the types themselves are told by one
# comparison each; everything else goes through _pack_other.

from cpython.tuple cimport PyTuple_CheckExact

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        const char *tp_name
    PyTypeObject *Py_TYPE(PyObject *value)
    PyTypeObject PyUnicode_Type
    PyTypeObject PyLong_Type
    PyTypeObject PyFloat_Type
    PyTypeObject PyBytes_Type
    PyTypeObject PyDict_Type
    PyTypeObject PyList_Type
    PyTypeObject PyTuple_Type
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *text)
    Py_ssize_t raw_text_len "PyUnicode_GET_LENGTH" (PyObject *text)
    const char *raw_text_utf8 "PyUnicode_AsUTF8AndSize" (PyObject *text, Py_ssize_t *size)
    Py_ssize_t raw_bytes_len "PyBytes_GET_SIZE" (PyObject *value)
    double raw_float "PyFloat_AS_DOUBLE" (PyObject *value)
    long long raw_long "PyLong_AsLongLongAndOverflow" (PyObject *value, int *overflow)
    unsigned long long raw_natural "PyLong_AsUnsignedLongLong" (PyObject *value)
    Py_ssize_t raw_list_len "PyList_GET_SIZE" (PyObject *values)
    PyObject *raw_list_at "PyList_GET_ITEM" (PyObject *values, Py_ssize_t at)
    Py_ssize_t raw_tuple_len "PyTuple_GET_SIZE" (PyObject *values)
    PyObject *raw_tuple_at "PyTuple_GET_ITEM" (PyObject *values, Py_ssize_t at)
    Py_ssize_t raw_dict_len "PyDict_GET_SIZE" (PyObject *values)
    bint raw_dict_next "PyDict_Next" (PyObject *values, Py_ssize_t *at, PyObject **key,
                                      PyObject **value)
    int raw_bytes_resize "_PyBytes_Resize" (PyObject **value, Py_ssize_t size)
    void PyErr_Clear()
    object PyUnicode_AsEncodedString(object text, const char *encoding, const char *how)

cdef enum:
    _PACK_DEPTH_MAX = 1024   # containers within each other, as msgpack's
    _PACK_FEW_BYTES = 1024
    _PACK_GROWN_BYTES = 4096
    _PACK_USUAL_MAX = 1 << 20
    _PACK_LATELY = 16

cdef struct _Packing:
    uint8_t *at              # where the next byte goes
    uint8_t *end             # of the room
    uint8_t *begin
    PyObject *grown          # the bytes object that `begin` is in; NULL: it is `few`
    Py_ssize_t hint          # how large a bytes object begins at least
    size_t first             # how large it begins: `hint` or what is usual
    PyObject *by_default     # NULL: none; not owned
    const char *errors       # NULL: strict; not owned
    bint raw                 # bytes are str, and there is no str 8
    bint strict
    bint single
    bint times
    uint8_t few[_PACK_FEW_BYTES]


# The most room, up to a bound, that any of the last 16 to 32 objects needed for which `few` was not
# enough. The next begins with as much, and need not be copied as it grows. No memory is kept.
cdef size_t _packed_usual = _PACK_GROWN_BYTES
cdef size_t _packed_most = _PACK_GROWN_BYTES  # since `_packed_usual` was last set to it
cdef int _packed_left = _PACK_LATELY          # how many objects until that is done again


cdef void _note_packed(size_t used) noexcept:
    global _packed_usual, _packed_most, _packed_left
    # Before the last value there had to be room for any head.
    cdef size_t need = min(used + DBX_MSGPACK_HEAD_MAX, <size_t>_PACK_USUAL_MAX)
    _packed_most = max(_packed_most, need)
    _packed_usual = max(_packed_usual, need)
    _packed_left -= 1
    if _packed_left == 0:
        _packed_usual = _packed_most
        _packed_most = _PACK_GROWN_BYTES
        _packed_left = _PACK_LATELY


cdef void _packing_reset(_Packing *p) noexcept:
    Py_XDECREF(p.grown)
    p.grown = NULL
    p.first = max(<size_t>p.hint, _packed_usual)
    p.at = p.begin = p.few
    p.end = p.few + _PACK_FEW_BYTES


cdef int _packing_init(_Packing *p, object default, bint single, bint bin_type, bint strict,
                       bint times, object errors, Py_ssize_t hint) except -1:
    if hint < 0:
        raise ValueError("buf_size must not be negative")
    p.grown = NULL
    p.hint = hint
    _packing_reset(p)
    p.by_default = NULL
    p.errors = NULL
    if default is not None and not callable(default):
        raise TypeError("default must be a callable.")
    p.by_default = NULL if default is None else <PyObject *>default
    if errors is not None:
        p.errors = PyUnicode_AsUTF8AndSize(errors, NULL)
    p.raw = not bin_type
    p.strict = strict
    p.single = single
    p.times = times
    return _need_datetime() if times else 0


cdef int _packing_grow(_Packing *p, size_t more) except -1:
    cdef size_t used = p.at - p.begin
    cdef size_t cap = max(p.first, 2 * <size_t>(p.end - p.begin))
    if more > <size_t>PY_SSIZE_T_MAX - used:
        raise MemoryError
    cap = min(max(cap, used + more), <size_t>PY_SSIZE_T_MAX)
    if p.grown == NULL:
        p.grown = raw_bytes(NULL, cap)
        if p.grown != NULL:
            memcpy(raw_bytes_at(p.grown), p.begin, used)
    else:
        raw_bytes_resize(&p.grown, cap)
    if p.grown == NULL:  # an exception is set, and what was packed is lost
        _packing_reset(p)
        _raise_pending()
    p.begin = <uint8_t *>raw_bytes_at(p.grown)
    p.at = p.begin + used
    p.end = p.begin + cap
    return 0


cdef inline int _room(_Packing *p, size_t n) except -1:
    if <size_t>(p.end - p.at) < n:
        return _packing_grow(p, n)
    return 0


cdef bytes _packing_copy(_Packing *p):
    return PyBytes_FromStringAndSize(<const char *>p.begin, p.at - p.begin)


cdef object _packing_take(_Packing *p):
    """What was packed, and an empty packing."""
    cdef PyObject *taken = p.grown
    cdef size_t used = p.at - p.begin
    cdef size_t room = p.end - p.begin
    if taken != NULL:
        _note_packed(used)
    # A small part of its room, cut out of it, would leave a hole in the heap while it lives. And a
    # block that grew is freed as large as it is, so that malloc gets to know the size: for one that
    # it has never seen freed, glibc's gets pages from the system and gives them back each time.
    if taken == NULL or used <= _PACK_USUAL_MAX and (room > p.first or used < room // 2):
        value = _packing_copy(p)
    else:
        p.grown = NULL
        if used < room:
            raw_bytes_resize(&taken, used)
        if taken == NULL:
            _packing_reset(p)
            _raise_pending()
        value = <object>taken
        Py_DECREF(taken)
    _packing_reset(p)
    return value


# --- Values --------------------------------------------------------------------------------------

cdef inline int _put_content(_Packing *p, const void *data, size_t len) noexcept:
    memcpy(p.at, data, len)
    p.at += len
    return 0


cdef inline int _put_text(_Packing *p, const char *text, size_t len) except -1:
    if len > DBX_MSGPACK_LEN_MAX:
        raise ValueError("unicode string is too large")
    _room(p, len + DBX_MSGPACK_HEAD_MAX)
    if p.raw:
        p.at = dbx_msgpack_put_raw_head(p.at, len)
    else:
        p.at = dbx_msgpack_put_str_head(p.at, len)
    return _put_content(p, text, len)


cdef int _put_bin(_Packing *p, const char *data, size_t len) except -1:
    if p.raw:
        return _put_text(p, data, len)
    if len > DBX_MSGPACK_LEN_MAX:
        raise ValueError("bytes object is too large")
    _room(p, len + DBX_MSGPACK_HEAD_MAX)
    p.at = dbx_msgpack_put_bin_head(p.at, len)
    return _put_content(p, data, len)


cdef int _put_ext(_Packing *p, object code, object data) except -1:
    cdef int8_t type = code
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if <size_t>view.len > DBX_MSGPACK_LEN_MAX:
            raise ValueError("EXT data is too large")
        _room(p, view.len + DBX_MSGPACK_HEAD_MAX)
        p.at = dbx_msgpack_put_ext_head(p.at, type, view.len)
        return _put_content(p, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef int _put_view(_Packing *p, object value) except -1:
    cdef Py_buffer view
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        return _put_bin(p, <const char *>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef int _put_time(_Packing *p, int64_t seconds, uint32_t nanoseconds) except -1:
    _room(p, DBX_MSGPACK_TIMESTAMP_MAX)
    p.at = dbx_msgpack_put_timestamp(p.at, seconds, nanoseconds)
    return 0


cdef inline int _put_nothing(_Packing *p, uint8_t first) except -1:
    _room(p, 1)
    p.at[0] = first
    p.at += 1
    return 0


cdef int _put_float(_Packing *p, double value) except -1:
    cdef float narrow
    _room(p, DBX_MSGPACK_HEAD_MAX)
    if not p.single:
        p.at = dbx_msgpack_put_real(p.at, value)
        return 0
    narrow = <float>value
    if narrow - narrow != 0 and value - value == 0:
        raise OverflowError("float too large to pack with f format")
    p.at = dbx_msgpack_put_real32(p.at, narrow)
    return 0


cdef int _put_array_head(_Packing *p, size_t count) except -1:
    if count > DBX_MSGPACK_LEN_MAX:
        raise ValueError("list is too large")
    _room(p, DBX_MSGPACK_HEAD_MAX)
    p.at = dbx_msgpack_put_array_head(p.at, count)
    return 0


cdef int _put_map_head(_Packing *p, size_t count) except -1:
    if count > DBX_MSGPACK_LEN_MAX:
        raise ValueError("dict is too large")
    _room(p, DBX_MSGPACK_HEAD_MAX)
    p.at = dbx_msgpack_put_map_head(p.at, count)
    return 0


# --- Objects -------------------------------------------------------------------------------------
# `left` is how many more levels of nesting there may be; `final`: `default` has had its turn.

cdef int _pack_number(_Packing *p, PyObject *o, int left, bint final) except -1:
    cdef int overflow = 0
    cdef int64_t value = raw_long(o, &overflow)
    cdef uint64_t natural
    _room(p, DBX_MSGPACK_HEAD_MAX)
    if overflow == 0:
        p.at = dbx_msgpack_put_int(p.at, value)
        return 0
    if overflow > 0:
        natural = raw_natural(o)
        if natural != <uint64_t>-1 or raw_failed() == NULL:
            p.at = dbx_msgpack_put_uint(p.at, natural)
            return 0
        PyErr_Clear()
    if final or p.by_default == NULL:
        raise OverflowError("Integer value out of range")
    return _pack_by_default(p, o, left)


cdef int _pack_text(_Packing *p, PyObject *o) except -1:
    cdef Py_ssize_t len
    cdef const char *text
    if PyUnicode_IS_COMPACT_ASCII(o):
        return _put_text(p, <const char *>raw_text_at(o), raw_text_len(o))
    if p.errors != NULL:
        encoded = PyUnicode_AsEncodedString(<object>o, "utf-8", p.errors)
        return _put_text(p, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
    text = raw_text_utf8(o, &len)
    if text == NULL:
        _raise_pending()
    return _put_text(p, text, len)


cdef int _pack_list(_Packing *p, PyObject *o, int left) except -1:
    cdef Py_ssize_t i = 0, count = raw_list_len(o)
    cdef PyObject *item
    _put_array_head(p, count)
    while i < raw_list_len(o):  # what is called meanwhile may change the list
        item = raw_list_at(o, i)
        Py_INCREF(item)
        try:
            _pack(p, item, left, False)
        finally:
            Py_DECREF(item)
        i += 1
    if i != count:
        raise RuntimeError("list changed size during packing")
    return 0


cdef int _pack_tuple(_Packing *p, PyObject *o, int left) except -1:
    cdef Py_ssize_t i
    _put_array_head(p, raw_tuple_len(o))
    for i in range(raw_tuple_len(o)):
        _pack(p, raw_tuple_at(o, i), left, False)
    return 0


cdef int _pack_dict(_Packing *p, PyObject *o, int left) except -1:
    cdef Py_ssize_t at = 0, packed = 0, count = raw_dict_len(o)
    cdef PyObject *key
    cdef PyObject *value
    _put_map_head(p, count)
    while raw_dict_next(o, &at, &key, &value):
        Py_INCREF(key)  # what is called meanwhile may change the dict
        Py_INCREF(value)
        try:
            if Py_TYPE(key) == &PyUnicode_Type:
                _pack_text(p, key)
            else:
                _pack(p, key, left, False)
            _pack(p, value, left, False)
        finally:
            Py_DECREF(key)
            Py_DECREF(value)
        packed += 1
        if raw_dict_len(o) != count:
            break
    if packed != count:
        raise RuntimeError("dictionary changed size during packing")
    return 0


cdef int _pack(_Packing *p, PyObject *o, int left, bint final) except -1:
    cdef PyTypeObject *type = Py_TYPE(o)
    if left < 0:
        raise ValueError("recursion limit exceeded.")
    left -= 1
    if type == &PyUnicode_Type:
        return _pack_text(p, o)
    if type == &PyLong_Type:
        return _pack_number(p, o, left, final)
    if type == &PyDict_Type:
        return _pack_dict(p, o, left)
    if type == &PyList_Type:
        return _pack_list(p, o, left)
    if type == &PyFloat_Type:
        return _put_float(p, raw_float(o))
    if o == raw_none:
        return _put_nothing(p, DBX_MSGPACK_NIL)
    if o == raw_true:
        return _put_nothing(p, DBX_MSGPACK_TRUE)
    if o == raw_false:
        return _put_nothing(p, DBX_MSGPACK_FALSE)
    if type == &PyBytes_Type:
        return _put_bin(p, raw_bytes_at(o), raw_bytes_len(o))
    if type == &PyTuple_Type and not p.strict:
        return _pack_tuple(p, o, left)
    return _pack_other(p, <object>o, left, final)


cdef int _pack_other(_Packing *p, object o, int left, bint final) except -1:
    """Of a type whose objects do not come by the million; types derived from those that can be
    packed are packed as they are, unless types are strict."""
    if not p.strict:
        if isinstance(o, int):
            return _pack_number(p, <PyObject *>o, left, final)
        if isinstance(o, float):
            return _put_float(p, raw_float(<PyObject *>o))
        if isinstance(o, bytes):
            return _put_bin(p, PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
        if isinstance(o, str):
            return _pack_text(p, <PyObject *>o)
        if isinstance(o, dict):
            return _pack_pairs(p, o.items(), len(o), left)
    if type(o) is bytearray or not p.strict and isinstance(o, bytearray):
        return _put_view(p, o)
    if type(o) is ExtType or not p.strict and isinstance(o, ExtType):
        return _put_ext(p, o.code, o.data)
    if type(o) is Timestamp:
        return _put_time(p, (<Timestamp>o).seconds, (<Timestamp>o).nanoseconds)
    if not p.strict and isinstance(o, (list, tuple)):
        return _pack_items(p, o, left)
    if PyMemoryView_Check(o):
        return _put_view(p, o)
    if p.times and PyDateTime_CheckExact(<PyObject *>o):
        if PyDateTime_DATE_GET_TZINFO(<PyObject *>o) != raw_none:
            return _pack_datetime(p, <PyObject *>o)
        if final or p.by_default == NULL:
            raise ValueError(f"can not serialize {_type_name(o)} object where tzinfo=None")
    if final or p.by_default == NULL:
        raise TypeError(f"can not serialize {_type_name(o)} object")
    return _pack_by_default(p, <PyObject *>o, left)


cdef str _type_name(object o):
    return repr(Py_TYPE(<PyObject *>o).tp_name.decode())


cdef int _pack_by_default(_Packing *p, PyObject *o, int left) except -1:
    value = (<object>p.by_default)(<object>o)
    return _pack(p, <PyObject *>value, left + 1, True)


cdef int _pack_datetime(_Packing *p, PyObject *o) except -1:
    cdef int64_t seconds
    cdef uint32_t nanoseconds
    _datetime_parts(o, &seconds, &nanoseconds)
    return _put_time(p, seconds, nanoseconds)


cdef int _pack_pairs(_Packing *p, object pairs, Py_ssize_t count, int left) except -1:
    cdef Py_ssize_t packed = 0
    _put_map_head(p, count)
    for key, value in pairs:
        _pack(p, <PyObject *>key, left, False)
        _pack(p, <PyObject *>value, left, False)
        packed += 1
    if packed != count:
        raise RuntimeError("the map has not as many pairs as its len() said")
    return 0


cdef int _pack_items(_Packing *p, object items, int left) except -1:
    cdef Py_ssize_t packed = 0, count = len(items)
    _put_array_head(p, count)
    for item in items:
        _pack(p, <PyObject *>item, left, False)
        packed += 1
    if packed != count:
        raise RuntimeError("the sequence has not as many items as its len() said")
    return 0


# --- msgpack's interface -------------------------------------------------------------------------

def packb(o, *, default=None, bint use_single_float=False, bint autoreset=True,
          bint use_bin_type=True, bint strict_types=False, bint datetime=False,
          unicode_errors=None, Py_ssize_t buf_size=0):
    """The object as bytes. Packer says what the options are."""
    cdef _Packing packing
    _packing_init(&packing, default, use_single_float, use_bin_type, strict_types, datetime,
                  unicode_errors, buf_size)
    try:
        _pack(&packing, <PyObject *>o, _PACK_DEPTH_MAX, False)
        if autoreset:
            return _packing_take(&packing)
    finally:
        _packing_reset(&packing)


@cython.no_gc_clear  # the packing refers to what the garbage collector would clear
cdef class Packer:
    """Packs objects: msgpack.Packer's interface and behaviour.

    default: called with an object that cannot be packed; what it returns is packed instead.
    use_single_float: floats take 4 bytes. use_bin_type=False: bytes are packed as strings, as
    before MessagePack knew the difference. strict_types: types derived from those that can be
    packed, and tuples, go to `default`. datetime: datetimes with a time zone are packed as
    timestamps. unicode_errors: what is done with a str that has no UTF-8. autoreset=False: what is
    packed is kept, for bytes() and getbuffer(), until reset(). buf_size: about how many bytes that
    will be. An object that cannot be packed takes what was kept before it with it, as there.

    Unlike there, a packer refuses to be used by its own `default`, and a container that changes
    meanwhile is an error.
    """
    cdef _Packing _packing
    cdef object _default, _errors
    cdef bint _autoreset, _busy
    cdef Py_ssize_t _exports

    def __cinit__(self):
        self._packing.grown = NULL
        _packing_reset(&self._packing)

    def __init__(self, *, default=None, bint use_single_float=False, bint autoreset=True,
                 bint use_bin_type=True, bint strict_types=False, bint datetime=False,
                 unicode_errors=None, Py_ssize_t buf_size=0):
        self._begin()
        self._busy = False
        _packing_reset(&self._packing)  # of an earlier call
        _packing_init(&self._packing, default, use_single_float, use_bin_type, strict_types,
                      datetime, unicode_errors, buf_size)
        self._default = default
        self._errors = unicode_errors
        self._autoreset = autoreset

    def __dealloc__(self):
        _packing_reset(&self._packing)

    cdef int _begin(self) except -1:
        if self._exports > 0:
            raise BufferError("Existing exports of data: Packer cannot be changed")
        if self._busy:
            raise RuntimeError("the packer is in use")
        self._busy = True
        return 0

    cdef object _end(self):
        return _packing_take(&self._packing) if self._autoreset else None

    def pack(self, obj):
        self._begin()
        try:
            _pack(&self._packing, <PyObject *>obj, _PACK_DEPTH_MAX, False)
        except BaseException:
            _packing_reset(&self._packing)
            raise
        finally:
            self._busy = False
        return self._end()

    def pack_map_pairs(self, pairs):
        """A map of a sequence of pairs, of any objects."""
        self._begin()
        try:
            _pack_pairs(&self._packing, pairs, len(pairs), _PACK_DEPTH_MAX - 1)
        except BaseException:
            _packing_reset(&self._packing)
            raise
        finally:
            self._busy = False
        return self._end()

    def pack_array_header(self, size):
        """The beginning of an array, whose `size` values are packed one by one."""
        self._begin()
        try:
            _put_array_head(&self._packing, _header_count(size, "array"))
        finally:
            self._busy = False
        return self._end()

    def pack_map_header(self, size):
        """The beginning of a map, whose `size` keys and values are packed in turn."""
        self._begin()
        try:
            _put_map_head(&self._packing, _header_count(size, "map"))
        finally:
            self._busy = False
        return self._end()

    def pack_ext_type(self, typecode, data):
        self._begin()
        try:
            _put_ext(&self._packing, typecode, data)
        finally:
            self._busy = False
        return self._end()

    def reset(self):
        """Forgets what is kept."""
        self._begin()
        _packing_reset(&self._packing)
        self._busy = False

    def bytes(self):
        """What is kept, as bytes."""
        return _packing_copy(&self._packing)

    def getbuffer(self):
        """A view of what is kept; while there is one, nothing more can be packed."""
        return memoryview(self)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if self._busy:
            raise BufferError("the packer is in use")
        PyBuffer_FillInfo(buffer, self, self._packing.begin,
                          self._packing.at - self._packing.begin, 1, flags)
        self._exports += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self._exports -= 1


cdef size_t _header_count(object size, str what) except? <size_t>-1:
    if size < 0:
        raise ValueError(f"{what} size must be non-negative")
    if size > DBX_MSGPACK_LEN_MAX:
        raise ValueError(f"{what} too large")
    return size
