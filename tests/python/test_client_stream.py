"""redis-py's methods for streams: the same calls on redis-py with a real server and on DBX, alone,
in a pipeline and with asyncio, return the same values."""

from __future__ import annotations

from typing import Any

import pytest

import dbx
from tests.support import sameness
from tests.support.servers import RedisServer

CALLS: tuple[sameness.Call, ...] = (
    *(lambda c, i=i: c.xadd("s", {"f": i, "g": "v"}, id=f"{i}-0") for i in range(1, 8)),
    lambda c: c.xadd("none", {"f": 1}, nomkstream=True),
    lambda c: c.xadd("s", {"f": 8}, id="8-0", maxlen=7, approximate=False),
    lambda c: c.xlen("s"),
    lambda c: c.xrange("s", min="2-0", max="3-0"),
    lambda c: c.xrange("none"),
    lambda c: c.xrevrange("s", count=2),
    lambda c: c.xread({"s": "6-0", "none": "0"}),
    lambda c: c.xread({"none": "0"}),
    lambda c: c.xgroup_create("s", "g", id="0"),
    lambda c: c.xgroup_create("new", "g", mkstream=True),
    lambda c: c.xgroup_createconsumer("s", "g", "c"),
    lambda c: c.xreadgroup("g", "a", {"s": ">"}, count=3),
    lambda c: c.xreadgroup("g", "b", {"s": ">"}, count=1),
    lambda c: c.xreadgroup("g", "a", {"s": "0"}),
    lambda c: c.xdel("s", "2-0"),
    lambda c: c.xreadgroup("g", "a", {"s": "0"}),
    lambda c: c.xack("s", "g", "3-0"),
    lambda c: c.xpending("s", "g"),
    lambda c: c.xpending("new", "g"),
    lambda c: c.xpending_range("s", "g", "-", "+", 10),
    lambda c: c.xpending_range("s", "g", "-", "+", 10, consumername="b"),
    lambda c: c.xpending_range("s", "g", "-", "+", 10, idle=10**9),
    lambda c: c.xclaim("s", "g", "b", 0, ["4-0"]),
    lambda c: c.xclaim("s", "g", "a", 0, ["4-0"], justid=True),
    lambda c: c.xclaim("s", "g", "a", 10**9, ["4-0"]),
    lambda c: c.xautoclaim("s", "g", "c", 0, count=2),
    lambda c: c.xautoclaim("s", "g", "b", 0, justid=True),
    lambda c: c.xinfo_stream("s"),
    lambda c: c.xinfo_stream("new"),
    lambda c: c.xinfo_stream("s", full=True),
    lambda c: c.xinfo_groups("s"),
    lambda c: c.xinfo_consumers("s", "g"),
    lambda c: c.xgroup_setid("s", "g", "6-0", entries_read=5),
    lambda c: c.xgroup_delconsumer("s", "g", "b"),
    lambda c: c.xgroup_destroy("new", "g"),
    lambda c: c.xtrim("s", maxlen=3, approximate=False),
    lambda c: c.xtrim("s", minid="8-0", approximate=False),
    lambda c: c.xrange("s"),
)

# How long ago something was, and how a server keeps a stream.
MASKED = {"time_since_delivered", "idle", "inactive", "radix-tree-keys", "radix-tree-nodes"}
A_TIME = 10**12  # milliseconds since 1970: nothing else here is as large


def masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: None if name in MASKED else masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return None if isinstance(value, int) and value > A_TIME else value


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "str"])
def test_methods_return_what_redis_pys_do(redis8: RedisServer, decode: bool) -> None:
    answered = sameness.check(CALLS, redis8, decode, masked)
    assert {type(value) for value in answered} >= {int, list, dict, bool, type(None)}


def test_words_given_to_execute_command_tell_the_shape_of_the_reply() -> None:
    with dbx.open() as db:
        db.xadd("s", {"f": 1}, id="1-0")
        db.xgroup_create("s", "g", id="0")
        assert db.execute_command("XPENDING", "s", "g", "-", "+", 10) == []
        db.xreadgroup("g", "a", {"s": ">"})
        (entry,) = db.execute_command("XPENDING", "s", "g", "-", "+", 10)
        assert entry["message_id"] == b"1-0"
        assert db.execute_command("XPENDING", "s", "g")["pending"] == 1
        assert db.execute_command("XCLAIM", "s", "g", "b", 0, "1-0", "JUSTID") == [b"1-0"]
        assert db.execute_command("XCLAIM", "s", "g", "b", 0, "1-0") == [(b"1-0", {b"f": b"1"})]
        assert db.execute_command("XAUTOCLAIM", "s", "g", "b", 0, 0, "JUSTID")[1] == [b"1-0"]
        assert db.execute_command("XINFO STREAM", "s", "FULL")["length"] == 1
