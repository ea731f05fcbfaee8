"""Commands on lists, inline, spread, and changing from one to the other, with elements of any
length. What a list is compared with is a Python list."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, arity_error, error

pytestmark = pytest.mark.tiny_buffer

POSITIVE = "value is out of range, must be positive"
LONG = b"L" * 40_000  # kept in chunks
MIDDLE = b"M" * 1500  # larger than a node


def setting(r: Any, name: str, value: Any = None) -> Any:
    """A setting's value, which is changed if there is a new one; None: a server without it."""
    reply = r.execute_command("CONFIG", "GET", name)
    found = list(reply.values() if isinstance(reply, dict) else reply[1:2])
    if found and value is not None:
        r.execute_command("CONFIG", "SET", name, value)
    return found[0] if found else None


@pytest.fixture(params=[None, 0, 60], ids=["inline", "spread", "between"])
def lists(r: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """`r`, with small lists kept inline, never, or only when they are very small."""
    before = setting(r, "collection-inline-size", request.param)
    yield r
    if before is not None:
        setting(r, "collection-inline-size", before)


def whole(r: Any, key: str) -> list[bytes]:
    found: list[bytes] = r.execute_command("LRANGE", key, 0, -1)
    return found


def call(r: Any, line: str) -> Any:
    return r.execute_command(*line.split())


# --- Pushing and popping --------------------------------------------------------------------------


def test_pushes_add_at_either_end_and_return_the_length(lists: Any) -> None:
    assert call(lists, "RPUSH l a b") == 2
    assert call(lists, "LPUSH l c d") == 4
    assert whole(lists, "l") == [b"d", b"c", b"a", b"b"]
    assert call(lists, "LLEN l") == 4
    assert call(lists, "LLEN none") == 0


def test_each_of_the_simple_commands_answers_with_a_length_or_an_element(r: Any) -> None:
    assert r.execute_command("LPUSH", "l", "b") == 1
    assert r.execute_command("LPUSHX", "l", "a") == 2
    assert r.execute_command("RPUSHX", "l", "c") == 3
    assert r.execute_command("RPOPLPUSH", "l", "l") == b"c"
    assert r.execute_command("LLEN", "l") == 3


def test_pushx_adds_only_to_a_list_that_exists(lists: Any) -> None:
    assert call(lists, "LPUSHX l a") == call(lists, "RPUSHX l a") == 0
    assert call(lists, "EXISTS l") == 0
    call(lists, "RPUSH l a")
    assert call(lists, "LPUSHX l b c") == 3
    assert call(lists, "RPUSHX l d") == 4
    assert whole(lists, "l") == [b"c", b"b", b"a", b"d"]


def test_pops_take_from_either_end_and_the_last_takes_the_list_with_it(lists: Any) -> None:
    call(lists, "RPUSH l a b c d e")
    assert call(lists, "LPOP l") == b"a"
    assert call(lists, "RPOP l") == b"e"
    assert call(lists, "LPOP l 0") == []
    assert call(lists, "RPOP l 2") == [b"d", b"c"]
    assert call(lists, "LPOP l 9") == [b"b"]
    assert call(lists, "EXISTS l") == 0
    assert call(lists, "LPOP l") is None
    assert call(lists, "RPOP l") is None
    assert call(lists, "LPOP l 0") is None
    assert call(lists, "RPOP l 3") is None


def test_a_count_of_pops_must_be_positive(r: Any) -> None:
    for name in ("LPOP", "RPOP"):
        assert error(r, name, "l", -1) == error(r, name, "l", "x") == POSITIVE
        assert error(r, name, "l", 1, 2) == arity_error(name.lower())
    r.set("s", "x")
    assert error(r, "LPOP", "s", -1) == POSITIVE


def test_what_is_pushed_at_one_end_is_popped_at_the_other(lists: Any) -> None:
    for push, pop in (("LPUSH", "RPOP"), ("RPUSH", "LPOP"), ("LPUSH", "LPOP"), ("RPUSH", "RPOP")):
        values = [b"value:%d" % i for i in range(1500)]
        for at in range(0, 1500, 50):
            lists.execute_command(push, "l", *values[at : at + 50])
        popped = [lists.execute_command(pop, "l") for _ in range(700)]
        while part := lists.execute_command(pop, "l", 90):
            popped += part
        assert popped == (values if push[0] != pop[0] else values[::-1])
        assert call(lists, "EXISTS l") == 0


def test_pops_alternate_at_both_ends(lists: Any) -> None:
    values = [b"%d" % i for i in range(400)]
    lists.execute_command("RPUSH", "l", *values)
    for i in range(200):
        assert call(lists, "LPOP l") == values[i]
        assert call(lists, "RPOP l") == values[-1 - i]


# --- Reading --------------------------------------------------------------------------------------


def test_ranges_are_those_of_redis(lists: Any) -> None:
    values = [b"v%d" % i for i in range(1000)]
    lists.execute_command("RPUSH", "l", *values[500:])
    lists.execute_command("LPUSH", "l", *values[499::-1])
    ends = (0, 1, 3, 99, 498, 502, 997, 999, 1000, 5000)
    for start in (*ends, *(-i for i in ends)):
        for stop in (*ends, *(-i for i in ends)):
            begin = max(start + 1000, 0) if start < 0 else start
            end = stop + 1000 if stop < 0 else stop
            found = lists.execute_command("LRANGE", "l", start, stop)
            assert found == values[begin : max(end + 1, 0)], (start, stop)
    assert call(lists, "LRANGE none 0 -1") == []


def test_lindex_counts_from_either_end(lists: Any) -> None:
    values = [b"v%d" % i for i in range(1000)]
    lists.execute_command("RPUSH", "l", *values)
    for at in (0, 1, 50, 300, 499, 500, 501, 900, 999, -1, -2, -60, -500, -700, -1000):
        assert lists.execute_command("LINDEX", "l", at) == values[at]
    for at in (1000, -1001, 2**62):
        assert lists.execute_command("LINDEX", "l", at) is None
    assert call(lists, "LINDEX none 0") is None


def test_indices_must_be_integers(r: Any) -> None:
    assert error(r, "LRANGE", "l", "a", 0) == error(r, "LRANGE", "l", 0, "1.5") == NOT_AN_INTEGER
    assert error(r, "LTRIM", "l", "a", 0) == error(r, "LTRIM", "l", 0, "") == NOT_AN_INTEGER
    assert call(r, "LINDEX none x") is None
    assert error(r, "LSET", "none", "x", "v") == "no such key"
    call(r, "RPUSH l a")
    assert error(r, "LINDEX", "l", "x") == error(r, "LSET", "l", "x", "v") == NOT_AN_INTEGER


def test_lpos_finds_matches_from_either_end(lists: Any) -> None:
    call(lists, "RPUSH l a b c 1 2 3 c c")
    assert call(lists, "LPOS l c") == 2
    assert call(lists, "LPOS l none") is None
    assert call(lists, "LPOS l c RANK 2") == 6
    assert call(lists, "LPOS l c RANK -1") == 7
    assert call(lists, "LPOS l c RANK -3") == 2
    assert call(lists, "LPOS l c RANK 4") is None
    assert call(lists, "LPOS l c COUNT 2") == [2, 6]
    assert call(lists, "LPOS l c COUNT 0") == [2, 6, 7]
    assert call(lists, "LPOS l c COUNT 0 RANK 2") == [6, 7]
    assert call(lists, "LPOS l c COUNT 0 RANK -2") == [6, 2]
    assert call(lists, "LPOS l c COUNT 0 MAXLEN 7") == [2, 6]
    assert call(lists, "LPOS l c rank -1 maxlen 1 count 0") == [7]
    assert call(lists, "LPOS l 1 RANK -1 MAXLEN 4") is None
    assert call(lists, "LPOS l none COUNT 1") == []
    assert call(lists, "LPOS none a COUNT 1") == []
    assert call(lists, "LPOS none a") is None


def test_lpos_finds_matches_in_large_lists(lists: Any) -> None:
    values = [b"x" if i % 7 == 0 else b"other:%d" % i for i in range(3000)]
    lists.execute_command("RPUSH", "l", *values)
    places = list(range(0, 3000, 7))
    assert call(lists, "LPOS l x COUNT 0") == places
    assert call(lists, "LPOS l x COUNT 0 RANK -1") == places[::-1]
    assert call(lists, "LPOS l x COUNT 5 RANK 200") == places[199:204]
    assert call(lists, "LPOS l other:2999") == 2999
    assert call(lists, "LPOS l other:1 RANK -1") == 1


def test_options_of_lpos_are_checked_before_the_key(r: Any) -> None:
    r.set("s", "x")
    for name, text in (
        ("COUNT", "COUNT can't be negative"),
        ("MAXLEN", "MAXLEN can't be negative"),
    ):
        assert error(r, "LPOS", "s", "a", name, -1) == error(r, "LPOS", "s", "a", name, "x") == text
    assert error(r, "LPOS", "s", "a", "RANK", 0).startswith("RANK can't be zero: use 1 to start")
    assert error(r, "LPOS", "s", "a", "RANK", "x") == NOT_AN_INTEGER
    assert error(r, "LPOS", "s", "a", "RANK", -(2**63)) == (
        "value is out of range, value must between -9223372036854775807 and 9223372036854775807"
    )
    assert error(r, "LPOS", "s", "a", "RANK") == error(r, "LPOS", "s", "a", "X", 1) == SYNTAX
    assert error(r, "LPOS", "s", "a", "RANK", 1, "COUNT") == SYNTAX
    assert error(r, "LPOS", "s", "a") == WRONG_TYPE


# --- Changing -------------------------------------------------------------------------------------


def test_lset_replaces_one_element(lists: Any) -> None:
    values = [b"v%d" % i for i in range(500)]
    lists.execute_command("RPUSH", "l", *values)
    for at in (0, 1, 250, 251, 499, -1, -3, -500):
        for element in (b"", MIDDLE, LONG, b"short"):
            assert lists.execute_command("LSET", "l", at, element) in (b"OK", True)
            values[at] = element
            assert lists.execute_command("LINDEX", "l", at) == element
        values[at] = b"%d" % at
        lists.execute_command("LSET", "l", at, values[at])
    assert whole(lists, "l") == values
    assert error(lists, "LSET", "l", 500, "x") == error(lists, "LSET", "l", -501, "x")
    assert error(lists, "LSET", "l", 500, "x") == "index out of range"
    assert error(lists, "LSET", "none", 0, "x") == "no such key"


def test_linsert_puts_an_element_beside_the_first_that_is_equal(lists: Any) -> None:
    call(lists, "RPUSH l a b a")
    assert call(lists, "LINSERT l BEFORE a 1") == 4
    assert call(lists, "LINSERT l after a 2") == 5
    assert call(lists, "LINSERT l AFTER none x") == -1
    assert call(lists, "LINSERT none AFTER a x") == 0
    assert whole(lists, "l") == [b"1", b"a", b"2", b"b", b"a"]
    assert error(lists, "LINSERT", "l", "beside", "a", "x") == SYNTAX


def test_linsert_many_times_at_one_place(lists: Any) -> None:
    model = [b"first", *(b"v%d" % i for i in range(300)), b"pivot", b"last"]
    lists.execute_command("RPUSH", "l", *model)
    for i in range(1200):
        element = b"%d" % i * (1 + i % 9)
        where = ("BEFORE", "AFTER")[i % 3 == 0]
        at = model.index(b"pivot") + (where == "AFTER")
        model.insert(at, element)
        assert lists.execute_command("LINSERT", "l", where, "pivot", element) == len(model)
    assert whole(lists, "l") == model


def test_lrem_removes_from_either_end(lists: Any) -> None:
    for count, kept in ((2, 3), (-2, 3), (0, 0), (99, 0), (-99, 0), (1, 4)):
        lists.execute_command("DEL", "l")
        model = [b"x" if i % 200 == 5 else b"v%d" % i for i in range(1000)]
        lists.execute_command("RPUSH", "l", *model)
        assert lists.execute_command("LREM", "l", count, "x") == 5 - kept
        for _ in range(5 - kept):
            at = len(model) - 1 - model[::-1].index(b"x") if count < 0 else model.index(b"x")
            del model[at]
        assert whole(lists, "l") == model
    assert call(lists, "LREM none 0 a") == 0
    assert error(lists, "LREM", "l", "x", "a") == NOT_AN_INTEGER


def test_lrem_of_everything_removes_the_list(lists: Any) -> None:
    lists.execute_command("RPUSH", "l", *[b"x"] * 3000)
    assert call(lists, "LREM l -2999 x") == 2999
    assert call(lists, "LREM l 0 x") == 1
    assert call(lists, "EXISTS l") == 0


def test_ltrim_keeps_a_range(lists: Any) -> None:
    values = [b"value:%d" % i for i in range(1000)]
    spans = ((0, -1), (1, -1), (0, -2), (5, 994), (100, 200), (999, 999), (-3, -2), (0, 0))
    for start, stop in (*spans, (5, 4), (1000, 2000), (-2000, -1500), (-2000, 5000)):
        lists.execute_command("DEL", "l")
        lists.execute_command("RPUSH", "l", *values)
        assert lists.execute_command("LTRIM", "l", start, stop) in (b"OK", True)
        end = stop + 1000 if stop < 0 else stop
        kept = values[max(start + 1000, 0) if start < 0 else start : max(end + 1, 0)]
        assert whole(lists, "l") == kept, (start, stop)
        assert lists.execute_command("EXISTS", "l") == bool(kept)
    assert call(lists, "LTRIM none 0 1") in (b"OK", True)


# --- Moving ---------------------------------------------------------------------------------------


def test_lmove_moves_between_lists(lists: Any) -> None:
    call(lists, "RPUSH a 1 2 3 4")
    assert call(lists, "LMOVE a b LEFT RIGHT") == b"1"
    assert call(lists, "LMOVE a b right left") == b"4"
    assert call(lists, "RPOPLPUSH a b") == b"3"
    assert call(lists, "LMOVE a b LEFT LEFT") == b"2"
    assert call(lists, "EXISTS a") == 0
    assert whole(lists, "b") == [b"2", b"3", b"4", b"1"]
    assert call(lists, "LMOVE a b LEFT LEFT") is None
    assert error(lists, "LMOVE", "a", "b", "LEFT", "UP") == SYNTAX


def test_lmove_turns_a_list(lists: Any) -> None:
    model = [b"a", LONG, b"c", MIDDLE]
    lists.execute_command("RPUSH", "l", *model)
    for _ in range(5):
        for call_, at, to in (("LMOVE l l LEFT RIGHT", 0, 4), ("RPOPLPUSH l l", -1, 0)):
            element = model.pop(at)
            assert call(lists, call_) == element
            model.insert(to, element)
            assert whole(lists, "l") == model
        assert call(lists, "LMOVE l l LEFT RIGHT") == model[0]
        model.append(model.pop(0))
        assert call(lists, "LMOVE l l LEFT LEFT") == model[0]
        assert call(lists, "LMOVE l l RIGHT RIGHT") == model[-1]
    assert whole(lists, "l") == model
    lists.execute_command("RPUSH", "one", LONG)
    assert call(lists, "RPOPLPUSH one one") == LONG
    assert whole(lists, "one") == [LONG]


def test_lmove_takes_long_elements_along(lists: Any) -> None:
    model = [b"%d" % i + LONG for i in range(4)]
    lists.execute_command("RPUSH", "a", *model)
    lists.execute_command("RPUSH", "b", "x")
    for i in range(4):
        assert call(lists, "LMOVE a b LEFT RIGHT") == model[i]
    assert call(lists, "EXISTS a") == 0
    assert whole(lists, "b") == [b"x", *model]


def test_lmpop_pops_from_the_first_list_that_is_there(lists: Any) -> None:
    call(lists, "RPUSH a 1 2 3 4")
    call(lists, "RPUSH b x")
    assert call(lists, "LMPOP 2 none a LEFT") == [b"a", [b"1"]]
    assert call(lists, "LMPOP 3 none a b RIGHT COUNT 2") == [b"a", [b"4", b"3"]]
    assert call(lists, "LMPOP 2 b a left count 9") == [b"b", [b"x"]]
    assert call(lists, "LMPOP 1 none LEFT") is None
    lists.set("s", "x")
    assert error(lists, "LMPOP", 2, "s", "a", "LEFT") == WRONG_TYPE
    assert error(lists, "LMPOP", 0, "a", "LEFT") == "numkeys should be greater than 0"
    assert error(lists, "LMPOP", "x", "a", "LEFT") == "numkeys should be greater than 0"
    assert error(lists, "LMPOP", 1, "a", "LEFT", "COUNT", 0) == "count should be greater than 0"
    for tail in (
        (2, "a", "LEFT"),
        (1, "a", "UP"),
        (1, "a", "LEFT", "COUNT"),
        (1, "a", "LEFT", "X"),
    ):
        assert error(lists, "LMPOP", *tail) == SYNTAX
    assert error(lists, "LMPOP", 1, "a", "LEFT", "COUNT", 1, "COUNT", 1) == SYNTAX


def test_another_type_is_refused(r: Any) -> None:
    r.set("s", "x")
    call(r, "RPUSH l a")
    for line in (
        "LPUSH s a", "RPUSH s a", "LPUSHX s a", "RPUSHX s a", "LPOP s", "RPOP s 2", "LLEN s",
        "LRANGE s 0 1", "LINDEX s 0", "LSET s 0 a", "LTRIM s 0 1", "LREM s 0 a", "LPOS s a",
        "LINSERT s BEFORE a b", "LMOVE s l LEFT LEFT", "LMOVE l s LEFT LEFT", "RPOPLPUSH l s",
        "RPOPLPUSH s l",
    ):  # fmt: skip
        assert error(r, *line.split()) == WRONG_TYPE, line
    assert call(r, "LMOVE none s LEFT LEFT") is None
    assert whole(r, "l") == [b"a"]


# --- All together ---------------------------------------------------------------------------------


def element_of(rand: random.Random) -> bytes:
    word = b"%d" % rand.randrange(40)
    kind = rand.random()
    if kind < 0.02:
        return word + LONG[: rand.choice((32_760, 32_768, 33_000, 70_000))]
    if kind < 0.08:
        return word + MIDDLE[: rand.choice((230, 500, 955, 960, 1500))]
    return word * rand.choice((0, 1, 1, 1, 2, 10))


def step(r: Any, rand: random.Random, model: list[bytes]) -> None:
    """One random change, of both; what it returns is compared."""
    kind, element = rand.randrange(12), element_of(rand)
    at = rand.randrange(-len(model), len(model)) if model else 0
    many = rand.choice((1, 1, 3, 40))
    if kind < 3 or not model:
        added = [element_of(rand) for _ in range(many)]
        left = rand.random() < 0.5
        model[:] = [*added[::-1], *model] if left else [*model, *added]
        assert r.execute_command("LPUSH" if left else "RPUSH", "l", *added) == len(model)
    elif kind == 3:
        assert r.execute_command("LPOP", "l", many) == model[:many]
        del model[:many]
    elif kind == 4:
        assert r.execute_command("RPOP", "l", many) == model[-1 : -many - 1 : -1]
        del model[-many:]
    elif kind < 7:
        r.execute_command("LSET", "l", at, element)
        model[at] = element
    elif kind < 10:
        pivot, before = model[at], rand.random() < 0.5
        model.insert(model.index(pivot) + (not before), element)
        where = "BEFORE" if before else "AFTER"
        assert r.execute_command("LINSERT", "l", where, pivot, element) == len(model)
    elif kind == 10:
        count, gone = rand.choice((1, 2, -1, -2, 0)), model[at]
        places = [i for i, v in enumerate(model) if v == gone]
        places = places[count:] if count < 0 else places[: count or None]
        assert r.execute_command("LREM", "l", count, gone) == len(places)
        model[:] = [v for i, v in enumerate(model) if i not in places]
    elif rand.random() < 0.3:
        start, stop = rand.randrange(5), -1 - rand.randrange(5)
        r.execute_command("LTRIM", "l", start, stop)
        model[:] = model[start : len(model) + 1 + stop]
    else:
        assert r.execute_command("LMOVE", "l", "l", "LEFT", "RIGHT") == model[0]
        model.append(model.pop(0))


@pytest.mark.parametrize("seed", range(3))
def test_random_changes(lists: Any, seed: int) -> None:
    rand = random.Random(seed)
    model: list[bytes] = []
    for i in range(500):
        step(lists, rand, model)
        if i % 50 == 0 or not model:
            assert whole(lists, "l") == model
    assert whole(lists, "l") == model
    assert lists.execute_command("LLEN", "l") == len(model)
    assert lists.execute_command("COPY", "l", "copy") in (1, True)
    lists.execute_command("DEL", "l")
    assert whole(lists, "copy") == model


def test_a_reply_longer_than_memory_should_hold_is_streamed(r: Any) -> None:
    model = [b"%d" % i + b"x" * 100_000 for i in range(30)]
    r.execute_command("RPUSH", "l", *model)
    assert whole(r, "l") == model
    assert r.execute_command("LINDEX", "l", 15) == model[15]
    assert r.execute_command("LMPOP", 1, "l", "LEFT", "COUNT", 10) == [b"l", model[:10]]
    assert r.execute_command("RPOP", "l", 10) == model[:19:-1]
    assert r.execute_command("LPOP", "l") == model[10]
    assert whole(r, "l") == model[11:20]
    r.execute_command("RPUSH", "same", *[b"y"] * 30_000, *[b"z" * 90] * 4000)
    assert call(r, "LPOS same y COUNT 0") == list(range(30_000))
    assert len(call(r, "RPOP same 5000")) == 5000


# --- Encodings ------------------------------------------------------------------------------------


def encoding(r: Any, key: str) -> Any:
    return r.execute_command("OBJECT", "ENCODING", key)


@pytest.mark.parametrize("limit", [-2, -1, 128, 3, 0])
def test_the_encoding_follows_the_size(lists: Any, limit: int) -> None:
    """A listpack up to the limit, which what is added counts towards by its bytes alone; one again
    at half of it. The limit is one of bytes, or of entries in at most 8192 bytes."""
    before = setting(lists, "list-max-listpack-size", limit)
    most = {-1: 4096, -2: 8192}.get(limit, 8192)
    try:
        for element, entry in ENTRIES:
            fit = 1 + (most - 7 - len(element)) // entry
            half = (most // 2 - 7) // entry
            if limit >= 0:
                fit, half = min(fit, max(limit, 1)), min((most - 7) // entry, max(limit, 1) // 2)
            lists.execute_command("DEL", "l")
            while fit > lists.execute_command("LLEN", "l"):
                room = fit - lists.execute_command("LLEN", "l")
                lists.execute_command("RPUSH", "l", *[element] * max(room // 4, 1))
            assert encoding(lists, "l") == b"listpack"
            lists.execute_command("RPUSH", "l", element)
            assert encoding(lists, "l") == b"quicklist"
            if half > 0:
                lists.execute_command("RPOP", "l", fit - half)
                assert encoding(lists, "l") == b"quicklist"
                lists.execute_command("RPOP", "l")
                assert encoding(lists, "l") == b"listpack"
    finally:
        setting(lists, "list-max-listpack-size", before)


def test_a_long_element_left_alone_is_a_listpack_where_entries_are_counted(lists: Any) -> None:
    before = setting(lists, "list-max-listpack-size", 4)
    try:
        for size, kind in ((8192, b"listpack"), (8193, b"quicklist")):
            lists.execute_command("DEL", "l")
            lists.execute_command("RPUSH", "l", "x" * size, "a")
            assert encoding(lists, "l") == b"quicklist"
            lists.execute_command("RPOP", "l")
            assert encoding(lists, "l") == kind
    finally:
        setting(lists, "list-max-listpack-size", before)


# Elements, and the bytes that they take in a listpack.
ENTRIES = ((b"1", 2), (b"12345", 4), (b"x" * 61, 63), (b"1234567890123", 10), (b"y" * 200, 204))
