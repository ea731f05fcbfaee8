"""Load of one connection: the same command many times, or many keys."""

from __future__ import annotations

import random

from tests.support.resp import Arg, RawClient, encode


def repeat(client: RawClient, command: tuple[Arg, ...], times: int, batch: int = 1000) -> bytes:
    """repeat pipelines one command many times; returns the last reply line."""
    once = encode(*command)
    last = b""
    for at in range(0, times, batch):
        n = min(batch, times - at)
        client.send_bytes(once * n)
        for _ in range(n):
            tag, value = client.read()
            assert tag != "error", value
            last = b"%d" % value if isinstance(value, int) else value
    return last


def fill(
    client: RawClient, keys: int, *, value_bytes: int = 16, batch: int = 5000, first: int = 0
) -> None:
    """fill sets so many keys from key:`first` on, with values that change from call to call."""
    for at in range(first, first + keys, batch):
        n = min(batch, first + keys - at)
        client.send_bytes(
            b"".join(
                encode(b"SET", b"key:%d" % i, random.randbytes(value_bytes))
                for i in range(at, at + n)
            )
        )
        for _ in range(n):
            tag, value = client.read()
            assert tag == "status", value
