"""DBX: a small Redis-compatible database on an embedded, durable store.

dbx.open(path) opens it in this process; `dbx serve` serves it. The client, dbx.aio, dbx.msgpack
and dbx.resp are loaded when they are first used, so that the server does not pay for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbx.errors import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    ConnectionError,
    CorruptError,
    DataError,
    DBXError,
    ForkedError,
    InvalidResponse,
    LockedError,
    NoPermissionError,
    OutOfMemoryError,
    PubSubError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    StorageError,
    TimeoutError,
    VersionError,
    WatchError,
)


def _find_core() -> None:
    """In a checkout, which Python searches first, this directory hides the installed package: the
    core is found there, or has not been built."""
    from importlib.util import find_spec
    from pkgutil import extend_path

    global __path__
    __path__ = extend_path(__path__, __name__)
    if find_spec("dbx._core") is None:
        raise ImportError(
            "the C core is not built for this Python: run `make build`, or `pip install .`, in the"
            f" directory above {__path__[0]}"
        )


try:
    from dbx._core import __version__
except ModuleNotFoundError:
    _find_core()
    from dbx._core import __version__

if TYPE_CHECKING:
    from dbx import aio, msgpack, resp
    from dbx.client import DBX, open

__all__ = [
    "__version__",
    "open",
    "DBX",
    "aio",
    "msgpack",
    "resp",
    "DBXError",
    "RedisError",
    "AuthenticationError",
    "AuthenticationWrongNumberOfArgsError",
    "BusyLoadingError",
    "ConnectionError",
    "CorruptError",
    "DataError",
    "ForkedError",
    "InvalidResponse",
    "LockedError",
    "NoPermissionError",
    "OutOfMemoryError",
    "PubSubError",
    "ReadOnlyError",
    "ResponseError",
    "StorageError",
    "TimeoutError",
    "VersionError",
    "WatchError",
]


_MODULES = {
    "open": "dbx.client",
    "DBX": "dbx.client",
    "aio": "dbx.aio",
    "msgpack": "dbx.msgpack",
    "resp": "dbx.resp",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'dbx' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_MODULES[name])
    value = getattr(module, name, module)
    globals()[name] = value
    return value
