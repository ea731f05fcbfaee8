"""Commands on sets, small and large, with members of any length, however small an inline set may
be."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, arity_error, error

pytestmark = pytest.mark.tiny_buffer

POSITIVE = "value is out of range, must be positive"
LONG = (1006, 1007, 1008, 1009, 5000, 32_768, 32_769, 70_000)


@pytest.fixture(params=["", "0", "60"], autouse=True)
def inline_size(request: pytest.FixtureRequest, r: Any) -> Iterator[None]:
    """How large an inline set may be: as by default, none, or some members. A real server has no
    such setting."""
    name = "collection-inline-size"
    before = r.config_get(name).get(name)
    if not request.param or before is None:
        yield
        return
    r.config_set(name, request.param)
    yield
    r.config_set(name, before)


def members(r: Any, *call: Any) -> list[bytes]:
    """The members that a call returns, in order, each once."""
    reply = list(r.execute_command(*call))
    assert len(set(reply)) == len(reply)
    return sorted(reply)


def fill(r: Any, key: str, values: Any) -> set[bytes]:
    values = [str(value) for value in values]
    for at in range(0, len(values), 500):
        r.execute_command("SADD", key, *values[at : at + 500])
    return {value.encode() for value in values}


def encoding(r: Any, key: str) -> str:
    text: str = r.execute_command("OBJECT", "ENCODING", key).decode()
    return text


# --- Members in and out ---------------------------------------------------------------------------


def test_sadd_counts_the_members_that_are_new(r: Any) -> None:
    assert r.execute_command("SADD", "s", "a", "b", "a") == 2
    assert r.execute_command("SADD", "s", "b", "") == 1
    assert members(r, "SMEMBERS", "s") == [b"", b"a", b"b"]
    assert r.execute_command("SCARD", "s") == 3
    assert r.execute_command("TYPE", "s") in (b"set", "set")


def test_srem_counts_what_it_removes_and_the_last_takes_the_set_along(r: Any) -> None:
    fill(r, "s", "abc")
    assert r.execute_command("SREM", "s", "a", "a", "none") == 1
    assert r.execute_command("SREM", "s", "b", "c", "d") == 2
    assert r.execute_command("EXISTS", "s") == 0
    assert r.execute_command("SREM", "s", "a") == 0


def test_membership_of_one_and_of_several(r: Any) -> None:
    fill(r, "s", "ab")
    assert r.execute_command("SISMEMBER", "s", "a") in (1, True)
    assert r.execute_command("SISMEMBER", "s", "c") in (0, False)
    assert r.execute_command("SISMEMBER", "none", "c") in (0, False)
    assert r.execute_command("SMISMEMBER", "s", "c", "a", "a") == [0, 1, 1]
    assert r.execute_command("SMISMEMBER", "none", "c", "a") == [0, 0]
    assert r.execute_command("SCARD", "none") == 0
    assert members(r, "SMEMBERS", "none") == []


def test_smove_moves_a_member(r: Any) -> None:
    fill(r, "s", "ab")
    assert r.execute_command("SMOVE", "s", "t", "a") in (1, True)
    assert members(r, "SMEMBERS", "t") == [b"a"]
    assert r.execute_command("SMOVE", "s", "t", "a") in (0, False)
    assert r.execute_command("SMOVE", "s", "s", "b") in (1, True)
    assert r.execute_command("SMOVE", "s", "s", "x") in (0, False)
    assert r.execute_command("SMOVE", "s", "t", "b") in (1, True)
    assert r.execute_command("EXISTS", "s") == 0
    assert members(r, "SMEMBERS", "t") == [b"a", b"b"]
    fill(r, "s", "b")
    assert r.execute_command("SMOVE", "s", "t", "b") in (1, True)
    assert r.execute_command("SCARD", "t") == 2


def test_smove_looks_at_the_source_first(r: Any) -> None:
    r.set("string", "x")
    fill(r, "s", "a")
    assert r.execute_command("SMOVE", "none", "string", "a") in (0, False)
    assert error(r, "SMOVE", "s", "string", "a") == WRONG_TYPE
    assert error(r, "SMOVE", "string", "s", "a") == WRONG_TYPE
    assert r.execute_command("SCARD", "s") == 1


def test_another_type_is_refused(r: Any) -> None:
    r.set("string", "x")
    fill(r, "s", "a")
    for call in (
        ("SADD", "string", "a"), ("SREM", "string", "a"), ("SCARD", "string"),
        ("SISMEMBER", "string", "a"), ("SMISMEMBER", "string", "a"), ("SMEMBERS", "string"),
        ("SPOP", "string"), ("SPOP", "string", 1), ("SRANDMEMBER", "string"),
        ("SRANDMEMBER", "string", 1), ("SINTER", "s", "string"), ("SINTER", "none", "string"),
        ("SUNION", "string", "s"), ("SDIFF", "none", "string"), ("SINTERSTORE", "d", "string"),
        ("SUNIONSTORE", "d", "s", "string"), ("SDIFFSTORE", "d", "string", "s"),
        ("SINTERCARD", 1, "string"), ("SSCAN", "string", 0),
    ):  # fmt: skip
        assert error(r, *call) == WRONG_TYPE
    assert error(r, "SADD", "s") == arity_error("sadd")


# --- Encodings ------------------------------------------------------------------------------------


def test_the_encoding_follows_from_what_was_added(r: Any) -> None:
    fill(r, "s", range(512))
    assert encoding(r, "s") == "intset"
    fill(r, "s", [512])
    assert encoding(r, "s") == "hashtable"
    r.execute_command("SREM", "s", *range(500))
    assert encoding(r, "s") == "hashtable"
    fill(r, "small", range(127))
    fill(r, "small", ["a"])
    assert encoding(r, "small") == "listpack"
    fill(r, "small", ["b"])
    assert encoding(r, "small") == "hashtable"
    fill(r, "numbers", range(128))
    fill(r, "numbers", ["a"])
    assert encoding(r, "numbers") == "hashtable"
    fill(r, "long", ["x" * 64, 1])
    assert encoding(r, "long") == "listpack"
    fill(r, "long", ["x" * 65])
    assert encoding(r, "long") == "hashtable"


def test_the_encoding_follows_from_how_many_are_added_at_once(r: Any) -> None:
    r.execute_command("SADD", "same", *([1] * 513))
    assert encoding(r, "same") == "hashtable"
    r.execute_command("SADD", "text", *(["x"] * 129))
    assert encoding(r, "text") == "hashtable"
    r.execute_command("SADD", "n", 1)
    r.execute_command("SADD", "n", *([1] * 513))
    assert encoding(r, "n") == "hashtable"
    r.execute_command("SADD", "l", "x")
    r.execute_command("SADD", "l", *(["x"] * 129))
    assert encoding(r, "l") == "hashtable"
    r.execute_command("SADD", "mixed", 1, *(["x"] * 129))
    assert encoding(r, "mixed") == "listpack"


def test_results_have_the_encoding_that_redis_gives_them(r: Any) -> None:
    fill(r, "ints", range(400))
    fill(r, "more", range(300, 900))  # more than an intset holds
    fill(r, "texts", [f"t{i}" for i in range(100)])
    fill(r, "many", [f"t{i}" for i in range(50, 300)])
    fill(r, "both", [*range(50), *(f"t{i}" for i in range(50))])
    fill(r, "few", [1, 2, "t1"])
    fill(r, "long", ["x" * 65, 1, 2])
    expected = {
        ("SINTERSTORE", "ints", "more"): "intset",
        ("SINTERSTORE", "more", "more"): "hashtable",
        ("SINTERSTORE", "texts", "many"): "listpack",
        ("SINTERSTORE", "many", "many"): "hashtable",
        ("SINTERSTORE", "many", "texts"): "listpack",
        ("SINTERSTORE", "both", "ints"): "intset",
        ("SINTERSTORE", "long", "ints"): "intset",
        ("SINTERSTORE", "few", "both"): "listpack",
        ("SUNIONSTORE", "ints", "few"): "hashtable",
        ("SUNIONSTORE", "few", "texts"): "listpack",
        ("SUNIONSTORE", "few", "long"): "hashtable",
        ("SUNIONSTORE", "ints", "ints"): "intset",
        ("SUNIONSTORE", "ints", "more"): "hashtable",
        ("SDIFFSTORE", "more", "ints"): "intset",
        ("SDIFFSTORE", "more", "few"): "hashtable",
        ("SDIFFSTORE", "both", "ints"): "listpack",
        ("SDIFFSTORE", "long", "none"): "hashtable",
        ("SDIFFSTORE", "both", "texts"): "intset",
        ("SDIFFSTORE", "both", "few"): "listpack",
        ("SDIFFSTORE", "many", "texts", "few"): "hashtable",
    }
    for call, wanted in expected.items():
        r.execute_command(call[0], "d", *call[1:])
        assert (call, encoding(r, "d")) == (call, wanted)


# --- Random members -------------------------------------------------------------------------------


def test_spop_removes_what_it_returns(r: Any) -> None:
    left = fill(r, "s", [*range(40), *(f"member:{i}" for i in range(40))])
    while left:
        member = r.execute_command("SPOP", "s")
        assert member in left
        left.remove(member)
        assert r.execute_command("SCARD", "s") == len(left)
    assert r.execute_command("EXISTS", "s") == 0
    assert r.execute_command("SPOP", "s") is None


@pytest.mark.parametrize("size", [1, 5, 30, 1000, 3000])
def test_spop_with_a_count_removes_so_many(r: Any, size: int) -> None:
    left = fill(r, "s", (f"member:{i}" for i in range(size)))
    for count in (0, 1, size // 10, size // 3, size - 2, size - 1, size, size + 1):
        if count < 0:
            continue
        popped = members(r, "SPOP", "s", count)
        assert len(popped) == min(count, len(left))
        assert left.issuperset(popped)
        left.difference_update(popped)
        assert members(r, "SMEMBERS", "s") == sorted(left)
        assert r.execute_command("SCARD", "s") == len(left)
    assert r.execute_command("EXISTS", "s") == 0
    assert members(r, "SPOP", "s", 3) == []


def test_spop_and_srandmember_check_their_count_first(r: Any) -> None:
    r.set("string", "x")
    assert error(r, "SPOP", "string", -1) == POSITIVE
    assert error(r, "SPOP", "string", "x") == POSITIVE
    assert error(r, "SPOP", "string", 1, 2) == SYNTAX
    assert error(r, "SRANDMEMBER", "string", "x") == NOT_AN_INTEGER
    assert error(r, "SRANDMEMBER", "string", 1, 2) == SYNTAX
    least = -(1 << 63)
    assert error(r, "SRANDMEMBER", "string", least).startswith("value is out of range")


@pytest.mark.parametrize("size", [1, 5, 30, 1000])
def test_srandmember_returns_members_and_keeps_them(r: Any, size: int) -> None:
    all_members = fill(r, "s", (f"member:{i}" for i in range(size)))
    assert r.execute_command("SRANDMEMBER", "s") in all_members
    for count in (0, 1, 2, size // 10, size // 3, size - 1, size, size + 5):
        drawn = members(r, "SRANDMEMBER", "s", count)
        assert len(drawn) == min(count, size)
        assert all_members.issuperset(drawn)
    repeated = r.execute_command("SRANDMEMBER", "s", -3 * size)
    assert isinstance(repeated, list)
    assert len(repeated) == 3 * size
    assert all_members.issuperset(repeated)
    assert r.execute_command("SCARD", "s") == size


def test_readers_of_whole_sets_return_sets(r: Any) -> None:
    fill(r, "s", "ab")
    fill(r, "t", "b")
    assert set(r.execute_command("SMEMBERS", "s")) == {b"a", b"b"}
    assert set(r.execute_command("SINTER", "s", "t")) == {b"b"}
    assert set(r.execute_command("SUNION", "t", "s")) == {b"a", b"b"}
    assert set(r.execute_command("SDIFF", "s", "t")) == {b"a"}


def test_there_is_nothing_to_draw_from_nothing(r: Any) -> None:
    assert r.execute_command("SRANDMEMBER", "none") is None
    assert r.execute_command("SRANDMEMBER", "none", 3) == []
    assert r.execute_command("SRANDMEMBER", "none", -3) == []
    fill(r, "s", "a")
    assert r.execute_command("SRANDMEMBER", "s", 0) == []


def test_draws_of_more_than_memory_should_hold_are_streamed(r: Any) -> None:
    all_members = fill(r, "s", (f"{i}".ljust(1000, "x") for i in range(1200)))
    for count in (-900, 350, 900, 1200):
        drawn = r.execute_command("SRANDMEMBER", "s", count)
        assert len(drawn) == abs(count)
        assert all_members.issuperset(drawn)
        if count > 0:
            assert len(set(drawn)) == count
    popped = members(r, "SPOP", "s", 900)
    assert r.execute_command("SCARD", "s") == 300
    assert members(r, "SPOP", "s", 500) == sorted(all_members.difference(popped))


# --- Several sets ---------------------------------------------------------------------------------

OPERATIONS: dict[str, Any] = {
    "INTER": lambda sets: set.intersection(*sets),
    "UNION": lambda sets: set.union(*sets),
    "DIFF": lambda sets: sets[0].difference(*sets[1:]),
}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_made_of_several_sets(r: Any, seed: int) -> None:
    rand = random.Random(seed)
    sets: dict[str, set[bytes]] = {"none": set()}
    for key, size in (("a", 3), ("b", 30), ("c", 300), ("d", 1500), ("e", 1200)):
        chosen = rand.sample(range(size * 2 if size < 1000 else 2000), size)
        values = [f"m{i}" if i % 5 else str(i) for i in chosen]
        values += [f"{i}".ljust(rand.choice(LONG), "y") for i in rand.sample(range(6), 3)]
        sets[key] = fill(r, key, values)
    for _ in range(25):
        keys = rand.choices("abcde", k=rand.randrange(1, 5))
        if rand.random() < 0.1:
            keys.append("none")
        name, make = rand.choice(list(OPERATIONS.items()))
        expected = make([sets[key] for key in keys])
        assert members(r, f"S{name}", *keys) == sorted(expected)
        if name == "INTER":
            limit = rand.choice((0, 1, 5, 10_000))
            card = len(expected) if limit == 0 else min(limit, len(expected))
            assert r.execute_command("SINTERCARD", len(keys), *keys, "LIMIT", limit) == card
            assert r.execute_command("SINTERCARD", len(keys), *keys) == len(expected)
        destination = rand.choice([*keys, "new"])
        if destination != "none" and (destination == "new" or rand.random() < 0.3):
            stored = r.execute_command(f"S{name}STORE", destination, *keys)
            assert stored == len(expected)
            sets[destination] = set(expected)
            assert members(r, "SMEMBERS", destination) == sorted(expected)
            assert r.execute_command("SCARD", destination) == len(expected)


def test_a_result_replaces_what_is_there(r: Any) -> None:
    fill(r, "s", "abc")
    r.set("string", "x", ex=100)
    assert r.execute_command("SUNIONSTORE", "string", "s") == 3
    assert r.execute_command("TTL", "string") == -1
    r.set("string", "x")
    assert r.execute_command("SINTERSTORE", "string", "s", "none") == 0
    assert r.execute_command("EXISTS", "string") == 0
    assert r.execute_command("SDIFFSTORE", "s", "s", "s") == 0
    assert r.execute_command("EXISTS", "s") == 0


def test_sintercard_checks_its_arguments_before_the_keys(r: Any) -> None:
    r.set("string", "x")
    assert error(r, "SINTERCARD", 0, "string") == "numkeys should be greater than 0"
    assert error(r, "SINTERCARD", "x", "string") == "numkeys should be greater than 0"
    too_many = "Number of keys can't be greater than number of args"
    assert error(r, "SINTERCARD", 2, "string") == too_many
    assert error(r, "SINTERCARD", 1, "string", "LIMIT") == SYNTAX
    assert error(r, "SINTERCARD", 1, "string", "other", 1) == SYNTAX
    assert error(r, "SINTERCARD", 1, "string", "LIMIT", -1) == "LIMIT can't be negative"
    assert error(r, "SINTERCARD", 1, "string", "LIMIT", "x") == "LIMIT can't be negative"
    assert r.execute_command("SINTERCARD", 1, "none", "LIMIT", 1, "limit", 2) == 0


def test_results_of_more_than_memory_should_hold_are_streamed(r: Any) -> None:
    a = fill(r, "a", (f"{i}".ljust(1000, "x") for i in range(700)))
    b = fill(r, "b", (f"{i}".ljust(1000, "x") for i in range(200, 900)))
    small = fill(r, "small", "xyz")
    assert members(r, "SMEMBERS", "a") == sorted(a)
    assert members(r, "SINTER", "a", "b") == sorted(a & b)
    assert members(r, "SUNION", "a", "small", "b") == sorted(a | b | small)
    assert members(r, "SDIFF", "a", "small", "none") == sorted(a)
    assert members(r, "SDIFF", "a", "b") == sorted(a - b)
    long = "z" * 300_000
    r.execute_command("SADD", "small", long)
    assert members(r, "SUNION", "small", "small") == sorted({*small, long.encode()})
    assert r.execute_command("SRANDMEMBER", "small", 4).count(long.encode()) == 1
    assert r.execute_command("SUNIONSTORE", "copy", "small", "a") == 704
    assert r.execute_command("SISMEMBER", "copy", long) in (1, True)
    r.execute_command("SREM", "small", "x", "y", "z")
    assert r.execute_command("SPOP", "small") == long.encode()
    assert r.execute_command("EXISTS", "small") == 0


# --- SSCAN ----------------------------------------------------------------------------------------


def scan(r: Any, key: str, *options: Any) -> list[bytes]:
    found: list[bytes] = []
    cursor: Any = 0
    while True:
        cursor, some = r.execute_command("SSCAN", key, cursor, *options)
        found += some
        if int(cursor) == 0:
            return found


def test_sscan_goes_over_every_member_once(r: Any) -> None:
    values = [*(f"member:{i}" for i in range(900)), *("x" * size for size in LONG)]
    all_members = fill(r, "s", values)
    for options in ((), ("COUNT", 1), ("COUNT", 100), ("COUNT", 10_000)):
        assert set(scan(r, "s", *options)) == all_members
    assert set(scan(r, "s", "MATCH", "*7")) == {m for m in all_members if m.endswith(b"7")}
    cursor, found = r.execute_command("SSCAN", "s", (1 << 64) - 1)
    assert int(cursor) == 0 or found
    small = fill(r, "small", [3, 1, 2])
    assert set(scan(r, "small", "COUNT", 1)) == small


def test_sscan_meets_what_stays_while_others_come_and_go(r: Any) -> None:
    stays = fill(r, "s", (f"member:{i}" for i in range(600)))
    fill(r, "s", (f"goes:{i}" for i in range(600)))
    found: set[bytes] = set()
    cursor: Any = 0
    for step in range(10_000):
        cursor, some = r.execute_command("SSCAN", "s", cursor, "COUNT", 20)
        found.update(some)
        r.execute_command("SREM", "s", *(f"goes:{i}" for i in range(step * 10, step * 10 + 10)))
        r.execute_command("SADD", "s", f"comes:{step}")
        if int(cursor) == 0:
            break
    assert found.issuperset(stays)


def test_sscan_checks_cursor_key_and_options_in_this_order(r: Any) -> None:
    r.set("string", "x")
    fill(r, "s", "a")
    assert error(r, "SSCAN", "string", "x") == "invalid cursor"
    assert error(r, "SSCAN", "string", 0, "COUNT", 0) == WRONG_TYPE
    assert error(r, "SSCAN", "s", 0, "COUNT", 0) == SYNTAX
    assert error(r, "SSCAN", "s", 0, "COUNT", "x") == NOT_AN_INTEGER
    cursor, found = r.execute_command("SSCAN", "none", 7, "COUNT", 0)
    assert (int(cursor), list(found)) == (0, [])


# --- All together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_of_sets_that_grow_and_shrink(r: Any, seed: int) -> None:
    rand = random.Random(seed)
    model: set[bytes] = set()
    numbers = seed == 0
    for _ in range(400):
        value = b"%d" % rand.randrange(-60, 60) if numbers else b"m%d" % rand.randrange(120)
        if not numbers and rand.random() < 0.05:
            value = b"M" * rand.choice(LONG) + value
        if rand.random() < 0.6:
            assert r.execute_command("SADD", "s", value) == (value not in model)
            model.add(value)
        else:
            assert r.execute_command("SREM", "s", value) == (value in model)
            model.discard(value)
        if rand.random() < 0.05:
            assert members(r, "SMEMBERS", "s") == sorted(model)
    assert members(r, "SMEMBERS", "s") == sorted(model)
    assert r.execute_command("COPY", "s", "copy") in (1, True)
    r.execute_command("DEL", "s")
    assert members(r, "SMEMBERS", "copy") == sorted(model)
    assert encoding(r, "copy") == ("intset" if numbers else "hashtable")
