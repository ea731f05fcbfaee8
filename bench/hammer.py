"""One of the processes that hammer a directory, see handover.py: counts, by one INCR after the
other.

`python -m bench.hammer BOARD KEY program DIR` opens the directory; `... client PORT` is a client of
a server that has. The board is what all of them see: which owner there is, by a number; when the
one before it was known to be gone; and who is to end. A call that begins later is answered by the
new one: when the first was is printed, with the owner's number.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dbx
from dbx import errors

AGAIN_SECONDS = 0.005  # a server that is not there may come


class Board:
    """Three numbers, in a mapped file."""

    LAYOUT = struct.Struct("=qqq")

    def __init__(self, path: Path) -> None:
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), self.LAYOUT.size)

    @classmethod
    def make(cls, path: Path) -> Board:
        path.write_bytes(bytes(cls.LAYOUT.size))
        return cls(path)

    def write(self, owner: int, since_ns: int, leaver: int) -> None:
        # The number last: who sees it sees the time too.
        self.bytes[8:24] = struct.pack("=qq", since_ns, leaver)
        self.bytes[0:8] = struct.pack("=q", owner)

    def read(self) -> tuple[int, int, int]:
        owner: int = struct.unpack("=q", self.bytes[0:8])[0]
        since_ns, leaver = struct.unpack("=qq", self.bytes[8:24])
        return owner, since_ns, leaver


def hammer(board: Board, calls: Iterator[bool]) -> None:
    """`calls` makes one call at a time: whether it was answered."""
    last = 0
    while True:
        owner, since_ns, leaver = board.read()
        begun = time.monotonic_ns()
        if next(calls) and owner > last and begun >= since_ns:
            say(owner, time.monotonic_ns())
            last = owner
        if leaver == os.getpid():
            return


def say(*numbers: int) -> None:
    os.write(1, b" ".join(b"%d" % number for number in numbers) + b"\n")


def program(board: Board, key: str, path: str) -> None:
    with dbx.open(path) as db:
        hammer(board, in_process(lambda: db.incr(key)))
        say(0, time.monotonic_ns())  # from here on it does not answer


def in_process(call: Callable[[], object]) -> Iterator[bool]:
    while True:
        try:
            call()
            yield True
        except errors.ConnectionError:
            yield False


def by_socket(port: int, key: str) -> Iterator[bool]:
    command = b"*2\r\n$4\r\nINCR\r\n$%d\r\n%s\r\n" % (len(key), key.encode())
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port)) as connection,
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                connection.sendall(command)
                reply = connection.recv(4096)
                if not reply:
                    break
                yield reply.startswith(b":")
        yield False
        time.sleep(AGAIN_SECONDS)


def main(board: str, key: str, how: str, where: str) -> None:
    if how == "program":
        program(Board(Path(board)), key, where)
    else:
        hammer(Board(Path(board)), by_socket(int(where), key))


if __name__ == "__main__":
    main(*sys.argv[1:])
