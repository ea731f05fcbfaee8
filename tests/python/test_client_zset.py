"""redis-py's methods for sorted sets and places: the same calls on redis-py with a real server and
on DBX, alone, in a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import dbx
import dbx.aio
from tests.support import sameness
from tests.support.servers import RedisServer

CALLS: tuple[sameness.Call, ...] = (
    lambda c: c.zadd("z", {"a": 1, b"b": 2.5, 3: "3"}),
    lambda c: c.zadd("z", {"a": 2, "d": 4}, nx=True),
    lambda c: c.zadd("z", {"a": 2}, xx=True, ch=True),
    lambda c: c.zadd("z", {"a": 1}, incr=True),
    lambda c: c.zadd("z", {"a": 1}, incr=True, nx=True),
    lambda c: c.zadd("z", {"a": 5, "b": 1}, gt=True, ch=True),
    lambda c: c.zadd("t", {"a": 10, "x": 20}),
    lambda c: c.zcard("z"),
    lambda c: c.zcount("z", 1, "(4"),
    lambda c: c.zlexcount("lex", "-", "+"),
    lambda c: c.zincrby("z", 0.5, "b"),
    lambda c: c.zscore("z", "b"),
    lambda c: c.zscore("z", "none"),
    lambda c: c.zmscore("z", ["b", "none"]),
    lambda c: c.zrank("z", "b"),
    lambda c: c.zrank("z", "none"),
    lambda c: c.zrank("z", "b", withscore=True),
    lambda c: c.zrevrank("z", "b", withscore=True, score_cast_func=str),
    lambda c: c.zrange("z", 0, -1),
    lambda c: c.zrange("z", 0, -1, withscores=True),
    lambda c: c.zrange("z", 0, 1, desc=True, withscores=True, score_cast_func=int),
    lambda c: c.zrange("z", 1, 4, byscore=True, offset=1, num=2, withscores=True),
    lambda c: c.zadd("lex", {"a": 0, "b": 0, "c": 0}),
    lambda c: c.zrange("lex", "[b", "+", bylex=True),
    lambda c: c.zrangestore("d", "z", 0, 1, desc=True),
    lambda c: c.zrevrange("z", 0, 1, withscores=True),
    lambda c: c.zrangebyscore("z", "-inf", "+inf", start=0, num=2, withscores=True),
    lambda c: c.zrevrangebyscore("z", "+inf", 3),
    lambda c: c.zrangebylex("lex", "-", "+", start=0, num=1),
    lambda c: c.zrevrangebylex("lex", "+", "-"),
    lambda c: c.zunion(["z", "t"], withscores=True),
    lambda c: c.zunion({"z": 2, "t": 1}, aggregate="MAX", withscores=True),
    lambda c: c.zinter(["z", "t"], aggregate="min", withscores=True),
    lambda c: c.zinter(["z", "t"]),
    lambda c: c.zdiff(["z", "t"]),
    lambda c: c.zdiff(["z", "t"], withscores=True),
    lambda c: c.zunionstore("d", ["z", "t"]),
    lambda c: c.zinterstore("d", {"z": 1, "t": 2}, aggregate="SUM"),
    lambda c: c.zdiffstore("d", ["z", "t"]),
    lambda c: c.zintercard(2, ["z", "t"]),
    lambda c: c.zintercard(2, ["z", "t"], limit=1),
    lambda c: c.zscan("t"),
    lambda c: c.zscan("t", match="x*", count=5, score_cast_func=int),
    lambda c: c.zrandmember("none"),
    lambda c: c.zrandmember("none", 2),
    lambda c: c.zadd("one", {"x": 1}),
    lambda c: c.zrandmember("one"),
    lambda c: c.zrandmember("one", -2, withscores=True),
    lambda c: c.zpopmin("one"),
    lambda c: c.zpopmin("one", 2),
    lambda c: c.zpopmax("t", 1),
    lambda c: c.zmpop(2, ["none", "t"], min=True),
    lambda c: c.zmpop(2, ["none", "t"], max=True, count=2),
    lambda c: c.zremrangebyrank("z", 0, 0),
    lambda c: c.zremrangebyscore("z", 0, 3),
    lambda c: c.zremrangebylex("lex", "[x", "+"),
    lambda c: c.zrem("z", "a", "none"),
    lambda c: c.geoadd("g", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"]),
    lambda c: c.geoadd("g", (2, 2, "Palermo"), nx=True),
    lambda c: c.geodist("g", "Palermo", "Catania", "km"),
    lambda c: c.geodist("g", "Palermo", "none"),
    lambda c: c.geohash("g", "Palermo", "Catania"),
    lambda c: c.geopos("g", "Palermo", "none"),
    lambda c: c.georadius("g", 15, 37, 200, unit="km", withdist=True, withcoord=True, sort="ASC"),
    lambda c: c.georadius("g", 15, 37, 200, unit="km", store="s"),
    lambda c: c.georadiusbymember("g", "Palermo", 200, unit="km", count=1, withhash=True),
    lambda c: c.georadiusbymember("g", "Palermo", 200, unit="km", store_dist="s"),
    lambda c: c.geosearch("g", member="Palermo", radius=200, unit="km", sort="DESC"),
    lambda c: c.geosearch("g", longitude=15, latitude=37, width=400, height=400, unit="km",
                          withdist=True, withhash=True, withcoord=True, count=2),
    lambda c: c.geosearchstore("s", "g", member="Palermo", radius=200, unit="km", storedist=True),
)  # fmt: skip


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode)
    assert {type(value) for value in answered} >= {int, float, list, tuple, type(None)}


def test_zscan_iter_gives_every_member_with_its_score() -> None:
    members = {b"m%d" % i: float(i) for i in range(300)}

    async def with_asyncio() -> dict[bytes, float]:
        async with dbx.aio.open() as db:
            await db.zadd("z", members)
            return {member: score async for member, score in db.zscan_iter("z", count=7)}

    with dbx.open() as ours:
        ours.zadd("z", members)
        assert dict(ours.zscan_iter("z", count=7)) == members
        assert dict(ours.zscan_iter("z", match="m29?", score_cast_func=int)) == {
            b"m29%d" % i: 290 + i for i in range(10)
        }
    assert asyncio.run(with_asyncio()) == members


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.zadd("z", {}),
        lambda c: c.zadd("z", {"a": 1}, nx=True, xx=True),
        lambda c: c.zadd("z", {"a": 1}, gt=True, lt=True),
        lambda c: c.zadd("z", {"a": 1, "b": 1}, incr=True),
        lambda c: c.zadd("z", {"a": 1}, nx=True, gt=True),
        lambda c: c.zmpop(1, ["z"]),
        lambda c: c.zmscore("z", []),
        lambda c: c.zrange("z", 0, 1, byscore=True, bylex=True),
        lambda c: c.zrange("z", 0, 1, byscore=True, offset=1),
        lambda c: c.zrange("z", 0, 1, bylex=True, withscores=True),
        lambda c: c.zrangebyscore("z", 0, 1, start=1),
        lambda c: c.zunion(["z"], aggregate="avg"),
        lambda c: c.geoadd("g", (1, 2)),
        lambda c: c.geoadd("g", (1, 2, "a"), nx=True, xx=True),
        lambda c: c.geodist("g", "a", "b", "x"),
        lambda c: c.georadius("g", 1, 1, 1, "x"),
        lambda c: c.georadius("g", 1, 1, 1, "m", any=True),
        lambda c: c.georadius("g", 1, 1, 1, "m", sort="x"),
        lambda c: c.georadius("g", 1, 1, 1, "m", store="a", store_dist="b"),
        lambda c: c.geosearch("g"),
        lambda c: c.geosearch("g", member="a", longitude=1, latitude=1, radius=1),
        lambda c: c.geosearch("g", member="a"),
        lambda c: c.geosearch("g", member="a", radius=1, unit="x"),
        lambda c: c.geosearch("g", member="a", radius=1, width=1, height=1),
        lambda c: c.geosearch("g", member="a", radius=1, sort="x"),
        lambda c: c.geosearch("g", member="a", radius=1, any=True),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(call: Callable[[Any], Any]) -> None:
    with dbx.open() as ours, pytest.raises(dbx.DataError):
        call(ours)
