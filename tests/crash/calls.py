"""Calls of a database in a process, and how a call reaches child.py.

It imports little: child.py has to start quickly.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any

import dbx

_LENGTH = struct.Struct("<Q")


class Failure(str):
    """An error as a reply; errors are the same when one's text ends with the other's."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and (self.endswith(other) or other.endswith(str(self)))

    __hash__ = str.__hash__


def execute(db: dbx.DBX, commands: Sequence[Sequence[bytes]], together: bool) -> list[Any]:
    """execute calls a database in this process; errors stand among the results."""
    pipeline = db.pipeline(transaction=together)
    for command in commands:
        pipeline.execute_command(*command)
    try:
        return [comparable(result) for result in pipeline.execute(raise_on_error=False)]
    except Exception as error:  # the whole transaction is refused
        return [Failure(error)] * len(commands)


def comparable(value: Any) -> Any:
    """comparable is a result without what depends on the way it came: errors, order in sets."""
    if isinstance(value, Exception):
        return Failure(value)
    if isinstance(value, set | frozenset):
        return sorted(map(comparable, value), key=repr)
    if isinstance(value, list | tuple):
        return [comparable(each) for each in value]
    return value


def send_object(end: socket.socket, thing: Any) -> None:
    data = pickle.dumps(thing)
    end.sendall(_LENGTH.pack(len(data)) + data)


def receive_object(end: socket.socket) -> Any:
    (size,) = _LENGTH.unpack(_exactly(end, _LENGTH.size))
    return pickle.loads(_exactly(end, size))


def _exactly(end: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = end.recv(min(left, 1 << 20))
        if not part:
            raise ConnectionError("the other side is gone")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
