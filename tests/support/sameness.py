"""The same calls on redis-py with a real server and on DBX: alone, in a pipeline, with asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import redis

import dbx
import dbx.aio
from tests.support.servers import RedisServer

Call = Callable[[Any], Any]


def called(client: Any, calls: Sequence[Call]) -> list[Any]:
    return [call(client) for call in calls]


def piped(client: Any, calls: Sequence[Call]) -> list[Any]:
    with client.pipeline() as pipe:
        for call in calls:
            assert call(pipe) is pipe
        results: list[Any] = pipe.execute()
        return results


async def _awaited(calls: Sequence[Call], decode: bool) -> list[Any]:
    async with dbx.aio.open(decode_responses=decode) as db:
        return [await call(db) for call in calls]


def check(
    calls: Sequence[Call], server: RedisServer, decode: bool, normal: Call = lambda value: value
) -> list[Any]:
    """check returns what both have answered, after `normal` has masked what tells the time."""
    with redis.Redis(port=server.port, decode_responses=decode) as theirs:
        theirs.flushall()
        expected = normal(called(theirs, calls))
    with dbx.open(decode_responses=decode) as ours:
        for got, want in zip(normal(called(ours, calls)), expected, strict=True):
            assert got == want
        ours.flushall()
        assert normal(piped(ours, calls)) == expected
    assert normal(asyncio.run(_awaited(calls, decode))) == expected
    return list(expected)
