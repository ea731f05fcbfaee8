"""Expiry is exact: a key is there until its time and not after, and is removed without being asked
for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.load import repeat
from tests.support.resp import RawClient, encode
from tests.support.servers import DbxServer

KEYS = 100_000
BATCH = 5000
REMOVAL_SECONDS_MAX = 60.0

Start = Callable[..., DbxServer]


def now_us(reply: tuple[str, object]) -> int:
    (_, seconds), (_, micros) = reply[1]  # type: ignore[misc]
    return int(seconds) * 1_000_000 + int(micros)  # type: ignore[has-type]


def wait_until_removed(client: RawClient) -> None:
    deadline = time.monotonic() + REMOVAL_SECONDS_MAX
    while client.value("DBSIZE") > 0:
        assert time.monotonic() < deadline, f"{client.value('DBSIZE')} expired keys are still there"
        time.sleep(0.01)


def expire_together(client: RawClient, keys: int, after_ms: int) -> int:
    """expire_together sets keys that all expire at one moment, which is still to come; returns it,
    in milliseconds. On a machine so slow that it comes too early a later one is chosen.
    """
    at_ms = now_us(client.call("TIME")) // 1000 + after_ms
    for first in range(0, keys, BATCH):
        client.send_bytes(
            b"".join(
                encode("SET", f"key:{i}", f"value {i}", "PXAT", at_ms)
                for i in range(first, min(first + BATCH, keys))
            )
        )
        for _ in range(first, min(first + BATCH, keys)):
            assert client.read() == ("status", b"OK")
    if now_us(client.call("TIME")) // 1000 < at_ms:
        return at_ms
    client.pipeline([("FLUSHDB",), ("CONFIG", "RESETSTAT")])
    return expire_together(client, keys, after_ms * 4)


def test_key_is_visible_before_its_time_and_never_after(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        for after_ms in (1, 5, 20, 50, 100):
            at_us = (now_us(client.call("TIME")) // 1000 + after_ms) * 1000
            client.value("SET", "exact", "v", "PXAT", at_us // 1000)
            while True:
                before, value, after = client.pipeline([("TIME",), ("GET", "exact"), ("TIME",)])
                # One clock reading per command: what GET saw lies between the two TIMEs.
                if now_us(before) >= at_us + 1000:
                    assert value == ("null-bulk", None)
                    break
                if now_us(after) < at_us - 1000:
                    assert value == ("bulk", b"v")


@pytest.mark.parametrize("command", ["EXISTS", "TTL", "TYPE", "STRLEN", "OBJECT ENCODING", "TOUCH"])
def test_every_command_sees_an_expired_key_as_absent(dbx_server: DbxServer, command: str) -> None:
    with dbx_server.raw() as client:
        absent = client.call(*command.split(), "never set")
        client.value("SET", "gone", "v", "PX", 1)
        time.sleep(0.02)
        assert client.call(*command.split(), "gone") == absent


def test_100k_keys_that_expire_together_are_all_removed_without_access(dbx_process: Start) -> None:
    with dbx_process().raw(timeout=120) as client:
        at_ms = expire_together(client, KEYS, after_ms=6000)
        time.sleep(max(0.0, at_ms / 1000 - time.time()) + 0.002)
        replies = client.pipeline([("GET", f"key:{i}") for i in range(0, KEYS, 101)])
        assert set(replies) == {("null-bulk", None)}
        assert client.value("KEYS", "*") == ()
        wait_until_removed(client)
        assert b"expired_keys:%d\r" % KEYS in client.value("INFO", "stats")


def test_expired_keys_are_removed_after_a_restart_too(dbx_process: Start) -> None:
    server = dbx_process()
    with server.raw() as client:
        expire_together(client, 1000, after_ms=700)
        client.value("SET", "stays", "v")
    server.kill()
    time.sleep(0.8)
    server.start()
    with server.raw() as client:
        assert [name[1] for name in client.value("KEYS", "*")] == [b"stays"]
        deadline = time.monotonic() + REMOVAL_SECONDS_MAX
        while client.value("DBSIZE") > 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_commands_are_answered_while_100k_keys_expire(dbx_process: Start) -> None:
    with dbx_process().raw(timeout=120) as client:
        at_ms = expire_together(client, KEYS, after_ms=6000)
        while time.time() * 1000 < at_ms + 100:
            assert repeat(client, ("PING",), 10) == b"PONG"
        wait_until_removed(client)


def test_overwriting_a_key_drops_its_old_expiry(dbx_server: DbxServer) -> None:
    with dbx_server.raw() as client:
        client.value("SET", "k", "old", "PX", 30)
        client.value("SET", "k", "new")
        time.sleep(0.06)
        assert client.value("GET", "k") == b"new"
        assert client.value("PTTL", "k") == -1
