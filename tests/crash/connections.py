"""The two ways in: RESP over a socket, and the Python API of a process of its own (child.py).

Both take units, several at once, and give the results of one unit after the other.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.crash.calls import receive_object, send_object
from tests.crash.model import Results, Unit, from_wire
from tests.differential.words import Command
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer

TIMEOUT_SECONDS = 30.0
SOCKET_NAME = "child"


class Connection(Protocol):
    def send(self, units: Sequence[Unit]) -> None: ...
    def receive(self) -> Results: ...
    def close(self) -> None: ...


def ask(connection: Connection, commands: Sequence[Command]) -> Results:
    """ask executes commands one by one, their errors being results: what state.read wants."""
    connection.send([Unit((), (command,)) for command in commands])
    return [result for _ in commands for result in connection.receive()]


class RespConnection:
    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._sizes: deque[int] = deque()  # of units whose replies are to come

    def send(self, units: Sequence[Unit]) -> None:
        self._sizes += (len(unit.sent) for unit in units)
        data = b"".join(encode(*command) for unit in units for command in unit.sent)
        self._client.send_while_reading(data)

    def receive(self) -> Results:
        return [from_wire(self._client.read()) for _ in range(self._sizes.popleft())]

    def close(self) -> None:
        self._client.close()


class ChildConnection:
    """A thread of the child. Neighbours that are not transactions of the API's go into one
    pipeline; a call waits for the one before it, as calls of a thread do."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_SECONDS)
        self._socket.connect(os.fspath(path))
        self._calls: deque[tuple[list[list[Command]], bool]] = deque()  # units of one call
        self._results: deque[Results] = deque()

    def send(self, units: Sequence[Unit]) -> None:
        for together, alike in itertools.groupby(units, lambda unit: unit.together):
            each = [[tuple(map(bytes, command)) for command in unit.sent] for unit in alike]
            self._calls += (
                (([commands], True) for commands in each) if together else [(each, False)]
            )

    def receive(self) -> Results:
        if not self._results:
            units, together = self._calls.popleft()
            send_object(self._socket, ([command for unit in units for command in unit], together))
            results = iter(receive_object(self._socket))
            self._results += [list(itertools.islice(results, len(unit))) for unit in units]
        return self._results.popleft()

    def close(self) -> None:
        self._socket.close()


class RespServer(DbxServer):
    def connect(self) -> Connection:
        return RespConnection(self.raw(3, timeout=TIMEOUT_SECONDS))


class Child(DbxServer):
    """child.py, which opens the directory in its own process."""

    def connect(self) -> Connection:
        return ChildConnection(self.directory / SOCKET_NAME)

    def argv(self) -> Sequence[str]:
        settings = [f"{name.replace('-', '_')}={value}" for name, value in self.settings.items()]
        path = os.fspath(self.directory / SOCKET_NAME)
        return [sys.executable, "-m", "tests.crash.child", os.fspath(self.data), path,
                *self.flags[1::2], *settings]  # fmt: skip

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True
