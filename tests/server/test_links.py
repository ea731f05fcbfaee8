"""The connections between a server and the owner that it has joined: what ends them, and whom that
concerns. Some owners here are none of ours: they say what no owner should, or nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.test_joined import wait_for_end
from tests.support.resp import encode
from tests.support.servers import DbxServer, Program

SECONDS_MAX = 60.0
MANY_CLIENTS = 1000
MARK, RESTS, STATE = 0xD2, 1, 2  # csrc/server/report.c
STATE_BYTES_MAX = 16 << 10

Start = Callable[..., DbxServer]
Link = Callable[[socket.socket], None]


def head(received: int, replies: int = 0, flags: int = RESTS, state: int = 0) -> bytes:
    """head is a report's, see csrc/server/report.h."""
    return struct.pack("<IIQQ", MARK | flags << 8, state, replies, received)


class Owner:
    """It has the lock of a directory, and answers those who join as `link` says, one a connection
    that a client is passed on by; `serve_link` is how it should be done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.link: Link = self.serve_link
        self._lock = open(path / "lock", "w+b")  # noqa: SIM115
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._lock.write(b"pid %d\nsocket x\nowner program\n" % os.getpid())
        self._lock.flush()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path / "socket"))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept)]
        self._ends: list[socket.socket] = []
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                self._ends.append(end)
                self._threads.append(threading.Thread(target=self._answer, args=[end]))
                self._threads[-1].start()

    def _answer(self, end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            if b"SERVER" not in end.recv(1 << 16, socket.MSG_PEEK):
                self.link(end)
                return
            end.recv(1 << 16)
            end.sendall(b"+7 f00d\r\n")
            while received := end.recv(1 << 16):
                end.sendall(b"+PONG\r\n" * received.count(b"PING"))

    @staticmethod
    def serve_link(end: socket.socket) -> None:
        """Every command is taken for a PING."""
        received = len(end.recv(1 << 16))
        end.sendall(head(received))
        while data := end.recv(1 << 16):
            received += len(data)
            end.sendall(head(received, 7) + b"+PONG\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._lock.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(tmp_path / "d")
    yield owner
    owner.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path / "d") as program:
        yield program


# --- Clients that are closed on purpose ----------------------------------------------------------


def test_clients_that_are_closed_together_are_all_closed(
    program: Program, dbx_process: Start
) -> None:
    server = dbx_process(data=program.path)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.raw()) for _ in range(MANY_CLIENTS)]
        for client in clients:
            assert client.call("PING") == ("status", b"PONG")
        killed = program.execute(f"CLIENT KILL LADDR 127.0.0.1:{server.port}")
        assert killed == str(MANY_CLIENTS)
        for client in clients:
            wait_for_end(client)
        with server.raw() as other:
            assert other.call("PING") == ("status", b"PONG")


@pytest.mark.parametrize("whom", ["TYPE normal", "MAXAGE 1", "SKIPME yes", "USER default"])
def test_who_ends_all_clients_ends_those_of_servers_that_have_joined(
    program: Program, dbx_process: Start, whom: str
) -> None:
    server = dbx_process(data=program.path)
    with server.raw() as one, server.raw() as two, server.raw() as three:
        assert one.call("PING") == two.call("PING") == ("status", b"PONG")
        time.sleep(1.1 if "MAXAGE" in whom else 0)
        assert three.call("CLIENT", "KILL", *whom.split())[0] == "int"
        wait_for_end(one)
        wait_for_end(two)
        assert three.call("PING") == ("status", b"PONG")


# --- Clients that go ------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "pipeline"), [(20, 1), (5, 500)])
def test_what_a_client_said_before_it_went_is_executed(
    program: Program, dbx_process: Start, tmp_path: Path, times: int, pipeline: int
) -> None:
    dbx_process("--unixsocket", str(tmp_path / "u"), data=program.path)
    for _ in range(times):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "u"))
            client.sendall(encode("INCR", "n") * pipeline)
    deadline = time.monotonic() + SECONDS_MAX
    while program.execute("GET n") != f"b'{times * pipeline}'":
        assert time.monotonic() < deadline, program.execute("GET n")
        time.sleep(0.01)
    while "laddr=" + str(tmp_path / "u") in program.execute("CLIENT LIST"):
        assert time.monotonic() < deadline


# --- Owners that are not as they should be -------------------------------------------------------


def test_a_client_that_the_owner_does_not_know_is_introduced_again(
    owner: Owner, dbx_process: Start
) -> None:
    server = dbx_process(data=owner.path)
    turned_away = []

    def turn_away(end: socket.socket) -> None:
        end.recv(1 << 16)
        turned_away.append(end)
        if len(turned_away) == 3:
            owner.link = owner.serve_link

    owner.link = turn_away
    with server.raw() as client:
        assert client.call("PING") == ("status", b"PONG")
    assert len(turned_away) == 3


@pytest.mark.parametrize(
    "said",
    [
        b"\0" + head(0)[1:],
        head(0)[:1] + b"\xff" * 23,
        head(0, flags=RESTS | STATE, state=STATE_BYTES_MAX + 1),
        head(0, 5) + b"+OK\r\n" + b"+OK\r\n",
        head(0)[:13],
    ],
)
def test_an_owner_that_talks_nonsense_costs_the_connection(
    owner: Owner, dbx_process: Start, said: bytes
) -> None:
    server = dbx_process(data=owner.path)

    def talk(end: socket.socket) -> None:
        received = len(end.recv(1 << 16))
        end.sendall(head(received))
        end.recv(1 << 16)
        end.sendall(said)

    with server.raw() as well:
        assert well.call("PING") == ("status", b"PONG")
        owner.link = talk
        with server.raw() as client:
            client.send("PING")
            with pytest.raises(ConnectionError):
                while client.read() == ("status", b"OK"):
                    pass
        assert well.call("PING") == ("status", b"PONG")
