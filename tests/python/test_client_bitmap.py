"""redis-py's methods for bitmaps and HyperLogLogs: the same calls on redis-py with a real server
and on DBX, alone, in a pipeline and with asyncio, return the same values."""

from __future__ import annotations

import pytest

from tests.support import sameness
from tests.support.servers import RedisServer

CALLS: tuple[sameness.Call, ...] = (
    lambda c: c.setbit("b", 7, 1),
    lambda c: c.setbit("b", 7, True),
    lambda c: c.setbit("b", 100, False),
    lambda c: c.getbit("b", 7),
    lambda c: c.getbit("none", 7),
    lambda c: c.set("t", b"\x00\xff\xf0"),
    lambda c: c.bitcount("t"),
    lambda c: c.bitcount("t", 1, -1),
    lambda c: c.bitcount("t", 1, 9, "BIT"),
    lambda c: c.bitpos("t", 1),
    lambda c: c.bitpos("t", 0, 1),
    lambda c: c.bitpos("t", 1, 2, -1, "BYTE"),
    lambda c: c.bitpos("none", 1),
    lambda c: c.bitop("AND", "d", "b", "t"),
    lambda c: c.bitop("not", "d", "t"),
    lambda c: c.get("b"),
    lambda c: c.bitfield("f").set("u8", 0, 200).get("u4", "#1").execute(),
    lambda c: c.bitfield("f", "SAT").incrby("u8", 0, 100).get("i5", 3).execute(),
    lambda c: c.bitfield("f").incrby("u8", 0, 100, "FAIL").set("i8", "#2", -1).execute(),
    lambda c: c.bitfield_ro("f", "u8", 0),
    lambda c: c.bitfield_ro("f", "u8", "#0", [("i8", "#2"), ("u2", 1)]),
    lambda c: c.pfadd("h", "a", b"b", 3, 4.5),
    lambda c: c.pfadd("h", "a"),
    lambda c: c.pfadd("h"),
    lambda c: c.pfadd("i", *range(1000)),
    lambda c: c.pfcount("h"),
    lambda c: c.pfcount("h", "i", "none"),
    lambda c: c.pfcount("none"),
    lambda c: c.pfmerge("m", "h", "i"),
    lambda c: c.pfmerge("m"),
    lambda c: c.pfcount("m"),
)


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode)
    assert {type(value) for value in answered} >= {int, list, bool}
