"""Commands on members of sorted sets: adding, removing, scores, ranks, taking from the ends."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.expect import (
    NOT_A_FLOAT,
    NOT_AN_INTEGER,
    SYNTAX,
    WRONG_TYPE,
    arity_error,
    error,
)

pytestmark = pytest.mark.tiny_buffer

INLINE = "collection-inline-size"


@contextlib.contextmanager
def setting(r: Any, name: str, value: object) -> Iterator[None]:
    """A setting for as long as it is needed; a real Redis does not know all of them."""
    before = r.config_get(name)
    if before:
        r.config_set(name, value)
    try:
        yield
    finally:
        if before:
            r.config_set(name, before[name])


def real(reply: Any) -> float | None:
    return None if reply is None else float(reply)


def pairs(reply: Any) -> list[tuple[bytes, float]]:
    """Members with scores: in RESP3 an array of pairs, in RESP2 one after the other."""
    if reply and isinstance(reply[0], list | tuple):
        return [(member, float(score)) for member, score in reply]
    return [(m, float(s)) for m, s in zip(reply[::2], reply[1::2], strict=True)]


def everything(r: Any, name: str) -> list[tuple[bytes, float]]:
    return pairs(r.execute_command("ZRANGE", name, 0, -1, "WITHSCORES"))


def test_zadd_counts_members_that_are_new(r: Any) -> None:
    assert r.execute_command("ZADD", "z", 1, "a", 2, "b", 3, "a") == 2
    assert r.execute_command("ZADD", "z", 1, "a", 2.5, "c") == 1
    assert everything(r, "z") == [(b"a", 1), (b"b", 2), (b"c", 2.5)]
    assert r.execute_command("ZCARD", "z") == 3
    assert r.execute_command("ZCARD", "none") == 0


def test_zadd_options_say_what_is_changed(r: Any) -> None:
    r.execute_command("ZADD", "z", 1, "a", 5, "b")
    assert r.execute_command("ZADD", "z", "NX", 9, "a", 9, "c") == 1
    assert r.execute_command("ZADD", "z", "XX", 2, "a", 9, "d") == 0
    assert r.execute_command("ZADD", "z", "XX", "CH", 3, "a", 5, "b") == 1
    assert r.execute_command("ZADD", "z", "GT", "CH", 1, "a", 6, "b", 1, "d") == 2
    assert r.execute_command("ZADD", "z", "LT", "CH", 1, "a", 7, "b") == 1
    assert r.execute_command("ZADD", "none", "XX", 1, "a") == 0
    assert r.execute_command("EXISTS", "none") == 0
    assert everything(r, "z") == [(b"a", 1), (b"d", 1), (b"b", 6), (b"c", 9)]


def test_zadd_incr_replies_with_the_score_or_nothing(r: Any) -> None:
    def zadd(*args: Any) -> float | None:
        return real(r.execute_command("ZADD", "z", *args, as_score=True))

    assert zadd("INCR", 1.5, "a") == 1.5
    assert zadd("INCR", 2, "a") == 3.5
    assert zadd("NX", "INCR", 2, "a") is None
    assert zadd("LT", "INCR", 2, "a") is None
    assert zadd("XX", "INCR", 2, "b") is None
    assert real(r.execute_command("ZINCRBY", "z", -0.5, "a")) == 3
    assert real(r.execute_command("ZINCRBY", "z", "inf", "a")) == math.inf
    assert error(r, "ZINCRBY", "z", "-inf", "a") == "resulting score is not a number (NaN)"
    assert real(r.execute_command("ZSCORE", "z", "a")) == math.inf


def test_zadd_refuses_what_does_not_fit_together(r: Any) -> None:
    together = "options at the same time are not compatible"
    assert error(r, "ZADD", "z", "NX", "XX", 1, "a") == f"XX and NX {together}"
    for options in (("NX", "GT"), ("NX", "LT"), ("GT", "LT")):
        assert error(r, "ZADD", "z", *options, 1, "a") == f"GT, LT, and/or NX {together}"
    only = "INCR option supports a single increment-element pair"
    assert error(r, "ZADD", "z", "INCR", 1, "a", 2, "b") == only
    assert error(r, "ZADD", "z", 1, "a", 2) == SYNTAX
    assert error(r, "ZADD", "z", "NX", "CH") == SYNTAX
    for score in ("x", "", "nan", "1 ", " 1", "1e400"):
        assert error(r, "ZADD", "z", 1, "a", score, "b") == NOT_A_FLOAT
    assert r.execute_command("EXISTS", "z") == 0


@pytest.mark.parametrize(
    ("written", "read"),
    [("0x10", b"16"), ("1e3", b"1000"), ("-inf", b"-inf"), ("+Infinity", b"inf"), (".5", b"0.5"),
     ("0.1", b"0.1"), ("1e20", b"1e+20"), ("3.0", b"3"), ("123456789.123", b"123456789.123"),
     ("-0", b"0"), ("5e-324", b"5e-324"), ("1e-7", b"1e-7")],
)  # fmt: skip
def test_scores_are_read_and_printed_as_redis_does(r: Any, written: str, read: bytes) -> None:
    r.execute_command("ZADD", "z", written, "a")
    score = r.execute_command("ZSCORE", "z", "a")
    assert score in (read, float(read))


def test_a_negative_zero_is_kept_in_a_skiplist(r: Any) -> None:
    with setting(r, "zset-max-listpack-entries", 0):
        for inline in (0, 1024):
            with setting(r, INLINE, inline):
                r.execute_command("DEL", "z")
                r.execute_command("ZADD", "z", "-0", "b", 0, "a", "-1", "c")
                scores = everything(r, "z")
                assert [member for member, _ in scores] == [b"c", b"a", b"b"]
                assert [math.copysign(1, score) for _, score in scores] == [-1, 1, -1]
                assert math.copysign(1, float(r.execute_command("ZSCORE", "z", "b"))) == -1


def test_zrem_and_the_last_member_takes_the_set_with_it(r: Any) -> None:
    r.execute_command("ZADD", "z", 1, "a", 2, "b")
    assert r.execute_command("ZREM", "z", "a", "none", "a") == 1
    assert r.execute_command("ZREM", "z", "b") == 1
    assert r.execute_command("EXISTS", "z") == 0
    assert r.execute_command("ZREM", "z", "b") == 0


def test_scores_and_ranks_of_members(r: Any) -> None:
    r.execute_command("ZADD", "z", 1, "a", 2, "b", 2, "c")
    assert [real(s) for s in r.execute_command("ZMSCORE", "z", "c", "x", "a")] == [2, None, 1]
    assert r.execute_command("ZMSCORE", "none", "c", "x") == [None, None]
    assert r.execute_command("ZSCORE", "z", "x") is None
    assert r.execute_command("ZSCORE", "none", "x") is None
    assert r.execute_command("ZRANK", "z", "c") == 2
    assert r.execute_command("ZREVRANK", "z", "c") == 0
    assert r.execute_command("ZRANK", "z", "x") is None
    rank, score = r.execute_command("ZRANK", "z", "b", "WITHSCORE")
    assert (rank, float(score)) == (1, 2)
    rank, score = r.execute_command("ZREVRANK", "z", "a", "withscore")
    assert (rank, float(score)) == (2, 1)
    assert r.execute_command("ZREVRANK", "z", "x", "WITHSCORE") is None
    assert error(r, "ZRANK", "z", "a", "WITHSCORES") == SYNTAX
    assert error(r, "ZRANK", "z", "a", "WITHSCORE", "x") == arity_error("zrank")


def test_zpopmin_and_zpopmax_take_from_the_ends(r: Any) -> None:
    r.execute_command("ZADD", "z", 1, "a", 2, "b", 3, "c", 4, "d", 5, "e")
    assert pairs(r.execute_command("ZPOPMIN", "z")) == [(b"a", 1)]
    assert pairs(r.execute_command("ZPOPMAX", "z", 2)) == [(b"e", 5), (b"d", 4)]
    assert r.execute_command("ZPOPMAX", "z", 0) == []
    assert pairs(r.execute_command("ZPOPMIN", "z", 9)) == [(b"b", 2), (b"c", 3)]
    assert r.execute_command("EXISTS", "z") == 0
    assert r.execute_command("ZPOPMIN", "z") == []
    positive = "value is out of range, must be positive"
    assert error(r, "ZPOPMIN", "z", -1) == positive
    assert error(r, "ZPOPMAX", "z", "x") == positive
    assert error(r, "ZPOPMAX", "z", 1, 2) == SYNTAX


def test_zmpop_takes_from_the_first_set_that_has_any(r: Any) -> None:
    r.execute_command("ZADD", "z", 1, "a", 2, "b", 3, "c")
    name, taken = r.execute_command("ZMPOP", 2, "none", "z", "MIN")
    assert (name, pairs(taken)) == (b"z", [(b"a", 1)])
    name, taken = r.execute_command("ZMPOP", 1, "z", "MAX", "COUNT", 5)
    assert (name, pairs(taken)) == (b"z", [(b"c", 3), (b"b", 2)])
    assert r.execute_command("ZMPOP", 2, "none", "z", "MIN") is None
    assert error(r, "ZMPOP", 0, "z", "MIN") == "numkeys should be greater than 0"
    assert error(r, "ZMPOP", 1, "z", "MIN", "COUNT", 0) == "count should be greater than 0"
    assert error(r, "ZMPOP", 1, "z", "MID") == SYNTAX
    assert error(r, "ZMPOP", 2, "z", "MIN") == SYNTAX


@pytest.mark.parametrize("inline", [0, 1024])
def test_random_members(r: Any, inline: int) -> None:
    with setting(r, INLINE, inline):
        scores = {b"m%d" % i: float(i) for i in range(30)}
        for member, score in scores.items():
            r.execute_command("ZADD", "z", score, member)
        assert r.execute_command("ZRANDMEMBER", "z") in scores
        assert r.execute_command("ZRANDMEMBER", "none") is None
        assert r.execute_command("ZRANDMEMBER", "none", 3) == []
        for count in (1, 5, 20, 30, 40):
            drawn = pairs(r.execute_command("ZRANDMEMBER", "z", count, "WITHSCORES"))
            assert len(dict(drawn)) == len(drawn) == min(count, 30)
            assert all(scores[member] == score for member, score in drawn)
        assert len(r.execute_command("ZRANDMEMBER", "z", -100)) == 100
        assert len(set(r.execute_command("ZRANDMEMBER", "z", -1000))) == 30
        assert error(r, "ZRANDMEMBER", "z", "x") == NOT_AN_INTEGER
        assert error(r, "ZRANDMEMBER", "z", 1, "SCORES") == SYNTAX


@pytest.mark.parametrize("inline", [0, 1024])
def test_zscan_meets_every_member(r: Any, inline: int) -> None:
    with setting(r, INLINE, inline):
        for i in range(300):
            r.execute_command("ZADD", "z", i + 0.1, f"m{i}")
        cursor, met = b"0", {}
        while True:
            cursor, items = r.execute_command("ZSCAN", "z", cursor, "COUNT", 20)
            met |= dict(
                items
                if items and isinstance(items[0], tuple)
                else zip(items[::2], items[1::2], strict=True)
            )
            if int(cursor) == 0:
                break
            cursor = b"%d" % int(cursor)
        assert {m: float(s) for m, s in met.items()} == {b"m%d" % i: i + 0.1 for i in range(300)}
        cursor, items = r.execute_command("ZSCAN", "z", 0, "MATCH", "none*", "COUNT", 1000)
        assert (int(cursor), list(items)) == (0, [])
        cursor, items = r.execute_command("ZSCAN", "none", 0)
        assert (int(cursor), list(items)) == (0, [])
        assert error(r, "ZSCAN", "z", "x") == "invalid cursor"


def test_the_encoding_is_what_redis_says(r: Any) -> None:
    def encoding(name: str) -> Any:
        return r.execute_command("OBJECT", "ENCODING", name)

    r.execute_command("ZADD", "z", *(x for i in range(128) for x in (i, i)))
    assert encoding("z") == b"listpack"
    r.execute_command("ZADD", "z", 1, "more")
    assert encoding("z") == b"skiplist"
    r.execute_command("ZREM", "z", "more", *range(100))
    assert encoding("z") == b"skiplist"
    r.execute_command("ZADD", "long", 1, "x" * 64)
    assert encoding("long") == b"listpack"
    r.execute_command("ZADD", "long", 1, "x" * 65)
    assert encoding("long") == b"skiplist"
    r.execute_command("ZADD", "same", *(x for i in range(129) for x in (i, "m")))
    assert encoding("same") == b"skiplist"
    r.execute_command("ZUNIONSTORE", "u", 1, "z")
    assert encoding("u") == b"listpack"
    r.execute_command("ZRANGESTORE", "s", "long", 0, -1)
    assert encoding("s") == b"skiplist"


def test_another_type_is_refused(r: Any) -> None:
    r.set("s", "x")
    for call in (
        ("ZADD", "s", 1, "a"), ("ZINCRBY", "s", 1, "a"), ("ZREM", "s", "a"), ("ZCARD", "s"),
        ("ZSCORE", "s", "a"), ("ZMSCORE", "s", "a"), ("ZRANK", "s", "a"), ("ZREVRANK", "s", "a"),
        ("ZPOPMIN", "s"), ("ZPOPMAX", "s"), ("ZMPOP", 1, "s", "MIN"), ("ZRANDMEMBER", "s"),
        ("ZSCAN", "s", 0),
    ):  # fmt: skip
        assert error(r, *call) == WRONG_TYPE


@pytest.mark.parametrize(("seed", "inline"), [(0, 1024), (1, 0), (2, 200)])
def test_random_changes_of_sets_that_grow_and_shrink(r: Any, seed: int, inline: int) -> None:
    rand = random.Random(seed)
    long = (64, 65, 1006, 1007, 1008, 5000, 33_000)
    model: dict[bytes, float] = {}
    with setting(r, INLINE, inline):
        for step in range(400):
            member = b"m%d" % rand.randrange(90)
            if rand.random() < 0.05:
                member += b"M" * rand.choice(long)
            score = float(rand.choice((0, 1, -1, rand.randrange(-99, 99), rand.random())))
            if rand.random() < 0.7:
                assert r.execute_command("ZADD", "z", score, member) == (member not in model)
                model[member] = score
            elif model and rand.random() < 0.2:
                taken = pairs(r.execute_command(rand.choice(("ZPOPMIN", "ZPOPMAX")), "z", 2))
                assert all(model.pop(m) == s for m, s in taken)
            else:
                assert r.execute_command("ZREM", "z", member) == (member in model)
                model.pop(member, None)
            if model and step % 20 == 0:
                order = sorted(model, key=lambda m: (model[m], m))
                some = rand.choice(order)
                assert r.execute_command("ZRANK", "z", some) == order.index(some)
                at = rand.randrange(len(order))
                assert r.execute_command("ZRANGE", "z", at, at) == [order[at]]
        assert everything(r, "z") == sorted(model.items(), key=lambda item: (item[1], item[0]))
        assert r.execute_command("COPY", "z", "copy") in (1, True)
        r.execute_command("DEL", "z")
        assert dict(everything(r, "copy")) == model
