"""Hostile and unlucky input: an error or a closed connection, never a crash, a hang or unbounded
memory.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support import proc
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer

MB = 1 << 20
Start = Callable[..., DbxServer]


def received(client: RawClient) -> bytes:
    """Everything the server sends until it closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.socket.recv(1 << 16):
            data += part
    return data


def answers(server: DbxServer) -> bool:
    with server.raw() as client:
        return client.call("PING") == ("status", b"PONG")


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"*2147483648\r\n", b"invalid multibulk length"),
        (b"*99999999999999999999\r\n", b"invalid multibulk length"),
        (b"*1\r\n$536870913\r\n", b"invalid bulk length"),
        (b"*1\r\n$-1\r\n", b"invalid bulk length"),
        (b"*1\r\n" * 1000, b"expected '$', got '*'"),
        (b'ECHO "abc\r\n', b"unbalanced quotes in request"),
        (b"x" * 70000, b"too big inline request"),
        (b"*" + b"1" * 70000, b"too big mbulk count string"),
    ],
)
def test_protocol_error_is_said_and_closes(
    dbx_server: DbxServer, sent: bytes, error: bytes
) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(b"PING\r\n" + sent)
        assert received(client) == b"+PONG\r\n-ERR Protocol error: " + error + b"\r\n"
    assert answers(dbx_server)


def test_announced_sizes_take_no_memory(dbx_process: Start) -> None:
    server = dbx_process()
    before = server.memory().rss
    with contextlib.ExitStack() as stack:
        for sent in (b"*1000000000\r\n", b"*2\r\n$3\r\nSET\r\n$500000000\r\n"):
            for _ in range(200):
                client = stack.enter_context(server.raw())
                client.send_bytes(sent)
        assert answers(server)
        assert server.memory().rss - before < 16 * MB


def test_garbage_never_stops_the_server(dbx_server: DbxServer) -> None:
    rand = random.Random(7)
    pieces = [
        *b"* $ \r\n 3 -1 SET k".split(b" "),
        b'"',
        b"\x00",
        b"\xff",
        b" ",
        b"*3\r\n$3\r\nSET\r\n",
    ]
    for _ in range(300):
        data = b"".join(rand.choice(pieces) for _ in range(rand.randrange(1, 60)))
        with dbx_server.raw() as client, contextlib.suppress(OSError):
            client.send_bytes(data + rand.randbytes(rand.randrange(40)))
            client.socket.shutdown(socket.SHUT_WR)
            received(client)
    assert answers(dbx_server)


@pytest.mark.parametrize(
    "sent", [b"POST / HTTP/1.1\r\nHost: a\r\n\r\nSET http 1\r\n", b"hOsT: a\r\nSET http 1\r\n"]
)
def test_http_is_cut_off_without_an_answer(dbx_server: DbxServer, sent: bytes) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(sent)
        assert received(client) == b""
    with dbx_server.raw() as client:
        assert client.value("EXISTS", "http") == 0


def test_half_a_command_waits_and_hinders_nobody(dbx_server: DbxServer) -> None:
    command = encode("ECHO", "x" * 40000)
    with dbx_server.raw() as client:
        for part in (command[:7], command[7:20], command[20:30000]):
            client.send_bytes(part)
            assert answers(dbx_server)
        client.send_bytes(command[30000:])
        assert client.read() == ("bulk", b"x" * 40000)


def test_commands_may_arrive_byte_by_byte(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        for byte in encode("SET", "bytes", "a b") + b"GET bytes\r\n":
            client.send_bytes(bytes([byte]))
        assert client.read() == ("status", b"OK")
        assert client.read() == ("bulk", b"a b")


def test_inline_and_arrays_mix_in_one_pipeline(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(b"SET mix 1\r\n" + encode("INCR", "mix") + b"\r\n\r\n*0\r\nGET mix\n")
        assert [client.read()[1] for _ in range(3)] == [b"OK", 2, b"2"]


@contextlib.contextmanager
def sending(client: RawClient, data: bytes) -> Iterator[None]:
    """Sends from a second thread: neither side may wait for the other to read first."""

    def send() -> None:
        with contextlib.suppress(OSError):
            client.send_bytes(data)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_pipeline_of_any_length_is_answered_in_order(dbx_server: DbxServer) -> None:
    count = 100_000
    with dbx_server.raw() as client:
        client.value("SET", "order", "0")
        with sending(client, encode("INCR", "order") * count):
            assert [client.read()[1] for _ in range(count)] == list(range(1, count + 1))


def test_end_of_input_is_answered_before_the_end_of_output(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(b"PING\r\n" * 5000 + b"*2\r\n$4\r\nECHO\r\n$100\r\npartial")
        client.socket.shutdown(socket.SHUT_WR)
        assert received(client) == b"+PONG\r\n" * 5000


def test_client_that_never_reads_is_bounded_and_loses_nothing(dbx_process: Start) -> None:
    server = dbx_process()
    value, count = b"v" * 10_000, 20_000
    with server.raw() as client, server.raw() as other:
        client.value("SET", "big", value)
        before = server.memory().rss
        with sending(client, encode("GET", "big") * count):
            for _ in range(200):
                assert other.call("PING") == ("status", b"PONG")
            assert server.memory().rss - before < 64 * MB
            for _ in range(count):
                assert client.read() == ("bulk", value)


def test_large_reply_is_sent_to_a_slow_reader(dbx_server: DbxServer) -> None:
    value = random.Random(1).randbytes(5 * MB)
    with dbx_server.raw() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        client.value("SET", "large", value)
        assert client.value("GET", "large") == value
        client.value("DEL", "large")


def test_large_command_and_what_follows_it_in_the_same_pipeline(dbx_server: DbxServer) -> None:
    value = random.Random(2).randbytes(3 * MB)
    small = encode("INCR", "after")
    with dbx_server.raw() as client:
        client.value("DEL", "after", "large")
        with sending(client, (small + encode("SET", "large", value) + small) * 3):
            replies = [client.read()[1] for _ in range(9)]
        assert replies == [1, b"OK", 2, 3, b"OK", 4, 5, b"OK", 6]
        assert client.value("GET", "large") == value
        client.value("DEL", "large")


def test_large_command_of_many_arguments(dbx_server: DbxServer) -> None:
    pairs = [part for i in range(300) for part in (f"many:{i}", f"{i}-" + "x" * 10_000)]
    with dbx_server.raw() as client:
        with sending(client, encode("MSET", *pairs)):
            assert client.read() == ("status", b"OK")
        assert client.value("MGET", "many:0", "many:299") == (
            ("bulk", pairs[1].encode()),
            ("bulk", pairs[-1].encode()),
        )
        client.value("DEL", *pairs[::2])


def test_unfinished_large_command_leaves_nothing_behind(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.send_bytes(b"*3\r\n$3\r\nSET\r\n$9\r\nabandoned\r\n$50000000\r\n" + b"x" * 3 * MB)
    with dbx_server.raw() as client:
        assert client.value("EXISTS", "abandoned") == 0


def test_thousands_of_idle_connections_cost_little(dbx_process: Start) -> None:
    server = dbx_process()
    count, per_connection = 2000, 3000
    before = server.memory().rss
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.raw()) for _ in range(count)]
        for client in clients:
            assert client.call("PING") == ("status", b"PONG")
        grown = server.memory().rss - before
        assert proc.instrumented() or grown < count * per_connection
    assert answers(server)
