"""Limits: each is a setting, holds exactly, and says so in Redis's words."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer

MB = 1 << 20
WAIT_SECONDS_MAX = 30.0
Start = Callable[..., DbxServer]


def closed(client: RawClient) -> bool:
    """Waits for the server to close; what it says before does not matter."""
    client.socket.settimeout(WAIT_SECONDS_MAX)
    try:
        while client.socket.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def info(client: RawClient, section: str) -> dict[str, str]:
    lines = client.value("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_maxclients_turns_away_with_an_error_and_can_be_raised(dbx_process: Start) -> None:
    server = dbx_process(settings={"maxclients": 5})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.raw())]
        while info(clients[0], "clients")["connected_clients"] != "1":
            pass  # the one that asked whether the server is up
        clients += [stack.enter_context(server.raw()) for _ in range(4)]
        assert all(client.call("PING") == ("status", b"PONG") for client in clients)
        late = stack.enter_context(server.raw())
        assert late.read() == ("error", b"ERR max number of clients reached")
        assert closed(late)
        assert info(clients[0], "stats")["rejected_connections"] == "1"
        clients[0].value("CONFIG", "SET", "maxclients", "6")
        assert stack.enter_context(server.raw()).call("PING") == ("status", b"PONG")


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*2\r\n$16385\r\n", b"unauthenticated bulk length"),
    ],
)
def test_unauthenticated_clients_have_tight_limits(
    dbx_process: Start, sent: bytes, error: bytes
) -> None:
    server = dbx_process(settings={"requirepass": "secret"})
    server.password = "secret"
    with RawClient(server.port) as client:
        client.send_bytes(sent)
        assert client.read() == ("error", b"ERR Protocol error: " + error)
        assert closed(client)
    with server.raw() as client:
        assert client.value("ECHO", "x" * 20000) == b"x" * 20000


def test_proto_max_bulk_len_holds_at_once(dbx_process: Start) -> None:
    with dbx_process().raw() as client:
        client.value("CONFIG", "SET", "proto-max-bulk-len", "1mb")
        assert client.value("ECHO", "x" * MB) == b"x" * MB
        client.send_bytes(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (MB + 1))
        assert client.read() == ("error", b"ERR Protocol error: invalid bulk length")
        assert closed(client)


def test_query_buffer_limit_closes_and_is_counted(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client, server.raw() as other:
        other.value("CONFIG", "SET", "client-query-buffer-limit", "1mb")
        with contextlib.suppress(OSError):
            client.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n" + b"x" * 2 * MB)
        assert closed(client)
        assert info(other, "stats")["client_query_buffer_limit_disconnections"] == "1"


def test_hard_output_limit_closes_a_client_that_never_reads(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client, server.raw() as other:
        other.value("SET", "big", "x" * 100_000)
        other.value("CONFIG", "SET", "client-output-buffer-limit", "normal 150000 0 0")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                client.send_bytes(encode("GET", "big") * 10)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while info(other, "stats")["client_output_buffer_limit_disconnections"] == "0":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert closed(client)
        assert other.call("PING") == ("status", b"PONG")


def test_timeout_closes_idle_clients_alone(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as idle, server.raw() as half, server.raw() as busy:
        half.send_bytes(b"*2\r\n$4\r\nECHO\r\n")
        busy.value("CONFIG", "SET", "timeout", "1")
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while b"cmd=NULL" in busy.value("CLIENT", "LIST") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert closed(idle)
        assert closed(half)
        assert busy.call("PING") == ("status", b"PONG")


def test_password_is_asked_for_before_anything_else(dbx_process: Start) -> None:
    server = dbx_process(settings={"requirepass": "secret"})
    with RawClient(server.port) as client:
        for command in (["GET", "k"], ["PING"], ["CLIENT", "ID"], ["CONFIG", "GET", "*"], ["INFO"]):
            assert client.call(*command) == ("error", b"NOAUTH Authentication required.")
        assert client.call("NOSUCH")[1].startswith(b"ERR unknown command 'NOSUCH'")
        assert client.call("GET")[1] == b"ERR wrong number of arguments for 'get' command"
        assert client.call("HELLO", "3")[1].startswith(b"NOAUTH HELLO must be called")
        wrong = b"WRONGPASS invalid username-password pair or user is disabled."
        assert client.call("AUTH", "wrong") == ("error", wrong)
        assert client.call("AUTH", "secret2") == ("error", wrong)
        assert client.call("AUTH", "nobody", "secret") == ("error", wrong)
        assert client.call("HELLO", "3", "AUTH", "default", "wrong") == ("error", wrong)
        assert client.call("HELLO", "3", "AUTH", "default", "secret")[0] == "map"
        assert client.call("RESET") == ("status", b"RESET")
        assert client.call("PING") == ("error", b"NOAUTH Authentication required.")
        assert client.call("AUTH", "secret") == ("status", b"OK")
        assert client.value("CONFIG", "SET", "requirepass", "") == b"OK"
    with RawClient(server.port) as client:
        assert client.call("PING") == ("status", b"PONG")
        assert client.call("AUTH", "x")[1].startswith(b"ERR AUTH <password> called without any")
