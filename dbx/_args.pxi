# Arguments of commands: Python values to slices, by redis-py's rules, copied only where need be.

cdef extern from "base/num.h" nogil:
    size_t dbx_num_to_text(int64_t value, char *text)

cdef enum:
    _INTEGER_TEXT_MAX = 24
    _SCRATCH_BYTES = 8 * _INTEGER_TEXT_MAX

cdef struct _Scratch:
    # The text of integers lives here while there is room; it is the caller's stack.
    size_t used
    char text[_SCRATCH_BYTES]


cdef class _View:
    """The bytes of a bytearray or memoryview, held so that nobody resizes them under the core."""
    cdef Py_buffer buffer
    cdef bint held

    def __cinit__(self, value):
        PyObject_GetBuffer(value, &self.buffer, PyBUF_SIMPLE)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)


cdef class _Encoder:
    """How str becomes bytes and back; UTF-8 needs no copy on the way in."""
    cdef readonly str encoding
    cdef readonly str errors
    cdef readonly bint decode
    cdef bint plain_utf8

    def __cinit__(self, str encoding="utf-8", str errors="strict", bint decode=False):
        self.encoding = encoding
        self.errors = errors
        self.decode = decode
        name = encoding.lower().replace("_", "-")
        self.plain_utf8 = name in ("utf-8", "utf8") and errors == "strict"

    cdef object argument(self, object value, dbx_slice *out, _Scratch *scratch):
        """Fills `out`; returns what has to stay alive as long as it, None: `value` itself."""
        cdef Py_ssize_t size
        cdef const char *text
        cdef int overflow
        cdef int64_t number
        if PyBytes_CheckExact(value):
            out[0] = dbx_slice_of(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            return None
        if PyUnicode_CheckExact(value) and self.plain_utf8:
            text = PyUnicode_AsUTF8AndSize(value, &size)
            out[0] = dbx_slice_of(text, size)
            return None
        if PyLong_CheckExact(value) and scratch.used + _INTEGER_TEXT_MAX <= _SCRATCH_BYTES:
            number = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow == 0:
                size = dbx_num_to_text(number, scratch.text + scratch.used)
                out[0] = dbx_slice_of(scratch.text + scratch.used, size)
                scratch.used += size
                return None
        return self._other(value, out)

    cdef object _other(self, object value, dbx_slice *out):
        cdef object encoded  # not `bytes`: a subclass of it is one, too
        cdef _View view
        if isinstance(value, (bytearray, memoryview)):
            view = _View(value)
            out[0] = dbx_slice_of(view.buffer.buf, view.buffer.len)
            return view
        if isinstance(value, bytes):
            encoded = value
        elif isinstance(value, bool):
            raise _not_encodable(value)
        elif isinstance(value, (int, float)):
            encoded = repr(value).encode()
        elif isinstance(value, str):
            encoded = value.encode(self.encoding, self.errors)
        else:
            raise _not_encodable(value)
        out[0] = dbx_slice_of(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
        return encoded


cdef object _not_encodable(object value):
    return errors.DataError(
        f"Invalid input of type: '{type(value).__name__}'. "
        "Convert to a bytes, string, int or float first.")


cdef tuple _split_name(tuple args):
    """A name of two words ("CONFIG GET") is two arguments."""
    name = args[0]
    if isinstance(name, str):
        return (*name.split(), *args[1:])
    return (*bytes(name).split(), *args[1:])


cdef bint _is_two_words(object name) except -1:
    cdef Py_ssize_t size
    cdef const char *text
    if PyUnicode_CheckExact(name):
        text = PyUnicode_AsUTF8AndSize(name, &size)
    elif PyBytes_CheckExact(name):
        text = PyBytes_AS_STRING(name)
        size = PyBytes_GET_SIZE(name)
    else:
        return False
    return memchr(text, b' ', size) != NULL
