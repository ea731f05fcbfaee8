"""Many connections, and fewer descriptors than clients: who is too many is told so, nobody else
notices, and the server waits for work rather than for descriptors.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.test_limits import info
from tests.support import proc
from tests.support.servers import DbxServer

WAIT_SECONDS_MAX = 60.0
MANY = 9000
TOO_MANY = b"-ERR max number of clients reached\r\n"
RESERVED = 32  # descriptors that the server keeps for its files: DBX_FDS_RESERVED
HIGHEST_AT_FIRST = 64  # more than a server has that has just been started
OWN_DESCRIPTORS = 200  # of this process, besides the connections it makes

Start = Callable[..., DbxServer]


@pytest.fixture
def descriptors() -> Iterator[int]:
    """Lets this process have many, and says how many connections it can make."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY + OWN_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield wanted - OWN_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def await_next_segment(server: DbxServer) -> None:
    """Of a server that has just been started: it keeps that file open, and makes it in a thread."""
    until = time.monotonic() + WAIT_SECONDS_MAX
    while len(list(Path(server.data, "journal").iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)


def limit_descriptors(server: DbxServer, most: int) -> None:
    """Of a running server: the limit is on the numbers that new descriptors may have."""
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (most, hard))


def said(server: DbxServer) -> bytes:
    """What a new client, which then goes, is told."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall(b"PING\r\n")
        return client.recv(100)


def test_thousands_of_connections_are_served_and_let_go(
    dbx_process: Start, descriptors: int
) -> None:
    server = dbx_process()
    count = min(MANY, descriptors)
    with server.raw() as client:
        allowed = int(client.value("CONFIG", "GET", "maxclients")[1][1])
        await_next_segment(server)
        before = open_descriptors(server.pid)
        with contextlib.ExitStack() as stack:
            many = []
            for _ in range(min(count, allowed - 2)):
                one = socket.create_connection(("127.0.0.1", server.port), 30)
                many.append(stack.enter_context(one))
            for one in many:
                one.sendall(b"INCR n\r\n")
            replies = [int(one.recv(64)[1:]) for one in many]
            assert sorted(replies) == list(range(1, len(many) + 1))
            assert info(client, "clients")["connected_clients"] == str(len(many) + 1)
            if not proc.instrumented():
                assert server.memory().rss_anon < 64 << 20
        while info(client, "clients")["connected_clients"] != "1":
            time.sleep(0.01)
        # The store has one more open now and then: while it syncs, or prepares a file. Before, too.
        until = time.monotonic() + WAIT_SECONDS_MAX
        while open_descriptors(server.pid) > before and time.monotonic() < until:
            time.sleep(0.01)
        assert open_descriptors(server.pid) <= before


def test_without_descriptors_clients_are_turned_away_and_later_ones_served(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw() as client:
        client.value("SET", "k", "v")
        limit_descriptors(server, HIGHEST_AT_FIRST)
        with contextlib.ExitStack() as stack:
            while said(server) != TOO_MANY:
                one = stack.enter_context(server.raw())
                assert one.call("PING") in ((("status", b"PONG")), ("error", TOO_MANY[1:-2]))
            before = int(info(client, "stats")["rejected_connections"])
            assert [said(server) for _ in range(20)] == [TOO_MANY] * 20
            assert info(client, "stats")["rejected_connections"] == str(before + 20)
            assert client.value("GET", "k") == b"v"
            assert client.value("SET", "k", "w") == b"OK"
        while said(server) == TOO_MANY:  # until the server has seen the others go
            time.sleep(0.01)


def test_without_even_the_spare_descriptor_the_server_does_not_spin(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        assert client.call("PING") == ("status", b"PONG")
        limit_descriptors(server, 3)
        with socket.create_connection(("127.0.0.1", server.port), 30) as waiting:
            time.sleep(0.2)
            before = proc.cpu_seconds(server.pid)
            time.sleep(1)
            assert proc.cpu_seconds(server.pid) - before < 0.1
            assert client.call("PING") == ("status", b"PONG")
            limit_descriptors(server, HIGHEST_AT_FIRST)
            waiting.sendall(b"PING\r\n")
            assert waiting.recv(100) == b"+PONG\r\n"


def test_no_more_clients_than_descriptors_allow_whatever_maxclients_says(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw() as client, contextlib.ExitStack() as stack:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, 100))
        client.value("CONFIG", "SET", "maxclients", "5000")
        assert client.value("CONFIG", "GET", "maxclients")[1] == ("bulk", b"%d" % (100 - RESERVED))
        answers = []
        for _ in range(90):
            one = socket.create_connection(("127.0.0.1", server.port), 30)
            stack.enter_context(one).sendall(b"PING\r\n")
            answers.append(one.recv(100))
        served = 100 - RESERVED - 1
        assert answers == [b"+PONG\r\n"] * served + [TOO_MANY] * (90 - served)
