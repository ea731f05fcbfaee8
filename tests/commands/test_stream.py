"""Commands on the entries of streams: adding, reading, trimming, and what XINFO says of them."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, arity_error, error

pytestmark = pytest.mark.tiny_buffer

BAD_ID = "Invalid stream ID specified as stream command argument"
TOO_SMALL = "The ID specified in XADD is equal or smaller than the target stream top item"
Entry = tuple[bytes, dict[bytes, bytes]]


def add(r: Any, name: str, *ids: str) -> None:
    for id in ids:
        assert r.xadd(name, {"f": id}, id=id) == id.encode()


def ids(reply: Any) -> list[bytes]:
    return [id for id, _ in reply]


def by_name(reply: Any) -> dict[bytes, Any]:
    """XREAD's reply: a list of names and entries, or in RESP3 a dict (of lists of them)."""
    if isinstance(reply, dict):
        return {k: v[0] if v and isinstance(v[0], list) else v for k, v in reply.items()}
    return dict(reply or [])


def plain(reply: Any) -> dict[bytes, Any]:
    """XINFO's reply without redis-py's parsers: pairs in a list, or a dict."""
    if isinstance(reply, dict):
        return {k.encode() if isinstance(k, str) else k: v for k, v in reply.items()}
    return dict(zip(reply[::2], reply[1::2], strict=True))


def info(r: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = r.xinfo_stream(name)
    return found


# --- XADD -----------------------------------------------------------------------------------------


def test_an_id_is_the_time_and_a_number_and_ids_grow(r: Any) -> None:
    first, second = (r.xadd("s", {"a": 1}) for _ in range(2))
    assert re.fullmatch(rb"\d{13}-\d+", first)
    assert tuple(map(int, first.split(b"-"))) < tuple(map(int, second.split(b"-")))
    add(r, "s", "9999999999999-5")
    assert r.xadd("s", {"a": 1}) == b"9999999999999-6"
    assert r.xlen("s") == 4
    assert r.type("s") == b"stream"


def test_explicit_ids_must_be_above_the_last_one(r: Any) -> None:
    add(r, "s", "5-3", "5-4")
    assert error(r, "XADD", "s", "5-4", "a", 1) == TOO_SMALL
    assert error(r, "XADD", "s", "4", "a", 1) == TOO_SMALL
    assert error(r, "XADD", "s", "4-*", "a", 1) == TOO_SMALL
    assert r.xadd("s", {"a": 1}, id="5-*") == b"5-5"
    assert r.xadd("s", {"a": 1}, id="6-*") == b"6-0"
    assert r.xadd("s", {"a": 1}, id="7") == b"7-0"
    assert r.xadd("t", {"a": 1}, id="0-*") == b"0-1"
    assert error(r, "XADD", "u", "0-0", "a", 1) == (
        "The ID specified in XADD must be greater than 0-0"
    )
    assert r.exists("u") == 0


@pytest.mark.parametrize("id", ["x", "1-", "-", "+", "1-2-3", "18446744073709551616", ""])
def test_what_is_no_id_is_refused(r: Any, id: str) -> None:
    assert error(r, "XADD", "s", id, "a", 1) == BAD_ID
    add(r, "s", "1-1")
    assert error(r, "XDEL", "s", id) == BAD_ID


def test_the_last_possible_id(r: Any) -> None:
    last = "18446744073709551615-18446744073709551615"
    add(r, "s", last)
    assert error(r, "XADD", "s", "*", "a", 1) == (
        "The stream has exhausted the last possible ID, unable to add more items"
    )
    assert ids(r.xrange("s")) == [last.encode()]
    assert error(r, "XRANGE", "s", f"({last}", "+") == "invalid start ID for the interval"
    assert error(r, "XRANGE", "s", "-", "(0-0") == "invalid end ID for the interval"


def test_fields_come_in_pairs_keep_their_order_and_may_come_twice(r: Any) -> None:
    assert error(r, "XADD", "s", "1", "a") == arity_error("xadd")
    assert error(r, "XADD", "s", "1", "a", 1, "b") == arity_error("xadd")
    r.execute_command("XADD", "s", "1", "z", 1, "a", 2, "z", "", "", 3)
    (entry,) = r.xrange("s")
    assert entry[1] == {b"z": b"", b"a": b"2", b"": b"3"}
    assert list(entry[1]) == [b"z", b"a", b""]


def test_nomkstream_makes_no_stream(r: Any) -> None:
    assert r.xadd("s", {"a": 1}, nomkstream=True) is None
    assert r.exists("s") == 0
    add(r, "s", "1-1")
    assert r.xadd("s", {"a": 1}, id="2-1", nomkstream=True) == b"2-1"


def test_another_type_is_refused(r: Any) -> None:
    r.set("k", "x")
    for call in (
        ("XADD", "k", "*", "a", 1), ("XLEN", "k"), ("XRANGE", "k", "-", "+"), ("XDEL", "k", "1"),
        ("XTRIM", "k", "MAXLEN", 1), ("XREAD", "STREAMS", "k", "0"), ("XSETID", "k", "1"),
        ("XINFO", "STREAM", "k"), ("XREVRANGE", "k", "+", "-"),
    ):  # fmt: skip
        assert error(r, *call) == WRONG_TYPE


# --- Reading --------------------------------------------------------------------------------------


def test_ranges_of_ids_from_either_end(r: Any) -> None:
    add(r, "s", "1-1", "1-2", "2-0", "3-0")
    assert ids(r.xrange("s")) == [b"1-1", b"1-2", b"2-0", b"3-0"]
    assert ids(r.xrange("s", "1", "1")) == [b"1-1", b"1-2"]
    assert ids(r.xrange("s", "(1-1", "(3-0")) == [b"1-2", b"2-0"]
    assert ids(r.xrange("s", "-", "+", count=2)) == [b"1-1", b"1-2"]
    assert ids(r.xrevrange("s", "+", "(1-1", count=2)) == [b"3-0", b"2-0"]
    assert ids(r.xrevrange("s", "2", "-")) == [b"2-0", b"1-2", b"1-1"]
    assert r.xrange("s", "5", "4") == [] == r.xrange("none")
    assert not r.execute_command("XRANGE", "s", "-", "+", "COUNT", 0)
    assert error(r, "XRANGE", "s", "-", "+", "COUNT", "x") == NOT_AN_INTEGER
    assert error(r, "XRANGE", "s", "-", "+", "COUNT") == SYNTAX
    assert error(r, "XRANGE", "s", "(-", "+") == BAD_ID


def test_xread_reads_what_is_new_in_several_streams(r: Any) -> None:
    add(r, "s", "1-0", "2-0")
    add(r, "t", "1-5")
    found = by_name(r.xread({"s": "1-0", "t": "0", "none": "0"}))
    assert {name: ids(entries) for name, entries in found.items()} == {
        b"s": [b"2-0"],
        b"t": [b"1-5"],
    }
    assert by_name(r.xread({"s": "2-0", "t": "1-5"})) == {}
    assert by_name(r.xread({"s": "$"})) == {}
    assert ids(by_name(r.xread({"s": "0"}, count=1))[b"s"]) == [b"1-0"]
    assert ids(by_name(r.xread({"s": "+"}, count=1))[b"s"]) == [b"2-0"]
    assert by_name(r.xread({"s": "0"}, block=1)).keys() == {b"s"}


def test_xread_says_what_is_wrong(r: Any) -> None:
    assert error(r, "XREAD", "STREAMS", "s", "t", "0") == (
        "Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be"
        " specified."
    )
    assert error(r, "XREAD", "COUNT", 1, "BLOCK", 0) == SYNTAX
    assert error(r, "XREAD", "BLOCK", -1, "STREAMS", "s", "0") == "timeout is negative"
    assert error(r, "XREAD", "BLOCK", "x", "STREAMS", "s", "0") == (
        "timeout is not an integer or out of range"
    )
    assert error(r, "XREAD", "NOACK", "STREAMS", "s", "0").startswith("The NOACK option is only")
    assert error(r, "XREAD", "GROUP", "g", "c", "STREAMS", "s", "0").startswith("The GROUP option")
    assert error(r, "XREAD", "STREAMS", "s", ">").startswith("The > ID can be specified only when")


def test_within_a_transaction_xread_never_waits(r: Any) -> None:
    with r.pipeline() as p:
        p.xread({"s": "0"}, block=0)
        p.xadd("s", {"a": 1}, id="1-1")
        p.xread({"s": "0"}, block=0)
        nothing, _, something = p.execute()
    assert by_name(nothing) == {}
    assert ids(by_name(something)[b"s"]) == [b"1-1"]


def test_entries_of_any_size_and_replies_longer_than_memory_should_hold(r: Any) -> None:
    rand = random.Random(1)
    expected = []
    for i in range(1, 40):
        size = rand.choice((0, 1, 300, 32_760, 40_000, 65_280, 200_000))
        fields = {b"f": b"x" * size, b"g" * rand.choice((1, 300, 33_000)): b"y", b"": b"z" * i}
        r.xadd("s", fields, id=f"{i}-0")
        expected.append((b"%d-0" % i, fields))
    assert r.xrange("s") == expected
    assert r.xrevrange("s") == expected[::-1]
    assert by_name(r.xread({"s": "0", "none": "0"})) == {b"s": expected}
    assert r.xinfo_stream("s")["last-entry"] == expected[-1]
    r.xdel("s", "20-0")
    del expected[19]
    assert r.copy("s", "t")
    r.delete("s")
    assert r.xrange("t") == expected


# --- Deleting -------------------------------------------------------------------------------------


def test_a_stream_without_entries_stays_a_key(r: Any) -> None:
    add(r, "s", "1-0", "2-0")
    assert r.xdel("s", "1-0", "1-0", "9-9", "2-0") == 2
    assert r.xlen("s") == 0
    assert r.exists("s") == 1
    assert error(r, "XADD", "s", "2-0", "a", 1) == TOO_SMALL
    assert r.xdel("none", "1-0") == 0


def test_trimming_by_length_and_by_id(r: Any) -> None:
    add(r, "s", *(f"{i}-0" for i in range(1, 11)))
    assert r.xtrim("s", maxlen=8, approximate=False) == 2
    assert r.xtrim("s", minid="5", approximate=False) == 2
    assert r.xtrim("s", minid="5-0", approximate=False) == 0
    assert ids(r.xrange("s"))[0] == b"5-0"
    r.xadd("s", {"a": 1}, id="11-0", maxlen=3, approximate=False)
    assert ids(r.xrange("s")) == [b"9-0", b"10-0", b"11-0"]
    r.xadd("s", {"a": 1}, id="12-0", minid="11", approximate=False)
    assert ids(r.xrange("s")) == [b"11-0", b"12-0"]
    assert r.xtrim("s", maxlen=0, approximate=False) == 2
    assert r.exists("s") == 1
    assert r.xtrim("none", maxlen=0) == 0


def test_trimming_about_goes_by_whole_nodes_and_is_limited(r: Any) -> None:
    """Entries are small and none was deleted: then the nodes of 100 are Redis's as well."""
    with r.pipeline() as p:
        for i in range(1, 1051):
            p.xadd("s", {"a": 1}, id=f"{i}-0")
        p.execute()
    assert r.xtrim("s", maxlen=1001) == 0
    assert r.xtrim("s", maxlen=900) == 100
    assert r.xtrim("s", minid="301-0") == 200
    assert r.xtrim("s", minid="399-0") == 0
    assert r.xtrim("s", maxlen=0, limit=250) == 200
    assert r.xtrim("s", maxlen=0, limit=99) == 0
    assert r.xtrim("s", minid="9999", limit=0) == 550
    assert r.xlen("s") == 0


def test_trimming_says_what_is_wrong(r: Any) -> None:
    both = "syntax error, MAXLEN and MINID options at the same time are not compatible"
    assert error(r, "XADD", "s", "MAXLEN", 1, "MINID", 1, "*", "a", 1) == both
    assert error(r, "XTRIM", "s", "MAXLEN", -1) == "The MAXLEN argument must be >= 0."
    assert error(r, "XTRIM", "s", "MAXLEN", "~", 1, "LIMIT", -1) == (
        "The LIMIT argument must be >= 0."
    )
    assert error(r, "XTRIM", "s", "MAXLEN", 1, "LIMIT", 1) == (
        "syntax error, LIMIT cannot be used without the special ~ option"
    )
    assert error(r, "XTRIM", "s", "LIMIT", 1) == (
        "syntax error, LIMIT cannot be used without specifying a trimming strategy"
    )
    assert error(r, "XTRIM", "s", "LIMIT", 0) == (
        "syntax error, XTRIM must be called with a trimming strategy"
    )
    assert error(r, "XTRIM", "s", "MAXLEN", 1, "x") == SYNTAX
    assert error(r, "XTRIM", "s", "MINID", "x") == BAD_ID
    assert error(r, "XADD", "s", "MAXLEN", "x", "*", "a", 1) == NOT_AN_INTEGER


# --- XSETID and XINFO -----------------------------------------------------------------------------


def test_xinfo_keeps_count_of_what_was_added_and_deleted(r: Any) -> None:
    add(r, "s", "1-0", "2-0", "3-0", "4-0")
    r.xdel("s", "1-0", "3-0")
    found = info(r, "s")
    assert (found["length"], found["entries-added"], found["groups"]) == (2, 4, 0)
    assert found["last-generated-id"] == b"4-0"
    assert found["max-deleted-entry-id"] == b"3-0"
    assert found["recorded-first-entry-id"] == b"2-0"
    assert found["first-entry"] == (b"2-0", {b"f": b"2-0"})
    assert found["last-entry"] == (b"4-0", {b"f": b"4-0"})
    r.xtrim("s", maxlen=0, approximate=False)
    found = info(r, "s")
    assert (found["length"], found["entries-added"]) == (0, 4)
    assert found["recorded-first-entry-id"] == b"0-0"
    assert found["first-entry"] is None and found["last-entry"] is None


def test_xsetid_sets_what_xinfo_says(r: Any) -> None:
    assert error(r, "XSETID", "s", "1-0") == "no such key"
    add(r, "s", "5-0")
    r.execute_command("XSETID", "s", "9-0", "ENTRIESADDED", 100, "MAXDELETEDID", "7-0")
    found = info(r, "s")
    assert (found["last-generated-id"], found["entries-added"]) == (b"9-0", 100)
    assert found["max-deleted-entry-id"] == b"7-0"
    add(r, "s", "9-1")
    assert error(r, "XSETID", "s", "9-0") == (
        "The ID specified in XSETID is smaller than the target stream top item"
    )
    assert error(r, "XSETID", "s", "10", "ENTRIESADDED", 1) == (
        "The entries_added specified in XSETID is smaller than the target stream length"
    )
    assert error(r, "XSETID", "s", "6") == (
        "The ID specified in XSETID is smaller than current max_deleted_entry_id"
    )
    assert error(r, "XSETID", "s", "10", "MAXDELETEDID", "11") == (
        "The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
    )
    assert error(r, "XSETID", "s", "10", "ENTRIESADDED", -1) == "entries_added must be positive"
    assert error(r, "XSETID", "s", "10", "x") == SYNTAX


def test_an_id_that_was_set_back_may_come_again(r: Any) -> None:
    add(r, "s", "1-0", "2-0", "3-0")
    r.xtrim("s", maxlen=0, approximate=False)
    r.execute_command("XSETID", "s", "1-0")
    add(r, "s", "2-0", "3-0", "4-0")
    assert ids(r.xrange("s")) == [b"2-0", b"3-0", b"4-0"]
    assert r.xdel("s", "2-0", "3-0") == 2
    assert ids(r.xrange("s")) == [b"4-0"]


def test_xinfo_stream_full_lists_entries_up_to_count(r: Any) -> None:
    add(r, "s", *(f"{i}-0" for i in range(1, 16)))
    assert len(r.xinfo_stream("s", full=True)["entries"]) == 10
    for count, expected in ((3, 3), (0, 15), (-5, 10)):
        found = plain(r.execute_command("XINFO", "STREAM", "s", "FULL", "COUNT", count))
        assert len(found[b"entries"]) == expected
    wrong = "unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP."
    assert error(r, "XINFO", "STREAM", "s", "FULLL") == wrong
    assert error(r, "XINFO", "STREAM", "s", "FULL", "COUNT") == wrong
    assert error(r, "XINFO", "STREAM", "none") == "no such key"
    assert r.execute_command("XINFO", "HELP")[0].startswith(b"XINFO <subcommand>")


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_of_a_stream_agree_with_a_model(r: Any, seed: int) -> None:
    rand = random.Random(seed)
    model: dict[int, dict[bytes, bytes]] = {}
    last = 0
    for _ in range(300):
        draw = rand.random()
        if draw < 0.6:
            last += rand.randint(1, 3)
            long = rand.random() < 0.02
            model[last] = {b"f%d" % i: b"v" * (33_000 if long else i) for i in range(3)}
            r.xadd("s", model[last], id=f"{last}-0")
        elif draw < 0.8:
            victim = rand.randint(1, last + 1)
            assert r.xdel("s", f"{victim}-0") == (model.pop(victim, None) is not None)
        elif draw < 0.85:
            keep = rand.randint(0, len(model))
            gone = sorted(model)[: len(model) - keep]
            assert r.xtrim("s", maxlen=keep, approximate=False) == len(gone)
            for id in gone:
                del model[id]
        else:
            low = rand.randint(0, last)
            high = low + rand.randint(0, 20)
            expected = [(b"%d-0" % id, model[id]) for id in sorted(model) if low <= id <= high]
            assert r.xrange("s", low, high) == expected
            assert r.xrevrange("s", high, low) == expected[::-1]
    assert r.xlen("s") == len(model)
    assert r.xrange("s") == [(b"%d-0" % id, model[id]) for id in sorted(model)]
