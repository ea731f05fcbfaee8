# MessagePack for Python, with msgpack-python's interface, over csrc/codec's inline functions: the
# types that packing and unpacking share, and how times become datetimes. Part of _core.pyx.

from collections import namedtuple
from struct import pack as struct_pack, unpack as struct_unpack

from cpython.buffer cimport PyBUF_FULL_RO, PyBuffer_FillInfo, PyBuffer_IsContiguous
from cpython.memoryview cimport PyMemoryView_Check, PyMemoryView_GetContiguous
from libc.stdint cimport int8_t, uint32_t
from libc.string cimport memcmp

from dbx._c.codec cimport (
    DBX_MSGPACK_EXT_TIMESTAMP, DBX_MSGPACK_FALSE, DBX_MSGPACK_HEAD_MAX, DBX_MSGPACK_IS_ARRAY,
    DBX_MSGPACK_IS_BIN, DBX_MSGPACK_IS_BOOL, DBX_MSGPACK_IS_EXT, DBX_MSGPACK_IS_INT,
    DBX_MSGPACK_IS_MAP, DBX_MSGPACK_IS_NIL, DBX_MSGPACK_IS_REAL, DBX_MSGPACK_IS_STR,
    DBX_MSGPACK_IS_UINT, DBX_MSGPACK_LEN_MAX, DBX_MSGPACK_NIL, DBX_MSGPACK_TIMESTAMP_MAX,
    DBX_MSGPACK_TRUE, dbx_bytes_ascii, dbx_load32, dbx_load64, dbx_msgpack_head,
    dbx_msgpack_put_array_head, dbx_msgpack_put_bin_head, dbx_msgpack_put_ext_head,
    dbx_msgpack_put_int, dbx_msgpack_put_map_head, dbx_msgpack_put_raw_head, dbx_msgpack_put_real,
    dbx_msgpack_put_real32, dbx_msgpack_put_str_head, dbx_msgpack_put_timestamp,
    dbx_msgpack_put_uint, dbx_msgpack_timestamp, dbx_msgpack_token,
)

# Not cpython.datetime: its types would be imported with this module, and a server has no use for
# them. It is imported when the first time is converted.
cdef extern from "Python.h":
    void *PyCapsule_Import(const char *name, int no_block) except NULL

cdef extern from "datetime.h":
    ctypedef struct PyDateTime_CAPI:
        PyObject *DateTimeType
        PyObject *(*DateTime_FromDateAndTime)(int, int, int, int, int, int, int, PyObject *,
                                              PyObject *)
    PyDateTime_CAPI *PyDateTimeAPI
    PyObject *PyDateTime_TimeZone_UTC
    const char *PyDateTime_CAPSULE_NAME
    bint PyDateTime_CheckExact(PyObject *value)
    int PyDateTime_GET_YEAR(PyObject *value)
    int PyDateTime_GET_MONTH(PyObject *value)
    int PyDateTime_GET_DAY(PyObject *value)
    int PyDateTime_DATE_GET_HOUR(PyObject *value)
    int PyDateTime_DATE_GET_MINUTE(PyObject *value)
    int PyDateTime_DATE_GET_SECOND(PyObject *value)
    int PyDateTime_DATE_GET_MICROSECOND(PyObject *value)
    PyObject *PyDateTime_DATE_GET_TZINFO(PyObject *value)


class UnpackException(Exception):
    """The root of what is raised for bytes that cannot be unpacked; other exceptions may be too."""


class BufferFull(UnpackException):
    """More bytes wait in an Unpacker than its max_buffer_size."""


class OutOfData(UnpackException):
    """The next value has not arrived whole."""


class FormatError(ValueError, UnpackException):
    """The bytes are not MessagePack."""


class StackError(ValueError, UnpackException):
    """The value is nested too deeply."""


class ExtraData(ValueError):
    """There are bytes behind the value, which is `unpacked`; they are `extra`."""

    def __init__(self, unpacked, extra):
        self.unpacked = unpacked
        self.extra = extra

    def __str__(self):
        return "unpack(b) received extra data."


class ExtType(namedtuple("ExtType", "code data")):
    """A value of an application's own type: its code (0 to 127) and its bytes."""

    __slots__ = ()

    def __new__(cls, code, data):
        if not isinstance(code, int):
            raise TypeError("code must be int")
        if not isinstance(data, bytes):
            raise TypeError("data must be bytes")
        if not 0 <= code <= 127:
            raise ValueError("code must be 0~127")
        return tuple.__new__(cls, (code, data))


cdef PyObject *_EXT_TYPE = <PyObject *>ExtType  # looked up once: the module keeps it


# --- Times ---------------------------------------------------------------------------------------

cdef enum:
    _NANOS = 1_000_000_000
    _DAY_SECONDS = 86400
    _EPOCH_DAYS = 719162        # from 1 January of year 1 to 1970
    _MARCH_DAYS = 306           # from 1 March of year 0 to 1 January of year 1
    _ERA_DAYS = 146097          # 400 years

cdef int64_t _FIRST_SECOND = -62135596800  # of year 1
cdef int64_t _LAST_SECOND = 253402300799   # of year 9999


cdef int _need_datetime() except -1:
    global PyDateTimeAPI
    if PyDateTimeAPI == NULL:
        PyDateTimeAPI = <PyDateTime_CAPI *>PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0)
    return 0


cdef PyObject *_datetime_at(int64_t seconds, uint32_t nanoseconds) except NULL:
    """A datetime in UTC, of whole microseconds."""
    cdef uint64_t since, days, era, day, year, month
    cdef uint32_t second
    cdef PyObject *made
    _need_datetime()
    if seconds < _FIRST_SECOND or seconds > _LAST_SECOND:
        raise OverflowError("date value out of range")
    since = <uint64_t>(seconds - _FIRST_SECOND)
    days = since // _DAY_SECONDS + _MARCH_DAYS
    second = since % _DAY_SECONDS
    # Years that begin in March: the leap day is their last, and months repeat in fives.
    era = days // _ERA_DAYS
    day = days % _ERA_DAYS
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= year * 365 + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day = day - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (1 if month <= 2 else 0)
    made = PyDateTimeAPI.DateTime_FromDateAndTime(
        year, month, day, second // 3600, second // 60 % 60, second % 60, nanoseconds // 1000,
        PyDateTime_TimeZone_UTC, PyDateTimeAPI.DateTimeType)
    if made == NULL:
        _raise_pending()
    return made


cdef int _utc_seconds(PyObject *value, int64_t *seconds) except -1:
    """The whole seconds of a datetime whose time zone is UTC itself."""
    cdef uint32_t year, month, day, era, second
    month = PyDateTime_GET_MONTH(value)
    year = PyDateTime_GET_YEAR(value) - (1 if month <= 2 else 0)
    day = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + PyDateTime_GET_DAY(value) - 1
    era = year // 400
    year %= 400
    day += era * _ERA_DAYS + year * 365 + year // 4 - year // 100
    second = (PyDateTime_DATE_GET_HOUR(value) * 3600 + PyDateTime_DATE_GET_MINUTE(value) * 60
              + PyDateTime_DATE_GET_SECOND(value))
    seconds[0] = (<int64_t>day - _MARCH_DAYS - _EPOCH_DAYS) * _DAY_SECONDS + second
    return 0


cdef object _epoch = None  # a datetime, from the first use on


cdef int _datetime_parts(PyObject *value, int64_t *seconds, uint32_t *nanoseconds) except -1:
    """Of a datetime that has a time zone: the seconds are rounded down."""
    global _epoch
    if (PyDateTime_CheckExact(value)
            and PyDateTime_DATE_GET_TZINFO(value) == PyDateTime_TimeZone_UTC):
        _utc_seconds(value, seconds)
        nanoseconds[0] = <uint32_t>PyDateTime_DATE_GET_MICROSECOND(value) * 1000
        return 0
    if _epoch is None:
        _epoch = <object>_datetime_at(0, 0)
        Py_DECREF(<PyObject *>_epoch)
    delta = <object>value - _epoch
    seconds[0] = delta.days * <int64_t>_DAY_SECONDS + delta.seconds
    nanoseconds[0] = <uint32_t>delta.microseconds * 1000
    return 0


cdef class Timestamp:
    """A time since 1970, UTC, as MessagePack has it: whole seconds, which may be negative, and
    nanoseconds, which count forward from them. Immutable."""

    cdef readonly object seconds
    cdef readonly object nanoseconds

    def __init__(self, seconds, nanoseconds=0):
        if not isinstance(seconds, int):
            raise TypeError("seconds must be an integer")
        if not isinstance(nanoseconds, int):
            raise TypeError("nanoseconds must be an integer")
        if not 0 <= nanoseconds < _NANOS:
            raise ValueError("nanoseconds must be a non-negative integer less than 999999999.")
        self.seconds = seconds
        self.nanoseconds = nanoseconds

    def __repr__(self):
        return f"Timestamp(seconds={self.seconds}, nanoseconds={self.nanoseconds})"

    def __eq__(self, other):
        if type(other) is not type(self):
            return False
        cdef Timestamp time = other
        return self.seconds == time.seconds and self.nanoseconds == time.nanoseconds

    def __hash__(self):
        return hash((self.seconds, self.nanoseconds))

    def __reduce__(self):
        return type(self), (self.seconds, self.nanoseconds)

    @staticmethod
    def from_bytes(b):
        """Of the 4, 8 or 12 bytes of the extension."""
        if len(b) == 4:
            return Timestamp(struct_unpack("!L", b)[0])
        if len(b) == 8:
            both = struct_unpack("!Q", b)[0]
            return Timestamp(both & 0x3FFFFFFFF, both >> 34)
        if len(b) == 12:
            nanoseconds, seconds = struct_unpack("!Iq", b)
            return Timestamp(seconds, nanoseconds)
        raise ValueError("Timestamp type can only be created from 32, 64, or 96-bit byte objects")

    def to_bytes(self):
        """The bytes of the extension."""
        if self.seconds >> 34 != 0:
            return struct_pack("!Iq", self.nanoseconds, self.seconds)
        both = self.nanoseconds << 34 | self.seconds
        return struct_pack("!L" if both < 1 << 32 else "!Q", both)

    @staticmethod
    def from_unix(unix_sec):
        return Timestamp(int(unix_sec // 1), int((unix_sec % 1) * 10**9))

    def to_unix(self):
        """Seconds since 1970, as a float."""
        return self.seconds + self.nanoseconds / 1e9

    @staticmethod
    def from_unix_nano(unix_ns):
        return Timestamp(*divmod(unix_ns, 10**9))

    def to_unix_nano(self):
        return self.seconds * 10**9 + self.nanoseconds

    def to_datetime(self):
        """In UTC, of whole microseconds."""
        cdef PyObject *made
        if not _FIRST_SECOND <= self.seconds <= _LAST_SECOND:
            raise OverflowError("date value out of range")
        made = _datetime_at(self.seconds, self.nanoseconds)
        value = <object>made
        Py_DECREF(made)
        return value

    @staticmethod
    def from_datetime(dt):
        """A datetime without a time zone is local time."""
        cdef int64_t seconds
        cdef uint32_t nanoseconds
        _need_datetime()
        if dt.tzinfo is None:
            dt = dt.astimezone()
        _datetime_parts(<PyObject *>dt, &seconds, &nanoseconds)
        return Timestamp(seconds, nanoseconds)


include "_msgpack_pack.pxi"
include "_msgpack_unpack.pxi"
