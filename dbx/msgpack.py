"""MessagePack on its own, with msgpack-python's interface."""

from typing import Any, Protocol

from dbx._core import (
    BufferFull,
    ExtraData,
    ExtType,
    FormatError,
    OutOfData,
    Packer,
    StackError,
    Timestamp,
    Unpacker,
    UnpackException,
    packb,
    unpackb,
)

__all__ = [
    "packb",
    "unpackb",
    "pack",
    "unpack",
    "dumps",
    "loads",
    "dump",
    "load",
    "Packer",
    "Unpacker",
    "ExtType",
    "Timestamp",
    "UnpackException",
    "BufferFull",
    "OutOfData",
    "FormatError",
    "StackError",
    "ExtraData",
    "UnpackValueError",
    "PackException",
    "PackValueError",
    "PackOverflowError",
]

# Names that msgpack-python keeps for programs written for old versions of it.
UnpackValueError = ValueError
PackException = Exception
PackValueError = ValueError
PackOverflowError = OverflowError


class _Writes(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _Reads(Protocol):
    def read(self) -> bytes: ...


def pack(o: Any, stream: _Writes, **options: Any) -> None:
    """Writes the object to `stream`; the options are Packer's."""
    stream.write(packb(o, **options))


def unpack(stream: _Reads, **options: Any) -> Any:
    """The object that `stream` has, to its end; the options are unpackb's."""
    return unpackb(stream.read(), **options)


# The names of json, pickle and marshal.
dumps = packb
loads = unpackb
dump = pack
load = unpack
