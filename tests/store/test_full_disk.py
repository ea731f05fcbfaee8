"""A disk that fills up while a large value comes in: an error for that command, and nothing else.

A limit on the size of the server's files stands in for a full disk: it needs no privileges.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.resp import RawClient
from tests.support.servers import DbxServer

MB = 1 << 20
LIMIT_BYTES = 24 * MB
PART = bytes(range(256)) * 4096

Start = Callable[..., DbxServer]


@contextmanager
def files_limited(server: DbxServer, limit: int = LIMIT_BYTES) -> Iterator[None]:
    """files_limited lets no file of the running server grow beyond `limit`."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


def send_bulk(client: RawClient, total: int) -> None:
    client.send_bytes(b"$%d\r\n" % total)
    for _ in range(total // len(PART)):
        client.send_bytes(PART)
    client.send_bytes(b"\r\n")


def send_set(client: RawClient, key: bytes, total: int) -> None:
    client.send_bytes(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n" % (len(key), key))
    send_bulk(client, total)


def spools(server: DbxServer) -> list[str]:
    return sorted(path.name for path in (Path(server.data) / "spool").iterdir())


def is_disk_error(reply: tuple[str, bytes]) -> bool:
    return reply[0] == "error" and b"cannot reserve space for a large value" in reply[1]


def test_a_value_that_does_not_fit_the_disk_is_one_error_and_leaves_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client:
        assert client.value("SET", "small", "v") == b"OK"
        with files_limited(server):
            send_set(client, b"huge", 2 * LIMIT_BYTES)
            assert is_disk_error(client.read())
            assert spools(server) == []
            assert client.value("PING") == b"PONG"  # the next reply is the next command's
            assert client.value("GET", "small") == b"v"
            assert client.value("SET", "small", "w") == b"OK"
            assert client.value("EXISTS", "huge") == 0
        send_set(client, b"huge", 2 * LIMIT_BYTES)
        assert client.read() == ("status", b"OK")
    server.restart()
    with server.raw(timeout=120) as client:
        assert client.value("STRLEN", "huge") == 2 * LIMIT_BYTES
        assert client.value("GET", "small") == b"w"


def test_all_arguments_of_a_refused_command_are_skipped_and_the_pipeline_goes_on(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client, files_limited(server):
        client.send("SET", "before", "1")
        client.send_bytes(b"*7\r\n$4\r\nMSET\r\n$1\r\na\r\n")
        send_bulk(client, 2 * LIMIT_BYTES)
        client.send_bytes(b"$1\r\nb\r\n")
        send_bulk(client, 2 * MB)
        client.send_bytes(b"$5\r\n*1\r\n$\r\n$0\r\n\r\n")
        client.send("SET", "after", "2")
        client.send("MGET", "before", "a", "b", "after")
        assert client.read() == ("status", b"OK")
        assert is_disk_error(client.read())
        assert client.read() == ("status", b"OK")
        found = [value for _, value in client.read()[1]]
        assert found == [b"1", None, None, b"2"]
        assert spools(server) == []


def test_what_a_command_makes_itself_is_refused_on_a_full_disk_and_leaves_nothing(
    dbx_process: Start,
) -> None:
    server = dbx_process()
    with server.raw(timeout=120) as client:
        send_set(client, b"long", 3 * MB)
        assert client.read() == ("status", b"OK")
        before = spools(server)
        with files_limited(server, 3 * MB):
            tag, text = client.call("COPY", "long", "copy")
            assert tag == "error"
            assert b"disk is full" in text
        assert spools(server) == before
        assert client.value("EXISTS", "copy") == 0
        assert client.value("COPY", "long", "copy") == 1
        assert client.value("STRLEN", "copy") == 3 * MB
