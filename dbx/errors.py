"""The one tree of exceptions, with redis-py's class names; what replies and core errors map to.

An error reply keeps redis-py's rule: the code is cut off the text where the code has a class of its
own ("OOM ...", "NOAUTH ...", "ERR ..."), and kept where it has not ("WRONGTYPE ...").
"""

from __future__ import annotations

__all__ = [
    "DBXError",
    "RedisError",
    "ConnectionError",
    "TimeoutError",
    "AuthenticationError",
    "AuthorizationError",
    "BusyLoadingError",
    "LockedError",
    "ForkedError",
    "InvalidResponse",
    "ResponseError",
    "AuthenticationWrongNumberOfArgsError",
    "DataError",
    "ExecAbortError",
    "NoPermissionError",
    "NoScriptError",
    "OutOfMemoryError",
    "PubSubError",
    "ReadOnlyError",
    "StorageError",
    "CorruptError",
    "VersionError",
    "WatchError",
]


class DBXError(Exception):
    """The root: everything DBX raises on its own account."""


RedisError = DBXError  # redis-py's name for the same thing


class ConnectionError(DBXError):
    """The database is not there (any more), or the outcome of a command is unknown."""


class TimeoutError(DBXError):
    pass


class AuthenticationError(ConnectionError):
    pass


class AuthorizationError(ConnectionError):
    pass


class BusyLoadingError(ConnectionError):
    pass


class LockedError(ConnectionError):
    """Another process owns the data directory; the text names it and its socket."""


class ForkedError(ConnectionError):
    """The database was opened before this process was forked: open it again here."""


class InvalidResponse(DBXError):
    pass


class ResponseError(DBXError):
    """The database refused a command; the text is Redis's own."""


class AuthenticationWrongNumberOfArgsError(ResponseError):
    pass


class DataError(DBXError):
    """An argument that cannot be sent, or a setting that cannot be used."""


class ExecAbortError(ResponseError):
    pass


class NoPermissionError(ResponseError):
    pass


class NoScriptError(ResponseError):
    pass


class OutOfMemoryError(ResponseError):
    pass


class PubSubError(DBXError):
    pass


class ReadOnlyError(ResponseError):
    pass


class StorageError(DBXError):
    """The operating system refused a read, a write or a sync."""


class CorruptError(StorageError):
    """A file holds what DBX did not write."""


class VersionError(StorageError):
    """The data directory was written by a newer DBX, or by one too old to be upgraded from."""


class WatchError(DBXError):
    pass


# Codes of error replies with a class of their own.
_BY_CODE: dict[str, type[DBXError]] = {
    "EXECABORT": ExecAbortError,
    "LOADING": BusyLoadingError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "WRONGPASS": AuthenticationError,
}

# Texts of "ERR ..." replies with a class of their own.
_BY_TEXT: dict[str, type[DBXError]] = {
    "max number of clients reached": ConnectionError,
    "invalid password": AuthenticationError,
    "wrong number of arguments for 'auth' command": AuthenticationWrongNumberOfArgsError,
}


def from_reply(text: str) -> DBXError:
    """The exception for an error reply ("CODE text")."""
    code, _, rest = text.partition(" ")
    if code == "ERR":
        if rest.startswith("AUTH <password> called without any password configured"):
            return AuthenticationError(rest)
        return _BY_TEXT.get(rest, ResponseError)(rest)
    known = _BY_CODE.get(code)
    return ResponseError(text) if known is None else known(rest)


# enum dbx_err of csrc/base/err.h, by name; _core checks at import that none is missing.
BY_CORE_CODE: dict[str, type[DBXError]] = {
    "ENOTFOUND": DBXError,
    "ENOMEM": OutOfMemoryError,
    "EIO": StorageError,
    "ENOSPC": StorageError,
    "ECORRUPT": CorruptError,
    "EINVAL": DataError,
    "ELIMIT": DataError,
    "ELOCKED": LockedError,
    "EVERSION": VersionError,
    "ESTOPPED": ConnectionError,
    "EREADONLY": ReadOnlyError,
}
