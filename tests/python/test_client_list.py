"""redis-py's methods for lists: the same calls on redis-py with a real server and on DBX, alone, in
a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import pytest

from tests.support import sameness
from tests.support.servers import RedisServer

CALLS: tuple[sameness.Call, ...] = (
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


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode)
    assert {type(value) for value in answered} >= {int, list, bool, type(None)}
