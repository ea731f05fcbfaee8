"""Memory has bounds: empty, under load during applies, with idle clients and with clients that
never read.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from tests.support import proc
from tests.support.load import fill
from tests.support.proc import AnonWatch, instrumented
from tests.support.resp import encode
from tests.support.servers import DbxServer

pytestmark = pytest.mark.skipif(instrumented(), reason="memory is measured without sanitizers")

MB = 1 << 20
EMPTY_RSS_MAX = 25 * MB
READY_CPU_SECONDS_MAX = 0.2
BUFFER_BYTES = 4 * MB
BASE_MAX = 48 * MB
KEYS = 300_000
DELETED = 20_000
TOMBSTONE_BYTES_MAX = 200
SMALL_KEYS = 2_000
SMALL_BYTES = 2_000  # of a collection in its key's record
CHANGE_BYTES_MAX = 250  # of the buffer, for each of which an element changes
RESULT_MEMBERS = 300_000
IDLE_CLIENTS = 900
IDLE_CLIENT_BYTES_MAX = 20 * 1024

Start = Callable[..., DbxServer]


def test_an_empty_server_is_small_and_starts_with_little_work(dbx_process: Start) -> None:
    """Ready within 300 ms: work, unlike time, does not depend on what else the machine does."""
    server = dbx_process()
    assert proc.cpu_seconds(server.pid) <= READY_CPU_SECONDS_MAX
    assert server.memory().rss <= EMPTY_RSS_MAX


def test_memory_stays_within_twice_the_buffer_while_it_is_applied(dbx_process: Start) -> None:
    server = dbx_process(settings={"write-buffer-size": str(BUFFER_BYTES)})
    with server.raw(timeout=300) as client, AnonWatch(server.pid) as watch:
        fill(client, KEYS)
        fill(client, KEYS)
    assert server.store_info()["applies"] >= 3
    assert watch.highest <= BASE_MAX + 2 * BUFFER_BYTES, f"{watch.highest / MB:.1f} MB"


CHANGES = {
    "RPUSH": ("LPOP", "RPUSH"), "SADD": ("SREM", "SADD"), "HSET": ("HDEL", "HSET"),
    "ZADD": ("ZREM", "ZADD"),
}  # fmt: skip


@pytest.mark.parametrize("fill_by", CHANGES)
def test_a_change_of_a_small_collection_takes_no_copy_of_it(
    dbx_process: Start, fill_by: str
) -> None:
    """Copies would fill the buffer, and be written with each apply, for every element changed."""
    server = dbx_process()
    words = {
        "RPUSH": lambda i: (b"value:%06d" % i,),
        "SADD": lambda i: (b"value:%06d" % i,),
        "HSET": lambda i: (b"f:%04d" % i, b"v:%04d" % i),
        "ZADD": lambda i: (b"%d" % i, b"v:%04d" % i),
    }[fill_by]
    elements = [words(i) for i in range(SMALL_BYTES // 15)]
    take, add = CHANGES[fill_by]
    with server.raw(timeout=300) as client:
        for k in range(SMALL_KEYS):
            client.value(fill_by, b"key:%d" % k, *(word for each in elements for word in each))
        server.apply()
        before = server.store_info()["buffer_bytes"]
        for k in range(SMALL_KEYS):
            element = elements[k % len(elements)]
            named = () if take == "LPOP" else (element[-1 if take in ("ZREM", "SREM") else 0],)
            assert client.value(take, b"key:%d" % k, *named)
            assert client.value(add, b"key:%d" % k, *words(9999))
        grown = server.store_info()["buffer_bytes"] - before
    assert grown <= SMALL_KEYS * CHANGE_BYTES_MAX, f"{grown / SMALL_KEYS:.0f} bytes a key"


def test_a_start_on_a_log_of_deletions_brings_little_of_the_deleted_up(dbx_process: Start) -> None:
    """A deletion is short in the log, whatever it deletes."""
    server = dbx_process(settings={"write-buffer-size": str(BUFFER_BYTES)})
    with server.raw(timeout=300) as client:
        fill(client, DELETED, value_bytes=480)
        server.apply()
        for at in range(0, DELETED, 1000):
            client.value("DEL", *(b"key:%d" % i for i in range(at, at + 1000)))
    server.kill()
    server.start()
    info = server.store_info()
    assert info["replay_last_effects"] >= DELETED / 1000
    assert info["buffer_bytes"] + info["frozen_bytes"] <= DELETED * TOMBSTONE_BYTES_MAX


def test_idle_clients_cost_little(dbx_process: Start) -> None:
    server = dbx_process()
    before = server.memory().rss_anon
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE_CLIENTS):
            client = stack.enter_context(server.raw())
            assert client.value("PING") == b"PONG"
        assert server.memory().rss_anon - before <= IDLE_CLIENTS * IDLE_CLIENT_BYTES_MAX


def test_half_commands_then_silence_cost_what_was_sent(dbx_process: Start) -> None:
    server = dbx_process()
    before = server.memory().rss_anon
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            client = stack.enter_context(server.raw())
            client.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly a few bytes")
            client.send_bytes(b"*" * 10)
        with server.raw() as other:
            assert other.value("PING") == b"PONG"
        assert server.memory().rss_anon - before <= 64 * MB


def test_a_client_that_never_reads_is_bounded(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        client.value("SET", "big", b"x" * MB)
    before = server.memory().rss_anon
    deaf = socket.create_connection(("127.0.0.1", server.port))
    deaf.settimeout(2.0)
    request = encode("GET", "big") * 1000
    with contextlib.suppress(OSError), AnonWatch(server.pid) as watch:
        for _ in range(4):
            deaf.sendall(request)
        time.sleep(1.0)
    with server.raw() as client:  # others are served meanwhile
        assert client.value("PING") == b"PONG"
    assert watch.highest - before <= 128 * MB, f"{(watch.highest - before) / MB:.1f} MB"
    deaf.close()


def test_a_result_larger_than_the_buffer_needs_no_more_memory_than_a_small_one(
    dbx_process: Start,
) -> None:
    """It leaves the buffer while its command goes on, when a start executes that again, too."""
    server = dbx_process(settings={"write-buffer-size": str(BUFFER_BYTES)})
    n = RESULT_MEMBERS
    with server.raw(timeout=300) as client:
        for at in range(0, n, 10_000):
            members = [b"member:%06d" % i for i in range(at, at + 10_000)]
            client.value("SADD", "set", *members)
            client.value("ZADD", "sorted", *(word for m in members for word in (m[-3:], m)))
        server.apply()
        with AnonWatch(server.pid) as watch:
            assert client.value("COPY", "set", "copy") == 1
            assert client.value("SUNIONSTORE", "union", "set", "copy") == n
            assert client.value("SDIFFSTORE", "difference", "set", "none") == n
            assert client.value("COPY", "sorted", "sorted copy") == 1
            assert client.value("ZRANGESTORE", "range", "sorted", "0", "-1") == n
        assert server.store_info()["early_entries"] > 5 * n
        assert watch.grew <= 3 * BUFFER_BYTES, f"{watch.grew / MB:.1f} MB"
    server.kill()
    server.start()
    info = server.store_info()
    assert info["buffer_bytes"] + info["frozen_bytes"] <= 3 * BUFFER_BYTES
    with server.raw(timeout=300) as client:
        for key in ("copy", "union", "difference"):
            assert client.value("SCARD", key) == n
        for key in ("sorted copy", "range"):
            assert client.value("ZCARD", key) == n
