"""redis-py's methods for lists: the same calls on redis-py with a real server and on DBX, alone, in
a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio

import dbx
import dbx.aio
from tests.support.servers import RedisServer

CALLS: tuple[Callable[[Any], Any], ...] = (
    lambda c: c.rpush("l", "a", b"b", 3, 4.5),
    lambda c: c.lpush("l", "x", "y"),
    lambda c: c.rpushx("l", "z"),
    lambda c: c.lpushx("none", "z"),
    lambda c: c.llen("l"),
    lambda c: c.lrange("l", 0, -1),
    lambda c: c.lindex("l", 1),
    lambda c: c.lindex("l", 99),
    lambda c: c.linsert("l", "BEFORE", "a", "new"),
    lambda c: c.linsert("l", "after", "none", "new"),
    lambda c: c.lset("l", 0, "first"),
    lambda c: c.lpos("l", "a"),
    lambda c: c.lpos("l", "none"),
    lambda c: c.lpos("l", "a", rank=-1, count=0, maxlen=100),
    lambda c: c.lmove("l", "m"),
    lambda c: c.lmove("l", "m", "RIGHT", "LEFT"),
    lambda c: c.rpoplpush("l", "l"),
    lambda c: c.lrem("l", 0, "new"),
    lambda c: c.ltrim("l", 0, 3),
    lambda c: c.lmpop(2, "none", "l", direction="LEFT"),
    lambda c: c.lmpop(1, "l", direction="RIGHT", count=2),
    lambda c: c.lmpop(1, "none", direction="LEFT"),
    lambda c: c.lrange("l", 0, -1),
    lambda c: c.lpop("m"),
    lambda c: c.rpop("m", 2),
    lambda c: c.lpop("m"),
    lambda c: c.rpop("m", 2),
    lambda c: c.lpop("l", 0),
    lambda c: c.lrange("none", 0, -1),
)


def called(client: Any) -> list[Any]:
    return [call(client) for call in CALLS]


def piped(client: Any) -> list[Any]:
    with client.pipeline() as pipe:
        for call in CALLS:
            assert call(pipe) is pipe
        results: list[Any] = pipe.execute()
        return results


async def awaited(client: Any) -> list[Any]:
    return [await call(client) for call in CALLS]


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_for_lists_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    with redis.Redis(port=redis8.port, decode_responses=decode) as theirs:
        theirs.flushall()
        expected = called(theirs)
    with dbx.open(decode_responses=decode) as ours:
        assert called(ours) == expected
        ours.flushall()
        assert piped(ours) == expected

    async def with_asyncio() -> list[Any]:
        async with dbx.aio.open(decode_responses=decode) as db:
            return await awaited(db)

    assert asyncio.run(with_asyncio()) == expected
    assert {type(value) for value in expected} >= {int, list, bool, type(None)}
