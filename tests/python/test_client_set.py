"""redis-py's methods for sets: the same calls on redis-py with a real server and on DBX, alone, in
a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import pytest

from tests.support import sameness
from tests.support.servers import RedisServer

CALLS: tuple[sameness.Call, ...] = (
    lambda c: c.sadd("s", "a", b"b", 3, 4.5),
    lambda c: c.sadd("t", "a", "c"),
    lambda c: c.srem("s", "b", "none"),
    lambda c: c.scard("s"),
    lambda c: c.smembers("s"),
    lambda c: c.smembers("none"),
    lambda c: c.sismember("s", "a"),
    lambda c: c.sismember("s", "x"),
    lambda c: c.smismember("s", ["a", "x"]),
    lambda c: c.smismember("s", "a", "x"),
    lambda c: c.smove("s", "t", "3"),
    lambda c: c.smove("s", "t", "none"),
    lambda c: c.sinter("s", "t"),
    lambda c: c.sinter(["s", "none"]),
    lambda c: c.sunion(["s", "t"]),
    lambda c: c.sdiff("s", "t"),
    lambda c: c.sintercard(2, ["s", "t"]),
    lambda c: c.sintercard(2, ["s", "t"], limit=1),
    lambda c: c.sinterstore("d", "s", "t"),
    lambda c: c.sunionstore("d", ["s", "t"]),
    lambda c: c.sdiffstore("e", ["s", "t"]),
    lambda c: c.sscan("e"),
    lambda c: c.sscan("none", cursor=0, match="x*", count=3),
    lambda c: c.srandmember("e"),
    lambda c: c.srandmember("e", 2),
    lambda c: c.srandmember("e", -2),
    lambda c: c.srandmember("none"),
    lambda c: c.srandmember("none", 2),
    lambda c: c.spop("e"),
    lambda c: c.spop("e"),
    lambda c: c.spop("none", 2),
    lambda c: c.sadd("n", 3, 1, 2),
    lambda c: c.sort("n"),
    lambda c: c.sort("n", 1, 2, desc=True),
    lambda c: c.sort("n", by="w_*", get=["#", "w_*"], groups=True),
    lambda c: c.sort("n", get="#", alpha=True, store="l"),
    lambda c: c.sort_ro("n", get=["#", "w_*"]),
    lambda c: c.sadd("one", "x"),
    lambda c: c.spop("one", 3),
)


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode)
    assert {type(value) for value in answered} >= {int, list, bool, type(None)}
