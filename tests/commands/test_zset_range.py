"""Ranges of sorted sets, and what is made of several."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, error
from tests.commands.test_zset import INLINE, everything, pairs, setting

pytestmark = pytest.mark.tiny_buffer

NOT_SCORES = "min or max is not a float"
NOT_MEMBERS = "min or max not valid string range item"


@pytest.fixture(params=[0, 1024], ids=["spread", "inline"])
def z(request: pytest.FixtureRequest, r: Any) -> Any:
    """Ten members, m0 to m9, with the scores 0 to 9; the same in `same`, which all score 0."""
    with setting(r, INLINE, request.param):
        r.execute_command("ZADD", "z", *(x for i in range(10) for x in (i, f"m{i}")))
        r.execute_command("ZADD", "same", *(x for i in range(10) for x in (0, f"m{i}")))
        yield r


def m(*numbers: int) -> list[bytes]:
    return [b"m%d" % i for i in numbers]


def test_by_index(z: Any) -> None:
    assert z.execute_command("ZRANGE", "z", 0, 2) == m(0, 1, 2)
    assert z.execute_command("ZRANGE", "z", -2, -1) == m(8, 9)
    assert z.execute_command("ZRANGE", "z", 5, 100) == m(5, 6, 7, 8, 9)
    assert z.execute_command("ZRANGE", "z", -100, 0) == m(0)
    assert z.execute_command("ZRANGE", "z", 3, 2) == []
    assert z.execute_command("ZRANGE", "z", 10, 12) == []
    assert z.execute_command("ZRANGE", "none", 0, -1) == []
    assert z.execute_command("ZRANGE", "z", 0, 2, "REV") == m(9, 8, 7)
    assert z.execute_command("ZREVRANGE", "z", 1, 3) == m(8, 7, 6)
    assert pairs(z.execute_command("ZREVRANGE", "z", 0, 0, "WITHSCORES")) == [(b"m9", 9)]
    assert pairs(z.execute_command("ZRANGE", "z", 4, 4, "withscores")) == [(b"m4", 4)]


def test_by_score(z: Any) -> None:
    for call, expected in (
        (("ZRANGEBYSCORE", "z", 2, 4), m(2, 3, 4)),
        (("ZRANGEBYSCORE", "z", "(2", "(4"), m(3)),
        (("ZRANGEBYSCORE", "z", "-inf", 1), m(0, 1)),
        (("ZRANGEBYSCORE", "z", 8, "+inf"), m(8, 9)),
        (("ZRANGEBYSCORE", "z", 4, 2), []),
        (("ZRANGEBYSCORE", "z", "(2", "(2"), []),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", 2, 3), m(2, 3, 4)),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", 7, -1), m(7, 8, 9)),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", 20, 3), []),
        (("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", 0, 0), []),
        (("ZREVRANGEBYSCORE", "z", 4, 2), m(4, 3, 2)),
        (("ZREVRANGEBYSCORE", "z", 4, 2, "LIMIT", 1, 1), m(3)),
        (("ZRANGE", "z", 2, 4, "BYSCORE"), m(2, 3, 4)),
        (("ZRANGE", "z", "(4", 2, "BYSCORE", "REV"), m(3, 2)),
        (("ZRANGE", "z", 4, 2, "BYSCORE", "REV", "LIMIT", 0, 2), m(4, 3)),
    ):
        assert z.execute_command(*call) == expected
    scored = z.execute_command("ZRANGEBYSCORE", "z", 2, 3, "WITHSCORES", "LIMIT", 0, 1)
    assert pairs(scored) == [(b"m2", 2)]
    assert z.execute_command("ZCOUNT", "z", "(0", 3) == 3
    assert z.execute_command("ZCOUNT", "z", "-inf", "+inf") == 10
    assert z.execute_command("ZCOUNT", "none", 0, 1) == 0


def test_by_member(z: Any) -> None:
    for call, expected in (
        (("ZRANGEBYLEX", "same", "[m2", "[m4"), m(2, 3, 4)),
        (("ZRANGEBYLEX", "same", "(m2", "(m4"), m(3)),
        (("ZRANGEBYLEX", "same", "-", "(m1"), m(0)),
        (("ZRANGEBYLEX", "same", "[m88", "+"), m(9)),
        (("ZRANGEBYLEX", "same", "+", "-"), []),
        (("ZRANGEBYLEX", "same", "[m4", "[m2"), []),
        (("ZRANGEBYLEX", "same", "-", "+", "LIMIT", 3, 2), m(3, 4)),
        (("ZREVRANGEBYLEX", "same", "[m4", "[m2"), m(4, 3, 2)),
        (("ZREVRANGEBYLEX", "same", "+", "-", "LIMIT", 1, 2), m(8, 7)),
        (("ZRANGE", "same", "[m2", "[m4", "BYLEX"), m(2, 3, 4)),
        (("ZRANGE", "same", "[m4", "-", "BYLEX", "REV"), m(4, 3, 2, 1, 0)),
    ):
        assert z.execute_command(*call) == expected
    assert z.execute_command("ZLEXCOUNT", "same", "(m2", "+") == 7
    assert z.execute_command("ZLEXCOUNT", "same", "-", "+") == 10
    assert z.execute_command("ZLEXCOUNT", "none", "-", "+") == 0


def test_what_is_not_a_range_is_refused(r: Any) -> None:
    for score in ("x", "(x", "nan", "0x10", " 1", "1 ", "(("):
        assert error(r, "ZRANGEBYSCORE", "z", score, 1) == NOT_SCORES
        assert error(r, "ZCOUNT", "z", 1, score) == NOT_SCORES
        assert error(r, "ZREMRANGEBYSCORE", "z", 1, score) == NOT_SCORES
    for member in ("x", "", "-x", "++"):
        assert error(r, "ZRANGEBYLEX", "z", member, "+") == NOT_MEMBERS
        assert error(r, "ZLEXCOUNT", "z", "-", member) == NOT_MEMBERS
        assert error(r, "ZREMRANGEBYLEX", "z", "-", member) == NOT_MEMBERS
    assert error(r, "ZRANGE", "z", "x", 1) == NOT_AN_INTEGER
    assert error(r, "ZREMRANGEBYRANK", "z", 0, "x") == NOT_AN_INTEGER
    limit = "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
    assert error(r, "ZRANGE", "z", 0, 1, "LIMIT", 0, 1) == limit
    scores = "syntax error, WITHSCORES not supported in combination with BYLEX"
    assert error(r, "ZRANGE", "z", "-", "+", "BYLEX", "WITHSCORES") == scores
    assert error(r, "ZRANGE", "z", 0, 1, "BYSCORE", "BYLEX") == SYNTAX
    assert error(r, "ZRANGE", "z", 0, 1, "BYSCORE", "LIMIT", 0) == SYNTAX
    assert error(r, "ZREVRANGE", "z", 0, 1, "REV") == SYNTAX
    assert error(r, "ZRANGESTORE", "d", "z", 0, 1, "WITHSCORES") == SYNTAX


def test_ranges_are_stored(z: Any) -> None:
    assert z.execute_command("ZRANGESTORE", "d", "z", 1, 3) == 3
    assert everything(z, "d") == [(b"m1", 1), (b"m2", 2), (b"m3", 3)]
    assert z.execute_command("ZRANGESTORE", "d", "z", "(5", "+inf", "BYSCORE", "LIMIT", 1, 2) == 2
    assert everything(z, "d") == [(b"m7", 7), (b"m8", 8)]
    assert z.execute_command("ZRANGESTORE", "d", "z", 0, 1, "REV") == 2
    assert everything(z, "d") == [(b"m8", 8), (b"m9", 9)]
    assert z.execute_command("ZRANGESTORE", "same", "same", "[m3", "+", "BYLEX") == 7
    assert z.execute_command("ZCARD", "same") == 7
    z.set("s", "x")
    assert z.execute_command("ZRANGESTORE", "s", "z", 0, 0) == 1
    assert z.execute_command("TYPE", "s") == b"zset"
    assert z.execute_command("ZRANGESTORE", "s", "none", 0, -1) == 0
    assert z.execute_command("EXISTS", "s") == 0


def test_ranges_are_removed(z: Any) -> None:
    assert z.execute_command("ZREMRANGEBYRANK", "z", 0, 1) == 2
    assert z.execute_command("ZREMRANGEBYRANK", "z", -1, -1) == 1
    assert z.execute_command("ZREMRANGEBYSCORE", "z", "(3", 5) == 2
    assert z.execute_command("ZRANGE", "z", 0, -1) == m(2, 3, 6, 7, 8)
    assert z.execute_command("ZREMRANGEBYLEX", "same", "[m1", "(m8") == 7
    assert z.execute_command("ZRANGE", "same", 0, -1) == m(0, 8, 9)
    assert z.execute_command("ZREMRANGEBYSCORE", "z", 100, 200) == 0
    assert z.execute_command("ZREMRANGEBYRANK", "z", 0, -1) == 5
    assert z.execute_command("EXISTS", "z") == 0
    assert z.execute_command("ZREMRANGEBYLEX", "none", "-", "+") == 0


def test_unions_intersections_and_differences(z: Any) -> None:
    z.execute_command("ZADD", "a", 1, "x", 2, "y", 3, "w")
    z.execute_command("ZADD", "b", 10, "y", 20, "w", 30, "v")
    assert pairs(z.execute_command("ZUNION", 2, "a", "b", "WITHSCORES")) == [
        (b"x", 1), (b"y", 12), (b"w", 23), (b"v", 30),
    ]  # fmt: skip
    assert z.execute_command("ZINTER", 2, "a", "b") == [b"y", b"w"]
    assert z.execute_command("ZDIFF", 2, "a", "b") == [b"x"]
    assert pairs(z.execute_command("ZDIFF", 2, "b", "a", "WITHSCORES")) == [(b"v", 30)]
    weighed = ("ZINTER", 2, "a", "b", "WEIGHTS", 2, 0.5, "AGGREGATE")
    assert pairs(z.execute_command(*weighed, "SUM", "WITHSCORES")) == [(b"y", 9), (b"w", 16)]
    assert pairs(z.execute_command(*weighed, "MIN", "WITHSCORES")) == [(b"y", 4), (b"w", 6)]
    assert pairs(z.execute_command(*weighed, "MAX", "WITHSCORES")) == [(b"y", 5), (b"w", 10)]
    assert z.execute_command("ZINTERCARD", 2, "a", "b") == 2
    assert z.execute_command("ZINTERCARD", 2, "a", "b", "LIMIT", 1) == 1
    assert z.execute_command("ZINTERCARD", 2, "a", "none") == 0
    assert z.execute_command("ZUNIONSTORE", "a", 2, "a", "b", "AGGREGATE", "MAX") == 4
    assert everything(z, "a") == [(b"x", 1), (b"y", 10), (b"w", 20), (b"v", 30)]
    assert z.execute_command("ZINTERSTORE", "d", 2, "a", "b", "WEIGHTS", 1, -1) == 3
    assert everything(z, "d") == [(b"v", 0), (b"w", 0), (b"y", 0)]
    assert z.execute_command("ZDIFFSTORE", "d", 2, "a", "b") == 1
    assert everything(z, "d") == [(b"x", 1)]
    assert z.execute_command("ZDIFFSTORE", "d", 2, "a", "a") == 0
    assert z.execute_command("EXISTS", "d") == 0


def test_infinite_scores_that_cancel_each_other_are_zero(r: Any) -> None:
    r.execute_command("ZADD", "a", "inf", "x")
    r.execute_command("ZADD", "b", "-inf", "x")
    assert pairs(r.execute_command("ZUNION", 2, "a", "b", "WITHSCORES")) == [(b"x", 0)]
    assert pairs(r.execute_command("ZINTER", 1, "a", "WEIGHTS", 0, "WITHSCORES")) == [(b"x", 0)]


def test_what_is_no_union_is_refused(r: Any) -> None:
    r.set("s", "x")
    assert error(r, "ZUNION", "x", "a") == NOT_AN_INTEGER
    assert error(r, "ZUNION", 0, "a") == "at least 1 input key is needed for 'zunion' command"
    assert error(r, "ZINTERCARD", 3, "a") == SYNTAX
    assert error(r, "ZUNION", 2, "s", "a", "x") == WRONG_TYPE
    assert error(r, "ZUNION", 2, "a", "b", "WEIGHTS", 1) == SYNTAX
    assert error(r, "ZUNION", 1, "a", "WEIGHTS", "x") == "weight value is not a float"
    assert error(r, "ZUNION", 1, "a", "AGGREGATE", "AVG") == SYNTAX
    assert error(r, "ZDIFF", 1, "a", "WEIGHTS", 1) == SYNTAX
    assert error(r, "ZUNIONSTORE", "d", 1, "a", "WITHSCORES") == SYNTAX
    assert error(r, "ZINTERCARD", 1, "a", "LIMIT", -1) == "LIMIT can't be negative"


def test_ranges_of_a_large_set_agree_with_a_sorted_list(r: Any) -> None:
    rand = random.Random(7)
    scores = {b"member:%d" % i: float(rand.randrange(500)) for i in range(1500)}
    items = list(scores.items())
    for at in range(0, len(items), 100):
        r.execute_command("ZADD", "z", *(x for k, v in items[at : at + 100] for x in (v, k)))
    order = sorted(scores, key=lambda k: (scores[k], k))
    for _ in range(60):
        low, high = sorted((rand.randrange(1500), rand.randrange(1500)))
        assert r.execute_command("ZRANGE", "z", low, high) == order[low : high + 1]
        assert r.execute_command("ZRANGE", "z", low, low + 5, "REV") == order[::-1][low : low + 6]
        member = rand.choice(order)
        assert r.execute_command("ZRANK", "z", member) == order.index(member)
        least, most = sorted((rand.randrange(500), rand.randrange(500)))
        found = [k for k in order if least <= scores[k] < most]
        assert r.execute_command("ZCOUNT", "z", least, f"({most}") == len(found)
        assert r.execute_command("ZRANGEBYSCORE", "z", least, f"({most}") == found
        part = r.execute_command("ZREVRANGEBYSCORE", "z", f"({most}", least, "LIMIT", 300, 7)
        assert part == found[::-1][300:307]


def test_a_reply_longer_than_memory_should_hold_is_streamed(r: Any) -> None:
    for i in range(40):
        r.execute_command("ZADD", "z", i, b"%02d" % i + b"x" * 40_000)
    found = pairs(r.execute_command("ZRANGE", "z", 0, -1, "WITHSCORES"))
    assert [(member[:2], score) for member, score in found] == [(b"%02d" % i, i) for i in range(40)]
    assert {len(member) for member, _ in found} == {40_002}
    back = r.execute_command("ZREVRANGEBYSCORE", "z", "+inf", "-inf")
    assert [member[:2] for member in back] == [b"%02d" % i for i in reversed(range(40))]
